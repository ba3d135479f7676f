//! A clone keeps to its number at every moment, not only at the end of a round.

use std::collections::BTreeMap;

use super::deeds::{DeedIx, Deeds, End, Means};
use super::scene::{PartIx, PartKind, Scene};
use super::{ResourceIx, WaitReason};

/// What begins and what goes, of one single resource in a clone.
#[derive(Debug, Default)]
struct Change {
    /// Active now, or placed, or both.
    at_once: usize,
    begins: Vec<PartIx>,
    /// The stops of what has no place any more.
    ends: Vec<DeedIx>,
}

/// Where those that come and those that go would be too many together, what comes to a node waits
/// until all that go have gone.
pub(super) fn numbers(scene: &Scene<'_>, deeds: &mut Deeds) {
    for part in &scene.parts {
        let PartKind::Clone { instances, max } = &part.kind else {
            continue;
        };
        for (resource, change) in changes(scene, deeds, instances) {
            if *max < change.at_once {
                one_after_the_other(deeds, resource, &change);
            }
        }
    }
}

fn changes(scene: &Scene<'_>, deeds: &Deeds, instances: &[PartIx]) -> BTreeMap<ResourceIx, Change> {
    let mut changes: BTreeMap<ResourceIx, Change> = BTreeMap::new();
    for single in instances.iter().flat_map(|at| scene.singles(*at)) {
        let part = scene.part(single);
        let change = changes.entry(part.resource).or_default();
        let is_placed = part.place.node().is_some();
        change.at_once += usize::from(is_placed || !part.here.is_empty());
        let stays = part
            .here
            .iter()
            .any(|here| Some(here.node) == part.place.node());
        if is_placed && !stays {
            change.begins.push(single);
        } else if !is_placed {
            change.ends.extend(deeds.stops(single, End::Completion));
        }
    }
    changes
}

fn one_after_the_other(deeds: &mut Deeds, resource: ResourceIx, change: &Change) {
    for begin in &change.begins {
        let start = deeds.starts(*begin, End::Beginning);
        for stop in &change.ends {
            if deeds.comes_before(start, *stop) {
                // Orders ask for the start first: there is no moment for it.
                deeds.hinder(start, WaitReason::Needs(resource));
            } else {
                deeds.edge(*stop, start, Means::BLOCK_NEW);
            }
        }
    }
}
