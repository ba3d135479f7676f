//! What the records say, taken together: the state that a node finds when it starts.
//!
//! Replaying is the same function for what is read from disk and for what is being written,
//! so the two cannot come to different ends.

use raft::{Persist, Restored};
use wire::raft::{Entry, HardState, SnapshotMeta};

/// Which snapshot counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marker {
    /// The number of its file.
    pub(super) file: u64,
    /// What it covers.
    pub(super) meta: SnapshotMeta,
}

/// What one record says. Its parts take effect from top to bottom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// In the first record of a segment: the index of the entry that would follow. What is
    /// before it is in earlier segments, or only in the snapshot.
    pub(super) next_index: Option<u64>,
    /// Replaces the hard state.
    pub(super) hard_state: Option<HardState>,
    /// Replaces the snapshot.
    pub(super) snapshot: Option<Marker>,
    /// Removes the entries from here on.
    pub(super) truncate_from: Option<u64>,
    /// Adds these.
    pub(super) entries: Vec<Entry>,
}

impl Change {
    /// That of an order, whose snapshot (if any) stands in file `file`. The entries are
    /// moved out of the order, not copied.
    pub(super) fn of(order: Persist, file: u64) -> Self {
        Self {
            next_index: None,
            hard_state: order.hard_state,
            snapshot: order.snapshot.map(|(meta, _)| Marker { file, meta }),
            truncate_from: order.truncate_from,
            entries: order.entries,
        }
    }

    /// All that a log in this state consists of.
    pub(super) fn of_restored(restored: &Restored, file: u64) -> Self {
        let meta = restored.snapshot.as_ref().map(|(meta, _)| meta.clone());
        Self {
            next_index: Some(restored.entries.first().map_or(1, |entry| entry.index)),
            hard_state: Some(restored.hard_state.clone()),
            snapshot: meta.map(|meta| Marker { file, meta }),
            truncate_from: None,
            entries: restored.entries.clone(),
        }
    }
}

/// The end of the log, without the entries themselves: all that a writer must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) hard_state: HardState,
    pub(super) snapshot: Option<Marker>,
    /// The index of the entry that would follow.
    pub(super) next_index: u64,
}

impl Default for Summary {
    fn default() -> Self {
        Self {
            hard_state: HardState::default(),
            snapshot: None,
            next_index: 1,
        }
    }
}

/// A record that does not follow from those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    /// The index that would follow.
    pub(super) expected: u64,
    /// The index that came.
    pub(super) found: u64,
}

impl Summary {
    /// The last entry that the snapshot covers.
    pub(super) fn snapshot_index(&self) -> u64 {
        self.snapshot.as_ref().map_or(0, |marker| marker.meta.index)
    }

    /// Takes all of `change` but the contents of its entries.
    ///
    /// # Errors
    /// When its entries do not follow.
    pub(super) fn apply(&mut self, change: &Change) -> Result<(), Gap> {
        if let Some(state) = &change.hard_state {
            self.hard_state = state.clone();
        }
        if let Some(marker) = &change.snapshot {
            self.snapshot = Some(marker.clone());
        }
        if let Some(from) = change.truncate_from {
            self.next_index = self.next_index.min(from);
        }
        // A snapshot from the leader takes the place of a log that ends before it; one of our
        // own may come together with entries that it covers.
        let behind_snapshot = self.next_index.max(self.snapshot_index() + 1);
        for (at, entry) in change.entries.iter().enumerate() {
            if at == 0 && entry.index == behind_snapshot {
                self.next_index = behind_snapshot;
            }
            if entry.index != self.next_index {
                return Err(Gap {
                    expected: self.next_index,
                    found: entry.index,
                });
            }
            self.next_index += 1;
        }
        self.next_index = self.next_index.max(behind_snapshot);
        Ok(())
    }

    /// The first record of a new segment: repeats all but the entries, so that the segments
    /// before it can be removed once the snapshot covers them.
    pub(super) fn checkpoint(&self) -> Change {
        Change {
            next_index: Some(self.next_index),
            hard_state: Some(self.hard_state.clone()),
            snapshot: self.snapshot.clone(),
            truncate_from: None,
            entries: Vec::new(),
        }
    }
}

/// The state that the records add up to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) summary: Summary,
    /// Without gaps, up to `summary.next_index`.
    pub(super) entries: Vec<Entry>,
}

impl Image {
    /// Takes the first record of the first segment that is left.
    pub(super) fn begin(change: Change) -> Result<Self, Gap> {
        let mut image = Self::default();
        image.summary.next_index = change.next_index.unwrap_or(1);
        image.apply(change)?;
        Ok(image)
    }

    /// Takes one more record.
    pub(super) fn apply(&mut self, change: Change) -> Result<(), Gap> {
        self.summary.apply(&change)?;
        if let Some(from) = change.truncate_from {
            self.entries.retain(|entry| entry.index < from);
        }
        // Entries that would leave a gap in front of what follows are covered by a snapshot
        // that replaced them.
        let follows = change
            .entries
            .first()
            .map_or(self.summary.next_index, |it| it.index);
        if self
            .entries
            .last()
            .is_some_and(|last| last.index + 1 != follows)
        {
            self.entries.clear();
        }
        self.entries.extend(change.entries);
        let covered = self.summary.snapshot_index();
        self.entries.retain(|entry| covered < entry.index);
        Ok(())
    }

    /// The first index that is neither in the snapshot nor among the entries; none when
    /// nothing is missing.
    pub(super) fn missing(&self) -> Option<u64> {
        let first = self
            .entries
            .first()
            .map_or(self.summary.next_index, |entry| entry.index);
        let wanted = self.summary.snapshot_index() + 1;
        (wanted < first).then_some(wanted)
    }
}
