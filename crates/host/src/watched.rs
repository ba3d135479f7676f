//! Files that the runtime watches.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Whoever owns what it returns by `as_raw_fd` for its whole life.
pub(crate) trait Owner: AsRawFd {}
impl Owner for std::fs::File {}
impl Owner for OwnedFd {}

/// Lets the runtime watch a file. Must be called within one.
pub(crate) fn watch<T: Owner>(file: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    // SAFETY: owners keep the same open file until they are dropped, and `AsyncFd` drops its
    // registration first.
    let watched = unsafe { AsyncFd::register_with_interest(file, interest) };
    watched.map_err(Into::into)
}
