//! The process outside: starts the keeper in its namespaces, waits for its end, however that
//! comes, and removes what lies on disk and in control groups.
//!
//! ```text
//!   caller ── janitor ──┐ namespaces of the lab
//!                       └─ keeper ──┬─ alpha (init ── daemon, services …)
//!                                   ├─ beta
//!                                   └─ client
//! ```
//!
//! The keeper holds one end of a lifeline and cleans up when the janitor is killed, so only the
//! death of both at one moment leaves anything: the next `up` sweeps that.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::process::{WaitOptions, waitpid};
use serde::{Deserialize, Serialize};

use crate::channel::{Channel, Listener};
use crate::layout::{Layout, socket_name};
use crate::namespaces::{self, Launch, MACHINE};
use crate::{cgroups, protocol::Reply};

/// How long a laboratory lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lifetime {
    /// Until its maker ends, drops it, or takes it down.
    Attached,
    /// Until somebody takes it down.
    Detached,
}

/// What the caller sends to the janitor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) layout: Layout,
    pub(crate) lifetime: Lifetime,
}

/// What the janitor tells the keeper.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Charge {
    pub(crate) layout: Layout,
    pub(crate) lifetime: Lifetime,
    pub(crate) cgroup: Option<PathBuf>,
    pub(crate) janitor_pid: i32,
}

/// The variable by which the charge travels.
pub(crate) const CHARGE: &str = "MAINSTAY_LAB_CHARGE";

fn say(context: &str, error: impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("{context}: {error}"))
}

/// Plays the janitor. Standard input is the connection to the caller.
pub(crate) fn main() -> io::Result<()> {
    let caller = Channel::from(rustix::io::dup(std::io::stdin())?);
    detach()?;
    let Some((order, _)) = caller.receive::<Order>()? else {
        return Ok(());
    };
    match keep(order, &caller) {
        Ok(()) => Ok(()),
        Err(error) => caller.send(
            &Reply::Refused {
                why: error.to_string(),
            },
            &[],
        ),
    }
}

fn detach() -> io::Result<()> {
    // Fails only for the leader of a group, which a shell may have made us; then we stay.
    let _ = rustix::process::setsid();
    std::env::set_current_dir("/")?;
    let null: OwnedFd = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?
        .into();
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    Ok(())
}

fn keep(order: Order, caller: &Channel) -> io::Result<()> {
    let Order { layout, lifetime } = order;
    // Held until everything is cleaned up: the name is taken for so long.
    let listener = match Listener::bind_abstract(&layout.socket_name()) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            return Err(io::Error::other(format!(
                "lab `{}` is up already",
                layout.name
            )));
        }
        other => other?,
    };
    sweep(&layout);
    let group_name = format!("{}-{}", layout.socket_name(), std::process::id());
    let charge = Charge {
        cgroup: cgroups::make(&group_name, &layout.nodes),
        janitor_pid: std::process::id().cast_signed(),
        lifetime,
        layout,
    };
    let kept = lay_out(&charge.layout).and_then(|()| run_keeper(&charge, &listener, caller));
    clean(&charge);
    kept
}

/// Makes the directories.
fn lay_out(layout: &Layout) -> io::Result<()> {
    let dir = &layout.dir;
    fs::create_dir(dir).map_err(|e| say(&dir.display().to_string(), e))?;
    for machine in layout.machines() {
        fs::create_dir_all(layout.state_dir(&machine))?;
        fs::create_dir(layout.log_dir(&machine))?;
    }
    fs::create_dir(layout.shared_dir())?;
    fs::create_dir(layout.bin_dir())?;
    for name in ["mainstay", "fence_lab"] {
        std::os::unix::fs::symlink(&layout.exe, layout.bin_dir().join(name))?;
    }
    Ok(())
}

fn run_keeper(charge: &Charge, listener: &Listener, caller: &Channel) -> io::Result<()> {
    let user = if rustix::process::geteuid().is_root() {
        0
    } else {
        libc::CLONE_NEWUSER
    };
    let log = fs::File::create(charge.layout.dir.join("keeper.log"))?;
    rustix::stdio::dup2_stderr(&log)?;
    let (_lifeline, keepers_end) = Channel::pair()?;
    let environment = BTreeMap::from([(CHARGE.to_string(), serde_json::to_string(charge)?)]);
    let pid = namespaces::launch(&Launch {
        namespaces: MACHINE | user,
        role: &["lab-keeper", "inside"],
        environment: &environment,
        fds: &[listener.as_fd(), caller.as_fd(), keepers_end.as_fd()],
    })
    .map_err(|error| say("namespaces cannot be made here", error))?;
    drop(keepers_end);
    // The keeper now holds the caller's connection; ours would hide its end from the caller.
    release(caller)?;
    rustix::io::retry_on_intr(|| waitpid(Some(pid), WaitOptions::empty()))?;
    Ok(())
}

fn release(caller: &Channel) -> io::Result<()> {
    let null = fs::File::open("/dev/null")?;
    // The number stays valid and belongs to `caller`; what it names becomes harmless.
    // SAFETY: both descriptors are open and owned here; dup2 replaces one in place.
    let done = unsafe {
        use std::os::fd::AsRawFd;
        libc::dup2(null.as_raw_fd(), caller.as_fd().as_raw_fd())
    };
    if done < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Removes what a laboratory left outside its namespaces. Called by the janitor, and by the
/// keeper when the janitor is gone; each finds what the other has not done.
pub(crate) fn clean(charge: &Charge) {
    if let Some(group) = &charge.cgroup {
        cgroups::remove(group);
    }
    remove_tree(&charge.layout.dir);
}

fn remove_tree(dir: &Path) {
    // The other cleaner may remove the same files at the same time, which makes one of the two
    // fail; the second look settles it.
    for _ in 0..3 {
        if fs::remove_dir_all(dir).is_ok() || !dir.exists() {
            return;
        }
    }
}

/// Whether somebody holds the name of a laboratory.
fn lives(uid: u32, name: &str) -> bool {
    Channel::connect_abstract(&socket_name(uid, name)).is_ok()
}

/// Removes what dead laboratories of this user left, in the same parent directory. The name
/// of the present one is ours by now, so what carries it is stale.
fn sweep(layout: &Layout) {
    let is_alive = |name: &str| name != layout.name && lives(layout.uid, name);
    cgroups::sweep(layout.uid, is_alive);
    let Some(entries) = layout
        .dir
        .parent()
        .and_then(|parent| fs::read_dir(parent).ok())
    else {
        return;
    };
    for entry in entries.flatten() {
        let text = entry.file_name().to_string_lossy().into_owned();
        let Some(name) = text.strip_prefix(&format!("mainstay-lab-{}-", layout.uid)) else {
            continue;
        };
        let own = entry.metadata().is_ok_and(|meta| {
            use std::os::unix::fs::MetadataExt;
            meta.is_dir() && meta.uid() == layout.uid
        });
        if own && !is_alive(name) {
            remove_tree(&entry.path());
        }
    }
}
