//! What the log needs of a disk. There are two: files, and in tests a disk that tears,
//! loses and rots.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::LogError;
use crate::durable;

/// Holds the lock of the directory; empty.
const LOCK_FILE: &str = "LOCK";

/// Bytes of the log are for the owner alone: configurations may hold secrets.
const FILE_MODE: u32 = durable::SECRET_MODE;

/// One directory of named files.
pub trait Disk {
    /// The names of all files.
    ///
    /// # Errors
    /// When the disk fails.
    fn list(&self) -> io::Result<Vec<String>>;

    /// All bytes of a file.
    ///
    /// # Errors
    /// When the disk fails.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;

    /// Makes or replaces a file. When it returns, the file is durable; until then it is as
    /// before or complete.
    ///
    /// # Errors
    /// When the disk fails.
    fn create(&mut self, name: &str, contents: &[u8]) -> io::Result<()>;

    /// Overwrites a part of a file. Not durable before [`Disk::sync`].
    ///
    /// # Errors
    /// When the disk fails.
    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes all writes to a file durable.
    ///
    /// # Errors
    /// When the disk fails; what is on disk is then unknown.
    fn sync(&mut self, name: &str) -> io::Result<()>;

    /// Removes a file. It may be back after a power loss.
    ///
    /// # Errors
    /// When the disk fails.
    fn remove(&mut self, name: &str) -> io::Result<()>;
}

fn open_lock(directory: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .write(true)
        .create(true)
        .truncate(false)
        .open(directory.join(LOCK_FILE))
}

/// Waits until no process has the log in `directory`, which may be absent.
///
/// It blocks for as long as the log is in use, and takes nothing: another process may be first.
///
/// # Errors
/// When the lock cannot be asked for.
pub fn wait_until_free(directory: &Path) -> io::Result<()> {
    if !directory.exists() {
        return Ok(());
    }
    Ok(flock(open_lock(directory)?, FlockOperation::LockExclusive)?)
}

/// Real files in a directory that is locked against other processes.
#[derive(Debug)]
pub struct Files {
    directory: PathBuf,
    /// The lock is released when this is closed, also by the end of the process.
    _lock: File,
    /// The file that was written to last.
    open: Option<(String, File)>,
}

impl Files {
    /// Takes the directory, which is made if need be.
    ///
    /// # Errors
    /// When it cannot be made or locked.
    pub fn open(directory: &Path) -> Result<Self, LogError> {
        let refused = |doing, source| LogError::Io {
            doing,
            file: LOCK_FILE.to_owned(),
            source,
        };
        fs::create_dir_all(directory)
            .map_err(|source| refused("make the directory for", source))?;
        let lock = open_lock(directory).map_err(|source| refused("open", source))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(LogError::Locked(directory.to_owned()));
            }
            Err(error) => return Err(refused("lock", error.into())),
        }
        Ok(Self {
            directory: directory.to_owned(),
            _lock: lock,
            open: None,
        })
    }

    fn writable(&mut self, name: &str) -> io::Result<&File> {
        let file = match self.open.take() {
            Some((open, file)) if open == name => file,
            Some(_) | None => OpenOptions::new()
                .write(true)
                .open(self.directory.join(name))?,
        };
        Ok(&self.open.insert((name.to_owned(), file)).1)
    }
}

impl Disk for Files {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            // Names that are no text are none of ours.
            if let Ok(name) = entry?.file_name().into_string()
                && name != LOCK_FILE
            {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.directory.join(name))
    }

    fn create(&mut self, name: &str, contents: &[u8]) -> io::Result<()> {
        self.open = None;
        durable::replace(&self.directory.join(name), contents, FILE_MODE)
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.writable(name)?.write_all_at(bytes, offset)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.writable(name)?.sync_data()
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        fs::remove_file(self.directory.join(name))
    }
}
