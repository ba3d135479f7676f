//! The second opinion on roles: nothing is promoted beside what may still be.

use model::roles::RoleSeen;
use model::seen::{Goal, NodeState, Phase};
use model::{ClaimEpoch, NodeName, ServiceName};

use super::{claim_of, complain, described, gives_up, is_of, is_unknown};
use crate::{Action, Input, Plan, Step};

/// A step that changes a role.
pub(super) fn check(input: &Input<'_>, plan: (&Plan, &[Step]), action: &Action) -> Vec<String> {
    match action {
        Action::Promote {
            service,
            node,
            epoch,
        } => check_promote(input, plan, (service, node, *epoch)),
        Action::Demote {
            service,
            node,
            epoch,
        } => check_demote(input, (service, node, *epoch)),
        Action::Lose { .. }
        | Action::Fence { .. }
        | Action::SetAside { .. }
        | Action::Grant { .. }
        | Action::Revoke { .. }
        | Action::Migrate { .. }
        | Action::Reload { .. }
        | Action::Restart { .. } => Vec::new(),
    }
}

/// A promotion is of something that runs on a node that is there, and leaves as many promoted
/// as are wanted at most, when all that may be is counted.
fn check_promote(
    input: &Input<'_>,
    (plan, before): (&Plan, &[Step]),
    (service, node, epoch): (&ServiceName, &NodeName, ClaimEpoch),
) -> Vec<String> {
    let Some(roles) = described(input, service).and_then(|spec| spec.rules.roles.as_ref()) else {
        return vec!["promotes what has no roles".to_string()];
    };
    let claim = claim_of(input, service).filter(|claim| claim.epoch == epoch);
    let Some(claim) = claim.filter(|claim| claim.node == *node) else {
        return vec!["promotes under a claim that is not the present one".to_string()];
    };
    let online = input
        .seen
        .nodes
        .get(node)
        .is_some_and(|seen| seen.state == NodeState::Online { boot: claim.boot });
    let runs = claim.goal == Goal::Run && claim.phase == Phase::Running;
    let led = matches!(claim.role, RoleSeen::Promoting | RoleSeen::Promoted);
    let mut count = 0;
    for (name, seen) in &input.seen.services {
        if name == service || !is_of(name, service) {
            continue;
        }
        let claimed = seen.claim.as_ref();
        count += u32::from(claimed.is_some_and(|claim| claim.role != RoleSeen::Unpromoted));
        count += u32::try_from(seen.strays.len()).unwrap_or(u32::MAX);
    }
    let own = input.seen.services.get(service);
    count += own.map_or(0, |seen| {
        u32::try_from(seen.strays.len()).unwrap_or(u32::MAX)
    });
    let unknown = input.seen.nodes.values().filter(|node| is_unknown(node));
    count += u32::try_from(unknown.count()).unwrap_or(u32::MAX);
    for earlier in before {
        if let Action::Promote { service: other, .. } = &earlier.action {
            count += u32::from(is_of(other, service));
        }
    }
    complain(&[
        (!online, "promotes on a node that is not ready"),
        (gives_up(plan, node), "promotes on a node that is given up"),
        (!runs, "promotes what does not run"),
        (led, "promotes what is promoted"),
        (
            roles.promoted <= count,
            "promotes beside what may still be promoted",
        ),
    ])
}

/// A demotion is of what shall be promoted.
fn check_demote(
    input: &Input<'_>,
    (service, node, epoch): (&ServiceName, &NodeName, ClaimEpoch),
) -> Vec<String> {
    let claim = claim_of(input, service).filter(|claim| claim.epoch == epoch);
    let led = claim.is_some_and(|claim| {
        claim.node == *node && matches!(claim.role, RoleSeen::Promoting | RoleSeen::Promoted)
    });
    complain(&[(!led, "demotes what shall not be promoted")])
}
