//! Random events and orders on small clusters whose services have copies and rules: whatever
//! happens, every plan passes the checker (asserted by `World::settle`), planning comes to
//! rest, the state never has to refuse a step, and when the faults stop, whatever does not run
//! is unwanted or says what it waits for.

mod world;

use std::collections::BTreeMap;

use model::seen::{Goal, NodeState, Phase, Wish};
use model::{NodeName, ServiceName};
use proptest::prelude::*;
use world::World;

const NODES: [&str; 3] = ["a", "b", "c"];
const NAMES: [&str; 9] = [
    "db", "mail", "web", "web:0", "web:1", "farm:0", "farm:1", "farm:2", "mail:0",
];

fn event() -> impl Strategy<Value = String> {
    let node = prop::sample::select(&NODES[..]);
    let name = prop::sample::select(&NAMES[..]);
    prop_oneof![
        (prop::sample::select(&NODE_EVENTS[..]), node.clone())
            .prop_map(|(e, n)| format!("{e} {n}")),
        (prop::sample::select(&SERVICE_EVENTS[..]), name.clone())
            .prop_map(|(e, s)| format!("{e} {s}")),
        (name.clone(), node.clone()).prop_map(|(s, n)| format!("operator move {s} to {n}")),
        (node.clone(), name.clone()).prop_map(|(n, s)| format!("up {n} {s}")),
        (name, node).prop_map(|(s, n)| format!("stray-stops {s} {n}")),
        prop::sample::select(&WORLD_EVENTS[..]).prop_map(str::to_string),
    ]
}

const NODE_EVENTS: [&str; 15] = [
    "up",
    "heard",
    "probed",
    "lost",
    "lost",
    "daemon-down",
    "leaves",
    "left",
    "fenced",
    "fenced",
    "fenced",
    "operator standby",
    "operator online",
    "operator maintenance on",
    "operator maintenance off",
];
const SERVICE_EVENTS: [&str; 14] = [
    "fails",
    "fails",
    "start-fails",
    "runs",
    "stopped",
    "stop-fails",
    "slow",
    "quick",
    "quick",
    "operator start",
    "operator stop",
    "operator restart",
    "operator clear",
    "operator move",
];
const WORLD_EVENTS: [&str; 33] = [
    "wait 2h",
    "operator maintenance on",
    "operator maintenance off",
    "operator ticket grant site",
    "operator ticket standby site",
    "operator ticket revoke site",
    "operator attr a rack=x",
    "operator attr b rack=x",
    "operator attr b rack=y",
    "operator attr c health-disk=red",
    "operator attr c health-disk=green",
    "health move-on-red",
    "placement fits",
    "placement most-room",
    "placement fewest-nodes",
    "service web copies=2 after=db",
    "service web copies=every-node",
    "service web",
    "service web together=db failback prefer=a,b",
    "service web apart=db:50 priority=5",
    "service web copies=2 apart=db",
    "service mail copies=1 together=web",
    "service mail exclusive",
    "service mail uses=cpu:3 priority=3",
    "service mail where=rack:x ticket=site expires=1h",
    "service mail on-failure=stop not-while=db",
    "service mail after-if-both=db avoid=a never=b",
    "service farm copies=every-node per-node=2 uses=cpu:1",
    "service farm copies=3 after=web",
    "service db uses=cpu:2",
    "service db uses=cpu:2 live",
    "service web together=db failback prefer=a,b live",
    "service mail exclusive live",
];

/// What is on a node is within what the rules allow, and no claim outlives its boot.
fn invariant_rules_hold(world: &World) {
    let spec = world.state.spec().unwrap();
    let mut copies: BTreeMap<(ServiceName, NodeName), u32> = BTreeMap::new();
    for (name, seen) in &world.state.seen().services {
        let Some(claim) = &seen.claim else { continue };
        let state = &world.state.seen().nodes[&claim.node].state;
        assert_eq!(state.boot(), Some(claim.boot), "{name} in {}", world.out);
        let key = (name.service(), claim.node.clone());
        *copies.entry(key).or_default() += 1;
    }
    for ((service, node), count) in copies {
        let Some(spec) = spec.services.get(&service) else {
            continue;
        };
        let most = spec.rules.copies.map_or(1, |copies| copies.per_node);
        // A smaller number was asked for since, and the surplus stops.
        let stops = world.state.seen().services.iter().any(|(name, seen)| {
            let claim = seen.claim.as_ref();
            name.service() == service
                && claim.is_some_and(|claim| claim.made_from != spec_version(world))
        });
        assert!(
            count <= most || stops,
            "{count} of {service} on {node}\n{}",
            world.out
        );
    }
}

fn spec_version(world: &World) -> u64 {
    world.state.spec_version()
}

/// Faults stop: what is lost is vouched for, everybody boots and tells the truth.
fn heal(world: &mut World) {
    world.play("operator maintenance off");
    for node in NODES {
        world.play(&format!("operator maintenance off {node}"));
    }
    for name in NAMES {
        world.play(&format!("quick {name}\noperator clear {name}"));
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

/// Found once: a copy that a node brought with it, and what must be alone, were granted there
/// in one plan.
#[test]
fn what_was_found_without_a_claim_is_company() {
    let mut world = World::new();
    world.play("nodes a b c\nservice db\nservice farm copies=every-node\nservice web copies=2");
    world.play("service mail prefer=b");
    for event in [
        "operator maintenance on b",
        "service mail exclusive",
        "up a farm:2",
    ] {
        world.play(event);
        invariant_rules_hold(&world);
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
    #![proptest_config(cases(128))]

    #[test]
    fn plans_under_rules_are_safe_come_to_rest_and_say_what_they_wait_for(
        events in prop::collection::vec(event(), 1..60),
    ) {
        let mut world = World::new();
        world.play(
            "nodes a b c
            capacity a cpu=4
            capacity b cpu=4
            capacity c cpu=2
            service db
            service farm copies=every-node
            service web copies=2",
        );
        for event in &events {
            world.play(event);
            invariant_rules_hold(&world);
        }
        heal(&mut world);
        invariant_rules_hold(&world);
        prop_assert_eq!(&world.steps_rejected, &Vec::<String>::new(), "{}", world.out);
        let spec = world.state.spec().unwrap().clone();
        for (name, spec) in spec.running_names() {
            let seen = &world.state.seen().services[&*name];
            let manual = spec.autostart == model::spec::Autostart::No;
            let unwanted = matches!(seen.wish, Wish::Stop { .. })
                || (manual && seen.wish == Wish::Spec);
            let runs = seen.claim.as_ref().is_some_and(|claim| {
                claim.goal == Goal::Run && claim.phase == Phase::Running
            });
            let waits = world.waits.iter().any(|wait| wait.starts_with(&format!("{name}: ")));
            prop_assert!(runs || unwanted || waits, "{name} is down in silence\n{}", world.out);
        }
    }
}
