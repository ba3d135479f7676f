//! The role of one service on this node: which step comes next towards it, and how it stands.
//!
//! ```text
//!   wished:      all ordinary ones run ──► promote each taker ──► start what runs only then
//!   not wished:  stop what runs only then, in reverse ──► demote each taker, in reverse
//!                a demotion that failed ──► stop from there on, and wait for a decision
//! ```

use model::operation::Verb;
use model::plant::{self, Plant};
use model::roles::{RolePart, RoleSeen, RoleStanding, RoleTold, Roles};
use model::seen::{Claim, Goal, ResourceFailure, ResourceState};
use model::{Instant, operation::Outcome};

use super::Permit;
use super::local::{Local, LocalResource};

/// Whether a resource is promoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lead {
    No,
    /// A change of it is under way or has failed, or nobody could tell.
    Perhaps,
    Yes,
}

/// A demotion that did not work: from this place on all is stopped, and what failed is told.
#[derive(Debug)]
pub(super) struct Undemoted {
    pub from: usize,
    pub failure: ResourceFailure,
}

impl LocalResource {
    pub fn with_part(mut self, roles: Option<&Roles>) -> Self {
        let part = roles.map(|roles| roles.part_of(&self.spec.name));
        self.part = part.unwrap_or_default();
        self
    }

    /// What the answer to an operation says of the role of what takes it.
    pub fn absorb_role(&mut self, verb: Verb, outcome: &Outcome) {
        if self.part != RolePart::Taker {
            return;
        }
        self.lead = match (verb, outcome) {
            (Verb::Probe, Outcome::Promoted) if plant::is(Plant::RoleForgotten) => Lead::No,
            (Verb::Probe | Verb::Start, Outcome::Promoted) => Lead::Yes,
            (Verb::Probe | Verb::Start, Outcome::Running) => Lead::No,
            (Verb::Probe | Verb::Stop | Verb::Demote, Outcome::Stopped) => Lead::No,
            (Verb::Probe, Outcome::Failed(_) | Outcome::TimedOut) => Lead::Perhaps,
            (Verb::Promote, Outcome::Running | Outcome::Promoted) => Lead::Yes,
            (Verb::Demote, Outcome::Running) => Lead::No,
            (Verb::Promote | Verb::Demote, _) => Lead::Perhaps,
            // Promoted although nobody has asked for it.
            (Verb::Status, Outcome::Promoted) if self.lead == Lead::No => Lead::Yes,
            _says_nothing => self.lead,
        };
    }

    /// Whether a question has found it an ordinary one although it was promoted.
    pub fn has_lost_role(&self, verb: Verb, outcome: &Outcome) -> bool {
        verb == Verb::Status
            && *outcome == Outcome::Running
            && self.part == RolePart::Taker
            && self.lead == Lead::Yes
            && self.state == ResourceState::Running
    }

    /// Of what is up: that it must be demoted before it is stopped.
    fn is_demoted_first(&self) -> bool {
        self.part == RolePart::Taker
            && self.state == ResourceState::Running
            && self.lead != Lead::No
    }

    /// How it is taken down.
    pub fn verb_down(&self) -> Verb {
        match self.is_demoted_first() {
            true => Verb::Demote,
            false => Verb::Stop,
        }
    }
}

impl Local {
    pub fn has_roles(&self) -> bool {
        let mut parts = self.resources.iter().map(|resource| resource.part);
        parts.any(|part| part == RolePart::Taker)
    }

    /// What the claim wishes for the role.
    pub fn take_role(&mut self, claim: &Claim) {
        self.lead_wished = claim.goal == Goal::Run && claim.role.is_wished();
    }

    /// A run of the daemon that begins does not know what the one before still had under way:
    /// what may have been promoted is asked for again, or demoted again.
    pub fn doubt_role(&mut self, claim: &Claim) {
        if !claim.role.may_be_promoted() || plant::is(Plant::RoleForgotten) {
            return;
        }
        for resource in &mut self.resources {
            let is_up = resource.state != ResourceState::Stopped;
            if is_up && resource.part == RolePart::Taker && resource.lead == Lead::No {
                resource.lead = Lead::Perhaps;
            }
        }
    }

    /// Whether what runs only where it is promoted is wanted still; of others, always.
    pub fn is_meant(&self, place: usize, permit: Permit) -> bool {
        let is_led = self.lead_wished && permit != Permit::Demote;
        is_led || self.resources[place].part != RolePart::WhilePromoted
    }

    /// How the role stands, as an answer to the wish that is known.
    pub fn told_role(&self, claim: &Claim) -> RoleTold {
        RoleTold {
            turn: claim.turn,
            standing: self.standing(),
        }
    }

    fn standing(&self) -> RoleStanding {
        if !self.has_roles() {
            return RoleStanding::Unpromoted;
        }
        let early = plant::is(Plant::DemoteToldEarly) && !self.lead_wished;
        let all_are = |part: RolePart, is: &dyn Fn(&LocalResource) -> bool| {
            let mut resources = self.resources.iter().filter(|r| r.part == part);
            resources.all(is)
        };
        let takers = |lead: Lead| all_are(RolePart::Taker, &|r| r.lead == lead);
        let rest = |is: fn(&LocalResource) -> bool| all_are(RolePart::WhilePromoted, &is);
        let is_down = |r: &LocalResource| r.state == ResourceState::Stopped;
        if (takers(Lead::No) || early) && rest(is_down) {
            RoleStanding::Unpromoted
        } else if takers(Lead::Yes)
            && all_are(RolePart::Taker, &|r| r.state == ResourceState::Running)
            && rest(LocalResource::is_up_or_ignored)
        {
            RoleStanding::Promoted
        } else {
            RoleStanding::Between
        }
    }

    /// The next step towards the role of an ordinary copy.
    pub fn next_demotion(&mut self, now: Instant) -> Option<(usize, Verb)> {
        if let Some(from) = self.undemoted.as_ref().map(|undemoted| undemoted.from) {
            return self.next_down(from, now);
        }
        let last_of = |(_, r): &(usize, &LocalResource)| {
            let is_up = r.part == RolePart::WhilePromoted && r.state != ResourceState::Stopped;
            is_up || (r.part == RolePart::Taker && r.lead != Lead::No)
        };
        let (place, _) = self.resources.iter().enumerate().rfind(last_of)?;
        let resource = &self.resources[place];
        match (resource.part, resource.state) {
            (RolePart::Taker, ResourceState::Failed) => {
                self.undemoted = resource.failure.clone().map(|failure| Undemoted {
                    from: place,
                    failure,
                });
                self.next_down(place, now)
            }
            (RolePart::Taker, ResourceState::Running) => Some((place, Verb::Demote)),
            (RolePart::Taker, _under_way) => None,
            (RolePart::WhilePromoted | RolePart::Ordinary, _) => self.next_down(place, now),
        }
    }

    /// The next step towards the promoted role, once all ordinary ones run.
    pub fn next_promotion(&self) -> Option<(usize, Verb)> {
        if !self.lead_wished || self.stop_from.is_some() || self.undemoted.is_some() {
            return None;
        }
        let is_due = |r: &LocalResource| match r.part {
            RolePart::Ordinary | RolePart::WhilePromoted => !r.is_up_or_ignored(),
            RolePart::Taker => r.state != ResourceState::Running || r.lead != Lead::Yes,
        };
        if self.resources.iter().any(LocalResource::is_missed) {
            return None;
        }
        let place = self.resources.iter().position(is_due)?;
        let resource = &self.resources[place];
        match (resource.part, resource.state) {
            (RolePart::Taker, ResourceState::Running) => Some((place, Verb::Promote)),
            (RolePart::WhilePromoted, ResourceState::Stopped) => Some((place, Verb::Start)),
            (RolePart::Ordinary | RolePart::Taker | RolePart::WhilePromoted, _) => None,
        }
    }
}

/// Whether the log shows already how the role stands.
pub(super) fn is_role_shown(claim: &Claim, told: RoleTold) -> bool {
    match (claim.role, told.standing) {
        _ if told.turn != claim.turn => false,
        (RoleSeen::Promoted, RoleStanding::Promoted)
        | (RoleSeen::Promoting, RoleStanding::Unpromoted | RoleStanding::Between)
        | (RoleSeen::Demoting, RoleStanding::Between | RoleStanding::Promoted)
        | (RoleSeen::Unpromoted, RoleStanding::Unpromoted) => true,
        (RoleSeen::Promoted, RoleStanding::Unpromoted | RoleStanding::Between)
        | (RoleSeen::Promoting, RoleStanding::Promoted)
        | (RoleSeen::Demoting, RoleStanding::Unpromoted)
        | (RoleSeen::Unpromoted, RoleStanding::Between | RoleStanding::Promoted) => false,
    }
}
