//! What comes of it: the steps, and where everything is afterwards.

use super::deeds::{DeedIx, Deeds, What};
use super::live::{Migration, migrations};
use super::scene::{PartIx, PartKind, Scene};
use super::settle::active_after;
use super::{Action, Arrangement, Fence, NodeIx, Placed, Role, Step, StepReason, Wait, WaitReason};

pub(super) fn outcome(scene: &Scene<'_>, deeds: &Deeds) -> Arrangement {
    let mut arrangement = Arrangement {
        fences: fences(scene),
        ..Arrangement::default()
    };
    let mut step_of: Vec<Option<usize>> = vec![None; deeds.deeds.len()];
    let migrating = migrations(scene, deeds);
    for at in (0..scene.parts.len()).map(PartIx) {
        if matches!(scene.part(at).kind, PartKind::Single) {
            match migrating[at.0] {
                Some(migration) => {
                    migrate(
                        scene,
                        deeds,
                        (at, migration),
                        &mut arrangement,
                        &mut step_of,
                    );
                }
                None => steps_of(scene, deeds, at, &mut arrangement, &mut step_of),
            }
            arrangement.placed.extend(placed(scene, at));
            arrangement.after.extend(after(scene, deeds, at));
            arrangement.waits.extend(wait(scene, deeds, at));
        }
    }
    link_steps(deeds, &step_of, &mut arrangement);
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

/// The source sends, the target receives, then the source lets go.
fn migrate(
    scene: &Scene<'_>,
    deeds: &Deeds,
    (at, migration): (PartIx, Migration),
    arrangement: &mut Arrangement,
    step_of: &mut [Option<usize>],
) {
    let own = &deeds.own[at.0];
    let part = scene.part(at);
    let mut push = |action, node, after: Vec<usize>| {
        arrangement.steps.push(Step {
            action,
            resource: part.resource,
            instance: part.instance,
            node,
            implied: false,
            after,
            after_fences: Vec::new(),
            because: StepReason::Moves,
        });
        arrangement.steps.len() - 1
    };
    let mut last = Vec::new();
    if !migration.half_done {
        last = vec![push(Action::MigrateTo, migration.from, last)];
    }
    last = vec![push(Action::MigrateFrom, migration.to, last)];
    if let Some(start) = own.start {
        step_of[start.0] = Some(last[0]);
    }
    for (node, stop) in &own.stops {
        if *node != migration.to {
            step_of[stop.0] = Some(push(Action::Stop, *node, last.clone()));
        }
    }
}

/// What a deed comes to, if it is done in this round.
fn carried_out(scene: &Scene<'_>, deeds: &Deeds, at: DeedIx) -> Option<(Action, NodeIx)> {
    let deed = deeds.get(at);
    if !deed.needed || !deed.possible {
        return None;
    }
    match deed.what {
        What::Start(_, Some(node)) => Some((Action::Start, node)),
        What::Stop(_, node) => Some((Action::Stop, node)),
        What::Promote(part, Some(node)) => {
            active_after(scene, deeds, part).then_some((Action::Promote, node))
        }
        What::Demote(part, node) => {
            let leads = scene
                .part(part)
                .here
                .iter()
                .any(|here| here.node == node && here.role == Role::Promoted);
            leads.then_some((Action::Demote, node))
        }
        What::Start(_, None) | What::Promote(_, None) | What::Gate => None,
    }
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
    if part.surplus || active_after(scene, deeds, at) {
        return None;
    }
    let start = deeds.get(deeds.own[at.0].start?);
    let because = if part.place.node().is_none() && scene.is_wanted_nowhere(at) {
        return None;
    } else if part.blocked {
        WaitReason::Blocked
    } else {
        start.hindered.clone()?
    };
    Some(Wait {
        resource: part.resource,
        instance: part.instance,
        because,
    })
}

/// Steps that must have ended before a step: along the edges, through gates.
fn link_steps(deeds: &Deeds, step_of: &[Option<usize>], arrangement: &mut Arrangement) {
    for (at, step) in step_of.iter().enumerate() {
        let Some(step) = *step else { continue };
        let mut before = Vec::new();
        let mut seen = vec![DeedIx(at)];
        let mut open: Vec<DeedIx> = deeds.before(DeedIx(at));
        while let Some(from) = open.pop() {
            if seen.contains(&from) {
                continue;
            }
            seen.push(from);
            match step_of[from.0] {
                Some(earlier) => before.push(earlier),
                None => open.extend(deeds.before(from)),
            }
        }
        before.sort_unstable();
        before.dedup();
        before.retain(|earlier| *earlier != step);
        // A migration lets go of the source last, although the target counts as started.
        let own = &mut arrangement.steps[step].after;
        if own.is_empty() {
            *own = before;
        }
    }
}
