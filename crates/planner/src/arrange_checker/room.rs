//! Whether a node has room for what it runs, where capacities count.

use std::collections::BTreeSet;

use super::scene::{Scene, Slot};
use super::violation::{Rule, Violation};
use crate::arrange::{Action, NodeIx, Placement};

/// Beyond that many starts on one node, only each alone and all together are judged: the
/// sets of them double with each.
const STARTS_MAX: usize = 10;

pub(super) fn check(scene: &Scene<'_>, violations: &mut Vec<Violation>) {
    match scene.wanted.policy.placement {
        Placement::Count => return,
        Placement::Fits | Placement::Balanced | Placement::Few | Placement::LeastBusy => {}
    }
    let goods: BTreeSet<&String> = scene
        .wanted
        .resources
        .iter()
        .flat_map(|resource| resource.settings.utilization.keys())
        .collect();
    for node in scene.nodes() {
        for good in &goods {
            check_good(scene, (node, good), violations);
        }
    }
}

fn needs(scene: &Scene<'_>, slot: Slot, good: &str) -> i64 {
    let utilization = &scene.tree.settings(slot.resource).utilization;
    utilization.get(good).copied().unwrap_or(0)
}

/// What is stuck on a node takes room that nobody gave it: it is no fault, but what comes must
/// have room beside it. A node that tells of no room has none.
fn check_good(scene: &Scene<'_>, (node, good): (NodeIx, &str), violations: &mut Vec<Violation>) {
    let capacity = scene.wanted.nodes[node.0].capacity.get(good);
    let capacity = capacity.copied().unwrap_or(0);
    let name = scene.tree.node_name(node);
    let mut complain = |when: &str, taken: i64| {
        violations.push(Violation::new(
            Rule::Room,
            format!("{name} needs {taken} {good} {when}, and has {capacity}"),
        ));
    };
    let sum = |slots: &[Slot]| -> i64 { slots.iter().map(|slot| needs(scene, *slot, good)).sum() };
    let here = |slot: &Slot| slot.node == node;
    let meant: Vec<Slot> = scene
        .free_placed()
        .map(|(slot, _)| slot)
        .filter(here)
        .collect();
    if capacity < sum(&meant) {
        complain("as placed", sum(&meant));
    }
    let told: Vec<Slot> = scene.after.keys().copied().filter(here).collect();
    // What needs nothing of it may come to a node that is full beyond its room.
    let begun = told
        .iter()
        .any(|slot| scene.begins(*slot) && 0 < needs(scene, *slot, good));
    if begun && capacity < sum(&told) {
        complain("afterwards", sum(&told));
    }
    let most = most(scene, (node, good), &told);
    if begun && capacity < most {
        complain("meanwhile", most);
    }
}

/// What is taken at the worst moment at which something has begun that was not there: a set
/// of starts has happened, and only those stops have happened that one of them waits for.
fn most(scene: &Scene<'_>, (node, good): (NodeIx, &str), told: &[Slot]) -> i64 {
    let arrivals: Vec<(usize, Slot)> = scene
        .steps()
        .filter(|(_, step, slot)| {
            slot.node == node
                && matches!(step.action, Action::Start | Action::MigrateFrom)
                && !scene.before.contains_key(slot)
                && 0 < needs(scene, *slot, good)
        })
        .map(|(at, _, slot)| (at, slot))
        .collect();
    let stays = told.iter().filter(|slot| scene.before.contains_key(slot));
    let stays: i64 = stays.map(|slot| needs(scene, *slot, good)).sum();
    let leaving: Vec<(usize, Slot)> = scene
        .steps()
        .filter(|(_, step, slot)| {
            slot.node == node && step.action == Action::Stop && !told.contains(slot)
        })
        .map(|(at, _, slot)| (at, slot))
        .collect();
    let taken = |begun: &[(usize, Slot)]| -> i64 {
        let still = leaving
            .iter()
            .filter(|(stop, _)| !begun.iter().any(|(start, _)| scene.precedes(*stop, *start)));
        let still: i64 = still.map(|(_, slot)| needs(scene, *slot, good)).sum();
        let begun: i64 = begun
            .iter()
            .map(|(_, slot)| needs(scene, *slot, good))
            .sum();
        stays + still + begun
    };
    let count = arrivals.len();
    if STARTS_MAX < count {
        let alone = arrivals.iter().map(|one| taken(&[*one])).max();
        return alone.unwrap_or(0).max(taken(&arrivals));
    }
    (1..1_usize << count)
        .map(|set| {
            let chosen: Vec<(usize, Slot)> = arrivals
                .iter()
                .enumerate()
                .filter(|(place, _)| set >> place & 1 == 1)
                .map(|(_, one)| *one)
                .collect();
            taken(&chosen)
        })
        .max()
        .unwrap_or(0)
}
