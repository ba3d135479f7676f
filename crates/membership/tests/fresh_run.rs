//! What a daemon that has just started learns of a node that it never heard.

mod cluster;

use std::time::Duration;

use cluster::{Cluster, Life};
use membership::{Event, Settings, Voice};
use model::{BootId, NodeId};
use wire::heartbeat::boot_tag;

fn losses_told_by(cluster: &Cluster, by: NodeId) -> Vec<Event> {
    let lost =
        |told: &&(Duration, NodeId, Event)| told.1 == by && matches!(told.2, Event::Lost { .. });
    let lost = cluster.told.iter().filter(lost);
    lost.map(|told| told.2.clone()).collect()
}

fn three() -> Cluster {
    let nodes = [1, 2, 3].map(|id| (NodeId(id), Voice::Voter));
    let mut cluster = Cluster::new(&nodes, 1, Settings::default(), 7);
    cluster.run(Duration::from_secs(2));
    cluster
}

#[test]
fn a_new_run_learns_from_the_others_in_which_boot_a_lost_node_was_heard() {
    let mut cluster = three();
    cluster.live(NodeId(1), Life::Dead);
    // Its last beats are no sign of life to a run that hears of them only now.
    cluster.run(Duration::from_millis(600));
    cluster.start(NodeId(2));
    cluster.run(Duration::from_secs(2));
    let told = losses_told_by(&cluster, NodeId(2));
    let [Event::Lost { boot, heard_by, .. }] = told.as_slice() else {
        panic!("one loss was expected: {told:?}");
    };
    // The first boot of node 1.
    let tag = boot_tag(BootId([17; 16]));
    assert_eq!(
        (*boot, heard_by.as_slice()),
        (None, &[(NodeId(3), tag)][..])
    );
}

#[test]
fn a_node_that_nobody_has_heard_is_lost_without_a_boot() {
    let mut cluster = three();
    cluster.live(NodeId(1), Life::Dead);
    cluster.start(NodeId(2));
    cluster.start(NodeId(3));
    cluster.run(Duration::from_secs(2));
    let told = losses_told_by(&cluster, NodeId(2));
    let [Event::Lost { boot, heard_by, .. }] = told.as_slice() else {
        panic!("one loss was expected: {told:?}");
    };
    assert_eq!((*boot, heard_by.as_slice()), (None, &[][..]));
}
