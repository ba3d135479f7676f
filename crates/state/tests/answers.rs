//! What resources say of their own failures: what may be in the log, and what a failure that
//! is ignored leaves behind.

mod cluster;

use std::time::Duration;

use cluster::*;
use model::answers::ResourceAnswers;
use model::command::{Report, ServiceOrder};
use model::rules::FailureAnswer;
use model::seen::{Claim, Goal, Phase, ResourceFailure, ResourceState, RestartScope, ServiceSeen};
use model::spec::{Limits, ProcessSpec, ResourceKind, ResourceSpec, RestartPolicy};
use model::*;

/// A service of a program and a meter, of which this is said.
fn with_meter(answers: Option<ResourceAnswers>) -> Spec {
    let mut spec = spec();
    let db = spec.services.get_mut(&name::<ServiceName>("db")).unwrap();
    db.restart.within = Duration::from_millis(100);
    for resource in ["program", "meter"] {
        db.resources.push(ResourceSpec {
            name: name(resource),
            kind: ResourceKind::Process(ProcessSpec::default()),
            limits: Limits::default(),
        });
    }
    let answers = answers.map(|answers| (name("meter"), answers));
    db.rules.answers = answers.into_iter().collect();
    spec
}

fn ignored() -> Option<ResourceAnswers> {
    Some(ResourceAnswers {
        run: Some(FailureAnswer::Ignore),
        ..ResourceAnswers::default()
    })
}

fn set(cluster: &mut Cluster, spec: Spec) {
    cluster.done(Command::SetSpec {
        base: cluster.state.spec_version(),
        source: "z".into(),
        spec: Box::new(spec),
        by: name("ann"),
    });
}

fn running(answers: Option<ResourceAnswers>) -> (Cluster, ClaimEpoch) {
    let mut cluster = Cluster::new();
    set(&mut cluster, with_meter(answers));
    let epoch = cluster.grant("a", A1);
    cluster.done(report(A1, epoch, Report::Running));
    (cluster, epoch)
}

fn seen(cluster: &Cluster) -> &ServiceSeen {
    &cluster.state.seen().services[&name::<ServiceName>("db")]
}

fn claim(cluster: &Cluster) -> &Claim {
    seen(cluster).claim.as_ref().unwrap()
}

/// One of the resources fails, and of the two these are up.
fn fails(cluster: &mut Cluster, epoch: ClaimEpoch, (resource, up): (&str, &[&str])) {
    let failure = ResourceFailure {
        resource: name(resource),
        verb: None,
        how: "exit 1".into(),
        output: String::new(),
    };
    let state_of = |resource: &str| match up.contains(&resource) {
        true => ResourceState::Running,
        false => ResourceState::Failed,
    };
    let mut command = report(A1, epoch, Report::Failed(failure));
    if let Command::Report { resources, .. } = &mut command {
        let all = ["program", "meter"];
        *resources = all.map(|it| (name(it), state_of(it))).into();
    }
    cluster.done(command);
}

#[test]
fn what_a_resource_says_needs_a_feature_level_and_starts_nothing_anew() {
    let plain = with_meter(None);
    assert_eq!(plain.level(), 1);
    assert_eq!(with_meter(ignored()).level(), 2);
    let (mut cluster, _) = running(None);
    let before = seen(&cluster).changed_in;
    set(&mut cluster, with_meter(ignored()));
    assert_eq!(seen(&cluster).changed_in, before);
    assert_eq!(claim(&cluster).phase, Phase::Running);
}

#[test]
fn an_ignored_failure_is_noted_once_and_the_service_runs_on() {
    let (mut cluster, epoch) = running(ignored());
    for _ in 0..2 {
        fails(&mut cluster, epoch, ("meter", &["program"]));
        assert_eq!(claim(&cluster).phase, Phase::Running);
        assert_eq!(seen(&cluster).failures.len(), 1);
    }
    fails(&mut cluster, epoch, ("program", &[]));
    assert!(matches!(&claim(&cluster).phase,
        Phase::Failed(failure) if failure.resource == name("program")));
    assert_eq!(seen(&cluster).failures.len(), 2);
}

#[test]
fn what_was_ignored_is_a_failure_once_it_shall_not_be_ignored_any_more() {
    let (mut cluster, epoch) = running(ignored());
    fails(&mut cluster, epoch, ("meter", &["program"]));
    set(&mut cluster, with_meter(None));
    fails(&mut cluster, epoch, ("meter", &["program"]));
    assert!(matches!(claim(&cluster).phase, Phase::Failed(_)));
}

#[test]
fn whoever_clears_starts_anew_what_failed_and_leaves_the_rest() {
    let (mut cluster, epoch) = running(ignored());
    let clear = || Command::Service {
        service: name("db"),
        order: ServiceOrder::Clear,
        by: name("ann"),
    };
    cluster.done(clear());
    assert_eq!(claim(&cluster).incarnation, 0, "nothing has failed");
    fails(&mut cluster, epoch, ("meter", &["program"]));
    cluster.done(clear());
    let claim = claim(&cluster);
    assert_eq!((claim.goal, &claim.phase), (Goal::Run, &Phase::Starting));
    assert_eq!(
        (claim.incarnation, claim.scope),
        (1, RestartScope::FailedOnward)
    );
    assert!(seen(&cluster).failures.is_empty());
}

#[test]
fn failures_are_kept_for_the_longest_window_of_all_resources() {
    let long = Some(ResourceAnswers {
        restart: Some(RestartPolicy {
            times: 5,
            within: Duration::from_secs(60),
        }),
        ..ResourceAnswers::default()
    });
    for (answers, kept) in [(None, 1), (long, 2)] {
        let (mut cluster, epoch) = running(answers);
        fails(&mut cluster, epoch, ("meter", &["program"]));
        cluster.done(report(A1, epoch, Report::Running));
        cluster.clock += 1000;
        fails(&mut cluster, epoch, ("meter", &["program"]));
        assert_eq!(seen(&cluster).failures.len(), kept);
    }
}
