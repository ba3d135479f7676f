//! A cluster of detectors on a network made of numbers. Every node has a clock of its own,
//! so that moments of two nodes cannot be confused without a test noticing.

// Each test program uses its own part of this.
#![allow(dead_code)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use membership::{
    Detector, Event, LinkStatus, Output, Path, Peer, PeerStatus, Published, Settings, Voice,
};
use model::{BootId, Instant, NodeId};
use wire::heartbeat::{
    BODY_BYTES, HEADER_BYTES, HEARING_BYTES, Heartbeat, Incarnation, LinkId, Origin, Phase, RunId,
    TAG_BYTES,
};

/// Between two nodes, one way.
pub const LATENCY: Duration = Duration::from_micros(200);

/// How many packets of each node are kept for a replay.
const RECORDED_MAX: usize = 50;

/// What a machine and its daemon do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// Both run.
    Running,
    /// Neither runs; packets wait in the sockets (`SIGSTOP`, a paused virtual machine).
    Paused,
    /// The kernel runs, the daemon does not: packets are refused.
    Closed,
    /// No power.
    Dead,
}

/// How often a kernel refuses packets to a closed port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusals {
    All,
    /// As Linux does (`net.ipv4.icmp_ratelimit`): to each address one per second, and six at
    /// once when there was none for long.
    Rare,
}

/// What a kernel may still refuse to one address.
struct Allowance {
    /// In seconds: each refusal costs one.
    saved: Duration,
    at: Duration,
}

const REFUSAL_COST: Duration = Duration::from_secs(1);
const REFUSALS_SAVED: u32 = 6;

pub struct Node {
    pub life: Life,
    pub voice: Voice,
    detector: Detector,
    /// What the detector said last, by the time of the simulation.
    deadline: Duration,
    boots: u8,
    starts: u64,
    /// What its clock shows when the simulation begins.
    clock: Duration,
    waiting: VecDeque<(LinkId, Heartbeat)>,
    sent: VecDeque<(NodeId, LinkId, Heartbeat)>,
}

/// What is on its way.
enum Parcel {
    Heartbeat(Heartbeat),
    Refused { by: NodeId },
}

pub struct Cluster {
    pub now: Duration,
    pub settings: Settings,
    pub nodes: BTreeMap<NodeId, Node>,
    pub links: u8,
    /// Which ways are cut: sender, receiver, network.
    pub cut: BTreeSet<(NodeId, NodeId, LinkId)>,
    /// Of a thousand packets, how many are lost.
    pub loss_per_mille: u64,
    pub refusals: Refusals,
    allowances: BTreeMap<(NodeId, NodeId, LinkId), Allowance>,
    /// Packets may take longer by up to this much, drawn at random.
    pub jitter: Duration,
    /// Everything that was told, in order.
    pub told: Vec<(Duration, NodeId, Event)>,
    /// Packets and refusals that counted for nothing.
    pub rejected: u64,
    /// Heartbeats that were sent, and their bytes on the wire.
    pub packets: u64,
    pub bytes: u64,
    parcels: BTreeMap<(Duration, u64), (NodeId, LinkId, Parcel)>,
    parcels_made: u64,
    random: u64,
}

impl Cluster {
    pub fn new(nodes: &[(NodeId, Voice)], links: u8, settings: Settings, seed: u64) -> Self {
        let mut cluster = Self {
            now: Duration::ZERO,
            settings,
            nodes: BTreeMap::new(),
            links,
            cut: BTreeSet::new(),
            loss_per_mille: 0,
            refusals: Refusals::All,
            allowances: BTreeMap::new(),
            jitter: Duration::ZERO,
            told: Vec::new(),
            rejected: 0,
            packets: 0,
            bytes: 0,
            parcels: BTreeMap::new(),
            parcels_made: 0,
            random: seed | 1,
        };
        for (id, voice) in nodes {
            let clock = Duration::from_secs(1000 * id.0);
            let origin = Origin {
                node: *id,
                ..Origin::default()
            };
            let detector = Detector::new(origin, *voice, cluster.settings.clone(), Instant::ZERO);
            let node = Node {
                life: Life::Dead,
                voice: *voice,
                detector,
                deadline: Duration::ZERO,
                boots: 0,
                starts: 0,
                clock,
                waiting: VecDeque::new(),
                sent: VecDeque::new(),
            };
            cluster.nodes.insert(*id, node);
        }
        for (id, _) in nodes {
            cluster.boot(*id);
        }
        cluster
    }

    /// xorshift64*: good enough to lose packets by, and the same on every machine.
    pub fn draw(&mut self, below: u64) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % below.max(1)
    }

    fn clock(&self, id: NodeId) -> Instant {
        Instant::ZERO + self.nodes[&id].clock + self.now
    }

    /// Powers a node up: another boot.
    pub fn boot(&mut self, id: NodeId) {
        self.nodes.get_mut(&id).unwrap().boots += 1;
        self.start(id);
    }

    /// Starts the daemon of a node: another incarnation.
    pub fn start(&mut self, id: NodeId) {
        let now = self.clock(id);
        let voices: Vec<_> = self
            .nodes
            .iter()
            .map(|(id, node)| (*id, node.voice))
            .collect();
        let links: Vec<LinkId> = (0..self.links).map(LinkId).collect();
        let node = self.nodes.get_mut(&id).unwrap();
        node.life = Life::Running;
        node.starts += 1;
        node.waiting.clear();
        let boot = BootId([node.boots * 16 + id.0 as u8; 16]);
        let incarnation = Incarnation(node.starts);
        let origin = Origin {
            node: id,
            boot,
            incarnation,
            run: RunId(node.starts),
        };
        let peers = voices.into_iter().filter(|(other, _)| *other != id);
        let peers = peers
            .map(|(id, voice)| Peer {
                id,
                voice,
                links: links.clone(),
            })
            .collect();
        node.detector = Detector::new(origin, node.voice, self.settings.clone(), now);
        node.detector.set_peers(node.voice, peers, now);
        let lease_until = now + Duration::from_secs(3600);
        let phase = Phase::Running;
        node.detector.publish(Published {
            lease_until,
            phase,
            ..Published::default()
        });
        self.carry_out(id);
    }

    pub fn live(&mut self, id: NodeId, life: Life) {
        self.nodes.get_mut(&id).unwrap().life = life;
    }

    /// Wakes a paused node: its packets first, as a thread that drains its sockets does.
    pub fn resume(&mut self, id: NodeId) {
        self.live(id, Life::Running);
        let waiting = std::mem::take(&mut self.nodes.get_mut(&id).unwrap().waiting);
        for (link, heartbeat) in waiting {
            self.deliver(id, link, Parcel::Heartbeat(heartbeat));
        }
    }

    pub fn leave(&mut self, id: NodeId) {
        let now = self.clock(id);
        self.nodes.get_mut(&id).unwrap().detector.leave(now);
        self.carry_out(id);
    }

    /// Sends again what was recorded of a node's packets.
    pub fn replay(&mut self, id: NodeId) {
        for (to, link, heartbeat) in self.nodes[&id].sent.clone() {
            self.put(to, link, LATENCY, Parcel::Heartbeat(heartbeat));
        }
    }

    /// What a node shows of its links.
    pub fn links(&self, id: NodeId) -> Vec<LinkStatus> {
        self.nodes[&id].detector.links(self.clock(id))
    }

    /// The ways to the others as a node knows them.
    pub fn paths(&self, id: NodeId) -> Vec<(NodeId, Path)> {
        self.nodes[&id].detector.paths(self.clock(id))
    }

    /// How a node thinks of the others.
    pub fn peers(&self, id: NodeId) -> Vec<PeerStatus> {
        self.nodes[&id].detector.peers(self.clock(id))
    }

    pub fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.next_moment().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            while let Some(entry) = self.parcels.first_entry().filter(|e| e.key().0 <= at) {
                let (to, link, parcel) = entry.remove();
                self.deliver(to, link, parcel);
            }
            let ids: Vec<NodeId> = self.nodes.keys().copied().collect();
            for id in ids {
                let now = self.clock(id);
                let node = self.nodes.get_mut(&id).unwrap();
                if node.life == Life::Running && node.deadline <= self.now {
                    node.detector.handle_timeout(now);
                    self.carry_out(id);
                }
            }
        }
        self.now = end;
    }

    fn next_moment(&self) -> Option<Duration> {
        let parcel = self.parcels.keys().next().map(|(at, _)| *at);
        let running = self
            .nodes
            .values()
            .filter(|node| node.life == Life::Running);
        let deadlines = running.map(|node| node.deadline);
        deadlines.chain(parcel).min()
    }

    fn put(&mut self, to: NodeId, link: LinkId, delay: Duration, parcel: Parcel) {
        self.parcels_made += 1;
        self.parcels
            .insert((self.now + delay, self.parcels_made), (to, link, parcel));
    }

    fn deliver(&mut self, to: NodeId, link: LinkId, parcel: Parcel) {
        let now = self.clock(to);
        let node = self.nodes.get_mut(&to).unwrap();
        match (node.life, parcel) {
            (Life::Running, Parcel::Heartbeat(heartbeat)) => {
                let result = node.detector.handle_heartbeat(link, &heartbeat, now);
                self.rejected += u64::from(result.is_err());
                self.carry_out(to);
            }
            (Life::Running, Parcel::Refused { by }) => {
                node.detector.handle_refused(link, by, now);
                self.carry_out(to);
            }
            (Life::Paused, Parcel::Heartbeat(heartbeat)) => {
                node.waiting.push_back((link, heartbeat));
            }
            (Life::Closed, Parcel::Heartbeat(heartbeat)) => {
                let sender = heartbeat.header.origin.node;
                if self.may_refuse(to, sender, link) && !self.cut.contains(&(to, sender, link)) {
                    self.put(sender, link, LATENCY, Parcel::Refused { by: to });
                }
            }
            (Life::Dead, _) | (_, Parcel::Refused { .. }) => {}
        }
    }

    /// Whether the kernel of `by` can afford to refuse a packet of `sender`.
    fn may_refuse(&mut self, by: NodeId, sender: NodeId, link: LinkId) -> bool {
        if self.refusals == Refusals::All {
            return true;
        }
        let allowance = self
            .allowances
            .entry((by, sender, link))
            .or_insert(Allowance {
                saved: REFUSAL_COST * REFUSALS_SAVED,
                at: self.now,
            });
        let saved = allowance.saved + (self.now - allowance.at);
        allowance.saved = saved.min(REFUSAL_COST * REFUSALS_SAVED);
        allowance.at = self.now;
        let left = allowance.saved.checked_sub(REFUSAL_COST);
        allowance.saved = left.unwrap_or(allowance.saved);
        left.is_some()
    }

    fn carry_out(&mut self, id: NodeId) {
        let node = self.nodes.get_mut(&id).unwrap();
        let deadline = Duration::from_nanos(node.detector.next_deadline().0);
        node.deadline = deadline.saturating_sub(node.clock);
        while let Some(output) = self.nodes.get_mut(&id).unwrap().detector.poll_output() {
            match output {
                Output::Event(event) => self.told.push((self.now, id, event)),
                Output::Send {
                    peer,
                    link,
                    heartbeat,
                } => {
                    self.packets += 1;
                    let lines = heartbeat.hearing.len();
                    let fixed = HEADER_BYTES + BODY_BYTES + TAG_BYTES;
                    self.bytes += (fixed + lines * HEARING_BYTES) as u64;
                    let sent = &mut self.nodes.get_mut(&id).unwrap().sent;
                    sent.push_back((peer, link, (*heartbeat).clone()));
                    if RECORDED_MAX < sent.len() {
                        sent.pop_front();
                    }
                    let lost = self.draw(1000) < self.loss_per_mille;
                    let jitter = self.draw(self.jitter.as_nanos() as u64);
                    if !lost && !self.cut.contains(&(id, peer, link)) {
                        let delay = LATENCY + Duration::from_nanos(jitter);
                        self.put(peer, link, delay, Parcel::Heartbeat(*heartbeat));
                    }
                }
            }
        }
    }
}
