//! `mainstay lab-watchdog`: the watchdog of a node, beside the node as a piece of hardware is.
//!
//! It listens on a local socket. A connection takes lines: `timeout SECONDS` sets the
//! time-out and is answered with the same, `feed` starts it anew, `V` before the end of the
//! connection disarms it, `bite` ends the node at once. From the first connection on it is
//! armed, also when nobody is connected any more. It bites by ending: the keeper sees that,
//! and takes the node's power away.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::channel::Channel;
use crate::namespaces;

/// As a device that nobody has told anything else.
const TIMEOUT_FIRST: Duration = Duration::from_secs(60);
/// What the kernel's interface can say, and less than an hour.
const SECONDS_MAX: u64 = 3600;

struct Dog {
    listener: UnixListener,
    /// Ends with the keeper.
    keeper: Channel,
    feeder: Option<BufReader<UnixStream>>,
    timeout: Duration,
    /// When it bites, while it is armed.
    bites_at: Option<Instant>,
    /// Whether the feeder has said that it may sleep.
    may_sleep: bool,
}

/// What a line did.
#[derive(PartialEq, Eq)]
enum After {
    GoOn,
    Bite,
}

/// Runs until it bites, or until the keeper is gone.
pub(crate) fn main(arguments: &[String]) -> io::Result<()> {
    let keeper = Channel::from(namespaces::inherited(3)?);
    let path = arguments.first().ok_or(io::ErrorKind::InvalidInput)?;
    // Of an earlier boot.
    let _ = std::fs::remove_file(path);
    let mut dog = Dog {
        listener: UnixListener::bind(Path::new(path))?,
        keeper,
        feeder: None,
        timeout: TIMEOUT_FIRST,
        bites_at: None,
        may_sleep: false,
    };
    while dog.turn()? == After::GoOn {}
    Ok(())
}

impl Dog {
    fn turn(&mut self) -> io::Result<After> {
        let [keeper, listener, feeder] = self.wait()?;
        // Whoever was late is late, also when his food is there by now.
        if self.bites_at.is_some_and(|at| at <= Instant::now()) || keeper {
            return Ok(After::Bite);
        }
        // First the end of a feeder, who may have been started again already.
        if feeder && self.listen()? == After::Bite {
            return Ok(After::Bite);
        }
        if listener {
            let (stream, _) = self.listener.accept()?;
            if self.feeder.is_none() {
                self.feeder = Some(BufReader::new(stream));
                self.may_sleep = false;
                self.feed();
            }
        }
        Ok(After::GoOn)
    }

    fn wait(&self) -> io::Result<[bool; 3]> {
        let mut fds = vec![
            PollFd::new(&self.keeper, PollFlags::IN),
            PollFd::new(&self.listener, PollFlags::IN),
        ];
        if let Some(feeder) = &self.feeder {
            fds.push(PollFd::new(feeder.get_ref(), PollFlags::IN));
        }
        let limit = self
            .bites_at
            .map(|at| at.saturating_duration_since(Instant::now()));
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        rustix::io::retry_on_intr(|| poll(&mut fds, limit.as_ref()))?;
        let hit = |at: usize| fds.get(at).is_some_and(|fd| !fd.revents().is_empty());
        Ok([hit(0), hit(1), hit(2)])
    }

    fn feed(&mut self) {
        self.bites_at = Some(Instant::now() + self.timeout);
    }

    /// Takes what the feeder has sent; lines are short and come whole.
    fn listen(&mut self) -> io::Result<After> {
        let Some(feeder) = &mut self.feeder else {
            return Ok(After::GoOn);
        };
        let mut line = String::new();
        let ended = !feeder.read_line(&mut line).is_ok_and(|count| 0 < count);
        let buffered = !feeder.buffer().is_empty();
        match line.trim().split_once(' ') {
            Some(("timeout", seconds)) => {
                let seconds: u64 = seconds.parse().unwrap_or(0);
                self.timeout = Duration::from_secs(seconds.clamp(1, SECONDS_MAX));
                let _ = writeln!(feeder.get_mut(), "timeout {}", self.timeout.as_secs());
                self.feed();
            }
            Some(_) => {}
            None => match line.trim() {
                "feed" => self.feed(),
                "V" => self.may_sleep = true,
                "bite" => return Ok(After::Bite),
                _ => {}
            },
        }
        if ended {
            self.feeder = None;
            if self.may_sleep {
                self.bites_at = None;
            }
        }
        if buffered {
            self.listen()
        } else {
            Ok(After::GoOn)
        }
    }
}
