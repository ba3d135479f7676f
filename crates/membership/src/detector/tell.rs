//! What is sent: heartbeats, and the hearing table in them.

use model::{Instant, NodeId};
use wire::heartbeat::{
    AGE_UNKNOWN, HEARING_MAX, Header, Hearing, Heartbeat, Incarnation, LinkId, Verdict,
};

use super::Detector;
use crate::event::Output;
use crate::peer::{PeerState, State, Watch};

/// What has changed is told first for so many intervals: with one packet in five lost, each
/// neighbour misses all of them once in three thousand times, and then hears it in turn.
const NEWS_INTERVALS: u32 = 5;

impl Detector {
    /// One heartbeat over every link to every neighbour, to those who ask, and to those of
    /// whom nobody tells: these are asked themselves before they are counted as lost.
    pub(super) fn send(&mut self, now: Instant) {
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
            hearing: self.hearing_table(now),
        };
        let to: Vec<(NodeId, LinkId)> = self
            .peers
            .iter()
            .filter(|(_, state)| self.beats_to(state, now))
            .flat_map(|(peer, state)| state.links.keys().map(|link| (*peer, *link)))
            .collect();
        for (peer, link) in to {
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
        for state in self.peers.values_mut() {
            state.asks = false;
        }
        self.sent_at = now;
        self.next_send = now + self.settings.heartbeat_interval;
    }

    fn beats_to(&self, state: &PeerState, now: Instant) -> bool {
        let told = state.told_at.max(Some(state.counted_from));
        let is_untold =
            told.is_some_and(|at| self.settings.suspect_after <= now.saturating_duration_since(at));
        let is_missed = match state.state {
            State::Unseen | State::Alive | State::Suspected => is_untold,
            State::Lost | State::DaemonDown { .. } | State::Left => false,
        };
        state.watch == Watch::Neighbour || state.asks || is_missed
    }

    /// All that fits: news first, then the others in turns.
    fn hearing_table(&mut self, now: Instant) -> Vec<Hearing> {
        let count = self.peers.len();
        let start = if count <= HEARING_MAX {
            0
        } else {
            self.table_start % count
        };
        let news_for = self.settings.heartbeat_interval * NEWS_INTERVALS;
        let is_news =
            |state: &PeerState| now.saturating_duration_since(state.changed_at) < news_for;
        let turn = || self.peers.iter().cycle().skip(start).take(count);
        let news = turn().filter(|(_, state)| is_news(state));
        let others = turn().filter(|(_, state)| !is_news(state));
        let lines: Vec<Hearing> = news
            .chain(others)
            .take(HEARING_MAX)
            .map(|(id, state)| self.hearing_line(*id, state, now))
            .collect();
        self.table_start = start + HEARING_MAX;
        lines
    }

    fn hearing_line(&self, node: NodeId, state: &PeerState, now: Instant) -> Hearing {
        let settings = &self.settings;
        let lately = |at: Instant| now.saturating_duration_since(at) < settings.suspect_after;
        let heard = state
            .links
            .iter()
            .filter(|(_, link)| link.heard_at.is_some_and(lately));
        let beat = (state.beat_at, state.hops);
        // Those who do not ask its kernel themselves have to hear of the excuse.
        let verdict = match state.state {
            State::Unseen | State::Alive if state.is_excused(settings, now) => Verdict::DaemonDown,
            State::Unseen
            | State::Alive
            | State::Suspected
            | State::Lost
            | State::DaemonDown { .. }
            | State::Left => state.verdict(),
        };
        let refusal = state.refusal(settings);
        let (at, hops) = match verdict {
            Verdict::DaemonDown => refusal.map_or(beat, |(at, hops)| (Some(at), hops)),
            Verdict::Fine | Verdict::Suspected | Verdict::Lost | Verdict::Left => beat,
        };
        let age = at.map(|at| now.saturating_duration_since(at).as_millis());
        Hearing {
            node,
            boot: state.origin.map(|origin| origin.boot).unwrap_or_default(),
            incarnation: state
                .origin
                .map_or(Incarnation(0), |origin| origin.incarnation),
            beat: state.beat.unwrap_or_default(),
            age_millis: age
                .and_then(|age| u16::try_from(age).ok())
                .unwrap_or(AGE_UNKNOWN),
            hops: at.map_or(0, |_| hops),
            networks: heard.fold(0, |bits, (link, _)| bits | 1 << link.0),
            verdict,
        }
    }
}
