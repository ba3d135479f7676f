//! `cargo xtask tidy`: what a machine can check of the house rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{Failure, output_of, root};
use crate::scan;

/// The layers, lowest first. A crate uses crates of lower layers and of its own layer's
/// left neighbours, never one above.
const LAYERS: &[&[&str]] = &[
    &["model", "wire"],
    &["raft", "membership", "quorum", "planner", "state", "config"],
    &["node"],
    &["sim"],
    &["host"],
    &["agents", "fencing", "consensus"],
    &["api", "import", "server", "cli"],
    &["lab"],
    &["mainstay"],
    &["xtask"],
];

/// No clock, no I/O, no threads, no async, no unsafe, no hash iteration there.
const PURE: &[&str] = &[
    "model",
    "wire",
    "raft",
    "membership",
    "quorum",
    "planner",
    "state",
    "config",
    "node",
    "sim",
    "import",
];

/// Words that betray one of those, outside of comments, strings and tests.
const IMPURE: &[(&str, &str)] = &[
    ("std::time::Instant", "a clock"),
    ("SystemTime", "a clock"),
    ("thread::", "a thread"),
    ("async ", "async"),
    (".await", "async"),
    ("HashMap", "hash iteration"),
    ("HashSet", "hash iteration"),
    ("std::fs", "a file"),
    ("std::process", "a process"),
    ("TcpStream", "a socket"),
    ("UdpSocket", "a socket"),
    ("unsafe ", "unsafe code"),
    ("SystemRandom", "randomness"),
    ("std::env", "the environment"),
];

/// Words of other products for things that have a name here (docs/glossary.md).
const FORBIDDEN: &[&str] = &[
    "resource group",
    "cluster service",
    "stonith",
    "master/slave",
    "failover package",
];

/// Where they are named in order to be forbidden, or as words of files that are others'.
const FORBIDDEN_ALLOWED_IN: &[&str] = &[
    "docs/glossary.md",
    "xtask/src/tidy.rs",
    "crates/import/src/cib/words.rs",
    "crates/import/tests/reading.rs",
    "xtask/src/bench/planner.rs",
];

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 1000;

/// Licences that may be linked in.
const LICENCES: &[&str] = &[
    "Apache-2.0",
    "MIT",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MPL-2.0",
    "Unicode-3.0",
    "Zlib",
    "Unlicense",
    "0BSD",
    "BSL-1.0",
    "CC0-1.0",
    "Apache-2.0 WITH LLVM-exception",
];

type Problems = Vec<String>;
type Check = (&'static str, fn(&mut Problems));

pub fn run() -> Result<(), Failure> {
    let checks: [Check; 6] = [
        ("layers", layers),
        ("sizes", sizes),
        ("purity", purity),
        ("error codes", error_codes),
        ("words", words),
        ("licences", licences),
    ];
    let mut total = 0;
    for (name, check) in checks {
        let mut problems = Problems::new();
        check(&mut problems);
        problems
            .iter()
            .for_each(|problem| println!("{name}: {problem}"));
        total += problems.len();
    }
    if total == 0 {
        println!("tidy: layers, sizes, purity, error codes, words and licences are in order");
        Ok(())
    } else {
        Err(format!("{total} things are not tidy"))
    }
}

/// Files that git knows or would take, below `under`, with this ending.
fn files(endings: &[&str]) -> Vec<PathBuf> {
    let list = output_of(
        "git",
        &["ls-files", "--cached", "--others", "--exclude-standard"],
    )
    .unwrap_or_default();
    let wanted = |path: &&str| endings.iter().any(|ending| path.ends_with(ending));
    list.lines()
        .filter(wanted)
        .map(PathBuf::from)
        .filter(|path| root().join(path).exists())
        .collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_default()
}

fn layer_of(name: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&name))
}

fn manifests() -> BTreeMap<String, toml::Table> {
    let all = files(&["Cargo.toml"])
        .into_iter()
        .filter(|path| path != Path::new("Cargo.toml"));
    all.filter_map(|path| {
        let table: toml::Table = read(&path).parse().ok()?;
        let name = table.get("package")?.get("name")?.as_str()?.to_string();
        Some((name, table))
    })
    .collect()
}

fn layers(problems: &mut Problems) {
    let manifests = manifests();
    for (name, manifest) in &manifests {
        let Some(own) = layer_of(name) else {
            problems.push(format!("{name} stands in no layer of xtask/src/tidy.rs"));
            continue;
        };
        let Some(used) = manifest.get("dependencies").and_then(toml::Value::as_table) else {
            continue;
        };
        for other in used.keys().filter(|other| manifests.contains_key(*other)) {
            if layer_of(other).is_some_and(|layer| own < layer) {
                problems.push(format!("{name} uses {other}, which lies above it"));
            }
        }
    }
}

fn sizes(problems: &mut Problems) {
    for path in files(&[".rs"]) {
        let source = read(&path);
        let code = scan::without_tests(&source);
        let shown = path.display();
        let lines = code.lines().count();
        if FILE_LINES_MAX < lines {
            problems.push(format!(
                "{shown} has {lines} lines, {FILE_LINES_MAX} are the most"
            ));
        }
        for function in scan::functions(&scan::blank(code)) {
            if FUNCTION_LINES_MAX < function.length {
                problems.push(format!(
                    "{shown}:{} `{}` has {} lines, {FUNCTION_LINES_MAX} are the most",
                    function.line, function.name, function.length
                ));
            }
        }
    }
}

fn purity(problems: &mut Problems) {
    for path in files(&[".rs"]) {
        let shown = path.display().to_string();
        let is_pure = PURE
            .iter()
            .any(|name| shown.starts_with(&format!("crates/{name}/src/")));
        if !is_pure {
            continue;
        }
        let source = read(&path);
        let code = scan::blank(scan::without_tests(&source));
        for (number, line) in code.lines().enumerate() {
            for (word, what) in IMPURE.iter().filter(|(word, _)| line.contains(word)) {
                problems.push(format!(
                    "{shown}:{} `{}` is {what}",
                    number + 1,
                    word.trim()
                ));
            }
        }
        if shown.ends_with("/src/lib.rs") && !source.contains("#![forbid(unsafe_code)]") {
            problems.push(format!("{shown} lacks #![forbid(unsafe_code)]"));
        }
    }
    for name in PURE {
        if !root().join(format!("crates/{name}/clippy.toml")).exists() {
            problems.push(format!(
                "crates/{name} lacks the clippy.toml of pure crates"
            ));
        }
    }
}

/// `E` and four digits.
fn codes_in(text: &str) -> BTreeSet<String> {
    let bytes = text.as_bytes();
    let is_code = |i: &usize| {
        bytes[*i] == b'E'
            && bytes.get(i + 1) == Some(&b'0')
            && bytes
                .get(i + 2..i + 5)
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_digit))
            && !bytes.get(i + 5).is_some_and(u8::is_ascii_alphanumeric)
            && !i
                .checked_sub(1)
                .is_some_and(|before| bytes[before].is_ascii_alphanumeric())
    };
    (0..bytes.len())
        .filter(is_code)
        .map(|i| text[i..i + 5].to_string())
        .collect()
}

fn error_codes(problems: &mut Problems) {
    let mut documented = BTreeSet::new();
    for path in files(&[".md"]) {
        if path.starts_with("docs") && path.to_string_lossy().contains("errors") {
            let headings = read(&path);
            let headings: Vec<&str> = headings
                .lines()
                .filter(|line| line.starts_with('#'))
                .collect();
            documented.extend(codes_in(&headings.join("\n")));
        }
    }
    let mut used: BTreeMap<String, PathBuf> = BTreeMap::new();
    for path in files(&[".rs"]) {
        if path.starts_with("crates") {
            let source = read(&path);
            for code in codes_in(scan::without_tests(&source)) {
                used.entry(code).or_insert_with(|| path.clone());
            }
        }
    }
    for (code, path) in used.iter().filter(|(code, _)| !documented.contains(*code)) {
        problems.push(format!(
            "{code} ({}) has no heading in docs/errors",
            path.display()
        ));
    }
    for code in documented.iter().filter(|code| !used.contains_key(*code)) {
        problems.push(format!("{code} is documented, but nothing prints it"));
    }
}

fn words(problems: &mut Problems) {
    for path in files(&[".rs", ".md", ".toml", ".txt"]) {
        let shown = path.display().to_string();
        if FORBIDDEN_ALLOWED_IN.contains(&shown.as_str()) {
            continue;
        }
        for (number, line) in read(&path).to_lowercase().lines().enumerate() {
            for word in FORBIDDEN.iter().filter(|word| line.contains(*word)) {
                problems.push(format!("{shown}:{} says `{word}`", number + 1));
            }
        }
    }
}

/// Whether one of the alternatives may be used; `AND` asks for each part.
fn is_allowed(licence: &str) -> bool {
    let licence = licence.replace(['(', ')'], "").replace('/', " OR ");
    licence
        .split(" AND ")
        .all(|part| part.split(" OR ").any(|one| LICENCES.contains(&one.trim())))
}

fn licences(problems: &mut Problems) {
    let Some(text) = output_of("cargo", &["metadata", "--format-version", "1", "--locked"]) else {
        problems.push("`cargo metadata --locked` fails: Cargo.lock is not up to date".to_string());
        return;
    };
    let metadata: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let licence = package["license"].as_str().unwrap_or("none");
        if !is_allowed(licence) {
            problems.push(format!("{} has the licence {licence}", package["name"]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_and_other_words_are_not() {
        let found = codes_in("error E0207: x, E010, HE0101, E01012, `E0101`");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["E0101", "E0207"]);
    }

    #[test]
    fn one_allowed_alternative_is_enough_and_gpl_alone_is_not() {
        assert!(is_allowed("MIT OR GPL-3.0"));
        assert!(is_allowed("(MIT OR Apache-2.0) AND Unicode-3.0"));
        assert!(!is_allowed("GPL-3.0"));
        assert!(!is_allowed("MIT AND GPL-3.0"));
    }
}
