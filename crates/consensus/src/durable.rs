//! Writes small files so that they are either as before or complete, also after a power
//! loss: a temporary file beside the target, synced, renamed, and the directory synced.
//!
//! It never leaves a half-written file under the real name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Permission bits of files that hold secrets: the owner alone.
pub const SECRET_MODE: u32 = 0o600;

/// What is added to the name of a file while it is being written.
pub const TEMPORARY_SUFFIX: &str = ".new";

/// Replaces the file at `path` by one with these contents and permission bits.
///
/// # Errors
/// When any step fails; the old file is then still there.
pub fn replace(path: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(TEMPORARY_SUFFIX);
    let temporary = Path::new(&temporary);
    // One that was left behind may have other permission bits.
    match fs::remove_file(temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(temporary)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(temporary, path)?;
    sync_directory(path.parent().unwrap_or(Path::new(".")))
}

/// Makes renames and removals in a directory survive a power loss.
///
/// # Errors
/// When the directory cannot be opened or synced.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_replaced_file_has_the_new_contents_and_nothing_is_left_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        replace(&path, b"one", SECRET_MODE).unwrap();
        fs::write(directory.path().join("x.new"), b"left behind").unwrap();
        replace(&path, b"two", SECRET_MODE).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            SECRET_MODE
        );
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
