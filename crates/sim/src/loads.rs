//! Clusters that place services by how busy the processors of nodes are, and nodes that are so
//! in ways that have nothing to do with anything: no promise may depend on it.

use std::time::Duration;

use model::rules::PlacementPolicy;
use model::{Instant, NodeId};

use crate::random::Random;
use crate::schedule::Setup;
use crate::world::{Event, World};

/// Streams of random numbers.
const OF_SETUP: u64 = 40;
const OF_LOADS: u64 = 41;

/// More often than in production, where the faults last longer.
const MEASURE_EVERY: Duration = Duration::from_secs(2);

/// A load lasts for several measures, so that it is told.
const LASTS: Duration = Duration::from_secs(9);

/// A part of the clusters places by load.
pub(crate) fn draw(setup: &mut Setup) {
    if Random::new(setup.seed, OF_SETUP).chance(150) {
        setup.spec.cluster.rules.placement = PlacementPolicy::LeastLoad;
    }
}

/// How busy a node is at a time: nothing that was drawn before has a say in it.
fn load(seed: u64, node: NodeId, at: Instant) -> u32 {
    let spell = at.saturating_duration_since(Instant::ZERO).as_secs() / LASTS.as_secs();
    let stream = OF_LOADS + 100 * (64 * spell + node.0);
    let mut random = Random::new(seed, stream);
    random.pick(&[0, 5, 15, 40, 90, 250]) + u32::try_from(random.below(10)).unwrap_or(0)
}

impl World {
    pub(crate) fn begin_measures(&mut self) {
        if self.setup.spec.cluster.rules.placement == PlacementPolicy::LeastLoad {
            self.put(MEASURE_EVERY, Event::Measures);
        }
    }

    /// Every node looks how busy it is.
    pub(crate) fn measures(&mut self) {
        self.put(MEASURE_EVERY, Event::Measures);
        let (seed, now) = (self.setup.seed, self.now);
        for id in (1..=self.setup.nodes).map(NodeId) {
            if let Some((daemon, local)) = self.awake(id) {
                daemon.node.handle_load(load(seed, id, now), local);
                self.carry_out(id);
            }
        }
    }
}
