//! What people asked of the cluster, and what they were told: the history of one run.

use std::collections::BTreeMap;

use model::{BootId, Command, Instant, NodeId, Rejected, ServiceName, Stamped};
use node::{RequestError, RequestId};
use wire::raft::Payload;

use crate::form::node_name;
use crate::linear::{Answer, Change, Hold, Lock, Operation, Verdict, Version, judge};
use crate::lockers::LockAsk;
use crate::promises::Promise;
use crate::world::World;

/// A request that waits for its answer.
struct Pending {
    command: Command,
    /// Its place among the changes of the configuration, if it is one.
    change: Option<usize>,
    /// The program that asked for a lock, if one did.
    lock: Option<LockAsk>,
}

/// The claim on a service as it was last seen.
struct Held {
    epoch: u64,
    node: NodeId,
    boot: BootId,
    /// The place of its `Take`.
    taken: usize,
}

/// The histories of one run.
#[derive(Default)]
pub(crate) struct Clients {
    pending: BTreeMap<(NodeId, RequestId), Pending>,
    changes: Vec<Operation<Change>>,
    locks: BTreeMap<ServiceName, Vec<Operation<Hold>>>,
    held: BTreeMap<ServiceName, Held>,
    /// When something of a service last ran on a node.
    last_ran: BTreeMap<(ServiceName, NodeId), Instant>,
    pub asked: u64,
    pub acknowledged: u64,
}

impl World {
    /// Asks a node to have a command applied; no daemon, no question.
    pub(crate) fn request(&mut self, at: NodeId, command: Command) {
        self.request_for(at, command, None);
    }

    /// The same, perhaps for a program that takes locks.
    pub(crate) fn request_for(&mut self, at: NodeId, command: Command, lock: Option<LockAsk>) {
        let now = self.now;
        let Some((daemon, local)) = self.awake(at) else {
            return;
        };
        let id = RequestId(RequestId::first_of(daemon.run).0 + daemon.requests);
        daemon.requests += 1;
        daemon.node.handle_request(id, command.clone(), local);
        let change = match &command {
            Command::SetSpec { base, .. } => {
                let (base, answer) = (*base, Answer::Unknown);
                self.clients.changes.push(Operation {
                    called: now,
                    answered: None,
                    call: Change { base, answer },
                });
                Some(self.clients.changes.len() - 1)
            }
            _other => None,
        };
        self.clients.asked += 1;
        let pending = Pending {
            command,
            change,
            lock,
        };
        self.clients.pending.insert((at, id), pending);
        self.carry_out(at);
    }

    pub(crate) fn replied(
        &mut self,
        (at, _run): (NodeId, u64),
        id: RequestId,
        result: Result<u64, RequestError>,
    ) {
        // The entry that the answer names is applied at this node; the record must have it.
        self.check_daemon(at);
        let now = self.now;
        let Some(pending) = self.clients.pending.remove(&(at, id)) else {
            return;
        };
        match &result {
            Ok(index) => self
                .trace
                .story(now, Some(at), || format!("answers: done, entry {index}")),
            // Programs tell it themselves.
            Err(_) if pending.lock.is_some() => {}
            Err(error) => self
                .trace
                .tale(now, Some(at), || format!("answers: {error}")),
        }
        if let Some(ask) = pending.lock {
            if let Ok(index) = &result {
                self.invariant_acknowledged_is_kept(at, *index, &pending.command);
            }
            return self.lock_replied(ask, &result);
        }
        let answer = match &result {
            Ok(index) => {
                self.invariant_acknowledged_is_kept(at, *index, &pending.command);
                Some(Answer::Live)
            }
            Err(RequestError::Rejected(Rejected::StaleSpec { live, .. })) => {
                Some(Answer::Stale(*live))
            }
            Err(RequestError::NoLeader | RequestError::Busy) => Some(Answer::Nothing),
            Err(_) => None,
        };
        if let (Some(place), Some(answer)) = (pending.change, answer) {
            let change = &mut self.clients.changes[place];
            change.answered = Some(now);
            change.call.answer = answer;
        }
    }

    /// What a client was told to be done stands in the one log under the index that it was
    /// told; and to that log every other is compared, before and after.
    fn invariant_acknowledged_is_kept(&mut self, at: NodeId, index: u64, command: &Command) {
        self.clients.acknowledged += 1;
        // Who asks here for what follows must find it.
        let daemon = self.machine(at).daemon.as_ref();
        if daemon.is_some_and(|daemon| daemon.node.applied() < index) {
            let what = format!("{} acknowledged entry {index} and lacks it", node_name(at));
            return self.break_promise(Promise::Acknowledged, what);
        }
        if self.record.is_before(index) {
            return;
        }
        let known = self.record.entry(index);
        let is_kept = known.is_some_and(|known| match &known.payload {
            Payload::Command(bytes) => serde_json::from_slice::<Stamped>(bytes)
                .is_ok_and(|stamped| stamped.command == *command),
            Payload::Empty | Payload::Voters(_) | Payload::Forced(_) => false,
        });
        if !is_kept {
            let what = format!(
                "{} acknowledged {command:?} as entry {index}, which it is not",
                node_name(at)
            );
            self.break_promise(Promise::Acknowledged, what);
        }
    }

    /// After each new entry: who holds the right to run which service.
    pub(crate) fn watch_claims(&mut self) {
        let now = self.now;
        let clients = &mut self.clients;
        let (mut ended, mut taken_by) = (Vec::new(), Vec::new());
        for (name, seen) in &self.record.state().seen().services {
            let claim = seen.claim.as_ref();
            let held = clients.held.get(name);
            if held.map(|held| held.epoch) == claim.map(|claim| claim.epoch.0) {
                continue;
            }
            let history = clients.locks.entry(name.clone()).or_default();
            if let Some(held) = clients.held.remove(name) {
                // It was given back when the last of it ended, and that is known by now.
                let called = clients.last_ran.get(&(name.clone(), held.node)).copied();
                let called = called.unwrap_or(now).max(history[held.taken].called);
                history.push(Operation {
                    called,
                    answered: Some(now),
                    call: Hold::Give(held.epoch),
                });
                ended.push((name.clone(), (held.node, held.boot)));
            }
            let holder = claim.and_then(|claim| {
                let id = crate::form::node_id(claim.node.as_str())?;
                Some((claim.epoch.0, (id, claim.boot)))
            });
            if let Some((epoch, (node, boot))) = holder {
                let taken = history.len();
                history.push(Operation {
                    called: now,
                    answered: None,
                    call: Hold::Take(epoch),
                });
                let held = Held {
                    epoch,
                    node,
                    boot,
                    taken,
                };
                clients.held.insert(name.clone(), held);
                taken_by.push((name.clone(), node));
            }
        }
        for (service, holder) in ended {
            self.check_claim_ended(&service, holder);
        }
        for (service, by) in taken_by {
            self.check_claim_taken(&service, by);
        }
    }

    /// Something of a service begins on a node: its holder has the lock.
    pub(crate) fn note_runs(&mut self, service: &ServiceName, on: NodeId) {
        let now = self.now;
        let clients = &mut self.clients;
        clients.last_ran.insert((service.clone(), on), now);
        if let Some(held) = clients.held.get(service).filter(|held| held.node == on)
            && let Some(history) = clients.locks.get_mut(service)
        {
            history[held.taken].answered.get_or_insert(now);
        }
    }

    /// Something of a service ended on a node.
    pub(crate) fn note_ended(&mut self, service: &ServiceName, on: NodeId) {
        let now = self.now;
        self.clients.last_ran.insert((service.clone(), on), now);
    }

    /// At the end: could all this have happened one after the other?
    pub(crate) fn invariant_linearizable(&mut self) {
        let changes = &self.clients.changes;
        if judge(&Version(1), changes) == Verdict::Not {
            let what = format!("changes of the configuration: {changes:?}");
            return self.break_promise(Promise::Linearizable, what);
        }
        if let Some(what) = self.locks_not_linearizable() {
            return self.break_promise(Promise::Linearizable, what);
        }
        let mut services = self.clients.locks.iter();
        let bad = services.find(|(_, history)| judge(&Lock::default(), history) == Verdict::Not);
        if let Some((service, history)) = bad {
            let what = format!("the right to run {service}: {history:?}");
            self.break_promise(Promise::Linearizable, what);
        }
    }
}
