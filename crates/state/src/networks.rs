//! What nodes tell of their cards and ping targets.

use model::history::NetworkNews;
use model::networks::{
    Level, NetworkSeen, NetworksSeen, ReachSeen, reached_attribute, service_reached_attribute,
};
use model::{BootId, CardName, Command, Happening, NetworkName, NodeName, Rejected, UserName};

use crate::{Applied, Outcome, Place, State};

impl State {
    pub(crate) fn networks_told(&mut self, place: Place, command: &Command) -> Outcome {
        let Command::NetworksTold {
            node: name,
            boot,
            run,
            word,
            told,
        } = command
        else {
            return Err(Rejected::Unknown);
        };
        self.require_newest_run(name, *run)?;
        let node = self.node(name)?;
        if node.state.boot() != Some(*boot) {
            return Err(Rejected::Late(format!("boot {boot} of {name}")));
        }
        let last = node.networks.word.filter(|(of, _)| of == boot);
        if last.is_some_and(|(_, last)| *word <= last) {
            let what = format!("word {word} of {name} about its networks");
            return Err(Rejected::Late(what));
        }
        let told = NetworksSeen {
            word: Some((*boot, *word)),
            attributes: attributes(told),
            ..(**told).clone()
        };
        let news = news(&node.networks, &told);
        if let Some(node) = self.seen.nodes.get_mut(name) {
            *node.networks = told;
        }
        for what in news {
            let node = name.clone();
            self.record(place, Happening::Network { node, what });
        }
        Ok(Applied::Done)
    }

    /// The node itself forgets, and tells how its cards are then.
    pub(crate) fn rearm_cards(
        &mut self,
        place: Place,
        name: &NodeName,
        (card, by): (Option<&CardName>, &UserName),
    ) -> Outcome {
        let node = self.node(name)?;
        let mut cards = node
            .networks
            .networks
            .values()
            .flat_map(|network| &network.cards);
        let mut is_known = |card: &CardName| cards.any(|known| known.name == *card);
        if let Some(card) = card
            && !is_known(card)
        {
            return Err(Rejected::Refused(format!(
                "{name} has told of no card {card}"
            )));
        }
        let did = match card {
            Some(card) => format!("rearm {name} {card}"),
            None => format!("rearm {name}"),
        };
        self.record_operator(place, by, did);
        Ok(Applied::Done)
    }

    /// What a boot has told ends with it.
    pub(crate) fn forget_networks(&mut self, name: &NodeName, boot: BootId) {
        if let Some(node) = self.seen.nodes.get_mut(name)
            && node.networks.word.is_some_and(|(of, _)| of != boot)
        {
            *node.networks = NetworksSeen::default();
        }
    }
}

fn attributes(told: &NetworksSeen) -> std::collections::BTreeMap<String, String> {
    let count = |reach: &ReachSeen| reach.reached.len().to_string();
    let networks = told.pings.iter();
    let networks = networks.map(|(name, reach)| (reached_attribute(name), count(reach)));
    let services = told.service_pings.iter();
    let services = services.map(|(name, reach)| (service_reached_attribute(name), count(reach)));
    networks.chain(services).collect()
}

/// What people want to read about later: who carries, and what has been bad for a while.
fn news(before: &NetworksSeen, after: &NetworksSeen) -> Vec<NetworkNews> {
    let mut news = Vec::new();
    for (name, network) in &after.networks {
        let known = before.networks.get(name);
        news.extend(carrier_news(name, known, network));
        let level = known.map_or(Level::Full, |known| known.standing.settled);
        if level != network.standing.settled {
            news.push(NetworkNews::Standing {
                network: name.clone(),
                level: network.standing.settled,
            });
        }
    }
    let mut reach = |of: String, known: Option<&ReachSeen>, reach: &ReachSeen| {
        let level = known.map_or(Level::Full, |known| known.standing.settled);
        if level != reach.standing.settled {
            news.push(NetworkNews::Pings {
                of,
                reached: count(reach.reached.len()),
                all: count(reach.reached.len() + reach.silent.len()),
                needed: reach.needed,
            });
        }
    };
    for (name, told) in &after.pings {
        reach(format!("network {name}"), before.pings.get(name), told);
    }
    for (name, told) in &after.service_pings {
        reach(name.to_string(), before.service_pings.get(name), told);
    }
    news
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// That the addresses are on another card than before.
fn carrier_news(
    name: &NetworkName,
    before: Option<&NetworkSeen>,
    after: &NetworkSeen,
) -> Option<NetworkNews> {
    let from = before?.carrier.as_ref()?;
    let to = after.carrier.as_ref().filter(|to| *to != from)?;
    let old = after.cards.iter().find(|card| card.name == *from);
    Some(NetworkNews::Moved {
        network: name.clone(),
        from: from.clone(),
        to: to.clone(),
        link: old.map_or(model::networks::Link::Absent, |card| card.link),
    })
}
