//! What nodes say to each other over their TLS connections: an envelope around messages of
//! the log, forwarded proposals and the greetings of a connection, and the frames that
//! carry envelopes in a stream of bytes.
//!
//! ```text
//!   frame = length (u32, big endian, at most FRAME_BYTES_MAX) ‖ envelope
//! ```
//!
//! An envelope is a Protocol Buffers message whose tags are written by hand (see
//! `docs/formats/peer.md`). It never looks into the messages of the log; those bytes are the
//! business of [`crate::raft`]. There is no I/O here.

use std::fmt;

use model::{BootId, NodeId};
use prost::Message as _;
use serde::{Deserialize, Serialize};

/// The longest frame that is sent or accepted, in bytes without its length. A piece of a
/// snapshot has 256 KiB and an append at most 256 entries of about a kilobyte; this leaves
/// room for a few large configuration files, and a peer that announces more cannot make us
/// reserve it.
pub const FRAME_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Bytes in front of each envelope: its length.
pub const FRAME_PREFIX_BYTES: usize = 4;

/// The features that this version speaks; a node says it in its [`Hello`]. What a peer of a
/// lower level does not know must not be sent to it.
pub const FEATURE_LEVEL: u32 = model::level::LEVEL;

/// From this level on, a node takes a [`PeerMessage::Question`].
pub const LEVEL_OF_QUESTIONS: u32 = 2;

/// Names one cluster for its whole life: drawn at random by `mainstay init`. Two clusters
/// that happen to have the same name are still told apart.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClusterId(pub [u8; 16]);

impl ClusterId {
    /// Reads 32 hexadecimal digits. `None` for all else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut id = [0; 16];
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        for (byte, at) in id.iter_mut().zip((0..32).step_by(2)) {
            *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
        }
        Some(Self(id))
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClusterId({self})")
    }
}

impl From<ClusterId> for String {
    fn from(id: ClusterId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for ClusterId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is not a cluster id"))
    }
}

/// The first message in each direction of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Who speaks. Must be the node whose key opened the connection.
    pub node: NodeId,
    /// Its cluster.
    pub cluster: ClusterId,
    /// Its boot.
    pub boot: BootId,
    /// Counts the starts of its daemon.
    pub incarnation: u64,
    /// See [`FEATURE_LEVEL`].
    pub feature_level: u32,
    /// Its version, for people.
    pub version: String,
}

/// One message between two nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerMessage {
    /// Opens a connection.
    Hello(Hello),
    /// A message of the log: the bytes of a [`crate::raft::Message`].
    Raft(Vec<u8>),
    /// To the leader: please propose this.
    Proposal {
        /// Chosen by the sender; repeated in the reply.
        request: u64,
        /// A stamped command as JSON.
        command: Vec<u8>,
    },
    /// The answer to a [`PeerMessage::Proposal`].
    ProposalReply {
        /// From the proposal.
        request: u64,
        /// JSON: the index of the entry, or why there is none.
        result: Vec<u8>,
    },
    /// A message between two members that do not reach each other directly.
    Relayed {
        /// Whose it is.
        from: NodeId,
        /// For whom it is.
        to: NodeId,
        /// Over how many links it has gone, the one to the receiver of this included.
        hops: u8,
        /// The bytes of an envelope.
        message: Vec<u8>,
    },
    /// "Are you there?" Answered at once with a [`PeerMessage::Pong`].
    Ping {
        /// Repeated in the answer.
        nonce: u64,
    },
    /// The answer to a [`PeerMessage::Ping`].
    Pong {
        /// From the ping.
        nonce: u64,
    },
    /// What the node itself has or has written down: asked by its peers on behalf of a
    /// person, answered from outside of the log.
    Question {
        /// Chosen by the sender; repeated in the answer.
        request: u64,
        /// What is asked, as JSON.
        question: Vec<u8>,
    },
    /// The answer to a [`PeerMessage::Question`].
    Answer {
        /// From the question.
        request: u64,
        /// JSON.
        answer: Vec<u8>,
    },
}

/// Why bytes are no message of a peer.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not the encoding at all.
    #[error("these bytes are no envelope")]
    Malformed(#[source] prost::DecodeError),
    /// Nothing in it that this version knows.
    #[error("the envelope holds nothing that this version knows")]
    Unknown,
    /// An identity of a wrong length.
    #[error("the {what} has {length} bytes, not 16")]
    Length {
        /// Which.
        what: &'static str,
        /// How many.
        length: usize,
    },
    /// A frame that is too long.
    #[error("a frame of {0} bytes is announced; at most {FRAME_BYTES_MAX} are taken")]
    FrameTooLong(usize),
}

/// The bytes of a message, without a frame.
#[must_use]
pub fn encode(message: PeerMessage) -> Vec<u8> {
    Envelope {
        body: Some(message.into()),
    }
    .encode_to_vec()
}

/// Reads a message.
///
/// # Errors
/// When the bytes are no envelope, or one without anything this version knows.
pub fn decode(bytes: &[u8]) -> Result<PeerMessage, DecodeError> {
    let envelope = Envelope::decode(bytes).map_err(DecodeError::Malformed)?;
    envelope.body.ok_or(DecodeError::Unknown)?.try_into()
}

/// Puts a frame around an envelope (or other bytes that travel in frames).
///
/// # Errors
/// When it would be too long for the other side to take.
pub fn frame(payload: &[u8]) -> Result<Vec<u8>, DecodeError> {
    if FRAME_BYTES_MAX < payload.len() {
        return Err(DecodeError::FrameTooLong(payload.len()));
    }
    let length = u32::try_from(payload.len()).expect("FRAME_BYTES_MAX fits");
    let mut frame = Vec::with_capacity(FRAME_PREFIX_BYTES + payload.len());
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(payload);
    Ok(frame)
}

/// Reads the length of a frame; `limit` is the most that the reader wants to take.
///
/// # Errors
/// When the frame is longer.
pub fn frame_length(prefix: [u8; FRAME_PREFIX_BYTES], limit: usize) -> Result<usize, DecodeError> {
    let length = u32::from_be_bytes(prefix) as usize;
    if limit.min(FRAME_BYTES_MAX) < length {
        return Err(DecodeError::FrameTooLong(length));
    }
    Ok(length)
}

// ---- the mirror types: tags as they stand in the stream; none is ever used again ----

#[derive(Clone, PartialEq, prost::Message)]
struct Envelope {
    #[prost(oneof = "BodyBytes", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9")]
    body: Option<BodyBytes>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum BodyBytes {
    #[prost(message, tag = "1")]
    Hello(HelloBytes),
    #[prost(bytes = "vec", tag = "2")]
    Raft(Vec<u8>),
    #[prost(message, tag = "3")]
    Proposal(RequestBytes),
    #[prost(message, tag = "4")]
    ProposalReply(RequestBytes),
    #[prost(fixed64, tag = "5")]
    Ping(u64),
    #[prost(fixed64, tag = "6")]
    Pong(u64),
    #[prost(message, tag = "7")]
    Relayed(RelayedBytes),
    #[prost(message, tag = "8")]
    Question(RequestBytes),
    #[prost(message, tag = "9")]
    Answer(RequestBytes),
}

#[derive(Clone, PartialEq, prost::Message)]
struct HelloBytes {
    #[prost(uint64, tag = "1")]
    node: u64,
    #[prost(bytes = "vec", tag = "2")]
    cluster: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    boot: Vec<u8>,
    #[prost(uint64, tag = "4")]
    incarnation: u64,
    #[prost(uint32, tag = "5")]
    feature_level: u32,
    #[prost(string, tag = "6")]
    version: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RequestBytes {
    #[prost(fixed64, tag = "1")]
    request: u64,
    #[prost(bytes = "vec", tag = "2")]
    json: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RelayedBytes {
    #[prost(uint64, tag = "1")]
    from: u64,
    #[prost(uint64, tag = "2")]
    to: u64,
    #[prost(uint32, tag = "3")]
    hops: u32,
    #[prost(bytes = "vec", tag = "4")]
    message: Vec<u8>,
}

impl From<PeerMessage> for BodyBytes {
    fn from(message: PeerMessage) -> Self {
        match message {
            PeerMessage::Hello(hello) => Self::Hello(HelloBytes {
                node: hello.node.0,
                cluster: hello.cluster.0.to_vec(),
                boot: hello.boot.0.to_vec(),
                incarnation: hello.incarnation,
                feature_level: hello.feature_level,
                version: hello.version,
            }),
            PeerMessage::Raft(bytes) => Self::Raft(bytes),
            PeerMessage::Proposal { request, command } => Self::Proposal(RequestBytes {
                request,
                json: command,
            }),
            PeerMessage::ProposalReply { request, result } => Self::ProposalReply(RequestBytes {
                request,
                json: result,
            }),
            PeerMessage::Relayed {
                from,
                to,
                hops,
                message,
            } => Self::Relayed(RelayedBytes {
                from: from.0,
                to: to.0,
                hops: hops.into(),
                message,
            }),
            PeerMessage::Ping { nonce } => Self::Ping(nonce),
            PeerMessage::Pong { nonce } => Self::Pong(nonce),
            PeerMessage::Question { request, question } => Self::Question(RequestBytes {
                request,
                json: question,
            }),
            PeerMessage::Answer { request, answer } => Self::Answer(RequestBytes {
                request,
                json: answer,
            }),
        }
    }
}

impl TryFrom<BodyBytes> for PeerMessage {
    type Error = DecodeError;

    fn try_from(body: BodyBytes) -> Result<Self, DecodeError> {
        Ok(match body {
            BodyBytes::Hello(hello) => Self::Hello(Hello {
                node: NodeId(hello.node),
                cluster: ClusterId(sixteen("cluster id", &hello.cluster)?),
                boot: BootId(sixteen("boot id", &hello.boot)?),
                incarnation: hello.incarnation,
                feature_level: hello.feature_level,
                version: hello.version,
            }),
            BodyBytes::Raft(bytes) => Self::Raft(bytes),
            BodyBytes::Proposal(RequestBytes { request, json }) => Self::Proposal {
                request,
                command: json,
            },
            BodyBytes::ProposalReply(RequestBytes { request, json }) => Self::ProposalReply {
                request,
                result: json,
            },
            BodyBytes::Relayed(relayed) => Self::Relayed {
                from: NodeId(relayed.from),
                to: NodeId(relayed.to),
                // Far more than anybody passes on.
                hops: u8::try_from(relayed.hops).unwrap_or(u8::MAX),
                message: relayed.message,
            },
            BodyBytes::Ping(nonce) => Self::Ping { nonce },
            BodyBytes::Pong(nonce) => Self::Pong { nonce },
            BodyBytes::Question(RequestBytes { request, json }) => Self::Question {
                request,
                question: json,
            },
            BodyBytes::Answer(RequestBytes { request, json }) => Self::Answer {
                request,
                answer: json,
            },
        })
    }
}

fn sixteen(what: &'static str, bytes: &[u8]) -> Result<[u8; 16], DecodeError> {
    bytes.try_into().map_err(|_| DecodeError::Length {
        what,
        length: bytes.len(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_message() -> impl Strategy<Value = PeerMessage> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..200);
        prop_oneof![
            (any::<(u64, [u8; 16], [u8; 16], u64, u32)>(), ".{0,20}").prop_map(
                |((node, cluster, boot, incarnation, feature_level), version)| {
                    PeerMessage::Hello(Hello {
                        node: NodeId(node),
                        cluster: ClusterId(cluster),
                        boot: BootId(boot),
                        incarnation,
                        feature_level,
                        version,
                    })
                }
            ),
            bytes().prop_map(PeerMessage::Raft),
            (any::<u64>(), bytes())
                .prop_map(|(request, command)| PeerMessage::Proposal { request, command }),
            (any::<u64>(), bytes())
                .prop_map(|(request, result)| PeerMessage::ProposalReply { request, result }),
            (any::<(u64, u64, u8)>(), bytes()).prop_map(|((from, to, hops), message)| {
                PeerMessage::Relayed {
                    from: NodeId(from),
                    to: NodeId(to),
                    hops,
                    message,
                }
            }),
            any::<u64>().prop_map(|nonce| PeerMessage::Ping { nonce }),
            any::<u64>().prop_map(|nonce| PeerMessage::Pong { nonce }),
            (any::<u64>(), bytes())
                .prop_map(|(request, question)| PeerMessage::Question { request, question }),
            (any::<u64>(), bytes())
                .prop_map(|(request, answer)| PeerMessage::Answer { request, answer }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read_back(message in any_message()) {
            prop_assert_eq!(decode(&encode(message.clone())).unwrap(), message);
        }

        #[test]
        fn arbitrary_bytes_are_an_error_and_never_a_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..300)
        ) {
            let _ = decode(&bytes);
        }

        #[test]
        fn a_damaged_message_never_panics(
            message in any_message(), at in any::<usize>(), flip in 1u8..
        ) {
            let mut bytes = encode(message);
            if !bytes.is_empty() {
                let at = at % bytes.len();
                bytes[at] ^= flip;
            }
            let _ = decode(&bytes);
        }

        #[test]
        fn a_cluster_id_is_read_back_from_its_text(id in any::<[u8; 16]>()) {
            prop_assert_eq!(ClusterId::parse(&ClusterId(id).to_string()), Some(ClusterId(id)));
        }
    }

    #[test]
    fn an_empty_envelope_is_not_a_message() {
        assert!(matches!(decode(&[]), Err(DecodeError::Unknown)));
    }

    #[test]
    fn a_frame_tells_its_length_and_too_long_ones_are_refused() {
        let bytes = frame(b"hello").unwrap();
        assert_eq!(bytes[..4], [0, 0, 0, 5]);
        assert_eq!(frame_length([0, 0, 0, 5], 10).unwrap(), 5);
        assert!(frame_length([0, 0, 0, 11], 10).is_err());
        assert!(frame_length([255; 4], usize::MAX).is_err());
        assert!(frame(&vec![0; FRAME_BYTES_MAX + 1]).is_err());
    }

    #[test]
    fn a_text_that_is_no_cluster_id_is_refused() {
        for text in [
            "",
            "00",
            "zz000000000000000000000000000000",
            "é00000000000000000000000000000",
        ] {
            assert_eq!(ClusterId::parse(text), None, "{text}");
        }
    }
}
