//! The leader's duty for locks: to end a lease that was not renewed.
//!
//! A lease is counted from the moment at which *this* node applied the renewal. Its holder sent
//! it before, and counts from there; so whatever the clocks of other nodes show, and whoever
//! stamped the renewal, the holder gives up first. A new leader has counted as a follower, or
//! begins anew; it never ends a lease too early. That cluster time has gone on as far is
//! checked once more by the state, on all nodes alike.

use std::collections::BTreeMap;

use model::lock::LockPlace;
use model::plant::{self, Plant};
use model::{Command, Instant, LockName, SessionName};

use crate::node::Node;

/// When this node learned of the last renewal of each lease.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    known: BTreeMap<(LockName, SessionName), Known>,
    /// The change of the locks that this was made from.
    made_from: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    renewed: u64,
    ends: Instant,
}

impl Node {
    /// To be called after each change of the state.
    pub(crate) fn note_leases(&mut self, now: Instant) {
        let locks = self.state.locks();
        if self.leases.made_from == Some(locks.changed()) {
            return;
        }
        self.leases.made_from = Some(locks.changed());
        let before = std::mem::take(&mut self.leases.known);
        for (lock, seen) in locks.held() {
            for own in seen.places() {
                let key = (lock.clone(), own.owner.session.clone());
                let anew = Known {
                    renewed: own.renewed,
                    ends: now + own.lease,
                };
                let known = before.get(&key).filter(|it| it.renewed == own.renewed);
                let known = known.copied().unwrap_or(anew);
                self.leases.known.insert(key, known);
            }
        }
    }

    /// The state came as a whole: when its renewals were sent is not known, but it was before.
    pub(crate) fn forget_leases(&mut self) {
        self.leases = Leases::default();
    }

    /// Leases that are over, as entries for the log.
    pub(crate) fn lapsed_locks(&self, now: Instant) -> Vec<Command> {
        let clock = self.cluster_time(now);
        let is_over = |own: &LockPlace, known: &Known| match plant::is(Plant::LockLeaseByOneClock) {
            true => own.until() <= clock,
            false => known.ends <= now && own.until() <= clock,
        };
        let mut lapsed = Vec::new();
        for ((lock, session), known) in &self.leases.known {
            let seen = self.state.locks().held().get(lock);
            let own = seen.and_then(|seen| seen.place_of(session));
            if own.is_some_and(|own| is_over(own, known)) {
                lapsed.push(Command::LapseLock {
                    lock: lock.clone(),
                    session: session.clone(),
                    renewed: known.renewed,
                });
            }
        }
        lapsed
    }

    /// When the next lease ends.
    pub(crate) fn leases_deadline(&self) -> Option<Instant> {
        self.leases.known.values().map(|known| known.ends).min()
    }
}
