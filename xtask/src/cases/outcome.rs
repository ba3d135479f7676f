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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::expected;
    use planner::arrange::{NodeIx, Placed, ResourceIx, Role, Step, StepReason};

    const CIB: &str = r#"<cib have-quorum="1"><configuration><nodes><node id="1" uname="a"/>
        <node id="2" uname="b"/></nodes><resources>
        <primitive id="r" class="ocf" provider="x" type="A"/></resources></configuration></cib>"#;

    const CASES: &str = r#"{"cases": {"move": {"tier": "core", "theme": "t", "now": null,
        "fenced": [], "final": {"r": [{"node": "b", "role": "Started"}]},
        "also_ok": [{"r": [{"node": "a", "role": "Started"}]}],
        "changes": [{"op": "stop", "rsc": "r", "node": "a"}, {"op": "start", "rsc": "r", "node": "b"},
                    {"op": "stop", "rsc": "r", "node": "b", "implied": true}]}}}"#;

    fn arranged(node: usize, actions: &[(Action, usize)]) -> Arrangement {
        let resource = ResourceIx(0);
        let step = |(action, node): &(Action, usize)| Step {
            action: *action,
            resource,
            instance: 0,
            node: NodeIx(*node),
            implied: false,
            after: Vec::new(),
            after_fences: Vec::new(),
            because: StepReason::Wanted,
        };
        Arrangement {
            after: vec![Placed {
                resource,
                instance: 0,
                node: NodeIx(node),
                role: Role::Started,
            }],
            steps: actions.iter().map(step).collect(),
            ..Arrangement::default()
        }
    }

    fn compared(arrangement: &Arrangement) -> CaseResult {
        let cluster = import::cib::read(CIB, None).unwrap();
        let cases = expected::parse(CASES).unwrap();
        compare(&cluster, arrangement, &cases[0])
    }

    #[test]
    fn the_same_place_by_the_same_changes_is_the_same() {
        let result = compared(&arranged(1, &[(Action::Start, 1), (Action::Stop, 0)]));
        assert_eq!(
            (result.differences.len(), result.changes),
            (0, Some(vec![]))
        );
    }

    #[test]
    fn changes_are_counted_apart() {
        let result = compared(&arranged(1, &[(Action::Start, 1), (Action::Start, 1)]));
        let wanted = ["missing: stop r on a", "too much: start r on b"];
        assert_eq!(result.changes, Some(wanted.map(str::to_string).to_vec()));
        assert!(result.differences.is_empty());
    }

    #[test]
    fn another_place_that_is_just_as_good_passes_without_its_changes() {
        let result = compared(&arranged(0, &[]));
        assert_eq!((result.differences.len(), result.changes), (0, None));
    }

    #[test]
    fn what_is_elsewhere_is_told() {
        let result = compared(&Arrangement::default());
        assert_eq!(result.differences, ["r: expected b, came stopped"]);
    }
}
