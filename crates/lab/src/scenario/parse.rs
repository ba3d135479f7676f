//! Reads scenario files.

use std::time::Duration;

use crate::layout;
use crate::protocol::{Cut, Direction};

/// A wait without a bound of its own. A failover takes about a second; ten are a failure.
const WITHIN_DEFAULT: Duration = Duration::from_secs(10);
/// Nobody waits for longer in a test.
const WITHIN_MAX: Duration = Duration::from_secs(120);

/// One line of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its line number.
    pub line: usize,
    /// The line.
    pub text: String,
    /// What it means.
    pub kind: StepKind,
}

/// What must be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// A service is in a state, perhaps on a certain node.
    Service {
        /// The service.
        name: String,
        /// `running` and the other words of `mainstay status`.
        state: String,
        /// Where.
        node: Option<String>,
    },
    /// A node is in a state.
    Node {
        /// The node.
        name: String,
        /// Its state, as `mainstay status` says it.
        state: String,
    },
}

/// What a line means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepKind {
    /// Make the laboratory.
    Up {
        /// Its nodes.
        nodes: Vec<String>,
        /// Its networks.
        networks: Vec<String>,
        /// Whether a cluster is formed.
        cluster: crate::Cluster,
    },
    /// Add this configuration to that of networks, nodes and power.
    Apply(String),
    /// Power loss.
    Kill(String),
    /// Power.
    On(String),
    /// Stop all processes.
    Pause(String),
    /// Let them go on.
    Resume(String),
    /// Kill the daemon.
    DaemonKill(String),
    /// Pull a cable.
    Cut(Cut),
    /// Plug cables in.
    Heal(Option<String>),
    /// Run a command, which must succeed and print the text, if there is one.
    Exec {
        /// Where.
        machine: String,
        /// What.
        argv: Vec<String>,
        /// What it must print.
        expected: Option<String>,
    },
    /// Wait until something is seen.
    Await(Condition, Duration),
    /// See that something stays as it is.
    Hold(Condition, Duration),
    /// Let time pass.
    Run(Duration),
    /// Compare what `mainstay status` prints.
    Status(String),
}

/// Reads a whole file.
///
/// # Errors
/// All lines that cannot be understood.
pub fn parse(text: &str) -> Result<Vec<Step>, Vec<String>> {
    let (mut steps, mut problems) = (Vec::new(), Vec::new());
    let mut lines = text.lines().enumerate();
    while let Some((index, raw)) = lines.next() {
        let (line, number) = (raw.trim(), index + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (head, body) = match line.split_once("<<") {
            Some((head, mark)) => (head.trim(), Some(take_body(&mut lines, mark.trim()))),
            None => (line, None),
        };
        match parse_step(head, body) {
            Ok(kind) => steps.push(Step {
                line: number,
                text: head.to_string(),
                kind,
            }),
            Err(why) => problems.push(format!("line {number}: `{line}`: {why}")),
        }
    }
    if problems.is_empty() {
        Ok(steps)
    } else {
        Err(problems)
    }
}

fn take_body<'a>(lines: &mut impl Iterator<Item = (usize, &'a str)>, mark: &str) -> String {
    let body: Vec<&str> = lines
        .map(|(_, line)| line)
        .take_while(|line| line.trim() != mark)
        .collect();
    body.iter().map(|line| format!("{line}\n")).collect()
}

fn parse_step(head: &str, body: Option<String>) -> Result<StepKind, String> {
    let words: Vec<&str> = head.split_whitespace().collect();
    let (verb, rest) = words.split_first().ok_or("an empty step")?;
    let one = || match rest {
        [node] => Ok((*node).to_string()),
        _ => Err(format!("`{verb}` takes one node")),
    };
    let text = || {
        body.clone()
            .ok_or(format!("`{verb}` needs a text: `{verb} <<EOF`"))
    };
    Ok(match *verb {
        "up" => parse_up(rest)?,
        "apply" => StepKind::Apply(text()?),
        "status" => StepKind::Status(text()?),
        "kill" => StepKind::Kill(one()?),
        "on" => StepKind::On(one()?),
        "pause" => StepKind::Pause(one()?),
        "resume" => StepKind::Resume(one()?),
        "daemon-kill" => StepKind::DaemonKill(one()?),
        "cut" => StepKind::Cut(parse_cut(rest)?),
        "heal" if rest.is_empty() => StepKind::Heal(None),
        "heal" => StepKind::Heal(Some(one()?)),
        "exec" => parse_exec(rest, body)?,
        "wait" | "expect" => {
            let (condition, limit) = parse_condition(rest, "within")?;
            StepKind::Await(condition, limit)
        }
        "hold" => {
            let (condition, limit) = parse_condition(rest, "for")?;
            StepKind::Hold(condition, limit)
        }
        "run" => StepKind::Run(span(rest.first().copied().unwrap_or_default())?),
        _ => return Err("there is no such step".into()),
    })
}

fn span(text: &str) -> Result<Duration, String> {
    let span = model::duration::parse(text).map_err(|error| error.to_string())?;
    if WITHIN_MAX < span {
        return Err(format!("longer than {WITHIN_MAX:?}"));
    }
    Ok(span)
}

fn parse_up(words: &[&str]) -> Result<StepKind, String> {
    let mut nodes = layout::node_names(3);
    let mut networks = vec!["lan".to_string(), "san".to_string()];
    let mut cluster = crate::Cluster::Formed;
    for word in words {
        match word.split_once('=') {
            Some(("nodes", count)) => {
                let count = count.parse().map_err(|_| "`nodes=` takes a number")?;
                nodes = layout::node_names(count);
            }
            Some(("networks", names)) => networks = names.split(',').map(Into::into).collect(),
            None if *word == "bare" => cluster = crate::Cluster::Bare,
            _ => return Err(format!("`up` does not know `{word}`")),
        }
    }
    Ok(StepKind::Up {
        nodes,
        networks,
        cluster,
    })
}

fn parse_cut(words: &[&str]) -> Result<Cut, String> {
    let (node, mut rest) = words.split_first().ok_or("`cut` needs a node")?;
    let node = (*node).to_string();
    let mut cut = Cut {
        node,
        network: None,
        direction: Direction::Both,
        from: None,
    };
    loop {
        rest = match rest {
            [] => return Ok(cut),
            ["in", rest @ ..] => {
                cut.direction = Direction::In;
                rest
            }
            ["out", rest @ ..] => {
                cut.direction = Direction::Out;
                rest
            }
            ["network", name, rest @ ..] => {
                cut.network = Some((*name).to_string());
                rest
            }
            ["from", name, rest @ ..] => {
                cut.from = Some((*name).to_string());
                rest
            }
            [word, ..] => return Err(format!("`cut` does not know `{word}`")),
        }
    }
}

fn parse_exec(words: &[&str], expected: Option<String>) -> Result<StepKind, String> {
    match words.split_first() {
        Some((machine, argv)) if !argv.is_empty() => Ok(StepKind::Exec {
            machine: (*machine).to_string(),
            argv: argv.iter().map(ToString::to_string).collect(),
            expected,
        }),
        Some(_) | None => Err("`exec` needs a machine and a command".into()),
    }
}

fn parse_condition(words: &[&str], mark: &str) -> Result<(Condition, Duration), String> {
    let (words, limit) = match words {
        [words @ .., last, limit] if *last == mark => (words, span(limit)?),
        _ => (words, WITHIN_DEFAULT),
    };
    let own = |word: &str| word.to_string();
    let condition = match words {
        ["node", name, state] => Condition::Node {
            name: own(name),
            state: own(state),
        },
        [name, state] => Condition::Service {
            name: own(name),
            state: own(state),
            node: None,
        },
        [name, state, "on", node] => Condition::Service {
            name: own(name),
            state: own(state),
            node: Some(own(node)),
        },
        _ => {
            let forms = "`SERVICE STATE [on NODE]` or `node NODE STATE`";
            return Err(format!("not understood: {forms}, then `{mark} TIME`"));
        }
    };
    Ok((condition, limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<StepKind> {
        parse(text)
            .unwrap()
            .into_iter()
            .map(|step| step.kind)
            .collect()
    }

    #[test]
    fn a_story_is_read_line_by_line() {
        let text = "# a failover\nup nodes=2\napply <<END\n[service.web]\nEND\n\nkill alpha\n\
                    expect web running on beta within 3s\nheal";
        let steps = kinds(text);
        assert_eq!(steps.len(), 5);
        assert_eq!(steps[1], StepKind::Apply("[service.web]\n".into()));
        let condition = Condition::Service {
            name: "web".into(),
            state: "running".into(),
            node: Some("beta".into()),
        };
        assert_eq!(steps[3], StepKind::Await(condition, Duration::from_secs(3)));
        assert_eq!(parse(text).unwrap()[2].line, 7);
    }

    #[test]
    fn all_bad_lines_are_reported_at_once() {
        let problems = parse("up\njump alpha\nrun 1d\nkill\nexpect within 3s").unwrap_err();
        let lines: Vec<_> = problems
            .iter()
            .map(|p| p.split(':').next().unwrap())
            .collect();
        assert_eq!(lines, ["line 2", "line 3", "line 4", "line 5"]);
    }

    #[test]
    fn a_cut_may_name_a_network_a_direction_and_another_node() {
        let expected = Cut {
            node: "alpha".into(),
            network: Some("san".into()),
            direction: Direction::In,
            from: Some("beta".into()),
        };
        assert_eq!(
            kinds("cut alpha network san in from beta"),
            [StepKind::Cut(expected)]
        );
    }
}
