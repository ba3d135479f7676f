//! Safety first: who must be fenced, and by whom.

use std::collections::BTreeMap;
use std::time::Duration;

use model::plant::{self, Plant};
use model::seen::{FenceSeen, FenceStanding, Maintenance, NodeSeen, NodeState, Phase};
use model::{BootId, ClusterTime, DeviceName, NodeName, Reason, ServiceName};

use crate::view::Draft;
use crate::{Action, Input, Subject};

/// The span in which `fences_per_hour_max` counts.
const HOUR: Duration = Duration::from_secs(3600);

/// Between two tries once every member has failed: long enough not to flood a device that
/// is restarting, short against the outage that a person would need to end.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

pub(crate) fn plan_fences(draft: &mut Draft<'_>) {
    let input = draft.input;
    let failed_stops = failed_stops(input);
    for (name, node) in &input.seen.nodes {
        match &node.state {
            NodeState::Lost { boot, because } => {
                fence_lost(draft, (name, node), *boot, because);
            }
            NodeState::Online { boot } | NodeState::Leaving { boot } => {
                if let Some(service) = failed_stops.get(name) {
                    give_up_where_stop_failed(draft, (name, node), *boot, service);
                }
            }
            NodeState::Down | NodeState::Starting { .. } | NodeState::DaemonDown { .. } => {}
        }
    }
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

/// A node whose service cannot be stopped is given up only when it can then be fenced:
/// otherwise its other services would lose a node that still serves them.
fn give_up_where_stop_failed<'a>(
    draft: &mut Draft<'a>,
    (name, node): (&'a NodeName, &NodeSeen),
    boot: BootId,
    service: &ServiceName,
) {
    match executor_for(draft, (name, node), None) {
        Ok(_) => {
            draft.given_up.insert(name);
            let because = Reason::StopFailed {
                service: service.clone(),
                node: name.clone(),
            };
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

/// For each node where a stop failed, the first service of which it did. One look at all
/// services for all nodes: with many of both, one for each node is what a plan takes longest.
fn failed_stops<'a>(input: &Input<'a>) -> BTreeMap<&'a NodeName, &'a ServiceName> {
    let mut found = BTreeMap::new();
    for (service, seen) in &input.seen.services {
        if let Some(claim) = &seen.claim
            && matches!(claim.phase, Phase::StopFailed(_))
            && input.hands_off(service).is_none()
        {
            found.entry(&claim.node).or_insert(service);
        }
    }
    found
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
    let device = trusted_device(input, name);
    if let Err(because) = device
        && !can_be_outlived(input, node)
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
fn can_be_outlived(input: &Input<'_>, node: &NodeSeen) -> bool {
    let is_armed = |node: &NodeSeen| node.state == NodeState::Down || node.watchdog.is_some();
    node.watchdog.is_some() && input.seen.nodes.values().all(is_armed)
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
