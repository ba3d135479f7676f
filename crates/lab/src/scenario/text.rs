//! Compares texts that were printed at different times.

/// Compares two texts but for times and widths.
///
/// # Errors
/// Both, when they differ.
pub(super) fn compare(expected: &str, seen: &str) -> Result<(), String> {
    let (expected, seen) = (normalise(expected), normalise(seen));
    if expected == seen {
        return Ok(());
    }
    Err(format!("expected\n{expected}\nbut saw\n{seen}"))
}

/// Makes texts comparable that were printed at different times: spans become `TIME`, moments
/// become `WHEN`, and runs of blanks one blank.
#[must_use]
pub fn normalise(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let words: Vec<String> = line.split_whitespace().map(normalise_word).collect();
        words.join(" ")
    });
    lines
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

fn normalise_word(word: &str) -> String {
    let bare = word.trim_matches(|c: char| "(),;".contains(c));
    let digits = bare
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(bare.len());
    let is_span = 0 < digits && ["ms", "s", "m", "h", "d"].contains(&&bare[digits..]);
    let is_moment = bare.len() >= 20 && bare.as_bytes()[10] == b'T' && bare.ends_with('Z');
    match (is_span, is_moment) {
        (true, _) => word.replace(bare, "TIME"),
        (false, true) => word.replace(bare, "WHEN"),
        (false, false) => word.to_string(),
    }
}

/// Whether the pieces between the `...` of a pattern stand in a text, in this order.
#[must_use]
pub(super) fn has(text: &str, pattern: &str) -> bool {
    let mut rest = text;
    pattern.split("...").map(str::trim).all(|piece| {
        let found = rest.split_once(piece);
        if let Some((_, after)) = found {
            rest = after;
        }
        found.is_some()
    })
}

/// The first pattern that no text matches after those that the patterns before it matched.
#[must_use]
pub(super) fn first_missing<'a>(texts: &[String], patterns: &'a [String]) -> Option<&'a str> {
    let mut rest = texts.iter();
    let missing = |pattern: &&String| !rest.any(|text| has(text, pattern));
    patterns.iter().find(missing).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_widths_do_not_count_in_comparisons() {
        let text = "web   running  on alpha  (12s ago)\n\n  since 2026-11-20T21:11:15.123Z 1.5s\n";
        assert_eq!(
            normalise(text),
            "web running on alpha (TIME ago)\nsince WHEN TIME"
        );
    }

    #[test]
    fn dots_in_a_pattern_stand_for_anything() {
        let text = "alpha is lost: alpha silent for 800 ms, agreed by beta and gamma";
        assert!(has(text, "alpha is lost: ... agreed by beta"));
        assert!(!has(text, "agreed by ... alpha is lost"));
        assert!(has(text, "alpha"));
    }

    #[test]
    fn entries_must_come_in_the_order_of_the_patterns() {
        let texts = ["a stops", "b is fenced", "a starts"].map(String::from);
        let missing = |patterns: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
            first_missing(&texts, &patterns).map(ToString::to_string)
        };
        assert_eq!(missing(&["b is fenced", "a starts"]), None);
        assert_eq!(
            missing(&["a starts", "b is fenced"]).as_deref(),
            Some("b is fenced")
        );
    }
}
