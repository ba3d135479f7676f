//! The laboratory as a program of its own, for work on it.

use clap::Parser;

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: lab::cli::LabCommand,
}

fn main() -> std::process::ExitCode {
    match lab::role_main() {
        Some(code) => code,
        None => lab::cli::run(Arguments::parse().command),
    }
}
