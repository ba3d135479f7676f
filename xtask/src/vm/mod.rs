//! `cargo xtask vm`: scenarios that need more of a kernel than this machine's may have.
//!
//! Debian's own kernel is booted in a virtual machine that needs nothing of this one's kernel
//! (QEMU in software), with this machine's files as its root, read-only, and memory laid over
//! them. In it runs the laboratory. The machine has no network and cannot write to this one; all
//! that comes out of it is what it prints.

mod kernel;
mod machine;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::run::{Failure, release_binary, root};

/// What a scenario of the virtual machine uses beside what others use: the program, and the
/// Debian package that has it.
pub const TOOLS: &[(&str, &str)] = &[
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("busybox", "busybox-static"),
    ("depmod", "kmod"),
    ("vgchange", "lvm2"),
    ("exportfs", "nfs-kernel-server"),
    ("mount.nfs", "nfs-common"),
];

/// Booted, played and switched off in some three minutes; five times as much on a machine that
/// has much else to do.
const LIMIT_SECONDS: u32 = 900;

#[derive(Args)]
pub struct VmArguments {
    /// Scenarios to play; those of scenarios/vm when none is given.
    scenarios: Vec<PathBuf>,
    /// Run this shell command in the virtual machine instead. `mainstay` is in its path.
    #[arg(long, conflicts_with = "scenarios")]
    command: Option<String>,
    /// Seconds after which the machine is switched off and the run has failed.
    #[arg(long, default_value_t = LIMIT_SECONDS)]
    limit: u32,
}

/// Installs what is missing, and plays.
///
/// # Errors
/// When there is no kernel to boot, or when a scenario failed.
pub fn run(arguments: &VmArguments) -> Result<(), Failure> {
    crate::test::install(TOOLS);
    let binary = release_binary()?;
    let scenarios = match arguments.scenarios.is_empty() {
        true => all_scenarios()?,
        false => arguments.scenarios.clone(),
    };
    let work = match &arguments.command {
        Some(command) => machine::Work::Command(command.clone()),
        None => machine::Work::Scenarios(scenarios),
    };
    machine::run(&kernel::find()?, &binary, &work, arguments.limit)
}

/// A shell command in the machine.
///
/// # Errors
/// When there is no kernel to boot, or when the command failed.
pub fn command(command: &str) -> Result<(), Failure> {
    let arguments = VmArguments {
        scenarios: Vec::new(),
        command: Some(command.to_owned()),
        limit: LIMIT_SECONDS,
    };
    run(&arguments)
}

/// All scenarios, in one boot.
///
/// # Errors
/// When there is no kernel to boot, or when a scenario failed.
pub fn play(binary: &Path) -> Result<(), Failure> {
    let work = machine::Work::Scenarios(all_scenarios()?);
    machine::run(&kernel::find()?, binary, &work, LIMIT_SECONDS)
}

fn all_scenarios() -> Result<Vec<PathBuf>, Failure> {
    let place = root().join("scenarios/vm");
    let entries = std::fs::read_dir(&place).map_err(|error| format!("{place:?}: {error}"))?;
    let mut scenarios: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    scenarios.retain(|path| path.extension().is_some_and(|ending| ending == "txt"));
    scenarios.sort();
    match scenarios.is_empty() {
        true => Err(format!("there are no scenarios in {}", place.display())),
        false => Ok(scenarios),
    }
}

/// What this makes lies there, and may be deleted.
fn place() -> PathBuf {
    let target: OsString = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root().join(target).join("vm")
}

/// What was done with a file, and why that did not work.
fn at(path: &Path) -> impl Fn(std::io::Error) -> Failure {
    move |error| format!("{}: {error}", path.display())
}
