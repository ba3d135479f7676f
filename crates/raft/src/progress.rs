//! What a leader knows of one follower, and how it serves it.
//!
//! ```text
//!            answer matches                    rejected, lost
//!   Probe ───────────────────► Replicate ───────────────────────► Probe
//!     │ entries are compacted
//!     └──────────────────────► Snapshot ──── answer matches ────► Probe
//! ```

use std::collections::VecDeque;
use std::sync::Arc;

use model::Instant;
use wire::raft::SnapshotMeta;

use crate::{FollowerProgress, ProgressMode};

/// A snapshot; transfers under way keep theirs when a newer one is made.
pub(crate) type Snapshot = Arc<(SnapshotMeta, Vec<u8>)>;

#[derive(Debug, Clone)]
pub(crate) enum State {
    /// One append at a time; `asked_at` while its answer is awaited.
    Probe { asked_at: Option<Instant> },
    /// The last index of each append under way.
    Replicate { inflight: VecDeque<u64> },
    /// One piece at a time.
    Snapshot {
        snapshot: Snapshot,
        offset: u64,
        sent_at: Instant,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct Progress {
    /// The follower's log on disk equals ours up to here, in this term.
    pub(crate) matched: u64,
    /// The next entry to send; always behind `matched`.
    pub(crate) next: u64,
    pub(crate) state: State,
    /// When an answer of this term last came.
    pub(crate) heard_at: Option<Instant>,
    /// The latest round of read confirmations that it answered.
    pub(crate) read_round: u64,
    /// The commit index that the follower can know of, if nothing got lost.
    pub(crate) commit_told: u64,
}

impl Progress {
    pub(crate) fn new(last_index: u64, heard_at: Option<Instant>) -> Self {
        Self {
            matched: 0,
            next: last_index + 1,
            state: State::Probe { asked_at: None },
            heard_at,
            read_round: 0,
            commit_told: 0,
        }
    }

    pub(crate) fn become_probe(&mut self) {
        self.next = self.matched + 1;
        self.state = State::Probe { asked_at: None };
    }

    /// Takes note that the follower has everything up to `index`. Whether that is news.
    pub(crate) fn matches(&mut self, index: u64) -> bool {
        let news = self.matched < index;
        self.matched = self.matched.max(index);
        self.next = self.next.max(self.matched + 1);
        match &mut self.state {
            State::Probe { .. } => {
                self.state = State::Replicate {
                    inflight: VecDeque::new(),
                }
            }
            State::Replicate { inflight } => {
                while inflight.front().is_some_and(|last| *last <= index) {
                    inflight.pop_front();
                }
            }
            State::Snapshot { snapshot, .. } => {
                if snapshot.0.index <= self.matched {
                    self.become_probe();
                }
            }
        }
        news
    }

    pub(crate) fn report(&self) -> FollowerProgress {
        let mode = match self.state {
            State::Probe { .. } => ProgressMode::Probe,
            State::Replicate { .. } => ProgressMode::Replicate,
            State::Snapshot { .. } => ProgressMode::Snapshot,
        };
        FollowerProgress {
            matched: self.matched,
            mode,
            heard_at: self.heard_at,
        }
    }
}
