//! Ping targets: advice about which half should act first, and often wrong here. Whatever they
//! answer, no promise may depend on it.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use model::NodeId;

use crate::random::Random;
use crate::schedule::Setup;
use crate::world::{Event, World};

/// Streams of random numbers for the setup.
const OF_PINGS: u64 = 7;

/// Echoes are sent as often as in a hurry, about; fewer events than in production.
const ECHO_EVERY: Duration = Duration::from_millis(500);

/// Some clusters have a target. Which nodes it answers does not depend on any cable.
pub(crate) fn draw(setup: &mut Setup) {
    let mut random = Random::new(setup.seed, OF_PINGS);
    if random.chance(200) {
        setup.spec.cluster.ping_targets = vec![IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9))];
        setup.echoes = random.pick(&[0, 300, 700, 1000]);
    }
}

impl World {
    /// Whether an echo is answered is drawn for each node each time.
    pub(crate) fn echoes(&mut self) {
        self.put(ECHO_EVERY, Event::Echoes);
        for id in (1..=self.setup.nodes).map(NodeId) {
            let is_answered = self.random.chance(self.setup.echoes);
            if let Some((daemon, local)) = self.awake(id).filter(|_| is_answered) {
                daemon.node.set_reach(local, local);
                self.carry_out(id);
            }
        }
    }
}
