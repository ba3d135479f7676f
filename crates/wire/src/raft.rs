//! What voters say to each other and what they keep on disk: the types of the log, its
//! hard state, its snapshots and its messages, and their bytes.
//!
//! The types are plain Rust; the bytes are Protocol Buffers whose tags are written by hand
//! in private mirror types at the end of this file, so that no compiler but `rustc` is
//! needed. A tag is never used again for something else. What this version does not know
//! (a kind of entry, a body of a message) is an error and never a silent nothing: a log
//! that skips an entry is no longer the same log.
//!
//! There is no behaviour of consensus here; that is the `raft` crate.

use std::collections::BTreeSet;

use model::{Lineage, NodeId};
use prost::Message as _;

/// One line of the replicated log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place: the first entry of a cluster has index 1, and there are no gaps.
    pub index: u64,
    /// The term of the leader that made it.
    pub term: u64,
    /// What it says.
    pub payload: Payload,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// The first entry of each leader: nothing, but committing it commits all before it.
    Empty,
    /// For the state machine; the log does not look inside.
    Command(Vec<u8>),
    /// The members from here on. It counts from the moment it stands in a log, committed
    /// or not.
    Voters(Configuration),
}

/// Who takes part in the log. Nobody is voter and learner at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configuration {
    /// Those whose copies and votes count.
    pub voters: BTreeSet<NodeId>,
    /// Those who only receive copies.
    pub learners: BTreeSet<NodeId>,
}

impl Configuration {
    /// A configuration of these voters and no learners.
    #[must_use]
    pub fn of_voters(voters: impl IntoIterator<Item = NodeId>) -> Self {
        Self {
            voters: voters.into_iter().collect(),
            learners: BTreeSet::new(),
        }
    }

    /// How many voters decide: more than half of them.
    #[must_use]
    pub fn majority(&self) -> usize {
        self.voters.len() / 2 + 1
    }

    /// Voter or learner.
    #[must_use]
    pub fn contains(&self, node: NodeId) -> bool {
        self.voters.contains(&node) || self.learners.contains(&node)
    }

    /// Voters and learners.
    pub fn members(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.voters.iter().chain(&self.learners).copied()
    }
}

/// What a voter must never forget, besides the entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HardState {
    /// The latest term that this node has seen.
    pub term: u64,
    /// Whom it voted for in that term.
    pub vote: Option<NodeId>,
    /// Up to here everything was committed when this was written. A hint: the truth may be
    /// further.
    pub commit: u64,
    /// The history that the log belongs to.
    pub lineage: Lineage,
}

/// What a snapshot stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SnapshotMeta {
    /// The last entry that it covers.
    pub index: u64,
    /// The term of that entry.
    pub term: u64,
    /// The members as of that entry.
    pub configuration: Configuration,
    /// The history that it belongs to.
    pub lineage: Lineage,
}

/// One message between two nodes. Messages may be lost, repeated and overtaken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The sender's own term when it wrote this; in every message, without exception.
    pub term: u64,
    /// The sender's history. The receiver drops messages of another one.
    pub lineage: Lineage,
    /// Who says it.
    pub from: NodeId,
    /// To whom.
    pub to: NodeId,
    /// What is said.
    pub body: Body,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// "Would you vote for me in `proposed_term`?" Changes nothing at the receiver.
    PreVote {
        /// The term that the sender would begin.
        proposed_term: u64,
        /// The end of the sender's log.
        last_index: u64,
        /// The term of that entry.
        last_term: u64,
    },
    /// The answer to a [`Body::PreVote`]. Promises nothing.
    PreVoteReply {
        /// The term that was proposed.
        proposed_term: u64,
        /// Yes or no.
        verdict: Verdict,
    },
    /// "Vote for me in the term of this message."
    Vote {
        /// The end of the sender's log.
        last_index: u64,
        /// The term of that entry.
        last_term: u64,
        /// Why there is an election.
        reason: VoteReason,
    },
    /// The answer to a [`Body::Vote`] of the same term. A granted vote is on disk.
    VoteReply {
        /// Yes or no.
        verdict: Verdict,
    },
    /// Entries to add after (`prev_index`, `prev_term`).
    Append {
        /// The index before the first entry.
        prev_index: u64,
        /// The term of the entry there.
        prev_term: u64,
        /// Without gaps from `prev_index + 1` on; may be empty.
        entries: Vec<Entry>,
        /// The leader's commit index.
        commit: u64,
    },
    /// The answer to an [`Body::Append`] or to the last [`Body::SnapshotChunk`].
    AppendReply {
        /// What became of it.
        outcome: AppendOutcome,
    },
    /// "I still lead."
    Heartbeat {
        /// The commit index as far as the receiver is known to have the entries.
        commit: u64,
        /// The latest round of read confirmations; repeated in the answer.
        read_round: u64,
    },
    /// The answer to a [`Body::Heartbeat`].
    HeartbeatReply {
        /// From the heartbeat.
        read_round: u64,
    },
    /// A piece of a snapshot.
    SnapshotChunk {
        /// Which snapshot.
        meta: SnapshotMeta,
        /// Where in it this piece begins, in bytes.
        offset: u64,
        /// The piece.
        data: Vec<u8>,
        /// Whether the snapshot ends with this piece.
        last: bool,
    },
    /// How much of a snapshot has arrived.
    SnapshotReply {
        /// The snapshot's index.
        index: u64,
        /// Bytes received without gap from the start.
        received: u64,
    },
    /// From the leader to its chosen successor: "campaign now".
    TimeoutNow,
    /// From a follower to the leader: "which index must I have applied to serve a read?"
    ReadIndex {
        /// Names the question; repeated in the answer.
        context: u64,
    },
    /// The answer to a [`Body::ReadIndex`].
    ReadIndexReply {
        /// From the question.
        context: u64,
        /// The index; none when the leader lost its right to say.
        index: Option<u64>,
    },
    /// "You lead a term that is over; see the term of this message."
    Outdated,
}

/// The answer to a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Granted,
    /// No.
    Refused,
}

/// Why there is an election.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoteReason {
    /// The leader was silent or is lost. Voters that still hear it keep silent.
    LeaderGone,
    /// The leader asked for it; voters need not wait for its silence.
    Transfer,
}

/// What became of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendOutcome {
    /// The follower's log on disk equals the leader's up to here.
    Matched {
        /// Up to and including.
        index: u64,
    },
    /// The follower has no such entry as the append builds on.
    Rejected {
        /// From the append: the place that did not match.
        prev_index: u64,
        /// The highest place that may match.
        hint_index: u64,
        /// The term of the follower's entry there.
        hint_term: u64,
    },
}

/// Why bytes are not what they should be.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not the encoding at all.
    #[error("these bytes are not a {what}")]
    Malformed {
        /// What should have been there.
        what: &'static str,
        /// The decoder's complaint.
        #[source]
        source: prost::DecodeError,
    },
    /// A part that cannot be absent is.
    #[error("a {what} without its {part}")]
    Missing {
        /// What was decoded.
        what: &'static str,
        /// The absent part.
        part: &'static str,
    },
    /// A number that this version has no meaning for.
    #[error("{what} {value} is unknown to this version")]
    Unknown {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: u32,
    },
}

/// The bytes of a message.
#[must_use]
pub fn encode(message: &Message) -> Vec<u8> {
    MessageBytes::from(message).encode_to_vec()
}

/// Reads a message.
///
/// # Errors
/// When the bytes are no message, or hold something this version does not know.
pub fn decode(bytes: &[u8]) -> Result<Message, DecodeError> {
    parse::<MessageBytes>("message", bytes)?.try_into()
}

/// The bytes of an entry.
#[must_use]
pub fn encode_entry(entry: &Entry) -> Vec<u8> {
    EntryBytes::from(entry).encode_to_vec()
}

/// Reads an entry.
///
/// # Errors
/// When the bytes are no entry, or one of a kind this version does not know.
pub fn decode_entry(bytes: &[u8]) -> Result<Entry, DecodeError> {
    parse::<EntryBytes>("entry", bytes)?.try_into()
}

/// The bytes of a hard state.
#[must_use]
pub fn encode_hard_state(state: &HardState) -> Vec<u8> {
    HardStateBytes {
        term: state.term,
        vote: state.vote.map(|node| node.0),
        commit: state.commit,
        lineage: Some(state.lineage.into()),
    }
    .encode_to_vec()
}

/// Reads a hard state.
///
/// # Errors
/// When the bytes are no hard state.
pub fn decode_hard_state(bytes: &[u8]) -> Result<HardState, DecodeError> {
    let state = parse::<HardStateBytes>("hard state", bytes)?;
    Ok(HardState {
        term: state.term,
        vote: state.vote.map(NodeId),
        commit: state.commit,
        lineage: required("hard state", "lineage", state.lineage)?.into(),
    })
}

/// The bytes of a snapshot's description.
#[must_use]
pub fn encode_snapshot_meta(meta: &SnapshotMeta) -> Vec<u8> {
    SnapshotMetaBytes::from(meta).encode_to_vec()
}

/// Reads a snapshot's description.
///
/// # Errors
/// When the bytes are no such description.
pub fn decode_snapshot_meta(bytes: &[u8]) -> Result<SnapshotMeta, DecodeError> {
    parse::<SnapshotMetaBytes>("snapshot description", bytes)?.try_into()
}

fn parse<T: prost::Message + Default>(what: &'static str, bytes: &[u8]) -> Result<T, DecodeError> {
    T::decode(bytes).map_err(|source| DecodeError::Malformed { what, source })
}

fn required<T>(what: &'static str, part: &'static str, value: Option<T>) -> Result<T, DecodeError> {
    value.ok_or(DecodeError::Missing { what, part })
}

// ---- the mirror types: tags and numbers as they stand in files and packets ----

#[derive(Clone, PartialEq, prost::Message)]
struct LineageBytes {
    #[prost(uint64, tag = "1")]
    generation: u64,
    #[prost(uint64, tag = "2")]
    maker: u64,
    #[prost(fixed64, tag = "3")]
    random: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ConfigurationBytes {
    #[prost(uint64, repeated, tag = "1")]
    voters: Vec<u64>,
    #[prost(uint64, repeated, tag = "2")]
    learners: Vec<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct EntryBytes {
    #[prost(uint64, tag = "1")]
    index: u64,
    #[prost(uint64, tag = "2")]
    term: u64,
    #[prost(uint32, tag = "3")]
    kind: u32,
    #[prost(bytes = "vec", tag = "4")]
    command: Vec<u8>,
    #[prost(message, optional, tag = "5")]
    configuration: Option<ConfigurationBytes>,
}

// Zero is never written, so that an entry without a kind is noticed.
const KIND_EMPTY: u32 = 1;
const KIND_COMMAND: u32 = 2;
const KIND_VOTERS: u32 = 3;

#[derive(Clone, PartialEq, prost::Message)]
struct HardStateBytes {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(uint64, optional, tag = "2")]
    vote: Option<u64>,
    #[prost(uint64, tag = "3")]
    commit: u64,
    #[prost(message, optional, tag = "4")]
    lineage: Option<LineageBytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SnapshotMetaBytes {
    #[prost(uint64, tag = "1")]
    index: u64,
    #[prost(uint64, tag = "2")]
    term: u64,
    #[prost(message, optional, tag = "3")]
    configuration: Option<ConfigurationBytes>,
    #[prost(message, optional, tag = "4")]
    lineage: Option<LineageBytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct MessageBytes {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(message, optional, tag = "2")]
    lineage: Option<LineageBytes>,
    #[prost(uint64, tag = "3")]
    from: u64,
    #[prost(uint64, tag = "4")]
    to: u64,
    #[prost(
        oneof = "BodyBytes",
        tags = "10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23"
    )]
    body: Option<BodyBytes>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum BodyBytes {
    #[prost(message, tag = "10")]
    PreVote(PreVoteBytes),
    #[prost(message, tag = "11")]
    PreVoteReply(PreVoteReplyBytes),
    #[prost(message, tag = "12")]
    Vote(VoteBytes),
    /// A verdict.
    #[prost(uint32, tag = "13")]
    VoteReply(u32),
    #[prost(message, tag = "14")]
    Append(AppendBytes),
    #[prost(message, tag = "15")]
    AppendReply(AppendReplyBytes),
    #[prost(message, tag = "16")]
    Heartbeat(HeartbeatBytes),
    /// The read round.
    #[prost(uint64, tag = "17")]
    HeartbeatReply(u64),
    #[prost(message, tag = "18")]
    SnapshotChunk(SnapshotChunkBytes),
    #[prost(message, tag = "19")]
    SnapshotReply(SnapshotReplyBytes),
    #[prost(message, tag = "20")]
    TimeoutNow(NothingBytes),
    /// The context.
    #[prost(fixed64, tag = "21")]
    ReadIndex(u64),
    #[prost(message, tag = "22")]
    ReadIndexReply(ReadIndexReplyBytes),
    #[prost(message, tag = "23")]
    Outdated(NothingBytes),
}

#[derive(Clone, PartialEq, prost::Message)]
struct NothingBytes {}

#[derive(Clone, PartialEq, prost::Message)]
struct PreVoteBytes {
    #[prost(uint64, tag = "1")]
    proposed_term: u64,
    #[prost(uint64, tag = "2")]
    last_index: u64,
    #[prost(uint64, tag = "3")]
    last_term: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PreVoteReplyBytes {
    #[prost(uint64, tag = "1")]
    proposed_term: u64,
    #[prost(uint32, tag = "2")]
    verdict: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct VoteBytes {
    #[prost(uint64, tag = "1")]
    last_index: u64,
    #[prost(uint64, tag = "2")]
    last_term: u64,
    #[prost(uint32, tag = "3")]
    reason: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct AppendBytes {
    #[prost(uint64, tag = "1")]
    prev_index: u64,
    #[prost(uint64, tag = "2")]
    prev_term: u64,
    #[prost(message, repeated, tag = "3")]
    entries: Vec<EntryBytes>,
    #[prost(uint64, tag = "4")]
    commit: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct AppendReplyBytes {
    /// Present in an answer that says yes.
    #[prost(uint64, optional, tag = "1")]
    matched: Option<u64>,
    /// Present in an answer that says no.
    #[prost(message, optional, tag = "2")]
    rejected: Option<RejectedBytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RejectedBytes {
    #[prost(uint64, tag = "1")]
    prev_index: u64,
    #[prost(uint64, tag = "2")]
    hint_index: u64,
    #[prost(uint64, tag = "3")]
    hint_term: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct HeartbeatBytes {
    #[prost(uint64, tag = "1")]
    commit: u64,
    #[prost(uint64, tag = "2")]
    read_round: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SnapshotChunkBytes {
    #[prost(message, optional, tag = "1")]
    meta: Option<SnapshotMetaBytes>,
    #[prost(uint64, tag = "2")]
    offset: u64,
    #[prost(bytes = "vec", tag = "3")]
    data: Vec<u8>,
    #[prost(bool, tag = "4")]
    last: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SnapshotReplyBytes {
    #[prost(uint64, tag = "1")]
    index: u64,
    #[prost(uint64, tag = "2")]
    received: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ReadIndexReplyBytes {
    #[prost(fixed64, tag = "1")]
    context: u64,
    #[prost(uint64, optional, tag = "2")]
    index: Option<u64>,
}

impl From<Lineage> for LineageBytes {
    fn from(lineage: Lineage) -> Self {
        Self {
            generation: lineage.generation,
            maker: lineage.maker.0,
            random: lineage.random,
        }
    }
}

impl From<LineageBytes> for Lineage {
    fn from(bytes: LineageBytes) -> Self {
        Self {
            generation: bytes.generation,
            maker: NodeId(bytes.maker),
            random: bytes.random,
        }
    }
}

impl From<&Configuration> for ConfigurationBytes {
    fn from(configuration: &Configuration) -> Self {
        Self {
            voters: configuration.voters.iter().map(|node| node.0).collect(),
            learners: configuration.learners.iter().map(|node| node.0).collect(),
        }
    }
}

impl From<ConfigurationBytes> for Configuration {
    fn from(bytes: ConfigurationBytes) -> Self {
        Self {
            voters: bytes.voters.into_iter().map(NodeId).collect(),
            learners: bytes.learners.into_iter().map(NodeId).collect(),
        }
    }
}

impl From<&Entry> for EntryBytes {
    fn from(entry: &Entry) -> Self {
        let (kind, command, configuration) = match &entry.payload {
            Payload::Empty => (KIND_EMPTY, Vec::new(), None),
            Payload::Command(data) => (KIND_COMMAND, data.clone(), None),
            Payload::Voters(voters) => (KIND_VOTERS, Vec::new(), Some(voters.into())),
        };
        Self {
            index: entry.index,
            term: entry.term,
            kind,
            command,
            configuration,
        }
    }
}

impl TryFrom<EntryBytes> for Entry {
    type Error = DecodeError;
    fn try_from(bytes: EntryBytes) -> Result<Self, DecodeError> {
        let payload = match bytes.kind {
            KIND_EMPTY => Payload::Empty,
            KIND_COMMAND => Payload::Command(bytes.command),
            KIND_VOTERS => Payload::Voters(
                required("change of membership", "members", bytes.configuration)?.into(),
            ),
            value => {
                return Err(DecodeError::Unknown {
                    what: "kind of entry",
                    value,
                });
            }
        };
        Ok(Self {
            index: bytes.index,
            term: bytes.term,
            payload,
        })
    }
}

impl From<&SnapshotMeta> for SnapshotMetaBytes {
    fn from(meta: &SnapshotMeta) -> Self {
        Self {
            index: meta.index,
            term: meta.term,
            configuration: Some((&meta.configuration).into()),
            lineage: Some(meta.lineage.into()),
        }
    }
}

impl TryFrom<SnapshotMetaBytes> for SnapshotMeta {
    type Error = DecodeError;
    fn try_from(bytes: SnapshotMetaBytes) -> Result<Self, DecodeError> {
        let what = "snapshot description";
        Ok(Self {
            index: bytes.index,
            term: bytes.term,
            configuration: required(what, "members", bytes.configuration)?.into(),
            lineage: required(what, "lineage", bytes.lineage)?.into(),
        })
    }
}

fn verdict_number(verdict: Verdict) -> u32 {
    match verdict {
        Verdict::Granted => 1,
        Verdict::Refused => 2,
    }
}

fn verdict_of(value: u32) -> Result<Verdict, DecodeError> {
    match value {
        1 => Ok(Verdict::Granted),
        2 => Ok(Verdict::Refused),
        value => Err(DecodeError::Unknown {
            what: "verdict",
            value,
        }),
    }
}

fn reason_number(reason: VoteReason) -> u32 {
    match reason {
        VoteReason::LeaderGone => 1,
        VoteReason::Transfer => 2,
    }
}

fn reason_of(value: u32) -> Result<VoteReason, DecodeError> {
    match value {
        1 => Ok(VoteReason::LeaderGone),
        2 => Ok(VoteReason::Transfer),
        value => Err(DecodeError::Unknown {
            what: "reason of an election",
            value,
        }),
    }
}

impl From<&Message> for MessageBytes {
    fn from(message: &Message) -> Self {
        Self {
            term: message.term,
            lineage: Some(message.lineage.into()),
            from: message.from.0,
            to: message.to.0,
            body: Some((&message.body).into()),
        }
    }
}

impl TryFrom<MessageBytes> for Message {
    type Error = DecodeError;
    fn try_from(bytes: MessageBytes) -> Result<Self, DecodeError> {
        Ok(Self {
            term: bytes.term,
            lineage: required("message", "lineage", bytes.lineage)?.into(),
            from: NodeId(bytes.from),
            to: NodeId(bytes.to),
            body: required("message", "body", bytes.body)?.try_into()?,
        })
    }
}

impl From<&Body> for BodyBytes {
    fn from(body: &Body) -> Self {
        match *body {
            Body::PreVote {
                proposed_term,
                last_index,
                last_term,
            } => Self::PreVote(PreVoteBytes {
                proposed_term,
                last_index,
                last_term,
            }),
            Body::PreVoteReply {
                proposed_term,
                verdict,
            } => Self::PreVoteReply(PreVoteReplyBytes {
                proposed_term,
                verdict: verdict_number(verdict),
            }),
            Body::Vote {
                last_index,
                last_term,
                reason,
            } => Self::Vote(VoteBytes {
                last_index,
                last_term,
                reason: reason_number(reason),
            }),
            Body::VoteReply { verdict } => Self::VoteReply(verdict_number(verdict)),
            Body::Append {
                prev_index,
                prev_term,
                ref entries,
                commit,
            } => {
                let entries = entries.iter().map(EntryBytes::from).collect();
                Self::Append(AppendBytes {
                    prev_index,
                    prev_term,
                    entries,
                    commit,
                })
            }
            Body::AppendReply { outcome } => Self::AppendReply(outcome.into()),
            Body::Heartbeat { commit, read_round } => {
                Self::Heartbeat(HeartbeatBytes { commit, read_round })
            }
            Body::HeartbeatReply { read_round } => Self::HeartbeatReply(read_round),
            Body::SnapshotChunk {
                ref meta,
                offset,
                ref data,
                last,
            } => {
                let (meta, data) = (Some(meta.into()), data.clone());
                Self::SnapshotChunk(SnapshotChunkBytes {
                    meta,
                    offset,
                    data,
                    last,
                })
            }
            Body::SnapshotReply { index, received } => {
                Self::SnapshotReply(SnapshotReplyBytes { index, received })
            }
            Body::TimeoutNow => Self::TimeoutNow(NothingBytes {}),
            Body::ReadIndex { context } => Self::ReadIndex(context),
            Body::ReadIndexReply { context, index } => {
                Self::ReadIndexReply(ReadIndexReplyBytes { context, index })
            }
            Body::Outdated => Self::Outdated(NothingBytes {}),
        }
    }
}

impl TryFrom<BodyBytes> for Body {
    type Error = DecodeError;
    fn try_from(bytes: BodyBytes) -> Result<Self, DecodeError> {
        Ok(match bytes {
            BodyBytes::PreVote(PreVoteBytes {
                proposed_term,
                last_index,
                last_term,
            }) => Self::PreVote {
                proposed_term,
                last_index,
                last_term,
            },
            BodyBytes::PreVoteReply(PreVoteReplyBytes {
                proposed_term,
                verdict,
            }) => Self::PreVoteReply {
                proposed_term,
                verdict: verdict_of(verdict)?,
            },
            BodyBytes::Vote(VoteBytes {
                last_index,
                last_term,
                reason,
            }) => Self::Vote {
                last_index,
                last_term,
                reason: reason_of(reason)?,
            },
            BodyBytes::VoteReply(verdict) => Self::VoteReply {
                verdict: verdict_of(verdict)?,
            },
            BodyBytes::Append(AppendBytes {
                prev_index,
                prev_term,
                entries,
                commit,
            }) => {
                let entries = entries
                    .into_iter()
                    .map(Entry::try_from)
                    .collect::<Result<_, _>>()?;
                Self::Append {
                    prev_index,
                    prev_term,
                    entries,
                    commit,
                }
            }
            BodyBytes::AppendReply(reply) => Self::AppendReply {
                outcome: reply.try_into()?,
            },
            BodyBytes::Heartbeat(HeartbeatBytes { commit, read_round }) => {
                Self::Heartbeat { commit, read_round }
            }
            BodyBytes::HeartbeatReply(read_round) => Self::HeartbeatReply { read_round },
            BodyBytes::SnapshotChunk(SnapshotChunkBytes {
                meta,
                offset,
                data,
                last,
            }) => {
                let meta = required("piece of a snapshot", "description", meta)?.try_into()?;
                Self::SnapshotChunk {
                    meta,
                    offset,
                    data,
                    last,
                }
            }
            BodyBytes::SnapshotReply(SnapshotReplyBytes { index, received }) => {
                Self::SnapshotReply { index, received }
            }
            BodyBytes::TimeoutNow(NothingBytes {}) => Self::TimeoutNow,
            BodyBytes::ReadIndex(context) => Self::ReadIndex { context },
            BodyBytes::ReadIndexReply(ReadIndexReplyBytes { context, index }) => {
                Self::ReadIndexReply { context, index }
            }
            BodyBytes::Outdated(NothingBytes {}) => Self::Outdated,
        })
    }
}

impl From<AppendOutcome> for AppendReplyBytes {
    fn from(outcome: AppendOutcome) -> Self {
        match outcome {
            AppendOutcome::Matched { index } => Self {
                matched: Some(index),
                rejected: None,
            },
            AppendOutcome::Rejected {
                prev_index,
                hint_index,
                hint_term,
            } => Self {
                matched: None,
                rejected: Some(RejectedBytes {
                    prev_index,
                    hint_index,
                    hint_term,
                }),
            },
        }
    }
}

impl TryFrom<AppendReplyBytes> for AppendOutcome {
    type Error = DecodeError;
    fn try_from(bytes: AppendReplyBytes) -> Result<Self, DecodeError> {
        match (bytes.matched, bytes.rejected) {
            (Some(index), None) => Ok(Self::Matched { index }),
            (
                None,
                Some(RejectedBytes {
                    prev_index,
                    hint_index,
                    hint_term,
                }),
            ) => Ok(Self::Rejected {
                prev_index,
                hint_index,
                hint_term,
            }),
            (None, None) | (Some(_), Some(_)) => Err(DecodeError::Missing {
                what: "answer to an append",
                part: "one outcome",
            }),
        }
    }
}
