//! What this node started, written down so that a later run of the daemon finds it again.
//!
//! One JSON file per resource, `RUN_DIR/resources/SERVICE/RESOURCE.json`, replaced
//! atomically. The directory vanishes with the boot; the boot id inside guards against a
//! directory that does not. A record is a hint where to look, never a proof that something
//! runs: that is asked of the system.

use std::io;
use std::path::{Path, PathBuf};

use model::operation::ResourceAddress;
use model::spec::ResourceSpec;
use model::{BootId, ClaimEpoch};
use serde::{Deserialize, Serialize};

/// What is written down about one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Which resource.
    pub address: ResourceAddress,
    /// As it was started.
    pub spec: ResourceSpec,
    /// Under which claim.
    pub epoch: ClaimEpoch,
    /// In which boot.
    pub boot: BootId,
    /// What is known of it by now.
    pub trace: Trace,
}

/// What is known of something that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trace {
    /// It was about to be started. Whether it was, only the system can tell.
    Intended,
    /// A process with this number and start time (clock ticks since boot).
    Process {
        /// Its number.
        pid: i32,
        /// Its start time, which tells it from a later one with the same number.
        started: u64,
    },
    /// It is up, and the system itself shows where.
    Up,
}

/// The directory of records.
#[derive(Debug, Clone)]
pub(crate) struct Records {
    dir: PathBuf,
    boot: BootId,
}

impl Records {
    pub(crate) fn new(run_dir: &Path, boot: BootId) -> Self {
        let dir = run_dir.join("resources");
        Self { dir, boot }
    }

    fn path(&self, address: &ResourceAddress) -> PathBuf {
        self.dir
            .join(address.service.as_str())
            .join(format!("{}.json", address.resource))
    }

    pub(crate) fn boot(&self) -> BootId {
        self.boot
    }

    /// Replaces the record of one resource. Without fsync: it need not survive a boot, and
    /// the kernel keeps the page when this process dies.
    pub(crate) fn write(&self, record: &Record) -> io::Result<()> {
        let path = self.path(&record.address);
        let parent = path
            .parent()
            .expect("a record lies in its service's directory");
        std::fs::create_dir_all(parent)?;
        let text = serde_json::to_vec(record).map_err(io::Error::other)?;
        let new = path.with_extension("json.new");
        std::fs::write(&new, text)?;
        std::fs::rename(&new, &path)
    }

    /// The record of one resource in this boot. Damaged ones and those of an earlier boot
    /// count as none.
    pub(crate) fn read(&self, address: &ResourceAddress) -> Option<Record> {
        self.read_path(&self.path(address))
            .filter(|record| record.address == *address)
    }

    fn read_path(&self, path: &Path) -> Option<Record> {
        let bytes = std::fs::read(path).ok()?;
        let record: Record = serde_json::from_slice(&bytes).ok()?;
        (record.boot == self.boot).then_some(record)
    }

    pub(crate) fn remove(&self, address: &ResourceAddress) -> io::Result<()> {
        match std::fs::remove_file(self.path(address)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// All records of this boot, sorted by service and resource.
    pub(crate) fn all(&self) -> Vec<Record> {
        let mut records: Vec<Record> = entries(&self.dir)
            .iter()
            .flat_map(|service| entries(service))
            .filter(|path| path.extension().is_some_and(|end| end == "json"))
            .filter_map(|path| self.read_path(&path))
            .collect();
        records.sort_by(|a, b| a.address.cmp(&b.address));
        records
    }
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    entries.flatten().map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::spec::{FsckPolicy, Limits, MountSource, MountSpec, ResourceKind};
    use model::{ResourceName, ServiceName};

    fn record(resource: &str, boot: BootId) -> Record {
        let name = ResourceName::new(resource).unwrap();
        let mount = MountSpec {
            source: MountSource::Bind {
                path: "/a".to_owned(),
            },
            target: "/b".to_owned(),
            options: Vec::new(),
            check: FsckPolicy::Never,
        };
        Record {
            address: ResourceAddress {
                service: ServiceName::new("web").unwrap(),
                resource: name.clone(),
            },
            spec: ResourceSpec {
                name,
                kind: ResourceKind::Mount(mount),
                limits: Limits::default(),
            },
            epoch: ClaimEpoch(7),
            boot,
            trace: Trace::Process {
                pid: 42,
                started: 4711,
            },
        }
    }

    #[test]
    fn a_record_is_replaced_read_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let boot = BootId([1; 16]);
        let records = Records::new(dir.path(), boot);
        let (one, two) = (record("mount-1", boot), record("mount-2", boot));
        let intended = Record {
            trace: Trace::Intended,
            ..one.clone()
        };
        for record in [&two, &intended, &one] {
            records.write(record).unwrap();
        }
        assert_eq!(records.all(), [one.clone(), two.clone()]);
        assert_eq!(records.read(&one.address), Some(one.clone()));
        records.remove(&one.address).unwrap();
        records.remove(&one.address).unwrap();
        assert_eq!(records.all(), [two]);
    }

    #[test]
    fn records_of_another_boot_and_damaged_ones_count_for_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let older = Records::new(dir.path(), BootId([1; 16]));
        older.write(&record("mount-1", BootId([1; 16]))).unwrap();
        let records = Records::new(dir.path(), BootId([2; 16]));
        std::fs::write(dir.path().join("resources/web/mount-2.json"), "{").unwrap();
        assert_eq!(records.all(), []);
    }
}
