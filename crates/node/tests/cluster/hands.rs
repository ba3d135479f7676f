//! Operations and fences: they take time, may fail, and what they do is real.

use std::time::Duration;

use model::checks::Verdict;
use model::operation::{Operation, OperationReport, Outcome, ResourceAddress, Verb};
use model::seen::{FenceResult, NodeState};
use model::{NodeId, NodeName};
use node::{Answer, CheckScope, FenceAsker, Question};
use quorum::half::Method;

use super::machine::{Fault, Power};
use super::{Cluster, Event, form};

/// A switch tells its status faster than it switches.
const LOOK: Duration = Duration::from_millis(20);

/// By then everybody who can hear a machine has heard that it booted.
const HEARD_AFTER: Duration = Duration::from_millis(500);

impl Cluster {
    pub fn note(&mut self, act: String) {
        self.acts.push((self.now, act));
    }

    pub fn operate(&mut self, (on, run): (NodeId, u64), operation: Box<Operation>) {
        let now = self.now;
        let fault = self.machine(on).fault(&operation);
        let takes = match (operation.verb, fault) {
            (Verb::Start, Some(Fault::StartHangs)) => operation.limit,
            (Verb::Start, _) => Duration::from_millis(50),
            (Verb::Stop, _) => Duration::from_millis(30),
            (_question, _) => Duration::from_millis(5),
        };
        let machine = self.machine(on);
        if operation.verb == Verb::Start && fault == Some(Fault::StartHangs) {
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
        let busy = self
            .machine(on)
            .busy_until
            .entry(operation.address.clone())
            .or_insert(now);
        let begins = (*busy).max(now);
        *busy = begins + takes;
        let wait = begins.saturating_duration_since(now);
        self.put(
            wait,
            Event::Begun {
                on,
                run,
                operation: operation.clone(),
            },
        );
        self.put(wait + takes, Event::Ended { on, run, operation });
    }

    /// A program lives from the moment it is executed, whoever waits for it.
    pub fn begin(&mut self, (on, run): (NodeId, u64), operation: Box<Operation>) {
        if self.is_paused_or_gone((on, run), || Event::Begun {
            on,
            run,
            operation: operation.clone(),
        }) || operation.verb != Verb::Start
            || self.machine(on).gave_way.contains(&operation.id)
        {
            return;
        }
        let (address, spec) = (operation.address.clone(), operation.spec.clone());
        self.check_start(on, &address);
        let machine = self.machine(on);
        machine.recorded.insert(address.clone(), spec.clone());
        let is_new = machine.running.insert(address.clone(), spec).is_none();
        let name = machine.name.clone();
        if is_new {
            self.note(format!("  {address} starts on {name}"));
        }
    }

    pub fn end(&mut self, (on, run): (NodeId, u64), operation: Box<Operation>) {
        if self.is_paused_or_gone((on, run), || Event::Ended {
            on,
            run,
            operation: operation.clone(),
        }) {
            return;
        }
        let now = self.now;
        let machine = self.machine(on);
        if machine.gave_way.remove(&operation.id) {
            return;
        }
        if operation.verb == Verb::Start {
            machine.hanging.remove(&operation.address);
        }
        let before = machine.running.len();
        let outcome = machine.end(&operation);
        let name = machine.name.clone();
        if machine.running.len() < before {
            self.note(format!("  {} stops on {name}", operation.address));
        }
        let took = operation.limit;
        let report = OperationReport {
            id: operation.id,
            outcome,
            output: String::new(),
            took,
        };
        if let Some(daemon) = self.awake(on) {
            daemon.node.handle_operation(report, now);
            self.carry_out(on);
        }
    }

    /// A start that waits is told that a stop is asked for.
    pub fn give_way(&mut self, (on, run): (NodeId, u64), operation: Box<Operation>) {
        if self.is_paused_or_gone((on, run), || Event::GaveWay {
            on,
            run,
            operation: operation.clone(),
        }) {
            return;
        }
        let now = self.now;
        let report = OperationReport {
            id: operation.id,
            outcome: Outcome::Failed("a stop was asked for before it was ready".into()),
            output: String::new(),
            took: Duration::ZERO,
        };
        if let Some(daemon) = self.awake(on) {
            daemon.node.handle_operation(report, now);
            self.carry_out(on);
        }
    }

    /// Programs die by themselves; the daemon that watches them is told.
    pub fn kill_service(&mut self, on: NodeId, service: &str) {
        let machine = self.machine(on);
        let found = machine
            .running
            .keys()
            .find(|a| a.service.as_str() == service)
            .cloned();
        let Some(address) = found else { return };
        machine.running.remove(&address);
        let run = machine.daemon.as_ref().map(|daemon| daemon.run);
        self.note(format!("  {address} dies"));
        if let Some(run) = run {
            self.put(Duration::from_millis(1), Event::Failed { on, run, address });
        }
    }

    /// A service in the same machine answers fast.
    pub fn ask_check(&mut self, (on, run): (NodeId, u64), question: Box<Question>) {
        let asked = Event::Checked { on, run, question };
        self.put(Duration::from_millis(5), asked);
    }

    /// A check finds a service ill where a story says so, or nothing of it runs.
    pub fn answer_check(&mut self, (on, run): (NodeId, u64), question: Box<Question>) {
        if self.is_paused_or_gone((on, run), || Event::Checked {
            on,
            run,
            question: question.clone(),
        }) {
            return;
        }
        let now = self.now;
        // Of a node itself a story says `fault a node sick`.
        let of = match &question.key.scope {
            CheckScope::Service(service) => service.clone(),
            CheckScope::Node => "node".parse().unwrap(),
        };
        let is_sick = self.machine(on).faults.get(&of) == Some(&Fault::Sick);
        let answer = Answer {
            id: question.id,
            verdict: if is_sick {
                Verdict::Failed
            } else {
                Verdict::Well
            },
            how: if is_sick { "it is ill" } else { "it is well" }.to_string(),
            output: String::new(),
            took: Duration::from_millis(5),
        };
        if let Some(daemon) = self.awake(on) {
            daemon.node.handle_check(answer, now);
            self.carry_out(on);
        }
    }

    pub fn fail(&mut self, (on, run): (NodeId, u64), address: ResourceAddress) {
        if self.is_paused_or_gone((on, run), || Event::Failed {
            on,
            run,
            address: address.clone(),
        }) {
            return;
        }
        let now = self.now;
        if let Some(daemon) = self.awake(on) {
            let how = ("signal 9".to_string(), String::new());
            daemon.node.handle_failure(&address, how, now);
            self.carry_out(on);
        }
    }

    fn is_paused_or_gone(
        &mut self,
        (on, run): (NodeId, u64),
        again: impl FnOnce() -> Event,
    ) -> bool {
        let machine = self.machine(on);
        if machine.power == Power::Paused {
            machine.waiting.push_back(again());
            return true;
        }
        machine
            .daemon
            .as_ref()
            .is_none_or(|daemon| daemon.run != run)
    }

    pub fn switch(&mut self, (by, run): (NodeId, u64), asker: FenceAsker, target: &NodeName) {
        match asker {
            FenceAsker::Log(_) => self.check_fence(target),
            FenceAsker::Half { method, .. } => {
                if method == Method::AskStatus {
                    return self.look((by, run), asker, target);
                }
                let by = self.machines[&by].name.clone();
                self.note(format!("  {by} fences {target} for its half"));
            }
        }
        let target = self.id(target.as_str());
        let switch = self.switches.get_mut(&target).unwrap();
        let works = switch.fails == 0;
        switch.fails = switch.fails.saturating_sub(1);
        let takes = switch.takes;
        self.put(
            takes,
            Event::Fenced {
                by,
                run,
                asker,
                target,
                works,
            },
        );
    }

    /// The status of a switch: it confirms what is off already.
    fn look(&mut self, (by, run): (NodeId, u64), asker: FenceAsker, target: &NodeName) {
        let target = self.id(target.as_str());
        let works = self.machines[&target].power == Power::Off && self.switches[&target].fails == 0;
        let event = Event::Looked {
            by,
            run,
            asker,
            target,
            works,
        };
        self.put(LOOK, event);
    }

    pub fn looked(
        &mut self,
        (by, run): (NodeId, u64),
        asker: FenceAsker,
        (target, works): (NodeId, bool),
    ) {
        let device = form::name(&format!("power-{}", self.machines[&target].name));
        let result = if works {
            FenceResult::Confirmed { device }
        } else {
            FenceResult::Failed {
                device: Some(device),
                how: "it is on".into(),
            }
        };
        self.tell_fence((by, run), asker, result);
    }

    fn tell_fence(&mut self, (by, run): (NodeId, u64), asker: FenceAsker, result: FenceResult) {
        let now = self.now;
        if self
            .machine(by)
            .daemon
            .as_ref()
            .is_some_and(|daemon| daemon.run == run)
            && let Some(daemon) = self.awake(by)
        {
            daemon.node.handle_fence_ended(asker, result, now);
            self.carry_out(by);
        }
    }

    /// The device acts whether or not the daemon that asked still lives.
    pub fn fenced(
        &mut self,
        (by, run): (NodeId, u64),
        asker: FenceAsker,
        (target, works): (NodeId, bool),
    ) {
        let device = form::name(&format!("power-{}", self.machines[&target].name));
        let result = if works && self.switches[&target].lies {
            FenceResult::Confirmed { device }
        } else if works {
            self.power_off(target);
            self.note(format!("  {} has no power", self.machines[&target].name));
            FenceResult::Confirmed { device }
        } else {
            FenceResult::Failed {
                device: Some(device),
                how: "no answer".into(),
            }
        };
        if let Some(after) = self.switches[&target].on_again.filter(|_| works) {
            self.put(after, Event::Boot { on: target });
        }
        self.tell_fence((by, run), asker, result);
    }

    /// No node is shot that is not lost, by the latest word.
    fn check_fence(&self, target: &NodeName) {
        let (state, applied) = self.newest();
        let seen = &state.seen().nodes[target];
        let NodeState::Lost { boot, .. } = &seen.state else {
            panic!(
                "{target} is fenced by mistake at {applied}: it is {:?}",
                seen.state
            );
        };
        let machine = &self.machines[&seen.id];
        let up_for = self.now.saturating_duration_since(machine.booted_at);
        assert!(
            machine.power == Power::Off
                || *boot == Some(machine.boot_id())
                || up_for < HEARD_AFTER
                || self.cut.iter().any(|(from, _)| *from == seen.id),
            "{target} is fenced although it has booted anew {up_for:?} ago"
        );
    }
}
