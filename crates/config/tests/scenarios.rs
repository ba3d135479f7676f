//! Plays `scenarios/config`: each file holds a configuration, a line of `====`, and what an
//! administrator sees. `UPDATE_SCENARIOS=1 cargo test -p config` writes what is seen now.

use std::fs;
use std::path::{Path, PathBuf};

use config::{Colour, Problems, Severity, read_bytes};

const DIVIDER: &str = "\n====\n";

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../scenarios/config")
        .join(name)
}

fn files(name: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

/// `<BYTE 255>` and the like stand for bytes that a text file cannot hold.
fn bytes(input: &str) -> Vec<u8> {
    let input = input.replace("<BOM>", "\u{feff}").replace("<CR>", "\r");
    let mut bytes = Vec::new();
    for (i, part) in input.split("<BYTE 255>").enumerate() {
        if 0 < i {
            bytes.push(255);
        }
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

/// Plays each file of a folder through `seen`; all differences are reported together.
fn check(name: &str, seen: impl Fn(Result<Problems, Problems>) -> String) -> usize {
    let update = std::env::var_os("UPDATE_SCENARIOS").is_some();
    let mut differences = String::new();
    let files = files(name);
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        let (input, expected) = text.split_once(DIVIDER).unwrap_or((&text, ""));
        let input = format!("{}\n", input.trim_end());
        let result = read_bytes("cluster.toml", &bytes(&input)).map(|loaded| loaded.warnings);
        let seen = seen(result);
        if seen.trim_end() == expected.trim_end() {
            continue;
        }
        if update {
            let text = format!("{}{DIVIDER}{}\n", input.trim_end(), seen.trim_end());
            fs::write(file, text).unwrap();
        } else {
            let diff = config::text_diff(expected, &seen);
            differences.push_str(&format!("{}\n{diff}\n", file.display()));
        }
    }
    assert!(differences.is_empty(), "\n{differences}");
    files.len()
}

#[test]
fn each_wrong_file_gets_its_message() {
    let files = check("bad", |result| match result {
        Ok(warnings) => panic!("accepted:\n{}\n{warnings}", warnings.source),
        Err(problems) => problems.render(Colour::Never),
    });
    assert!(45 <= files, "only {files} wrong files are shown");
}

#[test]
fn each_good_file_is_read_and_its_warnings_are_shown() {
    check("good", |result| match result {
        Ok(warnings) if warnings.is_empty() => "nothing is wrong".into(),
        Ok(warnings) => {
            assert_eq!(warnings.count(Severity::Error), 0);
            warnings.render(Colour::Never)
        }
        Err(problems) => panic!("refused:\n{problems}"),
    });
}

#[test]
fn every_code_has_a_scenario() {
    let all: String = ["bad", "good"]
        .iter()
        .flat_map(|name| files(name))
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    let without = [
        // Its file would have more than four million characters.
        config::Code::TooLarge,
        // What only a machine with agents can find out: see `remarks.rs`.
        config::Code::AgentMissing,
        config::Code::UnknownParameter,
        config::Code::ParameterMissing,
        config::Code::BadParameter,
    ];
    for code in config::Code::ALL {
        let shown = all.contains(&format!("[{}]", code.code()));
        assert!(
            shown || without.contains(code) || code.is_of_environment(),
            "{} is shown nowhere",
            code.code()
        );
    }
}
