//! Questions from node to node about the nodes themselves, outside of the log: what they
//! lack, what they have written down.
//!
//! ```text
//!   ask ──► Question ══► the peer: a task looks ──► Answered ──► Answer ══► whoever waits
//! ```
//!
//! An answer is worth something only while somebody waits for it; nothing is repeated. A peer
//! that is not reached directly, or is too old to be asked, is told at once.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use consensus::PeerMessage;
use model::environment::{Fact, Question};
use model::{NodeId, OperationId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{Semaphore, oneshot};
use wire::peer::LEVEL_OF_QUESTIONS;

use super::control::{Control, Input};

/// Questions of peers that are looked into at one time. Persons ask, one after the other;
/// more than these come from a peer that has gone wrong.
const UNDER_WAY_MAX: usize = 32;

/// For a question that a healthy node answers at once: its own look is limited to less, and
/// a round trip between members takes milliseconds.
pub const ANSWER_LIMIT: Duration = Duration::from_millis(1500);

/// What a peer is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeerQuestion {
    /// To look at itself. Each is a `model::environment::Question`; one that the peer does not
    /// know is answered so.
    Inspect {
        /// What to look for.
        questions: Vec<Value>,
    },
    /// What it has written down.
    Written(api::NodeQuestion),
    /// To tell one of its resources what happens to a copy elsewhere.
    Notice(Box<super::notices::PeerNotice>),
}

/// What waits, on either side.
pub struct Asks {
    next: u64,
    waiting: BTreeMap<u64, (NodeId, oneshot::Sender<Found>)>,
    /// What each peer speaks, as it said when it was connected.
    levels: BTreeMap<NodeId, u32>,
    under_way: Arc<Semaphore>,
    /// Notices for peers that an agent of this node is hearing, by operation.
    pub notices: BTreeMap<OperationId, super::notices::Hearing>,
}

impl Default for Asks {
    fn default() -> Self {
        Self {
            next: 1,
            waiting: BTreeMap::new(),
            levels: BTreeMap::new(),
            under_way: Arc::new(Semaphore::new(UNDER_WAY_MAX)),
            notices: BTreeMap::new(),
        }
    }
}

impl Asks {
    /// A peer is connected and has said what it speaks.
    pub fn note_level(&mut self, peer: NodeId, level: u32) {
        self.levels.insert(peer, level);
    }
}

/// What a look has found, or why it could not.
pub type Found = Result<Value, api::ApiError>;

/// An answer that was found for a peer.
pub struct Answered {
    /// Who asked.
    pub to: NodeId,
    /// Which of its questions.
    pub request: u64,
    /// What is answered.
    pub answer: Found,
}

impl Control {
    /// Asks a peer. The answer comes to the receiver, or nothing does.
    ///
    /// # Errors
    /// Why it cannot be asked, in words.
    pub fn ask_peer(
        &mut self,
        peer: NodeId,
        question: &PeerQuestion,
    ) -> Result<oneshot::Receiver<Found>, String> {
        if !self.transport.answers(peer) {
            return Err("it is not connected".into());
        }
        let level = self
            .pending
            .asks
            .levels
            .get(&peer)
            .copied()
            .unwrap_or_default();
        if level < LEVEL_OF_QUESTIONS {
            return Err("its version cannot be asked".into());
        }
        let question = serde_json::to_vec(question).expect("questions are plain data");
        let (sender, receiver) = oneshot::channel();
        let asks = &mut self.pending.asks;
        asks.waiting.retain(|_, (_, sender)| !sender.is_closed());
        let request = asks.next;
        asks.next += 1;
        asks.waiting.insert(request, (peer, sender));
        self.transport
            .send(peer, PeerMessage::Question { request, question });
        Ok(receiver)
    }

    /// An answer of a peer.
    pub fn take_answer(&mut self, from: NodeId, request: u64, answer: &[u8]) {
        let Some((peer, _)) = self.pending.asks.waiting.get(&request) else {
            return;
        };
        if *peer != from {
            return;
        }
        let Some((_, sender)) = self.pending.asks.waiting.remove(&request) else {
            return;
        };
        // What cannot be read is no answer: whoever waits sees that it ends.
        if let Ok(answer) = serde_json::from_slice(answer) {
            let _nobody_waits = sender.send(answer);
        }
    }

    /// A question of a peer: looked into by a task of its own.
    pub fn take_question(&mut self, from: NodeId, request: u64, question: &[u8]) {
        let question = match serde_json::from_slice(question) {
            Ok(question) => question,
            Err(error) => {
                tracing::debug!("a peer asks what this version cannot tell: {error}");
                return;
            }
        };
        if let PeerQuestion::Notice(notice) = question {
            return self.take_peer_notice((from, request), *notice);
        }
        let Ok(place) = Arc::clone(&self.pending.asks.under_way).try_acquire_owned() else {
            tracing::warn!("{UNDER_WAY_MAX} questions of peers are under way, no more are taken");
            return;
        };
        let look = self.look_into(question);
        let inputs = self.inputs.clone();
        tokio::spawn(async move {
            let answer = look.await;
            drop(place);
            let answered = Answered {
                to: from,
                request,
                answer,
            };
            // A loop that has ended answers nobody any more.
            let _ended = inputs.send(Input::Answered(answered)).await;
        });
    }

    /// What this node answers, to a peer or to itself.
    pub fn look_into(&self, question: PeerQuestion) -> Pin<Box<dyn Future<Output = Found> + Send>> {
        let agents = Arc::clone(&self.agents);
        let places = [&self.places.state_dir, &self.places.log_dir].map(Clone::clone);
        match question {
            PeerQuestion::Inspect { questions } => Box::pin(async move {
                let facts = facts(&agents, questions, places.to_vec()).await;
                Ok(serde_json::to_value(facts).expect("facts are plain data"))
            }),
            PeerQuestion::Written(question) => Box::pin(self.look_up(question)),
            // These go to the node, and are answered when its agent has been told.
            PeerQuestion::Notice(_) => Box::pin(async { Ok(Value::Null) }),
        }
    }

    /// Sends an answer that was found.
    pub fn send_answer(&self, answered: &Answered) {
        let answer = serde_json::to_vec(&answered.answer).expect("answers are plain data");
        let request = answered.request;
        self.transport
            .send(answered.to, PeerMessage::Answer { request, answer });
    }
}

/// One fact for each question, in their order.
async fn facts(
    agents: &agents::Agents,
    questions: Vec<Value>,
    directories: Vec<std::path::PathBuf>,
) -> Vec<Fact> {
    let mut facts: Vec<Option<Fact>> = Vec::with_capacity(questions.len());
    let mut for_agents = Vec::new();
    for question in questions {
        facts.push(match serde_json::from_value(question) {
            Ok(Question::FenceAgent { agent }) => Some(fence_agent(agent).await),
            Ok(question) => {
                for_agents.push(question);
                None
            }
            Err(_) => Some(Fact::Unknown("its version cannot tell".into())),
        });
    }
    let mut found = agents.inspect(for_agents, directories).await.into_iter();
    let unknown = || Fact::Unknown("nobody looked".into());
    let each = facts.into_iter();
    each.map(|fact| fact.or_else(|| found.next()).unwrap_or_else(unknown))
        .collect()
}

async fn fence_agent(agent: String) -> Fact {
    let looking = tokio::task::spawn_blocking(move || fencing::is_installed(&agent));
    match looking.await {
        Ok(true) => Fact::Fine,
        Ok(false) => Fact::Missing,
        Err(error) => Fact::Unknown(error.to_string()),
    }
}
