//! What nodes tell of how busy they are.

mod cluster;

use cluster::*;
use model::load::CPU_LOAD;
use model::rules::PlacementPolicy;
use model::*;

fn place_by(cluster: &mut Cluster, placement: PlacementPolicy) {
    let mut spec = spec();
    spec.cluster.rules.placement = placement;
    cluster.done(Command::SetSpec {
        base: cluster.state.spec_version(),
        source: "y".into(),
        spec: Box::new(spec),
        by: name("ann"),
    });
}

fn told(boot: BootId, run: u64, percent: u32) -> Command {
    Command::LoadTold {
        node: name("a"),
        boot,
        run,
        percent,
    }
}

fn load(cluster: &Cluster) -> Option<&str> {
    let a = &cluster.state.seen().nodes[&name::<NodeName>("a")];
    a.attribute(None, CPU_LOAD)
}

#[test]
fn what_a_node_tells_is_an_attribute_and_no_history() {
    let mut cluster = Cluster::new();
    place_by(&mut cluster, PlacementPolicy::LeastLoad);
    let entries = cluster.state.history().len();
    assert_eq!(load(&cluster), None);
    cluster.done(told(A1, 0, 40));
    assert_eq!(load(&cluster), Some("40"));
    cluster.done(told(A1, 0, 2_000_000));
    assert_eq!(load(&cluster), Some("1000"));
    assert_eq!(cluster.state.history().len(), entries);
    let set = |value: Option<&str>| Command::SetAttribute {
        node: name("a"),
        key: CPU_LOAD.into(),
        value: value.map(str::to_string),
        by: name("ann"),
    };
    cluster.done(set(Some("7")));
    cluster.done(told(A1, 0, 50));
    assert_eq!(load(&cluster), Some("7"));
    cluster.done(set(None));
    assert_eq!(load(&cluster), Some("50"));
    place_by(&mut cluster, PlacementPolicy::Fits);
    assert_eq!(load(&cluster), None);
}

#[test]
fn only_the_present_boot_is_heard_and_only_where_load_counts() {
    let mut cluster = Cluster::new();
    assert_eq!(
        cluster.rejected(told(A1, 0, 40)),
        "late: it speaks of the load of a, which is over"
    );
    place_by(&mut cluster, PlacementPolicy::LeastLoad);
    assert_eq!(
        cluster.rejected(told(A2, 0, 40)),
        format!("late: it speaks of boot {A2} of a, which is over")
    );
    cluster.done(told(A1, 0, 40));
    cluster.done(Command::NodeUp {
        node: name("a"),
        boot: A2,
        run: 0,
    });
    assert_eq!(load(&cluster), None);
}

#[test]
fn a_claim_keeps_when_its_node_got_it_only_where_load_counts() {
    for (placement, is_kept) in [
        (PlacementPolicy::FewestServices, false),
        (PlacementPolicy::LeastLoad, true),
    ] {
        let mut cluster = Cluster::new();
        place_by(&mut cluster, placement);
        cluster.grant("a", A1);
        let claim = cluster.state.seen().services[&name::<ServiceName>("db")]
            .claim
            .clone()
            .unwrap();
        assert_eq!(claim.placed_at.is_some(), is_kept);
        let at = |later: u64| ClusterTime(claim.placed_at.map_or(0, |at| at.0) + later);
        assert_eq!(claim.is_unmeasured(at(59_999)), is_kept);
        assert!(!claim.is_unmeasured(at(60_000)));
    }
}

#[test]
fn the_placement_and_what_nodes_tell_for_it_are_of_the_second_level() {
    let mut spec = spec();
    let before = spec.level();
    spec.cluster.rules.placement = PlacementPolicy::LeastLoad;
    assert_eq!((before, spec.level()), (1, 2));
    assert_eq!(told(A1, 0, 40).level(), 2);
}
