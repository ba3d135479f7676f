//! Safety first: who must be fenced, and by whom.

use std::collections::BTreeMap;
use std::time::Duration;

use model::plant::{self, Plant};
use model::rules::{FailureAnswer, StopFailureAnswer, TicketLoss};
use model::seen::{
    Claim, FenceSeen, FenceStanding, Goal, Maintenance, NodeSeen, NodeState, Phase,
    ResourceFailure, Standby,
};
use model::{BootId, ClusterTime, DeviceName, NodeName, Reason, ServiceName};

use crate::check_answers::check_of;
use crate::view::Draft;
use crate::{Action, Input, Subject};

/// The span in which `fences_per_hour_max` counts.
const HOUR: Duration = Duration::from_secs(3600);

/// Between two tries once every member has failed: long enough not to flood a device that
/// is restarting, short against the outage that a person would need to end.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

pub(crate) fn plan_fences(draft: &mut Draft<'_>) {
    let input = draft.input;
    let given_up = to_be_given_up(input);
    // First who is given up: it fences nobody any more.
    for (name, node) in &input.seen.nodes {
        if let NodeState::Online { boot } | NodeState::Leaving { boot } = &node.state
            && let Some(because) = given_up.get(name)
        {
            give_up(draft, (name, node), *boot, because.clone());
        }
    }
    for (name, node) in &input.seen.nodes {
        if let NodeState::Lost { boot, because } = &node.state {
            fence_lost(draft, (name, node), *boot, because);
        }
    }
    set_aside(draft);
}

fn fence_lost(
    draft: &mut Draft<'_>,
    (name, node): (&NodeName, &NodeSeen),
    boot: Option<BootId>,
    because: &Reason,
) {
    let fence = draft.input.seen.fences.get(name);
    let asked = fence.is_some_and(|fence| fence.standing == FenceStanding::Asked);
    let found = if asked {
        Err(Reason::WaitsForFence { node: name.clone() })
    } else {
        executor_for(draft, (name, node), fence)
    };
    match found {
        Ok(executor) => {
            let action = Action::Fence {
                target: name.clone(),
                boot,
                executor,
            };
            draft.step(action, because.clone());
        }
        Err(because) => draft.wait(Subject::Node(name.clone()), because),
    }
}

/// A node that is to be fenced although it is heard is given up only when it can then be
/// fenced: otherwise its other services would lose a node that still serves them.
fn give_up<'a>(
    draft: &mut Draft<'a>,
    (name, node): (&'a NodeName, &NodeSeen),
    boot: BootId,
    because: Reason,
) {
    match executor_for(draft, (name, node), None) {
        Ok(_) => {
            draft.given_up.insert(name);
            draft.step(
                Action::Lose {
                    node: name.clone(),
                    boot,
                },
                because,
            );
        }
        Err(because) => draft.wait(Subject::Node(name.clone()), because),
    }
}

/// For each node that is heard and to be fenced all the same, why: the first service that
/// could not be stopped there, that failed in a way which only this answers, or that lost its
/// ticket. One look at all services for all nodes: with many of both, one for each node is
/// what a plan takes longest.
fn to_be_given_up<'a>(input: &Input<'a>) -> BTreeMap<&'a NodeName, Reason> {
    let mut found = BTreeMap::new();
    // Most claims are in none of these cases, and looking each up in the spec is what a plan
    // would take longest.
    let has_tickets = has_tickets(input);
    for (service, seen) in &input.seen.services {
        let Some(claim) = &seen.claim else { continue };
        let has_failed = matches!(claim.phase, Phase::Failed(_) | Phase::StopFailed(_));
        if !has_failed && !has_tickets {
            continue;
        }
        if let Some(because) = why_give_up(input, service, claim)
            && input.hands_off(service).is_none()
        {
            found.entry(&claim.node).or_insert(because);
        }
    }
    found
}

fn has_tickets(input: &Input<'_>) -> bool {
    let mut services = input.spec.services.values();
    services.any(|spec| !spec.rules.tickets.is_empty())
}

fn why_give_up(input: &Input<'_>, service: &ServiceName, claim: &Claim) -> Option<Reason> {
    let node = claim.node.clone();
    let spec = input.spec.service_of(service);
    let answers_of = |failure: &ResourceFailure| {
        let answers = spec.map(|spec| spec.answers_of(&failure.resource));
        answers.unwrap_or_default()
    };
    if let Phase::StopFailed(failure) = &claim.phase
        && answers_of(failure).stop == StopFailureAnswer::Fence
    {
        return Some(Reason::StopFailed {
            service: service.clone(),
            node,
        });
    }
    if let (Phase::Failed(failure), Goal::Run) = (&claim.phase, claim.goal)
        && answers_of(failure).answer_to(failure) == FailureAnswer::Fence
        && spec.is_none_or(|spec| check_of(input, (service, spec), failure).is_none())
    {
        return Some(Reason::FailureOfNode {
            service: service.clone(),
            resource: failure.resource.clone(),
            node,
            how: failure.how.clone(),
        });
    }
    let mut missing = input.missing_tickets(spec?);
    let (ticket, _) =
        missing.find(|(_, it)| it.on_loss == TicketLoss::Fence && !it.went_in_peace)?;
    let ticket = ticket.clone();
    Some(Reason::NeedsTicket { ticket })
}

/// Sets nodes aside where something failed in a way that this answers.
fn set_aside(draft: &mut Draft<'_>) {
    let input = draft.input;
    let mut found: BTreeMap<&NodeName, Reason> = BTreeMap::new();
    for (service, seen) in &input.seen.services {
        let Some(claim) = &seen.claim else { continue };
        let (Phase::Failed(failure), Goal::Run) = (&claim.phase, claim.goal) else {
            continue;
        };
        let spec = input.spec.service_of(service);
        let answer = spec.map(|spec| spec.answer_to(failure));
        let is_check =
            || spec.is_some_and(|spec| check_of(input, (service, spec), failure).is_some());
        if answer == Some(FailureAnswer::Standby)
            && input.hands_off(service).is_none()
            && !is_check()
        {
            let because = Reason::FailureOfNode {
                service: service.clone(),
                resource: failure.resource.clone(),
                node: claim.node.clone(),
                how: failure.how.clone(),
            };
            found.entry(&claim.node).or_insert(because);
        }
    }
    for (node, because) in found {
        let seen = input.seen.nodes.get(node);
        let is_up = seen.is_some_and(|seen| {
            seen.standby == Standby::Off && matches!(seen.state, NodeState::Online { .. })
        });
        if is_up {
            draft.step(Action::SetAside { node: node.clone() }, because);
        }
    }
}

/// Who is to fence the node now, and by which means; if nobody, why.
fn executor_for(
    draft: &mut Draft<'_>,
    (name, node): (&NodeName, &NodeSeen),
    fence: Option<&FenceSeen>,
) -> Result<NodeName, Reason> {
    let input = draft.input;
    if input.seen.maintenance == Maintenance::On {
        return Err(Reason::Maintenance);
    }
    if node.maintenance == Maintenance::On {
        return Err(Reason::NodeMaintenance { node: name.clone() });
    }
    let device = trusted_device(input, name);
    if let Err(because) = device
        && !can_be_outlived(input)
    {
        return Err(because);
    }
    brake(draft, (name, node))?;
    let executors: Vec<&NodeName> = input
        .seen
        .nodes
        .iter()
        .filter(|(other, seen)| {
            *other != name
                && matches!(seen.state, NodeState::Online { .. })
                && !draft.given_up.contains(other)
        })
        .map(|(other, _)| other)
        .collect();
    if executors.is_empty() {
        let how = "no other member is online to do it".to_string();
        return Err(Reason::FenceFailed {
            node: name.clone(),
            device: None,
            how,
        });
    }
    let failed = fence.map_or(0, |fence| fence.failed) as usize;
    if executors.len() <= failed {
        pause_after_failure(draft, name, fence)?;
    }
    Ok(executors[failed % executors.len()].clone())
}

/// Whether the node has a device whose word counts; if not, why.
fn trusted_device(input: &Input<'_>, name: &NodeName) -> Result<(), Reason> {
    let node = name.clone();
    let devices = input.spec.nodes.get(name).map(|node| &node.fence);
    let Some(first) = devices.and_then(|devices| devices.first()) else {
        return Err(Reason::NoFenceDevice { node });
    };
    let trusted = |device: &DeviceName| !input.seen.distrusted.contains_key(device);
    if devices.is_some_and(|devices| devices.iter().any(trusted)) {
        return Ok(());
    }
    let device = first.clone();
    Err(Reason::NoTrustedDevice { node, device })
}

/// Whether waiting is a fence: every member that is not proven down has an armed watchdog.
fn can_be_outlived(input: &Input<'_>) -> bool {
    let is_armed = |node: &NodeSeen| node.state == NodeState::Down || node.watchdog.is_some();
    input.seen.nodes.values().all(is_armed)
}

/// L3: a node that was fenced too often lately waits for a person, or for the hour to pass.
fn brake(draft: &mut Draft<'_>, (name, node): (&NodeName, &NodeSeen)) -> Result<(), Reason> {
    let now = draft.input.now;
    let lately: Vec<ClusterTime> = node
        .fenced_at
        .iter()
        .map(|fenced| fenced.clock)
        .filter(|at| now.saturating_duration_since(*at) < HOUR)
        .collect();
    let max = draft.input.spec.cluster.fences_per_hour_max as usize;
    let max = if plant::is(Plant::FenceBrakeOff) {
        usize::MAX
    } else {
        max
    };
    if lately.len() < max {
        return Ok(());
    }
    // With a limit of zero nothing in `lately` has to pass: only a person helps.
    if let Some(oldest) = lately
        .len()
        .checked_sub(max.max(1))
        .and_then(|at| lately.get(at))
    {
        draft.again_at(*oldest + HOUR);
    }
    let times = u32::try_from(lately.len()).unwrap_or(u32::MAX);
    Err(Reason::FencedTooOften {
        node: name.clone(),
        times,
    })
}

fn pause_after_failure(
    draft: &mut Draft<'_>,
    name: &NodeName,
    fence: Option<&FenceSeen>,
) -> Result<(), Reason> {
    match fence.map(|fence| &fence.standing) {
        Some(FenceStanding::Failed {
            clock, device, how, ..
        }) if draft.input.now.saturating_duration_since(*clock) < RETRY_PAUSE => {
            draft.again_at(*clock + RETRY_PAUSE);
            let (device, how) = (device.clone(), how.clone());
            Err(Reason::FenceFailed {
                node: name.clone(),
                device,
                how,
            })
        }
        Some(FenceStanding::Failed { .. } | FenceStanding::Asked) | None => Ok(()),
    }
}
