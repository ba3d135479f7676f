//! Carries the claims of this node out: from what the log asks of it and what its
//! resources are, to the next operation of each service.
//!
//! It never decides where a service runs or whether a failure is mended here; it asks for
//! nothing twice, and it takes no resource down that the log wants up.
//!
//! ```text
//!   claim: Run    first resource that is not up ──► start it      all up ──► report Running
//!                 a resource failed ──► report Failed, wait for Restart or Revoke
//!                 Restart ──► stop from the failed one onward, in reverse, then start
//!   claim: Stop   last resource that is not down ──► stop it      all down ──► report Stopped
//!   no claim, or the lease has ended: as Stop
//! ```

mod local;
mod notices;
mod orphans;
mod passage;
mod probes;
mod reload;
mod roles;
mod tell;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use model::command::Report;
use model::operation::{About, Operation, OperationReport, ResourceAddress, Verb};
use model::plant::{self, Plant};
use model::roles::RoleTold;
use model::seen::{Claim, Goal, Phase, ResourceFailure, ResourceState};
use model::{
    BootId, ClaimEpoch, Instant, NodeName, OperationId, PlanId, ResourceName, ServiceName,
};
use planner::StrayVerdict;
use state::State;

pub use notices::Telling;

use local::{Absorbed, Local, LocalResource, limit_of};
use orphans::Searches;
use roles::Lead;

/// A stop that failed is tried again after this time: a busy file system may have become
/// free, and a stop that works is better than a fence. Long enough not to be a load.
const STOP_RETRY: Duration = Duration::from_secs(5);

/// A report is sent again when the log has not shown it after this time. Far above a
/// commit (milliseconds), far below what an operator would call stuck.
const REPORT_RETRY: Duration = Duration::from_millis(400);

/// What the executor wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Carry out an operation.
    Operate(Box<Operation>),
    /// Tell the leader.
    Report {
        /// Which service.
        service: ServiceName,
        /// Under which claim.
        epoch: ClaimEpoch,
        /// Under which incarnation of it.
        incarnation: u32,
        /// What.
        report: Report,
        /// State of each resource.
        resources: Vec<(model::ResourceName, ResourceState)>,
        /// How it stands with its role.
        role: RoleTold,
    },
    /// Tell a copy on another node what happens here, then call `handle_told`.
    Tell(Box<Telling>),
    /// Tell the leader that a stray is gone.
    StrayStopped(ServiceName),
    /// Forget these resources, then tell the leader that their service is left running.
    LetGo {
        /// Which service.
        service: ServiceName,
        /// What is known of it here.
        resources: Vec<ResourceAddress>,
    },
    /// Tell the leader whether a service runs here that is new in the configuration.
    Looked {
        /// Which service.
        service: ServiceName,
        /// Under which names something of it is up, or may be.
        found: Vec<ServiceName>,
    },
}

/// Whether this node may run services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// It hears from a quorate leader.
    Held,
    /// It does not, and all services stop.
    Ended,
}

/// What this node may do with services now, from its lease and the policy of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// All that its claims ask for.
    All,
    /// The lease has ended and the policy is to freeze: what is up stays, nothing starts.
    Freeze,
    /// The lease has ended: what is promoted is demoted and runs on as an ordinary copy, what
    /// has no roles stops.
    Demote,
    /// The lease has ended: all services stop.
    Stop,
}

/// The executor of one node.
#[derive(Debug)]
pub struct Executor {
    me: NodeName,
    boot: BootId,
    services: BTreeMap<ServiceName, Local>,
    operations: BTreeMap<OperationId, (ServiceName, ResourceName, Verb)>,
    last_operation: OperationId,
    permit: Permit,
    applied: u64,
    probing: Probing,
    searches: Searches,
    outputs: VecDeque<Output>,
}

/// What was found at start.
#[derive(Debug, PartialEq)]
enum Probing {
    /// Nothing is known yet; nothing may be started.
    NotStarted,
    /// These operations are still out.
    Waiting(BTreeSet<OperationId>),
    /// Everything has answered.
    Done,
}

/// What becomes of the strays on this node.
type Verdicts = Vec<(ServiceName, StrayVerdict)>;

/// What a service should be, here and now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    Up,
    Down,
    /// A stray whose fate the leader has not decided yet.
    AsItIs,
}

impl Executor {
    /// An executor that knows nothing of what runs: `begin_probes` comes first.
    #[must_use]
    pub fn new(me: NodeName, boot: BootId) -> Self {
        Self {
            me,
            boot,
            services: BTreeMap::new(),
            operations: BTreeMap::new(),
            last_operation: OperationId(0),
            permit: Permit::All,
            applied: 0,
            probing: Probing::NotStarted,
            searches: Searches::default(),
            outputs: VecDeque::new(),
        }
    }

    /// Whether nothing of any service is up here.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.probing == Probing::Done && self.services.values().all(Local::is_down)
    }

    /// Services of which something is up, or may be.
    pub fn up(&self) -> impl Iterator<Item = &ServiceName> {
        // Before all have answered nothing is known.
        let is_unknown = matches!(self.probing, Probing::Waiting(_));
        let services = self.services.iter();
        services.filter_map(move |(name, local)| (is_unknown || !local.is_down()).then_some(name))
    }

    /// The lease has ended or is held again.
    pub fn handle_permit(&mut self, permit: Permit) {
        self.permit = permit;
        match permit {
            Permit::All | Permit::Freeze => {}
            Permit::Demote | Permit::Stop => {
                let stops = |local: &&mut Local| {
                    !local.is_down() && (permit == Permit::Stop || !local.has_roles())
                };
                for local in self.services.values_mut().filter(stops) {
                    local.lease_ended = true;
                }
            }
        }
    }

    /// The leader changed: what was told to the old one may be lost.
    pub fn handle_new_leader(&mut self) {
        for local in self.services.values_mut() {
            local.sent = None;
            local.stray_told = None;
            // At once, also where the time of the last one has not come yet.
            local.let_go_at = None;
        }
        self.searches.tell_again();
    }

    /// An operation has ended.
    pub fn handle_report(&mut self, report: OperationReport, now: Instant) {
        let Some((service, name, verb)) = self.operations.remove(&report.id) else {
            return;
        };
        if verb == Verb::Notify {
            self.handle_told(report.id);
            return;
        }
        self.searches.note_end(report.id);
        if let Probing::Waiting(waiting) = &mut self.probing {
            waiting.remove(&report.id);
            if waiting.is_empty() {
                self.probing = Probing::Done;
            }
        }
        let Some(local) = self.services.get_mut(&service) else {
            return;
        };
        let is_current = local.busy == Some(report.id);
        if is_current {
            local.busy = None;
        }
        if !is_current && matches!(verb, Verb::Start | Verb::Stop | Verb::MigrateFrom) {
            // A start that gave way to a stop: what it came to is the stop's to say.
            return;
        }
        local.note_end(&name, verb, &report.outcome);
        let Some(resource) = local.resource_mut(&name) else {
            return;
        };
        if resource.asking == Some(report.id) {
            resource.asking = None;
        }
        resource.status_due = now + resource.spec.limits.every;
        let limit = limit_of(resource.spec.limits, verb);
        let of_passage = matches!(verb, Verb::MigrateTo | Verb::Probe).then(|| report.clone());
        let (absorbed, unreloaded) = match verb {
            Verb::Reload => resource.absorb_reload(report),
            _other => (resource.absorb(verb, report), None),
        };
        resource.renew_if_down();
        if absorbed == Absorbed::StopFailed {
            local.stop_retry_at = Some(now + STOP_RETRY);
        }
        local.note_reload_failure(unreloaded);
        if let Some(report) = of_passage.filter(|_| is_current) {
            local.note_passage(verb, &report, limit);
        }
    }

    /// A resource ended or vanished by itself.
    pub fn handle_failure(&mut self, address: &ResourceAddress, how: String, output: String) {
        let Some(local) = self.services.get_mut(&address.service) else {
            return;
        };
        let is_left = local.is_left;
        let Some(resource) = local.resource_mut(&address.resource) else {
            return;
        };
        match resource.state {
            ResourceState::Running => {
                resource.fail(None, how, output);
                if is_left {
                    // A person may have ended it just now, and waits for what follows.
                    resource.status_due = Instant::ZERO;
                }
            }
            // The operation that is under way will tell.
            ResourceState::Starting
            | ResourceState::Stopping
            | ResourceState::Stopped
            | ResourceState::Failed => {}
        }
    }

    /// A check wants its service restarted, moved or stopped: for the log that is a failure
    /// of the service, under the name of the check.
    pub fn handle_check_failure(
        &mut self,
        service: &ServiceName,
        watches: Option<&ResourceName>,
        (check, how, output): (ResourceName, String, String),
    ) {
        if let Some(local) = self.services.get_mut(service)
            && local.serves()
        {
            local.check_failure = Some(ResourceFailure {
                resource: check,
                verb: None,
                how,
                output,
            });
            local.restart_from = local.first_to_restart(watches);
        }
    }

    /// The services that run here in full, as the log knows, with what tells this run of
    /// theirs from the one before.
    pub fn serving<'a>(
        &self,
        state: &'a State,
    ) -> impl Iterator<Item = (&'a ServiceName, (ClaimEpoch, u32))> {
        let services = state.seen().services.keys();
        services.filter_map(|name| {
            let claim = self.my_claim(state, name)?;
            let local = self.services.get(name).filter(|local| local.serves())?;
            let runs = claim.goal == Goal::Run && claim.phase == Phase::Running;
            let is_current = claim.epoch == local.epoch && claim.incarnation == local.incarnation;
            (runs && is_current && self.permit == Permit::All && self.probing == Probing::Done)
                .then_some((name, (claim.epoch, claim.incarnation)))
        })
    }

    /// Compares the log with the resources and takes the next step of each service.
    ///
    /// `applied` is the index of the last command that `state` has taken in.
    pub fn advance(&mut self, state: &State, applied: u64, now: Instant) {
        self.applied = applied;
        if self.probing != Probing::Done {
            return;
        }
        self.take_claims(state, now);
        self.follow_migrations(state, now);
        self.look_for_newcomers(state, now);
        let names: Vec<ServiceName> = self.services.keys().cloned().collect();
        let mut strays = None;
        for name in names {
            if self.let_go(state, &name, now) {
                continue;
            }
            let claim = self.my_claim(state, &name).cloned();
            let want = self.want(state, (&name, claim.as_ref()), &mut strays);
            self.tell_news(state, &name);
            self.step(state, (&name, claim.as_ref()), want, now);
            self.ask_for_state(&name, now);
            self.ask_what_is_left(&name, (claim.as_ref(), want), now);
            self.tell(state, &name, want, now);
        }
        self.services.retain(|name, local| {
            !local.is_down()
                || local.busy.is_some()
                || state.seen().services.contains_key(name)
                || self.searches.is_open(name)
        });
    }

    /// The earliest moment at which something is due without any event.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        // Until then `advance` does nothing, and what is due would stay due.
        if self.probing != Probing::Done {
            return None;
        }
        let status = self.services.values().flat_map(|local| {
            local
                .resources
                .iter()
                .filter(|r| r.is_asked_for() || (local.is_left && r.is_asked_for_anew()))
                .map(|r| r.status_due)
        });
        // A retry that falls due while another operation is out waits for its end.
        let retries = self
            .services
            .values()
            .filter(|local| local.busy.is_none())
            .filter_map(|local| local.stop_retry_at);
        let reports = self.services.values().flat_map(|local| {
            let sent = local.sent.as_ref().map(|told| told.at);
            sent.into_iter()
                .chain(local.stray_told)
                .chain(local.let_go_at)
                .map(|at| at + REPORT_RETRY)
        });
        let services = self.services.values();
        let notices = services.filter_map(|local| local.notices.deadline());
        let searches = self.searches.deadlines();
        status
            .chain(retries)
            .chain(reports)
            .chain(notices)
            .chain(searches)
            .min()
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn my_claim<'a>(&self, state: &'a State, service: &ServiceName) -> Option<&'a Claim> {
        let claim = state.seen().services.get(service)?.claim.as_ref()?;
        (claim.node == self.me && claim.boot == self.boot).then_some(claim)
    }

    /// Takes note of new claims and new incarnations.
    fn take_claims(&mut self, state: &State, now: Instant) {
        let Some(spec) = state.spec() else { return };
        let node = spec.nodes.get(&self.me);
        for (name, seen) in &state.seen().services {
            let Some(claim) = seen.claim.as_ref() else {
                continue;
            };
            if claim.node != self.me || claim.boot != self.boot {
                continue;
            }
            let local = self
                .services
                .entry(name.clone())
                .or_insert_with(|| Local::new(ClaimEpoch(0), claim.plan));
            // It is in the configuration again before the log knew that it was let go.
            if local.is_let_go && !state.is_let_go(name) {
                local.is_let_go = false;
                local.let_go_at = None;
            }
            local.plan = claim.plan;
            local.copies = spec.copies_told(name);
            local.take_role(claim);
            local.take_answers(spec.service_of(name));
            if local.epoch != claim.epoch {
                local.take_claim(claim, spec.service_of(name), node, now);
            } else if local.incarnation < claim.incarnation {
                local.take_incarnation(claim);
            }
            local.take_answers(spec.service_of(name));
            local.follow_reloads(claim, (spec.service_of(name), state.spec_version()));
        }
    }

    /// Takes note of the migrations that this node is an end of.
    fn follow_migrations(&mut self, state: &State, now: Instant) {
        let Some(spec) = state.spec() else { return };
        let node = spec.nodes.get(&self.me);
        let me = (&self.me, self.boot);
        for name in state.seen().migrations.keys() {
            if passage::of(state, name, me).is_none() || self.services.contains_key(name) {
                continue;
            }
            let mut local = Local::new(ClaimEpoch(0), PlanId(self.applied));
            local.take_spec(spec.service_of(name), node, now);
            self.services.insert(name.clone(), local);
        }
        for (name, local) in &mut self.services {
            let found = passage::of(state, name, me);
            if found.is_none() && local.peer.is_none() {
                continue;
            }
            let seen = state.seen().services.get(name);
            let is_marked = seen.is_some_and(|seen| seen.strays.get(me.0) == Some(&me.1));
            let claim = seen.and_then(|seen| seen.claim.as_ref());
            let is_held = claim.is_some_and(|claim| (&claim.node, claim.boot) == me);
            let has = match (is_held, is_marked) {
                (_, true) => passage::Has::Mark,
                (true, false) => passage::Has::Claim,
                (false, false) => passage::Has::Nothing,
            };
            if local.resources.is_empty() {
                local.take_spec(spec.service_of(name), node, now);
            }
            local.follow_passage(found, has);
        }
    }

    /// What the planner says of strays is asked for once, and only where there is one.
    fn want(
        &self,
        state: &State,
        (name, claim): (&ServiceName, Option<&Claim>),
        strays: &mut Option<Verdicts>,
    ) -> Want {
        let Some(local) = self.services.get(name) else {
            return Want::AsItIs;
        };
        let runs_on = local.has_roles() && claim.is_some_and(|claim| claim.goal == Goal::Run);
        let is_over = match self.permit {
            Permit::All | Permit::Freeze => false,
            Permit::Demote => !runs_on,
            Permit::Stop => true,
        };
        if is_over || local.lease_ended || local.given_back {
            return Want::Down;
        }
        match claim {
            Some(claim) if claim.goal == Goal::Run => Want::Up,
            Some(_) => Want::Down,
            None if !self.has_probed(state) || self.searches.is_open(name) => Want::AsItIs,
            None => self.want_of_stray(state, name, strays),
        }
    }

    /// Before the log knows what was found here, nothing is taken down.
    fn has_probed(&self, state: &State) -> bool {
        state.seen().nodes.get(&self.me).is_some_and(|node| {
            matches!(&node.state,
                model::seen::NodeState::Online { boot } | model::seen::NodeState::Leaving { boot }
                if *boot == self.boot)
        })
    }

    /// A service that runs here without a claim waits for the leader to adopt it, unless
    /// the planner says that it never will.
    fn want_of_stray(
        &self,
        state: &State,
        name: &ServiceName,
        strays: &mut Option<Verdicts>,
    ) -> Want {
        let is_down = self.services.get(name).is_none_or(Local::is_down);
        let Some(spec) = state.spec().filter(|_| !is_down) else {
            return Want::AsItIs;
        };
        let input = planner::Input {
            spec,
            spec_version: state.spec_version(),
            seen: state.seen(),
            id: PlanId(self.applied),
            now: state.clock(),
            wall: model::WallTime(0),
        };
        let verdicts = strays.get_or_insert_with(|| planner::strays(&input, &self.me));
        match verdicts.iter().find(|(service, _)| service == name) {
            Some((_, StrayVerdict::Adopt | StrayVerdict::Leave(_))) => Want::AsItIs,
            // What is up without being a stray in the log has lost its claim.
            Some((_, StrayVerdict::Stop(_))) | None => Want::Down,
        }
    }

    /// Starts the next operation of one service, if one is due.
    fn step(
        &mut self,
        state: &State,
        (name, claim): (&ServiceName, Option<&Claim>),
        want: Want,
        now: Instant,
    ) {
        let newest = ClaimEpoch(self.applied);
        if plant::is(Plant::OneServiceAtATime)
            && self
                .services
                .iter()
                .any(|(other, local)| other != name && local.busy.is_some())
        {
            return;
        }
        let Some(local) = self.services.get_mut(name) else {
            return;
        };
        if local.stop_retry_at.is_some_and(|at| at <= now) {
            local.stop_retry_at = None;
        }
        if local.busy.is_some() {
            self.interrupt(name, want);
            return;
        }
        local.drop_stopped_leftovers();
        let next = match (want, self.permit) {
            (Want::AsItIs, _) | (Want::Up, Permit::Stop) => None,
            (Want::Up, Permit::Freeze) if local.lead_wished => None,
            (Want::Up, Permit::Freeze | Permit::Demote) => local.next_demotion(now),
            (Want::Up, Permit::All) => local.next_towards_up(now),
            (Want::Down, _) => local.next_down(0, now),
        };
        let Some((place, verb)) = next else { return };
        if claim.is_none() {
            // Newer than every claim of the past, older than every one to come.
            local.epoch = newest;
        } else if !self.is_announced(state, name, (place, verb), now) {
            return;
        }
        let id = self.operate(name, place, verb);
        if let Some(local) = self.services.get_mut(name) {
            local.busy = Some(id);
        }
    }

    /// A start that waits until its resource is ready gives way to a stop of the same
    /// resource; nobody has to wait for its limit.
    fn interrupt(&mut self, name: &ServiceName, want: Want) {
        let starting = self.services.get(name).and_then(|local| {
            let restarts = want == Want::Up && self.permit == Permit::All;
            let is_unwanted = want == Want::Down || (restarts && local.stop_from.is_some());
            let place = local
                .resources
                .iter()
                .position(|r| r.state == ResourceState::Starting)?;
            let is_unwanted = is_unwanted || !local.is_meant(place, self.permit);
            is_unwanted.then_some(place)
        });
        let Some(place) = starting else { return };
        let id = self.operate(name, place, Verb::Stop);
        if let Some(local) = self.services.get_mut(name) {
            local.busy = Some(id);
        }
    }

    fn ask_for_state(&mut self, name: &ServiceName, now: Instant) {
        self.ask(name, (Verb::Status, LocalResource::is_asked_for), now);
    }

    /// What is left as it is and has no claim may be ended by a person. That it is not where it
    /// was says no more than a probe, and a probe that finds nothing settles it.
    fn ask_what_is_left(
        &mut self,
        name: &ServiceName,
        (claim, want): (Option<&Claim>, Want),
        now: Instant,
    ) {
        let Some(local) = self.services.get_mut(name) else {
            return;
        };
        let is_end = local.peer.is_some();
        local.is_left = claim.is_none() && want == Want::AsItIs && local.busy.is_none() && !is_end;
        if local.is_left {
            self.ask(name, (Verb::Probe, LocalResource::is_asked_for_anew), now);
        }
    }

    /// Asks the resources for which it is time, of those that are to be asked.
    fn ask(
        &mut self,
        name: &ServiceName,
        (verb, is_asked): (Verb, fn(&LocalResource) -> bool),
        now: Instant,
    ) {
        let Some(local) = self.services.get(name) else {
            return;
        };
        let is_due = |place: &usize| {
            let resource = &local.resources[*place];
            is_asked(resource) && resource.status_due <= now
        };
        let due: Vec<usize> = (0..local.resources.len()).filter(is_due).collect();
        for place in due {
            let id = self.operate(name, place, verb);
            if let Some(local) = self.services.get_mut(name) {
                local.resources[place].asking = Some(id);
            }
        }
    }

    fn operate(&mut self, name: &ServiceName, place: usize, verb: Verb) -> OperationId {
        let peer = self.services.get(name).and_then(|local| local.peer.clone());
        let about = match (verb, peer) {
            (Verb::MigrateTo | Verb::MigrateFrom, Some(peer)) => About::Peer(peer),
            _nobody_else_takes_part => About::Nothing,
        };
        self.operate_about(name, place, verb, about)
    }

    fn operate_about(
        &mut self,
        name: &ServiceName,
        place: usize,
        verb: Verb,
        about: About,
    ) -> OperationId {
        self.last_operation = self.last_operation.next();
        let id = self.last_operation;
        let local = self
            .services
            .get_mut(name)
            .expect("the caller has just looked it up");
        let resource = &mut local.resources[place];
        let limit = limit_of(resource.spec.limits, verb);
        match verb {
            Verb::Start | Verb::MigrateFrom => resource.state = ResourceState::Starting,
            // What is handed over ends here, and that is no failure.
            Verb::Stop | Verb::MigrateTo => resource.state = ResourceState::Stopping,
            Verb::Promote | Verb::Demote => resource.lead = Lead::Perhaps,
            _leaves_it_up => {}
        }
        let (spec, settings) = resource.meant_by(verb);
        let operation = Operation {
            id,
            address: ResourceAddress {
                service: name.clone(),
                resource: resource.spec.name.clone(),
            },
            verb,
            spec,
            cards: resource.cards.clone(),
            epoch: local.epoch,
            plan: local.plan,
            limit,
            about: settings.unwrap_or(about),
            copies: local.copies,
        };
        let resource = resource.spec.name.clone();
        self.operations.insert(id, (name.clone(), resource, verb));
        self.outputs.push_back(Output::Operate(Box::new(operation)));
        id
    }
}
