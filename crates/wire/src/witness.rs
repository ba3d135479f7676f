//! What nodes and a witness say to each other: datagrams of a fixed layout, coded by hand.
//!
//! ```text
//!   node    ── request ──►  witness      ┌────────────────┬───────────────┬─────┐
//!           ◄── answer ───               │ header (clear) │ body (sealed) │ tag │
//!                                        └────────────────┴───────────────┴─────┘
//! ```
//!
//! All numbers are big-endian. An answer is never longer than the request that it answers,
//! so a witness cannot be used to flood others. This module lays bytes out; whether a packet
//! is genuine and fresh is judged in [`seal`], and what is granted in `quorum::arbiter`. The
//! layout is described for other programs in `docs/formats/witness.md`.

pub mod seal;

use std::collections::BTreeMap;

use model::{BootId, Lineage, NodeId};

use crate::heartbeat::{Incarnation, Origin, RunId, TAG_BYTES};
use crate::peer::ClusterId;

/// The layout that this program writes and the only one it reads.
pub const VERSION: u8 = 1;

/// The first two bytes of every packet.
pub const MAGIC: [u8; 2] = *b"MW";

/// UDP and TCP port of a witness where none is given. Not registered to another service.
pub const PORT_DEFAULT: u16 = 7412;

/// Nodes that one request may name: a cluster has at most this many members.
pub const NODES_MAX: usize = 64;

/// Magic, version, kind, cluster, node, boot, incarnation, run, counter.
pub const REQUEST_HEADER_BYTES: usize = 2 + 1 + 1 + 16 + 8 + 16 + 8 + 8 + 8;
/// Session, want, lineage, term, led term, weight, number of nodes.
pub const REQUEST_BODY_BYTES: usize = 16 + 1 + LINEAGE_BYTES + 8 + 8 + 8 + 1;
/// One named node, and whether it is marked.
pub const REQUEST_NODE_BYTES: usize = 8 + 1;
/// The shortest sealed request.
pub const REQUEST_BYTES_MIN: usize = REQUEST_HEADER_BYTES + REQUEST_BODY_BYTES + TAG_BYTES;
/// The longest sealed request.
pub const REQUEST_BYTES_MAX: usize = REQUEST_BYTES_MIN + NODES_MAX * REQUEST_NODE_BYTES;

/// Magic, version, kind, cluster, node, session, counter.
pub const ANSWER_HEADER_BYTES: usize = 2 + 1 + 1 + 16 + 8 + 16 + 8;
/// Echo, verdict, detail, lineage, term, node, run.
pub const ANSWER_BODY_BYTES: usize = 8 + 1 + 8 + LINEAGE_BYTES + 8 + 8 + 8;
/// A whole sealed answer.
pub const ANSWER_BYTES: usize = ANSWER_HEADER_BYTES + ANSWER_BODY_BYTES + TAG_BYTES;

const LINEAGE_BYTES: usize = 8 + 8 + 8;

const _: () = assert!(
    ANSWER_BYTES <= REQUEST_BYTES_MIN,
    "an answer must not be longer than what it answers"
);
const _: () = assert!(
    REQUEST_BYTES_MAX <= 1400,
    "a request must fit one packet of any network"
);

const KIND_REQUEST: u8 = 1;
const KIND_ANSWER: u8 = 2;

/// Names one conversation: a node that was started, with a witness that was started. Only the
/// witness can make it, so who repeats it has heard the witness since both runs began.
/// All zero: none is known yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Session(pub [u8; 16]);

/// The clear part of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestHeader {
    /// Whose cluster.
    pub cluster: ClusterId,
    /// Who asks.
    pub origin: Origin,
    /// Grows with every request of this origin. It is the nonce: never used twice under one
    /// key. The answer repeats it.
    pub counter: u64,
}

/// The clear part of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AnswerHeader {
    /// Whose cluster.
    pub cluster: ClusterId,
    /// For whom.
    pub node: NodeId,
    /// In which conversation; the node repeats it in its next request.
    pub session: Session,
    /// Grows with every answer of this session. It is the nonce.
    pub counter: u64,
}

/// What a node says. `Default` is the first word of a node that follows nothing yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The conversation, as the last answer named it.
    pub session: Session,
    /// What it wants.
    pub want: Want,
    /// The history that it follows; with `Grant`, the one that it wants to end.
    pub lineage: Lineage,
    /// With `Grant`: the one term in which it will use the grant. Else the term that it knows.
    pub term: u64,
    /// The latest term of this lineage in which a leader is known to have been elected.
    pub led_term: u64,
    /// What runs here; with `Grant`, on the half that asks (`quorum::race::weight`).
    pub weight: u64,
    /// At most [`NODES_MAX`]. Those that it hears, marked where they hear it too; with
    /// `Grant`, the voters, marked where they are of the half that asks.
    pub nodes: BTreeMap<NodeId, Mark>,
}

/// Whether a named node is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It is not.
    No,
    /// It is.
    Yes,
}

/// What a node wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Want {
    /// To be known.
    #[default]
    Ping,
    /// The vote.
    Grant,
    /// To be answered no more: the cluster has taken the witness out.
    Forget,
}

/// What a witness says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answer {
    /// The counter of the request that is answered.
    pub echo: u64,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verdict {
    /// The conversation is not known: ask again in the one that this answer names.
    #[default]
    Unknown,
    /// A ping was heard.
    Heard {
        /// The vote for the newest history, if any was given.
        granted: Option<Granted>,
        /// Which of the nodes that the ping named were heard of late: bit 0 is the first.
        heard: u64,
    },
    /// The asker has the vote, and it is on the witness's disk.
    Granted {
        /// For this history.
        lineage: Lineage,
        /// In this term.
        term: u64,
    },
    /// Somebody else has it.
    Refused {
        /// Who.
        to: NodeId,
        /// The term of that grant.
        term: u64,
    },
    /// The other half is preferred for a moment: ask again then.
    Wait {
        /// Milliseconds.
        millis: u32,
    },
    /// The lineage is older than those that the witness keeps.
    Outdated,
    /// The ask contradicts itself; the number says how (`docs/formats/witness.md`).
    Invalid {
        /// How.
        how: u32,
    },
    /// The cluster is answered no more.
    Forgotten,
}

/// A vote that was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Granted {
    /// For which history.
    pub lineage: Lineage,
    /// In which term.
    pub term: u64,
    /// To whom.
    pub node: NodeId,
    /// In which run of its daemon.
    pub run: u64,
}

/// Why bytes are no such packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Too short, or too long.
    #[error("{expected} bytes are expected, {got} came")]
    Length {
        /// What this kind of packet has.
        expected: usize,
        /// What came.
        got: usize,
    },
    /// Something else entirely.
    #[error("it does not begin like a packet of a witness")]
    Magic,
    /// Another version of the layout.
    #[error("it has version {0} of the layout, {VERSION} is understood")]
    Version(u8),
    /// A byte that stands for nothing.
    #[error("{what} cannot be {code}")]
    Code {
        /// Of what.
        what: &'static str,
        /// The byte.
        code: u8,
    },
    /// The nodes do not stand in order, or one stands twice.
    #[error("the nodes that it names do not stand in order")]
    Order,
}

impl RequestHeader {
    /// Appends the bytes to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_start(out, KIND_REQUEST, self.cluster);
        put(out, &self.origin.node.0.to_be_bytes());
        put(out, &self.origin.boot.0);
        put(out, &self.origin.incarnation.0.to_be_bytes());
        put(out, &self.origin.run.0.to_be_bytes());
        put(out, &self.counter.to_be_bytes());
    }

    /// Reads the clear part of a whole packet.
    ///
    /// # Errors
    /// When it is no request.
    pub fn decode(packet: &[u8]) -> Result<Self, DecodeError> {
        expect_length(
            packet,
            packet.len().clamp(REQUEST_BYTES_MIN, REQUEST_BYTES_MAX),
        )?;
        let mut reader = Reader(packet);
        let cluster = reader.start(KIND_REQUEST)?;
        let origin = Origin {
            node: NodeId(reader.number()?),
            boot: BootId(reader.array()?),
            incarnation: Incarnation(reader.number()?),
            run: RunId(reader.number()?),
        };
        Ok(Self {
            cluster,
            origin,
            counter: reader.number()?,
        })
    }
}

impl AnswerHeader {
    /// Appends the bytes to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_start(out, KIND_ANSWER, self.cluster);
        put(out, &self.node.0.to_be_bytes());
        put(out, &self.session.0);
        put(out, &self.counter.to_be_bytes());
    }

    /// Reads the clear part of a whole packet.
    ///
    /// # Errors
    /// When it is no answer.
    pub fn decode(packet: &[u8]) -> Result<Self, DecodeError> {
        expect_length(packet, ANSWER_BYTES)?;
        let mut reader = Reader(packet);
        let cluster = reader.start(KIND_ANSWER)?;
        Ok(Self {
            cluster,
            node: NodeId(reader.number()?),
            session: Session(reader.array()?),
            counter: reader.number()?,
        })
    }
}

impl Request {
    /// Appends the bytes to `out`. Nodes beyond [`NODES_MAX`] are left out.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put(out, &self.session.0);
        out.push(match self.want {
            Want::Ping => 0,
            Want::Grant => 1,
            Want::Forget => 2,
        });
        put_lineage(out, self.lineage);
        for number in [self.term, self.led_term, self.weight] {
            put(out, &number.to_be_bytes());
        }
        let count = self.nodes.len().min(NODES_MAX);
        out.push(u8::try_from(count).expect("at most NODES_MAX"));
        for (node, mark) in self.nodes.iter().take(NODES_MAX) {
            put(out, &node.0.to_be_bytes());
            out.push(match mark {
                Mark::No => 0,
                Mark::Yes => 1,
            });
        }
    }

    /// Reads the body.
    ///
    /// # Errors
    /// When it makes no sense.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader(body);
        let session = Session(reader.array()?);
        let want = match reader.byte()? {
            0 => Want::Ping,
            1 => Want::Grant,
            2 => Want::Forget,
            code => return Err(DecodeError::Code { what: "want", code }),
        };
        Ok(Self {
            session,
            want,
            lineage: reader.lineage()?,
            term: reader.number()?,
            led_term: reader.number()?,
            weight: reader.number()?,
            nodes: reader.nodes()?,
        })
    }
}

impl Answer {
    /// Appends the bytes to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put(out, &self.echo.to_be_bytes());
        let mut shown = Granted::default();
        let (code, detail) = match self.verdict {
            Verdict::Unknown => (0, 0),
            Verdict::Heard {
                granted: None,
                heard,
            } => (1, heard),
            Verdict::Heard {
                granted: Some(granted),
                heard,
            } => {
                shown = granted;
                (2, heard)
            }
            Verdict::Granted { lineage, term } => {
                (shown.lineage, shown.term) = (lineage, term);
                (3, 0)
            }
            Verdict::Refused { to, term } => {
                (shown.node, shown.term) = (to, term);
                (4, 0)
            }
            Verdict::Wait { millis } => (5, u64::from(millis)),
            Verdict::Outdated => (6, 0),
            Verdict::Invalid { how } => (7, u64::from(how)),
            Verdict::Forgotten => (8, 0),
        };
        out.push(code);
        put(out, &detail.to_be_bytes());
        put_lineage(out, shown.lineage);
        for number in [shown.term, shown.node.0, shown.run] {
            put(out, &number.to_be_bytes());
        }
    }

    /// Reads the body.
    ///
    /// # Errors
    /// When it makes no sense.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        expect_length(body, ANSWER_BODY_BYTES)?;
        let mut reader = Reader(body);
        let echo = reader.number()?;
        let code = reader.byte()?;
        let detail = reader.number()?;
        // Only this program's successors say more than fits: the most is as good.
        let small = u32::try_from(detail).unwrap_or(u32::MAX);
        let shown = Granted {
            lineage: reader.lineage()?,
            term: reader.number()?,
            node: NodeId(reader.number()?),
            run: reader.number()?,
        };
        let (lineage, term, to) = (shown.lineage, shown.term, shown.node);
        let verdict = match code {
            0 => Verdict::Unknown,
            1 => Verdict::Heard {
                granted: None,
                heard: detail,
            },
            2 => Verdict::Heard {
                granted: Some(shown),
                heard: detail,
            },
            3 => Verdict::Granted { lineage, term },
            4 => Verdict::Refused { to, term },
            5 => Verdict::Wait { millis: small },
            6 => Verdict::Outdated,
            7 => Verdict::Invalid { how: small },
            8 => Verdict::Forgotten,
            code => {
                let what = "verdict";
                return Err(DecodeError::Code { what, code });
            }
        };
        Ok(Self { echo, verdict })
    }
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes);
}

fn put_start(out: &mut Vec<u8>, kind: u8, cluster: ClusterId) {
    put(out, &MAGIC);
    put(out, &[VERSION, kind]);
    put(out, &cluster.0);
}

fn put_lineage(out: &mut Vec<u8>, lineage: Lineage) {
    for number in [lineage.generation, lineage.maker.0, lineage.random] {
        put(out, &number.to_be_bytes());
    }
}

fn expect_length(bytes: &[u8], expected: usize) -> Result<(), DecodeError> {
    let got = bytes.len();
    if got == expected {
        Ok(())
    } else {
        Err(DecodeError::Length { expected, got })
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let got = self.0.len();
        let (front, rest) = self
            .0
            .split_first_chunk()
            .ok_or(DecodeError::Length { expected: N, got })?;
        self.0 = rest;
        Ok(*front)
    }

    fn number(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        self.array().map(|[byte]| byte)
    }

    fn lineage(&mut self) -> Result<Lineage, DecodeError> {
        Ok(Lineage {
            generation: self.number()?,
            maker: NodeId(self.number()?),
            random: self.number()?,
        })
    }

    /// The last part of a request: what is left must be exactly these.
    fn nodes(&mut self) -> Result<BTreeMap<NodeId, Mark>, DecodeError> {
        let count = usize::from(self.byte()?);
        if NODES_MAX < count {
            let what = "number of nodes";
            let code = u8::try_from(count).expect("it was a byte");
            return Err(DecodeError::Code { what, code });
        }
        expect_length(self.0, count * REQUEST_NODE_BYTES)?;
        let mut nodes = BTreeMap::new();
        for _ in 0..count {
            let node = NodeId(self.number()?);
            let mark = match self.byte()? {
                0 => Mark::No,
                1 => Mark::Yes,
                code => return Err(DecodeError::Code { what: "mark", code }),
            };
            if nodes
                .last_key_value()
                .is_some_and(|(last, _)| node <= *last)
            {
                return Err(DecodeError::Order);
            }
            nodes.insert(node, mark);
        }
        Ok(nodes)
    }

    fn start(&mut self, kind: u8) -> Result<ClusterId, DecodeError> {
        if self.array()? != MAGIC {
            return Err(DecodeError::Magic);
        }
        match self.byte()? {
            VERSION => {}
            version => return Err(DecodeError::Version(version)),
        }
        match self.byte()? {
            code if code == kind => {}
            code => return Err(DecodeError::Code { what: "kind", code }),
        }
        self.array().map(ClusterId)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lineages() -> impl Strategy<Value = Lineage> {
        any::<(u64, u64, u64)>().prop_map(|(generation, maker, random)| Lineage {
            generation,
            maker: NodeId(maker),
            random,
        })
    }

    pub(crate) fn requests() -> impl Strategy<Value = Request> {
        let numbers = any::<(u64, u64, u64)>();
        let want = prop_oneof![Just(Want::Ping), Just(Want::Grant), Just(Want::Forget)];
        let mark = prop_oneof![Just(Mark::No), Just(Mark::Yes)];
        let nodes = prop::collection::btree_map(any::<u64>().prop_map(NodeId), mark, 0..=NODES_MAX);
        (any::<[u8; 16]>(), want, lineages(), numbers, nodes).prop_map(
            |(session, want, lineage, numbers, nodes)| Request {
                session: Session(session),
                want,
                lineage,
                term: numbers.0,
                led_term: numbers.1,
                weight: numbers.2,
                nodes,
            },
        )
    }

    pub(crate) fn answers() -> impl Strategy<Value = Answer> {
        let granted = (lineages(), any::<(u64, u64, u64)>()).prop_map(|(lineage, n)| Granted {
            lineage,
            term: n.0,
            node: NodeId(n.1),
            run: n.2,
        });
        let verdict = prop_oneof![
            Just(Verdict::Unknown),
            (prop::option::of(granted), any::<u64>())
                .prop_map(|(granted, heard)| Verdict::Heard { granted, heard }),
            (lineages(), any::<u64>())
                .prop_map(|(lineage, term)| Verdict::Granted { lineage, term }),
            any::<(u64, u64)>().prop_map(|(to, term)| Verdict::Refused {
                to: NodeId(to),
                term
            }),
            any::<u32>().prop_map(|millis| Verdict::Wait { millis }),
            Just(Verdict::Outdated),
            Just(Verdict::Forgotten),
            any::<u32>().prop_map(|how| Verdict::Invalid { how }),
        ];
        (any::<u64>(), verdict).prop_map(|(echo, verdict)| Answer { echo, verdict })
    }

    fn origins() -> impl Strategy<Value = Origin> {
        (any::<[u8; 16]>(), any::<(u64, u64, u64)>()).prop_map(|(boot, n)| Origin {
            node: NodeId(n.0),
            boot: BootId(boot),
            incarnation: Incarnation(n.1),
            run: RunId(n.2),
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            request in requests(), answer in answers(), origin in origins(),
            cluster in any::<[u8; 16]>(), counter in any::<u64>(), session in any::<[u8; 16]>(),
        ) {
            let mut bytes = Vec::new();
            request.encode(&mut bytes);
            prop_assert_eq!(Request::decode(&bytes), Ok(request));
            bytes.clear();
            answer.encode(&mut bytes);
            prop_assert_eq!(Answer::decode(&bytes), Ok(answer));

            let cluster = ClusterId(cluster);
            let header = RequestHeader { cluster, origin, counter };
            bytes.clear();
            header.encode(&mut bytes);
            prop_assert_eq!(bytes.len(), REQUEST_HEADER_BYTES);
            bytes.resize(REQUEST_BYTES_MIN, 0);
            prop_assert_eq!(RequestHeader::decode(&bytes), Ok(header));

            let header = AnswerHeader { cluster, node: origin.node, session: Session(session), counter };
            bytes.clear();
            header.encode(&mut bytes);
            prop_assert_eq!(bytes.len(), ANSWER_HEADER_BYTES);
            bytes.resize(ANSWER_BYTES, 0);
            prop_assert_eq!(AnswerHeader::decode(&bytes), Ok(header));
        }

        #[test]
        fn arbitrary_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            // No panic is all that is asked; most are refused for their length alone.
            let _ = (RequestHeader::decode(&bytes), AnswerHeader::decode(&bytes));
            let _ = (Request::decode(&bytes), Answer::decode(&bytes));
        }

        #[test]
        fn arbitrary_bytes_of_the_right_length_are_read_or_refused(
            request in prop::collection::vec(any::<u8>(), REQUEST_BODY_BYTES),
            answer in prop::collection::vec(any::<u8>(), ANSWER_BODY_BYTES),
        ) {
            let is_read = request[16] <= 2 && request[REQUEST_BODY_BYTES - 1] == 0;
            prop_assert_eq!(Request::decode(&request).is_ok(), is_read);
            prop_assert_eq!(Answer::decode(&answer).is_ok(), answer[8] <= 8);
        }
    }

    #[test]
    fn each_kind_of_wrong_packet_is_told_apart() {
        let mut bytes = Vec::new();
        RequestHeader::default().encode(&mut bytes);
        bytes.resize(REQUEST_BYTES_MIN, 0);
        let told = |bytes: &[u8]| RequestHeader::decode(bytes).unwrap_err().to_string();
        assert_eq!(told(&bytes[1..]), "150 bytes are expected, 149 came");
        let with = |at: usize, byte: u8| {
            let mut bytes = bytes.clone();
            bytes[at] = byte;
            told(&bytes)
        };
        assert_eq!(
            with(0, b'X'),
            "it does not begin like a packet of a witness"
        );
        assert_eq!(
            with(2, 9),
            "it has version 9 of the layout, 1 is understood"
        );
        assert_eq!(with(3, 2), "kind cannot be 2");
        let mut twice = Vec::new();
        let request = Request {
            nodes: [(NodeId(1), Mark::Yes), (NodeId(2), Mark::No)].into(),
            ..Request::default()
        };
        request.encode(&mut twice);
        twice[REQUEST_BODY_BYTES + REQUEST_NODE_BYTES + 7] = 1;
        assert_eq!(Request::decode(&twice), Err(DecodeError::Order));
    }
}
