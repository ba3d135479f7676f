//! Services that shall move live: one resource, which can.

use model::ServiceName;
use model::spec::{ResourceKind, ServiceSpec};

use crate::read::Context;
use crate::{Code, Problem};

/// Checks each service that says `live = true`.
pub(super) fn check(context: &mut Context<'_>) {
    let live = context
        .spec
        .services
        .iter()
        .filter(|(_, spec)| spec.rules.live);
    let problems: Vec<Problem> = live
        .filter_map(|(name, spec)| check_one(context, name, spec))
        .collect();
    context.problems.extend(problems);
}

fn check_one(context: &Context<'_>, name: &ServiceName, spec: &ServiceSpec) -> Option<Problem> {
    let place = |key: &str| context.places.of(&format!("service/{name}/{key}"));
    let wanted = (place("live"), "it shall move without a stop");
    let problem = |what: String| Problem::new(Code::NotLive, what);
    if spec.rules.copies.is_some() {
        let problem = problem(format!(
            "service {name} has copies, and they do not move live"
        ))
        .at(wanted.0, wanted.1)
        .at(place("copies"), "copies are wanted here")
        .help("remove `live`: of several copies the others go on when one stops");
        return Some(problem);
    }
    let stopped = spec.resources.iter().find_map(|resource| {
        let why = match &resource.kind {
            ResourceKind::Command(command) if command.migration.is_some() => return None,
            ResourceKind::Agent(agent) if agent.agent.starts_with("ocf:") => return None,
            ResourceKind::Command(_) => "it has no `migrate_to` and `migrate_from`",
            ResourceKind::Address(_)
            | ResourceKind::Process(_)
            | ResourceKind::Mount(_)
            | ResourceKind::Agent(_)
            | ResourceKind::Systemd(_)
            | ResourceKind::Route(_)
            | ResourceKind::Export(_)
            | ResourceKind::VolumeGroup(_) => "it cannot be handed over while it runs",
        };
        Some((resource, why))
    });
    if let Some((resource, why)) = stopped {
        let problem = problem(format!(
            "service {name} cannot move live because of {}",
            resource.name
        ))
        .at(place(resource.name.as_str()), why)
        .at(wanted.0, wanted.1)
        .help("give the `command` both programs, put this resource into a service of its own, or remove `live`");
        return Some(problem);
    }
    (1 < spec.resources.len()).then(|| {
        let second = &spec.resources[1];
        problem(format!(
            "service {name} has {} resources, and only one can move live",
            spec.resources.len()
        ))
        .at(place(second.name.as_str()), "the second")
        .at(wanted.0, wanted.1)
        .help("put each into a service of its own, and bind them by `after` and `together_with`")
    })
}
