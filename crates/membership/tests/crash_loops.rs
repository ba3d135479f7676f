//! Daemons that die again and again on kernels that answer seldom. A failure names its seed,
//! and the seed alone repeats it.

mod cluster;

use std::time::Duration;

use cluster::{Cluster, Life, Refusals};
use membership::{Event, Settings, Voice};
use model::NodeId;

const SEEDS: u64 = 24;

/// Each is down for up to two seconds and up for less than one, drawn.
const CRASHES: usize = 25;

fn is_lost(event: &Event) -> bool {
    matches!(event, Event::Lost { .. })
}

fn after_crashes(seed: u64, count: u64, settings: Settings) -> Cluster {
    let nodes: Vec<_> = (1..=count).map(|id| (NodeId(id), Voice::Voter)).collect();
    let mut cluster = Cluster::new(&nodes, 1 + (seed % 2) as u8, settings, seed * 7919);
    cluster.refusals = Refusals::Rare;
    cluster.run(Duration::from_secs(2));
    for _ in 0..CRASHES {
        cluster.live(NodeId(1), Life::Closed);
        let down = Duration::from_millis(cluster.draw(2000));
        cluster.run(down);
        cluster.start(NodeId(1));
        let up = Duration::from_millis(cluster.draw(800));
        cluster.run(up);
    }
    cluster
}

fn check(seed: u64, count: u64, settings: Settings) {
    let mut cluster = after_crashes(seed, count, settings.clone());
    let lost = cluster.told.iter().find(|told| is_lost(&told.2));
    assert!(lost.is_none(), "seed {seed}: {lost:?}");

    // A machine that dies all the same is found out.
    cluster.live(NodeId(1), Life::Dead);
    let died = cluster.now;
    cluster.told.clear();
    cluster.run(Duration::from_secs(10));
    let lost: Vec<_> = cluster
        .told
        .iter()
        .filter(|told| is_lost(&told.2))
        .collect();
    assert_eq!(lost.len() as u64, count - 1, "seed {seed}: {lost:?}");
    // Each teller may believe the last refusal for as long as it holds.
    let limit = 2 * settings.refusal_hold + settings.lost_after + 4 * settings.heartbeat_interval;
    for (at, by, _) in lost {
        assert!(
            *at <= died + limit,
            "seed {seed}: {by} took {:?}",
            *at - died
        );
    }
}

#[test]
fn a_daemon_that_lives_for_moments_is_never_lost() {
    for seed in 1..=SEEDS {
        let settings = if seed % 4 < 2 {
            Settings::default()
        } else {
            Settings::fast()
        };
        check(seed, 2 + seed % 5, settings);
    }
}

#[test]
fn those_who_do_not_beat_to_it_do_not_lose_it_either() {
    for seed in 1..=3 {
        check(seed, 24, Settings::default());
    }
}
