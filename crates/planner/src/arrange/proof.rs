//! What starts only once it is proven that lost nodes run nothing, where nobody can be fenced
//! to prove it.

use super::deeds::{DeedIx, Deeds, End, Means};
use super::scene::{PartIx, PartKind, Scene};
use super::{FenceReason, NoQuorum, NodeIx, Requires, WaitReason};

/// Nothing new starts that asks for fencing while a lost node cannot be fenced; nor what asks
/// for a quorum while one that was never seen cannot. (Where fences can be had, each start
/// waits for them; what a partition without quorum may do is said elsewhere.)
pub(super) fn proof(scene: &Scene<'_>, deeds: &mut Deeds) {
    let policy = &scene.wanted.policy;
    let decides = scene.observed.quorate || policy.no_quorum == NoQuorum::Ignore;
    if !policy.fencing || policy.can_fence() || !decides {
        return;
    }
    let lost = first_of(scene, |because| {
        matches!(because, FenceReason::Lost | FenceReason::NeverSeen)
    });
    let never_seen = first_of(scene, |because| *because == FenceReason::NeverSeen);
    let lost = lost.map(|node| missing_proof(deeds, node));
    let never_seen = never_seen.map(|node| missing_proof(deeds, node));
    for at in (0..scene.parts.len()).map(PartIx) {
        if !matches!(scene.part(at).kind, PartKind::Single) {
            continue;
        }
        let missing = match scene.settings(at).requires {
            Requires::Nothing => None,
            Requires::Quorum => never_seen,
            Requires::Fencing => lost,
        };
        if let Some(missing) = missing {
            let start = deeds.starts(at, End::Beginning);
            deeds.edge(missing, start, Means::BLOCK_NEW);
        }
    }
}

fn first_of(scene: &Scene<'_>, fits: impl Fn(&FenceReason) -> bool) -> Option<NodeIx> {
    let mut nodes = scene.nodes.iter();
    let place = nodes.position(|node| node.unclean.as_ref().is_some_and(&fits));
    place.map(NodeIx)
}

/// A moment that does not come in this round.
fn missing_proof(deeds: &mut Deeds, node: NodeIx) -> DeedIx {
    let gate = deeds.gate(Some(1));
    deeds.hinder(gate, WaitReason::Unproven(node));
    gate
}
