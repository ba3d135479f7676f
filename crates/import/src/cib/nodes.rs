//! Nodes: what is configured of them and what their attributes say.

use planner::arrange::{NodeIx, NodeObserved, NodeWanted};
use planner::rule::Facts;

use super::attributes::{self, Values};
use super::draft::Draft;
use super::source::{Xml, child, elements, id};
use super::{node_state, values};

pub(super) fn read(draft: &mut Draft<'_>) {
    for element in draft.source.section_elements("nodes") {
        let name = element.attribute("uname").unwrap_or_else(|| id(element));
        let kind = element.attribute("type").unwrap_or("member");
        let kind = match kind {
            "remote" => NodeKind::Remote,
            "ping" => NodeKind::Ping,
            _ => NodeKind::Member,
        };
        let ix = add(draft, name, id(element), kind);
        let facts = Facts {
            now: draft.now,
            ..Facts::default()
        };
        let own = attributes::read(&draft.source, element, "instance_attributes", &facts);
        let capacity = attributes::read(&draft.source, element, "utilization", &facts);
        attributes::merge(&mut draft.observed.nodes[ix.0].attributes, own);
        set_capacity(draft, ix, &capacity);
    }
    remote_nodes(draft);
    for state in states(draft) {
        if let Some(ix) = node_of(draft, state) {
            passing_attributes(draft, ix, state);
        }
    }
    built_in_attributes(draft);
    node_state::read(draft);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NodeKind {
    Member,
    Remote,
    Guest,
    Ping,
}

pub(super) fn add(draft: &mut Draft<'_>, name: &str, id: &str, kind: NodeKind) -> NodeIx {
    if let Some(ix) = draft.nodes.get(name) {
        return *ix;
    }
    let ix = NodeIx(draft.wanted.nodes.len());
    draft.nodes.insert(name.to_string(), ix);
    draft.node_ids.insert(id.to_string(), ix);
    draft.wanted.nodes.push(NodeWanted {
        name: name.to_string(),
        runs_resources: kind != NodeKind::Ping,
        ..NodeWanted::default()
    });
    let shown = match kind {
        NodeKind::Member | NodeKind::Ping => "cluster",
        NodeKind::Remote => "remote",
        NodeKind::Guest => "container",
    };
    let mut observed = NodeObserved::default();
    for (attribute, value) in [("#uname", name), ("#id", id), ("#kind", shown)] {
        observed
            .attributes
            .insert(attribute.to_string(), value.to_string());
    }
    draft.observed.nodes.push(observed);
    ix
}

/// A resource that makes a connection to a node makes the node.
fn remote_nodes(draft: &mut Draft<'_>) {
    let Some(resources) = draft.source.section("resources") else {
        return;
    };
    for primitive in resources.descendants() {
        if primitive.tag_name().name() != "primitive" {
            continue;
        }
        let is_connection = primitive.attribute("provider") == Some("pacemaker")
            && primitive.attribute("type") == Some("remote");
        if is_connection {
            add(draft, id(primitive), id(primitive), NodeKind::Remote);
        }
        let meta = attributes::read(
            &draft.source,
            primitive,
            "meta_attributes",
            &Facts::default(),
        );
        if let Some(guest) = meta.get("remote-node") {
            add(draft, guest, guest, NodeKind::Guest);
            draft.note(
                primitive,
                format!("{guest} is a node inside of a resource; that it goes where the resource goes is not carried over"),
            );
        }
    }
}

pub(super) fn states<'a>(draft: &Draft<'a>) -> Vec<Xml<'a>> {
    let status = draft.source.status;
    status
        .into_iter()
        .flat_map(elements)
        // One without an id is broken; what is known of the node is as if it were not there.
        .filter(|element| element.tag_name().name() == "node_state" && element.has_attribute("id"))
        .collect()
}

pub(super) fn node_of(draft: &Draft<'_>, state: Xml<'_>) -> Option<NodeIx> {
    let by_name = state
        .attribute("uname")
        .and_then(|name| draft.nodes.get(name));
    by_name.or_else(|| draft.node_ids.get(id(state))).copied()
}

pub(super) fn passing_attributes(draft: &mut Draft<'_>, ix: NodeIx, state: Xml<'_>) {
    let Some(passing) = child(state, "transient_attributes") else {
        return;
    };
    let found = read_pairs(passing, "instance_attributes");
    draft.observed.nodes[ix.0].attributes.extend(found);
    let capacity = read_pairs(passing, "utilization");
    set_capacity(draft, ix, &capacity);
}

fn read_pairs(parent: Xml<'_>, tag: &str) -> Values {
    let mut found = Values::new();
    let pairs = elements(parent)
        .filter(|block| block.tag_name().name() == tag)
        .flat_map(|block| block.descendants())
        .filter(|pair| pair.tag_name().name() == "nvpair");
    for pair in pairs {
        if let (Some(name), Some(value)) = (pair.attribute("name"), pair.attribute("value")) {
            found.insert(name.to_string(), value.to_string());
        }
    }
    found
}

fn set_capacity(draft: &mut Draft<'_>, ix: NodeIx, goods: &Values) {
    for (good, amount) in goods {
        let amount = values::integer(amount).unwrap_or_default();
        draft.wanted.nodes[ix.0]
            .capacity
            .insert(good.clone(), amount);
    }
}

fn built_in_attributes(draft: &mut Draft<'_>) {
    let cluster = draft.options.get("cluster-name").map(str::to_string);
    let dc = draft.source.cib.attribute("dc-uuid");
    let dc = dc.and_then(|id| draft.node_ids.get(id)).copied();
    for (i, node) in draft.observed.nodes.iter_mut().enumerate() {
        let is_dc = dc == Some(NodeIx(i));
        let attributes = &mut node.attributes;
        attributes.insert("#is_dc".to_string(), is_dc.to_string());
        if let Some(cluster) = &cluster {
            let site = attributes.get("site-name").unwrap_or(cluster).clone();
            attributes.insert("#cluster-name".to_string(), cluster.clone());
            attributes.insert("#site-name".to_string(), site);
        }
    }
}
