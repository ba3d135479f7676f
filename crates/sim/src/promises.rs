//! The promises of the design's first section, as functions. Each looks only at what the
//! last event can have changed. (S3 and S4 are about volumes, which do not exist yet.)

use membership::Event;
use model::operation::ResourceAddress;
use model::roles::RoleSeen;
use model::rules::TicketLoss;
use model::{BootId, FenceId, Instant, NodeId, NodeName, ServiceName};
use node::Lease;
use wire::raft::{Configuration, Entry};

use crate::act::Kind;
use crate::form::{node_id, node_name};
use crate::machine::Power;
use crate::record::Met;
use crate::world::World;

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// A service is active on one node at most.
    S1OneNodePerService,
    /// No more copies of a service are promoted than are wanted.
    S1PromotedAsWanted,
    /// Nothing is beside a promoted copy from which it must be apart.
    ApartFromPromoted,
    /// It starts only where the latest committed word allows it.
    S2StartsOnlyWhenProven,
    /// All nodes apply the same commands in the same order.
    S5OneHistory,
    /// Nothing is decided without quorum.
    S6NothingWithoutQuorum,
    /// When faults stop, everything that can run is running within a bound.
    L1Recovers,
    /// One slow service delays no other.
    L2OneSlowServiceDelaysNoOther,
    /// Nobody is fenced over and over without a person.
    L3NoFenceLoops,
    /// What was acknowledged to a client is in every later log.
    Acknowledged,
    /// Histories of clients could have happened one after the other.
    Linearizable,
    /// A lock has one holder, and each has a higher token than those before.
    OneLockHolder,
    /// Who waits for a lock gets it in the order of asking.
    LocksInOrder,
    /// A run of a daemon is not heard any more after a later one.
    EarlierRunsAreOver,
    /// Time passes.
    Progress,
    /// No assertion in a production crate fails.
    NoPanic,
}

impl Promise {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::S1OneNodePerService,
        Self::S1PromotedAsWanted,
        Self::ApartFromPromoted,
        Self::S2StartsOnlyWhenProven,
        Self::S5OneHistory,
        Self::S6NothingWithoutQuorum,
        Self::L1Recovers,
        Self::L2OneSlowServiceDelaysNoOther,
        Self::L3NoFenceLoops,
        Self::Acknowledged,
        Self::Linearizable,
        Self::OneLockHolder,
        Self::LocksInOrder,
        Self::EarlierRunsAreOver,
        Self::Progress,
        Self::NoPanic,
    ];

    /// The name of the function that checks it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::S1OneNodePerService => "invariant_s1_one_node_per_service",
            Self::S1PromotedAsWanted => "invariant_s1_promoted_as_wanted",
            Self::ApartFromPromoted => "invariant_apart_from_promoted",
            Self::S2StartsOnlyWhenProven => "invariant_s2_starts_only_when_proven",
            Self::S5OneHistory => "invariant_s5_one_history",
            Self::S6NothingWithoutQuorum => "invariant_s6_nothing_without_quorum",
            Self::L1Recovers => "invariant_l1_recovers",
            Self::L2OneSlowServiceDelaysNoOther => "invariant_l2_one_slow_service_delays_no_other",
            Self::L3NoFenceLoops => "invariant_l3_no_fence_loops",
            Self::Acknowledged => "invariant_acknowledged_is_kept",
            Self::Linearizable => "invariant_linearizable",
            Self::OneLockHolder => "invariant_lock_one_holder",
            Self::LocksInOrder => "invariant_locks_in_order",
            Self::EarlierRunsAreOver => "invariant_earlier_runs_are_over",
            Self::Progress => "invariant_time_passes",
            Self::NoPanic => "invariant_no_panic",
        }
    }
}

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub promise: Promise,
    /// When.
    pub at: Instant,
    /// By which event.
    pub event: u64,
    /// What was seen.
    pub what: String,
}

impl World {
    /// After a resource has begun to live.
    pub(crate) fn check_started(&mut self, on: NodeId, address: &ResourceAddress) {
        self.invariant_s1_one_node_per_service(on, address);
        self.invariant_s1_copies_on_one_node(on, address);
        self.invariant_apart_from_promoted(on);
        self.invariant_s2_nothing_of_a_move_remains(address);
        self.invariant_s2_starts_only_when_proven(on, address);
    }

    /// After an entry that ends a claim: nothing of the service is left where it was held.
    pub(crate) fn check_claim_ended(
        &mut self,
        service: &ServiceName,
        (on, boot): (NodeId, BootId),
    ) {
        let machine = self.machine(on);
        let runs = machine.running.keys().any(|it| it.service == *service);
        if machine.boot_id() == boot && runs && !machine.by_hand.contains(service) {
            let what = format!(
                "the claim of {} on {service} has ended, and it still runs there",
                node_name(on)
            );
            self.break_promise(Promise::S2StartsOnlyWhenProven, what);
        }
    }

    /// After a daemon was told something: it knows when its lease has ended.
    pub(crate) fn check_lease(&mut self, id: NodeId) {
        let Some((daemon, local)) = self.awake(id) else {
            return;
        };
        let boundary = daemon.node.boundary(local);
        if boundary.lease == Lease::Held && boundary.lease_until <= local {
            let over = local.saturating_duration_since(boundary.lease_until);
            let what = format!(
                "{} holds its lease, which ended {over:?} ago",
                node_name(id)
            );
            self.break_promise(Promise::S6NothingWithoutQuorum, what);
        }
    }

    /// After a detector has told something: no run of a daemon is heard after a later one.
    pub(crate) fn check_heard(&mut self, by: NodeId, event: &Event) {
        let Event::Alive {
            peer, incarnation, ..
        } = event
        else {
            return;
        };
        let Some(daemon) = &mut self.machines[(by.0 - 1) as usize].daemon else {
            return;
        };
        let latest = daemon.heard.entry(*peer).or_insert(*incarnation);
        if *incarnation < *latest {
            let what = format!(
                "{} hears run {} of {} after run {}",
                node_name(by),
                incarnation.0,
                node_name(*peer),
                latest.0
            );
            return self.break_promise(Promise::EarlierRunsAreOver, what);
        }
        *latest = *incarnation;
    }

    /// After everything that can change what one daemon has applied.
    pub(crate) fn check_daemon(&mut self, id: NodeId) {
        let machine = &self.machines[(id.0 - 1) as usize];
        let Some(daemon) = &machine.daemon else {
            return;
        };
        let applied = daemon.node.applied();
        if applied != daemon.checked {
            self.invariant_s5_one_history(id, applied);
        }
    }

    pub(crate) fn invariant_s1_one_node_per_service(
        &mut self,
        on: NodeId,
        address: &ResourceAddress,
    ) {
        let other = self.machines.iter().find(|machine| {
            machine.id != on
                && !machine.by_hand.contains(&address.service)
                && machine
                    .running
                    .keys()
                    .any(|running| running.service == address.service)
        });
        if let Some(other) = other.map(|machine| machine.id) {
            let what = format!(
                "{} runs on {} and on {}",
                address.service,
                node_name(other),
                node_name(on)
            );
            self.break_promise(Promise::S1OneNodePerService, what);
        }
    }

    /// By the latest committed word, the right to run it is this node's, in this boot. The
    /// word itself was accepted only with the proofs that S2 names; the state checks them.
    fn invariant_s2_starts_only_when_proven(&mut self, on: NodeId, address: &ResourceAddress) {
        let machine = &self.machines[(on.0 - 1) as usize];
        let service = self.record.state().seen().services.get(&address.service);
        let claim = service.and_then(|seen| seen.claim.as_ref());
        let is_own = claim.is_some_and(|c| c.node == machine.name && c.boot == machine.boot_id());
        if !is_own {
            let holder = claim.map_or("nobody".to_string(), |claim| {
                format!("{} in boot {}", claim.node, claim.boot)
            });
            let what = format!(
                "{address} starts on {} in boot {}, and the claim is that of {holder}",
                machine.name,
                machine.boot_id()
            );
            self.break_promise(Promise::S2StartsOnlyWhenProven, what);
        }
    }

    /// A boot that counts as ended, by the word of a device or because its watchdog was waited
    /// for, has ended: services of it start elsewhere. Only a device that lies is excused.
    fn invariant_s2_the_ended_are_off(&mut self) {
        let Some((name, boot)) = self.record.ended() else {
            return;
        };
        let machine = self.machines.iter().find(|machine| machine.name == *name);
        let lives = machine.is_some_and(|m| m.power != Power::Off && m.boot_id() == *boot);
        if lives && !self.counts.faults.contains_key(&Kind::Liar) {
            let what = format!("{name} counts as ended in boot {boot}, and lives");
            self.break_promise(Promise::S2StartsOnlyWhenProven, what);
        }
    }

    /// What a node has applied is what all others have; what nobody had before is taken into
    /// the record, if it was committed rightly.
    fn invariant_s5_one_history(&mut self, id: NodeId, applied: u64) {
        let place = (id.0 - 1) as usize;
        let Some(daemon) = &self.machines[place].daemon else {
            return;
        };
        let from = daemon.checked;
        let mut news = Vec::new();
        for index in from + 1..=applied {
            let Some(entry) = daemon.node.raft().entry(index) else {
                continue;
            };
            match self.record.meet(entry) {
                Met::Same => {}
                Met::New => news.push(entry.clone()),
                Met::Differs => {
                    let what = format!("entry {index} on {} is another one", node_name(id));
                    return self.break_promise(Promise::S5OneHistory, what);
                }
                Met::Gap if !news.is_empty() => news.push(entry.clone()),
                Met::Gap => return self.jump(place, applied),
            }
        }
        let within: Vec<Configuration> = news
            .iter()
            .filter_map(|entry| entry.payload.configuration().cloned())
            .collect();
        for entry in news {
            self.learn(id, &entry, &within);
        }
        if self.record.last() < applied {
            let what = format!("{} has applied {applied} before anybody", node_name(id));
            self.break_promise(Promise::S5OneHistory, what);
        }
        self.compare_state(place, from, applied);
    }

    /// A node has committed so much at once that its log forgot the beginning before anybody
    /// could look: its state is taken for the true one, and all others are compared with it.
    fn jump(&mut self, place: usize, applied: u64) {
        let Some(daemon) = &mut self.machines[place].daemon else {
            return;
        };
        daemon.checked = applied;
        let configuration = daemon.node.raft().configuration().clone();
        self.record.jump(
            daemon.node.state().clone(),
            (applied, self.now),
            configuration,
        );
        self.watch_claims();
        self.jump_locks();
    }

    fn compare_state(&mut self, place: usize, from: u64, applied: u64) {
        let id = self.machines[place].id;
        let Some(daemon) = &mut self.machines[place].daemon else {
            return;
        };
        // What came by a snapshot cannot be compared entry by entry.
        daemon.is_restored |= daemon.node.raft().entry(from + 1).is_none();
        daemon.checked = applied;
        if daemon.is_restored && applied == self.record.last() {
            daemon.is_restored = false;
            if daemon.node.state() != self.record.state() {
                let what = format!("the state of {} differs at {applied}", node_name(id));
                self.break_promise(Promise::S5OneHistory, what);
            }
        }
    }

    fn learn(&mut self, by: NodeId, entry: &Entry, within: &[Configuration]) {
        self.invariant_s6_nothing_without_quorum(by, entry, within);
        let news = self.record.take(entry, self.now);
        if self.trace.is_kept() {
            for line in news {
                self.trace.tale(self.now, None, || line);
            }
        }
        self.counts.outlived += u64::from(self.record.has_outlived());
        self.invariant_s2_the_ended_are_off();
        if self.record.has_fenced() {
            self.invariant_l3_no_fence_loops();
        }
        self.watch_claims();
        self.watch_migrations();
        self.check_demoted();
        self.watch_locks();
    }

    /// Every entry that counts as committed is, for certain, on the disks of a majority of
    /// the voters.
    fn invariant_s6_nothing_without_quorum(
        &mut self,
        by: NodeId,
        entry: &Entry,
        within: &[Configuration],
    ) {
        let machine = &self.machines[(by.0 - 1) as usize];
        let Some(daemon) = &machine.daemon else {
            return;
        };
        // Entries count as committed by the voters of the leader's log as it was then: those
        // that were known before, or of an entry that became committed with this one, or of
        // one that the leader has added since.
        let in_force = daemon.node.raft().configuration();
        let is_enough = |configuration: &Configuration| {
            configuration.majority() <= self.holders(configuration, entry)
        };
        if is_enough(in_force)
            || is_enough(self.record.configuration())
            || within.iter().any(is_enough)
        {
            return;
        }
        let (holders, needed) = (self.holders(in_force, entry), in_force.majority());
        let what = format!(
            "{} counts entry {} as committed with {holders} copies of {needed} needed",
            node_name(by),
            entry.index
        );
        self.break_promise(Promise::S6NothingWithoutQuorum, what);
    }

    /// How many of the voters have the entry on disk.
    fn holders(&self, configuration: &Configuration, entry: &Entry) -> usize {
        let holders = configuration.voters.iter().filter(|voter| {
            let machine = self.machines.get((voter.0 - 1) as usize);
            machine.is_some_and(|machine| machine.disk.holds(entry.index, entry.term))
        });
        holders.count()
    }

    /// No node is shot that is not lost, by a word that is as new as the executor's asking, and
    /// not too old. (By the very latest cannot be promised: one may be committed while the
    /// answer is on its way.)
    pub(crate) fn check_fence(&mut self, by: NodeId, id: FenceId, target: &NodeName) {
        let machine = &self.machines[(by.0 - 1) as usize];
        let daemon = machine.daemon.as_ref();
        let local = machine.clock.local(self.now);
        let asked = daemon.and_then(|daemon| daemon.node.fence_word_asked(id));
        let holds = node::FENCE_WORD_HOLDS.as_nanos() as u64;
        let oldest = Instant(local.0.saturating_sub(holds));
        let moment = machine.clock.truly(asked.unwrap_or(local).max(oldest));
        if self.record.is_lost_after(target, moment) {
            return;
        }
        let seen = self.record.state().seen().nodes.get(target);
        let state = seen.map_or("no member".to_string(), |seen| {
            seen.state.word().to_string()
        });
        let what = format!("{target} is fenced although the latest word is that it is {state}");
        self.break_promise(Promise::S6NothingWithoutQuorum, what);
    }

    /// Nobody is fenced more often than the brake allows, counted since a person vouched.
    /// A run takes less than an hour of true time, so all of them count.
    fn invariant_l3_no_fence_loops(&mut self) {
        let max = self.setup.spec.cluster.fences_per_hour_max as usize;
        let over = self.record.fenced().find(|(_, times)| max < *times);
        if let Some((name, times)) = over {
            let what = format!("{name} was fenced {times} times, {max} are allowed");
            self.break_promise(Promise::L3NoFenceLoops, what);
        }
    }

    /// Whether it waits for the target of a live move that is off for good: what was sent may be
    /// in a boot that nobody has heard of, and only that node, or a person who takes it out, can
    /// end the wait (ADR 10).
    fn waits_for_target(&self, name: &model::ServiceName) -> bool {
        let seen = self.record.state().seen();
        let Some(migration) = seen.migrations.get(name) else {
            return false;
        };
        let target = &migration.to.node;
        let service = seen.services.get(name);
        let is_marked = service.is_some_and(|service| service.strays.contains_key(target));
        let mut machines = self.machines.iter();
        let is_off = |machine: &crate::machine::Machine| {
            machine.name == *target && machine.power == crate::machine::Power::Off
        };
        is_marked && machines.any(is_off)
    }

    /// Whether all that is wanted runs, in the log and in truth, but for one service.
    pub(crate) fn all_runs_but(&self, without: Option<&model::ServiceName>) -> Result<(), String> {
        let state = self.record.state();
        let Some(spec) = state.spec() else {
            return Err("there is no spec".into());
        };
        for (name, wanted) in spec.running_names() {
            if Some(&*name) == without || self.has_no_place(&name) || self.waits_for_target(&name) {
                continue;
            }
            if self
                .lacks_ticket(wanted)
                .is_some_and(|it| it != TicketLoss::Demote)
            {
                self.is_gone_without_ticket(&name)?;
                continue;
            }
            let seen = state.seen().services.get(&*name);
            let claim = seen.and_then(|seen| seen.claim.as_ref());
            let Some(claim) = claim.filter(|c| c.phase == model::seen::Phase::Running) else {
                return Err(format!("{name} does not run in the log"));
            };
            let id = node_id(claim.node.as_str());
            let machine = id.and_then(|id| self.machines.get((id.0 - 1) as usize));
            let running = machine.map_or(0, |machine| {
                let is_on = machine.power == Power::On;
                let running = machine.running.keys().filter(|a| a.service == *name);
                if is_on { running.count() } else { 0 }
            });
            let roles = wanted.rules.roles.as_ref();
            let apart = match claim.role {
                RoleSeen::Promoted => 0,
                RoleSeen::Unpromoted | RoleSeen::Promoting | RoleSeen::Demoting => {
                    roles.map_or(0, |roles| roles.while_promoted.len())
                }
            };
            if running != wanted.resources.len() - apart {
                return Err(format!("{name} runs on {} in the log only", claim.node));
            }
            self.runs_nowhere_else(&name, id)?;
        }
        self.settings_are_live(without)?;
        self.roles_are_filled(without)
    }
}
