//! Nodes, networks and fence devices.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use model::spec::NoQuorumPolicy;
use model::{CardName, DeviceName, NetworkName, NodeName};

use super::{Named, unknown};
use crate::read::{Addresses, Context};
use crate::{Code, Problem};

/// What the heartbeats and the planner are built and measured for.
const NODES_MAX: usize = 64;

/// Checks nodes, networks and fence devices.
pub(super) fn check(context: &mut Context<'_>) {
    check_number(context);
    check_fencing(context);
    check_hosts(context);
    check_watchdogs(context);
    for network in context.spec.networks.keys().cloned().collect::<Vec<_>>() {
        check_network(context, &network);
    }
    check_double_addresses(context);
    check_shared_cards(context);
}

fn check_number(context: &mut Context<'_>) {
    let count = context.spec.nodes.len();
    let services = !context.spec.services.is_empty();
    if count == 0 && services && context.addresses == Addresses::Complete {
        context.report(
            Problem::new(Code::NoNodes, "the file describes no node").help(
                "add a section `[node.NAME]` for each machine, or let `mainstay join` add it",
            ),
        );
    }
    if NODES_MAX < count {
        let last = context.spec.nodes.keys().nth(NODES_MAX).cloned();
        let last = last.expect("there are more nodes than that");
        let at = context.places.of(&format!("node/{last}"));
        context.report(
            Problem::new(
                Code::TooManyNodes,
                format!("the file describes {count} nodes, a cluster has at most {NODES_MAX}"),
            )
            .at(at, "one of those that are too many")
            .help("make two clusters of them"),
        );
    }
}

fn check_fencing(context: &mut Context<'_>) {
    let known: Vec<String> = strings(context.spec.fence_devices.keys());
    let mut used: BTreeSet<DeviceName> = BTreeSet::new();
    let mut problems = Vec::new();
    // Where every node ends by itself, a lost one is waited out.
    let policy = context.spec.cluster.no_quorum;
    let mut nodes = context.spec.nodes.values();
    let ends_itself = policy.ends_with_lease() && nodes.all(|node| node.watchdog.is_some());
    for (name, node) in &context.spec.nodes {
        for (place, device) in node.fence.iter().enumerate() {
            used.insert(device.clone());
            if !context.spec.fence_devices.contains_key(device) {
                let at = context.places.of(&format!("node/{name}/fence/{place}"));
                problems.push(unknown(Named::Device, device, at, &known));
            }
        }
        let alone = context.spec.nodes.len() < 2;
        if node.fence.is_empty() && !ends_itself && !alone && !context.spec.services.is_empty() {
            let at = context.places.of(&format!("node/{name}"));
            problems.push(
                Problem::new(Code::NodeWithoutFence, format!("nobody can fence node {name}"))
                    .at(at, "no fence device")
                    .help("add `fence = [\"DEVICE\"]`; without it, services of a silent node start nowhere else"),
            );
        }
    }
    for device in context
        .spec
        .fence_devices
        .keys()
        .filter(|name| !used.contains(name))
    {
        let at = context.places.of(&format!("fence/{device}"));
        problems.push(
            Problem::new(
                Code::UnusedDevice,
                format!("no node uses fence device {device}"),
            )
            .at(at, "unused")
            .help(format!(
                "add `fence = [\"{device}\"]` to the node that it switches, or remove it"
            )),
        );
    }
    context.problems.extend(problems);
}

/// What a node does without quorum, and the watchdogs that this needs.
fn check_watchdogs(context: &mut Context<'_>) {
    let policy = context.spec.cluster.no_quorum;
    let policy_at = context.places.of("no_quorum");
    let mut problems = Vec::new();
    for (name, node) in &context.spec.nodes {
        match (policy, &node.watchdog) {
            (NoQuorumPolicy::SelfFence, None) => problems.push(
                Problem::new(
                    Code::NoWatchdog,
                    format!("node {name} cannot fence itself without a watchdog"),
                )
                .at(context.places.of(&format!("node/{name}")), "no watchdog")
                .at(policy_at.clone(), "asks for it")
                .help(format!(
                    "add `watchdog = \"/dev/watchdog\"` to [node.{name}], or choose `no_quorum = \"stop\"`"
                )),
            ),
            (NoQuorumPolicy::Freeze | NoQuorumPolicy::Ignore, Some(_)) => problems.push(
                Problem::new(
                    Code::UnusedWatchdog,
                    format!("the watchdog of node {name} is not used"),
                )
                .at(
                    context.places.of(&format!("node/{name}/watchdog")),
                    "unused",
                )
                .at(policy_at.clone(), "lets services run on without quorum")
                .help("choose `no_quorum = \"stop\"`, or remove the line"),
            ),
            (
                NoQuorumPolicy::Stop
                | NoQuorumPolicy::Freeze
                | NoQuorumPolicy::Demote
                | NoQuorumPolicy::SelfFence
                | NoQuorumPolicy::Ignore,
                _,
            ) => {}
        }
    }
    if policy == NoQuorumPolicy::Ignore && 1 < context.spec.nodes.len() {
        problems.push(
            Problem::new(
                Code::IgnoresQuorum,
                "a node without quorum goes on as if nothing had happened",
            )
            .at(policy_at, "only for tests, or where every fence is certain")
            .help("choose `no_quorum = \"stop\"`"),
        );
    }
    context.problems.extend(problems);
}

/// Nodes in the host maps of fence devices.
fn check_hosts(context: &mut Context<'_>) {
    let known: Vec<String> = strings(context.spec.nodes.keys());
    let mut problems = Vec::new();
    for (device, spec) in &context.spec.fence_devices {
        for node in spec.hosts.keys() {
            if !context.spec.nodes.contains_key(node) {
                let at = context.places.of(&format!("fence/{device}/hosts/{node}"));
                problems.push(unknown(Named::Node, node, at, &known));
            }
        }
    }
    context.problems.extend(problems);
}

/// The nodes of one network: some, of one family, in one subnet.
fn check_network(context: &mut Context<'_>, network: &NetworkName) {
    let path = |node: &NodeName| format!("node/{node}/{network}/address");
    let attached: Vec<_> = context
        .spec
        .nodes
        .iter()
        .filter_map(|(node, spec)| Some((node, spec.networks.get(network)?.address)))
        .collect();
    let Some((first_node, first)) = attached.first() else {
        if context.addresses == Addresses::Complete && !context.spec.nodes.is_empty() {
            let at = context.places.of(&format!("network/{network}"));
            context.report(
                Problem::new(
                    Code::UnusedNetwork,
                    format!("no node is on network {network}"),
                )
                .at(at, "unused")
                .help(format!(
                    "add `{network} = \"ADDRESS/PREFIX\"` to the nodes, or remove it"
                )),
            );
        }
        return;
    };
    let first_at = context.places.of(&path(first_node));
    let mut problems = Vec::new();
    for (node, address) in &attached[1..] {
        let at = context.places.of(&path(node));
        if address.addr().is_ipv4() != first.addr().is_ipv4() {
            problems.push(
                Problem::new(
                    Code::MixedFamilies,
                    format!("network {network} mixes IPv4 and IPv6"),
                )
                .at(at, format!("{node} has {address}"))
                .at(first_at.clone(), format!("{first_node} has {first}"))
                .help("give all nodes of a network addresses of one kind; make a second network for the other"),
            );
        } else if address.trunc() != first.trunc() {
            problems.push(
                Problem::new(
                    Code::DifferentSubnets,
                    format!("{node} and {first_node} are in different subnets of network {network}"),
                )
                .at(at, format!("in {}", address.trunc()))
                .at(first_at.clone(), format!("in {}", first.trunc()))
                .help("write the same subnet and prefix length; addresses of services cannot move between subnets"),
            );
        }
    }
    context.problems.extend(problems);
}

/// No two nodes, and no two networks of a node, have one address.
fn check_double_addresses(context: &mut Context<'_>) {
    let mut seen: BTreeMap<IpAddr, (NodeName, String)> = BTreeMap::new();
    let mut problems = Vec::new();
    for (node, spec) in &context.spec.nodes {
        for (network, attachment) in &spec.networks {
            let ip = attachment.address.addr();
            let path = format!("node/{node}/{network}/address");
            let at = context.places.of(&path);
            problems.extend(super::addresses::unusable(attachment.address, at.clone()));
            if let Some((other, other_path)) = seen.get(&ip) {
                problems.push(
                    Problem::new(Code::NodeAddressTwice, format!("{ip} is given twice"))
                        .at(at, format!("to {node}"))
                        .at(context.places.of(other_path), format!("and to {other}"))
                        .help("give each node its own address on each network"),
                );
            } else {
                seen.insert(ip, (node.clone(), path));
            }
        }
    }
    context.problems.extend(problems);
}

/// Two networks over one card fail together.
fn check_shared_cards(context: &mut Context<'_>) {
    let mut problems = Vec::new();
    for (node, spec) in &context.spec.nodes {
        let mut seen: BTreeMap<&CardName, &NetworkName> = BTreeMap::new();
        for (network, attachment) in &spec.networks {
            for (place, card) in attachment.cards.iter().enumerate() {
                let Some(other) = seen.insert(card, network) else {
                    continue;
                };
                let at = context
                    .places
                    .of(&format!("node/{node}/{network}/cards/{place}"));
                problems.push(
                    Problem::new(
                        Code::SharedCard,
                        format!("card {card} of {node} serves {other} and {network}"),
                    )
                    .at(at, "the two networks fail together")
                    .help("give each network its own card, or describe one network only"),
                );
            }
        }
    }
    context.problems.extend(problems);
}

fn strings(names: impl Iterator<Item = impl ToString>) -> Vec<String> {
    names.map(|name| name.to_string()).collect()
}
