//! The mirror types: tags and numbers as they stand in files and packets. A tag or number
//! that was given once is never used for something else.

use model::{Instant, Lineage, NodeId, WitnessId};

use super::{
    AppendOutcome, Arbiter, Body, Configuration, DecodeError, Entry, ForcedChange, ForcedVoters,
    Forcing, Message, Payload, Pledge, SnapshotMeta, Stamp, Verdict, VoteReason, required,
};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct LineageBytes {
    #[prost(uint64, tag = "1")]
    generation: u64,
    #[prost(uint64, tag = "2")]
    maker: u64,
    #[prost(fixed64, tag = "3")]
    random: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ConfigurationBytes {
    #[prost(uint64, repeated, tag = "1")]
    voters: Vec<u64>,
    #[prost(uint64, repeated, tag = "2")]
    learners: Vec<u64>,
    /// Absent where fencing decides, as in all configurations before there were others.
    #[prost(message, optional, tag = "3")]
    arbiter: Option<ArbiterBytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ArbiterBytes {
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(uint64, tag = "2")]
    witness: u64,
}

// Zero is never written.
const ARBITER_WITNESS: u32 = 1;
const ARBITER_DISK: u32 = 2;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct EntryBytes {
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
    /// Only in the entry of a forced change.
    #[prost(message, optional, tag = "6")]
    lineage: Option<LineageBytes>,
}

// Zero is never written, so that an entry without a kind is noticed.
const KIND_EMPTY: u32 = 1;
const KIND_COMMAND: u32 = 2;
const KIND_VOTERS: u32 = 3;
const KIND_FORCED: u32 = 4;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HardStateBytes {
    #[prost(uint64, tag = "1")]
    pub(super) term: u64,
    #[prost(uint64, optional, tag = "2")]
    pub(super) vote: Option<u64>,
    #[prost(uint64, tag = "3")]
    pub(super) commit: u64,
    #[prost(message, optional, tag = "4")]
    pub(super) lineage: Option<LineageBytes>,
    #[prost(message, optional, tag = "5")]
    pub(super) pledge: Option<PledgeBytes>,
    #[prost(message, optional, tag = "6")]
    pub(super) forced: Option<ForcedChangeBytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct PledgeBytes {
    #[prost(message, optional, tag = "1")]
    lineage: Option<LineageBytes>,
    #[prost(uint64, tag = "2")]
    term: u64,
    #[prost(uint64, tag = "3")]
    candidate: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ForcedChangeBytes {
    #[prost(message, optional, tag = "1")]
    lineage: Option<LineageBytes>,
    #[prost(uint64, tag = "2")]
    term: u64,
    #[prost(message, optional, tag = "3")]
    configuration: Option<ConfigurationBytes>,
    #[prost(uint64, tag = "4")]
    prev_index: u64,
    #[prost(uint64, tag = "5")]
    prev_term: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ForcingBytes {
    #[prost(message, optional, tag = "1")]
    lineage: Option<LineageBytes>,
    #[prost(uint64, repeated, tag = "2")]
    excused: Vec<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StampBytes {
    #[prost(fixed32, tag = "1")]
    run: u32,
    #[prost(uint64, tag = "2")]
    at: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SnapshotMetaBytes {
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
pub(super) struct MessageBytes {
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
        tags = "10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24"
    )]
    body: Option<BodyBytes>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum BodyBytes {
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
    /// The read round alone, as before there were stamps. Read, but no longer written.
    #[prost(uint64, tag = "17")]
    HeartbeatReplyWithoutStamp(u64),
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
    #[prost(message, tag = "24")]
    HeartbeatReply(HeartbeatReplyBytes),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct NothingBytes {}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct PreVoteBytes {
    #[prost(uint64, tag = "1")]
    proposed_term: u64,
    #[prost(uint64, tag = "2")]
    last_index: u64,
    #[prost(uint64, tag = "3")]
    last_term: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct PreVoteReplyBytes {
    #[prost(uint64, tag = "1")]
    proposed_term: u64,
    #[prost(uint32, tag = "2")]
    verdict: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct VoteBytes {
    #[prost(uint64, tag = "1")]
    last_index: u64,
    #[prost(uint64, tag = "2")]
    last_term: u64,
    #[prost(uint32, tag = "3")]
    reason: u32,
    /// Only in a forced election.
    #[prost(message, optional, tag = "4")]
    forcing: Option<ForcingBytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AppendBytes {
    #[prost(uint64, tag = "1")]
    prev_index: u64,
    #[prost(uint64, tag = "2")]
    prev_term: u64,
    #[prost(message, repeated, tag = "3")]
    entries: Vec<EntryBytes>,
    #[prost(uint64, tag = "4")]
    commit: u64,
    #[prost(message, optional, tag = "5")]
    echo: Option<StampBytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AppendReplyBytes {
    /// Present in an answer that says yes.
    #[prost(uint64, optional, tag = "1")]
    matched: Option<u64>,
    /// Present in an answer that says no.
    #[prost(message, optional, tag = "2")]
    rejected: Option<RejectedBytes>,
    #[prost(message, optional, tag = "3")]
    stamp: Option<StampBytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RejectedBytes {
    #[prost(uint64, tag = "1")]
    prev_index: u64,
    #[prost(uint64, tag = "2")]
    hint_index: u64,
    #[prost(uint64, tag = "3")]
    hint_term: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HeartbeatBytes {
    #[prost(uint64, tag = "1")]
    commit: u64,
    #[prost(uint64, tag = "2")]
    read_round: u64,
    #[prost(message, optional, tag = "3")]
    sent: Option<StampBytes>,
    #[prost(message, optional, tag = "4")]
    echo: Option<StampBytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HeartbeatReplyBytes {
    #[prost(uint64, tag = "1")]
    read_round: u64,
    #[prost(message, optional, tag = "2")]
    sent: Option<StampBytes>,
    #[prost(message, optional, tag = "3")]
    stamp: Option<StampBytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SnapshotChunkBytes {
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
pub(super) struct SnapshotReplyBytes {
    #[prost(uint64, tag = "1")]
    index: u64,
    #[prost(uint64, tag = "2")]
    received: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ReadIndexReplyBytes {
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

impl From<Stamp> for StampBytes {
    fn from(stamp: Stamp) -> Self {
        let (run, at) = (stamp.run, stamp.at.0);
        Self { run, at }
    }
}

impl From<StampBytes> for Stamp {
    fn from(StampBytes { run, at }: StampBytes) -> Self {
        let at = Instant(at);
        Self { run, at }
    }
}

fn arbiter_bytes(arbiter: Arbiter) -> Option<ArbiterBytes> {
    let (kind, WitnessId(witness)) = match arbiter {
        Arbiter::Fence => return None,
        Arbiter::Witness(witness) => (ARBITER_WITNESS, witness),
        Arbiter::Disk(witness) => (ARBITER_DISK, witness),
    };
    Some(ArbiterBytes { kind, witness })
}

fn arbiter_of(bytes: Option<ArbiterBytes>) -> Result<Arbiter, DecodeError> {
    let Some(ArbiterBytes { kind, witness }) = bytes else {
        return Ok(Arbiter::Fence);
    };
    match kind {
        ARBITER_WITNESS => Ok(Arbiter::Witness(WitnessId(witness))),
        ARBITER_DISK => Ok(Arbiter::Disk(WitnessId(witness))),
        value => Err(DecodeError::Unknown {
            what: "kind of arbiter",
            value,
        }),
    }
}

impl From<&Configuration> for ConfigurationBytes {
    fn from(configuration: &Configuration) -> Self {
        Self {
            voters: configuration.voters.iter().map(|node| node.0).collect(),
            learners: configuration.learners.iter().map(|node| node.0).collect(),
            arbiter: arbiter_bytes(configuration.arbiter),
        }
    }
}

impl TryFrom<ConfigurationBytes> for Configuration {
    type Error = DecodeError;
    fn try_from(bytes: ConfigurationBytes) -> Result<Self, DecodeError> {
        Ok(Self {
            voters: bytes.voters.into_iter().map(NodeId).collect(),
            learners: bytes.learners.into_iter().map(NodeId).collect(),
            arbiter: arbiter_of(bytes.arbiter)?,
        })
    }
}

impl From<Pledge> for PledgeBytes {
    fn from(pledge: Pledge) -> Self {
        Self {
            lineage: Some(pledge.lineage.into()),
            term: pledge.term,
            candidate: pledge.candidate.0,
        }
    }
}

impl TryFrom<PledgeBytes> for Pledge {
    type Error = DecodeError;
    fn try_from(bytes: PledgeBytes) -> Result<Self, DecodeError> {
        Ok(Self {
            lineage: required("pledge", "lineage", bytes.lineage)?.into(),
            term: bytes.term,
            candidate: NodeId(bytes.candidate),
        })
    }
}

impl From<&ForcedChange> for ForcedChangeBytes {
    fn from(forced: &ForcedChange) -> Self {
        Self {
            lineage: Some(forced.lineage.into()),
            term: forced.term,
            configuration: Some((&forced.configuration).into()),
            prev_index: forced.prev_index,
            prev_term: forced.prev_term,
        }
    }
}

impl TryFrom<ForcedChangeBytes> for ForcedChange {
    type Error = DecodeError;
    fn try_from(bytes: ForcedChangeBytes) -> Result<Self, DecodeError> {
        let what = "forced change";
        Ok(Self {
            lineage: required(what, "lineage", bytes.lineage)?.into(),
            term: bytes.term,
            configuration: required(what, "members", bytes.configuration)?.try_into()?,
            prev_index: bytes.prev_index,
            prev_term: bytes.prev_term,
        })
    }
}

impl From<&Forcing> for ForcingBytes {
    fn from(forcing: &Forcing) -> Self {
        Self {
            lineage: Some(forcing.lineage.into()),
            excused: forcing.excused.iter().map(|node| node.0).collect(),
        }
    }
}

impl TryFrom<ForcingBytes> for Forcing {
    type Error = DecodeError;
    fn try_from(bytes: ForcingBytes) -> Result<Self, DecodeError> {
        Ok(Self {
            lineage: required("forced election", "lineage", bytes.lineage)?.into(),
            excused: bytes.excused.into_iter().map(NodeId).collect(),
        })
    }
}

impl From<&Entry> for EntryBytes {
    fn from(entry: &Entry) -> Self {
        let mut bytes = Self {
            index: entry.index,
            term: entry.term,
            ..Self::default()
        };
        match &entry.payload {
            Payload::Empty => bytes.kind = KIND_EMPTY,
            Payload::Command(data) => {
                bytes.kind = KIND_COMMAND;
                bytes.command.clone_from(data);
            }
            Payload::Voters(voters) => {
                bytes.kind = KIND_VOTERS;
                bytes.configuration = Some(voters.into());
            }
            Payload::Forced(forced) => {
                bytes.kind = KIND_FORCED;
                bytes.configuration = Some((&forced.configuration).into());
                bytes.lineage = Some(forced.lineage.into());
            }
        }
        bytes
    }
}

fn members_of(bytes: Option<ConfigurationBytes>) -> Result<Configuration, DecodeError> {
    required("change of membership", "members", bytes)?.try_into()
}

impl TryFrom<EntryBytes> for Entry {
    type Error = DecodeError;
    fn try_from(bytes: EntryBytes) -> Result<Self, DecodeError> {
        let payload = match bytes.kind {
            KIND_EMPTY => Payload::Empty,
            KIND_COMMAND => Payload::Command(bytes.command),
            KIND_VOTERS => Payload::Voters(members_of(bytes.configuration)?),
            KIND_FORCED => Payload::Forced(ForcedVoters {
                lineage: required("forced change", "lineage", bytes.lineage)?.into(),
                configuration: members_of(bytes.configuration)?,
            }),
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

fn entries_of(list: Vec<EntryBytes>) -> Result<Vec<Entry>, DecodeError> {
    list.into_iter().map(Entry::try_from).collect()
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
            configuration: required(what, "members", bytes.configuration)?.try_into()?,
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

const REASON_LEADER_GONE: u32 = 1;
const REASON_TRANSFER: u32 = 2;
const REASON_FORCED: u32 = 3;

fn reason_number(reason: &VoteReason) -> u32 {
    match reason {
        VoteReason::LeaderGone => REASON_LEADER_GONE,
        VoteReason::Transfer => REASON_TRANSFER,
        VoteReason::Forced(_) => REASON_FORCED,
    }
}

fn forcing_of(reason: &VoteReason) -> Option<ForcingBytes> {
    match reason {
        VoteReason::LeaderGone | VoteReason::Transfer => None,
        VoteReason::Forced(forcing) => Some(forcing.into()),
    }
}

fn reason_of(value: u32, forcing: Option<ForcingBytes>) -> Result<VoteReason, DecodeError> {
    match value {
        REASON_LEADER_GONE => Ok(VoteReason::LeaderGone),
        REASON_TRANSFER => Ok(VoteReason::Transfer),
        REASON_FORCED => {
            let forcing = required("forced election", "terms", forcing)?;
            Ok(VoteReason::Forced(forcing.try_into()?))
        }
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

fn vote_bytes((last_index, last_term): (u64, u64), reason: &VoteReason) -> VoteBytes {
    VoteBytes {
        last_index,
        last_term,
        reason: reason_number(reason),
        forcing: forcing_of(reason),
    }
}

fn heartbeat_bytes(
    (commit, read_round): (u64, u64),
    sent: Option<Stamp>,
    echo: Option<Stamp>,
) -> HeartbeatBytes {
    HeartbeatBytes {
        commit,
        read_round,
        sent: sent.map(Into::into),
        echo: echo.map(Into::into),
    }
}

fn heartbeat_reply_bytes(
    read_round: u64,
    sent: Option<Stamp>,
    stamp: Option<Stamp>,
) -> HeartbeatReplyBytes {
    HeartbeatReplyBytes {
        read_round,
        sent: sent.map(Into::into),
        stamp: stamp.map(Into::into),
    }
}

fn append_bytes(
    (prev_index, prev_term): (u64, u64),
    entries: &[Entry],
    commit: u64,
    echo: Option<Stamp>,
) -> AppendBytes {
    AppendBytes {
        prev_index,
        prev_term,
        entries: entries.iter().map(EntryBytes::from).collect(),
        commit,
        echo: echo.map(Into::into),
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
                ref reason,
            } => Self::Vote(vote_bytes((last_index, last_term), reason)),
            Body::VoteReply { verdict } => Self::VoteReply(verdict_number(verdict)),
            Body::Append {
                prev_index,
                prev_term,
                ref entries,
                commit,
                echo,
            } => Self::Append(append_bytes((prev_index, prev_term), entries, commit, echo)),
            Body::AppendReply { outcome, stamp } => Self::AppendReply(AppendReplyBytes {
                stamp: stamp.map(Into::into),
                ..outcome.into()
            }),
            Body::Heartbeat {
                commit,
                read_round,
                sent,
                echo,
            } => Self::Heartbeat(heartbeat_bytes((commit, read_round), sent, echo)),
            Body::HeartbeatReply {
                read_round,
                sent,
                stamp,
            } => Self::HeartbeatReply(heartbeat_reply_bytes(read_round, sent, stamp)),
            Body::SnapshotChunk {
                ref meta,
                offset,
                ref data,
                last,
            } => Self::SnapshotChunk(SnapshotChunkBytes {
                meta: Some(meta.into()),
                offset,
                data: data.clone(),
                last,
            }),
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
            BodyBytes::PreVote(ask) => Self::PreVote {
                proposed_term: ask.proposed_term,
                last_index: ask.last_index,
                last_term: ask.last_term,
            },
            BodyBytes::PreVoteReply(reply) => Self::PreVoteReply {
                proposed_term: reply.proposed_term,
                verdict: verdict_of(reply.verdict)?,
            },
            BodyBytes::Vote(ask) => Self::Vote {
                last_index: ask.last_index,
                last_term: ask.last_term,
                reason: reason_of(ask.reason, ask.forcing)?,
            },
            BodyBytes::VoteReply(verdict) => Self::VoteReply {
                verdict: verdict_of(verdict)?,
            },
            BodyBytes::Append(append) => Self::Append {
                prev_index: append.prev_index,
                prev_term: append.prev_term,
                entries: entries_of(append.entries)?,
                commit: append.commit,
                echo: append.echo.map(Into::into),
            },
            BodyBytes::AppendReply(reply) => Self::AppendReply {
                stamp: reply.stamp.clone().map(Into::into),
                outcome: reply.try_into()?,
            },
            BodyBytes::Heartbeat(heartbeat) => Self::Heartbeat {
                commit: heartbeat.commit,
                read_round: heartbeat.read_round,
                sent: heartbeat.sent.map(Into::into),
                echo: heartbeat.echo.map(Into::into),
            },
            BodyBytes::HeartbeatReplyWithoutStamp(read_round) => Self::HeartbeatReply {
                read_round,
                sent: None,
                stamp: None,
            },
            BodyBytes::HeartbeatReply(reply) => Self::HeartbeatReply {
                read_round: reply.read_round,
                sent: reply.sent.map(Into::into),
                stamp: reply.stamp.map(Into::into),
            },
            BodyBytes::SnapshotChunk(chunk) => Self::SnapshotChunk {
                meta: required("piece of a snapshot", "description", chunk.meta)?.try_into()?,
                offset: chunk.offset,
                data: chunk.data,
                last: chunk.last,
            },
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
                stamp: None,
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
                stamp: None,
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
