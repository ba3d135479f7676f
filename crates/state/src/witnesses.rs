//! Commands about what stands in for a node that is gone: witnesses and watchdogs.

use std::time::Duration;

use model::history::Happening;
use model::plant::{self, Plant};
use model::seen::{NodeState, WitnessKind, WitnessSeen};
use model::{BootId, NodeId, NodeName, Reason, Rejected, UserName, WitnessId, WitnessName};

use crate::{Applied, Outcome, Place, State, not_ready};

/// One is enough to decide between two halves; a second serves while the first is replaced,
/// and more are a mistake.
pub const WITNESSES_MAX: usize = 4;

/// Nodes that have slots on a disk witness: docs/formats/disk-witness.md.
const DISK_PLACES: u16 = 64;

impl State {
    pub(crate) fn set_witness(
        &mut self,
        place: Place,
        name: &WitnessName,
        (kind, by): (&WitnessKind, &UserName),
    ) -> Outcome {
        let known = self.seen.witnesses.get(name);
        if known.is_none() && WITNESSES_MAX <= self.seen.witnesses.len() {
            return Err(Rejected::Refused(format!(
                "there are {WITNESSES_MAX} witnesses already"
            )));
        }
        if known.is_some_and(|known| !remembers(&known.kind, kind)) {
            return Err(Rejected::Refused(format!(
                "witness {name} is another one; remove it first, because the new one does not \
                 know what the old one granted"
            )));
        }
        let twin = self
            .seen
            .witnesses
            .iter()
            .find(|(other, seen)| *other != name && remembers(&seen.kind, kind));
        if let Some((other, _)) = twin {
            return Err(Rejected::Refused(format!(
                "it is a witness already, called {other}"
            )));
        }
        let witness = WitnessSeen {
            id: known.map_or(WitnessId(place.index), |known| known.id),
            kind: kind.clone(),
            since: place.at,
            by: by.clone(),
            places: known.map(|known| known.places.clone()).unwrap_or_default(),
        };
        self.seen.witnesses.insert(name.clone(), witness);
        self.give_places();
        self.record_operator(place, by, format!("witness add {name}"));
        Ok(Applied::Done)
    }

    pub(crate) fn remove_witness(
        &mut self,
        place: Place,
        name: &WitnessName,
        by: &UserName,
    ) -> Outcome {
        if self.seen.witnesses.remove(name).is_none() {
            return Err(Rejected::NoSuchWitness(name.clone()));
        }
        self.record_operator(place, by, format!("witness remove {name}"));
        Ok(Applied::Done)
    }

    /// The log's own change of the arbiter carries no reason: the leader tells it afterwards.
    pub(crate) fn arbiter_is(
        &mut self,
        place: Place,
        witness: Option<&WitnessName>,
        because: &Reason,
    ) -> Outcome {
        if self.seen.arbiter.as_ref() == witness {
            return Err(Rejected::Late("an arbiter that is known".to_string()));
        }
        if let Some(name) = witness.filter(|name| !self.seen.witnesses.contains_key(*name)) {
            return Err(Rejected::NoSuchWitness(name.clone()));
        }
        self.seen.arbiter = witness.cloned();
        let what = Happening::Arbiter {
            witness: witness.cloned(),
            because: because.clone(),
        };
        self.record(place, what);
        Ok(Applied::Done)
    }

    /// Every member gets slots on every disk, as long as there are any: in the order of the
    /// log, so that no two nodes can ever believe to have the same.
    pub(crate) fn give_places(&mut self) {
        let members: Vec<NodeId> = self.seen.nodes.values().map(|node| node.id).collect();
        for witness in self.seen.witnesses.values_mut() {
            if !matches!(witness.kind, WitnessKind::Disk { .. }) {
                continue;
            }
            for member in &members {
                let next = witness.places.values().max().map_or(0, |last| last + 1);
                if next < DISK_PLACES && !witness.places.contains_key(member) {
                    witness.places.insert(*member, next);
                }
            }
        }
    }

    /// A bound counts only from a node that may be believed: one that is lost may have been
    /// fed for the last time long before.
    pub(crate) fn watchdog_armed(
        &mut self,
        place: Place,
        name: &NodeName,
        (boot, run): (BootId, u64),
        (word, bound): (u64, Option<Duration>),
    ) -> Outcome {
        self.require_newest_run(name, run)?;
        let node = self.node(name)?;
        if node.state.boot() != Some(boot) {
            return Err(Rejected::Late(format!("boot {boot} of {name}")));
        }
        let last = node.watchdog_word.filter(|(of, _)| *of == boot);
        if word != 0 && last.is_some_and(|(_, last)| word <= last) {
            let what = format!("word {word} of {name} about its watchdog");
            return Err(Rejected::Late(what));
        }
        let is_lost = matches!(node.state, NodeState::Lost { .. });
        if bound.is_some() && is_lost {
            return Err(not_ready(name, &node.state));
        }
        let policy = self.spec.as_ref().map(|spec| spec.cluster.no_quorum);
        if bound.is_some() && !policy.is_some_and(|policy| policy.ends_with_lease()) {
            return Err(Rejected::Refused(
                "the policy lets services run on without quorum, so no watchdog bounds them"
                    .to_string(),
            ));
        }
        let before = node.watchdog;
        if let Some(node) = self.seen.nodes.get_mut(name) {
            node.watchdog = bound;
            node.watchdog_word = Some((boot, word));
        }
        if before != bound {
            let node = name.clone();
            self.record(place, Happening::Watchdog { node, bound });
        }
        Ok(Applied::Done)
    }

    /// With a shorter lease nobody knows how long a node goes on that has not heard of it:
    /// each tells its bound anew once it has.
    pub(crate) fn forget_watchdogs(&mut self, (old, new): (Duration, Duration)) {
        if new < old {
            for node in self.seen.nodes.values_mut() {
                node.watchdog = None;
            }
        }
    }

    /// Whether every member that is not proven down has an armed watchdog of known bound.
    #[must_use]
    pub fn is_every_member_armed(&self) -> bool {
        let mut nodes = self.seen.nodes.values();
        nodes.all(|node| node.state == NodeState::Down || node.watchdog.is_some())
    }

    /// How long a lost node goes on at most after a leader acknowledged it last, in two parts:
    /// its lease and the bound of its watchdog. None unless every member has an armed one.
    #[must_use]
    pub fn lease_and_bound(&self, target: &NodeName) -> Option<(Duration, Duration)> {
        if !self.is_every_member_armed() {
            return None;
        }
        let bound = self.seen.nodes.get(target)?.watchdog?;
        let lease = self.spec.as_ref()?.cluster.timings.lease;
        Some(match () {
            () if plant::is(Plant::WaitWithoutLease) => (Duration::ZERO, bound),
            () if plant::is(Plant::BoundNotAwaited) => (lease, Duration::ZERO),
            () => (lease, bound),
        })
    }

    /// S2: a node counts as ended by its watchdog only when it was armed, as every other, and
    /// the time is over. How much longer the last leader may have acknowledged it is known to
    /// the executor, not here; this is the least.
    pub(crate) fn require_outlived(
        &self,
        target: &NodeName,
        waited: Duration,
    ) -> Result<(), Rejected> {
        let least = self.lease_and_bound(target);
        let Some(least) = least.map(|(lease, bound)| lease + bound) else {
            let how = format!("the watchdog of {target}, or of another member, is not armed");
            return Err(Rejected::Refused(how));
        };
        if waited < least {
            let least = model::duration::format(least);
            let how = format!("the watchdog of {target} may take {least}");
            return Err(Rejected::Refused(how));
        }
        Ok(())
    }
}

/// Whether both are the same memory: what one granted, the other knows.
fn remembers(one: &WitnessKind, other: &WitnessKind) -> bool {
    match (one, other) {
        (WitnessKind::Network { key: one, .. }, WitnessKind::Network { key: other, .. }) => {
            one == other
        }
        (WitnessKind::Disk { mark: one, .. }, WitnessKind::Disk { mark: other, .. }) => {
            one == other
        }
        (WitnessKind::Network { .. }, WitnessKind::Disk { .. })
        | (WitnessKind::Disk { .. }, WitnessKind::Network { .. }) => false,
    }
}
