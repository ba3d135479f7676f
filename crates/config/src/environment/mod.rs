//! Whether the nodes are as a configuration needs them.
//!
//! `asks` says what each node is to be asked about itself; whoever has hands asks them;
//! `judge` compares what all of them told and says what is wrong: on which node, what, the
//! mend, and the place in the file. Nothing here looks at a machine.
//!
//! ```text
//!   Spec ──► asks ──► Question per node ··· the nodes look ··· Told per node ──► judge ──► Findings
//! ```
//!
//! A new kind of resource says in [`kinds::inspect`] what its nodes must have, a new kind of
//! check in [`of_checks::inspect`]; a new question
//! is a variant of `model::environment::Question`, answered by `agents`, judged in `judge`.

mod asks;
mod judge;
pub mod kinds;
pub mod of_checks;
mod reloads;

use std::collections::BTreeMap;

use model::NodeName;
use model::environment::Told;
use serde_json::Value;

pub use asks::{Ask, Attributes, asks, may_run, questions_for};
pub use reloads::{note_reloads, reloads};

use crate::render::Colour;
use crate::{Problem, Problems, Severity, read};

/// Less room than this where the daemon keeps its log, and the next writes may fail: some
/// snapshots and the log's own slack.
pub const SPACE_MIN: u64 = 32 * 1024 * 1024;

/// Clocks that differ by more than this make histories of several nodes hard to read, and
/// rules about the time of day begin and end at different moments.
pub const CLOCKS_APART_MAX_MS: u64 = 1000;

/// What all nodes told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// What was asked.
    pub asks: Vec<Ask>,
    /// What was told, to the questions that [`questions_for`] gives for the node.
    pub told: BTreeMap<NodeName, Told>,
    /// What would have been asked for the configuration that is live. What is wrong with
    /// that already is no fault of a change.
    pub live: Vec<Ask>,
}

/// Something that is not as the configuration needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub nodes: Vec<NodeName>,
    /// What, with the place in the file and the mend.
    pub problem: Problem,
    /// Whether it was so already under the live configuration.
    pub age: Age,
}

/// Whether something was wrong before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// The live configuration does not need it.
    New,
    /// It is wrong with the live configuration as well: a warning, so that one broken node
    /// does not stand in the way of every change.
    Known,
}

/// All that was found, in the order of the file, together with its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    file_name: String,
    source: String,
    /// What was found.
    pub list: Vec<Finding>,
}

impl Findings {
    /// As [`Problems::render`].
    #[must_use]
    pub fn render(&self, colour: Colour) -> String {
        let problems = self.list.iter().map(|finding| finding.problem.clone());
        Problems::new(&self.file_name, &self.source, problems.collect()).render(colour)
    }

    /// As [`Problems::to_json`], each problem with its `nodes` and whether it was `known`
    /// before.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let one = |finding: &Finding| {
            let problem = vec![finding.problem.clone()];
            let problems = Problems::new(&self.file_name, &self.source, problem);
            let mut json = problems.to_json()[0].take();
            json["nodes"] = finding.nodes.iter().map(NodeName::as_str).collect();
            json["known"] = Value::Bool(finding.age == Age::Known);
            json
        };
        self.list.iter().map(one).collect()
    }

    /// Those that keep a change from being accepted, one line each: errors that were not
    /// there before.
    #[must_use]
    pub fn obstacles(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for Finding { problem, age, .. } in &self.list {
            if problem.severity != Severity::Error || *age == Age::Known {
                continue;
            }
            let code = problem.code.code();
            lines.push(format!(
                "{code}: {}{}",
                problem.message,
                self.place(problem)
            ));
            lines.extend(problem.help.iter().map(|help| format!("  help: {help}")));
        }
        lines
    }

    /// ` (shop.toml:12)`.
    fn place(&self, problem: &Problem) -> String {
        let Some((span, _)) = problem.spans.first() else {
            return String::new();
        };
        let before = self.source.get(..span.start).unwrap_or(&self.source);
        let line = before.matches('\n').count() + 1;
        format!(" ({}:{line})", self.file_name)
    }

    /// How many are this serious.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        let all = self.list.iter();
        all.filter(|finding| finding.problem.severity == severity)
            .count()
    }
}

/// Compares what the nodes told with what the configuration `source` needs. It must be one
/// that can be read; of one that cannot, nothing is found.
#[must_use]
pub fn judge(file_name: &str, source: &str, survey: &Survey) -> Findings {
    let places = read::places_of(source);
    let mut list = judge::findings(survey, &places);
    list.sort_by_key(|finding| {
        let place = finding.problem.spans.first();
        (
            place.map_or(usize::MAX, |(span, _)| span.start),
            finding.problem.code,
            finding.problem.message.clone(),
        )
    });
    Findings {
        file_name: file_name.to_string(),
        source: source.to_string(),
        list,
    }
}
