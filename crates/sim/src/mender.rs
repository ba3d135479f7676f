//! When the faults have ended: cables are whole, machines are switched on, and people take
//! back what they ordered and settle where tickets are. Then everything that can run must run, within a bound (L1).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::seen::{Maintenance, NodeState, Phase, Standby, Wish};
use model::{Instant, NodeId, NodeName};

use crate::act::{Order, Weather, Wrong};
use crate::disk::{Disk, Health};
use crate::dogs::Devices;
use crate::form::node_id;
use crate::machine::Power;
use crate::promises::Promise;
use crate::world::{Event, Switch, World};

/// How often people look.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A node that stays lost for so many looks is switched off and vouched for by a person:
/// the brake against fence loops has stopped the cluster from doing it.
const LOST_LOOKS: u32 = 10;

/// The same where watchdogs must be waited out, which takes longer.
const LOST_LOOKS_WITHOUT_DEVICES: u32 = 50;

/// It is kept off for so many looks, in which the log can hear of it.
const OFF_LOOKS: u32 = 8;

/// By then everything must run. What is seen stays far below; see docs/simulator.md.
pub(crate) const RECOVERED_WITHIN: Duration = Duration::from_secs(60);

/// The same while one service hangs in its start: the others must run.
pub(crate) const OTHERS_WITHIN: Duration = Duration::from_secs(30);

/// A start that hung ends so soon once its cause is gone.
const HUNG_ENDS: Duration = Duration::from_millis(100);

/// How far the recovery is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Faults go on.
    #[default]
    Faults,
    /// All but the slow service must come up.
    Others,
    /// All must come up.
    All,
    /// All runs.
    Recovered,
    /// A majority of the voters has lost its log: nothing can be decided ever again.
    Hopeless,
}

#[derive(Debug, Default)]
pub(crate) struct Mender {
    pub stage: Stage,
    pub since: Instant,
    pub others_took: Option<Duration>,
    pub all_took: Option<Duration>,
    lost_looks: BTreeMap<NodeName, u32>,
    /// What was last ordered, and at which look: not every time anew.
    ordered: BTreeMap<String, u32>,
    looks: u32,
}

/// The same order is not given again before so many looks have passed.
const ORDER_AGAIN: u32 = 4;

impl World {
    /// The end of all faults.
    pub(crate) fn begin_mend(&mut self) {
        self.wires.heal();
        self.wires.weather = Weather::default();
        self.switches.fill(Switch::default());
        self.witness.cut.clear();
        self.shared.cut.clear();
        (self.shared.is_lost, self.shared.slow_by) = (false, Duration::ZERO);
        self.start_witness();
        self.plug_all_in();
        let slow = self.setup.slow.clone();
        for machine in &mut self.machines {
            machine.disk.slow_by = Duration::ZERO;
            machine.wrongs.clear();
            if let Some(slow) = &slow {
                machine.wrongs.insert(slow.clone(), Wrong::StartHangs);
            }
        }
        self.mender.since = self.now;
        self.mender.stage = if slow.is_some() {
            Stage::Others
        } else {
            Stage::All
        };
        self.trace
            .tale(self.now, None, || "> all faults end".into());
        self.put(Duration::ZERO, Event::Mend);
    }

    pub(crate) fn mend(&mut self) {
        self.mender.looks += 1;
        self.switch_on();
        self.end_what_waits();
        self.judge_recovery();
        if matches!(self.mender.stage, Stage::Recovered | Stage::Hopeless) {
            return;
        }
        if let Some(contact) = self.contact() {
            for order in self.orders_to_take_back() {
                let looks = self.mender.looks;
                let key = order.to_string();
                let last = self.mender.ordered.get(&key);
                if last.is_none_or(|last| last + ORDER_AGAIN <= looks) {
                    self.mender.ordered.insert(key, looks);
                    self.order(contact, &order);
                }
            }
        }
        self.put(LOOK_EVERY, Event::Mend);
    }

    fn switch_on(&mut self) {
        let kept_off = self.vouch_for_lost();
        for place in 0..self.machines.len() {
            let id = NodeId(place as u64 + 1);
            if self.machines[place].disk.health == Health::Rotten {
                // It waits for a new disk.
                self.power_off(id);
            } else if !kept_off.contains(&id) {
                self.boot(id);
                self.start_daemon(id);
            }
        }
    }

    /// Nodes that stay lost are switched off by a person who says so; they stay off until
    /// the log has heard it.
    fn vouch_for_lost(&mut self) -> Vec<NodeId> {
        let state = self.record.state();
        let nodes = &state.seen().nodes;
        let lost: Vec<NodeName> = nodes
            .iter()
            .filter(|(_, node)| matches!(node.state, NodeState::Lost { .. }))
            .map(|(name, _)| name.clone())
            .collect();
        self.mender.lost_looks.retain(|name, _| lost.contains(name));
        let mut kept_off = Vec::new();
        for name in lost {
            let patience = match self.record.state().lease_and_bound(&name) {
                Some(_) if self.setup.devices != Devices::Work => LOST_LOOKS_WITHOUT_DEVICES,
                Some(_) | None => LOST_LOOKS,
            };
            let looks = self.mender.lost_looks.entry(name.clone()).or_default();
            *looks += 1;
            if *looks < patience {
                continue;
            }
            if patience + OFF_LOOKS < *looks {
                // Nobody can decide without it: it is switched on again.
                *looks = 0;
                continue;
            }
            if let Some(id) = node_id(name.as_str()) {
                self.power_off(id);
                kept_off.push(id);
            }
        }
        kept_off
    }

    /// Somebody who leads.
    pub(crate) fn contact(&self) -> Option<NodeId> {
        let leads = self.machines.iter().find(|machine| {
            let local = machine.clock.local(self.now);
            let daemon = machine.daemon.as_ref();
            machine.power == Power::On
                && daemon.is_some_and(|daemon| daemon.node.raft().is_quorate(local))
        });
        leads.map(|machine| machine.id)
    }

    fn orders_to_take_back(&self) -> Vec<Order> {
        let state = self.record.state();
        let seen = state.seen();
        let mut orders = self.tickets_to_settle();
        if seen.maintenance == Maintenance::On {
            orders.push(Order::MaintenanceOff);
        }
        for (name, node) in &seen.nodes {
            if node.standby != Standby::Off {
                orders.push(Order::Online(name.clone()));
            }
            if matches!(node.state, NodeState::Lost { .. }) {
                orders.push(Order::Confirm(name.clone()));
            }
        }
        for (name, service) in &seen.services {
            if matches!(service.wish, Wish::Stop { .. }) {
                orders.push(Order::Start(name.clone()));
            }
            if service.frozen == Maintenance::On {
                orders.push(Order::Thaw(name.clone()));
            }
            let is_stuck = service
                .claim
                .as_ref()
                .is_some_and(|claim| matches!(claim.phase, Phase::StopFailed(_)));
            let is_slow =
                self.mender.stage == Stage::Others && self.setup.slow.as_ref() == Some(name);
            let is_left = self.waits_for_a_person(name, service);
            if (!service.barred.is_empty() || is_stuck || is_left) && !is_slow {
                orders.push(Order::Clear(name.clone()));
            }
        }
        orders
    }

    fn judge_recovery(&mut self) {
        let took = self.now.saturating_duration_since(self.mender.since);
        match self.mender.stage {
            Stage::Others => {
                let slow = self.setup.slow.clone();
                match self.all_runs_but(slow.as_ref()) {
                    Ok(()) => {
                        self.mender.others_took = Some(took);
                        self.mender.stage = Stage::All;
                        self.mender.since = self.now;
                        self.end_hangs();
                    }
                    Err(why) if OTHERS_WITHIN < took => {
                        self.too_late(Promise::L2OneSlowServiceDelaysNoOther, why);
                    }
                    Err(_) => {}
                }
            }
            Stage::All => match self.all_runs_but(None).and_then(|()| self.all_online()) {
                Ok(()) => {
                    self.mender.all_took = Some(took);
                    self.mender.stage = Stage::Recovered;
                    self.trace.tale(self.now, None, || "all runs".into());
                }
                Err(why) if RECOVERED_WITHIN < took => self.too_late(Promise::L1Recovers, why),
                Err(_) => {}
            },
            Stage::Faults | Stage::Recovered | Stage::Hopeless => {}
        }
    }

    /// The hands do all right from now on: what hung comes to its end.
    fn end_hangs(&mut self) {
        for place in 0..self.machines.len() {
            let machine = &mut self.machines[place];
            machine.wrongs.clear();
            let run = machine.daemon.as_ref().map_or(0, |daemon| daemon.run);
            let on = machine.id;
            for (_, operation) in std::mem::take(&mut machine.hanging) {
                self.put(HUNG_ENDS, Event::Ended { on, run, operation });
            }
        }
    }

    fn all_online(&self) -> Result<(), String> {
        for machine in &self.machines {
            let seen = self.record.state().seen().nodes.get(&machine.name);
            let is_online = seen.is_some_and(|n| matches!(n.state, NodeState::Online { .. }));
            if machine.disk.health == Health::Sound && !is_online {
                return Err(format!("{} is not online", machine.name));
            }
        }
        Ok(())
    }

    fn too_late(&mut self, promise: Promise, why: String) {
        if self.is_hopeless() {
            self.mender.stage = Stage::Hopeless;
            return;
        }
        self.tell_states();
        let span = self.now.saturating_duration_since(self.mender.since);
        let what = format!("{why}, {span:?} after the last fault");
        self.break_promise(promise, what);
    }

    /// Whether too many of those who decide have lost their logs. Which voters decide may be
    /// open: a change of them that only some have in their logs counts there, and while it does
    /// those before have their say too.
    fn is_hopeless(&self) -> bool {
        let is_dead = |voters: &BTreeSet<NodeId>| {
            let sound = voters.iter().filter(|voter| {
                let machine = self.machines.get((voter.0 - 1) as usize);
                machine.is_some_and(|machine| self.can_vote(&machine.disk))
            });
            // Who begins anew knows no voters yet.
            !voters.is_empty() && sound.count() * 2 <= voters.len()
        };
        let daemons = self.machines.iter().filter_map(|m| m.daemon.as_ref());
        let mut known = daemons.flat_map(|daemon| daemon.node.raft().electorates());
        is_dead(&self.record.configuration().voters)
            || known.any(is_dead)
            || self.newest_history_is_lost()
    }

    /// Not without its log, nor while it is bound to a candidate that has lost its own: nobody
    /// knows whether that one had won.
    fn can_vote(&self, disk: &Disk) -> bool {
        let is_sound = |disk: &Disk| disk.health == Health::Sound;
        let candidate = disk.stable.hard_state.pledge.map(|it| it.candidate);
        let candidate = candidate.and_then(|it| self.machines.get((it.0 - 1) as usize));
        is_sound(disk) && candidate.is_none_or(|it| is_sound(&it.disk))
    }

    /// Whether somebody has won a forced change, and its first entry is on rotten disks only.
    /// The old history has ended with the pledges, and nobody may lead one whose beginning it
    /// lacks: only a person can tell that nothing in it was acknowledged.
    fn newest_history_is_lost(&self) -> bool {
        let disks = || self.machines.iter().map(|machine| &machine.disk);
        let generation = |disk: &Disk| disk.stable.hard_state.lineage.generation;
        let newest = disks().map(generation).max().unwrap_or_default();
        let mut beginnings = disks()
            .filter(|disk| disk.begins_generation(newest))
            .peekable();
        // One that is nowhere was never written down, which is a defect and no bad luck.
        beginnings.peek().is_some() && beginnings.all(|disk| disk.health == Health::Rotten)
    }

    /// For those who look for the cause: how each node is.
    pub(crate) fn tell_states(&mut self) {
        for place in 0..self.machines.len() {
            let machine = &self.machines[place];
            let seen = self.record.state().seen().nodes.get(&machine.name);
            let log = seen.map_or("no member", |node| node.state.word());
            let mut words = format!("= {:?}, in the log {log}", machine.power);
            if let Some(daemon) = &machine.daemon {
                let raft = daemon.node.raft();
                let configuration = raft.configuration();
                words.push_str(&format!(
                    ", run {}, lineage {:?}, {:?} in term {}, entries to {}, committed {}, voters {:?}, learners {:?}",
                    daemon.run,
                    raft.lineage(),
                    raft.role(),
                    raft.term(),
                    raft.last_index(),
                    raft.commit(),
                    configuration.voters,
                    configuration.learners,
                ));
            }
            let id = machine.id;
            self.trace.story(self.now, Some(id), || words);
        }
        let services = &self.record.state().seen().services;
        for (name, seen) in services.clone() {
            let words = format!("= {name}: {seen:?}");
            self.trace.story(self.now, None, || words);
        }
    }
}
