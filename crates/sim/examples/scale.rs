//! Large clusters: one node that serves loses its power, in the simulator, at the timings that
//! a cluster has by default. `cargo xtask bench scale` runs it; one JSON object per size.
//! Times count from the power loss; a wire takes about a millisecond, a fence device the time
//! that the simulator gives it, and computing takes none.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "it tells how long playing took"
)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant as Clock};

use model::spec::Timings;
use model::{Instant, NodeId, ServiceName};
use sim::act::{Act, Order};
use sim::form;
use sim::play::{self, Outcome};
use sim::schedule::Setup;
use sim::trace::Keep;

/// By then all have met, and the service may go where it is wanted.
const MOVE_AT: Instant = Instant(8_000_000_000);
/// By then it runs there.
const FAULT_AT: Instant = Instant(10_000_000_000);

fn setup(nodes: u64) -> Result<Setup, String> {
    let victim = form::node_name(NodeId(nodes));
    let service = form::service(&format!("web prefer={victim}"))?;
    let mut spec = form::spec(nodes, BTreeMap::from([service]));
    spec.cluster.timings = Timings::default();
    Ok(Setup {
        spec,
        faults_end: FAULT_AT + Duration::from_secs(5),
        ..Setup::plain(nodes)
    })
}

/// Milliseconds from the power loss to the first line that has these words.
fn after(outcome: &Outcome, words: &str) -> Option<u128> {
    let lines = outcome.lines.iter();
    let found = lines
        .filter(|line| FAULT_AT < line.at)
        .find(|line| line.what.contains(words))?;
    let nanos = u128::from(found.at.0 - FAULT_AT.0);
    Some(nanos / 1_000_000)
}

fn main() -> Result<(), String> {
    for word in std::env::args().skip(1) {
        let nodes: u64 = word.parse().map_err(|_| format!("{word} is no number"))?;
        if !(2..=form::NODES_MAX).contains(&nodes) {
            return Err(format!("2 to {} nodes, not {nodes}", form::NODES_MAX));
        }
        let began = Clock::now();
        let victim = form::node_name(NodeId(nodes));
        let web = ServiceName::new("web").map_err(|error| error.to_string())?;
        let order = Order::Move(web, victim.clone());
        let acts = vec![
            (MOVE_AT, Act::Order(NodeId(1), order)),
            (FAULT_AT, Act::PowerOff(NodeId(nodes))),
        ];
        let outcome = play::schedule(&setup(nodes)?, acts, Keep::Story);
        if let Some(violation) = &outcome.violation {
            return Err(format!("{nodes} nodes: {}", violation.what));
        }
        let shown = |found: Option<u128>| found.map_or("null".into(), |ms| ms.to_string());
        println!(
            "{{\"nodes\":{nodes},\"simulated\":true,\"detect_ms\":{},\"confirmed_off_ms\":{},\"serves_again_ms\":{},\"others_lost\":{},\"events\":{},\"took_s\":{:.1}}}",
            shown(after(&outcome, &format!("{victim} is lost"))),
            shown(after(&outcome, "confirmed off")),
            shown(after(&outcome, "web runs on")),
            outcome
                .lines
                .iter()
                .filter(|line| line.what.contains("is lost"))
                .count()
                - 1,
            outcome.events,
            began.elapsed().as_secs_f64(),
        );
    }
    Ok(())
}
