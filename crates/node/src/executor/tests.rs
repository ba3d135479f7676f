//! Moments between two inputs that no story reaches.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use model::command::Report;
use model::operation::{CopiesTold, Operation, OperationReport, Outcome, Verb};
use model::rules::{Copies, CopiesStart, CopyCount};
use model::seen::ResourceState;
use model::spec::{
    Autostart, ClusterSpec, Elsewhere, Failback, Limits, NoQuorumPolicy, NodeSpec, ProcessSpec,
    Ready, ResourceKind, ResourceSpec, RestartPolicy, ServiceSpec, Spec, Timings,
};
use model::{BootId, ClaimEpoch, ClusterTime, Command, Instant, PlanId, Reason, Stamped, WallTime};
use state::State;

mod ignored;
mod left;
mod orphans;

use super::{Executor, Output, Permit};

const BOOT: BootId = BootId([1; 16]);

fn name<T: FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

fn resource(text: &str) -> ResourceSpec {
    ResourceSpec {
        name: name(text),
        kind: ResourceKind::Process(ProcessSpec {
            argv: vec!["program".into()],
            environment: BTreeMap::new(),
            user: None,
            directory: None,
            ready: Ready::Executed,
            ..ProcessSpec::default()
        }),
        limits: Limits::default(),
    }
}

fn spec() -> Spec {
    let service = ServiceSpec {
        prefer: Vec::new(),
        elsewhere: Elsewhere::Allowed,
        failback: Failback::Never,
        after: Vec::new(),
        autostart: Autostart::Yes,
        priority: 0,
        stickiness: 0,
        restart: RestartPolicy::default(),
        rules: Default::default(),
        resources: vec![resource("disk"), resource("program")],
        survive: None,
    };
    let node = NodeSpec {
        networks: BTreeMap::new(),
        fence: Vec::new(),
        watchdog: None,
        ..NodeSpec::default()
    };
    Spec {
        cluster: ClusterSpec {
            name: "test".into(),
            port: 7000,
            timings: Timings::DEFAULT,
            fences_per_hour_max: 3,
            no_quorum: NoQuorumPolicy::Stop,
            fence_race_delay: model::spec::FENCE_RACE_DELAY_DEFAULT,
            ping_targets: Vec::new(),
            rules: Default::default(),
        },
        networks: BTreeMap::new(),
        nodes: [(name("a"), node)].into(),
        fence_devices: BTreeMap::new(),
        services: [(name("web"), service)].into(),
    }
}

/// The node a, online, where web may run.
fn granted() -> (State, u64) {
    granted_of(spec(), "web")
}

/// The same, where one service or copy of this spec may run.
fn granted_of(spec: Spec, service: &str) -> (State, u64) {
    let (mut state, mut index) = (State::new(), 0);
    let commands = [
        Command::SetSpec {
            base: 0,
            source: String::new(),
            spec: Box::new(spec),
            by: name("ann"),
        },
        Command::AddMember {
            name: name("a"),
            key: [0; 32],
            token: String::new(),
            spec: None,
            level: model::level::LEVEL,
        },
        Command::NodeUp {
            node: name("a"),
            boot: BOOT,
            run: 1,
        },
        Command::Probed {
            node: name("a"),
            boot: BOOT,
            run: 1,
            found: Vec::new(),
        },
        Command::Grant {
            service: name(service),
            node: name("a"),
            boot: BOOT,
            plan: PlanId(4),
            because: Reason::ShouldRun,
        },
    ];
    for command in commands {
        index += 1;
        let (at, clock) = (WallTime(index), ClusterTime(index));
        state.apply(index, &Stamped { at, clock, command }).unwrap();
    }
    (state, index)
}

struct Hands {
    executor: Executor,
    reports: Vec<Report>,
    states: Vec<ResourceState>,
}

impl Hands {
    fn new() -> Self {
        Self {
            executor: Executor::new(name("a"), BOOT),
            reports: Vec::new(),
            states: Vec::new(),
        }
    }

    /// The operations that came out since last time.
    fn operations(&mut self) -> Vec<Operation> {
        let mut operations = Vec::new();
        while let Some(output) = self.executor.poll_output() {
            match output {
                Output::Operate(operation) => operations.push(*operation),
                Output::Report {
                    report, resources, ..
                } => {
                    self.reports.push(report);
                    self.states
                        .extend(resources.into_iter().map(|(_, state)| state));
                }
                Output::Tell(_)
                | Output::StrayStopped(_)
                | Output::LetGo { .. }
                | Output::Looked { .. } => {}
            }
        }
        operations
    }

    fn told(&mut self) -> Vec<String> {
        let operations = self.operations();
        let told = operations
            .iter()
            .map(|o| format!("{} {}", o.verb, o.address));
        told.collect()
    }

    fn answer(&mut self, operation: &Operation, outcome: Outcome) {
        let report = OperationReport {
            id: operation.id,
            outcome,
            output: String::new(),
            took: Duration::ZERO,
        };
        self.executor.handle_report(report, Instant(1));
    }

    /// Probes find nothing.
    fn find_nothing(&mut self, state: &State) {
        self.executor.begin_probes(state, &[], Instant::ZERO);
        for probe in self.operations() {
            self.answer(&probe, Outcome::Stopped);
        }
    }
}

#[test]
fn while_a_probe_is_out_no_timer_is_set_for_what_has_answered() {
    let (state, index) = granted();
    let mut hands = Hands::new();
    hands.executor.begin_probes(&state, &[], Instant::ZERO);
    let probes = hands.operations();
    assert_eq!(probes.len(), 2);
    hands.answer(&probes[0], Outcome::Running);
    let much_later = Instant::ZERO + Duration::from_secs(3600);
    hands.executor.advance(&state, index, much_later);
    assert!(hands.told().is_empty());
    assert_eq!(hands.executor.next_deadline(), None);
    hands.answer(&probes[1], Outcome::Stopped);
    assert!(hands.executor.next_deadline().is_some());
}

#[test]
fn nothing_starts_under_a_claim_once_it_was_told_to_be_given_back() {
    let (state, index) = granted();
    let mut hands = Hands::new();
    hands.find_nothing(&state);
    hands.executor.handle_permit(Permit::Stop);
    hands.executor.advance(&state, index, Instant(1));
    assert!(hands.told().is_empty());
    assert_eq!(hands.reports, [Report::Stopped]);
    hands.executor.handle_permit(Permit::All);
    hands.executor.advance(&state, index, Instant(2));
    assert!(hands.told().is_empty());
}

#[test]
fn a_start_that_gave_way_says_nothing_about_the_stop() {
    let (state, index) = granted();
    let mut hands = Hands::new();
    hands.find_nothing(&state);
    hands.executor.advance(&state, index, Instant(1));
    let start = hands.operations().remove(0);
    assert_eq!(start.verb, Verb::Start);
    hands.executor.handle_permit(Permit::Stop);
    hands.executor.advance(&state, index, Instant(2));
    let stop = hands.operations().remove(0);
    assert_eq!((stop.verb, &stop.address), (Verb::Stop, &start.address));
    let gave_way = "a stop was asked for before it was ready";
    hands.answer(&start, Outcome::Failed(gave_way.into()));
    hands.executor.advance(&state, index, Instant(3));
    assert!(hands.told().is_empty());
    assert!(!hands.reports.contains(&Report::LeaseEnded));
    assert!(!hands.states.contains(&ResourceState::Failed));
    hands.answer(&stop, Outcome::Stopped);
    hands.executor.advance(&state, index, Instant(4));
    assert!(hands.told().is_empty());
    assert_eq!(hands.reports.last(), Some(&Report::LeaseEnded));
}

#[test]
fn a_stop_that_failed_is_told_whatever_else_has_ended_by_itself() {
    let (state, index) = granted();
    let mut hands = Hands::new();
    hands.find_nothing(&state);
    let mut started = Vec::new();
    for step in 1..=2 {
        hands.executor.advance(&state, index, Instant(step));
        let start = hands.operations().remove(0);
        hands.answer(&start, Outcome::Running);
        started.push(start.address);
    }
    hands.executor.handle_permit(Permit::Stop);
    hands.executor.advance(&state, index, Instant(3));
    let stop = hands.operations().remove(0);
    assert_eq!((stop.verb, &stop.address), (Verb::Stop, &started[1]));
    // What the later one's stop had to end belonged to the earlier one.
    let how = "signal 15".to_string();
    hands
        .executor
        .handle_failure(&started[0], how, String::new());
    hands.answer(&stop, Outcome::Failed("busy".into()));
    hands.executor.advance(&state, index, Instant(4));
    hands.operations();
    let last = hands.reports.last();
    let Some(Report::StopFailed(failure)) = last else {
        panic!("{last:?}");
    };
    assert_eq!(failure.how, "busy");
}

#[test]
fn what_overran_its_limit_is_told_with_the_limit() {
    let (state, index) = granted();
    let mut hands = Hands::new();
    hands.find_nothing(&state);
    hands.executor.advance(&state, index, Instant(1));
    let start = hands.operations().remove(0);
    let report = OperationReport {
        id: start.id,
        outcome: Outcome::TimedOut,
        output: String::new(),
        took: start.limit + Duration::from_nanos(27_106_542),
    };
    hands.executor.handle_report(report, Instant(2));
    hands.executor.advance(&state, index, Instant(3));
    hands.operations();
    let last = hands.reports.last();
    let Some(Report::Failed(failure)) = last else {
        panic!("{last:?}");
    };
    assert_eq!(failure.how, "not done within 1m");
}

#[test]
fn whoever_operates_a_copy_is_told_how_many_there_are_to_be() {
    let mut spec = spec();
    let web = spec.services.get_mut(&name("web")).unwrap();
    web.rules.copies = Some(Copies {
        count: CopyCount::EveryNode,
        per_node: 2,
        start: CopiesStart::Together,
    });
    let (state, index) = granted_of(spec, "web:0");
    let mut hands = Hands::new();
    hands.executor.begin_probes(&state, &[], Instant::ZERO);
    let wanted = Some(CopiesTold {
        count: 2,
        per_node: 2,
        promoted: None,
    });
    let probes = hands.operations();
    assert!(!probes.is_empty());
    for probe in probes {
        assert_eq!(probe.copies, wanted, "{}", probe.address);
        hands.answer(&probe, Outcome::Stopped);
    }
    hands.executor.advance(&state, index, Instant(1));
    let starts = hands.operations();
    assert_eq!(starts.len(), 1, "{starts:?}");
    assert_eq!((starts[0].verb, starts[0].copies), (Verb::Start, wanted));
}

/// Two copies of web: web:0 on a, which is this node and has been told to run it, and web:1
/// on b, where it runs. Their program hears of each other.
fn two_copies() -> (State, u64) {
    let mut spec = spec();
    let b = spec.nodes[&name::<model::NodeName>("a")].clone();
    spec.nodes.insert(name("b"), b);
    let web = spec.services.get_mut(&name("web")).unwrap();
    web.rules.copies = Some(Copies {
        count: CopyCount::Number(2),
        per_node: 1,
        start: CopiesStart::Together,
    });
    web.resources = vec![resource("program")];
    web.rules.notified = [name("program")].into();
    let (mut state, mut index) = granted_of(spec, "web:0");
    let other = BootId([2; 16]);
    let epoch = |index: u64| model::ClaimEpoch(index);
    let commands = [
        Command::AddToken {
            digest: "digest".into(),
            valid_for: Duration::from_secs(1),
            by: name("ann"),
        },
        Command::AddMember {
            name: name("b"),
            key: [1; 32],
            token: "digest".into(),
            spec: None,
            level: model::level::LEVEL,
        },
        Command::NodeUp {
            node: name("b"),
            boot: other,
            run: 1,
        },
        Command::Probed {
            node: name("b"),
            boot: other,
            run: 1,
            found: Vec::new(),
        },
        Command::Grant {
            service: name("web:1"),
            node: name("b"),
            boot: other,
            plan: PlanId(8),
            because: Reason::ShouldRun,
        },
        Command::Report {
            node: name("b"),
            boot: other,
            run: 1,
            service: name("web:1"),
            epoch: epoch(index + 5),
            incarnation: 0,
            report: Report::Running,
            resources: vec![(name("program"), ResourceState::Running)],
            role: model::roles::RoleTold::default(),
        },
    ];
    for command in commands {
        index += 1;
        let (at, clock) = (WallTime(index), ClusterTime(index));
        state.apply(index, &Stamped { at, clock, command }).unwrap();
    }
    (state, index)
}

/// What is told to other nodes, and what is done here, since last time.
fn told_and_done(executor: &mut Executor) -> (Vec<super::Telling>, Vec<Operation>) {
    let (mut told, mut done) = (Vec::new(), Vec::new());
    while let Some(output) = executor.poll_output() {
        match output {
            Output::Tell(telling) => told.push(*telling),
            Output::Operate(operation) => done.push(*operation),
            Output::Report { .. }
            | Output::StrayStopped(_)
            | Output::LetGo { .. }
            | Output::Looked { .. } => {}
        }
    }
    (told, done)
}

fn shown(telling: &super::Telling) -> String {
    let notice = &telling.notice;
    let (node, address) = (&telling.node, &telling.address);
    format!("{node} {address}: {:?} {}", notice.when, notice.of)
}

#[test]
fn a_copy_starts_when_the_other_has_been_told_which_hears_of_the_success_too() {
    let (state, index) = two_copies();
    let mut hands = Hands::new();
    hands.find_nothing(&state);
    hands.executor.advance(&state, index, Instant(1));
    let (told, done) = told_and_done(&mut hands.executor);
    let told: Vec<_> = told.iter().map(|it| (it.id, shown(it))).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].1, "b web:1/program: Before start");
    assert!(done.is_empty(), "{done:?}");

    // Nobody is told twice, and nothing begins meanwhile.
    hands.executor.advance(&state, index, Instant(2));
    let (again, done) = told_and_done(&mut hands.executor);
    assert!(again.is_empty() && done.is_empty(), "{again:?} {done:?}");

    hands.executor.handle_told(told[0].0);
    hands.executor.advance(&state, index, Instant(3));
    let (_, done) = told_and_done(&mut hands.executor);
    assert_eq!(done.len(), 1, "{done:?}");
    assert_eq!(done[0].verb, Verb::Start);

    hands.answer(&done[0], Outcome::Running);
    hands.executor.advance(&state, index, Instant(4));
    let (told, done) = told_and_done(&mut hands.executor);
    let told: Vec<_> = told.iter().map(shown).collect();
    assert_eq!(told, ["b web:1/program: After start"]);
    let verbs: Vec<_> = done.iter().map(|it| it.verb).collect();
    assert_eq!(verbs, [Verb::Notify]);
}

#[test]
fn a_copy_that_does_not_answer_is_waited_for_until_its_limit() {
    let (state, index) = two_copies();
    let mut hands = Hands::new();
    hands.find_nothing(&state);
    hands.executor.advance(&state, index, Instant(1));
    let (told, _) = told_and_done(&mut hands.executor);
    let until = Instant(1) + told[0].limit;
    let just_before = Instant(until.0 - 1);
    assert!(hands.executor.next_deadline().is_some_and(|at| at <= until));
    hands.executor.advance(&state, index, just_before);
    let (_, done) = told_and_done(&mut hands.executor);
    assert!(done.is_empty(), "{done:?}");
    hands.executor.advance(&state, index, until);
    let (_, done) = told_and_done(&mut hands.executor);
    assert_eq!(done.len(), 1, "{done:?}");
    assert_eq!(done[0].verb, Verb::Start);
}

#[test]
fn a_copy_whose_node_is_gone_is_not_waited_for() {
    let (mut state, index) = two_copies();
    let mut hands = Hands::new();
    hands.find_nothing(&state);
    hands.executor.advance(&state, index, Instant(1));
    let (told, _) = told_and_done(&mut hands.executor);
    assert_eq!(told.len(), 1);
    let lost = Command::NodeLost {
        node: name("b"),
        boot: Some(BootId([2; 16])),
        because: Reason::ShouldRun,
    };
    let (at, clock) = (WallTime(index), ClusterTime(index));
    let command = lost;
    state
        .apply(index + 1, &Stamped { at, clock, command })
        .unwrap();
    hands.executor.advance(&state, index + 1, Instant(2));
    let (_, done) = told_and_done(&mut hands.executor);
    assert_eq!(done.len(), 1, "{done:?}");
    assert_eq!(done[0].verb, Verb::Start);
}

#[test]
fn a_stop_for_a_lease_that_has_ended_waits_for_nobody() {
    let (state, index) = two_copies();
    let mut hands = Hands::new();
    hands.executor.begin_probes(&state, &[], Instant::ZERO);
    for probe in hands.operations() {
        hands.answer(&probe, Outcome::Running);
    }
    hands.executor.handle_permit(Permit::Stop);
    hands.executor.advance(&state, index, Instant(1));
    let (told, done) = told_and_done(&mut hands.executor);
    assert!(told.is_empty(), "{told:?}");
    let verbs: Vec<_> = done.iter().map(|it| it.verb).collect();
    assert_eq!(verbs, [Verb::Stop]);
}

fn applied(state: &mut State, index: u64, command: Command) {
    let (at, clock) = (WallTime(index), ClusterTime(index));
    state.apply(index, &Stamped { at, clock, command }).unwrap();
}

/// What the node of the boot and name given says of the service web, under a claim.
fn says(node: &str, boot: BootId, epoch: ClaimEpoch, report: Report) -> Command {
    let state = match report {
        Report::Stopped => ResourceState::Stopped,
        _ => ResourceState::Running,
    };
    Command::Report {
        node: name(node),
        boot,
        run: 1,
        service: name("web"),
        epoch,
        incarnation: 0,
        report,
        resources: vec![(name("program"), state)],
        role: Default::default(),
    }
}

/// The commands by which the node b comes in, and says that nothing runs on it.
fn comes_in(boot: BootId) -> [Command; 4] {
    [
        Command::AddToken {
            digest: "token".into(),
            valid_for: Duration::from_secs(60),
            by: name("ann"),
        },
        Command::AddMember {
            name: name("b"),
            key: [1; 32],
            token: "token".into(),
            spec: None,
            level: model::level::LEVEL,
        },
        Command::NodeUp {
            node: name("b"),
            boot,
            run: 1,
        },
        Command::Probed {
            node: name("b"),
            boot,
            run: 1,
            found: Vec::new(),
        },
    ]
}

/// The service web, which moves live, runs on b and was handed over to the node a: so far, and
/// the command that says so.
fn handed_over() -> (State, u64, Command) {
    let mut spec = spec();
    let node = spec.nodes[&name("a")].clone();
    spec.nodes.insert(name("b"), node);
    let web = spec.services.get_mut(&name("web")).unwrap();
    web.rules.live = true;
    web.resources = vec![resource("program")];
    let (mut state, mut index) = granted_of(spec, "web");
    let from = BootId([2; 16]);
    // It gives back what it was granted at first.
    let mut commands = vec![says("a", BOOT, ClaimEpoch(index), Report::Stopped)];
    commands.extend(comes_in(from));
    let epoch = ClaimEpoch(index + commands.len() as u64 + 1);
    commands.extend([
        Command::Grant {
            service: name("web"),
            node: name("b"),
            boot: from,
            plan: PlanId(9),
            because: Reason::ShouldRun,
        },
        says("b", from, epoch, Report::Running),
        Command::Migrate {
            service: name("web"),
            epoch,
            node: name("a"),
            boot: BOOT,
            plan: PlanId(11),
            because: Reason::ShouldRun,
        },
    ]);
    for command in commands {
        index += 1;
        applied(&mut state, index, command);
    }
    (state, index, says("b", from, epoch, Report::HandedOver))
}

#[test]
fn what_came_alive_and_was_stopped_for_want_of_a_lease_is_not_started_beside_its_remains() {
    let (mut state, index, told) = handed_over();
    let mut hands = Hands::new();
    hands.find_nothing(&state);
    hands.executor.handle_permit(Permit::Stop);
    applied(&mut state, index + 1, told);
    hands.executor.advance(&state, index + 1, Instant(1));
    let stop = hands.operations().remove(0);
    assert_eq!(stop.verb, Verb::Stop);
    // The lease is back before the stop has ended.
    hands.executor.handle_permit(Permit::All);
    hands.answer(&stop, Outcome::Stopped);
    for step in 2..5 {
        hands.executor.advance(&state, index + 1, Instant(step));
        assert!(hands.told().is_empty());
    }
    assert_eq!(hands.reports.last(), Some(&Report::Stopped));
}

#[test]
fn what_came_while_this_node_was_behind_the_log_and_shall_not_run_is_stopped_for_certain() {
    let (mut state, index, told) = handed_over();
    let mut hands = Hands::new();
    hands.find_nothing(&state);
    applied(&mut state, index + 1, told);
    let revoke = Command::Revoke {
        service: name("web"),
        epoch: ClaimEpoch(index + 1),
        plan: PlanId(12),
        because: Reason::ShouldRun,
        bar: model::command::BarNode::No,
    };
    applied(&mut state, index + 2, revoke);
    // Both at once: this run never saw that it should take anything in.
    hands.executor.advance(&state, index + 2, Instant(1));
    let stop = hands.operations().remove(0);
    assert_eq!(stop.verb, Verb::Stop);
    assert_ne!(hands.reports.last(), Some(&Report::Stopped));
    hands.answer(&stop, Outcome::Stopped);
    hands.executor.advance(&state, index + 2, Instant(2));
    assert!(hands.told().is_empty(), "it is stopped once");
    assert_eq!(hands.reports.last(), Some(&Report::Stopped));
}
