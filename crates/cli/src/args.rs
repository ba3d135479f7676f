//! What can be typed. Help, completions and parser come from here.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::lock::LockCommand;
use crate::reload::ReloadArgs;
use crate::witness::WitnessCommand;
use clap::{Args, Parser, Subcommand, ValueEnum};
use model::spec::Attachment;
use model::{CardName, DeviceName, NetworkName, NodeName, ResourceName, ServiceName, TicketName};

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

/// Orders about a node.
#[derive(Debug, Args)]
pub struct NodeArgs {
    /// Which node
    pub node: NodeName,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as help")]
    pub act: ActArgs,
}

/// `rearm`.
#[derive(Debug, Args)]
pub struct RearmArgs {
    /// Whose cards
    pub node: NodeName,
    /// Which card; all when none is named
    pub card: Option<CardName>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as help")]
    pub act: ActArgs,
}

/// `maintenance`.
#[derive(Debug, Args)]
pub struct MaintenanceArgs {
    /// Begin or end
    pub switch: OnOff,
    /// Of this node only
    #[arg(long, value_name = "NODE")]
    pub node: Option<NodeName>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as help")]
    pub act: ActArgs,
}

/// `on` or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnOff {
    /// Nothing is started, stopped or fenced
    On,
    /// Mainstay acts again
    Off,
}

/// `fence`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct FenceArgs {
    /// Something else than fencing a node.
    #[command(subcommand)]
    pub command: Option<FenceCommand>,
    /// Which node to switch off
    #[arg(required = true)]
    pub node: Option<NodeName>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as help")]
    pub act: ActArgs,
}

/// `fence ...`.
#[derive(Debug, Subcommand)]
pub enum FenceCommand {
    /// Fences under way
    Status,
    /// Fences that are settled
    History,
    /// Ask the fence devices whether they answer; nothing is switched
    Test {
        /// Of which node; without, of every node
        node: Option<NodeName>,
    },
    /// Vouch for a node: it is off, I have seen it
    #[command(
        after_help = "Only do this when you have seen that the node has no power. If it still
runs, its services may run twice and destroy their data."
    )]
    Confirm(NodeArgs),
    /// Believe a fence device again that confirmed what was not true
    #[command(after_help = "Example:
  mainstay fence trust power-gamma")]
    Trust {
        /// Which device
        device: DeviceName,
        #[command(flatten)]
        #[allow(missing_docs, reason = "clap would show it as help")]
        act: ActArgs,
    },
}

/// `attr ...`.
#[derive(Debug, Subcommand)]
pub enum AttrCommand {
    /// What is set, by the configuration or at run time
    List {
        /// Of which node; without, of every node
        node: Option<NodeName>,
    },
    /// Set an attribute; it stands before what the configuration says
    #[command(after_help = "Examples:
  mainstay attr set gamma rack b
  mainstay attr set gamma health-disk red   services leave it, if node_health says so")]
    Set {
        /// Of which node
        node: NodeName,
        /// Which attribute
        key: String,
        /// What it is from now on
        value: String,
        #[command(flatten)]
        #[allow(missing_docs, reason = "clap would show it as help")]
        act: ActArgs,
    },
    /// Forget what was set; what the configuration says holds again
    #[command(after_help = "Example:
  mainstay attr unset gamma health-disk")]
    Unset {
        /// Of which node
        node: NodeName,
        /// Which attribute
        key: String,
        #[command(flatten)]
        #[allow(missing_docs, reason = "clap would show it as help")]
        act: ActArgs,
    },
}

/// `agent ...`.
#[derive(Debug, Subcommand)]
pub enum AgentCommand {
    /// Which agents are installed
    #[command(after_help = "Example:
  mainstay agent list")]
    List {
        #[command(flatten)]
        #[allow(missing_docs, reason = "clap would show it as help")]
        place: AgentRoot,
    },
    /// What an agent operates, its parameters, its actions
    #[command(after_help = "Example:
  mainstay agent info ocf:heartbeat:nginx")]
    Info {
        /// Which, as the configuration names it
        agent: String,
        #[command(flatten)]
        #[allow(missing_docs, reason = "clap would show it as help")]
        place: AgentRoot,
    },
}

/// Where OCF agents are.
#[derive(Debug, Clone, Args)]
pub struct AgentRoot {
    /// Where OCF agents are, in resource.d
    #[arg(long, value_name = "DIRECTORY", env = "OCF_ROOT", default_value = crate::agent_check::ROOT,
          hide_env_values = true)]
    pub root: PathBuf,
}

/// `ticket ...`.
#[derive(Debug, Subcommand)]
pub enum TicketCommand {
    /// How each ticket stands in this cluster
    List,
    /// It is here from now on: services that need it may run
    #[command(
        after_help = "Only do this when no other cluster holds it: else services run twice.

Example:
  mainstay ticket grant site-a"
    )]
    Grant(TicketArgs),
    /// It is about to be given away: what needs it stops in peace
    #[command(after_help = "Example:
  mainstay ticket standby site-a")]
    Standby(TicketArgs),
    /// It is not here any more: services answer as their `on_ticket_loss` says
    #[command(after_help = "Example:
  mainstay ticket revoke site-a")]
    Revoke(TicketArgs),
}

/// Orders about a ticket.
#[derive(Debug, Args)]
pub struct TicketArgs {
    /// Which ticket
    pub ticket: TicketName,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as help")]
    pub act: ActArgs,
}

/// `quorum ...`.
#[derive(Debug, Subcommand)]
pub enum QuorumCommand {
    /// Voters, arbiter, and what stands in the way
    Status,
    /// Vouch that nodes are off, and let this one go on without them
    #[command(
        after_help = "Only do this when the named nodes are off and stay off. What only they knew is
gone; and if one of them still runs, its services run twice and may destroy their data.

Example:
  mainstay quorum force --lost alpha"
    )]
    Force(ForceArgs),
}

/// `quorum force`.
#[derive(Debug, Args)]
pub struct ForceArgs {
    /// The voters that are off, separated by commas
    #[arg(long, value_name = "NODE", required = true, value_delimiter = ',')]
    pub lost: Vec<NodeName>,
    /// Do it without asking
    #[arg(long, short)]
    pub yes: bool,
}

/// A configuration file.
#[derive(Debug, Args)]
pub struct FileArgs {
    /// The file; `-` reads the standard input
    pub file: PathBuf,
}

/// `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The file; `-` reads the standard input
    #[arg(required_unless_present = "cluster")]
    pub file: Option<PathBuf>,
    /// Ask all nodes whether they have what the file needs; without a file, what is live
    #[arg(long)]
    pub cluster: bool,
}

/// `import`.
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// From Pacemaker: the output of `cibadmin --query`
    #[command(after_help = "Example:
  mainstay import cib cluster.xml > shop.toml")]
    Cib(FileArgs),
}

/// `apply`.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// The file; `-` reads the standard input
    pub file: PathBuf,
    /// The version that it was made from; refused when another one is live
    #[arg(long, value_name = "VERSION")]
    pub base: Option<u64>,
    /// Make it live although somebody else was faster
    #[arg(long)]
    pub force: bool,
    /// Make it live although a service would no longer survive what it must
    #[arg(long)]
    pub break_rules: bool,
    /// Make it live although nodes lack what it needs
    #[arg(long)]
    pub ignore_environment: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as help")]
    pub act: ActArgs,
}

/// `config ...`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the live configuration, or an older version
    Show {
        /// Which version
        version: Option<u64>,
    },
    /// The kept versions: when, by whom
    History,
    /// What differs: `A B` two versions, `A` that version and the live one, or a file
    #[command(after_help = "Examples:
  mainstay config diff            the last change
  mainstay config diff 3          version 3 and the live one
  mainstay config diff 3 5
  mainstay config diff shop.toml  the live one and the file")]
    Diff {
        /// A version, or a file
        from: Option<String>,
        /// A version
        to: Option<u64>,
    },
    /// Make an older version live again, after showing what follows
    Rollback {
        /// Which version
        version: u64,
        #[command(flatten)]
        #[allow(missing_docs, reason = "clap would show it as help")]
        act: ActArgs,
    },
    /// Edit the live configuration, then apply it
    Edit {
        #[command(flatten)]
        #[allow(missing_docs, reason = "clap would show it as help")]
        act: ActArgs,
    },
}

/// `node ...`.
#[derive(Debug, Subcommand)]
pub enum NodeCommand {
    /// Take a node that is down out of the cluster for good
    #[command(after_help = "Example:
  mainstay node remove gamma")]
    Remove(NodeArgs),
    /// Put a new machine in the place of a node that is down, under the same name
    #[command(after_help = "Example:
  mainstay node replace gamma")]
    Replace(NodeArgs),
}

/// `token`.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// For how long it is valid
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = model::duration::parse)]
    pub valid: Duration,
}

/// Where the daemon keeps its state.
/// Where a daemon keeps its state without `--state`.
pub const STATE_DEFAULT: &str = "/var/lib/mainstay";

/// `init`. Carried out by the binary.
#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// Name of the cluster
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    pub cluster: Option<String>,
    /// A configuration to start with
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Name of this node; without, the host's name
    #[arg(long, value_name = "NODE")]
    pub name: Option<NodeName>,
    /// This node's address on a network, `NETWORK=ADDRESS/PREFIX[@CARD,...]`; once per network
    #[arg(long = "address", value_name = "NETWORK=ADDRESS/PREFIX", value_parser = place)]
    pub addresses: Vec<(NetworkName, Attachment)>,
    /// Where the daemon keeps its state
    #[arg(long, value_name = "DIRECTORY", default_value = STATE_DEFAULT)]
    pub state: PathBuf,
}

/// `join`. Carried out by the binary.
#[derive(Debug, Clone, Args)]
pub struct JoinArgs {
    /// The token, as `mainstay token` printed it
    pub token: String,
    /// Name of this node; without, the host's name
    #[arg(long, value_name = "NODE")]
    pub name: Option<NodeName>,
    /// This node's address on a network, `NETWORK=ADDRESS/PREFIX[@CARD,...]`; once per
    /// network. Not needed when the live configuration describes this node
    #[arg(long = "address", value_name = "NETWORK=ADDRESS/PREFIX", value_parser = place)]
    pub addresses: Vec<(NetworkName, Attachment)>,
    /// Where the daemon keeps its state
    #[arg(long, value_name = "DIRECTORY", default_value = STATE_DEFAULT)]
    pub state: PathBuf,
}

/// `daemon`. Carried out by the binary. The socket is that of `Global`.
#[derive(Debug, Clone, Args)]
pub struct DaemonArgs {
    /// Where the daemon keeps its state
    #[arg(long, value_name = "DIRECTORY", default_value = STATE_DEFAULT)]
    pub state: PathBuf,
    /// Where it keeps what does not outlive a boot
    #[arg(long, value_name = "DIRECTORY", default_value = "/run/mainstay")]
    pub run: PathBuf,
    /// Start it again, with a pause that grows, whenever it ends unasked
    #[arg(long)]
    pub guard: bool,
    /// Write its log into this file as well, beside the journal or standard error
    #[arg(
        long,
        value_name = "FILE",
        env = "MAINSTAY_LOG_FILE",
        hide_env_values = true
    )]
    pub log_file: Option<PathBuf>,
    /// Turn the file over when it has so many MiB
    #[arg(long, value_name = "MIB", default_value_t = 10)]
    pub log_file_mib: u64,
    /// Keep so many older ones (FILE.1, FILE.2, ...)
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub log_files: usize,
    /// How long to keep what services have printed that are no longer configured
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = model::duration::parse)]
    pub output_kept: Duration,
}

/// Reads `lan=10.0.0.11/24@eth0,eth1`.
fn place(text: &str) -> Result<(NetworkName, Attachment), String> {
    let (network, rest) = text
        .split_once('=')
        .ok_or("write it like lan=10.0.0.11/24, or lan=10.0.0.11/24@eth0")?;
    let (address, cards) = match rest.split_once('@') {
        Some((address, cards)) => (address, cards.split(',').collect()),
        None => (rest, Vec::new()),
    };
    let attachment = Attachment {
        address: address
            .parse()
            .map_err(|_| format!("`{address}` is no address with its prefix, like 10.0.0.11/24"))?,
        cards: cards
            .into_iter()
            .map(|card| {
                card.parse()
                    .map_err(|error| format!("card `{card}`: {error}"))
            })
            .collect::<Result<_, String>>()?,
    };
    let network = network
        .parse()
        .map_err(|error| format!("network `{network}`: {error}"))?;
    Ok((network, attachment))
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
        let (network, place) = super::place("lan=10.0.0.11/24@eth0,eth1").unwrap();
        assert_eq!((network.as_str(), place.cards.len()), ("lan", 2));
        assert!(super::place("lan=fd00::1/64").is_ok());
        for wrong in [
            "10.0.0.1/24",
            "lan=10.0.0.1",
            "l n=10.0.0.1/24",
            "lan=10.0.0.1/24@",
        ] {
            assert!(super::place(wrong).is_err(), "{wrong}");
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
