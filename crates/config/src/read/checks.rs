//! `[[service.X.check]]`, `[[node.X.check]]` and `[[cluster.check]]`: a kind, its keys, when
//! its answers count, and what follows.

mod actions;
mod kinds;

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use model::checks::{
    CHECKS_MAX, CheckBegin, CheckSpec, EVERY_DEFAULT, EVERY_MAX, EVERY_MIN, FAIL_AFTER_DEFAULT,
    NodeCheck, TIMEOUT_DEFAULT,
};
use model::rules::HEALTH_PREFIX;
use model::spec::RestartPolicy;
use model::{NodeName, ResourceName, ServiceName};
use toml::de::DeValue;

use super::answers::read_restart;
use super::section::{Entry, Section};
use super::value::TimeBounds;
use super::{Context, Placed};
use crate::{Code, Problem};

/// Answers in a row that count as one; more would hide what is wrong for hours.
const IN_ROW_MAX: i64 = 100;

/// Whose checks are read.
#[derive(Debug, Clone, Copy)]
enum Of<'a> {
    Service(&'a ServiceName),
    Node(&'a NodeName),
    Cluster,
}

impl Of<'_> {
    fn section(self) -> String {
        match self {
            Self::Service(service) => format!("service.{service}"),
            Self::Node(node) => format!("node.{node}"),
            Self::Cluster => "cluster".to_string(),
        }
    }

    fn title(self, place: usize) -> String {
        match self {
            Self::Service(service) => format!("check {place} of service {service}"),
            Self::Node(node) => format!("check {place} of node {node}"),
            Self::Cluster => format!("check {place} of the cluster"),
        }
    }
}

/// Reads the checks of a service; without `resources` what they name is not compared with
/// what the service has.
pub(super) fn read_of_service(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    service: &ServiceName,
    resources: Option<&[ResourceName]>,
) -> Vec<CheckSpec> {
    let Some(entry) = section.get("check") else {
        return Vec::new();
    };
    let mut checks: Vec<Placed<CheckSpec>> = Vec::new();
    for (place, item) in items(context, &entry, Of::Service(service))
        .iter()
        .enumerate()
    {
        let Some(check) = read(context, item, (Of::Service(service), place + 1)) else {
            continue;
        };
        let name = &check.value.name;
        if resources.is_some_and(|resources| resources.contains(name)) {
            let problem = Problem::new(
                Code::ResourceNameTwice,
                format!("service {service} has a resource and a check called {name}"),
            )
            .at(check.at.clone(), "a failure must have one name")
            .help("give the check another `name`");
            context.report(problem);
        }
        if let Some(watches) = &check.value.watches
            && resources.is_some_and(|resources| !resources.contains(watches))
        {
            let problem = Problem::new(
                Code::UnknownCheck,
                format!("service {service} has no resource {watches}"),
            )
            .at(check.at.clone(), format!("`watches = \"{watches}\"`"))
            .help("name one of its resources, or remove `watches`");
            context.report(problem);
        }
        let place = format!("service/{service}/{name}");
        context.places.put(place, check.at.clone());
        checks.push(check);
    }
    report_doubles(context, &checks);
    report_references(context, &checks);
    checks.into_iter().map(|check| check.value).collect()
}

/// Reads the checks of a node.
pub(super) fn read_of_node(context: &mut Context<'_>, section: &mut Section<'_>, node: &NodeName) {
    if let Some(entry) = section.get("check") {
        read_node_checks(context, &entry, Of::Node(node));
    }
}

/// Reads the checks of each node.
pub(super) fn read_of_cluster(context: &mut Context<'_>, section: &mut Section<'_>) {
    if let Some(entry) = section.get("check") {
        read_node_checks(context, &entry, Of::Cluster);
    }
}

fn read_node_checks(context: &mut Context<'_>, entry: &Entry<'_>, of: Of<'_>) {
    let mut placed = Vec::new();
    for (place, item) in items(context, entry, of).iter().enumerate() {
        let sets = sets_of(context, item);
        let Some(check) = read(context, item, (of, place + 1)) else {
            continue;
        };
        let node = match of {
            Of::Node(node) => Some(node.clone()),
            Of::Service(_) | Of::Cluster => None,
        };
        let others = &context.spec.cluster.rules.checks;
        let is_double = others
            .iter()
            .any(|other| other.node != node && other.check.name == check.value.name);
        if is_double {
            let problem = Problem::new(
                Code::CheckNameTwice,
                format!("the cluster has a check called {}, too", check.value.name),
            )
            .at(check.at.clone(), "each node would have two of this name")
            .help("give one of them another `name`");
            context.report(problem);
        }
        let own = format!("{HEALTH_PREFIX}{}", check.value.name);
        context.spec.cluster.rules.checks.push(NodeCheck {
            node,
            sets: sets.unwrap_or(own),
            check: check.value.clone(),
        });
        let name = &check.value.name;
        let place = match of {
            Of::Node(node) => format!("node/{node}/check/{name}"),
            Of::Service(_) | Of::Cluster => format!("cluster/check/{name}"),
        };
        context.places.put(place, check.at.clone());
        placed.push(check);
    }
    report_doubles(context, &placed);
}

/// The attribute that a check of nodes sets; what is wrong with it is reported.
fn sets_of(context: &mut Context<'_>, item: &Entry<'_>) -> Option<String> {
    let DeValue::Table(_) = item.value.get_ref() else {
        return None;
    };
    let mut section = item.table(context, String::new())?;
    let entry = section.get("sets")?;
    let text = entry.some_text(context)?;
    if !text.value.starts_with(HEALTH_PREFIX) {
        let problem = Problem::new(
            Code::BadName,
            format!("`sets` cannot be \"{}\"", text.value),
        )
        .at(text.at, format!("does not begin with `{HEALTH_PREFIX}`"))
        .help(format!("write \"{HEALTH_PREFIX}{}\"", text.value));
        context.report(problem);
        return None;
    }
    Some(text.value)
}

fn items<'a>(context: &mut Context<'_>, entry: &Entry<'a>, of: Of<'_>) -> Vec<Entry<'a>> {
    if let DeValue::Table(_) = entry.value.get_ref() {
        let problem = entry
            .wrong_type(context, "a list of tables")
            .help(format!("write two brackets: `[[{}.check]]`", of.section()));
        context.report(problem);
        return Vec::new();
    }
    let items = entry.items(context).unwrap_or_default();
    if CHECKS_MAX < items.len() {
        let problem = Problem::new(
            Code::TooManyChecks,
            format!(
                "[[{}.check]] stands there {} times",
                of.section(),
                items.len()
            ),
        )
        .at(
            entry.key_at.clone(),
            format!("at most {CHECKS_MAX} are possible"),
        )
        .help("remove some, or ask several things by one `command`");
        context.report(problem);
    }
    items
}

fn read(
    context: &mut Context<'_>,
    item: &Entry<'_>,
    (of, place): (Of<'_>, usize),
) -> Option<Placed<CheckSpec>> {
    let title = of.title(place);
    let mut section = item.table(context, title.clone())?;
    let given = section
        .get("name")
        .map(|entry| entry.name::<ResourceName>(context));
    let kind_entry = kinds::kind_entry(context, &mut section, &title);
    let timing = read_timing(context, &mut section, kind_entry.as_ref());
    let (name, kind) = match (given, &kind_entry) {
        (given, Some(entry)) => {
            let kind = kinds::read(context, &mut section, entry);
            let name = match given {
                Some(name) => name,
                None => Some(Placed {
                    value: ResourceName::new(format!("{}-{place}", entry.key))
                        .expect("a kind and a number make a name"),
                    at: entry.key_at.clone(),
                }),
            };
            (name, kind)
        }
        (_, None) => (None, None),
    };
    let mut check = CheckSpec {
        name: ResourceName::new("check").expect("a plain word"),
        kind: kind.clone().unwrap_or(model::checks::CheckKind::Load {
            fail: None,
            warn: None,
        }),
        every: timing.every,
        timeout: timing.timeout,
        start_delay: timing.start_delay,
        fail_after: timing.fail_after,
        well_after: timing.well_after,
        begins: CheckBegin::WithService,
        watches: None,
        restart: None,
        on_failure: Vec::new(),
        on_warning: Vec::new(),
        on_recovery: Vec::new(),
    };
    match of {
        Of::Service(_) => read_for_service(context, &mut section, &mut check),
        Of::Node(_) | Of::Cluster => {
            section.get("sets");
            actions::read_for_node(context, &mut section, &mut check);
        }
    }
    kinds::finish(
        context,
        section,
        kind_entry.as_ref().map(|entry| entry.key.as_str()),
    );
    let name = name?;
    kind?;
    check.name = name.value;
    Some(Placed {
        value: check,
        at: name.at,
    })
}

fn read_for_service(context: &mut Context<'_>, section: &mut Section<'_>, check: &mut CheckSpec) {
    if let Some(entry) = section.get("begin")
        && entry.truth(context) == Some(false)
    {
        check.begins = CheckBegin::WhenStarted;
    }
    if let Some(entry) = section.get("watches") {
        check.watches = entry.name::<ResourceName>(context).map(|name| name.value);
    }
    if let Some(entry) = section.get("restart")
        && let Some(table) = entry.table(context, "`restart` of a check".to_string())
    {
        let policy = read_restart(context, table).over(RestartPolicy::default());
        check.restart = Some(policy);
    }
    actions::read_for_service(context, section, check);
}

struct Timing {
    every: Duration,
    timeout: Duration,
    start_delay: Duration,
    fail_after: u32,
    well_after: u32,
}

fn read_timing(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    kind: Option<&Entry<'_>>,
) -> Timing {
    let bounds = TimeBounds {
        min: EVERY_MIN,
        max: EVERY_MAX,
    };
    let mut time = |context: &mut Context<'_>, key: &'static str, bounds: TimeBounds| {
        section
            .get(key)
            .and_then(|entry| entry.time(context, bounds))
    };
    let every = time(context, "every", bounds).unwrap_or(EVERY_DEFAULT);
    let limits = TimeBounds {
        max: EVERY_MAX,
        ..TimeBounds::POSITIVE
    };
    let timeout = time(context, "timeout", limits);
    let start_delay = time(context, "start_delay", TimeBounds::OR_ZERO);
    let mut count = |context: &mut Context<'_>, key: &'static str| {
        let entry = section.get(key)?;
        let number = entry.number(context, 1..=IN_ROW_MAX)?;
        Some(u32::try_from(number).expect("the bounds are within u32"))
    };
    // A line of a log is there once.
    let is_log = kind.is_some_and(|kind| kind.key == "log");
    let default = if is_log { 1 } else { FAIL_AFTER_DEFAULT };
    Timing {
        every,
        timeout: timeout.unwrap_or(TIMEOUT_DEFAULT),
        start_delay: start_delay.unwrap_or(every),
        fail_after: count(context, "fail_after").unwrap_or(default),
        well_after: count(context, "well_after").unwrap_or(1),
    }
}

fn report_doubles(context: &mut Context<'_>, checks: &[Placed<CheckSpec>]) {
    let mut names: BTreeMap<&ResourceName, Range<usize>> = BTreeMap::new();
    for check in checks {
        let name = &check.value.name;
        if let Some(first) = names.insert(name, check.at.clone()) {
            let problem = Problem::new(
                Code::CheckNameTwice,
                format!("two checks are called {name}"),
            )
            .at(check.at.clone(), "the second")
            .at(first, "the first")
            .help("give one of them another `name`");
            context.report(problem);
        }
    }
}

/// Checks that stop or start others must name such as there are.
fn report_references(context: &mut Context<'_>, checks: &[Placed<CheckSpec>]) {
    for check in checks {
        for name in actions::names_in(&check.value) {
            if checks.iter().any(|other| other.value.name == *name) {
                continue;
            }
            let known: Vec<String> = checks.iter().map(|c| c.value.name.to_string()).collect();
            let problem = Problem::new(Code::UnknownCheck, format!("there is no check `{name}`"))
                .at(check.at.clone(), "this check stops or starts it")
                .help(format!("known are {}", known.join(", ")));
            context.report(problem);
        }
    }
}
