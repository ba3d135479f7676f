//! What a person may force (rule 8): to go on without voters that are named, by somebody who
//! vouches that they are off and accepts that what only they knew is gone.
//!
//! Nothing is asked of devices or witnesses here: the person's word stands for theirs. What
//! can be checked is checked: nobody who is heard can be named, and nobody who is silent can
//! be left unnamed.

use std::collections::BTreeSet;

use model::seen::{NodeSeen, NodeState};
use model::{Command, Instant, NodeId, NodeName, Reason, UserName};
use quorum::half::{Condition, Leadership};
use raft::Forcing;

use crate::liveness::Liveness;
use crate::node::Node;

/// Somebody's word that these nodes are off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Vouched {
    lost: BTreeSet<NodeName>,
    /// All that were named, and the history that it shall make.
    named: BTreeSet<NodeName>,
    generation: u64,
    by: UserName,
}

/// Why a node does not go on alone, although a person wants it to. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForceRefused {
    /// Somebody decides by ordinary majority.
    #[error("there is a quorum, led by {leader}: nothing has to be forced")]
    Quorate {
        /// Who leads.
        leader: NodeName,
    },
    /// It is not a voter.
    #[error("{0} is no voter, so nothing depends on it")]
    NotAVoter(NodeName),
    /// This node is none.
    #[error("this node is no voter itself")]
    NoVoterHere,
    /// Nobody, or this node, was named.
    #[error("name the nodes that are lost; this node cannot be one of them")]
    WrongNames,
    /// It lives.
    #[error("{0} is heard: it is not lost")]
    Heard(NodeName),
    /// They are silent too.
    #[error("{} not heard either, and not named", list(.0))]
    NotNamed(Vec<NodeName>),
    /// This run has not listened for long enough.
    #[error("this daemon has just started, and must listen first")]
    TooEarly,
    /// The log does not allow it.
    #[error("the log refuses it: {0}")]
    Log(String),
}

fn list(names: &[NodeName]) -> String {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    match names.as_slice() {
        [one] => format!("{one} is"),
        _ => format!("{} are", names.join(" and ")),
    }
}

impl Node {
    /// Whether this node could go on without `lost`, and who would have to be excused.
    ///
    /// # Errors
    /// Why not.
    pub fn check_force(
        &self,
        lost: &BTreeSet<NodeName>,
        now: Instant,
    ) -> Result<BTreeSet<NodeId>, ForceRefused> {
        if self.quorum_view(now).leadership == Leadership::Quorate {
            let leader = self.leader.and_then(|id| self.state.node_name(id));
            let leader = leader.unwrap_or(&self.config.name).clone();
            return Err(ForceRefused::Quorate { leader });
        }
        let voters = &self.raft.configuration().voters;
        if !voters.contains(&self.config.id) {
            return Err(ForceRefused::NoVoterHere);
        }
        if lost.is_empty() || lost.contains(&self.config.name) {
            return Err(ForceRefused::WrongNames);
        }
        let mut excused = BTreeSet::new();
        for name in lost {
            let id = self.state.node_id(name).filter(|id| voters.contains(id));
            let id = id.ok_or_else(|| ForceRefused::NotAVoter(name.clone()))?;
            if self.shows_life(id, now) {
                return Err(ForceRefused::Heard(name.clone()));
            }
            excused.insert(id);
        }
        let silent: Vec<NodeName> = voters
            .iter()
            .filter(|id| **id != self.config.id && !excused.contains(id) && !self.is_heard(**id))
            .filter_map(|id| self.state.node_name(*id).cloned())
            .collect();
        if !silent.is_empty() {
            return Err(ForceRefused::NotNamed(silent));
        }
        if now < self.listens_until() {
            return Err(ForceRefused::TooEarly);
        }
        Ok(excused)
    }

    /// Goes on without `lost`. Whoever asks has said that they are off, and has been told what
    /// may be gone.
    ///
    /// # Errors
    /// Why not. Nothing has changed then.
    pub fn handle_force(
        &mut self,
        lost: BTreeSet<NodeName>,
        by: UserName,
        now: Instant,
    ) -> Result<(), ForceRefused> {
        let excused = self.check_force(&lost, now)?;
        let lineage = self.next_lineage(self.raft.lineage().generation + 1);
        // A person's word is standing enough.
        self.raft.set_standing(raft::Standing::Given);
        for peer in &excused {
            // Where nobody agrees on a loss, only this node has noticed the silence.
            self.raft.handle_peer_lost(*peer, now);
        }
        let forcing = Forcing { lineage, excused };
        let begun = self.raft.force_and_lose(forcing, now);
        if let Err(error) = begun {
            return Err(ForceRefused::Log(error.to_string()));
        }
        self.vouched = Some(Vouched {
            named: lost.clone(),
            lost,
            generation: lineage.generation,
            by,
        });
        self.advance(now);
        Ok(())
    }

    fn is_heard(&self, id: NodeId) -> bool {
        matches!(self.condition(id), Condition::Alive { .. })
    }

    /// Heard, or its kernel answers, or somebody else hears it.
    fn shows_life(&self, id: NodeId, now: Instant) -> bool {
        let timings = self.state.spec().map(|spec| spec.cluster.timings);
        let lost_after = timings.unwrap_or_default().lost_after;
        let suspected = self.suspected.get(&id);
        if suspected.is_some_and(|since| *since + lost_after <= now) {
            return false;
        }
        let is_relayed = self.split.relayed.contains(&id);
        is_relayed
            || match self.liveness.get(&id) {
                Some(Liveness::Alive { .. } | Liveness::Left { .. } | Liveness::DaemonDown) => true,
                Some(Liveness::DaemonDownTooLong { .. }) => true,
                Some(Liveness::Lost { .. }) | None => false,
            }
    }

    /// What the log has still to be told of nodes that a person has vouched for. The word
    /// ends when the node is heard.
    pub(crate) fn vouched_news(&mut self, name: &NodeName, seen: &NodeSeen) -> Option<Command> {
        let vouched = self.vouched.as_mut()?;
        if !vouched.lost.contains(name) {
            return None;
        }
        let by = vouched.by.clone();
        if self.is_heard(seen.id) || seen.state == NodeState::Down {
            let vouched = self.vouched.as_mut()?;
            vouched.lost.remove(name);
            return None;
        }
        let target = name.clone();
        Some(match seen.state {
            NodeState::Lost { .. } => Command::ConfirmFence { target, by },
            NodeState::Down
            | NodeState::Starting { .. }
            | NodeState::Online { .. }
            | NodeState::DaemonDown { .. }
            | NodeState::Leaving { .. } => Command::NodeLost {
                node: target.clone(),
                boot: seen.state.boot(),
                because: Reason::VouchedOff { node: target, by },
            },
        })
    }

    /// What the log has still to be told of who made this history.
    pub(crate) fn vouched_mark(&self) -> Option<Command> {
        let vouched = self.vouched.as_ref()?;
        let lineage = self.raft.lineage();
        let is_ours = (lineage.generation, lineage.maker) == (vouched.generation, self.config.id);
        let told = self.state.seen().forced.as_ref();
        let is_told = told.is_some_and(|told| vouched.generation <= told.generation);
        (is_ours && !is_told).then(|| Command::ForcedBy {
            generation: vouched.generation,
            lost: vouched.named.clone(),
            by: vouched.by.clone(),
        })
    }

    /// A word ends when the node is heard: the next loss of it is another one. Before the
    /// change is won, the whole word ends: it was given for all that were named.
    pub(crate) fn end_vouch_of(&mut self, peer: NodeId, now: Instant) {
        let Some(name) = self.state.node_name(peer).cloned() else {
            return;
        };
        let generation = self.raft.lineage().generation;
        let Some(vouched) = self.vouched.as_mut() else {
            return;
        };
        if !vouched.lost.remove(&name) {
            return;
        }
        if generation < vouched.generation {
            self.vouched = None;
            self.raft.give_up_forcing(peer, now);
        }
    }

    /// Somebody else leads: what a person has said here was for a change of this node, or has
    /// been said there too.
    pub(crate) fn end_vouches(&mut self) {
        if let Some(vouched) = &mut self.vouched {
            vouched.lost.clear();
        }
    }

    /// Whether a person's word is still needed.
    pub(crate) fn has_vouched(&self) -> bool {
        let vouched = self.vouched.as_ref();
        vouched.is_some_and(|vouched| !vouched.lost.is_empty())
    }
}
