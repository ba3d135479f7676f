//! What a laboratory looks like: its machines, networks, addresses and places.
//!
//! Pure arithmetic on names and numbers; nothing here touches the system.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Names of nodes, in order; beyond these, `node25` and so on.
const GREEK: [&str; 24] = [
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa",
    "lambda", "mu", "nu", "xi", "omicron", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi",
    "psi", "omega",
];

/// More nodes than a cluster may have; their addresses end below that of the client.
pub const NODES_MAX: usize = 64;
/// The kernel has one table for the hardware addresses that all namespaces together have
/// asked for, of 1024 by default: 24 nodes on two networks fill it, and nobody reaches
/// anybody new. Above this number of nodes theirs are written down, which does not count.
pub const ASKING_NODES_MAX: usize = 8;
/// More networks than anybody has; one card each.
pub const NETWORKS_MAX: usize = 8;
/// Cards of a node on one network, at most: letters tell them apart.
pub const CARDS_MAX: usize = 4;
/// The name of the machine for test clients.
pub const CLIENT: &str = "client";
/// The name of the machine for a witness, where there is one.
pub const WITNESS: &str = "witness";
/// Length of the name: it becomes part of a socket path, which the kernel limits to 107.
pub const NAME_LENGTH_MAX: usize = 32;

/// Why a laboratory cannot look like this.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// Too few or too many nodes.
    #[error("a laboratory has 1 to {NODES_MAX} nodes, not {0}")]
    Nodes(usize),
    /// Too many cards.
    #[error("a node has at most {CARDS_MAX} cards on a network, not {0}")]
    Cards(usize),
    /// Too few or too many networks.
    #[error("a laboratory has 1 to {NETWORKS_MAX} networks, not {0}")]
    Networks(usize),
    /// A name that cannot be part of a path, or stands twice.
    #[error(
        "`{0}` cannot be a name here: 1 to {NAME_LENGTH_MAX} of a-z, 0-9 and `-`, each name once"
    )]
    Name(String),
}

/// Everything that the processes of one laboratory must agree on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Names the laboratory among those of one user.
    pub name: String,
    /// The user to whom it belongs.
    pub uid: u32,
    /// The nodes, in order.
    pub nodes: Vec<String>,
    /// Whether there is a machine for a witness.
    #[serde(default)]
    pub witness: Witness,
    /// The networks, in order: the first is `eth0` on each node.
    pub networks: Vec<String>,
    /// Cards of each node on each network beside the one that has its addresses at first:
    /// `eth0b`, `eth0c`.
    #[serde(default)]
    pub spares: usize,
    /// Where state, logs and sockets are; removed with the laboratory.
    pub dir: PathBuf,
    /// The program that plays all roles.
    pub exe: PathBuf,
}

/// Whether a laboratory has a machine for a witness, which is no node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Witness {
    /// It has none.
    #[default]
    Absent,
    /// It has one; the cluster that is formed uses it.
    Present,
}

/// One card of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// Its name in the machine.
    pub name: String,
    /// The number of its network.
    pub network: usize,
    /// Which of the machine's cards on that network it is, from 0.
    pub place: usize,
    /// Its addresses, with the length of the prefix.
    pub addresses: Vec<(IpAddr, u8)>,
    /// The other machines on this network that need not be asked for: address and hardware
    /// address. None in a laboratory of [`ASKING_NODES_MAX`] nodes or fewer.
    pub neighbours: Vec<(IpAddr, [u8; 6])>,
}

/// The hardware address of a machine's card; it keeps it over its boots.
#[must_use]
pub fn hardware_address(network: u8, host: u8) -> [u8; 6] {
    [0x02, 0x4d, 0x53, 0x4c, network, host]
}

/// The name of a card: `eth0` carries the addresses of the first network at first, `eth0b` and
/// `eth0c` stand by.
#[must_use]
pub fn card_name(network: usize, place: usize) -> String {
    let letter = ["", "b", "c", "d"].get(place).unwrap_or(&"");
    format!("eth{network}{letter}")
}

impl Card {
    /// Its hardware address in a machine.
    #[must_use]
    pub fn mac(&self, host: u8) -> [u8; 6] {
        // Networks are fewer than that.
        let number = self.network + 0x10 * self.place;
        hardware_address(u8::try_from(number).unwrap_or_default(), host)
    }

    /// The name of the other end of its cable.
    #[must_use]
    pub fn port(&self, host: u8) -> String {
        card_name(self.network, self.place).replacen("eth", &format!("p{host}."), 1)
    }
}

fn is_name(text: &str) -> bool {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.len() <= NAME_LENGTH_MAX && text.chars().all(good)
}

/// `count` names of nodes.
#[must_use]
pub fn node_names(count: usize) -> Vec<String> {
    let name = |i: usize| {
        GREEK
            .get(i)
            .map_or_else(|| format!("node{}", i + 1), ToString::to_string)
    };
    (0..count).map(name).collect()
}

impl Layout {
    /// Checks names and numbers.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), LayoutError> {
        if self.nodes.is_empty() || NODES_MAX < self.nodes.len() {
            return Err(LayoutError::Nodes(self.nodes.len()));
        }
        if self.networks.is_empty() || NETWORKS_MAX < self.networks.len() {
            return Err(LayoutError::Networks(self.networks.len()));
        }
        if CARDS_MAX <= self.spares {
            return Err(LayoutError::Cards(1 + self.spares));
        }
        let mut seen = std::collections::BTreeSet::from([CLIENT, WITNESS]);
        let bad_node = self
            .nodes
            .iter()
            .find(|name| !is_name(name) || !seen.insert(name));
        let bad_network = self.networks.iter().find(|name| !is_name(name));
        match bad_node
            .or(bad_network)
            .or(Some(&self.name).filter(|name| !is_name(name)))
        {
            Some(bad) => Err(LayoutError::Name(bad.clone())),
            None => Ok(()),
        }
    }

    /// All machines: the nodes, the witness if there is one, the client.
    #[must_use]
    pub fn machines(&self) -> Vec<String> {
        let beside = match self.witness {
            Witness::Absent => [None, Some(CLIENT)],
            Witness::Present => [Some(WITNESS), Some(CLIENT)],
        };
        let beside = beside.into_iter().flatten().map(ToString::to_string);
        self.nodes.iter().cloned().chain(beside).collect()
    }

    /// The abstract socket of the keeper.
    #[must_use]
    pub fn socket_name(&self) -> String {
        socket_name(self.uid, &self.name)
    }

    /// The socket by which `fence_lab` speaks to the power switch, reachable from all machines.
    #[must_use]
    pub fn switch_path(&self) -> PathBuf {
        self.dir.join("switch.sock")
    }

    /// What belongs to one machine.
    #[must_use]
    pub fn machine_dir(&self, machine: &str) -> PathBuf {
        self.dir.join("nodes").join(machine)
    }

    /// What a node keeps when it loses power.
    #[must_use]
    pub fn state_dir(&self, machine: &str) -> PathBuf {
        self.machine_dir(machine).join("state")
    }

    /// The socket of a node's watchdog.
    #[must_use]
    pub fn watchdog_path(&self, machine: &str) -> PathBuf {
        self.machine_dir(machine).join("watchdog")
    }

    /// By how many milliseconds the wall clock of a node's daemon is shifted: a file.
    #[must_use]
    pub fn wall_path(&self, machine: &str) -> PathBuf {
        self.machine_dir(machine).join("wall")
    }

    /// Where a node writes what its operations print.
    #[must_use]
    pub fn log_dir(&self, machine: &str) -> PathBuf {
        self.machine_dir(machine).join("log")
    }

    /// The daemon's program on a node where another one than the laboratory's was installed.
    #[must_use]
    pub fn program_path(&self, machine: &str) -> PathBuf {
        self.machine_dir(machine).join("program")
    }

    /// Begin of `PATH` in each machine.
    #[must_use]
    pub fn bin_dir(&self) -> PathBuf {
        self.dir.join("bin")
    }

    /// For files that several machines share.
    #[must_use]
    pub fn shared_dir(&self) -> PathBuf {
        self.dir.join("shared")
    }

    /// The last number of a machine's addresses: nodes from 11 on, the client 200, the
    /// witness 201.
    #[must_use]
    pub fn host_number(&self, machine: &str) -> Option<u8> {
        if machine == CLIENT {
            return Some(200);
        }
        if machine == WITNESS {
            return Some(201);
        }
        let index = self.nodes.iter().position(|name| name == machine)?;
        u8::try_from(11 + index).ok()
    }

    /// The IPv4 address of a machine on a network.
    #[must_use]
    pub fn address(&self, machine: &str, network: &str) -> Option<Ipv4Addr> {
        let network = self.networks.iter().position(|name| name == network)?;
        let network = u8::try_from(network).ok()?;
        Some(Ipv4Addr::new(
            10,
            77 + network,
            0,
            self.host_number(machine)?,
        ))
    }

    /// The cards of a machine: those that have addresses, one per network, then those that stand
    /// by; client and witness are on the first network only, with one card.
    #[must_use]
    pub fn cards(&self, machine: &str) -> Vec<Card> {
        let count = if [CLIENT, WITNESS].contains(&machine) {
            1
        } else {
            self.networks.len()
        };
        let Some(host) = self.host_number(machine) else {
            return Vec::new();
        };
        let card = |network: &String| {
            let v4 = self.address(machine, network)?;
            let index = v4.octets()[1];
            // Written in decimal digits, so that 10.77.0.11 and fd77::11 look alike.
            let digits = |n: u8| u16::from_str_radix(&n.to_string(), 16).unwrap_or(0);
            let v6 = Ipv6Addr::new(0xfd00 | digits(index), 0, 0, 0, 0, 0, 0, digits(host));
            let addresses = vec![(v4.into(), 24), (v6.into(), 64)];
            Some(Card {
                name: card_name(usize::from(index - 77), 0),
                network: usize::from(index - 77),
                place: 0,
                addresses,
                neighbours: self.neighbours(machine, network),
            })
        };
        let first = self.networks.iter().take(count).filter_map(card);
        let spares = if self.nodes.iter().any(|node| node == machine) {
            self.spares
        } else {
            0
        };
        let spare = |(place, network): (usize, usize)| Card {
            name: card_name(network, place),
            network,
            place,
            addresses: Vec::new(),
            neighbours: Vec::new(),
        };
        let networks = |place| (0..count).map(move |network| (place, network));
        first
            .chain((1..=spares).flat_map(networks).map(spare))
            .collect()
    }

    fn neighbours(&self, machine: &str, network: &str) -> Vec<(IpAddr, [u8; 6])> {
        if self.nodes.len() <= ASKING_NODES_MAX {
            return Vec::new();
        }
        let others = self.nodes.iter().filter(|node| *node != machine);
        let known = |node: &String| {
            let v4 = self.address(node, network)?;
            let host = self.host_number(node)?;
            Some((v4.into(), hardware_address(v4.octets()[1] - 77, host)))
        };
        others.filter_map(known).collect()
    }
}

/// The abstract socket of the keeper of a laboratory.
#[must_use]
pub fn socket_name(uid: u32, name: &str) -> String {
    format!("mainstay-lab-{uid}-{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(nodes: usize, networks: &[&str]) -> Layout {
        Layout {
            name: "t".into(),
            uid: 0,
            nodes: node_names(nodes),
            networks: networks.iter().map(ToString::to_string).collect(),
            spares: 0,
            witness: Witness::Present,
            dir: "/x".into(),
            exe: "/x".into(),
        }
    }

    #[test]
    fn addresses_are_easy_to_remember() {
        let layout = layout(3, &["lan", "san"]);
        let text = |machine: &str| {
            let cards = layout.cards(machine);
            let line = |card: &Card| {
                let all: Vec<_> = card
                    .addresses
                    .iter()
                    .map(|(a, n)| format!("{a}/{n}"))
                    .collect();
                format!("{} {}", card.name, all.join(" "))
            };
            cards.iter().map(line).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(
            text("alpha"),
            "eth0 10.77.0.11/24 fd77::11/64, eth1 10.78.0.11/24 fd78::11/64"
        );
        assert_eq!(
            text("gamma"),
            "eth0 10.77.0.13/24 fd77::13/64, eth1 10.78.0.13/24 fd78::13/64"
        );
        assert_eq!(text("client"), "eth0 10.77.0.200/24 fd77::200/64");
        assert_eq!(text("witness"), "eth0 10.77.0.201/24 fd77::201/64");
    }

    #[test]
    fn spare_cards_have_names_and_ends_of_their_own_and_no_addresses() {
        let layout = Layout {
            spares: 1,
            ..layout(2, &["lan", "san"])
        };
        let cards = layout.cards("beta");
        let text =
            |card: &Card| format!("{} {} {}", card.name, card.port(12), card.addresses.len());
        let texts: Vec<String> = cards.iter().map(text).collect();
        let expected = [
            "eth0 p12.0 2",
            "eth1 p12.1 2",
            "eth0b p12.0b 0",
            "eth1b p12.1b 0",
        ];
        assert_eq!(texts, expected);
        let mut macs: Vec<[u8; 6]> = cards.iter().map(|card| card.mac(12)).collect();
        macs.dedup();
        assert_eq!(macs.len(), 4);
        assert_eq!(layout.cards("client").len(), 1);
    }

    #[test]
    fn a_large_laboratory_knows_its_neighbours_beforehand() {
        assert_eq!(layout(8, &["lan"]).cards("alpha")[0].neighbours, []);
        let cards = layout(32, &["lan", "san"]).cards("beta");
        let second = &cards[1].neighbours;
        assert_eq!(second.len(), 31);
        let alpha: IpAddr = "10.78.0.11".parse().unwrap();
        assert_eq!(second[0], (alpha, hardware_address(1, 11)));
    }

    #[test]
    fn impossible_laboratories_are_refused() {
        assert!(layout(0, &["lan"]).check().is_err());
        assert!(layout(65, &["lan"]).check().is_err());
        assert!(layout(1, &[]).check().is_err());
        assert!(layout(1, &["../lan"]).check().is_err());
        assert!(
            Layout {
                nodes: vec!["a".into(), "a".into()],
                ..layout(1, &["lan"])
            }
            .check()
            .is_err()
        );
        assert!(
            Layout {
                nodes: vec!["client".into()],
                ..layout(1, &["lan"])
            }
            .check()
            .is_err()
        );
        assert!(layout(64, &["lan", "san"]).check().is_ok());
    }
}
