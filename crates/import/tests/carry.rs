//! Plays `scenarios/import`: each CIB has a file beside it with what `import cib` makes of
//! it. `UPDATE_EXPECT=1 cargo test -p import` writes them anew: read the diff.

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

/// What a person has to fill in.
fn filled_in(toml: &str) -> String {
    let mut out = String::new();
    for (i, line) in toml.lines().enumerate() {
        match line.strip_prefix("lan = \"\"") {
            Some(_) => writeln!(out, "lan = \"10.0.0.{}/24\"", i + 1).unwrap(),
            None => writeln!(out, "{line}").unwrap(),
        }
    }
    out
}

#[test]
fn each_cib_becomes_what_stands_beside_it() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "xml"))
        .collect();
    files.sort();
    assert!(3 <= files.len(), "only {} scenarios found", files.len());
    for file in files {
        let carried = carried(&file.file_name().unwrap().to_string_lossy());
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
    let toml = filled_in(&carried("shop.xml").toml);
    let loaded = config::read("shop.toml", &toml)
        .unwrap_or_else(|problems| panic!("{}\n{toml}", problems.render(config::Colour::Never)));
    assert_eq!(
        (loaded.spec.nodes.len(), loaded.spec.services.len()),
        (3, 2)
    );
}

#[test]
fn what_is_not_filled_in_is_complained_of() {
    let problems = config::read("shop.toml", &carried("shop.xml").toml).unwrap_err();
    assert_eq!(
        problems.list.len(),
        3,
        "{}",
        problems.render(config::Colour::Never)
    );
}

#[test]
fn no_secret_is_carried_over() {
    let carried = carried("shop.xml");
    assert!(!format!("{carried:?}").contains("never shown"));
}
