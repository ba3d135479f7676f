//! The cluster in a laboratory, as its own daemons see it.

use std::time::Duration;

use serde::Deserialize;

use crate::handle::Lab;
use crate::protocol::{Pace, Power};

/// A daemon that does not answer within this is asked no more; the next node is.
const STATUS_LIMIT: Duration = Duration::from_secs(2);

/// The parts of `mainstay status --json` that tests and people wait for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct View {
    /// Who leads.
    pub leader: Option<String>,
    /// Whether decisions can be made.
    pub quorate: bool,
    /// The nodes.
    pub nodes: Vec<NodeView>,
    /// The services.
    pub services: Vec<ServiceView>,
}

/// A node in a view.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NodeView {
    /// Its name.
    pub name: String,
    /// Its state, in the words of `mainstay status`.
    pub state: String,
}

/// A service in a view.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ServiceView {
    /// Its name.
    pub name: String,
    /// Its state, in the words of `mainstay status`.
    pub state: String,
    /// Where it is.
    pub node: Option<String>,
}

impl View {
    /// Where a service runs.
    #[must_use]
    pub fn runs_on(&self, service: &str) -> Option<&str> {
        let runs = |s: &&ServiceView| s.name == service && s.state == "running";
        self.services.iter().find(runs)?.node.as_deref()
    }

    /// Whether all of `count` nodes are members and ready.
    #[must_use]
    pub fn all_online(&self, count: usize) -> bool {
        self.nodes.len() == count && self.nodes.iter().all(|node| node.state == "online")
    }
}

/// Runs a command on the first node where it succeeds: one that is off, paused or cut does not
/// count.
#[must_use]
pub fn ask(lab: &Lab, argv: &[&str]) -> Option<String> {
    let status = lab.status().ok()?;
    let awake = |power, pace| power == Power::On && pace == Pace::Running;
    let nodes = status
        .nodes
        .iter()
        .filter(|node| awake(node.power, node.pace));
    nodes
        .filter(|node| !status.cuts.iter().any(|cut| cut.node == node.name))
        .filter_map(|node| lab.exec_within(&node.name, argv, STATUS_LIMIT).ok())
        .find(|output| output.code == 0)
        .map(|output| output.stdout)
}

/// Asks the first node that answers how the cluster is.
#[must_use]
pub fn look(lab: &Lab) -> Option<View> {
    serde_json::from_str(&ask(lab, &["mainstay", "status", "--json"])?).ok()
}
