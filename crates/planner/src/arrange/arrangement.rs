//! The answer: where everything should be, what is done in this round to get there, and
//! where everything is once that has been done.

use super::{NodeIx, ResourceIx, Role};

/// Everything that is decided.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Arrangement {
    /// Nodes that are fenced in this round, and why.
    pub fences: Vec<Fence>,
    /// What agents do in this round: complete, each with what must end before it.
    pub steps: Vec<Step>,
    /// Where each instance should be, whether or not this round gets it there.
    pub placed: Vec<Placed>,
    /// Where each instance is once this round has been carried out with success.
    pub after: Vec<Placed>,
    /// What stays undone in this round, and why.
    pub waits: Vec<Wait>,
    /// Where something that is held would be if no round but this one were looked at: one of the
    /// next would take it back.
    pub taken_back: Vec<Placed>,
}

/// A node is fenced.
#[derive(Debug, Clone, PartialEq)]
pub struct Fence {
    /// Which.
    pub node: NodeIx,
    /// Why.
    pub because: FenceReason,
}

/// Why a node is fenced.
#[derive(Debug, Clone, PartialEq)]
pub enum FenceReason {
    /// It is lost, and may run anything.
    Lost,
    /// It was never seen, and may run anything.
    NeverSeen,
    /// A resource failed there in a way that only this answers.
    Failed(ResourceIx),
    /// A ticket was lost for which that is the answer.
    TicketLost(ResourceIx),
    /// Somebody asked for it.
    Asked,
    /// There is no quorum, and the policy says so.
    NoQuorum,
}

/// One instance of a single resource, on one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Placed {
    /// Which single resource.
    pub resource: ResourceIx,
    /// Which instance (0 for what is no clone).
    pub instance: u32,
    /// Where.
    pub node: NodeIx,
    /// How.
    pub role: Role,
}

/// What an agent does.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What.
    pub action: Action,
    /// Which single resource.
    pub resource: ResourceIx,
    /// Which instance.
    pub instance: u32,
    /// Where.
    pub node: NodeIx,
    /// Whether it is true without an agent, because the node is fenced.
    pub implied: bool,
    /// Steps (places in the list) that must have ended before.
    pub after: Vec<usize>,
    /// Fences (nodes) that must be confirmed before.
    pub after_fences: Vec<NodeIx>,
    /// Why.
    pub because: StepReason,
}

/// What an agent does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Starts it.
    Start,
    /// Stops it.
    Stop,
    /// Gives it the leading role.
    Promote,
    /// Takes the leading role from it.
    Demote,
    /// Sends it away, live.
    MigrateTo,
    /// Receives it, live.
    MigrateFrom,
}

/// Why a step is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepReason {
    /// It is wanted and not active.
    Wanted,
    /// It is not wanted (any more).
    Unwanted,
    /// It goes to, or comes from, a node that is better or allowed.
    Moves,
    /// It failed.
    Failed,
    /// It is active on more nodes than it should be.
    ActiveTwice,
    /// What it needs stops, starts or moves.
    Needs(ResourceIx),
    /// Its role changes.
    Role,
    /// Its node is fenced.
    NodeFenced(NodeIx),
}

/// What is wished and not done in this round.
#[derive(Debug, Clone, PartialEq)]
pub struct Wait {
    /// Which single resource.
    pub resource: ResourceIx,
    /// Which instance.
    pub instance: u32,
    /// Why.
    pub because: WaitReason,
}

/// Why something is not done in this round.
#[derive(Debug, Clone, PartialEq)]
pub enum WaitReason {
    /// No node may run it.
    NoNode,
    /// There is no quorum.
    NoQuorum,
    /// A person must look first.
    Blocked,
    /// What it needs is not there.
    Needs(ResourceIx),
    /// A node must be fenced first, which cannot be done now.
    Unproven(NodeIx),
    /// Its ticket is not here.
    Ticket,
    /// It is left alone on purpose.
    Unmanaged,
}
