//! Who must be gone from a node before a copy is promoted there, and who does not come while
//! one is.
//!
//! A service that must be apart from the promoted copies of another may be where an ordinary
//! copy of it is. So a promotion waits for its stop, sees to it that it stops, and is not
//! planned where it cannot stop.

use model::command::BarNode;
use model::roles::RoleMeant;
use model::seen::{Claim, Phase, ServiceSeen};
use model::spec::ServiceSpec;
use model::{NodeName, Reason, ServiceName};

use crate::Action;
use crate::Input;
use crate::places::musts_of_any_role;
use crate::roles::RoleStep;
use crate::services::{Decision, revoke, unwanted};
use crate::view::Draft;

fn must_be_apart(spec: &ServiceSpec, service: &ServiceName) -> bool {
    let mut apart = musts_of_any_role(&spec.rules.apart_from);
    apart.any(|company| company.role == RoleMeant::Promoted && company.service == *service)
}

/// What is seen of a service under its own name, and of its copies.
pub(crate) fn seen_of<'a>(
    input: &Input<'a>,
    service: &ServiceName,
) -> impl Iterator<Item = (&'a ServiceName, &'a ServiceSeen)> {
    let seen = &input.seen.services;
    let itself = seen.get_key_value(service).into_iter();
    itself.chain(seen.range(service.copies_range()))
}

/// All that must be apart from the promoted copies of the service and is on the node, may be
/// there or is on its way there.
fn in_the_way<'a>(
    input: &Input<'a>,
    service: &ServiceName,
    node: &NodeName,
) -> Vec<(&'a ServiceName, &'a ServiceSeen)> {
    let apart = input.spec.services.iter();
    let apart = apart.filter(|(name, spec)| *name != service && must_be_apart(spec, service));
    let seen = apart.flat_map(|(name, _)| seen_of(input, name));
    let is_there = |(name, seen): &(&ServiceName, &ServiceSeen)| {
        let migration = input.seen.migrations.get(*name);
        seen.claim.as_ref().is_some_and(|claim| claim.node == *node)
            || seen.strays.contains_key(node)
            || migration.is_some_and(|migration| migration.peer_of(node).is_some())
    };
    seen.filter(is_there).collect()
}

/// Why a copy cannot be promoted there for as long as nobody intervenes: what must be apart
/// from it does not go.
pub(crate) fn held_by(input: &Input<'_>, service: &ServiceName, node: &NodeName) -> Option<String> {
    let mut all = in_the_way(input, service, node).into_iter();
    all.find_map(|(name, seen)| {
        let why = why_it_stays(input, name, seen)?;
        Some(format!(
            "{name} is there, which must be apart from the promoted copy, and stays: {why}"
        ))
    })
}

fn why_it_stays(input: &Input<'_>, name: &ServiceName, seen: &ServiceSeen) -> Option<String> {
    if let Some(because) = input.hands_off(name) {
        return Some(because.to_string());
    }
    let phase = seen.claim.as_ref().map(|claim| &claim.phase);
    if let Some(Phase::StopFailed(failure)) = phase {
        return Some(format!(
            "{} could not be stopped ({})",
            failure.resource, failure.how
        ));
    }
    // Frozen: whoever lost a ticket otherwise stops.
    let (ticket, _) = input.missing_tickets(input.spec.service_of(name)?).next()?;
    let is_frozen = unwanted(input, name).is_none();
    is_frozen.then(|| format!("it is frozen without ticket {ticket}"))
}

/// What the promotion waits for, and what must give way for it.
pub(crate) fn wait(input: &Input<'_>, service: &ServiceName, node: &NodeName) -> Option<Reason> {
    let all = in_the_way(input, service, node);
    all.first().map(|(name, _)| Reason::WaitsToBeApart {
        service: (*name).clone(),
        node: node.clone(),
    })
}

/// What runs where a promotion of the service waits for its stop gives way.
pub(crate) fn give_way(draft: &mut Draft<'_>, service: &ServiceName, node: &NodeName) {
    for (name, seen) in in_the_way(draft.input, service, node) {
        if seen.claim.as_ref().is_some_and(|claim| claim.node == *node) {
            let because = Reason::ApartFrom {
                service: service.clone(),
                node: node.clone(),
            };
            draft.ending.insert(name.clone());
            draft.giving_way.insert(name.clone(), because);
        }
    }
}

/// The decision about what runs, unless it must give way: whatever else is planned for it, it
/// stops.
pub(crate) fn or_give_way(
    draft: &Draft<'_>,
    name: &ServiceName,
    claim: &Claim,
    decision: Decision,
) -> Decision {
    match (draft.giving_way.get(name), &decision) {
        (None, _) | (_, Decision::Step(Action::Revoke { .. }, _)) => decision,
        (Some(because), _) => revoke(name, claim, because.clone(), BarNode::No),
    }
}

/// Why the service does not come to the node in this plan: a copy that it must be apart from
/// is promoted there. One that was found there is adopted first, so that it can be stopped.
pub(crate) fn why_not_beside(
    draft: &Draft<'_>,
    spec: &ServiceSpec,
    (node, is_there): (&NodeName, bool),
) -> Option<Reason> {
    let mut steps = draft.roles.iter();
    let (copy, _) = steps.find(|(copy, step)| {
        let comes = match step {
            RoleStep::Promote(_) => true,
            RoleStep::Wait(Reason::WaitsToBeApart { .. }) => !is_there,
            RoleStep::Wait(_) | RoleStep::Demote(_) => false,
        };
        let claim = draft.input.claim(copy).filter(|claim| claim.node == *node);
        comes && claim.is_some() && must_be_apart(spec, &copy.service())
    })?;
    Some(Reason::ApartFrom {
        service: copy.service(),
        node: node.clone(),
    })
}
