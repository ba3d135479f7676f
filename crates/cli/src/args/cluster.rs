//! Nodes, fences, locks of quorum, tickets, attributes and agents.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use model::{CardName, DeviceName, NodeName, TicketName};

use super::ActArgs;

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
