//! A second opinion on plans: whether each step of a plan is allowed by S1, S2, the orders
//! between services and the places that the configuration allows.
//!
//! It is written apart from the planner and shares no code with it, so that one mistake
//! does not hide in both. It never proposes anything.

use std::fmt;

use model::seen::{Claim, FenceStanding, Goal, Maintenance, NodeSeen, NodeState, Phase, Standby};
use model::spec::{Elsewhere, ResourceKind};
use model::{BootId, NodeName, Reason, ServiceName};

use crate::{Action, Input, Plan, Step};

/// A step that must not be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which step of the plan, from 0.
    pub step: usize,
    /// What is wrong with it.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}: {}", self.step, self.text)
    }
}

/// Every violation in the plan; none in a plan that may be carried out.
#[must_use]
pub fn check(input: &Input<'_>, plan: &Plan) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (index, step) in plan.steps.iter().enumerate() {
        let before = &plan.steps[..index];
        let mut texts = check_order(input, before, step);
        texts.extend(check_hands_off(input, step));
        match &step.action {
            Action::Lose { node, boot } => texts.extend(check_lose(input, node, *boot)),
            Action::Fence {
                target,
                boot,
                executor,
            } => {
                texts.extend(check_fence(input, plan, (target, *boot), executor));
                texts.extend(check_means(input, target));
            }
            Action::Grant {
                service,
                node,
                boot,
            } => {
                texts.extend(check_grant_place(input, plan, service, (node, *boot)));
                texts.extend(check_grant_proofs(input, service, node));
                texts.extend(check_grant_needs(input, plan, service));
            }
            Action::Revoke {
                service,
                node,
                epoch,
                ..
            } => {
                let claim = claim_of(input, service).filter(|claim| claim.epoch == *epoch);
                texts.extend(check_holder(service, node, claim));
                texts.extend(check_stop_order(input, service, &step.because));
            }
            Action::Restart {
                service,
                node,
                epoch,
                ..
            } => {
                let claim = claim_of(input, service).filter(|claim| claim.epoch == *epoch);
                texts.extend(check_holder(service, node, claim));
            }
        }
        violations.extend(
            texts
                .into_iter()
                .map(|text| Violation { step: index, text }),
        );
    }
    violations
}

fn claim_of<'a>(input: &Input<'a>, service: &ServiceName) -> Option<&'a Claim> {
    input.seen.services.get(service)?.claim.as_ref()
}

fn complain(wrong: &[(bool, &str)]) -> Vec<String> {
    wrong
        .iter()
        .filter(|(is_wrong, _)| *is_wrong)
        .map(|(_, text)| (*text).to_string())
        .collect()
}

/// Fences come first, then higher priorities; nothing is touched twice.
fn check_order(input: &Input<'_>, before: &[Step], step: &Step) -> Vec<String> {
    let rank = |step: &Step| match step.action.service() {
        None => i64::MIN,
        Some(name) => -i64::from(
            input
                .spec
                .services
                .get(name)
                .map_or(0, |spec| spec.priority),
        ),
    };
    let late = before.iter().any(|earlier| rank(step) < rank(earlier));
    let twice =
        before.iter().any(
            |earlier| match (earlier.action.service(), step.action.service()) {
                (Some(one), Some(other)) => one == other,
                (None, _) | (_, None) => earlier.action == step.action,
            },
        );
    complain(&[
        (late, "comes after something less urgent"),
        (twice, "touches the same twice"),
    ])
}

fn check_hands_off(input: &Input<'_>, step: &Step) -> Vec<String> {
    let maintenance = input.seen.maintenance == Maintenance::On;
    let service = step
        .action
        .service()
        .and_then(|name| input.seen.services.get(name));
    let frozen = service.is_some_and(|seen| seen.frozen == Maintenance::On);
    complain(&[
        (maintenance, "acts in maintenance"),
        (frozen, "touches a frozen service"),
    ])
}

fn check_lose(input: &Input<'_>, node: &NodeName, boot: BootId) -> Vec<String> {
    let alive = input
        .seen
        .nodes
        .get(node)
        .is_some_and(|seen| match &seen.state {
            NodeState::Online { boot: present } | NodeState::Leaving { boot: present } => {
                *present == boot
            }
            NodeState::Down
            | NodeState::Starting { .. }
            | NodeState::DaemonDown { .. }
            | NodeState::Lost { .. } => false,
        });
    let stuck = input
        .seen
        .services
        .values()
        .filter_map(|seen| seen.claim.as_ref())
        .any(|claim| claim.node == *node && matches!(claim.phase, Phase::StopFailed(_)));
    complain(&[
        (!alive, "gives up a node that does not run in that boot"),
        (!stuck, "gives up a node where every stop worked"),
    ])
}

fn check_fence(
    input: &Input<'_>,
    plan: &Plan,
    (target, boot): (&NodeName, Option<BootId>),
    executor: &NodeName,
) -> Vec<String> {
    let lost = input.seen.nodes.get(target).is_some_and(
        |seen| matches!(&seen.state, NodeState::Lost { boot: lost, .. } if *lost == boot),
    );
    let able = input
        .seen
        .nodes
        .get(executor)
        .is_some_and(|seen| matches!(seen.state, NodeState::Online { .. }));
    let under_way = input
        .seen
        .fences
        .get(target)
        .is_some_and(|fence| fence.standing == FenceStanding::Asked);
    complain(&[
        (!lost, "fences a node that is not lost in that boot"),
        (
            !able || executor == target,
            "is carried out by a node that cannot",
        ),
        (
            gives_up(plan, executor),
            "is carried out by a node that is given up",
        ),
        (under_way, "asks again for a fence that is under way"),
    ])
}

/// A device must be one that is believed; without one, a watchdog one that certainly bites.
fn check_means(input: &Input<'_>, target: &NodeName) -> Vec<String> {
    let node = input.spec.nodes.get(target);
    let devices = node.map_or(&[][..], |node| &node.fence);
    let believed = devices
        .iter()
        .any(|device| !input.seen.distrusted.contains_key(device));
    let unarmed = input.seen.nodes.values().any(|node| match node.state {
        NodeState::Down => false,
        NodeState::Starting { .. }
        | NodeState::Online { .. }
        | NodeState::DaemonDown { .. }
        | NodeState::Lost { .. }
        | NodeState::Leaving { .. } => node.watchdog.is_none(),
    });
    complain(&[(
        !believed && unarmed,
        "fences a node that no trusted device and no watchdog can end",
    )])
}

fn gives_up(plan: &Plan, node: &NodeName) -> bool {
    plan.steps
        .iter()
        .any(|step| matches!(&step.action, Action::Lose { node: lost, .. } if lost == node))
}

/// The node can run services, and the configuration and its bars let it run this one.
fn check_grant_place(
    input: &Input<'_>,
    plan: &Plan,
    service: &ServiceName,
    (node, boot): (&NodeName, BootId),
) -> Vec<String> {
    let Some(spec) = input.spec.services.get(service) else {
        return vec!["starts a service that is not in the configuration".to_string()];
    };
    let Some(seen) = input.seen.nodes.get(node) else {
        return vec!["starts a service on a node that is no member".to_string()];
    };
    let networks = input.spec.nodes.get(node).map(|node| &node.networks);
    let detached = spec.resources.iter().any(|resource| match &resource.kind {
        ResourceKind::Address(address) => {
            !networks.is_some_and(|networks| networks.contains_key(&address.network))
        }
        ResourceKind::Process(_) | ResourceKind::Command(_) | ResourceKind::Mount(_) => false,
    });
    let barred = input
        .seen
        .services
        .get(service)
        .is_some_and(|seen| seen.barred.contains_key(node));
    let outside =
        spec.elsewhere == Elsewhere::Never && !spec.prefer.iter().any(|name| name == node);
    complain(&[
        (
            seen.state != NodeState::Online { boot },
            "starts on a node that is not ready",
        ),
        (seen.standby != Standby::Off, "starts on a node on standby"),
        (gives_up(plan, node), "starts on a node that is given up"),
        (detached, "starts where a network is missing"),
        (barred, "starts where it is barred"),
        (outside, "starts where the configuration forbids it"),
        (
            networks.is_none(),
            "starts on a node that is not in the configuration",
        ),
    ])
}

/// S1 and S2: nothing else may run the service.
fn check_grant_proofs(input: &Input<'_>, service: &ServiceName, node: &NodeName) -> Vec<String> {
    let claimed = claim_of(input, service).is_some();
    let found_elsewhere = input
        .seen
        .services
        .get(service)
        .is_some_and(|seen| seen.strays.keys().any(|place| place != node));
    let unknown = input.seen.nodes.values().any(is_unknown);
    complain(&[
        (claimed, "starts a service that a node may run already"),
        (found_elsewhere, "starts a service that was found elsewhere"),
        (unknown, "starts a service while a node may run anything"),
    ])
}

/// Nobody has heard from this boot of the node what runs there.
fn is_unknown(node: &NodeSeen) -> bool {
    let boot = match &node.state {
        NodeState::Down => return false,
        NodeState::Starting { boot }
        | NodeState::Online { boot }
        | NodeState::DaemonDown { boot }
        | NodeState::Leaving { boot } => Some(*boot),
        NodeState::Lost { boot, .. } => *boot,
    };
    boot.is_none() || node.probed != boot
}

/// What it needs runs.
fn check_grant_needs(input: &Input<'_>, plan: &Plan, service: &ServiceName) -> Vec<String> {
    let Some(spec) = input.spec.services.get(service) else {
        return Vec::new();
    };
    let missing = |needed: &&ServiceName| match claim_of(input, needed) {
        Some(claim) => {
            let stops = plan.steps.iter().any(
                |step| matches!(&step.action, Action::Revoke { service, .. } if service == *needed),
            );
            stops || claim.goal != Goal::Run || claim.phase != Phase::Running
        }
        None => true,
    };
    spec.after
        .iter()
        .filter(missing)
        .map(|needed| format!("starts before {needed}, which it needs"))
        .collect()
}

fn check_holder(service: &ServiceName, node: &NodeName, claim: Option<&Claim>) -> Vec<String> {
    let Some(claim) = claim else {
        return vec![format!(
            "speaks of a claim on {service} that is not the present one"
        )];
    };
    complain(&[
        (
            claim.node != *node,
            "speaks of another node than the holder",
        ),
        (
            claim.goal == Goal::Stop,
            "asks again for what is being stopped",
        ),
        (
            matches!(claim.phase, Phase::StopFailed(_)),
            "asks a node that could not stop it",
        ),
    ])
}

/// A service that an operator or the configuration stops goes after those that need it.
fn check_stop_order(input: &Input<'_>, service: &ServiceName, because: &Reason) -> Vec<String> {
    let orderly = matches!(because, Reason::Disabled | Reason::StopsBefore { .. });
    let needed = input
        .spec
        .services
        .iter()
        .any(|(name, spec)| spec.after.contains(service) && claim_of(input, name).is_some());
    complain(&[(
        orderly && needed,
        "stops a service that a running one needs",
    )])
}
