//! Who may be touched, and what cannot be stopped in this round.

use std::collections::BTreeSet;

use super::scene::{Scene, Slot, slot_of};
use crate::arrange::{
    FailedVerb, MultipleActive, Order, OrderKind, ResourceIx, Role, TicketLoss, Verb,
};

impl Scene<'_> {
    /// Nobody may act on what is unmanaged, in maintenance (itself, its node or the
    /// cluster), blocked after a failure, active twice where that blocks, or frozen because
    /// its ticket is lost. One place where that is so holds for all places of a thing: to
    /// act on one of them is to decide which of them lives.
    pub fn mark_hands_off(&mut self) {
        let slots: Vec<Slot> = self.before.keys().copied().collect();
        let everywhere = |slot: &Slot| self.is_left_alone(slot.resource) || self.is_frozen(*slot);
        let with_twins = |held: &dyn Fn(&Slot) -> bool| -> BTreeSet<Slot> {
            let holds = |slot: &&Slot| {
                let counted = self.is_counted(slot.resource);
                let twin = |other: &&Slot| !counted && other.is_same_thing(**slot);
                let held_there = |other: &Slot| held(other) || self.is_frozen(*other);
                everywhere(slot) || held(slot) || slots.iter().filter(twin).any(held_there)
            };
            slots.iter().filter(holds).copied().collect()
        };
        let hands_off = with_twins(&|slot| !self.is_fenced(slot.node) && self.is_held(slot, false));
        let excused = with_twins(&|slot| self.is_held(slot, true));
        for slot in slots {
            let before = self.before.entry(slot).or_default();
            before.hands_off = hands_off.contains(&slot);
            before.excused = excused.contains(&slot);
        }
    }

    /// Whether something about this place forbids to act on it.
    fn is_held(&self, slot: &Slot, with_fenced: bool) -> bool {
        let before = &self.before[slot];
        let found = before.role.is_some();
        let settings = self.tree.settings(slot.resource);
        let twins = || {
            let all = self.before.iter();
            all.filter(|(other, _)| other.is_same_thing(*slot) && other.node != slot.node)
        };
        // A migration has two ends: what is in a third place too is active twice.
        let is_moving = before.migrating || twins().any(|(_, twin)| twin.migrating);
        let moving = is_moving && twins().count() < 2;
        let twice = settings.multiple_active == MultipleActive::Block
            && !moving
            && !self.is_counted(slot.resource)
            && twins().any(|(other, twin)| {
                twin.role.is_some() && (with_fenced || !self.is_fenced(other.node))
            });
        before.hands_off || (found && self.node(slot.node).maintenance) || (found && twice)
    }

    /// A lost ticket may leave what needs it as it is: what leads, where it is needed for
    /// that alone. What was not found leading is not: that a promotion of it failed is a
    /// reason to stop it rather than one to keep it.
    fn is_frozen(&self, slot: Slot) -> bool {
        let chain = self.tree.chain(slot.resource);
        self.wanted.ticket_rules.iter().any(|rule| {
            let needs = {
                let role = self.before[&slot].role;
                rule.role != Some(Role::Promoted) || role == Some(Role::Promoted)
            };
            rule.on_loss == TicketLoss::Freeze
                && needs
                && chain.contains(&rule.resource)
                && !self.observed.tickets[rule.ticket.0].granted
        })
    }

    /// What cannot be stopped may stay; and what must stop after it stays too. A member of
    /// a group with a member that is active twice and blocked may be left alone with it.
    pub fn mark_stuck(&mut self) {
        let slots: Vec<Slot> = self.before.keys().copied().collect();
        let failed_stops: BTreeSet<Slot> = self
            .observed
            .found
            .iter()
            .filter(|found| {
                found
                    .failed
                    .is_some_and(|failed| failed.in_what == FailedVerb::Stop)
            })
            .map(|found| {
                let key = (found.resource, found.instance.unwrap_or(0), found.node);
                slot_of(self.tree, key)
            })
            .collect();
        let mut stuck: BTreeSet<Slot> = slots
            .iter()
            .copied()
            .filter(|slot| {
                !self.is_fenced(slot.node)
                    && (self.before[slot].excused
                        || !self.can_act(slot.node)
                        || self.is_condemned(slot.node)
                        || failed_stops.contains(slot))
            })
            .collect();
        loop {
            let more: Vec<Slot> = slots
                .iter()
                .copied()
                .filter(|slot| !stuck.contains(slot) && !self.is_fenced(slot.node))
                .filter(|slot| {
                    self.has_late_undoing(*slot)
                        || stuck.iter().any(|other| self.undone_after(*slot, *other))
                })
                .collect();
            if more.is_empty() {
                break;
            }
            stuck.extend(more);
        }
        for slot in stuck {
            self.before.entry(slot).or_default().stuck = true;
        }
    }

    /// Whether `slot` can be undone (stopped, demoted) only after `other` was.
    fn undone_after(&self, slot: Slot, other: Slot) -> bool {
        // What is said of a part of a clone is said of the clone.
        let spoken_of = |whole: ResourceIx| match self.tree.is_cloned(whole) {
            true => self.tree.top(whole),
            false => whole,
        };
        let holds =
            |whole: ResourceIx, part: ResourceIx| self.tree.chain(part).contains(&spoken_of(whole));
        let by_order = self.wanted.orders.iter().any(|order| {
            order.kind == OrderKind::Mandatory
                && order.symmetrical
                && holds(order.first, slot.resource)
                && holds(order.then, other.resource)
        });
        let by_set = self.wanted.some_before.iter().any(|some| {
            some.symmetrical
                && some
                    .firsts
                    .iter()
                    .any(|(first, _)| holds(*first, slot.resource))
                && some
                    .thens
                    .iter()
                    .any(|(then, _)| holds(*then, other.resource))
        });
        // Members of one group: the later ones stop first (a parent stands before its
        // children, and its children in start order is how `members` lists them); one that is
        // active twice and blocked may keep all.
        let blocks = self.tree.settings(other.resource).multiple_active == MultipleActive::Block;
        let by_group = self
            .tree
            .members_around(slot.resource)
            .is_some_and(|members| {
                let place = |at: ResourceIx| members.iter().position(|member| *member == at);
                match (place(slot.resource), place(other.resource)) {
                    (Some(own), Some(of_other)) => own < of_other || (blocks && own != of_other),
                    (None, _) | (_, None) => false,
                }
            });
        // Of an instance that is told apart, a later member holds up those before it wherever
        // in the cluster they are: who knows which of them it stands on.
        let is_one_number = self.tree.is_unique(slot.resource) && slot.number == other.number;
        let near = !self.tree.is_cloned(slot.resource)
            || is_one_number
            || self.is_same_instance(slot, other);
        by_order || by_set || (by_group && near)
    }

    /// Whether an order lets it stop (or be demoted) only after something else was done,
    /// which may be impossible.
    fn has_late_undoing(&self, slot: Slot) -> bool {
        let chain = self.tree.chain(slot.resource);
        let undoes = |verb: Verb| matches!(verb, Verb::Stop | Verb::Demote);
        let by_order = |order: &Order| {
            let forward = undoes(order.then_verb) && chain.contains(&order.then);
            let reverse = order.symmetrical
                && !undoes(order.first_verb)
                && undoes(order.then_verb)
                && chain.contains(&order.first);
            order.kind == OrderKind::Mandatory && (forward || reverse)
        };
        let by_set = self.wanted.some_before.iter().any(|some| {
            some.thens
                .iter()
                .any(|(then, verb)| undoes(*verb) && chain.contains(then))
        });
        by_set || self.wanted.orders.iter().any(by_order)
    }
}
