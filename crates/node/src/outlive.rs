//! Waiting out a lost node: the fence of last resort, when no device answers and every member
//! has an armed watchdog.
//!
//! The time is counted from the moment at which this node saw that the loss is committed.
//! That is later than the commit itself, from which on no leader acknowledges the lost node.
//! It is counted anew with each new leader: between two leaders others may have kept the lost
//! node company without knowing of its loss (`company.rs`).

use std::collections::BTreeMap;
use std::time::Duration;

use model::seen::NodeState;
use model::{BootId, Instant, NodeId, NodeName, WallTime};

use quorum::bound::PillTimes;
use quorum::disk::{DISK_LEASE, POLL};

use crate::executor::Lease;
use crate::node::Node;

/// When each loss was first seen to be committed, under the present leader.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    since: BTreeMap<NodeName, (Loss, Instant)>,
    /// The leader and its term.
    under: (Option<NodeId>, u64),
}

/// Which loss: a node that came back and was lost again was acknowledged in between, even when
/// this node reads both in the log at once.
type Loss = (Option<BootId>, WallTime);

/// How long a lost node must be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outliving {
    /// When its loss was seen here.
    pub since: Instant,
    /// How long it goes on at most.
    pub span: Duration,
}

impl Node {
    /// To be called after each change of the state, before the log is asked anything more: who
    /// is lost is acknowledged by this node no longer.
    pub(crate) fn note_losses(&mut self, now: Instant) {
        let nodes = &self.state.seen().nodes;
        let lost: BTreeMap<&NodeName, Loss> = nodes
            .iter()
            .filter(|(_, seen)| matches!(seen.state, NodeState::Lost { .. }))
            .map(|(name, seen)| (name, (seen.state.boot(), seen.since)))
            .collect();
        let ids = lost.keys().map(|name| nodes[*name].id).collect();
        self.raft.set_unacknowledged(ids);
        let under = (self.leader, self.raft.term());
        if self.losses.under != under {
            self.losses.under = under;
            self.losses.since.clear();
        }
        let known = &mut self.losses.since;
        known.retain(|name, (loss, _)| lost.get(name) == Some(loss));
        for (name, loss) in lost {
            known.entry(name.clone()).or_insert((loss, now));
        }
    }

    /// How long a lost node must be waited for, where every member has an armed watchdog.
    /// None where waiting proves nothing: also when no leader has acknowledged this run yet,
    /// for who measures no leases cannot know when one ends.
    #[must_use]
    pub fn outliving(&self, target: &NodeName, now: Instant) -> Option<Outliving> {
        self.raft.acknowledged_at(now)?;
        let (_, since) = *self.losses.since.get(target)?;
        let (lease, bound) = self.state.lease_and_bound(target)?;
        let election_timeout = self.raft.election_timeout();
        let span = quorum::bound::wait_out(lease, election_timeout, bound);
        Some(Outliving { since, span })
    }

    /// Which boot of a node a poison pill must end, and how long that may take; else why a pill
    /// proves nothing now.
    ///
    /// # Errors
    /// Why not, for people.
    pub fn pill_against(&self, target: &NodeName) -> Result<(BootId, Duration), &'static str> {
        let node = self.state.seen().nodes.get(target);
        let watchdog = node.ok_or("it is no member")?.watchdog;
        let watchdog = watchdog.ok_or("its watchdog is not armed, so a pill would not end it")?;
        let boot = self
            .boot_to_end(target)
            .ok_or("it is not known for certain which boot of it must end")?;
        let spec = self.state.spec().ok_or("there is no configuration")?;
        let span = quorum::bound::poison_pill(PillTimes {
            poll: POLL,
            disk_lease: DISK_LEASE,
            election_timeout: self.raft.election_timeout(),
            lease: spec.cluster.timings.lease,
            watchdog,
        });
        Ok((boot, span))
    }

    /// Until when the watchdog of this node must be waited for under the present leader; none
    /// where no time proves it ended.
    pub(crate) fn outlived_at(&self, target: &NodeName, now: Instant) -> Option<Instant> {
        let Outliving { since, span } = self.outliving(target, now)?;
        Some(since + span)
    }

    /// Whether the log, as far as this node knows it, counts this boot as lost: then no leader
    /// acknowledges it any more, and somebody may be waiting for its end.
    #[must_use]
    pub fn is_given_up(&self) -> bool {
        let me = self.state.seen().nodes.get(&self.config.name);
        me.is_some_and(|me| {
            matches!(me.state, NodeState::Lost { .. })
                && me.state.boot() == Some(self.config.boot)
                && !self.state.may_come_back(&self.config.name)
        })
    }

    /// Whether this run may open the watchdog, which feeds it: a leader has acknowledged this
    /// run, the log shows it, and nobody waits for its end.
    #[must_use]
    pub fn may_arm(&self, now: Instant) -> bool {
        self.lease == Lease::Held
            && self.raft.acknowledged_at(now).is_some()
            && self.is_caught_up()
            && !self.is_given_up()
    }
}
