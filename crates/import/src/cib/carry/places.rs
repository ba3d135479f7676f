//! Locations: where a service prefers to be, and where it never is.

use std::collections::{BTreeMap, BTreeSet};

use planner::arrange::{NodeIx, ResourceIx, Score};
use planner::rule::{Condition, Facts, Test};

use super::super::rules::{self, ValueSources};
use super::super::source::{Xml, id};
use super::super::{location, values, words};
use super::Carry;
use super::relations::{Part, Relations, Rules, end_of, tell_part};
use super::wheres;

/// What locations say of nodes by name, while they are read.
#[derive(Default)]
pub(super) struct Places {
    scores: BTreeMap<ResourceIx, BTreeMap<NodeIx, Score>>,
    /// Nodes outside of which a service is not even looked for.
    limits: BTreeMap<ResourceIx, BTreeSet<NodeIx>>,
}

pub(super) fn location<'a>(
    carry: &mut Carry<'_, 'a>,
    element: Xml<'a>,
    relations: &mut Relations,
    places: &mut Places,
) {
    let shown = id(element);
    let Some(subjects) = subjects(carry, element) else {
        let text = format!("{shown}: a location by what its pattern matched");
        carry.leave(element, text);
        return;
    };
    let mut services = Vec::new();
    for resource in subjects {
        match end_of(carry, relations, resource) {
            Some(end) => {
                tell_part(carry, element, (end, resource), Part::First);
                services.push(end.service);
            }
            None => carry.leave(
                element,
                format!("{shown}: a location of what is no service here"),
            ),
        }
    }
    services.dedup();
    if services.is_empty() {
        return;
    }
    if element.attribute("resource-discovery") == Some("never") {
        let text = format!("{shown}: that nobody looks there; here each node says what it runs");
        carry.leave(element, text);
    }
    if let Some(text) = one(carry, element, &services, (relations, places)) {
        carry.leave(element, format!("{shown}: {text}"));
    }
}

/// Why it, or a part of it, has no words in our file.
fn one<'a>(
    carry: &mut Carry<'_, 'a>,
    element: Xml<'a>,
    services: &[ResourceIx],
    (relations, places): (&mut Relations, &mut Places),
) -> Option<&'static str> {
    let is_limit = element.attribute("resource-discovery") == Some("exclusive");
    let rules = carry.draft.source.children(element, "rule");
    let mut problem = None;
    if has_role(element) {
        return Some(
            "a location for a role; here `prefer` and the promotion scores say who is promoted",
        );
    }
    if rules.is_empty() {
        let node = element.attribute("node");
        let node = *carry.draft.nodes.get(node?)?;
        let score = element.attribute("score").and_then(values::score);
        let found = [(node, score.unwrap_or_default())];
        return add(carry, services, &found, (places, is_limit));
    }
    for rule in rules {
        let told = by_rule(carry, rule, services, (relations, places, is_limit));
        problem = problem.or(told);
    }
    problem
}

fn has_role(element: Xml<'_>) -> bool {
    let role = element.attribute("role").and_then(words::role);
    element.has_attribute("role") && role != Some("Started")
}

fn by_rule<'a>(
    carry: &mut Carry<'_, 'a>,
    rule: Xml<'a>,
    services: &[ResourceIx],
    (relations, places, is_limit): (&mut Relations, &mut Places, bool),
) -> Option<&'static str> {
    if has_role(rule) {
        return Some(
            "a location for a role; here `prefer` and the promotion scores say who is promoted",
        );
    }
    if rule.has_attribute("score-attribute") {
        return Some("a location whose score stands in an attribute of the node");
    }
    let looks_elsewhere = rule.descendants().any(|part| {
        let source = part.attribute("value-source");
        source.is_some_and(|source| source != "literal")
    });
    if looks_elsewhere {
        return Some("a location that compares with what stands at the resource");
    }
    let score = rule.attribute("score").and_then(values::score)?;
    let condition = rules::condition(&carry.draft.source, rule, ValueSources::default());
    if is_about_names(&condition) {
        let found: Vec<_> = nodes_where(carry, &condition)
            .map(|node| (node, score))
            .collect();
        return add(carry, services, &found, (places, is_limit));
    }
    if is_limit || (!carry.draft.wanted.policy.opt_out && !score.is_never()) {
        return Some("a location that allows nodes by their attributes");
    }
    if score == Score::ZERO {
        return None;
    }
    let Some(found) = wheres::of(&condition, score) else {
        return Some("a location by a rule that `where` cannot say");
    };
    if score < Score::ZERO && !score.is_never() {
        let text = format!(
            "{}: points against a node; here it is used when no other is left, there what is below zero is not",
            id(rule)
        );
        carry.leave(rule, text);
    }
    if found.iter().any(wheres::forbids_unset) {
        let text = format!(
            "{}: here nodes without the attribute are forbidden as well",
            id(rule)
        );
        carry.leave(rule, text);
    }
    if differs_by_case(carry, &condition) {
        let text = format!(
            "{}: here capital letters matter, there they do not",
            id(rule)
        );
        carry.leave(rule, text);
    }
    for service in services {
        let rules = relations.get_mut(service).expect("an end is a service");
        rules.wheres.extend(found.iter().cloned());
    }
    None
}

/// Names of nodes stay, so such a rule can be worked out now.
fn is_about_names(condition: &Condition) -> bool {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => {
            !parts.is_empty() && parts.iter().all(is_about_names)
        }
        Condition::Attribute { name, .. } => ["#uname", "#id"].contains(&name.as_str()),
        Condition::Time(_)
        | Condition::ResourceKind { .. }
        | Condition::Operation { .. }
        | Condition::Fixed(_) => false,
    }
}

/// Whether a node has what the rule asks for in other letters.
fn differs_by_case(carry: &Carry<'_, '_>, condition: &Condition) -> bool {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter().any(|part| differs_by_case(carry, part))
        }
        Condition::Attribute {
            name,
            test: Test::Compares {
                with: Some(with), ..
            },
        } => carry.draft.observed.nodes.iter().any(|node| {
            let value = node.attributes.get(name);
            value.is_some_and(|value| value != with && value.eq_ignore_ascii_case(with))
        }),
        Condition::Attribute { .. }
        | Condition::Time(_)
        | Condition::ResourceKind { .. }
        | Condition::Operation { .. }
        | Condition::Fixed(_) => false,
    }
}

fn nodes_where(carry: &Carry<'_, '_>, condition: &Condition) -> impl Iterator<Item = NodeIx> {
    let nodes = carry.draft.observed.nodes.iter().enumerate();
    nodes
        .filter(|(_, node)| {
            condition.holds(&Facts {
                attributes: Some(&node.attributes),
                ..Facts::default()
            })
        })
        .map(|(i, _)| NodeIx(i))
}

fn add(
    carry: &Carry<'_, '_>,
    services: &[ResourceIx],
    found: &[(NodeIx, Score)],
    (places, is_limit): (&mut Places, bool),
) -> Option<&'static str> {
    for service in services {
        let scores = places.scores.entry(*service).or_default();
        for (node, score) in found {
            *scores.entry(*node).or_default() += *score;
        }
        if is_limit {
            let limit = places.limits.entry(*service).or_default();
            limit.extend(found.iter().map(|(node, _)| *node));
        }
    }
    let is_stranger = |(node, _): &(NodeIx, Score)| !carry.members.contains(node);
    let told = "it speaks of a node that is no member of the cluster itself";
    found.iter().any(is_stranger).then_some(told)
}

/// Whom a location speaks of; none when that depends on what a pattern matched.
fn subjects<'a>(carry: &Carry<'_, 'a>, element: Xml<'a>) -> Option<Vec<ResourceIx>> {
    if let Some(name) = element.attribute("rsc") {
        return Some(carry.draft.named(name));
    }
    if let Some(pattern) = element.attribute("rsc-pattern") {
        let uses_match = element.descendants().any(|part| {
            let mut attributes = part.attributes();
            attributes.any(|attribute| {
                attribute.name().contains("attribute") && attribute.value().contains('%')
            })
        });
        let found = location::matches(carry.draft, pattern)?;
        return (!uses_match).then(|| found.into_iter().map(|(resource, _)| resource).collect());
    }
    let source = &carry.draft.source;
    let sets = source.children(element, "resource_set");
    let members = sets
        .into_iter()
        .flat_map(|set| source.children(set, "resource_ref"));
    Some(
        members
            .flat_map(|member| carry.draft.named(id(member)))
            .collect(),
    )
}

/// Sums of scores become lists of nodes.
pub(super) fn finish(carry: &Carry<'_, '_>, relations: &mut Relations, places: &Places) {
    let opt_out = carry.draft.wanted.policy.opt_out;
    let none = BTreeMap::new();
    for (service, rules) in relations {
        let scores = places.scores.get(service).unwrap_or(&none);
        let limit = places.limits.get(service);
        let is_allowed = |node: &NodeIx| {
            (opt_out || scores.contains_key(node)) && limit.is_none_or(|limit| limit.contains(node))
        };
        let nodes = carry.members.iter().copied();
        let scored = nodes.map(|node| (node, scores.get(&node).copied().unwrap_or_default()));
        rules.only = !opt_out || limit.is_some();
        for (node, score) in scored {
            sort_in(rules, node, (score, is_allowed(&node)));
        }
        rules
            .prefer
            .sort_by_key(|(_, score)| std::cmp::Reverse(*score));
    }
}

fn sort_in(rules: &mut Rules, node: NodeIx, (score, is_allowed): (Score, bool)) {
    if rules.only {
        if is_allowed && Score::ZERO <= score {
            rules.prefer.push((node, score));
        }
    } else if score.is_never() {
        rules.never_on.push(node);
    } else if score < Score::ZERO {
        rules.avoid.push((node, score));
    } else if Score::ZERO < score {
        rules.prefer.push((node, score));
    }
}
