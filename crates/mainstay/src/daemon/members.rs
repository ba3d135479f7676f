//! The last known members and spec, kept beside the log: enough to reach the others
//! before anything of the log has been applied.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use model::{NodeId, NodeName};
use serde::{Deserialize, Serialize};

/// The file, in the state directory.
const FILE: &str = "members.json";

/// One member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its number.
    pub id: NodeId,
    /// Its name.
    pub name: NodeName,
    /// Its public key.
    pub key: [u8; 32],
}

/// What was known last. A hint: the log decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The text of the configuration.
    pub source: String,
    /// The members.
    pub members: Vec<Member>,
}

impl Known {
    /// Reads it.
    ///
    /// # Errors
    /// When it is missing or unreadable: `init` and `join` write it.
    pub fn load(state_dir: &Path) -> io::Result<Self> {
        let bytes = fs::read(state_dir.join(FILE))?;
        serde_json::from_slice(&bytes).map_err(io::Error::other)
    }

    /// Replaces it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn store(&self, state_dir: &Path) -> io::Result<()> {
        let bytes = serde_json::to_vec_pretty(self)?;
        let new = state_dir.join(format!("{FILE}.new"));
        // The configuration may hold passwords of fence devices.
        let mut options = fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(new, state_dir.join(FILE))
    }
}
