//! The command line: what people type, shown and asked before it is done.
//!
//! It talks to the daemon on this machine over its socket, and to nothing else; it decides
//! nothing about the cluster. What the binary itself has to do (run a daemon, form a
//! cluster, the laboratory) is parsed here and handed back as an `Action`.
//!
//! Exit codes are a promise: 0 done, 1 refused or failed, 2 wrong usage, 3 not reachable,
//! 4 degraded (`status --check`).

#![forbid(unsafe_code)]

mod agent_check;
mod agent_commands;
pub mod agent_tools;
pub mod args;
mod checks;
mod client;
mod config_commands;
mod config_file;
mod exit;
mod explain;
mod history_text;
mod import_command;
pub mod lock;
mod log;
mod networks_text;
mod order;
mod plan_text;
mod quorum;
mod reload;
mod run;
mod screen;
mod settings;
mod status_text;
mod suggest;
mod table;
mod terminal;
mod top;
mod wait;
mod what_if_text;
pub mod witness;

pub use args::{Cli, DaemonArgs, InitArgs, JoinArgs};
pub use exit::Exit;
pub use run::{Action, command, run, run_on};
pub use screen::{Interactive, Json, Screen, print_error};
