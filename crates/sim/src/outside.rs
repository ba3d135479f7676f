//! The witness: the real arbiter, on a machine with a disk, at the end of wires of its own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use model::{Command, NodeId, WitnessName};
use quorum::arbiter::{Answer, Arbiter as Memory, Ask, Output, Ping, Record};
use raft::Arbiter;

use crate::form::operator;
use crate::machine::Power;
use crate::world::{Event, World};

/// One way to the witness: it is farther away than the other nodes.
const AWAY: Duration = Duration::from_millis(5);

/// Nodes show themselves as often; a little less than in production, to save events.
const PING_EVERY: Duration = Duration::from_millis(300);

/// The slowest write of its disk.
const DISK_MICROS: u64 = 6_000;

/// A question that is under way, or waits for the disk.
struct Asked {
    run: u64,
    arbiter: Arbiter,
    number: u64,
}

/// The witness of the cluster, if it has one.
#[derive(Default)]
pub(crate) struct Witness {
    /// None: its program does not run.
    memory: Option<Memory>,
    /// What its disk holds for certain.
    stable: Record,
    under_way: VecDeque<(u64, Record)>,
    /// Which run of its program this is.
    run: u64,
    /// Whether it ends in the middle of its next write.
    pub is_trapped: bool,
    /// Nodes that do not reach it, and are not reached.
    pub cut: BTreeSet<NodeId>,
    /// By candidate and its number of the question.
    asked: BTreeMap<(NodeId, u64), Asked>,
    /// When people last made it known to the cluster.
    named: u64,
}

impl World {
    pub(crate) fn start_witness(&mut self) {
        if !self.setup.witness || self.witness.memory.is_some() {
            return;
        }
        let record = self.witness.stable.clone();
        self.witness.memory = Memory::new(record).ok();
        self.witness.run += 1;
        self.trace
            .tale(self.now, None, || "the witness starts".into());
    }

    /// Its program ends; what was on its way to its disk may be there or not.
    pub(crate) fn kill_witness(&mut self) {
        if self.witness.memory.take().is_none() {
            return;
        }
        let under_way = std::mem::take(&mut self.witness.under_way);
        let kept = self.random.below(under_way.len() as u64 + 1);
        if let Some((_, record)) = under_way.into_iter().take(kept as usize).next_back() {
            self.witness.stable = record;
        }
        self.witness.asked.clear();
        self.trace
            .tale(self.now, None, || "the witness ends".into());
    }

    /// It ends, and supervision is quick.
    pub(crate) fn trap_witness(&mut self) {
        self.kill_witness();
        self.put(Duration::from_millis(50), Event::WitnessStart);
    }

    fn reaches_witness(&self, node: NodeId) -> bool {
        self.witness.memory.is_some() && !self.witness.cut.contains(&node)
    }

    /// Whether a packet to or from the witness arrives.
    fn is_carried(&mut self) -> bool {
        let loss = self.wires.weather.loss;
        loss == 0 || !self.random.chance(loss)
    }

    /// All nodes show themselves to the witness, and learn whom it hears.
    pub(crate) fn pings(&mut self) {
        self.put(PING_EVERY, Event::Pings);
        self.name_witness();
        if self.setup.shared {
            return;
        }
        let now = self.now;
        let mut reaching = BTreeSet::new();
        for place in 0..self.machines.len() {
            let id = NodeId(place as u64 + 1);
            let machine = &self.machines[place];
            let runs = machine.power == Power::On && machine.daemon.is_some();
            if runs && self.reaches_witness(id) && self.is_carried() {
                reaching.insert(id);
            }
        }
        for id in &reaching {
            let daemon = &self.machines[(id.0 - 1) as usize].daemon;
            let weight = daemon
                .as_ref()
                .map_or(0, |daemon| daemon.node.weight_here());
            if let Some(memory) = &mut self.witness.memory {
                let ping = Ping {
                    node: *id,
                    weight,
                    hears: BTreeSet::new(),
                };
                memory.handle_ping(ping, now);
            }
        }
        for id in &reaching {
            if !self.is_carried() {
                continue;
            }
            if let Some((daemon, local)) = self.awake(*id) {
                let known = daemon.node.state().seen().witnesses.values().next();
                let Some(arbiter) = known.map(node::arbiter_of) else {
                    continue;
                };
                daemon.node.handle_witness(arbiter, reaching.clone(), local);
                self.carry_out(*id);
            }
        }
    }

    /// A person makes it known, as soon as somebody leads, and again if that was lost.
    fn name_witness(&mut self) {
        // By then somebody leads, and there is time to trust it before the first fault.
        const FIRST: u64 = 7;
        const AGAIN_AFTER: u64 = 10;
        self.witness.named += 1;
        let is_known = !self.record.state().seen().witnesses.is_empty();
        if is_known || self.witness.named % AGAIN_AFTER != FIRST {
            return;
        }
        let Some(contact) = self.contact() else {
            return;
        };
        let kind = self.kind_of_witness();
        let command = Command::SetWitness {
            name: WitnessName::new("oak").expect("a plain word is a name"),
            kind,
            by: operator(),
        };
        self.request(contact, command);
    }

    pub(crate) fn ask_witness(
        &mut self,
        (by, run): (NodeId, u64),
        (arbiter, number): (Arbiter, u64),
        ask: Box<Ask>,
    ) {
        if self.setup.shared {
            return self.ask_disk((by, run), number, *ask);
        }
        if self.reaches_witness(by) && self.is_carried() {
            let asked = Event::Asked {
                by,
                run,
                arbiter,
                number,
                ask,
            };
            self.put(AWAY, asked);
        }
    }

    pub(crate) fn asked(
        &mut self,
        (by, run): (NodeId, u64),
        (arbiter, number): (Arbiter, u64),
        ask: &Ask,
    ) {
        if !self.reaches_witness(by) {
            return;
        }
        let now = self.now;
        let Some(memory) = &mut self.witness.memory else {
            return;
        };
        let asked = Asked {
            run,
            arbiter,
            number,
        };
        self.witness.asked.insert((by, number), asked);
        memory.handle_ask(number, ask, now);
        self.drain_witness();
    }

    pub(crate) fn witness_written(&mut self, run: u64, number: u64) {
        if self.witness.run != run {
            return;
        }
        let under_way = &mut self.witness.under_way;
        while under_way.front().is_some_and(|(at, _)| *at <= number) {
            if let Some((_, record)) = under_way.pop_front() {
                self.witness.stable = record;
            }
        }
        if let Some(memory) = &mut self.witness.memory {
            memory.handle_persisted(number);
            self.drain_witness();
        }
    }

    fn drain_witness(&mut self) {
        let run = self.witness.run;
        while let Some(memory) = &mut self.witness.memory
            && let Some(output) = memory.poll_output()
        {
            match output {
                Output::Persist { number, record } => {
                    self.witness.under_way.push_back((number, record));
                    let takes = Duration::from_micros(100 + self.random.below(DISK_MICROS));
                    self.put(takes, Event::WitnessWritten { run, number });
                    if std::mem::take(&mut self.witness.is_trapped) {
                        let until = takes.as_micros() as u64;
                        let when = Duration::from_micros(self.random.below(until));
                        self.put(when, Event::WitnessTrap);
                    }
                }
                Output::Answer { to, ask, answer } => self.answer_of_witness(to, ask, answer),
            }
        }
    }

    fn answer_of_witness(&mut self, to: NodeId, ask: u64, answer: Answer) {
        let Some(asked) = self.witness.asked.remove(&(to, ask)) else {
            return;
        };
        if matches!(answer, Answer::Granted { .. }) {
            let what = || "the witness gives its vote".into();
            self.trace.tale(self.now, Some(to), what);
        }
        if self.reaches_witness(to) && self.is_carried() {
            let granted = Event::Granted {
                by: to,
                run: asked.run,
                arbiter: asked.arbiter,
                number: asked.number,
                answer,
            };
            self.put(AWAY, granted);
        }
    }

    pub(crate) fn granted(
        &mut self,
        (by, run): (NodeId, u64),
        (arbiter, number): (Arbiter, u64),
        answer: Answer,
    ) {
        if let Some((daemon, local)) = self.awake_run((by, run)) {
            daemon.node.handle_grant(&arbiter, (number, answer), local);
            self.carry_out(by);
        }
    }
}
