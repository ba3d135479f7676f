//! Whatever is proposed, no message is longer than the frames that peers take.

use model::{Instant, Lineage, NodeId};
use raft::{COMMAND_BYTES_MAX, Config, Output, ProposeError, Raft, Restored};
use wire::peer::{PeerMessage, encode, frame};
use wire::raft::{AppendOutcome, Body, Configuration, Message, Verdict};

const NOW: Instant = Instant(1_000_000_000);

fn tell(raft: &mut Raft, term: u64, body: Body) -> Vec<Body> {
    let (from, to, lineage) = (NodeId(2), NodeId(1), Lineage::default());
    let message = Message {
        term,
        lineage,
        from,
        to,
        body,
    };
    raft.handle_message(message, NOW);
    drain(raft)
}

/// What goes out, each message with its frame around it; the disk works at once.
fn drain(raft: &mut Raft) -> Vec<Body> {
    let mut sent = Vec::new();
    let mut outputs: Vec<Output> = Vec::new();
    while let Some(output) = raft.poll_output() {
        if let Output::Persist(order) = &output {
            raft.handle_persisted(order.seq, NOW);
        }
        outputs.push(output);
    }
    for output in outputs {
        let Output::Send(message) = output else {
            continue;
        };
        frame(&encode(PeerMessage::Raft(wire::raft::encode(&message))))
            .expect("no longer than a frame");
        sent.push(message.body);
    }
    sent
}

/// A leader of two whose follower has not answered anything but votes.
fn leader() -> Raft {
    let voters = Configuration::of_voters((1..=2).map(NodeId));
    let restored = Restored::bootstrap(Lineage::default(), voters);
    let mut raft = Raft::new(Config::new(NodeId(1), 7), restored, NOW);
    raft.campaign(NOW);
    drain(&mut raft);
    let (verdict, proposed_term) = (Verdict::Granted, 2);
    let yes = Body::PreVoteReply {
        proposed_term,
        verdict,
    };
    tell(&mut raft, 1, yes);
    tell(&mut raft, 2, Body::VoteReply { verdict });
    raft
}

/// Proposes commands of these sizes, then answers the first append: the sizes of the commands
/// in each append that follows.
fn appends(sizes: &[usize]) -> Vec<Vec<usize>> {
    let mut raft = leader();
    for size in sizes {
        raft.propose(vec![7; *size], NOW).unwrap();
    }
    drain(&mut raft);
    let outcome = AppendOutcome::Matched { index: 2 };
    let sent = tell(
        &mut raft,
        2,
        Body::AppendReply {
            outcome,
            stamp: None,
        },
    );
    let appends = sent.into_iter().filter_map(|body| match body {
        Body::Append { entries, .. } if !entries.is_empty() => Some(entries),
        _ => None,
    });
    appends
        .map(|entries| {
            let sizes = entries.iter().map(|entry| match &entry.payload {
                wire::raft::Payload::Command(data) => data.len(),
                wire::raft::Payload::Empty
                | wire::raft::Payload::Voters(_)
                | wire::raft::Payload::Forced(_) => 0,
            });
            sizes.collect()
        })
        .collect()
}

#[test]
fn many_entries_of_a_hundred_kilobytes_go_ten_by_ten() {
    let appends = appends(&[100_000; 25]);
    assert_eq!(
        appends,
        [vec![100_000; 10], vec![100_000; 10], vec![100_000; 5]]
    );
}

#[test]
fn largest_command_goes_alone_and_fits_a_frame() {
    let max = COMMAND_BYTES_MAX;
    assert_eq!(
        appends(&[3, max, max, 4, 5]),
        [vec![3], vec![max], vec![max], vec![4, 5]]
    );
}

#[test]
fn small_entries_are_bounded_by_their_number() {
    let appends = appends(&[1; 300]);
    assert_eq!(appends, [vec![1; 256], vec![1; 44]]);
}

#[test]
fn command_that_is_too_large_is_refused_with_its_size_and_leaves_no_trace() {
    let mut raft = leader();
    let last = raft.last_index();
    let bytes = COMMAND_BYTES_MAX + 1;
    let error = raft.propose(vec![7; bytes], NOW).unwrap_err();
    assert_eq!(error, ProposeError::TooLarge { bytes });
    assert_eq!(raft.last_index(), last);
}
