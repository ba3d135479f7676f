//! Orders: what starts before what.

use planner::arrange::{Kind, Order, OrderKind, ResourceIx, Verb};

use super::super::source::{Xml, id};
use super::Carry;
use super::relations::{After, Part, Relations, end_of, has_roles, tell_part};

pub(super) fn order<'a>(carry: &mut Carry<'_, 'a>, element: Xml<'a>, relations: &mut Relations) {
    let shown = id(element);
    let draft = carry.draft;
    for order in draft.wanted.orders.iter().filter(|it| it.id == shown) {
        one(carry, element, order, relations);
    }
    for some in draft.wanted.some_before.iter().filter(|it| it.id == shown) {
        let [(first, first_verb)] = some.firsts.as_slice() else {
            carry.leave(
                element,
                format!("{shown}: one of several before another; here each is waited for, or none"),
            );
            continue;
        };
        let text = format!(
            "{shown}: one copy is enough; here copies that are starting are waited for as well"
        );
        carry.leave(element, text);
        for (then, then_verb) in &some.thens {
            let order = Order {
                id: some.id.clone(),
                first: *first,
                first_verb: *first_verb,
                then: *then,
                then_verb: *then_verb,
                kind: some.kind,
                symmetrical: some.symmetrical,
            };
            one(carry, element, &order, relations);
        }
    }
}

fn one<'a>(carry: &mut Carry<'_, 'a>, element: Xml<'a>, order: &Order, relations: &mut Relations) {
    let shown = id(element);
    let first = end_of(carry, relations, order.first);
    let then = end_of(carry, relations, order.then);
    let (Some(first), Some(then)) = (first, then) else {
        carry.leave(
            element,
            format!("{shown}: an order of what is no service here"),
        );
        return;
    };
    let Some(always) = strictest(carry, order, first.service) else {
        carry.leave(
            element,
            format!(
                "{shown}: an order of something else than two starts, or a promotion and a start"
            ),
        );
        return;
    };
    if first.service == then.service {
        if !is_order_of_file(carry, order) {
            carry.leave(element, format!("{shown}: an order inside of one service; its resources start in the order of the file"));
        }
        return;
    }
    tell_part(carry, element, (first, order.first), Part::Last);
    tell_part(carry, element, (then, order.then), Part::First);
    let ends = (first.service, then.service);
    match order.kind {
        OrderKind::Serialize => serialize(relations, ends),
        OrderKind::Mandatory => follow(carry, element, relations, (ends, always)),
        OrderKind::Optional => follow(carry, element, relations, (ends, After::OnlyIfBoth)),
    }
    if !order.symmetrical && order.kind != OrderKind::Serialize {
        let text = format!("{shown}: an order of starts alone; here stops follow it in reverse");
        carry.leave(element, text);
    }
    tell_copies(carry, element, order);
}

/// Members of one group start in its order anyway.
fn is_order_of_file(carry: &Carry<'_, '_>, order: &Order) -> bool {
    let parent = carry.draft.resource(order.first).parent;
    let members = parent.map(|parent| &carry.draft.resource(parent).kind);
    let Some(Kind::Group { members, .. }) = members else {
        return false;
    };
    let place = |resource: ResourceIx| members.iter().position(|member| *member == resource);
    place(order.first)
        .zip(place(order.then))
        .is_some_and(|(first, then)| first < then)
}

/// How a mandatory order of these is said; none where it cannot be: promotions come before
/// starts of what has no copies, and are waited for.
fn strictest(carry: &Carry<'_, '_>, order: &Order, first: ResourceIx) -> Option<After> {
    let is_mandatory = order.kind == OrderKind::Mandatory;
    let has_copies = |mut resource: ResourceIx| {
        loop {
            let known = carry.draft.resource(resource);
            match (&known.kind, known.parent) {
                (Kind::Clone { .. }, _) => return true,
                (Kind::Single | Kind::Group { .. }, Some(parent)) => resource = parent,
                (Kind::Single | Kind::Group { .. }, None) => return false,
            }
        }
    };
    match (order.first_verb, order.then_verb) {
        (Verb::Start, Verb::Start) => Some(After::Always),
        (Verb::Promote, Verb::Start)
            if is_mandatory && has_roles(carry, first) && !has_copies(order.then) =>
        {
            Some(After::Promoted)
        }
        (Verb::Start | Verb::Stop | Verb::Promote | Verb::Demote, _) => None,
    }
}

fn serialize(relations: &mut Relations, (first, then): (ResourceIx, ResourceIx)) {
    let is_said = relations[&first].not_while_starting.contains(&then);
    let rules = relations.get_mut(&then).expect("an end is a service");
    if !is_said && !rules.not_while_starting.contains(&first) {
        rules.not_while_starting.push(first);
    }
}

fn follow<'a>(
    carry: &mut Carry<'_, 'a>,
    element: Xml<'a>,
    relations: &mut Relations,
    ((first, then), how): ((ResourceIx, ResourceIx), After),
) {
    if waits_for(relations, first, then) {
        let text = format!(
            "{}: with the orders before it, services would wait for each other in a circle",
            id(element)
        );
        carry.leave(element, text);
        return;
    }
    let rules = relations.get_mut(&then).expect("an end is a service");
    match rules.after.iter_mut().find(|(other, _)| *other == first) {
        Some((_, known)) => *known = how.max(*known),
        None => rules.after.push((first, how)),
    }
}

/// Whether one comes after the other, by way of others as well.
fn waits_for(relations: &Relations, who: ResourceIx, whom: ResourceIx) -> bool {
    let mut seen = vec![who];
    let mut next = 0;
    while let Some(&service) = seen.get(next) {
        for (other, _) in &relations[&service].after {
            if !seen.contains(other) {
                seen.push(*other);
            }
        }
        next += 1;
    }
    seen.contains(&whom)
}

/// Where both have copies, each follows the one on its own node.
fn tell_copies<'a>(carry: &mut Carry<'_, 'a>, element: Xml<'a>, order: &Order) {
    let kind = |resource: ResourceIx| &carry.draft.resource(resource).kind;
    if (order.kind, order.first_verb) != (OrderKind::Mandatory, Verb::Start) {
        return;
    }
    let (Kind::Clone { rules: first, .. }, then) = (kind(order.first), kind(order.then)) else {
        return;
    };
    let shown = id(element);
    let text = match then {
        Kind::Clone { rules, .. } if !rules.interleave => Some(format!(
            "{shown}: each copy waits for all of the other there; here it needs the one on its own node"
        )),
        Kind::Clone { .. } => None,
        Kind::Single | Kind::Group { .. } if 1 < first.enough => Some(format!(
            "{shown}: {} copies must run there; here one is enough when no other is starting",
            first.enough
        )),
        Kind::Single | Kind::Group { .. } => None,
    };
    if let Some(text) = text {
        carry.leave(element, text);
    }
}
