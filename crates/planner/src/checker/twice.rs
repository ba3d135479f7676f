//! What was found on several nodes: kept, stopped altogether, or left for a person.

use std::collections::BTreeSet;

use model::rules::FoundTwice;
use model::seen::{Phase, ResourceState, Wish};

use super::{complain, described};
use crate::{Action, Input, Step};

/// Nothing starts before all of what was found has stopped, where that is asked for; and
/// nothing is done to what waits for a person, but to what has failed beside it.
pub(super) fn check(input: &Input<'_>, step: &Step) -> Vec<String> {
    let Some(name) = step.action.service() else {
        return Vec::new();
    };
    let (Some(spec), Some(seen)) = (described(input, name), input.seen.services.get(name)) else {
        return Vec::new();
    };
    let rule = spec.rules.found_twice;
    let is_stop = matches!(step.action, Action::Revoke { .. });
    let goes_on = rule == FoundTwice::StopAll && !seen.stops_all.is_empty() && !is_stop;
    let mut nodes: BTreeSet<_> = seen.strays.keys().collect();
    nodes.extend(seen.claim.as_ref().map(|claim| &claim.node));
    let is_twice = 2 <= nodes.len() && !input.seen.migrations.contains_key(name);
    let is_ordered = matches!(seen.wish, Wish::Stop { .. });
    let runs = seen.claim.as_ref().is_some_and(|claim| {
        let mut states = claim.resources.iter().map(|(_, state)| *state);
        let is_there = |state| !matches!(state, ResourceState::Stopped | ResourceState::Failed);
        !matches!(claim.phase, Phase::Failed(_)) || states.any(is_there)
    });
    let waits = rule == FoundTwice::Hold && is_twice && !is_ordered;
    complain(&[
        (
            goes_on,
            "goes on with what was found twice before all of it has stopped",
        ),
        (
            waits && (runs || !is_stop),
            "touches what runs twice and waits for a person",
        ),
    ])
}
