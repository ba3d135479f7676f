//! How long one plan takes for clusters of groups of three with relations between them:
//! one JSON object for each size and state, to be read by `cargo xtask bench planner`.
//!
//! ```text
//! cargo run --release -p planner --example bench -- 1000x32 10000x64
//! ```
//!
//! The clusters: groups of three; what is left over stays single. Of each ten, number 1
//! starts after its predecessor, 2 is with it, 3 would rather not be with it, 5 has a node
//! that it likes. They like to stay (100 points).

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a clock measures here; the planner itself gets no other than its argument"
)]

use std::time::Instant;

use planner::arrange::{
    Arrangement, Colocation, Discovery, Found, Kind, Location, NodeIx, NodeObserved, NodeState,
    NodeWanted, Observed, Order, OrderKind, Resource, ResourceIx, Role, Score, Settings, Verb,
    Wanted, arrange,
};

/// The best of so many runs is told: the others measure the machine's other work.
const RUNS: usize = 7;

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// Nothing runs yet.
    Start,
    /// One node has just failed.
    Fail,
    /// All is as it should be.
    Idle,
}

fn main() {
    for size in std::env::args().skip(1) {
        let Some((resources, nodes)) = size.split_once('x') else {
            eprintln!("{size} is no size: write RESOURCESxNODES, like 1000x32");
            std::process::exit(2);
        };
        let (Ok(resources), Ok(nodes)) = (resources.parse(), nodes.parse()) else {
            eprintln!("{size} is no size: write RESOURCESxNODES, like 1000x32");
            std::process::exit(2);
        };
        for state in [State::Start, State::Fail, State::Idle] {
            measure(resources, nodes, state);
        }
    }
}

fn measure(resources: usize, nodes: usize, state: State) {
    let (wanted, observed) = cluster(resources, nodes, state);
    let mut best = f64::MAX;
    let mut steps = 0;
    for _ in 0..RUNS {
        let begun = Instant::now();
        let arrangement = arrange(&wanted, &observed);
        best = best.min(begun.elapsed().as_secs_f64() * 1000.0);
        steps = steps_of(&arrangement);
    }
    let word = match state {
        State::Start => "start",
        State::Fail => "fail",
        State::Idle => "idle",
    };
    println!(
        "{{\"resources\":{resources},\"nodes\":{nodes},\"state\":\"{word}\",\"plan_ms\":{best:.3},\"steps\":{steps},\"memory_mib\":{:.1}}}",
        peak_memory_mib()
    );
}

fn steps_of(arrangement: &Arrangement) -> usize {
    arrangement.fences.len()
        + arrangement
            .steps
            .iter()
            .filter(|step| !step.implied)
            .count()
}

/// The most memory that this process had so far, in MiB.
fn peak_memory_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

fn cluster(resources: usize, nodes: usize, state: State) -> (Wanted, Observed) {
    let mut wanted = Wanted {
        nodes: (1..=nodes)
            .map(|number| NodeWanted {
                name: format!("n{number}"),
                runs_resources: true,
                ..NodeWanted::default()
            })
            .collect(),
        ..Wanted::default()
    };
    let units = units(&mut wanted, resources);
    let places = relations(&mut wanted, &units, nodes);
    let mut observed = Observed {
        quorate: true,
        nodes: vec![
            NodeObserved {
                state: NodeState::Online,
                seen: true,
                ..NodeObserved::default()
            };
            nodes
        ],
        ..Observed::default()
    };
    if state != State::Start {
        observed.found = found(&wanted, &units, &places);
    }
    if state == State::Fail && 1 < nodes {
        observed.nodes[1].state = NodeState::Offline;
        observed.nodes[1].unclean = true;
    }
    (wanted, observed)
}

/// The groups of three, and what is left over.
fn units(wanted: &mut Wanted, resources: usize) -> Vec<ResourceIx> {
    let mut units = Vec::new();
    let mut made = 0;
    while made < resources {
        let whole = ResourceIx(wanted.resources.len());
        units.push(whole);
        if resources - made < 3 {
            wanted.resources.push(single(made, None));
            made += 1;
            continue;
        }
        let members: Vec<ResourceIx> = (1..=3).map(|next| ResourceIx(whole.0 + next)).collect();
        let mut group = single(units.len(), None);
        group.name = format!("g{}", units.len());
        group.kind = Kind::Group {
            members,
            ordered: true,
            together: true,
        };
        wanted.resources.push(group);
        for _ in 0..3 {
            wanted.resources.push(single(made, Some(whole)));
            made += 1;
        }
    }
    units
}

fn single(number: usize, parent: Option<ResourceIx>) -> Resource {
    Resource {
        name: format!("r{number}"),
        parent,
        kind: Kind::Single,
        settings: Settings {
            stickiness: Score::new(100),
            ..Settings::default()
        },
        removed: false,
    }
}

/// Adds the relations, and says where each unit runs when all is well.
fn relations(wanted: &mut Wanted, units: &[ResourceIx], nodes: usize) -> Vec<NodeIx> {
    let mut places = Vec::with_capacity(units.len());
    for (at, unit) in units.iter().enumerate() {
        let own = NodeIx(at % nodes);
        let before = at.checked_sub(1).map(|before| units[before]);
        let mut place = own;
        match (at % 10, before) {
            (1, Some(before)) => wanted.orders.push(Order {
                id: format!("c{at}"),
                first: before,
                first_verb: Verb::Start,
                then: *unit,
                then_verb: Verb::Start,
                kind: OrderKind::Mandatory,
                symmetrical: true,
            }),
            (2 | 3, Some(before)) => {
                let is_with = at % 10 == 2;
                if is_with {
                    place = places[at - 1];
                }
                wanted.colocations.push(Colocation {
                    id: format!("c{at}"),
                    dependent: *unit,
                    dependent_role: None,
                    primary: before,
                    primary_role: None,
                    score: if is_with {
                        Score::INFINITY
                    } else {
                        Score::new(-100)
                    },
                    attribute: None,
                    influence: true,
                });
            }
            (5, _) => wanted.locations.push(Location {
                id: format!("c{at}"),
                resource: *unit,
                role: None,
                scores: vec![(own, Score::new(50))],
                discovery: Discovery::Always,
            }),
            _ => {}
        }
        places.push(place);
    }
    places
}

fn found(wanted: &Wanted, units: &[ResourceIx], places: &[NodeIx]) -> Vec<Found> {
    let mut found = Vec::new();
    for (unit, place) in units.iter().zip(places) {
        let parts = match &wanted.resources[unit.0].kind {
            Kind::Group { members, .. } => members.clone(),
            Kind::Single | Kind::Clone { .. } => vec![*unit],
        };
        found.extend(parts.into_iter().map(|resource| Found {
            resource,
            instance: None,
            node: *place,
            role: Some(Role::Started),
            failed: None,
            under_way: None,
        }));
    }
    found
}
