//! Requests that wait for the log, and how each is answered.

use std::collections::{BTreeMap, BTreeSet};

use api::lock::LockReply;
use api::{ApiError, ApplyReply, ErrorCode, OrderReply, TokenReply, WitnessReply};
use consensus::{JoinReply, join::Refusal};
use model::{Instant, LockName, NodeId, NodeName, Rejected, SessionName};
use node::{RequestError, RequestId};
use server::Reply;
use tokio::sync::oneshot;

use super::control::Control;

/// What is done with the answer of the log.
pub enum Pending {
    /// An order.
    Order {
        /// For the answer.
        reply: Reply<OrderReply>,
        /// What it says beside the index.
        answer: OrderReply,
    },
    /// A configuration.
    Apply {
        /// For the answer.
        reply: Reply<ApplyReply>,
        /// What it says beside index and version.
        answer: ApplyReply,
    },
    /// A token.
    Token {
        /// For the answer.
        reply: Reply<TokenReply>,
        /// The token, which counts from now on.
        answer: TokenReply,
    },
    /// A witness.
    Witness {
        /// For the answer.
        reply: Reply<WitnessReply>,
        /// What it says beside the index.
        answer: WitnessReply,
        /// The one that is taken out.
        removed: Option<model::seen::WitnessSeen>,
    },
    /// What a session has of a lock.
    Lock {
        /// For the answer.
        reply: Reply<LockReply>,
        /// Which lock.
        lock: LockName,
        /// The session; none for a recall.
        session: Option<SessionName>,
    },
    /// A new member.
    Join {
        /// For the answer.
        reply: oneshot::Sender<Result<JoinReply, Refusal>>,
        /// Who joins.
        name: NodeName,
    },
    /// The cluster's first member or this node's own removal: nobody waits.
    Own(Own),
}

/// What this node asks for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// To be the first member.
    First,
    /// To be taken out.
    Removal,
}

/// All of them.
#[derive(Default)]
pub struct PendingMap {
    /// By request.
    pub map: BTreeMap<RequestId, Pending>,
    /// The voters that the heartbeat thread was told last.
    pub voters: BTreeSet<NodeId>,
    /// Questions between nodes.
    pub asks: super::asks::Asks,
    /// The version of the spec and the number of services seen when what services have left
    /// was tidied up: both stay the same while nothing goes.
    pub tidied: Option<(u64, usize)>,
    /// Whether the first member was asked for.
    pub first: bool,
    /// When a quorum was heard last, in this run.
    pub contact: Option<Instant>,
}

impl Control {
    /// A number for a new request.
    pub fn new_request(&mut self, pending: Pending) -> RequestId {
        let id = RequestId(self.next_request);
        self.next_request += 1;
        self.pending.map.insert(id, pending);
        id
    }

    /// The log has answered.
    pub fn answer(&mut self, id: RequestId, result: Result<u64, RequestError>) {
        let Some(pending) = self.pending.map.remove(&id) else {
            return;
        };
        match pending {
            Pending::Order { reply, mut answer } => {
                answer.index = result.as_ref().ok().copied();
                drop(reply.send(result.map(|_| answer).map_err(to_error)));
            }
            Pending::Apply { reply, mut answer } => {
                answer.index = result.as_ref().ok().copied();
                answer.version = Some(answer.base_version + 1);
                drop(reply.send(result.map(|_| answer).map_err(to_error)));
            }
            Pending::Token { reply, answer } => {
                drop(reply.send(result.map(|_| answer).map_err(to_error)));
            }
            Pending::Witness {
                reply,
                mut answer,
                removed,
            } => {
                if let (Some(removed), Ok(_)) = (&removed, &result) {
                    self.dismiss_witness(removed);
                }
                answer.index = result.as_ref().ok().copied();
                drop(reply.send(result.map(|_| answer).map_err(to_error)));
            }
            Pending::Lock {
                reply,
                lock,
                session,
            } => {
                let answer = result.map(|index| self.lock_reply(index, (&lock, session.as_ref())));
                drop(reply.send(answer.map_err(to_error)));
            }
            Pending::Join { reply, name } => {
                let answer = result
                    .map_err(to_refusal)
                    .and_then(|_| self.join_reply(&name));
                drop(reply.send(answer));
            }
            Pending::Own(own) => self.answer_own(own, &result),
        }
    }

    fn answer_own(&mut self, own: Own, result: &Result<u64, RequestError>) {
        match (own, result) {
            (Own::First, Ok(_)) => tracing::info!("this node is the first member"),
            (Own::First, Err(error)) => {
                self.pending.first = false;
                tracing::warn!("the first member was not accepted: {error}");
            }
            (Own::Removal, Ok(_)) => self.is_settled = true,
            (Own::Removal, Err(error)) => {
                tracing::warn!("nobody said that this node was taken out: {error}");
                self.is_settled = true;
            }
        }
    }
}

/// The error that people and scripts see.
pub fn to_error(error: RequestError) -> ApiError {
    match error {
        RequestError::Rejected(rejected) => rejected.into(),
        // It has waited for longer than an election takes.
        RequestError::NoLeader => ErrorCode::NoQuorum.error(RequestError::NoLeader.to_string()),
        RequestError::LeaderChanged | RequestError::TimedOut => {
            ErrorCode::TimedOut.error(error.to_string())
        }
        RequestError::Busy => ErrorCode::Busy.error(error.to_string()),
    }
}

fn to_refusal(error: RequestError) -> Refusal {
    match error {
        RequestError::Rejected(Rejected::BadToken) => Refusal::BadToken,
        RequestError::Rejected(Rejected::NodeExists(name)) => Refusal::NameTaken(name),
        RequestError::Rejected(other) => Refusal::Refused(other.to_string()),
        RequestError::NoLeader
        | RequestError::LeaderChanged
        | RequestError::TimedOut
        | RequestError::Busy => Refusal::NotNow(error.to_string()),
    }
}
