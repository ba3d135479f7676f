//! What is held where it is, and what that means for other parts.

use super::ahead::{Held, is_unique};
use super::scene::{Hold, PartIx, PartKind, Scene};
use super::{NodeIx, Role, Score};

/// What is in one place, and may be moved at all, is held as it is asked for.
pub(super) fn hold(scene: &mut Scene<'_>, held: &Held) {
    if held.facts.is_empty() {
        return;
    }
    scene.rivals.clone_from(&held.rivals);
    for at in (0..scene.parts.len()).map(PartIx) {
        let part = scene.part(at);
        let [here] = part.here.as_slice() else {
            continue;
        };
        let number = is_unique(scene.wanted, part.resource).then_some(part.instance);
        let in_role = |role: Role| {
            let fact = (part.resource, number, here.node, role);
            held.facts.contains(&fact)
        };
        let roles = [Role::Started, Role::Unpromoted, Role::Promoted];
        if part.managed && !part.blocked && roles.into_iter().any(in_role) {
            let leads = here.role == Role::Promoted && in_role(Role::Promoted);
            let node = here.node;
            scene.part_mut(at).held = Some(Hold { node, leads });
            scene.held.push(at);
        }
    }
}

impl Scene<'_> {
    /// Whether a part yields on a node to what is held there: unless it is active there at
    /// some time of the circle, and matters more.
    pub fn yields(&self, at: PartIx, node: NodeIx, held: PartIx) -> bool {
        let asks = self.part(at);
        let number = is_unique(self.wanted, asks.resource).then_some(asks.instance);
        let is_rival = self.rivals.contains(&(asks.resource, number, node));
        !is_rival || self.settings(at).priority <= self.settings(held).priority
    }

    /// What must not be with something that is held does not take its place.
    pub fn heed_held(&self, at: PartIx, scores: &mut [Score]) {
        if self.held.is_empty() {
            return;
        }
        for link in self.links_following(at) {
            let of_roles = link.primary_role.is_some() || link.dependent_role.is_some();
            if !link.score.is_never() || of_roles {
                continue;
            }
            for held in self.singles(link.dependent) {
                let Some(hold) = self.part(held).held else {
                    continue;
                };
                for (node, score) in scores.iter_mut().enumerate() {
                    let node = NodeIx(node);
                    if self.same_place(link.attribute, hold.node, node)
                        && self.yields(at, node, held)
                    {
                        *score = Score::MINUS_INFINITY;
                    }
                }
            }
        }
    }

    /// Where something is held that must be with a part, or is in a group with what must be.
    pub fn held_followers(&self, at: PartIx) -> Vec<NodeIx> {
        if self.held.is_empty() {
            return Vec::new();
        }
        let links = self.links_following(at).into_iter();
        links
            .filter(|link| link.score.is_must() && link.attribute.is_none())
            .flat_map(|link| self.singles(self.group_around(link.dependent)))
            .filter_map(|single| self.part(single).held.map(|hold| hold.node))
            .collect()
    }

    /// The group that a member must be together with, or the part itself.
    fn group_around(&self, at: PartIx) -> PartIx {
        let group = self.part(at).parent;
        let together = |group: &PartIx| {
            let kind = &self.part(*group).kind;
            matches!(kind, PartKind::Group { together: true, .. })
        };
        group.filter(together).unwrap_or(at)
    }
}
