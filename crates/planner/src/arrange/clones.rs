//! Placing the instances of a clone: as many as are wanted, at most so many on a node, and
//! without moving what can stay.

use std::cmp::Reverse;

use super::scene::{PartIx, PartKind, Place, Scene};
use super::{NodeIx, Score};

impl Scene<'_> {
    pub fn assign_clone(&mut self, at: PartIx) {
        for link in self.links_followed_by(at) {
            self.assign(link.primary);
        }
        let own = self.part(at).scores.clone();
        let mut scores = own.clone();
        self.heed_dependents(at, &mut scores);
        self.part_mut(at).scores = scores;
        let rules = self.clone_rules(at).expect("it is a clone");
        if rules.promotable.is_some() {
            self.add_promotion_scores(at);
        }
        let PartKind::Clone { instances, max } = &self.part(at).kind else {
            unreachable!("it is a clone")
        };
        let (instances, max) = (instances.clone(), *max);
        let mut round = Round {
            counts: vec![0; self.nodes.len()],
            per_node: rules.per_node as usize,
            left: max,
        };
        let instances = self.sorted_instances(at, instances);
        self.count_what_is_stuck(&instances, &mut round);
        self.keep_where_they_are(&instances, &mut round, max);
        for instance in instances {
            self.place_instance(instance, &mut round);
        }
        self.part_mut(at).place = Place::Nowhere;
        if rules.promotable.is_some() {
            self.give_roles(at, &own);
        }
    }

    /// What nobody may touch, or can reach, stays and takes its share.
    fn count_what_is_stuck(&mut self, instances: &[PartIx], round: &mut Round) {
        let stuck = instances.iter().filter(|at| self.is_stuck(**at));
        let stuck: Vec<(PartIx, Vec<NodeIx>)> =
            stuck.map(|at| (*at, self.active_nodes(*at))).collect();
        // All of them first: what is free in one has no place where others are anyway.
        for node in stuck.iter().flat_map(|(_, nodes)| nodes) {
            round.counts[node.0] += 1;
        }
        for (instance, mut nodes) in stuck {
            for node in &nodes {
                round.counts[node.0] -= 1;
            }
            self.place_what_is_free(instance, &nodes, round);
            let singles = self.singles(instance);
            nodes.extend(
                singles
                    .iter()
                    .filter_map(|single| self.part(*single).place.node()),
            );
            nodes.sort_unstable();
            nodes.dedup();
            round.left = round.left.saturating_sub(1);
            for node in nodes {
                round.counts[node.0] += 1;
            }
        }
    }

    /// Whether an instance is active, and somebody keeps his hands on a part of it or nobody
    /// can reach it.
    fn is_stuck(&self, instance: PartIx) -> bool {
        let nodes = self.active_nodes(instance);
        !nodes.is_empty() && (!self.is_managed_all(instance) || self.is_out_of_reach(&nodes))
    }

    fn is_out_of_reach(&self, nodes: &[NodeIx]) -> bool {
        nodes.iter().any(|node| {
            let facts = &self.nodes[node.0];
            !facts.reachable() && !facts.fenced
        })
    }

    /// What is free in an instance does not go where the rest of it cannot be.
    fn place_what_is_free(&mut self, instance: PartIx, nodes: &[NodeIx], round: &Round) {
        if self.is_out_of_reach(nodes) {
            for single in self.singles(instance) {
                if self.is_managed_all(single) {
                    self.settle(single, None);
                }
            }
        }
        let nodes_all = (0..self.nodes.len()).map(NodeIx);
        let elsewhere: Vec<NodeIx> = match self.is_torn_apart(instance) {
            true => Vec::new(),
            false => nodes_all.filter(|node| !nodes.contains(node)).collect(),
        };
        self.mark_surplus(instance, round);
        self.try_instance(instance, None, round, &elsewhere);
    }

    /// Whether the members of an instance need not be together.
    fn is_torn_apart(&self, instance: PartIx) -> bool {
        matches!(
            self.part(instance).kind,
            PartKind::Group {
                together: false,
                ..
            }
        )
    }

    /// Then those that stay where they are: an instance stays if the nodes that it likes
    /// better can be served by instances that are still to be placed.
    fn keep_where_they_are(&mut self, instances: &[PartIx], round: &mut Round, max: usize) {
        // Nodes that are barred for all of them take no share.
        let is_open = |node: &usize| {
            let mut firsts = instances.iter().map(|instance| self.singles(*instance)[0]);
            self.nodes[*node].usable()
                && firsts.any(|first| Score::ZERO <= self.part(first).scores[*node])
        };
        let open = (0..self.nodes.len()).filter(is_open).count();
        let share = max.div_ceil(open.max(1)).max(1);
        for instance in instances {
            let [here] = self.active_nodes(*instance)[..] else {
                continue;
            };
            let stays = self.nodes[here.0].usable()
                && self.is_managed_all(*instance)
                && round.counts[here.0] < share.min(round.per_node)
                && 0 < round.left;
            if !stays {
                continue;
            }
            let mut reserved = Vec::new();
            while reserved.len() < round.left {
                let better = self.try_instance(*instance, Some(here), round, &reserved);
                match better {
                    Some(node) if node == here => {
                        round.count(here);
                        break;
                    }
                    Some(node) => reserved.push(node),
                    None => break,
                }
            }
        }
    }

    fn is_managed_all(&self, instance: PartIx) -> bool {
        let singles = self.singles(instance);
        singles.iter().all(|single| self.is_free(*single))
    }

    /// Once there are as many as wanted, what is free in another instance is too much.
    fn mark_surplus(&mut self, instance: PartIx, round: &Round) {
        if 0 < round.left {
            return;
        }
        for single in self.singles(instance) {
            if self.is_managed_all(single) {
                self.part_mut(single).surplus = true;
            }
        }
    }

    fn place_instance(&mut self, instance: PartIx, round: &mut Round) {
        let first = self.singles(instance)[0];
        if self.part(first).place != Place::Undecided {
            return;
        }
        self.mark_surplus(instance, round);
        if let Some(node) = self.try_instance(instance, None, round, &[]) {
            round.count(node);
        }
    }

    /// Places an instance; with a wish only there. Says where it is, or would have gone.
    fn try_instance(
        &mut self,
        instance: PartIx,
        wished: Option<NodeIx>,
        round: &Round,
        reserved: &[NodeIx],
    ) -> Option<NodeIx> {
        let singles = self.singles(instance);
        let mut closed = reserved.to_vec();
        let nodes = (0..self.nodes.len()).map(NodeIx);
        closed.extend(nodes.filter(|node| round.per_node <= round.counts[node.0]));
        self.part_mut(instance).busy = true;
        let node = self.assign_single(singles[0], wished, &closed);
        if wished.is_none() || node == wished {
            for single in &singles[1..] {
                self.assign_single(*single, None, &closed);
            }
            if !self.members(instance).is_empty() {
                self.part_mut(instance).place = Place::Nowhere;
            }
        }
        self.part_mut(instance).busy = false;
        node
    }

    /// Who is placed first: what is active, where it can stay, with the best score.
    fn sorted_instances(&mut self, clone: PartIx, mut instances: Vec<PartIx>) -> Vec<PartIx> {
        let key = |scene: &Self, at: PartIx| {
            let here = scene.active_nodes(at);
            let of_clone = &scene.part(clone).scores;
            let single = scene.singles(at)[0];
            let by_place =
                |a: &&NodeIx, b: &&NodeIx| scene.compare_places(single, (**a, **b), of_clone);
            let first = here.iter().min_by(by_place).copied();
            let can_stay = first.is_some_and(|node| {
                scene.nodes[node.0].usable()
                    && Score::ZERO <= scene.part(clone).scores[node.0]
                    && Score::ZERO <= scene.part(scene.singles(at)[0]).scores[node.0]
            });
            let weight = first.map(|node| scene.part(clone).scores[node.0]);
            let failed = scene
                .singles(at)
                .iter()
                .any(|single| scene.part(*single).here.iter().any(|h| h.failed.is_some()));
            (
                here.is_empty(),
                here.len(),
                !can_stay,
                Reverse(weight),
                failed,
            )
        };
        instances.sort_by_cached_key(|at| key(self, *at));
        instances
    }
}

/// How far the placing of a clone has got.
struct Round {
    counts: Vec<usize>,
    per_node: usize,
    left: usize,
}

impl Round {
    fn count(&mut self, node: NodeIx) {
        self.counts[node.0] += 1;
        self.left = self.left.saturating_sub(1);
    }
}
