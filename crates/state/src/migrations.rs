//! Live migrations. A migration is one claim that two nodes touch: one end has the claim, the
//! other stands among the strays, so that every rule about what may still run somewhere (S2)
//! holds for both ends by itself.
//!
//! The mark of the end without the claim goes in two ways only: that end tells that it has
//! cleared away, or its boot is proven over. The target's mark does not go at all while the
//! source may still send; and as long as the target has not told that it runs there, it goes by
//! the end of a boot only if the machine was off after all had been sent.

use model::history::Happening;
use model::migration::{Migration, MigrationEnd, MigrationStage};
use model::plant::{self, Plant};
use model::reload::ReloadSeen;
use model::seen::{
    Claim, Goal, NodeState, Phase, ResourceFailure, ResourceState, RestartScope, ServiceSeen,
};
use model::{BootId, ClaimEpoch, Command, Measured, NodeName, Reason, Rejected, ServiceName};

use crate::members::BootEnd;
use crate::{Applied, Outcome, Place, State};

impl State {
    pub(crate) fn migrate(&mut self, place: Place, command: &Command) -> Outcome {
        let Command::Migrate {
            service,
            epoch,
            node,
            boot,
            plan,
            because,
        } = command
        else {
            return Err(Rejected::Unknown);
        };
        let (_, claim) = self.claimed(service, *epoch)?;
        let from = MigrationEnd {
            node: claim.node.clone(),
            boot: claim.boot,
        };
        self.require_live(service, claim)?;
        self.require_hands_on(service)?;
        if from.node == *node {
            return Err(Rejected::Refused(format!(
                "{service} runs on {node} already"
            )));
        }
        self.require_ready(node, *boot)?;
        self.require_heard(&from)?;
        self.require_nothing_elsewhere(service)?;
        let to = MigrationEnd {
            node: node.clone(),
            boot: *boot,
        };
        let migration = Migration {
            begun: place.index,
            epoch: *epoch,
            from,
            to,
            stage: MigrationStage::Leaving,
            plan: *plan,
            because: because.clone(),
            since: place.at,
            sent: None,
            arrived: false,
        };
        self.begin_migration(place, service, migration);
        Ok(Applied::Done)
    }

    fn begin_migration(&mut self, place: Place, service: &ServiceName, migration: Migration) {
        self.change_claim(service, |seen, claim| {
            seen.times.begin(Measured::Migration, place.clock);
            let MigrationEnd { node, boot } = migration.to.clone();
            seen.strays.insert(node, boot);
            claim.plan = migration.plan;
            claim.because = migration.because.clone();
        });
        let what = Happening::Migrating {
            service: service.clone(),
            node: migration.from.node.clone(),
            to: migration.to.node.clone(),
            plan: migration.plan,
            because: migration.because.clone(),
        };
        self.record(place, what);
        self.seen.migrations.insert(service.clone(), migration);
        if plant::is(Plant::HandedOverEarly) {
            self.hand_over(place, service);
        }
    }

    /// It runs, is wanted where it is, and can go without a stop.
    fn require_live(&self, service: &ServiceName, claim: &Claim) -> Result<(), Rejected> {
        let is_live = self.wanted(service).is_some_and(|spec| spec.rules.live);
        if !is_live {
            return Err(Rejected::Refused(format!("{service} cannot move live")));
        }
        if (claim.goal, &claim.phase) != (Goal::Run, &Phase::Running) {
            return Err(Rejected::Refused(format!(
                "{service} does not run, so it cannot move live"
            )));
        }
        Ok(())
    }

    /// The source is there in the boot of its claim, so that it can hand over.
    fn require_heard(&self, source: &MigrationEnd) -> Result<(), Rejected> {
        let state = &self.node(&source.node)?.state;
        let boot = source.boot;
        if *state == (NodeState::Online { boot }) || *state == (NodeState::Leaving { boot }) {
            Ok(())
        } else {
            Err(crate::not_ready(&source.node, state))
        }
    }

    /// No other node may run it, and none may run things that nobody knows of.
    fn require_nothing_elsewhere(&self, service: &ServiceName) -> Result<(), Rejected> {
        let may_run_on = |node: &NodeName| Rejected::MayStillRun {
            service: service.clone(),
            node: node.clone(),
        };
        let seen = self.seen.services.get(service);
        if let Some(stray) = seen.and_then(|seen| seen.strays.keys().next()) {
            return Err(may_run_on(stray));
        }
        if let Some(migration) = self.seen.migrations.get(service) {
            return Err(may_run_on(&migration.to.node));
        }
        let mut nodes = self.seen.nodes.iter();
        let unproven = nodes.find(|(_, node)| node.may_run_anything());
        unproven.map_or(Ok(()), |(node, _)| Err(may_run_on(node)))
    }

    /// Nothing is started under a claim while the other end of a migration may run the service.
    pub(crate) fn require_no_migration(&self, service: &ServiceName) -> Result<(), Rejected> {
        let Some(migration) = self.seen.migrations.get(service) else {
            return Ok(());
        };
        let seen = self.seen.services.get(service);
        let marks = seen.is_some_and(|seen| !seen.strays.is_empty());
        if migration.goes_on() || marks {
            let because = Reason::MovesLive {
                from: migration.from.node.clone(),
                to: migration.to.node.clone(),
            };
            return Err(Rejected::Refused(format!("{service}: {because}")));
        }
        Ok(())
    }

    /// Nothing of a migration is adopted: until both ends are settled, no node gets the claim.
    pub(crate) fn require_migration_over(&self, service: &ServiceName) -> Result<(), Rejected> {
        match self.seen.migrations.get(service) {
            None => Ok(()),
            Some(migration) => Err(Rejected::MayStillRun {
                service: service.clone(),
                node: migration.to.node.clone(),
            }),
        }
    }

    /// The source tells that all has gone.
    pub(crate) fn handed_over(&mut self, place: Place, service: &ServiceName) -> Outcome {
        let Some(migration) = self.leaving(service) else {
            return Err(Rejected::Late(format!("a live move of {service}")));
        };
        let to = migration.to.clone();
        let seen = self.seen.services.get(service);
        let marked = seen.and_then(|seen| seen.strays.get(&to.node));
        let boots = self.boots.get(&to.node);
        let is_over = boots.is_some_and(|boots| boots.ended.contains(&to.boot));
        if marked == Some(&to.boot) && !is_over {
            self.hand_over(place, service);
        } else {
            // It has gone to a boot that is over, or to one that nobody asked.
            let because = Reason::NotMovedLive {
                node: to.node,
                how: "it has rebooted meanwhile".to_string(),
            };
            self.call_off(place, service, Some(because));
        }
        Ok(Applied::Done)
    }

    fn leaving(&self, service: &ServiceName) -> Option<&Migration> {
        let migration = self.seen.migrations.get(service)?;
        (migration.stage == MigrationStage::Leaving).then_some(migration)
    }

    /// The claim becomes the target's, the mark the source's.
    fn hand_over(&mut self, place: Place, service: &ServiceName) {
        let Some(migration) = self.seen.migrations.get_mut(service) else {
            return;
        };
        migration.stage = MigrationStage::Arriving;
        migration.sent = Some(place.index);
        migration.since = place.at;
        let (from, to) = (migration.from.clone(), migration.to.clone());
        let placed_at = self.counts_load().then_some(place.clock);
        self.change_claim(service, |seen, claim| {
            seen.strays.remove(&to.node);
            seen.strays.insert(from.node.clone(), from.boot);
            claim.node = to.node.clone();
            claim.boot = to.boot;
            claim.epoch = ClaimEpoch(place.index);
            claim.phase = Phase::Starting;
            claim.incarnation = 0;
            claim.reload = ReloadSeen::default();
            claim.scope = RestartScope::All;
            claim.resources = Vec::new();
            claim.since = place.at;
            claim.placed_at = placed_at;
            seen.since = place.at;
        });
        let what = Happening::HandedOver {
            service: service.clone(),
            node: from.node,
            to: to.node,
        };
        self.record(place, what);
    }

    /// The source tells that nothing has gone and nothing more goes. Where it still runs there
    /// it goes on; else both ends clear away, and it starts anew.
    pub(crate) fn migration_failed(
        &mut self,
        place: Place,
        service: &ServiceName,
        failure: &ResourceFailure,
    ) -> Outcome {
        let Some(migration) = self.leaving(service) else {
            return Err(Rejected::Late(format!("a live move of {service}")));
        };
        let (source, target) = (migration.from.node.clone(), migration.to.node.clone());
        self.record_failure(place, service, &source, failure);
        let because = Reason::NotMovedLive {
            node: target,
            how: failure.how.clone(),
        };
        let seen = self.seen.services.get(service);
        let claim = seen.and_then(|seen| seen.claim.as_ref());
        let runs = claim.is_some_and(|claim| {
            let mut states = claim.resources.iter().map(|(_, state)| *state);
            states.all(|state| state == ResourceState::Running)
        });
        self.call_off(place, service, (!runs).then_some(because));
        Ok(Applied::Done)
    }

    /// The migration has failed; with a reason the holder of the claim stops the service, too.
    fn call_off(&mut self, place: Place, service: &ServiceName, stops: Option<Reason>) {
        if let Some(migration) = self.seen.migrations.get_mut(service) {
            migration.stage = MigrationStage::CalledOff;
            migration.sent.get_or_insert(place.index);
            migration.since = place.at;
        }
        self.change_claim(service, |seen, claim| {
            seen.times.forget();
            let Some(because) = stops else { return };
            seen.times.begin(Measured::Stop, place.clock);
            claim.goal = Goal::Stop;
            claim.phase = Phase::Stopping;
            claim.because = because;
            claim.since = place.at;
            seen.since = place.at;
        });
    }

    /// The holder tells that all runs.
    pub(crate) fn note_arrival(&mut self, place: Place, service: &ServiceName) {
        let Some(migration) = self.seen.migrations.get_mut(service) else {
            return;
        };
        if migration.stage != MigrationStage::Arriving {
            return;
        }
        migration.stage = MigrationStage::Clearing;
        migration.arrived = true;
        migration.since = place.at;
        let source = migration.from.node.clone();
        self.change_claim(service, |seen, claim| {
            // A later wish for another node stands.
            let target = seen.moving.as_ref().and_then(|moving| moving.to.as_ref());
            if target.is_none_or(|target| *target == claim.node) {
                seen.moving = None;
            }
            seen.last_end = None;
        });
        if plant::is(Plant::SourceNotCleared) {
            self.drop_stray(service, &source);
        }
    }

    /// The holder tells of a failure: one while it takes the service in ends the migration.
    pub(crate) fn note_failed_arrival(
        &mut self,
        place: Place,
        service: &ServiceName,
        failure: &ResourceFailure,
    ) {
        let migration = self.seen.migrations.get(service);
        let arriving = migration.filter(|it| it.stage == MigrationStage::Arriving);
        let Some(node) = arriving.map(|migration| migration.to.node.clone()) else {
            return;
        };
        let how = failure.how.clone();
        self.call_off(place, service, Some(Reason::NotMovedLive { node, how }));
    }

    /// Whether this node may still be sent something, so that what it tells of having cleared
    /// away says nothing yet.
    pub(crate) fn may_still_come(&self, service: &ServiceName, node: &NodeName) -> bool {
        self.leaving(service)
            .is_some_and(|migration| migration.to.node == *node)
    }

    /// Whether the node has handed over and the other end has not told yet how it arrived.
    pub(crate) fn clears_too_early(&self, service: &ServiceName, node: &NodeName) -> bool {
        let migration = self.seen.migrations.get(service);
        let arriving = migration.filter(|it| it.stage == MigrationStage::Arriving);
        arriving.is_some_and(|migration| migration.from.node == *node)
    }

    /// Whether the node is the end of a migration that has no claim.
    pub(crate) fn is_migration_end(&self, service: &ServiceName, node: &NodeName) -> bool {
        let migration = self.seen.migrations.get(service);
        migration.is_some_and(|migration| migration.peer_of(node).is_some())
    }

    /// After each command: what has become of the migrations by what has become of their ends.
    pub(crate) fn settle_migrations(&mut self, place: Place) {
        if self.seen.migrations.is_empty() {
            return;
        }
        let names: Vec<ServiceName> = self.seen.migrations.keys().cloned().collect();
        for service in names {
            self.mark_target_again(&service);
            self.settle_migration(place, &service);
        }
    }

    /// The target's boot is over. What was sent may have come to a later one, of which nobody
    /// has heard yet: a hand-over names a node, and no boot. Its mark then stays for that boot to
    /// clear away, unless the machine was off after all had been sent. Gives the boot in which
    /// the migration began.
    pub(crate) fn may_be_in_a_later_boot(
        &self,
        service: &ServiceName,
        node: &NodeName,
        end: BootEnd,
    ) -> Option<BootId> {
        let migration = self.seen.migrations.get(service)?;
        let was_off = match (end, migration.sent) {
            (BootEnd::Off { asked }, Some(sent)) => sent < asked,
            (BootEnd::Off { .. } | BootEnd::Outlived | BootEnd::Rebooted, _) => false,
        };
        let is_target = migration.to.node == *node;
        (is_target && !migration.arrived && !was_off).then_some(migration.to.boot)
    }

    pub(crate) fn keep_mark(&mut self, service: &ServiceName, node: &NodeName, boot: BootId) {
        if let Some(seen) = self.seen.services.get_mut(service) {
            seen.strays.entry(node.clone()).or_insert(boot);
        }
    }

    /// A target that comes up in another boot while the source still sends may be sent it; one
    /// whose mark was kept has it to clear away.
    fn mark_target_again(&mut self, service: &ServiceName) {
        let Some(migration) = self.seen.migrations.get(service) else {
            return;
        };
        let target = migration.to.node.clone();
        let seen = self.seen.services.get(service);
        let is_marked = seen.is_some_and(|seen| seen.strays.contains_key(&target));
        if !is_marked && migration.stage != MigrationStage::Leaving {
            return;
        }
        let boot = self
            .seen
            .nodes
            .get(&target)
            .and_then(|node| node.state.boot());
        if let (Some(boot), Some(seen)) = (boot, self.seen.services.get_mut(service)) {
            seen.strays.insert(target, boot);
        }
    }

    fn settle_migration(&mut self, place: Place, service: &ServiceName) {
        let Some(migration) = self.seen.migrations.get(service).cloned() else {
            return;
        };
        let nobody = ServiceSeen::default();
        let seen = self.seen.services.get(service).unwrap_or(&nobody);
        let claim = seen.claim.as_ref();
        let holds = |end: &MigrationEnd, goals: &[Goal]| {
            claim.is_some_and(|claim| {
                claim.node == end.node && claim.boot == end.boot && goals.contains(&claim.goal)
            })
        };
        let goes_on = match migration.stage {
            // A source that shall stop may still be sending.
            MigrationStage::Leaving => holds(&migration.from, &[Goal::Run, Goal::Stop]),
            MigrationStage::Arriving | MigrationStage::Clearing => {
                holds(&migration.to, &[Goal::Run])
            }
            MigrationStage::CalledOff => false,
        };
        let is_clear = seen.strays.is_empty();
        let is_of_claim = claim.is_some_and(|claim| claim.epoch == migration.epoch);
        match (goes_on, migration.stage) {
            (true, MigrationStage::Clearing) if is_clear => {
                self.end_migration(place, service, migration, true);
            }
            (true, _) => {}
            // What has failed once is not tried again under the same claim.
            (false, MigrationStage::CalledOff) if is_of_claim || !is_clear => {}
            (false, MigrationStage::CalledOff) if claim.is_none() => {
                self.end_migration(place, service, migration, false);
            }
            (false, MigrationStage::CalledOff) => {}
            (false, _) if claim.is_none() && plant::is(Plant::MigrationUnproven) => {
                for end in [&migration.from, &migration.to] {
                    self.drop_stray(service, &end.node);
                }
                self.end_migration(place, service, migration, false);
            }
            (false, _) => {
                self.call_off(place, service, None);
                self.settle_migration(place, service);
            }
        }
    }

    fn end_migration(
        &mut self,
        place: Place,
        service: &ServiceName,
        migration: Migration,
        arrived: bool,
    ) {
        self.seen.migrations.remove(service);
        let what = Happening::MigrationEnded {
            service: service.clone(),
            node: migration.from.node,
            to: migration.to.node,
            arrived,
        };
        self.record(place, what);
        self.forget_if_over(service);
    }

    /// A person asks for the move anew: what has failed before is tried again.
    pub(crate) fn forget_failed_migration(&mut self, service: &ServiceName) {
        let seen = self.seen.services.get(service);
        let is_clear = seen.is_none_or(|seen| seen.strays.is_empty());
        let migration = self.seen.migrations.get(service);
        if is_clear && migration.is_some_and(|migration| !migration.goes_on()) {
            self.seen.migrations.remove(service);
        }
    }

    /// The boot in which a node may have something of a migration; for checks from outside.
    #[must_use]
    pub fn migration_mark(&self, service: &ServiceName, node: &NodeName) -> Option<BootId> {
        let migration = self.seen.migrations.get(service)?;
        migration.peer_of(node)?;
        self.seen.services.get(service)?.strays.get(node).copied()
    }
}
