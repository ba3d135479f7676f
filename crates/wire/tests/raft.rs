//! Entries, states and messages of the log survive their bytes, and no bytes break the
//! decoders.

use std::collections::BTreeSet;

use model::{Lineage, NodeId};
use proptest::prelude::*;
use wire::raft::{
    AppendOutcome, Body, Configuration, Entry, HardState, Message, Payload, SnapshotMeta, Verdict,
    VoteReason, decode, decode_entry, decode_hard_state, decode_snapshot_meta, encode,
    encode_entry, encode_hard_state, encode_snapshot_meta,
};

fn node() -> impl Strategy<Value = NodeId> {
    any::<u64>().prop_map(NodeId)
}

fn lineage() -> impl Strategy<Value = Lineage> {
    (any::<u64>(), node(), any::<u64>()).prop_map(|(generation, maker, random)| Lineage {
        generation,
        maker,
        random,
    })
}

fn configuration() -> impl Strategy<Value = Configuration> {
    let nodes = || prop::collection::vec(node(), 0..6).prop_map(BTreeSet::from_iter);
    (nodes(), nodes()).prop_map(|(voters, learners)| Configuration { voters, learners })
}

fn entry() -> impl Strategy<Value = Entry> {
    let payload = prop_oneof![
        Just(Payload::Empty),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Payload::Command),
        configuration().prop_map(Payload::Voters),
    ];
    (any::<u64>(), any::<u64>(), payload).prop_map(|(index, term, payload)| Entry {
        index,
        term,
        payload,
    })
}

fn meta() -> impl Strategy<Value = SnapshotMeta> {
    (any::<u64>(), any::<u64>(), configuration(), lineage()).prop_map(
        |(index, term, configuration, lineage)| SnapshotMeta {
            index,
            term,
            configuration,
            lineage,
        },
    )
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![Just(Verdict::Granted), Just(Verdict::Refused)]
}

fn outcome() -> impl Strategy<Value = AppendOutcome> {
    prop_oneof![
        any::<u64>().prop_map(|index| AppendOutcome::Matched { index }),
        any::<[u64; 3]>().prop_map(|[prev_index, hint_index, hint_term]| {
            AppendOutcome::Rejected {
                prev_index,
                hint_index,
                hint_term,
            }
        }),
    ]
}

fn election_body() -> impl Strategy<Value = Body> {
    let reason = prop_oneof![Just(VoteReason::LeaderGone), Just(VoteReason::Transfer)];
    prop_oneof![
        any::<[u64; 3]>().prop_map(|[proposed_term, last_index, last_term]| Body::PreVote {
            proposed_term,
            last_index,
            last_term
        }),
        (any::<u64>(), verdict()).prop_map(|(proposed_term, verdict)| Body::PreVoteReply {
            proposed_term,
            verdict
        }),
        (any::<u64>(), any::<u64>(), reason).prop_map(|(last_index, last_term, reason)| {
            Body::Vote {
                last_index,
                last_term,
                reason,
            }
        }),
        verdict().prop_map(|verdict| Body::VoteReply { verdict }),
        Just(Body::TimeoutNow),
        Just(Body::Outdated),
    ]
}

fn log_body() -> impl Strategy<Value = Body> {
    let bytes = prop::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        (any::<[u64; 3]>(), prop::collection::vec(entry(), 0..4)).prop_map(
            |([prev_index, prev_term, commit], entries)| Body::Append {
                prev_index,
                prev_term,
                entries,
                commit
            }
        ),
        outcome().prop_map(|outcome| Body::AppendReply { outcome }),
        any::<[u64; 2]>().prop_map(|[commit, read_round]| Body::Heartbeat { commit, read_round }),
        any::<u64>().prop_map(|read_round| Body::HeartbeatReply { read_round }),
        (meta(), any::<u64>(), bytes, any::<bool>()).prop_map(|(meta, offset, data, last)| {
            Body::SnapshotChunk {
                meta,
                offset,
                data,
                last,
            }
        }),
        any::<[u64; 2]>().prop_map(|[index, received]| Body::SnapshotReply { index, received }),
        any::<u64>().prop_map(|context| Body::ReadIndex { context }),
        (any::<u64>(), any::<Option<u64>>())
            .prop_map(|(context, index)| Body::ReadIndexReply { context, index }),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    (
        any::<u64>(),
        lineage(),
        node(),
        node(),
        prop_oneof![election_body(), log_body()],
    )
        .prop_map(|(term, lineage, from, to, body)| Message {
            term,
            lineage,
            from,
            to,
            body,
        })
}

proptest! {
    #[test]
    fn a_message_survives_its_bytes(message in message()) {
        prop_assert_eq!(decode(&encode(&message)).unwrap(), message);
    }

    #[test]
    fn an_entry_survives_its_bytes(entry in entry()) {
        prop_assert_eq!(decode_entry(&encode_entry(&entry)).unwrap(), entry);
    }

    #[test]
    fn a_snapshot_description_survives_its_bytes(meta in meta()) {
        prop_assert_eq!(decode_snapshot_meta(&encode_snapshot_meta(&meta)).unwrap(), meta);
    }

    #[test]
    fn a_hard_state_survives_its_bytes(
        term in any::<u64>(), vote in prop::option::of(node()),
        commit in any::<u64>(), lineage in lineage(),
    ) {
        let state = HardState { term, vote, commit, lineage };
        prop_assert_eq!(decode_hard_state(&encode_hard_state(&state)).unwrap(), state);
    }

    #[test]
    fn no_bytes_break_the_decoders(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
        let _ = decode_entry(&bytes);
        let _ = decode_hard_state(&bytes);
        let _ = decode_snapshot_meta(&bytes);
    }

    #[test]
    fn no_damage_to_a_message_breaks_the_decoder(
        message in message(), at in any::<prop::sample::Index>(), bit in 0..8u8, cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = encode(&message);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let _ = decode(&bytes);
        let _ = decode(&bytes[..cut.index(bytes.len())]);
    }
}

fn complaint<T: std::fmt::Debug>(result: Result<T, wire::raft::DecodeError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn an_entry_of_an_unknown_kind_is_an_error_and_not_an_empty_one() {
    // Field 1 (index) = 7, field 3 (kind) = 9.
    assert_eq!(
        complaint(decode_entry(&[0x08, 7, 0x18, 9])),
        "kind of entry 9 is unknown to this version"
    );
    assert_eq!(
        complaint(decode_entry(&[0x08, 7])),
        "kind of entry 0 is unknown to this version"
    );
    assert_eq!(
        complaint(decode_entry(&[])),
        "kind of entry 0 is unknown to this version"
    );
}

#[test]
fn a_message_of_an_unknown_body_is_an_error() {
    let message = Message {
        term: 1,
        lineage: Lineage::default(),
        from: NodeId(1),
        to: NodeId(2),
        body: Body::Outdated,
    };
    let bytes = encode(&message);
    // The last field is the body: tag 23, length 0. Tag 29 is nobody's.
    let (head, tail) = bytes.split_at(bytes.len() - 3);
    assert_eq!(tail, [0xba, 0x01, 0]);
    let unknown = [head, &[0xea, 0x01, 0]].concat();
    assert_eq!(complaint(decode(&unknown)), "a message without its body");
    assert_eq!(complaint(decode(head)), "a message without its body");
}

#[test]
fn an_unknown_verdict_is_no_vote() {
    let message = Message {
        term: 1,
        lineage: Lineage::default(),
        from: NodeId(1),
        to: NodeId(2),
        body: Body::VoteReply {
            verdict: Verdict::Granted,
        },
    };
    let mut bytes = encode(&message);
    *bytes.last_mut().unwrap() = 3;
    assert_eq!(
        complaint(decode(&bytes)),
        "verdict 3 is unknown to this version"
    );
}
