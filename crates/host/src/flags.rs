//! Flag files: a directory for each service, in which its owner puts files by name.
//!
//! ```text
//!   ROOT/            root's, so that nobody can put another directory into its place
//!   ROOT/web/        the owner's
//!   ROOT/web/all     a flag; what is in it is never read
//! ```
//!
//! The kernel tells when a name comes or goes; nothing is looked at without that. Only names
//! count: no file of theirs is opened, followed or removed.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::inotify;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::watched::watch;

/// Names in one directory that are looked at. Nobody has more checks.
const NAMES_MAX: usize = 1024;

/// Directories of flag files that are watched.
#[derive(Debug)]
pub struct FlagFiles {
    fd: AsyncFd<OwnedFd>,
    root: PathBuf,
    /// Of each directory its owner's number.
    followed: BTreeMap<String, Option<u32>>,
}

impl FlagFiles {
    /// Makes the root of all directories. Must be called within a runtime.
    ///
    /// # Errors
    /// When it cannot be made, or the kernel watches nothing more.
    pub fn open(root: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(root)?;
        std::fs::set_permissions(root, PermissionsExt::from_mode(0o755))?;
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        Ok(Self {
            fd: watch(inotify::init(flags)?, Interest::READABLE)?,
            root: root.to_owned(),
            followed: BTreeMap::new(),
        })
    }

    /// These directories and no others, each with the number of its owner; without, only root
    /// can put files there. Returns what could not be done.
    pub fn follow(&mut self, wanted: &BTreeMap<String, Option<u32>>) -> Vec<(String, io::Error)> {
        let mut failed = Vec::new();
        for (name, owner) in wanted {
            if self.followed.get(name) == Some(owner) {
                continue;
            }
            match self.make(name, *owner) {
                Ok(()) => {
                    self.followed.insert(name.clone(), *owner);
                }
                Err(error) => failed.push((name.clone(), error)),
            }
        }
        let root = &self.root;
        self.followed.retain(|name, _| {
            let stays = wanted.contains_key(name);
            if !stays {
                // Its watch ends with it. A directory that cannot be removed says nothing.
                let _ = std::fs::remove_dir_all(root.join(name));
            }
            stays
        });
        failed
    }

    fn make(&self, name: &str, owner: Option<u32>) -> io::Result<()> {
        let path = self.root.join(name);
        match std::fs::DirBuilder::new().mode(0o755).create(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _made_or_there => {}
        }
        let owner = rustix::fs::Uid::from_raw(owner.unwrap_or(0));
        // Only root writes into the directory above, so this is no link of somebody else.
        rustix::fs::chown(&path, Some(owner), None)?;
        let events = inotify::WatchFlags::CREATE
            | inotify::WatchFlags::DELETE
            | inotify::WatchFlags::MOVED_FROM
            | inotify::WatchFlags::MOVED_TO
            | inotify::WatchFlags::ONLYDIR;
        inotify::add_watch(self.fd.get_ref(), &path, events)?;
        Ok(())
    }

    /// Waits until a name has come or gone. Cancel safe.
    ///
    /// # Errors
    /// When the kernel watches no longer.
    pub async fn changed(&self) -> io::Result<()> {
        loop {
            let mut ready = self.fd.readable().await?;
            let mut events = [0; 4096];
            let read = |fd: &AsyncFd<OwnedFd>| {
                let read = rustix::io::read(fd.get_ref(), &mut events);
                read.map_err(io::Error::from)
            };
            match ready.try_io(read) {
                Ok(read) => return read.map(|_| ()),
                Err(_not_yet) => {}
            }
        }
    }

    /// The names in each directory now.
    #[must_use]
    pub fn names(&self) -> BTreeMap<String, BTreeSet<String>> {
        let names = |directory: &String| {
            let entries = std::fs::read_dir(self.root.join(directory));
            let entries = entries.into_iter().flatten().flatten().take(NAMES_MAX);
            entries
                .filter_map(|entry| entry.file_name().into_string().ok())
                .collect()
        };
        let all = self.followed.keys();
        all.map(|directory| (directory.clone(), names(directory)))
            .filter(|(_, names): &(String, BTreeSet<String>)| !names.is_empty())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_come_and_go_are_told() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("pause");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut flags = FlagFiles::open(&root).unwrap();
            let me = rustix::process::geteuid().as_raw();
            let wanted = BTreeMap::from([("web".to_string(), Some(me))]);
            assert!(flags.follow(&wanted).is_empty());
            assert!(flags.names().is_empty());
            std::fs::write(root.join("web/all"), "").unwrap();
            flags.changed().await.unwrap();
            assert_eq!(
                flags.names(),
                BTreeMap::from([("web".to_string(), BTreeSet::from(["all".to_string()]))])
            );
            std::fs::remove_file(root.join("web/all")).unwrap();
            flags.changed().await.unwrap();
            assert!(flags.names().is_empty());
            assert!(flags.follow(&BTreeMap::new()).is_empty());
            assert!(!root.join("web").exists());
        });
    }
}
