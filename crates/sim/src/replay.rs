//! Somebody on the network records heartbeats and sends them again, long after. They are
//! genuine: only what they say about themselves tells that they are old.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use model::NodeId;
use wire::heartbeat::{Heartbeat, LinkId};

use crate::world::{Event, World};

/// One of so many packets is recorded: enough to have some of each run of a daemon.
const ONE_OF: u64 = 4;

/// Packets kept of each sender: those of some ten seconds.
const KEPT_MAX: usize = 64;

/// So many are sent again at once, from the oldest on.
const SENT: usize = 24;

/// They come one after the other.
const BETWEEN: Duration = Duration::from_millis(2);

struct Recorded {
    to: NodeId,
    link: LinkId,
    heartbeat: Heartbeat,
}

/// What was recorded, by sender.
#[derive(Default)]
pub(crate) struct Recordings(BTreeMap<NodeId, VecDeque<Recorded>>);

impl Recordings {
    pub fn keep(&mut self, (to, link): (NodeId, LinkId), heartbeat: &Heartbeat) {
        if !heartbeat.header.counter.is_multiple_of(ONE_OF) {
            return;
        }
        let of = self.0.entry(heartbeat.header.origin.node).or_default();
        if KEPT_MAX <= of.len() {
            of.pop_front();
        }
        let heartbeat = heartbeat.clone();
        of.push_back(Recorded {
            to,
            link,
            heartbeat,
        });
    }
}

impl World {
    pub(crate) fn replay(&mut self, of: NodeId) {
        let recorded = self.recordings.0.get(&of).into_iter().flatten();
        let packets: Vec<_> = recorded
            .take(SENT)
            .map(|packet| (packet.to, packet.link, Box::new(packet.heartbeat.clone())))
            .collect();
        let mut delay = Duration::ZERO;
        for (to, link, heartbeat) in packets {
            delay += BETWEEN;
            let event = Event::Heartbeat {
                to,
                link,
                heartbeat,
            };
            self.put(delay, event);
        }
    }
}
