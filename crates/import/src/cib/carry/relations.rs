//! Constraints: which of them our file can say.

use std::collections::BTreeMap;

use planner::arrange::{Kind, NodeIx, ResourceIx, Score};

use super::super::source::{Xml, elements, id};
use super::super::values;
use super::Carry;

/// Where a service prefers to run.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Preference {
    /// Best first.
    pub order: Vec<(NodeIx, Score)>,
    /// Whether it runs nowhere else.
    pub only: bool,
}

#[derive(Default)]
pub(super) struct Relations {
    pub preferences: BTreeMap<ResourceIx, Preference>,
    /// The second after the first.
    pub afters: Vec<(ResourceIx, ResourceIx)>,
}

/// When a service goes back to a better node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Return {
    Never,
    /// When it is better by more than so many points, a hundred for each step.
    After(u32),
}

pub(super) fn read(carry: &mut Carry<'_, '_>, services: &[ResourceIx]) -> Relations {
    let mut relations = Relations::default();
    let mut scores: BTreeMap<ResourceIx, BTreeMap<NodeIx, Score>> = BTreeMap::new();
    for element in carry.draft.source.section_elements("constraints") {
        match element.tag_name().name() {
            "rsc_location" => location(carry, element, services, &mut scores),
            "rsc_order" => order(carry, element, services, &mut relations),
            "rsc_colocation" => colocation(carry, element),
            "rsc_ticket" => carry.leave(element, format!("{}: tickets", id(element))),
            _ => {}
        }
    }
    let opt_out = carry.draft.wanted.policy.opt_out;
    for service in services {
        let own = scores.remove(service).unwrap_or_default();
        let preference = preference(carry, &own, opt_out);
        relations.preferences.insert(*service, preference);
    }
    relations
}

/// Never and finite bans become `only`, when the rest of the nodes can be named.
fn preference(
    carry: &Carry<'_, '_>,
    scores: &BTreeMap<NodeIx, Score>,
    opt_out: bool,
) -> Preference {
    let nodes = (0..carry.draft.wanted.nodes.len()).map(NodeIx);
    let bans = scores.values().any(|score| *score < Score::ZERO);
    let only = bans || !opt_out;
    let score = |node: &NodeIx| scores.get(node).copied().unwrap_or_default();
    let mut order: Vec<(NodeIx, Score)> = nodes
        .map(|node| (node, score(&node)))
        .filter(|(_, score)| {
            if bans {
                *score >= Score::ZERO
            } else {
                *score > Score::ZERO
            }
        })
        .collect();
    order.sort_by_key(|(_, score)| std::cmp::Reverse(*score));
    Preference {
        only: only && !order.is_empty(),
        order,
    }
}

/// What a name in a constraint is the service of: itself, or the group that it lies in.
fn service_of(carry: &Carry<'_, '_>, name: &str, services: &[ResourceIx]) -> Option<ResourceIx> {
    let ix = *carry.draft.resources.get(name)?;
    if services.contains(&ix) {
        return Some(ix);
    }
    let parent = carry.draft.resource(ix).parent?;
    let is_group = matches!(carry.draft.resource(parent).kind, Kind::Group { .. });
    (is_group && services.contains(&parent)).then_some(parent)
}

fn location<'a>(
    carry: &mut Carry<'_, 'a>,
    element: Xml<'a>,
    services: &[ResourceIx],
    scores: &mut BTreeMap<ResourceIx, BTreeMap<NodeIx, Score>>,
) {
    let shown = id(element);
    let service = element
        .attribute("rsc")
        .and_then(|name| carry.draft.resources.get(name).copied())
        .filter(|ix| services.contains(ix));
    let Some(service) = service else {
        let text = format!("{shown}: a location of what is no service here");
        carry.leave(element, text);
        return;
    };
    let is_plain =
        element.attribute("role").is_none() && element.attribute("resource-discovery").is_none();
    let found = named_node(carry, element);
    let Some((node, score)) = found.filter(|_| is_plain) else {
        carry.leave(
            element,
            format!("{shown}: a location by a rule, a role or discovery"),
        );
        return;
    };
    if score < Score::ZERO && !score.is_never() {
        carry.leave(
            element,
            format!("{shown}: a location that is disliked and not forbidden; it is forbidden here"),
        );
    }
    *scores.entry(service).or_default().entry(node).or_default() += score;
}

/// The one node that a location names, directly or by a rule on its name.
fn named_node(carry: &Carry<'_, '_>, element: Xml<'_>) -> Option<(NodeIx, Score)> {
    let node = |name: &str| carry.draft.nodes.get(name).copied();
    let score = |element: Xml<'_>| element.attribute("score").and_then(values::score);
    if let Some(name) = element.attribute("node") {
        return Some((node(name)?, score(element)?));
    }
    let rules: Vec<_> = elements(element).collect();
    let [rule] = rules.as_slice() else {
        return None;
    };
    let expressions: Vec<_> = elements(*rule).collect();
    let [expression] = expressions.as_slice() else {
        return None;
    };
    let is_by_name = expression.tag_name().name() == "expression"
        && expression.attribute("attribute") == Some("#uname")
        && expression.attribute("operation") == Some("eq")
        && rule.attribute("role").is_none();
    let name = expression.attribute("value").filter(|_| is_by_name)?;
    Some((node(name)?, score(*rule)?))
}

fn order<'a>(
    carry: &mut Carry<'_, 'a>,
    element: Xml<'a>,
    services: &[ResourceIx],
    relations: &mut Relations,
) {
    let shown = id(element);
    let orders: Vec<_> = carry
        .draft
        .wanted
        .orders
        .iter()
        .filter(|order| order.id == shown)
        .cloned()
        .collect();
    let is_start = |word: Option<&str>| word.is_none_or(|word| word == "start");
    let is_plain = element.attribute("first").is_some()
        && is_start(element.attribute("first-action"))
        && is_start(element.attribute("then-action"))
        && orders
            .iter()
            .all(|order| order.kind == planner::arrange::OrderKind::Mandatory && order.symmetrical);
    let end = |name: &str| {
        let name = element.attribute(name)?;
        service_of(carry, name, services)
    };
    match (end("first"), end("then")) {
        (Some(first), Some(then)) if is_plain && first == then => {
            carry.leave(element, format!("{shown}: an order inside of one service; its resources start in the order of the file"));
        }
        (Some(first), Some(then)) if is_plain => relations.afters.push((first, then)),
        (Some(_), Some(_)) => {
            carry.leave(
                element,
                format!("{shown}: an order that is not simply \"start after\""),
            );
        }
        _ => carry.leave(
            element,
            format!("{shown}: an order of what is no service here"),
        ),
    }
}

fn colocation<'a>(carry: &mut Carry<'_, 'a>, element: Xml<'a>) {
    let text =
        "services that belong together, or apart; what always runs together can be one service";
    carry.leave(element, format!("{}: {text}", id(element)));
}

/// How stickiness and scores come out in steps of a hundred points; none: not at all.
pub(super) fn stickiness(stickiness: Score, preference: &Preference) -> Option<Return> {
    let mut scores: Vec<Score> = preference.order.iter().map(|(_, score)| *score).collect();
    if !preference.only {
        // All other nodes are one step below the last.
        scores.push(Score::ZERO);
    }
    let steps = scores.len();
    let pairs = (0..steps).flat_map(|worse| (0..worse).map(move |better| (worse, better)));
    let (mut longest_stay, mut shortest_move) = (0, usize::MAX);
    for (worse, better) in pairs {
        let gain = i64::from(scores[better].value()) - i64::from(scores[worse].value());
        let is_move = i64::from(stickiness.value()) < gain;
        let distance = worse - better;
        if is_move {
            shortest_move = shortest_move.min(distance);
        } else {
            longest_stay = longest_stay.max(distance);
        }
    }
    match (longest_stay, shortest_move) {
        (_, usize::MAX) => Some(Return::Never),
        (stay, moves) if stay < moves => {
            Some(Return::After(u32::try_from(stay * 100).unwrap_or(u32::MAX)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stickiness_is_told_in_steps() {
        let of = |own: i64, scores: &[i64]| {
            let order = scores
                .iter()
                .enumerate()
                .map(|(i, s)| (NodeIx(i), Score::new(*s)));
            let preference = Preference {
                order: order.collect(),
                only: true,
            };
            stickiness(Score::new(own), &preference)
        };
        assert_eq!(of(0, &[200, 100]), Some(Return::After(0)));
        assert_eq!(of(100, &[200, 100]), Some(Return::Never));
        assert_eq!(of(150, &[300, 200, 100]), Some(Return::After(100)));
        assert_eq!(of(150, &[1000, 100, 0]), None);
    }
}
