//! Who beats to whom: everybody to everybody in a small cluster, a few each in a large one.

use std::collections::BTreeSet;

use model::NodeId;

/// Up to so many members everybody beats to everybody: 15 packets per interval and network.
/// Beyond, the packets of the whole cluster would grow with the square of its size.
pub const ALL_TO_ALL_MAX: usize = 16;

/// The members that `me` exchanges heartbeats with, itself not among them.
///
/// In a large cluster the members stand on a ring, in the order of their numbers, and each
/// has those as neighbours that stand 1, 2, 4, 8, ... places away on both sides. That is
/// mutual; from everywhere to everywhere it takes three steps among 64 members; each has 11
/// neighbours then, and no loss of fewer than that cuts off any of the others.
#[must_use]
pub fn of(me: NodeId, mut members: Vec<NodeId>) -> BTreeSet<NodeId> {
    members.sort_unstable();
    members.dedup();
    let count = members.len();
    let Ok(place) = members.binary_search(&me) else {
        return BTreeSet::new();
    };
    if count <= ALL_TO_ALL_MAX {
        return members.into_iter().filter(|id| *id != me).collect();
    }
    let steps = (0..usize::BITS)
        .map(|bit| 1_usize << bit)
        .take_while(|step| *step <= count / 2);
    steps
        .flat_map(|step| [(place + step) % count, (place + count - step) % count])
        .map(|at| members[at])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(count: u64) -> Vec<NodeId> {
        (1..=count).map(|id| NodeId(3 * id)).collect()
    }

    /// Who is reached from the first of those that are left.
    fn reached(left: &BTreeSet<NodeId>, all: &[NodeId]) -> BTreeSet<NodeId> {
        let mut reached = BTreeSet::new();
        let mut open: Vec<NodeId> = left.first().copied().into_iter().collect();
        while let Some(id) = open.pop() {
            if reached.insert(id) {
                let near = of(id, all.to_vec());
                open.extend(near.into_iter().filter(|other| left.contains(other)));
            }
        }
        reached
    }

    #[test]
    fn in_a_small_cluster_everybody_is_a_neighbour() {
        for count in 1..=ALL_TO_ALL_MAX as u64 {
            let all = members(count);
            assert_eq!(of(all[0], all.clone()).len() as u64, count - 1);
        }
    }

    #[test]
    fn neighbours_are_few_and_mutual() {
        for count in 17..=64 {
            let all = members(count);
            for id in &all {
                let near = of(*id, all.clone());
                assert!(near.len() <= 12, "{count}: {}", near.len());
                assert!(!near.contains(id));
                for other in near {
                    assert!(of(other, all.clone()).contains(id), "{count}: {other} {id}");
                }
            }
        }
    }

    #[test]
    fn losing_some_members_cuts_off_no_other() {
        let mut random: u64 = 7;
        for count in [17, 24, 33, 48, 64] {
            let all = members(count);
            for _ in 0..200 {
                let mut left: BTreeSet<NodeId> = all.iter().copied().collect();
                for _ in 0..count / 2 {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    left.remove(&all[(random % count) as usize]);
                }
                let together = reached(&left, &all);
                // Of a large random loss at most one may stand alone; it asks the others.
                assert!(left.len() <= together.len() + 1 || together.len() == 1);
            }
            for neighbour in of(all[5], all.clone()) {
                let left = all.iter().copied().filter(|id| *id != neighbour).collect();
                assert_eq!(reached(&left, &all), left);
            }
        }
    }

    #[test]
    fn a_stranger_has_no_neighbours() {
        assert!(of(NodeId(1), members(20)).is_empty());
    }
}
