//! What two nodes say to each other, apart from heartbeats.

use model::NodeId;

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
    /// Of a member that does not reach the receiver directly, or for such a one.
    Relayed(Relayed),
}

/// A message on its way over other members.
#[derive(Debug, Clone, PartialEq)]
pub struct Relayed {
    /// Whose it is.
    pub from: NodeId,
    /// For whom it is.
    pub to: NodeId,
    /// Over how many links it has gone, the one to the receiver of this included; at most
    /// `wire::heartbeat::HOPS_MAX`.
    pub hops: u8,
    /// The message; never itself one that is relayed.
    pub message: Box<PeerMessage>,
}
