//! When a run may open the watchdog, which feeds it, and how long a lost node is waited for.

mod cluster;

use std::time::Duration;

use cluster::{Cluster, form};
use model::{Command, NodeId, NodeName};

const MINUTE: Duration = Duration::from_secs(60);

/// Three nodes without fence devices whose watchdogs are armed, five seconds after their start.
fn armed() -> Cluster {
    let mut spec = form::spec(&["a", "b", "c"], &[]);
    spec.nodes.values_mut().for_each(|node| node.fence.clear());
    let mut cluster = Cluster::new(&["a", "b", "c"], &spec, 1);
    cluster.run(form::span("5s"));
    for id in [1, 2, 3].map(NodeId) {
        say_armed(&mut cluster, id);
    }
    cluster.run(form::span("1s"));
    cluster
}

fn say_armed(cluster: &mut Cluster, id: NodeId) {
    let word = cluster.now.0;
    let machine = cluster.machine(id);
    let (node, boot, run) = (machine.name.clone(), machine.boot_id(), machine.runs);
    let bound = Some(MINUTE);
    let command = Command::WatchdogArmed {
        node,
        boot,
        run,
        word,
        bound,
    };
    cluster.request(id, command);
}

fn node(cluster: &mut Cluster, id: NodeId) -> &node::Node {
    &cluster.machine(id).daemon.as_ref().unwrap().node
}

/// The watchdog of a closed daemon bites a minute later. The others may start its services soon
/// after; a daemon that is started again meanwhile must not put the end off.
#[test]
fn a_lost_node_whose_daemon_starts_again_leaves_its_watchdog_alone() {
    let (a, b) = (NodeId(1), NodeId(2));
    let mut cluster = armed();
    cluster.switches.get_mut(&b).unwrap().fails = u32::MAX;
    let now = cluster.now;
    assert!(node(&mut cluster, b).may_arm(now));
    cluster.kill_daemon(b);
    cluster.run(form::span("45s"));
    let b_name: NodeName = form::name("b");
    let now = cluster.now;
    let waits = node(&mut cluster, a).outliving(&b_name, now);

    assert!(waits.is_some(), "it is lost, and waited for");
    cluster.start_daemon(b);
    cluster.run(form::span("2s"));
    let now = cluster.now;
    let back = node(&mut cluster, b);
    assert!(back.is_caught_up(), "the log knows this run");
    assert!(back.is_given_up());
    assert!(!back.may_arm(now));
}
