//! The smaller models; `cargo xtask models` explores all of them.

#[path = "../models/mod.rs"]
mod models;

use models::{CASES, Case, Size};

fn small() -> impl Iterator<Item = &'static Case> {
    CASES.iter().filter(|case| case.size == Size::Small)
}

#[test]
fn with_all_rules_nothing_goes_wrong() {
    for case in small().filter(|case| case.is_whole) {
        let found = case.explore();
        assert!(found.is_complete, "{}: {} states", case.name, found.states);
        assert_eq!(found.wrong, None, "{} ({})", case.name, case.bounds());
    }
}

#[test]
fn without_a_rule_something_goes_wrong() {
    for case in small().filter(|case| !case.is_whole) {
        let found = case.explore();
        assert!(found.wrong.is_some(), "{}: {}", case.name, case.rule);
    }
}
