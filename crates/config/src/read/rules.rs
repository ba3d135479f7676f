//! Keys of `[service.X]` that few services need: copies, company, nodes, room, tickets,
//! answers to failures.

use std::collections::BTreeMap;

use model::roles::RoleMeant;
use model::rules::{
    AttributeTest, Company, Copies, CopyCount, FailureAnswer, ServiceRules, StopFailureAnswer,
    TicketLoss, TicketRule, WhereRule,
};
use model::{NodeName, ServiceName, TicketName};
use toml::de::DeValue;

use super::roles::read_role;
use super::section::{Entry, Section, bad_name};
use super::value::TimeBounds;
use super::{Context, Placed, pings};
use crate::{Code, Problem};

/// More copies than this would be on nodes that a cluster cannot have.
const COPIES_MAX: i64 = 1000;
/// More of one thing on one machine is better served by one that does more.
const COPIES_PER_NODE_MAX: i64 = 100;
/// As with `stickiness`: sums of such points stay exact.
const POINTS_MAX: i64 = 1_000_000;
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
        rules.where_rules = read_where(context, &entry, name);
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
    rules.ticket = read_ticket(context, section, name);
    if let Some(entry) = section.get("bar_expires") {
        rules.bar_expires = read_bar_expires(context, &entry);
    }
    if let Some(entry) = section.get("ping") {
        rules.ping = pings::read(context, &entry, &format!("[service.{name}]"));
    }
    if let Some(entry) = section.get("on_failure") {
        let path = format!("service/{name}/on_failure");
        context.places.put(path, entry.key_at.clone());
        read_on_failure(context, &entry, rules);
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
        if !section.has("copies") {
            let problem = Problem::new(
                Code::DoesNotBelong,
                format!("service {name} has `copies_per_node` and no `copies`"),
            )
            .at(entry.key_at.clone(), "of how many?")
            .help("add `copies = 3` or `copies = \"every-node\"`, or remove the line");
            context.report(problem);
        }
    }
    Some(Copies {
        count: count?,
        per_node,
    })
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

fn is_named_twice<'a>(
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

/// `[[service.X.where]]`: one rule each.
fn read_where(context: &mut Context<'_>, entry: &Entry<'_>, name: &ServiceName) -> Vec<WhereRule> {
    if let DeValue::Table(_) = entry.value.get_ref() {
        let problem = entry
            .wrong_type(context, "a list of tables")
            .help(format!("write two brackets: `[[service.{name}.where]]`"));
        context.report(problem);
        return Vec::new();
    }
    let items = entry.items(context).unwrap_or_default();
    let rules = items.iter().filter_map(|item| {
        let table = item.table(context, format!("[[service.{name}.where]]"))?;
        read_where_rule(context, table)
    });
    rules.collect()
}

/// The tests of an attribute, as the file calls them.
const TESTS: &str = "`is`, `is_not`, `one_of`, `at_least`, `at_most` or `exists`";

fn read_where_rule(context: &mut Context<'_>, mut table: Section<'_>) -> Option<WhereRule> {
    let at = table.at();
    let attribute = table
        .require(context, "attribute", "attribute = \"rack\"")
        .then(|| table.get("attribute")?.some_text(context))
        .flatten();
    let mut tests: Vec<(&'static str, Option<AttributeTest>)> = Vec::new();
    let mut test = |key: &'static str,
                    read: &mut dyn FnMut(&Entry<'_>) -> Option<AttributeTest>| {
        if let Some(entry) = table.get(key) {
            tests.push((key, read(&entry)));
        }
    };
    let number = |context: &mut Context<'_>, entry: &Entry<'_>| {
        entry.number(context, -GOODS_MAX..=GOODS_MAX)
    };
    test("is", &mut |e| {
        e.text(context).map(|t| AttributeTest::Is(t.value))
    });
    test("is_not", &mut |e| {
        e.text(context).map(|t| AttributeTest::IsNot(t.value))
    });
    test("one_of", &mut |e| {
        let texts = e.items(context)?;
        let texts = texts.iter().filter_map(|item| item.text(context));
        Some(AttributeTest::OneOf(texts.map(|t| t.value).collect()))
    });
    test("at_least", &mut |e| {
        number(context, e).map(AttributeTest::AtLeast)
    });
    test("at_most", &mut |e| {
        number(context, e).map(AttributeTest::AtMost)
    });
    test("exists", &mut |e| {
        e.truth(context).map(AttributeTest::Exists)
    });
    let points = table
        .get("points")
        .and_then(|entry| entry.number(context, -POINTS_MAX..=POINTS_MAX))
        .map(|points| i32::try_from(points).expect("the bounds are within i32"));
    table.finish(context, &[]);
    let problem = match tests.as_slice() {
        [_] => None,
        [] => Some(
            Problem::new(Code::MissingKey, "a rule of `where` tests nothing")
                .at(at, format!("{TESTS} is missing"))
                .help("add what the attribute must be, like `is = \"a\"`"),
        ),
        [(first, _), (second, _), ..] => Some(
            Problem::new(
                Code::DoesNotBelong,
                format!("a rule of `where` has `{first}` and `{second}`"),
            )
            .at(at, "one test for each rule")
            .help("write two rules; both must hold"),
        ),
    };
    if let Some(problem) = problem {
        context.report(problem);
        return None;
    }
    let (_, test) = tests.pop()?;
    Some(WhereRule {
        attribute: attribute?.value,
        test: test?,
        points,
    })
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

/// `needs_ticket` and `on_ticket_loss`.
fn read_ticket(
    context: &mut Context<'_>,
    section: &mut Section<'_>,
    name: &ServiceName,
) -> Option<TicketRule> {
    let ticket = section
        .get("needs_ticket")
        .and_then(|entry| entry.name::<TicketName>(context));
    let mut on_loss = TicketLoss::Stop;
    if let Some(entry) = section.get("on_ticket_loss") {
        let words = [
            ("stop", TicketLoss::Stop),
            ("freeze", TicketLoss::Freeze),
            ("fence", TicketLoss::Fence),
        ];
        on_loss = entry.word(context, &words).unwrap_or_default();
        if !section.has("needs_ticket") {
            let problem = Problem::new(
                Code::DoesNotBelong,
                format!("service {name} has `on_ticket_loss` and no `needs_ticket`"),
            )
            .at(entry.key_at.clone(), "of which ticket?")
            .help("add `needs_ticket = \"NAME\"`, or remove the line");
            context.report(problem);
        }
    }
    let ticket = ticket?.value;
    Some(TicketRule { ticket, on_loss })
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

/// One word for all failures but those of stops, or a table.
fn read_on_failure(context: &mut Context<'_>, entry: &Entry<'_>, rules: &mut ServiceRules) {
    if let DeValue::String(_) = entry.value.get_ref() {
        if let Some(answer) = entry.word(context, &FailureAnswer::WORDS) {
            rules.on_failure.start = answer;
            rules.on_failure.run = answer;
        }
        return;
    }
    let Some(mut table) = entry.table(context, "`on_failure`".to_string()) else {
        return;
    };
    if let Some(entry) = table.get("start")
        && let Some(answer) = entry.word(context, &FailureAnswer::WORDS)
    {
        rules.on_failure.start = answer;
    }
    if let Some(entry) = table.get("run")
        && let Some(answer) = entry.word(context, &FailureAnswer::WORDS)
    {
        rules.on_failure.run = answer;
    }
    if let Some(entry) = table.get("stop") {
        let words = [
            ("fence", StopFailureAnswer::Fence),
            ("block", StopFailureAnswer::Block),
        ];
        if let Some(answer) = entry.word(context, &words) {
            rules.on_failure.stop = answer;
        }
    }
    table.finish(context, &[]);
}
