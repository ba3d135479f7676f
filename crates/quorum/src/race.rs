//! Which half shoots first after an even cut, when both could.
//!
//! The half that runs more goes first, so that the fewest services move; with equal weights
//! the half with the first name, so that there is always one.

use model::{NodeName, Seen, Spec};

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
        .map(|(name, _)| spec.services.get(name).map_or(0, |found| found.priority))
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
    fn of_two_halves_exactly_one_goes_first() {
        for ours in 0..4 {
            for theirs in 0..4 {
                let (a, b) = (side(ours, "a"), side(theirs, "b"));
                assert_ne!(goes_first(&a, &b), goes_first(&b, &a), "{ours} {theirs}");
            }
        }
    }
}
