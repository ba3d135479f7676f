//! Just enough of Rust's lexing to count lines and find words outside of comments and
//! strings.

/// The source with comments, strings and character literals blanked out, line by line.
pub fn blank(source: &str) -> String {
    let bytes: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            '/' if bytes.get(at + 1) == Some(&'/') => line_end(&bytes, at),
            '/' if bytes.get(at + 1) == Some(&'*') => comment_end(&bytes, at),
            '"' => string_end(&bytes, at),
            'r' if is_raw_string(&bytes, at) => raw_string_end(&bytes, at),
            '\'' => character_end(&bytes, at),
            _ => at,
        };
        if end == at {
            out.push(bytes[at]);
            at += 1;
        } else {
            bytes[at..end]
                .iter()
                .for_each(|c| out.push(if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

fn line_end(text: &[char], at: usize) -> usize {
    (at..text.len())
        .find(|&i| text[i] == '\n')
        .unwrap_or(text.len())
}

fn comment_end(text: &[char], at: usize) -> usize {
    let mut depth = 0;
    let mut i = at;
    while i + 1 < text.len() {
        match (text[i], text[i + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                i += 1;
                continue;
            }
        }
        i += 2;
        if depth == 0 {
            return i;
        }
    }
    text.len()
}

fn string_end(text: &[char], at: usize) -> usize {
    let mut i = at + 1;
    while i < text.len() {
        match text[i] {
            '\\' => i += 2,
            '"' => return i + 1,
            _ => i += 1,
        }
    }
    text.len()
}

fn is_raw_string(text: &[char], at: usize) -> bool {
    let before = at.checked_sub(1).map(|i| text[i]);
    let is_word = before.is_some_and(|c| (c.is_alphanumeric() && c != 'b') || c == '_');
    let mut i = at + 1;
    while text.get(i) == Some(&'#') {
        i += 1;
    }
    !is_word && text.get(i) == Some(&'"')
}

fn raw_string_end(text: &[char], at: usize) -> usize {
    let hashes = text[at + 1..].iter().take_while(|c| **c == '#').count();
    let mut i = at + hashes + 2;
    while i < text.len() {
        let closes = text[i] == '"'
            && text[i + 1..]
                .iter()
                .take(hashes)
                .filter(|c| **c == '#')
                .count()
                == hashes;
        if closes {
            return i + 1 + hashes;
        }
        i += 1;
    }
    text.len()
}

/// The end of a character literal; `at` itself for a lifetime.
fn character_end(text: &[char], at: usize) -> usize {
    match (text.get(at + 1), text.get(at + 2)) {
        (Some('\\'), _) => {
            let close = (at + 3..text.len().min(at + 14)).find(|&i| text[i] == '\'');
            close.map_or(at, |i| i + 1)
        }
        (Some(_), Some('\'')) => at + 3,
        _ => at,
    }
}

/// A function and its length.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The line of its signature, from 1.
    pub line: usize,
    /// Lines from the signature to the closing brace.
    pub length: usize,
}

/// All functions with a body.
pub fn functions(blanked: &str) -> Vec<Function> {
    let mut found = Vec::new();
    let mut offset = 0;
    while let Some(place) = blanked[offset..].find("fn ") {
        let start = offset + place;
        offset = start + 3;
        let is_word = blanked[..start]
            .chars()
            .next_back()
            .is_none_or(|c| c == '_' || c.is_alphanumeric());
        let name: String = blanked[offset..]
            .chars()
            .take_while(|c| *c == '_' || c.is_alphanumeric())
            .collect();
        if name.is_empty() || (is_word && start > 0) {
            continue;
        }
        if let Some(end) = body_end(&blanked[start..]) {
            let line = blanked[..start].matches('\n').count() + 1;
            let length = blanked[start..start + end].matches('\n').count() + 1;
            found.push(Function { name, line, length });
        }
    }
    found
}

fn body_end(text: &str) -> Option<usize> {
    let open = text.find(['{', ';'])?;
    if text.as_bytes()[open] == b';' && !text[..open].contains('[') {
        return None;
    }
    let mut depth = 0usize;
    for (i, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(i);
                }
            }
            _ => {}
        }
    }
    None
}

/// The part before the tests of a file.
pub fn without_tests(source: &str) -> &str {
    source
        .find("#[cfg(test)]")
        .map_or(source, |end| &source[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_comments_are_blank_and_lines_stay() {
        let source =
            "let a = \"HashMap\"; // HashMap\nlet c = 'x'; let r = r#\"unsafe \"q\" \"#;\n";
        let blanked = blank(source);
        assert!(!blanked.contains("HashMap") && !blanked.contains("unsafe"));
        assert_eq!(blanked.lines().count(), 2);
        assert!(blank("fn f<'a>(x: &'a str) {}").contains("'a str"));
    }

    #[test]
    fn a_function_is_counted_from_its_name_to_its_last_brace() {
        let source = "struct A;\nfn long(\n  a: u8,\n) {\n  if a == 1 {\n  }\n}\ntrait T { fn none(&self); }\n";
        let found = functions(&blank(source));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].line, found[0].length), (2, 6));
    }
}
