//! What happened, as people read it.

use api::{Explanation, Fences, HistoryEntryView, NotOn, ServiceState};
use config::Colour;

use crate::screen::{Tone, paint};
use crate::table::{Cell, cell, span, table, toned};

/// One line of history.
pub(crate) fn entry(entry: &HistoryEntryView, colour: Colour) -> String {
    let tone = match entry.kind.as_str() {
        "failed" => Tone::Bad,
        "fence-asked" | "fence-ended" => Tone::Care,
        "running" => Tone::Good,
        _other => Tone::Plain,
    };
    let at = paint(&entry.at.to_string(), Tone::Quiet, colour);
    format!("{at}  {}\n", paint(&entry.text, tone, colour))
}

/// Settled fences.
pub(crate) fn fences(fences: &Fences, colour: Colour) -> String {
    if fences.fences.is_empty() {
        return "no node was ever fenced\n".to_string();
    }
    let rows: Vec<Vec<Cell>> = fences
        .fences
        .iter()
        .map(|fence| {
            let took = fence.ended_at.0.saturating_duration_since(fence.asked_at.0);
            let tone = if fence.result == "failed" {
                Tone::Bad
            } else {
                Tone::Plain
            };
            vec![
                cell(fence.asked_at.to_string()),
                cell(&fence.target),
                cell(format!("by {}", fence.executor)),
                toned(&fence.text, tone),
                cell(format!("after {}", span(took.as_millis() as u64))),
                cell(&fence.because),
            ]
        })
        .collect();
    let head = ["ASKED AT", "NODE", "", "RESULT", "", "WHY"];
    table(&head, &rows, 0, colour)
}

/// Why a service is where it is.
pub(crate) fn explanation(answer: &Explanation, colour: Colour) -> String {
    let place = answer.node.as_ref().map(|node| format!(" on {node}"));
    // Where each node has a reason of its own, the table tells them.
    let is_waiting = answer.waits.contains(&answer.because);
    let because = match answer.because.split_once(": ") {
        Some((short, _)) if is_waiting && answer.nodes.iter().all(|v| !v.allowed) => short,
        Some(_) | None => &answer.because,
    };
    let verb = if answer.at.is_some() { "was" } else { "is" };
    let when = answer.at.map(|at| format!(" at {at}")).unwrap_or_default();
    let since = answer
        .since
        .map(|since| format!(", since {since}"))
        .unwrap_or_default();
    let mut text = format!(
        "{} {verb} {}{}{when}: {because}{since}\n",
        answer.service,
        answer.state,
        place.unwrap_or_default(),
    );
    let rows: Vec<Vec<Cell>> = answer
        .nodes
        .iter()
        .map(|verdict| {
            let (word, tone) = match (answer.node.as_ref() == Some(&verdict.node), verdict.allowed)
            {
                (true, _) => ("here", Tone::Good),
                (false, true) => ("possible", Tone::Plain),
                (false, false) => ("not", Tone::Care),
            };
            vec![
                cell(&verdict.node),
                toned(word, tone),
                cell(verdict.because.join("; ")),
            ]
        })
        .collect();
    text.push_str(&table(&[], &rows, 2, colour));
    // What is stopped on purpose waits for nothing but a wish.
    let waits = answer
        .waits
        .iter()
        .filter(|wait| answer.state != ServiceState::Stopped && **wait != answer.because);
    for wait in waits {
        text.push_str(&format!("waits: {wait}\n"));
    }
    if let Some(not_on) = &answer.not_on {
        text.push_str(&why_not(not_on, &answer.service));
    }
    if !answer.happened.is_empty() {
        text.push_str(&format!(
            "{}\n",
            paint("what happened", Tone::Strong, colour)
        ));
        for happened in &answer.happened {
            text.push_str(&format!("  {}", entry(happened, colour)));
        }
    }
    for unknown in &answer.unknown {
        text.push_str(&format!("not known: {unknown}\n"));
    }
    text
}

/// Why it is not on one node, and what would bring it there.
fn why_not(not_on: &NotOn, service: &str) -> String {
    let node = &not_on.node;
    let mut text = format!("not on {node}: {}\n", not_on.because.join("; "));
    if not_on.changes.is_empty() {
        return text;
    }
    match not_on.helps {
        true => text.push_str(&format!("this would bring {service} to {node}:\n")),
        false => text.push_str("not even this would do:\n"),
    }
    for (number, change) in not_on.changes.iter().enumerate() {
        text.push_str(&format!("  {}  {change}\n", number + 1));
    }
    if let Some(outage) = not_on.outage.as_ref().filter(|_| not_on.helps) {
        text.push_str(&format!("on the way: {}\n", outage.text));
    }
    text
}
