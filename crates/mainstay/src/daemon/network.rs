//! From the spec to sockets: who is reached where, on which network.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use consensus::PeerInfo;
use host::heartbeat::{LocalLink, PeerEndpoints};
use membership::{Settings, Voice};
use model::spec::{NodeSpec, Timings};
use model::{NetworkName, NodeId, NodeName, Spec};
use wire::heartbeat::LinkId;

use super::members::Member;

/// Everything about connections that follows from the spec and the members.
#[derive(Debug, Clone, PartialEq)]
pub struct Topology {
    /// This node's ends of the networks.
    pub links: Vec<(LinkId, NetworkName, SocketAddr)>,
    /// The others' ends, by member.
    pub peers: BTreeMap<NodeId, Vec<(LinkId, SocketAddr)>>,
    /// Public keys, by member.
    pub keys: BTreeMap<NodeId, [u8; 32]>,
    /// Names, by member.
    pub names: BTreeMap<NodeId, NodeName>,
    /// The networks, by the number of their links.
    pub networks: BTreeMap<LinkId, NetworkName>,
    /// Times of the failure detector.
    pub timings: Timings,
}

impl Topology {
    /// What `spec` and `members` say, seen from `me`. Networks are numbered in the order of
    /// their names.
    pub fn new(spec: &Spec, members: &[Member], me: &NodeName) -> Self {
        let networks: BTreeMap<LinkId, NetworkName> = spec
            .networks
            .keys()
            .enumerate()
            .filter_map(|(number, name)| Some((LinkId(u8::try_from(number).ok()?), name.clone())))
            .collect();
        let ends = |node: &NodeSpec| -> Vec<(LinkId, SocketAddr)> {
            let end = |(link, network): (&LinkId, &NetworkName)| {
                let address = node.networks.get(network)?.address.addr();
                Some((*link, SocketAddr::new(address, spec.cluster.port)))
            };
            networks.iter().filter_map(end).collect()
        };
        let mine = spec.nodes.get(me).map(&ends).unwrap_or_default();
        let others = members.iter().filter(|member| member.name != *me);
        let peers = others
            .map(|member| {
                (
                    member.id,
                    spec.nodes.get(&member.name).map(&ends).unwrap_or_default(),
                )
            })
            .collect();
        Self {
            links: mine
                .into_iter()
                .map(|(link, address)| (link, networks[&link].clone(), address))
                .collect(),
            peers,
            keys: members
                .iter()
                .map(|member| (member.id, member.key))
                .collect(),
            names: members
                .iter()
                .map(|member| (member.id, member.name.clone()))
                .collect(),
            networks,
            timings: spec.cluster.timings,
        }
    }

    /// For the heartbeat thread.
    pub fn local_links(&self) -> Vec<LocalLink> {
        let local = |(link, network, bind): &(LinkId, NetworkName, SocketAddr)| LocalLink {
            link: *link,
            network: network.clone(),
            bind: *bind,
            card: None,
        };
        self.links.iter().map(local).collect()
    }

    /// For the heartbeat thread: the others, and whether each votes.
    pub fn endpoints(&self, voice: impl Fn(NodeId) -> Voice) -> Vec<PeerEndpoints> {
        let endpoint = |(id, ends): (&NodeId, &Vec<(LinkId, SocketAddr)>)| PeerEndpoints {
            id: *id,
            voice: voice(*id),
            addresses: ends.iter().copied().collect(),
        };
        self.peers.iter().map(endpoint).collect()
    }

    /// For the transport.
    pub fn peer_infos(&self) -> Vec<PeerInfo> {
        let info = |(id, ends): (&NodeId, &Vec<(LinkId, SocketAddr)>)| PeerInfo {
            id: *id,
            key: self.keys[id],
            addresses: ends.iter().map(|(_, address)| *address).collect(),
        };
        self.peers.iter().map(info).collect()
    }

    /// The others on a network of this node, with their addresses there.
    pub fn peers_on(&self, network: &NetworkName) -> Vec<(NodeId, SocketAddr)> {
        let own = self.links.iter().find(|(_, name, _)| name == network);
        let Some((on, _, _)) = own else {
            return Vec::new();
        };
        let ends = self
            .peers
            .iter()
            .flat_map(|(id, ends)| ends.iter().map(move |end| (id, end)));
        let ends = ends.filter(|(_, (link, _))| link == on);
        ends.map(|(id, (_, address))| (*id, *address)).collect()
    }

    /// Where this node listens for peers.
    pub fn listen(&self) -> Vec<SocketAddr> {
        self.links.iter().map(|(_, _, address)| *address).collect()
    }

    /// Times of the failure detector.
    pub fn settings(&self) -> Settings {
        let timings = self.timings;
        let settings = Settings::new(timings.heartbeat, timings.suspect_after, timings.lost_after);
        Settings {
            daemon_down_grace: timings.daemon_down_grace,
            ..settings
        }
    }

    /// A sentence of the failure detector, which knows nodes and links by number, with the
    /// names that people gave them.
    pub fn in_names(&self, sentence: &str) -> String {
        let mut named: Vec<String> = Vec::new();
        let mut before = "";
        let mut is_list = false;
        for word in sentence.split(' ') {
            // `agreed by 2 of 3 (1 3)` lists nodes in brackets.
            is_list |= word.starts_with('(');
            let name = match before {
                "link" => self.network_of(word),
                "node" => self.name_of(word),
                _other if is_list => self.name_of(word),
                _other => None,
            };
            is_list &= !word.ends_with(')');
            match name {
                Some(name) => {
                    if before == "node" {
                        named.pop();
                    }
                    named.push(name);
                }
                None => named.push(word.to_string()),
            }
            before = word;
        }
        named.join(" ").replace("link network ", "network ")
    }

    /// `2`, `(2` or `3)` with the name instead of the number.
    fn name_of(&self, word: &str) -> Option<String> {
        let digits = word.trim_matches(|letter: char| !letter.is_ascii_digit());
        let name = self.names.get(&NodeId(digits.parse().ok()?))?;
        Some(word.replacen(digits, name.as_str(), 1))
    }

    fn network_of(&self, number: &str) -> Option<String> {
        let network = self.networks.get(&LinkId(number.parse().ok()?))?;
        Some(format!("network {network}"))
    }

    /// The address of `peer` on `link`.
    pub fn address_of(&self, peer: NodeId, link: LinkId) -> Option<SocketAddr> {
        let ends = self.peers.get(&peer)?;
        ends.iter()
            .find(|(other, _)| *other == link)
            .map(|(_, address)| *address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sentence: &str, shown: &str) {
        let me = NodeName::new("alpha").unwrap();
        let member = |id: u64, name: &str| Member {
            id: NodeId(id),
            name: NodeName::new(name).unwrap(),
            key: [0; 32],
        };
        let members = [member(1, "alpha"), member(2, "beta"), member(3, "gamma")];
        let spec = config::read("example", config::EXAMPLE).unwrap().spec;
        let mut topology = Topology::new(&spec, &members, &me);
        topology.networks = [(LinkId(0), NetworkName::new("lan").unwrap())].into();
        assert_eq!(topology.in_names(sentence), shown);
    }

    #[test]
    fn what_the_failure_detector_says_is_told_in_names() {
        check("link 0 to node 2 up", "network lan to beta up");
        check(
            "node 2 seems rebooted: node 3 hears a newer boot",
            "beta seems rebooted: gamma hears a newer boot",
        );
        check(
            "node 2 lost: silent for 800 ms, agreed by 2 of 3 (1 3)",
            "beta lost: silent for 800 ms, agreed by 2 of 3 (alpha gamma)",
        );
        check("node 12 alive", "node 12 alive");
    }
}
