//! Services that are after one of several, or after others for their start only, that return to
//! where they belong, and that need tickets, in some clusters. People give tickets and take
//! them away in the midst of everything else. In the end what has its ticket runs, and what has
//! none does not, or is not promoted.

use std::collections::BTreeSet;

use model::rules::TicketLoss;
use model::seen::TicketStanding;
use model::spec::{Failback, ServiceSpec};
use model::{Instant, NodeId, ServiceName, Spec, TicketName};

use crate::act::{Act, Kind, Order};
use crate::dogs::Devices;
use crate::form::service;
use crate::machine::Power;
use crate::random::Random;
use crate::schedule::{Setup, millis};
use crate::world::World;

/// Streams of random numbers.
const OF_ORDER: u64 = 26;
const OF_TICKETS: u64 = 27;
const OF_ACTS: u64 = 28;
const OF_SECOND_TICKETS: u64 = 41;

/// Said of tickets while the faults go on, at least and at most.
const WORDS: (u64, u64) = (3, 10);

/// The ticket that is here again in the end, and the one that is not.
const KEPT: &str = "site";
const LOST: &str = "branch";
/// The second ticket of some services; it is here again in the end, too.
const SECOND: &str = "region";

/// In some clusters there is more order between services, or tickets.
pub(crate) fn draw(setup: &mut Setup) {
    draw_order(setup);
    draw_tickets(setup);
}

fn draw_order(setup: &mut Setup) {
    let mut random = Random::new(setup.seed, OF_ORDER);
    if !random.chance(250) {
        return;
    }
    // Nothing needs `mail` alone, which may be the slow one.
    let first = random.pick(&[
        "front one-of=db,mail",
        "front one-of=db,mail restart=0 failback prefer=b",
        "front one-of=web,mail after-starts=db priority=7",
        "front one-of=db,mail copies=2",
        "front after=db prefer=a failback",
    ]);
    let second = random.pick(&[
        None,
        Some("log after-starts=db"),
        Some("log after-starts=front prefer=b failback"),
        Some("log after=front,db prefer=a"),
        Some("log one-of=front,web"),
    ]);
    for line in [Some(first), second].into_iter().flatten() {
        let (name, spec) = service(line).expect("these lines are right");
        setup.spec.services.insert(name, spec);
    }
    if random.chance(300) {
        let mut services = setup.spec.services.iter_mut();
        let first = services.find(|(name, _)| name.as_str() == "db");
        if let Some((_, spec)) = first {
            spec.failback = Failback::WhenPossible;
        }
    }
}

/// Nothing else may wait in the end for what then has no ticket.
fn draw_tickets(setup: &mut Setup) {
    let mut random = Random::new(setup.seed, OF_TICKETS);
    if !random.chance(200) {
        return;
    }
    let mut losses = vec![TicketLoss::Stop, TicketLoss::Stop, TicketLoss::Freeze];
    if setup.devices == Devices::Work && !setup.pills {
        losses.push(TicketLoss::Fence);
    }
    let needed = needed(&setup.spec);
    for (name, spec) in &mut setup.spec.services {
        let share = if spec.rules.roles.is_some() { 700 } else { 350 };
        if !random.chance(share) {
            continue;
        }
        let ticket = random.pick(&[KEPT, KEPT, LOST]);
        let on_loss = match spec.rules.roles.is_some() && random.chance(700) {
            true => TicketLoss::Demote,
            false => random.pick(&losses),
        };
        // What is frozen runs on without its ticket.
        let is_settled = ticket == KEPT || on_loss == TicketLoss::Freeze || needed.contains(name);
        let ticket = if is_settled { KEPT } else { LOST };
        spec.rules.tickets.insert(named(ticket), on_loss);
    }
    draw_second_tickets(setup, &losses);
}

/// Some of the services that need a ticket need another one as well.
fn draw_second_tickets(setup: &mut Setup, losses: &[TicketLoss]) {
    let mut random = Random::new(setup.seed, OF_SECOND_TICKETS);
    for spec in setup.spec.services.values_mut() {
        if spec.rules.tickets.is_empty() || !random.chance(400) {
            continue;
        }
        let on_loss = match spec.rules.roles.is_some() && random.chance(500) {
            true => TicketLoss::Demote,
            false => random.pick(losses),
        };
        spec.rules.tickets.insert(named(SECOND), on_loss);
    }
}

fn named(ticket: &str) -> TicketName {
    TicketName::new(ticket).expect("a plain word is a name")
}

/// What others are after, or must run with.
fn needed(spec: &Spec) -> BTreeSet<ServiceName> {
    let of = |spec: &ServiceSpec| -> Vec<ServiceName> {
        let after = spec.after.iter().cloned();
        let together = spec.rules.together_with.iter().map(|it| it.service.clone());
        let several = spec.rules.after_one_of.iter().flatten().cloned();
        after.chain(together).chain(several).collect()
    };
    spec.services.values().flat_map(of).collect()
}

/// People give the tickets soon, and change their minds. The other acts stay as they are.
pub(crate) fn draw_acts(setup: &Setup, kinds: &[Kind], acts: &mut Vec<(Instant, Act)>) {
    let mut random = Random::new(setup.seed, OF_ACTS);
    let services = setup.spec.services.values();
    let tickets: BTreeSet<_> = services
        .flat_map(|spec| spec.rules.tickets.keys())
        .collect();
    let end = setup.faults_end.0 / 1_000_000;
    for ticket in tickets {
        let mut say = |at: u64, standing: TicketStanding, by: u64| {
            let order = Order::Ticket(standing, ticket.clone());
            acts.push((
                Instant::ZERO + millis(at),
                Act::Order(NodeId(1 + by), order),
            ));
        };
        if random.chance(900) {
            let at = random.between(1500, 4000);
            say(at, TicketStanding::Granted, random.below(setup.nodes));
        }
        if !kinds.contains(&Kind::Operator) {
            continue;
        }
        for _ in 0..random.between(WORDS.0, WORDS.1) {
            let at = random.between(3000, end.max(3001));
            let standing = random.pick(&[
                TicketStanding::Granted,
                TicketStanding::Granted,
                TicketStanding::Revoked,
                TicketStanding::Standby,
            ]);
            say(at, standing, random.below(setup.nodes));
        }
    }
}

impl World {
    /// What is left to say of the tickets when the faults have ended.
    pub(crate) fn tickets_to_settle(&self) -> Vec<Order> {
        let state = self.record.state();
        let services = state.spec().into_iter().flat_map(|spec| &spec.services);
        let tickets = services.flat_map(|(_, spec)| spec.rules.tickets.keys());
        let tickets: BTreeSet<&TicketName> = tickets.collect();
        let tickets = tickets.into_iter();
        let orders = tickets.filter_map(|ticket| {
            let is_here = self.is_granted(ticket);
            let wanted = match ticket.as_str() == LOST {
                true => TicketStanding::Revoked,
                false => TicketStanding::Granted,
            };
            let is_settled = is_here == (wanted == TicketStanding::Granted);
            (!is_settled).then(|| Order::Ticket(wanted, ticket.clone()))
        });
        orders.collect()
    }

    fn is_granted(&self, ticket: &TicketName) -> bool {
        let seen = self.record.state().seen().tickets.get(ticket);
        seen.is_some_and(|seen| seen.standing == TicketStanding::Granted)
    }

    /// What is missing for want of a ticket: the service, before its role.
    pub(crate) fn lacks_ticket(&self, spec: &ServiceSpec) -> Option<TicketLoss> {
        let tickets = spec.rules.tickets.iter();
        let missing = tickets.filter(|(ticket, _)| !self.is_granted(ticket));
        let losses = missing.map(|(_, on_loss)| *on_loss);
        losses.min_by_key(|on_loss| *on_loss == TicketLoss::Demote)
    }

    /// Whether a service that must not run without its ticket does not, in the log and in truth.
    pub(crate) fn is_gone_without_ticket(&self, name: &ServiceName) -> Result<(), String> {
        let seen = self.record.state().seen().services.get(name);
        if let Some(claim) = seen.and_then(|seen| seen.claim.as_ref()) {
            return Err(format!(
                "{name} has no ticket, and is held on {}",
                claim.node
            ));
        }
        let mut machines = self.machines.iter().filter(|m| m.power == Power::On);
        let runs = machines.find(|m| m.running.keys().any(|it| it.service == *name));
        match runs {
            Some(machine) => Err(format!(
                "{name} has no ticket, and runs on {}",
                machine.name
            )),
            None => Ok(()),
        }
    }
}
