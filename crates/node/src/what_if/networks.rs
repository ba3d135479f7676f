//! What lost cards and networks do to services that are reached over them.

use std::collections::{BTreeMap, BTreeSet};

use model::roles::RoleMeant;
use model::seen::Claim;
use model::{NetworkName, ServiceName};
use state::State;

use super::Fate;
use super::situation::Situation;
use crate::estimate::Estimate;
use crate::play::networks::CARD_MOVE;
use crate::play::{Play, running};

/// Whose networks count for a copy: with `Promoted` also those that it needs while it is.
fn role_of(claim: &Claim) -> RoleMeant {
    match claim.role.may_be_promoted() {
        true => RoleMeant::Promoted,
        false => RoleMeant::Any,
    }
}

/// A network of the service that has no link where it runs.
pub(super) fn dark<'a>(
    state: &State,
    situation: &'a Situation,
    (name, claim): (&ServiceName, &Claim),
) -> Option<&'a NetworkName> {
    let spec = state.spec()?.services.get(&name.service())?;
    let left = &situation.left;
    left.without_link(spec, &claim.node, role_of(claim))
}

/// What becomes of a service of which addresses go to another card.
pub(super) fn carried(
    state: &State,
    situation: &Situation,
    (name, claim): (&ServiceName, &Claim),
) -> Option<Fate> {
    let spec = state.spec()?.services.get(&name.service())?;
    let left = &situation.left;
    let card = left.other_card(spec, &claim.node, role_of(claim))?;
    Some(Fate::Carried {
        node: claim.node.clone(),
        card: card.clone(),
        outage: Estimate::of(CARD_MOVE),
    })
}

/// Cards are lost now, and services that have no other are not reached from now on.
pub(super) fn begin(play: &mut Play, situation: &Situation) {
    if situation.left.is_empty() {
        return;
    }
    for name in running(play.state.seen()) {
        let seen = play.state.seen().services.get(&name);
        let claim = seen.and_then(|seen| seen.claim.as_ref());
        if claim.is_some_and(|it| dark(&play.state, situation, (&name, it)).is_some()) {
            play.time.is_down(&name);
        }
    }
    play.lose_cards();
}

/// Services that stayed where they are not reached are down, and those that stayed where only
/// a card was lost were not reached for a moment.
pub(super) fn end(
    fates: &mut BTreeMap<ServiceName, Fate>,
    play: &Play,
    (situation, before): (&Situation, &BTreeSet<ServiceName>),
) {
    if situation.left.is_empty() {
        return;
    }
    let after = running(play.state.seen());
    for name in before.intersection(&after) {
        let seen = play.state.seen().services.get(name);
        let Some(claim) = seen.and_then(|seen| seen.claim.as_ref()) else {
            continue;
        };
        if let Some(network) = dark(&play.state, situation, (name, claim)) {
            let node = &claim.node;
            let because = format!(
                "network {network} has no usable card on {node}, and no other node may run it or is better"
            );
            fates.insert(name.clone(), Fate::Down { because });
        } else if !fates.contains_key(name)
            && let Some(fate) = carried(&play.state, situation, (name, claim))
        {
            fates.insert(name.clone(), fate);
        }
    }
}
