//! Why a service is where it is, and not elsewhere.

use serde::{Deserialize, Serialize};

use crate::ServiceState;

/// Why a service is where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Which service.
    pub service: String,
    /// How it is.
    pub state: ServiceState,
    /// Where it runs, if it does.
    pub node: Option<String>,
    /// Why it is as it is, in words.
    pub because: String,
    /// Each node, best first.
    pub nodes: Vec<NodeVerdict>,
    /// What it waits for and who could unblock it, one sentence each.
    #[serde(default)]
    pub waits: Vec<String>,
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
