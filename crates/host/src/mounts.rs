//! Mounts: what is mounted where, mounting, unmounting, and who stands in the way.
//!
//! Never unmounts lazily (`MNT_DETACH`): the file system would vanish from sight and live on
//! for those who still use it, writing to a disk that another node believes free.

use std::collections::BTreeSet;
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::process;
use crate::watched::watch;

const MOUNTINFO: &str = "/proc/self/mountinfo";

/// One line of `mountinfo` (proc_pid_mountinfo(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounted {
    /// Device number of its files, as `st_dev` has it.
    pub device: u64,
    /// Which directory of the file system is shown.
    pub root: PathBuf,
    /// Where.
    pub target: PathBuf,
    /// Its type.
    pub filesystem: String,
    /// What was mounted, as the file system tells it.
    pub source: PathBuf,
}

impl Mounted {
    /// Reads one line. Spaces and the like in paths are octal (`\040`).
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        // Optional fields of any number end with a lonely dash.
        let (front, back) = line.split_once(" - ")?;
        let front: Vec<&str> = front.split(' ').collect();
        let mut back = back.split(' ');
        let (major, minor) = front.get(2)?.split_once(':')?;
        let device = rustix::fs::makedev(major.parse().ok()?, minor.parse().ok()?);
        Some(Self {
            device,
            root: unescape(front.get(3)?),
            target: unescape(front.get(4)?),
            filesystem: back.next()?.to_owned(),
            source: unescape(back.next()?),
        })
    }
}

/// A path as the kernel and `exportfs` write it in their tables: spaces and the like are octal.
#[must_use]
pub fn unescape(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| *first == b'\\');
        let value = octal
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match value {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    PathBuf::from(OsStr::from_bytes(&bytes))
}

fn read(path: &str) -> io::Result<Vec<Mounted>> {
    let bytes = std::fs::read(path)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().filter_map(Mounted::parse).collect())
}

/// All that is mounted in our mount namespace, in the order of mounting.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn all() -> io::Result<Vec<Mounted>> {
    read(MOUNTINFO)
}

/// What is mounted on a directory: the topmost.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn on(target: &Path) -> io::Result<Option<Mounted>> {
    Ok(all()?.into_iter().rfind(|mounted| mounted.target == target))
}

/// What is mounted on directories below it.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn below(target: &Path) -> io::Result<Vec<Mounted>> {
    let mut all = all()?;
    all.retain(|mounted| mounted.target != target && mounted.target.starts_with(target));
    Ok(all)
}

/// Mount options, taken apart into what the kernel and what the file system understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    flags: MountFlags,
    data: String,
}

/// Options that are flags of the kernel; a second flag set is cleared by the word.
const FLAGS: [(&str, MountFlags); 13] = [
    ("ro", MountFlags::RDONLY),
    ("nosuid", MountFlags::NOSUID),
    ("nodev", MountFlags::NODEV),
    ("noexec", MountFlags::NOEXEC),
    ("sync", MountFlags::SYNCHRONOUS),
    ("dirsync", MountFlags::DIRSYNC),
    ("noatime", MountFlags::NOATIME),
    ("nodiratime", MountFlags::NODIRATIME),
    ("relatime", MountFlags::RELATIME),
    ("strictatime", MountFlags::STRICTATIME),
    ("lazytime", MountFlags::LAZYTIME),
    ("nosymfollow", MountFlags::NOSYMFOLLOW),
    ("silent", MountFlags::SILENT),
];

/// Options that ask for what is the case without them.
const DEFAULTS: [&str; 9] = [
    "defaults", "rw", "suid", "dev", "exec", "async", "atime", "diratime", "noauto",
];

impl Options {
    /// Takes options as people write them in `fstab`, each entry one or several joined by
    /// commas.
    #[must_use]
    pub fn parse(options: &[String]) -> Self {
        let mut flags = MountFlags::empty();
        let mut data = Vec::new();
        let words = options.iter().flat_map(|entry| entry.split(','));
        for word in words.filter(|word| !word.is_empty() && !DEFAULTS.contains(word)) {
            match FLAGS.iter().find(|(name, _)| *name == word) {
                Some((_, flag)) => flags |= *flag,
                None => data.push(word),
            }
        }
        let data = data.join(",");
        Self { flags, data }
    }

    /// With one more option for the file system.
    #[must_use]
    pub fn with(mut self, option: &str) -> Self {
        if !self.data.is_empty() {
            self.data.push(',');
        }
        self.data.push_str(option);
        self
    }

    /// Whether nothing may be written.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.flags.contains(MountFlags::RDONLY)
    }
}

/// Mounts a block device. Blocks for as long as the device and the file system need.
///
/// # Errors
/// What the kernel says.
pub fn mount(device: &Path, target: &Path, kind: &str, options: &Options) -> io::Result<()> {
    let data = CString::new(options.data.as_str())?;
    rustix::mount::mount(device, target, kind, options.flags, data.as_c_str())?;
    Ok(())
}

/// Shows a directory at a second place. Options beside the plain bind are set in a second
/// step, as the kernel wants it; when that fails the bind is taken back.
///
/// # Errors
/// What the kernel says.
pub fn bind(source: &Path, target: &Path, options: &Options) -> io::Result<()> {
    rustix::mount::mount_bind(source, target)?;
    if options.flags.is_empty() {
        return Ok(());
    }
    let flags = MountFlags::BIND | options.flags;
    let data = CString::new(options.data.as_str())?;
    rustix::mount::mount_remount(target, flags, data.as_c_str()).map_err(|error| {
        let _ = rustix::mount::unmount(target, UnmountFlags::empty());
        error.into()
    })
}

/// Unmounts the topmost mount on a directory. Blocks until it is written out.
///
/// # Errors
/// What the kernel says: `ResourceBusy` while somebody uses it.
pub fn unmount(target: &Path) -> io::Result<()> {
    rustix::mount::unmount(target, UnmountFlags::NOFOLLOW)?;
    Ok(())
}

/// Unmounts a network file system whose server may be gone: requests that wait for it are
/// given up. It fails like `unmount` while somebody uses it.
///
/// # Errors
/// What the kernel says.
pub fn unmount_by_force(target: &Path) -> io::Result<()> {
    rustix::mount::unmount(target, UnmountFlags::NOFOLLOW | UnmountFlags::FORCE)?;
    Ok(())
}

/// Numbers of all processes that have a file, a directory or a program below `target` in
/// use. Those that we may not look into are not among them.
#[must_use]
pub fn users(target: &Path) -> BTreeSet<i32> {
    let pids = process::all().into_iter().map(|stat| stat.pid);
    pids.filter(|pid| uses(*pid, target)).collect()
}

fn uses(pid: i32, target: &Path) -> bool {
    let proc = PathBuf::from(format!("/proc/{pid}"));
    let points_there =
        |link: &Path| std::fs::read_link(link).is_ok_and(|path| path.starts_with(target));
    ["cwd", "root", "exe"]
        .iter()
        .any(|name| points_there(&proc.join(name)))
        || entries(&proc.join("fd")).iter().any(|fd| points_there(fd))
        || maps(&proc.join("maps"), target)
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    entries.flatten().map(|entry| entry.path()).collect()
}

/// Whether a file below `target` is mapped: its path is all that follows the fifth field.
fn maps(path: &Path, target: &Path) -> bool {
    let bytes = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    text.lines()
        .filter_map(|line| line.find('/').map(|at| &line[at..]))
        .any(|file| Path::new(file).starts_with(target))
}

/// Processes in other mount namespaces where a device is still mounted, one for each such
/// namespace. Unmounting it in ours does not make the device free.
#[must_use]
pub fn elsewhere(device: u64) -> Vec<i32> {
    let namespace = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
    let mut seen: BTreeSet<PathBuf> = namespace("self").into_iter().collect();
    let mut found = Vec::new();
    for stat in process::all() {
        let new = namespace(&stat.pid.to_string()).is_some_and(|name| seen.insert(name));
        let path = format!("/proc/{}/mountinfo", stat.pid);
        if new && read(&path).is_ok_and(|all| all.iter().any(|m| m.device == device)) {
            found.push(stat.pid);
        }
    }
    found
}

/// Waits for changes of what is mounted.
#[derive(Debug)]
pub struct Watch {
    fd: AsyncFd<File>,
}

impl Watch {
    /// Watches from now on. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn open() -> io::Result<Self> {
        let fd = watch(File::open(MOUNTINFO)?, Interest::PRIORITY)?;
        Ok(Self { fd })
    }

    /// Waits until something is mounted or unmounted, whatever it is.
    ///
    /// # Errors
    /// When the runtime ends.
    pub async fn changed(&mut self) -> io::Result<()> {
        let mut ready = self.fd.ready(Interest::PRIORITY).await?;
        ready.clear_ready();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_with_optional_fields_and_a_space_in_its_path_is_read() {
        let line = "36 35 98:0 /mnt1 /srv/my\\040web rw,noatime master:1 - ext3 /dev/root rw,errors=continue";
        let mounted = Mounted::parse(line).unwrap();
        assert_eq!(mounted.target, Path::new("/srv/my web"));
        assert_eq!(mounted.root, Path::new("/mnt1"));
        assert_eq!(mounted.filesystem, "ext3");
        assert_eq!(mounted.source, Path::new("/dev/root"));
        assert_eq!(mounted.device, rustix::fs::makedev(98, 0));
    }

    #[test]
    fn our_own_mounts_are_read() {
        let all = all().unwrap();
        let lines = std::fs::read_to_string(MOUNTINFO).unwrap().lines().count();
        assert_eq!(all.len(), lines);
        assert!(on(Path::new("/proc")).unwrap().is_some());
    }

    #[test]
    fn options_are_taken_apart() {
        let options = [
            "ro,noatime".to_owned(),
            "defaults".to_owned(),
            "data=ordered".to_owned(),
        ];
        let options = Options::parse(&options);
        assert_eq!(options.flags, MountFlags::RDONLY | MountFlags::NOATIME);
        assert_eq!(options.data, "data=ordered");
        assert!(options.is_read_only());
    }

    proptest! {
        #[test]
        fn every_path_survives_the_escapes_of_the_kernel(path in "/[a-z \t\n\\\\#é]{0,20}") {
            let escape = |c: char| match c {
                ' ' | '\t' | '\n' | '\\' => format!("\\{:03o}", u32::from(c)),
                other => other.to_string(),
            };
            let escaped: String = path.chars().map(escape).collect();
            let line = format!("1 1 0:5 / {escaped} rw - tmpfs none rw");
            prop_assert_eq!(Mounted::parse(&line).unwrap().target, PathBuf::from(path));
        }

        #[test]
        fn no_line_makes_the_reader_fail(line in "[ -~]{0,80}") {
            let _ = Mounted::parse(&line);
        }
    }
}
