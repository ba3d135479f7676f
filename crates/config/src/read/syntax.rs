//! Text that is not TOML, in our words.

use std::ops::Range;

use toml::de::Error;

use crate::{Code, Problem};

/// Where something is written a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Header,
    Key,
}

/// The problems that the parser found.
pub(super) fn problems(source: &str, errors: &[Error]) -> Vec<Problem> {
    let mut problems = Vec::new();
    // A section written twice repeats its keys as well; saying so would be noise.
    let mut repeated_section: Option<usize> = None;
    for error in errors {
        let at = error.span().unwrap_or(0..0);
        if !error.message().starts_with("duplicate key") {
            problems.push(syntax_problem(source, error, at));
            continue;
        }
        let place = match line_of(source, at.start).starts_with('[') {
            true => Place::Header,
            false => Place::Key,
        };
        let within_repeated = repeated_section.is_some_and(|start| {
            let between = source.get(start..at.start).unwrap_or_default();
            !between.contains("\n[")
        });
        if place == Place::Header {
            repeated_section = Some(at.start);
        } else if within_repeated {
            continue;
        }
        problems.push(twice(source, at, place));
    }
    problems
}

fn twice(source: &str, at: Range<usize>, place: Place) -> Problem {
    let (what, first) = match place {
        Place::Header => {
            let header = header_of(source, at.start);
            let first = source
                .get(..at.start)
                .and_then(|before| before.find(header));
            (
                format!("{header} is written twice"),
                first.map(|start| start..start + header.len()),
            )
        }
        Place::Key => {
            let key = source.get(at.clone()).unwrap_or_default();
            (
                format!("`{key}` is written twice"),
                first_of_key(source, &at),
            )
        }
    };
    let mut problem = Problem::new(Code::DuplicateKey, what).at(at.clone(), "the second time");
    if let Some(first) = first.filter(|first| first.end <= at.start) {
        problem = problem.at(first, "the first time");
    }
    problem.help("remove one of the two, or give this one its own name")
}

/// The header around `at`, brackets included.
fn header_of(source: &str, at: usize) -> &str {
    let line = line_of(source, at);
    line.rfind(']').map_or(line, |end| &line[..=end])
}

/// The line above in the same section that begins with the same key.
fn first_of_key(source: &str, at: &Range<usize>) -> Option<Range<usize>> {
    let (before, key) = (source.get(..at.start)?, source.get(at.clone())?);
    let mut start = before.len();
    for line in before.split_inclusive('\n').rev() {
        start -= line.len();
        let indent = line.len() - line.trim_start().len();
        let text = line.trim_start();
        if text.starts_with('[') {
            return None;
        }
        let rest = text.strip_prefix(key).map(str::trim_start);
        if rest.is_some_and(|rest| rest.starts_with(['=', '.'])) {
            return Some(start + indent..start + indent + key.len());
        }
    }
    None
}

fn syntax_problem(source: &str, error: &Error, at: Range<usize>) -> Problem {
    let message = error.message();
    // What the parser expected is said in words of its grammar; the help says it in ours.
    let short = message
        .split_once(", expected")
        .map_or(message, |(short, _)| short);
    let text = source.get(at.clone()).unwrap_or_default().trim();
    let (fault, help) = match short {
        "string values must be quoted" if text.is_empty() => (
            "the value is missing".to_string(),
            "write a value after `=`, or remove the line".to_string(),
        ),
        "string values must be quoted" => (
            "a text needs quotes".to_string(),
            format!("write \"{}\"", text.trim_matches(['"', '\''])),
        ),
        _ => (
            short.to_string(),
            "texts stand in quotes, lists in `[ ]`, tables in `{ }`, each key on its own line"
                .to_string(),
        ),
    };
    Problem::new(Code::Syntax, format!("the file is not TOML: {fault}"))
        .at(at, "here")
        .help(help)
}

/// The line around `at`, without leading blanks.
fn line_of(source: &str, at: usize) -> &str {
    let before = source.get(..at).unwrap_or_default();
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    source[start..]
        .lines()
        .next()
        .unwrap_or_default()
        .trim_start()
}
