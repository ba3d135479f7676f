//! One peer: the queue of what it shall get, and which of its links carries it.
//!
//! ```text
//!            connected             ping unanswered
//!     Down ───────────► Answering ◄───────────────► Silent ───► Down
//!                                   pong
//! ```
//!
//! The first answering link carries the queue; when none answers, the first connected one.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tokio::sync::Notify;
use wire::peer::{self as envelope, DecodeError, PeerMessage};

use super::{LinkState, PeerInfo, PeerLink, lock};

/// Frames that wait for one peer. The log has at most 64 appends under way to a follower;
/// the rest is for proposals and elections.
const QUEUE_FRAMES_MAX: usize = 256;

/// Bytes that wait for one peer: a few frames of the greatest length.
const QUEUE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What may be dropped when a queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Worth {
    /// Raft sends it again.
    Repeated,
    /// Somebody waits for it.
    Awaited,
}

/// A framed message.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) bytes: Vec<u8>,
    worth: Worth,
}

/// Encodes and frames.
pub(super) fn frame_of(message: PeerMessage) -> Result<Frame, DecodeError> {
    let worth = match &message {
        // Most of what is relayed is of the log.
        PeerMessage::Raft(_) | PeerMessage::Relayed { .. } => Worth::Repeated,
        PeerMessage::Hello(_)
        | PeerMessage::Proposal { .. }
        | PeerMessage::ProposalReply { .. }
        | PeerMessage::Question { .. }
        | PeerMessage::Answer { .. }
        | PeerMessage::Ping { .. }
        | PeerMessage::Pong { .. } => Worth::Awaited,
    };
    Ok(Frame {
        bytes: envelope::frame(&envelope::encode(message))?,
        worth,
    })
}

/// How the connection of a link is.
#[derive(Debug, Clone, Copy)]
enum Connection {
    Down,
    Answering { since: Instant },
    Silent { since: Instant },
}

#[derive(Debug)]
struct State {
    queue: VecDeque<Frame>,
    queue_bytes: usize,
    /// As many as the peer has addresses.
    connections: Vec<Connection>,
}

impl State {
    fn preferred(&self) -> Option<usize> {
        let find = |wanted: fn(&Connection) -> bool| self.connections.iter().position(wanted);
        find(|it| matches!(it, Connection::Answering { .. }))
            .or_else(|| find(|it| matches!(it, Connection::Silent { .. })))
    }

    fn make_room(&mut self) {
        while QUEUE_FRAMES_MAX < self.queue.len() || QUEUE_BYTES_MAX < self.queue_bytes {
            let oldest = self
                .queue
                .iter()
                .position(|frame| frame.worth == Worth::Repeated);
            let Some(frame) = self.queue.remove(oldest.unwrap_or(0)) else {
                return;
            };
            self.queue_bytes -= frame.bytes.len();
        }
    }
}

/// What wakes the tasks of one link.
#[derive(Debug, Default)]
pub(super) struct Wake {
    /// There may be something to write.
    pub(super) write: Notify,
    /// Ping at once.
    pub(super) ping: Notify,
    /// Connect at once.
    pub(super) retry: Notify,
    /// Set by the first message since the last ping.
    is_used: AtomicBool,
    /// Whether the next ping is a long time away.
    rests: AtomicBool,
}

/// Whether a link carries messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// It did since the last ping.
    Carries,
    /// It did not.
    Rests,
}

impl Wake {
    /// Before the wait for the next ping: what the link did since the last one.
    pub(super) fn begin_wait(&self) -> Use {
        let is_used = self.is_used.swap(false, Ordering::Relaxed);
        self.rests.store(!is_used, Ordering::Relaxed);
        match is_used {
            true => Use::Carries,
            false => Use::Rests,
        }
    }

    /// A message was written. The first after a rest is followed by a ping: nobody has asked
    /// for long whether the link is alive.
    pub(super) fn note_use(&self) {
        self.is_used.store(true, Ordering::Relaxed);
        if self.rests.swap(false, Ordering::Relaxed) {
            self.ping.notify_one();
        }
    }
}

/// One peer.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) info: PeerInfo,
    state: Mutex<State>,
    /// As many as the peer has addresses.
    wakes: Vec<Wake>,
}

impl Peer {
    pub(super) fn new(info: PeerInfo) -> Self {
        let links = info.addresses.len();
        let state = State {
            queue: VecDeque::new(),
            queue_bytes: 0,
            connections: vec![Connection::Down; links],
        };
        let wakes = (0..links).map(|_| Wake::default()).collect();
        Self {
            info,
            state: Mutex::new(state),
            wakes,
        }
    }

    /// Takes what still waits for the same peer under its old addresses.
    pub(super) fn take_over(&self, old: &Self) {
        let mut from = lock(&old.state);
        let queue = std::mem::take(&mut from.queue);
        let bytes = std::mem::take(&mut from.queue_bytes);
        drop(from);
        let mut state = lock(&self.state);
        state.queue = queue;
        state.queue_bytes = bytes;
    }

    pub(super) fn wake(&self, at: usize) -> &Wake {
        &self.wakes[at]
    }

    pub(super) fn push(&self, frame: Frame) {
        let mut state = lock(&self.state);
        state.queue_bytes += frame.bytes.len();
        state.queue.push_back(frame);
        state.make_room();
        let preferred = state.preferred();
        drop(state);
        if let Some(at) = preferred {
            self.wakes[at].write.notify_one();
        }
    }

    /// The next frame for link `at`; none when there is nothing, or another link carries it.
    pub(super) fn take(&self, at: usize) -> Option<Frame> {
        let mut state = lock(&self.state);
        if state.preferred() != Some(at) {
            return None;
        }
        let frame = state.queue.pop_front()?;
        state.queue_bytes -= frame.bytes.len();
        Some(frame)
    }

    fn change(&self, at: usize, change: impl FnOnce(Connection) -> Connection) {
        let mut state = lock(&self.state);
        let before = state.preferred();
        state.connections[at] = change(state.connections[at]);
        let after = state.preferred();
        drop(state);
        if let Some(next) = after.filter(|_| before != after) {
            self.wakes[next].write.notify_one();
            self.wakes[next].ping.notify_one();
        }
    }

    pub(super) fn set_up(&self, at: usize) {
        self.change(at, |_| Connection::Answering {
            since: Instant::now(),
        });
    }

    pub(super) fn set_down(&self, at: usize) {
        self.change(at, |_| Connection::Down);
    }

    pub(super) fn set_silent(&self, at: usize) {
        self.change(at, |old| match old {
            Connection::Down => Connection::Down,
            Connection::Answering { since } | Connection::Silent { since } => {
                Connection::Silent { since }
            }
        });
    }

    pub(super) fn set_answering(&self, at: usize) {
        self.change(at, |old| match old {
            Connection::Down => Connection::Down,
            Connection::Answering { since } | Connection::Silent { since } => {
                Connection::Answering { since }
            }
        });
    }

    pub(super) fn mark_silent(&self, address: SocketAddr) {
        if let Some(at) = self.info.addresses.iter().position(|it| *it == address) {
            self.set_silent(at);
            self.wakes[at].ping.notify_one();
        }
    }

    pub(super) fn retry_now(&self) {
        let state = lock(&self.state);
        for (wake, connection) in self.wakes.iter().zip(&state.connections) {
            if matches!(connection, Connection::Down) {
                wake.retry.notify_one();
            }
        }
    }

    pub(super) fn status(&self) -> Vec<PeerLink> {
        let state = lock(&self.state);
        let preferred = state.preferred();
        let link = |(at, connection): (usize, &Connection)| PeerLink {
            peer: self.info.id,
            address: self.info.addresses[at],
            state: match connection {
                Connection::Down => LinkState::Down,
                Connection::Silent { since } => LinkState::Silent {
                    up_for: since.elapsed(),
                },
                Connection::Answering { since } if preferred == Some(at) => LinkState::InUse {
                    up_for: since.elapsed(),
                },
                Connection::Answering { since } => LinkState::Spare {
                    up_for: since.elapsed(),
                },
            },
        };
        state.connections.iter().enumerate().map(link).collect()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use model::NodeId;

    use super::*;

    fn peer() -> Peer {
        let addresses = vec!["10.0.0.1:1".parse().unwrap(), "10.1.0.1:1".parse().unwrap()];
        Peer::new(PeerInfo {
            id: NodeId(2),
            key: [0; 32],
            addresses,
        })
    }

    fn raft(number: u8) -> Frame {
        frame_of(PeerMessage::Raft(vec![number])).unwrap()
    }

    #[test]
    fn the_first_answering_link_carries_the_queue() {
        let peer = peer();
        peer.push(raft(1));
        assert!(peer.take(0).is_none(), "no link is up");
        peer.set_up(1);
        peer.set_up(0);
        assert!(peer.take(1).is_none(), "the first link is preferred");
        peer.mark_silent("10.0.0.1:1".parse().unwrap());
        assert!(peer.take(0).is_none());
        assert_eq!(peer.take(1).unwrap().bytes, raft(1).bytes);
        peer.push(raft(2));
        peer.set_down(1);
        assert!(peer.take(0).is_some(), "a silent link is better than none");
    }

    #[test]
    fn the_first_message_after_a_rest_asks_for_a_ping_and_the_next_ones_do_not() {
        let wake = Wake::default();
        assert_eq!(wake.begin_wait(), Use::Rests);
        wake.note_use();
        assert!(wake.ping.notified().now_or_never().is_some());
        wake.note_use();
        assert!(wake.ping.notified().now_or_never().is_none());
        assert_eq!(wake.begin_wait(), Use::Carries);
        wake.note_use();
        assert!(
            wake.ping.notified().now_or_never().is_none(),
            "one is soon due"
        );
    }

    #[test]
    fn a_full_queue_drops_its_oldest_raft_message_and_keeps_proposals() {
        let peer = peer();
        peer.set_up(0);
        let proposal = || PeerMessage::Proposal {
            request: 1,
            command: b"x".to_vec(),
        };
        peer.push(frame_of(proposal()).unwrap());
        for number in 0..=u8::MAX {
            peer.push(raft(number));
        }
        assert_eq!(
            peer.take(0).unwrap().bytes,
            frame_of(proposal()).unwrap().bytes
        );
        assert_eq!(peer.take(0).unwrap().bytes, raft(1).bytes, "0 was dropped");
    }
}
