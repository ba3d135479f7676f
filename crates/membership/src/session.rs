//! Which packets are fresh: incarnations, replay windows, and the proof of first contact.
//!
//! A packet that opens is genuine, but it may have been recorded and sent again. These
//! rules decide, in this order:
//!
//! 1. *An older run is never heard again.* Incarnations only grow. Once a run was accepted,
//!    packets of every older one are refused, whatever their boot: boot ids have no order,
//!    incarnations do.
//! 2. *A new run must answer us.* A packet of a run that is new to us is accepted only if
//!    its echo names our own incarnation. We drew that number at our start, so nothing
//!    recorded before can hold it. Without this rule, a daemon that just started and
//!    remembers nothing would take the recording of a dead node for its life. The proof
//!    costs one extra packet each way, once per run.
//! 3. *No packet counts twice.* Each link has its replay window; the link is part of the
//!    sealed header, so a packet of one link cannot be replayed on another.
//!
//! Nothing here is forgotten while the daemon runs, not even for nodes that left: counters
//! must not start again under the same key, and windows must not open again. That is
//! bounded by the number of nodes that ever were members.

use std::collections::BTreeMap;

use model::plant::{self, Plant};
use model::{Instant, NodeId};
use wire::heartbeat::{Echo, Header, Heartbeat, Incarnation, LinkId, Origin};

use crate::replay::{Freshness, ReplayWindow};

/// Why a genuine packet did not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The sender is no peer of this node.
    #[error("the sender is not known here")]
    Stranger,
    /// It came over another link than it was sent on, or we do not use that link.
    #[error("it did not come over the link that it names")]
    Link,
    /// An older run of the sender's daemon sent it.
    #[error("an older run of the sender sent it")]
    Outdated,
    /// Two daemons claim to be the same run of the same node.
    #[error("another daemon claims to be the same run of the same node")]
    Twin,
    /// A new run, which has not proved yet that it hears us or answers us.
    #[error("the sender has not yet answered this run of ours")]
    Unconfirmed,
    /// It was seen before.
    #[error("it came before")]
    Replayed,
}

/// What an accepted packet says about the run that sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// The same as before.
    Same,
    /// The first one that we hear of.
    First,
    /// It follows the given one.
    After(Origin),
}

#[derive(Debug, Default)]
struct Session {
    /// Counter of the last packet that we sent.
    sent: u64,
    accepted: Option<Origin>,
    /// The latest run that asked to be accepted. What we echo belongs to this run or to the
    /// accepted one, whichever is later.
    candidate: Option<Incarnation>,
    windows: BTreeMap<LinkId, ReplayWindow>,
    /// What to echo: incarnation, their `sent_at`, when we received it.
    echoes: BTreeMap<LinkId, (Incarnation, Instant, Instant)>,
}

/// The sessions with all nodes that this run ever talked to.
#[derive(Debug)]
pub struct Sessions {
    me: Incarnation,
    by_node: BTreeMap<NodeId, Session>,
}

impl Sessions {
    /// For this run of ours.
    #[must_use]
    pub fn new(me: Incarnation) -> Self {
        Self {
            me,
            by_node: BTreeMap::new(),
        }
    }

    /// The counter of the next packet to `node`: never the same twice.
    pub fn next_counter(&mut self, node: NodeId) -> u64 {
        let session = self.by_node.entry(node).or_default();
        session.sent += 1;
        session.sent
    }

    /// What the next packet to `node` over `link` echoes.
    #[must_use]
    pub fn echo(&self, node: NodeId, link: LinkId, now: Instant) -> Option<Echo> {
        let (incarnation, sent_at, received) = *self.by_node.get(&node)?.echoes.get(&link)?;
        Some(Echo {
            incarnation,
            sent_at,
            held: now.saturating_duration_since(received),
        })
    }

    /// Judges a packet of a known peer.
    ///
    /// # Errors
    /// Why it does not count.
    pub fn accept(&mut self, heartbeat: &Heartbeat, now: Instant) -> Result<Run, Rejected> {
        let Header {
            origin,
            link,
            counter,
            ..
        } = heartbeat.header;
        let session = self.by_node.entry(origin.node).or_default();
        let known = session.accepted;
        if known.is_some_and(|known| origin.incarnation < known.incarnation)
            && !plant::is(Plant::EarlierBootHeard)
        {
            return Err(Rejected::Outdated);
        }
        let same_start = known.filter(|known| known.incarnation == origin.incarnation);
        if same_start.is_some_and(|known| known != origin) {
            return Err(Rejected::Twin);
        }
        if same_start.is_none() {
            session.remember(heartbeat, now);
            if heartbeat
                .echo
                .is_none_or(|echo| echo.incarnation != self.me)
            {
                return Err(Rejected::Unconfirmed);
            }
            session.windows.clear();
            session.accepted = Some(origin);
        }
        match session.windows.entry(link).or_default().mark(counter) {
            Freshness::Replayed => return Err(Rejected::Replayed),
            Freshness::Fresh => session.remember(heartbeat, now),
        }
        Ok(match (same_start, known) {
            (Some(_), _) => Run::Same,
            (None, None) => Run::First,
            (None, Some(old)) => Run::After(old),
        })
    }
}

impl Session {
    /// Remembers what to echo, so that the other side can prove itself and measure. A replay
    /// of an older run must not displace the echo of the latest.
    fn remember(&mut self, heartbeat: &Heartbeat, now: Instant) {
        let Header { origin, link, .. } = heartbeat.header;
        if self
            .candidate
            .is_none_or(|candidate| candidate <= origin.incarnation)
        {
            self.candidate = Some(origin.incarnation);
            self.echoes
                .insert(link, (origin.incarnation, heartbeat.sent_at, now));
        }
    }
}

#[cfg(test)]
mod tests {
    use model::BootId;
    use wire::heartbeat::RunId;

    use super::*;

    fn packet(start: u64, counter: u64, echo: Option<u64>) -> Heartbeat {
        let mut heartbeat = Heartbeat::default();
        heartbeat.header.origin = Origin {
            node: NodeId(2),
            boot: BootId([start as u8; 16]),
            incarnation: Incarnation(start),
            run: RunId(start),
        };
        heartbeat.header.counter = counter;
        heartbeat.echo = echo.map(|incarnation| Echo {
            incarnation: Incarnation(incarnation),
            sent_at: Instant::ZERO,
            held: std::time::Duration::ZERO,
        });
        heartbeat
    }

    fn check(sessions: &mut Sessions, heartbeat: &Heartbeat, expected: Result<Run, Rejected>) {
        assert_eq!(
            sessions.accept(heartbeat, Instant::ZERO),
            expected,
            "{:?}",
            heartbeat.header
        );
    }

    #[test]
    fn a_run_counts_once_it_answers_this_run_of_ours() {
        let mut sessions = Sessions::new(Incarnation(5));
        check(
            &mut sessions,
            &packet(7, 1, None),
            Err(Rejected::Unconfirmed),
        );
        check(
            &mut sessions,
            &packet(7, 2, Some(4)),
            Err(Rejected::Unconfirmed),
        );
        check(&mut sessions, &packet(7, 3, Some(5)), Ok(Run::First));
        check(&mut sessions, &packet(7, 4, None), Ok(Run::Same));
    }

    #[test]
    fn a_recording_of_an_older_run_is_never_heard_again() {
        let mut sessions = Sessions::new(Incarnation(5));
        let old = packet(7, 900, Some(5));
        check(&mut sessions, &old, Ok(Run::First));
        check(
            &mut sessions,
            &packet(8, 1, Some(5)),
            Ok(Run::After(old.header.origin)),
        );
        check(
            &mut sessions,
            &packet(7, 901, Some(5)),
            Err(Rejected::Outdated),
        );
    }

    #[test]
    fn a_recording_played_to_a_daemon_that_forgot_everything_does_not_count() {
        // Recorded while our incarnation was 5; now we are 6 and remember nothing.
        let mut sessions = Sessions::new(Incarnation(6));
        check(
            &mut sessions,
            &packet(7, 3, Some(5)),
            Err(Rejected::Unconfirmed),
        );
        // It does not hinder the living node either.
        check(
            &mut sessions,
            &packet(9, 1, None),
            Err(Rejected::Unconfirmed),
        );
        check(
            &mut sessions,
            &packet(7, 4, Some(5)),
            Err(Rejected::Unconfirmed),
        );
        let echo = sessions.echo(NodeId(2), LinkId(0), Instant::ZERO).unwrap();
        assert_eq!(echo.incarnation, Incarnation(9));
        check(&mut sessions, &packet(9, 2, Some(6)), Ok(Run::First));
    }

    #[test]
    fn a_packet_counts_once_on_its_link() {
        let mut sessions = Sessions::new(Incarnation(5));
        check(&mut sessions, &packet(7, 3, Some(5)), Ok(Run::First));
        check(
            &mut sessions,
            &packet(7, 3, Some(5)),
            Err(Rejected::Replayed),
        );
        check(&mut sessions, &packet(7, 2, Some(5)), Ok(Run::Same));
    }

    #[test]
    fn a_clone_of_a_running_node_is_refused() {
        let mut sessions = Sessions::new(Incarnation(5));
        check(&mut sessions, &packet(7, 3, Some(5)), Ok(Run::First));
        let mut clone = packet(7, 4, Some(5));
        clone.header.origin.run = RunId(99);
        check(&mut sessions, &clone, Err(Rejected::Twin));
    }
}
