//! What one node does in an even split: which fences it runs, whom it asks, and when it
//! begins the forced change.
//!
//! ```text
//!            exactly half here,             arbiter Fence: (race) ─► fence each absent one ─┐ all
//!            the others all lost,                                                           ├──► Force
//!   waits ──────────────────────► acts ──►  arbiter Witness, Disk: ask ─► granted ──────────┘
//!     ▲      standing proven,       │
//!     └───longest log of the half───┘  anybody absent is heard, a quorate leader appears, ...
//! ```
//!
//! It never reads the log and never decides on a time-out alone: each way to
//! [`Output::Force`] goes through a [`Proof`] for each absent voter (rule 2), a granted vote, or
//! both where two arbiters count. A proof belongs to one boot of the target and to this run
//! (rule 3): it is in memory only, and hearing the target again ends it.

mod facts;
mod situation;
mod work;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use model::plant::{self, Plant};
use model::{BootId, Instant, NodeId};
use wire::raft::Arbiter;

use crate::arbiter::Answer;
pub use facts::{
    Condition, Devices, Facts, FenceResult, Leadership, Method, Other, Output, Proof, Standing,
    Waits,
};
use situation::{Actor, Situation};
use work::{Asking, Target};

/// Between two attempts to fence the same target: a device that just failed is often busy, and
/// a power switch takes a second or two to cycle.
pub const FENCE_RETRY_PAUSE: Duration = Duration::from_secs(2);

/// The pause doubles with each failure up to this: a device that comes back is used within
/// half a minute.
pub const FENCE_RETRY_PAUSE_MAX: Duration = Duration::from_secs(30);

/// An attempt that says nothing for so long counts as failed. Devices have limits of their
/// own that end sooner; this one is for a result that was lost.
pub const FENCE_RESULT_WITHIN: Duration = Duration::from_secs(180);

/// An ask without answer is sent again after this, under the same number.
pub const ASK_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// After a refusal: the one who has the vote needs a moment to serve or to come back. Doubles
/// up to [`REFUSED_PAUSE_MAX`].
pub const REFUSED_PAUSE: Duration = Duration::from_secs(1);

/// A refusal ends when the other's grant is void, which needs a leader, which ends the even
/// split. So asking again is only for what we cannot see, and need not be often.
pub const REFUSED_PAUSE_MAX: Duration = Duration::from_secs(15);

/// An election of one half takes two messages and an fsync; after this long it is tried again.
pub const ELECTION_WITHIN: Duration = Duration::from_secs(3);

/// How long the voters of a half may take to say where their logs end. They ask each other for
/// votes at once when the leader is lost, and again within two election time-outs (one second
/// each, if it is not configured); who says nothing by then may not be candidate, so its log does not count.
pub const LOG_ENDS_WITHIN: Duration = Duration::from_secs(3);

/// The window of L3.
const FENCE_WINDOW: Duration = Duration::from_secs(3600);

/// The machine of one node.
#[derive(Debug, Clone, Default)]
pub struct Half {
    facts: Option<Facts>,
    /// Since when the present situation lasts.
    acts: Option<(Situation, Instant)>,
    /// Absent voters whose fence has been begun; a subset of the voters.
    targets: BTreeMap<NodeId, Target>,
    /// What is proven ended; one boot per voter.
    proofs: BTreeMap<NodeId, (BootId, Proof)>,
    /// At most one per arbiter.
    asking: Vec<Asking>,
    /// When the forced change was begun, and for which term.
    forcing: Option<(Instant, u64)>,
    /// Confirmed fences of this run that the log does not have yet.
    fenced: BTreeMap<NodeId, Vec<(BootId, Instant)>>,
    waits: Vec<Waits>,
    deadline: Option<Instant>,
    attempts: u64,
    asks: u64,
    outputs: VecDeque<Output>,
}

impl Half {
    /// A machine that knows nothing yet and does nothing before the first facts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The facts as of now. Cheap when nothing changed.
    pub fn handle_facts(&mut self, facts: Facts, now: Instant) {
        for (node, other) in &facts.others {
            match other.condition {
                Condition::Alive { boot } => self.void(*node, Heard::Now(boot)),
                Condition::Lost { boot, since: _ } => self.void(*node, Heard::Before(boot)),
                Condition::DaemonDown | Condition::Unknown => {}
            }
        }
        self.facts = Some(facts);
        self.step(now);
    }

    /// Somebody of our half heard this boot of a voter (rule 3). The next facts say so too;
    /// this is for what is over before they are made.
    pub fn handle_heard(&mut self, node: NodeId, boot: BootId, now: Instant) {
        self.void(node, Heard::Now(boot));
        let other = (self.facts.as_mut()).and_then(|facts| facts.others.get_mut(&node));
        if let Some(other) = other {
            other.condition = Condition::Alive { boot };
        }
        self.step(now);
    }

    /// A fence that was asked for has ended. Results of attempts that are void are ignored.
    pub fn handle_fence_ended(&mut self, attempt: u64, result: FenceResult, now: Instant) {
        let found = self.targets.iter_mut();
        let Some((node, target)) = found
            .map(|(node, target)| (*node, target))
            .find(|(_, target)| target.is_asked(attempt))
        else {
            return;
        };
        let boot = target.boot();
        if let Some(method) = target.handle_result(result, now) {
            self.proofs.insert(node, (boot, Proof::Device));
            self.note_fence(node, boot, method, now);
        }
        self.step(now);
    }

    /// The log has the end of this boot of the target: its own count (L3) has the fence.
    pub fn handle_logged(&mut self, target: NodeId, boot: BootId) {
        if let Some(fences) = self.fenced.get_mut(&target) {
            fences.retain(|(fenced, _)| *fenced != boot);
        }
    }

    /// An arbiter has answered. Answers to asks of other content are ignored.
    pub fn handle_answer(&mut self, arbiter: &Arbiter, number: u64, answer: Answer, now: Instant) {
        let found = self.asking.iter_mut();
        if let Some(asking) = found
            .filter(|asking| asking.arbiter() == arbiter)
            .find(|asking| asking.is_sent(number))
        {
            asking.handle_answer(answer, now);
        }
        self.step(now);
    }

    /// When [`Half::handle_timeout`] must be called at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.step(now);
    }

    /// What to do next, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What is waited for, for `status`: everything that stands in the way, as of the last
    /// call. Empty before the first facts.
    #[must_use]
    pub fn waits(&self) -> &[Waits] {
        &self.waits
    }

    /// Whether this boot of the target is proven ended, by this run and still. It may answer
    /// the log's later fence of the same boot, so that nobody is fenced twice.
    #[must_use]
    pub fn confirmed(&self, target: NodeId, boot: BootId) -> Option<Proof> {
        let (proven, proof) = self.proofs.get(&target)?;
        (*proven == boot || plant::is(Plant::StaleConfirmation)).then_some(*proof)
    }

    /// What the machine carries from one call to the next besides the facts, so that a model
    /// checker can tell two states apart.
    pub fn remembered(&self) -> impl std::hash::Hash + '_ {
        let work = (&self.targets, &self.asking, &self.forcing);
        (&self.acts, &self.proofs, &self.fenced, work)
    }

    /// Rule 3: what was proven or asked of another boot, or of a boot that speaks, is void.
    fn void(&mut self, node: NodeId, heard: Heard) {
        if plant::is(Plant::StaleConfirmation) {
            return;
        }
        let is_void = |boot: BootId| match heard {
            Heard::Now(_) => true,
            Heard::Before(newest) => newest != boot,
        };
        if let Some((boot, proof)) = self.proofs.get(&node).copied()
            && is_void(boot)
        {
            self.proofs.remove(&node);
            if heard == Heard::Now(boot) {
                self.outputs.push_back(Output::HeardAgain {
                    target: node,
                    boot,
                    proof,
                });
            }
        }
        if self.targets.get(&node).is_some_and(|t| is_void(t.boot())) {
            self.targets.remove(&node);
        }
    }

    fn note_fence(&mut self, node: NodeId, boot: BootId, method: Method, now: Instant) {
        match method {
            Method::AskStatus => {}
            Method::SwitchOff => {
                let fences = self.fenced.entry(node).or_default();
                // So there are never more than one per FENCE_RETRY_PAUSE of the window.
                fences.retain(|(_, at)| now.saturating_duration_since(*at) < FENCE_WINDOW);
                fences.push((boot, now));
            }
        }
    }

    fn fences_left(&self, node: NodeId, other: &Other, now: Instant) -> u32 {
        let ours = self.fenced.get(&node).map_or(0, |fences| {
            let recent =
                (fences.iter()).filter(|(_, at)| now.saturating_duration_since(*at) < FENCE_WINDOW);
            u32::try_from(recent.count()).unwrap_or(u32::MAX)
        });
        other.fences_left.saturating_sub(ours)
    }

    /// Does what the facts and the results allow. Doing it twice changes nothing.
    fn step(&mut self, now: Instant) {
        self.waits.clear();
        self.deadline = None;
        let Some(facts) = self.facts.take() else {
            return;
        };
        match situation::of(&facts) {
            Ok(situation) => {
                let since = self.enter(&situation, now);
                self.choose(&facts, &situation, since, now);
            }
            Err(waits) => {
                self.rest();
                self.acts = None;
                self.waits.push(waits);
            }
        }
        self.facts = Some(facts);
    }

    /// Since when the present situation lasts.
    fn enter(&mut self, situation: &Situation, now: Instant) -> Instant {
        match &self.acts {
            Some((known, since)) if known == situation => *since,
            Some(_) | None => {
                self.forcing = None;
                self.acts = Some((situation.clone(), now));
                now
            }
        }
    }

    /// Acts, or leaves it to another one of the half. What one has begun helps the other
    /// nothing; that two may act for a moment is safe, because each needs the vote of both.
    fn choose(&mut self, facts: &Facts, situation: &Situation, since: Instant, now: Instant) {
        let Actor { node, is_exact } = situation::actor(facts, &Self::rest_of(facts, situation));
        let until = since + LOG_ENDS_WITHIN;
        if !is_exact && now < until {
            self.rest();
            self.waits.push(Waits::LogEnds { until });
            self.wake(until);
        } else if node == facts.me {
            self.act(facts, situation, since, now);
        } else {
            self.rest();
            self.waits.push(Waits::Candidate { node });
        }
    }

    /// Drops everything that was begun. Proofs stay for the log's later fences, and attempts
    /// that run keep their place, so that their results count and no second one is begun.
    fn rest(&mut self) {
        self.asking.clear();
        self.forcing = None;
        self.targets.retain(|_, target| target.is_running());
    }

    fn act(&mut self, facts: &Facts, situation: &Situation, since: Instant, now: Instant) {
        if let Some((begun, term)) = self.forcing {
            let until = begun + ELECTION_WITHIN;
            if now < until && facts.term <= term {
                self.waits.push(Waits::Election { since: begun });
                self.wake(until);
                return;
            }
            self.forcing = None;
        }
        self.asking
            .retain(|asking| facts.arbiters.contains(asking.arbiter()));
        for arbiter in &facts.arbiters {
            match arbiter {
                Arbiter::Fence => self.fence_all(facts, situation, since, now),
                Arbiter::Witness(_) | Arbiter::Disk(_) => self.ask(arbiter, facts, situation, now),
            }
        }
        if plant::is(Plant::FenceBesideWitness) && !self.waits.is_empty() {
            self.waits.clear();
            self.fence_all(facts, situation, since, now);
        }
        // Nothing in the way, and somebody was asked: an empty list of arbiters proves nothing.
        if self.waits.is_empty() && !facts.arbiters.is_empty() {
            self.force(facts, situation, now);
        }
    }

    fn force(&mut self, facts: &Facts, situation: &Situation, now: Instant) {
        let term = facts.term + 1;
        self.forcing = Some((now, term));
        self.outputs.push_back(Output::Force {
            excused: situation.absent.keys().copied().collect(),
            generation: facts.lineage.generation + 1,
            term,
        });
        self.waits.push(Waits::Election { since: now });
        self.wake(now + ELECTION_WITHIN);
    }

    fn wake(&mut self, at: Instant) {
        self.deadline = Some(self.deadline.map_or(at, |known| known.min(at)));
    }

    /// Voters of the half that this node is in.
    fn rest_of(facts: &Facts, situation: &Situation) -> BTreeSet<NodeId> {
        (facts.voters.union(&facts.joining).copied())
            .filter(|voter| !situation.absent.contains_key(voter))
            .collect()
    }
}

/// What is known of the boots of a voter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// This boot speaks.
    Now(BootId),
    /// This is the newest that was ever heard; it is silent.
    Before(BootId),
}
