//! A whole cluster in one thread: nodes, their disks, and a network made of a list. Every
//! step is followed by the checks of `invariants`.

#![allow(dead_code, reason = "each test program uses its part")]

pub mod invariants;
pub mod words;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use model::{Instant, Lineage, NodeId};
use raft::{Config, ForceError, Forcing, Output, Persist, Raft, Restored, Role, Standing};
use wire::raft::{Configuration, Entry, HardState, Message, Payload, SnapshotMeta};

use invariants::Invariants;

pub const LINEAGE: Lineage = Lineage {
    generation: 1,
    maker: NodeId(1),
    random: 42,
};

/// Steps of one `run`; a cluster that needs more is in a loop.
const STEPS_MAX: usize = 400_000;

/// What survives a crash.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    pub hard_state: HardState,
    pub snapshot: Option<(SnapshotMeta, Vec<u8>)>,
    pub entries: Vec<Entry>,
}

impl Disk {
    /// Carries out the first `parts` parts of an order; each entry is a part.
    fn carry_out(&mut self, order: Persist, parts: usize) {
        let mut parts = parts;
        let mut next = || {
            let goes_on = 0 < parts;
            parts = parts.saturating_sub(1);
            goes_on
        };
        if let Some(state) = order.hard_state.filter(|_| next()) {
            self.hard_state = state;
        }
        if let Some(snapshot) = order.snapshot.filter(|_| next()) {
            self.snapshot = Some(snapshot);
        }
        if let Some(from) = order.truncate_from {
            if !next() {
                return;
            }
            self.entries.retain(|entry| entry.index < from);
        }
        for entry in order.entries {
            if !next() {
                return;
            }
            if let Some(last) = self.entries.last() {
                assert_eq!(entry.index, last.index + 1, "the disk got a gap");
            }
            self.entries.push(entry);
        }
    }

    fn restored(&self) -> Restored {
        Restored {
            hard_state: self.hard_state.clone(),
            snapshot: self.snapshot.clone(),
            entries: self.entries.clone(),
        }
    }
}

#[derive(Debug)]
pub struct Node {
    pub raft: Option<Raft>,
    pub disk: Disk,
    orders: VecDeque<Persist>,
    disk_is_held: bool,
    run: u64,
    started: Instant,
    /// A newer lineage that this node has met.
    pub superseded: Option<Lineage>,
    acknowledged: Option<Instant>,
    /// The commands applied so far, one after the other.
    pub state: Vec<String>,
    pub applied: u64,
}

enum Event {
    Deliver(Message),
    Disk { node: NodeId, run: u64 },
}

/// What the network does to each message, in percent and milliseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    pub loss: u64,
    pub duplication: u64,
    pub delay_max: u64,
}

pub struct Cluster {
    pub now: Instant,
    pub nodes: BTreeMap<NodeId, Node>,
    events: BTreeMap<(Instant, u64), Event>,
    counter: u64,
    pub cuts: BTreeSet<(NodeId, NodeId)>,
    pub holds: BTreeSet<(NodeId, NodeId)>,
    pub held: Vec<Message>,
    pub faults: Faults,
    pub lines: Vec<String>,
    pub shows_messages: bool,
    pub tune: fn(&mut Config),
    seed: u64,
    random: u64,
    /// When each entry was made.
    born: BTreeMap<(u64, u64), Instant>,
    /// Runs get their standing from what they apply; else by order.
    pub gives_standing: bool,
    /// Forced changes that were won.
    pub forced: u64,
    pub invariants: Invariants,
}

impl Cluster {
    pub fn new(seed: u64, tune: fn(&mut Config)) -> Self {
        Self {
            now: Instant(1_000_000_000),
            nodes: BTreeMap::new(),
            events: BTreeMap::new(),
            counter: 0,
            cuts: BTreeSet::new(),
            holds: BTreeSet::new(),
            held: Vec::new(),
            faults: Faults::default(),
            lines: Vec::new(),
            shows_messages: false,
            tune,
            seed,
            random: seed,
            born: BTreeMap::new(),
            gives_standing: false,
            forced: 0,
            invariants: Invariants::default(),
        }
    }

    /// An xorshift over the seed: the schedule's own chance, apart from that of the nodes.
    pub fn chance(&mut self, bound: u64) -> u64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.random >> 33) % bound.max(1)
    }

    pub fn bootstrap(&mut self, configuration: &Configuration) {
        for id in configuration.members() {
            let restored = Restored::bootstrap(LINEAGE, configuration.clone());
            let Restored {
                hard_state,
                snapshot,
                entries,
            } = restored;
            self.add_node(
                id,
                Disk {
                    hard_state,
                    snapshot,
                    entries,
                },
            );
        }
    }

    pub fn add_joiner(&mut self, id: NodeId) {
        let hard_state = Restored::empty(LINEAGE).hard_state;
        self.add_node(
            id,
            Disk {
                hard_state,
                ..Disk::default()
            },
        );
    }

    fn add_node(&mut self, id: NodeId, disk: Disk) {
        let node = Node {
            raft: None,
            disk,
            orders: VecDeque::new(),
            disk_is_held: false,
            run: 0,
            started: self.now,
            superseded: None,
            acknowledged: None,
            state: Vec::new(),
            applied: 0,
        };
        self.nodes.insert(id, node);
        self.start(id);
    }

    pub fn start(&mut self, id: NodeId) {
        let mut config = Config::new(id, 0);
        (self.tune)(&mut config);
        let node = self.nodes.get_mut(&id).expect("a known node");
        if node.raft.is_some() {
            return;
        }
        node.run += 1;
        config.seed = self.seed.wrapping_mul(31).wrapping_add(node.run);
        (node.state, node.applied) = (Vec::new(), 0);
        (node.started, node.superseded, node.acknowledged) = (self.now, None, None);
        node.raft = Some(Raft::new(config, node.disk.restored(), self.now));
        self.drain(id);
    }

    /// The power fails: what was not on disk is gone; `torn` parts of the order under way
    /// remain.
    pub fn crash(&mut self, id: NodeId, torn: usize) {
        let node = self.nodes.get_mut(&id).expect("a known node");
        node.raft = None;
        node.disk_is_held = false;
        let orders = std::mem::take(&mut node.orders);
        if let Some(order) = orders.into_iter().next() {
            node.disk.carry_out(order, torn);
        }
        self.invariants.forget(id);
    }

    pub fn hold_disk(&mut self, id: NodeId) {
        self.nodes.get_mut(&id).expect("a known node").disk_is_held = true;
    }

    pub fn free_disk(&mut self, id: NodeId) {
        self.nodes.get_mut(&id).expect("a known node").disk_is_held = false;
        self.work_disk(id);
    }

    /// Calls one node, takes all its outputs, checks the invariants.
    pub fn with<T>(&mut self, id: NodeId, call: impl FnOnce(&mut Raft, Instant) -> T) -> Option<T> {
        let now = self.now;
        let raft = self.nodes.get_mut(&id)?.raft.as_mut()?;
        let result = call(raft, now);
        self.drain(id);
        Some(result)
    }

    fn drain(&mut self, id: NodeId) {
        while let Some(output) = self.raft(id).and_then(|raft| raft.poll_output()) {
            self.take_output(id, output);
        }
        let now = self.now;
        let Some(node) = self.nodes.get_mut(&id) else {
            return;
        };
        let Some(raft) = node.raft.as_ref() else {
            return;
        };
        self.invariants.check(raft);
        let acknowledged = raft.acknowledged_at(now);
        assert!(
            node.acknowledged <= acknowledged,
            "{id}: the lease falls back"
        );
        assert!(
            acknowledged <= Some(now),
            "{id}: the lease is of the future"
        );
        node.acknowledged = acknowledged;
        if raft.role() == Role::Leader {
            let term = raft.term();
            for index in (raft.base_index() + 1..=raft.last_index()).rev() {
                let is_own = raft.entry(index).is_some_and(|entry| entry.term == term);
                if !is_own || self.born.contains_key(&(index, term)) {
                    break;
                }
                self.born.insert((index, term), now);
            }
        }
    }

    /// An entry that was made after this run had begun has been applied in it, under a leader:
    /// that is when the log can have shown this run as up.
    fn review_standing(&mut self, id: NodeId, entry: &Entry) {
        if !self.gives_standing {
            return;
        }
        let born = self.born.get(&(entry.index, entry.term)).copied();
        let started = self.nodes[&id].started;
        let Some(raft) = self.raft(id) else { return };
        let is_voter = raft.configuration().voters.contains(&id);
        let is_led = raft.leader().is_some() && raft.term() == entry.term;
        if born.is_some_and(|born| started < born)
            && is_led
            && is_voter
            && raft.configuration_is_committed()
        {
            raft.set_standing(Standing::Given);
        }
    }

    /// Fences the excused and begins a forced change. Each of the others loses sight of them.
    pub fn force(
        &mut self,
        id: NodeId,
        excused: &BTreeSet<NodeId>,
    ) -> Option<Result<u64, ForceError>> {
        self.counter += 1;
        let others: Vec<NodeId> = self
            .nodes
            .keys()
            .filter(|node| !excused.contains(node))
            .copied()
            .collect();
        for other in others {
            for gone in excused {
                self.with(other, |raft, now| raft.handle_peer_lost(*gone, now));
            }
        }
        let random = self.counter;
        let excused_now = excused.clone();
        let result = self.with(id, |raft, now| {
            let generation = raft.lineage().generation + 1;
            let lineage = Lineage {
                generation,
                maker: id,
                random,
            };
            raft.force(
                Forcing {
                    lineage,
                    excused: excused_now,
                },
                now,
            )
        });
        if let Some(Ok(_)) = result {
            for gone in excused {
                let torn = self.chance(6) as usize;
                self.crash(*gone, torn);
            }
        }
        result
    }

    /// A node that has met a newer lineage and is of no quorum sets its log aside. A learner
    /// never gives up its leader, so the time counts and not the name.
    pub fn yield_to_newer(&mut self, id: NodeId) {
        let (now, node) = (self.now, &self.nodes[&id]);
        let (Some(lineage), Some(raft)) = (node.superseded, &node.raft) else {
            return;
        };
        let heard_at = raft.last_contact(now).unwrap_or_default();
        if now.saturating_duration_since(heard_at) < Duration::from_secs(1) {
            return;
        }
        self.crash(id, 0);
        let node = self.nodes.get_mut(&id).expect("a known node");
        let hard_state = Restored::rejoin(lineage, &node.disk.hard_state).hard_state;
        node.disk = Disk {
            hard_state,
            ..Disk::default()
        };
        self.start(id);
    }

    fn raft(&mut self, id: NodeId) -> Option<&mut Raft> {
        self.nodes.get_mut(&id)?.raft.as_mut()
    }

    fn take_output(&mut self, id: NodeId, output: Output) {
        if let Some(line) = words::output(id, &output) {
            self.say(&line);
        }
        let node = self.nodes.get_mut(&id).expect("a known node");
        match output {
            Output::Send(message) => self.post(message),
            Output::Persist(order) => {
                node.orders.push_back(order);
                if !node.disk_is_held {
                    self.schedule_disk(id);
                }
            }
            Output::Committed(entries) => {
                let mut shown = Vec::new();
                for entry in entries {
                    assert_eq!(entry.index, node.applied + 1, "{id} got a gap to apply");
                    node.applied = entry.index;
                    self.invariants.committed(id, &entry);
                    shown.push(entry.clone());
                    if let Payload::Command(data) = entry.payload {
                        node.state.push(String::from_utf8_lossy(&data).into_owned());
                    }
                }
                for entry in &shown {
                    self.review_standing(id, entry);
                }
            }
            Output::RestoreSnapshot(meta, data) => {
                node.applied = meta.index;
                let text = String::from_utf8(data).expect("snapshots here are text");
                let words = text.split('\n').filter(|word| !word.is_empty());
                node.state = words.map(String::from).collect();
                self.invariants.restored(&meta, &node.state);
            }
            Output::ReadReady { context, index } => self.invariants.read_ready(context, index),
            Output::RoleChanged { .. }
            | Output::ReadFailed { .. }
            | Output::LineageMismatch { .. } => {}
            Output::Forced { .. } => self.forced += 1,
            Output::Superseded { lineage, .. } => {
                node.superseded = node.superseded.max(Some(lineage));
            }
        }
    }

    pub fn compact(&mut self, id: NodeId, index: u64) {
        let Some(node) = self.nodes.get(&id) else {
            return;
        };
        let index = index.min(node.applied);
        let text = self.invariants.state_at(index).join("\n");
        self.with(id, |raft, _| raft.compact(index, text.into_bytes()));
    }

    fn schedule_disk(&mut self, id: NodeId) {
        let span = 1 + self.chance(self.faults.delay_max / 4 + 1);
        let run = self.nodes[&id].run;
        self.schedule(Duration::from_millis(span), Event::Disk { node: id, run });
    }

    fn schedule(&mut self, after: Duration, event: Event) {
        self.counter += 1;
        self.events.insert((self.now + after, self.counter), event);
    }

    pub fn post(&mut self, message: Message) {
        let path = (message.from, message.to);
        let is_cut = self.cuts.contains(&path);
        if self.shows_messages {
            let line = words::message(&message);
            self.say(&format!("{line}{}", if is_cut { "  (cut)" } else { "" }));
        }
        if is_cut || self.chance(100) < self.faults.loss {
            return;
        }
        if self.holds.contains(&path) {
            self.held.push(message);
            return;
        }
        if self.chance(100) < self.faults.duplication {
            self.deliver_later(message.clone());
        }
        self.deliver_later(message);
    }

    pub fn deliver_later(&mut self, message: Message) {
        // What goes over the wire must survive it.
        let bytes = wire::raft::encode(&message);
        let message = wire::raft::decode(&bytes).expect("what was encoded can be decoded");
        let span = 1 + self.chance(self.faults.delay_max + 1);
        self.schedule(Duration::from_millis(span), Event::Deliver(message));
    }

    pub fn run(&mut self, span: Duration) {
        let end = self.now + span;
        for _ in 0..STEPS_MAX {
            if !self.step(end) {
                self.now = end;
                return;
            }
        }
        panic!("no end after {STEPS_MAX} steps");
    }

    /// The next event or deadline up to `end`, if there is one.
    pub fn step(&mut self, end: Instant) -> bool {
        let event_at = self.events.keys().next().map(|(at, _)| *at);
        let deadline = self.next_deadline();
        let event_first = match (event_at, deadline) {
            (Some(event), Some((deadline, _))) => event <= deadline,
            (event, None) => event.is_some(),
            (None, Some(_)) => false,
        };
        if event_first {
            let Some(((at, _), _)) = self.events.first_key_value() else {
                return false;
            };
            if end < *at {
                return false;
            }
            let ((at, _), event) = self.events.pop_first().expect("just seen");
            self.now = self.now.max(at);
            self.take_event(event);
            return true;
        }
        let Some((at, id)) = deadline.filter(|(at, _)| *at <= end) else {
            return false;
        };
        self.now = self.now.max(at);
        self.with(id, |raft, now| raft.handle_timeout(now));
        true
    }

    fn next_deadline(&self) -> Option<(Instant, NodeId)> {
        let deadline_of =
            |(id, node): (&NodeId, &Node)| Some((node.raft.as_ref()?.next_deadline()?, *id));
        self.nodes.iter().filter_map(deadline_of).min()
    }

    fn take_event(&mut self, event: Event) {
        match event {
            Event::Deliver(message) => {
                if !self.cuts.contains(&(message.from, message.to)) {
                    self.with(message.to, |raft, now| raft.handle_message(message, now));
                }
            }
            Event::Disk { node, run } => {
                if self.nodes[&node].run == run && !self.nodes[&node].disk_is_held {
                    self.work_disk(node);
                }
            }
        }
    }

    fn work_disk(&mut self, id: NodeId) {
        let waiting = self.nodes[&id].orders.len();
        let count = if self.faults.delay_max == 0 {
            waiting
        } else {
            // A slow disk syncs a part, and the rest later.
            1 + self.chance(waiting as u64) as usize
        };
        let node = self.nodes.get_mut(&id).expect("a known node");
        let orders: Vec<Persist> = node.orders.drain(..count.min(waiting)).collect();
        let Some(seq) = orders.last().map(|order| order.seq) else {
            return;
        };
        for order in orders {
            node.disk.carry_out(order, usize::MAX);
        }
        if count < waiting {
            self.schedule_disk(id);
        }
        self.with(id, |raft, now| raft.handle_persisted(seq, now));
    }

    pub fn leaders(&self) -> Vec<NodeId> {
        let leads = |node: &Node| {
            node.raft
                .as_ref()
                .is_some_and(|raft| raft.role() == Role::Leader)
        };
        self.nodes
            .iter()
            .filter(|(_, node)| leads(node))
            .map(|(id, _)| *id)
            .collect()
    }

    pub fn say(&mut self, text: &str) {
        let millis = self.now.0 / 1_000_000 - 1000;
        self.lines.push(format!("{millis:>6} ms  {text}"));
    }

    pub fn cut(&mut self, from: NodeId, to: NodeId) {
        self.cuts.insert((from, to));
    }
}
