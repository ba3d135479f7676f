//! What looking ahead costs, and what it takes for given of the next rounds.

use std::cell::Cell;

use super::super::{
    CloneRules, FailureCount, Fence, FenceReason, FoundFailed, NodeObserved, NodeWanted,
    PromotionScore, Resource, Score, Settings, Step, UnderWay,
};
use super::*;

const A: NodeIx = NodeIx(0);
const B: NodeIx = NodeIx(1);
const R: ResourceIx = ResourceIx(0);

/// One resource that runs on the first of two nodes.
fn cluster() -> (Wanted, Observed) {
    let node = |name: &str| NodeWanted {
        name: name.into(),
        runs_resources: true,
        ..NodeWanted::default()
    };
    let resource = Resource {
        name: "r".into(),
        parent: None,
        kind: Kind::Single,
        settings: Settings::default(),
        removed: false,
    };
    let wanted = Wanted {
        nodes: vec![node("a"), node("b")],
        resources: vec![resource],
        ..Wanted::default()
    };
    let online = NodeObserved {
        state: NodeState::Online,
        seen: true,
        ..NodeObserved::default()
    };
    let observed = Observed {
        quorate: true,
        nodes: vec![online.clone(), online],
        found: vec![found(A, Role::Started)],
        ..Observed::default()
    };
    (wanted, observed)
}

fn found(node: NodeIx, role: Role) -> Found {
    Found {
        resource: R,
        instance: None,
        node,
        role: Some(role),
        failed: None,
        under_way: None,
    }
}

fn failed(in_what: FailedVerb, answer: OnFail) -> Option<FoundFailed> {
    Some(FoundFailed { in_what, answer })
}

fn step(action: Action, because: StepReason) -> Step {
    Step {
        action,
        resource: R,
        instance: 0,
        node: A,
        implied: false,
        after: Vec::new(),
        after_fences: Vec::new(),
        because,
    }
}

fn placed(node: NodeIx, role: Role) -> Placed {
    Placed {
        resource: R,
        instance: 0,
        node,
        role,
    }
}

/// How many rounds are decided for the first one, if all others do nothing.
fn rounds((wanted, observed): &(Wanted, Observed), first: &Arrangement) -> usize {
    let decided = Cell::new(0);
    look_ahead(wanted, observed, |_, _| {
        decided.set(decided.get() + 1);
        match decided.get() {
            1 => first.clone(),
            _ => Arrangement::default(),
        }
    });
    decided.get()
}

fn one_step(step: Step) -> Arrangement {
    Arrangement {
        steps: vec![step],
        ..Arrangement::default()
    }
}

/// A stop for a mere preference.
fn stop() -> Arrangement {
    one_step(step(Action::Stop, StepReason::Moves))
}

/// Plays the next rounds.
const LOOKS_AHEAD: usize = 2;

/// Does not.
const AT_ONCE: usize = 1;

#[test]
fn who_gives_up_what_could_stay_looks_ahead() {
    assert_eq!(rounds(&cluster(), &stop()), LOOKS_AHEAD);
    let demote = one_step(step(Action::Demote, StepReason::Role));
    assert_eq!(rounds(&cluster(), &demote), LOOKS_AHEAD);
}

#[test]
fn a_round_that_stops_nothing_costs_no_second_one() {
    for action in [Action::Start, Action::Promote, Action::MigrateTo] {
        let round = one_step(step(action, StepReason::Wanted));
        assert_eq!(rounds(&cluster(), &round), AT_ONCE, "{action:?}");
    }
    assert_eq!(rounds(&cluster(), &Arrangement::default()), AT_ONCE);
}

#[test]
fn what_has_to_stop_costs_no_second_round() {
    for because in [
        StepReason::Failed,
        StepReason::ActiveTwice,
        StepReason::NodeFenced(A),
    ] {
        let round = one_step(step(Action::Stop, because));
        assert_eq!(rounds(&cluster(), &round), AT_ONCE, "{because:?}");
    }
    let implied = Step {
        implied: true,
        ..step(Action::Stop, StepReason::Moves)
    };
    assert_eq!(rounds(&cluster(), &one_step(implied)), AT_ONCE);
}

#[test]
fn what_cannot_stay_costs_no_second_round() {
    let spoils: [fn(&mut Wanted, &mut Observed); 6] = [
        |_, observed| observed.nodes[0].state = NodeState::Offline,
        |_, observed| observed.nodes[0].state = NodeState::Pending,
        |_, observed| observed.nodes[0].standby = true,
        |_, observed| observed.nodes[0].shutdown = true,
        |wanted, _| wanted.resources[0].removed = true,
        |wanted, _| wanted.resources[0].settings.target = Target::Stopped,
    ];
    for (at, spoil) in spoils.iter().enumerate() {
        let mut cluster = cluster();
        spoil(&mut cluster.0, &mut cluster.1);
        assert_eq!(rounds(&cluster, &stop()), AT_ONCE, "way {at}");
    }
}

#[test]
fn what_is_back_at_the_end_of_the_round_was_not_given_up() {
    let after = |action: Action, placed: Placed| Arrangement {
        after: vec![placed],
        ..one_step(step(action, StepReason::Moves))
    };
    let rounds = |round: &Arrangement| rounds(&cluster(), round);
    let restart = after(Action::Stop, placed(A, Role::Started));
    assert_eq!(rounds(&restart), AT_ONCE);
    assert_eq!(
        rounds(&after(Action::Stop, placed(B, Role::Started))),
        LOOKS_AHEAD
    );
    let other = Placed {
        instance: 1,
        ..placed(A, Role::Started)
    };
    assert_ne!(rounds(&after(Action::Stop, other)), AT_ONCE);
    let led_again = after(Action::Demote, placed(A, Role::Promoted));
    assert_eq!(rounds(&led_again), AT_ONCE);
    assert_eq!(
        rounds(&after(Action::Demote, placed(A, Role::Unpromoted))),
        LOOKS_AHEAD
    );
}

fn future() -> Future {
    Future {
        unique: vec![false],
    }
}

/// What is found once nothing was done about a failure, or it was stopped where it was.
fn remembered(failure: Option<FoundFailed>, after: Vec<Placed>) -> Vec<Found> {
    let (_, mut observed) = cluster();
    observed.found[0].failed = failure;
    observed.found[0].under_way = Some(UnderWay::Stop);
    let round = Arrangement {
        after,
        ..Arrangement::default()
    };
    future().after(&observed, &round).found
}

#[test]
fn a_failure_that_nobody_answered_is_there_in_the_next_round() {
    let ignored = failed(FailedVerb::Watch, OnFail::Ignore);
    let still = remembered(ignored, vec![placed(A, Role::Started)]);
    assert_eq!(still.len(), 1);
    assert_eq!(still[0].failed, ignored);
    assert_eq!(still[0].role, Some(Role::Started));
    assert_eq!(still[0].under_way, None, "it has ended");
}

#[test]
fn a_failure_that_was_answered_is_over() {
    let (_, mut observed) = cluster();
    observed.found[0].failed = failed(FailedVerb::Watch, OnFail::Restart);
    let acted = |action: Action| {
        let round = Arrangement {
            after: vec![placed(A, Role::Started)],
            ..one_step(step(action, StepReason::Failed))
        };
        future().after(&observed, &round).found[0].failed
    };
    assert_eq!(acted(Action::Start), None);
    // What is sent elsewhere is not mended where it was.
    assert!(acted(Action::MigrateTo).is_some());
}

#[test]
fn only_answers_that_last_are_remembered_of_what_is_gone() {
    for answer in [OnFail::Stop, OnFail::Move, OnFail::Standby] {
        let failure = failed(FailedVerb::Watch, answer);
        let memory = remembered(failure, Vec::new());
        assert_eq!(memory.len(), 1, "{answer:?}");
        assert_eq!((memory[0].failed, memory[0].role), (failure, None));
        assert_eq!(memory[0].under_way, None, "it has ended");
        assert_eq!(remembered(failed(FailedVerb::Stop, answer), Vec::new()), []);
    }
    for answer in [OnFail::Ignore, OnFail::Restart, OnFail::Block] {
        let gone = remembered(failed(FailedVerb::Watch, answer), Vec::new());
        assert_eq!(gone, [], "{answer:?}");
    }
    assert_eq!(remembered(None, Vec::new()), []);
}

#[test]
fn a_fenced_node_is_off_and_has_forgotten() {
    let (_, mut observed) = cluster();
    observed.found[0].failed = failed(FailedVerb::Watch, OnFail::Move);
    observed.nodes[0].unclean = true;
    observed.nodes[0].asked_to_fence = true;
    observed.nodes[0].shutdown = true;
    observed.nodes[0].seen = false;
    observed.failures = [A, B]
        .map(|node| FailureCount {
            resource: R,
            node,
            instance: None,
            count: Score::new(1),
            hopeless: false,
        })
        .to_vec();
    observed.promotion_scores = [A, B]
        .map(|node| PromotionScore {
            resource: R,
            instance: None,
            node,
            score: Score::new(1),
        })
        .to_vec();
    let round = Arrangement {
        fences: vec![Fence {
            node: A,
            because: FenceReason::Asked,
        }],
        after: vec![placed(B, Role::Started)],
        ..Arrangement::default()
    };
    let later = future().after(&observed, &round);
    let off = NodeObserved {
        seen: true,
        ..NodeObserved::default()
    };
    let busier = NodeObserved {
        busy: BUSY_WITH_ONE_MORE,
        ..observed.nodes[1].clone()
    };
    assert_eq!(later.nodes, [off, busier]);
    // What was there does not make it busier.
    let again = future().after(&later, &round);
    assert_eq!(again.nodes, later.nodes);
    assert!(later.quorate);
    assert_eq!(later.failures, observed.failures[1..]);
    assert_eq!(later.promotion_scores, observed.promotion_scores[1..]);
    let here = Found {
        instance: Some(0),
        ..found(B, Role::Started)
    };
    assert_eq!(later.found, [here]);
}

#[test]
fn only_what_comes_beside_its_like_makes_the_node_busier() {
    let (_, observed) = cluster();
    let second = Placed {
        instance: 1,
        ..placed(A, Role::Started)
    };
    let round = Arrangement {
        after: vec![placed(A, Role::Started), second],
        ..Arrangement::default()
    };
    let later = future().after(&observed, &round);
    let busy: Vec<u32> = later.nodes.iter().map(|node| node.busy).collect();
    assert_eq!(busy, [BUSY_WITH_ONE_MORE, 0]);
}

#[test]
fn instances_that_do_not_differ_are_one_and_the_same() {
    let (_, observed) = cluster();
    let numbered = |number: u32| Observed {
        found: vec![Found {
            instance: Some(number),
            ..found(A, Role::Started)
        }],
        ..observed.clone()
    };
    let same = future();
    assert_eq!(same.facts(&numbered(0)), same.facts(&numbered(1)));
    let unique = Future { unique: vec![true] };
    assert_ne!(unique.facts(&numbered(0)), unique.facts(&numbered(1)));
}

#[test]
fn only_what_is_not_always_active_changes() {
    let fact = |node: NodeIx| (R, None, node, Role::Started);
    let states = [
        BTreeSet::from([fact(A), fact(B)]),
        BTreeSet::from([fact(B)]),
    ];
    assert_eq!(changing(&states), BTreeSet::from([fact(A)]));
    assert_eq!(spots(&states).len(), 2);
}

#[test]
fn what_is_in_a_clone_differs_as_the_clone_says() {
    let (mut wanted, _) = cluster();
    assert!(!is_unique(&wanted, R), "it is in no clone");
    wanted.resources[0].parent = Some(ResourceIx(1));
    let mut group = wanted.resources[0].clone();
    group.kind = Kind::Group {
        members: vec![R],
        ordered: true,
        together: true,
    };
    group.parent = Some(ResourceIx(2));
    wanted.resources.push(group);
    let clone = |unique: bool| Kind::Clone {
        child: ResourceIx(1),
        rules: CloneRules {
            max: None,
            per_node: 1,
            unique,
            interleave: false,
            ordered: false,
            enough: 1,
            promotable: None,
        },
    };
    let mut around = wanted.resources[0].clone();
    around.parent = None;
    wanted.resources.push(around);
    for unique in [true, false] {
        wanted.resources[2].kind = clone(unique);
        assert_eq!(is_unique(&wanted, R), unique);
    }
}

#[test]
fn only_what_is_held_would_be_taken_back() {
    let (mut wanted, mut observed) = cluster();
    let flees = ResourceIx(1);
    wanted.resources.push(wanted.resources[0].clone());
    observed.found.push(Found {
        resource: flees,
        ..found(A, Role::Started)
    });
    let is_on = |now: &Observed, resource: ResourceIx, node: NodeIx| {
        let mut found = now.found.iter();
        found.any(|found| (found.resource, found.node) == (resource, node))
    };
    // One goes to and fro. Another flees from it to the other node, and stays there.
    let round = look_ahead(&wanted, &observed, |now, held| {
        let goes = held.facts.is_empty() && is_on(now, R, A);
        let to = if goes { B } else { A };
        let has_fled = goes || is_on(now, flees, B);
        let other = Placed {
            resource: flees,
            ..placed(if has_fled { B } else { A }, Role::Started)
        };
        let all = vec![placed(to, Role::Started), other];
        Arrangement {
            placed: all.clone(),
            after: all,
            ..one_step(step(Action::Stop, StepReason::Moves))
        }
    });
    let stays = Placed {
        resource: flees,
        ..placed(A, Role::Started)
    };
    assert_eq!(round.placed, [placed(A, Role::Started), stays]);
    assert_eq!(round.taken_back, [placed(B, Role::Started)]);
}
