//! Operations of a resource, and what is done when one fails.

use planner::arrange::OnFail;
use planner::rule::Facts as RuleFacts;

use super::attributes::{self, Values};
use super::draft::{Draft, Facts};
use super::options::Options;
use super::source::Xml;
use super::{values, words};

/// An operation as it is configured.
#[derive(Debug, Clone, Default)]
pub(super) struct Operation {
    pub name: String,
    pub interval_ms: u64,
    /// In which role it is made.
    pub role: Option<&'static str>,
    pub on_fail: Option<String>,
    pub enabled: bool,
    /// How long it may take.
    pub timeout_ms: Option<u64>,
    /// How deep it looks: the level that it gives the agent.
    pub level: u32,
}

/// Parameter of an operation by which an agent is asked to look deeper than usual.
const LEVEL: &str = "OCF_CHECK_LEVEL";

/// What stands in `<operations>`, and in that of the template.
pub(super) fn read<'a>(
    draft: &Draft<'a>,
    element: Xml<'a>,
    template: Option<Xml<'a>>,
    kind: (&str, &str, &str),
) -> Vec<Operation> {
    let mut found: Vec<Operation> = Vec::new();
    for holder in [Some(element), template].into_iter().flatten() {
        for list in draft.source.children(holder, "operations") {
            for op in draft.source.children(list, "op") {
                let operation = one(draft, op, kind);
                let is_there = found.iter().any(|known| {
                    known.name == operation.name && known.interval_ms == operation.interval_ms
                });
                if !is_there {
                    found.push(operation);
                }
            }
        }
    }
    found
}

fn one<'a>(draft: &Draft<'a>, op: Xml<'a>, kind: (&str, &str, &str)) -> Operation {
    let name = op.attribute("name").unwrap_or_default();
    let interval = op.attribute("interval").unwrap_or("0");
    let interval_ms = values::milliseconds(interval).unwrap_or(0);
    let facts = RuleFacts {
        now: draft.now,
        resource: Some(kind),
        operation: Some((name, interval_ms)),
        ..RuleFacts::default()
    };
    let mut meta = attributes::read(&draft.source, op, "meta_attributes", &facts);
    let more = attributes::read(&draft.source, op, "instance_attributes", &facts);
    attributes::merge(&mut meta, more);
    attributes::merge(&mut meta, defaults(draft, &facts));
    let get = |names: [&str; 2]| {
        let own = names.iter().find_map(|name| op.attribute(*name));
        own.or_else(|| {
            names
                .iter()
                .find_map(|name| meta.get(*name).map(String::as_str))
        })
        .map(str::to_string)
    };
    Operation {
        name: name.to_string(),
        interval_ms,
        role: get(["role", "role"]).and_then(|role| words::role(&role)),
        on_fail: get(["on-fail", "on_fail"]),
        enabled: get(["enabled", "enabled"])
            .and_then(|word| values::truth(&word))
            .unwrap_or(true),
        timeout_ms: get(["timeout", "timeout"]).and_then(|span| values::milliseconds(&span)),
        level: meta
            .get(LEVEL)
            .and_then(|level| level.trim().parse().ok())
            .unwrap_or_default(),
    }
}

/// What `op_defaults` say for such an operation.
fn defaults(draft: &Draft<'_>, facts: &RuleFacts<'_>) -> Values {
    let section = draft.source.section("op_defaults");
    section.map_or_else(Values::new, |section| {
        attributes::read(&draft.source, section, "meta_attributes", facts)
    })
}

/// How long an operation may take that does not stand at its resource.
pub(super) fn default_timeout(
    draft: &Draft<'_>,
    kind: (&str, &str, &str),
    verb: &str,
) -> Option<u64> {
    let facts = RuleFacts {
        now: draft.now,
        resource: Some(kind),
        operation: Some((verb, 0)),
        ..RuleFacts::default()
    };
    let timeout = defaults(draft, &facts).remove("timeout")?;
    values::milliseconds(&timeout)
}

/// What is done when this operation fails.
pub(super) fn answer(options: &Options, facts: &Facts<'_>, verb: &str, interval_ms: u64) -> OnFail {
    let configured = facts
        .operations
        .iter()
        .filter(|operation| operation.name == verb && operation.interval_ms == interval_ms)
        .min_by_key(|operation| !operation.enabled);
    let word = configured.and_then(|operation| operation.on_fail.as_deref());
    let is_role_watch =
        configured.is_some_and(|operation| operation.role == Some("Promoted") && 0 < interval_ms);
    // Some answers make no sense to a stop that failed.
    let is_stop = verb == "stop";
    let answer = word.and_then(|word| match word.to_ascii_lowercase().as_str() {
        "ignore" | "nothing" => Some(OnFail::Ignore),
        "block" => Some(OnFail::Block),
        "fence" if options.fencing() => Some(OnFail::Fence),
        "fence" => Some(OnFail::Stop),
        "standby" => Some(OnFail::Standby),
        "stop" if !is_stop => Some(OnFail::Stop),
        "migrate" | "ban" if !is_stop => Some(OnFail::Move),
        "restart" | "restart-container" if !is_stop => Some(OnFail::Restart),
        "demote" if verb == "promote" || (verb == "monitor" && is_role_watch) => {
            Some(OnFail::Demote)
        }
        _ => None,
    });
    answer.unwrap_or_else(|| default_answer(options, facts, verb))
}

fn default_answer(options: &Options, facts: &Facts<'_>, verb: &str) -> OnFail {
    match verb {
        "stop" if options.fencing() => OnFail::Fence,
        "stop" => OnFail::Block,
        "demote" => {
            // As for the watch of the leading role.
            let watch = facts.operations.iter().find(|operation| {
                operation.name == "monitor"
                    && operation.role == Some("Promoted")
                    && operation.enabled
                    && 0 < operation.interval_ms
                    && operation
                        .on_fail
                        .as_deref()
                        .is_some_and(|word| word != "demote")
            });
            watch.map_or(OnFail::Restart, |watch| {
                answer(options, facts, "monitor", watch.interval_ms)
            })
        }
        _ => OnFail::Restart,
    }
}
