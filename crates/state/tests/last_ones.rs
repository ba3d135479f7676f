//! A node that is counted as lost while it leads: everybody else is gone.

mod cluster;

use cluster::*;
use model::seen::*;
use model::*;

fn up(boot: BootId) -> Command {
    Command::NodeUp {
        node: name("a"),
        boot,
        run: 0,
    }
}

fn state_of_a(cluster: &Cluster) -> NodeState {
    cluster.state.seen().nodes[&name::<NodeName>("a")]
        .state
        .clone()
}

#[test]
fn a_lost_node_comes_back_with_its_claims_when_nobody_else_is_up() {
    let mut cluster = Cluster::new();
    let epoch = cluster.grant("a", A1);
    let id = cluster.fence_a(A1);
    // The fence is under way.
    assert!(!cluster.state.may_come_back(&name("a")));
    cluster.rejected(up(A1));
    cluster.done(lost("b", B1));
    // Another one is up, who may be asked.
    assert!(!cluster.state.may_come_back(&name("a")));
    cluster.done(lost("c", C1));
    assert!(cluster.state.may_come_back(&name("a")));
    cluster.done(up(A1));
    assert_eq!(state_of_a(&cluster), NodeState::Starting { boot: A1 });
    let claim = cluster.state.seen().services[&name::<ServiceName>("db")]
        .claim
        .clone();
    assert_eq!(claim.unwrap().epoch, epoch);
    // What the fence came to is told too late.
    cluster.rejected(confirmed(id, "b", B1));
    assert_eq!(state_of_a(&cluster), NodeState::Starting { boot: A1 });
}

#[test]
fn a_boot_whose_end_was_confirmed_does_not_come_back_although_nobody_is_up() {
    let mut cluster = Cluster::new();
    cluster.grant("a", A1);
    let id = cluster.fence_a(A1);
    cluster.done(confirmed(id, "b", B1));
    cluster.done(lost("b", B1));
    cluster.done(lost("c", C1));
    cluster.rejected(up(A1));
    assert_eq!(state_of_a(&cluster), NodeState::Down);
}
