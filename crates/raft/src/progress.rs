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
use wire::raft::{SnapshotMeta, Stamp};

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
    /// When the latest heartbeat was sent that it has answered.
    pub(crate) answered_at: Option<Instant>,
    /// The follower's own time, from its latest answer.
    pub(crate) stamp: Option<Stamp>,
    /// The latest round of read confirmations that it answered.
    pub(crate) read_round: u64,
    /// The commit index that the follower can know of, if nothing got lost.
    pub(crate) commit_told: u64,
}

impl Progress {
    /// `heard` is when it was asked, and when it answered, before it is served.
    pub(crate) fn new(last_index: u64, heard: Option<(Instant, Instant)>) -> Self {
        Self {
            matched: 0,
            next: last_index + 1,
            state: State::Probe { asked_at: None },
            heard_at: heard.map(|(_, heard_at)| heard_at),
            answered_at: heard.map(|(asked_at, _)| asked_at),
            stamp: None,
            read_round: 0,
            commit_told: 0,
        }
    }

    /// Keeps the newest of the follower's stamps; one of another run replaces it.
    pub(crate) fn note_stamp(&mut self, stamp: Option<Stamp>) {
        let Some(new) = stamp else { return };
        match &mut self.stamp {
            Some(known) if known.run == new.run => known.at = known.at.max(new.at),
            Some(_) | None => self.stamp = Some(new),
        }
    }

    /// Takes note that it has answered the heartbeat that was sent at `sent`. That was in this
    /// run: an answer is of the same term, and nobody leads a term in two runs.
    pub(crate) fn note_answer(&mut self, sent: Option<Stamp>) {
        let sent_at = sent.map(|sent| sent.at);
        self.answered_at = self.answered_at.max(sent_at);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(index: u64) -> State {
        let meta = SnapshotMeta {
            index,
            ..SnapshotMeta::default()
        };
        State::Snapshot {
            snapshot: Arc::new((meta, Vec::new())),
            offset: 0,
            sent_at: Instant::ZERO,
        }
    }

    fn in_words(progress: &Progress) -> String {
        let mode = match &progress.state {
            State::Probe { asked_at: None } => "is to be asked".to_string(),
            State::Probe { asked_at: Some(_) } => "was asked".to_string(),
            State::Replicate { inflight } => format!("{inflight:?} under way"),
            State::Snapshot { .. } => "gets a snapshot".to_string(),
        };
        format!("has {}, next {}, {mode}", progress.matched, progress.next)
    }

    /// Plays answers to a follower that is served in a mode and has nothing yet; entries up to 9
    /// were sent.
    fn check(mode: State, answers: &[u64], wanted: &str) {
        let mut progress = Progress::new(9, None);
        progress.state = mode;
        for index in answers {
            progress.matches(*index);
        }
        assert_eq!(in_words(&progress), wanted);
    }

    fn streaming() -> State {
        State::Replicate {
            inflight: VecDeque::from([5, 7, 9]),
        }
    }

    #[test]
    fn one_answer_settles_all_appends_before_it() {
        check(streaming(), &[7], "has 7, next 10, [9] under way");
    }

    #[test]
    fn answer_in_the_middle_of_an_append_leaves_it_under_way() {
        check(streaming(), &[6], "has 6, next 10, [7, 9] under way");
    }

    #[test]
    fn overtaken_answer_takes_nothing_back() {
        check(streaming(), &[9, 5], "has 9, next 10, [] under way");
        let mut progress = Progress::new(9, None);
        assert!(progress.matches(7));
        assert!(!progress.matches(7), "a repeated answer is no news");
        assert!(!progress.matches(5), "an older answer is no news");
    }

    #[test]
    fn first_match_ends_the_search() {
        let asked = State::Probe {
            asked_at: Some(Instant::ZERO),
        };
        check(asked, &[3], "has 3, next 10, [] under way");
    }

    #[test]
    fn answer_beyond_what_was_sent_moves_the_next_entry_on() {
        check(streaming(), &[12], "has 12, next 13, [] under way");
    }

    #[test]
    fn snapshot_goes_on_until_its_own_index_is_reached() {
        check(snapshot(8), &[7], "has 7, next 10, gets a snapshot");
        check(snapshot(8), &[7, 8], "has 8, next 9, is to be asked");
    }

    #[test]
    fn lost_follower_is_asked_again_from_what_it_surely_has() {
        let mut progress = Progress::new(9, None);
        progress.state = streaming();
        progress.matches(5);
        progress.become_probe();
        assert_eq!(in_words(&progress), "has 5, next 6, is to be asked");
    }
}
