//! The cluster and its world: machines, wires, power switches, people, and one queue of
//! what is to come. One event at a time; after each the promises are checked.

use std::collections::BTreeMap;
use std::time::Duration;

use model::level::LEVEL;
use model::operation::{Operation, ResourceAddress};
use model::seen::FenceResult;
use model::{Instant, NodeId, ServiceName};
use node::FenceAsker;
use node::PeerMessage;
use quorum::arbiter::{Answer, Ask};
use raft::{Arbiter, PersistSeq};
use wire::heartbeat::{Heartbeat, LinkId};

use crate::act::Kind;
use crate::clients::Clients;
use crate::dogs::DogNews;
use crate::form;
use crate::machine::{Machine, Power};
use crate::promises::{Promise, Violation};
use crate::queue::Queue;
use crate::random::Random;
use crate::record::Record;
use crate::schedule::Setup;
use crate::trace::{Keep, Trace};
use crate::wires::Wires;
use crate::words;

/// Streams of random numbers while a cluster lives.
const OF_WORLD: u64 = 3;

/// Far more than the busiest simulated second has been seen to need; a loop without progress
/// ends here.
const EVENTS_PER_MOMENT_MAX: u64 = 50_000;

/// Something that happens at a moment.
pub(crate) enum Event {
    Heartbeat {
        to: NodeId,
        link: LinkId,
        heartbeat: Box<Heartbeat>,
    },
    Refused {
        by: NodeId,
        to: NodeId,
        link: LinkId,
    },
    Message {
        from: NodeId,
        to: NodeId,
        message: Box<PeerMessage>,
    },
    Written {
        on: NodeId,
        run: u64,
        seq: PersistSeq,
    },
    Begun {
        on: NodeId,
        run: u64,
        operation: Box<Operation>,
    },
    CameUp {
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
        address: Box<ResourceAddress>,
    },
    /// A power switch acts.
    Strike {
        by: NodeId,
        run: u64,
        id: FenceAsker,
        target: NodeId,
    },
    /// What a power switch tells.
    Told {
        by: NodeId,
        run: u64,
        id: FenceAsker,
        result: Box<FenceResult>,
    },
    Boot {
        on: NodeId,
    },
    /// Supervision starts a daemon.
    StartDaemon {
        on: NodeId,
    },
    /// A daemon ends in the middle of a write.
    Trap {
        on: NodeId,
        run: u64,
    },
    /// Nodes show themselves to the witness.
    Pings,
    /// A question has reached the witness.
    Asked {
        by: NodeId,
        run: u64,
        arbiter: Arbiter,
        number: u64,
        ask: Box<Ask>,
    },
    /// The witness ends in the middle of a write.
    WitnessTrap,
    /// It starts.
    WitnessStart,
    /// The disk of the witness has written.
    WitnessWritten {
        run: u64,
        number: u64,
    },
    /// The witness has answered.
    Granted {
        by: NodeId,
        run: u64,
        arbiter: Arbiter,
        number: u64,
        answer: Answer,
    },
    /// A node looks at the shared disk.
    DiskPoll {
        on: NodeId,
        run: u64,
    },
    /// A read or write of it has ended.
    DiskDone {
        number: u64,
    },
    /// A pause of the vote over sectors is over.
    DiskTime {
        on: NodeId,
        run: u64,
    },
    /// Power is lost in the middle of a write to it.
    DiskTorn {
        on: NodeId,
        run: u64,
    },
    /// The time of a poison pill is over.
    PillOver {
        by: NodeId,
        run: u64,
        id: FenceAsker,
        laid: Box<crate::shared::Laid>,
    },
    /// Ping targets answer, or not.
    Echoes,
    /// Nodes look how busy they are.
    Measures,
    /// A watchdog is fed, or bites.
    Dog {
        on: NodeId,
        number: u64,
    },
    /// A program that takes locks looks around.
    Locker {
        locker: usize,
    },
    /// What became of the order to open one.
    DogNews {
        on: NodeId,
        run: u64,
        news: DogNews,
    },
    /// A wait for the watchdog of another node.
    Outlive {
        by: NodeId,
        run: u64,
        id: FenceAsker,
        what: Box<(model::NodeName, node::Outliving)>,
    },
    Resume {
        on: NodeId,
        pauses: u64,
    },
    /// A look at the timers of a machine.
    Wake {
        on: NodeId,
    },
    /// The act with this place in the schedule.
    Act {
        place: usize,
    },
    /// People look after the cluster when the faults have ended.
    Mend,
}

impl Event {
    /// The machine whose processors are needed for it.
    fn needs(&self) -> Option<NodeId> {
        match self {
            Self::Heartbeat { to, .. } | Self::Refused { to, .. } | Self::Message { to, .. } => {
                Some(*to)
            }
            Self::Written { on, .. }
            | Self::Begun { on, .. }
            | Self::CameUp { on, .. }
            | Self::Ended { on, .. }
            | Self::GaveWay { on, .. }
            | Self::DogNews { on, .. }
            | Self::DiskPoll { on, .. }
            | Self::DiskTime { on, .. }
            | Self::Failed { on, .. } => Some(*on),
            Self::Outlive { by, .. }
            | Self::Told { by, .. }
            | Self::PillOver { by, .. }
            | Self::Granted { by, .. } => Some(*by),
            Self::StartDaemon { .. }
            | Self::Trap { .. }
            | Self::Dog { .. }
            | Self::Locker { .. }
            | Self::DiskDone { .. }
            | Self::DiskTorn { .. }
            | Self::Echoes
            | Self::Measures
            | Self::Pings
            | Self::WitnessTrap
            | Self::WitnessStart
            | Self::Asked { .. }
            | Self::WitnessWritten { .. }
            | Self::Strike { .. }
            | Self::Boot { .. }
            | Self::Resume { .. }
            | Self::Wake { .. }
            | Self::Act { .. }
            | Self::Mend => None,
        }
    }

    /// Its word, and a number for the trace.
    fn word(&self) -> (&'static str, u64) {
        match self {
            Self::Heartbeat { heartbeat, .. } => ("heartbeat", heartbeat.header.counter),
            Self::Refused { by, .. } => ("refused", by.0),
            Self::Message { from, .. } => ("message", from.0),
            Self::Written { seq, .. } => ("written", seq.0),
            Self::Begun { operation, .. } => ("operation begun", operation.id.0),
            Self::CameUp { operation, .. } => ("start is through", operation.id.0),
            Self::Ended { operation, .. } => ("operation ended", operation.id.0),
            Self::GaveWay { operation, .. } => ("start gave way", operation.id.0),
            Self::Failed { run, .. } => ("resource failed", *run),
            Self::Strike { id, .. } => ("power switch acts", number(*id)),
            Self::Told { id, .. } => ("power switch tells", number(*id)),
            Self::Boot { on } => ("boot", on.0),
            Self::StartDaemon { on } => ("start of a daemon", on.0),
            Self::Trap { on, .. } => ("trap", on.0),
            Self::WitnessTrap => ("trap of the witness", 0),
            Self::WitnessStart => ("start of the witness", 0),
            Self::Pings => ("pings to the witness", 0),
            Self::Asked { number, .. } => ("the witness is asked", *number),
            Self::WitnessWritten { number, .. } => ("the witness has written", *number),
            Self::Granted { number, .. } => ("the witness answers", *number),
            Self::DiskPoll { on, .. } => ("look at the shared disk", on.0),
            Self::DiskDone { number } => ("the shared disk is done", *number),
            Self::DiskTime { on, .. } => ("pause of a vote", on.0),
            Self::DiskTorn { on, .. } => ("power lost in a write", on.0),
            Self::PillOver { by, .. } => ("time of a pill is over", by.0),
            Self::Echoes => ("echoes", 0),
            Self::Measures => ("measures of loads", 0),
            Self::Dog { on, .. } => ("watchdog", on.0),
            Self::Locker { locker } => ("turn of a program with locks", *locker as u64),
            Self::DogNews { on, .. } => ("word of a watchdog", on.0),
            Self::Outlive { by, .. } => ("wait for a watchdog", by.0),
            Self::Resume { on, .. } => ("resume", on.0),
            Self::Wake { on } => ("timer", on.0),
            Self::Act { place } => ("act", *place as u64),
            Self::Mend => ("mend", 0),
        }
    }
}

/// How the power switch of a node behaves.
#[derive(Debug, Clone)]
pub(crate) struct Switch {
    /// Until it acts.
    pub takes: Duration,
    /// Until it answers, after it acted.
    pub late: Duration,
    /// Tries that still fail.
    pub fails: u32,
    /// Tries that it will lie about.
    pub lies: u32,
}

impl Default for Switch {
    fn default() -> Self {
        Self {
            takes: Duration::from_millis(200),
            late: Duration::from_millis(20),
            fails: 0,
            lies: 0,
        }
    }
}

/// What was done and met, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events by their word.
    pub events: BTreeMap<&'static str, u64>,
    /// Faults by kind.
    pub faults: BTreeMap<Kind, u64>,
    /// Orders to a disk of which nothing was left.
    pub writes_lost: u64,
    /// Orders to a disk of which a beginning was left.
    pub writes_torn: u64,
    /// Starts that were refused because of a checksum.
    pub rot_refused: u64,
    /// Machines switched off by a fence.
    pub fences: u64,
    /// Machines that their watchdog ended.
    pub bites: u64,
    /// Losses that were waited out.
    pub outlived: u64,
    /// Services that went to another node alive.
    pub live_moves: u64,
    /// Machines that a poison pill proved ended.
    pub pills: u64,
}

pub(crate) struct World {
    pub now: Instant,
    pub setup: Setup,
    pub machines: Vec<Machine>,
    pub switches: Vec<Switch>,
    pub wires: Wires,
    pub recordings: crate::replay::Recordings,
    pub queue: Queue<Event>,
    pub random: Random,
    pub trace: Trace,
    pub counts: Counts,
    pub record: Record,
    pub clients: Clients,
    pub violation: Option<Violation>,
    pub pauses: u64,
    pub acts: Vec<(Instant, crate::act::Act)>,
    pub mender: crate::mender::Mender,
    pub witness: crate::outside::Witness,
    pub lockers: crate::lockers::Lockers,
    pub shared: crate::shared::Shared,
    pub ballots: crate::ballots::Ballots,
    /// Watchdogs that were opened.
    pub dogs_opened: u64,
    moment: (Instant, u64),
    event_counts: [u64; 18],
}

impl World {
    pub fn new(setup: &Setup, acts: Vec<(Instant, crate::act::Act)>, keep: Keep) -> Self {
        let is_older = setup.older.iter().any(|starts| 0 < *starts);
        let level = if is_older { LEVEL - 1 } else { LEVEL };
        let (state, index) = form::first_state(setup.nodes, &setup.spec, level);
        let configuration = form::first_configuration(setup.nodes);
        let disk = form::first_log(configuration.clone(), (&state, index));
        let machine = |id: u64| {
            let drift = setup.drift_ppm.get(id as usize - 1).copied();
            Machine::new(NodeId(id), disk.clone(), drift.unwrap_or(0))
        };
        let mut world = Self {
            now: Instant::ZERO,
            machines: (1..=setup.nodes).map(machine).collect(),
            switches: vec![Switch::default(); setup.nodes as usize],
            wires: Wires::new(setup.nodes, setup.links),
            recordings: crate::replay::Recordings::default(),
            queue: Queue::new(),
            random: Random::new(setup.seed, OF_WORLD),
            trace: Trace::new(keep),
            counts: Counts::default(),
            record: Record::new(state, index, configuration),
            clients: Clients::default(),
            violation: None,
            pauses: 0,
            acts,
            mender: crate::mender::Mender::default(),
            witness: crate::outside::Witness::default(),
            lockers: crate::lockers::Lockers::new(setup),
            shared: crate::shared::Shared::default(),
            ballots: crate::ballots::Ballots::default(),
            dogs_opened: 0,
            moment: (Instant::ZERO, 0),
            event_counts: [0; 18],
            setup: setup.clone(),
        };
        for place in 0..world.acts.len() {
            world.queue.put(world.acts[place].0, Event::Act { place });
        }
        for id in 1..=setup.nodes {
            world.boot(NodeId(id));
        }
        if !setup.spec.cluster.ping_targets.is_empty() {
            world.put(Duration::from_millis(100), Event::Echoes);
        }
        world.begin_measures();
        world.begin_lockers();
        if setup.witness || setup.shared {
            world.start_witness();
            world.put(Duration::from_millis(100), Event::Pings);
        }
        world
    }

    pub fn machine(&mut self, id: NodeId) -> &mut Machine {
        &mut self.machines[(id.0 - 1) as usize]
    }

    pub fn switch(&mut self, id: NodeId) -> &mut Switch {
        &mut self.switches[(id.0 - 1) as usize]
    }

    pub fn put(&mut self, delay: Duration, event: Event) {
        self.queue.put(self.now + delay, event);
    }

    pub fn break_promise(&mut self, promise: Promise, what: String) {
        if self.violation.is_none() {
            self.trace.tale(self.now, None, || {
                format!("{} BROKEN: {what}", promise.name())
            });
            self.violation = Some(Violation {
                promise,
                at: self.now,
                event: self.trace.event,
                what,
            });
        }
    }

    pub fn boot(&mut self, id: NodeId) {
        let now = self.now;
        if self.machine(id).power != Power::Off {
            return;
        }
        let begins_at = 1_000_000_000 + self.random.below(5_000_000_000);
        let machine = self.machine(id);
        machine.power = Power::On;
        machine.boots += 1;
        machine.clock.boot(now, begins_at);
        self.trace.tale(now, Some(id), || "boots".into());
        self.install_cards(id);
        self.start_daemon(id);
    }

    pub fn start_daemon(&mut self, id: NodeId) {
        let (now, seed) = (self.now, self.random.draw());
        let (timings, every) = (self.setup.spec.cluster.timings, self.setup.compact_every);
        let older = self.setup.older.get(id.0 as usize - 1).copied();
        let older = older.unwrap_or_default();
        let machine = self.machine(id);
        if machine.power == Power::Off || machine.daemon.is_some() {
            return;
        }
        if machine.disk.health == crate::disk::Health::Rotten {
            self.counts.rot_refused += 1;
            let what = || "the log's checksum is wrong: the daemon refuses to start".into();
            return self.trace.tale(now, Some(id), what);
        }
        machine.level = if machine.runs < older {
            LEVEL - 1
        } else {
            LEVEL
        };
        machine.start_daemon(now, seed, (timings, every));
        let run = machine.runs;
        self.introduce(id);
        self.look_at_cards(id);
        self.check_vote_survived(id);
        if self.setup.shared {
            self.put(Duration::ZERO, Event::DiskPoll { on: id, run });
        }
        self.trace
            .tale(now, Some(id), || format!("daemon starts, run {run}"));
        self.run_timers(id);
    }

    pub fn kill_daemon(&mut self, id: NodeId) {
        if self.machine(id).daemon.is_some() {
            self.trace.tale(self.now, Some(id), || "daemon ends".into());
        }
        self.interrupt_disk(id);
        self.interrupt_shared(id);
        self.machine(id).end_daemon();
    }

    fn interrupt_disk(&mut self, id: NodeId) {
        let machine = &mut self.machines[(id.0 - 1) as usize];
        let torn = machine.disk.interrupt(&mut self.random);
        self.counts.writes_lost += torn.lost;
        self.counts.writes_torn += torn.torn;
    }

    pub fn power_off(&mut self, id: NodeId) {
        if self.machine(id).power == Power::Off {
            return;
        }
        self.interrupt_disk(id);
        self.interrupt_shared(id);
        let running: Vec<ServiceName> = self
            .machine(id)
            .running
            .keys()
            .map(|a| a.service.clone())
            .collect();
        for service in running {
            self.note_ended(&service, id);
        }
        self.machine(id).power_off();
        self.end_lockers(id);
        self.trace
            .tale(self.now, Some(id), || "has no power".into());
    }

    pub fn pause(&mut self, id: NodeId, span: Duration) {
        if self.machine(id).power != Power::On {
            return;
        }
        self.machine(id).power = Power::Paused;
        self.pauses += 1;
        let pauses = self.pauses;
        self.put(span, Event::Resume { on: id, pauses });
        self.trace
            .tale(self.now, Some(id), || "stands still".into());
    }

    /// Programs die by themselves; the daemon that watches them is told.
    pub fn kill_service(&mut self, on: NodeId, service: &ServiceName) {
        let machine = self.machine(on);
        let found = machine
            .running
            .keys()
            .find(|a| a.service.service() == *service);
        let Some(address) = found.cloned() else {
            return;
        };
        machine.running.remove(&address);
        machine.promoted.remove(&address);
        let run = machine.daemon.as_ref().map(|daemon| daemon.run);
        self.note_ended(&address.service, on);
        self.trace
            .tale(self.now, Some(on), || format!("{address} dies"));
        if let Some(run) = run {
            let address = Box::new(address);
            self.put(Duration::from_millis(1), Event::Failed { on, run, address });
        }
    }

    /// Plays until this moment, or until a promise is broken.
    pub fn run_until(&mut self, end: Instant) {
        while self.violation.is_none()
            && let Some(at) = self.queue.next_at().filter(|at| *at <= end)
        {
            self.step(at);
        }
        self.now = self.now.max(end);
    }

    /// One event, and the check after it.
    pub fn step(&mut self, at: Instant) {
        let Some((_, event)) = self.queue.take() else {
            return;
        };
        self.now = at;
        self.trace.event += 1;
        self.note_moment();
        if let Some(id) = event.needs()
            && self.machine(id).power == Power::Paused
        {
            let machine = self.machine(id);
            if matches!(event, Event::Heartbeat { .. }) {
                machine.waiting_heartbeats.push_back(event);
            } else {
                machine.waiting.push_back(event);
            }
            return;
        }
        self.deliver(event);
    }

    /// More events at one moment than can be is a loop.
    fn note_moment(&mut self) {
        if self.moment.0 != self.now {
            self.moment = (self.now, 0);
        }
        self.moment.1 += 1;
        if EVENTS_PER_MOMENT_MAX < self.moment.1 {
            let what = format!("{EVENTS_PER_MOMENT_MAX} events without any time passing");
            self.break_promise(Promise::Progress, what);
        }
    }

    fn deliver(&mut self, event: Event) {
        let (word, number) = event.word();
        let node = event.needs().map_or(0, |id| id.0);
        self.trace.mix(self.now.0 ^ (node << 56) ^ (number << 40));
        self.count_event(&event);
        self.trace
            .detail(self.now, event.needs(), || words::of_event(&event, word));
        match event {
            Event::Heartbeat {
                to,
                link,
                heartbeat,
            } => self.hear(to, link, &heartbeat),
            Event::Refused { by, to, link } => self.refused(by, to, link),
            Event::Message { from, to, message } => self.message(from, to, *message),
            Event::Written { on, run, seq } => self.written((on, run), seq),
            Event::Begun { on, run, operation } => self.begin((on, run), *operation),
            Event::CameUp { on, run, operation } => self.come_up((on, run), *operation),
            Event::Ended { on, run, operation } => self.end((on, run), &operation),
            Event::GaveWay { on, run, operation } => self.give_way((on, run), &operation),
            Event::Failed { on, run, address } => self.fail((on, run), &address),
            Event::Strike {
                by,
                run,
                id,
                target,
            } => self.strike((by, run), id, target),
            Event::Told {
                by,
                run,
                id,
                result,
            } => self.told((by, run), id, *result),
            Event::Boot { on } => self.boot(on),
            Event::StartDaemon { on } => self.start_daemon(on),
            Event::Trap { on, run } => self.trap((on, run)),
            Event::WitnessTrap => self.trap_witness(),
            Event::WitnessStart => self.start_witness(),
            Event::Pings => self.pings(),
            Event::Asked {
                by,
                run,
                arbiter,
                number,
                ask,
            } => self.asked((by, run), (arbiter, number), &ask),
            Event::WitnessWritten { run, number } => self.witness_written(run, number),
            Event::Granted {
                by,
                run,
                arbiter,
                number,
                answer,
            } => self.granted((by, run), (arbiter, number), answer),
            Event::Dog { on, number } => self.dog_turn(on, number),
            Event::Locker { locker } => self.locker_turn(locker),
            Event::DogNews { on, run, news } => self.take_dog_news(on, run, news),
            Event::Outlive { by, run, id, what } => self.outlive((by, run), id, what),
            Event::Resume { on, pauses } if pauses <= self.pauses => self.resume(on),
            Event::Resume { .. } => {}
            Event::Wake { on } => self.wake(on),
            Event::Act { place } => {
                let act = self.acts[place].1.clone();
                self.act(&act);
            }
            Event::Mend => self.mend(),
            other => self.deliver_more(other),
        }
    }

    /// What hands and disks look at by themselves.
    fn deliver_more(&mut self, event: Event) {
        match event {
            Event::Echoes => self.echoes(),
            Event::Measures => self.measures(),
            Event::DiskPoll { on, run } => self.disk_poll((on, run)),
            Event::DiskDone { number } => self.disk_done(number),
            Event::DiskTime { on, run } => self.disk_time((on, run)),
            Event::DiskTorn { on, run } => self.disk_torn((on, run)),
            Event::PillOver { by, run, id, laid } => self.pill_over((by, run), id, &laid),
            _other => {}
        }
    }

    fn count_event(&mut self, event: &Event) {
        let place = match event {
            Event::Heartbeat { .. } => 0,
            Event::Refused { .. } => 1,
            Event::Message { .. } => 2,
            Event::Written { .. } => 3,
            Event::Begun { .. } | Event::CameUp { .. } => 4,
            Event::Ended { .. } => 5,
            Event::GaveWay { .. } => 6,
            Event::Failed { .. } => 7,
            Event::Strike { .. } => 8,
            Event::Told { .. } => 9,
            Event::Boot { .. } | Event::StartDaemon { .. } | Event::Trap { .. } => 10,
            Event::Resume { .. } => 11,
            Event::Wake { .. } => 12,
            Event::Act { .. } => 13,
            Event::Mend => 14,
            Event::Dog { .. } | Event::DogNews { .. } | Event::Outlive { .. } => 16,
            Event::Locker { .. } => 17,
            Event::Echoes
            | Event::Measures
            | Event::DiskPoll { .. }
            | Event::DiskDone { .. }
            | Event::DiskTime { .. }
            | Event::DiskTorn { .. }
            | Event::PillOver { .. }
            | Event::Pings
            | Event::WitnessTrap
            | Event::WitnessStart
            | Event::Asked { .. }
            | Event::WitnessWritten { .. }
            | Event::Granted { .. } => 15,
        };
        self.event_counts[place] += 1;
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        const WORDS: [&str; 18] = [
            "heartbeats",
            "refusals",
            "messages",
            "writes",
            "operations begun",
            "operations ended",
            "starts that gave way",
            "programs that died",
            "power switches that acted",
            "power switches that answered",
            "boots and starts",
            "ends of pauses",
            "timers",
            "acts",
            "looks of people",
            "words with the witness",
            "turns of watchdogs",
            "turns of programs with locks",
        ];
        let mut counts = self.counts.clone();
        counts.events = WORDS.into_iter().zip(self.event_counts).collect();
        counts
    }

    /// A machine goes on: the sockets of the heartbeats are drained first, then the daemon
    /// looks at its clock, then it reads what has come.
    fn resume(&mut self, on: NodeId) {
        if self.machine(on).power != Power::Paused {
            return;
        }
        self.machine(on).power = Power::On;
        self.trace.tale(self.now, Some(on), || "goes on".into());
        self.look_at_cards(on);
        for event in std::mem::take(&mut self.machine(on).waiting_heartbeats) {
            self.deliver(event);
        }
        self.run_timers(on);
        for event in std::mem::take(&mut self.machine(on).waiting) {
            self.deliver(event);
        }
    }

    fn wake(&mut self, on: NodeId) {
        let now = self.now;
        let machine = self.machine(on);
        if machine.wakes_at == Some(now) {
            machine.wakes_at = None;
        }
        if machine.power == Power::On {
            self.run_timers(on);
        }
    }
}

/// A number that tells requests of fences apart.
fn number(asker: FenceAsker) -> u64 {
    match asker {
        FenceAsker::Log(id) => id.0,
        FenceAsker::Half { attempt, .. } => attempt,
    }
}
