//! What the processes of a laboratory say to one another: JSON messages over local sockets.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::layout::Card;

/// Asked of the keeper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// How everything is.
    Status,
    /// Power.
    Power {
        /// Of which machine.
        node: String,
        /// On or off.
        set: Power,
    },
    /// Pull a cable.
    Cut(Cut),
    /// Plug cables in: those of one node, or all.
    Heal {
        /// Whose.
        node: Option<String>,
        /// Only that of this card.
        #[serde(default)]
        card: Option<String>,
    },
    /// Stop every process of a machine, or let them go on.
    Pace {
        /// Which machine.
        node: String,
        /// What it shall do.
        set: Pace,
    },
    /// Kill the daemon of a node; it is started again.
    DaemonKill {
        /// Which node.
        node: String,
    },
    /// The processes of a machine.
    Processes {
        /// Which machine.
        node: String,
    },
    /// Run a command; the message carries its standard input, output and error.
    Exec(Exec),
    /// End everything.
    Down,
}

/// The answer to a request, or the end of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// It is done.
    Done,
    /// It cannot be done.
    Refused {
        /// Why.
        why: String,
    },
    /// How everything is.
    Status(Status),
    /// The processes of a machine.
    Processes(Vec<Process>),
    /// The command runs.
    Started {
        /// Its number within the machine.
        pid: i32,
    },
    /// The command ended.
    Exited {
        /// Its exit code; 128 and the number for a signal.
        code: i32,
    },
}

/// The position of a power switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Power {
    /// The machine runs.
    On,
    /// Nothing of the machine runs.
    Off,
}

/// Whether a machine is being run by its processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pace {
    /// It runs.
    Running,
    /// All its processes stand still; its kernel goes on.
    Paused,
}

/// Which way packets no longer go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Neither way.
    Both,
    /// None arrives at the node.
    In,
    /// None leaves the node.
    Out,
}

/// A cut cable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cut {
    /// Whose cable.
    pub node: String,
    /// On which network; on all.
    pub network: Option<String>,
    /// Which way.
    pub direction: Direction,
    /// Only packets from or to this node.
    pub from: Option<String>,
    /// Only the cable of this card.
    #[serde(default)]
    pub card: Option<String>,
}

/// `alpha/eth0`: a node and one of its cards; `alpha`: a node.
#[must_use]
pub fn node_and_card(text: &str) -> (String, Option<String>) {
    match text.split_once('/') {
        Some((node, card)) => (node.to_string(), Some(card.to_string())),
        None => (text.to_string(), None),
    }
}

/// A command to run in a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    /// Where.
    pub machine: String,
    /// The program, looked up in the machine's `PATH`, and its arguments.
    pub argv: Vec<String>,
}

/// How the laboratory is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// Its directory.
    pub dir: PathBuf,
    /// The process outside that cleans up, by the number that it has there.
    pub janitor_pid: i32,
    /// The process that holds everything, by the number that it has outside.
    pub keeper_pid: i32,
    /// Its networks.
    pub networks: Vec<String>,
    /// Cards of each node on each network beside the first.
    #[serde(default)]
    pub spares: usize,
    /// Its nodes.
    pub nodes: Vec<NodeStatus>,
    /// The machine of its witness, if there is one.
    #[serde(default)]
    pub witness: Option<NodeStatus>,
    /// Its cut cables.
    pub cuts: Vec<Cut>,
}

/// How a node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Its name.
    pub name: String,
    /// Its address on the first network.
    pub address: String,
    /// Whether it has power.
    pub power: Power,
    /// Whether it runs.
    pub pace: Pace,
    /// How often it was switched on.
    pub boots: u32,
    /// The number of its daemon within the machine.
    pub daemon: Option<i32>,
}

/// A process of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number within the machine.
    pub pid: i32,
    /// Its state as `ps` shows it.
    pub state: char,
    /// Program and arguments.
    pub command: Vec<String>,
}

/// From the keeper to the first process of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Order {
    /// What you are.
    Boot(Boot),
    /// Your cards are there.
    Cards,
    /// Run a command (with four descriptors: input, output, error, and where to reply).
    Exec(Exec),
    /// Kill the daemon.
    DaemonKill,
}

/// From the first process of a machine to the keeper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Notice {
    /// The machine is up.
    Up,
    /// The machine did not come up.
    Broken { why: String },
    /// The daemon started or ended.
    Daemon { pid: Option<i32> },
    /// The daemon was killed, or there was none.
    DaemonKilled { pid: Option<i32> },
}

/// What a machine is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Boot {
    pub(crate) name: String,
    pub(crate) cards: Vec<Card>,
    /// A file with the id of this boot.
    pub(crate) boot_id: PathBuf,
    /// What `/run/lab` shows: a name, and the directory outside.
    pub(crate) places: BTreeMap<String, PathBuf>,
    /// Runs the daemon, with this state directory; `None` on the client.
    pub(crate) daemon: Option<Daemon>,
    pub(crate) environment: BTreeMap<String, String>,
}

/// What the guard of the daemon needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Daemon {
    pub(crate) program: PathBuf,
    /// Where another program is found once one was installed on this node.
    pub(crate) installed: PathBuf,
    pub(crate) state_dir: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) kind: DaemonKind,
}

/// What the daemon of a machine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum DaemonKind {
    /// That of a node; started once the node was initialised.
    Node,
    /// A witness; started with the machine.
    Witness,
}
