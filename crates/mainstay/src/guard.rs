//! `mainstay daemon --guard`: starts the daemon and starts it again when it ends otherwise
//! than it was told to, with a pause that grows.
//!
//! Services are no business of the guard: they outlive the daemon, and the next one finds and
//! adopts them. A daemon that cannot run must not eat the machine, and one that could again
//! must not be waited for: so the pause doubles up to half a minute, and begins anew after a
//! run that lasted.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use api::{ApiError, ErrorCode};
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, getpid, getppid, kill_process};
use tokio::process::{Child, Command};
use tokio::signal::unix::{self, SignalKind};

use crate::daemon::Places;

/// The number of the guard, in the environment of the daemon.
pub const GUARD: &str = "MAINSTAY_GUARD";

/// A daemon that was killed is missed at once: the others count its silence.
const PAUSE_FIRST: Duration = Duration::from_millis(200);

/// What cannot run now may be mended by a person, who should not wait long for it.
const PAUSE_LAST: Duration = Duration::from_secs(30);

/// A daemon that ran for so long was healthy, and its end is the first of a new row.
const HEALTHY: Duration = Duration::from_secs(60);

/// A daemon ends in half a second. Less than units wait before they kill what they started: a
/// guard that is killed first would leave a daemon that hangs.
const STOP_MAX: Duration = Duration::from_secs(8);

/// By then the daemon of an earlier guard has usually ended, and nobody wonders about the wait.
const FORMER_USUAL: Duration = Duration::from_secs(1);

/// How long the daemon of an earlier guard may take to end after that. One that takes longer was not
/// started by a guard, or hangs: then a new one says what is in its way.
const FORMER_MAX: Duration = Duration::from_secs(7);

/// Why there is no guard.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// The state belongs to another guard.
    #[error("another guard keeps the daemon running that has its state in {}", .0.display())]
    Guarded(PathBuf),
    /// Signals cannot be watched, or the program cannot be started at all.
    #[error("the guard cannot run")]
    Io(#[from] std::io::Error),
}

impl GuardError {
    /// The error as people and scripts see it.
    pub fn to_api(&self) -> ApiError {
        match self {
            Self::Guarded(_) => ErrorCode::DaemonRuns.error(self.to_string()),
            Self::Io(cause) => ErrorCode::StateUnusable
                .error(self.to_string())
                .with_detail(cause.to_string()),
        }
    }
}

/// The pauses before a daemon is started again: each is twice the one before.
#[derive(Debug)]
struct Pauses {
    next: Duration,
}

impl Pauses {
    fn new() -> Self {
        Self { next: PAUSE_FIRST }
    }

    /// The pause after a run that lasted for `ran`.
    fn after(&mut self, ran: Duration) -> Duration {
        if HEALTHY <= ran {
            self.next = PAUSE_FIRST;
        }
        let pause = self.next;
        self.next = (pause * 2).min(PAUSE_LAST);
        pause
    }
}

/// What ends the guard.
enum Told {
    /// The daemon has ended by itself.
    Ended(ExitStatus),
    /// Somebody wants both to end.
    Stop,
}

/// Guards daemons until one ends well, or the guard is told to end.
///
/// # Errors
/// When there is another guard, signals cannot be watched or the program cannot be started at
/// all.
pub fn run(places: &Places) -> Result<ExitCode, GuardError> {
    let _lock = lock(&places.state_dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(runtime.block_on(guard(places))?)
}

/// Two guards would start daemons in each other's way for ever. The directory itself is locked,
/// for as long as the guard lives; without one this is no node, and its daemon says that.
fn lock(state_dir: &Path) -> Result<Option<File>, GuardError> {
    let Ok(directory) = File::open(state_dir) else {
        return Ok(None);
    };
    match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(directory)),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(GuardError::Guarded(state_dir.to_owned())),
        Err(error) => Err(GuardError::Io(error.into())),
    }
}

async fn guard(places: &Places) -> std::io::Result<ExitCode> {
    let mut terminate = unix::signal(SignalKind::terminate())?;
    let mut interrupt = unix::signal(SignalKind::interrupt())?;
    tokio::select! {
        () = former_ended(places) => {}
        _ = terminate.recv() => return Ok(ExitCode::SUCCESS),
        _ = interrupt.recv() => return Ok(ExitCode::SUCCESS),
    }
    let mut pauses = Pauses::new();
    loop {
        let began = Instant::now();
        let mut child = start()?;
        let told = tokio::select! {
            status = child.wait() => Told::Ended(status?),
            _ = terminate.recv() => Told::Stop,
            _ = interrupt.recv() => Told::Stop,
        };
        let status = match told {
            Told::Ended(status) => status,
            Told::Stop => return Ok(code(stop(&mut child).await?)),
        };
        if is_over(status, &places.state_dir) {
            return Ok(code(status));
        }
        let pause = pauses.after(began.elapsed());
        tracing::error!("the daemon has ended ({status}); it starts again in {pause:?}");
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = terminate.recv() => return Ok(code(status)),
            _ = interrupt.recv() => return Ok(code(status)),
        }
    }
}

/// Waits for the daemon of a guard that was killed: it says goodbye to the others first, and
/// the log is its own until then.
async fn former_ended(places: &Places) {
    let log = places.state_dir.join(consensus::identity::LOG_DIRECTORY);
    let (ended, mut heard) = tokio::sync::oneshot::channel();
    // A thread of its own: nothing waits for it when the guard is told to end meanwhile.
    std::thread::spawn(move || {
        if let Err(error) = consensus::log::wait_until_free(&log) {
            tracing::warn!("the end of an earlier daemon will not be noticed: {error}");
        }
        let _told = ended.send(());
    });
    if tokio::time::timeout(FORMER_USUAL, &mut heard)
        .await
        .is_err()
    {
        tracing::warn!(
            "another daemon still has the log; its end is waited for, {FORMER_MAX:?} more at most"
        );
        let _given_up = tokio::time::timeout(FORMER_MAX, heard).await;
    }
}

fn start() -> std::io::Result<Child> {
    // As this one was called, but for the guard.
    let arguments = std::env::args_os().skip(1);
    Command::new(std::env::current_exe()?)
        .args(arguments.filter(|argument| argument != "--guard"))
        .env(GUARD, getpid().as_raw_nonzero().to_string())
        .spawn()
}

/// Ends the daemon as it would be ended without a guard. One that hangs is killed: services run
/// on either way.
async fn stop(child: &mut Child) -> std::io::Result<ExitStatus> {
    let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    if let Some(id) = id {
        // It may have ended in this moment.
        let _ended = kill_process(id, Signal::TERM);
    }
    if let Ok(ended) = tokio::time::timeout(STOP_MAX, child.wait()).await {
        return ended;
    }
    tracing::error!("the daemon has not ended within {STOP_MAX:?}; it is killed");
    child.kill().await?;
    child.wait().await
}

/// Whether a new start would be of no use: it was told to end, it does not understand its
/// command line, or this machine is no node (any more).
fn is_over(status: ExitStatus, state_dir: &Path) -> bool {
    let identity = state_dir.join(consensus::identity::IDENTITY_FILE);
    matches!(status.code(), Some(0 | 2)) || !identity.exists()
}

fn code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

/// In the daemon: ends with its guard, so that the next guard's daemon does not find this one
/// in its place.
pub fn follow() {
    let guard = std::env::var(GUARD).ok();
    let Some(guard) = guard.and_then(|text| text.parse::<i32>().ok()) else {
        return;
    };
    if let Err(error) = rustix::process::set_parent_process_death_signal(Some(Signal::TERM)) {
        tracing::warn!("the end of the guard will not be noticed: {error}");
    }
    // It may have ended before we asked.
    if getppid().map(|parent| parent.as_raw_nonzero().get()) != Some(guard) {
        tracing::warn!("the guard has ended already");
        let _ended = kill_process(getpid(), Signal::TERM);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pauses after runs of so many seconds, in milliseconds.
    fn pauses(runs: &[u64]) -> Vec<u128> {
        let mut pauses = Pauses::new();
        let after = |ran: &u64| pauses.after(Duration::from_secs(*ran)).as_millis();
        runs.iter().map(after).collect()
    }

    #[test]
    fn the_pause_doubles_up_to_half_a_minute() {
        let after_crashes = pauses(&[0; 11]);
        let grown = [
            200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000, 30_000,
        ];
        assert_eq!(after_crashes, grown);
    }

    #[test]
    fn a_run_of_a_minute_begins_a_new_row() {
        assert_eq!(
            pauses(&[0, 0, 59, 60, 0, 3600, 0]),
            [200, 400, 800, 200, 400, 200, 400]
        );
    }
}
