//! Which half shoots first after an even cut, when both could.
//!
//! The half that runs more goes first, so that the fewest services move; with equal weights
//! the half with the first name, so that there is always one. Ping targets are advice on top: a half
//! that reaches none of them stands behind the other, whatever it runs.
//!
//! ```text
//!   delays to wait   reaches a target   reaches none
//!   runs more               0                2
//!   runs less               1                3
//! ```
//!
//! No half knows what the other reaches, so the four cases have four times: whatever both
//! reach, no two shoot at once. A wait is all that follows from an answer or its absence.

use model::{Instant, NodeName, Seen, Spec};

/// One half as the race sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// What it runs, see [`weight`].
    pub weight: u64,
    /// The smallest name of its voters.
    pub first_name: NodeName,
}

/// Who begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// We shoot at once.
    First,
    /// We give the others `fence_race_delay`.
    Second,
}

/// What is known of the ping targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Reach {
    /// None are configured.
    #[default]
    Unasked,
    /// They are asked.
    Asked {
        /// When the latest echo was sent that any of them has answered, by our clock; none
        /// before the first answer.
        echoed: Option<Instant>,
    },
}

impl Reach {
    /// Whether something outside is known to be reached: an answer to an echo that was sent
    /// before `since` says nothing of the time after it.
    #[must_use]
    pub fn holds_since(self, since: Instant) -> bool {
        match self {
            Self::Unasked => true,
            Self::Asked { echoed } => echoed.is_some_and(|at| since <= at),
        }
    }
}

/// How often `fence_race_delay` passes before our half may shoot, in a split that began at
/// `since`.
#[must_use]
pub fn delays(turn: Turn, reach: Reach, since: Instant) -> u32 {
    let own = match turn {
        Turn::First => 0,
        Turn::Second => 1,
    };
    if reach.holds_since(since) {
        own
    } else {
        own + 2
    }
}

/// Whether our half goes first. Of two halves that know the same state exactly one does.
#[must_use]
pub fn goes_first(ours: &Side, theirs: &Side) -> Turn {
    let is_first = (theirs.weight, &ours.first_name) < (ours.weight, &theirs.first_name);
    if is_first { Turn::First } else { Turn::Second }
}

/// What these nodes run: for each claim of theirs one, and the service's priority where it
/// is positive. A service that the spec no longer knows counts one.
#[must_use]
pub fn weight<'a>(
    spec: &Spec,
    seen: &Seen,
    nodes: impl IntoIterator<Item = &'a NodeName> + Clone,
) -> u64 {
    let claims = seen.services.iter().filter(|(_, service)| {
        service
            .claim
            .as_ref()
            .is_some_and(|claim| nodes.clone().into_iter().any(|node| *node == claim.node))
    });
    claims
        .map(|(name, _)| spec.service_of(name).map_or(0, |found| found.priority))
        .map(|priority| 1 + u64::try_from(priority).unwrap_or(0))
        .fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(weight: u64, name: &str) -> Side {
        Side {
            weight,
            first_name: NodeName::new(name).unwrap(),
        }
    }

    #[test]
    fn the_half_that_runs_more_goes_first_and_the_first_name_breaks_a_tie() {
        assert_eq!(goes_first(&side(3, "b"), &side(1, "a")), Turn::First);
        assert_eq!(goes_first(&side(1, "a"), &side(3, "b")), Turn::Second);
        assert_eq!(goes_first(&side(2, "a"), &side(2, "b")), Turn::First);
        assert_eq!(goes_first(&side(2, "b"), &side(2, "a")), Turn::Second);
    }

    #[test]
    fn a_half_that_reaches_nothing_is_behind_one_that_does_whatever_they_run() {
        let since = Instant(7);
        let answered = Reach::Asked {
            echoed: Some(since),
        };
        let stale = Reach::Asked {
            echoed: Some(Instant(6)),
        };
        let never = Reach::Asked { echoed: None };
        for silent in [stale, never] {
            for (turn, other) in [(Turn::First, Turn::Second), (Turn::Second, Turn::First)] {
                let (ours, theirs) = (delays(turn, silent, since), delays(other, answered, since));
                assert!(theirs < ours, "{turn:?}: {ours} and {theirs}");
            }
            let both = [Turn::First, Turn::Second].map(|turn| delays(turn, silent, since));
            assert!(both[0] < both[1]);
        }
        assert_eq!(delays(Turn::First, Reach::Unasked, since), 0);
        assert_eq!(delays(Turn::Second, answered, since), 1);
    }

    #[test]
    fn of_two_halves_exactly_one_goes_first() {
        for ours in 0..4 {
            for theirs in 0..4 {
                let (a, b) = (side(ours, "a"), side(theirs, "b"));
                assert_ne!(goes_first(&a, &b), goes_first(&b, &a), "{ours} {theirs}");
            }
        }
    }
}
