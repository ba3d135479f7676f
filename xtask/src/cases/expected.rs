//! What the cases expect.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use planner::rule::UnixSeconds;
use serde_json::Value;

use crate::run::Failure;

/// Where each resource is: node and role, sorted, one for each instance.
pub type Places = BTreeMap<String, Vec<(String, String)>>;

/// One case.
pub struct Case {
    pub name: String,
    pub tier: String,
    pub theme: String,
    pub now: Option<UnixSeconds>,
    pub fenced: Vec<String>,
    pub initial: Places,
    /// Remarks on what is active before: resource, node, remark.
    pub remarks: Vec<(String, String, String)>,
    pub initial_nodes: BTreeMap<String, Node>,
    pub last: Places,
    pub also_ok: Vec<Places>,
    pub fence_devices: Vec<String>,
    /// Operation, resource, node; sorted.
    pub changes: Vec<(String, String, String)>,
}

/// How a node is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub state: String,
    pub unclean: bool,
    pub standby: bool,
    pub maintenance: bool,
    pub health: Option<String>,
    pub kind: String,
}

pub fn read(path: &Path) -> Result<Vec<Case>, Failure> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|e| format!("{shown}: {e}"))?;
    parse(&text).map_err(|problem| format!("{shown}: {problem}"))
}

/// The cases in a text.
pub fn parse(text: &str) -> Result<Vec<Case>, Failure> {
    let data: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let cases = data["cases"].as_object().ok_or("it has no cases")?;
    Ok(cases.iter().map(|(name, case)| one(name, case)).collect())
}

fn one(name: &str, case: &Value) -> Case {
    let mut changes: Vec<_> = list(&case["changes"])
        .iter()
        .filter(|change| change["implied"].as_bool() != Some(true))
        .map(|change| {
            (
                text(&change["op"]),
                text(&change["rsc"]),
                text(&change["node"]),
            )
        })
        .collect();
    changes.sort();
    let remarks = entries(&case["initial"]).flat_map(|(resource, places)| {
        list(places).iter().flat_map(move |place| {
            list(&place["flags"])
                .iter()
                .map(move |flag| (resource.clone(), text(&place["node"]), text(flag)))
        })
    });
    Case {
        name: name.to_string(),
        tier: text(&case["tier"]),
        theme: text(&case["theme"]),
        now: time(&case["now"]),
        fenced: list(&case["fenced"]).iter().map(text).collect(),
        initial: places(&case["initial"]),
        remarks: remarks.collect(),
        initial_nodes: entries(&case["initial_nodes"])
            .map(|(name, node)| (name.clone(), node_of(node)))
            .collect(),
        last: places(&case["final"]),
        also_ok: list(&case["also_ok"]).iter().map(places).collect(),
        fence_devices: list(&case["fence_devices"]).iter().map(text).collect(),
        changes,
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}

fn places(value: &Value) -> Places {
    entries(value)
        .map(|(resource, places)| {
            let mut places: Vec<_> = list(places)
                .iter()
                .map(|place| (text(&place["node"]), text(&place["role"])))
                .collect();
            places.sort();
            (resource.clone(), places)
        })
        .collect()
}

fn node_of(node: &Value) -> Node {
    let truth = |name: &str| node[name].as_bool().unwrap_or(false);
    Node {
        state: text(&node["state"]),
        unclean: truth("unclean"),
        standby: truth("standby"),
        maintenance: truth("maintenance"),
        health: node["health"].as_str().map(str::to_string),
        kind: text(&node["kind"]),
    }
}

fn time(value: &Value) -> Option<UnixSeconds> {
    if let Some(seconds) = value.as_i64() {
        return Some(UnixSeconds(seconds));
    }
    let text = value.as_str()?;
    if let Ok(seconds) = text.parse() {
        return Some(UnixSeconds(seconds));
    }
    let moment: jiff::Timestamp = text.parse().ok()?;
    Some(UnixSeconds(moment.as_second()))
}
