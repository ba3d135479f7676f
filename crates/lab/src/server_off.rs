//! `mainstay lab-server-off`: ends what a node without power has left in the kernel.
//!
//! Processes of a node end with their process namespace. The kernel's NFS server runs in
//! threads of the kernel, one set for each network namespace, and keeps that namespace and the
//! file systems that it exports: it would go on in a node that is off.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::namespaces::{self, Launch};

/// Where this process, alone, sees the servers of a network namespace.
const PLACE: &str = "/proc/fs/nfsd";
/// The threads of the server: none is what ends it.
const THREADS: &str = "/proc/fs/nfsd/threads";

/// Whether this kernel has such a server; without, there is nothing to end.
pub(crate) fn may_run() -> bool {
    Path::new(PLACE).exists()
}

/// Ends the server of a network namespace; returns when it has ended.
pub(crate) fn end(network: &File, limit: std::time::Duration) -> io::Result<()> {
    let pid = namespaces::launch(&Launch {
        namespaces: libc::CLONE_NEWNS,
        role: &["lab-server-off"],
        environment: &std::collections::BTreeMap::new(),
        fds: &[network.as_fd()],
    })?;
    namespaces::reap(pid, limit)
}

/// In a mount namespace of its own.
pub(crate) fn main() -> io::Result<()> {
    let network = namespaces::inherited(3)?;
    move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?;
    let private = MountPropagationFlags::REC | MountPropagationFlags::PRIVATE;
    mount_change("/", private)?;
    mount("nfsd", PLACE, "nfsd", MountFlags::empty(), None)?;
    // A write of none to a server that never ran would prepare one.
    match std::fs::read_to_string(THREADS)?.trim() {
        "0" => Ok(()),
        _ => std::fs::write(THREADS, "0\n"),
    }
}
