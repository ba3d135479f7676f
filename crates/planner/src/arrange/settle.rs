//! Which deeds are needed, and which are possible: what follows from each for the others,
//! until nothing changes any more.
//!
//! `needed` only ever becomes true and `possible` only ever becomes false, so this ends.

use std::collections::VecDeque;

use super::deeds::{DeedIx, Deeds, Means, Own, What};
use super::scene::{PartIx, Scene};
use super::{Role, StepReason, WaitReason};

/// Each pass takes back what was needed only for the sake of something that cannot be done;
/// a chain of such things is short, and what is left is only more careful than it must be.
const PASSES_MAX: usize = 8;

pub(super) fn settle(scene: &Scene<'_>, deeds: &mut Deeds) {
    let mut idle = vec![false; deeds.deeds.len()];
    let mut fresh = deeds.deeds.clone();
    let mut pass = 0;
    loop {
        deeds.deeds.clone_from(&fresh);
        spread(scene, deeds, &idle);
        pass += 1;
        let new: Vec<usize> = (0..idle.len())
            .filter(|at| !idle[*at] && deeds.deeds[*at].needed && !deeds.deeds[*at].possible)
            .collect();
        // What cannot stop stays up, and what needs it may start beside it: whether that was
        // found out before or after its start was found impossible must not matter.
        let is_down = |at: &usize| {
            let what = deeds.deeds[*at].what;
            matches!(what, What::Stop(..) | What::Demote(..))
        };
        let is_known = new.is_empty();
        let downs_only = new.iter().any(is_down);
        for at in new.into_iter().filter(|at| !downs_only || is_down(at)) {
            let deed = &deeds.deeds[at];
            idle[at] = true;
            // That nothing follows from it any more does not make it possible.
            fresh[at].possible = false;
            fresh[at].hindered.clone_from(&deed.hindered);
        }
        if is_known || pass == PASSES_MAX {
            return;
        }
    }
}

/// What follows from each deed for the others. Nothing is needed for the sake of what is idle.
fn spread(scene: &Scene<'_>, deeds: &mut Deeds, idle: &[bool]) {
    let mut queue: VecDeque<DeedIx> = (0..deeds.deeds.len()).map(DeedIx).collect();
    let mut queued = vec![true; deeds.deeds.len()];
    while let Some(at) = queue.pop_front() {
        queued[at.0] = false;
        let mut changed = Vec::new();
        inside(scene, deeds, at, &mut changed);
        outgoing(scene, deeds, (at, idle[at.0]), &mut changed);
        incoming(scene, deeds, (at, idle[at.0]), &mut changed);
        for change in changed {
            for deed in touched(deeds, change) {
                if !queued[deed.0] {
                    queued[deed.0] = true;
                    queue.push_back(deed);
                }
            }
        }
    }
}

/// Whatever depends on a deed, and whatever is of the same part.
fn touched(deeds: &Deeds, at: DeedIx) -> Vec<DeedIx> {
    let mut touched = vec![at];
    touched.extend(deeds.out[at.0].iter().map(|edge| edge.to));
    touched.extend(deeds.into[at.0].iter().copied());
    if let Some(part) = part_of(deeds.get(at).what) {
        let own = &deeds.own[part.0];
        touched.extend(own.start);
        touched.extend(own.promote);
        touched.extend(own.stops.iter().chain(&own.demotes).map(|(_, deed)| *deed));
        // What starts or stops here opens or shuts what waits for it.
        let ends = own.start.iter().chain(&own.promote);
        for end in ends {
            touched.extend(deeds.out[end.0].iter().map(|edge| edge.to));
        }
    }
    touched
}

fn part_of(what: What) -> Option<PartIx> {
    match what {
        What::Start(part, _)
        | What::Stop(part, _)
        | What::Promote(part, _)
        | What::Demote(part, _) => Some(part),
        What::Gate => None,
    }
}

/// The changes that a rule makes, so that what depends on them is looked at again.
struct Change<'d, 's> {
    scene: &'d Scene<'s>,
    deeds: &'d mut Deeds,
    changed: &'d mut Vec<DeedIx>,
}

impl Change<'_, '_> {
    fn need(&mut self, at: DeedIx, because: StepReason) {
        // Whatever follows from what: only who was given the role is promoted.
        if let What::Promote(part, _) = self.deeds.get(at).what
            && self.scene.part(part).next_role != Some(Role::Promoted)
        {
            return;
        }
        if !self.deeds.get(at).needed {
            self.deeds.need(at, because);
            self.changed.push(at);
        }
    }

    fn hinder(&mut self, at: DeedIx, because: WaitReason) {
        // What a fence brings about, nothing hinders.
        if let What::Stop(_, node) | What::Demote(_, node) = self.deeds.get(at).what
            && self.scene.nodes[node.0].fenced
        {
            return;
        }
        if self.deeds.get(at).possible {
            self.deeds.hinder(at, because);
            self.changed.push(at);
        }
    }
}

/// Whether what a deed brings about is so at the end of the round.
pub(super) fn holds(scene: &Scene<'_>, deeds: &Deeds, at: DeedIx) -> bool {
    let deed = deeds.get(at);
    match deed.what {
        What::Start(part, _) => active_after(scene, deeds, part),
        What::Promote(part, _) => leads_after(scene, deeds, part),
        What::Stop(..) | What::Demote(..) => !deed.needed || deed.possible,
        What::Gate => deed.possible,
    }
}

/// Whether a single part is active where it should be at the end of the round.
pub(super) fn active_after(scene: &Scene<'_>, deeds: &Deeds, at: PartIx) -> bool {
    let part = scene.part(at);
    let Some(target) = part.place.node() else {
        return false;
    };
    let own = &deeds.own[at.0];
    let start = deeds.get(own.start.expect("single parts have one"));
    let stop = own.stops.iter().find(|(node, _)| *node == target);
    match stop {
        Some(_) if scene.nodes[target.0].fenced => false,
        Some(_) if part.blocked => false,
        Some((_, stop)) => {
            let stop = deeds.get(*stop);
            if stop.needed && stop.possible {
                start.possible
            } else {
                true
            }
        }
        None => start.possible,
    }
}

pub(super) fn leads_after(scene: &Scene<'_>, deeds: &Deeds, at: PartIx) -> bool {
    let part = scene.part(at);
    if !active_after(scene, deeds, at) || part.next_role != Some(Role::Promoted) {
        return false;
    }
    let own = &deeds.own[at.0];
    let target = part.place.node();
    let leads_now = part
        .here
        .iter()
        .any(|here| Some(here.node) == target && here.role == Role::Promoted);
    let given_up = own
        .demotes
        .iter()
        .chain(&own.stops)
        .any(|(node, deed)| Some(*node) == target && deeds.get(*deed).needed);
    if leads_now && !given_up {
        return true;
    }
    deeds
        .get(own.promote.expect("single parts have one"))
        .possible
}

/// What follows for the other deeds of the same part.
fn inside(scene: &Scene<'_>, deeds: &mut Deeds, at: DeedIx, changed: &mut Vec<DeedIx>) {
    let Some(at) = part_of(deeds.get(at).what) else {
        return;
    };
    // Lent out, so that the list need not be copied.
    let own = std::mem::take(&mut deeds.own[at.0]);
    let mut change = Change {
        scene,
        deeds,
        changed,
    };
    restart_where_it_is(&mut change, at, &own);
    wait_for_stuck_stops(&mut change, at, &own);
    demote_before_stops(&mut change, at, &own);
    if scene.part(at).next_role == Some(Role::Promoted) {
        promote_anew(&mut change, at, &own);
    }
    deeds.own[at.0] = own;
}

/// What starts where it is stops there first; what stops where it should be starts again;
/// and what may not start may not run on either.
fn restart_where_it_is(change: &mut Change<'_, '_>, at: PartIx, own: &Own) {
    let part = change.scene.part(at);
    let start = own.start.expect("single parts have one");
    let target = part.place.node();
    let Some((_, stop)) = own.stops.iter().find(|(node, _)| Some(*node) == target) else {
        return;
    };
    let because = change.deeds.get(start).because;
    if change.deeds.get(start).needed {
        change.need(*stop, because);
    }
    if !change.deeds.get(start).possible && part.managed && !part.blocked {
        let hindered = change.deeds.get(start).hindered.clone();
        change.need(*stop, unwanted_because(hindered));
    }
    let because = change.deeds.get(*stop).because;
    if change.deeds.get(*stop).needed && change.deeds.get(start).possible {
        change.need(start, because);
    }
}

/// Nothing starts while it cannot be stopped elsewhere.
fn wait_for_stuck_stops(change: &mut Change<'_, '_>, at: PartIx, own: &Own) {
    let target = change.scene.part(at).place.node();
    let stuck = own.stops.iter().find(|(node, stop)| {
        let stop = change.deeds.get(*stop);
        Some(*node) != target && stop.needed && !stop.possible
    });
    if let Some((_, stop)) = stuck {
        let hindered = change.deeds.get(*stop).hindered.clone();
        let start = own.start.expect("single parts have one");
        change.hinder(start, hindered.unwrap_or(WaitReason::Blocked));
    }
}

/// What leads is demoted before it stops.
fn demote_before_stops(change: &mut Change<'_, '_>, at: PartIx, own: &Own) {
    let part = change.scene.part(at);
    for (node, stop) in &own.stops {
        let leads = part
            .here
            .iter()
            .any(|here| here.node == *node && here.role == Role::Promoted);
        let because = change.deeds.get(*stop).because;
        // A stop that cannot be done takes no role away.
        if leads && change.deeds.get(*stop).needed && change.deeds.get(*stop).possible {
            for (_, demote) in own.demotes.iter().filter(|(other, _)| other == node) {
                change.need(*demote, because);
            }
        }
    }
}

/// What should lead and starts, or was demoted, is promoted; what may not be promoted may
/// not lead on either.
fn promote_anew(change: &mut Change<'_, '_>, at: PartIx, own: &Own) {
    let part = change.scene.part(at);
    let (start, promote) = (
        own.start.expect("single parts have one"),
        own.promote.expect("single parts have one"),
    );
    let because = change.deeds.get(start).because;
    if change.deeds.get(start).needed {
        change.need(promote, because);
    }
    let target = part.place.node();
    let Some((_, demote)) = own.demotes.iter().find(|(node, _)| Some(*node) == target) else {
        return;
    };
    let because = change.deeds.get(*demote).because;
    if change.deeds.get(*demote).needed {
        change.need(promote, because);
    }
    let may_lead = change.deeds.get(promote).possible;
    if leads_now(change.scene, at) && !may_lead && part.managed && !part.blocked {
        change.need(*demote, StepReason::Role);
    }
}

fn unwanted_because(hindered: Option<WaitReason>) -> StepReason {
    match hindered {
        Some(WaitReason::Needs(resource)) => StepReason::Needs(resource),
        _ => StepReason::Unwanted,
    }
}

/// What a deed means for later ones.
fn outgoing(
    scene: &Scene<'_>,
    deeds: &mut Deeds,
    (at, is_idle): (DeedIx, bool),
    changed: &mut Vec<DeedIx>,
) {
    let needed = deeds.get(at).needed && !is_idle;
    let held = holds(scene, deeds, at);
    if held && !needed {
        return;
    }
    let because = needs_reason(scene, deeds, at);
    let why = match (&deeds.get(at).hindered, because) {
        (Some(WaitReason::Unproven(node)), _) if deeds.get(at).what == What::Gate => {
            WaitReason::Unproven(*node)
        }
        (_, StepReason::Needs(resource)) => WaitReason::Needs(resource),
        _ => WaitReason::Blocked,
    };
    for edge in deeds.out[at.0].clone() {
        let mut change = Change {
            scene,
            deeds,
            changed,
        };
        let follows = edge.means.has(Means::FOLLOW)
            || (edge.means.has(Means::FOLLOW_MANAGED)
                && !is_left_alone(scene, change.deeds, edge.to));
        if follows && needed {
            change.need(edge.to, because);
        }
        if change.deeds.get(edge.to).enough.is_some() {
            continue;
        }
        if !held {
            let is_new = match change.deeds.get(edge.to).what {
                // What starts anew is as good as new.
                What::Start(part, _) => {
                    !active_now(scene, part) || change.deeds.get(edge.to).needed
                }
                What::Promote(part, _) => {
                    !leads_now(scene, part) || change.deeds.get(edge.to).needed
                }
                What::Stop(..) | What::Demote(..) | What::Gate => true,
            };
            let blocks =
                edge.means.has(Means::BLOCK) || (edge.means.has(Means::BLOCK_NEW) && is_new);
            if blocks {
                change.hinder(edge.to, why.clone());
            }
        }
    }
}

fn active_now(scene: &Scene<'_>, at: PartIx) -> bool {
    let part = scene.part(at);
    part.here
        .iter()
        .any(|here| Some(here.node) == part.place.node())
}

fn leads_now(scene: &Scene<'_>, at: PartIx) -> bool {
    let part = scene.part(at);
    part.here
        .iter()
        .any(|here| Some(here.node) == part.place.node() && here.role == Role::Promoted)
}

/// What nobody may touch is none of ours, unless a person must look at it.
fn is_left_alone(scene: &Scene<'_>, deeds: &Deeds, at: DeedIx) -> bool {
    let part = part_of(deeds.get(at).what).map(|part| scene.part(part));
    part.is_some_and(|part| !part.managed && !part.blocked)
}

fn needs_reason(scene: &Scene<'_>, deeds: &Deeds, at: DeedIx) -> StepReason {
    match part_of(deeds.get(at).what) {
        Some(part) => StepReason::Needs(scene.part(part).resource),
        None => match (&deeds.get(at).hindered, deeds.get(at).because) {
            (Some(WaitReason::Needs(resource)), _) => StepReason::Needs(*resource),
            (_, because) => because,
        },
    }
}

/// What a later deed means for this one's predecessors, and whether a gate still opens.
fn incoming(
    scene: &Scene<'_>,
    deeds: &mut Deeds,
    (at, is_idle): (DeedIx, bool),
    changed: &mut Vec<DeedIx>,
) {
    let needed = deeds.get(at).needed && !is_idle;
    if !needed && deeds.get(at).enough.is_none() {
        return;
    }
    let because = needs_reason(scene, deeds, at);
    let before = deeds.into[at.0].clone();
    if needed {
        for from in &before {
            let pulls = |means: Means| {
                let edges = deeds.out[from.0].iter();
                edges
                    .filter(|edge| edge.to == at)
                    .any(|edge| edge.means.has(means))
            };
            let asks_managed = || !is_left_alone(scene, deeds, *from);
            if pulls(Means::PULL) || (pulls(Means::PULL_MANAGED) && asks_managed()) {
                Change {
                    scene,
                    deeds,
                    changed,
                }
                .need(*from, because);
            }
        }
    }
    if let Some(enough) = deeds.get(at).enough {
        let held = before
            .iter()
            .filter(|from| {
                let counts = deeds.out[from.0]
                    .iter()
                    .any(|edge| edge.to == at && edge.means.has(Means::BLOCK));
                counts && holds(scene, deeds, **from)
            })
            .count();
        if held < enough {
            let why = before.first().map(|from| needs_reason(scene, deeds, *from));
            let why = match why {
                Some(StepReason::Needs(resource)) => WaitReason::Needs(resource),
                _ => WaitReason::Blocked,
            };
            Change {
                scene,
                deeds,
                changed,
            }
            .hinder(at, why);
        }
    }
}
