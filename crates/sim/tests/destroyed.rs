//! Logs that are destroyed. Where nobody can know any more what was decided, a play is not
//! judged by L1; everywhere else it is.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Instant, NodeId};
use sim::act::Act;
use sim::form;
use sim::play::{self, Outcome};
use sim::schedule::Setup;
use sim::trace::{Keep, Line};

/// Four nodes, split in two: `c` wins a forced change, with the vote of `d`. Acts with their
/// times in microseconds.
fn split_of_four(then: &[(u64, &str)]) -> Outcome {
    let web = form::service("web prefer=a").unwrap();
    let setup = Setup {
        spec: form::spec(4, BTreeMap::from([web])),
        faults_end: Instant(12_000_000_000),
        on_again: Some(Duration::from_secs(5)),
        ..Setup::plain(4)
    };
    let acts = [(5_000_000, "split b")].iter().chain(then);
    let acts = acts.map(|(at, act)| (Instant(at * 1000), act.parse::<Act>().unwrap()));
    play::schedule(&setup, acts.collect(), Keep::Tale)
}

/// When `c` wins if nothing else happens, in microseconds. What is done later changes nothing
/// of what was before; and the vote of `d` is on its way for 100 us at least.
fn won_at() -> u64 {
    let outcome = split_of_four(&[]);
    let won = outcome.lines.iter().find(|line| is_forced(line)).unwrap();
    assert_eq!(won.node, Some(NodeId(3)));
    won.at.0 / 1000
}

fn is_forced(line: &Line) -> bool {
    line.what.starts_with("goes on without the others")
}

fn has_forced(outcome: &Outcome) -> bool {
    outcome.lines.iter().any(is_forced)
}

#[test]
fn of_a_history_that_rots_where_alone_it_began_nothing_can_recover() {
    let won = won_at();
    let outcome = split_of_four(&[(won + 10, "cut c d"), (won + 45_000, "rot c")]);
    assert!(has_forced(&outcome));
    assert_eq!(outcome.violation, None);
    assert!(outcome.hopeless);
}

#[test]
fn of_a_vote_for_one_who_lost_its_log_before_it_won_nobody_can_know() {
    let outcome = split_of_four(&[(won_at() - 50, "rot c")]);
    assert!(!has_forced(&outcome));
    assert_eq!(outcome.violation, None);
    assert!(outcome.hopeless);
}

#[test]
fn of_a_history_that_has_reached_somebody_else_all_recovers_without_the_rotten_log() {
    let outcome = split_of_four(&[(8_000_000, "rot c")]);
    assert!(has_forced(&outcome));
    assert_eq!(outcome.violation, None);
    assert!(!outcome.hopeless && outcome.recovered_in.is_some());
}
