//! A witness outside the cluster: the real arbiter, a disk, and wires that can be cut.

use std::collections::BTreeSet;
use std::time::Duration;

use model::seen::WitnessKind;
use model::{Command, Lineage, NodeId};
use quorum::arbiter::{Answer, Arbiter as Memory, Ask, Output, Ping, Record};
use raft::{Arbiter, Restored};

use super::machine::Power;
use super::{Cluster, Event, form};

/// One way to the witness: it is farther away than the other nodes.
const AWAY: Duration = Duration::from_millis(5);

/// Nodes show themselves as often.
const PING_EVERY: Duration = Duration::from_secs(1);

/// Supervision starts a daemon again after so long.
const SUPERVISED: Duration = Duration::from_millis(500);

/// The witness of the cluster, if it has one.
#[derive(Default)]
pub struct Witness {
    pub memory: Option<Memory>,
    /// Nodes that do not reach it, and are not reached.
    pub cut: BTreeSet<NodeId>,
    pub power: Option<Power>,
}

impl Cluster {
    /// A witness begins to run.
    pub fn raise_witness(&mut self) {
        self.witness.memory = Some(Memory::new(Record::default()).unwrap());
        self.witness.power = Some(Power::On);
        self.put(PING_EVERY, Event::Pings);
    }

    fn runs(&self, id: NodeId) -> bool {
        let machine = &self.machines[&id];
        machine.power == Power::On && machine.daemon.is_some()
    }

    /// An operator makes it known, once the cluster runs.
    fn name_witness(&mut self) {
        let is_known = !self.newest().0.seen().witnesses.is_empty();
        let Some(contact) = self.contact().filter(|_| !is_known) else {
            return;
        };
        let command = Command::SetWitness {
            name: form::name("oak"),
            kind: WitnessKind::Network {
                address: "192.0.2.1:7412".parse().unwrap(),
                key: [7; 32],
            },
            by: form::name("ann"),
        };
        self.request(contact, command);
    }

    fn reaches_witness(&self, node: NodeId) -> bool {
        self.witness.power == Some(Power::On) && !self.witness.cut.contains(&node)
    }

    /// All nodes show themselves to the witness, and learn whom it hears.
    pub fn ping_witness(&mut self) {
        self.put(PING_EVERY, Event::Pings);
        let now = self.now;
        self.name_witness();
        let ids: Vec<NodeId> = self.machines.keys().copied().collect();
        let reaching: BTreeSet<NodeId> = ids
            .iter()
            .copied()
            .filter(|id| self.reaches_witness(*id))
            .filter(|id| self.runs(*id))
            .collect();
        for id in &reaching {
            let node = &self.machines[id].daemon.as_ref().unwrap().node;
            let weight = node.weight_here();
            let hears = BTreeSet::new();
            let ping = Ping {
                node: *id,
                weight,
                hears,
            };
            if let Some(memory) = &mut self.witness.memory {
                memory.handle_ping(ping, now);
            }
        }
        for id in &reaching {
            if let Some(daemon) = self.awake(*id) {
                let known = daemon.node.state().seen().witnesses.values().next();
                let Some(arbiter) = known.map(node::arbiter_of) else {
                    continue;
                };
                daemon.node.handle_witness(arbiter, reaching.clone(), now);
                self.carry_out(*id);
            }
        }
    }

    /// A daemon sets its log aside, ends, and is started again with the other history.
    pub fn yield_to(&mut self, id: NodeId, lineage: Lineage) {
        let machine = self.machine(id);
        machine.disk = Restored::rejoin(lineage, &machine.disk.hard_state);
        let name = machine.name.clone();
        self.note(format!("  {name} sets its log aside"));
        self.kill_daemon(id);
        self.put(SUPERVISED, Event::StartDaemon { on: id });
    }

    /// A person at this node vouches for others.
    pub fn force(&mut self, id: NodeId, lost: &str) {
        let now = self.now;
        let lost = lost.split(',').map(form::name).collect();
        if let Some(daemon) = self.awake(id) {
            let done = daemon.node.handle_force(lost, form::name("ann"), now);
            self.carry_out(id);
            if let Err(refused) = done {
                self.note(format!("  refused: {refused}"));
            }
        }
    }

    pub fn ask_witness(&mut self, (by, run): (NodeId, u64), about: (Arbiter, u64), ask: Ask) {
        let (arbiter, number) = about;
        let ask = Box::new(ask);
        let asked = Event::Asked {
            by,
            run,
            arbiter,
            number,
            ask,
        };
        self.put(AWAY, asked);
    }

    pub fn asked(&mut self, (by, run): (NodeId, u64), about: (Arbiter, u64), ask: &Ask) {
        if !self.reaches_witness(by) {
            return;
        }
        let (now, (arbiter, number)) = (self.now, about);
        let Some(memory) = &mut self.witness.memory else {
            return;
        };
        memory.handle_ask(number, ask, now);
        let mut answers = Vec::new();
        while let Some(output) = memory.poll_output() {
            match output {
                Output::Persist { number, .. } => memory.handle_persisted(number),
                Output::Answer { answer, .. } => answers.push(answer),
            }
        }
        for answer in answers {
            let name = self.machines[&by].name.clone();
            if matches!(answer, Answer::Granted { .. }) {
                self.note(format!("  the witness votes for {name}"));
            }
            let granted = Event::Granted {
                by,
                run,
                arbiter,
                number,
                answer,
            };
            self.put(AWAY, granted);
        }
    }

    pub fn granted(&mut self, (by, run): (NodeId, u64), about: (Arbiter, u64), answer: Answer) {
        if !self.reaches_witness(by) {
            return;
        }
        let (now, (arbiter, number)) = (self.now, about);
        if let Some(daemon) = self.awake(by).filter(|daemon| daemon.run == run) {
            daemon.node.handle_grant(&arbiter, (number, answer), now);
            self.carry_out(by);
        }
    }
}
