//! The secrets of a node: its own key (Ed25519, proves who it is to peers) and the key of
//! the cluster (shared, seals heartbeats).
//!
//! Neither is ever printed; files that hold them are readable by the owner alone.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::durable;

/// Bytes of an Ed25519 public key.
pub const PUBLIC_KEY_BYTES: usize = 32;

/// Why a key cannot be made, read or kept.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The machine gave no random bytes.
    #[error("no random bytes for a new key")]
    Random,
    /// The file cannot be read or written.
    #[error("cannot {doing} {path}")]
    File {
        /// `read` or `write`.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is there but holds something else.
    #[error("{path} is not {what}; restore it from a backup, or let the node join anew")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What it should be.
        what: &'static str,
    },
}

/// Draws random bytes from the system.
///
/// # Errors
/// When the system has none.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| KeyError::Random)?;
    Ok(bytes)
}

/// The SHA-256 hash of a node's public key: short enough to compare by eye.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// That of a public key.
    #[must_use]
    pub fn of(public_key: &[u8; PUBLIC_KEY_BYTES]) -> Self {
        Self(sha256(public_key))
    }
}

impl fmt::Display for Fingerprint {
    /// Eight hexadecimal digits to a group: `5f3a1c2e 00014abc ...`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let space = if 0 < at && at % 4 == 0 { " " } else { "" };
            write!(f, "{space}{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let hash = digest::digest(&digest::SHA256, bytes);
    hash.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// A node's own Ed25519 key pair, as PKCS#8.
#[derive(Clone)]
pub struct NodeKey {
    pkcs8: Vec<u8>,
    public: [u8; PUBLIC_KEY_BYTES],
}

impl NodeKey {
    /// Draws a new one.
    ///
    /// # Errors
    /// When the machine gives no random bytes.
    pub fn generate() -> Result<Self, KeyError> {
        let document =
            Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| KeyError::Random)?;
        Ok(Self::from_pkcs8(document.as_ref()).expect("freshly made"))
    }

    /// Takes one from its PKCS#8 bytes. `None` when they are something else.
    #[must_use]
    pub fn from_pkcs8(pkcs8: &[u8]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).ok()?;
        let public = pair.public_key().as_ref().try_into().ok()?;
        Some(Self {
            pkcs8: pkcs8.to_vec(),
            public,
        })
    }

    /// Reads the key that [`NodeKey::store`] wrote.
    ///
    /// # Errors
    /// When the file cannot be read or holds no key.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let bytes = read(path)?;
        let damaged = || KeyError::Damaged {
            path: path.to_owned(),
            what: "the key of a node",
        };
        Self::from_pkcs8(&bytes).ok_or_else(damaged)
    }

    /// Writes the key, durably, readable by the owner alone.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn store(&self, path: &Path) -> Result<(), KeyError> {
        write(path, &self.pkcs8)
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> [u8; PUBLIC_KEY_BYTES] {
        self.public
    }

    /// The fingerprint of the public half.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.public)
    }

    pub(crate) fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }
}

impl fmt::Debug for NodeKey {
    /// Never shows the secret half.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeKey({})", self.fingerprint())
    }
}

/// The secret that all nodes of a cluster share: 32 random bytes, made at `init`, handed to
/// each joiner inside TLS.
#[derive(Clone, PartialEq, Eq)]
pub struct ClusterKey(pub [u8; 32]);

impl ClusterKey {
    /// Draws a new one.
    ///
    /// # Errors
    /// When the machine gives no random bytes.
    pub fn generate() -> Result<Self, KeyError> {
        random_bytes().map(Self)
    }

    /// Reads the key that [`ClusterKey::store`] wrote.
    ///
    /// # Errors
    /// When the file cannot be read or has not 32 bytes.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let damaged = |_| KeyError::Damaged {
            path: path.to_owned(),
            what: "the cluster's key",
        };
        read(path)?.try_into().map(Self).map_err(damaged)
    }

    /// Writes the key, durably, readable by the owner alone.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn store(&self, path: &Path) -> Result<(), KeyError> {
        write(path, &self.0)
    }

    /// As `wire::seal` takes it.
    #[must_use]
    pub fn for_seal(&self) -> wire::seal::ClusterKey {
        wire::seal::ClusterKey(self.0)
    }
}

impl fmt::Debug for ClusterKey {
    /// Never shows the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterKey(..)")
    }
}

fn read(path: &Path) -> Result<Vec<u8>, KeyError> {
    fs::read(path).map_err(|source| KeyError::File {
        doing: "read",
        path: path.to_owned(),
        source,
    })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    durable::replace(path, bytes, durable::SECRET_MODE).map_err(|source| KeyError::File {
        doing: "write",
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_key_is_loaded_again_and_never_printed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("node.key");
        let key = NodeKey::generate().unwrap();
        key.store(&path).unwrap();
        let loaded = NodeKey::load(&path).unwrap();
        assert_eq!(loaded.public(), key.public());
        assert_eq!(
            format!("{key:?}"),
            format!("NodeKey({})", Fingerprint::of(&key.public()))
        );
        assert_eq!(
            format!("{:?}", ClusterKey::generate().unwrap()),
            "ClusterKey(..)"
        );
    }

    #[test]
    fn a_file_that_is_no_key_is_named_in_the_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("node.key");
        fs::write(&path, b"nonsense").unwrap();
        let error = NodeKey::load(&path).unwrap_err().to_string();
        assert!(
            error.contains("node.key is not the key of a node"),
            "{error}"
        );
        let error = ClusterKey::load(&path).unwrap_err().to_string();
        assert!(
            error.contains("node.key is not the cluster's key"),
            "{error}"
        );
    }

    #[test]
    fn a_fingerprint_is_shown_in_groups() {
        let shown = Fingerprint([0xab; 32]).to_string();
        assert_eq!(shown.split(' ').count(), 8);
        assert!(shown.split(' ').all(|group| group == "abababab"));
    }
}
