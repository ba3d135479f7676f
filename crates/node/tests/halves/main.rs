//! Stories in which so much is gone that it matters who heard whom, and who may decide.

#[path = "../cluster/mod.rs"]
mod cluster;

mod pairs;
mod people;
mod several;

use expect_test::{Expect, expect};

fn check(script: &str, expected: Expect) {
    expected.assert_eq(&cluster::story::play(script));
}
