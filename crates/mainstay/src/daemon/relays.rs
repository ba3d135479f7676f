//! Which members are reached by way of others: the failure detector knows the ways, the
//! transport knows its connections.

use std::collections::BTreeMap;

use membership::Path;
use model::NodeId;

use super::control::Control;

impl Control {
    /// Tells the node before it sends anything.
    pub fn note_relays(&mut self) {
        let paths = self.heartbeat.paths();
        let via = |(peer, path): &(NodeId, Path)| match path {
            Path::Via(via) => Some((*peer, *via)),
            // In a large cluster the two do not beat to each other.
            Path::Unwatched(Some(via)) if !self.transport.answers(*peer) => Some((*peer, *via)),
            Path::Direct | Path::Unwatched(_) | Path::None => None,
        };
        let relays: BTreeMap<NodeId, NodeId> = paths.iter().filter_map(via).collect();
        self.node.set_relays(relays);
    }
}
