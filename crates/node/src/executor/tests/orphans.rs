//! What leaves the configuration and runs on, and what is new in it and may run here already.

use expect_test::{Expect, expect};
use model::command::ServiceOrder;

use super::*;

/// One node, and the log that takes in at once what it tells.
struct Lone {
    state: State,
    index: u64,
    hands: Hands,
    now: Instant,
    /// What a probe, and any other question, finds.
    finds: Outcome,
    said: String,
}

impl Lone {
    fn new() -> Self {
        let (state, index) = granted();
        let mut hands = Hands::new();
        hands.find_nothing(&state);
        Self {
            state,
            index,
            hands,
            now: Instant(1),
            finds: Outcome::Stopped,
            said: String::new(),
        }
    }

    fn apply(&mut self, command: Command) {
        self.index += 1;
        let (at, clock) = (WallTime(self.index), ClusterTime(self.index));
        let stamped = Stamped { at, clock, command };
        if let Err(rejected) = self.state.apply(self.index, &stamped) {
            self.said += &format!("rejected: {rejected}\n");
        }
    }

    fn order(&mut self, order: ServiceOrder) {
        self.said += &format!("-- {order:?}\n");
        self.apply(Command::Service {
            service: name("web"),
            order,
            by: name("ann"),
        });
    }

    /// Puts web into the configuration, or takes it out.
    fn configure(&mut self, with: &[&str]) {
        self.said += &format!("-- configuration with {with:?}\n");
        let mut spec = spec();
        spec.services
            .retain(|service, _| with.contains(&service.as_str()));
        self.apply(Command::SetSpec {
            base: self.state.spec_version(),
            source: String::new(),
            spec: Box::new(spec),
            by: name("ann"),
        });
    }

    fn settle(&mut self) {
        for _ in 0..10 {
            self.step();
        }
    }

    fn step(&mut self) {
        self.now = self.now + Duration::from_millis(1);
        self.hands
            .executor
            .advance(&self.state, self.index, self.now);
        while let Some(output) = self.hands.executor.poll_output() {
            self.take(output);
        }
    }

    fn take(&mut self, output: Output) {
        let (node, boot, run) = (name("a"), BOOT, 1);
        match output {
            Output::Operate(operation) => {
                self.said += &format!("{} {}\n", operation.verb, operation.address);
                let outcome = match operation.verb {
                    Verb::Start => Outcome::Running,
                    Verb::Stop => Outcome::Stopped,
                    _asks => self.finds.clone(),
                };
                self.hands.answer(&operation, outcome);
            }
            Output::Report {
                service,
                epoch,
                incarnation,
                report,
                resources,
                role,
            } => {
                self.said += &format!("reports {report:?}\n");
                self.apply(Command::Report {
                    node,
                    boot,
                    run,
                    service,
                    epoch,
                    incarnation,
                    report,
                    resources,
                    role,
                });
            }
            Output::LetGo { service, resources } => {
                let known: Vec<String> = resources.iter().map(ToString::to_string).collect();
                self.said += &format!("forgets {}, tells it\n", known.join(" and "));
                self.apply(Command::LetGo {
                    node,
                    boot,
                    run,
                    service,
                });
            }
            Output::Looked { service, found } => {
                self.said += &format!("tells what it found of {service}: {}\n", found.len());
                self.apply(Command::Looked {
                    node,
                    boot,
                    run,
                    service,
                    found,
                });
            }
            Output::StrayStopped(service) => self.apply(Command::StrayStopped {
                node,
                boot,
                run,
                service,
            }),
            Output::Tell(_) => {}
        }
    }

    fn told(&self, expected: Expect) {
        let known = self.state.seen().services.keys();
        let known: Vec<&str> = known.map(|name| name.as_str()).collect();
        expected.assert_eq(&format!(
            "{}the log knows: {}\n",
            self.said,
            known.join(" ")
        ));
    }
}

#[test]
fn what_is_frozen_and_taken_out_is_forgotten_and_left_running() {
    let mut lone = Lone::new();
    lone.settle();
    lone.order(ServiceOrder::Freeze);
    lone.configure(&[]);
    lone.settle();
    lone.told(expect![[r#"
        start web/disk
        reports Progress
        start web/program
        reports Progress
        reports Running
        -- Freeze
        -- configuration with []
        forgets web/disk and web/program, tells it
        the log knows: 
    "#]]);
}

#[test]
fn what_is_taken_out_without_a_freeze_stops() {
    let mut lone = Lone::new();
    lone.settle();
    lone.configure(&[]);
    lone.settle();
    lone.told(expect![[r#"
        start web/disk
        reports Progress
        start web/program
        reports Progress
        reports Running
        -- configuration with []
        the log knows: web
    "#]]);
}

#[test]
fn what_comes_into_the_configuration_is_looked_for_and_not_touched_before_the_log_knows() {
    let mut lone = Lone::new();
    lone.settle();
    lone.order(ServiceOrder::Freeze);
    lone.configure(&[]);
    lone.settle();
    lone.finds = Outcome::Running;
    lone.configure(&["web"]);
    lone.settle();
    lone.told(expect![[r#"
        start web/disk
        reports Progress
        start web/program
        reports Progress
        reports Running
        -- Freeze
        -- configuration with []
        forgets web/disk and web/program, tells it
        -- configuration with ["web"]
        probe web/disk
        probe web/program
        tells what it found of web: 1
        the log knows: web
    "#]]);
    let stray = &lone.state.seen().services[&name("web")].strays;
    assert_eq!(stray.get(&name("a")), Some(&BOOT));
}

#[test]
fn what_comes_back_before_the_log_has_let_it_go_is_watched_again() {
    let mut lone = Lone::new();
    lone.settle();
    lone.order(ServiceOrder::Freeze);
    lone.configure(&[]);
    lone.now = lone.now + Duration::from_millis(1);
    lone.hands
        .executor
        .advance(&lone.state, lone.index, lone.now);
    while lone.hands.executor.poll_output().is_some() {
        lone.said += "what it tells is lost\n";
    }
    lone.configure(&["web"]);
    lone.finds = Outcome::Running;
    lone.now = lone.now + Limits::default().every;
    lone.step();
    lone.told(expect![[r#"
        start web/disk
        reports Progress
        start web/program
        reports Progress
        reports Running
        -- Freeze
        -- configuration with []
        what it tells is lost
        -- configuration with ["web"]
        status web/disk
        status web/program
        the log knows: web
    "#]]);
}
