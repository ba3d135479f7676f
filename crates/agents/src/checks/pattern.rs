//! Patterns of checks.

use regex_lite::Regex;

/// The pattern, which was tried when the configuration was read. Another version of the
/// program may have read it, so what cannot be used is told.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|_| format!("`{pattern}` is no pattern"))
}

/// The first line of a text, cut to what fits on a screen.
pub(super) fn first_line(text: &str) -> String {
    /// As much as fits beside the rest.
    const SHOWN_MAX: usize = 120;
    let line = text.lines().find(|line| !line.trim().is_empty());
    let line = line.unwrap_or_default().trim();
    line.chars()
        .filter(|c| !c.is_control())
        .take(SHOWN_MAX)
        .collect()
}
