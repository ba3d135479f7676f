//! How the others are, as the detector of this node tells it.

use std::collections::BTreeSet;

use membership::{Event, Recovery, Silence};
use model::{BootId, Instant, NodeId};
use wire::heartbeat::{Incarnation, boot_tag};

use crate::node::Node;

/// How a peer is, as this node's own detector tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Liveness {
    /// Heard.
    Alive { boot: BootId },
    /// Still heard, by a run of its daemon that was seen to leave. No news as long as the
    /// log says that it is down.
    Left { boot: BootId },
    /// Closed daemon on a living kernel.
    DaemonDown,
    /// Closed for longer than it may be, as we were told then.
    DaemonDownTooLong { at: Instant },
    /// Silent, and a majority agrees.
    Lost {
        silence: Silence,
        silent_for: std::time::Duration,
        agreed_by: Vec<NodeId>,
        /// By whom it had been heard before.
        heard: Heard,
        /// When we were told.
        at: Instant,
    },
}

/// Who had heard a node that is silent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    /// This run of this daemon.
    Here,
    /// Only others of those that agree: the tags of the boots in which they heard it.
    /// Empty: nobody. Then it may never have been up since the cluster was started.
    Elsewhere(BTreeSet<u16>),
}

impl Heard {
    /// Whether this silence says that `boot` has fallen silent.
    pub fn covers(&self, boot: BootId) -> bool {
        match self {
            Self::Here => true,
            Self::Elsewhere(tags) => tags.contains(&boot_tag(boot)),
        }
    }
}

impl Node {
    /// The detector of this node has noticed something.
    pub fn handle_event(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Alive {
                peer,
                boot,
                incarnation,
            } => self.note_alive(*peer, (*boot, *incarnation), now),
            Event::Lost {
                peer,
                silence,
                silent_for,
                agreed_by,
                boot,
                of: _,
                heard_by,
            } => {
                let heard = match boot {
                    Some(_) => Heard::Here,
                    None => Heard::Elsewhere(heard_by.iter().map(|(_, tag)| *tag).collect()),
                };
                let lost = Liveness::Lost {
                    silence: *silence,
                    silent_for: *silent_for,
                    agreed_by: agreed_by.clone(),
                    heard,
                    at: now,
                };
                self.suspected.remove(peer);
                self.liveness.insert(*peer, lost);
                self.raft.handle_peer_lost(*peer, now);
            }
            Event::DaemonDown { peer, .. } | Event::Leaving { peer } => {
                self.liveness.insert(*peer, Liveness::DaemonDown);
                self.raft.handle_peer_lost(*peer, now);
            }
            Event::DaemonDownTooLong { peer, .. } => {
                let down = Liveness::DaemonDownTooLong { at: now };
                self.liveness.insert(*peer, down);
            }
            Event::Rebooted { peer, new, .. } => {
                self.suspected.remove(peer);
                self.split_hears(*peer, *new, now);
                self.liveness.insert(*peer, Liveness::Alive { boot: *new });
            }
            Event::RebootRelayed { peer, .. } => self.split_hears_of(*peer, now),
            Event::Suspected { peer, .. } => {
                self.suspected.insert(*peer, now);
            }
            Event::Recovered { peer, because } => match because {
                // They are as silent as before; `Connected` ends it.
                Recovery::OwnIsolation => {}
                Recovery::Heard | Recovery::Relayed => self.hear_again(*peer, now),
                Recovery::OwnStall => {
                    self.suspected.remove(peer);
                }
            },
            Event::Isolated { .. } => self.suspect_all(now),
            Event::Connected => self.suspect_nobody(now),
            Event::LinkDown { .. }
            | Event::LinkUp { .. }
            | Event::LinkOneWay { .. }
            | Event::LinkBothWays { .. }
            | Event::Late { .. }
            | Event::Stalled { .. }
            | Event::PeerStalled { .. } => {}
        }
        self.advance(now);
    }

    fn hear_again(&mut self, peer: NodeId, now: Instant) {
        self.suspected.remove(&peer);
        self.end_vouch_of(peer, now);
    }

    /// This node hears nobody.
    fn suspect_all(&mut self, now: Instant) {
        let alive = |liveness: &Liveness| match liveness {
            Liveness::Alive { .. } | Liveness::Left { .. } => true,
            Liveness::DaemonDown | Liveness::DaemonDownTooLong { .. } | Liveness::Lost { .. } => {
                false
            }
        };
        for (peer, _) in self.liveness.iter().filter(|(_, it)| alive(it)) {
            self.suspected.entry(*peer).or_insert(now);
        }
    }

    /// Somebody is heard again. Who is not will be suspected anew.
    fn suspect_nobody(&mut self, now: Instant) {
        for peer in std::mem::take(&mut self.suspected).into_keys() {
            if matches!(self.liveness.get(&peer), Some(Liveness::Alive { .. })) {
                self.raft.handle_peer_alive(peer, now);
            }
        }
    }

    fn note_alive(&mut self, peer: NodeId, run: (BootId, Incarnation), now: Instant) {
        let before = self.runs.insert(peer, run);
        if before.is_some_and(|before| before != run) {
            // The run that led or voted is over, even when its silence went unnoticed.
            self.raft.handle_peer_lost(peer, now);
        }
        self.suspected.remove(&peer);
        self.liveness.insert(peer, Liveness::Alive { boot: run.0 });
        self.split_hears(peer, run.0, now);
        self.raft.handle_peer_alive(peer, now);
    }
}
