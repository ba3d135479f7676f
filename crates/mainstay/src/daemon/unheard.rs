//! What a status may vouch for: the log says what was agreed last, the failure detector of
//! this node says whom it hears now. Where they differ, nobody is told that all is well.

use std::collections::BTreeMap;

use api::{ServiceState, Status};
use membership::{Condition, PeerStatus};
use model::{NodeId, NodeName};

/// Members that this node does not hear, and in words for how long.
pub fn unheard(
    peers: &[PeerStatus],
    names: &BTreeMap<NodeId, NodeName>,
) -> BTreeMap<NodeName, String> {
    let one = |peer: &PeerStatus| {
        let since = match peer.heard_ago {
            Some(ago) => format!("not heard for {}", seconds(ago)),
            None => "not heard since this daemon started".to_string(),
        };
        match peer.condition {
            Condition::Suspected | Condition::Lost => Some((names.get(&peer.peer)?.clone(), since)),
            // Before that time has passed nothing is known against it.
            Condition::Unseen | Condition::Alive | Condition::DaemonDown | Condition::Left => None,
        }
    };
    peers.iter().filter_map(one).collect()
}

/// `3.1 s`, rounded down.
fn seconds(span: std::time::Duration) -> String {
    let tenths = span.as_millis() / 100;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

/// Takes back what the log says of members that this node does not hear, and of what they
/// run. What the log itself says against them is not touched.
pub fn take_back(status: &mut Status, unheard: &BTreeMap<NodeName, String>) {
    for (name, since) in unheard {
        let name = name.as_str();
        let node = status.nodes.iter_mut().find(|node| node.name == name);
        let Some(node) = node.filter(|node| node.state == "online" || node.state == "starting")
        else {
            continue;
        };
        node.because = Some(format!("{since}; last known: {}", node.state));
        node.state = "unknown".to_string();
        let on_it = |service: &&mut api::ServiceStatus| service.node.as_deref() == Some(name);
        for service in status.services.iter_mut().filter(on_it) {
            service.reason = format!("{name} is not heard; last known {} there", service.state);
            service.state = ServiceState::Unknown;
            for resource in &mut service.resources {
                resource.state = "unknown".to_string();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use api::{NodeStatus, ServiceStatus};
    use model::Epoch;
    use wire::heartbeat::Phase;

    use super::*;

    fn peer(id: u64, condition: Condition, heard_ago: Option<Duration>) -> PeerStatus {
        PeerStatus {
            peer: NodeId(id),
            condition,
            boot: None,
            incarnation: None,
            epoch: Epoch(0),
            applied: 0,
            lease: Duration::ZERO,
            phase: Phase::Running,
            heard_ago,
            met_at: None,
            closed_at: None,
        }
    }

    #[test]
    fn no_node_is_vouched_for_that_is_not_heard() {
        let names: BTreeMap<NodeId, NodeName> = [(1, "alpha"), (2, "beta"), (3, "gamma")]
            .map(|(id, name)| (NodeId(id), NodeName::new(name).unwrap()))
            .into();
        let heard_ago = Some(Duration::from_millis(3149));
        let peers = [
            peer(1, Condition::Lost, heard_ago),
            peer(2, Condition::Suspected, None),
            peer(3, Condition::Alive, Some(Duration::ZERO)),
        ];
        let node = |name: &str, state: &str| NodeStatus {
            name: name.into(),
            state: state.into(),
            ..NodeStatus::default()
        };
        let service = |name: &str, node: &str| ServiceStatus {
            name: name.into(),
            node: Some(node.into()),
            state: ServiceState::Running,
            reason: "it runs".into(),
            ..ServiceStatus::default()
        };
        let mut status = Status {
            nodes: vec![
                node("alpha", "online"),
                node("beta", "lost"),
                node("gamma", "online"),
            ],
            services: vec![service("web", "alpha"), service("db", "gamma")],
            ..Status::default()
        };
        take_back(&mut status, &unheard(&peers, &names));
        let nodes: Vec<String> = status
            .nodes
            .iter()
            .map(|node| {
                format!(
                    "{} {} {}",
                    node.name,
                    node.state,
                    node.because.clone().unwrap_or_default()
                )
            })
            .collect();
        assert_eq!(
            nodes,
            [
                "alpha unknown not heard for 3.1 s; last known: online",
                "beta lost ",
                "gamma online "
            ]
        );
        let services: Vec<String> = status
            .services
            .iter()
            .map(|service| format!("{} {}: {}", service.name, service.state, service.reason))
            .collect();
        assert_eq!(
            services,
            [
                "web unknown: alpha is not heard; last known running there",
                "db running: it runs"
            ]
        );
    }
}
