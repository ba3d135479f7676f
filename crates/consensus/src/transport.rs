//! Messages between the members over TLS 1.3, on every network at once.
//!
//! ```text
//!   send ──► queue per peer ──► the best live link of that peer ══ TLS ══► its Transport ──► Incoming
//!                               (one warm connection per network)
//! ```
//!
//! Each node opens one connection to each address of each peer and speaks on those; on the
//! connections that its peers open it only listens and answers pings. A queue belongs to
//! the peer and not to a connection, so that what is not yet written when a link falls
//! silent goes out over the next one.
//!
//! It never promises delivery: what was written into a connection that then died is lost,
//! and messages of different connections may overtake each other. It never blocks the
//! caller, and never hands over a byte from anybody but a member (or a joiner's request).

mod inbound;
mod outbound;
mod peer;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use model::{BootId, NodeId};
use rustls::ServerConfig;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use wire::peer::{ClusterId, FEATURE_LEVEL, Hello, PeerMessage};

use crate::join::{JoinReply, JoinRequest, Refusal};
use crate::keys::{NodeKey, PUBLIC_KEY_BYTES};
use crate::tls::{self, ALPN_JOIN, ALPN_PEER, Accept, Members};
use peer::{Peer, frame_of};

/// Connections that have not proven a key yet. Members need one per network each; strangers
/// cannot make us hold more than these, each for `HANDSHAKE_TIMEOUT`.
pub const UNPROVEN_MAX: usize = 64;

/// Requests to join under way at once. Joining is rare, and each may wait for a commit.
pub const JOINS_MAX: usize = 4;

/// For TLS and greeting together: a few round trips and two signatures, also on a busy
/// machine; a slow stranger is not kept longer.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(2);

/// Unacknowledged bytes break the connection after this (TCP_USER_TIMEOUT): on a LAN that
/// is many retransmissions.
const TCP_SILENCE_MAX: Duration = Duration::from_secs(1);

/// What the transport needs to know about this node.
#[derive(Debug, Clone)]
pub struct TransportConfig {
    /// This node.
    pub me: NodeId,
    /// Its key.
    pub key: NodeKey,
    /// Its cluster; peers of another one are refused.
    pub cluster_id: ClusterId,
    /// Its boot.
    pub boot: BootId,
    /// Counts the starts of its daemon.
    pub incarnation: u64,
    /// Where it listens at first.
    pub listen: Vec<SocketAddr>,
}

/// A member to speak with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerInfo {
    /// Its number.
    pub id: NodeId,
    /// Its public key.
    pub key: [u8; PUBLIC_KEY_BYTES],
    /// Where it listens: one address per network, best network first.
    pub addresses: Vec<SocketAddr>,
}

/// What comes in.
#[derive(Debug)]
pub enum Incoming {
    /// A member says something.
    Message {
        /// Who; proven by its key.
        from: NodeId,
        /// What. Never a greeting or a ping.
        message: PeerMessage,
    },
    /// A link to a peer is up.
    Connected {
        /// Which peer.
        peer: NodeId,
        /// Over which of its addresses.
        address: SocketAddr,
        /// What it said of itself.
        hello: Hello,
    },
    /// A link to a peer is down; others may be up.
    Disconnected {
        /// Which peer.
        peer: NodeId,
        /// Over which of its addresses.
        address: SocketAddr,
    },
    /// A machine asks to become a member. Dropping `reply` refuses it.
    Join {
        /// What it says of itself; its key is proven.
        request: JoinRequest,
        /// SHA-256 of its token's secret, in hexadecimal. Not checked yet.
        token_digest: String,
        /// For the answer.
        reply: oneshot::Sender<Result<JoinReply, Refusal>>,
    },
}

/// One link, for `status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerLink {
    /// To whom.
    pub peer: NodeId,
    /// Over which of its addresses.
    pub address: SocketAddr,
    /// How it is.
    pub state: LinkState,
}

/// How a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// Not connected.
    Down,
    /// Connected, ready to take over.
    Spare {
        /// For how long.
        up_for: Duration,
    },
    /// Connected and in use.
    InUse {
        /// For how long it is connected.
        up_for: Duration,
    },
    /// Connected, but the last ping was not answered in time.
    Silent {
        /// For how long it is connected.
        up_for: Duration,
    },
}

/// The connections of one node. Dropping it closes them all.
#[derive(Debug)]
pub struct Transport {
    shared: Arc<Shared>,
    runtime: Handle,
    peers: Mutex<BTreeMap<NodeId, Connected>>,
    listeners: Mutex<BTreeMap<SocketAddr, Task>>,
}

/// A peer and the tasks that keep its links.
#[derive(Debug)]
struct Connected {
    peer: Arc<Peer>,
    _links: Vec<Task>,
}

/// A task that ends when this is dropped.
#[derive(Debug)]
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What all tasks of one transport share.
#[derive(Debug)]
struct Shared {
    hello: Hello,
    key: NodeKey,
    members: Members,
    /// Counts the changes of `members`: connections look again whether they may stay.
    members_version: watch::Sender<u64>,
    peers_by_id: Mutex<BTreeMap<NodeId, Arc<Peer>>>,
    incoming: mpsc::Sender<Incoming>,
    accept_peer: Arc<ServerConfig>,
    accept_join: Arc<ServerConfig>,
    unproven: Arc<Semaphore>,
    joins: Arc<Semaphore>,
    /// Who knows less is not spoken to.
    level: AtomicU32,
    /// Runs that were told of as too old, and for which level: they come back every second.
    too_old: Mutex<BTreeMap<NodeId, (u64, u32)>>,
    inbound: Mutex<BTreeMap<NodeId, usize>>,
}

impl Shared {
    fn peer(&self, id: NodeId) -> Option<Arc<Peer>> {
        lock(&self.peers_by_id).get(&id).cloned()
    }

    /// A program that does not know what is in the log must not get it.
    fn require_level(&self, hello: &Hello) -> io::Result<()> {
        let (level, own) = (self.level.load(Ordering::Relaxed), hello.feature_level);
        if level <= own {
            return Ok(());
        }
        let (node, version) = (hello.node, &hello.version);
        let run = (hello.incarnation, level);
        if lock(&self.too_old).insert(node, run) != Some(run) {
            tracing::warn!(
                %node,
                "it runs {version}, which is too old (feature level {own}, the cluster is at {level}): \
                 it is not spoken to until it is upgraded"
            );
        }
        Err(io::Error::other("its version is too old for the cluster"))
    }

    fn peer_count(&self) -> usize {
        lock(&self.peers_by_id).len()
    }

    /// Never waits: when the control loop is so far behind that its channel is full, the
    /// message is lost, as it may be on any network.
    fn deliver(&self, incoming: Incoming) {
        if let Err(error) = self.incoming.try_send(incoming) {
            tracing::debug!(%error, "a message is dropped: the control loop is behind");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder of this lock panics")
}

impl Transport {
    /// Starts to listen. Peers are told by [`Transport::set_peers`]. Must be called within a
    /// tokio runtime.
    ///
    /// # Errors
    /// When the node's key cannot be used.
    pub fn start(config: TransportConfig, incoming: mpsc::Sender<Incoming>) -> io::Result<Self> {
        let members = Members::default();
        let accept = |accept, alpn| tls::server_config(&config.key, accept, alpn);
        let shared = Shared {
            hello: Hello {
                node: config.me,
                cluster: config.cluster_id,
                boot: config.boot,
                incarnation: config.incarnation,
                feature_level: FEATURE_LEVEL,
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            accept_peer: accept(Accept::Members(members.clone()), ALPN_PEER)
                .map_err(io::Error::other)?,
            accept_join: accept(Accept::Any, ALPN_JOIN).map_err(io::Error::other)?,
            key: config.key.clone(),
            members,
            members_version: watch::Sender::new(0),
            peers_by_id: Mutex::default(),
            incoming,
            unproven: Arc::new(Semaphore::new(UNPROVEN_MAX)),
            joins: Arc::new(Semaphore::new(JOINS_MAX)),
            level: AtomicU32::default(),
            too_old: Mutex::default(),
            inbound: Mutex::default(),
        };
        let transport = Self {
            shared: Arc::new(shared),
            runtime: Handle::current(),
            peers: Mutex::default(),
            listeners: Mutex::default(),
        };
        transport.set_listen(&config.listen);
        Ok(transport)
    }

    /// The feature level of the cluster: members whose program does not know it are refused
    /// when they connect.
    pub fn set_level(&self, level: u32) {
        self.shared.level.store(level, Ordering::Relaxed);
    }

    /// Replaces the table of members. Links to those who are not in it are closed, in both
    /// directions; this node itself may be in it and is skipped.
    ///
    /// # Errors
    /// When the node's key cannot be used.
    pub fn set_peers(&self, peers: Vec<PeerInfo>) -> io::Result<()> {
        let me = self.shared.hello.node;
        let wanted: BTreeMap<_, _> = peers
            .into_iter()
            .filter(|info| info.id != me)
            .map(|info| (info.id, info))
            .collect();
        let mut known = lock(&self.peers);
        known.retain(|id, _| wanted.contains_key(id));
        for (id, info) in &wanted {
            let old = known.get(id).map(|connected| &connected.peer);
            if old.is_some_and(|peer| peer.info == *info) {
                continue;
            }
            let connected = self.connect(info.clone(), old)?;
            known.insert(*id, connected);
        }
        let by_id = known
            .iter()
            .map(|(id, it)| (*id, Arc::clone(&it.peer)))
            .collect();
        *lock(&self.shared.peers_by_id) = by_id;
        self.shared
            .members
            .replace(wanted.values().map(|info| (info.id, info.key)).collect());
        self.shared
            .members_version
            .send_modify(|version| *version += 1);
        Ok(())
    }

    fn connect(&self, info: PeerInfo, old: Option<&Arc<Peer>>) -> io::Result<Connected> {
        let accept = Accept::Key(info.key);
        let config = tls::client_config(&self.shared.key, accept, ALPN_PEER);
        let config = config.map_err(io::Error::other)?;
        let peer = Arc::new(Peer::new(info));
        if let Some(old) = old {
            peer.take_over(old);
        }
        let links = (0..peer.info.addresses.len()).map(|at| {
            let link = outbound::Link {
                shared: Arc::clone(&self.shared),
                peer: Arc::clone(&peer),
                at,
                config: Arc::clone(&config),
            };
            Task(self.runtime.spawn(link.run()).abort_handle())
        });
        Ok(Connected {
            _links: links.collect(),
            peer,
        })
    }

    /// Replaces the addresses to listen on. They need not exist yet. Connections that came in
    /// over an address that is left out are closed.
    pub fn set_listen(&self, addresses: &[SocketAddr]) {
        let mut listeners = lock(&self.listeners);
        listeners.retain(|address, _| addresses.contains(address));
        for address in addresses {
            listeners.entry(*address).or_insert_with(|| {
                let listening = inbound::listen(Arc::clone(&self.shared), *address);
                Task(self.runtime.spawn(listening).abort_handle())
            });
        }
    }

    /// Sends `message` to a member over its best link. Never blocks. When the queue of the
    /// peer is full its oldest message of the log is dropped. Messages to unknown nodes are
    /// dropped.
    pub fn send(&self, to: NodeId, message: PeerMessage) {
        let Some(peer) = self.shared.peer(to) else {
            tracing::debug!(%to, "a message to a node that is no member is dropped");
            return;
        };
        match frame_of(message) {
            Ok(frame) => peer.push(frame),
            Err(error) => tracing::error!(%to, %error, "a message is too long to be sent"),
        }
    }

    /// A hint: this link is silent (the heartbeats say so). Others are used until it answers
    /// a ping again.
    pub fn link_down(&self, peer: NodeId, address: SocketAddr) {
        if let Some(peer) = self.shared.peer(peer) {
            peer.mark_silent(address);
        }
    }

    /// A hint: the peer has been heard. Links that wait before they connect again do so now.
    pub fn peer_alive(&self, peer: NodeId) {
        if let Some(peer) = self.shared.peer(peer) {
            peer.retry_now();
        }
    }

    /// Whether a link to `peer` is up and answers.
    #[must_use]
    pub fn answers(&self, peer: NodeId) -> bool {
        let is_up = |link: PeerLink| match link.state {
            LinkState::InUse { .. } | LinkState::Spare { .. } => true,
            LinkState::Down | LinkState::Silent { .. } => false,
        };
        let peer = self.shared.peer(peer);
        peer.is_some_and(|peer| peer.status().into_iter().any(is_up))
    }

    /// All links, by peer and in the order of its addresses.
    #[must_use]
    pub fn status(&self) -> Vec<PeerLink> {
        lock(&self.shared.peers_by_id)
            .values()
            .flat_map(|peer| peer.status())
            .collect()
    }

    /// Closes all connections and stops listening. What is queued is lost.
    pub fn shutdown(self) {
        drop(self);
    }
}

/// No delay, and an early end of connections whose other side is gone.
fn prepare_stream(stream: &tokio::net::TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let millis = u32::try_from(TCP_SILENCE_MAX.as_millis()).expect("a short time");
    rustix::net::sockopt::set_tcp_user_timeout(stream, millis)?;
    Ok(())
}
