//! The detector: what comes in, what is sent, when it wants to be called again. Its
//! judgement is in `judge`.

use std::collections::{BTreeMap, VecDeque};

use model::plant::{self, Plant};
use model::{Epoch, Instant, NodeId};
use wire::heartbeat::{Heartbeat, LinkId, Origin, Phase, Stall};

use crate::event::{Event, Output, Recovery, Voice};
use crate::peer::{PeerState, State, Watch};
use crate::session::{Rejected, Sessions};
use crate::settings::Settings;
use crate::status::{LinkStatus, PeerStatus};

mod hear;
mod judge;
mod neighbours;
mod path;
mod tell;

pub use path::Path;

/// A clean stop is announced this often at once: with one packet in five lost on every
/// link, fewer than one stop in a hundred goes unheard, and the refusals that follow would
/// still tell it from a loss.
const LEAVE_REPEATS: usize = 3;

/// News are sent at once, but at least this part of an interval after the last packet, so
/// that a flapping network cannot make us flood it.
const HURRY_SHARE: u32 = 5;

/// Another node, as the view names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Which.
    pub id: NodeId,
    /// Whether it votes.
    pub voice: Voice,
    /// The networks that we share with it.
    pub links: Vec<LinkId>,
}

/// What the control loop lets the heartbeats carry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Published {
    /// The view that this node is in.
    pub epoch: Epoch,
    /// The last log index that it applied.
    pub applied: u64,
    /// When its lease ends; packets say how long that still is as they are sent.
    pub lease_until: Instant,
    /// Where its daemon is in its life. `Leaving` is set by [`Detector::leave`] only.
    pub phase: Phase,
}

/// Whether anybody is heard at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Company {
    Connected,
    Isolated,
}

/// Watches the peers of one node. See the crate for what it never does.
///
/// The caller's duties: call [`handle_timeout`](Self::handle_timeout) when
/// [`next_deadline`](Self::next_deadline) has come, but drain the sockets before that, so
/// that what arrived in time counts; after every call take all of
/// [`poll_output`](Self::poll_output). `now` never goes back.
#[derive(Debug)]
pub struct Detector {
    me: Origin,
    voice: Voice,
    settings: Settings,
    published: Published,
    peers: BTreeMap<NodeId, PeerState>,
    sessions: Sessions,
    company: Company,
    stall: Stall,
    sent_at: Instant,
    next_send: Instant,
    judged_at: Instant,
    /// Where the hearing table of the next packet begins, when not all peers fit.
    table_start: usize,
    outputs: VecDeque<Output>,
}

impl Detector {
    /// A detector without peers. `me.incarnation` is greater than in every earlier run.
    #[must_use]
    pub fn new(me: Origin, voice: Voice, settings: Settings, now: Instant) -> Self {
        Self {
            me,
            voice,
            settings,
            published: Published::default(),
            peers: BTreeMap::new(),
            sessions: Sessions::new(me.incarnation),
            company: Company::Connected,
            stall: Stall::default(),
            sent_at: now,
            next_send: now,
            judged_at: now,
            table_start: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Replaces the peers. What is known of those that stay is kept; new ones are silent
    /// from `now` on.
    pub fn set_peers(&mut self, voice: Voice, peers: Vec<Peer>, now: Instant) {
        self.voice = voice;
        self.peers
            .retain(|id, _| peers.iter().any(|peer| peer.id == *id));
        for peer in peers.into_iter().filter(|peer| peer.id != self.me.node) {
            let state = self
                .peers
                .entry(peer.id)
                .or_insert_with(|| PeerState::new(peer.voice, now));
            state.voice = peer.voice;
            state.set_links(&peer.links, now);
        }
        let mut members: Vec<NodeId> = self.peers.keys().copied().collect();
        members.push(self.me.node);
        let neighbours = neighbours::of(self.me.node, members);
        for (id, state) in &mut self.peers {
            let is_near = neighbours.contains(id);
            let watch = if is_near {
                Watch::Neighbour
            } else {
                Watch::Distant
            };
            state.set_watch(watch, now);
        }
        self.hurry(now);
    }

    /// Goes by other times from now on. Silence is counted anew, or a shorter time would
    /// accuse nodes of a silence that was still allowed.
    pub fn set_settings(&mut self, settings: Settings, now: Instant) {
        self.settings = settings;
        self.restart_clocks(now);
        self.hurry(now);
    }

    /// Sets what the next heartbeats carry.
    pub fn publish(&mut self, published: Published) {
        let leaving = self.published.phase == Phase::Leaving;
        self.published = published;
        if leaving {
            self.published.phase = Phase::Leaving;
        }
    }

    /// Announces a clean stop, several times at once. There is no way back but a new run.
    pub fn leave(&mut self, now: Instant) {
        self.published.phase = Phase::Leaving;
        for _ in 0..LEAVE_REPEATS {
            self.send(now);
        }
    }

    /// Takes a packet that came over `link` and was opened by the seal.
    ///
    /// # Errors
    /// Why it does not count. It changed nothing then, except that the next heartbeat may
    /// answer a run that wants to prove itself.
    pub fn handle_heartbeat(
        &mut self,
        link: LinkId,
        heartbeat: &Heartbeat,
        now: Instant,
    ) -> Result<(), Rejected> {
        self.note_stall(now);
        let origin = heartbeat.header.origin;
        let peer = self.peers.get(&origin.node).ok_or(Rejected::Stranger)?;
        if heartbeat.header.link != link || !peer.links.contains_key(&link) {
            return Err(Rejected::Link);
        }
        let is_older = |known: Origin| {
            origin.incarnation < known.incarnation && !plant::is(Plant::EarlierBootHeard)
        };
        if peer.origin.is_some_and(is_older) {
            return Err(Rejected::Outdated);
        }
        let run = self.sessions.accept(heartbeat, now);
        if run.is_ok() || run == Err(Rejected::Unconfirmed) {
            self.note_asks(heartbeat, &run);
        }
        let run = run.inspect_err(|rejected| {
            if *rejected == Rejected::Unconfirmed {
                self.hurry(now);
            }
        })?;
        self.hear(link, heartbeat, run, now);
        Ok(())
    }

    /// Takes the kernel's word that `peer` has no daemon at the port of `link`: an ICMP
    /// port unreachable that names a packet of ours and comes from the peer's address.
    pub fn handle_refused(&mut self, link: LinkId, peer: NodeId, now: Instant) {
        self.note_stall(now);
        let Some(state) = self.peers.get_mut(&peer) else {
            return;
        };
        let Some(on) = state.links.get_mut(&link) else {
            return;
        };
        on.refused_at = Some(now);
        state.refused_at = Some(now);
        // What waited for us while we slept tells of the time before.
        state.closed_at = Some(self.sent_at);
        state.refusals = state.refusals.saturating_add(1);
        self.note_company(now);
        self.judge(peer, now);
    }

    /// Does what is due: judges silences, sends heartbeats.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.note_stall(now);
        self.judged_at = now;
        self.judge_all(now);
        if self.next_send <= now {
            self.send(now);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next.
    #[must_use]
    pub fn next_deadline(&self) -> Instant {
        let changes = self.peers.values().flat_map(|peer| self.thresholds(peer));
        changes
            .filter(|at| self.judged_at < *at)
            .fold(self.next_send, Instant::min)
    }

    /// The next thing to do, until there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// All links to those that this node beats to, as of `now`.
    #[must_use]
    pub fn links(&self, now: Instant) -> Vec<LinkStatus> {
        let watched = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.watch == Watch::Neighbour);
        let of = |(id, peer): (&NodeId, &PeerState)| {
            let id = *id;
            peer.links
                .iter()
                .map(move |(link, state)| state.status(id, *link, now))
                .collect()
        };
        watched.flat_map::<Vec<_>, _>(of).collect()
    }

    /// All peers as of `now`.
    #[must_use]
    pub fn peers(&self, now: Instant) -> Vec<PeerStatus> {
        self.peers
            .iter()
            .map(|(id, peer)| peer.status(*id, now))
            .collect()
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    /// Brings the next heartbeat forward, for news that others wait for.
    fn hurry(&mut self, now: Instant) {
        let gap = self.settings.heartbeat_interval / HURRY_SHARE;
        self.next_send = self.next_send.min(now.max(self.sent_at + gap));
    }

    /// Counts all silence anew: ours may be the fault.
    fn restart_clocks(&mut self, now: Instant) {
        for peer in self.peers.values_mut() {
            peer.counted_from = now;
            peer.links
                .values_mut()
                .for_each(|link| link.counted_from = now);
        }
    }

    /// Drops all suspicions that are not yet a loss.
    fn drop_suspicions(&mut self, because: Recovery) {
        for (&peer, state) in &mut self.peers {
            if state.state == State::Suspected {
                state.state = state.calm();
                self.outputs
                    .push_back(Output::Event(Event::Recovered { peer, because }));
            }
        }
    }

    /// Our own timer shows whether we were scheduled: it was due at `next_send`.
    fn note_stall(&mut self, now: Instant) {
        let stalled_for = now.saturating_duration_since(self.next_send);
        if stalled_for < self.settings.stall_after {
            return;
        }
        let millis = u32::try_from(stalled_for.as_millis()).unwrap_or(u32::MAX);
        self.stall = Stall {
            count: self.stall.count.wrapping_add(1),
            millis,
        };
        self.tell(Event::Stalled { stalled_for });
        self.drop_suspicions(Recovery::OwnStall);
        self.restart_clocks(now);
        // Due now, not in the past, or the next call would see the same stall again.
        self.next_send = now;
    }

    /// Somebody is heard. After an isolation the silence of the others counts from now: it
    /// was ours as well.
    fn note_company(&mut self, now: Instant) {
        if self.company == Company::Isolated {
            self.company = Company::Connected;
            self.tell(Event::Connected);
            self.restart_clocks(now);
        }
    }
}
