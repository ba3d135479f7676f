//! Where things may be: locations and failures, tickets, targets, groups, and what is
//! together and apart.
//!
//! Each rule is asked of what is active after the round, as far as that could be otherwise,
//! and of what is meant to be (`placed`): a plan that aims at a forbidden place is wrong
//! even if it does not get there.

use std::collections::BTreeSet;

use super::in_time;
use super::scene::{Scene, Slot};
use super::violation::{Rule, Violation};
use crate::arrange::{
    Action, Colocation, Discovery, Kind, NodeIx, OnFail, ResourceIx, Role, Target, TicketLoss,
};

pub(super) fn check(scene: &Scene<'_>, violations: &mut Vec<Violation>) {
    let mut seats: BTreeSet<(Slot, Role)> = scene.free_after().collect();
    seats.extend(scene.free_placed());
    for (slot, role) in seats {
        let shown = scene.show(slot);
        let mut complain = |rule: Rule, text: &str| {
            violations.push(Violation::new(rule, format!("{shown} {text}")));
        };
        if let Some(text) = barred(scene, slot, role) {
            complain(Rule::Location, text);
        }
        if let Some(text) = without_ticket(scene, slot, role) {
            complain(Rule::Ticket, text);
        }
        if let Some(text) = beyond_target(scene, slot, role) {
            complain(Rule::Target, text);
        }
    }
    check_begins(scene, violations);
    check_groups(scene, violations);
    for colocation in &scene.wanted.colocations {
        if colocation.score.is_must() {
            check_together(scene, colocation, violations);
        }
        if colocation.score.is_never() {
            check_apart(scene, colocation, violations);
            in_time::check(scene, colocation, violations);
        }
    }
}

/// A location that says never, discovery elsewhere only, or no location at all where only
/// named nodes count. Scores that are merely negative are weighed against others, and are
/// not judged here; nor are rules for the subordinate role alone.
fn barred(scene: &Scene<'_>, slot: Slot, role: Role) -> Option<&'static str> {
    let chain = scene.tree.chain(slot.resource);
    let own = || {
        let locations = scene.wanted.locations.iter();
        locations.filter(|location| chain.contains(&location.resource))
    };
    let never = own().any(|location| {
        let applies = match location.role {
            None => true,
            Some(Role::Promoted) => role == Role::Promoted,
            Some(Role::Started | Role::Unpromoted) => false,
        };
        let says = |(node, score): &(NodeIx, _)| {
            *node == slot.node && crate::arrange::Score::is_never(*score)
        };
        applies && location.scores.iter().any(says)
    });
    if never {
        return Some("is where a location says never");
    }
    let names = |scores: &[(NodeIx, crate::arrange::Score)]| {
        scores.iter().any(|(node, _)| *node == slot.node)
    };
    // What is said of a part of a clone is said of the clone.
    let is_said_of = |of: ResourceIx| {
        let tree = &scene.tree;
        let of_whole = tree.is_cloned(of) && tree.top(of) == tree.top(slot.resource);
        chain.contains(&of) || of_whole
    };
    let locations = scene.wanted.locations.iter();
    let mut exclusive = locations
        .filter(|location| location.discovery == Discovery::Exclusive)
        .filter(|location| is_said_of(location.resource))
        .peekable();
    if exclusive.peek().is_some() && !exclusive.any(|location| names(&location.scores)) {
        return Some("is where it is not even looked for");
    }
    // A location of any part of the whole lets the whole in.
    let top = scene.tree.top(slot.resource);
    let named = scene
        .wanted
        .locations
        .iter()
        .any(|location| scene.tree.top(location.resource) == top && names(&location.scores));
    if !scene.wanted.policy.opt_out && !named {
        return Some("is where no location names it");
    }
    None
}

/// What depends on a ticket that is not here, or is being handed over. What is to be fenced
/// for it and cannot be (there is no fencing) stays; "demote" lets it run without the role.
fn without_ticket(scene: &Scene<'_>, slot: Slot, role: Role) -> Option<&'static str> {
    let chain = scene.tree.chain(slot.resource);
    let rules = scene.wanted.ticket_rules.iter();
    for rule in rules.filter(|rule| chain.contains(&rule.resource)) {
        let ticket = scene.observed.tickets[rule.ticket.0];
        if ticket.granted && !ticket.standby {
            continue;
        }
        let role_only = match rule.role {
            None | Some(Role::Started) => rule.on_loss == TicketLoss::Demote,
            Some(Role::Promoted) => true,
            // A ticket for the subordinate role alone: nobody can say what that means for a
            // resource that is promoted instead, so it is not judged.
            Some(Role::Unpromoted) => continue,
        };
        let unfenced = rule.on_loss == TicketLoss::Fence && !scene.wanted.policy.can_fence();
        let frozen = rule.on_loss == TicketLoss::Freeze && !scene.begins(slot);
        if unfenced || (frozen && scene.before.contains_key(&slot)) {
            continue;
        }
        if role_only && role == Role::Promoted {
            return Some("leads without its ticket");
        }
        if !role_only {
            return Some("runs without its ticket");
        }
    }
    None
}

/// Stopped by the configuration or by an operator, or wanted no more.
fn beyond_target(scene: &Scene<'_>, slot: Slot, role: Role) -> Option<&'static str> {
    let settings = scene.tree.settings(slot.resource);
    let policy = &scene.wanted.policy;
    let removed = scene.tree.resource(slot.resource).removed && policy.stop_removed;
    let all = policy.stop_all && !settings.is_fence_device;
    match settings.target {
        Target::Stopped => Some("is active although it is to be stopped"),
        Target::Unpromoted | Target::Promoted if removed => {
            Some("is active although it is wanted no more")
        }
        Target::Unpromoted | Target::Promoted if all => {
            Some("is active although everything is to be stopped")
        }
        Target::Unpromoted if role == Role::Promoted => Some("leads although it is not wanted to"),
        Target::Unpromoted | Target::Promoted => None,
    }
}

/// Nothing begins where it failed too often or hopelessly, where health forbids it, or
/// without its ticket even if the ticket's loss leaves it alone.
fn check_begins(scene: &Scene<'_>, violations: &mut Vec<Violation>) {
    for (_, step, slot) in scene.steps() {
        if !matches!(step.action, Action::Start | Action::MigrateFrom) {
            continue;
        }
        if is_failed_there(scene, slot) {
            let text = format!("{} starts where it failed too often", scene.show(slot));
            violations.push(Violation::new(Rule::Location, text));
        }
        let settings = scene.tree.settings(slot.resource);
        if scene.node(slot.node).health.is_never() && !settings.ignores_health {
            let text = format!("{} starts on an unhealthy node", scene.show(slot));
            violations.push(Violation::new(Rule::Location, text));
        }
    }
}

/// Failures that the configuration ignores bar nothing.
fn is_failed_there(scene: &Scene<'_>, slot: Slot) -> bool {
    let ignored = scene.observed.found.iter().any(|found| {
        found.resource == slot.resource
            && found
                .failed
                .is_some_and(|failed| failed.answer == OnFail::Ignore)
    });
    let limit = scene.tree.settings(slot.resource).failures_max;
    let here = scene.observed.failures.iter().filter(|failure| {
        failure.resource == slot.resource
            && failure.node == slot.node
            && (!scene.tree.is_unique(slot.resource)
                || failure.instance.is_none_or(|number| number == slot.number))
    });
    !ignored
        && here.into_iter().any(|failure| {
            let count = i64::from(failure.count.value());
            let too_many = limit.is_some_and(|limit| 0 < limit && i64::from(limit) <= count);
            too_many || failure.hopeless
        })
}

/// In a group whose members are together, none is on another node than one before it. (A
/// cloned group is together on each node.) A member before it that is stuck elsewhere
/// carries the later ones to it or leaves them stopped.
fn check_groups(scene: &Scene<'_>, violations: &mut Vec<Violation>) {
    for resource in &scene.wanted.resources {
        let Kind::Group {
            members,
            together: true,
            ..
        } = &resource.kind
        else {
            continue;
        };
        for (place, &member) in members.iter().enumerate() {
            for &before in &members[..place] {
                check_member(scene, (before, member), violations);
            }
        }
    }
}

fn check_member(
    scene: &Scene<'_>,
    (before, member): (ResourceIx, ResourceIx),
    violations: &mut Vec<Violation>,
) {
    let pictures = [
        (scene.free_after().collect::<Vec<_>>(), &scene.after),
        (scene.free_placed().collect(), &scene.placed),
    ];
    for (seats, whole) in pictures {
        for (slot, _) in seats.iter().filter(|(slot, _)| slot.resource == member) {
            let others = || whole.keys().filter(|other| other.resource == before);
            let together = others().any(|other| scene.is_same_instance(*other, *slot));
            if others().next().is_some() && !together {
                violations.push(Violation::new(
                    Rule::Group,
                    format!(
                        "{} is not where {} is",
                        scene.show(*slot),
                        scene.tree.name(before)
                    ),
                ));
            }
        }
    }
}

/// Whether a role is spoken of. "Started" is any role.
fn has_role(asked: Option<Role>, role: Role) -> bool {
    match asked {
        None | Some(Role::Started) => true,
        Some(Role::Unpromoted) => role != Role::Promoted,
        Some(Role::Promoted) => role == Role::Promoted,
    }
}

/// Whether two nodes are one place. Of nodes without the attribute nobody knows: they are
/// taken for one place where that is wished, and for two where it is not.
fn is_one_place(
    scene: &Scene<'_>,
    colocation: &Colocation,
    (one, other): (NodeIx, NodeIx),
    unknown: bool,
) -> bool {
    let Some(attribute) = &colocation.attribute else {
        return one == other;
    };
    let value = |node: NodeIx| scene.node(node).attributes.get(attribute);
    match (value(one), value(other)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => one == other || unknown,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// Whether a colocation speaks of resources that cannot be on several nodes within
/// themselves: a group that is not together has no place of its own.
fn has_a_place(scene: &Scene<'_>, resource: ResourceIx) -> bool {
    scene.tree.leaves(resource).iter().all(|leaf| {
        scene.tree.chain(*leaf).iter().all(|whole| {
            !matches!(
                scene.tree.resource(*whole).kind,
                Kind::Group {
                    together: false,
                    ..
                }
            )
        })
    })
}

/// The dependent begins, or is meant to be, only where the primary is or is meant to be. A
/// colocation is about places: a primary that is late does not hold the dependent up (an
/// order does that), and a dependent that runs already is judged by what is meant.
fn check_together(scene: &Scene<'_>, colocation: &Colocation, violations: &mut Vec<Violation>) {
    if !has_a_place(scene, colocation.dependent) || !has_a_place(scene, colocation.primary) {
        return;
    }
    let dependents = scene.tree.leaves(colocation.dependent);
    // What is said of a part of a clone is said of the clone's instances, and an instance is
    // where any part of it is.
    let cloned = scene.tree.is_cloned(colocation.primary);
    let primaries = scene.tree.leaves(match cloned {
        true => scene.tree.top(colocation.primary),
        false => colocation.primary,
    });
    let begun = scene.free_after().filter(|(slot, _)| scene.begins(*slot));
    let seats: BTreeSet<(Slot, Role)> = begun
        .chain(scene.free_placed())
        .filter(|(slot, role)| {
            dependents.contains(&slot.resource) && has_role(colocation.dependent_role, *role)
        })
        .collect();
    for (slot, _) in seats {
        let mut primary = scene
            .placed
            .iter()
            .chain(&scene.after)
            .filter(|(other, role)| {
                primaries.contains(&other.resource) && has_role(colocation.primary_role, **role)
            });
        let met = primary
            .any(|(other, _)| is_one_place(scene, colocation, (other.node, slot.node), true));
        if !met {
            violations.push(Violation::new(
                Rule::Together,
                format!(
                    "{} is not where {} is ({})",
                    scene.show(slot),
                    scene.tree.name(colocation.primary),
                    colocation.id
                ),
            ));
        }
    }
}

/// The dependent yields: it is not where the primary is, neither afterwards nor as placed.
fn check_apart(scene: &Scene<'_>, colocation: &Colocation, violations: &mut Vec<Violation>) {
    if !has_a_place(scene, colocation.dependent) || !has_a_place(scene, colocation.primary) {
        return;
    }
    let dependents = scene.tree.leaves(colocation.dependent);
    let primaries: Vec<ResourceIx> = scene
        .tree
        .leaves(colocation.primary)
        .into_iter()
        .filter(|leaf| !dependents.contains(leaf))
        .collect();
    let pictures = [
        (scene.free_after().collect::<Vec<_>>(), &scene.after),
        (scene.free_placed().collect(), &scene.placed),
    ];
    for (seats, whole) in pictures {
        for (slot, role) in seats {
            if !dependents.contains(&slot.resource) || !has_role(colocation.dependent_role, role) {
                continue;
            }
            let met = whole.iter().any(|(other, role)| {
                primaries.contains(&other.resource)
                    && has_role(colocation.primary_role, *role)
                    && is_one_place(scene, colocation, (other.node, slot.node), false)
            });
            if met {
                violations.push(Violation::new(
                    Rule::Apart,
                    format!(
                        "{} is where {} is ({})",
                        scene.show(slot),
                        scene.tree.name(colocation.primary),
                        colocation.id
                    ),
                ));
            }
        }
    }
}
