//! `process = [...]` and the keys beside it: whom it runs as, what it may use, when it is up.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use model::UserName;
use model::spec::{ProcessLimits, ProcessSpec, Ready, ResourceKind};
use toml::de::DeValue;

use super::reload::{read_reload, read_signal};
use super::section::{Entry, Section};
use super::{Context, Placed};
use crate::{Code, Problem};

/// The keys that go with `process`.
pub(super) const KEYS: &[&str] = &[
    "environment",
    "user",
    "group",
    "directory",
    "ready",
    "limits",
    "stop_signal",
    "reload",
];

/// More files or processes than any kernel counts.
const COUNT_MAX: i64 = 1 << 30;

pub(super) fn read(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    entry: &Entry<'_>,
) -> Option<ResourceKind> {
    let argv = entry.argv(context);
    let environment = section
        .get("environment")
        .map(|entry| read_environment(context, &entry))
        .unwrap_or_default();
    let mut account = |key: &'static str| {
        let entry = section.get(key)?;
        let name = entry.name::<UserName>(context)?;
        Some(name.value.to_string())
    };
    let (user, group) = (account("user"), account("group"));
    let directory = section
        .get("directory")
        .and_then(|entry| entry.path(context))
        .map(|path| path.value);
    let limits = section
        .get("limits")
        .and_then(|entry| read_limits(context, &entry))
        .unwrap_or_default();
    let ready = match section.get("ready") {
        Some(entry) => read_ready(context, &entry)?,
        None => Ready::Executed,
    };
    let stop_signal = section.get("stop_signal");
    let stop_signal = stop_signal.map(|entry| read_signal(context, &entry));
    let reload = section.get("reload");
    let reload = reload.map(|entry| read_reload(context, &entry));
    Some(ResourceKind::Process(ProcessSpec {
        argv: argv?,
        environment,
        user,
        group,
        limits,
        directory,
        ready,
        stop_signal: stop_signal.flatten(),
        reload: reload.flatten(),
    }))
}

fn read_environment(context: &mut Context<'_>, entry: &Entry<'_>) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::new();
    for (key, text) in entry.texts(context) {
        if key.is_empty() || key.contains(['=', '\0']) || text.value.contains('\0') {
            let problem = Problem::new(
                Code::BadName,
                format!(
                    "`{}` cannot be a variable of the environment",
                    key.escape_debug()
                ),
            )
            .at(text.at, "`=` and NUL are not possible")
            .help("write `environment = { NAME = \"value\" }`");
            context.report(problem);
            continue;
        }
        environment.insert(key, text.value);
    }
    environment
}

fn read_limits(context: &mut Context<'_>, entry: &Entry<'_>) -> Option<ProcessLimits> {
    let mut section = entry.table(context, "`limits`".into())?;
    let mut limits = ProcessLimits::default();
    let counts = [
        ("open_files", &mut limits.open_files),
        ("processes", &mut limits.processes),
    ];
    for (key, field) in counts {
        if let Some(entry) = section.get(key) {
            let number = entry.number(context, 1..=COUNT_MAX);
            *field = number.and_then(|number| u64::try_from(number).ok());
        }
    }
    let sizes = [
        ("core", &mut limits.core),
        ("locked_memory", &mut limits.locked_memory),
        ("memory", &mut limits.memory),
    ];
    for (key, field) in sizes {
        if let Some(entry) = section.get(key) {
            *field = match entry.value.get_ref() {
                DeValue::String(text) if text == "unlimited" && key != "memory" => {
                    Some(ProcessLimits::UNLIMITED)
                }
                _ => entry.size(context),
            };
        }
    }
    section.finish(context, &[]);
    Some(limits)
}

/// One of the ways to tell that it is up.
fn read_ready(context: &mut Context<'_>, entry: &Entry<'_>) -> Option<Ready> {
    const WAYS: [&str; 5] = ["port", "http", "notify", "file", "exit"];
    let mut section = entry.table(context, "`ready`".into())?;
    let found: Vec<Entry<'_>> = WAYS.iter().filter_map(|way| section.get(way)).collect();
    let ready = match found.as_slice() {
        [] => {
            section.require(context, "port", "ready = { port = \"127.0.0.1:80\" }");
            None
        }
        [only] => read_way(context, only),
        [first, second, ..] => {
            let message = format!("`{}` does not go with `{}`", second.key, first.key);
            let problem = Problem::new(Code::DoesNotBelong, message)
                .at(second.key_at.clone(), "one of the two is too many")
                .help(format!("remove `{}` or `{}`", first.key, second.key));
            context.report(problem);
            None
        }
    };
    section.finish(context, &[]);
    ready
}

fn read_way(context: &mut Context<'_>, entry: &Entry<'_>) -> Option<Ready> {
    match entry.key.as_str() {
        "port" => {
            let text = port_text(context, entry)?;
            read_port(context, &text).map(Ready::Port)
        }
        "http" => read_http(context, entry),
        "notify" => {
            if entry.truth(context)? {
                return Some(Ready::Notify);
            }
            let problem = Problem::new(Code::DoesNotBelong, "`notify = false` says nothing")
                .at(entry.value.span(), "then nothing tells that it is up")
                .help("remove `ready`, or write `ready = { notify = true }`");
            context.report(problem);
            None
        }
        "file" => Some(Ready::File(entry.path(context)?.value)),
        _ => Some(Ready::Exit(entry.argv(context)?)),
    }
}

fn read_port(context: &mut Context<'_>, text: &Placed<String>) -> Option<SocketAddr> {
    match text.value.parse::<SocketAddr>() {
        Ok(port) if port.port() != 0 => Some(port),
        _ => {
            let problem = Problem::new(
                Code::BadAddress,
                format!("`{}` is no address with port", text.value),
            )
            .at(text.at.clone(), "nothing can be connected to here")
            .help("write \"127.0.0.1:80\" or \"[::1]:80\"");
            context.report(problem);
            None
        }
    }
}

/// Only an address leaves nothing to a name service, which may be what has failed.
fn read_http(context: &mut Context<'_>, entry: &Entry<'_>) -> Option<Ready> {
    let text = entry.some_text(context)?;
    let rest = text.value.strip_prefix("http://");
    let (host, path) = match rest.map(|rest| rest.split_once('/')) {
        Some(Some((host, path))) => (host, format!("/{path}")),
        Some(None) => (rest.unwrap_or_default(), "/".to_owned()),
        None => ("", String::new()),
    };
    let with_port = host.parse::<SocketAddr>().ok();
    let address = with_port.or_else(|| format!("{host}:80").parse().ok());
    let is_plain = !path.contains(|c: char| c.is_whitespace() || c.is_control());
    match address.filter(|address| address.port() != 0 && is_plain) {
        Some(address) => Some(Ready::Http { address, path }),
        None => {
            let message = format!("`{}` cannot be asked whether it is up", text.value);
            let problem = Problem::new(Code::BadAddress, message)
                .at(text.at, "`http://`, an address, a port, a path")
                .help("write \"http://127.0.0.1:8080/health\"");
            context.report(problem);
            None
        }
    }
}

/// A port alone is a likely slip; the address belongs to it.
fn port_text(context: &mut Context<'_>, entry: &Entry<'_>) -> Option<Placed<String>> {
    if let DeValue::Integer(port) = entry.value.get_ref() {
        let problem = entry
            .wrong_type(context, "a text")
            .help(format!("write the address as well: \"127.0.0.1:{port}\""));
        context.report(problem);
        return None;
    }
    entry.text(context)
}
