//! Locks: each is held by one session at a time, under a lease that must be renewed.
//!
//! Who holds a lock is told with a *fencing token*: a number that grows with each new holder.
//! What the lock protects takes no order with a lower token than one that it has seen.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    BootId, ClusterTime, LockToken, NodeName, Reason, SessionName, UserName, WallTime, duration,
};

/// A holder that is not heard for this long has lost its lock, unless it asked for another
/// span: longer than a failover with slow devices takes, in which nothing can be renewed.
pub const LEASE_DEFAULT: Duration = Duration::from_secs(30);

/// A shorter lease could end while a new leader is elected, though its holder is well.
pub const LEASE_MIN: Duration = Duration::from_secs(2);

/// What is held for longer without a word is no lock but a setting.
pub const LEASE_MAX: Duration = Duration::from_secs(24 * 3600);

/// A holder counts its lease from the moment at which it *sent* what took or renewed it, and
/// gives up a twentieth before the end: two clocks may go so differently.
#[must_use]
pub fn holds_for(lease: Duration) -> Duration {
    lease.mul_f64(0.95)
}

/// Who holds a lock or waits for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockOwner {
    /// Names one run of one client.
    pub session: SessionName,
    /// Under which account.
    pub user: UserName,
    /// On which node.
    pub node: NodeName,
    /// In which boot of it: with the boot ends all that the client did.
    pub boot: BootId,
}

impl fmt::Display for LockOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {} ({})", self.user, self.node, self.session)
    }
}

/// What one session has of a lock: the lock itself, or a place in the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockPlace {
    /// Whose.
    pub owner: LockOwner,
    /// For how long it is kept without being renewed.
    #[serde(with = "duration")]
    pub lease: Duration,
    /// The log index of what took or renewed it last. It names this renewal.
    pub renewed: u64,
    /// When that was in the cluster's life.
    pub renewed_at: ClusterTime,
    /// Since when, for people.
    pub since: WallTime,
}

impl LockPlace {
    /// Until when it is kept.
    #[must_use]
    pub fn until(&self) -> ClusterTime {
        self.renewed_at + self.lease
    }
}

/// A lock that somebody holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockSeen {
    /// The fencing token of the holder.
    pub token: LockToken,
    /// The holder.
    pub holder: LockPlace,
    /// A person wants it back: it is not renewed any more, and ends with its lease.
    #[serde(default)]
    pub recalled_by: Option<UserName>,
    /// Who waits, in the order in which they get it.
    #[serde(default)]
    pub waiting: Vec<LockPlace>,
}

impl LockSeen {
    /// The holder and all that wait.
    pub fn places(&self) -> impl Iterator<Item = &LockPlace> {
        std::iter::once(&self.holder).chain(&self.waiting)
    }

    /// What this session has of it.
    #[must_use]
    pub fn place_of(&self, session: &SessionName) -> Option<&LockPlace> {
        self.places().find(|place| place.owner.session == *session)
    }
}

/// Whether a session waits for a lock that another one holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockWait {
    /// It is told that somebody holds it.
    No,
    /// It gets a place in the queue.
    Queue,
}

/// Why somebody holds a lock no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockEnd {
    /// The holder has given it back.
    Released,
    /// The holder was not heard for the whole lease.
    Lapsed {
        /// The lease.
        #[serde(with = "duration")]
        lease: Duration,
    },
    /// The same, after a person had asked for it.
    Recalled {
        /// Who.
        by: UserName,
    },
    /// The boot in which the holder ran is over.
    NodeEnded {
        /// How that is known.
        because: Reason,
    },
}

impl fmt::Display for LockEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Released => f.write_str("released"),
            Self::Lapsed { lease } => {
                write!(f, "not renewed for {}", duration::format(*lease))
            }
            Self::Recalled { by } => write!(f, "recalled by {by}"),
            Self::NodeEnded { because } => write!(f, "{because}"),
        }
    }
}
