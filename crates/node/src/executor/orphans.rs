//! What leaves the configuration and runs on, and what is new in it and may run here already.

use std::collections::{BTreeMap, BTreeSet};

use model::operation::ResourceAddress;
use model::{Instant, OperationId, ServiceName};
use state::State;

use super::{Executor, Output, Permit, REPORT_RETRY};

/// Services that are looked for here because they are new in the configuration.
#[derive(Debug, Default)]
pub(super) struct Searches(BTreeMap<ServiceName, Search>);

#[derive(Debug)]
struct Search {
    /// Probes that are still out.
    waiting: BTreeSet<OperationId>,
    /// When what was found was told last.
    told: Option<Instant>,
}

impl Searches {
    /// Whether it is not known yet, or not in the log yet, what runs of it here.
    pub fn is_open(&self, name: &ServiceName) -> bool {
        self.0.contains_key(&name.service())
    }

    pub fn note_end(&mut self, id: OperationId) {
        for search in self.0.values_mut() {
            search.waiting.remove(&id);
        }
    }

    pub fn tell_again(&mut self) {
        for search in self.0.values_mut() {
            search.told = None;
        }
    }

    pub fn deadlines(&self) -> impl Iterator<Item = Instant> {
        let told = self.0.values().filter_map(|search| search.told);
        told.map(|at| at + REPORT_RETRY)
    }
}

impl Executor {
    /// Looks for each service that is new in the configuration, and tells what it found until
    /// the log knows.
    pub(super) fn look_for_newcomers(&mut self, state: &State, now: Instant) {
        let services = state.seen().services.iter();
        let asked = services.filter(|(_, seen)| seen.sought.get(&self.me) == Some(&self.boot));
        let asked: BTreeSet<ServiceName> = asked.map(|(name, _)| name.service()).collect();
        self.searches.0.retain(|name, _| asked.contains(name));
        for service in asked {
            if !self.searches.0.contains_key(&service) {
                let waiting = self.begin_search(state, &service, now);
                let search = Search {
                    waiting,
                    told: None,
                };
                self.searches.0.insert(service.clone(), search);
            }
            let Some(search) = self.searches.0.get_mut(&service) else {
                continue;
            };
            let is_due = search.told.is_none_or(|at| at + REPORT_RETRY <= now);
            if !search.waiting.is_empty() || !is_due {
                continue;
            }
            search.told = Some(now);
            let here = self.services.iter();
            let here = here.filter(|(name, local)| name.service() == service && !local.is_down());
            let found = here.map(|(name, _)| name.clone()).collect();
            self.outputs.push_back(Output::Looked { service, found });
        }
    }

    /// What is known of it already was probed when this daemon started.
    fn begin_search(
        &mut self,
        state: &State,
        service: &ServiceName,
        now: Instant,
    ) -> BTreeSet<OperationId> {
        let mut waiting = BTreeSet::new();
        let Some(spec) = state.spec() else {
            return waiting;
        };
        let Some(described) = spec.services.get(service) else {
            return waiting;
        };
        for name in self.names_here(state, service, &[]) {
            if self.services.contains_key(&name) {
                continue;
            }
            waiting.extend(self.probe(state, &name, &described.resources, now));
        }
        waiting
    }

    /// Leaves a service running that is to run on without the cluster: what is written down
    /// of it here goes first, then the log is told. Whether that is so here.
    pub(super) fn let_go(&mut self, state: &State, name: &ServiceName, now: Instant) -> bool {
        let seen = state.seen().services.get(name);
        let was_let_go = self.services.get(name).is_some_and(|it| it.is_let_go);
        if was_let_go && seen.is_none() {
            // The log knows: nothing here concerns the cluster any more.
            self.services.remove(name);
            return true;
        }
        let is_found = seen.is_some_and(|seen| seen.strays.get(&self.me) == Some(&self.boot));
        let is_here = is_found || self.my_claim(state, name).is_some();
        let may_run_on = matches!(self.permit, Permit::All | Permit::Freeze);
        if !is_here || !may_run_on || !state.is_let_go(name) {
            return false;
        }
        let Some(local) = self.services.get_mut(name) else {
            return false;
        };
        let is_busy = local.busy.is_some() || local.lease_ended || local.given_back;
        let is_due = local.let_go_at.is_none_or(|at| at + REPORT_RETRY <= now);
        if is_busy || !is_due {
            return !(local.lease_ended || local.given_back);
        }
        local.let_go_at = Some(now);
        local.is_let_go = true;
        let resources = local.resources.iter().map(|resource| ResourceAddress {
            service: name.clone(),
            resource: resource.spec.name.clone(),
        });
        self.outputs.push_back(Output::LetGo {
            service: name.clone(),
            resources: resources.collect(),
        });
        true
    }
}
