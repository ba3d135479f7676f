//! `[service.X]`, without its resources.

use std::collections::BTreeMap;

use model::spec::{Autostart, Elsewhere, Failback, RestartPolicy, ServiceSpec, Survive};
use model::{NodeName, ResourceName, ServiceName};
use toml::de::DeValue;

use super::section::{Entry, Section};
use super::{Context, after, answers, checks, resource, roles, rules};
use crate::{Code, Problem};

/// Enough to order any number of services; small enough that sums of scores stay exact.
const PRIORITY_MAX: i64 = 1_000_000;

/// Keys that later versions read.
const LATER: &[&str] = &["schedule", "owner"];

/// Reads `[service.X]`.
pub(super) fn read(context: &mut Context<'_>, mut section: Section<'_>, name: ServiceName) {
    if name.copy().is_some() {
        let error = model::id::NameError::Character(':');
        context.report(super::section::bad_name(
            name.as_str(),
            &error,
            section.at(),
        ));
        return;
    }
    context.places.put(format!("service/{name}"), section.at());
    let mut service = ServiceSpec {
        prefer: Vec::new(),
        elsewhere: Elsewhere::Allowed,
        failback: Failback::Never,
        after: Vec::new(),
        autostart: Autostart::Yes,
        priority: 0,
        stickiness: 0,
        restart: RestartPolicy::default(),
        rules: Default::default(),
        resources: Vec::new(),
        survive: None,
    };
    read_placement(context, &mut section, &name, &mut service);
    read_order(context, &mut section, &name, &mut service);
    rules::read(context, &mut section, &name, &mut service.rules);
    if let Some(entry) = section.get("restart")
        && let Some(table) = entry.table(context, format!("`restart` of [service.{name}]"))
    {
        service.restart = answers::read_restart(context, table).over(service.restart);
    }
    if let Some(entry) = section.get("survive") {
        let words = Survive::ALL.map(|rule| (rule.word(), rule));
        service.survive = entry.word(context, &words);
    }
    let at = section.at();
    match section.get("resource") {
        Some(entry) => service.resources = read_resources(context, &entry, &name),
        None => report_no_resources(context, &name, at),
    }
    answers::take(context, &name, &mut service);
    let names: Vec<_> = service.resources.iter().map(|r| r.name.clone()).collect();
    service.rules.checks = checks::read_of_service(context, &mut section, &name, Some(&names));
    if let Some(entry) = section.get("check_owner") {
        let owner = entry.name::<model::UserName>(context);
        if let Some(owner) = &owner {
            let path = format!("service/{name}/check_owner");
            context.places.put(path, owner.at.clone());
        }
        service.rules.check_owner = owner.map(|owner| owner.value.to_string());
    }
    let given = std::mem::take(&mut context.given);
    roles::read(context, &mut section, (&name, &mut service), &given);
    resource::report_misplaced(context, &mut section, &name);
    section.finish(context, LATER);
    context.spec.services.insert(name, service);
}

fn read_placement(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    name: &ServiceName,
    service: &mut ServiceSpec,
) {
    if let Some(entry) = section.get("prefer") {
        for node in entry.names::<NodeName>(context) {
            let path = format!("service/{name}/prefer/{}", service.prefer.len());
            context.places.put(path, node.at);
            service.prefer.push(node.value);
        }
    }
    let prefers = section.has("prefer");
    if let Some(entry) = section.get("only")
        && entry.truth(context) == Some(true)
    {
        service.elsewhere = Elsewhere::Never;
        let empty = service.prefer.is_empty();
        if !prefers || (empty && section.get("prefer").is_some_and(|e| is_empty_list(&e))) {
            let problem = Problem::new(
                Code::OnlyWithoutPrefer,
                format!("service {name} may run nowhere"),
            )
            .at(
                entry.key_at.clone(),
                "`only` allows the nodes in `prefer`, and there are none",
            )
            .help("add `prefer = [\"NODE\", ...]`, or remove `only`");
            context.report(problem);
        }
    }
    if let Some(entry) = section.get("failback")
        && entry.truth(context) == Some(true)
    {
        service.failback = Failback::WhenPossible;
    }
    if let Some(entry) = section.get("stickiness")
        && let Some(points) = entry.number(context, 0..=PRIORITY_MAX)
    {
        service.stickiness = u32::try_from(points).expect("the bounds are within u32");
    }
}

fn is_empty_list(entry: &Entry<'_>) -> bool {
    matches!(entry.value.get_ref(), DeValue::Array(array) if array.is_empty())
}

/// Services that run before this one: alone, or in a table with `only_if_both`.
fn read_order(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    name: &ServiceName,
    service: &mut ServiceSpec,
) {
    if let Some(entry) = section.get("after") {
        after::read(context, &entry, name, service);
    }
    if let Some(entry) = section.get("autostart")
        && entry.truth(context) == Some(false)
    {
        service.autostart = Autostart::No;
    }
    if let Some(entry) = section.get("priority")
        && let Some(priority) = entry.number(context, -PRIORITY_MAX..=PRIORITY_MAX)
    {
        service.priority = i32::try_from(priority).expect("the bounds are within i32");
    }
}

fn read_resources(
    context: &mut Context<'_>,
    entry: &Entry<'_>,
    name: &ServiceName,
) -> Vec<model::spec::ResourceSpec> {
    if let DeValue::Table(_) = entry.value.get_ref() {
        let problem = entry
            .wrong_type(context, "a list of tables")
            .help(format!("write two brackets: `[[service.{name}.resource]]`"));
        context.report(problem);
        return Vec::new();
    }
    let items = entry.items(context).unwrap_or_default();
    if items.is_empty() && is_empty_list(entry) {
        report_no_resources(context, name, entry.key_at.clone());
    }
    let mut resources = Vec::new();
    let mut names: BTreeMap<ResourceName, std::ops::Range<usize>> = BTreeMap::new();
    for (place, item) in items.iter().enumerate() {
        let Some(resource) = resource::read(context, item, (name, place + 1)) else {
            continue;
        };
        let at = resource.at;
        if let Some(first) = names.get(&resource.value.name) {
            let problem = Problem::new(
                Code::ResourceNameTwice,
                format!(
                    "service {name} has two resources called {}",
                    resource.value.name
                ),
            )
            .at(at.clone(), "the second")
            .at(first.clone(), "the first")
            .help("give one of them another `name`");
            context.report(problem);
        }
        names.insert(resource.value.name.clone(), at);
        resources.push(resource.value);
    }
    resources
}

fn report_no_resources(context: &mut Context<'_>, name: &ServiceName, at: std::ops::Range<usize>) {
    let problem = Problem::new(
        Code::NoResources,
        format!("service {name} has no resources"),
    )
    .at(at, "there is nothing to run")
    .help(format!(
        "add\n[[service.{name}.resource]]\nprocess = [\"/usr/sbin/PROGRAM\"]"
    ));
    context.report(problem);
}
