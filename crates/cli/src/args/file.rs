//! Configuration files, and how a node begins.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use model::spec::Attachment;
use model::{NetworkName, NodeName};

use super::ActArgs;

/// Where the daemon keeps its state.
/// Where a daemon keeps its state without `--state`.
pub const STATE_DEFAULT: &str = "/var/lib/mainstay";

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
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as help")]
    pub despite: DespiteArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as help")]
    pub act: ActArgs,
}

/// What a configuration is made live in spite of.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct DespiteArgs {
    /// Make it live although a service would no longer survive what it must
    #[arg(long)]
    pub break_rules: bool,
    /// Make it live although nodes lack what it needs
    #[arg(long)]
    pub ignore_environment: bool,
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
        despite: DespiteArgs,
        #[command(flatten)]
        #[allow(missing_docs, reason = "clap would show it as help")]
        act: ActArgs,
    },
    /// Edit the live configuration, then apply it
    Edit {
        #[command(flatten)]
        #[allow(missing_docs, reason = "clap would show it as help")]
        despite: DespiteArgs,
        #[command(flatten)]
        #[allow(missing_docs, reason = "clap would show it as help")]
        act: ActArgs,
    },
}

/// `token`.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// For how long it is valid
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = model::duration::parse)]
    pub valid: Duration,
}

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
pub(super) fn place(text: &str) -> Result<(NetworkName, Attachment), String> {
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
