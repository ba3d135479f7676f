//! `import`: from the files of other cluster managers to ours.

use std::io::Read;
use std::path::Path;

use api::{ApiError, ErrorCode};
use import::cib::{self, Carried, ImportError, UnixSeconds};
use serde::Serialize;

use crate::args::ImportCommand;
use crate::exit::Exit;
use crate::screen::{Form, Screen};

/// What scripts get.
#[derive(Serialize)]
struct ImportReply<'a> {
    /// Our configuration file.
    toml: &'a str,
    /// What is not in it.
    left: Vec<LeftView<'a>>,
}

#[derive(Serialize)]
struct LeftView<'a> {
    line: u32,
    column: u32,
    text: &'a str,
}

pub(crate) fn run(
    screen: &mut Screen,
    form: Form,
    command: &ImportCommand,
) -> Result<Exit, ApiError> {
    let ImportCommand::Cib(args) = command;
    let (name, text) = read(&args.file)?;
    let now = i64::try_from((screen.now)().0 / 1000).unwrap_or(i64::MAX);
    let carried =
        cib::carry(&text, Some(UnixSeconds(now))).map_err(|error| api_error(&name, &error))?;
    match form {
        Form::Json => screen.print_json(&reply(&carried)),
        Form::Text => {
            screen.print(&carried.toml);
            tell(screen, &name, &carried);
        }
    }
    Ok(Exit::Done)
}

/// What is left behind goes beside the file, so that the file can be redirected.
fn tell(screen: &mut Screen, name: &str, carried: &Carried) {
    let count = match carried.left.len() {
        0 => {
            screen.note("everything was carried over; addresses of nodes are to be filled in");
            return;
        }
        1 => "1 thing was".to_string(),
        many => format!("{many} things were"),
    };
    screen.note(&format!("{count} not carried over, or must be looked at:"));
    for left in &carried.left {
        screen.note(&format!("{name}:{}: {}", left.place, left.text));
    }
}

fn reply(carried: &Carried) -> ImportReply<'_> {
    ImportReply {
        toml: &carried.toml,
        left: carried
            .left
            .iter()
            .map(|left| LeftView {
                line: left.place.line,
                column: left.place.column,
                text: &left.text,
            })
            .collect(),
    }
}

fn read(path: &Path) -> Result<(String, String), ApiError> {
    let is_input = path.to_str() == Some("-");
    let name = match is_input {
        true => "standard input".to_string(),
        false => path.display().to_string(),
    };
    // One byte more than is read, so that the reader sees that it is too much.
    let limit = cib::LENGTH_MAX as u64 + 1;
    let mut bytes = Vec::new();
    let read = match is_input {
        true => std::io::stdin().take(limit).read_to_end(&mut bytes),
        false => {
            std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
        }
    };
    let unreadable = |detail: String| {
        ErrorCode::FileUnreadable
            .error(format!("cannot read {name}"))
            .with_detail(detail)
    };
    read.map_err(|error| unreadable(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| unreadable(error.to_string()))?;
    Ok((name, text))
}

fn api_error(name: &str, error: &ImportError) -> ApiError {
    let code = match error {
        ImportError::NotXml { .. } => ErrorCode::NotXml,
        ImportError::NotACib { .. } => ErrorCode::NotACib,
        ImportError::TooLarge { .. } => ErrorCode::CibTooLarge,
    };
    code.error(format!("{name}:{error}"))
}
