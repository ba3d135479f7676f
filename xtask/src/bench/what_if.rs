//! `cargo xtask bench what-if`: runs the example of `node` that plays failures.

use super::WhatIfArguments;
use crate::run::{self, Failure};

/// Prints a line for the example of the README and for two large clusters.
pub fn run(arguments: &WhatIfArguments) -> Result<(), Failure> {
    let mut words = vec![
        "run",
        "-q",
        "--release",
        "-p",
        "node",
        "--example",
        "what_if",
    ];
    if arguments.json {
        words.extend(["--", "--json"]);
    }
    run::run("cargo", &words)
}
