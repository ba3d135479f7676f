//! Sectors of shared storage, read and written past every cache of this machine.
//!
//! Another machine must see a write as soon as it is reported, and a read must see what is on
//! the device and not what this machine remembers: so `O_DIRECT` and `O_DSYNC`. A file system
//! that refuses `O_DIRECT` is good for tests on one machine, and for nothing else.

mod witness;

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;

pub use witness::{Forget, PrepareError, WitnessDisk, prepare};

/// What direct reads and writes are aligned to: the largest logical block of usual devices.
pub const ALIGNMENT: usize = 4096;

/// Whether the caches of this machine are passed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caches {
    /// They are: other machines see what this one writes.
    Bypassed,
    /// The file refused it: only this machine sees what it writes for certain.
    InUse,
}

/// An open device or file.
#[derive(Debug)]
pub struct SharedDisk {
    file: File,
    path: PathBuf,
    caches: Caches,
}

impl SharedDisk {
    /// Opens a block device (also a loop device) or a plain file that exists.
    ///
    /// # Errors
    /// When there is none, it may not be opened, or it is something else.
    pub fn open(path: &Path) -> io::Result<Self> {
        let open = |flags| {
            let mut options = File::options();
            options.read(true).write(true).custom_flags(flags);
            options.open(path)
        };
        let direct = open(libc::O_DIRECT | libc::O_DSYNC | libc::O_CLOEXEC);
        let (file, caches) = match direct {
            Ok(file) => (file, Caches::Bypassed),
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                (open(libc::O_DSYNC | libc::O_CLOEXEC)?, Caches::InUse)
            }
            Err(error) => return Err(error),
        };
        let kind = file.metadata()?.file_type();
        if !kind.is_file() && !kind.is_block_device() {
            return Err(io::Error::other("neither a block device nor a plain file"));
        }
        let path = path.to_path_buf();
        Ok(Self { file, path, caches })
    }

    /// Where it was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether other machines see what this one writes.
    #[must_use]
    pub fn caches(&self) -> Caches {
        self.caches
    }

    /// How many bytes a block device has; nothing for a file, which grows.
    ///
    /// # Errors
    /// What the device says.
    pub fn device_size(&self) -> io::Result<Option<u64>> {
        if !self.file.metadata()?.file_type().is_block_device() {
            return Ok(None);
        }
        (&self.file).seek(SeekFrom::End(0)).map(Some)
    }

    /// Reads whole sectors. What lies beyond the end of a file reads as zeros.
    ///
    /// # Errors
    /// What the device says. It may take as long as the device likes.
    pub fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut buffer = Aligned::new(length);
        let mut filled = 0;
        // Each turn reads something or ends the loop.
        while filled < length {
            let rest = &mut buffer.bytes()[filled..];
            match self.file.read_at(rest, offset + filled as u64) {
                Ok(0) => break,
                // What is cut off inside a sector stands at the end of a file.
                Ok(count) if !count.is_multiple_of(ALIGNMENT) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(buffer.bytes()[..length].to_vec())
    }

    /// Writes whole sectors. When it returns, they are on the device.
    ///
    /// # Errors
    /// What the device says; the sectors may hold the old, the new, or neither.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut buffer = Aligned::new(bytes.len());
        buffer.bytes()[..bytes.len()].copy_from_slice(bytes);
        self.file
            .write_all_at(&buffer.bytes()[..bytes.len()], offset)
    }
}

/// Memory that the kernel can read into directly.
struct Aligned {
    start: NonNull<u8>,
    layout: Layout,
}

impl Aligned {
    /// Room for so many bytes, rounded up to whole sectors, all zero.
    fn new(length: usize) -> Self {
        let size = length.max(1).next_multiple_of(ALIGNMENT);
        let layout =
            Layout::from_size_align(size, ALIGNMENT).expect("sectors are some kilobytes long");
        // SAFETY: the size is not zero.
        let start = unsafe { alloc_zeroed(layout) };
        match NonNull::new(start) {
            Some(start) => Self { start, layout },
            None => handle_alloc_error(layout),
        }
    }

    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: so many bytes were allocated, all of them written (zero), and nobody else
        // has the pointer.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.layout.size()) }
    }
}

impl Drop for Aligned {
    fn drop(&mut self) {
        // SAFETY: allocated with this very layout, and dropped once.
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk() -> (tempfile::TempDir, SharedDisk) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("disk");
        std::fs::write(&path, vec![7; 3 * ALIGNMENT]).unwrap();
        let disk = SharedDisk::open(&path).unwrap();
        (dir, disk)
    }

    #[test]
    fn what_is_written_is_read_by_another_opener_and_its_neighbours_stay() {
        let (_dir, disk) = disk();
        let sector: Vec<u8> = (0..ALIGNMENT).map(|i| (i % 251) as u8).collect();
        disk.write(ALIGNMENT as u64, &sector).unwrap();
        let other = SharedDisk::open(disk.path()).unwrap();
        assert_eq!(other.read(ALIGNMENT as u64, ALIGNMENT).unwrap(), sector);
        let all = std::fs::read(disk.path()).unwrap();
        assert_eq!(all.len(), 3 * ALIGNMENT);
        assert!(all[..ALIGNMENT].iter().all(|byte| *byte == 7));
        assert!(all[2 * ALIGNMENT..].iter().all(|byte| *byte == 7));
    }

    #[test]
    fn beyond_the_end_of_a_file_there_are_zeros() {
        let (_dir, disk) = disk();
        let read = disk.read(2 * ALIGNMENT as u64, 2 * ALIGNMENT).unwrap();
        assert_eq!(read[..ALIGNMENT], [7; ALIGNMENT]);
        assert_eq!(read[ALIGNMENT..], [0; ALIGNMENT]);
        assert_eq!(disk.read(1 << 30, 10).unwrap(), [0; 10]);
    }

    #[test]
    fn what_is_no_disk_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(SharedDisk::open(dir.path()).is_err());
        assert!(SharedDisk::open(&dir.path().join("absent")).is_err());
        let error = SharedDisk::open(Path::new("/dev/null")).unwrap_err();
        assert_eq!(error.to_string(), "neither a block device nor a plain file");
    }
}
