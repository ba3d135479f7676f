//! One act on one resource: what `node` orders and `agents` carries out.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::spec::ResourceSpec;
use crate::{CardName, ClaimEpoch, NodeName, OperationId, PlanId, ResourceName, ServiceName};

/// Names a resource of a service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ResourceAddress {
    /// The service.
    pub service: ServiceName,
    /// The resource within it.
    pub resource: ResourceName,
}

impl std::fmt::Display for ResourceAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.service, self.resource)
    }
}

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Find out whether it runs, without touching it; what runs is adopted (watched).
    Probe,
    /// Bring it up. Done when it is up already.
    Start,
    /// Take it down, by stages if it resists. Done when it is down already.
    Stop,
    /// Ask for its state.
    Status,
    /// Make what runs the promoted one (DESIGN: role `promoted`). Done when it is already.
    Promote,
    /// Make the promoted one an ordinary one again; it stays up. Done when it is already.
    Demote,
    /// Tell it what happens to its other copies.
    Notify,
    /// Take new settings without a stop.
    Reload,
    /// Hand what runs here over to another node, alive.
    MigrateTo,
    /// Take what another node has handed over.
    MigrateFrom,
}

impl Verb {
    /// Whether it changes what runs, so that it may be done under the newest claim only.
    #[must_use]
    pub fn changes(self) -> bool {
        match self {
            Self::Probe | Self::Status | Self::Notify => false,
            Self::Start
            | Self::Stop
            | Self::Promote
            | Self::Demote
            | Self::Reload
            | Self::MigrateTo
            | Self::MigrateFrom => true,
        }
    }
}

impl std::fmt::Display for Verb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Probe => "probe",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Status => "status",
            Self::Promote => "promote",
            Self::Demote => "demote",
            Self::Notify => "notify",
            Self::Reload => "reload",
            Self::MigrateTo => "migrate-to",
            Self::MigrateFrom => "migrate-from",
        })
    }
}

/// One act on one resource. Acts on one resource are carried out one after the other,
/// those on different resources at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Names it in the answer.
    pub id: OperationId,
    /// Which resource.
    pub address: ResourceAddress,
    /// What is done.
    pub verb: Verb,
    /// What the resource is.
    pub spec: ResourceSpec,
    /// For addresses: this node's cards of the network, best first.
    pub cards: Vec<CardName>,
    /// Under which claim. An executor refuses an epoch older than one it has seen for the
    /// same service.
    pub epoch: ClaimEpoch,
    /// The plan that it follows.
    pub plan: PlanId,
    /// How long it may take; a warning is due at half of it.
    pub limit: Duration,
    /// What the verb alone does not say.
    pub about: About,
    /// Of a copy: how many there are to be.
    pub copies: Option<CopiesTold>,
}

/// How many copies of a service there are to be, for those who operate one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopiesTold {
    /// In all.
    pub count: u32,
    /// On one node at most.
    pub per_node: u32,
    /// Promoted at most; none: they have no roles.
    pub promoted: Option<u32>,
}

/// What the verb of an operation alone does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum About {
    /// Nothing more is to be said.
    #[default]
    Nothing,
    /// Of a migration: the node at its other end.
    Peer(NodeName),
    /// Of a notice: what happens.
    Notice(Box<Notice>),
    /// Of a reload: the description of the resource has changed, and what runs is to follow.
    /// Without, it is to read its own configuration again.
    NewSettings,
}

/// What happens to the copies of a service (OCF: `notify`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Before or after it happens.
    pub when: NoticeTime,
    /// What happens: start, stop, promote or demote.
    pub of: Verb,
    /// The copies that it happens to, with their nodes.
    pub affected: Vec<(ServiceName, NodeName)>,
    /// The copies that are promoted before it happens.
    pub promoted: Vec<(ServiceName, NodeName)>,
    /// The copies that run and are not promoted before it happens.
    pub unpromoted: Vec<(ServiceName, NodeName)>,
}

/// Before or after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeTime {
    /// Before it happens.
    Before,
    /// After it has happened.
    After,
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The resource is up (and watched from now on, where its kind can be).
    Running,
    /// The resource is up and promoted.
    Promoted,
    /// The resource is down.
    Stopped,
    /// It did not work; the text says who, what, how.
    Failed(String),
    /// It did not end within its limit and was ended.
    TimedOut,
}

/// What an executor says after an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationReport {
    /// Which operation.
    pub id: OperationId,
    /// How it ended.
    pub outcome: Outcome,
    /// The tail of what it printed, at most `OUTPUT_TAIL_MAX` bytes of UTF-8.
    pub output: String,
    /// How long it took.
    pub took: Duration,
}

/// A screenful: what fits into a report, a history entry and an eye.
pub const OUTPUT_TAIL_MAX: usize = 2000;
