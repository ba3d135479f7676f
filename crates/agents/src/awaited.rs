//! A program that is being started, and whoever waits for it.
//!
//! To start one may take long: its account is asked of a directory service, its file of a server.
//! Whoever has waited enough says that the start has failed, and the service may be started
//! elsewhere. So nothing may begin after that: it is not started, or ended at once.

use std::sync::{Arc, Mutex, PoisonError};

use host::process::Process;

#[derive(Debug)]
enum State {
    /// Somebody waits, and it has not begun.
    Awaited,
    /// It runs, and has not been handed over yet.
    Started(Process),
    /// Nobody waits any more, or it was handed over.
    Over,
}

/// Held by whoever waits; who drops it waits no longer.
#[derive(Debug)]
pub(crate) struct Waiter(Arc<Mutex<State>>);

/// Held by who starts the program.
#[derive(Debug)]
pub(crate) struct Starter(Arc<Mutex<State>>);

pub(crate) fn awaited() -> (Waiter, Starter) {
    let state = Arc::new(Mutex::new(State::Awaited));
    (Waiter(Arc::clone(&state)), Starter(state))
}

impl Waiter {
    /// What was started. From here on it is the caller's.
    pub(crate) fn take(&self) -> Option<Process> {
        match replace(&self.0, State::Over) {
            State::Started(process) => Some(process),
            State::Awaited | State::Over => None,
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if let State::Started(process) = replace(&self.0, State::Over) {
            end(&process);
        }
    }
}

impl Starter {
    /// Whether somebody still waits: asked before anything is started.
    pub(crate) fn is_awaited(&self) -> bool {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(*state, State::Awaited)
    }

    /// Hands over what has just started.
    pub(crate) fn started(&self, process: Process) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *state {
            State::Awaited => *state = State::Started(process),
            State::Started(_) | State::Over => end(&process),
        }
    }
}

fn replace(state: &Mutex<State>, by: State) -> State {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::replace(&mut *state, by)
}

/// It has just begun: what it has forked is in its group still.
fn end(process: &Process) {
    let pid = process.pid();
    tracing::warn!(
        pid,
        "a program started after nobody waited for it: it is ended"
    );
    if let Err(error) = process.signal_group(libc::SIGKILL) {
        tracing::warn!(pid, %error, "cannot send KILL");
    }
}

#[cfg(test)]
mod tests {
    use host::process::Ended;
    use host::spawn::{Program, spawn};

    use super::*;

    fn sleeper() -> Process {
        let argv = ["/bin/sleep", "60"].map(str::to_owned);
        spawn(&Program {
            argv: &argv,
            environment: &std::collections::BTreeMap::new(),
            account: None,
            limits: &[],
            directory: std::path::Path::new("/"),
            output: std::path::Path::new("/dev/null"),
            cgroup: None,
        })
        .unwrap()
    }

    #[tokio::test]
    async fn what_is_awaited_is_handed_over_and_lives() {
        let (waiter, starter) = awaited();
        assert!(starter.is_awaited());
        starter.started(sleeper());
        let process = waiter.take().unwrap();
        drop((waiter, starter));
        assert_eq!(process.check(), None);
        end(&process);
        assert_eq!(process.ended().await, Ended::Signalled(libc::SIGKILL));
    }

    #[tokio::test]
    async fn what_starts_too_late_is_ended() {
        let (waiter, starter) = awaited();
        drop(waiter);
        assert!(!starter.is_awaited());
        let late = sleeper();
        let (pid, started) = (late.pid(), late.started());
        starter.started(late);
        gone(pid, started).await;
    }

    #[tokio::test]
    async fn what_nobody_has_fetched_is_ended() {
        let (waiter, starter) = awaited();
        let process = sleeper();
        let (pid, started) = (process.pid(), process.started());
        starter.started(process);
        drop(waiter);
        gone(pid, started).await;
    }

    /// Its end is seen without anybody who waits for it: a bounded look at the kernel's list.
    async fn gone(pid: i32, started: u64) {
        let left = || Process::adopt(pid, started);
        if let Some(process) = left() {
            let ended = tokio::time::timeout(std::time::Duration::from_secs(10), process.ended());
            ended.await.unwrap();
        }
    }
}
