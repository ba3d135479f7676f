//! `<rule>` and what stands in it, as conditions of `planner::rule`.

use std::collections::BTreeMap;

use planner::rule::{
    Comparison, Condition, DEPTH_MAX, DateFields, Period, Test, TimeTest, UnixSeconds, ValueKind,
    add_period,
};

use super::source::{Source, Xml, child, elements};
use super::values;

/// Where a rule takes values from that do not stand in it.
#[derive(Default, Clone, Copy)]
pub(super) struct ValueSources<'a> {
    /// Parameters of the resource.
    pub parameters: Option<&'a BTreeMap<String, String>>,
    /// Meta attributes of the resource.
    pub meta: Option<&'a BTreeMap<String, String>>,
    /// What the pattern that chose the resource matched: as a whole, then its parts.
    pub matched: &'a [String],
}

/// What a rule says.
pub(super) fn condition<'a>(
    source: &Source<'a>,
    rule: Xml<'a>,
    values: ValueSources<'_>,
) -> Condition {
    let mut reader = Reader {
        source,
        values,
        rules_left: RULES_MAX,
    };
    reader.rule(rule, 0)
}

/// Rules in one rule. References can go in circles; nobody writes a tenth of this.
const RULES_MAX: usize = 1000;

struct Reader<'s, 'a, 'v> {
    source: &'s Source<'a>,
    values: ValueSources<'v>,
    rules_left: usize,
}

impl<'a> Reader<'_, 'a, '_> {
    fn rule(&mut self, rule: Xml<'a>, depth: usize) -> Condition {
        if DEPTH_MAX <= depth || self.rules_left == 0 {
            return Condition::Fixed(false);
        }
        self.rules_left -= 1;
        let (source, values) = (self.source, self.values);
        let parts = elements(rule)
            .map(|part| source.resolved(part))
            .filter_map(|part| match part.tag_name().name() {
                "rule" => Some(self.rule(part, depth + 1)),
                "expression" => Some(expression(part, values)),
                "date_expression" => Some(date_expression(part)),
                "rsc_expression" => Some(Condition::ResourceKind {
                    class: owned(part, "class"),
                    provider: owned(part, "provider"),
                    agent: owned(part, "type"),
                }),
                "op_expression" => Some(Condition::Operation {
                    name: owned(part, "name"),
                    interval_ms: part.attribute("interval").and_then(values::milliseconds),
                }),
                _ => None,
            })
            .collect();
        match rule.attribute("boolean-op") {
            Some(word) if word.eq_ignore_ascii_case("or") => Condition::Any(parts),
            _ => Condition::All(parts),
        }
    }
}

fn owned(element: Xml<'_>, name: &str) -> Option<String> {
    element.attribute(name).map(str::to_string)
}

fn expression(element: Xml<'_>, values: ValueSources<'_>) -> Condition {
    let Some(name) = element.attribute("attribute") else {
        return Condition::Fixed(false);
    };
    let how = match element.attribute("operation").unwrap_or_default() {
        "defined" => return attribute(name, values, Test::Defined),
        "not_defined" => return attribute(name, values, Test::NotDefined),
        "eq" => Comparison::Equal,
        "ne" => Comparison::NotEqual,
        "lt" => Comparison::Less,
        "lte" => Comparison::LessOrEqual,
        "gt" => Comparison::More,
        "gte" => Comparison::MoreOrEqual,
        _ => return Condition::Fixed(false),
    };
    let written = element.attribute("value");
    let from = |place: Option<&BTreeMap<String, String>>| {
        place.and_then(|place| place.get(written?)).cloned()
    };
    let with = match element.attribute("value-source") {
        Some("param") => from(values.parameters),
        Some("meta") => from(values.meta),
        _ => written.map(str::to_string),
    };
    let kind = match element.attribute("type") {
        Some("string") => Some(ValueKind::Text),
        Some("integer") => Some(ValueKind::Integer),
        Some("number") => Some(ValueKind::Number),
        Some("version") => Some(ValueKind::Version),
        _ => None,
    };
    attribute(name, values, Test::Compares { how, with, kind })
}

fn attribute(name: &str, values: ValueSources<'_>, test: Test) -> Condition {
    Condition::Attribute {
        name: with_matches(name, values.matched),
        test,
    }
}

/// `%0` to `%9` stand for what the pattern matched.
pub(super) fn with_matches(text: &str, matched: &[String]) -> String {
    if matched.is_empty() || !text.contains('%') {
        return text.to_string();
    }
    (0..10).fold(text.to_string(), |text, i| {
        let part = matched.get(i).map_or("", String::as_str);
        text.replace(&format!("%{i}"), part)
    })
}

fn date_expression(element: Xml<'_>) -> Condition {
    let start = element.attribute("start").and_then(values::time);
    let end = element.attribute("end").and_then(values::time);
    let test = match element.attribute("operation") {
        Some("gt") => start.map(TimeTest::After),
        Some("lt") => end.map(TimeTest::Before),
        Some("date_spec") => {
            child(element, "date_spec").map(|spec| TimeTest::Shows(Box::new(fields(spec))))
        }
        Some("in_range") | None => range_test(element, start, end),
        Some(_) => None,
    };
    test.map_or(Condition::Fixed(false), Condition::Time)
}

fn range_test(
    element: Xml<'_>,
    start: Option<UnixSeconds>,
    end: Option<UnixSeconds>,
) -> Option<TimeTest> {
    let duration = child(element, "duration").map(duration);
    let end = match (start, duration) {
        (Some(start), Some(duration)) if end.is_none() => add_period(start, duration),
        _ => end,
    };
    match (start, end) {
        (Some(start), Some(end)) => Some(TimeTest::Within(start, end)),
        (Some(start), None) => Some(TimeTest::From(start)),
        (None, Some(end)) => Some(TimeTest::Until(end)),
        (None, None) => None,
    }
}

fn duration(element: Xml<'_>) -> Period {
    let field = |name: &str| {
        element
            .attribute(name)
            .and_then(values::integer)
            .unwrap_or_default()
    };
    Period {
        years: field("years"),
        months: field("months"),
        weeks: field("weeks"),
        days: field("days"),
        hours: field("hours"),
        minutes: field("minutes"),
        seconds: field("seconds"),
    }
}

fn fields(spec: Xml<'_>) -> DateFields {
    let field = |name: &str| spec.attribute(name).and_then(values::range);
    DateFields {
        seconds: field("seconds"),
        minutes: field("minutes"),
        hours: field("hours"),
        weekdays: field("weekdays"),
        monthdays: field("monthdays"),
        yeardays: field("yeardays"),
        months: field("months"),
        weeks: field("weeks"),
        years: field("years"),
        weekyears: field("weekyears"),
    }
}
