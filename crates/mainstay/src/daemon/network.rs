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
                (member.id, spec.nodes.get(&member.name).map(&ends).unwrap_or_default())
            })
            .collect();
        Self {
            links: mine
                .into_iter()
                .map(|(link, address)| (link, networks[&link].clone(), address))
                .collect(),
            peers,
            keys: members.iter().map(|member| (member.id, member.key)).collect(),
            names: members.iter().map(|member| (member.id, member.name.clone())).collect(),
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

    /// Where this node listens for peers.
    pub fn listen(&self) -> Vec<SocketAddr> {
        self.links.iter().map(|(_, _, address)| *address).collect()
    }

    /// Times of the failure detector.
    pub fn settings(&self) -> Settings {
        let timings = self.timings;
        let settings =
            Settings::new(timings.heartbeat, timings.suspect_after, timings.lost_after);
        Settings { daemon_down_grace: timings.daemon_down_grace, ..settings }
    }

    /// The address of `peer` on `link`.
    pub fn address_of(&self, peer: NodeId, link: LinkId) -> Option<SocketAddr> {
        let ends = self.peers.get(&peer)?;
        ends.iter().find(|(other, _)| *other == link).map(|(_, address)| *address)
    }
}
