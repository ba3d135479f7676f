//! What has been so for a while: the slow side of a [`Standing`].

use std::time::Duration;

use model::Instant;
use model::networks::{Level, Standing};

/// How long something must last before it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience {
    /// Something worse.
    pub worse: Duration,
    /// Something better.
    pub better: Duration,
}

/// A level that is followed after a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settling {
    standing: Standing,
    /// Since when it has been on the same side of what is settled.
    since: Option<Instant>,
}

impl Settling {
    pub fn new(standing: Standing, now: Instant) -> Self {
        Self {
            standing,
            since: (standing.now != standing.settled).then_some(now),
        }
    }

    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// This is how it is at this moment.
    pub fn set(&mut self, level: Level, now: Instant) {
        let settled = self.standing.settled;
        let side = |level: Level| level.cmp(&settled);
        if side(level) != side(self.standing.now) {
            self.since = (level != settled).then_some(now);
        }
        self.standing.now = level;
    }

    /// What has lasted for long enough is settled.
    pub fn handle_timeout(&mut self, patience: Patience, now: Instant) {
        if self.due(patience).is_some_and(|due| due <= now) {
            self.standing.settled = self.standing.now;
            self.since = None;
        }
    }

    pub fn due(&self, patience: Patience) -> Option<Instant> {
        let wait = match self.standing.now < self.standing.settled {
            true => patience.worse,
            false => patience.better,
        };
        self.since.map(|since| since + wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        worse: Duration::from_secs(1),
        better: Duration::from_secs(10),
    };

    fn at(millis: u64) -> Instant {
        Instant(0) + Duration::from_millis(millis)
    }

    /// Plays levels at times and shows what is settled at the end.
    fn settled(script: &[(u64, Level)], end: u64) -> Level {
        let mut settling = Settling::new(Standing::FULL, at(0));
        let mut times: Vec<u64> = script.iter().map(|(time, _)| *time).collect();
        times.extend((0..=end).step_by(100));
        times.sort_unstable();
        for time in times.into_iter().filter(|time| *time <= end) {
            settling.handle_timeout(PATIENCE, at(time));
            for (_, level) in script.iter().filter(|(of, _)| *of == time) {
                settling.set(*level, at(time));
            }
        }
        settling.standing().settled
    }

    #[test]
    fn a_short_loss_is_no_loss() {
        let script = [(1000, Level::None), (1900, Level::Full)];
        assert_eq!(settled(&script, 5000), Level::Full);
    }

    #[test]
    fn a_loss_that_lasts_settles_and_comes_back_late() {
        let script = [(1000, Level::None), (3000, Level::Full)];
        assert_eq!(settled(&script, 1900), Level::Full);
        assert_eq!(settled(&script, 2000), Level::None);
        assert_eq!(settled(&script, 12_900), Level::None);
        assert_eq!(settled(&script, 13_000), Level::Full);
    }

    #[test]
    fn what_goes_to_and_fro_below_is_lost_once_and_stays_so() {
        let flaps = (0..40).map(|n| {
            let level = if n % 2 == 0 { Level::None } else { Level::Poor };
            (1000 + n * 300, level)
        });
        let flaps: Vec<_> = flaps.collect();
        assert_ne!(settled(&flaps, 2000), Level::Full);
        assert_ne!(settled(&flaps, 12_900), Level::Full);
    }

    #[test]
    fn a_return_that_does_not_last_starts_again() {
        let script = [
            (1000, Level::None),
            (3000, Level::Full),
            (9000, Level::None),
            (9100, Level::Full),
        ];
        assert_eq!(settled(&script, 13_000), Level::None);
        assert_eq!(settled(&script, 19_100), Level::Full);
    }
}
