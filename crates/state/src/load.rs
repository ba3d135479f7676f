//! How busy the processors of nodes are, where the spec places services by that.

use model::load::{CPU_LOAD, PERCENT_MAX};
use model::rules::PlacementPolicy;
use model::seen::NodeSeen;
use model::{ClusterTime, Command, Reason, Rejected};

use crate::{Applied, Outcome, Place, State};

impl State {
    /// Nothing of it is history: it changes all the time, and nobody did it.
    pub(crate) fn load_told(&mut self, command: &Command) -> Outcome {
        let Command::LoadTold {
            node: name,
            boot,
            run,
            percent,
        } = command
        else {
            return Err(Rejected::Unknown);
        };
        self.require_newest_run(name, *run)?;
        if self.node(name)?.state.boot() != Some(*boot) {
            return Err(Rejected::Late(format!("boot {boot} of {name}")));
        }
        if !self.counts_load() {
            return Err(Rejected::Late(format!("the load of {name}")));
        }
        if let Some(node) = self.seen.nodes.get_mut(name) {
            let percent = (*percent).min(PERCENT_MAX).to_string();
            node.measured.insert(CPU_LOAD.to_string(), percent);
        }
        Ok(Applied::Done)
    }

    /// Whether services are placed by the load of nodes.
    pub(crate) fn counts_load(&self) -> bool {
        let spec = self.spec.as_ref();
        spec.is_some_and(|spec| spec.cluster.rules.placement == PlacementPolicy::LeastLoad)
    }

    /// What nodes have told says nothing any more once it is not measured any more.
    pub(crate) fn forget_loads_unasked(&mut self) {
        if self.counts_load() {
            return;
        }
        let forget = |node: &mut NodeSeen| drop(node.measured.remove(CPU_LOAD));
        self.seen.nodes.values_mut().for_each(forget);
    }

    /// When a claim was granted, where that counts. The load of what ran already is measured.
    pub(crate) fn placed_at(&self, place: Place, because: &Reason) -> Option<ClusterTime> {
        match because {
            Reason::FoundRunning { .. } => None,
            _started => self.counts_load().then_some(place.clock),
        }
    }
}
