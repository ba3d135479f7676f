//! Sound arrangements with one thing spoilt, to see that the checker notices.

use planner::arrange::{Action, Arrangement, Observed, Step, Wanted};

use super::tree::rules_of;

/// Each arrangement in which one step is left out, where that cannot be right: it is not
/// one that a fence makes true anyway, and nothing about its resource is hearsay (what failed
/// or is under way may turn out either way without it).
pub fn one_step_less(observed: &Observed, arrangement: &Arrangement) -> Vec<Arrangement> {
    let certain = |step: &Step| {
        let mut found = observed.found.iter();
        found.all(|found| {
            found.resource != step.resource || (found.failed.is_none() && found.under_way.is_none())
        })
    };
    (0..arrangement.steps.len())
        .filter(|at| !arrangement.steps[*at].implied && certain(&arrangement.steps[*at]))
        .map(|at| without(arrangement, at))
        .collect()
}

fn without(arrangement: &Arrangement, gone: usize) -> Arrangement {
    let mut spoilt = arrangement.clone();
    let removed = spoilt.steps.remove(gone);
    for step in &mut spoilt.steps {
        // Who waited for it waits for what it waited for.
        if step.after.contains(&gone) {
            step.after.extend(&removed.after);
            step.after_fences.extend(&removed.after_fences);
        }
        step.after.retain(|before| *before != gone);
        for before in &mut step.after {
            if gone < *before {
                *before -= 1;
            }
        }
    }
    spoilt
}

/// Each arrangement in which a resource that moves starts without waiting for anything.
pub fn one_start_too_early(
    wanted: &Wanted,
    observed: &Observed,
    arrangement: &Arrangement,
) -> Vec<Arrangement> {
    let moves = |step: &Step| {
        step.action == Action::Start
            && rules_of(wanted, step.resource).is_none()
            && arrangement.steps.iter().any(|other| {
                other.action == Action::Stop
                    && other.resource == step.resource
                    && other.node != step.node
                    && observed.found.iter().any(|found| {
                        found.resource == other.resource
                            && found.node == other.node
                            && found.role.is_some()
                    })
            })
    };
    (0..arrangement.steps.len())
        .filter(|at| moves(&arrangement.steps[*at]))
        .map(|at| {
            let mut spoilt = arrangement.clone();
            spoilt.steps[at].after.clear();
            spoilt.steps[at].after_fences.clear();
            spoilt
        })
        .collect()
}

/// Each arrangement which tells of something that it did not do: something active after the
/// round is left out, or stands on a second node too.
pub fn another_outcome(wanted: &Wanted, arrangement: &Arrangement) -> Vec<Arrangement> {
    let mut spoilt = Vec::new();
    for (at, placed) in arrangement.after.iter().enumerate() {
        let acted = arrangement.steps.iter().any(|step| {
            step.action == Action::Start
                && (step.resource, step.instance, step.node)
                    == (placed.resource, placed.instance, placed.node)
        });
        if acted {
            let mut less = arrangement.clone();
            less.after.remove(at);
            spoilt.push(less);
        }
        for node in 0..wanted.nodes.len() {
            let free = arrangement
                .after
                .iter()
                .all(|other| other.resource != placed.resource || other.node.0 != node);
            if free && acted {
                let mut more = arrangement.clone();
                let mut copy = *placed;
                copy.node.0 = node;
                copy.instance += 1_000;
                more.after.push(copy);
                spoilt.push(more);
            }
        }
    }
    spoilt
}
