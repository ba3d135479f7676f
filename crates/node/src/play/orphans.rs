//! What nodes tell of services that are new in the configuration, or have left it and run on.

use model::seen::{NodeState, Seen};
use model::{BootId, Command, NodeName, ServiceName};
use state::State;

/// What they would tell next: that nothing new runs yet, and that what is let go is forgotten.
pub(super) fn news(state: &State) -> Vec<Command> {
    let seen = state.seen();
    let mut news = Vec::new();
    for (name, service) in &seen.services {
        for (node, boot) in &service.sought {
            if heard(seen, node) == Some(*boot) {
                news.push(Command::Looked {
                    node: node.clone(),
                    boot: *boot,
                    run: 0,
                    service: name.service(),
                    found: Vec::new(),
                });
            }
        }
    }
    let left = left(state).into_iter();
    let left = left.filter_map(|(service, node)| {
        Some(Command::LetGo {
            boot: heard(seen, &node)?,
            node,
            run: 0,
            service,
        })
    });
    news.extend(left);
    news
}

/// What runs on without the cluster, and where.
pub(crate) fn left(state: &State) -> Vec<(ServiceName, NodeName)> {
    let services = state.seen().services.iter();
    let let_go = services.filter(|(name, _)| state.is_let_go(name));
    let places = let_go.flat_map(|(name, seen)| {
        let places = seen.places().into_iter();
        places.map(|node| (name.clone(), node.clone()))
    });
    places.collect()
}

fn heard(seen: &Seen, node: &NodeName) -> Option<BootId> {
    match &seen.nodes.get(node)?.state {
        NodeState::Online { boot } | NodeState::Leaving { boot } => Some(*boot),
        NodeState::Down
        | NodeState::Starting { .. }
        | NodeState::DaemonDown { .. }
        | NodeState::Lost { .. } => None,
    }
}
