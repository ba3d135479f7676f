//! Changes of who takes part and who leads: one node at a time, and by the leader's choice.
//!
//! A membership counts from the moment it stands in a log. That is safe because two
//! memberships that differ by one voter cannot have two majorities without a common voter,
//! and because no leader changes the members before it has committed an entry of its term.

use model::{Instant, NodeId};
use wire::raft::{Body, Configuration, Payload};

use crate::progress::State as Mode;
use crate::raft::State;
use crate::{Change, ProposeError, Raft};

/// A learner this close to the end catches up within a round trip.
const CATCH_UP_LAG_MAX: u64 = 16;

/// A leadership on its way to somebody else.
#[derive(Debug)]
pub(crate) struct Transfer {
    to: NodeId,
    pub(crate) deadline: Instant,
}

impl Raft {
    /// Proposes a change of the membership; it counts at once, and is settled when the
    /// entry at the returned index is committed. A leader that removes itself commits that
    /// first, then hands over.
    ///
    /// # Errors
    /// When this node does not lead, when the change before is not settled, when the leader
    /// is too new, or when the change makes no sense.
    pub fn propose_configuration(
        &mut self,
        change: Change,
        now: Instant,
    ) -> Result<u64, ProposeError> {
        let changed = self.check_change(change)?;
        let index = self.lead_entry(Payload::Voters(changed), now);
        self.finish();
        Ok(index)
    }

    fn check_change(&self, change: Change) -> Result<Configuration, ProposeError> {
        self.check_accepts()?;
        let State::Leader(leadership) = &self.state else {
            return Err(ProposeError::NotLeader {
                leader: self.leader,
            });
        };
        let (index, present) = self.log.configuration();
        if self.log.commit() < index {
            return Err(ProposeError::ChangePending { index });
        }
        if self.log.commit() < leadership.own_term_index {
            return Err(ProposeError::TermNotCommitted);
        }
        let mut changed = present.clone();
        match change {
            Change::AddLearner(node) if present.contains(node) => {
                return Err(ProposeError::AlreadyMember(node));
            }
            Change::AddLearner(node) => {
                changed.learners.insert(node);
            }
            Change::Promote(node) => {
                self.check_promote(node)?;
                changed.learners.remove(&node);
                changed.voters.insert(node);
            }
            Change::SetArbiter(arbiter) if present.arbiter == arbiter => {
                return Err(ProposeError::SameArbiter);
            }
            Change::SetArbiter(arbiter) => changed.arbiter = arbiter,
            Change::Remove(node) if !present.contains(node) => {
                return Err(ProposeError::NotMember(node));
            }
            Change::Remove(node) => {
                changed.learners.remove(&node);
                changed.voters.remove(&node);
                if changed.voters.is_empty() {
                    return Err(ProposeError::LastVoter(node));
                }
            }
        }
        Ok(changed)
    }

    fn check_promote(&self, node: NodeId) -> Result<(), ProposeError> {
        let State::Leader(leadership) = &self.state else {
            return Ok(());
        };
        if !self.configuration().learners.contains(&node) {
            return Err(ProposeError::NotLearner(node));
        }
        let last = self.log.last_index();
        let Some(progress) = leadership.peers.get(&node) else {
            return Err(ProposeError::NotMember(node));
        };
        let streams = matches!(progress.state, Mode::Replicate { .. });
        if !streams || CATCH_UP_LAG_MAX < last - progress.matched {
            return Err(ProposeError::NotCaughtUp {
                node,
                matched: progress.matched,
                last,
            });
        }
        Ok(())
    }

    /// After a commit: a change of members that is settled now takes its last effects.
    pub(crate) fn settle_membership(&mut self, now: Instant) {
        let (since, _) = self.log.configuration();
        if self.log.commit() < since {
            return;
        }
        self.refresh_peers(None);
        if !self.is_voter() {
            self.hand_over_and_leave(now);
        }
    }

    /// A leader that is no member any more asks the best voter to go on.
    fn hand_over_and_leave(&mut self, now: Instant) {
        let commit = self.log.commit();
        let State::Leader(leadership) = &self.state else {
            return;
        };
        let voters = &self.configuration().voters;
        let candidates = leadership.peers.iter().filter(|(peer, progress)| {
            voters.contains(peer) && !self.lost.contains(peer) && commit <= progress.matched
        });
        let best = candidates
            .max_by_key(|(_, progress)| progress.matched)
            .map(|(peer, _)| *peer);
        if let Some(best) = best {
            self.answer(best, Body::TimeoutNow);
        }
        self.become_follower(self.term, None, now);
    }

    /// Hands the leadership to `to`, once it has all entries. While that is under way
    /// nothing is accepted; after an election timeout it is given up.
    ///
    /// # Errors
    /// When this node does not lead or `to` is no voter.
    pub fn transfer_leadership(&mut self, to: NodeId, now: Instant) -> Result<(), ProposeError> {
        let is_voter = self.configuration().voters.contains(&to);
        let State::Leader(leadership) = &mut self.state else {
            return Err(ProposeError::NotLeader {
                leader: self.leader,
            });
        };
        if !is_voter {
            return Err(ProposeError::NotVoter(to));
        }
        if to != self.config.id {
            let deadline = now + self.config.election_timeout;
            leadership.transfer = Some(Transfer { to, deadline });
            self.continue_transfer(to);
        }
        self.finish();
        Ok(())
    }

    /// Gives the word as soon as the successor has all entries.
    pub(crate) fn continue_transfer(&mut self, from: NodeId) {
        let State::Leader(leadership) = &self.state else {
            return;
        };
        let chosen = leadership
            .transfer
            .as_ref()
            .is_some_and(|transfer| transfer.to == from);
        let complete = leadership
            .peers
            .get(&from)
            .is_some_and(|progress| progress.matched == self.log.last_index());
        if chosen && complete {
            self.answer(from, Body::TimeoutNow);
        }
    }
}
