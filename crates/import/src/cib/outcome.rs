//! One recorded result of an operation, and what it means.

use planner::arrange::FailedVerb;

use super::source::{Xml, elements};
use super::values;

/// A result as it is recorded.
#[derive(Debug, Clone)]
pub(super) struct Recorded<'a> {
    pub verb: &'a str,
    pub interval_ms: u64,
    call: i64,
    status: i64,
    code: i64,
    /// The code with which it would have gone as planned.
    expected: Option<i64>,
    /// In which transition it was asked for, and by whom.
    transition: i64,
    coordinator: &'a str,
    /// Seconds since 1970.
    pub changed_at: Option<i64>,
    pub source: Option<&'a str>,
    pub target: Option<&'a str>,
}

/// What a result means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It has not ended.
    UnderWay,
    /// It did what it should.
    Done,
    /// A question found it stopped, which was to be expected or is taken as it is.
    FoundStopped,
    /// A question found it active where that was not expected.
    FoundActive,
    /// A question found it in the leading role where that was not expected.
    FoundLeading,
    /// It was never carried out, or was called off.
    Nothing,
    /// It failed.
    Failed(Cause),
}

/// How bad a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// It may go well another time.
    Ordinary,
    /// It may go well another time; the resource was found leading.
    Leading,
    /// What it needs is not installed there, or not set up: it cannot be active.
    NotInstalled,
    /// It will not go well on this node.
    HopelessHere,
    /// It will not go well anywhere.
    HopelessEverywhere,
}

const INVALID: i64 = 2;
const NOT_INSTALLED: i64 = 5;
const NOT_RUNNING: i64 = 7;
const LEADING: i64 = 8;
const FAILED_LEADING: i64 = 9;

/// Results in the order in which they came to be.
pub(super) fn read<'a>(resource: Xml<'a>) -> Vec<Recorded<'a>> {
    let mut found: Vec<Recorded<'a>> = elements(resource)
        .filter(|element| element.tag_name().name() == "lrm_rsc_op")
        .map(one)
        .collect();
    let (mut ordered, waiting): (Vec<_>, Vec<_>) = found.drain(..).partition(|op| op.call != -1);
    ordered.sort_by_key(|op| (op.call, op.changed_at.unwrap_or(0)));
    // What is under way has no number yet. It comes after what has one, unless a later
    // transition of the same coordinator has already put an end to it.
    for op in waiting {
        let later = ordered.iter().position(|other| {
            other.call != -1
                && other.coordinator == op.coordinator
                && op.transition < other.transition
        });
        ordered.insert(later.unwrap_or(ordered.len()), op);
    }
    ordered
}

fn one(element: Xml<'_>) -> Recorded<'_> {
    let number = |name: &str| element.attribute(name).and_then(values::integer);
    let key = element.attribute("transition-key").unwrap_or_default();
    let mut parts = key.splitn(4, ':');
    let mut part = || parts.next().unwrap_or_default();
    let (_action, transition, expected, coordinator) = (part(), part(), part(), part());
    let milliseconds = element.attribute("interval").and_then(values::integer);
    Recorded {
        verb: element.attribute("operation").unwrap_or_default(),
        interval_ms: milliseconds
            .and_then(|span| u64::try_from(span).ok())
            .unwrap_or(0),
        call: number("call-id").unwrap_or(-1),
        status: number("op-status").unwrap_or(0),
        code: number("rc-code").unwrap_or(0),
        expected: expected.parse().ok().filter(|code| 0 <= *code),
        transition: transition.parse().unwrap_or(-1),
        coordinator,
        changed_at: number("last-rc-change").filter(|at| 0 < *at),
        source: element.attribute("migrate_source"),
        target: element.attribute("migrate_target"),
    }
}

impl Recorded<'_> {
    /// Whether it is a question that is asked once.
    pub fn is_probe(&self) -> bool {
        self.verb == "monitor" && self.interval_ms == 0
    }

    pub fn is_watch(&self) -> bool {
        self.verb == "monitor"
    }

    /// Whether it says nothing about the resource's state.
    pub fn is_talk(&self) -> bool {
        ["notify", "meta-data", "validate-all", "methods"].contains(&self.verb)
    }

    pub fn failed_verb(&self) -> FailedVerb {
        match self.verb {
            "start" => FailedVerb::Start,
            "stop" => FailedVerb::Stop,
            "promote" => FailedVerb::Promote,
            "demote" => FailedVerb::Demote,
            "migrate_to" | "migrate_from" => FailedVerb::Migrate,
            _ => FailedVerb::Watch,
        }
    }

    /// Whether it came after another, by the clocks of two nodes or the numbers of one.
    pub fn is_newer_than(&self, other: &Recorded<'_>, is_same_node: bool) -> bool {
        if is_same_node && self.call != -1 && other.call != -1 {
            return other.call < self.call;
        }
        match (self.changed_at, other.changed_at) {
            (Some(own), Some(other)) if own != other => other < own,
            _ if self.coordinator != other.coordinator => false,
            _ => other.transition < self.transition,
        }
    }

    /// What it means; `is_managed`: whether a resource that stops by itself is a failure.
    pub fn outcome(&self, is_managed: bool) -> Outcome {
        let code = self.plain_code();
        let is_absent = self.is_probe() && [INVALID, NOT_INSTALLED].contains(&code);
        match self.status {
            -1 => return Outcome::UnderWay,
            1 => return Outcome::Nothing,
            2 | 3 if !is_absent => return Outcome::Failed(Cause::Ordinary),
            7 => return Outcome::Failed(Cause::NotInstalled),
            _ => {}
        }
        let is_as_planned = code == self.expected.unwrap_or(0);
        match code {
            NOT_RUNNING if self.is_probe() || is_as_planned => Outcome::FoundStopped,
            NOT_RUNNING if !is_managed => Outcome::FoundStopped,
            _ if is_as_planned => Outcome::Done,
            0 if self.is_probe() => Outcome::FoundActive,
            LEADING if self.is_probe() => Outcome::FoundLeading,
            LEADING | FAILED_LEADING => Outcome::Failed(Cause::Leading),
            INVALID if self.is_probe() => Outcome::Failed(Cause::NotInstalled),
            INVALID | 4 => Outcome::Failed(Cause::HopelessHere),
            3 if self.interval_ms == 0 => Outcome::Failed(Cause::HopelessHere),
            NOT_INSTALLED => Outcome::Failed(Cause::NotInstalled),
            6 => Outcome::Failed(Cause::HopelessEverywhere),
            _ => Outcome::Failed(Cause::Ordinary),
        }
    }

    /// What it would mean had it gone as planned.
    pub fn planned_outcome(&self) -> Outcome {
        match self.expected {
            Some(NOT_RUNNING) => Outcome::FoundStopped,
            Some(LEADING) => Outcome::FoundLeading,
            _ => Outcome::Done,
        }
    }

    /// Whether it found the resource stopped.
    pub fn found_it_stopped(&self) -> bool {
        self.is_watch() && self.status != -1 && self.code == NOT_RUNNING
    }

    /// Whether it went as planned.
    pub fn is_done(&self) -> bool {
        self.status != -1 && self.code == self.expected.unwrap_or(0)
    }

    pub fn is_under_way(&self) -> bool {
        self.status == -1
    }

    /// Whether it found what leads, as was expected.
    pub fn found_it_leading(&self) -> bool {
        self.plain_code() == LEADING
    }

    /// The code, with "degraded" taken for what it is: active.
    fn plain_code(&self) -> i64 {
        match self.code {
            190 if self.is_watch() => 0,
            191 => LEADING,
            code => code,
        }
    }
}
