//! Text that is not TOML, in our words.

use std::ops::Range;

use toml::de::Error;

use crate::{Code, Problem};

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
        let header = line_of(source, at.start).starts_with('[');
        let within_repeated = repeated_section.is_some_and(|start| {
            let between = source.get(start..at.start).unwrap_or_default();
            !between.contains("\n[")
        });
        if header {
            repeated_section = Some(at.start);
        } else if within_repeated {
            continue;
        }
        problems.push(twice(source, at, if header { "section" } else { "key" }));
    }
    problems
}

fn twice(source: &str, at: Range<usize>, what: &str) -> Problem {
    let key = source.get(at.clone()).unwrap_or_default();
    let problem = Problem::new(
        Code::DuplicateKey,
        format!("the {what} `{key}` is written twice"),
    );
    problem
        .at(at, "the second time")
        .help("remove one of the two, or give this one its own name")
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
