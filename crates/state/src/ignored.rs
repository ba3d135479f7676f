//! What has failed and is left as it is: ignored, or left for a person.

use model::answers::Remainder;
use model::command::Report;
use model::history::Happening;
use model::rules::FailureAnswer;
use model::seen::{Claim, Goal, Phase, ResourceFailure, ResourceState, RestartScope};
use model::{NodeName, PlanId, ServiceName};

use crate::claims::{failure_of, push_failure};
use crate::{Place, State};

/// Whether the failure that is told is one of a resource that was known as failed before.
pub(crate) fn shows_already(claim: &Claim, report: &Report) -> bool {
    match report {
        Report::Failed(failure) => claim.shows_failed(&failure.resource),
        _tells_of_no_failure => false,
    }
}

impl State {
    /// Whether the service goes on as if this had not failed.
    pub(crate) fn ignores(&self, service: &ServiceName, failure: &ResourceFailure) -> bool {
        let spec = self.wanted(service);
        spec.is_some_and(|spec| spec.ignores(failure))
    }

    /// A resource failed that is ignored: that is noted, and changes nothing as long as
    /// something else of the service is up or comes up.
    pub(crate) fn goes_on_without(
        &mut self,
        place: Place,
        service: &ServiceName,
        node: &NodeName,
        (failure, was_failed): (&ResourceFailure, bool),
    ) {
        let claim = self
            .seen
            .services
            .get(service)
            .and_then(|seen| seen.claim.as_ref());
        let left = claim
            .zip(self.wanted(service))
            .map(|(claim, spec)| spec.remainder(&claim.resources));
        if left == Some(Remainder::Nothing) {
            self.now_failed(place, service, node, failure);
            return self.note_failed_arrival(place, service, failure);
        }
        if !was_failed {
            let window = self.restart_window(service);
            let entry = failure_of(place, node, failure);
            let mut runs_on = false;
            self.change_claim(service, |seen, claim| {
                runs_on = claim.phase == Phase::Running;
                push_failure(&mut seen.failures, entry, window);
            });
            self.record_failure(place, service, node, failure);
            if runs_on {
                let (service, node) = (service.clone(), node.clone());
                self.record(place, Happening::Running { service, node });
            }
        }
    }

    /// Of a service with something failed that nothing but a person mends: how much is started
    /// anew. Where the rest of it runs, that is left alone.
    pub(crate) fn left_for_a_person(
        &self,
        service: &ServiceName,
    ) -> Option<(PlanId, RestartScope)> {
        let claim = self.seen.services.get(service)?.claim.as_ref()?;
        let spec = self.wanted(service)?;
        if claim.goal != Goal::Run || self.require_no_migration(service).is_err() {
            return None;
        }
        let is_failed = |(_, state): &(_, ResourceState)| *state == ResourceState::Failed;
        let scope = match &claim.phase {
            Phase::Failed(failure) => match spec.answer_to(failure) {
                FailureAnswer::Block | FailureAnswer::Ignore => RestartScope::All,
                FailureAnswer::Restart
                | FailureAnswer::Move
                | FailureAnswer::Stop
                | FailureAnswer::Fence
                | FailureAnswer::Standby
                | FailureAnswer::Demote => return None,
            },
            Phase::Running if claim.resources.iter().any(is_failed) => RestartScope::FailedOnward,
            Phase::Running | Phase::Starting | Phase::Stopping | Phase::StopFailed(_) => {
                return None;
            }
        };
        Some((claim.plan, scope))
    }
}
