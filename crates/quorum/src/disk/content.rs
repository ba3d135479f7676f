//! What the slots of a disk witness hold.

use std::collections::BTreeMap;

use model::{BootId, Lineage, NodeId, WitnessId};

use super::sector::SLOTS_MAX;
use crate::arbiter::Grant;

/// Which node has which slots: place by node, each below [`SLOTS_MAX`].
pub type Slots = BTreeMap<NodeId, u16>;

/// Whose device this is. Written when the witness is added, and by the leader when a node
/// gets slots. A place is never given to another node while this witness has its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The cluster's id.
    pub cluster: [u8; 16],
    /// The witness: a disk that was prepared anew has another number.
    pub witness: WitnessId,
    /// Who has slots.
    pub slots: Slots,
}

/// That a node is there, as it says itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    /// The node.
    pub node: NodeId,
    /// Its boot.
    pub boot: BootId,
    /// The run of its daemon.
    pub run: u64,
    /// Grows with each beat of the run.
    pub counter: u64,
    /// Milliseconds that its lease still ran when it wrote this; zero without one. By its own
    /// clock, so nobody may decide by it; it is for people.
    pub lease_left: u64,
    /// The boot of the newest pill that it has read and obeys.
    pub obeys: Option<BootId>,
}

/// A node's part in the vote: a block of Disk Paxos, of one instance of it.
///
/// Instances are ordered by lineage and number. In each one grant is chosen; the next one
/// begins only when the asker may take the vote over from that grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ballot {
    /// The history that is voted on.
    pub lineage: Lineage,
    /// The number of the instance.
    pub instance: u64,
    /// What the instance before has chosen; none in instance zero.
    pub before: Option<Grant>,
    /// The ballot that its writer has begun (`mbal`). Its remainder by [`SLOTS_MAX`] is the
    /// writer's place, so no two writers have the same.
    pub begun: u64,
    /// The ballot in which its writer accepted a grant (`bal`), and the grant (`inp`).
    pub accepted: Option<(u64, Grant)>,
}

/// What is in a box: the order to end a boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pill {
    /// The boot that must end. Any other may ignore it.
    pub target: BootId,
    /// Who wrote it.
    pub by: NodeId,
    /// Why.
    pub why: PillReason,
}

/// Why a pill was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PillReason {
    /// The log, or a half, fences the target.
    Fence,
    /// A person asked for it.
    Person,
}

impl Header {
    /// The bytes of the body of its slot.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.bytes(&self.cluster);
        to.number(self.witness.0);
        to.number(self.slots.len() as u64);
        for (node, place) in &self.slots {
            to.number(node.0);
            to.number(u64::from(*place));
        }
        to.0
    }

    /// Reads the body of its slot; none when it is not one.
    #[must_use]
    pub fn decode(body: &[u8]) -> Option<Self> {
        let mut from = Reader(body);
        let (cluster, witness) = (from.bytes()?, WitnessId(from.number()?));
        let count = from.number()?;
        if u64::from(SLOTS_MAX) < count {
            return None;
        }
        let mut slots = Slots::new();
        for _ in 0..count {
            let (node, place) = (NodeId(from.number()?), from.place()?);
            if slots.values().any(|known| *known == place) || slots.insert(node, place).is_some() {
                return None;
            }
        }
        from.end(Self {
            cluster,
            witness,
            slots,
        })
    }
}

impl Beat {
    /// The bytes of the body of its slot.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.number(self.node.0);
        to.bytes(&self.boot.0);
        to.number(self.run);
        to.number(self.counter);
        to.number(self.lease_left);
        to.option(self.obeys, |to, boot| to.bytes(&boot.0));
        to.0
    }

    /// Reads the body of its slot; none when it is not one.
    #[must_use]
    pub fn decode(body: &[u8]) -> Option<Self> {
        let mut from = Reader(body);
        let beat = Self {
            node: NodeId(from.number()?),
            boot: BootId(from.bytes()?),
            run: from.number()?,
            counter: from.number()?,
            lease_left: from.number()?,
            obeys: from.option(|from| from.bytes().map(BootId))?,
        };
        from.end(beat)
    }
}

impl Ballot {
    /// The bytes of the body of its slot.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.number(self.lineage.generation);
        to.number(self.lineage.maker.0);
        to.number(self.lineage.random);
        to.number(self.instance);
        to.option(self.before, Writer::grant);
        to.number(self.begun);
        to.option(self.accepted, |to, (ballot, grant)| {
            to.number(ballot);
            to.grant(grant);
        });
        to.0
    }

    /// Reads the body of its slot; none when it is not one.
    #[must_use]
    pub fn decode(body: &[u8]) -> Option<Self> {
        let mut from = Reader(body);
        let ballot = Self {
            lineage: Lineage {
                generation: from.number()?,
                maker: NodeId(from.number()?),
                random: from.number()?,
            },
            instance: from.number()?,
            before: from.option(Reader::grant)?,
            begun: from.number()?,
            accepted: from.option(|from| Some((from.number()?, from.grant()?)))?,
        };
        from.end(ballot)
    }
}

impl Pill {
    /// The bytes of the body of its slot.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.bytes(&self.target.0);
        to.number(self.by.0);
        to.number(match self.why {
            PillReason::Fence => 0,
            PillReason::Person => 1,
        });
        to.0
    }

    /// Reads the body of its slot; none when it is not one.
    #[must_use]
    pub fn decode(body: &[u8]) -> Option<Self> {
        let mut from = Reader(body);
        let pill = Self {
            target: BootId(from.bytes()?),
            by: NodeId(from.number()?),
            why: match from.number()? {
                0 => PillReason::Fence,
                1 => PillReason::Person,
                _ => return None,
            },
        };
        from.end(pill)
    }
}

#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, number: u64) {
        self.0.extend(number.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8; 16]) {
        self.0.extend(bytes);
    }

    fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.0.push(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn grant(&mut self, grant: Grant) {
        self.number(grant.keeper.0);
        self.number(grant.candidate.0);
        self.number(grant.run);
        self.number(grant.term);
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    fn place(&mut self) -> Option<u16> {
        let place = u16::try_from(self.number()?).ok()?;
        (place < SLOTS_MAX).then_some(place)
    }

    fn bytes(&mut self) -> Option<[u8; 16]> {
        self.take()
    }

    fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.take::<1>()? {
            [0] => Some(None),
            [1] => read(self).map(Some),
            _ => None,
        }
    }

    fn grant(&mut self) -> Option<Grant> {
        Some(Grant {
            keeper: NodeId(self.number()?),
            candidate: NodeId(self.number()?),
            run: self.number()?,
            term: self.number()?,
        })
    }

    /// Nothing may follow.
    fn end<T>(self, value: T) -> Option<T> {
        self.0.is_empty().then_some(value)
    }
}
