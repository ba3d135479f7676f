//! A service with copies, in some clusters: each copy is a service of its own to all promises,
//! and a node takes only so many of them.

use model::operation::ResourceAddress;
use model::plant::{self, Plant};
use model::rules::Copies;
use model::seen::{NodeSeen, NodeState, Standby};
use model::{NodeId, ServiceName};

use crate::form::{node_name, service};
use crate::promises::Promise;
use crate::random::Random;
use crate::schedule::Setup;
use crate::world::World;

/// Streams of random numbers for the setup.
const OF_COPIES: u64 = 11;

/// Some clusters have a service with copies; always where a defect is planted that only these
/// can show.
pub(crate) fn draw(setup: &mut Setup) {
    let mut random = Random::new(setup.seed, OF_COPIES);
    if !random.chance(250) && !plant::is(Plant::CopiesNotCounted) {
        return;
    }
    let line = random.pick(&[
        "farm copies=every-node",
        "farm copies=2",
        "farm copies=every-node per-node=2 restart=1",
        "farm copies=2 after=db",
    ]);
    let company = random.pick(&[
        None,
        None,
        Some("cache together=db"),
        Some("cache apart=db"),
    ]);
    for line in [Some(line), company].into_iter().flatten() {
        let (name, spec) = service(line).expect("these lines are right");
        setup.spec.services.insert(name, spec);
    }
}

impl World {
    /// Whether no node is left for a service by its rules: all that are up have as many of its
    /// copies as they take, the only one has what it must be apart from, or it needs a promoted
    /// copy of another service, and that has none.
    pub(crate) fn has_no_place(&self, name: &ServiceName) -> bool {
        let state = self.record.state();
        let seen = state.seen();
        let Some(spec) = state.spec().and_then(|spec| spec.service_of(name)) else {
            return false;
        };
        let is_up = |node: &&NodeSeen| {
            matches!(node.state, NodeState::Online { .. }) && node.standby == Standby::Off
        };
        let up = seen.nodes.values().filter(is_up).count();
        let copies = seen.services.range(name.copies_range());
        let held = copies.filter(|(_, seen)| seen.claim.is_some()).count();
        let waits = seen
            .services
            .get(name)
            .is_some_and(|seen| seen.claim.is_none());
        let takes = |copies: &Copies| up * copies.per_node as usize <= held;
        let is_full = spec.rules.copies.as_ref().is_some_and(takes);
        let is_alone = up < 2 && !spec.rules.apart_from.is_empty();
        waits && (is_full || is_alone || self.needs_a_leader_that_cannot_be(spec))
    }

    /// Copies of one service are so many on a node at most, and nothing runs beside them under
    /// the service's own name.
    pub(crate) fn invariant_s1_copies_on_one_node(
        &mut self,
        on: NodeId,
        address: &ResourceAddress,
    ) {
        let service = address.service.service();
        let spec = self.record.state().spec();
        let copies = spec.and_then(|spec| spec.services.get(&service)?.rules.copies);
        let machine = &self.machines[(on.0 - 1) as usize];
        let mut names: Vec<_> = machine
            .running
            .keys()
            .map(|running| &running.service)
            .filter(|name| name.service() == service)
            .collect();
        names.dedup();
        let most = copies.map_or(1, |copies| copies.per_node) as usize;
        if most < names.len() {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            let what = format!(
                "{} run on {}, and at most {most} may",
                names.join(" and "),
                node_name(on)
            );
            self.break_promise(Promise::S1OneNodePerService, what);
        }
    }
}
