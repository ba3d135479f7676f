//! Random clusters of every kind of resource, relation, failure and policy: whatever is
//! wanted and observed, the arrangement passes the checker, comes to rest, and does not
//! depend on names nor, but for ties, on the order of lists.
//!
//! `ARRANGE_CASES=20000 cargo test --release -p planner --test arrange_random` runs more.

#[path = "../arrange_words/mod.rs"]
mod arrange_words;

mod advance;
mod build;
mod draft;

use advance::advance;
use arrange_words::{show_arrangement, show_input};
use build::build;
use draft::{Draft, draft};
use planner::arrange::{Arrangement, Observed, Wanted, arrange};
use planner::arrange_checker::check;
use proptest::prelude::*;

/// Cases of each property.
fn cases() -> ProptestConfig {
    let asked = option_env!("ARRANGE_CASES_BUILT").map(str::to_string);
    let asked = std::env::var("ARRANGE_CASES").ok().or(asked);
    ProptestConfig {
        cases: asked.and_then(|text| text.parse().ok()).unwrap_or(256),
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    }
}

/// An arrangement, after the checker had nothing to say of it.
fn checked(wanted: &Wanted, observed: &Observed) -> Result<Arrangement, TestCaseError> {
    let arrangement = arrange(wanted, observed);
    let violations = check(wanted, observed, &arrangement);
    let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
    prop_assert!(
        violations.is_empty(),
        "\n{}\n--- in ---\n{}--- answered ---\n{}",
        lines.join("\n"),
        show_input(wanted, observed),
        show_arrangement(wanted, &arrangement)
    );
    Ok(arrangement)
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn the_checker_finds_nothing(draft in draft()) {
        let (wanted, observed) = build(&draft);
        checked(&wanted, &observed)?;
    }
}
