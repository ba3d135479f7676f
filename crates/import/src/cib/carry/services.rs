//! Services: groups, and resources that stand alone.

use planner::arrange::{Kind, ResourceIx, Score, Target};

use super::super::source::{Xml, elements, id};
use super::super::words;
use super::relations::{self, Relations};
use super::text::{key, list, name, quoted, time};
use super::{Carry, kinds};

/// A group or a single resource that becomes a service.
struct Service<'a> {
    element: Xml<'a>,
    ix: ResourceIx,
    resources: Vec<(Xml<'a>, kinds::Lines)>,
}

pub(super) fn write(carry: &mut Carry<'_, '_>) {
    let mut services = Vec::new();
    for element in carry.draft.source.section_elements("resources") {
        let parts: Vec<Xml<'_>> = match element.tag_name().name() {
            "primitive" if is_fence_device(element) => continue,
            "primitive" => vec![element],
            "group" => elements(element)
                .filter(|part| part.tag_name().name() == "primitive")
                .collect(),
            "clone" | "master" => {
                let holds_devices = elements(element).any(is_fence_device);
                if !holds_devices {
                    carry.leave(
                        element,
                        format!(
                            "{}: clones run on several nodes; here a service runs on one",
                            id(element)
                        ),
                    );
                }
                continue;
            }
            _ => continue,
        };
        services.extend(service(carry, element, parts));
    }
    let known: Vec<ResourceIx> = services.iter().map(|service| service.ix).collect();
    let relations = relations::read(carry, &known);
    for service in &services {
        one(carry, service, &relations);
    }
}

fn is_fence_device(element: Xml<'_>) -> bool {
    element.attribute("class") == Some(words::FENCE_CLASS)
}

fn service<'a>(
    carry: &mut Carry<'_, 'a>,
    element: Xml<'a>,
    parts: Vec<Xml<'a>>,
) -> Option<Service<'a>> {
    let mut resources = Vec::new();
    for part in parts {
        let (lines, lost) = kinds::lines(carry, part);
        for lost in lost {
            carry.leave(part, format!("{}: {lost}", id(part)));
        }
        match lines {
            Ok(lines) => resources.push((part, lines)),
            Err(reason) => carry.leave(part, format!("{}: {reason}", id(part))),
        }
    }
    let ix = *carry.draft.resources.get(id(element))?;
    (!resources.is_empty()).then_some(Service {
        element,
        ix,
        resources,
    })
}

fn one<'a>(carry: &mut Carry<'_, 'a>, service: &Service<'a>, relations: &Relations) {
    let service_name = key(&name(id(service.element)));
    carry.out.section(&format!("[service.{service_name}]"));
    placement(carry, service, relations);
    let after: Vec<String> = relations
        .afters
        .iter()
        .filter(|(_, then)| *then == service.ix)
        .map(|(first, _)| name(&carry.draft.resource(*first).name))
        .collect();
    if !after.is_empty() {
        carry.out.key("after", &list(&after));
    }
    treatment(carry, service);
    for (_, lines) in &service.resources {
        carry
            .out
            .section(&format!("[[service.{service_name}.resource]]"));
        for (name, value) in lines {
            carry.out.key(name, value);
        }
    }
}

fn placement<'a>(carry: &mut Carry<'_, 'a>, service: &Service<'a>, relations: &Relations) {
    let Some(preference) = relations.preferences.get(&service.ix) else {
        return;
    };
    let nodes: Vec<String> = preference
        .order
        .iter()
        .map(|(node, _)| name(&carry.draft.wanted.nodes[node.0].name))
        .collect();
    if nodes.is_empty() {
        return;
    }
    carry.out.key("prefer", &list(&nodes));
    if preference.only {
        carry.out.key("only", "true");
    }
    match relations::stickiness(stickiness(carry, service.ix), preference) {
        Some(relations::Return::Never) => {}
        Some(relations::Return::After(points)) => {
            carry.out.key("failback", "true");
            if points != 0 {
                carry.out.key("stickiness", &points.to_string());
            }
        }
        None => {
            let text = format!(
                "{}: its stickiness lies between the scores of its nodes in a way that steps of 100 cannot tell; it stays where it is",
                id(service.element)
            );
            carry.leave(service.element, text);
        }
    }
}

/// A group is as sticky as its members together.
fn stickiness(carry: &Carry<'_, '_>, ix: ResourceIx) -> Score {
    let resource = carry.draft.resource(ix);
    match &resource.kind {
        Kind::Group { members, .. } => members
            .iter()
            .map(|member| carry.draft.resource(*member).settings.stickiness)
            .sum(),
        Kind::Single | Kind::Clone { .. } => resource.settings.stickiness,
    }
}

fn treatment<'a>(carry: &mut Carry<'_, 'a>, service: &Service<'a>) {
    let draft = carry.draft;
    let settings = &draft.resource(service.ix).settings;
    let shown = id(service.element);
    if settings.target == Target::Stopped {
        carry.out.key("autostart", "false");
    }
    if settings.priority != Score::ZERO {
        carry
            .out
            .key("priority", &settings.priority.value().to_string());
    }
    if let Some(failures) = settings.failures_max {
        // The failure that reaches the threshold moves it.
        let times = failures.saturating_sub(1).min(100);
        let within = match draft.facts[service.ix.0].failure_timeout {
            seconds @ 1..=2_592_000 => time(seconds.unsigned_abs() * 1000),
            _ => "30d".to_string(),
        };
        let restart = format!("{{ times = {times}, within = {} }}", quoted(&within));
        carry.out.key("restart", &restart);
    }
    if !settings.managed || settings.maintenance {
        carry.leave(
            service.element,
            format!("{shown} is not managed: `mainstay freeze {}`", name(shown)),
        );
    }
    let mut lost: Vec<&str> = Vec::new();
    for (part, _) in &service.resources {
        let Some(ix) = draft.resources.get(id(*part)) else {
            continue;
        };
        let part = &draft.resource(*ix).settings;
        lost.extend((!part.utilization.is_empty()).then_some("what it needs of a node"));
        lost.extend((!part.critical).then_some("that a part of it is not critical"));
        lost.extend(part.live_migration.then_some("that it moves live"));
    }
    lost.sort_unstable();
    lost.dedup();
    for lost in lost {
        carry.leave(service.element, format!("{shown}: {lost}"));
    }
}
