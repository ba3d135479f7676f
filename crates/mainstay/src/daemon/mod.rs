//! `mainstay daemon`: the hands around one `node::Node`.
//!
//! One task owns everything (`control.rs`); disk, peers, agents, fences, heartbeats and
//! the socket each have their own task or thread and speak to it by channels. It decides
//! nothing itself.

mod asks;
mod cards;
mod checks;
mod control;
mod disk;
mod dog;
mod environment;
mod explain;
mod fences;
mod joining;
mod load;
mod locks;
mod members;
mod network;
mod notices;
mod orders;
mod pending;
mod pings;
mod quorum;
mod reach;
mod relays;
mod unheard;
mod views;
mod wall;
mod what_if;
mod witness;
mod written;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use agents::Agents;
use api::{ApiError, ErrorCode};
use consensus::{ClusterKey, Identity, Log, NodeKey, Transport, TransportConfig};
use host::heartbeat::{self, HeartbeatConfig, Memory, Scheduling};
use membership::{Event, Voice};
use model::level::LEVEL;
use model::{BootId, NodeName, Spec};
use node::{Node, NodeConfig, RequestId};
use tokio::sync::mpsc;
use wire::heartbeat::{Incarnation, Origin, RunId};

use control::{Control, Input};
pub use members::{Known, Member};
use network::Topology;

/// Inputs that wait for the control loop. Heartbeat events, ends of operations and peers'
/// messages come in bursts of some dozens; a queue this long means that it is stuck.
const INPUTS_MAX: usize = 4096;

/// Between two beats of a leader that has nothing to say: four in the shortest election
/// time-out.
const RAFT_BEAT: std::time::Duration = std::time::Duration::from_millis(250);

/// Where a daemon keeps its things.
#[derive(Debug, Clone)]
pub struct Places {
    /// Identity, keys and log; survives a boot.
    pub state_dir: PathBuf,
    /// What runs and how to reach us; ends with the boot.
    pub run_dir: PathBuf,
    /// Output of operations.
    pub log_dir: PathBuf,
    /// How long output is kept of services that are no longer configured.
    pub output_kept: std::time::Duration,
    /// The socket.
    pub socket: PathBuf,
}

/// Why the daemon cannot run.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Who we are.
    #[error("it cannot be told who this node is")]
    Identity(#[from] consensus::IdentityError),
    /// The keys.
    #[error("the keys of this node cannot be used")]
    Key(#[from] consensus::KeyError),
    /// The log on disk.
    #[error("the log cannot be opened")]
    Log(#[from] consensus::LogError),
    /// The socket.
    #[error("the control socket cannot be opened")]
    Socket(#[from] server::SocketError),
    /// What `init` or `join` left.
    #[error("the last known configuration cannot be read: {0}")]
    Known(String),
    /// A directory of the daemon.
    #[error("cannot make {}", .path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// What came of it.
        #[source]
        source: std::io::Error,
    },
    /// The addresses where peers reach us.
    #[error("cannot listen for peers")]
    Listen(#[source] std::io::Error),
    /// Anything of the operating system.
    #[error("cannot {verb}")]
    System {
        /// What was tried.
        verb: &'static str,
        /// What came of it.
        #[source]
        source: std::io::Error,
    },
    /// A newer program has written to the log, and this one would have to guess.
    #[error("entry {0} of the log was made by a newer version of Mainstay than {version}", version = env!("CARGO_PKG_VERSION"))]
    TooNew(u64),
    /// A write to the log failed. To go on would be to promise what is not on disk.
    #[error("the log could not be written, so this daemon stops: {0}")]
    Disk(String),
}

impl DaemonError {
    fn kind(&self) -> ErrorCode {
        use consensus::{IdentityError, LogError};
        match self {
            Self::Identity(IdentityError::Absent(_)) => ErrorCode::NotAMember,
            Self::Log(LogError::Locked(_)) | Self::Socket(server::SocketError::InUse(_)) => {
                ErrorCode::DaemonRuns
            }
            Self::Identity(_)
            | Self::Key(_)
            | Self::Log(_)
            | Self::Known(_)
            | Self::Directory { .. }
            | Self::System { .. } => ErrorCode::StateUnusable,
            Self::Socket(_) | Self::Listen(_) => ErrorCode::AddressUnusable,
            Self::Disk(_) => ErrorCode::DiskFailed,
            Self::TooNew(_) => ErrorCode::TooOld,
        }
    }

    /// The error as people and scripts see it.
    pub fn to_api(&self) -> ApiError {
        let (message, details) = parts(self);
        let mut error = self.kind().error(message);
        error.details = details;
        match self {
            Self::Socket(server::SocketError::NotASocket(_) | server::SocketError::Io { .. }) => {
                error.with_help("make its directory, or name another socket: `--socket PATH`")
            }
            _other => error,
        }
    }
}

/// Runs the daemon until it is told to stop.
///
/// # Errors
/// Why it could not start or had to stop.
pub fn run(places: &Places) -> Result<ExitCode, DaemonError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| DaemonError::System {
            verb: "start the runtime",
            source,
        })?;
    runtime.block_on(serve(places))
}

fn read_known(places: &Places) -> Result<(Known, Spec), DaemonError> {
    let known =
        Known::load(&places.state_dir).map_err(|error| DaemonError::Known(error.to_string()))?;
    let loaded = config::read("members.json", &known.source)
        .map_err(|problems| DaemonError::Known(problems.render(config::Colour::Never)))?;
    Ok((known, loaded.spec))
}

fn make_directories(places: &Places) -> Result<(), DaemonError> {
    for directory in [&places.run_dir, &places.log_dir] {
        std::fs::create_dir_all(directory).map_err(|source| DaemonError::Directory {
            path: directory.clone(),
            source,
        })?;
    }
    Ok(())
}

/// What a daemon knows before it opens anything.
struct Start {
    known: Known,
    identity: Identity,
    boot: BootId,
    topology: Topology,
}

impl Start {
    /// Reads who this node is, and counts this start of its daemon.
    fn read(places: &Places) -> Result<Self, DaemonError> {
        // First who we are: a machine that is no node yet gets no directories of one.
        Identity::load(&places.state_dir)?;
        make_directories(places)?;
        let (known, spec) = read_known(places)?;
        let identity = Identity::begin_incarnation(&places.state_dir)?;
        let boot = host::boot::boot_id().map_err(|source| DaemonError::System {
            verb: "read the boot id",
            source,
        })?;
        let topology = Topology::new(&spec, &known.members, &identity.name);
        warn_of_absent_addresses(&topology);
        Ok(Self {
            known,
            identity,
            boot,
            topology,
        })
    }
}

async fn serve(places: &Places) -> Result<ExitCode, DaemonError> {
    let Start {
        known,
        identity,
        boot,
        topology,
    } = Start::read(places)?;
    let (inputs, received) = mpsc::channel(INPUTS_MAX);

    let (log, recovered) = open_log(places)?;
    let (reports, disk) = mpsc::unbounded_channel();
    let driver = start_driver(log, reports);
    let (transport, incoming) = start_transport(places, &identity, boot, &topology)?;
    let heartbeat = start_heartbeat(places, &identity, boot, &topology, inputs.clone())?;
    let (agents, (told, agent_events)) = start_agents(places, &identity.name)?;
    let own = (places.run_dir.as_path(), places.log_dir.as_path());
    let checks = checks::CheckHands::start(own, told, inputs.clone());
    let (handle, requests, applied) = server::ControlHandle::new();
    let listener = server::bind(&places.socket).await?;
    let stop = Arc::new(tokio::sync::Notify::new());
    let allowed = server::Allowed::root_and_self();
    let until = wait_for(Arc::clone(&stop));
    let served = tokio::spawn(server::serve(listener, handle, allowed, until));

    let run = identity.incarnation;
    let node = make_node((&identity, boot), &topology, recovered.restored, &agents);
    tracing::info!(node = %identity.name, incarnation = identity.incarnation, "daemon started");
    let mut control = Control {
        node,
        identity,
        places: places.clone(),
        known,
        topology,
        driver,
        transport,
        heartbeat,
        agents: Arc::new(agents),
        checks,
        inputs,
        applied,
        pending: pending::PendingMap::default(),
        witnesses: witness::Links::default(),
        pings: pings::Pings::default(),
        cards: cards::KnownCards::default(),
        measuring: load::Measuring::default(),
        disks: disk::Disks::default(),
        next_request: RequestId::first_of(run).0,
        spec_version: 0,
        leaving: control::Leaving::No,
        ending: control::Ending::No,
        has_left: false,
        yields_to: None,
        is_settled: false,
        dog: dog::Dog::new(&places.run_dir),
        quorum_journal: quorum::Journal::default(),
        jumps: wall::Jumps::default(),
        versions: BTreeMap::new(),
    };
    let inputs = control::Inputs {
        hands: received,
        disk,
        incoming,
        agents: agent_events,
        requests,
    };
    let result = control.run(inputs).await;
    let result = control.close(result);
    drain(&stop, served).await;
    result
}

/// Ends the server.
async fn drain<T>(stop: &tokio::sync::Notify, served: tokio::task::JoinHandle<T>) {
    stop.notify_one();
    // The server drains for a moment; its own end is of no interest any more.
    let _ended = tokio::time::timeout(std::time::Duration::from_secs(3), served).await;
}

/// Opens the log, after what a loss of power may have left of setting one aside.
fn open_log(places: &Places) -> Result<(Log, consensus::Recovered), DaemonError> {
    if let Some(kept) = consensus::keep_set_aside(&places.state_dir)? {
        tracing::warn!("a log that was set aside is kept in {}", kept.display());
    }
    let log = places.state_dir.join(consensus::identity::LOG_DIRECTORY);
    let (log, recovered) = Log::open(&log)?;
    // The others shall not hear of a daemon that ends at once, again and again.
    match node::too_new_in(&recovered.restored, LEVEL) {
        Some(index) => Err(DaemonError::TooNew(index)),
        None => Ok((log, recovered)),
    }
}

/// How a daemon ends that supervision shall start again at once: it has changed its log.
/// What `sysexits.h` calls a temporary failure, so that no unit takes it for a clean stop.
const AGAIN: u8 = 75;

/// The log of a history that lost is kept for a person; the next run begins with the other
/// one. Services run on meanwhile.
pub fn set_log_aside(places: &Places, lineage: model::Lineage) -> Result<ExitCode, DaemonError> {
    let kept = consensus::set_log_aside(&places.state_dir, lineage)?;
    tracing::warn!(
        "the others went on without this node: its log is kept in {}, and it follows them",
        kept.display()
    );
    Ok(ExitCode::from(AGAIN))
}

/// The node with the log that the disk held, and with what an earlier run of the daemon in
/// this boot noted as started.
fn make_node(
    (identity, boot): (&Identity, BootId),
    topology: &Topology,
    restored: raft::Restored,
    agents: &Agents,
) -> Node {
    let now = host::clock::now();
    let raft = raft::Raft::new(raft_config(identity, topology), restored, now);
    let recorded = agents.recorded().into_iter();
    let recorded = recorded.map(|record| (record.address, record.spec));
    let config = NodeConfig {
        id: identity.id,
        name: identity.name.clone(),
        boot,
        run: identity.incarnation,
        level: LEVEL,
    };
    Node::new(config, raft, recorded.collect(), now)
}

/// An address may come later (a card that is slow, a cable that is out), so its absence ends
/// nothing. Alone it would not be noticed: a node that hears nobody runs as a node alone does.
fn warn_of_absent_addresses(topology: &Topology) {
    for (_, network, address) in &topology.links {
        let absent = std::net::UdpSocket::bind((address.ip(), 0)).err();
        if let Some(error) = absent {
            tracing::warn!(
                "network {network}: {} cannot be used on this machine: {error}",
                address.ip()
            );
        }
    }
}

async fn wait_for(stop: Arc<tokio::sync::Notify>) {
    stop.notified().await;
}

fn raft_config(identity: &Identity, topology: &Topology) -> raft::Config {
    // Without randomness the number of the start still differs from run to run.
    let drawn = u64::from_le_bytes(consensus::keys::random_bytes().unwrap_or_default());
    let seed = drawn ^ identity.incarnation;
    let mut config = raft::Config::new(identity.id, seed);
    // The failure detector starts elections; this time-out is what remains when it has
    // nothing to say. It must not be shorter than the time in which a loss is noticed.
    let lost = topology.timings.lost_after;
    // Who is alive is the detector's business; a leader's own beats renew leases (seconds)
    // and find lost messages.
    config.heartbeat_interval = RAFT_BEAT;
    config.election_timeout = config
        .election_timeout
        .max(lost + topology.timings.heartbeat);
    config
}

/// The reports need no bound of their own: there is one for each order, and the orders
/// that may wait are bounded. With a bound, a full queue here and a full one there could
/// wait for each other.
fn start_driver(log: Log, reports: mpsc::UnboundedSender<consensus::Report>) -> consensus::Driver {
    consensus::spawn_driver(log, move |report| {
        // The loop has ended, and nobody waits for the disk any more.
        let _gone = reports.send(report);
    })
}

fn start_transport(
    places: &Places,
    identity: &Identity,
    boot: BootId,
    topology: &Topology,
) -> Result<(Transport, mpsc::Receiver<consensus::Incoming>), DaemonError> {
    let (sender, incoming) = mpsc::channel(INPUTS_MAX);
    let config = TransportConfig {
        me: identity.id,
        key: NodeKey::load(&places.state_dir.join(consensus::identity::NODE_KEY_FILE))?,
        cluster_id: identity.cluster_id,
        boot,
        incarnation: identity.incarnation,
        listen: topology.listen(),
    };
    let transport = Transport::start(config, sender).map_err(DaemonError::Listen)?;
    transport
        .set_peers(topology.peer_infos())
        .map_err(|source| DaemonError::System {
            verb: "use the key of this node",
            source,
        })?;
    Ok((transport, incoming))
}

fn start_heartbeat(
    places: &Places,
    identity: &Identity,
    boot: BootId,
    topology: &Topology,
    inputs: mpsc::Sender<Input>,
) -> Result<heartbeat::Handle, DaemonError> {
    let cluster_key =
        ClusterKey::load(&places.state_dir.join(consensus::identity::CLUSTER_KEY_FILE))?;
    let key = cluster_key.for_seal();
    let run = u64::from_le_bytes(consensus::keys::random_bytes()?);
    let config = HeartbeatConfig {
        me: Origin {
            node: identity.id,
            boot,
            incarnation: Incarnation(identity.incarnation),
            run: RunId(run),
        },
        voice: Voice::Voter,
        cluster: wire::seal::cluster_tag(&identity.cluster, &key),
        key,
        settings: topology.settings(),
        links: topology.local_links(),
        peers: topology.endpoints(|_| Voice::Voter),
        scheduling: Scheduling::RealTime,
        memory: Memory::Locked,
    };
    let tell = move |event: Event| {
        // The thread must not block; a loop that is 4096 inputs behind is stuck, and its
        // peers will notice that.
        if inputs.try_send(Input::Heartbeat(event)).is_err() {
            tracing::warn!("the control loop does not keep up with the failure detector");
        }
    };
    heartbeat::spawn(config, Box::new(tell)).map_err(|source| DaemonError::System {
        verb: "start the heartbeats",
        source,
    })
}

/// Where the hands tell, and where it is heard.
type Told = (mpsc::Sender<agents::Event>, mpsc::Receiver<agents::Event>);

fn start_agents(places: &Places, node: &NodeName) -> Result<(Agents, Told), DaemonError> {
    let (sender, events) = mpsc::channel(INPUTS_MAX);
    let settings = agents::Settings {
        run_dir: places.run_dir.clone(),
        log_dir: places.log_dir.clone(),
        cgroup_root: None,
        agents: agents::ocf::AgentPlaces {
            node: node.to_string(),
            // Without it agents find no commands of a cluster; most need none.
            program: std::env::current_exe().ok(),
            socket: places.socket.clone(),
            ..agents::ocf::AgentPlaces::default()
        },
        systemd_bus: std::env::var("MAINSTAY_SYSTEMD_BUS").ok(),
    };
    let agents = Agents::new(settings, sender.clone()).map_err(|source| DaemonError::System {
        verb: "open the agents",
        source,
    })?;
    Ok((agents, (sender, events)))
}

/// An error and its causes: the first for the headline, each further one on a line of its own.
pub fn parts(error: &dyn std::error::Error) -> (String, Vec<String>) {
    let headline = error.to_string();
    let mut details: Vec<String> = Vec::new();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        let is_told = headline.contains(&more) || details.iter().any(|told| told.contains(&more));
        if !is_told {
            details.push(more);
        }
        cause = inner.source();
    }
    (headline, details)
}

/// An error with all its causes, on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = inner.source();
    }
    text
}
