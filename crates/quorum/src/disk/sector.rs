//! The frame of one copy of a slot, and where it stands.

/// Bytes of one copy of a slot. The largest usual unit of a disk: nothing smaller may be
/// written alone, or the disk would rewrite a neighbour's slot beside it.
pub const SECTOR_BYTES: usize = 4096;

/// Copies of each slot, written in turn.
pub const COPIES: usize = 2;

/// Nodes that have slots: the largest cluster.
pub const SLOTS_MAX: u16 = 64;

/// Bytes on the device: header, then beat, ballot and box of each node, two copies each.
pub const TOTAL_BYTES: u64 = (1 + 3 * SLOTS_MAX as u64) * (COPIES * SECTOR_BYTES) as u64;

const MAGIC: [u8; 4] = *b"MSDW";
const VERSION: u8 = 1;
const HEAD_BYTES: usize = 18;
const SUM_BYTES: usize = 4;

/// Bytes that a slot can hold.
pub(super) const BODY_BYTES_MAX: usize = SECTOR_BYTES - HEAD_BYTES - SUM_BYTES;

/// What a slot is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Cluster, witness and which node has which slots.
    Header,
    /// That a node is there.
    Beat,
    /// A node's part in the vote.
    Ballot,
    /// What others have to say to a node.
    Box,
}

impl Content {
    fn number(self) -> u8 {
        match self {
            Self::Header => 0,
            Self::Beat => 1,
            Self::Ballot => 2,
            Self::Box => 3,
        }
    }
}

/// One slot of the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// What for.
    pub content: Content,
    /// Of the node with this place in the header, below [`SLOTS_MAX`]; zero for the header.
    pub place: u16,
}

/// What is in a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Grows with each write.
    pub sequence: u64,
    /// Which copy it was read from; the next write goes to the other one.
    pub copy: usize,
    /// What was written.
    pub body: Vec<u8>,
}

/// Where a copy of a slot stands, in bytes from the start of the device.
#[must_use]
pub fn offset(slot: Slot, copy: usize) -> u64 {
    assert!(slot.place < SLOTS_MAX && copy < COPIES, "{slot:?} {copy}");
    let index = match slot.content {
        Content::Header => 0,
        Content::Beat | Content::Ballot | Content::Box => {
            u64::from(slot.place) * 3 + u64::from(slot.content.number())
        }
    };
    (index * COPIES as u64 + copy as u64) * SECTOR_BYTES as u64
}

/// The bytes of one copy.
#[must_use]
pub fn sector(slot: Slot, sequence: u64, body: &[u8]) -> Vec<u8> {
    assert!(body.len() <= BODY_BYTES_MAX, "{} bytes", body.len());
    let mut bytes = Vec::with_capacity(SECTOR_BYTES);
    bytes.extend(MAGIC);
    bytes.extend([VERSION, slot.content.number()]);
    bytes.extend(slot.place.to_be_bytes());
    bytes.extend(sequence.to_be_bytes());
    let length = u16::try_from(body.len()).expect("a sector is shorter than 64 KiB");
    bytes.extend(length.to_be_bytes());
    bytes.extend(body);
    bytes.resize(SECTOR_BYTES - SUM_BYTES, 0);
    bytes.extend(crc32c::crc32c(&bytes).to_be_bytes());
    bytes
}

/// The newest whole copy; none when nothing whole is there. Never panics, whatever the bytes.
#[must_use]
pub fn newest(slot: Slot, copies: [&[u8]; COPIES]) -> Option<Found> {
    let read = copies.iter().enumerate();
    read.filter_map(|(copy, bytes)| parse(slot, copy, bytes))
        .max_by_key(|found| found.sequence)
}

fn parse(slot: Slot, copy: usize, bytes: &[u8]) -> Option<Found> {
    if bytes.len() != SECTOR_BYTES {
        return None;
    }
    let (content, sum) = bytes.split_at(SECTOR_BYTES - SUM_BYTES);
    if crc32c::crc32c(content).to_be_bytes() != sum {
        return None;
    }
    let expected = sector(slot, 0, &[]);
    if content[..8] != expected[..8] {
        return None;
    }
    let sequence = u64::from_be_bytes(content[8..16].try_into().ok()?);
    let length = usize::from(u16::from_be_bytes(content[16..18].try_into().ok()?));
    let body = content.get(HEAD_BYTES..HEAD_BYTES + length)?.to_vec();
    Some(Found {
        sequence,
        copy,
        body,
    })
}
