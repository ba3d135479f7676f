//! What a node tells of itself. Nothing here changes anything.

use std::collections::BTreeMap;

use model::{Instant, Lineage, NodeId};
use wire::raft::{Configuration, Entry, Payload};

use crate::raft::State;
use crate::{Counters, FollowerProgress, Raft, Role};

/// Far more than the log takes within the time that anybody waits for an answer.
const EARLIER_MAX: u64 = 4096;

impl Raft {
    /// This node.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.config.id
    }

    /// The present term.
    #[must_use]
    pub fn term(&self) -> u64 {
        self.term
    }

    /// What this node is in it.
    #[must_use]
    pub fn role(&self) -> Role {
        match self.state {
            State::Follower => Role::Follower,
            State::PreCandidate(_) => Role::PreCandidate,
            State::Candidate(_) | State::Winner(_) => Role::Candidate,
            State::Leader(_) => Role::Leader,
        }
    }

    /// Who leads, as far as this node knows.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        self.leader
    }

    /// The history of this log.
    #[must_use]
    pub fn lineage(&self) -> Lineage {
        self.lineage
    }

    /// Where a command stands that an earlier term has left in the log: index and term of the
    /// newest such entry. At a leader this is complete but for what its log no longer holds: what
    /// was ever committed stands there. Looks at the last `EARLIER_MAX` entries.
    #[must_use]
    pub fn earlier_entry(&self, command: &[u8]) -> Option<(u64, u64)> {
        let last = self.log.last_index();
        let first = last.saturating_sub(EARLIER_MAX).max(self.log.base_index()) + 1;
        let entries = (first..=last).rev().filter_map(|at| self.log.entry(at));
        let earlier = entries.skip_while(|entry| entry.term == self.term);
        let mut same = earlier.filter(|entry| match &entry.payload {
            Payload::Command(data) => data == command,
            Payload::Empty | Payload::Voters(_) | Payload::Forced(_) => false,
        });
        same.next().map(|entry| (entry.index, entry.term))
    }

    /// Up to here all entries are committed, as far as this node knows.
    #[must_use]
    pub fn commit(&self) -> u64 {
        self.log.commit()
    }

    /// The last entry of this node's log.
    #[must_use]
    pub fn last_index(&self) -> u64 {
        self.log.last_index()
    }

    /// The entry at `index`, while it is in memory.
    #[must_use]
    pub fn entry(&self, index: u64) -> Option<&Entry> {
        self.log.entry(index)
    }

    /// The first entry in memory is the one after this index.
    #[must_use]
    pub fn base_index(&self) -> u64 {
        self.log.base_index()
    }

    /// The members; counts from the moment the entry stands in the log.
    #[must_use]
    pub fn configuration(&self) -> &Configuration {
        self.log.configuration().1
    }

    /// The latest change of members is committed.
    #[must_use]
    pub fn configuration_is_committed(&self) -> bool {
        self.log.configuration().0 <= self.log.commit()
    }

    /// Whether those of whom this holds are a majority of the voters; while a change of the
    /// voters is under way, of each of the sets.
    #[must_use]
    pub fn is_majority(&self, holds: impl Fn(NodeId) -> bool) -> bool {
        self.log.reached(|voter| holds(*voter))
    }

    /// Whether this node leads and a majority has answered a heartbeat that was sent within the
    /// election timeout.
    #[must_use]
    pub fn is_quorate(&self, now: Instant) -> bool {
        let State::Leader(leadership) = &self.state else {
            return false;
        };
        let contact = self.quorum_answered(leadership, now);
        now.saturating_duration_since(contact) < self.config.election_timeout
    }

    /// For a leader: when a majority had last answered. For a follower: when it last heard
    /// the leader of its term.
    ///
    /// Who makes a lease of this must know how late a follower may be: a leader that reaches
    /// this follower but no majority goes on for up to one election timeout, until it steps
    /// down, and renews the follower's contact all that time. So a follower's lease ends at
    /// most *election timeout + lease* after a majority last answered its leader, plus the
    /// time of one message on its way and the time by which the leader's owner is late with
    /// [`Raft::handle_timeout`]. A leader's own lease has no such surplus.
    #[must_use]
    pub fn last_contact(&self, now: Instant) -> Option<Instant> {
        match &self.state {
            State::Leader(leadership) => Some(self.quorum_contact(leadership, now)),
            State::Follower | State::PreCandidate(_) | State::Candidate(_) | State::Winner(_) => {
                self.leader_heard_at
            }
        }
    }

    /// How long this member waits for a leader, and leads without a majority.
    #[must_use]
    pub fn election_timeout(&self) -> std::time::Duration {
        self.config.election_timeout
    }

    /// What a leader knows of its followers; empty for others.
    #[must_use]
    pub fn progress(&self) -> BTreeMap<NodeId, FollowerProgress> {
        let State::Leader(leadership) = &self.state else {
            return BTreeMap::new();
        };
        leadership
            .peers
            .iter()
            .map(|(&peer, progress)| (peer, progress.report()))
            .collect()
    }

    /// What was dropped and done since the start.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }
}
