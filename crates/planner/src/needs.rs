//! Who needs whom, and who must stop so that another can.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use model::seen::{Goal, NodeState, Phase};
use model::{NodeName, Reason, ServiceName};

use crate::Input;
use crate::coming;
use crate::services::unwanted;
use crate::view::Draft;

/// Who needs whom, and who must stop so that another can.
pub(crate) struct Needs<'a> {
    /// For each service, those that are `after` it.
    needed_by: BTreeMap<&'a str, Vec<&'a ServiceName>>,
    /// For each service, those that are after one of several, of which it is one.
    chosen_by: BTreeMap<&'a str, Vec<&'a ServiceName>>,
    /// For each service, those that follow it only when both start or stop.
    followed_by: BTreeMap<&'a str, Vec<&'a ServiceName>>,
    /// Services that do not start at the same time, each way.
    one_at_a_time: BTreeMap<&'a str, BTreeSet<&'a ServiceName>>,
    /// Running services that must stop, and why.
    pub(crate) must_stop: BTreeMap<&'a ServiceName, Reason>,
}

impl<'a> Needs<'a> {
    pub(crate) fn of(draft: &mut Draft<'a>) -> Self {
        let input = draft.input;
        let mut needs = Self {
            needed_by: BTreeMap::new(),
            chosen_by: BTreeMap::new(),
            followed_by: BTreeMap::new(),
            one_at_a_time: BTreeMap::new(),
            must_stop: BTreeMap::new(),
        };
        for (name, spec) in &input.spec.services {
            let after = spec.after.iter();
            // What was needed for the start only may stop.
            for needed in after.filter(|needed| !spec.rules.after_starts.contains(*needed)) {
                needs
                    .needed_by
                    .entry(needed.as_str())
                    .or_default()
                    .push(name);
            }
            for one in spec.rules.after_one_of.iter().flatten() {
                needs.chosen_by.entry(one.as_str()).or_default().push(name);
            }
            for first in &spec.rules.after_if_both {
                needs
                    .followed_by
                    .entry(first.as_str())
                    .or_default()
                    .push(name);
            }
            for other in &spec.rules.not_while_starting {
                let pairs = [(name, other), (other, name)];
                for (one, other) in pairs {
                    needs
                        .one_at_a_time
                        .entry(one.as_str())
                        .or_default()
                        .insert(other);
                }
            }
        }
        needs.find_what_must_stop(draft);
        needs
    }

    /// What is not wanted must stop, and before it all that runs and needs it.
    fn find_what_must_stop(&mut self, draft: &mut Draft<'a>) {
        let input = draft.input;
        let mut queue = VecDeque::new();
        for (name, seen) in &input.seen.services {
            let acts = seen.claim.is_some() && input.hands_off(name).is_none();
            if let Some(because) = unwanted(input, name).filter(|_| acts) {
                self.must_stop.insert(name, because);
                draft.ending.insert(name.clone());
                queue.push_back(name);
            }
        }
        // Each service is queued once at most, so this ends.
        while let Some(name) = queue.pop_front() {
            for dependent in self.running_dependents(draft, name) {
                if !self.must_stop.contains_key(dependent) {
                    let because = Reason::StopsBefore {
                        service: name.clone(),
                    };
                    self.must_stop.insert(dependent, because);
                    draft.ending.insert(dependent.clone());
                    queue.push_back(dependent);
                }
            }
        }
    }

    /// What must run before this one starts, and does not or soon will not.
    pub(crate) fn missing(&self, draft: &Draft<'a>, name: &ServiceName) -> Option<Reason> {
        let input = draft.input;
        let spec = input.spec.service_of(name)?;
        let has_copies = spec.rules.copies.is_some();
        let stays = |name: &ServiceName| !draft.ending.contains(name);
        let missing = spec.after.iter().find_map(|needed| {
            if spec.rules.after_all_copies.contains(needed) {
                return self.missing_of_all(draft, needed);
            }
            let meant = (needed, spec.role_needed(needed));
            let service = needed.clone();
            (!input.serves(meant, stays, has_copies)).then_some(Reason::WaitsForService { service })
        });
        missing.or_else(|| input.missing_one_of(spec, stays))
    }

    /// What who needs all copies of a service waits for: that one runs, and then that none is on
    /// its way up.
    fn missing_of_all(&self, draft: &Draft<'a>, service: &ServiceName) -> Option<Reason> {
        let service = service.clone();
        let stays = |name: &ServiceName| !draft.ending.contains(name);
        if !draft.input.some_copy_runs(&service, stays) {
            return Some(Reason::WaitsForService { service });
        }
        let copy = coming::awaited(draft, self, &service)?;
        Some(Reason::WaitsForAllCopies { service, copy })
    }

    /// What runs and cannot without this one.
    pub(crate) fn running_dependents(
        &self,
        draft: &Draft<'a>,
        name: &ServiceName,
    ) -> Vec<&'a ServiceName> {
        let input = draft.input;
        let services = self.needed_by.get(name.service_str());
        let mut dependents = Vec::new();
        for service in services.into_iter().flatten() {
            for dependent in running_names(input, service) {
                if name.copy().is_none() || needs_this_copy(draft, name, dependent) {
                    dependents.push(dependent);
                }
            }
        }
        let stays = |other: &ServiceName| !draft.ending.contains(other);
        let choosers = self.chosen_by.get(name.service_str());
        for service in choosers.into_iter().flatten() {
            let spec = input.spec.services.get(*service);
            if spec.is_some_and(|spec| input.needs_of_one_of(spec, name, stays)) {
                dependents.extend(running_names(input, service));
            }
        }
        dependents
    }

    /// What is after this one, and stops now or in this plan by the word of its node.
    pub(crate) fn stopping_dependents(
        &self,
        draft: &Draft<'a>,
        name: &ServiceName,
        revoked: &BTreeSet<ServiceName>,
    ) -> Vec<&'a ServiceName> {
        let input = draft.input;
        let followers = self.followed_by.get(name.service_str());
        let followers = followers.into_iter().flatten();
        let mut all = self.running_dependents(draft, name);
        all.extend(followers.flat_map(|service| running_names(input, service)));
        all.retain(|dependent| revoked.contains(*dependent) || is_stopping(input, dependent));
        all
    }

    /// What runs, stops as well, and goes before this one for that.
    pub(crate) fn followers_that_stop(
        &self,
        input: &Input<'a>,
        name: &ServiceName,
    ) -> Vec<&'a ServiceName> {
        let services = self.followed_by.get(name.service_str());
        let running = services.into_iter().flatten();
        let running = running.flat_map(|service| running_names(input, service));
        running
            .filter(|name| self.must_stop.contains_key(name))
            .collect()
    }

    /// Services that must not start while this one does.
    pub(crate) fn one_at_a_time(
        &self,
        name: &ServiceName,
    ) -> impl Iterator<Item = &'a ServiceName> {
        let others = self.one_at_a_time.get(name.service_str());
        others.into_iter().flatten().copied()
    }
}

/// Whether its node is there and stops it. What cannot be stopped is not waited for.
pub(crate) fn is_stopping(input: &Input<'_>, name: &ServiceName) -> bool {
    input.claim(name).is_some_and(|claim| {
        let holder = input.seen.nodes.get(&claim.node).map(|node| &node.state);
        let is_there = matches!(
            holder,
            Some(NodeState::Online { .. } | NodeState::Leaving { .. })
        );
        claim.goal == Goal::Stop && !matches!(claim.phase, Phase::StopFailed(_)) && is_there
    })
}

/// The names of a service that have claims: its own, or those of its copies.
fn running_names<'a>(input: &Input<'a>, service: &ServiceName) -> Vec<&'a ServiceName> {
    let seen = &input.seen.services;
    let has_copies = input
        .spec
        .services
        .get(service)
        .is_some_and(|spec| spec.rules.copies.is_some());
    let itself = seen.get_key_value(service);
    let copies = has_copies.then(|| seen.range(service.copies_range()));
    itself
        .into_iter()
        .chain(copies.into_iter().flatten())
        .filter(|(_, seen)| seen.claim.is_some())
        .map(|(name, _)| name)
        .collect()
}

/// Whether what runs and needs a service with copies needs this very copy: on its own node
/// when it is a copy itself and does not need all of them, else when no other copy is left that
/// runs and stays.
fn needs_this_copy(draft: &Draft<'_>, copy: &ServiceName, dependent: &ServiceName) -> bool {
    let input = draft.input;
    let node_of = |name: &ServiceName| input.claim(name).map(|claim| &claim.node);
    let serves_instead = |node: &NodeName| {
        let here = draft.copies.on(copy, node);
        here.is_some_and(|here| {
            let mut running = here.running.iter();
            running.any(|other| *other != copy && !draft.ending.contains(*other))
        })
    };
    let spec = input.spec.service_of(dependent);
    let needs_all = spec.is_some_and(|spec| {
        let all = &spec.rules.after_all_copies;
        !all.is_empty() && all.contains(&copy.service())
    });
    let own_copy = dependent.copy().filter(|_| !needs_all);
    match (own_copy, node_of(copy), node_of(dependent)) {
        (Some(_), Some(node), Some(own)) => node == own && !serves_instead(node),
        (None, _, _) => !input.seen.nodes.keys().any(serves_instead),
        (Some(_), None, _) | (Some(_), _, None) => false,
    }
}
