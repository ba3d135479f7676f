//! Commands about claims. Here S1 and S2 are enforced: there is one claim at most, and it
//! ends only when its holder says that all is stopped, or the holder's boot is proven over.

use std::time::Duration;

use model::command::{BarNode, Report};
use model::history::Happening;
use model::plant::{self, Plant};
use model::reload::ReloadSeen;
use model::seen::{
    Bar, Claim, FAILURES_MAX, Failure, Goal, Maintenance, NodeState, Phase, ResourceFailure,
    RestartRequest, RestartScope, ServiceSeen, Standby, Wish,
};
use model::{
    BootId, ClaimEpoch, Command, Measured, NodeName, PlanId, Reason, Rejected, ServiceName,
};

use crate::ignored::shows_already;
use crate::roles::role_at_grant;
use crate::{Applied, Outcome, Place, State, not_ready};

impl State {
    pub(crate) fn grant(&mut self, place: Place, command: &Command) -> Outcome {
        let Command::Grant {
            service,
            node: name,
            boot,
            plan,
            because,
        } = command
        else {
            return Err(Rejected::Unknown);
        };
        self.require_spec_of(service)?;
        self.require_ready(name, *boot)?;
        self.require_hands_on(service)?;
        self.require_proven_stopped(service, name)?;
        self.require_migration_over(service)?;
        self.require_place_for_copy(service, name)?;
        let wanted = self.wanted(service);
        let expires = wanted.and_then(|spec| spec.rules.bar_expires);
        let has_roles = wanted.is_some_and(|spec| spec.rules.roles.is_some());
        let made_from = self.spec_version;
        let epoch = ClaimEpoch(place.index);
        let placed_at = self.placed_at(place, because);
        let seen = self.seen.services.entry(service.clone()).or_default();
        require_no_stop(service, seen)?;
        seen.barred.retain(|_, bar| bar.holds(expires, place.clock));
        let is_found = seen.strays.remove(name).is_some();
        let (role, turn) = role_at_grant(is_found && has_roles);
        seen.moving = None;
        seen.last_end = None;
        seen.since = place.at;
        match because {
            // What runs already is taken over, not started.
            Reason::FoundRunning { .. } => seen.times.forget(),
            _started => seen.times.begin(Measured::Start, place.clock),
        }
        seen.claim = Some(Claim {
            node: name.clone(),
            boot: *boot,
            epoch,
            goal: Goal::Run,
            phase: Phase::Starting,
            incarnation: 0,
            scope: RestartScope::All,
            resources: Vec::new(),
            made_from,
            reload: ReloadSeen::default(),
            role,
            turn,
            plan: *plan,
            because: because.clone(),
            since: place.at,
            placed_at,
        });
        self.record(
            place,
            Happening::Granted {
                service: service.clone(),
                node: name.clone(),
                plan: *plan,
                because: because.clone(),
            },
        );
        Ok(Applied::Granted(epoch))
    }

    pub(crate) fn require_ready(&self, name: &NodeName, boot: BootId) -> Result<(), Rejected> {
        let node = self.node(name)?;
        if node.state != (NodeState::Online { boot }) {
            return Err(not_ready(name, &node.state));
        }
        if node.standby != Standby::Off {
            return Err(Rejected::NodeNotReady {
                node: name.clone(),
                state: "on standby".into(),
            });
        }
        if node.maintenance == Maintenance::On {
            return Err(Rejected::NodeNotReady {
                node: name.clone(),
                state: "in maintenance".into(),
            });
        }
        Ok(())
    }

    /// Neither maintenance nor a freeze forbids to act on the service.
    pub(crate) fn require_hands_on(&self, service: &ServiceName) -> Result<(), Rejected> {
        if self.seen.maintenance == Maintenance::On {
            return Err(Rejected::Refused(Reason::Maintenance.to_string()));
        }
        let seen = self.seen.services.get(service);
        if seen.is_some_and(|seen| seen.frozen == Maintenance::On) {
            return Err(Rejected::Refused(format!("{service} is frozen")));
        }
        let holder = seen
            .and_then(|seen| seen.claim.as_ref())
            .map(|claim| &claim.node);
        let node = holder.and_then(|holder| self.seen.nodes.get_key_value(holder));
        match node {
            Some((node, seen)) if seen.maintenance == Maintenance::On => {
                let because = Reason::NodeMaintenance { node: node.clone() };
                Err(Rejected::Refused(because.to_string()))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// S1 and S2: no claim anywhere, and no other node that may run the service.
    fn require_proven_stopped(
        &self,
        service: &ServiceName,
        name: &NodeName,
    ) -> Result<(), Rejected> {
        let may_run_on = |node: &NodeName| Rejected::MayStillRun {
            service: service.clone(),
            node: node.clone(),
        };
        if let Some(seen) = self.seen.services.get(service) {
            if let Some(claim) = &seen.claim
                && !(plant::is(Plant::StartBesideStop) && claim.goal == Goal::Stop)
            {
                return Err(may_run_on(&claim.node));
            }
            if let Some(stray) = seen.strays.keys().find(|stray| *stray != name) {
                return Err(may_run_on(stray));
            }
            if let Some(node) = seen.sought.keys().next() {
                return Err(may_run_on(node));
            }
        }
        let unproven = self
            .seen
            .nodes
            .iter()
            .find(|(_, node)| node.may_run_anything());
        unproven.map_or(Ok(()), |(node, _)| Err(may_run_on(node)))
    }

    pub(crate) fn claimed(
        &self,
        service: &ServiceName,
        epoch: ClaimEpoch,
    ) -> Result<(&ServiceSeen, &Claim), Rejected> {
        let late = || Rejected::Late(format!("claim {epoch} on {service}"));
        let seen = self
            .seen
            .services
            .get(service)
            .ok_or_else(|| Rejected::NoSuchService(service.clone()))?;
        let claim = seen
            .claim
            .as_ref()
            .filter(|claim| claim.epoch == epoch)
            .ok_or_else(late)?;
        Ok((seen, claim))
    }

    pub(crate) fn revoke(&mut self, place: Place, command: &Command) -> Outcome {
        let Command::Revoke {
            service,
            epoch,
            plan,
            because,
            bar,
        } = command
        else {
            return Err(Rejected::Unknown);
        };
        let (_, claim) = self.claimed(service, *epoch)?;
        self.require_hands_on(service)?;
        require_runs(service, claim)?;
        let node = claim.node.clone();
        self.change_claim(service, |seen, claim| {
            seen.times.begin(Measured::Stop, place.clock);
            claim.goal = Goal::Stop;
            claim.phase = Phase::Stopping;
            claim.plan = *plan;
            claim.because = because.clone();
            claim.since = place.at;
            seen.since = place.at;
            let of = Bar {
                at: place.at,
                clock: place.clock,
                because: because.clone(),
                made_from: claim.made_from,
            };
            match bar {
                BarNode::No => {}
                BarNode::UntilCleared => drop(seen.barred.insert(claim.node.clone(), of)),
                BarNode::Everywhere => seen.held = Some(of),
            }
        });
        let because = because.clone();
        self.record(
            place,
            Happening::Revoked {
                service: service.clone(),
                node,
                plan: *plan,
                because,
            },
        );
        Ok(Applied::Done)
    }

    pub(crate) fn restart(&mut self, place: Place, command: &Command) -> Outcome {
        let Command::Restart {
            service,
            epoch,
            scope,
            plan,
            because,
        } = command
        else {
            return Err(Rejected::Unknown);
        };
        let (_, claim) = self.claimed(service, *epoch)?;
        self.require_hands_on(service)?;
        require_runs(service, claim)?;
        self.require_no_migration(service)?;
        // A restart that was asked for twice must not restart what has come up meanwhile.
        let seen = self.seen.services.get(service);
        let is_ordered = seen.is_some_and(|seen| seen.restart.is_some());
        if !is_ordered && !matches!(claim.phase, Phase::Failed(_)) {
            return Err(Rejected::Late(format!("the failure of {service}")));
        }
        let node = claim.node.clone();
        self.begin_restart(place, service, (*plan, because), *scope);
        let because = because.clone();
        self.record(
            place,
            Happening::Restarted {
                service: service.clone(),
                node,
                plan: *plan,
                because,
            },
        );
        Ok(Applied::Done)
    }

    fn begin_restart(
        &mut self,
        place: Place,
        service: &ServiceName,
        (plan, because): (PlanId, &Reason),
        scope: RestartScope,
    ) {
        self.change_claim(service, |seen, claim| {
            match scope {
                RestartScope::FailedOnward => seen.times.begin(Measured::Restart, place.clock),
                RestartScope::All => seen.times.forget(),
            }
            seen.restart = None;
            // What comes up next has all that was to be reloaded.
            claim.reload.settle();
            claim.incarnation = claim.incarnation.saturating_add(1);
            claim.phase = Phase::Starting;
            claim.scope = scope;
            claim.plan = plan;
            claim.because = because.clone();
            claim.since = place.at;
            seen.since = place.at;
        });
    }

    /// A restart that an operator asked for: no plan is needed to choose anything.
    pub(crate) fn order_restart(
        &mut self,
        place: Place,
        service: &ServiceName,
        because: &Reason,
    ) -> Result<(), Rejected> {
        self.require_hands_on(service)?;
        self.require_one_place(service)?;
        let claim = self
            .seen
            .services
            .get(service)
            .and_then(|seen| seen.claim.as_ref());
        let Some(claim) = claim else {
            return Err(Rejected::Refused(format!("{service} does not run")));
        };
        require_runs(service, claim)?;
        self.require_no_migration(service)?;
        let plan = claim.plan;
        self.restart_or_wait(place, service, (plan, because), RestartScope::All);
        Ok(())
    }

    /// What a person wants restarted restarts now; of copies that go one by one, when the planner
    /// says that its turn has come, unless it is coming up anyway.
    fn restart_or_wait(
        &mut self,
        place: Place,
        service: &ServiceName,
        (plan, because): (PlanId, &Reason),
        scope: RestartScope,
    ) {
        let spec = self.wanted(service);
        let takes_turns = spec.is_some_and(|spec| spec.rules.starts_one_by_one());
        let seen = self.seen.services.get_mut(service);
        let claimed = seen.filter(|seen| {
            let claim = seen.claim.as_ref();
            takes_turns && claim.is_some_and(|claim| claim.phase != Phase::Starting)
        });
        match (claimed, because) {
            (Some(seen), Reason::AskedByOperator { user }) => {
                let by = user.clone();
                seen.restart = Some(RestartRequest { by, scope });
            }
            (Some(_) | None, _) => self.begin_restart(place, service, (plan, because), scope),
        }
    }

    /// A person has mended what made a stop fail, or what was left failed for a person to
    /// look at: it is tried again.
    pub(crate) fn retry_after_clear(
        &mut self,
        place: Place,
        service: &ServiceName,
        because: &Reason,
    ) {
        if let Some((plan, scope)) = self.left_for_a_person(service) {
            return self.restart_or_wait(place, service, (plan, because), scope);
        }
        self.change_claim(service, |seen, claim| {
            if matches!(claim.phase, Phase::StopFailed(_)) {
                seen.times.forget();
                claim.incarnation = claim.incarnation.saturating_add(1);
                claim.goal = Goal::Stop;
                claim.phase = Phase::Stopping;
                claim.because = because.clone();
                claim.since = place.at;
                seen.since = place.at;
            }
        });
    }

    pub(crate) fn report(&mut self, place: Place, command: &Command) -> Outcome {
        let Command::Report {
            node,
            boot,
            run,
            service,
            epoch,
            incarnation,
            report,
            resources,
            role,
        } = command
        else {
            return Err(Rejected::Unknown);
        };
        self.require_newest_run(node, *run)?;
        let (_, claim) = self.claimed(service, *epoch)?;
        let gives_back = matches!(report, Report::Stopped | Report::LeaseEnded);
        let current = claim.incarnation == *incarnation || gives_back;
        if claim.node != *node || claim.boot != *boot || !current {
            return Err(Rejected::Late(format!("claim {} on {service}", epoch)));
        }
        let (goal, node) = (claim.goal, claim.node.clone());
        let stop_because = claim.because.clone();
        let was_failed = shows_already(claim, report);
        self.change_claim(service, |_, claim| claim.resources.clone_from(resources));
        self.note_role(place, service, *role);
        match (report, goal) {
            (Report::Progress, Goal::Run | Goal::Stop)
            | (Report::Running | Report::Failed(_), Goal::Stop)
            | (Report::HandedOver | Report::MigrationFailed(_), Goal::Stop)
            | (Report::Reloaded(_), Goal::Stop) => {}
            (Report::HandedOver, Goal::Run) => return self.handed_over(place, service),
            (Report::MigrationFailed(failure), Goal::Run) => {
                return self.migration_failed(place, service, failure);
            }
            (Report::Reloaded(told), Goal::Run) => {
                self.note_reloaded(place, service, told);
                self.now_running(place, service, &node);
            }
            (Report::Running, Goal::Run) => {
                self.now_running(place, service, &node);
                self.note_arrival(place, service);
            }
            (Report::Failed(failure), Goal::Run) if self.ignores(service, failure) => {
                self.goes_on_without(place, service, &node, (failure, was_failed));
            }
            (Report::Failed(failure), Goal::Run) => {
                self.now_failed(place, service, &node, failure);
                self.note_failed_arrival(place, service, failure);
            }
            (Report::StopFailed(failure), Goal::Run | Goal::Stop) => {
                self.now_stop_failed(place, service, &node, failure);
            }
            (Report::Stopped, Goal::Stop) => {
                self.change_claim(service, |seen, _| {
                    seen.times.end(&[Measured::Stop], place.clock);
                });
                self.end_claim(place, service, stop_because);
            }
            (Report::Stopped, Goal::Run) => {
                self.end_claim(place, service, Reason::GivenBack { node });
            }
            (Report::LeaseEnded, Goal::Run | Goal::Stop) => {
                self.end_claim(place, service, Reason::LeaseEnded { node });
            }
        }
        Ok(Applied::Done)
    }

    fn now_running(&mut self, place: Place, service: &ServiceName, node: &NodeName) {
        let mut is_new = false;
        self.change_claim(service, |seen, claim| {
            is_new = claim.phase != Phase::Running;
            if is_new {
                let begun = [Measured::Start, Measured::Restart, Measured::Migration];
                seen.times.end(&begun, place.clock);
                claim.phase = Phase::Running;
                claim.since = place.at;
                seen.since = place.at;
            }
        });
        if is_new {
            let what = Happening::Running {
                service: service.clone(),
                node: node.clone(),
            };
            self.record(place, what);
        }
    }

    pub(crate) fn now_failed(
        &mut self,
        place: Place,
        service: &ServiceName,
        node: &NodeName,
        failure: &ResourceFailure,
    ) {
        let window = self.restart_window(service);
        let mut is_new = false;
        self.change_claim(service, |seen, claim| {
            // What fails while the node waits for a decision is part of the same failure.
            is_new = !matches!(claim.phase, Phase::Failed(_) | Phase::StopFailed(_));
            if is_new {
                seen.times.forget();
                claim.reload.settle();
                claim.phase = Phase::Failed(failure.clone());
                claim.since = place.at;
                seen.since = place.at;
                let entry = failure_of(place, node, failure);
                push_failure(&mut seen.failures, entry, window);
            }
        });
        if is_new {
            self.record_failure(place, service, node, failure);
        }
    }

    fn now_stop_failed(
        &mut self,
        place: Place,
        service: &ServiceName,
        node: &NodeName,
        failure: &ResourceFailure,
    ) {
        let mut is_new = false;
        self.change_claim(service, |seen, claim| {
            is_new = !matches!(claim.phase, Phase::StopFailed(_));
            seen.times.forget();
            claim.phase = Phase::StopFailed(failure.clone());
            claim.since = place.at;
            seen.since = place.at;
        });
        if is_new {
            self.record_failure(place, service, node, failure);
        }
    }

    pub(crate) fn record_failure(
        &mut self,
        place: Place,
        service: &ServiceName,
        node: &NodeName,
        failure: &ResourceFailure,
    ) {
        self.record(
            place,
            Happening::Failed {
                service: service.clone(),
                node: node.clone(),
                failure: failure.clone(),
            },
        );
    }

    pub(crate) fn restart_window(&self, service: &ServiceName) -> Duration {
        let spec = self.wanted(service);
        let own = spec.map(|spec| spec.restart.within).unwrap_or_default();
        let answers = spec
            .into_iter()
            .flat_map(|spec| spec.rules.answers.values());
        let of_resources = answers.filter_map(|answers| answers.restart);
        let longest = of_resources.map(|restart| restart.within).max();
        own.max(longest.unwrap_or_default())
            .max(self.checks_window(service))
    }

    /// Ends the claim on a service; the caller has the proof that nothing of it runs.
    pub(crate) fn end_claim(&mut self, place: Place, service: &ServiceName, because: Reason) {
        let Some(seen) = self.seen.services.get_mut(service) else {
            return;
        };
        let Some(claim) = seen.claim.take() else {
            return;
        };
        seen.since = place.at;
        seen.times.forget();
        seen.last_end = Some(because.clone());
        Self::role_ends_with_claim(seen, claim.role, &because);
        seen.moving_role = None;
        seen.restart = None;
        let what = Happening::Stopped {
            service: service.clone(),
            node: claim.node,
            because,
        };
        self.record(place, what);
        self.settle_twice(service);
        self.forget_if_over(service);
    }

    pub(crate) fn stray_stopped(&mut self, place: Place, command: &Command) -> Outcome {
        let Command::StrayStopped {
            node,
            boot,
            run,
            service,
        } = command
        else {
            return Err(Rejected::Unknown);
        };
        self.require_newest_run(node, *run)?;
        let stray = self
            .seen
            .services
            .get(service)
            .and_then(|seen| seen.strays.get(node));
        if stray != Some(boot) {
            return Err(Rejected::Late(format!("{service} found running on {node}")));
        }
        if self.may_still_come(service, node) {
            return Err(Rejected::Refused(format!(
                "{service} is still on its way to {node}"
            )));
        }
        if self.clears_too_early(service, node) {
            return Err(Rejected::Refused(format!(
                "{service} has not arrived yet, so {node} cannot have cleared away"
            )));
        }
        if !self.is_migration_end(service, node) {
            let what = Happening::StrayStopped {
                service: service.clone(),
                node: node.clone(),
            };
            self.record(place, what);
        }
        self.drop_stray(service, node);
        Ok(Applied::Done)
    }

    pub(crate) fn drop_stray(&mut self, service: &ServiceName, node: &NodeName) {
        let Some(seen) = self.seen.services.get_mut(service) else {
            return;
        };
        if seen.strays.remove(node).is_some() {
            self.settle_twice(service);
            self.forget_if_over(service);
        }
    }

    pub(crate) fn change_claim(
        &mut self,
        service: &ServiceName,
        change: impl FnOnce(&mut ServiceSeen, &mut Claim),
    ) {
        let Some(seen) = self.seen.services.get_mut(service) else {
            return;
        };
        if let Some(mut claim) = seen.claim.take() {
            change(seen, &mut claim);
            seen.claim = Some(claim);
        }
    }
}

/// The claim is one that can still be revoked or restarted.
fn require_runs(service: &ServiceName, claim: &Claim) -> Result<(), Rejected> {
    let node = &claim.node;
    match (claim.goal, &claim.phase) {
        (Goal::Stop, _) => Err(Rejected::Refused(format!(
            "{service} is being stopped on {node} already"
        ))),
        (Goal::Run, Phase::StopFailed(_)) => Err(Rejected::Refused(
            Reason::StopFailed {
                service: service.clone(),
                node: node.clone(),
            }
            .to_string(),
        )),
        (Goal::Run, Phase::Starting | Phase::Running | Phase::Failed(_) | Phase::Stopping) => {
            Ok(())
        }
    }
}

pub(crate) fn failure_of(place: Place, node: &NodeName, failure: &ResourceFailure) -> Failure {
    Failure {
        at: place.at,
        clock: place.clock,
        node: node.clone(),
        failure: failure.clone(),
    }
}

pub(crate) fn push_failure(failures: &mut Vec<Failure>, entry: Failure, window: Duration) {
    failures.retain(|old| entry.clock.saturating_duration_since(old.clock) < window);
    if FAILURES_MAX <= failures.len() {
        failures.remove(0);
    }
    failures.push(entry);
}

/// Nobody wants it stopped.
fn require_no_stop(service: &ServiceName, seen: &ServiceSeen) -> Result<(), Rejected> {
    if let Wish::Stop { by } = &seen.wish {
        return Err(Rejected::Refused(format!("{by} wants {service} stopped")));
    }
    if seen.held.is_some() {
        return Err(Rejected::Refused(format!(
            "{service} is held after a failure"
        )));
    }
    Ok(())
}
