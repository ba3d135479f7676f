//! Why a service is where it is, and not elsewhere.

use serde::{Deserialize, Serialize};

use crate::{HistoryEntryView, OutageView, ServiceState, Timestamp};

/// Why a service is where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Which service.
    pub service: String,
    /// How it is.
    pub state: ServiceState,
    /// Where it runs, if it does.
    pub node: Option<String>,
    /// Of a copy of a service with roles: `promoted`, `unpromoted`, `promoting` or `demoting`.
    #[serde(default)]
    pub role: Option<String>,
    /// Why it is as it is, in words.
    pub because: String,
    /// Each node, best first.
    pub nodes: Vec<NodeVerdict>,
    /// Of a service with roles each copy, and why it is promoted or not; those that shall be
    /// promoted first. Not told of earlier times.
    #[serde(default)]
    pub roles: Vec<RoleVerdict>,
    /// What it waits for and who could unblock it, one sentence each.
    #[serde(default)]
    pub waits: Vec<String>,
    /// Since when it is so.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// What led to it, oldest first: what was decided about the service and reported of it,
    /// and the losses and fences behind that.
    #[serde(default)]
    pub happened: Vec<HistoryEntryView>,
    /// The moment that is explained; none: now.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// What is not known, one sentence each.
    #[serde(default)]
    pub unknown: Vec<String>,
    /// Why it is not on the node that was asked for, and what would bring it there.
    #[serde(default)]
    pub not_on: Option<NotOn>,
}

/// What speaks for and against one node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeVerdict {
    /// Which.
    pub node: String,
    /// Whether it may run the service now.
    pub allowed: bool,
    /// The sum of its points; none where it may not run the service.
    pub score: Option<i64>,
    /// Where the points come from, or why it may not, one sentence each.
    pub because: Vec<String>,
}

/// What speaks for and against a copy being promoted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleVerdict {
    /// Which copy.
    pub copy: String,
    /// Where it is, if anywhere.
    pub node: Option<String>,
    /// Its role now, as in `Explanation`; none where it is nowhere.
    pub role: Option<String>,
    /// The points that count for the role; none where it cannot be promoted now.
    pub score: Option<i64>,
    /// Where the points come from, and why it is promoted or not, one sentence each.
    pub because: Vec<String>,
}

/// Why a service is not on a node, and what would bring it there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotOn {
    /// Which node.
    pub node: String,
    /// Why it is not there, one sentence each.
    pub because: Vec<String>,
    /// What would have to change, in this order.
    pub changes: Vec<String>,
    /// Whether it would then run there, as played ahead.
    pub helps: bool,
    /// How long it would not answer on the way.
    #[serde(default)]
    pub outage: Option<OutageView>,
}
