//! Plain aligned columns without borders, which a person reads and `awk` splits.

use config::Colour;

use crate::screen::{Tone, paint};

/// One cell.
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

/// A cell of ordinary text; an empty one shows as `-`.
pub(crate) fn cell(text: impl Into<String>) -> Cell {
    toned(text, Tone::Plain)
}

/// A cell with a colour.
pub(crate) fn toned(text: impl Into<String>, tone: Tone) -> Cell {
    let text = text.into();
    let text = if text.is_empty() {
        "-".to_string()
    } else {
        text
    };
    Cell { text, tone }
}

/// The table, each line indented by `indent` spaces. The last column is as wide as it
/// needs to be, and nothing is cut.
pub(crate) fn table(head: &[&str], rows: &[Vec<Cell>], indent: usize, colour: Colour) -> String {
    let title = |name: &&str| Cell {
        text: (*name).to_string(),
        tone: Tone::Quiet,
    };
    let head: Vec<Cell> = head.iter().map(title).collect();
    let lines = || {
        std::iter::once(&head)
            .filter(|head| !head.is_empty())
            .chain(rows)
    };
    let columns = lines().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let cells = lines().filter_map(|line| line.get(column));
            cells
                .map(|cell| cell.text.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for line in lines() {
        text.push_str(&" ".repeat(indent));
        for (column, cell) in line.iter().enumerate() {
            text.push_str(&paint(&cell.text, cell.tone, colour));
            if column + 1 < line.len() {
                let missing = widths[column] - cell.text.chars().count();
                text.push_str(&" ".repeat(missing + 2));
            }
        }
        text.truncate(text.trim_end_matches(' ').len());
        text.push('\n');
    }
    text
}

/// A span as people say it: `0.3 s`, `12 s`, `5 min`, `3 h 20 min`, `4 d 2 h`.
pub(crate) fn span(millis: u64) -> String {
    let seconds = millis / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes, seconds) {
        (0, 0, 0, 0..10) => format!("{}.{} s", seconds, millis % 1000 / 100),
        (0, 0, 0, _) => format!("{seconds} s"),
        (0, 0, _, _) => format!("{minutes} min"),
        (0, _, _, _) => format!("{hours} h {} min", minutes % 60),
        (_, _, _, _) => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_as_exact_as_people_need_them() {
        let said: Vec<String> = [0, 340, 12_000, 125_000, 12_000_000, 360_000_000]
            .map(span)
            .to_vec();
        assert_eq!(
            said,
            ["0.0 s", "0.3 s", "12 s", "2 min", "3 h 20 min", "4 d 4 h"]
        );
    }
}
