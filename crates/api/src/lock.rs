//! Locks for programs: who holds what, who waits, and what is done about it.

use std::time::Duration;

use model::lock::{LockPlace, LockSeen};
use model::{ClusterTime, LockName};
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What a client or a person wants of a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum LockRequest {
    /// Take it; a session that has it already renews it.
    Take {
        /// Which.
        lock: String,
        /// Names the session; none: the daemon names it.
        #[serde(default)]
        session: Option<String>,
        /// For how long it is kept without being renewed; none: 30 s.
        #[serde(default)]
        lease_ms: Option<u64>,
        /// Whether a place in the queue is wanted where another one holds it.
        #[serde(default)]
        wait: bool,
    },
    /// Renew it, or the place in its queue.
    Renew {
        /// Which.
        lock: String,
        /// The session.
        session: String,
        /// The token that the session believes to hold; another one is refused.
        #[serde(default)]
        token: Option<u64>,
    },
    /// Give it back, or the place in its queue.
    Release {
        /// Which.
        lock: String,
        /// The session.
        session: String,
        /// The token that the session believes to hold; another one is refused.
        #[serde(default)]
        token: Option<u64>,
    },
    /// A person wants it back: it is not renewed any more.
    Recall {
        /// Which.
        lock: String,
        /// Of which holder.
        token: u64,
    },
}

impl LockRequest {
    /// The lock that it is about.
    #[must_use]
    pub fn lock(&self) -> &str {
        match self {
            Self::Take { lock, .. }
            | Self::Renew { lock, .. }
            | Self::Release { lock, .. }
            | Self::Recall { lock, .. } => lock,
        }
    }
}

/// What a session has of a lock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockStanding {
    /// It holds it.
    Held,
    /// It waits.
    Waiting,
    /// Nothing.
    #[default]
    None,
}

/// The answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockReply {
    /// Which lock.
    pub lock: String,
    /// The session; empty for a recall.
    #[serde(default)]
    pub session: String,
    /// What the session has of the lock now.
    pub standing: LockStanding,
    /// The fencing token, where it holds it.
    #[serde(default)]
    pub token: Option<u64>,
    /// Its place in the queue, from 1, where it waits.
    #[serde(default)]
    pub place: Option<usize>,
    /// For how long it is kept without being renewed. Count from the moment at which the request
    /// was sent, and give up a twentieth before the end.
    #[serde(default)]
    pub lease_ms: u64,
    /// The log index under which the request was applied.
    pub index: u64,
}

/// A lock that somebody holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockView {
    /// Its name.
    pub name: String,
    /// The fencing token of the holder.
    pub token: u64,
    /// The holder.
    pub holder: LockPlaceView,
    /// Who wants it back, if a person does.
    #[serde(default)]
    pub recalled_by: Option<String>,
    /// Who waits, in the order in which they get it.
    pub waiting: Vec<LockPlaceView>,
}

/// A holder, or somebody who waits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockPlaceView {
    /// The session.
    pub session: String,
    /// The account.
    pub user: String,
    /// The node on which the client runs.
    pub node: String,
    /// Since when.
    pub since: Timestamp,
    /// For how long it is kept without being renewed.
    pub lease_ms: u64,
    /// How much of that is left, as far as the node knows that answers.
    pub left_ms: u64,
}

/// All locks that somebody holds, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locks {
    /// Whose view this is.
    pub seen_by: String,
    /// The locks.
    pub locks: Vec<LockView>,
}

impl LockView {
    /// A lock as a node sees it at this time of the cluster's life.
    #[must_use]
    pub fn new(name: &LockName, seen: &LockSeen, now: ClusterTime) -> Self {
        Self {
            name: name.to_string(),
            token: seen.token.0,
            holder: place(&seen.holder, now),
            recalled_by: seen.recalled_by.as_ref().map(ToString::to_string),
            waiting: seen.waiting.iter().map(|own| place(own, now)).collect(),
        }
    }
}

fn place(own: &LockPlace, now: ClusterTime) -> LockPlaceView {
    LockPlaceView {
        session: own.owner.session.to_string(),
        user: own.owner.user.to_string(),
        node: own.owner.node.to_string(),
        since: own.since.into(),
        lease_ms: millis(own.lease),
        left_ms: millis(own.until().saturating_duration_since(now)),
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
