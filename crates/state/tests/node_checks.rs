//! What people do to checks of nodes.

mod cluster;

use std::time::Duration;

use cluster::*;
use model::checks::*;
use model::spec::RestartPolicy;
use model::*;

/// Nodes a, b and c; `root` is a check of all, `disk` of a.
fn cluster() -> Cluster {
    let mut cluster = Cluster::new();
    let mut spec = spec();
    let check = |text: &str| CheckSpec {
        name: name(text),
        kind: CheckKind::Link(name("eth0")),
        every: Duration::from_secs(1),
        timeout: Duration::from_millis(500),
        start_delay: Duration::from_secs(1),
        fail_after: 2,
        well_after: 1,
        begins: CheckBegin::WithService,
        watches: None,
        restart: None::<RestartPolicy>,
        on_failure: Vec::new(),
        on_warning: Vec::new(),
        on_recovery: Vec::new(),
    };
    for (node, text) in [(None, "root"), (Some(name("a")), "disk")] {
        spec.cluster.rules.checks.push(NodeCheck {
            node,
            sets: format!("health-{text}"),
            check: check(text),
        });
    }
    cluster.done(Command::SetSpec {
        base: cluster.state.spec_version(),
        source: "y".into(),
        spec: Box::new(spec),
        by: name("ann"),
    });
    cluster
}

fn order(node: &str, check: Option<&str>, order: CheckOrder) -> Command {
    Command::NodeChecks {
        node: name(node),
        check: check.map(name),
        order,
        by: name("ann"),
    }
}

fn pause(seconds: Option<u64>) -> CheckOrder {
    CheckOrder::Pause {
        span: seconds.map(Duration::from_secs),
    }
}

/// The checks of a node that rest at a time.
fn resting(cluster: &Cluster, node: &str, at: u64) -> Vec<&'static str> {
    let node = &cluster.state.seen().nodes[&name::<NodeName>(node)];
    let all = ["root", "disk"].into_iter();
    all.filter(|check| {
        let pause = node.checks.pause_of(&name(check), ClusterTime(at));
        pause.is_some()
    })
    .collect()
}

#[test]
fn one_check_of_a_node_or_all_are_paused_and_resumed() {
    let mut cluster = cluster();
    let now = cluster.clock;
    cluster.done(order("a", Some("disk"), pause(Some(60))));
    assert_eq!(resting(&cluster, "a", now), ["disk"]);
    assert_eq!(resting(&cluster, "a", now + 70_000), [""; 0]);
    cluster.done(order("a", None, pause(None)));
    assert_eq!(resting(&cluster, "a", now + 70_000), ["root", "disk"]);
    assert_eq!(resting(&cluster, "b", now), [""; 0]);
    cluster.done(order("a", None, CheckOrder::Resume));
    assert_eq!(resting(&cluster, "a", now), [""; 0]);
}

#[test]
fn what_a_node_does_not_have_is_not_paused_and_nothing_else_is_done_to_its_checks() {
    let mut cluster = cluster();
    let refused = [
        order("b", Some("disk"), pause(None)),
        order("z", None, pause(None)),
        order("a", Some("disk"), CheckOrder::Remove),
        order("a", None, CheckOrder::Reset),
    ]
    .map(|command| cluster.rejected(command));
    assert_eq!(
        refused,
        [
            "node b has no check disk",
            "there is no node z",
            "checks of nodes can be paused, resumed and run; the configuration says the rest",
            "checks of nodes can be paused, resumed and run; the configuration says the rest",
        ]
    );
}
