//! Roles: `promoted` of a service, and what its resources have to do with it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use model::roles::{RoleMeant, Roles};
use model::rules::{CopyCount, FailureAnswer, TicketLoss};
use model::spec::{ResourceKind, ResourceSpec, ServiceSpec};
use model::{ResourceName, ServiceName};

use super::section::{Entry, Section};
use super::{Context, answers, wheres};
use crate::{Code, Problem};

/// As with copies: more would be on nodes that a cluster cannot have.
const PROMOTED_MAX: i64 = 1000;

/// What a resource says of the role of its service.
#[derive(Debug, Clone, Default)]
pub(crate) struct Given {
    /// `when = "promoted"`.
    when: Option<Range<usize>>,
    /// `notify = true`.
    notify: Option<Range<usize>>,
    /// `roles = false`: the agent is not asked to promote it.
    without: bool,
}

impl Given {
    /// Reads what one resource says; these keys go with every kind.
    pub(super) fn read(context: &mut Context<'_>, section: &mut Section<'_>) -> Self {
        let mut given = Self::default();
        if let Some(entry) = section.get("when") {
            let words = [
                ("promoted", RoleMeant::Promoted),
                ("always", RoleMeant::Any),
            ];
            if entry.word(context, &words) == Some(RoleMeant::Promoted) {
                given.when = Some(entry.key_at.clone());
            }
        }
        if let Some(entry) = section.get("notify")
            && entry.truth(context) == Some(true)
        {
            given.notify = Some(entry.key_at.clone());
        }
        if let Some(entry) = section.get("roles") {
            given.without = entry.truth(context) == Some(false);
        }
        given
    }
}

/// Which copies a relation means: `role = "promoted"`, or any.
pub(super) fn read_role(context: &mut Context<'_>, table: &mut Section<'_>) -> RoleMeant {
    let words = [("promoted", RoleMeant::Promoted), ("any", RoleMeant::Any)];
    let entry = table.get("role");
    let word = entry.and_then(|entry| entry.word(context, &words));
    word.unwrap_or_default()
}

/// Whether it can be promoted: by its own programs, or by an agent of the Open Cluster
/// Framework.
fn can_be_promoted(resource: &ResourceSpec, given: Option<&Given>) -> bool {
    match &resource.kind {
        ResourceKind::Command(command) => command.roles.is_some(),
        ResourceKind::Agent(agent) => {
            let is_meant = given.is_none_or(|given| !given.without && given.when.is_none());
            agent.agent.starts_with("ocf:") && is_meant
        }
        ResourceKind::Address(_)
        | ResourceKind::Process(_)
        | ResourceKind::Mount(_)
        | ResourceKind::Systemd(_)
        | ResourceKind::Route(_)
        | ResourceKind::Export(_)
        | ResourceKind::VolumeGroup(_) => false,
    }
}

/// Reads `promoted` and gives each resource its part. Those that run only where the service is
/// promoted start after all others.
pub(super) fn read(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    (name, service): (&ServiceName, &mut ServiceSpec),
    given: &BTreeMap<ResourceName, Given>,
) {
    read_notified(context, (name, service), given);
    let Some(entry) = section.get("promoted") else {
        report_without(context, (name, service), given);
        return;
    };
    context
        .places
        .put(format!("service/{name}/promoted"), entry.key_at.clone());
    let Some(number) = entry.number(context, 1..=PROMOTED_MAX) else {
        return;
    };
    let of = |is_part: &dyn Fn(&Given) -> bool| -> BTreeSet<ResourceName> {
        let parts = given.iter().filter(|(_, given)| is_part(given));
        parts.map(|(name, _)| name.clone()).collect()
    };
    let while_promoted = of(&|given| given.when.is_some());
    let takers = service.resources.iter();
    let takers = takers.filter(|r| can_be_promoted(r, given.get(&r.name)));
    let roles = Roles {
        promoted: u32::try_from(number).expect("the bounds are within u32"),
        takers: takers.map(|resource| resource.name.clone()).collect(),
        while_promoted,
    };
    report_mistakes(context, (name, service, &entry), &roles);
    service
        .resources
        .sort_by_key(|resource| roles.while_promoted.contains(&resource.name));
    service.rules.roles = Some(roles);
}

/// Which resources are told what happens to the copies: agents, for no other knows what to do
/// with it.
fn read_notified(
    context: &mut Context<'_>,
    (name, service): (&ServiceName, &mut ServiceSpec),
    given: &BTreeMap<ResourceName, Given>,
) {
    for resource in &service.resources {
        let said = given.get(&resource.name);
        let Some(at) = said.and_then(|given| given.notify.clone()) else {
            continue;
        };
        let is_agent =
            matches!(&resource.kind, ResourceKind::Agent(agent) if agent.ocf().is_some());
        let problem = match service.rules.copies {
            None => Problem::new(
                Code::DoesNotBelong,
                format!("`notify` speaks of copies, and service {name} has none"),
            )
            .at(at, "there is no other copy to hear of")
            .help("add `copies` to the service, or remove it"),
            Some(_) if !is_agent => Problem::new(
                Code::DoesNotBelong,
                format!(
                    "{} cannot be told what happens to its copies",
                    resource.name
                ),
            )
            .at(at, "only agents (`ocf:PROVIDER:TYPE`) have this action")
            .help("remove it"),
            Some(_) => {
                service.rules.notified.insert(resource.name.clone());
                continue;
            }
        };
        context.report(problem);
    }
}

fn report_mistakes(
    context: &mut Context<'_>,
    (name, service, entry): (&ServiceName, &ServiceSpec, &Entry<'_>),
    roles: &Roles,
) {
    let at = entry.key_at.clone();
    let problem = match service.rules.copies.map(|copies| copies.count) {
        None => Some(
            Problem::new(
                Code::DoesNotBelong,
                format!("service {name} has `promoted` and no `copies`"),
            )
            .at(at.clone(), "of how many?")
            .help("add `copies = 3` or `copies = \"every-node\"`, or remove the line"),
        ),
        Some(CopyCount::Number(copies)) if copies < roles.promoted => Some(
            Problem::new(
                Code::Contradiction,
                format!(
                    "service {name} has {copies} copies, of which {} are to be promoted",
                    roles.promoted
                ),
            )
            .at(at.clone(), "so many are never there")
            .help(format!(
                "write `promoted = {copies}` or less, or ask for more copies"
            )),
        ),
        Some(_) => None,
    };
    context.problems.extend(problem);
    if roles.takers.is_empty() && !service.resources.is_empty() {
        let problem = Problem::new(
            Code::MissingKey,
            format!("nothing in service {name} can be promoted"),
        )
        .at(at, "who takes the role?")
        .help("give a `command` its programs `promote` and `demote`, or use an agent that has these actions");
        context.report(problem);
    }
    let both = service.resources.iter();
    for resource in both.filter(|r| roles.while_promoted.contains(&r.name)) {
        if roles.takers.contains(&resource.name) {
            let path = format!("service/{name}/{}", resource.name);
            let problem = Problem::new(
                Code::DoesNotBelong,
                format!(
                    "{} is to run only where it is promoted itself",
                    resource.name
                ),
            )
            .at(context.places.of(&path), "this is promoted")
            .help("remove `when`, or the programs `promote` and `demote`");
            context.report(problem);
        }
    }
}

/// What speaks of roles in a service that has none.
fn report_without(
    context: &mut Context<'_>,
    (name, service): (&ServiceName, &ServiceSpec),
    given: &BTreeMap<ResourceName, Given>,
) {
    let help = "add `copies` and `promoted = 1` to the service, or remove it";
    let does_not = |what: String, at: Range<usize>| {
        Problem::new(Code::DoesNotBelong, what)
            .at(at, "no copy of this service is promoted")
            .help(help)
    };
    for resource in &service.resources {
        let path = format!("service/{name}/{}", resource.name);
        let is_promotable = matches!(&resource.kind,
            ResourceKind::Command(command) if command.roles.is_some());
        if is_promotable {
            let what = format!(
                "{} can be promoted, and service {name} has no roles",
                resource.name
            );
            let at = context.places.of(&path);
            context.report(does_not(what, at));
        }
        let said = given.get(&resource.name);
        if let Some(at) = said.and_then(|given| given.when.clone()) {
            let what = format!("`when` speaks of roles, and service {name} has none");
            context.report(does_not(what, at));
        }
    }
    for (path, what) in demoting_answers((name, service)) {
        let at = context.places.of(&path);
        context.report(does_not(what, at));
    }
    for number in wheres::of_promoted(&service.rules.where_rules) {
        let at = context
            .places
            .of(&format!("service/{name}/where/{number}/role"));
        let what = format!("a rule of `where` speaks of roles, and service {name} has none");
        context.report(does_not(what, at));
    }
    let mut losses = service.rules.tickets.values();
    if losses.any(|on_loss| *on_loss == TicketLoss::Demote) {
        let at = context.places.of(&format!("service/{name}/on_ticket_loss"));
        let what = format!("service {name} is to be demoted without its ticket, and has no roles");
        context.report(does_not(what, at));
    }
}

/// Where a service that has no roles answers failures by `demote`, and what is to be said of it.
fn demoting_answers((name, service): (&ServiceName, &ServiceSpec)) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let of_service = service.rules.on_failure;
    if [of_service.start, of_service.run].contains(&FailureAnswer::Demote) {
        found.push((
            format!("service/{name}/on_failure"),
            format!("service {name} answers a failure by `demote`, and has no roles"),
        ));
    }
    for (resource, own) in &service.rules.answers {
        if [own.start, own.run].contains(&Some(FailureAnswer::Demote)) {
            let what = format!(
                "service {name} answers a failure of {resource} by `demote`, and has no roles"
            );
            found.push((answers::place_of(name, resource), what));
        }
    }
    found
}
