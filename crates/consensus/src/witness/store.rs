//! What a witness keeps.
//!
//! ```text
//!   <dir>/lock                   one process at a time
//!   <dir>/witness.key            its own key                      0600
//!   <dir>/listen                 where it listened last, for tokens
//!   <dir>/tokens/DIGEST          until when a token is good
//!   <dir>/clusters/ID.json       a cluster: its key, its grants   0600
//! ```
//!
//! Each file is replaced as a whole and synced before the call returns. Grants are never
//! deleted: a cluster that is forgotten keeps its file, so that its votes still count when it
//! is taken in again.

use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use model::WallTime;
use quorum::arbiter::Record;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use wire::peer::ClusterId;
use wire::witness::seal::WitnessKey;

use super::token::WitnessToken;
use crate::durable;
use crate::keys::{KeyError, NodeKey};

/// The version of a cluster's file that this program writes.
pub const CLUSTER_FILE_VERSION: u32 = 1;

/// Clusters that one witness takes in. Each costs a few kilobytes; a thousand of 64 nodes
/// would send it more than a hundred thousand datagrams a second, which is more than one
/// thread bears.
pub const CLUSTERS_MAX: usize = 1000;

/// The longest file that is read: 8 grants and a few names are a few kilobytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;

const KEY_FILE: &str = "witness.key";
const LISTEN_FILE: &str = "listen";
const LOCK_FILE: &str = "lock";
const PUBLIC_MODE: u32 = 0o644;

/// Why a witness's directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it.
    #[error("another witness runs on {}", .0.display())]
    Locked(PathBuf),
    /// A file cannot be read or written.
    #[error("cannot {doing} {}", path.display())]
    File {
        /// `read`, `write` or `make`.
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is there and makes no sense. To go on without it would be to vote twice.
    #[error("{} cannot be understood ({why}); restore it, or remove the witness from its cluster and add it anew", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// How.
        why: String,
    },
    /// The key.
    #[error("the key of the witness cannot be used")]
    Key(#[from] KeyError),
    /// No more clusters.
    #[error("this witness has {CLUSTERS_MAX} clusters already")]
    Full,
}

/// Whether a cluster is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It is answered.
    Served,
    /// A person took it out; its grants are kept.
    Forgotten,
}

/// A cluster as the witness keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterFile {
    /// [`CLUSTER_FILE_VERSION`] of the program that wrote it.
    pub version: u32,
    /// Which cluster.
    pub cluster: ClusterId,
    /// Its name, for people.
    pub name: String,
    /// Made by the cluster for this witness.
    pub key: [u8; 32],
    /// Since when.
    pub since: WallTime,
    /// Whether it is served.
    pub standing: Standing,
    /// The votes.
    pub record: Record,
}

impl ClusterFile {
    /// The shared key.
    #[must_use]
    pub fn witness_key(&self) -> WitnessKey {
        WitnessKey(self.key)
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let file: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if file.version != CLUSTER_FILE_VERSION {
            let found = file.version;
            return Err(format!(
                "it has version {found}, this program knows {CLUSTER_FILE_VERSION}"
            ));
        }
        quorum::arbiter::Arbiter::new(file.record.clone()).map_err(|error| error.to_string())?;
        Ok(file)
    }
}

/// The directory of a witness.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
}

/// Held by the process that serves; its end gives it back.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::File {
        doing,
        path,
        source,
    }
}

fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), StoreError> {
    durable::replace(path, bytes, mode).map_err(failed("write", path))
}

impl Store {
    /// Makes the directory where it is not there yet. Nobody else may look into it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        use std::os::unix::fs::DirBuilderExt;
        let store = Self {
            dir: dir.to_owned(),
        };
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        for path in [dir.to_owned(), store.clusters_dir(), store.tokens_dir()] {
            builder.create(&path).map_err(failed("make", &path))?;
            // What a process that was killed had renamed and not synced counts from now on.
            durable::sync_directory(&path).map_err(failed("write", &path))?;
        }
        durable::sync_directory(dir).map_err(failed("write", dir))?;
        Ok(store)
    }

    /// Where it is.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn clusters_dir(&self) -> PathBuf {
        self.dir.join("clusters")
    }

    fn tokens_dir(&self) -> PathBuf {
        self.dir.join("tokens")
    }

    fn cluster_path(&self, cluster: ClusterId) -> PathBuf {
        self.clusters_dir().join(format!("{cluster}.json"))
    }

    /// Keeps other processes away.
    ///
    /// # Errors
    /// When another one has it.
    pub fn lock(&self) -> Result<Lock, StoreError> {
        let path = self.dir.join(LOCK_FILE);
        let file = File::create(&path).map_err(failed("make", &path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Lock { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(StoreError::Locked(self.dir.clone())),
            Err(error) => Err(failed("lock", &path)(error.into())),
        }
    }

    /// The witness's own key; made when there is none.
    ///
    /// # Errors
    /// When it cannot be read or made.
    pub fn key(&self) -> Result<NodeKey, StoreError> {
        let path = self.dir.join(KEY_FILE);
        if path.exists() {
            return Ok(NodeKey::load(&path)?);
        }
        let key = NodeKey::generate()?;
        key.store(&path)?;
        Ok(key)
    }

    /// Remembers where the witness listens.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn set_listen(&self, address: SocketAddr) -> Result<(), StoreError> {
        let path = self.dir.join(LISTEN_FILE);
        replace(&path, address.to_string().as_bytes(), PUBLIC_MODE)
    }

    /// Where the witness listened last; none before its first run.
    #[must_use]
    pub fn listen(&self) -> Option<SocketAddr> {
        let text = fs::read_to_string(self.dir.join(LISTEN_FILE)).ok()?;
        text.trim().parse().ok()
    }

    /// Makes a token count.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add_token(&self, token: &WitnessToken) -> Result<(), StoreError> {
        let path = self.tokens_dir().join(token.0.digest());
        let until = token.0.expires.0.to_string();
        replace(&path, until.as_bytes(), durable::SECRET_MODE)
    }

    /// Whether a token with this digest is good now. One that is too old is removed.
    #[must_use]
    pub fn is_good(&self, digest: &str, now: WallTime) -> bool {
        let path = self.tokens_dir().join(digest);
        let Ok(text) = fs::read_to_string(&path) else {
            return false;
        };
        let until = text.trim().parse().map_or(WallTime(0), WallTime);
        if until < now {
            // It is void whether or not its file goes.
            let _ = fs::remove_file(&path);
        }
        now <= until
    }

    /// Uses a token up.
    ///
    /// # Errors
    /// When its file cannot be removed.
    pub fn use_up(&self, digest: &str) -> Result<(), StoreError> {
        let path = self.tokens_dir().join(digest);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove", &path)(error))
            }
            Ok(()) | Err(_) => durable::sync_directory(&self.tokens_dir())
                .map_err(failed("write", &self.tokens_dir())),
        }
    }

    /// Writes what is known of a cluster. It is durable when this returns.
    ///
    /// # Errors
    /// When it is not.
    pub fn write(&self, cluster: &ClusterFile) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec_pretty(cluster).expect("plain data");
        replace(
            &self.cluster_path(cluster.cluster),
            &bytes,
            durable::SECRET_MODE,
        )
    }

    /// Reads what is known of a cluster.
    ///
    /// # Errors
    /// When it cannot be read, or makes no sense.
    pub fn read(&self, cluster: ClusterId) -> Result<ClusterFile, StoreError> {
        let path = self.cluster_path(cluster);
        let file = read_cluster(&path)?;
        if file.cluster != cluster {
            let why = format!("it is of cluster {}", file.cluster);
            return Err(StoreError::Damaged { path, why });
        }
        Ok(file)
    }

    /// All clusters, in the order of their names on disk.
    ///
    /// # Errors
    /// When one cannot be read: a witness that does not know all of its votes serves nobody.
    pub fn clusters(&self) -> Result<Vec<ClusterFile>, StoreError> {
        let dir = self.clusters_dir();
        let mut paths: Vec<PathBuf> = fs::read_dir(&dir)
            .and_then(|entries| entries.map(|entry| entry.map(|e| e.path())).collect())
            .map_err(failed("read", &dir))?;
        // Half-written files of an interrupted write have another ending.
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
        paths.sort();
        if CLUSTERS_MAX < paths.len() {
            return Err(StoreError::Full);
        }
        paths.iter().map(|path| read_cluster(path)).collect()
    }
}

fn read_cluster(path: &Path) -> Result<ClusterFile, StoreError> {
    let damaged = |why| StoreError::Damaged {
        path: path.to_owned(),
        why,
    };
    let length = fs::metadata(path).map_err(failed("read", path))?.len();
    if FILE_BYTES_MAX < length {
        return Err(damaged(format!("it has {length} bytes")));
    }
    let bytes = fs::read(path).map_err(failed("read", path))?;
    ClusterFile::decode(&bytes).map_err(damaged)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::keys::Fingerprint;
    use crate::token::Token;

    fn file(number: u8) -> ClusterFile {
        ClusterFile {
            version: CLUSTER_FILE_VERSION,
            cluster: ClusterId([number; 16]),
            name: "shop".to_owned(),
            key: [number; 32],
            since: WallTime(7),
            standing: Standing::Served,
            record: Record::default(),
        }
    }

    #[test]
    fn clusters_are_read_as_they_were_written() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        store.write(&file(2)).unwrap();
        store.write(&file(1)).unwrap();
        fs::write(store.clusters_dir().join("x.json.new"), "half").unwrap();
        assert_eq!(store.clusters().unwrap(), [file(1), file(2)]);
        assert_eq!(store.read(ClusterId([1; 16])).unwrap(), file(1));
    }

    #[test]
    fn a_witness_that_cannot_read_one_of_its_votes_serves_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        store.write(&file(1)).unwrap();
        fs::write(store.cluster_path(ClusterId([2; 16])), "{}").unwrap();
        let told = store.clusters().unwrap_err().to_string();
        assert!(told.contains("cannot be understood"), "{told}");
    }

    #[test]
    fn a_directory_has_one_process_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let held = store.lock().unwrap();
        assert!(matches!(store.lock(), Err(StoreError::Locked(_))));
        drop(held);
        assert!(store.lock().is_ok());
    }

    #[test]
    fn a_token_is_good_once_and_until_its_time() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let token = Token::generate(Vec::new(), Fingerprint([1; 32]), WallTime(100)).unwrap();
        let digest = token.digest();
        assert!(!store.is_good(&digest, WallTime(1)));
        store.add_token(&WitnessToken(token.clone())).unwrap();
        assert!(store.is_good(&digest, WallTime(100)));
        store.use_up(&digest).unwrap();
        assert!(!store.is_good(&digest, WallTime(100)));
        store.add_token(&WitnessToken(token)).unwrap();
        assert!(!store.is_good(&digest, WallTime(101)));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_no_file_of_a_cluster(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(ClusterFile::decode(&bytes).is_err());
        }

        #[test]
        fn a_file_with_one_byte_changed_is_read_or_refused(at in 0_usize..4096, byte in any::<u8>()) {
            let mut bytes = serde_json::to_vec(&file(1)).unwrap();
            let at = at % bytes.len();
            bytes[at] = byte;
            // No panic is all that is asked: a byte of a name may well be another one.
            let _ = ClusterFile::decode(&bytes);
        }
    }
}
