//! Commands on their way into the log, and who waits for their answers.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use model::plant::{self, Plant};
use model::{Command, Instant, NodeId, Rejected};
use serde::{Deserialize, Serialize};

use crate::message::PeerMessage;
use crate::node::{Node, Output};

/// Names a request of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(pub u64);

/// No run of a daemon lives to see so many requests, and no node so many starts.
const REQUESTS_PER_RUN_BITS: u32 = 32;

impl RequestId {
    /// The first of a run. A late answer to an earlier run's request must not be taken for
    /// one to this run's; so no two runs of a node use the same number. 0 names no request.
    #[must_use]
    pub fn first_of(run: u64) -> Self {
        Self((run << REQUESTS_PER_RUN_BITS) | 1)
    }
}

/// A request that has no answer after this time is given up: a person waits for it, and
/// an election (two time-outs at most) fits in it.
pub(crate) const REQUEST_LIMIT: Duration = Duration::from_secs(8);

/// A request that the leader did not take is asked again after this time, or as soon as
/// another leads.
const ASKED_AGAIN: Duration = Duration::from_millis(100);

/// More people than this do not wait at one daemon; more would be a script gone wild.
pub(crate) const REQUESTS_MAX: usize = 256;

/// Proposals of one peer that are remembered, so that one that comes twice is proposed once:
/// all that may wait there at a time.
const REMEMBERED_MAX: usize = REQUESTS_MAX;

/// Entries that somebody waits for, at most: as many as the log takes uncommitted, and some
/// of earlier terms that will never be applied.
const PROPOSED_MAX: usize = 4096;

/// Why a command was not applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum RequestError {
    /// The state machine said no, on all nodes alike.
    #[error("refused: {0}")]
    Rejected(Rejected),
    /// Nobody leads, so nothing can be decided. Nothing has changed. Between nodes: this one
    /// does not, or takes nothing right now.
    #[error("the cluster has no quorate leader, so nothing can be decided now")]
    NoLeader,
    /// The leader changed while the command was under way; it may or may not be applied.
    #[error("the leader changed meanwhile; look at `mainstay history` before you try again")]
    LeaderChanged,
    /// No answer within the limit; it may or may not be applied.
    #[error("no answer in time; look at `mainstay history` before you try again")]
    TimedOut,
    /// Too many requests wait already.
    #[error("too many requests wait for an answer already")]
    Busy,
}

/// Who is told when an entry of the log has been applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    /// Somebody at this node.
    Here(RequestId),
    /// A peer that forwarded the command.
    Peer(NodeId, RequestId),
    /// Nobody waits.
    Nobody,
}

/// A request of this node that has no answer yet.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    /// The command's bytes.
    pub command: Vec<u8>,
    /// Given up then.
    pub deadline: Instant,
    /// How far it has come.
    pub progress: Progress,
}

/// How far a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nobody led so far.
    Unsent,
    /// With the leader of this term, as this proposal; it may be in the log.
    Sent { term: u64, proposal: RequestId },
    /// The leader of this term did not take it: it has begun anew, or hands over. It is asked
    /// again at that moment, or as soon as somebody leads. An earlier run of that leader may have
    /// taken a copy, so nobody can say any more that nothing has changed.
    Refused {
        term: u64,
        again_at: Option<Instant>,
    },
    /// Done, as the entry of this index. Whoever asked is told when this node has applied it:
    /// what they ask for next must find it done.
    Done { index: u64 },
}

/// The requests of this node.
#[derive(Debug)]
pub(crate) struct Requests {
    /// By number.
    pub waiting: BTreeMap<RequestId, Waiting>,
    /// The next proposal of this run to a leader. A request that is asked again is another
    /// proposal, so that a copy of the first which comes late is not taken for it.
    next_proposal: RequestId,
    /// At the leader: who waits for which entry (index, with the term it was proposed in).
    pub proposed: BTreeMap<u64, (u64, Asker)>,
    /// The latest proposals of each peer, oldest first.
    heard: BTreeMap<NodeId, VecDeque<RequestId>>,
}

impl Requests {
    /// Of this run of the daemon.
    pub fn new(run: u64) -> Self {
        Self {
            waiting: BTreeMap::new(),
            next_proposal: RequestId::first_of(run),
            proposed: BTreeMap::new(),
            heard: BTreeMap::new(),
        }
    }

    fn number_proposal(&mut self) -> RequestId {
        let number = self.next_proposal;
        self.next_proposal = RequestId(number.0 + 1);
        number
    }

    /// Which request waits for the answer to this proposal.
    fn request_of(&self, proposal: RequestId) -> Option<RequestId> {
        let is_it = |waiting: &Waiting| matches!(waiting.progress, Progress::Sent { proposal: its, .. } if its == proposal);
        let found = self.waiting.iter().find(|(_, waiting)| is_it(waiting));
        found.map(|(id, _)| *id)
    }

    /// Whether a proposal of a peer comes for the first time. What comes twice, and was
    /// applied the first time, would be refused the second time, and its asker might be told
    /// that instead. Numbers that name no request are not remembered.
    pub fn is_new(&mut self, from: NodeId, id: RequestId) -> bool {
        if id == RequestId(0) {
            return true;
        }
        let heard = self.heard.entry(from).or_default();
        if heard.contains(&id) {
            return false;
        }
        if REMEMBERED_MAX <= heard.len() {
            heard.pop_front();
        }
        heard.push_back(id);
        true
    }

    /// The earliest moment at which a request is asked again or given up.
    pub fn next_deadline(&self) -> Option<Instant> {
        let due = self.waiting.values().map(|waiting| match waiting.progress {
            Progress::Refused {
                again_at: Some(at), ..
            } => at.min(waiting.deadline),
            Progress::Unsent
            | Progress::Sent { .. }
            | Progress::Refused { .. }
            | Progress::Done { .. } => waiting.deadline,
        });
        due.min()
    }
}

impl Node {
    pub(crate) fn take_proposal(
        &mut self,
        (from, id): (NodeId, RequestId),
        command: Vec<u8>,
        now: Instant,
    ) {
        let asker = Asker::Peer(from, id);
        if self.is_leader()
            && let Err(rejected) = self.require_level_of(&command)
        {
            return self.reply(asker, Err(RequestError::Rejected(rejected)), now);
        }
        self.propose(asker, command, now);
    }

    /// Puts a command into the log, if this node leads. One that is asked again may stand there
    /// already: an earlier leader took a copy of it, and could not tell.
    fn propose(&mut self, asker: Asker, command: Vec<u8>, now: Instant) {
        let earlier = self.raft.earlier_entry(&command);
        match earlier.filter(|_| self.is_leader()) {
            Some((index, term)) if self.applied < index => {
                self.requests.proposed.insert(index, (term, asker));
                return;
            }
            Some(_) => return self.reply(asker, Err(RequestError::LeaderChanged), now),
            None => {}
        }
        let term = self.raft.term();
        match self.raft.propose(command, now) {
            Ok(index) if plant::is(Plant::ReplyBeforeCommit) => self.reply(asker, Ok(index), now),
            Ok(index) => drop(self.requests.proposed.insert(index, (term, asker))),
            Err(_) => self.reply(asker, Err(RequestError::NoLeader), now),
        }
    }

    /// Somebody at this node wants a command applied; the answer comes as `Output::Reply`.
    pub fn handle_request(&mut self, id: RequestId, command: Command, now: Instant) {
        if REQUESTS_MAX <= self.requests.waiting.len() {
            self.outputs.push_back(Output::Reply {
                id,
                result: Err(RequestError::Busy),
            });
            return;
        }
        if matches!(&command, Command::Leave { node, .. } if *node == self.config.name) {
            self.tending.ask_to_leave();
        }
        let waiting = Waiting {
            command: self.stamp(command, now),
            deadline: now + REQUEST_LIMIT,
            progress: Progress::Unsent,
        };
        self.requests.waiting.insert(id, waiting);
        self.advance(now);
    }

    /// Sends what waits, as soon as somebody leads.
    pub(crate) fn send_requests(&mut self, now: Instant) {
        let Some(leader) = self.leader else { return };
        let term = self.raft.term();
        let ids: Vec<RequestId> = self.requests.waiting.keys().copied().collect();
        for id in ids {
            let Some(waiting) = self.requests.waiting.get(&id) else {
                continue;
            };
            match waiting.progress {
                Progress::Sent { term: sent_in, .. } if sent_in != term => {
                    self.answer(id, Err(RequestError::LeaderChanged));
                }
                Progress::Sent { .. } | Progress::Done { .. } => {}
                Progress::Refused {
                    term: by,
                    again_at: Some(_),
                } if by == term => {}
                Progress::Unsent | Progress::Refused { .. } => self.send_request(id, leader, now),
            }
        }
    }

    fn send_request(&mut self, id: RequestId, leader: NodeId, now: Instant) {
        let proposal = self.requests.number_proposal();
        let term = self.raft.term();
        let Some(waiting) = self.requests.waiting.get_mut(&id) else {
            return;
        };
        waiting.progress = Progress::Sent { term, proposal };
        let command = waiting.command.clone();
        self.send_to_leader(leader, Asker::Here(proposal), command, now);
    }

    fn send_to_leader(&mut self, leader: NodeId, asker: Asker, command: Vec<u8>, now: Instant) {
        // A leader of an older version would put anything into the log.
        if let Err(rejected) = self.require_level_of(&command) {
            return self.reply(asker, Err(RequestError::Rejected(rejected)), now);
        }
        if leader != self.config.id {
            let id = match asker {
                Asker::Here(id) => id,
                Asker::Peer(..) | Asker::Nobody => RequestId(0),
            };
            let message = PeerMessage::Proposal { id, command };
            self.outputs.push_back(Output::Send {
                to: leader,
                message,
            });
            return;
        }
        self.propose(asker, command, now);
    }

    /// Proposes a command of this node's own; nobody waits for the answer, because what
    /// matters is whether the state shows it, and if not it is proposed again.
    pub(crate) fn propose_own(&mut self, command: Command, now: Instant) {
        let Some(leader) = self.leader else { return };
        // Told again once the level has risen; until then nobody could read it.
        if self.require_level(&command).is_err() {
            return;
        }
        let command = self.stamp(command, now);
        self.send_to_leader(leader, Asker::Nobody, command, now);
    }

    pub(crate) fn reply(&mut self, asker: Asker, result: Result<u64, RequestError>, now: Instant) {
        match asker {
            Asker::Nobody | Asker::Peer(_, RequestId(0)) => {}
            Asker::Here(proposal) => self.handle_reply(proposal, result, now),
            Asker::Peer(to, id) => {
                let message = PeerMessage::ProposalReply { id, result };
                self.outputs.push_back(Output::Send { to, message });
            }
        }
    }

    /// What became of a proposal of this node. One that was not taken is asked again while
    /// its request may wait: an administrator need not know when leaders change.
    pub(crate) fn handle_reply(
        &mut self,
        proposal: RequestId,
        result: Result<u64, RequestError>,
        now: Instant,
    ) {
        let Some(id) = self.requests.request_of(proposal) else {
            return;
        };
        let Some(waiting) = self.requests.waiting.get_mut(&id) else {
            return;
        };
        match (result, waiting.progress) {
            (Ok(index), _) => {
                waiting.progress = Progress::Done { index };
                self.answer_applied();
            }
            (Err(RequestError::NoLeader), Progress::Sent { term, .. }) => {
                let again_at = Some(now + ASKED_AGAIN);
                waiting.progress = Progress::Refused { term, again_at };
            }
            (Err(error), _) => self.answer(id, Err(error)),
        }
    }

    /// Tells those whose command has been applied here.
    pub(crate) fn answer_applied(&mut self) {
        let applied = self.applied;
        let waiting = self.requests.waiting.iter();
        let done = waiting.filter_map(|(id, waiting)| match waiting.progress {
            Progress::Done { index } if index <= applied => Some((*id, index)),
            Progress::Done { .. }
            | Progress::Unsent
            | Progress::Sent { .. }
            | Progress::Refused { .. } => None,
        });
        for (id, index) in done.collect::<Vec<_>>() {
            self.answer(id, Ok(index));
        }
    }

    fn answer(&mut self, id: RequestId, result: Result<u64, RequestError>) {
        if self.requests.waiting.remove(&id).is_some() {
            self.outputs.push_back(Output::Reply { id, result });
        }
    }

    /// What is due: requests that may be asked again, and those that have waited enough.
    pub(crate) fn time_requests(&mut self, now: Instant) {
        for waiting in self.requests.waiting.values_mut() {
            if let Progress::Refused { again_at, .. } = &mut waiting.progress {
                *again_at = again_at.filter(|at| now < *at);
            }
        }
        let over = self
            .requests
            .waiting
            .iter()
            .filter(|(_, waiting)| waiting.deadline <= now);
        let over: Vec<_> = over.map(|(id, waiting)| (*id, waiting.progress)).collect();
        for (id, progress) in over {
            let error = match progress {
                Progress::Unsent => RequestError::NoLeader,
                Progress::Sent { .. } | Progress::Refused { .. } | Progress::Done { .. } => {
                    RequestError::TimedOut
                }
            };
            self.answer(id, Err(error));
        }
        while PROPOSED_MAX < self.requests.proposed.len() {
            self.requests.proposed.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RequestId;

    #[test]
    fn an_answer_to_an_earlier_run_names_no_request_of_this_one() {
        let (earlier, this) = (RequestId::first_of(6), RequestId::first_of(7));
        assert_eq!((earlier.0, this.0), (6 << 32 | 1, 7 << 32 | 1));
        let last_of_earlier = RequestId(earlier.0 + u64::from(u32::MAX) - 1);
        assert!(last_of_earlier < this);
        assert_ne!(RequestId::first_of(0), RequestId(0));
    }
}
