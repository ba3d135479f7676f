//! What becomes of promoted roles.

use std::collections::BTreeMap;

use model::roles::RoleSeen;
use model::{ServiceName, Spec};
use state::State;

use super::{Fate, RoleFate, one};
use crate::play::Play;
use crate::play::roles::Role;

type Fates = BTreeMap<ServiceName, Fate>;

/// After a play.
pub(super) fn of_play(play: &Play, fates: &Fates) -> BTreeMap<ServiceName, RoleFate> {
    let outcomes = play.roles.outcomes();
    let told = outcomes.map(|(service, role)| {
        let fate = match role {
            Role::Back { node, outage } => RoleFate::Back {
                node: node.clone(),
                outage: outage.clone(),
            },
            Role::Nobody => RoleFate::Nobody {
                because: why_nobody(play, service, fates),
            },
        };
        (service.clone(), fate)
    });
    told.collect()
}

/// Who is promoted and not reached says it best; then a copy that waits, as the planner says.
fn why_nobody(play: &Play, service: &ServiceName, fates: &Fates) -> String {
    let seen = play.state.seen();
    let copies = || seen.services.range(service.copies_range());
    let is_led = |name: &ServiceName| {
        let claim = seen.services.get(name).and_then(|it| it.claim.as_ref());
        claim.is_some_and(|claim| claim.role.may_be_promoted())
    };
    let led = copies().find_map(|(name, _)| match fates.get(name) {
        Some(Fate::Down { because }) if is_led(name) => Some(because.clone()),
        Some(Fate::Down { .. } | Fate::Back { .. } | Fate::Carried { .. }) | None => None,
    });
    let waits = || {
        let waits = play.waits.iter();
        let of_copies = waits.filter_map(|wait| match &wait.subject {
            planner::Subject::Service(name) if name.service() == *service => Some(name),
            planner::Subject::Service(_) | planner::Subject::Node(_) => None,
        });
        let name = of_copies.max_by_key(|name| is_led(name))?;
        Some(one::why_down(play, name, seen))
    };
    led.or_else(waits)
        .unwrap_or_else(|| "no copy can be promoted".to_string())
}

/// Nothing is decided any more: who was promoted and is down has no successor.
pub(super) fn without_quorum(state: &State, fates: &Fates) -> BTreeMap<ServiceName, RoleFate> {
    let roles = |spec: &Spec, name: &ServiceName| {
        let service = spec.services.get(&name.service());
        service.is_some_and(|service| service.rules.roles.is_some())
    };
    let mut told = BTreeMap::new();
    for (name, fate) in fates {
        let seen = state.seen().services.get(name);
        let claim = seen.and_then(|seen| seen.claim.as_ref());
        let is_led = claim.is_some_and(|claim| claim.role == RoleSeen::Promoted);
        let has_roles = state.spec().is_some_and(|spec| roles(spec, name));
        if let (Fate::Down { because }, true, true) = (fate, is_led, has_roles) {
            let because = because.clone();
            told.insert(name.service(), RoleFate::Nobody { because });
        }
    }
    told
}
