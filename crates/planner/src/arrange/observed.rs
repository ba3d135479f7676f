//! What is observed, in the planner's general words.

use std::collections::BTreeMap;

use super::{NodeIx, ResourceIx, Role, Score};

/// How much busier a node counts, in percent, with one more that was not there before: what
/// it will cost is not known.
pub const BUSY_WITH_ONE_MORE: u32 = model::load::STEP;

/// Everything that is observed at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// Whether this partition may decide.
    pub quorate: bool,
    /// In the order of [`super::Wanted::nodes`].
    pub nodes: Vec<NodeObserved>,
    /// What is active, failed or under way, of single resources only: one entry for each
    /// resource, instance and node.
    pub found: Vec<Found>,
    /// Failures that count, by single resource and node.
    pub failures: Vec<FailureCount>,
    /// How much an instance wants the leading role.
    pub promotion_scores: Vec<PromotionScore>,
    /// In the order of [`super::Wanted::tickets`].
    pub tickets: Vec<TicketState>,
}

/// A machine as it is seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeObserved {
    /// How it is.
    pub state: NodeState,
    /// Whether it must be fenced before anything that it may run is safe elsewhere.
    pub unclean: bool,
    /// Whether it was ever heard of. One that never was may run anything, or nothing.
    pub seen: bool,
    /// Whether it runs nothing for now: resources move away.
    pub standby: bool,
    /// Whether its resources are not to be touched.
    pub maintenance: bool,
    /// Whether it is shutting down: resources move away.
    pub shutdown: bool,
    /// Whether somebody asked for it to be fenced.
    pub asked_to_fence: bool,
    /// Its attributes, permanent and passing ones.
    pub attributes: BTreeMap<String, String>,
    /// What its health adds to each resource's score there.
    pub health: Score,
    /// How busy it is, in percent, for [`super::Placement::LeastBusy`].
    pub busy: u32,
}

/// How a machine is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NodeState {
    /// A member that can run resources.
    Online,
    /// On its way into or out of the cluster: it cannot run resources yet.
    Pending,
    /// No member.
    #[default]
    Offline,
}

/// A single resource (or one instance of it) as it was found on one node.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Which single resource.
    pub resource: ResourceIx,
    /// Which instance, where it carries a number.
    pub instance: Option<u32>,
    /// Where.
    pub node: NodeIx,
    /// In which role it is active; none: it is stopped as far as is known.
    pub role: Option<Role>,
    /// What failed and what is to be done about it.
    pub failed: Option<FoundFailed>,
    /// What was begun there and has not ended.
    pub under_way: Option<UnderWay>,
}

/// A failure that has to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundFailed {
    /// In what it failed.
    pub in_what: FailedVerb,
    /// What is to be done.
    pub answer: OnFail,
}

/// In what a resource failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailedVerb {
    /// It was watched and found wanting.
    Watch,
    /// In its start.
    Start,
    /// In its stop: it may still be active.
    Stop,
    /// In its promotion.
    Promote,
    /// In its demotion: it may still lead.
    Demote,
    /// In a live migration.
    Migrate,
}

/// What is done about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OnFail {
    /// As if it had not failed.
    Ignore,
    /// Demote it, then promote it or another again.
    Demote,
    /// Stop it and start it again, there or elsewhere.
    Restart,
    /// Stop it and start it elsewhere.
    Move,
    /// Nothing, until a person has looked.
    Block,
    /// Stop it for good.
    Stop,
    /// Empty the node.
    Standby,
    /// Fence the node.
    Fence,
}

/// What was begun and has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnderWay {
    /// A start.
    Start,
    /// A stop.
    Stop,
    /// A promotion.
    Promote,
    /// A demotion.
    Demote,
    /// It goes from here to there.
    MigrateTo {
        /// Where.
        target: NodeIx,
    },
    /// It comes from there to here.
    MigrateFrom {
        /// Where it came from.
        source: NodeIx,
    },
}

/// Failures that count.
#[derive(Debug, Clone, PartialEq)]
pub struct FailureCount {
    /// Which single resource.
    pub resource: ResourceIx,
    /// Which instance, of a clone whose instances differ.
    pub instance: Option<u32>,
    /// Where.
    pub node: NodeIx,
    /// How many; [`Score::INFINITY`]: too many, whatever the limit.
    pub count: Score,
    /// A cause that no restart mends (a program that is not installed, a setting that is
    /// wrong): the node is barred, whatever the limit.
    pub hopeless: bool,
}

/// How much an instance wants the leading role.
#[derive(Debug, Clone, PartialEq)]
pub struct PromotionScore {
    /// Which single resource.
    pub resource: ResourceIx,
    /// Which instance; none: whichever is on the node.
    pub instance: Option<u32>,
    /// Where.
    pub node: NodeIx,
    /// How much.
    pub score: Score,
}

/// A ticket as it is seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TicketState {
    /// Whether this site has it.
    pub granted: bool,
    /// Whether this site had it at some time.
    pub ever_granted: bool,
    /// Whether it is being handed over: what depends on it stops or is demoted in peace.
    pub standby: bool,
}
