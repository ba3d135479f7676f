//! Which way a message takes to a peer.

use model::{Instant, NodeId};

use super::Detector;
use crate::event::Voice;
use crate::peer::{PeerState, State, Watch};

/// The way to a peer, as far as heartbeats tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// Straight: a link between us works both ways.
    Direct,
    /// By this node, which hears both of us and is heard by both, or knows one that does.
    Via(NodeId),
    /// The two are no neighbours in a large cluster, so heartbeats do not tell of the links
    /// between them. Whoever sends sees whether its connection stands; else this node may
    /// pass messages on.
    Unwatched(Option<NodeId>),
    /// There is none.
    None,
}

impl Detector {
    /// The way to `peer` as of `now`.
    #[must_use]
    pub fn path_to(&self, peer: NodeId, now: Instant) -> Path {
        let Some(state) = self.peers.get(&peer) else {
            return Path::None;
        };
        if self.works(state, now) {
            return Path::Direct;
        }
        let via = self.relay_to(peer, now);
        let is_alive = match state.state {
            State::Alive | State::Left | State::Suspected => true,
            State::Unseen | State::Lost | State::DaemonDown { .. } => false,
        };
        let since = |at: Instant| now.saturating_duration_since(at);
        match (via, state.watch) {
            (via, Watch::Distant) if is_alive => Path::Unwatched(via),
            (Some(via), _) => Path::Via(via),
            // A little late, and nobody better.
            (None, _)
                if state
                    .direct_at
                    .is_some_and(|at| since(at) < self.settings.suspect_after) =>
            {
                Path::Direct
            }
            (None, _) => Path::None,
        }
    }

    /// The ways to all peers as of `now`.
    #[must_use]
    pub fn paths(&self, now: Instant) -> Vec<(NodeId, Path)> {
        let peers = self.peers.keys();
        peers
            .map(|peer| (*peer, self.path_to(*peer, now)))
            .collect()
    }

    /// Whether a link to it works both ways, as far as we know at this moment.
    fn works(&self, state: &PeerState, now: Instant) -> bool {
        let since = |at: Instant| now.saturating_duration_since(at);
        state
            .direct_at
            .is_some_and(|at| since(at) <= self.settings.late_warn_after)
    }

    /// Of those who offer a way: the shortest; of these a voter, and the lowest.
    fn relay_to(&self, target: NodeId, now: Instant) -> Option<NodeId> {
        let offers = self.peers.iter().filter(|(id, _)| **id != target);
        let ways = offers.filter_map(|(id, state)| {
            let way = state.ways.get(&target)?;
            let is_fresh = now.saturating_duration_since(way.at) < self.settings.suspect_after;
            let is_usable = is_fresh && self.works(state, now) && state.state == State::Alive;
            is_usable.then_some((way.hops, state.voice != Voice::Voter, *id))
        });
        ways.min().map(|(_, _, id)| id)
    }
}
