//! Single values: text, numbers, times, names, addresses, paths.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use model::duration::{self, DurationError};
use model::id::NameError;
use toml::de::{DeInteger, DeValue};

use super::section::{Entry, bad_name};
use super::{Context, Placed};
use crate::suggest::nearest;
use crate::{Code, Problem};

/// The shortest and longest time that makes sense somewhere.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeBounds {
    pub(crate) min: Duration,
    pub(crate) max: Duration,
}

impl TimeBounds {
    /// A wait or limit that must be there; nothing in a cluster waits longer than a day.
    pub(crate) const POSITIVE: Self = Self {
        min: Duration::from_millis(1),
        max: Duration::from_secs(86_400),
    };
    /// A wait that may be left out.
    pub(crate) const OR_ZERO: Self = Self {
        min: Duration::ZERO,
        ..Self::POSITIVE
    };
}

impl<'a> Entry<'a> {
    /// The start of a problem with the type of the value.
    pub(crate) fn wrong_type(&self, context: &Context<'_>, wanted: &str) -> Problem {
        let found = type_name(self.value.get_ref());
        let raw = raw(context, self);
        let problem = Problem::new(
            Code::WrongType,
            format!("`{}` must be {wanted}, not {found}", self.key),
        )
        .at(self.value.span(), format!("this is {found}"));
        match (wanted, self.value.get_ref()) {
            ("a text", DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_)) => {
                problem.help(format!("put it in quotes: `\"{raw}\"`"))
            }
            ("true or false", DeValue::String(text)) => {
                let meant = match text.to_lowercase().as_str() {
                    "yes" | "on" | "true" | "1" => "`true`",
                    "no" | "off" | "false" | "0" => "`false`",
                    _ => "`true` or `false`",
                };
                problem.help(format!("write {meant}, without quotes"))
            }
            ("a number", DeValue::String(text)) if text.parse::<i64>().is_ok() => {
                problem.help(format!("write it without quotes: `{text}`"))
            }
            ("a list", DeValue::String(_)) => {
                problem.help(format!("put it in brackets: `[{raw}]`"))
            }
            _ => problem.help(format!("write {wanted}")),
        }
    }

    pub(crate) fn text(&self, context: &mut Context<'_>) -> Option<Placed<String>> {
        match self.value.get_ref() {
            DeValue::String(text) => Some(self.placed(text.to_string())),
            _ => {
                context.report(self.wrong_type(context, "a text"));
                None
            }
        }
    }

    /// A text with something in it and without the byte 0, which no system call takes.
    pub(crate) fn some_text(&self, context: &mut Context<'_>) -> Option<Placed<String>> {
        let text = self.text(context)?;
        if text.value.trim().is_empty() {
            context.report(self.empty("a text with something in it"));
            return None;
        }
        if text.value.contains('\0') {
            context.report(
                Problem::new(Code::BadName, format!("`{}` contains a NUL byte", self.key))
                    .at(text.at, "no program or file can be called like that")
                    .help("remove `\\u0000`"),
            );
            return None;
        }
        Some(text)
    }

    fn empty(&self, wanted: &str) -> Problem {
        Problem::new(Code::Empty, format!("`{}` is empty", self.key))
            .at(self.value.span(), "nothing here")
            .help(format!("write {wanted}, or remove the line"))
    }

    pub(crate) fn truth(&self, context: &mut Context<'_>) -> Option<bool> {
        match self.value.get_ref() {
            DeValue::Boolean(value) => Some(*value),
            _ => {
                context.report(self.wrong_type(context, "true or false"));
                None
            }
        }
    }

    pub(crate) fn number(
        &self,
        context: &mut Context<'_>,
        bounds: RangeInclusive<i64>,
    ) -> Option<i64> {
        let DeValue::Integer(integer) = self.value.get_ref() else {
            context.report(self.wrong_type(context, "a number"));
            return None;
        };
        let value = to_i64(integer).filter(|value| bounds.contains(value));
        if value.is_none() {
            let (low, high) = (bounds.start(), bounds.end());
            context.report(
                Problem::new(
                    Code::OutOfRange,
                    format!("`{}` cannot be {}", self.key, raw(context, self)),
                )
                .at(self.value.span(), format!("between {low} and {high}"))
                .help(format!("write a number from {low} to {high}")),
            );
        }
        value
    }

    /// A number of bytes: `512MiB`, `2GiB`, or a bare number.
    pub(crate) fn size(&self, context: &mut Context<'_>) -> Option<u64> {
        const UNITS: [(&str, u32); 4] = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];
        let size = match self.value.get_ref() {
            DeValue::Integer(integer) => {
                to_i64(integer).and_then(|number| u64::try_from(number).ok())
            }
            DeValue::String(text) => UNITS.iter().find_map(|(unit, bits)| {
                let number: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
                number.checked_mul(1 << bits)
            }),
            _ => None,
        };
        if size.is_none() {
            let message = format!("`{}` is no number of bytes", self.key);
            let problem = Problem::new(Code::WrongType, message)
                .at(self.value.span(), "a number with KiB, MiB, GiB or TiB")
                .help(format!("write it like `{} = \"512MiB\"`", self.key));
            context.report(problem);
        }
        size
    }

    pub(crate) fn time(&self, context: &mut Context<'_>, bounds: TimeBounds) -> Option<Duration> {
        let parsed = match self.value.get_ref() {
            DeValue::String(text) => duration::parse(text).map_err(|error| match error {
                DurationError::Number => "no number at the start".to_string(),
                DurationError::Unit(unit) if unit.is_empty() => "the unit is missing".to_string(),
                DurationError::Unit(unit) => {
                    format!("`{}` is no unit of time", unit.escape_debug())
                }
            }),
            DeValue::Integer(_) | DeValue::Float(_) => Err("the unit is missing".to_string()),
            _ => {
                context.report(self.wrong_type(context, "a time like \"30s\""));
                return None;
            }
        };
        match parsed {
            Ok(span) if bounds.min <= span && span <= bounds.max => Some(span),
            Ok(_) => {
                let (min, max) = (duration::format(bounds.min), duration::format(bounds.max));
                context.report(
                    Problem::new(
                        Code::BadTime,
                        format!("`{}` cannot be {}", self.key, raw(context, self)),
                    )
                    .at(self.value.span(), format!("between {min} and {max}"))
                    .help(format!("write a time from \"{min}\" to \"{max}\"")),
                );
                None
            }
            Err(label) => {
                let help = self.time_help();
                context.report(
                    Problem::new(Code::BadTime, format!("`{}` is no time", self.key))
                        .at(self.value.span(), label)
                        .help(help),
                );
                None
            }
        }
    }

    fn time_help(&self) -> String {
        let digits = match self.value.get_ref() {
            DeValue::String(text) => text.trim().to_string(),
            DeValue::Integer(integer) => integer.to_string(),
            _ => String::new(),
        };
        match !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()) {
            true => format!(
                "add the unit: \"{digits}ms\", \"{digits}s\", \"{digits}m\" or \"{digits}h\""
            ),
            false => "write a number and a unit: \"800ms\", \"30s\", \"5m\", \"1h\", \"2d\"".into(),
        }
    }

    pub(crate) fn name<N>(&self, context: &mut Context<'_>) -> Option<Placed<N>>
    where
        N: FromStr<Err = NameError>,
    {
        let text = self.text(context)?;
        match text.value.parse() {
            Ok(name) => Some(self.placed(name)),
            Err(error) => {
                context.report(bad_name(&text.value, &error, text.at));
                None
            }
        }
    }

    /// One of `words`, each with what it stands for.
    pub(crate) fn word<T: Copy>(
        &self,
        context: &mut Context<'_>,
        words: &[(&str, T)],
    ) -> Option<T> {
        let text = self.text(context)?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(*meaning);
        }
        let known: Vec<String> = words
            .iter()
            .map(|(word, _)| format!("\"{word}\""))
            .collect();
        let problem = Problem::new(
            Code::UnknownWord,
            format!("`{}` cannot be \"{}\"", self.key, text.value),
        );
        let problem = match nearest(&text.value, words.iter().map(|(word, _)| *word)) {
            Some(meant) => problem.at(text.at, format!("did you mean \"{meant}\"?")),
            None => problem.at(text.at, "unknown word"),
        };
        context.report(problem.help(format!("write {}", known.join(" or "))));
        None
    }

    /// The elements of a list, under the key of the list.
    pub(crate) fn items(&self, context: &mut Context<'_>) -> Option<Vec<Entry<'a>>> {
        let DeValue::Array(array) = self.value.get_ref() else {
            context.report(self.wrong_type(context, "a list"));
            return None;
        };
        let items = array.iter().map(|value| Entry {
            key: self.key.clone(),
            key_at: value.span(),
            value,
        });
        Some(items.collect())
    }

    /// A list of names, none of them twice.
    pub(crate) fn names<N>(&self, context: &mut Context<'_>) -> Vec<Placed<N>>
    where
        N: FromStr<Err = NameError> + PartialEq + Display,
    {
        let mut names: Vec<Placed<N>> = Vec::new();
        for item in self.items(context).unwrap_or_default() {
            let Some(name) = item.name::<N>(context) else {
                continue;
            };
            match names.iter().find(|other| other.value == name.value) {
                Some(first) => {
                    let message = format!("`{}` names {} twice", self.key, name.value);
                    let problem = Problem::new(Code::Repeated, message)
                        .at(name.at, "again")
                        .at(first.at.clone(), "first here")
                        .help("remove the second");
                    context.report(problem);
                }
                None => names.push(name),
            }
        }
        names
    }

    /// A program and its arguments.
    pub(crate) fn argv(&self, context: &mut Context<'_>) -> Option<Vec<String>> {
        if let DeValue::String(text) = self.value.get_ref() {
            let words: Vec<String> = words_of(text).iter().map(|w| format!("{w:?}")).collect();
            let problem = self.wrong_type(context, "a list").help(format!(
                "no shell is involved; write `[{}]`",
                words.join(", ")
            ));
            context.report(problem);
            return None;
        }
        let items = self.items(context)?;
        let Some((program, arguments)) = items.split_first() else {
            context.report(self.empty("the program and its arguments"));
            return None;
        };
        let program = program.path(context);
        let mut argv = vec![program?.value];
        for argument in arguments {
            let text = argument.text(context)?;
            argv.push(text.value);
        }
        Some(argv)
    }

    /// An absolute path, written plainly: the same place has one spelling.
    pub(crate) fn path(&self, context: &mut Context<'_>) -> Option<Placed<String>> {
        let path = self.some_text(context)?;
        let problem = Problem::new(
            Code::BadPath,
            format!("`{}` is not a plain absolute path", path.value),
        );
        let parts: Vec<&str> = path.value.split('/').skip(1).collect();
        let last = parts.len().saturating_sub(1);
        let (label, help) = if let Some((tag, id)) = uuid_or_label(&path.value) {
            ("not a path", format!("write \"/dev/disk/by-{tag}/{id}\""))
        } else if !path.value.starts_with('/') {
            (
                "does not start with `/`",
                "write the whole path, from `/`; there is no search path".into(),
            )
        } else if parts.iter().any(|part| matches!(*part, "." | "..")) {
            (
                "has `.` or `..` in it",
                "write the path without detours".into(),
            )
        } else if parts
            .iter()
            .enumerate()
            .any(|(i, part)| part.is_empty() && (i < last || 0 < last))
        {
            (
                "has a `/` too many",
                format!("write \"{}\"", tidy_path(&parts)),
            )
        } else {
            return Some(path);
        };
        context.report(problem.at(path.at, label).help(help));
        None
    }

    /// An IP address with the length of its prefix.
    pub(crate) fn address(&self, context: &mut Context<'_>) -> Option<Placed<IpNet>> {
        let text = self.text(context)?;
        if let Ok(address) = text.value.parse::<IpNet>() {
            return Some(self.placed(address));
        }
        let problem = Problem::new(
            Code::BadAddress,
            format!("`{}` is no address with prefix length", text.value),
        );
        let (label, help) = match text.value.parse::<std::net::IpAddr>() {
            Ok(ip) if ip.is_ipv4() => (
                "the prefix length is missing",
                format!("write \"{ip}/24\" if the netmask is 255.255.255.0"),
            ),
            Ok(ip) => (
                "the prefix length is missing",
                format!("write \"{ip}/64\" if the prefix has 64 bits"),
            ),
            Err(_) => (
                "not an IP address",
                "write numbers, not a host name: \"10.0.0.11/24\" or \"fd00::11/64\"".into(),
            ),
        };
        context.report(problem.at(text.at, label).help(help));
        None
    }

    /// A table of single values, each turned into text.
    pub(crate) fn texts(&self, context: &mut Context<'_>) -> BTreeMap<String, Placed<String>> {
        let Some(section) = self.table(context, format!("`{}`", self.key)) else {
            return BTreeMap::new();
        };
        let mut texts = BTreeMap::new();
        for entry in section.entries() {
            let text = match entry.value.get_ref() {
                DeValue::Integer(integer) => match to_i64(integer) {
                    Some(number) => number.to_string(),
                    None => integer.to_string(),
                },
                DeValue::Float(float) => float.to_string(),
                DeValue::Boolean(truth) => truth.to_string(),
                _ => match entry.text(context) {
                    Some(text) => text.value,
                    None => continue,
                },
            };
            texts.insert(entry.key.clone(), entry.placed(text));
        }
        texts
    }
}

/// What people write for a disk that is found by its id: `UUID=...`, `LABEL=...`.
fn uuid_or_label(text: &str) -> Option<(&'static str, &str)> {
    let (tag, id) = text.split_once('=')?;
    match tag {
        "UUID" => Some(("uuid", id)),
        "LABEL" => Some(("label", id)),
        "PARTUUID" => Some(("partuuid", id)),
        "PARTLABEL" => Some(("partlabel", id)),
        _ => None,
    }
}

fn tidy_path(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts
        .iter()
        .copied()
        .filter(|part| !part.is_empty())
        .collect();
    format!("/{}", parts.join("/"))
}

fn to_i64(integer: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// The value as the file writes it.
fn raw(context: &Context<'_>, entry: &Entry<'_>) -> String {
    let text = context.source.get(entry.value.span()).unwrap_or_default();
    text.to_string()
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The words of a command line as a shell would part them; what a shell would put into them
/// stays as it is written.
fn words_of(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, _) if letter.is_whitespace() => words.extend(word.take()),
            (Some(_) | None, _) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}
