//! Halves in which one node has entries that the lowest one lacks.

mod cluster;

use std::time::Duration;

use cluster::{Cluster, form};
use model::{Command, NodeId};

/// Two of four are left, and the higher of them has an entry of the leader that the lower one
/// has not: only the higher one can win.
#[test]
fn the_half_goes_on_though_its_lowest_node_lacks_an_entry() {
    let spec = form::spec(&["a", "b", "c", "d"], &[]);
    let mut cluster = Cluster::new(&["a", "b", "c", "d"], &spec, 1);
    cluster.run(form::span("6s"));
    let leader = cluster.contact().unwrap();
    let mut others: Vec<NodeId> = cluster.machines.keys().copied().collect();
    others.retain(|id| *id != leader);
    let (low, high, lost) = (others[0], others[1], others[2]);
    for id in [leader, low, lost] {
        cluster.cut.insert((id, lost));
    }
    cluster.cut.insert((leader, low));
    cluster.request(
        leader,
        Command::SetMaintenance {
            maintenance: model::seen::Maintenance::Off,
            by: model::UserName::new("root").unwrap(),
        },
    );
    cluster.run(Duration::from_millis(20));
    let last = |cluster: &mut Cluster, id: NodeId| {
        let daemon = cluster.machine(id).daemon.as_ref().unwrap();
        daemon.node.raft().last_index()
    };
    assert!(last(&mut cluster, low) < last(&mut cluster, high));
    cluster.power_off(leader);
    cluster.power_off(lost);
    cluster.cut.clear();
    cluster.run(form::span("60s"));
    let daemon = cluster.machine(low).daemon.as_ref().unwrap();
    let generation = daemon.node.raft().lineage().generation;
    let waits = |id: NodeId| {
        let daemon = cluster.machines[&id].daemon.as_ref().unwrap();
        daemon.node.quorum_view(cluster.now).waits
    };
    assert_eq!(generation, 2, "{:?} {:?}", waits(low), waits(high));
}
