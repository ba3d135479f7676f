//! `cargo xtask sim`: the simulator, built for release, since it plays seeds by the thousand.
//! See docs/simulator.md.

use clap::Args;

use crate::run::{Failure, root, run};

#[derive(Args)]
pub struct SimArguments {
    /// What the simulator is told; `--help` lists it.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

pub fn sim(arguments: &SimArguments) -> Result<(), Failure> {
    let words: Vec<&str> = arguments.rest.iter().map(String::as_str).collect();
    play(&words)
}

/// Builds the simulator and lets it do this. Planted defects need a build of their own.
///
/// # Errors
/// When it does not build, or when a promise is broken.
pub fn play(words: &[&str]) -> Result<(), Failure> {
    let mut build = vec!["build", "--quiet", "--release", "--locked"];
    build.extend(["--package", "sim", "--example", "sim"]);
    if words.iter().any(|word| word.starts_with("--plant")) {
        build.extend(["--features", "plant"]);
    }
    run("cargo", &build)?;
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root().join("target"), std::path::PathBuf::from);
    let program = target.join("release/examples/sim");
    run(&program.to_string_lossy(), words)
}
