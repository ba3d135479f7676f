//! Restarts of copies that go one by one: an order is noted, and carried out when a plan says so.

mod cluster;

use cluster::*;
use model::command::{Report, ServiceOrder};
use model::roles::RoleTold;
use model::rules::{Copies, CopiesStart, CopyCount};
use model::seen::{Phase, RestartScope};
use model::*;
use state::Applied;

/// The same service with two copies on a and b, both running.
fn two_copies(start: CopiesStart) -> (Cluster, [ClaimEpoch; 2]) {
    let mut cluster = Cluster::new();
    let mut spec = spec();
    let rules = &mut spec.services.get_mut(&name("db")).unwrap().rules;
    rules.copies = Some(Copies {
        count: CopyCount::Number(2),
        per_node: 1,
        start,
    });
    cluster.done(Command::SetSpec {
        base: 1,
        source: "y".into(),
        spec: Box::new(spec),
        by: name("ann"),
    });
    let epochs = [("a", A1, 0), ("b", B1, 1)].map(|(node, boot, number)| {
        let granted = cluster.done(Command::Grant {
            service: copy(number),
            node: name(node),
            boot,
            plan: PlanId(1),
            because: Reason::ShouldRun,
        });
        let Applied::Granted(epoch) = granted else {
            panic!("{granted:?}");
        };
        cluster.done(told((node, boot), (number, epoch), Report::Running));
        epoch
    });
    (cluster, epochs)
}

fn copy(number: u32) -> ServiceName {
    name::<ServiceName>("db").with_copy(number)
}

fn told(
    (node, boot): (&str, BootId),
    (number, epoch): (u32, ClaimEpoch),
    report: Report,
) -> Command {
    Command::Report {
        node: name(node),
        boot,
        run: 0,
        service: copy(number),
        epoch,
        incarnation: 0,
        report,
        resources: Vec::new(),
        role: RoleTold::default(),
    }
}

fn order(cluster: &mut Cluster, service: ServiceName, order: ServiceOrder) {
    cluster.done(Command::Service {
        service,
        order,
        by: name("ann"),
    });
}

fn restart(number: u32, epoch: ClaimEpoch) -> Command {
    Command::Restart {
        service: copy(number),
        epoch,
        scope: RestartScope::All,
        plan: PlanId(2),
        because: Reason::AskedByOperator { user: name("ann") },
    }
}

fn phases(cluster: &Cluster) -> Vec<&'static str> {
    let seen = &cluster.state.seen().services;
    let claims = [0, 1].map(|number| seen[&copy(number)].claim.as_ref());
    let word = |claim: Option<&seen::Claim>| claim.map_or("nowhere", |claim| claim.phase.word());
    claims.map(word).to_vec()
}

#[test]
fn copies_that_go_together_restart_at_once() {
    let (mut cluster, _) = two_copies(CopiesStart::Together);
    order(&mut cluster, name("db"), ServiceOrder::Restart);
    assert_eq!(phases(&cluster), ["starting", "starting"]);
}

#[test]
fn copies_that_go_one_by_one_run_until_a_plan_restarts_them() {
    let (mut cluster, epochs) = two_copies(CopiesStart::OneByOne);
    cluster.rejected(restart(0, epochs[0]));
    order(&mut cluster, name("db"), ServiceOrder::Restart);
    assert_eq!(phases(&cluster), ["running", "running"]);
    cluster.done(restart(1, epochs[1]));
    assert_eq!(phases(&cluster), ["running", "starting"]);
    // The order is carried out, and a plan that was late restarts nothing.
    cluster.rejected(restart(1, epochs[1]));
    assert_eq!(phases(&cluster), ["running", "starting"]);
}

#[test]
fn a_stop_ends_the_order_to_restart() {
    let (mut cluster, epochs) = two_copies(CopiesStart::OneByOne);
    order(&mut cluster, copy(0), ServiceOrder::Restart);
    order(&mut cluster, copy(0), ServiceOrder::Stop);
    cluster.rejected(restart(0, epochs[0]));
    assert_eq!(phases(&cluster), ["running", "running"]);
}

#[test]
fn the_end_of_a_claim_ends_the_order_to_restart() {
    let (mut cluster, epochs) = two_copies(CopiesStart::OneByOne);
    order(&mut cluster, name("db"), ServiceOrder::Restart);
    cluster.done(told(("a", A1), (0, epochs[0]), Report::LeaseEnded));
    let seen = &cluster.state.seen().services[&copy(0)];
    assert_eq!((&seen.claim, &seen.restart), (&None, &None));
    assert!(cluster.state.seen().services[&copy(1)].restart.is_some());
}

#[test]
fn an_order_for_what_starts_already_begins_the_start_anew() {
    let (mut cluster, epochs) = two_copies(CopiesStart::OneByOne);
    order(&mut cluster, copy(1), ServiceOrder::Restart);
    cluster.done(restart(1, epochs[1]));
    let claim = |cluster: &Cluster| {
        cluster.state.seen().services[&copy(1)]
            .claim
            .clone()
            .unwrap()
    };
    let before = claim(&cluster).incarnation;
    // It starts already: the order begins anew at once, as nothing goes down by it.
    order(&mut cluster, copy(1), ServiceOrder::Restart);
    assert_eq!(claim(&cluster).incarnation, before + 1);
    assert_eq!(claim(&cluster).phase, Phase::Starting);
}
