//! Forms a cluster of the bare nodes of a laboratory, by the same commands that a person
//! would give on real machines.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::handle::{Lab, LabError};
use crate::layout::{WITNESS, card_name};
use crate::protocol::Status;

/// A daemon that has just been started answers in a fraction of a second.
const DAEMON_LIMIT: Duration = Duration::from_secs(15);

/// The last node that joined has to catch up with the log and tell what runs there.
const ONLINE_LIMIT: Duration = Duration::from_secs(30);

/// Whether and how to form a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cluster {
    /// One cluster of all nodes.
    Formed,
    /// Nodes know nothing of each other.
    Bare,
}

/// What each node has beside its cards, as its section of the configuration says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fittings {
    /// The time-out of the watchdog that is used, like `5s`; every node has one that is not.
    pub watchdog: Option<String>,
    /// Whether its power switch is used to fence it.
    pub power: PowerUse,
    /// Whether a file that all nodes share is a witness.
    #[serde(default)]
    pub disk: DiskUse,
    /// For how long failed cards are barred, like `5s`.
    #[serde(default)]
    pub barred_for: Option<String>,
}

/// What the shared disk is used for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DiskUse {
    /// Nothing.
    #[default]
    Unused,
    /// It is a witness.
    Votes,
    /// It is a witness, and poison pills are written on it.
    VotesAndFences,
}

/// Whether the configuration names the power switch as fence device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PowerUse {
    /// It does.
    #[default]
    Fences,
    /// There is no fence device.
    Unused,
}

/// Where the fittings of a laboratory stand, in its directory.
const FITTINGS: &str = "fittings.json";

impl Fittings {
    /// Keeps them for every configuration of this laboratory from now on.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&self, dir: &Path) -> io::Result<()> {
        std::fs::write(dir.join(FITTINGS), serde_json::to_vec(self)?)
    }

    fn of(dir: &Path) -> Self {
        let kept = std::fs::read(dir.join(FITTINGS)).ok();
        kept.and_then(|kept| serde_json::from_slice(&kept).ok())
            .unwrap_or_default()
    }

    fn keys(&self, node: &str) -> String {
        let mut keys = String::new();
        let power = (self.power == PowerUse::Fences).then(|| format!("\"power-{node}\""));
        let pill = (self.disk == DiskUse::VotesAndFences).then(|| "\"pill\"".to_string());
        let devices: Vec<String> = power.into_iter().chain(pill).collect();
        if !devices.is_empty() {
            let _ = writeln!(keys, "fence = [{}]", devices.join(", "));
        }
        if let Some(timeout) = &self.watchdog {
            let device = "watchdog = \"/run/lab/watchdog\"";
            let _ = writeln!(keys, "{device}\nwatchdog_timeout = \"{timeout}\"");
        }
        keys
    }
}

/// The description of the cluster: networks, nodes and power, no services.
#[must_use]
pub fn cluster_toml(status: &Status) -> String {
    let fittings = Fittings::of(&status.dir);
    let mut text = format!("[cluster]\nname = \"{}\"\n", status.name);
    for network in &status.networks {
        let _ = write!(text, "\n[network.{network}]\n");
        if let Some(time) = &fittings.barred_for {
            let _ = writeln!(text, "barred_for = \"{time}\"");
        }
    }
    for (index, node) in status.nodes.iter().enumerate() {
        let _ = write!(text, "\n[node.{}]\n", node.name);
        for (number, network) in status.networks.iter().enumerate() {
            let address = format!("10.{}.0.{}/24", 77 + number, 11 + index);
            let cards = (0..=status.spares).map(|place| card_name(number, place));
            let cards: Vec<String> = cards.map(|card| format!("\"{card}\"")).collect();
            let _ = writeln!(
                text,
                "{network} = {{ address = \"{address}\", cards = [{}] }}",
                cards.join(", ")
            );
        }
        text.push_str(&fittings.keys(&node.name));
    }
    if fittings.disk == DiskUse::VotesAndFences {
        text.push_str("\n[fence.pill]\nagent = \"disk\"\n");
    }
    let fenced = (fittings.power == PowerUse::Fences).then_some(&status.nodes);
    for node in fenced.into_iter().flatten() {
        let name = &node.name;
        let _ = write!(
            text,
            "\n[fence.power-{name}]\nagent = \"fence_lab\"\noptions = {{ port = \"{name}\" }}\naction = \"off\"\n"
        );
    }
    text
}

/// Initialises the first node and joins the others, one after the other. `config` is the
/// description of the cluster; that of [`cluster_toml`] when there is none.
///
/// # Errors
/// The first command that failed.
pub fn form(lab: &Lab, config: Option<&str>) -> Result<(), LabError> {
    let status = lab.status()?;
    let path = lab.dir().join("cluster.toml");
    let text = config.map_or_else(|| cluster_toml(&status), Into::into);
    let doing = "writing the description of the cluster";
    std::fs::write(&path, text).map_err(|source| LabError::System { doing, source })?;
    let path = path.display().to_string();
    let Some((first, others)) = status.nodes.split_first() else {
        return Ok(());
    };
    lab.exec_ok(
        &first.name,
        &["mainstay", "init", "--file", &path, "--name", &first.name],
    )?;
    for node in others {
        // A token lets one node in; the daemon must answer to give one.
        let token = lab.wait_until("an answer of the first daemon", DAEMON_LIMIT, |lab| {
            let answer = lab.exec_ok(&first.name, &["mainstay", "token"]).ok()?;
            // The token stands among words for people.
            let token = answer
                .split_whitespace()
                .find(|word| word.starts_with("mst1-"));
            token.map(ToString::to_string)
        })?;
        lab.exec_ok(
            &node.name,
            &["mainstay", "join", &token, "--name", &node.name],
        )?;
    }
    lab.wait_until("a cluster of all nodes", ONLINE_LIMIT, |lab| {
        crate::view::look(lab).filter(|view| view.all_online(status.nodes.len()))
    })?;
    if let Some(witness) = &status.witness {
        add_witness(lab, &first.name, &witness.address)?;
    }
    match Fittings::of(lab.dir()).disk {
        DiskUse::Unused => Ok(()),
        DiskUse::Votes | DiskUse::VotesAndFences => add_disk(lab, &first.name),
    }
}

/// Where nodes find the shared disk.
const DISK: &str = "/run/lab/shared/disk";

/// A file grows as it is prepared.
fn add_disk(lab: &Lab, node: &str) -> Result<(), LabError> {
    let doing = "making the shared disk";
    let made = std::fs::write(lab.shared_dir().join("disk"), []);
    made.map_err(|source| LabError::System { doing, source })?;
    lab.exec_ok(node, &["mainstay", "witness", "prepare", DISK])?;
    let add = ["mainstay", "witness", "add", "san", "--disk", DISK];
    lab.exec_ok(node, &add)?;
    lab.wait_until("an answer of the shared disk", DAEMON_LIMIT, |lab| {
        let answer = lab.exec_ok(node, &["mainstay", "witness", "status"]).ok()?;
        answer.contains("answers in").then_some(())
    })
}

/// As a person would: a token there, its use here.
fn add_witness(lab: &Lab, node: &str, address: &str) -> Result<(), LabError> {
    let make = ["mainstay", "witness", "token", "--address", address];
    let token = lab.wait_until("a token of the witness", DAEMON_LIMIT, |lab| {
        let answer = lab.exec_ok(WITNESS, &make).ok()?;
        let mut words = answer.split_whitespace();
        let token = words.find(|word| word.starts_with("msw1-"));
        token.map(ToString::to_string)
    })?;
    let add = ["mainstay", "witness", "add", "witness", &token];
    lab.wait_until("the witness to take the cluster in", DAEMON_LIMIT, |lab| {
        lab.exec_ok(node, &add).ok()
    })?;
    lab.wait_until("an answer of the witness", DAEMON_LIMIT, |lab| {
        let answer = lab.exec_ok(node, &["mainstay", "witness", "status"]).ok()?;
        answer.contains("answers in").then_some(())
    })
}

/// The networks, nodes and power of the laboratory with services added. Keys before the first
/// table are those of `[cluster]`.
///
/// # Errors
/// When the laboratory is not up.
pub fn configuration(lab: &Lab, services: &str) -> Result<String, LabError> {
    Ok(joined(&cluster_toml(&lab.status()?), services))
}

fn joined(cluster: &str, services: &str) -> String {
    let first_table = services.lines().take_while(|line| !line.starts_with('['));
    let keys: usize = first_table.map(|line| line.len() + 1).sum();
    let (keys, services) = services.split_at(keys.min(services.len()));
    let whole = cluster.replacen("[cluster]\n", &format!("[cluster]\n{keys}"), 1);
    format!("{whole}\n{services}")
}

/// Adds services to the networks, nodes and power of the laboratory, and applies the whole.
/// Gives what the command printed.
///
/// # Errors
/// When the command failed.
pub fn apply_services(lab: &Lab, services: &str) -> Result<String, LabError> {
    // In the laboratory's directory, which all nodes can read.
    let path = lab.dir().join("applied.toml");
    let doing = "writing the configuration";
    std::fs::write(&path, configuration(lab, services)?)
        .map_err(|source| LabError::System { doing, source })?;
    let Some(node) = crate::view::quorate_node(lab) else {
        return Err(LabError::Refused("no node hears a quorum".into()));
    };
    let path = path.display().to_string();
    lab.exec_ok(&node, &["mainstay", "apply", "--yes", &path])
}

#[cfg(test)]
mod tests {
    use super::joined;

    #[test]
    fn keys_before_the_first_table_go_to_the_cluster() {
        let cluster = "[cluster]\nname = \"x\"\n\n[network.lan]\n";
        let text = joined(cluster, "a = 1\n\n[service.web]\nb = 2\n");
        let expected =
            "[cluster]\na = 1\n\nname = \"x\"\n\n[network.lan]\n\n[service.web]\nb = 2\n";
        assert_eq!(text, expected);
        assert_eq!(joined(cluster, ""), format!("{cluster}\n"));
    }
}
