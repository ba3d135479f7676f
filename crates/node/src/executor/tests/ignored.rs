//! A service whose `disk` is ignored when it fails, and whose `program` is not.

use std::collections::BTreeSet;

use expect_test::{Expect, expect};
use model::answers::ResourceAnswers;
use model::command::ServiceOrder;
use model::rules::FailureAnswer;
use model::seen::{Phase, RestartScope};

use super::*;

/// One node, and the log that takes in at once what it tells.
struct Alone {
    state: State,
    index: u64,
    executor: Executor,
    /// Resources that do not come up.
    broken: BTreeSet<&'static str>,
    said: String,
}

impl Alone {
    fn new() -> Self {
        let mut spec = spec();
        let web = spec.services.get_mut(&name("web")).unwrap();
        let answers = ResourceAnswers {
            start: Some(FailureAnswer::Ignore),
            run: Some(FailureAnswer::Ignore),
            ..ResourceAnswers::default()
        };
        web.rules.answers.insert(name("disk"), answers);
        let (state, index) = granted_of(spec, "web");
        let mut alone = Self {
            state,
            index,
            executor: Executor::new(name("a"), BOOT),
            broken: BTreeSet::new(),
            said: String::new(),
        };
        alone
            .executor
            .begin_probes(&alone.state, &[], Instant::ZERO);
        alone
    }

    fn apply(&mut self, command: Command) {
        self.index += 1;
        let (at, clock) = (WallTime(self.index), ClusterTime(self.index));
        let stamped = Stamped { at, clock, command };
        self.state.apply(self.index, &stamped).unwrap();
    }

    fn ends(&mut self, resource: &str) {
        let address = model::operation::ResourceAddress {
            service: name("web"),
            resource: name(resource),
        };
        self.said += &format!("-- {resource} ends\n");
        let how = "exit 1".to_string();
        self.executor.handle_failure(&address, how, String::new());
        self.settle();
    }

    fn order(&mut self, order: ServiceOrder) {
        self.said += &format!("-- {order:?}\n");
        self.apply(Command::Service {
            service: name("web"),
            order,
            by: name("ann"),
        });
        self.settle();
    }

    /// What a plan does about the failure of the program.
    fn restart(&mut self) {
        self.said += "-- restart\n";
        let claim = self.state.seen().services[&name("web")]
            .claim
            .clone()
            .unwrap();
        self.apply(Command::Restart {
            service: name("web"),
            epoch: claim.epoch,
            scope: RestartScope::FailedOnward,
            plan: PlanId(self.index),
            because: Reason::ShouldRun,
        });
        self.settle();
    }

    /// Until nothing is left to do or to tell.
    fn settle(&mut self) {
        for _ in 0..20 {
            let now = Instant(self.index);
            self.executor.advance(&self.state, self.index, now);
            let outputs: Vec<Output> = std::iter::from_fn(|| self.executor.poll_output()).collect();
            if outputs.is_empty() {
                let claim = self.state.seen().services[&name("web")]
                    .claim
                    .clone()
                    .unwrap();
                let serves = self.executor.serving(&self.state).count();
                self.said += &format!("web is {}, checked: {}\n", claim.phase.word(), serves == 1);
                return;
            }
            for output in outputs {
                self.carry_out(output);
            }
        }
        panic!("it does not come to rest:\n{}", self.said);
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Operate(operation) => {
                let resource = operation.address.resource.as_str();
                let outcome = match operation.verb {
                    Verb::Start if self.broken.contains(resource) => {
                        Outcome::Failed("exit 7".into())
                    }
                    Verb::Stop | Verb::Probe => Outcome::Stopped,
                    _ => Outcome::Running,
                };
                if operation.verb != Verb::Probe {
                    self.said += &format!("{} {resource}\n", operation.verb);
                }
                self.executor.handle_report(
                    OperationReport {
                        id: operation.id,
                        outcome,
                        output: String::new(),
                        took: Duration::ZERO,
                    },
                    Instant(self.index),
                );
            }
            Output::Report {
                service,
                epoch,
                incarnation,
                report,
                resources,
                role,
            } => {
                if let Report::Failed(failure) = &report {
                    self.said += &format!("tells: {} failed\n", failure.resource);
                }
                self.apply(Command::Report {
                    node: name("a"),
                    boot: BOOT,
                    run: 1,
                    service,
                    epoch,
                    incarnation,
                    report,
                    resources,
                    role,
                });
            }
            Output::Tell(_)
            | Output::StrayStopped(_)
            | Output::LetGo { .. }
            | Output::Looked { .. } => panic!("there is no other copy"),
        }
    }

    fn check(self, expected: Expect) {
        expected.assert_eq(&self.said);
    }
}

#[test]
fn a_failed_start_that_is_ignored_keeps_nothing_behind_it_from_starting() {
    let mut alone = Alone::new();
    alone.broken.insert("disk");
    alone.settle();
    alone.check(expect![[r#"
        start disk
        start program
        tells: disk failed
        web is running, checked: true
    "#]]);
}

#[test]
fn a_restart_for_another_resource_leaves_alone_what_is_ignored_before_it() {
    let mut alone = Alone::new();
    alone.settle();
    alone.ends("disk");
    alone.ends("program");
    alone.restart();
    alone.order(ServiceOrder::Clear);
    alone.check(expect![[r#"
        start disk
        start program
        web is running, checked: true
        -- disk ends
        tells: disk failed
        web is running, checked: true
        -- program ends
        tells: program failed
        web is failed, checked: false
        -- restart
        stop program
        start program
        web is running, checked: true
        -- Clear
        stop program
        stop disk
        start disk
        start program
        web is running, checked: true
    "#]]);
}

#[test]
fn what_is_ignored_counts_again_when_the_configuration_says_so() {
    let mut alone = Alone::new();
    alone.settle();
    alone.ends("disk");
    alone.said += "-- nothing is ignored\n";
    let base = alone.state.spec_version();
    alone.apply(Command::SetSpec {
        base,
        source: String::new(),
        spec: Box::new(spec()),
        by: name("ann"),
    });
    alone.settle();
    alone.check(expect![[r#"
        start disk
        start program
        web is running, checked: true
        -- disk ends
        tells: disk failed
        web is running, checked: true
        -- nothing is ignored
        tells: disk failed
        web is failed, checked: false
    "#]]);
}

#[test]
fn a_daemon_that_comes_back_leaves_alone_what_is_ignored() {
    let mut alone = Alone::new();
    alone.settle();
    alone.ends("disk");
    alone.said += "-- the daemon comes back\n";
    alone.executor = Executor::new(name("a"), BOOT);
    alone
        .executor
        .begin_probes(&alone.state, &[], Instant::ZERO);
    while let Some(Output::Operate(probe)) = alone.executor.poll_output() {
        let is_up = probe.address.resource == name("program");
        let outcome = match is_up {
            true => Outcome::Running,
            false => Outcome::Stopped,
        };
        let report = OperationReport {
            id: probe.id,
            outcome,
            output: String::new(),
            took: Duration::ZERO,
        };
        alone.executor.handle_report(report, Instant(1));
    }
    alone.settle();
    let web = &alone.state.seen().services[&name("web")];
    assert_eq!(web.failures.len(), 1, "told once");
    assert_eq!(web.claim.as_ref().unwrap().phase, Phase::Running);
    alone.check(expect![[r#"
        start disk
        start program
        web is running, checked: true
        -- disk ends
        tells: disk failed
        web is running, checked: true
        -- the daemon comes back
        web is running, checked: true
    "#]]);
}
