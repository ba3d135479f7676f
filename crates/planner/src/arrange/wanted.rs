//! What is wanted, in the planner's general words: resources in trees, and every relation
//! between them.
//!
//! Names are for people; everything refers to everything else by its place in a list
//! (`NodeIx`, `ResourceIx`), so that no text is compared while a plan is made. Whoever fills
//! these lists has already resolved defaults, templates, sets and rules: a relation here
//! holds between two resources, and a location here is a score for one node.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Score;

/// Place of a node in [`Wanted::nodes`] and in [`super::Observed::nodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIx(pub usize);

/// Place of a resource in [`Wanted::resources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceIx(pub usize);

/// Place of a ticket in [`Wanted::tickets`] and in [`super::Observed::tickets`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketIx(pub usize);

/// Everything that is wanted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// What holds for the cluster as a whole.
    pub policy: Policy,
    /// Machines, in the order of the file.
    pub nodes: Vec<NodeWanted>,
    /// Resources; a parent stands before its children, the rest in the order of the file.
    pub resources: Vec<Resource>,
    /// Scores of nodes for resources.
    pub locations: Vec<Location>,
    /// What runs together, and what apart.
    pub colocations: Vec<Colocation>,
    /// What comes before what.
    pub orders: Vec<Order>,
    /// "Some of these before that".
    pub some_before: Vec<SomeBefore>,
    /// Names of tickets.
    pub tickets: Vec<String>,
    /// What depends on tickets.
    pub ticket_rules: Vec<TicketRule>,
}

/// What holds for the cluster as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Whether lost nodes are fenced. Without, they are taken for dead.
    pub fencing: bool,
    /// Whether there is anything that fences. Without, what waits for a fence waits for a
    /// person.
    pub has_fence_device: bool,
    /// Whether nodes that were never seen are fenced before anything that they might run
    /// starts elsewhere.
    pub startup_fencing: bool,
    /// What happens to what runs when there is no quorum.
    pub no_quorum: NoQuorum,
    /// Whether a resource may run on nodes that no location names.
    pub opt_out: bool,
    /// Whether nothing at all may be touched.
    pub maintenance: bool,
    /// Whether everything is to be stopped.
    pub stop_all: bool,
    /// What becomes of active resources that are wanted no more.
    pub stop_removed: bool,
    /// How nodes of equal score are told apart.
    pub placement: Placement,
    /// How many live migrations one node may take part in at once; none: no limit.
    pub migrations_max: Option<u32>,
    /// Whether a clean shutdown of a node keeps its resources for it.
    pub shutdown_lock: bool,
    /// How long such a lock holds; none: for ever.
    pub shutdown_lock_limit: Option<Duration>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            fencing: true,
            has_fence_device: true,
            startup_fencing: true,
            no_quorum: NoQuorum::Stop,
            opt_out: true,
            maintenance: false,
            stop_all: false,
            stop_removed: true,
            placement: Placement::Count,
            migrations_max: None,
            shutdown_lock: false,
            shutdown_lock_limit: None,
        }
    }
}

impl Policy {
    /// Whether anybody can be fenced at all.
    #[must_use]
    pub fn can_fence(&self) -> bool {
        self.fencing && self.has_fence_device
    }
}

/// What happens to what runs when there is no quorum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoQuorum {
    /// It stops.
    Stop,
    /// It runs on; nothing starts, nothing is promoted, nobody outside the partition is fenced.
    Freeze,
    /// What is promoted is demoted; everything else is as with `Stop` when it cannot run.
    Demote,
    /// The nodes of the partition are fenced.
    Fence,
    /// As if there were one.
    Ignore,
}

/// How nodes of equal score are told apart, and whether capacity counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// By the number of resources; capacities count for nothing.
    Count,
    /// A node must have room; of equals, the one with fewer resources.
    Fits,
    /// A node must have room; of equals, the one with most room left.
    Balanced,
    /// A node must have room; as few nodes as possible are used.
    Few,
    /// A node must have room; of equals, the one that is least busy.
    LeastBusy,
}

/// A machine as it is configured.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeWanted {
    /// For people.
    pub name: String,
    /// What it has room for, by kind of good (`cpu`, `memory`).
    pub capacity: BTreeMap<String, i64>,
    /// Whether it may run resources at all (a node that is no member of this cluster's
    /// machines but is spoken of may not).
    pub runs_resources: bool,
}

/// A resource, or a whole of resources.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// For people.
    pub name: String,
    /// What it is a part of.
    pub parent: Option<ResourceIx>,
    /// What it is.
    pub kind: Kind,
    /// How it is treated. Of a whole: what holds for the whole; its parts have their own,
    /// with inherited values filled in.
    pub settings: Settings,
    /// Whether it is wanted no more and known only because it was found active.
    pub removed: bool,
}

/// What a resource is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// One thing that an agent operates.
    Single,
    /// Parts that start in order on one node, and stop in reverse.
    Group {
        /// In start order.
        members: Vec<ResourceIx>,
        /// Whether a member needs those before it to start.
        ordered: bool,
        /// Whether a member needs to be where those before it are.
        together: bool,
    },
    /// The same thing on several nodes.
    Clone {
        /// A single resource or a group.
        child: ResourceIx,
        /// How many, where.
        rules: CloneRules,
    },
}

/// How many instances, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct CloneRules {
    /// Instances in all; none: one for each node.
    pub max: Option<u32>,
    /// Instances on one node.
    pub per_node: u32,
    /// Whether instances differ from each other (by number).
    pub unique: bool,
    /// Whether another clone's instance needs only the instance on its own node.
    pub interleave: bool,
    /// Whether instances start one after the other.
    pub ordered: bool,
    /// How many must run before what depends on the clone may start; 0: all that will run.
    pub enough: u32,
    /// Whether instances have roles.
    pub promotable: Option<PromotableRules>,
}

/// How many instances are promoted, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PromotableRules {
    /// In all.
    pub max: u32,
    /// On one node.
    pub per_node: u32,
}

/// How a resource is treated.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Higher is placed first and never stopped for the sake of lower.
    pub priority: Score,
    /// How much it wants to stay where it is.
    pub stickiness: Score,
    /// What it is wanted to be at most.
    pub target: Target,
    /// Whether it may be started, stopped, promoted.
    pub managed: bool,
    /// As not managed, and not watched either.
    pub maintenance: bool,
    /// Whether a whole that it is part of stands and falls with it. What is not critical is
    /// left out rather than that it moves the others.
    pub critical: bool,
    /// What happens when it is active on several nodes although it should not be.
    pub multiple_active: MultipleActive,
    /// Failures on a node that bar it from there; none: never.
    pub failures_max: Option<u32>,
    /// What must be so before it starts.
    pub requires: Requires,
    /// Whether it can move without a stop.
    pub live_migration: bool,
    /// Whether bad health of a node means nothing to it.
    pub ignores_health: bool,
    /// What it needs, by kind of good.
    pub utilization: BTreeMap<String, i64>,
    /// Whether it operates a fence device.
    pub is_fence_device: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            priority: Score::ZERO,
            stickiness: Score::ZERO,
            target: Target::Promoted,
            managed: true,
            maintenance: false,
            critical: true,
            multiple_active: MultipleActive::StopStart,
            failures_max: None,
            requires: Requires::Fencing,
            live_migration: false,
            ignores_health: false,
            utilization: BTreeMap::new(),
            is_fence_device: false,
        }
    }
}

/// What a resource is wanted to be at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// Stopped.
    Stopped,
    /// Started, in no role or the subordinate one.
    Unpromoted,
    /// Whatever the cluster decides: the default.
    Promoted,
}

/// What happens to a resource that is active on several nodes although it should not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MultipleActive {
    /// Stopped everywhere, started on one.
    StopStart,
    /// Stopped everywhere, for a person to start.
    StopOnly,
    /// Left as it is, for a person.
    Block,
    /// Stopped where it should not be; left where it should.
    StopUnexpected,
}

/// What must be so before a resource starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Requires {
    /// Nothing.
    Nothing,
    /// A quorum.
    Quorum,
    /// A quorum, and that every lost node is fenced.
    Fencing,
}

/// A role, or any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Active in no role.
    Started,
    /// Active in the subordinate role.
    Unpromoted,
    /// Active in the leading role.
    Promoted,
}

/// Scores of nodes for a resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Location {
    /// Names it, for reasons.
    pub id: String,
    /// Whose.
    pub resource: ResourceIx,
    /// Only for instances in this role.
    pub role: Option<Role>,
    /// Each node that it speaks of, once at most.
    pub scores: Vec<(NodeIx, Score)>,
    /// Whether what is not placed there is looked for there.
    pub discovery: Discovery,
}

/// Whether a resource is looked for on nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discovery {
    /// On each.
    Always,
    /// Not on those that the location names.
    Never,
    /// Only on those that the location names; and it runs only there.
    Exclusive,
}

/// `dependent` runs where `primary` runs (positive score), or not there (negative).
#[derive(Debug, Clone, PartialEq)]
pub struct Colocation {
    /// Names it, for reasons.
    pub id: String,
    /// Who follows.
    pub dependent: ResourceIx,
    /// Only when it is in this role.
    pub dependent_role: Option<Role>,
    /// Whom.
    pub primary: ResourceIx,
    /// Only where that is in this role.
    pub primary_role: Option<Role>,
    /// How much.
    pub score: Score,
    /// Nodes with the same value of this attribute count as the same place; none: each node
    /// is a place.
    pub attribute: Option<String>,
    /// Whether the wishes of the dependent count when the primary is placed.
    pub influence: bool,
}

/// What is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// A start.
    Start,
    /// A stop.
    Stop,
    /// A promotion.
    Promote,
    /// A demotion.
    Demote,
}

/// `first` before `then`.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// Names it, for reasons.
    pub id: String,
    /// Whose action comes first.
    pub first: ResourceIx,
    /// Which.
    pub first_verb: Verb,
    /// Whose follows.
    pub then: ResourceIx,
    /// Which.
    pub then_verb: Verb,
    /// How strictly.
    pub kind: OrderKind,
    /// Whether the reverse holds for the opposite actions.
    pub symmetrical: bool,
}

/// How strictly an order holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderKind {
    /// `then` cannot be without `first`.
    Mandatory,
    /// Only when both are done anyway.
    Optional,
    /// Not both at once, in whatever order.
    Serialize,
}

/// `then` needs at least `enough` of `firsts`.
#[derive(Debug, Clone, PartialEq)]
pub struct SomeBefore {
    /// Names it, for reasons.
    pub id: String,
    /// Any of these.
    pub firsts: Vec<(ResourceIx, Verb)>,
    /// How many.
    pub enough: usize,
    /// Who needs them, and for what.
    pub thens: Vec<(ResourceIx, Verb)>,
    /// How strictly.
    pub kind: OrderKind,
    /// Whether the reverse holds for the opposite actions.
    pub symmetrical: bool,
}

/// What depends on a ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct TicketRule {
    /// Names it, for reasons.
    pub id: String,
    /// Which ticket.
    pub ticket: TicketIx,
    /// Whose.
    pub resource: ResourceIx,
    /// Only for this role.
    pub role: Option<Role>,
    /// What happens when the ticket is lost.
    pub on_loss: TicketLoss,
}

/// What happens to a resource whose ticket is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketLoss {
    /// It stops.
    Stop,
    /// It is demoted.
    Demote,
    /// The nodes that run it are fenced.
    Fence,
    /// It is left as it is, and not started.
    Freeze,
}
