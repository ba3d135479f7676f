//! A second opinion on plans: whether each step of a plan is allowed by S1, S2, the orders
//! between services and the places that the configuration allows.
//!
//! It is written apart from the planner and shares no code with it, so that one mistake
//! does not hide in both. It never proposes anything.

mod copies;
mod reload;
mod roles;
mod stops;
mod twice;
mod where_checks;

use std::fmt;

use model::operation::Verb;
use model::roles::{RoleMeant, RoleSeen};
use model::rules::{
    CopyCount, FailureAnswer, PlacementPolicy, ServiceRules, StopFailureAnswer, TicketLoss,
};
use model::seen::{
    Claim, FenceStanding, Goal, Maintenance, NodeSeen, NodeState, Phase, ResourceFailure, Standby,
    TicketStanding,
};
use model::spec::{Elsewhere, ServiceSpec};
use model::{BootId, NodeName, Reason, ServiceName, TicketName};

use crate::network_checks;
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
    let spec = crate::alone::spec_for(input);
    let input = &Input {
        spec: &spec,
        ..*input
    };
    let mut violations = Vec::new();
    for step in 0..plan.steps.len() {
        let texts = check_step(input, plan, step).into_iter();
        violations.extend(texts.map(|text| Violation { step, text }));
    }
    violations
}

/// What is wrong with one step of the plan.
fn check_step(input: &Input<'_>, plan: &Plan, index: usize) -> Vec<String> {
    let step = &plan.steps[index];
    let before = &plan.steps[..index];
    let mut texts = check_order(input, before, step);
    texts.extend(check_hands_off(input, step));
    texts.extend(twice::check(input, step));
    texts.extend(crate::live_checker::check(input, plan, step));
    texts.extend(copies::check_one_by_one(input, plan, step));
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
        Action::SetAside { node } => texts.extend(check_set_aside(input, node)),
        Action::Grant {
            service,
            node,
            boot,
        } => {
            texts.extend(check_copy_place(input, before, service, node));
            texts.extend(check_grant(input, plan, service, (node, *boot)));
        }
        Action::Revoke {
            service,
            node,
            epoch,
            ..
        } => {
            let claim = claim_of(input, service).filter(|claim| claim.epoch == *epoch);
            texts.extend(check_holder(service, node, claim));
            texts.extend(stops::check(input, plan, (service, &step.because)));
            texts.extend(check_leaving(input, service, node, &step.because));
        }
        Action::Migrate {
            service,
            to,
            to_boot,
            ..
        } => {
            texts.extend(check_company(input, plan, service, to));
            texts.extend(check_room(input, plan, service, to));
            texts.extend(check_grant_place(input, plan, service, (to, *to_boot)));
            texts.extend(check_held(input, service));
        }
        Action::Promote { .. } | Action::Demote { .. } => {
            texts.extend(roles::check(input, (plan, before), &step.action));
        }
        Action::Reload { .. } => texts.extend(reload::check(input, &step.action)),
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
    texts
}

fn check_grant(
    input: &Input<'_>,
    plan: &Plan,
    service: &ServiceName,
    (node, boot): (&NodeName, BootId),
) -> Vec<String> {
    let mut texts = check_company(input, plan, service, node);
    texts.extend(check_room(input, plan, service, node));
    texts.extend(check_grant_place(input, plan, service, (node, boot)));
    texts.extend(check_grant_proofs(input, service, node));
    texts.extend(check_grant_needs(input, plan, (service, node)));
    texts.extend(copies::check_all_run(input, plan, service));
    texts.extend(check_held(input, service));
    texts
}

/// What the configuration says of a service, or of the service that this is a copy of.
fn described<'a>(input: &Input<'a>, name: &ServiceName) -> Option<&'a ServiceSpec> {
    let text = name.as_str();
    let (service, number) = match text.split_once(':') {
        Some((service, number)) => (service, Some(number.parse::<u32>().ok()?)),
        None => (text, None),
    };
    let spec = input.spec.services.get(&ServiceName::new(service).ok()?)?;
    match (spec.rules.copies, number) {
        (None, None) => Some(spec),
        (None, Some(_)) | (Some(_), None) => None,
        (Some(copies), Some(number)) => {
            let count = match copies.count {
                CopyCount::Number(count) => count,
                CopyCount::EveryNode => {
                    let forbidden = |node: &NodeName| {
                        let chosen = spec.prefer.contains(node);
                        (spec.elsewhere == Elsewhere::Never && !chosen)
                            || spec.rules.never_on.contains(node)
                    };
                    let nodes = input.spec.nodes.keys().filter(|node| !forbidden(node));
                    u32::try_from(nodes.count()).ok()? * copies.per_node
                }
            };
            (number < count).then_some(spec)
        }
    }
}

/// Whether a service and a name that runs are the same, or the name is one of its copies.
fn is_of(name: &ServiceName, service: &ServiceName) -> bool {
    let of = |name: &ServiceName| {
        let text = name.as_str();
        text.split(':').next().unwrap_or(text).to_string()
    };
    of(name) == of(service)
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
        Some(name) => -i64::from(described(input, name).map_or(0, |spec| spec.priority)),
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
    let node = match &step.action {
        Action::Lose { .. } | Action::SetAside { .. } => None,
        Action::Fence { target: node, .. }
        | Action::Grant { node, .. }
        | Action::Revoke { node, .. }
        | Action::Migrate { node, .. }
        | Action::Promote { node, .. }
        | Action::Demote { node, .. }
        | Action::Reload { node, .. }
        | Action::Restart { node, .. } => input.seen.nodes.get(node),
    };
    let untouched = node.is_some_and(|node| node.maintenance == Maintenance::On);
    complain(&[
        (maintenance, "acts in maintenance"),
        (untouched, "acts on a node in maintenance"),
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
        .iter()
        .filter_map(|(name, seen)| Some((name, seen.claim.as_ref()?)))
        .any(|(name, claim)| claim.node == *node && is_worth_a_fence(input, name, claim));
    complain(&[
        (!alive, "gives up a node that does not run in that boot"),
        (!stuck, "gives up a node where nothing asks for that"),
    ])
}

/// A stop failed, or the configuration answers this failure, or the loss of a ticket, so.
fn is_worth_a_fence(input: &Input<'_>, name: &ServiceName, claim: &Claim) -> bool {
    let Some(spec) = described(input, name) else {
        return matches!(claim.phase, Phase::StopFailed(_));
    };
    let by_failure = match &claim.phase {
        Phase::StopFailed(failure) => {
            spec.answers_of(&failure.resource).stop == StopFailureAnswer::Fence
        }
        Phase::Failed(failure) => said_of(spec, failure) == FailureAnswer::Fence,
        Phase::Starting | Phase::Running | Phase::Stopping => false,
    };
    let by_ticket = spec.rules.tickets.iter().any(|(ticket, on_loss)| {
        let standing = input.seen.tickets.get(ticket).map(|seen| seen.standing);
        *on_loss == TicketLoss::Fence && matches!(standing, None | Some(TicketStanding::Revoked))
    });
    by_failure || by_ticket
}

/// What the configuration says to a failure of what started or ran.
fn said_of(spec: &ServiceSpec, failure: &ResourceFailure) -> FailureAnswer {
    let answers = spec.answers_of(&failure.resource);
    match failure.verb {
        Some(Verb::Start) => answers.start,
        Some(_) | None => answers.run,
    }
}

fn check_set_aside(input: &Input<'_>, node: &NodeName) -> Vec<String> {
    let asked = input.seen.services.iter().any(|(name, seen)| {
        let Some(claim) = seen.claim.as_ref().filter(|claim| claim.node == *node) else {
            return false;
        };
        let Phase::Failed(failure) = &claim.phase else {
            return false;
        };
        described(input, name).is_some_and(|spec| said_of(spec, failure) == FailureAnswer::Standby)
    });
    complain(&[(!asked, "sets a node aside where nothing asks for that")])
}

/// The copies of a service are so many on a node at most, and never beside the service under
/// its own name.
fn check_copy_place(
    input: &Input<'_>,
    before: &[Step],
    service: &ServiceName,
    node: &NodeName,
) -> Vec<String> {
    let Some(spec) = described(input, service) else {
        return Vec::new();
    };
    let mut here = 0;
    let mut mixed = false;
    for (name, seen) in &input.seen.services {
        if name == service || !is_of(name, service) {
            continue;
        }
        let mut places: Vec<&NodeName> = seen.strays.keys().collect();
        places.extend(seen.claim.as_ref().map(|claim| &claim.node));
        if name.as_str().contains(':') && service.as_str().contains(':') {
            here += u32::from(places.contains(&node));
        } else {
            mixed |= !places.is_empty();
        }
    }
    for earlier in before {
        if let Action::Grant {
            service: other,
            node: place,
            ..
        } = &earlier.action
        {
            here += u32::from(is_of(other, service) && place == node);
        }
    }
    let most = spec.rules.copies.map_or(1, |copies| copies.per_node);
    complain(&[
        (most <= here, "starts one copy too many on a node"),
        (mixed, "starts beside the same service under another name"),
    ])
}

/// Nothing starts beside what it must be apart from, as far as that may still run there or
/// starts there.
fn check_company(
    input: &Input<'_>,
    plan: &Plan,
    service: &ServiceName,
    node: &NodeName,
) -> Vec<String> {
    let spec = described(input, service);
    let mut all = input.spec.services.values();
    let apart = all.any(|spec| spec.rules.exclusive || !spec.rules.apart_from.is_empty());
    let Some(spec) = spec.filter(|_| apart) else {
        return Vec::new();
    };
    let is_there = |name: &ServiceName| {
        let starts = plan.steps.iter().any(|step| {
            matches!(&step.action,
                Action::Grant { service, node: place, .. } | Action::Migrate { service, to: place, .. }
                if service == name && place == node)
        });
        let found = input.seen.services.get(name);
        let found = found.is_some_and(|seen| seen.strays.contains_key(node));
        starts || found || claim_of(input, name).is_some_and(|claim| claim.node == *node)
    };
    let others = input
        .seen
        .services
        .keys()
        .filter(|other| !is_of(other, service));
    let mut texts = Vec::new();
    for other in others.filter(|other| is_there(other)) {
        let of = described(input, other);
        let names = |rules: &ServiceRules, whom: &ServiceName| {
            let mut apart = rules.apart_from.iter();
            rules.exclusive
                || apart.any(|apart| {
                    let counts = match apart.role {
                        RoleMeant::Any => true,
                        // What is granted where it was found comes as an ordinary copy.
                        RoleMeant::Promoted => {
                            whom != service && roles::may_be_promoted(input, whom, node)
                        }
                    };
                    counts && apart.points.is_none() && is_of(&apart.service, whom)
                })
        };
        if names(&spec.rules, other) || of.is_some_and(|of| names(&of.rules, service)) {
            texts.push(format!(
                "starts beside {other}, from which it must be apart"
            ));
        }
    }
    texts
}

/// All that runs, may still run or starts on a node finds room there, where room counts.
fn check_room(
    input: &Input<'_>,
    plan: &Plan,
    service: &ServiceName,
    node: &NodeName,
) -> Vec<String> {
    let uses = described(input, service).map(|spec| &spec.rules.uses);
    let counts = input.spec.cluster.rules.placement != PlacementPolicy::FewestServices;
    let Some(uses) = uses.filter(|_| counts) else {
        return Vec::new();
    };
    let claims = input
        .seen
        .services
        .iter()
        .filter(|(_, seen)| seen.claim.as_ref().is_some_and(|claim| claim.node == *node));
    let starts = plan.steps.iter().filter_map(|step| match &step.action {
        Action::Grant {
            service,
            node: place,
            ..
        }
        | Action::Migrate {
            service, to: place, ..
        } if place == node => Some(service),
        _ => None,
    });
    let there: Vec<&ServiceName> = claims.map(|(name, _)| name).chain(starts).collect();
    let capacity = input.spec.nodes.get(node).map(|node| &node.capacity);
    let mut texts = Vec::new();
    for good in uses
        .iter()
        .filter(|(_, needs)| **needs != 0)
        .map(|(good, _)| good)
    {
        let used: u64 = there
            .iter()
            .filter_map(|name| described(input, name)?.rules.uses.get(good))
            .sum();
        let room = capacity
            .and_then(|capacity| capacity.get(good))
            .copied()
            .unwrap_or(0);
        if room < used {
            texts.push(format!("leaves {node} with {used} of {room} {good}"));
        }
    }
    texts
}

/// What a failure or a missing ticket holds does not start.
fn check_held(input: &Input<'_>, service: &ServiceName) -> Vec<String> {
    let held = input
        .seen
        .services
        .get(service)
        .is_some_and(|seen| seen.held.is_some());
    let spec = described(input, service);
    let mut tickets = spec.into_iter().flat_map(|spec| &spec.rules.tickets);
    let without_ticket = tickets
        .any(|(ticket, on_loss)| *on_loss != TicketLoss::Demote && !is_granted(input, ticket));
    complain(&[
        (held, "starts what a failure holds"),
        (without_ticket, "starts without its ticket"),
    ])
}

fn is_granted(input: &Input<'_>, ticket: &TicketName) -> bool {
    let seen = input.seen.tickets.get(ticket);
    seen.is_some_and(|seen| seen.standing == TicketStanding::Granted)
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
    let Some(spec) = described(input, service) else {
        return vec!["starts a service that is not in the configuration".to_string()];
    };
    let Some(seen) = input.seen.nodes.get(node) else {
        return vec!["starts a service on a node that is no member".to_string()];
    };
    let networks = input.spec.nodes.get(node).map(|node| &node.networks);
    let mut addresses = spec.resources.iter().filter_map(|r| r.kind.address());
    let detached = addresses
        .any(|address| !networks.is_some_and(|networks| networks.contains_key(&address.network)));
    let barred = input
        .seen
        .services
        .get(service)
        .and_then(|seen| seen.barred.get(node))
        .is_some_and(|bar| {
            let age = input.now.saturating_duration_since(bar.clock);
            spec.rules.bar_expires.is_none_or(|expires| age < expires)
        });
    let outside = (spec.elsewhere == Elsewhere::Never
        && !spec.prefer.iter().any(|name| name == node))
        || spec.rules.never_on.contains(node);
    let unfit = where_checks::forbids(input, spec, (node, RoleMeant::Any));
    complain(&[
        (
            seen.state != NodeState::Online { boot },
            "starts on a node that is not ready",
        ),
        (seen.standby != Standby::Off, "starts on a node on standby"),
        (gives_up(plan, node), "starts on a node that is given up"),
        (detached, "starts where a network is missing"),
        (barred, "starts where it is barred"),
        (unfit, "starts where the rules about nodes forbid it"),
        (outside, "starts where the configuration forbids it"),
        (
            network_checks::starts_without_link(seen, service, spec),
            "starts where a network of its addresses has no link",
        ),
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
    let seen = input.seen.services.get(service);
    let untold = seen.is_some_and(|seen| !seen.sought.is_empty());
    complain(&[
        (claimed, "starts a service that a node may run already"),
        (found_elsewhere, "starts a service that was found elsewhere"),
        (unknown, "starts a service while a node may run anything"),
        (
            untold,
            "starts a new service before each node has told whether it runs there",
        ),
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

/// What it needs runs, and is not stopped by this plan: for a copy that needs copies, on its
/// own node unless it needs all of them, and where the role counts one that is promoted, wherever it is.
fn check_grant_needs(
    input: &Input<'_>,
    plan: &Plan,
    (service, node): (&ServiceName, &NodeName),
) -> Vec<String> {
    let Some(spec) = described(input, service) else {
        return Vec::new();
    };
    let runs = |needed: &ServiceName| {
        let stops = plan.steps.iter().any(
            |step| matches!(&step.action, Action::Revoke { service, .. } if service == needed),
        );
        let claim = claim_of(input, needed);
        let claim = claim.filter(|claim| claim.goal == Goal::Run && claim.phase == Phase::Running);
        claim.filter(|_| !stops)
    };
    let missing = |needed: &&ServiceName| {
        let copies = |of: &ServiceName| {
            let known = input.spec.services.get(of);
            known.is_some_and(|known| known.rules.copies.is_some())
        };
        if !copies(needed) {
            return runs(needed).is_none();
        }
        let claims = input
            .seen
            .services
            .keys()
            .filter(|name| is_of(name, needed))
            .filter_map(runs);
        let promoted = spec.rules.after_promoted.contains(*needed);
        let claims: Vec<&Claim> = claims.collect();
        // Where all copies are needed, they are wherever they are.
        let anywhere = spec.rules.copies.is_none() || spec.rules.after_all_copies.contains(*needed);
        let is_here = |claim: &&Claim| anywhere || claim.node == *node;
        let is_led = |claim: &&Claim| claim.role == RoleSeen::Promoted;
        !claims.iter().any(is_here) || (promoted && !claims.iter().any(is_led))
    };
    let alone = spec.after.iter().filter(missing);
    let alone = alone.map(|needed| format!("starts before {needed}, which it needs"));
    // Of several, of which one is enough, a copy anywhere will do.
    let none_runs = |list: &&Vec<ServiceName>| {
        let mut names = input.seen.services.keys();
        !names.any(|name| list.iter().any(|one| is_of(name, one)) && runs(name).is_some())
    };
    let of_several = spec.rules.after_one_of.iter().filter(none_runs);
    let of_several = of_several.map(|_| "starts before one of several runs".to_string());
    alone.chain(of_several).collect()
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

/// A service does not leave a node for its networks when no other is better.
fn check_leaving(
    input: &Input<'_>,
    service: &ServiceName,
    node: &NodeName,
    because: &Reason,
) -> Vec<String> {
    let for_nothing = described(input, service).is_some_and(|spec| {
        network_checks::leaves_for_nothing(input, (service, spec), node, because)
    });
    complain(&[(for_nothing, "leaves for networks that are better nowhere")])
}
