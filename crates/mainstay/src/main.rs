//! `mainstay`: the daemon, the command line and the laboratory in one binary.

mod daemon;
mod forming;
mod guard;
mod journal;
mod witness;

use std::path::PathBuf;
use std::process::ExitCode;

use api::{ApiError, ErrorCode};
use clap::{FromArgMatches, Parser, Subcommand};
use cli::args::Global;
use cli::witness::HostCommand;
use cli::{Action, Cli, DaemonArgs, Json};

/// Where output of operations is kept without `MAINSTAY_LOG_DIR`.
const LOG_DIR: &str = "/var/log/mainstay";

fn main() -> ExitCode {
    // The laboratory's helpers need a process without threads, so they come first.
    if let Some(code) = lab::role_main() {
        return code;
    }
    if let Some(code) = agent_tool_main() {
        return code;
    }
    let parsed = cli::command()
        .try_get_matches()
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let line = match parsed {
        Ok(line) => line,
        Err(error) => return wrong_usage(&error),
    };
    match cli::run(line) {
        Action::Done(exit) => exit.into(),
        Action::Init(args, global) => finish(forming::init(&args, global.json.into()), &global),
        Action::Join(args, global) => finish(forming::join(&args, global.json.into()), &global),
        Action::Daemon(args, global) => run_daemon(&args, &global),
        Action::Witness(command, global) => run_witness(command, &global),
        Action::Lab(arguments) => run_lab(arguments),
    }
}

/// Answers for a command of a cluster manager, when that is the name that it was called by.
fn agent_tool_main() -> Option<ExitCode> {
    let mut words = std::env::args_os();
    let called = PathBuf::from(words.next()?);
    let tool = called.file_name()?.to_str()?;
    let tool = agents::ocf::TOOLS
        .into_iter()
        .find(|known| *known == tool)?;
    let words: Vec<String> = words
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let caller = cli::agent_tools::Caller::of_process();
    let screen = &mut cli::Screen::of_process();
    let code = cli::agent_tools::agent_tool(tool, &words, &caller, screen);
    Some(ExitCode::from(code))
}

/// Help, the version, or what is wrong with the command line.
fn wrong_usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        error.exit();
    }
    let typed: Vec<String> = std::env::args_os()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    if typed.iter().any(|word| word == "--json") {
        let text = error.render().to_string();
        let mut lines = text.lines().filter(|line| !line.is_empty());
        let message = lines
            .next()
            .unwrap_or_default()
            .trim_start_matches("error: ");
        let mut error = ErrorCode::WrongUsage.error(message);
        error.details = lines.map(ToString::to_string).collect();
        cli::print_error(&error, Json::Yes);
        return cli::Exit::Usage.into();
    }
    // What cannot be printed has no reader.
    let _ = error.print();
    let is_time = |word: &String| model::duration::parse(word).is_ok();
    let wait = typed
        .windows(2)
        .find(|pair| pair[0] == "--wait" && is_time(&pair[1]));
    if let Some([_, time]) = wait {
        eprintln!("  help: a time for `--wait` follows an equals sign: `--wait={time}`");
    }
    cli::Exit::Usage.into()
}

/// The laboratory's own command line.
#[derive(Parser)]
#[command(
    name = "mainstay lab",
    about = "A whole cluster on this machine",
    no_binary_name = true
)]
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

fn run_witness(command: HostCommand, global: &Global) -> ExitCode {
    if matches!(command, HostCommand::Run(_)) {
        journal::open(None).expect("without a file nothing is opened");
    }
    match witness::run(command, global.json.into()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error.to_api(), global),
    }
}

fn open_journal(args: &DaemonArgs) -> Result<(), ApiError> {
    let file = args.log_file.clone().map(|path| journal::LogFile {
        path,
        size_max: args.log_file_mib.saturating_mul(1024 * 1024),
        older_max: args.log_files,
    });
    journal::open(file.as_ref()).map_err(|error| {
        let path = file.map(|file| file.path).unwrap_or_default();
        let message = format!("the log {} cannot be written", path.display());
        ErrorCode::StateUnusable
            .error(message)
            .with_detail(error.to_string())
    })
}

fn run_daemon(args: &DaemonArgs, global: &Global) -> ExitCode {
    if let Err(error) = open_journal(args) {
        return failed(&error, global);
    }
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let places = daemon::Places {
        state_dir: forming::state_dir(&args.state),
        run_dir: variable("MAINSTAY_RUN_DIR").unwrap_or_else(|| args.run.clone()),
        log_dir: variable("MAINSTAY_LOG_DIR").unwrap_or_else(|| PathBuf::from(LOG_DIR)),
        output_kept: args.output_kept,
        socket: global.socket.clone(),
    };
    if args.guard {
        return guard::run(&places).unwrap_or_else(|error| failed(&error.to_api(), global));
    }
    guard::follow();
    match daemon::run(&places) {
        Ok(code) => code,
        Err(error) => failed(&error.to_api(), global),
    }
}

fn finish(result: Result<(), forming::FormingError>, global: &Global) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error.to_api(), global),
    }
}

fn failed(error: &ApiError, global: &Global) -> ExitCode {
    cli::print_error(error, global.json.into());
    cli::Exit::of(error).into()
}
