//! Options as the commands of a cluster manager take them: short ones that may be joined,
//! with their values behind or beside them, and long ones.

use super::Problem;

/// An option with a value, or without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Value,
    /// The next word, if it is no option.
    PerhapsValue,
    Nothing,
}

/// An option: its letters, its long names, and what it takes.
pub(super) type Known = (&'static [char], &'static [&'static str], Takes);

/// What was given, each under the first long name of its option.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Given {
    options: Vec<(&'static str, String)>,
    /// What is no option.
    pub(super) rest: Vec<String>,
}

impl Given {
    /// The value that was given last.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let mut given = self.options.iter().rev();
        let (_, value) = given.find(|(known, _)| *known == name)?;
        Some(value)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }
}

/// Reads words by the options that there are.
pub(super) fn read(words: &[String], known: &[Known]) -> Result<Given, Problem> {
    let mut given = Given::default();
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        let mut following = |takes: Takes| match takes {
            Takes::Nothing => Some(String::new()),
            Takes::Value => words.next().cloned(),
            Takes::PerhapsValue => match words.peek() {
                Some(next) if !next.starts_with('-') => words.next().cloned(),
                Some(_) | None => Some(String::new()),
            },
        };
        let missing = || Problem::usage(format!("`{word}` needs a value"));
        if let Some(long) = word.strip_prefix("--") {
            let (name, beside) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (long, None),
            };
            let (name, takes) = of(known, |(_, names, _)| names.contains(&name), word)?;
            let value = beside.or_else(|| following(takes)).ok_or_else(missing)?;
            given.options.push((name, value));
        } else if let Some(letters) = word.strip_prefix('-').filter(|text| !text.is_empty()) {
            for (at, letter) in letters.char_indices() {
                let (name, takes) = of(known, |(all, _, _)| all.contains(&letter), word)?;
                let joined = &letters[at + letter.len_utf8()..];
                if takes == Takes::Value && !joined.is_empty() {
                    given.options.push((name, joined.to_owned()));
                    break;
                }
                // Of several letters only the last one can have the next word.
                let takes = match joined.is_empty() {
                    true => takes,
                    false => Takes::Nothing,
                };
                given
                    .options
                    .push((name, following(takes).ok_or_else(missing)?));
            }
        } else {
            given.rest.push(word.clone());
        }
    }
    Ok(given)
}

fn of(
    known: &[Known],
    is_it: impl Fn(&Known) -> bool,
    word: &str,
) -> Result<(&'static str, Takes), Problem> {
    let found = known.iter().find(|each| is_it(each));
    let (_, names, takes) =
        found.ok_or_else(|| Problem::usage(format!("the option `{word}` is not known")))?;
    Ok((names[0], *takes))
}
