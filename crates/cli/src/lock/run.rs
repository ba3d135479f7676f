//! A command that runs while a lock is held, and ends when the lock is lost.
//!
//! It is a process group of its own. Its first process ends with this one, whatever ends this
//! one: nobody would notice otherwise that the lock is lost.

use std::ffi::OsString;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use api::lock::{LockReply, LockStanding};
use api::{ApiError, ErrorCode, routes};
use rustix::process::{Pid, Signal, kill_process_group, set_parent_process_death_signal};
use serde_json::json;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use super::{AGAIN_AFTER, Held};
use crate::client::Client;
use crate::exit::Exit;
use crate::screen::{Form, Screen};

/// A command that shall end is asked to at first, while there is time.
const ASKED_FOR_MAX: Duration = Duration::from_secs(10);

/// Before the lock is lost the command must be gone: a fifth of what is left when it is asked
/// would be short for a long lease, so it is asked when a fifth of the lease is left.
const ASKED_BEFORE: u32 = 5;

/// Why a command was ended.
enum Lost {
    /// The cluster says so.
    Told(ApiError),
    /// Nobody has answered for too long.
    Silence(Option<ApiError>),
}

pub(super) fn run(
    client: &Client,
    (screen, form): (&mut Screen, Form),
    held: Held,
    command: &[OsString],
) -> Result<Exit, ApiError> {
    let began = Instant::now();
    let (held, ended) = client.block_on(supervise(client, held, command));
    // A lock that was lost is not ours to give back; then the answer is a refusal, and no news.
    let _refused: Result<LockReply, ApiError> = client.post(routes::LOCKS, &held.release());
    let (status, lost) = ended?;
    let how = words(status);
    if form == Form::Json {
        screen.print_json(&json!({
            "lock": held.reply.lock,
            "token": held.reply.token,
            "session": held.reply.session,
            "ended": how,
            "lost": lost.is_some(),
            "held_ms": u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        }));
    }
    let lock = &held.reply.lock;
    match lost {
        None if status.success() => Ok(Exit::Done),
        None => Err(ErrorCode::LockCommandFailed.error(format!("the command ended with {how}"))),
        Some(Lost::Told(error)) => Err(error.with_detail(format!("the command was ended: {how}"))),
        Some(Lost::Silence(error)) => {
            let what = format!("lock {lock} could not be renewed in time");
            let lost = ErrorCode::LockLost.error(what);
            let lost = error
                .into_iter()
                .fold(lost, |lost, error| lost.with_detail(error.message));
            Err(lost.with_detail(format!("the command was ended: {how}")))
        }
    }
}

type Ended = Result<(ExitStatus, Option<Lost>), ApiError>;

async fn supervise(client: &Client, mut held: Held, command: &[OsString]) -> (Held, Ended) {
    let mut child = match start(&held, command) {
        Ok(child) => child,
        Err(error) => return (held, Err(error)),
    };
    let group = child
        .id()
        .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let ended = watch(client, (&mut held, group), &mut child).await;
    (held, ended)
}

fn start(held: &Held, command: &[OsString]) -> Result<Child, ApiError> {
    let failed = |error: std::io::Error| {
        let name = command
            .first()
            .map(|word| word.to_string_lossy().into_owned());
        let what = format!("{} cannot be started", name.unwrap_or_default());
        ErrorCode::LockCommandFailed
            .error(what)
            .with_detail(error.to_string())
    };
    let own = std::env::current_exe().map_err(failed)?;
    let mut becomes = Command::new(own);
    becomes
        .args(["lock", "become", &std::process::id().to_string(), "--"])
        .args(command)
        .env("MAINSTAY_LOCK", &held.reply.lock)
        .env("MAINSTAY_LOCK_SESSION", &held.reply.session)
        .env(
            "MAINSTAY_LOCK_TOKEN",
            held.reply.token.unwrap_or_default().to_string(),
        )
        .process_group(0);
    if std::io::IsTerminal::is_terminal(&std::io::stdin()) {
        // A group in the background that reads the terminal would be stopped.
        becomes.stdin(Stdio::null());
    }
    becomes.spawn().map_err(failed)
}

async fn watch(
    client: &Client,
    (held, group): (&mut Held, Option<Pid>),
    child: &mut Child,
) -> Ended {
    let broken = |error: std::io::Error| ErrorCode::LockCommandFailed.error(error.to_string());
    let mut interrupt = signal(SignalKind::interrupt()).map_err(broken)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(broken)?;
    let mut try_at = held.renews_at();
    let mut lost: Option<Lost> = None;
    let mut trouble: Option<ApiError> = None;
    let mut kill_at = held.ends();
    loop {
        let next = match lost {
            None => try_at.min(asks_at(held)),
            Some(_) => kill_at,
        };
        tokio::select! {
            biased;
            status = child.wait() => return Ok((status.map_err(broken)?, lost)),
            _ = interrupt.recv() => send(group, Signal::INT),
            _ = terminate.recv() => send(group, Signal::TERM),
            () = tokio::time::sleep_until(next.into()) => {}
        }
        let now = Instant::now();
        if lost.is_some() {
            if kill_at <= now {
                send(group, Signal::KILL);
                kill_at = now + ASKED_FOR_MAX;
            }
            continue;
        }
        if try_at <= now {
            match renew(client, held).await {
                Ok(()) => trouble = None,
                Err(error) if is_final(&error) => lost = Some(Lost::Told(error)),
                Err(error) => trouble = Some(error),
            }
            try_at = held.renews_at().max(Instant::now() + AGAIN_AFTER);
        }
        if lost.is_none() && asks_at(held) <= Instant::now() {
            lost = Some(Lost::Silence(trouble.take()));
        }
        if lost.is_some() {
            send(group, Signal::TERM);
            kill_at = held.ends().min(Instant::now() + ASKED_FOR_MAX);
        }
    }
}

/// When the command must be asked to end, if the lock was not renewed by then.
fn asks_at(held: &Held) -> Instant {
    held.ends()
        .checked_sub(held.lease() / ASKED_BEFORE)
        .unwrap_or(held.asked)
}

/// What says that the lock is lost, or will be, whatever is tried.
fn is_final(error: &ApiError) -> bool {
    let codes = [
        ErrorCode::LockLost,
        ErrorCode::LockIsFree,
        ErrorCode::LockRecalled,
    ];
    codes.into_iter().any(|code| error.is(code))
}

async fn renew(client: &Client, held: &mut Held) -> Result<(), ApiError> {
    let asked = Instant::now();
    let limit = asks_at(held).saturating_duration_since(asked);
    let reply: LockReply = client.tell(routes::LOCKS, &held.renewal(), limit).await?;
    if reply.standing != LockStanding::Held || reply.token != held.reply.token {
        let what = format!("lock {} is held by somebody else", held.reply.lock);
        return Err(ErrorCode::LockLost.error(what));
    }
    (held.reply, held.asked) = (reply, asked);
    Ok(())
}

fn send(group: Option<Pid>, signal: Signal) {
    if let Some(group) = group {
        // Who is gone already needs no signal.
        let _gone = kill_process_group(group, signal);
    }
}

fn words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown end".to_string(),
    }
}

/// Ends with the parent from now on, and becomes the command. Returns only when it cannot.
pub(super) fn become_command(parent: u32, command: &[OsString]) -> ApiError {
    let failed = |what: String| ErrorCode::LockCommandFailed.error(what);
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return failed(format!("the command would outlive the lock: {error}"));
    }
    let has_parent = rustix::process::getppid()
        .is_some_and(|id| u32::try_from(id.as_raw_nonzero().get()).is_ok_and(|id| id == parent));
    let Some((program, arguments)) = command.split_first().filter(|_| has_parent) else {
        return failed("whoever holds the lock is gone already".to_string());
    };
    let error = std::process::Command::new(program).args(arguments).exec();
    let program = program.to_string_lossy();
    failed(format!("{program} cannot be started: {error}"))
}
