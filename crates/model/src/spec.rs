//! What is wanted: the cluster as its administrator described it.
//!
//! The TOML text is read by the `config` crate; the log carries the finished `Spec`, so
//! that every node works from the same values whatever its version of the reader.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::duration;
pub use crate::kinds::{
    ExportSpec, MAIN_TABLE, ProcessLimits, RouteSpec, SystemdSpec, VolumeGroupSpec,
};
use crate::networks::{self, PingSpec};
use crate::operation::CopiesTold;
use crate::reload::{AgentReload, ProcessReload, Signal};
use crate::roles::RoleMeant;
use crate::rules::{ClusterRules, CopyCount, PlacementPolicy, ServiceRules};
use crate::{CardName, DeviceName, NetworkName, NodeName, ResourceName, ServiceName};

/// The whole description of a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// The cluster itself.
    pub cluster: ClusterSpec,
    /// Its networks.
    #[serde(default)]
    pub networks: BTreeMap<NetworkName, NetworkSpec>,
    /// Its nodes.
    #[serde(default)]
    pub nodes: BTreeMap<NodeName, NodeSpec>,
    /// Its fence devices.
    #[serde(default)]
    pub fence_devices: BTreeMap<DeviceName, FenceDeviceSpec>,
    /// Its services.
    #[serde(default)]
    pub services: BTreeMap<ServiceName, ServiceSpec>,
}

impl Spec {
    /// Whether nodes must have room for what they run, and something is said of room.
    #[must_use]
    pub fn counts_room(&self) -> bool {
        match self.cluster.rules.placement {
            PlacementPolicy::FewestServices => false,
            PlacementPolicy::Fits | PlacementPolicy::MostRoom | PlacementPolicy::FewestNodes => {
                true
            }
            // It tells nodes apart by something else, so few say anything of room.
            PlacementPolicy::LeastLoad => {
                let mut services = self.services.values();
                services.any(|service| !service.rules.uses.is_empty())
            }
        }
    }

    /// What is described under this name, if it is one that runs: of a service with copies
    /// each copy (`web:0`), of any other the service itself (`web`).
    #[must_use]
    pub fn service_of(&self, name: &ServiceName) -> Option<&ServiceSpec> {
        let Some(number) = name.copy() else {
            return self
                .services
                .get(name)
                .filter(|spec| spec.rules.copies.is_none());
        };
        let spec = self.services.get(&name.service())?;
        (number < self.copies_of(spec)?).then_some(spec)
    }

    /// How many copies of the service there are; none: it has none, and runs under its name.
    #[must_use]
    pub fn copies_of(&self, spec: &ServiceSpec) -> Option<u32> {
        let copies = spec.rules.copies?;
        match copies.count {
            CopyCount::Number(number) => Some(number),
            CopyCount::EveryNode => {
                let nodes = self.nodes.keys().filter(|node| spec.allows(node)).count();
                let nodes = u32::try_from(nodes).unwrap_or(u32::MAX);
                Some(nodes.saturating_mul(copies.per_node))
            }
        }
    }

    /// How many copies of this one's kind there are to be; none: it is no copy.
    #[must_use]
    pub fn copies_told(&self, name: &ServiceName) -> Option<CopiesTold> {
        let spec = self.services.get(&name.service())?;
        let roles = spec.rules.roles.as_ref();
        Some(CopiesTold {
            count: self.copies_of(spec).filter(|_| name.copy().is_some())?,
            per_node: spec.rules.copies?.per_node,
            promoted: roles.map(|roles| roles.promoted),
        })
    }

    /// The names under which a service runs: its own, or those of its copies.
    #[must_use]
    pub fn names_of<'a>(&self, name: &'a ServiceName) -> Vec<Cow<'a, ServiceName>> {
        let copies = self
            .services
            .get(name)
            .and_then(|spec| self.copies_of(spec));
        match copies {
            None => vec![Cow::Borrowed(name)],
            Some(count) => (0..count).map(|n| Cow::Owned(name.with_copy(n))).collect(),
        }
    }

    /// Everything that runs, by name: services, and each copy of those that have copies.
    pub fn running_names(&self) -> impl Iterator<Item = (Cow<'_, ServiceName>, &ServiceSpec)> {
        self.services.iter().flat_map(|(name, spec)| {
            let names = self.names_of(name).into_iter();
            names.map(move |name| (name, spec))
        })
    }
}

impl ServiceSpec {
    /// Which of the copies of a service it needs that it is `after`.
    #[must_use]
    pub fn role_needed(&self, after: &ServiceName) -> RoleMeant {
        match self.rules.after_promoted.contains(after) {
            true => RoleMeant::Promoted,
            false => RoleMeant::Any,
        }
    }

    /// Whether the configuration lets the node run it, as far as it names nodes.
    #[must_use]
    pub fn allows(&self, node: &NodeName) -> bool {
        let is_chosen = match self.elsewhere {
            Elsewhere::Allowed => true,
            Elsewhere::Never => self.prefer.contains(node),
        };
        is_chosen && !self.rules.never_on.contains(node)
    }
}

/// What holds for the cluster as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterSpec {
    /// Its name.
    pub name: String,
    /// Port of heartbeats (UDP) and of peer connections (TCP), on every network.
    pub port: u16,
    /// Every timing that an administrator may change.
    pub timings: Timings,
    /// Times that one node may be fenced within an hour before a person must look (L3).
    pub fences_per_hour_max: u32,
    /// What a node does with its services when it no longer hears a quorate leader.
    pub no_quorum: NoQuorumPolicy,
    /// After an even split: how long the half that runs less waits before it fences the other.
    #[serde(with = "duration", default = "fence_race_delay_default")]
    pub fence_race_delay: Duration,
    /// Addresses outside the cluster. Of two halves that ask a witness or fence at the same
    /// time, the one that reaches fewer of them holds back. Advice only: it never gives quorum.
    #[serde(default)]
    pub ping_targets: Vec<IpAddr>,
    /// Rules about where services are.
    #[serde(default)]
    pub rules: ClusterRules,
}

/// Longer than an ordinary power device needs to switch off, so that the preferred half is
/// done before the other begins.
pub const FENCE_RACE_DELAY_DEFAULT: Duration = Duration::from_secs(1);

fn fence_race_delay_default() -> Duration {
    FENCE_RACE_DELAY_DEFAULT
}

/// The default port. Not registered to another service.
pub const PORT_DEFAULT: u16 = 7411;

/// What a node does with its services when quorum is lost for longer than the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoQuorumPolicy {
    /// Stop them.
    Stop,
    /// Let them run, start nothing.
    Freeze,
    /// Make them subordinate where they have roles; stop those that have none.
    Demote,
    /// Stop them, and let the watchdog reset the node.
    SelfFence,
    /// Go on as if nothing had happened.
    Ignore,
}

impl NoQuorumPolicy {
    /// The word for it in the file and in messages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Freeze => "freeze",
            Self::Demote => "demote",
            Self::SelfFence => "self-fence",
            Self::Ignore => "ignore",
        }
    }

    /// Whether the end of the lease ends what the node runs, so that an armed watchdog is
    /// fed only while the lease holds and its bound can be waited out.
    #[must_use]
    pub fn ends_with_lease(self) -> bool {
        match self {
            Self::Stop | Self::Demote | Self::SelfFence => true,
            Self::Freeze | Self::Ignore => false,
        }
    }
}

/// Every timing of the cluster. `Timings::default()` is profile `default`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timings {
    /// Between two heartbeats on each link.
    #[serde(with = "duration")]
    pub heartbeat: Duration,
    /// Silence after which a node is suspected.
    #[serde(with = "duration")]
    pub suspect_after: Duration,
    /// Silence after which a suspected node is lost, when a majority agrees.
    #[serde(with = "duration")]
    pub lost_after: Duration,
    /// How long a closed daemon on a living kernel is left alone.
    #[serde(with = "duration")]
    pub daemon_down_grace: Duration,
    /// How long a node may run services without hearing from a quorate leader.
    #[serde(with = "duration")]
    pub lease: Duration,
    /// After a start of the whole cluster: how long members that were never heard are
    /// waited for before they are fenced.
    #[serde(with = "duration")]
    pub start_grace: Duration,
}

impl Timings {
    /// Profile `fast`: power loss to answering service in under 0.4 s on a quiet network.
    pub const FAST: Self = Self {
        heartbeat: Duration::from_millis(20),
        suspect_after: Duration::from_millis(100),
        lost_after: Duration::from_millis(160),
        ..Self::DEFAULT
    };
    /// Profile `default`.
    pub const DEFAULT: Self = Self {
        heartbeat: Duration::from_millis(100),
        suspect_after: Duration::from_millis(500),
        lost_after: Duration::from_millis(800),
        daemon_down_grace: Duration::from_secs(30),
        lease: Duration::from_secs(3),
        start_grace: Duration::from_secs(30),
    };
}

impl Default for Timings {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A named set of interchangeable cards on each node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkSpec {
    /// For how long a failed card is used only where no other has a link.
    #[serde(with = "duration")]
    pub barred_for: Duration,
    /// How long it may be bad on a node before services leave.
    #[serde(with = "duration")]
    pub move_after: Duration,
    /// How long it must be good again on a node before services come.
    #[serde(with = "duration")]
    pub steady_after: Duration,
    /// What should answer on it.
    pub ping: Option<PingSpec>,
}

impl Default for NetworkSpec {
    fn default() -> Self {
        Self {
            barred_for: networks::BARRED_FOR_DEFAULT,
            move_after: networks::MOVE_AFTER_DEFAULT,
            steady_after: networks::STEADY_AFTER_DEFAULT,
            ping: None,
        }
    }
}

/// A machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSpec {
    /// Where it sits on each network.
    pub networks: BTreeMap<NetworkName, Attachment>,
    /// Devices that can fence it, in the order in which they are tried.
    #[serde(default)]
    pub fence: Vec<DeviceName>,
    /// The watchdog that resets it when it is not fed.
    #[serde(default)]
    pub watchdog: Option<WatchdogSpec>,
    /// What services ask for by `where`; what is set at run time stands before these.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// What it has room for, by kind of good.
    #[serde(default)]
    pub capacity: BTreeMap<String, u64>,
}

/// A device that resets its machine unless it is fed in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchdogSpec {
    /// Absolute path, like `/dev/watchdog`.
    pub device: String,
    /// How long after the last feed it resets the machine.
    #[serde(with = "duration")]
    pub timeout: Duration,
}

/// Watchdog time where the file gives none: a few times the default lease, short against a
/// person who waits.
pub const WATCHDOG_TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

/// How one node is attached to one network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its own address there, with the length of the prefix.
    pub address: IpNet,
    /// Cards of this network, best first; without any, the card that carries `address`.
    #[serde(default)]
    pub cards: Vec<CardName>,
}

/// A device that can prove that a node does no more harm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FenceDeviceSpec {
    /// Name or absolute path of an agent that follows the fence-agents API.
    pub agent: String,
    /// Parameters of the agent.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// What the device calls each node; a node that is not listed goes by its own name.
    #[serde(default)]
    pub hosts: BTreeMap<NodeName, String>,
    /// What follows a confirmed `off`.
    pub action: FenceAction,
    /// How long to wait before acting.
    #[serde(with = "duration")]
    pub delay: Duration,
    /// Further tries after the first that failed.
    pub retries: u32,
    /// Limit of one run of the agent.
    #[serde(with = "duration")]
    pub limit: Duration,
}

/// What follows a confirmed `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FenceAction {
    /// The node stays off.
    Off,
    /// The node is switched on again.
    Reboot,
}

/// What clients use: resources that start in order and stop in reverse, on one node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceSpec {
    /// Nodes in order of preference.
    #[serde(default)]
    pub prefer: Vec<NodeName>,
    /// Whether nodes outside `prefer` may run it.
    pub elsewhere: Elsewhere,
    /// Whether it returns to a better node that comes back.
    pub failback: Failback,
    /// Services that must run before this one starts.
    #[serde(default)]
    pub after: Vec<ServiceName>,
    /// Whether it starts without being asked.
    pub autostart: Autostart,
    /// Services with a higher number are recovered first.
    pub priority: i32,
    /// How much it wants to stay where it is, against one step in `prefer` (100 points).
    pub stickiness: u32,
    /// When a failure is mended on the same node, and when elsewhere.
    pub restart: RestartPolicy,
    /// What few services need.
    #[serde(default)]
    pub rules: ServiceRules,
    /// What it is made of, in start order.
    pub resources: Vec<ResourceSpec>,
    /// What it must come back after. A change under which it would not is refused.
    #[serde(default)]
    pub survive: Option<Survive>,
}

/// What a service must come back after, wherever it then runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Survive {
    /// The loss of any one node.
    AnyNode,
    /// The loss of any one network.
    AnyNetwork,
    /// Any one failure: of a node, a network, a card, a witness, a fence device or a resource.
    AnyOne,
    /// The loss of any two nodes at the same moment.
    AnyTwoNodes,
}

impl Survive {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::AnyNode,
        Self::AnyNetwork,
        Self::AnyOne,
        Self::AnyTwoNodes,
    ];

    /// The word for it in the file and in messages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::AnyNode => "any-node",
            Self::AnyNetwork => "any-network",
            Self::AnyOne => "any-one",
            Self::AnyTwoNodes => "any-two-nodes",
        }
    }
}

/// Whether nodes outside `prefer` may run a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Elsewhere {
    /// Any member may, the preferred ones first.
    Allowed,
    /// Only those in `prefer` (`only = true`).
    Never,
}

/// Whether a service returns to a better node that comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failback {
    /// It stays put.
    Never,
    /// It moves as soon as the better node is ready.
    WhenPossible,
}

/// Whether a service starts without being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Autostart {
    /// As soon as it can.
    Yes,
    /// Only after `mainstay start`.
    No,
}

/// Up to `times` failures within `within` are mended by a restart in place; one more bars
/// the node for the service until somebody clears it, and the service moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartPolicy {
    /// Restarts allowed in the window.
    pub times: u32,
    /// The window.
    #[serde(with = "duration")]
    pub within: Duration,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self {
            times: 3,
            within: Duration::from_secs(3600),
        }
    }
}

/// One part of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceSpec {
    /// Unique within the service.
    pub name: ResourceName,
    /// What it is.
    pub kind: ResourceKind,
    /// Limits of its operations.
    pub limits: Limits,
}

/// How long each operation may take, and how often the state is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Of a start.
    #[serde(with = "duration")]
    pub start: Duration,
    /// Of a stop (TERM); as long again is given after KILL.
    #[serde(with = "duration")]
    pub stop: Duration,
    /// Of a question for the state.
    #[serde(with = "duration")]
    pub status: Duration,
    /// Between two questions for the state.
    #[serde(with = "duration")]
    pub every: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(60),
            stop: Duration::from_secs(20),
            status: Duration::from_secs(20),
            every: Duration::from_secs(10),
        }
    }
}

/// The kinds of resources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceKind {
    /// An IP address on a card of a network.
    Address(AddressSpec),
    /// A program that stays in the foreground.
    Process(ProcessSpec),
    /// Three programs that start, stop and tell the state.
    Command(CommandSpec),
    /// A mounted file system.
    Mount(MountSpec),
    /// What a resource agent operates: OCF, or an LSB init script.
    Agent(AgentSpec),
    /// A unit of systemd.
    Systemd(SystemdSpec),
    /// A route in a table of the kernel.
    Route(RouteSpec),
    /// A directory that NFS clients may mount.
    Export(ExportSpec),
    /// A volume group of LVM.
    VolumeGroup(VolumeGroupSpec),
}

impl ResourceKind {
    /// The word for it in messages, files and JSON.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Address(_) => "address",
            Self::Process(_) => "process",
            Self::Command(_) => "command",
            Self::Mount(_) => "mount",
            Self::Agent(_) => "agent",
            Self::Systemd(_) => "systemd",
            Self::Route(_) => "route",
            Self::Export(_) => "export",
            Self::VolumeGroup(_) => "volume_group",
        }
    }

    /// The address, if it is one.
    #[must_use]
    pub fn address(&self) -> Option<&AddressSpec> {
        let Self::Address(spec) = self else {
            return None;
        };
        Some(spec)
    }

    /// The network through which clients or packets reach it, where the kind has one.
    #[must_use]
    pub fn network(&self) -> Option<&NetworkName> {
        match self {
            Self::Address(spec) => Some(&spec.network),
            Self::Route(spec) => spec.network.as_ref(),
            Self::Process(_)
            | Self::Command(_)
            | Self::Mount(_)
            | Self::Agent(_)
            | Self::Systemd(_)
            | Self::Export(_)
            | Self::VolumeGroup(_) => None,
        }
    }

    /// Whether a program runs by it: not what only prepares the ground for one.
    #[must_use]
    pub fn is_program(&self) -> bool {
        match self {
            Self::Process(_) | Self::Command(_) | Self::Agent(_) | Self::Systemd(_) => true,
            Self::Address(_)
            | Self::Mount(_)
            | Self::Route(_)
            | Self::Export(_)
            | Self::VolumeGroup(_) => false,
        }
    }

    /// The mount, if it is one.
    #[must_use]
    pub fn mount(&self) -> Option<&MountSpec> {
        let Self::Mount(spec) = self else {
            return None;
        };
        Some(spec)
    }
}

/// What a resource agent operates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentSpec {
    /// `ocf:PROVIDER:TYPE` (the Open Cluster Framework's resource agent API, 1.0 or 1.1) or
    /// `lsb:SCRIPT` (an init script of the Linux Standard Base).
    pub agent: String,
    /// Parameters of the agent (`OCF_RESKEY_...`); init scripts have none.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// Deeper questions for the state than the usual one (`OCF_CHECK_LEVEL`), by level.
    #[serde(default)]
    pub depth: Vec<Depth>,
    /// What the agent said of reloads when it was asked; none: nobody asked it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reload: Option<AgentReload>,
}

/// A deeper question for the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Depth {
    /// How deep (`OCF_CHECK_LEVEL`): 0 is the usual one, and not listed.
    pub level: u32,
    /// At least so long between two of them.
    #[serde(with = "duration")]
    pub every: Duration,
}

impl AgentSpec {
    /// Provider and type, if it is an OCF agent.
    #[must_use]
    pub fn ocf(&self) -> Option<(&str, &str)> {
        self.agent.strip_prefix("ocf:")?.split_once(':')
    }

    /// The name of the script, if it is an init script.
    #[must_use]
    pub fn lsb(&self) -> Option<&str> {
        self.agent.strip_prefix("lsb:")
    }
}

/// An IP address (v4 or v6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressSpec {
    /// The address and the length of its prefix.
    pub address: IpNet,
    /// On which network.
    pub network: NetworkName,
    /// How long to listen for another owner before the address is taken; zero: not at all.
    #[serde(with = "duration")]
    pub duplicate_wait: Duration,
}

/// A program that stays in the foreground and is supervised.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessSpec {
    /// Program (absolute path) and arguments; no shell is involved.
    pub argv: Vec<String>,
    /// Environment beside a minimal one.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Account to run as; root without.
    #[serde(default)]
    pub user: Option<String>,
    /// Group to run as; that of the account without.
    #[serde(default)]
    pub group: Option<String>,
    /// What it may use of its machine.
    #[serde(default)]
    pub limits: ProcessLimits,
    /// Working directory; `/` without.
    #[serde(default)]
    pub directory: Option<String>,
    /// When it counts as started.
    pub ready: Ready,
    /// The signal by which it is asked to end; `SIGTERM` without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<Signal>,
    /// How it is told to read its own configuration again, where it can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reload: Option<ProcessReload>,
}

/// When a process counts as started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ready {
    /// As soon as it has been executed.
    #[default]
    Executed,
    /// When something accepts TCP connections there (`ADDRESS:PORT`).
    Port(std::net::SocketAddr),
    /// When it says so on the socket that `NOTIFY_SOCKET` names (sd_notify(3): `READY=1`).
    Notify,
    /// When an HTTP server answers there with a status from 200 to 399.
    Http {
        /// Where it listens.
        address: std::net::SocketAddr,
        /// What is asked for, like `/health`.
        path: String,
    },
    /// When there is such a file, made or written since the start.
    File(String),
    /// When this program, run again and again, ends with 0.
    Exit(Vec<String>),
}

/// Programs (absolute path, arguments) which start, stop and tell the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandSpec {
    /// Ends with 0 when started.
    pub start: Vec<String>,
    /// Ends with 0 when stopped, also when it was not running.
    pub stop: Vec<String>,
    /// Ends with 0 when running, 3 when stopped (as init scripts do), 8 when running promoted,
    /// all else is a failure.
    pub status: Vec<String>,
    /// How it is promoted and demoted, where it can be.
    #[serde(default)]
    pub roles: Option<RolePrograms>,
    /// What hands it over to another node alive, where it can be.
    #[serde(default)]
    pub migration: Option<Box<MigrationCommands>>,
    /// Tells it to read its own configuration again, where it can: ends with 0 when it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reload: Option<Vec<String>>,
}

/// Programs that take a resource from one node to another without a stop. The other node is
/// named by `MAINSTAY_PEER`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationCommands {
    /// Run where it is. Ends with 0 when all is handed over and nothing runs here.
    pub to: Vec<String>,
    /// Run where it goes, after that. Ends with 0 when it runs there.
    pub from: Vec<String>,
}

/// Programs that change the role of what runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolePrograms {
    /// Ends with 0 when promoted, also when it was already.
    pub promote: Vec<String>,
    /// Ends with 0 when it is an ordinary one, also when it was already.
    pub demote: Vec<String>,
}

/// A mounted file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountSpec {
    /// What is mounted.
    pub source: MountSource,
    /// Where: an absolute path of a directory.
    pub target: String,
    /// Mount options, joined by commas.
    #[serde(default)]
    pub options: Vec<String>,
    /// Whether the file system is checked before it is mounted.
    pub check: FsckPolicy,
}

/// What a mount mounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MountSource {
    /// A block device, or an image file through a loop device, with its file system's type.
    Device {
        /// Absolute path.
        path: String,
        /// `ext4`, `xfs`, ...
        filesystem: String,
    },
    /// A directory shown at a second place.
    Bind {
        /// Absolute path.
        path: String,
    },
    /// A directory of an NFS server.
    Nfs {
        /// Name or address of the server; an IPv6 address without brackets.
        server: String,
        /// What it exports: an absolute path.
        path: String,
    },
    /// Memory. What is in it goes with the mount.
    Tmpfs {
        /// How many bytes it may hold.
        size: u64,
    },
}

/// Whether a file system is checked before it is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FsckPolicy {
    /// Never.
    Never,
    /// Mend what can be mended without questions (`fsck -p`); refuse to mount otherwise.
    Preen,
    /// Even when it seems clean (`fsck -f -p`).
    Force,
}
