//! What every node does for itself: probe, carry its claims out, carry out the fences it
//! was asked for, leave.

use std::collections::BTreeMap;
use std::time::Duration;

use model::plant::{self, Plant};
use model::seen::{FenceResult, FenceStanding, NodeState};
use model::{BootId, Command, FenceId, Instant, NodeName};

use crate::executor;
use crate::liveness::Liveness;
use crate::node::{Node, Output};
use crate::split::FenceAsker;
use quorum::half::Leadership;

/// An own proposal is made again when the state has not shown its effect after this time.
const ASK_RETRY: Duration = Duration::from_millis(500);

/// A node that the log does not count as up, although it is, tells so itself after this
/// time. Usually the leader hears it and has told long before. Were it quicker, it could be
/// counted as up while the leader does not hear it, and be lost again at once.
const ANNOUNCE_AFTER: Duration = Duration::from_secs(5);

/// A new run of the daemon in the boot that the log knows tells so itself after this time:
/// several heartbeats, so that usually the leader has told, short for services that nobody
/// watches meanwhile.
const ANNOUNCE_RUN_AFTER: Duration = Duration::from_secs(1);

/// A leader that leaves waits this long for its heir, then goes all the same: longer than
/// an election, short for the person who waits.
const HANDOVER_WAIT: Duration = Duration::from_secs(2);

/// A node that has left waits this long for its removal from the voters, so that those who
/// stay need no vote of it. Where nobody stays, nobody removes it.
const REMOVAL_WAIT: Duration = Duration::from_secs(3);

/// A node that runs nothing any more and finds nobody to say so to goes after this time: its
/// leave may stand in the log already and never reach it, because it is no member any more.
/// Several elections fit in it, and a person still waits.
const ALONE_WAIT: Duration = Duration::from_secs(10);

/// How much longer than `lost_after` a run listens before it fences a node of which its
/// detector has said nothing: the members must be known and a leader found before anybody
/// can be heard, which took a second and a half when all started at once.
const FIRST_HEARING_MORE: Duration = Duration::from_secs(2);

/// How old the word may be, by the executor's clock, on which a fence begins. An answer that
/// lay waiting while its machine stood still is older and counts for nothing. Four asks fit in
/// it, and it is longer than members may be silent: an executor whose answers take longer is
/// lost itself.
pub const FENCE_WORD_HOLDS: Duration = Duration::from_secs(2);

/// Whether the state is new enough to be carried out.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Fresh {
    #[default]
    NotAsked,
    Asked(Instant),
    /// It is, once this index has been applied, as of when this was asked.
    To {
        index: u64,
        asked: Instant,
    },
}

impl Fresh {
    /// What is left of it now: old word is none.
    fn at(self, now: Instant) -> Self {
        match self {
            Self::To { asked, .. } if asked + FENCE_WORD_HOLDS <= now => Self::NotAsked,
            Self::NotAsked | Self::Asked(_) | Self::To { .. } => self,
        }
    }
}

/// A fence that this node was asked for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct OwnFence {
    /// A fence on an old state could hit a node that is well again, so whether it is still
    /// wanted is asked before it begins.
    fresh: Fresh,
    begun: Option<Instant>,
}

/// How far this run of the daemon is on its way out.
///
/// ```text
///   Stays ──► Asked ──► HandingOver ──► Told ──► Down ──► Done
///               ├──────(not leader)──────▲                 ▲
///               └─────(nobody leads)──► Alone ─────────────┘
/// ```
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Departure {
    #[default]
    Stays,
    /// Somebody here asked for it.
    Asked,
    /// Another voter shall lead.
    HandingOver(Instant),
    /// `Left` is proposed.
    Told(Instant),
    /// Nothing is left here, and nobody leads since then.
    Alone(Instant),
    /// The log says that this node is down; its vote may still be needed.
    Down(Instant),
    /// The daemon may end.
    Done,
}

/// What this node has still to say about its being up.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Announcement {
    /// Since when the log does not show it.
    since: Option<Instant>,
    /// When it was last proposed, to this leader.
    said: Option<Instant>,
    /// When it is due.
    due: Option<Instant>,
}

/// What this node has asked for and waits to see in the state.
#[derive(Debug, Default)]
pub(crate) struct Tending {
    probed: Option<Instant>,
    announcement: Announcement,
    departure: Departure,
    fences: BTreeMap<FenceId, OwnFence>,
    results: BTreeMap<FenceId, (FenceResult, Option<Instant>)>,
    reads: u64,
}

impl Tending {
    pub fn fence_ended(&mut self, id: FenceId, result: FenceResult) {
        let result = match result {
            FenceResult::Failed {
                device: Some(device),
                ..
            } if plant::is(Plant::FailedFenceCounts) => FenceResult::Confirmed { device },
            told => told,
        };
        self.results.insert(id, (result, None));
    }

    pub fn leader_changed(&mut self) {
        self.probed = None;
        self.announcement.said = None;
        for (_, sent) in self.results.values_mut() {
            *sent = None;
        }
    }

    /// A person at this node wants it to leave.
    pub fn ask_to_leave(&mut self) {
        if self.departure == Departure::Stays {
            self.departure = Departure::Asked;
        }
    }

    /// Whether nobody asked this node to leave.
    pub fn stays(&self) -> bool {
        self.departure == Departure::Stays
    }

    /// Whether this node is on its way out: its being alive is no news then.
    pub fn leaves(&self) -> bool {
        match self.departure {
            Departure::Stays
            | Departure::Asked
            | Departure::HandingOver(_)
            | Departure::Alone(_) => false,
            Departure::Told(_) | Departure::Down(_) | Departure::Done => true,
        }
    }

    /// Answers to reads so far.
    pub fn reads(&self) -> u64 {
        self.reads
    }

    /// The state is as fresh as what was `asked` then, once `index` is applied: for any fence.
    pub fn read_ready(&mut self, asked: Instant, index: u64) {
        for fence in self.fences.values_mut() {
            if matches!(fence.fresh, Fresh::Asked(_)) {
                fence.fresh = Fresh::To { index, asked };
                self.reads += 1;
            }
        }
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        let asked = |fresh: &Fresh| match fresh {
            Fresh::Asked(at) => Some(*at + ASK_RETRY),
            Fresh::NotAsked | Fresh::To { .. } => None,
        };
        let waiting = self.fences.values().filter(|fence| fence.begun.is_none());
        let reads = waiting.filter_map(|fence| asked(&fence.fresh));
        let results = self.results.values().filter_map(|(_, sent)| *sent);
        let told = results.chain(self.probed).map(|at| at + ASK_RETRY);
        let departure = match self.departure {
            Departure::Stays | Departure::Asked | Departure::Alone(_) | Departure::Done => None,
            Departure::HandingOver(at) => Some(at + HANDOVER_WAIT),
            Departure::Told(at) => Some(at + ASK_RETRY),
            Departure::Down(at) => Some(at + REMOVAL_WAIT),
        };
        reads
            .chain(told)
            .chain(self.announcement.due)
            .chain(departure)
            .min()
    }
}

impl Tending {
    /// When a node that leaves and finds no leader goes all the same.
    pub fn alone_deadline(&self) -> Option<Instant> {
        match self.departure {
            Departure::Alone(since) => Some(since + ALONE_WAIT),
            Departure::Stays
            | Departure::Asked
            | Departure::HandingOver(_)
            | Departure::Told(_)
            | Departure::Down(_)
            | Departure::Done => None,
        }
    }
}

/// Whether something that was asked for at `sent` has to be asked for now.
fn is_due(sent: Option<Instant>, now: Instant) -> bool {
    sent.is_none_or(|at| at + ASK_RETRY <= now)
}

impl Node {
    /// When this node asked for the word on which it has begun a fence, by its own clock; none
    /// when it has begun none of that number.
    #[must_use]
    pub fn fence_word_asked(&self, id: FenceId) -> Option<Instant> {
        let fence = self.tending.fences.get(&id);
        match fence.filter(|fence| fence.begun.is_some())?.fresh {
            Fresh::To { asked, .. } => Some(asked),
            Fresh::NotAsked | Fresh::Asked(_) => None,
        }
    }

    pub(crate) fn tend(&mut self, now: Instant) {
        self.note_losses(now);
        self.tend_announcement(now);
        self.tend_probes(now);
        if self.is_caught_up() {
            self.executor.advance(&self.state, self.applied, now);
        } else if self.clears_away(now) {
            self.clear_away(now);
        }
        self.tend_executor(now);
        if self.is_caught_up() {
            self.tend_checks(now);
        }
        self.tend_fences(now);
        self.tend_departure(now);
        self.tend_split(now);
        self.tend_lies(now);
        self.tend_networks(now);
        self.tend_load(now);
        self.tend_yielding(now);
    }

    fn my_state(&self) -> Option<&NodeState> {
        let me = self.state.seen().nodes.get(&self.config.name);
        me.map(|node| &node.state)
    }

    /// A daemon that has just started may see an old state: the log on its disk ends where
    /// the last run left it, and a claim given back by that run may stand in it. What the
    /// last run proposed may even be applied later still. So a run carries nothing out before
    /// it sees in the log that the cluster knows of it: that entry is newer than its start,
    /// and from there on the words of earlier runs are void.
    #[must_use]
    pub fn is_caught_up(&self) -> bool {
        if plant::is(Plant::StartBeforeCaughtUp) {
            return true;
        }
        let me = self.state.seen().nodes.get(&self.config.name);
        me.is_some_and(|node| node.run == self.config.run)
    }

    /// Says that this run is up, where nobody else does.
    fn tend_announcement(&mut self, now: Instant) {
        let Some(wait) = self.announcement_wait() else {
            self.tending.announcement = Announcement::default();
            return;
        };
        let announcement = &mut self.tending.announcement;
        let first = *announcement.since.get_or_insert(now) + wait;
        let again = announcement.said.map(|at| at + wait);
        let due = again.map_or(first, |again| again.max(first));
        announcement.due = Some(due);
        if now < due || self.leader.is_none() {
            return;
        }
        announcement.said = Some(now);
        announcement.due = Some(now + wait);
        let (node, boot, run) = (self.config.name.clone(), self.config.boot, self.config.run);
        self.propose_own(Command::NodeUp { node, boot, run }, now);
    }

    /// After which time this run says itself that it is up; none: the log shows it. A run
    /// that nobody asked to leave thereby ends a departure that the run before did not
    /// finish.
    fn announcement_wait(&self) -> Option<Duration> {
        let state = self.my_state()?;
        let is_own_boot = state.boot() == Some(self.config.boot);
        let is_unseen = match state {
            NodeState::Down => !self.tending.leaves(),
            NodeState::Leaving { .. } => self.tending.departure == Departure::Stays,
            NodeState::Starting { .. } | NodeState::Online { .. } => !is_own_boot,
            NodeState::DaemonDown { .. } | NodeState::Lost { .. } => false,
        };
        if self.is_caught_up() {
            return is_unseen.then_some(ANNOUNCE_AFTER);
        }
        Some(if is_own_boot {
            ANNOUNCE_RUN_AFTER
        } else {
            ANNOUNCE_AFTER
        })
    }

    /// Tells what was found, once the cluster knows that this node is up.
    fn tend_probes(&mut self, now: Instant) {
        let boot = self.config.boot;
        if !self.is_caught_up() || self.my_state().and_then(NodeState::boot) != Some(boot) {
            self.tending.probed = None;
            return;
        }
        let recorded = std::mem::take(&mut self.recorded);
        self.executor.begin_probes(&self.state, &recorded, now);
        let me = self.state.seen().nodes.get(&self.config.name);
        let is_asked = me.is_some_and(|me| match &me.state {
            NodeState::Starting { .. } => true,
            NodeState::Leaving { .. } => me.may_run_anything(),
            NodeState::Down
            | NodeState::Online { .. }
            | NodeState::DaemonDown { .. }
            | NodeState::Lost { .. } => false,
        });
        if !is_asked {
            self.tending.probed = None;
            return;
        }
        let Some(found) = self.executor.probed() else {
            return;
        };
        if is_due(self.tending.probed, now) && self.leader.is_some() {
            self.tending.probed = Some(now);
            let node = self.config.name.clone();
            let run = self.config.run;
            let command = Command::Probed {
                node,
                boot,
                run,
                found,
            };
            self.propose_own(command, now);
        }
    }

    fn tend_executor(&mut self, now: Instant) {
        while let Some(output) = self.executor.poll_output() {
            match output {
                executor::Output::Operate(operation) => {
                    self.outputs.push_back(Output::Operate(operation));
                }
                executor::Output::Report {
                    service,
                    epoch,
                    incarnation,
                    report,
                    resources,
                    role,
                } => {
                    let told = (report, resources, role);
                    let command = self.report_of(service, epoch, incarnation, told);
                    self.propose_own(command, now);
                }
                executor::Output::Tell(telling) => {
                    self.outputs.push_back(Output::Tell(telling));
                }
                executor::Output::LetGo { service, resources } => {
                    // A record that outlives the claim would be taken for what it was once.
                    self.outputs
                        .extend(resources.into_iter().map(Output::Forget));
                    let (node, boot) = (self.config.name.clone(), self.config.boot);
                    let run = self.config.run;
                    self.propose_own(
                        Command::LetGo {
                            node,
                            boot,
                            run,
                            service,
                        },
                        now,
                    );
                }
                executor::Output::Looked { service, found } => {
                    let (node, boot) = (self.config.name.clone(), self.config.boot);
                    let run = self.config.run;
                    self.propose_own(
                        Command::Looked {
                            node,
                            boot,
                            run,
                            service,
                            found,
                        },
                        now,
                    );
                }
                executor::Output::StrayStopped(service) => {
                    let (node, boot) = (self.config.name.clone(), self.config.boot);
                    self.propose_own(
                        Command::StrayStopped {
                            node,
                            boot,
                            run: self.config.run,
                            service,
                        },
                        now,
                    );
                }
            }
        }
    }

    /// Begins the fences that name this node as executor, and tells how they ended. A try
    /// that was written off is over, whatever its device says later.
    fn tend_fences(&mut self, now: Instant) {
        if !self.is_caught_up() {
            return;
        }
        let fences = self.state.seen().fences.iter().filter(|(_, fence)| {
            fence.executor == self.config.name && fence.standing == FenceStanding::Asked
        });
        let mine: BTreeMap<FenceId, _> = fences
            .map(|(target, fence)| (fence.id, (target.clone(), fence.boot)))
            .collect();
        self.tending.fences.retain(|id, _| mine.contains_key(id));
        self.tending.results.retain(|id, _| mine.contains_key(id));
        for (id, (target, boot)) in mine {
            let mut fence = *self.tending.fences.entry(id).or_default();
            if fence.begun.is_none()
                && !self.is_sent_something(&target)
                && let Some(proof) = self.proven_off(&target, boot)
            {
                // The half has had it confirmed already.
                fence.begun = Some(now);
                self.tending.fences.insert(id, fence);
                self.tending.fence_ended(id, proof);
            }
            if plant::is(Plant::FenceOnOldState) {
                fence.fresh = Fresh::To {
                    index: 0,
                    asked: now,
                };
            }
            match fence.fresh.at(now) {
                _ if fence.begun.is_some() => self.tell_fence(id, target, now),
                // It listens before it asks how far the log is: an answer that is kept meanwhile
                // would be old when it shoots.
                _ if self.may_be_back(&target, boot, now) => {
                    self.tending.fences.insert(id, OwnFence::default());
                }
                Fresh::Asked(at) if now < at + ASK_RETRY => {}
                Fresh::NotAsked | Fresh::Asked(_) if self.leader.is_none() => {}
                Fresh::NotAsked | Fresh::Asked(_) => {
                    let fresh = Fresh::Asked(now);
                    self.tending
                        .fences
                        .insert(id, OwnFence { fresh, begun: None });
                    // The answer tells which asking it answers.
                    self.raft.read_index(now.0, now);
                }
                Fresh::To { index, .. } if self.applied < index => {}
                fresh @ Fresh::To { .. } => {
                    let begun = Some(now);
                    self.tending.fences.insert(id, OwnFence { fresh, begun });
                    let asker = FenceAsker::Log(id);
                    self.outputs.push_back(Output::Fence { asker, target });
                }
            }
        }
    }

    /// Whether a live move goes to that node. What a half had confirmed was off before it went on
    /// by itself; a machine that came back in that time has what was sent until then.
    fn is_sent_something(&self, target: &NodeName) -> bool {
        let mut migrations = self.state.seen().migrations.values();
        migrations.any(|migration| migration.to.node == *target && !migration.arrived)
    }

    /// Whether what must be proven over is over, of which the log will hear, or may be.
    fn may_be_back(&self, target: &NodeName, lost: Option<BootId>, now: Instant) -> bool {
        self.hears_other_boot(target, lost) || self.may_hear_soon(target, now)
    }

    /// A run that has just begun has heard nobody yet: what the log remembers as lost may have
    /// booted long ago. So it listens first, as long as the detector takes to say.
    fn may_hear_soon(&self, target: &NodeName, now: Instant) -> bool {
        let id = self.state.node_id(target);
        let is_known = id.is_some_and(|id| self.liveness.contains_key(&id));
        !is_known && now < self.listens_until()
    }

    pub(crate) fn listens_until(&self) -> Instant {
        let timings = self.state.spec().map(|spec| spec.cluster.timings);
        self.began + timings.unwrap_or_default().lost_after + FIRST_HEARING_MORE
    }

    /// When a fence may begin that waits for `may_hear_soon`.
    pub(crate) fn first_hearing_ends(&self, now: Instant) -> Option<Instant> {
        let ends = self.listens_until();
        (now < ends && !self.tending.fences.is_empty()).then_some(ends)
    }

    fn hears_other_boot(&self, target: &NodeName, lost: Option<BootId>) -> bool {
        let id = self.state.node_id(target);
        match id.and_then(|id| self.liveness.get(&id)) {
            Some(Liveness::Alive { boot } | Liveness::Left { boot }) => Some(*boot) != lost,
            Some(
                Liveness::DaemonDown | Liveness::DaemonDownTooLong { .. } | Liveness::Lost { .. },
            )
            | None => false,
        }
    }

    fn tell_fence(&mut self, id: FenceId, target: NodeName, now: Instant) {
        let Some((result, sent)) = self.tending.results.get_mut(&id) else {
            return;
        };
        if !is_due(*sent, now) || self.leader.is_none() {
            return;
        }
        let result = result.clone();
        let is_too_early = self.is_outlived_too_early(&result, &target, now);
        if let Some((_, sent)) = self.tending.results.get_mut(&id) {
            // Told before, and too early now: a leader has changed since. Then it is told anew.
            *sent = (!is_too_early).then_some(now);
        }
        if is_too_early {
            return;
        }
        let executor = (self.config.name.clone(), self.config.boot);
        self.propose_own(
            Command::FenceEnded {
                id,
                target,
                executor,
                result,
            },
            now,
        );
    }

    /// A wait for a watchdog that began under an earlier leader proves nothing yet.
    fn is_outlived_too_early(&self, result: &FenceResult, target: &NodeName, now: Instant) -> bool {
        let is_outlived = matches!(result, FenceResult::OutlivedWatchdog { .. });
        let boot = self.state.seen().nodes.get(target);
        let boot = boot.and_then(|seen| seen.state.boot());
        // The half has counted by itself.
        let is_proven = self.proven_off(target, boot).is_some();
        is_outlived && !is_proven && self.outlived_at(target, now).is_none_or(|at| now < at)
    }

    /// When an end that was waited out may be told, which was waited for under several leaders.
    pub(crate) fn outlived_deadline(&self, now: Instant) -> Option<Instant> {
        let fences = self.state.seen().fences.iter();
        let told = fences.filter(|(_, fence)| {
            let result = self.tending.results.get(&fence.id);
            result.is_some_and(|(result, _)| matches!(result, FenceResult::OutlivedWatchdog { .. }))
        });
        let times = told.filter_map(|(target, _)| self.outlived_at(target, now));
        times.filter(|at| now < *at).min()
    }

    /// A leaving node that runs nothing any more says so, and may end.
    fn tend_departure(&mut self, now: Instant) {
        let departure = match (self.tending.departure, self.my_state()) {
            (before @ (Departure::Stays | Departure::Done), _) => before,
            (Departure::Told(_), Some(NodeState::Down) | None) => Departure::Down(now),
            (Departure::Down(since), _) => {
                if !self.is_needed_to_vote() || since + REMOVAL_WAIT <= now {
                    self.outputs.push_back(Output::Left);
                    Departure::Done
                } else {
                    Departure::Down(since)
                }
            }
            (before, Some(NodeState::Leaving { .. })) if self.has_let_go() => {
                self.depart(before, now)
            }
            (
                Departure::Asked
                | Departure::HandingOver(_)
                | Departure::Told(_)
                | Departure::Alone(_),
                Some(
                    NodeState::Down
                    | NodeState::Starting { .. }
                    | NodeState::Online { .. }
                    | NodeState::DaemonDown { .. }
                    | NodeState::Lost { .. }
                    | NodeState::Leaving { .. },
                )
                | None,
            ) => Departure::Asked,
        };
        self.tending.departure = departure;
    }

    /// Whether nothing of any service is left here, in the log and in truth.
    fn has_let_go(&self) -> bool {
        let mut claims = self
            .state
            .seen()
            .services
            .values()
            .filter_map(|service| service.claim.as_ref());
        self.executor.is_idle() && !claims.any(|claim| claim.node == self.config.name)
    }

    /// Whether those who stay could miss this node's vote.
    fn is_needed_to_vote(&self) -> bool {
        let voters = &self.raft.configuration().voters;
        voters.contains(&self.config.id) && 1 < voters.len()
    }

    /// The next step out: somebody else should lead, then `Left` is proposed.
    fn depart(&mut self, before: Departure, now: Instant) -> Departure {
        let waits = match before {
            Departure::HandingOver(at) => self.is_leader() && now < at + HANDOVER_WAIT,
            Departure::Told(at) => now < at + ASK_RETRY,
            Departure::Stays
            | Departure::Asked
            | Departure::Alone(_)
            | Departure::Down(_)
            | Departure::Done => false,
        };
        if waits {
            return before;
        }
        if before == Departure::Asked && self.is_leader() && self.has_heir() {
            self.transfer(now);
            return Departure::HandingOver(now);
        }
        if self.leader.is_none() || self.follows_in_vain(now) {
            // A new leader is an input, and asks again.
            return self.depart_alone(before, now);
        }
        let (node, boot) = (self.config.name.clone(), self.config.boot);
        self.propose_own(Command::Left { node, boot }, now);
        Departure::Told(now)
    }

    /// A learner never gives its leader up, and one that was taken out is told nothing any more.
    fn follows_in_vain(&self, now: Instant) -> bool {
        !self.is_leader() && self.leadership(now) == Leadership::Absent
    }

    /// Nobody leads: perhaps this node is no member any more, and nobody will tell it.
    fn depart_alone(&mut self, before: Departure, now: Instant) -> Departure {
        let Departure::Alone(since) = before else {
            return Departure::Alone(now);
        };
        if now < since + ALONE_WAIT {
            return before;
        }
        self.outputs.push_back(Output::Left);
        Departure::Done
    }
}
