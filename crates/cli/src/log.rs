//! `log` and `log-level`: what nodes have written down, and how much they do.

use api::{
    ApiError, DaemonLine, DaemonLog, Levels, LevelsChange, LevelsRequest, LogLine, LogView, routes,
};
use config::Colour;

use crate::args::{LogArgs, LogLevelArgs};
use crate::client::Client;
use crate::exit::Exit;
use crate::run::{since_time, suggesting};
use crate::screen::{Form, Screen, Tone, paint};

/// How an operation has ended that has not, in the words of the daemon.
const UNENDED: &str = "has not ended";

/// `log [SERVICE]`. With `--follow` it ends with the first error, at the latest when the daemon
/// ends.
pub(crate) fn log(
    client: &Client,
    screen: &mut Screen,
    form: Form,
    args: &LogArgs,
) -> Result<Exit, ApiError> {
    match &args.service {
        Some(service) => of_service(client, (screen, form), (service.as_str(), args)),
        None => of_daemon(client, (screen, form), args),
    }
}

/// A path with the questions that both logs share.
fn path(head: String, args: &LogArgs, screen: &Screen) -> Result<String, ApiError> {
    let mut questions: Vec<String> = Vec::new();
    questions.extend(args.node.iter().map(|node| format!("node={node}")));
    let resources = args.resource.iter();
    questions.extend(resources.map(|resource| format!("resource={resource}")));
    let operations = args.operation.iter();
    questions.extend(operations.map(|operation| format!("operation={}", plain(operation))));
    if let Some(since) = &args.since {
        questions.push(format!(
            "since={}",
            since_time(since, (screen.now)(), "--since")?
        ));
    }
    match questions.is_empty() {
        true => Ok(head),
        false => Ok(format!("{head}?{}", questions.join("&"))),
    }
}

/// Only what may stand in a path: verbs and numbers have nothing else.
fn plain(text: &str) -> String {
    let letters = text.chars();
    letters.filter(char::is_ascii_alphanumeric).collect()
}

fn and(path: &str, question: &str) -> String {
    let joint = if path.contains('?') { '&' } else { '?' };
    format!("{path}{joint}{question}")
}

fn of_service(
    client: &Client,
    (screen, form): (&mut Screen, Form),
    (service, args): (&str, &LogArgs),
) -> Result<Exit, ApiError> {
    let path = path(format!("{}/{service}", routes::LOG), args, screen)?;
    let mut view: LogView = suggesting(client, service, client.get(&path))?;
    match form {
        Form::Json => screen.print_json(&view),
        Form::Text => screen.print(whole(&view, args, screen.colour)),
    }
    if !args.follow {
        return Ok(Exit::Done);
    }
    loop {
        let path = and(&path, &format!("follow={}", view.cursor));
        view = client.get(&path)?;
        match form {
            Form::Json if view.lines.is_empty() => {}
            Form::Json => screen.print_json(&view),
            Form::Text => {
                let lines = view.lines.iter();
                let text: String = lines.map(|line| news(line, screen.colour)).collect();
                screen.print(text);
            }
        }
    }
}

/// One piece of news: a beginning, an end, or what was printed in between.
fn news(line: &LogLine, colour: Colour) -> String {
    let printed: String = line
        .output
        .lines()
        .map(|printed| format!("    {printed}\n"))
        .collect();
    match (line.verb.as_str(), line.outcome.as_str()) {
        ("", "") => printed,
        (_, UNENDED) => entry(line, colour).replace(UNENDED, "begins"),
        _told => entry(line, colour),
    }
}

/// What operations printed.
fn whole(log: &LogView, args: &LogArgs, colour: Colour) -> String {
    let mut text = String::new();
    if log.lines.is_empty() {
        let (service, node) = (&log.service, &log.node);
        text.push_str(&match wanted(args).as_str() {
            "" => format!("{service} has done nothing on {node} yet\n"),
            of => format!("of {service} nothing is kept on {node}{of}\n"),
        });
    }
    for line in &log.lines {
        text.push_str(&entry(line, colour));
    }
    let elsewhere = log.runs_on.as_ref().filter(|node| **node != log.node);
    if let Some(node) = elsewhere {
        let service = &log.service;
        text.push_str(&format!(
            "{service} is on {node}: `mainstay log {service} --node {node}` shows what it prints now\n"
        ));
    }
    text
}

/// What part of a log was asked for.
fn wanted(args: &LogArgs) -> String {
    let mut of = String::new();
    if let Some(operation) = &args.operation {
        match operation.parse::<u64>() {
            Ok(plan) => of.push_str(&format!(" of plan {plan}")),
            Err(_) => of.push_str(&format!(" of `{operation}`")),
        }
    }
    if let Some(resource) = &args.resource {
        of.push_str(&format!(" of resource {resource}"));
    }
    if let Some(since) = &args.since {
        of.push_str(&format!(" since {since}"));
    }
    of
}

fn log_head(line: &LogLine) -> String {
    let LogLine {
        resource,
        verb,
        outcome,
        took_ms,
        ..
    } = line;
    match (verb.as_str(), outcome.as_str()) {
        ("", "") => format!("{resource}: its own output"),
        ("", outcome) => format!("{resource}: {outcome}"),
        (verb, UNENDED) => format!("{resource} {verb}: {UNENDED}"),
        (verb, outcome) => format!("{resource} {verb}: {outcome} ({took_ms} ms)"),
    }
}

fn entry(line: &LogLine, colour: Colour) -> String {
    let at = match line.at.0.0 {
        // Its beginning is no longer kept, and so is its time.
        0 => "before".to_string(),
        _known => line.at.to_string(),
    };
    let at = paint(&at, Tone::Quiet, colour);
    let head = paint(&log_head(line), Tone::Strong, colour);
    let mut text = format!("{at}  {head}\n");
    for printed in line.output.lines() {
        text.push_str(&format!("    {printed}\n"));
    }
    text
}

fn of_daemon(
    client: &Client,
    (screen, form): (&mut Screen, Form),
    args: &LogArgs,
) -> Result<Exit, ApiError> {
    let path = path(routes::DAEMON_LOG.to_string(), args, screen)?;
    let mut log: DaemonLog = client.get(&path)?;
    loop {
        match form {
            Form::Json if args.follow && log.lines.is_empty() => {}
            Form::Json => screen.print_json(&log),
            Form::Text => {
                if 0 < log.missed {
                    screen.print(format_args!("({} lines were missed)\n", log.missed));
                }
                let lines = log.lines.iter();
                let text: String = lines.map(|line| daemon_line(line, screen.colour)).collect();
                screen.print(text);
            }
        }
        if !args.follow {
            return Ok(Exit::Done);
        }
        log = client.get(&and(&path, &format!("follow={}", log.cursor)))?;
    }
}

fn daemon_line(line: &DaemonLine, colour: Colour) -> String {
    let tone = match line.level.as_str() {
        "error" => Tone::Bad,
        "warn" => Tone::Care,
        _other => Tone::Plain,
    };
    let at = paint(&line.at.to_string(), Tone::Quiet, colour);
    let level = format!("{:5}", line.level);
    let level = paint(&level, tone, colour);
    format!("{at}  {level}  {}: {}\n", line.module, line.text)
}

/// `log-level [LEVELS]`.
pub(crate) fn level(
    client: &Client,
    screen: &mut Screen,
    form: Form,
    args: &LogLevelArgs,
) -> Result<Exit, ApiError> {
    let change = match (&args.levels, args.reset) {
        (Some(levels), _) => Some(LevelsChange::Set(levels.clone())),
        (None, true) => Some(LevelsChange::Reset),
        (None, false) => None,
    };
    let levels: Levels = match change {
        Some(change) => {
            let node = args.node.clone();
            client.post(routes::LOG_LEVEL, &LevelsRequest { node, change })?
        }
        None => match &args.node {
            Some(node) => client.get(&format!("{}?node={node}", routes::LOG_LEVEL))?,
            None => client.get(routes::LOG_LEVEL)?,
        },
    };
    match form {
        Form::Json => screen.print_json(&levels),
        Form::Text => {
            screen.print(format_args!("{}: {}\n", levels.node, levels.level));
            for (module, level) in &levels.modules {
                screen.print(format_args!("  {module}: {level}\n"));
            }
            let modules = levels.modules.iter();
            let modules = modules.map(|(module, level)| format!(",{module}={level}"));
            let now = levels.level.clone() + &modules.collect::<String>();
            if now != levels.at_start {
                let at_start = &levels.at_start;
                screen.print(format_args!(
                    "it was {at_start} at the start of the daemon: `--reset` goes back to that\n"
                ));
            }
        }
    }
    Ok(Exit::Done)
}
