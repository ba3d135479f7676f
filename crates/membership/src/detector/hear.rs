//! What packets tell: the sender's life, its link, and what it knows of the others.
//!
//! Only what comes over a link that works both ways is life. A packet shows that by its
//! echo: the sender had a packet of ours, on this very network, a moment before. The same
//! holds for what it tells of others, so that every sign of life that is believed came over
//! a path on which an answer can go back.

use std::time::Duration;

use model::{Instant, NodeId};
use wire::heartbeat::{
    HOPS_MAX, Hearing, Heartbeat, Incarnation, LinkId, MEMBERS_MAX, Origin, Phase, RunId, Verdict,
};

use super::Detector;
use crate::event::{Event, Recovery};
use crate::peer::{Claim, PeerState, State, Watch, Way};
use crate::session::{Rejected, Run};
use crate::status::LinkCondition;

/// An answer leaves with the next heartbeats of the one that was asked, so it holds our packet
/// for one interval at most; a second one for a thread that was late. Who asks has heard
/// nothing for `suspect_after`, which is no shorter.
const ANSWER_INTERVALS: u32 = 2;

/// Whether the sender of a packet hears us on the network that it came over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ways {
    Both,
    One,
}

impl Detector {
    /// Takes an accepted packet.
    pub(super) fn hear(&mut self, link: LinkId, heartbeat: &Heartbeat, run: Run, now: Instant) {
        let peer = heartbeat.header.origin.node;
        let ways = self.ways(heartbeat);
        if ways == Ways::Both {
            self.note_company(now);
        }
        let is_news = run != Run::Same || self.is_news(heartbeat);
        if is_news {
            self.note_sender_run(heartbeat, ways, now);
        }
        // The first copy may have come over a link that works one way only.
        let is_answer = ways == Ways::Both && self.is_latest(heartbeat);
        let is_first_answer = is_answer && self.answers_first(peer, heartbeat.sent_at);
        if is_first_answer {
            self.note_direct_life(heartbeat, now);
        }
        self.note_link(link, heartbeat, ways, now);
        if is_news {
            self.note_sender(heartbeat, now);
        }
        if is_news || is_first_answer {
            self.note_table(heartbeat, ways, now);
            self.judge_suspects(now);
        }
    }

    /// A node that is no neighbour and speaks to us wants an answer, unless it shows that it
    /// has just had one: this is its own answer then, and two that answer each other's answers
    /// would never end.
    pub(super) fn note_asks(&mut self, heartbeat: &Heartbeat, run: &Result<Run, Rejected>) {
        let has_answer = run.is_ok()
            && heartbeat.echo.is_some_and(|echo| {
                echo.incarnation == self.me.incarnation
                    && echo.held <= self.settings.heartbeat_interval * ANSWER_INTERVALS
            });
        if let Some(state) = self.peers.get_mut(&heartbeat.header.origin.node) {
            state.asks |= state.watch == Watch::Distant && !has_answer;
        }
    }

    fn ways(&self, heartbeat: &Heartbeat) -> Ways {
        let hears_us = heartbeat.echo.is_some_and(|echo| {
            echo.incarnation == self.me.incarnation && echo.held <= self.settings.late_warn_after
        });
        if hears_us { Ways::Both } else { Ways::One }
    }

    /// Whether the sender sent this after all that we have of it. A copy over another link,
    /// or a packet that was kept back on its way, says something of its link only: that the
    /// sender lived as it sent we knew already.
    fn is_news(&self, heartbeat: &Heartbeat) -> bool {
        let peer = self.peers.get(&heartbeat.header.origin.node);
        peer.is_none_or(|peer| peer.last_sent_at < heartbeat.sent_at)
    }

    fn is_latest(&self, heartbeat: &Heartbeat) -> bool {
        let peer = self.peers.get(&heartbeat.header.origin.node);
        peer.is_some_and(|peer| peer.last_sent_at == heartbeat.sent_at)
    }

    /// Whether no copy of this packet has come over a link that works both ways before.
    fn answers_first(&self, peer: NodeId, sent_at: Instant) -> bool {
        let state = self.peers.get(&peer);
        state.is_some_and(|state| state.answered != Some(sent_at))
    }

    /// The sender's run, and that it was heard at all.
    fn note_sender_run(&mut self, heartbeat: &Heartbeat, ways: Ways, now: Instant) {
        let origin = heartbeat.header.origin;
        let Some(state) = self.peers.get_mut(&origin.node) else {
            return;
        };
        let before = state.heard_at.replace(now);
        let quiet_for = before.map(|at| now.saturating_duration_since(at));
        state.last_sent_at = heartbeat.sent_at;
        state.answered = None;
        state.end_refusals(&self.settings);
        if ways == Ways::One {
            state.overheard_at = Some(now);
        }
        let is_known = state
            .origin
            .is_some_and(|known| known.incarnation == origin.incarnation);
        if !is_known {
            // Stalls before our first contact are no news.
            state.stalls = heartbeat.stall.count;
            // Its session begins with an answer to us.
            self.begin_run(origin, now);
            return;
        }
        if let Some(known) = &mut state.origin {
            known.run = origin.run;
        }
        let is_back = quiet_for.is_some_and(|gap| self.settings.late_warn_after <= gap);
        if ways == Ways::One && is_back {
            self.note_back(origin.node, now);
        }
    }

    /// Heard again after a silence: it cannot have heard our answer yet. It gets one at once,
    /// and the time for its own.
    fn note_back(&mut self, peer: NodeId, now: Instant) {
        let Some(state) = self.peers.get_mut(&peer) else {
            return;
        };
        state.back_at = Some(now);
        if state.state == State::Suspected {
            self.revive(peer, Recovery::Heard, now);
        }
        self.hurry(now);
    }

    /// A run that is newer than the one known, or the first: it lives.
    fn begin_run(&mut self, origin: Origin, now: Instant) {
        let peer = origin.node;
        let Some(state) = self.peers.get_mut(&peer) else {
            return;
        };
        let old = state.origin.replace(origin);
        state.beat = None;
        state.state = State::Alive;
        state.changed_at = now;
        state.stalls = 0;
        state.relayed_down_at = None;
        if old.is_some_and(|old| old.boot != origin.boot) {
            // That was another kernel.
            state.excused_until = None;
        }
        if let Some(old) = old.filter(|old| old.boot != origin.boot) {
            self.tell(Event::Rebooted {
                peer,
                old: old.boot,
                new: origin.boot,
            });
        }
        self.tell_alive(peer);
        self.hurry(now);
    }

    fn tell_alive(&mut self, peer: NodeId) {
        let Some(origin) = self.peers.get(&peer).and_then(|state| state.origin) else {
            return;
        };
        self.tell(Event::Alive {
            peer,
            boot: origin.boot,
            incarnation: origin.incarnation,
        });
    }

    /// The sender hears us, and we hear it.
    fn note_direct_life(&mut self, heartbeat: &Heartbeat, now: Instant) {
        let peer = heartbeat.header.origin.node;
        let Some(state) = self.peers.get_mut(&peer) else {
            return;
        };
        state.answered = Some(heartbeat.sent_at);
        state.direct_at = Some(now);
        state.beat = state.beat.max(Some(heartbeat.sent_at));
        state.beat_at = Some(now);
        state.hops = 1;
        self.revive(peer, Recovery::Heard, now);
    }

    /// A sign of life of the run that is known.
    fn revive(&mut self, peer: NodeId, because: Recovery, now: Instant) {
        let Some(state) = self.peers.get_mut(&peer) else {
            return;
        };
        let before = state.state;
        match before {
            State::Alive | State::Left => return,
            State::Unseen | State::Suspected | State::Lost | State::DaemonDown { .. } => {}
        }
        let was_closed = matches!(state.suspected_from, State::DaemonDown { .. });
        state.state = State::Alive;
        state.suspected_from = State::Alive;
        state.changed_at = now;
        if before == State::Suspected && !was_closed {
            self.tell(Event::Recovered { peer, because });
        } else {
            self.tell_alive(peer);
        }
        self.hurry(now);
    }

    fn note_link(&mut self, link: LinkId, heartbeat: &Heartbeat, ways: Ways, now: Instant) {
        let peer = heartbeat.header.origin.node;
        let settings = &self.settings;
        let Some(state) = self.peers.get_mut(&peer) else {
            return;
        };
        let watch = state.watch;
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
        if watch == Watch::Distant {
            return;
        }
        let mut event = None;
        if matches!(on.condition, LinkCondition::Unseen | LinkCondition::Down) {
            on.condition = LinkCondition::Up;
            on.unheard_since = None;
            event = Some(Event::LinkUp { peer, link });
        }
        if ways == Ways::Both {
            on.unheard_since = None;
            if on.condition == LinkCondition::OneWay {
                on.condition = LinkCondition::Up;
                event = Some(Event::LinkBothWays { peer, link });
            }
        } else {
            let since = *on.unheard_since.get_or_insert(now);
            let unheard_for = now.saturating_duration_since(since);
            if on.condition == LinkCondition::Up && settings.suspect_after <= unheard_for {
                on.condition = LinkCondition::OneWay;
                event = Some(Event::LinkOneWay { peer, link });
            }
        }
        event.into_iter().for_each(|event| self.tell(event));
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
        let stalled = state.stalls != stall.count;
        state.stalls = stall.count;
        if heartbeat.phase == Phase::Leaving {
            self.note_left(peer, now);
        }
        if stalled {
            let stalled_for = Duration::from_millis(stall.millis.into());
            self.tell(Event::PeerStalled { peer, stalled_for });
        }
    }

    /// The run that is known has said that it leaves.
    fn note_left(&mut self, peer: NodeId, now: Instant) {
        let Some(state) = self.peers.get_mut(&peer) else {
            return;
        };
        if state.state == State::Left {
            return;
        }
        state.state = State::Left;
        state.changed_at = now;
        self.tell(Event::Leaving { peer });
        self.hurry(now);
    }

    /// What the sender knows of others.
    fn note_table(&mut self, heartbeat: &Heartbeat, ways: Ways, now: Instant) {
        let by = heartbeat.header.origin.node;
        let me = self.me.node;
        let others = heartbeat.hearing.iter();
        for line in others.filter(|line| line.node != by && line.node != me) {
            match ways {
                Ways::Both => self.note_line(by, line, now),
                Ways::One => self.note_rumour(by, line, now),
            }
        }
        let Some(sender) = self.peers.get_mut(&by) else {
            return;
        };
        let lines = heartbeat.hearing.iter();
        sender
            .claims
            .extend(lines.map(|line| (line.node, Claim::from(line))));
        // A member may name nodes that we do not know yet; the table must not grow with
        // numbers that a broken one makes up.
        if 2 * MEMBERS_MAX < sender.claims.len() {
            let peers: Vec<NodeId> = self.peers.keys().copied().collect();
            let Some(sender) = self.peers.get_mut(&by) else {
                return;
            };
            sender
                .claims
                .retain(|node, _| peers.binary_search(node).is_ok());
        }
    }

    /// A line of somebody who does not hear us: that the node is heard, and no more.
    fn note_rumour(&mut self, by: NodeId, line: &Hearing, now: Instant) {
        let fresh = line
            .age()
            .is_some_and(|age| age < self.settings.suspect_after);
        let Some(target) = self.peers.get_mut(&line.node).filter(|_| fresh) else {
            return;
        };
        target.overheard_at = Some(now);
        let known = target.origin.unwrap_or_default();
        let newest = known.incarnation.max(target.rumoured);
        if newest < line.incarnation && known.boot != line.boot && target.origin.is_some() {
            target.rumoured = line.incarnation;
            self.tell(Event::RebootRelayed {
                peer: line.node,
                by,
            });
        }
    }

    /// A line of somebody who hears us and whom we hear.
    fn note_line(&mut self, by: NodeId, line: &Hearing, now: Instant) {
        let Some(age) = line.age() else { return };
        // Without the packet's time on the way, which we cannot know: so a sign of life seems
        // younger than it is, never older. It is believed once, so that does not add up.
        let at = Instant(now.0.saturating_sub(age.as_nanos() as u64));
        let is_fresh = age < self.settings.suspect_after;
        let Some(target) = self.peers.get_mut(&line.node) else {
            return;
        };
        if line.networks != 0 && line.hops == 0 {
            target.overheard_at = Some(now);
        }
        let known = target.origin.map_or(Incarnation(0), |run| run.incarnation);
        if line.verdict == Verdict::DaemonDown {
            // Who tells it may go by such an excuse as well, and two must not make a fact of it.
            if !target.is_excused(&self.settings, now) {
                note_refusal(target, line, at);
            }
            return;
        }
        if line.hops == 0 || line.incarnation < known {
            return;
        }
        if known < line.incarnation {
            if !is_fresh {
                return;
            }
            let origin = Origin {
                node: line.node,
                boot: line.boot,
                incarnation: line.incarnation,
                run: RunId::default(),
            };
            self.begin_run(origin, now);
        }
        if line.verdict == Verdict::Left {
            self.note_left(line.node, now);
        }
        if is_fresh && line.hops < HOPS_MAX {
            self.note_beat(by, line, at, now);
        }
    }

    fn note_beat(&mut self, by: NodeId, line: &Hearing, at: Instant, now: Instant) {
        let way = Way {
            hops: line.hops,
            at,
        };
        if let Some(teller) = self.peers.get_mut(&by) {
            teller.ways.insert(line.node, way);
        }
        let settings = &self.settings;
        let Some(target) = self.peers.get_mut(&line.node) else {
            return;
        };
        target.told_at = target.told_at.max(Some(at));
        if Some(line.beat) <= target.beat {
            return;
        }
        target.beat = Some(line.beat);
        target.beat_at = target.beat_at.max(Some(at));
        target.hops = line.hops + 1;
        let is_closed = match target.state {
            // What was on its way as the daemon was closed.
            State::DaemonDown { since, .. } => at <= since || target.refuses(settings, now),
            State::Unseen | State::Alive | State::Suspected | State::Lost | State::Left => false,
        };
        if !is_closed {
            self.revive(line.node, Recovery::Relayed, now);
        }
    }
}

/// Refusals have no beat; they are passed on over a bounded number of links, so two that tell
/// each other cannot go on for long.
fn note_refusal(target: &mut PeerState, line: &Hearing, at: Instant) {
    let is_allowed = (1..HOPS_MAX).contains(&line.hops);
    if is_allowed && target.relayed_down_at < Some(at) {
        target.relayed_down_at = Some(at);
        target.down_hops = line.hops + 1;
    }
}
