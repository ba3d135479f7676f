//! Random events and orders on small clusters whose services have copies and rules: whatever
//! happens, every plan passes the checker (asserted by `World::settle`), planning comes to
//! rest, the state never has to refuse a step, and when the faults stop, whatever does not run
//! is unwanted or says what it waits for.

mod world;

use std::collections::BTreeMap;

use model::roles::RoleSeen;
use model::seen::{Goal, NodeState, Phase, Wish};
use model::{NodeName, ServiceName};
use proptest::prelude::*;
use world::World;

const NODES: [&str; 3] = ["a", "b", "c"];
const NAMES: [&str; 12] = [
    "db", "farm", "mail", "web", "web:0", "web:1", "farm:0", "farm:1", "farm:2", "mail:0", "log",
    "log:1",
];

fn event() -> impl Strategy<Value = String> {
    let node = prop::sample::select(&NODES[..]);
    let name = prop::sample::select(&NAMES[..]);
    prop_oneof![
        1 => (prop::sample::select(&NODE_EVENTS[..]), node.clone())
            .prop_map(|(e, n)| format!("{e} {n}")),
        1 => (prop::sample::select(&SERVICE_EVENTS[..]), name.clone())
            .prop_map(|(e, s)| format!("{e} {s}")),
        1 => (name.clone(), node.clone()).prop_map(|(s, n)| format!("operator move {s} to {n}")),
        1 => (node.clone(), name.clone()).prop_map(|(n, s)| format!("up {n} {s}")),
        1 => (node.clone(), prop::sample::select(&CARDS[..])).prop_map(|(n, c)| format!("told {n} {c}")),
        1 => (node.clone(), 0..12_u32).prop_map(|(n, busy)| format!("busy {n} {}", busy * 10)),
        1 => (name.clone(), node.clone()).prop_map(|(s, n)| format!("stray-stops {s} {n}")),
        1 => (node, name).prop_map(|(n, s)| {
            let of = s.split(':').next().unwrap_or(s);
            format!("looked {n} {of} under {s}")
        }),
        // There are more of these than of all others.
        2 => prop::sample::select(&WORLD_EVENTS[..]).prop_map(str::to_string),
    ]
}

/// What a node tells of its networks.
const CARDS: [&str; 6] = [
    "lan full",
    "lan poor",
    "lan none",
    "san full",
    "san poor none",
    "san none",
];
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
const SERVICE_EVENTS: [&str; 17] = [
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
    "operator move",
    "operator freeze",
    "operator thaw",
];
const WORLD_EVENTS: [&str; 111] = [
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
    "placement least-load",
    "placement least-load",
    "operator attr c cpu-load=40",
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
    "service web together=db failback prefer=a,b address=lan",
    "service web together=db address=lan",
    "service mail together=web address=san",
    "service mail together=web prefer=c,b failback",
    "service db address=san",
    // The order has no circle: log is after all, farm after web, web after db or mail, mail
    // after db.
    "operator ticket grant site",
    "operator ticket revoke site",
    "service web after-starts=db",
    "service web one-of=db,mail",
    "service web copies=2 one-of=db,mail prefer=b,a failback",
    "service web after=db prefer=b,a failback",
    "service web after=db,mail prefer=c failback live",
    "service web after=db ticket=site:fence",
    "service web after-starts=db ticket=site:freeze",
    "service mail after=db prefer=a,b",
    "service mail after-starts=db prefer=c failback",
    "service mail after-if-both=db ticket=site",
    "operator ticket grant branch",
    "operator ticket standby branch",
    "service web after=db ticket=site:freeze ticket=branch:stop",
    "service mail ticket=site:fence ticket=branch:freeze",
    "service farm copies=3 promoted=1 ticket=site:stop ticket=branch:demote",
    "operator attr a disks=4",
    "operator attr b disks=8",
    "operator attr b disks=2",
    "service web together=db all=rack:x+disks:4@80 nodes=c@30 failback",
    "service mail any=rack:y+disks:4 apart=db:20",
    "service farm copies=every-node promoted=1 promoted-nodes=a,b promoted-where=rack:x@50",
    "service farm copies=2 promoted=1 promoted-any=rack:x+disks:4 failback",
    "service farm copies=3 promoted=2 promoted-all=rack:x+disks:4@70 promoted-nodes=c@-20 failback",
    "service log together-promoted=farm nodes=a,c",
    "service db prefer=a,c failback",
    "service db prefer=b manual",
    "service db prefer=c,b failback ticket=site",
    "service farm copies=2 one-of=web,mail after-starts=db",
    "service farm copies=every-node promoted=1 ticket=site:demote",
    "service farm copies=3 promoted=1 ticket=site:demote after=db on-failure=demote",
    "service farm copies=2 promoted=2 ticket=site:demote prefer=b,c failback",
    "service farm copies=every-node promoted=1 one-of=db,mail",
    "service log after-promoted=farm prefer=a failback",
    "service log after=web,db prefer=b",
    "service log copies=every-node after-promoted=farm",
    "service log one-of=db,mail,farm after-starts=web failback prefer=c",
    "service log apart-promoted=farm prefer=b failback",
    "service log copies=2 apart-promoted=farm",
    "service mail apart-promoted=farm prefer=a live",
    "service mail apart-promoted=farm stop-failure=block ticket=site:freeze",
    "service web copies=2 promoted=1 apart-promoted=farm",
    "service mail together-promoted=farm",
    "no-service log",
    "operator freeze log",
    "let-go log a",
    "nodes-are silent",
    "nodes-are silent",
    "service db prefer=a found-twice=hold",
    "service db uses=cpu:2 found-twice=stop-all live",
    "service web after=db found-twice=stop-all",
    "service web copies=2 found-twice=hold",
    "service mail together=web found-twice=hold on-failure=move",
    "service mail after=db found-twice=stop-all ticket=site:freeze",
    "service farm copies=every-node promoted=1 found-twice=stop-all",
    "service farm copies=3 promoted=1 found-twice=hold after=db",
    "service log after-all=farm",
    "service log after-all=farm,web prefer=b failback",
    "service log copies=2 after-all-starts=farm",
    "service farm copies=2 after-all=web",
    "service web copies=2 after=db restart=0",
    "service farm copies=every-node one-by-one",
    "service farm copies=every-node one-by-one runs=new",
    "service farm copies=3 promoted=1 one-by-one",
    "service farm copies=3 promoted=1 one-by-one runs=new failback prefer=b",
    "service web copies=2 one-by-one after=db restart=0",
    "service web copies=3 one-by-one after=db runs=new together=db:50",
    "service log copies=every-node per-node=2 one-by-one after-all=farm",
    "service log copies=2 one-by-one apart-promoted=farm runs=new",
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

/// Where fewer copies are promoted than are wanted and run, it is said why.
fn invariant_roles_are_filled_or_waited_for(world: &World) {
    for (service, spec) in &world.state.spec().unwrap().services {
        let Some(roles) = &spec.rules.roles else {
            continue;
        };
        let copies = world.state.seen().services.iter();
        let claims: Vec<_> = copies
            .filter(|(name, _)| name.service() == *service)
            .filter_map(|(_, seen)| seen.claim.as_ref())
            .filter(|claim| claim.goal == Goal::Run && claim.phase == Phase::Running)
            .collect();
        let promoted = claims.iter().filter(|c| c.role == RoleSeen::Promoted);
        let wanted = claims.len().min(roles.promoted as usize);
        let waits = |wait: &String| wait.starts_with(&format!("{service}:"));
        assert!(
            wanted <= promoted.count() || world.waits.iter().any(waits),
            "{service} is not promoted in silence\n{}",
            world.out
        );
    }
}

/// However busy nodes become, what runs stays where it is.
fn invariant_nothing_moves_for_load(world: &mut World) {
    world.play("placement least-load");
    let running = |world: &World| {
        let services = world.state.seen().services.iter();
        let claims = services.filter_map(|(name, seen)| Some((name.clone(), seen.claim.as_ref()?)));
        let claims = claims.map(|(name, claim)| (name, (claim.node.clone(), claim.epoch)));
        claims.collect::<BTreeMap<_, _>>()
    };
    let before = running(world);
    for told in ["a 300", "b 0", "c 90", "b 400", "a 0", "c 10"] {
        world.play(&format!("busy {told}"));
    }
    let after = running(world);
    for (name, claim) in before {
        assert_eq!(after.get(&name), Some(&claim), "{name}\n{}", world.out);
    }
}

/// Where all can be stopped, nobody waits for ever to be apart.
fn invariant_what_must_be_apart_gives_way(world: &World) {
    let waits = |wait: &&String| wait.contains("it must be apart from the promoted copy");
    let waiting = world.waits.iter().find(waits);
    assert!(waiting.is_none(), "{waiting:?}\n{}", world.out);
}

/// Where all can start, nobody waits for a copy, or for a turn, for ever.
fn invariant_copies_that_are_awaited_come(world: &World) {
    let words = ["waits for all copies of", "go one by one", "has started"];
    let waits = |wait: &&String| words.iter().any(|word| wait.contains(word));
    let waiting = world.waits.iter().find(waits);
    assert!(waiting.is_none(), "{waiting:?}\n{}", world.out);
}

/// Faults stop: what is lost is vouched for, everybody boots and tells the truth.
fn heal(world: &mut World) {
    world.play("operator maintenance off\nnodes-are open");
    for node in NODES {
        world.play(&format!("operator maintenance off {node}"));
    }
    for name in NAMES {
        world.play(&format!(
            "quick {name}\noperator clear {name}\noperator thaw {name}"
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
            network lan a b c
            network san a b c
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
        invariant_roles_are_filled_or_waited_for(&world);
        invariant_what_must_be_apart_gives_way(&world);
        invariant_copies_that_are_awaited_come(&world);
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
        invariant_nothing_moves_for_load(&mut world);
    }
}
