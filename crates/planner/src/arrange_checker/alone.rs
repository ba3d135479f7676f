//! S1 and S2: nothing is active twice, and nothing begins before the proof that it has ended
//! everywhere else; and clones keep to their numbers at every moment.
//!
//! Steps run in any order that their links allow, and a step that may run may also run late.
//! So "at every moment" is judged for the worst order: everything that can begin has begun,
//! and nothing has ended that nothing waits for.

use std::collections::{BTreeMap, BTreeSet};

use super::ground;
use super::scene::{Scene, Slot};
use super::tree::count;
use super::violation::{Rule, Violation};
use crate::arrange::{Action, MultipleActive, NodeIx, Requires, ResourceIx, Role};

pub(super) fn check(scene: &Scene<'_>, violations: &mut Vec<Violation>) {
    for (at, step, slot) in scene.steps() {
        if !matches!(step.action, Action::Start | Action::MigrateFrom) {
            continue;
        }
        if !scene.is_counted(slot.resource) {
            check_ended_elsewhere(scene, (at, slot), violations);
        }
        if step.action == Action::Start {
            check_lost_nodes(scene, (at, slot), violations);
        }
    }
    check_alone_afterwards(scene, violations);
    check_counts(scene, violations);
}

/// S1, S2: wherever else it may be active, it has stopped, moved here live, or its node is
/// confirmed fenced. That holds for what nobody may touch as well: what cannot be stopped
/// cannot be started elsewhere.
fn check_ended_elsewhere(
    scene: &Scene<'_>,
    (at, slot): (usize, Slot),
    violations: &mut Vec<Violation>,
) {
    let arrives = scene.step_in(slot, Action::MigrateFrom) == Some(at);
    let elsewhere = scene
        .before
        .keys()
        .filter(|other| other.is_same_thing(slot) && other.node != slot.node);
    for other in elsewhere {
        let ended = |action: Action| {
            scene
                .step_in(*other, action)
                .is_some_and(|step| scene.precedes(step, at))
        };
        // A live migration that was found under way has its other end where it came from.
        let handed_over = arrives
            && (ended(Action::MigrateTo)
                || (scene.before[other].hearsay
                    && scene.before.contains_key(&slot)
                    && !scene.after.contains_key(other)));
        let proven = scene.fenced_before(other.node, at);
        if !ended(Action::Stop) && !handed_over && !proven {
            violations.push(Violation::new(
                Rule::Proof,
                format!(
                    "{} starts before it is proven stopped on {}",
                    scene.show(slot),
                    scene.tree.node_name(other.node)
                ),
            ));
        }
    }
    // Two starts of one thing are two of it.
    let twin = scene.steps().any(|(other, step, of)| {
        other != at
            && matches!(step.action, Action::Start | Action::MigrateFrom)
            && of.is_same_thing(slot)
            && of.node != slot.node
    });
    if twin {
        let text = format!("{} starts on another node too", scene.show(slot));
        violations.push(Violation::new(Rule::Alone, text));
    }
}

/// S2 for nodes of which nobody knows what they run. What asks for fencing waits for all lost
/// nodes; what asks for a quorum waits for those that were never seen, since they alone may
/// run what was not found there; what asks for nothing waits for neither (where it was found
/// is another matter, above). What a partition without quorum goes on with waits for nobody:
/// it may not fence the others, and has what it starts.
fn check_lost_nodes(scene: &Scene<'_>, (at, slot): (usize, Slot), violations: &mut Vec<Violation>) {
    if ground::goes_on(scene, slot.resource) {
        return;
    }
    let waits_for = |node: NodeIx| match scene.tree.settings(slot.resource).requires {
        Requires::Nothing => false,
        Requires::Quorum => !scene.node(node).seen,
        Requires::Fencing => true,
    };
    let lost = scene.nodes().filter(|node| scene.is_unproven(*node));
    for node in lost.filter(|node| waits_for(*node)) {
        if !scene.fenced_before(node, at) {
            violations.push(Violation::new(
                Rule::Proof,
                format!(
                    "{} starts before {} is confirmed fenced",
                    scene.show(slot),
                    scene.tree.node_name(node)
                ),
            ));
        }
    }
}

/// S1 after the round. What was found twice may stay twice where nobody may act, where it
/// cannot be stopped, or where its policy is to leave it.
fn check_alone_afterwards(scene: &Scene<'_>, violations: &mut Vec<Violation>) {
    let mut places: BTreeMap<(ResourceIx, u32), Vec<Slot>> = BTreeMap::new();
    for slot in scene.after.keys() {
        if !scene.is_counted(slot.resource) {
            let key = (slot.resource, slot.number);
            places.entry(key).or_default().push(*slot);
        }
    }
    for slots in places.values().filter(|slots| 1 < slots.len()) {
        let begun = slots.iter().any(|slot| scene.begins(*slot));
        let free = slots.iter().filter(|slot| !scene.is_stuck(**slot)).count();
        let left = scene.tree.settings(slots[0].resource).multiple_active == MultipleActive::Block;
        // One that is free may stay beside what is stuck: it may be the one that is wanted,
        // and stopping it would heal nothing.
        if begun || (1 < free && !left) {
            let text = format!("{} is active on another node too", scene.show(slots[0]));
            violations.push(Violation::new(Rule::Alone, text));
        }
    }
}

/// Clones: how many there may be in all, on one node, and leading.
fn check_counts(scene: &Scene<'_>, violations: &mut Vec<Violation>) {
    let mut singles: BTreeSet<ResourceIx> = BTreeSet::new();
    singles.extend(scene.before.keys().map(|slot| slot.resource));
    singles.extend(scene.after.keys().map(|slot| slot.resource));
    singles.extend(scene.placed.keys().map(|slot| slot.resource));
    for single in singles {
        let Some(rules) = scene.tree.clone_rules(single) else {
            continue;
        };
        let all = scene.tree.instances_max(rules);
        let limit = Limit::new(scene, single, Tally::Active);
        if rules.unique {
            check_numbers(scene, (single, all), violations);
        } else {
            limit.check(None, all, violations);
        }
        for node in scene.nodes() {
            limit.check(Some(node), count(rules.per_node), violations);
        }
        if let Some(promoted) = rules.promotable {
            let limit = Limit::new(scene, single, Tally::Leading);
            limit.check(None, count(promoted.max), violations);
            for node in scene.nodes() {
                limit.check(Some(node), count(promoted.per_node), violations);
            }
        }
    }
}

/// Instances that are told apart are as many as their numbers allow: one that is found twice
/// is not two of them (that is judged above).
fn check_numbers(
    scene: &Scene<'_>,
    (single, all): (ResourceIx, usize),
    violations: &mut Vec<Violation>,
) {
    for slot in scene.after.keys().filter(|slot| slot.resource == single) {
        if all <= count(slot.number) && (scene.begins(*slot) || !scene.is_stuck(*slot)) {
            violations.push(Violation::new(
                Rule::Count,
                format!("{} has a number beyond the last", scene.show(*slot)),
            ));
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Tally {
    Active,
    Leading,
}

/// Instances that count towards a limit: before, after, as placed, and what changes them.
struct Limit<'s, 'a> {
    scene: &'s Scene<'a>,
    single: ResourceIx,
    tally: Tally,
}

impl<'s, 'a> Limit<'s, 'a> {
    fn new(scene: &'s Scene<'a>, single: ResourceIx, tally: Tally) -> Self {
        Self {
            scene,
            single,
            tally,
        }
    }

    fn counts(&self, node: Option<NodeIx>, slot: Slot) -> bool {
        slot.resource == self.single && node.is_none_or(|node| node == slot.node)
    }

    fn counts_role(&self, role: Role) -> bool {
        self.tally == Tally::Active || role == Role::Promoted
    }

    fn check(&self, node: Option<NodeIx>, limit: usize, violations: &mut Vec<Violation>) {
        let scene = self.scene;
        let what = match self.tally {
            Tally::Active => "instances",
            Tally::Leading => "leading instances",
        };
        let place = node.map_or(String::new(), |node| {
            format!(" on {}", scene.tree.node_name(node))
        });
        let name = scene.tree.name(self.single);
        let mut complain = |when: &str, number: usize| {
            violations.push(Violation::new(
                Rule::Count,
                format!("{name} has {number} {what}{place} {when}, {limit} are the most"),
            ));
        };
        let told: Vec<Slot> = scene
            .after
            .iter()
            .filter(|(slot, role)| self.counts(node, **slot) && self.counts_role(**role))
            .map(|(slot, _)| *slot)
            .collect();
        // What is stuck counts, but is nobody's fault: nothing may be added to it, and what
        // is free must keep to the limit by itself.
        let free = told.iter().filter(|slot| !scene.is_stuck(**slot)).count();
        let begun = told.iter().any(|slot| scene.begins(*slot));
        if limit < told.len() && (begun || limit < free) {
            complain("afterwards", told.len());
        }
        let meant = scene
            .free_placed()
            .filter(|(slot, role)| self.counts(node, *slot) && self.counts_role(*role))
            .count();
        if limit < meant {
            complain("as placed", meant);
        }
        let (found, most) = self.most(node);
        if limit.max(found) < most {
            complain("meanwhile", most);
        }
    }

    /// How many there may be before, and at the worst moment.
    ///
    /// A set of begins can all have happened while only those ends have happened that one of
    /// them waits for. The worst set has as many begins beyond its ends as the greatest
    /// matching of begins with ends before them leaves unmatched (Hall).
    fn most(&self, node: Option<NodeIx>) -> (usize, usize) {
        let scene = self.scene;
        let found: Vec<Slot> = scene
            .before
            .iter()
            .filter(|(slot, before)| {
                self.counts(node, **slot) && (self.tally == Tally::Active || before.may_lead)
            })
            .map(|(slot, _)| *slot)
            .collect();
        let (begin, end) = match self.tally {
            Tally::Active => ([Action::Start, Action::MigrateFrom], [Action::Stop; 2]),
            Tally::Leading => ([Action::Promote; 2], [Action::Demote, Action::Stop]),
        };
        // What begins where it may be already is not one more.
        let ends_before = |at: usize, own: Slot| -> Vec<usize> {
            let ended = found.iter().enumerate().filter(|(_, slot)| {
                **slot == own
                    || scene.fenced_before(slot.node, at)
                    || end.iter().any(|action| {
                        scene
                            .step_in(**slot, *action)
                            .is_some_and(|step| scene.precedes(step, at))
                    })
            });
            ended.map(|(place, _)| place).collect()
        };
        let begins: Vec<Vec<usize>> = scene
            .steps()
            .filter(|(_, step, slot)| begin.contains(&step.action) && self.counts(node, *slot))
            .map(|(at, _, slot)| ends_before(at, slot))
            .collect();
        let unmatched = begins.len() - matching(&begins, found.len());
        (found.len(), found.len() + unmatched)
    }
}

/// The greatest number of pairs, each of a left one and a right one that it may have.
fn matching(choices: &[Vec<usize>], rights: usize) -> usize {
    let mut taken_by: Vec<Option<usize>> = vec![None; rights];
    (0..choices.len())
        .filter(|&left| augment(left, choices, &mut taken_by, &mut BTreeSet::new()))
        .count()
}

fn augment(
    left: usize,
    choices: &[Vec<usize>],
    taken_by: &mut [Option<usize>],
    tried: &mut BTreeSet<usize>,
) -> bool {
    for &right in &choices[left] {
        if !tried.insert(right) {
            continue;
        }
        let free = match taken_by[right] {
            None => true,
            Some(other) => augment(other, choices, taken_by, tried),
        };
        if free {
            taken_by[right] = Some(left);
            return true;
        }
    }
    false
}
