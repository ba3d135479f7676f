//! What must hold after every step, whatever the network and the disks do.

use std::collections::BTreeMap;

use model::{Lineage, NodeId};
use raft::{Raft, Role};
use wire::raft::{Entry, Payload, SnapshotMeta};

#[derive(Default)]
pub struct Invariants {
    leaders: BTreeMap<(u64, Lineage), NodeId>,
    /// Everything that was ever given out as committed, by index.
    pub committed: BTreeMap<u64, Entry>,
    /// Each entry ever seen with the term of the one before, by index and term.
    seen: BTreeMap<(u64, u64), (Entry, Option<u64>)>,
    commits: BTreeMap<NodeId, u64>,
    /// What was committed when a read was asked for.
    reads: BTreeMap<u64, u64>,
}

impl Invariants {
    /// Election safety, commit order, log matching, leader completeness.
    pub fn check(&mut self, raft: &Raft) {
        let id = raft.id();
        let before = self.commits.insert(id, raft.commit()).unwrap_or(0);
        assert!(
            before <= raft.commit(),
            "{id}: commit fell from {before} to {}",
            raft.commit()
        );
        assert!(raft.commit() <= raft.last_index());
        if raft.role() == Role::Leader {
            let place = (raft.term(), raft.lineage());
            let first = *self.leaders.entry(place).or_insert(id);
            assert_eq!(first, id, "two leaders of term {}", raft.term());
            self.check_completeness(raft);
        }
        self.check_matching(raft);
    }

    fn check_completeness(&self, raft: &Raft) {
        for (index, entry) in self.committed.range(raft.base_index() + 1..) {
            if entry.term < raft.term() {
                assert_eq!(
                    raft.entry(*index),
                    Some(entry),
                    "leader {} of term {} lacks a committed entry",
                    raft.id(),
                    raft.term()
                );
            }
        }
    }

    fn check_matching(&mut self, raft: &Raft) {
        for index in raft.base_index() + 1..=raft.last_index() {
            let entry = raft.entry(index).expect("between base and end");
            let is_forced = matches!(entry.payload, Payload::Forced(_));
            if is_forced && raft.role() == Role::Candidate {
                // Not on disk yet, so nobody else can have it, and it may go without a trace.
                continue;
            }
            let before = raft.entry(index - 1).map(|entry| entry.term);
            let (known, known_before) = self
                .seen
                .entry((index, entry.term))
                .or_insert_with(|| (entry.clone(), before));
            assert_eq!(known, entry, "two entries of the same index and term");
            if let (Some(one), Some(other)) = (&known_before, before) {
                assert_eq!(*one, other, "entry {index} has two predecessors");
            }
            if known_before.is_none() {
                *known_before = before;
            }
        }
    }

    /// State machine safety: one entry per index, for all nodes and runs.
    pub fn committed(&mut self, id: NodeId, entry: &Entry) {
        let known = self
            .committed
            .entry(entry.index)
            .or_insert_with(|| entry.clone());
        assert_eq!(
            known, entry,
            "{id} applies another entry than somebody before"
        );
    }

    pub fn restored(&self, meta: &SnapshotMeta, state: &[String]) {
        assert_eq!(
            self.state_at(meta.index),
            state,
            "the snapshot at {} is wrong",
            meta.index
        );
        if let Some(entry) = self.committed.get(&meta.index) {
            assert_eq!(
                entry.term, meta.term,
                "the snapshot at {} is of another term",
                meta.index
            );
        }
        let latest = self
            .committed
            .range(..=meta.index)
            .rev()
            .find_map(|(_, entry)| entry.payload.configuration());
        assert_eq!(
            latest,
            Some(&meta.configuration),
            "the snapshot has other members"
        );
    }

    /// The state after `index`, from all that was ever committed.
    pub fn state_at(&self, index: u64) -> Vec<String> {
        let commands =
            self.committed
                .range(..=index)
                .filter_map(|(_, entry)| match &entry.payload {
                    Payload::Command(data) => Some(String::from_utf8_lossy(data).into_owned()),
                    Payload::Empty | Payload::Voters(_) | Payload::Forced(_) => None,
                });
        commands.collect()
    }

    pub fn read_asked(&mut self, context: u64) {
        let committed = self.committed.keys().next_back().copied().unwrap_or(0);
        self.reads.insert(context, committed);
    }

    /// A read sees at least what was committed when it was asked for.
    pub fn read_ready(&mut self, context: u64, index: u64) {
        let asked = self.reads.get(&context).copied().unwrap_or(0);
        assert!(
            asked <= index,
            "read {context} would see {index}, but {asked} was committed"
        );
    }

    pub fn forget(&mut self, id: NodeId) {
        self.commits.remove(&id);
    }
}
