//! Spans of time as people write them: `80ms`, `1.5s`, `30s`, `5m`, `1h`, `2d`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

/// Why a text is no span of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// No number at the start.
    #[error("a span of time starts with a number, like `800ms`, `30s` or `1h`")]
    Number,
    /// A number alone, or an unknown unit.
    #[error("`{0}` is no unit of time: ms, s, m, h and d are")]
    Unit(String),
}

const UNITS: [(&str, f64); 5] = [
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3600e9),
    ("d", 86_400e9),
];

/// Reads one number with one unit.
///
/// # Errors
/// When there is no number or no known unit.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let number: f64 = text[..end].parse().map_err(|_| DurationError::Number)?;
    let unit = text[end..].trim();
    let (_, nanos) = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .ok_or_else(|| DurationError::Unit(unit.to_string()))?;
    // A year-long limit is beyond any use; clamping keeps the arithmetic away from overflow.
    Ok(Duration::from_nanos((number * nanos).min(3.2e16) as u64))
}

/// Writes a span in the largest unit that leaves a whole number.
#[must_use]
pub fn format(span: Duration) -> String {
    let millis = span.as_millis();
    match millis {
        0 if !span.is_zero() => format!("{}ms", span.as_secs_f64() * 1000.0),
        m if m == 0 || m % 1000 != 0 => format!("{m}ms"),
        m if m % 86_400_000 == 0 => format!("{}d", m / 86_400_000),
        m if m % 3_600_000 == 0 => format!("{}h", m / 3_600_000),
        m if m % 60_000 == 0 => format!("{}m", m / 60_000),
        m => format!("{}s", m / 1000),
    }
}

/// For `#[serde(with = "model::duration")]`: as text.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*span))
}

/// For `#[serde(with = "model::duration")]`: from text.
///
/// # Errors
/// When the text is no span of time.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(serde::de::Error::custom)
}

/// For `#[serde(with = "model::duration::option")]`: as text, or null.
pub mod option {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// Writes the span as text, none as null.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(
        span: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        span.map(super::format).serialize(serializer)
    }

    /// Reads what `serialize` wrote.
    ///
    /// # Errors
    /// When the text is no span of time.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let span = text.map(|text| super::parse(&text)).transpose();
        span.map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_back_as_written() {
        for text in ["80ms", "1500ms", "30s", "5m", "1h", "2d", "0ms"] {
            assert_eq!(format(parse(text).unwrap()), text);
        }
        assert_eq!(parse("1.5s").unwrap(), Duration::from_millis(1500));
        assert_eq!(parse("30"), Err(DurationError::Unit(String::new())));
        assert_eq!(parse("soon"), Err(DurationError::Number));
    }
}
