//! On which nodes something is done, by what right, and who is fenced.

use super::scene::{Scene, Slot};
use super::violation::{Rule, Violation};
use crate::arrange::{
    Action, Fence, FenceReason, NoQuorum, NodeIx, NodeState, OnFail, Requires, ResourceIx, Role,
    Step, TicketLoss,
};

pub(super) fn check(scene: &Scene<'_>, violations: &mut Vec<Violation>) {
    for (_, step, slot) in scene.steps() {
        if step.implied {
            continue;
        }
        let doing = format!("{} is asked to {:?}", scene.show(slot), step.action);
        let mut complain = |rule: Rule, text: &str| {
            violations.push(Violation::new(rule, format!("{doing} {text}")));
        };
        if let Some(text) = wrong_node(scene, step, slot) {
            complain(Rule::Node, text);
        }
        if is_touched_wrongly(scene, slot) {
            complain(Rule::HandsOff, "although it must not be touched");
        }
        if is_without_quorum(scene, step, slot) {
            complain(Rule::Quorum, "without a quorum");
        }
    }
    check_stays(scene, violations);
    for fence in &scene.arrangement.fences {
        check_fence(scene, fence, violations);
    }
}

/// An agent runs on a member that answers. Something begins only where resources may be, and
/// nothing begins on a node that is to be emptied or may be fenced at any moment. A stop or
/// a demotion is asked for wherever an agent can run.
fn wrong_node(scene: &Scene<'_>, step: &Step, slot: Slot) -> Option<&'static str> {
    let seen = scene.node(slot.node);
    if seen.state != NodeState::Online {
        return Some("on a node that is no full member");
    }
    if seen.maintenance {
        return Some("on a node in maintenance");
    }
    match step.action {
        Action::Stop | Action::Demote | Action::MigrateTo => return None,
        Action::Start | Action::Promote | Action::MigrateFrom => {}
    }
    let policy = &scene.wanted.policy;
    if !scene.wanted.nodes[slot.node.0].runs_resources {
        return Some("on a node that runs no resources");
    }
    if seen.standby || is_emptied_by_failure(scene, slot.node) {
        return Some("on a node on standby");
    }
    if seen.shutdown {
        return Some("on a node that shuts down");
    }
    if seen.unclean || (seen.asked_to_fence && policy.fencing) {
        return Some("on a node that is to be fenced");
    }
    None
}

/// "Empty the node" is the answer to some failures.
fn is_emptied_by_failure(scene: &Scene<'_>, node: NodeIx) -> bool {
    scene.observed.found.iter().any(|found| {
        found.node == node
            && found
                .failed
                .is_some_and(|failed| failed.answer == OnFail::Standby)
    })
}

/// Nobody acts on what must not be touched; nor starts it anew where it was not found. (A
/// clone's other instances are other things.)
fn is_touched_wrongly(scene: &Scene<'_>, slot: Slot) -> bool {
    let held_here = scene.before.iter().any(|(other, before)| {
        let same = if scene.is_counted(slot.resource) {
            *other == slot
        } else {
            other.is_same_thing(slot)
        };
        same && before.hands_off
    });
    held_here || scene.is_left_alone(slot.resource)
}

/// S6. Without quorum nothing begins but what asks for none, and what only goes on within
/// the partition.
fn is_without_quorum(scene: &Scene<'_>, step: &Step, slot: Slot) -> bool {
    let asks = scene.tree.settings(slot.resource).requires != Requires::Nothing;
    if !asks || scene.has_quorum() {
        return false;
    }
    match step.action {
        Action::Stop | Action::Demote | Action::MigrateTo => false,
        Action::Start => !goes_on(scene, slot.resource),
        // It runs here, and runs here afterwards: nothing begins.
        Action::MigrateFrom => !runs_here(scene, slot.resource),
        // Taken back up after a restart or a failed demotion.
        Action::Promote => {
            scene.wanted.policy.no_quorum != NoQuorum::Freeze || !led_here(scene, slot.resource)
        }
    }
}

/// Under "freeze" a partition without quorum goes on with what it runs: it may stop it and
/// start it again, here or there, because nobody else can have it. So may it under "demote"
/// with what has roles, for that is what the policy keeps.
pub(super) fn goes_on(scene: &Scene<'_>, resource: ResourceIx) -> bool {
    let keeps = match scene.wanted.policy.no_quorum {
        NoQuorum::Freeze => true,
        NoQuorum::Demote => scene.tree.is_promotable(resource),
        NoQuorum::Stop | NoQuorum::Fence | NoQuorum::Ignore => false,
    };
    !scene.has_quorum() && keeps && runs_here(scene, resource)
}

fn runs_here(scene: &Scene<'_>, resource: ResourceIx) -> bool {
    scene.before.keys().any(|other| {
        other.resource == resource && scene.node(other.node).state == NodeState::Online
    })
}

fn led_here(scene: &Scene<'_>, resource: ResourceIx) -> bool {
    scene.before.iter().any(|(other, before)| {
        other.resource == resource
            && before.may_lead
            && scene.node(other.node).state == NodeState::Online
    })
}

/// What the state of its node, or the loss of quorum, does not let stay.
fn check_stays(scene: &Scene<'_>, violations: &mut Vec<Violation>) {
    let policy = &scene.wanted.policy;
    for (slot, role) in scene.free_after() {
        let settings = scene.tree.settings(slot.resource);
        let seen = scene.node(slot.node);
        let mut complain = |rule: Rule, text: &str| {
            violations.push(Violation::new(rule, format!("{} {text}", scene.show(slot))));
        };
        if seen.standby || seen.shutdown {
            complain(Rule::Node, "stays on a node that is to be emptied");
        }
        let bound = !scene.has_quorum()
            && settings.requires != Requires::Nothing
            && !settings.is_fence_device;
        match policy.no_quorum {
            NoQuorum::Stop if bound => complain(Rule::Quorum, "runs on without a quorum"),
            NoQuorum::Fence if bound && !policy.can_fence() => {
                complain(Rule::Quorum, "runs on without a quorum");
            }
            NoQuorum::Demote if bound && role == Role::Promoted => {
                complain(Rule::Quorum, "leads without a quorum");
            }
            NoQuorum::Stop
            | NoQuorum::Demote
            | NoQuorum::Freeze
            | NoQuorum::Fence
            | NoQuorum::Ignore => {}
        }
    }
}

/// Fencing is switched on, and something does it; a partition without quorum fences its own nodes at most (S6); and
/// the reason that is given is true.
fn check_fence(scene: &Scene<'_>, fence: &Fence, violations: &mut Vec<Violation>) {
    let seen = scene.node(fence.node);
    let policy = &scene.wanted.policy;
    let name = scene.tree.node_name(fence.node);
    let mut complain = |text: &str| {
        violations.push(Violation::new(
            Rule::Fence,
            format!("{name} is fenced {text}"),
        ));
    };
    if !policy.fencing {
        complain("although fencing is switched off");
    }
    if !policy.has_fence_device {
        complain("although no device fences anybody");
    }
    if !scene.has_quorum() && seen.state == NodeState::Offline {
        complain("by a partition that has no quorum and does not hold it");
    }
    let is_true = match &fence.because {
        FenceReason::Lost => seen.unclean,
        FenceReason::NeverSeen => {
            !seen.seen && policy.startup_fencing && seen.state == NodeState::Offline
        }
        FenceReason::Failed(resource) => has_failed(scene, *resource, fence.node),
        FenceReason::TicketLost(resource) => has_lost_ticket(scene, *resource, fence.node),
        FenceReason::Asked => seen.asked_to_fence,
        FenceReason::NoQuorum => {
            !scene.observed.quorate
                && policy.no_quorum == NoQuorum::Fence
                && seen.state != NodeState::Offline
        }
    };
    if !is_true {
        complain(&format!("for a reason that is not so: {:?}", fence.because));
    }
}

fn is_in(scene: &Scene<'_>, single: ResourceIx, whole: ResourceIx) -> bool {
    scene.tree.chain(single).contains(&whole)
}

fn has_failed(scene: &Scene<'_>, resource: ResourceIx, node: NodeIx) -> bool {
    scene.observed.found.iter().any(|found| {
        found.node == node
            && is_in(scene, found.resource, resource)
            && found
                .failed
                .is_some_and(|failed| failed.answer == OnFail::Fence)
    })
}

fn has_lost_ticket(scene: &Scene<'_>, resource: ResourceIx, node: NodeIx) -> bool {
    let active = scene
        .before
        .keys()
        .any(|slot| slot.node == node && is_in(scene, slot.resource, resource));
    active
        && scene.wanted.ticket_rules.iter().any(|rule| {
            rule.on_loss == TicketLoss::Fence
                && is_in(scene, resource, rule.resource)
                && !scene.observed.tickets[rule.ticket.0].granted
        })
}
