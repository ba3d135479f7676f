//! Reads the file that describes a cluster, and says everything that is wrong with it.
//!
//! `read` turns TOML into a `model::Spec` or into problems: all of them at once, each
//! with its place in the file and the mend. `spec_changes` and `text_diff` tell two
//! descriptions apart; `initial` and `with_node` write what `init` and `join` need.
//!
//! This crate never opens a file, never asks the machine whether a card, a program or a
//! device exists (each node checks that for itself), and never guesses: what it does not
//! understand is a problem.
//!
//! ```text
//!   text ──► toml ──► section readers ──► Spec + Places ──► checks ──► Loaded
//!              │             │                                 │
//!              └─────────────┴───────── Problems ◄─────────────┘
//! ```

#![forbid(unsafe_code)]

mod change;
mod check;
mod code;
mod edit;
pub mod environment;
mod problem;
mod read;
mod remark;
mod render;
mod suggest;

pub use change::{Change, ChangeKind, Subject, spec_changes, text_diff};
pub use code::Code;
pub use edit::{EditError, initial, with_node};
pub use problem::{Problem, Problems, Severity};
pub use read::{Loaded, SOURCE_LENGTH_MAX, read, read_bytes, read_checks};
pub use remark::{Keyed, Remark};
pub use render::Colour;
pub use suggest::nearest;

/// A complete file, as the guide shows it.
pub const EXAMPLE: &str = include_str!("example.toml");
