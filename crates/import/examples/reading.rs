//! Prints how a CIB is read: nodes, and what is active, failed or under way.
//!
//! `cargo run -p import --example reading -- FILE [NOW]`, with the time in seconds since
//! 1970. Each line is one fact, so that two files, or two readers, can be compared.

use import::cib::{self, Cluster};
use planner::arrange::NodeState;
use planner::rule::UnixSeconds;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("which file?")?;
    let now = arguments.next().map(|text| text.parse()).transpose()?;
    let text = std::fs::read_to_string(&file)?;
    let cluster = cib::read(&text, now.map(UnixSeconds))?;
    nodes(&cluster);
    resources(&cluster);
    for note in &cluster.notes {
        println!("note {} {}", note.place, note.text);
    }
    Ok(())
}

fn nodes(cluster: &Cluster) {
    let nodes = cluster.wanted.nodes.iter().zip(&cluster.observed.nodes);
    for (wanted, observed) in nodes {
        let state = match observed.state {
            NodeState::Online => "online",
            NodeState::Pending => "pending",
            NodeState::Offline => "offline",
        };
        let remarks = [
            (observed.unclean, "unclean"),
            (observed.standby, "standby"),
            (observed.maintenance, "maintenance"),
            (observed.shutdown, "shutdown"),
        ];
        let remarks = remarks.iter().filter(|(is_so, _)| *is_so);
        let remarks: Vec<&str> = remarks.map(|(_, word)| *word).collect();
        println!("node {} {state} {}", wanted.name, remarks.join(","));
    }
}

fn resources(cluster: &Cluster) {
    for found in &cluster.observed.found {
        let name = &cluster.wanted.resources[found.resource.0].name;
        let node = &cluster.wanted.nodes[found.node.0].name;
        let role = found
            .role
            .map_or("-".to_string(), |role| format!("{role:?}"));
        let failed = found
            .failed
            .map_or("-".to_string(), |failed| format!("{:?}", failed.answer));
        println!("active {name} {node} {role} {failed} {:?}", found.under_way);
    }
}
