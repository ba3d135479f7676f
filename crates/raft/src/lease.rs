//! From when a lease counts: a time of the holder's own clock, sent to the leader and back, so
//! that no delay on the wire makes a lease longer.
//!
//! ```text
//!   follower ── answer, stamp t1 ──► leader, quorate
//!   follower ◄── heartbeat, echo t1 ──┘              acknowledged at t1
//! ```
//!
//! A leader acknowledges itself as of the sending of the latest heartbeat that a majority has
//! answered. Whether a lease has ended is not decided here.

use std::collections::BTreeSet;

use model::{Instant, NodeId};
use wire::raft::Stamp;

use crate::Raft;
use crate::raft::State;

impl Raft {
    /// Those members that the state counts as lost: as leader, this node does not acknowledge
    /// them. To be told after the entries of an [`crate::Output::Committed`] were applied and
    /// before the next call of another verb.
    pub fn set_unacknowledged(&mut self, nodes: BTreeSet<NodeId>) {
        self.unacknowledged = nodes;
    }

    /// The moment, by this node's clock, from which its lease counts: when it last gave a sign
    /// that a quorate leader then acknowledged. For a leader: when it sent the latest heartbeat
    /// that a majority has answered. Never decreases; none before the first time in this run.
    #[must_use]
    pub fn acknowledged_at(&self, now: Instant) -> Option<Instant> {
        self.acknowledged.max(self.own_contact(now))
    }

    /// What a leader may count for itself.
    fn own_contact(&self, now: Instant) -> Option<Instant> {
        let State::Leader(leadership) = &self.state else {
            return None;
        };
        let counts = self.knows_the_lost() && !self.unacknowledged.contains(&self.config.id);
        counts.then(|| self.quorum_answered(leadership, now))
    }

    pub(crate) fn acknowledge_itself(&mut self, now: Instant) {
        self.acknowledged = self.acknowledged_at(now);
    }

    /// A new leader may not have applied yet that somebody is lost. It has when an entry of its
    /// own term was committed and the caller has taken it.
    fn knows_the_lost(&self) -> bool {
        let State::Leader(leadership) = &self.state else {
            return false;
        };
        leadership.own_term_index <= self.handed_out
    }

    /// The latest stamp of a follower, if this node may acknowledge it.
    pub(crate) fn echo_for(&self, to: NodeId, now: Instant) -> Option<Stamp> {
        let State::Leader(leadership) = &self.state else {
            return None;
        };
        let may = self.knows_the_lost() && !self.unacknowledged.contains(&to);
        if !may || !self.is_quorate(now) {
            return None;
        }
        leadership.peers.get(&to)?.stamp
    }

    /// The leader has acknowledged what this node said at that time. Stamps of an earlier run
    /// say nothing: this run may have been down in between.
    pub(crate) fn note_echo(&mut self, echo: Option<Stamp>, now: Instant) {
        let own = echo.filter(|echo| echo.run == self.run && echo.at <= now);
        self.acknowledged = self.acknowledged.max(own.map(|echo| echo.at));
    }

    /// This moment, for the leader to hand back.
    pub(crate) fn stamp(&self, now: Instant) -> Stamp {
        let (run, at) = (self.run, now);
        Stamp { run, at }
    }
}
