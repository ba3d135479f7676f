//! Keys of `[service.X]` that few services need: copies, company, nodes, room, tickets,
//! answers to failures.

use std::collections::BTreeMap;

use model::roles::RoleMeant;
use model::rules::{Company, Copies, CopiesStart, CopyCount, FoundTwice, ServiceRules};
use model::{NodeName, ServiceName};
use toml::de::DeValue;

use super::roles::read_role;
use super::section::{Entry, Section, bad_name};
use super::value::TimeBounds;
use super::{Context, Placed, answers, pings, tickets, wheres};
use crate::{Code, Problem};

/// More copies than this would be on nodes that a cluster cannot have.
const COPIES_MAX: i64 = 1000;
/// More of one thing on one machine is better served by one that does more.
const COPIES_PER_NODE_MAX: i64 = 100;
/// As with `stickiness`: sums of such points stay exact.
pub(super) const POINTS_MAX: i64 = 1_000_000;
/// Bytes of the largest machines, counted one by one, fit.
pub(super) const GOODS_MAX: i64 = 1 << 60;

/// Reads the rules of one service.
pub(super) fn read(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    name: &ServiceName,
    rules: &mut ServiceRules,
) {
    rules.copies = read_copies(context, section, name);
    rules.together_with = read_company(context, section, (name, "together_with"));
    rules.apart_from = read_company(context, section, (name, "apart_from"));
    if let Some(entry) = section.get("not_while_starting") {
        rules.not_while_starting = read_services(context, &entry, name);
    }
    for (key, into) in [
        ("avoid", &mut rules.avoid),
        ("never_on", &mut rules.never_on),
    ] {
        if let Some(entry) = section.get(key) {
            for node in entry.names::<NodeName>(context) {
                let path = format!("service/{name}/{key}/{}", into.len());
                context.places.put(path, node.at);
                into.push(node.value);
            }
        }
    }
    if let Some(entry) = section.get("live") {
        let path = format!("service/{name}/live");
        context.places.put(path, entry.key_at.clone());
        rules.live = entry.truth(context) == Some(true);
    }
    if let Some(entry) = section.get("where") {
        rules.where_rules = wheres::read(context, &entry, name);
    }
    if let Some(entry) = section.get("uses") {
        context
            .places
            .put(format!("service/{name}/uses"), entry.key_at.clone());
        rules.uses = read_goods(context, &entry);
    }
    if let Some(entry) = section.get("exclusive") {
        rules.exclusive = entry.truth(context) == Some(true);
    }
    rules.tickets = tickets::read(context, section, name);
    if let Some(entry) = section.get("found_twice") {
        let word = entry.word(context, &FoundTwice::WORDS);
        rules.found_twice = word.unwrap_or_default();
    }
    if let Some(entry) = section.get("bar_expires") {
        rules.bar_expires = read_bar_expires(context, &entry);
    }
    if let Some(entry) = section.get("ping") {
        rules.ping = pings::read(context, &entry, &format!("[service.{name}]"));
    }
    if let Some(entry) = section.get("on_failure") {
        let path = format!("service/{name}/on_failure");
        context.places.put(path, entry.key_at.clone());
        let said = answers::read_on_failure(context, &entry);
        rules.on_failure = said.over(rules.on_failure);
    }
}

/// `copies` and `copies_per_node`.
fn read_copies(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    name: &ServiceName,
) -> Option<Copies> {
    let count = section.get("copies").and_then(|entry| {
        let path = format!("service/{name}/copies");
        context.places.put(path, entry.key_at.clone());
        match entry.value.get_ref() {
            DeValue::String(_) => entry.word(context, &[("every-node", CopyCount::EveryNode)]),
            _ => entry
                .number(context, 1..=COPIES_MAX)
                .map(|number| CopyCount::Number(small(number))),
        }
    });
    let mut per_node = 1;
    if let Some(entry) = section.get("copies_per_node") {
        if let Some(number) = entry.number(context, 1..=COPIES_PER_NODE_MAX) {
            per_node = small(number);
        }
        refuse_without_copies(context, section, (name, &entry));
    }
    let mut start = CopiesStart::default();
    if let Some(entry) = section.get("copies_start") {
        start = entry.word(context, &CopiesStart::WORDS).unwrap_or_default();
        refuse_without_copies(context, section, (name, &entry));
    }
    Some(Copies {
        count: count?,
        per_node,
        start,
    })
}

fn refuse_without_copies(
    context: &mut Context<'_>,
    section: &Section<'_>,
    (name, entry): (&ServiceName, &Entry<'_>),
) {
    if section.has("copies") {
        return;
    }
    let message = format!("service {name} has `{}` and no `copies`", entry.key);
    let problem = Problem::new(Code::DoesNotBelong, message)
        .at(entry.key_at.clone(), "of how many?")
        .help("add `copies = 3` or `copies = \"every-node\"`, or remove the line");
    context.report(problem);
}

fn small(number: i64) -> u32 {
    u32::try_from(number).expect("the bounds are within u32")
}

/// A list of services, each alone or in a table with `points`.
fn read_company(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    (name, key): (&ServiceName, &'static str),
) -> Vec<Company> {
    let Some(entry) = section.get(key) else {
        return Vec::new();
    };
    let mut company: Vec<Company> = Vec::new();
    for item in entry.items(context).unwrap_or_default() {
        let (service, points, role) = match item.value.get_ref() {
            DeValue::Table(_) => {
                let title = format!("`{key}` of [service.{name}]");
                let Some(mut table) = item.table(context, title) else {
                    continue;
                };
                let service = table
                    .require(context, "service", "service = \"db\"")
                    .then(|| read_service(context, &table.get("service")?))
                    .flatten();
                let points = table
                    .get("points")
                    .and_then(|entry| entry.number(context, 1..=POINTS_MAX));
                let role = read_role(context, &mut table);
                table.finish(context, &[]);
                (service, points.map(small), role)
            }
            _ => (read_service(context, &item), None, RoleMeant::Any),
        };
        let Some(service) = service else { continue };
        if is_named_twice(
            context,
            &entry,
            &service,
            company.iter().map(|c| &c.service),
        ) {
            continue;
        }
        let path = format!("service/{name}/{key}/{}", company.len());
        context.places.put(path, service.at);
        company.push(Company {
            service: service.value,
            points,
            role,
        });
    }
    company
}

pub(super) fn is_named_twice<'a>(
    context: &mut Context<'_>,
    list: &Entry<'_>,
    service: &Placed<ServiceName>,
    mut known: impl Iterator<Item = &'a ServiceName>,
) -> bool {
    let is_known = known.any(|other| *other == service.value);
    if is_known {
        let message = format!("`{}` names {} twice", list.key, service.value);
        let problem = Problem::new(Code::Repeated, message)
            .at(service.at.clone(), "again")
            .help("remove the second");
        context.report(problem);
    }
    is_known
}

/// A list of services.
fn read_services(
    context: &mut Context<'_>,
    entry: &Entry<'_>,
    name: &ServiceName,
) -> Vec<ServiceName> {
    let mut services: Vec<ServiceName> = Vec::new();
    for item in entry.items(context).unwrap_or_default() {
        let Some(service) = read_service(context, &item) else {
            continue;
        };
        if is_named_twice(context, entry, &service, services.iter()) {
            continue;
        }
        let path = format!("service/{name}/{}/{}", entry.key, services.len());
        context.places.put(path, service.at);
        services.push(service.value);
    }
    services
}

/// A service. `service.db` and `db` mean the same: people copy the name of the section. One
/// copy of a service cannot be spoken of.
pub(super) fn read_service(
    context: &mut Context<'_>,
    item: &Entry<'_>,
) -> Option<Placed<ServiceName>> {
    let text = item.text(context)?;
    let bare = text.value.strip_prefix("service.").unwrap_or(&text.value);
    let at = text.at.clone();
    match plain(bare) {
        Ok(value) => Some(Placed { value, at }),
        Err(error) => {
            context.report(bad_name(bare, &error, at));
            None
        }
    }
}

/// The name of a service as files write it: without the number of a copy.
pub(super) fn plain(text: &str) -> Result<ServiceName, model::id::NameError> {
    let name: ServiceName = text.parse()?;
    match name.copy() {
        None => Ok(name),
        Some(_) => Err(model::id::NameError::Character(':')),
    }
}

/// A table of whole numbers: `{ cpu = 2, memory_gib = 8 }`.
pub(super) fn read_goods(context: &mut Context<'_>, entry: &Entry<'_>) -> BTreeMap<String, u64> {
    let Some(section) = entry.table(context, format!("`{}`", entry.key)) else {
        return BTreeMap::new();
    };
    let mut goods = BTreeMap::new();
    for good in section.entries() {
        if let Some(amount) = good.number(context, 0..=GOODS_MAX) {
            let amount = u64::try_from(amount).expect("the bounds are above zero");
            goods.insert(good.key, amount);
        }
    }
    goods
}

/// A bar that ends sooner than this ends before anybody has seen it; one that lasts for a
/// month is one that a person ends.
const BAR_EXPIRES: TimeBounds = TimeBounds {
    min: std::time::Duration::from_secs(1),
    max: std::time::Duration::from_secs(30 * 86_400),
};

fn read_bar_expires(context: &mut Context<'_>, entry: &Entry<'_>) -> Option<std::time::Duration> {
    if let DeValue::String(text) = entry.value.get_ref()
        && text == "never"
    {
        return None;
    }
    entry.time(context, BAR_EXPIRES)
}
