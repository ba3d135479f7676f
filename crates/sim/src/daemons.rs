//! What comes to a daemon, and what is done with what its node and its detector say.

use std::collections::BTreeSet;
use std::time::Duration;

use membership::{Output as Heard, Path, Peer, Published, Voice};
use model::{Instant, Lineage, NodeId};
use node::{Output, PeerMessage};
use raft::{Persist, PersistSeq, Restored};
use wire::heartbeat::{Heartbeat, LinkId, Phase};

use crate::act::Write;
use crate::machine::{Daemon, Power};
use crate::promises::Promise;
use crate::world::{Event, World};

/// A kernel's refusal is on its way for so long.
const REFUSAL: Duration = Duration::from_micros(200);

/// Supervision starts a daemon again after so long.
const SUPERVISED: Duration = Duration::from_millis(500);

/// Outputs after one input; more would be a loop.
const OUTPUTS_MAX: usize = 20_000;

impl World {
    /// The daemon, where it can be given something, with its own time.
    pub fn awake(&mut self, id: NodeId) -> Option<(&mut Daemon, Instant)> {
        if self.machine(id).power != Power::On {
            return None;
        }
        self.daemon_of(id)
    }

    /// The same, also where the machine stands still.
    pub(crate) fn daemon_of(&mut self, id: NodeId) -> Option<(&mut Daemon, Instant)> {
        let now = self.now;
        let machine = &mut self.machines[(id.0 - 1) as usize];
        let (local, wall) = (machine.clock.local(now), machine.clock.wall(now));
        let daemon = machine.daemon.as_mut()?;
        daemon.node.set_wall(wall);
        Some((daemon, local))
    }

    /// The same, for one run only.
    pub fn awake_run(&mut self, (id, run): (NodeId, u64)) -> Option<(&mut Daemon, Instant)> {
        self.awake(id).filter(|(daemon, _)| daemon.run == run)
    }

    pub(crate) fn hear(&mut self, to: NodeId, link: LinkId, heartbeat: &Heartbeat) {
        let speaker = heartbeat.header.origin.node;
        let level = self.machine(speaker).level;
        if let Some((daemon, local)) = self.awake(to) {
            let _rejected = daemon.detector.handle_heartbeat(link, heartbeat, local);
            // Who is heard is connected as well, and greetings tell it.
            daemon.node.handle_level(speaker, level, local);
            return self.carry_out(to);
        }
        let from = heartbeat.header.origin.node;
        let is_on = self.machine(to).power == Power::On;
        if is_on && !self.wires.is_cut(to, from, link.0) {
            let event = Event::Refused {
                by: to,
                to: from,
                link,
            };
            self.put(REFUSAL, event);
        }
    }

    pub(crate) fn refused(&mut self, by: NodeId, to: NodeId, link: LinkId) {
        if let Some((daemon, local)) = self.awake(to) {
            daemon.detector.handle_refused(link, by, local);
            self.carry_out(to);
        }
    }

    pub(crate) fn message(&mut self, from: NodeId, to: NodeId, message: PeerMessage) {
        if let Some((daemon, local)) = self.awake(to) {
            daemon.node.handle_message(from, message, local);
            self.carry_out(to);
            self.check_lease(to);
        }
    }

    pub(crate) fn written(&mut self, (on, run): (NodeId, u64), seq: PersistSeq) {
        let machine = self.machine(on);
        let is_this_run = machine.daemon.as_ref().is_some_and(|d| d.run == run);
        if !is_this_run {
            return;
        }
        machine.disk.carry_out();
        if let Some((daemon, local)) = self.awake_run((on, run)) {
            daemon.node.handle_persisted(seq, local);
            self.carry_out(on);
        }
    }

    pub(crate) fn run_timers(&mut self, id: NodeId) {
        let Some((daemon, local)) = self.awake(id) else {
            return;
        };
        if daemon.detector.next_deadline() <= local {
            daemon.detector.handle_timeout(local);
            note_ways(daemon, local);
        }
        let due = daemon.node.next_deadline(local);
        if due.is_some_and(|at| at <= local) {
            if daemon.node.wants_hearing(local) {
                let peers = daemon.detector.peers(local);
                daemon.node.handle_hearing(&peers, local);
            }
            daemon.node.handle_timeout(local);
            let next = daemon.node.next_deadline(local);
            self.check_lease(id);
            if let Some(next) = next.filter(|next| *next <= local) {
                let what = format!("due at {next:?}, still, at {local:?}");
                self.break_promise(Promise::Progress, what);
            }
        }
        self.carry_out(id);
    }

    /// Everything that a daemon wants done, until there is nothing left; then the promises
    /// that it could have broken, and when it wants to be called again.
    pub(crate) fn carry_out(&mut self, id: NodeId) {
        let mut has_tended = false;
        for _ in 0..OUTPUTS_MAX {
            let Some((daemon, local)) = self.awake(id) else {
                return;
            };
            let run = daemon.run;
            if let Some(output) = daemon.detector.poll_output() {
                match output {
                    Heard::Event(event) => {
                        daemon.node.handle_event(&event, local);
                        self.check_heard(id, &event);
                        self.trace.story(self.now, Some(id), || event.to_string());
                    }
                    Heard::Send {
                        peer,
                        link,
                        heartbeat,
                    } => self.post_heartbeat(id, peer, link, heartbeat),
                }
            } else if let Some(output) = daemon.node.poll_output() {
                self.carry_out_one((id, run), output);
            } else if !has_tended {
                has_tended = true;
                self.tend_dog(id);
            } else {
                self.update_peers(id);
                self.check_daemon(id);
                return self.plan_wake(id);
            }
        }
        let what = format!("{OUTPUTS_MAX} outputs after one input");
        self.break_promise(Promise::Progress, what);
    }

    fn plan_wake(&mut self, id: NodeId) {
        let now = self.now;
        let machine = self.machine(id);
        let local = machine.clock.local(now);
        let Some(daemon) = &machine.daemon else {
            return;
        };
        let mut due = daemon.detector.next_deadline();
        if let Some(at) = daemon.node.next_deadline(local) {
            due = due.min(at);
        }
        let at = machine.clock.truly(due).max(now);
        if machine.wakes_at.is_none_or(|planned| at < planned) {
            machine.wakes_at = Some(at);
            self.queue.put(at, Event::Wake { on: id });
        }
    }

    fn post_heartbeat(&mut self, from: NodeId, to: NodeId, link: LinkId, beat: Box<Heartbeat>) {
        if self.setup.nodes < to.0 {
            return;
        }
        if self.wires.is_cut(from, to, link.0) {
            self.wires.packets.cut += 1;
            return;
        }
        self.recordings.keep((to, link), &beat);
        let [first, second] = self.wires.carry(&mut self.random);
        if let Some(delay) = second {
            let heartbeat = beat.clone();
            self.put(
                delay,
                Event::Heartbeat {
                    to,
                    link,
                    heartbeat,
                },
            );
        }
        if let Some(delay) = first {
            let heartbeat = beat;
            self.put(
                delay,
                Event::Heartbeat {
                    to,
                    link,
                    heartbeat,
                },
            );
        }
    }

    fn post_message(&mut self, from: NodeId, to: NodeId, message: PeerMessage) {
        if let PeerMessage::Raft(message) = &message {
            self.check_sent(from, message);
        }
        if self.setup.nodes < to.0 {
            return;
        }
        if self.wires.open(from, to).is_none() {
            self.wires.packets.cut += 1;
            return;
        }
        let [first, second] = self.wires.carry(&mut self.random);
        if let Some(delay) = second {
            let message = Box::new(message.clone());
            self.put(delay, Event::Message { from, to, message });
        }
        if let Some(delay) = first {
            let message = Box::new(message);
            self.put(delay, Event::Message { from, to, message });
        }
    }

    fn carry_out_one(&mut self, (id, run): (NodeId, u64), output: Output) {
        let now = self.now;
        match output {
            Output::Send { to, message } => self.post_message(id, to, message),
            Output::Persist(persist) => {
                let seq = persist.seq;
                let is_trap = self.is_trap_for(id, &persist);
                let machine = &mut self.machines[(id.0 - 1) as usize];
                let at = machine.disk.order(persist, now, &mut self.random);
                self.queue.put(at, Event::Written { on: id, run, seq });
                if is_trap {
                    self.spring_trap((id, run), at);
                }
            }
            Output::Operate(operation) => self.operate((id, run), *operation),
            Output::Forget(address) => {
                let machine = &mut self.machines[(id.0 - 1) as usize];
                machine.recorded.remove(&address);
            }
            // No service here asks for notices.
            Output::Tell(_) => {}
            // Services of the simulator have no checks.
            Output::Check(_) | Output::RunForCheck(_) => {}
            Output::Fence { asker, target } => self.fence((id, run), asker, &target),
            Output::SetLogAside(lineage) => {
                self.trace.tale(now, Some(id), || {
                    format!("yields to generation {}", lineage.generation)
                });
                self.set_log_aside(id, lineage);
            }
            Output::AskGrant {
                arbiter,
                number,
                ask,
            } => self.ask_witness((id, run), (arbiter, number), ask),
            Output::Forced(lineage) => {
                self.trace.tale(now, Some(id), || {
                    format!(
                        "goes on without the others: generation {}",
                        lineage.generation
                    )
                });
                self.check_pledges();
            }
            Output::Reply {
                id: request,
                result,
            } => self.replied((id, run), request, result),
            Output::Changed { .. } => {}
            Output::Leader(leader) => {
                self.trace.story(now, Some(id), || match leader {
                    Some(leader) => format!("follows {}", crate::form::node_name(leader)),
                    None => "follows nobody".into(),
                });
            }
            Output::Carry { network, card } => self.carry(id, network, card),
            Output::Left => self.leave(id),
            Output::TooNew(index) => self.fail_too_new(id, index),
        }
    }

    /// Somewhere in the middle of a write the daemon ends.
    fn spring_trap(&mut self, (on, run): (NodeId, u64), written_at: Instant) {
        let left = written_at.0.saturating_sub(self.now.0);
        let delay = Duration::from_nanos(self.random.below(left / 1000 + 1) * 1000);
        self.put(delay, Event::Trap { on, run });
    }

    /// Whether a trap waits for this write; it is set once.
    fn is_trap_for(&mut self, on: NodeId, persist: &Persist) -> bool {
        let machine = self.machine(on);
        let before = &machine.disk.stable.hard_state;
        let is_vote = persist.hard_state.as_ref().is_some_and(|state| {
            (state.term, state.vote, state.lineage) != (before.term, before.vote, before.lineage)
                && state.vote.is_some()
        });
        let springs = match machine.trap {
            None => false,
            Some(Write::Any) => true,
            Some(Write::Vote) => is_vote,
        };
        if springs {
            machine.trap = None;
        }
        springs
    }

    /// The daemon is killed, and supervision is quick.
    pub(crate) fn trap(&mut self, (on, run): (NodeId, u64)) {
        let is_this_run = self
            .machine(on)
            .daemon
            .as_ref()
            .is_some_and(|d| d.run == run);
        if is_this_run {
            self.kill_daemon(on);
            let delay = Duration::from_millis(self.random.between(1, 60));
            self.put(delay, Event::StartDaemon { on });
        }
    }

    /// What a node does that yields to another history: its log is set aside, and the daemon
    /// is started again without one.
    fn set_log_aside(&mut self, id: NodeId, lineage: Lineage) {
        self.check_daemon(id);
        self.kill_daemon(id);
        let disk = &mut self.machine(id).disk;
        disk.stable = Restored::rejoin(lineage, &disk.stable.hard_state);
        self.put(SUPERVISED, Event::StartDaemon { on: id });
    }

    /// What no member knows must not be in the log.
    fn fail_too_new(&mut self, id: NodeId, index: u64) {
        let what = format!("entry {index} is unknown to the program of {id}");
        self.break_promise(Promise::S5OneHistory, what);
    }

    fn leave(&mut self, id: NodeId) {
        self.check_daemon(id);
        let mut beats = Vec::new();
        if let Some((daemon, local)) = self.awake(id) {
            daemon.detector.leave(local);
            while let Some(output) = daemon.detector.poll_output() {
                if let Heard::Send {
                    peer,
                    link,
                    heartbeat,
                } = output
                {
                    beats.push((peer, link, heartbeat));
                }
            }
        }
        for (peer, link, heartbeat) in beats {
            self.post_heartbeat(id, peer, link, heartbeat);
        }
        self.trace.tale(self.now, Some(id), || "has left".into());
        self.kill_daemon(id);
    }

    fn update_peers(&mut self, id: NodeId) {
        let links = self.setup.links;
        let Some((daemon, local)) = self.awake(id) else {
            return;
        };
        let state = daemon.node.state();
        let count = state.seen().nodes.len();
        let voters = &daemon.node.raft().configuration().voters;
        let (epoch, known_count, known_voters) = &daemon.peers_of;
        if count == 0
            || (*epoch == state.epoch() && *known_count == count && known_voters == voters)
        {
            return;
        }
        let voters: BTreeSet<NodeId> = voters.clone();
        let voice = |id: &NodeId| {
            if voters.contains(id) {
                Voice::Voter
            } else {
                Voice::Listener
            }
        };
        let others = state.members().map(|(_, id, _)| id).filter(|o| *o != id);
        let peers: Vec<Peer> = others
            .map(|id| Peer {
                id,
                voice: voice(&id),
                links: (0..links).map(LinkId).collect(),
            })
            .collect();
        let known = (state.epoch(), count, voters.clone());
        let ids = peers.iter().map(|peer| peer.id).collect();
        daemon.detector.set_peers(voice(&id), peers, local);
        daemon.peers_of = known;
        self.machine(id).known = ids;
    }

    /// A run begins with the members that the last one knew, even where its log is empty, and
    /// where the machine stands still in that moment.
    pub(crate) fn introduce(&mut self, id: NodeId) {
        let links = self.setup.links;
        let known = self.machine(id).known.clone();
        let Some((daemon, local)) = self.daemon_of(id).filter(|_| !known.is_empty()) else {
            return;
        };
        let peers = known.into_iter().map(|id| Peer {
            id,
            voice: Voice::Voter,
            links: (0..links).map(LinkId).collect(),
        });
        let peers = peers.collect();
        daemon.detector.set_peers(Voice::Voter, peers, local);
    }
}

/// Tells the detector what its heartbeats carry, and the node who passes messages on.
fn note_ways(daemon: &mut Daemon, local: Instant) {
    daemon.detector.publish(Published {
        epoch: daemon.node.epoch(),
        applied: daemon.node.applied(),
        lease_until: daemon.node.boundary(local).lease_until,
        phase: Phase::Running,
    });
    let via = |(peer, path)| match path {
        Path::Via(via) | Path::Unwatched(Some(via)) => Some((peer, via)),
        Path::Direct | Path::Unwatched(None) | Path::None => None,
    };
    let paths = daemon.detector.paths(local).into_iter();
    daemon.node.set_relays(paths.filter_map(via).collect());
}
