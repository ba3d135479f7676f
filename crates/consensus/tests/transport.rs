//! Real connections on loopback: who may speak, what happens when a network or a key is
//! bad, and how a machine joins.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use consensus::join::Refusal;
use consensus::transport::LinkState;
use consensus::{
    ClusterId, ClusterKey, Incoming, JoinError, JoinReply, JoinRequest, NodeKey, PeerInfo,
    PeerMessage, Token, TokenError, Transport, TransportConfig, join,
};
use model::{BootId, Lineage, NodeId, NodeName, WallTime};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// Everything on loopback is done well within this.
const PATIENCE: Duration = Duration::from_secs(10);

const CLUSTER: ClusterId = ClusterId([5; 16]);

/// A port that nobody uses, the same on both networks of the tests.
fn free_port() -> u16 {
    let probe = std::net::TcpListener::bind((Ipv4Addr::new(127, 0, 0, 1), 0)).unwrap();
    probe.local_addr().unwrap().port()
}

struct Node {
    info: PeerInfo,
    key: NodeKey,
    transport: Transport,
    incoming: mpsc::Receiver<Incoming>,
}

fn node_of(id: u64, cluster_id: ClusterId) -> Node {
    let key = NodeKey::generate().unwrap();
    let port = free_port();
    let networks = [Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(127, 0, 0, 2)];
    let addresses: Vec<SocketAddr> = networks.map(|ip| (ip, port).into()).to_vec();
    let (sender, incoming) = mpsc::channel(1000);
    let config = TransportConfig {
        me: NodeId(id),
        key: key.clone(),
        cluster_id,
        boot: BootId([id as u8; 16]),
        incarnation: 1,
        listen: addresses.clone(),
    };
    let transport = Transport::start(config, sender).unwrap();
    let info = PeerInfo {
        id: NodeId(id),
        key: key.public(),
        addresses,
    };
    Node {
        info,
        key,
        transport,
        incoming,
    }
}

fn node(id: u64) -> Node {
    node_of(id, CLUSTER)
}

fn introduce(nodes: &[&Node]) {
    let peers: Vec<_> = nodes.iter().map(|node| node.info.clone()).collect();
    for node in nodes {
        node.transport.set_peers(peers.clone()).unwrap();
    }
}

fn proposal(request: u64) -> PeerMessage {
    PeerMessage::Proposal {
        request,
        command: b"{}".to_vec(),
    }
}

impl Node {
    async fn next(&mut self) -> Incoming {
        timeout(PATIENCE, self.incoming.recv())
            .await
            .expect("nothing came")
            .unwrap()
    }

    async fn next_message(&mut self) -> (NodeId, PeerMessage) {
        loop {
            if let Incoming::Message { from, message } = self.next().await {
                return (from, message);
            }
        }
    }

    async fn wait_connected(&mut self, links: usize) {
        for _ in 0..links {
            while !matches!(self.next().await, Incoming::Connected { .. }) {}
        }
    }
}

#[tokio::test]
async fn three_nodes_speak_with_each_other() {
    let mut nodes = [node(1), node(2), node(3)];
    introduce(&nodes.iter().collect::<Vec<_>>());
    for from in 0..3 {
        for to in 0..3 {
            if from == to {
                continue;
            }
            let (sender, receiver) = (nodes[from].info.id, nodes[to].info.id);
            nodes[from].transport.send(receiver, proposal(7));
            assert_eq!(nodes[to].next_message().await, (sender, proposal(7)));
        }
    }
}

#[tokio::test]
async fn large_messages_arrive_whole_and_in_order() {
    let (a, mut b) = (node(1), node(2));
    introduce(&[&a, &b]);
    for number in 0..5 {
        a.transport
            .send(NodeId(2), PeerMessage::Raft(vec![number; 1_000_000]));
    }
    for number in 0..5 {
        assert_eq!(
            b.next_message().await.1,
            PeerMessage::Raft(vec![number; 1_000_000])
        );
    }
}

#[tokio::test]
async fn a_node_that_is_no_member_is_not_heard() {
    let (mut member, stranger) = (node(1), node(2));
    stranger
        .transport
        .set_peers(vec![member.info.clone()])
        .unwrap();
    stranger.transport.send(NodeId(1), proposal(1));
    let mut third = node(3);
    introduce(&[&member, &third]);
    // The third is a member and is heard, long after the stranger began to try.
    third.wait_connected(2).await;
    third.transport.send(NodeId(1), proposal(3));
    assert_eq!(member.next_message().await, (NodeId(3), proposal(3)));
    let up = stranger.transport.status();
    assert!(
        up.iter().all(|link| link.state == LinkState::Down),
        "{up:?}"
    );
}

#[tokio::test]
async fn a_node_with_another_key_than_the_members_is_not_spoken_to() {
    let (mut a, mut b) = (node(1), node(2));
    let mut wrong = b.info.clone();
    wrong.key = NodeKey::generate().unwrap().public();
    a.transport.set_peers(vec![wrong]).unwrap();
    b.transport.set_peers(vec![a.info.clone()]).unwrap();
    a.transport.send(NodeId(2), proposal(1));
    b.transport.send(NodeId(1), proposal(2));
    // Neither direction comes up; with the right key both do, and only then things arrive.
    a.transport.set_peers(vec![b.info.clone()]).unwrap();
    let before = Instant::now();
    a.wait_connected(2).await;
    assert_eq!(a.next_message().await, (NodeId(2), proposal(2)));
    assert_eq!(b.next_message().await, (NodeId(1), proposal(1)));
    assert!(before.elapsed() < PATIENCE);
}

#[tokio::test]
async fn a_node_of_another_cluster_is_refused() {
    let other = ClusterId([6; 16]);
    let (a, mut stranger, friend) = (node(1), node_of(2, other), node_of(3, other));
    introduce(&[&a, &stranger, &friend]);
    // All links begin at the same time; those to the friend come up.
    stranger.wait_connected(2).await;
    for link in stranger.transport.status() {
        assert_eq!(
            link.peer == NodeId(1),
            link.state == LinkState::Down,
            "{link:?}"
        );
    }
    assert!(
        a.transport
            .status()
            .iter()
            .all(|link| link.state == LinkState::Down)
    );
}

#[tokio::test]
async fn a_removed_member_is_cut_off_at_once() {
    let (mut a, mut b) = (node(1), node(2));
    introduce(&[&a, &b]);
    a.wait_connected(2).await;
    b.wait_connected(2).await;
    a.transport.set_peers(Vec::new()).unwrap();
    let begun = Instant::now();
    for _ in 0..2 {
        while !matches!(b.next().await, Incoming::Disconnected { .. }) {}
    }
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn when_one_network_is_closed_messages_go_over_the_other_within_half_a_second() {
    let (mut a, mut b) = (node(1), node(2));
    introduce(&[&a, &b]);
    a.wait_connected(2).await;
    a.transport.send(NodeId(2), proposal(0));
    assert_eq!(b.next_message().await.1, proposal(0));
    b.transport.set_listen(&b.info.addresses[1..]);
    let begun = Instant::now();
    // What is sent first may be lost in the closed connection, as on any network.
    let mut request = 1;
    loop {
        a.transport.send(NodeId(2), proposal(request));
        request += 1;
        if timeout(Duration::from_millis(20), b.next_message())
            .await
            .is_ok()
        {
            break;
        }
        assert!(
            begun.elapsed() < Duration::from_millis(800),
            "{:?}",
            begun.elapsed()
        );
    }
}

/// Passes bytes on from one port to another, until it is frozen: then it keeps its
/// connections and takes nothing more, like a network that swallows all packets.
async fn proxy(listener: tokio::net::TcpListener, to: SocketAddr, frozen: watch::Receiver<bool>) {
    loop {
        let (from, _) = listener.accept().await.unwrap();
        let mut frozen = frozen.clone();
        tokio::spawn(async move {
            let mut from = from;
            let mut to = tokio::net::TcpStream::connect(to).await.unwrap();
            let until_frozen = async {
                frozen.wait_for(|it| *it).await.unwrap();
            };
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut from, &mut to) => return,
                () = until_frozen => {}
            }
            // Keeps both sockets open for as long as the test runs.
            std::future::pending::<()>().await;
        });
    }
}

#[tokio::test]
async fn when_one_network_swallows_all_messages_go_over_the_other_within_half_a_second() {
    let (mut a, mut b) = (node(1), node(2));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap();
    let through = listener.local_addr().unwrap();
    let (freeze, frozen) = watch::channel(false);
    tokio::spawn(proxy(listener, b.info.addresses[0], frozen));
    let mut behind = b.info.clone();
    behind.addresses[0] = through;
    a.transport.set_peers(vec![behind]).unwrap();
    b.transport.set_peers(vec![a.info.clone()]).unwrap();
    a.wait_connected(2).await;
    a.transport.send(NodeId(2), proposal(0));
    assert_eq!(b.next_message().await.1, proposal(0));
    let links = a.transport.status();
    assert!(
        matches!(links[0].state, LinkState::InUse { .. }),
        "{links:?}"
    );

    freeze.send_replace(true);
    let begun = Instant::now();
    let mut request = 1;
    loop {
        a.transport.send(NodeId(2), proposal(request));
        request += 1;
        if timeout(Duration::from_millis(20), b.next_message())
            .await
            .is_ok()
        {
            break;
        }
        assert!(
            begun.elapsed() < Duration::from_millis(800),
            "{:?}",
            begun.elapsed()
        );
    }
}

#[tokio::test]
async fn a_link_that_heartbeats_call_silent_is_left_at_once_and_used_again_later() {
    let (mut a, mut b) = (node(1), node(2));
    introduce(&[&a, &b]);
    a.wait_connected(2).await;
    let in_use = |node: &Node| {
        let links = node.transport.status();
        links
            .iter()
            .position(|link| matches!(link.state, LinkState::InUse { .. }))
    };
    assert_eq!(in_use(&a), Some(0));
    a.transport.link_down(NodeId(2), b.info.addresses[0]);
    assert_eq!(in_use(&a), Some(1));
    a.transport.send(NodeId(2), proposal(4));
    assert_eq!(b.next_message().await.1, proposal(4));
    // It answers the ping that follows, so it is good again.
    let back = async {
        while in_use(&a) != Some(0) {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, back)
        .await
        .expect("the first link is used again");
}

#[tokio::test]
async fn a_restarted_peer_is_connected_again_soon_after_it_is_heard() {
    let (mut a, b) = (node(1), node(2));
    introduce(&[&a, &b]);
    a.wait_connected(2).await;
    let Node {
        info,
        key,
        transport,
        ..
    } = b;
    transport.shutdown();
    for _ in 0..2 {
        while !matches!(a.next().await, Incoming::Disconnected { .. }) {}
    }
    let (sender, incoming) = mpsc::channel(1000);
    let config = TransportConfig {
        me: info.id,
        key: key.clone(),
        cluster_id: CLUSTER,
        boot: BootId([9; 16]),
        incarnation: 2,
        listen: info.addresses.clone(),
    };
    let transport = Transport::start(config, sender).unwrap();
    let mut b = Node {
        info,
        key,
        transport,
        incoming,
    };
    introduce(&[&a, &b]);
    a.transport.peer_alive(NodeId(2));
    loop {
        if let Incoming::Connected { hello, .. } = a.next().await {
            assert_eq!((hello.incarnation, hello.boot), (2, BootId([9; 16])));
            break;
        }
    }
    a.transport.send(NodeId(2), proposal(1));
    assert_eq!(b.next_message().await.1, proposal(1));
}

#[tokio::test]
async fn garbage_closes_its_own_connection_and_no_other() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (mut a, mut b) = (node(1), node(2));
    introduce(&[&a, &b]);
    a.wait_connected(2).await;
    // Bytes that are not TLS.
    let mut raw = tokio::net::TcpStream::connect(b.info.addresses[0])
        .await
        .unwrap();
    raw.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut rest = Vec::new();
    let ended = timeout(PATIENCE, raw.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection stays open");
    // A member that sends a frame which is no envelope, and one that announces too much.
    let accept = consensus::tls::Accept::Key(b.info.key);
    let config = consensus::tls::client_config(&a.key, accept, consensus::tls::ALPN_PEER).unwrap();
    for garbage in [&[0, 0, 0, 3, 0xff, 0xff, 0xff][..], &[0xff; 4][..]] {
        let raw = tokio::net::TcpStream::connect(b.info.addresses[0])
            .await
            .unwrap();
        let connector = tokio_rustls::TlsConnector::from(config.clone());
        let mut stream = connector
            .connect(consensus::tls::server_name(), raw)
            .await
            .unwrap();
        stream.write_all(garbage).await.unwrap();
        let ended = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "the connection stays open");
    }
    a.transport.send(NodeId(2), proposal(1));
    assert_eq!(b.next_message().await.1, proposal(1));
}

// ---- join ----

fn far_future() -> WallTime {
    WallTime(u64::MAX / 2)
}

fn request(key: &NodeKey) -> JoinRequest {
    JoinRequest {
        name: NodeName::new("delta").unwrap(),
        key: key.public(),
        boot: BootId([4; 16]),
        attachments: BTreeMap::new(),
        feature_level: model::level::LEVEL,
    }
}

fn reply_for(request: &JoinRequest) -> JoinReply {
    JoinReply {
        id: NodeId(4),
        cluster: "shop".to_owned(),
        cluster_id: CLUSTER,
        lineage: Lineage {
            generation: 1,
            maker: NodeId(1),
            random: 9,
        },
        cluster_key: ClusterKey([3; 32]),
        members: vec![consensus::join::JoinedMember {
            id: NodeId(4),
            name: request.name.clone(),
            key: request.key,
            addresses: Vec::new(),
        }],
        spec_source: "[cluster]".to_owned(),
    }
}

/// Answers joins as a control loop does: each token once.
async fn answer_joins(mut incoming: mpsc::Receiver<Incoming>, good: String) {
    let mut unused = Some(good);
    while let Some(incoming) = incoming.recv().await {
        let Incoming::Join {
            request,
            token_digest,
            reply,
        } = incoming
        else {
            continue;
        };
        let answer = if unused.take_if(|digest| *digest == token_digest).is_some() {
            Ok(reply_for(&request))
        } else {
            Err(Refusal::BadToken)
        };
        reply.send(answer).unwrap();
    }
}

#[tokio::test]
async fn a_token_lets_one_machine_in_once() {
    let Node {
        info,
        transport: _transport,
        incoming,
        key,
        ..
    } = node(1);
    // The first address of the token leads nowhere.
    let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let addresses = vec![nowhere, info.addresses[1]];
    let token = Token::generate(addresses, key.fingerprint(), far_future()).unwrap();
    tokio::spawn(answer_joins(incoming, token.digest()));
    let (mine, another) = (NodeKey::generate().unwrap(), NodeKey::generate().unwrap());

    let mut guessed = token.clone();
    guessed.secret = [0; 16];
    let refused = join(&guessed, &mine, request(&mine)).await;
    assert!(
        matches!(refused, Err(JoinError::Refused(Refusal::BadToken))),
        "{refused:?}"
    );

    let reply = join(&token, &mine, request(&mine)).await.unwrap();
    assert_eq!(reply, reply_for(&request(&mine)));

    let reused = join(&token, &another, request(&another)).await;
    assert!(
        matches!(reused, Err(JoinError::Refused(Refusal::BadToken))),
        "{reused:?}"
    );
}

#[tokio::test]
async fn a_joiner_speaks_only_to_the_key_that_its_token_names() {
    let Node {
        info,
        transport: _transport,
        incoming,
        ..
    } = node(1);
    let other = NodeKey::generate().unwrap().fingerprint();
    let token = Token::generate(info.addresses, other, far_future()).unwrap();
    tokio::spawn(answer_joins(incoming, token.digest()));
    let mine = NodeKey::generate().unwrap();
    let outcome = join(&token, &mine, request(&mine)).await;
    let Err(JoinError::Unreachable { attempts }) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(attempts.len(), 2);
}

#[tokio::test]
async fn an_expired_token_is_told_before_anybody_is_asked() {
    let mine = NodeKey::generate().unwrap();
    let nowhere = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()))];
    let token = Token::generate(nowhere, mine.fingerprint(), WallTime(1)).unwrap();
    let outcome = join(&token, &mine, request(&mine)).await;
    assert!(
        matches!(outcome, Err(JoinError::Token(TokenError::Expired(_)))),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_joiner_that_names_another_key_than_it_has_is_refused() {
    let Node {
        info,
        transport: _transport,
        incoming,
        key,
        ..
    } = node(1);
    let token = Token::generate(info.addresses, key.fingerprint(), far_future()).unwrap();
    tokio::spawn(answer_joins(incoming, token.digest()));
    let (mine, another) = (NodeKey::generate().unwrap(), NodeKey::generate().unwrap());
    let outcome = join(&token, &mine, request(&another)).await;
    assert!(
        matches!(outcome, Err(JoinError::Refused(Refusal::BadRequest(_)))),
        "{outcome:?}"
    );
}
