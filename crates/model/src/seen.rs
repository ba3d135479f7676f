//! What is observed: the replicated picture of nodes, services and fences.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::checks::ChecksSeen;
use crate::migration::Migration;
use crate::networks::NetworksSeen;
use crate::operation::{ResourceAddress, Verb};
use crate::reload::ReloadSeen;
use crate::roles::RoleSeen;
use crate::spec::NodeSpec;
use crate::{
    BootId, ClaimEpoch, ClusterTime, DeviceName, FenceId, Moment, NodeId, NodeName, OperationTimes,
    PlanId, Reason, ResourceName, ServiceName, Spans, TicketName, UserName, WallTime, WitnessId,
    WitnessName, duration,
};

/// The picture of the cluster that all nodes share.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Every member, also those that are down.
    pub nodes: BTreeMap<NodeName, NodeSeen>,
    /// Every service of the spec, and those no longer in it that still run.
    pub services: BTreeMap<ServiceName, ServiceSeen>,
    /// Fences that are asked for and not yet settled, by target.
    pub fences: BTreeMap<NodeName, FenceSeen>,
    /// Whether the whole cluster is in maintenance: nothing is started, stopped or fenced.
    pub maintenance: Maintenance,
    /// Fence devices that confirmed what was not true. What they confirm does not count until
    /// a person says that they can be trusted again.
    #[serde(default)]
    pub distrusted: BTreeMap<DeviceName, Distrust>,
    /// Witnesses that were added, by the name that a person gave them.
    #[serde(default)]
    pub witnesses: BTreeMap<WitnessName, WitnessSeen>,
    /// The last forced change that a person vouched for.
    #[serde(default)]
    pub forced: Option<ForcedSeen>,
    /// A quorum of another history that is heard although this one has a quorum too.
    #[serde(default)]
    pub contest: Option<ContestSeen>,
    /// Tickets that a person has spoken of.
    #[serde(default)]
    pub tickets: BTreeMap<TicketName, TicketSeen>,
    /// How long each device of the spec took to confirm a fence, from the question on.
    #[serde(default)]
    pub fence_times: BTreeMap<DeviceName, Spans>,
    /// The witness that decides between two halves, as history knows it; none: confirmed
    /// fencing. What counts is the configuration of the log, which changes before this.
    #[serde(default)]
    pub arbiter: Option<WitnessName>,
    /// Live migrations that are not over.
    #[serde(default)]
    pub migrations: BTreeMap<ServiceName, Migration>,
}

/// A right that one of several clusters holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketSeen {
    /// How it stands here.
    pub standing: TicketStanding,
    /// Since when.
    pub since: WallTime,
    /// Who said so.
    pub by: UserName,
}

/// How a ticket stands in this cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TicketStanding {
    /// It is here.
    Granted,
    /// It is here, and about to be given away: what needs it stops in peace.
    Standby,
    /// It is not here.
    Revoked,
}

impl TicketStanding {
    /// The word for it in `ticket`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Standby => "standby",
            Self::Revoked => "revoked",
        }
    }
}

/// A forced change by a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForcedSeen {
    /// The history that it made.
    pub generation: u64,
    /// Of whom the person said that they are off, until each has come back to this history.
    pub doubted: BTreeSet<NodeName>,
    /// Who.
    pub by: UserName,
    /// When.
    pub at: WallTime,
}

/// Two histories with a quorum each: somebody or something vouched falsely.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContestSeen {
    /// Who leads there, or speaks for it.
    pub node: NodeName,
    /// The generation of that history.
    pub generation: u64,
    /// When it was noticed.
    pub at: WallTime,
}

impl Seen {
    /// Whether this side must stop its services (rule 5): it exists because of a person's word,
    /// and that word was not true.
    #[must_use]
    pub fn must_stand_back(&self) -> bool {
        let forced = self.forced.as_ref();
        let is_doubted = forced.is_some_and(|forced| !forced.doubted.is_empty());
        is_doubted && self.contest.is_some()
    }
}

/// Why a fence device is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distrust {
    /// The node that it said was off.
    pub node: NodeName,
    /// The boot of it that was heard afterwards.
    pub boot: BootId,
    /// When that was noticed.
    pub at: WallTime,
}

/// A witness: a vote from outside the cluster, which never runs services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitnessSeen {
    /// Its number.
    pub id: WitnessId,
    /// What it is, and where.
    pub kind: WitnessKind,
    /// Since when.
    pub since: WallTime,
    /// Who added it.
    pub by: UserName,
    /// Of a disk: which slots belong to which node, also of nodes that have left. A place is
    /// never given to another node. A node that came when all were taken has none.
    #[serde(default)]
    pub places: BTreeMap<NodeId, u16>,
}

/// What a witness is, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WitnessKind {
    /// A small process elsewhere (`mainstay witness`).
    Network {
        /// Where it listens (TCP).
        address: SocketAddr,
        /// Its public key (Ed25519).
        key: [u8; 32],
    },
    /// Some sectors of shared storage.
    Disk {
        /// Absolute path of the device or file, the same on every node.
        path: String,
        /// What was written on it when it was added (random): sectors that were prepared anew
        /// have forgotten what they granted, and do not carry it any more.
        mark: u64,
    },
}

/// Whether something is in maintenance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Maintenance {
    /// Mainstay acts.
    #[default]
    Off,
    /// Mainstay watches and keeps its hands off.
    On,
}

/// A member as it is seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeSeen {
    /// Its number.
    pub id: NodeId,
    /// Its public key (Ed25519).
    pub key: [u8; 32],
    /// How it is.
    pub state: NodeState,
    /// Since when.
    pub since: WallTime,
    /// Whether it may run services.
    pub standby: Standby,
    /// When it was fenced since a person last vouched for it, oldest first, at most
    /// `FENCED_AT_MAX`.
    #[serde(default, rename = "fenced")]
    pub fenced_at: Vec<Moment>,
    /// The boot in which it last told what runs there. While this is not its present boot,
    /// it may run anything.
    #[serde(default)]
    pub probed: Option<BootId>,
    /// The newest run of its daemon that is known. Runs of earlier starts are over, and what
    /// they had still to say is void.
    #[serde(default)]
    pub run: u64,
    /// How long after the last feed the node's watchdog resets it, where it is armed in its
    /// present boot and fed only while the lease holds. None: not armed, or not known.
    #[serde(default, with = "duration::option")]
    pub watchdog: Option<Duration>,
    /// The boot and the number of its last word about that.
    #[serde(default)]
    pub watchdog_word: Option<(BootId, u64)>,
    /// Attributes that were set at run time; they stand before those of the spec.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// Whether nothing on it is touched.
    #[serde(default)]
    pub maintenance: Maintenance,
    /// What it tells of its networks.
    #[serde(default)]
    pub networks: Box<NetworksSeen>,
    /// What people have done to its checks.
    #[serde(default, skip_serializing_if = "is_untouched")]
    pub checks: Box<ChecksSeen>,
    /// Attributes that it has measured itself in its present boot: see [`crate::load`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub measured: BTreeMap<String, String>,
}

fn is_untouched(checks: &ChecksSeen) -> bool {
    checks.is_empty()
}

/// More fences of one node within an hour than any brake may allow.
pub const FENCED_AT_MAX: usize = 100;

impl NodeSeen {
    /// One of its attributes: as set at run time, else as it told itself, else as the spec says.
    #[must_use]
    pub fn attribute<'a>(&'a self, spec: Option<&'a NodeSpec>, key: &str) -> Option<&'a str> {
        let set = self.attributes.get(key);
        let set = set.or_else(|| self.networks.attributes.get(key));
        let set = set.or_else(|| self.measured.get(key));
        let value = set.or_else(|| spec?.attributes.get(key));
        value.map(String::as_str)
    }

    /// All its attributes: those set at run time stand before those of the spec.
    #[must_use]
    pub fn all_attributes(&self, spec: Option<&NodeSpec>) -> BTreeMap<String, String> {
        let mut all = spec.map(|spec| spec.attributes.clone()).unwrap_or_default();
        let told = self.measured.iter().chain(&self.networks.attributes);
        let set = told.chain(&self.attributes);
        all.extend(set.map(|(key, value)| (key.clone(), value.clone())));
        all
    }

    /// Whether it may run things that nobody knows of: it has not told in its present boot
    /// what runs there, and is not proven down.
    #[must_use]
    pub fn may_run_anything(&self) -> bool {
        match &self.state {
            NodeState::Down => false,
            NodeState::Lost { boot: None, .. } => true,
            NodeState::Starting { .. }
            | NodeState::Online { .. }
            | NodeState::DaemonDown { .. }
            | NodeState::Lost { .. }
            | NodeState::Leaving { .. } => self.probed != self.state.boot(),
        }
    }
}

/// Whether a node may run services.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standby {
    /// It may.
    #[default]
    Off,
    /// An operator set it aside.
    On {
        /// Who.
        by: UserName,
    },
}

/// How a member is.
///
/// ```text
///             NodeUp                 Probed
///   Down ──────────────► Starting ──────────► Online ◄──────┐ NodeUp
///    ▲ fence confirmed,      │                 │  │         │ (same boot)
///    │ clean leave           ▼ NodeLost        │  └──► DaemonDown
///    └──────────────────── Lost ◄──────────────┘             │
///                            ▲───────────────────────────────┘
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeState {
    /// Proven to run nothing: never started, left cleanly, or fenced.
    Down,
    /// Heard under this boot; has not yet told what runs there.
    Starting {
        /// This boot.
        boot: BootId,
    },
    /// A member that may run services.
    Online {
        /// This boot.
        boot: BootId,
    },
    /// Its daemon is closed, its kernel lives; its services are left alone.
    DaemonDown {
        /// This boot.
        boot: BootId,
    },
    /// Silent. What it ran may still run: it must be fenced.
    Lost {
        /// The boot that must be proven ended; none when it was never heard since the
        /// whole cluster started.
        boot: Option<BootId>,
        /// The evidence.
        because: Reason,
    },
    /// It asked to leave: its services move away, then it is down.
    Leaving {
        /// This boot.
        boot: BootId,
    },
}

impl NodeState {
    /// The word for it in `status`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Starting { .. } => "starting",
            Self::Online { .. } => "online",
            Self::DaemonDown { .. } => "daemon-down",
            Self::Lost { .. } => "lost",
            Self::Leaving { .. } => "leaving",
        }
    }

    /// The boot that may be running things, where one is known.
    #[must_use]
    pub fn boot(&self) -> Option<BootId> {
        match self {
            Self::Down => None,
            Self::Lost { boot, .. } => *boot,
            Self::Starting { boot }
            | Self::Online { boot }
            | Self::DaemonDown { boot }
            | Self::Leaving { boot } => Some(*boot),
        }
    }
}

/// What is known of a boot in which a node is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BootOf {
    /// Nothing against it.
    Open,
    /// It is over; what is heard of it is late.
    Ended,
    /// Somebody or something confirmed that it is over. Should it live, that was not true.
    Vouched,
}

/// A service as it is seen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ServiceSeen {
    /// Who may run it now. There is never a second claim (S1).
    pub claim: Option<Claim>,
    /// What operators want of it.
    pub wish: Wish,
    /// Whether it is frozen: left as it is, whatever happens.
    pub frozen: Maintenance,
    /// A move that was asked for and is under way; gone when the service runs there.
    pub moving: Option<MoveRequest>,
    /// Failures, oldest first, at most `FAILURES_MAX`; those beyond the window are dropped.
    #[serde(default)]
    pub failures: Vec<Failure>,
    /// Nodes barred for this service until cleared, and why.
    #[serde(default)]
    pub barred: BTreeMap<NodeName, Bar>,
    /// A failure after which it stays stopped until somebody clears or starts it.
    #[serde(default)]
    pub held: Option<Bar>,
    /// Nodes where it was found running without a claim, and the end of a live migration that
    /// has no claim: it may run there.
    #[serde(default)]
    pub strays: BTreeMap<NodeName, BootId>,
    /// Nodes that have yet to tell whether it runs there: it is new in the configuration, and
    /// may have been started before.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sought: BTreeMap<NodeName, BootId>,
    /// Nodes on which it was found running although it ran elsewhere, where its rules ask for
    /// a stop of all that was found: until nothing of it is left anywhere.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub stops_all: BTreeSet<NodeName>,
    /// Why the last claim on it ended (told as reason of the next start).
    pub last_end: Option<Reason>,
    /// Version of the spec in which its resources last changed. A claim made from an older
    /// one is stopped and granted anew.
    #[serde(default)]
    pub changed_in: u64,
    /// Version of the spec in which they last changed in a way that a reload takes over. What
    /// runs under a claim made from an older one is reloaded.
    #[serde(default)]
    pub renewed_in: u64,
    /// Since when it is as it is.
    pub since: WallTime,
    /// How long its operations took.
    #[serde(default)]
    pub times: OperationTimes,
    /// A restart that was asked for, of a copy whose turn has not come; gone when it restarts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<RestartRequest>,
    /// Whether it waits for the services that it is `after`, until it is started or stopped
    /// by order once more.
    #[serde(default)]
    pub dependencies: Dependencies,
    /// What is known of its checks beside the file.
    #[serde(default, skip_serializing_if = "ChecksSeen::is_empty")]
    pub checks: ChecksSeen,
    /// Of a promoted copy: that an operator wants another one promoted. Gone when one is.
    #[serde(default)]
    pub moving_role: Option<MoveRequest>,
    /// Why it is not promoted any more, until another copy is (told as reason of that).
    #[serde(default)]
    pub role_end: Option<Reason>,
}

/// Whether a service waits for those that it is `after`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dependencies {
    /// It does, and stops before they do.
    #[default]
    Kept,
    /// A person wants it to run without them.
    Ignored,
}

/// Enough for any restart window that makes sense; more is noise.
pub const FAILURES_MAX: usize = 100;

/// What operators want of a service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wish {
    /// As the spec's `autostart` says.
    #[default]
    Spec,
    /// Run.
    Run {
        /// Who asked.
        by: UserName,
    },
    /// Do not run.
    Stop {
        /// Who asked.
        by: UserName,
    },
}

/// A restart that an operator asked for, where copies restart one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartRequest {
    /// Who asked.
    pub by: UserName,
    /// What of it.
    pub scope: RestartScope,
}

/// A move that an operator asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveRequest {
    /// Where to; `None`: anywhere but where it is.
    pub to: Option<NodeName>,
    /// From where.
    pub from: Option<NodeName>,
    /// Who asked.
    pub by: UserName,
}

/// The committed right of one node, in one boot, to run a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// The node.
    pub node: NodeName,
    /// Its boot.
    pub boot: BootId,
    /// Names this claim.
    pub epoch: ClaimEpoch,
    /// What the node shall do.
    pub goal: Goal,
    /// What the node reports.
    pub phase: Phase,
    /// How often it was restarted under this claim. The node restarts when this is more
    /// than it has carried out.
    pub incarnation: u32,
    /// What a restart covers.
    pub scope: RestartScope,
    /// State of each resource, as reported, in start order.
    pub resources: Vec<(ResourceName, ResourceState)>,
    /// Version of the spec that the service was granted from, or reloaded to.
    pub made_from: u64,
    /// Reloads under this claim.
    #[serde(default, skip_serializing_if = "ReloadSeen::is_untouched")]
    pub reload: ReloadSeen,
    /// Its role, where the service has roles.
    #[serde(default)]
    pub role: RoleSeen,
    /// Numbers the wishes for its role under this claim. What the node tells of the role counts
    /// only as an answer to the latest.
    #[serde(default)]
    pub turn: u32,
    /// The plan that made or last changed it.
    pub plan: PlanId,
    /// Why it was granted, restarted or revoked: the latest decision.
    pub because: Reason,
    /// Since when it is in this phase.
    pub since: WallTime,
    /// When its node got it, where services are placed by load: the load of what came a moment
    /// ago is not measured yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placed_at: Option<ClusterTime>,
}

/// What a claim asks of its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// Run the service.
    Run,
    /// Stop it and give the claim back.
    Stop,
}

/// What the holder of a claim reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Resources are being started (or stopped first, in a restart).
    Starting,
    /// All resources run.
    Running,
    /// A resource failed; the node waits for a decision.
    Failed(ResourceFailure),
    /// Resources are being stopped.
    Stopping,
    /// A stop failed after all its stages; only fencing helps, or a person.
    StopFailed(ResourceFailure),
}

impl Phase {
    /// The word for it in `status`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Failed(_) => "failed",
            Self::Stopping => "stopping",
            Self::StopFailed(_) => "stop-failed",
        }
    }
}

/// Which resource failed, in what and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceFailure {
    /// Which.
    pub resource: ResourceName,
    /// In which operation; `None`: it ended or vanished by itself.
    pub verb: Option<Verb>,
    /// How: `exit 1`, `signal 9`, `address gone`, ...
    pub how: String,
    /// Tail of its output.
    #[serde(default)]
    pub output: String,
}

/// What a restart covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartScope {
    /// The failed resource and those after it in the order.
    FailedOnward,
    /// All resources.
    All,
}

/// State of one resource on the node that holds the claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceState {
    /// Not started, or stopped.
    Stopped,
    /// A start is under way.
    Starting,
    /// Up.
    Running,
    /// It failed.
    Failed,
    /// A stop is under way.
    Stopping,
}

impl ResourceState {
    /// The word for it in `status`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Failed => "failed",
            Self::Stopping => "stopping",
        }
    }
}

/// One failure of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// When.
    pub at: WallTime,
    /// When in the cluster's life.
    #[serde(default)]
    pub clock: ClusterTime,
    /// Where.
    pub node: NodeName,
    /// What.
    pub failure: ResourceFailure,
}

/// A node that may not run a service until somebody clears it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    /// Since when.
    pub at: WallTime,
    /// Since when in the cluster's life.
    #[serde(default)]
    pub clock: ClusterTime,
    /// Why.
    pub because: Reason,
    /// The version of the configuration with which it failed; 0 where that is not known.
    #[serde(default)]
    pub made_from: u64,
}

impl Bar {
    /// When it ends by itself, if it does after `expires`.
    #[must_use]
    pub fn ends(&self, expires: Option<Duration>) -> Option<ClusterTime> {
        expires.map(|span| self.clock + span)
    }

    /// Whether it still bars.
    #[must_use]
    pub fn holds(&self, expires: Option<Duration>, now: ClusterTime) -> bool {
        self.ends(expires).is_none_or(|ends| now < ends)
    }

    /// In short, where the node is named already: `barred since 22:01: web-1 failed 4 times`.
    /// A bar of another day (UTC) than `now` is told with its day.
    #[must_use]
    pub fn clause(&self, now: WallTime) -> String {
        let (at, now) = (self.at.to_string(), now.to_string());
        let day_of = |time: &str| time.split_once('T').map_or(0, |(day, _)| day.len());
        let (day, of_day) = at.split_at(day_of(&at));
        let minute = of_day.get(1..6).unwrap_or(of_day);
        let why = self.because.clause();
        if day == &now[..day_of(&now)] {
            format!("barred since {minute}: {why}")
        } else {
            format!("barred since {day} {minute}: {why}")
        }
    }
}

/// A fence that is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FenceSeen {
    /// Names it.
    pub id: FenceId,
    /// The boot that must be proven ended.
    pub boot: Option<BootId>,
    /// Who carries it out.
    pub executor: NodeName,
    /// Tries so far which failed.
    pub failed: u32,
    /// Why.
    pub because: Reason,
    /// When it was asked for.
    pub at: WallTime,
    /// When that was in the cluster's life.
    #[serde(default)]
    pub clock: ClusterTime,
    /// How it stands.
    #[serde(default)]
    pub standing: FenceStanding,
}

/// How a fence that is not settled stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FenceStanding {
    /// The executor is at it.
    #[default]
    Asked,
    /// The last try failed; another one must be asked for.
    Failed {
        /// When.
        at: WallTime,
        /// When in the cluster's life.
        #[serde(default)]
        clock: ClusterTime,
        /// Which device was last tried, if any.
        device: Option<DeviceName>,
        /// How.
        how: String,
    },
}

/// A fence that is settled, for the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FenceRecord {
    /// Names it.
    pub id: FenceId,
    /// Who was fenced.
    pub target: NodeName,
    /// Who carried it out.
    pub executor: NodeName,
    /// Why.
    pub because: Reason,
    /// When it was asked for.
    pub asked_at: WallTime,
    /// When it ended.
    pub ended_at: WallTime,
    /// How.
    pub result: FenceResult,
}

/// How a fence ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FenceResult {
    /// The device's own later status said off.
    Confirmed {
        /// Which device.
        device: DeviceName,
    },
    /// A person vouched for it.
    ConfirmedByOperator {
        /// Who.
        user: UserName,
    },
    /// It failed.
    Failed {
        /// Which device was last tried, if any.
        device: Option<DeviceName>,
        /// How.
        how: String,
    },
    /// The target came back under a newer boot before the device had confirmed.
    Rebooted,
    /// No device answered; the target's lease and then its watchdog have run out.
    OutlivedWatchdog {
        /// How long the executor waited since it knew that the loss was committed.
        #[serde(with = "duration")]
        waited: Duration,
    },
}

/// What a node found when it looked at its resources at start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Which resource.
    pub address: ResourceAddress,
    /// How it was found.
    pub state: ResourceState,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_told_in_a_clause_with_its_day_when_that_has_passed() {
        let bar = Bar {
            at: WallTime(1_795_212_099_999),
            clock: ClusterTime(0),
            because: Reason::FailedTooOften {
                resource: "process-1".parse().unwrap(),
                node: "alpha".parse().unwrap(),
                count: 4,
                barred_for: None,
            },
            made_from: 0,
        };
        let told = |hours: u64| bar.clause(WallTime(bar.at.0 + hours * 3_600_000));
        assert_eq!(told(0), "barred since 22:01: process-1 failed 4 times");
        assert_eq!(
            told(2),
            "barred since 2026-11-20 22:01: process-1 failed 4 times"
        );
    }
}
