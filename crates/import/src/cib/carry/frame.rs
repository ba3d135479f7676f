//! The cluster, its networks and nodes.

use planner::arrange::{NoQuorum, Placement};

use super::super::source::id;
use super::Carry;
use super::fences;
use super::text::{key, list, name};

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
];

pub(super) fn write(carry: &mut Carry<'_, '_>) {
    let options = &carry.draft.options;
    let cluster = options
        .get("cluster-name")
        .unwrap_or("imported")
        .to_string();
    carry
        .out
        .comment("Made from a Pacemaker CIB. Read it through, then: mainstay check FILE");
    carry.out.section("[cluster]");
    carry.out.text_key("name", &name(&cluster));
    match carry.draft.wanted.policy.no_quorum {
        NoQuorum::Stop => {}
        NoQuorum::Freeze => carry.out.text_key("no_quorum", "freeze"),
        NoQuorum::Demote => carry.out.text_key("no_quorum", "demote"),
        NoQuorum::Fence => carry.out.text_key("no_quorum", "self-fence"),
        NoQuorum::Ignore => carry.out.text_key("no_quorum", "ignore"),
    }
    carry.out.section("[network.lan]");
    nodes(carry);
    leave_options(carry);
    leave_sections(carry);
}

fn nodes(carry: &mut Carry<'_, '_>) {
    for element in carry.draft.source.section_elements("nodes") {
        let node = element.attribute("uname").unwrap_or_else(|| id(element));
        if element
            .attribute("type")
            .is_some_and(|kind| kind != "member")
        {
            carry.leave(
                element,
                format!("node {node} is no member of the cluster itself"),
            );
            continue;
        }
        carry.out.section(&format!("[node.{}]", key(&name(node))));
        carry.out.key(
            "lan",
            "\"\"    # a CIB knows no addresses of nodes; like \"10.0.0.11/24\"",
        );
        let devices = fences::devices_of(carry, node);
        if !devices.is_empty() {
            carry.out.key("fence", &list(&devices));
        }
        for tag in ["instance_attributes", "utilization"] {
            if !carry.draft.source.children(element, tag).is_empty() {
                let what = match tag {
                    "utilization" => "what it has room for",
                    _ => "its attributes",
                };
                carry.leave(element, format!("node {node}: {what}"));
            }
        }
    }
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
            "resources run only where a location allows it: `only` says so, for services with `prefer`",
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
            policy.placement != Placement::Count,
            "places by utilization",
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
    let health = carry
        .draft
        .options
        .get("node-health-strategy")
        .unwrap_or("none");
    if health != "none" {
        carry.leave(section, "health of nodes");
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
        .map(str::to_string)
        .collect();
    if !rest.is_empty() {
        carry.leave(section, format!("options: {}", rest.join(", ")));
    }
}

/// Parts of the configuration that our file has no words for yet.
fn leave_sections(carry: &mut Carry<'_, '_>) {
    for (tag, text) in [
        ("alerts", "alerts"),
        ("acls", "who may do what"),
        (
            "op_defaults",
            "defaults of operations, where none stand at an operation itself",
        ),
    ] {
        let source = &carry.draft.source;
        let is_empty = source.section_elements(tag).is_empty();
        if let Some(section) = source.section(tag).filter(|_| !is_empty) {
            carry.leave(section, text);
        }
    }
}
