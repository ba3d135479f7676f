//! The state of everything, as one node sees it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{CheckView, NetworkView, PingsView, Timestamp};

/// The state of everything, as the node `seen_by` sees it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Name of the cluster.
    pub cluster: String,
    /// Whether the node that answers is in contact with a quorum. Without one, the rest
    /// may be old.
    pub quorate: bool,
    /// Who leads, as far as it is known.
    pub leader: Option<String>,
    /// Number of the view.
    pub epoch: u64,
    /// Every member, also those that are down. By name.
    pub nodes: Vec<NodeStatus>,
    /// Every service. By name.
    pub services: Vec<ServiceStatus>,
    /// Replicated volumes.
    pub volumes: Vec<serde_json::Value>,
    /// Fences that are asked for and not settled.
    pub fencing: Vec<FenceView>,
    /// Whether the whole cluster is in maintenance.
    pub maintenance: bool,
    /// Tickets that a person has spoken of. By name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tickets: Vec<TicketView>,
    /// Feature level of the cluster; zero: not told. It rises when all members run a program
    /// that knows more.
    #[serde(default)]
    pub feature_level: u32,
    /// Version of the live configuration; zero: none yet.
    pub spec_version: u64,
    /// The log index that this picture includes.
    pub index: u64,
    /// Whose view this is.
    pub seen_by: String,
    /// How long ago the node that answers last heard from the leader, in milliseconds.
    pub age_ms: u64,
    /// What a person must look at now, because data may be at stake: one sentence each.
    #[serde(default)]
    pub alarms: Vec<String>,
    /// What a person should look at, one sentence each.
    pub warnings: Vec<String>,
}

impl Status {
    /// Whether something is not as it should be: what `status --check` tells by its exit
    /// code.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        !self.quorate
            || !self.fencing.is_empty()
            || !self.alarms.is_empty()
            || !self.warnings.is_empty()
            || self.nodes.iter().any(|node| node.state != "online")
            || self
                .services
                .iter()
                .any(|service| !service.state.is_settled() || service.changes_role())
    }
}

/// One member.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Its name.
    pub name: String,
    /// `online`, `starting`, `daemon-down`, `lost`, `leaving` or `down`; `unknown` where the
    /// node that answers does not hear it and the log says nothing against it yet.
    pub state: String,
    /// Since when.
    pub since: Timestamp,
    /// Why, where there is more to say than the state.
    pub because: Option<String>,
    /// Whether it is set aside by an operator.
    pub standby: bool,
    /// Whether nothing on it is touched.
    #[serde(default)]
    pub maintenance: bool,
    /// Its attributes, those set at run time before those of the configuration.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// When it was fenced last, if lately.
    pub fenced_last: Option<Timestamp>,
    /// Its present boot, where one is known.
    pub boot: Option<String>,
    /// Version of its daemon, where known.
    pub version: Option<String>,
    /// Its links to the others, as far as the node that answers knows them.
    pub links: Vec<LinkStatus>,
    /// Its own checks, as far as the node that answers knows them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckView>,
    /// Its networks with their cards, as it tells. By name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<NetworkView>,
    /// The ping targets that it asks, as it tells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pings: Vec<PingsView>,
}

/// One network between two nodes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LinkStatus {
    /// Which network.
    pub network: String,
    /// To whom.
    pub peer: String,
    /// How it is.
    pub state: LinkState,
    /// Time to the peer and back, in milliseconds, where measured.
    pub rtt_ms: Option<f64>,
    /// Share of heartbeats that did not arrive lately.
    pub loss_percent: f64,
    /// How long ago the peer was heard last on it, in milliseconds; none: never.
    pub last_heard_ms: Option<u64>,
}

/// How a link is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkState {
    /// Both hear each other.
    #[default]
    Up,
    /// One hears the other, not the other way round.
    OneWay,
    /// Silent.
    Down,
}

impl fmt::Display for LinkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Up => "up",
            Self::OneWay => "one-way",
            Self::Down => "down",
        })
    }
}

/// A right that one of several clusters holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketView {
    /// Its name.
    pub name: String,
    /// `granted`, `standby` (about to be given away) or `revoked`.
    pub state: String,
    /// Since when.
    pub since: Timestamp,
    /// Who said so.
    pub by: String,
}

/// One service, or one copy of a service that has copies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Its name: of a copy that of the service and its number, like `web:2`.
    pub name: String,
    /// The service that this is a copy of, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_of: Option<String>,
    /// How it is.
    pub state: ServiceState,
    /// The node that may run it now.
    pub node: Option<String>,
    /// Since when it is as it is.
    pub since: Timestamp,
    /// Of a copy of a service with roles: `promoted`, `unpromoted`, or `promoting` and
    /// `demoting` while it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Its resources, in start order.
    pub resources: Vec<ResourceStatus>,
    /// Why it is as it is, in words.
    pub reason: String,
    /// `run`, `stop`, or `spec` (as the configuration says).
    pub wish: String,
    /// Whether it is left as it is, whatever happens.
    pub frozen: bool,
    /// Nodes that may not run it until somebody clears it.
    pub barred: Vec<BarView>,
    /// Failures that are remembered.
    pub failures: usize,
    /// Its checks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckView>,
}

/// How a service is.
///
/// ```text
///   stopped ──► waiting ──► starting ──► running ──► stopping ──► stopped
///                  │            │           │
///                  ▼            ▼           ▼
///               blocked       failed      failed        stop-failed, unknown
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceState {
    /// All its resources run.
    Running,
    /// Its resources are being started.
    Starting,
    /// Its resources are being stopped.
    Stopping,
    /// A resource failed; the next step is on its way.
    Failed,
    /// A stop failed; only fencing helps, or a person.
    StopFailed,
    /// It does not run, and nobody wants it to.
    #[default]
    Stopped,
    /// It should run, and will when what it waits for has happened.
    Waiting,
    /// It should run, and cannot until somebody does something.
    Blocked,
    /// It may run on a node that is not heard.
    Unknown,
}

impl ServiceStatus {
    /// Whether its role is about to change.
    #[must_use]
    pub fn changes_role(&self) -> bool {
        matches!(self.role.as_deref(), Some("promoting" | "demoting"))
    }

    /// Whether this is the service, or one of its copies.
    #[must_use]
    pub fn is_of(&self, name: &str) -> bool {
        self.name == name || self.copy_of.as_deref() == Some(name)
    }
}

impl ServiceState {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Starting => "starting",
            Self::Stopping => "stopping",
            Self::Failed => "failed",
            Self::StopFailed => "stop-failed",
            Self::Stopped => "stopped",
            Self::Waiting => "waiting",
            Self::Blocked => "blocked",
            Self::Unknown => "unknown",
        }
    }

    /// Whether it is as somebody wants it: running, or stopped on purpose.
    #[must_use]
    pub fn is_settled(self) -> bool {
        match self {
            Self::Running | Self::Stopped => true,
            Self::Starting
            | Self::Stopping
            | Self::Failed
            | Self::StopFailed
            | Self::Waiting
            | Self::Blocked
            | Self::Unknown => false,
        }
    }

    /// Whether it stays like this until a person does something.
    #[must_use]
    pub fn needs_a_person(self) -> bool {
        match self {
            Self::StopFailed | Self::Blocked => true,
            Self::Running
            | Self::Stopped
            | Self::Starting
            | Self::Stopping
            | Self::Failed
            | Self::Waiting
            | Self::Unknown => false,
        }
    }
}

impl fmt::Display for ServiceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// One resource of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceStatus {
    /// Its name within the service.
    pub id: String,
    /// `address`, `process`, `command`, `mount`; empty when the configuration no longer
    /// has it.
    pub kind: String,
    /// `stopped`, `starting`, `running`, `failed` or `stopping`.
    pub state: String,
}

/// A node that may not run a service until somebody clears it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BarView {
    /// Which.
    pub node: String,
    /// Since when.
    pub since: Timestamp,
    /// Why, in words.
    pub because: String,
    /// How it failed there last, as long as that is remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
}

impl BarView {
    /// Why, and how it failed last: `web-1 failed 4 times on alpha, which is barred until
    /// cleared; last: web-1 failed in start: exit 1`.
    #[must_use]
    pub fn sentence(&self) -> String {
        match &self.last {
            Some(last) => format!("{}; last: {last}", self.because),
            None => self.because.clone(),
        }
    }
}

/// A fence that is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FenceView {
    /// Names it.
    pub id: u64,
    /// Who is fenced.
    pub target: String,
    /// Who carries it out.
    pub executor: String,
    /// `under-way`, or `failing` after a try that failed.
    pub state: String,
    /// When it was asked for.
    pub since: Timestamp,
    /// Tries so far that failed.
    pub failed: u32,
    /// Why, in words.
    pub because: String,
    /// How the last try failed: `DEVICE: HOW`.
    #[serde(default)]
    pub trouble: Option<String>,
}
