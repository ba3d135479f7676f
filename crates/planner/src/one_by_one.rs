//! Copies that start one by one: no copy starts while another one does, and a change of the
//! configuration or a restart by order goes from one to the next, so that one is down at a time.
//!
//! A change goes no further when a copy has failed for good with it.
//!
//! What is down already, or must leave its node anyway, waits for no turn to stop. Those that
//! are promoted come last, so that the role moves once.

use std::collections::BTreeMap;

use model::seen::{Claim, Goal, NodeState, Phase, ServiceSeen, Standby};
use model::spec::ServiceSpec;
use model::{Reason, ServiceName};

use crate::coming::{Way, has_place, is_there, way};
use crate::needs::Needs;
use crate::services::{Decision, unwanted};
use crate::view::Draft;
use crate::{Action, Input};

/// The copies of the same service, but for this one.
fn others<'a>(
    input: &Input<'a>,
    name: &ServiceName,
) -> impl Iterator<Item = (&'a ServiceName, &'a ServiceSeen)> {
    let seen = &input.seen.services;
    let service = name.service();
    let copies = seen.range(service.copies_range());
    let own = name.clone();
    copies.filter(move |(other, _)| **other != own && input.spec.service_of(other).is_some())
}

/// Why a copy that nobody has, or that failed, does not start now.
pub(crate) fn why_not_yet(
    draft: &Draft<'_>,
    (name, spec): (&ServiceName, &ServiceSpec),
) -> Option<Reason> {
    let input = draft.input;
    if !spec.rules.starts_one_by_one() {
        return None;
    }
    let is_free = input.claim(name).is_none();
    let (first, _) = others(input, name).find(|(other, seen)| {
        let claim = seen.claim.as_ref();
        // What failed and is mended comes before what nobody has.
        let is_mended = || is_free && is_failed(claim) && way(input, other) == Way::Coming;
        draft.begun.contains(*other) || is_starting(input, claim) || is_mended()
    })?;
    let service = first.clone();
    Some(Reason::WaitsForStart { service })
}

fn is_starting(input: &Input<'_>, claim: Option<&Claim>) -> bool {
    claim.is_some_and(|claim| {
        claim.goal == Goal::Run && claim.phase == Phase::Starting && is_there(input, claim)
    })
}

fn is_failed(claim: Option<&Claim>) -> bool {
    claim.is_some_and(|claim| claim.goal == Goal::Run && matches!(claim.phase, Phase::Failed(_)))
}

fn is_up(claim: &Claim) -> bool {
    claim.goal == Goal::Run && claim.phase == Phase::Running
}

/// Whether it runs, nothing but a change or an order asks for its restart, and the restart can be
/// carried out.
fn is_due(input: &Input<'_>, name: &ServiceName, seen: &ServiceSeen) -> bool {
    let Some(claim) = seen.claim.as_ref().filter(|claim| is_up(claim)) else {
        return false;
    };
    let is_asked = claim.made_from < seen.changed_in || seen.restart.is_some();
    is_asked && is_settled(input, name, claim) && !leaves(input, claim)
}

/// Whether it is wanted, and somebody may and can act on it.
fn is_settled(input: &Input<'_>, name: &ServiceName, claim: &Claim) -> bool {
    let holder = input.seen.nodes.get(&claim.node).map(|node| &node.state);
    let is_heard = matches!(
        holder,
        Some(NodeState::Online { .. } | NodeState::Leaving { .. })
    );
    let spec = input.spec.service_of(name);
    is_heard
        && input.hands_off(name).is_none()
        && unwanted(input, name).is_none()
        && spec.is_some_and(|spec| input.needs_ticket(spec).is_none())
}

/// Whether its node is being emptied.
fn leaves(input: &Input<'_>, claim: &Claim) -> bool {
    input.seen.nodes.get(&claim.node).is_some_and(|node| {
        matches!(node.state, NodeState::Leaving { .. }) || node.standby != Standby::Off
    })
}

/// Which copy goes before this one, which is to restart and runs, as far as claims tell.
pub(crate) fn turn(
    input: &Input<'_>,
    (name, spec): (&ServiceName, &ServiceSpec),
    (seen, claim): (&ServiceSeen, &Claim),
) -> Option<Reason> {
    if !spec.rules.starts_one_by_one() || !is_due(input, name, seen) {
        return None;
    }
    let own = (claim.role.may_be_promoted(), name.copy());
    let first = others(input, name).find(|(other, seen)| {
        let Some(claim) = &seen.claim else {
            return false;
        };
        let goes_first = (claim.role.may_be_promoted(), other.copy()) < own;
        match way(input, other) {
            Way::Coming => true,
            Way::Up if leaves(input, claim) => is_settled(input, other, claim),
            Way::Up => goes_first && is_due(input, other, seen),
            Way::Free | Way::Out => false,
        }
    });
    if let Some((first, _)) = first {
        let copy = first.clone();
        return Some(Reason::RestartsAfter { copy });
    }
    // Who orders a restart has said that it shall go on.
    if seen.restart.is_some() {
        return None;
    }
    let has_failed = |(name, seen): &(&ServiceName, &ServiceSeen)| {
        has_failed_since(input, (name, seen), claim.made_from)
    };
    let (failed, _) = others(input, name).find(has_failed)?;
    let copy = failed.clone();
    Some(Reason::KeptFromChange { copy })
}

/// Whether it is down and waits for a person, since it failed with a later configuration.
fn has_failed_since(
    input: &Input<'_>,
    (name, seen): (&ServiceName, &ServiceSeen),
    made_from: u64,
) -> bool {
    let is_down = matches!(way(input, name), Way::Free | Way::Out);
    let of_hold = |because: &Reason| seen.held.as_ref().map(|held| &held.because) == Some(because);
    let is_wanted = unwanted(input, name).as_ref().is_none_or(of_hold);
    let claim = seen.claim.as_ref().filter(|claim| is_failed(Some(claim)));
    let bars = seen.barred.values().chain(&seen.held);
    let mut failed = bars
        .map(|bar| bar.made_from)
        .chain(claim.map(|claim| claim.made_from));
    is_down
        && is_wanted
        && input.hands_off(name).is_none()
        && failed.any(|failed_with| made_from < failed_with)
}

/// Takes back what would start a copy beside another one, or take one down while another is.
pub(crate) fn hold_back<'a>(
    draft: &mut Draft<'a>,
    needs: &Needs<'a>,
    decided: &mut BTreeMap<&ServiceName, Decision>,
) {
    let input = draft.input;
    let mut in_line: Vec<&ServiceName> = decided
        .iter()
        .filter(|(name, decision)| is_in_line(input, name, decision))
        .map(|(name, _)| *name)
        .collect();
    in_line.sort_by_key(|name| (name.service_str(), name.copy()));
    for name in &in_line {
        draft.begun.remove(*name);
    }
    // What is down starts first; what runs goes down when nothing else does.
    let runs = |name: &ServiceName| input.claim(name).is_some_and(is_up);
    let (up, down): (Vec<_>, Vec<_>) = in_line.into_iter().partition(|name| runs(name));
    for name in down.into_iter().chain(up) {
        let because = match runs(name) {
            false => input
                .spec
                .service_of(name)
                .and_then(|spec| why_not_yet(draft, (name, spec))),
            true => why_stay_up(draft, needs, name),
        };
        let decision = decided.get_mut(name).expect("it is in line");
        if let Some(because) = because {
            draft.ending.remove(name);
            *decision = Decision::Wait(because);
        } else if matches!(decision, Decision::Step(Action::Restart { .. }, _)) {
            draft.begun.insert(name.clone());
        }
    }
}

/// Whether it is a restart, or a stop for a change, of a copy that waits for its turn.
fn is_in_line(input: &Input<'_>, name: &ServiceName, decision: &Decision) -> bool {
    let Some((spec, seen)) = input.spec.service_of(name).zip(input.service(name)) else {
        return false;
    };
    let is_change = || {
        let claim = seen.claim.as_ref();
        let had_turn = claim.is_some_and(|claim| {
            claim.made_from < seen.changed_in
                && is_due(input, name, seen)
                && turn(input, (name, spec), (seen, claim)).is_none()
        });
        name.copy().is_some() && had_turn
    };
    let is_meant = match decision {
        Decision::Step(Action::Restart { .. }, _) => true,
        Decision::Step(Action::Revoke { .. }, Reason::SpecChanged { .. }) => is_change(),
        Decision::Step(..) | Decision::Wait(_) | Decision::Nothing => false,
    };
    is_meant && spec.rules.starts_one_by_one()
}

/// Which copy is down, or goes down in this plan, beside this one.
fn why_stay_up<'a>(draft: &Draft<'a>, needs: &Needs<'a>, name: &ServiceName) -> Option<Reason> {
    // What must make room for a role does so at once.
    if draft.giving_way.contains_key(name) {
        return None;
    }
    let input = draft.input;
    let (first, _) = others(input, name).find(|(other, _)| {
        let ends = draft.ending.contains(*other) && unwanted(input, other).is_none();
        let starts = draft.begun.contains(*other);
        ends || starts || (way(input, other) == Way::Free && has_place(draft, needs, other))
    })?;
    let copy = first.clone();
    Some(Reason::RestartsAfter { copy })
}
