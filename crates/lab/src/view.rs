//! The cluster in a laboratory, as its own daemons see it.

use std::time::Duration;

use serde::Deserialize;

use crate::handle::Lab;
use crate::protocol::{NodeStatus, Pace, Power, Status};

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
    /// The service that it is a copy of, if it is one.
    #[serde(default)]
    pub copy_of: Option<String>,
    /// Whether it is promoted, where there are roles.
    #[serde(default)]
    pub role: Option<String>,
}

impl ServiceView {
    /// Whether it is called like this; a service with copies means its promoted one.
    #[must_use]
    pub fn is_meant_by(&self, name: &str) -> bool {
        let is_led = self.role.as_deref() == Some("promoted");
        self.name == name || (is_led && self.copy_of.as_deref() == Some(name))
    }
}

impl View {
    /// Where a service runs; of one with copies, where it is promoted.
    #[must_use]
    pub fn runs_on(&self, service: &str) -> Option<&str> {
        let runs = |s: &&ServiceView| s.is_meant_by(service) && s.state == "running";
        self.services.iter().find(runs)?.node.as_deref()
    }

    /// Whether all of `count` nodes are members and ready.
    #[must_use]
    pub fn all_online(&self, count: usize) -> bool {
        self.quorate
            && self.nodes.len() == count
            && self.nodes.iter().all(|node| node.state == "online")
    }
}

/// Nodes that may know how the cluster is: first those with whole cables, then those that are
/// cut from single nodes or networks. Nodes that are off, paused or cut from all are none.
fn informed(status: Status) -> Vec<String> {
    let Status { nodes, cuts, .. } = status;
    let cuts_of = |node: &NodeStatus| -> Vec<bool> {
        let of = cuts.iter().filter(|cut| cut.node == node.name);
        let is_whole = |cut: &crate::protocol::Cut| {
            cut.from.is_none() && cut.network.is_none() && cut.card.is_none()
        };
        of.map(is_whole).collect()
    };
    let runs = |node: &NodeStatus| node.power == Power::On && node.pace == Pace::Running;
    let reachable = nodes.iter().filter(|node| runs(node));
    let mut found: Vec<(bool, String)> = reachable
        .map(|node| (cuts_of(node), node.name.clone()))
        .filter(|(cuts, _)| !cuts.contains(&true))
        .map(|(cuts, name)| (!cuts.is_empty(), name))
        .collect();
    found.sort_by_key(|(is_cut, _)| *is_cut);
    found.into_iter().map(|(_, name)| name).collect()
}

/// What a command prints on each node where it succeeds, asked one after the other.
fn answers<'a>(lab: &'a Lab, argv: &'a [&str]) -> impl Iterator<Item = (String, String)> + 'a {
    let nodes = lab.status().map(informed).unwrap_or_default();
    nodes.into_iter().filter_map(move |node| {
        let output = lab.exec_within(&node, argv, STATUS_LIMIT).ok()?;
        (output.code == 0).then_some((node, output.stdout))
    })
}

/// The view of a node that is in contact with a quorum, else of any that answers: a node that
/// has just come back still tells what it knew before.
fn best(lab: &Lab) -> Option<(String, View)> {
    let mut stale = None;
    for (node, text) in answers(lab, &["mainstay", "status", "--json"]) {
        match serde_json::from_str::<View>(&text) {
            Ok(view) if view.quorate => return Some((node, view)),
            Ok(view) => stale = stale.or(Some((node, view))),
            Err(_) => {}
        }
    }
    stale
}

/// Runs a command on a node that is in contact with a quorum, if there is one, and gives what
/// it printed.
#[must_use]
pub fn ask(lab: &Lab, argv: &[&str]) -> Option<String> {
    let (node, _) = best(lab)?;
    let output = lab.exec_within(&node, argv, STATUS_LIMIT).ok()?;
    (output.code == 0).then_some(output.stdout)
}

/// A node that is in contact with a quorum.
#[must_use]
pub fn quorate_node(lab: &Lab) -> Option<String> {
    best(lab).and_then(|(node, view)| view.quorate.then_some(node))
}

/// Asks how the cluster is, a node that is in contact with a quorum if there is one.
#[must_use]
pub fn look(lab: &Lab) -> Option<View> {
    best(lab).map(|(_, view)| view)
}
