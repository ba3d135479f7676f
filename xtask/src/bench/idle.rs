//! `cargo xtask bench idle`: what three nodes cost that have nothing to do.

use std::time::Duration;

use serde_json::json;

use super::cluster::Cluster;
use super::{IdleArguments, Profile};
use crate::run::Failure;

/// The kernel counts processor time in these.
const TICKS_PER_SECOND: f64 = 100.0;

/// What one node's daemon has used so far.
#[derive(Debug, Default, Clone, Copy)]
struct Used {
    ticks: f64,
    pss_kib: f64,
    packets: f64,
}

pub fn run(arguments: &IdleArguments) -> Result<(), Failure> {
    let cluster = Cluster::up("idle", Profile::Default)?;
    let nodes = cluster
        .lab
        .status()
        .map_err(|error| error.to_string())?
        .nodes;
    let before: Vec<Used> = nodes
        .iter()
        .map(|node| used(&cluster, &node.name))
        .collect::<Result<_, _>>()?;
    // This is the measurement itself: so much time shall pass.
    std::thread::sleep(Duration::from_secs(arguments.seconds));
    let seconds = arguments.seconds as f64;
    if !arguments.json {
        println!("node      processor      memory (PSS)   packets/s sent and received");
    }
    for (node, before) in nodes.iter().zip(before) {
        let after = used(&cluster, &node.name)?;
        let percent = (after.ticks - before.ticks) / TICKS_PER_SECOND / seconds * 100.0;
        let packets = (after.packets - before.packets) / seconds;
        let mib = after.pss_kib / 1024.0;
        if arguments.json {
            let line = json!({"node": node.name, "cpu_percent": percent, "pss_mib": mib, "packets_per_s": packets});
            println!("{line}");
        } else {
            println!(
                "{:<9} {percent:>6.2} % of a core {mib:>7.1} MiB {packets:>12.0}",
                node.name
            );
        }
    }
    cluster.lab.down().map_err(|error| error.to_string())
}

fn used(cluster: &Cluster, node: &str) -> Result<Used, Failure> {
    let text = |error: lab::LabError| error.to_string();
    let processes = cluster.lab.node_pids(node).map_err(text)?;
    let daemon = processes
        .iter()
        .find(|process| process.command.iter().any(|word| word == "daemon"));
    let pid = daemon.ok_or("no daemon runs")?.pid;
    let script =
        format!("cat /proc/{pid}/stat; grep ^Pss: /proc/{pid}/smaps_rollup; cat /proc/net/dev");
    let output = cluster
        .lab
        .exec_ok(node, &["sh", "-c", &script])
        .map_err(text)?;
    let mut used = Used::default();
    for line in output.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| words.get(at).and_then(|word| word.parse::<f64>().ok());
        if line.contains(") ") {
            // After the name: user and system time are fields 14 and 15 of proc(5).
            used.ticks = number(13).unwrap_or(0.0) + number(14).unwrap_or(0.0);
        } else if line.starts_with("Pss:") {
            used.pss_kib = number(1).unwrap_or(0.0);
        } else if line.trim_start().starts_with("eth") {
            used.packets += number(2).unwrap_or(0.0) + number(10).unwrap_or(0.0);
        }
    }
    Ok(used)
}
