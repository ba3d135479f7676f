//! The forced change: an election that excuses the absent, and makes a new lineage.

use std::collections::BTreeSet;

use model::{Instant, NodeId};
use wire::raft::{Arbiter, Forcing, Pledge};

use crate::{ForceError, Raft, Standing};

impl Raft {
    /// Begins a forced change: an election in which exactly the excused need not vote, and all
    /// other voters must. Returns its term. When it is won, and that is on disk, comes
    /// [`crate::Output::Forced`]. Whether the excused are off, or the arbiter has agreed, is the
    /// caller's duty.
    ///
    /// # Errors
    /// When this node may not, or when it would not be safe. Nothing has happened then.
    pub fn force(&mut self, forcing: Forcing, now: Instant) -> Result<u64, ForceError> {
        let _ = (forcing, now);
        Err(ForceError::NoStanding)
    }

    /// Says whether this run may take part in forced changes; it may not until this is called.
    pub fn set_standing(&mut self, standing: Standing) {
        self.standing = standing;
    }

    /// Those members that the state counts as lost: as leader, this node does not acknowledge
    /// them. To be told anew after each [`crate::Output::Committed`] that changes it, before
    /// the next call of another verb.
    pub fn set_unacknowledged(&mut self, nodes: BTreeSet<NodeId>) {
        self.unacknowledged = nodes;
    }

    /// Who decides between two halves: one arbiter, or the old and the new one while it is not
    /// known which of the two is committed.
    #[must_use]
    pub fn arbiters(&self) -> Vec<Arbiter> {
        let present = self.configuration().arbiter;
        let before = self.log.previous_configuration();
        let before = before.filter(|_| !self.configuration_is_committed());
        match before.map(|before| before.arbiter) {
            Some(before) if before != present => vec![before, present],
            Some(_) | None => vec![present],
        }
    }

    /// The forced change that this node has agreed to and does not know the outcome of.
    #[must_use]
    pub fn pledge(&self) -> Option<Pledge> {
        self.pledge
    }

    /// The moment, by this node's clock, from which its lease counts: when it last gave a sign
    /// that a quorate leader then acknowledged. For a leader: when it sent the latest question
    /// that a majority has answered. Never decreases; none before the first time in this run.
    #[must_use]
    pub fn acknowledged_at(&self, now: Instant) -> Option<Instant> {
        let _ = now;
        self.acknowledged
    }
}
