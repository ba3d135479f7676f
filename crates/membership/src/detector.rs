//! The detector: what comes in, what is sent, when it wants to be called again. Its
//! judgement is in `judge`.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use model::{Epoch, Instant, NodeId};
use wire::heartbeat::{
    AGE_UNKNOWN, HEARING_MAX, Header, Hearing, Heartbeat, LinkId, Origin, Phase, Stall, Verdict,
    boot_tag,
};

use crate::event::{Event, Output, Recovery, Voice};
use crate::peer::{Claim, PeerState, State};
use crate::session::{Rejected, Run, Sessions};
use crate::settings::Settings;
use crate::status::{LinkCondition, LinkStatus, PeerStatus};

mod judge;

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
        let run = match self.sessions.accept(heartbeat, now) {
            Ok(run) => run,
            Err(rejected) => {
                if rejected == Rejected::Unconfirmed {
                    self.hurry(now);
                }
                return Err(rejected);
            }
        };
        self.note_company(now);
        if run == Run::Same && !self.is_news(heartbeat) {
            self.note_link(link, heartbeat, now);
            return Ok(());
        }
        self.note_run(heartbeat, run, now);
        self.note_link(link, heartbeat, now);
        self.note_sender(heartbeat, now);
        self.note_table(heartbeat, now);
        self.judge_suspects(now);
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

    /// All links as of `now`.
    #[must_use]
    pub fn links(&self, now: Instant) -> Vec<LinkStatus> {
        let of = |(id, peer): (&NodeId, &PeerState)| {
            let id = *id;
            peer.links
                .iter()
                .map(move |(link, state)| state.status(id, *link, now))
                .collect()
        };
        self.peers.iter().flat_map::<Vec<_>, _>(of).collect()
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

    /// Whether the sender sent this after all that we have of it. A copy over another link,
    /// or a packet that was kept back on its way, says something of its link only: that the
    /// sender lived as it sent we knew already.
    fn is_news(&self, heartbeat: &Heartbeat) -> bool {
        let peer = self.peers.get(&heartbeat.header.origin.node);
        peer.is_none_or(|peer| peer.last_sent_at < heartbeat.sent_at)
    }

    fn note_run(&mut self, heartbeat: &Heartbeat, run: Run, now: Instant) {
        let origin = heartbeat.header.origin;
        let Some(state) = self.peers.get_mut(&origin.node) else {
            return;
        };
        let peer = origin.node;
        state.origin = Some(origin);
        state.heard_at = Some(now);
        state.last_sent_at = heartbeat.sent_at;
        state.refusals = 0;
        state.refused_at = None;
        if run != Run::Same {
            // Stalls before our first contact are no news.
            state.stalls = heartbeat.stall.count;
        }
        let before = state.state;
        let alive = Event::Alive {
            peer,
            boot: origin.boot,
            incarnation: origin.incarnation,
        };
        let tell = match run {
            Run::After(old) if old.boot != origin.boot => {
                state.stalls = 0;
                vec![
                    Event::Rebooted {
                        peer,
                        old: old.boot,
                        new: origin.boot,
                    },
                    alive,
                ]
            }
            Run::First | Run::After(_) => {
                state.stalls = 0;
                vec![alive]
            }
            Run::Same => match before {
                State::Alive | State::Left => vec![],
                State::Suspected => {
                    vec![Event::Recovered {
                        peer,
                        because: Recovery::Heard,
                    }]
                }
                State::Unseen | State::Lost | State::DaemonDown { .. } => vec![alive],
            },
        };
        let stays = run == Run::Same && before == State::Left;
        state.state = if stays { State::Left } else { State::Alive };
        if !tell.is_empty() {
            self.hurry(now);
        }
        tell.into_iter().for_each(|event| self.tell(event));
    }

    fn note_link(&mut self, link: LinkId, heartbeat: &Heartbeat, now: Instant) {
        let peer = heartbeat.header.origin.node;
        let me = self.me.node;
        let settings = &self.settings;
        let Some(state) = self.peers.get_mut(&peer) else {
            return;
        };
        let Some(on) = state.links.get_mut(&link) else {
            return;
        };
        on.note_heard(settings, now);
        on.refused_at = None;
        if let Some(echo) = heartbeat
            .echo
            .filter(|echo| echo.incarnation == self.me.incarnation)
        {
            let away = now.saturating_duration_since(echo.sent_at);
            on.note_round_trip(away.saturating_sub(echo.held));
            state.met_at = state.met_at.max(Some(echo.sent_at));
        }
        if matches!(on.condition, LinkCondition::Unseen | LinkCondition::Down) {
            on.condition = LinkCondition::Up;
            on.unheard_since = None;
            self.outputs
                .push_back(Output::Event(Event::LinkUp { peer, link }));
        }
        let Some(line) = heartbeat.hearing.iter().find(|line| line.node == me) else {
            return;
        };
        if line.networks & (1 << link.0) != 0 {
            on.unheard_since = None;
            if on.condition == LinkCondition::OneWay {
                on.condition = LinkCondition::Up;
                self.outputs
                    .push_back(Output::Event(Event::LinkBothWays { peer, link }));
            }
            return;
        }
        let since = *on.unheard_since.get_or_insert(now);
        let unheard_for = now.saturating_duration_since(since);
        if on.condition == LinkCondition::Up && settings.suspect_after <= unheard_for {
            on.condition = LinkCondition::OneWay;
            self.outputs
                .push_back(Output::Event(Event::LinkOneWay { peer, link }));
        }
    }

    /// What the sender says of itself.
    fn note_sender(&mut self, heartbeat: &Heartbeat, now: Instant) {
        let peer = heartbeat.header.origin.node;
        let Some(state) = self.peers.get_mut(&peer) else {
            return;
        };
        state.epoch = heartbeat.epoch;
        state.applied = heartbeat.applied;
        state.lease = heartbeat.lease;
        state.phase = heartbeat.phase;
        let stall = heartbeat.stall;
        let leaves = heartbeat.phase == Phase::Leaving && state.state != State::Left;
        if leaves {
            state.state = State::Left;
        }
        let stalled = state.stalls != stall.count;
        state.stalls = stall.count;
        if leaves {
            self.tell(Event::Leaving { peer });
            self.hurry(now);
        }
        if stalled {
            let stalled_for = Duration::from_millis(stall.millis.into());
            self.tell(Event::PeerStalled { peer, stalled_for });
        }
    }

    /// What the sender hears of others.
    fn note_table(&mut self, heartbeat: &Heartbeat, now: Instant) {
        let by = heartbeat.header.origin.node;
        let suspect_after = self.settings.suspect_after;
        for line in heartbeat.hearing.iter().filter(|line| line.node != by) {
            let Some(target) = self.peers.get_mut(&line.node) else {
                continue;
            };
            let Some(age) = line.age() else { continue };
            // Without the packet's time on the way, which we cannot know: so a sign of life
            // seems younger than it is, never older.
            let at = Instant(now.0.saturating_sub(age.as_nanos() as u64));
            target.relayed_at = target.relayed_at.max(Some(at));
            if suspect_after <= age {
                continue;
            }
            let known = target.origin.unwrap_or_default();
            let start = known.incarnation.0 as u32;
            let tags_differ = boot_tag(known.boot) != line.boot_tag;
            match line.verdict {
                Verdict::DaemonDown => target.relayed_down_at = Some(now),
                Verdict::Left if !tags_differ && line.incarnation == start => {
                    target.relayed_left_at = Some(now);
                }
                Verdict::Left | Verdict::Fine | Verdict::Suspected | Verdict::Lost => {}
            }
            let newer = start.max(target.relayed_start) < line.incarnation;
            if newer && tags_differ && target.origin.is_some() {
                target.relayed_start = line.incarnation;
                let event = Event::RebootRelayed {
                    peer: line.node,
                    by,
                };
                self.outputs.push_back(Output::Event(event));
            }
        }
        let Some(sender) = self.peers.get_mut(&by) else {
            return;
        };
        sender.claims.extend(
            heartbeat
                .hearing
                .iter()
                .map(|line| (line.node, Claim::from(line))),
        );
        // A member may name nodes that we do not know yet; the table must not grow with
        // numbers that a broken one makes up.
        if 2 * HEARING_MAX < sender.claims.len() {
            let peers: Vec<NodeId> = self.peers.keys().copied().collect();
            let Some(sender) = self.peers.get_mut(&by) else {
                return;
            };
            sender
                .claims
                .retain(|node, _| peers.binary_search(node).is_ok());
        }
    }

    /// One heartbeat to every peer over every link.
    fn send(&mut self, now: Instant) {
        let hearing = self.hearing_table(now);
        let body = Heartbeat {
            header: Header {
                origin: self.me,
                ..Header::default()
            },
            epoch: self.published.epoch,
            applied: self.published.applied,
            sent_at: now,
            echo: None,
            stall: self.stall,
            lease: self.published.lease_until.saturating_duration_since(now),
            phase: self.published.phase,
            hearing,
        };
        for (&peer, state) in &self.peers {
            for &link in state.links.keys() {
                let mut heartbeat = Box::new(body.clone());
                heartbeat.header.receiver = peer;
                heartbeat.header.link = link;
                heartbeat.header.counter = self.sessions.next_counter(peer);
                heartbeat.echo = self.sessions.echo(peer, link, now);
                self.outputs.push_back(Output::Send {
                    peer,
                    link,
                    heartbeat,
                });
            }
        }
        self.sent_at = now;
        self.next_send = now + self.settings.heartbeat_interval;
    }

    fn hearing_table(&mut self, now: Instant) -> Vec<Hearing> {
        let count = self.peers.len();
        let start = if count <= HEARING_MAX {
            0
        } else {
            self.table_start % count
        };
        self.table_start = start + HEARING_MAX;
        let order = self
            .peers
            .iter()
            .cycle()
            .skip(start)
            .take(count.min(HEARING_MAX));
        order
            .map(|(id, state)| self.hearing_line(*id, state, now))
            .collect()
    }

    fn hearing_line(&self, node: NodeId, state: &PeerState, now: Instant) -> Hearing {
        let settings = &self.settings;
        let age = state
            .life_at(settings)
            .map(|at| now.saturating_duration_since(at).as_millis());
        let lately = |at: Instant| now.saturating_duration_since(at) < settings.suspect_after;
        let heard = state
            .links
            .iter()
            .filter(|(_, link)| link.heard_at.is_some_and(lately));
        Hearing {
            node,
            boot_tag: state.origin.map_or(0, |origin| boot_tag(origin.boot)),
            incarnation: state.origin.map_or(0, |origin| origin.incarnation.0 as u32),
            age_millis: age
                .and_then(|age| u16::try_from(age).ok())
                .unwrap_or(AGE_UNKNOWN),
            networks: heard.fold(0, |bits, (link, _)| bits | 1 << link.0),
            verdict: state.verdict(),
        }
    }
}
