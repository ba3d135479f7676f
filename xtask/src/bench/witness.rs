//! `cargo xtask bench witness`: what a witness of many clusters costs. Real datagrams over
//! loopback, from two nodes of each cluster, four times a second; each cluster has had a vote.

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use consensus::witness::Store;
use consensus::witness::client::PING_EVERY;
use consensus::witness::store::{CLUSTER_FILE_VERSION, ClusterFile, Standing};
use model::{BootId, Lineage, NodeId, WallTime};
use serde_json::json;
use wire::heartbeat::{Incarnation, Origin, RunId};
use wire::peer::ClusterId;
use wire::witness::seal::NodeSeal;
use wire::witness::{ANSWER_BYTES, Mark, Request, Verdict, Want};

use super::WitnessArguments;
use crate::run::{Failure, release_binary};

/// The kernel counts processor time in these.
const TICKS_PER_SECOND: f64 = 100.0;

/// For the process to come up and write where it listens.
const UP_LIMIT: Duration = Duration::from_secs(10);

/// An answer over loopback takes microseconds; a vote, as long as the disk.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

pub fn run(arguments: &WitnessArguments) -> Result<(), Failure> {
    let dir = std::env::temp_dir().join(format!("mainstay-bench-witness-{}", std::process::id()));
    let measured = measure(&dir, arguments);
    // What lies in the system's directory for such things harms nobody.
    let _ = std::fs::remove_dir_all(&dir);
    let figures = measured?;
    if arguments.json {
        println!(
            "{}",
            json!({
                "clusters": arguments.clusters, "rss_mib": figures.rss_kib / 1024.0,
                "pss_mib": figures.pss_kib / 1024.0, "cpu_percent": figures.cpu_percent,
                "answers_per_s": figures.answers_per_s,
            })
        );
    } else {
        println!(
            "{} clusters of two nodes: {:.1} MiB resident (PSS {:.1}), {:.2} % of a core, {:.0} answers/s",
            arguments.clusters,
            figures.rss_kib / 1024.0,
            figures.pss_kib / 1024.0,
            figures.cpu_percent,
            figures.answers_per_s,
        );
    }
    Ok(())
}

struct Figures {
    rss_kib: f64,
    pss_kib: f64,
    cpu_percent: f64,
    answers_per_s: f64,
}

fn measure(dir: &Path, arguments: &WitnessArguments) -> Result<Figures, Failure> {
    let store = Store::open(dir).map_err(|error| error.to_string())?;
    for number in 0..arguments.clusters {
        store
            .write(&cluster(number))
            .map_err(|error| error.to_string())?;
    }
    let witness = Witness::start(dir, &store)?;
    let mut nodes: Vec<Node> = Vec::new();
    for number in 0..arguments.clusters {
        for node in 1..=2 {
            nodes.push(Node::open(number, node, witness.address)?);
        }
    }
    for node in &mut nodes {
        node.expect(&Request::default(), |verdict| *verdict == Verdict::Unknown)?;
    }
    for node in nodes.iter_mut().filter(|node| node.number == 1) {
        node.expect(&vote(), |verdict| {
            matches!(verdict, Verdict::Granted { .. })
        })?;
    }
    let ticks = witness.ticks()?;
    let (began, span) = (Instant::now(), Duration::from_secs(arguments.seconds));
    let mut answers = 0.0;
    while began.elapsed() < span {
        let round = Instant::now();
        for node in &mut nodes {
            node.expect(&ping(), |verdict| matches!(verdict, Verdict::Heard { .. }))?;
            answers += 1.0;
        }
        // This is the measurement itself: as often as nodes do, no more.
        std::thread::sleep(PING_EVERY.saturating_sub(round.elapsed()));
    }
    let seconds = began.elapsed().as_secs_f64();
    let used = witness.ticks()? - ticks;
    let (rss_kib, pss_kib) = witness.memory()?;
    Ok(Figures {
        rss_kib,
        pss_kib,
        cpu_percent: used / TICKS_PER_SECOND / seconds * 100.0,
        answers_per_s: answers / seconds,
    })
}

struct Witness {
    child: Child,
    address: SocketAddr,
}

impl Drop for Witness {
    fn drop(&mut self) {
        // It may have ended by itself, which whoever asked it has noticed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Witness {
    fn start(dir: &Path, store: &Store) -> Result<Self, Failure> {
        let program: PathBuf = release_binary()?;
        let child = Command::new(&program)
            .args(["witness", "run", "--listen", "127.0.0.1:0", "--dir"])
            .arg(dir)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{} cannot be started: {error}", program.display()))?;
        let mut witness = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        let began = Instant::now();
        while began.elapsed() < UP_LIMIT {
            if let Some(address) = store.listen() {
                witness.address = address;
                return Ok(witness);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err("the witness did not come up".to_string())
    }

    fn read(&self, file: &str) -> Result<String, Failure> {
        let path = format!("/proc/{}/{file}", self.child.id());
        std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))
    }

    fn ticks(&self) -> Result<f64, Failure> {
        let text = self.read("stat")?;
        let words: Vec<&str> = text.split_whitespace().collect();
        let number = |at: usize| words.get(at).and_then(|word| word.parse::<f64>().ok());
        // User and system time are fields 14 and 15 of proc(5).
        Ok(number(13).unwrap_or(0.0) + number(14).unwrap_or(0.0))
    }

    fn memory(&self) -> Result<(f64, f64), Failure> {
        let text = self.read("smaps_rollup")?;
        let value = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        value("Rss:")
            .zip(value("Pss:"))
            .ok_or_else(|| "the kernel does not tell the memory".to_string())
    }
}

struct Node {
    number: u64,
    socket: UdpSocket,
    seal: NodeSeal,
    counter: u64,
}

impl Node {
    fn open(cluster_number: u64, number: u64, witness: SocketAddr) -> Result<Self, Failure> {
        let open = || {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            socket.connect(witness)?;
            socket.set_read_timeout(Some(ANSWER_LIMIT))?;
            Ok(socket)
        };
        let socket = open().map_err(|error: std::io::Error| error.to_string())?;
        let cluster = cluster(cluster_number);
        let me = Origin {
            node: NodeId(number),
            boot: BootId([1; 16]),
            incarnation: Incarnation(1),
            run: RunId(number),
        };
        Ok(Self {
            number,
            socket,
            seal: NodeSeal::new(&cluster.witness_key(), cluster.cluster, me),
            counter: 0,
        })
    }

    fn expect(
        &mut self,
        request: &Request,
        wanted: impl Fn(&Verdict) -> bool,
    ) -> Result<(), Failure> {
        self.counter += 1;
        let mut bytes = Vec::new();
        self.seal.seal(self.counter, request, &mut bytes);
        let text = |error: std::io::Error| format!("the witness does not answer: {error}");
        self.socket.send(&bytes).map_err(text)?;
        let mut packet = [0; ANSWER_BYTES + 1];
        let length = self.socket.recv(&mut packet).map_err(text)?;
        let answer = self
            .seal
            .open(&mut packet[..length])
            .map_err(|error| error.to_string())?;
        match wanted(&answer.verdict) {
            true => Ok(()),
            false => Err(format!("the witness said {:?}", answer.verdict)),
        }
    }
}

fn cluster(number: u64) -> ClusterFile {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    ClusterFile {
        version: CLUSTER_FILE_VERSION,
        cluster: ClusterId(id),
        name: format!("cluster-{number}"),
        key: [7; 32],
        since: WallTime(0),
        standing: Standing::Served,
        record: quorum::arbiter::Record::default(),
    }
}

fn ping() -> Request {
    Request {
        nodes: [1, 2].map(|node| (NodeId(node), Mark::Yes)).into(),
        ..Request::default()
    }
}

fn vote() -> Request {
    Request {
        want: Want::Grant,
        lineage: Lineage {
            generation: 1,
            maker: NodeId(1),
            random: 7,
        },
        term: 2,
        led_term: 1,
        nodes: [(NodeId(1), Mark::Yes), (NodeId(2), Mark::No)].into(),
        ..Request::default()
    }
}
