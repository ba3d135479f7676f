//! Resources that are kept for a node which was shut down in good order.

use planner::arrange::{Discovery, Location, NodeIx, NodeState, Score};

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
    let policy = &draft.wanted.policy;
    let is_over = policy.shutdown_lock_limit.is_some_and(|limit| {
        let end = since.saturating_add(i64::try_from(limit.as_secs()).unwrap_or(i64::MAX));
        draft.now.is_some_and(|now| end <= now.0)
    });
    let is_away = draft.observed.nodes[node.0].state != NodeState::Online;
    if !policy.shutdown_lock || is_over || !is_away {
        return;
    }
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
