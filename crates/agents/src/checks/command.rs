//! A program is run. No shell is involved, and it runs as the account that the check names.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use host::process::{Ended, Process};
use model::checks::{CommandCheck, Verdict};
use tokio::time::timeout;

use super::pattern::{compile, first_line};
use super::{Ask, Beside, Found, Shared, keep};
use crate::context::chain;
use crate::members;
use crate::note::{self, Note};
use crate::program::{Launch, LaunchError};

/// For a program that overran its limit to tidy up after TERM, before KILL.
const TERM_GRACE: Duration = Duration::from_secs(1);

/// What is read of the output of a program.
const OUTPUT_MAX: usize = 16 * 1024;

/// How a program ended.
enum Run {
    Ended(Ended),
    TimedOut,
    NotStarted(LaunchError),
}

pub(super) async fn ask(shared: &Arc<Shared>, ask: &Ask, check: &CommandCheck) -> Found {
    let output = shared.output(&ask.whose, ask.check.name.as_str(), "out");
    let mut launch = Launch::new(&check.argv, output)
        .variable("MAINSTAY_SERVICE", ask.whose.clone())
        .variable("MAINSTAY_CHECK", ask.check.name.to_string());
    launch.user.clone_from(&check.user);
    let began = Instant::now();
    let (run, printed) = run(launch, ask.check.timeout).await;
    let found = judge(check, &run, &printed, ask.check.timeout);
    let (whose, name) = (ask.whose.as_str(), ask.check.name.as_str());
    match found.verdict {
        Verdict::Well => shared.keeper.forget(whose, name),
        Verdict::Warning | Verdict::Failed => shared.keeper.keep(&keep::Run {
            whose,
            check: name,
            verb: "check",
            printed: &printed,
            how: &format!("{}: {}", found.verdict.word(), found.how),
            took: began.elapsed(),
        }),
    }
    found.with_output(printed)
}

fn judge(check: &CommandCheck, run: &Run, printed: &str, limit: Duration) -> Found {
    let line = first_line(printed);
    let with_line = |how: String| match line.as_str() {
        "" => how,
        line => format!("{how}: {line}"),
    };
    let code = match run {
        Run::Ended(Ended::Exited(code)) => *code,
        Run::Ended(ended) => return Found::failed(with_line(ended.to_string())),
        Run::TimedOut => {
            let limit = model::duration::format(limit);
            return Found::failed(with_line(format!("not done within {limit}")));
        }
        Run::NotStarted(error) => return Found::failed(chain(error)),
    };
    let is_in = |ends: &[u8]| ends.iter().any(|end| i32::from(*end) == code);
    let how = with_line(format!("exit {code}"));
    if is_in(&check.warn_exit) {
        return Found::new(Verdict::Warning, how);
    }
    if !is_in(&check.exit) {
        return Found::failed(how);
    }
    match check.expect.as_deref().map(compile) {
        None => Found::well(how),
        Some(Err(how)) => Found::failed(how),
        Some(Ok(expect)) if expect.is_match(printed) => Found::well(how),
        Some(Ok(expect)) => Found::failed(format!("{how}; it does not match `{expect}`")),
    }
}

/// Runs a program to its end, or TERM and KILL to its session at its limit.
async fn run(launch: Launch, limit: Duration) -> (Run, String) {
    let output = launch.output.clone();
    // What an earlier run has printed says nothing of this one.
    let _ = std::fs::remove_file(&output);
    // One that hangs would outlive a daemon that was killed, and the next would start another
    // beside it.
    let note = Note::begin(note_path(&output));
    let run = match timeout(limit, note.launch(launch)).await {
        Err(_) => Run::TimedOut,
        Ok(Err(error)) => Run::NotStarted(error),
        Ok(Ok(process)) => match timeout(limit, process.ended()).await {
            Ok(ended) => Run::Ended(ended),
            Err(_) => {
                members::end_session(&process, TERM_GRACE).await;
                Run::TimedOut
            }
        },
    };
    note.remove();
    let mut printed = std::fs::read(&output).unwrap_or_default();
    printed.truncate(OUTPUT_MAX);
    (run, String::from_utf8_lossy(&printed).into_owned())
}

/// How the files of notes end.
const NOTE: &str = "pid";

fn note_path(output: &Path) -> PathBuf {
    let mut path = output.as_os_str().to_owned();
    path.push(format!(".{NOTE}"));
    PathBuf::from(path)
}

/// The programs that an earlier daemon may have left under way: number and start.
pub(super) fn left_behind(directory: &Path) -> Vec<(i32, u64)> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let notes = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == NOTE));
    let read = |path: PathBuf| {
        let programs = note::left(&path);
        let _gone = std::fs::remove_file(&path);
        programs
    };
    notes.flat_map(read).collect()
}

/// Ends a program that an earlier daemon has left under way, with all that it started.
pub(super) async fn end_left_behind((pid, started): (i32, u64)) {
    let Some(process) = Process::adopt(pid, started) else {
        return;
    };
    tracing::info!(
        pid = process.pid(),
        "a check's program of an earlier run is ended"
    );
    members::end_session(&process, TERM_GRACE).await;
}

/// Runs a program that a check wants to be run; its end is logged and matters to nobody.
pub(super) async fn run_beside(shared: &Arc<Shared>, beside: Beside, limit: Duration) {
    let Beside {
        whose,
        check,
        argv,
        user,
        state,
        how,
    } = beside;
    let output = shared.output(&whose, &check, "run");
    let program = argv.first().cloned().unwrap_or_default();
    let mut launch = Launch::new(&argv, output)
        .variable("MAINSTAY_SERVICE", whose.clone())
        .variable("MAINSTAY_CHECK", check.clone())
        .variable("MAINSTAY_STATE", state)
        .variable("MAINSTAY_HOW", how);
    launch.user = user;
    let began = Instant::now();
    let (run, printed) = run(launch, limit).await;
    shared.keeper.keep(&keep::Run {
        whose: &whose,
        check: &check,
        verb: "run",
        printed: &printed,
        how: &match &run {
            Run::Ended(ended) => format!("{program}: {ended}"),
            Run::TimedOut => {
                let limit = model::duration::format(limit);
                format!("{program}: ended after {limit}")
            }
            Run::NotStarted(error) => format!("{program}: {}", chain(error)),
        },
        took: began.elapsed(),
    });
    let line = first_line(&printed);
    match run {
        Run::Ended(Ended::Exited(0)) => {
            tracing::info!(%whose, %check, program, "a check's program has ended: {line}");
        }
        Run::Ended(ended) => {
            tracing::warn!(%whose, %check, program, "a check's program failed: {ended}: {line}");
        }
        Run::TimedOut => {
            tracing::warn!(%whose, %check, program, "a check's program was ended after {limit:?}");
        }
        Run::NotStarted(error) => {
            let why = chain(&error);
            tracing::warn!(%whose, %check, program, "a check's program did not start: {why}");
        }
    }
}

impl Shared {
    /// Where a program of a check prints to. Names hold nothing that a file's name cannot.
    fn output(&self, whose: &str, check: &str, what: &str) -> PathBuf {
        self.directory.join(format!("{whose}.{check}.{what}"))
    }
}
