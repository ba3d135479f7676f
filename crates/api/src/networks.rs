//! Networks of a node, as its cards and ping targets are.

use serde::{Deserialize, Serialize};

use model::networks::{CardSeen, Level, NetworkSeen, NetworksSeen, ReachSeen};
use model::spec::Spec;

use crate::Timestamp;

/// A network of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkView {
    /// Its name.
    pub network: String,
    /// `ok`, `barred-only` (only barred cards have a link) or `no-link`, at this moment.
    pub state: String,
    /// The same, as it has been for a while: what services stay or leave for.
    pub settled: String,
    /// The card that carries the addresses, if one does.
    #[serde(default)]
    pub carrier: Option<String>,
    /// Its cards, in the order of the configuration.
    #[serde(default)]
    pub cards: Vec<CardView>,
}

/// A card.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardView {
    /// Its name.
    pub name: String,
    /// `up`, `no-carrier`, `down` or `absent`.
    pub link: String,
    /// Whether it is used only where no other card has a link.
    pub barred: bool,
    /// When it failed last in this boot of the node.
    #[serde(default)]
    pub failed_at: Option<Timestamp>,
    /// How: `no-carrier`, `down` or `absent`.
    #[serde(default)]
    pub failed_how: Option<String>,
    /// When the bar ends by itself.
    #[serde(default)]
    pub barred_until: Option<Timestamp>,
}

/// Ping targets that a node asks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PingsView {
    /// Of which network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Of which service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Whether enough answer, as it has been for a while.
    pub enough: bool,
    /// How many must answer.
    pub needed: u32,
    /// Those that answer.
    pub reached: Vec<String>,
    /// Those that do not.
    pub silent: Vec<String>,
}

fn word(level: Level) -> String {
    match level {
        Level::Full => "ok",
        Level::Poor => "barred-only",
        Level::None => "no-link",
    }
    .to_string()
}

/// What a node tells of its networks.
pub(crate) fn networks(spec: &Spec, told: &NetworksSeen) -> Vec<NetworkView> {
    let view = |(name, seen): (&model::NetworkName, &NetworkSeen)| {
        let barred_for = spec.networks.get(name).map(|network| network.barred_for);
        let card = |card: &CardSeen| {
            let until = card.failed.map(|failure| {
                let span = barred_for.unwrap_or_default().as_millis();
                let span = u64::try_from(span).unwrap_or(u64::MAX);
                model::WallTime(failure.at.at.0.saturating_add(span))
            });
            CardView {
                name: card.name.to_string(),
                link: card.link.word().to_string(),
                barred: card.barred,
                failed_at: card.failed.map(|failure| failure.at.at.into()),
                failed_how: card.failed.map(|failure| failure.how.word().to_string()),
                barred_until: until.filter(|_| card.barred).map(Into::into),
            }
        };
        NetworkView {
            network: name.to_string(),
            state: word(seen.standing.now),
            settled: word(seen.standing.settled),
            carrier: seen.carrier.as_ref().map(ToString::to_string),
            cards: seen.cards.iter().map(card).collect(),
        }
    };
    told.networks.iter().map(view).collect()
}

/// What a node tells of ping targets.
pub(crate) fn pings(told: &NetworksSeen) -> Vec<PingsView> {
    let view = |seen: &ReachSeen| PingsView {
        network: None,
        service: None,
        enough: seen.standing.settled == Level::Full,
        needed: seen.needed,
        reached: seen.reached.iter().map(ToString::to_string).collect(),
        silent: seen.silent.iter().map(ToString::to_string).collect(),
    };
    let networks = told.pings.iter().map(|(name, seen)| PingsView {
        network: Some(name.to_string()),
        ..view(seen)
    });
    let services = told.service_pings.iter().map(|(name, seen)| PingsView {
        service: Some(name.to_string()),
        ..view(seen)
    });
    networks.chain(services).collect()
}

/// What a person should look at: cards that do not stand by, and targets that are silent.
pub(crate) fn warnings(node: &str, networks: &[NetworkView], pings: &[PingsView]) -> Vec<String> {
    let mut warnings = Vec::new();
    for network in networks {
        let name = &network.network;
        for card in &network.cards {
            let card_name = &card.name;
            let how = match card.link.as_str() {
                "up" if card.barred => "is barred after a failure",
                "up" => continue,
                "no-carrier" => "has no carrier",
                "absent" => "does not exist",
                _down => "is down",
            };
            let rest = match (&network.carrier, card.link.as_str()) {
                (_, "up") => format!(" (`mainstay rearm {node} {card_name}` ends it)"),
                (Some(carrier), _) if carrier != card_name => {
                    format!("; {carrier} carries the addresses")
                }
                _none => String::new(),
            };
            warnings.push(format!("{node}: {card_name} of network {name} {how}{rest}"));
        }
    }
    for list in pings.iter().filter(|list| !list.silent.is_empty()) {
        let of = match (&list.network, &list.service) {
            (Some(network), _) => format!("network {network}"),
            (None, Some(service)) => service.clone(),
            (None, None) => continue,
        };
        let all = list.reached.len() + list.silent.len();
        warnings.push(format!(
            "{node}: {} of {all} ping targets of {of} answer, {} needed; silent: {}",
            list.reached.len(),
            list.needed,
            list.silent.join(", ")
        ));
    }
    warnings
}
