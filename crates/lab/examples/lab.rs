//! The laboratory as a program of its own, for work on it and for its tests.

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: lab::cli::LabCommand,
}

/// Makes an attached laboratory and waits to be killed, for a test of that.
fn attached(name: &str) -> ExitCode {
    let options = lab::Options {
        name: name.into(),
        ..lab::Options::default()
    };
    match lab::Lab::up(&options) {
        Ok(_lab) => {
            println!("up");
            std::thread::sleep(std::time::Duration::from_secs(60));
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn main() -> ExitCode {
    if let Some(code) = lab::role_main() {
        return code;
    }
    let words: Vec<String> = std::env::args().collect();
    match words.get(1).map(String::as_str) {
        Some("attached") => attached(&words[2]),
        _ => lab::cli::run(Arguments::parse().command),
    }
}
