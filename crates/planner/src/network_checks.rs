//! The checker's own opinion of networks: it shares no line with `networks`.

use model::networks::{Level, Standing};
use model::seen::NodeSeen;
use model::spec::{ResourceKind, ServiceSpec};
use model::{NodeName, Reason, ServiceName};

use crate::Input;

/// The standings that count for a service on a node: of networks, and of ping targets.
fn standings(
    seen: &NodeSeen,
    service: &ServiceName,
    spec: &ServiceSpec,
) -> (Vec<Standing>, Vec<Standing>) {
    let (mut links, mut pings) = (Vec::new(), Vec::new());
    for resource in &spec.resources {
        if let ResourceKind::Address(address) = &resource.kind {
            let network = seen.networks.networks.get(&address.network);
            links.extend(network.map(|network| network.standing));
            let targets = seen.networks.pings.get(&address.network);
            pings.extend(targets.map(|reach| reach.standing));
        }
    }
    let own = service.as_str().split(':').next().unwrap_or_default();
    for (name, reach) in &seen.networks.service_pings {
        if name.as_str() == own {
            pings.push(reach.standing);
        }
    }
    (links, pings)
}

/// A service does not start where a network of its addresses has no link.
pub(crate) fn starts_without_link(
    seen: &NodeSeen,
    service: &ServiceName,
    spec: &ServiceSpec,
) -> bool {
    let (links, _) = standings(seen, service, spec);
    links
        .iter()
        .any(|standing| standing.now == Level::None || standing.settled == Level::None)
}

/// What leaves for its networks leaves for a node where they are better.
pub(crate) fn leaves_for_nothing(
    input: &Input<'_>,
    (service, spec): (&ServiceName, &ServiceSpec),
    node: &NodeName,
    because: &Reason,
) -> bool {
    if !matches!(
        because,
        Reason::NoUsableCard { .. } | Reason::TooFewPings { .. }
    ) {
        return false;
    }
    let worst = |name: &NodeName, of: fn(Level, Level) -> Level| {
        let seen = input.seen.nodes.get(name)?;
        let (links, pings) = standings(seen, service, spec);
        let all = links.into_iter().chain(pings);
        Some(
            all.map(|standing| of(standing.now, standing.settled))
                .min()
                .unwrap_or(Level::Full),
        )
    };
    let here = worst(node, Level::max).unwrap_or(Level::Full);
    let mut others = input.seen.nodes.keys().filter(|other| *other != node);
    !others.any(|other| worst(other, Level::min).is_some_and(|there| here < there))
}
