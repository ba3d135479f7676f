//! Looking ahead: what the next rounds would take back is not begun.
//!
//! Each round is decided from what is seen, and nothing is remembered between two of them. Where
//! wishes contradict each other, or room is given to whoever comes first, two rounds could
//! undo each other for ever. So whenever a round would stop or demote something that could
//! stay, the next rounds are played, as if all went well. Do they come to rest, the
//! round is as good as any. Do they come back to where they were, whatever would change in that
//! circle is *held* where it is now, and the round is decided once more.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Action, Arrangement, BUSY_WITH_ONE_MORE, FailedVerb, Found, Kind, NodeIx, NodeState, Observed,
    OnFail, Placed, ResourceIx, Role, StepReason, Target, Wanted,
};

/// Rounds that are played. A circle of three rounds after two that lead into it is the longest
/// that was seen in random clusters.
const ROUNDS_MAX: usize = 8;

/// How often more is held. Each time it is more than before, and mostly once is enough.
const TRIES_MAX: usize = 4;

/// Something that is active: which single resource, which instance if they differ, where,
/// and how.
pub(super) type Fact = (ResourceIx, Option<u32>, NodeIx, Role);

/// The same, in whatever role.
pub(super) type Spot = (ResourceIx, Option<u32>, NodeIx);

/// What is held in a round.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Held {
    /// What stays where it is, as far as it may.
    pub facts: BTreeSet<Fact>,
    /// What is active at some time in the circle: only that may take the room of what is held,
    /// if it matters more. What could not start anyway takes no room from what runs.
    pub rivals: BTreeSet<Spot>,
}

/// The round to be carried out: the one that `decide` makes of what is seen, unless it
/// would be taken back.
pub(super) fn look_ahead(
    wanted: &Wanted,
    observed: &Observed,
    decide: impl Fn(&Observed, &Held) -> Arrangement,
) -> Arrangement {
    let mut held = Held::default();
    let mut round = decide(observed, &held);
    if !gives_up_what_could_stay(wanted, observed, &round) {
        return round;
    }
    let future = Future {
        unique: (0..wanted.resources.len())
            .map(|at| is_unique(wanted, ResourceIx(at)))
            .collect(),
    };
    let now = future.facts(observed);
    let mut first = None;
    for _ in 0..TRIES_MAX {
        let Some(circle) = future.circle(observed, &round, |later| decide(later, &held)) else {
            break;
        };
        let mut more = Held {
            facts: held.facts.clone(),
            rivals: spots(&circle),
        };
        let changing = changing(&circle).into_iter();
        more.facts
            .extend(changing.filter(|fact| now.contains(fact)));
        if more == held {
            break;
        }
        held = more;
        first.get_or_insert_with(|| round.placed.clone());
        round = decide(observed, &held);
    }
    round.taken_back = taken_back(first.unwrap_or_default(), &held, &round.placed);
    round
}

/// The places that the first answer gave to what is held, and the last one does not.
fn taken_back(mut first: Vec<Placed>, held: &Held, last: &[Placed]) -> Vec<Placed> {
    first.retain(|placed| {
        let mut facts = held.facts.iter();
        facts.any(|(resource, ..)| *resource == placed.resource) && !last.contains(placed)
    });
    first
}

/// Whether a round stops or demotes something for a mere preference, or for the sake of
/// something else: on a node that could go on running it.
fn gives_up_what_could_stay(wanted: &Wanted, observed: &Observed, round: &Arrangement) -> bool {
    let mut downs = round.steps.iter().filter(|step| {
        let settings = &wanted.resources[step.resource.0].settings;
        let node = &observed.nodes[step.node.0];
        let is_down = matches!(step.action, Action::Stop | Action::Demote);
        let is_for_others = !matches!(
            step.because,
            StepReason::Failed | StepReason::ActiveTwice | StepReason::NodeFenced(_)
        );
        let could_stay = node.state == NodeState::Online
            && !node.standby
            && !node.shutdown
            && !wanted.resources[step.resource.0].removed
            && settings.target != Target::Stopped;
        is_down && !step.implied && is_for_others && could_stay
    });
    downs.any(|step| {
        let mut after = round.after.iter();
        !after.any(|placed| {
            (placed.resource, placed.instance, placed.node)
                == (step.resource, step.instance, step.node)
                && (step.action == Action::Stop || placed.role == Role::Promoted)
        })
    })
}

/// Whether a resource is in a clone whose instances differ.
pub(super) fn is_unique(wanted: &Wanted, at: ResourceIx) -> bool {
    let mut up = Some(at);
    while let Some(at) = up {
        let resource = &wanted.resources[at.0];
        if let Kind::Clone { rules, .. } = &resource.kind {
            return rules.unique;
        }
        up = resource.parent;
    }
    false
}

/// Rounds that are played and not carried out.
struct Future {
    /// By resource: whether it is in a clone whose instances differ.
    unique: Vec<bool>,
}

impl Future {
    fn fact(&self, (at, number, node, role): Fact) -> Fact {
        (at, number.filter(|_| self.unique[at.0]), node, role)
    }

    /// What is active, sorted.
    fn facts(&self, observed: &Observed) -> BTreeSet<Fact> {
        let found = observed.found.iter();
        found
            .filter_map(|found| {
                Some(self.fact((found.resource, found.instance, found.node, found.role?)))
            })
            .collect()
    }

    /// What is active at each time in the circle that begins with a round, or into which it
    /// leads; nothing: it comes to rest, or no circle is in sight.
    fn circle(
        &self,
        observed: &Observed,
        first: &Arrangement,
        decide: impl Fn(&Observed) -> Arrangement,
    ) -> Option<Vec<BTreeSet<Fact>>> {
        let mut states = vec![self.facts(observed)];
        let mut now = self.after(observed, first);
        for _ in 0..ROUNDS_MAX {
            let facts = self.facts(&now);
            if let Some(begin) = states.iter().position(|earlier| *earlier == facts) {
                return Some(states.split_off(begin));
            }
            states.push(facts);
            let round = decide(&now);
            if round.steps.is_empty() && round.fences.is_empty() {
                break;
            }
            now = self.after(&now, &round);
        }
        None
    }

    /// What is seen once a round was carried out with success.
    fn after(&self, observed: &Observed, round: &Arrangement) -> Observed {
        let fenced: BTreeSet<NodeIx> = round.fences.iter().map(|fence| fence.node).collect();
        let mut nodes = observed.nodes.clone();
        for node in &fenced {
            let node = &mut nodes[node.0];
            node.state = NodeState::Offline;
            node.seen = true;
            node.unclean = false;
            node.asked_to_fence = false;
            node.shutdown = false;
        }
        for placed in came(observed, round) {
            let busy = &mut nodes[placed.node.0].busy;
            *busy = busy.saturating_add(BUSY_WITH_ONE_MORE);
        }
        let failures = observed.failures.iter();
        let wishes = observed.promotion_scores.iter();
        Observed {
            quorate: observed.quorate,
            nodes,
            found: self.found_after(observed, round, &fenced),
            failures: failures
                .filter(|failure| !fenced.contains(&failure.node))
                .cloned()
                .collect(),
            promotion_scores: wishes
                .filter(|wish| !fenced.contains(&wish.node))
                .cloned()
                .collect(),
            tickets: observed.tickets.clone(),
        }
    }

    /// What is active afterwards, with the failures that nothing was done about; and those
    /// whose answer lasts although it is not active any more.
    fn found_after(
        &self,
        observed: &Observed,
        round: &Arrangement,
        fenced: &BTreeSet<NodeIx>,
    ) -> Vec<Found> {
        let spot = |at: ResourceIx, number: Option<u32>, node: NodeIx| -> Spot {
            (at, number.filter(|_| self.unique[at.0]), node)
        };
        let acted: BTreeSet<Spot> = round
            .steps
            .iter()
            .filter(|step| step.action != Action::MigrateTo)
            .map(|step| spot(step.resource, Some(step.instance), step.node))
            .collect();
        let failed = observed.found.iter().filter(|found| found.failed.is_some());
        let failed: BTreeMap<Spot, &Found> = failed
            .map(|found| (spot(found.resource, found.instance, found.node), found))
            .collect();
        let spot_of = |placed: &Placed| spot(placed.resource, Some(placed.instance), placed.node);
        let mut found: Vec<Found> = round
            .after
            .iter()
            .map(|placed| {
                let at = spot_of(placed);
                Found {
                    resource: placed.resource,
                    instance: Some(placed.instance),
                    node: placed.node,
                    role: Some(placed.role),
                    failed: failed
                        .get(&at)
                        .and_then(|old| old.failed)
                        .filter(|_| !acted.contains(&at)),
                    under_way: None,
                }
            })
            .collect();
        let active: BTreeSet<Spot> = round.after.iter().map(spot_of).collect();
        let gone = failed
            .into_iter()
            .filter(|(at, old)| !active.contains(at) && !fenced.contains(&old.node));
        found.extend(gone.filter(|(_, old)| lasts(old)).map(|(_, old)| Found {
            role: None,
            under_way: None,
            ..old.clone()
        }));
        found
    }
}

/// What was not on its node before a round, and is there afterwards.
fn came<'a>(observed: &Observed, round: &'a Arrangement) -> Vec<&'a Placed> {
    let mut there: BTreeMap<(ResourceIx, NodeIx), usize> = BTreeMap::new();
    for found in observed.found.iter().filter(|found| found.role.is_some()) {
        *there.entry((found.resource, found.node)).or_default() += 1;
    }
    let mut is_new = |placed: &&Placed| {
        let spot = (placed.resource, placed.node);
        let left = there.get_mut(&spot).filter(|left| 0 < **left);
        left.map(|left| *left -= 1).is_none()
    };
    round.after.iter().filter(|placed| is_new(placed)).collect()
}

/// Whether the answer to a failure lasts when the thing is not active any more.
fn lasts(found: &Found) -> bool {
    found.failed.is_some_and(|failed| {
        let bars = matches!(failed.answer, OnFail::Stop | OnFail::Move | OnFail::Standby);
        bars && failed.in_what != FailedVerb::Stop
    })
}

fn spots(states: &[BTreeSet<Fact>]) -> BTreeSet<Spot> {
    let facts = states.iter().flatten();
    facts
        .map(|(at, number, node, _)| (*at, *number, *node))
        .collect()
}

/// What is in some of the states, and not in all.
fn changing(states: &[BTreeSet<Fact>]) -> BTreeSet<Fact> {
    let all: BTreeSet<Fact> = states.iter().flatten().copied().collect();
    all.into_iter()
        .filter(|fact| !states.iter().all(|state| state.contains(fact)))
        .collect()
}

#[cfg(test)]
mod tests;
