//! Locations: where a service prefers to be, and where it never is.

use std::collections::{BTreeMap, BTreeSet};

use planner::arrange::{NodeIx, ResourceIx, Score};
use planner::rule::{Condition, Facts, Test};

use super::super::rules::{self, ValueSources};
use super::super::source::{Xml, id};
use super::super::{location, values, words};
use super::Carry;
use super::relations::{Part, Relations, Rules, end_of, has_roles, tell_part};
use super::text::name;
use super::wheres::{self, Asks, Where};

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
    if rules.is_empty() {
        let node = element.attribute("node");
        let node = *carry.draft.nodes.get(node?)?;
        let score = element.attribute("score").and_then(values::score);
        let score = score.unwrap_or_default();
        return match copies_meant(carry, services, (element, element), is_limit) {
            Err(told) => Some(told),
            Ok(Copies::All) => add(carry, services, &[(node, score)], (places, is_limit)),
            Ok(Copies::Promoted) => {
                promoted_on(carry, element, services, (relations, &[node], score))
            }
        };
    }
    for rule in rules {
        let told = match copies_meant(carry, services, (element, rule), is_limit) {
            Err(told) => Some(told),
            Ok(copies) => by_rule(
                carry,
                rule,
                (services, copies),
                (relations, places, is_limit),
            ),
        };
        problem = problem.or(told);
    }
    problem
}

/// Which copies of a service a location is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Copies {
    All,
    Promoted,
}

/// A rule may have a role of its own.
fn copies_meant(
    carry: &Carry<'_, '_>,
    services: &[ResourceIx],
    (element, rule): (Xml<'_>, Xml<'_>),
    is_limit: bool,
) -> Result<Copies, &'static str> {
    let of_rule = rule.attribute("role").or(element.attribute("role"));
    let role = of_rule.map(words::role);
    match role {
        None | Some(Some("Started")) => Ok(Copies::All),
        Some(Some("Promoted")) if services.iter().all(|it| has_roles(carry, *it)) && !is_limit => {
            Ok(Copies::Promoted)
        }
        Some(_) => Err(
            "a location for a role; here `where` has the role `promoted`, of a service with roles",
        ),
    }
}

/// The promoted copy there, or not there: a rule about nodes by their names.
fn promoted_on<'a>(
    carry: &mut Carry<'_, 'a>,
    element: Xml<'a>,
    services: &[ResourceIx],
    (relations, nodes, score): (&mut Relations, &[NodeIx], Score),
) -> Option<&'static str> {
    let is_meant = |node: &&NodeIx| nodes.contains(node) != score.is_never();
    let names: Vec<String> = carry
        .members
        .iter()
        .filter(is_meant)
        .map(|node| name(&carry.draft.wanted.nodes[node.0].name))
        .collect();
    if nodes.is_empty() || score == Score::ZERO {
        return None;
    }
    if names.is_empty() {
        return Some("a location for a role that leaves it no node, or none of a member");
    }
    tell_points_against(carry, element, score);
    for service in services {
        let rules = relations.get_mut(service).expect("an end is a service");
        rules.wheres.push(Where {
            asks: Asks::Named(names.clone()),
            points: (!score.is_never()).then(|| score.value()),
            promoted: true,
        });
    }
    None
}

fn tell_points_against<'a>(carry: &mut Carry<'_, 'a>, element: Xml<'a>, score: Score) {
    if score < Score::ZERO && !score.is_never() {
        let text = format!(
            "{}: points against a node; here it is used when no other is left, there what is below zero is not",
            id(element)
        );
        carry.leave(element, text);
    }
}

fn by_rule<'a>(
    carry: &mut Carry<'_, 'a>,
    rule: Xml<'a>,
    (services, copies): (&[ResourceIx], Copies),
    (relations, places, is_limit): (&mut Relations, &mut Places, bool),
) -> Option<&'static str> {
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
        let found: Vec<NodeIx> = nodes_where(carry, &condition).collect();
        if copies == Copies::Promoted {
            return promoted_on(carry, rule, services, (relations, &found, score));
        }
        let found: Vec<_> = found.into_iter().map(|node| (node, score)).collect();
        return add(carry, services, &found, (places, is_limit));
    }
    let is_allowing = !carry.draft.wanted.policy.opt_out && !score.is_never();
    if is_limit || (is_allowing && copies == Copies::All) {
        return Some("a location that allows nodes by their attributes");
    }
    if score == Score::ZERO {
        return None;
    }
    let Some(found) = wheres::of(&condition, score, copies == Copies::Promoted) else {
        return Some("a location by a rule that `where` cannot say");
    };
    tell_points_against(carry, rule, score);
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
