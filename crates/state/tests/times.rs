//! How long operations take is kept, as cluster time tells it.

mod cluster;

use std::time::Duration;

use cluster::*;
use model::command::{BarNode, Report};
use model::seen::RestartScope;
use model::*;

fn ms(millis: u64) -> Option<Duration> {
    Some(Duration::from_millis(millis))
}

fn times(cluster: &Cluster) -> OperationTimes {
    cluster.state.seen().services[&name("db")].times.clone()
}

fn revoke(epoch: ClaimEpoch) -> Command {
    Command::Revoke {
        service: name("db"),
        epoch,
        plan: PlanId(2),
        because: Reason::ShouldRun,
        bar: BarNode::No,
    }
}

fn failed() -> Report {
    Report::Failed(model::seen::ResourceFailure {
        resource: name("program"),
        verb: None,
        how: "exit 1".into(),
        output: String::new(),
    })
}

#[test]
fn a_start_and_a_stop_are_measured_from_the_order_to_the_report() {
    let mut cluster = Cluster::new();
    let epoch = cluster.grant("a", A1);
    cluster.clock += 39;
    cluster.done(report(A1, epoch, Report::Running));
    cluster.clock += 5000;
    cluster.done(revoke(epoch));
    cluster.clock += 11;
    cluster.done(report(A1, epoch, Report::Stopped));
    let times = times(&cluster);
    assert_eq!(times.starts.typical(), ms(40));
    assert_eq!(times.stops.typical(), ms(12));
    assert_eq!(times.restarts.count(), 0);
}

#[test]
fn a_start_that_fails_is_not_measured_and_its_restart_is() {
    let mut cluster = Cluster::new();
    let epoch = cluster.grant("a", A1);
    cluster.clock += 900;
    cluster.done(report(A1, epoch, failed()));
    cluster.done(Command::Restart {
        service: name("db"),
        epoch,
        scope: RestartScope::FailedOnward,
        plan: PlanId(3),
        because: Reason::ShouldRun,
    });
    cluster.clock += 24;
    let Command::Report {
        node,
        boot,
        run,
        service,
        epoch,
        report,
        resources,
        ..
    } = report(A1, epoch, Report::Running)
    else {
        unreachable!("it makes a report");
    };
    cluster.done(Command::Report {
        node,
        boot,
        run,
        service,
        epoch,
        incarnation: 1,
        report,
        resources,
        role: Default::default(),
    });
    let times = times(&cluster);
    assert_eq!(times.starts.count(), 0);
    assert_eq!(times.restarts.typical(), ms(25));
}

#[test]
fn what_runs_already_is_not_measured_as_a_start() {
    let mut cluster = Cluster::new();
    let Command::Grant {
        service,
        node,
        boot,
        plan,
        ..
    } = grant("a", A1)
    else {
        unreachable!("it makes a grant");
    };
    let because = Reason::FoundRunning { node: node.clone() };
    let applied = cluster.done(Command::Grant {
        service,
        node,
        boot,
        plan,
        because,
    });
    let state::Applied::Granted(epoch) = applied else {
        panic!("{applied:?}");
    };
    cluster.done(report(A1, epoch, Report::Running));
    assert_eq!(times(&cluster), OperationTimes::default());
}

#[test]
fn a_confirmed_fence_is_measured_of_devices_of_the_configuration_alone() {
    let mut cluster = Cluster::new();
    let mut spec = spec();
    let device = model::spec::FenceDeviceSpec {
        agent: "fence_lab".into(),
        options: [].into(),
        hosts: [].into(),
        action: model::spec::FenceAction::Off,
        delay: Duration::ZERO,
        retries: 0,
        limit: Duration::from_secs(10),
    };
    let fence = |cluster: &mut Cluster| {
        let id = cluster.fence_a(A1);
        cluster.clock += 9;
        cluster.done(confirmed(id, "b", B1));
    };
    let mut known = Cluster::new();
    fence(&mut cluster);
    assert!(cluster.state.seen().fence_times.is_empty());
    spec.fence_devices.insert(name("power"), device);
    let set = |spec: &Spec| Command::SetSpec {
        base: 1,
        source: String::new(),
        spec: Box::new(spec.clone()),
        by: name("ann"),
    };
    known.done(set(&spec));
    fence(&mut known);
    let times = &known.state.seen().fence_times[&name("power")];
    assert_eq!((times.count(), times.typical()), (1, ms(10)));
    let snapshot = known.state.to_snapshot();
    let read = state::State::from_snapshot(&snapshot).unwrap();
    assert_eq!(read.seen().fence_times, known.state.seen().fence_times);
}
