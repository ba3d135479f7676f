//! The kinds of checks and the keys that go with each.

use std::net::{IpAddr, SocketAddr};

use model::checks::{
    Amount, CheckKind, CommandCheck, FilesystemCheck, FreeLimits, HttpCheck, HttpTrust, LogCheck,
    ProcessesCheck, TcpCheck, Verdict,
};
use model::{CardName, UserName};
use regex_lite::Regex;
use toml::de::DeValue;

use crate::read::section::{Entry, Section};
use crate::read::{Context, Placed};
use crate::suggest::nearest;
use crate::{Code, Problem};

/// The keys that say what is asked, each with the keys that go with it.
const KINDS: [(&str, &[&str]); 11] = [
    (
        "http",
        &["status", "contains", "matches", "authority", "insecure"],
    ),
    ("tcp", &["send", "expect"]),
    ("processes", &["matches", "user", "min", "max"]),
    ("command", &["user", "exit", "warn_exit", "expect"]),
    ("filesystem", &["free", "warn"]),
    ("swap", &[]),
    ("memory", &[]),
    ("load", &[]),
    ("link", &[]),
    ("ping", &["percent"]),
    ("log", &["pattern", "hit"]),
];

/// Kinds that later versions read.
const LATER: &[&str] = &["volume"];

/// Keys that every check may have; for suggestions.
const COUNT_MAX: i64 = 100_000;

/// The one key that says what is asked.
pub(super) fn kind_entry<'a>(
    context: &mut Context<'_>,
    section: &mut Section<'a>,
    title: &str,
) -> Option<Entry<'a>> {
    let mut found: Vec<Entry<'a>> = Vec::new();
    for (kind, _) in KINDS {
        found.extend(section.get(kind));
    }
    if LATER.iter().any(|key| section.has(key)) {
        return None;
    }
    match found.as_slice() {
        [] => {
            let kinds: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
            let near = section
                .rest()
                .iter()
                .find_map(|entry| nearest(&entry.key, kinds.iter().copied()));
            let help = match near {
                Some(near) => format!("write `{near} = ...`"),
                None => format!("add one of {}", kinds.join(", ")),
            };
            let problem = Problem::new(Code::NoKind, format!("{title} does not say what it is"))
                .at(section.at(), "what is asked?")
                .help(help);
            context.report(problem);
            None
        }
        [_] => found.pop(),
        [first, second, ..] => {
            let problem = Problem::new(Code::TwoKinds, format!("{title} is two things at once"))
                .at(
                    second.key_at.clone(),
                    format!("this makes it a check of kind {}", second.key),
                )
                .at(
                    first.key_at.clone(),
                    format!("and this one of kind {}", first.key),
                )
                .help("write two checks");
            context.report(problem);
            None
        }
    }
}

/// Reports the keys that nobody asked for; those of other kinds are told apart. Of a check
/// without a kind nothing can be said.
pub(super) fn finish(context: &mut Context<'_>, mut section: Section<'_>, kind: Option<&str>) {
    let own = KINDS.iter().find(|(known, _)| Some(*known) == kind);
    let own = own.map_or(&[][..], |(_, keys)| keys);
    for (other, keys) in KINDS {
        for key in keys.iter().filter(|key| !own.contains(key)) {
            let Some(entry) = section.get(key) else {
                section.forget(key);
                continue;
            };
            if let Some(kind) = kind {
                let problem = Problem::new(
                    Code::DoesNotBelong,
                    format!("`{key}` does not go with `{kind}`"),
                )
                .at(entry.key_at, format!("goes with `{other}`"))
                .help("remove it, or move it to the check that it is meant for");
                context.report(problem);
            }
        }
        if Some(other) != kind && kind.is_some() {
            section.forget(other);
        }
    }
    section.finish(context, LATER);
}

pub(super) fn read(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    entry: &Entry<'_>,
) -> Option<CheckKind> {
    match entry.key.as_str() {
        "http" => http(context, section, entry),
        "tcp" => tcp(context, section, entry),
        "processes" => processes(context, section, entry),
        "command" => command(context, section, entry),
        "filesystem" => filesystem(context, section, entry),
        "swap" => free_table(context, entry).map(CheckKind::Swap),
        "memory" => free_table(context, entry).map(CheckKind::Memory),
        "load" => load(context, entry),
        "link" => {
            let card = entry.name::<CardName>(context)?;
            Some(CheckKind::Link(card.value))
        }
        "ping" => ping(context, section, entry),
        _ => log(context, section, entry),
    }
}

/// A pattern that can be used.
fn pattern(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    key: &'static str,
) -> Option<String> {
    let entry = section.get(key)?;
    let text = entry.some_text(context)?;
    match Regex::new(&text.value) {
        Ok(_) => Some(text.value),
        Err(error) => {
            let why = error.to_string();
            let why = why.lines().last().unwrap_or_default().to_string();
            let problem = Problem::new(Code::BadPattern, format!("`{key}` is no pattern"))
                .at(text.at, why)
                .help("write a regular expression; a plain text needs `\\` before . * + ? ( ) [ ]");
            context.report(problem);
            None
        }
    }
}

fn http(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    entry: &Entry<'_>,
) -> Option<CheckKind> {
    let mut status = Vec::new();
    if let Some(entry) = section.get("status") {
        let items = match entry.value.get_ref() {
            DeValue::Array(_) => entry.items(context).unwrap_or_default(),
            _ => vec![entry],
        };
        for item in items {
            let number = item.number(context, 100..=599);
            status.extend(number.and_then(|number| u16::try_from(number).ok()));
        }
    }
    let contains = section
        .get("contains")
        .and_then(|entry| entry.some_text(context))
        .map(|text| text.value);
    let matches = pattern(context, section, "matches");
    let insecure = section.get("insecure");
    let authority = section.get("authority");
    let is_insecure = insecure
        .as_ref()
        .is_some_and(|entry| entry.truth(context) == Some(true));
    if let (true, Some(authority)) = (is_insecure, &authority) {
        let problem = Problem::new(
            Code::DoesNotBelong,
            "`authority` does not go with `insecure`",
        )
        .at(authority.key_at.clone(), "every certificate is good")
        .help("remove `insecure`, or `authority`");
        context.report(problem);
    }
    let authority = authority.and_then(|entry| entry.path(context));
    let trust = match (is_insecure, authority) {
        (true, _) => HttpTrust::Anything,
        (false, Some(path)) => HttpTrust::Authority(path.value),
        (false, None) => HttpTrust::System,
    };
    let url = url(context, entry)?;
    if !url.value.starts_with("https:") && trust != HttpTrust::System {
        let problem = Problem::new(
            Code::DoesNotBelong,
            "certificates are asked for by https only",
        )
        .at(url.at, "this is http")
        .help("write https://, or remove `authority` and `insecure`");
        context.report(problem);
    }
    Some(CheckKind::Http(HttpCheck {
        url: url.value,
        status,
        contains,
        matches,
        trust,
    }))
}

/// `http://HOST[:PORT]/PATH`, as far as it can be told without asking.
fn url(context: &mut Context<'_>, entry: &Entry<'_>) -> Option<Placed<String>> {
    let text = entry.some_text(context)?;
    let rest = text
        .value
        .strip_prefix("http://")
        .or_else(|| text.value.strip_prefix("https://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    let problem = match host {
        _ if text
            .value
            .contains(|c: char| c.is_whitespace() || c.is_control()) =>
        {
            "there is a space in it"
        }
        None => "does not begin with http:// or https://",
        Some("") => "there is no host in it",
        Some(host) if host.contains('@') => "names and passwords are not possible here",
        Some(_) => return Some(text),
    };
    let problem = Problem::new(
        Code::BadAddress,
        format!("`{}` is no URL of a page", text.value.escape_debug()),
    )
    .at(text.at, problem)
    .help("write \"http://10.0.0.100/\" or \"https://www.example.org:8443/health\"");
    context.report(problem);
    None
}

fn tcp(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    entry: &Entry<'_>,
) -> Option<CheckKind> {
    let send = section.get("send").and_then(|entry| entry.text(context));
    let expect = pattern(context, section, "expect");
    let text = entry.text(context)?;
    let target = match text.value.parse::<SocketAddr>() {
        Ok(target) if target.port() != 0 => target,
        _ => {
            let problem = Problem::new(
                Code::BadAddress,
                format!("`{}` is no address with port", text.value),
            )
            .at(text.at, "nothing can be connected to here")
            .help("write \"10.0.0.100:25\" or \"[::1]:25\"");
            context.report(problem);
            return None;
        }
    };
    Some(CheckKind::Tcp(TcpCheck {
        target,
        send: send.map(|text| text.value),
        expect,
    }))
}

fn user(context: &mut Context<'_>, section: &mut Section<'_>) -> Option<String> {
    let entry = section.get("user")?;
    let user = entry.name::<UserName>(context)?;
    Some(user.value.to_string())
}

fn processes(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    entry: &Entry<'_>,
) -> Option<CheckKind> {
    let mut number = |context: &mut Context<'_>, key: &'static str| {
        let number = section.get(key)?.number(context, 0..=COUNT_MAX)?;
        u32::try_from(number).ok()
    };
    let (min, max) = (number(context, "min").unwrap_or(1), number(context, "max"));
    if let Some(max) = max.filter(|max| *max < min) {
        let problem = Problem::new(Code::Contradiction, "`max` is less than `min`")
            .at(
                entry.key_at.clone(),
                format!("at least {min}, at most {max}"),
            )
            .help("exchange them, or remove one");
        context.report(problem);
    }
    let matches = pattern(context, section, "matches");
    let user = user(context, section);
    let name = entry.some_text(context)?;
    Some(CheckKind::Processes(ProcessesCheck {
        name: name.value,
        matches,
        user,
        min,
        max,
    }))
}

fn command(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    entry: &Entry<'_>,
) -> Option<CheckKind> {
    let mut ends = |context: &mut Context<'_>, key: &'static str| {
        let entry = section.get(key)?;
        let items = match entry.value.get_ref() {
            DeValue::Array(_) => entry.items(context)?,
            _ => vec![entry],
        };
        let numbers = items
            .iter()
            .filter_map(|item| item.number(context, 0..=255));
        Some(
            numbers
                .filter_map(|number| u8::try_from(number).ok())
                .collect(),
        )
    };
    let exit = ends(context, "exit").unwrap_or(vec![0]);
    let warn_exit = ends(context, "warn_exit").unwrap_or_default();
    let user = user(context, section);
    let expect = pattern(context, section, "expect");
    Some(CheckKind::Command(CommandCheck {
        argv: entry.argv(context)?,
        user,
        exit,
        warn_exit,
        expect,
    }))
}

fn filesystem(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    entry: &Entry<'_>,
) -> Option<CheckKind> {
    let free = free_limits(context, section, entry);
    let path = entry.path(context)?.value;
    let free = free?;
    Some(CheckKind::Filesystem(FilesystemCheck { path, free }))
}

/// `{ free = "10%", warn = "20%" }`
fn free_table(context: &mut Context<'_>, entry: &Entry<'_>) -> Option<FreeLimits> {
    let mut table = entry.table(context, format!("`{}`", entry.key))?;
    let limits = free_limits(context, &mut table, entry);
    table.finish(context, &[]);
    limits
}

fn free_limits(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    kind: &Entry<'_>,
) -> Option<FreeLimits> {
    let mut amount = |context: &mut Context<'_>, key: &'static str| {
        let entry = section.get(key)?;
        let text = entry.text(context)?;
        let amount = Amount::parse(&text.value);
        if amount.is_none() {
            let problem = Problem::new(
                Code::BadAmount,
                format!("`{}` is no amount of room", text.value.escape_debug()),
            )
            .at(text.at, "no number with a unit")
            .help("write \"10%\", \"512MiB\" or \"2GiB\"");
            context.report(problem);
        }
        amount
    };
    let (has_free, has_warn) = (amount(context, "free"), amount(context, "warn"));
    if !section.has("free") && !section.has("warn") {
        let problem = Problem::new(
            Code::MissingKey,
            format!("`{}` needs `free`, `warn` or both", kind.key),
        )
        .at(kind.key_at.clone(), "how much must be free?")
        .help("add `free = \"5%\"` for a failure below it, `warn = \"10%\"` for a warning");
        context.report(problem);
        return None;
    }
    let limits = FreeLimits {
        fail: has_free,
        warn: has_warn,
    };
    if let (Some(Amount::Percent(fail)), Some(Amount::Percent(warn))) = (limits.fail, limits.warn)
        && warn <= fail
    {
        let problem = Problem::new(
            Code::Contradiction,
            "the warning comes no earlier than the failure",
        )
        .at(kind.key_at.clone(), format!("warn {warn}%, free {fail}%"))
        .help("warn at more room than `free`, or remove `warn`");
        context.report(problem);
    }
    Some(limits)
}

/// `{ max = 20, warn = 10.5 }`
fn load(context: &mut Context<'_>, entry: &Entry<'_>) -> Option<CheckKind> {
    let mut table = entry.table(context, "`load`".to_string())?;
    let mut number = |context: &mut Context<'_>, key: &'static str| {
        let entry = table.get(key)?;
        let number: Option<f64> = match entry.value.get_ref() {
            DeValue::Float(float) => float.as_str().parse().ok(),
            DeValue::Integer(integer) => integer.as_str().parse().ok(),
            _ => None,
        };
        let help = "write `load = { max = 20.0, warn = 10.0 }`";
        let Some(number) = number else {
            let problem = entry.wrong_type(context, "a number of processes");
            context.report(problem.help(help));
            return None;
        };
        if !(0.01..=COUNT_MAX as f64).contains(&number) {
            let message = format!("`{key}` cannot be {number}");
            let problem = Problem::new(Code::OutOfRange, message)
                .at(entry.value.span(), format!("between 0.01 and {COUNT_MAX}"))
                .help(help);
            context.report(problem);
            return None;
        }
        Some((number * 100.0).round() as u32)
    };
    let (fail, warn) = (number(context, "max"), number(context, "warn"));
    let is_empty = !table.has("max") && !table.has("warn");
    table.finish(context, &[]);
    if is_empty {
        let problem = Problem::new(Code::MissingKey, "`load` needs `max`, `warn` or both")
            .at(entry.key_at.clone(), "how much is too much?")
            .help("write `load = { max = 20.0, warn = 10.0 }`");
        context.report(problem);
        return None;
    }
    Some(CheckKind::Load { fail, warn })
}

fn ping(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    entry: &Entry<'_>,
) -> Option<CheckKind> {
    let percent = section
        .get("percent")
        .and_then(|entry| entry.number(context, 1..=100))
        .and_then(|number| u8::try_from(number).ok());
    let mut targets: Vec<IpAddr> = Vec::new();
    let items = entry.items(context)?;
    for item in &items {
        let text = item.text(context)?;
        match text.value.parse() {
            Ok(target) => targets.push(target),
            Err(_) => {
                let problem = Problem::new(
                    Code::BadAddress,
                    format!("`{}` is no address", text.value.escape_debug()),
                )
                .at(text.at, "not an IP address")
                .help("write numbers, not a host name: \"10.0.0.1\"");
                context.report(problem);
            }
        }
    }
    if items.is_empty() {
        let problem = Problem::new(Code::Empty, "`ping` is empty")
            .at(entry.value.span(), "nothing here")
            .help("write the addresses that must answer");
        context.report(problem);
    }
    (targets.len() == items.len() && !items.is_empty()).then_some(CheckKind::Ping {
        targets,
        percent: percent.unwrap_or(100),
    })
}

fn log(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    entry: &Entry<'_>,
) -> Option<CheckKind> {
    let words = [("failure", Verdict::Failed), ("warning", Verdict::Warning)];
    let hit = section
        .get("hit")
        .and_then(|entry| entry.word(context, &words));
    section.require(context, "pattern", "pattern = \"panic|out of memory\"");
    let pattern = pattern(context, section, "pattern");
    let path = entry.path(context);
    Some(CheckKind::Log(LogCheck {
        path: path?.value,
        pattern: pattern?,
        hit: hit.unwrap_or(Verdict::Failed),
    }))
}
