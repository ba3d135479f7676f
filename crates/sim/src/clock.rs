//! The clocks of one machine: a monotonic one that runs a little too fast or too slow from
//! its boot on, and a wall clock that people and faulty servers set.

use model::{Instant, WallTime};

/// 20 September 2026, about: wall clocks of the first moment.
const WALL_AT_START: i64 = 1_790_000_000_000;

#[derive(Debug, Clone)]
pub(crate) struct Clock {
    booted_at: u64,
    /// What the monotonic clock shows at boot.
    begins_at: u64,
    /// How much too fast it runs, in millionths.
    pub drift_ppm: i64,
    /// How much the wall clock is ahead, in milliseconds.
    pub wall_ahead: i64,
}

impl Clock {
    pub fn new(drift_ppm: i64) -> Self {
        Self {
            booted_at: 0,
            begins_at: 0,
            drift_ppm,
            wall_ahead: 0,
        }
    }

    /// The machine boots; its monotonic clock begins anew.
    pub fn boot(&mut self, now: Instant, begins_at: u64) {
        self.booted_at = now.0;
        self.begins_at = begins_at;
    }

    /// What the monotonic clock shows.
    pub fn local(&self, now: Instant) -> Instant {
        let passed = now.0.saturating_sub(self.booted_at) as i64;
        let shown = passed + passed / 1000 * self.drift_ppm / 1000;
        Instant(self.begins_at + shown as u64)
    }

    /// The first true moment at which the monotonic clock shows `local` or later.
    pub fn truly(&self, local: Instant) -> Instant {
        let shown = local.0.saturating_sub(self.begins_at) as i64;
        let guess = shown - shown / 1000 * self.drift_ppm / 1000;
        let mut at = Instant(self.booted_at + guess.max(0) as u64);
        // The guess is off by the square of the drift; each step halves what is missing.
        while self.local(at) < local {
            let missing = local.0 - self.local(at).0;
            at = Instant(at.0 + missing / 2 + 1);
        }
        at
    }

    /// What the wall clock shows.
    pub fn wall(&self, now: Instant) -> WallTime {
        let millis = WALL_AT_START + (now.0 / 1_000_000) as i64 + self.wall_ahead;
        WallTime(millis.max(0) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_of_a_drifting_clock_is_met_at_the_first_moment_at_which_it_has_come() {
        for drift in [-20_000, -50, 0, 50, 20_000] {
            let mut clock = Clock::new(drift);
            clock.boot(Instant(7_000_000_000), 123_456_789);
            for span in [1, 999, 1_000_000, 3_333_333_333, 90_000_000_000] {
                let due = Instant(123_456_789 + span);
                let at = clock.truly(due);
                assert!(due <= clock.local(at), "{drift} {span}");
                let early = Instant(at.0.saturating_sub(2_000_000));
                assert!(clock.local(early) < due || early.0 < 7_000_000_000);
            }
        }
    }
}
