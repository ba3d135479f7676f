//! `agent list` and `agent info`: which resource agents this machine has, and what they say
//! of themselves. Needs no daemon.

use std::path::Path;

use agents::ocf::installed::{Installed, installed, path_of};
use agents::ocf::metadata::{Action, Kind, Metadata, Parameter, of_program};
use api::{ApiError, ErrorCode};
use model::duration::format as time;
use serde_json::json;

use crate::args::{AgentCommand, AgentRoot};
use crate::exit::Exit;
use crate::screen::{Form, Screen};
use crate::table::{cell, table};

/// Where init scripts are.
pub(crate) const INIT_DIR: &str = "/etc/init.d";

/// Runs `agent ...`.
pub(crate) fn run(
    screen: &mut Screen,
    form: Form,
    command: &AgentCommand,
) -> Result<Exit, ApiError> {
    match command {
        AgentCommand::List { place } => list(screen, form, place),
        AgentCommand::Info { agent, place } => info(screen, form, (agent, place))?,
    }
    Ok(Exit::Done)
}

fn find(place: &AgentRoot) -> Installed {
    installed(&place.root, Path::new(INIT_DIR))
}

fn list(screen: &mut Screen, form: Form, place: &AgentRoot) {
    let found = find(place);
    if form == Form::Json {
        screen.print_json(&found);
        return;
    }
    let ocf = found.ocf.iter();
    let ocf = ocf.map(|agent| format!("{}\n", agent.agent()));
    let lsb = found.lsb.iter().map(|script| format!("lsb:{script}\n"));
    let text: String = ocf.chain(lsb).collect();
    match text.is_empty() {
        true => screen.print("no agents are installed; most are in the package resource-agents\n"),
        false => screen.print(text),
    }
}

fn info(
    screen: &mut Screen,
    form: Form,
    (agent, place): (&str, &AgentRoot),
) -> Result<(), ApiError> {
    let path = path_of(agent, &place.root, Path::new(INIT_DIR));
    let Some(path) = path.filter(|path| path.is_file()) else {
        return Err(unknown(agent, &find(place)));
    };
    if agent.starts_with("lsb:") {
        let message = format!("{agent} is an init script: it does not describe itself");
        let help = format!(
            "`less {}` shows what it does; it takes no `options`",
            path.display()
        );
        return Err(ErrorCode::AgentSilent.error(message).with_help(help));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a process may open a handful of files");
    let metadata = runtime.block_on(of_program(&path)).map_err(|error| {
        let mut error_shown = ErrorCode::AgentSilent.error(error.to_string());
        if let Some(cause) = std::error::Error::source(&error) {
            error_shown = error_shown.with_detail(cause.to_string());
        }
        error_shown
    })?;
    match form {
        Form::Json => {
            let mut answer = json!(metadata);
            answer["agent"] = json!(agent);
            answer["path"] = json!(path);
            screen.print_json(&answer);
        }
        Form::Text => {
            let text = described(agent, &metadata, screen);
            screen.print(text);
        }
    }
    Ok(())
}

/// The error for an agent that is not there, with those that may have been meant.
fn unknown(agent: &str, found: &Installed) -> ApiError {
    let error = ErrorCode::NoSuchAgent.error(format!("there is no agent {agent} here"));
    match agents::ocf::inspect::similar(agent, found).as_slice() {
        [] => error,
        similar => error.with_detail(format!("did you mean `{}`?", similar.join("` or `"))),
    }
}

fn described(agent: &str, metadata: &Metadata, screen: &Screen) -> String {
    let mut text = format!("{agent}: {}\n", metadata.short);
    if !metadata.long.is_empty() {
        text.push_str(&format!("\n{}\n", metadata.long));
    }
    if !metadata.parameters.is_empty() {
        let head = ["PARAMETER", "VALUE", "DEFAULT", "", "WHAT"];
        let rows: Vec<_> = metadata.parameters.iter().map(parameter_row).collect();
        text.push_str(&format!("\n{}", table(&head, &rows, 0, screen.colour)));
    }
    let head = ["ACTION", "LIMIT AT LEAST", "EVERY", "DEPTH", "ROLE"];
    let rows: Vec<_> = metadata.actions.iter().map(action_row).collect();
    text.push_str(&format!("\n{}", table(&head, &rows, 0, screen.colour)));
    text.push_str(&format!("\n{}", example(agent, metadata)));
    text
}

fn parameter_row(parameter: &Parameter) -> Vec<crate::table::Cell> {
    let value = match &parameter.kind {
        Kind::Text => "text".to_owned(),
        Kind::Integer => "number".to_owned(),
        Kind::Boolean => "true or false".to_owned(),
        Kind::Time => "time".to_owned(),
        Kind::Choice(choices) => choices.join(", "),
    };
    let marks = [
        (parameter.required, "required"),
        (parameter.unique, "unique"),
        (parameter.deprecated, "outdated"),
    ];
    let marks: Vec<&str> = marks
        .iter()
        .filter(|(is_it, _)| *is_it)
        .map(|(_, word)| *word)
        .collect();
    vec![
        cell(&parameter.name),
        cell(value),
        cell(parameter.default.clone().unwrap_or_default()),
        cell(marks.join(", ")),
        cell(&parameter.short),
    ]
}

fn action_row(action: &Action) -> Vec<crate::table::Cell> {
    let depth = match (action.name.as_str(), action.depth) {
        ("monitor" | "validate-all", depth) => depth.to_string(),
        (_, 0) => String::new(),
        (_, depth) => depth.to_string(),
    };
    vec![
        cell(&action.name),
        cell(action.timeout.map_or(String::new(), time)),
        cell(action.interval.map_or(String::new(), time)),
        cell(depth),
        cell(&action.role),
    ]
}

/// How a configuration names it, with the parameters that it cannot do without.
fn example(agent: &str, metadata: &Metadata) -> String {
    let required = metadata.parameters.iter().filter(|each| each.required);
    let options: Vec<String> = required
        .map(|parameter| format!("{} = \"...\"", parameter.name))
        .collect();
    let mut text = format!("[[service.NAME.resource]]\nagent = \"{agent}\"\n");
    if !options.is_empty() {
        text.push_str(&format!("options = {{ {} }}\n", options.join(", ")));
    }
    let advised = [("start", "start_limit"), ("stop", "stop_limit")];
    for (action, key) in advised {
        let timeout = metadata.action(action).and_then(|action| action.timeout);
        if let Some(timeout) = timeout {
            text.push_str(&format!("{key} = \"{}\"\n", time(timeout)));
        }
    }
    if let Some(monitor) = metadata.action("monitor") {
        let pairs = [
            ("status_limit", monitor.timeout),
            ("every", monitor.interval),
        ];
        for (key, value) in pairs {
            if let Some(value) = value {
                text.push_str(&format!("{key} = \"{}\"\n", time(value)));
            }
        }
    }
    text
}
