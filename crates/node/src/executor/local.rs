//! One service on this node: what its resources are, and which operation comes next.

use std::time::Duration;

use model::answers::Remainder;
use model::command::Report;
use model::operation::{CopiesTold, OperationReport, Outcome, Verb};
use model::plant::{self, Plant};
use model::roles::{RolePart, RoleSeen, RoleTold};
use model::seen::{Claim, Goal, Phase, ResourceFailure, ResourceState, RestartScope};
use model::spec::{Limits, NodeSpec, ResourceSpec};
use model::{CardName, ClaimEpoch, Instant, NodeName, OperationId, PlanId, Reason, ResourceName};

use super::Want;
use super::notices::Notices;
use super::passage::{Leave, Next, Passage};
use super::reload::{Due, Reloads};
use super::roles::{Lead, Undemoted};

/// What was told of a service last.
#[derive(Debug)]
pub(super) struct Told {
    pub report: Report,
    pub resources: Vec<(ResourceName, ResourceState)>,
    pub incarnation: u32,
    pub role: RoleTold,
    pub at: Instant,
}

/// A service on this node.
#[derive(Debug)]
pub(super) struct Local {
    pub epoch: ClaimEpoch,
    pub plan: PlanId,
    /// The incarnation that has been carried out, or is being carried out.
    pub incarnation: u32,
    /// While a restart takes resources down: from which place on.
    pub stop_from: Option<usize>,
    /// Ends a stop that nobody asked for: it is remembered until all is down and told.
    pub lease_ended: bool,
    /// A report that gives the claim back has been sent, or is due: nothing starts under it any
    /// more.
    pub given_back: bool,
    /// In start order; behind them what is up and no longer in the spec, to be taken down.
    pub resources: Vec<LocalResource>,
    /// The start or stop that is under way; a start that gave way to it may still be out.
    pub busy: Option<OperationId>,
    pub stop_retry_at: Option<Instant>,
    /// A check has failed that wants something of the service.
    pub check_failure: Option<ResourceFailure>,
    /// From which place on a restart for it takes resources down.
    pub restart_from: usize,
    /// Whether the claim wishes the promoted role.
    pub lead_wished: bool,
    /// A demotion that failed, until somebody has decided.
    pub undemoted: Option<Undemoted>,
    pub sent: Option<Told>,
    pub stray_told: Option<Instant>,
    /// When the log was told last that it is left running and not watched any more.
    pub let_go_at: Option<Instant>,
    /// What was written down of it here is gone, and nothing is done to it any more.
    pub is_let_go: bool,
    /// Where it stands in a live migration.
    pub passage: Passage,
    /// The node at the other end of that.
    pub peer: Option<NodeName>,
    /// Of a copy: how many there are to be, as the spec said last.
    pub copies: Option<CopiesTold>,
    /// What the other copies are told of this one.
    pub notices: Notices,
    /// The reloads under its claim.
    pub reloads: Reloads,
    /// It has no claim, and is left as it is: whatever ended by itself is looked for anew.
    pub is_left: bool,
}

#[derive(Debug)]
/// A resource on this node.
pub(super) struct LocalResource {
    pub spec: ResourceSpec,
    pub cards: Vec<CardName>,
    /// Up although the spec no longer has it.
    pub is_leftover: bool,
    pub part: RolePart,
    pub lead: Lead,
    pub state: ResourceState,
    pub failure: Option<ResourceFailure>,
    /// Of what failed: that the service goes on without it.
    pub is_ignored: bool,
    pub status_due: Instant,
    /// A question for the state is out; it does not block other operations.
    pub asking: Option<OperationId>,
    /// What it is to be reloaded for.
    pub due: Due,
}

/// What became of an operation's answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Absorbed {
    Noted,
    StopFailed,
}

impl LocalResource {
    pub fn new(spec: &ResourceSpec, node: Option<&NodeSpec>, now: Instant) -> Self {
        Self {
            spec: spec.clone(),
            cards: cards(spec, node),
            is_leftover: false,
            part: RolePart::Ordinary,
            lead: Lead::No,
            state: ResourceState::Stopped,
            failure: None,
            is_ignored: false,
            status_due: now + spec.limits.every,
            asking: None,
            due: Due::default(),
        }
    }

    /// Only what runs is asked for its state, and one question at a time.
    pub fn is_asked_for(&self) -> bool {
        self.state == ResourceState::Running && self.asking.is_none() && self.lead != Lead::Perhaps
    }

    /// Of what has no claim and is left as it is: it is not as it was, and may be gone.
    pub fn is_asked_for_anew(&self) -> bool {
        self.state == ResourceState::Failed && self.asking.is_none()
    }

    /// Failed, and the service goes on without it.
    pub fn is_passed_over(&self) -> bool {
        self.state == ResourceState::Failed && self.is_ignored
    }

    /// Failed, and somebody has to decide what follows.
    pub fn is_missed(&self) -> bool {
        self.state == ResourceState::Failed && !self.is_ignored
    }

    /// Up, or not missed.
    pub fn is_up_or_ignored(&self) -> bool {
        self.state == ResourceState::Running || self.is_passed_over()
    }

    pub fn fail(&mut self, verb: Option<Verb>, how: String, output: String) {
        self.state = ResourceState::Failed;
        self.is_ignored = false;
        self.failure = Some(ResourceFailure {
            resource: self.spec.name.clone(),
            verb,
            how,
            output,
        });
    }

    pub fn absorb(&mut self, verb: Verb, report: OperationReport) -> Absorbed {
        let how = how_it_failed(&report, limit_of(self.spec.limits, verb));
        if self.has_lost_role(verb, &report.outcome) {
            self.fail(Some(verb), ROLE_LOST.to_string(), report.output);
            return Absorbed::Noted;
        }
        self.absorb_role(verb, &report.outcome);
        match (verb, report.outcome) {
            (
                Verb::Probe | Verb::Start | Verb::MigrateFrom,
                Outcome::Running | Outcome::Promoted,
            )
            | (Verb::Stop, Outcome::Stopped) => {
                self.state = if verb == Verb::Stop {
                    ResourceState::Stopped
                } else {
                    ResourceState::Running
                };
                self.failure = None;
            }
            // The passage says what follows.
            (Verb::MigrateTo, _) => {}
            (Verb::Probe, Outcome::Stopped) => self.state = ResourceState::Stopped,
            (Verb::Status, Outcome::Running | Outcome::Promoted) => {}
            (Verb::Status, Outcome::Stopped) if self.state == ResourceState::Running => {
                self.fail(Some(verb), "not running".to_string(), report.output);
            }
            (Verb::Probe | Verb::Status, Outcome::Failed(_) | Outcome::TimedOut)
                if self.state == ResourceState::Running || verb == Verb::Probe =>
            {
                self.fail(Some(verb), how, report.output);
            }
            (Verb::Probe | Verb::Status, _) => {}
            (Verb::Stop, _) if plant::is(Plant::StopFailureForgotten) => {
                self.state = ResourceState::Stopped;
            }
            (
                Verb::Stop,
                Outcome::Running | Outcome::Promoted | Outcome::Failed(_) | Outcome::TimedOut,
            ) => {
                let how = if how.is_empty() {
                    "still running".to_string()
                } else {
                    how
                };
                self.fail(Some(verb), how, report.output);
                return Absorbed::StopFailed;
            }
            (Verb::Demote, Outcome::Promoted) => {
                self.fail(Some(verb), "still promoted".to_string(), report.output);
            }
            (_, Outcome::Running | Outcome::Promoted) | (Verb::Notify, _) => {}
            (_, Outcome::Stopped) => {
                self.fail(
                    Some(verb),
                    format!("not running after its {verb}"),
                    report.output,
                );
            }
            (_, Outcome::Failed(_) | Outcome::TimedOut) => {
                self.fail(Some(verb), how, report.output);
            }
        }
        Absorbed::Noted
    }
}

/// What is said of a copy that has lost its role by itself.
const ROLE_LOST: &str = "not promoted any more";

pub(super) fn how_it_failed(report: &OperationReport, limit: Duration) -> String {
    match &report.outcome {
        Outcome::Running | Outcome::Promoted | Outcome::Stopped => String::new(),
        Outcome::Failed(how) => how.clone(),
        Outcome::TimedOut => overran(limit),
    }
}

/// What is said of an operation that was not done within its limit.
pub(super) fn overran(limit: Duration) -> String {
    format!("not done within {}", model::duration::format(limit))
}

/// How long an operation may take.
pub(crate) fn limit_of(limits: Limits, verb: Verb) -> Duration {
    match verb {
        Verb::Start | Verb::Promote | Verb::Reload | Verb::MigrateTo | Verb::MigrateFrom => {
            limits.start
        }
        Verb::Stop | Verb::Demote => limits.stop,
        Verb::Probe | Verb::Status | Verb::Notify => limits.status,
    }
}

impl Local {
    pub fn new(epoch: ClaimEpoch, plan: PlanId) -> Self {
        Self {
            epoch,
            plan,
            incarnation: 0,
            stop_from: None,
            lease_ended: false,
            given_back: false,
            resources: Vec::new(),
            busy: None,
            stop_retry_at: None,
            check_failure: None,
            restart_from: 0,
            lead_wished: false,
            undemoted: None,
            sent: None,
            stray_told: None,
            let_go_at: None,
            is_let_go: false,
            passage: Passage::Stays,
            peer: None,
            copies: None,
            notices: Notices::default(),
            reloads: Reloads::default(),
            is_left: false,
        }
    }

    pub fn is_down(&self) -> bool {
        let early = plant::is(Plant::StopToldEarly);
        !self.passage.may_hold()
            && self.resources.iter().all(|resource| {
                resource.state == ResourceState::Stopped
                    || (early && resource.state == ResourceState::Stopping)
            })
    }

    /// Whether all of it is up and nothing is about to change that.
    pub fn serves(&self) -> bool {
        let up = |r: &LocalResource| r.is_up_or_ignored() && !r.is_leftover;
        self.stop_from.is_none()
            && self.check_failure.is_none()
            && self.busy.is_none()
            && !self.given_back
            && self.left() == Remainder::Runs
            && self.resources.iter().all(up)
    }

    /// What is left of it beside what is passed over.
    fn left(&self) -> Remainder {
        Remainder::of(self.resources.iter().map(|r| (r.part, r.state)))
    }

    /// Which failures the service goes on without, as the spec says now.
    pub fn take_answers(&mut self, service: Option<&model::spec::ServiceSpec>) {
        for resource in &mut self.resources {
            let failure = resource.failure.as_ref();
            resource.is_ignored = service
                .zip(failure)
                .is_some_and(|(service, failure)| service.ignores(failure));
        }
    }

    /// Where a restart for a check begins: at the resource that it watches, else at the first
    /// that is a program. Addresses and mounts before it do not change what a program does.
    pub fn first_to_restart(&self, watches: Option<&ResourceName>) -> usize {
        let named = |name: &ResourceName| self.resources.iter().position(|r| r.spec.name == *name);
        let is_program = |r: &LocalResource| r.spec.kind.is_program();
        let program = || self.resources.iter().position(is_program);
        watches.and_then(named).or_else(program).unwrap_or(0)
    }

    pub fn states(&self) -> Vec<(ResourceName, ResourceState)> {
        self.resources
            .iter()
            .map(|r| (r.spec.name.clone(), r.state))
            .collect()
    }

    /// A claim that is new to this run of the daemon: either newly granted, or adopted.
    pub fn take_claim(
        &mut self,
        claim: &Claim,
        service: Option<&model::spec::ServiceSpec>,
        node: Option<&NodeSpec>,
        now: Instant,
    ) {
        self.epoch = claim.epoch;
        self.incarnation = claim.incarnation;
        self.sent = None;
        self.stop_from = None;
        self.stop_retry_at = None;
        self.lease_ended = false;
        self.given_back = false;
        self.check_failure = None;
        self.undemoted = None;
        self.take_parts(service);
        self.doubt_role(claim);
        self.take_role(claim);
        self.doubt_reloads(claim);
        if claim.goal == Goal::Stop {
            return;
        }
        self.take_spec(service, node, now);
        // A check said so to an earlier run of the daemon: the decision is due, or was made.
        match (&claim.phase, &claim.because) {
            (Phase::Failed(failure), _) => self.take_check_failure(failure, service),
            (
                Phase::Starting,
                Reason::ResourceFailed {
                    resource: check,
                    how,
                    ..
                },
            ) => {
                let failure = ResourceFailure {
                    resource: check.clone(),
                    verb: None,
                    how: how.clone(),
                    output: String::new(),
                };
                self.take_check_failure(&failure, service);
            }
            _ => {}
        }
        if claim.phase == Phase::Starting && 0 < claim.incarnation {
            // The daemon may have closed before it took anything down for this restart.
            self.take_incarnation(claim);
        }
        if claim.phase == Phase::Running {
            // It ran when the last daemon of this boot reported. What is down by now has
            // failed meanwhile, and that counts as a failure.
            for resource in &mut self.resources {
                let is_meant =
                    resource.part != RolePart::WhilePromoted || claim.role == RoleSeen::Promoted;
                if resource.state == ResourceState::Stopped && is_meant {
                    let how = "not running when the daemon came back".to_string();
                    resource.fail(None, how, String::new());
                }
            }
        }
    }

    /// What failed is no resource, so it is a check.
    fn take_check_failure(
        &mut self,
        failure: &ResourceFailure,
        service: Option<&model::spec::ServiceSpec>,
    ) {
        if self.resource_mut(&failure.resource).is_some() {
            return;
        }
        let check = service.and_then(|service| service.rules.check(&failure.resource));
        let watches = check.and_then(|check| check.watches.as_ref());
        self.restart_from = self.first_to_restart(watches);
        self.check_failure = Some(failure.clone());
    }

    /// Resources of the spec in its order; those which are up keep what they were started
    /// with, and what is up but no longer in the spec stays behind them, to be taken down.
    pub fn take_spec(
        &mut self,
        service: Option<&model::spec::ServiceSpec>,
        node: Option<&NodeSpec>,
        now: Instant,
    ) {
        let Some(service) = service else { return };
        let mut known = std::mem::take(&mut self.resources);
        for spec in &service.resources {
            let place = known
                .iter()
                .position(|resource| resource.spec.name == spec.name);
            let resource = match place.map(|place| known.remove(place)) {
                Some(up) if up.state != ResourceState::Stopped => up,
                Some(_) | None => LocalResource::new(spec, node, now),
            }
            .with_part(service.rules.roles.as_ref());
            self.resources.push(resource);
        }
        // A stable sort: what runs only where it is promoted starts last.
        self.resources
            .sort_by_key(|r| r.part == RolePart::WhilePromoted);
        known.retain(|resource| resource.state != ResourceState::Stopped);
        self.resources
            .extend(known.into_iter().map(|leftover| LocalResource {
                is_leftover: true,
                ..leftover
            }));
    }

    /// What each resource that is known has to do with the role.
    fn take_parts(&mut self, service: Option<&model::spec::ServiceSpec>) {
        let Some(service) = service else { return };
        let roles = service.rules.roles.as_ref();
        for resource in std::mem::take(&mut self.resources) {
            self.resources.push(resource.with_part(roles));
        }
    }

    pub fn resource_mut(&mut self, name: &ResourceName) -> Option<&mut LocalResource> {
        self.resources.iter_mut().find(|r| r.spec.name == *name)
    }

    /// What is no longer in the spec is forgotten once it is down.
    pub fn drop_stopped_leftovers(&mut self) {
        self.resources
            .retain(|r| !r.is_leftover || r.state != ResourceState::Stopped);
    }

    /// The next step of a service that should be up: first what no longer belongs to it is
    /// taken down, then a restart is carried out, then what is down is started.
    pub fn next_towards_up(&mut self, now: Instant) -> Option<(usize, Verb)> {
        let up = |r: &LocalResource| r.is_leftover && r.state != ResourceState::Stopped;
        if let Some(leftover) = self.resources.iter().position(up) {
            return self.next_down(leftover, now);
        }
        match self.next_in_passage() {
            Next::AsUsual => {}
            Next::Do(verb) => return Some((0, verb)),
            Next::Nothing => return None,
        }
        if self.stop_from.is_none()
            && (!self.lead_wished || self.undemoted.is_some())
            && let Some(step) = self.next_demotion(now)
        {
            return Some(step);
        }
        let next = self
            .next_up()
            .or_else(|| self.next_restart(now))
            .or_else(|| self.next_promotion())
            .or_else(|| self.next_reload());
        if self.passage.is_taken_in() && matches!(next, Some((_, Verb::Start))) {
            // What had come was stopped again, and the source still has its remains: nothing
            // starts under this claim.
            self.given_back = true;
            return None;
        }
        next
    }

    pub fn take_incarnation(&mut self, claim: &Claim) {
        self.incarnation = claim.incarnation;
        // Somebody has decided anew: a stop that failed is tried again at once.
        self.stop_retry_at = None;
        self.undemoted = None;
        let is_meant = |r: &LocalResource| r.part != RolePart::WhilePromoted || self.lead_wished;
        let failed = self.resources.iter().position(|r| {
            let is_idle = r.state == ResourceState::Stopped && !is_meant(r);
            !r.is_up_or_ignored() && !is_idle
        });
        self.stop_from = match claim.scope {
            RestartScope::All => Some(0),
            RestartScope::FailedOnward => {
                let by_check = self.check_failure.take().map(|_| self.restart_from);
                let places = failed.into_iter().chain(by_check);
                // What is passed over is started anew when nothing else is meant.
                let ignored = || {
                    self.resources
                        .iter()
                        .position(LocalResource::is_passed_over)
                };
                places.min().or_else(ignored)
            }
        };
        self.check_failure = None;
    }

    /// The next start, unless something failed or a restart is taking things down.
    pub fn next_up(&self) -> Option<(usize, Verb)> {
        if self.stop_from.is_some() || self.undemoted.is_some() {
            return None;
        }
        let is_due = |r: &LocalResource| r.part != RolePart::WhilePromoted && !r.is_up_or_ignored();
        let place = self.resources.iter().position(is_due)?;
        (self.resources[place].state == ResourceState::Stopped
            && !self.resources.iter().any(LocalResource::is_missed))
        .then_some((place, Verb::Start))
    }

    /// The next stop at or behind `from`, in reverse order.
    pub fn next_down(&mut self, from: usize, now: Instant) -> Option<(usize, Verb)> {
        if self.stop_retry_at.is_some_and(|at| now < at) {
            return None;
        }
        self.stop_retry_at = None;
        let last = self
            .resources
            .iter()
            .rposition(|r| r.state != ResourceState::Stopped);
        if last.is_none() && self.passage.may_hold() && !self.resources.is_empty() {
            return self.stop_what_may_be_here(now);
        }
        let last = last?;
        (from <= last).then_some((last, self.resources[last].verb_down()))
    }

    /// The next step of a restart in place: down first, then up.
    pub fn next_restart(&mut self, now: Instant) -> Option<(usize, Verb)> {
        let from = self.stop_from?;
        if let Some(stop) = self.next_down(from, now) {
            return Some(stop);
        }
        if self.stop_retry_at.is_some() {
            return None;
        }
        self.stop_from = None;
        self.next_up()
    }

    /// What is to be told; `shown` is the claim as the log shows it.
    pub fn report(&self, want: Want, shown: &Claim) -> Report {
        let failures = || {
            let failed = |r: &&LocalResource| r.state == ResourceState::Failed;
            let resources = self.resources.iter().filter(failed);
            resources.filter_map(|resource| resource.failure.as_ref())
        };
        // Whatever else failed, before it or because of it: what cannot be stopped here may
        // still run, and must be told.
        if let Some(failure) = failures().find(|failure| failure.verb == Some(Verb::Stop)) {
            return Report::StopFailed(failure.clone());
        }
        if let (Want::Up, Passage::Leaves(_, leave)) = (want, &self.passage) {
            return match leave {
                Leave::Due | Leave::UnderWay | Leave::Asks(_) => Report::Progress,
                Leave::Failed(failure) => Report::MigrationFailed(failure.clone()),
                Leave::Gone => Report::HandedOver,
            };
        }
        let undemoted = self.undemoted.as_ref().map(|it| it.failure.clone());
        let failure = undemoted
            .or_else(|| self.failure_where(LocalResource::is_missed))
            .or_else(|| self.check_failure.clone())
            .or_else(|| self.ignored_failure_to_tell(shown));
        match want {
            Want::Down
                if self.is_down() && (self.busy.is_none() || plant::is(Plant::StopToldEarly)) =>
            {
                if self.lease_ended {
                    Report::LeaseEnded
                } else {
                    Report::Stopped
                }
            }
            Want::Down | Want::AsItIs => Report::Progress,
            Want::Up if self.stop_from.is_some() => Report::Progress,
            Want::Up => match failure {
                Some(failure) => Report::Failed(failure),
                None if self.left() == Remainder::Comes => Report::Progress,
                None => match self.told_reload() {
                    Some(told) => Report::Reloaded(told),
                    None => Report::Running,
                },
            },
        }
    }

    fn failure_where(&self, is_meant: fn(&LocalResource) -> bool) -> Option<ResourceFailure> {
        let mut resources = self.resources.iter();
        resources.find(|r| is_meant(r))?.failure.clone()
    }

    /// Of what is passed over: what the log does not show yet, and all of it where nothing
    /// else is left.
    fn ignored_failure_to_tell(&self, shown: &Claim) -> Option<ResourceFailure> {
        let mut ignored = self.resources.iter().filter(|r| r.is_passed_over());
        let new = ignored.find(|r| !shown.shows_failed(&r.spec.name));
        if let Some(new) = new {
            return new.failure.clone();
        }
        match self.left() {
            Remainder::Nothing => self.failure_where(LocalResource::is_passed_over),
            Remainder::Runs | Remainder::Comes => None,
        }
    }
}

/// This node's cards of the network that an address or a route is on.
fn cards(spec: &ResourceSpec, node: Option<&NodeSpec>) -> Vec<CardName> {
    let network = spec.kind.network();
    network
        .and_then(|network| node?.networks.get(network))
        .map(|attachment| attachment.cards.clone())
        .unwrap_or_default()
}
