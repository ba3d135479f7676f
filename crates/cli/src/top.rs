//! `top`: the status and what happened last, on a screen that follows the cluster.
//!
//! What is on the screen is decided by `compose`, which knows no terminal. Around it, one
//! loop waits for the daemon, the keys, the window and the signals, whichever comes first.
//!
//! ```text
//!   daemon ──► follow ──► News ──┐
//!   keys, window, signals ───────┴──► show ──► compose ──► lines that changed
//! ```

use std::io;
use std::time::{Duration, Instant};

use api::{ApiError, ErrorCode, Events, History, HistoryEntryView, Status, routes};
use config::Colour;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::client::{Client, REQUEST_LIMIT};
use crate::exit::Exit;
use crate::history_text;
use crate::screen::{Form, Interactive, Screen, Tone, paint};
use crate::status_text::{self, Look};
use crate::table::span;
use crate::terminal::{self, Key, Size, Terminal};

/// Between two looks at what has no event: ages and links. A person reads no faster.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A burst of happenings is one picture, and a person still calls it immediate.
const BURST: Duration = Duration::from_millis(50);
/// A status needs nobody but the daemon itself; slower than this is not answering.
const LOOK_LIMIT: Duration = Duration::from_secs(5);
/// More lines of history than any window shows.
const HISTORY_MAX: usize = 100;
/// The screen takes one piece of news before the next is fetched.
const NEWS_MAX: usize = 1;
/// A window from this height on keeps some lines for history however long the status is.
const TALL: usize = 12;
/// How many those are, with the empty line and the heading above.
const HISTORY_KEPT: usize = 5;

/// What the daemon told, or that it did not.
enum News {
    Whole(Box<Status>, Vec<HistoryEntryView>),
    Status(Box<Status>),
    Trouble(ApiError),
}

/// What is known.
struct View {
    status: Status,
    heard: Instant,
    history: Vec<HistoryEntryView>,
    trouble: Option<String>,
}

/// Shows the screen until the person leaves.
pub(crate) fn top(client: &Client, screen: &mut Screen, form: Form) -> Result<Exit, ApiError> {
    if let Some(error) = unfit(screen, form) {
        screen.print_error(&error, form);
        return Ok(Exit::Usage);
    }
    // Who may not ask, or asks in vain, learns it before the screen changes.
    let view = View {
        status: client.get(routes::STATUS)?,
        heard: Instant::now(),
        history: Vec::new(),
        trouble: None,
    };
    let ended = client.block_on(async {
        let (sender, receiver) = mpsc::channel(NEWS_MAX);
        tokio::select! {
            () = follow(client, sender) => unreachable!("it goes on until it is dropped"),
            ended = show(screen, view, receiver) => ended,
        }
    });
    ended.map_err(|error| {
        let sentence = format!("the terminal cannot be used: {error}");
        ErrorCode::WrongUsage
            .error(sentence)
            .with_help("use `mainstay watch`")
    })?;
    Ok(Exit::Done)
}

/// Why a screen cannot be drawn here.
fn unfit(screen: &Screen, form: Form) -> Option<ApiError> {
    let (why, instead) = if form == Form::Json {
        (
            "`top` draws a screen, which is not for scripts",
            "use `mainstay watch --json`, or `mainstay status --json`",
        )
    } else if screen.interactive == Interactive::No || !terminal::is_there() {
        (
            "`top` needs a terminal to draw on",
            "use `mainstay watch`, which prints one line per happening",
        )
    } else {
        return None;
    };
    Some(ErrorCode::WrongUsage.error(why).with_help(instead))
}

/// Tells `sender` what is new, for ever. What cannot be asked now is asked again.
async fn follow(client: &Client, sender: mpsc::Sender<News>) {
    loop {
        let Err(trouble) = follow_once(client, &sender).await else {
            tokio::time::sleep(BURST).await;
            continue;
        };
        // The other end is gone only when both ends are being dropped.
        let _ = sender.send(News::Trouble(trouble)).await;
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Fetches everything, then the status again and again, until something happened.
async fn follow_once(client: &Client, sender: &mpsc::Sender<News>) -> Result<(), ApiError> {
    let status: Box<Status> = client.ask(routes::STATUS, LOOK_LIMIT).await?;
    let path = format!("{}?limit={HISTORY_MAX}", routes::HISTORY);
    let history: History = client.ask(&path, LOOK_LIMIT).await?;
    let path = format!("{}?after={}", routes::EVENTS, status.index);
    let _ = sender.send(News::Whole(status, history.entries)).await;
    let news = client.ask::<Events>(&path, REQUEST_LIMIT);
    tokio::pin!(news);
    loop {
        tokio::select! {
            events = &mut news => return events.map(|_| ()),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let status = client.ask(routes::STATUS, LOOK_LIMIT).await?;
        let _ = sender.send(News::Status(status)).await;
    }
}

/// Signals that end the program, that give the terminal back for a while, and that tell a
/// new size.
struct Signals {
    ends: [Signal; 4],
    suspend: Signal,
    resume: Signal,
    window: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            ends: [
                signal(SignalKind::terminate())?,
                signal(SignalKind::interrupt())?,
                signal(SignalKind::hangup())?,
                signal(SignalKind::quit())?,
            ],
            // Tokio has no name for SIGTSTP and SIGCONT.
            suspend: signal(SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()))?,
            resume: signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
            window: signal(SignalKind::window_change())?,
        })
    }
}

/// Draws until the person leaves.
async fn show(screen: &Screen, mut view: View, mut news: mpsc::Receiver<News>) -> io::Result<()> {
    let mut signals = Signals::new()?;
    let mut terminal = Terminal::take()?;
    let mut drawn: Vec<String> = Vec::new();
    let mut seconds = tokio::time::interval(LOOK_EVERY);
    loop {
        draw(&terminal, screen, (&view, &mut drawn))?;
        let [terminate, interrupt, hangup, quit] = &mut signals.ends;
        tokio::select! {
            key = terminal.key() => if key == Key::Leave { return Ok(()) },
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hangup.recv() => return Ok(()),
            _ = quit.recv() => return Ok(()),
            _ = signals.suspend.recv() => {
                terminal.suspend()?;
                let _ = signals.resume.recv().await;
                terminal.enter()?;
                drawn.clear();
            }
            // Not stopped by us; whoever ran meanwhile may have drawn something.
            _ = signals.resume.recv() => drawn.clear(),
            _ = signals.window.recv() => drawn.clear(),
            Some(news) = news.recv() => view.take(news),
            _ = seconds.tick() => {}
        }
    }
}

impl View {
    fn take(&mut self, news: News) {
        match news {
            News::Whole(status, history) => {
                self.heard(*status);
                self.history = history;
            }
            News::Status(status) => self.heard(*status),
            News::Trouble(error) => self.trouble = Some(error.message),
        }
    }

    fn heard(&mut self, status: Status) {
        self.status = status;
        self.heard = Instant::now();
        self.trouble = None;
    }
}

/// Writes the lines that differ from those `drawn`.
fn draw(
    terminal: &Terminal,
    screen: &Screen,
    (view, drawn): (&View, &mut Vec<String>),
) -> io::Result<()> {
    let since = view.heard.elapsed().as_millis() as u64;
    let mut status = view.status.clone();
    status.age_ms = status.age_ms.saturating_add(since);
    let look = Look {
        now: (screen.now)(),
        colour: screen.colour,
    };
    let picture = Picture {
        status: &status,
        history: &view.history,
        trouble: view.trouble.as_deref(),
    };
    let lines = compose(terminal.size(), picture, look);
    let mut text = String::new();
    if drawn.len() != lines.len() {
        drawn.clear();
        text.push_str("\x1b[2J");
    }
    for (row, line) in lines.iter().enumerate() {
        if drawn.get(row) != Some(line) {
            text.push_str(&format!("\x1b[{};1H\x1b[0m\x1b[2K{line}", row + 1));
        }
    }
    *drawn = lines;
    match text.is_empty() {
        true => Ok(()),
        false => terminal::write(&text),
    }
}

/// What the screen shows.
#[derive(Clone, Copy)]
struct Picture<'a> {
    status: &'a Status,
    history: &'a [HistoryEntryView],
    /// Why the status is not newer.
    trouble: Option<&'a str>,
}

/// Exactly `height` lines, none longer than `width`: the status, below it the newest lines of
/// history, and in the last line how to leave, or what is wrong with the view itself.
fn compose(size: Size, picture: Picture<'_>, look: Look) -> Vec<String> {
    let room = size.height.saturating_sub(1);
    let status = status_text::whole(picture.status, look);
    // Its first sentence tells whether one may sleep on: that is never cut.
    let summary = wrap(&status_text::summary(picture.status), size.width);
    let summary = summary
        .iter()
        .map(|line| paint(line, Tone::Strong, look.colour));
    let alarms = picture.status.alarms.iter();
    let alarms = alarms.flat_map(|alarm| wrap(&format!("ALARM: {alarm}"), size.width));
    let alarms = alarms.map(|line| paint(&line, Tone::Bad, look.colour));
    let told = picture.status.alarms.len() + 1;
    let rest = status.lines().skip(told).map(str::to_string);
    let status: Vec<String> = alarms.chain(summary).chain(rest).collect();
    let kept = match picture.history.len() {
        0 => 0,
        _ if room < TALL => 0,
        entries => HISTORY_KEPT.min(entries + 2),
    };
    let mut lines = shorten(&status, room - kept);
    let left = room.saturating_sub(lines.len() + 2);
    let newest = picture.history.len().saturating_sub(left);
    if 0 < left && !picture.history.is_empty() {
        lines.push(String::new());
        lines.push(paint("history", Tone::Strong, look.colour));
        let entries = picture.history[newest..].iter();
        lines.extend(entries.map(|entry| one_line(&history_text::entry(entry, look.colour))));
    }
    lines.resize(room, String::new());
    lines.push(footer(&picture, look));
    lines.truncate(size.height);
    lines.iter().map(|line| cut(line, size.width)).collect()
}

/// The sentence in lines of at most `width` letters, but for words that are longer.
fn wrap(sentence: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in sentence.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_string()),
        }
    }
    lines
}

/// The lines that fit into `room`; the last of them tells how many do not.
fn shorten(lines: &[String], room: usize) -> Vec<String> {
    let fit = match lines.len() <= room {
        true => lines.len(),
        false => room.saturating_sub(1),
    };
    let mut short = lines[..fit].to_vec();
    if fit < lines.len() && 0 < room {
        let hidden = lines.len() - fit;
        short.push(format!(
            "... {hidden} more lines: `mainstay status` shows them"
        ));
    }
    short
}

fn footer(picture: &Picture<'_>, look: Look) -> String {
    match picture.trouble {
        None => paint("q leaves", Tone::Quiet, look.colour),
        Some(trouble) => {
            let old = span(picture.status.age_ms);
            let sentence = format!("{trouble}; this is {old} old, trying again; q leaves");
            paint(&one_line(&sentence), Tone::Bad, look.colour)
        }
    }
}

/// What a program printed may have several lines.
fn one_line(text: &str) -> String {
    text.trim_end().replace(['\n', '\t'], " ")
}

/// The line, cut to `width` letters; colours take no room.
fn cut(line: &str, width: usize) -> String {
    let (mut short, mut letters, mut painted) = (String::new(), 0, Colour::Never);
    let length = visible_length(line);
    let mut rest = line.chars();
    while let Some(letter) = rest.next() {
        if letter == '\x1b' {
            painted = Colour::Always;
            short.push(letter);
            for part in rest.by_ref() {
                short.push(part);
                if part.is_ascii_alphabetic() {
                    break;
                }
            }
            continue;
        }
        letters += 1;
        if width < length && letters == width {
            short.push('…');
            break;
        }
        if width < letters {
            break;
        }
        short.push(if letter == '\t' { ' ' } else { letter });
    }
    if painted == Colour::Always && width < length {
        short.push_str("\x1b[0m");
    }
    short
}

fn visible_length(line: &str) -> usize {
    let (mut length, mut rest) = (0, line.chars());
    while let Some(letter) = rest.next() {
        match letter {
            // Our own colours: up to the letter that ends them.
            '\x1b' => {
                let _end = rest.by_ref().find(char::is_ascii_alphabetic);
            }
            _visible => length += 1,
        }
    }
    length
}

#[cfg(test)]
mod tests;
