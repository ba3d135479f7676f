//! The disk of one machine: what is on it for certain, and what is on its way.
//!
//! Orders are carried out one after the other and are certain only once they are. When the
//! daemon or the power ends in between, some of the orders on their way are there and some
//! are not; of one of them only a beginning may be there, its parts from top to bottom.

use std::collections::VecDeque;
use std::time::Duration;

use model::Instant;
use model::plant::{self, Plant};
use raft::{Persist, Restored};
use wire::raft::Payload;

use crate::random::Random;

/// A healthy disk's slowest write. Most are far quicker.
const QUICK_MICROS: u64 = 2_000;

/// A cluster begins with it; each forced change makes the next one.
const FIRST_GENERATION: u64 = 1;

/// Whether the bytes are as they were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// They are.
    Sound,
    /// A checksum does not fit: the daemon refuses to start.
    Rotten,
}

/// What is left of orders that were on their way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Torn {
    /// Orders of which nothing is left.
    pub lost: u64,
    /// Orders of which a beginning is left.
    pub torn: u64,
}

pub(crate) struct Disk {
    pub stable: Restored,
    pub under_way: VecDeque<Persist>,
    /// When the writes begin and end that were ordered last: all orders that wait for the ones
    /// before them share one sync, as in production.
    batch: (Instant, Instant),
    /// Added to each write.
    pub slow_by: Duration,
    pub health: Health,
}

impl Disk {
    pub fn new(stable: Restored) -> Self {
        Self {
            stable,
            under_way: VecDeque::new(),
            batch: (Instant::ZERO, Instant::ZERO),
            slow_by: Duration::ZERO,
            health: Health::Sound,
        }
    }

    /// Takes an order; when it will have been carried out.
    pub fn order(&mut self, persist: Persist, now: Instant, random: &mut Random) -> Instant {
        let takes = Duration::from_micros(50 + random.below(QUICK_MICROS)) + self.slow_by;
        self.under_way.push_back(persist);
        let (begins, ends) = self.batch;
        if begins <= now {
            let begins = ends.max(now);
            self.batch = (begins, begins + takes);
        }
        self.batch.1
    }

    /// The oldest order is carried out.
    pub fn carry_out(&mut self) {
        if let Some(persist) = self.under_way.pop_front() {
            write(&mut self.stable, persist);
            drop_covered(&mut self.stable);
        }
    }

    /// The one who ordered is gone: some of what was under way is there, some is not.
    pub fn interrupt(&mut self, random: &mut Random) -> Torn {
        let mut torn = Torn::default();
        let under_way = std::mem::take(&mut self.under_way);
        self.batch = (Instant::ZERO, Instant::ZERO);
        let count = under_way.len() as u64;
        let whole = random.below(count + 1);
        for (place, persist) in under_way.into_iter().enumerate() {
            if (place as u64) < whole {
                write(&mut self.stable, persist);
                drop_covered(&mut self.stable);
            } else if place as u64 == whole && random.chance(500) {
                torn.torn += 1;
                if plant::is(Plant::TornVoteIsNone) && persist.hard_state.is_some() {
                    self.stable.hard_state.vote = None;
                }
                write(&mut self.stable, beginning(persist, random));
            } else {
                torn.lost += 1;
            }
        }
        torn
    }

    /// Whether this entry, in this term, would survive a loss of power now.
    pub fn holds(&self, index: u64, term: u64) -> bool {
        let covered = self.stable.snapshot.as_ref();
        if covered.is_some_and(|(meta, _)| index <= meta.index) {
            return true;
        }
        let Some(first) = self.stable.entries.first() else {
            return false;
        };
        let offset = index.checked_sub(first.index);
        let entry = offset.and_then(|offset| self.stable.entries.get(offset as usize));
        entry.is_some_and(|entry| entry.index == index && entry.term == term)
    }

    /// Whether the history of this generation can be gone on with from here: its first entry is
    /// here, or the record of the forced change that it begins with. The first one has none.
    pub fn begins_generation(&self, generation: u64) -> bool {
        let covered = self.stable.snapshot.as_ref();
        let record = self.stable.hard_state.forced.as_ref();
        let entries = self.stable.entries.iter();
        let mut begun = entries.filter_map(|entry| match &entry.payload {
            Payload::Forced(forced) => Some(forced.lineage.generation),
            Payload::Empty | Payload::Command(_) | Payload::Voters(_) => None,
        });
        generation <= FIRST_GENERATION
            || covered.is_some_and(|(meta, _)| generation <= meta.lineage.generation)
            || record.is_some_and(|record| generation == record.lineage.generation)
            || begun.any(|begun| generation == begun)
    }
}

/// The parts of an order up to some part; the last of its entries may be half written, and
/// is not there then.
fn beginning(mut persist: Persist, random: &mut Random) -> Persist {
    let parts = random.below(5);
    if parts < 1 {
        persist.hard_state = None;
    }
    if parts < 2 {
        persist.snapshot = None;
    }
    if parts < 3 {
        persist.truncate_from = None;
        persist.entries.clear();
    }
    let entries = persist.entries.len() as u64;
    persist.entries.truncate(random.below(entries + 1) as usize);
    persist
}

fn write(disk: &mut Restored, persist: Persist) {
    if let Some(hard_state) = persist.hard_state {
        disk.hard_state = hard_state;
    }
    if persist.snapshot.is_some() {
        disk.snapshot = persist.snapshot;
    }
    if let Some(from) = persist.truncate_from {
        disk.entries.retain(|entry| entry.index < from);
    }
    disk.entries.extend(persist.entries);
}

/// Only after a whole order: until then the entry at the end of a snapshot tells whether those
/// behind it fit.
fn drop_covered(disk: &mut Restored) {
    if let Some((meta, _)) = &disk.snapshot {
        disk.entries.retain(|entry| meta.index < entry.index);
    }
}

#[cfg(test)]
mod tests {
    use model::NodeId;
    use wire::raft::{Entry, HardState};

    use super::*;

    fn order(index: u64) -> Persist {
        let hard_state = HardState {
            term: 1,
            vote: Some(NodeId(1)),
            commit: index,
            ..HardState::default()
        };
        Persist {
            hard_state: Some(hard_state),
            entries: vec![Entry {
                index,
                term: 1,
                payload: Payload::Empty,
            }],
            ..Persist::default()
        }
    }

    #[test]
    fn what_was_carried_out_survives_and_of_the_rest_a_beginning_at_most() {
        for seed in 0..200 {
            let mut random = Random::new(seed, 0);
            let mut disk = Disk::new(Restored::default());
            for index in 1..=5 {
                disk.order(order(index), Instant(0), &mut random);
            }
            disk.carry_out();
            disk.carry_out();
            let torn = disk.interrupt(&mut random);
            let kept = disk.stable.entries.len() as u64;
            assert!((2..=5).contains(&kept), "seed {seed}: {kept} entries");
            assert!((1..=kept).all(|index| disk.holds(index, 1)));
            assert!(!disk.holds(kept + 1, 1) && !disk.holds(1, 2));
            assert!(torn.torn <= 1 && torn.torn + torn.lost <= 3);
            let gaps = disk.stable.entries.windows(2);
            gaps.for_each(|pair| assert_eq!(pair[0].index + 1, pair[1].index));
        }
    }

    /// A log without the entry at the end of a snapshot would pass for one that fits it.
    #[test]
    fn a_torn_order_with_a_snapshot_keeps_what_tells_whether_the_log_fits() {
        let mut kept = 0;
        for seed in 0..200 {
            let mut random = Random::new(seed, 0);
            let mut disk = Disk::new(Restored::default());
            for index in 1..=5 {
                disk.order(order(index), Instant(0), &mut random);
                disk.carry_out();
            }
            let meta = wire::raft::SnapshotMeta {
                index: 3,
                term: 2,
                ..wire::raft::SnapshotMeta::default()
            };
            let foreign = Persist {
                snapshot: Some((meta, Vec::new())),
                truncate_from: Some(1),
                ..Persist::default()
            };
            disk.order(foreign, Instant(0), &mut random);
            disk.interrupt(&mut random);
            let is_torn = disk.stable.snapshot.is_some() && !disk.stable.entries.is_empty();
            kept += u32::from(is_torn);
            let at_end = disk.stable.entries.iter().any(|entry| entry.index == 3);
            assert!(at_end || !is_torn, "seed {seed}");
        }
        assert_ne!(kept, 0);
    }
}
