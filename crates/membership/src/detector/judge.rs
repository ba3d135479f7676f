//! The judgement: who is suspected, who is lost, which links are down.

use std::time::Duration;

use model::plant::{self, Plant};
use model::{Instant, NodeId};
use wire::heartbeat::{LinkId, boot_tag};

use super::{Company, Detector};
use crate::event::{Event, Recovery, Silence, Voice};
use crate::peer::{Grace, PeerState, State, Watch};
use crate::status::LinkCondition;

/// One warning per link in this time: a link that loses every fifth packet is late every
/// few seconds, and its loss shows in the status anyway.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// Isolation is a fault of ours rather than of all others only if there are others enough:
/// with a single other voter, its silence and ours look the same, and fencing decides.
const OTHERS_FOR_ISOLATION: usize = 2;

/// How many voters of `of` must agree that one of them is lost: half of them, rounded up.
/// With an odd number that is the majority. With an even number, exactly half may be all
/// that is left (one of two, two of four), and they must come to the fence that replaces
/// the missing vote: the loss itself decides nothing.
#[must_use]
pub(crate) fn agreement_needed(of: usize) -> usize {
    if plant::is(Plant::MinorityForces) {
        return 1;
    }
    of.div_ceil(2).max(1)
}

impl Detector {
    /// All moments at which time alone may change what we think of `peer`, past or future.
    pub(super) fn thresholds<'a>(&'a self, peer: &'a PeerState) -> impl Iterator<Item = Instant> {
        let settings = &self.settings;
        let own = peer.silent_since(settings);
        let all = peer.silent_to_all_since(settings);
        let of_peer = match peer.state {
            State::Unseen | State::Alive => {
                [own + settings.suspect_after, all + settings.suspect_after]
            }
            State::Suspected => [all + settings.suspect_after, all + settings.lost_after],
            State::DaemonDown { since, .. } => [
                all + settings.suspect_after,
                since + settings.daemon_down_grace,
            ],
            State::Lost | State::Left => [own + settings.suspect_after; 2],
        };
        let watched = peer.links.values();
        let watched = watched.filter(|_| peer.watch == Watch::Neighbour);
        let of_links = watched.flat_map(|link| {
            let since = link.silent_since(settings);
            [
                since + settings.suspect_after,
                since + settings.late_warn_after,
            ]
        });
        of_peer.into_iter().chain(of_links)
    }

    pub(super) fn judge_all(&mut self, now: Instant) {
        self.judge_company(now);
        let peers: Vec<NodeId> = self.peers.keys().copied().collect();
        for peer in peers {
            self.judge_links(peer, now);
            self.judge(peer, now);
        }
    }

    /// News from others may complete an agreement, or clear a suspect.
    pub(super) fn judge_suspects(&mut self, now: Instant) {
        let suspected =
            |(id, peer): (&NodeId, &PeerState)| (peer.state == State::Suspected).then_some(*id);
        let suspects: Vec<NodeId> = self.peers.iter().filter_map(suspected).collect();
        suspects.into_iter().for_each(|peer| self.judge(peer, now));
    }

    fn judge_company(&mut self, now: Instant) {
        let others = self
            .peers
            .values()
            .filter(|peer| peer.voice == Voice::Voter)
            .count();
        let last = self
            .peers
            .values()
            .map(|peer| peer.silent_since(&self.settings))
            .max();
        let Some(last) = last else { return };
        let silent_for = now.saturating_duration_since(last);
        let alone = OTHERS_FOR_ISOLATION <= others && self.settings.suspect_after <= silent_for;
        if alone && self.company == Company::Connected && !plant::is(Plant::MinorityForces) {
            self.company = Company::Isolated;
            self.tell(Event::Isolated { silent_for });
            self.drop_suspicions(Recovery::OwnIsolation);
        }
    }

    /// Judges one peer, step by step until nothing changes: a long silence may make it
    /// suspected and lost at once, no more.
    pub(super) fn judge(&mut self, id: NodeId, now: Instant) {
        const STEPS: usize = 2;
        for _ in 0..STEPS {
            let Some(peer) = self.peers.get(&id) else {
                return;
            };
            let before = peer.state;
            match before {
                State::Unseen | State::Alive => self.judge_calm(id, now),
                State::Suspected => self.judge_suspect(id, now),
                State::DaemonDown { since, grace } => self.judge_closed(id, since, grace, now),
                State::Lost | State::Left => return,
            }
            if self.peers.get(&id).is_none_or(|peer| peer.state == before) {
                return;
            }
        }
    }

    fn judge_calm(&mut self, id: NodeId, now: Instant) {
        let suspect_after = self.settings.suspect_after;
        let Some(peer) = self.peers.get(&id) else {
            return;
        };
        let since = |at: Instant| now.saturating_duration_since(at);
        let lately = |at: Option<Instant>| at.is_some_and(|at| since(at) < suspect_after);
        if peer.refuses(&self.settings, now) {
            return self.close(id, now);
        }
        if since(peer.silent_since(&self.settings)) < suspect_after {
            return;
        }
        // A beat that was on its way as the daemon was closed says nothing against it.
        let quiet_for = since(peer.beat_at.unwrap_or(peer.counted_from));
        if lately(peer.relayed_down_at) && 2 * self.settings.heartbeat_interval <= quiet_for {
            return self.close(id, now);
        }
        self.suspect_if_silent(id, now);
    }

    fn suspect_if_silent(&mut self, id: NodeId, now: Instant) {
        let Some(peer) = self.peers.get(&id) else {
            return;
        };
        let silent_for = now.saturating_duration_since(peer.silent_to_all_since(&self.settings));
        if silent_for < self.settings.suspect_after || self.company == Company::Isolated {
            return;
        }
        self.enter(id, State::Suspected, now);
        self.tell(Event::Suspected {
            peer: id,
            silent_for,
        });
        self.hurry(now);
    }

    fn judge_suspect(&mut self, id: NodeId, now: Instant) {
        let Some(peer) = self.peers.get(&id) else {
            return;
        };
        if peer.refuses(&self.settings, now) {
            return self.close(id, now);
        }
        let silent_for = now.saturating_duration_since(peer.silent_to_all_since(&self.settings));
        if silent_for < self.settings.suspect_after {
            let calm = peer.calm();
            self.enter(id, calm, now);
            self.tell(Event::Recovered {
                peer: id,
                because: Recovery::Relayed,
            });
            return self.hurry(now);
        }
        if silent_for < self.settings.lost_after {
            return;
        }
        let (agreed_by, of) = self.agreement(id, now);
        if agreement_needed(of) <= agreed_by.len() {
            let boot = self
                .peers
                .get(&id)
                .and_then(|peer| peer.origin)
                .map(|origin| origin.boot);
            let heard_by = self.heard_by(id, &agreed_by);
            let silence = self.silence(id, now);
            self.enter(id, State::Lost, now);
            self.tell(Event::Lost {
                peer: id,
                silence,
                boot,
                silent_for,
                agreed_by,
                of,
                heard_by,
            });
            self.hurry(now);
        }
    }

    /// Whether it is still heard by somebody who cannot answer it.
    fn silence(&self, id: NodeId, now: Instant) -> Silence {
        let overheard = self.peers.get(&id).and_then(|peer| peer.overheard_at);
        let lately = |at| now.saturating_duration_since(at) < self.settings.suspect_after;
        if overheard.is_some_and(lately) {
            Silence::Unanswered
        } else {
            Silence::Total
        }
    }

    /// The voters that agree that `target` is lost, and how many voters there are. That their
    /// silence is long enough as well follows from ours: what they hear is part of it.
    fn agreement(&self, target: NodeId, now: Instant) -> (Vec<NodeId>, usize) {
        let voters = || {
            self.peers
                .iter()
                .filter(|(_, peer)| peer.voice == Voice::Voter)
        };
        let agrees =
            |(id, peer): &(&NodeId, &PeerState)| **id != target && self.agrees(peer, target, now);
        let mut agreed: Vec<NodeId> = voters().filter(agrees).map(|(id, _)| *id).collect();
        let mut of = voters().count();
        if self.voice == Voice::Voter {
            of += 1;
            agreed.push(self.me.node);
            agreed.sort_unstable();
        }
        (agreed, of)
    }

    /// Whether a voter agrees that `target` is lost: by its last packet, if there is a fresh
    /// one; or, if its life comes to us by others only, because no sign of life of `target`
    /// comes the same way.
    fn agrees(&self, voter: &PeerState, target: NodeId, now: Instant) -> bool {
        let lately = |at: Option<Instant>| {
            at.is_some_and(|at| now.saturating_duration_since(at) < self.settings.suspect_after)
        };
        if lately(voter.direct_at) {
            let claim = voter.claims.get(&target);
            return claim.is_some_and(|claim| claim.verdict.accuses());
        }
        voter.state == State::Alive && lately(voter.beat_at)
    }

    /// Who of those that agree had heard `target`, and in which boot.
    fn heard_by(&self, target: NodeId, agreed_by: &[NodeId]) -> Vec<(NodeId, u16)> {
        let tag = |by: &NodeId| {
            if *by == self.me.node {
                let origin = self.peers.get(&target)?.origin?;
                return Some(boot_tag(origin.boot));
            }
            self.peers.get(by)?.claims.get(&target)?.boot_tag
        };
        let heard = agreed_by.iter().filter_map(|by| Some((*by, tag(by)?)));
        heard.collect()
    }

    fn judge_closed(&mut self, id: NodeId, since: Instant, grace: Grace, now: Instant) {
        let down_for = now.saturating_duration_since(since);
        if grace == Grace::Running && self.settings.daemon_down_grace <= down_for {
            self.enter(
                id,
                State::DaemonDown {
                    since,
                    grace: Grace::Over,
                },
                now,
            );
            self.tell(Event::DaemonDownTooLong { peer: id, down_for });
        }
        self.suspect_if_silent(id, now);
    }

    fn close(&mut self, id: NodeId, now: Instant) {
        let boot = self
            .peers
            .get(&id)
            .and_then(|peer| peer.origin)
            .map(|origin| origin.boot);
        self.enter(
            id,
            State::DaemonDown {
                since: now,
                grace: Grace::Running,
            },
            now,
        );
        self.tell(Event::DaemonDown { peer: id, boot });
        self.hurry(now);
    }

    fn enter(&mut self, id: NodeId, state: State, now: Instant) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.suspected_from = peer.state;
            peer.state = state;
            peer.changed_at = now;
        }
    }

    fn judge_links(&mut self, id: NodeId, now: Instant) {
        let settings = &self.settings;
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        if peer.watch == Watch::Distant {
            return;
        }
        // A warning is for those that seem well; of all others more is known than that.
        let warn = peer.state == State::Alive;
        let mut events = Vec::new();
        for (&link, state) in &mut peer.links {
            let silent_for = now.saturating_duration_since(state.silent_since(settings));
            let carries = match state.condition {
                LinkCondition::Up | LinkCondition::OneWay | LinkCondition::Unseen => true,
                LinkCondition::Down => false,
            };
            if carries && settings.suspect_after <= silent_for {
                state.condition = LinkCondition::Down;
                events.push(Event::LinkDown {
                    peer: id,
                    link,
                    silent_for,
                });
            } else if warn && carries && settings.late_warn_after <= silent_for {
                events.extend(late(id, link, state, now));
            }
        }
        events.into_iter().for_each(|event| self.tell(event));
    }
}

fn late(peer: NodeId, link: LinkId, state: &mut crate::peer::Link, now: Instant) -> Option<Event> {
    let silent_for = now.saturating_duration_since(state.heard_at?);
    let quiet = |at| WARN_EVERY <= now.saturating_duration_since(at);
    if state.warned_at.is_some_and(|at| !quiet(at)) {
        return None;
    }
    state.warned_at = Some(now);
    Some(Event::Late {
        peer,
        link,
        silent_for,
    })
}
