//! What is on its way out: orders to the disk, and the messages that wait for them.
//!
//! A message that promises something ("I vote for you", "I have the entry") is held back
//! until the order to the disk that makes it true has been carried out. The orders given
//! between two polls are joined into one.

use std::collections::VecDeque;

use model::plant::{self, Plant};
use wire::raft::{Entry, HardState, Message, SnapshotMeta};

use crate::{Output, Persist, PersistSeq};

/// What a message promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promise {
    /// Nothing that a power loss could make untrue.
    Nothing,
    /// That the hard state is on disk.
    HardState,
    /// That hard state and entries are on disk.
    Log,
}

#[derive(Debug)]
pub(crate) struct Outbox {
    ready: VecDeque<Output>,
    held: VecDeque<(PersistSeq, Message)>,
    /// The order that the next poll gives out; its number is given already.
    open: Persist,
    hard_state_seq: PersistSeq,
    log_seq: PersistSeq,
    done: PersistSeq,
    /// Orders that change the log and are not carried out yet: the end of the log after
    /// each, lowered when a later one truncates it.
    log_ends: VecDeque<(PersistSeq, u64)>,
    persisted_index: u64,
}

impl Outbox {
    pub(crate) fn new(persisted_index: u64) -> Self {
        Self {
            ready: VecDeque::new(),
            held: VecDeque::new(),
            open: Persist {
                seq: PersistSeq(1),
                ..Persist::default()
            },
            hard_state_seq: PersistSeq(0),
            log_seq: PersistSeq(0),
            done: PersistSeq(0),
            log_ends: VecDeque::new(),
            persisted_index,
        }
    }

    /// The log is on disk up to here.
    pub(crate) fn persisted_index(&self) -> u64 {
        self.persisted_index
    }

    /// Whether the hard state is on disk as it is in memory.
    pub(crate) fn hard_state_is_persisted(&self) -> bool {
        self.hard_state_seq <= self.done
    }

    pub(crate) fn push(&mut self, output: Output) {
        self.ready.push_back(output);
    }

    pub(crate) fn send(&mut self, message: Message, promise: Promise) {
        let seq = match promise {
            Promise::Nothing => PersistSeq(0),
            Promise::HardState if plant::is(Plant::VoteBeforeSync) => PersistSeq(0),
            Promise::Log if plant::is(Plant::EntryBeforeSync) => PersistSeq(0),
            Promise::HardState => self.hard_state_seq,
            Promise::Log => self.hard_state_seq.max(self.log_seq),
        };
        if seq <= self.done {
            self.ready.push_back(Output::Send(message));
        } else {
            self.held.push_back((seq, message));
        }
    }

    /// What was held back for an older term is of no use to anybody.
    pub(crate) fn drop_held(&mut self) {
        self.held.clear();
    }

    pub(crate) fn persist_hard_state(&mut self, state: HardState) {
        self.open.hard_state = Some(state);
        self.hard_state_seq = self.open.seq;
    }

    /// Refreshes the commit hint in an order that goes out anyway. Promises nothing.
    pub(crate) fn hint_commit(&mut self, state: HardState) {
        self.open.hard_state = Some(state);
    }

    pub(crate) fn persist_entry(&mut self, entry: Entry) {
        self.note_log_end(entry.index);
        self.open.entries.push(entry);
    }

    /// The log is cut in memory from `from` on.
    pub(crate) fn truncate(&mut self, from: u64) {
        self.open.entries.retain(|entry| entry.index < from);
        if plant::is(Plant::TruncationNotWritten) {
            return self.note_log_end(from - 1);
        }
        self.open.truncate_from = Some(self.open.truncate_from.map_or(from, |old| old.min(from)));
        for (_, end) in &mut self.log_ends {
            *end = (*end).min(from - 1);
        }
        self.persisted_index = self.persisted_index.min(from - 1);
        self.note_log_end(from - 1);
    }

    /// All entries make place for a snapshot that ends at `end`; on disk there may be more
    /// of them than in memory.
    pub(crate) fn discard_log(&mut self, end: u64) {
        self.truncate(1);
        self.note_log_end(end);
    }

    /// A snapshot of our own: the log stays as it is.
    pub(crate) fn persist_own_snapshot(&mut self, meta: SnapshotMeta, data: Vec<u8>) {
        self.open.snapshot = Some((meta, data));
    }

    /// A snapshot from the leader takes the place of the log.
    pub(crate) fn persist_foreign_snapshot(&mut self, meta: SnapshotMeta, data: Vec<u8>) {
        self.discard_log(meta.index);
        self.open.snapshot = Some((meta, data));
    }

    fn note_log_end(&mut self, end: u64) {
        self.log_seq = self.open.seq;
        match self.log_ends.back_mut() {
            Some((seq, last)) if *seq == self.open.seq => *last = end,
            Some(_) | None => self.log_ends.push_back((self.open.seq, end)),
        }
    }

    /// Takes note that the disk has done everything up to `seq`, and lets go of what waited
    /// for it.
    pub(crate) fn handle_persisted(&mut self, seq: PersistSeq) {
        assert!(
            seq < self.open.seq,
            "{seq:?} was never given out; the next one is {:?}",
            self.open.seq
        );
        self.done = self.done.max(seq);
        while self.log_ends.front().is_some_and(|(at, _)| *at <= seq) {
            let (_, end) = self.log_ends.pop_front().expect("just seen");
            self.persisted_index = end;
        }
        let held = std::mem::take(&mut self.held);
        for (at, message) in held {
            if at <= self.done {
                self.ready.push_back(Output::Send(message));
            } else {
                self.held.push_back((at, message));
            }
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        // The order to the disk goes first: it takes longest.
        self.take_persist()
            .map(Output::Persist)
            .or_else(|| self.ready.pop_front())
    }

    fn take_persist(&mut self) -> Option<Persist> {
        let seq = self.open.seq;
        let empty = Persist {
            seq,
            ..Persist::default()
        };
        if self.open == empty {
            return None;
        }
        // The hard state goes to disk before the rest of its order: a loss of power in between
        // must not leave word of a commit beside entries that were to be cut.
        if let Some(state) = &mut self.open.hard_state {
            state.commit = state.commit.min(self.persisted_index);
        }
        let next = Persist {
            seq: PersistSeq(seq.0 + 1),
            ..Persist::default()
        };
        Some(std::mem::replace(&mut self.open, next))
    }
}

#[cfg(test)]
mod tests {
    use wire::raft::Payload;

    use super::*;

    fn entry(index: u64, term: u64) -> Entry {
        let payload = Payload::Empty;
        Entry {
            index,
            term,
            payload,
        }
    }

    fn word_of(commit: u64) -> HardState {
        HardState {
            commit,
            ..HardState::default()
        }
    }

    fn commit_on_disk(outbox: &mut Outbox) -> u64 {
        let Some(Output::Persist(order)) = outbox.poll() else {
            panic!("no order");
        };
        order.hard_state.unwrap().commit
    }

    #[test]
    fn a_commit_is_not_told_to_the_disk_before_its_entries_are_there() {
        let mut outbox = Outbox::new(5);
        // Entries 4 and 5 are of another leader, and are replaced up to 6, all committed.
        outbox.truncate(4);
        outbox.hint_commit(word_of(6));
        for index in 4..=6 {
            outbox.persist_entry(entry(index, 2));
        }
        assert_eq!(commit_on_disk(&mut outbox), 3);
        outbox.handle_persisted(PersistSeq(1));
        outbox.persist_hard_state(word_of(6));
        assert_eq!(commit_on_disk(&mut outbox), 6);
    }
}
