//! Files that name a program under way, so that a later run of the daemon ends what an earlier
//! one has left at work.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use host::process::{self, Process, Stat};

use crate::program::{Launch, LaunchError};

/// Variable in the environment of such a program: which run of a program it is.
const NOTED: &str = "MAINSTAY_NOTED";

/// What stands in the file: `boot/run`, and from the moment that it is known ` number started`;
/// the same of each that could not be ended.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    path: PathBuf,
    run: String,
}

impl Note {
    /// Before the program starts: the daemon may end at any moment after.
    pub(crate) fn begin(path: PathBuf) -> Self {
        let note = Self {
            path,
            run: next_run(),
        };
        note.warn_unless(std::fs::write(
            &note.path,
            format!("{}/{}", boot(), note.run),
        ));
        note
    }

    /// Starts the program, and notes its number; it can be found by a variable before.
    pub(crate) async fn launch(&self, launch: Launch) -> Result<Process, LaunchError> {
        let launch = launch.variable(NOTED, self.run.clone());
        let note = self.clone();
        launch.launch_and(move |process| note.runs(process)).await
    }

    /// It runs.
    fn runs(&self, program: &Process) {
        self.add(program.pid(), program.started());
    }

    /// What it started, and cannot be ended: the note stays until that has ended.
    pub(crate) fn keep(self, left: &[Stat]) {
        for stat in left {
            self.add(stat.pid, stat.started);
        }
    }

    /// A file that is written anew would be empty for a moment.
    fn add(&self, pid: i32, started: u64) {
        let numbers = format!(" {pid} {started}");
        let file = std::fs::OpenOptions::new().append(true).open(&self.path);
        self.warn_unless(file.and_then(|mut file| file.write_all(numbers.as_bytes())));
    }

    /// It has ended.
    pub(crate) fn remove(self) {
        let _gone = std::fs::remove_file(&self.path);
    }

    fn warn_unless(&self, done: std::io::Result<()>) {
        if let Err(error) = done {
            tracing::warn!(path = %self.path.display(), %error, "a program is not noted");
        }
    }
}

/// Number and start time of the programs that a file speaks of, if they were started in this boot.
/// Looks through `/proc` where its daemon ended before it knew the number.
pub(crate) fn left(path: &Path) -> Vec<(i32, u64)> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let mut words = text.split_whitespace();
    let head = words.next().and_then(|head| head.split_once('/'));
    let Some((_, run)) = head.filter(|(of_boot, _)| *of_boot == boot()) else {
        return Vec::new();
    };
    let noted = std::iter::from_fn(|| {
        let pid = words.next()?.parse().ok()?;
        Some((pid, words.next()?.parse().ok()?))
    });
    let noted: Vec<_> = noted.collect();
    match noted.is_empty() {
        true => just_started(run).into_iter().collect(),
        false => noted,
    }
}

/// What the program itself has put into a session of its own is the service, and came later.
fn just_started(run: &str) -> Option<(i32, u64)> {
    let is_it = |pid: i32| process::variable(pid, NOTED).is_some_and(|value| value == run);
    let leads = |stat: &Stat| stat.pid == stat.session && is_it(stat.pid);
    let all = process::all().into_iter().filter(leads);
    all.map(|stat| (stat.pid, stat.started))
        .min_by_key(|(_, started)| *started)
}

fn boot() -> String {
    host::boot::boot_id().map_or_else(|_| "unknown".to_string(), String::from)
}

/// One for each program that is run in this boot: of the daemon's number and start time, and
/// how many it ran before.
fn next_run() -> String {
    static RUN: AtomicU64 = AtomicU64::new(0);
    let pid = std::process::id();
    let started = Stat::read(pid.cast_signed()).map_or(0, |stat| stat.started);
    let count = RUN.fetch_add(1, Ordering::Relaxed);
    format!("{pid}-{started}-{count}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(text: &[u8]) -> Vec<(i32, u64)> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("note");
        std::fs::write(&path, text).unwrap();
        left(&path)
    }

    #[test]
    fn a_note_of_this_boot_names_its_program_and_one_of_another_none() {
        let boot = boot();
        assert_eq!(
            said(format!("{boot}/7-8-9 12 34").as_bytes()),
            vec![(12, 34)]
        );
        assert_eq!(
            said(format!("{boot}/7-8-9 12 34 56 78 9").as_bytes()),
            vec![(12, 34), (56, 78)]
        );
        assert_eq!(said(b"00/7-8-9 12 34"), Vec::new());
        assert_eq!(left(Path::new("/nowhere/at/all")), Vec::new());
    }

    #[test]
    fn nobody_is_found_for_a_run_that_never_started() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("note");
        let note = Note::begin(path.clone());
        assert_eq!(left(&path), Vec::new());
        note.remove();
        assert!(!path.exists());
    }

    proptest! {
        #[test]
        fn whatever_stands_there_is_read(rest in any::<Vec<u8>>()) {
            let _none_or_some = said(&rest);
            let own = [boot().as_bytes(), b"/1 ", &rest].concat();
            let _none_or_some = said(&own);
        }
    }
}
