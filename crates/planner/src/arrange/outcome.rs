//! What comes of it: the steps, and where everything is afterwards.

use std::collections::BTreeSet;

use super::deeds::{DeedIx, Deeds, What};
use super::live::{Migration, migrations};
use super::scene::{PartIx, PartKind, Scene};
use super::settle::{active_after, leads_after};
use super::{Action, Arrangement, Fence, NodeIx, Placed, Role, Step, StepReason, Wait, WaitReason};

pub(super) fn outcome(scene: &Scene<'_>, deeds: &Deeds) -> Arrangement {
    let mut arrangement = Arrangement {
        fences: fences(scene),
        ..Arrangement::default()
    };
    let mut step_of: Vec<Option<usize>> = vec![None; deeds.deeds.len()];
    let migrating = migrations(scene, deeds);
    let mut live: Vec<LiveSteps> = Vec::new();
    for at in (0..scene.parts.len()).map(PartIx) {
        if matches!(scene.part(at).kind, PartKind::Single) {
            match migrating[at.0] {
                Some(migration) => {
                    let steps = migrate(
                        scene,
                        deeds,
                        (at, migration),
                        &mut arrangement,
                        &mut step_of,
                    );
                    live.push(steps);
                }
                None => steps_of(scene, deeds, at, &mut arrangement, &mut step_of),
            }
            arrangement.placed.extend(placed(scene, at));
            arrangement.after.extend(after(scene, deeds, at));
            arrangement.waits.extend(wait(scene, deeds, at));
        }
    }
    link_steps(deeds, &step_of, &live, &mut arrangement);
    arrangement
}

fn fences(scene: &Scene<'_>) -> Vec<Fence> {
    let nodes = scene.nodes.iter().enumerate();
    nodes
        .filter(|(_, node)| node.fenced)
        .filter_map(|(at, node)| {
            Some(Fence {
                node: NodeIx(at),
                because: node.unclean.clone()?,
            })
        })
        .collect()
}

fn steps_of(
    scene: &Scene<'_>,
    deeds: &Deeds,
    at: PartIx,
    arrangement: &mut Arrangement,
    step_of: &mut [Option<usize>],
) {
    let own = &deeds.own[at.0];
    let part = scene.part(at);
    let ups = own.start.iter().chain(&own.promote).copied();
    let downs = own.demotes.iter().chain(&own.stops).map(|(_, deed)| *deed);
    for deed in downs.chain(ups) {
        let Some((action, node)) = carried_out(scene, deeds, deed) else {
            continue;
        };
        step_of[deed.0] = Some(arrangement.steps.len());
        let goes_up = matches!(action, Action::Start | Action::Promote);
        arrangement.steps.push(Step {
            action,
            resource: part.resource,
            instance: part.instance,
            node,
            implied: scene.nodes[node.0].fenced,
            after: Vec::new(),
            after_fences: if goes_up {
                arrangement.fences.iter().map(|fence| fence.node).collect()
            } else {
                Vec::new()
            },
            because: deeds.get(deed).because,
        });
    }
}

/// The steps of a live migration: places in the list.
#[derive(Debug, Clone, Copy)]
struct LiveSteps {
    /// Absent where the source has sent already.
    send: Option<usize>,
    receive: usize,
    /// The stop at the source.
    release: usize,
    /// From where to where.
    way: (NodeIx, NodeIx),
}

/// The source sends, the target receives, then the source lets go.
fn migrate(
    scene: &Scene<'_>,
    deeds: &Deeds,
    (at, migration): (PartIx, Migration),
    arrangement: &mut Arrangement,
    step_of: &mut [Option<usize>],
) -> LiveSteps {
    let own = &deeds.own[at.0];
    let part = scene.part(at);
    let mut push = |action, node| {
        arrangement.steps.push(Step {
            action,
            resource: part.resource,
            instance: part.instance,
            node,
            implied: false,
            after: Vec::new(),
            after_fences: Vec::new(),
            because: StepReason::Moves,
        });
        arrangement.steps.len() - 1
    };
    let send = (!migration.half_done).then(|| push(Action::MigrateTo, migration.from));
    let receive = push(Action::MigrateFrom, migration.to);
    let release = push(Action::Stop, migration.from);
    if let Some(start) = own.start {
        step_of[start.0] = Some(receive);
    }
    for (_, stop) in own.stops.iter().filter(|(node, _)| *node == migration.from) {
        step_of[stop.0] = Some(release);
    }
    LiveSteps {
        send,
        receive,
        release,
        way: (migration.from, migration.to),
    }
}

/// What a deed comes to, if it is done in this round.
fn carried_out(scene: &Scene<'_>, deeds: &Deeds, at: DeedIx) -> Option<(Action, NodeIx)> {
    let deed = deeds.get(at);
    if !deed.needed || !deed.possible {
        return None;
    }
    match deed.what {
        // Where it is active it starts only after its stop.
        What::Start(part, Some(node)) => {
            let stops = deeds.own[part.0].stops.iter();
            let stays_up = stops
                .filter(|(other, _)| *other == node)
                .any(|(_, stop)| carried_out(scene, deeds, *stop).is_none());
            (!stays_up).then_some((Action::Start, node))
        }
        What::Stop(_, node) => Some((Action::Stop, node)),
        What::Promote(part, Some(node)) => {
            let promotes = active_after(scene, deeds, part) && !leads_on(scene, deeds, part, node);
            promotes.then_some((Action::Promote, node))
        }
        What::Demote(part, node) => {
            let leads =
                scene.part(part).here.iter().any(|here| {
                    here.node == node && (here.role == Role::Promoted || here.may_lead())
                });
            leads.then_some((Action::Demote, node))
        }
        What::Start(_, None) | What::Promote(_, None) | What::Gate => None,
    }
}

/// Whether it leads there and is neither demoted nor stopped: then there is nothing to give it.
fn leads_on(scene: &Scene<'_>, deeds: &Deeds, at: PartIx, node: NodeIx) -> bool {
    let own = &deeds.own[at.0];
    let mut here = scene.part(at).here.iter();
    let mut downs = own.demotes.iter().chain(&own.stops);
    here.any(|here| here.node == node && here.role == Role::Promoted)
        && !downs.any(|(other, deed)| *other == node && carried_out(scene, deeds, *deed).is_some())
}

fn placed(scene: &Scene<'_>, at: PartIx) -> Option<Placed> {
    let part = scene.part(at);
    Some(Placed {
        resource: part.resource,
        instance: part.instance,
        node: part.place.node()?,
        role: part.next_role.unwrap_or(Role::Started),
    })
}

fn after(scene: &Scene<'_>, deeds: &Deeds, at: PartIx) -> Vec<Placed> {
    let part = scene.part(at);
    let own = &deeds.own[at.0];
    let here_after = |node: NodeIx, role: Role| Placed {
        resource: part.resource,
        instance: part.instance,
        node,
        role,
    };
    let mut after = Vec::new();
    for here in &part.here {
        let is_done = |list: &[(NodeIx, DeedIx)]| {
            list.iter().any(|(node, deed)| {
                *node == here.node && carried_out(scene, deeds, *deed).is_some()
            })
        };
        if is_done(&own.stops) {
            continue;
        }
        let mut role = here.role;
        if is_done(&own.demotes) {
            role = Role::Unpromoted;
        }
        let promoted = own
            .promote
            .and_then(|deed| carried_out(scene, deeds, deed))
            .is_some_and(|(_, node)| node == here.node);
        if promoted {
            role = Role::Promoted;
        }
        if role == Role::Started {
            role = resting_role(scene, at);
        }
        after.push(here_after(here.node, role));
    }
    let started = own.start.and_then(|deed| carried_out(scene, deeds, deed));
    if let Some((_, node)) = started {
        let promoted = own
            .promote
            .and_then(|deed| carried_out(scene, deeds, deed))
            .is_some();
        let role = if promoted {
            Role::Promoted
        } else {
            resting_role(scene, at)
        };
        if after.iter().all(|placed| placed.node != node) {
            after.push(here_after(node, role));
        }
    }
    after
}

/// The role of what is active and does not lead.
fn resting_role(scene: &Scene<'_>, at: PartIx) -> Role {
    let rules = scene
        .clone_around(at)
        .and_then(|clone| scene.clone_rules(clone));
    match rules.and_then(|rules| rules.promotable) {
        Some(_) => Role::Unpromoted,
        None => Role::Started,
    }
}

fn wait(scene: &Scene<'_>, deeds: &Deeds, at: PartIx) -> Option<Wait> {
    let part = scene.part(at);
    let because = why_it_stays(deeds, at)
        .or_else(|| why_it_is_down(scene, deeds, at))
        .or_else(|| why_it_does_not_lead(scene, deeds, at))?;
    Some(Wait {
        resource: part.resource,
        instance: part.instance,
        because,
    })
}

/// Why something is active that should not be.
fn why_it_stays(deeds: &Deeds, at: PartIx) -> Option<WaitReason> {
    let own = &deeds.own[at.0];
    let mut downs = own.stops.iter().chain(&own.demotes);
    downs.find_map(|(_, deed)| {
        let deed = deeds.get(*deed);
        let is_stuck = deed.needed && !deed.possible;
        is_stuck.then(|| deed.hindered.clone().unwrap_or(WaitReason::Blocked))
    })
}

/// Why something does not lead that should.
fn why_it_does_not_lead(scene: &Scene<'_>, deeds: &Deeds, at: PartIx) -> Option<WaitReason> {
    let should = scene.part(at).next_role == Some(Role::Promoted);
    if !should || leads_after(scene, deeds, at) {
        return None;
    }
    let promote = deeds.get(deeds.own[at.0].promote?);
    promote.hindered.clone()
}

/// Why something is not active that should be.
fn why_it_is_down(scene: &Scene<'_>, deeds: &Deeds, at: PartIx) -> Option<WaitReason> {
    let part = scene.part(at);
    if part.surplus || active_after(scene, deeds, at) {
        return None;
    }
    let is_wanted = part.place.node().is_some() || !scene.is_wanted_nowhere(at);
    let start = deeds.get(deeds.own[at.0].start?);
    if !is_wanted {
        None
    } else if part.blocked {
        Some(WaitReason::Blocked)
    } else {
        start.hindered.clone()
    }
}

/// Steps that must have ended before a step: along the edges, through gates.
fn link_steps(
    deeds: &Deeds,
    step_of: &[Option<usize>],
    live: &[LiveSteps],
    arrangement: &mut Arrangement,
) {
    for (at, step) in step_of.iter().enumerate() {
        if let Some(step) = *step {
            arrangement.steps[step].after = steps_before(deeds, step_of, DeedIx(at));
        }
    }
    // What it is sent for must be there, and what needs it must be down.
    let mut before_sending: Vec<Vec<usize>> = Vec::new();
    for steps in live {
        let mut before = std::mem::take(&mut arrangement.steps[steps.receive].after);
        let lets_go = |of: &usize| live.iter().find(|other| other.release == *of);
        // What moves the same way lets go of its source later.
        before.retain(|earlier| lets_go(earlier).is_none_or(|other| other.way != steps.way));
        let release = &mut arrangement.steps[steps.release].after;
        before.extend(release.iter().filter(|earlier| lets_go(earlier).is_none()));
        release.push(steps.receive);
        release.sort_unstable();
        release.dedup();
        arrangement.steps[steps.receive].after.extend(steps.send);
        before_sending.push(before);
    }
    for (steps, mut before) in live.iter().zip(before_sending) {
        let first = steps.send.unwrap_or(steps.receive);
        // Who waits for this is not waited for.
        before.retain(|earlier| !waits_for(&arrangement.steps, *earlier, first));
        before.sort_unstable();
        before.dedup();
        arrangement.steps[first].after = before;
    }
}

/// Whether a step waits for another, directly or by way of others.
fn waits_for(steps: &[Step], at: usize, other: usize) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![at];
    while let Some(step) = open.pop() {
        if step == other {
            return true;
        }
        if seen.insert(step) {
            open.extend(&steps[step].after);
        }
    }
    false
}

fn steps_before(deeds: &Deeds, step_of: &[Option<usize>], at: DeedIx) -> Vec<usize> {
    let mut before = Vec::new();
    let mut seen = BTreeSet::from([at]);
    let mut open = deeds.before(at);
    while let Some(from) = open.pop() {
        if !seen.insert(from) {
            continue;
        }
        match (step_of[from.0], deeds.get(from).what) {
            (Some(earlier), _) => before.push(earlier),
            (None, What::Gate) => open.extend(deeds.before(from)),
            // What is not done holds nobody up.
            (None, What::Start(..) | What::Stop(..) | What::Promote(..) | What::Demote(..)) => {}
        }
    }
    before.sort_unstable();
    before.dedup();
    before.retain(|earlier| Some(*earlier) != step_of[at.0]);
    before
}
