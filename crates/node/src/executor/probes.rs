//! What runs here when the daemon starts: every resource is asked before any is started.

use std::collections::{BTreeMap, BTreeSet};

use model::operation::{ResourceAddress, Verb};
use model::seen::{Found, ResourceState};
use model::spec::ResourceSpec;
use model::{ClaimEpoch, Instant, OperationId, PlanId, ServiceName};
use state::State;

use super::local::{Local, LocalResource};
use super::{Executor, Probing, passage};

impl Executor {
    /// Asks every resource of the spec, and every one that an earlier run of the daemon
    /// recorded as started, whether it runs. Nothing is started before all have answered.
    pub fn begin_probes(
        &mut self,
        state: &State,
        recorded: &[(ResourceAddress, ResourceSpec)],
        now: Instant,
    ) {
        if self.probing != Probing::NotStarted {
            return;
        }
        let mut found: BTreeMap<ServiceName, Vec<ResourceSpec>> = BTreeMap::new();
        for (service, spec) in state.spec().iter().flat_map(|spec| &spec.services) {
            for name in self.names_here(state, service, recorded) {
                found.insert(name, spec.resources.clone());
            }
        }
        for (address, spec) in recorded {
            let resources = found.entry(address.service.clone()).or_default();
            // What was started may differ from what the spec says today; what runs is
            // what must be asked for and taken down.
            match resources
                .iter_mut()
                .find(|resource| resource.name == spec.name)
            {
                Some(resource) => *resource = spec.clone(),
                None => resources.push(spec.clone()),
            }
        }
        let mut waiting = BTreeSet::new();
        for (name, resources) in found {
            waiting.extend(self.probe(state, &name, &resources, now));
            let local = self.services.get_mut(&name);
            if let Some((local, found)) =
                local.zip(passage::of(state, &name, (&self.me, self.boot)))
            {
                local.interrupt_passage(found);
            }
        }
        self.probing = if waiting.is_empty() {
            Probing::Done
        } else {
            Probing::Waiting(waiting)
        };
    }

    /// Asks each of these resources whether it runs: nothing is known of their service yet.
    pub(super) fn probe(
        &mut self,
        state: &State,
        name: &ServiceName,
        resources: &[ResourceSpec],
        now: Instant,
    ) -> BTreeSet<OperationId> {
        let spec = state.spec();
        let node = spec.and_then(|spec| spec.nodes.get(&self.me));
        let described = spec.and_then(|spec| spec.services.get(&name.service()));
        let roles = described.and_then(|described| described.rules.roles.as_ref());
        let mut local = Local::new(ClaimEpoch(0), PlanId(0));
        let parts = resources.iter();
        local.resources = parts
            .map(|part| LocalResource::new(part, node, now).with_part(roles))
            .collect();
        local.copies = spec.and_then(|spec| spec.copies_told(name));
        self.services.insert(name.clone(), local);
        let places = 0..resources.len();
        places
            .map(|place| self.operate(name, place, Verb::Probe))
            .collect()
    }

    /// The names under which a service may run on this node: those under which it was started
    /// here, else its own. Of copies that nobody has started here the number says nothing, so
    /// they are looked for under one that follows from the node's place; should it run, and
    /// that number run elsewhere, it is one too many.
    pub(super) fn names_here(
        &self,
        state: &State,
        service: &ServiceName,
        recorded: &[(ResourceAddress, ResourceSpec)],
    ) -> BTreeSet<ServiceName> {
        let recorded = recorded.iter().map(|(address, _)| &address.service);
        let of_service = recorded.filter(|name| name.service_str() == service.as_str());
        let mut names: BTreeSet<ServiceName> = of_service.cloned().collect();
        let copies = state.seen().services.range(service.copies_range());
        for (name, _) in copies {
            if self.my_claim(state, name).is_some() {
                names.insert(name.clone());
            }
        }
        let spec = state.spec();
        let copies = spec.and_then(|spec| spec.services.get(service)?.rules.copies);
        if names.is_empty() {
            names.insert(match copies {
                None => service.clone(),
                Some(copies) => {
                    let mut nodes = spec.into_iter().flat_map(|spec| spec.nodes.keys());
                    let place = nodes.position(|node| *node == self.me).unwrap_or(0);
                    let place = u32::try_from(place).unwrap_or(0);
                    service.with_copy(place.saturating_mul(copies.per_node))
                }
            });
        }
        names
    }

    /// What the probes found, once all have answered.
    #[must_use]
    pub fn probed(&self) -> Option<Vec<Found>> {
        if self.probing != Probing::Done {
            return None;
        }
        let found = self.services.iter().flat_map(|(service, local)| {
            local
                .resources
                .iter()
                .filter(|r| r.state != ResourceState::Stopped)
                .map(|r| Found {
                    address: ResourceAddress {
                        service: service.clone(),
                        resource: r.spec.name.clone(),
                    },
                    state: r.state,
                })
        });
        Some(found.collect())
    }
}
