//! Reads what an agent says about itself.
//!
//! Lenient: agents print slightly broken XML, so this looks only for the tags it needs and
//! takes what it finds. It never fails; a text without tags gives an empty description.

use serde::{Deserialize, Serialize};

/// One option of an agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name on standard input.
    pub name: String,
    /// Whether the agent refuses to work without it.
    pub required: bool,
    /// Whether there is a newer name for it.
    pub deprecated: bool,
}

/// What an agent says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Its name.
    pub name: String,
    /// Its options.
    pub parameters: Vec<Parameter>,
    /// The actions that it knows.
    pub actions: Vec<String>,
}

/// The largest known agents have under 100 options; a text with more tags than this is not read on.
const TAGS_MAX: usize = 10_000;

/// Reads the text that `metadata` printed.
#[must_use]
pub fn parse(text: &str) -> Metadata {
    let mut found = Metadata::default();
    for tag in tags(text).take(TAGS_MAX) {
        let name = attribute(tag, "name").unwrap_or_default();
        let is = |wanted: &str| attribute(tag, wanted).is_some_and(|value| value == "1");
        match tag.split(|c: char| c.is_whitespace() || c == '/').next() {
            Some("resource-agent") => found.name = name,
            Some("action") if !name.is_empty() => found.actions.push(name),
            Some("parameter") if !name.is_empty() => found.parameters.push(Parameter {
                name,
                required: is("required"),
                deprecated: is("deprecated"),
            }),
            _ => {}
        }
    }
    found
}

/// The inner texts of `<…>`, comments left out.
fn tags(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            rest = &rest[rest.find('<')? + 1..];
            if let Some(comment) = rest.strip_prefix("!--") {
                rest = &comment[comment.find("-->")? + 3..];
                continue;
            }
            let end = tag_end(rest)?;
            let tag = &rest[..end];
            rest = &rest[end + 1..];
            return Some(tag);
        }
    })
}

/// Where the tag ends: the first `>` outside quotes.
fn tag_end(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (None, '>') => return Some(at),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    None
}

fn attribute(tag: &str, wanted: &str) -> Option<String> {
    let mut rest = tag;
    loop {
        let equals = rest.find('=')?;
        let key = rest[..equals]
            .split_whitespace()
            .next_back()
            .unwrap_or_default();
        let value = rest[equals + 1..].trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let end = value[1..].find(quote)? + 1;
        if key == wanted {
            return Some(unescape(&value[1..end]));
        }
        rest = &value[end + 1..];
    }
}

fn unescape(text: &str) -> String {
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text.to_string(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_actions_are_found_in_untidy_xml() {
        let text = r#"<?xml version="1.0" ?>
            <resource-agent name="fence_x" shortdesc="a > b"><!-- <parameter name="no"/> -->
            <parameters>
              <parameter name='plug' unique="0" required="1"><content type="string"  />
              <parameter name="port" deprecated="1" obsoletes="plug">
            <actions><action name="off"/><action name="status" /> <action automatic="0" name="on"/>"#;
        let found = parse(text);
        let names: Vec<_> = found.parameters.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(found.name, "fence_x");
        assert_eq!(names, ["plug", "port"]);
        assert!(found.parameters[0].required && !found.parameters[0].deprecated);
        assert!(found.parameters[1].deprecated);
        assert_eq!(found.actions, ["off", "status", "on"]);
    }

    #[test]
    fn a_text_that_breaks_off_gives_what_came_before() {
        assert_eq!(
            parse("<parameter name=\"a\"><parameter name=\"b")
                .parameters
                .len(),
            1
        );
        assert_eq!(parse("no tags"), Metadata::default());
        assert_eq!(
            parse("<!-- never closed <action name=\"off\"/>"),
            Metadata::default()
        );
    }
}
