//! New lines of a file, followed over its rotation.
//!
//! Only what is written after the first look counts: of a file that was there then what is
//! added, of one that is made later all of it. A file that was renamed is read on until its
//! successor has content; one that was cut is read from its beginning.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::time::{Duration, Instant, SystemTime};

use model::checks::{LogCheck, Verdict};
use regex_lite::Regex;

use super::pattern::{compile, first_line};
use super::{Found, Shared, locked};

/// What is read in one look; the rest is for the next.
const READ_MAX: u64 = 4 * 1024 * 1024;

/// A file that nobody has looked at for longer is read from its end again: what was written
/// meanwhile was another run's.
const FOLLOWED_MAX: Duration = Duration::from_secs(2 * 3600);

/// File systems note the birth of a file by the kernel's coarse clock, which may be 10 ms late.
const BIRTH_UNSURE: Duration = Duration::from_millis(100);

/// The files of all log checks, each by its check.
pub(crate) type Files = BTreeMap<(String, String), Known>;

/// What is known of the file of a check.
pub(crate) struct Known {
    path: String,
    looked: Instant,
    state: Look,
}

/// How the file was at the last look.
enum Look {
    /// It was not there, for the first time then.
    Absent { since: SystemTime },
    /// It is followed.
    Following(Follow),
}

/// A file that is followed.
struct Follow {
    file: File,
    at: u64,
    /// The beginning of a line that is not written to its end yet.
    begun: Vec<u8>,
    /// Whether nothing of its name was there at the last look.
    is_gone: bool,
}

pub(super) fn look(shared: &Shared, key: &(String, String), check: &LogCheck) -> Found {
    let pattern = match compile(&check.pattern) {
        Ok(pattern) => pattern,
        Err(how) => return Found::failed(how),
    };
    let known = locked(&shared.followed).remove(key);
    let known =
        known.filter(|known| known.path == check.path && known.looked.elapsed() < FOLLOWED_MAX);
    let (state, found) = look_on(known.map(|known| known.state), &check.path, &pattern);
    if let Some(state) = state {
        let known = Known {
            path: check.path.clone(),
            looked: Instant::now(),
            state,
        };
        locked(&shared.followed).insert(key.clone(), known);
    }
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

/// One look: how the file is now, and the lines that match.
fn look_on(
    state: Option<Look>,
    path: &str,
    pattern: &Regex,
) -> (Option<Look>, io::Result<Vec<String>>) {
    let since = match state {
        Some(Look::Following(mut follow)) => {
            let found = follow.read_on(path, pattern);
            return (Some(Look::Following(follow)), found);
        }
        Some(Look::Absent { since }) => Some(since),
        None => None,
    };
    let begun = open(path).and_then(|file| {
        // What was put there, or mounted, may be full of what was long ago.
        let birth = file.metadata()?.created().ok();
        let is_new = match (since, birth) {
            (Some(since), Some(birth)) => since <= birth + BIRTH_UNSURE,
            (None, _) | (_, None) => false,
        };
        Follow::begin(file, is_new)
    });
    match begun {
        Ok(mut follow) => {
            let found = follow.read_on(path, pattern);
            (Some(Look::Following(follow)), found)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let since = since.unwrap_or_else(SystemTime::now);
            (Some(Look::Absent { since }), Err(error))
        }
        Err(error) => (None, Err(error)),
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
    fn begin(mut file: File, is_new: bool) -> io::Result<Self> {
        let at = match is_new {
            true => 0,
            false => file.seek(SeekFrom::End(0))?,
        };
        Ok(Self {
            file,
            at,
            begun: Vec::new(),
            is_gone: false,
        })
    }

    /// The lines since the last look that match.
    fn read_on(&mut self, path: &str, pattern: &Regex) -> io::Result<Vec<String>> {
        let mut hits = Vec::new();
        let mut left = READ_MAX;
        self.read_file(pattern, &mut hits, &mut left)?;
        let now = match std::fs::metadata(path) {
            Ok(now) => now,
            // Between two files of a rotation it is gone for a moment.
            Err(error) => {
                let was_gone = std::mem::replace(&mut self.is_gone, true);
                return match was_gone && hits.is_empty() {
                    true => Err(error),
                    false => Ok(hits),
                };
            }
        };
        self.is_gone = false;
        // Its program writes to the old one until it has opened the new one.
        let is_next = identity(&now) != identity(&self.file.metadata()?) && 0 < now.len();
        if is_next && 0 < left {
            let next = match open(path) {
                Ok(next) => next,
                Err(error) if hits.is_empty() => return Err(error),
                Err(_told_next_time) => return Ok(hits),
            };
            // Nobody writes this line to its end any more.
            let last = std::mem::take(&mut self.begun);
            hits.extend(hit(&last, pattern));
            (self.file, self.at) = (next, 0);
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
                hits.extend(hit(&line, pattern));
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

/// A line, if it matches.
fn hit(line: &[u8], pattern: &Regex) -> Option<String> {
    let line = String::from_utf8_lossy(line);
    let line = line.trim_end();
    (!line.is_empty() && pattern.is_match(line)).then(|| line.to_string())
}
