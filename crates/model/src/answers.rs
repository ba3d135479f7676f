//! What answers the failure of one resource: what it says itself, and for the rest its service.

use serde::{Deserialize, Serialize};

use crate::ResourceName;
use crate::operation::Verb;
use crate::roles::RolePart;
use crate::rules::{FailureAnswer, OnFailure, StopFailureAnswer};
use crate::seen::{Claim, ResourceFailure, ResourceState};
use crate::spec::{RestartPolicy, ServiceSpec};

/// What a resource says of its failures; where it says nothing, its service does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourceAnswers {
    /// It failed in its start.
    pub start: Option<FailureAnswer>,
    /// It ended by itself, or was asked for its state and found wanting.
    pub run: Option<FailureAnswer>,
    /// It could not be stopped.
    pub stop: Option<StopFailureAnswer>,
    /// How often it is mended in place. Its failures then count for themselves, and not as
    /// failures of its service.
    pub restart: Option<RestartPolicy>,
}

impl ResourceAnswers {
    /// Whether it leaves everything to its service.
    #[must_use]
    pub fn says_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// All answers, where these stand before `base`.
    #[must_use]
    pub fn over(&self, base: OnFailure) -> OnFailure {
        OnFailure {
            start: self.start.unwrap_or(base.start),
            run: self.run.unwrap_or(base.run),
            stop: self.stop.unwrap_or(base.stop),
        }
    }
}

/// What is left of a service of which only failures are known that are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remainder {
    /// Something else is still to come up.
    Comes,
    /// All else is up: the service counts as running.
    Runs,
    /// Nothing that counts is up.
    Nothing,
}

impl Remainder {
    /// By the part and the state of each resource. Without the one that is promoted and demoted
    /// nothing is left that another service could use.
    #[must_use]
    pub fn of(resources: impl IntoIterator<Item = (RolePart, ResourceState)>) -> Self {
        let (mut runs, mut is_lost) = (false, false);
        for (part, state) in resources {
            match (part, state) {
                (RolePart::WhilePromoted, _) => {}
                (_, ResourceState::Running) => runs = true,
                (RolePart::Ordinary, ResourceState::Failed) => {}
                (RolePart::Taker, ResourceState::Failed) => is_lost = true,
                (
                    RolePart::Ordinary | RolePart::Taker,
                    ResourceState::Stopped | ResourceState::Starting | ResourceState::Stopping,
                ) => return Self::Comes,
            }
        }
        match runs && !is_lost {
            true => Self::Runs,
            false => Self::Nothing,
        }
    }
}

impl ServiceSpec {
    /// What answers the failures of this resource. A name that is no resource of the service
    /// gets the answers of the service.
    #[must_use]
    pub fn answers_of(&self, resource: &ResourceName) -> OnFailure {
        let own = self.rules.answers.get(resource).copied();
        own.unwrap_or_default().over(self.rules.on_failure)
    }

    /// What answers this failure of a start or of something that ran.
    #[must_use]
    pub fn answer_to(&self, failure: &ResourceFailure) -> FailureAnswer {
        self.answers_of(&failure.resource).answer_to(failure)
    }

    /// How often failures of this resource are mended in place.
    #[must_use]
    pub fn restarts_of(&self, resource: &ResourceName) -> RestartPolicy {
        self.own_restarts_of(resource).unwrap_or(self.restart)
    }

    /// The same, where the resource says it itself.
    #[must_use]
    pub fn own_restarts_of(&self, resource: &ResourceName) -> Option<RestartPolicy> {
        self.rules.answers.get(resource)?.restart
    }

    /// Whether the service goes on as if this had not failed. What failed on its way to a role
    /// or away from one is not passed over, for another copy may be due to have the role; and
    /// checks have answers of their own.
    #[must_use]
    pub fn ignores(&self, failure: &ResourceFailure) -> bool {
        let passes_over = match failure.verb {
            None | Some(Verb::Start | Verb::Probe | Verb::Status | Verb::Notify | Verb::Reload) => {
                true
            }
            Some(
                Verb::Stop | Verb::Promote | Verb::Demote | Verb::MigrateTo | Verb::MigrateFrom,
            ) => false,
        };
        let mut resources = self.resources.iter();
        passes_over
            && self.answer_to(failure) == FailureAnswer::Ignore
            && resources.any(|resource| resource.name == failure.resource)
    }

    /// What is left of the service when each of its resources that failed is ignored.
    #[must_use]
    pub fn remainder(&self, resources: &[(ResourceName, ResourceState)]) -> Remainder {
        let roles = self.rules.roles.as_ref();
        Remainder::of(resources.iter().map(|(name, state)| {
            let part = roles.map(|roles| roles.part_of(name));
            (part.unwrap_or_default(), *state)
        }))
    }
}

impl Claim {
    /// Whether this resource has failed, by what the node said last.
    #[must_use]
    pub fn shows_failed(&self, resource: &ResourceName) -> bool {
        let mut resources = self.resources.iter();
        resources.any(|(name, state)| name == resource && *state == ResourceState::Failed)
    }
}
