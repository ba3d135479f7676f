//! Cards whose cables are pulled, in some clusters: services with an address of a network leave a
//! node where it has no card left, and come back, and no promise may be broken by that.
//!
//! What a card carries is not what daemons speak over: those are `wires`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use model::networks::Link;
use model::spec::{AddressSpec, Attachment, Limits, NetworkSpec, ResourceKind, ResourceSpec};
use model::{CardName, NetworkName, NodeId, ResourceName, Spec};

use crate::act::{Act, Kind};
use crate::form::node_name;
use crate::machine::Power;
use crate::random::Random;
use crate::schedule::{Faults, Setup, millis};
use crate::world::World;

/// Streams of random numbers for the setup and the faults.
const OF_CARDS: u64 = 30;

/// Times that cables are pulled, in a cluster with cards.
const FAULTS: (u64, u64) = (3, 12);

/// All cards of the machines that have any.
const CARDS: [&str; 2] = ["eth0", "eth1"];

/// The cards of a machine, and which of them has its own address of each network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cards {
    links: BTreeMap<CardName, Link>,
    own: BTreeMap<NetworkName, CardName>,
}

/// How a cable can be, as an act says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cable(pub Link);

impl fmt::Display for Cable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Link::Up => "up",
            Link::NoCarrier => "no-carrier",
            Link::Down => "down",
            Link::Absent => "absent",
        })
    }
}

impl FromStr for Cable {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        let all = [Link::Up, Link::NoCarrier, Link::Down, Link::Absent].map(Self);
        let mut all = all.into_iter();
        all.find(|cable| cable.to_string() == word).ok_or(())
    }
}

fn network() -> NetworkName {
    NetworkName::new("lan").expect("a plain word is a name")
}

fn card(name: &str) -> CardName {
    CardName::new(name).expect("a plain word is a name")
}

/// Puts every node of a cluster on the network, with so many cards, and gives the services asked
/// for an address of it. What has copies takes none; what moves live has one resource only.
pub(crate) fn attach(spec: &mut Spec, rules: NetworkSpec, cards: usize, services: &[&str]) {
    spec.networks.insert(network(), rules);
    for (number, node) in spec.nodes.values_mut().enumerate() {
        let address = format!("10.0.0.{}/24", number + 11);
        let attachment = Attachment {
            address: address.parse().expect("made of numbers"),
            cards: CARDS.iter().take(cards).map(|name| card(name)).collect(),
        };
        node.networks.insert(network(), attachment);
    }
    let asked = spec.services.iter_mut();
    let asked = asked.filter(|(name, spec)| {
        services.contains(&name.as_str()) && spec.rules.copies.is_none() && !spec.rules.live
    });
    for (place, (_, service)) in asked.enumerate() {
        let address = format!("10.0.0.{}/24", place + 100);
        service.resources.push(ResourceSpec {
            name: ResourceName::new("address").expect("a plain word is a name"),
            kind: ResourceKind::Address(AddressSpec {
                address: address.parse().expect("made of numbers"),
                network: network(),
                duplicate_wait: Duration::ZERO,
            }),
            limits: Limits::default(),
        });
    }
}

/// Some clusters have cards, where faults of this kind are drawn.
pub(crate) fn draw(setup: &mut Setup, faults: &Faults) {
    let mut random = Random::new(setup.seed, OF_CARDS);
    if !random.chance(250) || !faults.has(Kind::Card) {
        return;
    }
    let rules = NetworkSpec {
        barred_for: millis(random.pick(&[500, 3000, 20_000])),
        move_after: millis(random.pick(&[0, 500, 1000, 3000])),
        steady_after: millis(random.pick(&[0, 1000, 5000])),
        ping: None,
    };
    let cards = random.pick(&[1, 1, 2]);
    let services = random.pick::<&[&str]>(&[&["web"], &["db"], &["db", "mail"], &["db", "web"]]);
    attach(&mut setup.spec, rules, cards, services);
}

/// Cables are pulled, one by one, or of all nodes at one moment: a switch that ends.
pub(crate) fn draw_acts(setup: &Setup, acts: &mut Vec<(model::Instant, Act)>) {
    if setup.spec.networks.is_empty() {
        return;
    }
    let mut random = Random::new(setup.seed, OF_CARDS + 1);
    let span = setup.faults_end.0 / 1_000_000;
    for _ in 0..random.between(FAULTS.0, FAULTS.1) {
        let at = random.between(2000, span.max(2001));
        let name = card(random.pick(&CARDS));
        let link = random.pick(&[Link::NoCarrier, Link::NoCarrier, Link::Down, Link::Absent]);
        let lasts = random.between(50, 6000);
        let one = NodeId(1 + random.below(setup.nodes));
        let is_switch = random.chance(250);
        for node in (1..=setup.nodes).map(NodeId) {
            if node == one || is_switch {
                // Machines see the end of a switch at about the same time.
                let at = model::Instant::ZERO + millis(at + random.below(30));
                let pulled = Act::Card(node, name.clone(), Cable(link));
                acts.push((at, pulled));
                let plugged = Act::Card(node, name.clone(), Cable(Link::Up));
                acts.push((at + millis(lasts), plugged));
            }
        }
    }
}

impl World {
    /// The cards that the spec names are there and connected; own addresses are on the first.
    pub(crate) fn install_cards(&mut self, id: NodeId) {
        let spec = self.setup.spec.nodes.get(&node_name(id));
        let networks = spec.map(|spec| spec.networks.clone()).unwrap_or_default();
        let machine = self.machine(id);
        for (network, attachment) in networks {
            for card in &attachment.cards {
                machine.cards.links.entry(card.clone()).or_insert(Link::Up);
            }
            if let Some(first) = attachment.cards.first() {
                machine.cards.own.insert(network, first.clone());
            }
        }
    }

    /// The daemon looks at all cards: as it begins, and after it may have missed news.
    pub(crate) fn look_at_cards(&mut self, id: NodeId) {
        let cards = self.machine(id).cards.clone();
        if cards.links.is_empty() {
            return;
        }
        if let Some((daemon, local)) = self.daemon_of(id) {
            daemon.node.handle_cards(cards.links, cards.own, local);
        }
    }

    /// A cable is pulled, or plugged in again; nothing where there is no such card.
    pub(crate) fn set_card(&mut self, id: NodeId, card: &CardName, link: Link) {
        let machine = self.machine(id);
        let Some(known) = machine.cards.links.get_mut(card) else {
            return;
        };
        *known = link;
        if machine.power != Power::On {
            return;
        }
        if let Some((daemon, local)) = self.awake(id) {
            daemon.node.handle_link(card, link, local);
            self.carry_out(id);
        }
    }

    /// All cables are plugged in.
    pub(crate) fn plug_all_in(&mut self) {
        for id in (1..=self.setup.nodes).map(NodeId) {
            let cards: Vec<CardName> = self.machine(id).cards.links.keys().cloned().collect();
            for card in cards {
                self.set_card(id, &card, Link::Up);
            }
        }
    }

    /// The hands take the addresses of a network to another card.
    pub(crate) fn carry(&mut self, id: NodeId, network: NetworkName, card: Option<CardName>) {
        let Some(card) = card else {
            return;
        };
        let now = self.now;
        let before = self
            .machine(id)
            .cards
            .own
            .insert(network.clone(), card.clone());
        if before.as_ref() != Some(&card) {
            let what = || format!("addresses of {network} go to {card}");
            self.trace.tale(now, Some(id), what);
        }
    }
}
