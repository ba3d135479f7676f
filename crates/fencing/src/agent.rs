//! Runs an agent once: feeds it, listens to it, and ends it when it takes too long.
//!
//! Never waits without a bound, never leaves a process of an overdue agent behind, never puts
//! an option on a command line.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use serde::{Deserialize, Serialize};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, Interest};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout, timeout_at};

use crate::report::Action;

/// Why a run of an agent did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// There is no such program, or it cannot be executed.
    AgentMissing,
    /// A file that an option names cannot be read, or an option cannot be sent in a line.
    BadOption {
        /// Which option and why, without its value.
        what: String,
    },
    /// It could not be started.
    NotStarted {
        /// What the kernel said.
        why: String,
    },
    /// It ended with an exit code that means failure, or by a signal (then 128 + number).
    Failed {
        /// The code.
        exit: i32,
    },
    /// It did not end in time and was killed.
    TimedOut {
        /// The time that it had.
        limit: Duration,
    },
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AgentMissing => write!(f, "the agent is not installed"),
            Self::BadOption { what } => write!(f, "bad option: {what}"),
            Self::NotStarted { why } => write!(f, "could not be started: {why}"),
            Self::Failed { exit } => write!(f, "failed with exit code {exit}"),
            Self::TimedOut { limit } => write!(f, "did not end within {limit:?}"),
        }
    }
}

/// What one run gave.
pub(crate) struct Ran {
    pub(crate) result: Result<i32, FailureKind>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Metadata of the largest known agents is some 30 KiB. A program that prints more than this
/// is read to its end, so that it does not block, but not kept.
const OUTPUT_BYTES_MAX: usize = 256 * 1024;
/// A decent agent closes its session when told to end; more than this only delays recovery.
const TERM_GRACE: Duration = Duration::from_millis(300);
/// After KILL only the kernel is in the way (a process in uninterruptible sleep).
const KILL_GRACE: Duration = Duration::from_secs(1);
/// A child of the agent that outlives it may hold the pipes open; its words are not awaited.
const OUTPUT_LINGER: Duration = Duration::from_millis(100);

const AGENT_DIRECTORIES: [&str; 2] = ["/usr/sbin", "/usr/bin"];

fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Whether an agent, by its name or its path, is there and can be executed.
#[must_use]
pub fn is_installed(agent: &str) -> bool {
    locate(agent).is_ok()
}

/// Where the agent is.
pub(crate) fn locate(agent: &str) -> Result<PathBuf, FailureKind> {
    if agent.starts_with('/') {
        let path = PathBuf::from(agent);
        return if is_executable(&path) {
            Ok(path)
        } else {
            Err(FailureKind::AgentMissing)
        };
    }
    if agent.is_empty() || agent.contains('/') {
        return Err(FailureKind::AgentMissing);
    }
    let search = std::env::var_os("PATH").unwrap_or_default();
    AGENT_DIRECTORIES
        .iter()
        .map(PathBuf::from)
        .chain(std::env::split_paths(&search))
        .map(|directory| directory.join(agent))
        .find(|path| path.is_absolute() && is_executable(path))
        .ok_or(FailureKind::AgentMissing)
}

/// The text for standard input, and the secrets within that must not be shown.
struct Input {
    text: String,
    secrets: Vec<String>,
}

const SECRET_OPTIONS: [&str; 4] = ["password", "passwd", "snmp_priv_passwd", "snmp-priv-passwd"];

async fn make_input(
    mut lines: BTreeMap<String, String>,
    action: Action,
) -> Result<Input, FailureKind> {
    if let Some(path) = lines.remove("password_file") {
        let what = |e: io::Error| FailureKind::BadOption {
            what: format!("password_file: {e}"),
        };
        let secret = tokio::fs::read_to_string(path).await.map_err(what)?;
        lines.insert(
            "password".into(),
            secret.trim_end_matches(['\r', '\n']).to_string(),
        );
    }
    // The action is ours to choose; an option of that name would contradict it.
    lines.remove("option");
    lines.insert("action".into(), action.word().into());
    let breaks = |text: &str| text.contains(['\n', '\0']);
    if let Some((key, _)) = lines
        .iter()
        .find(|(key, value)| breaks(key) || breaks(value))
    {
        return Err(FailureKind::BadOption {
            what: format!("{key:?} has a line break"),
        });
    }
    let secrets = SECRET_OPTIONS
        .iter()
        .filter_map(|key| lines.get(*key).cloned());
    Ok(Input {
        secrets: secrets.filter(|secret| !secret.is_empty()).collect(),
        text: lines
            .iter()
            .map(|(key, value)| format!("{key}={value}\n"))
            .collect(),
    })
}

/// Kills the whole group of an agent unless told that it has ended: also when the caller gives
/// up and drops the future.
struct Group {
    leader: Option<Pid>,
}

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(leader) = self.leader {
            // Fails only when the group is gone, which is what we want.
            let _ = kill_process_group(leader, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

async fn read_bounded(pipe: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) {
    let Some(mut pipe) = pipe else { return };
    let mut chunk = [0; 8192];
    // Bounded by the caller's time limit.
    while let Ok(count) = pipe.read(&mut chunk).await {
        if count == 0 {
            return;
        }
        let room = OUTPUT_BYTES_MAX.saturating_sub(into.len());
        into.extend_from_slice(&chunk[..count.min(room)]);
    }
}

fn start(program: &Path) -> io::Result<(Child, Group, AsyncFd<OwnedFd>)> {
    let child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let leader = id.ok_or_else(|| io::Error::other("the child has no id"))?;
    let group = Group {
        leader: Some(leader),
    };
    let pidfd = pidfd_open(leader, PidfdFlags::empty())?;
    // SAFETY: an `OwnedFd` is the only owner of its descriptor and keeps it open and the same
    // for as long as the `AsyncFd` holds it.
    let ended = unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE)? };
    Ok((child, group, ended))
}

/// Waits for the end of the leader without reaping it, so that its group id stays ours.
async fn ended_by(ended: &AsyncFd<OwnedFd>, deadline: Instant) -> bool {
    timeout_at(deadline, ended.readable()).await.is_ok()
}

async fn end_group(group: &Group, ended: &AsyncFd<OwnedFd>) {
    group.signal(Signal::TERM);
    ended_by(ended, Instant::now() + TERM_GRACE).await;
    group.signal(Signal::KILL);
    ended_by(ended, Instant::now() + KILL_GRACE).await;
}

fn exit_code(status: std::process::ExitStatus) -> i32 {
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// Runs `program` with `text` on its standard input.
async fn converse(
    program: &Path,
    text: String,
    limit: Duration,
) -> io::Result<(Result<i32, FailureKind>, Vec<u8>, Vec<u8>)> {
    let deadline = Instant::now() + limit;
    let (mut child, mut group, ended) = start(program)?;
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feed = async move {
        if let Some(mut stdin) = stdin {
            // An agent that does not read all its options is judged by its exit code.
            let _ = stdin.write_all(text.as_bytes()).await;
        }
    };
    let in_time = {
        let talk = async {
            tokio::join!(
                feed,
                read_bounded(stdout, &mut out),
                read_bounded(stderr, &mut err)
            );
        };
        tokio::pin!(talk);
        let (in_time, silent) = tokio::select! {
            () = &mut talk => (ended_by(&ended, deadline).await, true),
            in_time = ended_by(&ended, deadline) => (in_time, false),
        };
        if !in_time {
            end_group(&group, &ended).await;
        }
        if !silent {
            let _ = timeout(OUTPUT_LINGER, talk).await;
        }
        in_time
    };
    let status = timeout(KILL_GRACE, child.wait()).await;
    let result = match status {
        Ok(Ok(status)) if in_time => {
            // Ended by itself and reaped: the number of its group may be another's from now on.
            group.leader = None;
            Ok(exit_code(status))
        }
        Ok(Ok(_)) => {
            group.leader = None;
            Err(FailureKind::TimedOut { limit })
        }
        Ok(Err(_)) | Err(_) => Err(FailureKind::TimedOut { limit }),
    };
    Ok((result, out, err))
}

fn shown(bytes: &[u8], secrets: &[String]) -> String {
    let text = String::from_utf8_lossy(bytes).into_owned();
    secrets
        .iter()
        .fold(text, |text, secret| text.replace(secret.as_str(), "***"))
}

/// Runs the agent once.
pub(crate) async fn run(
    agent: &str,
    lines: BTreeMap<String, String>,
    action: Action,
    limit: Duration,
) -> Ran {
    let nothing = |kind| Ran {
        result: Err(kind),
        stdout: String::new(),
        stderr: String::new(),
    };
    let program = match locate(agent) {
        Ok(program) => program,
        Err(kind) => return nothing(kind),
    };
    let input = match make_input(lines, action).await {
        Ok(input) => input,
        Err(kind) => return nothing(kind),
    };
    match converse(&program, input.text, limit).await {
        Ok((result, out, err)) => Ran {
            result,
            stdout: shown(&out, &input.secrets),
            stderr: shown(&err, &input.secrets),
        },
        Err(error) => nothing(FailureKind::NotStarted {
            why: error.to_string(),
        }),
    }
}
