//! Services that were found running without a claim: adopted where they may run, else
//! stopped by the node that has them.

use model::seen::{NodeState, ServiceSeen};
use model::{NodeName, Reason, ServiceName};

use crate::Input;
use crate::placement::{may_run, preference};
use crate::services::unwanted;
use crate::view::waits_for;

/// What becomes of a stray.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StrayVerdict {
    /// It is left running: a grant for this node will come as soon as it may.
    Adopt,
    /// The node stops it and reports `StrayStopped`.
    Stop(Reason),
    /// It is left as it is for now.
    Leave(Reason),
}

/// What the node shall do about each stray on it.
#[must_use]
pub fn strays(input: &Input<'_>, node: &NodeName) -> Vec<(ServiceName, StrayVerdict)> {
    input
        .seen
        .services
        .iter()
        .filter(|(_, seen)| seen.strays.contains_key(node))
        .map(|(service, seen)| (service.clone(), stray_verdict(input, (service, seen), node)))
        .collect()
}

pub(crate) fn stray_verdict(
    input: &Input<'_>,
    (service, seen): (&ServiceName, &ServiceSeen),
    node: &NodeName,
) -> StrayVerdict {
    if let Some(because) = input.hands_off(service) {
        return StrayVerdict::Leave(because);
    }
    if let Some(state) = input.seen.nodes.get(node).map(|node| &node.state) {
        match state {
            NodeState::Down
            | NodeState::Starting { .. }
            | NodeState::DaemonDown { .. }
            | NodeState::Lost { .. } => return StrayVerdict::Leave(waits_for(node, state)),
            NodeState::Online { .. } | NodeState::Leaving { .. } => {}
        }
    }
    if let Some(because) = unwanted(input, service) {
        return StrayVerdict::Stop(because);
    }
    if seen.claim.is_none() && best_stray(input, (service, seen)) == Some(node) {
        StrayVerdict::Adopt
    } else {
        StrayVerdict::Stop(Reason::FoundElsewhere { node: node.clone() })
    }
}

/// Of the nodes where the service was found and may run, the one that it prefers.
pub(crate) fn best_stray<'a>(
    input: &Input<'_>,
    (service, seen): (&ServiceName, &'a ServiceSeen),
) -> Option<&'a NodeName> {
    let spec = input.spec.services.get(service)?;
    seen.strays
        .keys()
        .filter(|name| {
            let node = input.seen.nodes.get(*name);
            node.is_some_and(|node| may_run(input, (service, spec), (name, node)).is_ok())
        })
        .min_by_key(|name| (u64::MAX - preference(spec, name), (*name).clone()))
}
