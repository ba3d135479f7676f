//! What becomes of a service of which a check has failed: the check's own list says it, not
//! the service's `on_failure`.

use std::borrow::Cow;

use model::checks::{CheckAnswer, CheckSpec, answer, effective};
use model::command::BarNode;
use model::seen::{Claim, Failure, ResourceFailure, RestartScope};
use model::spec::ServiceSpec;
use model::{Reason, ServiceName};

use crate::mend::end_of_pause;
use crate::services::{Decision, revoke};
use crate::view::Draft;
use crate::{Action, Input};

/// The check that failed, where it was one.
pub(crate) fn check_of<'a>(
    input: &Input<'a>,
    (name, spec): (&ServiceName, &'a ServiceSpec),
    failure: &ResourceFailure,
) -> Option<Cow<'a, CheckSpec>> {
    let is_failed = |name: &model::ResourceName| *name == failure.resource;
    if spec.resources.iter().any(|known| is_failed(&known.name)) {
        return None;
    }
    let all = match input.seen.services.get(name) {
        Some(seen) => effective(&spec.rules.checks, spec.restart, &seen.checks),
        None => spec.rules.checks.iter().map(Cow::Borrowed).collect(),
    };
    all.into_iter().find(|check| is_failed(&check.name))
}

/// What the check says is done about this failure.
pub(crate) fn mend(
    draft: &mut Draft<'_>,
    (name, spec): (&ServiceName, &ServiceSpec),
    claim: &Claim,
    (check, failure): (&CheckSpec, &ResourceFailure),
) -> Decision {
    let budget = check.restart.unwrap_or(spec.restart);
    let failures = draft
        .input
        .service(name)
        .map_or(&[][..], |seen| &seen.failures);
    let lately: Vec<&Failure> = failures
        .iter()
        .filter(|past| {
            past.node == claim.node
                && past.failure.resource == check.name
                && draft.input.now.saturating_duration_since(past.clock) < budget.within
        })
        .collect();
    // The failure that is being mended counts, even when it is old by now.
    let count = u32::try_from(lately.len()).unwrap_or(u32::MAX).max(1);
    let resource = failure.resource.clone();
    match answer(&check.on_failure, count - 1, budget) {
        Some(CheckAnswer::Move) => {
            let because = Reason::FailedTooOften {
                resource,
                node: claim.node.clone(),
                count,
                barred_for: spec.rules.bar_expires,
            };
            revoke(name, claim, because, BarNode::UntilCleared)
        }
        Some(CheckAnswer::Stop) => {
            let because = Reason::HeldAfterFailure {
                resource,
                node: claim.node.clone(),
                how: failure.how.clone(),
            };
            revoke(name, claim, because, BarNode::Everywhere)
        }
        // A check that has no answer left tells no failure; should its list have changed
        // meanwhile, a restart brings the service back.
        Some(CheckAnswer::Restart) | None => {
            let last = lately.last();
            let not_before = last.and_then(|last| end_of_pause(draft.input.now, last.clock, count));
            let because = Reason::ResourceFailed {
                resource,
                how: failure.how.clone(),
                count,
                allowed: budget.times,
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
    }
}
