//! What is known of one peer and of the links to it.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Epoch, Instant, NodeId};
use wire::heartbeat::{Hearing, Incarnation, LinkId, Origin, Phase, Verdict, boot_tag};

use crate::event::Voice;
use crate::settings::Settings;
use crate::status::{Condition, LinkCondition, LinkStatus, PeerStatus};

/// Share of a new sample in the smoothed loss: the last few dozen packets count.
const LOSS_WEIGHT: f64 = 1.0 / 32.0;

/// More packets missing in one gap than this say nothing more about the loss; it bounds the
/// work for one packet, whatever the settings.
const MISSED_MAX: u32 = 64;

/// A round trip longer than this is a packet from another time, not a measurement.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(10);

/// Where a peer stands. Drawn at [`Condition`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Unseen,
    Alive,
    Suspected,
    Lost,
    /// Since when the daemon is down, and whether its grace is over.
    DaemonDown {
        since: Instant,
        grace: Grace,
    },
    Left,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grace {
    Running,
    Over,
}

/// What a peer says of another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim {
    pub verdict: Verdict,
    /// The tag of the boot that it heard; `None` when it never heard that node.
    pub boot_tag: Option<u16>,
}

impl From<&Hearing> for Claim {
    fn from(line: &Hearing) -> Self {
        let is_heard = line.incarnation != Incarnation(0);
        Self {
            verdict: line.verdict,
            boot_tag: is_heard.then(|| boot_tag(line.boot)),
        }
    }
}

/// Whether this node and the peer beat to each other by plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watch {
    /// They do.
    Neighbour,
    /// Others tell how it is; see `detector::neighbours`.
    Distant,
}

/// What another node told of a third one, as a way to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    /// Over how many links the third one's beat came to the teller.
    pub hops: u8,
    /// When the teller had that beat, by our clock.
    pub at: Instant,
}

#[derive(Debug)]
pub(crate) struct PeerState {
    pub voice: Voice,
    pub watch: Watch,
    pub state: State,
    /// What a suspicion began from. One that began from a closed daemon and is dropped leaves
    /// it closed; and its end by a sign of life is told as a new life.
    pub suspected_from: State,
    /// When `state` or `origin` changed: what is new is told first.
    pub changed_at: Instant,
    pub links: BTreeMap<LinkId, Link>,
    /// The run known last, directly or by others (then without its random name); `None`
    /// before the first sign of life.
    pub origin: Option<Origin>,
    /// Silence is counted from here at the earliest: when the peer became known, or when
    /// our own clocks were restarted.
    pub counted_from: Instant,
    /// The last packet, whether or not it shows that the peer hears us.
    pub heard_at: Option<Instant>,
    /// The last packet that shows that the peer hears us: the link works both ways.
    pub direct_at: Option<Instant>,
    /// When it was last heard again after a silence, not yet knowing that we hear it.
    pub back_at: Option<Instant>,
    /// When the newest packet was sent, by the clock of this boot of the peer.
    pub last_sent_at: Instant,
    /// The same of the newest packet of which a copy came over a link that works both ways.
    pub answered: Option<Instant>,
    pub refused_at: Option<Instant>,
    /// When we sent the newest packet that the peer says to have heard: both ways worked then.
    pub met_at: Option<Instant>,
    /// When we sent the newest packet that its kernel may have refused.
    pub closed_at: Option<Instant>,
    /// Refusals since the last packet.
    pub refusals: u32,
    /// Until when refusals that came before the last packet excuse a silence that began after
    /// it: the kernel may not be able to afford another one so soon.
    pub excused_until: Option<Instant>,
    /// The newest beat of the run `origin` that came over links that work both ways, and
    /// over how many.
    pub beat: Option<Instant>,
    pub hops: u8,
    /// When that beat reached us or, if it rested with others on its way, as if it had not.
    pub beat_at: Option<Instant>,
    /// When another node last told of a fresh beat, be it news or not.
    pub told_at: Option<Instant>,
    /// The latest refusal by its kernel that any other node told of, and over how many links.
    pub relayed_down_at: Option<Instant>,
    pub down_hops: u8,
    /// When it was last heard, by us or one of those with us, without being answered.
    pub overheard_at: Option<Instant>,
    /// It has sent us a packet and is no neighbour: it wants to hear from us.
    pub asks: bool,
    /// Latest incarnation that was told of over a link that does not work both ways, to tell
    /// of it once.
    pub rumoured: Incarnation,
    /// What this peer thinks of the others, as of its last packet.
    pub claims: BTreeMap<NodeId, Claim>,
    /// The ways to others that this peer offers.
    pub ways: BTreeMap<NodeId, Way>,
    pub stalls: u16,
    pub epoch: Epoch,
    pub applied: u64,
    pub lease: Duration,
    pub phase: Phase,
}

impl PeerState {
    pub fn new(voice: Voice, now: Instant) -> Self {
        Self {
            voice,
            watch: Watch::Neighbour,
            state: State::Unseen,
            changed_at: now,
            suspected_from: State::Unseen,
            links: BTreeMap::new(),
            origin: None,
            counted_from: now,
            heard_at: None,
            direct_at: None,
            back_at: None,
            last_sent_at: Instant::ZERO,
            answered: None,
            refused_at: None,
            met_at: None,
            closed_at: None,
            refusals: 0,
            excused_until: None,
            beat: None,
            hops: 0,
            beat_at: None,
            told_at: None,
            relayed_down_at: None,
            down_hops: 0,
            overheard_at: None,
            asks: false,
            rumoured: Incarnation(0),
            claims: BTreeMap::new(),
            ways: BTreeMap::new(),
            stalls: 0,
            epoch: Epoch(0),
            applied: 0,
            lease: Duration::ZERO,
            phase: Phase::Starting,
        }
    }

    /// Links that are new are counted from now; those no longer named are dropped.
    pub fn set_links(&mut self, links: &[LinkId], now: Instant) {
        self.links.retain(|link, _| links.contains(link));
        for link in links {
            self.links.entry(*link).or_insert_with(|| Link::new(now));
        }
    }

    /// Whether we beat to it. Links that were not watched so far are counted from now.
    pub fn set_watch(&mut self, watch: Watch, now: Instant) {
        if self.watch == watch {
            return;
        }
        self.watch = watch;
        for link in self.links.values_mut() {
            *link = Link::new(now);
        }
    }

    /// Until when the last refusal by its kernel counts as a sign of life.
    fn refused_until(&self, settings: &Settings) -> Option<Instant> {
        self.refused_at.map(|at| at + settings.refusal_hold)
    }

    /// The last sign of life that reached us directly and both ways. A refusal answers a
    /// packet of ours, and counts as one for some time ahead.
    fn life_at(&self, settings: &Settings) -> Option<Instant> {
        self.direct_at.max(self.refused_until(settings))
    }

    /// From when its silence towards ourselves counts.
    pub fn silent_since(&self, settings: &Settings) -> Instant {
        self.life_at(settings)
            .unwrap_or(self.counted_from)
            .max(self.counted_from)
    }

    /// From when its silence towards all those with us counts.
    pub fn silent_to_all_since(&self, settings: &Settings) -> Instant {
        let told = self.beat_at.max(self.relayed_down_at).max(self.back_at);
        told.max(self.excused_until)
            .unwrap_or(Instant::ZERO)
            .max(self.silent_since(settings))
    }

    /// Its daemon speaks again: refusals are counted anew. What the last one is worth is kept,
    /// for a daemon that dies again in a moment is silent until its kernel can afford the next
    /// one.
    pub fn end_refusals(&mut self, settings: &Settings) {
        self.excused_until = self.excused_until.max(self.refused_until(settings));
        self.refusals = 0;
        self.refused_at = None;
    }

    /// Whether it is silent and its kernel refused us just before it spoke last.
    pub fn is_excused(&self, settings: &Settings, now: Instant) -> bool {
        let quiet_since = self.heard_at.unwrap_or(self.counted_from);
        self.excused_until.is_some_and(|until| now <= until)
            && 2 * settings.heartbeat_interval <= now.saturating_duration_since(quiet_since)
    }

    /// The newest refusal known, and over how many links it came; for the hearing table.
    pub fn refusal(&self, settings: &Settings) -> Option<(Instant, u8)> {
        let own = self.refused_until(settings).max(self.excused_until);
        match (own, self.relayed_down_at) {
            (Some(own), Some(told)) if own < told => Some((told, self.down_hops)),
            (Some(own), _) => Some((own, 1)),
            (None, told) => told.map(|at| (at, self.down_hops)),
        }
    }

    /// Whether its kernel refuses us, again and again, and its daemon says nothing. A single
    /// refusal, or one beside living heartbeats, is a stray or forged message.
    pub fn refuses(&self, settings: &Settings, now: Instant) -> bool {
        let quiet_since = self.heard_at.unwrap_or(self.counted_from);
        let held = self
            .refused_at
            .is_some_and(|at| now <= at + settings.refusal_hold);
        held && REFUSALS_NEEDED <= self.refusals
            && 2 * settings.heartbeat_interval <= now.saturating_duration_since(quiet_since)
    }

    /// Where it stands when there is nothing to object.
    pub fn calm(&self) -> State {
        if matches!(self.suspected_from, State::DaemonDown { .. }) {
            return self.suspected_from;
        }
        if self.origin.is_some() {
            State::Alive
        } else {
            State::Unseen
        }
    }

    pub fn verdict(&self) -> Verdict {
        match self.state {
            State::Unseen | State::Alive => Verdict::Fine,
            State::Suspected => Verdict::Suspected,
            State::Lost => Verdict::Lost,
            State::DaemonDown { .. } => Verdict::DaemonDown,
            State::Left => Verdict::Left,
        }
    }

    pub fn status(&self, peer: NodeId, now: Instant) -> PeerStatus {
        let condition = match self.state {
            State::Unseen => Condition::Unseen,
            State::Alive => Condition::Alive,
            State::Suspected => Condition::Suspected,
            State::Lost => Condition::Lost,
            State::DaemonDown { .. } => Condition::DaemonDown,
            State::Left => Condition::Left,
        };
        PeerStatus {
            peer,
            condition,
            boot: self.origin.map(|origin| origin.boot),
            incarnation: self.origin.map(|origin| origin.incarnation),
            epoch: self.epoch,
            applied: self.applied,
            lease: self.lease,
            phase: self.phase,
            heard_ago: self
                .heard_at
                .max(self.beat_at)
                .map(|at| now.saturating_duration_since(at)),
            met_at: self.met_at,
            closed_at: self.closed_at,
        }
    }
}

/// One refusal may be a stray; two without a heartbeat between them are a closed port.
const REFUSALS_NEEDED: u32 = 2;

#[derive(Debug)]
pub(crate) struct Link {
    pub condition: LinkCondition,
    pub counted_from: Instant,
    pub heard_at: Option<Instant>,
    pub refused_at: Option<Instant>,
    /// Since when the peer tells us, over this link, that it does not hear us here.
    pub unheard_since: Option<Instant>,
    pub warned_at: Option<Instant>,
    round_trip: Option<Duration>,
    loss: f64,
}

impl Link {
    fn new(now: Instant) -> Self {
        Self {
            condition: LinkCondition::Unseen,
            counted_from: now,
            heard_at: None,
            refused_at: None,
            unheard_since: None,
            warned_at: None,
            round_trip: None,
            loss: 0.0,
        }
    }

    pub fn silent_since(&self, settings: &Settings) -> Instant {
        let refused = self.refused_at.map(|at| at + settings.refusal_hold);
        self.heard_at
            .max(refused)
            .unwrap_or(self.counted_from)
            .max(self.counted_from)
    }

    /// Notes a packet and estimates from the gap before it how many are missing. A gap as
    /// long as the suspicion time is a link that was down, or a daemon that was: no loss.
    pub fn note_heard(&mut self, settings: &Settings, now: Instant) {
        let gap = self
            .heard_at
            .map(|before| now.saturating_duration_since(before));
        if let Some(gap) = gap.filter(|gap| *gap < settings.suspect_after) {
            let interval = settings.heartbeat_interval.as_secs_f64();
            let beats = (gap.as_secs_f64() / interval).round() as u32;
            for _ in 0..beats.saturating_sub(1).min(MISSED_MAX) {
                self.loss += (1.0 - self.loss) * LOSS_WEIGHT;
            }
            self.loss -= self.loss * LOSS_WEIGHT;
        }
        self.heard_at = Some(now);
    }

    pub fn note_round_trip(&mut self, sample: Duration) {
        if sample <= ROUND_TRIP_MAX {
            self.round_trip = Some(
                self.round_trip
                    .map_or(sample, |smooth| (smooth * 7 + sample) / 8),
            );
        }
    }

    pub fn status(&self, peer: NodeId, link: LinkId, now: Instant) -> LinkStatus {
        LinkStatus {
            peer,
            link,
            condition: self.condition,
            round_trip: self.round_trip,
            loss_percent: self.loss * 100.0,
            heard_ago: self.heard_at.map(|at| now.saturating_duration_since(at)),
        }
    }
}
