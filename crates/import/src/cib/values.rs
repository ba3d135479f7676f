//! Values as they are written in a CIB.

use jiff::ToSpan;
use jiff::civil::{DateTime, ISOWeekDate, Weekday};
use planner::arrange::Score;
use planner::rule::{Period, UnixSeconds, from_civil};

/// `INFINITY`, `-INFINITY` or a whole number.
pub(super) fn score(text: &str) -> Option<Score> {
    let text = text.trim();
    match text.to_ascii_uppercase().as_str() {
        "INFINITY" | "+INFINITY" => Some(Score::INFINITY),
        "-INFINITY" => Some(Score::MINUS_INFINITY),
        _ => integer(text).map(Score::new),
    }
}

/// A whole number; what follows the digits does not count.
pub(super) fn integer(text: &str) -> Option<i64> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(digits.len());
    if end == 0 {
        return None;
    }
    Some(digits[..end].parse::<i64>().unwrap_or(i64::MAX) * sign)
}

/// Yes or no.
pub(super) fn truth(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "y" | "1" => Some(true),
        "false" | "off" | "no" | "n" | "0" => Some(false),
        _ => None,
    }
}

/// A span of time, in milliseconds: `10`, `10s`, `5min`, `PT10S`. A bare number is seconds.
pub(super) fn milliseconds(text: &str) -> Option<u64> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("INFINITY") {
        return Some(u64::MAX);
    }
    if text.starts_with('P') {
        return period_seconds(&period(text)?).map(|seconds| seconds.saturating_mul(1000));
    }
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u64 = text[..end].parse().ok()?;
    let milliseconds = match text[end..].trim().to_ascii_lowercase().as_str() {
        "us" | "usec" => number / 1000,
        "ms" | "msec" => number,
        "" | "s" | "sec" => number.saturating_mul(1000),
        "m" | "min" => number.saturating_mul(60_000),
        "h" | "hr" => number.saturating_mul(3_600_000),
        _ => return None,
    };
    Some(milliseconds)
}

/// A span where a month has 30 days; intervals have no start to count from.
fn period_seconds(period: &Period) -> Option<u64> {
    let days = period
        .years
        .checked_mul(365)?
        .checked_add(period.months.checked_mul(30)?)?
        .checked_add(period.weeks.checked_mul(7)?)?
        .checked_add(period.days)?;
    let seconds = days
        .checked_mul(24)?
        .checked_add(period.hours)?
        .checked_mul(60)?
        .checked_add(period.minutes)?
        .checked_mul(60)?
        .checked_add(period.seconds)?;
    u64::try_from(seconds).ok()
}

/// A span as ISO 8601 writes it: `P1Y2M3DT4H5M6S`, `P2W`; a time unit without its `T` too.
pub(super) fn period(text: &str) -> Option<Period> {
    let mut rest = text.trim().strip_prefix('P')?;
    let mut period = Period::default();
    let mut is_time = false;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('T') {
            (is_time, rest) = (true, after);
            continue;
        }
        let end = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let number: i64 = rest[..end].parse().ok()?;
        let unit = rest[end..].chars().next()?;
        let field = match (unit, is_time) {
            ('Y', false) => &mut period.years,
            ('M', false) => &mut period.months,
            ('W', false) => &mut period.weeks,
            ('D', false) => &mut period.days,
            ('M', true) => &mut period.minutes,
            ('H', _) => &mut period.hours,
            ('S', _) => &mut period.seconds,
            _ => return None,
        };
        *field = number;
        rest = &rest[end + unit.len_utf8()..];
    }
    Some(period)
}

/// A point in time as ISO 8601 writes it, with the date as `2026-11-28`, `20261128`,
/// `2026-332` or `2026-W48-6`. Without an offset it is UTC.
pub(super) fn time(text: &str) -> Option<UnixSeconds> {
    let text = text.trim();
    let (day, clock) = match text.split_once(['T', ' ']) {
        Some((day, clock)) => (day, clock.trim()),
        None => (text, ""),
    };
    let start = day_start(day)?;
    let (clock, offset) = split_offset(clock);
    let seconds = clock_seconds(clock)? - offset_seconds(offset)?;
    from_civil(start).map(|start| UnixSeconds(start.0.saturating_add(seconds)))
}

fn day_start(day: &str) -> Option<DateTime> {
    let number = |text: &str| text.parse::<i16>().ok();
    let parts: Vec<&str> = day.split('-').collect();
    let found = match parts.as_slice() {
        [year, week, weekday] if week.starts_with('W') => {
            let week = week[1..].parse().ok()?;
            let weekday = Weekday::from_monday_one_offset(weekday.parse().ok()?).ok()?;
            ISOWeekDate::new(number(year)?, week, weekday).ok()?.date()
        }
        [year, month, day] => {
            jiff::civil::Date::new(number(year)?, month.parse().ok()?, day.parse().ok()?).ok()?
        }
        [year, yearday] => {
            let first = jiff::civil::Date::new(number(year)?, 1, 1).ok()?;
            let days = number(yearday)?.checked_sub(1)?;
            first.checked_add(i64::from(days).days()).ok()?
        }
        [whole] if whole.len() == 8 && whole.is_ascii() => jiff::civil::Date::new(
            number(&whole[..4])?,
            whole[4..6].parse().ok()?,
            whole[6..].parse().ok()?,
        )
        .ok()?,
        _ => return None,
    };
    Some(found.at(0, 0, 0, 0))
}

fn split_offset(clock: &str) -> (&str, &str) {
    match clock.find(['Z', '+', '-']) {
        Some(at) => (clock[..at].trim(), &clock[at..]),
        None => (clock, ""),
    }
}

/// `10`, `10:20`, `10:20:30`, `102030`.
fn clock_seconds(clock: &str) -> Option<i64> {
    let digits: String = clock.chars().filter(char::is_ascii_digit).collect();
    let is_clock = clock
        .chars()
        .all(|c| c.is_ascii_digit() || c == ':' || c == '.');
    if !is_clock {
        return None;
    }
    let part = |at: usize| {
        let text = digits.get(at..at + 2).unwrap_or("0");
        text.parse::<i64>().unwrap_or(0)
    };
    Some((part(0) * 60 + part(2)) * 60 + part(4))
}

fn offset_seconds(offset: &str) -> Option<i64> {
    let sign = match offset.chars().next() {
        None | Some('Z') => return Some(0),
        Some('-') => -1,
        Some(_) => 1,
    };
    clock_seconds(&offset[1..]).map(|seconds| seconds * sign)
}

/// `5`, `1-5`, `3-`: from and to.
pub(super) fn range(text: &str) -> Option<(i64, i64)> {
    let text = text.trim();
    match text.split_once('-') {
        None => text.parse().ok().map(|value| (value, value)),
        Some((from, "")) => from.parse().ok().map(|from| (from, i64::MAX)),
        Some(("", to)) => to.parse().ok().map(|to| (i64::MIN, to)),
        Some((from, to)) => Some((from.parse().ok()?, to.parse().ok()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn scores_end_at_the_ends() {
        let read = ["+INFINITY", "-infinity", "12", "-7", "99999999", "x"].map(score);
        let written = read.map(|score| score.map_or("none".to_string(), |s| s.to_string()));
        assert_eq!(written, ["always", "never", "12", "-7", "always", "none"]);
    }

    #[test]
    fn spans_have_many_spellings() {
        let read = [
            "10", "10s", "500ms", "2h", "5min", "PT1M", "P10S", "P1D", "x",
        ]
        .map(milliseconds);
        let wanted = [
            Some(10_000),
            Some(10_000),
            Some(500),
            Some(7_200_000),
            Some(300_000),
            Some(60_000),
            Some(10_000),
            Some(86_400_000),
            None,
        ];
        assert_eq!(read, wanted);
    }

    #[test]
    fn the_same_moment_has_many_spellings() {
        let noon = from_civil(date(2026, 11, 28).at(12, 0, 0, 0));
        for text in [
            "2026-11-28 12:00:00Z",
            "2026-11-28T12:00",
            "20261128T120000",
            "2026-332 12:00",
            "2026-W48-6 12:00",
            "2026-11-28 13:00 +01:00",
        ] {
            assert_eq!(time(text), noon, "{text}");
        }
        assert_eq!(time("soon"), None);
    }
}
