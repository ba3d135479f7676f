//! The plan in the making, with what is looked up often.

use std::collections::{BTreeMap, BTreeSet};

use model::seen::{Claim, Goal, Maintenance, NodeState, Phase, ServiceSeen};
use model::{ClusterTime, NodeName, Reason, ServiceName, WallTime};

use crate::{Action, Input, Plan, Step, Subject, Wait};

pub(crate) struct Draft<'a> {
    pub(crate) input: &'a Input<'a>,
    pub(crate) load: Load,
    /// Nodes that this plan gives up: nothing may be planned on them any more.
    pub(crate) given_up: BTreeSet<&'a NodeName>,
    plan: Plan,
}

/// How many services each node runs, for even shares.
#[derive(Debug, Default)]
pub(crate) struct Load(BTreeMap<NodeName, usize>);

impl Load {
    pub(crate) fn of(input: &Input<'_>) -> Self {
        let mut load = Self::default();
        let claims = input
            .seen
            .services
            .values()
            .filter_map(|seen| seen.claim.as_ref());
        for claim in claims.filter(|claim| claim.goal == Goal::Run) {
            load.add(&claim.node);
        }
        load
    }

    pub(crate) fn add(&mut self, node: &NodeName) {
        *self.0.entry(node.clone()).or_default() += 1;
    }

    pub(crate) fn on(&self, node: &NodeName) -> usize {
        self.0.get(node).copied().unwrap_or_default()
    }
}

impl<'a> Draft<'a> {
    pub(crate) fn new(input: &'a Input<'a>) -> Self {
        Self {
            input,
            load: Load::of(input),
            given_up: BTreeSet::new(),
            plan: Plan {
                id: input.id,
                steps: Vec::new(),
                waits: Vec::new(),
                again_at: None,
            },
        }
    }

    pub(crate) fn step(&mut self, action: Action, because: Reason) {
        self.plan.steps.push(Step { action, because });
    }

    pub(crate) fn wait(&mut self, subject: Subject, because: Reason) {
        self.plan.waits.push(Wait { subject, because });
    }

    pub(crate) fn again_at(&mut self, at: ClusterTime) {
        let earlier = self.plan.again_at.is_none_or(|known| at < known);
        if earlier {
            self.plan.again_at = Some(at);
        }
    }

    pub(crate) fn finish(self) -> Plan {
        self.plan
    }
}

impl<'a> Input<'a> {
    pub(crate) fn service(&self, name: &ServiceName) -> Option<&'a ServiceSeen> {
        self.seen.services.get(name)
    }

    pub(crate) fn claim(&self, name: &ServiceName) -> Option<&'a Claim> {
        self.service(name).and_then(|seen| seen.claim.as_ref())
    }

    /// What the wall clock will show at a moment to come.
    pub(crate) fn wall_at(&self, moment: ClusterTime) -> WallTime {
        let ahead = moment.0.saturating_sub(self.now.0);
        WallTime(self.wall.0.saturating_add(ahead))
    }

    /// Why nobody may touch the service now, if so.
    pub(crate) fn hands_off(&self, name: &ServiceName) -> Option<Reason> {
        if self.seen.maintenance == Maintenance::On {
            return Some(Reason::Maintenance);
        }
        let frozen = self
            .service(name)
            .is_some_and(|seen| seen.frozen == Maintenance::On);
        frozen.then_some(Reason::Frozen)
    }

    /// The first service that must run before this one starts, and does not.
    pub(crate) fn missing_dependency(&self, name: &ServiceName) -> Option<&'a ServiceName> {
        let after = &self.spec.services.get(name)?.after;
        after.iter().find(|needed| {
            !self
                .claim(needed)
                .is_some_and(|claim| claim.goal == Goal::Run && claim.phase == Phase::Running)
        })
    }

    /// A node that may run anything, so that nothing may start elsewhere, as a wait.
    pub(crate) fn unproven_node(&self) -> Option<Reason> {
        let (name, node) = self
            .seen
            .nodes
            .iter()
            .find(|(_, node)| node.may_run_anything())?;
        Some(waits_for(name, &node.state))
    }
}

/// What must happen at a node before it is known what runs there.
pub(crate) fn waits_for(name: &NodeName, state: &NodeState) -> Reason {
    let node = name.clone();
    match state {
        NodeState::Lost { .. } => Reason::WaitsForFence { node },
        NodeState::DaemonDown { .. } => Reason::WaitsForDaemon { node },
        NodeState::Down
        | NodeState::Starting { .. }
        | NodeState::Online { .. }
        | NodeState::Leaving { .. } => Reason::WaitsForProbe { node },
    }
}
