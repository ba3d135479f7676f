//! The heartbeat thread: it gives a `membership::Detector` its packets, refusals and time,
//! and carries out what it wants.
//!
//! A plain thread with its own poll loop, at real-time priority where allowed, never on an
//! async runtime: a busy runtime must not make this node look dead. It decides nothing; it
//! waits for nothing but its sockets, its deadline and its commands; the callback for events
//! must not block.
//!
//! ```text
//!   control loop ── Handle: commands, eventfd ──► thread ◄──► one UDP socket per network
//!        ▲                                          │
//!        └────────────── events ────────────────────┘
//! ```

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use membership::{Event, LinkStatus, Path, PeerStatus, Published, Settings, Voice};
use model::{CardName, NetworkName, NodeId};
use rustix::event::{EventfdFlags, eventfd};
use wire::heartbeat::{ClusterTag, LinkId, Origin};
use wire::seal::ClusterKey;

pub(crate) mod privilege;
mod runner;
mod socket;
#[cfg(test)]
mod tests;

/// A snapshot comes within one turn of the thread, far below a millisecond. Whoever waits
/// longer asks a thread that has ended or a machine that is stuck, and gets what is there:
/// nothing.
const SNAPSHOT_WAIT: Duration = Duration::from_millis(500);

/// How the thread competes for the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheduling {
    /// Round-robin real-time, if the kernel lets us; else ordinary.
    RealTime,
    /// As all other threads.
    Ordinary,
}

/// Whether the memory of the process may be paged out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// Every page that was touched once stays in memory (`mlockall` on fault: it makes the
    /// process no larger). Only if the limit on locked memory is infinite: below a limit,
    /// later allocations would fail.
    Locked,
    /// As the kernel likes.
    Pageable,
}

/// This node's end of one network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalLink {
    /// The number of the network in packets.
    pub link: LinkId,
    /// Its name, for messages.
    pub network: NetworkName,
    /// Address and port to receive on and send from. It need not exist yet.
    pub bind: SocketAddr,
    /// The card that packets must use; `None` leaves it to the routing table.
    pub card: Option<CardName>,
}

/// Another node and where it receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerEndpoints {
    /// The node.
    pub id: NodeId,
    /// Whether it votes.
    pub voice: Voice,
    /// Its address and port on each network.
    pub addresses: BTreeMap<LinkId, SocketAddr>,
}

/// All that the thread needs to begin.
#[derive(Debug, Clone)]
pub struct HeartbeatConfig {
    /// This run of this node. Its incarnation is on disk already and greater than ever before.
    pub me: Origin,
    /// Whether this node votes.
    pub voice: Voice,
    /// Marks the packets of the cluster: `wire::seal::cluster_tag`.
    pub cluster: ClusterTag,
    /// The secret of the cluster.
    pub key: ClusterKey,
    /// The times to go by.
    pub settings: Settings,
    /// This node's end of each network.
    pub links: Vec<LocalLink>,
    /// The other nodes.
    pub peers: Vec<PeerEndpoints>,
    /// How the thread competes for the processor.
    pub scheduling: Scheduling,
    /// Whether memory may be paged out.
    pub memory: Memory,
}

/// Packets counted since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Sent without an error that we were told of.
    pub sent: u64,
    /// Received, genuine and fresh.
    pub accepted: u64,
    /// Not genuine, not for us, or no heartbeat at all.
    pub forged: u64,
    /// Genuine, but stale, repeated, or of no known peer.
    pub rejected: u64,
    /// Refusals by kernels of closed ports.
    pub refused: u64,
}

/// What can be shown, as of one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// All links to all peers.
    pub links: Vec<LinkStatus>,
    /// All peers.
    pub peers: Vec<PeerStatus>,
    /// Packets.
    pub traffic: Traffic,
}

/// What is asked of the thread.
enum Command {
    Peers(Voice, Vec<PeerEndpoints>),
    Settings(Settings),
    Links(Vec<LocalLink>),
    Snapshot(Sender<Snapshot>),
    Leave,
    Stop,
}

/// Steers the thread. Dropping it stops the thread without an announcement.
pub struct Handle {
    commands: Sender<Command>,
    wake: Arc<OwnedFd>,
    published: Arc<Mutex<Published>>,
    paths: Arc<Mutex<Paths>>,
    thread: Option<JoinHandle<()>>,
}

/// The thread's end of the same.
struct Orders {
    commands: Receiver<Command>,
    wake: Arc<OwnedFd>,
    published: Arc<Mutex<Published>>,
    paths: Arc<Mutex<Paths>>,
}

/// The way to each peer.
type Paths = Arc<[(NodeId, Path)]>;

/// Starts the thread. A network whose address does not exist yet is tried again every
/// second; its links are down meanwhile. `events` runs on the thread and must not block.
///
/// # Errors
/// When the kernel gives no thread or no event descriptor.
pub fn spawn(config: HeartbeatConfig, events: Box<dyn Fn(Event) + Send>) -> io::Result<Handle> {
    let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
    let published = Arc::new(Mutex::new(Published::default()));
    let paths = Arc::new(Mutex::new(Paths::from([])));
    let (commands, receiver) = channel();
    let orders = Orders {
        commands: receiver,
        wake: Arc::clone(&wake),
        published: Arc::clone(&published),
        paths: Arc::clone(&paths),
    };
    let thread = std::thread::Builder::new()
        .name("heartbeat".into())
        .spawn(move || {
            privilege::acquire(config.scheduling, config.memory);
            runner::Runner::new(config, orders, events).run();
        })?;
    Ok(Handle {
        commands,
        wake,
        published,
        paths,
        thread: Some(thread),
    })
}

impl Handle {
    /// Replaces the peers, and says whether this node votes.
    pub fn update_peers(&self, voice: Voice, peers: Vec<PeerEndpoints>) {
        self.order(Command::Peers(voice, peers));
    }

    /// Goes by other times from now on.
    pub fn update_settings(&self, settings: Settings) {
        self.order(Command::Settings(settings));
    }

    /// Replaces this node's ends of the networks. Sockets that stay the same stay open.
    pub fn update_links(&self, links: Vec<LocalLink>) {
        self.order(Command::Links(links));
    }

    /// Sets what the next heartbeats carry. Cheap: call it at every change.
    pub fn publish(&self, published: Published) {
        *self
            .published
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = published;
    }

    /// Links, peers and packets as they are now; empty when the thread has ended.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let (reply, answer) = channel();
        self.order(Command::Snapshot(reply));
        answer.recv_timeout(SNAPSHOT_WAIT).unwrap_or_default()
    }

    /// The way to each peer as of the last interval. Cheap.
    #[must_use]
    pub fn paths(&self) -> Arc<[(NodeId, Path)]> {
        let paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&paths)
    }

    /// The links as they are now.
    #[must_use]
    pub fn links(&self) -> Vec<LinkStatus> {
        self.snapshot().links
    }

    /// Announces a clean stop, in several packets. Heartbeats go on until
    /// [`shutdown`](Self::shutdown).
    pub fn leave(&self) {
        self.order(Command::Leave);
    }

    /// Stops the thread and waits for its end, which is one turn of its loop away.
    pub fn shutdown(mut self) {
        self.stop();
    }

    fn stop(&mut self) {
        self.order(Command::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the heartbeat thread had ended by a panic");
        }
    }

    fn order(&self, command: Command) {
        // The thread ends only by `Stop` or a panic; there is nobody to tell then.
        if self.commands.send(command).is_ok() {
            // A full counter means that it is awake anyway.
            let _ = rustix::io::write(&*self.wake, &1_u64.to_ne_bytes());
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.stop();
        }
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}
