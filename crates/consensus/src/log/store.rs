//! The log itself: opens a directory, writes orders, makes them durable, and removes what a
//! snapshot has made superfluous.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use raft::{Persist, Restored};

use super::disk::{Disk, Files};
use super::format::{self, HEAD_BYTES, Place};
use super::image::{Change, Summary};
use super::recover::{Cut, Found, Segment, SegmentInfo, recover};
use super::{LogError, format::RECORD_BYTES_MAX};

/// Bytes of a segment: thousands of entries, so that new files are rare, and written with
/// zeroes in advance within milliseconds.
const SEGMENT_BYTES: usize = 4 * 1024 * 1024;

const SEGMENT_PREFIX: &str = "segment-";
const SEGMENT_SUFFIX: &str = ".log";
const SNAPSHOT_PREFIX: &str = "snapshot-";
const SNAPSHOT_SUFFIX: &str = ".bin";

pub(super) fn segment_name(number: u64) -> String {
    format!("{SEGMENT_PREFIX}{number:016x}{SEGMENT_SUFFIX}")
}

pub(super) fn snapshot_name(number: u64) -> String {
    format!("{SNAPSHOT_PREFIX}{number:016x}{SNAPSHOT_SUFFIX}")
}

fn number_in(name: &str, prefix: &str, suffix: &str) -> Option<u64> {
    let digits = name.strip_prefix(prefix)?.strip_suffix(suffix)?;
    (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok())?
}

/// What a log held when it was opened.
#[derive(Debug)]
pub struct Recovered {
    /// For raft.
    pub restored: Restored,
    /// What a power loss had left in part, for the log file of the daemon.
    pub cut: Option<Cut>,
}

/// A log that is open for writing.
#[derive(Debug)]
pub struct Log<D: Disk = Files> {
    disk: D,
    /// Of new segments, unless one record needs more.
    segment_bytes: usize,
    summary: Summary,
    /// In order; the last one is written to. Never empty.
    segments: VecDeque<SegmentInfo>,
    /// Where the next record goes.
    offset: u64,
    /// The number of the last record that was written.
    sequence: u64,
    /// All records up to this one are synced.
    durable: u64,
    /// The highest record that a later one vouches for.
    vouched: u64,
    /// The number of the latest snapshot file.
    snapshot_file: u64,
    /// Snapshot files to remove once what replaces them is durable.
    obsolete: Vec<String>,
    /// The capacity of the next segment, where it was made in advance.
    prepared: Option<u64>,
    health: Health,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Good,
    /// A write or sync has failed: what is on disk is unknown.
    Failed,
}

impl Log<Files> {
    /// Opens the log in `directory`, or makes an empty one.
    ///
    /// # Errors
    /// When it is locked, damaged, or the disk fails.
    pub fn open(directory: &Path) -> Result<(Self, Recovered), LogError> {
        Self::open_on(Files::open(directory)?, SEGMENT_BYTES)
    }

    /// Makes a log that begins with `restored` and is durable when this returns. Whatever
    /// was in the directory is removed: the caller knows that no member owns it.
    ///
    /// # Errors
    /// When another process has the directory, or the disk fails.
    pub fn create(directory: &Path, restored: &Restored) -> Result<(), LogError> {
        Self::create_on(Files::open(directory)?, restored, SEGMENT_BYTES)
    }
}

impl<D: Disk> Log<D> {
    pub(super) fn create_on(
        mut disk: D,
        restored: &Restored,
        segment_bytes: usize,
    ) -> Result<(), LogError> {
        for name in list(&disk)? {
            disk.remove(&name).map_err(io_error("remove", &name))?;
        }
        let file = u64::from(restored.snapshot.is_some());
        if let Some((meta, data)) = &restored.snapshot {
            let name = snapshot_name(file);
            let bytes = format::snapshot(file, meta, data);
            disk.create(&name, &bytes)
                .map_err(io_error("make", &name))?;
        }
        let change = Change::of_restored(restored, file);
        Self::begin(disk, &change, file, segment_bytes).map(drop)
    }

    /// Makes the first segment, with `change` as its first record, durable.
    fn begin(
        mut disk: D,
        change: &Change,
        snapshot_file: u64,
        segment_bytes: usize,
    ) -> Result<Self, LogError> {
        let items = format::items(change);
        let number = 1;
        let capacity = create_segment(
            &mut disk,
            number,
            segment_bytes.max(room_for(&[items.len()])),
        )?;
        let mut summary = Summary {
            next_index: change.next_index.unwrap_or(1),
            ..Summary::default()
        };
        summary
            .apply(change)
            .unwrap_or_else(|gap| panic!("a log cannot begin so: {gap:?}"));
        let last_index = summary.next_index - 1;
        let mut log = Self {
            disk,
            segment_bytes,
            summary,
            segments: VecDeque::from([SegmentInfo {
                number,
                capacity,
                last_index,
            }]),
            offset: HEAD_BYTES as u64,
            sequence: 0,
            durable: 0,
            vouched: 0,
            snapshot_file,
            obsolete: Vec::new(),
            prepared: None,
            health: Health::Good,
        };
        log.write_record(&items)?;
        log.sync()?;
        Ok(log)
    }

    pub(super) fn open_on(disk: D, segment_bytes: usize) -> Result<(Self, Recovered), LogError> {
        let names = list(&disk)?;
        let segments = read_segments(&disk, &names)?;
        let Some(found) = recover(segments)? else {
            let restored = Restored::default();
            let log = Self::begin(disk, &Change::of_restored(&restored, 0), 0, segment_bytes)?;
            return Ok((
                log,
                Recovered {
                    restored,
                    cut: None,
                },
            ));
        };
        let snapshot = match &found.image.summary.snapshot {
            Some(marker) => Some(read_snapshot(&disk, &names, marker.file)?),
            None => None,
        };
        let restored = Restored {
            hard_state: found.image.summary.hard_state.clone(),
            snapshot,
            entries: found.image.entries.clone(),
        };
        let cut = found.cut.clone();
        let mut log = Self::continue_on(disk, found, segment_bytes);
        log.repair(cut.as_ref())?;
        log.remove_strangers(&names)?;
        Ok((log, Recovered { restored, cut }))
    }

    fn continue_on(disk: D, found: Found, segment_bytes: usize) -> Self {
        let snapshot_file = found
            .image
            .summary
            .snapshot
            .as_ref()
            .map_or(0, |it| it.file);
        Self {
            disk,
            segment_bytes,
            summary: found.image.summary,
            segments: found.segments.into(),
            offset: found.offset,
            sequence: found.sequence,
            durable: 0,
            vouched: 0,
            snapshot_file,
            obsolete: Vec::new(),
            prepared: None,
            health: Health::Good,
        }
    }

    /// Overwrites torn bytes, so that they can never be taken for anything, and syncs what
    /// was read: after a mere crash of the daemon it may not be on the disk yet, and from
    /// here on others will rely on it.
    fn repair(&mut self, cut: Option<&Cut>) -> Result<(), LogError> {
        let name = segment_name(self.current().number);
        if let Some(cut) = cut {
            let zeroes = vec![0; usize::try_from(cut.bytes).expect("was in memory")];
            let written = self.disk.write_at(&name, cut.offset, &zeroes);
            written.map_err(io_error("mend", &name))?;
        }
        self.disk.sync(&name).map_err(io_error("sync", &name))?;
        self.durable = self.sequence;
        Ok(())
    }

    /// Removes what does not count: segments before or behind those in use, snapshots that
    /// no record names, files that were being made.
    fn remove_strangers(&mut self, names: &[String]) -> Result<(), LogError> {
        let marker = self
            .summary
            .snapshot
            .as_ref()
            .map(|marker| snapshot_name(marker.file));
        let used: Vec<_> = self
            .segments
            .iter()
            .map(|it| segment_name(it.number))
            .chain(marker)
            .collect();
        for name in names.iter().filter(|name| !used.contains(name)) {
            self.disk.remove(name).map_err(io_error("remove", name))?;
        }
        Ok(())
    }

    /// Writes one order. It is not durable before [`Log::sync`].
    ///
    /// # Errors
    /// When the disk fails; the log is then of no more use.
    ///
    /// # Panics
    /// When the entries do not follow: what raft believes about its log is wrong, and must
    /// not reach the disk.
    pub fn write(&mut self, order: Persist) -> Result<(), LogError> {
        self.guard(|log| log.write_order(order))
    }

    fn write_order(&mut self, order: Persist) -> Result<(), LogError> {
        if let Some((meta, data)) = &order.snapshot {
            let old = self
                .summary
                .snapshot
                .as_ref()
                .map(|marker| snapshot_name(marker.file));
            self.obsolete.extend(old);
            self.snapshot_file += 1;
            let name = snapshot_name(self.snapshot_file);
            let bytes = format::snapshot(self.snapshot_file, meta, data);
            self.disk
                .create(&name, &bytes)
                .map_err(io_error("make", &name))?;
        }
        let change = Change::of(order, self.snapshot_file);
        let items = format::items(&change);
        if RECORD_BYTES_MAX < items.len() {
            return Err(LogError::TooLong(items.len()));
        }
        self.reserve(items.len())?;
        let before = self.summary.next_index;
        self.summary
            .apply(&change)
            .unwrap_or_else(|gap| panic!("the next entry would be {before}: {gap:?}"));
        if let Some(last) = change.entries.last() {
            let current = self.segments.back_mut().expect("never empty");
            current.last_index = current.last_index.max(last.index);
        }
        self.write_record(&items)
    }

    /// Makes all that was written durable, with one sync.
    ///
    /// # Errors
    /// When the disk fails; the log is then of no more use.
    pub fn sync(&mut self) -> Result<(), LogError> {
        self.guard(|log| {
            log.sync_current()?;
            log.remove_superfluous()
        })
    }

    /// For when there is nothing to do: vouches for the last record (see `recover`), and
    /// makes the next segment in advance when this one is half full.
    ///
    /// # Errors
    /// When the disk fails; the log is then of no more use.
    pub fn idle(&mut self) -> Result<(), LogError> {
        self.guard(|log| {
            if log.vouched < log.durable {
                // Two, so that damage which reaches from the last record into the first of
                // them is noticed too.
                for _ in 0..2 {
                    log.reserve(0)?;
                    log.write_record(&[])?;
                }
            }
            let current = log.current();
            if log.prepared.is_none() && current.capacity / 2 < log.offset {
                log.prepared = Some(create_segment(
                    &mut log.disk,
                    current.number + 1,
                    log.segment_bytes,
                )?);
            }
            Ok(())
        })
    }

    fn guard(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<(), LogError>,
    ) -> Result<(), LogError> {
        if self.health == Health::Failed {
            return Err(LogError::Failed);
        }
        let outcome = work(self);
        if outcome.is_err() {
            self.health = Health::Failed;
        }
        outcome
    }

    fn current(&self) -> SegmentInfo {
        *self.segments.back().expect("never empty")
    }

    fn sync_current(&mut self) -> Result<(), LogError> {
        if self.durable < self.sequence {
            let name = segment_name(self.current().number);
            self.disk.sync(&name).map_err(io_error("sync", &name))?;
            self.durable = self.sequence;
        }
        Ok(())
    }

    /// Makes room for a record with that many bytes of items, in a new segment if need be.
    fn reserve(&mut self, items: usize) -> Result<(), LogError> {
        let current = self.current();
        if self.offset + format::record_bytes(items) as u64 <= current.capacity {
            return Ok(());
        }
        // Nothing may be written behind a record that could still be lost: recovery takes
        // the first record of a segment as proof for all segments before it.
        self.sync_current()?;
        let number = current.number + 1;
        let checkpoint = format::items(&self.summary.checkpoint());
        let needed = self.segment_bytes.max(room_for(&[checkpoint.len(), items]));
        let capacity = match self.prepared.take() {
            Some(capacity) if needed as u64 <= capacity => capacity,
            Some(_) | None => create_segment(&mut self.disk, number, needed)?,
        };
        self.segments.push_back(SegmentInfo {
            number,
            capacity,
            last_index: 0,
        });
        self.offset = HEAD_BYTES as u64;
        self.write_record(&checkpoint)
    }

    fn write_record(&mut self, items: &[u8]) -> Result<(), LogError> {
        let segment = self.current();
        let place = Place {
            sequence: self.sequence + 1,
            durable: self.durable,
        };
        let record = format::record(segment.number, place, items);
        assert!(
            self.offset + record.len() as u64 <= segment.capacity,
            "a record of {} bytes at {} of {}",
            record.len(),
            self.offset,
            segment.capacity
        );
        let name = segment_name(segment.number);
        let written = self.disk.write_at(&name, self.offset, &record);
        written.map_err(io_error("write", &name))?;
        self.offset += record.len() as u64;
        self.sequence = place.sequence;
        self.vouched = place.durable;
        Ok(())
    }

    /// What is durable no longer needs the snapshots and segments that it replaces.
    fn remove_superfluous(&mut self) -> Result<(), LogError> {
        for name in std::mem::take(&mut self.obsolete) {
            self.disk.remove(&name).map_err(io_error("remove", &name))?;
        }
        let covered = self.summary.snapshot_index();
        while 1 < self.segments.len() && self.segments[0].last_index <= covered {
            let name = segment_name(self.segments[0].number);
            self.disk.remove(&name).map_err(io_error("remove", &name))?;
            self.segments.pop_front();
        }
        Ok(())
    }
}

fn io_error(doing: &'static str, file: &str) -> impl FnOnce(io::Error) -> LogError {
    move |source| LogError::Io {
        doing,
        file: file.to_owned(),
        source,
    }
}

fn list<D: Disk>(disk: &D) -> Result<Vec<String>, LogError> {
    let mut names = disk.list().map_err(io_error("list", "the directory"))?;
    names.sort();
    Ok(names)
}

/// The length of a segment in which records with so many bytes of items fit.
fn room_for(items: &[usize]) -> usize {
    HEAD_BYTES
        + items
            .iter()
            .map(|it| format::record_bytes(*it))
            .sum::<usize>()
}

/// Makes a segment of that length; returns it.
/// It is filled with zeroes, not only allocated: a later sync of records then has no
/// metadata of the file system to write.
fn create_segment<D: Disk>(disk: &mut D, number: u64, capacity: usize) -> Result<u64, LogError> {
    let mut bytes = format::segment_head(number).to_vec();
    bytes.resize(capacity, 0);
    let name = segment_name(number);
    disk.create(&name, &bytes)
        .map_err(io_error("make", &name))?;
    Ok(capacity as u64)
}

/// All segments, in order of their numbers.
fn read_segments<D: Disk>(disk: &D, names: &[String]) -> Result<Vec<Segment>, LogError> {
    let numbers = names
        .iter()
        .filter_map(|name| number_in(name, SEGMENT_PREFIX, SEGMENT_SUFFIX));
    let mut numbers: Vec<u64> = numbers.collect();
    numbers.sort_unstable();
    let read = |number| {
        let name = segment_name(number);
        let bytes = disk.read(&name).map_err(io_error("read", &name))?;
        Ok(Segment { number, bytes })
    };
    numbers.into_iter().map(read).collect()
}

fn read_snapshot<D: Disk>(
    disk: &D,
    names: &[String],
    number: u64,
) -> Result<(wire::raft::SnapshotMeta, Vec<u8>), LogError> {
    let name = snapshot_name(number);
    if !names.contains(&name) {
        return Err(LogError::Missing { missing: name });
    }
    let bytes = disk.read(&name).map_err(io_error("read", &name))?;
    format::read_snapshot(number, &bytes).ok_or(LogError::Snapshot { file: name })
}
