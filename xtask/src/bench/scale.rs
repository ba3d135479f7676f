//! `cargo xtask bench scale`: what a cluster costs, and how fast it is, by its size.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::cluster::{Cluster, Services, Shape};
use super::failover::{self, Scenario};
use super::figures::{Figures, figures};
use super::idle;
use super::{Profile, ScaleArguments};
use crate::run::{Failure, release_binary, run as execute};

/// A cluster that was formed a moment ago still writes and compares.
const REST: Duration = Duration::from_secs(2);

/// What was measured of one size.
struct Measured {
    size: usize,
    /// From the start of the laboratory until all nodes are online and the service runs.
    formed_s: f64,
    /// From the power loss until the log has the node as lost, in milliseconds.
    detect: Figures,
    /// Without an answer, in milliseconds.
    outage: Figures,
    /// Of one node.
    cpu_percent: Figures,
    packets_per_s: Figures,
    bytes_per_s: Figures,
    pss_mib: Figures,
}

pub fn run(arguments: &ScaleArguments) -> Result<(), Failure> {
    if !arguments.json {
        println!(
            "One node at rest, and a power loss ({} runs each):",
            arguments.runs
        );
        println!(
            "{:>5} {:>9} {:>24} {:>12} {:>9} {:>8} {:>15} {:>15}",
            "nodes",
            "formed",
            "% of a core, med / max",
            "packets/s",
            "KiB/s",
            "MiB",
            "detect med/max",
            "outage med/max"
        );
    }
    // Building is no part of forming.
    release_binary()?;
    let mut failed = 0;
    for size in &arguments.sizes {
        match measure(*size, arguments) {
            Ok(measured) if arguments.json => println!("{}", measured.to_json()),
            Ok(measured) => println!("{}", measured.to_line()),
            Err(why) => {
                failed += 1;
                eprintln!("{size} nodes: {why}");
            }
        }
    }
    simulate(&arguments.simulated)?;
    match failed {
        0 => Ok(()),
        some => Err(format!("{some} sizes could not be measured")),
    }
}

fn measure(size: usize, arguments: &ScaleArguments) -> Result<Measured, Failure> {
    let shape = Shape {
        nodes: size,
        profile: Profile::Default,
        services: Services::Web,
    };
    let began = Instant::now();
    let cluster = Cluster::shaped("scale", shape)?;
    let formed_s = began.elapsed().as_secs_f64();
    // This is the measurement itself: so much time shall pass.
    std::thread::sleep(REST);
    let costs = idle::watch(&cluster, Duration::from_secs(arguments.seconds))?;
    let mut runs = Vec::new();
    for number in 1..=arguments.runs {
        let run = failover::measure(&cluster, Scenario::PowerLoss, number);
        runs.push(run.map_err(|error| format!("run {number}: {error}"))?);
    }
    cluster.lab.down().map_err(|error| error.to_string())?;
    let of = |series: Vec<f64>| figures(series).ok_or("nothing was measured");
    let of_costs = |part: fn(&idle::Cost) -> f64| of(costs.iter().map(part).collect());
    let of_runs = |part: fn(&failover::Run) -> f64| of(runs.iter().map(part).collect());
    Ok(Measured {
        size,
        formed_s,
        detect: of_runs(|run| run.phases.detect)?,
        outage: of_runs(|run| run.outage_ms)?,
        cpu_percent: of_costs(|cost| cost.cpu_percent)?,
        packets_per_s: of_costs(|cost| cost.packets_per_s)?,
        bytes_per_s: of_costs(|cost| cost.bytes_per_s)?,
        pss_mib: of_costs(|cost| cost.pss_mib)?,
    })
}

/// Whole clusters in the simulator, at default timings: larger ones than a machine bears.
fn simulate(sizes: &[usize]) -> Result<(), Failure> {
    if sizes.is_empty() {
        return Ok(());
    }
    let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
    let mut words = vec!["run", "--quiet", "--release", "--locked"];
    words.extend(["--package", "sim", "--example", "scale", "--"]);
    words.extend(sizes.iter().map(String::as_str));
    execute("cargo", &words)
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

impl Measured {
    fn to_json(&self) -> Value {
        let of = |figures: &Figures| {
            let Figures {
                minimum,
                median,
                maximum,
            } = *figures;
            json!({"min": round(minimum), "median": round(median), "max": round(maximum)})
        };
        json!({
            "nodes": self.size,
            "formed_s": round(self.formed_s),
            "detect_ms": of(&self.detect),
            "outage_ms": of(&self.outage),
            "cpu_percent": of(&self.cpu_percent),
            "packets_per_s": of(&self.packets_per_s),
            "bytes_per_s": of(&self.bytes_per_s),
            "pss_mib": of(&self.pss_mib),
        })
    }

    fn to_line(&self) -> String {
        let pair = |figures: &Figures, digits: usize| {
            format!("{:.digits$} / {:.digits$}", figures.median, figures.maximum)
        };
        format!(
            "{:>5} {:>7.1} s {:>24} {:>12.0} {:>9.1} {:>8.1} {:>15} {:>15}",
            self.size,
            self.formed_s,
            pair(&self.cpu_percent, 2),
            self.packets_per_s.median,
            self.bytes_per_s.median / 1024.0,
            self.pss_mib.median,
            pair(&self.detect, 0),
            pair(&self.outage, 0),
        )
    }
}
