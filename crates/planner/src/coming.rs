//! Which copies of a service are on their way up: they should run, do not, and will by themselves.
//!
//! Who needs all copies waits for those, and where copies start one by one the next one does.
//! A copy that a person must look at, that nobody may touch or that has no place is not on its
//! way, and nobody waits for it.

use model::rules::FailureAnswer;
use model::seen::{Claim, Goal, NodeState, Phase, ResourceFailure, ServiceSeen};
use model::spec::ServiceSpec;
use model::{Reason, ServiceName};

use crate::Input;
use crate::check_answers::check_of;
use crate::needs::Needs;
use crate::services::unwanted;
use crate::starts::{best_node, is_starting, no_node, obstacle, starts_now};
use crate::strays::adoptable;
use crate::view::Draft;

/// How one copy stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Up,
    /// A start or a restart is under way or due, or a stop after which it starts elsewhere.
    Coming,
    /// Nobody has it; whether it starts depends on whether it has a place.
    Free,
    /// It is not to run, or nothing happens to it until somebody intervenes.
    Out,
}

/// How it stands by its claim.
pub(crate) fn way(input: &Input<'_>, name: &ServiceName) -> Way {
    let Some((spec, seen)) = input.spec.service_of(name).zip(input.service(name)) else {
        return Way::Out;
    };
    let is_left_alone = input.hands_off(name).is_some();
    let is_unwanted = unwanted(input, name).is_some();
    let Some(claim) = &seen.claim else {
        return match is_left_alone || is_unwanted {
            true => Way::Out,
            false => Way::Free,
        };
    };
    let comes = match (claim.goal, &claim.phase) {
        (Goal::Run, Phase::Running) => return Way::Up,
        (_, Phase::StopFailed(_)) => false,
        (Goal::Run, Phase::Starting) => true,
        (Goal::Run, Phase::Failed(failure)) => {
            !is_left_alone && comes_again(input, (name, spec), (seen, failure))
        }
        (Goal::Run, Phase::Stopping) | (Goal::Stop, _) => !is_left_alone,
    };
    match comes && !is_unwanted && is_there(input, claim) {
        true => Way::Coming,
        false => Way::Out,
    }
}

/// Whether its node can be asked anything, or will soon be.
pub(crate) fn is_there(input: &Input<'_>, claim: &Claim) -> bool {
    let holder = input.seen.nodes.get(&claim.node).map(|node| &node.state);
    matches!(
        holder,
        Some(NodeState::Online { .. } | NodeState::Leaving { .. } | NodeState::DaemonDown { .. })
    )
}

/// Whether what has failed is restarted where it is, or elsewhere, without a person.
fn comes_again(
    input: &Input<'_>,
    (name, spec): (&ServiceName, &ServiceSpec),
    (seen, failure): (&ServiceSeen, &ResourceFailure),
) -> bool {
    // An order to move it may wait for a node for as long as the order stands.
    if seen.moving.is_some() {
        return false;
    }
    if check_of(input, (name, spec), failure).is_some() {
        return true;
    }
    match spec.answer_to(failure) {
        FailureAnswer::Restart | FailureAnswer::Demote | FailureAnswer::Move => true,
        FailureAnswer::Stop
        | FailureAnswer::Block
        | FailureAnswer::Fence
        | FailureAnswer::Standby
        | FailureAnswer::Ignore => false,
    }
}

/// The first copy of the service that is on its way up: who needs all copies waits for it.
pub(crate) fn awaited<'a>(
    draft: &Draft<'a>,
    needs: &Needs<'a>,
    service: &ServiceName,
) -> Option<ServiceName> {
    let mut names = draft.input.spec.names_of(service).into_iter();
    let found = names.find(|name| match way(draft.input, name) {
        _ if draft.begun.contains(&**name) => true,
        Way::Up => draft.ending.contains(&**name) && unwanted(draft.input, name).is_none(),
        Way::Coming => true,
        Way::Free => has_place(draft, needs, name),
        Way::Out => false,
    });
    found.map(std::borrow::Cow::into_owned)
}

/// Whether this plan starts a copy that nobody has, or one that follows when what is under way
/// has ended.
pub(crate) fn has_place<'a>(draft: &Draft<'a>, needs: &Needs<'a>, name: &ServiceName) -> bool {
    let input = draft.input;
    let (Some(spec), Some(seen)) = (input.spec.service_of(name), input.service(name)) else {
        return false;
    };
    let needed_comes = |because: Option<Reason>| match because {
        None => true,
        // Nobody waits for himself, so this ends.
        Some(Reason::WaitsForService { service }) => {
            is_starting(draft, &service) || starts_now(draft, needs, &service)
        }
        Some(Reason::WaitsForCopy { service, .. }) => awaited(draft, needs, &service).is_some(),
        Some(Reason::WaitsForAllCopies { .. }) => true,
        Some(_) => false,
    };
    if input.needs_ticket(spec).is_some() || !needed_comes(needs.missing(draft, name)) {
        return false;
    }
    if adoptable(draft, (name, seen)).is_some() {
        return true;
    }
    if obstacle(draft, (name, seen), None).is_some() {
        return false;
    }
    match best_node(draft, (name, spec), seen.moving.as_ref()) {
        Some(_) => true,
        None => match no_node(draft, (name, spec)) {
            because @ Reason::WaitsForCopy { .. } => needed_comes(Some(because)),
            _nowhere => false,
        },
    }
}

impl Input<'_> {
    /// The first copy that is on its way up by its claim, for whoever has no plan in the making.
    pub(crate) fn coming_copy(&self, service: &ServiceName) -> Option<ServiceName> {
        let mut names = self.spec.names_of(service).into_iter();
        let found = names.find(|name| way(self, name) == Way::Coming);
        found.map(std::borrow::Cow::into_owned)
    }
}
