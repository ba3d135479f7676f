//! Tasks of the repository: `cargo xtask test`, `vm`, `tidy`, `models`, `bench`.
//!
//! What a machine can check is checked here, so that readers of a change can look at the
//! rest.

mod bench;
mod cases;
mod run;
mod scan;
mod sim;
mod test;
mod tidy;
mod vm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tasks of the Mainstay repository")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Runs every check and every test; installs missing Debian packages where it may.
    Test(test::TestArguments),
    /// Plays the scenarios of scenarios/vm in a virtual machine with Debian's kernel.
    Vm(vm::VmArguments),
    /// Plays simulated clusters; see docs/simulator.md.
    #[command(disable_help_flag = true)]
    Sim(sim::SimArguments),
    /// Checks layers, sizes, purity, error codes, words and licences.
    Tidy,
    /// Explores the small models of the forced change; prints the table of docs/models.md.
    Models,
    /// Compares with what Pacemaker's scheduler decided in the cases of its own suite.
    PacemakerCases(cases::CasesArguments),
    /// Measures; prints figures.
    #[command(subcommand)]
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Test(arguments) => test::run(&arguments),
        Task::Vm(arguments) => vm::run(&arguments),
        Task::Sim(arguments) => sim::sim(&arguments),
        Task::Tidy => tidy::run(),
        Task::Models => run::run(
            "cargo",
            &[
                "run",
                "-q",
                "--release",
                "-p",
                "quorum",
                "--example",
                "models",
            ],
        ),
        Task::PacemakerCases(arguments) => cases::run(&arguments),
        Task::Bench(which) => bench::run(&which),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
