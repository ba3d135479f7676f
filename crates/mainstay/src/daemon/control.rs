//! The loop that owns the node: one input at a time in, all outputs out.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use agents::Agents;
use consensus::{Driver, Identity, Incoming, Transport};
use host::heartbeat;
use membership::{Event, Published, Voice};
use model::seen::FenceResult;
use model::{Instant, NodeId};
use node::{FenceAsker, Lease, Node, Output, PeerMessage, Relayed, RequestId};
use server::ControlRequest;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use wire::heartbeat::Phase;

use super::members::{Known, Member};
use super::network::Topology;
use super::pending::PendingMap;
use super::{DaemonError, Places};

/// Timers are not run more often than this, so that a deadline that does not move cannot
/// keep a core busy. Far below every timing of the cluster.
const TIMER_STEP: Duration = Duration::from_millis(1);

/// Without any deadline the loop looks around this often.
const IDLE_STEP: Duration = Duration::from_secs(1);

/// Several inputs are taken in one turn, so that a burst of messages costs one round of
/// outputs; more would delay the outputs of the first.
const INPUTS_PER_TURN: usize = 64;

/// What the hands tell.
pub enum Input {
    /// The failure detector.
    Heartbeat(Event),
    /// A fence has ended.
    Fence {
        /// Names the request.
        asker: FenceAsker,
        /// How it ended.
        result: FenceResult,
    },
    /// The watchdog's keeper.
    Watchdog(host::watchdog::News),
    /// The wait for a peer that was given a notice is over.
    Told(model::OperationId),
    /// An answer to a question of a peer.
    Answered(super::asks::Answered),
    /// What the nodes lack for a configuration that waits to be applied.
    Surveyed(Box<super::environment::Surveyed>),
    /// The rules of a configuration that waits to be applied.
    Ruled(Box<super::what_if::Ruled>),
    /// The kernel says something of cards.
    Cards(super::cards::CardNews),
    /// A ping target of a network or service was asked.
    Asked(super::reach::Asked),
    /// Somebody has set the wall clock.
    Wall(host::clock::Step),
    /// A link to a witness.
    Witness(consensus::witness::Notice),
    /// A ping target has answered.
    Echoed(super::pings::Echoed),
    /// A witness was asked to take this cluster in.
    Registered(Box<super::witness::Registered>),
    /// A disk witness.
    Disk(model::WitnessId, super::disk::News),
    /// A disk was looked at, whether it can be a witness.
    Claimed(Box<super::disk::Claimed>),
    /// How busy the processors are, in percent.
    Load(u32),
    /// Flag files have come or gone.
    Flags(node::Flags),
    /// The time of a poison pill is over.
    Pill {
        /// Names the request.
        asker: FenceAsker,
        /// Whose boot ended.
        target: model::NodeName,
        /// The device that says so.
        device: model::DeviceName,
        /// The boot, and how long was waited.
        what: (model::BootId, Duration),
    },
}

/// Where inputs come from.
pub struct Inputs {
    /// Detector and fences.
    pub hands: mpsc::Receiver<Input>,
    /// The log on disk.
    pub disk: mpsc::UnboundedReceiver<consensus::Report>,
    /// Peers.
    pub incoming: mpsc::Receiver<Incoming>,
    /// Resources.
    pub agents: mpsc::Receiver<agents::Event>,
    /// The socket.
    pub requests: mpsc::Receiver<ControlRequest>,
}

impl Inputs {
    /// Takes what is there already, up to a bound.
    fn take_more(&mut self, control: &mut Control) -> Result<(), DaemonError> {
        for _ in 0..INPUTS_PER_TURN {
            if let Ok(report) = self.disk.try_recv() {
                control.take_disk(report)?;
            } else if let Ok(input) = self.hands.try_recv() {
                control.take(input);
            } else if let Ok(message) = self.incoming.try_recv() {
                control.take_incoming(message);
            } else {
                break;
            }
        }
        Ok(())
    }
}

/// A transfer of leadership takes a round trip and an election without a wait; whoever has
/// not taken over within this time is found by an ordinary election.
const HAND_OVER: Duration = Duration::from_millis(500);

/// Whoever takes this node out no longer speaks to it afterwards, so the answer may not
/// come; a commit takes milliseconds.
const REMOVAL: Duration = Duration::from_secs(1);

/// Whether the daemon ends, and what it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It goes on.
    No,
    /// For the watchdog to sleep.
    Disarming {
        /// Not longer than this.
        until: Instant,
    },
    /// For somebody else to lead.
    HandingOver {
        /// Not longer than this.
        until: Instant,
    },
    /// For the others to take this node out.
    Removing {
        /// Not longer than this.
        until: Instant,
    },
}

/// Whether this daemon is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// It stays.
    No,
    /// Its services move away, then it ends.
    Halting,
    /// The same, and the node is taken out of the cluster afterwards.
    ForGood,
}

/// Everything the daemon has.
pub struct Control {
    pub node: Node,
    pub identity: Identity,
    pub places: Places,
    pub known: Known,
    pub topology: Topology,
    pub driver: Driver,
    pub transport: Transport,
    pub heartbeat: heartbeat::Handle,
    pub agents: Arc<Agents>,
    /// The way to the hands of checks.
    pub checks: super::checks::CheckHands,
    pub inputs: mpsc::Sender<Input>,
    pub applied: watch::Sender<u64>,
    pub pending: PendingMap,
    /// The ways to the witnesses.
    pub witnesses: super::witness::Links,
    /// Addresses outside the cluster that are asked whether they answer.
    pub pings: super::pings::Pings,
    /// The cards of this machine, and what should answer on their networks.
    pub cards: super::cards::KnownCards,
    /// How busy the processors are, where that counts.
    pub measuring: super::load::Measuring,
    /// Shared storage that votes.
    pub disks: super::disk::Disks,
    pub next_request: u64,
    /// The version of the spec that `topology` was made from.
    pub spec_version: u64,
    pub leaving: Leaving,
    /// Whether the daemon ends, and what it waits for.
    pub ending: Ending,
    /// Whether this node has left the view and runs nothing.
    pub has_left: bool,
    /// The newer history that this node yields to.
    pub yields_to: Option<model::Lineage>,
    /// Set when the loop may end.
    pub is_settled: bool,
    /// The watchdog of this node.
    pub dog: super::dog::Dog,
    pub quorum_journal: super::quorum::Journal,
    /// The version of each peer's program, as it last said.
    pub versions: BTreeMap<NodeId, String>,
    /// Jumps of the wall clock.
    pub jumps: super::wall::Jumps,
}

impl Control {
    /// Runs until the daemon is told to stop or must.
    pub async fn run(&mut self, mut inputs: Inputs) -> Result<ExitCode, DaemonError> {
        let mut signals = Signals::new()?;
        self.watch_wall();
        self.watch_cards();
        self.follow_witnesses();
        self.follow_ping_targets();
        self.follow_flags();
        self.follow_cards();
        self.follow_targets();
        self.follow_load();
        loop {
            let deadline = self.sleep_until();
            // A sleeper that wakes late must notice that its lease is over before it reads
            // what was sent to it meanwhile: each branch begins with a tick.
            tokio::select! {
                biased;
                () = signals.stop() => self.begin_stop(),
                () = tokio::time::sleep(deadline) => {}
                Some(report) = inputs.disk.recv() => {
                    self.tick();
                    self.take_disk(report)?;
                }
                Some(input) = inputs.hands.recv() => {
                    self.tick();
                    self.take(input);
                }
                Some(event) = inputs.agents.recv() => {
                    self.tick();
                    self.take_agent_event(event);
                }
                Some(message) = inputs.incoming.recv() => {
                    self.tick();
                    self.take_incoming(message);
                }
                Some(request) = inputs.requests.recv() => {
                    self.tick();
                    self.take_request(request);
                }
            }
            inputs.take_more(self)?;
            self.tick();
            self.flush();
            let now = host::clock::now();
            let has_followed = self.node.raft().leader() != Some(self.identity.id);
            self.is_settled |= match self.ending {
                Ending::No => false,
                Ending::Disarming { until } => {
                    if until <= now || !self.dog.is_awake() {
                        self.hand_over(now);
                    }
                    false
                }
                Ending::HandingOver { until } => until <= now || has_followed,
                Ending::Removing { until } => until <= now,
            };
            if let Some(index) = self.node.too_new() {
                return Err(DaemonError::TooNew(index));
            }
            if self.is_settled {
                return Ok(ExitCode::SUCCESS);
            }
        }
    }

    /// The daemon shall end, and services run on: the watchdog must sleep before.
    fn begin_stop(&mut self) {
        let now = host::clock::now();
        match (self.ending, self.dog_wait(now)) {
            (Ending::No, Some(until)) => self.ending = Ending::Disarming { until },
            (Ending::No, None) => self.hand_over(now),
            (
                Ending::Disarming { .. } | Ending::HandingOver { .. } | Ending::Removing { .. },
                _,
            ) => self.is_settled = true,
        }
    }

    /// Somebody else should lead before the daemon ends.
    fn hand_over(&mut self, now: Instant) {
        if self.node.raft().leader() != Some(self.identity.id) {
            self.is_settled = true;
            return;
        }
        self.node.transfer_leadership(now);
        self.ending = Ending::HandingOver {
            until: now + HAND_OVER,
        };
    }

    /// Ends what must not outlive the loop. Services go on running.
    ///
    /// Only a node that has left says good-bye: its silence means no harm. One whose
    /// services run on is as good as its heartbeats: peers find its daemon closed, and if
    /// the machine falls silent too, it is lost like any other.
    pub fn close(self, result: Result<ExitCode, DaemonError>) -> Result<ExitCode, DaemonError> {
        self.leave_dog();
        if self.has_left && self.leaving == Leaving::ForGood {
            self.retire();
        }
        if self.has_left {
            self.heartbeat.leave();
        }
        self.heartbeat.shutdown();
        self.transport.shutdown();
        let Some(lineage) = self.yields_to else {
            return result;
        };
        // The log is closed when its thread has ended.
        drop(self.driver);
        super::set_log_aside(&self.places, lineage)
    }

    /// A node that was taken out must not come back as a lonely member when somebody starts
    /// its daemon: without its identity it can only join anew. Keys and log are kept.
    fn retire(&self) {
        let identity = self
            .places
            .state_dir
            .join(consensus::identity::IDENTITY_FILE);
        let aside = identity.with_extension("json.left");
        match std::fs::rename(&identity, &aside) {
            Ok(()) => tracing::info!("this node has left for good; {} is kept", aside.display()),
            Err(error) => tracing::warn!("{} is still there: {error}", identity.display()),
        }
    }

    fn sleep_until(&self) -> Duration {
        let now = host::clock::now();
        match self.node.next_deadline(now) {
            Some(deadline) => {
                let due = match self.ending {
                    Ending::No => deadline,
                    Ending::Disarming { until }
                    | Ending::HandingOver { until }
                    | Ending::Removing { until } => until.min(deadline),
                };
                due.saturating_duration_since(now).max(TIMER_STEP)
            }
            None => IDLE_STEP,
        }
    }

    fn tick(&mut self) {
        self.node.set_wall(host::clock::wall());
        let now = host::clock::now();
        if self
            .node
            .next_deadline(now)
            .is_some_and(|deadline| deadline <= now)
        {
            if self.node.wants_hearing(now) {
                let hearing = self.heartbeat.snapshot();
                self.node.handle_hearing(&hearing.peers, now);
            }
            self.node.handle_timeout(now);
        }
    }

    fn take_disk(&mut self, report: consensus::Report) -> Result<(), DaemonError> {
        match report {
            consensus::Report::Durable(seq) => {
                self.node.handle_persisted(seq, host::clock::now());
                self.flush();
                Ok(())
            }
            consensus::Report::Failed(error) => Err(DaemonError::Disk(super::chain(&error))),
        }
    }

    fn take(&mut self, input: Input) {
        let now = host::clock::now();
        match input {
            Input::Heartbeat(event) => self.take_heartbeat(&event, now),
            Input::Fence { asker, result } => {
                tracing::info!(?asker, %result, "fence ended");
                self.node.handle_fence_ended(asker, result, now);
            }
            Input::Ruled(ruled) => self.take_ruled(*ruled),
            Input::Told(id) => self.node.handle_told(id, now),
            Input::Answered(answered) => self.send_answer(&answered),
            Input::Surveyed(surveyed) => self.take_surveyed(*surveyed),
            Input::Watchdog(news) => self.take_dog_news(news),
            Input::Cards(news) => self.take_cards(news, now),
            Input::Asked(asked) => self.take_asked(&asked, now),
            Input::Load(percent) => self.take_load(percent, now),
            Input::Wall(step) => self.take_jump(step, now),
            Input::Witness(notice) => self.take_witness(&notice),
            Input::Echoed(echo) => self.take_echo(&echo, now),
            Input::Flags(flags) => self.node.handle_flags(flags, now),
            Input::Registered(registered) => self.take_registered(*registered),
            Input::Disk(id, news) => self.take_disk_news(id, news),
            Input::Claimed(claimed) => self.take_claimed(*claimed),
            Input::Pill {
                asker,
                target,
                device,
                what,
            } => self.take_pill(asker, (&target, device), what),
        }
        self.flush();
    }

    fn take_heartbeat(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Late { .. } => tracing::debug!("{}", self.in_names(event)),
            Event::Suspected { peer, .. } => {
                tracing::warn!("{}", self.in_names(event));
                self.warm_fences(*peer);
            }
            Event::Lost { .. }
            | Event::LinkDown { .. }
            | Event::LinkOneWay { .. }
            | Event::Stalled { .. }
            | Event::Isolated { .. }
            | Event::DaemonDown { .. } => {
                tracing::warn!("{}", self.in_names(event));
            }
            _ => tracing::info!("{}", self.in_names(event)),
        }
        match event {
            Event::LinkDown { peer, link, .. } | Event::LinkOneWay { peer, link } => {
                if let Some(address) = self.topology.address_of(*peer, *link) {
                    self.transport.link_down(*peer, address);
                }
            }
            Event::Alive { peer, .. } | Event::Rebooted { peer, .. } => {
                self.transport.peer_alive(*peer);
            }
            _ => {}
        }
        self.node.handle_event(event, now);
    }

    fn in_names(&self, event: &Event) -> String {
        let text = event.to_string();
        self.topology.in_names(&text)
    }

    fn take_agent_event(&mut self, event: agents::Event) {
        let now = host::clock::now();
        match event {
            agents::Event::Finished(report) => {
                self.answer_notice(&report);
                self.node.handle_operation(report, now);
            }
            agents::Event::Failed {
                address,
                how,
                output,
                ..
            } => {
                tracing::warn!(resource = %address, "ended by itself: {how}");
                self.node.handle_failure(&address, (how, output), now);
            }
            agents::Event::Checked(checked) => self.take_checked(checked),
            agents::Event::Slow {
                address,
                verb,
                after,
                ..
            } => {
                tracing::warn!(resource = %address, "{verb} has run for {after:?}, half of its limit");
            }
        }
        self.flush();
    }

    fn take_incoming(&mut self, message: Incoming) {
        let now = host::clock::now();
        match message {
            Incoming::Message {
                from,
                message: consensus::PeerMessage::Question { request, question },
            } => self.take_question(from, request, &question),
            Incoming::Message {
                from,
                message: consensus::PeerMessage::Answer { request, answer },
            } => self.take_answer(from, request, &answer),
            Incoming::Message { from, message } => {
                if let Some(message) = self.read(message) {
                    self.node.handle_message(from, message, now);
                }
            }
            Incoming::Connected {
                peer,
                address,
                hello,
            } => {
                tracing::debug!(%peer, %address, version = hello.version, "connected");
                self.versions.insert(peer, hello.version);
                self.node.handle_level(peer, hello.feature_level, now);
                self.pending.asks.note_level(peer, hello.feature_level);
            }
            Incoming::Disconnected { peer, address, .. } => {
                tracing::debug!(%peer, %address, "disconnected");
            }
            Incoming::Join {
                request,
                token_digest,
                reply,
            } => {
                self.take_join(request, token_digest, reply);
            }
        }
        self.flush();
    }

    fn read(&self, message: consensus::PeerMessage) -> Option<PeerMessage> {
        use consensus::PeerMessage as Wire;
        match message {
            Wire::Raft(bytes) => match wire::raft::decode(&bytes) {
                Ok(message) => Some(PeerMessage::Raft(message)),
                Err(error) => {
                    tracing::warn!("a peer sent a message that cannot be read: {error}");
                    None
                }
            },
            Wire::Proposal { request, command } => Some(PeerMessage::Proposal {
                id: RequestId(request),
                command,
            }),
            Wire::ProposalReply { request, result } => {
                let result = serde_json::from_slice(&result).ok()?;
                Some(PeerMessage::ProposalReply {
                    id: RequestId(request),
                    result,
                })
            }
            Wire::Relayed {
                from,
                to,
                hops,
                message,
            } => {
                // One wrapping, so this goes no deeper than once.
                let inner = wire::peer::decode(&message).ok()?;
                if matches!(inner, Wire::Relayed { .. }) {
                    return None;
                }
                let message = Box::new(self.read(inner)?);
                Some(PeerMessage::Relayed(Relayed {
                    from,
                    to,
                    hops,
                    message,
                }))
            }
            Wire::Hello(_)
            | Wire::Ping { .. }
            | Wire::Pong { .. }
            | Wire::Question { .. }
            | Wire::Answer { .. } => None,
        }
    }

    /// Hands every output of the node to the hands.
    pub fn flush(&mut self) {
        self.tend_dog(host::clock::now());
        self.journal_quorum(host::clock::now());
        self.note_relays();
        while let Some(output) = self.node.poll_output() {
            match output {
                Output::Send { to, message } => self.transport.send(to, write(message)),
                Output::Persist(persist) => self.driver.persist(persist),
                Output::Operate(operation) => self.agents.execute(*operation),
                Output::Forget(address) => self.agents.forget(&address),
                Output::Tell(telling) => self.tell_peer(*telling),
                Output::Check(question) => self.ask_check(*question),
                Output::RunForCheck(run) => self.run_for_check(run),
                Output::Fence { asker, target } => self.begin_fence(asker, target),
                Output::AskGrant {
                    arbiter,
                    number,
                    ask,
                } => self.ask_witness(arbiter, number, *ask),
                Output::SetLogAside(lineage) => {
                    for service in self.node.left_running() {
                        tracing::error!(
                            "{service} is up here without a lease, and nobody watches it until \
                             this node follows the others: stop it by hand if they run it"
                        );
                    }
                    self.yields_to = Some(lineage);
                    self.is_settled = true;
                }
                Output::Forced(lineage) => {
                    let generation = lineage.generation;
                    tracing::warn!(generation, "this half goes on without the others");
                }
                Output::Reply { id, result } => self.answer(id, result),
                Output::Changed { applied } => {
                    self.applied.send_replace(applied);
                    self.take_changes();
                    self.tidy();
                    self.follow_witnesses();
                    self.follow_ping_targets();
                    self.follow_flags();
                    self.follow_cards();
                    self.follow_targets();
                    self.follow_load();
                }
                Output::Carry { network, card } => self.carry(&network, card.as_ref()),
                Output::Leader(leader) => {
                    match leader.and_then(|id| self.topology.names.get(&id)) {
                        Some(name) => tracing::info!("{name} leads"),
                        None => tracing::warn!("no leader is heard"),
                    }
                    self.first_steps();
                }
                Output::Left => self.take_left(),
                // The loop ends with it.
                Output::TooNew(index) => {
                    tracing::error!(index, "this program is too old for the log")
                }
            }
        }
        let now = host::clock::now();
        self.note_contact(now);
        self.tell_witnesses(now);
        self.hurry_pings();
        self.tell_disks(now);
        self.publish();
    }

    /// What the next heartbeats carry.
    fn publish(&self) {
        let now = host::clock::now();
        let boundary = self.node.boundary(now);
        let lease_until = match boundary.lease {
            Lease::Held => boundary.lease_until,
            Lease::Ended => Instant::ZERO,
        };
        self.heartbeat.publish(Published {
            epoch: self.node.epoch(),
            applied: self.node.applied(),
            lease_until,
            phase: Phase::Running,
        });
    }

    /// Members, addresses or timings may have changed.
    fn take_changes(&mut self) {
        let state = self.node.state();
        let members: Vec<Member> = state
            .members()
            .map(|(name, id, key)| Member {
                id,
                name: name.clone(),
                key: *key,
            })
            .collect();
        let version = state.spec_version();
        let voters = self.node.raft().configuration().voters.clone();
        self.transport.set_level(state.level());
        if members.is_empty() || state.spec().is_none() {
            return;
        }
        let is_new = version != self.spec_version || members != self.known.members;
        if is_new {
            let (Some(spec), Some(source)) = (state.spec(), state.spec_source()) else {
                return;
            };
            let known = Known {
                source: source.to_string(),
                members,
            };
            self.topology = Topology::new(spec, &known.members, &self.identity.name);
            self.spec_version = version;
            self.known = known;
            self.store_known();
            if let Err(error) = self.transport.set_peers(self.topology.peer_infos()) {
                tracing::error!("the peers cannot be connected: {error}");
            }
            self.transport.set_listen(&self.topology.listen());
            self.heartbeat.update_links(self.topology.local_links());
            self.heartbeat.update_settings(self.topology.settings());
        }
        if is_new || voters != self.pending.voters {
            let voice = |id: NodeId| {
                if voters.contains(&id) {
                    Voice::Voter
                } else {
                    Voice::Listener
                }
            };
            let own = voice(self.identity.id);
            self.heartbeat
                .update_peers(own, self.topology.endpoints(voice));
            self.pending.voters = voters;
        }
    }

    /// Gives up what services have left that are neither configured nor seen any more: the
    /// tasks and records of their resources, and in time what they have printed.
    fn tidy(&mut self) {
        let state = self.node.state();
        let Some(spec) = state.spec() else {
            return;
        };
        let now = Some((state.spec_version(), state.seen().services.len()));
        if self.pending.tidied == now {
            return;
        }
        let seen = state.seen().services.keys().cloned();
        let configured = spec.running_names().map(|(name, _)| name.into_owned());
        let known = seen.chain(configured).collect();
        self.agents.tidy(known, self.places.output_kept);
        self.pending.tidied = now;
    }

    fn store_known(&self) {
        if let Err(error) = self.known.store(&self.places.state_dir) {
            tracing::warn!("the list of members could not be kept: {error}");
        }
    }

    fn take_left(&mut self) {
        self.has_left = true;
        match self.leaving {
            Leaving::No => {}
            Leaving::Halting => self.is_settled = true,
            Leaving::ForGood => {
                self.ending = Ending::Removing {
                    until: host::clock::now() + REMOVAL,
                };
                self.remove_myself();
            }
        }
    }
}

fn write(message: PeerMessage) -> consensus::PeerMessage {
    use consensus::PeerMessage as Wire;
    match message {
        PeerMessage::Raft(message) => Wire::Raft(wire::raft::encode(&message)),
        PeerMessage::Proposal { id, command } => Wire::Proposal {
            request: id.0,
            command,
        },
        PeerMessage::ProposalReply { id, result } => {
            let result = serde_json::to_vec(&result).expect("results are plain data");
            Wire::ProposalReply {
                request: id.0,
                result,
            }
        }
        PeerMessage::Relayed(relayed) => Wire::Relayed {
            from: relayed.from,
            to: relayed.to,
            hops: relayed.hops,
            message: wire::peer::encode(write(*relayed.message)),
        },
    }
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, DaemonError> {
        let open = |kind| {
            signal(kind).map_err(|source| DaemonError::System {
                verb: "watch for signals",
                source,
            })
        };
        Ok(Self {
            terminate: open(SignalKind::terminate())?,
            interrupt: open(SignalKind::interrupt())?,
        })
    }

    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
