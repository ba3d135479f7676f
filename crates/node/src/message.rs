//! What two nodes say to each other, apart from heartbeats.

use crate::requests::{RequestError, RequestId};

/// A message between two members. It may be lost, repeated or late.
#[derive(Debug, Clone, PartialEq)]
pub enum PeerMessage {
    /// Of the log.
    Raft(wire::raft::Message),
    /// A command for the leader to propose: JSON of `model::Stamped`.
    Proposal {
        /// Chosen by the asker, unique among all of its runs.
        id: RequestId,
        /// The command.
        command: Vec<u8>,
    },
    /// What became of it.
    ProposalReply {
        /// The asker's number.
        id: RequestId,
        /// The leader's answer after it was applied, or why it was not proposed.
        result: Result<u64, RequestError>,
    },
}
