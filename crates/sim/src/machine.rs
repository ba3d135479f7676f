//! One machine: its power, its disk, its daemon, and what really runs on it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use membership::{Detector, Settings, Voice};
use model::operation::{Operation, ResourceAddress};
use model::spec::{ResourceSpec, Timings};
use model::{BootId, Instant, NodeId, NodeName, OperationId, ServiceName};
use node::{Node, NodeConfig};
use raft::Raft;
use wire::heartbeat::{Incarnation, Origin, RunId};

use crate::act::{Write, Wrong};
use crate::clock::Clock;
use crate::disk::Disk;
use crate::form::node_name;
use crate::world::Event;

/// Entries kept behind a snapshot: few, so that followers need snapshots now and then.
const LOG_TAIL: usize = 64;

/// Small, so that a snapshot takes several messages.
const SNAPSHOT_CHUNK: usize = 8 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Power {
    Off,
    On,
    /// Nothing is scheduled; packets wait.
    Paused,
}

pub(crate) struct Daemon {
    pub run: u64,
    pub node: Node,
    pub detector: Detector,
    /// What the detector was told: the view, how many members, and who votes.
    pub peers_of: (model::Epoch, usize, BTreeSet<NodeId>),
    /// Committed entries up to here were compared with the record.
    pub checked: u64,
    /// The state came by a snapshot, and is to be compared as a whole.
    pub is_restored: bool,
    pub requests: u64,
    /// The latest run of each other daemon that this one has heard.
    pub heard: BTreeMap<NodeId, Incarnation>,
    /// What it decides about its watchdog.
    pub dog: node::Dog,
    /// Fences that go on with a poison pill when they fail.
    pub pilled: Vec<(node::FenceAsker, NodeName)>,
    /// What it does with the shared disk.
    pub shared: Option<crate::shared::Worker>,
    /// It ends once its services have moved away.
    pub is_leaving: bool,
    /// Fences that go on as a wait for a watchdog when they fail.
    pub outlivings: Vec<(node::FenceAsker, NodeName, node::Outliving)>,
}

pub(crate) struct Machine {
    pub id: NodeId,
    pub name: NodeName,
    pub power: Power,
    pub boots: u64,
    pub runs: u64,
    pub clock: Clock,
    pub daemon: Option<Daemon>,
    pub disk: Disk,
    /// The other members that its daemon knew last; kept beside the log.
    pub known: Vec<NodeId>,
    /// What really runs in this boot.
    pub running: BTreeMap<ResourceAddress, ResourceSpec>,
    /// Services of which people have started what runs, and nobody has the claim here yet.
    pub by_hand: BTreeSet<ServiceName>,
    /// What of it is promoted.
    pub promoted: BTreeSet<ResourceAddress>,
    /// What the hands noted as started; gone with the boot.
    pub recorded: BTreeMap<ResourceAddress, ResourceSpec>,
    /// What a live move has left here, or sent half: not active, and to be cleared away.
    pub remains: BTreeSet<ResourceAddress>,
    /// Programs that hand over, by the run and the operation that began them.
    pub handing: BTreeMap<ResourceAddress, (u64, OperationId)>,
    /// Programs that start something which is not up yet.
    pub starting: BTreeMap<ResourceAddress, crate::starting::Starting>,
    /// Operations on one resource follow each other.
    pub busy_until: BTreeMap<ResourceAddress, Instant>,
    /// Starts that hang, until they end or a stop is asked for.
    pub hanging: BTreeMap<ResourceAddress, Box<Operation>>,
    /// Those that ended because a stop was asked for.
    pub gave_way: BTreeSet<OperationId>,
    pub wrongs: BTreeMap<ServiceName, Wrong>,
    pub cards: crate::cards::Cards,
    pub waiting: VecDeque<Event>,
    pub waiting_heartbeats: VecDeque<Event>,
    /// Its watchdog, while it is armed.
    pub dog: Option<crate::dogs::Device>,
    /// What the watchdog was opened with in this boot.
    pub dog_record: Option<model::spec::WatchdogSpec>,
    /// Whether its daemon is killed in the middle of its next write.
    pub trap: Option<Write>,
    /// When a look at the timers is in the queue.
    pub wakes_at: Option<Instant>,
    /// The feature level of the program that is installed.
    pub level: u32,
}

impl Machine {
    pub fn new(id: NodeId, disk: raft::Restored, drift_ppm: i64) -> Self {
        Self {
            id,
            name: node_name(id),
            power: Power::Off,
            boots: 0,
            runs: 0,
            clock: Clock::new(drift_ppm),
            daemon: None,
            disk: Disk::new(disk),
            known: Vec::new(),
            running: BTreeMap::new(),
            by_hand: BTreeSet::new(),
            promoted: BTreeSet::new(),
            recorded: BTreeMap::new(),
            remains: BTreeSet::new(),
            handing: BTreeMap::new(),
            starting: BTreeMap::new(),
            busy_until: BTreeMap::new(),
            hanging: BTreeMap::new(),
            gave_way: BTreeSet::new(),
            wrongs: BTreeMap::new(),
            cards: crate::cards::Cards::default(),
            waiting: VecDeque::new(),
            waiting_heartbeats: VecDeque::new(),
            dog: None,
            dog_record: None,
            trap: None,
            wakes_at: None,
            level: model::level::LEVEL,
        }
    }

    pub fn boot_id(&self) -> BootId {
        let mut bytes = [self.id.0 as u8; 16];
        bytes[8..].copy_from_slice(&self.boots.to_be_bytes());
        BootId(bytes)
    }

    /// Nothing of the daemon is left; what it had started runs on.
    pub fn end_daemon(&mut self) {
        self.daemon = None;
        if let Some(dog) = &mut self.dog {
            dog.let_go();
        }
        self.busy_until.clear();
        self.hanging.clear();
        self.gave_way.clear();
        self.waiting.clear();
        self.waiting_heartbeats.clear();
    }

    pub fn power_off(&mut self) {
        self.end_daemon();
        self.power = Power::Off;
        self.dog = None;
        self.dog_record = None;
        self.running.clear();
        self.by_hand.clear();
        self.promoted.clear();
        self.recorded.clear();
        self.remains.clear();
        self.handing.clear();
        self.starting.clear();
    }

    /// Begins a run of the daemon from what the disk holds.
    pub fn start_daemon(
        &mut self,
        now: Instant,
        seed: u64,
        (timings, compact_every): (Timings, u64),
    ) {
        self.runs += 1;
        let (id, boot, run) = (self.id, self.boot_id(), self.runs);
        let at = self.clock.local(now);
        let mut config = raft::Config::new(id, seed);
        config.heartbeat_interval = std::time::Duration::from_millis(250);
        config.election_timeout = config
            .election_timeout
            .max(timings.lost_after + timings.heartbeat);
        config.log_tail_max = LOG_TAIL;
        config.snapshot_chunk = SNAPSHOT_CHUNK;
        let raft = Raft::new(config, self.disk.stable.clone(), at);
        let config = NodeConfig {
            id,
            name: self.name.clone(),
            boot,
            run,
            level: self.level,
        };
        let recorded = self.recorded.iter().map(|(a, s)| (a.clone(), s.clone()));
        let mut node = Node::new(config, raft, recorded.collect(), at);
        node.compact_every(compact_every);
        let origin = Origin {
            node: id,
            boot,
            incarnation: Incarnation(run),
            run: RunId(run),
        };
        let settings = Settings {
            daemon_down_grace: timings.daemon_down_grace,
            ..Settings::new(timings.heartbeat, timings.suspect_after, timings.lost_after)
        };
        let detector = Detector::new(origin, Voice::Listener, settings, at);
        self.daemon = Some(Daemon {
            run,
            node,
            detector,
            peers_of: (model::Epoch(0), 0, BTreeSet::new()),
            checked: 0,
            is_restored: false,
            requests: 0,
            heard: BTreeMap::new(),
            dog: node::Dog::new(self.dog_record.clone()),
            pilled: Vec::new(),
            shared: None,
            is_leaving: false,
            outlivings: Vec::new(),
        });
    }
}
