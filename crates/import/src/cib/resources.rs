//! Resources: single ones, templates, groups, clones.

use std::collections::BTreeMap;

use planner::arrange::{CloneRules, Kind, NodeIx, PromotableRules, Resource, ResourceIx};
use planner::rule::Facts as RuleFacts;

use super::attributes::{self, Values};
use super::draft::{Draft, Facts};
use super::meta::{self, Nature};
use super::operation;
use super::source::{Xml, elements, id};
use super::{values, words};

/// What a resource has from what it is a part of.
#[derive(Default, Clone)]
struct Parent {
    ix: Option<ResourceIx>,
    meta: Values,
    is_promotable: bool,
    is_cloned: bool,
    is_unique: bool,
}

pub(super) fn read(draft: &mut Draft<'_>) {
    for element in draft.source.section_elements("resources") {
        one(draft, element, &Parent::default());
    }
    let mut all = draft.wanted.resources.iter();
    draft.wanted.policy.has_fence_device |= all.any(|resource| resource.settings.is_fence_device);
    for tags in draft.source.section_elements("tags") {
        let members = elements(tags)
            .filter(|member| member.tag_name().name() == "obj_ref")
            .map(|member| id(member).to_string())
            .collect();
        draft.bundles_of_names.insert(id(tags).to_string(), members);
    }
}

fn one<'a>(draft: &mut Draft<'a>, element: Xml<'a>, parent: &Parent) -> Option<ResourceIx> {
    match element.tag_name().name() {
        "primitive" => Some(single(draft, element, parent)),
        "group" => Some(group(draft, element, parent)),
        "clone" => clone(draft, element),
        tag if words::is_promotable_element(tag) => clone(draft, element),
        "template" => {
            let name = id(element).to_string();
            draft.bundles_of_names.entry(name).or_default();
            None
        }
        "bundle" => {
            let name = id(element);
            draft.note(
                element,
                format!("{name} is a bundle of containers: not carried over"),
            );
            None
        }
        other => {
            draft.note(
                element,
                format!("a resource of the kind {other} is not known"),
            );
            None
        }
    }
}

fn single<'a>(draft: &mut Draft<'a>, element: Xml<'a>, parent: &Parent) -> ResourceIx {
    let name = id(element);
    let template = element.attribute("template").and_then(|template| {
        let members = draft.bundles_of_names.entry(template.to_string());
        members.or_default().push(name.to_string());
        draft.source.template(template)
    });
    let get = |attribute: &str| {
        let own = element.attribute(attribute);
        own.or_else(|| template.and_then(|template| template.attribute(attribute)))
            .unwrap_or_default()
    };
    let kind = (get("class"), get("provider"), get("type"));
    let nature = Nature {
        is_fence_device: kind.0 == words::FENCE_CLASS,
        is_cloned: parent.is_cloned,
        is_connection: kind == ("ocf", "pacemaker", "remote"),
        is_promotable: parent.is_promotable,
    };
    let mut all = meta::own(draft, element, template);
    attributes::merge(&mut all, parent.meta.clone());
    attributes::merge(&mut all, meta::defaults(draft, Some(kind)));
    let definitions: Vec<_> = [Some(element), template].into_iter().flatten().collect();
    let rule_facts = RuleFacts {
        now: draft.now,
        ..RuleFacts::default()
    };
    let utilization = values_of(draft, &definitions, "utilization", &rule_facts);
    let utilization = utilization
        .into_iter()
        .map(|(good, amount)| (good, values::integer(&amount).unwrap_or_default()))
        .collect();
    let facts = Facts {
        definitions,
        operations: operation::read(draft, element, template, kind),
        is_promotable: parent.is_promotable,
        is_cloned: parent.is_cloned,
        is_unique: parent.is_unique,
        failure_timeout: failure_timeout(&all),
        meta: all,
    };
    let resource = Resource {
        name: name.to_string(),
        parent: parent.ix,
        kind: Kind::Single,
        settings: meta::settings(&draft.options, &facts.meta, nature, utilization),
        removed: false,
    };
    draft.add_resource(resource, facts)
}

/// What a resource and its template say.
fn values_of<'a>(
    draft: &Draft<'a>,
    definitions: &[Xml<'a>],
    tag: &str,
    facts: &RuleFacts<'_>,
) -> Values {
    let mut found = Values::new();
    for &definition in definitions {
        let values = attributes::read(&draft.source, definition, tag, facts);
        attributes::merge(&mut found, values);
    }
    found
}

/// The parameters of a resource on a node: they may differ from node to node.
pub(super) fn parameters(draft: &Draft<'_>, resource: ResourceIx, node: Option<NodeIx>) -> Values {
    let facts = RuleFacts {
        attributes: node.map(|node| &draft.observed.nodes[node.0].attributes),
        now: draft.now,
        ..RuleFacts::default()
    };
    let definitions = &draft.facts[resource.0].definitions;
    values_of(draft, definitions, "instance_attributes", &facts)
}

pub(super) fn failure_timeout(meta: &Values) -> i64 {
    let milliseconds = meta
        .get("failure-timeout")
        .and_then(|text| values::milliseconds(text));
    milliseconds.map_or(0, |span| i64::try_from(span / 1000).unwrap_or(0))
}

/// Adds a whole, with its own meta attributes and what it has from above.
fn whole<'a>(
    draft: &mut Draft<'a>,
    element: Xml<'a>,
    parent: &Parent,
    kind: Kind,
) -> (ResourceIx, Parent) {
    let mut explicit = meta::own(draft, element, None);
    attributes::merge(&mut explicit, parent.meta.clone());
    let mut all = explicit.clone();
    attributes::merge(&mut all, meta::defaults(draft, None));
    let nature = Nature {
        is_cloned: parent.is_cloned || matches!(kind, Kind::Clone { .. }),
        is_promotable: parent.is_promotable
            || matches!(&kind, Kind::Clone { rules, .. } if rules.promotable.is_some()),
        ..Nature::default()
    };
    let resource = Resource {
        name: id(element).to_string(),
        parent: parent.ix,
        kind,
        settings: meta::settings(&draft.options, &all, nature, BTreeMap::new()),
        removed: false,
    };
    let facts = Facts {
        failure_timeout: failure_timeout(&all),
        meta: all,
        is_promotable: parent.is_promotable,
        is_cloned: parent.is_cloned,
        is_unique: parent.is_unique,
        ..Facts::default()
    };
    let ix = draft.add_resource(resource, facts);
    let below = Parent {
        ix: Some(ix),
        meta: explicit,
        ..parent.clone()
    };
    (ix, below)
}

fn group<'a>(draft: &mut Draft<'a>, element: Xml<'a>, parent: &Parent) -> ResourceIx {
    let own = meta::own(draft, element, None);
    let truth = |name: &str| own.get(name).and_then(|word| values::truth(word));
    let kind = Kind::Group {
        members: Vec::new(),
        ordered: truth("ordered").unwrap_or(true),
        together: truth("collocated").unwrap_or(true),
    };
    let (ix, below) = whole(draft, element, parent, kind);
    let mut found = Vec::new();
    for part in elements(element).filter(|part| part.tag_name().name() == "primitive") {
        found.push(single(draft, part, &below));
    }
    if let Kind::Group { members, .. } = &mut draft.wanted.resources[ix.0].kind {
        *members = found;
    }
    ix
}

fn clone<'a>(draft: &mut Draft<'a>, element: Xml<'a>) -> Option<ResourceIx> {
    let part =
        elements(element).find(|part| ["primitive", "group"].contains(&part.tag_name().name()));
    let Some(part) = part else {
        draft.note(element, format!("{} is a clone of nothing", id(element)));
        return None;
    };
    let own = meta::own(draft, element, None);
    let rules = clone_rules(
        &own,
        words::is_promotable_element(element.tag_name().name()),
    );
    let (is_promotable, is_unique) = (rules.promotable.is_some(), rules.unique);
    // The child follows; its place is known only then.
    let kind = Kind::Clone {
        child: ResourceIx(draft.wanted.resources.len() + 1),
        rules,
    };
    let (ix, below) = whole(draft, element, &Parent::default(), kind);
    let below = Parent {
        is_promotable,
        is_cloned: true,
        is_unique,
        ..below
    };
    one(draft, part, &below);
    Some(ix)
}

fn clone_rules(meta: &Values, is_old_promotable: bool) -> CloneRules {
    let number = |name: &str| {
        let number = meta.get(name).and_then(|text| values::integer(text))?;
        u32::try_from(number.max(0)).ok()
    };
    let truth = |name: &str| meta.get(name).and_then(|word| values::truth(word));
    let per_node = number("clone-node-max").unwrap_or(1);
    let unique = truth("globally-unique").unwrap_or(1 < per_node);
    let is_promotable = truth("promotable").unwrap_or(false) || is_old_promotable;
    CloneRules {
        max: number("clone-max"),
        per_node: if unique { per_node } else { per_node.min(1) },
        unique,
        interleave: truth("interleave").unwrap_or(false),
        ordered: truth("ordered").unwrap_or(false),
        enough: number("clone-min").unwrap_or(0),
        promotable: is_promotable.then(|| PromotableRules {
            max: number("promoted-max").unwrap_or(1),
            per_node: match number("promoted-node-max").unwrap_or(1) {
                per_node if unique => per_node,
                per_node => per_node.min(1),
            },
        }),
    }
}
