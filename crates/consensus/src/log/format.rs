//! The bytes of segments, records and snapshots. Pure: no files here.
//!
//! ```text
//!   segment  = magic (8) ‖ number u64 ‖ crc32c u32 ‖ 0 u32 ‖ records ‖ zeroes
//!   record   = length u32 ‖ crc32c u32 ‖ sequence u64 ‖ durable u64 ‖ items ‖ zeroes to 8
//!   item     = kind u8 ‖ length u32 ‖ body                  all numbers little endian
//! ```
//!
//! The checksum of a record begins with the number of its segment and covers all of the
//! record but itself and the padding. Sequence numbers never repeat in the life of a log.
//! So bytes that are left over from anything else cannot be taken for the record that is
//! expected at a place.

use wire::raft::{self as wire_raft, DecodeError, Entry, HardState, SnapshotMeta};

use super::image::{Change, Marker};

const SEGMENT_MAGIC: [u8; 8] = *b"MNSTLOG1";
const SNAPSHOT_MAGIC: [u8; 8] = *b"MNSTSNP1";

/// Bytes of the head of a segment.
pub(super) const HEAD_BYTES: usize = 24;
/// Bytes in front of the items of a record.
pub(super) const RECORD_HEAD_BYTES: usize = 24;
/// Records begin at multiples of this.
pub(super) const ALIGNMENT: usize = 8;
/// A record with more items than this is never written: an order of raft holds what arrived
/// in one turn of the control loop, messages of at most `FRAME_BYTES_MAX` each.
pub(super) const RECORD_BYTES_MAX: usize = 256 * 1024 * 1024;

const KIND_HARD_STATE: u8 = 1;
const KIND_SNAPSHOT: u8 = 2;
const KIND_TRUNCATE: u8 = 3;
const KIND_ENTRY: u8 = 4;
const KIND_NEXT_INDEX: u8 = 5;

/// The head of the segment with this number.
pub(super) fn segment_head(number: u64) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    head[..8].copy_from_slice(&SEGMENT_MAGIC);
    head[8..16].copy_from_slice(&number.to_le_bytes());
    let crc = crc32c::crc32c(&head[..16]);
    head[16..20].copy_from_slice(&crc.to_le_bytes());
    head
}

/// Whether `bytes` begin with the head of the segment with this number.
pub(super) fn has_head(bytes: &[u8], number: u64) -> bool {
    bytes.starts_with(&segment_head(number))
}

/// Where a record stands in the order of all records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Its number: the first of a log is 1, each later one is one more.
    pub(super) sequence: u64,
    /// All records up to this one were synced when this one was written. A record that is
    /// unreadable although a later one says that it was synced is damage, not a torn write.
    pub(super) durable: u64,
}

/// The bytes of a record, padded.
pub(super) fn record(segment: u64, place: Place, items: &[u8]) -> Vec<u8> {
    let length = u32::try_from(items.len()).expect("RECORD_BYTES_MAX fits");
    let mut bytes = Vec::with_capacity(record_bytes(items.len()));
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&place.sequence.to_le_bytes());
    bytes.extend_from_slice(&place.durable.to_le_bytes());
    bytes.extend_from_slice(items);
    let crc = checksum(segment, &bytes);
    bytes[4..8].copy_from_slice(&crc.to_le_bytes());
    bytes.resize(record_bytes(items.len()), 0);
    bytes
}

/// How many bytes a record with that many bytes of items takes.
pub(super) fn record_bytes(items: usize) -> usize {
    (RECORD_HEAD_BYTES + items).next_multiple_of(ALIGNMENT)
}

/// `bytes` are those of one record without padding; its own checksum counts as zero.
fn checksum(segment: u64, bytes: &[u8]) -> u32 {
    let crc = crc32c::crc32c(&segment.to_le_bytes());
    let crc = crc32c::crc32c_append(crc, &bytes[..4]);
    crc32c::crc32c_append(crc, &bytes[8..])
}

/// An intact record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) place: Place,
    pub(super) items: &'a [u8],
}

/// Reads the record at the start of `bytes`; none when there is no intact one.
pub(super) fn read_record(segment: u64, bytes: &[u8]) -> Option<Record<'_>> {
    let length = number_u32(bytes, 0)? as usize;
    let place = Place {
        sequence: number_u64(bytes, 8)?,
        durable: number_u64(bytes, 16)?,
    };
    // Sequences begin with 1, so zeroes are no record; checked first because most of a
    // segment is zeroes.
    if place.sequence == 0 || RECORD_BYTES_MAX < length {
        return None;
    }
    let whole = bytes.get(..RECORD_HEAD_BYTES + length)?;
    if checksum(segment, whole) != number_u32(bytes, 4)? {
        return None;
    }
    Some(Record {
        place,
        items: &whole[RECORD_HEAD_BYTES..],
    })
}

fn number_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn number_u64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The items of a change.
pub(super) fn items(change: &Change) -> Vec<u8> {
    let mut items = Vec::new();
    if let Some(next) = change.next_index {
        push_item(&mut items, KIND_NEXT_INDEX, &next.to_le_bytes());
    }
    if let Some(state) = &change.hard_state {
        push_item(
            &mut items,
            KIND_HARD_STATE,
            &wire_raft::encode_hard_state(state),
        );
    }
    if let Some(marker) = &change.snapshot {
        let mut body = marker.file.to_le_bytes().to_vec();
        body.extend_from_slice(&wire_raft::encode_snapshot_meta(&marker.meta));
        push_item(&mut items, KIND_SNAPSHOT, &body);
    }
    if let Some(from) = change.truncate_from {
        push_item(&mut items, KIND_TRUNCATE, &from.to_le_bytes());
    }
    for entry in &change.entries {
        push_item(&mut items, KIND_ENTRY, &wire_raft::encode_entry(entry));
    }
    items
}

fn push_item(items: &mut Vec<u8>, kind: u8, body: &[u8]) {
    let length = u32::try_from(body.len()).expect("RECORD_BYTES_MAX fits");
    items.push(kind);
    items.extend_from_slice(&length.to_le_bytes());
    items.extend_from_slice(body);
}

/// Why the items of an intact record cannot be understood: a newer version wrote them.
#[derive(Debug)]
pub(super) struct NotUnderstood(pub(super) Option<DecodeError>);

impl From<DecodeError> for NotUnderstood {
    fn from(source: DecodeError) -> Self {
        Self(Some(source))
    }
}

/// Reads the items of an intact record.
pub(super) fn read_items(mut items: &[u8]) -> Result<Change, NotUnderstood> {
    let mut change = Change::default();
    while let Some((kind, rest)) = items.split_first() {
        let (length, rest) = rest.split_first_chunk().ok_or(NotUnderstood(None))?;
        let length = u32::from_le_bytes(*length) as usize;
        let (body, rest) = rest.split_at_checked(length).ok_or(NotUnderstood(None))?;
        read_item(&mut change, *kind, body)?;
        items = rest;
    }
    Ok(change)
}

fn read_item(change: &mut Change, kind: u8, body: &[u8]) -> Result<(), NotUnderstood> {
    match kind {
        KIND_NEXT_INDEX => change.next_index = Some(whole_u64(body)?),
        KIND_HARD_STATE => change.hard_state = Some(read_hard_state(body)?),
        KIND_SNAPSHOT => {
            let (file, meta) = body.split_first_chunk().ok_or(NotUnderstood(None))?;
            let meta = read_meta(meta)?;
            change.snapshot = Some(Marker {
                file: u64::from_le_bytes(*file),
                meta,
            });
        }
        KIND_TRUNCATE => change.truncate_from = Some(whole_u64(body)?),
        KIND_ENTRY => change.entries.push(read_entry(body)?),
        _ => return Err(NotUnderstood(None)),
    }
    Ok(())
}

fn whole_u64(body: &[u8]) -> Result<u64, NotUnderstood> {
    body.try_into()
        .map(u64::from_le_bytes)
        .map_err(|_| NotUnderstood(None))
}

fn read_hard_state(body: &[u8]) -> Result<HardState, NotUnderstood> {
    Ok(wire_raft::decode_hard_state(body)?)
}

fn read_meta(body: &[u8]) -> Result<SnapshotMeta, NotUnderstood> {
    Ok(wire_raft::decode_snapshot_meta(body)?)
}

fn read_entry(body: &[u8]) -> Result<Entry, NotUnderstood> {
    Ok(wire_raft::decode_entry(body)?)
}

/// The bytes of a snapshot file: magic ‖ number u64 ‖ crc32c u32 ‖ length of the description
/// u32 ‖ description ‖ data. The checksum covers all but itself.
pub(super) fn snapshot(number: u64, meta: &SnapshotMeta, data: &[u8]) -> Vec<u8> {
    let meta = wire_raft::encode_snapshot_meta(meta);
    let length = u32::try_from(meta.len()).expect("a description is short");
    let mut bytes = Vec::with_capacity(HEAD_BYTES + meta.len() + data.len());
    bytes.extend_from_slice(&SNAPSHOT_MAGIC);
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&meta);
    bytes.extend_from_slice(data);
    let crc = snapshot_checksum(&bytes);
    bytes[16..20].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn snapshot_checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&bytes[..16]), &bytes[20..])
}

/// Reads a snapshot file; none when it is not what was written.
pub(super) fn read_snapshot(number: u64, bytes: &[u8]) -> Option<(SnapshotMeta, Vec<u8>)> {
    if !bytes.starts_with(&SNAPSHOT_MAGIC)
        || number_u64(bytes, 8)? != number
        || bytes.len() < HEAD_BYTES
        || snapshot_checksum(bytes) != number_u32(bytes, 16)?
    {
        return None;
    }
    let length = number_u32(bytes, 20)? as usize;
    let (meta, data) = bytes[HEAD_BYTES..].split_at_checked(length)?;
    Some((wire_raft::decode_snapshot_meta(meta).ok()?, data.to_vec()))
}
