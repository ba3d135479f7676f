//! The log in memory from what was on disk.

use wire::raft::{Entry, SnapshotMeta};

use crate::log::Log;

/// Whether the entries on disk could be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogUse {
    Kept,
    Discarded,
}

/// Joins snapshot and entries. Entries that a snapshot of the leader has made void, but
/// that were not deleted before the power failed, are recognised and left out.
pub(crate) fn rebuild_log(snapshot: Option<&SnapshotMeta>, entries: Vec<Entry>) -> (Log, LogUse) {
    let none = SnapshotMeta::default();
    let meta = snapshot.unwrap_or(&none);
    let fits = entries.first().is_none_or(|first| {
        let at_end = entries.iter().find(|entry| entry.index == meta.index);
        first.index == meta.index + 1 || at_end.is_some_and(|entry| entry.term == meta.term)
    });
    let mut log = Log::new(meta);
    if !fits {
        assert!(
            entries
                .first()
                .is_none_or(|first| first.index <= meta.index),
            "entries between the snapshot at {} and {:?} are missing",
            meta.index,
            entries.first().map(|entry| entry.index)
        );
        return (log, LogUse::Discarded);
    }
    for entry in entries.into_iter().filter(|entry| meta.index < entry.index) {
        assert!(
            entry.index == log.last_index() + 1,
            "entry {} follows {} on disk",
            entry.index,
            log.last_index()
        );
        log.push(entry);
    }
    (log, LogUse::Kept)
}
