//! Whole clusters, told as an operator would read them. Lines that begin with `>` are what
//! happens or is ordered; below are the history of the cluster and, indented, what really
//! started and stopped.

#[path = "../cluster/mod.rs"]
mod cluster;

mod daemons;
mod nodes;
mod people;
mod programs;

use expect_test::{Expect, expect};

fn check(script: &str, expected: Expect) {
    expected.assert_eq(&cluster::story::play(script));
}
