//! Who is here: while a majority of the voters hears this node, or has only its daemon closed,
//! nobody else can decide anything, and this node may go on as it is. A leader is not needed
//! for that.
//!
//! It only makes a lease longer that still holds. Times are those at which this node *sent*
//! what the others say to have heard, so no delay on the wire makes a lease longer.
//!
//! # Why it is safe
//!
//! Where only devices end a lost node, no lease is waited for, and nothing depends on this.
//! Where members have armed watchdogs, somebody may wait until *our* lease has ended, counted
//! from when it saw our loss committed, under one leader that has led ever since
//! (`outlive.rs`). There *every* voter must be here or closed, at a time `t`. Suppose that a
//! leader of such a wait has led since before `t`:
//!
//! - It is a voter of our configuration, or the entry that made it one is committed and beyond
//!   what we know as committed. Whoever applied that is news to us, and does not count.
//! - As a voter that counts it was closed at `t`, and then it did not lead at `t`. Or it
//!   heard at `t` or later what we sent at `t`, and had applied then no more than we know as
//!   committed. Our loss is not in that (a node that knows its own loss counts nobody); but a
//!   leader has applied our loss when the wait begins. So the wait began later than `t`.
//!
//! Both ways `t` is before the beginning of every wait that can still end well, and a lease
//! from `t` ends within the wait. A half that waits us out after its own `Lost` does not hear us, so we have
//! not met it since, nor it us; when it does, its wait is void. After its forced change it has
//! applied an entry that is news to us, and its messages show a newer history.

use membership::PeerStatus;
use model::Instant;

use crate::executor::Lease;
use crate::liveness::Liveness;
use crate::node::Node;

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
        if !self.is_given_up() && self.rival().is_none() {
            self.together = self.together.max(self.company_at(peers, now));
        }
        self.advance(now);
    }

    /// The latest moment at which so many of the voters, with this node if it is one, were
    /// here or closed that fewer were elsewhere than a forced change needs; where leases are
    /// waited for: at which nobody was elsewhere.
    fn company_at(&self, peers: &[PeerStatus], now: Instant) -> Option<Instant> {
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
        let is_waited_out = self.state.lease_and_bound(&self.config.name).is_some();
        let others = if is_waited_out {
            voters.len().saturating_sub(1)
        } else {
            voters.len() / 2
        };
        times.iter().nth_back(others).copied()
    }

    /// When a peer was last known to be here, or to be closed.
    fn here_at(&self, peer: &PeerStatus) -> Option<Instant> {
        let closed_at = match self.liveness.get(&peer.peer) {
            Some(Liveness::DaemonDown | Liveness::DaemonDownTooLong { .. }) => peer.closed_at,
            Some(Liveness::Alive { .. } | Liveness::Left { .. } | Liveness::Lost { .. }) | None => {
                None
            }
        };
        // Who has applied more than we know as committed may know of our loss, or of voters
        // that we do not. Entries of ours beyond that may never count.
        let is_news = self.raft.commit() < peer.applied;
        let met_at = peer.met_at.filter(|_| !is_news);
        met_at.max(closed_at)
    }
}
