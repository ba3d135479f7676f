//! Rule 5: what a node does that meets a newer history than its own.
//!
//! Without a quorum of its own it yields: its log is set aside, and it begins as a learner of
//! the other history. With one it does not: then somebody has vouched falsely for nodes that
//! lived, and people must know at once.

use std::time::Duration;

use model::{Instant, Lineage, NodeId};
use quorum::half::Leadership;

use crate::node::{Node, Output};

/// A node without a leader yields after so long: a majority elects one well within it, and
/// must not throw its history away in the moment of an election.
const YIELD_AFTER: Duration = Duration::from_secs(3);

/// Another history that was met, newer than ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rival {
    /// Who belongs to it.
    pub node: NodeId,
    /// Which.
    pub lineage: Lineage,
}

/// What this node knows of a newer history.
#[derive(Debug, Default)]
pub(crate) struct Yielding {
    rival: Option<Rival>,
    /// Since when this node has known of it and had no quorum.
    since: Option<Instant>,
    is_done: bool,
}

impl Node {
    /// Somebody speaks in a newer history.
    pub(crate) fn meet_rival(&mut self, node: NodeId, lineage: Lineage) {
        let known = self.yielding.rival.map(|rival| rival.lineage);
        if known.is_none_or(|known| known.generation < lineage.generation) {
            self.yielding.rival = Some(Rival { node, lineage });
        }
    }

    /// A newer history than ours, whose nodes are heard while this one has a quorum.
    #[must_use]
    pub fn rival(&self) -> Option<Rival> {
        let ours = self.raft.lineage().generation;
        let rival = self.yielding.rival?;
        (ours < rival.lineage.generation).then_some(rival)
    }

    /// Yields, when it is time.
    pub(crate) fn tend_yielding(&mut self, now: Instant) {
        let Some(rival) = self.rival().filter(|_| !self.yielding.is_done) else {
            return;
        };
        if self.leadership(now) == Leadership::Quorate {
            self.yielding.since = None;
            return;
        }
        let since = *self.yielding.since.get_or_insert(now);
        if since + YIELD_AFTER <= now {
            self.yielding.is_done = true;
            let lineage = rival.lineage;
            self.outputs.push_back(Output::SetLogAside(lineage));
        }
    }

    pub(crate) fn yielding_deadline(&self) -> Option<Instant> {
        let since = self.yielding.since.filter(|_| !self.yielding.is_done);
        since.map(|since| since + YIELD_AFTER)
    }
}
