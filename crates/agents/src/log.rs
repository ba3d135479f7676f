//! The kept output of a resource: what its operations printed and how they ended
//! (`RESOURCE.log`), and what its process prints (`RESOURCE.out`).
//!
//! Programs write into these files themselves and keep them open for longer than this
//! daemon lives. So a file that has grown too long is copied aside and emptied, never
//! renamed. Losing output never fails an operation.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::operation::{OUTPUT_TAIL_MAX, Operation, Outcome, ResourceAddress};

/// Weeks of operations; copied aside once, so twice as much is kept.
const LOG_MAX: u64 = 256 * 1024;

/// A process may say more than its operations do.
const OUT_MAX: u64 = 1024 * 1024;

/// What `Agents::output` returns at most of each file: some hundred lines.
pub const OUTPUT_KEPT_MAX: usize = 16 * 1024;

/// The files of one resource.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    dir: PathBuf,
    resource: String,
}

/// A place in a file: what came before it belongs to something else.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mark(u64);

impl Log {
    pub(crate) fn new(log_dir: &Path, address: &ResourceAddress) -> Self {
        Self {
            dir: log_dir.join(address.service.as_str()),
            resource: address.resource.to_string(),
        }
    }

    /// Where operations and their programs write.
    pub(crate) fn log_path(&self) -> PathBuf {
        self.dir.join(format!("{}.log", self.resource))
    }

    /// Where the process writes.
    pub(crate) fn out_path(&self) -> PathBuf {
        self.dir.join(format!("{}.out", self.resource))
    }

    /// Makes room for an operation's output, and keeps the files short.
    pub(crate) fn prepare(&self) {
        let made = std::fs::create_dir_all(&self.dir);
        let trimmed =
            trim(&self.log_path(), LOG_MAX).and_then(|()| trim(&self.out_path(), OUT_MAX));
        if let Err(error) = made.and(trimmed) {
            tracing::warn!(dir = %self.dir.display(), %error, "cannot keep output");
        }
    }

    /// Notes the beginning of an operation.
    pub(crate) fn begin(&self, operation: &Operation) {
        let Operation {
            verb, epoch, plan, ..
        } = operation;
        self.line(&format!("{verb}: claim {epoch}, plan {plan}"));
    }

    /// Notes the end of an operation.
    pub(crate) fn end(&self, operation: &Operation, outcome: &Outcome, took: Duration) {
        let how = match outcome {
            Outcome::Running => "running".to_owned(),
            Outcome::Stopped => "stopped".to_owned(),
            Outcome::Failed(how) => format!("failed: {how}"),
            Outcome::TimedOut => format!("not done within {:?}", operation.limit),
        };
        self.line(&format!(
            "{}: {how} ({} ms)",
            operation.verb,
            took.as_millis()
        ));
    }

    /// Notes something that happened by itself.
    pub(crate) fn line(&self, text: &str) {
        let line = format!("{} mainstay: {text}\n", host::clock::wall());
        let options = File::options()
            .append(true)
            .create(true)
            .open(self.log_path());
        if let Err(error) = options.and_then(|mut file| file.write_all(line.as_bytes())) {
            tracing::warn!(dir = %self.dir.display(), %error, "cannot keep output");
        }
    }

    /// The end of both files, for a person.
    pub(crate) fn kept(&self) -> String {
        let log = tail(&self.log_path(), Mark::default(), OUTPUT_KEPT_MAX);
        let out = tail(&self.out_path(), Mark::default(), OUTPUT_KEPT_MAX);
        match (log.is_empty(), out.is_empty()) {
            (_, true) => log,
            (true, false) => out,
            (false, false) => format!("{log}--- its own output:\n{out}"),
        }
    }
}

/// Where a file ends now.
pub(crate) fn mark(path: &Path) -> Mark {
    Mark(std::fs::metadata(path).map_or(0, |data| data.len()))
}

/// A screenful from the end of a file, of what came after the mark.
pub(crate) fn tail_since(path: &Path, mark: Mark) -> String {
    tail(path, mark, OUTPUT_TAIL_MAX)
}

fn tail(path: &Path, mark: Mark, length_max: usize) -> String {
    read_tail(path, mark, length_max).unwrap_or_default()
}

fn read_tail(path: &Path, mark: Mark, length_max: usize) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    // A file that is shorter than the mark was emptied meanwhile: all of it is newer.
    let from = if mark.0 <= length { mark.0 } else { 0 };
    let from = from.max(length.saturating_sub(length_max as u64));
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::with_capacity(length_max);
    file.take(length_max as u64).read_to_end(&mut bytes)?;
    Ok(fit(&String::from_utf8_lossy(&bytes), length_max))
}

/// The end of a text, at most so many bytes: replaced bytes may have made it longer.
fn fit(text: &str, length_max: usize) -> String {
    let from = text.len().saturating_sub(length_max);
    let from = (from..=text.len())
        .find(|at| text.is_char_boundary(*at))
        .expect("the end is a boundary");
    text[from..].to_owned()
}

/// Copies the end of a file that is too long aside, at most `length_max` bytes however much
/// there is, and empties it.
fn trim(path: &Path, length_max: u64) -> io::Result<()> {
    let Ok(data) = std::fs::metadata(path) else {
        return Ok(());
    };
    if data.len() <= length_max {
        return Ok(());
    }
    let mut aside = path.as_os_str().to_owned();
    aside.push(".1");
    let mut file = File::options().read(true).write(true).open(path)?;
    file.seek(SeekFrom::Start(data.len() - length_max))?;
    io::copy(
        &mut Read::by_ref(&mut file).take(length_max),
        &mut File::create(aside)?,
    )?;
    file.set_len(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_begins_at_the_mark_and_is_never_too_long() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        std::fs::write(&path, "old\n").unwrap();
        let before = mark(&path);
        std::fs::write(&path, "old\nnew\n").unwrap();
        assert_eq!(tail_since(&path, before), "new\n");
        std::fs::write(&path, "ä".repeat(5000)).unwrap();
        let text = tail_since(&path, before);
        assert!(text.len() <= OUTPUT_TAIL_MAX);
        assert!(text.ends_with('ä'));
    }

    #[test]
    fn a_file_that_was_emptied_is_read_from_its_beginning() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        std::fs::write(&path, "something long").unwrap();
        let before = mark(&path);
        std::fs::write(&path, "new").unwrap();
        assert_eq!(tail_since(&path, before), "new");
    }

    #[test]
    fn a_long_file_is_copied_aside_and_emptied_under_its_writer() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let mut writer = File::options()
            .append(true)
            .create(true)
            .open(&path)
            .unwrap();
        writer.write_all(&[b'x'; 100]).unwrap();
        trim(&path, 99).unwrap();
        writer.write_all(b"more").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "more");
        let aside = std::fs::read(dir.path().join("x.1")).unwrap();
        assert_eq!(aside.len(), 99, "the newer part");
    }
}
