//! Keeps one link warm: connects, greets, writes what the peer's queue holds, pings, and
//! begins again when the connection ends.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wire::peer::{self as envelope, FRAME_BYTES_MAX, Hello, PeerMessage};

use super::peer::{Frame, Peer, Use, frame_of};
use super::{HANDSHAKE_TIMEOUT, Incoming, Shared, prepare_stream};
use crate::stream::{invalid, read_frame, write_frame};
use crate::tls;

/// The waits between attempts to connect begin here: a daemon that restarts is back soon.
const RETRY_FIRST: Duration = Duration::from_millis(20);
/// And double up to here: a node that is down costs one packet a second and network.
const RETRY_MAX: Duration = Duration::from_secs(1);

/// For TCP to connect. The kernel would repeat a lost packet only after a second; a new
/// attempt after this time finds a network that has just come back sooner.
const CONNECT_MAX: Duration = Duration::from_millis(500);

/// Between pings on a link that carries messages. With `ANSWER_MAX` it bounds how long they go
/// into a dead link when heartbeats do not tell earlier: 550 ms. Only the leader has such links
/// to all.
const PING_IN_USE: Duration = Duration::from_millis(300);
/// Between pings on a link that carries nothing, in a small cluster: enough to know that it can
/// take over. The first message after such a rest is followed by a ping at once.
const PING_AT_REST: Duration = Duration::from_secs(1);
/// With more peers than this the rest is longer in proportion, so that a node sends no more
/// pings however many members there are.
const PEERS_AT_FULL_PACE: usize = 16;
/// A ping unanswered for this long makes the link silent: two retransmissions on a LAN.
const ANSWER_MAX: Duration = Duration::from_millis(250);
/// A silent link is closed after this long without an answer, and connected anew.
const SILENCE_MAX: Duration = Duration::from_secs(1);

/// The time between pings on a link at rest, among so many peers.
fn rest(peers: usize) -> Duration {
    let peers = u32::try_from(peers.max(PEERS_AT_FULL_PACE)).unwrap_or(u32::MAX);
    PING_AT_REST * peers / PEERS_AT_FULL_PACE as u32
}

/// One link to one peer.
pub(super) struct Link {
    pub(super) shared: Arc<Shared>,
    pub(super) peer: Arc<Peer>,
    /// Which of the peer's addresses.
    pub(super) at: usize,
    pub(super) config: Arc<ClientConfig>,
}

impl Link {
    fn address(&self) -> SocketAddr {
        self.peer.info.addresses[self.at]
    }

    /// Runs until it is aborted.
    pub(super) async fn run(self) {
        let (peer, address) = (self.peer.info.id, self.address());
        let mut wait = RETRY_FIRST;
        loop {
            match timeout(HANDSHAKE_TIMEOUT, self.connect()).await {
                Ok(Ok((stream, hello))) => {
                    wait = RETRY_FIRST;
                    self.peer.set_up(self.at);
                    self.shared.deliver(Incoming::Connected {
                        peer,
                        address,
                        hello,
                    });
                    let ended = self.serve(stream).await;
                    self.peer.set_down(self.at);
                    tracing::debug!(%peer, %address, ?ended, "the link is down");
                    self.shared
                        .deliver(Incoming::Disconnected { peer, address });
                }
                Ok(Err(error)) => tracing::debug!(%peer, %address, %error, "cannot connect"),
                Err(_) => tracing::debug!(%peer, %address, "no answer while connecting"),
            }
            // Either way out of the wait is fine: time has passed, or the peer was heard.
            let _ = timeout(wait, self.peer.wake(self.at).retry.notified()).await;
            wait = (wait * 2).min(RETRY_MAX);
        }
    }

    async fn connect(&self) -> io::Result<(TlsStream<TcpStream>, Hello)> {
        let stream = timeout(CONNECT_MAX, TcpStream::connect(self.address())).await??;
        prepare_stream(&stream)?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let mut stream = connector.connect(tls::server_name(), stream).await?;
        let hello = envelope::encode(PeerMessage::Hello(self.shared.hello.clone()));
        write_frame(&mut stream, &hello).await?;
        let answer = read_frame(&mut stream, FRAME_BYTES_MAX).await?;
        let PeerMessage::Hello(hello) = envelope::decode(&answer).map_err(invalid)? else {
            return Err(io::Error::other("the peer did not greet"));
        };
        if hello.node != self.peer.info.id || hello.cluster != self.shared.hello.cluster {
            let (node, cluster) = (hello.node, hello.cluster);
            return Err(io::Error::other(format!(
                "it is node {node} of cluster {cluster}"
            )));
        }
        self.shared.require_level(&hello)?;
        Ok((stream, hello))
    }

    /// Until the connection ends; the reason is for the log file.
    async fn serve(&self, stream: TlsStream<TcpStream>) -> io::Result<()> {
        let (reader, writer) = tokio::io::split(stream);
        let (ping, pings) = mpsc::channel(1);
        let (pong, pongs) = watch::channel(0);
        tokio::select! {
            ended = self.write(writer, pings) => ended,
            ended = self.read(reader, pong) => ended,
            ended = self.ping(ping, pongs) => ended,
        }
    }

    async fn write(
        &self,
        mut writer: WriteHalf<TlsStream<TcpStream>>,
        mut pings: mpsc::Receiver<Frame>,
    ) -> io::Result<()> {
        loop {
            let ping = tokio::select! {
                ping = pings.recv() => ping,
                () = self.peer.wake(self.at).write.notified() => None,
            };
            if let Some(ping) = ping {
                writer.write_all(&ping.bytes).await?;
            }
            while let Some(frame) = self.peer.take(self.at) {
                writer.write_all(&frame.bytes).await?;
                self.peer.wake(self.at).note_use();
            }
            writer.flush().await?;
        }
    }

    async fn read(
        &self,
        mut reader: ReadHalf<TlsStream<TcpStream>>,
        pong: watch::Sender<u64>,
    ) -> io::Result<()> {
        loop {
            let payload = read_frame(&mut reader, FRAME_BYTES_MAX).await?;
            match envelope::decode(&payload).map_err(invalid)? {
                PeerMessage::Pong { nonce } => {
                    pong.send_replace(nonce);
                }
                // The peer speaks on the connection that it opened itself.
                PeerMessage::Hello(_)
                | PeerMessage::Raft(_)
                | PeerMessage::Proposal { .. }
                | PeerMessage::ProposalReply { .. }
                | PeerMessage::Question { .. }
                | PeerMessage::Answer { .. }
                | PeerMessage::Relayed { .. }
                | PeerMessage::Ping { .. } => {
                    return Err(io::Error::other("the peer speaks where it should answer"));
                }
            }
        }
    }

    async fn ping(
        &self,
        ping: mpsc::Sender<Frame>,
        mut pongs: watch::Receiver<u64>,
    ) -> io::Result<()> {
        let wake = self.peer.wake(self.at);
        let mut nonce = 0;
        loop {
            let wait = match wake.begin_wait() {
                Use::Carries => PING_IN_USE,
                Use::Rests => rest(self.shared.peer_count()),
            };
            // Either way out of the wait is fine.
            let _ = timeout(wait, wake.ping.notified()).await;
            nonce += 1;
            let frame = frame_of(PeerMessage::Ping { nonce }).expect("a ping is short");
            // When the last ping has not even been written, this one need not be.
            let _ = ping.try_send(frame);
            if timeout(ANSWER_MAX, pongs.wait_for(|seen| nonce <= *seen))
                .await
                .is_err()
            {
                self.peer.set_silent(self.at);
                let answer = timeout(SILENCE_MAX, pongs.wait_for(|seen| nonce <= *seen)).await;
                answer
                    .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
                    .map_err(io::Error::other)?;
            }
            self.peer.set_answering(self.at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_pings_links_at_rest_no_more_often_the_more_peers_there_are() {
        let pings_a_second = |peers: usize| peers as f64 / rest(peers).as_secs_f64();
        assert_eq!(rest(1), PING_AT_REST);
        assert_eq!(rest(16), PING_AT_REST);
        assert!(pings_a_second(63) <= 16.0);
    }
}
