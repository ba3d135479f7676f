//! What a leader does: sends entries, counts copies, commits, keeps its followers' belief
//! in it, and gives up when a majority no longer answers.

use std::collections::{BTreeMap, VecDeque};

use model::plant::{self, Plant};
use model::{Instant, NodeId};
use wire::raft::{AppendOutcome, Body, Entry, Payload, Stamp};

use crate::change::Transfer;
use crate::progress::{Progress, State as Mode};
use crate::raft::State;
use crate::read::Reads;
use crate::{COMMAND_BYTES_MAX, ProposeError, Raft};

/// A leader without a majority must not fill the memory before it notices; this is far more
/// than a healthy cluster ever has under way.
const UNCOMMITTED_MAX: u64 = 4096;

/// What only a leader has.
#[derive(Debug)]
pub(crate) struct Leadership {
    /// All members but this node; a removed one until its removal is committed, so that it
    /// learns of it.
    pub(crate) peers: BTreeMap<NodeId, Progress>,
    /// The first entry of this term. Once it is committed, the commit index is the truth.
    pub(crate) own_term_index: u64,
    pub(crate) heartbeat_at: Instant,
    pub(crate) reads: Reads,
    pub(crate) transfer: Option<Transfer>,
}

/// What stands in the answer to a heartbeat.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    pub(crate) read_round: u64,
    pub(crate) sent: Option<Stamp>,
    pub(crate) stamp: Option<Stamp>,
}

/// Whether a message without entries is worth sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// Only if there is something to send.
    NewEntries,
    /// In any case: to ask, or to tell the commit index.
    Always,
}

impl Leadership {
    /// The failure detector lost a follower: what is under way to it will not arrive.
    pub(crate) fn note_lost(&mut self, peer: NodeId) {
        if let Some(progress) = self.peers.get_mut(&peer) {
            progress.become_probe();
        }
    }
}

impl Raft {
    /// `asked_at` is when the votes were asked for.
    pub(crate) fn become_leader(&mut self, asked_at: Instant, now: Instant) {
        assert!(
            self.outbox.hard_state_is_persisted(),
            "term {} is not on disk",
            self.term
        );
        self.leader = Some(self.config.id);
        self.log_ends.clear();
        self.leader_heard_at = None;
        self.fast_tries = 0;
        self.election_deadline = None;
        self.incoming = None;
        self.deferred_pre_votes.clear();
        // A vote that was long on its way says little of now: asks at once.
        let is_late = self.config.heartbeat_interval < now.saturating_duration_since(asked_at);
        let heartbeat_at = if is_late {
            now
        } else {
            now + self.config.heartbeat_interval
        };
        self.state = State::Leader(Box::new(Leadership {
            peers: BTreeMap::new(),
            own_term_index: self.log.last_index() + 1,
            heartbeat_at,
            reads: Reads::default(),
            transfer: None,
        }));
        // Each voter counts as heard now: the election was the proof of life.
        self.refresh_peers(Some((asked_at, now)));
        self.lead_entry(Payload::Empty, now);
    }

    /// Proposes a command. It is accepted at the returned index of the present term, which
    /// does not mean that it will be committed: another leader may put another one there.
    ///
    /// # Errors
    /// When this node does not lead, when it cannot take more right now, or when the command
    /// is larger than [`COMMAND_BYTES_MAX`].
    pub fn propose(&mut self, data: Vec<u8>, now: Instant) -> Result<u64, ProposeError> {
        self.check_accepts()?;
        if COMMAND_BYTES_MAX < data.len() {
            return Err(ProposeError::TooLarge { bytes: data.len() });
        }
        let index = self.lead_entry(Payload::Command(data), now);
        self.finish();
        Ok(index)
    }

    pub(crate) fn check_accepts(&self) -> Result<(), ProposeError> {
        let State::Leader(leadership) = &self.state else {
            return Err(ProposeError::NotLeader {
                leader: self.leader,
            });
        };
        let full = UNCOMMITTED_MAX <= self.log.last_index() - self.log.commit();
        if full || leadership.transfer.is_some() || !self.is_voter() {
            return Err(ProposeError::Busy);
        }
        Ok(())
    }

    pub(crate) fn lead_entry(&mut self, payload: Payload, now: Instant) -> u64 {
        let index = self.log.last_index() + 1;
        // The next members may have answered nothing yet.
        self.acknowledge_itself(now);
        self.append_entry(Entry {
            index,
            term: self.term,
            payload,
        });
        if self.log.configuration().0 == index {
            let known = self.peer_ids();
            self.refresh_peers(None);
            let added = self.peer_ids().into_iter();
            // A voter counts for a majority once it has answered one of these.
            for peer in added.filter(|peer| !known.contains(peer)) {
                self.send_heartbeat(peer, now);
            }
        }
        self.broadcast_append(Occasion::NewEntries, now);
        index
    }

    /// Brings the list of followers in line with the membership. After an election `heard` is
    /// when it was begun and when it was won.
    pub(crate) fn refresh_peers(&mut self, heard: Option<(Instant, Instant)>) {
        let (since, configuration) = self.log.configuration();
        let before = self
            .log
            .previous_configuration()
            .filter(|_| self.log.commit() < since);
        let before = before
            .into_iter()
            .flat_map(|configuration| configuration.members());
        let me = self.config.id;
        let wanted: Vec<NodeId> = configuration
            .members()
            .chain(before)
            .filter(|node| *node != me)
            .collect();
        let last_index = self.log.last_index();
        // Entries that were just added are still to be sent.
        let known = if heard.is_some() {
            last_index
        } else {
            last_index.saturating_sub(1)
        };
        let State::Leader(leadership) = &mut self.state else {
            return;
        };
        leadership.peers.retain(|peer, _| wanted.contains(peer));
        for peer in wanted {
            leadership
                .peers
                .entry(peer)
                .or_insert_with(|| Progress::new(known, heard));
        }
    }

    fn peer_ids(&self) -> Vec<NodeId> {
        let State::Leader(leadership) = &self.state else {
            return Vec::new();
        };
        leadership.peers.keys().copied().collect()
    }

    pub(crate) fn broadcast_append(&mut self, occasion: Occasion, now: Instant) {
        for peer in self.peer_ids() {
            self.send_append(peer, occasion, now);
        }
    }

    pub(crate) fn broadcast_heartbeat(&mut self, now: Instant) {
        if let State::Leader(leadership) = &mut self.state {
            leadership.heartbeat_at = now + self.config.heartbeat_interval;
        }
        for peer in self.peer_ids() {
            self.send_heartbeat(peer, now);
        }
    }

    fn send_heartbeat(&mut self, to: NodeId, now: Instant) {
        let State::Leader(leadership) = &self.state else {
            return;
        };
        let Some(progress) = leadership.peers.get(&to) else {
            return;
        };
        let commit = progress.matched.min(self.log.commit());
        let read_round = leadership.reads.round;
        let (sent, echo) = (Some(self.stamp(now)), self.echo_for(to, now));
        self.answer(
            to,
            Body::Heartbeat {
                commit,
                read_round,
                sent,
                echo,
            },
        );
    }

    /// Sends as many entries as may be under way.
    pub(crate) fn send_append(&mut self, to: NodeId, occasion: Occasion, now: Instant) {
        let mut occasion = occasion;
        let echo = self.echo_for(to, now);
        for _ in 0..self.config.inflight_max {
            let State::Leader(leadership) = &mut self.state else {
                return;
            };
            let Some(progress) = leadership.peers.get_mut(&to) else {
                return;
            };
            let has_news = progress.next <= self.log.last_index();
            let may_send = match &progress.state {
                Mode::Probe { asked_at } => asked_at.is_none(),
                Mode::Replicate { inflight } => {
                    let room = inflight.len() < self.config.inflight_max;
                    occasion == Occasion::Always && !has_news || has_news && room
                }
                Mode::Snapshot { .. } => false,
            };
            if !may_send {
                return;
            }
            let prev_index = progress.next - 1;
            let Some(prev_term) = self.log.term_at(prev_index) else {
                self.begin_snapshot(to, now);
                return;
            };
            let (count, bytes) = (
                self.config.entries_per_append_max,
                self.config.append_bytes_max,
            );
            let last = self.log.last_that_fits(progress.next, count, bytes);
            let entries = self.log.copy(progress.next, last);
            match &mut progress.state {
                Mode::Probe { asked_at } => *asked_at = Some(now),
                Mode::Replicate { inflight } => {
                    if let Some(last) = entries.last() {
                        inflight.push_back(last.index);
                        progress.next = last.index + 1;
                    }
                }
                Mode::Snapshot { .. } => {}
            }
            let commit = self.log.commit();
            let known = commit.min(prev_index + entries.len() as u64);
            progress.commit_told = progress.commit_told.max(known);
            self.answer(
                to,
                Body::Append {
                    prev_index,
                    prev_term,
                    entries,
                    commit,
                    echo,
                },
            );
            occasion = Occasion::NewEntries;
        }
    }

    /// A follower answered.
    pub(crate) fn hear(&mut self, from: NodeId, now: Instant) -> Option<&mut Progress> {
        let State::Leader(leadership) = &mut self.state else {
            return None;
        };
        let progress = leadership.peers.get_mut(&from)?;
        progress.heard_at = Some(now);
        Some(progress)
    }

    pub(crate) fn handle_append_reply(
        &mut self,
        from: NodeId,
        outcome: AppendOutcome,
        stamp: Option<Stamp>,
        now: Instant,
    ) {
        let last_index = self.log.last_index();
        let Some(progress) = self.hear(from, now) else {
            return;
        };
        progress.note_stamp(stamp);
        match outcome {
            AppendOutcome::Matched { index } => {
                assert!(
                    index <= last_index,
                    "{from} claims entry {index} of {last_index}"
                );
                if progress.matches(index) {
                    self.advance_commit(now);
                }
            }
            AppendOutcome::Rejected {
                prev_index,
                hint_index,
                hint_term,
            } => {
                self.handle_rejection(from, prev_index, (hint_index, hint_term));
            }
        }
        let occasion = self.occasion_after_reply(from);
        self.send_append(from, occasion, now);
        self.continue_transfer(from);
    }

    /// An answer may have crossed the news that something was committed.
    fn occasion_after_reply(&self, from: NodeId) -> Occasion {
        let State::Leader(leadership) = &self.state else {
            return Occasion::NewEntries;
        };
        let lacks_commit = leadership
            .peers
            .get(&from)
            .is_some_and(|progress| progress.commit_told < self.log.commit().min(progress.matched));
        if lacks_commit {
            Occasion::Always
        } else {
            Occasion::NewEntries
        }
    }

    fn handle_rejection(&mut self, from: NodeId, prev_index: u64, hint: (u64, u64)) {
        let State::Leader(leadership) = &mut self.state else {
            return;
        };
        let Some(progress) = leadership.peers.get_mut(&from) else {
            return;
        };
        match &progress.state {
            Mode::Probe { .. } if prev_index + 1 == progress.next => {
                let found = self.log.hint(hint.0, hint.1, self.log.base_index());
                // Below our base: an index that we no longer have leads to a snapshot.
                let found = found
                    .unwrap_or(self.log.base_index().saturating_sub(1))
                    .min(hint.0);
                progress.next = (found + 1).min(prev_index.max(1)).max(progress.matched + 1);
                progress.state = Mode::Probe { asked_at: None };
            }
            Mode::Replicate { .. } if progress.matched < prev_index => progress.become_probe(),
            // Late answers to what was sent before.
            Mode::Probe { .. } | Mode::Replicate { .. } | Mode::Snapshot { .. } => {}
        }
    }

    pub(crate) fn handle_heartbeat_reply(&mut self, from: NodeId, heard: Heard, now: Instant) {
        let last_index = self.log.last_index();
        let patience = self.config.heartbeat_interval * 2;
        let inflight_max = self.config.inflight_max;
        let Some(progress) = self.hear(from, now) else {
            return;
        };
        progress.read_round = progress.read_round.max(heard.read_round);
        progress.note_stamp(heard.stamp);
        progress.note_answer(heard.sent);
        let lacks = progress.matched < last_index;
        let mut resend = false;
        match &mut progress.state {
            Mode::Probe { asked_at } => *asked_at = None,
            Mode::Replicate { inflight } => make_room(inflight, inflight_max),
            Mode::Snapshot { sent_at, .. } => {
                resend = patience <= now.saturating_duration_since(*sent_at);
            }
        }
        if resend {
            self.send_snapshot_chunk(from, now);
        }
        if lacks {
            self.send_append(from, Occasion::Always, now);
        }
        self.confirm_reads();
        self.acknowledge_itself(now);
    }

    /// Commits what a majority has on disk, counting only entries of this term: an older
    /// one may be on a majority of disks and still be replaced by a later leader.
    pub(crate) fn advance_commit(&mut self, now: Instant) {
        let State::Leader(leadership) = &self.state else {
            return;
        };
        let matched = |voter: &NodeId| match leadership.peers.get(voter) {
            Some(progress) => progress.matched,
            None if *voter == self.config.id => self.outbox.persisted_index(),
            None => 0,
        };
        let mut reached = self.log.reached(matched);
        if plant::is(Plant::CommitWithoutMajority) {
            reached = reached.max(self.outbox.persisted_index());
        }
        let of_this_term = self.log.term_at(reached) == Some(self.term);
        if self.log.commit() < reached && of_this_term {
            self.commit_to(reached);
            // Followers act on what is committed; they are told at once.
            self.broadcast_append(Occasion::Always, now);
            self.ask_reads(now);
            self.settle_membership(now);
        }
    }

    /// When a majority of the voters had last answered; this node always answers itself.
    pub(crate) fn quorum_contact(&self, leadership: &Leadership, now: Instant) -> Instant {
        let heard = |voter: &NodeId| match leadership.peers.get(voter) {
            Some(progress) => progress.heard_at.unwrap_or_default(),
            None if *voter == self.config.id => now,
            None => Instant::ZERO,
        };
        self.log.reached(heard)
    }

    /// When the latest heartbeat was sent that a majority of the voters has answered.
    pub(crate) fn quorum_answered(&self, leadership: &Leadership, now: Instant) -> Instant {
        let answered = |voter: &NodeId| match leadership.peers.get(voter) {
            Some(progress) => progress.answered_at.unwrap_or_default(),
            None if *voter == self.config.id => now,
            None => Instant::ZERO,
        };
        self.log.reached(answered)
    }

    pub(crate) fn leader_deadline(&self, leadership: &Leadership) -> Instant {
        let contact = self.quorum_contact(leadership, Instant(u64::MAX));
        let deadline = (contact + self.config.election_timeout).min(leadership.heartbeat_at);
        let transfer = leadership
            .transfer
            .as_ref()
            .map(|transfer| transfer.deadline);
        transfer.map_or(deadline, |end| end.min(deadline))
    }

    pub(crate) fn handle_leader_timeout(&mut self, now: Instant) {
        let State::Leader(leadership) = &mut self.state else {
            return;
        };
        let heartbeat_is_due = leadership.heartbeat_at <= now;
        if leadership
            .transfer
            .as_ref()
            .is_some_and(|transfer| transfer.deadline <= now)
        {
            leadership.transfer = None;
        }
        let State::Leader(leadership) = &self.state else {
            return;
        };
        // By what has arrived: answers that take longer than an election make no leader
        // quorate, but they show that nobody else could be elected any faster.
        let contact = self.quorum_contact(leadership, now);
        if self.config.election_timeout <= now.saturating_duration_since(contact) {
            self.become_follower(self.term, None, now);
        } else if heartbeat_is_due {
            self.broadcast_heartbeat(now);
        }
    }

    /// A follower is back: asks at once what it has.
    pub(crate) fn greet(&mut self, peer: NodeId, now: Instant) {
        let State::Leader(leadership) = &mut self.state else {
            return;
        };
        let Some(progress) = leadership.peers.get_mut(&peer) else {
            return;
        };
        if let Mode::Probe { asked_at } = &mut progress.state {
            *asked_at = None;
        }
        self.send_heartbeat(peer, now);
        self.send_append(peer, Occasion::Always, now);
    }
}

/// A follower that answers heartbeats but no appends has lost some; one more may go.
fn make_room(inflight: &mut VecDeque<u64>, max: usize) {
    if max <= inflight.len() {
        inflight.pop_front();
    }
}
