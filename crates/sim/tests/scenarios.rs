//! Plays `scenarios/sim/*.txt` and compares what an operator would see. `UPDATE_EXPECT=1`
//! writes what is seen into the files; read the difference before you keep it.

use std::fs;
use std::path::{Path, PathBuf};

use sim::scenario::{DIVIDER, Scenario};

fn scenarios() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/sim");
    let files = fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "txt"));
    files.sort();
    files
}

#[test]
fn each_scenario_is_seen_as_it_is_written() {
    let rewrites = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut wrong = Vec::new();
    for path in scenarios() {
        let text = fs::read_to_string(&path).unwrap();
        let (given, expected) = text.split_once(DIVIDER).unwrap_or((&text, ""));
        let scenario =
            Scenario::read(given).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (seen, _) = scenario.play();
        if seen == expected {
            continue;
        }
        if rewrites {
            fs::write(&path, format!("{}\n{DIVIDER}{seen}", given.trim_end())).unwrap();
        } else {
            wrong.push(format!("{}:\n{seen}", path.display()));
        }
    }
    assert!(
        wrong.is_empty(),
        "seen otherwise (UPDATE_EXPECT=1 rewrites):\n{}",
        wrong.join("\n")
    );
}

#[test]
fn no_scenario_breaks_a_promise_or_is_longer_than_a_screen() {
    const LINES_MAX: usize = 60;
    for path in scenarios() {
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("BROKEN"), "{}", path.display());
        assert!(
            text.starts_with("# "),
            "{} says not what it shows",
            path.display()
        );
        assert!(
            text.lines().count() <= LINES_MAX,
            "{} is too long",
            path.display()
        );
    }
}

#[test]
fn a_line_that_is_not_understood_is_named() {
    let error = Scenario::read("nodes 3\nat 5s dance a\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 2: `dance a` is nothing that can be done to a simulated cluster"
    );
    assert_eq!(Scenario::read("nodes 99").unwrap_err().line, 1);
}
