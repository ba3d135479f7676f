//! What answers failures: `on_failure` and `restart`, of a service and of its resources.

use std::ops::Range;
use std::time::Duration;

use model::answers::ResourceAnswers;
use model::rules::{FailureAnswer, StopFailureAnswer};
use model::spec::{RestartPolicy, ServiceSpec};
use model::{ResourceName, ServiceName};
use toml::de::DeValue;

use super::Context;
use super::section::{Entry, Section};
use super::value::TimeBounds;

/// A program that was restarted this often in a window will not be mended by one more.
const RESTARTS_MAX: i64 = 100;

/// What a resource, or a definition that resources share, says of its failures.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    on_failure: ResourceAnswers,
    restart: SaidRestart,
    /// Where it says `demote`.
    demote_at: Option<Range<usize>>,
}

/// The keys of `restart` that are there.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SaidRestart {
    times: Option<u32>,
    within: Option<Duration>,
}

impl SaidRestart {
    /// What is not said is as in `base`.
    pub(super) fn over(self, base: RestartPolicy) -> RestartPolicy {
        RestartPolicy {
            times: self.times.unwrap_or(base.times),
            within: self.within.unwrap_or(base.within),
        }
    }

    fn says_something(self) -> bool {
        self.times.is_some() || self.within.is_some()
    }
}

impl Said {
    /// Reads `on_failure` and `restart`, which go with every kind of resource.
    pub(super) fn read(context: &mut Context<'_>, section: &mut Section<'_>, title: &str) -> Self {
        let mut said = Self::default();
        if let Some(entry) = section.get("on_failure") {
            said.on_failure = read_on_failure(context, &entry);
            let answers = [said.on_failure.start, said.on_failure.run];
            let says_demote = answers.contains(&Some(FailureAnswer::Demote));
            said.demote_at = says_demote.then(|| entry.key_at.clone());
        }
        if let Some(entry) = section.get("restart")
            && let Some(table) = entry.table(context, format!("`restart` of {title}"))
        {
            said.restart = read_restart(context, table);
        }
        said
    }

    /// What is not said here is as in the definition that is used.
    fn over(self, base: Self) -> Self {
        let (own, below) = (self.on_failure, base.on_failure);
        Self {
            on_failure: ResourceAnswers {
                start: own.start.or(below.start),
                run: own.run.or(below.run),
                stop: own.stop.or(below.stop),
                restart: None,
            },
            restart: SaidRestart {
                times: self.restart.times.or(base.restart.times),
                within: self.restart.within.or(base.restart.within),
            },
            demote_at: self.demote_at.or(base.demote_at),
        }
    }
}

/// Gives the service what its resources say; those that say nothing are not kept.
pub(super) fn take(context: &mut Context<'_>, name: &ServiceName, service: &mut ServiceSpec) {
    for (resource, said) in std::mem::take(&mut context.said) {
        if let Some(at) = said.demote_at {
            context.places.put(place_of(name, &resource), at);
        }
        let restart = said.restart.says_something();
        let answers = ResourceAnswers {
            restart: restart.then(|| said.restart.over(service.restart)),
            ..said.on_failure
        };
        if !answers.says_nothing() {
            service.rules.answers.insert(resource, answers);
        }
    }
}

/// Where the place of `on_failure` of a resource is kept.
pub(super) fn place_of(service: &ServiceName, resource: &ResourceName) -> String {
    format!("service/{service}/{resource}/on_failure")
}

/// Notes what a resource says, under its name.
pub(super) fn note(
    context: &mut Context<'_>,
    (service, name): (&ServiceName, &ResourceName),
    own: Said,
) {
    let used = context.shared.get(&format!("service/{service}/{name}"));
    let definition = used.and_then(|used| context.definitions.get(used));
    let said = match definition {
        Some(definition) => own.over(definition.said.clone()),
        None => own,
    };
    context.said.insert(name.clone(), said);
}

/// One word for all failures but those of stops, or a table.
pub(super) fn read_on_failure(context: &mut Context<'_>, entry: &Entry<'_>) -> ResourceAnswers {
    let mut said = ResourceAnswers::default();
    if let DeValue::String(_) = entry.value.get_ref() {
        said.start = entry.word(context, &FailureAnswer::WORDS);
        said.run = said.start;
        return said;
    }
    let Some(mut table) = entry.table(context, "`on_failure`".to_string()) else {
        return said;
    };
    for (key, into) in [("start", &mut said.start), ("run", &mut said.run)] {
        if let Some(entry) = table.get(key) {
            *into = entry.word(context, &FailureAnswer::WORDS);
        }
    }
    if let Some(entry) = table.get("stop") {
        let words = [
            ("fence", StopFailureAnswer::Fence),
            ("block", StopFailureAnswer::Block),
        ];
        said.stop = entry.word(context, &words);
    }
    table.finish(context, &[]);
    said
}

/// `{ times, within }`.
pub(super) fn read_restart(context: &mut Context<'_>, mut section: Section<'_>) -> SaidRestart {
    let mut said = SaidRestart::default();
    if let Some(entry) = section.get("times")
        && let Some(times) = entry.number(context, 0..=RESTARTS_MAX)
    {
        said.times = Some(u32::try_from(times).expect("the bounds are within u32"));
    }
    if let Some(entry) = section.get("within") {
        let bounds = TimeBounds {
            max: TimeBounds::POSITIVE.max * 30,
            ..TimeBounds::POSITIVE
        };
        said.within = entry.time(context, bounds);
    }
    section.finish(context, &[]);
    said
}
