//! Services that were found running without a claim: adopted where they may run, else
//! stopped by the node that has them.

use std::cmp::Reverse;

use model::migration::{Migration, MigrationStage};
use model::seen::{Maintenance, NodeState, ServiceSeen};
use model::{NodeName, Reason, ServiceName};

use crate::copies::CopyMap;
use crate::placement::{may_run, points};
use crate::services::unwanted;
use crate::view::{Draft, waits_for};
use crate::{Input, twice};

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
    let found: Vec<(&ServiceName, &ServiceSeen)> = input
        .seen
        .services
        .iter()
        .filter(|(_, seen)| seen.strays.contains_key(node))
        .collect();
    if found.is_empty() {
        return Vec::new();
    }
    let mut draft = Draft::new(input);
    draft.place_all();
    found
        .into_iter()
        .map(|(service, seen)| {
            let verdict = stray_verdict(&draft, (service, seen), node);
            (service.clone(), verdict)
        })
        .collect()
}

fn stray_verdict(
    draft: &Draft<'_>,
    (service, seen): (&ServiceName, &ServiceSeen),
    node: &NodeName,
) -> StrayVerdict {
    let input = draft.input;
    if let Some(because) = input.hands_off(service) {
        return StrayVerdict::Leave(because);
    }
    if let Some(because) = twice::holds_stray(input, service) {
        return StrayVerdict::Leave(because);
    }
    let there = input.seen.nodes.get(node);
    if there.is_some_and(|there| there.maintenance == Maintenance::On) {
        return StrayVerdict::Leave(Reason::NodeMaintenance { node: node.clone() });
    }
    if let Some(state) = there.map(|node| &node.state) {
        match state {
            NodeState::Down
            | NodeState::Starting { .. }
            | NodeState::DaemonDown { .. }
            | NodeState::Lost { .. } => return StrayVerdict::Leave(waits_for(node, state)),
            NodeState::Online { .. } | NodeState::Leaving { .. } => {}
        }
    }
    if let Some(migration) = input.seen.migrations.get(service)
        && migration.peer_of(node).is_some()
    {
        return verdict_of_end(migration);
    }
    if let Some(because) = unwanted(input, service) {
        return StrayVerdict::Stop(because);
    }
    if seen.claim.is_none() && adoptable(draft, (service, seen)) == Some(node) {
        StrayVerdict::Adopt
    } else {
        StrayVerdict::Stop(Reason::FoundElsewhere { node: node.clone() })
    }
}

/// What the end of a migration that has no claim does with what it has.
fn verdict_of_end(migration: &Migration) -> StrayVerdict {
    let because = Reason::MovesLive {
        from: migration.from.node.clone(),
        to: migration.to.node.clone(),
    };
    match migration.stage {
        MigrationStage::Leaving | MigrationStage::Arriving => StrayVerdict::Leave(because),
        MigrationStage::Clearing | MigrationStage::CalledOff => StrayVerdict::Stop(because),
    }
}

/// Where the service was found and shall go on: where places depend on each other, only where
/// it belongs.
pub(crate) fn adoptable<'a>(
    draft: &Draft<'_>,
    (service, seen): (&ServiceName, &'a ServiceSeen),
) -> Option<&'a NodeName> {
    // Nothing of a migration is adopted: what was sent may not be whole.
    if draft.input.seen.migrations.contains_key(service) {
        return None;
    }
    let best = best_stray(draft.input, &draft.copies, (service, seen))?;
    let belongs = !draft.places.are_common() || draft.places.target(service) == Some(best);
    belongs.then_some(best)
}

/// Of the nodes where the service was found and may run, the one that it prefers.
pub(crate) fn best_stray<'a>(
    input: &Input<'_>,
    copies: &CopyMap<'_>,
    (service, seen): (&ServiceName, &'a ServiceSeen),
) -> Option<&'a NodeName> {
    if seen.strays.is_empty() {
        return None;
    }
    let spec = input.spec.service_of(service)?;
    seen.strays
        .keys()
        .filter(|name| {
            let node = input.seen.nodes.get(*name);
            let may = node
                .is_some_and(|node| may_run(input, copies, (service, spec), (name, node)).is_ok());
            may && copies.fits((service, spec), name, 0).is_ok()
        })
        .min_by_key(|name| (Reverse(points(input, spec, name)), (*name).clone()))
}
