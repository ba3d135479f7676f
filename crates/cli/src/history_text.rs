//! What happened, as people read it.

use api::{Fences, HistoryEntryView};
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
