//! TOML, written so that people like to read on.

use std::fmt::Write;

#[derive(Default)]
pub(super) struct Writer {
    pub text: String,
    /// Lines that a person has to fill in, from 1.
    open: Vec<usize>,
}

impl Writer {
    pub fn section(&mut self, header: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(header);
        self.text.push('\n');
    }

    pub fn key(&mut self, name: &str, value: &str) {
        writeln!(self.text, "{name} = {value}").expect("text grows");
    }

    /// A key whose value a person has to fill in, and what helps with that.
    pub fn open_key(&mut self, name: &str, value: &str, help: &str) {
        self.open.push(self.text.lines().count() + 1);
        self.key(name, &format!("{value}    # {help}"));
    }

    /// The whole file, with what there is to do at its top.
    pub fn finish(self) -> String {
        let head = "# Made from a Pacemaker CIB. Read it through, then: mainstay check FILE";
        // The head, what is to be filled in, and an empty line come before the text.
        let lines: Vec<String> = self
            .open
            .iter()
            .map(|line| (line + 3).to_string())
            .collect();
        match lines.is_empty() {
            true => format!("{head}\n\n{}", self.text),
            false => format!(
                "{head}\n# To be filled in first, in the lines: {}\n\n{}",
                lines.join(", "),
                self.text
            ),
        }
    }

    pub fn text_key(&mut self, name: &str, value: &str) {
        self.key(name, &quoted(value));
    }
}

/// A text in quotes.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            letter if letter.is_control() => {
                write!(out, "\\u{:04X}", u32::from(letter)).expect("text grows");
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

pub(super) fn list<S: AsRef<str>>(texts: &[S]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text.as_ref())).collect();
    format!("[{}]", texts.join(", "))
}

/// A table in one line; names that need it are quoted.
pub(super) fn table(pairs: &[(String, String)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{} = {}", key(name), quoted(value)))
        .collect();
    format!("{{ {} }}", pairs.join(", "))
}

/// A table in one line whose values are numbers.
pub(super) fn numbers<'t>(pairs: impl IntoIterator<Item = (&'t String, u64)>) -> String {
    let pairs: Vec<String> = pairs
        .into_iter()
        .map(|(name, value)| format!("{} = {value}", key(name)))
        .collect();
    format!("{{ {} }}", pairs.join(", "))
}

/// A key, in quotes where it must be.
pub(super) fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.is_empty() && name.chars().all(is_bare) {
        name.to_string()
    } else {
        quoted(name)
    }
}

/// A name as our file takes it: letters, digits, `-`, `_`, `.`, at most 63.
pub(super) fn name(text: &str) -> String {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let mut name: String = text
        .chars()
        .map(|c| if is_allowed(c) { c } else { '-' })
        .take(63)
        .collect();
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        name = format!("x{name}").chars().take(63).collect();
    }
    name
}

/// Milliseconds as a time of our file.
pub(super) fn time(milliseconds: u64) -> String {
    let units = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1000, "s"),
    ];
    let unit = units
        .iter()
        .find(|(length, _)| milliseconds != 0 && milliseconds.is_multiple_of(*length));
    match unit {
        Some((length, unit)) => format!("{}{unit}", milliseconds / length),
        None => format!("{milliseconds}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_names_and_times_are_those_of_our_file() {
        assert_eq!(quoted("a\"b\\c\nd"), r#""a\"b\\c\u000Ad""#);
        assert_eq!(name("-web server"), "x-web-server");
        assert_eq!(key("with space"), "\"with space\"");
        let times = [20_000, 90_000, 7_200_000, 500].map(time);
        assert_eq!(times, ["20s", "90s", "2h", "500ms"]);
    }
}
