//! `cargo xtask bench failover`: a client asks every 10 ms while something fails.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::ValueEnum;
use lab::probe::monotonic;
use serde_json::{Value, json};

use super::FailoverArguments;
use super::cluster::{Client, Cluster, READY, WEB, node_of};
use super::figures::{Figures, figures};
use crate::run::Failure;

/// What is done to the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// The program of the service gets SIGKILL.
    ProcessKill,
    /// The node that serves loses power.
    PowerLoss,
    /// The node that serves is cut off all networks.
    NetworkCut,
    /// An address moves to a server that runs already.
    PlannedMove,
}

impl Scenario {
    fn word(self) -> &'static str {
        match self {
            Self::ProcessKill => "process-kill",
            Self::PowerLoss => "power-loss",
            Self::NetworkCut => "network-cut",
            Self::PlannedMove => "planned-move",
        }
    }

    fn service(self) -> (&'static str, &'static str) {
        match self {
            Self::ProcessKill | Self::PowerLoss | Self::NetworkCut => ("web", WEB),
            Self::PlannedMove => ("ready", READY),
        }
    }
}

/// One run.
pub(super) struct Run {
    scenario: Scenario,
    number: u32,
    host_was_leader: bool,
    pub(super) outage_ms: f64,
    pub(super) phases: Phases,
}

/// Where the time went, from the cluster's own history; milliseconds.
#[derive(Default)]
pub(super) struct Phases {
    pub(super) detect: f64,
    decide: f64,
    fence: f64,
    start: f64,
    announce: f64,
}

pub fn run(arguments: &FailoverArguments) -> Result<(), Failure> {
    let cluster = Cluster::up("bench", arguments.profile)?;
    let scenarios: Vec<Scenario> = Scenario::value_variants()
        .iter()
        .copied()
        .filter(|scenario| arguments.scenario.is_none_or(|only| only == *scenario))
        .collect();
    let mut runs = Vec::new();
    for scenario in scenarios {
        for number in 1..=arguments.runs {
            let run = measure(&cluster, scenario, number)
                .map_err(|error| format!("{} run {number}: {error}", scenario.word()))?;
            if arguments.json {
                println!("{}", run.to_json(arguments.profile.word()));
            } else {
                eprint!("\r{} {number} of {}   ", scenario.word(), arguments.runs);
            }
            runs.push(run);
        }
    }
    if !arguments.json {
        eprintln!();
        let own_start = own_start_ms(&cluster)?;
        print_table(&runs, arguments, own_start);
    }
    cluster.lab.down().map_err(|error| error.to_string())
}

/// One failure; every other one hits the leader.
pub(super) fn measure(cluster: &Cluster, scenario: Scenario, number: u32) -> Result<Run, Failure> {
    let (service, address) = scenario.service();
    let status = cluster.settle()?;
    let leader = status["leader"].as_str().unwrap_or_default().to_string();
    let names: Vec<String> = status["nodes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|node| Some(node["name"].as_str()?.to_string()))
        .collect();
    // Every other run hits the leader.
    let is_leader = |name: &&String| (**name == leader) == (number % 2 == 1);
    let host = names.iter().find(is_leader).ok_or("no such node")?.clone();
    let status = cluster.bring(service, &host)?;
    // Each run is a first failure: the pauses of a program that fails again and again are
    // another matter.
    let clear = ["mainstay", "clear", service, "--yes"];
    cluster
        .lab
        .exec_ok(&host, &clear)
        .map_err(|error| error.to_string())?;
    let host_was_leader = status["leader"] == host.as_str();
    let client = Client::start(cluster, address)?;
    let seen = cluster
        .history("")
        .last()
        .and_then(|entry| entry["index"].as_u64())
        .unwrap_or(0);
    let (since, wall) = (monotonic(), wall_ms());
    inject(cluster, scenario, (service, &host), &names)?;
    let outage = client.outage(since)?;
    drop(client);
    let entries = cluster.history(match scenario {
        Scenario::ProcessKill | Scenario::PlannedMove => "",
        Scenario::PowerLoss | Scenario::NetworkCut => &host,
    });
    let entries: Vec<Value> = entries
        .into_iter()
        .filter(|entry| Some(seen) < entry["index"].as_u64())
        .collect();
    let after = cluster.settle()?;
    if scenario == Scenario::PowerLoss && node_of(&after, service).as_deref() == Some(&host) {
        let told: Vec<&str> = entries
            .iter()
            .filter_map(|entry| entry["text"].as_str())
            .collect();
        return Err(format!("the service did not move: {}", told.join("; ")));
    }
    let ms = |nanos: u64| nanos as f64 / 1e6;
    let outage_ms = match &outage {
        None => 0.0,
        Some(outage) => ms(outage
            .until
            .ok_or("it did not come back")?
            .saturating_sub(outage.from)),
    };
    let answered = outage
        .and_then(|outage| outage.until)
        .map(|until| wall + ms(until.saturating_sub(since)));
    let phases = Phases::read(&entries, service, wall, answered);
    Ok(Run {
        scenario,
        number,
        host_was_leader,
        outage_ms,
        phases,
    })
}

fn inject(
    cluster: &Cluster,
    scenario: Scenario,
    (service, host): (&str, &str),
    names: &[String],
) -> Result<(), Failure> {
    let text = |error: lab::LabError| error.to_string();
    match scenario {
        Scenario::ProcessKill => {
            let pids = cluster.lab.node_pids(host).map_err(text)?;
            let victim = pids
                .iter()
                .find(|process| process.command.iter().any(|word| word == WEB));
            let pid = victim
                .ok_or("the server does not run there")?
                .pid
                .to_string();
            cluster
                .lab
                .exec_ok(host, &["kill", "-9", &pid])
                .map_err(text)?;
        }
        Scenario::PowerLoss => cluster.lab.kill(host).map_err(text)?,
        Scenario::NetworkCut => cluster.lab.cut_all(host).map_err(text)?,
        Scenario::PlannedMove => {
            let to = names
                .iter()
                .find(|name| name.as_str() != host)
                .ok_or("one node only")?;
            let order = ["mainstay", "move", service, "--to", to, "--yes"];
            let said = cluster.lab.exec_ok(host, &order).map_err(text)?;
            if !said.contains("this will happen") {
                return Err("the move did not show its plan first".to_string());
            }
        }
    }
    Ok(())
}

fn wall_ms() -> f64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since.as_secs_f64() * 1000.0
}

/// Milliseconds since 1970 of `...T22:00:05.041Z`, up to the day, which is enough here.
pub(super) fn of_day_ms(text: &str) -> Option<f64> {
    let time = text.split('T').nth(1)?.trim_end_matches('Z');
    let mut parts = time.split(':').map(|part| part.parse::<f64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    Some(((hours * 60.0 + minutes) * 60.0 + seconds) * 1000.0)
}

pub(super) const DAY_MS: f64 = 86_400_000.0;

impl Phases {
    fn read(entries: &[Value], service: &str, fault: f64, answered: Option<f64>) -> Self {
        let fault = fault % DAY_MS;
        let at = |kind: &str, of_service: bool, word: &str| {
            let found = entries.iter().find(|entry| {
                entry["kind"] == kind
                    && (!of_service || entry["service"] == service)
                    && entry["text"]
                        .as_str()
                        .is_some_and(|text| text.contains(word))
            });
            found.and_then(|entry| of_day_ms(entry["at"].as_str()?))
        };
        let lost = at("node", false, "is lost");
        let failed = at("failed", true, "");
        let ordered = at("operator", false, "move");
        let noticed = lost.or(failed).or(ordered).unwrap_or(fault);
        let asked = at("fence-asked", false, "");
        let fenced = at("fence-ended", false, "confirmed");
        let granted = at("granted", true, "")
            .or(at("restarted", true, ""))
            .unwrap_or(noticed);
        let running = at("running", true, "").unwrap_or(granted);
        let fence = match (asked, fenced) {
            (Some(asked), Some(fenced)) => fenced - asked,
            _ => 0.0,
        };
        Self {
            detect: (noticed - fault).max(0.0),
            decide: (granted - noticed - fence).max(0.0),
            fence,
            start: (running - granted).max(0.0),
            announce: answered.map_or(0.0, |answered| (answered % DAY_MS - running).max(0.0)),
        }
    }
}

impl Run {
    fn to_json(&self, profile: &str) -> Value {
        let round = |value: f64| (value * 10.0).round() / 10.0;
        json!({
            "scenario": self.scenario.word(),
            "profile": profile,
            "run": self.number,
            "host_was_leader": self.host_was_leader,
            "outage_ms": round(self.outage_ms),
            "phases_ms": {
                "detect": round(self.phases.detect),
                "decide": round(self.phases.decide),
                "fence": round(self.phases.fence),
                "start": round(self.phases.start),
                "announce": round(self.phases.announce),
            },
        })
    }
}

/// How long the server itself takes from its start to its first answer.
fn own_start_ms(cluster: &Cluster) -> Result<f64, Failure> {
    let series =
        (9001..=9009).map(|port| Client::own_start_ms(cluster, &format!("127.0.0.1:{port}")));
    let series = series.collect::<Result<Vec<f64>, Failure>>()?;
    Ok(figures(series).map_or(0.0, |figures| figures.median))
}

fn print_table(runs: &[Run], arguments: &FailoverArguments, own_start: f64) {
    println!(
        "profile {}, {} runs each, milliseconds without an answer (minimum / median / maximum)",
        arguments.profile.word(),
        arguments.runs
    );
    println!(
        "{:<14} {:<16} {:>26}   median of detect decide fence start announce",
        "scenario", "host", "outage"
    );
    for scenario in Scenario::value_variants() {
        for (title, leader) in [("leader", true), ("not leader", false)] {
            let chosen: Vec<&Run> = runs
                .iter()
                .filter(|run| run.scenario == *scenario && run.host_was_leader == leader)
                .collect();
            let of =
                |field: fn(&Run) -> f64| figures(chosen.iter().map(|run| field(run)).collect());
            let Some(Figures {
                minimum,
                median,
                maximum,
            }) = of(|run| run.outage_ms)
            else {
                continue;
            };
            let phase = |field: fn(&Run) -> f64| of(field).map_or(0.0, |figures| figures.median);
            println!(
                "{:<14} {:<16} {:>26}   {:.0} {:.0} {:.0} {:.0} {:.0}",
                scenario.word(),
                format!("{title} ({})", chosen.len()),
                format!("{minimum:.0} / {median:.0} / {maximum:.0}"),
                phase(|run| run.phases.detect),
                phase(|run| run.phases.decide),
                phase(|run| run.phases.fence),
                phase(|run| run.phases.start),
                phase(|run| run.phases.announce),
            );
        }
    }
    println!(
        "the server's own start, from the order to its first answer: {own_start:.1} ms (median of 9)"
    );
}
