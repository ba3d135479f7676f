//! Cards: what the kernel says of them goes to the node, and which card carries the addresses of
//! a network goes to the hands.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use agents::Agents;
use host::netlink::{Card, Change, LinkState, Placed};
use model::networks::Link;
use model::{CardName, Instant, NetworkName};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use super::control::{Control, Input};

/// Before the kernel is asked again after it did not answer.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// What the kernel says of cards.
pub enum CardNews {
    /// All that there are.
    All {
        /// How each link is, by the name of its card.
        links: BTreeMap<String, Link>,
        /// The cards.
        cards: Vec<Card>,
        /// The addresses.
        addresses: Vec<Placed>,
    },
    /// The link of one card.
    Link(String, Link),
}

/// Where the addresses of this machine are, as far as it was told last.
#[derive(Default)]
pub struct KnownCards {
    links: BTreeMap<String, Link>,
    cards: Vec<Card>,
    addresses: Vec<Placed>,
    /// The version of the spec that the node's own addresses were taken from.
    spec_version: u64,
    /// What should answer on networks and for services.
    pub targets: super::reach::Targets,
}

impl Control {
    /// Begins to listen to the kernel. The task ends with the control loop.
    pub fn watch_cards(&self) {
        let (agents, inputs) = (Arc::clone(&self.agents), self.inputs.clone());
        tokio::spawn(watch(agents, inputs));
    }

    /// What the kernel says.
    pub fn take_cards(&mut self, news: CardNews, now: Instant) {
        match news {
            CardNews::All {
                links,
                cards,
                addresses,
            } => {
                self.cards.links = links;
                self.cards.cards = cards;
                self.cards.addresses = addresses;
                self.tell_cards(now);
            }
            CardNews::Link(name, link) => {
                self.cards.links.insert(name.clone(), link);
                // A name that no configuration can say is nobody's card.
                if let Ok(card) = name.parse::<CardName>() {
                    if link != Link::Up {
                        self.leave_card(&card, now);
                    }
                    self.node.handle_link(&card, link, now);
                }
            }
        }
    }

    /// Messages go by other networks than those that a card carried, at once: what is to be told
    /// of its loss must not wait in connections that are dead. One that answers is used again.
    fn leave_card(&self, card: &CardName, now: Instant) {
        let seen = self.node.networks_seen(now).networks;
        let carried = seen
            .iter()
            .filter(|(_, it)| it.carrier.as_ref() == Some(card));
        for (peer, address) in carried.flat_map(|(network, _)| self.topology.peers_on(network)) {
            self.transport.link_down(peer, address);
        }
    }

    /// The configuration may say other things of the networks of this node.
    pub fn follow_cards(&mut self) {
        let version = self.node.state().spec_version();
        if version == self.cards.spec_version {
            return;
        }
        self.cards.spec_version = version;
        let me = &self.identity.name;
        let spec = self.node.state().spec();
        let own = spec.and_then(|spec| spec.nodes.get(me));
        let own = own.map(|node| node.networks.clone()).unwrap_or_default();
        self.agents.follow_own(own);
        if !self.cards.cards.is_empty() {
            self.tell_cards(host::clock::now());
        }
    }

    fn tell_cards(&mut self, now: Instant) {
        let cards = &self.cards.cards;
        let named = |(name, link): (&String, &Link)| Some((name.parse().ok()?, *link));
        let links = self.cards.links.iter().filter_map(named).collect();
        let me = &self.identity.name;
        let spec = self.node.state().spec();
        let own = spec.and_then(|spec| Some(&spec.nodes.get(me)?.networks));
        let found: BTreeMap<NetworkName, CardName> = own
            .into_iter()
            .flatten()
            .filter_map(|(network, attachment)| {
                let address = attachment.address.addr();
                let mut places = self.cards.addresses.iter();
                let place = places.find(|place| place.address.addr() == address)?;
                let card = cards.iter().find(|card| card.index == place.card)?;
                Some((network.clone(), card.name.parse().ok()?))
            })
            .collect();
        self.node.handle_cards(links, found, now);
    }

    /// The addresses of a network go to this card.
    pub fn carry(&self, network: &NetworkName, card: Option<&CardName>) {
        if let Some(card) = card {
            tracing::info!("network {network}: {card} carries its addresses");
        }
        self.agents.carry(network, card);
    }
}

fn link_of(state: LinkState) -> Link {
    match state {
        LinkState::Up => Link::Up,
        LinkState::NoCarrier => Link::NoCarrier,
        LinkState::Down => Link::Down,
    }
}

/// All cards, by their numbers.
#[derive(Default)]
struct Links(BTreeMap<u32, Card>);

impl Links {
    /// How the link of a card really is. The kernel tells of a bridge that has lost its last
    /// port up to a second late, so its ports are looked at.
    fn link(&self, card: &Card) -> Link {
        let mut ports = self
            .0
            .values()
            .filter(|port| port.master == Some(card.index));
        let is_cut_off = ports.next().is_some_and(|first| {
            let is_dead = |port: &Card| port.state != LinkState::Up;
            is_dead(first) && ports.all(is_dead)
        });
        match link_of(card.state) {
            Link::Up if is_cut_off => Link::NoCarrier,
            link => link,
        }
    }

    /// A card came or changed. The links that may be others now; none where cards may have
    /// changed places and all must be asked for again.
    fn change(&mut self, card: Card) -> Option<Vec<(String, Link)>> {
        let before = self.0.insert(card.index, card.clone());
        if before
            .as_ref()
            .is_some_and(|before| before.name != card.name)
        {
            return None;
        }
        Some(self.told(&card, before.and_then(|before| before.master)))
    }

    fn remove(&mut self, card: &Card) -> Vec<(String, Link)> {
        self.0.remove(&card.index);
        let mut links = self.told(card, None);
        links[0].1 = Link::Absent;
        links
    }

    /// The links of a card and of those that it is, or was, a part of.
    fn told(&self, card: &Card, was_in: Option<u32>) -> Vec<(String, Link)> {
        let masters = [card.master, was_in.filter(|was| card.master != Some(*was))];
        let masters = masters.into_iter().flatten();
        let masters = masters.filter_map(|index| self.0.get(&index));
        let cards = std::iter::once(card).chain(masters);
        cards
            .map(|card| (card.name.clone(), self.link(card)))
            .collect()
    }
}

async fn watch(agents: Arc<Agents>, inputs: mpsc::Sender<Input>) {
    let mut changes = agents.changes();
    let mut links = Links::default();
    let mut is_known = false;
    loop {
        if !is_known {
            match agents.cards().await {
                Ok((cards, addresses)) => {
                    links.0 = cards.iter().map(|c| (c.index, c.clone())).collect();
                    let of = |card: &Card| (card.name.clone(), links.link(card));
                    let of_all = cards.iter().map(of).collect();
                    let all = CardNews::All {
                        links: of_all,
                        cards,
                        addresses,
                    };
                    if inputs.send(Input::Cards(all)).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!("the cards of this machine are not known: {error}");
                    tokio::time::sleep(ASK_AGAIN).await;
                    continue;
                }
            }
        }
        let news = match changes.recv().await {
            Ok(Change::CardChanged(card)) => links.change(card),
            Ok(Change::CardGone(card)) => Some(links.remove(&card)),
            // Whether an own address is concerned is asked again.
            Ok(Change::AddressCame(_) | Change::Missed) | Err(RecvError::Lagged(_)) => None,
            Ok(Change::AddressGone(_)) => Some(Vec::new()),
            Err(RecvError::Closed) => return,
        };
        is_known = news.is_some();
        for (name, link) in news.into_iter().flatten() {
            let news = Input::Cards(CardNews::Link(name, link));
            if inputs.send(news).await.is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(index: u32, name: &str, state: LinkState, master: Option<u32>) -> Card {
        Card {
            index,
            name: name.into(),
            mac: None,
            state,
            master,
        }
    }

    #[test]
    fn a_bridge_is_cut_off_when_its_last_port_is() {
        let (up, dead) = (LinkState::Up, LinkState::NoCarrier);
        let mut links = Links::default();
        // Without ports it is what the kernel says.
        let news = links.change(card(1, "br0", up, None)).unwrap();
        assert_eq!(news, [("br0".to_string(), Link::Up)]);
        links.change(card(2, "eth0", up, Some(1)));
        links.change(card(3, "eth1", up, Some(1)));
        let bridge = |news: Option<Vec<(String, Link)>>| news.unwrap()[1].clone();
        let news = links.change(card(2, "eth0", dead, Some(1)));
        assert_eq!(bridge(news), ("br0".to_string(), Link::Up));
        let news = links.change(card(3, "eth1", LinkState::Down, Some(1)));
        assert_eq!(bridge(news), ("br0".to_string(), Link::NoCarrier));
        // A port that leaves it may have been the last that was dead, or the last that lived.
        let news = links.change(card(2, "eth0", up, Some(1)));
        assert_eq!(bridge(news), ("br0".to_string(), Link::Up));
        let news = links.change(card(2, "eth0", up, None));
        assert_eq!(bridge(news), ("br0".to_string(), Link::NoCarrier));
        let news = links.remove(&card(3, "eth1", LinkState::Down, Some(1)));
        let expected = [("eth1", Link::Absent), ("br0", Link::Up)];
        let expected = expected.map(|(name, link)| (name.to_string(), link));
        assert_eq!(news, expected);
    }

    #[test]
    fn after_a_change_of_names_all_is_asked_for_again() {
        let mut links = Links::default();
        links.change(card(1, "eth0", LinkState::Up, None));
        assert_eq!(links.change(card(1, "lan0", LinkState::Up, None)), None);
    }
}
