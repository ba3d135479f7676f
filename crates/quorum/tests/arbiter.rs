//! The vote of a witness in short stories.

use std::time::Duration;

use model::{Instant, Lineage, NodeId};
use quorum::arbiter::{
    Answer, Arbiter, Ask, Invalid, LINEAGES_MAX, Output, Ping, RECORD_VERSION, Record, RecordError,
};

fn at(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(100_000 + millis)
}

fn lineage(generation: u64) -> Lineage {
    Lineage {
        generation,
        maker: NodeId(1),
        random: 77,
    }
}

/// One of two nodes asks in generation 1.
fn ask(candidate: u64, term: u64) -> Ask {
    Ask {
        lineage: lineage(1),
        term,
        candidate: NodeId(candidate),
        run: 1,
        voters: [NodeId(1), NodeId(2)].into(),
        rest: [NodeId(candidate)].into(),
        weight: 1,
        led_term: 4,
    }
}

fn granted(term: u64) -> Option<Answer> {
    Some(Answer::Granted {
        lineage: lineage(1),
        term,
    })
}

fn refused(to: u64, term: u64) -> Option<Answer> {
    Some(Answer::Refused {
        to: NodeId(to),
        term,
    })
}

fn new() -> Arbiter {
    Arbiter::new(Record::default()).unwrap()
}

/// Asks, and lets the disk be as fast as it can be.
fn asked(arbiter: &mut Arbiter, ask: &Ask, now: Instant) -> Option<Answer> {
    arbiter.handle_ask(9, ask, now);
    let mut last = None;
    while let Some(output) = arbiter.poll_output() {
        match output {
            Output::Persist { number, .. } => arbiter.handle_persisted(number),
            Output::Answer { to, ask: 9, answer } if to == ask.candidate => last = Some(answer),
            other @ Output::Answer { .. } => panic!("{other:?}"),
        }
    }
    last
}

#[test]
fn the_first_gets_the_vote_and_the_second_is_told_who_has_it() {
    let mut arbiter = new();
    assert_eq!(asked(&mut arbiter, &ask(2, 5), at(0)), granted(5));
    assert_eq!(asked(&mut arbiter, &ask(1, 5), at(1)), refused(2, 5));
}

#[test]
fn nothing_is_granted_before_it_is_on_disk() {
    let mut arbiter = new();
    arbiter.handle_ask(1, &ask(1, 5), at(0));
    let Some(Output::Persist { number, record }) = arbiter.poll_output() else {
        panic!("it must be persisted first");
    };
    assert_eq!(arbiter.poll_output(), None);
    arbiter.handle_ask(2, &ask(1, 5), at(1));
    assert_eq!(arbiter.poll_output(), None, "not again, and not before");
    arbiter.handle_persisted(number);
    let output = arbiter.poll_output();
    assert!(
        matches!(output, Some(Output::Answer { ask: 2, answer, .. }) if Some(answer) == granted(5))
    );
    let mut later = Arbiter::new(record).unwrap();
    assert_eq!(asked(&mut later, &ask(2, 6), at(2)), refused(1, 5));
}

#[test]
fn the_same_node_may_ask_again_and_for_a_later_term() {
    let mut arbiter = new();
    assert_eq!(asked(&mut arbiter, &ask(1, 5), at(0)), granted(5));
    assert_eq!(asked(&mut arbiter, &ask(1, 5), at(1)), granted(5));
    assert_eq!(asked(&mut arbiter, &ask(1, 7), at(2)), granted(7));
    let late_copy = ask(1, 5);
    assert_eq!(asked(&mut arbiter, &late_copy, at(3)), refused(1, 7));
}

/// One of two of four.
fn of_four(candidate: u64, rest: [u64; 2], term: u64) -> Ask {
    Ask {
        voters: (1..=4).map(NodeId).collect(),
        rest: rest.map(NodeId).into(),
        ..ask(candidate, term)
    }
}

#[test]
fn another_one_of_the_half_takes_the_vote_over() {
    let mut arbiter = new();
    let first = of_four(1, [1, 2], 6);
    assert_eq!(asked(&mut arbiter, &first, at(0)), granted(6));
    let other_half = of_four(3, [3, 4], 7);
    assert_eq!(asked(&mut arbiter, &other_half, at(1)), refused(1, 6));
    let too_early = of_four(2, [1, 2], 5);
    assert_eq!(asked(&mut arbiter, &too_early, at(2)), refused(1, 6));
    let second = of_four(2, [1, 2], 7);
    assert_eq!(asked(&mut arbiter, &second, at(3)), granted(7));
    assert_eq!(
        asked(&mut arbiter, &of_four(1, [1, 2], 8), at(4)),
        granted(8)
    );
    assert_eq!(asked(&mut arbiter, &other_half, at(5)), refused(1, 8));
}

#[test]
fn a_vote_that_was_taken_over_stays_with_halves_that_have_its_keeper() {
    let mut arbiter = new();
    assert_eq!(
        asked(&mut arbiter, &of_four(1, [1, 2], 5), at(0)),
        granted(5)
    );
    assert_eq!(
        asked(&mut arbiter, &of_four(2, [1, 2], 6), at(1)),
        granted(6)
    );
    // By way of its second holder it must not come to a half that shares nobody with the first.
    assert_eq!(
        asked(&mut arbiter, &of_four(2, [2, 4], 7), at(2)),
        refused(1, 6)
    );
    assert_eq!(
        asked(&mut arbiter, &of_four(3, [1, 3], 7), at(3)),
        granted(7)
    );
    assert_eq!(
        asked(&mut arbiter, &of_four(3, [3, 4], 8), at(4)),
        refused(1, 7)
    );
}

#[test]
fn a_leader_elected_later_voids_the_grant() {
    let mut arbiter = new();
    assert_eq!(asked(&mut arbiter, &ask(1, 5), at(0)), granted(5));
    let mut other = ask(2, 9);
    other.led_term = 5;
    assert_eq!(
        asked(&mut arbiter, &other, at(1)),
        refused(1, 5),
        "that may be the forced change itself"
    );
    other.led_term = 6;
    assert_eq!(asked(&mut arbiter, &other, at(2)), granted(9));
}

#[test]
fn another_history_has_a_vote_of_its_own() {
    let mut arbiter = new();
    assert_eq!(asked(&mut arbiter, &ask(1, 5), at(0)), granted(5));
    let mut next = ask(2, 9);
    next.lineage = lineage(2);
    assert!(matches!(
        asked(&mut arbiter, &next, at(1)),
        Some(Answer::Granted { term: 9, .. })
    ));
}

#[test]
fn old_histories_are_dropped_and_refused_for_ever() {
    let mut arbiter = new();
    for generation in 1..=20 {
        let mut ask = ask(1, 5);
        ask.lineage = lineage(generation);
        asked(&mut arbiter, &ask, at(0));
    }
    let record = arbiter.record();
    assert_eq!(record.grants.len(), LINEAGES_MAX);
    assert_eq!(record.refused_up_to, Some(12));
    let mut again = Arbiter::new(record).unwrap();
    let mut old = ask(2, 5);
    old.lineage = lineage(12);
    old.led_term = 4;
    assert_eq!(asked(&mut again, &old, at(1)), Some(Answer::Outdated));
}

fn ping(arbiter: &mut Arbiter, node: u64, weight: u64, now: Instant) {
    let ping = Ping {
        node: NodeId(node),
        weight,
        hears: [NodeId(1)].into(),
    };
    arbiter.handle_ping(ping, now);
}

#[test]
fn the_side_that_runs_more_is_given_a_second() {
    let mut arbiter = new();
    ping(&mut arbiter, 2, 5, at(0));
    let wait = |millis| {
        Some(Answer::Wait {
            span: Duration::from_millis(millis),
        })
    };
    assert_eq!(asked(&mut arbiter, &ask(1, 5), at(100)), wait(1000));
    assert_eq!(asked(&mut arbiter, &ask(1, 5), at(500)), wait(600));
    let mut heavier = ask(2, 5);
    heavier.weight = 5;
    assert_eq!(asked(&mut arbiter, &heavier, at(600)), granted(5));
    assert_eq!(asked(&mut arbiter, &ask(1, 5), at(1200)), refused(2, 5));
}

#[test]
fn the_lighter_side_gets_it_when_the_heavier_does_not_ask() {
    let mut arbiter = new();
    ping(&mut arbiter, 2, 5, at(0));
    asked(&mut arbiter, &ask(1, 5), at(100));
    ping(&mut arbiter, 2, 5, at(1000));
    assert_eq!(asked(&mut arbiter, &ask(1, 5), at(1100)), granted(5));
}

#[test]
fn who_is_not_heard_any_more_is_not_waited_for() {
    let mut arbiter = new();
    ping(&mut arbiter, 2, 5, at(0));
    assert_eq!(asked(&mut arbiter, &ask(1, 5), at(2500)), granted(5));
}

#[test]
fn an_ask_that_contradicts_itself_gets_nothing() {
    type Spoil = fn(&mut Ask);
    let cases: [(Invalid, Spoil); 4] = [
        (Invalid::Voters, |ask| ask.voters.clear()),
        (Invalid::Candidate, |ask| ask.rest = [NodeId(2)].into()),
        (Invalid::NotHalf, |ask| ask.rest = ask.voters.clone()),
        (Invalid::Term, |ask| ask.led_term = ask.term),
    ];
    for (because, spoil) in cases {
        let mut arbiter = new();
        let mut ask = ask(1, 5);
        spoil(&mut ask);
        assert_eq!(
            asked(&mut arbiter, &ask, at(0)),
            Some(Answer::Invalid { because })
        );
        assert_eq!(arbiter.record(), Record::default());
    }
}

#[test]
fn a_record_survives_its_text_and_a_newer_one_is_refused() {
    let mut arbiter = new();
    asked(&mut arbiter, &ask(1, 5), at(0));
    let text = serde_json::to_string(&arbiter.record()).unwrap();
    assert_eq!(
        text,
        r#"{"version":1,"refused_up_to":null,"grants":[[{"generation":1,"maker":1,"random":77},{"keeper":1,"candidate":1,"run":1,"term":5}]]}"#
    );
    let mut record: Record = serde_json::from_str(&text).unwrap();
    assert_eq!(record, arbiter.record());
    record.version = RECORD_VERSION + 1;
    assert!(matches!(
        Arbiter::new(record.clone()),
        Err(RecordError::Version { found: 2 })
    ));
    record.version = RECORD_VERSION;
    record.grants = vec![record.grants[0]; 2];
    assert!(matches!(
        Arbiter::new(record),
        Err(RecordError::Twice { generation: 1 })
    ));
}

#[test]
fn memory_is_bounded_whoever_pings() {
    let mut arbiter = new();
    for node in 0..1000 {
        ping(&mut arbiter, node, 1, at(node));
    }
    assert_eq!(arbiter.nodes(at(1000)).count(), 64);
}
