//! Orders between resources, as edges between deeds.

use super::deeds::{DeedIx, Deeds, End, Means};
use super::relate::Link;
use super::scene::{PartIx, Scene};
use super::{NodeIx, Order, OrderKind, Placement, Role, SomeBefore, Verb};

const BOTH: Means = Means::BLOCK.and(Means::FOLLOW_MANAGED);
const BACK: Means = Means::BLOCK.and(Means::PULL_MANAGED);

pub(super) fn orders(scene: &Scene<'_>, deeds: &mut Deeds) {
    for order in &scene.wanted.orders {
        let order = &ascending(order);
        let first = scene.spoken_of(order.first);
        let then = scene.spoken_of(order.then);
        if let (Some(first), Some(then)) = (first, then)
            && first != then
        {
            let pair = Pair {
                scene,
                order,
                first,
                then,
            };
            pair.edges(deeds);
        }
    }
    for some in &scene.wanted.some_before {
        some_before(scene, deeds, some);
    }
    for part in (0..scene.parts.len()).map(PartIx) {
        for link in scene.links_of(part) {
            together(scene, deeds, &link);
        }
    }
    for part in (0..scene.parts.len()).map(PartIx) {
        for link in scene.links_of(part) {
            apart(scene, deeds, &link);
        }
    }
    room(scene, deeds);
    for order in &scene.wanted.orders {
        if order.kind == OrderKind::Serialize {
            serialized(scene, deeds, order);
        }
    }
}

/// Where room counts, what comes to a node waits for what goes.
fn room(scene: &Scene<'_>, deeds: &mut Deeds) {
    if scene.wanted.policy.placement == Placement::Count {
        return;
    }
    let gates: Vec<DeedIx> = scene.nodes.iter().map(|_| deeds.gate(None)).collect();
    for at in (0..scene.parts.len()).map(PartIx) {
        if scene.settings(at).utilization.is_empty() {
            continue;
        }
        let own = deeds.own[at.0].clone();
        for (node, stop) in own.stops {
            deeds.edge(stop, gates[node.0], Means::BLOCK);
        }
        if let (Some(start), Some(node)) = (own.start, scene.part(at).place.node()) {
            deeds.edge(gates[node.0], start, Means::BLOCK_NEW);
        }
    }
}

/// Not both at once: in whichever way agrees with all other orders.
fn serialized(scene: &Scene<'_>, deeds: &mut Deeds, order: &Order) {
    let (Some(first), Some(then)) = (scene.spoken_of(order.first), scene.spoken_of(order.then))
    else {
        return;
    };
    for one in of_verb(deeds, first, order.first_verb, End::Completion) {
        for other in of_verb(deeds, then, order.then_verb, End::Beginning) {
            if deeds.comes_before(other, one) {
                deeds.edge(other, one, Means::ORDER);
            } else {
                deeds.edge(one, other, Means::ORDER);
            }
        }
    }
}

/// What must be with something that cannot run cannot run either.
fn together(scene: &Scene<'_>, deeds: &mut Deeds, link: &Link<'_>) {
    if !link.score.is_must() || link.attribute.is_some() {
        return;
    }
    let means = Means::BLOCK.and(Means::UNORDERED);
    let verb_of = |role: Option<Role>| match role {
        Some(Role::Promoted) => Some(Verb::Promote),
        None | Some(Role::Started) => Some(Verb::Start),
        Some(Role::Unpromoted) => None,
    };
    let (Some(first_verb), Some(then_verb)) =
        (verb_of(link.primary_role), verb_of(link.dependent_role))
    else {
        return;
    };
    let of = |at: PartIx| match scene.is_clone(at) {
        true => scene.instances(at).to_vec(),
        false => vec![at],
    };
    let firsts = of(link.primary);
    // Nobody relies on what waits for a person, where another instance is beside it.
    let is_blocked = |at: PartIx| scene.part(scene.singles(at)[0]).blocked;
    let has_a_sound_one = |node: NodeIx| {
        let mut firsts = firsts.iter();
        firsts.any(|first| scene.node_of(*first) == Some(node) && !is_blocked(*first))
    };
    for first in firsts.iter().copied() {
        for then in of(link.dependent) {
            let node = scene.node_of(then);
            if scene.is_clone(link.primary) {
                let is_beside = node.is_some() && scene.node_of(first) == node;
                if !is_beside || (is_blocked(first) && node.is_some_and(has_a_sound_one)) {
                    continue;
                }
            }
            // An instance is there as soon as its first part is.
            let first = match scene.is_clone(link.primary) {
                true => scene.singles(first)[0],
                false => first,
            };
            for from in of_verb(deeds, first, first_verb, End::Completion) {
                for to in of_verb(deeds, then, then_verb, End::Beginning) {
                    deeds.edge(from, to, means);
                }
            }
        }
    }
}

/// What must not be with something is in a place (or in the role that is spoken of) only once
/// that is gone from there (or from its role). The other way round it is only a matter of
/// order: what goes before what comes.
fn apart(scene: &Scene<'_>, deeds: &mut Deeds, link: &Link<'_>) {
    if !link.score.is_never() {
        return;
    }
    let dependent = (link.dependent, link.dependent_role);
    let primary = (link.primary, link.primary_role);
    let pairs = [
        (dependent, primary, Means::BLOCK),
        (primary, dependent, Means::ORDER),
    ];
    for (comes, goes, means) in pairs {
        comes_after(scene, deeds, link.attribute, (comes, goes), means);
    }
}

/// A part, perhaps in one role only.
type InRole = (PartIx, Option<Role>);

/// What comes to a place does so after another has gone from there.
fn comes_after(
    scene: &Scene<'_>,
    deeds: &mut Deeds,
    attribute: Option<&String>,
    (comes, goes): (InRole, InRole),
    means: Means,
) {
    for then in scene.singles(comes.0) {
        let Some(node) = scene.part(then).place.node() else {
            continue;
        };
        let begin = match comes.1 {
            None | Some(Role::Started) => deeds.starts(then, End::Beginning),
            Some(Role::Promoted) => deeds.promotes(then, End::Beginning),
            Some(Role::Unpromoted) => continue,
        };
        for first in scene.singles(goes.0) {
            let ends = ends_of(scene, deeds, (first, goes.1));
            let near = |at: &NodeIx| scene.same_place(attribute, *at, node);
            for (_, end) in ends.into_iter().filter(|(at, _)| near(at)) {
                if !deeds.comes_before(begin, end) {
                    deeds.edge(end, begin, means);
                }
            }
        }
    }
}

/// What ends that a single part is in a place, or leads there.
fn ends_of(scene: &Scene<'_>, deeds: &Deeds, (at, role): InRole) -> Vec<(NodeIx, DeedIx)> {
    let own = &deeds.own[at.0];
    let leads = |node: NodeIx| {
        let mut here = scene.part(at).here.iter();
        here.any(|here| here.node == node && (here.role == Role::Promoted || here.may_lead()))
    };
    match role {
        None | Some(Role::Started) => own.stops.clone(),
        Some(Role::Promoted) => {
            let ends = own.demotes.iter().chain(&own.stops).copied();
            ends.filter(|(node, _)| leads(*node)).collect()
        }
        Some(Role::Unpromoted) => Vec::new(),
    }
}

/// Whether an order is told by its way down although it holds both ways.
fn is_descending(order: &Order) -> bool {
    let is_down = |verb: Verb| matches!(verb, Verb::Stop | Verb::Demote);
    order.symmetrical && is_down(order.first_verb) && is_down(order.then_verb)
}

/// The same order, told by its way up.
fn ascending(order: &Order) -> Order {
    if !is_descending(order) {
        return order.clone();
    }
    Order {
        first: order.then,
        first_verb: opposite(order.then_verb),
        then: order.first,
        then_verb: opposite(order.first_verb),
        ..order.clone()
    }
}

struct Pair<'s, 'a> {
    scene: &'s Scene<'a>,
    order: &'s Order,
    first: PartIx,
    then: PartIx,
}

impl Pair<'_, '_> {
    fn edges(&self, deeds: &mut Deeds) {
        if self.order.kind == OrderKind::Serialize {
            return;
        }
        if self.is_interleaved() {
            self.interleaved(deeds);
            return;
        }
        let (first, then) = (self.first, self.then);
        self.forward(deeds, first, then);
        if self.order.symmetrical {
            self.backward(deeds, first, then);
        }
    }

    fn mandatory(&self) -> bool {
        self.order.kind == OrderKind::Mandatory
    }

    /// Two clones of which each instance needs only the one on its own node.
    fn is_interleaved(&self) -> bool {
        let first = self.scene.clone_rules(self.first);
        let then = self.scene.clone_rules(self.then);
        // Where some instances are enough, it does not matter on which nodes they are.
        first.is_some_and(|rules| rules.enough == 0) && then.is_some_and(|rules| rules.interleave)
    }

    fn forward(&self, deeds: &mut Deeds, first: PartIx, then: PartIx) {
        let (first_verb, then_verb) = (self.order.first_verb, self.order.then_verb);
        let means = self.forward_means(first);
        // What is done stays: so each single part is asked, and not the whole.
        let thens = if means.has(Means::BLOCK_NEW) {
            self.scene.singles(then)
        } else {
            vec![then]
        };
        for from in of_verb(deeds, first, first_verb, End::Completion) {
            for then in &thens {
                for to in of_verb(deeds, *then, then_verb, End::Beginning) {
                    deeds.edge(from, to, means);
                }
            }
        }
        if self.mandatory() && self.order.symmetrical {
            self.follow_same_node(deeds, first, then);
        }
    }

    fn forward_means(&self, first: PartIx) -> Means {
        if !self.mandatory() {
            return Means::ORDER;
        }
        let brings_up = matches!(self.order.first_verb, Verb::Start | Verb::Promote);
        match (brings_up, self.order.symmetrical) {
            (true, false) => Means::BLOCK_NEW,
            // A clone is not needed anew by all that depends on it when one instance is.
            (true, true) if self.scene.is_clone(first) && !self.scene.is_clone(self.then) => {
                Means::BLOCK
            }
            (true, true) => BOTH,
            (false, _) => Means::BLOCK_NEW,
        }
    }

    /// What needs a clone starts anew with the instance on its own node.
    fn follow_same_node(&self, deeds: &mut Deeds, first: PartIx, then: PartIx) {
        if !self.scene.is_clone(first) || self.scene.is_clone(then) {
            return;
        }
        let Some(node) = self.scene.node_of(then) else {
            return;
        };
        for instance in self.scene.instances(first).to_vec() {
            if self.scene.node_of(instance) != Some(node) {
                continue;
            }
            for from in of_verb(deeds, instance, self.order.first_verb, End::Completion) {
                for to in of_verb(deeds, then, self.order.then_verb, End::Beginning) {
                    deeds.edge(from, to, Means::FOLLOW_MANAGED);
                }
            }
        }
    }

    fn backward(&self, deeds: &mut Deeds, first: PartIx, then: PartIx) {
        let means = match (self.mandatory(), self.scene.is_clone(first)) {
            (false, _) => Means::ORDER,
            // Another instance may do as well, so what depends on a clone need not stop.
            (true, true) => Means::BLOCK,
            (true, false) => BACK,
        };
        let (first_verb, then_verb) = (
            opposite(self.order.first_verb),
            opposite(self.order.then_verb),
        );
        for from in of_verb(deeds, then, then_verb, End::Completion) {
            for to in of_verb(deeds, first, first_verb, End::Beginning) {
                deeds.edge(from, to, means);
            }
        }
    }

    /// Each instance with the one of the other clone on the same node.
    fn interleaved(&self, deeds: &mut Deeds) {
        let scene = self.scene;
        for then in scene.instances(self.then).to_vec() {
            let target = scene.node_of(then);
            let mut partner = None;
            for first in scene.instances(self.first).to_vec() {
                let together = target.is_some() && scene.node_of(first) == target;
                if together {
                    partner = Some(first);
                }
                if self.meet(first, then) {
                    self.forward(deeds, first, then);
                }
                if self.order.symmetrical {
                    self.backward_on_nodes(deeds, first, then);
                }
            }
            if partner.is_none() && self.mandatory() {
                self.without_partner(deeds, then);
            }
        }
    }

    /// Whether what is ordered of both is done on one node.
    fn meet(&self, first: PartIx, then: PartIx) -> bool {
        let firsts = self.nodes_of_verb(first, self.order.first_verb);
        let thens = self.nodes_of_verb(then, self.order.then_verb);
        firsts.iter().any(|node| thens.contains(node))
    }

    fn backward_on_nodes(&self, deeds: &mut Deeds, first: PartIx, then: PartIx) {
        let firsts = self.nodes_of_verb(first, opposite(self.order.first_verb));
        let thens = self.nodes_of_verb(then, opposite(self.order.then_verb));
        if firsts.iter().any(|node| thens.contains(node)) {
            self.backward(deeds, first, then);
        }
    }

    /// Where a part does something: down where it is, up where it goes.
    fn nodes_of_verb(&self, at: PartIx, verb: Verb) -> Vec<NodeIx> {
        match verb {
            Verb::Start | Verb::Promote => self.scene.node_of(at).into_iter().collect(),
            Verb::Stop | Verb::Demote => self.scene.active_nodes(at),
        }
    }

    /// On a node without an instance of the first clone, one of the second cannot be.
    fn without_partner(&self, deeds: &mut Deeds, then: PartIx) {
        let never = deeds.gate(Some(1));
        if !matches!(self.order.first_verb, Verb::Start | Verb::Promote) {
            return;
        }
        let means = if self.order.symmetrical {
            Means::BLOCK
        } else {
            Means::BLOCK_NEW
        };
        for single in self.scene.singles(then) {
            for to in of_verb(deeds, single, self.order.then_verb, End::Beginning) {
                deeds.edge(never, to, means);
            }
        }
    }
}

pub(super) fn of_verb(deeds: &Deeds, at: PartIx, verb: Verb, end: End) -> Vec<DeedIx> {
    match verb {
        Verb::Start => vec![deeds.starts(at, end)],
        Verb::Promote => vec![deeds.promotes(at, end)],
        Verb::Stop => deeds.stops(at, end),
        Verb::Demote => deeds.demotes(at, end),
    }
}

fn opposite(verb: Verb) -> Verb {
    match verb {
        Verb::Start => Verb::Stop,
        Verb::Stop => Verb::Start,
        Verb::Promote => Verb::Demote,
        Verb::Demote => Verb::Promote,
    }
}

fn some_before(scene: &Scene<'_>, deeds: &mut Deeds, some: &SomeBefore) {
    if some.kind == OrderKind::Serialize {
        return;
    }
    let gate = deeds.gate(Some(some.enough));
    for (first, verb) in &some.firsts {
        let Some(first) = scene.spoken_of(*first) else {
            continue;
        };
        for from in of_verb(deeds, first, *verb, End::Completion) {
            deeds.edge(from, gate, Means::BLOCK);
        }
    }
    let means = match (some.kind, some.symmetrical) {
        (OrderKind::Mandatory, true) => Means::BLOCK,
        (OrderKind::Mandatory, false) => Means::BLOCK_NEW,
        (OrderKind::Optional | OrderKind::Serialize, _) => Means::ORDER,
    };
    for (then, verb) in &some.thens {
        let Some(then) = scene.spoken_of(*then) else {
            continue;
        };
        for to in of_verb(deeds, then, *verb, End::Beginning) {
            deeds.edge(gate, to, means);
        }
    }
}
