//! Commands about what stands in for a node that is gone: witnesses and watchdogs.

use std::time::Duration;

use model::seen::{NodeState, WitnessKind, WitnessSeen};
use model::{BootId, NodeName, Rejected, UserName, WitnessId, WitnessName};

use crate::{Applied, Outcome, Place, State, not_ready};

/// One is enough to decide between two halves; a second serves while the first is replaced,
/// and more are a mistake.
pub const WITNESSES_MAX: usize = 4;

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
        };
        self.seen.witnesses.insert(name.clone(), witness);
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

    /// A bound counts only from a node that may be believed: one that is lost may have been
    /// fed for the last time long before.
    pub(crate) fn watchdog_armed(
        &mut self,
        name: &NodeName,
        (boot, run): (BootId, u64),
        bound: Option<Duration>,
    ) -> Outcome {
        self.require_newest_run(name, run)?;
        let node = self.node(name)?;
        if node.state.boot() != Some(boot) {
            return Err(Rejected::Late(format!("boot {boot} of {name}")));
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
        if let Some(node) = self.seen.nodes.get_mut(name) {
            node.watchdog = bound;
        }
        Ok(Applied::Done)
    }
}

/// Whether both are the same memory: what one granted, the other knows.
fn remembers(one: &WitnessKind, other: &WitnessKind) -> bool {
    match (one, other) {
        (WitnessKind::Network { key: one, .. }, WitnessKind::Network { key: other, .. }) => {
            one == other
        }
        (WitnessKind::Disk { path: one }, WitnessKind::Disk { path: other }) => one == other,
        (WitnessKind::Network { .. }, WitnessKind::Disk { .. })
        | (WitnessKind::Disk { .. }, WitnessKind::Network { .. }) => false,
    }
}
