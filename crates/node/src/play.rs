//! Plans played to their end on a copy of the state.
//!
//! The planner decides and the state judges, as in a cluster; what the hands would report is
//! made up: everything works at the first try, but for what [`Faults`] says.

mod live;
pub(crate) mod networks;
pub(crate) mod orphans;
pub(crate) mod roles;
pub(crate) mod timeline;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use model::command::Report;
use model::reload::ReloadTold;
use model::roles::{RoleSeen, RoleStanding, RoleTold};
use model::seen::{
    FenceResult, FenceStanding, Goal, NodeState, Phase, ResourceFailure, ResourceState,
    RestartScope, Seen,
};
use model::{
    Command, DeviceName, Measured, Moment, NodeName, PlanId, Reason, Rejected, ResourceName,
    ServiceName, Spec, Stamped,
};
use planner::{Action, Plan, Step, Subject, Wait};
use state::State;

use crate::estimate::Estimate;
use timeline::{Timeline, fence_span};

/// Plans settle within a few rounds (stop, start, those that wait for them); a chain of
/// services that wait for each other takes two rounds a link, and a service that is
/// restarted in place two for each restart on each node.
const ROUNDS_MAX: usize = 400;

/// Of each copy that goes one by one: its stop, its start, the end of each, and as many again
/// where it fails first.
const ROUNDS_OF_COPY_MAX: usize = 8;

/// What does not work in a play.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    /// Devices that do not answer.
    pub broken: BTreeSet<DeviceName>,
    /// For each service the nodes where it fails as often as it is started there, and the
    /// resource that does.
    pub failing: BTreeMap<ServiceName, BTreeMap<NodeName, ResourceName>>,
    /// What nodes have left of their networks.
    pub left: networks::Left,
    /// Nodes that a half has proven off before it went on: their fence takes no more time.
    pub proven: BTreeSet<NodeName>,
}

/// Whether the play is of a change, of which all is believed to work, or of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Change,
    Failures,
}

/// A play.
pub(crate) struct Play {
    pub state: State,
    pub index: u64,
    at: Moment,
    faults: Faults,
    mode: Mode,
    /// What nodes will tell of their networks.
    words: VecDeque<networks::Word>,
    pub roles: roles::Roles,
    pub time: Timeline,
    /// Nodes that cannot be proven off: one try is enough to know.
    unfenced: BTreeSet<NodeName>,
    /// The first plan.
    pub first: Option<PlanId>,
    /// All steps, in order.
    pub steps: Vec<Step>,
    /// What waits at the end.
    pub waits: Vec<Wait>,
    /// Where services went, or could as well have gone: of equals the load decides.
    pub goes: BTreeMap<ServiceName, BTreeSet<NodeName>>,
    /// Services of which the load of the nodes has decided where they went.
    pub by_load: BTreeSet<ServiceName>,
}

impl Play {
    pub fn new(state: State, applied: u64, at: Moment, mode: Mode) -> Self {
        Self {
            state,
            index: applied,
            at,
            faults: Faults::default(),
            mode,
            words: VecDeque::new(),
            roles: roles::Roles::default(),
            time: Timeline::default(),
            unfenced: BTreeSet::new(),
            first: None,
            steps: Vec::new(),
            waits: Vec::new(),
            goes: BTreeMap::new(),
            by_load: BTreeSet::new(),
        }
    }

    pub fn with_faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    fn now(&self) -> Moment {
        let passed = u64::try_from(self.time.now().as_millis()).unwrap_or(u64::MAX);
        let mut now = self.at;
        now.at.0 = now.at.0.saturating_add(passed);
        now.clock.0 = now.clock.0.saturating_add(passed);
        now
    }

    pub fn apply(&mut self, command: Command) -> Result<(), Rejected> {
        let now = self.now();
        self.index += 1;
        let stamped = Stamped {
            at: now.at,
            clock: now.clock,
            command,
        };
        self.state.apply(self.index, &stamped).map(|_| ())
    }

    /// What a person orders: a restart in place is in no plan, and interrupts all the same.
    pub fn order(&mut self, command: Command) -> Result<(), Rejected> {
        let before = running(self.state.seen());
        self.apply(command)?;
        let after = running(self.state.seen());
        for service in before.difference(&after) {
            self.time.is_down(service);
        }
        Ok(())
    }

    /// A node is lost, and all know. What it ran does not answer from the beginning on; nothing
    /// follows from the loss before `known_at`.
    pub fn lose(&mut self, node: &NodeName, (because, known_at): (Reason, Estimate)) {
        let boot = self
            .state
            .seen()
            .nodes
            .get(node)
            .and_then(|seen| seen.state.boot());
        for service in running(self.state.seen()).iter() {
            let seen = self.state.seen().services.get(service);
            let claim = seen.and_then(|seen| seen.claim.as_ref());
            if claim.is_some_and(|claim| claim.node == *node) {
                self.time.is_down(service);
            }
        }
        let command = Command::NodeLost {
            node: node.clone(),
            boot,
            because,
        };
        if self.apply(command).is_ok() {
            self.time.settles(node, &known_at);
        }
    }

    /// A resource of the service fails where it runs, now.
    pub fn fail(&mut self, service: &ServiceName) {
        let seen = self.state.seen().services.get(service);
        let claim = seen.and_then(|seen| seen.claim.as_ref());
        let runs = claim.filter(|claim| claim.phase == Phase::Running && claim.goal == Goal::Run);
        if let Some(command) = runs.and_then(|claim| self.report_of(service, claim))
            && self.apply(command).is_ok()
        {
            self.time.is_down(service);
        }
    }

    /// Until nothing is left to do.
    pub fn settle(&mut self) {
        for _ in 0..self.rounds_max() {
            let plan = self.plan();
            self.first.get_or_insert(plan.id);
            self.waits = plan.waits;
            let waits = waits_of(&self.waits);
            // A refused step would be planned again for ever; what is refused once is left.
            let mut is_settled = true;
            for step in plan.steps {
                if self.take(&step, plan.id) {
                    is_settled = false;
                    self.steps.push(step);
                }
            }
            self.time.now_waits(waits);
            self.watch_roles();
            if !self.proceed(plan.again_at) && is_settled {
                break;
            }
        }
    }

    fn rounds_max(&self) -> usize {
        let spec = self.state.spec();
        let names = spec.into_iter().flat_map(Spec::running_names);
        let in_turn = names.filter(|(_, spec)| spec.rules.starts_one_by_one());
        ROUNDS_MAX + in_turn.count() * ROUNDS_OF_COPY_MAX
    }

    fn plan(&self) -> Plan {
        let id = PlanId(self.index);
        let Some(spec) = self.state.spec() else {
            return Plan {
                id,
                steps: Vec::new(),
                waits: Vec::new(),
                again_at: None,
            };
        };
        planner::plan(&self.input(spec))
    }

    fn input<'a>(&'a self, spec: &'a Spec) -> planner::Input<'a> {
        let now = self.now();
        planner::Input {
            spec,
            spec_version: self.state.spec_version(),
            seen: self.state.seen(),
            id: PlanId(self.index),
            now: now.clock,
            wall: now.at,
        }
    }

    fn take(&mut self, step: &Step, plan: PlanId) -> bool {
        if let Action::Fence { target, .. } = &step.action
            && self.unfenced.contains(target)
        {
            return false;
        }
        if let (Mode::Failures, Action::Grant { service, node, .. }) = (self.mode, &step.action) {
            self.note_choice(service, node);
        }
        if self.apply(step.command(plan)).is_err() {
            return false;
        }
        match &step.action {
            Action::Grant { service, .. } => self.time.begins(service, Measured::Start),
            Action::Revoke { service, .. } => self.time.begins(service, Measured::Stop),
            Action::Restart { service, .. } => self.time.begins(service, Measured::Restart),
            Action::Migrate { service, .. } => self.time.begins(service, Measured::Migration),
            Action::Promote { service, .. } => self.time.begins(service, Measured::Promote),
            Action::Demote { service, .. } => self.time.begins(service, Measured::Demote),
            // Nothing stops answering for it.
            Action::Reload { .. } => {}
            Action::Lose { node, .. } => {
                let now = Estimate::of(self.time.now());
                self.time.settles(node, &now);
            }
            Action::Fence { .. } | Action::SetAside { .. } => {}
        }
        true
    }

    /// Where the service could as well have gone: nodes with as many points.
    fn note_choice(&mut self, service: &ServiceName, node: &NodeName) {
        let Some(spec) = self.state.spec() else {
            return;
        };
        let verdicts = planner::placement(&self.input(spec), service);
        let points = |name: &NodeName| {
            let found = verdicts.iter().find(|(other, _)| other == name)?;
            found.1.points()
        };
        let chosen = points(node);
        let equals: BTreeSet<NodeName> = verdicts
            .iter()
            .filter(|(name, verdict)| {
                name == node || (chosen.is_some() && verdict.points() == chosen)
            })
            .map(|(name, _)| name.clone())
            .collect();
        if 1 < equals.len() {
            self.by_load.insert(service.clone());
        }
        self.goes.entry(service.clone()).or_default().extend(equals);
    }

    /// What is under way and ends first comes to its end. Says whether anything did.
    fn proceed(&mut self, again_at: Option<model::ClusterTime>) -> bool {
        let mut is_moved = false;
        let seen = self.state.seen();
        let news = members_news(seen).into_iter().chain(live::news(seen));
        let news = news.chain(orphans::news(&self.state));
        for command in news.collect::<Vec<Command>>() {
            is_moved |= self.apply(command).is_ok();
        }
        let ends: Vec<End> = self.services_ends().chain(self.fences_ends()).collect();
        let first = ends.iter().map(|end| end.at.about).min();
        let pause = self.pause(again_at);
        let told = self.next_word();
        let Some(next) = first.into_iter().chain(pause).chain(told).min() else {
            return is_moved;
        };
        self.time.pass_until(next);
        is_moved |= pause == Some(next);
        is_moved |= self.take_words();
        for end in ends.into_iter().filter(|end| end.at.about == next) {
            is_moved |= self.take_end(end);
        }
        self.watch_roles();
        is_moved
    }

    /// Operations under way, and what their ends will be.
    fn services_ends(&self) -> impl Iterator<Item = End> {
        let seen = self.state.seen();
        seen.services.iter().filter_map(move |(service, of)| {
            let claim = of.claim.as_ref()?;
            let command = self.report_of(service, claim)?;
            let spec = self
                .state
                .spec()
                .and_then(|spec| spec.services.get(&service.service()));
            let otherwise = match (claim.goal, claim.scope) {
                (Goal::Run, _) if claim.role == RoleSeen::Promoting => Measured::Promote,
                (Goal::Run, _) if claim.role == RoleSeen::Demoting => Measured::Demote,
                (Goal::Stop, _) => Measured::Stop,
                (Goal::Run, RestartScope::All) => Measured::Start,
                (Goal::Run, RestartScope::FailedOnward) => Measured::Restart,
            };
            let (at, what) = match &command {
                // How long a start takes that fails is not known, and not counted.
                Command::Report {
                    report: Report::Failed(_),
                    ..
                } => (Estimate::of(self.time.now()), Ended::Failed),
                Command::Report {
                    report: Report::Running,
                    ..
                } => (self.end_of((service, spec), otherwise), Ended::Up),
                Command::Report {
                    report: Report::Reloaded(_),
                    ..
                } => (Estimate::of(self.time.now()), Ended::AsItWas),
                _stopped => (self.end_of((service, spec), otherwise), Ended::Down),
            };
            Some(End {
                at,
                what: What::Service(service.clone(), claim.node.clone(), what),
                command,
            })
        })
    }

    fn end_of(
        &self,
        named: (&ServiceName, Option<&model::spec::ServiceSpec>),
        otherwise: Measured,
    ) -> Estimate {
        self.time.end_of(named, self.state.seen(), otherwise)
    }

    /// Fences under way, and what their ends will be.
    fn fences_ends(&self) -> impl Iterator<Item = End> {
        let seen = self.state.seen();
        seen.fences.iter().filter_map(move |(target, fence)| {
            if fence.standing != FenceStanding::Asked || self.unfenced.contains(target) {
                return None;
            }
            let (result, span) = self.fence_result(target)?;
            let executor = fence.executor.clone();
            let boot = seen.nodes.get(&executor)?.state.boot()?;
            let mut at = self.time.of_node(target).then(&span);
            at.about = at.about.max(self.time.now());
            Some(End {
                at,
                command: Command::FenceEnded {
                    id: fence.id,
                    target: target.clone(),
                    executor: (executor, boot),
                    result: result.clone(),
                },
                what: What::Fence(target.clone(), result),
            })
        })
    }

    fn take_end(&mut self, end: End) -> bool {
        let End { at, what, command } = end;
        match what {
            What::Service(service, node, ended) => {
                if self.apply(command).is_err() {
                    return false;
                }
                match ended {
                    Ended::Failed => self.time.fails(&service),
                    Ended::Up => {
                        self.time.ends(&service, &node, at);
                        self.time.answers(&service);
                    }
                    Ended::Down => self.time.ends(&service, &node, at),
                    Ended::AsItWas => {}
                }
                true
            }
            What::Fence(target, result) => {
                let held = held_by(self.state.seen(), &target);
                if self.apply(command).is_err() || matches!(result, FenceResult::Failed { .. }) {
                    self.unfenced.insert(target);
                    return true;
                }
                self.time.settles(&target, &at);
                self.time.ends_with(&held, &at);
                true
            }
        }
    }

    /// What the holder of a claim would report next, if it is at anything.
    fn report_of(&self, service: &ServiceName, claim: &model::seen::Claim) -> Option<Command> {
        let fails = self.faults.failing.get(service);
        let fails = fails.and_then(|nodes| nodes.get(&claim.node));
        let ignored = fails.filter(|resource| self.is_ignored(service, resource));
        // What is ignored is told once, and all else comes up.
        let fails = fails.filter(|resource| ignored.is_none() || !claim.shows_failed(resource));
        let (report, to) = match (claim.goal, &claim.phase, fails) {
            (Goal::Run, Phase::Starting | Phase::Running, Some(resource)) => {
                let rest = match ignored {
                    Some(_) => ResourceState::Running,
                    None => ResourceState::Stopped,
                };
                (Report::Failed(failure(resource)), rest)
            }
            (Goal::Run, Phase::Starting, None) => (Report::Running, ResourceState::Running),
            (Goal::Run, Phase::Running, None) if is_changing(claim.role) => {
                (Report::Running, ResourceState::Running)
            }
            (Goal::Run, Phase::Running, None) if claim.reload.is_open() => {
                let told = ReloadTold {
                    turn: claim.reload.ordered,
                    failure: None,
                };
                (Report::Reloaded(told), ResourceState::Running)
            }
            (Goal::Stop, Phase::StopFailed(_), _) | (Goal::Run, _, _) => return None,
            (Goal::Stop, _, _) => (Report::Stopped, ResourceState::Stopped),
        };
        let is_there = self
            .state
            .seen()
            .nodes
            .get(&claim.node)
            .is_some_and(|node| !matches!(node.state, NodeState::Lost { .. } | NodeState::Down));
        if self.mode == Mode::Failures && !is_there {
            return None;
        }
        Some(Command::Report {
            node: claim.node.clone(),
            boot: claim.boot,
            run: 0,
            service: service.clone(),
            epoch: claim.epoch,
            incarnation: claim.incarnation,
            report,
            role: RoleTold {
                turn: claim.turn,
                standing: match claim.role.is_wished() && to == ResourceState::Running {
                    true => RoleStanding::Promoted,
                    false => RoleStanding::Unpromoted,
                },
            },
            resources: match ignored {
                Some(failed) if to == ResourceState::Running => self.all_but(service, failed),
                Some(_) | None => {
                    let known = claim.resources.iter();
                    known.map(|(name, _)| (name.clone(), to)).collect()
                }
            },
        })
    }

    /// The resources of a service of which one has failed and all others are up.
    fn all_but(
        &self,
        service: &ServiceName,
        failed: &ResourceName,
    ) -> Vec<(ResourceName, ResourceState)> {
        let spec = self.state.spec().and_then(|spec| spec.service_of(service));
        let resources = spec.into_iter().flat_map(|spec| &spec.resources);
        let state = |name: &ResourceName| match name == failed {
            true => ResourceState::Failed,
            false => ResourceState::Running,
        };
        resources
            .map(|resource| (resource.name.clone(), state(&resource.name)))
            .collect()
    }

    /// Whether the service goes on when this resource of it fails.
    fn is_ignored(&self, service: &ServiceName, resource: &ResourceName) -> bool {
        let spec = self.state.spec().and_then(|spec| spec.service_of(service));
        spec.is_some_and(|spec| spec.ignores(&failure(resource)))
    }

    /// How the fence of a node ends, and how long that takes.
    fn fence_result(&self, target: &NodeName) -> Option<(FenceResult, Estimate)> {
        let spec = self.state.spec()?;
        let answers = |device: &DeviceName| !self.faults.broken.contains(device);
        if let Some((device, span)) = fence_span((spec, self.state.seen()), target, answers) {
            let span = match self.faults.proven.contains(target) {
                true => Estimate::default(),
                false => span,
            };
            return Some((FenceResult::Confirmed { device }, span));
        }
        if let Some((lease, bound)) = self.state.lease_and_bound(target) {
            let waited = lease + bound;
            let span = Estimate::of(waited);
            return Some((FenceResult::OutlivedWatchdog { waited }, span));
        }
        if self.mode == Mode::Change {
            let device = DeviceName::new("preview").expect("a plain word");
            return Some((FenceResult::Confirmed { device }, Estimate::default()));
        }
        let devices = spec.nodes.get(target).map(|node| &node.fence);
        let device = devices.and_then(|devices| devices.first()).cloned();
        let how = "it does not answer".to_string();
        Some((FenceResult::Failed { device, how }, Estimate::default()))
    }

    /// Where a failed service pauses before it is started again: when the pause is over.
    fn pause(&self, until: Option<model::ClusterTime>) -> Option<std::time::Duration> {
        let until = until.filter(|_| self.mode == Mode::Failures)?;
        let failed = |seen: &model::seen::ServiceSeen| {
            let claim = seen.claim.as_ref();
            claim.is_some_and(|claim| matches!(claim.phase, Phase::Failed(_)))
        };
        let is_waited_for = self.state.seen().services.values().any(failed);
        let passed = until.saturating_duration_since(self.at.clock);
        (is_waited_for && self.time.now() < passed).then_some(passed)
    }
}

/// How something that is under way will end, and when.
struct End {
    at: Estimate,
    what: What,
    command: Command,
}

enum What {
    Service(ServiceName, NodeName, Ended),
    Fence(NodeName, FenceResult),
}

enum Ended {
    Up,
    Down,
    AsItWas,
    Failed,
}

/// Whether the node is at a change of the role.
fn is_changing(role: RoleSeen) -> bool {
    match role {
        RoleSeen::Promoting | RoleSeen::Demoting => true,
        RoleSeen::Unpromoted | RoleSeen::Promoted => false,
    }
}

fn failure(resource: &ResourceName) -> ResourceFailure {
    ResourceFailure {
        resource: resource.clone(),
        verb: None,
        how: "it fails".to_string(),
        output: String::new(),
    }
}

fn waits_of(waits: &[Wait]) -> BTreeMap<ServiceName, Reason> {
    let services = waits.iter().filter_map(|wait| match &wait.subject {
        Subject::Service(service) => Some((service.clone(), wait.because.clone())),
        Subject::Node(_) => None,
    });
    services.collect()
}

/// Services that run, on nodes that are not lost.
pub(crate) fn running(seen: &Seen) -> BTreeSet<ServiceName> {
    let running = seen.services.iter().filter(|(_, service)| {
        service.claim.as_ref().is_some_and(|claim| {
            let node = seen.nodes.get(&claim.node).map(|node| &node.state);
            claim.goal == Goal::Run
                && claim.phase == Phase::Running
                && !matches!(node, None | Some(NodeState::Lost { .. } | NodeState::Down))
        })
    });
    running.map(|(name, _)| name.clone()).collect()
}

pub(crate) fn held_by(seen: &Seen, node: &NodeName) -> Vec<ServiceName> {
    let holds = seen.services.iter().filter(|(_, service)| {
        let claim = service.claim.as_ref();
        claim.is_some_and(|claim| claim.node == *node)
    });
    holds.map(|(name, _)| name.clone()).collect()
}

/// Nodes that leave have left, and those that start have told what they found.
fn members_news(seen: &Seen) -> Vec<Command> {
    let news = seen
        .nodes
        .iter()
        .filter_map(|(node, seen_node)| match &seen_node.state {
            NodeState::Leaving { boot } if held_by(seen, node).is_empty() => Some(Command::Left {
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
    news.collect()
}
