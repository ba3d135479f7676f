//! Agreement on one log: a small Raft, pure.
//!
//! Follows "In Search of an Understandable Consensus Algorithm" (Ongaro, Ousterhout, 2014)
//! and Ongaro's dissertation, with pre-vote, check-quorum, one-at-a-time change of members,
//! learners, leadership transfer, ReadIndex and snapshots in pieces. Added to that: the
//! failure detector may say that a leader is lost, and then the election begins at once.
//!
//! It has no clock, disk, network, thread or randomness of its own. The caller hands in
//! messages, times and confirmations from the disk, and takes [`Output`]s until there are
//! none. The caller's duties, in this order of importance:
//!
//! 1. Carry out each [`Persist`] completely, in order, and say so by
//!    [`Raft::handle_persisted`] once it will survive a power loss. What must not leave the
//!    node before that is held back in here, so [`Output::Send`] may be sent at once.
//! 2. Apply [`Output::Committed`] in order; on [`Output::RestoreSnapshot`] replace the state.
//! 3. Serve a read after [`Output::ReadReady`] only when its index has been applied.
//! 4. Call [`Raft::handle_timeout`] when [`Raft::next_deadline`] has come.
//! 5. Give every run of the program another [`Config::seed`].
//!
//! It never decides on its own that a peer is dead, never looks into a command, and never
//! removes a member.

#![forbid(unsafe_code)]

mod change;
mod election;
mod follower;
mod forced;
mod leader;
mod lease;
mod log;
mod outbox;
mod progress;
mod raft;
mod random;
mod read;
mod rebuild;
mod report;
mod snapshot;

use std::time::Duration;

use model::{Lineage, NodeId};
use wire::raft::{Configuration, Entry, HardState, Message, Payload, SnapshotMeta};

pub use raft::Raft;
pub use wire::raft::{Arbiter, Forcing, Pledge};

/// Bytes of a command. With what is around it, it must fit the longest frame that a peer takes
/// ([`wire::peer::FRAME_BYTES_MAX`]), because an entry that cannot be sent would stop the log
/// for ever. Half of that frame leaves room for any growth of the message around it.
pub const COMMAND_BYTES_MAX: usize = wire::peer::FRAME_BYTES_MAX / 2;

/// What an administrator or a test may set. [`Config::new`] has the defaults.
#[derive(Debug, Clone)]
pub struct Config {
    /// This node.
    pub id: NodeId,
    /// How long a leader may be silent, and how long it may lead without hearing a
    /// majority. Each wait before a campaign is drawn between one and two of it.
    pub election_timeout: Duration,
    /// How often a leader without anything to say says so.
    pub heartbeat_interval: Duration,
    /// Between the campaigns of one voter and the next when the leader is known to be lost.
    pub election_stagger: Duration,
    /// Bytes of a snapshot in one message.
    pub snapshot_chunk: usize,
    /// Appends under way to one follower.
    pub inflight_max: usize,
    /// Entries in one append.
    pub entries_per_append_max: usize,
    /// Bytes of entries in one append; a larger entry travels alone.
    pub append_bytes_max: usize,
    /// Entries kept in memory behind the latest snapshot, for followers that are not far
    /// behind.
    pub log_tail_max: usize,
    /// For the draw of timeouts and the names of forwarded reads; another one for each run
    /// of the program, else an answer to a read of the run before may be taken for a new one.
    pub seed: u64,
}

impl Config {
    /// The defaults: election timeout 1 s, heartbeats each 100 ms.
    #[must_use]
    pub fn new(id: NodeId, seed: u64) -> Self {
        Self {
            id,
            election_timeout: Duration::from_secs(1),
            heartbeat_interval: Duration::from_millis(100),
            // Several times a round trip plus a sync of the disk: the first voter has won
            // before the second one starts.
            election_stagger: Duration::from_millis(15),
            // A tenth of a second on a slow (20 Mbit/s) link.
            snapshot_chunk: 256 * 1024,
            // A LAN round trip holds fewer; more would only be lost at once.
            inflight_max: 64,
            // Entries are about a kilobyte; this many fill a message well.
            entries_per_append_max: 256,
            // Far below the longest frame that a peer takes, and short enough that a
            // heartbeat behind it is not late.
            append_bytes_max: 1024 * 1024,
            // Minutes of a busy cluster, about a megabyte.
            log_tail_max: 1024,
            seed,
        }
    }
}

/// What this node had on disk when the program started.
#[derive(Debug, Clone, Default)]
pub struct Restored {
    /// Term, vote, commit hint and lineage.
    pub hard_state: HardState,
    /// The latest snapshot.
    pub snapshot: Option<(SnapshotMeta, Vec<u8>)>,
    /// All entries that are left, without gaps; may begin before the end of the snapshot.
    pub entries: Vec<Entry>,
}

impl Restored {
    /// A log that does not know any member yet: a node that will be added as learner.
    #[must_use]
    pub fn empty(lineage: Lineage) -> Self {
        let hard_state = HardState {
            lineage,
            ..HardState::default()
        };
        Self {
            hard_state,
            snapshot: None,
            entries: Vec::new(),
        }
    }

    /// An empty log of a newer lineage, for a node whose own log was set aside. It keeps term
    /// and vote of that log's hard state, so that the node never votes twice in a term; what it
    /// pledged or won in the old lineage is over.
    #[must_use]
    pub fn rejoin(lineage: Lineage, before: &HardState) -> Self {
        let hard_state = HardState {
            term: before.term,
            vote: before.vote,
            lineage,
            ..HardState::default()
        };
        Self {
            hard_state,
            snapshot: None,
            entries: Vec::new(),
        }
    }

    /// The log of a new cluster. Each of the first voters must start from the same one, and
    /// must have it on disk before it takes part.
    #[must_use]
    pub fn bootstrap(lineage: Lineage, configuration: Configuration) -> Self {
        let payload = Payload::Voters(configuration);
        Self {
            hard_state: HardState {
                term: 1,
                vote: None,
                commit: 1,
                lineage,
                ..HardState::default()
            },
            snapshot: None,
            entries: vec![Entry {
                index: 1,
                term: 1,
                payload,
            }],
        }
    }
}

/// Numbers the orders to the disk within one run of the program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersistSeq(pub u64);

/// One order to the disk. Its parts are carried out from top to bottom; when the power
/// fails in between, a beginning of them may remain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Persist {
    /// To be named in [`Raft::handle_persisted`].
    pub seq: PersistSeq,
    /// Replaces the hard state.
    pub hard_state: Option<HardState>,
    /// Replaces the snapshot, atomically. Entries at or before its index may be deleted, but
    /// only after this whole order has been carried out: as long as the truncation below has
    /// not happened, the entry at the snapshot's index is what tells a log that fits the
    /// snapshot from one that does not.
    pub snapshot: Option<(SnapshotMeta, Vec<u8>)>,
    /// Entries from this index on are to be deleted; 1 means all that are on disk.
    pub truncate_from: Option<u64>,
    /// Entries to add behind what is then left. After a snapshot from the leader the first
    /// one follows that snapshot.
    pub entries: Vec<Entry>,
}

/// What a node is in the present term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Follows, or waits for somebody to follow.
    Follower,
    /// Asks whether an election would be won.
    PreCandidate,
    /// Asks for votes.
    Candidate,
    /// Leads.
    Leader,
}

/// What the caller must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send this; it may get lost.
    Send(Message),
    /// Carry this out on disk, then call [`Raft::handle_persisted`].
    Persist(Persist),
    /// Apply these: never fewer, never twice in one run, in order of their indexes. A copy
    /// of each is on the disks of a majority.
    Committed(Vec<Entry>),
    /// Replace the state machine's state by this one. What is committed later follows it.
    RestoreSnapshot(SnapshotMeta, Vec<u8>),
    /// Role, term or leader are new.
    RoleChanged {
        /// The role now.
        role: Role,
        /// The term now.
        term: u64,
        /// The leader of that term, when known.
        leader: Option<NodeId>,
    },
    /// The read that was asked for under `context` may be served once `index` is applied.
    ReadReady {
        /// From [`Raft::read_index`].
        context: u64,
        /// The index.
        index: u64,
    },
    /// The read could not be confirmed; ask again when there is a leader.
    ReadFailed {
        /// From [`Raft::read_index`].
        context: u64,
    },
    /// This node has won a forced change, and leads the new lineage: the record of it is on
    /// disk. Not said again after a restart; see [`Raft::lineage`].
    Forced {
        /// The lineage that it made.
        lineage: Lineage,
    },
    /// A message of a newer history came and was dropped. Said once per peer and lineage in
    /// one run. Whether this node yields ([`Restored::rejoin`]) is not decided here.
    Superseded {
        /// Who sent it.
        by: NodeId,
        /// The history it belongs to.
        lineage: Lineage,
    },
    /// A message of another history that is not newer came and was dropped.
    LineageMismatch {
        /// Who sent it.
        peer: NodeId,
        /// The history it belongs to.
        theirs: Lineage,
    },
}

/// A change of the membership, one node at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A new node receives copies.
    AddLearner(NodeId),
    /// A learner that has caught up votes from here on.
    Promote(NodeId),
    /// A voter or learner leaves. Of an even number of voters only one may be removed that
    /// takes part in no forced change any more (see [`Standing`]), because its run is over or
    /// its owner has withdrawn its standing: the majority of those who stay decides, and need
    /// not have a node in common with a half to which the removed one belongs.
    Remove(NodeId),
    /// Somebody else decides between two halves of the voters.
    SetArbiter(Arbiter),
}

/// What the caller says about this run's right to take part in a forced change. Only the
/// caller can know: the log must have shown it this very run as up, as a voter of a committed
/// membership, under a leader that it spoke to in this run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Standing {
    /// It may not.
    #[default]
    Absent,
    /// It may ask for one, and grant one.
    Given,
}

/// Why a forced change was not begun. Nothing was sent or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForceError {
    /// See [`Standing`].
    #[error("this run has not yet been shown as up by the log")]
    NoStanding,
    /// Only a voter can be candidate.
    #[error("this node is no voter")]
    NotVoter,
    /// One forced change after the other.
    #[error("a forced change has just been won and is being written")]
    Busy,
    /// There is a leader, so nothing need be forced.
    #[error("{0} leads")]
    HasLeader(NodeId),
    /// A forced change goes from one generation to the next.
    #[error("the new lineage is of generation {found}, but {wanted} comes next")]
    Generation {
        /// What would be right.
        wanted: u64,
        /// What was asked for.
        found: u64,
    },
    /// Nobody is absent, so nothing need be forced.
    #[error("nobody is excused")]
    NobodyExcused,
    /// Only voters can be excused.
    #[error("{0} is no voter, so it cannot be excused")]
    ExcusedStranger(NodeId),
    /// A candidate cannot leave itself out.
    #[error("this node itself is excused")]
    ExcusesItself,
    /// A node that is heard is not absent.
    #[error("{0} is excused, but it is heard")]
    ExcusedIsAlive(NodeId),
    /// Those who are left can lack acknowledged entries.
    #[error("{left} of {voters} voters are left, at least {needed} are needed")]
    TooFew {
        /// The voters that are not excused.
        left: usize,
        /// All voters, of the membership that counts or of the one before.
        voters: usize,
        /// How many must be left.
        needed: usize,
    },
    /// This node has pledged itself to a candidate that would be excused, and that may have
    /// won without this node's knowledge.
    #[error("this node is pledged to {0}, which cannot be excused")]
    Pledged(NodeId),
}

/// Why a leader did not accept something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// Only the leader accepts.
    #[error("this node does not lead")]
    NotLeader {
        /// Who does, as far as known.
        leader: Option<NodeId>,
    },
    /// Too much is uncommitted, or the leadership is being handed over. Try later.
    #[error("the leader accepts nothing right now")]
    Busy,
    /// It could not be sent to the others. Nothing changed; a smaller one is taken.
    #[error("a command of {bytes} bytes; at most {COMMAND_BYTES_MAX} are taken")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The change before is not committed.
    #[error("the change of membership at index {index} is not committed yet")]
    ChangePending {
        /// Where it stands.
        index: u64,
    },
    /// A new leader must have committed an entry of its own before it changes the members.
    #[error("the leader has not committed an entry of its term yet")]
    TermNotCommitted,
    /// The learner lacks entries.
    #[error("{node} has entries up to {matched} of {last}")]
    NotCaughtUp {
        /// The learner.
        node: NodeId,
        /// The last entry it is known to have.
        matched: u64,
        /// The leader's last entry.
        last: u64,
    },
    /// It is a member already.
    #[error("{0} is a member already")]
    AlreadyMember(NodeId),
    /// It is no member.
    #[error("{0} is no member")]
    NotMember(NodeId),
    /// It is no learner, so it cannot be promoted.
    #[error("{0} is no learner")]
    NotLearner(NodeId),
    /// It is no voter, so it cannot lead.
    #[error("{0} is no voter")]
    NotVoter(NodeId),
    /// Nobody would be left to vote.
    #[error("{0} is the last voter")]
    LastVoter(NodeId),
    /// Nothing would change.
    #[error("it is the arbiter already")]
    SameArbiter,
}

/// What the leader knows of one follower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FollowerProgress {
    /// Its log equals the leader's up to here.
    pub matched: u64,
    /// How it is being served.
    pub mode: ProgressMode,
    /// When it last answered.
    pub heard_at: Option<model::Instant>,
}

/// How a follower is being served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressMode {
    /// Where its log agrees is being found out; one append at a time.
    Probe,
    /// Entries stream.
    Replicate,
    /// It gets a snapshot.
    Snapshot,
}

/// What was dropped and why; for `status` and tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages of another history.
    pub lineage_mismatches: u64,
    /// Messages for another node, or from this one.
    pub misdirected: u64,
    /// Elections that this node began.
    pub campaigns: u64,
}
