//! Who votes in a cluster of more than nine.

mod cluster;

use cluster::Cluster;
use cluster::form::{self, service, span};
use model::NodeId;

const TWELVE: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

/// Twelve that have met; the last one serves.
fn twelve(seed: u64) -> Cluster {
    let mut spec = form::spec(&TWELVE, &[("web", service(&["prefer=l"]))]);
    spec.cluster.fences_per_hour_max = 100;
    let mut cluster = Cluster::new(&TWELVE, &spec, seed);
    cluster.run(span("3s"));
    assert_eq!(voters(&cluster), "abcdefghi");
    cluster
}

/// The voters as the leader has them.
fn voters(cluster: &Cluster) -> String {
    let contact = cluster.contact().expect("some daemon runs");
    let daemon = cluster.machines[&contact].daemon.as_ref();
    let raft = daemon.expect("a contact has a daemon").node.raft();
    assert!(raft.is_quorate(cluster.now), "nobody leads");
    let of = |id: &NodeId| TWELVE[id.0 as usize - 1];
    raft.configuration().voters.iter().map(of).collect()
}

/// Where the service is.
fn host(cluster: &Cluster) -> Option<String> {
    let seen = cluster.newest().0.seen();
    let web = seen
        .services
        .get(&form::name::<model::ServiceName>("web"))?;
    Some(web.claim.as_ref()?.node.to_string())
}

fn lose(cluster: &mut Cluster, nodes: &[&str]) {
    for node in nodes {
        let id = cluster.id(node);
        cluster.power_off(id);
    }
    cluster.run(span("2500ms"));
}

#[test]
fn a_voter_that_is_proven_off_is_followed_by_the_next_in_line() {
    let mut cluster = twelve(1);
    let mut seen = Vec::new();
    // Also the one that leads, which is one of those that vote.
    for node in ["b", "a", "l", "i"] {
        lose(&mut cluster, &[node]);
        seen.push(voters(&cluster));
    }
    let expected = ["acdefghij", "cdefghijk", "cdefghijk", "cdefghjk"];
    assert_eq!(seen, expected);
    assert!(host(&cluster).is_some_and(|host| !["b", "a", "l", "i"].contains(&host.as_str())));
}

#[test]
fn four_of_nine_voters_lost_at_once_are_replaced_and_even_numbers_do_not_matter() {
    let mut cluster = twelve(2);
    lose(&mut cluster, &["a", "c", "e", "g"]);
    assert_eq!(voters(&cluster), "bdfhijkl");
    // Eight vote; three more may go.
    lose(&mut cluster, &["b", "k", "i"]);
    assert_eq!(voters(&cluster), "dfhjl");
    lose(&mut cluster, &["d", "l"]);
    assert_eq!(voters(&cluster), "fhj");
    assert!(host(&cluster).is_some_and(|host| ["f", "h", "j"].contains(&host.as_str())));
}

#[test]
fn those_that_return_vote_again_while_there_are_fewer_than_nine() {
    let mut cluster = twelve(3);
    lose(&mut cluster, &["a", "c", "e", "g"]);
    for node in ["g", "e", "c", "a"] {
        let id = cluster.id(node);
        cluster.boot(id);
        cluster.run(span("2s"));
    }
    // The first that came back made nine of eight; the others follow the log.
    assert_eq!(voters(&cluster), "bdfghijkl");
}
