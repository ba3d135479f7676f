//! `top` on a terminal of its own: this test runs itself once more, on a pseudo-terminal.

mod world;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use clap::Parser;
use cli::{Action, Cli, Screen};
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize};
use server::{Allowed, ControlHandle};
use tokio::sync::oneshot;
use world::World;

/// Names the socket to the second run of this test, which then is `top`.
const SOCKET: &str = "MAINSTAY_TEST_TOP_SOCKET";
/// Nothing here takes a second on an idle machine; this one may be busy.
const LIMIT: Duration = Duration::from_secs(30);

const ENTERED: &str = "\x1b[?1049h";
const LEFT: &str = "\x1b[?1049l";

/// A daemon that serves until it is dropped.
struct Daemon {
    _end: oneshot::Sender<()>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Daemon {
    fn start(socket: PathBuf, lines: &[&str]) -> Self {
        let mut world = World::new();
        lines.iter().for_each(|line| world.add(line));
        let (end, ended) = oneshot::channel();
        let (ready, is_ready) = channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async move {
                let listener = server::bind(&socket).await.unwrap();
                let (control, mut requests, tell) = ControlHandle::new();
                tell.send_replace(world.status.index);
                ready.send(()).unwrap();
                let end = std::future::pending();
                let serving = server::serve(listener, control, Allowed::root_and_self(), end);
                let answering = async {
                    while let Some(request) = requests.recv().await {
                        tell.send_replace(world.answer(request));
                    }
                };
                tokio::select! {
                    _ = ended => {}
                    _ = async { tokio::join!(serving, answering) } => {}
                }
            });
        });
        is_ready.recv().unwrap();
        Self {
            _end: end,
            thread: Some(thread),
        }
    }

    fn end(self) {
        let Self { _end: end, thread } = self;
        drop(end);
        thread.unwrap().join().unwrap();
    }
}

/// A person's terminal with `top` on it.
struct Seat {
    child: Child,
    keyboard: File,
    window: std::os::fd::OwnedFd,
    before: Termios,
    letters: Receiver<Vec<u8>>,
    seen: String,
}

impl Seat {
    fn sit_down(test: &str, socket: &Path) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let open = || {
            let path = Path::new(OsStr::from_bytes(name.as_bytes()));
            let mut options = File::options();
            // Not to become the terminal of this process.
            options.custom_flags(OFlags::NOCTTY.bits().cast_signed());
            options.read(true).write(true).open(path).unwrap()
        };
        let window = std::os::fd::OwnedFd::from(open());
        resize(&window, 80, 24);
        let before = tcgetattr(&window).unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(SOCKET, socket)
            .env("TERM", "xterm")
            .stdin(Stdio::from(open()))
            .stdout(Stdio::from(open()))
            .stderr(Stdio::from(open()))
            .spawn()
            .unwrap();
        let keyboard = File::from(master);
        let mut screen = keyboard.try_clone().unwrap();
        let (sender, letters) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = screen.read(&mut bytes) {
                if sender.send(bytes[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            keyboard,
            window,
            before,
            letters,
            seen: String::new(),
        }
    }

    /// Looks at the screen until `text` has come, and forgets what came before its end.
    fn see(&mut self, text: &str) {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(at) = self.seen.find(text) {
                self.seen.drain(..at + text.len());
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.letters.recv_timeout(left) {
                Ok(letters) => self.seen.push_str(&String::from_utf8_lossy(&letters)),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("`{}` did not come: {:?}", text.escape_debug(), self.seen)
                }
            }
        }
    }

    fn types(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn is_raw(&self) -> bool {
        let now = tcgetattr(&self.window).unwrap();
        !now.local_modes
            .intersects(LocalModes::ICANON | LocalModes::ECHO)
    }

    /// The program ended by itself, and the terminal is as it was.
    fn leaves(mut self) {
        self.see(LEFT);
        self.ended(0);
    }

    fn ended(mut self, code: i32) {
        assert_eq!(self.child.wait().unwrap().code(), Some(code));
        let now = tcgetattr(&self.window).unwrap();
        assert_eq!(now.local_modes, self.before.local_modes);
        assert_eq!(now.input_modes, self.before.input_modes);
        assert_eq!(now.output_modes, self.before.output_modes);
    }
}

fn resize(window: &std::os::fd::OwnedFd, columns: u16, rows: u16) {
    let size = Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(window, size).unwrap();
}

/// In the second run of a test: `top` until it ends.
fn be_top() {
    be_top_on(Screen::of_process);
}

fn be_top_on(screen: fn() -> Screen) {
    let Some(socket) = std::env::var_os(SOCKET) else {
        return;
    };
    let socket = socket.to_str().unwrap();
    let cli = Cli::parse_from(["mainstay", "top", "--socket", socket]);
    match cli::run_on(cli, &mut screen()) {
        Action::Done(exit) => std::process::exit(exit.code().into()),
        other => panic!("left to the binary: {other:?}"),
    }
}

const WORLD: &[&str] = &["node alpha online", "service web running on alpha"];

#[test]
fn q_leaves_and_the_terminal_is_as_it_was() {
    be_top();
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("socket");
    let _daemon = Daemon::start(socket.clone(), WORLD);
    let mut seat = Seat::sit_down("q_leaves_and_the_terminal_is_as_it_was", &socket);
    seat.see(ENTERED);
    seat.see("cluster shop: 1 of 1 node online");
    seat.see("ops: thaw web");
    assert!(seat.is_raw());
    seat.types("xq");
    seat.leaves();
}

#[test]
fn ctrl_c_and_the_signals_that_end_a_program_give_the_terminal_back() {
    be_top();
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("socket");
    let _daemon = Daemon::start(socket.clone(), WORLD);
    let test = "ctrl_c_and_the_signals_that_end_a_program_give_the_terminal_back";
    for signal in [None, Some(Signal::TERM), Some(Signal::HUP)] {
        let mut seat = Seat::sit_down(test, &socket);
        seat.see("q leaves");
        match signal {
            None => seat.types("\x03"),
            Some(signal) => seat.signal(signal),
        }
        seat.leaves();
    }
}

#[test]
fn a_new_size_is_drawn_anew() {
    be_top();
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("socket");
    let _daemon = Daemon::start(socket.clone(), WORLD);
    let mut seat = Seat::sit_down("a_new_size_is_drawn_anew", &socket);
    seat.see("\x1b[24;1H\x1b[0m\x1b[2K");
    resize(&seat.window, 20, 6);
    // The kernel tells those whose terminal it is; this one was only lent.
    seat.signal(Signal::WINCH);
    seat.see("cluster shop: 1 of 1\u{1b}");
    seat.see("\x1b[6;1H");
    seat.types("q");
    seat.leaves();
}

#[test]
fn stopped_and_continued_it_gives_the_terminal_back_and_takes_it_again() {
    be_top();
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("socket");
    let _daemon = Daemon::start(socket.clone(), WORLD);
    let test = "stopped_and_continued_it_gives_the_terminal_back_and_takes_it_again";
    let mut seat = Seat::sit_down(test, &socket);
    seat.see("q leaves");
    seat.signal(Signal::TSTP);
    seat.see(LEFT);
    let pid = Pid::from_child(&seat.child);
    let status = waitpid(Some(pid), WaitOptions::UNTRACED)
        .unwrap()
        .unwrap()
        .1;
    assert!(status.stopped(), "{status:?}");
    assert!(!seat.is_raw());
    seat.signal(Signal::CONT);
    seat.see(ENTERED);
    seat.see("cluster shop");
    seat.types("q");
    seat.leaves();
}

#[test]
fn a_daemon_that_goes_away_is_told_and_found_again() {
    be_top();
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("socket");
    let daemon = Daemon::start(socket.clone(), WORLD);
    let mut seat = Seat::sit_down("a_daemon_that_goes_away_is_told_and_found_again", &socket);
    seat.see("q leaves");
    daemon.end();
    seat.see("trying again");
    let _daemon = Daemon::start(socket.clone(), &["node alpha online", "node beta online"]);
    seat.see("cluster shop: 2 of 2 nodes online");
    seat.types("q");
    seat.leaves();
}

#[test]
fn a_panic_is_told_on_the_terminal_as_it_was() {
    be_top_on(|| Screen {
        now: || panic!("the clock has no hands"),
        ..Screen::of_process()
    });
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("socket");
    let _daemon = Daemon::start(socket.clone(), WORLD);
    let mut seat = Seat::sit_down("a_panic_is_told_on_the_terminal_as_it_was", &socket);
    seat.see(ENTERED);
    seat.see(LEFT);
    seat.see("the clock has no hands");
    // What the test's own machinery says of a panic.
    seat.ended(101);
}
