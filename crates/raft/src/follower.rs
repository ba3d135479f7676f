//! What a follower does with what the leader sends: entries, commit indexes, snapshots.

use model::{Instant, NodeId};
use wire::raft::{AppendOutcome, Body, Entry, SnapshotMeta, Stamp};

use crate::log::Log;
use crate::outbox::Promise;
use crate::progress::Snapshot;
use crate::{Output, Raft};

/// A state of this size would not fit beside the services of a node; a sender that goes
/// beyond is mistaken.
const SNAPSHOT_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A snapshot of which pieces are still missing.
#[derive(Debug)]
pub(crate) struct Incoming {
    meta: SnapshotMeta,
    data: Vec<u8>,
}

impl Raft {
    pub(crate) fn handle_append(
        &mut self,
        from: NodeId,
        (prev_index, prev_term): (u64, u64),
        entries: Vec<Entry>,
        commit: u64,
        now: Instant,
    ) {
        let expected = prev_index + 1..;
        if entries
            .iter()
            .zip(expected)
            .any(|(entry, index)| entry.index != index)
        {
            return;
        }
        if prev_index < self.log.commit() {
            self.reply_matched(from, self.log.commit(), now);
            return;
        }
        if self.log.term_at(prev_index) != Some(prev_term) {
            self.reply_rejected(from, (prev_index, prev_term), now);
            return;
        }
        let matched = prev_index + entries.len() as u64;
        self.take_entries(entries);
        self.review_election_deadline(now);
        if self.log.commit() < commit.min(matched) {
            self.commit_to(commit.min(matched));
        }
        self.reply_matched(from, matched, now);
    }

    /// Adds what is new; what contradicts it was never committed and goes.
    fn take_entries(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            if self.log.term_at(entry.index) == Some(entry.term) {
                continue;
            }
            if entry.index <= self.log.last_index() {
                self.log.truncate(entry.index);
                self.outbox.truncate(entry.index);
            }
            self.append_entry(entry);
        }
    }

    fn reply_matched(&mut self, to: NodeId, index: u64, now: Instant) {
        let stamp = Some(self.stamp(now));
        let outcome = AppendOutcome::Matched { index };
        self.send(to, Body::AppendReply { outcome, stamp }, Promise::Log);
    }

    fn reply_rejected(&mut self, to: NodeId, (prev_index, prev_term): (u64, u64), now: Instant) {
        let stamp = Some(self.stamp(now));
        // What is committed matches any leader, so the search need not go below it.
        let floor = self.log.commit();
        let hint_index = self.log.hint(prev_index, prev_term, floor).unwrap_or(floor);
        let hint_term = self
            .log
            .term_at(hint_index)
            .expect("between commit and end");
        let outcome = AppendOutcome::Rejected {
            prev_index,
            hint_index,
            hint_term,
        };
        self.answer(to, Body::AppendReply { outcome, stamp });
    }

    pub(crate) fn handle_heartbeat(
        &mut self,
        from: NodeId,
        commit: u64,
        (read_round, sent): (u64, Option<Stamp>),
        now: Instant,
    ) {
        let stamp = Some(self.stamp(now));
        let commit = commit.min(self.log.last_index());
        if self.log.commit() < commit {
            self.commit_to(commit);
        }
        if self.leader != Some(from) {
            // The detector has lost it. This node may already count the time until the lease of
            // that leader is over, and an answer would make it longer.
            return;
        }
        self.send(
            from,
            Body::HeartbeatReply {
                read_round,
                sent,
                stamp,
            },
            Promise::HardState,
        );
    }

    pub(crate) fn handle_snapshot_chunk(
        &mut self,
        from: NodeId,
        meta: SnapshotMeta,
        (offset, data, last): (u64, Vec<u8>, bool),
        now: Instant,
    ) {
        // The snapshot may be older than the lineage of its sender, but never newer.
        if self.lineage.generation < meta.lineage.generation {
            return;
        }
        if meta.index <= self.log.commit() {
            self.reply_matched(from, self.log.commit(), now);
            return;
        }
        if self.log.term_at(meta.index) == Some(meta.term) {
            self.commit_to(meta.index);
            self.reply_matched(from, meta.index, now);
            return;
        }
        let index = meta.index;
        let received = self.collect(meta, offset, &data);
        let complete = last && received == offset + data.len() as u64;
        if !complete {
            self.answer(from, Body::SnapshotReply { index, received });
            return;
        }
        let Some(Incoming { meta, data }) = self.incoming.take() else {
            return;
        };
        self.restore(meta, data);
        self.review_election_deadline(now);
        self.reply_matched(from, index, now);
    }

    /// Adds a piece where it fits; how many bytes are there afterwards.
    fn collect(&mut self, meta: SnapshotMeta, offset: u64, piece: &[u8]) -> u64 {
        let known = self
            .incoming
            .take()
            .filter(|incoming| incoming.meta == meta);
        let mut incoming = known.unwrap_or(Incoming {
            meta,
            data: Vec::new(),
        });
        let fits = offset == incoming.data.len() as u64
            && incoming.data.len() + piece.len() <= SNAPSHOT_BYTES_MAX;
        if fits {
            incoming.data.extend_from_slice(piece);
        }
        let received = incoming.data.len() as u64;
        self.incoming = Some(incoming);
        received
    }

    /// The snapshot takes the place of log and state.
    fn restore(&mut self, meta: SnapshotMeta, data: Vec<u8>) {
        self.log = Log::new(&meta);
        self.delivered = meta.index;
        self.outbox.hint_commit(self.hard_state());
        self.outbox
            .persist_foreign_snapshot(meta.clone(), data.clone());
        self.snapshot = Some(Snapshot::new((meta.clone(), data.clone())));
        self.outbox.push(Output::RestoreSnapshot(meta, data));
    }
}
