//! Commands about roles. Here S1 and S2 are enforced for the role: never are more copies
//! promoted than are wanted, and one is promoted only when every other that may be is counted.
//!
//! What counts as promoted, or may be: a claim from its promotion on until the node has said
//! that it is demoted, or the claim has ended; what was found running without a claim; and all
//! that a node may run which has not told what runs there.

use model::history::Happening;
use model::plant::{self, Plant};
use model::roles::{RoleSeen, RoleStanding, RoleTold};
use model::rules::TicketLoss;
use model::seen::{Goal, MoveRequest, NodeState, Phase, ServiceSeen, TicketStanding};
use model::{
    Command, Measured, NodeName, PlanId, Reason, Rejected, ServiceName, TicketName, UserName,
};

use crate::{Applied, Outcome, Place, State};

impl State {
    pub(crate) fn promote(&mut self, place: Place, command: &Command) -> Outcome {
        let Command::Promote {
            service,
            epoch,
            plan,
            because,
        } = command
        else {
            return Err(Rejected::Unknown);
        };
        let (_, claim) = self.claimed(service, *epoch)?;
        let (node, boot) = (claim.node.clone(), claim.boot);
        if claim.goal != Goal::Run || claim.phase != Phase::Running {
            return Err(Rejected::Refused(format!("{service} does not run now")));
        }
        if claim.role.is_wished() {
            let text = format!("{service} is promoted on {node} already");
            return Err(Rejected::Refused(text));
        }
        self.require_ready(&node, boot)?;
        self.require_hands_on(service)?;
        self.require_ticket_of_role(service)?;
        self.require_room_for_promoted(service)?;
        self.set_role(service, RoleSeen::Promoting, (*plan, because));
        self.change_claim(service, |seen, _| {
            seen.times.begin(Measured::Promote, place.clock);
        });
        for name in self.names_seen_of(service) {
            if let Some(seen) = self.seen.services.get_mut(&name) {
                seen.role_end = None;
                seen.moving_role = None;
            }
        }
        let what = Happening::Promoting {
            service: service.clone(),
            node,
            plan: *plan,
            because: because.clone(),
        };
        self.record(place, what);
        Ok(Applied::Done)
    }

    pub(crate) fn demote(&mut self, place: Place, command: &Command) -> Outcome {
        let Command::Demote {
            service,
            epoch,
            plan,
            because,
        } = command
        else {
            return Err(Rejected::Unknown);
        };
        let (_, claim) = self.claimed(service, *epoch)?;
        if !claim.role.is_wished() {
            return Err(Rejected::Late(format!("the promotion of {service}")));
        }
        self.require_hands_on(service)?;
        self.begin_demotion(place, service, (*plan, because));
        Ok(Applied::Done)
    }

    fn begin_demotion(
        &mut self,
        place: Place,
        service: &ServiceName,
        (plan, because): (PlanId, &Reason),
    ) {
        let seen = self.seen.services.get(service);
        let Some(node) = seen.and_then(|seen| Some(seen.claim.as_ref()?.node.clone())) else {
            return;
        };
        self.set_role(service, RoleSeen::Demoting, (plan, because));
        if let Some(seen) = self.seen.services.get_mut(service) {
            seen.role_end = Some(because.clone());
            seen.times.begin(Measured::Demote, place.clock);
        }
        let what = Happening::Demoting {
            service: service.clone(),
            node,
            plan,
            because: because.clone(),
        };
        self.record(place, what);
    }

    /// A new wish for the role: what was told of it before proves nothing any more.
    fn set_role(&mut self, service: &ServiceName, role: RoleSeen, by: (PlanId, &Reason)) {
        self.change_claim(service, |_, claim| {
            claim.role = role;
            claim.turn = claim.turn.saturating_add(1);
            claim.plan = by.0;
            claim.because = by.1.clone();
        });
    }

    /// A plan may be older than the word that a ticket is gone; the other cluster may be
    /// promoting by now.
    fn require_ticket_of_role(&self, service: &ServiceName) -> Result<(), Rejected> {
        let spec = self.wanted(service);
        let mut tickets = spec.into_iter().flat_map(|spec| &spec.rules.tickets);
        let is_missing = |ticket: &TicketName| {
            let seen = self.seen.tickets.get(ticket);
            seen.is_none_or(|seen| seen.standing != TicketStanding::Granted)
        };
        match tickets.find(|(ticket, it)| **it == TicketLoss::Demote && is_missing(ticket)) {
            None => Ok(()),
            Some((ticket, _)) => Err(Rejected::Refused(format!("ticket {ticket} is not here"))),
        }
    }

    /// S1 and S2 for the role.
    fn require_room_for_promoted(&self, service: &ServiceName) -> Result<(), Rejected> {
        let spec = self.wanted(service);
        let roles = spec.and_then(|spec| spec.rules.roles.as_ref());
        let Some(roles) = roles else {
            return Err(Rejected::Refused(format!("{service} has no roles")));
        };
        let mut taken = 0;
        let mut first = None;
        for (name, seen) in self.seen_of(service) {
            let own = name == service;
            let claim = seen.claim.as_ref().filter(|_| !own);
            let claimed = claim.filter(|claim| self.counts_as_promoted(claim.role, &claim.node));
            let strays = seen.strays.keys();
            for node in claimed.map(|claim| &claim.node).into_iter().chain(strays) {
                taken += 1;
                first = first.or(Some((name, node)));
            }
        }
        let unproven = self.seen.nodes.iter();
        for (node, _) in unproven.filter(|(_, node)| node.may_run_anything()) {
            taken += 1;
            first = first.or(Some((service, node)));
        }
        match first {
            Some((name, node)) if roles.promoted <= taken => Err(Rejected::MayStillBePromoted {
                service: name.clone(),
                node: node.clone(),
            }),
            Some(_) | None => Ok(()),
        }
    }

    fn counts_as_promoted(&self, role: RoleSeen, node: &NodeName) -> bool {
        if plant::is(Plant::PromoteBesideDemote) && role == RoleSeen::Demoting {
            return false;
        }
        let state = self.seen.nodes.get(node).map(|node| &node.state);
        if plant::is(Plant::PromoteBesideLost) && matches!(state, Some(NodeState::Lost { .. })) {
            return false;
        }
        role.may_be_promoted()
    }

    /// What the holder of a claim tells of its role.
    pub(crate) fn note_role(&mut self, place: Place, service: &ServiceName, told: RoleTold) {
        let seen = self.seen.services.get(service);
        let Some(claim) = seen.and_then(|seen| seen.claim.as_ref()) else {
            return;
        };
        if told.turn != claim.turn {
            return;
        }
        let (node, plan) = (claim.node.clone(), claim.plan);
        let now = match (claim.role, told.standing) {
            (RoleSeen::Promoting, RoleStanding::Promoted) => RoleSeen::Promoted,
            (RoleSeen::Promoted, RoleStanding::Unpromoted | RoleStanding::Between) => {
                RoleSeen::Promoting
            }
            (RoleSeen::Demoting, RoleStanding::Unpromoted) => RoleSeen::Unpromoted,
            // It is promoted although nobody asked for it, or may be.
            (RoleSeen::Unpromoted, RoleStanding::Between | RoleStanding::Promoted) => {
                let because = Reason::FoundPromoted { node };
                return self.begin_demotion(place, service, (plan, &because));
            }
            (RoleSeen::Promoting, RoleStanding::Unpromoted | RoleStanding::Between)
            | (RoleSeen::Promoted, RoleStanding::Promoted)
            | (RoleSeen::Demoting, RoleStanding::Between | RoleStanding::Promoted)
            | (RoleSeen::Unpromoted, RoleStanding::Unpromoted) => return,
        };
        self.change_claim(service, |seen, claim| {
            claim.role = now;
            match now {
                RoleSeen::Promoted => seen.times.end(&[Measured::Promote], place.clock),
                RoleSeen::Unpromoted => seen.times.end(&[Measured::Demote], place.clock),
                RoleSeen::Promoting | RoleSeen::Demoting => {}
            }
        });
        let service = service.clone();
        match now {
            RoleSeen::Promoted => self.record(place, Happening::Promoted { service, node }),
            RoleSeen::Unpromoted => self.record(place, Happening::Demoted { service, node }),
            RoleSeen::Promoting | RoleSeen::Demoting => {}
        }
    }

    /// A claim that may have been promoted ends with proof: whoever is promoted next is told
    /// why.
    pub(crate) fn role_ends_with_claim(seen: &mut ServiceSeen, role: RoleSeen, because: &Reason) {
        if role.is_wished() {
            seen.role_end = Some(because.clone());
        }
    }

    /// Where a node was falsely confirmed off, those promoted instead of what it held are the
    /// newer ones: they are demoted.
    pub(crate) fn demote_newer(
        &mut self,
        place: Place,
        services: &[ServiceName],
        because: &Reason,
    ) {
        for service in services {
            for name in self.names_seen_of(service) {
                let seen = self.seen.services.get(&name);
                let claim = seen.and_then(|seen| seen.claim.as_ref());
                let led = claim.filter(|claim| claim.role.is_wished() && claim.goal == Goal::Run);
                if let Some(plan) = led.map(|claim| claim.plan) {
                    self.begin_demotion(place, &name, (plan, because));
                }
            }
        }
    }

    fn names_seen_of(&self, service: &ServiceName) -> Vec<ServiceName> {
        self.seen_of(service)
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Whether an order for the service means its promoted copy.
    pub(crate) fn has_roles(&self, service: &ServiceName) -> bool {
        let spec = self.spec.as_ref();
        let spec = spec.and_then(|spec| spec.services.get(service));
        spec.is_some_and(|spec| spec.rules.roles.is_some())
    }

    /// An operator wants another copy promoted: on a certain node, or anywhere else.
    pub(crate) fn order_role_move(
        &mut self,
        service: &ServiceName,
        to: Option<&NodeName>,
        by: &UserName,
    ) -> Result<(), Rejected> {
        let refused = |text: String| Err(Rejected::Refused(text));
        let copies = self.seen_of(service);
        let held: Vec<_> = copies
            .filter_map(|(name, seen)| Some((name.clone(), seen.claim.as_ref()?)))
            .filter(|(_, claim)| claim.goal == Goal::Run)
            .collect();
        let is_led = |claim: &model::seen::Claim| claim.role.is_wished();
        let mut led = held.iter().filter(|(_, claim)| is_led(claim));
        let Some((name, claim)) = led.next() else {
            return refused(format!(
                "no copy of {service} is promoted, so the role cannot move"
            ));
        };
        if led.next().is_some() {
            return refused(format!(
                "several copies of {service} are promoted; say which one moves, like {name}"
            ));
        }
        let from = claim.node.clone();
        let runs_on = |node: &NodeName| held.iter().any(|(_, claim)| claim.node == *node);
        match to {
            Some(to) if *to == from => {
                return refused(format!("{service} is promoted on {to} already"));
            }
            Some(to) if !runs_on(to) => {
                return refused(format!("no copy of {service} runs on {to}"));
            }
            None if held.iter().all(|(_, claim)| claim.node == from) => {
                return refused(format!(
                    "no copy of {service} runs elsewhere than on {from}"
                ));
            }
            Some(to) => self.may_lead_on(to).map_err(Rejected::Refused)?,
            None => {}
        }
        let name = name.clone();
        let moving = MoveRequest {
            to: to.cloned(),
            from: Some(from),
            by: by.clone(),
        };
        if let Some(seen) = self.seen.services.get_mut(&name) {
            seen.moving_role = Some(moving);
        }
        Ok(())
    }

    fn may_lead_on(&self, to: &NodeName) -> Result<(), String> {
        let node = self.node(to).map_err(|rejected| rejected.to_string())?;
        match &node.state {
            NodeState::Online { boot } => {
                let ready = self.require_ready(to, *boot);
                ready.map_err(|rejected| rejected.to_string())
            }
            other => Err(format!("{to} is {}", other.word())),
        }
    }
}

/// What was found running may be promoted, until the node has said otherwise.
pub(crate) fn role_at_grant(may_lead: bool) -> (RoleSeen, u32) {
    match may_lead {
        true => (RoleSeen::Demoting, 1),
        false => (RoleSeen::Unpromoted, 0),
    }
}
