//! Keeps the daemon of a node running, as an init system would: starts it once the node has
//! been initialised, and again whenever it ends.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::inotify;
use rustix::process::{Pid, Signal, kill_process};

use crate::init::start_session;
use crate::protocol::{Daemon, DaemonKind};

/// A daemon that was killed is missed at once.
const BACK_OFF_FIRST: Duration = Duration::from_millis(50);
/// One that cannot run must not eat the machine.
const BACK_OFF_LAST: Duration = Duration::from_secs(2);
/// After this long the daemon counts as healthy, and its next end as the first.
const HEALTHY_AFTER: Duration = Duration::from_secs(10);
/// Its presence in the state directory says that `init` or `join` have succeeded.
const MARK: &str = "node.json";

enum State {
    /// The node has not been initialised.
    Bare,
    Waiting {
        until: Instant,
    },
    Running {
        pid: i32,
        since: Instant,
    },
}

/// Starts the daemon again and again.
pub(crate) struct Guard {
    daemon: Daemon,
    environment: BTreeMap<String, String>,
    notify: Option<OwnedFd>,
    back_off: Duration,
    state: State,
}

fn watch(daemon: &Daemon) -> io::Result<OwnedFd> {
    let fd = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
    let events = inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO;
    inotify::add_watch(&fd, &daemon.state_dir, events)?;
    Ok(fd)
}

impl Guard {
    pub(crate) fn new(daemon: &Daemon, environment: &BTreeMap<String, String>) -> Self {
        Self {
            daemon: daemon.clone(),
            environment: environment.clone(),
            // Without it a node that is initialised later would wait for its next boot.
            notify: watch(daemon).ok(),
            back_off: BACK_OFF_FIRST,
            state: State::Bare,
        }
    }

    /// Becomes readable when the state directory changes, while that matters.
    pub(crate) fn notify(&self) -> Option<BorrowedFd<'_>> {
        match self.state {
            State::Bare => self.notify.as_ref().map(AsFd::as_fd),
            State::Waiting { .. } | State::Running { .. } => None,
        }
    }

    /// When `start_when_due` wants to be called at the latest.
    pub(crate) fn due_in(&self) -> Option<Duration> {
        match self.state {
            State::Waiting { until } => Some(until.saturating_duration_since(Instant::now())),
            State::Bare | State::Running { .. } => None,
        }
    }

    /// Starts the daemon if it is time to.
    pub(crate) fn start_when_due(&mut self) -> Option<i32> {
        let now = Instant::now();
        match self.state {
            State::Running { .. } => return None,
            State::Waiting { until } if now < until => return None,
            State::Bare if !self.is_initialised() => return None,
            State::Bare | State::Waiting { .. } => {}
        }
        match self.start() {
            Ok(pid) => {
                self.state = State::Running { pid, since: now };
                Some(pid)
            }
            Err(_) => {
                self.wait_longer();
                None
            }
        }
    }

    fn is_initialised(&self) -> bool {
        if let Some(notify) = &self.notify {
            let mut bytes = [0; 4096];
            // Only the wake-up counts; the file itself is looked at.
            let _ = rustix::io::read(notify, &mut bytes);
        }
        match self.daemon.kind {
            DaemonKind::Node => self.daemon.state_dir.join(MARK).exists(),
            DaemonKind::Witness => true,
        }
    }

    fn start(&self) -> io::Result<i32> {
        let log: File = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.daemon.log)?;
        let program = match self.daemon.installed.exists() {
            true => &self.daemon.installed,
            false => &self.daemon.program,
        };
        let mut command = Command::new(program);
        command
            .args(match self.daemon.kind {
                DaemonKind::Node => &["daemon"][..],
                DaemonKind::Witness => &["witness", "run"],
            })
            .envs(&self.environment)
            .current_dir("/");
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        start_session(&mut command)
    }

    fn wait_longer(&mut self) {
        self.state = State::Waiting {
            until: Instant::now() + self.back_off,
        };
        self.back_off = (self.back_off * 2).min(BACK_OFF_LAST);
    }

    /// A process ended; says whether it was the daemon.
    pub(crate) fn ended(&mut self, pid: i32) -> bool {
        match self.state {
            State::Running { pid: daemon, since } if daemon == pid => {
                if HEALTHY_AFTER <= since.elapsed() {
                    self.back_off = BACK_OFF_FIRST;
                }
                self.wait_longer();
                true
            }
            State::Running { .. } | State::Bare | State::Waiting { .. } => false,
        }
    }

    /// Kills the daemon, and only it.
    pub(crate) fn kill(&self) -> Option<i32> {
        let State::Running { pid, .. } = self.state else {
            return None;
        };
        let number = Pid::from_raw(pid)?;
        kill_process(number, Signal::KILL).ok().map(|()| pid)
    }
}
