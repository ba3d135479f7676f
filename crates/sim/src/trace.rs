//! What happened, event by event: as a number that two runs can compare, and, when somebody
//! wants to read it, as lines.

use std::collections::VecDeque;

use model::{Instant, NodeId};

use crate::form::node_name;

/// How much of a run is kept as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Nothing: the number alone.
    Nothing,
    /// What an operator would tell.
    Tale,
    /// And what the nodes notice of each other.
    Story,
    /// Every event.
    All,
}

/// One line of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The number of the event that it belongs to.
    pub event: u64,
    /// When.
    pub at: Instant,
    /// On which node.
    pub node: Option<NodeId>,
    /// What.
    pub what: String,
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.at.0 as f64 / 1e9;
        let node = self
            .node
            .map_or("-".to_string(), |id| node_name(id).to_string());
        write!(
            f,
            "{:>6} {seconds:9.4}s  {node:2} {}",
            self.event, self.what
        )
    }
}

/// The record of one run.
pub(crate) struct Trace {
    keep: Keep,
    hash: u64,
    pub event: u64,
    pub lines: VecDeque<Line>,
}

impl Trace {
    pub fn new(keep: Keep) -> Self {
        Self {
            keep,
            hash: 0xcbf2_9ce4_8422_2325,
            event: 0,
            lines: VecDeque::new(),
        }
    }

    /// Two runs with the same number had the same events at the same times.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    pub fn mix(&mut self, number: u64) {
        self.hash = (self.hash ^ number).wrapping_mul(0x0000_0100_0000_01b3);
        self.hash ^= self.hash >> 29;
    }

    /// Notes what only those want to know who look at every event.
    pub fn detail(&mut self, at: Instant, node: Option<NodeId>, what: impl FnOnce() -> String) {
        if self.keep == Keep::All {
            self.push(at, node, what());
        }
    }

    /// Notes what the nodes notice of each other.
    pub fn story(&mut self, at: Instant, node: Option<NodeId>, what: impl FnOnce() -> String) {
        if matches!(self.keep, Keep::Story | Keep::All) {
            self.push(at, node, what());
        }
    }

    /// Notes what an operator would tell.
    pub fn tale(&mut self, at: Instant, node: Option<NodeId>, what: impl FnOnce() -> String) {
        if self.keep != Keep::Nothing {
            self.push(at, node, what());
        }
    }

    pub fn is_kept(&self) -> bool {
        self.keep != Keep::Nothing
    }

    fn push(&mut self, at: Instant, node: Option<NodeId>, what: String) {
        let event = self.event;
        self.lines.push_back(Line {
            event,
            at,
            node,
            what,
        });
    }
}
