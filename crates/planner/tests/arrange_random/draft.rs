//! Random clusters: a draft of numbers that shrinks well, and what is built from it.
//!
//! A draft may ask for nonsense; building takes every number modulo what there is, and
//! leaves out what contradicts itself: the planner is told only what could be told by a
//! configuration that was accepted and by nodes that report what they see. So orders and
//! colocations make no circles, nothing is found on a node that has left in peace or was
//! never seen, only what can move live is found half way, and a stop that is under way is
//! one of something that is still active.

use proptest::prelude::*;
use proptest::sample::select;

/// A top resource, and one of what is in it (0: itself).
pub type Pick = (usize, usize);

fn pick() -> impl Strategy<Value = Pick> {
    (0..10_usize, 0..6_usize)
}

/// A whole cluster.
#[derive(Debug, Clone)]
pub struct Draft {
    pub policy: PolicyDraft,
    pub nodes: Vec<NodeDraft>,
    pub tops: Vec<TopDraft>,
    pub relations: Vec<RelationDraft>,
    pub found: Vec<FoundDraft>,
    pub failures: Vec<(Pick, usize, u8)>,
    pub promotions: Vec<(Pick, usize, i16)>,
    pub tickets: Vec<u8>,
}

/// Mostly the defaults.
#[derive(Debug, Clone)]
pub struct PolicyDraft {
    pub no_quorum_now: bool,
    pub no_quorum: u8,
    pub placement: u8,
    pub no_fencing: bool,
    pub no_startup_fencing: bool,
    pub opt_in: bool,
    pub rare: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    Online,
    Standby,
    Maintenance,
    Shutdown,
    Left,
    Lost,
    UncleanMember,
    Pending,
    Unseen,
    Asked,
    NoResources,
    Unhealthy,
}

#[derive(Debug, Clone)]
pub struct NodeDraft {
    /// Shrinks to false: the node is left out, and all that speaks of it.
    pub there: bool,
    pub condition: Condition,
    pub rack: u8,
    pub capacity: i64,
}

#[derive(Debug, Clone)]
pub struct TopDraft {
    /// Shrinks to false: it is left out, and all that speaks of it.
    pub there: bool,
    pub shape: Shape,
    pub settings: SettingsDraft,
    /// Of the clone, if it is one.
    pub rules: RulesDraft,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Single,
    Group { members: usize, loose: u8 },
    Clone,
    CloneOfGroup { members: usize },
    Removed,
}

#[derive(Debug, Clone)]
pub struct SettingsDraft {
    pub priority: i16,
    pub stickiness: u8,
    pub target: u8,
    pub rare: u8,
    pub twice: u8,
    pub requires: u8,
    pub failures_max: u8,
    pub needs: i64,
    pub live: bool,
}

#[derive(Debug, Clone)]
pub struct RulesDraft {
    pub max: u8,
    pub unique: bool,
    pub per_node: u8,
    pub interleave: bool,
    pub one_by_one: bool,
    pub enough: u8,
    pub promoted: u8,
}

#[derive(Debug, Clone)]
pub struct RelationDraft {
    pub kind: u8,
    pub one: Pick,
    pub other: Pick,
    pub third: Pick,
    pub node: usize,
    pub score: i16,
    pub variant: u8,
    pub role: u8,
}

#[derive(Debug, Clone)]
pub struct FoundDraft {
    /// Whether everything in a top resource is there, or one part of it.
    pub whole: bool,
    pub what: Pick,
    pub node: usize,
    pub leads: bool,
    pub failed: u8,
    pub answer: u8,
    pub under_way: u8,
    pub target: usize,
}

pub fn draft() -> impl Strategy<Value = Draft> {
    (
        policy(),
        prop::collection::vec(node(), 1..=6),
        prop::collection::vec(top(), 1..=10),
        prop::collection::vec(relation(), 0..=8),
        prop::collection::vec(found(), 0..=14),
        prop::collection::vec((pick(), 0..6_usize, 0..8_u8), 0..=3),
        prop::collection::vec((pick(), 0..6_usize, -20..200_i16), 0..=5),
        prop::collection::vec(0..6_u8, 0..=2),
    )
        .prop_map(
            |(policy, nodes, tops, relations, found, failures, promotions, tickets)| Draft {
                policy,
                nodes,
                tops,
                relations,
                found,
                failures,
                promotions,
                tickets,
            },
        )
}

fn there() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.98)
}

fn policy() -> impl Strategy<Value = PolicyDraft> {
    (
        prop::bool::weighted(0.15),
        0..8_u8,
        0..8_u8,
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.1),
        0..40_u8,
    )
        .prop_map(
            |(
                no_quorum_now,
                no_quorum,
                placement,
                no_fencing,
                no_startup_fencing,
                opt_in,
                rare,
            )| {
                PolicyDraft {
                    no_quorum_now,
                    no_quorum,
                    placement,
                    no_fencing,
                    no_startup_fencing,
                    opt_in,
                    rare,
                }
            },
        )
}

fn node() -> impl Strategy<Value = NodeDraft> {
    let condition = prop_oneof![
        30 => Just(Condition::Online),
        3 => Just(Condition::Standby),
        2 => Just(Condition::Maintenance),
        2 => Just(Condition::Shutdown),
        3 => Just(Condition::Left),
        4 => Just(Condition::Lost),
        1 => Just(Condition::UncleanMember),
        1 => Just(Condition::Pending),
        1 => Just(Condition::Unseen),
        1 => Just(Condition::Asked),
        1 => Just(Condition::NoResources),
        1 => Just(Condition::Unhealthy),
    ];
    (there(), condition, 0..4_u8, 0..12_i64).prop_map(|(there, condition, rack, capacity)| {
        NodeDraft {
            there,
            condition,
            rack,
            capacity,
        }
    })
}

fn top() -> impl Strategy<Value = TopDraft> {
    let shape = prop_oneof![
        8 => Just(Shape::Single),
        5 => (1..=4_usize, 0..10_u8).prop_map(|(members, loose)| Shape::Group { members, loose }),
        4 => Just(Shape::Clone),
        2 => (1..=3_usize).prop_map(|members| Shape::CloneOfGroup { members }),
        1 => Just(Shape::Removed),
    ];
    (there(), shape, settings(), rules()).prop_map(|(there, shape, settings, rules)| TopDraft {
        there,
        shape,
        settings,
        rules,
    })
}

fn settings() -> impl Strategy<Value = SettingsDraft> {
    (
        select(vec![0_i16, 0, 0, 1, 5, 10, -5]),
        select(vec![0_u8, 0, 1, 100]),
        0..10_u8,
        0..40_u8,
        0..8_u8,
        0..8_u8,
        0..6_u8,
        0..5_i64,
        prop::bool::weighted(0.2),
    )
        .prop_map(
            |(priority, stickiness, target, rare, twice, requires, failures_max, needs, live)| {
                SettingsDraft {
                    priority,
                    stickiness,
                    target,
                    rare,
                    twice,
                    requires,
                    failures_max,
                    needs,
                    live,
                }
            },
        )
}

fn rules() -> impl Strategy<Value = RulesDraft> {
    (
        0..6_u8,
        prop::bool::weighted(0.2),
        1..=2_u8,
        any::<bool>(),
        prop::bool::weighted(0.2),
        0..10_u8,
        0..4_u8,
    )
        .prop_map(
            |(max, unique, per_node, interleave, one_by_one, enough, promoted)| RulesDraft {
                max,
                unique,
                per_node,
                interleave,
                one_by_one,
                enough,
                promoted,
            },
        )
}

fn relation() -> impl Strategy<Value = RelationDraft> {
    (
        0..12_u8,
        pick(),
        pick(),
        pick(),
        0..6_usize,
        -200..300_i16,
        0..24_u8,
        0..12_u8,
    )
        .prop_map(
            |(kind, one, other, third, node, score, variant, role)| RelationDraft {
                kind,
                one,
                other,
                third,
                node,
                score,
                variant,
                role,
            },
        )
}

fn found() -> impl Strategy<Value = FoundDraft> {
    (
        prop::bool::weighted(0.6),
        pick(),
        0..6_usize,
        prop::bool::weighted(0.3),
        0..40_u8,
        0..10_u8,
        0..40_u8,
        0..6_usize,
    )
        .prop_map(
            |(whole, what, node, leads, failed, answer, under_way, target)| FoundDraft {
                whole,
                what,
                node,
                leads,
                failed,
                answer,
                under_way,
                target,
            },
        )
}
