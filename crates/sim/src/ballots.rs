//! Votes and pledges as they leave the nodes: what each has promised, and may not break.

use std::collections::BTreeMap;

use model::{Lineage, NodeId};
use wire::raft::{Body, Message, Verdict, VoteReason};

use crate::form::node_name;
use crate::promises::Promise;
use crate::world::World;

/// A vote in a forced election.
#[derive(Debug, Clone, Copy)]
struct Pledged {
    /// In which history it was given.
    within: Lineage,
    /// The history that it helps to begin.
    to: Lineage,
    term: u64,
}

/// All that was promised in one run.
#[derive(Default)]
pub(crate) struct Ballots {
    /// Whom each node has voted for, by term; candidates vote for themselves.
    votes: BTreeMap<(NodeId, u64), NodeId>,
    /// What each candidate wants to begin by its forced election.
    wanted: BTreeMap<(NodeId, u64), Lineage>,
    /// The last pledge of each node that was sent.
    pledged: BTreeMap<NodeId, Pledged>,
    /// The last vote of each node in an election that is not forced: term and history.
    ordinary: BTreeMap<NodeId, (u64, Lineage)>,
}

impl World {
    /// Before a message leaves: what it promises is on disk, nobody votes twice in a term, and
    /// nobody votes in a history that its pledge has ended.
    pub(crate) fn check_sent(&mut self, from: NodeId, message: &Message) {
        let (term, to) = (message.term, message.to);
        match &message.body {
            Body::Vote { reason, .. } => {
                if let VoteReason::Forced(forcing) = reason {
                    let wanted = &mut self.ballots.wanted;
                    wanted.insert((from, term), forcing.lineage);
                } else {
                    self.note_ordinary(from, message);
                }
                self.note_vote((from, term), from);
            }
            Body::VoteReply {
                verdict: Verdict::Granted,
            } => {
                self.note_vote((from, term), to);
                self.check_kept((from, term), to);
                let wanted = self.ballots.wanted.get(&(to, term)).copied();
                match wanted {
                    Some(lineage) => {
                        let pledged = Pledged {
                            within: message.lineage,
                            to: lineage,
                            term,
                        };
                        self.ballots.pledged.insert(from, pledged);
                    }
                    None => self.note_ordinary(from, message),
                }
                self.check_pledges();
            }
            _other => {}
        }
    }

    fn note_vote(&mut self, (from, term): (NodeId, u64), to: NodeId) {
        let voted = *self.ballots.votes.entry((from, term)).or_insert(to);
        if voted != to {
            let what = format!(
                "{} votes for {} and for {} in term {term}",
                node_name(from),
                node_name(voted),
                node_name(to)
            );
            self.break_promise(Promise::S6NothingWithoutQuorum, what);
        }
    }

    fn check_kept(&mut self, (from, term): (NodeId, u64), to: NodeId) {
        let on_disk = &self.machines[(from.0 - 1) as usize].disk.stable.hard_state;
        let is_kept = (on_disk.term, on_disk.vote) == (term, Some(to)) || term < on_disk.term;
        if !is_kept {
            let what = format!(
                "{} votes for {} in term {term}, and its disk does not know it",
                node_name(from),
                node_name(to)
            );
            self.break_promise(Promise::S6NothingWithoutQuorum, what);
        }
    }

    /// When a daemon starts: the vote that the one before has sent is on its disk, whatever
    /// the end of that one has torn.
    pub(crate) fn check_vote_survived(&mut self, id: NodeId) {
        let on_disk = &self.machines[(id.0 - 1) as usize].disk.stable.hard_state;
        let (term, vote) = (on_disk.term, on_disk.vote);
        let sent = self.ballots.votes.get(&(id, term)).copied();
        if let Some(sent) = sent.filter(|sent| Some(*sent) != vote) {
            let what = format!(
                "{} has voted for {} in term {term}, and its disk has lost it",
                node_name(id),
                node_name(sent)
            );
            self.break_promise(Promise::S6NothingWithoutQuorum, what);
        }
    }

    fn note_ordinary(&mut self, from: NodeId, message: &Message) {
        let vote = (message.term, message.lineage);
        self.ballots.ordinary.insert(from, vote);
        self.check_pledges();
    }

    /// A history that was begun by pledges: none of those who pledged votes in the one before
    /// any more. As long as it has not begun, a pledge may end.
    pub(crate) fn check_pledges(&mut self) {
        let ballots = &self.ballots;
        let broken = ballots.pledged.iter().find(|(node, pledged)| {
            let vote = ballots.ordinary.get(node);
            let votes_later = vote
                .is_some_and(|(term, lineage)| *lineage == pledged.within && pledged.term <= *term);
            votes_later && self.has_begun(&pledged.to)
        });
        if let Some((node, pledged)) = broken {
            let what = format!(
                "{} votes in generation {} although its pledge has begun the next one",
                node_name(*node),
                pledged.within.generation
            );
            self.break_promise(Promise::S6NothingWithoutQuorum, what);
        }
    }

    /// Whether a forced change that would begin this history was won.
    fn has_begun(&self, lineage: &Lineage) -> bool {
        self.machines.iter().any(|machine| {
            let on_disk = &machine.disk.stable.hard_state.lineage;
            let in_memory = machine.daemon.as_ref().map(|d| d.node.raft().lineage());
            on_disk == lineage || in_memory.as_ref() == Some(lineage)
        })
    }
}
