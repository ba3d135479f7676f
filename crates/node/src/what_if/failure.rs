//! What can fail.

use std::collections::BTreeSet;
use std::fmt;

use model::operation::ResourceAddress;
use model::roles::RolePart;
use model::seen::Claim;
use model::spec::{ResourceSpec, ServiceSpec};
use model::{CardName, DeviceName, NetworkName, NodeName, ServiceName, WitnessName};
use state::State;

/// One thing that fails, and stays so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// A node loses its power.
    Node(NodeName),
    /// A network: nobody hears anybody on it.
    Network(NetworkName),
    /// A card of a node.
    Card(NodeName, Card),
    /// A witness does not answer.
    Witness(WitnessName),
    /// A fence device does not answer.
    Device(DeviceName),
    /// A resource fails on the node where it runs, as often as it is started there.
    Resource(ResourceAddress),
}

/// A card of a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Card {
    /// One that the file names. It may serve several networks.
    Named(CardName),
    /// The one that carries the node's address on a network for which the file names none.
    Of(NetworkName),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(node) => write!(f, "node {node}"),
            Self::Network(network) => write!(f, "network {network}"),
            Self::Card(node, Card::Named(card)) => write!(f, "card {node}/{card}"),
            Self::Card(node, Card::Of(network)) => write!(f, "card {node}/{network}"),
            Self::Witness(witness) => write!(f, "witness {witness}"),
            Self::Device(device) => write!(f, "fence {device}"),
            Self::Resource(address) => write!(f, "resource {address}"),
        }
    }
}

impl Failure {
    /// The kind, as it is typed and told.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Node(_) => "node",
            Self::Network(_) => "network",
            Self::Card(..) => "card",
            Self::Witness(_) => "witness",
            Self::Device(_) => "fence",
            Self::Resource(_) => "resource",
        }
    }

    /// The name within the kind: `alpha`, `alpha/eth0`, `web/process-2`.
    #[must_use]
    pub fn name(&self) -> String {
        let whole = self.to_string();
        let (_, name) = whole.split_once(' ').expect("the kind comes first");
        name.to_string()
    }

    /// Everything that can fail in this cluster: nodes, networks, cards, witnesses, fence
    /// devices, and resources of services that run; each once, in that order.
    #[must_use]
    pub fn all(state: &State) -> Vec<Self> {
        let Some(spec) = state.spec() else {
            return Vec::new();
        };
        let seen = state.seen();
        let mut all: Vec<Self> = seen.nodes.keys().cloned().map(Self::Node).collect();
        all.extend(spec.networks.keys().cloned().map(Self::Network));
        for name in seen.nodes.keys() {
            let networks = spec.nodes.get(name).map(|node| &node.networks);
            let cards: BTreeSet<Card> = networks
                .into_iter()
                .flatten()
                .flat_map(|(network, attachment)| cards(network, attachment))
                .collect();
            all.extend(cards.into_iter().map(|card| Self::Card(name.clone(), card)));
        }
        all.extend(seen.witnesses.keys().cloned().map(Self::Witness));
        all.extend(spec.fence_devices.keys().cloned().map(Self::Device));
        for (service, spec) in &spec.services {
            all.extend(resources(state, service, spec));
        }
        all
    }

    /// The one that is meant by `KIND:NAME`, or by the name of a node.
    #[must_use]
    pub fn find(state: &State, text: &str) -> Option<Self> {
        let (kind, name) = text.split_once(':').unwrap_or(("node", text));
        Self::all(state)
            .into_iter()
            .find(|failure| failure.kind() == kind && failure.name() == name)
    }
}

/// The resources of a service, or of each of its copies, where it runs.
fn resources(state: &State, service: &ServiceName, spec: &ServiceSpec) -> Vec<Failure> {
    let seen = &state.seen().services;
    let copies = seen.range(service.copies_range());
    let all = seen.get_key_value(service).into_iter().chain(copies);
    let claims = all.filter_map(|(name, seen)| Some((name, seen.claim.as_ref()?)));
    let roles = spec.rules.roles.as_ref();
    let runs = |resource: &ResourceSpec, claim: &Claim| {
        let part = roles.map(|roles| roles.part_of(&resource.name));
        part != Some(RolePart::WhilePromoted) || claim.role.may_be_promoted()
    };
    claims
        .flat_map(|(name, claim)| {
            let held = spec.resources.iter().filter(move |it| runs(it, claim));
            held.map(|resource| {
                Failure::Resource(ResourceAddress {
                    service: name.clone(),
                    resource: resource.name.clone(),
                })
            })
        })
        .collect()
}

/// The cards by which a node is attached to a network.
pub(super) fn cards<'a>(
    network: &'a NetworkName,
    attachment: &'a model::spec::Attachment,
) -> impl Iterator<Item = Card> + 'a {
    let unnamed = attachment
        .cards
        .is_empty()
        .then(|| Card::Of(network.clone()));
    let named = attachment.cards.iter().cloned().map(Card::Named);
    named.chain(unnamed)
}
