//! How long things took: the last few spans of each kind, by cluster time. What a change or a
//! failure will cost is told from them.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ClusterTime;

/// Spans that are kept of one kind. Enough that one slow start does not move the middle one,
/// few enough that a service which has become faster is soon told so.
pub const SPANS_MAX: usize = 20;

/// The last `SPANS_MAX` spans of one kind, in milliseconds, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Spans(VecDeque<u64>);

impl Spans {
    /// One more was measured; the oldest makes room.
    pub fn push(&mut self, span: Duration) {
        while SPANS_MAX <= self.0.len() {
            self.0.pop_front();
        }
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        self.0.push_back(millis);
    }

    /// How many are kept.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The middle one, of an even number the longer of the two; none where nothing was measured.
    #[must_use]
    pub fn typical(&self) -> Option<Duration> {
        let mut sorted: Vec<u64> = self.0.iter().copied().collect();
        sorted.sort_unstable();
        let middle = sorted.get(sorted.len() / 2)?;
        Some(Duration::from_millis(*middle))
    }

    /// The longest; none where nothing was measured.
    #[must_use]
    pub fn longest(&self) -> Option<Duration> {
        self.0.iter().max().copied().map(Duration::from_millis)
    }
}

/// What is measured of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measured {
    /// From the grant until all runs.
    Start,
    /// From the revocation until all is stopped.
    Stop,
    /// In place, of what failed and what comes after it: from the order until all runs.
    Restart,
    /// From the order to move live until it runs at the other end; it answers meanwhile, but for
    /// the moment of the hand-over, which nobody but its clients can measure.
    Migration,
    /// From the order until it is promoted, with all that runs only then.
    Promote,
    /// From the order until it is an ordinary copy.
    Demote,
}

/// How long the operations of one service took.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationTimes {
    /// Starts that ended well.
    #[serde(default)]
    pub starts: Spans,
    /// Stops that ended well.
    #[serde(default)]
    pub stops: Spans,
    /// Restarts in place that ended well.
    #[serde(default)]
    pub restarts: Spans,
    /// Live migrations that ended well.
    #[serde(default)]
    pub migrations: Spans,
    /// Promotions that ended well.
    #[serde(default)]
    pub promotions: Spans,
    /// Demotions that ended well.
    #[serde(default)]
    pub demotions: Spans,
    /// What is under way, and since when.
    #[serde(default)]
    under_way: Option<(Measured, ClusterTime)>,
}

impl OperationTimes {
    /// Something is asked for; what was under way before is not measured.
    pub fn begin(&mut self, what: Measured, now: ClusterTime) {
        self.under_way = Some((what, now));
    }

    /// What is under way says nothing about how long it takes: it failed, or ended otherwise.
    pub fn forget(&mut self) {
        self.under_way = None;
    }

    /// What is under way has ended well, if it is one of `what`.
    pub fn end(&mut self, what: &[Measured], now: ClusterTime) {
        let Some((begun, since)) = self.under_way.take() else {
            return;
        };
        if what.contains(&begun) {
            let span = now.saturating_duration_since(since);
            self.of_mut(begun).push(span);
        }
    }

    /// The spans of one kind.
    #[must_use]
    pub fn of(&self, what: Measured) -> &Spans {
        match what {
            Measured::Start => &self.starts,
            Measured::Stop => &self.stops,
            Measured::Restart => &self.restarts,
            Measured::Migration => &self.migrations,
            Measured::Promote => &self.promotions,
            Measured::Demote => &self.demotions,
        }
    }

    fn of_mut(&mut self, what: Measured) -> &mut Spans {
        match what {
            Measured::Start => &mut self.starts,
            Measured::Stop => &mut self.stops,
            Measured::Restart => &mut self.restarts,
            Measured::Migration => &mut self.migrations,
            Measured::Promote => &mut self.promotions,
            Measured::Demote => &mut self.demotions,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn one_slow_start_does_not_move_the_middle() {
        let mut spans = Spans::default();
        assert_eq!(spans.typical(), None);
        for span in [40, 38, 9000, 41, 39] {
            spans.push(ms(span));
        }
        assert_eq!(spans.typical(), Some(ms(40)));
        assert_eq!(spans.longest(), Some(ms(9000)));
    }

    #[test]
    fn the_oldest_make_room() {
        let mut spans = Spans::default();
        for span in 0..50 {
            spans.push(ms(span));
        }
        assert_eq!(spans.count(), SPANS_MAX);
        assert_eq!(spans.typical(), Some(ms(40)));
    }

    #[test]
    fn what_ends_otherwise_is_not_measured() {
        let mut times = OperationTimes::default();
        times.begin(Measured::Start, ClusterTime(100));
        times.end(&[Measured::Stop], ClusterTime(150));
        times.end(&[Measured::Start], ClusterTime(160));
        times.begin(Measured::Stop, ClusterTime(200));
        times.forget();
        times.end(&[Measured::Stop], ClusterTime(250));
        assert_eq!(times, OperationTimes::default());
        times.begin(Measured::Stop, ClusterTime(300));
        times.end(&[Measured::Stop], ClusterTime(312));
        assert_eq!(times.stops.typical(), Some(ms(12)));
    }
}
