//! A cluster of whole nodes on machines, disks, wires and power switches made of numbers.
//! One event at a time; after each the promises are checked (`invariants`).
#![allow(dead_code, reason = "each test program uses its part")]

pub mod cards;
pub mod form;
mod hands;
mod invariants;
pub mod machine;
mod network;
pub mod outside;
pub mod story;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::operation::{Operation, ResourceAddress};
use model::{Command, Instant, NodeId, NodeName, Spec, WallTime};
use node::{FenceAsker, PeerMessage, Question, RequestError, RequestId};
use quorum::arbiter::{Answer, Ask};
use raft::{Arbiter, Persist};
use state::State;
use wire::heartbeat::Heartbeat;

use machine::{Machine, Power};

/// Far more than the busiest second has been seen to need; a loop without progress ends here.
const EVENTS_PER_SECOND_MAX: u64 = 200_000;

/// Something that happens at a moment.
pub enum Event {
    Heartbeat {
        from: NodeId,
        to: NodeId,
        heartbeat: Box<Heartbeat>,
    },
    Refused {
        by: NodeId,
        to: NodeId,
    },
    Message {
        from: NodeId,
        to: NodeId,
        message: PeerMessage,
    },
    Written {
        on: NodeId,
        run: u64,
        persist: Persist,
    },
    Begun {
        on: NodeId,
        run: u64,
        operation: Box<Operation>,
    },
    Ended {
        on: NodeId,
        run: u64,
        operation: Box<Operation>,
    },
    GaveWay {
        on: NodeId,
        run: u64,
        operation: Box<Operation>,
    },
    Failed {
        on: NodeId,
        run: u64,
        address: ResourceAddress,
    },
    Checked {
        on: NodeId,
        run: u64,
        question: Box<Question>,
    },
    Fenced {
        by: NodeId,
        run: u64,
        asker: FenceAsker,
        target: NodeId,
        works: bool,
    },
    Looked {
        by: NodeId,
        run: u64,
        asker: FenceAsker,
        target: NodeId,
        works: bool,
    },
    /// All nodes show themselves to the witness.
    Pings,
    /// A question on its way to the witness.
    Asked {
        by: NodeId,
        run: u64,
        arbiter: Arbiter,
        number: u64,
        ask: Box<Ask>,
    },
    /// The witness has answered.
    Granted {
        by: NodeId,
        run: u64,
        arbiter: Arbiter,
        number: u64,
        answer: Answer,
    },
    Boot {
        on: NodeId,
    },
    StartDaemon {
        on: NodeId,
    },
    Resume {
        on: NodeId,
    },
}

/// How the power switch of a node behaves.
#[derive(Debug, Clone)]
pub struct Switch {
    pub takes: Duration,
    /// Tries that still fail.
    pub fails: u32,
    /// It confirms, and does nothing.
    pub lies: bool,
    /// How long after a fence the machine is switched on again.
    pub on_again: Option<Duration>,
}

pub struct Cluster {
    pub now: Instant,
    pub machines: BTreeMap<NodeId, Machine>,
    pub switches: BTreeMap<NodeId, Switch>,
    pub cut: BTreeSet<(NodeId, NodeId)>,
    /// Nodes to and from which heartbeats pass, and no messages.
    pub mute: BTreeSet<NodeId>,
    pub loss_per_mille: u64,
    /// What a node proposes from now on is on its way for so long.
    pub delays: BTreeMap<NodeId, Duration>,
    pub spec: Spec,
    pub witness: outside::Witness,
    pub events_done: u64,
    /// What operators were told.
    pub answers: Vec<(RequestId, Result<u64, RequestError>)>,
    /// Starts and stops that really happened, for those who watch.
    pub acts: Vec<(Instant, String)>,
    first: (State, u64),
    queue: BTreeMap<(Instant, u64), Event>,
    queued: u64,
    pub requests: u64,
    random: u64,
    /// A person will vouch falsely, or give entries up: promises hold in each history.
    pub is_torn: bool,
    log: BTreeMap<(model::Lineage, u64), (u64, wire::raft::Payload)>,
}

impl Cluster {
    pub fn new(nodes: &[&str], spec: &Spec, seed: u64) -> Self {
        let (state, index) = form::first_state(nodes, spec);
        let disk = form::first_log(nodes.len(), (&state, index));
        let mut cluster = Self {
            now: Instant(1_000_000_000),
            machines: BTreeMap::new(),
            switches: BTreeMap::new(),
            cut: BTreeSet::new(),
            mute: BTreeSet::new(),
            loss_per_mille: 0,
            delays: BTreeMap::new(),
            spec: spec.clone(),
            witness: outside::Witness::default(),
            events_done: 0,
            answers: Vec::new(),
            acts: Vec::new(),
            first: (state, index),
            queue: BTreeMap::new(),
            queued: 0,
            requests: 0,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            is_torn: false,
            log: BTreeMap::new(),
        };
        for (place, node) in nodes.iter().enumerate() {
            cluster.add_machine(place as u64 + 1, form::name(node), disk.clone());
        }
        cluster
    }

    pub fn add_machine(&mut self, id: u64, name: NodeName, disk: raft::Restored) {
        let id = NodeId(id);
        let mut machine = Machine::new(id, name, disk);
        machine.plug_in(&self.spec);
        self.machines.insert(id, machine);
        let takes = Duration::from_millis(200);
        self.switches.insert(
            id,
            Switch {
                takes,
                fails: 0,
                lies: false,
                on_again: None,
            },
        );
        self.boot(id);
    }

    /// xorshift64*: the same on every machine.
    pub fn draw(&mut self, below: u64) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % below.max(1)
    }

    pub fn put(&mut self, delay: Duration, event: Event) {
        self.queued += 1;
        self.queue.insert((self.now + delay, self.queued), event);
    }

    pub fn machine(&mut self, id: NodeId) -> &mut Machine {
        self.machines.get_mut(&id).unwrap()
    }

    pub fn id(&self, name: &str) -> NodeId {
        let found = self.machines.values().find(|m| m.name.as_str() == name);
        found.unwrap_or_else(|| panic!("no node {name}")).id
    }

    pub fn boot(&mut self, id: NodeId) {
        let now = self.now;
        if self.machine(id).power == Power::Off {
            let machine = self.machine(id);
            machine.power = Power::On;
            machine.boots += 1;
            machine.booted_at = now;
            self.start_daemon(id);
        }
    }

    pub fn start_daemon(&mut self, id: NodeId) {
        let (now, seed) = (self.now, self.draw(u64::MAX));
        let machine = self.machine(id);
        if machine.power == Power::Off || machine.daemon.is_some() {
            return;
        }
        machine.start_daemon(now, seed);
        self.run_timers(id);
    }

    pub fn kill_daemon(&mut self, id: NodeId) {
        self.machine(id).daemon = None;
    }

    pub fn power_off(&mut self, id: NodeId) {
        self.machine(id).power_off();
    }

    pub fn pause(&mut self, id: NodeId, span: Duration) {
        if self.machine(id).power == Power::On {
            self.machine(id).power = Power::Paused;
            self.put(span, Event::Resume { on: id });
        }
    }

    pub fn request(&mut self, at: NodeId, command: Command) {
        self.requests += 1;
        let (id, now) = (RequestId(self.requests), self.now);
        if let Some(daemon) = &mut self.machine(at).daemon {
            daemon.node.set_wall(wall(now));
            daemon.node.handle_request(id, command, now);
            self.carry_out(at);
        }
    }

    /// Somebody who can answer: the leader, or else any daemon.
    pub fn contact(&self) -> Option<NodeId> {
        let on = |m: &&Machine| m.power == Power::On && m.daemon.is_some();
        let leads = |m: &&Machine| {
            let daemon = m.daemon.as_ref().unwrap();
            daemon.node.raft().is_quorate(self.now)
        };
        let up = || self.machines.values().filter(on);
        up().find(leads).or_else(|| up().next()).map(|m| m.id)
    }

    /// The state of the node that has applied most.
    pub fn newest(&self) -> (&State, u64) {
        let daemons = self.machines.values().filter_map(|m| m.daemon.as_ref());
        let newest = daemons.max_by_key(|daemon| daemon.node.applied());
        newest.map_or((&self.first.0, self.first.1), |daemon| {
            (daemon.node.state(), daemon.node.applied())
        })
    }

    pub fn run(&mut self, span: Duration) {
        let end = self.now + span;
        let limit = self.events_done + EVENTS_PER_SECOND_MAX * (span.as_secs() + 1);
        while let Some(at) = self.next_moment().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.step();
            self.events_done += 1;
            assert!(
                self.events_done < limit,
                "busy without progress at {:?}",
                self.now
            );
            self.check();
        }
        self.now = end;
    }

    fn next_moment(&self) -> Option<Instant> {
        let queued = self.queue.keys().next().map(|(at, _)| *at);
        let timers = self.machines.values().filter(|m| m.power == Power::On);
        let timers = timers.filter_map(|m| m.daemon.as_ref()).flat_map(|daemon| {
            let node = daemon.node.next_deadline(self.now);
            node.into_iter().chain([daemon.detector.next_deadline()])
        });
        timers.chain(queued).min()
    }

    fn step(&mut self) {
        if let Some(entry) = self.queue.first_entry().filter(|e| e.key().0 <= self.now) {
            let event = entry.remove();
            self.deliver(event);
            return;
        }
        let ids: Vec<NodeId> = self.machines.keys().copied().collect();
        ids.into_iter().for_each(|id| self.run_timers(id));
    }

    pub fn run_timers(&mut self, id: NodeId) {
        let now = self.now;
        let machine = self.machine(id);
        if machine.power != Power::On {
            return;
        }
        let Some(daemon) = &mut machine.daemon else {
            return;
        };
        daemon.node.set_wall(wall(now));
        if daemon.detector.next_deadline() <= now {
            daemon.detector.handle_timeout(now);
        }
        if daemon.node.next_deadline(now).is_some_and(|at| at <= now) {
            if daemon.node.wants_hearing(now) {
                let peers = daemon.detector.peers(now);
                daemon.node.handle_hearing(&peers, now);
            }
            daemon.node.handle_timeout(now);
            let next = daemon.node.next_deadline(now);
            assert!(
                next.is_none_or(|at| now < at),
                "{id}: due at {next:?}, still, at {now:?}"
            );
        }
        self.carry_out(id);
    }

    fn deliver(&mut self, event: Event) {
        let now = self.now;
        for daemon in self.machines.values_mut().filter_map(|m| m.daemon.as_mut()) {
            daemon.node.set_wall(wall(now));
        }
        match event {
            Event::Heartbeat {
                from,
                to,
                heartbeat,
            } => self.hear((from, to), heartbeat),
            Event::Refused { by, to } => {
                if let Some(daemon) = self.awake(to) {
                    daemon.detector.handle_refused(machine::LINK, by, now);
                    self.carry_out(to);
                }
            }
            Event::Message { from, to, message } => {
                if self.machine(to).power == Power::Paused {
                    let event = Event::Message { from, to, message };
                    self.machine(to).waiting.push_back(event);
                } else if let Some(daemon) = self.awake(to) {
                    daemon.node.handle_message(from, message, now);
                    self.carry_out(to);
                }
            }
            Event::Written { on, run, persist } => self.written((on, run), persist),
            Event::Begun { on, run, operation } => self.begin((on, run), operation),
            Event::Ended { on, run, operation } => self.end((on, run), operation),
            Event::GaveWay { on, run, operation } => self.give_way((on, run), operation),
            Event::Checked { on, run, question } => self.answer_check((on, run), question),
            Event::Failed { on, run, address } => self.fail((on, run), address),
            Event::Fenced {
                by,
                run,
                asker,
                target,
                works,
            } => {
                self.fenced((by, run), asker, (target, works));
            }
            Event::Looked {
                by,
                run,
                asker,
                target,
                works,
            } => self.looked((by, run), asker, (target, works)),
            Event::Asked {
                by,
                run,
                arbiter,
                number,
                ask,
            } => self.asked((by, run), (arbiter, number), &ask),
            Event::Granted {
                by,
                run,
                arbiter,
                number,
                answer,
            } => self.granted((by, run), (arbiter, number), answer),
            Event::Pings => self.ping_witness(),
            Event::Boot { on } => self.boot(on),
            Event::StartDaemon { on } => self.start_daemon(on),
            Event::Resume { on } => self.resume(on),
        }
    }

    /// A machine goes on: the sockets of the heartbeats are drained first, then the daemon
    /// looks at its clock, then it reads what has come.
    fn resume(&mut self, on: NodeId) {
        if self.machine(on).power != Power::Paused {
            return;
        }
        self.machine(on).power = Power::On;
        let heard = std::mem::take(&mut self.machine(on).waiting_heartbeats);
        for (from, heartbeat) in heard {
            self.hear((from, on), heartbeat);
        }
        self.run_timers(on);
        for event in std::mem::take(&mut self.machine(on).waiting) {
            self.deliver(event);
        }
    }
}

/// Wall clocks jump by a day or years every few seconds: nobody may mind.
fn wall(now: Instant) -> WallTime {
    const JUMPS_DAYS: [u64; 5] = [0, 1, 30 * 365, 2, 15 * 365];
    let jump = JUMPS_DAYS[(now.0 / 3_000_000_000 % 5) as usize];
    WallTime(now.0 / 1_000_000 + jump * DAY_MILLIS)
}

/// When in the play a clock showed this; no play lasts for a day.
pub fn unjumped(at: WallTime) -> u64 {
    at.0 % DAY_MILLIS
}

const DAY_MILLIS: u64 = 86_400_000;
