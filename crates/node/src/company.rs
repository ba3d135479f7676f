//! Who is here: while a majority of the voters hears this node, or has only its daemon closed,
//! nobody else can decide anything, and this node may go on as it is. A leader is not needed
//! for that.
//!
//! It only makes a lease longer that still holds. Times are those at which this node *sent*
//! what the others say to have heard, so no delay on the wire makes a lease longer.

use membership::PeerStatus;
use model::Instant;

use crate::executor::Lease;
use crate::node::{Liveness, Node};

/// The detector is asked when less than this part of the lease is left. A leader's word comes
/// several times in that time, so in good days it is never asked.
const LEASE_SHARE: u32 = 2;

impl Node {
    /// Whether `handle_hearing` should be called before the next `handle_timeout`.
    #[must_use]
    pub fn wants_hearing(&self, now: Instant) -> bool {
        let left = self.lease_until(now).saturating_duration_since(now);
        self.lease == Lease::Held && left < self.lease_span() / LEASE_SHARE
    }

    /// What the detector of this node hears of the others.
    pub fn handle_hearing(&mut self, peers: &[PeerStatus], now: Instant) {
        self.together = self.together.max(self.majority_at(peers, now));
        self.advance(now);
    }

    /// The latest moment at which a majority of the voters, with this node if it is one, was
    /// here or closed. Then fewer were elsewhere than a forced change needs.
    fn majority_at(&self, peers: &[PeerStatus], now: Instant) -> Option<Instant> {
        let voters = &self.raft.configuration().voters;
        let mut times: Vec<Instant> = voters
            .iter()
            .filter_map(|voter| {
                if *voter == self.config.id {
                    return Some(now);
                }
                let peer = peers.iter().find(|peer| peer.peer == *voter)?;
                self.here_at(peer)
            })
            .collect();
        times.sort_unstable();
        times.iter().nth_back(voters.len() / 2).copied()
    }

    /// When a peer was last known to be here, or to be closed.
    fn here_at(&self, peer: &PeerStatus) -> Option<Instant> {
        let closed_at = match self.liveness.get(&peer.peer) {
            Some(Liveness::DaemonDown | Liveness::DaemonDownTooLong { .. }) => peer.closed_at,
            Some(Liveness::Alive { .. } | Liveness::Left { .. } | Liveness::Lost { .. }) | None => {
                None
            }
        };
        // Who has applied more than our log holds may know of voters that we do not.
        let is_news = self.raft.last_index() < peer.applied;
        let met_at = peer.met_at.filter(|_| !is_news);
        met_at.max(closed_at)
    }
}
