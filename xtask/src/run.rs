//! Runs other programs, with their output shown.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What went wrong, as one sentence.
pub type Failure = String;

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the root")
        .to_path_buf()
}

/// Runs a program in the root and waits for it.
///
/// # Errors
/// When it cannot be started or ends with another code than 0.
pub fn run(program: &str, arguments: &[&str]) -> Result<(), Failure> {
    run_with(program, arguments, &[])
}

/// The same, with more variables in its environment.
///
/// # Errors
/// When it cannot be started or ends with another code than 0.
pub fn run_with(
    program: &str,
    arguments: &[&str],
    variables: &[(&str, &Path)],
) -> Result<(), Failure> {
    let status = Command::new(program)
        .args(arguments)
        .envs(variables.iter().copied())
        .current_dir(root())
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("{program} cannot be started: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!(
            "`{program} {}` ended with {status}",
            arguments.join(" ")
        ))
    }
}

/// What a program prints, if it can be started and ends with 0.
pub fn output_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Builds the program with the feature level before this one and says where it is. It is for
/// scenarios about mixed versions only, so it is not optimised.
///
/// # Errors
/// When it does not build.
pub fn older_binary() -> Result<PathBuf, Failure> {
    if let Some(named) = std::env::var_os("MAINSTAY_OLDER") {
        return Ok(PathBuf::from(named));
    }
    let package = ["--locked", "--package", "mainstay"];
    let mut arguments = vec!["build", "--features", "older"];
    arguments.extend(package);
    run("cargo", &arguments)?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let older = target.join("mainstay-older");
    std::fs::copy(target.join("debug/mainstay"), &older)
        .map_err(|error| format!("the older program cannot be kept: {error}"))?;
    Ok(older)
}

/// The program that is tested and measured: the one that `MAINSTAY_BINARY` names (an
/// installed one, say), else this tree's, built for release.
///
/// # Errors
/// When it does not build.
pub fn release_binary() -> Result<PathBuf, Failure> {
    if let Some(named) = std::env::var_os("MAINSTAY_BINARY") {
        return Ok(PathBuf::from(named));
    }
    run(
        "cargo",
        &["build", "--release", "--locked", "--package", "mainstay"],
    )?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    Ok(target.join("release/mainstay"))
}
