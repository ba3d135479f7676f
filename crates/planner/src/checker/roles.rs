//! The second opinion on roles: nothing is promoted beside what may still be.

use model::roles::{RoleMeant, RoleSeen};
use model::rules::TicketLoss;
use model::seen::{Goal, NodeState, Phase};
use model::{ClaimEpoch, NodeName, ServiceName};

use super::where_checks::forbids;
use super::{claim_of, complain, described, gives_up, is_granted, is_of, is_unknown};
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
    let spec = described(input, service);
    let Some(roles) = spec.and_then(|spec| spec.rules.roles.as_ref()) else {
        return vec!["promotes what has no roles".to_string()];
    };
    let mut tickets = spec.iter().flat_map(|spec| &spec.rules.tickets);
    let lacks_ticket = tickets
        .any(|(ticket, on_loss)| *on_loss == TicketLoss::Demote && !is_granted(input, ticket));
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
            // One that is on its way back from being demoted has been counted.
            let claim = claim_of(input, other);
            let is_new = claim.is_none_or(|claim| claim.role == RoleSeen::Unpromoted);
            count += u32::from(is_new && is_of(other, service));
        }
    }
    let unfit = spec.is_some_and(|spec| forbids(input, spec, (node, RoleMeant::Promoted)));
    let beside = beside(input, plan, (service, node));
    complain(&[
        (
            beside,
            "promotes beside what must be apart from what is promoted",
        ),
        (!online, "promotes on a node that is not ready"),
        (unfit, "promotes where the rules about nodes forbid it"),
        (gives_up(plan, node), "promotes on a node that is given up"),
        (!runs, "promotes what does not run"),
        (led, "promotes what is promoted"),
        (lacks_ticket, "promotes without its ticket"),
        (
            roles.promoted <= count,
            "promotes beside what may still be promoted",
        ),
    ])
}

/// Whether the copy may be promoted on the node now, also one that was found there.
pub(super) fn may_be_promoted(input: &Input<'_>, copy: &ServiceName, node: &NodeName) -> bool {
    let seen = input.seen.services.get(copy);
    let has_roles = described(input, copy).is_some_and(|spec| spec.rules.roles.is_some());
    seen.is_some_and(|seen| {
        let claim = seen.claim.as_ref().filter(|claim| claim.node == *node);
        let found = has_roles && seen.strays.contains_key(node);
        found || claim.is_some_and(|claim| claim.role != RoleSeen::Unpromoted)
    })
}

/// Whether anything that must be apart from a promoted copy is on the node, may be there, is on
/// its way there, or comes there by this plan.
fn beside(input: &Input<'_>, plan: &Plan, (service, node): (&ServiceName, &NodeName)) -> bool {
    let is_kept_apart = |name: &ServiceName| {
        let rules = described(input, name).map(|spec| &spec.rules);
        let mut apart = rules.into_iter().flat_map(|rules| &rules.apart_from);
        !is_of(name, service)
            && apart.any(|company| {
                let must = company.points.is_none() && company.role == RoleMeant::Promoted;
                must && is_of(service, &company.service)
            })
    };
    let there = input.seen.services.iter().any(|(name, seen)| {
        let claimed = seen.claim.as_ref().map(|claim| &claim.node);
        let moves = input.seen.migrations.get(name);
        let ends = moves.map(|moves| [&moves.from.node, &moves.to.node]);
        let mut all = claimed
            .into_iter()
            .chain(seen.strays.keys())
            .chain(ends.into_iter().flatten());
        all.any(|place| place == node) && is_kept_apart(name)
    });
    let comes = plan.steps.iter().any(|step| match &step.action {
        Action::Grant {
            service: name,
            node: place,
            ..
        }
        | Action::Migrate {
            service: name,
            to: place,
            ..
        } => place == node && is_kept_apart(name),
        Action::Lose { .. }
        | Action::Fence { .. }
        | Action::SetAside { .. }
        | Action::Revoke { .. }
        | Action::Promote { .. }
        | Action::Demote { .. }
        | Action::Reload { .. }
        | Action::Restart { .. } => false,
    });
    there || comes
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
