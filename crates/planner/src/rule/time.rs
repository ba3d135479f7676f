//! Conditions on the time. All of them are in UTC: a rule must not answer differently on
//! two nodes because their zones differ.

use jiff::civil::DateTime;
use jiff::{Span, Timestamp, ToSpan, tz::TimeZone};

/// Seconds since 1970 (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixSeconds(pub i64);

/// What is asked of the time.
#[derive(Debug, Clone, PartialEq)]
pub enum TimeTest {
    /// It is this or later.
    From(UnixSeconds),
    /// It is this or earlier.
    Until(UnixSeconds),
    /// It is later than this.
    After(UnixSeconds),
    /// It is earlier than this.
    Before(UnixSeconds),
    /// Both ends belong to it.
    Within(UnixSeconds, UnixSeconds),
    /// Calendar and clock show certain numbers.
    Shows(Box<DateFields>),
}

/// Numbers that calendar and clock must show: from and to, both included. What is `None`
/// may be anything.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DateFields {
    /// 0 to 59.
    pub seconds: Option<(i64, i64)>,
    /// 0 to 59.
    pub minutes: Option<(i64, i64)>,
    /// 0 to 23.
    pub hours: Option<(i64, i64)>,
    /// Monday is 1.
    pub weekdays: Option<(i64, i64)>,
    /// 1 to 31.
    pub monthdays: Option<(i64, i64)>,
    /// 1 to 366.
    pub yeardays: Option<(i64, i64)>,
    /// 1 to 12.
    pub months: Option<(i64, i64)>,
    /// Weeks of the week year, from 1.
    pub weeks: Option<(i64, i64)>,
    /// Years.
    pub years: Option<(i64, i64)>,
    /// The year to which the week belongs.
    pub weekyears: Option<(i64, i64)>,
}

/// A span by the calendar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Period {
    /// Years.
    pub years: i64,
    /// Months.
    pub months: i64,
    /// Weeks.
    pub weeks: i64,
    /// Days.
    pub days: i64,
    /// Hours.
    pub hours: i64,
    /// Minutes.
    pub minutes: i64,
    /// Seconds.
    pub seconds: i64,
}

impl TimeTest {
    /// Whether it holds at this time.
    #[must_use]
    pub fn holds(&self, now: UnixSeconds) -> bool {
        match self {
            Self::From(start) => *start <= now,
            Self::Until(end) => now <= *end,
            Self::After(start) => *start < now,
            Self::Before(end) => now < *end,
            Self::Within(start, end) => *start <= now && now <= *end,
            Self::Shows(fields) => civil(now).is_some_and(|shown| fields.hold(shown)),
        }
    }
}

impl DateFields {
    fn hold(&self, shown: DateTime) -> bool {
        let week = shown.date().iso_week_date();
        let is_within = |wanted: Option<(i64, i64)>, value: i64| {
            wanted.is_none_or(|(from, to)| from <= value && value <= to)
        };
        is_within(self.seconds, shown.second().into())
            && is_within(self.minutes, shown.minute().into())
            && is_within(self.hours, shown.hour().into())
            && is_within(self.weekdays, week.weekday().to_monday_one_offset().into())
            && is_within(self.monthdays, shown.day().into())
            && is_within(self.yeardays, shown.date().day_of_year().into())
            && is_within(self.months, shown.month().into())
            && is_within(self.weeks, week.week().into())
            && is_within(self.years, shown.year().into())
            && is_within(self.weekyears, week.year().into())
    }
}

fn civil(at: UnixSeconds) -> Option<DateTime> {
    let at = Timestamp::from_second(at.0).ok()?;
    Some(at.to_zoned(TimeZone::UTC).datetime())
}

/// The time at which calendar and clock in UTC show this.
#[must_use]
pub fn from_civil(shown: DateTime) -> Option<UnixSeconds> {
    let zoned = shown.to_zoned(TimeZone::UTC).ok()?;
    Some(UnixSeconds(zoned.timestamp().as_second()))
}

/// The time so much later by the calendar; none, when that is beyond the calendar.
#[must_use]
pub fn add_period(start: UnixSeconds, period: Period) -> Option<UnixSeconds> {
    let days = Span::new()
        .try_years(period.years)
        .and_then(|span| span.try_months(period.months))
        .and_then(|span| span.try_weeks(period.weeks))
        .and_then(|span| span.try_days(period.days))
        .ok()?;
    let clock = 0
        .seconds()
        .try_hours(period.hours)
        .and_then(|span| span.try_minutes(period.minutes))
        .and_then(|span| span.try_seconds(period.seconds))
        .ok()?;
    let end = civil(start)?.checked_add(days).ok()?;
    from_civil(end.checked_add(clock).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    /// Sets one of the fields of a date.
    type SetField = fn(&mut DateFields, (i64, i64));

    /// Sets one of the parts of a period.
    type SetPart = fn(&mut Period);

    fn at(year: i16, month: i8, day: i8, hour: i8) -> UnixSeconds {
        from_civil(date(year, month, day).at(hour, 0, 0, 0)).unwrap()
    }

    #[test]
    fn office_hours_are_days_of_the_week_and_hours() {
        let office = TimeTest::Shows(Box::new(DateFields {
            hours: Some((9, 16)),
            weekdays: Some((1, 5)),
            ..DateFields::default()
        }));
        assert!(office.holds(at(2026, 11, 27, 9)), "a Friday");
        assert!(!office.holds(at(2026, 11, 27, 17)));
        assert!(!office.holds(at(2026, 11, 28, 9)), "a Saturday");
    }

    #[test]
    fn a_week_at_the_turn_of_the_year_belongs_to_its_week_year() {
        let last = TimeTest::Shows(Box::new(DateFields {
            weeks: Some((53, 53)),
            weekyears: Some((2026, 2026)),
            ..DateFields::default()
        }));
        assert!(last.holds(at(2027, 1, 1, 0)));
        assert!(!last.holds(at(2027, 1, 4, 0)));
    }

    #[test]
    fn months_are_added_by_the_calendar() {
        let period = Period {
            months: 1,
            hours: 2,
            ..Period::default()
        };
        assert_eq!(
            add_period(at(2026, 1, 31, 0), period),
            Some(at(2026, 2, 28, 2))
        );
        let absurd = Period {
            years: i64::MAX,
            ..Period::default()
        };
        assert_eq!(add_period(at(2026, 1, 31, 0), absurd), None);
    }

    #[test]
    fn both_ends_belong_to_a_span() {
        let span = TimeTest::Within(UnixSeconds(10), UnixSeconds(20));
        let answers = [9, 10, 20, 21].map(|now| span.holds(UnixSeconds(now)));
        assert_eq!(answers, [false, true, true, false]);
    }

    #[test]
    fn from_and_until_take_their_own_moment_in_and_after_and_before_leave_it_out() {
        let answers = |test: TimeTest| [9, 10, 11].map(|now| test.holds(UnixSeconds(now)));
        let ten = UnixSeconds(10);
        assert_eq!(answers(TimeTest::From(ten)), [false, true, true]);
        assert_eq!(answers(TimeTest::Until(ten)), [true, true, false]);
        assert_eq!(answers(TimeTest::After(ten)), [false, false, true]);
        assert_eq!(answers(TimeTest::Before(ten)), [true, false, false]);
    }

    #[test]
    fn each_field_of_a_date_must_be_within_its_span() {
        // A Friday, the 331st day, in week 48.
        let shown = from_civil(date(2026, 11, 27).at(9, 30, 15, 0)).unwrap();
        let fields: [(&str, i64, SetField); 10] = [
            ("seconds", 15, |it, span| it.seconds = Some(span)),
            ("minutes", 30, |it, span| it.minutes = Some(span)),
            ("hours", 9, |it, span| it.hours = Some(span)),
            ("weekdays", 5, |it, span| it.weekdays = Some(span)),
            ("monthdays", 27, |it, span| it.monthdays = Some(span)),
            ("yeardays", 331, |it, span| it.yeardays = Some(span)),
            ("months", 11, |it, span| it.months = Some(span)),
            ("weeks", 48, |it, span| it.weeks = Some(span)),
            ("years", 2026, |it, span| it.years = Some(span)),
            ("weekyears", 2026, |it, span| it.weekyears = Some(span)),
        ];
        for (name, value, set) in fields {
            let holds = |from: i64, to: i64| {
                let mut wanted = DateFields::default();
                set(&mut wanted, (from, to));
                TimeTest::Shows(Box::new(wanted)).holds(shown)
            };
            assert!(holds(value, value), "{name}");
            assert!(!holds(value + 1, value + 2), "{name}: later");
            assert!(!holds(value - 2, value - 1), "{name}: earlier");
        }
    }

    #[test]
    fn each_part_of_a_period_is_added() {
        let parts: [(SetPart, UnixSeconds); 7] = [
            (|it| it.years = 1, at(2027, 1, 31, 0)),
            (|it| it.months = 2, at(2026, 3, 31, 0)),
            (|it| it.weeks = 1, at(2026, 2, 7, 0)),
            (|it| it.days = 1, at(2026, 2, 1, 0)),
            (|it| it.hours = 3, at(2026, 1, 31, 3)),
            (|it| it.minutes = 120, at(2026, 1, 31, 2)),
            (|it| it.seconds = 3600, at(2026, 1, 31, 1)),
        ];
        for (set, then) in parts {
            let mut period = Period::default();
            set(&mut period);
            assert_eq!(add_period(at(2026, 1, 31, 0), period), Some(then));
        }
    }
}
