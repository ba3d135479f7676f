//! Each message that `docs/wrong-things.md` quotes stands in the scenario that it names, which
//! plays the mistake and compares what is printed.

use std::path::Path;

/// What the page promises.
const ROWS_MIN: usize = 30;

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The texts in backticks of one cell.
fn quoted(cell: &str) -> Vec<String> {
    let parts = cell.split("``").skip(1).step_by(2);
    parts.map(|text| text.trim().to_string()).collect()
}

/// Quotes of a message may go over several lines of it, and a scenario shows errors behind `! `.
fn is_shown(scenario: &str, text: &str) -> bool {
    let all = scenario
        .lines()
        .map(|line| line.trim_start_matches("! ").trim());
    all.collect::<Vec<_>>().join("\n").contains(text)
}

#[test]
fn each_message_of_the_page_is_proven_by_the_scenario_it_names() {
    let page = std::fs::read_to_string(root().join("docs/wrong-things.md")).unwrap();
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains("scenarios/"))
        .map(|line| line.trim_matches('|').split(" | ").collect())
        .collect();
    assert!(ROWS_MIN <= rows.len(), "only {} rows", rows.len());
    for (index, row) in rows.iter().enumerate() {
        let [number, _what, message, proof] = row.as_slice() else {
            panic!("a row of {} cells: {row:?}", row.len());
        };
        assert_eq!(number.trim(), (index + 1).to_string(), "rows are numbered");
        let path = proof.trim().trim_matches('`');
        let scenario = std::fs::read_to_string(root().join(path))
            .unwrap_or_else(|error| panic!("row {number}: {path}: {error}"));
        let messages = quoted(message);
        assert!(!messages.is_empty(), "row {number} quotes nothing");
        for text in messages {
            assert!(
                is_shown(&scenario, &text),
                "row {number}: `{text}` is not in {path}"
            );
        }
    }
}
