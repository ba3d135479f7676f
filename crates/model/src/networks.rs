//! Networks as they are: cards and their links, which card carries the addresses, and which
//! ping targets answer.
//!
//! A node tells both how something is now and what has been so for a while. Decisions compare
//! the better of the two where a service runs with the worse of the two where it could run: so
//! what changes back and forth moves nothing, and what all nodes lose at one moment, neither.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{BootId, CardName, Moment, NetworkName, ServiceName, duration};

/// How well something is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Not at all: no card has a link, no target answers.
    None,
    /// Only just: the only card with a link is barred, fewer targets answer than must.
    Poor,
    /// As it should be.
    Full,
}

/// How well something is there now, and how well it has been for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// At this moment.
    pub now: Level,
    /// Worse once it has been worse for a while, better once it has been better for a while.
    pub settled: Level,
}

impl Standing {
    /// Nothing to complain of.
    pub const FULL: Self = Self {
        now: Level::Full,
        settled: Level::Full,
    };

    /// For a service that runs there: the better of both.
    #[must_use]
    pub fn to_stay(self) -> Level {
        self.now.max(self.settled)
    }

    /// For a service that could come: the worse of both.
    #[must_use]
    pub fn to_come(self) -> Level {
        self.now.min(self.settled)
    }
}

/// How the link of a card is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// Switched on and connected.
    Up,
    /// Switched on; its cable (or the other end) is dead.
    NoCarrier,
    /// Switched off.
    Down,
    /// There is no such card.
    Absent,
}

impl Link {
    /// The word for it in `status`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::NoCarrier => "no-carrier",
            Self::Down => "down",
            Self::Absent => "absent",
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "is up",
            Self::NoCarrier => "has no carrier",
            Self::Down => "is down",
            Self::Absent => "is gone",
        })
    }
}

/// A failure of a card: since then it is barred until the period is over or a person ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardFailure {
    /// When its link was lost last.
    pub at: Moment,
    /// How.
    pub how: Link,
}

/// A card as its node tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardSeen {
    /// Its name.
    pub name: CardName,
    /// Its link.
    pub link: Link,
    /// Its last failure in this boot, unless a person has forgotten it.
    #[serde(default)]
    pub failed: Option<CardFailure>,
    /// Whether it is barred for that failure.
    #[serde(default)]
    pub barred: bool,
}

/// A network as one of its nodes tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkSeen {
    /// Whether services can be reached on it.
    pub standing: Standing,
    /// The card that carries the addresses, if one does.
    #[serde(default)]
    pub carrier: Option<CardName>,
    /// Its cards, in the order of the configuration.
    #[serde(default)]
    pub cards: Vec<CardSeen>,
}

/// Which ping targets of one list answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReachSeen {
    /// Whether enough do.
    pub standing: Standing,
    /// Those that answer.
    #[serde(default)]
    pub reached: Vec<PingTarget>,
    /// Those that do not.
    #[serde(default)]
    pub silent: Vec<PingTarget>,
    /// How many must.
    pub needed: u32,
}

/// All that one node tells of its networks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworksSeen {
    /// The boot and the number of the last word; an earlier word that comes later is void.
    pub word: Option<(BootId, u64)>,
    /// Its networks.
    pub networks: BTreeMap<NetworkName, NetworkSeen>,
    /// The ping targets of networks.
    pub pings: BTreeMap<NetworkName, ReachSeen>,
    /// The ping targets of services.
    pub service_pings: BTreeMap<ServiceName, ReachSeen>,
    /// How many targets answer, for rules about nodes: see [`reached_attribute`].
    pub attributes: BTreeMap<String, String>,
}

impl NetworksSeen {
    /// Whether anything is to complain of, for any service.
    #[must_use]
    pub fn lacks_anything(&self) -> bool {
        let networks = self.networks.values().map(|seen| seen.standing);
        let pings = self.pings.values().chain(self.service_pings.values());
        let mut all = networks.chain(pings.map(|reach| reach.standing));
        all.any(|standing| standing != Standing::FULL)
    }

    /// The same, told by another word.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        let of = |it: &Self| Self {
            word: None,
            ..it.clone()
        };
        of(self) == of(other)
    }
}

/// The attribute of a node that tells how many ping targets of a network answer it.
#[must_use]
pub fn reached_attribute(network: &NetworkName) -> String {
    format!("reached-{network}")
}

/// The same for the targets of a service.
#[must_use]
pub fn service_reached_attribute(service: &ServiceName) -> String {
    format!("reached-service-{service}")
}

/// Something outside that should answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PingTarget {
    /// An ICMP echo.
    Icmp(IpAddr),
    /// A TCP connection.
    Tcp(SocketAddr),
    /// A UDP packet that is answered by any packet.
    Udp(SocketAddr),
}

impl fmt::Display for PingTarget {
    /// As the file says it: `10.0.0.1`, `tcp:10.0.0.1:80`, `udp:[fd00::1]:7`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Icmp(address) => address.fmt(f),
            Self::Tcp(address) => write!(f, "tcp:{address}"),
            Self::Udp(address) => write!(f, "udp:{address}"),
        }
    }
}

/// A text that names no ping target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an address, nor `tcp:` or `udp:` with an address and a port")]
pub struct NotATarget(pub String);

impl std::str::FromStr for PingTarget {
    type Err = NotATarget;

    fn from_str(text: &str) -> Result<Self, NotATarget> {
        let bad = || NotATarget(text.to_string());
        let socket = |rest: &str| rest.parse::<SocketAddr>().map_err(|_| bad());
        let target = match text.split_once(':') {
            Some(("tcp", rest)) => Self::Tcp(socket(rest)?),
            Some(("udp", rest)) => Self::Udp(socket(rest)?),
            Some(("icmp", rest)) => Self::Icmp(rest.parse().map_err(|_| bad())?),
            Some(_) | None => Self::Icmp(text.parse().map_err(|_| bad())?),
        };
        let port = match target {
            Self::Icmp(_) => None,
            Self::Tcp(address) | Self::Udp(address) => Some(address.port()),
        };
        match port {
            Some(0) => Err(bad()),
            Some(_) | None => Ok(target),
        }
    }
}

/// How many ping targets must answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Needed {
    /// So many.
    Number(u32),
    /// So many of a hundred, rounded up.
    Percent(u32),
}

impl fmt::Display for Needed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// A list of ping targets: all are asked at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PingSpec {
    /// Whom to ask.
    pub targets: Vec<PingTarget>,
    /// How many must answer.
    pub needed: Needed,
    /// Between two questions to one target.
    #[serde(with = "duration")]
    pub every: Duration,
    /// How long an answer may take.
    #[serde(with = "duration")]
    pub timeout: Duration,
}

impl PingSpec {
    /// How many targets must answer: never more than there are.
    #[must_use]
    pub fn needed(&self) -> u32 {
        let all = u32::try_from(self.targets.len()).unwrap_or(u32::MAX);
        let needed = match self.needed {
            Needed::Number(number) => number,
            Needed::Percent(percent) => all.saturating_mul(percent).div_ceil(100),
        };
        needed.min(all)
    }
}

/// For how long a failed card is barred where the file does not say.
pub const BARRED_FOR_DEFAULT: Duration = Duration::from_secs(600);
/// How long a network may be without a usable card before services move, where the file does
/// not say: a cable that is plugged into another socket moves nothing.
pub const MOVE_AFTER_DEFAULT: Duration = Duration::from_secs(1);
/// How long a network must be well again before services come, where the file does not say.
pub const STEADY_AFTER_DEFAULT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_read_as_it_is_written() {
        for text in ["10.0.0.1", "fd00::1", "tcp:10.0.0.1:80", "udp:[fd00::1]:7"] {
            assert_eq!(text.parse::<PingTarget>().unwrap().to_string(), text);
        }
        let icmp: PingTarget = "icmp:fd00::1".parse().unwrap();
        assert_eq!(icmp.to_string(), "fd00::1");
        for text in [
            "gateway",
            "tcp:10.0.0.1",
            "udp:10.0.0.1:0",
            "http:10.0.0.1:80",
            "",
        ] {
            assert!(text.parse::<PingTarget>().is_err(), "{text}");
        }
    }

    #[test]
    fn percentages_are_rounded_up_and_never_ask_for_more_than_there_are() {
        let needed = |count: u8, needed| {
            let targets = (1..=count).map(|n| PingTarget::Icmp(IpAddr::from([10, 0, 0, n])));
            PingSpec {
                targets: targets.collect(),
                needed,
                every: Duration::from_secs(1),
                timeout: Duration::from_secs(1),
            }
            .needed()
        };
        assert_eq!(needed(3, Needed::Percent(50)), 2);
        assert_eq!(needed(4, Needed::Percent(50)), 2);
        assert_eq!(needed(3, Needed::Percent(100)), 3);
        assert_eq!(needed(3, Needed::Percent(1)), 1);
        assert_eq!(needed(2, Needed::Number(5)), 2);
    }

    #[test]
    fn who_stays_and_who_comes_look_at_different_sides() {
        let just_lost = Standing {
            now: Level::None,
            settled: Level::Full,
        };
        assert_eq!(just_lost.to_stay(), Level::Full);
        assert_eq!(just_lost.to_come(), Level::None);
    }
}
