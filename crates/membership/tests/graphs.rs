//! Drawn networks in which some ways are cut, and large clusters. A failure names its seed.

mod cluster;

use std::collections::BTreeSet;
use std::time::Duration;

use cluster::{Cluster, Life};
use membership::{Condition, Event, Path, Settings, Voice};
use model::NodeId;
use wire::heartbeat::LinkId;

fn met(count: u64, networks: u8, seed: u64) -> Cluster {
    let nodes: Vec<_> = (1..=count).map(|id| (NodeId(id), Voice::Voter)).collect();
    let mut cluster = Cluster::new(&nodes, networks, Settings::default(), seed * 7919);
    cluster.run(Duration::from_secs(2));
    cluster.told.clear();
    cluster
}

fn works(cluster: &Cluster, one: NodeId, other: NodeId) -> bool {
    (0..cluster.links).map(LinkId).any(|link| {
        let is_cut = |way| cluster.cut.contains(&way);
        !is_cut((one, other, link)) && !is_cut((other, one, link))
    })
}

/// Who is joined with `of` by a path of pairs that hear each other.
fn part(cluster: &Cluster, of: NodeId) -> BTreeSet<NodeId> {
    let mut part = BTreeSet::new();
    let mut open = vec![of];
    while let Some(id) = open.pop() {
        if part.insert(id) {
            let others = cluster.nodes.keys().copied();
            open.extend(others.filter(|other| *other != id && works(cluster, id, *other)));
        }
    }
    part
}

fn with(cluster: &Cluster, id: NodeId, conditions: &[Condition]) -> BTreeSet<NodeId> {
    let peers = cluster.peers(id).into_iter();
    peers
        .filter(|peer| conditions.contains(&peer.condition))
        .map(|peer| peer.peer)
        .collect()
}

fn losses(cluster: &Cluster) -> Vec<&(Duration, NodeId, Event)> {
    let told = cluster.told.iter();
    told.filter(|told| matches!(told.2, Event::Lost { .. }))
        .collect()
}

#[test]
fn in_every_network_all_agree_with_the_graph() {
    for seed in 1..=150 {
        let count = 2 + seed % 6;
        let networks = 1 + (seed % 2) as u8;
        let mut cluster = met(count, networks, seed);
        let share = cluster.draw(100);
        for (one, other) in (1..=count).flat_map(|a| (1..=count).map(move |b| (a, b))) {
            for link in (0..networks).map(LinkId) {
                if cluster.draw(100) < share {
                    cluster.cut.insert((NodeId(one), NodeId(other), link));
                }
            }
        }
        cluster.run(Duration::from_secs(4));
        for id in (1..=count).map(NodeId) {
            let part = part(&cluster, id);
            let others: BTreeSet<NodeId> = (1..=count).map(NodeId).collect();
            let outside: BTreeSet<NodeId> = others.difference(&part).copied().collect();
            let inside: BTreeSet<NodeId> = part.iter().copied().filter(|o| *o != id).collect();
            let alive = with(&cluster, id, &[Condition::Alive]);
            let accused = with(&cluster, id, &[Condition::Lost]);
            if count.div_ceil(2) <= part.len() as u64 && (count == 2 || 1 < part.len()) {
                assert_eq!(alive, inside, "seed {seed}: node {id}, alive");
                assert_eq!(accused, outside, "seed {seed}: node {id}, lost");
            } else {
                // One that still seemed to be here may have agreed. It decides nothing.
                assert!(
                    accused.is_subset(&outside),
                    "seed {seed}: {id}: {accused:?}"
                );
            }
            for (peer, path) in cluster.paths(id) {
                let is_reached = path != Path::None;
                assert_eq!(
                    is_reached,
                    part.contains(&peer),
                    "seed {seed}: {id} to {peer}"
                );
                if let Path::Via(via) = path {
                    assert!(works(&cluster, id, via), "seed {seed}: {id} by {via}");
                }
            }
        }
    }
}

#[test]
fn no_link_and_no_direction_that_is_down_loses_anybody() {
    for count in 3..=6 {
        for (one, other) in (1..=count).flat_map(|a| (1..=count).map(move |b| (a, b))) {
            for both in [one, other] {
                let mut cluster = met(count, 1, 1 + one * 7 + other);
                let link = LinkId(0);
                cluster.cut.insert((NodeId(one), NodeId(other), link));
                cluster.cut.insert((NodeId(both), NodeId(one), link));
                cluster.run(Duration::from_secs(3));
                assert!(losses(&cluster).is_empty(), "{count}: {one} {other} {both}");
            }
        }
    }
}

/// A loss in a large cluster: who tells of it, and how long the last one takes.
fn detection(cluster: &mut Cluster, victim: NodeId) -> (usize, Duration) {
    cluster.told.clear();
    cluster.live(victim, Life::Dead);
    let died = cluster.now;
    cluster.run(Duration::from_millis(2500));
    let lost = losses(cluster);
    let wrong = lost
        .iter()
        .find(|told| !matches!(told.2, Event::Lost { peer, .. } if peer == victim));
    assert!(wrong.is_none(), "{wrong:?}");
    let last = lost.iter().map(|told| told.0).max().unwrap_or(died);
    (lost.len(), last - died)
}

#[test]
fn sixty_four_members_all_know_of_a_loss_in_time() {
    let mut cluster = met(64, 1, 3);
    cluster.loss_per_mille = 20;
    cluster.jitter = Duration::from_millis(2);
    cluster.run(Duration::from_millis(500));
    for victim in [64, 17] {
        let (told, took) = detection(&mut cluster, NodeId(victim));
        let others = if victim == 64 { 63 } else { 62 };
        assert_eq!(told, others);
        assert!(took < Duration::from_millis(1400), "{took:?}");
    }
}

#[test]
fn a_large_cluster_with_losses_and_a_stalled_member_accuses_nobody_else() {
    let mut cluster = met(40, 1, 5);
    cluster.loss_per_mille = 20;
    cluster.run(Duration::from_secs(6));
    assert!(losses(&cluster).is_empty(), "{:?}", losses(&cluster));
    cluster.live(NodeId(9), Life::Paused);
    cluster.run(Duration::from_millis(400));
    cluster.resume(NodeId(9));
    cluster.run(Duration::from_secs(3));
    assert!(losses(&cluster).is_empty(), "{:?}", losses(&cluster));
}

#[test]
fn packets_of_one_node_do_not_grow_with_the_cluster() {
    let per_second = |count: u64| {
        let mut cluster = met(count, 1, 1);
        let before = (cluster.packets, cluster.bytes);
        cluster.run(Duration::from_secs(1));
        let of = |after: u64, before: u64| (after - before) / count;
        (of(cluster.packets, before.0), of(cluster.bytes, before.1))
    };
    for (count, most) in [(2, 12), (8, 80), (16, 160), (17, 100), (32, 110), (64, 130)] {
        let (packets, bytes) = per_second(count);
        println!("{{\"nodes\":{count},\"packets\":{packets},\"bytes\":{bytes}}}");
        assert!(packets <= most, "{count}: {packets}");
        assert!(bytes <= most * 1400, "{count}: {bytes}");
    }
}

#[test]
fn a_question_is_answered_once() {
    let mut cluster = met(24, 2, 1);
    let in_a_second = |cluster: &mut Cluster| {
        let before = cluster.packets;
        cluster.run(Duration::from_secs(1));
        cluster.packets - before
    };
    let at_rest = in_a_second(&mut cluster);
    // Awake again, it has heard nothing of anybody for long, and asks all.
    cluster.live(NodeId(9), Life::Paused);
    cluster.run(Duration::from_millis(700));
    cluster.resume(NodeId(9));
    cluster.run(Duration::from_secs(2));
    let afterwards = in_a_second(&mut cluster);
    assert!(
        afterwards <= at_rest + at_rest / 50,
        "{at_rest} packets in a second at rest, {afterwards} afterwards"
    );
}
