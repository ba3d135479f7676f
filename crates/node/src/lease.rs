//! The right to run services, which a quorate leader lends for a while.

use std::time::Duration;

use model::Instant;
use model::plant::{self, Plant};
use model::spec::NoQuorumPolicy;

use crate::executor::{Lease, Permit};
use crate::node::Node;

impl Node {
    pub(crate) fn lease_span(&self) -> Duration {
        let timings = self.state.spec().map(|spec| spec.cluster.timings);
        timings.unwrap_or_default().lease
    }

    pub(crate) fn lease_until(&self, now: Instant) -> Instant {
        let heard = self.raft.acknowledged_at(now).unwrap_or_default();
        // It makes a lease longer, and gives none back that has ended.
        let together = self.together.filter(|_| self.lease == Lease::Held);
        heard.max(self.contact).max(together.unwrap_or_default()) + self.lease_span()
    }

    /// A node that slept through its lease must notice before it reads the messages that
    /// waited for it.
    pub(crate) fn check_lease(&mut self, now: Instant) {
        let until = self.lease_until(now);
        let is_outslept = || self.lease == Lease::Held && until + self.lease_span() / 8 < now;
        let lease = if now < until || plant::is(Plant::LeaseOutslept) && is_outslept() {
            Lease::Held
        } else {
            Lease::Ended
        };
        let heard = self.raft.acknowledged_at(now).unwrap_or_default();
        self.contact = self.contact.max(heard);
        let before = (self.lease, self.stands_back, self.permit);
        self.lease = lease;
        self.stands_back = self.state.seen().must_stand_back();
        self.permit = match lease {
            Lease::Held if self.stands_back => Permit::Stop,
            Lease::Held => Permit::All,
            Lease::Ended => self.permit_without_lease(),
        };
        if before != (self.lease, self.stands_back, self.permit) {
            self.executor.handle_permit(self.permit);
        }
    }

    /// What this node may do without a lease.
    pub(crate) fn permit_without_lease(&self) -> Permit {
        match self.state.spec().map(|spec| spec.cluster.no_quorum) {
            _ if self.stands_back => Permit::Stop,
            Some(NoQuorumPolicy::Ignore) => Permit::All,
            Some(NoQuorumPolicy::Freeze) => Permit::Freeze,
            // Another history may have made other choices: nothing runs on into it.
            Some(NoQuorumPolicy::Demote) if self.rival().is_none() => Permit::Demote,
            Some(NoQuorumPolicy::Stop | NoQuorumPolicy::Demote | NoQuorumPolicy::SelfFence)
            | None => Permit::Stop,
        }
    }
}
