//! Entries, states and messages of the log survive their bytes, and no bytes break the
//! decoders.

use std::collections::BTreeSet;

use model::{Instant, Lineage, NodeId, WitnessId};
use proptest::prelude::*;
use wire::raft::{
    AppendOutcome, Arbiter, Body, Configuration, Entry, ForcedChange, ForcedVoters, Forcing,
    HardState, Message, Payload, Pledge, SnapshotMeta, Stamp, Verdict, VoteReason, decode,
    decode_entry, decode_hard_state, decode_snapshot_meta, encode, encode_entry, encode_hard_state,
    encode_snapshot_meta,
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
    (nodes(), nodes(), arbiter()).prop_map(|(voters, learners, arbiter)| Configuration {
        voters,
        learners,
        arbiter,
    })
}

fn arbiter() -> impl Strategy<Value = Arbiter> {
    let witness = || any::<u64>().prop_map(WitnessId);
    prop_oneof![
        Just(Arbiter::Fence),
        witness().prop_map(Arbiter::Witness),
        witness().prop_map(Arbiter::Disk),
    ]
}

fn forcing() -> impl Strategy<Value = Forcing> {
    let excused = prop::collection::vec(node(), 0..6).prop_map(BTreeSet::from_iter);
    (lineage(), excused).prop_map(|(lineage, excused)| Forcing { lineage, excused })
}

fn pledge() -> impl Strategy<Value = Pledge> {
    (lineage(), any::<u64>(), node()).prop_map(|(lineage, term, candidate)| Pledge {
        lineage,
        term,
        candidate,
    })
}

fn forced() -> impl Strategy<Value = ForcedChange> {
    (lineage(), any::<[u64; 3]>(), configuration()).prop_map(
        |(lineage, [term, prev_index, prev_term], configuration)| ForcedChange {
            lineage,
            term,
            configuration,
            prev_index,
            prev_term,
        },
    )
}

fn stamp() -> impl Strategy<Value = Option<Stamp>> {
    let stamp = (any::<u32>(), any::<u64>());
    prop::option::of(stamp.prop_map(|(run, at)| Stamp {
        run,
        at: Instant(at),
    }))
}

fn entry() -> impl Strategy<Value = Entry> {
    let payload = prop_oneof![
        Just(Payload::Empty),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Payload::Command),
        configuration().prop_map(Payload::Voters),
        (lineage(), configuration()).prop_map(|(lineage, configuration)| {
            Payload::Forced(ForcedVoters {
                lineage,
                configuration,
            })
        }),
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
    let reason = prop_oneof![
        Just(VoteReason::LeaderGone),
        Just(VoteReason::Transfer),
        forcing().prop_map(VoteReason::Forced),
    ];
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
        (
            any::<[u64; 3]>(),
            prop::collection::vec(entry(), 0..4),
            stamp()
        )
            .prop_map(
                |([prev_index, prev_term, commit], entries, echo)| Body::Append {
                    prev_index,
                    prev_term,
                    entries,
                    commit,
                    echo,
                }
            ),
        (outcome(), stamp()).prop_map(|(outcome, stamp)| Body::AppendReply { outcome, stamp }),
        (any::<[u64; 2]>(), stamp(), stamp()).prop_map(|([commit, read_round], sent, echo)| {
            Body::Heartbeat {
                commit,
                read_round,
                sent,
                echo,
            }
        }),
        (any::<u64>(), stamp(), stamp()).prop_map(|(read_round, sent, stamp)| {
            Body::HeartbeatReply {
                read_round,
                sent,
                stamp,
            }
        }),
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
        pledge in prop::option::of(pledge()), forced in prop::option::of(forced()),
    ) {
        let state = HardState { term, vote, commit, lineage, pledge, forced };
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

#[test]
fn bytes_without_arbiter_pledge_and_stamps_are_read_as_before() {
    // An entry: index 7, term 2, kind 3 (members), voters 1 and 2.
    let entry = decode_entry(&[8, 7, 16, 2, 24, 3, 42, 4, 10, 2, 1, 2]).unwrap();
    let voters = Configuration::of_voters([NodeId(1), NodeId(2)]);
    assert_eq!(voters.arbiter, Arbiter::Fence);
    assert_eq!(entry.payload, Payload::Voters(voters));
    // A hard state: term 5, vote 2, commit 7, a lineage of generation 1.
    let state = decode_hard_state(&[8, 5, 16, 2, 24, 7, 34, 2, 8, 1]).unwrap();
    assert_eq!((state.term, state.vote), (5, Some(NodeId(2))));
    assert_eq!((state.pledge, state.forced), (None, None));
    // A message: term 5, a lineage, from 1, to 2, an answer to a heartbeat of read round 9.
    let reply = decode(&[8, 5, 18, 2, 8, 1, 24, 1, 32, 2, 0x88, 1, 9]).unwrap();
    let (sent, stamp) = (None, None);
    let wanted = Body::HeartbeatReply {
        read_round: 9,
        sent,
        stamp,
    };
    assert_eq!(reply.body, wanted);
}

#[test]
fn an_unknown_arbiter_is_an_error() {
    let bytes = [8, 7, 16, 2, 24, 3, 42, 6, 10, 1, 1, 26, 1, 8];
    assert!(decode_entry(&bytes).is_err());
    let bytes = [8, 7, 16, 2, 24, 3, 42, 7, 10, 1, 1, 26, 2, 8, 3];
    assert_eq!(
        complaint(decode_entry(&bytes)),
        "kind of arbiter 3 is unknown to this version"
    );
}
