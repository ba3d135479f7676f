//! What would happen if something failed, as people read it: equal outcomes in one line.

use std::collections::BTreeMap;

use api::{CarriedView, FailureView, RoleView, RuleView, WhatIfReply};
use config::Colour;

use crate::screen::{Tone, paint};
use crate::table::{Cell, cell, table, toned};

/// Failures that are named in one line; with more, their number is told.
const NAMED_MAX: usize = 3;

/// Services that are named in one line; with more, their number is told.
const SERVICES_MAX: usize = 3;

/// Lines of one list without `--all`: with the rest they fit a screen.
const LINES_MAX: usize = 12;

/// Whether everything is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// What fits a screen.
    Screen,
    /// `--all`.
    All,
}

/// The whole answer.
pub(crate) fn what_if(answer: &WhatIfReply, detail: Detail, colour: Colour) -> String {
    let mut text = String::new();
    for service in &answer.not_running {
        let line = format!("{} does not run: {}\n", service.service, service.because);
        text.push_str(&paint(&line, Tone::Care, colour));
    }
    let strong = |line: &str| format!("{}\n", paint(line, Tone::Strong, colour));
    if answer.singles.len() == 1 {
        let failure = &answer.singles[0];
        let verb = match failure.failures.len() {
            1 => "fails",
            _ => "fail",
        };
        let names = failure.failures.join(" and ");
        text.push_str(&strong(&format!("if {names} {verb}")));
        text.push_str(&one(failure, colour));
    } else {
        let count = answer.singles.len();
        text.push_str(&strong(&format!("each of {count} single failures")));
        text.push_str(&list(&answer.singles, detail, colour));
    }
    if 0 < answer.doubles_count {
        let all = answer.doubles.len() == answer.doubles_count;
        let count = answer.doubles_count;
        let head = match (all, answer.doubles.is_empty()) {
            (true, _) => format!("each of {count} double failures"),
            (false, true) => {
                format!("{count} double failures: none is worse than each of the two alone")
            }
            (false, false) => format!(
                "of {count} double failures, those worse than each of the two alone: {}",
                answer.doubles.len()
            ),
        };
        text.push_str(&strong(&head));
        text.push_str(&list(&answer.doubles, detail, colour));
        if 0 < answer.left_out {
            text.push_str(&format!("  {} other pairs are left out\n", answer.left_out));
        }
    }
    if answer.singles.len() != 1 {
        let points = match answer.single_points.as_slice() {
            [] => "single points of failure: none\n".to_string(),
            points => format!("single points of failure: {}\n", points.join(", ")),
        };
        text.push_str(&points);
    }
    text.push_str(&rules(&answer.rules, colour));
    text
}

/// The rules, and what breaks them.
pub(crate) fn rules(rules: &[RuleView], colour: Colour) -> String {
    let lines = rules.iter().map(|rule| {
        let tone = match (rule.holds, rule.broken_before) {
            (true, _) => Tone::Good,
            (false, true) => Tone::Care,
            (false, false) => Tone::Bad,
        };
        let before = match rule.broken_before {
            true => " (as before)",
            false => "",
        };
        let line = format!("rule: {}{before}\n", rule.sentence());
        paint(&line, tone, colour)
    });
    lines.collect()
}

/// One failure, in full.
fn one(failure: &FailureView, colour: Colour) -> String {
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    if let Some(because) = &failure.because {
        rows.push(vec![
            toned("nobody decides any more", Tone::Bad),
            cell(because),
        ]);
    }
    for down in &failure.down {
        let head = format!("{} is down", down.service);
        rows.push(vec![toned(head, Tone::Bad), cell(&down.because)]);
    }
    for back in &failure.back {
        let head = format!("{} on {}", back.service, place(&back.node, &back.equals));
        rows.push(vec![cell(head), cell(&back.outage.text)]);
    }
    for carried in &failure.carried {
        let head = format!("{} stays on {}", carried.service, carried.node);
        let text = format!("addresses go to {}: {}", carried.card, carried.outage.text);
        rows.push(vec![cell(head), cell(text)]);
    }
    for role in &failure.roles {
        rows.push(role_row(role));
    }
    if rows.is_empty() {
        return "  no service is touched\n".to_string();
    }
    table(&[], &rows, 2, colour)
}

/// `db is promoted on beta`, and for how long nobody is.
fn role_row(role: &RoleView) -> Vec<Cell> {
    match (&role.node, &role.outage) {
        (Some(node), Some(outage)) => vec![
            cell(format!("{} is promoted on {node}", role.service)),
            cell(&outage.text),
        ],
        (Some(_) | None, _) => vec![
            toned(format!("{} is promoted nowhere", role.service), Tone::Bad),
            cell(role.because.as_deref().unwrap_or_default()),
        ],
    }
}

/// The same in a line with others.
fn role_part(role: &RoleView) -> String {
    match (&role.node, &role.outage) {
        (Some(node), Some(outage)) => {
            format!("{} is promoted on {node}: {}", role.service, outage.text)
        }
        (Some(_) | None, _) => {
            let because = role.because.as_deref().unwrap_or_default();
            format!("{} is promoted nowhere: {because}", role.service)
        }
    }
}

fn carried_part(carried: &[CarriedView]) -> Option<String> {
    let worst = carried.iter().max_by_key(|it| it.outage.about_ms)?;
    let names: Vec<&str> = carried.iter().map(|it| it.service.as_str()).collect();
    let verb = if names.len() == 1 { "stays" } else { "stay" };
    Some(format!(
        "{} {verb}, addresses go to {}: {}",
        some(&names),
        worst.card,
        worst.outage.text
    ))
}

fn place(node: &str, equals: &[String]) -> String {
    let others: Vec<&String> = equals.iter().filter(|other| *other != node).collect();
    match others.as_slice() {
        [] => node.to_string(),
        [other] => format!("{node} or {other}"),
        others => format!("{node} or {} others", others.len()),
    }
}

/// The worst first: failures with the same outcome in one line, or with `--all` each in its own.
fn list(failures: &[FailureView], detail: Detail, colour: Colour) -> String {
    let mut groups: BTreeMap<(Rank, String), Vec<String>> = BTreeMap::new();
    for failure in failures {
        let names = failure.failures.join(" + ");
        groups.entry(outcome(failure)).or_default().push(names);
    }
    let total = groups.len();
    let row = |names: String, (rank, outcome): &(Rank, String)| {
        let tone = match rank {
            Rank::Down => Tone::Bad,
            Rank::Back => Tone::Plain,
            Rank::Nothing => Tone::Quiet,
        };
        vec![cell(names), toned(outcome, tone)]
    };
    let max = match detail {
        Detail::All => usize::MAX,
        Detail::Screen => LINES_MAX,
    };
    let rows: Vec<Vec<Cell>> = groups
        .into_iter()
        .take(max)
        .flat_map(|(outcome, names)| {
            let lines = match detail {
                Detail::All => names,
                Detail::Screen => vec![named(&names)],
            };
            lines.into_iter().map(move |line| row(line, &outcome))
        })
        .collect();
    let mut text = table(&[], &rows, 2, colour);
    if max < total {
        text.push_str(&format!(
            "  and {} other outcomes: --all shows them\n",
            total - max
        ));
    }
    text
}

fn named(names: &[String]) -> String {
    if NAMED_MAX < names.len() {
        let more = names.len() - NAMED_MAX;
        return format!("{}, {more} more", names[..NAMED_MAX].join(", "));
    }
    names.join(", ")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Down,
    Back,
    Nothing,
}

/// The outcome in a line.
fn outcome(failure: &FailureView) -> (Rank, String) {
    let mut parts: Vec<String> = Vec::new();
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for down in &failure.down {
        let services = reasons.entry(&down.because).or_default();
        services.push(&down.service);
    }
    for (because, services) in reasons {
        let is_one = services.len() == 1;
        let verb = if is_one { "is" } else { "are" };
        parts.push(format!("{} {verb} down: {because}", some(&services)));
    }
    let back: Vec<String> = failure
        .back
        .iter()
        .map(|back| format!("{} on {}", back.service, place(&back.node, &back.equals)))
        .collect();
    if !back.is_empty() {
        let back: Vec<&str> = back.iter().map(String::as_str).collect();
        let worst = failure.back.iter().max_by_key(|back| back.outage.about_ms);
        let worst = worst.map_or("", |worst| &worst.outage.text);
        let at_worst = if back.len() == 1 { "" } else { "at worst " };
        parts.push(format!("{}: {at_worst}{worst}", some(&back)));
    }
    parts.extend(carried_part(&failure.carried));
    parts.extend(failure.roles.iter().map(role_part));
    let is_unfilled = failure.roles.iter().any(|role| role.node.is_none());
    let is_up = failure.down.is_empty() && !is_unfilled;
    let is_untouched =
        failure.back.is_empty() && failure.carried.is_empty() && failure.roles.is_empty();
    let rank = match (is_up, is_untouched) {
        (false, _) => Rank::Down,
        (true, false) => Rank::Back,
        (true, true) => Rank::Nothing,
    };
    if parts.is_empty() {
        parts.push("no service is touched".to_string());
    }
    (rank, parts.join("; "))
}

fn some(names: &[&str]) -> String {
    if SERVICES_MAX < names.len() {
        let more = names.len() - SERVICES_MAX;
        return format!("{} and {more} more", names[..SERVICES_MAX].join(", "));
    }
    names.join(", ")
}
