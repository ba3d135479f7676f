//! Listens: members' connections, which are read and whose pings are answered, and
//! joiners' requests, one to a connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use model::NodeId;
use rustix::net::sockopt;
use rustls::server::Acceptor;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use wire::peer::{self as envelope, FRAME_BYTES_MAX, PeerMessage};

use super::{HANDSHAKE_TIMEOUT, Incoming, Shared, lock, prepare_stream};
use crate::join::{ANSWER_TIMEOUT, Ask, REQUEST_BYTES_MAX, Refusal};
use crate::keys::PUBLIC_KEY_BYTES;
use crate::stream::{invalid, read_frame, write_frame};
use crate::tls::{self, ALPN_JOIN, ALPN_PEER};

/// Connections that the kernel holds for us until we take them.
const BACKLOG: u32 = 128;

/// Before an address that could not be bound (another program has the port) is tried again.
const BIND_RETRY: Duration = Duration::from_secs(1);

/// After a failed accept (no file descriptors): long enough not to spin.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// A peer pings each link at least once a second; one that is silent for this long is gone.
const IDLE_MAX: Duration = Duration::from_secs(5);

/// For an answer to be written into a connection.
const WRITE_MAX: Duration = Duration::from_secs(2);

/// Connections from one member at once. It needs one for each network; those that a power
/// loss left behind last for `IDLE_MAX`.
const CONNECTIONS_PER_MEMBER_MAX: usize = 16;

/// Listens on one address until it is aborted; its connections end with it.
pub(super) async fn listen(shared: Arc<Shared>, address: SocketAddr) {
    let listener = loop {
        match bind(address) {
            Ok(listener) => break listener,
            Err(error) => tracing::warn!(%address, %error, "cannot listen for peers; will retry"),
        }
        sleep(BIND_RETRY).await;
    };
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%address, %error, "cannot take a connection");
                sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&shared.unproven).try_acquire_owned() else {
            tracing::warn!(%from, "too many connections without a proven key; one is refused");
            continue;
        };
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            if let Err(error) = serve(&shared, stream, permit).await {
                tracing::debug!(%from, %error, "a connection from outside ended");
            }
        });
    }
}

/// The address need not exist yet.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        let socket = TcpSocket::new_v4()?;
        sockopt::set_ip_freebind(&socket, true)?;
        socket
    } else {
        let socket = TcpSocket::new_v6()?;
        sockopt::set_ipv6_freebind(&socket, true)?;
        socket
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Which protocol a connection speaks, after TLS.
enum Opened {
    Peer(TlsStream<TcpStream>),
    Join(TlsStream<TcpStream>),
}

async fn serve(
    shared: &Arc<Shared>,
    stream: TcpStream,
    permit: OwnedSemaphorePermit,
) -> io::Result<()> {
    match timeout(HANDSHAKE_TIMEOUT, open(shared, stream)).await?? {
        Opened::Peer(mut stream) => {
            let key = shown_key(&stream)?;
            let node = timeout(HANDSHAKE_TIMEOUT, greet(shared, &mut stream, key)).await??;
            drop(permit);
            let _place = Place::take(shared, node)?;
            // It can be reached: no reason to wait with our own links to it.
            if let Some(peer) = shared.peer(node) {
                peer.retry_now();
            }
            listen_to(shared, &mut stream, node, key).await
        }
        Opened::Join(mut stream) => serve_join(shared, &mut stream, permit).await,
    }
}

async fn open(shared: &Shared, stream: TcpStream) -> io::Result<Opened> {
    prepare_stream(&stream)?;
    let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let protocols: Vec<Vec<u8>> = start
        .client_hello()
        .alpn()
        .into_iter()
        .flatten()
        .map(<[u8]>::to_vec)
        .collect();
    let speaks = |protocol: &[u8]| protocols.iter().any(|it| it == protocol);
    if speaks(ALPN_PEER) {
        start
            .into_stream(Arc::clone(&shared.accept_peer))
            .await
            .map(Opened::Peer)
    } else if speaks(ALPN_JOIN) {
        start
            .into_stream(Arc::clone(&shared.accept_join))
            .await
            .map(Opened::Join)
    } else {
        Err(io::Error::other("neither a peer nor a joiner"))
    }
}

fn shown_key(stream: &TlsStream<TcpStream>) -> io::Result<[u8; PUBLIC_KEY_BYTES]> {
    let shown = stream
        .get_ref()
        .1
        .peer_certificates()
        .and_then(<[_]>::first);
    let no_key = || io::Error::other("the other side has shown no key");
    shown
        .and_then(|shown| tls::public_key(shown))
        .ok_or_else(no_key)
}

async fn greet(
    shared: &Shared,
    stream: &mut TlsStream<TcpStream>,
    key: [u8; PUBLIC_KEY_BYTES],
) -> io::Result<NodeId> {
    let payload = read_frame(stream, FRAME_BYTES_MAX).await?;
    let PeerMessage::Hello(hello) = envelope::decode(&payload).map_err(invalid)? else {
        return Err(io::Error::other("the first message is no greeting"));
    };
    if hello.cluster != shared.hello.cluster {
        return Err(io::Error::other(format!(
            "it is of another cluster: {}",
            hello.cluster
        )));
    }
    if shared.members.owner(&key) != Some(hello.node) {
        return Err(io::Error::other(format!("it is not node {}", hello.node)));
    }
    shared.require_level(&hello)?;
    let answer = envelope::encode(PeerMessage::Hello(shared.hello.clone()));
    write_frame(stream, &answer).await?;
    Ok(hello.node)
}

/// One of the connections that a member may have to us.
struct Place<'a> {
    shared: &'a Shared,
    node: NodeId,
}

impl<'a> Place<'a> {
    fn take(shared: &'a Shared, node: NodeId) -> io::Result<Self> {
        let mut inbound = lock(&shared.inbound);
        let count = inbound.entry(node).or_default();
        if CONNECTIONS_PER_MEMBER_MAX <= *count {
            return Err(io::Error::other(format!(
                "node {node} has too many connections"
            )));
        }
        *count += 1;
        Ok(Self { shared, node })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(count) = lock(&self.shared.inbound).get_mut(&self.node) {
            *count -= 1;
        }
    }
}

/// Until the connection ends, or the node is no member any more.
async fn listen_to(
    shared: &Shared,
    stream: &mut TlsStream<TcpStream>,
    node: NodeId,
    key: [u8; PUBLIC_KEY_BYTES],
) -> io::Result<()> {
    let mut version = shared.members_version.subscribe();
    let member = || shared.members.owner(&key) == Some(node);
    let removed = async {
        while member() && version.changed().await.is_ok() {}
        Err(io::Error::other(format!(
            "node {node} is no member any more"
        )))
    };
    tokio::select! {
        ended = listen_on(shared, stream, node) => ended,
        ended = removed => ended,
    }
}

async fn listen_on(
    shared: &Shared,
    stream: &mut TlsStream<TcpStream>,
    node: NodeId,
) -> io::Result<()> {
    loop {
        let payload = timeout(IDLE_MAX, read_frame(stream, FRAME_BYTES_MAX)).await??;
        match envelope::decode(&payload).map_err(invalid)? {
            PeerMessage::Ping { nonce } => {
                let pong = envelope::encode(PeerMessage::Pong { nonce });
                timeout(WRITE_MAX, write_frame(stream, &pong)).await??;
            }
            message @ (PeerMessage::Raft(_)
            | PeerMessage::Proposal { .. }
            | PeerMessage::ProposalReply { .. }
            | PeerMessage::Question { .. }
            | PeerMessage::Answer { .. }
            | PeerMessage::Relayed { .. }) => {
                shared.deliver(Incoming::Message {
                    from: node,
                    message,
                });
            }
            PeerMessage::Hello(_) | PeerMessage::Pong { .. } => {
                return Err(io::Error::other("a greeting or an answer nobody asked for"));
            }
        }
    }
}

async fn serve_join(
    shared: &Shared,
    stream: &mut TlsStream<TcpStream>,
    permit: OwnedSemaphorePermit,
) -> io::Result<()> {
    let payload = timeout(HANDSHAKE_TIMEOUT, read_frame(stream, REQUEST_BYTES_MAX)).await??;
    drop(permit);
    let answer = match serde_json::from_slice::<Ask>(&payload) {
        Err(error) => Err(Refusal::BadRequest(error.to_string())),
        Ok(ask) if ask.request.key != shown_key(stream)? => Err(Refusal::BadRequest(
            "its key is not the one of the connection".to_owned(),
        )),
        Ok(ask) => ask_control(shared, ask).await,
    };
    let answer = serde_json::to_vec(&answer).map_err(invalid)?;
    timeout(WRITE_MAX, write_frame(stream, &answer)).await?
}

async fn ask_control(shared: &Shared, ask: Ask) -> crate::join::Answer {
    let Ok(_place) = shared.joins.try_acquire() else {
        return Err(Refusal::NotNow("too many machines are joining".to_owned()));
    };
    let (reply, answer) = oneshot::channel();
    let token_digest = ask.token_digest();
    let join = Incoming::Join {
        request: ask.request,
        token_digest,
        reply,
    };
    let not_now = |why: &str| Refusal::NotNow(why.to_owned());
    shared
        .incoming
        .try_send(join)
        .map_err(|_| not_now("this node is busy"))?;
    match timeout(ANSWER_TIMEOUT, answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(not_now("this node has no answer")),
        Err(_) => Err(not_now("no decision in time")),
    }
}
