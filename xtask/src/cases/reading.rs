//! The import alone: how nodes and resources are read, against how Pacemaker reads them.

use std::collections::BTreeMap;

use import::cib::Cluster;
use planner::arrange::{Kind, NodeIx, NodeState, OnFail, Resource, Role, Score};

use super::expected::{Case, Node, Places};

/// How what was read differs from what is expected; empty: not at all.
pub fn differences(cluster: &Cluster, case: &Case) -> Vec<String> {
    let mut found = nodes(cluster, case);
    found.extend(resources(cluster, case));
    found
}

pub fn role_word(role: Role) -> &'static str {
    match role {
        Role::Started => "Started",
        Role::Unpromoted => "Unpromoted",
        Role::Promoted => "Promoted",
    }
}

fn nodes(cluster: &Cluster, case: &Case) -> Vec<String> {
    let mut found = Vec::new();
    let read: BTreeMap<&str, Node> = cluster
        .wanted
        .nodes
        .iter()
        .enumerate()
        .map(|(i, node)| (node.name.as_str(), node_of(cluster, NodeIx(i))))
        .collect();
    for (name, wanted) in &case.initial_nodes {
        match read.get(name.as_str()) {
            None => found.push(format!("node {name}: is missing")),
            Some(got) => {
                // A colour is shown also where it counts for nothing.
                let health = got.health.clone().filter(|_| wanted.health.is_some());
                let scored = &cluster.observed.nodes[index(cluster, name)].health;
                let health = if *scored == Score::ZERO {
                    health
                } else {
                    got.health.clone()
                };
                let got = Node {
                    health,
                    ..got.clone()
                };
                if got != *wanted {
                    found.push(format!("node {name}: expected {wanted:?}, read {got:?}"));
                }
            }
        }
    }
    for name in read.keys() {
        if !case.initial_nodes.contains_key(*name) {
            found.push(format!("node {name}: is not expected"));
        }
    }
    found
}

fn index(cluster: &Cluster, name: &str) -> usize {
    let mut nodes = cluster.wanted.nodes.iter();
    nodes.position(|node| node.name == name).unwrap_or_default()
}

fn node_of(cluster: &Cluster, ix: NodeIx) -> Node {
    let observed = &cluster.observed.nodes[ix.0];
    let is_failing = cluster.observed.found.iter().any(|found| {
        let answer = found.failed.map(|failed| failed.answer);
        found.node == ix && answer == Some(OnFail::Fence)
    });
    let kind = match observed.attributes.get("#kind").map(String::as_str) {
        Some("remote") => "remote",
        Some("container") => "guest",
        _ => "member",
    };
    let word = |word: &str| {
        let mut signs = observed.attributes.iter();
        signs.any(|(name, value)| name.starts_with("#health") && value == word)
    };
    let health = ["red", "yellow"].into_iter().find(|colour| word(colour));
    Node {
        state: match observed.state {
            NodeState::Online => "online",
            NodeState::Pending => "pending",
            NodeState::Offline => "offline",
        }
        .to_string(),
        unclean: observed.unclean || is_failing,
        standby: observed.standby,
        maintenance: observed.maintenance,
        health: health.map(str::to_string),
        kind: kind.to_string(),
    }
}

fn resources(cluster: &Cluster, case: &Case) -> Vec<String> {
    let mut read = Places::new();
    for found in &cluster.observed.found {
        if let Some(role) = found.role {
            let name = cluster.wanted.resources[found.resource.0].name.clone();
            let node = cluster.wanted.nodes[found.node.0].name.clone();
            read.entry(name)
                .or_default()
                .push((node, role_word(role).to_string()));
        }
    }
    read.values_mut().for_each(|places| places.sort());
    let mut found = Vec::new();
    let none = Vec::new();
    for name in case
        .initial
        .keys()
        .chain(read.keys().filter(|name| !case.initial.contains_key(*name)))
    {
        let wanted = case.initial.get(name).unwrap_or(&none);
        let got = read.get(name).unwrap_or(&none);
        if wanted != got {
            found.push(format!("{name}: expected {wanted:?}, read {got:?}"));
        }
    }
    found.extend(failures(cluster, case));
    found
}

fn is_cloned(cluster: &Cluster, resource: &Resource) -> bool {
    let parent = resource.parent.map(|ix| &cluster.wanted.resources[ix.0]);
    parent.is_some_and(|parent| {
        matches!(parent.kind, Kind::Clone { .. }) || is_cloned(cluster, parent)
    })
}

/// Pacemaker's remark that something failed, against failures that were read.
fn failures(cluster: &Cluster, case: &Case) -> Vec<String> {
    let mut found = Vec::new();
    // Where one of several copies of what is no clone failed, the remark stands at each.
    let failed = |resource: &str, node: &str| {
        cluster.observed.found.iter().any(|found| {
            let read = &cluster.wanted.resources[found.resource.0];
            let is_there = cluster.wanted.nodes[found.node.0].name == node;
            read.name == resource
                && found.failed.is_some()
                && (is_there || !is_cloned(cluster, read))
        })
    };
    for (resource, node, remark) in &case.remarks {
        if remark == "failed" && !failed(resource, node) {
            found.push(format!("{resource} on {node}: expected to have failed"));
        }
    }
    for read in &cluster.observed.found {
        let resource = &cluster.wanted.resources[read.resource.0].name;
        let node = &cluster.wanted.nodes[read.node.0].name;
        let is_remarked = case.remarks.iter().any(|(r, n, remark)| {
            r == resource && n == node && (remark == "failed" || remark == "failure ignored")
        });
        if read.role.is_some() && read.failed.is_some() && !is_remarked {
            found.push(format!(
                "{resource} on {node}: read as failed ({:?}), not expected",
                read.failed
            ));
        }
    }
    found
}
