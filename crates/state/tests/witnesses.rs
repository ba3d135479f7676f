//! Witnesses and watchdogs: what stands in for a node that is gone.

mod cluster;

use std::time::Duration;

use cluster::*;
use model::seen::*;
use model::spec::NoQuorumPolicy;
use model::*;

fn set(witness: &str, port: u16, key: u8) -> Command {
    Command::SetWitness {
        name: name(witness),
        kind: WitnessKind::Network {
            address: ([192, 0, 2, 1], port).into(),
            key: [key; 32],
        },
        by: name("ann"),
    }
}

fn remove(witness: &str) -> Command {
    Command::RemoveWitness {
        name: name(witness),
        by: name("ann"),
    }
}

fn armed(node: &str, boot: BootId, bound: Option<u64>) -> Command {
    Command::WatchdogArmed {
        node: name(node),
        boot,
        run: 0,
        word: 0,
        bound: bound.map(Duration::from_secs),
    }
}

fn watchdog(cluster: &Cluster, node: &str) -> Option<Duration> {
    cluster.state.seen().nodes[&name::<NodeName>(node)].watchdog
}

#[test]
fn a_witness_keeps_its_number_where_it_remembers_and_gets_another_where_it_does_not() {
    let mut cluster = Cluster::new();
    let id = |cluster: &Cluster| cluster.state.seen().witnesses[&name("w")].id;
    cluster.done(set("w", 1, 7));
    let first = id(&cluster);
    cluster.done(set("w", 2, 7));
    assert_eq!(id(&cluster), first, "it listens elsewhere");
    assert_eq!(
        cluster.rejected(set("w", 2, 8)),
        "witness w is another one; remove it first, because the new one does not know what \
         the old one granted"
    );
    cluster.done(remove("w"));
    cluster.done(set("w", 2, 8));
    assert!(first < id(&cluster));
}

#[test]
fn one_witness_has_one_name_and_there_are_few() {
    let mut cluster = Cluster::new();
    cluster.done(set("w", 1, 7));
    assert_eq!(
        cluster.rejected(set("v", 1, 7)),
        "it is a witness already, called w"
    );
    for key in 8..11 {
        cluster.done(set(&format!("w{key}"), 1, key));
    }
    assert_eq!(
        cluster.rejected(set("v", 1, 11)),
        "there are 4 witnesses already"
    );
    assert_eq!(cluster.rejected(remove("v")), "there is no witness v");
}

#[test]
fn a_watchdog_is_known_until_the_boot_ends() {
    let mut cluster = Cluster::new();
    cluster.done(armed("a", A1, Some(5)));
    assert_eq!(watchdog(&cluster, "a"), Some(Duration::from_secs(5)));
    cluster.done(lost("a", A1));
    assert_eq!(
        watchdog(&cluster, "a"),
        Some(Duration::from_secs(5)),
        "it bites now"
    );
    cluster.up("a", A2);
    assert_eq!(watchdog(&cluster, "a"), None);
    cluster.rejected(armed("a", A1, Some(5)));
    cluster.done(armed("a", A2, Some(5)));
    cluster.done(armed("a", A2, None));
    assert_eq!(watchdog(&cluster, "a"), None);
}

#[test]
fn a_node_that_left_cleanly_has_no_watchdog() {
    let mut cluster = Cluster::new();
    cluster.done(armed("a", A1, Some(5)));
    cluster.done(Command::Leave {
        node: name("a"),
        boot: A1,
    });
    cluster.done(Command::Left {
        node: name("a"),
        boot: A1,
    });
    assert_eq!(watchdog(&cluster, "a"), None);
    cluster.up("a", A1);
    assert_eq!(watchdog(&cluster, "a"), None);
}

#[test]
fn a_lost_node_cannot_arm_its_watchdog_any_more_but_disarm_it() {
    let mut cluster = Cluster::new();
    cluster.done(armed("a", A1, Some(5)));
    cluster.done(lost("a", A1));
    assert_eq!(cluster.rejected(armed("a", A1, Some(9))), "a is lost");
    cluster.done(armed("a", A1, None));
    assert_eq!(watchdog(&cluster, "a"), None);
}

#[test]
fn no_watchdog_bounds_a_node_whose_services_run_on_without_quorum() {
    let mut cluster = Cluster::new();
    let mut frozen = spec();
    frozen.cluster.no_quorum = NoQuorumPolicy::Freeze;
    cluster.done(Command::SetSpec {
        base: 1,
        source: String::new(),
        spec: Box::new(frozen),
        by: name("ann"),
    });
    assert_eq!(
        cluster.rejected(armed("a", A1, Some(5))),
        "the policy lets services run on without quorum, so no watchdog bounds them"
    );
}

fn outlived(id: FenceId, seconds: u64) -> Command {
    let waited = Duration::from_secs(seconds);
    Command::FenceEnded {
        id,
        target: name("a"),
        executor: (name("b"), B1),
        result: FenceResult::OutlivedWatchdog { waited },
    }
}

fn arm_all(cluster: &mut Cluster) {
    for (node, boot) in [("a", A1), ("b", B1), ("c", C1)] {
        cluster.done(armed(node, boot, Some(5)));
    }
}

#[test]
fn a_node_counts_as_ended_by_its_watchdog_when_lease_and_bound_are_over() {
    let mut cluster = Cluster::new();
    arm_all(&mut cluster);
    cluster.grant("a", A1);
    let id = cluster.fence_a(A1);
    assert_eq!(
        cluster.rejected(outlived(id, 7)),
        "the watchdog of a may take 8s"
    );
    cluster.done(outlived(id, 8));
    assert_eq!(
        cluster.state.seen().nodes[&name::<NodeName>("a")].state,
        NodeState::Down
    );
    cluster.grant("b", B1);
}

#[test]
fn waiting_proves_nothing_when_any_member_has_no_armed_watchdog() {
    let mut cluster = Cluster::new();
    arm_all(&mut cluster);
    let id = cluster.fence_a(A1);
    cluster.done(armed("c", C1, None));
    assert_eq!(
        cluster.rejected(outlived(id, 60)),
        "the watchdog of a, or of another member, is not armed"
    );
    // Nor when the lost node has disarmed its own in the meantime.
    cluster.done(armed("c", C1, Some(5)));
    cluster.done(armed("a", A1, None));
    cluster.rejected(outlived(id, 60));
}

#[test]
fn with_a_shorter_lease_each_node_must_tell_its_bound_anew() {
    let mut cluster = Cluster::new();
    arm_all(&mut cluster);
    let mut shorter = spec();
    shorter.cluster.timings.lease = Duration::from_secs(2);
    cluster.done(Command::SetSpec {
        base: 1,
        source: String::new(),
        spec: Box::new(shorter),
        by: name("ann"),
    });
    assert_eq!(watchdog(&cluster, "a"), None);
    cluster.done(armed("a", A1, Some(5)));
    assert_eq!(watchdog(&cluster, "a"), Some(Duration::from_secs(5)));
}

#[test]
fn a_word_about_a_watchdog_that_comes_late_is_void() {
    let mut cluster = Cluster::new();
    let word = |word, bound| Command::WatchdogArmed {
        node: name("a"),
        boot: A1,
        run: 0,
        word,
        bound,
    };
    cluster.done(word(2, None));
    assert_eq!(
        cluster.rejected(word(1, Some(Duration::from_secs(5)))),
        "late: it speaks of word 1 of a about its watchdog, which is over"
    );
    assert_eq!(watchdog(&cluster, "a"), None);
}

#[test]
fn every_node_has_a_place_of_its_own_on_a_disk_and_keeps_it() {
    let mut cluster = Cluster::new();
    let disk = |mark| Command::SetWitness {
        name: name("san"),
        kind: WitnessKind::Disk {
            path: "/dev/san".to_string(),
            mark,
        },
        by: name("ann"),
    };
    let places = |cluster: &Cluster| cluster.state.seen().witnesses[&name("san")].places.clone();
    cluster.done(disk(5));
    let before = places(&cluster);
    let members = cluster.state.seen().nodes.len();
    let distinct: std::collections::BTreeSet<u16> = before.values().copied().collect();
    assert_eq!((before.len(), distinct.len()), (members, members));
    cluster.done(disk(5));
    assert_eq!(places(&cluster), before);
    assert!(cluster.rejected(disk(6)).contains("is another one"));
}
