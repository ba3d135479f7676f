//! `mainstay daemon --guard`: starts the daemon and starts it again when it ends otherwise
//! than it was told to, with a pause that grows.
//!
//! Services are no business of the guard: they outlive the daemon, and the next one finds and
//! adopts them. A daemon that cannot run must not eat the machine, and one that could again
//! must not be waited for: so the pause doubles up to half a minute, and begins anew after a
//! run that lasted.

use std::path::Path;
use std::process::{ExitCode, ExitStatus};
use std::time::{Duration, Instant};

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
/// When signals cannot be watched or the program cannot be started at all.
pub fn run(places: &Places) -> std::io::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(guard(places))
}

async fn guard(places: &Places) -> std::io::Result<ExitCode> {
    let mut terminate = unix::signal(SignalKind::terminate())?;
    let mut interrupt = unix::signal(SignalKind::interrupt())?;
    let mut pause = PAUSE_FIRST;
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
        if HEALTHY <= began.elapsed() {
            pause = PAUSE_FIRST;
        }
        tracing::error!("the daemon has ended ({status}); it starts again in {pause:?}");
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = terminate.recv() => return Ok(code(status)),
            _ = interrupt.recv() => return Ok(code(status)),
        }
        pause = (pause * 2).min(PAUSE_LAST);
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

/// Ends the daemon as it would be ended without a guard; it takes its own time for that, and
/// whoever told us knows how long to wait for both.
async fn stop(child: &mut Child) -> std::io::Result<ExitStatus> {
    let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    if let Some(id) = id {
        // It may have ended in this moment.
        let _ended = kill_process(id, Signal::TERM);
    }
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
