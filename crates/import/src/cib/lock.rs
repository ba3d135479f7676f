//! Resources that are kept for a node which was shut down in good order.

use std::collections::BTreeMap;

use planner::arrange::{Discovery, Location, NodeIx, NodeState, ResourceIx, Score};

use super::draft::Draft;
use super::source::{Xml, id};
use super::values;

/// Bars a resource from all nodes but the one that it is kept for.
pub(super) fn read(draft: &mut Draft<'_>, recorded: Xml<'_>, node: NodeIx) {
    let Some(resource) = draft.resources.get(id(recorded)).copied() else {
        return;
    };
    let since = recorded
        .attribute("shutdown-lock")
        .and_then(values::integer);
    let Some(since) = since.filter(|since| 0 < *since) else {
        return;
    };
    let is_away = draft.observed.nodes[node.0].state != NodeState::Online;
    if is_away && holds(draft, since) {
        keep_for(draft, resource, node);
    }
}

/// What runs on a node that is shutting down in good order is kept for it from now on:
/// neither instances of clones nor fence devices, which are of use anywhere.
pub(super) fn begin(draft: &mut Draft<'_>) {
    let mut active: BTreeMap<ResourceIx, Vec<NodeIx>> = BTreeMap::new();
    for found in draft
        .observed
        .found
        .iter()
        .filter(|found| found.role.is_some())
    {
        active.entry(found.resource).or_default().push(found.node);
    }
    for (resource, nodes) in active {
        // What is active twice must be mended first.
        let &[node] = nodes.as_slice() else { continue };
        let seen = &draft.observed.nodes[node.0];
        let leaves = seen.state == NodeState::Online && seen.shutdown && !seen.unclean;
        let since = seen.attributes.get("shutdown");
        let since = since.and_then(|since| values::integer(since)).unwrap_or(0);
        if leaves && can_be_kept(draft, resource) && holds(draft, since) {
            keep_for(draft, resource, node);
        }
    }
}

fn can_be_kept(draft: &Draft<'_>, at: ResourceIx) -> bool {
    let resource = draft.resource(at);
    let is_connection = matches!(draft.definition(at), ["ocf", _, "remote"]);
    let is_out = resource.removed || resource.settings.is_fence_device || is_connection;
    !is_out && !draft.facts[at.0].is_cloned
}

/// Whether there are such locks, and one that began then has not expired. When it began is
/// not known of a node that says 0: then it does not expire.
fn holds(draft: &Draft<'_>, since: i64) -> bool {
    let policy = &draft.wanted.policy;
    let is_over = policy.shutdown_lock_limit.is_some_and(|limit| {
        let end = since.saturating_add(i64::try_from(limit.as_secs()).unwrap_or(i64::MAX));
        0 < since && draft.now.is_some_and(|now| end <= now.0)
    });
    policy.shutdown_lock && !is_over
}

fn keep_for(draft: &mut Draft<'_>, resource: ResourceIx, node: NodeIx) {
    let others = (0..draft.wanted.nodes.len()).map(NodeIx);
    let scores = others
        .filter(|other| *other != node)
        .map(|other| (other, Score::MINUS_INFINITY))
        .collect();
    draft.wanted.locations.push(Location {
        id: "shutdown-lock".to_string(),
        resource,
        role: None,
        scores,
        discovery: Discovery::Always,
    });
}
