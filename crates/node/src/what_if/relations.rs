//! Which services act on each other.

use std::collections::BTreeMap;

use model::rules::ServiceRules;
use model::spec::ServiceSpec;
use model::{ServiceName, Spec};

/// Services that are related, directly or over others, are one family.
#[derive(Debug, Clone, Default)]
pub(crate) struct Families(BTreeMap<ServiceName, usize>);

impl Families {
    pub fn of(spec: Option<&Spec>) -> Self {
        let services = spec.map(|spec| &spec.services);
        let names = services.into_iter().flatten().map(|(name, _)| name.clone());
        let mut families: BTreeMap<ServiceName, usize> = names
            .enumerate()
            .map(|(number, name)| (name, number))
            .collect();
        for (name, spec) in services.into_iter().flatten() {
            for related in related(spec) {
                join(&mut families, name, related);
            }
        }
        let counts_room = spec.is_some_and(Spec::counts_room);
        let mut all = services.into_iter().flatten();
        if counts_room || all.any(|(_, spec)| spec.rules.exclusive) {
            // Each takes room that another one may need.
            families.values_mut().for_each(|family| *family = 0);
        }
        Self(families)
    }

    /// The family of a service, or of the service that this is a copy of; none of one that is not in the spec.
    pub fn of_service(&self, name: &ServiceName) -> Option<usize> {
        self.0.get(&name.service()).copied()
    }

    /// The members of a family.
    pub fn members(&self, family: usize) -> impl Iterator<Item = &ServiceName> {
        let members = self.0.iter().filter(move |(_, number)| **number == family);
        members.map(|(name, _)| name)
    }
}

/// The services that this one names. Each field is named here: whoever adds one says whether it
/// relates services.
fn related(spec: &ServiceSpec) -> impl Iterator<Item = &ServiceName> {
    let ServiceSpec {
        prefer: _,
        elsewhere: _,
        failback: _,
        after,
        autostart: _,
        priority: _,
        stickiness: _,
        restart: _,
        resources: _,
        survive: _,
        rules,
    } = spec;
    let ServiceRules {
        copies: _,
        together_with,
        apart_from,
        after_if_both,
        not_while_starting,
        avoid: _,
        never_on: _,
        where_rules: _,
        uses: _,
        exclusive: _,
        tickets: _,
        bar_expires: _,
        on_failure: _,
        answers: _,
        checks: _,
        check_owner: _,
        ping: _,
        live: _,
        roles: _,
        // Those are in `after` as well.
        after_promoted: _,
        after_starts: _,
        after_all_copies: _,
        after_one_of,
        notified: _,
        found_twice: _,
    } = rules;
    let company = together_with.iter().chain(apart_from);
    let ordered = after.iter().chain(after_if_both).chain(not_while_starting);
    let ordered = ordered.chain(after_one_of.iter().flatten());
    ordered.chain(company.map(|company| &company.service))
}

fn join(families: &mut BTreeMap<ServiceName, usize>, one: &ServiceName, other: &ServiceName) {
    let (Some(one), Some(other)) = (families.get(one).copied(), families.get(other).copied())
    else {
        return;
    };
    let (to, from) = (one.min(other), one.max(other));
    for family in families.values_mut().filter(|family| **family == from) {
        *family = to;
    }
}
