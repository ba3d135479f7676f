//! Rule 5: what a node does that meets a newer history than its own.
//!
//! Without a quorum of its own it yields, once its services have stopped where they stop without
//! a lease: its log is set aside, and it begins as a learner of the other history. With one it does not: then somebody has vouched falsely for nodes that
//! lived, and people must know at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::plant::{self, Plant};
use model::{Command, Instant, Lineage, NodeId, ServiceName};
use quorum::half::Leadership;
use wire::raft::{Body, Message};

use crate::executor::{Lease, Permit};
use crate::message::PeerMessage;
use crate::node::{Node, Output};

/// A node without a leader yields after so long: a majority elects one well within it, and
/// must not throw its history away in the moment of an election.
const YIELD_AFTER: Duration = Duration::from_secs(3);

/// A node yields only to somebody who lives: a log that is set aside for a history whose only
/// holder has died meanwhile may be the better one of two that nobody serves. A leader speaks
/// several times in that time, and who answers our own questions speaks in that moment.
const RIVAL_HEARD: Duration = Duration::from_secs(1);

/// One that was silent for longer than this is met anew. Longer than the pause between two
/// questions of a node that has no leader.
const RIVAL_GAP: Duration = Duration::from_secs(5);

/// After the end of its lease a node that yields waits so long for its services to stop:
/// a chain of several, each of which needs its whole time and is killed then. The next run
/// may not be able to stop anything before the others know it again.
const STOPS_MAX: Duration = Duration::from_secs(300);

/// Two histories have a quorum each when the leader of the other speaks for so long. A leader
/// that was cut off or asleep finds out within an election time-out that it has none.
const CONTEST_AFTER: Duration = Duration::from_secs(3);

/// A pause in which the other leader may be silent: a few of its heartbeats, and the answers
/// of one that would not speak by itself.
const CONTEST_GAP: Duration = Duration::from_secs(2);

/// How often the leader of another history is told that there is a quorum here too.
const CONTEST_TOLD_EVERY: Duration = Duration::from_secs(1);

/// Services of a side that stands back may run again when the other has been silent for so
/// long: its nodes were halted, or they follow. A network that flaps is not silent for a minute.
const CONTEST_OVER: Duration = Duration::from_secs(60);

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
    /// When somebody was last heard who belongs to it.
    heard: Option<Instant>,
    /// Since when this node has known of it and had no quorum.
    since: Option<Instant>,
    is_done: bool,
    contest: Option<Contest>,
    /// When nodes of other histories were told that this one has a quorum: at most one entry
    /// per member.
    told: BTreeMap<NodeId, Instant>,
}

/// The leader of another history, as long as it speaks.
#[derive(Debug, Clone, Copy)]
struct Contest {
    rival: Rival,
    since: Instant,
    last: Instant,
}

impl Node {
    /// Somebody speaks in a newer history.
    pub(crate) fn meet_rival(&mut self, node: NodeId, lineage: Lineage, now: Instant) {
        if self
            .yielding
            .heard
            .is_some_and(|heard| heard + RIVAL_GAP <= now)
        {
            self.yielding.since = None;
        }
        let known = self.yielding.rival.filter(|_| self.hears_rival(now));
        let known = known.map(|rival| rival.lineage);
        if known.is_none_or(|known| known.generation < lineage.generation) {
            self.yielding.rival = Some(Rival { node, lineage });
            self.yielding.heard = Some(now);
        } else if known == Some(lineage) {
            self.yielding.heard = Some(now);
        }
    }

    fn hears_rival(&self, now: Instant) -> bool {
        let heard = self.yielding.heard;
        heard.is_some_and(|heard| now < heard + RIVAL_HEARD)
    }

    /// Looks whether somebody leads in another history, and says that this one has a quorum.
    pub(crate) fn meet_strange_leader(&mut self, message: &Message, now: Instant) {
        let leads = match &message.body {
            Body::Append { .. } | Body::Heartbeat { .. } | Body::SnapshotChunk { .. } => true,
            Body::PreVote { .. }
            | Body::PreVoteReply { .. }
            | Body::Vote { .. }
            | Body::VoteReply { .. }
            | Body::AppendReply { .. }
            | Body::HeartbeatReply { .. }
            | Body::SnapshotReply { .. }
            | Body::TimeoutNow
            | Body::Outdated
            | Body::ReadIndex { .. }
            | Body::ReadIndexReply { .. } => false,
        };
        let ours = self.raft.lineage();
        if message.lineage == ours {
            return;
        }
        let (node, lineage) = (message.from, message.lineage);
        if ours.generation < lineage.generation {
            self.meet_rival(node, lineage, now);
        }
        if leads {
            self.note_contest(Rival { node, lineage }, now);
        }
        // Also who only asks for votes in an older history must know of this one, before it
        // finds a majority there.
        let is_concerned = leads || lineage.generation < ours.generation;
        let told = self.yielding.told.get(&node);
        let is_told = told.is_some_and(|told| now < *told + CONTEST_TOLD_EVERY);
        if is_concerned && self.leadership(now) == Leadership::Quorate && !is_told {
            self.yielding.told.insert(node, now);
            self.tell_of_quorum(node);
        }
    }

    fn note_contest(&mut self, rival: Rival, now: Instant) {
        let known = self.yielding.contest.filter(|contest| {
            contest.rival.lineage == rival.lineage && now < contest.last + CONTEST_GAP
        });
        self.yielding.contest = Some(Contest {
            rival,
            since: known.map_or(now, |contest| contest.since),
            last: now,
        });
    }

    /// A sign of this history, which does nothing in the other but being noticed.
    fn tell_of_quorum(&mut self, to: NodeId) {
        let body = match self.is_leader() {
            true => Body::Heartbeat {
                commit: 0,
                read_round: 0,
                sent: None,
                echo: None,
            },
            false => Body::Outdated,
        };
        let message = PeerMessage::Raft(Message {
            term: self.raft.term(),
            lineage: self.raft.lineage(),
            from: self.config.id,
            to,
            body,
        });
        self.outputs.push_back(Output::Send { to, message });
    }

    /// What the leader has to tell the log of two histories with a quorum each.
    pub(crate) fn contest_news(&self, now: Instant) -> Option<Command> {
        let is_known = self.state.seen().contest.is_some();
        let contest = self.yielding.contest;
        let speaks = contest.filter(|contest| now < contest.last + CONTEST_GAP);
        match speaks {
            Some(contest) if !is_known && contest.since + CONTEST_AFTER <= now => {
                let node = self.state.node_name(contest.rival.node)?.clone();
                let rival = Some((node, contest.rival.lineage.generation));
                Some(Command::Contest { rival })
            }
            None if is_known && self.contest_ends()? <= now => {
                Some(Command::Contest { rival: None })
            }
            Some(_) | None => None,
        }
    }

    /// When a contest that the log has is over, as far as this leader heard.
    fn contest_ends(&self) -> Option<Instant> {
        let heard = self.yielding.contest.map(|contest| contest.last);
        let leads = self.duties.leads_until(Duration::ZERO)?;
        Some(heard.map_or(leads, |heard| heard.max(leads)) + CONTEST_OVER)
    }

    /// When time alone makes the leader tell of a contest.
    pub(crate) fn contest_deadline(&self, now: Instant) -> Option<Instant> {
        if self.state.seen().contest.is_some() {
            return self.contest_ends().filter(|at| now < *at);
        }
        let begins = self
            .yielding
            .contest
            .map(|contest| contest.since + CONTEST_AFTER);
        begins.filter(|at| now < *at)
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
        if plant::is(Plant::NeverYields) {
            return;
        }
        if self.leadership(now) == Leadership::Quorate {
            self.yielding.since = None;
            return;
        }
        let since = *self.yielding.since.get_or_insert(now);
        if since + YIELD_AFTER <= now && self.hears_rival(now) && self.is_cleared(now) {
            self.yielding.is_done = true;
            let lineage = rival.lineage;
            self.outputs.push_back(Output::SetLogAside(lineage));
        }
    }

    /// Whether nothing runs here that this node should stop before it yields.
    fn is_cleared(&self, now: Instant) -> bool {
        let stops = self.permit_without_lease() == Permit::Stop;
        let is_over = self.stops_end().is_none_or(|end| end <= now);
        !stops || is_over || self.left_running().is_empty()
    }

    fn stops_end(&self) -> Option<Instant> {
        let since = self.yielding.since?;
        Some(since + YIELD_AFTER + self.lease_span() + STOPS_MAX)
    }

    /// Whether this run stops what runs here because it will yield. It may do so before it
    /// knows the log: without a lease nothing runs here by right, and nothing is started.
    pub(crate) fn clears_away(&self, now: Instant) -> bool {
        let since = self.yielding.since.filter(|_| self.rival().is_some());
        since.is_some_and(|since| since + YIELD_AFTER <= now)
            && self.lease == Lease::Ended
            && self.permit_without_lease() == Permit::Stop
    }

    /// What an earlier run has started is asked for first.
    pub(crate) fn clear_away(&mut self, now: Instant) {
        let recorded = std::mem::take(&mut self.recorded);
        if !recorded.is_empty() {
            self.executor.begin_probes(&self.state, &recorded, now);
        }
        self.executor.advance(&self.state, self.applied, now);
    }

    /// Services of which something is up here, as far as this run knows: nobody watches them
    /// when the daemon ends.
    #[must_use]
    pub fn left_running(&self) -> BTreeSet<ServiceName> {
        let recorded = self.recorded.iter().map(|(address, _)| &address.service);
        recorded.chain(self.executor.up()).cloned().collect()
    }

    pub(crate) fn yielding_deadline(&self, now: Instant) -> Option<Instant> {
        let since = self.yielding.since.filter(|_| !self.yielding.is_done)?;
        let times = [Some(since + YIELD_AFTER), self.stops_end()];
        times.into_iter().flatten().filter(|at| now < *at).min()
    }
}
