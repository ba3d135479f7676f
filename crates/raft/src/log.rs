//! The part of the log that is in memory: the entries behind a base, and the memberships
//! that they bring.
//!
//! ```text
//!   base ]  entries ...... commit ........ last
//!   (index and term of the entry before the first one in memory; what is at or before it
//!    is in the snapshot)
//! ```
//!
//! It never forgets a committed entry other than into a snapshot.

use std::collections::{BTreeSet, VecDeque};

use model::plant::{self, Plant};
use model::{Lineage, NodeId};
use wire::raft::{Configuration, Entry, Payload, SnapshotMeta};

/// What an entry takes in a message besides its payload: two numbers of up to ten bytes, three
/// lengths, and tags.
const ENTRY_OVERHEAD_BYTES: usize = 48;
/// What a member takes in an entry about the membership: a number of up to ten bytes.
const MEMBER_BYTES: usize = 12;

/// What the arbiter takes there: a kind, a number, and two lengths with their tags.
const ARBITER_BYTES: usize = 16;
/// What the lineage takes in the entry of a forced change: three numbers, and tags.
const FORCED_BYTES: usize = 40;

fn members_bytes(configuration: &Configuration) -> usize {
    ARBITER_BYTES + configuration.members().count() * MEMBER_BYTES
}

/// At least what the entry takes in a message.
fn bytes_of(entry: &Entry) -> usize {
    let payload = match &entry.payload {
        Payload::Empty => 0,
        Payload::Command(data) => data.len(),
        Payload::Voters(configuration) => members_bytes(configuration),
        Payload::Forced(forced) => FORCED_BYTES + members_bytes(&forced.configuration),
    };
    ENTRY_OVERHEAD_BYTES + payload
}

/// The value that a majority reaches: the `n / 2 + 1`-th largest of `n`.
fn nth_largest<T: Ord + Default>(values: impl Iterator<Item = T>) -> T {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    let reached = values.len().div_ceil(2).checked_sub(1);
    reached.map(|at| values.swap_remove(at)).unwrap_or_default()
}

#[derive(Debug, Clone)]
pub(crate) struct Log {
    base_index: u64,
    base_term: u64,
    entries: VecDeque<Entry>,
    /// With the index of the entry that brought each; the first one counts at the base.
    /// Never empty.
    configurations: VecDeque<(u64, Configuration)>,
    /// The lineage that the entry at the base belongs to; the default one when that is not
    /// known.
    base_lineage: Lineage,
    /// The forced changes behind the base: index, and the lineage that begins there.
    forced: VecDeque<(u64, Lineage)>,
    commit: u64,
}

impl Log {
    pub(crate) fn new(base: &SnapshotMeta) -> Self {
        Self {
            base_index: base.index,
            base_term: base.term,
            entries: VecDeque::new(),
            configurations: VecDeque::from([(base.index, base.configuration.clone())]),
            base_lineage: base.lineage,
            forced: VecDeque::new(),
            commit: base.index,
        }
    }

    pub(crate) fn base_index(&self) -> u64 {
        self.base_index
    }

    pub(crate) fn last_index(&self) -> u64 {
        self.base_index + self.entries.len() as u64
    }

    pub(crate) fn last_term(&self) -> u64 {
        self.entries
            .back()
            .map_or(self.base_term, |entry| entry.term)
    }

    pub(crate) fn commit(&self) -> u64 {
        self.commit
    }

    /// None when `index` is beyond the end or was compacted away.
    pub(crate) fn term_at(&self, index: u64) -> Option<u64> {
        if index == self.base_index {
            return Some(self.base_term);
        }
        self.entry(index).map(|entry| entry.term)
    }

    pub(crate) fn entry(&self, index: u64) -> Option<&Entry> {
        let offset = index.checked_sub(self.base_index + 1)?;
        self.entries.get(usize::try_from(offset).ok()?)
    }

    /// The last entry of a message that begins with `from` and has room for `count` entries of
    /// `bytes` together. At least one goes in, if there is one, else nothing would ever go.
    pub(crate) fn last_that_fits(&self, from: u64, count: usize, bytes: usize) -> u64 {
        let skip = from.saturating_sub(self.base_index + 1) as usize;
        let mut filled = 0;
        let fitting = self.entries.iter().skip(skip).take(count);
        let count = fitting
            .take_while(|entry| {
                let is_first = filled == 0;
                filled += bytes_of(entry);
                is_first || filled <= bytes
            })
            .count();
        from + count as u64 - 1
    }

    /// Copies of the entries from `from` to `to`, both included.
    pub(crate) fn copy(&self, from: u64, to: u64) -> Vec<Entry> {
        assert!(
            self.base_index < from,
            "entry {from} is compacted, base {}",
            self.base_index
        );
        let skip = (from - self.base_index - 1) as usize;
        let count = (to + 1).saturating_sub(from) as usize;
        self.entries
            .iter()
            .skip(skip)
            .take(count)
            .cloned()
            .collect()
    }

    /// Whether a candidate whose log ends there lacks nothing that may be committed.
    pub(crate) fn is_up_to_date(&self, last_index: u64, last_term: u64) -> bool {
        plant::is(Plant::VoteForShorterLog)
            || (self.last_term(), self.last_index()) <= (last_term, last_index)
    }

    /// The highest index from `floor` to `index` whose term is at most `term`; none when
    /// there is none.
    pub(crate) fn hint(&self, index: u64, term: u64, floor: u64) -> Option<u64> {
        let top = index.min(self.last_index());
        (floor..=top)
            .rev()
            .find(|at| self.term_at(*at).is_some_and(|found| found <= term))
    }

    /// Adds one entry at the end.
    pub(crate) fn push(&mut self, entry: Entry) {
        assert_eq!(entry.index, self.last_index() + 1, "a log has no gaps");
        assert!(
            self.last_term() <= entry.term,
            "terms do not fall: {} after {}",
            entry.term,
            self.last_term()
        );
        if let Some(configuration) = entry.payload.configuration() {
            self.configurations
                .push_back((entry.index, configuration.clone()));
        }
        if let Payload::Forced(forced) = &entry.payload {
            self.forced.push_back((entry.index, forced.lineage));
        }
        self.entries.push_back(entry);
    }

    /// Removes the entries from `from` on.
    pub(crate) fn truncate(&mut self, from: u64) {
        assert!(
            self.commit < from,
            "entry {from} is committed (up to {}) and cannot be removed",
            self.commit
        );
        self.entries.truncate((from - self.base_index - 1) as usize);
        while 1 < self.configurations.len()
            && self
                .configurations
                .back()
                .is_some_and(|(index, _)| from <= *index)
        {
            self.configurations.pop_back();
        }
        self.forced.retain(|(index, _)| *index < from);
    }

    /// Moves the commit index forward.
    pub(crate) fn commit_to(&mut self, index: u64) {
        assert!(
            self.commit <= index && index <= self.last_index(),
            "commit {index} is outside of {}..={}",
            self.commit,
            self.last_index()
        );
        self.commit = index;
    }

    /// Forgets the entries up to `base`, which are in a snapshot.
    pub(crate) fn compact(&mut self, base: u64) {
        assert!(
            base <= self.commit,
            "entry {base} is not committed (up to {})",
            self.commit
        );
        if base <= self.base_index {
            return;
        }
        self.base_term = self
            .term_at(base)
            .expect("a committed entry behind the base");
        self.entries.drain(..(base - self.base_index) as usize);
        self.base_index = base;
        while self
            .configurations
            .get(1)
            .is_some_and(|(index, _)| *index <= base)
        {
            self.configurations.pop_front();
        }
        self.base_lineage = self.lineage_at(base);
        self.forced.retain(|(index, _)| base < *index);
    }

    /// The latest membership and where it came from.
    pub(crate) fn configuration(&self) -> (u64, &Configuration) {
        let (index, configuration) = self.configurations.back().expect("never empty");
        (*index, configuration)
    }

    /// The lineage as of `index`: that of the last forced change up to there.
    pub(crate) fn lineage_at(&self, index: u64) -> Lineage {
        let before = self.forced.iter().rev().find(|(at, _)| *at <= index);
        before.map_or(self.base_lineage, |(_, lineage)| *lineage)
    }

    /// The sets of voters of each of which a majority must agree. While a voter that is added
    /// is not known to be committed, those before it have their say too: else a half of them
    /// that makes a forced change could be passed over by a majority with the new one. Where a
    /// voter is removed, any half of those before, without that one, meets any majority of those
    /// after; see [`crate::Change::Remove`].
    pub(crate) fn electorates(&self) -> impl Iterator<Item = &BTreeSet<NodeId>> {
        let (_, latest) = self.configuration();
        let before = self.open_electorates().skip(1);
        let before = before.filter(|before| !latest.voters.is_subset(before));
        std::iter::once(&latest.voters).chain(before)
    }

    /// The voters that may count: the latest, and those before while it is not known which of
    /// the two is committed. A forced change must be safe for both.
    pub(crate) fn open_electorates(&self) -> impl Iterator<Item = &BTreeSet<NodeId>> {
        let (since, latest) = self.configuration();
        let before = self.previous_configuration();
        let counts = |before: &&Configuration| {
            let is_open = self.commit < since && before.voters != latest.voters;
            is_open && !before.voters.is_empty()
        };
        let before = before.filter(counts);
        std::iter::once(latest)
            .chain(before)
            .map(|configuration| &configuration.voters)
    }

    /// What a majority of each electorate reaches.
    pub(crate) fn reached<T: Ord + Default>(&self, value: impl Fn(&NodeId) -> T) -> T {
        let reached = self
            .electorates()
            .map(|voters| nth_largest(voters.iter().map(&value)));
        reached.min().unwrap_or_default()
    }

    /// The membership before the latest one, while that one can be undone. A forced change
    /// cannot be: who holds the new lineage holds its first entry, or is still to get it.
    pub(crate) fn previous_configuration(&self) -> Option<&Configuration> {
        let (since, _) = self.configuration();
        if self.forced.back().is_some_and(|(index, _)| *index == since) {
            return None;
        }
        let before = self.configurations.len().checked_sub(2)?;
        self.configurations
            .get(before)
            .map(|(_, configuration)| configuration)
    }

    /// The membership as of `index`.
    pub(crate) fn configuration_at(&self, index: u64) -> &Configuration {
        let mut found = &self.configurations.front().expect("never empty").1;
        for (since, configuration) in &self.configurations {
            if *since <= index {
                found = configuration;
            }
        }
        found
    }
}
