//! Services that move live, in some clusters, and what really becomes of them.
//!
//! From the moment that a hand-over begins, half of the service may be at the target; when it
//! has ended well, what runs is at the target, and remains are at the source. Neither half nor
//! remains are active, but both must be cleared away before the service starts anywhere. A
//! program that hands over goes on when the daemon that began it dies, until a later run asks
//! for the state.

use model::migration::MigrationStage;
use model::operation::{About, Operation, Outcome, ResourceAddress};
use model::plant::{self, Plant};
use model::{Instant, NodeId, ServiceName};

use crate::act::{Act, Kind, Order, Wrong};
use crate::form::{node_id, node_name, service};
use crate::machine::Power;
use crate::promises::Promise;
use crate::random::Random;
use crate::schedule::{Setup, millis};
use crate::world::World;

/// Streams of random numbers for the setup and the orders.
const OF_LIVE: u64 = 12;

/// Moves that are asked for, in a cluster with a live service.
const MOVES: (u64, u64) = (4, 14);

fn is_planted() -> bool {
    [
        Plant::MigrationUnproven,
        Plant::SourceNotCleared,
        Plant::HandedOverEarly,
    ]
    .into_iter()
    .any(plant::is)
}

/// Some clusters have a service that moves live; always where a defect is planted that only
/// these can show.
pub(crate) fn draw(setup: &mut Setup) {
    let mut random = Random::new(setup.seed, OF_LIVE);
    if !random.chance(250) && !is_planted() {
        return;
    }
    let line = random.pick(&[
        "guest live",
        "guest live failback prefer=b",
        "guest live after=db",
        "guest live restart=0 priority=9",
    ]);
    let (name, spec) = service(line).expect("these lines are right");
    setup.spec.services.insert(name, spec);
}

/// People move it, and set nodes aside.
pub(crate) fn draw_moves(setup: &Setup, kinds: &[Kind], acts: &mut Vec<(Instant, Act)>) {
    let name = ServiceName::new("guest").expect("a plain word is a name");
    let is_live = setup.spec.services.contains_key(&name);
    if !is_live || !kinds.contains(&Kind::Operator) && !is_planted() {
        return;
    }
    let mut random = Random::new(setup.seed, OF_LIVE + 1);
    let span = setup.faults_end.0 / 1_000_000;
    for _ in 0..random.between(MOVES.0, MOVES.1) {
        let at = Instant::ZERO + millis(random.between(2000, span.max(2001)));
        let asked = NodeId(1 + random.below(setup.nodes));
        let target = node_name(NodeId(1 + random.below(setup.nodes)));
        if random.chance(700) {
            let order = Order::Move(name.clone(), target);
            acts.push((at, Act::Order(asked, order)));
        } else {
            let back = at + millis(random.between(500, 5000));
            acts.push((at, Act::Order(asked, Order::Standby(target.clone()))));
            acts.push((back, Act::Order(asked, Order::Online(target))));
        }
    }
}

fn peer(operation: &Operation) -> Option<NodeId> {
    match &operation.about {
        About::Peer(node) => node_id(node.as_str()),
        About::Nothing | About::Notice(_) | About::NewSettings => None,
    }
}

impl World {
    /// A hand-over begins: half of the service may be at the target from now on.
    pub(crate) fn begin_hand_over(&mut self, (on, run): (NodeId, u64), operation: &Operation) {
        let machine = self.machine(on);
        let is_this_run = machine.daemon.as_ref().is_some_and(|d| d.run == run);
        let address = operation.address.clone();
        if !is_this_run || !machine.running.contains_key(&address) {
            return;
        }
        machine.handing.insert(address.clone(), (run, operation.id));
        let Some(target) = peer(operation) else {
            return;
        };
        if self.machine(target).power != Power::Off {
            self.machine(target).remains.insert(address);
        }
    }

    /// The program that hands over ends, whether or not the daemon that began it still lives.
    pub(crate) fn end_hand_over(
        &mut self,
        (on, run): (NodeId, u64),
        operation: &Operation,
    ) -> Outcome {
        let address = &operation.address;
        let machine = self.machine(on);
        let wrong = machine.wrongs.get(&address.service.service()).copied();
        if machine.handing.get(address) != Some(&(run, operation.id)) {
            return Outcome::Failed("it does not run here".into());
        }
        machine.handing.remove(address);
        if wrong == Some(Wrong::StopFails) {
            return Outcome::Failed("it resists".into());
        }
        let target = peer(operation).filter(|to| self.machine(*to).power != Power::Off);
        let Some(target) = target else {
            return Outcome::Failed("its peer does not answer".into());
        };
        let Some(spec) = self.machine(on).running.remove(address) else {
            return Outcome::Failed("it has ended meanwhile".into());
        };
        self.machine(on).remains.insert(address.clone());
        self.note_ended(&address.service, on);
        self.machine(target).remains.remove(address);
        self.machine(target).running.insert(address.clone(), spec);
        let to = node_name(target);
        self.trace.tale(self.now, Some(on), || {
            format!("{address} goes to {to}, alive")
        });
        self.counts.live_moves += 1;
        self.invariant_s1_one_node_per_service(target, address);
        self.invariant_s2_goes_where_it_was_ordered((on, target), address);
        if wrong == Some(Wrong::StopLies) {
            return Outcome::Failed("exit 1".into());
        }
        Outcome::Stopped
    }

    /// What has come is taken in; nothing of it is active anywhere else.
    pub(crate) fn begin_taking_in(&mut self, (on, run): (NodeId, u64), operation: &Operation) {
        let machine = self.machine(on);
        if machine.daemon.as_ref().is_none_or(|d| d.run != run) {
            return;
        }
        let (address, spec) = (operation.address.clone(), operation.spec.clone());
        machine.recorded.insert(address.clone(), spec);
        self.invariant_s1_one_node_per_service(on, &address);
        self.note_runs(&address.service, on);
    }

    /// By the latest committed word the service is on its way from this node to that one.
    fn invariant_s2_goes_where_it_was_ordered(
        &mut self,
        (from, to): (NodeId, NodeId),
        address: &ResourceAddress,
    ) {
        let state = self.record.state();
        let migration = state.seen().migrations.get(&address.service);
        let source = &self.machines[(from.0 - 1) as usize];
        let is_ordered = migration.is_some_and(|migration| {
            migration.stage == MigrationStage::Leaving
                && migration.from.node == source.name
                && migration.from.boot == source.boot_id()
                && migration.to.node == node_name(to)
        });
        if !is_ordered {
            let what = format!(
                "{address} goes from {} to {}, and no order says so",
                node_name(from),
                node_name(to)
            );
            self.break_promise(Promise::S2StartsOnlyWhenProven, what);
        }
    }

    /// What a live move has left anywhere is cleared away before the service starts.
    pub(crate) fn invariant_s2_nothing_of_a_move_remains(&mut self, address: &ResourceAddress) {
        let left = self
            .machines
            .iter()
            .find(|machine| machine.remains.contains(address));
        if let Some(on) = left.map(|machine| machine.id) {
            let what = format!(
                "{address} starts, and what a live move left on {} is not cleared away",
                node_name(on)
            );
            self.break_promise(Promise::S2StartsOnlyWhenProven, what);
        }
    }

    /// After each new entry: a live move is over only when nothing of it is left.
    pub(crate) fn watch_migrations(&mut self) {
        let moving = &self.record.state().seen().migrations;
        let left = self.machines.iter().find_map(|machine| {
            let mut remains = machine.remains.iter();
            let left = remains.find(|address| !moving.contains_key(&address.service))?;
            Some((machine.id, left.clone()))
        });
        if let Some((on, address)) = left {
            let what = format!(
                "the live move of {} is over, and something of it is left on {}",
                address.service,
                node_name(on)
            );
            self.break_promise(Promise::S2StartsOnlyWhenProven, what);
        }
    }
}
