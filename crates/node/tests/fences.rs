//! What an executor knows of its target when it begins a fence: its word may be two seconds
//! old at most.

mod cluster;

use std::time::Duration;

use cluster::{Cluster, form};
use model::seen::{FenceStanding, NodeState};
use model::{Command, NodeName, UserName};

const NODES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Whether e is asked to fence d.
fn is_asked(cluster: &Cluster, target: &NodeName) -> bool {
    let fence = cluster.newest().0.seen().fences.get(target);
    fence.is_some_and(|fence| {
        fence.executor == form::name("e") && fence.standing == FenceStanding::Asked
    })
}

/// The power of d fails, and nobody can fence it; then e boots, and is asked to before it has
/// listened for long.
fn a_new_run_is_asked_to_fence() -> Cluster {
    let spec = form::spec(&NODES, &[]);
    let mut cluster = Cluster::new(&NODES, &spec, 1);
    let (target, executor) = (cluster.id("d"), cluster.id("e"));
    cluster.run(form::span("6s"));
    cluster.power_off(executor);
    cluster.run(form::span("4s"));
    cluster.power_off(target);
    for id in [target, executor] {
        cluster.switches.get_mut(&id).unwrap().fails = 1000;
    }
    cluster.run(form::span("4s"));
    cluster.boot(executor);
    for _ in 0..300 {
        cluster.run(form::span("10ms"));
        if is_asked(&cluster, &form::name("d")) {
            return cluster;
        }
    }
    panic!("e is never asked: {:?}", cluster.newest().0.seen().fences);
}

/// A person vouches for d, which is switched on and online long before e goes on. The cluster
/// of these tests checks that nobody shoots it.
#[test]
fn a_new_run_that_stood_still_while_it_listened_asks_again() {
    for after in [0, 100, 500] {
        let mut cluster = a_new_run_is_asked_to_fence();
        cluster.run(Duration::from_millis(after));
        assert!(is_asked(&cluster, &form::name("d")));
        let (target, executor) = (cluster.id("d"), cluster.id("e"));
        // It cannot hear by itself that the target is back.
        cluster.cut.insert((target, executor));
        cluster.pause(executor, form::span("8s"));
        cluster.run(form::span("1s"));
        let by = UserName::new("ann").unwrap();
        let command = Command::ConfirmFence {
            target: form::name("d"),
            by,
        };
        cluster.request(cluster.id("a"), command);
        cluster.run(form::span("100ms"));
        cluster.boot(target);
        cluster.run(form::span("6s"));
        let seen = &cluster.newest().0.seen().nodes[&form::name::<NodeName>("d")];
        let is_online = matches!(seen.state, NodeState::Online { .. });
        assert!(is_online, "{:?}", seen.state);
        cluster.run(form::span("6s"));
    }
}
