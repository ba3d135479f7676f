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

use model::WallTime;
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

/// What stands before the daemon's own words in a log.
const OWN_WORDS: &str = " mainstay: ";

/// How the entry of something begins that follows no plan.
const ASKED: &str = "asked";

/// One entry of what is kept about a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it ended, or began if it has not ended, RFC 3339; none: before what is kept.
    pub at: Option<String>,
    /// What it is.
    pub what: What,
    /// The plan that an operation follows, where its beginning is kept.
    pub plan: Option<u64>,
    /// What was printed meanwhile.
    pub output: String,
}

/// How far the files of a resource were read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// In the file of its operations.
    pub log: u64,
    /// In the file of its process.
    pub out: u64,
}

/// What an entry is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// An operation that ended.
    Ended {
        /// Which.
        verb: String,
        /// How, in words.
        how: String,
        /// How long it took.
        took: Duration,
    },
    /// An operation whose end is not told: under way, or cut off by the end of a daemon.
    Begun {
        /// Which.
        verb: String,
    },
    /// Something that happened by itself.
    Happened(String),
    /// Output that belongs to no operation: of the process itself, or of one whose
    /// beginning is no longer kept.
    Printed,
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
            Outcome::Promoted => "running, promoted".to_owned(),
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
        self.write(&format!("{} mainstay: {text}\n", host::clock::wall()));
    }

    fn write(&self, text: &str) {
        let options = File::options()
            .append(true)
            .create(true)
            .open(self.log_path());
        if let Err(error) = options.and_then(|mut file| file.write_all(text.as_bytes())) {
            tracing::warn!(dir = %self.dir.display(), %error, "cannot keep output");
        }
    }

    /// Notes something that follows no plan and is over: what it printed, and how it ended.
    pub(crate) fn whole(&self, verb: &str, (printed, how): (&str, &str), took: Duration) {
        self.prepare();
        self.line(&format!("{verb}: {ASKED}"));
        let mut printed = printed.trim_end().to_owned();
        if !printed.is_empty() {
            printed.push('\n');
            self.write(&printed);
        }
        self.line(&format!("{verb}: {how} ({} ms)", took.as_millis()));
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

    /// The same, told apart: what each operation printed, then what the process itself did;
    /// and the place where reading ended.
    pub(crate) fn entries(&self) -> (Vec<Entry>, Place) {
        let (log, log_end) = end_of(&self.log_path());
        let (own, out_end) = end_of(&self.out_path());
        let mut entries = read_log(&log);
        if !own.is_empty() {
            entries.push(self.own_output(own));
        }
        let place = Place {
            log: log_end,
            out: out_end,
        };
        (entries, place)
    }

    /// What was written after `place`, as it was written: a beginning and its end are entries
    /// of their own, and what is printed in between is one as well.
    pub(crate) fn news(&self, place: Place) -> (Vec<Entry>, Place) {
        let (log, log_end) = lines_after(&self.log_path(), place.log);
        let (own, out_end) = lines_after(&self.out_path(), place.out);
        let mut entries = pieces(&log);
        if !own.is_empty() {
            entries.push(self.own_output(own));
        }
        let place = Place {
            log: log_end,
            out: out_end,
        };
        (entries, place)
    }

    fn own_output(&self, output: String) -> Entry {
        Entry {
            at: changed(&self.out_path()),
            what: What::Printed,
            plan: None,
            output,
        }
    }
}

/// When a file was written last.
fn changed(path: &Path) -> Option<String> {
    let at = std::fs::metadata(path).ok()?.modified().ok()?;
    let since_1970 = at.duration_since(std::time::UNIX_EPOCH).ok()?;
    let millis = u64::try_from(since_1970.as_millis()).ok()?;
    Some(WallTime(millis).to_string())
}

/// The end of a file, and where that is.
fn end_of(path: &Path) -> (String, u64) {
    let end = mark(path).0;
    let from = Mark(end.saturating_sub(OUTPUT_KEPT_MAX as u64));
    let (text, end) = read_between(path, from.0, end).unwrap_or_default();
    (text, end)
}

/// Whole lines that came after `from`, at most `OUTPUT_KEPT_MAX` bytes at once, and where they
/// end. A file that has become shorter was emptied: all of it is new.
fn lines_after(path: &Path, from: u64) -> (String, u64) {
    let end = mark(path).0;
    let from = if from <= end { from } else { 0 };
    let upto = end.min(from + OUTPUT_KEPT_MAX as u64);
    let Ok((text, end)) = read_between(path, from, upto) else {
        return (String::new(), from);
    };
    match text.rfind('\n') {
        Some(last) if end - from == text.len() as u64 => {
            let length = last + 1;
            (text[..length].to_owned(), from + length as u64)
        }
        // Bytes that are no text have moved the places: all of it is taken.
        Some(_) => (text, end),
        // A line without an end, so far.
        None if text.len() < OUTPUT_KEPT_MAX => (String::new(), from),
        None => (text, end),
    }
}

fn read_between(path: &Path, from: u64, end: u64) -> io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(end - from).read_to_end(&mut bytes)?;
    let end = from + bytes.len() as u64;
    Ok((String::from_utf8_lossy(&bytes).into_owned(), end))
}

/// The lines of a log, each of the daemon's own words for itself.
fn pieces(text: &str) -> Vec<Entry> {
    let mut pieces: Vec<Entry> = Vec::new();
    for line in text.lines() {
        match own_words(line) {
            Some((at, words)) => {
                let mut alone = Vec::new();
                take_words(&mut alone, at, words);
                pieces.append(&mut alone);
            }
            None => match pieces.last_mut() {
                Some(last) if last.what == What::Printed => {
                    last.output.push_str(line);
                    last.output.push('\n');
                }
                Some(_) | None => pieces.push(Entry {
                    at: None,
                    what: What::Printed,
                    plan: None,
                    output: format!("{line}\n"),
                }),
            },
        }
    }
    pieces
}

/// Reads what `begin`, `end` and `line` wrote, with what programs printed in between.
fn read_log(text: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for line in text.lines() {
        match own_words(line) {
            Some((at, words)) => take_words(&mut entries, at, words),
            None => take_output(&mut entries, line),
        }
    }
    entries
}

/// The time and the words, if the daemon itself wrote this line.
fn own_words(line: &str) -> Option<(&str, &str)> {
    let (at, words) = line.split_once(OWN_WORDS)?;
    let is_time = at.len() == WallTime(0).to_string().len()
        && at.starts_with(|first: char| first.is_ascii_digit())
        && at.ends_with('Z');
    is_time.then_some((at, words))
}

fn take_words(entries: &mut Vec<Entry>, at: &str, words: &str) {
    let at = Some(at.to_owned());
    let verb = words.split_once(": ").map_or("", |(verb, _)| verb);
    let what = if is_beginning(words) {
        What::Begun {
            verb: verb.to_owned(),
        }
    } else if let Some((how, took)) = ending(words) {
        let what = What::Ended {
            verb: verb.to_owned(),
            how: how.to_owned(),
            took,
        };
        let open = entries
            .iter_mut()
            .rev()
            .find(|entry| matches!(&entry.what, What::Begun { verb: begun } if begun == verb));
        if let Some(open) = open {
            (open.at, open.what) = (at, what);
            return;
        }
        what
    } else {
        if matches!(
            entries.last(),
            Some(Entry {
                what: What::Begun { .. },
                ..
            })
        ) {
            // A remark within an operation stands with what was printed.
            take_output(entries, words);
            return;
        }
        What::Happened(words.to_owned())
    };
    entries.push(Entry {
        at,
        what,
        plan: plan_of(words),
        output: String::new(),
    });
}

/// `start: claim 7, plan 3`, or `check: asked`.
fn is_beginning(words: &str) -> bool {
    let is_claimed = words
        .split_once(": claim ")
        .is_some_and(|(_, rest)| rest.contains(", plan "));
    is_claimed
        || words
            .split_once(": ")
            .is_some_and(|(_, rest)| rest == ASKED)
}

/// The number at the end of a beginning.
fn plan_of(words: &str) -> Option<u64> {
    let (_, plan) = words.rsplit_once(", plan ")?;
    is_beginning(words).then(|| plan.parse().ok()).flatten()
}

/// `start: running (12 ms)`
fn ending(words: &str) -> Option<(&str, Duration)> {
    let (_, rest) = words.split_once(": ")?;
    let (how, took) = rest.strip_suffix(" ms)")?.rsplit_once(" (")?;
    Some((how, Duration::from_millis(took.parse().ok()?)))
}

fn take_output(entries: &mut Vec<Entry>, line: &str) {
    let is_open = entries
        .last()
        .is_some_and(|entry| !matches!(entry.what, What::Ended { .. }));
    if !is_open {
        entries.push(Entry {
            at: None,
            what: What::Printed,
            plan: None,
            output: String::new(),
        });
    }
    let last = entries
        .last_mut()
        .expect("one was pushed if there was none");
    last.output.push_str(line);
    last.output.push('\n');
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
    fn what_follows_no_plan_is_kept_whole() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log {
            dir: dir.path().join("web"),
            resource: "sql".to_owned(),
        };
        let took = Duration::from_millis(7);
        log.whole("check", ("connected\nno rows", "failed: exit 1"), took);
        log.whole("run", ("", "/bin/true: exit 0"), took);
        let (entries, _) = log.entries();
        let shown: Vec<String> = entries
            .iter()
            .map(|entry| format!("{:?} {:?} {:?}", entry.what, entry.output, entry.plan))
            .collect();
        assert_eq!(
            shown,
            [
                "Ended { verb: \"check\", how: \"failed: exit 1\", took: 7ms } \
                 \"connected\\nno rows\\n\" None",
                "Ended { verb: \"run\", how: \"/bin/true: exit 0\", took: 7ms } \"\" None",
            ]
        );
    }

    #[test]
    fn a_log_is_told_apart_by_operation() {
        let text = "the end of something\n\
            2026-11-20T22:18:32.002Z mainstay: start: claim 19, plan 18\n\
            starting\nmainstay: not ours\n\
            2026-11-20T22:18:32.020Z mainstay: a remark\n\
            2026-11-20T22:18:32.030Z mainstay: start: failed: exit code 1 (once) (28 ms)\n\
            2026-11-20T22:18:33.000Z mainstay: ended by itself: signal 9\n\
            2026-11-20T22:18:34.000Z mainstay: stop: claim 19, plan 18\n";
        let shown: Vec<String> = read_log(text)
            .iter()
            .map(|entry| format!("{:?} {:?}", entry.what, entry.output))
            .collect();
        assert_eq!(
            shown,
            [
                "Printed \"the end of something\\n\"",
                "Ended { verb: \"start\", how: \"failed: exit code 1 (once)\", took: 28ms } \
                 \"starting\\nmainstay: not ours\\na remark\\n\"",
                "Happened(\"ended by itself: signal 9\") \"\"",
                "Begun { verb: \"stop\" } \"\"",
            ]
        );
    }

    #[test]
    fn who_follows_a_log_hears_each_line_once() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log {
            dir: dir.path().to_owned(),
            resource: "web".into(),
        };
        let write = |path: &Path, text: &str| {
            let mut file = File::options()
                .append(true)
                .create(true)
                .open(path)
                .unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        write(
            &log.log_path(),
            "2026-11-20T22:18:32.002Z mainstay: start: claim 19, plan 18\n",
        );
        let (entries, place) = log.entries();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].plan, Some(18));
        assert_eq!(log.news(place), (Vec::new(), place));
        write(&log.log_path(), "starting\nhalf a li");
        write(&log.out_path(), "serving\n");
        let shown = |entries: &[Entry]| {
            let all = entries.iter();
            all.map(|entry| format!("{:?} {:?}", entry.what, entry.output))
                .collect::<Vec<_>>()
        };
        let (news, place) = log.news(place);
        assert_eq!(
            shown(&news),
            ["Printed \"starting\\n\"", "Printed \"serving\\n\""]
        );
        write(
            &log.log_path(),
            "ne\n2026-11-20T22:18:32.030Z mainstay: start: running (28 ms)\n",
        );
        let (news, place) = log.news(place);
        assert_eq!(
            shown(&news),
            [
                "Printed \"half a line\\n\"",
                "Ended { verb: \"start\", how: \"running\", took: 28ms } \"\"",
            ]
        );
        // It was copied aside and emptied.
        std::fs::write(log.log_path(), "new\n").unwrap();
        let (news, place) = log.news(place);
        assert_eq!(shown(&news), ["Printed \"new\\n\""]);
        assert_eq!(log.news(place), (Vec::new(), place));
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
