//! Live migration: which moves need no stop.

use std::cmp::Reverse;

use super::deeds::{DeedIx, Deeds, Means, What, is_half_migrated};
use super::scene::{Here, PartIx, PartKind, Scene};
use super::{NodeIx, UnderWay};

/// A move without a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Migration {
    pub from: NodeIx,
    pub to: NodeIx,
    /// The source has done its share already.
    pub half_done: bool,
}

/// For each part, how it migrates, if it does.
pub(super) fn migrations(scene: &Scene<'_>, deeds: &Deeds) -> Vec<Option<Migration>> {
    let mut found: Vec<Option<Migration>> = (0..scene.parts.len())
        .map(|at| candidate(scene, deeds, PartIx(at)))
        .collect();
    // What needs something that starts anew must be down meanwhile. Each round takes one out
    // at least, so this ends.
    loop {
        let hindered: Vec<usize> = (0..found.len())
            .filter(|at| {
                found[*at].is_some_and(|migration| {
                    needs_a_start(deeds, PartIx(*at), &found)
                        || waits_for_its_own_stop((scene, deeds), (PartIx(*at), migration), &found)
                })
            })
            .collect();
        if hindered.is_empty() {
            return found;
        }
        for at in hindered {
            found[at] = None;
        }
    }
}

fn candidate(scene: &Scene<'_>, deeds: &Deeds, at: PartIx) -> Option<Migration> {
    let part = scene.part(at);
    let is_single = matches!(part.kind, PartKind::Single);
    if !is_single || !part.managed || part.blocked || !scene.settings(at).live_migration {
        return None;
    }
    let to = part.place.node()?;
    // It has arrived: only the source has to let go.
    let has_arrived = part
        .here
        .iter()
        .any(|here| here.node == to && here.under_way.is_none());
    if has_arrived {
        return None;
    }
    let own = &deeds.own[at.0];
    let start = deeds.get(own.start?);
    if !start.possible {
        return None;
    }
    let source = match part.here.as_slice() {
        [only] if only.node != to => only,
        _ if is_half_migrated(part) => half_way(&part.here, to)?,
        _ => return None,
    };
    let stops = own.stops.iter();
    let stop_needed = stops
        .filter(|(node, _)| *node == source.node)
        .all(|(_, stop)| deeds.get(*stop).needed && deeds.get(*stop).possible);
    let is_well = source.failed.is_none() && scene.nodes[source.node.0].reachable();
    let is_half = source.under_way == Some(UnderWay::MigrateTo { target: to });
    (stop_needed && is_well && scene.nodes[to.0].usable()).then_some(Migration {
        from: source.node,
        to,
        half_done: is_half,
    })
}

/// The source of a migration to that node which has begun.
fn half_way(here: &[Here], to: NodeIx) -> Option<&Here> {
    here.iter()
        .find(|here| here.node != to && here.under_way == Some(UnderWay::MigrateTo { target: to }))
}

/// Whether something that it cannot be without starts in this round.
fn needs_a_start(deeds: &Deeds, at: PartIx, migrating: &[Option<Migration>]) -> bool {
    let Some(start) = deeds.own[at.0].start else {
        return false;
    };
    let mut seen = vec![start];
    let mut open = vec![start];
    while let Some(to) = open.pop() {
        for from in &deeds.into[to.0] {
            if seen.contains(from) || !blocks(deeds, *from, to) {
                continue;
            }
            seen.push(*from);
            match deeds.get(*from).what {
                What::Start(part, _) => {
                    let deed = deeds.get(*from);
                    if deed.needed && deed.possible && migrating[part.0].is_none() {
                        return true;
                    }
                }
                What::Gate => open.push(*from),
                What::Stop(..) | What::Promote(..) | What::Demote(..) => {}
            }
        }
    }
    false
}

/// Whether what must stop before it can come stops only after it has gone: then it cannot be
/// in both places meanwhile. (What moves the same way lets go later.)
fn waits_for_its_own_stop(
    (scene, deeds): (&Scene<'_>, &Deeds),
    (at, own_way): (PartIx, Migration),
    migrating: &[Option<Migration>],
) -> bool {
    let own = &deeds.own[at.0];
    let release = own.stops.iter().find(|(node, _)| *node == own_way.from);
    let (Some(start), Some((_, release))) = (own.start, release) else {
        return false;
    };
    let rank = |part: PartIx| (Reverse(scene.settings(part).priority), part);
    let mut seen = vec![start];
    let mut open = vec![start];
    while let Some(to) = open.pop() {
        for before in deeds.before(to) {
            if seen.contains(&before) {
                continue;
            }
            seen.push(before);
            let deed = deeds.get(before);
            match deed.what {
                What::Stop(part, _) => {
                    let is_done = deed.needed && deed.possible;
                    let other_way = migrating[part.0];
                    let is_other = part != at && other_way.is_none();
                    // Of two that change places the less important one gives way.
                    let swaps = other_way
                        .is_some_and(|way| (way.from, way.to) == (own_way.to, own_way.from));
                    if is_done && is_other && deeds.comes_before(*release, before) {
                        return true;
                    }
                    if is_done && swaps && rank(part) < rank(at) {
                        return true;
                    }
                }
                What::Gate => open.push(before),
                What::Start(..) | What::Promote(..) | What::Demote(..) => {}
            }
        }
    }
    false
}

fn blocks(deeds: &Deeds, from: DeedIx, to: DeedIx) -> bool {
    let edges = deeds.out[from.0].iter();
    edges
        .filter(|edge| edge.to == to)
        .any(|edge| edge.means.has(Means::BLOCK) || edge.means.has(Means::BLOCK_NEW))
}
