//! What leaves its node: because it must, because somebody asked, because another node is
//! better, or because all services taken together belong elsewhere.

use std::cmp::Reverse;

use model::command::BarNode;
use model::seen::{Claim, MoveRequest, NodeState, ServiceSeen, Standby};
use model::spec::{Failback, ServiceSpec};
use model::{NodeName, Reason, ServiceName};

use crate::Input;
use crate::networks::{self, View};
use crate::one_by_one;
use crate::placement::{may_ever_run, points, suits};
use crate::reload::comes_too_late;
use crate::services::{Decision, revoke};
use crate::starts::{no_node, stray_reason};
use crate::view::Draft;

/// Why the service cannot stay where it is, even when no other node takes it.
pub(crate) fn must_go(
    input: &Input<'_>,
    (name, spec): (&ServiceName, &ServiceSpec),
    (seen, claim): (&ServiceSeen, &Claim),
) -> Option<Reason> {
    let is_changed = claim.made_from < seen.changed_in;
    if is_changed && one_by_one::turn(input, (name, spec), (seen, claim)).is_none() {
        return Some(Reason::SpecChanged {
            version: seen.changed_in,
        });
    }
    if let Some(because) = comes_too_late(seen, claim) {
        return Some(because);
    }
    if may_ever_run(input, spec, &claim.node).is_err() {
        return Some(Reason::SpecChanged {
            version: input.spec_version,
        });
    }
    let holder = input.seen.nodes.get(&claim.node)?;
    let node = claim.node.clone();
    if let Err(why) = suits(input, spec, (&node, holder)) {
        return Some(Reason::NotAllowedThere { node, why });
    }
    match (&holder.state, &holder.standby) {
        (NodeState::Leaving { .. }, _) => Some(Reason::NodeLeaving { node }),
        (_, Standby::On { .. }) => Some(Reason::NodeStandby { node }),
        (_, Standby::Off) => None,
    }
}

/// Why the service, once stopped, could not start elsewhere at once, if so. What moves for
/// convenience must not end up stopped.
fn blocked_elsewhere(input: &Input<'_>, name: &ServiceName, holder: &NodeName) -> Option<Reason> {
    if let Some(missing) = input.missing_dependency(name) {
        return Some(missing);
    }
    if let Some(node) = input
        .service(name)
        .and_then(|seen| other_stray(seen, holder))
    {
        return Some(stray_reason(input, name, node));
    }
    input.unproven_node()
}

fn other_stray<'a>(seen: &'a ServiceSeen, than: &NodeName) -> Option<&'a NodeName> {
    seen.strays.keys().find(|node| *node != than)
}

pub(crate) fn carry_out_move(
    draft: &Draft<'_>,
    (name, spec): (&ServiceName, &ServiceSpec),
    claim: &Claim,
    moving: &MoveRequest,
) -> Decision {
    let ready = |node: &NodeName| draft.candidate((name, spec), node).is_ok();
    let target = match &moving.to {
        _ if draft.places.are_common() => {
            let target = draft.places.target(name);
            let is_meant = |node: &NodeName| moving.to.as_ref().is_none_or(|to| to == node);
            target.is_some_and(|node| *node != claim.node && is_meant(node) && ready(node))
        }
        Some(to) => *to != claim.node && ready(to),
        None => draft
            .input
            .seen
            .nodes
            .keys()
            .any(|node| *node != claim.node && ready(node)),
    };
    if !target {
        let to = moving.to.as_ref().filter(|to| ready(to));
        let objection = to.and_then(|to| common_objection(draft, (name, spec), to));
        return Decision::Wait(objection.unwrap_or_else(|| no_node(draft, (name, spec))));
    }
    match blocked_elsewhere(draft.input, name, &claim.node) {
        Some(because) => Decision::Wait(because),
        None => {
            let because = Reason::AskedByOperator {
                user: moving.by.clone(),
            };
            revoke(name, claim, because, BarNode::No)
        }
    }
}

/// Why a service does not go to a node that could run it, where all are placed together.
fn common_objection(
    draft: &Draft<'_>,
    (name, spec): (&ServiceName, &ServiceSpec),
    to: &NodeName,
) -> Option<Reason> {
    let places = &draft.places;
    let node = to.clone();
    let is_taken_back = places.are_taken_back(name, to);
    let objection = places.objection(draft.input, (name, spec), to);
    let taken_back = is_taken_back.then_some(Reason::TakenBack { node });
    let elsewhere = places.target(name).filter(|target| *target != to);
    let elsewhere = elsewhere.map(|node| Reason::BetterPlace { node: node.clone() });
    objection.or(taken_back).or(elsewhere)
}

/// Leaves networks that are bad here for a node where they are better.
pub(crate) fn leave_bad_networks(
    draft: &Draft<'_>,
    (name, spec): (&ServiceName, &ServiceSpec),
    claim: &Claim,
) -> Option<Decision> {
    let input = draft.input;
    let ready = |node: &NodeName| draft.candidate((name, spec), node).is_ok();
    let because = networks::why_leave(input, (name, spec), &claim.node, ready)?;
    Some(match blocked_elsewhere(input, name, &claim.node) {
        Some(because) => Decision::Wait(because),
        None => revoke(name, claim, because, BarNode::No),
    })
}

pub(crate) fn fail_back(
    draft: &Draft<'_>,
    (name, spec): (&ServiceName, &ServiceSpec),
    claim: &Claim,
) -> Decision {
    match spec.failback {
        Failback::Never => return Decision::Nothing,
        Failback::WhenPossible => {}
    }
    let input = draft.input;
    let stays = points(input, spec, &claim.node) + i64::from(spec.stickiness);
    let level = |node: &NodeName, view| networks::level(input, (name, spec), (node, view));
    let here = level(&claim.node, View::Stays);
    let is_better = |node: &&NodeName| {
        **node != claim.node
            && stays < points(input, spec, node)
            && here <= level(node, View::Comes)
            && draft.candidate((name, spec), node).is_ok()
    };
    let rules = &spec.rules;
    let has_wishes = !rules.avoid.is_empty() || !rules.where_rules.is_empty();
    // Without other wishes, only preferred nodes have points, the first of them the most.
    let better = if has_wishes {
        let better = input.seen.nodes.keys().filter(is_better);
        better.max_by_key(|node| (points(input, spec, node), Reverse(*node)))
    } else {
        spec.prefer.iter().find(is_better)
    };
    let Some(node) = better else {
        return Decision::Nothing;
    };
    match blocked_elsewhere(input, name, &claim.node) {
        Some(because) => Decision::Wait(because),
        None => revoke(
            name,
            claim,
            Reason::Failback { node: node.clone() },
            BarNode::No,
        ),
    }
}

/// Where places depend on each other: what does not belong where it is any more. One that
/// may stay is not stopped as long as it could not start elsewhere at once.
pub(crate) fn arranged_elsewhere(
    draft: &Draft<'_>,
    (name, spec): (&ServiceName, &ServiceSpec),
    claim: &Claim,
) -> Option<Decision> {
    let input = draft.input;
    let target = draft.places.target(name);
    if !draft.places.are_common() || target == Some(&claim.node) {
        return None;
    }
    let objection = draft.places.objection(input, (name, spec), &claim.node);
    let lack = target.and_then(|target| {
        let is_target = |node: &NodeName| node == target;
        networks::why_leave(input, (name, spec), &claim.node, is_target)
    });
    let is_free = objection.is_none();
    let is_wish = is_free && (lack.is_some() || spec.failback == Failback::WhenPossible);
    // Those who must be with it go because it goes: so it says why.
    let because = lack.or(objection).unwrap_or_else(|| match target {
        Some(node) if is_wish => Reason::Failback { node: node.clone() },
        Some(node) => match draft.places.follower_to(input, name, node) {
            Some(service) => Reason::TogetherWith {
                service,
                node: Some(node.clone()),
            },
            None => Reason::BetterPlace { node: node.clone() },
        },
        None => Reason::Displaced {
            node: claim.node.clone(),
        },
    });
    let blocked = is_wish
        .then(|| blocked_elsewhere(input, name, &claim.node))
        .flatten();
    Some(match blocked {
        Some(because) => Decision::Wait(because),
        None => revoke(name, claim, because, BarNode::No),
    })
}
