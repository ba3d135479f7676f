//! The first member, new members, tokens.

use std::time::Duration;

use api::{Timestamp, TokenReply};
use consensus::{ClusterKey, JoinReply, JoinRequest, JoinedMember, NodeKey, Token, join::Refusal};
use model::{Command, NetworkName, NodeName, Spec, UserName, WallTime};
use server::Reply;
use tokio::sync::oneshot;

use super::control::Control;
use super::pending::{Own, Pending};

impl Control {
    /// In a new cluster, this node proposes itself and the configuration that `init` left.
    pub fn first_steps(&mut self) {
        let is_new = self.node.state().members().next().is_none();
        let leads = self.node.raft().leader() == Some(self.identity.id);
        if !is_new || !leads || self.pending.first {
            return;
        }
        let Ok(loaded) = config::read("cluster.toml", &self.known.source) else {
            return;
        };
        let Some(me) = self.known.members.iter().find(|m| m.id == self.identity.id) else {
            return;
        };
        let command = Command::AddMember {
            name: me.name.clone(),
            key: me.key,
            token: String::new(),
            spec: Some(Box::new((self.known.source.clone(), loaded.spec))),
            level: model::level::LEVEL,
        };
        self.pending.first = true;
        let id = self.new_request(Pending::Own(Own::First));
        self.node.handle_request(id, command, host::clock::now());
    }

    /// Makes a token and has its digest committed before anybody gets to see it.
    pub fn take_token(&mut self, valid_for: Duration, by: UserName, reply: Reply<TokenReply>) {
        let key = NodeKey::load(
            &self
                .places
                .state_dir
                .join(consensus::identity::NODE_KEY_FILE),
        );
        let now = host::clock::wall();
        let expires = WallTime(now.0 + u64::try_from(valid_for.as_millis()).unwrap_or(u64::MAX));
        let made = key.map_err(|error| error.to_string()).and_then(|key| {
            Token::generate(self.topology.listen(), key.fingerprint(), expires)
                .map_err(|error| error.to_string())
        });
        let token = match made {
            Ok(token) => token,
            Err(why) => {
                drop(reply.send(Err(api::ErrorCode::OrderRefused.error(why))));
                return;
            }
        };
        let answer = TokenReply {
            token: token.to_string(),
            expires: Timestamp::from(expires),
        };
        let command = Command::AddToken {
            digest: token.digest(),
            valid_for,
            by,
        };
        let id = self.new_request(Pending::Token { reply, answer });
        self.node.handle_request(id, command, host::clock::now());
    }

    /// A machine with a token asks to become a member.
    pub fn take_join(
        &mut self,
        request: JoinRequest,
        token_digest: String,
        reply: oneshot::Sender<Result<JoinReply, Refusal>>,
    ) {
        // An interrupted join is repeated with the same key: the answer is the same.
        let is_member = self
            .node
            .state()
            .members()
            .any(|(name, _, key)| *name == request.name && *key == request.key);
        if is_member {
            drop(reply.send(self.join_reply(&request.name)));
            return;
        }
        match self.join_command(&request, token_digest) {
            Ok(command) => {
                let id = self.new_request(Pending::Join {
                    reply,
                    name: request.name,
                });
                self.node.handle_request(id, command, host::clock::now());
            }
            Err(refusal) => drop(reply.send(Err(refusal))),
        }
    }

    /// The configuration must describe the node: as it stands, or with what it says of
    /// itself added.
    fn join_command(&self, request: &JoinRequest, token: String) -> Result<Command, Refusal> {
        let state = self.node.state();
        let (level, own) = (state.level(), request.feature_level);
        if own < level {
            return Err(Refusal::Refused(format!(
                "{} runs an older version (feature level {own}) and the cluster is at {level}: \
                 install the version that the members run",
                request.name
            )));
        }
        let (Some(spec), Some(source)) = (state.spec(), state.spec_source()) else {
            return Err(Refusal::NotNow(
                "the cluster has no configuration yet".to_string(),
            ));
        };
        let spec = if spec.nodes.contains_key(&request.name) {
            None
        } else if request.attachments.is_empty() {
            return Err(Refusal::BadRequest(format!(
                "the configuration does not describe {}; add [node.{}] to it, or say \
                 `--address NETWORK=ADDRESS/PREFIX`",
                request.name, request.name
            )));
        } else if !request
            .attachments
            .keys()
            .any(|network| is_used(spec, network))
        {
            let given: Vec<&str> = request
                .attachments
                .keys()
                .map(|name| name.as_str())
                .collect();
            let known: Vec<&str> = spec.networks.keys().map(|name| name.as_str()).collect();
            return Err(Refusal::BadRequest(format!(
                "no member is on network {}, so nobody would hear {}; the networks of this \
                 cluster: {}",
                given.join(", "),
                request.name,
                known.join(", ")
            )));
        } else {
            let source = config::with_node(source, &request.name, &request.attachments)
                .map_err(|error| Refusal::BadRequest(error.to_string()))?;
            let loaded = config::read("configuration", &source)
                .map_err(|problems| Refusal::BadRequest(problems.render(config::Colour::Never)))?;
            Some(Box::new((source, loaded.spec)))
        };
        Ok(Command::AddMember {
            name: request.name.clone(),
            key: request.key,
            token,
            spec,
            level: model::level::LEVEL,
        })
    }

    /// What a new member needs.
    pub fn join_reply(&self, name: &NodeName) -> Result<JoinReply, Refusal> {
        let state = self.node.state();
        let path = self
            .places
            .state_dir
            .join(consensus::identity::CLUSTER_KEY_FILE);
        let cluster_key =
            ClusterKey::load(&path).map_err(|error| Refusal::Refused(error.to_string()))?;
        // The log has answered, and this node may be a moment behind the leader.
        let not_yet = || Refusal::NotNow("this member has not heard of it yet".to_string());
        let id = state.node_id(name).ok_or_else(not_yet)?;
        let source = state.spec_source().ok_or_else(not_yet)?;
        let topology = &self.topology;
        let members = state.members().map(|(name, id, key)| JoinedMember {
            id,
            name: name.clone(),
            key: *key,
            addresses: topology
                .peers
                .get(&id)
                .map(|ends| ends.iter().map(|(_, address)| *address).collect())
                .unwrap_or_else(|| topology.listen()),
        });
        Ok(JoinReply {
            id,
            cluster: self.identity.cluster.clone(),
            cluster_id: self.identity.cluster_id,
            cluster_key,
            members: members.collect(),
            spec_source: source.to_string(),
            lineage: self.node.raft().lineage(),
        })
    }
}

fn is_used(spec: &Spec, network: &NetworkName) -> bool {
    spec.nodes
        .values()
        .any(|node| node.networks.contains_key(network))
}
