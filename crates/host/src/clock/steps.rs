//! Notices when somebody sets the wall clock. The kernel tells it (a timer that is cancelled
//! when the clock is set, timerfd_create(2)); nothing is asked again and again.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::inotify;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use super::{SHIFTED, now, wall_millis};

/// Smaller steps are made by time daemons at their start; people need not know.
const STEP_MIN: Duration = Duration::from_millis(500);

/// Names a file with the milliseconds by which a laboratory shifts the wall clock.
const LAB_FILE: &str = "MAINSTAY_LAB_WALL";

/// The end of the timer: no machine runs for so long. The kernel's own limit is later.
const NEVER: i64 = 1 << 32;

/// The wall clock was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// By how many milliseconds; negative: back.
    pub millis: i64,
}

/// Calls `tell` from a thread of its own whenever the wall clock is set.
///
/// # Errors
/// When the kernel gives no timer or no thread.
pub fn watch(tell: Box<dyn Fn(Step) + Send>) -> io::Result<()> {
    let mut watch = Watch::new(std::env::var_os(LAB_FILE).map(PathBuf::from))?;
    std::thread::Builder::new()
        .name("wall-clock".into())
        .spawn(move || {
            // A watch that fails has no use any more; the clock itself goes on.
            while let Ok(step) = watch.wait() {
                step.into_iter().for_each(&tell);
            }
        })?;
    Ok(())
}

struct Watch {
    timer: OwnedFd,
    lab: Option<(OwnedFd, PathBuf)>,
    /// The wall clock less the clock that never jumps, milliseconds.
    difference: i64,
}

impl Watch {
    fn new(lab: Option<PathBuf>) -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Realtime, TimerfdFlags::CLOEXEC)?;
        set(&timer)?;
        let lab = match lab {
            Some(file) => {
                shift_by(&file);
                Some((watch_directory(&file)?, file))
            }
            None => None,
        };
        let difference = difference();
        Ok(Self {
            timer,
            lab,
            difference,
        })
    }

    /// Waits until something may have set the clock, and tells by how much it did.
    fn wait(&mut self) -> io::Result<Option<Step>> {
        let mut fds = vec![PollFd::new(&self.timer, PollFlags::IN)];
        fds.extend(
            self.lab
                .as_ref()
                .map(|(fd, _)| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)),
        );
        rustix::io::retry_on_intr(|| poll(&mut fds, None))?;
        if !fds[0].revents().is_empty() {
            set(&self.timer)?;
        }
        if let Some((fd, file)) = &self.lab {
            let mut bytes = [0; 4096];
            // Only the wake-up counts.
            let _ = rustix::io::read(fd, &mut bytes);
            shift_by(file);
        }
        let now = difference();
        let millis = now.saturating_sub(self.difference);
        if Duration::from_millis(millis.unsigned_abs()) < STEP_MIN {
            return Ok(None);
        }
        self.difference = now;
        Ok(Some(Step { millis }))
    }
}

fn difference() -> i64 {
    let steady = i64::try_from(now().0 / 1_000_000).unwrap_or(i64::MAX);
    wall_millis().saturating_sub(steady)
}

/// A timer that has been cancelled by a step is armed anew.
fn set(timer: &OwnedFd) -> io::Result<()> {
    let never = Itimerspec {
        it_interval: Timespec::default(),
        it_value: Timespec {
            tv_sec: NEVER,
            tv_nsec: 0,
        },
    };
    let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
    match timerfd_settime(timer, flags, &never) {
        // It says so once more when the clock was set before it was read.
        Ok(_) | Err(rustix::io::Errno::CANCELED) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn watch_directory(file: &Path) -> io::Result<OwnedFd> {
    let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
    let fd = inotify::init(flags)?;
    let directory = file.parent().unwrap_or(Path::new("/"));
    let events = inotify::WatchFlags::MOVED_TO;
    inotify::add_watch(&fd, directory, events)?;
    Ok(fd)
}

fn shift_by(file: &Path) {
    let text = std::fs::read_to_string(file).ok();
    if let Some(millis) = text.and_then(|text| text.trim().parse().ok()) {
        SHIFTED.store(millis, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_told_once_and_with_its_size() {
        let _alone = super::super::tests::ALONE.lock();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("wall");
        let mut watch = Watch::new(Some(file.clone())).unwrap();
        let before = super::super::wall();
        let set = |text: &str| {
            let new = dir.path().join("new");
            std::fs::write(&new, text).unwrap();
            std::fs::rename(new, &file).unwrap();
        };
        set("3600000");
        let step = watch.wait().unwrap().unwrap();
        assert!(step.millis.abs_diff(3_600_000) < 1000, "{step:?}");
        assert!(before.0 + 3_599_000 < super::super::wall().0);
        // What is no step is not told.
        set("3600100");
        assert_eq!(watch.wait().unwrap(), None);
        set("0");
        let back = watch.wait().unwrap().unwrap();
        assert!(back.millis.abs_diff(-3_600_000) < 1000, "{back:?}");
    }
}
