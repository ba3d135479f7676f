//! Live moves: which service that leaves its node goes without a stop.
//!
//! Only what is planned goes live: a holder that fails, or is not heard, hands nothing over.

use model::command::BarNode;
use model::migration::Migration;
use model::seen::{Claim, NodeState, Phase, ServiceSeen};
use model::spec::ServiceSpec;
use model::{BootId, NodeName, Reason, ServiceName};

use crate::apart::why_not_beside;
use crate::services::Decision;
use crate::starts::best_node;
use crate::view::Draft;
use crate::{Action, Input};

/// What a migration that is under way leaves to decide; none: all that is usual. Whether the
/// service is wanted at all is decided before.
pub(crate) fn under_way(input: &Input<'_>, name: &ServiceName, claim: &Claim) -> Option<Reason> {
    let migration = input.seen.migrations.get(name)?;
    let moves = Reason::MovesLive {
        from: migration.from.node.clone(),
        to: migration.to.node.clone(),
    };
    let has_arrived = claim.epoch != migration.epoch && claim.phase != Phase::Starting;
    if migration.goes_on() && !has_arrived {
        return Some(moves);
    }
    // What failed is mended when nothing of it can be anywhere else.
    let is_failed = matches!(claim.phase, Phase::Failed(_));
    (is_failed && has_other_end(input, name, migration)).then_some(moves)
}

fn has_other_end(input: &Input<'_>, name: &ServiceName, migration: &Migration) -> bool {
    let seen = input.service(name);
    seen.is_some_and(|seen| {
        let mut marks = seen.strays.keys();
        marks.any(|node| migration.peer_of(node).is_some())
    })
}

/// The same decision, without a stop where that can be.
pub(crate) fn go_live(
    draft: &mut Draft<'_>,
    (name, spec): (&ServiceName, &ServiceSpec),
    (seen, claim): (&ServiceSeen, &Claim),
    decision: Decision,
) -> Decision {
    let Decision::Step(
        Action::Revoke {
            bar: BarNode::No, ..
        },
        because,
    ) = &decision
    else {
        return decision;
    };
    if !spec.rules.live || !is_planned(because) {
        return decision;
    }
    // The source of the last one is being cleared; a stop would not be quicker by much.
    if let Some(migration) = draft.input.seen.migrations.get(name)
        && migration.goes_on()
    {
        return Decision::Wait(Reason::MovesLive {
            from: migration.from.node.clone(),
            to: migration.to.node.clone(),
        });
    }
    if !can_leave(draft.input, name, (seen, claim)) {
        return decision;
    }
    let Some((to, to_boot)) = target(draft, (name, spec), (seen, claim)) else {
        return decision;
    };
    draft.load.place(&to);
    let key = (name.service(), to.clone());
    *draft.coming.entry(key).or_default() += 1;
    let action = Action::Migrate {
        service: name.clone(),
        node: claim.node.clone(),
        epoch: claim.epoch,
        to,
        to_boot,
    };
    Decision::Step(action, because.clone())
}

fn is_planned(because: &Reason) -> bool {
    matches!(
        because,
        Reason::AskedByOperator { .. }
            | Reason::NodeLeaving { .. }
            | Reason::NodeStandby { .. }
            | Reason::Failback { .. }
            | Reason::BetterPlace { .. }
            | Reason::NotAllowedThere { .. }
            | Reason::TogetherWith { node: Some(_), .. }
    )
}

/// It runs as the configuration says, its holder is heard, and nothing of it is elsewhere.
fn can_leave(input: &Input<'_>, name: &ServiceName, (seen, claim): (&ServiceSeen, &Claim)) -> bool {
    let holder = input.seen.nodes.get(&claim.node).map(|node| &node.state);
    let is_heard = matches!(
        holder,
        Some(NodeState::Online { boot } | NodeState::Leaving { boot }) if *boot == claim.boot
    );
    is_heard
        && claim.phase == Phase::Running
        && seen.changed_in <= claim.made_from
        && seen.renewed_in <= claim.made_from
        && !claim.reload.is_open()
        && seen.strays.is_empty()
        && !input.seen.migrations.contains_key(name)
        && input.unproven_node().is_none()
        && input.missing_dependency(name).is_none()
}

/// Where it would start, were it stopped; none where something must make room there first.
fn target(
    draft: &Draft<'_>,
    (name, spec): (&ServiceName, &ServiceSpec),
    (seen, claim): (&ServiceSeen, &Claim),
) -> Option<(NodeName, BootId)> {
    let (to, boot) = best_node(draft, (name, spec), seen.moving.as_ref())?;
    let makes_room = draft
        .places
        .must_leave_first(draft.input, (name, spec), &to);
    let is_barred = why_not_beside(draft, spec, (&to, false)).is_some();
    (to != claim.node && !makes_room && !is_barred).then_some((to, boot))
}
