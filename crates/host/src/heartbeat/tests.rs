//! Real threads and real packets, on addresses of the loopback device.

use std::net::UdpSocket;
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant as Deadline;

use membership::{Condition, LinkCondition};
use model::BootId;
use wire::heartbeat::{Incarnation, RunId};
use wire::seal::cluster_tag;

use super::*;

/// Longer than any step here takes on a busy machine; a test that waits this long failed.
const PATIENCE: Duration = Duration::from_secs(20);

const KEY: ClusterKey = ClusterKey([42; 32]);

/// Where the nodes of one test receive: `addresses[node - 1][link]`.
type Addresses = Vec<Vec<SocketAddr>>;

struct Daemon {
    handle: Handle,
    events: Receiver<Event>,
}

/// Addresses with ports that were free a moment ago.
fn addresses(nodes: u8, links: u8) -> Addresses {
    let free = |node: u8, link: u8| {
        let socket = UdpSocket::bind(SocketAddr::from(([127, 0, 10 + link, node], 0))).unwrap();
        socket.local_addr().unwrap()
    };
    (1..=nodes)
        .map(|node| (0..links).map(|link| free(node, link)).collect())
        .collect()
}

/// Frequent heartbeats, and patience with a machine that is busy with other tests.
fn settings() -> Settings {
    let [interval, suspect, lost] = [20, 400, 800].map(Duration::from_millis);
    Settings::new(interval, suspect, lost)
}

fn config(node: u64, start: u64, all: &Addresses) -> HeartbeatConfig {
    let me = Origin {
        node: NodeId(node),
        boot: BootId([node as u8; 16]),
        incarnation: Incarnation(start),
        run: RunId(start),
    };
    let mine = &all[node as usize - 1];
    let links = mine.iter().enumerate().map(|(link, bind)| LocalLink {
        link: LinkId(link as u8),
        network: NetworkName::new(format!("net{link}")).unwrap(),
        bind: *bind,
        card: None,
    });
    let others = (1..=all.len() as u64).filter(|other| *other != node);
    let peers = others.map(|other| PeerEndpoints {
        id: NodeId(other),
        voice: Voice::Voter,
        addresses: (0..)
            .map(LinkId)
            .zip(all[other as usize - 1].iter().copied())
            .collect(),
    });
    HeartbeatConfig {
        me,
        voice: Voice::Voter,
        cluster: cluster_tag("test", &KEY),
        key: KEY,
        settings: settings(),
        links: links.collect(),
        peers: peers.collect(),
        scheduling: Scheduling::Ordinary,
        memory: Memory::Pageable,
    }
}

fn start(config: HeartbeatConfig) -> Daemon {
    let (told, events) = channel();
    let handle = spawn(
        config,
        Box::new(move |event| {
            let _ = told.send(event);
        }),
    );
    Daemon {
        handle: handle.unwrap(),
        events,
    }
}

impl Daemon {
    /// Waits for the event that `wanted` accepts and gives all that came until then.
    fn wait_for(&self, what: &str, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
        let end = Deadline::now() + PATIENCE;
        let mut seen = Vec::new();
        loop {
            let left = end.saturating_duration_since(Deadline::now());
            match self.events.recv_timeout(left) {
                Ok(event) => {
                    let found = wanted(&event);
                    seen.push(event);
                    if found {
                        return seen;
                    }
                }
                Err(_) => panic!("{what} did not come; this did: {seen:#?}"),
            }
        }
    }

    fn wait_alive(&self, node: u64) {
        self.wait_for(
            "a sign of life",
            |event| matches!(event, Event::Alive { peer, .. } if *peer == NodeId(node)),
        );
    }

    fn wait_snapshot(&self, what: &str, wanted: impl Fn(&Snapshot) -> bool) -> Snapshot {
        let end = Deadline::now() + PATIENCE;
        loop {
            let snapshot = self.handle.snapshot();
            if wanted(&snapshot) {
                return snapshot;
            }
            assert!(
                Deadline::now() < end,
                "{what} did not come; this is: {snapshot:#?}"
            );
            std::thread::yield_now();
        }
    }
}

#[test]
fn three_nodes_hear_each_other_over_two_networks() {
    let all = addresses(3, 2);
    let daemons: Vec<Daemon> = (1..=3).map(|node| start(config(node, 1, &all))).collect();
    for daemon in &daemons {
        let snapshot = daemon.wait_snapshot("four measured links", |snapshot| {
            let good = |link: &&LinkStatus| {
                link.condition == LinkCondition::Up && link.round_trip.is_some()
            };
            snapshot.links.iter().filter(good).count() == 4
        });
        assert!(
            snapshot
                .peers
                .iter()
                .all(|peer| peer.condition == Condition::Alive)
        );
        assert_eq!(snapshot.traffic.forged, 0);
    }
}

#[test]
fn a_closed_daemon_is_refused_by_its_kernel_and_welcomed_back() {
    let all = addresses(2, 1);
    let (a, b) = (start(config(1, 1, &all)), start(config(2, 1, &all)));
    a.wait_alive(2);
    b.handle.shutdown();
    let seen = a.wait_for("daemon down", |event| {
        matches!(event, Event::DaemonDown { .. })
    });
    assert!(
        !seen.iter().any(|event| matches!(event, Event::Lost { .. })),
        "{seen:?}"
    );
    assert!(2 <= a.handle.snapshot().traffic.refused);
    let _b = start(config(2, 2, &all));
    a.wait_for("the second start", |event| {
        matches!(
            event,
            Event::Alive {
                incarnation: Incarnation(2),
                ..
            }
        )
    });
}

#[test]
fn a_silent_node_is_lost() {
    let all = addresses(2, 1);
    let (a, b) = (start(config(1, 1, &all)), start(config(2, 1, &all)));
    a.wait_alive(2);
    // The port stays bound, so the kernel refuses nothing: this is what a dead machine is like.
    b.handle.update_peers(Voice::Voter, vec![]);
    let seen = a.wait_for("the loss", |event| matches!(event, Event::Lost { .. }));
    let suspected = seen
        .iter()
        .any(|event| matches!(event, Event::Suspected { .. }));
    assert!(suspected, "{seen:?}");
}

#[test]
fn a_clean_stop_is_announced() {
    let all = addresses(2, 1);
    let (a, b) = (start(config(1, 1, &all)), start(config(2, 1, &all)));
    a.wait_alive(2);
    b.wait_alive(1);
    b.handle.leave();
    b.handle.shutdown();
    a.wait_for("the announcement", |event| {
        matches!(event, Event::Leaving { .. })
    });
}

#[test]
fn garbage_and_recorded_packets_count_for_nothing() {
    let mut all = addresses(2, 1);
    let a_at = all[0][0];
    // What node 1 sends to node 2 passes through the hands of a listener, who keeps it.
    let listener = UdpSocket::bind(SocketAddr::from(([127, 0, 10, 99], 0))).unwrap();
    listener.set_read_timeout(Some(PATIENCE)).unwrap();
    let b_at = std::mem::replace(&mut all[1][0], listener.local_addr().unwrap());
    let a = start(config(1, 1, &all));
    all[1][0] = b_at;
    let b = start(config(2, 1, &all));
    let mut packet = [0; 2000];
    let mut pass_on = || {
        let length = listener.recv(&mut packet).unwrap();
        listener.send_to(&packet[..length], b_at).unwrap();
        packet[..length].to_vec()
    };
    let all_came = |count: u64| {
        let came = |traffic: Traffic| traffic.accepted + traffic.rejected;
        b.wait_snapshot("all packets", |snapshot| came(snapshot.traffic) == count)
            .traffic
    };
    // What comes before its socket is open does not arrive; what it sends shows that it is.
    b.wait_snapshot("the socket of node 2", |snapshot| 0 < snapshot.traffic.sent);
    // The first packets only prove that both ends answer each other.
    let mut passed = 0;
    while passed == 0 || all_came(passed).accepted == 0 {
        assert!(passed < 1000, "node 2 takes no packet of node 1");
        pass_on();
        passed += 1;
    }
    let recorded: Vec<_> = (0..10).map(|_| pass_on()).collect();
    let before = all_came(passed + 10);
    for packet in &recorded {
        listener.send_to(packet, b_at).unwrap();
        let mut altered = packet.clone();
        altered[80] ^= 1;
        listener.send_to(&altered, b_at).unwrap();
        listener.send_to(&packet[..50], b_at).unwrap();
    }
    let after = b.wait_snapshot("all that was sent", |snapshot| {
        before.forged + 20 == snapshot.traffic.forged
            && before.rejected + 10 == snapshot.traffic.rejected
    });
    assert_eq!(
        after.traffic.accepted, before.accepted,
        "a recorded packet was counted"
    );
    assert!(
        a.handle.snapshot().traffic.accepted > 0,
        "{a_at} heard nothing"
    );
}

#[test]
fn an_address_that_does_not_exist_is_waited_for() {
    let all = addresses(2, 2);
    let mut lame = config(1, 1, &all);
    // TEST-NET-1: no machine has it.
    lame.links[1].bind = ([192, 0, 2, 1], 1).into();
    let (a, _b) = (start(lame.clone()), start(config(2, 1, &all)));
    a.wait_alive(2);
    a.wait_for("the missing network", |event| {
        matches!(
            event,
            Event::LinkDown {
                link: LinkId(1),
                ..
            }
        )
    });
    lame.links[1].bind = all[0][1];
    a.handle.update_links(lame.links);
    a.wait_for("the network", |event| {
        matches!(
            event,
            Event::LinkUp {
                link: LinkId(1),
                ..
            }
        )
    });
}

#[test]
fn what_was_published_arrives() {
    let all = addresses(2, 1);
    let (a, b) = (start(config(1, 1, &all)), start(config(2, 1, &all)));
    let lease_until = crate::clock::now() + Duration::from_secs(3600);
    let published = Published {
        epoch: model::Epoch(7),
        applied: 99,
        lease_until,
        ..Published::default()
    };
    b.handle.publish(published);
    let snapshot = a.wait_snapshot("the view of node 2", |snapshot| {
        snapshot
            .peers
            .iter()
            .any(|peer| peer.epoch == model::Epoch(7))
    });
    assert_eq!(snapshot.peers[0].applied, 99);
    assert!(Duration::from_secs(3000) < snapshot.peers[0].lease);
}
