//! What every node does for itself: probe, carry its claims out, carry out the fences it
//! was asked for, leave.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::seen::{FenceResult, NodeState};
use model::{Command, FenceId, Instant};

use crate::executor;
use crate::node::{Node, Output};

/// An own proposal is made again when the state has not shown its effect after this time.
const ASK_RETRY: Duration = Duration::from_millis(500);

/// Whether the state is new enough to be carried out.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) enum CatchingUp {
    #[default]
    NotAsked,
    Asked(Instant),
    /// It is, once this index has been applied.
    To(u64),
}

/// What this node has asked for and waits to see in the state.
#[derive(Debug, Default)]
pub(crate) struct Tending {
    pub catching_up: CatchingUp,
    transferred: Option<Instant>,
    probed: Option<Instant>,
    left: Option<Instant>,
    has_left: bool,
    fences: BTreeSet<FenceId>,
    results: BTreeMap<FenceId, (FenceResult, Option<Instant>)>,
}

impl Tending {
    pub fn fence_ended(&mut self, id: FenceId, result: FenceResult) {
        self.results.insert(id, (result, None));
    }

    pub fn leader_changed(&mut self) {
        self.probed = None;
        self.transferred = None;
        for (_, sent) in self.results.values_mut() {
            *sent = None;
        }
    }

    /// Whether this node is on its way out: its being alive is no news then.
    pub fn has_asked_to_leave(&self) -> bool {
        self.left.is_some()
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        let results = self.results.values().filter_map(|(_, sent)| *sent);
        let asked = match self.catching_up {
            CatchingUp::Asked(at) => Some(at),
            CatchingUp::NotAsked | CatchingUp::To(_) => None,
        };
        let asked = asked
            .into_iter()
            .chain(self.probed)
            .chain(self.left)
            .chain(self.transferred);
        results.chain(asked).map(|at| at + ASK_RETRY).min()
    }
}

/// Whether something that was asked for at `sent` has to be asked for now.
fn is_due(sent: Option<Instant>, now: Instant) -> bool {
    sent.is_none_or(|at| at + ASK_RETRY <= now)
}

impl Node {
    pub(crate) fn tend(&mut self, now: Instant) {
        self.tend_catching_up(now);
        self.tend_probes(now);
        if self.is_caught_up() {
            self.executor.advance(&self.state, self.applied, now);
        }
        self.tend_executor(now);
        self.tend_fences(now);
        self.tend_leaving(now);
    }

    fn my_state(&self) -> Option<&NodeState> {
        self.state
            .seen()
            .nodes
            .get(&self.config.name)
            .map(|node| &node.state)
    }

    /// A daemon that has just started may see an old state: the log on its disk ends where
    /// the last run left it, and a claim given back by that run may stand in it. It carries
    /// nothing out before it has caught up with what was committed when it asked.
    fn is_caught_up(&self) -> bool {
        matches!(self.tending.catching_up, CatchingUp::To(index) if index <= self.applied)
    }

    fn tend_catching_up(&mut self, now: Instant) {
        let is_due = match self.tending.catching_up {
            CatchingUp::NotAsked => true,
            CatchingUp::Asked(at) => at + ASK_RETRY <= now,
            CatchingUp::To(_) => false,
        };
        if is_due && self.leader.is_some() {
            self.tending.catching_up = CatchingUp::Asked(now);
            self.raft.read_index(0, now);
        }
    }

    /// Tells what was found, once the cluster knows that this node is up.
    fn tend_probes(&mut self, now: Instant) {
        let boot = self.config.boot;
        if !self.is_caught_up() || self.my_state().and_then(NodeState::boot) != Some(boot) {
            return;
        }
        let recorded = std::mem::take(&mut self.recorded);
        self.executor.begin_probes(&self.state, &recorded, now);
        if self.my_state() != Some(&NodeState::Starting { boot }) {
            self.tending.probed = None;
            return;
        }
        let Some(found) = self.executor.probed() else {
            return;
        };
        if is_due(self.tending.probed, now) && self.leader.is_some() {
            self.tending.probed = Some(now);
            let node = self.config.name.clone();
            self.propose_own(Command::Probed { node, boot, found }, now);
        }
    }

    fn tend_executor(&mut self, now: Instant) {
        while let Some(output) = self.executor.poll_output() {
            match output {
                executor::Output::Operate(operation) => {
                    self.outputs.push_back(Output::Operate(operation));
                }
                executor::Output::Report {
                    service,
                    epoch,
                    incarnation,
                    report,
                    resources,
                } => {
                    let command = self.report_of(service, epoch, incarnation, (report, resources));
                    self.propose_own(command, now);
                }
                executor::Output::StrayStopped(service) => {
                    let (node, boot) = (self.config.name.clone(), self.config.boot);
                    self.propose_own(
                        Command::StrayStopped {
                            node,
                            boot,
                            service,
                        },
                        now,
                    );
                }
            }
        }
    }

    /// Begins the fences that name this node as executor, and tells how they ended.
    fn tend_fences(&mut self, now: Instant) {
        let mine: BTreeMap<FenceId, _> = self
            .state
            .seen()
            .fences
            .iter()
            .filter(|(_, fence)| fence.executor == self.config.name)
            .map(|(target, fence)| (fence.id, target.clone()))
            .collect();
        self.tending.fences.retain(|id| mine.contains_key(id));
        self.tending.results.retain(|id, _| mine.contains_key(id));
        for (id, target) in mine {
            if self.tending.fences.insert(id) {
                self.outputs.push_back(Output::Fence { id, target });
            } else {
                self.tell_fence(id, target, now);
            }
        }
    }

    fn tell_fence(&mut self, id: FenceId, target: model::NodeName, now: Instant) {
        let Some((result, sent)) = self.tending.results.get_mut(&id) else {
            return;
        };
        if !is_due(*sent, now) || self.leader.is_none() {
            return;
        }
        *sent = Some(now);
        let result = result.clone();
        let executor = (self.config.name.clone(), self.config.boot);
        self.propose_own(
            Command::FenceEnded {
                id,
                target,
                executor,
                result,
            },
            now,
        );
    }

    /// A leaving node that runs nothing any more says so, and may end.
    fn tend_leaving(&mut self, now: Instant) {
        let boot = self.config.boot;
        match self.my_state() {
            Some(NodeState::Leaving { .. }) => {}
            Some(NodeState::Down) if self.tending.left.is_some() && !self.tending.has_left => {
                self.tending.has_left = true;
                self.outputs.push_back(Output::Left);
                return;
            }
            _ => return,
        }
        let name = &self.config.name;
        let holds = self.state.seen().services.values().any(|service| {
            service
                .claim
                .as_ref()
                .is_some_and(|claim| claim.node == *name)
        });
        let last_asked = self.tending.left.filter(|_| !self.tending.has_left);
        if holds || !self.executor.is_idle() || !is_due(last_asked, now) || self.leader.is_none() {
            return;
        }
        // Somebody else should lead before this node goes.
        if self.is_leader() && self.tending.transferred.is_none() && self.has_heir() {
            self.tending.transferred = Some(now);
            self.transfer(now);
            return;
        }
        self.tending.left = Some(now);
        let node = self.config.name.clone();
        self.propose_own(Command::Left { node, boot }, now);
    }
}
