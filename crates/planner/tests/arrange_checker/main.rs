//! The checker of arrangements against wrong arrangements: each has one mistake, and the
//! checker names it. Beside each stands, where it says something, the right arrangement of
//! the same moment, in which it finds nothing.

#[path = "../arrange_words/mod.rs"]
mod arrange_words;

mod account;
mod copies;
mod nodes;
mod orders;
mod places;

use arrange_words::read;
use expect_test::{Expect, expect};
use planner::arrange_checker::check;

#[allow(
    clippy::needless_pass_by_value,
    reason = "a test gives its expectation away"
)]
fn wrong(text: &str, expected: Expect) {
    let found = violations(text);
    assert!(!found.is_empty(), "nothing found in\n{text}");
    expected.assert_eq(&found);
}

fn right(text: &str) {
    assert_eq!(violations(text), "", "in\n{text}");
}

fn violations(text: &str) -> String {
    let told = read(text);
    let found = check(&told.wanted, &told.observed, &told.arrangement);
    found.iter().map(|one| format!("{one}\n")).collect()
}
