//! What agents say of the copies of a service: how fit each is to be promoted.

mod cluster;

use std::collections::BTreeMap;

use cluster::*;
use model::*;

fn set(key: &str, value: &str) -> Command {
    Command::SetAttribute {
        node: name("a"),
        key: key.to_owned(),
        value: Some(value.to_owned()),
        by: name("root"),
    }
}

fn attributes_of_a(cluster: &Cluster) -> BTreeMap<String, String> {
    let nodes = &cluster.state.seen().nodes;
    nodes[&name::<NodeName>("a")].attributes.clone()
}

#[test]
fn a_promotion_score_ends_with_the_boot_that_it_was_told_in() {
    let mut cluster = Cluster::new();
    cluster.grant("a", A1);
    cluster.done(set("promotion-score:db", "1000"));
    cluster.done(set("rack", "left"));
    let id = cluster.fence_a(A1);
    // It may still run, and be as fit as it said.
    assert_eq!(attributes_of_a(&cluster)["promotion-score:db"], "1000");
    cluster.done(confirmed(id, "b", B1));
    let left: Vec<(String, String)> = attributes_of_a(&cluster).into_iter().collect();
    assert_eq!(left, [("rack".to_owned(), "left".to_owned())]);
}
