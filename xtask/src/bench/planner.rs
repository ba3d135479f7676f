//! How long one plan takes, by size and state of the cluster, and Pacemaker's own simulator
//! on the same clusters beside it where it is installed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::PlannerArguments;
use crate::run::Failure;

/// Pacemaker's simulator on the largest cluster that it is asked for takes a few seconds.
const PEER_LIMIT: Duration = Duration::from_secs(120);

/// The file of a larger cluster is hundreds of megabytes, and the peer takes minutes for it.
const PEER_RESOURCES_MAX: u64 = 5000;

/// What `crm_simulate` computes for an operation without parameters: start or probe, and a
/// monitor every 10 s with a limit of 20 s. Others would read as changed parameters.
const DIGESTS: [&str; 2] = [
    "f2317cad3d54cec5d7d7aa7d0bf35cf8",
    "4811cef7f7f94e3a35a70be7916cb2fd",
];

pub fn run(arguments: &PlannerArguments) -> Result<(), Failure> {
    let against = arguments.against.is_some();
    if !arguments.json {
        println!(
            "{:>9} {:>5}  {:<6} {:>10} {:>7} {:>11}{}",
            "resources",
            "nodes",
            "state",
            "plan, ms",
            "steps",
            "memory, MiB",
            if against {
                "  crm_simulate, ms   ratio"
            } else {
                ""
            }
        );
    }
    // Each size in a process of its own, so that its memory is its own.
    for size in &arguments.sizes {
        for line in plans(size)?.lines() {
            let mut row: Value = serde_json::from_str(line).map_err(|e| e.to_string())?;
            if against {
                add_peer(&mut row)?;
            }
            if arguments.json {
                println!("{row}");
            } else {
                println!("{}", text(&row));
            }
        }
    }
    Ok(())
}

fn plans(size: &str) -> Result<String, Failure> {
    let words = ["run", "--quiet", "--release", "--locked"];
    let output = Command::new("cargo")
        .args(words)
        .args(["--package", "planner", "--example", "bench", "--", size])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    if !output.status.success() {
        return Err(format!("the planner could not be measured for {size}"));
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}

fn text(row: &Value) -> String {
    let number = |key: &str| row[key].as_f64().unwrap_or(0.0);
    let mut line = format!(
        "{:>9} {:>5}  {:<6} {:>10.2} {:>7} {:>11.1}",
        number("resources"),
        number("nodes"),
        row["state"].as_str().unwrap_or(""),
        number("plan_ms"),
        number("steps"),
        number("memory_mib"),
    );
    if let Some(peer) = row["crm_simulate_ms"].as_f64() {
        let _ = write!(line, "  {peer:>16.0} {:>7.0}", number("ratio"));
    }
    line
}

/// Times the peer on the same cluster. Its time has the reading of the file in it, ours has
/// not: a cluster manager does not read its state anew for each plan, Pacemaker does.
fn add_peer(row: &mut Value) -> Result<(), Failure> {
    let resources = row["resources"].as_u64().unwrap_or(0);
    let nodes = row["nodes"].as_u64().unwrap_or(0);
    if PEER_RESOURCES_MAX < resources {
        return Ok(());
    }
    let state = row["state"].as_str().unwrap_or("").to_string();
    let file = TempFile::new(&cib(resources, nodes, &state))?;
    let peer = peer_ms(&file.0)?;
    let plan = row["plan_ms"].as_f64().unwrap_or(f64::MAX);
    row["crm_simulate_ms"] = json!((peer * 10.0).round() / 10.0);
    row["ratio"] = json!((peer / plan).round());
    Ok(())
}

fn peer_ms(file: &Path) -> Result<f64, Failure> {
    let begun = Instant::now();
    let mut child = Command::new("crm_simulate")
        .arg("-x")
        .arg(file)
        .args(["-R", "-Q"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| {
            format!("crm_simulate: {error} (Debian: apt-get install pacemaker-cli-utils)")
        })?;
    loop {
        if child.try_wait().map_err(|e| e.to_string())?.is_some() {
            return Ok(begun.elapsed().as_secs_f64() * 1000.0);
        }
        if PEER_LIMIT < begun.elapsed() {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("crm_simulate took longer than {PEER_LIMIT:?}"));
        }
        // The measurement's grain: a fifth of a percent of what the peer takes.
        std::thread::sleep(Duration::from_millis(1));
    }
}

struct TempFile(PathBuf);

impl TempFile {
    fn new(text: &str) -> Result<Self, Failure> {
        let name = format!("mainstay-bench-{}.xml", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The cluster of `crates/planner/examples/bench`, as Pacemaker stores it.
fn cib(resources: u64, nodes: u64, state: &str) -> String {
    let units = units(resources);
    let runs = state != "start";
    let mut text = String::from(
        "<cib validate-with=\"pacemaker-3.7\" epoch=\"1\" num_updates=\"0\" admin_epoch=\"0\" \
         crm_feature_set=\"3.16.1\" have-quorum=\"1\" dc-uuid=\"1\"><configuration><crm_config>\
         <cluster_property_set id=\"o\">",
    );
    for (key, value) in [("stonith-enabled", "true"), ("no-quorum-policy", "stop")] {
        let _ = write!(
            text,
            "<nvpair id=\"o-{key}\" name=\"{key}\" value=\"{value}\"/>"
        );
    }
    text.push_str("</cluster_property_set></crm_config><nodes>");
    for node in 1..=nodes {
        let _ = write!(text, "<node id=\"{node}\" uname=\"n{node}\"/>");
    }
    text.push_str("</nodes><resources>");
    text.push_str("<primitive id=\"fence\" class=\"stonith\" type=\"fence_dummy\"/>");
    for (name, members) in &units {
        let is_group = 1 < members.len();
        if is_group {
            let _ = write!(text, "<group id=\"{name}\">");
        }
        for member in members {
            let _ = write!(
                text,
                "<primitive id=\"{member}\" class=\"ocf\" provider=\"pacemaker\" type=\"Dummy\">\
                 <operations><op id=\"{member}-m\" name=\"monitor\" interval=\"10s\" \
                 timeout=\"20s\"/></operations></primitive>"
            );
        }
        if is_group {
            text.push_str("</group>");
        }
    }
    text.push_str("</resources><constraints>");
    let places = constraints(&mut text, &units, nodes);
    text.push_str(
        "</constraints><rsc_defaults><meta_attributes id=\"d\"><nvpair id=\"d-s\" \
         name=\"resource-stickiness\" value=\"100\"/></meta_attributes></rsc_defaults>\
         </configuration><status>",
    );
    for node in 1..=nodes {
        let gone = state == "fail" && node == 2;
        node_state(&mut text, (node, gone), &units, |at| {
            runs && places[at] == node
        });
    }
    text.push_str("</status></cib>");
    text
}

/// Groups of three; what is left over is single.
fn units(resources: u64) -> Vec<(String, Vec<String>)> {
    let mut units = Vec::new();
    let mut made = 0;
    while made < resources {
        let size = if resources - made < 3 { 1 } else { 3 };
        let members: Vec<String> = (made..made + size).map(|r| format!("r{r}")).collect();
        let name = match size {
            1 => members[0].clone(),
            _ => format!("g{}", units.len()),
        };
        units.push((name, members));
        made += size;
    }
    units
}

/// Writes the constraints, and says on which node each unit runs when all is well.
fn constraints(text: &mut String, units: &[(String, Vec<String>)], nodes: u64) -> Vec<u64> {
    let mut places: Vec<u64> = Vec::new();
    for (at, (unit, _)) in units.iter().enumerate() {
        let own = at as u64 % nodes + 1;
        let before = at.checked_sub(1).map(|before| units[before].0.as_str());
        let mut place = own;
        let _ = match (at % 10, before) {
            (1, Some(before)) => {
                write!(
                    text,
                    "<rsc_order id=\"c{at}\" first=\"{before}\" then=\"{unit}\"/>"
                )
            }
            (2 | 3, Some(before)) => {
                let is_with = at % 10 == 2;
                if is_with {
                    place = places[at - 1];
                }
                let score = if is_with { "INFINITY" } else { "-100" };
                write!(
                    text,
                    "<rsc_colocation id=\"c{at}\" rsc=\"{unit}\" with-rsc=\"{before}\" \
                     score=\"{score}\"/>"
                )
            }
            (5, _) => write!(
                text,
                "<rsc_location id=\"c{at}\" rsc=\"{unit}\" node=\"n{own}\" score=\"50\"/>"
            ),
            _ => Ok(()),
        };
        places.push(place);
    }
    places
}

fn node_state(
    text: &mut String,
    (node, gone): (u64, bool),
    units: &[(String, Vec<String>)],
    runs_here: impl Fn(usize) -> bool,
) {
    let (ccm, crmd, join) = match gone {
        true => ("false", "offline", "down"),
        false => ("true", "online", "member"),
    };
    let _ = write!(
        text,
        "<node_state id=\"{node}\" uname=\"n{node}\" in_ccm=\"{ccm}\" crmd=\"{crmd}\" \
         join=\"{join}\" expected=\"member\"><lrm id=\"{node}\"><lrm_resources>"
    );
    let mut call = 1;
    for (at, (_, members)) in units.iter().enumerate() {
        for member in members {
            let _ = write!(
                text,
                "<lrm_resource id=\"{member}\" class=\"ocf\" provider=\"pacemaker\" \
                 type=\"Dummy\">"
            );
            if runs_here(at) {
                operation(text, (member, node), ("start", 0, 0), call);
                operation(text, (member, node), ("monitor", 10_000, 0), call + 1);
            } else {
                operation(text, (member, node), ("monitor", 0, 7), call);
            }
            text.push_str("</lrm_resource>");
            call += 2;
        }
    }
    text.push_str("</lrm_resources></lrm></node_state>");
}

fn operation(
    text: &mut String,
    (resource, node): (&str, u64),
    (name, interval, code): (&str, u32, u32),
    call: u32,
) {
    let key = format!("1:1:{code}:00000000-0000-4000-8000-000000000000");
    let digest = DIGESTS[usize::from(interval > 0)];
    let _ = write!(
        text,
        "<lrm_rsc_op id=\"{resource}_{name}_{interval}\" \
         operation_key=\"{resource}_{name}_{interval}\" operation=\"{name}\" \
         crm_feature_set=\"3.16.1\" transition-key=\"{key}\" transition-magic=\"0:{code};{key}\" \
         on_node=\"n{node}\" call-id=\"{call}\" rc-code=\"{code}\" op-status=\"0\" \
         interval=\"{interval}\" op-digest=\"{digest}\"/>"
    );
}
