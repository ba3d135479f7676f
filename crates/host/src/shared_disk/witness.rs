//! The slots of a disk witness on a device. The layout is `quorum::disk`'s
//! (docs/formats/disk-witness.md); here the sectors are moved, and nothing is decided.

use std::collections::BTreeMap;
use std::io;

use quorum::disk::{
    COPIES, Content, Found, SECTOR_BYTES, SLOTS_MAX, Slot, TOTAL_BYTES, newest, offset, sector,
};

use super::SharedDisk;

/// Bytes that are looked at in one read for foreign data. Small against any memory, large
/// against the time of a read.
const LOOK_BYTES: usize = 64 * SECTOR_BYTES;

/// Why a device was not prepared. Nothing was written, unless it says so.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// There is something else on it.
    #[error("there is data on it at byte {0}, which is not a disk witness's")]
    Foreign(u64),
    /// It is in use, or was.
    #[error("it is prepared already, and has been used by a cluster")]
    Used,
    /// There is no room for all slots. Nothing was written.
    #[error("it has {0} bytes; a disk witness needs {TOTAL_BYTES}")]
    TooSmall(u64),
    /// The device does not work.
    #[error("it cannot be read or written")]
    Io(#[from] io::Error),
}

/// Whether the memory of an earlier witness may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forget {
    /// It may not.
    Nothing,
    /// It may: whoever says so has taken that witness out of its cluster.
    Witness,
}

/// Writes all slots empty, both copies. Data of others are never overwritten: whoever means
/// them to go wipes them first.
///
/// # Errors
/// Why the device cannot be used.
pub fn prepare(disk: &SharedDisk, forget: Forget) -> Result<(), PrepareError> {
    if let Some(size) = disk.device_size()?.filter(|size| *size < TOTAL_BYTES) {
        return Err(PrepareError::TooSmall(size));
    }
    look_for_foreign(disk)?;
    if forget == Forget::Nothing {
        let is_used = |slot| Ok(WitnessDisk::read_slot(disk, slot)?.is_some_and(has_body));
        for slot in slots() {
            if is_used(slot).map_err(PrepareError::Io)? {
                return Err(PrepareError::Used);
            }
        }
    }
    for slot in slots() {
        for copy in 0..COPIES {
            disk.write(offset(slot, copy), &sector(slot, 0, &[]))?;
        }
    }
    Ok(())
}

fn has_body(found: Found) -> bool {
    !found.body.is_empty()
}

/// Each sector is empty, or a sector of a disk witness.
fn look_for_foreign(disk: &SharedDisk) -> Result<(), PrepareError> {
    let mark = &sector(HEADER, 0, &[])[..4];
    let mut at = 0;
    while at < TOTAL_BYTES {
        let bytes = disk.read(at, LOOK_BYTES)?;
        for (sector, start) in bytes.chunks(SECTOR_BYTES).zip((at..).step_by(SECTOR_BYTES)) {
            let is_empty = sector.iter().all(|byte| *byte == 0);
            if start < TOTAL_BYTES && !is_empty && !sector.starts_with(mark) {
                return Err(PrepareError::Foreign(start));
            }
        }
        at += LOOK_BYTES as u64;
    }
    Ok(())
}

const HEADER: Slot = Slot {
    content: Content::Header,
    place: 0,
};

fn slots() -> impl Iterator<Item = Slot> {
    let of_nodes = [Content::Beat, Content::Ballot, Content::Box];
    let places = (0..SLOTS_MAX).flat_map(move |place| {
        let slot = move |content| Slot { content, place };
        of_nodes.map(slot)
    });
    std::iter::once(HEADER).chain(places)
}

/// The slots of a prepared device. Each call takes as long as the device likes, so all of
/// this belongs on a thread of its own.
#[derive(Debug)]
pub struct WitnessDisk(SharedDisk);

impl WitnessDisk {
    /// The slots of this device, which may or may not be prepared.
    #[must_use]
    pub fn new(disk: SharedDisk) -> Self {
        Self(disk)
    }

    /// The device.
    #[must_use]
    pub fn disk(&self) -> &SharedDisk {
        &self.0
    }

    fn copies(disk: &SharedDisk, slot: Slot) -> io::Result<[Vec<u8>; COPIES]> {
        // Both copies stand side by side: one read for both.
        let mut first = disk.read(offset(slot, 0), COPIES * SECTOR_BYTES)?;
        let second = first.split_off(SECTOR_BYTES);
        Ok([first, second])
    }

    fn read_slot(disk: &SharedDisk, slot: Slot) -> io::Result<Option<Found>> {
        let [first, second] = Self::copies(disk, slot)?;
        Ok(newest(slot, [&first, &second]))
    }

    /// The newest whole copy of a slot; none where both are damaged, or nothing was prepared.
    ///
    /// # Errors
    /// What the device says.
    pub fn read(&self, slot: Slot) -> io::Result<Option<Found>> {
        Self::read_slot(&self.0, slot)
    }

    /// Writes a slot over its older copy. Only who owns the slot may; a box has many writers,
    /// and the last one wins.
    ///
    /// # Errors
    /// What the device says; a slot without a whole copy is not written.
    pub fn write(&self, slot: Slot, body: &[u8]) -> io::Result<()> {
        let damaged = || io::Error::other("the slot is damaged");
        let Found { sequence, copy, .. } = self.read(slot)?.ok_or_else(damaged)?;
        let copy = (copy + 1) % COPIES;
        let bytes = sector(slot, sequence + 1, body);
        self.0.write(offset(slot, copy), &bytes)
    }

    /// Both copies of each ballot, for [`quorum::disk::Ballots::handle_read`].
    ///
    /// # Errors
    /// What the device says.
    pub fn ballots(&self, places: &[u16]) -> io::Result<BTreeMap<u16, [Vec<u8>; COPIES]>> {
        let copies = |place: &u16| {
            let slot = Slot {
                content: Content::Ballot,
                place: *place,
            };
            Ok((*place, Self::copies(&self.0, slot)?))
        };
        places.iter().map(copies).collect()
    }

    /// Both copies of every ballot that there is room for, in one read of the device.
    ///
    /// # Errors
    /// What the device says.
    pub fn all_ballots(&self) -> io::Result<BTreeMap<u16, [Vec<u8>; COPIES]>> {
        let length = usize::try_from(TOTAL_BYTES).map_err(io::Error::other)?;
        let bytes = self.0.read(0, length)?;
        let copy = |place, copy| {
            let content = Content::Ballot;
            let at = usize::try_from(offset(Slot { content, place }, copy));
            let at = at.expect("the whole device fits in memory");
            bytes[at..at + SECTOR_BYTES].to_vec()
        };
        let both = |place| (place, [copy(place, 0), copy(place, 1)]);
        Ok((0..SLOTS_MAX).map(both).collect())
    }

    /// One copy of a ballot, as [`quorum::disk::Output::Write`] says.
    ///
    /// # Errors
    /// What the device says.
    pub fn write_ballot(&self, place: u16, copy: usize, bytes: &[u8]) -> io::Result<()> {
        let slot = Slot {
            content: Content::Ballot,
            place,
        };
        self.0.write(offset(slot, copy), bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use model::{BootId, Instant, Lineage, NodeId};
    use quorum::arbiter::{Answer, Ask};
    use quorum::disk::{Ballots, Output, Pill, PillReason, Slots};
    use quorum::race::Turn;

    use super::*;

    fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("disk");
        std::fs::write(&path, bytes).unwrap();
        (dir, path)
    }

    fn open(path: &std::path::Path) -> SharedDisk {
        SharedDisk::open(path).unwrap()
    }

    fn box_of(place: u16) -> Slot {
        Slot {
            content: Content::Box,
            place,
        }
    }

    #[test]
    fn data_of_others_are_never_overwritten() {
        let mut bytes = vec![0; 300 * SECTOR_BYTES];
        bytes[200 * SECTOR_BYTES + 7] = 1;
        let (_dir, path) = file(&bytes);
        let error = prepare(&open(&path), Forget::Witness).unwrap_err();
        assert!(matches!(error, PrepareError::Foreign(819_200)), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }

    #[test]
    fn a_witness_that_was_used_forgets_only_when_told() {
        let (_dir, path) = file(&[]);
        prepare(&open(&path), Forget::Nothing).unwrap();
        prepare(&open(&path), Forget::Nothing).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), TOTAL_BYTES);
        let disk = WitnessDisk::new(open(&path));
        disk.write(box_of(3), b"pill").unwrap();
        let refused = prepare(&open(&path), Forget::Nothing).unwrap_err();
        assert!(matches!(refused, PrepareError::Used));
        assert_eq!(disk.read(box_of(3)).unwrap().unwrap().body, b"pill");
        prepare(&open(&path), Forget::Witness).unwrap();
        assert_eq!(disk.read(box_of(3)).unwrap().unwrap().body, b"");
    }

    #[test]
    fn a_torn_write_leaves_what_was_there_before() {
        let (_dir, path) = file(&[]);
        prepare(&open(&path), Forget::Nothing).unwrap();
        let disk = WitnessDisk::new(open(&path));
        let pill = Pill {
            target: BootId([7; 16]),
            by: NodeId(1),
            why: PillReason::Fence,
        };
        disk.write(box_of(5), &pill.encode()).unwrap();
        disk.write(box_of(5), b"newer").unwrap();
        let newer = disk.read(box_of(5)).unwrap().unwrap();
        assert_eq!((newer.sequence, newer.body.as_slice()), (2, &b"newer"[..]));
        let mut half = vec![0; SECTOR_BYTES];
        half[..100].fill(9);
        disk.disk()
            .write(offset(box_of(5), newer.copy), &half)
            .unwrap();
        let left = disk.read(box_of(5)).unwrap().unwrap();
        assert_eq!(Pill::decode(&left.body), Some(pill));
        disk.disk()
            .write(offset(box_of(5), left.copy), &half)
            .unwrap();
        assert_eq!(disk.read(box_of(5)).unwrap(), None);
        assert!(disk.write(box_of(5), b"x").is_err());
    }

    /// Plays one node's vote to its end on a device.
    fn vote(disk: &WitnessDisk, me: u64, slots: &Slots, lineage: Lineage) -> Answer {
        let places: Vec<u16> = slots.values().copied().collect();
        let mut ballots = Ballots::new(NodeId(me), slots).unwrap();
        let mut now = Instant(1);
        let ask = Ask {
            lineage,
            term: 5,
            led_term: 3,
            candidate: NodeId(me),
            run: 1,
            voters: slots.keys().copied().collect(),
            rest: [NodeId(me)].into(),
            weight: 1,
        };
        ballots.handle_ask(1, ask, Turn::First, now);
        for _ in 0..100 {
            match ballots.poll_output() {
                Some(Output::Read { ticket }) => {
                    let read = disk.ballots(&places).unwrap();
                    ballots.handle_read(ticket, &read, now);
                }
                Some(Output::Write {
                    ticket,
                    place,
                    copy,
                    bytes,
                }) => {
                    disk.write_ballot(place, copy, &bytes).unwrap();
                    ballots.handle_written(ticket, now);
                }
                Some(Output::Answer { answer, .. }) => return answer,
                Some(Output::Damaged { place }) => panic!("damaged {place}"),
                None => {
                    now = ballots.next_deadline().unwrap();
                    ballots.handle_timeout(now);
                }
            }
        }
        panic!("no answer");
    }

    #[test]
    fn of_two_nodes_that_ask_a_device_one_is_granted() {
        let (_dir, path) = file(&[]);
        prepare(&open(&path), Forget::Nothing).unwrap();
        let slots: Slots = [(NodeId(1), 0), (NodeId(2), 1)].into();
        let lineage = Lineage {
            generation: 1,
            maker: NodeId(1),
            random: 9,
        };
        let first = vote(&WitnessDisk::new(open(&path)), 1, &slots, lineage);
        assert_eq!(first, Answer::Granted { lineage, term: 5 });
        let second = vote(&WitnessDisk::new(open(&path)), 2, &slots, lineage);
        let to = NodeId(1);
        assert_eq!(second, Answer::Refused { to, term: 5 });
    }
}
