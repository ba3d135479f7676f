//! The clients of the kernel's NFS server, as `/proc/fs/nfsd` shows them.
//!
//! A client of NFS 4 that has opened a file keeps that file, and so its file system, in use on the
//! server: also when the file is not exported any more. Only the server can end that.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{major, minor};

/// One directory for each client; Linux 5.3 and later.
const CLIENTS: &str = "/proc/fs/nfsd/clients";
/// What ends a client's state, when it is written to its `ctl`.
const EXPIRE: &[u8] = b"expire\n";

/// A client that has files of some file system in use.
pub struct Client {
    directory: PathBuf,
    /// Its address, as the server shows it.
    pub address: String,
}

/// The clients that have files of the file system with this device in use: opened, locked, or
/// lent to them. None where the server does not run or does not tell.
#[must_use]
pub fn clients_of(device: u64) -> Vec<Client> {
    let Ok(clients) = fs::read_dir(CLIENTS) else {
        return Vec::new();
    };
    let directories = clients.flatten().map(|client| client.path());
    let uses = |directory: &PathBuf| {
        fs::read_to_string(directory.join("states")).is_ok_and(|states| has(&states, device))
    };
    directories
        .filter(uses)
        .map(|directory| Client {
            address: address(&directory),
            directory,
        })
        .collect()
}

impl Client {
    /// Ends all that the client has in use here, at once. It opens again what it needs, where it
    /// then finds the server.
    ///
    /// # Errors
    /// When the server does not let go.
    pub fn expire(&self) -> io::Result<()> {
        match fs::write(self.directory.join("ctl"), EXPIRE) {
            // It has gone by itself.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
}

/// Whether a state is one of the file system: `superblock: "fe:10:1234"`, numbers of the device
/// as two of base 16, and the file's.
fn has(states: &str, device: u64) -> bool {
    let wanted = format!("superblock: \"{:02x}:{:02x}:", major(device), minor(device));
    states.contains(&wanted)
}

fn address(directory: &Path) -> String {
    let info = fs::read_to_string(directory.join("info")).unwrap_or_default();
    let line = info.lines().find_map(|line| line.strip_prefix("address:"));
    let address = line.unwrap_or_default().trim().trim_matches('"');
    address.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_tells_the_file_system_of_its_file() {
        // As Linux 6.1 writes them.
        let states = "- 0x01000000abcdef: { type: open, access: -w, deny: --, \
                      superblock: \"07:10:12\", filename: \"rows\", owner: \"open id:...\" }\n";
        let device = rustix::fs::makedev(7, 16);
        assert!(has(states, device));
        assert!(!has(states, rustix::fs::makedev(7, 1)));
        assert!(!has(states, rustix::fs::makedev(0x70, 0x10)));
        assert!(!has("", device));
    }
}
