//! Roles: which instances of a promotable clone lead.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::relate::Weighing;
use super::scene::{PartIx, Place, Scene};
use super::{NoQuorum, NodeIx, Role, Score, Target};

/// An instance of which nothing is known does not lead.
const UNKNOWN: Score = Score::NOT_ASKED;

impl Scene<'_> {
    /// What an instance's agent says of leading on a node; none: nothing.
    fn promotion_score(&self, instance: PartIx, node: NodeIx) -> Option<Score> {
        let singles = self.singles(instance);
        let scores: Vec<Score> = singles
            .iter()
            .filter_map(|single| {
                let part = self.part(*single);
                let known = self.observed.promotion_scores.iter().filter(|known| {
                    known.resource == part.resource
                        && known.node == node
                        && known
                            .instance
                            .is_none_or(|number| number == part.instance || !self.differs(instance))
                });
                known.map(|known| known.score).max()
            })
            .collect();
        (!scores.is_empty()).then(|| scores.into_iter().sum())
    }

    fn differs(&self, instance: PartIx) -> bool {
        let clone = self.part(instance).parent;
        clone
            .and_then(|clone| self.clone_rules(clone))
            .is_some_and(|rules| rules.unique)
    }

    /// Instances like the nodes on which they would lead.
    pub fn add_promotion_scores(&mut self, clone: PartIx) {
        for instance in self.instances(clone).to_vec() {
            for node in (0..self.nodes.len()).map(NodeIx) {
                let Some(score) = self.promotion_score(instance, node) else {
                    continue;
                };
                let first = self.singles(instance)[0];
                let known = self.part(first).scores[node.0];
                if Score::ZERO <= known + score {
                    self.part_mut(first).scores[node.0] = known + score;
                }
            }
        }
    }

    /// Gives the leading role to as many instances as are wanted, the best ones first.
    /// `own` is what speaks for each node for the clone's own sake.
    pub fn give_roles(&mut self, clone: PartIx, own: &[Score]) {
        let rules = self.clone_rules(clone).expect("it is a clone");
        let promotable = rules.promotable.expect("it is promotable");
        let mut ranked: Vec<(PartIx, NodeIx, Score, Score)> = Vec::new();
        for instance in self.instances(clone).to_vec() {
            let Some(node) = self.node_of(instance) else {
                continue;
            };
            let priority = self.priority_to_lead(clone, instance, node);
            ranked.push((instance, node, priority, priority));
        }
        self.heed_followers_of_leader(clone, own, &mut ranked);
        ranked.sort_by_key(|(instance, _, priority, weight)| {
            let leads = self.leads_already(*instance);
            let node = self
                .node_of(*instance)
                .map(|node| self.part(clone).scores[node.0]);
            (
                !self.is_held_leading(*instance),
                Reverse(*weight),
                Reverse(*priority),
                !leads,
                Reverse(node),
                *instance,
            )
        });
        let mut given = 0;
        let mut on_node = vec![0; self.nodes.len()];
        // Who leads and cannot be demoted, or leads on beside such, takes its share before all
        // others.
        for node in self.leaders_kept(clone, &ranked) {
            given += 1;
            on_node[node.0] += 1;
        }
        for (instance, node, priority, _) in ranked {
            let free = given < promotable.max && on_node[node.0] < promotable.per_node;
            let is_kept = self.keeps_role(instance);
            let role = match !is_kept && free && Score::ZERO <= priority {
                true => Role::Promoted,
                false => Role::Unpromoted,
            };
            if role == Role::Promoted {
                given += 1;
                on_node[node.0] += 1;
            }
            for single in self.singles(instance) {
                if matches!(self.part(single).place, Place::On(_)) {
                    let role = match is_kept {
                        true => self.role_kept(single, priority),
                        false => role,
                    };
                    self.part_mut(single).next_role = Some(role);
                }
            }
        }
    }

    /// Where something of the clone leads that nobody can or may demote, and what leads on
    /// beside such in its instance: each node of each instance.
    fn leaders_kept(
        &self,
        clone: PartIx,
        ranked: &[(PartIx, NodeIx, Score, Score)],
    ) -> Vec<NodeIx> {
        let mut nodes = Vec::new();
        for instance in self.instances(clone) {
            let mut of_instance = BTreeSet::new();
            let mut ranked = ranked.iter();
            let kept = ranked.find(|(at, ..)| at == instance && self.keeps_role(*at));
            for single in self.singles(*instance) {
                of_instance.extend(self.stuck_leading(single));
                let leads_on = kept.is_some_and(|(_, _, priority, _)| {
                    self.role_kept(single, *priority) == Role::Promoted
                });
                of_instance.extend(self.part(single).place.node().filter(|_| leads_on));
            }
            nodes.extend(of_instance);
        }
        nodes
    }

    /// Where a single part leads that nobody can or may demote.
    fn stuck_leading(&self, single: PartIx) -> impl Iterator<Item = NodeIx> {
        let part = self.part(single);
        let is_stuck = |node: NodeIx| {
            let facts = &self.nodes[node.0];
            !facts.fenced && (!part.managed || part.blocked || !facts.reachable())
        };
        let here = part.here.iter();
        here.filter(move |here| {
            (here.role == Role::Promoted || here.may_lead()) && is_stuck(here.node)
        })
        .map(|here| here.node)
    }

    fn keeps_role(&self, instance: PartIx) -> bool {
        self.singles(instance).iter().any(|single| {
            let part = self.part(*single);
            !part.managed || part.blocked
        })
    }

    /// The role of a part of an instance of which something may not be touched: what is free
    /// in it leads on where it does and may, but not only because of what leads beside it.
    fn role_kept(&self, single: PartIx, priority: Score) -> Role {
        let part = self.part(single);
        let is_free = part.managed && !part.blocked;
        let may_lead = self.settings(single).target == Target::Promoted && !priority.is_never();
        let mut here = part.here.iter();
        let leads = here.any(|here| {
            let counts = !is_free || Some(here.node) == part.place.node();
            counts && here.role == Role::Promoted
        });
        match leads && (may_lead || !is_free) {
            true => Role::Promoted,
            false => Role::Unpromoted,
        }
    }

    fn is_held_leading(&self, instance: PartIx) -> bool {
        let mut singles = self.singles(instance).into_iter();
        singles.any(|single| {
            let part = self.part(single);
            let hold = part.held.filter(|hold| hold.leads);
            hold.is_some_and(|hold| part.place == Place::On(hold.node))
        })
    }

    fn leads_already(&self, instance: PartIx) -> bool {
        self.singles(instance).iter().any(|single| {
            let here = &self.part(*single).here;
            here.iter().any(|here| here.role == Role::Promoted)
        })
    }

    /// How much speaks for an instance to lead where it goes; below zero: it must not.
    fn priority_to_lead(&mut self, clone: PartIx, instance: PartIx, node: NodeIx) -> Score {
        let policy = &self.wanted.policy;
        let singles = self.singles(instance);
        let may_lead = singles.iter().all(|single| {
            self.settings(*single).target == Target::Promoted
                && matches!(self.part(*single).place, Place::On(_))
        });
        let demotes = !self.observed.quorate && policy.no_quorum == NoQuorum::Demote;
        if !may_lead || demotes {
            return Score::MINUS_INFINITY;
        }
        let mut score = self.promotion_score(instance, node).unwrap_or(UNKNOWN);
        for location in &self.wanted.locations {
            let is_ours = self.spoken_of(location.resource) == Some(clone);
            if location.role == Some(Role::Promoted) && is_ours {
                for (at, points) in &location.scores {
                    if *at == node {
                        score += *points;
                    }
                }
            }
        }
        for rule in &self.wanted.ticket_rules {
            let ticket = self.observed.tickets[rule.ticket.0];
            let is_ours = self.spoken_of(rule.resource) == Some(clone);
            let has_it = ticket.granted && !ticket.standby;
            if rule.role == Some(Role::Promoted) && is_ours && !has_it {
                score = Score::MINUS_INFINITY;
            }
        }
        for link in self.links_followed_by(clone) {
            let mut scores = vec![Score::ZERO; self.nodes.len()];
            match link.dependent_role {
                Some(Role::Promoted) => {
                    self.heed_primary(clone, &link, &mut scores);
                    score += scores[node.0];
                }
                // Who is to be there in the subordinate role does not lead there.
                Some(Role::Unpromoted) => {
                    self.heed_primary(clone, &link, &mut scores);
                    if !scores[node.0].is_never() {
                        score += -link.score;
                    }
                }
                None | Some(Role::Started) => {}
            }
        }
        score
    }

    /// What those wish that follow the leading role.
    fn heed_followers_of_leader(
        &mut self,
        clone: PartIx,
        own: &[Score],
        ranked: &mut [(PartIx, NodeIx, Score, Score)],
    ) {
        let mut scores = vec![Score::MINUS_INFINITY; self.nodes.len()];
        for (_, node, priority, _) in ranked.iter() {
            let known = &mut scores[node.0];
            *known = (*known).max(*priority);
        }
        for link in self.links_following(clone) {
            if link.primary_role != Some(Role::Promoted) || !link.influence {
                continue;
            }
            let weighing = Weighing {
                attribute: link.attribute,
                factor: f64::from(link.score.value()) / f64::from(Score::INFINITY.value()),
                keeps_good: false,
            };
            self.add_wishes(link.dependent, &mut scores, weighing);
        }
        for (_, node, _, weight) in ranked {
            *weight = scores[node.0] + own[node.0];
        }
    }
}
