//! A boot that was confirmed as ended is heard again.

mod cluster;

use cluster::*;
use model::command::Report;
use model::seen::*;
use model::*;

fn lied(boot: BootId) -> Command {
    Command::FenceLied {
        node: name("a"),
        boot,
    }
}

/// The service db runs on b; a, which ran it before, was confirmed off, and lives.
fn liar() -> Cluster {
    let mut cluster = Cluster::new();
    cluster.grant("a", A1);
    let id = cluster.fence_a(A1);
    cluster.done(confirmed(id, "b", B1));
    cluster.grant("b", B1);
    cluster
}

fn claim(cluster: &Cluster) -> Option<Claim> {
    cluster.state.seen().services[&name::<ServiceName>("db")]
        .claim
        .clone()
}

fn last(cluster: &Cluster, count: usize) -> Vec<String> {
    let history = cluster.state.history();
    let from = history.len() - count;
    history
        .iter()
        .skip(from)
        .map(|entry| entry.what.to_string())
        .collect()
}

#[test]
fn the_newer_copy_is_stopped_and_the_device_is_not_trusted_any_more() {
    let mut cluster = liar();
    cluster.done(lied(A1));
    assert_eq!(
        last(&cluster, 3),
        [
            "ALARM: a lives, although fence device power confirmed it off; db may have run \
             twice, and newer copies are stopped",
            "plan 1: stop db on b: a lives although fence device power confirmed it off; two \
             copies may have run",
            "a is lost: a lives although fence device power confirmed it off; two copies may \
             have run",
        ]
    );
    assert_eq!(claim(&cluster).unwrap().goal, Goal::Stop);
    assert!(cluster.state.seen().distrusted.contains_key(&name("power")));
    assert_eq!(
        cluster.rejected(lied(A1)),
        format!("late: it speaks of boot {A1} of a, which is over")
    );
}

#[test]
fn nothing_of_it_starts_anywhere_before_the_liar_is_proven_off() {
    let mut cluster = liar();
    cluster.done(lied(A1));
    let epoch = claim(&cluster).unwrap().epoch;
    cluster.done(Command::Report {
        node: name("b"),
        boot: B1,
        run: 0,
        service: name("db"),
        epoch,
        incarnation: 0,
        report: Report::Stopped,
        role: Default::default(),
        resources: Vec::new(),
    });
    assert_eq!(cluster.rejected(grant("b", B1)), "db may still run on a");
    cluster.done(Command::ConfirmFence {
        target: name("a"),
        by: name("ann"),
    });
    cluster.grant("b", B1);
}

#[test]
fn the_word_of_a_distrusted_device_does_not_count_until_a_person_clears_it() {
    let mut cluster = liar();
    cluster.done(lied(A1));
    let fence = |cluster: &mut Cluster| {
        let because = Reason::ShouldRun;
        let command = Command::Fence {
            target: name("a"),
            boot: Some(A1),
            executor: name("b"),
            because,
        };
        cluster.done(command);
        cluster.state.seen().fences[&name("a")].id
    };
    let id = fence(&mut cluster);
    cluster.done(confirmed(id, "b", B1));
    assert_eq!(
        last(&cluster, 1),
        [format!(
            "fence {id}: a not fenced by power: it says off, but is not trusted since it said \
             so wrongly"
        )]
    );
    let trust = Command::TrustDevice {
        device: name("power"),
        by: name("ann"),
    };
    cluster.done(trust.clone());
    assert_eq!(cluster.rejected(trust), "power is trusted");
    let id = fence(&mut cluster);
    cluster.done(confirmed(id, "b", B1));
    let state = &cluster.state.seen().nodes[&name("a")].state;
    assert_eq!(*state, NodeState::Down);
}

#[test]
fn a_device_that_lied_to_a_half_is_distrusted_once() {
    let mut cluster = liar();
    let lied = Command::DeviceLied {
        device: name("power"),
        node: name("a"),
        boot: A1,
    };
    cluster.done(lied.clone());
    assert_eq!(
        last(&cluster, 1),
        ["ALARM: a lives, although fence device power confirmed it off; nothing was decided on it"]
    );
    assert!(!cluster.state.has_trusted_device(&name("a")));
    assert_eq!(
        cluster.rejected(lied),
        "late: it speaks of a lie of power, which is over"
    );
}

#[test]
fn a_liar_that_no_device_can_fence_comes_back_and_tells_what_runs_there() {
    let mut cluster = liar();
    cluster.done(lied(A1));
    cluster.done(Command::NodeUp {
        node: name("a"),
        boot: A1,
        run: 0,
    });
    let found = Found {
        address: operation::ResourceAddress {
            service: name("db"),
            resource: name("process-1"),
        },
        state: ResourceState::Running,
    };
    cluster.done(Command::Probed {
        node: name("a"),
        boot: A1,
        run: 0,
        found: vec![found],
    });
    let seen = &cluster.state.seen().services[&name::<ServiceName>("db")];
    assert!(seen.strays.contains_key(&name("a")));
}

#[test]
fn a_boot_that_was_over_before_is_no_lie() {
    let mut cluster = liar();
    cluster.up("a", A2);
    let late = format!("late: it speaks of boot {A1} of a, which is over");
    assert_eq!(cluster.rejected(lied(A1)), late);
    assert_eq!(cluster.state.boot_of(&name("a"), A2), BootOf::Open);
}

#[test]
fn a_person_can_be_wrong_as_well() {
    let mut cluster = Cluster::new();
    cluster.done(lost("a", A1));
    cluster.done(Command::ConfirmFence {
        target: name("a"),
        by: name("ann"),
    });
    cluster.done(lied(A1));
    let text = "ALARM: a lives, although ann confirmed it off; it held nothing then";
    assert_eq!(last(&cluster, 2)[0], text);
    assert!(cluster.state.seen().distrusted.is_empty());
}
