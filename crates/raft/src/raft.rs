//! The state of one node, and the verbs that its owner calls.
//!
//! ```text
//!               deadline               majority would            majority does
//!   Follower ──────────► PreCandidate ───────────► Candidate ───────────► Leader
//!      ▲                                   ▲                                │
//!      │ asked by the leader (TimeoutNow) ─┘                                │
//!      └── a higher term, another leader, no majority heard for too long ◄──┘
//! ```

use std::collections::{BTreeMap, BTreeSet};

use model::plant::{self, Plant};
use model::{Instant, Lineage, NodeId};
use wire::raft::{
    Body, Entry, ForcedChange, HardState, LogEnd, Message, Pledge, SnapshotMeta, Verdict,
};

use crate::election::{Campaign, DeferredPreVote, Votes};
use crate::follower::Incoming;
use crate::forced::Winner;
use crate::leader::{Heard, Leadership};
use crate::log::Log;
use crate::outbox::{Outbox, Promise};
use crate::progress::Snapshot;
use crate::random::{Random, run_name};
use crate::read::Forwarded;
use crate::rebuild::{LogUse, rebuild_log};
use crate::{Config, Counters, Output, PersistSeq, Restored, Role, Standing};

/// What the node is right now, with what only matters while it is that.
#[derive(Debug)]
pub(crate) enum State {
    Follower,
    PreCandidate(Votes),
    Candidate(Campaign),
    /// Has won a forced change, and waits for the disk.
    Winner(Winner),
    Leader(Box<Leadership>),
}

/// One node's part in the agreement. See the crate's documentation for the caller's duties.
#[derive(Debug)]
pub struct Raft {
    pub(crate) config: Config,
    pub(crate) random: Random,
    pub(crate) lineage: Lineage,
    pub(crate) term: u64,
    pub(crate) vote: Option<NodeId>,
    /// The forced change that this node has agreed to.
    pub(crate) pledge: Option<Pledge>,
    pub(crate) standing: Standing,
    /// Members that this node, as leader, does not acknowledge.
    pub(crate) unacknowledged: BTreeSet<NodeId>,
    /// From when the lease counts.
    pub(crate) acknowledged: Option<Instant>,
    /// Committed entries up to here were taken by the caller, who has then acted on them.
    pub(crate) handed_out: u64,
    /// Names this run in stamps.
    pub(crate) run: u32,
    /// What this node has won, until its entry is on disk.
    pub(crate) forced: Option<ForcedChange>,
    /// The newer lineages that were met, and told of.
    pub(crate) superseded: BTreeMap<NodeId, Lineage>,
    pub(crate) state: State,
    pub(crate) leader: Option<NodeId>,
    /// When the leader of this term was last heard, by a follower.
    pub(crate) leader_heard_at: Option<Instant>,
    /// When to campaign; none for those who may not.
    pub(crate) election_deadline: Option<Instant>,
    /// What the failure detector says.
    pub(crate) lost: BTreeSet<NodeId>,
    /// When the wait for a leader began that [`Self::election_deadline`] ends.
    pub(crate) waits_since: Instant,
    /// Those who have been heard and not been lost since, in this run.
    pub(crate) alive: BTreeSet<NodeId>,
    /// There is no leader, by the word of the failure detector: so many campaigns may still
    /// follow each other fast.
    pub(crate) fast_tries: u32,
    pub(crate) deferred_pre_votes: BTreeMap<NodeId, DeferredPreVote>,
    /// Of voters that asked for votes since nobody leads.
    pub(crate) log_ends: BTreeMap<NodeId, LogEnd>,
    pub(crate) log: Log,
    /// Committed entries up to here were given out.
    pub(crate) delivered: u64,
    pub(crate) snapshot: Option<Snapshot>,
    pub(crate) incoming: Option<Incoming>,
    /// Reads that the leader was asked about, by the name given to them on the wire.
    pub(crate) forwarded: BTreeMap<u64, Forwarded>,
    pub(crate) outbox: Outbox,
    pub(crate) counters: Counters,
    announced: Option<(Role, u64, Option<NodeId>)>,
}

impl Raft {
    /// Takes up what was on disk. Gives out the snapshot and what is known to be committed.
    #[must_use]
    pub fn new(config: Config, restored: Restored, now: Instant) -> Self {
        let Restored {
            hard_state,
            snapshot,
            entries,
        } = restored;
        let lineage = hard_state.lineage;
        let snapshot = snapshot.map(Snapshot::new);
        let (log, used) = rebuild_log(snapshot.as_deref().map(|(meta, _)| meta), entries);
        let mut outbox = Outbox::new(log.last_index());
        if used == LogUse::Discarded {
            outbox.discard_log(log.last_index());
        }
        let mut raft = Self {
            random: Random::new(config.seed ^ config.id.0.rotate_left(32)),
            lineage,
            // A log may only be ahead of its hard state when the two were not written in order.
            term: hard_state.term.max(log.last_term()),
            vote: hard_state.vote.filter(|_| !plant::is(Plant::VoteForgotten)),
            pledge: hard_state.pledge,
            standing: Standing::Absent,
            unacknowledged: BTreeSet::new(),
            acknowledged: None,
            handed_out: 0,
            run: run_name(config.seed),
            forced: hard_state.forced.clone(),
            superseded: BTreeMap::new(),
            state: State::Follower,
            leader: None,
            leader_heard_at: None,
            election_deadline: None,
            lost: BTreeSet::new(),
            waits_since: now,
            alive: BTreeSet::new(),
            fast_tries: 0,
            deferred_pre_votes: BTreeMap::new(),
            log_ends: BTreeMap::new(),
            delivered: snapshot.as_deref().map_or(0, |(meta, _)| meta.index),
            log,
            snapshot,
            incoming: None,
            forwarded: BTreeMap::new(),
            outbox,
            counters: Counters::default(),
            announced: None,
            config,
        };
        if let Some(snapshot) = &raft.snapshot {
            let (meta, data) = (**snapshot).clone();
            raft.outbox.push(Output::RestoreSnapshot(meta, data));
        }
        raft.resume(hard_state, now);
        raft
    }

    fn resume(&mut self, hard_state: HardState, now: Instant) {
        if hard_state.term < self.term {
            self.vote = None;
            self.persist_hard_state();
        }
        self.finish_forced_change();
        // The hint may have reached the disk before the entries it speaks of.
        let commit = hard_state
            .commit
            .clamp(self.log.commit(), self.log.last_index());
        self.commit_to(commit);
        self.reset_election_deadline(now);
        let alone = self.configuration().voters.len() == 1;
        if alone && self.election_deadline.is_some() {
            self.election_deadline = Some(now);
        }
        self.announced = Some((self.role(), self.term, self.leader));
    }

    /// A message has come.
    pub fn handle_message(&mut self, message: Message, now: Instant) {
        if message.to != self.config.id || message.from == self.config.id {
            self.counters.misdirected += 1;
            return;
        }
        let takes_all = plant::is(Plant::OldLineageHeard);
        if message.lineage != self.lineage && !takes_all && !self.adopts(&message, now) {
            self.drop_stranger(message.from, message.lineage, now);
            return;
        }
        if matches!(self.state, State::Winner(_)) {
            // Nobody knows the new lineage yet, so nobody can have said this.
            self.counters.misdirected += 1;
            return;
        }
        self.review_pledge(&message, now);
        if self.meets_term(&message, now) {
            self.dispatch(message, now);
        }
        self.finish();
    }

    /// Compares the message's term with ours. Whether the message is worth looking into.
    fn meets_term(&mut self, message: &Message, now: Instant) -> bool {
        let newer = self.term < message.term;
        let older = message.term < self.term;
        match &message.body {
            // Asking is free of consequences: it neither needs our term nor changes it.
            Body::PreVote { .. } | Body::ReadIndex { .. } | Body::ReadIndexReply { .. } => true,
            Body::Vote { reason, .. } => {
                if newer && !self.hears_candidate(message.from, reason, now) {
                    return false;
                }
                if newer {
                    self.become_follower(message.term, None, now);
                }
                if older {
                    self.answer(
                        message.from,
                        Body::VoteReply {
                            verdict: Verdict::Refused,
                        },
                    );
                }
                !older
            }
            Body::Append { .. } | Body::Heartbeat { .. } | Body::SnapshotChunk { .. } => {
                if older {
                    self.answer(message.from, Body::Outdated);
                    return false;
                }
                self.follow(message.term, message.from, now);
                true
            }
            // A voter that has slept through terms may well say yes to the next one.
            Body::PreVoteReply { .. } => {
                if newer {
                    self.become_follower(message.term, None, now);
                }
                true
            }
            Body::VoteReply { .. }
            | Body::AppendReply { .. }
            | Body::HeartbeatReply { .. }
            | Body::SnapshotReply { .. }
            | Body::TimeoutNow
            | Body::Outdated => {
                if newer {
                    self.become_follower(message.term, None, now);
                }
                !older
            }
        }
    }

    fn dispatch(&mut self, message: Message, now: Instant) {
        let from = message.from;
        match message.body {
            Body::PreVote {
                proposed_term,
                last_index,
                last_term,
            } => {
                self.handle_pre_vote(
                    from,
                    DeferredPreVote {
                        proposed_term,
                        last_index,
                        last_term,
                    },
                    now,
                );
            }
            Body::PreVoteReply {
                proposed_term,
                verdict,
            } => {
                self.handle_pre_vote_reply(from, proposed_term, verdict, now);
            }
            Body::Vote {
                last_index,
                last_term,
                reason,
            } => {
                self.handle_vote(from, (last_index, last_term), &reason, now);
            }
            Body::VoteReply { verdict } => self.handle_vote_reply(from, verdict, now),
            Body::Append {
                prev_index,
                prev_term,
                entries,
                commit,
                echo,
            } => {
                self.note_echo(echo, now);
                self.handle_append(from, (prev_index, prev_term), entries, commit, now);
            }
            Body::AppendReply { outcome, stamp } => {
                self.handle_append_reply(from, outcome, stamp, now);
            }
            body @ (Body::Heartbeat { .. } | Body::HeartbeatReply { .. }) => {
                self.dispatch_heartbeat(from, &body, now);
            }
            Body::SnapshotChunk {
                meta,
                offset,
                data,
                last,
            } => {
                self.handle_snapshot_chunk(from, meta, (offset, data, last), now);
            }
            Body::SnapshotReply { index, received } => {
                self.handle_snapshot_reply(from, index, received, now);
            }
            Body::TimeoutNow => self.handle_timeout_now(now),
            Body::ReadIndex { context } => self.handle_read_index(from, context, now),
            Body::ReadIndexReply { context, index } => self.handle_read_index_reply(context, index),
            Body::Outdated => {}
        }
    }

    fn dispatch_heartbeat(&mut self, from: NodeId, body: &Body, now: Instant) {
        if let Body::Heartbeat {
            commit,
            read_round,
            sent,
            echo,
        } = *body
        {
            self.note_echo(echo, now);
            self.handle_heartbeat(from, commit, (read_round, sent), now);
        }
        if let Body::HeartbeatReply {
            read_round,
            sent,
            stamp,
        } = *body
        {
            let heard = Heard {
                read_round,
                sent,
                stamp,
            };
            self.handle_heartbeat_reply(from, heard, now);
        }
    }

    /// The next moment at which [`Raft::handle_timeout`] must be called.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let role = match &self.state {
            State::Leader(leadership) => Some(self.leader_deadline(leadership)),
            State::Follower | State::PreCandidate(_) | State::Candidate(_) | State::Winner(_) => {
                self.election_deadline
            }
        };
        role.into_iter().chain(self.forwarded_deadline()).min()
    }

    /// Time has passed. Harmless when called too early.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.expire_forwarded(now);
        match self.state {
            State::Leader(_) => self.handle_leader_timeout(now),
            State::Follower | State::PreCandidate(_) | State::Candidate(_) | State::Winner(_) => {
                if self
                    .election_deadline
                    .is_some_and(|deadline| deadline <= now)
                {
                    self.begin_pre_vote(now);
                }
            }
        }
        self.finish();
    }

    /// The disk has carried out the order `seq` and all before it.
    pub fn handle_persisted(&mut self, seq: PersistSeq, now: Instant) {
        self.outbox.handle_persisted(seq);
        match &self.state {
            State::Candidate(_) => self.count_own_vote(now),
            State::Winner(_) => self.begin_lineage(now),
            State::Leader(_) => self.advance_commit(now),
            State::Follower | State::PreCandidate(_) => {}
        }
        self.forget_forced_change();
        self.finish();
    }

    /// The failure detector says, agreed by a majority, that `peer` is lost or that its
    /// daemon is down. A new run of the daemon on `peer` is also told like this, followed by
    /// [`Raft::handle_peer_alive`].
    pub fn handle_peer_lost(&mut self, peer: NodeId, now: Instant) {
        self.lost.insert(peer);
        self.alive.remove(&peer);
        self.log_ends.remove(&peer);
        match &mut self.state {
            State::Leader(leadership) => leadership.note_lost(peer),
            State::Follower | State::PreCandidate(_) | State::Candidate(_) | State::Winner(_) => {
                let leads = self.leader == Some(peer);
                let may_lead = self.leader.is_none() && self.vote == Some(peer);
                if leads || may_lead {
                    self.forget_leader(now);
                }
            }
        }
        self.finish();
    }

    /// The failure detector hears `peer`, for the first time in this run or again. A majority
    /// of voters that hear each other but no leader, as after a power failure, soon elect one.
    pub fn handle_peer_alive(&mut self, peer: NodeId, now: Instant) {
        self.lost.remove(&peer);
        self.alive.insert(peer);
        match self.state {
            State::Leader(_) => self.greet(peer, now),
            State::Follower | State::PreCandidate(_) => self.hasten_election(now),
            // An election is under way; its voters' disks may need their time.
            State::Candidate(_) | State::Winner(_) => {}
        }
        self.finish();
    }

    /// A person wants an election now; it begins with the question whether it would be won.
    /// Nothing happens at a leader or at a node that does not vote.
    pub fn campaign(&mut self, now: Instant) {
        if !matches!(self.state, State::Leader(_)) {
            self.begin_pre_vote(now);
        }
        self.finish();
    }

    /// The next thing to do, until there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outbox.poll();
        if output.is_none() {
            self.handed_out = self.delivered;
        }
        output
    }

    /// The state machine's state after the entry `index`, which was given out as committed.
    /// Entries at or before it need not be kept.
    ///
    /// # Panics
    /// When `index` was not given out yet.
    pub fn compact(&mut self, index: u64, snapshot: Vec<u8>) {
        assert!(
            index <= self.delivered,
            "entry {index} was not given out ({})",
            self.delivered
        );
        let covered = self.snapshot.as_deref().map_or(0, |(meta, _)| meta.index);
        if index <= covered {
            return;
        }
        let Some(term) = self.log.term_at(index) else {
            return;
        };
        let of = if plant::is(Plant::VotersNotInSnapshot) {
            0
        } else {
            index
        };
        let configuration = self.log.configuration_at(of).clone();
        let meta = SnapshotMeta {
            index,
            term,
            configuration,
            lineage: self.lineage_at(index),
        };
        self.outbox
            .persist_own_snapshot(meta.clone(), snapshot.clone());
        self.snapshot = Some(Snapshot::new((meta, snapshot)));
        self.log
            .compact(index.saturating_sub(self.config.log_tail_max as u64));
    }

    // ---- for all parts of this crate ----

    pub(crate) fn is_voter(&self) -> bool {
        self.configuration().voters.contains(&self.config.id)
    }

    /// Sends what promises nothing.
    pub(crate) fn answer(&mut self, to: NodeId, body: Body) {
        self.send(to, body, Promise::Nothing);
    }

    pub(crate) fn send(&mut self, to: NodeId, body: Body, promise: Promise) {
        let (term, lineage, from) = (self.term, self.lineage, self.config.id);
        self.outbox.send(
            Message {
                term,
                lineage,
                from,
                to,
                body,
            },
            promise,
        );
    }

    pub(crate) fn hard_state(&self) -> HardState {
        let (term, vote, lineage) = (self.term, self.vote, self.lineage);
        HardState {
            term,
            vote,
            commit: self.log.commit(),
            lineage,
            pledge: self.pledge,
            forced: self
                .forced
                .clone()
                .filter(|_| !plant::is(Plant::ForcedRecordLost)),
        }
    }

    pub(crate) fn persist_hard_state(&mut self) {
        self.outbox.persist_hard_state(self.hard_state());
    }

    /// Adds an entry to the log in memory and orders it to disk.
    pub(crate) fn append_entry(&mut self, entry: Entry) {
        self.log.push(entry.clone());
        self.outbox.hint_commit(self.hard_state());
        self.outbox.persist_entry(entry);
    }

    /// Moves the commit index and gives out what is new.
    pub(crate) fn commit_to(&mut self, index: u64) {
        if index <= self.log.commit() && index <= self.delivered {
            return;
        }
        self.log.commit_to(index);
        let entries = self.log.copy(self.delivered + 1, index);
        self.delivered = index;
        if !entries.is_empty() {
            self.outbox.push(Output::Committed(entries));
        }
    }

    /// Says so when role, term or leader are new.
    pub(crate) fn finish(&mut self) {
        let now = (self.role(), self.term, self.leader);
        if self.announced != Some(now) {
            self.announced = Some(now);
            let (role, term, leader) = now;
            self.outbox.push(Output::RoleChanged { role, term, leader });
        }
    }
}
