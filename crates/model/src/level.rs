//! Feature levels: what nodes of two versions may say to each other while a cluster is
//! upgraded one node after the other.
//!
//! Each program knows one level and all below it. A cluster has a level as well, which is in
//! the log: it rises when every member runs a program that knows the higher one, and never
//! goes down. What belongs to a level is not put into the log before the cluster has reached
//! it, so no member ever meets something there that it does not know.

use crate::command::Command;
use crate::spec::{ResourceKind, Spec};

/// The level of this program. Grows when commands, or parts of the spec, are added which
/// older programs do not know.
pub const LEVEL: u32 = if cfg!(feature = "older") { 1 } else { 2 };

/// The level of a cluster that has not said otherwise, and of programs that say none.
pub const LEVEL_FIRST: u32 = 1;

/// The level of what says none, for `serde`.
pub(crate) fn level_first() -> u32 {
    LEVEL_FIRST
}

impl Command {
    /// The level from which on it may be in the log.
    #[must_use]
    pub fn level(&self) -> u32 {
        match self {
            Self::RaiseLevel { level } => *level,
            Self::SetSpec { spec, .. } => spec.level(),
            Self::AddMember {
                spec: Some(made), ..
            } => made.1.level(),
            _ => LEVEL_FIRST,
        }
    }
}

impl Spec {
    /// The level from which on it may be in the log.
    #[must_use]
    pub fn level(&self) -> u32 {
        let resources = self.services.values().flat_map(|spec| &spec.resources);
        let levels = resources.map(|resource| resource.kind.level());
        levels.max().unwrap_or(LEVEL_FIRST)
    }
}

impl ResourceKind {
    fn level(&self) -> u32 {
        match self {
            Self::Address(_) | Self::Process(_) | Self::Command(_) | Self::Mount(_) => LEVEL_FIRST,
            Self::Agent(_) | Self::Systemd(_) => 2,
        }
    }
}
