//! Who stops before whom: a service goes after those that need it, and beside none of them.

use model::rules::ServiceRules;
use model::seen::{Claim, Goal, Phase};
use model::spec::ServiceSpec;
use model::{NodeName, Reason, ServiceName};

use super::{claim_of, complain, described, is_of};
use crate::{Action, Input, Plan};

/// Which stops count, where one asks what stays.
#[derive(Clone, Copy)]
enum Stops {
    /// Those by the configuration, or for them: what leaves for a reason of its own stops nobody.
    Orderly,
    /// All.
    All,
}

/// One that an operator or the configuration stops goes after those that need it, and none goes
/// beside one that is after it, for whatever reason.
pub(super) fn check(
    input: &Input<'_>,
    plan: &Plan,
    (service, because): (&ServiceName, &Reason),
) -> Vec<String> {
    let needing = |stops: Stops| {
        let held = input.seen.services.keys();
        let held = held.filter(|name| claim_of(input, name).is_some());
        held.filter(move |dependent| {
            let spec = described(input, dependent);
            spec.is_some_and(|spec| is_needed_by(input, (plan, stops), service, (dependent, spec)))
        })
    };
    let mut beside = needing(Stops::All);
    complain(&[
        (
            is_orderly(because) && needing(Stops::Orderly).next().is_some(),
            "stops a service that a running one needs",
        ),
        (
            beside.any(|name| is_revoked((plan, Stops::All), name)),
            "stops a service beside one that is after it",
        ),
    ])
}

fn is_orderly(because: &Reason) -> bool {
    matches!(
        because,
        Reason::Disabled | Reason::StopsBefore { .. } | Reason::FoundTwice { .. }
    )
}

/// Whether what is held is after this one, and nothing that stays would serve it instead.
fn is_needed_by(
    input: &Input<'_>,
    plan: (&Plan, Stops),
    service: &ServiceName,
    (dependent, spec): (&ServiceName, &ServiceSpec),
) -> bool {
    let rules: &ServiceRules = &spec.rules;
    let is_copy = |name: &ServiceName| name.as_str().contains(':');
    let is_named = |other: &ServiceName| is_of(service, other);
    let mut after = spec.after.iter();
    let after = after.find(|other| is_named(other) && !rules.after_starts.contains(*other));
    let own = claim_of(input, dependent).map(|claim| &claim.node);
    let alone = after.is_some_and(|other| {
        // A copy needs one on its own node, unless it needs all of them.
        let is_near = is_copy(dependent) && !rules.after_all_copies.contains(other);
        let node = own.filter(|_| is_near && is_copy(service));
        let elsewhere =
            node.is_some_and(|own| claim_of(input, service).is_none_or(|claim| claim.node != *own));
        let list = std::slice::from_ref(other);
        let is_replaced = is_copy(service) && another_serves(input, plan, service, (list, node));
        !elsewhere && !is_replaced
    });
    let mut lists = rules.after_one_of.iter();
    let last = lists.any(|list| {
        list.iter().any(is_named) && !another_serves(input, plan, service, (list, None))
    });
    alone || last
}

/// Whether another of these runs and does not stop, on the node if one is given.
fn another_serves(
    input: &Input<'_>,
    plan: (&Plan, Stops),
    service: &ServiceName,
    (list, node): (&[ServiceName], Option<&NodeName>),
) -> bool {
    let runs = |claim: &Claim| claim.goal == Goal::Run && claim.phase == Phase::Running;
    let mut names = input.seen.services.keys();
    names.any(|name| {
        let claim = claim_of(input, name).filter(|claim| runs(claim));
        name != service
            && list.iter().any(|one| is_of(name, one))
            && claim.is_some_and(|claim| node.is_none_or(|node| claim.node == *node))
            && !is_revoked(plan, name)
    })
}

fn is_revoked((plan, stops): (&Plan, Stops), name: &ServiceName) -> bool {
    let mut steps = plan.steps.iter();
    steps.any(|step| {
        let counts = match stops {
            Stops::Orderly => is_orderly(&step.because),
            Stops::All => true,
        };
        counts && matches!(&step.action, Action::Revoke { service, .. } if service == name)
    })
}
