//! What was found running on several nodes and must stop altogether is remembered until
//! nothing of it is left: the last one that stops would otherwise look like any other that was
//! found, and go on.

use std::collections::BTreeSet;

use model::rules::FoundTwice;
use model::{NodeName, Reason, Rejected, ServiceName};

use crate::State;

impl State {
    /// Remembers where the service runs, if that is on several nodes and all of it must stop.
    pub(crate) fn note_twice(&mut self, name: &ServiceName) {
        let is_asked = self
            .wanted(name)
            .is_some_and(|spec| spec.rules.found_twice == FoundTwice::StopAll);
        // The ends of a live migration are one service.
        if !is_asked || self.seen.migrations.contains_key(name) {
            return;
        }
        let Some(seen) = self.seen.services.get_mut(name) else {
            return;
        };
        let places: BTreeSet<NodeName> = seen.places().into_iter().cloned().collect();
        if 1 < places.len() {
            seen.stops_all.extend(places);
        }
    }

    /// What runs twice and waits for a person is not restarted.
    pub(crate) fn require_one_place(&self, name: &ServiceName) -> Result<(), Rejected> {
        let rule = self.wanted(name).map(|spec| spec.rules.found_twice);
        let seen = self.seen.services.get(name);
        let nodes: Vec<NodeName> = seen
            .into_iter()
            .flat_map(|seen| seen.places().into_iter().cloned())
            .collect();
        let is_end = self.seen.migrations.contains_key(name);
        if rule == Some(FoundTwice::Hold) && 1 < nodes.len() && !is_end {
            return Err(Rejected::Refused(Reason::HeldTwice { nodes }.to_string()));
        }
        Ok(())
    }

    /// Forgets it when nothing of the service is left, or nobody asks for that any more.
    pub(crate) fn settle_twice(&mut self, name: &ServiceName) {
        let is_asked = self
            .wanted(name)
            .is_some_and(|spec| spec.rules.found_twice == FoundTwice::StopAll);
        if let Some(seen) = self.seen.services.get_mut(name)
            && (!is_asked || seen.places().is_empty())
        {
            seen.stops_all.clear();
        }
    }
}
