//! `<rsc_order>`: what comes before what.

use planner::arrange::{Kind, Order, OrderKind, ResourceIx, SomeBefore, Verb};

use super::draft::Draft;
use super::sets::{self, Set};
use super::source::{Xml, id};
use super::values;

/// How strictly a constraint holds.
#[derive(Clone, Copy)]
struct Strictness {
    kind: OrderKind,
    symmetrical: bool,
}

pub(super) fn read(draft: &mut Draft<'_>) {
    for element in draft.source.section_elements("constraints") {
        if element.tag_name().name() == "rsc_order" {
            one(draft, element);
        }
    }
}

/// What an element says, or else what stands above it.
fn strictness(element: Xml<'_>, above: Option<Strictness>) -> Strictness {
    let old_score = element.attribute("score").and_then(values::score);
    let kind = match (element.attribute("kind"), old_score) {
        (Some(word), _) if word.eq_ignore_ascii_case("optional") => OrderKind::Optional,
        (Some(word), _) if word.eq_ignore_ascii_case("serialize") => OrderKind::Serialize,
        (Some(_), _) => OrderKind::Mandatory,
        (None, Some(score)) if score.value() == 0 => OrderKind::Optional,
        (None, Some(_)) => OrderKind::Mandatory,
        (None, None) => above.map_or(OrderKind::Mandatory, |above| above.kind),
    };
    let symmetrical = element.attribute("symmetrical").and_then(values::truth);
    let default = above.is_none_or(|above| above.symmetrical);
    Strictness {
        kind,
        symmetrical: kind != OrderKind::Serialize && symmetrical.unwrap_or(default),
    }
}

/// The attributes that name both ends, with their actions. In Heartbeat's time the one that
/// follows was named first, unless `type` said otherwise.
fn ends(element: Xml<'_>) -> Option<([&'static str; 3], [&'static str; 3])> {
    if element.has_attribute("first") {
        return Some((["first", "", "first-action"], ["then", "", "then-action"]));
    }
    let (from, to) = (["from", "", "action"], ["to", "", "to_action"]);
    element.has_attribute("from").then(|| {
        let is_before = element.attribute("type") == Some("before");
        if is_before { (from, to) } else { (to, from) }
    })
}

fn one<'a>(draft: &mut Draft<'a>, element: Xml<'a>) {
    let whole = strictness(element, None);
    if let Some((first, then)) = ends(element) {
        let first = sets::from_attribute(draft, element, first);
        let then = sets::from_attribute(draft, element, then);
        let (Some(mut first), Some(mut then)) = (first, then) else {
            return;
        };
        if element.has_attribute("from") {
            first.action = first.action.or(then.action);
        }
        then.action = then.action.or(first.action);
        first.action = first.action.or(Some("start"));
        let needs_all = element.attribute("require-all").and_then(values::truth);
        first.require_all = needs_all.unwrap_or(true);
        let is_clone = first
            .members
            .iter()
            .any(|first| matches!(draft.resource(*first).kind, Kind::Clone { .. }));
        first.require_all |= !is_clone;
        between(draft, element, whole, &first, &then);
        return;
    }
    let sets = sets::of(draft, element);
    for set in &sets {
        within(draft, element, strictness(set.element, Some(whole)), set);
    }
    for pair in sets.windows(2) {
        between(draft, element, whole, &pair[0], &pair[1]);
    }
}

fn action(draft: &mut Draft<'_>, set: &Set<'_>) -> Option<Verb> {
    sets::verb(draft, set.element, set.action.unwrap_or("start"))
}

fn within<'a>(draft: &mut Draft<'a>, element: Xml<'a>, how: Strictness, set: &Set<'a>) {
    if !set.sequential {
        return;
    }
    let Some(verb) = action(draft, set) else {
        return;
    };
    for pair in set.members.windows(2) {
        add(draft, element, how, (pair[0], verb), (pair[1], verb));
    }
}

fn between<'a>(
    draft: &mut Draft<'a>,
    element: Xml<'a>,
    how: Strictness,
    first: &Set<'a>,
    then: &Set<'a>,
) {
    let Some(first_verb) = action(draft, first) else {
        return;
    };
    let Some(then_verb) = action(draft, then) else {
        return;
    };
    let ends = |set: &[ResourceIx], verb: Verb| -> Vec<(ResourceIx, Verb)> {
        set.iter().map(|resource| (*resource, verb)).collect()
    };
    if first.require_all {
        for first in ends(first.lasts(), first_verb) {
            for then in ends(then.firsts(), then_verb) {
                add(draft, element, how, first, then);
            }
        }
        return;
    }
    draft.wanted.some_before.push(SomeBefore {
        id: id(element).to_string(),
        firsts: ends(first.lasts(), first_verb),
        enough: 1,
        thens: ends(then.firsts(), then_verb),
        kind: how.kind,
        symmetrical: how.symmetrical,
    });
}

fn add(
    draft: &mut Draft<'_>,
    element: Xml<'_>,
    how: Strictness,
    first: (ResourceIx, Verb),
    then: (ResourceIx, Verb),
) {
    draft.wanted.orders.push(Order {
        id: id(element).to_string(),
        first: first.0,
        first_verb: first.1,
        then: then.0,
        then_verb: then.1,
        kind: how.kind,
        symmetrical: how.symmetrical,
    });
}
