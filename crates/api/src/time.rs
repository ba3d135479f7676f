//! Times in JSON: RFC 3339, UTC, milliseconds.

use std::fmt;
use std::str::FromStr;

use model::WallTime;
use serde::{Deserialize, Serialize};

/// A wall clock time as JSON shows it: `2026-11-20T03:00:00.123Z`. Data for people and
/// scripts; nothing is decided from it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(pub WallTime);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<WallTime> for Timestamp {
    fn from(at: WallTime) -> Self {
        Self(at)
    }
}

impl From<Timestamp> for String {
    fn from(at: Timestamp) -> Self {
        at.to_string()
    }
}

/// The text is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no time; write it like 2026-11-20T03:00:00Z")]
pub struct NotATime(String);

impl FromStr for Timestamp {
    type Err = NotATime;
    fn from_str(text: &str) -> Result<Self, NotATime> {
        let bad = || NotATime(text.to_string());
        let at: jiff::Timestamp = text.parse().map_err(|_| bad())?;
        let millis = u64::try_from(at.as_millisecond()).map_err(|_| bad())?;
        Ok(Self(WallTime(millis)))
    }
}

impl TryFrom<String> for Timestamp {
    type Error = NotATime;
    fn try_from(text: String) -> Result<Self, NotATime> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_back_as_written_and_nonsense_is_refused() {
        let at = Timestamp(WallTime(1_795_215_599_999));
        assert_eq!(at.to_string().parse(), Ok(at));
        assert_eq!("2026-11-20T23:59:59.999+01:00".parse::<Timestamp>(), Ok(at));
        assert!("yesterday".parse::<Timestamp>().is_err());
        assert!("1960-01-01T00:00:00Z".parse::<Timestamp>().is_err());
    }
}
