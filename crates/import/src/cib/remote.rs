//! Nodes that are no members: a resource holds the connection to them.
//!
//! Such a node is there while its connection is active on a member. A node whose connection
//! is configured no more, but still open, is known from its state only.

use planner::arrange::{Found, NodeIx, NodeState};

use super::draft::Draft;
use super::history;
use super::node_state;
use super::nodes::{self, NodeKind};
use super::source::{Xml, id};

pub(super) fn read<'a>(draft: &mut Draft<'a>, states: &[Xml<'a>]) {
    for &state in states {
        let name = state.attribute("uname").unwrap_or_else(|| id(state));
        if !draft.nodes.contains_key(name) && is_connected(draft, name) {
            let kind = kind_of(draft, name);
            let ix = nodes::add(draft, name, id(state), kind);
            draft.wanted.nodes[ix.0].runs_resources = false;
            nodes::passing_attributes(draft, ix, state);
            let node = &mut draft.observed.nodes[ix.0];
            node.seen = true;
            node_state::from_attributes(node);
        }
    }
    for i in 0..draft.observed.nodes.len() {
        let kind = draft.observed.nodes[i].attributes.get("#kind");
        if kind.map(String::as_str) != Some("cluster") {
            let name = draft.wanted.nodes[i].name.clone();
            let is_there = is_connected(draft, &name);
            // It runs nothing that no connection has told of.
            draft.observed.nodes[i].seen = true;
            draft.wanted.nodes[i].runs_resources &= has_connection(draft, &name);
            draft.observed.nodes[i].state = match is_there {
                true => NodeState::Online,
                false => NodeState::Offline,
            };
        }
    }
}

/// What was found of the connection to a node, or of what a node lies in.
fn carriers<'d>(draft: &'d Draft<'_>, name: &str) -> Vec<&'d Found> {
    let is_carrier = |found: &&Found| {
        let resource = draft.resource(found.resource);
        let guest = draft.facts[found.resource.0].meta.get("remote-node");
        resource.name == name || guest.is_some_and(|guest| guest == name)
    };
    draft.observed.found.iter().filter(is_carrier).collect()
}

fn is_connected(draft: &Draft<'_>, name: &str) -> bool {
    carriers(draft, name).iter().any(|found| {
        let NodeIx(host) = found.node;
        let host = &draft.observed.nodes[host];
        found.role.is_some()
            && found.failed.is_none()
            && host.state == NodeState::Online
            && !host.unclean
    })
}

/// Whether a connection to a node is configured.
fn has_connection(draft: &Draft<'_>, name: &str) -> bool {
    let mut resources = draft.wanted.resources.iter().zip(&draft.facts);
    resources.any(|(resource, facts)| {
        let guest = facts.meta.get("remote-node");
        !resource.removed && (resource.name == name || guest.is_some_and(|guest| guest == name))
    })
}

/// Whether the connection was one into a resource.
fn kind_of(draft: &Draft<'_>, name: &str) -> NodeKind {
    let is_inside = nodes::states(draft)
        .into_iter()
        .flat_map(history::recorded_resources)
        .any(|resource| id(resource) == name && resource.attribute("container").is_some());
    if is_inside {
        NodeKind::Guest
    } else {
        NodeKind::Remote
    }
}
