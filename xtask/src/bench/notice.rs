//! `cargo xtask bench notice`: resources of every kind fail, one after the other, as an
//! administrator's slip or a crash makes them fail; the cluster's own history tells when it
//! noticed and when the service ran again.

mod kernel;

use std::time::Duration;

use lab::{Lab, Lifetime, Options};
use serde_json::{Value, json};

use super::NoticeArguments;
use super::cluster::Cluster;
use super::failover::{DAY_MS, of_day_ms};
use super::figures::figures;
use crate::run::{Failure, release_binary};

/// Everything runs there.
const NODE: &str = "alpha";
/// Longer than any repair that is not a failure of the test.
const REPAIR_LIMIT: Duration = Duration::from_secs(20);
/// So short that what only a question tells is told within the patience of whoever waits.
const EVERY: &str = "1s";

/// What fails, and where.
struct Bed {
    nodes: usize,
    cases: &'static [Case],
    /// Their services, as the configuration tells them.
    services: &'static str,
    /// A shell script that makes the node ready.
    prepare: &'static str,
}

const BED: Bed = Bed {
    nodes: 3,
    cases: CASES,
    services: SERVICES,
    prepare: PREPARE,
};

/// One way in which a resource of a kind fails.
struct Case {
    kind: &'static str,
    failure: &'static str,
    by: &'static str,
    service: &'static str,
    /// A shell command, run in the node.
    fail: &'static str,
}

const CASES: &[Case] = &[
    Case {
        kind: "process",
        failure: "its program is killed",
        by: "event",
        service: "process",
        fail: "pkill -9 -f '^sleep 86401$'",
    },
    Case {
        kind: "command",
        failure: "the daemon that its start left is killed",
        by: "event",
        service: "forking",
        fail: "pkill -9 -f '^sleep 86402$'",
    },
    Case {
        kind: "command",
        failure: "only its status program tells",
        by: "poll",
        service: "asked",
        fail: "rm /run/asked",
    },
    Case {
        kind: "agent",
        failure: "the daemon that its start left is killed",
        by: "event",
        service: "agent",
        fail: "pkill -9 -f '^/bin/sleep 86404$'",
    },
    Case {
        kind: "agent",
        failure: "only its monitor tells",
        by: "poll",
        service: "dummy",
        fail: "rm /run/mainstay/agents/Dummy-agent-1@dummy.state",
    },
    Case {
        kind: "init script",
        failure: "the daemon that its start left is killed",
        by: "event",
        service: "script",
        fail: "pkill -9 -f '^/bin/sleep 86405$'",
    },
    Case {
        kind: "init script",
        failure: "only its status tells",
        by: "poll",
        service: "script-asked",
        fail: "rm /run/script-asked",
    },
    Case {
        kind: "address",
        failure: "removed by hand",
        by: "event",
        service: "address",
        fail: "ip address del 10.77.0.110/24 dev eth0",
    },
    Case {
        kind: "mount",
        failure: "unmounted by hand",
        by: "event",
        service: "mount",
        fail: "umount /run/memory",
    },
    Case {
        kind: "route",
        failure: "deleted by hand",
        by: "event",
        service: "route",
        fail: "ip route del 192.0.2.0/24",
    },
    Case {
        kind: "systemd",
        failure: "its main process is killed",
        by: "event",
        service: "unit",
        fail: "pkill -9 -f '^/bin/sleep 86403$'",
    },
    Case {
        kind: "systemd",
        failure: "stopped by hand",
        by: "event",
        service: "unit",
        fail: "SYSTEMCTL_FORCE_BUS=1 systemctl stop bench.service",
    },
];

/// The services, all on one node.
const SERVICES: &str = r#"
[[service.process.resource]]
process = ["/bin/sh", "-c", "exec sleep 86401"]

[[service.forking.resource]]
command = { start = ["/bin/sh", "-c", "sleep 86402 & exit 0"], stop = ["/bin/sh", "-c", "pkill -f '^sleep 86402$'; exit 0"], status = ["/bin/sh", "-c", "pgrep -f '^sleep 86402$' > /dev/null || exit 3"] }

[[service.asked.resource]]
command = { start = ["/bin/touch", "/run/asked"], stop = ["/bin/rm", "-f", "/run/asked"], status = ["/bin/sh", "-c", "test -e /run/asked || exit 3"] }
every = "EVERY"

[[service.agent.resource]]
agent = "ocf:heartbeat:anything"
options = { binfile = "/bin/sleep", cmdline_options = "86404" }

[[service.dummy.resource]]
agent = "ocf:heartbeat:Dummy"
every = "EVERY"

[[service.script.resource]]
agent = "lsb:bench"

[[service.script-asked.resource]]
agent = "lsb:bench-asked"
every = "EVERY"

[[service.address.resource]]
address = "10.77.0.110/24"
duplicate_wait = "0s"

[[service.mount.resource]]
mount = "/run/memory"
tmpfs = "1MiB"

[[service.route.resource]]
route = "192.0.2.0/24"
via = "10.77.0.200"

[[service.unit.resource]]
systemd = "bench.service"
"#;

/// Makes the node ready: a systemd, and init scripts beside those of this machine.
const PREPARE: &str = r#"
set -e
mainstay lab-systemd
mkdir -p /run/memory
printf '[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/sleep 86403\n' > /run/lab-systemd/units/bench.service
SYSTEMCTL_FORCE_BUS=1 systemctl daemon-reload
mount -t tmpfs tmpfs /etc/init.d
cat > /etc/init.d/bench <<'SCRIPT'
#!/bin/sh
case $1 in
start) /bin/sleep 86405 < /dev/null > /dev/null 2>&1 & echo $! > /run/bench.pid ;;
stop) kill $(cat /run/bench.pid) 2> /dev/null || true ;;
status) kill -0 $(cat /run/bench.pid) 2> /dev/null || exit 3 ;;
esac
SCRIPT
cat > /etc/init.d/bench-asked <<'SCRIPT'
#!/bin/sh
case $1 in
start) touch /run/script-asked ;;
stop) rm -f /run/script-asked ;;
status) test -e /run/script-asked || exit 3 ;;
esac
SCRIPT
chmod +x /etc/init.d/bench /etc/init.d/bench-asked
"#;

/// One failure, measured.
struct Run {
    noticed_ms: f64,
    repaired_ms: f64,
}

fn text<E: std::fmt::Display>(error: E) -> Failure {
    error.to_string()
}

pub fn run(arguments: &NoticeArguments) -> Result<(), Failure> {
    if arguments.vm {
        return kernel::boot(arguments);
    }
    let bed = match arguments.in_vm {
        true => &kernel::BED,
        false => &BED,
    };
    let cluster = up(bed)?;
    let mut table = Vec::new();
    let wanted = |case: &&Case| {
        arguments
            .kind
            .as_deref()
            .is_none_or(|kind| kind == case.kind)
    };
    for case in bed.cases.iter().filter(wanted) {
        let mut runs = Vec::new();
        for number in 1..=arguments.runs {
            let run = measure(&cluster, case).map_err(|error| {
                format!("{} {}, run {number}: {error}", case.kind, case.failure)
            })?;
            if arguments.json {
                println!("{}", case.line(&run));
            } else {
                eprint!("\r{} {number} of {}          ", case.kind, arguments.runs);
            }
            runs.push(run);
        }
        table.push((case, runs));
    }
    if !arguments.json {
        eprintln!();
        print_table(&table);
    }
    cluster.lab.down().map_err(text)
}

fn up(bed: &Bed) -> Result<Cluster, Failure> {
    let options = Options {
        name: "notice".to_owned(),
        nodes: lab::layout::node_names(bed.nodes),
        lifetime: Lifetime::Attached,
        program: Some(release_binary()?),
        ..Options::default()
    };
    let lab = Lab::up(&options).map_err(text)?;
    lab.exec_ok(NODE, &["sh", "-c", bed.prepare])
        .map_err(text)?;
    let mut source = lab::cluster_toml(&lab.status().map_err(text)?);
    let mut services: Vec<&str> = bed.cases.iter().map(|case| case.service).collect();
    services.dedup();
    for service in services {
        source.push_str(&format!(
            "\n[service.{service}]\nprefer = [\"{NODE}\"]\nonly = true\n\
             restart = {{ times = 100, within = \"1h\" }}\n"
        ));
    }
    source.push_str(&bed.services.replace("EVERY", EVERY));
    lab::form(&lab, Some(&source)).map_err(text)?;
    let cluster = Cluster { lab };
    cluster.settle()?;
    Ok(cluster)
}

fn measure(cluster: &Cluster, case: &Case) -> Result<Run, Failure> {
    cluster.settle()?;
    // Each is a first failure: the pauses before later restarts are another matter.
    let clear = ["mainstay", "clear", case.service, "--yes"];
    cluster.lab.exec_ok(NODE, &clear).map_err(text)?;
    let seen = cluster.history("").last().and_then(index).unwrap_or(0);
    // The clock is read by the very shell that then does it.
    let fail = format!("date +%s%N; {}", case.fail);
    let said = cluster
        .lab
        .exec_ok(NODE, &["sh", "-c", &fail])
        .map_err(text)?;
    let first = said.lines().next().unwrap_or_default();
    let nanos: u64 = first.parse().map_err(|_| format!("no time in: {said}"))?;
    let began = nanos as f64 / 1e6 % DAY_MS;
    cluster
        .lab
        .wait_until("the service runs again", REPAIR_LIMIT, |_| {
            find(cluster, case, seen, began)
        })
        .map_err(text)
}

fn index(entry: &Value) -> Option<u64> {
    entry["index"].as_u64()
}

/// When it was noticed and mended, once it was.
fn find(cluster: &Cluster, case: &Case, seen: u64, began: f64) -> Option<Run> {
    let entries = cluster.history("");
    let new = entries.iter().filter(|entry| index(entry) > Some(seen));
    let ours = new.filter(|entry| entry["service"] == case.service);
    let ours: Vec<&Value> = ours.collect();
    let at = |kind: &str| {
        let entry = ours.iter().rfind(|entry| entry["kind"] == kind)?;
        Some(of_day_ms(entry["at"].as_str()?)? - began)
    };
    let (noticed_ms, repaired_ms) = (at("failed")?, at("running")?);
    (noticed_ms <= repaired_ms).then_some(Run {
        noticed_ms,
        repaired_ms,
    })
}

impl Case {
    fn line(&self, run: &Run) -> Value {
        let round = |value: f64| (value * 10.0).round() / 10.0;
        json!({
            "kind": self.kind,
            "failure": self.failure,
            "by": self.by,
            "noticed_ms": round(run.noticed_ms),
            "repaired_ms": round(run.repaired_ms),
        })
    }
}

fn print_table(table: &[(&Case, Vec<Run>)]) {
    println!("| Kind | Failure | Noticed by | Noticed | Runs again |");
    println!("|---|---|---|---:|---:|");
    for (case, runs) in table {
        let median = |of: fn(&Run) -> f64| {
            let all = figures(runs.iter().map(of).collect());
            all.map_or_else(String::new, |all| {
                format!(
                    "{:.0} ms ({:.0} to {:.0})",
                    all.median, all.minimum, all.maximum
                )
            })
        };
        println!(
            "| {} | {} | {} | {} | {} |",
            case.kind,
            case.failure,
            case.by,
            median(|run| run.noticed_ms),
            median(|run| run.repaired_ms)
        );
    }
}
