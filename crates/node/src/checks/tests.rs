//! Stories of one service's checks, and random ones.

use std::time::Duration;

use expect_test::{Expect, expect};
use model::checks::{CheckAction, CheckBegin, CheckKind, CheckSpec, FreeLimits, Verdict};
use model::spec::RestartPolicy;
use model::{ClaimEpoch, Instant, WallTime};
use proptest::prelude::*;

use super::{Answer, CheckKey, CheckScope, Engine, Output, Rest, Wanted};

const SECOND: Duration = Duration::from_secs(1);

fn spec(name: &str) -> CheckSpec {
    CheckSpec {
        name: name.parse().unwrap(),
        kind: CheckKind::Memory(FreeLimits::default()),
        every: SECOND,
        timeout: SECOND,
        start_delay: SECOND * 2,
        fail_after: 2,
        well_after: 1,
        begins: CheckBegin::WithService,
        watches: None,
        restart: None,
        on_failure: vec![CheckAction::Restart, CheckAction::Move],
        on_warning: Vec::new(),
        on_recovery: Vec::new(),
    }
}

fn key(name: &str) -> CheckKey {
    CheckKey {
        scope: CheckScope::Service("web".parse().unwrap()),
        name: name.parse().unwrap(),
    }
}

/// A service with checks whose answers a story gives.
struct World {
    engine: Engine,
    checks: Vec<CheckSpec>,
    stay: u32,
    is_up: bool,
    rest: Option<Rest>,
    spent: u32,
    asked: u64,
    now: Instant,
    /// What each check answers, by its name.
    answers: Vec<(&'static str, Verdict)>,
    said: String,
}

impl World {
    fn new(checks: Vec<CheckSpec>) -> Self {
        Self {
            engine: Engine::default(),
            checks,
            stay: 1,
            is_up: true,
            rest: None,
            spent: 0,
            asked: 0,
            now: Instant::ZERO,
            answers: Vec::new(),
            said: String::new(),
        }
    }

    fn settle(&mut self) {
        let checks = self.checks.clone();
        let wanted: Vec<Wanted<'_>> = checks
            .iter()
            .filter(|_| self.is_up)
            .map(|check| Wanted {
                key: key(check.name.as_str()),
                check,
                stay: (ClaimEpoch(1), self.stay),
                rest: self.rest.clone(),
                asked: self.asked,
                resets: 0,
                budget: RestartPolicy {
                    times: 2,
                    within: SECOND * 3600,
                },
                spent: self.spent,
            })
            .collect();
        self.engine.settle(&wanted, |_| true, self.now);
    }

    /// Lets time pass; questions are answered at once.
    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            let rested = self.rest.as_ref().and_then(|rest| rest.until);
            if rested.is_some_and(|until| until <= self.now) {
                self.rest = None;
            }
            self.settle();
            self.engine.handle_timeout(WallTime(0), self.now);
            if self.take() {
                continue;
            }
            match self.engine.next_deadline().filter(|at| *at <= end) {
                Some(at) => {
                    assert!(self.now < at, "nothing became of what was due");
                    self.now = at;
                }
                None => break,
            }
        }
        self.now = end;
    }

    fn take(&mut self) -> bool {
        let mut is_moved = false;
        while let Some(output) = self.engine.poll_output() {
            is_moved = true;
            let at = self.now.saturating_duration_since(Instant::ZERO);
            let at = format!("{:.1}s", at.as_secs_f64());
            match output {
                Output::Ask(question) => {
                    let name = question.key.name.to_string();
                    let given = self.answers.iter().find(|(of, _)| *of == name);
                    let verdict = given.map_or(Verdict::Well, |(_, verdict)| *verdict);
                    self.said += &format!("{at} {name}: {}\n", verdict.word());
                    let answer = Answer {
                        id: question.id,
                        verdict,
                        how: verdict.word().to_string(),
                        output: String::new(),
                        took: Duration::ZERO,
                    };
                    self.engine.handle_answer(answer, WallTime(0), self.now);
                }
                Output::Fail { key, .. } => {
                    self.said += &format!("{at} {} wants something of its service\n", key.name);
                    self.spent += 1;
                    self.stay += 1;
                }
                Output::Run(run) => {
                    self.said += &format!("{at} {} runs {}\n", run.key.name, run.argv.join(" "));
                }
                Output::Remove(key) => {
                    self.said += &format!("{at} {} is taken out\n", key.name);
                }
            }
        }
        is_moved
    }

    fn tell(&mut self, expected: &Expect) {
        expected.assert_eq(&std::mem::take(&mut self.said));
    }
}

#[test]
fn a_check_fails_after_two_in_a_row_and_begins_anew_with_its_service() {
    let mut world = World::new(vec![spec("page")]);
    world.run(SECOND * 3);
    world.answers = vec![("page", Verdict::Failed)];
    world.run(SECOND * 3);
    world.tell(&expect![[r#"
         2.0s page: well
         3.0s page: well
         4.0s page: failed
         5.0s page: failed
         5.0s page wants something of its service
    "#]]);
}

#[test]
fn one_failure_between_good_answers_is_nothing() {
    let mut world = World::new(vec![spec("page")]);
    world.run(SECOND * 2);
    for verdict in [
        Verdict::Failed,
        Verdict::Well,
        Verdict::Failed,
        Verdict::Well,
    ] {
        world.answers = vec![("page", verdict)];
        world.run(SECOND);
    }
    world.tell(&expect![[r#"
         2.0s page: well
         3.0s page: failed
         4.0s page: well
         5.0s page: failed
         6.0s page: well
    "#]]);
}

#[test]
fn restarts_that_are_used_up_leave_an_alarm() {
    let only = CheckSpec {
        on_failure: vec![CheckAction::Restart],
        fail_after: 1,
        start_delay: SECOND,
        ..spec("page")
    };
    let mut world = World::new(vec![only]);
    world.answers = vec![("page", Verdict::Failed)];
    world.run(SECOND * 5);
    world.tell(&expect![[r#"
         1.0s page: failed
         1.0s page wants something of its service
         2.0s page: failed
         2.0s page wants something of its service
         3.0s page: failed
         4.0s page: failed
         5.0s page: failed
    "#]]);
    let states: Vec<_> = world.engine.states().map(|(_, state, _)| state).collect();
    assert_eq!(states, [Verdict::Failed]);
    // An hour later the window is empty again.
    world.spent = 0;
    world.run(SECOND);
    world.tell(&expect![[r#"
         6.0s page: failed
         6.0s page wants something of its service
    "#]]);
}

#[test]
fn a_pause_holds_until_its_end_and_nothing_follows_meanwhile() {
    let mut world = World::new(vec![spec("page")]);
    world.answers = vec![("page", Verdict::Failed)];
    world.run(SECOND * 2);
    world.rest = Some(Rest {
        until: Some(Instant::ZERO + SECOND * 10),
        why: "by ops".to_string(),
    });
    world.run(SECOND * 3);
    // Somebody wants to know all the same.
    world.asked += 1;
    world.run(SECOND * 7);
    world.tell(&expect![[r#"
        2.0s page: failed
        5.0s page: failed
        11.0s page: failed
        12.0s page: failed
        12.0s page wants something of its service
    "#]]);
}

#[test]
fn checks_stop_and_start_each_other_and_run_programs() {
    let run = CheckAction::Run {
        argv: vec!["/bin/tell".to_string()],
        user: None,
    };
    let first = CheckSpec {
        on_failure: vec![
            run,
            CheckAction::StartCheck("second".parse().unwrap()),
            CheckAction::StopCheck(None),
        ],
        ..spec("first")
    };
    let second = CheckSpec {
        begins: CheckBegin::WhenStarted,
        on_failure: vec![CheckAction::RemoveCheck],
        fail_after: 1,
        ..spec("second")
    };
    let mut world = World::new(vec![first, second]);
    world.answers = vec![("first", Verdict::Failed), ("second", Verdict::Failed)];
    world.run(SECOND * 8);
    world.tell(&expect![[r#"
         2.0s first: failed
         3.0s first: failed
         3.0s first runs /bin/tell
         4.0s second: failed
         4.0s second is taken out
    "#]]);
}

#[test]
fn a_check_of_a_service_that_stopped_is_not_asked() {
    let mut world = World::new(vec![spec("page")]);
    world.run(SECOND * 2);
    world.is_up = false;
    world.run(SECOND * 5);
    world.is_up = true;
    world.stay += 1;
    world.run(SECOND * 2);
    world.tell(&expect![[r#"
         2.0s page: well
         9.0s page: well
    "#]]);
}

#[test]
fn an_answer_that_never_comes_is_a_failure() {
    let mut world = World::new(vec![spec("page")]);
    world.now = Instant::ZERO + SECOND * 2;
    world.settle();
    world.now = world.now + SECOND * 2;
    world.settle();
    assert!(matches!(world.engine.poll_output(), Some(Output::Ask(_))));
    assert_eq!(world.engine.poll_output(), None);
    let overdue = world.engine.next_deadline().unwrap();
    world.now = overdue;
    world.engine.handle_timeout(WallTime(0), overdue);
    let reports = world.engine.reports();
    assert_eq!(reports[0].past[0].how, "no answer at all");
}

/// What may happen to a check in a random story.
#[derive(Debug, Clone)]
enum Turn {
    Answers(Verdict),
    Rests(Option<u64>),
    Resumes,
    Falls,
    Rises,
    Passes(u64),
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        4 => prop_oneof![
            Just(Verdict::Well),
            Just(Verdict::Warning),
            Just(Verdict::Failed)
        ]
        .prop_map(Turn::Answers),
        1 => prop::option::of(1u64..20_000).prop_map(Turn::Rests),
        1 => Just(Turn::Resumes),
        1 => Just(Turn::Falls),
        1 => Just(Turn::Rises),
        6 => (1u64..5_000).prop_map(Turn::Passes),
    ]
}

proptest! {
    #[test]
    fn questions_keep_their_interval_and_restarts_their_budget(
        turns in prop::collection::vec(turn(), 1..80),
        fail_after in 1u32..4,
    ) {
        let check = CheckSpec {
            fail_after,
            on_failure: vec![CheckAction::Restart],
            ..spec("page")
        };
        let mut world = World::new(vec![check]);
        for turn in turns {
            match turn {
                Turn::Answers(verdict) => world.answers = vec![("page", verdict)],
                Turn::Rests(span) => {
                    let until = span.map(|span| world.now + Duration::from_millis(span));
                    let why = "by ops".to_string();
                    world.rest = Some(Rest { until, why });
                }
                Turn::Resumes => world.rest = None,
                Turn::Falls => world.is_up = false,
                Turn::Rises => {
                    world.stay += u32::from(!world.is_up);
                    world.is_up = true;
                }
                Turn::Passes(millis) => {
                    let (rests, is_up) = (world.rest.clone(), world.is_up);
                    let (began, spent) = (world.now, world.spent);
                    let before = world.said.len();
                    world.run(Duration::from_millis(millis));
                    let ended = rests.is_none_or(|rest| {
                        rest.until.is_some_and(|until| until <= world.now)
                    });
                    prop_assert!(ended && is_up || world.said.len() == before);
                    prop_assert!(ended && is_up || world.spent == spent);
                    let seconds = world.now.saturating_duration_since(began).as_secs_f64();
                    let asked = world.said[before..].matches("page: ").count();
                    prop_assert!(asked as f64 <= seconds + 1.0, "{asked} in {seconds}s");
                }
            }
        }
        prop_assert!(world.spent <= 2, "restarted {} times", world.spent);
    }
}
