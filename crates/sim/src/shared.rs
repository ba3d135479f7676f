//! Sectors of shared storage as a witness, with its poison pills: the real vote over sectors
//! (`quorum::disk::Ballots`) and the real guard of each node, on a disk made of bytes.
//!
//! What is written stays under way for a while. A daemon that ends may leave it written or not, a
//! loss of power may leave it torn, and what fails because a node does not reach the disk any
//! more may still appear later, while that run lives.
//!
//! ```text
//!   each POLL:  own box ─► guard;  beat ─► (durable) ─► beats of all ─► who reaches the disk
//!   an ask:     Ballots ─► one read or write at a time ─► answer
//!   a fence:    pill ─► (durable) ─► as long as its target may live ─► does it still lie there?
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::seen::{FenceResult, WitnessKind};
use model::{BootId, DeviceName, Instant, NodeId, NodeName, WitnessId};
use node::FenceAsker;
use quorum::arbiter::{Answer, Ask};
use quorum::disk::{
    Ballots, Beat, COPIES, Content, DISK_LEASE, Found, Guard, HEARD_FOR, Output, POLL, Pill,
    PillReason, Slot, newest, sector,
};
use raft::Arbiter;

use crate::dogs::{self, Devices};
use crate::form;
use crate::machine::Power;
use crate::random::Random;
use crate::schedule::Setup;
use crate::world::{Event, World};

/// Streams of random numbers for the setup.
const OF_SHARED: u64 = 10;

/// The slowest read or write, while nothing makes the disk slow.
const IO_MICROS: u64 = 8_000;

/// What a node failed to write may appear so much later, at most.
const APPEARS_WITHIN: u64 = 3_000;

/// From a loss of power in the middle of a write to the end of the reboot.
const REBOOT: Duration = Duration::from_millis(600);

/// One whole copy of a slot.
type Sector = (u8, u16, usize);

/// What a node does with the disk, in one run of its daemon.
pub(crate) struct Worker {
    place: u16,
    witness: WitnessId,
    ballots: Ballots,
    pub guard: Guard,
    /// Whether this run votes no more.
    is_broken: bool,
    counter: u64,
    beats: BTreeMap<NodeId, ((BootId, u64, u64), Instant)>,
}

/// What happens when a read or write has ended.
#[derive(Debug, Clone)]
enum Then {
    Beat,
    Read {
        ticket: u64,
        /// What was there when the read began: each ballot is read at some moment since.
        began: BTreeMap<u16, [Vec<u8>; COPIES]>,
    },
    Ballot(u64),
    Pill(FenceAsker, NodeName),
    /// Somebody was told that it failed.
    Nothing,
}

/// A read or write under way.
#[derive(Debug, Clone)]
struct Io {
    on: NodeId,
    run: u64,
    write: Option<(Sector, Vec<u8>)>,
    then: Then,
}

/// A pill that lies there, and what it shall prove.
#[derive(Debug, Clone)]
pub(crate) struct Laid {
    target: NodeName,
    boot: BootId,
    span: Duration,
    sequence: u64,
    until: Instant,
}

/// The disk.
#[derive(Default)]
pub(crate) struct Shared {
    sectors: BTreeMap<Sector, Vec<u8>>,
    under_way: BTreeMap<u64, Io>,
    ios: u64,
    pub slow_by: Duration,
    /// Nodes that do not reach it.
    pub cut: BTreeSet<NodeId>,
    /// Whether nobody does.
    pub is_lost: bool,
    /// Whether the next write of a ballot is torn by a loss of power.
    pub is_trapped: bool,
}

/// Some clusters that would have a witness have such a disk; and some of those have watchdogs and no
/// other device that works, so that only pills and patience fence.
pub(crate) fn draw(setup: &mut Setup, is_plain: bool) {
    let mut random = Random::new(setup.seed, OF_SHARED);
    if !setup.witness || !random.chance(400) {
        return;
    }
    (setup.witness, setup.shared) = (false, true);
    let is_armed = setup
        .spec
        .nodes
        .values()
        .all(|node| node.watchdog.is_some());
    if !is_armed && is_plain && random.chance(600) {
        dogs::arm_all(setup, Duration::from_secs(random.pick(&[1, 2, 3])));
        setup.dog_bites_at = random.pick(&[1010, 1010, 1000, 600]);
        setup.spec.cluster.no_quorum = model::spec::NoQuorumPolicy::Stop;
        with_pills(setup);
    } else if is_armed && setup.devices != Devices::Work && random.chance(700) {
        with_pills(setup);
    }
}

/// Power switches do not answer, and pills are what is left.
pub(crate) fn with_pills(setup: &mut Setup) {
    setup.pills = true;
    setup.devices = Devices::Dead;
    for (name, node) in &mut setup.spec.nodes {
        node.fence = vec![form::device(name), pill()];
    }
}

fn pill() -> DeviceName {
    DeviceName::new("pill").expect("a plain word is a name")
}

fn number(content: Content) -> u8 {
    match content {
        Content::Header => 0,
        Content::Beat => 1,
        Content::Ballot => 2,
        Content::Box => 3,
    }
}

impl Shared {
    fn copies(&self, slot: Slot) -> [Vec<u8>; COPIES] {
        let copy = |copy: usize| {
            let key = (number(slot.content), slot.place, copy);
            let written = self.sectors.get(&key).cloned();
            written.unwrap_or_else(|| sector(slot, 0, &[]))
        };
        [copy(0), copy(1)]
    }

    fn found(&self, content: Content, place: u16) -> Option<Found> {
        let slot = Slot { content, place };
        let [first, second] = self.copies(slot);
        newest(slot, [&first, &second])
    }

    /// The next write of a slot: the copy that is not the newest, with a higher sequence.
    fn next_write(&self, content: Content, place: u16, body: &[u8]) -> (Sector, Vec<u8>) {
        let (sequence, copy) = self
            .found(content, place)
            .map_or((0, 0), |found| (found.sequence, found.copy));
        let slot = Slot { content, place };
        let key = (number(content), place, (copy + 1) % COPIES);
        (key, sector(slot, sequence + 1, body))
    }

    fn pill_in(&self, place: u16) -> Option<(u64, Pill)> {
        let found = self.found(Content::Box, place)?;
        Some((found.sequence, Pill::decode(&found.body)?))
    }
}

impl World {
    fn reaches_disk(&self, node: NodeId) -> bool {
        !self.shared.is_lost && !self.shared.cut.contains(&node)
    }

    /// What a person makes known to the cluster as a witness.
    pub(crate) fn kind_of_witness(&self) -> WitnessKind {
        match self.setup.shared {
            true => WitnessKind::Disk {
                path: "/dev/shared".into(),
                mark: 77,
            },
            false => WitnessKind::Network {
                address: ([192, 0, 2, 1], 7412).into(),
                key: [7; 32],
            },
        }
    }

    fn io(&mut self, (on, run): (NodeId, u64), write: Option<(Sector, Vec<u8>)>, then: Then) {
        let is_ballot = matches!(then, Then::Ballot(_));
        let takes = Duration::from_micros(50 + self.random.below(IO_MICROS)) + self.shared.slow_by;
        self.shared.ios += 1;
        let number = self.shared.ios;
        let io = Io {
            on,
            run,
            write,
            then,
        };
        self.shared.under_way.insert(number, io);
        self.put(takes, Event::DiskDone { number });
        if is_ballot && std::mem::take(&mut self.shared.is_trapped) {
            let when = Duration::from_micros(self.random.below(takes.as_micros() as u64));
            self.put(when, Event::DiskTorn { on, run });
        }
    }

    /// Each second a node looks at the disk.
    pub(crate) fn disk_poll(&mut self, (on, run): (NodeId, u64)) {
        if self
            .machine(on)
            .daemon
            .as_ref()
            .is_none_or(|it| it.run != run)
        {
            return;
        }
        self.put(POLL, Event::DiskPoll { on, run });
        self.follow_disk((on, run));
        let reaches = self.reaches_disk(on);
        let boot = self.machine(on).boot_id();
        let Some((daemon, local)) = self.awake_run((on, run)).filter(|_| reaches) else {
            return;
        };
        let Some(worker) = &mut daemon.shared else {
            return;
        };
        worker.counter += 1;
        let (place, counter) = (worker.place, worker.counter);
        let beat = Beat {
            node: on,
            boot,
            run,
            counter,
            lease_left: 0,
            obeys: None,
        };
        let found = self.shared.pill_in(place).map(|(_, pill)| pill);
        let write = self.shared.next_write(Content::Beat, place, &beat.encode());
        let is_for_us = found.is_some_and(|pill| pill.target == boot);
        if let Some((daemon, _)) = self.awake_run((on, run))
            && let Some(worker) = &mut daemon.shared
        {
            worker.guard.handle_box(found, local);
        }
        if is_for_us {
            self.trace
                .tale(self.now, Some(on), || "reads its poison pill".into());
        }
        self.io((on, run), Some(write), Then::Beat);
        self.carry_out(on);
    }

    /// A node has slots from when the log has given it some.
    fn follow_disk(&mut self, (on, run): (NodeId, u64)) {
        let places = (0..self.setup.nodes as u16).collect();
        let boot = self.machine(on).boot_id();
        let Some((daemon, local)) = self.awake_run((on, run)) else {
            return;
        };
        let witness = daemon.node.state().seen().witnesses.values().next();
        let own = witness.and_then(|seen| Some((seen.id, *seen.places.get(&on)?)));
        let known = daemon.shared.as_ref().map(|it| (it.witness, it.place));
        if own == known {
            return;
        }
        daemon.shared = own.map(|(witness, place)| Worker {
            place,
            witness,
            ballots: Ballots::at(place, places),
            guard: Guard::new(boot, DISK_LEASE, local),
            is_broken: false,
            counter: 0,
            beats: BTreeMap::new(),
        });
    }

    /// A half wants the vote.
    pub(crate) fn ask_disk(&mut self, (by, run): (NodeId, u64), number: u64, ask: Ask) {
        let Some((daemon, local)) = self.awake_run((by, run)) else {
            return;
        };
        let turn = daemon.node.turn(local);
        if let Some(worker) = daemon.shared.as_mut().filter(|it| !it.is_broken) {
            worker.ballots.handle_ask(number, ask, turn, local);
            self.drain_ballots((by, run));
        }
    }

    /// A pause of the vote may be over.
    pub(crate) fn disk_time(&mut self, (on, run): (NodeId, u64)) {
        if let Some((daemon, local)) = self.awake_run((on, run))
            && let Some(worker) = &mut daemon.shared
        {
            worker.ballots.handle_timeout(local);
            self.drain_ballots((on, run));
        }
    }

    fn drain_ballots(&mut self, (on, run): (NodeId, u64)) {
        while let Some((daemon, local)) = self.awake_run((on, run))
            && let Some(worker) = &mut daemon.shared
        {
            let arbiter = Arbiter::Disk(worker.witness);
            let Some(output) = worker.ballots.poll_output() else {
                let due = worker.ballots.next_deadline();
                if let Some(due) = due.filter(|due| local < *due) {
                    let at = self.machine(on).clock.truly(due);
                    self.queue.put(at, Event::DiskTime { on, run });
                }
                return;
            };
            match output {
                Output::Read { ticket } => {
                    let began = self.all_ballots();
                    self.io((on, run), None, Then::Read { ticket, began });
                }
                Output::Write {
                    ticket,
                    place,
                    copy,
                    bytes,
                } => {
                    let key = (number(Content::Ballot), place, copy);
                    self.io((on, run), Some((key, bytes)), Then::Ballot(ticket));
                }
                Output::Answer { number, answer } => {
                    daemon.node.handle_grant(&arbiter, (number, answer), local);
                    let words = || match answer {
                        Answer::Granted { .. } => "the disk gives its vote".into(),
                        Answer::Refused { to, .. } => {
                            format!("the vote of the disk is with {}", form::node_name(to))
                        }
                        Answer::Wait { .. } => "the disk wants it to wait".into(),
                        Answer::Invalid { .. } => "the disk refuses the question".into(),
                        Answer::Outdated => "the disk knows a newer history".into(),
                    };
                    self.trace.tale(self.now, Some(on), words);
                    self.carry_out(on);
                }
                Output::Damaged { .. } => worker.is_broken = true,
            }
        }
    }

    fn all_ballots(&self) -> BTreeMap<u16, [Vec<u8>; COPIES]> {
        let content = Content::Ballot;
        let places = 0..self.setup.nodes as u16;
        let copies = |place| (place, self.shared.copies(Slot { content, place }));
        places.map(copies).collect()
    }

    /// A read or write has ended, well or not.
    pub(crate) fn disk_done(&mut self, number: u64) {
        let Some(io) = self.shared.under_way.remove(&number) else {
            return;
        };
        let whose = (io.on, io.run);
        let has_failed = !self.reaches_disk(io.on);
        if has_failed && !matches!(io.then, Then::Nothing) && io.write.is_some() {
            // It may still appear, while this run lives.
            if self.random.chance(500) {
                let later = Duration::from_millis(self.random.below(APPEARS_WITHIN));
                self.shared.ios += 1;
                let (number, then) = (self.shared.ios, Then::Nothing);
                let late = Io { then, ..io.clone() };
                self.shared.under_way.insert(number, late);
                self.put(later, Event::DiskDone { number });
            }
        } else if let Some((key, bytes)) = io.write {
            self.shared.sectors.insert(key, bytes);
        }
        match io.then {
            Then::Nothing => {}
            Then::Beat if has_failed => {}
            Then::Beat => self.look_around(whose),
            Then::Read { ticket, began } => self.ballots_read(whose, ticket, began, has_failed),
            Then::Ballot(ticket) => self.ballot_written(whose, ticket, has_failed),
            Then::Pill(id, target) => self.pill_written(whose, (id, target), has_failed),
        }
    }

    /// Who has written lately reaches the disk.
    fn look_around(&mut self, (on, run): (NodeId, u64)) {
        let places = 0..self.setup.nodes as u16;
        let found = places.filter_map(|place| self.shared.found(Content::Beat, place));
        let beats: Vec<Beat> = found.filter_map(|it| Beat::decode(&it.body)).collect();
        let Some((daemon, local)) = self.awake_run((on, run)) else {
            return;
        };
        let Some(worker) = daemon.shared.as_mut().filter(|it| !it.is_broken) else {
            return;
        };
        for beat in beats {
            let said = (beat.boot, beat.run, beat.counter);
            let known = worker
                .beats
                .entry(beat.node)
                .or_insert((said, Instant::ZERO));
            if known.0 != said {
                *known = (said, local);
            }
        }
        let others = worker.beats.iter();
        let others = others.filter(|(_, (_, at))| local < *at + HEARD_FOR);
        let hears = others.map(|(node, _)| *node).chain([on]).collect();
        let arbiter = Arbiter::Disk(worker.witness);
        daemon.node.handle_witness(arbiter, hears, local);
        self.carry_out(on);
    }

    fn ballots_read(
        &mut self,
        (on, run): (NodeId, u64),
        ticket: u64,
        mut read: BTreeMap<u16, [Vec<u8>; COPIES]>,
        has_failed: bool,
    ) {
        for (place, now) in self.all_ballots() {
            if self.random.chance(500) {
                read.insert(place, now);
            }
        }
        let Some((daemon, local)) = self.awake_run((on, run)) else {
            return;
        };
        let Some(worker) = &mut daemon.shared else {
            return;
        };
        match has_failed {
            true => worker.ballots.handle_failed(ticket, local),
            false => worker.ballots.handle_read(ticket, &read, local),
        }
        self.drain_ballots((on, run));
    }

    /// A vote that could not be written may appear later: this run votes no more.
    fn ballot_written(&mut self, (on, run): (NodeId, u64), ticket: u64, has_failed: bool) {
        let Some((daemon, local)) = self.awake_run((on, run)) else {
            return;
        };
        let Some(worker) = &mut daemon.shared else {
            return;
        };
        if has_failed {
            worker.is_broken = true;
            worker.ballots.handle_dropped();
            return;
        }
        worker.ballots.handle_written(ticket, local);
        self.drain_ballots((on, run));
    }

    /// What must be known when a power switch fails.
    pub(crate) fn note_pill(&mut self, whose: (NodeId, u64), id: FenceAsker, target: &NodeName) {
        let has_pills = self.setup.pills;
        if let Some((daemon, _)) = self.awake_run(whose).filter(|_| has_pills) {
            daemon.pilled.push((id, target.clone()));
        }
    }

    /// Whose fence this was, if it is to go on with a pill.
    pub(crate) fn pill_target(&mut self, whose: (NodeId, u64), id: FenceAsker) -> Option<NodeName> {
        let (daemon, _) = self.awake_run(whose)?;
        let at = daemon.pilled.iter().position(|known| known.0 == id)?;
        Some(daemon.pilled.remove(at).1)
    }

    /// Whether a fence that no power switch has carried out goes on with a pill.
    pub(crate) fn tries_pill(
        &mut self,
        whose: (NodeId, u64),
        id: FenceAsker,
        (target, result): (&NodeName, &FenceResult),
    ) -> bool {
        let FenceResult::Failed { device, .. } = result else {
            return false;
        };
        if !self.setup.pills || *device == Some(pill()) {
            return false;
        }
        match self.lay_pill(whose, target) {
            Ok(write) => {
                let then = Then::Pill(id, target.clone());
                self.io(whose, Some(write), then);
            }
            Err(why) => self.pill_failed(whose, id, why),
        }
        true
    }

    fn pill_failed(&mut self, (by, run): (NodeId, u64), id: FenceAsker, why: &str) {
        let result = Box::new(FenceResult::Failed {
            device: Some(pill()),
            how: why.to_string(),
        });
        let told = Event::Told {
            by,
            run,
            id,
            result,
        };
        self.put(Duration::from_millis(1), told);
    }

    /// The pill to write; one that lies there already is written again, under a new number.
    fn lay_pill(
        &mut self,
        (by, run): (NodeId, u64),
        target: &NodeName,
    ) -> Result<(Sector, Vec<u8>), &'static str> {
        if !self.reaches_disk(by) {
            return Err("no disk witness answers this node");
        }
        let (place, boot, _) = self.pill_for((by, run), target)?;
        let beat = self.shared.found(Content::Beat, place);
        let beat = beat.and_then(|found| Beat::decode(&found.body));
        if beat.is_none_or(|beat| beat.boot != boot) {
            return Err("its last sign on the disk is of another boot");
        }
        let pill = Pill {
            target: boot,
            by,
            why: PillReason::Fence,
        };
        Ok(self.shared.next_write(Content::Box, place, &pill.encode()))
    }

    fn pill_for(
        &mut self,
        whose: (NodeId, u64),
        target: &NodeName,
    ) -> Result<(u16, BootId, Duration), &'static str> {
        let Some((daemon, _)) = self.awake_run(whose) else {
            return Err("the daemon has ended");
        };
        let (boot, span) = daemon.node.pill_against(target)?;
        let seen = daemon.node.state().seen();
        let id = seen.nodes.get(target).map(|node| node.id);
        let witness = seen.witnesses.values().next();
        let place = id.and_then(|id| witness?.places.get(&id).copied());
        Ok((place.ok_or("it has no slots")?, boot, span))
    }

    fn pill_written(
        &mut self,
        (by, run): (NodeId, u64),
        (id, target): (FenceAsker, NodeName),
        has_failed: bool,
    ) {
        let now = self.now;
        let known = self.pill_for((by, run), &target);
        let lies = known.and_then(|(place, boot, span)| {
            let laid = self
                .shared
                .pill_in(place)
                .filter(|(_, pill)| pill.target == boot);
            let laid = laid.filter(|_| !has_failed);
            let (sequence, _) = laid.ok_or("the pill could not be written")?;
            Ok((boot, span, sequence))
        });
        let (boot, span, sequence) = match lies {
            Ok(lies) => lies,
            Err(why) => return self.pill_failed((by, run), id, why),
        };
        let machine = self.machine(by);
        let until = machine.clock.local(now) + span;
        let at = machine.clock.truly(until);
        self.trace.tale(now, Some(by), || {
            format!("a poison pill is laid for {target}")
        });
        let laid = Box::new(Laid {
            target,
            boot,
            span,
            sequence,
            until,
        });
        self.queue.put(at, Event::PillOver { by, run, id, laid });
    }

    /// The target cannot live any more, if the pill lay there all the time.
    pub(crate) fn pill_over(&mut self, (by, run): (NodeId, u64), id: FenceAsker, laid: &Laid) {
        let known = self.pill_for((by, run), &laid.target);
        let reaches = self.reaches_disk(by);
        let Some((_, local)) = self.awake_run((by, run)) else {
            return;
        };
        if local < laid.until {
            // A machine that stood still has its clock; this cannot be.
            return;
        }
        let counts = known.is_ok_and(|(place, boot, span)| {
            let lies = self.shared.pill_in(place);
            let same = lies.is_some_and(|(sequence, pill)| {
                sequence == laid.sequence && pill.target == laid.boot
            });
            (boot, span) == (laid.boot, laid.span) && same && reaches
        });
        if !counts {
            let why = "it booted anew, was disarmed, or the pill did not lie there all the time";
            return self.pill_failed((by, run), id, why);
        }
        self.counts.pills += 1;
        let result = FenceResult::Confirmed { device: pill() };
        if let Some((daemon, local)) = self.awake_run((by, run)) {
            daemon.node.handle_fence_ended(id, result, local);
            self.carry_out(by);
        }
    }

    /// What a daemon had under way when it ended.
    pub(crate) fn interrupt_shared(&mut self, on: NodeId) {
        let all = std::mem::take(&mut self.shared.under_way);
        let (own, others) = all.into_iter().partition(|(_, io)| io.on == on);
        self.shared.under_way = others;
        let is_off = self.machine(on).power == Power::Off;
        let own: BTreeMap<u64, Io> = own;
        for (key, bytes) in own.into_values().filter_map(|io| io.write) {
            match self.random.below(3) {
                0 => {}
                1 => drop(self.shared.sectors.insert(key, bytes)),
                _torn => {
                    let half = bytes.len() / 2;
                    let mut torn = self.shared.sectors.get(&key).cloned().unwrap_or_default();
                    torn.resize(bytes.len(), 0);
                    torn[..half].copy_from_slice(&bytes[..half]);
                    self.shared.sectors.insert(key, torn);
                    self.counts.writes_torn += u64::from(is_off);
                }
            }
        }
    }

    /// Power is lost in the middle of a write.
    pub(crate) fn disk_torn(&mut self, (on, run): (NodeId, u64)) {
        if self
            .machine(on)
            .daemon
            .as_ref()
            .is_some_and(|it| it.run == run)
        {
            self.power_off(on);
            self.put(REBOOT, Event::Boot { on });
        }
    }
}
