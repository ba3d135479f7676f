//! What a line of a scenario can mean.

use std::time::Duration;

use crate::protocol::Cut;

/// One line of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its line number.
    pub line: usize,
    /// The line, without its text.
    pub text: String,
    /// The text that it brings along.
    pub body: Option<String>,
    /// What it means, with names of variables still in it.
    pub kind: StepKind,
}

/// What must be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// A service is in a state, perhaps on a certain node.
    Service {
        /// The service.
        name: String,
        /// `running` and the other words of `mainstay status`.
        state: String,
        /// Where.
        node: Option<String>,
    },
    /// A node is in a state.
    Node {
        /// The node.
        name: String,
        /// Its state, as `mainstay status` says it.
        state: String,
    },
    /// All nodes of the laboratory are online members of one cluster.
    AllOnline,
    /// Which processes of a node have a text in their command line.
    Pids {
        /// The node.
        node: String,
        /// The text.
        text: String,
        /// Their numbers, joined with commas; `none` when there are none.
        pids: String,
        /// Whether it shall be those.
        relation: Relation,
    },
}

/// How what is seen stands to what is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// The same.
    Is,
    /// Something else.
    IsNot,
}

/// What a variable can be set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The node that leads.
    Leader,
    /// The node where a service runs.
    NodeOf(String),
    /// The first node, by name, that is none of these.
    NodeBeside(Vec<String>),
    /// Any node; the seed decides.
    RandomNode,
    /// The processes of a node that have a text in their command line.
    Pids {
        /// The node.
        node: String,
        /// The text.
        text: String,
    },
}

/// What a client must have seen since it was judged last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// No time without an answer was longer, and it is answered now.
    OutageUnder(Duration),
    /// There was a time without an answer, within these bounds.
    OutageBetween(Duration, Duration),
    /// Every request was answered.
    NoFailure,
}

/// How a command must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With success.
    Done,
    /// Refused or failed.
    Refused,
}

/// The program of a daemon.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Program {
    /// The one that plays the scenario.
    #[default]
    ThisOne,
    /// One of the feature level before, that `MAINSTAY_OLDER` names.
    Older,
}

impl Program {
    /// Where it is; none: it is the laboratory's own.
    ///
    /// # Errors
    /// When nobody says where the older one is.
    pub fn path(self) -> Result<Option<std::path::PathBuf>, String> {
        match self {
            Self::ThisOne => Ok(None),
            Self::Older => match std::env::var_os("MAINSTAY_OLDER") {
                Some(path) => Ok(Some(path.into())),
                None => Err("MAINSTAY_OLDER must name an older program: \
                             `cargo build -p mainstay --features older --target-dir target/older`"
                    .to_string()),
            },
        }
    }
}

/// What a line means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepKind {
    /// Make the laboratory.
    Up {
        /// Its nodes.
        nodes: Vec<String>,
        /// Whether it has a witness.
        witness: crate::layout::Witness,
        /// Its networks.
        networks: Vec<String>,
        /// Cards of each node on each network beside the first.
        spares: usize,
        /// Whether a cluster is formed.
        cluster: crate::Cluster,
        /// What its nodes have.
        fittings: crate::Fittings,
        /// What their daemons are.
        program: Program,
        /// Decides what is random.
        seed: u64,
    },
    /// Add this configuration to that of networks, nodes and power.
    Apply(String),
    /// Write that whole configuration to a file that all machines share.
    Config {
        /// Name of the file.
        file: String,
        /// What is added.
        text: String,
    },
    /// Power loss.
    Kill(String),
    /// Power.
    On(String),
    /// An empty disk in a node without power.
    Wipe(String),
    /// Stop all processes.
    Pause(String),
    /// Let them go on.
    Resume(String),
    /// Kill the daemon.
    DaemonKill(String),
    /// Install a program for the daemon of a node.
    Install {
        /// The node.
        node: String,
        /// Which.
        program: Program,
    },
    /// Pull a cable.
    Cut(Cut),
    /// Plug cables in.
    Heal(Option<String>),
    /// The fence device of a node misbehaves like this, or works.
    Device {
        /// The node.
        node: String,
        /// Options of `fence_lab`, as lines.
        trouble: String,
    },
    /// Set the wall clock of a node's daemon so far from the true time.
    Clock {
        /// The node.
        node: String,
        /// Milliseconds, negative: back.
        millis: i64,
    },
    /// Set a variable.
    Let {
        /// Its name.
        name: String,
        /// Where its value comes from.
        source: Source,
    },
    /// Run a command, which must succeed and print the text, if there is one.
    Exec {
        /// Where.
        machine: String,
        /// What.
        argv: Vec<String>,
        /// What it must print.
        expected: Option<String>,
    },
    /// Run a command until it ends so and all of these lines are in what it prints.
    Shows {
        /// Where.
        machine: String,
        /// What.
        argv: Vec<String>,
        /// Parts that must be there.
        parts: Vec<String>,
        /// How it must end.
        ending: Ending,
    },
    /// Run a shell script, which must succeed.
    Script {
        /// Where.
        machine: String,
        /// The script.
        text: String,
    },
    /// Wait until something is seen.
    Await(Condition, Duration),
    /// See that something stays as it is.
    Hold(Condition, Duration),
    /// Let time pass.
    Run(Duration),
    /// Compare what `mainstay status` prints.
    Status(String),
    /// From here on, `happened` and `never` look.
    Mark,
    /// The history since the mark has, or gets soon, these entries in this order.
    Happened(Vec<String>),
    /// The history since the mark has none of these entries.
    Never(Vec<String>),
    /// A client begins to ask: the program that does, which prints lines of a probe.
    Ask(Vec<String>),
    /// What the client must have seen.
    Judge(Verdict),
    /// The witness of a service saw so many copies at least, and no two at one time.
    Apart {
        /// The witness's file.
        file: String,
        /// How many.
        copies: usize,
    },
    /// Play the steps again and again.
    Repeat(usize, Vec<Step>),
}
