//! Times as plain numbers. Pure crates are given the time; they never ask for it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment of one machine's monotonic clock: nanoseconds since some fixed moment of its
/// boot. Moments of two machines cannot be compared. It never jumps when somebody sets
/// the wall clock.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Instant(pub u64);

impl Instant {
    /// The beginning of this machine's clock.
    pub const ZERO: Self = Self(0);

    /// How long after `earlier` this is; zero when it is before.
    #[must_use]
    pub fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for Instant {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

/// What a wall clock showed: milliseconds since 1970 (UTC). Data for people; no decision
/// that matters for safety may follow from it.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct WallTime(pub u64);

impl WallTime {
    /// How long after `earlier` this is; zero when it is before.
    #[must_use]
    pub fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// A moment of the cluster's life: milliseconds that somebody led it, more or less. It is
/// carried by the commands of the log: it never goes back, goes on with the monotonic clock
/// of whoever stamps from the newest stamp that was applied there, and stands still while the
/// whole cluster is off. Setting a wall clock does not move it, so every window of time
/// that decisions follow from is measured in it.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ClusterTime(pub u64);

impl ClusterTime {
    /// How long after `earlier` this is; zero when it is before.
    #[must_use]
    pub fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for ClusterTime {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis))
    }
}

/// A moment as people read it and as decisions count it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// What a wall clock showed.
    pub at: WallTime,
    /// When it was in the cluster's life.
    pub clock: ClusterTime,
}

impl fmt::Display for WallTime {
    /// RFC 3339 in UTC with milliseconds: `2026-11-20T03:00:00.123Z`. The calendar
    /// arithmetic is the days-to-civil algorithm by Howard Hinnant.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.0 / 1000, self.0 % 1000);
        let (days, of_day) = (seconds / 86_400, seconds % 86_400);
        let z = days + 719_468;
        let (era, doe) = (z / 146_097, z % 146_097);
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = doy - (153 * mp + 2) / 5 + 1;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        let year = yoe + era * 400 + u64::from(month <= 2);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_prints_as_rfc_3339() {
        assert_eq!(WallTime(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(
            WallTime(1_709_210_096_007).to_string(),
            "2024-02-29T12:34:56.007Z"
        );
        assert_eq!(
            WallTime(1_795_215_599_999).to_string(),
            "2026-11-20T22:59:59.999Z"
        );
    }
}
