//! What starts, where, and what it still waits for.

use std::cmp::Reverse;

use model::seen::{Goal, MoveRequest, NodeState, Phase, ServiceSeen, Wish};
use model::spec::ServiceSpec;
use model::{BootId, NodeName, Reason, ServiceName};

use crate::apart::why_not_beside;
use crate::copies::{wait_for_other_name, why_without_node};
use crate::needs::{Needs, is_stopping};
use crate::networks::{self, View};
use crate::one_by_one::why_not_yet;
use crate::placement::{Hinder, points};
use crate::services::{Decision, unwanted};
use crate::strays::adoptable;
use crate::view::{Draft, waits_for};
use crate::{Action, Input};

pub(crate) fn unclaimed<'a>(
    draft: &mut Draft<'a>,
    needs: &Needs<'a>,
    (name, seen): (&ServiceName, &ServiceSeen),
) -> Decision {
    let input = draft.input;
    let Some(spec) = input.spec.service_of(name) else {
        return stray_wait(input, (name, seen)).map_or(Decision::Nothing, Decision::Wait);
    };
    if let Some(because) = unwanted(input, name) {
        return not_wanted(input, (name, seen), because);
    }
    let adopted = adoptable(draft, (name, seen)).filter(|node| !draft.given_up.contains(node));
    if let Some(because) = obstacle(draft, (name, seen), adopted) {
        return Decision::Wait(because);
    }
    if let Some(because) = must_wait(draft, needs, (name, spec)) {
        return Decision::Wait(because);
    }
    let chosen = match adopted {
        Some(node) => {
            let boot = draft.candidate((name, spec), node);
            boot.ok().map(|boot| (node.clone(), boot))
        }
        None => best_node(draft, (name, spec), seen.moving.as_ref()),
    };
    let Some((node, boot)) = chosen else {
        for bar in seen.barred.values() {
            if let Some(ends) = bar
                .ends(spec.rules.bar_expires)
                .filter(|ends| input.now < *ends)
            {
                draft.again_at(ends);
            }
        }
        return Decision::Wait(no_node(draft, (name, spec)));
    };
    if adopted.is_none()
        && let Some(because) = why_not_yet(draft, (name, spec))
    {
        return Decision::Wait(because);
    }
    if draft.places.must_leave_first(input, (name, spec), &node) {
        return Decision::Wait(Reason::WaitsForStop { node });
    }
    if let Some(because) = why_not_beside(draft, spec, (&node, adopted.is_some())) {
        return Decision::Wait(because);
    }
    let because = match adopted {
        Some(node) => Reason::FoundRunning { node: node.clone() },
        None => why_start(seen),
    };
    match adopted {
        Some(_) => draft.load.add(&node),
        None => draft.load.place(&node),
    }
    draft.note_coming(name, &node);
    Decision::Step(
        Action::Grant {
            service: name.clone(),
            node,
            boot,
        },
        because,
    )
}

/// Stopped is what is wished: what still runs somewhere is waited for, and what keeps it stopped
/// is told where no person said so.
fn not_wanted(
    input: &Input<'_>,
    (name, seen): (&ServiceName, &ServiceSeen),
    because: Reason,
) -> Decision {
    match (stray_wait(input, (name, seen)), &because) {
        (Some(Reason::FoundElsewhere { .. }), Reason::FoundTwice { .. }) => Decision::Wait(because),
        (Some(because), _) => Decision::Wait(because),
        (None, Reason::NeedsTicket { .. } | Reason::HeldAfterFailure { .. }) => {
            Decision::Wait(because)
        }
        (None, _) => Decision::Nothing,
    }
}

/// What other services, or a ticket, keep it from starting now.
fn must_wait<'a>(
    draft: &Draft<'a>,
    needs: &Needs<'a>,
    (name, spec): (&ServiceName, &'a ServiceSpec),
) -> Option<Reason> {
    let input = draft.input;
    if let Some(because) = input.needs_ticket(spec) {
        return Some(because);
    }
    if let Some(missing) = needs.missing(draft, name) {
        return Some(missing);
    }
    let mut one_at_a_time = needs.one_at_a_time(name);
    if let Some(service) = one_at_a_time.find(|other| is_starting(draft, other)) {
        return Some(Reason::WaitsForStart {
            service: service.clone(),
        });
    }
    let mut firsts = spec.rules.after_if_both.iter();
    let first =
        firsts.find(|other| is_starting(draft, other) || starts_now(draft, needs, other))?;
    Some(Reason::WaitsForStart {
        service: first.clone(),
    })
}

/// Whether a start of the service, or of one of its copies, is under way or in this plan.
pub(crate) fn is_starting(draft: &Draft<'_>, service: &ServiceName) -> bool {
    let names = draft.input.spec.names_of(service);
    let is_claimed = names.iter().any(|name| {
        let claim = draft.input.claim(name);
        claim.is_some_and(|claim| claim.goal == Goal::Run && claim.phase == Phase::Starting)
    });
    is_claimed || draft.coming.keys().any(|(coming, _)| coming == service)
}

/// Whether this plan, or one that follows when what is under way has ended, starts the service
/// or one of its copies.
pub(crate) fn starts_now<'a>(draft: &Draft<'a>, needs: &Needs<'a>, service: &ServiceName) -> bool {
    let input = draft.input;
    let nobody = ServiceSeen::default();
    input.spec.names_of(service).iter().any(|name| {
        let seen = input.service(name).unwrap_or(&nobody);
        let Some(spec) = input.spec.service_of(name) else {
            return false;
        };
        if input.hands_off(name).is_some() || unwanted(input, name).is_some() {
            return false;
        }
        if seen.claim.is_some() {
            // It stops where it is, and starts elsewhere.
            return is_stopping(input, name) || draft.ending.contains(&**name);
        }
        let has_needed = match needs.missing(draft, name) {
            None => true,
            // Nobody waits for himself, so this ends.
            Some(Reason::WaitsForService { service }) => {
                is_starting(draft, &service) || starts_now(draft, needs, &service)
            }
            Some(Reason::WaitsForAllCopies { .. }) => true,
            Some(_) => false,
        };
        has_needed
            && obstacle(draft, (name, seen), None).is_none()
            && input.needs_ticket(spec).is_none()
            && best_node(draft, (name, spec), seen.moving.as_ref()).is_some()
    })
}

/// What must end before the service may start anywhere but on `adopted`.
pub(crate) fn obstacle(
    draft: &Draft<'_>,
    (name, seen): (&ServiceName, &ServiceSeen),
    adopted: Option<&NodeName>,
) -> Option<Reason> {
    let input = draft.input;
    if let Some(node) = draft.copies.under_other_names(input, name) {
        return Some(wait_for_other_name(input, node));
    }
    let strays = seen.strays.keys().filter(|node| Some(*node) != adopted);
    if let Some(because) = strays.map(|node| stray_reason(input, name, node)).next() {
        return Some(because);
    }
    sought(input, seen).or_else(|| input.unproven_node())
}

/// A node that has yet to tell whether a service runs there that is new in the configuration.
fn sought(input: &Input<'_>, seen: &ServiceSeen) -> Option<Reason> {
    let node = seen.sought.keys().next()?;
    let known = input.seen.nodes.get(node);
    Some(known.map_or_else(
        || Reason::WaitsForProbe { node: node.clone() },
        |known| waits_for(node, &known.state),
    ))
}

fn stray_wait(input: &Input<'_>, (name, seen): (&ServiceName, &ServiceSeen)) -> Option<Reason> {
    seen.strays
        .keys()
        .next()
        .map(|node| stray_reason(input, name, node))
}

/// What has to happen at a node where the service may run without a claim.
pub(crate) fn stray_reason(input: &Input<'_>, name: &ServiceName, node: &NodeName) -> Reason {
    let is_end = input
        .seen
        .migrations
        .get(name)
        .is_some_and(|migration| migration.peer_of(node).is_some());
    match input.seen.nodes.get(node).map(|node| &node.state) {
        Some(NodeState::Online { .. } | NodeState::Leaving { .. }) if is_end => {
            Reason::WaitsForClearing { node: node.clone() }
        }
        Some(NodeState::Online { .. } | NodeState::Leaving { .. }) | None => {
            Reason::FoundElsewhere { node: node.clone() }
        }
        Some(state) => waits_for(node, state),
    }
}

/// Why the service starts: an order, how its last claim ended, or simply that it should.
fn why_start(seen: &ServiceSeen) -> Reason {
    match (&seen.moving, &seen.last_end, &seen.wish) {
        (Some(moving), _, _) => Reason::AskedByOperator {
            user: moving.by.clone(),
        },
        // That it stopped for the sake of another says nothing about why it starts.
        (None, Some(Reason::StopsBefore { .. }), _) => Reason::ShouldRun,
        // What kept it stopped is over.
        (
            None,
            Some(
                Reason::NeedsTicket { .. }
                | Reason::HeldAfterFailure { .. }
                | Reason::TogetherWith { node: None, .. },
            ),
            _,
        ) => Reason::ShouldRun,
        (None, Some(last), _) => last.clone(),
        (None, None, Wish::Run { by }) => Reason::AskedByOperator { user: by.clone() },
        (None, None, Wish::Spec | Wish::Stop { .. }) => Reason::ShouldRun,
    }
}

/// Where the service starts: where an operator wants it, else the node with the most
/// points; of equals the one that is least busy where that counts, then the one that runs
/// least, then the first by name.
pub(crate) fn best_node(
    draft: &Draft<'_>,
    (name, spec): (&ServiceName, &ServiceSpec),
    moving: Option<&MoveRequest>,
) -> Option<(NodeName, BootId)> {
    if draft.places.are_common() {
        let target = draft.places.target(name)?;
        let boot = draft.candidate((name, spec), target).ok()?;
        return Some((target.clone(), boot));
    }
    let to = moving.and_then(|moving| moving.to.as_ref());
    let from = moving.and_then(|moving| moving.from.as_ref());
    draft
        .input
        .seen
        .nodes
        .keys()
        .filter_map(|node| Some((node, draft.candidate((name, spec), node).ok()?)))
        .min_by_key(|(node, _)| {
            let wish = (to != Some(*node), from == Some(*node));
            (
                wish,
                Reverse(networks::level(
                    draft.input,
                    (name, spec),
                    (node, View::Comes),
                )),
                Reverse(points(draft.input, spec, node)),
                draft.load.rank(node),
                *node,
            )
        })
        .map(|(node, boot)| (node.clone(), boot))
}

pub(crate) fn no_node(draft: &Draft<'_>, (name, spec): (&ServiceName, &ServiceSpec)) -> Reason {
    let input = draft.input;
    let target = draft.places.target(name);
    let why_not = |node: &NodeName| match draft.candidate((name, spec), node) {
        Err(hinder) => Some(hinder),
        Ok(_) => {
            let objection = draft.places.objection(input, (name, spec), node);
            objection.map(|because| Hinder::Unfit(because.to_string()))
        }
    };
    // Where one is meant for it, only what stands in its way there counts.
    let nodes = input
        .seen
        .nodes
        .keys()
        .filter(|node| target.is_none_or(|target| target == *node));
    let nodes = nodes.filter_map(|node| Some((node.clone(), why_not(node)?)));
    why_without_node(spec, nodes.collect())
}
