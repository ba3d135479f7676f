//! From a draft to what is wanted and observed.

use std::collections::{BTreeMap, BTreeSet};

use planner::arrange::{
    CloneRules, Colocation, Discovery, FailedVerb, FailureCount, Found, FoundFailed, Kind,
    Location, MultipleActive, NoQuorum, NodeIx, NodeObserved, NodeState, NodeWanted, Observed,
    OnFail, Order, OrderKind, Placement, Policy, PromotableRules, PromotionScore, Requires,
    Resource, ResourceIx, Role, Score, Settings, SomeBefore, Target, TicketIx, TicketLoss,
    TicketRule, TicketState, UnderWay, Verb, Wanted,
};

use super::draft::{
    Condition, Draft, FoundDraft, NodeDraft, Pick, PolicyDraft, RelationDraft, RulesDraft,
    SettingsDraft, Shape, TopDraft,
};
use super::tree::{leaves, rules_of, top_of};

/// What is wanted, and what is observed.
pub fn build(draft: &Draft) -> (Wanted, Observed) {
    let mut wanted = Wanted {
        policy: policy(&draft.policy),
        ..Wanted::default()
    };
    let mut observed = Observed {
        quorate: !draft.policy.no_quorum_now,
        ..Observed::default()
    };
    let mut index = Index::default();
    for (at, node) in draft.nodes.iter().enumerate() {
        // One node there is at least.
        if node.there || (at + 1 == draft.nodes.len() && wanted.nodes.is_empty()) {
            index.nodes.push(Some(NodeIx(wanted.nodes.len())));
            add_node(&mut wanted, &mut observed, at, node);
        } else {
            index.nodes.push(None);
        }
    }
    for (at, top) in draft.tops.iter().enumerate() {
        let first = wanted.resources.len();
        if top.there {
            add_top(&mut wanted, at, top);
        }
        index.tops.push(first..wanted.resources.len());
    }
    for (at, ticket) in draft.tickets.iter().enumerate() {
        wanted.tickets.push(format!("t{at}"));
        observed.tickets.push(TicketState {
            granted: *ticket < 3,
            ever_granted: *ticket < 5,
            standby: *ticket == 2,
        });
    }
    for (at, relation) in draft.relations.iter().enumerate() {
        add_relation(&mut wanted, &index, at, relation);
    }
    for found in &draft.found {
        add_found(&wanted, &mut observed, &index, found);
    }
    add_counts(&wanted, &mut observed, &index, draft);
    (wanted, observed)
}

fn policy(draft: &PolicyDraft) -> Policy {
    Policy {
        fencing: !draft.no_fencing,
        startup_fencing: !draft.no_startup_fencing,
        has_fence_device: draft.rare != 4,
        no_quorum: match draft.no_quorum {
            7 => NoQuorum::Freeze,
            6 => NoQuorum::Demote,
            5 => NoQuorum::Fence,
            4 => NoQuorum::Ignore,
            _ => NoQuorum::Stop,
        },
        opt_out: !draft.opt_in,
        maintenance: draft.rare == 1,
        stop_all: draft.rare == 2,
        stop_removed: draft.rare != 3,
        placement: match draft.placement {
            7 => Placement::Fits,
            6 => Placement::Balanced,
            5 => Placement::Few,
            4 => Placement::LeastBusy,
            _ => Placement::Count,
        },
        ..Policy::default()
    }
}

fn add_node(wanted: &mut Wanted, observed: &mut Observed, at: usize, draft: &NodeDraft) {
    let condition = draft.condition;
    wanted.nodes.push(NodeWanted {
        name: format!("n{at}"),
        capacity: BTreeMap::from([("cpu".to_string(), draft.capacity)]),
        runs_resources: condition != Condition::NoResources,
    });
    let mut attributes = BTreeMap::new();
    if 0 < draft.rack {
        attributes.insert("rack".to_string(), draft.rack.to_string());
    }
    let state = match condition {
        Condition::Left | Condition::Lost | Condition::Unseen => NodeState::Offline,
        Condition::Pending => NodeState::Pending,
        Condition::Online
        | Condition::Standby
        | Condition::Maintenance
        | Condition::Shutdown
        | Condition::UncleanMember
        | Condition::Asked
        | Condition::NoResources
        | Condition::Unhealthy => NodeState::Online,
    };
    observed.nodes.push(NodeObserved {
        state,
        unclean: matches!(condition, Condition::Lost | Condition::UncleanMember),
        seen: condition != Condition::Unseen,
        standby: condition == Condition::Standby,
        maintenance: condition == Condition::Maintenance,
        shutdown: condition == Condition::Shutdown,
        asked_to_fence: condition == Condition::Asked,
        attributes,
        health: if condition == Condition::Unhealthy {
            Score::MINUS_INFINITY
        } else {
            Score::ZERO
        },
        busy: u32::try_from(draft.capacity * 7 % 50).expect("few goods"),
    });
}

fn settings(draft: &SettingsDraft, is_clone: bool) -> Settings {
    Settings {
        priority: Score::new(i64::from(draft.priority)),
        stickiness: Score::new(i64::from(draft.stickiness)),
        target: match draft.target {
            9 => Target::Stopped,
            8 => Target::Unpromoted,
            _ => Target::Promoted,
        },
        managed: draft.rare != 1,
        maintenance: draft.rare == 2,
        critical: draft.rare != 3,
        ignores_health: draft.rare == 4,
        multiple_active: match draft.twice {
            7 => MultipleActive::StopOnly,
            6 => MultipleActive::Block,
            5 => MultipleActive::StopUnexpected,
            _ => MultipleActive::StopStart,
        },
        failures_max: (0 < draft.failures_max && draft.failures_max < 4)
            .then_some(u32::from(draft.failures_max)),
        requires: match draft.requires {
            7 => Requires::Nothing,
            5 | 6 => Requires::Quorum,
            _ => Requires::Fencing,
        },
        live_migration: draft.live && !is_clone,
        utilization: if draft.needs == 0 {
            BTreeMap::new()
        } else {
            BTreeMap::from([("cpu".to_string(), draft.needs)])
        },
        is_fence_device: false,
    }
}

fn rules(draft: &RulesDraft) -> CloneRules {
    CloneRules {
        max: (0 < draft.max).then_some(u32::from(draft.max)),
        per_node: if draft.unique {
            u32::from(draft.per_node)
        } else {
            1
        },
        unique: draft.unique,
        interleave: draft.interleave,
        ordered: draft.one_by_one,
        enough: if draft.enough < 3 {
            u32::from(draft.enough)
        } else {
            0
        },
        promotable: (0 < draft.promoted).then_some(PromotableRules {
            max: u32::from(draft.promoted.min(2)),
            per_node: 1,
        }),
    }
}

fn push(wanted: &mut Wanted, parent: Option<ResourceIx>, new: Resource) -> ResourceIx {
    let at = ResourceIx(wanted.resources.len());
    wanted.resources.push(Resource { parent, ..new });
    if let Some(parent) = parent {
        match &mut wanted.resources[parent.0].kind {
            Kind::Group { members, .. } => members.push(at),
            Kind::Clone { child, .. } => *child = at,
            Kind::Single => unreachable!("nothing is in a single resource"),
        }
    }
    at
}

fn add_top(wanted: &mut Wanted, number: usize, draft: &TopDraft) {
    let is_clone = matches!(draft.shape, Shape::Clone | Shape::CloneOfGroup { .. });
    let settings = settings(&draft.settings, is_clone);
    let make = |name: String, kind: Kind| Resource {
        name,
        parent: None,
        kind,
        settings: settings.clone(),
        removed: draft.shape == Shape::Removed,
    };
    let group = |loose: u8| Kind::Group {
        members: Vec::new(),
        ordered: loose != 8,
        together: loose != 9,
    };
    let clone = |wanted: &Wanted| Kind::Clone {
        child: ResourceIx(wanted.resources.len()),
        rules: rules(&draft.rules),
    };
    match draft.shape {
        Shape::Single | Shape::Removed => {
            push(wanted, None, make(format!("r{number}"), Kind::Single));
        }
        Shape::Group { members, loose } => {
            let at = push(wanted, None, make(format!("g{number}"), group(loose)));
            for member in 0..members {
                let name = format!("g{number}m{member}");
                push(wanted, Some(at), make(name, Kind::Single));
            }
        }
        Shape::Clone => {
            let kind = clone(wanted);
            let at = push(wanted, None, make(format!("c{number}"), kind));
            push(wanted, Some(at), make(format!("c{number}r"), Kind::Single));
        }
        Shape::CloneOfGroup { members } => {
            let kind = clone(wanted);
            let at = push(wanted, None, make(format!("c{number}"), kind));
            let inner = push(wanted, Some(at), make(format!("c{number}g"), group(0)));
            for member in 0..members {
                let name = format!("c{number}m{member}");
                push(wanted, Some(inner), make(name, Kind::Single));
            }
        }
    }
}

/// What the numbers of a draft stand for; nothing, where it was left out.
#[derive(Default)]
struct Index {
    nodes: Vec<Option<NodeIx>>,
    tops: Vec<std::ops::Range<usize>>,
}

impl Index {
    fn node(&self, number: usize) -> Option<NodeIx> {
        self.nodes[number % self.nodes.len()]
    }

    /// A top resource, or something in it.
    fn resource(&self, (top, part): Pick) -> Option<ResourceIx> {
        let range = &self.tops[top % self.tops.len()];
        (!range.is_empty()).then(|| ResourceIx(range.start + part % range.len()))
    }
}

fn is_promotable(wanted: &Wanted, at: ResourceIx) -> bool {
    rules_of(wanted, at).is_some_and(|rules| rules.promotable.is_some())
}

fn add_relation(wanted: &mut Wanted, index: &Index, number: usize, draft: &RelationDraft) {
    let (Some(one), Some(other), Some(third), Some(node)) = (
        index.resource(draft.one),
        index.resource(draft.other),
        index.resource(draft.third),
        index.node(draft.node),
    ) else {
        return;
    };
    if wanted.resources[one.0].removed || wanted.resources[other.0].removed {
        return;
    }
    let id = format!("rule{number}");
    match draft.kind {
        0..=2 => add_location(wanted, id, (one, node), draft),
        11 if !wanted.tickets.is_empty() => {
            let rule = TicketRule {
                id,
                ticket: TicketIx(draft.node % wanted.tickets.len()),
                resource: top_of(wanted, one),
                role: (draft.role < 4 && is_promotable(wanted, one)).then_some(Role::Promoted),
                on_loss: match draft.variant {
                    0..=3 => TicketLoss::Demote,
                    4..=6 => TicketLoss::Fence,
                    7..=9 => TicketLoss::Freeze,
                    _ => TicketLoss::Stop,
                },
            };
            wanted.ticket_rules.push(rule);
        }
        _ => {
            let (top_one, top_other) = (top_of(wanted, one), top_of(wanted, other));
            // From the earlier to the later tree: no circles.
            let (first, then) = match top_one.cmp(&top_other) {
                std::cmp::Ordering::Less => (one, other),
                std::cmp::Ordering::Greater => (other, one),
                std::cmp::Ordering::Equal => return,
            };
            match draft.kind {
                3..=6 => add_colocation(wanted, id, (then, first), draft),
                7..=9 => add_order(wanted, id, (first, then), draft),
                _ => add_some_before(wanted, id, (first, third, then), draft),
            }
        }
    }
}

fn score_of(draft: &RelationDraft) -> Score {
    match draft.variant {
        0..=4 => Score::MINUS_INFINITY,
        5..=10 => Score::INFINITY,
        _ => Score::new(i64::from(draft.score)),
    }
}

fn add_location(
    wanted: &mut Wanted,
    id: String,
    (at, node): (ResourceIx, NodeIx),
    draft: &RelationDraft,
) {
    let promoted = draft.role == 0 && is_promotable(wanted, at);
    wanted.locations.push(Location {
        id,
        resource: at,
        role: promoted.then_some(Role::Promoted),
        scores: vec![(node, score_of(draft))],
        discovery: match draft.role {
            1 => Discovery::Exclusive,
            2 => Discovery::Never,
            _ => Discovery::Always,
        },
    });
}

fn add_colocation(
    wanted: &mut Wanted,
    id: String,
    (dependent, primary): (ResourceIx, ResourceIx),
    draft: &RelationDraft,
) {
    let role = |wished: bool, at: ResourceIx| {
        (wished && is_promotable(wanted, at)).then_some(Role::Promoted)
    };
    wanted.colocations.push(Colocation {
        id,
        dependent,
        dependent_role: role(draft.role % 4 == 1, dependent),
        primary,
        primary_role: role(draft.role % 3 == 1, primary),
        score: score_of(draft),
        attribute: (draft.role == 11).then(|| "rack".to_string()),
        influence: draft.role != 10,
    });
}

fn verb_up(wanted: &Wanted, at: ResourceIx, number: u8) -> Verb {
    if number < 3 && is_promotable(wanted, at) {
        Verb::Promote
    } else {
        Verb::Start
    }
}

/// Sometimes it is a stop or a demotion that comes first. (A stop that comes after
/// something else is not made up: with other orders it goes in circles.)
fn verb_first(wanted: &Wanted, at: ResourceIx, number: u8) -> Verb {
    match number {
        10 => Verb::Stop,
        11 if is_promotable(wanted, at) => Verb::Demote,
        _ => verb_up(wanted, at, number),
    }
}

fn add_order(
    wanted: &mut Wanted,
    id: String,
    (first, then): (ResourceIx, ResourceIx),
    draft: &RelationDraft,
) {
    let first_verb = verb_first(wanted, first, draft.role);
    let then_verb = verb_up(wanted, then, draft.variant.saturating_sub(12));
    wanted.orders.push(Order {
        id,
        first,
        first_verb,
        then,
        then_verb,
        kind: match draft.score.rem_euclid(8) {
            0 | 1 => OrderKind::Optional,
            2 => OrderKind::Serialize,
            _ => OrderKind::Mandatory,
        },
        symmetrical: draft.score.rem_euclid(5) != 0,
    });
}

fn add_some_before(
    wanted: &mut Wanted,
    id: String,
    (first, third, then): (ResourceIx, ResourceIx, ResourceIx),
    draft: &RelationDraft,
) {
    if top_of(wanted, then) <= top_of(wanted, third)
        || top_of(wanted, third) == top_of(wanted, first)
        || wanted.resources[third.0].removed
    {
        return;
    }
    wanted.some_before.push(SomeBefore {
        id,
        firsts: vec![(first, Verb::Start), (third, Verb::Start)],
        enough: 1 + usize::from(draft.variant == 0),
        thens: vec![(then, Verb::Start)],
        kind: OrderKind::Mandatory,
        symmetrical: true,
    });
}

fn add_found(wanted: &Wanted, observed: &mut Observed, index: &Index, draft: &FoundDraft) {
    let (Some(picked), Some(node)) = (index.resource(draft.what), index.node(draft.node)) else {
        return;
    };
    let seen = &observed.nodes[node.0];
    if seen.state == NodeState::Offline && !seen.unclean {
        return;
    }
    let whole = top_of(wanted, picked);
    let parts = if draft.whole {
        leaves(wanted, whole)
    } else {
        leaves(wanted, picked).into_iter().take(1).collect()
    };
    let instance = match rules_of(wanted, picked) {
        None => None,
        Some(rules) => {
            let Some(number) = instance_for(wanted, observed, (&rules, whole), (node, draft))
            else {
                return;
            };
            Some(number)
        }
    };
    for (place, resource) in parts.iter().enumerate() {
        let known = observed.found.iter().any(|found| {
            found.resource == *resource && found.node == node && found.instance == instance
        });
        if known {
            continue;
        }
        let mut found = Found {
            resource: *resource,
            instance,
            node,
            role: Some(role_of(wanted, *resource, draft.leads)),
            failed: None,
            under_way: None,
        };
        // What is wrong is wrong with the last part.
        if place + 1 == parts.len() {
            trouble(wanted, &mut found, index.node(draft.target), draft);
        }
        observed.found.push(found);
    }
}

/// Instances that are alike: one on each node, numbered in the order in which they were
/// found. Others: any number, on any node.
fn instance_for(
    wanted: &Wanted,
    observed: &Observed,
    (rules, whole): (&CloneRules, ResourceIx),
    (node, draft): (NodeIx, &FoundDraft),
) -> Option<u32> {
    let parts: BTreeSet<ResourceIx> = leaves(wanted, whole).into_iter().collect();
    let here = |found: &&Found| parts.contains(&found.resource);
    if rules.unique {
        let max = rules.max.unwrap_or(u32::try_from(wanted.nodes.len()).ok()?);
        let number = u32::try_from(draft.target).ok()? % max.max(1);
        return Some(number);
    }
    let mut all = observed.found.iter().filter(here);
    if let Some(found) = all.find(|found| found.node == node) {
        return found.instance;
    }
    let numbers = observed.found.iter().filter(here);
    let next = numbers.filter_map(|found| found.instance).max();
    Some(next.map_or(0, |number| number + 1))
}

fn role_of(wanted: &Wanted, at: ResourceIx, leads: bool) -> Role {
    match (is_promotable(wanted, at), leads) {
        (true, true) => Role::Promoted,
        (true, false) => Role::Unpromoted,
        (false, _) => Role::Started,
    }
}

fn trouble(wanted: &Wanted, found: &mut Found, target: Option<NodeIx>, draft: &FoundDraft) {
    let promotable = is_promotable(wanted, found.resource);
    let answer = |choices: &[OnFail]| choices[usize::from(draft.answer) % choices.len()];
    let failed = match draft.failed {
        30..=33 => Some((
            FailedVerb::Watch,
            answer(&[
                OnFail::Restart,
                OnFail::Restart,
                OnFail::Ignore,
                OnFail::Move,
                OnFail::Block,
                OnFail::Stop,
                OnFail::Standby,
                OnFail::Fence,
            ]),
        )),
        34 => Some((
            FailedVerb::Start,
            answer(&[OnFail::Restart, OnFail::Stop, OnFail::Block, OnFail::Fence]),
        )),
        35 | 36 => Some((FailedVerb::Stop, answer(&[OnFail::Fence, OnFail::Block]))),
        37 if promotable => Some((
            FailedVerb::Promote,
            answer(&[OnFail::Restart, OnFail::Demote]),
        )),
        38 if promotable => Some((
            FailedVerb::Demote,
            answer(&[OnFail::Restart, OnFail::Block, OnFail::Fence]),
        )),
        _ => None,
    };
    found.failed = failed.map(|(in_what, answer)| FoundFailed { in_what, answer });
    if found.failed.is_some() {
        return;
    }
    let live = wanted.resources[found.resource.0].settings.live_migration;
    let target = target.filter(|target| *target != found.node);
    found.under_way = match (draft.under_way, found.role) {
        (30, Some(Role::Started | Role::Unpromoted)) => Some(UnderWay::Start),
        (31, Some(Role::Started | Role::Unpromoted)) => Some(UnderWay::Stop),
        (32, Some(Role::Unpromoted)) => Some(UnderWay::Promote),
        (32, Some(Role::Promoted)) => Some(UnderWay::Demote),
        (33..=35, Some(Role::Started)) if live => {
            target.map(|target| UnderWay::MigrateTo { target })
        }
        (_, _) => None,
    };
}

fn add_counts(wanted: &Wanted, observed: &mut Observed, index: &Index, draft: &Draft) {
    let mut known = BTreeSet::new();
    for (what, node, count) in &draft.failures {
        let (Some(picked), Some(node)) = (index.resource(*what), index.node(*node)) else {
            continue;
        };
        let resource = leaves(wanted, picked)[0];
        if known.insert((resource, node)) {
            observed.failures.push(FailureCount {
                resource,
                instance: None,
                node,
                count: if *count == 7 {
                    Score::INFINITY
                } else {
                    Score::new(i64::from(*count))
                },
                hopeless: *count == 6,
            });
        }
    }
    let mut known = BTreeSet::new();
    for (what, node, score) in &draft.promotions {
        let (Some(picked), Some(node)) = (index.resource(*what), index.node(*node)) else {
            continue;
        };
        let resource = leaves(wanted, picked)[0];
        if is_promotable(wanted, resource) && known.insert((resource, node)) {
            observed.promotion_scores.push(PromotionScore {
                resource,
                instance: None,
                node,
                score: Score::new(i64::from(*score)),
            });
        }
    }
}
