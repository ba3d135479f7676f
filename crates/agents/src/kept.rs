//! What is kept of what resources printed: read, followed, and given up when it is old.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use host::files::FilesWatch;
use model::operation::ResourceAddress;
use model::{ResourceName, ServiceName};

use crate::log::{Entry, Log, Place};

/// A burst of lines is told at once.
const BURST: Duration = Duration::from_millis(20);

/// The files of one service. Reading them may wait for a disk.
#[derive(Debug, Clone)]
pub struct Kept {
    log_dir: PathBuf,
    service: ServiceName,
}

impl Kept {
    pub(crate) fn new(log_dir: &Path, service: &ServiceName) -> Self {
        Self {
            log_dir: log_dir.to_owned(),
            service: service.clone(),
        }
    }

    fn directory(&self) -> PathBuf {
        self.log_dir.join(self.service.as_str())
    }

    fn log(&self, resource: &ResourceName) -> Log {
        let address = ResourceAddress {
            service: self.service.clone(),
            resource: resource.clone(),
        };
        Log::new(&self.log_dir, &address)
    }

    /// The resources of which something is kept, also of those that are no longer configured.
    #[must_use]
    pub fn resources(&self) -> BTreeSet<ResourceName> {
        let Ok(files) = std::fs::read_dir(self.directory()) else {
            return BTreeSet::new();
        };
        let names = files.flatten().filter_map(|file| {
            let name = file.file_name().into_string().ok()?;
            let name = name.strip_suffix(".log").or(name.strip_suffix(".out"))?;
            ResourceName::new(name).ok()
        });
        names.collect()
    }

    /// What is kept of a resource, oldest first, and where that ends.
    #[must_use]
    pub fn entries(&self, resource: &ResourceName) -> (Vec<Entry>, Place) {
        self.log(resource).entries()
    }

    /// What was written after a place.
    #[must_use]
    pub fn news(&self, resource: &ResourceName, place: Place) -> (Vec<Entry>, Place) {
        self.log(resource).news(place)
    }

    /// Watches the files from now on. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When they cannot be watched.
    pub fn watch(&self) -> std::io::Result<Following> {
        std::fs::create_dir_all(self.directory())?;
        let files = FilesWatch::open(&self.directory())?;
        Ok(Following { files })
    }
}

/// Files that are watched.
pub struct Following {
    files: FilesWatch,
}

impl Following {
    /// Waits until something is written, and a moment longer for what comes with it.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub async fn changed(&mut self) -> std::io::Result<()> {
        self.files.changed().await?;
        tokio::time::sleep(BURST).await;
        Ok(())
    }
}

/// Removes what services printed that are no longer known, once it is older than `kept_for`.
pub(crate) fn sweep(log_dir: &Path, known: &BTreeSet<ServiceName>, kept_for: Duration) {
    let Ok(directories) = std::fs::read_dir(log_dir) else {
        return;
    };
    for directory in directories.flatten() {
        let is_directory = directory.file_type().is_ok_and(|kind| kind.is_dir());
        let name = directory.file_name().into_string().ok();
        let service = name.and_then(|name| ServiceName::new(name).ok());
        let is_unknown = service.is_some_and(|service| !known.contains(&service));
        // What was only looked for on this node has printed nothing.
        let was_empty = || std::fs::remove_dir(directory.path()).is_ok();
        if is_directory && is_unknown && !was_empty() && is_older(&directory.path(), kept_for) {
            match std::fs::remove_dir_all(directory.path()) {
                Ok(()) => tracing::info!(
                    "{} is removed: older than {kept_for:?}, and of no service",
                    directory.path().display()
                ),
                Err(error) => {
                    tracing::warn!("cannot remove {}: {error}", directory.path().display());
                }
            }
        }
    }
}

/// Whether nothing was written into any file of a directory for so long.
fn is_older(directory: &Path, span: Duration) -> bool {
    let now = SystemTime::now();
    let Ok(files) = std::fs::read_dir(directory) else {
        return false;
    };
    files.flatten().all(|file| {
        let written = file.metadata().and_then(|data| data.modified());
        written.is_ok_and(|at| now.duration_since(at).is_ok_and(|age| span <= age))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ServiceName {
        ServiceName::new(text).unwrap()
    }

    #[test]
    fn what_an_unknown_service_printed_goes_when_it_is_old_and_nothing_else_does() {
        let directory = tempfile::tempdir().unwrap();
        let age = |service: &str, hours: u64| {
            let path = directory.path().join(service);
            std::fs::create_dir_all(&path).unwrap();
            let file = std::fs::File::create(path.join("web.log")).unwrap();
            let at = SystemTime::now() - Duration::from_secs(hours * 3600);
            file.set_modified(at).unwrap();
        };
        age("old", 25);
        age("new", 1);
        age("known", 25);
        std::fs::create_dir_all(directory.path().join("empty")).unwrap();
        sweep(
            directory.path(),
            &BTreeSet::from([name("known")]),
            Duration::from_secs(24 * 3600),
        );
        let left = |service: &str| directory.path().join(service).exists();
        assert!(!left("old") && left("new") && left("known") && !left("empty"));
        assert_eq!(
            Kept::new(directory.path(), &name("new")).resources(),
            BTreeSet::from([ResourceName::new("web").unwrap()])
        );
    }
}
