//! What the networks of a node are worth to a service: those that its addresses are on, and the
//! ping targets of both.
//!
//! Where it runs it is judged by the better of what is so now and what has been so for a while,
//! everywhere else by the worse of both (see `model::networks`). It leaves only for a node that
//! is better by that measure, so that it never comes back for the same reason.

use std::collections::BTreeSet;

use model::networks::{Level, ReachSeen, Standing};
use model::seen::{Claim, Goal};
use model::spec::{ResourceKind, ServiceSpec};
use model::{NetworkName, NodeName, Reason, ServiceName};

use crate::Input;

/// Whether the service runs there, or could come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    Stays,
    Comes,
}

impl View {
    fn of(self, standing: Standing) -> Level {
        match self {
            Self::Stays => standing.to_stay(),
            Self::Comes => standing.to_come(),
        }
    }
}

/// What is worst on a node, for a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lack {
    pub(crate) level: Level,
    pub(crate) because: Reason,
}

/// The networks that the addresses of a service are on.
pub(crate) fn networks_of(spec: &ServiceSpec) -> BTreeSet<&NetworkName> {
    let kinds = spec.resources.iter().map(|resource| &resource.kind);
    let networks = kinds.filter_map(|kind| match kind {
        ResourceKind::Address(address) => Some(&address.network),
        ResourceKind::Process(_)
        | ResourceKind::Command(_)
        | ResourceKind::Mount(_)
        | ResourceKind::Agent(_)
        | ResourceKind::Systemd(_) => None,
    });
    networks.collect()
}

/// What the node lacks most for the service, if anything; what is not told is no lack.
pub(crate) fn lack(
    input: &Input<'_>,
    (service, spec): (&ServiceName, &ServiceSpec),
    (node, view): (&NodeName, View),
) -> Option<Lack> {
    let told = &input.seen.nodes.get(node)?.networks;
    let mut worst: Option<Lack> = None;
    let mut take = |level: Level, because: &dyn Fn() -> Reason| {
        let known = worst.as_ref().map_or(Level::Full, |worst| worst.level);
        if level < known {
            let because = because();
            worst = Some(Lack { level, because });
        }
    };
    let pings = |of: String, reach: &ReachSeen| Reason::TooFewPings {
        node: node.clone(),
        of,
        reached: u32::try_from(reach.reached.len()).unwrap_or(u32::MAX),
        needed: reach.needed,
    };
    for network in networks_of(spec) {
        if let Some(seen) = told.networks.get(network) {
            take(view.of(seen.standing), &|| Reason::NoUsableCard {
                node: node.clone(),
                network: network.clone(),
            });
        }
        if let Some(reach) = told.pings.get(network) {
            let because = || pings(format!("network {network}"), reach);
            take(view.of(reach.standing), &because);
        }
    }
    let service = service.service();
    if let Some(reach) = told.service_pings.get(&service) {
        let because = || pings(service.to_string(), reach);
        take(view.of(reach.standing), &because);
    }
    worst
}

/// How well the node could serve the service, or does.
pub(crate) fn level(
    input: &Input<'_>,
    service: (&ServiceName, &ServiceSpec),
    place: (&NodeName, View),
) -> Level {
    lack(input, service, place).map_or(Level::Full, |lack| lack.level)
}

/// A network without any link: an address cannot be taken there.
pub(crate) fn without_link<'a>(
    input: &Input<'_>,
    spec: &'a ServiceSpec,
    node: &NodeName,
) -> Option<&'a NetworkName> {
    let told = &input.seen.nodes.get(node)?.networks.networks;
    if told.is_empty() {
        return None;
    }
    networks_of(spec).into_iter().find(|network| {
        let seen = told.get(*network);
        seen.is_some_and(|seen| seen.standing.to_come() == Level::None)
    })
}

/// Whether the service holds the node, and is not stopping there.
pub(crate) fn is_at(input: &Input<'_>, service: &ServiceName, node: &NodeName) -> bool {
    let claim = input.claim(service);
    claim.is_some_and(|claim: &Claim| claim.goal == Goal::Run && claim.node == *node)
}

/// Why the service should leave its node for one of `others`, and whether it is for it.
pub(crate) fn why_leave(
    input: &Input<'_>,
    service: (&ServiceName, &ServiceSpec),
    node: &NodeName,
    is_ready: impl Fn(&NodeName) -> bool,
) -> Option<Reason> {
    let lack = lack(input, service, (node, View::Stays))?;
    let mut others = input.seen.nodes.keys().filter(|other| *other != node);
    let is_better = others
        .any(|other| lack.level < level(input, service, (other, View::Comes)) && is_ready(other));
    is_better.then_some(lack.because)
}
