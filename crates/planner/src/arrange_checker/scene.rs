//! What may be active where before the round, what is told of it after the round, and who
//! may be touched: everything that the rules speak of, read once.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::Tree;
use crate::arrange::{
    Action, Arrangement, FailedVerb, Found, NoQuorum, NodeIx, NodeObserved, NodeState, Observed,
    OnFail, Placed, ResourceIx, Role, Step, TicketLoss, UnderWay, Wanted,
};

/// One thing on one node. Instances that are alike are one thing on each node, whatever
/// their numbers; others are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    pub resource: ResourceIx,
    /// Of instances that differ; otherwise 0.
    pub number: u32,
    pub node: NodeIx,
}

impl Slot {
    /// Whether it is the same thing (perhaps on another node).
    pub fn is_same_thing(self, other: Self) -> bool {
        (self.resource, self.number) == (other.resource, other.number)
    }
}

/// What may be active in a slot before the round.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Before {
    /// The highest role in which it was found.
    pub role: Option<Role>,
    /// Whether it may lead.
    pub may_lead: bool,
    /// Whether something failed or is under way there, so that the role is hearsay.
    pub hearsay: bool,
    /// Whether it was on its way from one node to another, so that it is rightly on both.
    pub migrating: bool,
    /// Whether nobody may act on it.
    pub hands_off: bool,
    /// Whether nobody need act on it: as `hands_off`, and also where the place that was
    /// blocked is fenced in this round. What was blocked there is gone and may be had
    /// elsewhere; but a person who was to look may still look first.
    pub excused: bool,
    /// Whether it cannot be stopped in this round, so that it may stay where it is: nobody
    /// may act on it, its node cannot be reached, or something that must stop before it is
    /// stuck.
    pub stuck: bool,
}

#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub tree: Tree<'a>,
    pub wanted: &'a Wanted,
    pub observed: &'a Observed,
    pub arrangement: &'a Arrangement,
    pub before: BTreeMap<Slot, Before>,
    pub after: BTreeMap<Slot, Role>,
    pub placed: BTreeMap<Slot, Role>,
    fenced: BTreeSet<NodeIx>,
    /// For each step: the steps that have ended before it, and the nodes confirmed fenced.
    reach: Vec<(BTreeSet<usize>, BTreeSet<NodeIx>)>,
}

impl<'a> Scene<'a> {
    pub fn new(wanted: &'a Wanted, observed: &'a Observed, arrangement: &'a Arrangement) -> Self {
        let tree = Tree::new(wanted);
        let slots = |places: &[Placed]| {
            let mut slots = BTreeMap::new();
            for placed in places {
                let slot = slot_of(tree, (placed.resource, placed.instance, placed.node));
                slots.insert(slot, placed.role);
            }
            slots
        };
        let mut scene = Self {
            tree,
            wanted,
            observed,
            arrangement,
            before: BTreeMap::new(),
            after: slots(&arrangement.after),
            placed: slots(&arrangement.placed),
            fenced: arrangement.fences.iter().map(|fence| fence.node).collect(),
            reach: reach(arrangement),
        };
        scene.read_found();
        scene.mark_hands_off();
        scene.mark_stuck();
        scene
    }

    pub fn show(&self, slot: Slot) -> String {
        let name = self.tree.name(slot.resource);
        let node = self.tree.node_name(slot.node);
        if self.tree.is_unique(slot.resource) {
            format!("{name}:{} on {node}", slot.number)
        } else {
            format!("{name} on {node}")
        }
    }

    pub fn node(&self, at: NodeIx) -> &'a NodeObserved {
        &self.observed.nodes[at.0]
    }

    pub fn nodes(&self) -> impl Iterator<Item = NodeIx> + use<> {
        (0..self.observed.nodes.len()).map(NodeIx)
    }

    pub fn is_fenced(&self, node: NodeIx) -> bool {
        self.fenced.contains(&node)
    }

    /// Whether a node may run anything, for all that is known: it is lost, or was never
    /// seen. Without fencing there is no such thing: the configuration says that what is
    /// lost is dead.
    pub fn is_unproven(&self, node: NodeIx) -> bool {
        let seen = self.node(node);
        let policy = &self.wanted.policy;
        let never_seen = !seen.seen && policy.startup_fencing && seen.state == NodeState::Offline;
        policy.fencing && (seen.unclean || never_seen)
    }

    /// Whether nothing is active there any more, whatever was found: it has left in peace,
    /// or it is lost and taken for dead.
    pub fn is_gone(&self, node: NodeIx) -> bool {
        self.node(node).state == NodeState::Offline && !self.is_unproven(node)
    }

    /// Whether an agent can be run there.
    pub fn can_act(&self, node: NodeIx) -> bool {
        let seen = self.node(node);
        seen.state == NodeState::Online && !seen.maintenance
    }

    /// Whether a node should be fenced: if it cannot be, nothing is expected of it either.
    pub fn is_condemned(&self, node: NodeIx) -> bool {
        let seen = self.node(node);
        let failed = self.observed.found.iter().any(|found| {
            found.node == node
                && found
                    .failed
                    .is_some_and(|failed| failed.answer == OnFail::Fence)
        });
        let by_policy = !self.observed.quorate && self.wanted.policy.no_quorum == NoQuorum::Fence;
        let by_ticket = self.wanted.ticket_rules.iter().any(|rule| {
            let active = |slot: &Slot| {
                slot.node == node && self.tree.chain(slot.resource).contains(&rule.resource)
            };
            rule.on_loss == TicketLoss::Fence
                && !self.observed.tickets[rule.ticket.0].granted
                && self.before.keys().any(active)
        });
        seen.unclean || seen.asked_to_fence || failed || by_policy || by_ticket
    }

    pub fn has_quorum(&self) -> bool {
        self.observed.quorate || self.wanted.policy.no_quorum == NoQuorum::Ignore
    }

    /// Whether the configuration forbids to touch it, wherever it is.
    pub fn is_left_alone(&self, resource: ResourceIx) -> bool {
        let settings = self.tree.settings(resource);
        let policy = &self.wanted.policy;
        let kept_orphan = self.tree.resource(resource).removed && !policy.stop_removed;
        policy.maintenance || !settings.managed || settings.maintenance || kept_orphan
    }

    pub fn steps(&self) -> impl Iterator<Item = (usize, &'a Step, Slot)> + use<'a> {
        let tree = self.tree;
        let steps = self.arrangement.steps.iter().enumerate();
        steps.map(move |(at, step)| {
            (
                at,
                step,
                slot_of(tree, (step.resource, step.instance, step.node)),
            )
        })
    }

    pub fn step_in(&self, slot: Slot, action: Action) -> Option<usize> {
        self.steps()
            .find(|(_, step, of)| *of == slot && step.action == action)
            .map(|(at, _, _)| at)
    }

    /// Whether `first` has ended when `then` begins, in every order that is allowed.
    pub fn precedes(&self, first: usize, then: usize) -> bool {
        self.reach[then].0.contains(&first)
    }

    /// Whether a node is confirmed fenced when a step begins.
    pub fn fenced_before(&self, node: NodeIx, step: usize) -> bool {
        self.reach[step].1.contains(&node)
    }

    /// Whether something comes to be active in a slot in this round.
    pub fn begins(&self, slot: Slot) -> bool {
        [Action::Start, Action::MigrateFrom]
            .into_iter()
            .any(|action| self.step_in(slot, action).is_some())
    }

    pub fn is_stuck(&self, slot: Slot) -> bool {
        self.before.get(&slot).is_some_and(|before| before.stuck)
    }

    /// What is active after the round and could have been otherwise.
    pub fn free_after(&self) -> impl Iterator<Item = (Slot, Role)> + '_ {
        let all = self.after.iter().map(|(slot, role)| (*slot, *role));
        all.filter(|(slot, _)| !self.is_stuck(*slot) || self.begins(*slot))
    }

    /// What is meant to be active and can be.
    pub fn free_placed(&self) -> impl Iterator<Item = (Slot, Role)> + '_ {
        let held = |slot: &Slot| {
            let mut twins = self.before.iter().filter(|(other, _)| {
                *other == slot || (!self.is_counted(slot.resource) && other.is_same_thing(*slot))
            });
            self.is_stuck(*slot) || twins.any(|(_, before)| before.excused)
        };
        let all = self.placed.iter().map(|(slot, role)| (*slot, *role));
        all.filter(move |(slot, _)| !held(slot))
    }

    /// Whether two slots belong to the same instance of a clone, or, of different clones, to
    /// instances that are neighbours: on one node.
    pub fn is_same_instance(&self, one: Slot, other: Slot) -> bool {
        let one_clone = self.tree.top(one.resource) == self.tree.top(other.resource);
        let told_apart = one_clone && self.tree.is_unique(one.resource);
        one.node == other.node && (!told_apart || one.number == other.number)
    }

    fn read_found(&mut self) {
        for found in &self.observed.found {
            if !is_maybe_active(found) {
                continue;
            }
            let key = (found.resource, found.instance.unwrap_or(0), found.node);
            self.note(key, before_of(found));
            let elsewhere = match found.under_way {
                Some(UnderWay::MigrateTo { target }) => target,
                Some(UnderWay::MigrateFrom { source }) => source,
                Some(UnderWay::Start | UnderWay::Stop | UnderWay::Promote | UnderWay::Demote)
                | None => continue,
            };
            // What is found in both places by itself, and one of them is dead, is in one.
            let is_known = self.observed.found.iter().any(|other| {
                (other.resource, other.instance, other.node)
                    == (found.resource, found.instance, elsewhere)
                    && is_maybe_active(other)
            });
            let hearsay = Before {
                hearsay: true,
                migrating: !is_known || !self.is_gone(found.node),
                ..Before::default()
            };
            self.note((key.0, key.1, elsewhere), hearsay);
        }
    }

    fn note(&mut self, key: (ResourceIx, u32, NodeIx), new: Before) {
        if self.is_gone(key.2) {
            return;
        }
        let known = self.before.entry(slot_of(self.tree, key)).or_default();
        known.role = known.role.max(new.role);
        known.may_lead |= new.may_lead;
        known.hearsay |= new.hearsay;
        known.migrating |= new.migrating;
        known.hands_off |= new.hands_off;
    }

    /// Whether instances are counted rather than told apart.
    pub fn is_counted(&self, resource: ResourceIx) -> bool {
        self.tree.is_cloned(resource) && !self.tree.is_unique(resource)
    }
}

pub(super) fn slot_of(tree: Tree<'_>, key: (ResourceIx, u32, NodeIx)) -> Slot {
    let (resource, instance, node) = key;
    Slot {
        resource,
        number: if tree.is_unique(resource) {
            instance
        } else {
            0
        },
        node,
    }
}

/// Whether it may be active there: it was found active, it is on its way in or out, or it
/// failed to stop or to leave.
fn is_maybe_active(found: &Found) -> bool {
    let failed_to_go = found.failed.is_some_and(|failed| {
        failed.answer != OnFail::Ignore
            && matches!(failed.in_what, FailedVerb::Stop | FailedVerb::Migrate)
    });
    found.role.is_some() || found.under_way.is_some() || failed_to_go
}

fn before_of(found: &Found) -> Before {
    // What is ignored counts as done.
    let role_failed = found.failed.is_some_and(|failed| {
        failed.answer != OnFail::Ignore
            && matches!(failed.in_what, FailedVerb::Promote | FailedVerb::Demote)
    });
    let role_under_way = matches!(found.under_way, Some(UnderWay::Promote | UnderWay::Demote));
    let migrating = matches!(
        found.under_way,
        Some(UnderWay::MigrateTo { .. } | UnderWay::MigrateFrom { .. })
    );
    Before {
        role: found.role,
        may_lead: found.role == Some(Role::Promoted) || role_failed || role_under_way,
        hearsay: found.failed.is_some() || found.under_way.is_some(),
        migrating,
        hands_off: found
            .failed
            .is_some_and(|failed| failed.answer == OnFail::Block),
        excused: false,
        stuck: false,
    }
}

/// What has ended when each step begins. A step that is true because a node is fenced is
/// true no sooner than that fence is confirmed. (Links were found to make no circle.)
fn reach(arrangement: &Arrangement) -> Vec<(BTreeSet<usize>, BTreeSet<NodeIx>)> {
    let steps = &arrangement.steps;
    let mut reach: Vec<Option<(BTreeSet<usize>, BTreeSet<NodeIx>)>> = vec![None; steps.len()];
    let mut stack: Vec<usize> = (0..steps.len()).collect();
    while let Some(&at) = stack.last() {
        if reach[at].is_some() {
            stack.pop();
            continue;
        }
        let open: Vec<usize> = steps[at]
            .after
            .iter()
            .copied()
            .filter(|&before| reach[before].is_none())
            .collect();
        if !open.is_empty() {
            stack.extend(open);
            continue;
        }
        let mut ended: BTreeSet<usize> = steps[at].after.iter().copied().collect();
        let mut fenced: BTreeSet<NodeIx> = steps[at].after_fences.iter().copied().collect();
        for &before in &steps[at].after {
            let (steps_before, fences_before) =
                reach[before].as_ref().expect("it was asked for above");
            ended.extend(steps_before);
            fenced.extend(fences_before);
            if steps[before].implied {
                fenced.insert(steps[before].node);
            }
        }
        reach[at] = Some((ended, fenced));
        stack.pop();
    }
    reach
        .into_iter()
        .map(|done| done.expect("each was on the stack"))
        .collect()
}
