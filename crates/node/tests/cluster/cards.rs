//! The cards of machines, and what they can reach.

use std::collections::BTreeMap;
use std::time::Duration;

use model::networks::{Link, Needed, PingSpec};
use model::spec::{AddressSpec, Attachment, Limits, NetworkSpec, ResourceKind, ResourceSpec, Spec};
use model::{CardName, NetworkName, NodeId};
use node::Output;
use node::reach::{Echo, PingList};

use super::Cluster;
use super::form::{name, span};
use super::machine::Machine;

/// The cards of a machine, and where its own addresses are.
#[derive(Debug, Default)]
pub struct Cards {
    pub links: BTreeMap<CardName, Link>,
    pub own: BTreeMap<NetworkName, CardName>,
}

/// Reads `cards=eth0,eth1 barred=10m move=1s steady=10s ping=10.0.0.9,10.0.0.8 needed=1`.
pub fn network(spec: &mut Spec, network: &str, words: &[&str]) {
    let mut rules = NetworkSpec::default();
    let mut cards = Vec::new();
    let mut needed = Needed::Percent(50);
    let mut targets = Vec::new();
    for word in words {
        match word.split_once('=').unwrap() {
            ("cards", list) => cards = list.split(',').map(name::<CardName>).collect(),
            ("barred", time) => rules.barred_for = span(time),
            ("move", time) => rules.move_after = span(time),
            ("steady", time) => rules.steady_after = span(time),
            ("ping", list) => targets = list.split(',').map(name).collect(),
            ("needed", number) => needed = Needed::Number(number.parse().unwrap()),
            other => panic!("a network cannot be {other:?}"),
        }
    }
    rules.ping = (!targets.is_empty()).then(|| PingSpec {
        targets,
        needed,
        every: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
    });
    spec.networks.insert(name(network), rules);
    for (number, node) in spec.nodes.values_mut().enumerate() {
        let attachment = Attachment {
            address: format!("10.0.0.{}/24", number + 11).parse().unwrap(),
            cards: cards.clone(),
        };
        node.networks.insert(name(network), attachment);
    }
}

/// An address on a network.
pub fn address(network: &str) -> ResourceSpec {
    ResourceSpec {
        name: name("address"),
        kind: ResourceKind::Address(AddressSpec {
            address: "10.0.0.100/24".parse().unwrap(),
            network: name(network),
            duplicate_wait: Duration::ZERO,
        }),
        limits: Limits::default(),
    }
}

impl Machine {
    /// All cards of the spec are there and connected; the own address is on the first.
    pub fn plug_in(&mut self, spec: &Spec) {
        let Some(node) = spec.nodes.get(&self.name) else {
            return;
        };
        for (network, attachment) in &node.networks {
            for card in &attachment.cards {
                self.cards.links.insert(card.clone(), Link::Up);
            }
            if let Some(first) = attachment.cards.first() {
                self.cards.own.insert(network.clone(), first.clone());
            }
        }
    }
}

impl Cluster {
    pub fn set_link(&mut self, id: NodeId, card: &str, link: &str) {
        let now = self.now;
        let link = match link {
            "up" => Link::Up,
            "no-carrier" => Link::NoCarrier,
            "down" => Link::Down,
            "absent" => Link::Absent,
            other => panic!("a link is not {other}"),
        };
        let machine = self.machine(id);
        machine.cards.links.insert(name(card), link);
        if let Some(daemon) = &mut machine.daemon {
            daemon.node.handle_link(&name(card), link, now);
            self.carry_out(id);
        }
    }

    /// A target is asked so often, a second after each other.
    pub fn echo(&mut self, id: NodeId, network: &str, target: &str, (echo, times): (&str, u32)) {
        let echo = match echo {
            "answers" => Echo::Answered,
            "silent" => Echo::Missed,
            other => panic!("a target is not {other}"),
        };
        let list = PingList::Network(name(network));
        for _ in 0..times {
            let now = self.now;
            if let Some(daemon) = &mut self.machine(id).daemon {
                daemon.node.handle_echo(&list, name(target), echo, now);
                self.carry_out(id);
            }
        }
    }

    pub fn carry(&mut self, id: NodeId, output: &Output) {
        let Output::Carry { network, card } = output else {
            return;
        };
        let machine = self.machine(id);
        let name = machine.name.clone();
        if let Some(card) = card
            && machine
                .cards
                .own
                .insert(network.clone(), card.clone())
                .as_ref()
                != Some(card)
        {
            self.note(format!("  {name}: addresses of {network} go to {card}"));
        }
    }
}
