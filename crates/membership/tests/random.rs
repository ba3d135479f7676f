//! Many clusters with drawn troubles. A failure names its seed, and the seed alone repeats it.

mod cluster;

use std::time::Duration;

use cluster::{Cluster, Life};
use membership::{Event, Settings, Voice};
use model::NodeId;
use wire::heartbeat::LinkId;

const SEEDS: u64 = 60;

fn voters(count: u64) -> Vec<(NodeId, Voice)> {
    (1..=count).map(|id| (NodeId(id), Voice::Voter)).collect()
}

/// A cluster whose nodes started at drawn moments and have met.
fn met(seed: u64, count: u64, settings: Settings) -> Cluster {
    let mut cluster = Cluster::new(&voters(count), 2, settings, seed * 7919);
    for id in (1..=count).map(NodeId) {
        cluster.live(id, Life::Dead);
    }
    for id in (1..=count).map(NodeId) {
        let gap = Duration::from_micros(cluster.draw(100_000));
        cluster.run(gap);
        cluster.boot(id);
    }
    cluster.run(Duration::from_secs(2));
    cluster.told.clear();
    cluster
}

/// One trouble that a healthy cluster must bear, and its end.
fn trouble(cluster: &mut Cluster, count: u64) {
    let id = NodeId(1 + cluster.draw(count));
    let other = NodeId(1 + cluster.draw(count));
    let link = LinkId(cluster.draw(2) as u8);
    match cluster.draw(5) {
        0 => cluster.loss_per_mille = cluster.draw(200),
        1 => cluster.jitter = Duration::from_millis(cluster.draw(100)),
        2 => {
            cluster.live(id, Life::Paused);
            let pause = Duration::from_millis(cluster.draw(250));
            cluster.run(pause);
            cluster.resume(id);
        }
        3 => {
            // One network at most is cut at any time.
            cluster.cut.clear();
            cluster.cut.insert((id, other, link));
        }
        _ => cluster.cut.clear(),
    }
    let span = Duration::from_millis(cluster.draw(3000));
    cluster.run(span);
}

#[test]
fn troubles_below_the_thresholds_lose_nobody() {
    for seed in 1..=SEEDS {
        let count = 2 + seed % 4;
        let mut cluster = met(seed, count, Settings::default());
        for _ in 0..20 {
            trouble(&mut cluster, count);
        }
        let lost = cluster
            .told
            .iter()
            .find(|told| matches!(told.2, Event::Lost { .. }));
        assert!(lost.is_none(), "seed {seed}: {lost:?}");
    }
}

#[test]
fn every_survivor_declares_the_loss_within_one_interval_after_the_limit() {
    for seed in 1..=SEEDS {
        let count = 2 + seed % 5;
        let settings = if seed % 2 == 0 {
            Settings::default()
        } else {
            Settings::fast()
        };
        let limit = settings.lost_after + settings.heartbeat_interval;
        let mut cluster = met(seed, count, settings);
        let victim = NodeId(1 + cluster.draw(count));
        let wait = Duration::from_micros(cluster.draw(300_000));
        cluster.run(wait);
        cluster.live(victim, Life::Dead);
        let died = cluster.now;
        cluster.run(Duration::from_secs(5));
        let mut lost_by = Vec::new();
        for (at, by, event) in &cluster.told {
            let Event::Lost { peer, .. } = event else {
                continue;
            };
            assert_eq!(
                *peer, victim,
                "seed {seed}: a living node was declared lost by {by}"
            );
            assert!(
                *at <= died + limit,
                "seed {seed}: {by} took {:?}",
                *at - died
            );
            lost_by.push(*by);
        }
        assert_eq!(
            lost_by.len() as u64,
            count - 1,
            "seed {seed}: declared by {lost_by:?}"
        );
    }
}

#[test]
fn recordings_played_at_any_time_count_for_nothing() {
    for seed in 1..=SEEDS {
        let mut cluster = met(seed, 3, Settings::default());
        let victim = NodeId(1 + cluster.draw(3));
        cluster.live(victim, Life::Dead);
        cluster.run(cluster::LATENCY);
        let before = cluster.rejected;
        for _ in 0..20 {
            cluster.replay(victim);
            let span = Duration::from_millis(cluster.draw(100));
            cluster.run(span);
        }
        cluster.run(Duration::from_secs(2));
        assert!(before < cluster.rejected, "seed {seed}: nothing was played");
        let of_victim = |told: &&(_, _, Event)| matches!(told.2, Event::Lost { .. });
        assert_eq!(
            cluster.told.iter().filter(of_victim).count(),
            2,
            "seed {seed}"
        );
    }
}

#[test]
fn a_cluster_of_sixty_four_finds_its_loss_in_time() {
    let mut cluster = Cluster::new(&voters(64), 2, Settings::default(), 1);
    cluster.run(Duration::from_millis(300));
    cluster.live(NodeId(64), Life::Dead);
    cluster.run(Duration::from_millis(950));
    let lost = cluster
        .told
        .iter()
        .filter(|told| matches!(told.2, Event::Lost { .. }))
        .count();
    assert_eq!(lost, 63);
}

#[test]
fn loss_and_round_trip_of_a_link_are_shown() {
    let mut cluster = met(3, 2, Settings::default());
    assert!(
        cluster
            .links(NodeId(1))
            .iter()
            .all(|link| link.loss_percent == 0.0)
    );
    cluster.loss_per_mille = 200;
    cluster.run(Duration::from_secs(60));
    for link in cluster.links(NodeId(1)) {
        assert!(
            5.0 < link.loss_percent && link.loss_percent < 40.0,
            "{link:?}"
        );
        assert_eq!(link.round_trip, Some(2 * cluster::LATENCY), "{link:?}");
    }
}
