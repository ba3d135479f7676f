//! Processes: whether one is still the one that was started, when and how it ends, which
//! others belong to it.
//!
//! A number alone names nobody for long: the kernel gives it to another process one day. So a
//! process is held by a pidfd (pidfd_open(2)), and recognised by number and start time.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::OnceLock;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::spawn::pidfd_open;
use crate::watched::watch;

/// Whether we are told how a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinship {
    /// Our child: the kernel tells us, and we must take note for it to vanish.
    Child,
    /// Started by an earlier run of the daemon: we only see that it ended.
    Adopted,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this exit status.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
    /// It is gone; how, only its parent was told.
    Unknown,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exit {status}"),
            Self::Signalled(signal) => write!(f, "signal {signal}"),
            Self::Unknown => f.write_str("ended"),
        }
    }
}

/// A process that is held. Dropping it leaves the process alone.
#[derive(Debug)]
pub struct Process {
    pid: i32,
    started: u64,
    kinship: Kinship,
    fd: AsyncFd<OwnedFd>,
    ended: OnceLock<Ended>,
}

impl Process {
    pub(crate) fn open(pid: i32, kinship: Kinship) -> io::Result<Self> {
        let fd = pidfd_open(pid)?;
        // Read while the handle is held: a child that ended stays readable until we reap it.
        let started = Stat::read(pid)?.started;
        let fd = watch(fd, Interest::READABLE)?;
        Ok(Self {
            pid,
            started,
            kinship,
            fd,
            ended: OnceLock::new(),
        })
    }

    /// Takes hold of a process that somebody else started. `None` when no process with this
    /// number and start time is alive. Must be called within a tokio runtime.
    #[must_use]
    pub fn adopt(pid: i32, started: u64) -> Option<Self> {
        if !is_same(pid, started) {
            return None;
        }
        let process = Self::open(pid, Kinship::Adopted).ok()?;
        // It may have ended, and its number been given away, before the handle was there.
        (process.started == started).then_some(process)
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Its start time: clock ticks since boot.
    #[must_use]
    pub fn started(&self) -> u64 {
        self.started
    }

    /// Waits for its end. May be called again, and dropped before.
    pub async fn ended(&self) -> Ended {
        loop {
            if let Some(ended) = self.check() {
                return ended;
            }
            match self.fd.readable().await {
                // Edge-triggered: the end stays the last event.
                Ok(mut ready) => ready.clear_ready(),
                Err(_runtime_ends) => return Ended::Unknown,
            }
        }
    }

    /// How it ended, if it did.
    pub fn check(&self) -> Option<Ended> {
        if let Some(ended) = self.ended.get() {
            return Some(*ended);
        }
        let ended = match self.kinship {
            Kinship::Child => reap(self.fd.get_ref())?,
            Kinship::Adopted => is_over(self.fd.get_ref()).then_some(Ended::Unknown)?,
        };
        Some(*self.ended.get_or_init(|| ended))
    }

    /// Sends a signal to it. Done when it has ended already.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn signal(&self, signal: i32) -> io::Result<()> {
        send(self.fd.get_ref(), signal)
    }

    /// Sends a signal to its process group, of which it is the leader. Does nothing once its
    /// end was seen: the number of the group might be somebody else's by then.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn signal_group(&self, signal: i32) -> io::Result<()> {
        if self.ended.get().is_some() {
            return Ok(());
        }
        // SAFETY: takes numbers only.
        let done = unsafe { libc::kill(-self.pid, signal) };
        done_or_gone(done)
    }
}

fn done_or_gone(done: i32) -> io::Result<()> {
    if 0 <= done {
        return Ok(());
    }
    match io::Error::last_os_error() {
        error if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        error => Err(error),
    }
}

fn send(fd: &OwnedFd, signal: i32) -> io::Result<()> {
    let none = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: a null siginfo asks for the same as kill(2) would send.
    let done =
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd.as_raw_fd(), signal, none, 0) };
    done_or_gone(i32::try_from(done).unwrap_or(-1))
}

fn is_over(fd: &OwnedFd) -> bool {
    let mut poll = libc::pollfd {
        fd: fd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one live pollfd is given.
    let ready = unsafe { libc::poll(&raw mut poll, 1, 0) };
    0 < ready
}

fn reap(fd: &OwnedFd) -> Option<Ended> {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    match waitid(WaitId::PidFd(std::os::fd::AsFd::as_fd(fd)), options) {
        Ok(None) => None,
        Ok(Some(status)) => Some(match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Ended::Exited(code),
            (None, Some(signal)) => Ended::Signalled(signal),
            (None, None) => Ended::Unknown,
        }),
        // Somebody else in this process took note of it.
        Err(_) => is_over(fd).then_some(Ended::Unknown),
    }
}

/// What `/proc/PID/stat` (proc_pid_stat(5)) says, as far as it matters to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// Its number.
    pub pid: i32,
    /// Its name, at most 15 bytes, chosen by itself.
    pub name: String,
    /// Whether it has ended and only waits for its parent to take note.
    pub life: Life,
    /// Its process group.
    pub group: i32,
    /// Its session.
    pub session: i32,
    /// Clock ticks since boot at its start.
    pub started: u64,
}

/// Whether a process can still do anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It can.
    Alive,
    /// It has ended.
    Over,
}

impl Stat {
    /// Reads the entry of one process.
    ///
    /// # Errors
    /// When there is none.
    pub fn read(pid: i32) -> io::Result<Self> {
        let bytes = std::fs::read(format!("/proc/{pid}/stat"))?;
        Self::parse(&String::from_utf8_lossy(&bytes)).ok_or_else(|| {
            let text = format!("/proc/{pid}/stat cannot be read");
            io::Error::new(io::ErrorKind::InvalidData, text)
        })
    }

    /// Reads the text of an entry. The name stands in brackets and may hold anything, also
    /// brackets and spaces.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (pid, rest) = text.split_once(" (")?;
        let (name, rest) = rest.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let life = match *fields.first()? {
            "Z" | "X" | "x" => Life::Over,
            _ => Life::Alive,
        };
        Some(Self {
            pid: pid.parse().ok()?,
            name: name.to_owned(),
            life,
            group: fields.get(2)?.parse().ok()?,
            session: fields.get(3)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
        })
    }
}

/// Whether the process with this number is alive and the one that started then.
#[must_use]
pub fn is_same(pid: i32, started: u64) -> bool {
    Stat::read(pid).is_ok_and(|stat| stat.started == started && stat.life == Life::Alive)
}

/// All processes that are alive.
#[must_use]
pub fn all() -> Vec<Stat> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Stat::read(pid).ok())
        .filter(|stat| stat.life == Life::Alive)
        .collect()
}

/// The value of a variable in the environment that a process was started with. `None` also
/// when it may not be read.
#[must_use]
pub fn variable(pid: i32, name: &str) -> Option<String> {
    let bytes = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    bytes.split(|byte| *byte == 0).find_map(|entry| {
        let value = entry.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        Some(String::from_utf8_lossy(value).into_owned())
    })
}

/// Its command line for people, cut to a sensible length; the bare name where it has none.
#[must_use]
pub fn command_line(pid: i32) -> String {
    /// As much as fits beside a number into a line.
    const SHOWN_MAX: usize = 100;
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<_> = bytes
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .map(String::from_utf8_lossy)
        .collect();
    if words.is_empty() {
        return Stat::read(pid).map(|stat| stat.name).unwrap_or_default();
    }
    words.join(" ").chars().take(SHOWN_MAX).collect()
}

/// Sends a signal to a process that was seen as `stat`, unless the number has been given to
/// another one meanwhile. Done when it has ended.
///
/// # Errors
/// What the kernel says.
pub fn signal(stat: &Stat, signal: i32) -> io::Result<()> {
    let fd = match pidfd_open(stat.pid) {
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Ok(()),
        other => other?,
    };
    if is_same(stat.pid, stat.started) {
        send(&fd, signal)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn we_are_alive_and_the_same_as_a_moment_ago() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let stat = Stat::read(pid).unwrap();
        assert!(is_same(pid, stat.started));
        assert!(!is_same(pid, stat.started + 1));
        assert!(all().iter().any(|other| other.pid == pid));
    }

    proptest! {
        #[test]
        fn a_name_with_brackets_and_spaces_does_not_confuse_the_reader(
            name in "[a-z() ]{0,15}", started in any::<u64>()) {
            let zeros = "0 ".repeat(14);
            let text = format!("77 ({name}) S 1 77 77 0 {zeros}{started} 9 9\n");
            let stat = Stat::parse(&text).unwrap();
            prop_assert_eq!(stat.started, started);
            prop_assert_eq!(stat.name, name);
            prop_assert_eq!(stat.session, 77);
        }

        #[test]
        fn no_text_makes_the_reader_fail(text in "\\PC{0,80}") {
            let _ = Stat::parse(&text);
        }
    }
}
