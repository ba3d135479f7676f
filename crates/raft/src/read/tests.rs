use model::Lineage;
use wire::raft::{AppendOutcome, Configuration, Message};

use super::*;
use crate::{Config, PersistSeq, Restored};

const NOW: Instant = Instant(1_000_000_000);

/// A leader of three; `told` are the messages of the others, in order. What the leader says
/// about reads, and whom it asks.
struct Story {
    raft: Raft,
    said: Vec<String>,
}

impl Story {
    /// Wins its election; its first entry is not on any other disk.
    fn of_new_leader() -> Self {
        let voters = Configuration::of_voters((1..=3).map(NodeId));
        let restored = Restored::bootstrap(Lineage::default(), voters);
        let raft = Raft::new(Config::new(NodeId(1), 7), restored, NOW);
        let said = Vec::new();
        let mut story = Self { raft, said };
        story.raft.campaign(NOW);
        story.settle();
        let yes = wire::raft::Verdict::Granted;
        let proposed_term = 2;
        story.tell(
            2,
            1,
            Body::PreVoteReply {
                proposed_term,
                verdict: yes,
            },
        );
        story.tell(2, 2, Body::VoteReply { verdict: yes });
        assert_eq!(story.raft.role(), crate::Role::Leader);
        story.said.clear();
        story
    }

    fn of_settled_leader() -> Self {
        let mut story = Self::of_new_leader();
        story.stored(2);
        assert_eq!(story.raft.commit(), 2);
        story.said.clear();
        story
    }

    fn tell(&mut self, from: u64, term: u64, body: Body) {
        let (from, to, lineage) = (NodeId(from), NodeId(1), Lineage::default());
        let message = Message {
            term,
            lineage,
            from,
            to,
            body,
        };
        self.raft.handle_message(message, NOW);
        self.settle();
    }

    /// Node 2 has entries up to `index` on disk.
    fn stored(&mut self, index: u64) {
        let outcome = AppendOutcome::Matched { index };
        self.tell(
            2,
            2,
            Body::AppendReply {
                outcome,
                stamp: None,
            },
        );
    }

    fn heard(&mut self, from: u64, read_round: u64) {
        self.tell(
            from,
            2,
            Body::HeartbeatReply {
                read_round,
                sent: None,
                stamp: None,
            },
        );
    }

    fn read(&mut self, context: u64) {
        self.raft.read_index(context, NOW);
        self.settle();
    }

    fn settle(&mut self) {
        let mut seq = PersistSeq(0);
        while let Some(output) = self.raft.poll_output() {
            match output {
                Output::Persist(order) => seq = order.seq,
                Output::ReadReady { context, index } => {
                    self.said.push(format!("read {context} at {index}"));
                }
                Output::ReadFailed { context } => self.said.push(format!("no read {context}")),
                Output::Send(message) => self.note_sent(message),
                Output::Committed(_)
                | Output::RestoreSnapshot(..)
                | Output::RoleChanged { .. }
                | Output::Forced { .. }
                | Output::Superseded { .. }
                | Output::LineageMismatch { .. } => {}
            }
        }
        if PersistSeq(0) < seq {
            self.raft.handle_persisted(seq, NOW);
            self.settle();
        }
    }

    fn note_sent(&mut self, message: Message) {
        let to = message.to.0;
        if let Body::ReadIndexReply { context, index } = message.body {
            self.said
                .push(format!("to {to}: read {context} at {index:?}"));
        }
    }
}

#[test]
fn round_before_the_question_confirms_nothing() {
    let mut story = Story::of_settled_leader();
    story.read(1);
    story.heard(2, 0);
    assert!(story.said.is_empty(), "{:?}", story.said);
    story.heard(2, 1);
    assert_eq!(story.said, ["read 1 at 2"]);
}

#[test]
fn one_later_round_confirms_all_reads_before_it_in_order() {
    let mut story = Story::of_settled_leader();
    story.read(1);
    story.read(2);
    story.read(3);
    story.heard(3, 2);
    assert_eq!(story.said, ["read 1 at 2", "read 2 at 2"]);
    story.heard(2, 3);
    assert_eq!(story.said, ["read 1 at 2", "read 2 at 2", "read 3 at 2"]);
}

#[test]
fn read_keeps_the_index_of_its_question() {
    let mut story = Story::of_settled_leader();
    story.read(1);
    story.raft.propose(b"x".to_vec(), NOW).unwrap();
    story.settle();
    story.stored(3);
    story.read(2);
    story.heard(2, 2);
    assert_eq!(story.said, ["read 1 at 2", "read 2 at 3"]);
}

#[test]
fn reads_before_the_own_term_is_committed_wait_for_it() {
    let mut story = Story::of_new_leader();
    story.read(1);
    story.heard(2, 9);
    assert!(story.said.is_empty(), "{:?}", story.said);
    story.stored(2);
    story.heard(3, 1);
    assert_eq!(story.said, ["read 1 at 2"]);
}

#[test]
fn leader_that_is_deposed_fails_its_reads_and_those_of_others() {
    let mut story = Story::of_settled_leader();
    story.read(1);
    story.tell(3, 2, Body::ReadIndex { context: 77 });
    story.tell(2, 3, Body::Outdated);
    assert_eq!(story.said, ["no read 1", "to 3: read 77 at None"]);
}

#[test]
fn question_of_another_node_is_answered_to_it() {
    let mut story = Story::of_settled_leader();
    story.tell(3, 2, Body::ReadIndex { context: 77 });
    story.heard(3, 1);
    assert_eq!(story.said, ["to 3: read 77 at Some(2)"]);
}

#[test]
fn full_queue_refuses_at_once() {
    let mut story = Story::of_settled_leader();
    for context in 0..=READS_MAX as u64 {
        story.read(context);
    }
    assert_eq!(story.said, [format!("no read {READS_MAX}")]);
}
