//! Loop devices: an image file as a block device (loop(4)).
//!
//! A device that we attach detaches itself when nobody uses it any more, so there is nothing
//! to clean up after a crash.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const LOOP_CTL_GET_FREE: libc::c_ulong = 0x4C82;
const LOOP_CONFIGURE: libc::c_ulong = 0x4C0A;
const LOOP_GET_STATUS64: libc::c_ulong = 0x4C05;
const FLAG_READ_ONLY: u32 = 1;
const FLAG_AUTOCLEAR: u32 = 4;

/// Others may take the free device before us; so often in a row they will not.
const TRIES_MAX: usize = 8;

/// `struct loop_info64` (linux/loop.h).
#[repr(C)]
#[derive(Clone, Copy)]
struct Info {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    sizelimit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

/// `struct loop_config` (linux/loop.h).
#[repr(C)]
struct Config {
    fd: u32,
    block_size: u32,
    info: Info,
    reserved: [u64; 8],
}

impl Info {
    const ZERO: Self = Self {
        device: 0,
        inode: 0,
        rdevice: 0,
        offset: 0,
        sizelimit: 0,
        number: 0,
        encrypt_type: 0,
        encrypt_key_size: 0,
        flags: 0,
        file_name: [0; 64],
        crypt_name: [0; 64],
        encrypt_key: [0; 32],
        init: [0; 2],
    };
}

/// An image that is attached. While this is held and nobody has mounted the device yet, it
/// stays attached.
#[derive(Debug)]
pub struct Attached {
    /// The block device.
    pub path: PathBuf,
    _open: File,
}

/// What may be done to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read and write.
    ReadWrite,
    /// Read only.
    ReadOnly,
}

/// The device to which an image is attached already, if any: the same one must be used
/// again, for two devices of one image would not know of each other's writes.
///
/// # Errors
/// When the image cannot be looked at.
pub fn find(image: &Path) -> io::Result<Option<Attached>> {
    let data = std::fs::metadata(image)?;
    for path in devices() {
        let Ok(open) = File::open(&path) else {
            continue;
        };
        let mut info = Info::ZERO;
        // SAFETY: the kernel fills in a loop_info64, whose layout `Info` has.
        let done = unsafe { libc::ioctl(open.as_raw_fd(), LOOP_GET_STATUS64, &raw mut info) };
        if done == 0 && info.inode == data.ino() && info.device == kernel_device(data.dev()) {
            return Ok(Some(Attached { path, _open: open }));
        }
    }
    Ok(None)
}

/// The kernel tells `lo_device` in its wide encoding: 12 bits of major, 20 of minor.
fn kernel_device(device: u64) -> u64 {
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    u64::from((minor & 0xff) | (major << 8) | ((minor & !0xff) << 12))
}

/// Whether the block device with this number is a loop device of the image.
#[must_use]
pub fn is_of(device: u64, image: &Path) -> bool {
    let found = find(image).ok().flatten();
    found
        .and_then(|attached| std::fs::metadata(attached.path).ok())
        .is_some_and(|data| data.rdev() == device)
}

fn devices() -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir("/dev") else {
        return Vec::new();
    };
    let is_loop = |name: &str| {
        name.strip_prefix("loop")
            .is_some_and(|number| number.parse::<u32>().is_ok())
    };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(is_loop))
        .map(|entry| entry.path())
        .collect()
}

/// Attaches an image to a free device, or finds where it is attached.
///
/// # Errors
/// What the kernel says.
pub fn attach(image: &Path, access: Access) -> io::Result<Attached> {
    if let Some(attached) = find(image)? {
        return Ok(attached);
    }
    let open = |path: &Path| {
        let write = access == Access::ReadWrite;
        File::options().read(true).write(write).open(path)
    };
    let file = open(image)?;
    let control = File::options()
        .read(true)
        .write(true)
        .open("/dev/loop-control")?;
    let mut refused = io::Error::from(io::ErrorKind::ResourceBusy);
    for _ in 0..TRIES_MAX {
        // SAFETY: takes no argument.
        let number = unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE) };
        if number < 0 {
            return Err(io::Error::last_os_error());
        }
        let path = PathBuf::from(format!("/dev/loop{number}"));
        let device = open(&path)?;
        match configure(&device, &file, access) {
            Ok(()) => {
                return Ok(Attached {
                    path,
                    _open: device,
                });
            }
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => refused = error,
            Err(error) => return Err(error),
        }
    }
    Err(refused)
}

fn configure(device: &File, image: &File, access: Access) -> io::Result<()> {
    let read_only = match access {
        Access::ReadWrite => 0,
        Access::ReadOnly => FLAG_READ_ONLY,
    };
    let config = Config {
        fd: u32::try_from(image.as_raw_fd()).expect("open files have positive numbers"),
        block_size: 0,
        info: Info {
            flags: FLAG_AUTOCLEAR | read_only,
            ..Info::ZERO
        },
        reserved: [0; 8],
    };
    // SAFETY: the kernel reads a loop_config, whose layout `Config` has.
    let done = unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE, &raw const config) };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
