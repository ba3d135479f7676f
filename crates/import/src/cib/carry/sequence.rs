//! Orders: what starts before what.

use planner::arrange::{Kind, Order, OrderKind, ResourceIx, SomeBefore, Verb};

use super::super::source::{Xml, id};
use super::Carry;
use super::relations::{After, Part, Relations, end_of, has_roles, tell_part};

pub(super) fn order<'a>(carry: &mut Carry<'_, 'a>, element: Xml<'a>, relations: &mut Relations) {
    let shown = id(element);
    let draft = carry.draft;
    for order in draft.wanted.orders.iter().filter(|it| it.id == shown) {
        one(carry, element, (order, Copies::AsItSays), relations);
    }
    for some in draft.wanted.some_before.iter().filter(|it| it.id == shown) {
        let [(first, first_verb)] = some.firsts.as_slice() else {
            if let Err(why) = one_of(carry, some, relations) {
                carry.leave(
                    element,
                    format!("{shown}: one of several before another{why}"),
                );
            }
            continue;
        };
        let then = some.thens.first();
        let then = then.and_then(|(then, _)| end_of(carry, relations, *then));
        let here = match then.map(|then| &draft.resource(then.service).kind) {
            Some(Kind::Clone { .. }) => "each copy needs the one on its own node",
            Some(Kind::Single | Kind::Group { .. }) | None => {
                "copies that are starting are waited for as well"
            }
        };
        carry.leave(element, format!("{shown}: one copy is enough; here {here}"));
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
            one(carry, element, (&order, Copies::OneIsEnough), relations);
        }
    }
}

/// "One of these before that"; where our file cannot say it, why.
fn one_of(
    carry: &Carry<'_, '_>,
    some: &SomeBefore,
    relations: &mut Relations,
) -> Result<(), &'static str> {
    let all = some.firsts.iter().chain(&some.thens);
    let is_plain = some.enough == 1 && some.kind == OrderKind::Mandatory;
    if !is_plain || !all.clone().all(|(_, verb)| *verb == Verb::Start) {
        return Err("; here one is enough, all are starts, and it always holds");
    }
    let mut ends = all.map(|(resource, _)| end_of(carry, relations, *resource));
    if ends.any(|end| end.is_none_or(|end| end.part != Part::Whole)) {
        return Err(", and not all are services here");
    }
    let firsts: Vec<ResourceIx> = some.firsts.iter().map(|(first, _)| *first).collect();
    for (then, _) in &some.thens {
        if firsts
            .iter()
            .any(|first| waits_for(relations, *first, *then))
        {
            return Err(
                "; with the orders before it, services would wait for each other in a circle",
            );
        }
        let rules = relations.get_mut(then).expect("an end is a service");
        rules.after_one_of.push(firsts.clone());
    }
    Ok(())
}

/// How many copies of the first are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Copies {
    /// As the clones say.
    AsItSays,
    /// `require-all=false`.
    OneIsEnough,
}

fn one<'a>(
    carry: &mut Carry<'_, 'a>,
    element: Xml<'a>,
    (order, copies): (&Order, Copies),
    relations: &mut Relations,
) {
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
    let needs_all = copies == Copies::AsItSays && needs_all_copies(carry, ends);
    match order.kind {
        OrderKind::Serialize => serialize(relations, ends),
        OrderKind::Mandatory => {
            let how = match (always, order.symmetrical) {
                (After::Always, true) if needs_all => After::AllCopies,
                (After::Always, false) if needs_all => After::StartsOnlyAll,
                (After::Always, false) => After::StartsOnly,
                (always, _) => always,
            };
            follow(carry, element, relations, (ends, how));
        }
        OrderKind::Optional => follow(carry, element, relations, (ends, After::OnlyIfBoth)),
    }
    let is_told = order.kind == OrderKind::Mandatory && always == After::Always;
    if !order.symmetrical && order.kind != OrderKind::Serialize && !is_told {
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
        let rules = &relations[&service];
        let several = rules.after_one_of.iter().flatten();
        for other in rules.after.iter().map(|(other, _)| other).chain(several) {
            if !seen.contains(other) {
                seen.push(*other);
            }
        }
        next += 1;
    }
    seen.contains(&whom)
}

/// Whether each copy of the second waits for all of the first: both have copies, and those of the
/// second are not interleaved.
fn needs_all_copies(carry: &Carry<'_, '_>, (first, then): (ResourceIx, ResourceIx)) -> bool {
    let rules = |service: ResourceIx| match &carry.draft.resource(service).kind {
        Kind::Clone { rules, .. } => Some(rules),
        Kind::Single | Kind::Group { .. } => None,
    };
    let pair = rules(first).zip(rules(then));
    pair.is_some_and(|(first, then)| first.enough == 0 && !then.interleave)
}

/// Where so many copies are enough, they are counted otherwise here.
fn tell_copies<'a>(carry: &mut Carry<'_, 'a>, element: Xml<'a>, order: &Order) {
    let kind = |resource: ResourceIx| &carry.draft.resource(resource).kind;
    if (order.kind, order.first_verb) != (OrderKind::Mandatory, Verb::Start) {
        return;
    }
    let Kind::Clone { rules: first, .. } = kind(order.first) else {
        return;
    };
    let (few, here) = match kind(order.then) {
        Kind::Clone { .. } => (1, "each copy needs the one on its own node"),
        Kind::Single | Kind::Group { .. } => (2, "one is enough when no other is starting"),
    };
    if few <= first.enough {
        let (shown, enough) = (id(element), first.enough);
        let text = format!("{shown}: {enough} of the copies must run there; here {here}");
        carry.leave(element, text);
    }
}
