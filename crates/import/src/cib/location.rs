//! `<rsc_location>`: scores of nodes for resources.

use planner::arrange::{Discovery, Location, NodeIx, NodeObserved, ResourceIx, Role, Score};
use planner::rule::Facts;
use regex_lite::Regex;

use super::draft::Draft;
use super::rules::{self, ValueSources};
use super::source::{Xml, id};
use super::{resources, sets, values};

/// Who a location speaks of, and what its pattern matched there.
struct Subject<'a> {
    resource: ResourceIx,
    role: Option<&'a str>,
    matched: Vec<String>,
}

pub(super) fn read(draft: &mut Draft<'_>) {
    for element in draft.source.section_elements("constraints") {
        if element.tag_name().name() != "rsc_location" {
            continue;
        }
        for subject in subjects(draft, element) {
            one(draft, element, &subject);
        }
    }
}

fn subjects<'a>(draft: &mut Draft<'a>, element: Xml<'a>) -> Vec<Subject<'a>> {
    let role = element.attribute("role");
    let plain = |resource: ResourceIx, role: Option<&'a str>| Subject {
        resource,
        role,
        matched: Vec::new(),
    };
    if let Some(name) = element.attribute("rsc") {
        let found = sets::resources(draft, element, name);
        return found
            .into_iter()
            .map(|resource| plain(resource, role))
            .collect();
    }
    if let Some(pattern) = element.attribute("rsc-pattern") {
        return matching(draft, element, pattern);
    }
    let sets = sets::of(draft, element);
    let members = sets.into_iter().flat_map(|set| {
        let role = set.role.or(role);
        set.members
            .into_iter()
            .map(move |resource| (resource, role))
    });
    members
        .map(|(resource, role)| plain(resource, role))
        .collect()
}

fn matching<'a>(draft: &mut Draft<'a>, element: Xml<'a>, pattern: &str) -> Vec<Subject<'a>> {
    let Some(found) = matches(draft, pattern) else {
        draft.note(element, format!("the pattern {pattern} cannot be read"));
        return Vec::new();
    };
    let role = element.attribute("role");
    let subject = |(resource, matched)| Subject {
        resource,
        role,
        matched,
    };
    found.into_iter().map(subject).collect()
}

/// The resources that go by a pattern, each with what the pattern and its parts matched;
/// none: it cannot be read.
pub(super) fn matches(draft: &Draft<'_>, pattern: &str) -> Option<Vec<(ResourceIx, Vec<String>)>> {
    let (is_inverted, pattern) = match pattern.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, pattern),
    };
    let regex = Regex::new(pattern).ok()?;
    let mut found = Vec::new();
    for (i, resource) in draft.wanted.resources.iter().enumerate() {
        // Only what stands outside of wholes goes by a pattern.
        if resource.parent.is_some() {
            continue;
        }
        let captures = regex.captures(&resource.name);
        if captures.is_some() == is_inverted {
            continue;
        }
        let matched = captures.map_or(Vec::new(), |captures| {
            let parts = captures.iter();
            parts
                .map(|part| part.map_or("", |part| part.as_str()).to_string())
                .collect()
        });
        found.push((ResourceIx(i), matched));
    }
    Some(found)
}

fn one<'a>(draft: &mut Draft<'a>, element: Xml<'a>, subject: &Subject<'a>) {
    let rules = draft.source.children(element, "rule");
    if rules.is_empty() {
        by_name(draft, element, subject);
    }
    for rule in rules {
        let role = rule.attribute("role").or(subject.role);
        let Ok(role) = draft.role_limit(element, role) else {
            continue;
        };
        let scores = scores_by_rule(draft, rule, subject);
        add(draft, element, (subject.resource, role), scores);
    }
}

fn by_name(draft: &mut Draft<'_>, element: Xml<'_>, subject: &Subject<'_>) {
    let Some(name) = element.attribute("node") else {
        draft.note(element, format!("{} names no node", id(element)));
        return;
    };
    let Some(node) = draft.nodes.get(name).copied() else {
        draft.note(
            element,
            format!("{} names {name}, which is no node", id(element)),
        );
        return;
    };
    let score = element.attribute("score").and_then(values::score);
    let Ok(role) = draft.role_limit(element, subject.role) else {
        return;
    };
    let scores = vec![(node, score.unwrap_or_default())];
    add(draft, element, (subject.resource, role), scores);
}

fn scores_by_rule<'a>(
    draft: &Draft<'a>,
    rule: Xml<'a>,
    subject: &Subject<'a>,
) -> Vec<(NodeIx, Score)> {
    let meta = &draft.facts[subject.resource.0].meta;
    let holds = |(i, node): &(usize, &NodeObserved)| {
        let parameters = resources::parameters(draft, subject.resource, Some(NodeIx(*i)));
        let values = ValueSources {
            parameters: Some(&parameters),
            meta: Some(meta),
            matched: &subject.matched,
        };
        rules::condition(&draft.source, rule, values).holds(&Facts {
            attributes: Some(&node.attributes),
            now: draft.now,
            ..Facts::default()
        })
    };
    let fixed = rule.attribute("score").and_then(values::score);
    let by_attribute = rule
        .attribute("score-attribute")
        .map(|name| rules::with_matches(name, &subject.matched));
    let nodes = draft.observed.nodes.iter().enumerate();
    nodes
        .filter(holds)
        .map(|(i, node)| {
            let score = match (&by_attribute, fixed) {
                (Some(name), None) => node
                    .attributes
                    .get(name)
                    .map_or(Score::MINUS_INFINITY, |text| {
                        values::score(text).unwrap_or_default()
                    }),
                (_, fixed) => fixed.unwrap_or_default(),
            };
            (NodeIx(i), score)
        })
        .collect()
}

fn add(
    draft: &mut Draft<'_>,
    element: Xml<'_>,
    (resource, role): (ResourceIx, Option<Role>),
    scores: Vec<(NodeIx, Score)>,
) {
    let discovery = match element.attribute("resource-discovery") {
        Some("never") => Discovery::Never,
        Some("exclusive") => Discovery::Exclusive,
        _ => Discovery::Always,
    };
    if scores.is_empty() && discovery != Discovery::Exclusive {
        return;
    }
    draft.wanted.locations.push(Location {
        id: id(element).to_string(),
        resource,
        role,
        scores,
        discovery,
    });
}
