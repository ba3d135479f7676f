//! The second opinion on reloads.

use model::seen::{Goal, NodeState, Phase};

use super::{check_holder, claim_of, complain};
use crate::{Action, Input};

/// Only what is up as a whole is reloaded, where it is heard, for a change that its claim does
/// not know, and never for one that needs a restart.
pub(super) fn check(input: &Input<'_>, action: &Action) -> Vec<String> {
    let Action::Reload {
        service,
        node,
        epoch,
    } = action
    else {
        return Vec::new();
    };
    let claim = claim_of(input, service).filter(|claim| claim.epoch == *epoch);
    let texts = check_holder(service, node, claim);
    let Some((claim, seen)) = claim.zip(input.seen.services.get(service)) else {
        return texts;
    };
    let up = claim.goal == Goal::Run && claim.phase == Phase::Running;
    let heard = input.seen.nodes.get(&claim.node).is_some_and(|node| {
        [
            NodeState::Online { boot: claim.boot },
            NodeState::Leaving { boot: claim.boot },
        ]
        .contains(&node.state)
    });
    let known = claim.made_from >= seen.renewed_in;
    let greater = seen.changed_in > claim.made_from;
    let wrong = complain(&[
        (!up, "reloads what does not run"),
        (!heard, "reloads on a node that is not heard"),
        (known, "reloads for a change that is taken over already"),
        (greater, "reloads what needs a restart"),
    ]);
    texts.into_iter().chain(wrong).collect()
}
