//! What would happen: a command is applied to a copy of the state, and the plans that
//! follow are played to their end on it, as if every step worked at the first try.

use model::seen::{Phase, Seen};
use model::{Command, Moment, NodeName, PlanId, Rejected, ServiceName};
use planner::{Step, Wait};
use state::State;

use crate::estimate::Estimate;
use crate::play::{Mode, Play, orphans};

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
    /// Services that run on without the cluster, and where.
    pub left: Vec<(ServiceName, NodeName)>,
    /// Services that do not answer for a while, and for how long; `None`: they do not come
    /// back by this change.
    pub outages: Vec<(ServiceName, Option<Estimate>)>,
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
    let mut play = Play::new(state.clone(), applied, at, Mode::Change);
    if let Some(command) = command {
        play.order(command)?;
    }
    let left = orphans::left(&play.state);
    play.settle();
    let stays = untouched(state.seen(), &play.steps);
    let outages = play.time.outages();
    let outages = outages.map(|(name, outage)| (name.clone(), outage.cloned()));
    Ok(Preview {
        outages: outages.collect(),
        plan: play.first.unwrap_or(PlanId(play.index)),
        steps: play.steps,
        waits: play.waits,
        stays,
        left,
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
