//! Whether there is an even split, and who of the half acts in it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use model::plant::{self, Plant};
use model::{BootId, Instant, NodeId};

use super::{Condition, Facts, Leadership, Standing, Waits};

/// An even split in which this node may take part.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Situation {
    /// The other half: the boot of each that must be proven ended, and since when it is lost.
    pub(super) absent: BTreeMap<NodeId, (BootId, Instant)>,
}

/// The voters by how they are.
#[derive(Default)]
struct Sorted {
    here: BTreeSet<NodeId>,
    absent: BTreeMap<NodeId, (BootId, Instant)>,
    daemon_down: BTreeSet<NodeId>,
    unknown: BTreeSet<NodeId>,
}

pub(super) fn of(facts: &Facts) -> Result<Situation, Waits> {
    match facts.leadership {
        Leadership::Quorate => return Err(Waits::Nothing),
        Leadership::Absent => {}
    }
    if !facts.voters.contains(&facts.me) && !facts.joining.contains(&facts.me) {
        return Err(Waits::NoVoter);
    }
    let sorted = sort(facts);
    let (here, voters) = (sorted.here.len(), facts.voters.len());
    if voters < here * 2 {
        return Err(Waits::Nothing);
    }
    let any = plant::is(Plant::MinorityForces);
    if voters % 2 == 1 && !any {
        return Err(Waits::OddVoters { here, voters });
    }
    if here * 2 < voters && !any {
        return Err(Waits::NotHalf { here, voters });
    }
    if !sorted.unknown.is_empty() || !sorted.daemon_down.is_empty() {
        return Err(Waits::Peers {
            unknown: sorted.unknown,
            daemon_down: sorted.daemon_down,
        });
    }
    match facts.standing {
        Standing::Unproven => return Err(Waits::NoStanding),
        Standing::Proven => {}
    }
    Ok(Situation {
        absent: sorted.absent,
    })
}

/// Who acts for the half: the voter with the longest log, since nobody votes for a shorter one;
/// the lowest of several. It is exact once all have said where their logs end.
pub(super) struct Actor {
    pub(super) node: NodeId,
    pub(super) is_exact: bool,
}

pub(super) fn actor(facts: &Facts, here: &BTreeSet<NodeId>) -> Actor {
    let ends = here.iter().map(|node| (facts.log_ends.get(node), *node));
    let best = ends.max_by_key(|(end, node)| (*end, Reverse(*node)));
    Actor {
        node: best.map_or(facts.me, |(_, node)| node),
        is_exact: here.iter().all(|node| facts.log_ends.contains_key(node)),
    }
}

fn sort(facts: &Facts) -> Sorted {
    let mut sorted = Sorted::default();
    for &voter in &facts.voters {
        if voter == facts.me {
            sorted.here.insert(voter);
            continue;
        }
        let condition = (facts.others.get(&voter)).map(|other| other.condition);
        match condition.unwrap_or(Condition::Unknown) {
            Condition::Alive { .. } => {
                sorted.here.insert(voter);
            }
            Condition::Lost { boot, since } => {
                sorted.absent.insert(voter, (boot, since));
            }
            Condition::DaemonDown => {
                sorted.daemon_down.insert(voter);
            }
            Condition::Unknown => {
                sorted.unknown.insert(voter);
            }
        }
    }
    sorted
}
