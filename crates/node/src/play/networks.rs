//! Networks of nodes in a play of failures: their cards are lost at the beginning, and nodes tell
//! of it at once and again when it has been so for `move_after`, as they do in a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::networks::{Level, NetworkSeen, NetworksSeen, Standing};
use model::roles::{RoleMeant, RolePart};
use model::spec::ServiceSpec;
use model::{CardName, Command, NetworkName, NodeName};

use super::Play;

/// For how long nobody reaches an address that goes to another card: the longest of all such
/// moves measured (docs/promises.md, cards), rounded up. It is no operation of a service, and
/// nobody measures it in a cluster.
pub(crate) const CARD_MOVE: Duration = Duration::from_millis(80);

/// What failures leave of a network on a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum After {
    /// The addresses go to this card.
    OtherCard(CardName),
    /// The same, and it is barred: services leave for a node where it is better.
    BarredCard(CardName),
    /// No card has a link.
    NoLink,
}

impl After {
    fn level(&self) -> Level {
        match self {
            Self::OtherCard(_) => Level::Full,
            Self::BarredCard(_) => Level::Poor,
            Self::NoLink => Level::None,
        }
    }
}

/// What failures leave of networks, by node; what they do not change is not in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Left(BTreeMap<NodeName, BTreeMap<NetworkName, After>>);

impl Left {
    pub fn note(&mut self, node: &NodeName, network: &NetworkName, after: After) {
        let networks = self.0.entry(node.clone()).or_default();
        networks.insert(network.clone(), after);
    }

    pub fn nodes(&self) -> impl Iterator<Item = &NodeName> {
        self.0.keys()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What both leave, on nodes that are not lost.
    pub fn with(&self, other: &Self, lost: &BTreeSet<NodeName>) -> Self {
        let mut sum = self.clone();
        for (node, networks) in other.0.iter().filter(|(node, _)| !lost.contains(*node)) {
            for (network, after) in networks {
                sum.note(node, network, after.clone());
            }
        }
        sum
    }

    /// Nodes where something that the service needs has changed.
    pub fn changed_for<'a>(&'a self, service: &ServiceSpec) -> BTreeSet<&'a NodeName> {
        let nodes = self.0.keys();
        nodes.filter(|node| self.touches(service, node)).collect()
    }

    /// Whether anything that the service needs on the node has changed.
    pub fn touches(&self, service: &ServiceSpec, node: &NodeName) -> bool {
        self.of(service, node, RoleMeant::Promoted).next().is_some()
    }

    /// A network of the service without a link on the node.
    pub fn without_link(
        &self,
        service: &ServiceSpec,
        node: &NodeName,
        role: RoleMeant,
    ) -> Option<&NetworkName> {
        let mut all = self.of(service, node, role);
        let found = all.find(|(_, after)| **after == After::NoLink);
        found.map(|(network, _)| network)
    }

    /// The card to which addresses of the service go on the node.
    pub fn other_card(
        &self,
        service: &ServiceSpec,
        node: &NodeName,
        role: RoleMeant,
    ) -> Option<&CardName> {
        let mut all = self.of(service, node, role);
        all.find_map(|(_, after)| match after {
            After::OtherCard(card) | After::BarredCard(card) => Some(card),
            After::NoLink => None,
        })
    }

    fn of<'a>(
        &'a self,
        service: &ServiceSpec,
        node: &NodeName,
        role: RoleMeant,
    ) -> impl Iterator<Item = (&'a NetworkName, &'a After)> {
        let roles = service.rules.roles.as_ref();
        let is_held = |name| {
            let part = roles.map_or(RolePart::Ordinary, |roles| roles.part_of(name));
            role == RoleMeant::Promoted || part != RolePart::WhilePromoted
        };
        let resources = service.resources.iter();
        let held = resources.filter(|resource| is_held(&resource.name));
        let used: BTreeSet<NetworkName> = held
            .filter_map(|resource| resource.kind.network().cloned())
            .collect();
        let networks = self.0.get(node).into_iter().flatten();
        networks.filter(move |(network, _)| used.contains(*network))
    }
}

/// What a node will tell of its networks, and when.
pub(crate) struct Word {
    pub at: Duration,
    node: NodeName,
    told: NetworksSeen,
}

impl Play {
    /// Cards are lost now.
    pub fn lose_cards(&mut self) {
        let mut words: Vec<Word> = Vec::new();
        for (node, networks) in &self.faults.left.0 {
            words.extend(self.words_of(node, networks));
        }
        words.sort_by_key(|word| word.at);
        self.words = words.into();
        self.take_words();
    }

    /// One word at once, and one whenever services may begin to leave.
    fn words_of(&self, node: &NodeName, networks: &BTreeMap<NetworkName, After>) -> Vec<Word> {
        let Some(seen) = self.state.seen().nodes.get(node) else {
            return Vec::new();
        };
        let move_after = |network: &NetworkName| {
            let spec = self.state.spec();
            let spec = spec.and_then(|spec| spec.networks.get(network));
            spec.map_or_else(Duration::default, |spec| spec.move_after)
        };
        let bad = networks.iter().filter(|(_, it)| it.level() < Level::Full);
        let mut moments: BTreeSet<Duration> =
            bad.clone().map(|(name, _)| move_after(name)).collect();
        if !moments.is_empty() {
            moments.insert(Duration::ZERO);
        }
        let word = |at: Duration| {
            let mut told = (*seen.networks).clone();
            for (network, after) in bad.clone() {
                let known = told.networks.entry(network.clone());
                let known = known.or_insert_with(|| NetworkSeen {
                    standing: Standing::FULL,
                    carrier: None,
                    cards: Vec::new(),
                });
                known.standing.now = after.level();
                if move_after(network) <= at {
                    known.standing.settled = known.standing.settled.min(after.level());
                }
            }
            Word {
                at,
                node: node.clone(),
                told,
            }
        };
        moments.into_iter().map(word).collect()
    }

    /// When the next one is told.
    pub(super) fn next_word(&self) -> Option<Duration> {
        let word = self.words.front()?;
        Some(word.at.max(self.time.now()))
    }

    /// Tells all that is due. Says whether anything was.
    pub(super) fn take_words(&mut self) -> bool {
        let mut is_told = false;
        while let Some(word) = self.words.pop_front_if(|word| word.at <= self.time.now()) {
            let Some(seen) = self.state.seen().nodes.get(&word.node) else {
                continue;
            };
            let Some(boot) = seen.state.boot() else {
                continue;
            };
            let last = seen.networks.word.filter(|(of, _)| *of == boot);
            let command = Command::NetworksTold {
                node: word.node,
                boot,
                run: 0,
                word: last.map_or(1, |(_, last)| last + 1),
                told: Box::new(word.told),
            };
            is_told |= self.apply(command).is_ok();
        }
        is_told
    }
}
