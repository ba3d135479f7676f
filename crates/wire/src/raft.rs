//! What voters say to each other and what they keep on disk: the types of the log, its
//! hard state, its snapshots and its messages, and their bytes.
//!
//! The types are plain Rust; the bytes are Protocol Buffers whose tags are written by hand
//! in private mirror types (`bytes`), so that no compiler but `rustc` is
//! needed. A tag is never used again for something else. What this version does not know
//! (a kind of entry, a body of a message) is an error and never a silent nothing: a log
//! that skips an entry is no longer the same log.
//!
//! There is no behaviour of consensus here; that is the `raft` crate.

mod bytes;

use std::collections::BTreeSet;

use model::{Instant, Lineage, NodeId, WitnessId};
use prost::Message as _;

use bytes::{EntryBytes, HardStateBytes, MessageBytes, SnapshotMetaBytes};

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

/// Where a log ends. The greater of two may be followed by a voter with the smaller one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogEnd {
    /// The term of the last entry; it counts first.
    pub term: u64,
    /// The index of the last entry.
    pub index: u64,
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
    /// The members from here on, made by a forced change: the first entry of a new lineage.
    /// Those before it have no say in its own commit.
    Forced(ForcedVoters),
}

impl Payload {
    /// The members that it brings, if it brings any.
    #[must_use]
    pub fn configuration(&self) -> Option<&Configuration> {
        match self {
            Self::Voters(configuration) => Some(configuration),
            Self::Forced(forced) => Some(&forced.configuration),
            Self::Empty | Self::Command(_) => None,
        }
    }
}

/// What a forced change made of the members.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForcedVoters {
    /// The history that begins with it.
    pub lineage: Lineage,
    /// The members: those who were not excused.
    pub configuration: Configuration,
}

/// Who decides between two halves of the voters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arbiter {
    /// Nobody else: the half goes on that has the others confirmed as off.
    #[default]
    Fence,
    /// A process elsewhere has one vote.
    Witness(WitnessId),
    /// Some sectors of shared storage have one vote.
    Disk(WitnessId),
}

/// Who takes part in the log. Nobody is voter and learner at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configuration {
    /// Those whose copies and votes count.
    pub voters: BTreeSet<NodeId>,
    /// Those who only receive copies.
    pub learners: BTreeSet<NodeId>,
    /// Who decides when exactly half of the voters is left.
    pub arbiter: Arbiter,
}

impl Configuration {
    /// A configuration of these voters and no learners.
    #[must_use]
    pub fn of_voters(voters: impl IntoIterator<Item = NodeId>) -> Self {
        Self {
            voters: voters.into_iter().collect(),
            learners: BTreeSet::new(),
            arbiter: Arbiter::Fence,
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
    /// The forced change that this voter has agreed to and does not know the outcome of.
    pub pledge: Option<Pledge>,
    /// The forced change that this node has won, until its entry is in the log on disk.
    pub forced: Option<ForcedChange>,
}

/// A vote in a forced change. Who has given it votes in no election of the old lineage until
/// it is certain that the change did not happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pledge {
    /// The lineage that the change would make.
    pub lineage: Lineage,
    /// The term of the election.
    pub term: u64,
    /// Who asked.
    pub candidate: NodeId,
}

/// A forced change that was won: on disk in one record with term, vote and the new lineage,
/// before anybody hears of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForcedChange {
    /// The lineage that it makes.
    pub lineage: Lineage,
    /// The term in which it was won.
    pub term: u64,
    /// The members from then on.
    pub configuration: Configuration,
    /// The end of the log when it was won; the entry follows.
    pub prev_index: u64,
    /// The term of the entry there.
    pub prev_term: u64,
}

/// What a candidate of a forced change asks its voters to agree to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forcing {
    /// The lineage that the change makes: generation one more, this maker, random.
    pub lineage: Lineage,
    /// The voters that do not take part: exactly the absent ones.
    pub excused: BTreeSet<NodeId>,
}

/// A moment by the clock of one run of one node. Only that run can read it; all others hand
/// it back as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Names the run, so that a stamp of an earlier one is recognised.
    pub run: u32,
    /// The moment.
    pub at: Instant,
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
        /// The latest stamp that the leader has of the receiver: the leader counts the
        /// receiver as a member that may run services since then.
        echo: Option<Stamp>,
    },
    /// The answer to an [`Body::Append`] or to the last [`Body::SnapshotChunk`].
    AppendReply {
        /// What became of it.
        outcome: AppendOutcome,
        /// The sender's time.
        stamp: Option<Stamp>,
    },
    /// "I still lead."
    Heartbeat {
        /// The commit index as far as the receiver is known to have the entries.
        commit: u64,
        /// The latest round of read confirmations; repeated in the answer.
        read_round: u64,
        /// The leader's own time when it wrote this; repeated in the answer.
        sent: Option<Stamp>,
        /// As in [`Body::Append`].
        echo: Option<Stamp>,
    },
    /// The answer to a [`Body::Heartbeat`].
    HeartbeatReply {
        /// From the heartbeat.
        read_round: u64,
        /// From the heartbeat.
        sent: Option<Stamp>,
        /// The sender's time.
        stamp: Option<Stamp>,
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VoteReason {
    /// The leader was silent or is lost. Voters that still hear it keep silent.
    LeaderGone,
    /// The leader asked for it; voters need not wait for its silence.
    Transfer,
    /// Exactly the excused are absent, an arbiter has confirmed that they cannot go on, and
    /// all others are to make a new lineage. A vote for it is a [`Pledge`].
    Forced(Forcing),
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
        pledge: state.pledge.map(Into::into),
        forced: state.forced.as_ref().map(Into::into),
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
        pledge: state.pledge.map(Pledge::try_from).transpose()?,
        forced: state.forced.map(ForcedChange::try_from).transpose()?,
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
