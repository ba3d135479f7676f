//! One situation, played.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use model::seen::{FenceStanding, Phase, Seen};
use model::spec::{Elsewhere, NoQuorumPolicy, ServiceSpec};
use model::{Command, NodeName, Reason, ServiceName, UserName};
use planner::Subject;

use super::situation::Situation;
use super::standing::Verdict;
use super::{Deciders, Fate, Outcome, WhatIf, networks, roles};
use crate::estimate::Estimate;
use crate::play::{Mode, Play, running};

/// What a play came to, and what it touched.
#[derive(Debug)]
pub(crate) struct Played {
    pub outcome: Rc<Outcome>,
    /// Families of which a service was touched.
    pub touched: BTreeSet<usize>,
    /// Families that are down whatever else fails.
    pub hopeless: BTreeSet<usize>,
    /// Where services went, or could as well have gone.
    pub goes: BTreeMap<ServiceName, BTreeSet<NodeName>>,
    /// Services of which the load has decided where they went.
    pub by_load: BTreeSet<ServiceName>,
}

/// How much is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Care {
    /// Services that the situation strikes, and their families: of equals, any will do. What
    /// fails on every node is tried once.
    Part,
    /// The same, but all services where the load of the nodes decides between equals.
    Needed,
    /// All services, and all tries on all nodes.
    All,
}

pub(crate) fn play(what_if: &WhatIf<'_>, situation: &Situation, care: Care) -> Played {
    match &situation.verdict {
        Verdict::Nobody { because } => without_quorum(what_if, situation, because),
        Verdict::Majority | Verdict::Half { .. } if what_if.is_settled && care != Care::All => {
            let struck = struck(what_if, situation);
            let keep = |service: &ServiceName| {
                let family = what_if.families.of_service(service);
                family.is_some_and(|family| struck.contains(&family))
            };
            let state = what_if.bare.part_without_past(keep);
            let played = with_quorum(what_if, state, (situation, care));
            if played.by_load.is_empty() || care == Care::Part {
                return played;
            }
            with_quorum(what_if, what_if.bare.clone(), (situation, care))
        }
        Verdict::Majority | Verdict::Half { .. } => {
            with_quorum(what_if, what_if.bare.clone(), (situation, care))
        }
    }
}

/// Families of services that run where the situation strikes.
fn struck(what_if: &WhatIf<'_>, situation: &Situation) -> BTreeSet<usize> {
    let services = what_if.bare.seen().services.iter();
    let struck = services.filter(|(name, seen)| {
        seen.claim.as_ref().is_some_and(|claim| {
            let failing = situation.failing.get(*name);
            let left = |spec| situation.left.touches(spec, &claim.node);
            situation.lost.contains(&claim.node)
                || failing.is_some_and(|nodes| nodes.contains_key(&claim.node))
                || spec_of(&what_if.bare, name).is_some_and(left)
        })
    });
    families_of(what_if, struck.map(|(name, _)| name))
}

/// What would be done now, if nothing failed; nothing where no spec is live.
pub(super) fn next_plan(cluster: &super::Cluster<'_>) -> Option<planner::Plan> {
    let state = cluster.state;
    Some(planner::plan(&planner::Input {
        spec: state.spec()?,
        spec_version: state.spec_version(),
        seen: state.seen(),
        id: model::PlanId(cluster.applied),
        now: cluster.at.clock,
        wall: cluster.at.at,
    }))
}

/// Whether nothing is under way, and nothing would be done if time passed.
pub(crate) fn is_settled(cluster: &super::Cluster<'_>) -> bool {
    let state = cluster.state;
    let Some(plan) = next_plan(cluster) else {
        return false;
    };
    let runs = |seen: &model::seen::ServiceSeen| {
        let claim = seen.claim.as_ref();
        seen.strays.is_empty()
            && claim.is_none_or(|claim| {
                claim.goal == model::seen::Goal::Run && claim.phase == Phase::Running
            })
    };
    plan.steps.is_empty()
        && plan.again_at.is_none()
        && state.seen().fences.is_empty()
        && state.seen().services.values().all(runs)
}

/// Nothing is decided: what the policy says becomes of what runs.
fn without_quorum(what_if: &WhatIf<'_>, situation: &Situation, because: &str) -> Played {
    let state = what_if.cluster.state;
    let policy = state
        .spec()
        .map_or(NoQuorumPolicy::Stop, |spec| spec.cluster.no_quorum);
    let mut fates = BTreeMap::new();
    for name in running(state.seen()) {
        let claim = state.seen().services[&name].claim.as_ref();
        let Some(claim) = claim else { continue };
        let failing = situation.failing.get(&name);
        let because = if situation.lost.contains(&claim.node) {
            format!("no quorum, so nothing starts elsewhere: {because}")
        } else if policy.ends_with_lease() {
            let policy = policy.word();
            format!("no quorum, so it stops (policy {policy}): {because}")
        } else if failing.is_some_and(|nodes| nodes.contains_key(&claim.node)) {
            format!("no quorum, so it is not restarted: {because}")
        } else if let Some(network) = networks::dark(state, situation, (&name, claim)) {
            format!("no quorum, so it stays without network {network}: {because}")
        } else {
            let carried = networks::carried(state, situation, (&name, claim));
            fates.extend(carried.map(|fate| (name, fate)));
            continue;
        };
        fates.insert(name, Fate::Down { because });
    }
    let touched = families_of(what_if, fates.keys());
    Played {
        outcome: Rc::new(Outcome {
            deciders: Deciders::Nobody {
                because: because.to_string(),
            },
            roles: roles::without_quorum(state, &fates),
            fates,
        }),
        touched,
        hopeless: BTreeSet::new(),
        goes: BTreeMap::new(),
        by_load: BTreeSet::new(),
    }
}

fn with_quorum(
    what_if: &WhatIf<'_>,
    state: state::State,
    (situation, care): (&Situation, Care),
) -> Played {
    let cluster = &what_if.cluster;
    let before = running(state.seen());
    let nowhere = nowhere(what_if, situation);
    let mut play = Play::new(state, cluster.applied, cluster.at, Mode::Failures)
        .with_faults(situation.faults());
    if care != Care::All {
        cut_short(&mut play, situation, &nowhere);
    }
    let timings = cluster.state.spec().map(|spec| spec.cluster.timings);
    let lost_after = timings.unwrap_or_default().lost_after;
    let (deciders, known_at) = match &situation.verdict {
        Verdict::Half { after, .. } => {
            // Nobody decides anything before the half may.
            let after = lost_after + *after;
            play.time.pass_until(after);
            (Deciders::Half { after }, after)
        }
        Verdict::Majority | Verdict::Nobody { .. } => (Deciders::Majority, lost_after),
    };
    play.begin_roles();
    let agreed_by: Vec<NodeName> = super::situation::up(cluster)
        .filter(|node| !situation.lost.contains(*node))
        .cloned()
        .collect();
    for node in &situation.lost {
        let because = Reason::NodeSilent {
            node: node.clone(),
            silent_for: lost_after,
            agreed_by: agreed_by.clone(),
        };
        play.lose(node, (because, Estimate::of(known_at)));
    }
    for service in situation.failing.keys() {
        play.fail(service);
    }
    networks::begin(&mut play, situation);
    play.roles_have_failed();
    play.settle();
    let mut fates = fates(&before, &play);
    networks::end(&mut fates, &play, (situation, &before));
    for service in &nowhere {
        let resource = situation.failing.get(service);
        let resource = resource.and_then(|nodes| nodes.values().next());
        if let (Some(Fate::Down { because }), Some(resource)) = (fates.get_mut(service), resource) {
            *because = format!("{service}/{resource} fails on every node");
        }
    }
    let acted_on = play.steps.iter().filter_map(|step| step.action.service());
    let touched = families_of(what_if, fates.keys().chain(acted_on));
    Played {
        outcome: Rc::new(Outcome {
            deciders,
            roles: roles::of_play(&play, &fates),
            fates,
        }),
        touched,
        hopeless: hopeless_families(what_if, &before, &nowhere),
        goes: play.goes,
        by_load: play.by_load,
    }
}

fn families_of<'a>(
    what_if: &WhatIf<'_>,
    services: impl Iterator<Item = &'a ServiceName>,
) -> BTreeSet<usize> {
    services
        .filter_map(|service| what_if.families.of_service(service))
        .collect()
}

/// Services that on every node that is left have a resource that fails, or are not reached.
fn nowhere(what_if: &WhatIf<'_>, situation: &Situation) -> BTreeSet<ServiceName> {
    let nodes = what_if.bare.seen().nodes.keys();
    let left: Vec<&NodeName> = nodes
        .filter(|node| !situation.lost.contains(*node))
        .collect();
    let names = what_if.bare.seen().services.keys();
    let ends_everywhere = |name: &&ServiceName| {
        let failing = situation.failing.get(*name);
        let unreached = match situation.left.is_empty() {
            true => BTreeSet::new(),
            false => spec_of(&what_if.bare, name)
                .map(|spec| situation.unreached(spec))
                .unwrap_or_default(),
        };
        let fails = |node: &NodeName| failing.is_some_and(|nodes| nodes.contains_key(node));
        let is_touched = failing.is_some() || !unreached.is_empty();
        let mut left = left.iter();
        is_touched && left.all(|node| fails(node) || unreached.contains(*node))
    };
    names.filter(ends_everywhere).cloned().collect()
}

/// What is wanted of a service, or of the one that this is a copy of.
fn spec_of<'a>(state: &'a state::State, name: &ServiceName) -> Option<&'a ServiceSpec> {
    state.spec()?.services.get(&name.service())
}

fn hopeless_families(
    what_if: &WhatIf<'_>,
    before: &BTreeSet<ServiceName>,
    nowhere: &BTreeSet<ServiceName>,
) -> BTreeSet<usize> {
    let families: BTreeSet<usize> = families_of(what_if, nowhere.iter());
    let is_over = |family: &usize| {
        let mut members = what_if.families.members(*family);
        members.all(|member| nowhere.contains(member) || !before.contains(member))
    };
    families.into_iter().filter(is_over).collect()
}

/// A service that comes up nowhere ends down whatever is tried: it is tried once.
fn cut_short(play: &mut Play, situation: &Situation, nowhere: &BTreeSet<ServiceName>) {
    let Some(spec) = play.state.spec().filter(|_| !nowhere.is_empty()) else {
        return;
    };
    let mut spec = spec.clone();
    for name in nowhere {
        let seen = play.state.seen().services.get(name);
        let claim = seen.and_then(|seen| seen.claim.as_ref());
        let here = claim.map(|claim| &claim.node);
        let left = situation
            .failing
            .get(name)
            .and_then(|nodes| nodes.keys().next());
        let node = here.filter(|node| !situation.lost.contains(*node)).or(left);
        if let (Some(service), Some(node)) = (spec.services.get_mut(name), node) {
            service.restart.times = 0;
            for answers in service.rules.answers.values_mut() {
                answers.restart = None;
            }
            service.elsewhere = Elsewhere::Never;
            service.prefer = vec![node.clone()];
        }
    }
    let command = Command::SetSpec {
        base: play.state.spec_version(),
        source: String::new(),
        spec: Box::new(spec),
        by: UserName::new("what-if").expect("a plain word"),
    };
    // It is made from the version that is live.
    let _ = play.apply(command);
}

fn fates(before: &BTreeSet<ServiceName>, play: &Play) -> BTreeMap<ServiceName, Fate> {
    let seen = play.state.seen();
    let after = running(seen);
    let outages: BTreeMap<&ServiceName, Option<&Estimate>> = play.time.outages().collect();
    let mut fates = BTreeMap::new();
    for name in before {
        let claim = seen.services.get(name).and_then(|seen| seen.claim.as_ref());
        let outage = outages.get(name);
        match (after.contains(name), claim, outage) {
            (true, _, None) => {}
            (true, Some(claim), Some(outage)) => {
                let none = Estimate::of(Duration::ZERO);
                let fate = Fate::Back {
                    node: claim.node.clone(),
                    outage: outage.cloned().unwrap_or(none),
                    equals: match play.by_load.contains(name) {
                        true => play.goes.get(name).cloned().unwrap_or_default(),
                        false => BTreeSet::new(),
                    },
                };
                fates.insert(name.clone(), fate);
            }
            (true, None, Some(_)) | (false, _, _) => {
                let because = why_down(play, name, seen);
                fates.insert(name.clone(), Fate::Down { because });
            }
        }
    }
    fates
}

pub(super) fn why_down(play: &Play, name: &ServiceName, seen: &Seen) -> String {
    let wait = play.waits.iter().find_map(|wait| match &wait.subject {
        Subject::Service(service) if service == name => Some(&wait.because),
        Subject::Service(_) | Subject::Node(_) => None,
    });
    let claim = seen.services.get(name).and_then(|seen| seen.claim.as_ref());
    match (wait, claim.map(|claim| &claim.phase)) {
        (Some(because @ Reason::WaitsForFence { node }), _) => {
            let why = why_unfenced(play, node, seen);
            why.map_or_else(|| because.to_string(), |why| format!("{because}: {why}"))
        }
        (Some(because), _) => because.to_string(),
        (None, Some(Phase::Failed(failure) | Phase::StopFailed(failure))) => {
            format!("{} fails", failure.resource)
        }
        (None, _) => "it does not come up".to_string(),
    }
}

fn why_unfenced(play: &Play, node: &NodeName, seen: &Seen) -> Option<String> {
    let waits = play.waits.iter().find_map(|wait| match &wait.subject {
        Subject::Node(about) if about == node => Some(&wait.because),
        Subject::Node(_) | Subject::Service(_) => None,
    });
    if let Some(FenceStanding::Failed {
        device: Some(device),
        how,
        ..
    }) = seen.fences.get(node).map(|fence| &fence.standing)
    {
        return Some(format!("{device}: {how}"));
    }
    waits
        .filter(|because| !matches!(because, Reason::WaitsForFence { .. }))
        .map(ToString::to_string)
}
