//! Random events and orders on small clusters: whatever happens, every plan passes the
//! checker (asserted by `World::settle`), planning comes to rest, the state never has to
//! refuse a step, no claim outlives its boot, and when the faults stop, everything that can
//! run runs. (S1 and S2 are tried against machines in the tests of `state`.)

mod world;

use model::seen::{Goal, NodeState, Phase};
use proptest::prelude::*;
use world::World;

const NODES: [&str; 3] = ["a", "b", "c"];
const SERVICES: [&str; 3] = ["db", "mail", "web"];

fn event() -> impl Strategy<Value = String> {
    let node = prop::sample::select(&NODES[..]);
    let service = prop::sample::select(&SERVICES[..]);
    prop_oneof![
        (prop::sample::select(&NODE_EVENTS[..]), node.clone())
            .prop_map(|(e, n)| format!("{e} {n}")),
        (prop::sample::select(&SERVICE_EVENTS[..]), service.clone())
            .prop_map(|(e, s)| format!("{e} {s}")),
        (service.clone(), node.clone()).prop_map(|(s, n)| format!("operator move {s} to {n}")),
        (node.clone(), service.clone()).prop_map(|(n, s)| format!("up {n} {s}")),
        (node.clone(), service.clone()).prop_map(|(n, s)| format!("probed {n} {s}")),
        (service.clone(), node).prop_map(|(s, n)| format!("stray-stops {s} {n}")),
        (service, prop::sample::select(&SPECS[..])).prop_map(|(s, w)| spec_line(s, w)),
        prop::sample::select(&WORLD_EVENTS[..]).prop_map(str::to_string),
    ]
}

const NODE_EVENTS: [&str; 16] = [
    "up",
    "boot",
    "heard",
    "probed",
    "lost",
    "lost",
    "daemon-down",
    "leaves",
    "left",
    "fenced",
    "fenced",
    "fence-fails",
    "operator standby",
    "operator online",
    "operator confirms",
    "heard",
];
const SERVICE_EVENTS: [&str; 21] = [
    "fails",
    "fails",
    "runs",
    "stopped",
    "lease-ends",
    "stop-fails",
    "slow",
    "quick",
    "operator start",
    "operator stop",
    "operator restart",
    "operator move",
    "operator move",
    "handed-over",
    "does-not-leave",
    "operator freeze",
    "operator thaw",
    "operator clear",
    "operator clear",
    "quick",
    "no-service",
];
const WORLD_EVENTS: [&str; 5] = [
    "wait 10s",
    "wait 2h",
    "operator maintenance on",
    "operator maintenance off",
    "no-device b",
];
const SPECS: [&str; 8] = [
    "",
    "live",
    "live prefer=a,b failback",
    "prefer=a,b failback",
    "prefer=c only",
    "manual restart=0",
    "runs=/bin/x priority=3",
    "prefer=b,a sticky=50 failback priority=-1",
];

/// `web` may be after `db`; nothing else, so that the order has no circle.
fn spec_line(service: &str, words: &str) -> String {
    let after = if service == "web" && words.len().is_multiple_of(2) {
        "after=db"
    } else {
        ""
    };
    format!("service {service} {words} {after}")
}

/// A claim is never on a boot that its node has left behind, nor beside a service that the
/// same node is known to run without one.
fn invariant_claims_are_on_living_boots(world: &World) {
    let seen = world.state.seen();
    for (service, of) in &seen.services {
        let Some(claim) = &of.claim else { continue };
        let state = &seen.nodes[&claim.node].state;
        assert_eq!(state.boot(), Some(claim.boot), "{service} in {}", world.out);
        assert!(
            !of.strays.contains_key(&claim.node),
            "{service} in {}",
            world.out
        );
    }
}

/// Faults stop: what is lost is vouched for, everybody boots and tells the truth.
fn heal(world: &mut World) {
    world.play("operator maintenance off");
    for service in SERVICES {
        world.play(&format!(
            "quick {service}\noperator thaw {service}\noperator clear {service}"
        ));
    }
    for node in NODES {
        let lost = {
            let nodes = &world.state.seen().nodes;
            matches!(nodes[&world::name(node)].state, NodeState::Lost { .. })
        };
        if lost {
            world.play(&format!("operator confirms {node}"));
        }
        world.play(&format!("operator online {node}\nup {node}"));
    }
}

/// Found once: c was to fence b and was given up itself in the same plan.
#[test]
fn who_is_given_up_fences_nobody() {
    let mut world = World::new();
    world.play("nodes a b c\nservice db\nservice mail prefer=b\nservice web after=db");
    let events = "operator move mail to c\nlost b\nlost a\nstop-fails mail\nup a db";
    for event in events.lines() {
        world.play(event);
        invariant_claims_are_on_living_boots(&world);
    }
}

/// New clusters of each run; `RANDOM_CASES` asks for more of them.
fn cases(usual: u32) -> ProptestConfig {
    let asked = std::env::var("RANDOM_CASES").ok();
    ProptestConfig {
        cases: asked.and_then(|text| text.parse().ok()).unwrap_or(usual),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn plans_are_safe_come_to_rest_and_recover(
        events in prop::collection::vec(event(), 1..60),
    ) {
        let mut world = World::new();
        world.play("nodes a b c\nservice db\nservice mail prefer=b\nservice web after=db");
        for event in &events {
            world.play(event);
            invariant_claims_are_on_living_boots(&world);
        }
        heal(&mut world);
        invariant_claims_are_on_living_boots(&world);
        prop_assert_eq!(&world.steps_rejected, &Vec::<String>::new(), "{}", world.out);
        let spec = world.state.spec().unwrap().clone();
        for (service, seen) in &world.state.seen().services {
            let Some(spec) = spec.services.get(service) else { continue };
            let stopped = matches!(seen.wish, model::seen::Wish::Stop { .. })
                || (spec.autostart == model::spec::Autostart::No
                    && seen.wish == model::seen::Wish::Spec);
            let waits = spec.after.iter().any(|needed| {
                world.claim(needed).is_none_or(|claim| claim.phase != Phase::Running)
            });
            let runs = seen.claim.as_ref().is_some_and(|claim| {
                claim.goal == Goal::Run && claim.phase == Phase::Running
            });
            prop_assert!(runs != stopped || waits, "{service} runs: {runs}\n{}", world.out);
        }
    }
}
