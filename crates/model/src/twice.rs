//! What follows when a service is found running in more places than one.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::seen::{Phase, ResourceState, ServiceSeen};
use crate::{NodeName, Reason};

/// What happens to a service, or to one copy of it, that is found running on several nodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FoundTwice {
    /// One of them goes on, the others are stopped.
    #[default]
    KeepOne,
    /// All are stopped, and then it is started once.
    StopAll,
    /// All are left as they are, until a person has ended all but one.
    Hold,
}

impl FoundTwice {
    /// All of them, with their words in the file.
    pub const WORDS: [(&'static str, Self); 3] = [
        ("keep-one", Self::KeepOne),
        ("stop-all", Self::StopAll),
        ("hold", Self::Hold),
    ];

    /// The word for it in the file and in messages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::KeepOne => "keep-one",
            Self::StopAll => "stop-all",
            Self::Hold => "hold",
        }
    }

    pub(crate) fn is_usual(&self) -> bool {
        *self == Self::KeepOne
    }
}

impl ServiceSeen {
    /// Nodes on which it runs, or may: that of its claim, and those where it was found.
    #[must_use]
    pub fn places(&self) -> BTreeSet<&NodeName> {
        let claimed = self.claim.iter().map(|claim| &claim.node);
        claimed.chain(self.strays.keys()).collect()
    }

    /// Whether it has failed under its claim, and nothing of it is left there as far as is
    /// known. Only a stop proves that.
    #[must_use]
    pub fn has_ended_under_its_claim(&self) -> bool {
        self.claim.as_ref().is_some_and(|claim| {
            let is_over = |state: &ResourceState| match state {
                ResourceState::Stopped | ResourceState::Failed => true,
                ResourceState::Starting | ResourceState::Running | ResourceState::Stopping => false,
            };
            matches!(claim.phase, Phase::Failed(_))
                && claim.resources.iter().all(|(_, state)| is_over(state))
        })
    }
}

impl Reason {
    /// Why nobody acts on what runs twice and waits for a person.
    pub(crate) fn fmt_twice(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::FoundTwice { nodes } => write!(f, "found running on {}", several(nodes)),
            Self::HeldTwice { nodes } => write!(
                f,
                "it runs on {}, and waits until a person has ended all but one",
                several(nodes)
            ),
            _other => Ok(()),
        }
    }
}

/// `alpha, beta and gamma`.
#[must_use]
pub fn several(nodes: &[NodeName]) -> String {
    let names: Vec<&str> = nodes.iter().map(NodeName::as_str).collect();
    match names.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        Some((only, _)) => (*only).to_string(),
        None => String::new(),
    }
}
