//! `cargo xtask bench idle`: what three nodes cost that have nothing to do.

use std::time::{Duration, Instant};

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
    bytes: f64,
}

/// What one node costs.
pub(super) struct Cost {
    pub node: String,
    pub cpu_percent: f64,
    pub pss_mib: f64,
    pub packets_per_s: f64,
    pub bytes_per_s: f64,
}

pub fn run(arguments: &IdleArguments) -> Result<(), Failure> {
    let cluster = Cluster::up("idle", Profile::Default)?;
    let costs = watch(&cluster, Duration::from_secs(arguments.seconds))?;
    if !arguments.json {
        println!("node      processor      memory (PSS)   packets/s sent and received");
    }
    for cost in costs {
        let Cost {
            node,
            cpu_percent,
            pss_mib,
            packets_per_s,
            bytes_per_s,
        } = cost;
        if arguments.json {
            let line = json!({"node": node, "cpu_percent": cpu_percent, "pss_mib": pss_mib, "packets_per_s": packets_per_s, "bytes_per_s": bytes_per_s});
            println!("{line}");
        } else {
            println!(
                "{node:<9} {cpu_percent:>6.2} % of a core {pss_mib:>7.1} MiB {packets_per_s:>12.0}"
            );
        }
    }
    cluster.lab.down().map_err(|error| error.to_string())
}

/// Watches every node for so long.
pub(super) fn watch(cluster: &Cluster, span: Duration) -> Result<Vec<Cost>, Failure> {
    let status = cluster.lab.status().map_err(|error| error.to_string())?;
    let names: Vec<String> = status.nodes.into_iter().map(|node| node.name).collect();
    let look = |name: &String| Ok((Instant::now(), used(cluster, name)?));
    let before: Vec<(Instant, Used)> = names.iter().map(look).collect::<Result<_, Failure>>()?;
    // This is the measurement itself: so much time shall pass.
    std::thread::sleep(span);
    let cost = |(node, (began, before)): (String, (Instant, Used))| {
        let (ended, after) = look(&node)?;
        let seconds = (ended - began).as_secs_f64();
        Ok(Cost {
            node,
            cpu_percent: (after.ticks - before.ticks) / TICKS_PER_SECOND / seconds * 100.0,
            pss_mib: after.pss_kib / 1024.0,
            packets_per_s: (after.packets - before.packets) / seconds,
            bytes_per_s: (after.bytes - before.bytes) / seconds,
        })
    };
    names.into_iter().zip(before).map(cost).collect()
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
            let both = |in_at, out_at| number(in_at).unwrap_or(0.0) + number(out_at).unwrap_or(0.0);
            used.bytes += both(1, 9);
            used.packets += both(2, 10);
        }
    }
    Ok(used)
}
