//! Commands about fences. A confirmation proves that one boot of the target is over; it is
//! void when the target or the executor has booted anew since the fence was asked for.

use std::time::Duration;

use model::history::Happening;
use model::plant::{self, Plant};
use model::seen::{
    FENCED_AT_MAX, FenceRecord, FenceResult, FenceSeen, FenceStanding, Maintenance, NodeState,
};
use model::{BootId, Command, DeviceName, FenceId, Moment, NodeName, Reason, Rejected, UserName};

use crate::members::BootEnd;
use crate::{Applied, FENCE_RECORDS_MAX, Outcome, Place, State, not_ready, push_bounded};

/// The span in which `fences_per_hour_max` counts.
const HOUR: Duration = Duration::from_secs(3600);

impl State {
    pub(crate) fn fence(&mut self, place: Place, command: &Command) -> Outcome {
        let Command::Fence {
            target,
            boot,
            executor,
            because,
        } = command
        else {
            return Err(Rejected::Unknown);
        };
        self.require_fencing_allowed(place, (target, *boot), executor)?;
        let id = FenceId(place.index);
        let failed = self.seen.fences.get(target).map_or(0, |fence| fence.failed);
        let fence = FenceSeen {
            id,
            boot: *boot,
            executor: executor.clone(),
            failed,
            because: because.clone(),
            at: place.at,
            clock: place.clock,
            standing: FenceStanding::Asked,
        };
        self.seen.fences.insert(target.clone(), fence);
        self.record(
            place,
            Happening::FenceAsked {
                id,
                target: target.clone(),
                executor: executor.clone(),
                because: because.clone(),
            },
        );
        Ok(Applied::FenceAsked(id))
    }

    fn require_fencing_allowed(
        &self,
        place: Place,
        (target, boot): (&NodeName, Option<BootId>),
        executor: &NodeName,
    ) -> Result<(), Rejected> {
        let node = self.node(target)?;
        let by = self.node(executor)?;
        if !matches!(&node.state, NodeState::Lost { boot: lost, .. } if *lost == boot) {
            return Err(not_ready(target, &node.state));
        }
        if executor == target || !matches!(by.state, NodeState::Online { .. }) {
            return Err(not_ready(executor, &by.state));
        }
        if self.seen.maintenance == Maintenance::On {
            return Err(Rejected::Refused(Reason::Maintenance.to_string()));
        }
        if node.maintenance == Maintenance::On {
            let because = Reason::NodeMaintenance {
                node: target.clone(),
            };
            return Err(Rejected::Refused(because.to_string()));
        }
        let asked = self.seen.fences.get(target);
        if asked.is_some_and(|fence| fence.standing == FenceStanding::Asked) {
            return Err(Rejected::Refused(format!(
                "{target} is being fenced already"
            )));
        }
        let lately = node
            .fenced_at
            .iter()
            .filter(|fenced| place.clock.saturating_duration_since(fenced.clock) < HOUR)
            .count();
        let max = self
            .spec
            .as_ref()
            .map_or(0, |spec| spec.cluster.fences_per_hour_max);
        let max = if plant::is(Plant::FenceBrakeOff) {
            u32::MAX
        } else {
            max
        };
        if max as usize <= lately {
            let times = u32::try_from(lately).unwrap_or(u32::MAX);
            let because = Reason::FencedTooOften {
                node: target.clone(),
                times,
            };
            return Err(Rejected::Refused(because.to_string()));
        }
        Ok(())
    }

    pub(crate) fn fence_ended(&mut self, place: Place, command: &Command) -> Outcome {
        let Command::FenceEnded {
            id,
            target,
            executor: (executor, boot),
            result,
        } = command
        else {
            return Err(Rejected::Unknown);
        };
        let node = self.node(target)?;
        let late = || Rejected::Late(format!("fence {id} of {target}"));
        let fence = self
            .seen
            .fences
            .get(target)
            .filter(|fence| fence.id == *id)
            .ok_or_else(late)?;
        let by = self.node(executor)?;
        let same_executor = fence.executor == *executor && by.state.boot() == Some(*boot);
        // A fence that was written off because its executor went away stays written off.
        if !same_executor
            || fence.standing != FenceStanding::Asked
            || fence.boot != node.state.boot()
        {
            return Err(late());
        }
        match result {
            FenceResult::Confirmed { device } if self.seen.distrusted.contains_key(device) => {
                let how = "it says off, but is not trusted since it said so wrongly".to_string();
                self.fence_failed(place, target, (Some(device.clone()), how));
            }
            FenceResult::Confirmed { .. } | FenceResult::ConfirmedByOperator { .. } => {
                self.fence_confirmed(place, target, result);
            }
            FenceResult::Failed { device, how } => {
                self.fence_failed(place, target, (device.clone(), how.clone()));
            }
            FenceResult::OutlivedWatchdog { waited } => {
                self.require_outlived(target, *waited)?;
                self.fence_confirmed(place, target, result);
            }
            // Only the target itself can prove this, by being heard under another boot.
            FenceResult::Rebooted => return Err(late()),
        }
        Ok(Applied::Done)
    }

    fn fence_confirmed(&mut self, place: Place, target: &NodeName, result: &FenceResult) {
        let asked = self.seen.fences.get(target).map(|fence| fence.id.0);
        let end = match (result, asked) {
            (FenceResult::OutlivedWatchdog { .. }, _) | (_, None) => BootEnd::Outlived,
            (_, Some(asked)) => BootEnd::Off { asked },
        };
        self.measure_fence(place, target, result);
        if let Some(node) = self.seen.nodes.get_mut(target) {
            push_fenced_at(&mut node.fenced_at, place);
        }
        self.note_vouched(place, target, result);
        self.settle_fence(place, target, result);
        self.node_off(place, target, end);
    }

    /// Only devices of the spec are measured, so there are never more.
    fn measure_fence(&mut self, place: Place, target: &NodeName, result: &FenceResult) {
        let FenceResult::Confirmed { device } = result else {
            return;
        };
        let is_known = |spec: &model::Spec| spec.fence_devices.contains_key(device);
        let Some(fence) = self.seen.fences.get(target) else {
            return;
        };
        if self.spec.as_ref().is_some_and(is_known) {
            let span = place.clock.saturating_duration_since(fence.clock);
            let times = self.seen.fence_times.entry(device.clone()).or_default();
            times.push(span);
        }
    }

    /// The try has failed; another one must be asked for.
    pub(crate) fn fence_failed(
        &mut self,
        place: Place,
        target: &NodeName,
        (device, how): (Option<DeviceName>, String),
    ) {
        let result = FenceResult::Failed {
            device: device.clone(),
            how: how.clone(),
        };
        self.record_fence(place, target, &result);
        if let Some(fence) = self.seen.fences.get_mut(target) {
            fence.failed = fence.failed.saturating_add(1);
            fence.standing = FenceStanding::Failed {
                at: place.at,
                clock: place.clock,
                device,
                how,
            };
        }
    }

    pub(crate) fn confirm_fence(
        &mut self,
        place: Place,
        target: &NodeName,
        by: &UserName,
    ) -> Outcome {
        let node = self.node(target)?;
        if !matches!(node.state, NodeState::Lost { .. }) {
            return Err(not_ready(target, &node.state));
        }
        let result = FenceResult::ConfirmedByOperator { user: by.clone() };
        self.record_operator(place, by, format!("fence confirm {target}"));
        if !self.seen.fences.contains_key(target) {
            self.vouch_unasked(place, target, result.clone());
        }
        self.note_vouched(place, target, &result);
        self.settle_fence(place, target, &result);
        // A person has looked: the brake against fence loops starts anew.
        if let Some(node) = self.seen.nodes.get_mut(target) {
            node.fenced_at.clear();
        }
        // A person has looked just now.
        let asked = place.index;
        self.node_off(place, target, BootEnd::Off { asked });
        Ok(Applied::Done)
    }

    /// A record of a node that a person declares off before anybody was asked to fence it.
    fn vouch_unasked(&mut self, place: Place, target: &NodeName, result: FenceResult) {
        let because = match self.seen.nodes.get(target).map(|node| &node.state) {
            Some(NodeState::Lost { because, .. }) => because.clone(),
            Some(_) | None => return,
        };
        let record = FenceRecord {
            id: FenceId(place.index),
            target: target.clone(),
            executor: target.clone(),
            because,
            asked_at: place.at,
            ended_at: place.at,
            result: result.clone(),
        };
        push_bounded(&mut self.fence_records, record, FENCE_RECORDS_MAX);
        let id = FenceId(place.index);
        self.record(
            place,
            Happening::FenceEnded {
                id,
                target: target.clone(),
                result,
            },
        );
    }

    fn node_off(&mut self, place: Place, target: &NodeName, end: BootEnd) {
        self.end_boot(place, target, end);
        self.set_node(place, target, NodeState::Down, None);
    }

    /// Ends the fence that is asked for, if there is one, and records how.
    pub(crate) fn settle_fence(&mut self, place: Place, target: &NodeName, result: &FenceResult) {
        self.record_fence(place, target, result);
        self.seen.fences.remove(target);
    }

    fn record_fence(&mut self, place: Place, target: &NodeName, result: &FenceResult) {
        let Some(fence) = self.seen.fences.get(target) else {
            return;
        };
        let record = FenceRecord {
            id: fence.id,
            target: target.clone(),
            executor: fence.executor.clone(),
            because: fence.because.clone(),
            asked_at: fence.at,
            ended_at: place.at,
            result: result.clone(),
        };
        let id = fence.id;
        push_bounded(&mut self.fence_records, record, FENCE_RECORDS_MAX);
        self.record(
            place,
            Happening::FenceEnded {
                id,
                target: target.clone(),
                result: result.clone(),
            },
        );
    }
}

fn push_fenced_at(times: &mut Vec<Moment>, place: Place) {
    if FENCED_AT_MAX <= times.len() {
        times.remove(0);
    }
    times.push(Moment {
        at: place.at,
        clock: place.clock,
    });
}
