//! `mainstay lab`: the laboratory for people.

use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Deserialize;

use crate::form::{Cluster, apply_services, form};
use crate::handle::{Lab, LabError, Options};
use crate::janitor::Lifetime;
use crate::layout;
use crate::protocol::{Cut, Direction, Pace, Power, Status, node_and_card};
use crate::{demo, scenario};

/// A command that a person runs ends when the person wants; a month is never.
const COMMAND_LIMIT: Duration = Duration::from_secs(30 * 86_400);

/// Which laboratory.
#[derive(Debug, Clone, Args)]
pub struct Which {
    /// Name of the laboratory
    #[arg(long, default_value = "lab", global = true)]
    name: String,
}

/// What `mainstay lab` can do.
#[derive(Debug, Clone, Subcommand)]
pub enum LabCommand {
    /// Make a laboratory and form a cluster in it
    Up(Up),
    /// End the laboratory; nothing of it stays
    Down {
        /// Which laboratory.
        #[command(flatten)]
        which: Which,
    },
    /// Show nodes, power, daemons and cut cables
    Status {
        /// Which laboratory.
        #[command(flatten)]
        which: Which,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Run a command in a node, or in `client`
    Exec {
        /// Which laboratory.
        #[command(flatten)]
        which: Which,
        /// Node, or `client`
        node: String,
        /// The command and its arguments
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Power loss: everything in the node ends at one moment
    Kill(OneNode),
    /// Give a node power again
    On(OneNode),
    /// Pull the cables of a node, or a part of them
    Cut(CutArguments),
    /// Plug cables in again: those of one node, or all
    Heal {
        /// Which laboratory.
        #[command(flatten)]
        which: Which,
        /// Only the cables of this node, or of one of its cards: `alpha/eth0`
        node: Option<String>,
    },
    /// Stop every process of a node, as a machine that stalls
    Pause(OneNode),
    /// Let a paused node go on
    Resume(OneNode),
    /// Kill the daemon of a node; it is started again
    DaemonKill(OneNode),
    /// Watch a failover: three nodes, a service, a power loss
    Demo,
    /// Play scenario files and compare
    Run {
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

/// One node.
#[derive(Debug, Clone, Args)]
pub struct OneNode {
    /// Which laboratory.
    #[command(flatten)]
    which: Which,
    /// The node
    node: String,
}

/// What laboratory to make.
#[derive(Debug, Clone, Args)]
pub struct Up {
    /// Which laboratory.
    #[command(flatten)]
    which: Which,
    /// Number of nodes
    #[arg(long)]
    nodes: Option<usize>,
    /// Description of the laboratory (TOML, table `[lab]`: nodes, networks, spares)
    #[arg(long)]
    file: Option<PathBuf>,
    /// Directory in which the laboratory makes its own
    #[arg(long, default_value = "/var/tmp")]
    dir: PathBuf,
    /// Cards of each node on each network that stand by (`eth0b`, `eth0c`)
    #[arg(long)]
    spares: Option<usize>,
    /// A machine for a witness beside the nodes
    #[arg(long)]
    witness: bool,
    /// Leave the nodes bare
    #[arg(long)]
    no_cluster: bool,
    /// Configuration to apply to the new cluster
    #[arg(long)]
    config: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Which cable to pull.
#[derive(Debug, Clone, Args)]
pub struct CutArguments {
    /// Which laboratory.
    #[command(flatten)]
    which: Which,
    /// The node, or one of its cards: `alpha/eth0`
    node: String,
    /// Only the cable to this network
    #[arg(long)]
    network: Option<String>,
    /// Only packets to the node
    #[arg(long = "in", conflicts_with = "outgoing")]
    incoming: bool,
    /// Only packets from the node
    #[arg(long = "out")]
    outgoing: bool,
    /// Only packets from or to this other node
    #[arg(long)]
    from: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LabFile {
    lab: LabTable,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LabTable {
    nodes: Option<Nodes>,
    networks: Option<Vec<String>>,
    spares: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Nodes {
    Count(usize),
    Names(Vec<String>),
}

/// Carries a command out. Exit codes: 0 done, 1 failed; `exec` gives that of the command.
#[must_use]
pub fn run(command: LabCommand) -> ExitCode {
    match carry_out(command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            print_chain(&error);
            ExitCode::FAILURE
        }
    }
}

fn print_chain(error: &dyn std::error::Error) {
    eprint!("error: {error}");
    let mut cause = error.source();
    // Chains of errors here are two or three long.
    while let Some(next) = cause {
        eprint!(": {next}");
        cause = next.source();
    }
    eprintln!();
}

fn carry_out(command: LabCommand) -> Result<u8, LabError> {
    match command {
        LabCommand::Up(up) => bring_up(&up)?,
        LabCommand::Down { which } => Lab::find(&which.name)?.down()?,
        LabCommand::Status { which, json } => show(&Lab::find(&which.name)?.status()?, json),
        LabCommand::Exec {
            which,
            node,
            command,
        } => return exec(&which, &node, &command),
        LabCommand::Kill(one) => one.find()?.kill(&one.node)?,
        LabCommand::On(one) => one.find()?.on(&one.node)?,
        LabCommand::Cut(arguments) => {
            Lab::find(&arguments.which.name)?.cut(&arguments.cut())?;
        }
        LabCommand::Heal { which, node } => Lab::find(&which.name)?.heal(node.as_deref())?,
        LabCommand::Pause(one) => one.find()?.pause(&one.node)?,
        LabCommand::Resume(one) => one.find()?.resume(&one.node)?,
        LabCommand::DaemonKill(one) => one.find()?.daemon_kill(&one.node)?,
        LabCommand::Demo => demo::run()?,
        LabCommand::Run { files } => return Ok(u8::from(!scenario::play_all(&files))),
    }
    Ok(0)
}

impl OneNode {
    fn find(&self) -> Result<Lab, LabError> {
        Lab::find(&self.which.name)
    }
}

impl CutArguments {
    fn cut(&self) -> Cut {
        let direction = match (self.incoming, self.outgoing) {
            (true, _) => Direction::In,
            (false, true) => Direction::Out,
            (false, false) => Direction::Both,
        };
        let (network, from) = (self.network.clone(), self.from.clone());
        let (node, card) = node_and_card(&self.node);
        Cut {
            node,
            network,
            direction,
            from,
            card,
        }
    }
}

fn read(path: &PathBuf) -> Result<String, LabError> {
    let doing = "reading a file";
    std::fs::read_to_string(path).map_err(|e| {
        let source = io::Error::new(e.kind(), format!("{}: {e}", path.display()));
        LabError::System { doing, source }
    })
}

impl Up {
    fn options(&self) -> Result<Options, LabError> {
        let mut options = Options {
            name: self.which.name.clone(),
            parent: self.dir.clone(),
            lifetime: Lifetime::Detached,
            ..Options::default()
        };
        if let Some(path) = &self.file {
            let table: LabFile = toml::from_str(&read(path)?)
                .map_err(|error| LabError::Refused(format!("{}: {error}", path.display())))?;
            match table.lab.nodes {
                Some(Nodes::Count(count)) => options.nodes = layout::node_names(count),
                Some(Nodes::Names(names)) => options.nodes = names,
                None => {}
            }
            options.networks = table.lab.networks.unwrap_or(options.networks);
            options.spares = table.lab.spares.unwrap_or(options.spares);
        }
        if self.witness {
            options.witness = layout::Witness::Present;
        }
        options.spares = self.spares.unwrap_or(options.spares);
        if let Some(count) = self.nodes {
            options.nodes = layout::node_names(count);
        }
        Ok(options)
    }
}

fn bring_up(up: &Up) -> Result<(), LabError> {
    let lab = Lab::up(&up.options()?)?;
    let cluster = if up.no_cluster {
        Cluster::Bare
    } else {
        Cluster::Formed
    };
    let formed = match cluster {
        Cluster::Bare => Ok(()),
        Cluster::Formed => form_and_apply(&lab, up),
    };
    if let Err(error) = formed {
        // Half a cluster is of no use, but its logs are: it stays up for a look.
        eprintln!("the nodes are up, but form no cluster (`mainstay lab down` ends them)");
        return Err(error);
    }
    show(&lab.status()?, up.json);
    Ok(())
}

fn form_and_apply(lab: &Lab, up: &Up) -> Result<(), LabError> {
    form(lab, None)?;
    let Some(path) = &up.config else {
        return Ok(());
    };
    print!("{}", apply_services(lab, &read(path)?)?);
    Ok(())
}

fn show(status: &Status, json: bool) {
    if json {
        println!(
            "{}",
            serde_json::to_string_pretty(status).unwrap_or_default()
        );
        return;
    }
    println!("lab {}: {}", status.name, status.dir.display());
    for node in status.nodes.iter().chain(&status.witness) {
        let state = match (node.power, node.pace) {
            (Power::Off, _) => "off",
            (Power::On, Pace::Paused) => "paused",
            (Power::On, Pace::Running) => "on",
        };
        let daemon = node
            .daemon
            .map_or_else(|| "-".to_string(), |pid| format!("daemon {pid}"));
        let (name, address, boots) = (&node.name, &node.address, node.boots);
        println!("  {name:<10} {address:<12} {state:<7} {daemon:<12} boot {boots}");
    }
    for cut in &status.cuts {
        let card = cut.card.as_deref().or(cut.network.as_deref());
        let network = card.unwrap_or("all networks");
        let way = match cut.direction {
            Direction::Both => "",
            Direction::In => ", incoming only",
            Direction::Out => ", outgoing only",
        };
        let pair = cut
            .from
            .as_ref()
            .map(|other| format!(", with {other} only"));
        println!(
            "  cut: {} on {network}{way}{}",
            cut.node,
            pair.unwrap_or_default()
        );
    }
}

fn own_stream(stream: impl AsFd) -> Result<OwnedFd, LabError> {
    let doing = "passing our input and output on";
    let copied = stream.as_fd().try_clone_to_owned();
    copied.map_err(|source| LabError::System { doing, source })
}

fn exec(which: &Which, node: &str, command: &[String]) -> Result<u8, LabError> {
    let lab = Lab::find(&which.name)?;
    let argv: Vec<&str> = command.iter().map(String::as_str).collect();
    let streams = [
        own_stream(io::stdin())?,
        own_stream(io::stdout())?,
        own_stream(io::stderr())?,
    ];
    let code = lab.start(node, &argv, streams)?.wait(COMMAND_LIMIT)?;
    if io::stderr().is_terminal() && code != 0 {
        eprintln!("exit code {code}");
    }
    Ok(u8::try_from(code).unwrap_or(1))
}
