//! Room on nodes, and who has a right to it before it is placed.
//!
//! What cannot be moved has its room from the beginning. What runs where it likes to be keeps its
//! room against what comes and matters no more: nothing is stopped so that its equal can have
//! its place. Only what must go where its company is comes all the same. What is held (see
//! `hold`) keeps its room, too.

use std::collections::BTreeSet;

use super::scene::{PartIx, Place, Scene};
use super::{NodeIx, OnFail, Placement, Score};

/// A part that asks for room.
pub(super) struct Asker<'s> {
    pub of: PartIx,
    /// Everything that is placed with it, itself included.
    pub with_it: &'s BTreeSet<PartIx>,
    /// It runs, and its company leaves no choice: then it does not yield to its equals.
    pub is_sent_away: bool,
}

impl Scene<'_> {
    /// Before anything is placed.
    pub fn keep_room(&mut self) {
        if self.wanted.policy.placement == Placement::Count {
            return;
        }
        for at in (0..self.parts.len()).map(PartIx) {
            if self.settings(at).utilization.is_empty() {
                continue;
            }
            if !self.is_free(at) || self.is_kept(at) {
                for here in self.part(at).here.clone() {
                    self.take_room(at, here.node);
                }
            } else if let Some(node) = self.residence(at) {
                self.part_mut(at).resides = Some(node);
                self.change_kept(at, node, 1);
            }
        }
    }

    /// Once a part is placed it keeps no room but that of its place.
    pub fn give_back_kept_room(&mut self, at: PartIx) {
        if let Some(node) = self.part_mut(at).resides.take() {
            self.change_kept(at, node, -1);
        }
    }

    fn change_kept(&mut self, at: PartIx, node: NodeIx, times: i64) {
        let settings = self.settings(at);
        let kept = self.nodes[node.0]
            .kept
            .entry(settings.priority)
            .or_default();
        for (good, amount) in &settings.utilization {
            *kept.entry(good.clone()).or_default() += times * amount;
        }
    }

    /// Where a single part runs, may go on running, and would rather be than elsewhere.
    fn residence(&self, at: PartIx) -> Option<NodeIx> {
        let part = self.part(at);
        let [here] = part.here.as_slice() else {
            return None;
        };
        let stays = here
            .failed
            .is_none_or(|failed| matches!(failed.answer, OnFail::Restart | OnFail::Ignore));
        let is_open = self.nodes[here.node.0].usable() && Score::ZERO <= part.scores[here.node.0];
        let better = (0..self.nodes.len())
            .any(|node| self.nodes[node].usable() && part.scores[here.node.0] < part.scores[node]);
        let is_resident =
            stays && !better && is_open && part.held.is_none() && !self.is_wanted_nowhere(at);
        is_resident.then_some(here.node)
    }

    pub fn take_room(&mut self, at: PartIx, node: NodeIx) {
        let utilization = &self.settings(at).utilization;
        let room = &mut self.nodes[node.0].room;
        for (good, amount) in utilization {
            *room.entry(good.clone()).or_default() -= amount;
        }
    }

    /// The room that a node has for somebody.
    pub fn room_left(&self, node: NodeIx, good: &String, asker: &Asker<'_>) -> i64 {
        let facts = &self.nodes[node.0];
        let room = facts.room.get(good).copied().unwrap_or(0);
        let held = self.held.iter().copied().filter(|held| {
            let hold = self.part(*held).held;
            hold.is_some_and(|hold| hold.node == node) && self.yields(asker.of, node, *held)
        });
        let held = held.filter(|held| {
            self.part(*held).place == Place::Undecided && !asker.with_it.contains(held)
        });
        let held: i64 = held.map(|held| self.use_of(held, good)).sum();
        let comes = self.part(asker.of).here.iter().all(|it| it.node != node);
        match comes && !asker.is_sent_away {
            true => room - held - self.kept_against(node, good, asker),
            false => room - held,
        }
    }

    /// The room that those keep who run on a node and matter as much, themselves not among those
    /// that come.
    fn kept_against(&self, node: NodeIx, good: &String, asker: &Asker<'_>) -> i64 {
        let priority = self.settings(asker.of).priority;
        let kept = self.nodes[node.0].kept.range(priority..);
        let kept = kept.filter_map(|(_, goods)| goods.get(good));
        let own = asker.with_it.iter().filter(|part| {
            self.part(**part).resides == Some(node) && priority <= self.settings(**part).priority
        });
        kept.sum::<i64>() - own.map(|part| self.use_of(*part, good)).sum::<i64>()
    }

    fn use_of(&self, at: PartIx, good: &String) -> i64 {
        let utilization = &self.settings(at).utilization;
        utilization.get(good).copied().unwrap_or(0)
    }

    /// Whether a part runs where it could go on, but for those it must be with or apart from.
    pub fn is_sent_away(&self, at: PartIx, scores: &[Score]) -> bool {
        let here = self.part(at).here.iter().map(|here| here.node.0);
        let mut usable = here.filter(|node| self.nodes[*node].usable()).peekable();
        usable.peek().is_some() && usable.all(|node| scores[node] < Score::ZERO)
    }
}
