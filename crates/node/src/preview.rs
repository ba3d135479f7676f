//! What would happen: a command is applied to a copy of the state, and the plans that
//! follow are played to their end on it, as if every step worked at the first try.

use model::command::Report;
use model::seen::{FenceResult, Goal, NodeState, Phase, ResourceState, Seen};
use model::{Command, Moment, NodeName, PlanId, Rejected, ServiceName, Stamped};
use planner::{Plan, Step, Wait};
use state::State;

/// Plans settle within a few rounds (stop, start, those that wait for them); a chain of
/// services that wait for each other takes two rounds a link.
const ROUNDS_MAX: usize = 200;

/// What a change would do.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// The plan that the cluster would begin with.
    pub plan: PlanId,
    /// All steps until nothing is left to do, in order.
    pub steps: Vec<Step>,
    /// What still waits at the end, and for what.
    pub waits: Vec<Wait>,
    /// Services that are not touched, and where they run.
    pub stays: Vec<(ServiceName, NodeName)>,
    /// The state that follows.
    pub after: State,
}

/// Plays `command` (or nothing) on a copy of `state`.
///
/// # Errors
/// Why the command would be refused.
pub fn preview(
    state: &State,
    applied: u64,
    at: Moment,
    command: Option<Command>,
) -> Result<Preview, Rejected> {
    let mut play = Play {
        state: state.clone(),
        index: applied,
        at,
    };
    if let Some(command) = command {
        play.apply(command)?;
    }
    let first = PlanId(play.index);
    let mut steps = Vec::new();
    let mut waits = Vec::new();
    for _ in 0..ROUNDS_MAX {
        let plan = play.plan();
        waits = plan.waits;
        // A refused step would be planned again for ever; what is refused once is left.
        let taken: Vec<Step> = plan
            .steps
            .into_iter()
            .filter(|step| play.apply(step.command(plan.id)).is_ok())
            .collect();
        let is_settled = taken.is_empty();
        steps.extend(taken);
        if !play.succeed() && is_settled {
            break;
        }
    }
    let stays = untouched(state.seen(), &steps);
    Ok(Preview {
        plan: first,
        steps,
        waits,
        stays,
        after: play.state,
    })
}

/// Services that run and that no step names.
fn untouched(seen: &Seen, steps: &[Step]) -> Vec<(ServiceName, NodeName)> {
    let running = seen.services.iter().filter_map(|(name, service)| {
        let claim = service.claim.as_ref()?;
        (claim.phase == Phase::Running).then(|| (name.clone(), claim.node.clone()))
    });
    running
        .filter(|(name, _)| steps.iter().all(|step| step.action.service() != Some(name)))
        .collect()
}

struct Play {
    state: State,
    index: u64,
    at: Moment,
}

impl Play {
    fn apply(&mut self, command: Command) -> Result<(), Rejected> {
        self.index += 1;
        self.state
            .apply(
                self.index,
                &Stamped {
                    at: self.at.at,
                    clock: self.at.clock,
                    command,
                },
            )
            .map(|_| ())
    }

    fn plan(&self) -> Plan {
        let Some(spec) = self.state.spec() else {
            let id = PlanId(self.index);
            return Plan {
                id,
                steps: Vec::new(),
                waits: Vec::new(),
                again_at: None,
            };
        };
        planner::plan(&planner::Input {
            spec,
            spec_version: self.state.spec_version(),
            seen: self.state.seen(),
            id: PlanId(self.index),
            now: self.at.clock,
            wall: self.at.at,
        })
    }

    /// Everything under way works. Says whether anything was under way.
    fn succeed(&mut self) -> bool {
        let commands = successes(self.state.seen());
        let mut is_moved = false;
        for command in commands {
            is_moved |= self.apply(command).is_ok();
        }
        is_moved
    }
}

fn successes(seen: &Seen) -> Vec<Command> {
    let claims = seen.services.iter().filter_map(|(service, seen)| {
        let claim = seen.claim.as_ref()?;
        let (report, to) = match (claim.goal, &claim.phase) {
            (Goal::Run, Phase::Starting) => (Report::Running, ResourceState::Running),
            (Goal::Stop, Phase::StopFailed(_)) | (Goal::Run, _) => return None,
            (Goal::Stop, _) => (Report::Stopped, ResourceState::Stopped),
        };
        Some(Command::Report {
            node: claim.node.clone(),
            boot: claim.boot,
            run: 0,
            service: service.clone(),
            epoch: claim.epoch,
            incarnation: claim.incarnation,
            report,
            resources: claim
                .resources
                .iter()
                .map(|(name, _)| (name.clone(), to))
                .collect(),
        })
    });
    let fences = seen.fences.iter().filter_map(|(target, fence)| {
        let boot = seen.nodes.get(&fence.executor)?.state.boot()?;
        let device = model::DeviceName::new("preview").expect("a plain word");
        Some(Command::FenceEnded {
            id: fence.id,
            target: target.clone(),
            executor: (fence.executor.clone(), boot),
            result: FenceResult::Confirmed { device },
        })
    });
    let leaves = seen
        .nodes
        .iter()
        .filter_map(|(node, seen_node)| match &seen_node.state {
            NodeState::Leaving { boot } if !holds_anything(seen, node) => Some(Command::Left {
                node: node.clone(),
                boot: *boot,
            }),
            NodeState::Starting { boot } => Some(Command::Probed {
                node: node.clone(),
                boot: *boot,
                run: 0,
                found: Vec::new(),
            }),
            NodeState::Leaving { .. }
            | NodeState::Down
            | NodeState::Online { .. }
            | NodeState::DaemonDown { .. }
            | NodeState::Lost { .. } => None,
        });
    claims.chain(fences).chain(leaves).collect()
}

fn holds_anything(seen: &Seen, node: &NodeName) -> bool {
    seen.services
        .values()
        .any(|s| s.claim.as_ref().is_some_and(|claim| claim.node == *node))
}
