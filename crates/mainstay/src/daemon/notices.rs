//! Notices between nodes: what happens to a copy here is told to the copies elsewhere, and what
//! happens to theirs to ours. The node decides who is told; this carries it over.

use model::NodeId;
use model::operation::{Notice, OperationReport, Outcome, ResourceAddress};
use node::Telling;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::timeout;

use super::asks::{Answered, PeerQuestion};
use super::control::{Control, Input};

/// What a peer tells.
#[derive(Debug, Serialize, Deserialize)]
pub struct PeerNotice {
    /// Which resource of which copy is to hear it.
    pub address: ResourceAddress,
    /// What happens.
    pub notice: Notice,
}

/// Who waits for an agent to have been told.
pub struct Hearing {
    from: NodeId,
    request: u64,
}

impl Control {
    /// Tells a copy on another node.
    pub fn tell_peer(&mut self, telling: Telling) {
        let Telling {
            id,
            node,
            address,
            notice,
            limit,
        } = telling;
        let peer = self
            .node
            .state()
            .members()
            .find(|(name, _, _)| **name == node);
        let peer = peer.map(|(_, id, _)| id);
        let shown = address.to_string();
        let question = PeerQuestion::Notice(Box::new(PeerNotice { address, notice }));
        let asked = match peer {
            Some(peer) => self.ask_peer(peer, &question),
            None => Err("it is no member".to_string()),
        };
        let inputs = self.inputs.clone();
        tokio::spawn(async move {
            let how = match asked {
                Err(how) => Some(how),
                Ok(answer) => match timeout(limit, answer).await {
                    Ok(Ok(answer)) => answer.err().map(|error| error.message),
                    Ok(Err(_)) => Some("it gave no answer".to_string()),
                    Err(_) => Some(format!("no answer within {limit:?}")),
                },
            };
            if let Some(how) = how {
                tracing::warn!(resource = %shown, "notice to {node}: {how}");
            }
            // A loop that has ended waits for nobody any more.
            let _ended = inputs.send(Input::Told(id)).await;
        });
    }

    /// A peer tells what happens to its copy.
    pub fn take_peer_notice(&mut self, (from, request): (NodeId, u64), told: PeerNotice) {
        let now = host::clock::now();
        match self.node.handle_notice(&told.address, told.notice, now) {
            Some(id) => {
                let hearing = Hearing { from, request };
                self.pending.asks.notices.insert(id, hearing);
            }
            // What does not run here need not hear it.
            None => self.send_answer(&Answered {
                to: from,
                request,
                answer: Ok(Value::Null),
            }),
        }
    }

    /// An agent has been told, or could not be: whoever waits for that need not any longer.
    pub fn answer_notice(&mut self, report: &OperationReport) {
        let Some(hearing) = self.pending.asks.notices.remove(&report.id) else {
            return;
        };
        if let Outcome::Failed(_) | Outcome::TimedOut = report.outcome {
            // Its own log has told why.
            tracing::debug!(id = %report.id, "a notice was not heard");
        }
        self.send_answer(&Answered {
            to: hearing.from,
            request: hearing.request,
            answer: Ok(Value::Null),
        });
    }
}
