//! The promises, checked after every event.

use std::collections::BTreeMap;

use model::operation::ResourceAddress;
use model::{Lineage, NodeId, NodeName, ServiceName};

use super::Cluster;

impl Cluster {
    pub fn check(&mut self) {
        self.check_one_node_per_service();
        self.check_logs();
    }

    /// S1, from what really runs.
    fn check_one_node_per_service(&self) {
        if self.is_torn {
            return;
        }
        let mut runs_on: BTreeMap<&ServiceName, &NodeName> = BTreeMap::new();
        for machine in self.machines.values() {
            for address in machine.running.keys() {
                let other = runs_on.insert(&address.service, &machine.name);
                assert!(
                    other.is_none_or(|other| *other == machine.name),
                    "S1: {} runs on {other:?} and {} at {:?}",
                    address.service,
                    machine.name,
                    self.now
                );
            }
        }
    }

    /// S2: the right to run it is this node's, in this boot, by the latest word.
    pub fn check_start(&self, on: NodeId, address: &ResourceAddress) {
        if self.is_torn {
            return;
        }
        let machine = &self.machines[&on];
        let (state, applied) = self.newest();
        let service = state.seen().services.get(&address.service);
        let claim = service.and_then(|seen| seen.claim.as_ref());
        let is_own = claim.is_some_and(|c| c.node == machine.name && c.boot == machine.boot_id());
        assert!(
            is_own,
            "S2: {address} starts on {} at {:?}; the claim at {applied} is {claim:?}",
            machine.name, self.now
        );
    }

    /// S5: what is committed at one place is the same everywhere.
    fn check_logs(&mut self) {
        for machine in self.machines.values() {
            let Some(daemon) = &machine.daemon else {
                continue;
            };
            let raft = daemon.node.raft();
            let history = if self.is_torn {
                raft.lineage()
            } else {
                Lineage::default()
            };
            let end = daemon.node.applied();
            let from = end.saturating_sub(8).max(raft.base_index());
            for entry in (from + 1..=end).filter_map(|index| raft.entry(index)) {
                let known = self
                    .log
                    .entry((history, entry.index))
                    .or_insert_with(|| (entry.term, entry.payload.clone()));
                assert!(
                    known.0 == entry.term && known.1 == entry.payload,
                    "S5: entry {} differs on {}",
                    entry.index,
                    machine.name
                );
            }
        }
    }

    /// S5 at rest: nodes that have applied as much have the same state.
    pub fn check_states(&self) {
        let mut states = BTreeMap::new();
        for machine in self.machines.values() {
            let Some(daemon) = &machine.daemon else {
                continue;
            };
            let snapshot = daemon.node.state().to_snapshot();
            let known = states
                .entry((daemon.node.raft().lineage(), daemon.node.applied()))
                .or_insert_with(|| snapshot.clone());
            assert!(
                *known == snapshot,
                "S5: the state of {} differs",
                machine.name
            );
        }
    }
}
