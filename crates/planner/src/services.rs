//! The next step of each service, on its own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use model::command::BarNode;
use model::plant::{self, Plant};
use model::seen::{Claim, Goal, MoveRequest, NodeState, Phase};
use model::seen::{ServiceSeen, Standby, Wish};
use model::spec::{Autostart, Failback, ServiceSpec};
use model::{BootId, NodeName, Reason, ServiceName};

use crate::mend::mend;
use crate::placement::{may_ever_run, may_run, preference};
use crate::strays::best_stray;
use crate::view::{Draft, waits_for};
use crate::{Action, Input, Subject};

/// Who needs whom, and who must stop so that another can.
struct Relations<'a> {
    /// For each service, those that are `after` it.
    needed_by: BTreeMap<&'a ServiceName, Vec<&'a ServiceName>>,
    /// Running services that must stop, and why.
    must_stop: BTreeMap<&'a ServiceName, Reason>,
    /// Services that this plan stops.
    stopping: BTreeSet<&'a ServiceName>,
}

pub(crate) fn plan_services(draft: &mut Draft<'_>) {
    let input = draft.input;
    let mut relations = Relations::of(input);
    let names: BTreeSet<&ServiceName> = input
        .spec
        .services
        .keys()
        .chain(input.seen.services.keys())
        .collect();
    let mut ordered: Vec<&ServiceName> = names.into_iter().collect();
    // A stable sort: services of one priority stay in the order of their names.
    ordered.sort_by_key(|name| {
        std::cmp::Reverse(
            input
                .spec
                .services
                .get(*name)
                .map_or(0, |spec| spec.priority),
        )
    });
    let mut decided: BTreeMap<&ServiceName, Decision> = BTreeMap::new();
    for name in ordered.iter().copied() {
        if let Some(because) = input.hands_off(name) {
            decided.insert(name, Decision::Wait(because));
        } else if let Some((seen, claim)) = holder(input, name) {
            let decision = claimed(draft, &relations, (name, seen), claim);
            if matches!(decision, Decision::Step(Action::Revoke { .. }, _)) {
                relations.stopping.insert(name);
            }
            decided.insert(name, decision);
        }
    }
    // What starts is decided last: it must not start after something that stops meanwhile.
    let nobody = ServiceSeen::default();
    for name in ordered {
        let seen = input.service(name).unwrap_or(&nobody);
        let decision = match decided.remove(name) {
            Some(decision) => decision,
            None => unclaimed(draft, &relations, (name, seen)),
        };
        match decision {
            Decision::Nothing => {}
            Decision::Wait(because) => draft.wait(Subject::Service(name.clone()), because),
            Decision::Step(action, because) => draft.step(action, because),
        }
    }
}

fn holder<'a>(input: &Input<'a>, name: &ServiceName) -> Option<(&'a ServiceSeen, &'a Claim)> {
    let seen = input.service(name)?;
    let claim = seen.claim.as_ref();
    let counts = |claim: &&Claim| claim.goal == Goal::Run || !plant::is(Plant::StartBesideStop);
    claim.filter(counts).map(|claim| (seen, claim))
}

pub(crate) enum Decision {
    /// All is as it should be, or on its way.
    Nothing,
    Wait(Reason),
    Step(Action, Reason),
}

impl<'a> Relations<'a> {
    fn of(input: &Input<'a>) -> Self {
        let mut needed_by: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (name, spec) in &input.spec.services {
            for needed in &spec.after {
                needed_by.entry(needed).or_default().push(name);
            }
        }
        let mut relations = Self {
            needed_by,
            must_stop: BTreeMap::new(),
            stopping: BTreeSet::new(),
        };
        relations.find_what_must_stop(input);
        relations
    }

    /// What is not wanted must stop, and before it all that runs and needs it.
    fn find_what_must_stop(&mut self, input: &Input<'a>) {
        let mut queue = VecDeque::new();
        for (name, seen) in &input.seen.services {
            let acts = seen.claim.is_some() && input.hands_off(name).is_none();
            if let Some(because) = unwanted(input, name).filter(|_| acts) {
                self.must_stop.insert(name, because);
                queue.push_back(name);
            }
        }
        // Each service is queued once at most, so this ends.
        while let Some(name) = queue.pop_front() {
            for dependent in self.running_dependents(input, name) {
                if !self.must_stop.contains_key(dependent) {
                    let because = Reason::StopsBefore {
                        service: name.clone(),
                    };
                    self.must_stop.insert(dependent, because);
                    queue.push_back(dependent);
                }
            }
        }
    }

    /// The first service that must run before this one starts, and does not or soon will not.
    fn missing_dependency(&self, input: &Input<'a>, name: &ServiceName) -> Option<&'a ServiceName> {
        let after = input
            .spec
            .services
            .get(name)
            .map_or(&[][..], |spec| &spec.after);
        let ends = |needed: &&ServiceName| {
            self.must_stop.contains_key(*needed) || self.stopping.contains(*needed)
        };
        input
            .missing_dependency(name)
            .or_else(|| after.iter().find(ends))
    }

    fn running_dependents(&self, input: &Input<'a>, name: &ServiceName) -> Vec<&'a ServiceName> {
        let dependents = self.needed_by.get(name).into_iter().flatten().copied();
        dependents
            .filter(|dependent| input.claim(dependent).is_some())
            .collect()
    }
}

/// Why the service should not run, if so.
pub(crate) fn unwanted(input: &Input<'_>, name: &ServiceName) -> Option<Reason> {
    let Some(spec) = input.spec.services.get(name) else {
        return Some(Reason::SpecChanged {
            version: input.spec_version,
        });
    };
    let wish = input.service(name).map_or(&Wish::Spec, |seen| &seen.wish);
    match (wish, spec.autostart) {
        (Wish::Stop { by }, _) => Some(Reason::AskedByOperator { user: by.clone() }),
        (Wish::Spec, Autostart::No) => Some(Reason::Disabled),
        (Wish::Run { .. }, Autostart::Yes | Autostart::No) | (Wish::Spec, Autostart::Yes) => None,
    }
}

fn claimed(
    draft: &mut Draft<'_>,
    relations: &Relations<'_>,
    (name, seen): (&ServiceName, &ServiceSeen),
    claim: &Claim,
) -> Decision {
    let input = draft.input;
    match waits_for_holder(draft, claim) {
        // On its way to what is wished.
        Some(Reason::WaitsForStop { .. }) if unwanted(input, name).is_some() => {
            return Decision::Nothing;
        }
        Some(because) => return Decision::Wait(because),
        None => {}
    }
    if let Some(because) = relations.must_stop.get(name) {
        return stop_after_dependents(input, relations, (name, claim), because);
    }
    let Some(spec) = input.spec.services.get(name) else {
        return Decision::Nothing;
    };
    if let Some(because) = must_go(input, (seen, spec), claim) {
        return revoke(name, claim, because, BarNode::No);
    }
    if let Some(moving) = &seen.moving {
        return carry_out_move(draft, (name, spec), claim, moving);
    }
    match &claim.phase {
        Phase::Failed(failure) => mend(draft, (name, spec), claim, failure),
        Phase::Running => fail_back(draft, (name, spec), claim),
        Phase::Starting | Phase::Stopping | Phase::StopFailed(_) => Decision::Nothing,
    }
}

/// What has to happen at the holder before anything can be asked of it.
fn waits_for_holder(draft: &Draft<'_>, claim: &Claim) -> Option<Reason> {
    let node = claim.node.clone();
    let state = draft.input.seen.nodes.get(&node).map(|node| &node.state);
    let stop_failed = matches!(claim.phase, Phase::StopFailed(_));
    match state {
        Some(NodeState::Online { .. } | NodeState::Leaving { .. }) => {
            if stop_failed || draft.given_up.contains(&node) {
                Some(Reason::WaitsForFence { node })
            } else if claim.goal == Goal::Stop {
                Some(Reason::WaitsForStop { node })
            } else {
                None
            }
        }
        Some(state) => Some(waits_for(&node, state)),
        None => Some(Reason::WaitsForFence { node }),
    }
}

fn stop_after_dependents(
    input: &Input<'_>,
    relations: &Relations<'_>,
    (name, claim): (&ServiceName, &Claim),
    because: &Reason,
) -> Decision {
    let dependents = relations.running_dependents(input, name);
    match dependents
        .iter()
        .find_map(|dependent| input.claim(dependent))
    {
        Some(first) => Decision::Wait(Reason::WaitsForStop {
            node: first.node.clone(),
        }),
        None => revoke(name, claim, because.clone(), BarNode::No),
    }
}

pub(crate) fn revoke(name: &ServiceName, claim: &Claim, because: Reason, bar: BarNode) -> Decision {
    let action = Action::Revoke {
        service: name.clone(),
        node: claim.node.clone(),
        epoch: claim.epoch,
        bar,
    };
    Decision::Step(action, because)
}

/// Why the service cannot stay where it is, even when no other node takes it.
fn must_go(
    input: &Input<'_>,
    (seen, spec): (&ServiceSeen, &ServiceSpec),
    claim: &Claim,
) -> Option<Reason> {
    if claim.made_from < seen.changed_in {
        return Some(Reason::SpecChanged {
            version: seen.changed_in,
        });
    }
    if may_ever_run(input, spec, &claim.node).is_err() {
        return Some(Reason::SpecChanged {
            version: input.spec_version,
        });
    }
    let holder = input.seen.nodes.get(&claim.node)?;
    let node = claim.node.clone();
    match (&holder.state, &holder.standby) {
        (NodeState::Leaving { .. }, _) => Some(Reason::NodeLeaving { node }),
        (_, Standby::On { .. }) => Some(Reason::NodeStandby { node }),
        (_, Standby::Off) => None,
    }
}

/// Why the service, once stopped, could not start elsewhere at once, if so. What moves for
/// convenience must not end up stopped.
fn blocked_elsewhere(input: &Input<'_>, name: &ServiceName, holder: &NodeName) -> Option<Reason> {
    if let Some(service) = input.missing_dependency(name) {
        return Some(Reason::WaitsForService {
            service: service.clone(),
        });
    }
    if let Some(node) = input
        .service(name)
        .and_then(|seen| other_stray(seen, holder))
    {
        return Some(Reason::FoundElsewhere { node: node.clone() });
    }
    input.unproven_node()
}

fn other_stray<'a>(seen: &'a ServiceSeen, than: &NodeName) -> Option<&'a NodeName> {
    seen.strays.keys().find(|node| *node != than)
}

fn carry_out_move(
    draft: &Draft<'_>,
    (name, spec): (&ServiceName, &ServiceSpec),
    claim: &Claim,
    moving: &MoveRequest,
) -> Decision {
    let ready = |node: &NodeName| candidate(draft, (name, spec), node).is_ok();
    let target = match &moving.to {
        Some(to) => *to != claim.node && ready(to),
        None => draft
            .input
            .seen
            .nodes
            .keys()
            .any(|node| *node != claim.node && ready(node)),
    };
    if !target {
        return Decision::Wait(no_node(draft, (name, spec)));
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

fn fail_back(
    draft: &Draft<'_>,
    (name, spec): (&ServiceName, &ServiceSpec),
    claim: &Claim,
) -> Decision {
    match spec.failback {
        Failback::Never => return Decision::Nothing,
        Failback::WhenPossible => {}
    }
    let stays = preference(spec, &claim.node) + u64::from(spec.stickiness);
    let better = spec.prefer.iter().find(|node| {
        **node != claim.node
            && stays < preference(spec, node)
            && candidate(draft, (name, spec), node).is_ok()
    });
    let Some(node) = better else {
        return Decision::Nothing;
    };
    match blocked_elsewhere(draft.input, name, &claim.node) {
        Some(because) => Decision::Wait(because),
        None => revoke(
            name,
            claim,
            Reason::Failback { node: node.clone() },
            BarNode::No,
        ),
    }
}

fn unclaimed<'a>(
    draft: &mut Draft<'a>,
    relations: &Relations<'a>,
    (name, seen): (&ServiceName, &ServiceSeen),
) -> Decision {
    let input = draft.input;
    let Some(spec) = input.spec.services.get(name) else {
        return stray_wait(input, seen).map_or(Decision::Nothing, Decision::Wait);
    };
    if unwanted(input, name).is_some() {
        // Stopped is what is wished: only what still runs somewhere is waited for.
        return stray_wait(input, seen).map_or(Decision::Nothing, Decision::Wait);
    }
    let adopted = best_stray(input, (name, seen)).filter(|node| !draft.given_up.contains(node));
    if let Some(because) = obstacle(input, seen, adopted) {
        return Decision::Wait(because);
    }
    if let Some(service) = relations.missing_dependency(input, name) {
        return Decision::Wait(Reason::WaitsForService {
            service: service.clone(),
        });
    }
    let chosen = match adopted {
        Some(node) => candidate(draft, (name, spec), node)
            .ok()
            .map(|boot| (node.clone(), boot)),
        None => best_node(draft, (name, spec), seen.moving.as_ref()),
    };
    let Some((node, boot)) = chosen else {
        return Decision::Wait(no_node(draft, (name, spec)));
    };
    let because = match adopted {
        Some(node) => Reason::FoundRunning { node: node.clone() },
        None => why_start(seen),
    };
    draft.load.add(&node);
    Decision::Step(
        Action::Grant {
            service: name.clone(),
            node,
            boot,
        },
        because,
    )
}

/// What must end before the service may start anywhere but on `adopted`.
fn obstacle(input: &Input<'_>, seen: &ServiceSeen, adopted: Option<&NodeName>) -> Option<Reason> {
    let strays = seen.strays.keys().filter(|node| Some(*node) != adopted);
    if let Some(because) = strays.map(|node| stray_reason(input, node)).next() {
        return Some(because);
    }
    input.unproven_node()
}

fn stray_wait(input: &Input<'_>, seen: &ServiceSeen) -> Option<Reason> {
    seen.strays
        .keys()
        .next()
        .map(|node| stray_reason(input, node))
}

fn stray_reason(input: &Input<'_>, node: &NodeName) -> Reason {
    match input.seen.nodes.get(node).map(|node| &node.state) {
        Some(NodeState::Online { .. } | NodeState::Leaving { .. }) | None => {
            Reason::FoundElsewhere { node: node.clone() }
        }
        Some(state) => waits_for(node, state),
    }
}

/// Why the service starts: an order, how its last claim ended, or simply that it should.
fn why_start(seen: &ServiceSeen) -> Reason {
    match (&seen.moving, &seen.last_end, &seen.wish) {
        (Some(moving), _, _) => Reason::AskedByOperator {
            user: moving.by.clone(),
        },
        // That it stopped for the sake of another says nothing about why it starts.
        (None, Some(Reason::StopsBefore { .. }), _) => Reason::ShouldRun,
        (None, Some(last), _) => last.clone(),
        (None, None, Wish::Run { by }) => Reason::AskedByOperator { user: by.clone() },
        (None, None, Wish::Spec | Wish::Stop { .. }) => Reason::ShouldRun,
    }
}

/// The boot in which the node may run the service now; if it may not, why.
fn candidate(
    draft: &Draft<'_>,
    (name, spec): (&ServiceName, &ServiceSpec),
    node: &NodeName,
) -> Result<BootId, String> {
    let Some(seen) = draft.input.seen.nodes.get(node) else {
        return Err("not a member".to_string());
    };
    if draft.given_up.contains(node) {
        return Err("lost".to_string());
    }
    may_run(draft.input, (name, spec), (node, seen))
}

/// Where the service starts: where an operator wants it, else the node with the most
/// points; of equals the one that runs least, then the first by name.
fn best_node(
    draft: &Draft<'_>,
    (name, spec): (&ServiceName, &ServiceSpec),
    moving: Option<&MoveRequest>,
) -> Option<(NodeName, BootId)> {
    let to = moving.and_then(|moving| moving.to.as_ref());
    let from = moving.and_then(|moving| moving.from.as_ref());
    draft
        .input
        .seen
        .nodes
        .keys()
        .filter_map(|node| Some((node, candidate(draft, (name, spec), node).ok()?)))
        .min_by_key(|(node, _)| {
            let wish = (to != Some(*node), from == Some(*node));
            (
                wish,
                u64::MAX - preference(spec, node),
                draft.load.on(node),
                *node,
            )
        })
        .map(|(node, boot)| (node.clone(), boot))
}

fn no_node(draft: &Draft<'_>, (name, spec): (&ServiceName, &ServiceSpec)) -> Reason {
    let why_not = |node: &NodeName| candidate(draft, (name, spec), node).err();
    let nodes = draft.input.seen.nodes.keys();
    Reason::NoNode {
        nodes: nodes
            .filter_map(|node| Some((node.clone(), why_not(node)?)))
            .collect(),
    }
}
