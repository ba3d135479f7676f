//! Every rule of the half as a short story.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::seen::Maintenance;
use model::{BootId, Instant, Lineage, NodeId, WitnessId};
use quorum::arbiter::{Answer, Ask};
use quorum::half::{
    Condition, Devices, Facts, FenceResult, Half, LOG_ENDS_WITHIN, Leadership, Method, Other,
    Output, Proof, Standing, Waits,
};
use quorum::race::{Reach, Turn};
use wire::raft::{Arbiter, LogEnd};

const WITNESS: Arbiter = Arbiter::Witness(WitnessId(7));

fn at(seconds: f64) -> Instant {
    Instant::ZERO + Duration::from_secs_f64(100.0 + seconds)
}

fn boot(number: u8) -> BootId {
    BootId([number; 16])
}

fn lost(number: u8) -> Condition {
    Condition::Lost {
        boot: boot(number),
        since: at(0.0),
    }
}

fn alive(number: u8) -> Condition {
    Condition::Alive { boot: boot(number) }
}

/// Node 1 among these others, numbered from 2 on.
fn facts(others: &[Condition]) -> Facts {
    let other = |condition: &Condition| Other {
        condition: *condition,
        devices: Devices::Some,
        fences_left: 3,
        watchdog_bound: None,
    };
    let others: BTreeMap<NodeId, Other> = (2..).map(NodeId).zip(others.iter().map(other)).collect();
    Facts {
        me: NodeId(1),
        run: 11,
        lineage: Lineage::default(),
        term: 4,
        led_term: 4,
        voters: others.keys().copied().chain([NodeId(1)]).collect(),
        joining: BTreeSet::new(),
        arbiters: vec![Arbiter::Fence],
        standing: Standing::Proven,
        leadership: Leadership::Absent,
        maintenance: Maintenance::Off,
        weight: 1,
        turn: Turn::First,
        reach: Reach::Unasked,
        fence_race_delay: Duration::from_secs(1),
        log_ends: others
            .keys()
            .copied()
            .chain([NodeId(1)])
            .map(|node| (node, LogEnd::default()))
            .collect(),
        others,
    }
}

fn told(facts: &Facts) -> Half {
    let mut half = Half::new();
    half.handle_facts(facts.clone(), at(0.0));
    half
}

fn outputs(half: &mut Half) -> Vec<Output> {
    std::iter::from_fn(|| half.poll_output()).collect()
}

/// The one fence that is asked for.
fn fence(half: &mut Half) -> (u64, NodeId, BootId, Method) {
    match outputs(half)[..] {
        [
            Output::Fence {
                attempt,
                target,
                boot,
                method,
            },
        ] => (attempt, target, boot, method),
        ref other => panic!("not one fence: {other:?}"),
    }
}

/// The one ask.
fn ask(half: &mut Half) -> (u64, Ask) {
    match &outputs(half)[..] {
        [Output::AskGrant { number, ask, .. }] => (*number, ask.clone()),
        other => panic!("not one ask: {other:?}"),
    }
}

fn forced(excused: &[u64], term: u64) -> Vec<Output> {
    vec![Output::Force {
        excused: excused.iter().copied().map(NodeId).collect(),
        generation: 1,
        term,
    }]
}

#[test]
fn one_of_two_fences_the_other_and_forces_once_it_is_off() {
    let mut half = told(&facts(&[lost(2)]));
    let (attempt, target, of, method) = fence(&mut half);
    assert_eq!(
        (target, of, method),
        (NodeId(2), boot(2), Method::SwitchOff)
    );
    half.handle_fence_ended(attempt, FenceResult::Off, at(1.0));
    assert_eq!(outputs(&mut half), forced(&[2], 5));
    assert_eq!(half.confirmed(NodeId(2), boot(2)), Some(Proof::Device));
    assert_eq!(half.confirmed(NodeId(2), boot(3)), None);
}

#[test]
fn two_of_four_force_only_when_both_absent_ones_are_off() {
    let mut half = told(&facts(&[alive(2), lost(3), lost(4)]));
    let asked = outputs(&mut half);
    assert_eq!(asked.len(), 2, "{asked:?}");
    half.handle_fence_ended(1, FenceResult::Off, at(1.0));
    assert_eq!(outputs(&mut half), []);
    half.handle_fence_ended(2, FenceResult::Off, at(2.0));
    assert_eq!(outputs(&mut half), forced(&[3, 4], 5));
}

#[test]
fn of_equal_logs_only_the_lowest_acts() {
    let mut facts = facts(&[alive(2), lost(3), lost(4)]);
    facts.me = NodeId(2);
    let mine = facts.others.remove(&NodeId(2)).unwrap();
    facts.others.insert(NodeId(1), mine);
    let mut half = told(&facts);
    assert_eq!(outputs(&mut half), []);
    assert_eq!(half.waits(), [Waits::Candidate { node: NodeId(1) }]);
}

/// A log that has one entry more than the others.
const LONGER: LogEnd = LogEnd { term: 0, index: 1 };

#[test]
fn of_a_half_the_longest_log_acts() {
    let mut facts = facts(&[alive(2), lost(3), lost(4)]);
    facts.log_ends.insert(NodeId(4), LONGER);
    let mut half = told(&facts);
    assert!(!outputs(&mut half).is_empty(), "who is absent has no say");
    facts.log_ends.insert(NodeId(2), LONGER);
    let mut half = told(&facts);
    assert_eq!(outputs(&mut half), []);
    assert_eq!(half.waits(), [Waits::Candidate { node: NodeId(2) }]);
}

#[test]
fn a_log_whose_end_is_not_known_is_waited_for_and_then_does_not_count() {
    let mut facts = facts(&[alive(2), lost(3), lost(4)]);
    facts.log_ends.remove(&NodeId(2));
    let mut half = told(&facts);
    let until = at(0.0) + LOG_ENDS_WITHIN;
    assert_eq!(outputs(&mut half), []);
    assert_eq!(half.waits(), [Waits::LogEnds { until }]);
    assert_eq!(half.next_deadline(), Some(until));
    half.handle_timeout(until);
    let fenced = outputs(&mut half).into_iter().map(|output| match output {
        Output::Fence { target, .. } => target,
        other => panic!("{other:?}"),
    });
    assert_eq!(fenced.collect::<Vec<_>>(), [NodeId(3), NodeId(4)]);
}

#[test]
fn who_hears_of_a_longer_log_leaves_its_work_to_the_other() {
    let mut facts = facts(&[alive(2), lost(3), lost(4)]);
    facts.arbiters = vec![WITNESS];
    let mut half = told(&facts);
    assert!(matches!(outputs(&mut half)[..], [Output::AskGrant { .. }]));
    facts.log_ends.insert(NodeId(2), LONGER);
    half.handle_facts(facts.clone(), at(1.0));
    let (lineage, term) = (facts.lineage, facts.term + 1);
    half.handle_answer(&WITNESS, 1, Answer::Granted { lineage, term }, at(2.0));
    assert_eq!(outputs(&mut half), []);
    assert_eq!(half.waits(), [Waits::Candidate { node: NodeId(2) }]);
}

#[test]
fn a_run_without_standing_neither_fences_nor_asks() {
    for arbiter in [Arbiter::Fence, WITNESS] {
        let mut facts = facts(&[lost(2)]);
        facts.standing = Standing::Unproven;
        facts.arbiters = vec![arbiter];
        let mut half = told(&facts);
        assert_eq!(outputs(&mut half), []);
        assert_eq!(half.waits(), [Waits::NoStanding]);
    }
}

#[test]
fn less_than_half_an_odd_number_and_a_learner_do_nothing_and_say_why() {
    let mut half = told(&facts(&[lost(2), lost(3), lost(4)]));
    assert_eq!(outputs(&mut half), []);
    assert_eq!(half.waits(), [Waits::NotHalf { here: 1, voters: 4 }]);

    let mut half = told(&facts(&[lost(2), lost(3)]));
    assert_eq!(outputs(&mut half), []);
    assert_eq!(half.waits(), [Waits::OddVoters { here: 1, voters: 3 }]);

    let mut learner = facts(&[lost(2), lost(3)]);
    learner.voters.remove(&NodeId(1));
    let mut half = told(&learner);
    assert_eq!(outputs(&mut half), []);
    assert_eq!(half.waits(), [Waits::NoVoter]);
}

#[test]
fn a_closed_daemon_is_waited_for_until_it_is_lost() {
    let mut half = told(&facts(&[Condition::DaemonDown]));
    assert_eq!(outputs(&mut half), []);
    assert!(matches!(half.waits(), [Waits::Peers { daemon_down, .. }] if daemon_down.len() == 1));
    half.handle_facts(facts(&[lost(2)]), at(30.0));
    fence(&mut half);
}

#[test]
fn a_quorate_leader_ends_everything() {
    let mut asked = facts(&[lost(2)]);
    asked.arbiters = vec![WITNESS];
    let mut half = told(&asked);
    let (number, _) = ask(&mut half);
    let mut led = asked.clone();
    led.leadership = Leadership::Quorate;
    half.handle_facts(led, at(1.0));
    let granted = Answer::Granted {
        lineage: asked.lineage,
        term: 5,
    };
    half.handle_answer(&WITNESS, number, granted, at(1.1));
    half.handle_facts(asked, at(2.0));
    let (again, _) = ask(&mut half);
    assert_ne!(again, number, "the old answer is not for this ask");
}

#[test]
fn the_lighter_half_only_looks_until_its_turn() {
    let mut facts = facts(&[lost(2)]);
    facts.turn = Turn::Second;
    let mut half = told(&facts);
    let (attempt, _, _, method) = fence(&mut half);
    assert_eq!(method, Method::AskStatus);
    assert_eq!(half.next_deadline(), Some(at(1.0)));
    half.handle_fence_ended(attempt, FenceResult::On, at(0.3));
    assert_eq!(outputs(&mut half), []);
    assert_eq!(half.waits(), [Waits::Race { until: at(1.0) }]);
    half.handle_timeout(at(1.0));
    let (_, _, _, method) = fence(&mut half);
    assert_eq!(method, Method::SwitchOff);
}

/// Node 1 of two, with ping targets.
fn asked(turn: Turn, echoed: Option<Instant>) -> Facts {
    Facts {
        turn,
        reach: Reach::Asked { echoed },
        ..facts(&[lost(2)])
    }
}

#[test]
fn the_heavier_half_that_reaches_no_target_lets_the_lighter_one_shoot_first() {
    let mut heavy = told(&asked(Turn::First, Some(at(-0.1))));
    let (_, _, _, method) = fence(&mut heavy);
    assert_eq!(
        method,
        Method::AskStatus,
        "that answer is older than the split"
    );
    assert_eq!(heavy.waits(), [Waits::Reach { until: at(2.0) }]);

    let mut light = told(&asked(Turn::Second, Some(at(0.0))));
    let (_, _, _, method) = fence(&mut light);
    assert_eq!(method, Method::AskStatus);
    assert_eq!(light.waits(), [Waits::Race { until: at(1.0) }]);
    light.handle_timeout(at(1.0));
    let (_, _, _, method) = fence(&mut light);
    assert_eq!(method, Method::SwitchOff);
}

#[test]
fn the_answer_of_a_target_ends_the_wait_of_the_heavier_half() {
    let mut half = told(&asked(Turn::First, None));
    fence(&mut half);
    half.handle_facts(asked(Turn::First, Some(at(0.001))), at(0.002));
    let (_, _, _, method) = fence(&mut half);
    assert_eq!(method, Method::SwitchOff);
}

#[test]
fn silent_targets_delay_and_prevent_nothing() {
    let mut half = told(&asked(Turn::Second, None));
    fence(&mut half);
    half.handle_timeout(at(2.999));
    assert_eq!(outputs(&mut half), []);
    half.handle_timeout(at(3.0));
    let (attempt, _, _, method) = fence(&mut half);
    assert_eq!(method, Method::SwitchOff);
    half.handle_fence_ended(attempt, FenceResult::Off, at(4.0));
    assert_eq!(outputs(&mut half), forced(&[2], 5));
}

#[test]
fn an_answering_target_is_neither_a_vote_nor_a_confirmation() {
    let mut facts = asked(Turn::First, Some(at(0.0)));
    facts.arbiters = vec![WITNESS];
    let mut half = told(&facts);
    ask(&mut half);
    half.handle_facts(asked_again(&facts), at(60.0));
    assert!(matches!(outputs(&mut half)[..], [Output::AskGrant { .. }]));

    facts.arbiters = vec![Arbiter::Fence];
    facts.others.get_mut(&NodeId(2)).unwrap().devices = Devices::None;
    let mut half = told(&facts);
    half.handle_facts(asked_again(&facts), at(60.0));
    assert_eq!(outputs(&mut half), []);
    assert_eq!(half.waits(), [Waits::NoDevice { target: NodeId(2) }]);
}

/// The targets answer all the time.
fn asked_again(facts: &Facts) -> Facts {
    Facts {
        reach: Reach::Asked {
            echoed: Some(at(60.0)),
        },
        ..facts.clone()
    }
}

#[test]
fn what_is_off_already_needs_no_turn() {
    let mut facts = facts(&[lost(2)]);
    facts.turn = Turn::Second;
    let mut half = told(&facts);
    let (attempt, ..) = fence(&mut half);
    half.handle_fence_ended(attempt, FenceResult::Off, at(0.3));
    assert_eq!(outputs(&mut half), forced(&[2], 5));
}

#[test]
fn a_failed_fence_is_tried_again_after_longer_and_longer_pauses() {
    let mut half = told(&facts(&[lost(2)]));
    let mut now = 0.0;
    for pause in [2.0, 4.0, 8.0, 16.0, 30.0, 30.0] {
        let (attempt, ..) = fence(&mut half);
        half.handle_fence_ended(attempt, FenceResult::Failed, at(now));
        assert_eq!(outputs(&mut half), []);
        now += pause;
        assert_eq!(half.next_deadline(), Some(at(now)));
        half.handle_timeout(at(now));
    }
}

#[test]
fn a_fence_without_any_result_counts_as_failed_in_the_end() {
    let mut half = told(&facts(&[lost(2)]));
    fence(&mut half);
    half.handle_timeout(at(180.0));
    assert!(matches!(
        half.waits(),
        [Waits::FenceFailed { times: 1, .. }]
    ));
    half.handle_timeout(at(182.0));
    fence(&mut half);
}

#[test]
fn a_newer_boot_voids_what_was_proven_of_the_older_one() {
    let mut half = told(&facts(&[alive(2), lost(3), lost(4)]));
    outputs(&mut half);
    half.handle_fence_ended(1, FenceResult::Off, at(1.0));
    half.handle_heard(NodeId(3), boot(33), at(1.5));
    assert_eq!(half.confirmed(NodeId(3), boot(3)), None);
    half.handle_facts(facts(&[alive(2), lost(33), lost(4)]), at(3.0));
    let (_, target, of, _) = fence(&mut half);
    assert_eq!((target, of), (NodeId(3), boot(33)));
    half.handle_fence_ended(2, FenceResult::Off, at(4.0));
    assert_eq!(outputs(&mut half), [], "the new boot is not proven ended");
}

#[test]
fn a_result_for_a_boot_that_is_over_proves_nothing() {
    let mut half = told(&facts(&[lost(2)]));
    let (attempt, ..) = fence(&mut half);
    half.handle_heard(NodeId(2), boot(22), at(0.5));
    assert_eq!(outputs(&mut half), []);
    half.handle_facts(facts(&[lost(22)]), at(2.0));
    outputs(&mut half);
    half.handle_fence_ended(attempt, FenceResult::Off, at(2.1));
    assert_eq!(outputs(&mut half), []);
}

#[test]
fn a_proven_boot_that_speaks_again_is_told_and_stops_the_work() {
    let mut half = told(&facts(&[alive(2), lost(3), lost(4)]));
    outputs(&mut half);
    half.handle_fence_ended(1, FenceResult::Off, at(1.0));
    half.handle_facts(facts(&[alive(2), alive(3), lost(4)]), at(1.5));
    assert_eq!(
        outputs(&mut half),
        [Output::HeardAgain {
            target: NodeId(3),
            boot: boot(3),
            proof: Proof::Device
        }]
    );
    assert_eq!(half.waits(), [Waits::Nothing], "three of four elect");
}

#[test]
fn nobody_is_fenced_more_often_than_the_brake_allows() {
    let mut now = 0.0;
    let mut half = Half::new();
    for number in 0..3 {
        half.handle_facts(facts(&[lost(number)]), at(now));
        let (attempt, ..) = fence(&mut half);
        half.handle_fence_ended(attempt, FenceResult::Off, at(now));
        outputs(&mut half);
        now += 10.0;
    }
    half.handle_facts(facts(&[lost(9)]), at(now));
    assert_eq!(outputs(&mut half), []);
    assert_eq!(half.waits(), [Waits::TooManyFences { target: NodeId(2) }]);
    half.handle_logged(NodeId(2), boot(0));
    half.handle_timeout(at(now));
    fence(&mut half);
}

#[test]
fn in_maintenance_nobody_is_fenced() {
    let mut facts = facts(&[lost(2)]);
    facts.maintenance = Maintenance::On;
    let mut half = told(&facts);
    assert_eq!(outputs(&mut half), []);
    assert_eq!(half.waits(), [Waits::Maintenance]);
}

#[test]
fn without_device_or_bound_it_waits_for_a_person() {
    let mut facts = facts(&[lost(2)]);
    facts.others.get_mut(&NodeId(2)).unwrap().devices = Devices::None;
    let mut half = told(&facts);
    assert_eq!(outputs(&mut half), []);
    assert_eq!(half.waits(), [Waits::NoDevice { target: NodeId(2) }]);
}

#[test]
fn a_watchdog_is_waited_out_where_no_device_exists() {
    let mut facts = facts(&[lost(2)]);
    let other = facts.others.get_mut(&NodeId(2)).unwrap();
    other.devices = Devices::None;
    other.watchdog_bound = Some(Duration::from_secs(10));
    let mut half = told(&facts);
    assert_eq!(outputs(&mut half), []);
    assert_eq!(half.next_deadline(), Some(at(10.0)));
    half.handle_timeout(at(9.999));
    assert_eq!(outputs(&mut half), []);
    half.handle_timeout(at(10.0));
    assert_eq!(outputs(&mut half), forced(&[2], 5));
    assert_eq!(
        half.confirmed(NodeId(2), boot(2)),
        Some(Proof::WatchdogWaitedOut {
            waited: Duration::from_secs(10)
        })
    );
}

#[test]
fn a_watchdog_is_waited_out_when_the_devices_failed_and_not_before() {
    let mut facts = facts(&[lost(2)]);
    let other = facts.others.get_mut(&NodeId(2)).unwrap();
    other.watchdog_bound = Some(Duration::from_secs(10));
    let mut half = told(&facts);
    let (attempt, ..) = fence(&mut half);
    half.handle_timeout(at(11.0));
    assert_eq!(outputs(&mut half), [], "the device may still answer");
    half.handle_fence_ended(attempt, FenceResult::Failed, at(12.0));
    assert_eq!(outputs(&mut half), forced(&[2], 5));
}

#[test]
fn a_granted_vote_forces_in_the_term_it_was_given_for() {
    let mut facts = facts(&[lost(2)]);
    facts.arbiters = vec![WITNESS];
    let mut half = told(&facts);
    let (number, asked) = ask(&mut half);
    assert_eq!((asked.term, asked.candidate, asked.run), (5, NodeId(1), 11));
    let granted = Answer::Granted {
        lineage: facts.lineage,
        term: 5,
    };
    half.handle_answer(&WITNESS, number, granted, at(0.1));
    assert_eq!(outputs(&mut half), forced(&[2], 5));
}

#[test]
fn a_grant_for_a_term_that_is_over_is_asked_for_anew() {
    let mut facts = facts(&[alive(2), lost(3), lost(4)]);
    facts.arbiters = vec![WITNESS];
    let mut half = told(&facts);
    let (number, _) = ask(&mut half);
    facts.term = 6;
    half.handle_facts(facts.clone(), at(0.1));
    let (again, asked) = ask(&mut half);
    assert_eq!(asked.term, 7);
    let late = Answer::Granted {
        lineage: facts.lineage,
        term: 5,
    };
    half.handle_answer(&WITNESS, number, late, at(0.2));
    half.handle_answer(&WITNESS, again, late, at(0.2));
    assert_eq!(outputs(&mut half), []);
}

#[test]
fn an_election_that_failed_is_tried_again_with_a_new_grant() {
    let mut facts = facts(&[alive(2), lost(3), lost(4)]);
    facts.arbiters = vec![WITNESS];
    let mut half = told(&facts);
    let (number, _) = ask(&mut half);
    let granted = Answer::Granted {
        lineage: facts.lineage,
        term: 5,
    };
    half.handle_answer(&WITNESS, number, granted, at(0.1));
    assert_eq!(outputs(&mut half), forced(&[3, 4], 5));
    facts.term = 5;
    half.handle_facts(facts.clone(), at(0.2));
    assert_eq!(half.waits(), [Waits::Election { since: at(0.1) }]);
    half.handle_timeout(at(3.1));
    let (_, asked) = ask(&mut half);
    assert_eq!(asked.term, 6);
}

#[test]
fn silence_of_the_arbiter_is_asked_again_under_the_same_number() {
    let mut facts = facts(&[lost(2)]);
    facts.arbiters = vec![WITNESS];
    let mut half = told(&facts);
    let first = ask(&mut half);
    half.handle_timeout(at(0.5));
    assert_eq!(ask(&mut half), first);
}

#[test]
fn a_refusal_is_told_and_asked_again_with_back_off() {
    let mut facts = facts(&[lost(2)]);
    facts.arbiters = vec![WITNESS];
    let mut half = told(&facts);
    let mut now = 0.0;
    for pause in [1.0, 2.0, 4.0, 8.0, 15.0, 15.0] {
        let (number, _) = ask(&mut half);
        let refused = Answer::Refused {
            to: NodeId(2),
            term: 5,
        };
        half.handle_answer(&WITNESS, number, refused, at(now));
        now += pause;
        let expected = Waits::Refused {
            arbiter: WITNESS,
            to: NodeId(2),
            retry_at: at(now),
        };
        assert_eq!(half.waits(), [expected]);
        half.handle_timeout(at(now));
    }
}

#[test]
fn a_fence_does_not_replace_the_vote_of_a_witness() {
    let mut facts = facts(&[lost(2)]);
    facts.arbiters = vec![WITNESS];
    let mut half = told(&facts);
    ask(&mut half);
    half.handle_timeout(at(60.0));
    assert!(matches!(outputs(&mut half)[..], [Output::AskGrant { .. }]));
}

#[test]
fn while_the_arbiter_changes_the_word_of_both_counts() {
    let mut facts = facts(&[lost(2)]);
    facts.arbiters = vec![Arbiter::Fence, WITNESS];
    let granted = Answer::Granted {
        lineage: facts.lineage,
        term: 5,
    };
    let mut half = told(&facts);
    outputs(&mut half);
    half.handle_answer(&WITNESS, 1, granted, at(0.1));
    assert_eq!(outputs(&mut half), []);
    half.handle_fence_ended(1, FenceResult::Off, at(1.0));
    assert_eq!(outputs(&mut half), forced(&[2], 5));

    let mut half = told(&facts);
    outputs(&mut half);
    half.handle_fence_ended(1, FenceResult::Off, at(0.1));
    assert_eq!(outputs(&mut half), []);
    half.handle_answer(&WITNESS, 1, granted, at(0.2));
    assert_eq!(outputs(&mut half), forced(&[2], 5));
}

#[test]
fn without_any_arbiter_nothing_is_forced() {
    let mut facts = facts(&[lost(2)]);
    facts.arbiters = vec![];
    let mut half = told(&facts);
    assert_eq!(outputs(&mut half), []);
}

/// 1 and 2 voted, and 3 was added, unknown whether for good, while 2 was lost.
fn growing(me: u64, longest: u64) -> Facts {
    let mut facts = facts(&[lost(2), alive(3)]);
    facts.voters = [NodeId(1), NodeId(2)].into();
    facts.joining = [NodeId(3)].into();
    facts.log_ends.insert(NodeId(longest), LONGER);
    if me == 3 {
        let mine = facts.others.remove(&NodeId(3)).unwrap();
        facts.others.insert(NodeId(1), mine);
        facts.me = NodeId(3);
    }
    facts
}

#[test]
fn an_added_voter_of_the_half_acts_when_its_log_is_the_longest() {
    for me in [1, 3] {
        let mut half = told(&growing(me, me));
        let (attempt, target, ..) = fence(&mut half);
        assert_eq!(target, NodeId(2));
        half.handle_fence_ended(attempt, FenceResult::Off, at(1.0));
        assert_eq!(outputs(&mut half), forced(&[2], 5));

        let other = 4 - me;
        let half = told(&growing(me, other));
        let node = NodeId(other);
        assert_eq!(half.waits(), [Waits::Candidate { node }]);
    }
}
