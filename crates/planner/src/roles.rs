//! Who of the copies of a service is promoted.
//!
//! Nobody is promoted here who has not been running for itself before, and the place of the
//! role moves only for a reason: an order, a failure, what the agent says of the copy, or a
//! better node where the service may return. Whoever may still be promoted takes a share of
//! what is wanted until the opposite is proven; `state` has the last word on that.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use model::networks::Level;
use model::plant::{self, Plant};
use model::roles::{PROMOTION_SCORE_PREFIX, RoleMeant, RoleSeen, Roles, promotion_score};
use model::rules::FailureAnswer;
use model::seen::{Claim, Goal, MoveRequest, NodeState, Phase, ServiceSeen, Standby};
use model::spec::{Failback, ResourceKind, ServiceSpec};
use model::{NodeName, Reason, ServiceName};

use crate::apart;
use crate::moves::must_go;
use crate::networks::{self, View};
use crate::placement::{points, suits_role, wishes};
use crate::services::{Decision, unwanted};
use crate::view::{Draft, waits_for};
use crate::{Action, Input};

/// What the plan does about the role of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RoleStep {
    Promote(Reason),
    Demote(Reason),
    Wait(Reason),
}

/// A copy that holds a claim, and how it stands with the role.
pub(crate) struct Holder<'a> {
    pub name: &'a ServiceName,
    pub claim: &'a Claim,
    /// Why it cannot be promoted, or stay so.
    pub fit: Result<(), Unfit>,
    /// Of those that are fit: the smaller, the sooner.
    pub rank: Rank,
}

/// Why a copy cannot be promoted, or stay so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It is on its way elsewhere, or nobody can or may act on it now.
    Away(String),
    /// What is promoted must be demoted.
    Role(Reason),
    /// It has not come so far; what is promoted stays so.
    NotYet(String),
}

impl Unfit {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Away(why) | Self::NotYet(why) => why.clone(),
            Self::Role(Reason::UnfitToLead { why, .. }) => why.clone(),
            Self::Role(because) => because.to_string(),
        }
    }
}

impl Holder<'_> {
    /// Whether an order that somebody can take sends the role elsewhere.
    pub(crate) fn is_sent_away(&self) -> bool {
        self.rank.0 || self.rank.1
    }
}

pub(crate) type Rank = (
    bool,
    bool,
    bool,
    Reverse<Level>,
    bool,
    Reverse<i64>,
    Option<u32>,
);

/// The decision about a service with a claim that nothing more urgent is decided about.
pub(crate) fn role_step(draft: &Draft<'_>, name: &ServiceName, claim: &Claim) -> Option<Decision> {
    let (service, node, epoch) = (name.clone(), claim.node.clone(), claim.epoch);
    Some(match draft.roles.get(name)?.clone() {
        RoleStep::Promote(because) => Decision::Step(
            Action::Promote {
                service,
                node,
                epoch,
            },
            because,
        ),
        RoleStep::Demote(because) => Decision::Step(
            Action::Demote {
                service,
                node,
                epoch,
            },
            because,
        ),
        RoleStep::Wait(because) => Decision::Wait(because),
    })
}

/// Decides about the roles of all services that have any.
pub(crate) fn decide(draft: &mut Draft<'_>) {
    let input = draft.input;
    let mut all = BTreeMap::new();
    for (service, spec) in &input.spec.services {
        if let Some(roles) = &spec.rules.roles {
            let steps = decide_one(draft, (service, spec), roles);
            for (name, step) in &steps {
                if let RoleStep::Wait(Reason::WaitsToBeApart { node, .. }) = step {
                    apart::give_way(draft, &name.service(), node);
                }
            }
            all.extend(steps);
        }
    }
    draft.roles = all;
}

/// All copies of a service that hold claims, those that shall be promoted first.
pub(crate) fn holders<'a>(
    input: &Input<'a>,
    given_up: &BTreeSet<&NodeName>,
    (service, spec): (&ServiceName, &ServiceSpec),
) -> Vec<Holder<'a>> {
    let copies = input.seen.services.range(service.copies_range());
    let held: Vec<_> = copies
        .filter_map(|(name, seen)| Some((name, seen, seen.claim.as_ref()?)))
        .collect();
    let mut holders: Vec<Holder<'a>> = held
        .iter()
        .map(|(name, seen, claim)| Holder {
            name,
            claim,
            fit: fitness(input, given_up, spec, (name, seen, claim)),
            rank: (
                true,
                true,
                true,
                Reverse(Level::None),
                true,
                Reverse(0),
                name.copy(),
            ),
        })
        .collect();
    let moving = held
        .iter()
        .find_map(|(_, seen, _)| seen.moving_role.as_ref());
    let moving = moving.filter(|moving| can_move(&holders, moving));
    for holder in &mut holders {
        holder.rank = rank(input, spec, moving, (holder.name, holder.claim));
        let seen = input.service(holder.name);
        let ended = seen.and_then(|seen| seen.role_end.as_ref());
        // Who has just failed at it comes after all others.
        holder.rank.2 = matches!(ended, Some(Reason::UnfitToLead { .. }));
    }
    holders.sort_by_key(|holder| (holder.fit.is_err(), holder.rank));
    holders
}

/// An order to move the role counts as long as somebody can take it.
fn can_move(holders: &[Holder<'_>], moving: &MoveRequest) -> bool {
    let takes = |holder: &&Holder<'_>| {
        let node = Some(&holder.claim.node);
        let is_meant = match &moving.to {
            Some(to) => node == Some(to),
            None => node != moving.from.as_ref(),
        };
        is_meant && holder.fit.is_ok()
    };
    holders.iter().any(|holder| takes(&holder))
}

fn rank(
    input: &Input<'_>,
    spec: &ServiceSpec,
    moving: Option<&MoveRequest>,
    (name, claim): (&ServiceName, &Claim),
) -> Rank {
    let node = &claim.node;
    let to = moving.and_then(|moving| moving.to.as_ref());
    let from = moving.and_then(|moving| moving.from.as_ref());
    let is_led = claim.role.is_wished();
    let score = score_of(input, &name.service(), node).unwrap_or(0);
    let wished = wishes(input, spec, (node, RoleMeant::Promoted));
    let own = score.saturating_add(points(input, spec, node) + wished);
    let (stays, own) = match spec.failback {
        Failback::Never => (is_led, own),
        Failback::WhenPossible if is_led => (false, own + i64::from(spec.stickiness)),
        Failback::WhenPossible => (false, own),
    };
    let view = match is_led {
        true => View::Stays,
        false => View::Comes,
    };
    (
        to.is_some() && to != Some(node),
        from == Some(node),
        false,
        // What is promoted has the addresses, so networks count before habit.
        Reverse(networks::level(input, (name, spec), (node, view))),
        !stays,
        Reverse(own),
        name.copy(),
    )
}

/// What the agent, or a person, says of being promoted there.
pub(crate) fn score_of(input: &Input<'_>, service: &ServiceName, node: &NodeName) -> Option<i64> {
    let key = format!("{PROMOTION_SCORE_PREFIX}{service}");
    let seen = input.seen.nodes.get(node)?;
    promotion_score(seen.attribute(input.spec.nodes.get(node), &key)?)
}

fn fitness(
    input: &Input<'_>,
    given_up: &BTreeSet<&NodeName>,
    spec: &ServiceSpec,
    (name, seen, claim): (&ServiceName, &ServiceSeen, &Claim),
) -> Result<(), Unfit> {
    let away = |why: &str| Err(Unfit::Away(why.to_string()));
    let node = &claim.node;
    if given_up.contains(node) {
        return away("lost");
    }
    match input.seen.nodes.get(node) {
        None => return away("not a member"),
        Some(there) if !matches!(there.state, NodeState::Online { .. }) => {
            return away(there.state.word());
        }
        Some(there) if there.standby != Standby::Off => return away("on standby"),
        Some(_) => {}
    }
    if let Some(because) = input.hands_off(name).or_else(|| unwanted(input, name)) {
        return away(&because.to_string());
    }
    if claim.goal == Goal::Stop || matches!(claim.phase, Phase::StopFailed(_)) {
        return away("it stops");
    }
    if let Some(because) = must_go(input, (name, spec), (seen, claim)) {
        return away(&because.to_string());
    }
    if seen.moving.is_some() {
        return away("it moves");
    }
    fitness_of_role(input, spec, (name, claim))
}

fn fitness_of_role(
    input: &Input<'_>,
    spec: &ServiceSpec,
    (name, claim): (&ServiceName, &Claim),
) -> Result<(), Unfit> {
    let node = claim.node.clone();
    if let Phase::Failed(failure) = &claim.phase
        && spec.answer_to(failure) == FailureAnswer::Demote
    {
        let why = format!("{} failed ({})", failure.resource, failure.how);
        return Err(Unfit::Role(Reason::UnfitToLead { node, why }));
    }
    if let Some(ticket) = input.missing_ticket_of_role(spec).cloned() {
        return Err(Unfit::Role(Reason::NeedsTicket { ticket }));
    }
    let score = score_of(input, &name.service(), &node);
    if let Some(score) = score.filter(|score| *score < 0) {
        let why = format!("its promotion score is {score}");
        return Err(Unfit::Role(Reason::UnfitToLead { node, why }));
    }
    if let Err(why) = suits_role(input, spec, &node) {
        return Err(Unfit::Role(Reason::UnfitToLead { node, why }));
    }
    let is_led = claim.role.is_wished();
    if is_led {
        return Ok(());
    }
    if score.is_none() && says_score(spec) {
        let why = "its agent has not said that it can be";
        return Err(Unfit::NotYet(why.to_string()));
    }
    if let Some(why) = apart::held_by(input, &name.service(), &node) {
        return Err(Unfit::NotYet(why));
    }
    match &claim.phase {
        Phase::Running => Ok(()),
        other => Err(Unfit::NotYet(format!("it is {}", other.word()))),
    }
}

/// Agents say themselves how well a copy would do promoted, and until they have, it is not.
fn says_score(spec: &ServiceSpec) -> bool {
    let Some(roles) = &spec.rules.roles else {
        return false;
    };
    let mut resources = spec.resources.iter();
    resources.any(|resource| {
        matches!(resource.kind, ResourceKind::Agent(_)) && roles.takers.contains(&resource.name)
    })
}

fn decide_one<'a>(
    draft: &Draft<'a>,
    (service, spec): (&'a ServiceName, &'a ServiceSpec),
    roles: &Roles,
) -> BTreeMap<ServiceName, RoleStep> {
    let input = draft.input;
    let mut holders = holders(input, &draft.given_up, (service, spec));
    holders.retain(|holder| !draft.ending.contains(holder.name));
    let wanted = roles.promoted as usize;
    // Who is left alone and promoted stays so, and takes its share.
    let left_alone = |holder: &&Holder<'_>| {
        let state = input.seen.nodes.get(&holder.claim.node).map(|n| &n.state);
        let is_closed = matches!(state, Some(NodeState::DaemonDown { .. }));
        let is_off = is_closed || input.hands_off(holder.name).is_some();
        holder.claim.role.is_wished() && is_off
    };
    let free = wanted.saturating_sub(holders.iter().filter(left_alone).count());
    let chosen = choose(draft, service, &holders, free);
    let mut steps = BTreeMap::new();
    for holder in holders.iter().filter(|h| h.claim.role.is_wished()) {
        let is_chosen = chosen.contains(&holder.name);
        if let Some(because) = why_demote(input, (service, spec), holder, (&chosen, is_chosen)) {
            steps.insert(holder.name.clone(), RoleStep::Demote(because));
        }
    }
    let mut promoted = 0;
    for name in &chosen {
        let holder = holders.iter().find(|holder| holder.name == *name);
        let Some(holder) = holder.filter(|holder| !holder.claim.role.is_wished()) else {
            continue;
        };
        let (taken, first) = taken(draft, service, name);
        let step = if taken + promoted < wanted {
            promoted += 1;
            match apart::wait(input, service, &holder.claim.node) {
                Some(because) => RoleStep::Wait(because),
                None => RoleStep::Promote(why_promote(input, service)),
            }
        } else {
            RoleStep::Wait(first.unwrap_or(Reason::ShouldBePromoted))
        };
        steps.insert((*name).clone(), step);
    }
    if let Some((name, because)) = what_is_missing(input, &holders, &chosen) {
        steps.entry(name.clone()).or_insert(RoleStep::Wait(because));
    }
    steps
}

/// The best of those that are fit; where places depend on each other, those for whom the role
/// was planned with all others in view.
fn choose<'a>(
    draft: &Draft<'_>,
    service: &ServiceName,
    holders: &[Holder<'a>],
    free: usize,
) -> Vec<&'a ServiceName> {
    let meant = draft.places.promoted(service);
    let mut fit: Vec<&Holder<'a>> = holders.iter().filter(|h| h.fit.is_ok()).collect();
    fit.sort_by_key(|holder| !meant.contains(&holder.claim.node));
    fit.iter().take(free).map(|holder| holder.name).collect()
}

/// Why a copy that shall be promoted shall not be so any more.
fn why_demote(
    input: &Input<'_>,
    (service, spec): (&ServiceName, &ServiceSpec),
    holder: &Holder<'_>,
    (chosen, is_chosen): (&[&ServiceName], bool),
) -> Option<Reason> {
    match &holder.fit {
        Err(Unfit::Role(because)) => return Some(because.clone()),
        Err(Unfit::Away(_) | Unfit::NotYet(_)) => return None,
        Ok(()) if is_chosen => return None,
        Ok(()) => {}
    }
    let moving = input.service(holder.name)?.moving_role.as_ref();
    if let Some(moving) = moving {
        return Some(Reason::AskedByOperator {
            user: moving.by.clone(),
        });
    }
    let mut claims = chosen.iter().filter_map(|name| input.claim(name));
    let better = claims.find(|claim| !claim.role.is_wished());
    let is_better = |node: &NodeName| better.is_some_and(|better| better.node == *node);
    let place = &holder.claim.node;
    if let Some(lack) = networks::why_leave(input, (holder.name, spec), place, is_better) {
        return Some(lack);
    }
    match better.filter(|_| spec.failback == Failback::WhenPossible) {
        Some(better) => Some(Reason::Failback {
            node: better.node.clone(),
        }),
        None if better.is_some() => Some(Reason::BetterPlace {
            node: better?.node.clone(),
        }),
        None => {
            let spec = input.spec.services.get(service)?;
            let wanted = spec.rules.roles.as_ref()?.promoted;
            Some(Reason::TooManyPromoted { wanted })
        }
    }
}

/// How many others may be promoted, and what the first of them waits for.
fn taken(draft: &Draft<'_>, service: &ServiceName, own: &ServiceName) -> (usize, Option<Reason>) {
    let input = draft.input;
    let mut reasons = Vec::new();
    let state_of = |node: &NodeName| input.seen.nodes.get(node).map(|node| &node.state);
    for (name, seen) in apart::seen_of(input, service) {
        let claim = seen.claim.as_ref().filter(|_| name != own);
        if let Some(claim) = claim.filter(|claim| counts(input, claim)) {
            let node = claim.node.clone();
            reasons.push(match state_of(&node) {
                _ if draft.given_up.contains(&node) => Reason::WaitsForFence { node },
                Some(state @ (NodeState::Lost { .. } | NodeState::DaemonDown { .. })) => {
                    waits_for(&node, state)
                }
                Some(_) | None => Reason::WaitsForDemote { node },
            });
        }
        for node in seen.strays.keys() {
            reasons.push(match state_of(node) {
                Some(NodeState::Online { .. } | NodeState::Leaving { .. }) | None => {
                    Reason::FoundElsewhere { node: node.clone() }
                }
                Some(state) => waits_for(node, state),
            });
        }
    }
    reasons.extend(input.unproven_node());
    (reasons.len(), reasons.into_iter().next())
}

/// Whether the holder may be promoted.
fn counts(input: &Input<'_>, claim: &Claim) -> bool {
    let state = input.seen.nodes.get(&claim.node).map(|node| &node.state);
    let is_lost = matches!(state, Some(NodeState::Lost { .. }));
    let is_planted = (plant::is(Plant::PromoteBesideDemote) && claim.role == RoleSeen::Demoting)
        || (plant::is(Plant::PromoteBesideLost) && is_lost);
    claim.role.may_be_promoted() && !is_planted
}

/// An order, how the role ended elsewhere, or simply that a copy should be promoted.
fn why_promote(input: &Input<'_>, service: &ServiceName) -> Reason {
    let seen = || input.seen.services.range(service.copies_range());
    let moving = seen().find_map(|(_, seen)| seen.moving_role.as_ref());
    if let Some(moving) = moving {
        return Reason::AskedByOperator {
            user: moving.by.clone(),
        };
    }
    // What kept all of them demoted is over, and that there were too many once is no reason for
    // one more.
    let is_over = |end: &Reason| {
        matches!(
            end,
            Reason::NeedsTicket { .. } | Reason::TooManyPromoted { .. }
        )
    };
    let mut ends = seen().filter_map(|(_, seen)| seen.role_end.clone());
    let ended = ends.find(|end| !is_over(end));
    ended.unwrap_or(Reason::ShouldBePromoted)
}

/// What keeps the role, or an order to move it, waiting.
fn what_is_missing<'a>(
    input: &Input<'_>,
    holders: &[Holder<'a>],
    chosen: &[&ServiceName],
) -> Option<(&'a ServiceName, Reason)> {
    let led = holders.iter().find(|holder| {
        let seen = input.service(holder.name);
        holder.claim.role.is_wished() && seen.is_some_and(|seen| seen.moving_role.is_some())
    });
    if let Some(led) = led.filter(|led| chosen.contains(&led.name)) {
        let to = input.service(led.name)?.moving_role.as_ref()?.to.clone();
        let there = |holder: &&Holder<'_>| match &to {
            Some(to) => holder.claim.node == *to,
            None => holder.claim.node != led.claim.node,
        };
        let other = holders.iter().find(there)?;
        let because = match &other.fit {
            Err(unfit) => Reason::UnfitToLead {
                node: other.claim.node.clone(),
                why: unfit.text(),
            },
            Ok(()) if chosen.contains(&other.name) => return None,
            // What must be with it cannot be there.
            Ok(()) => Reason::BetterPlace {
                node: led.claim.node.clone(),
            },
        };
        return Some((led.name, because));
    }
    let is_led = holders
        .iter()
        .any(|holder| holder.claim.role.may_be_promoted());
    let first = holders.iter().find(|h| h.claim.phase == Phase::Running)?;
    if is_led || !chosen.is_empty() || first.claim.role != RoleSeen::Unpromoted {
        return None;
    }
    let why = holders.iter().filter_map(|holder| {
        let unfit = holder.fit.as_ref().err()?;
        Some((holder.claim.node.clone(), unfit.text()))
    });
    let nodes = why.collect();
    Some((first.name, Reason::NobodyToPromote { nodes }))
}
