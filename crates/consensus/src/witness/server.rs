//! The witness's process: one thread, one loop, many clusters.
//!
//! A datagram is answered when it is genuine, and then with fewer bytes than it had; all
//! others are dropped without a word. A grant is on disk before it is answered: the loop
//! writes and syncs it in place. That keeps other clusters waiting for as long as the disk
//! takes, which is milliseconds on a disk that works, and a grant is rare.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use model::{BootId, Instant, NodeId, WallTime};
use quorum::arbiter::{self, Arbiter, Ask, Invalid, Output, Ping};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use wire::peer::ClusterId;
use wire::witness::seal::{Opened, Standing as Freshness, WitnessSeal};
use wire::witness::{
    Answer, Granted, Mark, REQUEST_BYTES_MAX, Request, RequestHeader, Verdict, Want,
};

use super::register::{self, RegisterRefusal, RegisterReply, RegisterRequest};
use super::store::{
    CLUSTER_FILE_VERSION, CLUSTERS_MAX, ClusterFile, Lock, Standing, Store, StoreError,
};
use crate::join::wall_time;
use crate::keys::{KeyError, NodeKey, random_bytes};
use crate::stream::{invalid, read_frame, write_frame};
use crate::tls::{self, Accept};

/// The socket in the witness's directory on which people ask what it knows.
pub const SOCKET_FILE: &str = "witness.sock";

/// What nodes are told of each other: heard within this time. It covers some lost pings in a row,
/// for the leader takes a witness that does not hear a majority for one that is of no use. Who is
/// preferred follows from a shorter time, see `quorum::arbiter::HEARD_RECENTLY`.
pub const HEARD_RECENTLY: Duration = Duration::from_millis(2500);

/// Connections at one time, of clusters that want to be taken in and of people who look.
/// Each takes milliseconds; more are not from our users.
const CONNECTIONS_MAX: usize = 8;

/// For a stranger to prove nothing and say one thing; for a person to read a screenful.
const CONNECTION_LIMIT: Duration = Duration::from_secs(10);

/// After a failed accept or receive (no file descriptors, no memory): long enough not to spin.
const ERROR_PAUSE: Duration = Duration::from_millis(50);

/// Where a witness runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its directory.
    pub dir: PathBuf,
    /// UDP and TCP.
    pub listen: SocketAddr,
    /// The boot of its machine.
    pub boot: BootId,
}

/// Why a witness cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Its directory.
    #[error("the directory of the witness cannot be used")]
    Store(#[from] StoreError),
    /// Its address.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The socket for people.
    #[error("cannot make the socket in the directory of the witness")]
    Socket(#[source] io::Error),
    /// Its key.
    #[error("the key of the witness cannot be used")]
    Key(#[from] KeyError),
    /// Its key, in TLS.
    #[error("the key of the witness cannot be used")]
    Tls(#[from] rustls::Error),
}

/// What a witness knows of a cluster, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterView {
    /// Its name.
    pub name: String,
    /// Its identity.
    pub cluster: ClusterId,
    /// Since when it is known.
    pub since: WallTime,
    /// Whether it is answered.
    pub standing: Standing,
    /// The votes that were given, the oldest history first.
    pub grants: Vec<(model::Lineage, arbiter::Grant)>,
    /// Nodes that were heard since the witness started.
    pub nodes: Vec<NodeView>,
}

/// What a witness knows of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeView {
    /// Its number.
    pub id: NodeId,
    /// From where it was heard last.
    pub address: SocketAddr,
    /// How long ago.
    pub heard_ms: u64,
}

/// A cluster that is served.
struct Served {
    file: ClusterFile,
    seal: WitnessSeal,
    /// None after a failed write: nothing is promised until the file was read and written anew.
    arbiter: Option<Arbiter>,
    heard: BTreeMap<NodeId, (SocketAddr, Instant)>,
}

/// A request to be taken in, for the loop.
struct Registration {
    request: RegisterRequest,
    digest: String,
    reply: oneshot::Sender<Result<RegisterReply, RegisterRefusal>>,
}

/// What a person may ask for on the socket: one line of JSON. An empty one asks for the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PersonAsks {
    /// To answer this cluster no more.
    Forget(ClusterId),
}

/// The longest line of a person: a word and an identity.
const LINE_BYTES_MAX: u64 = 256;

/// A person who asks, for the loop.
struct Person {
    /// None: for the list.
    asks: Option<PersonAsks>,
    reply: oneshot::Sender<Vec<u8>>,
}

/// A witness that listens.
pub struct Server {
    settings: Settings,
    store: Store,
    _lock: Lock,
    key: NodeKey,
    secret: [u8; 32],
    udp: UdpSocket,
    tcp: TcpListener,
    people: UnixListener,
    clusters: BTreeMap<ClusterId, Served>,
    started: std::time::Instant,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Reads what is kept and opens the sockets.
    ///
    /// # Errors
    /// When the directory is not as it was left, or the address cannot be used.
    pub async fn open(settings: Settings) -> Result<Self, ServerError> {
        let store = Store::open(&settings.dir)?;
        let lock = store.lock()?;
        let key = store.key()?;
        let secret = random_bytes()?;
        let listen = |source| ServerError::Listen {
            address: settings.listen,
            source,
        };
        let tcp = TcpListener::bind(settings.listen).await.map_err(listen)?;
        // With port 0 both have the one that the system has chosen.
        let address = tcp.local_addr().map_err(listen)?;
        let udp = UdpSocket::bind(address).await.map_err(listen)?;
        // So that `try_send_to` knows from the start that it may.
        udp.writable().await.map_err(listen)?;
        let socket = settings.dir.join(SOCKET_FILE);
        // What is there was left by a process that is gone: we hold the lock.
        let _ = std::fs::remove_file(&socket);
        let people = UnixListener::bind(&socket).map_err(ServerError::Socket)?;
        store.set_listen(address)?;
        let mut server = Self {
            settings: Settings {
                listen: address,
                ..settings
            },
            _lock: lock,
            key,
            secret,
            udp,
            tcp,
            people,
            clusters: BTreeMap::new(),
            started: std::time::Instant::now(),
            store,
        };
        for file in server.store.clusters()? {
            server.clusters.insert(file.cluster, server.serve(file));
        }
        Ok(server)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.settings.listen
    }

    /// How many clusters it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.clusters.len()
    }

    /// Whether it knows none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clusters.is_empty()
    }

    fn serve(&self, file: ClusterFile) -> Served {
        let arbiter = Arbiter::new(file.record.clone()).expect("`ClusterFile::decode` tried it");
        Served {
            seal: WitnessSeal::new(&file.witness_key(), file.cluster, &self.secret),
            arbiter: Some(arbiter),
            heard: BTreeMap::new(),
            file,
        }
    }

    fn now(&self) -> Instant {
        let passed = self.started.elapsed().as_nanos();
        Instant(u64::try_from(passed).unwrap_or(u64::MAX))
    }

    /// Serves until `shutdown` ends.
    ///
    /// # Errors
    /// When the TLS library refuses the key.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Result<(), ServerError> {
        let acceptor = tls::server_config(&self.key, Accept::Any, register::ALPN_WITNESS)?;
        let acceptor = TlsAcceptor::from(acceptor);
        let (registrations, mut asked) = mpsc::channel(CONNECTIONS_MAX);
        let (persons, mut people) = mpsc::channel(CONNECTIONS_MAX);
        let mut connections = JoinSet::new();
        let mut packet = [0; REQUEST_BYTES_MAX + 1];
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => return Ok(()),
                received = self.udp.recv_from(&mut packet) => match received {
                    Ok((length, from)) => self.take_packet(&mut packet[..length], from),
                    Err(error) => self.pause(&error).await,
                },
                Some(registration) = asked.recv() => self.take_registration(registration),
                Some(person) = people.recv() => self.take_person(person),
                accepted = self.tcp.accept(), if connections.len() < CONNECTIONS_MAX => {
                    match accepted {
                        Ok((stream, _)) => {
                            let acceptor = acceptor.clone();
                            let serving = converse(acceptor, stream, registrations.clone());
                            connections.spawn(serving);
                        }
                        Err(error) => self.pause(&error).await,
                    }
                }
                Some(_) = connections.join_next() => {}
                accepted = self.people.accept(), if connections.len() < CONNECTIONS_MAX => {
                    match accepted {
                        Ok((stream, _)) => drop(connections.spawn(attend(stream, persons.clone()))),
                        Err(error) => self.pause(&error).await,
                    }
                }
            }
        }
    }

    async fn pause(&self, error: &io::Error) {
        tracing::warn!(%error, "a socket of the witness failed");
        tokio::time::sleep(ERROR_PAUSE).await;
    }

    fn take_packet(&mut self, packet: &mut [u8], from: SocketAddr) {
        let now = self.now();
        let Ok(header) = RequestHeader::decode(packet) else {
            return;
        };
        let Some(served) = self.clusters.get_mut(&header.cluster) else {
            return;
        };
        if served.file.standing == Standing::Forgotten {
            return;
        }
        let opened = match served.seal.open(packet) {
            Ok(opened) => opened,
            Err(error) => {
                tracing::debug!(%from, cluster = served.file.name, %error, "dropped");
                return;
            }
        };
        let is_farewell =
            (opened.standing, opened.request.want) == (Freshness::Fresh, Want::Forget);
        let judged = match is_farewell {
            true => served.forget(&self.store).ok().map(|()| Verdict::Forgotten),
            false => served.judge(&self.store, &opened, (from, now)),
        };
        let Some(verdict) = judged else {
            return;
        };
        let answer = Answer {
            echo: opened.header.counter,
            verdict,
        };
        let mut bytes = Vec::with_capacity(REQUEST_BYTES_MAX);
        served.seal.seal(opened.header.origin, &answer, &mut bytes);
        // What the network does not take the node asks again.
        if let Err(error) = self.udp.try_send_to(&bytes, from) {
            tracing::debug!(%from, %error, "an answer was not sent");
        }
    }

    fn take_person(&mut self, Person { asks, reply }: Person) {
        let text = match asks {
            None => serde_json::to_vec(&self.views()),
            Some(PersonAsks::Forget(cluster)) => serde_json::to_vec(&self.forget(cluster)),
        };
        // A person who has gone needs no answer.
        let _ = reply.send(text.expect("plain data"));
    }

    /// In words what stands in the way.
    fn forget(&mut self, cluster: ClusterId) -> Result<(), String> {
        let known = self.clusters.get_mut(&cluster);
        let served = known.ok_or("no such cluster is known")?;
        (served.forget(&self.store)).map_err(|error| error.to_string())
    }

    fn take_registration(&mut self, registration: Registration) {
        let Registration {
            request,
            digest,
            reply,
        } = registration;
        let name = request.name.clone();
        let answer = self.register(request, &digest).map(|()| RegisterReply {
            key: self.key.public(),
            boot: self.settings.boot,
        });
        match &answer {
            Ok(_) => tracing::info!(cluster = name, "taken in"),
            Err(error) => tracing::warn!(cluster = name, "not taken in: {error}"),
        }
        // Whoever asked may be gone; it can ask again.
        let _ = reply.send(answer);
    }

    fn register(&mut self, request: RegisterRequest, digest: &str) -> Result<(), RegisterRefusal> {
        let not_now = |error: &dyn std::error::Error| RegisterRefusal::NotNow(error.to_string());
        let known = self.clusters.get(&request.cluster);
        let is_same = known.is_some_and(|known| known.file.key == request.key);
        let is_served = known.is_some_and(|known| known.file.standing == Standing::Served);
        // An answer that was lost is asked for again with a token that is used up.
        if is_same && is_served {
            return Ok(());
        }
        let wall = wall_time();
        if !self.store.is_good(digest, wall) {
            return Err(RegisterRefusal::BadToken);
        }
        if known.is_some() && !is_same && is_served {
            return Err(RegisterRefusal::OtherKey);
        }
        if known.is_none() && CLUSTERS_MAX <= self.clusters.len() {
            return Err(not_now(&StoreError::Full));
        }
        model::WitnessName::new(request.name.clone())
            .map_err(|error| RegisterRefusal::BadRequest(error.to_string()))?;
        // Votes that were given count for ever, whatever happened in between.
        let record = known
            .map(|known| known.file.record.clone())
            .unwrap_or_default();
        let file = ClusterFile {
            version: CLUSTER_FILE_VERSION,
            cluster: request.cluster,
            name: request.name,
            key: request.key,
            since: wall,
            standing: Standing::Served,
            record,
        };
        self.store.write(&file).map_err(|error| not_now(&error))?;
        if let Err(error) = self.store.use_up(digest) {
            tracing::warn!("a token that was used is still there: {error}");
        }
        self.clusters.insert(file.cluster, self.serve(file));
        Ok(())
    }

    /// All clusters, for people.
    #[must_use]
    pub fn views(&self) -> Vec<ClusterView> {
        let now = self.now();
        self.clusters
            .values()
            .map(|served| served.view(now))
            .collect()
    }
}

impl Served {
    fn view(&self, now: Instant) -> ClusterView {
        let node = |(id, (address, at)): (&NodeId, &(SocketAddr, Instant))| NodeView {
            id: *id,
            address: *address,
            heard_ms: u64::try_from(now.saturating_duration_since(*at).as_millis())
                .unwrap_or(u64::MAX),
        };
        ClusterView {
            nodes: self.heard.iter().map(node).collect(),
            ..view_of(&self.file)
        }
    }

    /// What is said to a genuine request; nothing where nothing can be promised.
    fn judge(
        &mut self,
        store: &Store,
        opened: &Opened,
        (from, now): (SocketAddr, Instant),
    ) -> Option<Verdict> {
        match opened.standing {
            Freshness::Stranger => return Some(Verdict::Unknown),
            Freshness::Fresh => {}
        }
        self.heard.insert(opened.header.origin.node, (from, now));
        if self.arbiter.is_none() {
            self.reopen(store);
        }
        match opened.request.want {
            Want::Ping => self.hear(&opened.header, &opened.request, now),
            Want::Grant => self.ask(store, opened, now),
            // Done before; a stranger's was answered above.
            Want::Forget => None,
        }
    }

    /// The cluster gets no answer any more. Its votes are kept: what the disk has, which is
    /// more than was promised where a write had failed.
    fn forget(&mut self, store: &Store) -> Result<(), StoreError> {
        let file = ClusterFile {
            standing: Standing::Forgotten,
            ..store.read(self.file.cluster)?
        };
        if let Err(error) = store.write(&file) {
            tracing::error!(cluster = self.file.name, %error, "not forgotten");
            self.arbiter = None;
            return Err(error);
        }
        tracing::info!(cluster = file.name, "forgotten");
        self.file = file;
        self.arbiter = None;
        self.heard.clear();
        Ok(())
    }

    fn hear(&mut self, header: &RequestHeader, request: &Request, now: Instant) -> Option<Verdict> {
        let ping = Ping {
            node: header.origin.node,
            weight: request.weight,
            hears: marked(request),
        };
        self.arbiter.as_mut()?.handle_ping(ping, now);
        let is_recent = |node: &NodeId| {
            let at = self.heard.get(node).map(|(_, at)| *at);
            at.is_some_and(|at| now.saturating_duration_since(at) < HEARD_RECENTLY)
        };
        let heard = request.nodes.keys().enumerate();
        let bits = heard.filter(|(_, node)| is_recent(node));
        Some(Verdict::Heard {
            granted: newest(&self.file),
            heard: bits.fold(0, |all, (at, _)| all | 1 << at),
        })
    }

    fn ask(&mut self, store: &Store, opened: &Opened, now: Instant) -> Option<Verdict> {
        let (header, request) = (&opened.header, &opened.request);
        let ask = Ask {
            lineage: request.lineage,
            term: request.term,
            candidate: header.origin.node,
            run: header.origin.incarnation.0,
            voters: request.nodes.keys().copied().collect(),
            rest: marked(request),
            weight: request.weight,
            led_term: request.led_term,
        };
        let mut arbiter = self.arbiter.take()?;
        arbiter.handle_ask(header.counter, &ask, now);
        let mut said = None;
        while let Some(output) = arbiter.poll_output() {
            match output {
                Output::Persist { number, record } => {
                    let file = ClusterFile {
                        record,
                        ..self.file.clone()
                    };
                    if let Err(error) = store.write(&file) {
                        // The arbiter is dropped: what it would say is not on disk.
                        tracing::error!(cluster = file.name, %error, "a vote was not written");
                        return None;
                    }
                    self.file = file;
                    arbiter.handle_persisted(number);
                }
                Output::Answer { ask, answer, .. } if ask == header.counter => {
                    tracing::info!(
                        cluster = self.file.name, node = %header.origin.node, ?answer, "asked"
                    );
                    said = Some(verdict(answer));
                }
                // An ask that waited for the disk when it failed: it is asked again.
                Output::Answer { .. } => {}
            }
        }
        self.arbiter = Some(arbiter);
        said
    }

    /// After a failed write nobody knows what the disk has: it is read, and written again so
    /// that it is certain.
    fn reopen(&mut self, store: &Store) {
        let read = store.read(self.file.cluster).and_then(|file| {
            store.write(&file)?;
            Ok(file)
        });
        match read {
            Ok(file) => {
                self.arbiter = Arbiter::new(file.record.clone()).ok();
                self.file = file;
            }
            Err(error) => tracing::error!(cluster = self.file.name, %error, "cannot vote"),
        }
    }
}

/// A cluster of which only the file is known.
#[must_use]
pub fn view_of(file: &ClusterFile) -> ClusterView {
    ClusterView {
        name: file.name.clone(),
        cluster: file.cluster,
        since: file.since,
        standing: file.standing,
        grants: file.record.grants.clone(),
        nodes: Vec::new(),
    }
}

fn marked(request: &Request) -> std::collections::BTreeSet<NodeId> {
    let marked = request.nodes.iter().filter(|(_, mark)| **mark == Mark::Yes);
    marked.map(|(node, _)| *node).collect()
}

fn newest(file: &ClusterFile) -> Option<Granted> {
    let grants = file.record.grants.iter();
    let (lineage, grant) = grants.max_by_key(|(lineage, _)| lineage.generation)?;
    Some(Granted {
        lineage: *lineage,
        term: grant.term,
        node: grant.keeper,
        run: grant.run,
    })
}

fn verdict(answer: arbiter::Answer) -> Verdict {
    match answer {
        arbiter::Answer::Granted { lineage, term } => Verdict::Granted { lineage, term },
        arbiter::Answer::Refused { to, term } => Verdict::Refused { to, term },
        arbiter::Answer::Wait { span } => Verdict::Wait {
            millis: u32::try_from(span.as_millis()).unwrap_or(u32::MAX),
        },
        arbiter::Answer::Outdated => Verdict::Outdated,
        arbiter::Answer::Invalid { because } => Verdict::Invalid { how: code(because) },
    }
}

fn code(because: Invalid) -> u32 {
    match because {
        Invalid::Voters => 1,
        Invalid::Candidate => 2,
        Invalid::NotHalf => 3,
        Invalid::Term => 4,
    }
}

/// Hears one line of a person, and answers with one line of JSON.
async fn attend(stream: UnixStream, persons: mpsc::Sender<Person>) {
    match timeout(CONNECTION_LIMIT, converse_with_person(stream, persons)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a person was not answered"),
        Err(_late) => tracing::debug!("a person took too long"),
    }
}

async fn converse_with_person(stream: UnixStream, persons: mpsc::Sender<Person>) -> io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut line = String::new();
    BufReader::new(reading.take(LINE_BYTES_MAX))
        .read_line(&mut line)
        .await?;
    let asks = match line.trim() {
        "" => None,
        text => Some(serde_json::from_str(text).map_err(invalid)?),
    };
    let (reply, answer) = oneshot::channel();
    let stopping = || io::Error::other("the witness is stopping");
    let person = Person { asks, reply };
    persons.send(person).await.map_err(|_| stopping())?;
    let mut text = answer.await.map_err(|_| stopping())?;
    text.push(b'\n');
    writing.write_all(&text).await
}

/// One connection of a stranger with a token.
async fn converse(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    registrations: mpsc::Sender<Registration>,
) {
    let serving = timeout(CONNECTION_LIMIT, take_in(acceptor, stream, registrations));
    match serving.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection ended"),
        Err(_late) => tracing::debug!("a connection took too long"),
    }
}

async fn take_in(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    registrations: mpsc::Sender<Registration>,
) -> io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let payload = read_frame(&mut stream, register::FRAME_BYTES_MAX).await?;
    let answer = match serde_json::from_slice::<register::Ask>(&payload) {
        Err(error) => Err(RegisterRefusal::BadRequest(error.to_string())),
        Ok(ask) => hand_over(ask, registrations).await,
    };
    let answer = serde_json::to_vec(&answer).map_err(invalid)?;
    write_frame(&mut stream, &answer).await
}

async fn hand_over(
    ask: register::Ask,
    registrations: mpsc::Sender<Registration>,
) -> register::Answer {
    let stopping = || RegisterRefusal::NotNow("it is stopping".to_owned());
    let (reply, answer) = oneshot::channel();
    let digest = ask.token_digest();
    let registration = Registration {
        request: ask.request,
        digest,
        reply,
    };
    registrations
        .send(registration)
        .await
        .map_err(|_| stopping())?;
    answer.await.unwrap_or_else(|_| Err(stopping()))
}
