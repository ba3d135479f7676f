//! The witnesses of this node: one link for each that the state knows, what it is told, and
//! what people ask about it. What an answer means is the node's business.

use std::collections::BTreeMap;
use std::time::Duration;

use api::{ApiError, ErrorCode, GrantView, Timestamp, WitnessReply, WitnessRequest, WitnessView};
use consensus::witness::register::Registrant;
use consensus::witness::{
    LinkView, Notice, RegisterError, RegisterReply, Told, WitnessLink, WitnessPeer, WitnessToken,
    client, register,
};
use consensus::{ClusterKey, NodeKey, keys};
use membership::LinkCondition;
use model::seen::{WitnessKind, WitnessSeen};
use model::{Command, Instant, NodeId, UserName, WitnessId, WitnessName};
use quorum::arbiter::Ask;
use server::Reply;
use wire::heartbeat::{Incarnation, Origin, RunId};
use wire::raft::Arbiter;
use wire::witness::Mark;
use wire::witness::seal::WitnessKey;

use super::control::{Control, Input};
use super::pending::Pending;

/// All links to witnesses.
#[derive(Default)]
pub struct Links {
    map: BTreeMap<WitnessId, Link>,
    /// When they were told last.
    told: Option<Instant>,
}

struct Link {
    kind: WitnessKind,
    link: WitnessLink,
    answers: Answers,
}

/// Whether a witness answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answers {
    Unknown,
    Yes,
    No,
}

/// A witness has said whether it takes this cluster in.
pub struct Registered {
    name: WitnessName,
    by: UserName,
    reply: Reply<WitnessReply>,
    result: Result<(std::net::SocketAddr, RegisterReply), ApiError>,
}

impl Control {
    /// Witnesses may have come, gone or moved.
    pub fn follow_witnesses(&mut self) {
        self.follow_disks();
        let wanted: BTreeMap<WitnessId, WitnessKind> = self
            .node
            .state()
            .seen()
            .witnesses
            .values()
            .map(|seen| (seen.id, seen.kind.clone()))
            .collect();
        self.witnesses
            .map
            .retain(|id, link| wanted.get(id) == Some(&link.kind));
        for (id, kind) in wanted {
            if self.witnesses.map.contains_key(&id) {
                continue;
            }
            match self.open_link(id, &kind) {
                Ok(Some(link)) => drop(self.witnesses.map.insert(id, link)),
                Ok(None) => {}
                Err(error) => tracing::error!("a witness cannot be asked: {error}"),
            }
        }
    }

    /// None for a witness that is not spoken to over a network.
    fn witness_peer(
        &self,
        id: WitnessId,
        kind: &WitnessKind,
    ) -> Result<Option<WitnessPeer>, keys::KeyError> {
        let (address, public) = match kind {
            WitnessKind::Network { address, key } => (*address, key),
            WitnessKind::Disk { .. } => return Ok(None),
        };
        let cluster = self.identity.cluster_id;
        let key = self.cluster_key()?.for_seal();
        Ok(Some(WitnessPeer {
            id,
            address,
            key: WitnessKey::derive(&key, cluster, public),
            cluster,
            me: Origin {
                node: self.identity.id,
                boot: self.node.config().boot,
                incarnation: Incarnation(self.identity.incarnation),
                run: RunId(u64::from_le_bytes(keys::random_bytes()?)),
            },
        }))
    }

    fn open_link(&self, id: WitnessId, kind: &WitnessKind) -> Result<Option<Link>, keys::KeyError> {
        let Some(peer) = self.witness_peer(id, kind)? else {
            return Ok(None);
        };
        let inputs = self.inputs.clone();
        let link = WitnessLink::start(peer, move |notice| {
            // A loop that is thousands of inputs behind is stuck: what it misses is told again.
            let _ = inputs.try_send(Input::Witness(notice));
        });
        Ok(Some(Link {
            kind: kind.clone(),
            link,
            answers: Answers::Unknown,
        }))
    }

    fn cluster_key(&self) -> Result<ClusterKey, keys::KeyError> {
        let state = &self.places.state_dir;
        ClusterKey::load(&state.join(consensus::identity::CLUSTER_KEY_FILE))
    }

    /// The log has taken a witness out: it is told, so that it answers this cluster no more. Best
    /// effort; one that is down keeps a file that harms nobody.
    pub fn dismiss_witness(&self, seen: &WitnessSeen) {
        // It may be known under another name by now.
        let mut others = self.node.state().seen().witnesses.values();
        if others.any(|other| other.kind == seen.kind) {
            return;
        }
        match self.witness_peer(seen.id, &seen.kind) {
            Ok(Some(peer)) => drop(tokio::spawn(async move {
                if !client::dismiss(&peer).await {
                    tracing::info!("the witness at {} was not told to forget", peer.address);
                }
            })),
            Ok(None) => {}
            Err(error) => tracing::warn!("a witness cannot be told that it is out: {error}"),
        }
    }

    /// What the next pings carry. Cheap when they were told a moment ago.
    pub fn tell_witnesses(&mut self, now: Instant) {
        let is_due = self
            .witnesses
            .told
            .is_none_or(|at| client::PING_EVERY <= now.saturating_duration_since(at));
        if self.witnesses.map.is_empty() || !is_due {
            return;
        }
        self.witnesses.told = Some(now);
        let told = self.told();
        for link in self.witnesses.map.values() {
            link.link.tell(told.clone());
        }
    }

    fn told(&self) -> Told {
        let state = self.node.state();
        let me = &self.identity.name;
        let weight = state
            .spec()
            .map_or(0, |spec| quorum::race::weight(spec, state.seen(), [me]));
        let links = self.heartbeat.links();
        let up = links.iter().filter(|link| match link.condition {
            LinkCondition::Up => true,
            LinkCondition::OneWay | LinkCondition::Unseen | LinkCondition::Down => false,
        });
        let heard: Vec<NodeId> = up.map(|link| link.peer).chain([self.identity.id]).collect();
        let mark = |id: NodeId| match heard.contains(&id) {
            true => Mark::Yes,
            false => Mark::No,
        };
        Told {
            lineage: self.node.raft().lineage(),
            term: self.node.raft().term(),
            weight,
            members: state.members().map(|(_, id, _)| (id, mark(id))).collect(),
        }
    }

    /// A link tells something.
    pub fn take_witness(&mut self, notice: &Notice) {
        let name = |id| self.witness_name(id).unwrap_or_default();
        match notice {
            Notice::Reachable { id } => {
                tracing::info!("witness {} answers", name(*id));
                self.note_answers(*id, Answers::Yes);
            }
            Notice::Silent { id } => {
                tracing::warn!("witness {} is silent", name(*id));
                self.note_answers(*id, Answers::No);
            }
            Notice::Heard { id, hears } => {
                let now = host::clock::now();
                self.node
                    .handle_witness(Arbiter::Witness(*id), hears.clone(), now);
            }
            Notice::Answer { id, number, answer } => {
                tracing::info!("witness {} says to ask {number}: {answer:?}", name(*id));
                let now = host::clock::now();
                self.node
                    .handle_grant(&Arbiter::Witness(*id), (*number, *answer), now);
            }
        }
    }

    /// The half wants the vote of a witness. One that has no link yet is asked again.
    pub fn ask_witness(&self, arbiter: Arbiter, number: u64, ask: Ask) {
        match arbiter {
            Arbiter::Fence => {}
            Arbiter::Witness(id) => {
                if let Some(link) = self.witnesses.map.get(&id) {
                    link.link.ask(number, ask);
                }
            }
            Arbiter::Disk(id) => self.ask_disk(id, number, ask),
        }
    }

    fn note_answers(&mut self, id: WitnessId, answers: Answers) {
        if let Some(link) = self.witnesses.map.get_mut(&id) {
            link.answers = answers;
        }
    }

    pub fn witness_name(&self, id: WitnessId) -> Option<String> {
        let witnesses = &self.node.state().seen().witnesses;
        let found = witnesses.iter().find(|(_, seen)| seen.id == id);
        found.map(|(name, _)| name.to_string())
    }

    /// A sentence for each witness that does not answer this node.
    pub fn silent_witnesses(&self) -> Vec<String> {
        let silent = self
            .witnesses
            .map
            .iter()
            .filter(|(_, link)| match link.answers {
                Answers::No => true,
                Answers::Yes | Answers::Unknown => false,
            });
        let names = silent.filter_map(|(id, _)| self.witness_name(*id));
        let me = &self.identity.name;
        names
            .map(|name| format!("witness {name} does not answer {me}"))
            .collect()
    }

    /// For people: all witnesses, as this node sees them.
    pub fn witnesses_view(&self) -> api::Witnesses {
        let state = self.node.state();
        let arbiter = match self.node.raft().configuration().arbiter {
            Arbiter::Fence => "fence".to_string(),
            Arbiter::Witness(id) | Arbiter::Disk(id) => self
                .witness_name(id)
                .unwrap_or_else(|| format!("a removed witness ({id})")),
        };
        let all = state.seen().witnesses.iter();
        api::Witnesses {
            seen_by: self.identity.name.to_string(),
            arbiter,
            witnesses: all.map(|(name, seen)| self.view(name, seen)).collect(),
        }
    }

    fn view(&self, name: &WitnessName, seen: &WitnessSeen) -> WitnessView {
        let (kind, place) = match &seen.kind {
            WitnessKind::Network { address, .. } => ("network", address.to_string()),
            WitnessKind::Disk { .. } => return self.disk_view(name, seen),
        };
        let link = self.witnesses.map.get(&seen.id);
        let shown = link.map_or_else(LinkView::default, |link| link.link.view());
        let name_of = |id: &NodeId| {
            let name = self.node.state().node_name(*id);
            name.map_or_else(|| format!("node {id}"), ToString::to_string)
        };
        WitnessView {
            name: name.to_string(),
            kind: kind.to_string(),
            place,
            since: Timestamp::from(seen.since),
            by: seen.by.to_string(),
            answers: link.map(|link| match link.answers {
                Answers::Yes => true,
                Answers::Unknown | Answers::No => false,
            }),
            answered_ms: shown.answered_ago.map(millis),
            rtt_ms: shown.round_trip.map(|time| time.as_secs_f64() * 1000.0),
            hears: shown.hears.iter().map(name_of).collect(),
            granted: shown.granted.map(|granted| GrantView {
                node: name_of(&granted.node),
                generation: granted.lineage.generation,
                term: granted.term,
            }),
            why: None,
        }
    }

    /// A person adds a witness, or takes one out.
    pub fn take_set_witness(
        &mut self,
        request: WitnessRequest,
        by: UserName,
        reply: Reply<WitnessReply>,
    ) {
        let name = request.name;
        if let Some(path) = request.disk {
            return self.begin_claim((name, by), path, reply);
        }
        match request.token {
            None => {
                let answer = WitnessReply {
                    name: name.to_string(),
                    ..WitnessReply::default()
                };
                let removed = self.node.state().seen().witnesses.get(&name).cloned();
                let command = Command::RemoveWitness { name, by };
                self.propose_witness(command, (answer, removed), reply);
            }
            Some(token) => {
                if let Err((error, reply)) = self.begin_registration((name, by), &token, reply) {
                    drop(reply.send(Err(error)));
                }
            }
        }
    }

    /// The witness must know the cluster before the cluster counts on it.
    fn begin_registration(
        &self,
        (name, by): (WitnessName, UserName),
        token: &str,
        reply: Reply<WitnessReply>,
    ) -> Result<(), (ApiError, Reply<WitnessReply>)> {
        let token: WitnessToken = match token.parse() {
            Ok(token) => token,
            Err(error) => return Err((bad_token(&error), reply)),
        };
        let state = &self.places.state_dir;
        let keys = NodeKey::load(&state.join(consensus::identity::NODE_KEY_FILE))
            .and_then(|key| Ok((key, self.cluster_key()?)));
        let (key, cluster_key) = match keys {
            Ok(keys) => keys,
            Err(error) => {
                let told = ErrorCode::StateUnusable.error(super::chain(&error));
                return Err((told, reply));
            }
        };
        let (cluster, identity) = (self.identity.cluster.clone(), self.identity.cluster_id);
        let inputs = self.inputs.clone();
        tokio::spawn(async move {
            let who = Registrant {
                key: &key,
                name: &cluster,
                cluster: identity,
                cluster_key: &cluster_key,
            };
            let result = register(&token, who).await;
            let registered = Registered {
                name,
                by,
                reply,
                result: result.map_err(|error| told(&error)),
            };
            // When the loop is gone, so is whoever asked.
            let _ = inputs.send(Input::Registered(Box::new(registered))).await;
        });
        Ok(())
    }

    /// The witness has taken this cluster in, or not.
    pub fn take_registered(&mut self, registered: Registered) {
        let Registered {
            name,
            by,
            reply,
            result,
        } = registered;
        let (address, witness) = match result {
            Ok(taken) => taken,
            Err(error) => {
                drop(reply.send(Err(error)));
                return;
            }
        };
        let answer = WitnessReply {
            name: name.to_string(),
            address: Some(address.to_string()),
            index: None,
            notes: self.same_machine(&witness).into_iter().collect(),
        };
        let key = witness.key;
        let kind = WitnessKind::Network { address, key };
        self.propose_witness(
            Command::SetWitness { name, kind, by },
            (answer, None),
            reply,
        );
    }

    /// A witness that is lost together with a node is worth nothing.
    fn same_machine(&self, witness: &RegisterReply) -> Option<String> {
        let nodes = self.node.state().seen().nodes.iter();
        let twin = nodes
            .filter(|(_, seen)| seen.state.boot() == Some(witness.boot))
            .map(|(name, _)| name)
            .next()?;
        Some(format!(
            "the witness runs on the machine of {twin}: both are lost together, and then nothing \
             can be decided; run it elsewhere"
        ))
    }

    /// The log takes a witness in, or out.
    pub fn propose_witness(
        &mut self,
        command: Command,
        (answer, removed): (WitnessReply, Option<WitnessSeen>),
        reply: Reply<WitnessReply>,
    ) {
        let id = self.new_request(Pending::Witness {
            reply,
            answer,
            removed,
        });
        self.node.handle_request(id, command, host::clock::now());
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn bad_token(error: &dyn std::error::Error) -> ApiError {
    ErrorCode::BadToken
        .error(error.to_string())
        .with_help("make a new one on the witness: `mainstay witness token`")
}

fn told(error: &RegisterError) -> ApiError {
    let (message, details) = super::parts(error);
    let code = match error {
        RegisterError::Token(error) => return bad_token(error),
        RegisterError::Unreachable { .. } | RegisterError::NoAnswer { .. } => {
            ErrorCode::WitnessUnreachable
        }
        RegisterError::Refused(_) => ErrorCode::WitnessRefused,
        RegisterError::Key(_) => ErrorCode::StateUnusable,
    };
    let mut told = code.error(message);
    told.details = details;
    told
}
