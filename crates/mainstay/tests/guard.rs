//! `mainstay daemon --guard` with real processes: each test is a cluster of one node on an
//! address of the loopback of its own.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(30);

/// A node that is guarded, and the end of both with the test.
struct Guarded {
    place: TempDir,
    guard: Child,
}

fn command(place: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mainstay"));
    command
        .args(words)
        .env("MAINSTAY_STATE_DIR", place.join("state"))
        .env("MAINSTAY_RUN_DIR", place.join("run"))
        .env("MAINSTAY_LOG_DIR", place.join("log"))
        .env("MAINSTAY_SOCKET", place.join("socket"));
    command
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::yield_now();
    }
}

/// Parent and state of a process, unless it has ended.
fn stat(pid: i32) -> Option<(i32, char)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut rest = stat.rsplit_once(") ")?.1.split(' ');
    let state = rest.next()?.chars().next()?;
    Some((rest.next()?.parse().ok()?, state))
}

fn lives(pid: i32) -> bool {
    stat(pid).is_some_and(|(_, state)| state != 'Z')
}

fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

impl Guarded {
    /// `host` is a number of the test's own.
    fn start(host: u8) -> Self {
        let place = tempfile::tempdir().unwrap();
        let address = format!("lan=127.77.0.{host}/8");
        let init = ["init", "shop", "--name", "alpha", "--address", &address];
        let formed = command(place.path(), &init).output().unwrap();
        assert!(formed.status.success(), "{formed:?}");
        let guard = guard(place.path());
        Self { place, guard }
    }

    fn pid(&self) -> i32 {
        self.guard.id().cast_signed()
    }

    /// The daemon, once there is one other than `before`.
    fn daemon(&self, before: Option<i32>) -> i32 {
        until("a daemon", || {
            let entries = std::fs::read_dir("/proc").unwrap();
            let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
            let ours = |pid: &i32| stat(*pid).is_some_and(|(parent, _)| parent == self.pid());
            let mut new = pids.filter(ours).filter(|pid| Some(*pid) != before);
            new.find(|pid| lives(*pid))
        })
    }

    /// Until the daemon answers.
    fn wait_online(&self) {
        until("an answer", || {
            let asked = command(self.place.path(), &["status", "--check"]).output();
            asked.unwrap().status.success().then_some(())
        });
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.place.path().join("said")).unwrap()
    }

    fn end(&mut self) -> ExitStatus {
        until("the end of the guard", || self.guard.try_wait().unwrap())
    }
}

fn guard(place: &Path) -> Child {
    let said = File::options()
        .create(true)
        .append(true)
        .open(place.join("said"))
        .unwrap();
    command(place, &["daemon", "--guard"])
        .stdout(said.try_clone().unwrap())
        .stderr(said)
        .spawn()
        .unwrap()
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // The daemon ends with its guard.
        let _ended = self.guard.kill();
        let _ended = self.guard.wait();
    }
}

#[test]
fn a_daemon_that_is_killed_is_started_again_after_pauses_that_grow() {
    let node = Guarded::start(1);
    let mut daemon = node.daemon(None);
    for pause in [200, 400, 800] {
        node.wait_online();
        let killed = Instant::now();
        signal(daemon, Signal::KILL);
        daemon = node.daemon(Some(daemon));
        let paused = killed.elapsed();
        assert!(Duration::from_millis(pause) <= paused, "{paused:?}");
        let told = format!("it starts again in {pause}ms");
        assert!(node.log().contains(&told), "no `{told}` in {}", node.log());
    }
    node.wait_online();
}

#[test]
fn a_guard_that_is_told_to_end_ends_its_daemon_first() {
    let mut node = Guarded::start(2);
    let daemon = node.daemon(None);
    node.wait_online();
    signal(node.pid(), Signal::TERM);
    assert_eq!(node.end().code(), Some(0), "{}", node.log());
    assert!(!lives(daemon));
    assert!(!node.log().contains("it starts again"), "{}", node.log());
}

#[test]
fn a_guard_ends_in_its_pause_as_well() {
    let mut node = Guarded::start(3);
    let daemon = node.daemon(None);
    node.wait_online();
    signal(daemon, Signal::KILL);
    until("a pause", || {
        node.log().contains("it starts again").then_some(())
    });
    signal(node.pid(), Signal::TERM);
    node.end();
    assert_eq!(node.log().matches("daemon started").count(), 1);
}

#[test]
fn a_daemon_that_hangs_is_killed_with_its_guard() {
    let mut node = Guarded::start(4);
    let daemon = node.daemon(None);
    node.wait_online();
    signal(daemon, Signal::STOP);
    signal(node.pid(), Signal::TERM);
    node.end();
    assert!(!lives(daemon));
    let told = "the daemon has not ended within 8s; it is killed";
    assert!(node.log().contains(told), "{}", node.log());
}

#[test]
fn a_guard_that_is_killed_takes_its_daemon_along_and_the_next_one_goes_on() {
    let mut node = Guarded::start(5);
    let daemon = node.daemon(None);
    node.wait_online();
    node.guard.kill().unwrap();
    node.guard.wait().unwrap();
    // At once: the old daemon may still be about to end.
    node.guard = guard(node.place.path());
    until("the end of the old daemon", || {
        (!lives(daemon)).then_some(())
    });
    node.wait_online();
    assert_ne!(node.daemon(None), daemon);
}

#[test]
fn a_second_guard_ends_at_once_and_says_why() {
    let node = Guarded::start(6);
    let daemon = node.daemon(None);
    node.wait_online();
    let second = command(node.place.path(), &["daemon", "--guard"])
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("error E0409: another guard"), "{said}");
    assert!(lives(daemon), "the first goes on");
}

#[test]
fn a_guard_of_a_machine_that_is_no_node_says_so_once() {
    let place = tempfile::tempdir().unwrap();
    let output = command(place.path(), &["daemon", "--guard"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.matches("error E0401").count(), 1, "{said}");
    assert!(!place.path().join("state").exists());
}
