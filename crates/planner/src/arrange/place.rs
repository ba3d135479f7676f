//! Placing: parts in order of priority, each after those that it follows.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::relate::Weighing;
use super::room::Asker;
use super::scene::{PartIx, PartKind, Place, Scene};
use super::{
    BUSY_WITH_ONE_MORE, MultipleActive, NodeIx, OnFail, OrderKind, Placement, Role, Score, Target,
    Verb,
};

pub(super) fn place(scene: &mut Scene<'_>) {
    scene.keep_room();
    for root in order(scene) {
        scene.assign(root);
    }
}

/// Higher priority first. Where room counts, those that have most to lose by waiting follow.
fn order(scene: &mut Scene<'_>) -> Vec<PartIx> {
    let mut roots = scene.roots.clone();
    roots.sort_by_key(|root| Reverse(scene.settings(*root).priority));
    if scene.wanted.policy.placement == Placement::Count {
        return roots;
    }
    let keys: Vec<(Vec<Score>, Option<NodeIx>)> = roots
        .iter()
        .map(|root| {
            let mut scores = vec![Score::ZERO; scene.nodes.len()];
            let weighing = Weighing {
                attribute: None,
                factor: 1.0,
                keeps_good: false,
            };
            scene.add_wishes(*root, &mut scores, weighing);
            // What it must be with says where it can be.
            for link in scene.links_followed_by(*root) {
                if link.score.is_must() && link.attribute.is_none() {
                    scene.add_wishes(link.primary, &mut scores, weighing);
                }
            }
            let here = scene.active_nodes(*root).first().copied();
            (scores, here)
        })
        .collect();
    let mut nodes: Vec<NodeIx> = (0..scene.nodes.len()).map(NodeIx).collect();
    nodes.sort_by_key(|node| (!scene.nodes[node.0].usable(), scene.nodes[node.0].rank));
    let mut ranked: Vec<usize> = (0..roots.len()).collect();
    ranked.sort_by(|a, b| {
        let priority = |at: usize| Reverse(scene.settings(roots[at]).priority);
        let at_home = |at: usize| {
            let (scores, here) = &keys[at];
            Reverse(here.map(|here| scores[here.0]))
        };
        let by_node = || {
            nodes
                .iter()
                .map(|node| Reverse(keys[*a].0[node.0]).cmp(&Reverse(keys[*b].0[node.0])))
                .find(|order| order.is_ne())
                .unwrap_or(std::cmp::Ordering::Equal)
        };
        priority(*a)
            .cmp(&priority(*b))
            .then_with(|| at_home(*a).cmp(&at_home(*b)))
            .then_with(by_node)
    });
    let ranked: Vec<PartIx> = ranked.into_iter().map(|at| roots[at]).collect();
    needed_first(scene, &ranked)
}

/// What is needed is placed before what needs it, and matters as much: else room would be
/// given to what cannot run.
fn needed_first(scene: &Scene<'_>, ranked: &[PartIx]) -> Vec<PartIx> {
    let mut needs: BTreeMap<PartIx, Vec<PartIx>> = BTreeMap::new();
    for order in &scene.wanted.orders {
        if order.kind != OrderKind::Mandatory || !matches!(order.first_verb, Verb::Start) {
            continue;
        }
        let root = |resource| scene.spoken_of(resource).map(|part| scene.root_of(part));
        if let (Some(first), Some(then)) = (root(order.first), root(order.then))
            && first != then
        {
            needs.entry(then).or_default().push(first);
        }
    }
    let mut placed = Vec::with_capacity(ranked.len());
    let mut seen = BTreeSet::new();
    for root in ranked {
        // Depth first; a circle ends where it began.
        let mut open = vec![(*root, false)];
        while let Some((at, is_ready)) = open.pop() {
            if is_ready {
                placed.push(at);
            } else if seen.insert(at) {
                open.push((at, true));
                let needed = needs.get(&at).into_iter().flatten();
                open.extend(needed.map(|needed| (*needed, false)));
            }
        }
    }
    placed
}

impl Scene<'_> {
    /// Places a part, whatever around it has to be placed with it, and before it whatever it
    /// follows.
    pub fn assign(&mut self, at: PartIx) {
        if self.part(at).place != Place::Undecided || self.part(at).busy {
            return;
        }
        if let Some(parent) = self.part(at).parent
            && !self.part(parent).busy
            && self.part(parent).place == Place::Undecided
        {
            self.assign(parent);
            return;
        }
        self.part_mut(at).busy = true;
        match &self.part(at).kind {
            PartKind::Single => {
                self.assign_single(at, None, &[]);
            }
            PartKind::Group { members, .. } => {
                for member in members.clone() {
                    self.assign_single(member, None, &[]);
                }
                self.part_mut(at).place = Place::Nowhere;
            }
            PartKind::Clone { .. } => self.assign_clone(at),
        }
        self.part_mut(at).busy = false;
    }

    /// Places a single part, on no closed node. With a wish, there or, if another node is
    /// better, not at all: then it says where it would have gone.
    pub fn assign_single(
        &mut self,
        at: PartIx,
        wished: Option<NodeIx>,
        closed: &[NodeIx],
    ) -> Option<NodeIx> {
        if self.part(at).place != Place::Undecided {
            return self.part(at).place.node();
        }
        self.part_mut(at).busy = true;
        let scores = self.weighed(at, closed);
        self.part_mut(at).busy = false;
        let node = self.decide(at, &scores, wished);
        if wished.is_none() || node == wished {
            self.settle(at, node);
        }
        node
    }

    /// The scores of a single part with all colocations weighed. A wish to be with or apart
    /// from something does not keep it from the last node that is open.
    fn weighed(&mut self, at: PartIx, closed: &[NodeIx]) -> Vec<Score> {
        for link in self.links_followed_by(at) {
            self.assign(link.primary);
        }
        let mut scores = self.part(at).scores.clone();
        let links = self.links_followed_by(at);
        // Who follows only in a role has its say when roles are given.
        let (absolute, wished): (Vec<_>, Vec<_>) = links
            .into_iter()
            .filter(|link| matches!(link.dependent_role, None | Some(Role::Started)))
            .partition(super::relate::Link::is_absolute);
        for link in absolute {
            self.heed_primary(at, &link, &mut scores);
        }
        self.heed_dependents(at, &mut scores);
        self.heed_held(at, &mut scores);
        for node in closed {
            scores[node.0] = Score::MINUS_INFINITY;
        }
        for link in wished {
            self.heed_primary(at, &link, &mut scores);
        }
        scores
    }

    fn decide(&self, at: PartIx, scores: &[Score], wished: Option<NodeIx>) -> Option<NodeIx> {
        let part = self.part(at);
        if !self.is_free(at) {
            // Of several places the best counts as its place: not the first one in a list.
            let here = part.here.iter().map(|here| here.node);
            let held = self.held_followers(at);
            return here
                .filter(|node| !self.nodes[node.0].fenced)
                .min_by(|a, b| {
                    (held.contains(b).cmp(&held.contains(a)))
                        .then_with(|| self.compare_places(at, (*a, *b), scores))
                });
        }
        if self.is_wanted_nowhere(at) {
            return None;
        }
        if let Some(hold) = self.part(at).held
            && self.may_stay(at, hold.node, scores)
        {
            return Some(hold.node);
        }
        self.beside_what_is_held(at, scores)
            .or_else(|| self.choose(at, scores, wished))
    }

    /// What runs nowhere goes where something is held that must be with it.
    fn beside_what_is_held(&self, at: PartIx, scores: &[Score]) -> Option<NodeIx> {
        let mut here = self.part(at).here.iter();
        if here.any(|here| self.nodes[here.node.0].usable()) {
            return None;
        }
        let followers = self.held_followers(at).into_iter();
        followers
            .filter(|node| self.may_stay(at, *node, scores))
            .min_by_key(|node| self.nodes[node.0].rank)
    }

    /// Whether a node is open to a part for which wishes do not count, and has room for it.
    fn may_stay(&self, at: PartIx, node: NodeIx, scores: &[Score]) -> bool {
        let has_room = || {
            let asker = Asker {
                of: at,
                with_it: &BTreeSet::from([at]),
                is_sent_away: false,
            };
            let mut needs = self.settings(at).utilization.iter();
            self.wanted.policy.placement == Placement::Count
                || needs.all(|(good, amount)| *amount <= self.room_left(node, good, &asker))
        };
        // Wishes have had their say: what is held hears only what must be.
        self.nodes[node.0].usable()
            && Score::ZERO <= self.part(at).scores[node.0]
            && !scores[node.0].is_never()
            && has_room()
    }

    /// Whether a single part is not to run, whatever the scores.
    pub fn is_wanted_nowhere(&self, at: PartIx) -> bool {
        let settings = self.settings(at);
        let part = self.part(at);
        let failed_for_good = part.here.iter().any(|here| {
            here.failed
                .is_some_and(|failed| failed.answer == OnFail::Stop)
        });
        let stops_doubles =
            1 < part.here.len() && settings.multiple_active == MultipleActive::StopOnly;
        settings.target == Target::Stopped
            || self.wanted.policy.stop_all
            || part.surplus
            || failed_for_good
            || stops_doubles
    }

    /// Decides where a single part goes.
    pub fn settle(&mut self, at: PartIx, node: Option<NodeIx>) {
        self.give_back_kept_room(at);
        let Some(node) = node else {
            self.part_mut(at).place = Place::Nowhere;
            return;
        };
        self.part_mut(at).place = Place::On(node);
        self.nodes[node.0].placed += 1;
        if !self.part(at).here.iter().any(|here| here.node == node) {
            let busy = &mut self.nodes[node.0].busy;
            *busy = busy.saturating_add(BUSY_WITH_ONE_MORE);
        }
        if self.is_free(at) {
            self.take_room(at, node);
        }
    }
}
