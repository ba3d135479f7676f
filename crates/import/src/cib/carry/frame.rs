//! The cluster, its networks and nodes.

use std::collections::BTreeSet;

use planner::arrange::{NoQuorum, NodeIx, Placement};
use planner::rule::Facts;

use super::super::draft::Draft;
use super::super::source::{Xml, id};
use super::super::{attributes, values, words};
use super::text::{key, list, name, numbers, table};
use super::{Carry, fences};

/// Names of attributes that tell the health of a node begin like this in our file.
const HEALTH_PREFIX: &str = "health-";
/// The largest amount that our file takes.
pub(super) const GOODS_MAX: u64 = 1 << 60;

/// Options that say nothing which our file has to say.
const SILENT: &[&str] = &[
    "dc-version",
    "cluster-infrastructure",
    "cluster-name",
    "have-watchdog",
    "last-lrm-refresh",
    "no-quorum-policy",
    "fencing-enabled",
    "symmetric-cluster",
    "default-resource-stickiness",
    "start-failure-is-fatal",
];

/// Options that say nothing where they are on, as they are without a word.
const ON_ANYWAY: &[&str] = &[
    "cancel-removed-actions",
    "concurrent-fencing",
    "startup-fencing",
    "stop-removed-resources",
];

pub(super) fn write(carry: &mut Carry<'_, '_>) {
    let options = &carry.draft.options;
    let cluster = options
        .get("cluster-name")
        .unwrap_or("imported")
        .to_string();
    carry.out.section("[cluster]");
    carry.out.text_key("name", &name(&cluster));
    match carry.draft.wanted.policy.no_quorum {
        NoQuorum::Stop => {}
        NoQuorum::Freeze => carry.out.text_key("no_quorum", "freeze"),
        NoQuorum::Demote => carry.out.text_key("no_quorum", "demote"),
        NoQuorum::Fence => carry.out.text_key("no_quorum", "self-fence"),
        NoQuorum::Ignore => carry.out.text_key("no_quorum", "ignore"),
    }
    match carry.draft.wanted.policy.placement {
        Placement::Count => {}
        Placement::Fits => carry.out.text_key("placement", "fits"),
        Placement::Balanced => carry.out.text_key("placement", "most-room"),
        Placement::Few => carry.out.text_key("placement", "fewest-nodes"),
        Placement::LeastBusy => carry.out.text_key("placement", "least-load"),
    }
    health(carry);
    carry.out.section("[network.lan]");
    nodes(carry);
    leave_options(carry);
    leave_sections(carry);
}

fn nodes(carry: &mut Carry<'_, '_>) {
    for element in carry.draft.source.section_elements("nodes") {
        let node = element.attribute("uname").unwrap_or_else(|| id(element));
        if !words::is_member(element.attribute("type")) {
            carry.leave(
                element,
                format!("node {node} is no member of the cluster itself"),
            );
            continue;
        }
        carry.out.section(&format!("[node.{}]", key(&name(node))));
        let help = "a CIB knows no addresses of nodes; like \"10.0.0.11/24\"";
        carry.out.open_key("lan", "\"\"", help);
        let devices = fences::devices_of(carry, node);
        if !devices.is_empty() {
            carry.out.key("fence", &list(&devices));
        }
        if carry.draft.wanted.policy.no_quorum == NoQuorum::Fence {
            let help = "`self-fence` needs it; like \"/dev/watchdog\"";
            carry.out.open_key("watchdog", "\"\"", help);
        }
        attributes_of(carry, element, node);
        capacity_of(carry, element, node);
    }
}

/// What says how a node is treated, and what rules ask for.
fn attributes_of<'a>(carry: &mut Carry<'_, 'a>, element: Xml<'a>, node: &str) {
    let facts = Facts {
        now: carry.draft.now,
        ..Facts::default()
    };
    let source = &carry.draft.source;
    let mut own = attributes::read(source, element, "instance_attributes", &facts);
    let name = name(node);
    for (attribute, command) in [
        ("standby", format!("mainstay standby {name}")),
        (
            "maintenance",
            format!("mainstay maintenance on --node {name}"),
        ),
    ] {
        let value = own.remove(attribute);
        if value.as_deref().and_then(values::truth) == Some(true) {
            carry.leave(element, format!("node {node}: {attribute}: `{command}`"));
        }
    }
    let own: Vec<(String, String)> = own
        .into_iter()
        .map(
            |(attribute, value)| match attribute.strip_prefix("#health-") {
                Some(sign) => (format!("{HEALTH_PREFIX}{sign}"), value),
                None => (attribute, value),
            },
        )
        .collect();
    if !own.is_empty() {
        carry.out.key("attributes", &table(&own));
    }
}

/// Room counts for nothing unless services are placed by it.
fn capacity_of<'a>(carry: &mut Carry<'_, 'a>, element: Xml<'a>, node: &str) {
    let facts = Facts {
        now: carry.draft.now,
        ..Facts::default()
    };
    let own = attributes::read(&carry.draft.source, element, "utilization", &facts);
    if own.is_empty() {
        return;
    }
    if carry.draft.wanted.policy.placement == Placement::Count {
        let text = format!("node {node}: what it has room for; it counts for nothing, as there");
        carry.leave(element, text);
        return;
    }
    let amount = |text: &String| {
        let amount = values::integer(text).unwrap_or_default();
        u64::try_from(amount).unwrap_or(0).min(GOODS_MAX)
    };
    let goods = own.iter().map(|(good, text)| (good, amount(text)));
    carry.out.key("capacity", &numbers(goods));
}

/// Health that forbids nodes has words; health in points has none.
fn health(carry: &mut Carry<'_, '_>) {
    let strategy = carry.draft.options.get("node-health-strategy");
    let word = match strategy {
        None | Some("none") => return,
        Some("migrate-on-red") => Some("move-on-red"),
        Some("only-green") => Some("only-green"),
        Some(_) => None,
    };
    let text = match word {
        Some(word) => {
            carry.out.text_key("node_health", word);
            "health of nodes: what sets `#health-...` there must set `health-...` here, with `mainstay attr`"
        }
        None => "health of nodes in points: here it forbids a node, or means nothing",
    };
    if let Some(section) = carry.draft.source.section("crm_config") {
        carry.leave(section, text);
    }
}

/// The nodes that become nodes of our file.
pub(super) fn members(draft: &Draft<'_>) -> BTreeSet<NodeIx> {
    let elements = draft.source.section_elements("nodes").into_iter();
    elements
        .filter(|element| words::is_member(element.attribute("type")))
        .filter_map(|element| {
            let node = element.attribute("uname").unwrap_or_else(|| id(element));
            draft.nodes.get(node).copied()
        })
        .collect()
}

/// What the cluster's options say that our file cannot.
fn leave_options(carry: &mut Carry<'_, '_>) {
    let Some(section) = carry.draft.source.section("crm_config") else {
        return;
    };
    let policy = &carry.draft.wanted.policy;
    let told = [
        (
            !policy.fencing,
            "fencing is off: here nothing starts elsewhere before a lost node is proven off",
        ),
        (
            !policy.opt_out,
            "resources run only where a location allows it: `only` says so where one does",
        ),
        (
            policy.maintenance,
            "the cluster is in maintenance: `mainstay maintenance on`",
        ),
        (
            policy.stop_all,
            "all resources are stopped: `mainstay stop` for each service",
        ),
        (
            policy.shutdown_lock,
            "resources are kept for a node that was shut down",
        ),
    ];
    for (is_so, text) in told {
        if is_so {
            carry.leave(section, text);
        }
    }
    let known = [
        "maintenance-mode",
        "stop-all-resources",
        "placement-strategy",
        "shutdown-lock",
    ];
    let rest: Vec<String> = carry
        .draft
        .options
        .names()
        .filter(|name| !SILENT.contains(name) && !known.contains(name))
        .filter(|name| !name.starts_with("node-health-"))
        .filter(|name| {
            let is_on = carry.draft.options.truth(name, false);
            !(is_on && ON_ANYWAY.contains(name))
        })
        .map(str::to_string)
        .collect();
    if !rest.is_empty() {
        carry.leave(section, format!("options: {}", rest.join(", ")));
    }
}

/// Parts of the configuration that our file has no words for yet.
fn leave_sections(carry: &mut Carry<'_, '_>) {
    leave_defaults(carry);
    for (tag, text) in [("alerts", "alerts"), ("acls", "who may do what")] {
        let source = &carry.draft.source;
        let is_empty = source.section_elements(tag).is_empty();
        if let Some(section) = source.section(tag).filter(|_| !is_empty) {
            carry.leave(section, text);
        }
    }
}

/// Of what holds for all operations, their times come over.
fn leave_defaults(carry: &mut Carry<'_, '_>) {
    let source = &carry.draft.source;
    let Some(section) = source.section("op_defaults") else {
        return;
    };
    let blocks = source.children(section, "meta_attributes").into_iter();
    let names: BTreeSet<String> = blocks
        .flat_map(|block| attributes::pairs(source, block).into_keys())
        .filter(|name| !["timeout", "record-pending"].contains(&name.as_str()))
        .collect();
    if !names.is_empty() {
        let names: Vec<String> = names.into_iter().collect();
        let text = format!(
            "defaults of operations, where none stand at an operation itself: {}",
            names.join(", ")
        );
        carry.leave(section, text);
    }
}
