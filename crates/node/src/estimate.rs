//! Times as they are told ahead: sums of what was measured, and of limits where nothing was.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use model::{DeviceName, Measured, ServiceName, Spans};

/// What a time is made of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// An operation on a service.
    Service(ServiceName, Measured),
    /// The answer of a fence device.
    Fence(DeviceName),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(service, Measured::Start) => write!(f, "the start of {service}"),
            Self::Service(service, Measured::Stop) => write!(f, "the stop of {service}"),
            Self::Service(service, Measured::Migration) => {
                write!(f, "the live move of {service}")
            }
            Self::Service(service, Measured::Restart) => write!(f, "the restart of {service}"),
            Self::Service(service, Measured::Promote) => {
                write!(f, "the promotion of {service}")
            }
            Self::Service(service, Measured::Demote) => write!(f, "the demotion of {service}"),
            Self::Fence(device) => write!(f, "{device}"),
        }
    }
}

/// A time, told ahead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Estimate {
    /// The sum of what is known: timings, and the middle of what was measured. What was never
    /// measured is not in it.
    pub about: Duration,
    /// When everything takes as long as it ever did, and what was never measured as long as its
    /// limit allows.
    pub at_most: Duration,
    /// What it is made of, and how often each part was measured. Timings are no parts.
    pub parts: BTreeMap<Part, usize>,
}

impl Estimate {
    /// A timing.
    #[must_use]
    pub fn of(span: Duration) -> Self {
        Self {
            about: span,
            at_most: span,
            parts: BTreeMap::new(),
        }
    }

    /// Something that may have been measured; `limit` counts where it was not.
    #[must_use]
    pub fn of_part(part: Part, spans: Option<&Spans>, limit: Duration) -> Self {
        let known = spans.and_then(|spans| Some((spans.typical()?, spans.longest()?)));
        let (about, at_most) = known.unwrap_or((Duration::ZERO, limit));
        let count = spans.map_or(0, Spans::count);
        Self {
            about,
            at_most,
            parts: [(part, count)].into(),
        }
    }

    /// The one after the other.
    #[must_use]
    pub fn then(&self, next: &Self) -> Self {
        Self {
            about: self.about + next.about,
            at_most: self.at_most + next.at_most,
            parts: merged(&self.parts, &next.parts),
        }
    }

    /// Both have to happen: the later one.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let later = if self.about < other.about {
            other
        } else {
            self
        };
        let unmeasured = |one: &Self| one.parts.values().any(|count| *count == 0);
        Self {
            about: later.about,
            at_most: self.at_most.max(other.at_most),
            // What was never measured may make the other one the later.
            parts: match unmeasured(self) || unmeasured(other) {
                true => merged(&self.parts, &other.parts),
                false => later.parts.clone(),
            },
        }
    }

    /// From `earlier` to this.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let is_new = |part: &Part| !earlier.parts.contains_key(part);
        Self {
            about: self.about.saturating_sub(earlier.about),
            at_most: self.at_most.saturating_sub(earlier.at_most),
            parts: (self.parts.iter())
                .filter(|(part, _)| is_new(part))
                .map(|(part, count)| (part.clone(), *count))
                .collect(),
        }
    }

    /// What was never measured.
    pub fn unmeasured(&self) -> impl Iterator<Item = &Part> {
        self.parts
            .iter()
            .filter(|(_, count)| **count == 0)
            .map(|(part, _)| part)
    }

    /// Of the measurements that it rests on the fewest; none where it rests on none.
    #[must_use]
    pub fn measured(&self) -> Option<usize> {
        self.parts
            .values()
            .copied()
            .filter(|count| 0 < *count)
            .min()
    }
}

fn merged(one: &BTreeMap<Part, usize>, other: &BTreeMap<Part, usize>) -> BTreeMap<Part, usize> {
    let mut all = one.clone();
    all.extend(other.iter().map(|(part, count)| (part.clone(), *count)));
    all
}

/// The time as one without answer: `about 40 ms without answer; measured 12 times`.
impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unmeasured: Vec<String> = self.unmeasured().map(ToString::to_string).collect();
        let about = say(self.about);
        if unmeasured.is_empty() {
            write!(f, "about {about} without answer")?;
            return match self.measured() {
                Some(1) => write!(f, "; measured once"),
                Some(times) => write!(f, "; measured {times} times"),
                None => write!(f, "; by the timings"),
            };
        }
        let at_most = say(self.at_most);
        let what = unmeasured.join(" and ");
        if self.about.is_zero() {
            write!(f, "not measured yet: {what}; the limits allow {at_most}")
        } else {
            write!(
                f,
                "about {about} without answer, and {what}, not measured yet; the limits allow {at_most}"
            )
        }
    }
}

/// A span as people say it: `40 ms`, `1.3 s`, `12 s`, `2 min`.
#[must_use]
pub fn say(span: Duration) -> String {
    let millis = span.as_millis();
    match millis {
        0..1000 => format!("{millis} ms"),
        1000..10_000 => format!("{}.{} s", millis / 1000, millis % 1000 / 100),
        10_000..120_000 => format!("{} s", millis / 1000),
        _ => format!("{} min", millis / 60_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(millis: &[u64]) -> Spans {
        let mut spans = Spans::default();
        for millis in millis {
            spans.push(Duration::from_millis(*millis));
        }
        spans
    }

    fn part(what: Measured, millis: &[u64]) -> Estimate {
        let part = Part::Service("web".parse().unwrap(), what);
        let spans = spans(millis);
        Estimate::of_part(part, Some(&spans), Duration::from_secs(60))
    }

    #[test]
    fn a_time_says_what_it_rests_on() {
        let stop = part(Measured::Stop, &[10, 12, 9]);
        let start = part(Measured::Start, &[30, 28]);
        let never = part(Measured::Start, &[]);
        let lost = Estimate::of(Duration::from_millis(800));
        let said = [
            stop.then(&start),
            never.clone(),
            lost.then(&never),
            lost.then(&stop).since(&lost),
            lost.and(&stop),
            lost.and(&never),
            Estimate::of(Duration::from_millis(1500)),
        ]
        .map(|one| one.to_string());
        assert_eq!(
            said,
            [
                "about 40 ms without answer; measured 2 times",
                "not measured yet: the start of web; the limits allow 60 s",
                "about 800 ms without answer, and the start of web, not measured yet; the limits allow 60 s",
                "about 10 ms without answer; measured 3 times",
                "about 800 ms without answer; by the timings",
                "about 800 ms without answer, and the start of web, not measured yet; the limits allow 60 s",
                "about 1.5 s without answer; by the timings",
            ]
        );
    }
}
