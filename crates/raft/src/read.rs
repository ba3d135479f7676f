//! Reads that are as good as writes: which index must be applied before a read may be
//! served (ReadIndex).
//!
//! The leader notes its commit index, makes sure by a round of heartbeats that it still
//! leads, and then gives the index out. Before it has committed an entry of its own term it
//! does not know its commit index, and the read waits.

use std::collections::VecDeque;

use model::{Instant, NodeId};
use wire::raft::Body;

use crate::raft::State;
use crate::{Output, Raft};

/// Reads of a second of a very busy cluster; more only wait for each other.
const READS_MAX: usize = 4096;

/// A read that the leader has not confirmed yet.
#[derive(Debug)]
pub(crate) struct PendingRead {
    context: u64,
    /// Another node asked, and gets the answer.
    origin: Option<NodeId>,
    /// The index and the round that confirms it; none before the own term has committed.
    asked: Option<(u64, u64)>,
}

/// The reads under way at a leader.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    queue: VecDeque<PendingRead>,
    /// The latest round of heartbeats that confirms reads.
    pub(crate) round: u64,
}

/// A read that the leader was asked about.
#[derive(Debug)]
pub(crate) struct Forwarded {
    context: u64,
    deadline: Instant,
}

impl Raft {
    /// Asks for the index that must be applied before a read may be served. The answer is
    /// an [`Output::ReadReady`] or [`Output::ReadFailed`] with the same `context`; it comes
    /// within the election timeout or so. Any member may ask.
    pub fn read_index(&mut self, context: u64, now: Instant) {
        match (&self.state, self.leader) {
            (State::Leader(_), _) => self.lead_read(context, None, now),
            (State::Follower, Some(leader)) if self.forwarded.len() < READS_MAX => {
                // Not the caller's context: that may repeat in the next run of the program.
                let name = self.random.next();
                let deadline = now + self.config.election_timeout;
                self.forwarded.insert(name, Forwarded { context, deadline });
                self.answer(leader, Body::ReadIndex { context: name });
            }
            (
                State::Follower | State::PreCandidate(_) | State::Candidate(_) | State::Winner(_),
                _,
            ) => {
                self.outbox.push(Output::ReadFailed { context });
            }
        }
        self.finish();
    }

    pub(crate) fn handle_read_index(&mut self, from: NodeId, context: u64, now: Instant) {
        match self.state {
            State::Leader(_) => self.lead_read(context, Some(from), now),
            State::Follower | State::PreCandidate(_) | State::Candidate(_) | State::Winner(_) => {
                self.answer(
                    from,
                    Body::ReadIndexReply {
                        context,
                        index: None,
                    },
                );
            }
        }
    }

    pub(crate) fn handle_read_index_reply(&mut self, name: u64, index: Option<u64>) {
        let Some(Forwarded { context, .. }) = self.forwarded.remove(&name) else {
            return;
        };
        self.outbox.push(match index {
            Some(index) => Output::ReadReady { context, index },
            None => Output::ReadFailed { context },
        });
    }

    fn lead_read(&mut self, context: u64, origin: Option<NodeId>, now: Instant) {
        let commit = self.log.commit();
        let State::Leader(leadership) = &mut self.state else {
            return;
        };
        if READS_MAX <= leadership.reads.queue.len() {
            self.answer_read(context, origin, None);
            return;
        }
        let knows_commit = leadership.own_term_index <= commit;
        leadership.reads.queue.push_back(PendingRead {
            context,
            origin,
            asked: None,
        });
        if knows_commit {
            self.ask_reads(now);
        }
    }

    /// Starts a round for the reads that have none yet.
    pub(crate) fn ask_reads(&mut self, now: Instant) {
        let commit = self.log.commit();
        let State::Leader(leadership) = &mut self.state else {
            return;
        };
        let Reads { queue, round } = &mut leadership.reads;
        if queue.back().is_none_or(|read| read.asked.is_some()) {
            return;
        }
        *round += 1;
        for read in queue.iter_mut().filter(|read| read.asked.is_none()) {
            read.asked = Some((commit, *round));
        }
        self.broadcast_heartbeat(now);
        self.confirm_reads();
    }

    /// Gives out the reads whose round a majority has answered.
    pub(crate) fn confirm_reads(&mut self) {
        let me = self.config.id;
        let State::Leader(leadership) = &mut self.state else {
            return;
        };
        let peers = &leadership.peers;
        let round_of = |voter: &NodeId| match peers.get(voter) {
            Some(progress) => progress.read_round,
            None if *voter == me => u64::MAX,
            None => 0,
        };
        let confirmed = self.log.reached(round_of);
        let mut answers = Vec::new();
        while let Some(read) = leadership.reads.queue.front() {
            let Some((index, round)) = read.asked else {
                break;
            };
            if confirmed < round {
                break;
            }
            answers.push((read.context, read.origin, index));
            leadership.reads.queue.pop_front();
        }
        for (context, origin, index) in answers {
            self.answer_read(context, origin, Some(index));
        }
    }

    fn answer_read(&mut self, context: u64, origin: Option<NodeId>, index: Option<u64>) {
        match (origin, index) {
            (Some(node), index) => self.answer(node, Body::ReadIndexReply { context, index }),
            (None, Some(index)) => self.outbox.push(Output::ReadReady { context, index }),
            (None, None) => self.outbox.push(Output::ReadFailed { context }),
        }
    }

    /// A leader that steps down cannot confirm anything any more.
    pub(crate) fn fail_leader_reads(&mut self) {
        let State::Leader(leadership) = &mut self.state else {
            return;
        };
        for read in std::mem::take(&mut leadership.reads.queue) {
            self.answer_read(read.context, read.origin, None);
        }
    }

    /// The leader that was asked is no longer the leader here.
    pub(crate) fn fail_forwarded(&mut self) {
        for (_, Forwarded { context, .. }) in std::mem::take(&mut self.forwarded) {
            self.outbox.push(Output::ReadFailed { context });
        }
    }

    pub(crate) fn forwarded_deadline(&self) -> Option<Instant> {
        self.forwarded.values().map(|read| read.deadline).min()
    }

    pub(crate) fn expire_forwarded(&mut self, now: Instant) {
        let outbox = &mut self.outbox;
        self.forwarded.retain(|_, read| {
            let waits = now < read.deadline;
            if !waits {
                outbox.push(Output::ReadFailed {
                    context: read.context,
                });
            }
            waits
        });
    }
}

#[cfg(test)]
mod tests;
