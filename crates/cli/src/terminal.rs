//! A terminal that shows one screen: the alternate screen without echo, and back.
//!
//! However the program ends, short of `kill -9`, the terminal is as it was before: at the end
//! of its life the `Terminal` puts it back, and so does a panic, before it says what happened.

use std::io::{self, IsTerminal, Write};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::pipe::PipeFlags;
use rustix::process::Signal;
use rustix::termios::{
    OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};
use tokio::sync::mpsc;

/// A person types no faster than the screen looks; what is typed meanwhile waits in the
/// kernel.
const KEYS_MAX: usize = 16;

/// Alternate screen, no cursor, and a line that is too long does not wrap.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
const LEAVE: &str = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";

/// What a terminal without a size is taken for.
const SIZE_DEFAULT: Size = Size {
    width: 80,
    height: 24,
};

/// Columns and lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// How the terminal was; nothing while it is so.
type Before = Arc<Mutex<Option<Termios>>>;

/// What a person does at a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// `q`, Ctrl-C, or the terminal went away.
    Leave,
    /// Any other.
    Other,
}

/// The process's terminal while it shows one screen.
pub(crate) struct Terminal {
    keys: Option<Keys>,
    before: Before,
}

/// The thread that reads keys; it ends before the terminal is given back, so that it takes
/// nothing that is typed for somebody else.
struct Keys {
    typed: mpsc::Receiver<Key>,
    /// Closing it ends the thread.
    stop: OwnedFd,
    thread: JoinHandle<()>,
}

/// Whether the process reads from and writes to a terminal.
pub(crate) fn is_there() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

impl Terminal {
    /// Takes the terminal.
    pub(crate) fn take() -> io::Result<Self> {
        let before = Before::default();
        restore_when_panicking(&before);
        let mut terminal = Self { keys: None, before };
        terminal.enter()?;
        Ok(terminal)
    }

    /// Takes the terminal again after `suspend`.
    pub(crate) fn enter(&mut self) -> io::Result<()> {
        let saved = tcgetattr(io::stdin())?;
        let mut raw = saved.clone();
        raw.make_raw();
        // A read takes what there is and never waits, so that the file, which we share with
        // the shell, need not be made non-blocking.
        raw.special_codes[SpecialCodeIndex::VMIN] = 0;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        *self.before.lock().unwrap_or_else(PoisonError::into_inner) = Some(saved);
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        self.keys = Some(Keys::start()?);
        write(ENTER)
    }

    fn leave(&mut self) {
        if let Some(keys) = self.keys.take() {
            keys.end();
        }
        restore(&self.before);
    }

    /// Gives the terminal back and stops this process. It may run on for a moment, until the
    /// signal has reached each thread: wait for SIGCONT before `enter`.
    pub(crate) fn suspend(&mut self) -> io::Result<()> {
        self.leave();
        let this = rustix::process::getpid();
        Ok(rustix::process::kill_process(this, Signal::STOP)?)
    }

    /// How large it is now.
    pub(crate) fn size(&self) -> Size {
        match tcgetwinsize(io::stdout()) {
            Ok(size) if 0 < size.ws_col && 0 < size.ws_row => Size {
                width: size.ws_col.into(),
                height: size.ws_row.into(),
            },
            Ok(_) | Err(_) => SIZE_DEFAULT,
        }
    }

    /// The next key. May be dropped and called again; no key is lost.
    pub(crate) async fn key(&mut self) -> Key {
        match &mut self.keys {
            Some(keys) => keys.typed.recv().await.unwrap_or(Key::Leave),
            None => Key::Leave,
        }
    }
}

impl Keys {
    fn start() -> io::Result<Self> {
        let (stopped, stop) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        let (sender, typed) = mpsc::channel(KEYS_MAX);
        let thread = std::thread::Builder::new()
            .name("keys".into())
            .spawn(move || read_keys(&stopped, &sender))?;
        Ok(Self {
            typed,
            stop,
            thread,
        })
    }

    /// Ends the thread and waits for it, which is at once: it never waits without watching
    /// for its end.
    fn end(self) {
        drop((self.typed, self.stop));
        // It has nothing to panic about; and the terminal is given back whatever it did.
        let _ = self.thread.join();
    }
}

/// Reads until nobody wants more keys, or the terminal has gone, which is told as `Leave`.
fn read_keys(stopped: &OwnedFd, sender: &mpsc::Sender<Key>) {
    let stdin = io::stdin();
    loop {
        let mut files = [
            PollFd::new(&stdin, PollFlags::IN),
            PollFd::new(stopped, PollFlags::IN),
        ];
        let polled = rustix::event::poll(&mut files, None);
        let [on_stdin, on_stop] = files.map(|file| file.revents());
        if !on_stop.is_empty() {
            return;
        }
        let mut typed = [0; 64];
        let key = match polled.and_then(|_| rustix::io::read(&stdin, &mut typed)) {
            Ok(0) if !on_stdin.contains(PollFlags::HUP) => continue,
            Ok(length @ 1..) => key_of(&typed[..length]),
            Err(Errno::INTR | Errno::AGAIN) => continue,
            Ok(_) | Err(_) => Key::Leave,
        };
        if sender.blocking_send(key).is_err() || key == Key::Leave {
            return;
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Ctrl-C is a letter like any other while the terminal is raw.
fn key_of(typed: &[u8]) -> Key {
    match typed.iter().any(|byte| matches!(byte, b'q' | b'Q' | 3)) {
        true => Key::Leave,
        false => Key::Other,
    }
}

/// Writes to the screen at once. A terminal that went away is told by its keys.
pub(crate) fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Puts the terminal back, once.
fn restore(before: &Before) {
    let saved = before.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(saved) = saved {
        // Each is tried whatever became of the other: half restored is better than not at all.
        let _ = write(LEAVE);
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &saved);
    }
}

/// A panic speaks before it unwinds; on the alternate screen nobody would read it.
fn restore_when_panicking(before: &Before) {
    let before = before.clone();
    let speak = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        restore(&before);
        speak(panic);
    }));
}
