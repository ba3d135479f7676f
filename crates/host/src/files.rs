//! News about the files of a directory: somebody wrote, or a file came or went (inotify(7)).

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::watched::watch;

/// Room for a burst of events; what does not fit is read in the next turn.
const EVENTS_BYTES: usize = 4096;

/// A directory whose files are watched.
pub struct FilesWatch {
    fd: AsyncFd<OwnedFd>,
}

impl FilesWatch {
    /// Watches the files of a directory, from now on. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When it cannot be watched.
    pub fn open(directory: &Path) -> io::Result<Self> {
        let fd = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let wanted = WatchFlags::MODIFY
            | WatchFlags::CREATE
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM
            | WatchFlags::DELETE
            | WatchFlags::DELETE_SELF;
        inotify::add_watch(&fd, directory, wanted)?;
        let fd = watch(fd, Interest::READABLE)?;
        Ok(Self { fd })
    }

    /// Waits until something is written, comes or goes. News that nobody waited for are kept.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub async fn changed(&mut self) -> io::Result<()> {
        loop {
            let mut ready = self.fd.readable().await?;
            let read = ready.try_io(|fd| {
                let mut room = [MaybeUninit::uninit(); EVENTS_BYTES];
                let (events, _rest) = rustix::io::read(fd.get_ref(), &mut room[..])?;
                Ok(events.len())
            });
            match read {
                Ok(Ok(_some)) => return Ok(()),
                Ok(Err(error)) => return Err(error),
                Err(_not_yet) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_write_and_a_new_file_are_news_and_silence_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = std::fs::File::create(directory.path().join("x")).unwrap();
        let mut files = FilesWatch::open(directory.path()).unwrap();
        let soon = Duration::from_millis(20);
        assert!(tokio::time::timeout(soon, files.changed()).await.is_err());
        file.write_all(b"x").unwrap();
        files.changed().await.unwrap();
        assert!(tokio::time::timeout(soon, files.changed()).await.is_err());
        std::fs::File::create(directory.path().join("y")).unwrap();
        files.changed().await.unwrap();
    }
}
