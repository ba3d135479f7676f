//! The loop of the heartbeat thread.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::PoisonError;
use std::time::Duration;

use membership::{Detector, Event, Output, Peer, Voice};
use model::{Instant, NodeId};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use wire::heartbeat::{Heartbeat, LinkId, PACKET_MAX};
use wire::seal::Seal;

use super::socket::{LinkSocket, Sent};
use super::{Command, HeartbeatConfig, LocalLink, Orders, PeerEndpoints, Snapshot, Traffic};
use crate::clock::now;

/// A network whose address is missing is tried again this often: a card that comes up is
/// used within a second, and a missing one costs a system call a second.
const REOPEN_EVERY: Duration = Duration::from_secs(1);

/// Packets taken from one socket in one turn: four from each of 64 members. A flood must
/// not keep the thread from sending.
const RECEIVE_MAX: usize = 256;

/// Errors taken from one socket in one turn, for the same reason.
const REFUSALS_MAX: usize = 256;

/// One end of one network: configured always, open when its address exists.
struct Link {
    local: LocalLink,
    socket: Option<LinkSocket>,
    retry_at: Instant,
}

/// What a turn of the loop ends with.
#[derive(PartialEq, Eq)]
enum Turn {
    Again,
    Stop,
}

pub(super) struct Runner {
    detector: Detector,
    seal: Seal,
    voice: Voice,
    links: Vec<Link>,
    peers: Vec<PeerEndpoints>,
    /// Who is behind an address of a network.
    behind: BTreeMap<(LinkId, SocketAddr), NodeId>,
    orders: Orders,
    events: Box<dyn Fn(Event) + Send>,
    traffic: Traffic,
    packet: Vec<u8>,
}

impl Runner {
    pub fn new(config: HeartbeatConfig, orders: Orders, events: Box<dyn Fn(Event) + Send>) -> Self {
        let at = now();
        let mut runner = Self {
            detector: Detector::new(config.me, config.voice, config.settings, at),
            seal: Seal::new(&config.key, config.cluster, config.me),
            voice: config.voice,
            links: Vec::new(),
            peers: config.peers,
            behind: BTreeMap::new(),
            orders,
            events,
            traffic: Traffic::default(),
            packet: Vec::with_capacity(PACKET_MAX),
        };
        runner.set_links(config.links, at);
        runner
    }

    pub fn run(mut self) {
        loop {
            self.wait();
            if self.obey() == Turn::Stop {
                return;
            }
            self.reopen(now());
            // The sockets before the clock: what arrived in time counts.
            for index in 0..self.links.len() {
                self.receive(index);
            }
            let at = now();
            if self.detector.next_deadline() <= at {
                let published = *self
                    .orders
                    .published
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                self.detector.publish(published);
                self.detector.handle_timeout(at);
                self.tell_paths(at);
            }
            self.carry_out();
        }
    }

    /// Ways change with silence, which is noticed at deadlines, and with the first packet
    /// after one, which can wait for the next.
    fn tell_paths(&self, at: Instant) {
        let paths = self.detector.paths(at);
        let mut told = self
            .orders
            .paths
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if **told != *paths {
            *told = paths.into();
        }
    }

    /// Until a packet, an error, a command or the next deadline.
    fn wait(&self) {
        let closed = self.links.iter().filter(|link| link.socket.is_none());
        let until = closed
            .map(|link| link.retry_at)
            .fold(self.detector.next_deadline(), Instant::min);
        let left = until.saturating_duration_since(now());
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        let open = self.links.iter().filter_map(|link| link.socket.as_ref());
        let mut watched: Vec<_> = open
            .map(|socket| PollFd::new(socket, PollFlags::IN))
            .collect();
        watched.push(PollFd::new(&*self.orders.wake, PollFlags::IN));
        if let Err(error) = poll(&mut watched, Some(&timeout))
            && error != rustix::io::Errno::INTR
        {
            tracing::error!(%error, "the heartbeat thread cannot wait for packets");
        }
    }

    fn obey(&mut self) -> Turn {
        let mut counter = [0; 8];
        // Nothing to read means that nothing was ordered.
        if rustix::io::read(&*self.orders.wake, &mut counter).is_err() {
            return Turn::Again;
        }
        while let Ok(command) = self.orders.commands.try_recv() {
            let at = now();
            match command {
                Command::Peers(voice, peers) => {
                    self.voice = voice;
                    self.peers = peers;
                    self.set_peers(at);
                }
                Command::Settings(settings) => self.detector.set_settings(settings, at),
                Command::Links(links) => self.set_links(links, at),
                Command::Snapshot(reply) => {
                    // Whoever asked may have given up waiting.
                    let _ = reply.send(self.snapshot(at));
                }
                Command::Leave => {
                    self.detector.leave(at);
                    self.carry_out();
                }
                Command::Stop => return Turn::Stop,
            }
        }
        Turn::Again
    }

    fn snapshot(&self, at: Instant) -> Snapshot {
        Snapshot {
            links: self.detector.links(at),
            peers: self.detector.peers(at),
            traffic: self.traffic,
        }
    }

    fn set_links(&mut self, locals: Vec<LocalLink>, at: Instant) {
        let mut old = std::mem::take(&mut self.links);
        for local in locals {
            let kept = old.iter().position(|link| link.local == local);
            self.links.push(match kept {
                Some(index) => old.swap_remove(index),
                None => Link {
                    local,
                    socket: None,
                    retry_at: at,
                },
            });
        }
        drop(old);
        self.reopen(at);
        self.set_peers(at);
    }

    fn set_peers(&mut self, at: Instant) {
        let locals: Vec<LinkId> = self.links.iter().map(|link| link.local.link).collect();
        self.behind.clear();
        let mut peers = Vec::new();
        for peer in &self.peers {
            let shared = peer
                .addresses
                .iter()
                .filter(|(link, _)| locals.contains(link));
            self.behind
                .extend(shared.clone().map(|(link, at)| ((*link, *at), peer.id)));
            let links = shared.map(|(link, _)| *link).collect();
            peers.push(Peer {
                id: peer.id,
                voice: peer.voice,
                links,
            });
        }
        self.detector.set_peers(self.voice, peers, at);
    }

    fn reopen(&mut self, at: Instant) {
        for link in self.links.iter_mut().filter(|link| link.socket.is_none()) {
            if at < link.retry_at {
                continue;
            }
            link.retry_at = at + REOPEN_EVERY;
            match LinkSocket::open(&link.local) {
                Ok(socket) => link.socket = Some(socket),
                Err(error) => {
                    let (network, address) = (&link.local.network, link.local.bind);
                    tracing::debug!(%network, %address, %error, "no heartbeats yet");
                }
            }
        }
    }

    fn receive(&mut self, index: usize) {
        let Self {
            links,
            detector,
            seal,
            behind,
            traffic,
            ..
        } = self;
        let Some(Link {
            local,
            socket: Some(socket),
            ..
        }) = links.get(index)
        else {
            return;
        };
        for _ in 0..REFUSALS_MAX {
            let Some(refusal) = socket.next_refusal() else {
                break;
            };
            let peer = refusal.and_then(|address| behind.get(&(local.link, address)));
            if let Some(peer) = peer {
                traffic.refused += 1;
                detector.handle_refused(local.link, *peer, now());
            }
        }
        // One byte more than the longest packet, so that a longer one is seen to be longer.
        let mut buffer = [0; PACKET_MAX + 1];
        for _ in 0..RECEIVE_MAX {
            let Some(length) = socket.receive(&mut buffer) else {
                break;
            };
            let Ok(heartbeat) = seal.open(&mut buffer[..length]) else {
                traffic.forged += 1;
                continue;
            };
            match detector.handle_heartbeat(local.link, &heartbeat, now()) {
                Ok(()) => traffic.accepted += 1,
                Err(reason) => {
                    traffic.rejected += 1;
                    let sender = heartbeat.header.origin.node;
                    tracing::trace!(%sender, %reason, "heartbeat not counted");
                }
            }
        }
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.detector.poll_output() {
            match output {
                Output::Send {
                    peer,
                    link,
                    heartbeat,
                } => self.send(peer, link, &heartbeat),
                Output::Event(event) => (self.events)(event),
            }
        }
    }

    fn send(&mut self, peer: NodeId, on: LinkId, heartbeat: &Heartbeat) {
        let Some(peer) = self.peers.iter().find(|known| known.id == peer) else {
            return;
        };
        let Some(to) = peer.addresses.get(&on) else {
            return;
        };
        let Some(link) = self.links.iter_mut().find(|link| link.local.link == on) else {
            return;
        };
        let Some(socket) = &link.socket else { return };
        self.seal.seal(heartbeat, &mut self.packet);
        match socket.send(&self.packet, *to) {
            Sent::Done => self.traffic.sent += 1,
            Sent::Failed => {}
            Sent::Useless => {
                link.socket = None;
                link.retry_at = now() + REOPEN_EVERY;
            }
        }
    }
}
