//! The person (or script) in front of the command: what it is shown, what it is asked.

use std::fmt;
use std::io::{BufRead, IsTerminal, Write};

use api::ApiError;
use config::Colour;
use model::WallTime;
use serde::Serialize;

/// Whether somebody can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interactive {
    /// A person sits at a terminal.
    Yes,
    /// A script, or a pipe.
    No,
}

/// Text for people, or JSON for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Json,
}

/// An error in JSON: `{"error": {...}}`, so that it cannot be taken for an answer.
#[derive(Serialize)]
struct ErrorObject<'a> {
    error: &'a ApiError,
}

/// Prints an error of the binary itself, as the commands print theirs.
pub fn print_error(error: &ApiError, json: Json) {
    let form = match json {
        Json::Yes => Form::Json,
        Json::No => Form::Text,
    };
    Screen::of_process().print_error(error, form);
}

/// Whether answers are wanted as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Json {
    /// For scripts.
    Yes,
    /// For people.
    No,
}

impl From<bool> for Json {
    fn from(is_wanted: bool) -> Self {
        match is_wanted {
            true => Self::Yes,
            false => Self::No,
        }
    }
}

/// Where a command reads and writes.
pub struct Screen {
    /// Answers.
    pub out: Box<dyn Write>,
    /// Errors.
    pub err: Box<dyn Write>,
    /// What is typed.
    pub input: Box<dyn BufRead>,
    /// Whether somebody can be asked.
    pub interactive: Interactive,
    /// Whether answers are coloured.
    pub colour: Colour,
    /// The wall clock, to tell how long ago something was.
    pub now: fn() -> WallTime,
    /// What `config edit` starts, with its arguments.
    pub editor: String,
}

impl Screen {
    /// The process's own input and output. Colours only on a terminal, and not when
    /// `NO_COLOR` is set to anything or `TERM` is `dumb`.
    #[must_use]
    pub fn of_process() -> Self {
        let (stdin, stdout) = (std::io::stdin(), std::io::stdout());
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colour = match stdout.is_terminal() && !plain {
            true => Colour::Always,
            false => Colour::Never,
        };
        let interactive = match stdin.is_terminal() && stdout.is_terminal() {
            true => Interactive::Yes,
            false => Interactive::No,
        };
        Self {
            out: Box::new(stdout),
            err: Box::new(std::io::stderr()),
            input: Box::new(std::io::BufReader::new(stdin)),
            interactive,
            colour,
            now: wall_clock,
            editor: ["VISUAL", "EDITOR"]
                .into_iter()
                .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
                .unwrap_or_else(|| "vi".to_string()),
        }
    }

    /// Prints text. A reader that went away (`| head`) is no error of ours.
    pub(crate) fn print(&mut self, text: impl fmt::Display) {
        let _ = write!(self.out, "{text}");
        let _ = self.out.flush();
    }

    /// Prints one JSON object on one line.
    pub(crate) fn print_json(&mut self, value: &impl Serialize) {
        let text = serde_json::to_string(value).expect("our types have string keys only");
        self.print(format_args!("{text}\n"));
    }

    /// Prints an error: as text, or as one JSON object where scripts read the answers.
    pub(crate) fn print_error(&mut self, error: &ApiError, form: Form) {
        match form {
            Form::Text => self.note(&error.to_string()),
            Form::Json => self.print_json(&ErrorObject { error }),
        }
    }

    /// Says something beside the answer.
    pub(crate) fn note(&mut self, text: &str) {
        let _ = writeln!(self.err, "{text}");
    }

    /// Shows a question and reads one line.
    pub(crate) fn ask(&mut self, question: &str) -> String {
        self.print(question);
        let mut line = String::new();
        // An input that ends or fails is an empty answer, which is never a yes.
        let _ = self.input.read_line(&mut line);
        line.trim().to_string()
    }
}

fn wall_clock() -> WallTime {
    let since_1970 = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    WallTime(u64::try_from(since_1970.as_millis()).unwrap_or(0))
}

/// How loud a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Good,
    Care,
    Bad,
    Quiet,
    Strong,
}

/// The word with its colour, if colours are wanted.
pub(crate) fn paint(word: &str, tone: Tone, colour: Colour) -> String {
    let code = match tone {
        Tone::Plain => return word.to_string(),
        Tone::Good => "32",
        Tone::Care => "33",
        Tone::Bad => "31",
        Tone::Quiet => "2",
        Tone::Strong => "1",
    };
    match colour {
        Colour::Never => word.to_string(),
        Colour::Always => format!("\x1b[{code}m{word}\x1b[0m"),
    }
}
