//! Reads scenario files.

use std::time::Duration;

use super::steps::{Condition, Ending, Program, Relation, Source, Step, StepKind, Verdict};
use crate::layout;
use crate::protocol::{Cut, Direction};

/// A wait without a bound of its own. A failover takes about a second; ten are a failure.
const WITHIN_DEFAULT: Duration = Duration::from_secs(10);
/// Nobody waits for longer in a test.
const WITHIN_MAX: Duration = Duration::from_secs(120);
/// More would not end within the time that a test may take.
const REPEAT_MAX: usize = 100;

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
        match parse_step(head, body.as_deref()) {
            Ok(kind) => steps.push(Step {
                line: number,
                text: head.to_string(),
                body,
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

/// Reads one step: its line and the text that it brings along.
///
/// # Errors
/// What cannot be understood about it.
pub(super) fn parse_step(head: &str, body: Option<&str>) -> Result<StepKind, String> {
    let words: Vec<&str> = head.split_whitespace().collect();
    let (verb, rest) = words.split_first().ok_or("an empty step")?;
    let text = || body.ok_or(format!("`{verb}` needs a text: `{verb} <<EOF`"));
    let lines = || text().map(parts);
    Ok(match *verb {
        "up" => parse_up(rest)?,
        "apply" => StepKind::Apply(text()?.into()),
        "install" => parse_install(rest)?,
        "config" => StepKind::Config {
            file: one(verb, "file", rest)?,
            text: text()?.into(),
        },
        "status" => StepKind::Status(text()?.into()),
        "cut" => StepKind::Cut(parse_cut(rest)?),
        "heal" if rest.is_empty() => StepKind::Heal(None),
        "heal" => StepKind::Heal(Some(one(verb, "node", rest)?)),
        "device" => parse_device(rest)?,
        "clock" => parse_clock(rest)?,
        "let" => parse_let(rest)?,
        "exec" => {
            let (machine, argv) = parse_command(verb, rest)?;
            let expected = body.map(Into::into);
            StepKind::Exec {
                machine,
                argv,
                expected,
            }
        }
        "shows" => parse_shows(verb, rest, lines()?, Ending::Done)?,
        "refuse" => parse_shows(verb, rest, lines()?, Ending::Refused)?,
        "sh" => StepKind::Script {
            machine: one(verb, "machine", rest)?,
            text: text()?.into(),
        },
        "wait" | "expect" => {
            let (condition, limit) = parse_condition(rest, "within")?;
            StepKind::Await(condition, limit)
        }
        "hold" => {
            let (condition, limit) = parse_condition(rest, "for")?;
            StepKind::Hold(condition, limit)
        }
        "run" => StepKind::Run(span(rest.first().copied().unwrap_or_default())?),
        "mark" => StepKind::Mark,
        "happened" => StepKind::Happened(lines()?),
        "never" => StepKind::Never(lines()?),
        "ask" => parse_ask(rest)?,
        "outage" | "no" => StepKind::Judge(parse_verdict(&words)?),
        "apart" => parse_apart(rest)?,
        "repeat" => parse_repeat(rest, text()?)?,
        _ => parse_power(verb, rest)?,
    })
}

fn parse_ask(rest: &[&str]) -> Result<StepKind, String> {
    let probe = ["mainstay", "lab-probe"];
    let argv = match rest {
        ["by", program @ ..] if !program.is_empty() => program.to_vec(),
        [url] if *url != "by" => [&probe[..], &[url]].concat(),
        [url, "every", every] => {
            span(every)?;
            [&probe[..], &[url, "--every", every]].concat()
        }
        _ => return Err("`ask URL [every TIME]` or `ask by PROGRAM [ARGUMENT...]`".into()),
    };
    Ok(StepKind::Ask(
        argv.into_iter().map(str::to_string).collect(),
    ))
}

fn parse_power(verb: &str, rest: &[&str]) -> Result<StepKind, String> {
    let make: fn(String) -> StepKind = match verb {
        "kill" => StepKind::Kill,
        "on" => StepKind::On,
        "wipe" => StepKind::Wipe,
        "pause" => StepKind::Pause,
        "resume" => StepKind::Resume,
        "daemon-kill" => StepKind::DaemonKill,
        _ => return Err("there is no such step".into()),
    };
    one(verb, "node", rest).map(make)
}

fn one(verb: &str, what: &str, rest: &[&str]) -> Result<String, String> {
    match rest {
        [word] => Ok((*word).to_string()),
        _ => Err(format!("`{verb}` takes one {what}")),
    }
}

/// The lines of a text that say something.
fn parts(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty())
        .map(Into::into)
        .collect()
}

fn parse_device(words: &[&str]) -> Result<StepKind, String> {
    let (node, trouble) = words.split_first().ok_or("`device` needs a node")?;
    let trouble = match trouble {
        ["works"] => String::new(),
        pairs if !pairs.is_empty() && pairs.iter().all(|pair| pair.contains('=')) => {
            pairs.join("\n")
        }
        _ => return Err("a device `works`, or has options of fence_lab, as `fail=off`".into()),
    };
    let node = (*node).to_string();
    Ok(StepKind::Device { node, trouble })
}

fn parse_clock(words: &[&str]) -> Result<StepKind, String> {
    let usage = "`clock NODE +1h`, `clock NODE -30y` or `clock NODE right`";
    let [node, by] = words else {
        return Err(usage.into());
    };
    let node = (*node).to_string();
    if *by == "right" {
        return Ok(StepKind::Clock { node, millis: 0 });
    }
    let unit = by.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    let millis = match unit {
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "y" => 365 * 86_400_000,
        _ => return Err(usage.into()),
    };
    let number = by[..by.len() - unit.len()].parse::<i32>();
    let number = i64::from(number.map_err(|_| usage)?);
    let millis = number * millis;
    Ok(StepKind::Clock { node, millis })
}

fn parse_let(words: &[&str]) -> Result<StepKind, String> {
    let [name, "=", source @ ..] = words else {
        return Err("`let NAME = …`".into());
    };
    let own = |word: &&str| (*word).to_string();
    let source = match source {
        ["leader"] => Source::Leader,
        ["random", "node"] => Source::RandomNode,
        ["node", "of", service] => Source::NodeOf(own(service)),
        ["node", "beside", nodes @ ..] => Source::NodeBeside(nodes.iter().map(own).collect()),
        ["pids", node, text] => Source::Pids {
            node: own(node),
            text: own(text),
        },
        _ => {
            let forms = "`leader`, `random node`, `node of SERVICE`, `node beside NODE…` or \
                         `pids NODE TEXT`";
            return Err(format!("not understood: {forms}"));
        }
    };
    let name = (*name).to_string();
    Ok(StepKind::Let { name, source })
}

fn parse_shows(
    verb: &str,
    words: &[&str],
    parts: Vec<String>,
    ending: Ending,
) -> Result<StepKind, String> {
    let (machine, argv) = parse_command(verb, words)?;
    Ok(StepKind::Shows {
        machine,
        argv,
        parts,
        ending,
    })
}

fn parse_verdict(words: &[&str]) -> Result<Verdict, String> {
    match words {
        ["outage", "under", limit] => Ok(Verdict::OutageUnder(span(limit)?)),
        ["outage", "from", least, "to", most] => {
            Ok(Verdict::OutageBetween(span(least)?, span(most)?))
        }
        ["no", "failure"] => Ok(Verdict::NoFailure),
        _ => Err("`outage under TIME`, `outage from TIME to TIME` or `no failure`".into()),
    }
}

fn parse_apart(words: &[&str]) -> Result<StepKind, String> {
    let (file, copies) = match words {
        [file] => (file, 1),
        [file, "copies", least] => (file, least.parse().map_err(|_| "`copies` takes a number")?),
        _ => return Err("`apart FILE [copies N]`".into()),
    };
    let file = (*file).to_string();
    Ok(StepKind::Apart { file, copies })
}

fn parse_repeat(words: &[&str], text: &str) -> Result<StepKind, String> {
    let times = words.first().and_then(|word| word.parse().ok());
    let times = times.filter(|times| (1..=REPEAT_MAX).contains(times));
    let times = times.ok_or(format!("`repeat` takes a number up to {REPEAT_MAX}"))?;
    let steps = parse(text).map_err(|problems| problems.join("; "))?;
    Ok(StepKind::Repeat(times, steps))
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
    let mut witness = layout::Witness::Absent;
    let mut fittings = crate::Fittings::default();
    let mut seed = 1;
    let mut program = Program::ThisOne;
    let mut spares = 0;
    for word in words {
        match word.split_once('=') {
            Some(("nodes", count)) => {
                let count = count.parse().map_err(|_| "`nodes=` takes a number")?;
                nodes = layout::node_names(count);
            }
            Some(("networks", names)) => networks = names.split(',').map(Into::into).collect(),
            Some(("seed", number)) => {
                seed = number.parse().map_err(|_| "`seed=` takes a number")?;
            }
            Some(("spares", count)) => {
                spares = count.parse().map_err(|_| "`spares=` takes a number")?;
            }
            Some(("barred_for", time)) => fittings.barred_for = Some(time.into()),
            Some(("watchdog", time)) => fittings.watchdog = Some(time.into()),
            None if *word == "nofence" => fittings.power = crate::PowerUse::Unused,
            None if *word == "witness" => witness = layout::Witness::Present,
            None if *word == "disk" => fittings.disk = crate::DiskUse::Votes,
            None if *word == "pill" => fittings.disk = crate::DiskUse::VotesAndFences,
            None if *word == "older" => program = Program::Older,
            None if *word == "bare" => cluster = crate::Cluster::Bare,
            _ => return Err(format!("`up` does not know `{word}`")),
        }
    }
    Ok(StepKind::Up {
        nodes,
        witness,
        networks,
        spares,
        cluster,
        fittings,
        program,
        seed,
    })
}

fn parse_install(words: &[&str]) -> Result<StepKind, String> {
    let (node, program) = match words {
        [node, "older"] => (node, Program::Older),
        [node, "newer"] => (node, Program::ThisOne),
        _ => return Err("`install` takes a node and `older` or `newer`".into()),
    };
    let node = (*node).to_string();
    Ok(StepKind::Install { node, program })
}

fn parse_cut(words: &[&str]) -> Result<Cut, String> {
    let (node, mut rest) = words.split_first().ok_or("`cut` needs a node")?;
    let (node, card) = crate::protocol::node_and_card(node);
    let mut cut = Cut {
        node,
        card,
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

fn parse_command(verb: &str, words: &[&str]) -> Result<(String, Vec<String>), String> {
    match words.split_first() {
        Some((machine, argv)) if !argv.is_empty() => {
            let argv = argv.iter().map(ToString::to_string).collect();
            Ok(((*machine).to_string(), argv))
        }
        Some(_) | None => Err(format!("`{verb}` needs a machine and a command")),
    }
}

fn parse_condition(words: &[&str], mark: &str) -> Result<(Condition, Duration), String> {
    let (words, limit) = match words {
        [words @ .., last, limit] if *last == mark => (words, span(limit)?),
        _ => (words, WITHIN_DEFAULT),
    };
    let own = |word: &str| word.to_string();
    let condition = match words {
        ["all", "online"] => Condition::AllOnline,
        ["pids", node, text, relation, pids] => Condition::Pids {
            node: own(node),
            text: own(text),
            pids: own(pids),
            relation: match *relation {
                "=" => Relation::Is,
                "!=" => Relation::IsNot,
                _ => return Err("`pids NODE TEXT = PIDS` or `!=`".into()),
            },
        },
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
            let forms = "`SERVICE STATE [on NODE]`, `node NODE STATE`, `all online` or \
                         `pids NODE TEXT = PIDS`";
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
    fn a_client_asks_an_address_or_is_a_program() {
        let argv = |text: &str| match kinds(text).pop() {
            Some(StepKind::Ask(argv)) => argv.join(" "),
            other => panic!("{other:?}"),
        };
        assert_eq!(argv("ask http://a/"), "mainstay lab-probe http://a/");
        assert_eq!(
            argv("ask tcp://a:445 every 50ms"),
            "mainstay lab-probe tcp://a:445 --every 50ms"
        );
        assert_eq!(argv("ask by /run/rows 7"), "/run/rows 7");
        for wrong in ["ask", "ask by", "ask http://a/ every often", "ask a b"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_text_may_hold_steps_with_texts_of_their_own() {
        let text = "repeat 2 <<AGAIN\nlet x = random node\nkill {x}\nsh client <<END\ntrue\nEND\nAGAIN\nheal";
        let steps = kinds(text);
        assert_eq!(steps.len(), 2);
        let StepKind::Repeat(2, inner) = &steps[0] else {
            panic!("{steps:?}");
        };
        assert_eq!(inner.len(), 3);
        assert_eq!(inner[1].kind, StepKind::Kill("{x}".into()));
        assert_eq!(inner[2].body.as_deref(), Some("true\n"));
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
            card: None,
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
