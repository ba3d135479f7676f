//! Cluster time: it never goes back, and every window follows from it and from nothing else.

mod cluster;

use cluster::*;
use model::*;

fn stamped(cluster: &mut Cluster, clock: u64, at: u64) {
    cluster.index += 1;
    let command = Command::Service {
        service: name("db"),
        order: model::command::ServiceOrder::Freeze,
        by: name("ann"),
    };
    let (at, clock) = (WallTime(at), ClusterTime(clock));
    let stamped = Stamped { at, clock, command };
    cluster.state.apply(cluster.index, &stamped).unwrap();
}

#[test]
fn cluster_time_never_goes_back_and_knows_no_wall_clock() {
    let mut cluster = Cluster::new();
    stamped(&mut cluster, 5_000, 1);
    assert_eq!(cluster.state.clock(), ClusterTime(5_000));
    stamped(&mut cluster, 4_000, u64::MAX);
    assert_eq!(cluster.state.clock(), ClusterTime(5_000));
    stamped(&mut cluster, 5_001, 0);
    assert_eq!(cluster.state.clock(), ClusterTime(5_001));
    let read = state::State::from_snapshot(&cluster.state.to_snapshot()).unwrap();
    assert_eq!(read.clock(), ClusterTime(5_001));
}

#[test]
fn fences_of_the_last_hour_are_counted_in_cluster_time() {
    let mut cluster = Cluster::new();
    for boot in [A1, A2, BootId([9; 16])] {
        cluster.up("a", boot);
        let id = cluster.fence_a(boot);
        cluster.done(confirmed(id, "b", B1));
    }
    let fourth = BootId([10; 16]);
    cluster.up("a", fourth);
    cluster.done(lost("a", fourth));
    let fence = Command::Fence {
        target: name("a"),
        boot: Some(fourth),
        executor: name("b"),
        because: Reason::ShouldRun,
    };
    let text = cluster.rejected(fence.clone());
    assert!(text.contains("3 times within an hour"), "{text}");
    cluster.clock += 3_600_000;
    cluster.done(fence);
}
