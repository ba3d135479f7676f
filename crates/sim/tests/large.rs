//! Sixty-four whole nodes at default timings. Time is simulated, so the numbers never vary.

use std::collections::BTreeMap;
use std::time::Duration;

use model::spec::Timings;
use model::{Instant, NodeId, ServiceName};
use sim::act::{Act, Order};
use sim::form;
use sim::play::{self, Outcome};
use sim::schedule::Setup;
use sim::trace::Keep;

const NODES: u64 = 64;
const FAULT_AT: Instant = Instant(10_000_000_000);

fn lose_the_node_that_serves() -> Outcome {
    let victim = form::node_name(NodeId(NODES));
    let service = form::service(&format!("web prefer={victim}")).unwrap();
    let mut spec = form::spec(NODES, BTreeMap::from([service]));
    spec.cluster.timings = Timings::default();
    let setup = Setup {
        spec,
        faults_end: FAULT_AT + Duration::from_secs(5),
        ..Setup::plain(NODES)
    };
    let order = Order::Move(ServiceName::new("web").unwrap(), victim);
    let moved = (Instant(8_000_000_000), Act::Order(NodeId(1), order));
    let lost = (FAULT_AT, Act::PowerOff(NodeId(NODES)));
    play::schedule(&setup, vec![moved, lost], Keep::Story)
}

#[test]
fn of_64_members_one_is_lost_and_its_service_runs_elsewhere_within_a_second_and_a_half() {
    let outcome = lose_the_node_that_serves();
    assert!(outcome.violation.is_none(), "{:?}", outcome.violation);
    let since: Vec<_> = outcome
        .lines
        .iter()
        .filter(|line| FAULT_AT < line.at)
        .collect();
    let lost = since.iter().filter(|line| line.what.contains("is lost"));
    assert_eq!(lost.count(), 1, "nobody else is taken for lost");
    let again = since.iter().find(|line| line.what.contains("web runs on"));
    let again = again.expect("it runs elsewhere").at;
    assert!(again <= FAULT_AT + Duration::from_millis(1500), "{again:?}");
}
