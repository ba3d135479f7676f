//! Which card of each network of this node carries its addresses.
//!
//! ```text
//!             link lost: failed, and barred for a period
//!   usable ──────────────────────────────────────────────► barred
//!      ▲                                                      │
//!      └──────── the period is over, or a person says so ◄────┘
//! ```
//!
//! The card that carries keeps the addresses as long as it has a link. When it loses it, the
//! next is one that never failed, then the one that failed longest ago. A barred card is used
//! only while no other has a link: better than nothing, but no reason for services to stay. Links
//! and the time come in; nothing here touches a card.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use model::networks::{CardFailure, CardSeen, Level, Link, NetworkSeen, NetworksSeen, Standing};
use model::spec::{NetworkSpec, NodeSpec};
use model::{CardName, ClusterTime, Instant, Moment, NetworkName, Spec};

use crate::settle::{Patience, Settling};

/// The addresses of a network shall be on this card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carry {
    /// Of which network.
    pub network: NetworkName,
    /// On which card; none: on none of those that are known.
    pub card: Option<CardName>,
}

#[derive(Debug, Clone)]
struct Card {
    name: CardName,
    link: Link,
    failed: Option<(Instant, CardFailure)>,
}

#[derive(Debug, Clone)]
struct Network {
    rules: NetworkSpec,
    /// In the order of the configuration; where that names none, the one that was found.
    cards: Vec<Card>,
    carrier: Option<CardName>,
    /// What the hands were told last; none: nothing yet.
    told: Option<Option<CardName>>,
    settling: Settling,
}

/// The cards of this node.
#[derive(Debug, Default)]
pub struct Cards {
    networks: BTreeMap<NetworkName, Network>,
    /// All links that are known; a card that is not here is absent. Empty: nobody has looked.
    links: BTreeMap<CardName, Link>,
    /// Where the node's own address of each network was found.
    found: BTreeMap<NetworkName, CardName>,
    outputs: VecDeque<Carry>,
}

impl Network {
    fn patience(&self) -> Patience {
        Patience {
            worse: self.rules.move_after,
            better: self.rules.steady_after,
        }
    }

    fn barred_until(&self, card: &Card) -> Option<Instant> {
        card.failed.map(|(at, _)| at + self.rules.barred_for)
    }

    fn is_barred(&self, card: &Card, now: Instant) -> bool {
        self.barred_until(card).is_some_and(|until| now < until)
    }

    fn carrier(&self) -> Option<&Card> {
        let name = self.carrier.as_ref()?;
        self.cards.iter().find(|card| card.name == *name)
    }

    /// The card that should carry now.
    fn choose(&self, now: Instant) -> Option<&Card> {
        let up = self.cards.iter().filter(|card| card.link == Link::Up);
        // Of equals the first is taken.
        let best = up.min_by_key(|card| {
            let failed = card.failed.map(|(at, _)| at);
            (self.is_barred(card, now), failed)
        });
        let carrier = self.carrier().filter(|card| card.link == Link::Up);
        match (carrier, best) {
            (Some(carrier), Some(best))
                if self.is_barred(carrier, now) && !self.is_barred(best, now) =>
            {
                Some(best)
            }
            (Some(carrier), _) => Some(carrier),
            (None, Some(best)) => Some(best),
            // Nothing is better than where they are.
            (None, None) => self.carrier(),
        }
    }

    fn level(&self, now: Instant) -> Level {
        match self.carrier() {
            Some(card) if card.link == Link::Up && self.is_barred(card, now) => Level::Poor,
            Some(card) if card.link == Link::Up => Level::Full,
            Some(_) | None => Level::None,
        }
    }

    fn seen(&self, now: Instant) -> NetworkSeen {
        let card = |card: &Card| CardSeen {
            name: card.name.clone(),
            link: card.link,
            failed: card.failed.map(|(_, failure)| failure),
            barred: self.is_barred(card, now),
        };
        NetworkSeen {
            standing: self.settling.standing(),
            carrier: self.carrier.clone(),
            cards: self.cards.iter().map(card).collect(),
        }
    }
}

impl Cards {
    /// The configuration may say other things of this node.
    pub fn configure(&mut self, spec: &Spec, node: &NodeSpec, now: Instant) {
        let mut networks = BTreeMap::new();
        for (name, attachment) in &node.networks {
            let Some(rules) = spec.networks.get(name) else {
                continue;
            };
            let mut known = self.networks.remove(name);
            let mut names = attachment.cards.clone();
            if names.is_empty() {
                names.extend(self.found.get(name).cloned());
            }
            let cards = names.into_iter().map(|name| {
                let before = known.as_mut().and_then(|known| {
                    let at = known.cards.iter().position(|card| card.name == name)?;
                    Some(known.cards.swap_remove(at))
                });
                before.unwrap_or_else(|| Card {
                    link: self.link_of(&name),
                    name,
                    failed: None,
                })
            });
            let cards: Vec<Card> = cards.collect();
            let found = || {
                let found = self.found.get(name)?;
                cards
                    .iter()
                    .any(|card| card.name == *found)
                    .then(|| found.clone())
            };
            let carrier = known.as_ref().and_then(|known| known.carrier.clone());
            let network = Network {
                rules: rules.clone(),
                carrier: carrier.or_else(found),
                cards,
                told: known.as_ref().and_then(|known| known.told.clone()),
                settling: known.map_or_else(
                    || Settling::new(Standing::FULL, now),
                    |known| known.settling,
                ),
            };
            networks.insert(name.clone(), network);
        }
        self.networks = networks;
        self.follow(now);
    }

    fn link_of(&self, name: &CardName) -> Link {
        self.links.get(name).copied().unwrap_or(Link::Absent)
    }

    /// All cards that there are, and on which of them the node's own addresses were found.
    pub fn handle_cards(
        &mut self,
        links: BTreeMap<CardName, Link>,
        found: BTreeMap<NetworkName, CardName>,
        (at, now): (Moment, Instant),
    ) {
        self.links = links;
        for (network, card) in found {
            self.find(network, card);
        }
        let names: Vec<CardName> = self
            .networks
            .values()
            .flat_map(|network| network.cards.iter().map(|card| card.name.clone()))
            .collect();
        for name in names {
            self.note_link(&name, self.link_of(&name), (at, now));
        }
        self.follow(now);
    }

    /// The node's own address of a network was found on a card.
    fn find(&mut self, network: NetworkName, card: CardName) {
        let link = self.link_of(&card);
        if let Some(known) = self.networks.get_mut(&network) {
            let was_found = self.found.get(&network);
            let is_by_finding = known.cards.is_empty()
                || known.cards.len() == 1 && was_found == Some(&known.cards[0].name);
            let is_listed = known.cards.iter().any(|listed| listed.name == card);
            if is_by_finding && !is_listed {
                known.cards = vec![Card {
                    name: card.clone(),
                    link,
                    failed: None,
                }];
            }
            if known.carrier.is_none() && (is_by_finding || is_listed) {
                known.carrier = Some(card.clone());
            }
        }
        self.found.insert(network, card);
    }

    /// The link of a card has changed.
    pub fn handle_link(&mut self, name: &CardName, link: Link, (at, now): (Moment, Instant)) {
        self.links.insert(name.clone(), link);
        self.note_link(name, link, (at, now));
        self.follow(now);
    }

    fn note_link(&mut self, name: &CardName, link: Link, (at, now): (Moment, Instant)) {
        for network in self.networks.values_mut() {
            let known = network.cards.iter_mut().find(|card| card.name == *name);
            let Some(card) = known else { continue };
            if card.link == Link::Up && link != Link::Up {
                card.failed = Some((now, CardFailure { at, how: link }));
            }
            card.link = link;
        }
    }

    /// A person trusts a card again, or all of them. Whether there was anything to forget.
    pub fn rearm(&mut self, card: Option<&CardName>, now: Instant) -> bool {
        let mut is_changed = false;
        for network in self.networks.values_mut() {
            for known in &mut network.cards {
                if card.is_none_or(|card| *card == known.name) {
                    is_changed |= known.failed.take().is_some();
                }
            }
        }
        self.follow(now);
        is_changed
    }

    /// What an earlier run of the daemon in this boot had told.
    pub fn restore(&mut self, told: &NetworksSeen, clock: ClusterTime, now: Instant) {
        for (name, seen) in &told.networks {
            let Some(network) = self.networks.get_mut(name) else {
                continue;
            };
            let standing = Standing {
                settled: seen.standing.settled,
                ..network.settling.standing()
            };
            network.settling = Settling::new(standing, now);
            for card in &mut network.cards {
                let told = seen.cards.iter().find(|told| told.name == card.name);
                let Some(failure) = told.and_then(|told| told.failed) else {
                    continue;
                };
                if card.failed.is_none() {
                    let ago = clock.saturating_duration_since(failure.at.clock);
                    card.failed = Some((before(now, ago), failure));
                }
            }
        }
        self.follow(now);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.follow(now);
    }

    /// When `handle_timeout` is due next.
    #[must_use]
    pub fn next_deadline(&self, now: Instant) -> Option<Instant> {
        if self.links.is_empty() {
            return None;
        }
        let of = |network: &Network| {
            let bars = network.cards.iter();
            let bars = bars.filter_map(|card| network.barred_until(card));
            let bars: Vec<Instant> = bars.filter(|until| now < *until).collect();
            bars.into_iter()
                .chain(network.settling.due(network.patience()))
                .min()
        };
        self.networks.values().filter_map(of).min()
    }

    /// Where addresses shall go.
    pub fn poll_output(&mut self) -> Option<Carry> {
        self.outputs.pop_front()
    }

    /// For the others.
    #[must_use]
    pub fn seen(&self, now: Instant) -> BTreeMap<NetworkName, NetworkSeen> {
        if self.links.is_empty() {
            return BTreeMap::new();
        }
        // A network of which no card is known has nothing to tell.
        let known = self.networks.iter();
        let known = known.filter(|(_, network)| !network.cards.is_empty());
        known
            .map(|(name, network)| (name.clone(), network.seen(now)))
            .collect()
    }

    /// Chooses anew wherever something has changed.
    fn follow(&mut self, now: Instant) {
        if self.links.is_empty() {
            return;
        }
        for (name, network) in &mut self.networks {
            let chosen = network.choose(now).map(|card| card.name.clone());
            network.carrier.clone_from(&chosen);
            if network.told.as_ref() != Some(&chosen) {
                network.told = Some(chosen.clone());
                let network = name.clone();
                self.outputs.push_back(Carry {
                    network,
                    card: chosen,
                });
            }
            network.settling.set(network.level(now), now);
            network.settling.handle_timeout(network.patience(), now);
        }
    }
}

/// That moment, or the beginning of the boot where there is none so early.
fn before(now: Instant, ago: Duration) -> Instant {
    let since_boot = now.saturating_duration_since(Instant::ZERO);
    Instant::ZERO + since_boot.saturating_sub(ago)
}
