//! The machine itself: inputs, outputs, and what is done after each input.

use std::collections::{BTreeMap, VecDeque};

use model::operation::{Operation, OperationReport, ResourceAddress};
use model::plant::{self, Plant};
use model::seen::FenceResult;
use model::spec::ResourceSpec;
use model::{
    BootId, CardName, ClaimEpoch, ClusterTime, Command, Instant, Lineage, NetworkName, NodeId,
    NodeName, Stamped, WallTime,
};
use quorum::arbiter::Ask;
use raft::{Arbiter, PersistSeq, Raft};
use state::State;
use wire::heartbeat::Incarnation;
use wire::raft::{Entry, Payload};

use crate::arbiter::Words;
use crate::checks::tending::Checks;
use crate::duties::Duties;
use crate::executor::{Executor, Lease, Permit, Telling};
use crate::levels::Levels;
use crate::liveness::Liveness;
use crate::message::PeerMessage;
use crate::person::Vouched;
use crate::requests::{RequestError, RequestId, Requests};
use crate::split::{FenceAsker, Split};
use crate::tend::Tending;
use crate::yielding::Yielding;

/// The log is compacted after so many applied entries. A snapshot of a small cluster is
/// some tens of kilobytes, and a busy hour some thousand entries.
const COMPACT_EVERY: u64 = 2000;

/// Rounds of duties after one input. Each round either proposes or applies something new; a
/// handful is the most that one input has been seen to cause, and what is left waits for the
/// next input.
const ROUNDS_MAX: usize = 16;

/// Who this node is.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// Its number.
    pub id: NodeId,
    /// Its name.
    pub name: NodeName,
    /// This boot.
    pub boot: BootId,
    /// This run of the daemon: from 1, and more with each start that this node ever had. It
    /// is the incarnation that its heartbeats carry.
    pub run: u64,
    /// The feature level that its program knows: `model::level::LEVEL`, but in tests.
    pub level: u32,
}

/// What the hands shall do.
#[derive(Debug)]
pub enum Output {
    /// Send a message; it may be lost.
    Send {
        /// To whom.
        to: NodeId,
        /// What.
        message: PeerMessage,
    },
    /// Write to the log on disk, then call `handle_persisted`.
    Persist(raft::Persist),
    /// Carry out an operation, then call `handle_operation`.
    Operate(Box<Operation>),
    /// Forget a resource, before anything that comes after this: what runs of it runs on, and
    /// nothing may be found of it any more that was written down here.
    Forget(ResourceAddress),
    /// Tell a copy on another node what happens to one here, then call `handle_told`: when it
    /// has been told, cannot be told, or its limit is over.
    Tell(Box<Telling>),
    /// Fence a node with its devices, then call `handle_fence_ended`.
    Fence {
        /// Names the request.
        asker: FenceAsker,
        /// Whom.
        target: NodeName,
    },
    /// Ask an arbiter outside for its vote, then call `handle_grant`. An answer that does not
    /// come is asked for again.
    AskGrant {
        /// Whom.
        arbiter: Arbiter,
        /// Names the question.
        number: u64,
        /// What.
        ask: Box<Ask>,
    },
    /// This node has met a newer history and yields: end the daemon, set the log aside
    /// (`consensus::set_log_aside`) and start again.
    SetLogAside(Lineage),
    /// This node has won a forced change and goes on without those who are absent.
    Forced(Lineage),
    /// Ask a check, then call `handle_check`.
    Check(Box<crate::checks::Question>),
    /// Run a program beside a check; nobody waits for it.
    RunForCheck(crate::checks::CheckRun),
    /// Answer a request.
    Reply {
        /// Which.
        id: RequestId,
        /// The log index under which the command was applied, or why it was not.
        result: Result<u64, RequestError>,
    },
    /// The state has changed: people who watch want to know, and members, addresses,
    /// timings may be others.
    Changed {
        /// Up to this index commands have been applied.
        applied: u64,
    },
    /// Somebody else leads, or nobody.
    Leader(Option<NodeId>),
    /// The addresses of a network shall be on this card; none: it has none that is known.
    Carry {
        /// Of which network.
        network: NetworkName,
        /// On which card.
        card: Option<CardName>,
    },
    /// This node has left and runs nothing: the daemon may end.
    Left,
    /// A newer program made this entry of the log, and this one does not know it: end the
    /// daemon. Services run on.
    TooNew(u64),
}

/// How a node stands towards the others, for heartbeats and `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boundary {
    /// Whether it hears from a quorate leader, or is one.
    pub lease: Lease,
    /// Until when, as things are.
    pub lease_until: Instant,
    /// Who leads.
    pub leader: Option<NodeId>,
}

/// One node of a cluster.
pub struct Node {
    pub(crate) config: NodeConfig,
    pub(crate) raft: Raft,
    pub(crate) state: State,
    pub(crate) applied: u64,
    pub(crate) executor: Executor,
    pub(crate) checks: Checks,
    pub(crate) losses: crate::outlive::Losses,
    pub(crate) leases: crate::locks::Leases,
    pub(crate) recorded: Vec<(ResourceAddress, ResourceSpec)>,
    pub(crate) requests: Requests,
    pub(crate) duties: Duties,
    pub(crate) tending: Tending,
    pub(crate) split: Split,
    pub(crate) words: Words,
    pub(crate) yielding: Yielding,
    pub(crate) levels: Levels,
    pub(crate) lies: crate::lies::Lies,
    pub(crate) networks: crate::networks::Networks,
    pub(crate) load: crate::load::Load,
    /// Nodes of which a person has said that they are off.
    pub(crate) vouched: Option<Vouched>,
    pub(crate) liveness: BTreeMap<NodeId, Liveness>,
    /// Members that are silent, and since when that was noticed. Where a majority is silent
    /// nobody agrees that they are lost, and they stay here.
    pub(crate) suspected: BTreeMap<NodeId, Instant>,
    /// Which members are reached by way of which others.
    pub(crate) relays: BTreeMap<NodeId, NodeId>,
    /// When each member last sent a message (not a heartbeat).
    pub(crate) spoke: BTreeMap<NodeId, Instant>,
    /// The run of each peer's daemon that was heard last.
    pub(crate) runs: BTreeMap<NodeId, (BootId, Incarnation)>,
    pub(crate) leader: Option<NodeId>,
    pub(crate) lease: Lease,
    /// Another history has a quorum, and this one exists by a word that was not true.
    pub(crate) stands_back: bool,
    /// What the executor was told last.
    pub(crate) permit: Permit,
    /// When a quorate leader was last heard, or at first: when this run began. The log
    /// forgets it with each new term; the right to run services does not end with a term.
    pub(crate) contact: Instant,
    /// When this run began.
    pub(crate) began: Instant,
    /// When a majority of the voters was last known to be here or closed (`company.rs`).
    pub(crate) together: Option<Instant>,
    pub(crate) wall: WallTime,
    /// Cluster time, and when this node saw it.
    clock: (ClusterTime, Instant),
    pub(crate) compacted: u64,
    compact_every: u64,
    pub(crate) outputs: VecDeque<Output>,
}

impl Node {
    /// A node with the log that its disk held. `recorded` is what an earlier run of the
    /// daemon in this boot noted as started.
    ///
    /// # Panics
    /// When the run has no number.
    #[must_use]
    pub fn new(
        config: NodeConfig,
        raft: Raft,
        recorded: Vec<(ResourceAddress, ResourceSpec)>,
        now: Instant,
    ) -> Self {
        assert!(0 < config.run, "runs are numbered from 1");
        let executor = Executor::new(config.name.clone(), config.boot);
        let run = config.run;
        Self {
            config,
            raft,
            state: State::new(),
            applied: 0,
            executor,
            checks: Checks::default(),
            losses: crate::outlive::Losses::default(),
            leases: crate::locks::Leases::default(),
            recorded,
            requests: Requests::new(run),
            duties: Duties::default(),
            tending: Tending::default(),
            split: Split::default(),
            words: Words::default(),
            yielding: Yielding::default(),
            levels: Levels::default(),
            lies: crate::lies::Lies::default(),
            networks: crate::networks::Networks::default(),
            load: crate::load::Load::default(),
            vouched: None,
            liveness: BTreeMap::new(),
            leader: None,
            lease: Lease::Held,
            stands_back: false,
            permit: Permit::All,
            contact: now,
            began: now,
            together: None,
            suspected: BTreeMap::new(),
            relays: BTreeMap::new(),
            spoke: BTreeMap::new(),
            runs: BTreeMap::new(),
            wall: WallTime(0),
            clock: (ClusterTime::default(), now),
            compacted: 0,
            compact_every: COMPACT_EVERY,
            outputs: VecDeque::new(),
        }
    }

    /// Compacts the log after so many applied entries, for tests that want snapshots soon.
    pub fn compact_every(&mut self, entries: u64) {
        self.compact_every = entries;
    }

    /// Tells the wall clock, for the stamps of commands. Data only.
    pub fn set_wall(&mut self, wall: WallTime) {
        self.wall = wall;
    }

    /// Cluster time as this node knows it: it goes on with its own monotonic clock from the
    /// newest command that was applied here.
    #[must_use]
    pub fn cluster_time(&self, now: Instant) -> ClusterTime {
        let (clock, since) = self.clock;
        clock + now.saturating_duration_since(since)
    }

    /// Cluster time never goes back: a stamp that is older than what this node counts itself
    /// took its time on the way.
    fn follow_clock(&mut self, now: Instant) {
        if self.cluster_time(now) < self.state.clock() {
            self.clock = (self.state.clock(), now);
        }
    }

    /// A message from a member.
    pub fn handle_message(&mut self, from: NodeId, message: PeerMessage, now: Instant) {
        self.check_lease(now);
        self.take_message(from, message, now);
        self.advance(now);
    }

    pub(crate) fn take_message(&mut self, from: NodeId, message: PeerMessage, now: Instant) {
        self.spoke.insert(from, now);
        self.end_vouch_of(from, now);
        match message {
            PeerMessage::Raft(message) => {
                self.meet_strange_leader(&message, now);
                self.raft.handle_message(message, now);
            }
            PeerMessage::Proposal { id, .. }
                if !self.requests.is_new(from, id) && !plant::is(Plant::ProposalAppliedTwice) => {}
            PeerMessage::Proposal { id, command } => self.take_proposal((from, id), command, now),
            PeerMessage::ProposalReply { id, result } => self.handle_reply(id, result, now),
            PeerMessage::Relayed(relayed) => self.take_relayed(from, relayed, now),
        }
    }

    /// Everything up to this record is on disk.
    pub fn handle_persisted(&mut self, seq: PersistSeq, now: Instant) {
        self.raft.handle_persisted(seq, now);
        self.advance(now);
    }

    /// An operation has ended.
    pub fn handle_operation(&mut self, report: OperationReport, now: Instant) {
        self.executor.handle_report(report, now);
        self.advance(now);
    }

    /// A resource ended or vanished by itself.
    pub fn handle_failure(
        &mut self,
        address: &ResourceAddress,
        (how, output): (String, String),
        now: Instant,
    ) {
        self.executor.handle_failure(address, how, output);
        self.advance(now);
    }

    /// A fence that this node was asked for has ended.
    pub fn handle_fence_ended(&mut self, asker: FenceAsker, result: FenceResult, now: Instant) {
        match asker {
            FenceAsker::Log(id) => self.tending.fence_ended(id, result),
            FenceAsker::Half { attempt, method } => {
                self.half_fence_ended((attempt, method), result, now);
            }
        }
        self.advance(now);
    }

    /// Hands leadership to another voter, before this node stops.
    pub fn transfer_leadership(&mut self, now: Instant) {
        self.transfer(now);
        self.advance(now);
    }

    pub(crate) fn has_heir(&self) -> bool {
        self.heir().is_some()
    }

    fn heir(&self) -> Option<NodeId> {
        self.raft
            .configuration()
            .voters
            .iter()
            .copied()
            .find(|voter| {
                *voter != self.config.id
                    && matches!(self.liveness.get(voter), Some(Liveness::Alive { .. }))
            })
    }

    pub(crate) fn transfer(&mut self, now: Instant) {
        if let Some(heir) = self.heir() {
            // A refusal leaves things as they are, and an election follows in its time.
            let _refused = self.raft.transfer_leadership(heir, now);
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.check_lease(now);
        self.raft.handle_timeout(now);
        self.split_timeout(now);
        self.time_requests(now);
        self.advance(now);
    }

    /// When `handle_timeout` is due next.
    #[must_use]
    pub fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let lease = (self.lease == Lease::Held).then(|| self.lease_until(now));
        [
            self.raft.next_deadline(),
            self.requests.next_deadline(),
            self.executor_deadline(now),
            self.checks.engine.next_deadline(),
            self.leader.and_then(|_| self.tending.next_deadline()),
            self.tending.alone_deadline(),
            self.first_hearing_ends(now),
            self.split_deadline(),
            self.yielding_deadline(now),
            self.lies_deadline(),
            self.networks_deadline(now),
            self.load_deadline(),
            self.outlived_deadline(now),
            self.duties_deadline(now),
            lease,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front()?;
        Some(self.routed(output))
    }

    /// The replicated state as this node knows it.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The log.
    #[must_use]
    pub fn raft(&self) -> &Raft {
        &self.raft
    }

    /// Up to which index commands have been applied here.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// Numbers the view of this node.
    #[must_use]
    pub fn epoch(&self) -> model::Epoch {
        self.state.epoch()
    }

    /// What the last plan of this node waits for; empty where another node leads.
    #[must_use]
    pub fn waits(&self) -> &[planner::Wait] {
        self.duties.waits()
    }

    /// Who this node is.
    #[must_use]
    pub fn config(&self) -> &NodeConfig {
        &self.config
    }

    /// Whether nothing of any service is up here.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.executor.is_idle()
    }

    /// How this node stands towards the others.
    #[must_use]
    pub fn boundary(&self, now: Instant) -> Boundary {
        Boundary {
            lease: self.lease,
            lease_until: self.lease_until(now),
            leader: self.leader,
        }
    }

    pub(crate) fn is_leader(&self) -> bool {
        self.leader == Some(self.config.id)
    }

    pub(crate) fn stamp(&self, command: Command, now: Instant) -> Vec<u8> {
        serde_json::to_vec(&Stamped {
            at: self.wall,
            clock: self.cluster_time(now),
            command,
        })
        .expect("commands hold nothing that JSON cannot say")
    }

    /// Drains the log, does the duties, and drains it again until nothing moves.
    pub(crate) fn advance(&mut self, now: Instant) {
        for _ in 0..ROUNDS_MAX {
            self.check_lease(now);
            let is_moved = self.drain_raft(now);
            self.answer_applied();
            self.send_requests(now);
            self.tend(now);
            self.lead(now);
            if !self.drain_raft(now) && !is_moved {
                break;
            }
        }
    }

    fn drain_raft(&mut self, now: Instant) -> bool {
        let before = (self.applied, self.tending.reads());
        while let Some(output) = self.raft.poll_output() {
            match output {
                raft::Output::Send(message) => {
                    let to = message.to;
                    let message = PeerMessage::Raft(message);
                    self.outputs.push_back(Output::Send { to, message });
                }
                raft::Output::Persist(persist) => self.outputs.push_back(Output::Persist(persist)),
                raft::Output::Committed(entries) => {
                    entries.into_iter().for_each(|entry| self.apply(entry, now));
                    self.note_losses(now);
                    self.note_leases(now);
                }
                raft::Output::RestoreSnapshot(meta, data) => self.restore((meta.index, &data), now),
                raft::Output::RoleChanged { leader, .. } => self.take_leader(leader, now),
                raft::Output::ReadReady { context, index } => {
                    self.tending.read_ready(Instant(context), index);
                }
                raft::Output::Superseded { by, lineage } => self.meet_rival(by, lineage, now),
                raft::Output::Forced { lineage } => self.split_has_forced(lineage),
                raft::Output::ReadFailed { .. } | raft::Output::LineageMismatch { .. } => {}
            }
        }
        self.compact();
        (self.applied, self.tending.reads()) != before
    }

    fn apply(&mut self, entry: Entry, now: Instant) {
        if self.levels.too_new.is_some() {
            return;
        }
        assert!(
            self.applied < entry.index,
            "entry {} after {}",
            entry.index,
            self.applied
        );
        let result = match &entry.payload {
            Payload::Empty | Payload::Voters(_) | Payload::Forced(_) => Ok(entry.index),
            Payload::Command(bytes) => match serde_json::from_slice::<Stamped>(bytes) {
                Ok(stamped) if stamped.command.level() <= self.config.level => {
                    self.apply_command(entry.index, &stamped, now)
                }
                Ok(_) | Err(_) => return self.meet_too_new(entry.index),
            },
        };
        self.applied = entry.index;
        self.follow_clock(now);
        let is_refused = matches!(result, Err(RequestError::Rejected(_)));
        self.duties.applied(entry.index, is_refused.then_some(now));
        if let Some((term, asker)) = self.requests.proposed.remove(&entry.index) {
            let result = if term == entry.term {
                result
            } else {
                Err(RequestError::LeaderChanged)
            };
            self.reply(asker, result, now);
        }
        self.outputs.push_back(Output::Changed {
            applied: self.applied,
        });
    }

    fn apply_command(
        &mut self,
        index: u64,
        stamped: &Stamped,
        now: Instant,
    ) -> Result<u64, RequestError> {
        // Older programs refuse what they do not know; so it is refused on all nodes alike.
        self.require_level(&stamped.command)
            .and_then(|()| self.state.apply(index, stamped))
            .map_err(RequestError::Rejected)?;
        self.apply_rearm(&stamped.command, now);
        if let Command::Left { node, boot } = &stamped.command
            && let Some(id) = self.state.node_id(node)
            && self.liveness.get(&id) == Some(&Liveness::Alive { boot: *boot })
            && !self.hears_newer_run(node, id, *boot)
        {
            // It may be heard for a moment longer; only a new run of its daemon is news.
            // Should this be an old entry, read after a start of our own, then the entry
            // that follows says that it is up again.
            self.liveness.insert(id, Liveness::Left { boot: *boot });
        }
        Ok(index)
    }

    /// Whether a run of its daemon is heard that began after the one that the log knows.
    fn hears_newer_run(&self, name: &NodeName, id: NodeId, boot: BootId) -> bool {
        let known = self.state.seen().nodes.get(name).map_or(0, |node| node.run);
        known < self.run_of(id, boot)
    }

    fn restore(&mut self, (index, data): (u64, &[u8]), now: Instant) {
        // The first snapshot of a cluster, made by `init`, carries no state yet.
        self.state = if data.is_empty() {
            State::new()
        } else {
            match State::from_snapshot(data) {
                // Fields that this program does not know were skipped in silence.
                Ok(state) if state.level() <= self.config.level => state,
                Ok(_) | Err(_) => return self.meet_too_new(index),
            }
        };
        self.follow_clock(now);
        self.forget_leases();
        self.note_leases(now);
        self.applied = index;
        self.compacted = index;
        self.outputs.push_back(Output::Changed { applied: index });
    }

    fn compact(&mut self) {
        if self.compact_every <= self.applied.saturating_sub(self.compacted) {
            self.compacted = self.applied;
            self.raft.compact(self.applied, self.state.to_snapshot());
        }
    }

    fn take_leader(&mut self, leader: Option<NodeId>, now: Instant) {
        if self.leader == leader {
            return;
        }
        self.leader = leader;
        if leader.is_some() {
            self.split_sees_leader();
        }
        if leader.is_some_and(|leader| leader != self.config.id) {
            self.end_vouches();
        }
        self.duties.leader_changed(self.raft.last_index(), now);
        self.tending.leader_changed();
        self.executor.handle_new_leader();
        self.outputs.push_back(Output::Leader(leader));
    }

    /// A run that carries nothing out has nothing due.
    fn executor_deadline(&self, now: Instant) -> Option<Instant> {
        let carries_out = self.is_caught_up() || self.clears_away(now);
        self.executor.next_deadline().filter(|_| carries_out)
    }

    /// Reports of the executor that concern this claim.
    pub(crate) fn report_of(
        &self,
        service: model::ServiceName,
        epoch: ClaimEpoch,
        incarnation: u32,
        (report, resources, role): (
            model::command::Report,
            Vec<(model::ResourceName, model::seen::ResourceState)>,
            model::roles::RoleTold,
        ),
    ) -> Command {
        Command::Report {
            node: self.config.name.clone(),
            boot: self.config.boot,
            run: self.config.run,
            service,
            epoch,
            incarnation,
            report,
            resources,
            role,
        }
    }
}
