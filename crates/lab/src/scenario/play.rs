//! Plays the steps of a scenario in a laboratory of its own.

use std::time::{Duration, Instant};

use super::parse::{Condition, Step, StepKind};
use crate::form::{Cluster, apply_services, form};
use crate::handle::{Lab, LabError, Options};
use crate::view::{self, View};

/// Between two looks: fine enough to time a failover, coarse enough not to disturb it.
const LOOK_PAUSE: Duration = Duration::from_millis(20);

/// What went otherwise than written.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: `{text}`: {why}")]
pub struct Failure {
    /// The line of the step.
    pub line: usize,
    /// The step.
    pub text: String,
    /// What was seen instead.
    pub why: String,
}

/// Plays steps in order, up to the first that fails. `tell` hears of each that went well.
///
/// # Errors
/// The step that went otherwise than written.
pub fn play(steps: &[Step], tell: &mut dyn FnMut(&Step, Duration)) -> Result<(), Failure> {
    let mut lab = None;
    for step in steps {
        let began = Instant::now();
        let done = match &step.kind {
            StepKind::Up {
                nodes,
                networks,
                cluster,
            } => {
                let up = bring_up(nodes, networks, *cluster);
                up.map(|made| lab = Some(made))
                    .map_err(|error| explain(&error))
            }
            kind => match &lab {
                Some(lab) => carry_out(lab, kind),
                None => Err("the first step is `up`".to_string()),
            },
        };
        let failure = |why| Failure {
            line: step.line,
            text: step.text.clone(),
            why,
        };
        done.map_err(failure)?;
        tell(step, began.elapsed());
    }
    Ok(())
}

fn explain(error: &LabError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

fn bring_up(nodes: &[String], networks: &[String], cluster: Cluster) -> Result<Lab, LabError> {
    let lab = Lab::up(&Options {
        name: format!("scenario-{}", std::process::id()),
        nodes: nodes.to_vec(),
        networks: networks.to_vec(),
        ..Options::default()
    })?;
    match cluster {
        Cluster::Bare => {}
        Cluster::Formed => form(&lab, None)?,
    }
    Ok(lab)
}

fn carry_out(lab: &Lab, kind: &StepKind) -> Result<(), String> {
    let done = match kind {
        StepKind::Up { .. } => return Err("one laboratory is enough".into()),
        StepKind::Apply(text) => apply_services(lab, text).map(drop),
        StepKind::Kill(node) => lab.kill(node),
        StepKind::On(node) => lab.on(node),
        StepKind::Pause(node) => lab.pause(node),
        StepKind::Resume(node) => lab.resume(node),
        StepKind::DaemonKill(node) => lab.daemon_kill(node),
        StepKind::Cut(cut) => lab.cut(cut),
        StepKind::Heal(node) => lab.heal(node.as_deref()),
        StepKind::Run(span) => {
            std::thread::sleep(*span);
            Ok(())
        }
        StepKind::Exec {
            machine,
            argv,
            expected,
        } => {
            return exec(lab, machine, argv, expected.as_deref());
        }
        StepKind::Await(condition, limit) => return await_condition(lab, condition, *limit),
        StepKind::Hold(condition, span) => return hold(lab, condition, *span),
        StepKind::Status(expected) => {
            let seen = view::ask(lab, &["mainstay", "status"]);
            return compare(expected, &seen.ok_or("no node answers `mainstay status`")?);
        }
    };
    done.map_err(|error| explain(&error))
}

fn exec(lab: &Lab, machine: &str, argv: &[String], expected: Option<&str>) -> Result<(), String> {
    let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
    let printed = lab
        .exec_ok(machine, &argv)
        .map_err(|error| explain(&error))?;
    expected.map_or(Ok(()), |expected| compare(expected, &printed))
}

fn holds(report: &View, condition: &Condition) -> bool {
    match condition {
        Condition::Node { name, state } => report
            .nodes
            .iter()
            .any(|node| node.name == *name && node.state == *state),
        Condition::Service { name, state, node } => report.services.iter().any(|service| {
            let there = node.is_none() || service.node == *node;
            service.name == *name && service.state == *state && there
        }),
    }
}

fn seen(report: Option<&View>, condition: &Condition) -> String {
    let Some(report) = report else {
        return "no node answers `mainstay status`".into();
    };
    let line = match condition {
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

fn await_condition(lab: &Lab, condition: &Condition, limit: Duration) -> Result<(), String> {
    let deadline = Instant::now() + limit;
    loop {
        let report = view::look(lab);
        if report
            .as_ref()
            .is_some_and(|report| holds(report, condition))
        {
            return Ok(());
        }
        if deadline < Instant::now() {
            return Err(format!(
                "not within {limit:?}; {}",
                seen(report.as_ref(), condition)
            ));
        }
        std::thread::sleep(LOOK_PAUSE);
    }
}

fn hold(lab: &Lab, condition: &Condition, span: Duration) -> Result<(), String> {
    let began = Instant::now();
    while began.elapsed() < span {
        let report = view::look(lab);
        if !report
            .as_ref()
            .is_some_and(|report| holds(report, condition))
        {
            let after = began.elapsed();
            return Err(format!(
                "no longer after {after:?}; {}",
                seen(report.as_ref(), condition)
            ));
        }
        std::thread::sleep(LOOK_PAUSE);
    }
    Ok(())
}

fn compare(expected: &str, seen: &str) -> Result<(), String> {
    let (expected, seen) = (normalise(expected), normalise(seen));
    if expected == seen {
        return Ok(());
    }
    Err(format!("expected\n{expected}\nbut saw\n{seen}"))
}

/// Makes texts comparable that were printed at different times: spans become `TIME`, moments
/// become `WHEN`, and runs of blanks one blank.
#[must_use]
pub fn normalise(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let words: Vec<String> = line.split_whitespace().map(normalise_word).collect();
        words.join(" ")
    });
    lines
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

fn normalise_word(word: &str) -> String {
    let bare = word.trim_matches(|c: char| "(),;".contains(c));
    let digits = bare
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(bare.len());
    let is_span = 0 < digits && ["ms", "s", "m", "h", "d"].contains(&&bare[digits..]);
    let is_moment = bare.len() >= 20 && bare.as_bytes()[10] == b'T' && bare.ends_with('Z');
    match (is_span, is_moment) {
        (true, _) => word.replace(bare, "TIME"),
        (false, true) => word.replace(bare, "WHEN"),
        (false, false) => word.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_widths_do_not_count_in_comparisons() {
        let text = "web   running  on alpha  (12s ago)\n\n  since 2026-11-20T21:11:15.123Z 1.5s\n";
        assert_eq!(
            normalise(text),
            "web running on alpha (TIME ago)\nsince WHEN TIME"
        );
    }

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
