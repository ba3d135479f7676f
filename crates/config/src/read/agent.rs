//! `agent = "ocf:heartbeat:nginx"`: what a resource agent operates.

use std::collections::BTreeMap;

use model::spec::{AgentSpec, Depth, ResourceKind};

use super::section::{Entry, Section};
use super::value::TimeBounds;
use super::{Context, Placed};
use crate::{Code, Problem};

/// Agents know three or four; beyond that a number is a slip.
const LEVEL_MAX: u32 = 1000;

/// A provider, a type or a script becomes part of a path.
const WORD_LENGTH_MAX: usize = 64;

/// Reads an agent with its parameters. `path` is where its places are kept.
pub(super) fn read(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    entry: &Entry<'_>,
    path: &str,
) -> Option<ResourceKind> {
    let agent = entry.text(context);
    let agent = agent.and_then(|agent| read_agent(context, agent));
    let mut options = BTreeMap::new();
    if let Some(entry) = section.get("options") {
        options = read_options(context, &entry, path);
        refuse_options_of_script(context, &entry, agent.as_deref());
    }
    let mut depth = Vec::new();
    if let Some(entry) = section.get("depth") {
        depth = read_depth(context, &entry);
        refuse_options_of_script(context, &entry, agent.as_deref());
    }
    Some(ResourceKind::Agent(AgentSpec {
        reload: None,
        agent: agent?,
        options,
        depth,
    }))
}

fn read_agent(context: &mut Context<'_>, text: Placed<String>) -> Option<String> {
    let parts: Vec<&str> = text.value.split(':').collect();
    let (label, help) = match parts.as_slice() {
        ["ocf", provider, kind] if is_word(provider) && is_word(kind) => return Some(text.value),
        ["lsb", script] if is_word(script) => return Some(text.value),
        ["ocf", kind] if is_word(kind) => (
            "the provider is missing",
            format!(
                "write \"ocf:heartbeat:{kind}\"; `mainstay agent list` shows what is installed"
            ),
        ),
        ["systemd", unit] => (
            "a unit of systemd is no resource agent",
            format!("write `systemd = \"{unit}.service\"` instead of `agent`"),
        ),
        [class, _, ..] if is_word(class) && !matches!(*class, "ocf" | "lsb") => (
            "agents of this class are not operated",
            "write \"ocf:PROVIDER:TYPE\" or \"lsb:SCRIPT\"".to_string(),
        ),
        [script] if is_word(script) => (
            "neither an OCF agent nor an init script",
            format!("write \"ocf:heartbeat:{script}\" or \"lsb:{script}\""),
        ),
        _ => (
            "neither an OCF agent nor an init script",
            "write \"ocf:PROVIDER:TYPE\", like \"ocf:heartbeat:nginx\", or \"lsb:SCRIPT\""
                .to_string(),
        ),
    };
    let message = format!("`{}` names no resource agent", text.value.escape_debug());
    context.report(
        Problem::new(Code::BadAgent, message)
            .at(text.at, label)
            .help(help),
    );
    None
}

/// What can be a file of its own in a directory of agents.
fn is_word(text: &str) -> bool {
    let is_fit = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    text.len() <= WORD_LENGTH_MAX
        && text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
        && text.chars().all(is_fit)
}

/// Shells take the names of parameters as names of variables.
fn read_options(
    context: &mut Context<'_>,
    entry: &Entry<'_>,
    path: &str,
) -> BTreeMap<String, String> {
    let mut options = BTreeMap::new();
    for (key, text) in entry.texts(context) {
        let is_fit = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        let (problem, help) = if key.is_empty() || !key.chars().all(is_fit) {
            (
                format!("`{}` cannot be a parameter", key.escape_debug()),
                "use letters, digits, `_` and `-`",
            )
        } else if key.starts_with("CRM_meta_") {
            (
                format!("`{key}` is not for the file: the cluster fills it in"),
                "remove it",
            )
        } else if text.value.contains('\0') {
            (
                format!("the value of `{key}` contains a NUL byte"),
                "remove `\\u0000`",
            )
        } else {
            context.places.put(format!("{path}/option {key}"), text.at);
            options.insert(key, text.value);
            continue;
        };
        let problem = Problem::new(Code::BadName, problem);
        context.report(problem.at(text.at, "not possible here").help(help));
    }
    options
}

fn read_depth(context: &mut Context<'_>, entry: &Entry<'_>) -> Vec<Depth> {
    let Some(section) = entry.table(context, "`depth`".to_string()) else {
        return Vec::new();
    };
    let mut depth = Vec::new();
    for entry in section.entries() {
        let every = entry.time(context, TimeBounds::POSITIVE);
        match (entry.key.parse::<u32>(), every) {
            (Ok(level), Some(every)) if (1..=LEVEL_MAX).contains(&level) => {
                depth.push(Depth { level, every });
            }
            (Ok(level), None) if (1..=LEVEL_MAX).contains(&level) => {}
            (level, _) => {
                let label = match level {
                    Ok(0) => "the usual question, asked every `every`",
                    _other => "no depth of a question",
                };
                let message = format!("`depth` cannot have `{}`", entry.key.escape_debug());
                let problem = Problem::new(Code::OutOfRange, message)
                    .at(entry.key_at, label)
                    .help("write `depth = { 10 = \"60s\" }`: the number is the agent's, the time how often at most");
                context.report(problem);
            }
        }
    }
    depth.sort_by_key(|depth| depth.level);
    depth
}

/// An init script has no parameters.
fn refuse_options_of_script(context: &mut Context<'_>, entry: &Entry<'_>, agent: Option<&str>) {
    if agent.is_some_and(|agent| agent.starts_with("lsb:")) {
        let message = format!("`{}` does not go with an init script", entry.key);
        let problem = Problem::new(Code::DoesNotBelong, message)
            .at(entry.key_at.clone(), "init scripts take no parameters")
            .help("remove it; most scripts read a file of their own, like /etc/default/NAME");
        context.report(problem);
    }
}
