//! `mainstay`: the daemon, the command line and the laboratory in one binary.

mod daemon;
mod forming;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{FromArgMatches, Parser, Subcommand};
use cli::{Action, Cli, DaemonArgs};
use tracing_subscriber::EnvFilter;

/// Where output of operations is kept without `MAINSTAY_LOG_DIR`.
const LOG_DIR: &str = "/var/log/mainstay";

fn main() -> ExitCode {
    // The laboratory's helpers need a process without threads, so they come first.
    if let Some(code) = lab::role_main() {
        return code;
    }
    let line = match cli::command().try_get_matches() {
        Ok(matches) => match Cli::from_arg_matches(&matches) {
            Ok(line) => line,
            Err(error) => error.exit(),
        },
        Err(error) => error.exit(),
    };
    match cli::run(line) {
        Action::Done(exit) => exit.into(),
        Action::Init(args, _) => finish(forming::init(&args)),
        Action::Join(args, _) => finish(forming::join(&args)),
        Action::Daemon(args, global) => run_daemon(&args, global.socket),
        Action::Lab(arguments) => run_lab(arguments),
    }
}

/// The laboratory's own command line.
#[derive(Parser)]
#[command(name = "mainstay lab", about = "A whole cluster on this machine", no_binary_name = true)]
struct LabLine {
    #[command(subcommand)]
    command: LabCommand,
}

#[derive(Subcommand)]
enum LabCommand {
    #[command(flatten)]
    Lab(lab::cli::LabCommand),
}

fn run_lab(arguments: Vec<std::ffi::OsString>) -> ExitCode {
    match LabLine::parse_from(arguments).command {
        LabCommand::Lab(command) => lab::cli::run(command),
    }
}

fn run_daemon(args: &DaemonArgs, socket: PathBuf) -> ExitCode {
    let filter = EnvFilter::try_from_env("MAINSTAY_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let places = daemon::Places {
        state_dir: forming::state_dir(&args.state),
        run_dir: variable("MAINSTAY_RUN_DIR").unwrap_or_else(|| args.run.clone()),
        log_dir: variable("MAINSTAY_LOG_DIR").unwrap_or_else(|| PathBuf::from(LOG_DIR)),
        socket,
    };
    match daemon::run(&places) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", daemon::chain(&error));
            ExitCode::FAILURE
        }
    }
}

fn finish(result: Result<(), forming::FormingError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error {}: {}", error.code(), daemon::chain(&error));
            eprintln!("  {}", error.next_step());
            ExitCode::FAILURE
        }
    }
}
