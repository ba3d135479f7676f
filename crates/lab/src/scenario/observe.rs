//! What is seen of a cluster, against what is expected.

use std::time::{Duration, Instant};

use super::play::explain;
use super::steps::{Condition, Relation};
use crate::handle::Lab;
use crate::view::{self, View};

/// Between two looks: fine enough to time a failover, coarse enough not to disturb it.
const LOOK_PAUSE: Duration = Duration::from_millis(20);

/// What processes of a node have a text in their command line, as numbers joined with commas.
pub(super) fn pids(lab: &Lab, node: &str, text: &str) -> Result<String, String> {
    let all = lab.node_pids(node).map_err(|error| explain(&error))?;
    let found = all
        .iter()
        .filter(|process| process.state != 'Z' && process.command.join(" ").contains(text));
    let numbers: Vec<String> = found.map(|process| process.pid.to_string()).collect();
    Ok(if numbers.is_empty() {
        "none".into()
    } else {
        numbers.join(",")
    })
}

fn are_pids(lab: &Lab, condition: &Condition) -> Option<Result<(), String>> {
    let Condition::Pids {
        node,
        text,
        pids: expected,
        relation,
    } = condition
    else {
        return None;
    };
    let found = pids(lab, node, text);
    Some(
        found.and_then(|found| match (relation, found == *expected) {
            (Relation::Is, true) => Ok(()),
            // Between the end of one process and the start of the next there is none.
            (Relation::IsNot, false) if found != "none" => Ok(()),
            (Relation::Is, false) | (Relation::IsNot, _) => Err(format!("seen: {found}")),
        }),
    )
}

fn holds(report: &View, condition: &Condition) -> bool {
    match condition {
        Condition::AllOnline => report.all_online(report.nodes.len()),
        Condition::Pids { .. } => false,
        Condition::Node { name, state } => report
            .nodes
            .iter()
            .any(|node| node.name == *name && node.state == *state),
        Condition::Service { name, state, node } => report.services.iter().any(|service| {
            let there = node.is_none() || service.node == *node;
            let is_so = service.state == *state || service.role.as_ref() == Some(state);
            service.is_meant_by(name) && is_so && there
        }),
    }
}

fn seen(report: Option<&View>, condition: &Condition) -> String {
    let Some(report) = report else {
        return "no node answers `mainstay status`".into();
    };
    let line = match condition {
        Condition::AllOnline | Condition::Pids { .. } => {
            let all = report.nodes.iter();
            let words: Vec<_> = all.map(|n| format!("{} {}", n.name, n.state)).collect();
            Some(format!(
                "{} (quorate: {})",
                words.join(", "),
                report.quorate
            ))
        }
        Condition::Node { name, .. } => {
            let node = report.nodes.iter().find(|node| node.name == *name);
            node.map(|node| format!("node {name} {}", node.state))
        }
        Condition::Service { name, .. } => {
            let service = report.services.iter().find(|service| service.name == *name);
            service.map(|service| {
                let place = service.node.as_ref().map(|node| format!(" on {node}"));
                format!("{name} {}{}", service.state, place.unwrap_or_default())
            })
        }
    };
    line.map_or_else(
        || "nothing of that name is there".into(),
        |line| format!("seen: {line}"),
    )
}

fn look(lab: &Lab, condition: &Condition) -> Result<(), String> {
    if let Some(result) = are_pids(lab, condition) {
        return result;
    }
    let report = view::look(lab);
    match &report {
        Some(report) if holds(report, condition) => Ok(()),
        Some(_) | None => Err(seen(report.as_ref(), condition)),
    }
}

/// Looks until something is seen.
pub(super) fn await_condition(
    lab: &Lab,
    condition: &Condition,
    limit: Duration,
) -> Result<(), String> {
    await_that(limit, || look(lab, condition))
}

/// Tries until it goes well.
pub(super) fn await_that(
    limit: Duration,
    mut attempt: impl FnMut() -> Result<(), String>,
) -> Result<(), String> {
    let deadline = Instant::now() + limit;
    loop {
        match attempt() {
            Ok(()) => return Ok(()),
            Err(why) if deadline < Instant::now() => {
                return Err(format!("not within {limit:?}; {why}"));
            }
            Err(_) => std::thread::sleep(LOOK_PAUSE),
        }
    }
}

/// Looks whether something stays as it is.
pub(super) fn hold(lab: &Lab, condition: &Condition, span: Duration) -> Result<(), String> {
    let began = Instant::now();
    while began.elapsed() < span {
        if let Err(why) = look(lab, condition) {
            return Err(format!("no longer after {:?}; {why}", began.elapsed()));
        }
        std::thread::sleep(LOOK_PAUSE);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_may_leave_the_node_open() {
        let text = r#"{"cluster":"x","services":[{"name":"web","state":"running","node":"beta"}]}"#;
        let report: View = serde_json::from_str(text).unwrap();
        let on = |node: Option<&str>| Condition::Service {
            name: "web".into(),
            state: "running".into(),
            node: node.map(Into::into),
        };
        assert!(holds(&report, &on(None)));
        assert!(holds(&report, &on(Some("beta"))));
        assert!(!holds(&report, &on(Some("alpha"))));
    }
}
