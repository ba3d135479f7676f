//! Plays `scenarios/import`: each CIB has a file beside it with what `import cib` makes of
//! it. `UPDATE_EXPECT=1 cargo test -p import` writes them anew: read the diff.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use expect_test::expect_file;
use import::cib::{self, Carried};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/import")
}

fn carried(name: &str) -> Carried {
    let text = std::fs::read_to_string(folder().join(name)).unwrap();
    cib::carry(&text, None).unwrap()
}

fn scenarios() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "xml"))
        .collect();
    files.sort();
    assert!(5 <= files.len(), "only {} scenarios found", files.len());
    files
}

fn name_of(file: &Path) -> String {
    file.file_name().unwrap().to_string_lossy().into_owned()
}

/// The lines that a person has to fill in, as the file says at its top.
fn open_lines(toml: &str) -> BTreeSet<usize> {
    let head = toml.lines().nth(1).unwrap_or_default();
    let (_, lines) = head.split_once("in the lines: ").unwrap();
    lines
        .split(", ")
        .map(|line| line.parse().unwrap())
        .collect()
}

/// The file after a person has filled in these lines.
fn filled_in(toml: &str) -> String {
    let open = open_lines(toml);
    let mut out = String::new();
    for (i, line) in toml.lines().enumerate() {
        let (key, value) = line.split_once(" = ").unwrap_or((line, ""));
        match key {
            _ if !open.contains(&(i + 1)) => writeln!(out, "{line}").unwrap(),
            "lan" => writeln!(out, "lan = \"10.0.0.{}/24\"", 200 + i % 50).unwrap(),
            "watchdog" => writeln!(out, "watchdog = \"/dev/watchdog\"").unwrap(),
            "agent" => writeln!(out, "agent = \"fence_ipmilan\"").unwrap(),
            "address" => {
                let address = value.split('"').nth(1).unwrap();
                writeln!(out, "address = \"{address}/24\"").unwrap();
            }
            other => panic!("nobody knows how to fill in {other}"),
        }
    }
    out
}

/// The lines that `check` complains of.
fn complained_of(file: &str, toml: &str) -> BTreeSet<usize> {
    let problems = match config::read(file, toml) {
        Ok(_) => return BTreeSet::new(),
        Err(problems) => problems.render(config::Colour::Never),
    };
    let places = problems
        .split("error[")
        .skip(1)
        .filter_map(|error| error.split_once(&format!("--> {file}:")));
    places
        .map(|(_, place)| place.split(':').next().unwrap().parse().unwrap())
        .collect()
}

#[test]
fn each_cib_becomes_what_stands_beside_it() {
    for file in scenarios() {
        let carried = carried(&name_of(&file));
        let mut seen = carried.toml;
        seen.push_str("\nLeft behind:\n");
        for note in &carried.left {
            writeln!(seen, "{}: {}", note.place, note.text).unwrap();
        }
        expect_file![file.with_extension("txt")].assert_eq(&seen);
    }
}

#[test]
fn what_is_filled_in_can_be_applied() {
    for file in scenarios() {
        let name = name_of(&file);
        let toml = filled_in(&carried(&name).toml);
        if let Err(problems) = config::read(&name, &toml) {
            panic!("{}\n{toml}", problems.render(config::Colour::Never));
        }
    }
}

#[test]
fn what_is_to_be_filled_in_is_what_check_complains_of() {
    for file in scenarios() {
        let name = name_of(&file);
        let toml = carried(&name).toml;
        let (open, complained) = (open_lines(&toml), complained_of(&name, &toml));
        let lines: Vec<&str> = toml.lines().collect();
        // Of what a section lacks, its head is complained of as well.
        let has_open = |head: usize| {
            let rest = &lines[head..];
            let end = rest.iter().position(|line| line.is_empty());
            let end = head + end.unwrap_or(rest.len());
            lines[head - 1].starts_with('[') && open.range(head..=end).next().is_some()
        };
        let others: Vec<usize> = complained.difference(&open).copied().collect();
        assert!(
            open.is_subset(&complained),
            "{name}: {open:?} {complained:?}"
        );
        assert!(
            others.iter().all(|line| has_open(*line)),
            "{name}: {others:?}"
        );
    }
}

#[test]
fn no_secret_is_carried_over() {
    for name in ["shop.xml", "roles.xml"] {
        let carried = carried(name);
        assert!(!format!("{carried:?}").contains("never shown"), "{name}");
    }
}
