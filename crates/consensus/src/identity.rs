//! Who this node is: the files of its state directory that never change after `init` or
//! `join`, but for one counter.
//!
//! ```text
//!   <state>/node.key      its own key            0600
//!   <state>/cluster.key   the shared secret      0600
//!   <state>/log/          the log
//!   <state>/node.json     who it is; written last: when it is there, all is there
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use model::{Lineage, NodeId, NodeName};
use raft::Restored;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde::{Deserialize, Serialize};
use wire::peer::ClusterId;
use wire::raft::Configuration;

use crate::durable;
use crate::join::JoinReply;
use crate::keys::{ClusterKey, KeyError, NodeKey, random_bytes};
use crate::log::{Log, LogError};

/// The file with the node's own key.
pub const NODE_KEY_FILE: &str = "node.key";
/// The file with the shared secret.
pub const CLUSTER_KEY_FILE: &str = "cluster.key";
/// The file that says who the node is.
pub const IDENTITY_FILE: &str = "node.json";
/// The directory of the log.
pub const LOG_DIRECTORY: &str = "log";

/// An empty log that is about to replace the log; never used where it stands.
const NEXT_LOG_DIRECTORY: &str = "log-next";

/// `node.json` holds nothing secret.
const IDENTITY_MODE: u32 = 0o644;

/// The number of the node that runs `init`.
const FIRST_NODE: NodeId = NodeId(1);

/// Who this node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The cluster's name.
    pub cluster: String,
    /// The cluster's identity.
    pub cluster_id: ClusterId,
    /// The node's name.
    pub name: NodeName,
    /// The node's number.
    pub id: NodeId,
    /// How many times its daemon has started; heartbeats of two runs are told apart by it.
    pub incarnation: u64,
}

/// Why a state directory cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// There is a node here already.
    #[error("{0} belongs to a member already; `mainstay leave` first, or name another directory")]
    Exists(PathBuf),
    /// There is none.
    #[error("{0} does not belong to a member yet; run `mainstay init` or `mainstay join`")]
    Absent(PathBuf),
    /// A file cannot be read or written.
    #[error("cannot {doing} {path}")]
    File {
        /// `read`, `write` or `make`.
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// `node.json` is there but makes no sense.
    #[error("{path} cannot be understood; restore it from a backup")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// The complaint.
        #[source]
        source: serde_json::Error,
    },
    /// A key.
    #[error("cannot use the keys of this node")]
    Key(#[from] KeyError),
    /// The first log.
    #[error("cannot make the log")]
    Log(#[from] LogError),
}

impl Identity {
    /// Reads who this node is.
    ///
    /// # Errors
    /// `Absent` when it is no member yet; else what is wrong with the file.
    pub fn load(state: &Path) -> Result<Self, IdentityError> {
        let path = state.join(IDENTITY_FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(IdentityError::Absent(state.to_owned()));
            }
            Err(source) => {
                return Err(IdentityError::File {
                    doing: "read",
                    path,
                    source,
                });
            }
        };
        serde_json::from_slice(&bytes).map_err(|source| IdentityError::Damaged { path, source })
    }

    /// For each start of the daemon: reads who this node is, counts the start, and has the
    /// new count on disk before it returns.
    ///
    /// # Errors
    /// As [`Identity::load`], and when the file cannot be written.
    pub fn begin_incarnation(state: &Path) -> Result<Self, IdentityError> {
        let mut identity = Self::load(state)?;
        identity.incarnation += 1;
        identity.store(state)?;
        Ok(identity)
    }

    fn store(&self, state: &Path) -> Result<(), IdentityError> {
        let path = state.join(IDENTITY_FILE);
        let text = serde_json::to_vec_pretty(self).expect("plain data");
        durable::replace(&path, &text, IDENTITY_MODE).map_err(|source| IdentityError::File {
            doing: "write",
            path,
            source,
        })
    }
}

/// What `init` made.
#[derive(Debug, Clone)]
pub struct NewMember {
    /// Who the node is.
    pub identity: Identity,
    /// Its key.
    pub key: NodeKey,
    /// The secret of the new cluster.
    pub cluster_key: ClusterKey,
}

/// Makes a new cluster with this node as its only voter: keys, the first log (one entry that
/// names the voter, in a new lineage), and last `node.json`. A directory in which an earlier
/// attempt was interrupted is used again.
///
/// # Errors
/// When the directory belongs to a member, or a file cannot be made.
pub fn initialise(
    state: &Path,
    cluster: &str,
    name: &NodeName,
) -> Result<NewMember, IdentityError> {
    let key = prepare(state)?;
    let cluster_key = ClusterKey::generate()?;
    cluster_key.store(&state.join(CLUSTER_KEY_FILE))?;
    let random = u64::from_le_bytes(random_bytes()?);
    let lineage = Lineage {
        generation: 1,
        maker: FIRST_NODE,
        random,
    };
    let voters = Configuration::of_voters([FIRST_NODE]);
    Log::create(
        &state.join(LOG_DIRECTORY),
        &Restored::bootstrap(lineage, voters),
    )?;
    let identity = Identity {
        cluster: cluster.to_owned(),
        cluster_id: ClusterId(random_bytes()?),
        name: name.clone(),
        id: FIRST_NODE,
        incarnation: 0,
    };
    identity.store(state)?;
    Ok(NewMember {
        identity,
        key,
        cluster_key,
    })
}

/// Makes the directory if need be and gives the node's key in it, a new one when there is
/// none. A joiner calls it before it asks, so that an interrupted join can be repeated with
/// the same key.
///
/// # Errors
/// When the directory belongs to a member, or a file cannot be made.
pub fn prepare(state: &Path) -> Result<NodeKey, IdentityError> {
    fs::create_dir_all(state).map_err(|source| IdentityError::File {
        doing: "make",
        path: state.to_owned(),
        source,
    })?;
    if state.join(IDENTITY_FILE).exists() {
        return Err(IdentityError::Exists(state.to_owned()));
    }
    let path = state.join(NODE_KEY_FILE);
    if path.exists() {
        return Ok(NodeKey::load(&path)?);
    }
    let key = NodeKey::generate()?;
    key.store(&path)?;
    Ok(key)
}

/// Keeps what a join brought: the shared secret, an empty log of the cluster's lineage (the
/// members come to it from the leader), and last `node.json`.
///
/// # Errors
/// When a file cannot be made.
pub fn store_joined(
    state: &Path,
    name: &NodeName,
    reply: &JoinReply,
) -> Result<Identity, IdentityError> {
    reply.cluster_key.store(&state.join(CLUSTER_KEY_FILE))?;
    Log::create(&state.join(LOG_DIRECTORY), &Restored::empty(reply.lineage))?;
    let identity = Identity {
        cluster: reply.cluster.clone(),
        cluster_id: reply.cluster_id,
        name: name.clone(),
        id: reply.id,
        incarnation: 0,
    };
    identity.store(state)?;
    Ok(identity)
}

/// Replaces the log by an empty one of another lineage, atomically, and keeps the old one
/// aside for a person: the node has met a history that its own lost against. The new one keeps
/// term and vote of the old one, so that the node votes once in a term. No log may be open in
/// `state`. Returns where the old one is.
///
/// # Errors
/// When a daemon has the log, or a file cannot be made or renamed.
pub fn set_log_aside(state: &Path, lineage: Lineage) -> Result<PathBuf, IdentityError> {
    let log = state.join(LOG_DIRECTORY);
    let next = state.join(NEXT_LOG_DIRECTORY);
    keep_set_aside(state)?;
    let aside = free_name(state);
    let refused = |source| IdentityError::File {
        doing: "set aside",
        path: log.clone(),
        source,
    };
    let (held, old) = Log::open(&log)?;
    let restored = Restored::rejoin(lineage, &old.restored.hard_state);
    Log::create(&next, &restored)?;
    let exchange = renameat_with(CWD, &next, CWD, &log, RenameFlags::EXCHANGE);
    exchange.map_err(|error| refused(error.into()))?;
    fs::rename(&next, &aside).map_err(refused)?;
    durable::sync_directory(state).map_err(refused)?;
    drop(held);
    Ok(aside)
}

/// Ends what a loss of power has interrupted in [`set_log_aside`]: an old log that has been
/// replaced, and has not got its name yet, gets it. Call it before the log is opened. Returns
/// where such a log is now.
///
/// # Errors
/// When a file cannot be read or renamed.
pub fn keep_set_aside(state: &Path) -> Result<Option<PathBuf>, IdentityError> {
    let next = state.join(NEXT_LOG_DIRECTORY);
    let refused = |source| IdentityError::File {
        doing: "keep",
        path: next.clone(),
        source,
    };
    if !next.try_exists().map_err(refused)? || is_empty_log(&next) {
        return Ok(None);
    }
    let aside = free_name(state);
    fs::rename(&next, &aside).map_err(refused)?;
    durable::sync_directory(state).map_err(refused)?;
    Ok(Some(aside))
}

/// What was made to replace a log holds no entries, or is not whole. All else is kept.
fn is_empty_log(path: &Path) -> bool {
    // One that cannot be read may hold something.
    Log::open(path).is_ok_and(|(_, recovered)| {
        let restored = recovered.restored;
        restored.entries.is_empty() && restored.snapshot.is_none()
    })
}

/// `log-aside-1`, or the first higher number that is free.
fn free_name(state: &Path) -> PathBuf {
    let name = |number: u32| state.join(format!("{LOG_DIRECTORY}-aside-{number}"));
    (1..)
        .map(name)
        .find(|path| !path.exists())
        .expect("no directory holds so many")
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::raft::{HardState, Pledge};

    #[test]
    fn a_new_cluster_has_this_node_as_its_only_voter() {
        let directory = tempfile::tempdir().unwrap();
        let name = NodeName::new("alpha").unwrap();
        let made = initialise(directory.path(), "shop", &name).unwrap();
        let (log, recovered) = Log::open(&directory.path().join(LOG_DIRECTORY)).unwrap();
        drop(log);
        let restored = recovered.restored;
        assert_eq!(restored.hard_state.lineage.maker, made.identity.id);
        assert_eq!(restored.hard_state.lineage.generation, 1);
        assert_eq!(restored.entries.len(), 1);
        let again = initialise(directory.path(), "shop", &name);
        assert!(matches!(again, Err(IdentityError::Exists(_))));
    }

    #[test]
    fn each_start_of_the_daemon_is_counted() {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path();
        assert!(matches!(
            Identity::begin_incarnation(state),
            Err(IdentityError::Absent(_))
        ));
        let made = initialise(state, "shop", &NodeName::new("alpha").unwrap()).unwrap();
        assert_eq!(Identity::begin_incarnation(state).unwrap().incarnation, 1);
        let second = Identity::begin_incarnation(state).unwrap();
        assert_eq!(
            second,
            Identity {
                incarnation: 2,
                ..made.identity
            }
        );
    }

    #[test]
    fn a_log_that_lost_is_kept_aside_and_an_empty_one_takes_its_place() {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path();
        let made = initialise(state, "shop", &NodeName::new("alpha").unwrap()).unwrap();
        let other = Lineage {
            generation: 2,
            maker: NodeId(2),
            random: 7,
        };
        let (mut open, before) = Log::open(&state.join(LOG_DIRECTORY)).unwrap();
        let hard_state = HardState {
            term: 5,
            vote: Some(NodeId(3)),
            pledge: Some(Pledge::default()),
            ..before.restored.hard_state
        };
        let order = raft::Persist {
            hard_state: Some(hard_state),
            ..raft::Persist::default()
        };
        open.write(order).unwrap();
        open.sync().unwrap();
        let refused = set_log_aside(state, other);
        assert!(
            matches!(refused, Err(IdentityError::Log(LogError::Locked(_)))),
            "{refused:?}"
        );
        drop(open);
        for number in 1..=2 {
            let aside = set_log_aside(state, other).unwrap();
            assert_eq!(aside, state.join(format!("log-aside-{number}")));
        }
        let (_, recovered) = Log::open(&state.join(LOG_DIRECTORY)).unwrap();
        let wanted = HardState {
            term: 5,
            vote: Some(NodeId(3)),
            lineage: other,
            ..HardState::default()
        };
        assert_eq!(recovered.restored.hard_state, wanted);
        assert_eq!(recovered.restored.entries, []);
        let (_, old) = Log::open(&state.join("log-aside-1")).unwrap();
        assert_eq!(old.restored.hard_state.lineage.maker, made.identity.id);
        assert_eq!(old.restored.entries.len(), 1);
    }

    #[test]
    fn an_old_log_is_kept_wherever_the_power_fails_while_it_is_set_aside() {
        // After so many steps: nothing, the new log begun, made, exchanged, renamed.
        for steps in 0..=4 {
            let directory = tempfile::tempdir().unwrap();
            let state = directory.path();
            initialise(state, "shop", &NodeName::new("alpha").unwrap()).unwrap();
            let (log, next) = (state.join(LOG_DIRECTORY), state.join(NEXT_LOG_DIRECTORY));
            let other = Lineage {
                generation: 2,
                maker: NodeId(2),
                random: 7,
            };
            if 1 <= steps {
                fs::create_dir(&next).unwrap();
            }
            if 2 <= steps {
                Log::create(&next, &Restored::empty(other)).unwrap();
            }
            if 3 <= steps {
                renameat_with(CWD, &next, CWD, &log, RenameFlags::EXCHANGE).unwrap();
            }
            if 4 <= steps {
                fs::rename(&next, state.join("log-aside-1")).unwrap();
            }
            let kept = keep_set_aside(state).unwrap();
            assert_eq!(kept.is_some(), steps == 3, "{steps}");
            assert_eq!(keep_set_aside(state).unwrap(), None, "{steps}");
            // Another history comes: what was kept stays.
            set_log_aside(state, other).unwrap();
            let (_, old) = Log::open(&state.join("log-aside-1")).unwrap();
            assert_eq!(old.restored.entries.len(), 1, "{steps}");
            assert_eq!(old.restored.hard_state.lineage.generation, 1, "{steps}");
        }
    }

    #[test]
    fn an_interrupted_init_is_repeated_with_the_same_key() {
        let directory = tempfile::tempdir().unwrap();
        let name = NodeName::new("alpha").unwrap();
        let first = initialise(directory.path(), "shop", &name).unwrap();
        fs::remove_file(directory.path().join(IDENTITY_FILE)).unwrap();
        let second = initialise(directory.path(), "shop", &name).unwrap();
        assert_eq!(first.key.public(), second.key.public());
    }
}
