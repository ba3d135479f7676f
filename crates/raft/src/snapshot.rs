//! How a leader brings a snapshot to a follower: piece by piece, each one when the one before
//! has arrived, from where the follower says it is.

use model::{Instant, NodeId};
use wire::raft::Body;

use crate::Raft;
use crate::progress::{Snapshot, State as Mode};
use crate::raft::State;

impl Raft {
    pub(crate) fn begin_snapshot(&mut self, to: NodeId, now: Instant) {
        let snapshot = self
            .snapshot
            .clone()
            .expect("a compacted log has a snapshot");
        let State::Leader(leadership) = &mut self.state else {
            return;
        };
        let Some(progress) = leadership.peers.get_mut(&to) else {
            return;
        };
        progress.state = Mode::Snapshot {
            snapshot,
            offset: 0,
            sent_at: now,
        };
        self.send_snapshot_chunk(to, now);
    }

    pub(crate) fn send_snapshot_chunk(&mut self, to: NodeId, now: Instant) {
        let State::Leader(leadership) = &mut self.state else {
            return;
        };
        let Some(progress) = leadership.peers.get_mut(&to) else {
            return;
        };
        let Mode::Snapshot {
            snapshot,
            offset,
            sent_at,
        } = &mut progress.state
        else {
            return;
        };
        *sent_at = now;
        let body = chunk_of(snapshot, *offset, self.config.snapshot_chunk);
        self.answer(to, body);
    }

    pub(crate) fn handle_snapshot_reply(
        &mut self,
        from: NodeId,
        index: u64,
        received: u64,
        now: Instant,
    ) {
        let Some(progress) = self.hear(from, now) else {
            return;
        };
        let Mode::Snapshot {
            snapshot, offset, ..
        } = &mut progress.state
        else {
            return;
        };
        let sent = snapshot.1.len() as u64;
        // No progress is a repeated answer; what was really lost is sent again by the clock.
        if snapshot.0.index != index || received == *offset || sent < received {
            return;
        }
        *offset = received;
        self.send_snapshot_chunk(from, now);
    }
}

fn chunk_of(snapshot: &Snapshot, offset: u64, size: usize) -> Body {
    let (meta, bytes) = &**snapshot;
    let start = (offset as usize).min(bytes.len());
    let end = (start + size.max(1)).min(bytes.len());
    let data = bytes[start..end].to_vec();
    Body::SnapshotChunk {
        meta: meta.clone(),
        offset,
        data,
        last: end == bytes.len(),
    }
}
