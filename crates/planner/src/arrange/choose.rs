//! Which of the nodes that may run a part is the best.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};

use super::room::Asker;
use super::scene::{PartIx, PartKind, Place, Scene};
use super::{NodeIx, Placement, Score};

impl Scene<'_> {
    /// The best node for a single part by these scores: most points, then room or the
    /// least busy one, then fewest resources, then where it is, then by name. A part that runs on one of several best
    /// nodes stays. With `wished`, that node or none.
    pub fn choose(&self, at: PartIx, scores: &[Score], wished: Option<NodeIx>) -> Option<NodeIx> {
        let mut scores = std::borrow::Cow::Borrowed(scores);
        if self.wanted.policy.placement != Placement::Count {
            self.forbid_full_nodes(at, scores.to_mut());
        }
        let here = self.home(at, &scores);
        let able = |node: NodeIx| self.nodes[node.0].usable() && Score::ZERO <= scores[node.0];
        let best = (0..self.nodes.len())
            .map(NodeIx)
            .filter(|node| able(*node))
            .min_by(|a, b| self.compare_nodes((at, here), (*a, scores[a.0]), (*b, scores[b.0])))?;
        let ties = |node: NodeIx| scores[node.0] == scores[best.0] && able(node);
        if let Some(wished) = wished {
            return Some(wished).filter(|node| ties(*node)).or(Some(best));
        }
        let is_instance = self.clone_around(at).is_some();
        if Score::ZERO < scores[best.0]
            && !is_instance
            && let Some(here) = here.filter(|node| ties(*node))
        {
            return Some(here);
        }
        Some(best)
    }

    fn compare_nodes(
        &self,
        (at, here): (PartIx, Option<NodeIx>),
        (a, a_score): (NodeIx, Score),
        (b, b_score): (NodeIx, Score),
    ) -> Ordering {
        let by_score = b_score.cmp(&a_score);
        let placement = self.wanted.policy.placement;
        let by_room = || match placement {
            Placement::Balanced => self.compare_room(a, b),
            Placement::Count | Placement::Fits | Placement::Few | Placement::LeastBusy => {
                Ordering::Equal
            }
        };
        let by_home = || Reverse(Some(a) == here).cmp(&Reverse(Some(b) == here));
        // How busy nodes are changes all the time, and nothing moves for that.
        let by_busy = || match placement {
            Placement::LeastBusy => {
                let busy = |node: NodeIx| self.nodes[node.0].busy;
                by_home().then_with(|| busy(a).cmp(&busy(b)))
            }
            Placement::Count | Placement::Fits | Placement::Few | Placement::Balanced => {
                Ordering::Equal
            }
        };
        let by_count = || match placement {
            Placement::Few => Ordering::Equal,
            Placement::Count | Placement::Fits | Placement::Balanced | Placement::LeastBusy => {
                let count = |node: NodeIx| self.nodes[node.0].placed;
                count(a).cmp(&count(b))
            }
        };
        let by_name = || {
            self.wanted.nodes[a.0]
                .name
                .cmp(&self.wanted.nodes[b.0].name)
        };
        by_score
            .then_with(by_room)
            .then_with(by_busy)
            .then_with(by_count)
            .then_with(by_home)
            // Where the wishes of others have made two nodes equal, its own decide.
            .then_with(|| self.compare_own(at, a, b))
            .then_with(by_name)
    }

    fn compare_own(&self, at: PartIx, a: NodeIx, b: NodeIx) -> Ordering {
        let own = &self.part(at).scores;
        own[b.0].cmp(&own[a.0])
    }

    /// Where a part is at home: of several places, the best.
    fn home(&self, at: PartIx, scores: &[Score]) -> Option<NodeIx> {
        let here = self.part(at).here.iter().map(|here| here.node);
        here.min_by(|a, b| self.compare_places(at, (*a, *b), scores))
    }

    /// Of places where a part is anyway: usable ones first, then by points and name.
    pub fn compare_places(
        &self,
        at: PartIx,
        (a, b): (NodeIx, NodeIx),
        scores: &[Score],
    ) -> Ordering {
        let key = |node: NodeIx| {
            let facts = &self.nodes[node.0];
            (
                !facts.usable(),
                !facts.reachable(),
                Reverse(scores[node.0]),
                Reverse(self.part(at).scores[node.0]),
                facts.rank,
            )
        };
        key(a).cmp(&key(b))
    }

    /// The node that has more of more goods comes first.
    fn compare_room(&self, a: NodeIx, b: NodeIx) -> Ordering {
        let (one, other) = (&self.nodes[a.0].room, &self.nodes[b.0].room);
        let goods: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
        let mut more = 0;
        for good in goods {
            let room = |of: &BTreeMap<String, i64>| of.get(good).copied().unwrap_or(0);
            more += match room(one).cmp(&room(other)) {
                Ordering::Less => 1,
                Ordering::Equal => 0,
                Ordering::Greater => -1,
            };
        }
        more.cmp(&0)
    }

    /// Nodes without room for the part, and for all that must be with it where one has room
    /// for all of that, are out.
    fn forbid_full_nodes(&self, at: PartIx, scores: &mut [Score]) {
        let mut with_it = BTreeSet::from([at]);
        self.collect_companions(at, &mut with_it);
        let mut needs: BTreeMap<&String, i64> = BTreeMap::new();
        for part in &with_it {
            if self.part(*part).place == Place::Undecided && self.is_free(*part) {
                for (good, amount) in &self.settings(*part).utilization {
                    *needs.entry(good).or_default() += amount;
                }
            }
        }
        let own: BTreeMap<&String, i64> = self
            .settings(at)
            .utilization
            .iter()
            .map(|(good, amount)| (good, *amount))
            .collect();
        let is_sent_away = self.is_sent_away(at, scores);
        let asker = |with_it| Asker {
            of: at,
            with_it,
            is_sent_away,
        };
        let has_room = |node: usize, needs: &BTreeMap<&String, i64>, asker: &Asker<'_>| {
            let left = |good: &String| self.room_left(NodeIx(node), good, asker);
            needs.iter().all(|(good, amount)| *amount <= left(good))
        };
        let open = |node: usize, scores: &[Score]| {
            self.nodes[node].usable() && Score::ZERO <= scores[node]
        };
        let of_all = asker(&with_it);
        let any_for_all =
            (0..scores.len()).any(|node| open(node, scores) && has_room(node, &needs, &of_all));
        let alone = BTreeSet::from([at]);
        let (needs, asker) = match any_for_all {
            true => (&needs, of_all),
            false => (&own, asker(&alone)),
        };
        for (node, score) in scores.iter_mut().enumerate() {
            if !has_room(node, needs, &asker) {
                *score = Score::MINUS_INFINITY;
            }
        }
        if !any_for_all {
            self.forbid_all_but_roomiest(scores);
        }
    }

    /// Where nothing has room for all that should be together, most of it fits where there is
    /// most room.
    fn forbid_all_but_roomiest(&self, scores: &mut [Score]) {
        let open = |node: NodeIx, scores: &[Score]| {
            self.nodes[node.0].usable() && Score::ZERO <= scores[node.0]
        };
        let nodes = (0..scores.len()).map(NodeIx);
        let Some(best) = nodes
            .filter(|node| open(*node, scores))
            .min_by(|a, b| self.compare_room(*a, *b))
        else {
            return;
        };
        for node in (0..scores.len()).map(NodeIx) {
            if self.compare_room(best, node).is_lt() {
                scores[node.0] = Score::MINUS_INFINITY;
            }
        }
    }

    /// Everything that must be on the same node, in either direction.
    fn collect_companions(&self, at: PartIx, found: &mut BTreeSet<PartIx>) {
        let follows = self.links_followed_by(at).into_iter();
        let followed = self.links_following(at).into_iter();
        let companions = follows
            .map(|link| (link.primary, link))
            .chain(followed.map(|link| (link.dependent, link)));
        for (companion, link) in companions {
            if !link.score.is_must() || link.attribute.is_some() {
                continue;
            }
            let singles = match &self.part(companion).kind {
                PartKind::Single | PartKind::Group { .. } => self.singles(companion),
                // One instance comes along.
                PartKind::Clone { instances, .. } => instances
                    .iter()
                    .map(|instance| self.singles(*instance))
                    .find(|singles| self.part(singles[0]).place == Place::Undecided)
                    .unwrap_or_default(),
            };
            for single in singles {
                if found.insert(single) {
                    self.collect_companions(single, found);
                }
            }
        }
    }
}
