//! From a CIB to our configuration file, and a list of what could not be carried over.
//!
//! The file that comes out is a beginning: what a CIB does not know (addresses of nodes,
//! passwords) is left open in it, in a way that `check` complains of. Nothing is guessed.
//!
//! ```text
//!   Draft ─► frame (cluster, nodes) ─► fences ─► services ─► text
//!                                                   │
//!               relations: places (wheres), company, sequence, tickets
//! ```

mod answers;
mod company;
mod fences;
mod frame;
mod kinds;
mod places;
mod relations;
mod returning;
mod sequence;
mod services;
mod text;
mod twice;
mod wheres;

use std::collections::BTreeSet;

use planner::arrange::NodeIx;

use planner::rule::UnixSeconds;

use super::draft::Draft;
use super::source::{Xml, place};
use super::{ImportError, Note};

/// What became of a CIB.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carried {
    /// Our configuration file.
    pub toml: String,
    /// What is not in it and why, or what a person must look at, in the order of the CIB.
    pub left: Vec<Note>,
}

/// Turns a CIB into our configuration file.
///
/// # Errors
///
/// When the text is no CIB. What has no words in our file is told in [`Carried::left`].
pub fn carry(text: &str, now: Option<UnixSeconds>) -> Result<Carried, ImportError> {
    super::with_draft(text, now, |draft| {
        let mut carry = Carry {
            draft,
            out: text::Writer::default(),
            left: Vec::new(),
            members: frame::members(draft),
        };
        frame::write(&mut carry);
        fences::write(&mut carry);
        services::write(&mut carry);
        carry.finish()
    })
}

struct Carry<'d, 'a> {
    draft: &'d Draft<'a>,
    out: text::Writer,
    left: Vec<Note>,
    /// Nodes that are nodes of our file.
    members: BTreeSet<NodeIx>,
}

impl<'a> Carry<'_, 'a> {
    fn leave(&mut self, element: Xml<'a>, text: impl Into<String>) {
        self.left.push(Note {
            place: place(element),
            text: text.into(),
        });
    }

    /// Notes of the reader are of the configuration as well, as far as they lie in it.
    fn finish(mut self) -> Carried {
        let configuration = self.draft.source.configuration;
        let range = configuration.range();
        let start = place(configuration);
        let end = configuration.document().text_pos_at(range.end);
        let is_inside = |note: &&Note| {
            start <= note.place && (note.place.line, note.place.column) <= (end.row, end.col)
        };
        self.left
            .extend(self.draft.notes().iter().filter(is_inside).cloned());
        self.left
            .sort_by(|a, b| (a.place, &a.text).cmp(&(b.place, &b.text)));
        self.left.dedup();
        Carried {
            toml: self.out.finish(),
            left: self.left,
        }
    }
}
