//! The next step of each service, on its own.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use model::command::BarNode;
use model::plant::{self, Plant};
use model::rules::{StopFailureAnswer, TicketLoss};
use model::seen::{
    Claim, Goal, NodeState, Phase, ResourceFailure, RestartRequest, ServiceSeen, Wish,
};
use model::spec::{Autostart, ServiceSpec};
use model::{Reason, ServiceName};

use crate::apart::or_give_way;
use crate::live::{go_live, under_way};
use crate::mend::answer;
use crate::moves::{arranged_elsewhere, carry_out_move, fail_back, leave_bad_networks, must_go};
use crate::needs::Needs;
use crate::one_by_one;
use crate::reload::renew;
use crate::roles::{self, role_step};
use crate::starts::unclaimed;
use crate::view::{Draft, MissingTicket, waits_for};
use crate::{Action, Input, Subject, twice};

pub(crate) fn plan_services(draft: &mut Draft<'_>) {
    let input = draft.input;
    let needs = Needs::of(draft);
    let with_copies = |spec: &ServiceSpec| spec.rules.copies.is_some();
    let services = input.spec.services.iter();
    let (copied, plain): (Vec<_>, Vec<_>) = services.partition(|(_, spec)| with_copies(spec));
    let copies: Vec<_> = copied
        .iter()
        .flat_map(|(name, _)| input.spec.names_of(name))
        .collect();
    let names: BTreeSet<&ServiceName> = plain
        .into_iter()
        .map(|(name, _)| name)
        .chain(copies.iter().map(AsRef::as_ref))
        .chain(input.seen.services.keys())
        .collect();
    let mut ordered: Vec<&ServiceName> = names.into_iter().collect();
    // A stable sort: services of one priority stay in the order of their names, copies in
    // that of their numbers.
    ordered.sort_by_cached_key(|name| {
        let priority = input.spec.service_of(name).map_or(0, |spec| spec.priority);
        Reverse(priority)
    });
    if ordered.iter().any(|name| name.copy().is_some()) {
        sort_copies_by_number(&mut ordered);
    }
    roles::decide(draft);
    let mut decided: BTreeMap<&ServiceName, Decision> = BTreeMap::new();
    for name in ordered.iter().copied() {
        if let Some(because) = input.hands_off(name) {
            decided.insert(name, Decision::Wait(because));
        } else if let Some((seen, claim)) = holder(input, name) {
            let decision = claimed(draft, &needs, (name, seen), claim);
            match &decision {
                Decision::Step(Action::Revoke { .. }, _) => {
                    draft.ending.insert(name.clone());
                }
                Decision::Step(Action::Restart { .. }, _) if name.copy().is_some() => {
                    draft.begun.insert(name.clone());
                }
                Decision::Step(..) | Decision::Wait(_) | Decision::Nothing => {}
            }
            decided.insert(name, decision);
        }
    }
    one_by_one::hold_back(draft, &needs, &mut decided);
    stop_in_order(draft, &needs, &mut decided);
    // What starts is decided last: it must not start after something that stops meanwhile.
    let nobody = ServiceSeen::default();
    for name in ordered {
        let seen = input.service(name).unwrap_or(&nobody);
        let decision = match decided.remove(name) {
            Some(decision) => decision,
            None => unclaimed(draft, &needs, (name, seen)),
        };
        match decision {
            Decision::Nothing => {}
            Decision::Wait(because) => draft.wait(Subject::Service(name.clone()), because),
            Decision::Step(action, because) => draft.step(action, because),
        }
    }
}

/// Of services that stop at one time, for whatever reason, those that are after others stop
/// before them: a file system is not taken away below what uses it.
fn stop_in_order<'a>(
    draft: &Draft<'a>,
    needs: &Needs<'a>,
    decided: &mut BTreeMap<&ServiceName, Decision>,
) {
    let revoked: BTreeSet<ServiceName> = decided
        .iter()
        .filter(|(_, decision)| matches!(decision, Decision::Step(Action::Revoke { .. }, _)))
        .map(|(name, _)| (*name).clone())
        .collect();
    for name in &revoked {
        let first = needs.stopping_dependents(draft, name, &revoked);
        let mut claims = first.iter().filter_map(|first| draft.input.claim(first));
        if let Some(claim) = claims.next() {
            let node = claim.node.clone();
            if let Some(decision) = decided.get_mut(name) {
                *decision = Decision::Wait(Reason::WaitsForStop { node });
            }
        }
    }
}

/// Ten follows nine, and not one.
fn sort_copies_by_number(ordered: &mut [&ServiceName]) {
    let runs = ordered.chunk_by_mut(|a, b| {
        a.copy().is_some() && b.copy().is_some() && a.service_str() == b.service_str()
    });
    for run in runs {
        run.sort_by_key(|name| name.copy());
    }
}

fn holder<'a>(input: &Input<'a>, name: &ServiceName) -> Option<(&'a ServiceSeen, &'a Claim)> {
    let seen = input.service(name)?;
    let claim = seen.claim.as_ref();
    let counts = |claim: &&Claim| claim.goal == Goal::Run || !plant::is(Plant::StartBesideStop);
    claim.filter(counts).map(|claim| (seen, claim))
}

pub(crate) enum Decision {
    /// All is as it should be, or on its way.
    Nothing,
    Wait(Reason),
    Step(Action, Reason),
}

/// Why the service should not run, if so.
pub(crate) fn unwanted(input: &Input<'_>, name: &ServiceName) -> Option<Reason> {
    let Some(spec) = input.spec.service_of(name) else {
        return Some(Reason::SpecChanged {
            version: input.spec_version,
        });
    };
    let seen = input.service(name);
    let wish = seen.map_or(&Wish::Spec, |seen| &seen.wish);
    match (wish, spec.autostart) {
        (Wish::Stop { by }, _) => return Some(Reason::AskedByOperator { user: by.clone() }),
        (Wish::Spec, Autostart::No) => return Some(Reason::Disabled),
        (Wish::Run { .. }, Autostart::Yes | Autostart::No) | (Wish::Spec, Autostart::Yes) => {}
    }
    if let Some(held) = seen.and_then(|seen| seen.held.as_ref()) {
        return Some(held.because.clone());
    }
    if let Some(because) = twice::stops(input, name) {
        return Some(because);
    }
    // What a loss freezes stops all the same when the ticket is given away in peace.
    let is_frozen = |it: MissingTicket| it.on_loss == TicketLoss::Freeze && !it.went_in_peace;
    let mut missing = input.missing_tickets(spec);
    let (ticket, _) = missing.find(|(_, missing)| !is_frozen(*missing))?;
    let ticket = ticket.clone();
    Some(Reason::NeedsTicket { ticket })
}

fn claimed<'a>(
    draft: &mut Draft<'a>,
    needs: &Needs<'a>,
    (name, seen): (&ServiceName, &ServiceSeen),
    claim: &Claim,
) -> Decision {
    let input = draft.input;
    match waits_for_holder(draft, (name, claim)) {
        // On its way to what is wished.
        Some(Reason::WaitsForStop { .. }) if unwanted(input, name).is_some() => {
            return Decision::Nothing;
        }
        Some(because) => return Decision::Wait(because),
        None => {}
    }
    if let Some(because) = needs.must_stop.get(name) {
        return stop_after_dependents(draft, needs, (name, claim), because);
    }
    let Some(spec) = input.spec.service_of(name) else {
        return Decision::Nothing;
    };
    if let Some(because) = under_way(input, name, claim) {
        return Decision::Wait(because);
    }
    let decision = settled(draft, (name, spec), (seen, claim));
    let decision = or_give_way(draft, name, claim, decision);
    go_live(draft, (name, spec), (seen, claim), decision)
}

/// The next step of a service that its holder runs, or tries to.
fn settled(
    draft: &mut Draft<'_>,
    (name, spec): (&ServiceName, &ServiceSpec),
    (seen, claim): (&ServiceSeen, &Claim),
) -> Decision {
    let input = draft.input;
    if let Some(because) = input.needs_ticket(spec) {
        // Frozen: all else that a missing ticket means was decided before.
        return Decision::Wait(because);
    }
    if let Some(because) = must_go(input, (name, spec), (seen, claim)) {
        return revoke(name, claim, because, BarNode::No);
    }
    let turn = one_by_one::turn(input, (name, spec), (seen, claim));
    if let Some(asked) = seen.restart.as_ref().filter(|_| turn.is_none()) {
        return restart_as_asked(name, claim, asked);
    }
    let is_changed = claim.made_from < seen.changed_in;
    if let Some(decision) = renew(name, (seen, claim)).filter(|_| !is_changed) {
        return decision;
    }
    if let Some(moving) = seen.moving.as_ref().filter(|_| turn.is_none()) {
        return carry_out_move(draft, (name, spec), claim, moving);
    }
    if let Some(decision) = arranged_elsewhere(draft, (name, spec), claim) {
        return decision;
    }
    if !draft.places.are_common()
        && let Some(decision) = leave_bad_networks(draft, (name, spec), claim)
    {
        return decision;
    }
    if let Some(decision) = role_step(draft, name, claim) {
        return decision;
    }
    if let Some(because) = turn {
        return Decision::Wait(because);
    }
    match &claim.phase {
        Phase::Failed(failure) => answer(draft, (name, spec), claim, failure),
        Phase::Running if draft.places.are_common() => Decision::Nothing,
        Phase::Running => fail_back(draft, (name, spec), claim),
        Phase::Starting | Phase::Stopping | Phase::StopFailed(_) => Decision::Nothing,
    }
}

/// A restart that a person ordered, when its turn has come.
fn restart_as_asked(name: &ServiceName, claim: &Claim, asked: &RestartRequest) -> Decision {
    if claim.phase == Phase::Starting {
        return Decision::Nothing;
    }
    let action = Action::Restart {
        service: name.clone(),
        node: claim.node.clone(),
        epoch: claim.epoch,
        scope: asked.scope,
    };
    let user = asked.by.clone();
    Decision::Step(action, Reason::AskedByOperator { user })
}

/// What has to happen at the holder before anything can be asked of it.
fn waits_for_holder(draft: &Draft<'_>, (name, claim): (&ServiceName, &Claim)) -> Option<Reason> {
    let node = claim.node.clone();
    let state = draft.input.seen.nodes.get(&node).map(|node| &node.state);
    let stop_failed = matches!(claim.phase, Phase::StopFailed(_));
    let spec = draft.input.spec.service_of(name);
    let blocks = |failure: &ResourceFailure| {
        let answers = spec.map(|spec| spec.answers_of(&failure.resource));
        answers.unwrap_or_default().stop == StopFailureAnswer::Block
    };
    if let Phase::StopFailed(failure) = &claim.phase
        && blocks(failure)
        && matches!(
            state,
            Some(NodeState::Online { .. } | NodeState::Leaving { .. })
        )
    {
        return Some(Reason::HeldAfterFailure {
            resource: failure.resource.clone(),
            node,
            how: failure.how.clone(),
        });
    }
    match state {
        Some(NodeState::Online { .. } | NodeState::Leaving { .. }) => {
            if stop_failed || draft.given_up.contains(&node) {
                Some(Reason::WaitsForFence { node })
            } else if claim.goal == Goal::Stop {
                Some(Reason::WaitsForStop { node })
            } else {
                None
            }
        }
        Some(state) => Some(waits_for(&node, state)),
        None => Some(Reason::WaitsForFence { node }),
    }
}

fn stop_after_dependents<'a>(
    draft: &Draft<'a>,
    needs: &Needs<'a>,
    (name, claim): (&ServiceName, &Claim),
    because: &Reason,
) -> Decision {
    let input = draft.input;
    let mut first = needs.running_dependents(draft, name);
    first.extend(needs.followers_that_stop(input, name));
    match first.iter().find_map(|dependent| input.claim(dependent)) {
        Some(first) => Decision::Wait(Reason::WaitsForStop {
            node: first.node.clone(),
        }),
        None => revoke(name, claim, because.clone(), BarNode::No),
    }
}

pub(crate) fn revoke(name: &ServiceName, claim: &Claim, because: Reason, bar: BarNode) -> Decision {
    let action = Action::Revoke {
        service: name.clone(),
        node: claim.node.clone(),
        epoch: claim.epoch,
        bar,
    };
    Decision::Step(action, because)
}
