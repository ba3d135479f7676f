//! A cluster in the laboratory, with what measurements need of it.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lab::probe::{Sample, monotonic};
use lab::{Lab, Lifetime, Options, Running};
use serde_json::Value;

use super::Profile;
use crate::run::{Failure, release_binary};

/// Nodes come back, elect and probe within a few seconds; a busy machine gets more.
const SETTLE_LIMIT: Duration = Duration::from_secs(60);

/// Longer than any outage that is not a failure of the test.
const OUTAGE_LIMIT: Duration = Duration::from_secs(20);

/// This long without a failed request counts as recovered.
const QUIET: Duration = Duration::from_millis(300);

/// The service that is killed and moved with its node.
pub const WEB: &str = "10.77.0.100:80";
/// The address that moves between servers which run already.
pub const READY: &str = "10.77.0.101:81";

/// A laboratory with a cluster.
pub struct Cluster {
    pub lab: Lab,
}

fn text<E: std::fmt::Display>(error: E) -> Failure {
    error.to_string()
}

/// What a cluster looks like that is measured.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// How many nodes.
    pub nodes: usize,
    /// Timings.
    pub profile: Profile,
    /// What they serve.
    pub services: Services,
}

/// What is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Services {
    /// `web`, which moves with its node; an address that moves alone, and a server for it on
    /// each node.
    All,
    /// `web` alone.
    Web,
}

fn services(program: &Path, nodes: &[String], which: Services) -> String {
    let program = program.display();
    let web = format!(
        "\n[service.web]\nrestart = {{ times = 100, within = \"1h\" }}\n\
         [[service.web.resource]]\naddress = \"10.77.0.100/24\"\n\
         [[service.web.resource]]\n\
         process = [\"{program}\", \"lab-httpd\", \"--bind\", \"{WEB}\"]\n"
    );
    if which == Services::Web {
        return web;
    }
    let ready = "\n[service.ready]\n[[service.ready.resource]]\naddress = \"10.77.0.101/24\"\n";
    let mut text = web + ready;
    for node in nodes {
        text.push_str(&format!(
            "\n[service.server-{node}]\nprefer = [\"{node}\"]\nonly = true\n\
             [[service.server-{node}.resource]]\n\
             process = [\"{program}\", \"lab-httpd\", \"--bind\", \"0.0.0.0:81\"]\n"
        ));
    }
    text
}

impl Cluster {
    /// Three nodes and their services, all up.
    pub fn up(name: &str, profile: Profile) -> Result<Self, Failure> {
        let shape = Shape {
            nodes: 3,
            profile,
            services: Services::All,
        };
        Self::shaped(name, shape)
    }

    /// Nodes and their services, all up.
    pub fn shaped(name: &str, shape: Shape) -> Result<Self, Failure> {
        let program = release_binary()?;
        let options = Options {
            name: name.to_string(),
            nodes: lab::layout::node_names(shape.nodes),
            lifetime: Lifetime::Attached,
            program: Some(program.clone()),
            ..Options::default()
        };
        let lab = Lab::up(&options).map_err(text)?;
        let nodes = lab.status().map_err(text)?;
        let names: Vec<String> = nodes.nodes.iter().map(|node| node.name.clone()).collect();
        let cluster = lab::cluster_toml(&nodes)
            .replacen(
                "[cluster]\n",
                &format!("[cluster]\nprofile = \"{}\"\n", shape.profile.word()),
                1,
            )
            .replacen("[cluster]\n", "[cluster]\nfences_per_hour = 60\n", 1);
        let source = cluster + &services(&program, &names, shape.services);
        lab::form(&lab, Some(&source)).map_err(text)?;
        let this = Self { lab };
        this.settle()?;
        Ok(this)
    }

    /// The status as some node that answers shows it.
    pub fn status(&self) -> Option<Value> {
        let machines = self.lab.status().ok()?;
        machines
            .nodes
            .iter()
            .find_map(|node| self.status_of(&node.name))
    }

    fn status_of(&self, node: &str) -> Option<Value> {
        let output = self
            .lab
            .exec(node, &["mainstay", "status", "--json"])
            .ok()?;
        let status: Value = serde_json::from_str(&output.stdout).ok()?;
        (output.code == 0 && status["quorate"] == true).then_some(status)
    }

    /// Heals and switches on everything, and waits until all nodes are online and all
    /// services run.
    pub fn settle(&self) -> Result<Value, Failure> {
        self.lab.heal(None).map_err(text)?;
        for node in self.lab.status().map_err(text)?.nodes {
            if node.power == lab::protocol::Power::Off {
                self.lab.on(&node.name).map_err(text)?;
            }
        }
        let count = self.lab.status().map_err(text)?.nodes.len();
        let is_settled = |status: &Value| {
            let nodes = status["nodes"].as_array().into_iter().flatten();
            let services = status["services"].as_array().into_iter().flatten();
            let mut online = 0;
            let all = nodes
                .inspect(|node| online += usize::from(node["state"] == "online"))
                .all(|node| node["state"] == "online");
            let run = services
                .filter(|service| service["state"] != "running")
                .count()
                == 0;
            all && count <= online && run
        };
        self.lab
            .wait_until("all nodes and services", SETTLE_LIMIT, |_| {
                self.status().filter(is_settled)
            })
            .map_err(text)
    }

    /// Takes a service to a node and waits until it runs there.
    pub fn bring(&self, service: &str, node: &str) -> Result<Value, Failure> {
        let status = self.settle()?;
        if node_of(&status, service).as_deref() == Some(node) {
            return Ok(status);
        }
        self.lab
            .exec_ok(node, &["mainstay", "move", service, "--to", node, "--yes"])
            .map_err(text)?;
        self.lab
            .wait_until("the service on the node", SETTLE_LIMIT, |_| {
                let status = self.status()?;
                let runs = state_of(&status, service) == Some("running");
                (runs && node_of(&status, service).as_deref() == Some(node)).then_some(status)
            })
            .map_err(text)
    }

    /// The history as a member tells it that is not `except`.
    pub fn history(&self, except: &str) -> Vec<Value> {
        let names = self
            .lab
            .status()
            .map(|status| status.nodes)
            .unwrap_or_default();
        for node in names.iter().filter(|node| node.name != except) {
            let Ok(output) = self.lab.exec(
                &node.name,
                &["mainstay", "history", "--json", "--limit", "60"],
            ) else {
                continue;
            };
            if let Ok(history) = serde_json::from_str::<Value>(&output.stdout) {
                return history["entries"].as_array().cloned().unwrap_or_default();
            }
        }
        Vec::new()
    }
}

fn service<'a>(status: &'a Value, name: &str) -> Option<&'a Value> {
    status["services"]
        .as_array()?
        .iter()
        .find(|service| service["name"] == name)
}

/// Where a service runs.
pub fn node_of(status: &Value, name: &str) -> Option<String> {
    Some(service(status, name)?["node"].as_str()?.to_string())
}

fn state_of<'a>(status: &'a Value, name: &str) -> Option<&'a str> {
    service(status, name)?["state"].as_str()
}

/// A client that asks every 10 ms, each time over a new connection.
pub struct Client {
    _running: Running,
    samples: Arc<Mutex<Vec<Sample>>>,
}

impl Client {
    /// Begins to ask, and returns once answers come.
    pub fn start(cluster: &Cluster, address: &str) -> Result<Self, Failure> {
        let client = Self::begin(cluster, address, "10ms")?;
        client.wait(|samples| {
            10 < samples
                .iter()
                .filter(|sample| sample.result.is_ok())
                .count()
        })?;
        Ok(client)
    }

    fn begin(cluster: &Cluster, address: &str, every: &str) -> Result<Self, Failure> {
        let url = format!("http://{address}/");
        let mut running = cluster
            .lab
            .spawn("client", &["mainstay", "lab-probe", &url, "--every", every])
            .map_err(text)?;
        let output = running.stdout.take().ok_or("the probe has no output")?;
        let samples = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&samples);
        std::thread::spawn(move || collect(output, &sink));
        Ok(Self {
            _running: running,
            samples,
        })
    }

    /// How long the server takes from its start to its first answer, in milliseconds.
    pub fn own_start_ms(cluster: &Cluster, address: &str) -> Result<f64, Failure> {
        let client = Self::begin(cluster, address, "1ms")?;
        client.wait(|samples| 3 < samples.len())?;
        let begun = monotonic();
        let server = cluster
            .lab
            .spawn("client", &["mainstay", "lab-httpd", "--bind", address]);
        let _server = server.map_err(text)?;
        client.wait(|samples| samples.iter().any(|sample| sample.result.is_ok()))?;
        let samples = client.samples.lock().map_err(text)?;
        let first = samples
            .iter()
            .filter(|s| s.result.is_ok())
            .map(|s| s.done)
            .min();
        Ok(first.unwrap_or(begun).saturating_sub(begun) as f64 / 1e6)
    }

    fn wait(&self, is_enough: impl Fn(&[Sample]) -> bool) -> Result<(), Failure> {
        let deadline = Instant::now() + OUTAGE_LIMIT;
        while Instant::now() < deadline {
            if is_enough(&self.samples.lock().map_err(text)?) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(format!(
            "the service did not answer within {} s",
            OUTAGE_LIMIT.as_secs()
        ))
    }

    /// Waits until answers come again after a fault at `since`, and gives the samples from
    /// then on. A fault that nobody felt within a second is an outage of nothing.
    pub fn outage(&self, since: u64) -> Result<Option<lab::probe::Outage>, Failure> {
        let quiet = u64::try_from(QUIET.as_nanos()).unwrap_or(u64::MAX);
        let patience = 2_500_000_000;
        self.wait(|samples| {
            let after = || samples.iter().filter(|sample| since <= sample.done);
            let last_bad = after().filter(|s| s.result.is_err()).map(|s| s.done).max();
            let last_good = after().filter(|s| s.result.is_ok()).map(|s| s.sent).max();
            match (last_bad, last_good) {
                (Some(bad), Some(good)) => bad + quiet < good,
                (None, Some(_)) => since + patience < monotonic(),
                (_, None) => false,
            }
        })?;
        let mut samples = self.samples.lock().map_err(text)?.clone();
        samples.sort_by_key(|sample| sample.sent);
        samples.retain(|sample| since <= sample.done);
        Ok(lab::probe::longest(&samples))
    }
}

fn collect(output: File, sink: &Mutex<Vec<Sample>>) {
    for line in BufReader::new(output).lines() {
        let Ok(line) = line else { return };
        if let (Ok(sample), Ok(mut samples)) = (line.parse(), sink.lock()) {
            samples.push(sample);
        }
    }
}
