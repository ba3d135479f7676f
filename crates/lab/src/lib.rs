//! The laboratory: a whole cluster on one machine, made of namespaces, with real packets,
//! real processes and real disks, for tests, demonstrations and the curious.
//!
//! Each node is a first process with network, mount, process, host-name and IPC namespaces of
//! its own; each network is a bridge; a `client` stands beside; a power switch listens to
//! `fence_lab`. Nothing outside the namespaces is touched but one directory and, where
//! allowed, one control group, and both go with the laboratory, however it ends.
//!
//! [`Lab`] is for programs, [`cli`] for people. The roles below are played by the same binary,
//! which must call them before it starts any thread.

mod cgroups;
pub mod channel;
pub mod cli;
mod demo;
mod dog;
mod fence_lab;
mod form;
mod guard;
mod handle;
pub mod httpd;
mod init;
mod janitor;
mod keeper;
pub mod layout;
mod namespaces;
mod netlink;
pub mod probe;
pub mod protocol;
pub mod scenario;
mod server_off;
mod systemd;
pub mod traces;
pub mod view;
pub mod witness;

use std::process::ExitCode;

pub use form::{Cluster, DiskUse, Fittings, PowerUse, apply_services, cluster_toml, form};
pub use handle::{Lab, LabError, Options, Output, Running};
pub use janitor::Lifetime;

fn finish(result: std::io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Plays the part that the first argument names, or the program's own name: `lab-keeper`,
/// `lab-init`, `lab-watchdog`, `fence_lab`, `lab-probe`, `lab-httpd`, `lab-systemd`. `None` when it names none.
///
/// Must be called first in `main`, before any thread exists.
#[must_use]
pub fn role_main() -> Option<ExitCode> {
    let mut arguments = std::env::args();
    let program = arguments.next().unwrap_or_default();
    if program.rsplit('/').next() == Some("fence_lab") {
        return Some(fence_lab_main(arguments.collect()));
    }
    match arguments.next().as_deref() {
        Some("lab-keeper") => Some(keeper_main()),
        Some("lab-init") => Some(init_main()),
        Some("lab-server-off") => Some(finish(server_off::main())),
        Some("lab-watchdog") => Some(watchdog_main(arguments.collect())),
        Some("fence_lab") => Some(fence_lab_main(arguments.collect())),
        Some("lab-probe") => Some(probe_main(arguments.collect())),
        Some("lab-httpd") => Some(httpd_main(arguments.collect())),
        Some("lab-systemd") => Some(finish(systemd::main())),
        Some(_) | None => None,
    }
}

/// `mainstay lab-keeper`: the janitor outside, or the keeper in the namespaces.
#[must_use]
pub fn keeper_main() -> ExitCode {
    match std::env::args().nth(2).as_deref() {
        Some("inside") => finish(keeper::main()),
        Some(_) | None => finish(janitor::main()),
    }
}

/// `mainstay lab-init`: the first process of a machine.
#[must_use]
pub fn init_main() -> ExitCode {
    finish(init::main())
}

/// `mainstay lab-watchdog`: the watchdog of a node. `arguments` without the role.
#[must_use]
pub fn watchdog_main(arguments: Vec<String>) -> ExitCode {
    finish(dog::main(&arguments))
}

/// `fence_lab`: the fence agent of the laboratory. `arguments` without the program's name.
#[must_use]
pub fn fence_lab_main(arguments: Vec<String>) -> ExitCode {
    fence_lab::main(&arguments)
}

/// `mainstay lab-probe`: asks an address again and again. `arguments` without the role.
#[must_use]
pub fn probe_main(arguments: Vec<String>) -> ExitCode {
    finish(probe::main(&arguments))
}

/// `mainstay lab-httpd`: a small web server for tests. `arguments` without the role.
#[must_use]
pub fn httpd_main(arguments: Vec<String>) -> ExitCode {
    finish(httpd::main(&arguments))
}
