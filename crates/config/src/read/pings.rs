//! `[network.X.ping]` and `[service.X.ping]`: what should answer, and how many of it.

use std::time::Duration;

use model::networks::{Needed, PingSpec, PingTarget};
use toml::de::DeValue;

use super::Context;
use super::section::Entry;
use super::value::TimeBounds;
use crate::{Code, Problem};

/// Each is asked by each node; more say no more about a network.
const TARGETS_MAX: usize = 16;

const EVERY_DEFAULT: Duration = Duration::from_secs(1);
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(1);
/// Half of them: one router that is restarted moves nothing.
const NEEDED_DEFAULT: Needed = Needed::Percent(50);

/// More questions than this are a burden for whoever answers, and after a minute nobody waits.
const EVERY: TimeBounds = TimeBounds {
    min: Duration::from_millis(200),
    max: Duration::from_secs(60),
};
const TIMEOUT: TimeBounds = TimeBounds {
    min: Duration::from_millis(50),
    max: Duration::from_secs(10),
};

/// Reads the table.
pub(super) fn read(context: &mut Context<'_>, entry: &Entry<'_>, of: &str) -> Option<PingSpec> {
    let mut table = entry.table(context, format!("`ping` of {of}"))?;
    let mut ping = PingSpec {
        targets: Vec::new(),
        needed: NEEDED_DEFAULT,
        every: EVERY_DEFAULT,
        timeout: TIMEOUT_DEFAULT,
    };
    let example = "targets = [\"10.0.0.1\", \"tcp:10.0.0.2:53\"]";
    let is_there = table.require(context, "targets", example);
    if let Some(entry) = table.get("targets").filter(|_| is_there) {
        ping.targets = read_targets(context, &entry);
    }
    if let Some(entry) = table.get("needed")
        && let Some(needed) = read_needed(context, &entry)
    {
        ping.needed = needed;
    }
    if let Some(entry) = table.get("every") {
        ping.every = entry.time(context, EVERY).unwrap_or(ping.every);
    }
    if let Some(entry) = table.get("timeout") {
        ping.timeout = entry.time(context, TIMEOUT).unwrap_or(ping.timeout);
    }
    table.finish(context, &[]);
    (!ping.targets.is_empty()).then_some(ping)
}

fn read_targets(context: &mut Context<'_>, entry: &Entry<'_>) -> Vec<PingTarget> {
    let mut targets: Vec<PingTarget> = Vec::new();
    for item in entry.items(context).unwrap_or_default() {
        let Some(text) = item.some_text(context) else {
            continue;
        };
        match text.value.parse::<PingTarget>() {
            Ok(target) if targets.contains(&target) => {
                let problem =
                    Problem::new(Code::Repeated, format!("`targets` names {target} twice"))
                        .at(text.at, "again")
                        .help("remove the second");
                context.report(problem);
            }
            Ok(target) => targets.push(target),
            Err(error) => {
                let problem = Problem::new(Code::BadAddress, error.to_string())
                    .at(text.at, "not a ping target")
                    .help("write an address like \"10.0.0.1\", or \"tcp:10.0.0.1:80\", or \"udp:10.0.0.1:7\"");
                context.report(problem);
            }
        }
    }
    if TARGETS_MAX < targets.len() {
        let count = targets.len();
        let problem = Problem::new(
            Code::OutOfRange,
            format!("`targets` names {count} targets, at most {TARGETS_MAX} are asked"),
        )
        .at(entry.value.span(), "too many")
        .help("keep those that say most about the network");
        context.report(problem);
        targets.truncate(TARGETS_MAX);
    }
    targets
}

/// A number, or a percentage as a text.
fn read_needed(context: &mut Context<'_>, entry: &Entry<'_>) -> Option<Needed> {
    let DeValue::String(text) = entry.value.get_ref() else {
        let most = i64::try_from(TARGETS_MAX).expect("a small number");
        let number = entry.number(context, 1..=most)?;
        return Some(Needed::Number(
            u32::try_from(number).expect("the bounds are within u32"),
        ));
    };
    let percent = text
        .strip_suffix('%')
        .and_then(|digits| digits.parse().ok());
    let percent = percent.filter(|percent| (1..=100).contains(percent));
    if percent.is_none() {
        let problem = Problem::new(Code::OutOfRange, format!("`needed` cannot be \"{text}\""))
            .at(
                entry.value.span(),
                "a number, or a percentage from \"1%\" to \"100%\"",
            )
            .help("write \"50%\", or how many must answer, like 2");
        context.report(problem);
    }
    percent.map(Needed::Percent)
}
