//! The plan in the making, with what is looked up often.

use std::collections::{BTreeMap, BTreeSet};

use model::roles::{RoleMeant, RoleSeen};
use model::rules::TicketLoss;
use model::seen::{Claim, Goal, Maintenance, NodeState, Phase, ServiceSeen, TicketStanding};
use model::spec::ServiceSpec;
use model::{BootId, ClusterTime, NodeName, Reason, ServiceName, TicketName, WallTime};

use crate::busy::{Busy, NodeBusy};
use crate::copies::CopyMap;
use crate::placement::{Hinder, may_run};
use crate::places::Places;
use crate::roles::RoleStep;
use crate::{Action, Input, Plan, Step, Subject, Wait, twice};

pub(crate) struct Draft<'a> {
    pub(crate) input: &'a Input<'a>,
    pub(crate) load: Load,
    /// Nodes that this plan gives up: nothing may be planned on them any more.
    pub(crate) given_up: BTreeSet<&'a NodeName>,
    pub(crate) copies: CopyMap<'a>,
    /// Where services whose places depend on each other should be, all taken together.
    pub(crate) places: Places,
    /// What this plan stops, as far as others may need it.
    pub(crate) ending: BTreeSet<ServiceName>,
    /// Services without copies that this plan starts, and copies, by service and node.
    pub(crate) coming: BTreeMap<(ServiceName, NodeName), u32>,
    /// Copies that this plan starts or restarts, by name.
    pub(crate) begun: BTreeSet<ServiceName>,
    /// What this plan does about the roles of copies.
    pub(crate) roles: BTreeMap<ServiceName, RoleStep>,
    /// What stops so that a copy can be promoted on its node, and why.
    pub(crate) giving_way: BTreeMap<ServiceName, Reason>,
    plan: Plan,
}

/// How many services each node runs, for even shares; and how busy it is, where that counts.
#[derive(Debug, Default)]
pub(crate) struct Load {
    services: BTreeMap<NodeName, usize>,
    busy: Option<Busy>,
}

impl Load {
    pub(crate) fn of(input: &Input<'_>) -> Self {
        let mut load = Self {
            services: BTreeMap::new(),
            busy: Busy::of(input),
        };
        let claims = input
            .seen
            .services
            .values()
            .filter_map(|seen| seen.claim.as_ref());
        for claim in claims.filter(|claim| claim.goal == Goal::Run) {
            load.add(&claim.node);
        }
        load
    }

    /// What runs there has one more, whose load is measured already.
    pub(crate) fn add(&mut self, node: &NodeName) {
        *self.services.entry(node.clone()).or_default() += 1;
    }

    /// It gets one more.
    pub(crate) fn place(&mut self, node: &NodeName) {
        self.add(node);
        if let Some(busy) = &mut self.busy {
            busy.place(node);
        }
    }

    /// How many services run there.
    pub(crate) fn on(&self, node: &NodeName) -> usize {
        self.services.get(node).copied().unwrap_or_default()
    }

    /// How busy it is, where that counts.
    pub(crate) fn busy(&self, node: &NodeName) -> Option<NodeBusy> {
        self.busy.as_ref()?.of_node(node)
    }

    /// Of nodes that suit a service equally well, the lowest is chosen.
    pub(crate) fn rank(&self, node: &NodeName) -> (u32, usize) {
        let busy = self.busy(node).map_or(0, NodeBusy::counted);
        (busy, self.on(node))
    }
}

/// What a ticket that is not here means for a service that needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MissingTicket {
    pub(crate) on_loss: TicketLoss,
    /// It was given away, and not taken.
    pub(crate) went_in_peace: bool,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(input: &'a Input<'a>) -> Self {
        Self {
            input,
            load: Load::of(input),
            given_up: BTreeSet::new(),
            copies: CopyMap::of(input),
            places: Places::default(),
            ending: BTreeSet::new(),
            coming: BTreeMap::new(),
            begun: BTreeSet::new(),
            roles: BTreeMap::new(),
            giving_way: BTreeMap::new(),
            plan: Plan {
                id: input.id,
                steps: Vec::new(),
                waits: Vec::new(),
                again_at: None,
            },
        }
    }

    /// It starts there in this plan.
    pub(crate) fn note_coming(&mut self, name: &ServiceName, node: &NodeName) {
        if name.copy().is_some() {
            self.begun.insert(name.clone());
        }
        let coming = self.coming.entry((name.service(), node.clone()));
        *coming.or_default() += 1;
    }

    /// Places the services whose places depend on each other, once it is known which nodes
    /// are given up.
    pub(crate) fn place_all(&mut self) {
        self.places = Places::of(self.input, &self.given_up);
    }

    pub(crate) fn step(&mut self, action: Action, because: Reason) {
        self.plan.steps.push(Step { action, because });
    }

    pub(crate) fn wait(&mut self, subject: Subject, because: Reason) {
        self.plan.waits.push(Wait { subject, because });
    }

    pub(crate) fn again_at(&mut self, at: ClusterTime) {
        let earlier = self.plan.again_at.is_none_or(|known| at < known);
        if earlier {
            self.plan.again_at = Some(at);
        }
    }

    /// The boot in which the node may run the service now, beside what else runs there and
    /// what this plan starts; if it may not, why.
    pub(crate) fn candidate(
        &self,
        (name, spec): (&ServiceName, &ServiceSpec),
        node: &NodeName,
    ) -> Result<BootId, Hinder> {
        let Some(seen) = self.input.seen.nodes.get(node) else {
            return Err(Hinder::Away("not a member".to_string()));
        };
        if self.given_up.contains(node) {
            return Err(Hinder::Away("lost".to_string()));
        }
        let boot = may_run(self.input, &self.copies, (name, spec), (node, seen))?;
        if spec.rules.copies.is_some() {
            let coming = self.coming.get(&(name.service(), node.clone()));
            let coming = coming.copied().unwrap_or(0);
            self.copies.fits((name, spec), node, coming)?;
            self.has_needed_copies(spec, node)?;
        }
        Ok(boot)
    }

    /// A copy needs the copies of services that it is `after` on its own node, unless it needs
    /// all of them, wherever they are.
    fn has_needed_copies(&self, spec: &ServiceSpec, node: &NodeName) -> Result<(), Hinder> {
        for needed in &spec.after {
            let of = self.input.spec.services.get(needed);
            let is_elsewhere = spec.rules.after_all_copies.contains(needed);
            if is_elsewhere || of.is_none_or(|of| of.rules.copies.is_none()) {
                continue;
            }
            let here = self.copies.on(needed, node);
            let runs = here.is_some_and(|here| {
                let mut running = here.running.iter();
                running.any(|copy| !self.ending.contains(*copy))
            });
            if !runs {
                return Err(Hinder::LacksCopyOf(needed.clone()));
            }
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Plan {
        self.plan
    }
}

impl<'a> Input<'a> {
    pub(crate) fn service(&self, name: &ServiceName) -> Option<&'a ServiceSeen> {
        self.seen.services.get(name)
    }

    pub(crate) fn claim(&self, name: &ServiceName) -> Option<&'a Claim> {
        self.service(name).and_then(|seen| seen.claim.as_ref())
    }

    /// What the wall clock will show at a moment to come.
    pub(crate) fn wall_at(&self, moment: ClusterTime) -> WallTime {
        let ahead = moment.0.saturating_sub(self.now.0);
        WallTime(self.wall.0.saturating_add(ahead))
    }

    /// Why nobody may touch the service now, if so.
    pub(crate) fn hands_off(&self, name: &ServiceName) -> Option<Reason> {
        if self.seen.maintenance == Maintenance::On {
            return Some(Reason::Maintenance);
        }
        let seen = self.service(name)?;
        if seen.frozen == Maintenance::On {
            return Some(Reason::Frozen);
        }
        if let Some(because) = twice::held(self, name) {
            return Some(because);
        }
        let node = &seen.claim.as_ref()?.node;
        let is_in_maintenance = self
            .seen
            .nodes
            .get(node)
            .is_some_and(|seen| seen.maintenance == Maintenance::On);
        is_in_maintenance.then(|| Reason::NodeMaintenance { node: node.clone() })
    }

    /// The tickets without which the service does not run, and that are not here.
    pub(crate) fn missing_tickets(
        &self,
        spec: &'a ServiceSpec,
    ) -> impl Iterator<Item = (&'a TicketName, MissingTicket)> {
        let missing = self.absent_tickets(spec);
        missing.filter(|(_, missing)| missing.on_loss != TicketLoss::Demote)
    }

    /// The first of them, as what the service waits for.
    pub(crate) fn needs_ticket(&self, spec: &'a ServiceSpec) -> Option<Reason> {
        let (ticket, _) = self.missing_tickets(spec).next()?;
        let ticket = ticket.clone();
        Some(Reason::NeedsTicket { ticket })
    }

    /// A ticket without which no copy of the service is promoted, and that is not here.
    pub(crate) fn missing_ticket_of_role(&self, spec: &'a ServiceSpec) -> Option<&'a TicketName> {
        let mut missing = self.absent_tickets(spec);
        let (ticket, _) = missing.find(|(_, it)| it.on_loss == TicketLoss::Demote)?;
        Some(ticket)
    }

    fn absent_tickets(
        &self,
        spec: &'a ServiceSpec,
    ) -> impl Iterator<Item = (&'a TicketName, MissingTicket)> {
        let seen = self.seen;
        spec.rules
            .tickets
            .iter()
            .filter_map(move |(ticket, on_loss)| {
                let standing = seen.tickets.get(ticket).map(|seen| seen.standing);
                let missing = MissingTicket {
                    on_loss: *on_loss,
                    went_in_peace: standing == Some(TicketStanding::Standby),
                };
                (standing != Some(TicketStanding::Granted)).then_some((ticket, missing))
            })
    }

    /// What must run before this one starts, and does not.
    pub(crate) fn missing_dependency(&self, name: &ServiceName) -> Option<Reason> {
        let spec = self.spec.service_of(name)?;
        let dependent_has_copies = spec.rules.copies.is_some();
        let missing = spec.after.iter().find_map(|needed| {
            let service = needed.clone();
            let is_there = match spec.rules.after_all_copies.contains(needed) {
                true => self.some_copy_runs(needed, |_| true),
                false => {
                    let meant = (needed, spec.role_needed(needed));
                    self.serves(meant, |_| true, dependent_has_copies)
                }
            };
            if !is_there {
                return Some(Reason::WaitsForService { service });
            }
            let all = &spec.rules.after_all_copies;
            let copy = self.coming_copy(all.get(needed)?)?;
            Some(Reason::WaitsForAllCopies { service, copy })
        });
        missing.or_else(|| self.missing_one_of(spec, |_| true))
    }

    /// Whether a copy of the service runs, of those that count.
    pub(crate) fn some_copy_runs(
        &self,
        service: &ServiceName,
        counts: impl Fn(&ServiceName) -> bool,
    ) -> bool {
        self.spec.names_of(service).iter().any(|name| {
            let claim = self.claim(name).filter(|_| counts(name));
            claim.is_some_and(|claim| claim.goal == Goal::Run && claim.phase == Phase::Running)
        })
    }

    /// Whether a service runs so that one that needs it may start, as far as `counts` says
    /// which of its claims count.
    pub(crate) fn serves(
        &self,
        (needed, role): (&ServiceName, RoleMeant),
        counts: impl Fn(&ServiceName) -> bool,
        dependent_has_copies: bool,
    ) -> bool {
        let runs = |name: &ServiceName| {
            let claim = self.claim(name).filter(|_| counts(name));
            claim.is_some_and(|claim| claim.goal == Goal::Run && claim.phase == Phase::Running)
        };
        let copies = self
            .spec
            .services
            .get(needed)
            .and_then(|spec| spec.rules.copies);
        if role == RoleMeant::Promoted {
            let mut seen = self.seen.services.range(needed.copies_range());
            return seen.any(|(name, seen)| {
                let claim = seen.claim.as_ref().filter(|_| counts(name));
                claim.is_some_and(|claim| claim.role == RoleSeen::Promoted && runs(name))
            });
        }
        if copies.is_none() {
            return runs(needed);
        }
        // What a copy needs is looked for on its own node.
        if dependent_has_copies {
            return true;
        }
        let mut some_runs = false;
        for (name, seen) in self.seen.services.range(needed.copies_range()) {
            some_runs |= runs(name);
            let claim = seen.claim.as_ref();
            let is_starting =
                |claim: &&Claim| claim.goal == Goal::Run && claim.phase == Phase::Starting;
            if claim.filter(is_starting).is_some() {
                return false;
            }
        }
        some_runs
    }

    /// A node that may run anything, so that nothing may start elsewhere, as a wait.
    pub(crate) fn unproven_node(&self) -> Option<Reason> {
        let (name, node) = self
            .seen
            .nodes
            .iter()
            .find(|(_, node)| node.may_run_anything())?;
        Some(waits_for(name, &node.state))
    }
}

/// What must happen at a node before it is known what runs there.
pub(crate) fn waits_for(name: &NodeName, state: &NodeState) -> Reason {
    let node = name.clone();
    match state {
        NodeState::Lost { .. } => Reason::WaitsForFence { node },
        NodeState::DaemonDown { .. } => Reason::WaitsForDaemon { node },
        NodeState::Down
        | NodeState::Starting { .. }
        | NodeState::Online { .. }
        | NodeState::Leaving { .. } => Reason::WaitsForProbe { node },
    }
}
