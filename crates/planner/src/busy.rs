//! How busy the processors of nodes are, where services are placed by that.

use std::collections::BTreeMap;
use std::fmt;

use model::NodeName;
use model::load::{STEP, cpu_load};
use model::rules::PlacementPolicy;
use model::seen::NodeState;

use crate::Input;

/// All nodes.
#[derive(Debug)]
pub(crate) struct Busy(BTreeMap<NodeName, NodeBusy>);

/// One node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NodeBusy {
    /// What is known of it, in percent of its processors.
    pub known: Option<u32>,
    /// What counts for it: what is known, or the mean of the others.
    pub percent: u32,
    /// Services that come by this plan, or came so short a time ago that they are not measured.
    pub coming: u32,
}

impl NodeBusy {
    /// In percent, as if each service that comes kept a step of the processors busy.
    #[must_use]
    pub fn counted(self) -> u32 {
        let coming = STEP.saturating_mul(self.coming);
        self.percent.saturating_add(coming)
    }
}

impl fmt::Display for NodeBusy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.percent;
        match self.known {
            Some(_) => write!(f, "its processors are {percent} % busy")?,
            None => write!(
                f,
                "how busy its processors are is not known: {percent} % count, the mean of others"
            )?,
        }
        let more = STEP.saturating_mul(self.coming);
        match self.coming {
            0 => Ok(()),
            1 => write!(f, ", and {more} % for a service that came lately"),
            many => write!(f, ", and {more} % for {many} services that came lately"),
        }
    }
}

impl Busy {
    /// None where services are placed by something else.
    pub fn of(input: &Input<'_>) -> Option<Self> {
        if input.spec.cluster.rules.placement != PlacementPolicy::LeastLoad {
            return None;
        }
        let nodes = input.seen.nodes.iter();
        let known: BTreeMap<&NodeName, u32> = nodes
            .filter_map(|(name, seen)| Some((name, cpu_load(seen, input.spec.nodes.get(name))?)))
            .collect();
        let is_online = |name: &&NodeName| {
            let seen = input.seen.nodes.get(*name);
            seen.is_some_and(|seen| matches!(seen.state, NodeState::Online { .. }))
        };
        let online = known.iter().filter(|(name, _)| is_online(name));
        let mean = mean(online.map(|(_, percent)| *percent));
        let mut busy = BTreeMap::new();
        for name in input.seen.nodes.keys() {
            let known = known.get(name).copied();
            let node = NodeBusy {
                known,
                percent: known.unwrap_or(mean),
                coming: 0,
            };
            busy.insert(name.clone(), node);
        }
        let mut busy = Self(busy);
        let services = input.seen.services.values();
        let claims = services.filter_map(|seen| seen.claim.as_ref());
        for claim in claims.filter(|claim| claim.is_unmeasured(input.now)) {
            busy.place(&claim.node);
        }
        Some(busy)
    }

    /// The node gets one more service.
    pub fn place(&mut self, node: &NodeName) {
        if let Some(node) = self.0.get_mut(node) {
            node.coming += 1;
        }
    }

    pub fn of_node(&self, node: &NodeName) -> Option<NodeBusy> {
        self.0.get(node).copied()
    }
}

/// Nothing is known to speak for or against a node of which nothing is known.
fn mean(all: impl Iterator<Item = u32>) -> u32 {
    let (sum, count) = all.fold((0_u64, 0_u64), |(sum, count), percent| {
        (sum + u64::from(percent), count + 1)
    });
    let mean = sum.checked_div(count).unwrap_or(0);
    u32::try_from(mean).unwrap_or(u32::MAX)
}
