//! What must be apart is apart at every moment of a round, and not only at its end: what comes
//! to a place, or to the role that is spoken of, does so after the other has gone from there.

use super::scene::{Scene, Slot};
use super::violation::{Rule, Violation};
use crate::arrange::{Action, Colocation, NodeIx, ResourceIx, Role};

/// A resource, perhaps in one role only.
type InRole = (ResourceIx, Option<Role>);

pub(super) fn check(scene: &Scene<'_>, colocation: &Colocation, violations: &mut Vec<Violation>) {
    let dependent = (colocation.dependent, colocation.dependent_role);
    let primary = (colocation.primary, colocation.primary_role);
    for (comes, goes) in [(dependent, primary), (primary, dependent)] {
        for (begin, slot) in beginnings(scene, comes) {
            for (end, other) in endings(scene, goes) {
                let is_itself = slot.resource == other.resource;
                let near = is_one_place(scene, colocation, (slot.node, other.node));
                // Another order may ask for the opposite.
                let in_order = scene.precedes(end, begin) || scene.precedes(begin, end);
                if near && !is_itself && !in_order {
                    let text = format!(
                        "{} comes to where {} may still be ({})",
                        scene.show(slot),
                        scene.show(other),
                        colocation.id
                    );
                    violations.push(Violation::new(Rule::Apart, text));
                }
            }
        }
    }
}

/// The steps by which something comes to be in a place, or in a role there.
fn beginnings(scene: &Scene<'_>, (of, role): InRole) -> Vec<(usize, Slot)> {
    let leaves = scene.tree.leaves(of);
    let comes = |action: Action| match role {
        None | Some(Role::Started) => matches!(action, Action::Start | Action::MigrateFrom),
        Some(Role::Promoted) => action == Action::Promote,
        Some(Role::Unpromoted) => false,
    };
    let steps = scene.steps();
    let steps =
        steps.filter(|(_, step, slot)| comes(step.action) && leaves.contains(&slot.resource));
    steps.map(|(at, _, slot)| (at, slot)).collect()
}

/// The steps by which something that was there, or led there, is so no more. What a fence ends
/// is no step that anybody could be before.
fn endings(scene: &Scene<'_>, (of, role): InRole) -> Vec<(usize, Slot)> {
    let leaves = scene.tree.leaves(of);
    let mut ends = Vec::new();
    for (at, step, slot) in scene.steps() {
        let before = scene.before.get(&slot);
        let led =
            before.is_some_and(|before| before.may_lead || before.role == Some(Role::Promoted));
        let goes = match role {
            None | Some(Role::Started) => step.action == Action::Stop,
            Some(Role::Promoted) => match step.action {
                Action::Demote => led,
                Action::Stop => led && scene.step_in(slot, Action::Demote).is_none(),
                Action::Start | Action::Promote | Action::MigrateTo | Action::MigrateFrom => false,
            },
            Some(Role::Unpromoted) => false,
        };
        if goes && !step.implied && before.is_some() && leaves.contains(&slot.resource) {
            ends.push((at, slot));
        }
    }
    ends
}

fn is_one_place(
    scene: &Scene<'_>,
    colocation: &Colocation,
    (one, other): (NodeIx, NodeIx),
) -> bool {
    let Some(attribute) = &colocation.attribute else {
        return one == other;
    };
    let value = |node: NodeIx| scene.node(node).attributes.get(attribute);
    one == other || value(one).is_some_and(|one| value(other) == Some(one))
}
