//! What a person should look at, found in a status.

use model::rules::FoundTwice;
use model::seen::{ContestSeen, NodeSeen, NodeState, ServiceSeen, Wish};
use model::twice::several;
use model::{NodeName, Reason, Seen, ServiceName, Spec};

use crate::{LinkState, LinkStatus, NodeStatus, Status};

/// One sentence per thing that a person should look at.
pub(crate) fn warnings(spec: &Spec, seen: &Seen, status: &Status) -> Vec<String> {
    let mut warnings = Vec::new();
    if !status.quorate {
        warnings.push(format!(
            "{} is not in contact with a quorum: what it shows may be old, and nothing is decided here",
            status.seen_by
        ));
    }
    if status.maintenance {
        warnings.push(
            "maintenance is on: nothing is started, stopped or fenced (`mainstay maintenance off` ends it)"
                .to_string(),
        );
    }
    let outlived = can_be_outlived(seen);
    let helpless = |node: &&NodeStatus| !outlived.contains(&node.name);
    let helpless = status.nodes.iter().filter(helpless);
    warnings.extend(helpless.filter_map(|node| no_device(spec, node)));
    warnings.extend(unarmed(spec, seen));
    for node in status.nodes.iter().filter(|node| node.maintenance) {
        let name = &node.name;
        warnings.push(format!(
            "{name} is in maintenance: nothing on it is touched, and it is not fenced \
             (`mainstay maintenance off --node {name}` ends it)"
        ));
    }
    for node in &status.nodes {
        warnings.extend(links(node, &status.nodes));
        if node.state == "online" {
            let (name, networks) = (&node.name, &node.networks);
            warnings.extend(crate::networks::warnings(name, networks, &node.pings));
        }
    }
    for (name, service) in &seen.services {
        if let Some(described) = spec.service_of(name) {
            warnings.extend(crate::checks::warnings(name, described, service));
        }
    }
    for service in &status.services {
        if service.frozen {
            let name = &service.name;
            warnings.push(format!(
                "{name} is frozen: it is left as it is (`mainstay thaw {name}` ends it)"
            ));
        }
        for bar in &service.barred {
            let (name, node) = (&service.name, &bar.node);
            warnings.push(format!(
                "{name} is barred from {node}: {} (`mainstay clear {name}` allows it again)",
                bar.sentence()
            ));
        }
    }
    warnings
}

/// One sentence per thing that may have cost data: something ran twice, or may have.
pub(crate) fn alarms(spec: &Spec, seen: &Seen) -> Vec<String> {
    let distrusted = seen.distrusted.iter().map(|(device, distrust)| {
        format!(
            "fence device {device} confirmed that {} was off, and it lived: what ran there may \
             have run twice; look at its data and at the device, then `mainstay fence trust {device}`",
            distrust.node
        )
    });
    let liars = seen
        .nodes
        .iter()
        .filter_map(|(name, node)| match &node.state {
            NodeState::Lost {
                because: because @ Reason::FenceLied { .. },
                ..
            } => Some(format!(
                "{because}; what ran there is stopped elsewhere until {name} is proven off"
            )),
            NodeState::Lost { .. }
            | NodeState::Down
            | NodeState::Starting { .. }
            | NodeState::Online { .. }
            | NodeState::DaemonDown { .. }
            | NodeState::Leaving { .. } => None,
        });
    let doubles = seen.services.iter().filter_map(|(service, it)| {
        let held = held_twice(spec, seen, service);
        held.or_else(|| double(service, it))
    });
    let contest = seen
        .contest
        .iter()
        .map(|contest| self::contest(seen, contest));
    let first = contest.chain(distrusted);
    first.chain(liars).chain(doubles).collect()
}

fn double(service: &ServiceName, seen: &ServiceSeen) -> Option<String> {
    let holder = &seen.claim.as_ref()?.node;
    let stray = seen.strays.keys().find(|node| *node != holder)?;
    Some(format!(
        "{service} was found running on {stray} although {holder} holds it: it may run twice"
    ))
}

/// It runs twice, and nobody acts before a person has.
fn held_twice(spec: &Spec, seen: &Seen, service: &ServiceName) -> Option<String> {
    let rule = spec.service_of(service)?.rules.found_twice;
    let found = seen.services.get(service)?;
    let nodes: Vec<NodeName> = found.places().into_iter().cloned().collect();
    let is_end = seen.migrations.contains_key(service);
    let is_ordered = matches!(found.wish, Wish::Stop { .. });
    if rule != FoundTwice::Hold || nodes.len() < 2 || is_end || is_ordered {
        return None;
    }
    Some(format!(
        "{service} runs on {}, and waits for a person: end all but one of them by hand, and it \
         goes on; or `mainstay stop {service}` ends all of them",
        several(&nodes)
    ))
}

/// Two histories, each with a quorum.
fn contest(seen: &Seen, contest: &ContestSeen) -> String {
    let (node, generation) = (&contest.node, contest.generation);
    let remedy = match seen.forced.as_ref().filter(|_| seen.must_stand_back()) {
        Some(forced) => format!(
            "{} vouched that it was off, so the services of this side are stopped",
            forced.by
        ),
        None => "services may run twice".to_string(),
    };
    format!(
        "{node} leads another history, generation {generation}, with a quorum of its own: {remedy}; \
         halt one side, then let it come back to the other"
    )
}

/// Nodes that end by themselves when they are lost: all of them, or none.
fn can_be_outlived(seen: &Seen) -> Vec<String> {
    let is_armed = |node: &NodeSeen| node.state == NodeState::Down || node.watchdog.is_some();
    if !seen.nodes.values().all(is_armed) {
        return Vec::new();
    }
    seen.nodes.keys().map(ToString::to_string).collect()
}

/// Online nodes whose watchdog is wanted and not armed.
fn unarmed(spec: &Spec, seen: &Seen) -> Vec<String> {
    let is_wanted = |name: &NodeName| {
        let node = spec.nodes.get(name);
        spec.cluster.no_quorum.ends_with_lease() && node.is_some_and(|node| node.watchdog.is_some())
    };
    let is_unarmed =
        |node: &NodeSeen| matches!(node.state, NodeState::Online { .. }) && node.watchdog.is_none();
    let nodes = seen.nodes.iter();
    let unarmed = nodes.filter(|(name, node)| is_wanted(name) && is_unarmed(node));
    unarmed
        .map(|(name, _)| {
            format!("the watchdog of {name} is not armed: the log of its daemon says why")
        })
        .collect()
}

fn no_device(spec: &Spec, node: &NodeStatus) -> Option<String> {
    let name = NodeName::new(node.name.clone()).ok()?;
    let described = spec.nodes.get(&name)?;
    // Alone, there is nobody who could fence it.
    let alone = spec.nodes.len() == 1;
    (described.fence.is_empty() && !alone).then(|| {
        format!("{name} has no fence device: if it is lost, its services wait for a person")
    })
}

fn links(node: &NodeStatus, nodes: &[NodeStatus]) -> Vec<String> {
    // Of a node that is down or lost, silence is no news.
    let online = |name: &str| nodes.iter().any(|n| n.name == name && n.state == "online");
    let both_online = |link: &&LinkStatus| online(&node.name) && online(&link.peer);
    let name = &node.name;
    let sentence = |link: &LinkStatus| {
        let (network, peer) = (&link.network, &link.peer);
        match link.state {
            LinkState::Up => None,
            LinkState::OneWay => Some(format!(
                "network {network} works in one direction only between {name} and {peer}"
            )),
            LinkState::Down => Some(format!("network {network}: {name} does not hear {peer}")),
        }
    };
    node.links
        .iter()
        .filter(both_online)
        .filter_map(sentence)
        .collect()
}
