//! A witness with real sockets and a real disk: taken in by token, pinged, asked, killed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use consensus::keys::{ClusterKey, NodeKey};
use consensus::token::Token;
use consensus::witness::client::dismiss;
use consensus::witness::register::Registrant;
use consensus::witness::{
    LinkView, Notice, RegisterError, Server, Settings, Store, Told, WitnessLink, WitnessPeer,
    WitnessToken, register,
};
use model::{BootId, Lineage, NodeId, WallTime, WitnessId};
use quorum::arbiter::{Answer as Word, Ask};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wire::heartbeat::{Incarnation, Origin, RunId};
use wire::peer::ClusterId;
use wire::witness::seal::{NodeSeal, WitnessKey};
use wire::witness::{ANSWER_BYTES, Mark, REQUEST_BYTES_MIN, Request, Verdict, Want};

/// Nothing here takes long; a machine that is busy with other tests may be slow.
const LIMIT: Duration = Duration::from_secs(20);

const LINEAGE: Lineage = Lineage {
    generation: 1,
    maker: NodeId(1),
    random: 7,
};

struct Witness {
    dir: tempfile::TempDir,
    address: SocketAddr,
    running: Option<JoinHandle<()>>,
}

impl Witness {
    async fn start() -> Self {
        let mut witness = Self {
            dir: tempfile::tempdir().unwrap(),
            address: "127.0.0.1:0".parse().unwrap(),
            running: None,
        };
        witness.restart().await;
        witness
    }

    async fn restart(&mut self) {
        let settings = Settings {
            dir: self.dir.path().to_owned(),
            listen: self.address,
            boot: BootId([9; 16]),
        };
        let server = Server::open(settings).await.unwrap();
        self.address = server.address();
        self.running = Some(tokio::spawn(async move {
            server.run(std::future::pending()).await.unwrap();
        }));
    }

    /// Its process ends in the middle of whatever it does.
    async fn kill(&mut self) {
        let running = self.running.take().unwrap();
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
    }

    fn token(&self) -> WitnessToken {
        let store = Store::open(self.dir.path()).unwrap();
        let fingerprint = store.key().unwrap().fingerprint();
        let until = WallTime(u64::MAX);
        let token = Token::generate(vec![self.address], fingerprint, until).unwrap();
        store.add_token(&WitnessToken(token.clone())).unwrap();
        WitnessToken(token)
    }

    fn grants(&self, cluster: &Cluster) -> usize {
        let store = Store::open(self.dir.path()).unwrap();
        store.read(cluster.id).unwrap().record.grants.len()
    }
}

struct Cluster {
    id: ClusterId,
    key: ClusterKey,
    witness: [u8; 32],
}

impl Cluster {
    fn new(number: u8) -> Self {
        Self {
            id: ClusterId([number; 16]),
            key: ClusterKey([number; 32]),
            witness: [0; 32],
        }
    }

    async fn register(&mut self, token: &WitnessToken) -> Result<(), RegisterError> {
        let who = Registrant {
            key: &NodeKey::generate().unwrap(),
            name: "shop",
            cluster: self.id,
            cluster_key: &self.key,
        };
        let (_, reply) = register(token, who).await?;
        self.witness = reply.key;
        assert_eq!(reply.boot, BootId([9; 16]));
        Ok(())
    }

    fn witness_key(&self) -> WitnessKey {
        WitnessKey::derive(&self.key.for_seal(), self.id, &self.witness)
    }

    fn peer(&self, number: u64, witness: &Witness) -> WitnessPeer {
        WitnessPeer {
            id: WitnessId(1),
            address: witness.address,
            key: self.witness_key(),
            cluster: self.id,
            me: origin(number),
        }
    }

    fn node(&self, number: u64, witness: &Witness) -> Node {
        let (tell, notices) = mpsc::unbounded_channel();
        let peer = self.peer(number, witness);
        let link = WitnessLink::start(peer, move |notice| {
            let _ = tell.send(notice);
        });
        let mark = |node| (NodeId(node), Mark::Yes);
        link.tell(Told {
            lineage: LINEAGE,
            members: [1, 2].map(mark).into(),
            ..Told::default()
        });
        Node {
            number,
            link,
            notices,
            asked: 0,
        }
    }
}

fn origin(number: u64) -> Origin {
    Origin {
        node: NodeId(number),
        boot: BootId([1; 16]),
        incarnation: Incarnation(1),
        run: RunId(number),
    }
}

fn ask(candidate: u64, term: u64) -> Ask {
    Ask {
        lineage: LINEAGE,
        term,
        candidate: NodeId(candidate),
        run: 1,
        voters: [NodeId(1), NodeId(2)].into(),
        rest: [NodeId(candidate)].into(),
        weight: 0,
        led_term: 1,
    }
}

struct Node {
    number: u64,
    link: WitnessLink,
    notices: mpsc::UnboundedReceiver<Notice>,
    asked: u64,
}

impl Node {
    async fn notice(&mut self, wanted: impl Fn(&Notice) -> bool) -> Notice {
        loop {
            let next = timeout(LIMIT, self.notices.recv());
            let notice = next.await.expect("a notice in time").unwrap();
            if wanted(&notice) {
                return notice;
            }
        }
    }

    async fn reachable(&mut self) {
        self.notice(|notice| matches!(notice, Notice::Reachable { .. }))
            .await;
    }

    async fn ask(&mut self, term: u64) -> Word {
        self.asked += 1;
        self.link.ask(self.asked, ask(self.number, term));
        let number = self.asked;
        let is_answer = |notice: &Notice| matches!(notice, Notice::Answer { number: told, .. } if *told == number);
        match self.notice(is_answer).await {
            Notice::Answer { answer, .. } => answer,
            other => panic!("{other:?}"),
        }
    }

    async fn view(&self, wanted: impl Fn(&LinkView) -> bool) -> LinkView {
        let looking = async {
            loop {
                let view = self.link.view();
                if wanted(&view) {
                    return view;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(LIMIT, looking).await.expect("in time")
    }
}

fn granted(term: u64) -> Word {
    Word::Granted {
        lineage: LINEAGE,
        term,
    }
}

fn refused(to: u64, term: u64) -> Word {
    let to = NodeId(to);
    Word::Refused { to, term }
}

#[tokio::test]
async fn a_cluster_is_taken_in_once_for_each_token() {
    let witness = Witness::start().await;
    let (mut shop, mut bank) = (Cluster::new(1), Cluster::new(2));
    let token = witness.token();
    shop.register(&token).await.unwrap();
    shop.register(&token)
        .await
        .expect("the same again is no harm");
    let told = bank.register(&token).await.unwrap_err();
    assert!(matches!(told, RegisterError::Refused(_)), "{told:?}");
    let mut other = Cluster::new(1);
    other.key = ClusterKey([7; 32]);
    let told = other.register(&witness.token()).await.unwrap_err();
    assert!(matches!(told, RegisterError::Refused(_)), "{told:?}");
    bank.register(&witness.token()).await.unwrap();
}

#[tokio::test]
async fn a_witness_with_another_key_gets_nothing() {
    let (witness, imposter) = (Witness::start().await, Witness::start().await);
    let mut token = imposter.token();
    token.0.server = witness.token().0.server;
    let told = Cluster::new(1).register(&token).await.unwrap_err();
    assert!(
        matches!(told, RegisterError::Unreachable { .. }),
        "{told:?}"
    );
    assert_eq!(
        Store::open(imposter.dir.path())
            .unwrap()
            .clusters()
            .unwrap(),
        []
    );
}

#[tokio::test]
async fn of_two_that_ask_one_gets_the_vote_and_both_hear_of_it() {
    let witness = Witness::start().await;
    let mut shop = Cluster::new(1);
    shop.register(&witness.token()).await.unwrap();
    let (mut a, mut b) = (shop.node(1, &witness), shop.node(2, &witness));
    a.reachable().await;
    b.reachable().await;
    assert_eq!(a.ask(2).await, granted(2));
    assert_eq!(b.ask(2).await, refused(1, 2));
    assert_eq!(a.ask(2).await, granted(2));
    assert_eq!(a.ask(3).await, granted(3));
    let view = b
        .view(|view| view.granted.is_some_and(|granted| granted.term == 3))
        .await;
    assert_eq!(view.granted.unwrap().node, NodeId(1));
    assert_eq!(view.hears, [1, 2].map(NodeId).into());
    assert!(view.round_trip.is_some());
}

#[tokio::test]
async fn a_witness_that_was_killed_remembers_to_whom_it_gave_its_vote() {
    let mut witness = Witness::start().await;
    let mut shop = Cluster::new(1);
    shop.register(&witness.token()).await.unwrap();
    let (mut a, mut b) = (shop.node(1, &witness), shop.node(2, &witness));
    assert_eq!(a.ask(2).await, granted(2));
    witness.kill().await;
    a.notice(|notice| matches!(notice, Notice::Silent { .. }))
        .await;
    witness.restart().await;
    a.reachable().await;
    assert_eq!(b.ask(2).await, refused(1, 2));
    assert_eq!(a.ask(2).await, granted(2));
}

#[tokio::test]
async fn a_vote_counts_although_the_witness_died_before_it_could_say_so() {
    let mut witness = Witness::start().await;
    let mut shop = Cluster::new(1);
    shop.register(&witness.token()).await.unwrap();
    let mut raw = Raw::open(&shop, &witness, 1).await;
    raw.introduce().await;
    raw.send(&vote(1)).await;
    while witness.grants(&shop) == 0 {
        tokio::task::yield_now().await;
    }
    witness.kill().await;
    witness.restart().await;
    let (mut a, mut b) = (shop.node(1, &witness), shop.node(2, &witness));
    assert_eq!(b.ask(2).await, refused(1, 2));
    assert_eq!(a.ask(2).await, granted(2));
}

#[tokio::test]
async fn what_cannot_be_written_is_not_promised() {
    let witness = Witness::start().await;
    let mut shop = Cluster::new(1);
    shop.register(&witness.token()).await.unwrap();
    let mut raw = Raw::open(&shop, &witness, 1).await;
    raw.introduce().await;
    let (there, away) = (
        witness.dir.path().join("clusters"),
        witness.dir.path().join("x"),
    );
    std::fs::rename(&there, &away).unwrap();
    raw.send(&vote(1)).await;
    raw.silence().await;
    std::fs::rename(&away, &there).unwrap();
    raw.send(&Request::default()).await;
    let verdict = raw.answer().await.unwrap();
    assert!(
        matches!(verdict, Verdict::Heard { granted: None, .. }),
        "{verdict:?}"
    );
    let mut b = shop.node(2, &witness);
    assert_eq!(b.ask(2).await, granted(2));
}

#[tokio::test]
async fn a_stranger_gets_no_answer_and_a_replay_gets_no_vote() {
    let mut witness = Witness::start().await;
    let mut shop = Cluster::new(1);
    shop.register(&witness.token()).await.unwrap();
    let mut raw = Raw::open(&shop, &witness, 1).await;
    for length in [0, 1, REQUEST_BYTES_MIN, 700, 1400] {
        raw.socket.send(&vec![0xa5; length]).await.unwrap();
    }
    let mut altered = raw.packet(&Request::default());
    *altered.last_mut().unwrap() ^= 1;
    raw.socket.send(&altered).await.unwrap();
    raw.silence().await;

    raw.introduce().await;
    let asked = raw.packet(&vote(1));
    witness.kill().await;
    witness.restart().await;
    // Genuine, never answered, of this very run; and void, for it was said to another run.
    raw.socket.send(&asked).await.unwrap();
    assert_eq!(raw.answer().await, Some(Verdict::Unknown));
    assert_eq!(witness.grants(&shop), 0);
}

#[tokio::test]
async fn clusters_do_not_meet_at_their_witness() {
    let witness = Witness::start().await;
    let (mut shop, mut bank) = (Cluster::new(1), Cluster::new(2));
    shop.register(&witness.token()).await.unwrap();
    bank.register(&witness.token()).await.unwrap();
    let (mut a, mut b) = (shop.node(1, &witness), bank.node(2, &witness));
    assert_eq!(a.ask(2).await, granted(2));
    assert_eq!(b.ask(2).await, granted(2));
    let view = b.view(|view| !view.hears.is_empty()).await;
    assert_eq!(view.hears, [NodeId(2)].into());
    assert_eq!(witness.grants(&shop) + witness.grants(&bank), 2);
}

#[tokio::test]
async fn a_cluster_that_says_farewell_is_forgotten_and_its_votes_are_kept() {
    let mut witness = Witness::start().await;
    let (mut shop, mut bank) = (Cluster::new(1), Cluster::new(2));
    shop.register(&witness.token()).await.unwrap();
    bank.register(&witness.token()).await.unwrap();
    let mut a = shop.node(1, &witness);
    assert_eq!(a.ask(2).await, granted(2));
    drop(a);
    assert!(dismiss(&shop.peer(2, &witness)).await);
    witness.kill().await;
    witness.restart().await;
    let mut raw = Raw::open(&shop, &witness, 1).await;
    raw.send(&Request::default()).await;
    raw.silence().await;
    bank.node(1, &witness).reachable().await;

    shop.register(&witness.token()).await.unwrap();
    let mut b = shop.node(2, &witness);
    assert_eq!(b.ask(2).await, refused(1, 2));
}

#[tokio::test]
async fn a_farewell_of_an_earlier_session_changes_nothing() {
    let mut witness = Witness::start().await;
    let mut shop = Cluster::new(1);
    shop.register(&witness.token()).await.unwrap();
    let mut raw = Raw::open(&shop, &witness, 1).await;
    raw.introduce().await;
    let farewell = raw.packet(&Request {
        want: Want::Forget,
        ..Request::default()
    });
    witness.kill().await;
    witness.restart().await;
    raw.socket.send(&farewell).await.unwrap();
    assert_eq!(raw.answer().await, Some(Verdict::Unknown));
    shop.node(2, &witness).reachable().await;
}

#[tokio::test]
async fn a_damaged_vote_stops_the_witness_from_starting() {
    let mut witness = Witness::start().await;
    let mut shop = Cluster::new(1);
    shop.register(&witness.token()).await.unwrap();
    witness.kill().await;
    let path = cluster_path(witness.dir.path(), &shop);
    std::fs::write(path, "{").unwrap();
    let settings = Settings {
        dir: witness.dir.path().to_owned(),
        listen: witness.address,
        boot: BootId([9; 16]),
    };
    assert!(Server::open(settings).await.is_err());
}

fn cluster_path(dir: &Path, cluster: &Cluster) -> std::path::PathBuf {
    dir.join(format!("clusters/{}.json", cluster.id))
}

fn vote(candidate: u64) -> Request {
    let ask = ask(candidate, 2);
    let mark = |node: &NodeId| match ask.rest.contains(node) {
        true => Mark::Yes,
        false => Mark::No,
    };
    let nodes: BTreeMap<NodeId, Mark> = ask.voters.iter().map(|n| (*n, mark(n))).collect();
    Request {
        want: Want::Grant,
        lineage: ask.lineage,
        term: ask.term,
        led_term: ask.led_term,
        nodes,
        ..Request::default()
    }
}

/// A node that sends packet by packet.
struct Raw {
    socket: UdpSocket,
    seal: NodeSeal,
    counter: u64,
}

impl Raw {
    async fn open(cluster: &Cluster, witness: &Witness, number: u64) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(witness.address).await.unwrap();
        let seal = NodeSeal::new(&cluster.witness_key(), cluster.id, origin(number));
        Self {
            socket,
            seal,
            counter: 0,
        }
    }

    fn packet(&mut self, request: &Request) -> Vec<u8> {
        self.counter += 1;
        let mut bytes = Vec::new();
        self.seal.seal(self.counter, request, &mut bytes);
        bytes
    }

    async fn send(&mut self, request: &Request) {
        let packet = self.packet(request);
        self.socket.send(&packet).await.unwrap();
    }

    /// Learns the session.
    async fn introduce(&mut self) {
        self.send(&Request::default()).await;
        assert_eq!(self.answer().await, Some(Verdict::Unknown));
    }

    async fn answer(&mut self) -> Option<Verdict> {
        self.answer_within(LIMIT).await
    }

    /// Nothing comes, for longer than a witness on this machine needs.
    async fn silence(&mut self) {
        let answer = self.answer_within(Duration::from_millis(700)).await;
        assert_eq!(answer, None);
    }

    async fn answer_within(&mut self, limit: Duration) -> Option<Verdict> {
        let mut packet = [0; ANSWER_BYTES + 1];
        let receiving = timeout(limit, self.socket.recv(&mut packet));
        let length = receiving.await.ok()?.unwrap();
        assert_eq!(length, ANSWER_BYTES);
        Some(self.seal.open(&mut packet[..length]).unwrap().verdict)
    }
}
