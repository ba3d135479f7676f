//! What the leader does for all: tell the log who is up and down, keep the voters, plan.

use std::collections::BTreeMap;
use std::time::Duration;

use membership::Silence;
use model::seen::{BootOf, NodeSeen, NodeState};
use model::{BootId, Command, Instant, NodeId, NodeName, PlanId, Reason};

use crate::liveness::Liveness;
use crate::node::Node;

/// When only time can change a plan, we look again then: never in a tight loop, and never
/// much later, should what was counted on change.
const PLAN_SOON: Duration = Duration::from_millis(50);
const PLAN_LATE: Duration = Duration::from_secs(10);

/// What the state has refused is not proposed again before this time has passed, unless it
/// is another decision: the same answer would come at once, and for ever.
const REFUSED_PAUSE: Duration = Duration::from_secs(1);

/// A lost node whose messages come again is about to be heard by the detector
/// as well: under another boot it needs no fence. Should heartbeats stay silent for longer
/// than this, it is fenced after all.
const FENCE_HOLD: Duration = Duration::from_secs(1);

/// Beyond `lost_after`, for which a node whose end was confirmed must be heard before that is
/// called a lie. What was under way in the network when it ended has come by then, and the
/// detector has noticed the silence after it.
pub(crate) const LIE_HEARD: Duration = Duration::from_millis(500);

/// So many members vote at most. Nine bear the loss of four at one time, as few clusters ever
/// see; each further voter makes every commit wait for more answers. The others follow as
/// learners: they have all entries, and one of them becomes a voter when a voter is gone.
const VOTERS_MAX: usize = 9;

/// What the leader has under way.
#[derive(Debug, Default)]
pub(crate) struct Duties {
    /// Entries of the leader's own that are not applied yet. Nothing new is decided before
    /// they are, so that nothing is decided twice. The text names the decision.
    pending: BTreeMap<u64, String>,
    /// Decisions that the state has refused, and until when they rest.
    refused: BTreeMap<String, Instant>,
    /// The index up to which the last plan has seen the state, so that the same state is
    /// not planned twice.
    planned_at: Option<u64>,
    /// Lost nodes that answer again, and since when their fences are held back.
    held: BTreeMap<NodeName, Instant>,
    /// Nodes that are heard in a boot whose end was confirmed, and since when.
    liars: BTreeMap<NodeName, Instant>,
    /// When this node became leader.
    leads_since: Option<Instant>,
    /// The end of the log at that moment.
    leads_from: u64,
    /// When members that were never heard are counted as lost.
    grace_ends: Option<Instant>,
    /// When the first of them is told to the log.
    lies_due: Option<Instant>,
    /// When to plan again although nothing has changed: windows of failures and of fences
    /// end with time alone.
    plan_again_at: Option<Instant>,
    /// What the last plan waits for.
    waits: Vec<planner::Wait>,
}

impl Duties {
    /// An entry has been applied; `refused_at` when the state refused it.
    pub fn applied(&mut self, index: u64, refused_at: Option<Instant>) {
        if let (Some(decision), Some(now)) = (self.pending.remove(&index), refused_at) {
            self.refused.insert(decision, now + REFUSED_PAUSE);
        }
    }

    /// Another node leads, or nobody: what was under way is no longer ours.
    pub fn leader_changed(&mut self, log_end: u64, now: Instant) {
        *self = Self {
            leads_from: log_end,
            leads_since: Some(now),
            ..Self::default()
        };
    }

    /// What was refused long enough ago may be decided again.
    fn forget_refusals(&mut self, now: Instant) {
        let before = self.refused.len();
        self.refused.retain(|_, until| now < *until);
        if self.refused.len() < before {
            self.planned_at = None;
        }
    }

    /// How long this node leads.
    pub fn leads_for(&self, now: Instant) -> Duration {
        let since = self.leads_since.unwrap_or(now);
        now.saturating_duration_since(since)
    }

    /// When it will have led for so long.
    pub fn leads_until(&self, span: Duration) -> Option<Instant> {
        self.leads_since.map(|since| since + span)
    }

    pub fn waits(&self) -> &[planner::Wait] {
        &self.waits
    }

    fn next_deadline(&self) -> Option<Instant> {
        let refused = self.refused.values().copied();
        let times = self.grace_ends.into_iter().chain(self.plan_again_at);
        let times = times.chain(self.lies_due);
        times.chain(refused).min()
    }
}

impl Node {
    pub(crate) fn lead(&mut self, now: Instant) {
        if !self.may_decide(now) {
            return;
        }
        self.duties.forget_refusals(now);
        self.lead_members(now);
        let news = [
            self.vouched_mark(),
            self.contest_news(now),
            self.arbiter_news(now),
            self.level_news(),
        ];
        let news = news.into_iter().flatten();
        for command in news.chain(self.lapsed_locks(now)) {
            self.decide(format!("{command:?}"), command, now);
        }
        if self.duties.pending.is_empty() {
            self.lead_plan(now);
        }
        self.lead_voters(now);
    }

    /// Entries of earlier leaders, and all of its own, must be applied before the leader
    /// decides anything: it would decide on what is no longer true.
    fn may_decide(&self, now: Instant) -> bool {
        self.is_leader()
            && self.raft.is_quorate(now)
            && self.duties.pending.is_empty()
            && self.duties.leads_from <= self.applied
    }

    /// When time alone makes the leader decide something. Where it may not decide, it waits
    /// for an input, not for a time.
    pub(crate) fn duties_deadline(&self, now: Instant) -> Option<Instant> {
        if !self.may_decide(now) {
            return None;
        }
        let duties = self.duties.next_deadline();
        let others = [
            self.arbiter_deadline(now),
            self.contest_deadline(now),
            self.leases_deadline().filter(|at| now < *at),
        ];
        duties.into_iter().chain(others.into_iter().flatten()).min()
    }

    fn decide(&mut self, decision: String, command: Command, now: Instant) {
        if self.duties.refused.contains_key(&decision) {
            return;
        }
        if self.require_level(&command).is_err() {
            return;
        }
        let command = self.stamp(command, now);
        if let Ok(index) = self.raft.propose(command, now) {
            self.duties.pending.insert(index, decision);
        }
    }

    /// Brings the log's picture of the members in line with what is heard.
    fn lead_members(&mut self, now: Instant) {
        self.duties.grace_ends = None;
        self.duties.lies_due = None;
        let mut heard_liars = std::mem::take(&mut self.duties.liars);
        let members: Vec<(NodeName, NodeSeen)> = self
            .state
            .seen()
            .nodes
            .iter()
            .map(|(name, seen)| (name.clone(), seen.clone()))
            .collect();
        for (name, seen) in members {
            let vouched = self.vouched_news(&name, &seen);
            let news = vouched.or_else(|| self.news_of(&name, &seen, now));
            let since = heard_liars.remove(&name);
            let news = news.and_then(|news| self.unless_it_was_confirmed_off(news, since, now));
            if let Some(command) = news {
                self.decide(format!("{command:?}"), command, now);
            }
        }
    }

    /// The command that the log still lacks about one member, if any.
    fn news_of(&mut self, name: &NodeName, seen: &NodeSeen, now: Instant) -> Option<Command> {
        let node = name.clone();
        if seen.id == self.config.id {
            let own = (self.config.boot, self.config.run);
            return self.news_of_alive(node, seen, own);
        }
        let heard = |boot: &BootId| (*boot, self.run_of(seen.id, *boot));
        match self.liveness.get(&seen.id) {
            // Its silence has been noticed, and may become a loss.
            Some(Liveness::Alive { .. }) if self.suspected.contains_key(&seen.id) => None,
            Some(Liveness::Alive { boot }) => self.news_of_alive(node, seen, heard(boot)),
            Some(Liveness::Left { .. }) if seen.state == NodeState::Down => None,
            Some(Liveness::Left { boot }) => self.news_of_alive(node, seen, heard(boot)),
            Some(Liveness::DaemonDown) => match seen.state {
                NodeState::Starting { boot } | NodeState::Online { boot } => {
                    Some(Command::DaemonDown { node, boot })
                }
                NodeState::Down
                | NodeState::DaemonDown { .. }
                | NodeState::Lost { .. }
                | NodeState::Leaving { .. } => None,
            },
            Some(Liveness::DaemonDownTooLong { .. }) => {
                self.loss_of(seen, Reason::DaemonDownTooLong { node: node.clone() }, node)
            }
            Some(Liveness::Lost { heard, .. })
                if seen.state.boot().is_some_and(|boot| !heard.covers(boot)) =>
            {
                self.news_of_never_heard(node, seen, now)
            }
            Some(Liveness::Lost {
                silence,
                silent_for,
                agreed_by,
                heard: _,
                at: _,
            }) => {
                let agreed_by = agreed_by
                    .iter()
                    .filter_map(|id| self.state.node_name(*id).cloned())
                    .collect();
                let (name, silent_for) = (node.clone(), *silent_for);
                let because = match silence {
                    Silence::Total => Reason::NodeSilent {
                        node: name,
                        silent_for,
                        agreed_by,
                    },
                    Silence::Unanswered => Reason::NodeUnanswered {
                        node: name,
                        silent_for,
                        agreed_by,
                    },
                };
                self.loss_of(seen, because, node)
            }
            None => self.news_of_never_heard(node, seen, now),
        }
    }

    /// A node that comes up in a boot that is over says nothing that the log would take. But
    /// where somebody confirmed the end of that boot, that was not true. Packets may have been
    /// on their way when it ended; only a node that is heard for longer lives.
    fn unless_it_was_confirmed_off(
        &mut self,
        news: Command,
        since: Option<Instant>,
        now: Instant,
    ) -> Option<Command> {
        let Command::NodeUp { node, boot, .. } = &news else {
            return Some(news);
        };
        match self.state.boot_of(node, *boot) {
            BootOf::Open => Some(news),
            BootOf::Ended => None,
            BootOf::Vouched => {
                let since = since.unwrap_or(now);
                self.duties.liars.insert(node.clone(), since);
                let timings = self.state.spec().map(|spec| spec.cluster.timings);
                let due = since + timings.unwrap_or_default().lost_after + LIE_HEARD;
                if now < due {
                    let first = self.duties.lies_due.map_or(due, |other| other.min(due));
                    self.duties.lies_due = Some(first);
                    return None;
                }
                let (node, boot) = (node.clone(), *boot);
                Some(Command::FenceLied { node, boot })
            }
        }
    }

    /// The run of the daemon that was heard last; 0 where another boot is spoken of.
    pub(crate) fn run_of(&self, peer: NodeId, boot: BootId) -> u64 {
        self.runs
            .get(&peer)
            .filter(|(known, _)| *known == boot)
            .map_or(0, |(_, run)| run.0)
    }

    fn news_of_alive(
        &self,
        node: NodeName,
        seen: &NodeSeen,
        (boot, run): (BootId, u64),
    ) -> Option<Command> {
        let is_known_run = run <= seen.run;
        let is_known = match &seen.state {
            NodeState::Starting { boot: known }
            | NodeState::Online { boot: known }
            | NodeState::Leaving { boot: known } => *known == boot && is_known_run,
            NodeState::Lost { boot: known, .. } => {
                *known == Some(boot) && is_known_run && !self.state.may_come_back(&node)
            }
            NodeState::Down if node == self.config.name => self.tending.leaves(),
            NodeState::Down | NodeState::DaemonDown { .. } => false,
        };
        (!is_known).then_some(Command::NodeUp { node, boot, run })
    }

    fn loss_of(&self, seen: &NodeSeen, because: Reason, node: NodeName) -> Option<Command> {
        match seen.state {
            NodeState::Down | NodeState::Lost { .. } => None,
            NodeState::Starting { boot }
            | NodeState::Online { boot }
            | NodeState::DaemonDown { boot }
            | NodeState::Leaving { boot } => Some(Command::NodeLost {
                node,
                boot: Some(boot),
                because,
            }),
        }
    }

    /// After the whole cluster has started, members that were up before and that nobody has
    /// heard since get some time to boot; then they are counted as lost.
    fn news_of_never_heard(
        &mut self,
        node: NodeName,
        seen: &NodeSeen,
        now: Instant,
    ) -> Option<Command> {
        seen.state.boot()?;
        if matches!(seen.state, NodeState::Lost { .. }) {
            return None;
        }
        let grace = self
            .state
            .spec()
            .map(|spec| spec.cluster.timings.start_grace)?;
        let ends = self.duties.leads_since? + grace;
        if ends <= now {
            return self.loss_of(seen, Reason::NeverHeard { node: node.clone() }, node);
        }
        self.duties.grace_ends = Some(self.duties.grace_ends.map_or(ends, |other| other.min(ends)));
        None
    }

    /// One change of the configuration at a time: members that are heard become learners,
    /// then voters; those that are proven off vote no more.
    fn lead_voters(&mut self, now: Instant) {
        // The first that the log accepts: a learner that has not caught up must not keep
        // another node out.
        let changes = self.voter_changes().into_iter();
        for change in changes.chain(self.arbiter_change(now)) {
            if let Ok(index) = self.raft.propose_configuration(change, now) {
                self.duties.pending.insert(index, format!("{change:?}"));
                return;
            }
        }
    }

    fn voter_changes(&self) -> Vec<raft::Change> {
        let configuration = self.raft.configuration();
        let mut changes = Vec::new();
        // In the order of their numbers: of those that are up the first become voters.
        let mut members: Vec<&NodeSeen> = self.state.seen().nodes.values().collect();
        members.sort_unstable_by_key(|seen| seen.id);
        let may_promote = configuration.voters.len() < VOTERS_MAX;
        for seen in members {
            let is_up = !matches!(seen.state, NodeState::Down | NodeState::Lost { .. });
            let is_heard = seen.id == self.config.id
                || matches!(
                    (self.liveness.get(&seen.id), is_up),
                    (Some(Liveness::Alive { .. }), _) | (Some(Liveness::Left { .. }), true)
                );
            let is_heard = is_heard && !self.suspected.contains_key(&seen.id);
            if is_heard && is_up && !configuration.contains(seen.id) {
                changes.push(raft::Change::AddLearner(seen.id));
            }
            if may_promote && is_heard && is_up && configuration.learners.contains(&seen.id) {
                changes.push(raft::Change::Promote(seen.id));
            }
            // Shrinking by fencing, and by a clean leave.
            if !is_heard && seen.state == NodeState::Down && configuration.contains(seen.id) {
                changes.push(raft::Change::Remove(seen.id));
            }
        }
        // Those that were taken out of the cluster.
        let is_member = |id: &NodeId| self.state.node_name(*id).is_some();
        if !self.state.seen().nodes.is_empty() {
            let gone = configuration.members().filter(|id| !is_member(id));
            changes.extend(gone.map(raft::Change::Remove));
        }
        changes
    }

    fn lead_plan(&mut self, now: Instant) {
        let is_due = self.duties.plan_again_at.is_some_and(|at| at <= now);
        if self.duties.planned_at == Some(self.applied) && !is_due {
            return;
        }
        self.duties.planned_at = Some(self.applied);
        let Some(spec) = self.state.spec() else {
            return;
        };
        let clock = self.cluster_time(now);
        let input = planner::Input {
            spec,
            spec_version: self.state.spec_version(),
            seen: self.state.seen(),
            id: PlanId(self.applied),
            now: clock,
            wall: self.wall,
        };
        let plan = planner::plan(&input);
        self.duties.plan_again_at = plan.again_at.map(|at| {
            now + at
                .saturating_duration_since(clock)
                .clamp(PLAN_SOON, PLAN_LATE)
        });
        for step in &plan.steps {
            if let planner::Action::Fence { target, .. } = &step.action
                && let Some(until) = self.holds_fence(target, now)
            {
                let again_at = self.duties.plan_again_at.unwrap_or(until);
                self.duties.plan_again_at = Some(again_at.min(until));
                continue;
            }
            let step = self.fenced_already(step);
            self.decide(step.action.to_string(), step.command(plan.id), now);
        }
        self.duties.waits = plan.waits;
    }

    /// Where this node has had a fence confirmed before the log asked for it, it is the one
    /// to be asked: nobody is fenced twice.
    fn fenced_already(&self, step: &planner::Step) -> planner::Step {
        let mut step = step.clone();
        if let planner::Action::Fence {
            target,
            boot,
            executor,
        } = &mut step.action
            && self.proven_off(target, *boot).is_some()
        {
            *executor = self.config.name.clone();
        }
        step
    }

    /// Until when the fence of a lost node waits, because it has spoken since it was lost.
    fn holds_fence(&mut self, target: &NodeName, now: Instant) -> Option<Instant> {
        let id = self.state.node_id(target)?;
        let Some(Liveness::Lost { at, .. }) = self.liveness.get(&id) else {
            self.duties.held.remove(target);
            return None;
        };
        if self.spoke.get(&id).is_none_or(|spoke| spoke <= at) {
            return None;
        }
        let since = *self.duties.held.entry(target.clone()).or_insert(now);
        Some(since + FENCE_HOLD).filter(|until| now < *until)
    }
}
