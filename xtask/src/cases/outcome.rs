//! What was decided, against what Pacemaker decided.

use import::cib::Cluster;
use planner::arrange::{Action, Arrangement};

use super::expected::{Case, Places};
use super::reading::role_word;
use super::report::Result as CaseResult;

/// Fencing, placement and changes, in this order.
pub fn compare(cluster: &Cluster, arrangement: &Arrangement, case: &Case) -> CaseResult {
    let mut differences = fencing(cluster, arrangement, case);
    let got = placement(cluster, arrangement, case);
    let against_last = place_differences(&got, &case.last, case);
    let is_another = case.also_ok.iter().any(|other| {
        let mut overlaid = case.last.clone();
        overlaid.extend(other.clone());
        place_differences(&got, &overlaid, case).is_empty()
    });
    let matched_last = against_last.is_empty();
    if !matched_last && !is_another {
        differences.extend(against_last);
    }
    let changes = matched_last.then(|| change_differences(cluster, arrangement, case));
    CaseResult {
        differences,
        changes,
    }
}

fn fencing(cluster: &Cluster, arrangement: &Arrangement, case: &Case) -> Vec<String> {
    let mut fenced: Vec<String> = arrangement
        .fences
        .iter()
        .map(|fence| cluster.wanted.nodes[fence.node.0].name.clone())
        .collect();
    fenced.sort();
    fenced.dedup();
    if fenced == case.fenced {
        return Vec::new();
    }
    vec![format!(
        "fenced: expected {:?}, came {fenced:?}",
        case.fenced
    )]
}

fn placement(cluster: &Cluster, arrangement: &Arrangement, case: &Case) -> Places {
    let mut got: Places = case
        .last
        .keys()
        .map(|name| (name.clone(), Vec::new()))
        .collect();
    for placed in &arrangement.after {
        let name = cluster.wanted.resources[placed.resource.0].name.clone();
        let node = cluster.wanted.nodes[placed.node.0].name.clone();
        let role = role_word(placed.role).to_string();
        got.entry(name).or_default().push((node, role));
    }
    got.values_mut().for_each(|places| places.sort());
    got
}

fn place_differences(got: &Places, wanted: &Places, case: &Case) -> Vec<String> {
    let none = Vec::new();
    let more = got.keys().filter(|name| !wanted.contains_key(*name));
    wanted
        .keys()
        .chain(more)
        .filter(|name| !case.fence_devices.contains(name))
        .filter_map(|name| {
            let wanted = wanted.get(name).unwrap_or(&none);
            let got = got.get(name).unwrap_or(&none);
            (wanted != got)
                .then(|| format!("{name}: expected {}, came {}", show(wanted), show(got)))
        })
        .collect()
}

fn show(places: &[(String, String)]) -> String {
    if places.is_empty() {
        return "stopped".to_string();
    }
    let places: Vec<String> = places
        .iter()
        .map(|(node, role)| match role.as_str() {
            "Started" => node.clone(),
            role => format!("{node} {role}"),
        })
        .collect();
    places.join(" + ")
}

fn change_differences(cluster: &Cluster, arrangement: &Arrangement, case: &Case) -> Vec<String> {
    let mut got: Vec<(String, String, String)> = arrangement
        .steps
        .iter()
        .filter(|step| !step.implied)
        .map(|step| {
            (
                action_word(step.action).to_string(),
                cluster.wanted.resources[step.resource.0].name.clone(),
                cluster.wanted.nodes[step.node.0].name.clone(),
            )
        })
        .collect();
    got.sort();
    let keep =
        |(_, resource, _): &&(String, String, String)| !case.fence_devices.contains(resource);
    let got: Vec<_> = got.iter().filter(keep).collect();
    let wanted: Vec<_> = case.changes.iter().filter(keep).collect();
    let mut found = Vec::new();
    for (label, these, those) in [("missing", &wanted, &got), ("too much", &got, &wanted)] {
        let mut rest = those.clone();
        for change in these {
            match rest.iter().position(|other| other == change) {
                Some(at) => drop(rest.swap_remove(at)),
                None => {
                    let (op, resource, node) = change;
                    found.push(format!("{label}: {op} {resource} on {node}"));
                }
            }
        }
    }
    found
}

fn action_word(action: Action) -> &'static str {
    match action {
        Action::Start => "start",
        Action::Stop => "stop",
        Action::Promote => "promote",
        Action::Demote => "demote",
        Action::MigrateTo => "migrate_to",
        Action::MigrateFrom => "migrate_from",
    }
}
