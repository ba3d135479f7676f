//! One thing that is wrong with a file, and the list of all of them.

use std::ops::Range;

use serde_json::{Value, json};

use crate::Code;

/// Whether a problem keeps the file from being used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file is not used.
    Error,
    /// The file is used; somebody should look.
    Warning,
}

impl Severity {
    /// The word for it, in messages and JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that is wrong, where, and the mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind of problem.
    pub code: Code,
    /// Whether the file can be used nevertheless.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// Places in the source (bytes), the one to change first, each with a label.
    pub spans: Vec<(Range<usize>, String)>,
    /// The mend.
    pub help: Option<String>,
}

impl Problem {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            message: message.into(),
            spans: Vec::new(),
            help: None,
        }
    }

    pub(crate) fn at(mut self, place: Range<usize>, label: impl Into<String>) -> Self {
        self.spans.push((place, label.into()));
        self
    }

    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    fn place(&self) -> usize {
        self.spans.first().map_or(usize::MAX, |(at, _)| at.start)
    }
}

/// All problems of one file, in the order of the file, together with its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// What the file is called in messages.
    pub file_name: String,
    /// Its text (bytes that are no text replaced).
    pub source: String,
    /// The problems.
    pub list: Vec<Problem>,
}

impl Problems {
    pub(crate) fn new(file_name: &str, source: &str, mut list: Vec<Problem>) -> Self {
        for (span, _) in list.iter_mut().flat_map(|problem| &mut problem.spans) {
            *span = inside(source, span.clone());
        }
        list.sort_by_key(|problem| (problem.place(), problem.code));
        list.dedup();
        Self {
            file_name: file_name.to_string(),
            source: source.to_string(),
            list,
        }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many problems of this severity there are.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.list
            .iter()
            .filter(|problem| problem.severity == severity)
            .count()
    }

    /// For `--json`: an array of `{code, severity, message, help, file, places}`, each
    /// place with `line` and `column` (from 1, in characters), `start` and `end` (bytes)
    /// and `label`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.list
            .iter()
            .map(|each| self.problem_json(each))
            .collect()
    }

    fn problem_json(&self, problem: &Problem) -> Value {
        let places: Vec<Value> = problem
            .spans
            .iter()
            .map(|(span, label)| {
                let before = &self.source[..span.start];
                let line_start = before.rfind('\n').map_or(0, |at| at + 1);
                json!({
                    "line": before.matches('\n').count() + 1,
                    "column": column(&before[line_start..]),
                    "start": span.start,
                    "end": span.end,
                    "label": label,
                })
            })
            .collect();
        json!({
            "code": problem.code.code(),
            "severity": problem.severity.word(),
            "message": problem.message,
            "help": problem.help,
            "file": self.file_name,
            "places": places,
        })
    }
}

impl std::error::Error for Problems {}

/// The column that follows `before`; a byte order mark takes none.
fn column(before: &str) -> usize {
    before.trim_start_matches('\u{feff}').chars().count() + 1
}

/// The span, moved inside the text and onto borders of characters.
fn inside(source: &str, span: Range<usize>) -> Range<usize> {
    let start = source.floor_char_boundary(span.start.min(source.len()));
    let end = source.ceil_char_boundary(span.end.clamp(start, source.len()));
    start..end
}
