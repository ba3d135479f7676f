//! Who is there, who may run something, and who must be fenced.

use std::collections::BTreeMap;

use super::scene::Scene;
use super::{
    FenceReason, NoQuorum, NodeIx, NodeState, Observed, OnFail, Score, TicketLoss, Wanted,
};

#[derive(Debug)]
pub(super) struct NodeFacts {
    pub online: bool,
    /// It may run anything, and must be fenced before that is safe elsewhere.
    pub unclean: Option<FenceReason>,
    /// It is fenced in this round.
    pub fenced: bool,
    pub standby: bool,
    pub maintenance: bool,
    /// Resources placed on it so far.
    pub placed: usize,
    /// How busy it is, in percent, with what is placed on it and was not there before.
    pub busy: u32,
    /// Room that is left, by kind of good.
    pub room: BTreeMap<String, i64>,
    /// Room that what runs on it keeps against what comes, by its priority, until it is placed.
    pub kept: BTreeMap<Score, BTreeMap<String, i64>>,
    /// Its place when all are sorted by name.
    pub rank: usize,
    leaving: bool,
    runs_resources: bool,
    pending: bool,
}

impl NodeFacts {
    /// Whether something may be placed there.
    pub fn usable(&self) -> bool {
        self.online
            && self.unclean.is_none()
            && !self.standby
            && !self.leaving
            && !self.maintenance
            && !self.pending
            && self.runs_resources
    }

    /// Whether an agent can be run there at all.
    pub fn reachable(&self) -> bool {
        self.online && self.unclean.is_none() && !self.pending
    }

    /// Whether what was found there may still be active.
    pub fn may_run(&self) -> bool {
        self.online || self.pending || self.unclean.is_some()
    }
}

pub(super) fn facts(wanted: &Wanted, observed: &Observed) -> Vec<NodeFacts> {
    let policy = &wanted.policy;
    let mut by_name: Vec<usize> = (0..wanted.nodes.len()).collect();
    by_name.sort_by_key(|at| &wanted.nodes[*at].name);
    let mut rank = vec![0; by_name.len()];
    for (place, at) in by_name.into_iter().enumerate() {
        rank[at] = place;
    }
    let nodes = wanted.nodes.iter().zip(&observed.nodes);
    nodes
        .zip(rank)
        .map(|((node, seen), rank)| {
            let never_seen =
                !seen.seen && seen.state == NodeState::Offline && policy.startup_fencing;
            let unclean = if seen.asked_to_fence {
                Some(FenceReason::Asked)
            } else if never_seen && policy.fencing {
                Some(FenceReason::NeverSeen)
            } else if seen.unclean && (policy.fencing || seen.state == NodeState::Online) {
                Some(FenceReason::Lost)
            } else {
                None
            };
            NodeFacts {
                online: seen.state == NodeState::Online,
                pending: seen.state == NodeState::Pending,
                unclean,
                fenced: false,
                standby: seen.standby,
                maintenance: seen.maintenance || policy.maintenance,
                leaving: seen.shutdown,
                runs_resources: node.runs_resources,
                placed: 0,
                busy: seen.busy,
                rank,
                room: node.capacity.clone(),
                kept: BTreeMap::new(),
            }
        })
        .collect()
}

/// What failures, tickets and the loss of quorum make of nodes.
pub(super) fn judge(scene: &mut Scene<'_>) {
    failures(scene);
    tickets(scene);
    without_quorum(scene);
    let policy = &scene.wanted.policy;
    for node in &mut scene.nodes {
        let may_fence = policy.can_fence()
            && (scene.observed.quorate || policy.no_quorum == NoQuorum::Ignore || node.online);
        node.fenced = node.unclean.is_some() && may_fence;
    }
}

fn failures(scene: &mut Scene<'_>) {
    for found in &scene.observed.found {
        let Some(failed) = found.failed else { continue };
        let node = &mut scene.nodes[found.node.0];
        match failed.answer {
            OnFail::Fence if node.unclean.is_none() && node.may_run() => {
                node.unclean = Some(FenceReason::Failed(found.resource));
            }
            OnFail::Standby => node.standby = true,
            OnFail::Fence
            | OnFail::Ignore
            | OnFail::Demote
            | OnFail::Restart
            | OnFail::Move
            | OnFail::Block
            | OnFail::Stop => {}
        }
    }
}

fn tickets(scene: &mut Scene<'_>) {
    for rule in &scene.wanted.ticket_rules {
        if rule.on_loss != TicketLoss::Fence || scene.observed.tickets[rule.ticket.0].granted {
            continue;
        }
        let Some(part) = scene.spoken_of(rule.resource) else {
            continue;
        };
        for node in scene.nodes_in_role(part, rule.role) {
            let facts = &mut scene.nodes[node.0];
            if facts.unclean.is_none() {
                facts.unclean = Some(FenceReason::TicketLost(rule.resource));
            }
        }
    }
}

/// A partition without quorum whose policy is to be fenced fences those of its nodes that
/// run something.
fn without_quorum(scene: &mut Scene<'_>) {
    let policy = &scene.wanted.policy;
    // Where nobody can be fenced it stops, as by the policy to stop.
    let fences = policy.can_fence() && policy.no_quorum == NoQuorum::Fence;
    if scene.observed.quorate || !fences {
        return;
    }
    let active: Vec<NodeIx> = scene
        .parts
        .iter()
        .flat_map(|part| part.here.iter().map(|here| here.node))
        .collect();
    for node in active {
        let facts = &mut scene.nodes[node.0];
        if facts.online && facts.unclean.is_none() {
            facts.unclean = Some(FenceReason::NoQuorum);
        }
    }
}
