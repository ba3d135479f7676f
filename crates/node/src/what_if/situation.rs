//! What failures come to: who hears whom, who may decide, who is lost, and what fails where.
//!
//! Two sets of failures that come to the same situation have the same outcome, because a play
//! is made from the situation alone. A card that another one stands in for, a device of nodes
//! that are not lost, a witness that nobody needs to ask change nothing in it.

use std::collections::{BTreeMap, BTreeSet};

use model::networks::{Link, NetworkSeen};
use model::operation::ResourceAddress;
use model::roles::RoleMeant;
use model::rules::FailureAnswer;
use model::seen::{NodeState, WitnessKind};
use model::spec::ServiceSpec;
use model::{DeviceName, NetworkName, NodeName, ServiceName};

use super::failure::{Card, Failure, cards};
use super::standing::{Helpers, Verdict, judge};
use super::{Cluster, standing};
use crate::arbiter_of;
use crate::play::Faults;
use crate::play::networks::{After, Left};

/// What failures come to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Situation {
    /// What those who are left may do.
    pub verdict: Verdict,
    /// Nodes that were up and are lost: without power, or cut off.
    pub lost: BTreeSet<NodeName>,
    /// Of the lost nodes' devices those that do not answer.
    pub broken: BTreeSet<DeviceName>,
    /// For each service the nodes, not lost, where it fails, and the first resource in start
    /// order that does: later ones never come up.
    pub failing: Failing,
    /// What nodes, not lost, have left of their networks.
    pub left: Left,
}

pub(crate) type Failing = BTreeMap<ServiceName, BTreeMap<NodeName, model::ResourceName>>;

impl Situation {
    /// Only resources fail.
    pub fn loses_nobody(&self) -> bool {
        self.verdict == Verdict::Majority && self.lost.is_empty()
    }

    /// Nodes where nobody reaches the service, over networks that it needs in both roles.
    pub fn unreached(&self, service: &ServiceSpec) -> BTreeSet<&NodeName> {
        let nodes = self.left.nodes();
        nodes
            .filter(|node| {
                let lacks = self.left.without_link(service, node, RoleMeant::Any);
                lacks.is_some()
            })
            .collect()
    }

    pub fn faults(&self) -> Faults {
        Faults {
            broken: self.broken.clone(),
            failing: self.failing.clone(),
            left: self.left.clone(),
            proven: match &self.verdict {
                Verdict::Half { proven, .. } => proven.clone(),
                Verdict::Majority | Verdict::Nobody { .. } => BTreeSet::new(),
            },
        }
    }
}

/// What the failures say, before anything follows from it.
#[derive(Default)]
struct Broken<'a> {
    nodes: BTreeSet<&'a NodeName>,
    networks: BTreeSet<&'a NetworkName>,
    cards: BTreeSet<(&'a NodeName, &'a Card)>,
    witnesses: BTreeSet<&'a model::WitnessName>,
    devices: BTreeSet<DeviceName>,
    resources: Vec<&'a ResourceAddress>,
}

impl<'a> Broken<'a> {
    fn of(failures: &[&'a Failure]) -> Self {
        let mut broken = Self::default();
        for failure in failures.iter().copied() {
            match failure {
                Failure::Node(node) => drop(broken.nodes.insert(node)),
                Failure::Network(network) => drop(broken.networks.insert(network)),
                Failure::Card(node, card) => drop(broken.cards.insert((node, card))),
                Failure::Witness(witness) => drop(broken.witnesses.insert(witness)),
                Failure::Device(device) => drop(broken.devices.insert(device.clone())),
                Failure::Resource(resource) => broken.resources.push(resource),
            }
        }
        broken
    }

    /// Whether the node still has a card on the network, and the network works.
    fn is_attached(&self, cluster: &Cluster<'_>, node: &NodeName, network: &NetworkName) -> bool {
        if self.networks.contains(network) {
            return false;
        }
        self.living(cluster, node, network).next().is_some()
    }

    /// The cards of a network that are left on a node: neither failed nor, as far as is told,
    /// without a link already.
    fn living(
        &'a self,
        cluster: &Cluster<'a>,
        node: &'a NodeName,
        network: &'a NetworkName,
    ) -> impl Iterator<Item = Card> {
        let spec = cluster.state.spec().and_then(|spec| spec.nodes.get(node));
        let attachment = spec.and_then(|spec| spec.networks.get(network));
        let told = told(cluster, node, network);
        let is_dead = move |card: &Card| match card {
            Card::Named(name) => told.is_some_and(|told| {
                let mut dead = told.cards.iter().filter(|seen| seen.link != Link::Up);
                dead.any(|seen| seen.name == *name)
            }),
            Card::Of(_) => false,
        };
        let all = attachment.into_iter().flat_map(|at| cards(network, at));
        all.filter(move |card| !is_dead(card) && !self.cards.contains(&(node, card)))
    }

    /// What nodes have left of networks that a service is on, where these failures change that.
    fn left(&self, cluster: &Cluster<'_>, lost: &BTreeSet<NodeName>) -> Left {
        let mut left = Left::default();
        let Some(spec) = cluster.state.spec() else {
            return left;
        };
        if self.networks.is_empty() && self.cards.is_empty() {
            return left;
        }
        let kinds = spec
            .services
            .values()
            .flat_map(|service| &service.resources);
        let used: BTreeSet<&NetworkName> = kinds.filter_map(|it| it.kind.network()).collect();
        for node in up(cluster).filter(|node| !lost.contains(*node)) {
            let networks = spec.nodes.get(node).map(|node| &node.networks);
            for network in networks.into_iter().flatten().map(|(network, _)| network) {
                if used.contains(network)
                    && let Some(after) = self.after(cluster, node, network)
                {
                    left.note(node, network, after);
                }
            }
        }
        left
    }

    /// What these failures leave of a network on a node; none where they change nothing.
    fn after(
        &self,
        cluster: &Cluster<'_>,
        node: &NodeName,
        network: &NetworkName,
    ) -> Option<After> {
        let before = Self::default();
        if !before.is_attached(cluster, node, network) {
            return None;
        }
        if !self.is_attached(cluster, node, network) {
            return Some(After::NoLink);
        }
        let told = told(cluster, node, network);
        let carrier = told.and_then(|told| told.carrier.clone()).map(Card::Named);
        let carrier = carrier.or_else(|| before.living(cluster, node, network).next())?;
        if !self.cards.contains(&(node, &carrier)) {
            return None;
        }
        let is_barred = |card: &Card| match card {
            Card::Named(name) => told.is_some_and(|told| {
                let mut barred = told.cards.iter().filter(|seen| seen.barred);
                barred.any(|seen| seen.name == *name)
            }),
            Card::Of(_) => false,
        };
        let rest: Vec<Card> = self.living(cluster, node, network).collect();
        let free = rest.iter().find(|card| !is_barred(card));
        match (free, rest.first()) {
            (Some(Card::Named(card)), _) => Some(After::OtherCard(card.clone())),
            (None, Some(Card::Named(card))) => Some(After::BarredCard(card.clone())),
            (Some(Card::Of(_)) | None, _) => None,
        }
    }

    /// Groups of nodes with power that hear each other, over others if need be.
    fn companies(&self, cluster: &Cluster<'_>) -> Vec<BTreeSet<NodeName>> {
        let spec = cluster.state.spec();
        let networks: Vec<&NetworkName> = spec.iter().flat_map(|s| s.networks.keys()).collect();
        let mut companies: Vec<(BTreeSet<&NetworkName>, BTreeSet<NodeName>)> = Vec::new();
        for node in up(cluster).filter(|node| !self.nodes.contains(node)) {
            let mut on: BTreeSet<&NetworkName> = networks
                .iter()
                .copied()
                .filter(|network| self.is_attached(cluster, node, network))
                .collect();
            let mut with = BTreeSet::from([node.clone()]);
            companies.retain(|(their, who)| {
                let is_apart = their.is_disjoint(&on);
                if !is_apart {
                    on.extend(their);
                    with.extend(who.iter().cloned());
                }
                is_apart
            });
            companies.push((on, with));
        }
        companies.into_iter().map(|(_, who)| who).collect()
    }

    /// Whether somebody in the company can ask the arbiter. One with an address inside a
    /// network is reached over that network; any other is reached wherever a network works.
    fn reaches_arbiter(&self, cluster: &Cluster<'_>, company: &BTreeSet<NodeName>) -> bool {
        let seen = cluster.state.seen();
        let found = seen
            .witnesses
            .iter()
            .find(|(_, witness)| arbiter_of(witness) == cluster.arbiter);
        let Some((name, witness)) = found else {
            return true;
        };
        if self.witnesses.contains(name) {
            return false;
        }
        let WitnessKind::Network { address, .. } = &witness.kind else {
            return true;
        };
        let Some(spec) = cluster.state.spec() else {
            return false;
        };
        company.iter().any(|node| {
            let networks = spec.nodes.get(node).map(|node| &node.networks);
            let mut inside = networks.into_iter().flatten().filter(|(_, attachment)| {
                let net = attachment.address;
                net.contains(&address.ip())
            });
            match inside.next() {
                Some((network, _)) => self.is_attached(cluster, node, network),
                None => networks
                    .into_iter()
                    .flatten()
                    .any(|(network, _)| self.is_attached(cluster, node, network)),
            }
        })
    }

    /// Where which service fails.
    fn failing(&self, cluster: &Cluster<'_>, lost: &BTreeSet<NodeName>) -> Failing {
        let mut failing = Failing::new();
        let Some(spec) = cluster.state.spec() else {
            return failing;
        };
        let seen = cluster.state.seen();
        let missed = |resource: &&&ResourceAddress| !self.is_passed_over(spec, resource);
        for resource in self.resources.iter().filter(missed) {
            let service = seen.services.get(&resource.service);
            let claim = service.and_then(|service| service.claim.as_ref());
            if let Some(claim) = claim.filter(|claim| !lost.contains(&claim.node)) {
                let nodes = failing.entry(resource.service.clone()).or_default();
                note_first(spec, nodes, (&claim.node, resource));
            }
        }
        failing
    }

    /// Whether a service runs on without this resource: something else of it is left.
    fn is_passed_over(&self, spec: &model::Spec, address: &ResourceAddress) -> bool {
        let Some(spec) = spec.services.get(&address.service.service()) else {
            return false;
        };
        let fails = |name: &model::ResourceName| {
            let mut failing = self.resources.iter();
            failing.any(|other| other.service == address.service && other.resource == *name)
        };
        let roles = spec.rules.roles.as_ref();
        let is_taker = roles.is_some_and(|roles| roles.takers.contains(&address.resource));
        spec.answers_of(&address.resource).run == FailureAnswer::Ignore
            && !is_taker
            && spec.resources.iter().any(|other| !fails(&other.name))
    }
}

/// What a node tells of a network.
fn told<'a>(
    cluster: &Cluster<'a>,
    node: &NodeName,
    network: &NetworkName,
) -> Option<&'a NetworkSeen> {
    let seen = cluster.state.seen().nodes.get(node)?;
    seen.networks.networks.get(network)
}

/// Keeps the resource that is started first; one that the service goes on without only where
/// no other fails.
fn note_first(
    spec: &model::Spec,
    nodes: &mut BTreeMap<NodeName, model::ResourceName>,
    (node, address): (&NodeName, &ResourceAddress),
) {
    let described = spec.services.get(&address.service.service());
    let rank = |name: &model::ResourceName| {
        let spec = described?;
        let is_ignored = spec.answers_of(name).run == FailureAnswer::Ignore;
        let place = spec
            .resources
            .iter()
            .position(|known| known.name == *name)?;
        Some((is_ignored, place))
    };
    let known = nodes
        .entry(node.clone())
        .or_insert_with(|| address.resource.clone());
    if rank(&address.resource) < rank(known) {
        known.clone_from(&address.resource);
    }
}

/// Nodes that are up before anything fails.
pub(crate) fn up<'a>(cluster: &Cluster<'a>) -> impl Iterator<Item = &'a NodeName> {
    let nodes = cluster.state.seen().nodes.iter();
    nodes
        .filter(|(_, node)| match node.state {
            NodeState::Starting { .. } | NodeState::Online { .. } | NodeState::Leaving { .. } => {
                true
            }
            NodeState::Down | NodeState::DaemonDown { .. } | NodeState::Lost { .. } => false,
        })
        .map(|(name, _)| name)
}

/// What these failures come to.
pub(crate) fn situation(cluster: &Cluster<'_>, failures: &[&Failure]) -> Situation {
    let broken = Broken::of(failures);
    let is_physical = !broken.nodes.is_empty()
        || !broken.networks.is_empty()
        || !broken.cards.is_empty()
        || cluster.is_short;
    if !is_physical {
        let lost = BTreeSet::new();
        return Situation {
            failing: broken.failing(cluster, &lost),
            left: Left::default(),
            verdict: Verdict::Majority,
            lost,
            broken: BTreeSet::new(),
        };
    }
    let (verdict, ruling) = rulers(cluster, &broken);
    let lost: BTreeSet<NodeName> = up(cluster)
        .filter(|node| !ruling.contains(*node))
        .cloned()
        .collect();
    let spec = cluster.state.spec();
    let devices: BTreeSet<&DeviceName> = lost
        .iter()
        .filter_map(|node| spec?.nodes.get(node))
        .flat_map(|node| &node.fence)
        .collect();
    // Nobody is declared lost where nobody decides.
    let gone = match &verdict {
        Verdict::Majority | Verdict::Half { .. } => lost.clone(),
        Verdict::Nobody { .. } => BTreeSet::new(),
    };
    let lost = match &verdict {
        Verdict::Majority | Verdict::Half { .. } => lost,
        // Nobody is declared lost; what counts is who has no power.
        Verdict::Nobody { .. } => up(cluster)
            .filter(|node| broken.nodes.contains(node))
            .cloned()
            .collect(),
    };
    Situation {
        broken: (broken.devices.iter())
            .filter(|device| devices.contains(device))
            .cloned()
            .collect(),
        failing: broken.failing(cluster, &gone),
        left: broken.left(cluster, &gone),
        verdict,
        lost,
    }
}

/// Who may decide, and why; of two halves the one that the race prefers is asked first.
fn rulers(cluster: &Cluster<'_>, broken: &Broken<'_>) -> (Verdict, BTreeSet<NodeName>) {
    let mut companies = broken.companies(cluster);
    let weight = |company: &BTreeSet<NodeName>| {
        let ids: Vec<model::NodeId> = company
            .iter()
            .filter_map(|name| cluster.state.node_id(name))
            .filter(|id| cluster.voters.contains(id))
            .collect();
        let side = standing::side(cluster, &ids);
        let weight = side.as_ref().map_or(0, |side| side.weight);
        let first = side.map(|side| side.first_name);
        (std::cmp::Reverse((ids.len(), weight)), first)
    };
    companies.sort_by_cached_key(weight);
    let mut nobody = None;
    for company in companies {
        let helpers = Helpers {
            faults: &Faults {
                broken: broken.devices.clone(),
                ..Faults::default()
            },
            arbiter_answers: broken.reaches_arbiter(cluster, &company),
        };
        match judge(cluster, &company, &helpers) {
            verdict @ Verdict::Nobody { .. } => {
                nobody.get_or_insert(verdict);
            }
            verdict @ (Verdict::Majority | Verdict::Half { .. }) => return (verdict, company),
        }
    }
    let nobody = nobody.unwrap_or_else(|| Verdict::Nobody {
        because: "no node is left".to_string(),
    });
    (nobody, BTreeSet::new())
}
