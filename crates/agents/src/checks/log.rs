//! New lines of a file, followed over its rotation.
//!
//! Only what is written after the first look counts. A file that was renamed is read to its
//! end before its successor is opened; one that was cut is read from its beginning.

use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::time::{Duration, Instant};

use model::checks::{LogCheck, Verdict};
use regex_lite::Regex;

use super::pattern::{compile, first_line};
use super::{Found, Shared, locked};

/// What is read in one look; the rest is for the next.
const READ_MAX: u64 = 4 * 1024 * 1024;

/// A file that nobody has looked at for longer is read from its end again: what was written
/// meanwhile was another run's.
const FOLLOWED_MAX: Duration = Duration::from_secs(2 * 3600);

/// A file that is followed.
pub(crate) struct Follow {
    file: File,
    path: String,
    at: u64,
    /// The beginning of a line that is not written to its end yet.
    begun: Vec<u8>,
    looked: Instant,
}

pub(super) fn look(shared: &Shared, key: &(String, String), check: &LogCheck) -> Found {
    let pattern = match compile(&check.pattern) {
        Ok(pattern) => pattern,
        Err(how) => return Found::failed(how),
    };
    let kept = locked(&shared.followed).remove(key);
    let kept = kept.filter(|kept| kept.path == check.path && kept.looked.elapsed() < FOLLOWED_MAX);
    let (mut follow, is_new) = match kept {
        Some(kept) => (kept, false),
        None => match open(&check.path) {
            Ok(file) => match Follow::at_end(file, &check.path) {
                Ok(follow) => (follow, true),
                Err(error) => return unreadable(check, &error),
            },
            Err(error) => return unreadable(check, &error),
        },
    };
    let found = match is_new {
        true => Ok(Vec::new()),
        false => follow.read_on(&pattern),
    };
    follow.looked = Instant::now();
    locked(&shared.followed).insert(key.clone(), follow);
    match found {
        Ok(hits) => match hits.as_slice() {
            [] => Found::well("nothing new"),
            [line] => Found::new(check.hit, first_line(line)),
            [line, more @ ..] => {
                let line = first_line(line);
                Found::new(check.hit, format!("{line} (and {} more)", more.len()))
            }
        },
        Err(error) => unreadable(check, &error),
    }
}

fn unreadable(check: &LogCheck, error: &io::Error) -> Found {
    let how = format!("{} cannot be read: {error}", check.path);
    Found::new(Verdict::Warning, how)
}

/// Opens a file, and nothing that would wait for somebody at its other end.
fn open(path: &str) -> io::Result<File> {
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("not a file")),
    }
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

impl Follow {
    fn at_end(mut file: File, path: &str) -> io::Result<Self> {
        let at = file.seek(SeekFrom::End(0))?;
        Ok(Self {
            file,
            path: path.to_string(),
            at,
            begun: Vec::new(),
            looked: Instant::now(),
        })
    }

    /// The lines since the last look that match.
    fn read_on(&mut self, pattern: &Regex) -> io::Result<Vec<String>> {
        let mut hits = Vec::new();
        let mut left = READ_MAX;
        self.read_file(pattern, &mut hits, &mut left)?;
        let Ok(now) = std::fs::metadata(&self.path) else {
            // Between two files of a rotation.
            return Ok(hits);
        };
        if identity(&now) != identity(&self.file.metadata()?) && 0 < left {
            self.file = open(&self.path)?;
            self.at = 0;
            self.begun.clear();
            self.read_file(pattern, &mut hits, &mut left)?;
        }
        Ok(hits)
    }

    fn read_file(
        &mut self,
        pattern: &Regex,
        hits: &mut Vec<String>,
        left: &mut u64,
    ) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        if length < self.at {
            self.at = 0;
            self.begun.clear();
        }
        self.file.seek(SeekFrom::Start(self.at))?;
        let mut reader = BufReader::new((&self.file).take(*left));
        loop {
            let mut line = std::mem::take(&mut self.begun);
            let before = line.len();
            let read = reader.read_until(b'\n', &mut line)?;
            debug_assert_eq!(line.len(), before + read);
            let read = u64::try_from(read).unwrap_or(u64::MAX);
            self.at += read;
            *left = left.saturating_sub(read);
            if line.last() == Some(&b'\n') {
                let line = String::from_utf8_lossy(&line);
                if pattern.is_match(line.trim_end()) {
                    hits.push(line.trim_end().to_string());
                }
                continue;
            }
            if line.len() as u64 <= READ_MAX {
                self.begun = line;
            }
            if read == 0 || *left == 0 {
                return Ok(());
            }
        }
    }
}
