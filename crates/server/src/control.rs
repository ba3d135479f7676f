//! What the control loop is asked.

use std::time::Duration;

use api::lock::{LockReply, LockRequest, Locks};
use api::quorum::{ForceReply, ForceRequest, QuorumStatus};
use api::{
    ApiError, ApplyReply, ApplyRequest, ConfigVersion, ConfigVersions, EnvironmentReport,
    EnvironmentRequest, ErrorCode, Explanation, Fences, History, NodeQuestion, Order, OrderReply,
    Status, TokenReply, WhatIfReply, WhatIfRequest, WitnessReply, WitnessRequest, Witnesses,
};
use model::{NodeName, ServiceName, UserName, WallTime};
use tokio::sync::{mpsc, oneshot, watch};

/// Requests that may wait for the control loop. It answers each within a millisecond, and
/// people do not type faster than that; a longer queue would only hide that it is stuck.
pub const CONTROL_QUEUE_MAX: usize = 64;

/// How long one request may take. A commit needs an fsync on a majority of nodes, and an
/// election may come in between; what is not done by then will not be soon.
const REPLY_LIMIT: Duration = Duration::from_secs(30);

/// Where the answer to a request goes.
pub type Reply<T> = oneshot::Sender<Result<T, ApiError>>;

/// Whether a change is only looked at or carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Tell what would follow; change nothing.
    Preview,
    /// Carry it out.
    Commit,
}

/// Which part of the history is wanted. Of what matches, the newest `limit` entries are
/// given, oldest first; with `after`, the oldest `limit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Only entries with a greater log index.
    pub after: Option<u64>,
    /// Only entries from this time on.
    pub since: Option<WallTime>,
    /// How many at most.
    pub limit: usize,
}

/// What is to be explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainQuestion {
    /// Which service.
    pub service: ServiceName,
    /// Why it is not there, in detail.
    pub not_on: Option<NodeName>,
    /// As it was then.
    pub at: Option<WallTime>,
}

/// A request to the control loop. A dropped `reply` is answered with "the daemon is
/// stopping".
#[derive(Debug)]
pub enum ControlRequest {
    /// The state of everything.
    Status {
        /// The answer.
        reply: Reply<Status>,
    },
    /// Who may decide, and what this node waits for.
    Quorum {
        /// The answer.
        reply: Reply<QuorumStatus>,
    },
    /// A person wants this node to go on without others. It works without a leader.
    ForceQuorum {
        /// Whom it shall do without.
        request: ForceRequest,
        /// Who asks.
        by: UserName,
        /// The answer.
        reply: Reply<ForceReply>,
    },
    /// A new configuration. `request.dry_run` says the same as `mode`.
    Apply {
        /// What is wanted.
        request: ApplyRequest,
        /// Look at it, or carry it out.
        mode: Mode,
        /// Who asks.
        by: UserName,
        /// The answer.
        reply: Reply<ApplyReply>,
    },
    /// An order. One that needs a confirmation comes with `Mode::Commit` only after it was
    /// given.
    Order {
        /// What is wanted.
        order: Order,
        /// Look at it, or carry it out.
        mode: Mode,
        /// Who asks.
        by: UserName,
        /// The answer.
        reply: Reply<OrderReply>,
    },
    /// What happened.
    History {
        /// Which part.
        query: HistoryQuery,
        /// The answer.
        reply: Reply<History>,
    },
    /// Settled fences.
    Fences {
        /// The answer.
        reply: Reply<Fences>,
    },
    /// One version of the configuration, with its text.
    Config {
        /// Which; none: the live one.
        version: Option<u64>,
        /// The answer.
        reply: Reply<ConfigVersion>,
    },
    /// The kept versions of the configuration, without their texts.
    ConfigVersions {
        /// The answer.
        reply: Reply<ConfigVersions>,
    },
    /// A new join token.
    Token {
        /// For how long.
        valid_for: Duration,
        /// Who asks.
        by: UserName,
        /// The answer.
        reply: Reply<TokenReply>,
    },
    /// The witnesses, as this node sees them.
    Witnesses {
        /// The answer.
        reply: Reply<Witnesses>,
    },
    /// A witness is added or taken out.
    SetWitness {
        /// What is wanted.
        request: WitnessRequest,
        /// Who asks.
        by: UserName,
        /// The answer.
        reply: Reply<WitnessReply>,
    },
    /// Locks that somebody holds.
    Locks {
        /// One of them; none: all.
        only: Option<String>,
        /// The answer.
        reply: Reply<Locks>,
    },
    /// A lock is taken, renewed, given back or recalled.
    Lock {
        /// What is wanted.
        request: LockRequest,
        /// Who asks.
        by: UserName,
        /// The answer.
        reply: Reply<LockReply>,
    },
    /// What a node has written down: of operations, of its daemon.
    AskNode {
        /// Which node; none: this one.
        node: Option<NodeName>,
        /// What is asked.
        question: NodeQuestion,
        /// The answer, of the type that goes with the question.
        reply: Reply<serde_json::Value>,
    },
    /// Why a service is where it is.
    Explain {
        /// What is asked.
        question: ExplainQuestion,
        /// The answer.
        reply: Reply<Explanation>,
    },
    /// Whether the nodes have what a configuration needs.
    Environment {
        /// Which configuration.
        request: EnvironmentRequest,
        /// The answer.
        reply: Reply<EnvironmentReport>,
    },
    /// What would happen if something failed.
    WhatIf {
        /// What is asked.
        request: WhatIfRequest,
        /// The answer.
        reply: Reply<WhatIfReply>,
    },
}

/// The way to the control loop.
#[derive(Debug, Clone)]
pub struct ControlHandle {
    sender: mpsc::Sender<ControlRequest>,
    applied: watch::Receiver<u64>,
}

impl ControlHandle {
    /// A handle, and what the control loop keeps: the receiver of requests, and the sender
    /// by which it tells each new applied log index (`send_replace`). Both may be dropped
    /// when the daemon stops; requests are then refused as "stopping".
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<ControlRequest>, watch::Sender<u64>) {
        let (sender, receiver) = mpsc::channel(CONTROL_QUEUE_MAX);
        let (tell, applied) = watch::channel(0);
        (Self { sender, applied }, receiver, tell)
    }

    /// Asks the control loop, and waits for the answer.
    ///
    /// # Errors
    /// The answer's own, or `Busy`, `Stopping`, `TimedOut`.
    pub async fn ask<T>(
        &self,
        make: impl FnOnce(Reply<T>) -> ControlRequest,
    ) -> Result<T, ApiError> {
        let (reply, answer) = oneshot::channel();
        self.sender
            .try_send(make(reply))
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => {
                    ErrorCode::Busy.error(format!("{CONTROL_QUEUE_MAX} requests wait already"))
                }
                mpsc::error::TrySendError::Closed(_) => stopping(),
            })?;
        match tokio::time::timeout(REPLY_LIMIT, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_dropped)) => Err(stopping()),
            Err(_elapsed) => Err(ErrorCode::TimedOut.error(format!(
                "the daemon did not answer within {} s",
                REPLY_LIMIT.as_secs()
            ))),
        }
    }

    /// Waits until an index greater than `after` is applied, at most `limit`. Returns what
    /// is applied then.
    pub(crate) async fn applied_after(&self, after: u64, limit: Duration) -> u64 {
        let mut applied = self.applied.clone();
        let newer = applied.wait_for(|index| after < *index);
        // Both ends of the wait are answers: nothing new within the limit, or the daemon
        // stops; the client asks again and finds out.
        let found = tokio::time::timeout(limit, newer).await;
        match found {
            Ok(Ok(index)) => *index,
            Ok(Err(_)) | Err(_) => *self.applied.borrow(),
        }
    }
}

fn stopping() -> ApiError {
    ErrorCode::Stopping.error("the daemon is stopping")
}
