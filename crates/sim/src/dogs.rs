//! Watchdogs: devices that end their machine when they starve. When they are fed is decided
//! by the node (`node::Dog`), as in production; here are the device and the thread that feeds.
//!
//! A device goes by a clock of its own, whatever becomes of the machine: also of one that
//! stands still. It bites at its bound at the latest, and some bite earlier.

use std::time::Duration;

use model::seen::FenceResult;
use model::spec::{NoQuorumPolicy, WatchdogSpec};
use model::{Instant, NodeId, NodeName};
use node::{DogOrder, FenceAsker, Going, Outliving, RequestId};

use crate::act::{Act, Kind, Order};
use crate::form;
use crate::machine::{Daemon, Power};
use crate::random::Random;
use crate::schedule::Setup;
use crate::world::{Event, World};

/// Streams of random numbers for the setup.
const OF_DOGS: u64 = 5;
const OF_OUTAGES: u64 = 6;

/// It is fed so many times within its bound, as in production.
const FEEDS_PER_BOUND: u32 = 8;

/// To open a device and to tell of it takes so long at most.
const OPENS_MICROS: u64 = 20_000;

/// From a bite to the boot, at least and at most.
const BOOTS_AFTER: (u64, u64) = (300, 6000);

/// Between two looks at a device that could not switch, as in production.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What becomes of orders to power switches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Devices {
    /// They work, but for the faults that are drawn.
    #[default]
    Work,
    /// There are none.
    None,
    /// None ever answers.
    Dead,
}

/// A device that is armed.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    bound: Duration,
    /// Which opening this is.
    number: u64,
    fed_at: Instant,
    /// Until when it is fed, by the clock of the machine; none: nobody feeds it.
    word: Option<Instant>,
    bites: bool,
}

impl Device {
    /// The thread that feeds has ended.
    pub fn let_go(&mut self) {
        self.word = None;
    }
}

/// Draws whether the cluster has watchdogs, and what they are for.
pub(crate) fn draw(setup: &mut Setup) {
    let mut random = Random::new(setup.seed, OF_DOGS);
    if !random.chance(300) {
        return;
    }
    let bound = Duration::from_secs(random.pick(&[1, 2, 2, 3, 4]));
    arm_all(setup, bound);
    setup.dog_bites_at = random.pick(&[1010, 1010, 1000, 900, 600]);
    if random.chance(150) {
        let without = form::node_name(NodeId(1 + random.below(setup.nodes)));
        if let Some(node) = setup.spec.nodes.get_mut(&without) {
            node.watchdog = None;
        }
        return;
    }
    let all = [
        Devices::Work,
        Devices::None,
        Devices::None,
        Devices::Dead,
        Devices::Dead,
    ];
    setup.devices = random.pick(&all);
    if setup.devices == Devices::None {
        let nodes = setup.spec.nodes.values_mut();
        nodes.for_each(|node| node.fence.clear());
    }
    if setup.devices != Devices::Work {
        setup.spec.cluster.timings.lease = Duration::from_secs(random.pick(&[2, 2, 3, 5]));
        // With the other policies services go on without a lease, and nothing ends them.
        setup.spec.cluster.no_quorum = random.pick(&[
            NoQuorumPolicy::Stop,
            NoQuorumPolicy::Stop,
            NoQuorumPolicy::Demote,
            NoQuorumPolicy::SelfFence,
        ]);
    }
}

/// Where watchdogs are all that there is, one outage lasts until they have been waited for:
/// in the meantime little else happens.
pub(crate) fn draw_outage(setup: &Setup, kinds: &[Kind], acts: &mut Vec<(Instant, Act)>) {
    let mut random = Random::new(setup.seed, OF_OUTAGES);
    let is_bare = setup.devices != Devices::Work;
    let chance = if is_bare { 900 } else { 200 };
    let has_dogs = setup.spec.nodes.values().any(|n| n.watchdog.is_some());
    if !has_dogs || !random.chance(chance) {
        return;
    }
    let target = NodeId(1 + random.below(setup.nodes));
    let millis = Duration::from_millis;
    let span = millis(random.between(8000, 15_000));
    let end_at = setup.faults_end;
    let before = span + millis(random.below(6000));
    let from = Instant(end_at.0.saturating_sub(before.as_nanos() as u64));
    let all = [
        (Kind::Cut, Act::CutOff(target)),
        (Kind::Cut, Act::Split(target)),
        (Kind::Pause, Act::Pause(target, span)),
        (Kind::Power, Act::PowerOff(target)),
        (Kind::Crash, Act::Kill(target)),
    ];
    let fitting: Vec<_> = all
        .iter()
        .filter(|(kind, _)| kinds.contains(kind))
        .collect();
    if fitting.is_empty() {
        return;
    }
    let outage = random.pick(&fitting).1.clone();
    let quiet = random.pick(&[1000, 950, 800]);
    acts.retain(|(at, act)| {
        let is_within = from <= *at && *at <= from + span;
        let is_end = matches!(act, Act::Heal | Act::Order(_, Order::Confirm(_)))
            || *act == Act::Boot(target)
            || *act == Act::Start(target);
        !is_within || !is_end && !random.chance(quiet)
    });
    acts.push((from, Act::Heal));
    if setup.shared {
        // Cut off from the disk as well it finds no pill, and must give up by itself.
        acts.push((from, Act::WitnessHeal));
        if random.chance(500) {
            acts.push((from, Act::WitnessCut(target)));
        }
        acts.push((from + span, Act::WitnessHeal));
    }
    acts.push((from, outage));
    acts.push((from + span, Act::Heal));
    acts.push((from + span, Act::Boot(target)));
    acts.push((from + span, Act::Start(target)));
}

/// Gives every node a watchdog.
pub(crate) fn arm_all(setup: &mut Setup, bound: Duration) {
    for node in setup.spec.nodes.values_mut() {
        node.watchdog = Some(WatchdogSpec {
            device: "/dev/watchdog".into(),
            timeout: bound,
        });
    }
}

impl World {
    /// What the daemon does with its watchdog after each input.
    pub(crate) fn tend_dog(&mut self, id: NodeId) {
        let Some((daemon, local)) = self.awake(id) else {
            return;
        };
        let going = match daemon.is_leaving {
            true => Going::Leaving,
            false => Going::On,
        };
        let Daemon {
            node, dog, shared, ..
        } = daemon;
        let guards: Vec<_> = shared.iter().map(|worker| &worker.guard).collect();
        let orders = node.tend_dog(dog, going, &guards, local);
        for order in orders {
            self.obey((id, local), order);
        }
    }

    fn obey(&mut self, (id, local): (NodeId, Instant), order: DogOrder) {
        let machine = &mut self.machines[(id.0 - 1) as usize];
        match order {
            DogOrder::Arm { spec, until } => self.arm((id, local), &spec, until),
            DogOrder::FeedUntil(until) => {
                if let Some(device) = &mut machine.dog
                    && device.word.is_some()
                {
                    device.word = Some(until);
                }
            }
            DogOrder::Bite => {
                if let Some(device) = machine.dog.as_mut().filter(|device| !device.bites) {
                    device.bites = true;
                    let number = device.number;
                    self.put(Duration::from_millis(1), Event::Dog { on: id, number });
                }
            }
            DogOrder::Disarm => {
                machine.dog = None;
                machine.dog_record = None;
                self.tell_dog(id, DogNews::Disarmed);
            }
            DogOrder::Tell(command) => {
                let Some((daemon, local)) = self.awake(id) else {
                    return;
                };
                let request = RequestId(RequestId::first_of(daemon.run).0 + daemon.requests);
                daemon.requests += 1;
                daemon.node.handle_request(request, command, local);
            }
        }
    }

    /// Opens the device, which feeds it.
    fn arm(&mut self, (id, local): (NodeId, Instant), spec: &WatchdogSpec, until: Instant) {
        if until <= local {
            return self.tell_dog(id, DogNews::TooLate);
        }
        self.dogs_opened += 1;
        let (number, now) = (self.dogs_opened, self.now);
        self.machine(id).dog = Some(Device {
            bound: spec.timeout,
            number,
            fed_at: now,
            word: Some(until),
            bites: false,
        });
        self.tell_dog(id, DogNews::Armed(spec.timeout));
        self.put(Duration::ZERO, Event::Dog { on: id, number });
    }

    fn tell_dog(&mut self, on: NodeId, news: DogNews) {
        let run = self.machine(on).runs;
        let takes = Duration::from_micros(self.random.below(OPENS_MICROS));
        self.put(takes, Event::DogNews { on, run, news });
    }

    pub(crate) fn take_dog_news(&mut self, on: NodeId, run: u64, news: DogNews) {
        let Some((daemon, _)) = self.awake_run((on, run)) else {
            return;
        };
        match news {
            DogNews::Armed(bound) => {
                let record = daemon.dog.handle_armed(bound);
                self.machine(on).dog_record = record;
            }
            DogNews::TooLate => daemon.dog.handle_too_late(),
            DogNews::Disarmed => daemon.dog.handle_disarmed(),
        }
        self.carry_out(on);
    }

    /// The thread feeds, if it may; and the device looks at its clock.
    pub(crate) fn dog_turn(&mut self, on: NodeId, number: u64) {
        let (now, bites_at) = (self.now, self.setup.dog_bites_at);
        let machine = self.machine(on);
        let local = machine.clock.local(now);
        let runs = machine.power == Power::On;
        let Some(device) = machine.dog.as_mut().filter(|dog| dog.number == number) else {
            return;
        };
        if runs && !device.bites && device.word.is_some_and(|until| local < until) {
            device.fed_at = now;
        }
        let bites_at = device.fed_at + device.bound * bites_at / 1000;
        if device.bites || bites_at <= now {
            return self.bite(on);
        }
        let next = (device.bound / FEEDS_PER_BOUND).min(bites_at.saturating_duration_since(now));
        self.put(next, Event::Dog { on, number });
    }

    fn bite(&mut self, on: NodeId) {
        self.trace
            .tale(self.now, Some(on), || "its watchdog ends it".into());
        self.counts.bites += 1;
        self.power_off(on);
        let (from, to) = BOOTS_AFTER;
        let after = Duration::from_millis(self.random.between(from, to));
        self.put(after, Event::Boot { on });
    }

    /// What the daemon must know when a fence of the log fails.
    pub(crate) fn note_outliving(
        &mut self,
        (by, run): (NodeId, u64),
        id: FenceAsker,
        target: &NodeName,
    ) {
        if matches!(id, FenceAsker::Half { .. }) {
            return;
        }
        if let Some((daemon, local)) = self.awake_run((by, run))
            && let Some(outliving) = daemon.node.outliving(target, local)
        {
            daemon.outlivings.push((id, target.clone(), outliving));
        }
    }

    /// Whether a failed fence goes on as a wait for the watchdog.
    pub(crate) fn outlives(
        &mut self,
        (by, run): (NodeId, u64),
        id: FenceAsker,
        result: &FenceResult,
    ) -> bool {
        let Some((daemon, _)) = self.awake_run((by, run)) else {
            return false;
        };
        let place = daemon.outlivings.iter().position(|known| known.0 == id);
        let Some((_, target, outliving)) = place.map(|place| daemon.outlivings.remove(place))
        else {
            return false;
        };
        let has_failed = matches!(result, FenceResult::Failed { .. });
        if has_failed {
            self.trace.tale(self.now, Some(by), || {
                format!("no device helps: waits for the watchdog of {target}")
            });
            let what = Box::new((target, outliving));
            self.put(Duration::ZERO, Event::Outlive { by, run, id, what });
        }
        has_failed
    }

    /// The wait for a watchdog, and a look at the devices meanwhile.
    pub(crate) fn outlive(
        &mut self,
        (by, run): (NodeId, u64),
        id: FenceAsker,
        what: Box<(NodeName, Outliving)>,
    ) {
        let now = self.now;
        let Outliving { since, span } = what.1;
        let Some((daemon, local)) = self.awake_run((by, run)) else {
            return;
        };
        let left = (since + span).saturating_duration_since(local);
        if left.is_zero() {
            let waited = local.saturating_duration_since(since);
            let result = FenceResult::OutlivedWatchdog { waited };
            daemon.node.handle_fence_ended(id, result, local);
            return self.carry_out(by);
        }
        let seen = self.look_at(&what.0);
        if let Some((device, takes)) = seen.filter(|(_, takes)| *takes < left) {
            let result = Box::new(FenceResult::Confirmed { device });
            let told = Event::Told {
                by,
                run,
                id,
                result,
            };
            return self.put(takes, told);
        }
        let next = match left < LOOK_EVERY {
            true => self.machine(by).clock.truly(since + span).max(now),
            false => now + LOOK_EVERY,
        };
        self.queue.put(next, Event::Outlive { by, run, id, what });
    }

    /// Whether there is a power switch for a node.
    pub(crate) fn has_device(&self, target: &NodeName) -> bool {
        let node = self.setup.spec.nodes.get(target);
        node.is_some_and(|node| !node.fence.is_empty())
    }

    /// The device that says that a node is off, and how long it takes to.
    pub(crate) fn look_at(&mut self, target: &NodeName) -> Option<(model::DeviceName, Duration)> {
        let node = form::node_id(target.as_str())?;
        let has_device = self.has_device(target);
        let works = self.setup.devices == Devices::Work && self.switch(node).fails == 0;
        let is_off = has_device && works && self.machine(node).power == Power::Off;
        let takes = self.switch(node).takes;
        is_off.then(|| (form::device(target), takes))
    }
}

/// What the thread that feeds has to tell.
#[derive(Debug, Clone, Copy)]
pub(crate) enum DogNews {
    /// It is armed with this bound.
    Armed(Duration),
    /// It was not opened: the word was over.
    TooLate,
    /// It sleeps.
    Disarmed,
}
