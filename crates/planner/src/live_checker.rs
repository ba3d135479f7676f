//! The second opinion on live moves, and on what may happen beside one. Like all of the checker
//! it shares no code with the planner.

use model::command::BarNode;
use model::migration::MigrationStage;
use model::seen::{Claim, Goal, NodeState, Phase};
use model::{BootId, NodeName, Reason, ServiceName};

use crate::{Action, Input, Plan, Step};

/// What a step does about a service that moves live, or shall.
pub(crate) fn check(input: &Input<'_>, plan: &Plan, step: &Step) -> Vec<String> {
    match &step.action {
        Action::Migrate {
            service,
            node,
            epoch,
            to,
            to_boot,
        } => {
            let claim = claim(input, service).filter(|claim| claim.epoch == *epoch);
            let mut texts = check_source(input, (service, node), claim);
            texts.extend(check_target(input, (service, node), (to, *to_boot)));
            texts.extend(check_beside(input, plan, (service, step)));
            texts
        }
        Action::Revoke { service, bar, .. } => check_stop(input, (service, *bar), step),
        Action::Restart { service, .. } | Action::Reload { service, .. } => {
            let text = "restarts what may run at the other end of a live move";
            let marked = !marks(input, service).is_empty() && is_moving(input, service);
            if marked {
                vec![text.to_string()]
            } else {
                Vec::new()
            }
        }
        Action::Grant { service, .. } => {
            let text = "starts what a live move may have left somewhere";
            let moving = is_moving(input, service);
            if moving {
                vec![text.to_string()]
            } else {
                Vec::new()
            }
        }
        Action::Lose { .. }
        | Action::Fence { .. }
        | Action::Promote { .. }
        | Action::Demote { .. }
        | Action::SetAside { .. } => Vec::new(),
    }
}

fn claim<'a>(input: &Input<'a>, service: &ServiceName) -> Option<&'a Claim> {
    input.seen.services.get(service)?.claim.as_ref()
}

fn marks<'a>(input: &Input<'a>, service: &ServiceName) -> Vec<&'a NodeName> {
    let seen = input.seen.services.get(service);
    seen.map(|seen| seen.strays.keys().collect())
        .unwrap_or_default()
}

fn is_moving(input: &Input<'_>, service: &ServiceName) -> bool {
    input.seen.migrations.contains_key(service)
}

fn said(wrong: &[(bool, &str)]) -> Vec<String> {
    let wrong = wrong.iter().filter(|(is_wrong, _)| *is_wrong);
    wrong.map(|(_, text)| (*text).to_string()).collect()
}

/// The source runs the service well, is heard, and hands over by plan.
fn check_source(
    input: &Input<'_>,
    (service, node): (&ServiceName, &NodeName),
    claim: Option<&Claim>,
) -> Vec<String> {
    let Some(claim) = claim else {
        return vec!["moves live under a claim that is not the present one".to_string()];
    };
    let spec = input.spec.services.get(service);
    let can = spec.is_some_and(|spec| spec.rules.live && spec.resources.len() == 1);
    let changed = input
        .seen
        .services
        .get(service)
        .is_some_and(|seen| claim.made_from < seen.changed_in.max(seen.renewed_in));
    let heard = input.seen.nodes.get(node).is_some_and(|seen| {
        seen.state == NodeState::Online { boot: claim.boot }
            || seen.state == NodeState::Leaving { boot: claim.boot }
    });
    let runs = claim.goal == Goal::Run && claim.phase == Phase::Running;
    said(&[
        (
            claim.node != *node,
            "moves live from another node than the holder",
        ),
        (!can, "moves live what cannot"),
        (!runs, "moves live what does not run"),
        (changed, "moves live what the configuration has changed"),
        (!heard, "moves live from a node that is not heard"),
    ])
}

/// Nothing but the source may run the service when it begins to leave.
fn check_target(
    input: &Input<'_>,
    (service, node): (&ServiceName, &NodeName),
    (to, boot): (&NodeName, BootId),
) -> Vec<String> {
    let ready = input
        .seen
        .nodes
        .get(to)
        .is_some_and(|seen| seen.state == NodeState::Online { boot });
    let unknown = input.seen.nodes.values().any(|seen| {
        let boot = seen.state.boot();
        seen.state != NodeState::Down && (boot.is_none() || seen.probed != boot)
    });
    said(&[
        (to == node, "moves live to where it is"),
        (!ready, "moves live to a node that is not ready"),
        (
            !marks(input, service).is_empty(),
            "moves live what may run elsewhere",
        ),
        (is_moving(input, service), "moves live what moves already"),
        (unknown, "moves live while a node may run anything"),
    ])
}

/// A failure is no reason to move live, and nobody that is given up takes part.
fn check_beside(
    input: &Input<'_>,
    plan: &Plan,
    (service, step): (&ServiceName, &Step),
) -> Vec<String> {
    let failure = matches!(
        step.because,
        Reason::FailedTooOften { .. }
            | Reason::ResourceFailed { .. }
            | Reason::HeldAfterFailure { .. }
            | Reason::FailureOfNode { .. }
            | Reason::SpecChanged { .. }
            | Reason::Disabled
    );
    let ends: Vec<&NodeName> = match &step.action {
        Action::Migrate { node, to, .. } => vec![node, to],
        _ => Vec::new(),
    };
    let given_up = plan
        .steps
        .iter()
        .any(|step| matches!(&step.action, Action::Lose { node, .. } if ends.contains(&node)));
    let needs = input.spec.services.get(service).map(|spec| &spec.after);
    let missing = needs.into_iter().flatten().any(|needed| {
        let of = input.spec.services.get(needed);
        let single = of.is_none_or(|of| of.rules.copies.is_none());
        let runs = claim(input, needed)
            .is_some_and(|claim| claim.goal == Goal::Run && claim.phase == Phase::Running);
        single && !runs
    });
    said(&[
        (failure, "moves live after a failure"),
        (given_up, "moves live from or to a node that is given up"),
        (missing, "moves live what lacks a service that it needs"),
    ])
}

/// What has not arrived yet is stopped only when it is not wanted, or was called off.
fn check_stop(
    input: &Input<'_>,
    (service, bar): (&ServiceName, BarNode),
    step: &Step,
) -> Vec<String> {
    let on_its_way = input.seen.migrations.get(service).is_some_and(|migration| {
        matches!(
            migration.stage,
            MigrationStage::Leaving | MigrationStage::Arriving
        )
    });
    let planned = matches!(
        step.because,
        Reason::NodeStandby { .. }
            | Reason::NodeLeaving { .. }
            | Reason::Failback { .. }
            | Reason::BetterPlace { .. }
    );
    said(&[(
        on_its_way && planned && bar == BarNode::No,
        "stops for the sake of a move what moves live",
    )])
}
