//! A table of the file that remembers which keys were asked for, so that every other key
//! in it is a problem.

use std::collections::BTreeSet;
use std::ops::Range;
use std::str::FromStr;

use model::id::NameError;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Context, Placed};
use crate::suggest::nearest;
use crate::{Code, Problem};

/// One key with its value.
#[derive(Clone)]
pub(crate) struct Entry<'a> {
    pub(crate) key: String,
    pub(crate) key_at: Range<usize>,
    pub(crate) value: &'a Spanned<DeValue<'a>>,
}

/// One table.
pub(crate) struct Section<'a> {
    table: &'a DeTable<'a>,
    /// Its name as the file writes it: `[service.web]`; empty for the file itself.
    title: String,
    at: Range<usize>,
    asked: BTreeSet<&'static str>,
}

impl<'a> Section<'a> {
    pub(crate) fn root(table: &'a DeTable<'a>) -> Self {
        Self::new(String::new(), 0..0, table)
    }

    pub(crate) fn new(title: String, at: Range<usize>, table: &'a DeTable<'a>) -> Self {
        Self {
            table,
            title,
            at,
            asked: BTreeSet::new(),
        }
    }

    pub(crate) fn at(&self) -> Range<usize> {
        self.at.clone()
    }

    /// The entry of `key`, which from now on is a known key.
    pub(crate) fn get(&mut self, key: &'static str) -> Option<Entry<'a>> {
        self.asked.insert(key);
        self.entries().find(|entry| entry.key == key)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries().any(|entry| entry.key == key)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        self.table.iter().map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_at: key.span(),
            value,
        })
    }

    /// Makes `key` unknown again: it was asked for only to be told apart.
    pub(crate) fn forget(&mut self, key: &str) {
        self.asked.remove(key);
    }

    /// Entries that nobody asked for so far.
    pub(crate) fn rest(&self) -> Vec<Entry<'a>> {
        self.entries()
            .filter(|entry| !self.asked.contains(entry.key.as_str()))
            .collect()
    }

    /// Whether `key` is there; a problem with an example when it is not.
    pub(crate) fn require(
        &mut self,
        context: &mut Context<'_>,
        key: &'static str,
        example: &str,
    ) -> bool {
        self.asked.insert(key);
        if self.has(key) {
            return true;
        }
        let problem = match self.title.as_str() {
            "" => Problem::new(Code::MissingKey, format!("the section [{key}] is missing")),
            title => Problem::new(Code::MissingKey, format!("{title} needs `{key}`"))
                .at(self.at(), format!("`{key}` is missing here")),
        };
        context.report(problem.help(format!("add\n{example}")));
        false
    }

    /// Reads the table under `key`, if there is one.
    pub(crate) fn section(
        &mut self,
        context: &mut Context<'_>,
        key: &'static str,
        read: impl FnOnce(&mut Context<'_>, Section<'a>),
    ) {
        let Some(entry) = self.get(key) else { return };
        if let Some(section) = entry.table(context, format!("[{key}]")) {
            read(context, section);
        }
    }

    /// The tables `[KIND.NAME]`, each with its name. Bad names are reported and left out.
    pub(crate) fn named_sections<N>(
        &mut self,
        context: &mut Context<'_>,
        kind: &'static str,
    ) -> Vec<(Section<'a>, N)>
    where
        N: FromStr<Err = NameError>,
    {
        let Some(entry) = self.get(kind) else {
            return Vec::new();
        };
        let DeValue::Table(table) = entry.value.get_ref() else {
            context.report(
                entry
                    .wrong_type(context, "a section")
                    .help(format!("write `[{kind}.NAME]`, and its keys below")),
            );
            return Vec::new();
        };
        Section::new(format!("[{kind}]"), entry.key_at, table)
            .entries()
            .filter_map(|entry| {
                let name = entry.name_of_section(context);
                let title = format!("[{kind}.{}]", entry.key);
                let section = entry.table(context, title)?;
                Some((section, name?))
            })
            .collect()
    }

    /// Reports every key that nobody asked for. `later` are those of later versions.
    pub(crate) fn finish(self, context: &mut Context<'_>, later: &[&str]) {
        for entry in self.rest() {
            let problem = match later.contains(&entry.key.as_str()) {
                true => not_in_this_version(&entry),
                false => self.unknown(&entry),
            };
            context.report(problem);
        }
    }

    fn unknown(&self, entry: &Entry<'_>) -> Problem {
        let key = &entry.key;
        let problem = match self.title.as_str() {
            "" => Problem::new(Code::UnknownSection, format!("there is no section [{key}]")),
            title => Problem::new(Code::UnknownKey, format!("{title} has no key `{key}`")),
        };
        let known: Vec<&str> = self.asked.iter().copied().collect();
        match nearest(key, known.iter().copied()) {
            Some(meant) => problem
                .at(entry.key_at.clone(), format!("did you mean `{meant}`?"))
                .help(format!("write `{meant}`")),
            None => problem
                .at(entry.key_at.clone(), "unknown")
                .help(match known.as_slice() {
                    [] => "remove it; nothing can stand here".to_string(),
                    known => format!("remove it; known are {}", known.join(", ")),
                }),
        }
    }
}

/// The problem with a key or section that later versions read.
pub(crate) fn not_in_this_version(entry: &Entry<'_>) -> Problem {
    Problem::new(
        Code::NotInThisVersion,
        format!("`{}` is not in this version", entry.key),
    )
    .at(entry.key_at.clone(), "cannot be used yet")
    .help("remove it, or use a newer version of Mainstay on all nodes")
}

impl<'a> Entry<'a> {
    /// The entry as a table.
    pub(crate) fn table(&self, context: &mut Context<'_>, title: String) -> Option<Section<'a>> {
        match self.value.get_ref() {
            DeValue::Table(table) => Some(Section::new(title, self.key_at.clone(), table)),
            _ => {
                let mend = match title.starts_with('[') {
                    true => format!("write `{title}`, and its keys below"),
                    false => format!("write `{} = {{ KEY = VALUE }}`", self.key),
                };
                let problem = self.wrong_type(context, "a table").help(mend);
                context.report(problem);
                None
            }
        }
    }

    /// The key itself as a name.
    fn name_of_section<N>(&self, context: &mut Context<'_>) -> Option<N>
    where
        N: FromStr<Err = NameError>,
    {
        match self.key.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                context.report(bad_name(&self.key, &error, self.key_at.clone()));
                None
            }
        }
    }

    /// The key with its place.
    pub(crate) fn placed<T>(&self, value: T) -> Placed<T> {
        Placed {
            value,
            at: self.value.span(),
        }
    }
}

/// The problem with a text that cannot be a name.
pub(crate) fn bad_name(text: &str, error: &NameError, at: Range<usize>) -> Problem {
    let label = match error {
        NameError::Empty => "empty".to_string(),
        NameError::TooLong(length) => format!("{length} characters"),
        NameError::Character(' ') => "a space is not possible here".to_string(),
        NameError::Character(bad) => format!("`{}` is not possible here", bad.escape_debug()),
    };
    Problem::new(
        Code::BadName,
        format!("`{}` cannot be a name", text.escape_debug()),
    )
    .at(at, label)
    .help("use 1 to 63 letters, digits, `-`, `_` and `.`, the first a letter or digit")
}
