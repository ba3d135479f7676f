//! Wires, and what a daemon does with what its node and its detector say.

use std::collections::BTreeSet;
use std::time::Duration;

use membership::{Output as Heard, Path, Peer, Published, Voice};
use model::NodeId;
use model::operation::ResourceAddress;
use node::{Output, PeerMessage, RequestError, RequestId};
use wire::heartbeat::Heartbeat;

use super::machine::{Daemon, LINK, Power};
use super::{Cluster, Event};

const LATENCY: Duration = Duration::from_micros(200);
const JITTER_NANOS: u64 = 100_000;
const DISK: Duration = Duration::from_millis(1);

impl Cluster {
    pub fn awake(&mut self, id: NodeId) -> Option<&mut Daemon> {
        let machine = self.machine(id);
        let is_on = machine.power == Power::On;
        machine.daemon.as_mut().filter(|_| is_on)
    }

    pub fn cut_off(&mut self, id: NodeId) {
        let others: Vec<NodeId> = self.machines.keys().copied().collect();
        for other in others {
            self.cut.insert((id, other));
            self.cut.insert((other, id));
        }
    }

    pub fn hear(&mut self, (from, to): (NodeId, NodeId), heartbeat: Box<Heartbeat>) {
        let now = self.now;
        let machine = self.machine(to);
        match (machine.power, &mut machine.daemon) {
            (Power::Off, _) => {}
            (Power::Paused, _) => machine.waiting_heartbeats.push_back((from, heartbeat)),
            (Power::On, None) => {
                if !self.cut.contains(&(to, from)) {
                    self.put(LATENCY, Event::Refused { by: to, to: from });
                }
            }
            (Power::On, Some(daemon)) => {
                let _rejected = daemon.detector.handle_heartbeat(LINK, &heartbeat, now);
                daemon.node.handle_level(from, model::level::LEVEL, now);
                self.carry_out(to);
            }
        }
    }

    fn post(&mut self, (from, to): (NodeId, NodeId), event: Event) {
        let is_lost = self.draw(1000) < self.loss_per_mille;
        let is_mute = self.mute.contains(&from) || self.mute.contains(&to);
        let is_lost = is_lost || is_mute && matches!(event, Event::Message { .. });
        let jitter = Duration::from_nanos(self.draw(JITTER_NANOS));
        if !is_lost && !self.cut.contains(&(from, to)) && self.machines.contains_key(&to) {
            let delay = match &event {
                Event::Message {
                    message: PeerMessage::Proposal { .. },
                    ..
                } => self.delays.get(&from).copied().unwrap_or_default(),
                _ => Duration::ZERO,
            };
            self.put(LATENCY + jitter + delay, event);
        }
    }

    /// Everything that a daemon wants done, until there is nothing left.
    pub fn carry_out(&mut self, id: NodeId) {
        let now = self.now;
        loop {
            self.update_peers(id);
            let Some(daemon) = self.machine(id).daemon.as_mut() else {
                return;
            };
            let run = daemon.run;
            let via = |(peer, path)| match path {
                Path::Via(via) => Some((peer, via)),
                Path::Direct | Path::Unwatched(_) | Path::None => None,
            };
            let paths = daemon.detector.paths(now).into_iter();
            let published = Published {
                applied: daemon.node.applied(),
                lease_until: daemon.node.boundary(now).lease_until,
                ..Published::default()
            };
            daemon.detector.publish(published);
            daemon.node.set_relays(paths.filter_map(via).collect());
            if let Some(output) = daemon.detector.poll_output() {
                match output {
                    Heard::Event(event) => daemon.node.handle_event(&event, now),
                    Heard::Send {
                        peer, heartbeat, ..
                    } => {
                        self.post(
                            (id, peer),
                            Event::Heartbeat {
                                from: id,
                                to: peer,
                                heartbeat,
                            },
                        );
                    }
                }
            } else if let Some(output) = daemon.node.poll_output() {
                self.carry_out_one((id, run), output);
            } else {
                return;
            }
        }
    }

    fn forget(&mut self, id: NodeId, address: &ResourceAddress) {
        let machine = self.machines.get_mut(&id).unwrap();
        machine.recorded.remove(address);
    }

    fn carry_out_one(&mut self, (id, run): (NodeId, u64), output: Output) {
        match output {
            Output::Send { to, message } => {
                self.post(
                    (id, to),
                    Event::Message {
                        from: id,
                        to,
                        message,
                    },
                );
            }
            Output::Persist(persist) => {
                self.put(
                    DISK,
                    Event::Written {
                        on: id,
                        run,
                        persist,
                    },
                );
            }
            Output::Operate(operation) => self.operate((id, run), operation),
            Output::Forget(address) => self.forget(id, &address),
            Output::Check(question) => self.ask_check((id, run), question),
            // No service here asks for notices.
            Output::Tell(_) => {}
            Output::RunForCheck(_) => {}
            Output::Fence { asker, target } => self.switch((id, run), asker, &target),
            Output::AskGrant {
                arbiter,
                number,
                ask,
            } => {
                self.ask_witness((id, run), (arbiter, number), *ask);
            }
            Output::SetLogAside(lineage) => self.yield_to(id, lineage),
            Output::Forced(lineage) => {
                let name = self.machines[&id].name.clone();
                self.note(format!(
                    "  {name} goes on alone: generation {}",
                    lineage.generation
                ));
            }
            Output::Reply { id: asked, result } => self.answer(id, asked, result),
            Output::Changed { .. } | Output::Leader(_) | Output::TooNew(_) => {}
            Output::Carry { .. } => self.carry(id, &output),
            Output::Left => self.leave(id),
        }
    }
    fn answer(&mut self, id: NodeId, asked: RequestId, result: Result<u64, RequestError>) {
        let daemon = self.machine(id).daemon.as_ref();
        let applied = daemon.map(|daemon| daemon.node.applied());
        if let (Ok(index), Some(applied)) = (&result, applied) {
            assert!(*index <= applied, "done, and not applied here: {index}");
        }
        self.answers.push((asked, result));
    }

    fn leave(&mut self, id: NodeId) {
        let now = self.now;
        let Some(mut daemon) = self.machine(id).daemon.take() else {
            return;
        };
        daemon.detector.leave(now);
        while let Some(output) = daemon.detector.poll_output() {
            if let Heard::Send {
                peer, heartbeat, ..
            } = output
            {
                let event = Event::Heartbeat {
                    from: id,
                    to: peer,
                    heartbeat,
                };
                self.post((id, peer), event);
            }
        }
        self.note(format!("{} ends its daemon", self.machines[&id].name));
    }

    fn update_peers(&mut self, id: NodeId) {
        let now = self.now;
        let Some(daemon) = self.machine(id).daemon.as_mut() else {
            return;
        };
        let members: Vec<NodeId> = daemon.node.state().members().map(|(_, id, _)| id).collect();
        let voters: BTreeSet<NodeId> = daemon.node.raft().configuration().voters.clone();
        if members.is_empty() || daemon.members == (members.clone(), voters.clone()) {
            return;
        }
        let voice = |id: &NodeId| {
            if voters.contains(id) {
                Voice::Voter
            } else {
                Voice::Listener
            }
        };
        let others = members.iter().filter(|other| **other != id);
        let peers = others.map(|id| Peer {
            id: *id,
            voice: voice(id),
            links: vec![LINK],
        });
        daemon.detector.set_peers(voice(&id), peers.collect(), now);
        daemon.members = (members, voters);
    }

    pub fn written(&mut self, (on, run): (NodeId, u64), persist: raft::Persist) {
        let now = self.now;
        if self.machine(on).power == Power::Paused {
            let event = Event::Written { on, run, persist };
            return self.machine(on).waiting.push_back(event);
        }
        if self
            .machine(on)
            .daemon
            .as_ref()
            .is_none_or(|daemon| daemon.run != run)
        {
            return;
        }
        let seq = persist.seq;
        self.machine(on).write(persist);
        if let Some(daemon) = self.awake(on) {
            daemon.node.handle_persisted(seq, now);
            self.carry_out(on);
        }
    }
}
