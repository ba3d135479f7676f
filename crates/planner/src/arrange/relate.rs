//! Colocations: what a placed part means to those that follow it, and what those that
//! follow mean to a part that is not placed yet.

use std::collections::BTreeMap;

use super::scene::{PartIx, PartKind, Place, Scene};
use super::{NodeIx, Placement, Role, Score};

/// A colocation between two parts, written in the file or implied by a group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link<'a> {
    pub dependent: PartIx,
    pub dependent_role: Option<Role>,
    pub primary: PartIx,
    pub primary_role: Option<Role>,
    pub score: Score,
    pub attribute: Option<&'a String>,
    /// Whether the dependent's wishes count when the primary is placed.
    pub influence: bool,
    pub id: &'a str,
}

impl Link<'_> {
    /// Whether it must hold, whatever else is wished.
    pub fn is_absolute(&self) -> bool {
        self.score.is_must() || self.score.is_never()
    }

    fn factor(&self) -> f64 {
        f64::from(self.score.value()) / f64::from(Score::INFINITY.value())
    }
}

/// How the wishes of dependents are added up.
#[derive(Clone, Copy)]
pub(super) struct Weighing<'a> {
    pub attribute: Option<&'a String>,
    /// From -1 to 1.
    pub factor: f64,
    /// Whether a node that was good may not become bad by it.
    pub keeps_good: bool,
}

impl<'a> Scene<'a> {
    fn link(&self, at: usize) -> Link<'a> {
        let colocation = &self.wanted.colocations[at];
        let dependent = self
            .spoken_of(colocation.dependent)
            .expect("only relations between parts are listed");
        let primary = self
            .spoken_of(colocation.primary)
            .expect("only relations between parts are listed");
        // A role of what has none means nothing.
        let role = |part: PartIx, role: Option<Role>| {
            let rules = self.clone_rules(part);
            role.filter(|_| rules.is_some_and(|rules| rules.promotable.is_some()))
        };
        Link {
            dependent,
            dependent_role: role(dependent, colocation.dependent_role),
            primary,
            primary_role: role(primary, colocation.primary_role),
            score: colocation.score,
            attribute: colocation.attribute.as_ref(),
            influence: colocation.influence,
            id: &colocation.id,
        }
    }

    /// The colocations of the file in which a part follows.
    pub fn links_of(&self, at: PartIx) -> Vec<Link<'a>> {
        self.follows[at.0].iter().map(|c| self.link(*c)).collect()
    }

    /// Whom a part follows. A group's first member speaks for the group, an instance for
    /// its clone.
    pub fn links_followed_by(&self, at: PartIx) -> Vec<Link<'a>> {
        let mut links: Vec<Link<'a>> = self.follows[at.0].iter().map(|c| self.link(*c)).collect();
        if let Some(parent) = self.part(at).parent {
            match &self.part(parent).kind {
                PartKind::Group {
                    members,
                    together: true,
                    ..
                } => {
                    let place = members.iter().position(|member| *member == at);
                    let of_group = self.links_followed_by(parent);
                    match place {
                        Some(place) if place > 0 => {
                            let earlier = members[..place].iter().rev();
                            links.extend(earlier.map(|earlier| self.inner_link(at, *earlier)));
                            links.extend(of_group.into_iter().filter(Link::is_absolute));
                        }
                        _ => {
                            links.extend(of_group);
                            // Where the first goes, the others go.
                            for later in &members[1..] {
                                let own = self.follows[later.0].iter();
                                links.extend(own.map(|c| self.link(*c)));
                            }
                        }
                    }
                }
                PartKind::Group { .. } | PartKind::Clone { .. } => {
                    links.extend(self.links_followed_by(parent));
                }
                PartKind::Single => {}
            }
        }
        // Those that matter more are heard first.
        links.sort_by(|a, b| {
            let key = |link: &Link<'_>| {
                (
                    std::cmp::Reverse(self.settings(link.primary).priority),
                    !self.is_clone(link.primary),
                )
            };
            key(a).cmp(&key(b)).then_with(|| a.id.cmp(b.id))
        });
        links
    }

    /// Who follows a part. A group's last member speaks for the group, an instance for its
    /// clone.
    pub fn links_following(&self, at: PartIx) -> Vec<Link<'a>> {
        let mut links: Vec<Link<'a>> = self.followed[at.0].iter().map(|c| self.link(*c)).collect();
        if let Some(parent) = self.part(at).parent {
            match &self.part(parent).kind {
                PartKind::Group {
                    members,
                    together: true,
                    ..
                } => {
                    let place = members.iter().position(|member| *member == at);
                    match place {
                        Some(place) if place + 1 < members.len() => {
                            links.push(self.inner_link(members[place + 1], at));
                        }
                        _ => links.extend(self.links_following(parent)),
                    }
                }
                PartKind::Group { .. } | PartKind::Clone { .. } => {
                    links.extend(self.links_following(parent));
                }
                PartKind::Single => {}
            }
        }
        links.sort_by(|a, b| {
            let key = |link: &Link<'_>| {
                (
                    std::cmp::Reverse(self.settings(link.dependent).priority),
                    !self.is_clone(link.dependent),
                )
            };
            key(a).cmp(&key(b)).then_with(|| a.id.cmp(b.id))
        });
        links
    }

    fn inner_link(&self, dependent: PartIx, primary: PartIx) -> Link<'a> {
        Link {
            dependent,
            dependent_role: None,
            primary,
            primary_role: None,
            score: Score::INFINITY,
            attribute: None,
            influence: self.settings(dependent).critical,
            id: "",
        }
    }

    /// Whether something could still be placed.
    pub fn any_node_left(&self, scores: &[Score]) -> bool {
        let nodes = self.nodes.iter().zip(scores);
        nodes
            .filter(|(node, _)| node.usable())
            .any(|(_, score)| Score::ZERO <= *score)
    }

    /// What a placed primary means for the scores of a part that follows it.
    pub fn heed_primary(&self, at: PartIx, link: &Link<'a>, scores: &mut Vec<Score>) {
        let Some(places) = self.places_of(link) else {
            return;
        };
        let mut work = scores.clone();
        for (node, score) in work.iter_mut().enumerate() {
            let matches = places
                .iter()
                .filter(|place| self.same_place(link.attribute, **place, NodeIx(node)))
                .count();
            if link.score.is_must() {
                if matches == 0 {
                    *score = Score::MINUS_INFINITY;
                }
            } else {
                for _ in 0..matches {
                    *score += link.score;
                }
            }
        }
        // What only a later member of a group needs does not keep the first from running.
        let speaks_for_all = !self.is_of_later_member(at, link.dependent);
        if (link.is_absolute() && speaks_for_all) || self.any_node_left(&work) {
            *scores = work;
        }
    }

    fn is_of_later_member(&self, at: PartIx, dependent: PartIx) -> bool {
        let group = self.part(at).parent;
        at != dependent && group.is_some() && self.part(dependent).parent == group
    }

    /// Where the primary is, in the role that is asked for; none: it says nothing.
    fn places_of(&self, link: &Link<'a>) -> Option<Vec<NodeIx>> {
        match &self.part(link.primary).kind {
            PartKind::Single => {
                let is_open = self.part(link.primary).place == Place::Undecided;
                (!is_open).then(|| {
                    self.place_of_single(link.primary, link.primary_role, link.score.is_must())
                })
            }
            PartKind::Group {
                members, together, ..
            } => {
                if *together && !link.score.is_never() {
                    // All must be up for what must be with all; else one is enough.
                    let spokesman = if link.score.is_must() {
                        members.last()
                    } else {
                        members.first()
                    };
                    let spokesman = *spokesman?;
                    let is_open = self.part(spokesman).place == Place::Undecided;
                    (!is_open).then(|| {
                        self.place_of_single(spokesman, link.primary_role, link.score.is_must())
                    })
                } else {
                    let places = members.iter().flat_map(|member| {
                        self.place_of_single(*member, link.primary_role, link.score.is_must())
                    });
                    Some(places.collect())
                }
            }
            PartKind::Clone { instances, .. } => {
                if self.part(link.primary).place == Place::Undecided {
                    return None;
                }
                let mut places = Vec::new();
                for instance in instances {
                    let singles = self.singles(*instance);
                    if link.score.is_never() {
                        // It keeps away from every part of an instance.
                        places.extend(singles.iter().flat_map(|single| {
                            self.place_of_single(*single, link.primary_role, false)
                        }));
                        continue;
                    }
                    let spokesman = singles.first();
                    let Some(spokesman) = spokesman else { continue };
                    // Nobody relies on what waits for a person.
                    if link.score.is_must() && self.part(*spokesman).blocked {
                        continue;
                    }
                    places.extend(self.place_of_single(
                        *spokesman,
                        link.primary_role,
                        link.score.is_must(),
                    ));
                }
                Some(places)
            }
        }
    }

    /// Where a single part is. What must be with it goes where it counts as placed; what is
    /// apart keeps away from every place where it stays.
    fn place_of_single(&self, at: PartIx, role: Option<Role>, must: bool) -> Vec<NodeIx> {
        let part = self.part(at);
        let fits = match role {
            None | Some(Role::Started) => true,
            Some(role) => part.next_role == Some(role),
        };
        if !must && (!part.managed || part.blocked) {
            // Wherever it is, it stays.
            let here = part.here.iter().map(|here| here.node);
            return here
                .filter(|node| fits && !self.nodes[node.0].fenced)
                .collect();
        }
        part.place.node().filter(|_| fits).into_iter().collect()
    }

    /// What those that follow a part wish for it.
    pub fn heed_dependents(&mut self, at: PartIx, scores: &mut Vec<Score>) {
        let keeps_good = self.is_clone(at) || self.clone_around(at).is_some();
        for link in self.links_following(at) {
            if !link.influence || matches!(link.dependent_role, Some(Role::Promoted)) {
                continue;
            }
            // Who stays away from the leader only has its say when roles are given.
            if matches!(link.primary_role, Some(Role::Promoted)) && link.score < Score::ZERO {
                continue;
            }
            let weighing = Weighing {
                attribute: link.attribute,
                factor: link.factor(),
                keeps_good,
            };
            let before = scores.clone();
            self.add_wishes(link.dependent, scores, weighing);
            // Who only wishes to be here has no say where there is no room for both.
            if Score::ZERO < link.score && !link.score.is_must() && link.attribute.is_none() {
                for (node, score) in scores.iter_mut().enumerate() {
                    if !self.has_room_for_both(at, link.dependent, NodeIx(node)) {
                        *score = before[node];
                    }
                }
            }
        }
    }

    /// Whether a node has room for two parts, as far as they are not placed yet. What is in
    /// clones is spread, and is not counted.
    fn has_room_for_both(&self, one: PartIx, other: PartIx, node: NodeIx) -> bool {
        if self.wanted.policy.placement == Placement::Count || self.is_clone(other) {
            return true;
        }
        let mut singles = self.singles(one);
        singles.extend(self.singles(other));
        singles.retain(|at| self.part(*at).place == Place::Undecided && self.is_free(*at));
        let mut needs: BTreeMap<&String, i64> = BTreeMap::new();
        for single in singles {
            for (good, amount) in &self.settings(single).utilization {
                *needs.entry(good).or_default() += amount;
            }
        }
        let room = &self.nodes[node.0].room;
        let mut needs = needs.into_iter();
        needs.all(|(good, amount)| amount <= room.get(good).copied().unwrap_or(0))
    }

    /// Adds the wishes of a part, and of those that follow it, in the given measure. If that
    /// would leave no node, it is left out.
    pub fn add_wishes(&mut self, of: PartIx, scores: &mut Vec<Score>, weighing: Weighing<'a>) {
        let spokesmen = match &self.part(of).kind {
            PartKind::Single | PartKind::Clone { .. } => vec![of],
            PartKind::Group {
                members, together, ..
            } => {
                let count = if *together { 1 } else { members.len() };
                members.iter().take(count).copied().collect()
            }
        };
        for spokesman in spokesmen {
            self.add_wishes_of(spokesman, scores, weighing);
        }
    }

    fn add_wishes_of(&mut self, of: PartIx, scores: &mut Vec<Score>, weighing: Weighing<'a>) {
        if self.part(of).asked {
            return;
        }
        let mut work = scores.clone();
        let mut leaves_a_node = false;
        let only = self.only_place(of, weighing);
        for (node, known) in work.iter_mut().enumerate() {
            let wish = if only == Some(NodeIx(node)) {
                Score::INFINITY
            } else {
                self.wish_at(of, NodeIx(node), weighing.attribute)
            };
            // One instance is enough for it, so the others may be where it cannot be.
            let hears_no_dislike = weighing.factor < 0.0 || weighing.keeps_good;
            let says_nothing = known.is_never() || (hears_no_dislike && wish < Score::ZERO);
            let added = if says_nothing {
                *known
            } else {
                *known + scaled(wish, weighing.factor)
            };
            leaves_a_node |= Score::ZERO <= added && self.nodes[node].usable();
            let spoils = added < Score::ZERO && Score::ZERO <= *known;
            *known = if weighing.keeps_good && spoils {
                (*known).min(Score::new(1))
            } else {
                added
            };
        }
        // What can be nowhere has no say.
        if !leaves_a_node {
            return;
        }
        *scores = work;
        self.part_mut(of).asked = true;
        for link in self.links_following(of) {
            if link.influence {
                let further = Weighing {
                    attribute: link.attribute,
                    factor: weighing.factor * link.factor(),
                    keeps_good: weighing.keeps_good,
                };
                self.add_wishes(link.dependent, scores, further);
            }
        }
        self.part_mut(of).asked = false;
    }

    /// The one place that is left to a part which would rather be apart: there, it has more
    /// to lose than its score tells.
    fn only_place(&self, of: PartIx, weighing: Weighing<'a>) -> Option<NodeIx> {
        let would_rather = -1.0 < weighing.factor && weighing.factor < 0.0;
        if !would_rather || weighing.attribute.is_some() {
            return None;
        }
        let scores = &self.part(of).scores;
        let mut open = (0..scores.len())
            .filter(|node| self.nodes[*node].usable() && Score::ZERO <= scores[*node]);
        let only = open.next()?;
        let others_are_usable =
            (0..scores.len()).any(|node| node != only && self.nodes[node].usable());
        (open.next().is_none() && others_are_usable).then_some(NodeIx(only))
    }

    fn wish_at(&self, of: PartIx, node: NodeIx, attribute: Option<&String>) -> Score {
        let own = &self.part(of).scores;
        if attribute.is_none() {
            return own[node.0];
        }
        let nodes = (0..self.nodes.len()).map(NodeIx);
        nodes
            .filter(|other| {
                self.nodes[other.0].usable() && self.same_place(attribute, node, *other)
            })
            .map(|other| own[other.0])
            .max()
            .unwrap_or(Score::MINUS_INFINITY)
    }
}

/// A score in a measure from -1 to 1; what was not nothing stays at least one point.
fn scaled(score: Score, factor: f64) -> Score {
    let exact = f64::from(score.value()) * factor;
    let whole = if 0.0 < exact && exact < 1.0 {
        1.0
    } else if -1.0 < exact && exact < 0.0 {
        -1.0
    } else {
        exact.round()
    };
    #[expect(clippy::cast_possible_truncation, reason = "at most one million")]
    Score::new(whole as i64)
}
