//! What a log directory holds after anything: a clean end, a power loss, bit rot. Pure: it
//! is given the bytes.
//!
//! **Torn or damaged?** A place where the expected record cannot be read is either the end
//! of what was written before a power loss, or damage to something that was acknowledged.
//! Writes that were not synced yet may survive in any selection: the second of two records
//! may be whole where the first is torn. So an intact later record alone proves nothing.
//! But each record says up to which record all were synced when it was written. Hence:
//!
//! - some later record is intact and says that the unreadable one was synced: *damage*, an
//!   error; nothing is dropped;
//! - none does: nobody was told that the unreadable record is durable, or it is the very
//!   last one and nothing was written after it. It is *cut*.
//!
//! The second case could hide damage to the very last record. The driver therefore writes
//! empty records soon after the last one when there is nothing else to write.

use super::LogError;
use super::format::{self, HEAD_BYTES, NotUnderstood, Record};
use super::image::{Gap, Image};
use super::store::segment_name;

/// The bytes of one segment file.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
}

/// What is known about a segment besides its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentInfo {
    pub(super) number: u64,
    /// Length of the file.
    pub(super) capacity: u64,
    /// The highest index of an entry in it.
    pub(super) last_index: u64,
}

/// Writes that a power loss left in part, and that recovery took away. Nobody was told that
/// they were durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// In which file.
    pub file: String,
    /// From where on.
    pub offset: u64,
    /// How many bytes were there.
    pub bytes: u64,
}

/// What the segments hold.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) image: Image,
    /// The number of the last record.
    pub(super) sequence: u64,
    /// Where the next record goes, in the last of `segments`.
    pub(super) offset: u64,
    /// Those that count, in order.
    pub(super) segments: Vec<SegmentInfo>,
    pub(super) cut: Option<Cut>,
}

/// Reads segments, which are in order of their numbers. None when nothing was ever durable
/// in them: the log is new.
pub(super) fn recover(segments: Vec<Segment>) -> Result<Option<Found>, LogError> {
    for segment in &segments {
        if !format::has_head(&segment.bytes, segment.number) {
            return Err(LogError::Head {
                file: segment_name(segment.number),
            });
        }
    }
    let (segments, unused) = choose(segments);
    let mut replay = Replay {
        image: None,
        sequence: 0,
        segments: Vec::new(),
    };
    let mut end = HEAD_BYTES;
    for segment in &segments {
        let first = replay.next_in(segment, HEAD_BYTES);
        if first.is_none() && !replay.segments.is_empty() {
            break;
        }
        end = replay.replay(segment)?;
    }
    let at = replay.segments.len().saturating_sub(1);
    let behind: Vec<_> = segments.iter().skip(at).chain(&unused).collect();
    check_nothing_durable_follows(&behind, end, replay.sequence + 1)?;
    let Some(image) = replay.image else {
        // The segments before this one were removed only after it was synced.
        return match segments.first() {
            Some(segment) if segment.number != 1 => Err(LogError::Damaged {
                file: segment_name(segment.number),
                offset: HEAD_BYTES as u64,
                sequence: 0,
            }),
            Some(_) | None => Ok(None),
        };
    };
    if let Some(index) = image.missing() {
        return Err(LogError::Missing {
            missing: format!("entry {index}"),
        });
    }
    let found = Found {
        image,
        sequence: replay.sequence,
        offset: end as u64,
        cut: cut_of(&segments[at], end),
        segments: replay.segments,
    };
    Ok(Some(found))
}

/// Splits off what does not count. Removals may survive a power loss in any selection, so
/// that there can be gaps:
///
/// - before the segments in use: those were removed because a snapshot covers them, and
///   the first one after the gap repeats all that is needed. They are dropped here.
/// - behind them: those were made in advance, or hold nothing that was ever synced, and an
///   earlier recovery removed them. They begin with no intact record. They are returned
///   apart, to be searched for a proof of the contrary.
fn choose(segments: Vec<Segment>) -> (Vec<Segment>, Vec<Segment>) {
    let mut runs: Vec<Vec<Segment>> = Vec::new();
    for segment in segments {
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(|it| it.number + 1 == segment.number) => {
                run.push(segment);
            }
            Some(_) | None => runs.push(vec![segment]),
        }
    }
    let mut unused = Vec::new();
    while 1 < runs.len() && runs.last().is_some_and(|run| !begins(&run[0])) {
        unused.extend(runs.pop().into_iter().flatten());
    }
    (runs.pop().unwrap_or_default(), unused)
}

fn begins(segment: &Segment) -> bool {
    format::read_record(segment.number, &segment.bytes[HEAD_BYTES..]).is_some()
}

struct Replay {
    image: Option<Image>,
    sequence: u64,
    segments: Vec<SegmentInfo>,
}

impl Replay {
    /// The record that must come next, if it stands at `offset`.
    fn next_in<'a>(&self, segment: &'a Segment, offset: usize) -> Option<Record<'a>> {
        let record = format::read_record(segment.number, segment.bytes.get(offset..)?)?;
        let expected = match (&self.image, segment.number) {
            (Some(_), _) => self.sequence + 1,
            (None, 1) => 1,
            // The first segment that is left begins anywhere.
            (None, _) => record.place.sequence,
        };
        (record.place.sequence == expected).then_some(record)
    }

    /// Takes all records of a segment; returns where they end.
    fn replay(&mut self, segment: &Segment) -> Result<usize, LogError> {
        let mut offset = HEAD_BYTES;
        let mut last_index = 0;
        while let Some(record) = self.next_in(segment, offset) {
            let file = || segment_name(segment.number);
            let newer = |NotUnderstood(source)| LogError::Newer {
                file: file(),
                offset: offset as u64,
                source,
            };
            let change = format::read_items(record.items).map_err(newer)?;
            last_index = change
                .entries
                .last()
                .map_or(0, |last| last.index)
                .max(last_index);
            let missing = |gap: Gap| LogError::Missing {
                missing: format!(
                    "entry {} (before entry {}, {})",
                    gap.expected,
                    gap.found,
                    file()
                ),
            };
            match &mut self.image {
                Some(image) => image.apply(change).map_err(missing)?,
                None => self.image = Some(Image::begin(change).map_err(missing)?),
            }
            self.sequence = record.place.sequence;
            offset += format::record_bytes(record.items.len());
        }
        let (number, capacity) = (segment.number, segment.bytes.len() as u64);
        self.segments.push(SegmentInfo {
            number,
            capacity,
            last_index,
        });
        Ok(offset)
    }
}

/// Record `expected` cannot be read at `end` of the first of these segments. Looks for a
/// proof that it was synced once.
fn check_nothing_durable_follows(
    segments: &[&Segment],
    end: usize,
    expected: u64,
) -> Result<(), LogError> {
    let mut from = end;
    for segment in segments {
        for offset in (from..segment.bytes.len()).step_by(format::ALIGNMENT) {
            let record = format::read_record(segment.number, &segment.bytes[offset..]);
            if record.is_some_and(|it| expected <= it.place.durable) {
                return Err(LogError::Damaged {
                    file: segment_name(segments[0].number),
                    offset: end as u64,
                    sequence: expected,
                });
            }
        }
        from = HEAD_BYTES;
    }
    Ok(())
}

fn cut_of(segment: &Segment, end: usize) -> Option<Cut> {
    let rest = segment.bytes.get(end..).unwrap_or_default();
    let last = rest.iter().rposition(|byte| *byte != 0)?;
    let file = segment_name(segment.number);
    Some(Cut {
        file,
        offset: end as u64,
        bytes: last as u64 + 1,
    })
}
