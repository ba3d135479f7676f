//! One machine: its power, its disk, its daemon, and what really runs on it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use membership::{Detector, Settings, Voice};
use model::operation::{Operation, Outcome, ResourceAddress, Verb};
use model::spec::ResourceSpec;
use model::{BootId, Instant, NodeId, NodeName, OperationId, ServiceName};
use node::{Node, NodeConfig};
use raft::{Persist, Raft, Restored};
use wire::heartbeat::{Heartbeat, Incarnation, LinkId, Origin, RunId};

use super::Event;

pub const LINK: LinkId = LinkId(0);

/// What the hands of a machine do wrong with a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    StartFails,
    StartHangs,
    StopFails,
    /// It runs, and its checks find it ill.
    Sick,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    Off,
    On,
    /// Nothing is scheduled; packets wait.
    Paused,
}

pub struct Daemon {
    pub run: u64,
    pub node: Node,
    pub detector: Detector,
    pub members: (Vec<NodeId>, BTreeSet<NodeId>),
}

pub struct Machine {
    pub id: NodeId,
    pub name: NodeName,
    pub power: Power,
    pub boots: u64,
    pub booted_at: Instant,
    pub runs: u64,
    pub daemon: Option<Daemon>,
    pub disk: Restored,
    /// What really runs in this boot.
    pub running: BTreeMap<ResourceAddress, ResourceSpec>,
    /// What the hands noted as started; gone with the boot.
    pub recorded: BTreeMap<ResourceAddress, ResourceSpec>,
    /// Operations on one resource follow each other.
    pub busy_until: BTreeMap<ResourceAddress, Instant>,
    /// Starts that hang, until they end or a stop is asked for.
    pub hanging: BTreeMap<ResourceAddress, Box<Operation>>,
    /// Those that ended because a stop was asked for.
    pub gave_way: BTreeSet<OperationId>,
    pub faults: BTreeMap<ServiceName, Fault>,
    pub cards: super::cards::Cards,
    pub waiting: VecDeque<Event>,
    pub waiting_heartbeats: VecDeque<(NodeId, Box<Heartbeat>)>,
}

impl Machine {
    pub fn new(id: NodeId, name: NodeName, disk: Restored) -> Self {
        Self {
            id,
            name,
            power: Power::Off,
            boots: 0,
            booted_at: Instant::ZERO,
            runs: 0,
            daemon: None,
            disk,
            running: BTreeMap::new(),
            recorded: BTreeMap::new(),
            busy_until: BTreeMap::new(),
            hanging: BTreeMap::new(),
            gave_way: BTreeSet::new(),
            faults: BTreeMap::new(),
            cards: super::cards::Cards::default(),
            waiting: VecDeque::new(),
            waiting_heartbeats: VecDeque::new(),
        }
    }

    pub fn boot_id(&self) -> BootId {
        let mut bytes = [self.id.0 as u8; 16];
        bytes[8..].copy_from_slice(&self.boots.to_be_bytes());
        BootId(bytes)
    }

    pub fn power_off(&mut self) {
        self.power = Power::Off;
        self.daemon = None;
        self.running.clear();
        self.recorded.clear();
        self.busy_until.clear();
        self.hanging.clear();
        self.gave_way.clear();
        self.waiting.clear();
        self.waiting_heartbeats.clear();
    }

    pub fn start_daemon(&mut self, now: Instant, seed: u64) {
        self.runs += 1;
        let (id, boot, run) = (self.id, self.boot_id(), self.runs);
        let raft = Raft::new(raft::Config::new(id, seed), self.disk.clone(), now);
        let config = NodeConfig {
            id,
            name: self.name.clone(),
            boot,
            run,
            level: model::level::LEVEL,
        };
        let recorded = self.recorded.iter().map(|(a, s)| (a.clone(), s.clone()));
        let mut node = Node::new(config, raft, recorded.collect(), now);
        if !self.cards.links.is_empty() {
            node.handle_cards(self.cards.links.clone(), self.cards.own.clone(), now);
        }
        let origin = Origin {
            node: id,
            boot,
            incarnation: Incarnation(run),
            run: RunId(run),
        };
        let detector = Detector::new(origin, Voice::Listener, Settings::default(), now);
        let members = (Vec::new(), BTreeSet::new());
        self.daemon = Some(Daemon {
            run,
            node,
            detector,
            members,
        });
        self.busy_until.clear();
        self.hanging.clear();
        self.gave_way.clear();
    }

    /// What survives a loss of power once it was acknowledged.
    pub fn write(&mut self, persist: Persist) {
        let disk = &mut self.disk;
        if let Some(hard_state) = persist.hard_state {
            disk.hard_state = hard_state;
        }
        let covered = persist.snapshot.as_ref().map(|(meta, _)| meta.index);
        if persist.snapshot.is_some() {
            disk.snapshot = persist.snapshot;
        }
        if let Some(from) = persist.truncate_from {
            disk.entries.retain(|entry| entry.index < from);
        }
        disk.entries.extend(persist.entries);
        if let Some(covered) = covered {
            disk.entries.retain(|entry| covered < entry.index);
        }
    }

    pub fn fault(&self, operation: &Operation) -> Option<Fault> {
        self.faults.get(&operation.address.service).copied()
    }

    /// What an operation finds or leaves behind at its end.
    pub fn end(&mut self, operation: &Operation) -> Outcome {
        let address = &operation.address;
        let fault = self.fault(operation);
        match operation.verb {
            Verb::Probe | Verb::Status if self.running.contains_key(address) => Outcome::Running,
            Verb::Probe | Verb::Status => Outcome::Stopped,
            Verb::Start if fault == Some(Fault::StartHangs) => Outcome::TimedOut,
            Verb::Start if fault == Some(Fault::StartFails) => {
                self.running.remove(address);
                Outcome::Failed("exit 1".into())
            }
            Verb::Start if self.running.contains_key(address) => Outcome::Running,
            Verb::Start => Outcome::Failed("ended at once".into()),
            Verb::Stop if fault == Some(Fault::StopFails) => Outcome::Failed("it resists".into()),
            Verb::Stop => {
                self.running.remove(address);
                self.recorded.remove(address);
                Outcome::Stopped
            }
            _other => Outcome::Failed("no service here has roles".into()),
        }
    }
}
