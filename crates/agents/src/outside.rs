//! Programs of the system that do what the kernel offers no plain call for: where they are,
//! what they answer.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::change;
use crate::command::Run;
use crate::context::{Context, chain};
use crate::program::{Launch, PATH};

/// Where a program is, in the order of `PATH`.
///
/// # Errors
/// With the Debian package that has it.
pub(crate) fn find(name: &str, package: &str) -> Result<String, String> {
    let places = PATH.split(':').map(|dir| PathBuf::from(dir).join(name));
    let found = places.into_iter().find(|path| path.is_file());
    found
        .map(|path| path.to_string_lossy().into_owned())
        .ok_or_else(|| format!("there is no {name} on this node (Debian package {package})"))
}

/// Runs a program that changes something; what it prints goes into the log.
///
/// # Errors
/// How it ended, in words.
pub(crate) async fn act(context: &Context, argv: &[String], limit: Duration) -> Result<(), String> {
    let name = short(argv);
    let (ended, output) =
        change::run(context, Launch::new(argv, context.log.log_path()), limit).await;
    match ended {
        Run::Ended(host::process::Ended::Exited(0)) => Ok(()),
        Run::Ended(how) => match output.trim().lines().next_back() {
            Some(last) => Err(format!("{name}: {how}: {last}")),
            None => Err(format!("{name}: {how}")),
        },
        Run::TimedOut => Err(format!("{name}: not done within {limit:?}")),
        Run::NotStarted(error) => Err(chain(&error)),
    }
}

/// Runs a program that answers on its output.
///
/// # Errors
/// How it ended, in words.
pub(crate) async fn ask(argv: &[String], limit: Duration) -> Result<String, String> {
    let name = short(argv);
    let mut command = Command::new(&argv[0]);
    command
        .args(&argv[1..])
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = match timeout(limit, command.output()).await {
        Ok(output) => output.map_err(|error| format!("{name}: {error}"))?,
        Err(_) => return Err(format!("{name}: no answer within {limit:?}")),
    };
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{name}: {}: {}", output.status, said.trim()))
}

fn short(argv: &[String]) -> &str {
    let program = argv.first().map_or("", String::as_str);
    program.rsplit('/').next().unwrap_or_default()
}
