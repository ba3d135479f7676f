//! Starts that take their time, in some clusters, and go on when the daemon that began them dies.
//!
//! A program that starts a service shows nothing of it before it is through. A daemon that is
//! killed meanwhile leaves it at work, and the next one, asked for the state, would find nothing,
//! and a second later it runs. So the hands end what they find at work before they look.

use std::time::Duration;

use model::operation::{Operation, ResourceAddress, Verb};
use model::plant::{self, Plant};
use model::{Instant, NodeId, OperationId};

use crate::act::{Act, Kind, Order, Wrong};
use crate::form::node_name;
use crate::random::Random;
use crate::schedule::{Setup, millis};
use crate::world::{Event, World};

/// Stream of random numbers for the acts.
const OF_STARTS: u64 = 32;

/// Services that are sent somewhere while starts take their time, at least and at most.
const MOVES: (u64, u64) = (2, 6);

/// So long a start takes that is slow.
pub(crate) const SLOW_START: Duration = Duration::from_secs(2);

/// A program that starts something, by the run and the operation that began it.
pub(crate) type Starting = (u64, OperationId);

/// In some clusters starts take their time, and daemons die in the midst of them. The other
/// acts stay as they are.
pub(crate) fn draw_acts(setup: &Setup, kinds: &[Kind], acts: &mut Vec<(Instant, Act)>) {
    let mut random = Random::new(setup.seed, OF_STARTS);
    let is_drawn = random.chance(200) && kinds.contains(&Kind::Agent);
    if !is_drawn && !plant::is(Plant::StartLeftAtWork) {
        return;
    }
    let services: Vec<_> = setup.spec.services.keys().collect();
    let span = setup.faults_end.0 / 1_000_000;
    for _ in 0..random.between(MOVES.0, MOVES.1) {
        let at = random.between(2500, span.max(2501));
        let mut put = |after: u64, act: Act| acts.push((Instant::ZERO + millis(at + after), act));
        let service = random.pick(&services).clone();
        let mut node = || NodeId(1 + random.below(setup.nodes));
        let (asked, target, other) = (node(), node(), node());
        put(0, Act::Wrong(target, service.clone(), Wrong::StartSlow));
        put(
            1,
            Act::Order(asked, Order::Move(service.clone(), node_name(target))),
        );
        let killed = random.between(100, 1500);
        put(killed, Act::Kill(target));
        put(killed + random.between(20, 1500), Act::Start(target));
        // While it starts again, the service is wanted elsewhere.
        put(
            killed + 2,
            Act::Order(asked, Order::Move(service, node_name(other))),
        );
        put(random.between(3000, 6000), Act::Right(target));
    }
}

impl World {
    /// A program begins to start something that is up only later.
    pub(crate) fn begin_slowly(&mut self, (on, run): (NodeId, u64), operation: Box<Operation>) {
        let machine = self.machine(on);
        let address = operation.address.clone();
        machine
            .recorded
            .insert(address.clone(), operation.spec.clone());
        machine.starting.insert(address, (run, operation.id));
        let through = SLOW_START - Duration::from_millis(1);
        self.put(through, Event::CameUp { on, run, operation });
    }

    /// It is through, whether or not the daemon that began it still lives.
    pub(crate) fn come_up(&mut self, (on, run): (NodeId, u64), operation: Operation) {
        let machine = self.machine(on);
        if machine.starting.get(&operation.address) != Some(&(run, operation.id)) {
            return;
        }
        machine.starting.remove(&operation.address);
        self.bring_up(on, operation);
    }

    /// What an earlier run has left at work is ended before anything is done or asked.
    pub(crate) fn end_what_is_left(
        &mut self,
        (on, run): (NodeId, u64),
        (verb, address): (Verb, &ResourceAddress),
    ) {
        if plant::is(Plant::StartLeftAtWork) || !verb.changes() && verb != Verb::Probe {
            return;
        }
        let starting = &mut self.machine(on).starting;
        if starting
            .get(address)
            .is_some_and(|(begun, _)| *begun != run)
        {
            starting.remove(address);
        }
    }
}
