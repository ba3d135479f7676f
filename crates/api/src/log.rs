//! What a node has written down: output of operations, the daemon's own log, and how much of
//! it is told.

use std::collections::BTreeMap;

use model::{ResourceName, ServiceName};
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What a node is asked about itself, on behalf of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeQuestion {
    /// What operations printed there: answered with a [`LogView`].
    Log {
        /// Of which service.
        service: ServiceName,
        /// Which part.
        query: LogQuery,
    },
    /// The log of its daemon: answered with a [`DaemonLog`].
    DaemonLog {
        /// Which part.
        query: DaemonLogQuery,
    },
    /// How much its daemon tells: answered with [`Levels`].
    Levels {
        /// Changed to this before; none: only told.
        set: Option<LevelsChange>,
    },
}

impl NodeQuestion {
    /// Whether the answer may wait until there is something to tell.
    #[must_use]
    pub fn waits(&self) -> bool {
        match self {
            Self::Log { query, .. } => query.follow.is_some(),
            Self::DaemonLog { query } => query.follow.is_some(),
            Self::Levels { .. } => false,
        }
    }
}

/// Which part of what operations printed is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogQuery {
    /// Of one resource only.
    pub resource: Option<ResourceName>,
    /// Of one operation only: a verb like `start`, or the number of a plan.
    pub operation: Option<String>,
    /// From this time on.
    pub since: Option<Timestamp>,
    /// What was written after this `cursor` of an earlier answer; waits until there is some.
    pub follow: Option<String>,
}

/// What the last operations on a service printed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogView {
    /// Which service.
    pub service: String,
    /// The node that tells it: output is kept where it was printed.
    pub node: String,
    /// The node that holds the service now; when it is another, ask there as well.
    #[serde(default)]
    pub runs_on: Option<String>,
    /// Oldest first.
    pub lines: Vec<LogLine>,
    /// Where this answer ends: what to `follow` from.
    #[serde(default)]
    pub cursor: String,
}

/// One operation, or one program's last words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When it ended; for a program's own output, when it printed last; 1970 when that is no
    /// longer known.
    pub at: Timestamp,
    /// Which resource.
    pub resource: String,
    /// `probe`, `start`, `stop` or `status`; empty for what happened by itself.
    pub verb: String,
    /// How it ended, in words.
    pub outcome: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// The plan that the operation follows, where that is still known.
    #[serde(default)]
    pub plan: Option<u64>,
    /// The tail of what it printed.
    pub output: String,
}

/// Which part of a daemon's log is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DaemonLogQuery {
    /// From this time on.
    pub since: Option<Timestamp>,
    /// What came after this `cursor` of an earlier answer; waits until there is some.
    pub follow: Option<u64>,
}

/// The newest lines of a daemon's log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonLog {
    /// Whose.
    pub node: String,
    /// Oldest first.
    pub lines: Vec<DaemonLine>,
    /// Where this answer ends: what to `follow` from.
    pub cursor: u64,
    /// Lines that came and went before anybody asked for them.
    #[serde(default)]
    pub missed: u64,
}

/// One line of a daemon's log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonLine {
    /// When.
    pub at: Timestamp,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// Which part of the program, like `agents::address`.
    pub module: String,
    /// What.
    pub text: String,
}

/// How much a daemon tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Levels {
    /// Whose.
    pub node: String,
    /// What is told of everything that is not named below.
    pub level: String,
    /// Parts of the program that tell more or less.
    #[serde(default)]
    pub modules: BTreeMap<String, String>,
    /// What it was when the daemon started: what `reset` goes back to.
    pub at_start: String,
}

/// A change of what a daemon tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LevelsChange {
    /// `LEVEL`, `MODULE=LEVEL`, several with commas; what is not named stays.
    Set(String),
    /// As it was when the daemon started.
    Reset,
}

/// Changes what a daemon tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelsRequest {
    /// Of which node; none: the one that is asked.
    #[serde(default)]
    pub node: Option<model::NodeName>,
    /// What.
    pub change: LevelsChange,
}
