//! What is observed once an arrangement was carried out with success.

use planner::arrange::{
    Action, Arrangement, FailedVerb, Found, NodeIx, NodeState, Observed, OnFail, Placed, Wanted,
};

use super::tree::rules_of;

/// Every step ended well, every fence was confirmed, and what was under way has come to its
/// end. A fenced node is off, has forgotten its failures and wishes, and returns some other
/// day. A failure whose answer lasts (stop for good, move away, empty the node, leave alone)
/// is remembered; one whose answer was a restart is not, once that was done.
pub fn advance(wanted: &Wanted, observed: &Observed, arrangement: &Arrangement) -> Observed {
    let mut next = observed.clone();
    for fence in &arrangement.fences {
        let node = &mut next.nodes[fence.node.0];
        node.state = NodeState::Offline;
        node.unclean = false;
        node.seen = true;
        node.asked_to_fence = false;
        node.shutdown = false;
    }
    let fenced = |node: NodeIx| arrangement.fences.iter().any(|fence| fence.node == node);
    next.failures.retain(|failure| !fenced(failure.node));
    next.promotion_scores.retain(|wish| !fenced(wish.node));
    let world = World {
        wanted,
        observed,
        arrangement,
    };
    next.found = arrangement
        .after
        .iter()
        .map(|placed| world.active(placed))
        .collect();
    let memories = observed.found.iter().filter(|found| !fenced(found.node));
    next.found
        .extend(memories.filter_map(|found| world.memory(found)));
    next
}

struct World<'a> {
    wanted: &'a Wanted,
    observed: &'a Observed,
    arrangement: &'a Arrangement,
}

impl World<'_> {
    /// Whether what was found and an instance in the arrangement are the same.
    fn is_same(&self, found: &Found, of: (usize, u32, NodeIx)) -> bool {
        let unique = rules_of(self.wanted, found.resource).is_some_and(|rules| rules.unique);
        found.resource.0 == of.0 && found.node == of.2 && (!unique || found.instance == Some(of.1))
    }

    fn acts_on(&self, found: &Found) -> bool {
        self.arrangement.steps.iter().any(|step| {
            self.is_same(found, (step.resource.0, step.instance, step.node))
                && step.action != Action::MigrateTo
        })
    }

    fn active(&self, placed: &Placed) -> Found {
        let of = (placed.resource.0, placed.instance, placed.node);
        let found = self.observed.found.iter();
        let old = found.into_iter().find(|found| self.is_same(found, of));
        let cloned = rules_of(self.wanted, placed.resource).is_some();
        Found {
            resource: placed.resource,
            instance: cloned.then_some(placed.instance),
            node: placed.node,
            role: Some(placed.role),
            failed: old
                .filter(|found| !self.acts_on(found))
                .and_then(|found| found.failed),
            under_way: None,
        }
    }

    /// What is remembered of something that is not active any more.
    fn memory(&self, found: &Found) -> Option<Found> {
        let stays =
            self.arrangement.after.iter().any(|placed| {
                self.is_same(found, (placed.resource.0, placed.instance, placed.node))
            });
        let failed = found.failed?;
        let lasts = matches!(failed.answer, OnFail::Stop | OnFail::Move | OnFail::Standby)
            && failed.in_what != FailedVerb::Stop;
        (!stays && lasts).then(|| Found {
            role: None,
            under_way: None,
            ..found.clone()
        })
    }
}
