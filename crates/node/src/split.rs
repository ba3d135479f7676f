//! Even splits: what this node tells `quorum::half`, and what it does of what that wants.
//!
//! The facts are made of the log (voters, arbiters, what runs where), of the detector (who is
//! lost) and of this run (whether it has standing). The orders are fences outside the log,
//! asks for a grant, and the forced change itself. Nothing here decides: `quorum` does.

use std::collections::{BTreeMap, BTreeSet};

use model::plant::{self, Plant};
use model::seen::{FenceResult, NodeState};
use model::{BootId, DeviceName, FenceId, Instant, Lineage, NodeId, NodeName};
use quorum::arbiter::Answer;
use quorum::half::{
    Condition, Devices, Facts, Half, Leadership, Method, Other, Proof, Standing, Waits,
};
use quorum::race::{Reach, Side, Turn, goes_first, weight};
use quorum::{bound, half};
use raft::{Arbiter, Forcing};

use crate::liveness::Liveness;
use crate::node::{Node, Output};

/// The window of L3, in which fences of a node are counted.
const HOUR: std::time::Duration = std::time::Duration::from_secs(3600);

/// Attempts that are remembered. The half has one at a time for each absent voter, and gives
/// up those that say nothing; older results are void anyway.
const ATTEMPTS_MAX: usize = 128;

/// A leader has answers to several heartbeats in this part of the election time-out.
const SILENCE_SHARE: u32 = 2;

/// Who wants a node fenced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FenceAsker {
    /// An entry of the log.
    Log(FenceId),
    /// The half that is left, outside the log.
    Half {
        /// Names the attempt.
        attempt: u64,
        /// Switch it off, or only look.
        method: Method,
    },
}

/// What this node knows and does about even splits.
#[derive(Debug, Default)]
pub(crate) struct Split {
    half: Half,
    /// The log has shown this run as up and as voter, under a leader (rules 1 and 4).
    is_proven: bool,
    /// What confirmed, by target, for the log's own fence of the same boot.
    devices: BTreeMap<NodeId, DeviceName>,
    /// Members that others hear in a newer boot than we do, until we hear ourselves.
    pub(crate) relayed: BTreeSet<NodeId>,
    /// Attempts to fence that have not ended, and whom: at most one per voter, and those
    /// whose result was lost.
    attempts: BTreeMap<u64, NodeId>,
    /// The latest term in which a leader of this lineage is known.
    led_term: u64,
    /// When the latest echo was sent that a ping target has answered.
    echoed: Option<Instant>,
    /// Whether the half knows that nothing is to be done.
    rests: bool,
}

/// How this node stands when half of the voters are gone, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuorumView {
    /// The history of the log.
    pub lineage: Lineage,
    /// Who votes, by the latest configuration.
    pub voters: Vec<(NodeId, VoterView)>,
    /// Who decides between two halves: one, or the old and the new while it changes.
    pub arbiters: Vec<Arbiter>,
    /// Whether a quorate leader is known.
    pub leadership: Leadership,
    /// Whether this run may take part in a forced change.
    pub standing: Standing,
    /// What stands in the way, if a forced change would help.
    pub waits: Vec<Waits>,
}

/// How a voter looks from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoterView {
    /// This node.
    Here,
    /// Heard.
    Heard,
    /// Its daemon is closed, its machine lives.
    DaemonDown,
    /// Silent for too long.
    Lost,
    /// Neither heard nor lost yet.
    Unknown,
}

impl Node {
    /// Looks whether this node has to do with an even split, and does what follows.
    pub(crate) fn tend_split(&mut self, now: Instant) {
        self.note_standing();
        let leadership = self.half_leadership(now);
        let rests = leadership == Leadership::Quorate;
        if rests && self.split.rests {
            return;
        }
        self.split.rests = rests;
        if let Some(facts) = self.facts(leadership) {
            self.split.half.handle_facts(facts, now);
        }
        self.drain_half(now);
    }

    /// A fence outside the log has ended.
    pub(crate) fn half_fence_ended(
        &mut self,
        (attempt, method): (u64, Method),
        result: FenceResult,
        now: Instant,
    ) {
        let Some(target) = self.split.attempts.remove(&attempt) else {
            return;
        };
        let result = match result {
            FenceResult::Confirmed { device } if !self.believes(&device) => {
                half::FenceResult::Failed
            }
            FenceResult::Confirmed { device } => {
                self.split.devices.insert(target, device);
                half::FenceResult::Off
            }
            FenceResult::ConfirmedByOperator { .. }
            | FenceResult::Rebooted
            | FenceResult::OutlivedWatchdog { .. } => half::FenceResult::Failed,
            FenceResult::Failed { .. } => match method {
                Method::AskStatus => half::FenceResult::On,
                Method::SwitchOff => half::FenceResult::Failed,
            },
        };
        self.split.half.handle_fence_ended(attempt, result, now);
    }

    /// An arbiter has answered.
    pub fn handle_grant(
        &mut self,
        arbiter: &Arbiter,
        (number, answer): (u64, Answer),
        now: Instant,
    ) {
        self.split.half.handle_answer(arbiter, number, answer, now);
        self.advance(now);
    }

    /// A ping target has answered an echo that was sent at `echoed`, by this node's clock.
    /// Advice for the fence race; never proof of anything.
    pub fn set_reach(&mut self, echoed: Instant, now: Instant) {
        let latest = self.split.echoed.max(Some(echoed));
        if self.split.echoed == latest {
            return;
        }
        self.split.echoed = latest;
        if self.wants_reach() {
            self.advance(now);
        }
    }

    /// Whether an answer of a ping target would end a wait: they should be asked at once.
    #[must_use]
    pub fn wants_reach(&self) -> bool {
        let waits = self.split.half.waits().iter();
        let mut answers = waits.filter(|wait| matches!(wait, Waits::Reach { .. }));
        answers.next().is_some()
    }

    /// A member is heard, in this boot.
    pub(crate) fn split_hears(&mut self, peer: NodeId, boot: BootId, now: Instant) {
        self.split.relayed.remove(&peer);
        self.end_vouch_of(peer, now);
        self.split.half.handle_heard(peer, boot, now);
    }

    /// Another member hears a newer boot of this one than we do: what was proven of the old
    /// one is void (rule 3).
    pub(crate) fn split_hears_of(&mut self, peer: NodeId, now: Instant) {
        self.split.relayed.insert(peer);
        self.end_vouch_of(peer, now);
        // Only that it is another one matters.
        self.split.half.handle_heard(peer, BootId::default(), now);
    }

    /// Somebody leads in this term.
    pub(crate) fn split_sees_leader(&mut self) {
        self.split.led_term = self.split.led_term.max(self.raft.term());
    }

    pub(crate) fn split_timeout(&mut self, now: Instant) {
        self.split.half.handle_timeout(now);
    }

    /// This node has won a forced change.
    pub(crate) fn split_has_forced(&mut self, lineage: Lineage) {
        // Terms in which the old history was led say nothing of the new one.
        self.split.led_term = self.raft.term();
        self.outputs.push_back(Output::Forced(lineage));
    }

    pub(crate) fn split_deadline(&self) -> Option<Instant> {
        self.split.half.next_deadline()
    }

    /// What has proven this boot of the node off already, if anything has.
    pub(crate) fn proven_off(
        &self,
        target: &NodeName,
        boot: Option<BootId>,
    ) -> Option<FenceResult> {
        let id = self.state.node_id(target)?;
        match self.split.half.confirmed(id, boot?)? {
            Proof::Device => {
                let device = self.split.devices.get(&id)?.clone();
                Some(FenceResult::Confirmed { device })
            }
            Proof::WatchdogWaitedOut { waited } => {
                // The half may not have known yet of a longer lease or bound.
                let needed = self.watchdog_bound(target)?;
                (needed <= waited).then_some(FenceResult::OutlivedWatchdog { waited })
            }
        }
    }

    /// How this node stands, for people.
    #[must_use]
    pub fn quorum_view(&self, now: Instant) -> QuorumView {
        let voters = self.raft.configuration().voters.iter();
        QuorumView {
            lineage: self.raft.lineage(),
            voters: voters.map(|id| (*id, self.voter_view(*id))).collect(),
            arbiters: self.raft.arbiters(),
            leadership: self.leadership(now),
            standing: self.standing(),
            waits: self.split.half.waits().to_vec(),
        }
    }

    fn voter_view(&self, id: NodeId) -> VoterView {
        if id == self.config.id {
            return VoterView::Here;
        }
        match self.condition(id) {
            Condition::Alive { .. } => VoterView::Heard,
            Condition::DaemonDown => VoterView::DaemonDown,
            Condition::Lost { .. } => VoterView::Lost,
            Condition::Unknown => VoterView::Unknown,
        }
    }

    /// Rules 1 and 4. The entry that shows this run was made after a leader heard it in this
    /// run, so having applied it says all three: up, known to a leader, and spoken to.
    fn note_standing(&mut self) {
        let is_voter = self.raft.configuration().voters.contains(&self.config.id);
        if !is_voter {
            self.split.is_proven = false;
        } else if self.is_caught_up() {
            self.split.is_proven = true;
        }
        let standing = match self.standing() {
            // A person's word is standing enough.
            _ if self.has_vouched() => raft::Standing::Given,
            Standing::Proven => raft::Standing::Given,
            Standing::Unproven => raft::Standing::Absent,
        };
        self.raft.set_standing(standing);
    }

    fn standing(&self) -> Standing {
        let skips = plant::is(Plant::UnprovenForces);
        match skips || self.split.is_proven && self.tending.stays() {
            true => Standing::Proven,
            false => Standing::Unproven,
        }
    }

    /// Whether this half should ask first, as far as this node knows what runs where.
    #[must_use]
    pub fn turn(&self, now: Instant) -> Turn {
        let facts = self.facts(self.half_leadership(now));
        facts.map_or(Turn::First, |facts| facts.turn)
    }

    /// The boot of a node that a fence must end: the newest that is known. None where what is
    /// heard and what the log has differ.
    #[must_use]
    pub fn boot_to_end(&self, target: &NodeName) -> Option<BootId> {
        let seen = self.state.seen().nodes.get(target)?;
        let logged = seen.state.boot()?;
        let heard = self.runs.get(&seen.id).map(|(boot, _)| *boot);
        heard.is_none_or(|heard| heard == logged).then_some(logged)
    }

    /// Whether a quorate leader is known.
    #[must_use]
    pub fn leadership(&self, now: Instant) -> Leadership {
        let leads = match self.leader {
            Some(leader) if leader == self.config.id => self.raft.is_quorate(now),
            // A voter soon gives up a leader that is silent. A learner never does.
            Some(_) => self.raft.last_contact(now).is_some_and(|at| {
                now.saturating_duration_since(at) < 2 * self.raft.election_timeout()
            }),
            None => false,
        };
        if leads {
            Leadership::Quorate
        } else {
            Leadership::Absent
        }
    }

    /// As [`Self::leadership`], but a leader that knows its majority to be gone need not wait
    /// until its time is over, as the log does not wait for it either. Who is lost and answers
    /// the log all the same is not gone.
    fn half_leadership(&self, now: Instant) -> Leadership {
        let answered = self.raft.last_contact(now).unwrap_or_default();
        let is_silent =
            self.raft.election_timeout() / SILENCE_SHARE < now.saturating_duration_since(answered);
        if self.is_leader() && is_silent && !self.raft.is_majority(|voter| !self.is_lost(voter)) {
            return Leadership::Absent;
        }
        self.leadership(now)
    }

    fn is_lost(&self, voter: NodeId) -> bool {
        voter != self.config.id && matches!(self.condition(voter), Condition::Lost { .. })
    }

    /// None before this node has a spec.
    fn facts(&self, leadership: Leadership) -> Option<Facts> {
        let spec = self.state.spec()?;
        let electors: BTreeSet<NodeId> = self.raft.electorates().flatten().copied().collect();
        let others: BTreeMap<NodeId, Other> = electors
            .iter()
            .filter(|voter| **voter != self.config.id)
            .map(|voter| (*voter, self.other(*voter)))
            .collect();
        let is_here = |voter: &NodeId| {
            let other = others.get(voter);
            other.is_none_or(|other| matches!(other.condition, Condition::Alive { .. }))
        };
        let voters = self.voters_in_question(is_here)?.clone();
        let (here, there): (Vec<NodeId>, Vec<NodeId>) = voters.iter().copied().partition(is_here);
        let arbiters = self.raft.arbiters();
        let fences_decide = arbiters.iter().all(|arbiter| *arbiter == Arbiter::Fence);
        let joining = electors.difference(&voters).copied();
        let joining = joining.filter(|voter| fences_decide && is_here(voter));
        let (ours, theirs) = (self.side(&here), self.side(&there));
        Some(Facts {
            me: self.config.id,
            run: self.config.run,
            lineage: self.raft.lineage(),
            term: self.raft.term(),
            led_term: self.led_term(),
            joining: joining.collect(),
            voters,
            arbiters,
            // It may grant, and can never force: a fence by it would serve nobody.
            standing: match self.raft.holds_lineage() {
                true => self.standing(),
                false => Standing::Unproven,
            },
            leadership,
            maintenance: self.state.seen().maintenance,
            weight: ours.as_ref().map_or(0, |side| side.weight),
            turn: match (&ours, &theirs) {
                (Some(ours), Some(theirs)) => goes_first(ours, theirs),
                _ => Turn::First,
            },
            reach: if spec.cluster.ping_targets.is_empty() {
                Reach::Unasked
            } else {
                let echoed = self.split.echoed;
                Reach::Asked { echoed }
            },
            fence_race_delay: spec.cluster.fence_race_delay,
            log_ends: self.raft.log_ends(),
            others,
        })
    }

    /// Those of whom the nodes that are here have the smallest share: less than half of any
    /// electorate can do nothing, and just half of one must exclude its other half.
    fn voters_in_question(&self, is_here: impl Fn(&NodeId) -> bool) -> Option<&BTreeSet<NodeId>> {
        let lead = |voters: &&BTreeSet<NodeId>| {
            let here = voters.iter().filter(|voter| is_here(voter)).count();
            2 * here as i64 - voters.len() as i64
        };
        self.raft.electorates().min_by_key(lead)
    }

    fn led_term(&self) -> u64 {
        let last = self.raft.entry(self.raft.last_index());
        self.split.led_term.max(last.map_or(0, |entry| entry.term))
    }

    fn side(&self, voters: &[NodeId]) -> Option<Side> {
        let names: Vec<&NodeName> = voters
            .iter()
            .filter_map(|id| self.state.node_name(*id))
            .collect();
        let first_name = (*names.iter().min()?).clone();
        let weight = weight(self.state.spec()?, self.state.seen(), names);
        Some(Side { weight, first_name })
    }

    fn other(&self, id: NodeId) -> Other {
        let name = self.state.node_name(id);
        let spec = self.state.spec();
        let node = name.and_then(|name| spec?.nodes.get(name));
        let has_device =
            node.is_some_and(|node| node.fence.iter().any(|device| self.believes(device)));
        Other {
            condition: self.condition(id),
            devices: if has_device {
                Devices::Some
            } else {
                Devices::None
            },
            fences_left: name.map_or(0, |name| self.fences_left(name)),
            watchdog_bound: name.and_then(|name| self.watchdog_bound(name)),
        }
    }

    pub(crate) fn condition(&self, id: NodeId) -> Condition {
        if self.split.relayed.contains(&id) || self.suspected.contains_key(&id) {
            return Condition::Unknown;
        }
        match self.liveness.get(&id) {
            Some(Liveness::Alive { boot } | Liveness::Left { boot }) => {
                Condition::Alive { boot: *boot }
            }
            Some(Liveness::DaemonDown) => Condition::DaemonDown,
            Some(Liveness::DaemonDownTooLong { at }) => self.lost_since(id, *at),
            Some(Liveness::Lost { heard, at, .. }) => {
                let state = self.logged(id);
                // The log has counted it as lost or off before.
                let is_settled = matches!(state, Some(NodeState::Lost { .. } | NodeState::Down));
                let boot = state.and_then(NodeState::boot);
                if is_settled || boot.is_some_and(|boot| heard.covers(boot)) {
                    self.lost_since(id, *at)
                } else {
                    Condition::Unknown
                }
            }
            None => Condition::Unknown,
        }
    }

    /// The newest boot that anybody heard, or that the log has, must be proven ended. Where
    /// there is none, any proof will do.
    fn lost_since(&self, id: NodeId, since: Instant) -> Condition {
        let heard = self.runs.get(&id).map(|(boot, _)| *boot);
        let logged = self.logged(id).and_then(NodeState::boot);
        let boot = heard.or(logged).unwrap_or_default();
        Condition::Lost { boot, since }
    }

    fn logged(&self, id: NodeId) -> Option<&NodeState> {
        let name = self.state.node_name(id)?;
        self.state.seen().nodes.get(name).map(|node| &node.state)
    }

    fn fences_left(&self, name: &NodeName) -> u32 {
        let (Some(spec), Some(seen)) = (self.state.spec(), self.state.seen().nodes.get(name))
        else {
            return 0;
        };
        let clock = self.state.clock();
        let lately = seen
            .fenced_at
            .iter()
            .filter(|at| clock.saturating_duration_since(at.clock) < HOUR);
        let lately = u32::try_from(lately.count()).unwrap_or(u32::MAX);
        spec.cluster.fences_per_hour_max.saturating_sub(lately)
    }

    /// Only when every member has an armed watchdog of known bound.
    fn watchdog_bound(&self, name: &NodeName) -> Option<std::time::Duration> {
        let (lease, bound) = self.state.lease_and_bound(name)?;
        Some(bound::wait_out(lease, self.raft.election_timeout(), bound))
    }

    fn drain_half(&mut self, now: Instant) {
        while let Some(output) = self.split.half.poll_output() {
            match output {
                half::Output::Fence {
                    attempt,
                    target,
                    boot: _,
                    method,
                } => self.half_fence((attempt, method), target),
                half::Output::AskGrant {
                    arbiter,
                    number,
                    ask,
                } => self.outputs.push_back(Output::AskGrant {
                    arbiter,
                    number,
                    ask: Box::new(ask),
                }),
                half::Output::Force {
                    excused,
                    generation,
                    term,
                } => self.force((excused, generation), term, now),
                half::Output::HeardAgain {
                    target,
                    boot,
                    proof: Proof::Device,
                } => {
                    if let Some(device) = self.split.devices.remove(&target) {
                        self.doubt(target, boot, device, now);
                    }
                }
                // No device is at fault; the wait begins anew.
                half::Output::HeardAgain {
                    proof: Proof::WatchdogWaitedOut { .. },
                    ..
                } => {}
            }
        }
    }

    fn half_fence(&mut self, (attempt, method): (u64, Method), target: NodeId) {
        let Some(name) = self.state.node_name(target).cloned() else {
            return;
        };
        while ATTEMPTS_MAX <= self.split.attempts.len() {
            self.split.attempts.pop_first();
        }
        self.split.attempts.insert(attempt, target);
        self.outputs.push_back(Output::Fence {
            asker: FenceAsker::Half { attempt, method },
            target: name,
        });
    }

    fn force(&mut self, (excused, generation): (BTreeSet<NodeId>, u64), term: u64, now: Instant) {
        if self.raft.term() + 1 != term {
            // The half finds out by itself that the term is over.
            return;
        }
        let lineage = self.next_lineage(generation);
        // What it refuses now it may accept later: the half tries again.
        let _refused = self.raft.force(Forcing { lineage, excused }, now);
    }

    /// Boot ids are random and no run has the number of another, so no two forced changes of
    /// this maker are mixed up.
    pub(crate) fn next_lineage(&self, generation: u64) -> Lineage {
        let (front, back) = self.config.boot.0.split_at(8);
        let half = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte))
        };
        Lineage {
            generation,
            maker: self.config.id,
            random: half(front) ^ half(back) ^ self.config.run.rotate_left(32) ^ self.raft.term(),
        }
    }
}
