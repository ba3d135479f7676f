//! What starts while copies of a service start: who needs all of them waits, and so does the next
//! copy where they start one by one.

use model::rules::CopiesStart;
use model::seen::{Goal, Maintenance, NodeState, Phase, Wish};
use model::spec::Autostart;
use model::{Reason, ServiceName};

use super::{claim_of, complain, described, is_of};
use crate::{Action, Input, Plan, Step};

/// Where copies start one by one, none starts beside another, and none that runs is taken down
/// for a change or an order while another is down and comes up.
pub(super) fn check_one_by_one(input: &Input<'_>, plan: &Plan, step: &Step) -> Vec<String> {
    let Some(service) = step.action.service() else {
        return Vec::new();
    };
    let copies = described(input, service).and_then(|spec| spec.rules.copies);
    if copies.is_none_or(|copies| copies.start != CopiesStart::OneByOne) {
        return Vec::new();
    }
    let starts = match &step.action {
        Action::Grant { service, node, .. } => !was_found(input, service, node),
        Action::Restart { .. } => true,
        _ => false,
    };
    let is_taken_down = is_taken_down(input, step);
    let siblings = input.seen.services.keys();
    let siblings = siblings.filter(|name| *name != service && is_of(name, service));
    let beside = |counts: &dyn Fn(&ServiceName) -> bool| {
        let mut siblings = siblings.clone();
        siblings.any(|name| described(input, name).is_some() && counts(name))
    };
    let begins = |name: &ServiceName| {
        plan.steps.iter().any(|step| match &step.action {
            Action::Grant { service, node, .. } => {
                service == name && !was_found(input, service, node)
            }
            Action::Restart { service, .. } => service == name,
            _ => false,
        })
    };
    let ends = |name: &ServiceName| {
        let mut steps = plan.steps.iter();
        steps.any(|step| matches!(&step.action, Action::Revoke { service, .. } if service == name))
    };
    let is_down = |name: &ServiceName| {
        is_wanted(input, name)
            && (is_starting(input, name) || is_stopping(input, name) || begins(name) || ends(name))
    };
    complain(&[
        (
            starts && beside(&|name| begins(name) || is_starting(input, name)),
            "starts a copy beside another, and they start one by one",
        ),
        (
            is_taken_down && beside(&is_down),
            "takes down a copy while another is down, and they restart one by one",
        ),
        (
            is_taken_down && beside(&|name| has_failed_since(input, name, step)),
            "takes down a copy for a change with which another has failed",
        ),
    ])
}

/// Whether a copy is down, although it should run, since it failed with a later configuration than
/// that which this step ends, and nobody ordered the step.
fn has_failed_since(input: &Input<'_>, copy: &ServiceName, step: &Step) -> bool {
    let own = step.action.service().and_then(|own| {
        let seen = input.seen.services.get(own)?;
        let is_ordered = seen.restart.is_some();
        seen.claim.as_ref().filter(|_| !is_ordered)
    });
    let (Some(seen), Some(own)) = (input.seen.services.get(copy), own) else {
        return false;
    };
    let is_wanted = match &seen.held {
        Some(_) => !matches!(seen.wish, Wish::Stop { .. }),
        None => is_wanted(input, copy),
    };
    let bars = seen.barred.values().chain(&seen.held);
    let mut versions = bars.map(|bar| bar.made_from);
    let has_failed = versions.any(|version| own.made_from < version);
    let is_touched = seen.frozen == Maintenance::Off && input.seen.maintenance == Maintenance::Off;
    is_wanted && is_touched && has_failed && seen.claim.is_none()
}

/// Whether it was there before, without a claim.
fn was_found(input: &Input<'_>, service: &ServiceName, node: &model::NodeName) -> bool {
    let seen = input.seen.services.get(service);
    seen.is_some_and(|seen| seen.strays.contains_key(node))
}

/// Whether what runs well is stopped for a change of its resources, or restarted by order.
fn is_taken_down(input: &Input<'_>, step: &Step) -> bool {
    let Some(service) = step.action.service() else {
        return false;
    };
    let Some((seen, claim)) = input
        .seen
        .services
        .get(service)
        .and_then(|seen| Some((seen, seen.claim.as_ref()?)))
    else {
        return false;
    };
    let runs = claim.goal == Goal::Run && claim.phase == Phase::Running;
    let is_meant = match &step.action {
        Action::Restart { .. } => true,
        Action::Revoke { .. } => {
            let version = seen.changed_in;
            claim.made_from < version && step.because == Reason::SpecChanged { version }
        }
        _ => false,
    };
    runs && is_meant
}

/// Whether its node is at work on its end.
fn is_stopping(input: &Input<'_>, copy: &ServiceName) -> bool {
    let claim = claim_of(input, copy).filter(|claim| claim.goal == Goal::Stop);
    claim.is_some_and(|claim| {
        let holder = input.seen.nodes.get(&claim.node).map(|node| &node.state);
        claim.phase == Phase::Stopping && matches!(holder, Some(NodeState::Online { .. }))
    })
}

/// Nothing starts beside a copy that starts, or stops to start elsewhere, if it needs all copies.
pub(super) fn check_all_run(input: &Input<'_>, plan: &Plan, service: &ServiceName) -> Vec<String> {
    let spec = described(input, service);
    let needed = spec
        .into_iter()
        .flat_map(|spec| &spec.rules.after_all_copies);
    let mut texts = Vec::new();
    for needed in needed {
        let names = input
            .seen
            .services
            .keys()
            .filter(|name| is_of(name, needed));
        for copy in names {
            let starts = is_begun(plan, copy) || is_starting(input, copy);
            if starts && is_wanted(input, copy) {
                texts.push(format!("starts before {copy} runs, and needs all copies"));
            }
        }
    }
    texts
}

/// Whether this plan starts it, or has it start again.
fn is_begun(plan: &Plan, copy: &ServiceName) -> bool {
    plan.steps.iter().any(|step| {
        matches!(&step.action,
            Action::Grant { service, .. } | Action::Restart { service, .. } if service == copy)
    })
}

/// Whether its node is at work on it.
fn is_starting(input: &Input<'_>, copy: &ServiceName) -> bool {
    let Some(claim) = claim_of(input, copy) else {
        return false;
    };
    let holder = input.seen.nodes.get(&claim.node).map(|node| &node.state);
    let works = matches!(
        holder,
        Some(NodeState::Online { .. } | NodeState::Leaving { .. })
    );
    works && claim.goal == Goal::Run && claim.phase == Phase::Starting
}

/// Whether nobody and nothing keeps it stopped.
fn is_wanted(input: &Input<'_>, copy: &ServiceName) -> bool {
    let (Some(spec), Some(seen)) = (described(input, copy), input.seen.services.get(copy)) else {
        return false;
    };
    let is_asked = match &seen.wish {
        Wish::Run { .. } => true,
        Wish::Stop { .. } => false,
        Wish::Spec => spec.autostart == Autostart::Yes,
    };
    let tickets = spec.rules.tickets.is_empty();
    is_asked && seen.held.is_none() && tickets
}
