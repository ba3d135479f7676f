//! Problems as people read them: the place in the file, the fault, the mend.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{
    AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str,
};

use crate::{Problem, Problems, Severity};

/// Nobody reads more at once; the rest shows when these are mended.
const PROBLEMS_SHOWN_MAX: usize = 50;

/// Whether the text is for a terminal with colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    Never,
    /// With terminal colours.
    Always,
}

impl Problems {
    /// All problems in the manner of rustc, and a last line that counts them. Empty when
    /// there are none.
    #[must_use]
    pub fn render(&self, colour: Colour) -> String {
        if self.is_empty() {
            return String::new();
        }
        let renderer = match colour {
            Colour::Never => Renderer::plain(),
            Colour::Always => Renderer::styled(),
        };
        let mut text = String::new();
        for problem in self.list.iter().take(PROBLEMS_SHOWN_MAX) {
            text.push_str(renderer.render(&[self.group(problem)]).trim_end());
            text.push_str("\n\n");
        }
        text.push_str(&self.summary());
        text
    }

    /// Problem and place share one report; the mend is its last line.
    fn group<'a>(&'a self, problem: &'a Problem) -> Group<'a> {
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level
            .primary_title(problem.message.as_str())
            .id(problem.code.code());
        let mut group = Group::with_title(title);
        group = match problem.spans.as_slice() {
            [] => group.element(Origin::path(self.file_name.as_str())),
            spans => group.element(self.snippet(spans)),
        };
        match &problem.help {
            Some(help) => group.element(Level::HELP.message(normalize_untrusted_str(help))),
            None => group,
        }
    }

    fn snippet<'a>(
        &'a self,
        spans: &'a [(Range<usize>, String)],
    ) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        let mut snippet = Snippet::source(self.source.as_str()).path(self.file_name.as_str());
        for (place, (span, label)) in spans.iter().enumerate() {
            let kind = match place {
                0 => AnnotationKind::Primary,
                _ => AnnotationKind::Context,
            };
            let annotation = kind.span(span.clone());
            snippet = snippet.annotation(match label.as_str() {
                "" => annotation,
                label => annotation.label(label),
            });
        }
        snippet
    }

    /// `2 errors, 1 warning in FILE`.
    fn summary(&self) -> String {
        let counts: Vec<String> = [Severity::Error, Severity::Warning]
            .into_iter()
            .filter_map(|severity| match self.count(severity) {
                0 => None,
                1 => Some(format!("1 {}", severity.word())),
                many => Some(format!("{many} {}s", severity.word())),
            })
            .collect();
        let hidden = self.list.len().saturating_sub(PROBLEMS_SHOWN_MAX);
        let hidden = match hidden {
            0 => String::new(),
            many => format!(" ({many} not shown)"),
        };
        format!("{} in {}{hidden}\n", counts.join(", "), self.file_name)
    }
}

/// As `render` without colours.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Colour::Never))
    }
}
