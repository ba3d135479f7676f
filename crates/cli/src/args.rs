//! What can be typed. Help, completions and parser come from here.

mod cluster;
mod file;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::lock::LockCommand;
use crate::reload::ReloadArgs;
use crate::witness::WitnessCommand;
use clap::{Args, Parser, Subcommand};
use model::{NodeName, ResourceName, ServiceName};

pub use cluster::*;
pub use file::*;

/// How long `--wait` waits without a time.
const WAIT_DEFAULT: &str = "60s";

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "mainstay",
    version,
    about = "Keeps services running when machines, networks, disks or programs fail.",
    after_help = "Examples:
  mainstay status                 how is everything?
  mainstay explain web            why is it here, and not there?
  mainstay plan shop.toml         what would this change do?
  mainstay move web --to beta     shows what will happen, then asks

Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 not reachable, 4 degraded (status --check)",
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What holds for every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Answer in JSON, for scripts
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub json: bool,
    /// Socket of the daemon to ask
    #[arg(long, global = true, value_name = "PATH", env = api::SOCKET_VARIABLE,
          default_value = api::SOCKET_DEFAULT, hide_env_values = true, help_heading = "Everywhere")]
    pub socket: PathBuf,
}

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// How everything is: nodes, services, fences, warnings
    #[command(after_help = "Examples:
  mainstay status
  mainstay status web
  mainstay status --check && echo all is well")]
    Status(StatusArgs),
    /// The status and what happened last, on a screen that follows the cluster
    #[command(after_help = "Example:
  mainstay top                    q leaves")]
    Top,
    /// Follow what happens
    #[command(after_help = "Example:
  mainstay watch")]
    Watch,
    /// What happened
    #[command(after_help = "Examples:
  mainstay history --since 1h
  mainstay history --limit 20")]
    History(HistoryArgs),
    /// What the operations of a service printed, or the daemon of a node told
    #[command(after_help = "Examples:
  mainstay log web --follow                     goes on until it is interrupted
  mainstay log web --operation start --since 1h
  mainstay log web --resource process-3 --node beta
  mainstay log --node beta                      the daemon's own log")]
    Log(LogArgs),
    /// How much a daemon tells in its log, and change it while it runs
    #[command(after_help = "Examples:
  mainstay log-level
  mainstay log-level debug --node beta
  mainstay log-level agents=debug
  mainstay log-level --reset")]
    LogLevel(LogLevelArgs),
    /// Why a service is where it is, and not elsewhere
    #[command(after_help = "Examples:
  mainstay explain web
  mainstay explain web --not-on beta
  mainstay explain web --at 2026-11-20T03:00:00Z")]
    Explain(ExplainArgs),
    /// What would happen if something failed: every single and every double failure
    #[command(after_help = "Examples:
  mainstay what-if
  mainstay what-if --file shop.toml
  mainstay what-if --fail alpha
  mainstay what-if --fail alpha --fail fence:power-alpha
  mainstay what-if --fail network:lan --double")]
    WhatIf(WhatIfArgs),

    /// Run a service
    #[command(after_help = "Examples:
  mainstay start web --wait
  mainstay start web --dry-run                what would happen?
  mainstay start web --node beta
  mainstay start web --without-dependencies   although what it needs does not run")]
    Start(StartArgs),
    /// Stop a service, and leave it stopped
    #[command(after_help = "Example:
  mainstay stop web")]
    Stop(ServiceArgs),
    /// Stop and start a service where it is
    #[command(after_help = "Example:
  mainstay restart web --wait=2m")]
    Restart(ServiceArgs),
    /// Have a service read its own configuration again, without a stop
    #[command(after_help = "Examples:
  mainstay reload web --yes --wait
  mainstay reload web/nginx       one of its resources
  mainstay reload web --dry-run")]
    Reload(ReloadArgs),
    /// Take a service to another node
    #[command(after_help = "Examples:
  mainstay move web --to beta
  mainstay move web --yes --wait")]
    Move(MoveArgs),
    /// Leave a service as it is, whatever happens
    #[command(after_help = "Example:
  mainstay freeze web")]
    Freeze(ServiceArgs),
    /// End a freeze
    #[command(after_help = "Example:
  mainstay thaw web")]
    Thaw(ServiceArgs),
    /// Forget failures of a service; barred nodes may run it again
    #[command(after_help = "Example:
  mainstay clear web")]
    Clear(ServiceArgs),
    /// Set a node aside: its services move, it stays a member
    #[command(after_help = "Example:
  mainstay standby alpha --wait")]
    Standby(NodeArgs),
    /// End a standby
    #[command(after_help = "Example:
  mainstay online alpha")]
    Online(NodeArgs),
    /// Trust cards of a node again that have failed
    #[command(after_help = "Examples:
  mainstay rearm alpha eth0
  mainstay rearm alpha            all its cards")]
    Rearm(RearmArgs),
    /// Keep Mainstay's hands off the whole cluster or one node, or end that
    #[command(after_help = "Examples:
  mainstay maintenance on
  mainstay maintenance off
  mainstay maintenance on --node gamma")]
    Maintenance(MaintenanceArgs),
    /// Prove that a node does no more harm, and what was fenced
    #[command(after_help = "Examples:
  mainstay fence gamma            switch it off through its fence devices
  mainstay fence status           fences under way
  mainstay fence confirm gamma    vouch for it: it is off, I have seen it")]
    Fence(FenceArgs),

    /// Checks of services: how they are, pause, resume, run, install, remove, tune
    #[command(after_help = "Examples:
  mainstay checks web --history
  mainstay checks pause web --for 30m
  mainstay checks resume --all")]
    Checks(crate::checks::ChecksArgs),
    /// Attributes of nodes, which rules of services ask for
    #[command(subcommand)]
    Attr(AttrCommand),
    /// Tickets: rights of which one of several clusters holds each
    #[command(subcommand)]
    Ticket(TicketCommand),

    /// Who may decide, and what a node waits for when half of them are gone
    #[command(subcommand)]
    Quorum(QuorumCommand),

    /// Look at a configuration file: everything that is wrong with it (needs no daemon)
    #[command(after_help = "Examples:
  mainstay check shop.toml
  mainstay check --cluster              do the nodes still have what they need?
  mainstay check --cluster shop.toml    would they have it for this file?")]
    Check(CheckArgs),
    /// What would this configuration change?
    #[command(after_help = "Example:
  mainstay plan shop.toml")]
    Plan(FileArgs),
    /// Make this configuration live, after showing what follows
    #[command(after_help = "Examples:
  mainstay apply shop.toml
  mainstay apply shop.toml --yes --wait")]
    Apply(ApplyArgs),
    /// The live configuration and its versions
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Make a configuration file from that of another cluster manager (needs no daemon)
    #[command(subcommand)]
    Import(ImportCommand),
    /// The resource agents of this machine, and what they can be told (needs no daemon)
    #[command(subcommand)]
    Agent(AgentCommand),

    /// Start a new cluster with this node
    #[command(after_help = "Examples:
  mainstay init shop --address lan=10.0.0.11/24
  mainstay init --file shop.toml")]
    Init(InitArgs),
    /// Make a token that lets one node join
    #[command(after_help = "Example:
  mainstay token --valid 10m")]
    Token(TokenArgs),
    /// Join a cluster with a token made on one of its nodes
    #[command(after_help = "Example:
  mainstay join TOKEN --address lan=10.0.0.12/24")]
    Join(JoinArgs),
    /// Take this node out of the cluster for good; its services move first
    #[command(after_help = "Example:
  mainstay leave --wait")]
    Leave(ActArgs),
    /// Stop this node cleanly: its services move, then its daemon ends
    #[command(after_help = "Example:
  mainstay halt --wait")]
    Halt(ActArgs),
    /// Other nodes of the cluster
    #[command(subcommand)]
    Node(NodeCommand),

    /// Rights that one program of the cluster holds at a time
    #[command(subcommand)]
    Lock(LockCommand),

    /// A vote from outside, for clusters of which half may be gone
    #[command(subcommand)]
    Witness(WitnessCommand),

    /// Run the daemon (one per node)
    Daemon(DaemonArgs),
    /// A whole cluster on this machine
    #[command(disable_help_flag = true)]
    Lab {
        /// What the laboratory shall do
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Completions for a shell
    #[command(after_help = "Example:
  mainstay completions bash > /usr/share/bash-completion/completions/mainstay")]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// The version of this program
    Version,
}

/// How a change is agreed to and followed.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct ActArgs {
    /// Do it without asking
    #[arg(long, short)]
    pub yes: bool,
    /// Show what would happen, change nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Wait until it is done, at most TIME (60s without)
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true,
          default_missing_value = WAIT_DEFAULT, value_parser = model::duration::parse)]
    pub wait: Option<Duration>,
}

/// `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// One service or node, in depth
    #[arg(value_name = "SERVICE|NODE")]
    pub name: Option<String>,
    /// Exit with 4 when something is not as it should be
    #[arg(long)]
    pub check: bool,
}

/// `history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// From this time on: `2026-11-20T03:00:00Z`, or a span before now like `1h`
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// The newest N entries
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: usize,
}

/// `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Which service
    pub service: ServiceName,
    /// Why it is not on this node, and what would have to change
    #[arg(long, value_name = "NODE")]
    pub not_on: Option<NodeName>,
    /// As it was then: `2026-11-20T03:00:00Z`, or a span before now like `1h`
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
}

/// `what-if`.
#[derive(Debug, Args)]
pub struct WhatIfArgs {
    /// This configuration instead of the live one; `-` reads the standard input
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Only this: a node, or KIND:NAME; with several, all at once
    #[arg(long, value_name = "NODE|KIND:NAME")]
    pub fail: Vec<String>,
    /// With --fail: and then every other thing beside it
    #[arg(long, requires = "fail")]
    pub double: bool,
    /// The whole list, not only what fits a screen
    #[arg(long)]
    pub all: bool,
}

/// `log`.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// Which service; without, the daemon's own log
    pub service: Option<ServiceName>,
    /// One of its resources
    #[arg(long, value_name = "NAME", requires = "service")]
    pub resource: Option<ResourceName>,
    /// One kind of operation (start, stop, status, probe; check, run), or those of the plan of this number
    #[arg(long, value_name = "VERB|PLAN", requires = "service")]
    pub operation: Option<String>,
    /// On this node; without, on the one that is asked
    #[arg(long, value_name = "NODE")]
    pub node: Option<NodeName>,
    /// From this time on: `2026-11-20T03:00:00Z`, or a span before now like `1h`
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Go on with what is written from now on
    #[arg(long, short)]
    pub follow: bool,
}

/// `log-level`.
#[derive(Debug, Args)]
pub struct LogLevelArgs {
    /// What shall be told: LEVEL, or MODULE=LEVEL, several with commas
    #[arg(conflicts_with = "reset")]
    pub levels: Option<String>,
    /// As it was when the daemon started
    #[arg(long)]
    pub reset: bool,
    /// Of this node; without, of the one that is asked
    #[arg(long, value_name = "NODE")]
    pub node: Option<NodeName>,
}

/// Orders about a service.
#[derive(Debug, Args)]
pub struct ServiceArgs {
    /// Which service
    pub service: ServiceName,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as help")]
    pub act: ActArgs,
}

/// `start`.
#[derive(Debug, Args)]
pub struct StartArgs {
    /// Which service
    pub service: ServiceName,
    /// On this node; without, where it is best
    #[arg(long, value_name = "NODE")]
    pub node: Option<NodeName>,
    /// Do not wait for the services that it is `after`, and go on when they stop
    #[arg(long)]
    pub without_dependencies: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as help")]
    pub act: ActArgs,
}

/// `move`.
#[derive(Debug, Args)]
pub struct MoveArgs {
    /// Which service
    pub service: ServiceName,
    /// Where to; without, the best other node
    #[arg(long, value_name = "NODE")]
    pub to: Option<NodeName>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as help")]
    pub act: ActArgs,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Command {
        Cli::try_parse_from(line.split(' ')).unwrap().command
    }

    #[test]
    fn the_laboratory_gets_its_arguments_as_they_were_typed() {
        let lab = |line| match parse(line) {
            Command::Lab { arguments } => arguments,
            other => panic!("{other:?}"),
        };
        let exec = lab("mainstay lab exec alpha -- mainstay status --json");
        assert_eq!(
            exec,
            ["exec", "alpha", "--", "mainstay", "status", "--json"]
        );
        assert_eq!(lab("mainstay lab --help"), ["--help"]);
        assert_eq!(lab("mainstay lab status --json"), ["status", "--json"]);
    }

    #[test]
    fn a_place_on_a_network_reads_with_and_without_cards() {
        let (network, place) = super::file::place("lan=10.0.0.11/24@eth0,eth1").unwrap();
        assert_eq!((network.as_str(), place.cards.len()), ("lan", 2));
        assert!(super::file::place("lan=fd00::1/64").is_ok());
        for wrong in [
            "10.0.0.1/24",
            "lan=10.0.0.1",
            "l n=10.0.0.1/24",
            "lan=10.0.0.1/24@",
        ] {
            assert!(super::file::place(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn wait_takes_a_time_after_an_equals_sign_or_none() {
        let wait = |line| match parse(line) {
            Command::Move(args) => args.act.wait,
            other => panic!("{other:?}"),
        };
        assert_eq!(wait("mainstay move web"), None);
        assert_eq!(
            wait("mainstay move web --wait"),
            Some(Duration::from_secs(60))
        );
        assert_eq!(
            wait("mainstay move web --wait=2m"),
            Some(Duration::from_secs(120))
        );
        assert!(Cli::try_parse_from(["mainstay", "move", "web", "--wait=soon"]).is_err());
    }

    #[test]
    fn a_node_is_fenced_by_its_name_and_fences_are_looked_at_by_a_word() {
        let Command::Fence(args) = parse("mainstay fence gamma --yes") else {
            panic!("not a fence")
        };
        assert!(args.command.is_none() && args.act.yes);
        assert_eq!(args.node.unwrap().as_str(), "gamma");
        let Command::Fence(args) = parse("mainstay fence confirm gamma") else {
            panic!("not a fence")
        };
        assert!(matches!(args.command, Some(FenceCommand::Confirm(_))));
    }
}
