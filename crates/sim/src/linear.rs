//! Whether what clients saw could have happened one after the other: the search of Wing and
//! Gong ("Testing and Verifying Concurrent Objects", 1993) with Lowe's memory of what was
//! tried ("Testing for Linearizability", 2017).

use std::collections::BTreeSet;

use model::Instant;

/// Operations of one history that are looked at, at most: the search keeps sets of them as
/// the bits of one number, and may take time that grows quickly with their count.
pub const OPERATIONS_MAX: usize = 64;

/// Steps of one search; histories of clients that wait for their answers need far fewer.
const STEPS_MAX: usize = 200_000;

/// Something that is done one operation at a time.
pub trait Sequential {
    /// What is called, with what was answered.
    type Call;

    /// What it is after the call; none when the answer could not have been given.
    #[must_use]
    fn after(&self, call: &Self::Call) -> Option<Self>
    where
        Self: Sized;
}

/// A call of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation<C> {
    /// When it was made.
    pub called: Instant,
    /// When the answer came; none: never, and the call may yet take effect, or not at all.
    pub answered: Option<Instant>,
    /// What was called, with what was answered.
    pub call: C,
}

/// What a search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order.
    Linearizable,
    /// There is none.
    Not,
    /// The search took too long, or there are too many operations.
    Unknown,
}

/// Whether there is an order of the operations in which each could have been answered as it
/// was, and in which none comes before one that was answered before it was called.
pub fn check<S: Sequential + Ord + Clone>(first: &S, operations: &[Operation<S::Call>]) -> Verdict {
    if OPERATIONS_MAX < operations.len() {
        return Verdict::Unknown;
    }
    let all_answered: u64 = operations
        .iter()
        .enumerate()
        .filter(|(_, operation)| operation.answered.is_some())
        .fold(0, |bits, (place, _)| bits | 1 << place);
    let mut tried = BTreeSet::new();
    let mut open = vec![(0_u64, first.clone())];
    let mut steps = 0;
    while let Some((done, state)) = open.pop() {
        if done & all_answered == all_answered {
            return Verdict::Linearizable;
        }
        steps += 1;
        if STEPS_MAX < steps {
            return Verdict::Unknown;
        }
        // What was called after this moment cannot be next: somebody was answered before.
        let waiting = |(place, _): &(usize, &Operation<S::Call>)| done & (1 << place) == 0;
        let until = operations
            .iter()
            .enumerate()
            .filter(waiting)
            .filter_map(|(_, operation)| operation.answered)
            .min();
        for (place, operation) in operations.iter().enumerate().filter(waiting) {
            if until.is_some_and(|until| until < operation.called) {
                continue;
            }
            if let Some(after) = state.after(&operation.call) {
                let next = (done | 1 << place, after);
                if tried.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
    }
    Verdict::Not
}

/// The same for a history that may be long: as many of its first operations are looked at as can
/// be. What was answered after the next one was called counts as not answered yet.
pub fn judge<S>(first: &S, operations: &[Operation<S::Call>]) -> Verdict
where
    S: Sequential + Ord + Clone,
    S::Call: Clone,
{
    let mut looked_at = operations.to_vec();
    looked_at.sort_by_key(|operation| operation.called);
    if let Some(end) = looked_at.get(OPERATIONS_MAX).map(|next| next.called) {
        looked_at.truncate(OPERATIONS_MAX);
        for operation in &mut looked_at {
            operation.answered = operation.answered.filter(|answered| *answered < end);
        }
    }
    check(first, &looked_at)
}

/// The version of the configuration: a register that is changed by comparing first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u64);

/// A change of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The version that it was made from.
    pub base: u64,
    /// What was answered.
    pub answer: Answer,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is live.
    Live,
    /// Another version was live.
    Stale(u64),
    /// Nothing has changed, and nothing will.
    Nothing,
    /// Nobody told.
    Unknown,
}

impl Sequential for Version {
    type Call = Change;

    fn after(&self, call: &Change) -> Option<Self> {
        match call.answer {
            Answer::Live => (self.0 == call.base).then_some(Self(self.0 + 1)),
            Answer::Stale(live) => (self.0 == live && live != call.base).then_some(self.clone()),
            // It had no effect where it did not fit; and where it did, one.
            Answer::Unknown if self.0 == call.base => Some(Self(self.0 + 1)),
            Answer::Nothing | Answer::Unknown => Some(self.clone()),
        }
    }
}

/// A lock, or the right to run a service: each holder has a higher number than all before.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lock {
    /// Who holds it.
    pub holder: Option<u64>,
    /// The highest number that was given.
    pub last: u64,
}

/// What is done to a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// Somebody takes it.
    Take(u64),
    /// Somebody gives it back, or it lapses.
    Give(u64),
    /// Somebody is told who holds it.
    Seen(u64),
}

impl Sequential for Lock {
    type Call = Hold;

    fn after(&self, call: &Hold) -> Option<Self> {
        match *call {
            Hold::Take(by) => (self.holder.is_none() && self.last < by).then_some(Self {
                holder: Some(by),
                last: by,
            }),
            Hold::Give(by) => (self.holder == Some(by)).then_some(Self {
                holder: None,
                last: self.last,
            }),
            Hold::Seen(by) => (self.holder == Some(by)).then(|| self.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation<C>(called: u64, answered: u64, call: C) -> Operation<C> {
        Operation {
            called: Instant(called),
            answered: (answered != 0).then_some(Instant(answered)),
            call,
        }
    }

    fn change(called: u64, answered: u64, base: u64, answer: Answer) -> Operation<Change> {
        operation(called, answered, Change { base, answer })
    }

    #[test]
    fn changes_that_overlap_may_have_happened_in_any_order() {
        let history = [
            change(1, 9, 2, Answer::Live),
            change(2, 8, 1, Answer::Live),
            change(3, 4, 7, Answer::Stale(1)),
        ];
        assert_eq!(check(&Version(1), &history), Verdict::Linearizable);
    }

    #[test]
    fn two_changes_of_one_version_cannot_both_be_live() {
        let history = [change(1, 9, 1, Answer::Live), change(2, 8, 1, Answer::Live)];
        assert_eq!(check(&Version(1), &history), Verdict::Not);
    }

    #[test]
    fn what_was_answered_is_not_forgotten_later() {
        let history = [
            change(1, 2, 1, Answer::Live),
            change(3, 4, 5, Answer::Stale(1)),
        ];
        assert_eq!(check(&Version(1), &history), Verdict::Not);
    }

    #[test]
    fn a_change_that_nobody_told_of_may_have_happened_or_not() {
        let before = change(1, 0, 1, Answer::Unknown);
        let without = [before.clone(), change(3, 4, 9, Answer::Stale(1))];
        let with = [before, change(3, 4, 9, Answer::Stale(2))];
        assert_eq!(check(&Version(1), &without), Verdict::Linearizable);
        assert_eq!(check(&Version(1), &with), Verdict::Linearizable);
    }

    #[test]
    fn what_was_told_as_undone_is_never_seen() {
        let undone = change(1, 2, 1, Answer::Nothing);
        let without = [undone.clone(), change(3, 4, 9, Answer::Stale(1))];
        let with = [undone, change(3, 4, 9, Answer::Stale(2))];
        assert_eq!(check(&Version(1), &without), Verdict::Linearizable);
        assert_eq!(check(&Version(1), &with), Verdict::Not);
    }

    #[test]
    fn a_lock_has_one_holder() {
        let good = [
            operation(1, 2, Hold::Take(1)),
            operation(3, 6, Hold::Give(1)),
            operation(4, 5, Hold::Take(2)),
        ];
        assert_eq!(check(&Lock::default(), &good), Verdict::Linearizable);
        let bad = [
            operation(1, 2, Hold::Take(1)),
            operation(3, 4, Hold::Take(2)),
            operation(5, 6, Hold::Give(1)),
        ];
        assert_eq!(check(&Lock::default(), &bad), Verdict::Not);
    }

    #[test]
    fn nobody_is_told_of_a_holder_that_has_no_lock() {
        let good = [
            operation(1, 2, Hold::Take(1)),
            operation(3, 0, Hold::Give(1)),
            operation(4, 5, Hold::Seen(1)),
            operation(6, 7, Hold::Take(2)),
        ];
        assert_eq!(check(&Lock::default(), &good), Verdict::Linearizable);
        let mut late = good.clone();
        late[2] = operation(8, 9, Hold::Seen(1));
        assert_eq!(check(&Lock::default(), &late), Verdict::Not);
        let mut lower = good;
        lower[3] = operation(6, 7, Hold::Take(1));
        assert_eq!(check(&Lock::default(), &lower), Verdict::Not);
    }

    #[test]
    fn of_a_long_history_the_beginning_is_judged() {
        let turn = |n: u64| {
            let at = 10 * n;
            [
                operation(at, at + 1, Hold::Take(n)),
                operation(at + 2, at + 3, Hold::Give(n)),
            ]
        };
        let mut many: Vec<_> = (1..=60).flat_map(turn).collect();
        assert_eq!(judge(&Lock::default(), &many), Verdict::Linearizable);
        // Told of the first holder while its end is known only after what is looked at.
        many[1].answered = Some(Instant(700));
        many[2].call = Hold::Seen(1);
        many[3].call = Hold::Seen(1);
        assert_eq!(judge(&Lock::default(), &many), Verdict::Linearizable);
        many[40].call = Hold::Take(7);
        assert_eq!(judge(&Lock::default(), &many), Verdict::Not);
    }

    #[test]
    fn a_history_that_is_too_long_is_not_judged() {
        let many: Vec<_> = (0..=OPERATIONS_MAX as u64)
            .map(|n| change(n, n + 1, n, Answer::Live))
            .collect();
        assert_eq!(check(&Version(0), &many), Verdict::Unknown);
    }
}
