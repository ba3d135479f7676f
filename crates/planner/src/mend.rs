//! What becomes of a service of which a resource failed: a restart in place, at once or
//! after a pause, or the end of its stay on this node.

use std::time::Duration;

use model::command::BarNode;
use model::rules::FailureAnswer;
use model::seen::{Claim, Failure, ResourceFailure, RestartScope};
use model::spec::ServiceSpec;
use model::{ClusterTime, Reason, ResourceName, ServiceName};

use crate::check_answers;
use crate::services::{Decision, revoke};
use crate::view::Draft;
use crate::{Action, Input};

/// Before the second restart in place; the first one waits for nothing. Long enough for a
/// port, a lock or a peer to come free, short against what a client forgives.
const PAUSE_FIRST: Duration = Duration::from_millis(500);

/// Pauses double up to this: what is still broken after it needs a person, and whoever
/// mends the cause should not wait much longer for the service.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// What the spec says is done about this failure.
pub(crate) fn answer(
    draft: &mut Draft<'_>,
    (name, spec): (&ServiceName, &ServiceSpec),
    claim: &Claim,
    failure: &ResourceFailure,
) -> Decision {
    if let Some(check) = check_answers::check_of(draft.input, (name, spec), failure) {
        return check_answers::mend(draft, (name, spec), claim, (&check, failure));
    }
    let held = || Reason::HeldAfterFailure {
        resource: failure.resource.clone(),
        node: claim.node.clone(),
        how: failure.how.clone(),
    };
    match spec.answer_to(failure) {
        // First it is demoted, so that another one can take over.
        FailureAnswer::Demote if claim.role.may_be_promoted() => {
            let node = claim.node.clone();
            Decision::Wait(Reason::WaitsForDemote { node })
        }
        FailureAnswer::Restart | FailureAnswer::Demote => mend(draft, (name, spec), claim, failure),
        FailureAnswer::Move => {
            let because = Reason::FailedTooOften {
                resource: failure.resource.clone(),
                node: claim.node.clone(),
                count: 1,
                barred_for: spec.rules.bar_expires,
            };
            revoke(name, claim, because, BarNode::UntilCleared)
        }
        FailureAnswer::Stop => revoke(name, claim, held(), BarNode::Everywhere),
        FailureAnswer::Block => Decision::Wait(held()),
        FailureAnswer::Ignore => Decision::Nothing,
        // The node is given up or set aside by now, or cannot be.
        FailureAnswer::Fence | FailureAnswer::Standby => Decision::Wait(Reason::FailureOfNode {
            service: name.clone(),
            resource: failure.resource.clone(),
            node: claim.node.clone(),
            how: failure.how.clone(),
        }),
    }
}

/// A failure is mended in place as often as the spec allows; one more bars the node.
fn mend(
    draft: &mut Draft<'_>,
    (name, spec): (&ServiceName, &ServiceSpec),
    claim: &Claim,
    failure: &ResourceFailure,
) -> Decision {
    let restart = spec.restarts_of(&failure.resource);
    let lately = failures_here(draft.input, (name, spec), (claim, failure));
    // The failure that is being mended counts, even when it is old by now.
    let count = u32::try_from(lately.len()).unwrap_or(u32::MAX).max(1);
    let resource = failure.resource.clone();
    if restart.times < count {
        let because = Reason::FailedTooOften {
            resource,
            node: claim.node.clone(),
            count,
            barred_for: spec.rules.bar_expires,
        };
        return revoke(name, claim, because, BarNode::UntilCleared);
    }
    let not_before = lately
        .last()
        .filter(|_| a_pause_helps(spec, &failure.resource))
        .and_then(|last| end_of_pause(draft.input.now, last.clock, count));
    let because = Reason::ResourceFailed {
        resource,
        how: failure.how.clone(),
        count,
        allowed: restart.times,
        not_before: not_before.map(|until| draft.input.wall_at(until)),
    };
    if let Some(until) = not_before {
        draft.again_at(until);
        return Decision::Wait(because);
    }
    let action = Action::Restart {
        service: name.clone(),
        node: claim.node.clone(),
        epoch: claim.epoch,
        scope: RestartScope::FailedOnward,
    };
    Decision::Step(action, because)
}

/// Whether the resource may come up here later although it does not now. An address fails
/// with its cards, which no short pause mends, while another node could serve it at once.
fn a_pause_helps(spec: &ServiceSpec, name: &ResourceName) -> bool {
    let failed = spec.resources.iter().find(|known| known.name == *name);
    failed.is_none_or(|resource| resource.kind.address().is_none())
}

/// What failed under this claim's node within the window and counts with this failure, oldest
/// first. A resource with a `restart` of its own is counted alone, all others together, and what
/// was passed over not at all.
fn failures_here<'a>(
    input: &Input<'a>,
    (name, spec): (&ServiceName, &ServiceSpec),
    (claim, failure): (&Claim, &ResourceFailure),
) -> Vec<&'a Failure> {
    let failures = input.service(name).map_or(&[][..], |seen| &seen.failures);
    let own = spec.own_restarts_of(&failure.resource);
    let within = own.unwrap_or(spec.restart).within;
    let counts_with = |past: &ResourceFailure| match own {
        Some(_) => past.resource == failure.resource,
        None => spec.own_restarts_of(&past.resource).is_none(),
    };
    let is_late = |past: &&Failure| {
        past.node == claim.node
            && input.now.saturating_duration_since(past.clock) < within
            && counts_with(&past.failure)
            && !spec.ignores(&past.failure)
    };
    failures.iter().filter(is_late).collect()
}

/// Until when the restart waits; `None`: it does not.
pub(crate) fn end_of_pause(
    now: ClusterTime,
    failed_at: ClusterTime,
    count: u32,
) -> Option<ClusterTime> {
    let until = failed_at + pause_after(count);
    (now < until).then_some(until)
}

/// None after the first failure, then 0.5 s, 1 s, 2 s, ... up to the longest.
fn pause_after(count: u32) -> Duration {
    let Some(doublings) = count.checked_sub(2) else {
        return Duration::ZERO;
    };
    let factor = 1u32.checked_shl(doublings).unwrap_or(u32::MAX);
    PAUSE_FIRST.saturating_mul(factor).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses: Vec<u128> = [1, 2, 3, 4, 5, 6, 7, 8, 40, u32::MAX]
            .map(|count| pause_after(count).as_millis())
            .to_vec();
        let expected = [
            0, 500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000, 10_000,
        ];
        assert_eq!(pauses, expected);
    }
}
