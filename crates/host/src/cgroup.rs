//! Control groups (cgroup v2): every process of a resource is known and can be ended at once,
//! however often it forked.
//!
//! Only the tree is used, no controllers, so it also works beside v1 hierarchies. Where no
//! cgroup can be made there is `None`, and callers fall back to sessions.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::watched::watch;

/// Names the place to use instead of the usual ones.
pub const ROOT_VARIABLE: &str = "MAINSTAY_CGROUP_ROOT";

/// Where v2 is mounted: alone, or beside v1.
const ROOTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// All of ours lie in one directory, so that a person sees whose they are.
const OURS: &str = "mainstay";

/// `statfs` says so of cgroup v2 (linux/magic.h).
const CGROUP2_MAGIC: i64 = 0x6367_7270;

/// The directory under which ours are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupRoot {
    path: PathBuf,
}

impl CgroupRoot {
    /// Finds a v2 tree that we may write to: `chosen`, else the place that
    /// `MAINSTAY_CGROUP_ROOT` names, else the usual places.
    #[must_use]
    pub fn find(chosen: Option<&Path>) -> Option<Self> {
        let named = std::env::var_os(ROOT_VARIABLE).map(PathBuf::from);
        if let Some(only) = chosen.map(Path::to_owned).or(named) {
            return Self::at(&only);
        }
        ROOTS.iter().find_map(|path| Self::at(Path::new(path)))
    }

    fn at(root: &Path) -> Option<Self> {
        let kind = rustix::fs::statfs(root).ok()?.f_type;
        if kind != CGROUP2_MAGIC {
            return None;
        }
        let path = root.join(OURS);
        std::fs::create_dir_all(&path).ok()?;
        let writable = rustix::fs::access(&path, rustix::fs::Access::WRITE_OK).is_ok();
        writable.then_some(Self { path })
    }

    /// Makes (or finds) the cgroup of a resource.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn make(&self, service: &str, resource: &str) -> io::Result<Cgroup> {
        let path = self.path.join(service).join(resource);
        std::fs::create_dir_all(&path)?;
        Ok(Cgroup { path })
    }

    /// Numbers of all processes below the cgroup of a service.
    #[must_use]
    pub fn members_of(&self, service: &str) -> Vec<i32> {
        let Ok(entries) = std::fs::read_dir(self.path.join(service)) else {
            return Vec::new();
        };
        entries
            .flatten()
            .flat_map(|entry| Cgroup { path: entry.path() }.members())
            .collect()
    }
}

/// One cgroup, by its path. It stays when this is dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn open_dir(&self) -> io::Result<File> {
        File::open(&self.path)
    }

    pub(crate) fn open_procs(&self) -> io::Result<File> {
        let path = self.path.join("cgroup.procs");
        std::fs::OpenOptions::new().write(true).open(path)
    }

    /// Limits the memory that all its processes may use together, in bytes.
    ///
    /// # Errors
    /// Where cgroup v2 does not count memory.
    pub fn limit_memory(&self, most: u64) -> io::Result<()> {
        // Each directory above must let it be counted below.
        let mut above: Vec<&Path> = self.path.ancestors().skip(1).take(3).collect();
        above.reverse();
        for directory in above {
            // Where it is allowed already, or not ours to allow, the file below tells.
            let _ = std::fs::write(directory.join("cgroup.subtree_control"), "+memory");
        }
        std::fs::write(self.path.join("memory.max"), most.to_string())
    }

    /// Numbers of its processes, as far as this pid namespace has numbers for them.
    #[must_use]
    pub fn members(&self) -> Vec<i32> {
        let text = std::fs::read_to_string(self.path.join("cgroup.procs")).unwrap_or_default();
        text.lines()
            .filter_map(|line| line.parse().ok())
            .filter(|pid| *pid != 0)
            .collect()
    }

    /// Whether anything is alive in it.
    #[must_use]
    pub fn is_populated(&self) -> bool {
        std::fs::read_to_string(self.path.join("cgroup.events"))
            .is_ok_and(|text| says_populated(&text))
    }

    /// Ends every process in it at once (`cgroup.kill`; one by one on kernels before 5.14).
    ///
    /// # Errors
    /// What the kernel says.
    pub fn kill(&self) -> io::Result<()> {
        let all = std::fs::OpenOptions::new()
            .write(true)
            .open(self.path.join("cgroup.kill"));
        match all {
            Ok(mut file) => file.write_all(b"1"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                for pid in self.members() {
                    // SAFETY: takes numbers only.
                    unsafe { libc::kill(pid, libc::SIGKILL) };
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Removes it when it is empty. Failing does no harm: the next start finds it again.
    pub fn remove(&self) {
        if std::fs::remove_dir(&self.path).is_ok()
            && let Some(service) = self.path.parent()
        {
            let _ = std::fs::remove_dir(service);
        }
    }

    /// Watches for the end of its last process. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn watch(&self) -> io::Result<Watch> {
        let file = File::open(self.path.join("cgroup.events"))?;
        let fd = watch(file, Interest::PRIORITY)?;
        Ok(Watch { fd })
    }
}

fn says_populated(text: &str) -> bool {
    text.lines().any(|line| line == "populated 1")
}

/// Waits for a cgroup to become empty. The kernel raises an event on `cgroup.events`.
#[derive(Debug)]
pub struct Watch {
    fd: AsyncFd<File>,
}

impl Watch {
    /// Waits until nothing is alive in it.
    ///
    /// # Errors
    /// When the cgroup was removed.
    pub async fn emptied(&mut self) -> io::Result<()> {
        loop {
            let mut text = String::new();
            let file = self.fd.get_mut();
            file.seek(io::SeekFrom::Start(0))?;
            file.read_to_string(&mut text)?;
            if !says_populated(&text) {
                return Ok(());
            }
            let mut ready = self.fd.ready(Interest::PRIORITY).await?;
            ready.clear_ready();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_no_cgroup_is_not_taken_for_one() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(CgroupRoot::find(Some(dir.path())), None);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn only_the_line_about_being_populated_counts() {
        assert!(says_populated("populated 1\nfrozen 0\n"));
        assert!(!says_populated("populated 0\nfrozen 1\n"));
        assert!(!says_populated(""));
    }
}
