//! Operations and fences: they take time, may fail, and what they do is real.

use std::time::Duration;

use model::operation::{Operation, OperationReport, Outcome, ResourceAddress, Verb};
use model::seen::FenceResult;
use model::{NodeId, NodeName};
use node::FenceAsker;
use quorum::half::Method;

use crate::act::Wrong;
use crate::dogs::Devices;
use crate::form;
use crate::machine::{Machine, Power};
use crate::reloads;
use crate::roles;
use crate::starting::SLOW_START;
use crate::world::{Event, World};

/// A slow stop takes so long; far below its limit.
const SLOW_STOP: Duration = Duration::from_secs(3);

impl World {
    pub(crate) fn operate(&mut self, (on, run): (NodeId, u64), operation: Operation) {
        let now = self.now;
        let jitter = Duration::from_micros(self.random.below(20_000));
        let operation = Box::new(operation);
        let machine = self.machine(on);
        let wrong = machine
            .wrongs
            .get(&operation.address.service.service())
            .copied();
        let hand_over = match operation.verb {
            // Long enough that something can happen in the middle.
            Verb::MigrateTo => Duration::from_millis(50 + self.random.below(1500)),
            _other => Duration::ZERO,
        };
        let machine = self.machine(on);
        if matches!(operation.verb, Verb::Probe | Verb::Stop) {
            // What an earlier run has left at work is ended before anything is asked.
            machine.handing.remove(&operation.address);
        }
        self.end_what_is_left((on, run), (operation.verb, &operation.address));
        let takes = jitter
            + hand_over
            + match (operation.verb, wrong) {
                (Verb::Start | Verb::MigrateFrom, Some(Wrong::StartHangs)) => operation.limit,
                (Verb::Start, Some(Wrong::StartSlow)) => SLOW_START,
                (Verb::Stop, Some(Wrong::StopSlow)) => SLOW_STOP,
                (Verb::Start, _) => Duration::from_millis(50),
                (Verb::Stop, _) => Duration::from_millis(30),
                (Verb::Promote | Verb::Demote | Verb::Reload, _) => Duration::from_millis(20),
                (_question, _) => Duration::from_millis(5),
            };
        let machine = self.machine(on);
        if operation.verb == Verb::Start && wrong == Some(Wrong::StartHangs) {
            let start = operation.clone();
            machine.hanging.insert(operation.address.clone(), start);
        }
        if operation.verb == Verb::Stop
            && let Some(start) = machine.hanging.remove(&operation.address)
        {
            machine.busy_until.remove(&operation.address);
            machine.gave_way.insert(start.id);
            let operation = start;
            self.put(Duration::ZERO, Event::GaveWay { on, run, operation });
        }
        let address = operation.address.clone();
        let busy = self.machine(on).busy_until.entry(address).or_insert(now);
        let begins = (*busy).max(now);
        *busy = begins + takes;
        if matches!(
            operation.verb,
            Verb::Start | Verb::Promote | Verb::MigrateTo | Verb::MigrateFrom
        ) {
            let operation = operation.clone();
            self.queue.put(begins, Event::Begun { on, run, operation });
        }
        let event = Event::Ended { on, run, operation };
        self.queue.put(begins + takes, event);
    }

    /// A program lives from the moment it is executed, whoever waits for it.
    pub(crate) fn begin(&mut self, (on, run): (NodeId, u64), operation: Operation) {
        match operation.verb {
            Verb::MigrateTo => return self.begin_hand_over((on, run), &operation),
            Verb::MigrateFrom => return self.begin_taking_in((on, run), &operation),
            _start => {}
        }
        let machine = self.machine(on);
        let is_this_run = machine.daemon.as_ref().is_some_and(|d| d.run == run);
        if !is_this_run || machine.gave_way.contains(&operation.id) {
            return;
        }
        if operation.verb == Verb::Promote {
            return self.begin_promotion((on, run), &operation.address);
        }
        let service = operation.address.service.service();
        let is_up = machine.running.contains_key(&operation.address);
        if machine.wrongs.get(&service) == Some(&Wrong::StartSlow) && !is_up {
            return self.begin_slowly((on, run), Box::new(operation));
        }
        self.bring_up(on, operation);
    }

    /// What a program starts is there.
    pub(crate) fn bring_up(&mut self, on: NodeId, operation: Operation) {
        let machine = self.machine(on);
        let (address, spec) = (operation.address, operation.spec);
        machine.recorded.insert(address.clone(), spec.clone());
        let is_new = machine.running.insert(address.clone(), spec).is_none();
        if is_new {
            machine.by_hand.remove(&address.service);
            self.trace
                .tale(self.now, Some(on), || format!("{address} starts"));
        }
        self.check_started(on, &address);
        self.note_runs(&address.service, on);
    }

    pub(crate) fn end(&mut self, (on, run): (NodeId, u64), operation: &Operation) {
        if operation.verb == Verb::MigrateTo {
            let outcome = self.end_hand_over((on, run), operation);
            return self.report((on, run), operation, outcome);
        }
        let machine = self.machine(on);
        let is_this_run = machine.daemon.as_ref().is_some_and(|d| d.run == run);
        if !is_this_run || machine.gave_way.remove(&operation.id) {
            return;
        }
        if operation.verb == Verb::Start {
            machine.hanging.remove(&operation.address);
            // What has not come up by now does not come up any more.
            machine.starting.remove(&operation.address);
        }
        let before = machine.running.len();
        let led = machine.promoted.contains(&operation.address);
        let outcome = outcome(machine, operation);
        let is_up = machine.running.contains_key(&operation.address);
        if operation.verb == Verb::Reload && matches!(outcome, Outcome::Running | Outcome::Promoted)
        {
            let address = &operation.address;
            self.trace
                .tale(self.now, Some(on), || format!("{address} is reloaded"));
        }
        let machine = self.machine(on);
        if led && is_up && !machine.promoted.contains(&operation.address) {
            let address = &operation.address;
            self.trace
                .tale(self.now, Some(on), || format!("{address} is demoted"));
        }
        if self.machine(on).running.len() < before {
            let address = &operation.address;
            self.note_ended(&address.service, on);
            self.trace
                .tale(self.now, Some(on), || format!("{address} stops"));
        }
        self.report((on, run), operation, outcome);
    }

    /// A start that waits is told that a stop is asked for.
    pub(crate) fn give_way(&mut self, (on, run): (NodeId, u64), operation: &Operation) {
        let how = "a stop was asked for before it was ready".into();
        self.report((on, run), operation, Outcome::Failed(how));
    }

    fn report(&mut self, (on, run): (NodeId, u64), operation: &Operation, outcome: Outcome) {
        let report = OperationReport {
            id: operation.id,
            outcome,
            output: String::new(),
            took: operation.limit,
        };
        if let Some((daemon, local)) = self.awake_run((on, run)) {
            daemon.node.handle_operation(report, local);
            self.carry_out(on);
        }
    }

    pub(crate) fn fail(&mut self, (on, run): (NodeId, u64), address: &ResourceAddress) {
        if let Some((daemon, local)) = self.awake_run((on, run)) {
            let how = ("signal 9".to_string(), String::new());
            daemon.node.handle_failure(address, how, local);
            self.carry_out(on);
        }
    }

    pub(crate) fn fence(&mut self, (by, run): (NodeId, u64), id: FenceAsker, target: &NodeName) {
        match id {
            FenceAsker::Log(id) => self.check_fence(by, id, target),
            FenceAsker::Half {
                method: Method::AskStatus,
                ..
            } => return self.look((by, run), id, target),
            FenceAsker::Half {
                method: Method::SwitchOff,
                ..
            } => {}
        }
        let name = target;
        let Some(target) = form::node_id(name.as_str()) else {
            return;
        };
        self.note_outliving((by, run), id, name);
        self.note_pill((by, run), id, name);
        if !self.has_device(name) {
            let result = Box::new(FenceResult::Failed {
                device: None,
                how: "it has no fence device".into(),
            });
            let told = Event::Told {
                by,
                run,
                id,
                result,
            };
            return self.put(Duration::from_millis(1), told);
        }
        let takes = self.switch(target).takes;
        self.put(
            takes,
            Event::Strike {
                by,
                run,
                id,
                target,
            },
        );
    }

    /// Asks the device of a node whether it is off already; switches nothing.
    fn look(&mut self, (by, run): (NodeId, u64), id: FenceAsker, target: &NodeName) {
        let Some(node) = form::node_id(target.as_str()) else {
            return;
        };
        let takes = self.switch(node).takes;
        let result = match self.look_at(target) {
            Some((device, _)) => FenceResult::Confirmed { device },
            None => FenceResult::Failed {
                device: Some(form::device(target)),
                how: "it is not off".into(),
            },
        };
        let told = Event::Told {
            by,
            run,
            id,
            result: Box::new(result),
        };
        self.put(takes, told);
    }

    /// The device acts whether or not the daemon that asked still lives.
    pub(crate) fn strike(&mut self, (by, run): (NodeId, u64), id: FenceAsker, target: NodeId) {
        let is_dead = self.setup.devices != Devices::Work;
        let switch = self.switch(target);
        let device = form::device(&form::node_name(target));
        let late = switch.late;
        let result = if is_dead || 0 < switch.fails {
            switch.fails = switch.fails.saturating_sub(1);
            FenceResult::Failed {
                device: Some(device),
                how: "no answer".into(),
            }
        } else if 0 < switch.lies {
            switch.lies -= 1;
            FenceResult::Confirmed { device }
        } else {
            self.counts.fences += 1;
            self.power_off(target);
            if let Some(after) = self.setup.on_again {
                self.put(after, Event::Boot { on: target });
            }
            FenceResult::Confirmed { device }
        };
        let result = Box::new(result);
        self.put(
            late,
            Event::Told {
                by,
                run,
                id,
                result,
            },
        );
    }

    pub(crate) fn told(&mut self, (by, run): (NodeId, u64), id: FenceAsker, result: FenceResult) {
        if let Some(target) = self.pill_target((by, run), id)
            && self.tries_pill((by, run), id, (&target, &result))
        {
            return;
        }
        if self.outlives((by, run), id, &result) {
            return;
        }
        if let Some((daemon, local)) = self.awake_run((by, run)) {
            daemon.node.handle_fence_ended(id, result, local);
            self.carry_out(by);
        }
    }
}

/// What an operation finds or leaves behind at its end.
fn outcome(machine: &mut Machine, operation: &Operation) -> Outcome {
    debug_assert!(machine.power == Power::On, "only who runs comes to an end");
    let address = &operation.address;
    let wrong = machine.wrongs.get(&address.service.service()).copied();
    match operation.verb {
        Verb::Probe | Verb::Status if machine.running.contains_key(address) => {
            roles::found(machine, address)
        }
        Verb::Probe | Verb::Status => Outcome::Stopped,
        Verb::Start if wrong == Some(Wrong::StartHangs) => Outcome::TimedOut,
        Verb::Start if wrong == Some(Wrong::StartFails) => {
            machine.running.remove(address);
            machine.promoted.remove(address);
            Outcome::Failed("exit 1".into())
        }
        Verb::Start if wrong == Some(Wrong::StartLies) => Outcome::Failed("exit 1".into()),
        Verb::Start if machine.running.contains_key(address) => roles::found(machine, address),
        Verb::Start => Outcome::Failed("ended at once".into()),
        Verb::Stop if wrong == Some(Wrong::StopFails) => Outcome::Failed("it resists".into()),
        Verb::Stop => {
            machine.running.remove(address);
            machine.promoted.remove(address);
            machine.recorded.remove(address);
            machine.remains.remove(address);
            if wrong == Some(Wrong::StopLies) {
                return Outcome::Failed("exit 1".into());
            }
            Outcome::Stopped
        }
        Verb::MigrateFrom => taken_in(machine, address, wrong),
        Verb::Promote | Verb::Demote => roles::outcome(machine, operation, wrong),
        Verb::Reload => reloads::outcome(machine, operation, wrong),
        _ => Outcome::Failed("not in the simulator".into()),
    }
}

/// Whether what was sent could be taken in.
fn taken_in(machine: &mut Machine, address: &ResourceAddress, wrong: Option<Wrong>) -> Outcome {
    match wrong {
        Some(Wrong::StartHangs) => Outcome::TimedOut,
        Some(Wrong::StartLies) => Outcome::Failed("exit 1".into()),
        Some(Wrong::StartFails) => {
            machine.running.remove(address);
            machine.remains.insert(address.clone());
            Outcome::Failed("exit 1".into())
        }
        None | Some(_) => match machine.running.contains_key(address) {
            true => Outcome::Running,
            false => Outcome::Failed("nothing has come".into()),
        },
    }
}
