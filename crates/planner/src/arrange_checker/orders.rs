//! What comes before what, and what cannot be without what.
//!
//! Four questions are asked of each order: where both act, is there a link? Is anything
//! there without what it needs? Is anything undone beneath something that stays? And of the
//! order the other way round, for the opposite actions: is there a link?

use super::scene::{Scene, Slot};
use super::tree::count;
use super::violation::{Rule, Violation};
use crate::arrange::{
    Action, CloneRules, Kind, Order, OrderKind, ResourceIx, Role, SomeBefore, Step, Verb,
};

pub(super) fn check(scene: &Scene<'_>, violations: &mut Vec<Violation>) {
    for order in &scene.wanted.orders {
        Relation::of_order(scene, order).check(scene, violations);
    }
    for (at, resource) in scene.wanted.resources.iter().enumerate() {
        match &resource.kind {
            Kind::Group {
                members,
                ordered: true,
                ..
            } => check_group(scene, (&resource.name, members), violations),
            Kind::Clone { child, rules } if rules.ordered => {
                for leaf in scene.tree.leaves(*child) {
                    check_one_by_one(scene, (ResourceIx(at), leaf), violations);
                }
            }
            Kind::Group { .. } | Kind::Clone { .. } | Kind::Single => {}
        }
    }
    for some in &scene.wanted.some_before {
        check_some(scene, some, violations);
    }
}

/// A member needs all before it, in its own instance of the group.
fn check_group(
    scene: &Scene<'_>,
    (name, members): (&str, &[ResourceIx]),
    violations: &mut Vec<Violation>,
) {
    for (place, &then) in members.iter().enumerate() {
        for &first in &members[..place] {
            let near = scene.tree.is_cloned(then);
            Relation {
                id: format!("group {name}"),
                firsts: vec![first],
                first_verb: Verb::Start,
                thens: vec![then],
                then_verb: Verb::Start,
                kind: OrderKind::Mandatory,
                symmetrical: true,
                near_links: near,
                near_needs: near,
                enough: 1,
            }
            .check(scene, violations);
        }
    }
}

/// Instances of an ordered clone start one after the other, in whatever order.
fn check_one_by_one(
    scene: &Scene<'_>,
    (clone, leaf): (ResourceIx, ResourceIx),
    violations: &mut Vec<Violation>,
) {
    let starts: Vec<usize> = scene
        .steps()
        .filter(|(_, step, slot)| slot.resource == leaf && step.action == Action::Start)
        .map(|(at, _, _)| at)
        .collect();
    for (place, &one) in starts.iter().enumerate() {
        for &other in &starts[..place] {
            if !scene.precedes(one, other) && !scene.precedes(other, one) {
                let name = scene.tree.name(clone);
                let text = format!("two instances of {name} may start at once");
                violations.push(Violation::new(Rule::Order, text));
            }
        }
    }
}

/// Single resources, and what is done with them.
type Acts<'r> = (&'r [ResourceIx], Verb);

/// An order between single resources.
struct Relation {
    id: String,
    firsts: Vec<ResourceIx>,
    first_verb: Verb,
    thens: Vec<ResourceIx>,
    then_verb: Verb,
    kind: OrderKind,
    symmetrical: bool,
    /// Whether links hold between instances on one node only.
    near_links: bool,
    /// Whether what is needed must be on the same node.
    near_needs: bool,
    /// How many instances of what is first are enough.
    enough: usize,
}

fn undoing(verb: Verb) -> Verb {
    match verb {
        Verb::Start => Verb::Stop,
        Verb::Stop => Verb::Start,
        Verb::Promote => Verb::Demote,
        Verb::Demote => Verb::Promote,
    }
}

fn action_of(verb: Verb) -> Action {
    match verb {
        Verb::Start => Action::Start,
        Verb::Stop => Action::Stop,
        Verb::Promote => Action::Promote,
        Verb::Demote => Action::Demote,
    }
}

/// Whether a role is what the verb brings about.
fn brings(verb: Verb, role: Role) -> bool {
    match verb {
        Verb::Start => true,
        Verb::Promote => role == Role::Promoted,
        Verb::Stop | Verb::Demote => false,
    }
}

impl Relation {
    /// Interleaving is a matter of the clone that follows; where the clone that comes first
    /// asks for it too, only the links that both readings have in common are demanded.
    fn of_order(scene: &Scene<'_>, order: &Order) -> Self {
        let first_rules = scene.tree.clone_rules(order.first);
        let then_rules = scene.tree.clone_rules(order.then);
        let same = scene.tree.top(order.first) == scene.tree.top(order.then);
        let (near_links, near_needs) = match (first_rules, then_rules) {
            (Some(_), Some(_)) if same => (true, true),
            // A number that is enough is one for the whole clone.
            (Some(first), Some(then)) => (
                first.interleave || then.interleave,
                then.interleave && first.enough == 0,
            ),
            (None, _) | (_, None) => (false, false),
        };
        // How many are enough is said of those that run, not of those that lead.
        let enough = |rules: &CloneRules| match order.first_verb {
            Verb::Start => count(rules.enough),
            Verb::Promote | Verb::Stop | Verb::Demote => 1,
        };
        Self {
            id: order.id.clone(),
            firsts: scene.tree.leaves(order.first),
            first_verb: order.first_verb,
            thens: scene.tree.leaves(order.then),
            then_verb: order.then_verb,
            kind: order.kind,
            symmetrical: order.symmetrical,
            near_links,
            near_needs,
            enough: first_rules.map_or(1, enough),
        }
    }

    fn check(&self, scene: &Scene<'_>, violations: &mut Vec<Violation>) {
        self.check_links(
            scene,
            (
                (&self.firsts, self.first_verb),
                (&self.thens, self.then_verb),
            ),
            violations,
        );
        let reverse = self.symmetrical && self.kind != OrderKind::Serialize;
        if reverse {
            let first = (self.thens.as_slice(), undoing(self.then_verb));
            let then = (self.firsts.as_slice(), undoing(self.first_verb));
            self.check_links(scene, (first, then), violations);
        }
        if self.kind == OrderKind::Mandatory {
            self.check_needs(scene, violations);
            if self.symmetrical {
                self.check_beneath(scene, violations);
            }
        }
    }

    /// Where both act, one waits for the other. What is true only because a node is fenced
    /// waits for nobody, and what stops beside it need not wait for the fence.
    fn check_links(
        &self,
        scene: &Scene<'_>,
        (first, then): (Acts<'_>, Acts<'_>),
        violations: &mut Vec<Violation>,
    ) {
        let acting = |(resources, verb): Acts<'_>| -> Vec<(usize, Slot)> {
            scene
                .steps()
                .filter(|(_, step, slot)| {
                    !step.implied
                        && step.action == action_of(verb)
                        && resources.contains(&slot.resource)
                })
                .map(|(at, _, slot)| (at, slot))
                .collect()
        };
        // With "enough", what follows waits for some of the instances; those that it needs
        // are asked for by `check_enough`.
        if 1 < self.enough && matches!(first.1, Verb::Start | Verb::Promote) {
            return;
        }
        for (one, first_slot) in acting(first) {
            for &(other, then_slot) in &acting(then) {
                let far = self.near_links && !scene.is_same_instance(first_slot, then_slot);
                let linked = scene.precedes(one, other)
                    || (self.kind == OrderKind::Serialize && scene.precedes(other, one));
                if far || linked || one == other {
                    continue;
                }
                violations.push(Violation::new(
                    Rule::Order,
                    format!(
                        "{:?} of {} does not wait for {:?} of {} ({})",
                        action_of(then.1),
                        scene.show(then_slot),
                        action_of(first.1),
                        scene.show(first_slot),
                        self.id
                    ),
                ));
            }
        }
    }

    /// Nothing begins without what it needs, and nothing stays without it either where the
    /// order holds both ways. What is first and must not be touched is the affair of whoever
    /// said so: if it does not run, it holds nobody up.
    fn check_needs(&self, scene: &Scene<'_>, violations: &mut Vec<Violation>) {
        let needed = matches!(self.first_verb, Verb::Start | Verb::Promote);
        let excused = self.firsts.iter().all(|first| scene.is_left_alone(*first));
        if !needed || excused {
            return;
        }
        let present: Vec<Slot> = scene
            .after
            .iter()
            .filter(|(slot, role)| {
                self.firsts.contains(&slot.resource) && brings(self.first_verb, **role)
            })
            .map(|(slot, _)| *slot)
            .collect();
        for (slot, role) in scene.free_after() {
            if !self.thens.contains(&slot.resource) || !brings(self.then_verb, role) {
                continue;
            }
            // What runs already and is promoted begins only where its role is ordered.
            let promotes = self.then_verb == Verb::Promote;
            let begins =
                scene.begins(slot) || (promotes && scene.step_in(slot, Action::Promote).is_some());
            let before = scene.before.get(&slot);
            let hearsay = before.is_some_and(|before| before.hearsay);
            // What is on its way goes on, live: that is no start.
            let goes_on = before.is_some_and(|before| before.migrating)
                && scene.step_in(slot, Action::Start).is_none();
            let stays = !self.symmetrical && (!begins || (goes_on && !promotes));
            if stays || (!begins && hearsay) {
                continue;
            }
            let count = present
                .iter()
                .filter(|first| !self.near_needs || scene.is_same_instance(**first, slot))
                .count();
            let enough = if self.near_needs {
                1
            } else {
                self.enough.max(1)
            };
            if count < enough {
                violations.push(Violation::new(
                    Rule::Order,
                    format!(
                        "{} runs without {}, which it needs ({})",
                        scene.show(slot),
                        self.show_firsts(scene),
                        self.id
                    ),
                ));
            }
        }
    }

    fn show_firsts(&self, scene: &Scene<'_>) -> String {
        let names: Vec<&str> = self.firsts.iter().map(|at| scene.tree.name(*at)).collect();
        names.join(", ")
    }

    /// Nothing is stopped (or demoted) beneath what needs it and stays, even to come back:
    /// what needs it stops first. A fence asks nobody; a live migration hides it; and of
    /// several instances one may go while others are there. Who keeps his hands on something
    /// (unmanaged, in maintenance) answers for what it needs, too; and what is on a node that
    /// should be fenced and cannot be is past helping.
    fn check_beneath(&self, scene: &Scene<'_>, violations: &mut Vec<Violation>) {
        for (_, step, slot) in scene.steps() {
            if !self.takes_away(scene, step, slot) {
                continue;
            }
            for (then, before) in &scene.before {
                let near = scene.is_same_instance(slot, *then);
                let several = scene.tree.is_cloned(slot.resource) && !self.near_needs;
                let others_affair = is_others_affair(scene, *then) || scene.is_condemned(then.node);
                if !self.thens.contains(&then.resource)
                    || before.hearsay
                    || others_affair
                    || several
                    || (self.near_needs && !near)
                    || *then == slot
                {
                    continue;
                }
                let had = before.role.is_some_and(|role| brings(self.then_verb, role));
                let has = scene
                    .after
                    .get(then)
                    .is_some_and(|role| brings(self.then_verb, *role));
                let moved = [Action::Stop, Action::Demote, Action::MigrateTo]
                    .iter()
                    .any(|action| scene.step_in(*then, *action).is_some());
                if had && has && !moved {
                    violations.push(Violation::new(
                        Rule::Order,
                        format!(
                            "{} is taken away beneath {} ({})",
                            scene.show(slot),
                            scene.show(*then),
                            self.id
                        ),
                    ));
                }
            }
        }
    }

    /// Whether a step takes away what others need.
    fn takes_away(&self, scene: &Scene<'_>, step: &Step, slot: Slot) -> bool {
        let before = scene.before.get(&slot);
        let undone = match (self.first_verb, step.action) {
            (Verb::Start, Action::Stop) => true,
            (Verb::Promote, Action::Stop | Action::Demote) => {
                before.is_some_and(|before| before.may_lead)
            }
            (Verb::Start | Verb::Promote | Verb::Stop | Verb::Demote, _) => false,
        };
        let live = scene.step_in(slot, Action::MigrateTo).is_some() || goes_on_live(scene, slot);
        // Of something that was found twice, the surplus one may go.
        let other_stays = scene.before.keys().any(|other| {
            other.is_same_thing(slot)
                && other.node != slot.node
                && scene.after.contains_key(other)
                && !scene.begins(*other)
        });
        self.firsts.contains(&slot.resource) && undone && !step.implied && !live && !other_stays
    }
}

/// Whether it was found on its way out, live, and stops only once it has arrived: the first
/// half of that migration is done.
fn goes_on_live(scene: &Scene<'_>, slot: Slot) -> bool {
    let left = scene
        .before
        .get(&slot)
        .is_some_and(|before| before.migrating);
    let mut arrivals = scene.steps().filter(|(_, step, of)| {
        step.action == Action::MigrateFrom && of.is_same_thing(slot) && of.node != slot.node
    });
    let ended = scene.step_in(slot, Action::Stop);
    left && arrivals.any(|(at, _, _)| ended.is_some_and(|stop| scene.precedes(at, stop)))
}

/// Whether it, or another place of it, is in the hands of a person by configuration.
fn is_others_affair(scene: &Scene<'_>, slot: Slot) -> bool {
    let mut places = scene.before.keys();
    scene.is_left_alone(slot.resource)
        || places.any(|other| other.is_same_thing(slot) && scene.node(other.node).maintenance)
}

/// Some of these before that: what follows has enough of them when it begins, and is not
/// left with fewer.
fn check_some(scene: &Scene<'_>, some: &SomeBefore, violations: &mut Vec<Violation>) {
    if some.kind != OrderKind::Mandatory {
        return;
    }
    let needed = some
        .firsts
        .iter()
        .all(|(_, verb)| matches!(verb, Verb::Start | Verb::Promote));
    let excused = some.firsts.iter().any(|(first, _)| {
        let leaves = scene.tree.leaves(*first);
        leaves.iter().any(|leaf| scene.is_left_alone(*leaf))
    });
    if !needed || excused {
        return;
    }
    let enough = some.enough.min(some.firsts.len());
    for (then, then_verb) in &some.thens {
        let leaves = scene.tree.leaves(*then);
        for (slot, role) in scene.free_after() {
            if !leaves.contains(&slot.resource) || !brings(*then_verb, role) {
                continue;
            }
            let begun = match then_verb {
                Verb::Promote => scene.step_in(slot, Action::Promote),
                Verb::Start | Verb::Stop | Verb::Demote => scene.step_in(slot, Action::Start),
            };
            let hearsay = scene.before.get(&slot).is_some_and(|before| before.hearsay);
            if begun.is_none() && (hearsay || !some.symmetrical) {
                continue;
            }
            let present = some.firsts.iter().filter(|(first, verb)| {
                scene
                    .tree
                    .leaves(*first)
                    .iter()
                    .any(|leaf| is_there(scene, (*leaf, *verb), begun))
            });
            let present = present.count();
            if present < enough {
                violations.push(Violation::new(
                    Rule::Order,
                    format!(
                        "{} runs with {present} of what it needs, {enough} are needed ({})",
                        scene.show(slot),
                        some.id
                    ),
                ));
            }
        }
    }
}

/// Whether something is there after the round; and, where something waits for it, has come
/// to be there before that.
fn is_there(scene: &Scene<'_>, (leaf, verb): (ResourceIx, Verb), begun: Option<usize>) -> bool {
    scene.after.iter().any(|(slot, role)| {
        let there = slot.resource == leaf && brings(verb, *role);
        let begins = [action_of(verb), Action::MigrateFrom]
            .iter()
            .find_map(|action| scene.step_in(*slot, *action));
        let in_time = match (begun, begins) {
            (Some(begun), Some(begins)) => scene.precedes(begins, begun),
            (None, _) | (_, None) => true,
        };
        there && in_time
    })
}
