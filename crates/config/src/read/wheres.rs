//! `[[service.X.where]]`: rules about the nodes of a service.

use model::roles::RoleMeant;
use model::rules::{AttributeRule, AttributeTest, NodesMeant, WhereRule};
use model::{NodeName, ServiceName};
use toml::de::DeValue;

use super::Context;
use super::roles::read_role;
use super::rules::{GOODS_MAX, POINTS_MAX};
use super::section::{Entry, Section};
use crate::{Code, Problem};

/// The tests of an attribute, as the file calls them.
const TESTS: &str = "`is`, `is_not`, `one_of`, `at_least`, `at_most` or `exists`";

/// What a rule may ask of nodes; each has one.
const ASKS: [&str; 4] = ["attribute", "all", "any", "nodes"];

/// One rule for each table.
pub(super) fn read(
    context: &mut Context<'_>,
    entry: &Entry<'_>,
    name: &ServiceName,
) -> Vec<WhereRule> {
    if let DeValue::Table(_) = entry.value.get_ref() {
        let problem = entry
            .wrong_type(context, "a list of tables")
            .help(format!("write two brackets: `[[service.{name}.where]]`"));
        context.report(problem);
        return Vec::new();
    }
    let mut rules = Vec::new();
    for item in entry.items(context).unwrap_or_default() {
        let Some(table) = item.table(context, format!("[[service.{name}.where]]")) else {
            continue;
        };
        let path = format!("service/{name}/where/{}", rules.len());
        rules.extend(read_rule(context, table, &path));
    }
    rules
}

fn read_rule(context: &mut Context<'_>, mut table: Section<'_>, path: &str) -> Option<WhereRule> {
    let asks: Vec<&str> = ASKS.into_iter().filter(|key| table.has(key)).collect();
    let meant = match asks.as_slice() {
        ["all"] => read_several(context, &mut table, "all").map(|all| NodesMeant::All { all }),
        ["any"] => read_several(context, &mut table, "any").map(|any| NodesMeant::Any { any }),
        ["nodes"] => read_nodes(context, &mut table, path),
        [] | ["attribute"] => read_attribute(context, &mut table).map(NodesMeant::One),
        [first, second, ..] => {
            let problem = Problem::new(
                Code::DoesNotBelong,
                format!("a rule of `where` has `{first}` and `{second}`"),
            )
            .at(table.at(), "one of them for each rule")
            .help("write two rules; both must hold");
            context.report(problem);
            return None;
        }
        [other] => unreachable!("{other} is not asked for"),
    };
    let points = table
        .get("points")
        .and_then(|entry| entry.number(context, -POINTS_MAX..=POINTS_MAX))
        .map(|points| i32::try_from(points).expect("the bounds are within i32"));
    if let Some(entry) = table.get("role") {
        let at = entry.key_at.clone();
        context.places.put(format!("{path}/role"), at);
    }
    let role = read_role(context, &mut table);
    table.finish(context, &[]);
    Some(WhereRule {
        meant: alone(meant?),
        points,
        role,
    })
}

/// One test in a list is one test.
fn alone(meant: NodesMeant) -> NodesMeant {
    match meant {
        NodesMeant::All { all: mut rules } | NodesMeant::Any { any: mut rules }
            if rules.len() == 1 =>
        {
            NodesMeant::One(rules.remove(0))
        }
        other => other,
    }
}

/// `all` and `any`: a list of tests.
fn read_several(
    context: &mut Context<'_>,
    table: &mut Section<'_>,
    key: &'static str,
) -> Option<Vec<AttributeRule>> {
    let entry = table.get(key)?;
    let items = entry.items(context)?;
    if items.is_empty() {
        report_empty(
            context,
            &entry,
            "a test, like `{ attribute = \"rack\", is = \"a\" }`",
        );
        return None;
    }
    let mut rules = Vec::new();
    for item in &items {
        let Some(mut table) = item.table(context, format!("`{key}` of `where`")) else {
            continue;
        };
        let rule = read_attribute(context, &mut table);
        table.finish(context, &[]);
        rules.extend(rule);
    }
    // What could not be read is reported, and the others alone would mean something else.
    (rules.len() == items.len()).then_some(rules)
}

fn read_nodes(
    context: &mut Context<'_>,
    table: &mut Section<'_>,
    path: &str,
) -> Option<NodesMeant> {
    let entry = table.get("nodes")?;
    let items = entry.items(context)?;
    if items.is_empty() {
        report_empty(context, &entry, "the name of a node");
        return None;
    }
    let mut nodes: Vec<NodeName> = Vec::new();
    for node in entry.names::<NodeName>(context) {
        let place = format!("{path}/nodes/{}", nodes.len());
        context.places.put(place, node.at);
        nodes.push(node.value);
    }
    Some(NodesMeant::Named { nodes })
}

fn report_empty(context: &mut Context<'_>, entry: &Entry<'_>, wanted: &str) {
    let message = format!("`{}` of a rule of `where` is empty", entry.key);
    let problem = Problem::new(Code::MissingKey, message)
        .at(entry.value.span(), "nothing is asked for")
        .help(format!("add {wanted}"));
    context.report(problem);
}

/// One attribute and its test.
fn read_attribute(context: &mut Context<'_>, table: &mut Section<'_>) -> Option<AttributeRule> {
    let at = table.at();
    let attribute = table
        .require(context, "attribute", "attribute = \"rack\"")
        .then(|| table.get("attribute")?.some_text(context))
        .flatten();
    let mut tests = read_tests(context, table);
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
    Some(AttributeRule {
        attribute: attribute?.value,
        test: test?,
    })
}

/// All tests that the table has; none where one could not be read.
fn read_tests(
    context: &mut Context<'_>,
    table: &mut Section<'_>,
) -> Vec<(&'static str, Option<AttributeTest>)> {
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
    tests
}

/// Where rules speak of promoted copies, by their number.
pub(super) fn of_promoted(rules: &[WhereRule]) -> impl Iterator<Item = usize> {
    let rules = rules.iter().enumerate();
    let promoted = rules.filter(|(_, rule)| rule.role == RoleMeant::Promoted);
    promoted.map(|(number, _)| number)
}
