//! Tells when files of one directory change, by inotify(7).

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::inotify;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::watched::watch;

/// Hears of files that were written, replaced or removed in a directory.
#[derive(Debug)]
pub struct DirectoryWatch {
    fd: AsyncFd<OwnedFd>,
}

/// Room for some dozens of events; more come with the next read.
const EVENTS: usize = 4096;

impl DirectoryWatch {
    /// Watches from now on. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When there is no such directory, or too many are watched already.
    pub fn open(directory: &Path) -> io::Result<Self> {
        use inotify::{CreateFlags, WatchFlags};
        let fd = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let flags = WatchFlags::CLOSE_WRITE
            | WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM
            | WatchFlags::DELETE
            | WatchFlags::DELETE_SELF;
        inotify::add_watch(&fd, directory, flags)?;
        let fd = watch(fd, Interest::READABLE)?;
        Ok(Self { fd })
    }

    /// Waits until something changed, whatever it is.
    ///
    /// # Errors
    /// When the runtime ends.
    pub async fn changed(&mut self) -> io::Result<()> {
        loop {
            let mut ready = self.fd.readable().await?;
            let mut room = [MaybeUninit::<u8>::uninit(); EVENTS];
            let read = ready.try_io(|fd| Ok(rustix::io::read(fd.get_ref(), &mut room)?.0.len()));
            match read {
                Ok(read) => return read.map(|_| ()),
                Err(_would_block) => {}
            }
        }
    }
}
