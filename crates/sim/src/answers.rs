//! Answers to failures that resources have of their own, in some clusters.

use model::rules::FailureAnswer;
use model::seen::{Claim, Phase, ResourceState, ServiceSeen};
use model::spec::ServiceSpec;
use model::{ResourceName, ServiceName};

use crate::form;
use crate::random::Random;
use crate::schedule::Setup;
use crate::world::World;

/// Streams of random numbers for the setup.
const OF_ANSWERS: u64 = 31;

/// In some clusters some resources have answers of their own. Not `fence`: with it nothing is
/// left to try once the brake against fence loops holds.
pub(crate) fn draw(setup: &mut Setup) {
    let mut random = Random::new(setup.seed, OF_ANSWERS);
    if !random.chance(300) {
        return;
    }
    for spec in setup.spec.services.values_mut() {
        let names: Vec<ResourceName> = spec.resources.iter().map(|r| r.name.clone()).collect();
        for name in names {
            if !random.chance(500) {
                continue;
            }
            let said = random.pick(&[
                "start=ignore,run=ignore",
                "start=ignore,run=ignore",
                "run=ignore",
                "start=move,run=move",
                "run=block",
                "start=stop,run=stop",
                "run=standby",
                "stop=block",
                "restart=0",
                "start=restart,run=restart,restart=1",
            ]);
            form::say(spec, &name, said).expect("these words are right");
        }
    }
}

impl World {
    /// Whether something of a service waits for a person: it is held, or something of it has
    /// failed and is left as it is.
    pub(crate) fn waits_for_a_person(&self, name: &ServiceName, service: &ServiceSeen) -> bool {
        let spec = self.record.state().spec();
        let spec = spec.and_then(|spec| spec.service_of(name));
        let is_left = |claim: &Claim| spec.is_some_and(|spec| is_left(spec, claim));
        service.held.is_some() || service.claim.as_ref().is_some_and(is_left)
    }
}

fn is_left(spec: &ServiceSpec, claim: &Claim) -> bool {
    match &claim.phase {
        Phase::Failed(failure) => matches!(
            spec.answer_to(failure),
            FailureAnswer::Block | FailureAnswer::Ignore
        ),
        Phase::Running => {
            let mut states = claim.resources.iter().map(|(_, state)| *state);
            states.any(|state| state == ResourceState::Failed)
        }
        Phase::Starting | Phase::Stopping | Phase::StopFailed(_) => false,
    }
}
