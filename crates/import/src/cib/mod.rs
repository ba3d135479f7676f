//! A Pacemaker CIB: configuration and recorded history of a cluster, in XML.
//!
//! ```text
//!   text ──► roxmltree ──► options ─► nodes ─► resources ─► constraints ─► status
//!                             │         │          │             │           │
//!                             └─────────┴──── Draft: Wanted, Observed, notes ┘
//! ```
//!
//! Defaults, templates, tags, sets and rules are resolved here; what is handed over speaks
//! of single resources, wholes and relations between two of them. How Pacemaker reads each
//! thing is taken from its manuals and from trying its tools.

mod attributes;
mod carry;
mod colocation;
mod draft;
mod failures;
mod health;
mod history;
mod location;
mod lock;
mod meta;
mod migration;
mod node_state;
mod nodes;
mod operation;
mod options;
mod order;
mod outcome;
mod remote;
mod resources;
mod rules;
mod sets;
mod source;
mod ticket;
mod values;
mod words;

use std::fmt;

pub use carry::{Carried, carry};

use planner::arrange::{Observed, Wanted};
pub use planner::rule::UnixSeconds;

/// The largest text that is read. The CIB of a cluster with 64 nodes and a thousand
/// resources has about 10 MB.
pub const LENGTH_MAX: usize = 64 << 20;

/// What a file says of a cluster.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cluster {
    /// What is configured.
    pub wanted: Wanted,
    /// What is recorded as being so.
    pub observed: Observed,
    /// What could not be carried over.
    pub notes: Vec<Note>,
}

/// Something that could not be carried over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Where it stands.
    pub place: Place,
    /// What it is and why not.
    pub text: String,
}

/// A place in a text; both numbers count from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line.
    pub line: u32,
    /// Column, in characters.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Why a file cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The text is not XML.
    #[error("{place}: this is not XML: {problem}")]
    NotXml {
        /// Where it ends to be.
        place: Place,
        /// What is wrong there.
        problem: String,
    },
    /// It is XML, but no description of a cluster.
    #[error("{place}: this is no CIB: {problem}")]
    NotACib {
        /// Where that shows.
        place: Place,
        /// What is missing.
        problem: String,
    },
    /// It is larger than any description of a cluster.
    #[error("{place}: the text has {length} bytes, {LENGTH_MAX} are the most")]
    TooLarge {
        /// The start.
        place: Place,
        /// How large it is.
        length: usize,
    },
}

impl ImportError {
    /// The code as people see it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotXml { .. } => "E0801",
            Self::NotACib { .. } => "E0802",
            Self::TooLarge { .. } => "E0803",
        }
    }

    /// Where in the text.
    #[must_use]
    pub fn place(&self) -> Place {
        match self {
            Self::NotXml { place, .. }
            | Self::NotACib { place, .. }
            | Self::TooLarge { place, .. } => *place,
        }
    }
}

/// Reads a CIB.
///
/// `now` decides which failures have expired and which rules about the time hold. Without
/// it no failure expires, and no such rule holds.
///
/// # Errors
///
/// When the text is no CIB. What is merely not understood becomes a note.
pub fn read(text: &str, now: Option<UnixSeconds>) -> Result<Cluster, ImportError> {
    let document = parse(text)?;
    Ok(draft(&document, now)?.finish())
}

/// Reads a CIB, and lets somebody look at all that was read.
fn with_draft<T>(
    text: &str,
    now: Option<UnixSeconds>,
    look: impl FnOnce(&draft::Draft<'_>) -> T,
) -> Result<T, ImportError> {
    let document = parse(text)?;
    Ok(look(&draft(&document, now)?))
}

fn parse(text: &str) -> Result<roxmltree::Document<'_>, ImportError> {
    if LENGTH_MAX < text.len() {
        return Err(ImportError::TooLarge {
            place: Place { line: 1, column: 1 },
            length: text.len(),
        });
    }
    source::parse(text)
}

fn draft<'a>(
    document: &'a roxmltree::Document<'a>,
    now: Option<UnixSeconds>,
) -> Result<draft::Draft<'a>, ImportError> {
    let mut draft = draft::Draft::new(source::Source::new(document)?, now);
    options::read(&mut draft);
    nodes::read(&mut draft);
    resources::read(&mut draft);
    location::read(&mut draft);
    colocation::read(&mut draft);
    order::read(&mut draft);
    ticket::read(&mut draft);
    history::read(&mut draft);
    lock::begin(&mut draft);
    failures::read(&mut draft);
    health::read(&mut draft);
    Ok(draft)
}
