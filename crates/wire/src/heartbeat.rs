//! The heartbeat packet: a fixed layout, coded by hand, with a version byte.
//!
//! ```text
//!   clear, authenticated           sealed
//! ┌──────────────────────────────┬──────────────────────────────┬─────────────┬─────┐
//! │ header (HEADER_BYTES)        │ body (BODY_BYTES)            │ hearing × n │ tag │
//! │ who, to whom, which packet   │ time, lease, stall, phase, n │ who I hear  │     │
//! └──────────────────────────────┴──────────────────────────────┴─────────────┴─────┘
//! ```
//!
//! All numbers are big-endian. This module only lays bytes out; it never judges whether a
//! packet is fresh (`membership::session` does) nor whether it is genuine (`crate::seal`
//! does). The layout is described for other programs in `docs/formats/heartbeat.md`.

use std::time::Duration;

use model::{BootId, Epoch, Instant, NodeId};

/// The layout that this program writes and the only one it reads.
pub const VERSION: u8 = 2;

/// The first two bytes of every packet: what else arrives at the port is no heartbeat.
pub const MAGIC: [u8; 2] = *b"MH";

/// Networks have one bit each in the hearing table, which is one byte wide. More than
/// eight networks between two machines would not make their failures more independent.
pub const NETWORKS_MAX: u8 = 8;

/// A cluster has at most this many members.
pub const MEMBERS_MAX: usize = 64;

/// Lines in one packet: as many as fit. A cluster of 29 members or fewer tells of all in
/// each packet; a larger one tells news first, and of the others in turns.
pub const HEARING_MAX: usize = 28;

/// Over how many links a sign of life is passed on, and a message too: with 16 members or
/// fewer the longest path that there can be; among 64, five times the usual one.
pub const HOPS_MAX: u8 = 16;

/// The clear part: magic, version, link, cluster, sender, receiver, boot, incarnation,
/// run, counter.
pub const HEADER_BYTES: usize = 2 + 1 + 1 + 8 + 8 + 8 + 16 + 8 + 8 + 8;

/// The fixed part of what is sealed.
pub const BODY_BYTES: usize = 8 + 8 + 8 + 8 + 8 + 4 + 4 + 4 + 2 + 1 + 1;

/// One line of the hearing table.
pub const HEARING_BYTES: usize = 8 + 16 + 8 + 8 + 2 + 1 + 1 + 1;

/// The authentication tag at the end of a sealed packet.
pub const TAG_BYTES: usize = 16;

/// The longest sealed packet. It must pass through every network unfragmented: 1,400
/// bytes leave room for IPv6, UDP and a tunnel within the usual 1,500.
pub const PACKET_MAX: usize = HEADER_BYTES + BODY_BYTES + HEARING_MAX * HEARING_BYTES + TAG_BYTES;
const _: () = assert!(
    PACKET_MAX <= 1400,
    "a heartbeat must fit one packet of any network"
);

/// Numbers a network within the cluster, from zero in the order of the configuration; also
/// the link over that network between two given nodes. Below [`NETWORKS_MAX`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u8);

/// Numbers the starts of one node's daemon over all its boots: the daemon keeps it on disk
/// and adds one at each start, before the first packet. Boot ids have no order; this has,
/// so of two packets of one node one can tell which start is the later.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u64);

/// Drawn at random at each start of a daemon. It makes keys differ even if a node was
/// cloned or its disk restored, so that an incarnation came twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

/// Tells packets of different clusters apart before any key is tried. Made by
/// [`crate::seal::cluster_tag`]; reveals nothing of the key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterTag(pub u64);

/// One run of one node's daemon.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Origin {
    /// The node.
    pub node: NodeId,
    /// Its boot.
    pub boot: BootId,
    /// Which start of its daemon.
    pub incarnation: Incarnation,
    /// The random name of that start.
    pub run: RunId,
}

/// The clear part of a packet. Anyone may read it, nobody without the key may alter it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Header {
    /// Whose cluster.
    pub cluster: ClusterTag,
    /// Who sends.
    pub origin: Origin,
    /// For whom. A packet is sealed for one receiver.
    pub receiver: NodeId,
    /// Over which network it was sent.
    pub link: LinkId,
    /// Grows with every packet of this origin to this receiver, over all links together.
    /// It is the nonce: never used twice under one key.
    pub counter: u64,
}

/// What the sender last received from the receiver on this link, for the round-trip time,
/// and as proof that the sender answers to this very run of the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echo {
    /// The receiver's incarnation as the sender heard it.
    pub incarnation: Incarnation,
    /// The `sent_at` of the packet, by the receiver's own clock.
    pub sent_at: Instant,
    /// How long the sender kept it before it sent this. Whole microseconds, saturating.
    pub held: Duration,
}

/// The last time that the sender was not scheduled in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stall {
    /// Grows by one with each stall (and wraps): a new one is told from the same one again.
    pub count: u16,
    /// How long it took, milliseconds, saturating.
    pub millis: u32,
}

/// Where the sender's daemon is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Phase {
    /// It just started and has not adopted its services yet.
    Starting,
    /// It works.
    #[default]
    Running,
    /// It is about to stop cleanly: its silence will mean no harm.
    Leaving,
}

/// What the sender thinks of another node, from its own observation and its relays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to object.
    #[default]
    Fine,
    /// Silent for long enough to be suspected. Counts as an accusation.
    Suspected,
    /// Declared lost. Counts as an accusation.
    Lost,
    /// Its kernel refuses packets: the daemon is closed, the machine is alive.
    DaemonDown,
    /// It said that it leaves.
    Left,
}

impl Verdict {
    /// Whether this verdict counts towards the agreement that the node is lost.
    #[must_use]
    pub fn accuses(self) -> bool {
        match self {
            Self::Suspected | Self::Lost => true,
            Self::Fine | Self::DaemonDown | Self::Left => false,
        }
    }
}

/// Age of a sign of life that never came, or came too long ago to say.
pub const AGE_UNKNOWN: u16 = u16::MAX;

/// One line of the hearing table: what the sender knows of the life of one node.
///
/// Life is told by the *beat*: the time, by the node's own clock, at which it sent the newest
/// packet that came over links that work both ways, directly or by others. A beat that is
/// known already is no news, so a dead node cannot be kept alive by two that tell each
/// other of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hearing {
    /// The node.
    pub node: NodeId,
    /// Its boot. All zero, with a zero incarnation, when it was never heard.
    pub boot: BootId,
    /// Its run.
    pub incarnation: Incarnation,
    /// The newest beat of that run.
    pub beat: Instant,
    /// Milliseconds since the sender learnt of the last sign of life, rounded down;
    /// [`AGE_UNKNOWN`] for never or more than a minute.
    pub age_millis: u16,
    /// Over how many links it came to the sender, at most [`HOPS_MAX`]; 0 for no sign of
    /// life that came both ways.
    pub hops: u8,
    /// Bit n: heard lately on network n, be it answered or not.
    pub networks: u8,
    /// What the sender thinks of it.
    pub verdict: Verdict,
}

impl Hearing {
    /// The age as a span; `None` when it was never heard, or so long ago that it does not
    /// matter.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        (self.age_millis != AGE_UNKNOWN).then(|| Duration::from_millis(self.age_millis.into()))
    }
}

/// A short name of a boot: its first two bytes, enough to notice that two nodes do not
/// speak of the same boot.
#[must_use]
pub fn boot_tag(boot: BootId) -> u16 {
    u16::from_be_bytes([boot.0[0], boot.0[1]])
}

/// One heartbeat, header and sealed part together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heartbeat {
    /// The clear part.
    pub header: Header,
    /// The view that the sender is in.
    pub epoch: Epoch,
    /// The last log index that the sender applied.
    pub applied: u64,
    /// The sender's clock as it sent.
    pub sent_at: Instant,
    /// What it last had from the receiver on this link.
    pub echo: Option<Echo>,
    /// Its last scheduling stall.
    pub stall: Stall,
    /// How long its lease still runs. Whole milliseconds, saturating.
    pub lease: Duration,
    /// Where its daemon is in its life.
    pub phase: Phase,
    /// Whom it hears; [`HEARING_MAX`] lines at most.
    pub hearing: Vec<Hearing>,
}

/// Why bytes are no heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Fewer bytes than the layout needs, or more.
    #[error("a heartbeat of {needed} bytes was expected here, and there are {got}")]
    Length {
        /// What the layout needs.
        needed: usize,
        /// What there was.
        got: usize,
    },
    /// Something else was sent to this port.
    #[error("the packet does not begin like a heartbeat")]
    Magic,
    /// A program of another version wrote it.
    #[error("heartbeat layout {0} is unknown here; this program reads layout {VERSION}")]
    Version(u8),
    /// A field holds a value that it cannot have.
    #[error("field `{field}` of a heartbeat cannot be {value}")]
    Field {
        /// Its name in the format description.
        field: &'static str,
        /// The value.
        value: u64,
    },
}

impl Header {
    /// Appends the clear part.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[VERSION, self.link.0]);
        out.extend_from_slice(&self.cluster.0.to_be_bytes());
        out.extend_from_slice(&self.origin.node.0.to_be_bytes());
        out.extend_from_slice(&self.receiver.0.to_be_bytes());
        out.extend_from_slice(&self.origin.boot.0);
        out.extend_from_slice(&self.origin.incarnation.0.to_be_bytes());
        out.extend_from_slice(&self.origin.run.0.to_be_bytes());
        out.extend_from_slice(&self.counter.to_be_bytes());
    }

    /// Reads the clear part from the front of a packet and gives the rest.
    ///
    /// # Errors
    /// When it is too short, of another version, or no heartbeat.
    pub fn decode(packet: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let mut reader = Reader { rest: packet };
        if reader.array()? != MAGIC {
            return Err(DecodeError::Magic);
        }
        let [version, link] = reader.array()?;
        if version != VERSION {
            return Err(DecodeError::Version(version));
        }
        if NETWORKS_MAX <= link {
            return Err(DecodeError::Field {
                field: "link",
                value: link.into(),
            });
        }
        let cluster = ClusterTag(reader.u64()?);
        let node = NodeId(reader.u64()?);
        let receiver = NodeId(reader.u64()?);
        let boot = BootId(reader.array()?);
        let incarnation = Incarnation(reader.u64()?);
        let run = RunId(reader.u64()?);
        let counter = reader.u64()?;
        let origin = Origin {
            node,
            boot,
            incarnation,
            run,
        };
        Ok((
            Self {
                cluster,
                origin,
                receiver,
                link: LinkId(link),
                counter,
            },
            reader.rest,
        ))
    }
}

impl Heartbeat {
    /// Appends the part that is to be sealed.
    ///
    /// # Panics
    /// When the hearing table has more than [`HEARING_MAX`] lines.
    pub fn encode_body(&self, out: &mut Vec<u8>) {
        assert!(
            self.hearing.len() <= HEARING_MAX,
            "{} lines",
            self.hearing.len()
        );
        // An incarnation is never zero, so zero stands for "nothing heard yet".
        let none = Echo {
            incarnation: Incarnation(0),
            sent_at: Instant(0),
            held: Duration::ZERO,
        };
        let echo = self.echo.unwrap_or(none);
        out.extend_from_slice(&self.epoch.0.to_be_bytes());
        out.extend_from_slice(&self.applied.to_be_bytes());
        out.extend_from_slice(&self.sent_at.0.to_be_bytes());
        out.extend_from_slice(&echo.incarnation.0.to_be_bytes());
        out.extend_from_slice(&echo.sent_at.0.to_be_bytes());
        out.extend_from_slice(&saturating_u32(echo.held.as_micros()).to_be_bytes());
        out.extend_from_slice(&saturating_u32(self.lease.as_millis()).to_be_bytes());
        out.extend_from_slice(&self.stall.millis.to_be_bytes());
        out.extend_from_slice(&self.stall.count.to_be_bytes());
        out.push(phase_code(self.phase));
        out.push(self.hearing.len() as u8);
        for line in &self.hearing {
            out.extend_from_slice(&line.node.0.to_be_bytes());
            out.extend_from_slice(&line.boot.0);
            out.extend_from_slice(&line.incarnation.0.to_be_bytes());
            out.extend_from_slice(&line.beat.0.to_be_bytes());
            out.extend_from_slice(&line.age_millis.to_be_bytes());
            out.push(line.hops);
            out.push(line.networks);
            out.push(verdict_code(line.verdict));
        }
    }

    /// Reads the sealed part, opened before. All bytes must be used up.
    ///
    /// # Errors
    /// When the length or a field does not fit the layout.
    pub fn decode_body(header: Header, body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader { rest: body };
        let epoch = Epoch(reader.u64()?);
        let applied = reader.u64()?;
        let sent_at = Instant(reader.u64()?);
        let echo = Echo {
            incarnation: Incarnation(reader.u64()?),
            sent_at: Instant(reader.u64()?),
            held: Duration::from_micros(reader.u32()?.into()),
        };
        let lease = Duration::from_millis(reader.u32()?.into());
        let millis = reader.u32()?;
        let stall = Stall {
            millis,
            count: u16::from_be_bytes(reader.array()?),
        };
        let [phase, lines] = reader.array()?;
        let phase = phase_of(phase)?;
        let lines = usize::from(lines);
        if HEARING_MAX < lines {
            return Err(DecodeError::Field {
                field: "lines",
                value: lines as u64,
            });
        }
        if reader.rest.len() != lines * HEARING_BYTES {
            let needed = BODY_BYTES + lines * HEARING_BYTES;
            return Err(DecodeError::Length {
                needed,
                got: body.len(),
            });
        }
        let hearing = (0..lines)
            .map(|_| reader.hearing())
            .collect::<Result<_, _>>()?;
        let echo = (echo.incarnation != Incarnation(0)).then_some(echo);
        Ok(Self {
            header,
            epoch,
            applied,
            sent_at,
            echo,
            stall,
            lease,
            phase,
            hearing,
        })
    }
}

fn saturating_u32(number: u128) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn phase_code(phase: Phase) -> u8 {
    match phase {
        Phase::Starting => 0,
        Phase::Running => 1,
        Phase::Leaving => 2,
    }
}

fn phase_of(code: u8) -> Result<Phase, DecodeError> {
    [Phase::Starting, Phase::Running, Phase::Leaving]
        .into_iter()
        .find(|phase| phase_code(*phase) == code)
        .ok_or(DecodeError::Field {
            field: "phase",
            value: code.into(),
        })
}

fn verdict_code(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Fine => 0,
        Verdict::Suspected => 1,
        Verdict::Lost => 2,
        Verdict::DaemonDown => 3,
        Verdict::Left => 4,
    }
}

fn verdict_of(code: u8) -> Result<Verdict, DecodeError> {
    [
        Verdict::Fine,
        Verdict::Suspected,
        Verdict::Lost,
        Verdict::DaemonDown,
        Verdict::Left,
    ]
    .into_iter()
    .find(|verdict| verdict_code(*verdict) == code)
    .ok_or(DecodeError::Field {
        field: "verdict",
        value: code.into(),
    })
}

/// Takes fields off the front of some bytes.
struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let too_short = DecodeError::Length {
            needed: N,
            got: self.rest.len(),
        };
        let (front, rest) = self.rest.split_first_chunk::<N>().ok_or(too_short)?;
        self.rest = rest;
        Ok(*front)
    }

    fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    fn hearing(&mut self) -> Result<Hearing, DecodeError> {
        let node = NodeId(self.u64()?);
        let boot = BootId(self.array()?);
        let incarnation = Incarnation(self.u64()?);
        let beat = Instant(self.u64()?);
        let age_millis = u16::from_be_bytes(self.array()?);
        let [hops, networks, verdict] = self.array()?;
        if HOPS_MAX < hops {
            return Err(DecodeError::Field {
                field: "hops",
                value: hops.into(),
            });
        }
        let verdict = verdict_of(verdict)?;
        Ok(Hearing {
            node,
            boot,
            incarnation,
            beat,
            age_millis,
            hops,
            networks,
            verdict,
        })
    }
}

#[cfg(test)]
#[path = "heartbeat/tests.rs"]
pub(crate) mod tests;
