//! Failures played ahead: stories of one cluster, and the short cuts against plays of every
//! pair in random small clusters.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::time::Duration;

use expect_test::{Expect, expect};
use model::answers::ResourceAnswers;
use model::roles::Roles;
use model::rules::{Copies, CopiesStart, CopyCount, FailureAnswer};
use model::seen::WitnessKind;
use model::spec::*;
use model::{Command, ServiceName, Spec, Stamped, WallTime};
use node::what_if::{Assumed, Cluster, Deciders, Depth, Failure, Fate, Outcome, RoleFate, WhatIf};

fn name<T: FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

/// Reads a cluster from lines:
///
/// ```text
/// nodes a b c              each with a device power-NAME, on network lan
/// also san                 and on this network
/// share a b                these have one device instead
/// policy freeze
/// service web prefer=a,b only after=db address rule=any-node restart=1
/// service db roles copies=2          one of the copies is promoted, or of all nodes
/// service db roles leader-address    and an address goes with it
/// service web ignores=meter          it runs on without this one
/// ```
fn spec(text: &str) -> Spec {
    let mut spec = empty();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["nodes", ref nodes @ ..] => {
                for (place, node) in nodes.iter().enumerate() {
                    add_node(&mut spec, node, place);
                }
            }
            ["also", network] => add_network(&mut spec, network),
            ["share", ref nodes @ ..] => {
                for node in nodes {
                    let node = spec.nodes.get_mut(&name(node)).unwrap();
                    node.fence = vec![name("shared")];
                }
                add_device(&mut spec, "shared");
            }
            ["bare", node] => spec.nodes.get_mut(&name(node)).unwrap().fence.clear(),
            ["two-cards", node] => {
                let node = spec.nodes.get_mut(&name(node)).unwrap();
                for attachment in node.networks.values_mut() {
                    attachment.cards.push(name("spare"));
                }
            }
            ["move-after", network, seconds] => {
                let network = spec.networks.get_mut(&name(network)).unwrap();
                network.move_after = Duration::from_secs(seconds.parse().unwrap());
            }
            ["policy", "freeze"] => spec.cluster.no_quorum = NoQuorumPolicy::Freeze,
            ["service", service, ref words @ ..] => {
                let service_spec = service_of(words);
                spec.services.insert(name(service), service_spec);
            }
            [] => {}
            ref other => panic!("what is {other:?}?"),
        }
    }
    spec
}

fn empty() -> Spec {
    Spec {
        cluster: ClusterSpec {
            name: "small".into(),
            port: PORT_DEFAULT,
            timings: Timings::DEFAULT,
            fences_per_hour_max: 3,
            no_quorum: NoQuorumPolicy::Stop,
            fence_race_delay: FENCE_RACE_DELAY_DEFAULT,
            ping_targets: Vec::new(),
            rules: Default::default(),
        },
        networks: [(name("lan"), NetworkSpec::default())].into(),
        nodes: BTreeMap::new(),
        fence_devices: BTreeMap::new(),
        services: BTreeMap::new(),
    }
}

fn attachment(net: usize, place: usize) -> Attachment {
    Attachment {
        address: format!("10.{net}.0.{}/24", place + 1).parse().unwrap(),
        cards: vec![name(&format!("eth{net}"))],
    }
}

fn add_node(spec: &mut Spec, node: &str, place: usize) {
    let device = format!("power-{node}");
    let described = NodeSpec {
        networks: [(name("lan"), attachment(0, place))].into(),
        fence: vec![name(&device)],
        watchdog: None,
        ..NodeSpec::default()
    };
    spec.nodes.insert(name(node), described);
    add_device(spec, &device);
}

fn add_network(spec: &mut Spec, network: &str) {
    let number = spec.networks.len();
    spec.networks.insert(name(network), NetworkSpec::default());
    for (place, node) in spec.nodes.values_mut().enumerate() {
        node.networks
            .insert(name(network), attachment(number, place));
    }
}

fn add_device(spec: &mut Spec, device: &str) {
    let described = FenceDeviceSpec {
        agent: "fence_lab".into(),
        options: BTreeMap::new(),
        hosts: BTreeMap::new(),
        action: FenceAction::Off,
        delay: Duration::ZERO,
        retries: 0,
        limit: Duration::from_secs(20),
    };
    spec.fence_devices.insert(name(device), described);
}

fn an_address() -> ResourceKind {
    ResourceKind::Address(AddressSpec {
        address: "10.0.0.100/24".parse().unwrap(),
        network: name("lan"),
        duplicate_wait: Duration::ZERO,
    })
}

fn is_ignored() -> ResourceAnswers {
    ResourceAnswers {
        run: Some(FailureAnswer::Ignore),
        ..ResourceAnswers::default()
    }
}

const ONE_EACH: Copies = Copies {
    count: CopyCount::EveryNode,
    per_node: 1,
    start: CopiesStart::Together,
};

fn service_of(words: &[&str]) -> ServiceSpec {
    let mut spec = ServiceSpec {
        rules: Default::default(),
        prefer: Vec::new(),
        elsewhere: Elsewhere::Allowed,
        failback: Failback::Never,
        after: Vec::new(),
        autostart: Autostart::Yes,
        priority: 0,
        stickiness: 0,
        restart: RestartPolicy::default(),
        resources: Vec::new(),
        survive: None,
    };
    let process = ResourceKind::Process(ProcessSpec {
        argv: vec!["/bin/program".into()],
        environment: BTreeMap::new(),
        user: None,
        directory: None,
        ready: Ready::Executed,
        ..ProcessSpec::default()
    });
    let resource = |word: &str, kind: ResourceKind| ResourceSpec {
        name: name(word),
        kind,
        limits: Limits::default(),
    };
    for word in words {
        match word.split_once('=').unwrap_or((word, "")) {
            ("prefer", list) => spec.prefer = list.split(',').map(name).collect(),
            ("after", list) => spec.after = list.split(',').map(name).collect(),
            ("only", _) => spec.elsewhere = Elsewhere::Never,
            ("restart", times) => spec.restart.times = times.parse().unwrap(),
            ("rule", word) => {
                spec.survive = Survive::ALL.into_iter().find(|rule| rule.word() == word);
            }
            ("roles", _) => {
                spec.rules.copies.get_or_insert(ONE_EACH).per_node = 1;
                spec.rules.roles = Some(Roles {
                    promoted: 1,
                    takers: [name("program")].into(),
                    ..Roles::default()
                });
            }
            ("copies", number) => {
                spec.rules.copies = Some(Copies {
                    count: CopyCount::Number(number.parse().unwrap()),
                    ..ONE_EACH
                });
            }
            ("leader-address", _) => {
                let roles = spec.rules.roles.as_mut().unwrap();
                roles.while_promoted = [name("address")].into();
                spec.resources.push(resource("address", an_address()));
            }
            ("address", _) => spec.resources.push(resource("address", an_address())),
            ("ignores", part) => {
                spec.resources.push(resource(part, process.clone()));
                spec.rules.answers.insert(name(part), is_ignored());
            }
            other => panic!("a service cannot be {other:?}"),
        }
    }
    spec.resources.push(resource("program", process));
    spec
}

fn tell(outcome: &Outcome) -> String {
    let deciders = match &outcome.deciders {
        Deciders::Majority => String::new(),
        Deciders::Half { after } => format!("half goes on after {} ms; ", after.as_millis()),
        Deciders::Nobody { because } => format!("nobody decides ({because}); "),
    };
    let fates: Vec<String> = outcome
        .fates
        .iter()
        .map(|(service, fate)| match fate {
            Fate::Back { node, outage, .. } => {
                format!("{service} on {node} after {} ms", outage.about.as_millis())
            }
            Fate::Carried { node, card, outage } => {
                let outage = outage.about.as_millis();
                format!("{service} stays on {node}, on {card} after {outage} ms")
            }
            Fate::Down { because } => format!("{service} down: {because}"),
        })
        .chain(outcome.roles.iter().map(|(service, role)| match role {
            RoleFate::Back { node, outage } => {
                let outage = outage.about.as_millis();
                format!("{service} promoted on {node} after {outage} ms")
            }
            RoleFate::Nobody { because } => format!("{service} promoted nowhere: {because}"),
        }))
        .collect();
    match (fates.as_slice(), deciders.is_empty()) {
        ([], true) => "-".to_string(),
        (fates, _) => format!("{deciders}{}", fates.join("; ")),
    }
}

/// What each single failure leads to, and pairs that are worse than both of theirs.
fn check(text: &str, expected: Expect) {
    let assumed = Assumed::new(&spec(text));
    let cluster = assumed.cluster();
    let failures = Failure::all(cluster.state);
    let mut what_if = WhatIf::new(cluster);
    let forecast = what_if.forecast(&failures, Depth::Doubles);
    let mut told = String::new();
    for (failure, outcome) in &forecast.singles {
        told.push_str(&format!("{failure}: {}\n", tell(outcome)));
    }
    for double in &forecast.doubles {
        if !forecast.news_of(double).is_empty() {
            let names = [double.first, double.second].map(|place| &forecast.singles[place].0);
            let outcome = forecast.outcome_of(double);
            told.push_str(&format!(
                "{} + {}: {}\n",
                names[0],
                names[1],
                tell(&outcome)
            ));
        }
    }
    for broken in what_if.broken_rules() {
        let by: Vec<String> = broken.by.iter().map(ToString::to_string).collect();
        let rule = broken.rule.word();
        let (service, times) = (&broken.service, broken.times);
        told.push_str(&format!(
            "{service} {rule}: broken by {} ({times})\n",
            by.join(" + ")
        ));
    }
    expected.assert_eq(&told);
}

#[test]
fn what_is_ignored_takes_nothing_with_it_alone_or_beside_what_is_not() {
    check(
        "nodes a b
         service web prefer=a restart=0 ignores=meter rule=any-one",
        expect![[r#"
            node a: half goes on after 800 ms; web on b after 800 ms
            node b: half goes on after 800 ms; 
            network lan: half goes on after 800 ms; 
            card a/eth0: half goes on after 800 ms; 
            card b/eth0: half goes on after 800 ms; 
            fence power-a: -
            fence power-b: -
            resource web/meter: -
            resource web/program: web on b after 0 ms
            node a + node b: nobody decides (no node is left); web down: no quorum, so nothing starts elsewhere: no node is left
            node a + fence power-a: nobody decides (half of the voters are left, and the others cannot be proven off); web down: no quorum, so nothing starts elsewhere: half of the voters are left, and the others cannot be proven off
            node b + fence power-b: nobody decides (half of the voters are left, and the others cannot be proven off); web down: no quorum, so it stops (policy stop): half of the voters are left, and the others cannot be proven off
            node b + resource web/program: half goes on after 800 ms; web down: web/program fails on every node
            network lan + resource web/program: half goes on after 800 ms; web down: web/program fails on every node
            card a/eth0 + resource web/program: half goes on after 800 ms; web down: web/program fails on every node
            card b/eth0 + resource web/program: half goes on after 800 ms; web down: web/program fails on every node
        "#]],
    );
}

#[test]
fn three_nodes_bear_one_failure_and_not_a_device_with_its_node() {
    check(
        "nodes a b c
         also san
         service web prefer=a,b address rule=any-one",
        expect![[r#"
            node a: web on b after 800 ms
            node b: -
            node c: -
            network lan: web down: network lan has no usable card on a, and no other node may run it or is better
            network san: -
            card a/eth0: web on b after 1000 ms
            card a/eth1: -
            card b/eth0: -
            card b/eth1: -
            card c/eth0: -
            card c/eth1: -
            fence power-a: -
            fence power-b: -
            fence power-c: -
            resource web/address: web on b after 0 ms
            resource web/program: web on b after 1500 ms
            node a + node b: nobody decides (1 of 3 voters are left); web down: no quorum, so nothing starts elsewhere: 1 of 3 voters are left
            node a + node c: nobody decides (1 of 3 voters are left); web down: no quorum, so nothing starts elsewhere: 1 of 3 voters are left
            node a + fence power-a: web down: waits until a is proven off: power-a: it does not answer
            node b + node c: nobody decides (1 of 3 voters are left); web down: no quorum, so it stops (policy stop): 1 of 3 voters are left
            web any-one: broken by network lan (1)
        "#]],
    );
}

#[test]
fn two_nodes_go_on_by_fencing_and_share_the_fate_of_their_device() {
    check(
        "nodes a b
         share a b
         service web prefer=a rule=any-node",
        expect![[r#"
            node a: half goes on after 800 ms; web on b after 800 ms
            node b: half goes on after 800 ms; 
            network lan: half goes on after 800 ms; 
            card a/eth0: half goes on after 800 ms; 
            card b/eth0: half goes on after 800 ms; 
            fence power-a: -
            fence power-b: -
            fence shared: -
            resource web/program: web on b after 1500 ms
            node a + node b: nobody decides (no node is left); web down: no quorum, so nothing starts elsewhere: no node is left
            node a + fence shared: nobody decides (half of the voters are left, and the others cannot be proven off); web down: no quorum, so nothing starts elsewhere: half of the voters are left, and the others cannot be proven off
            node b + fence shared: nobody decides (half of the voters are left, and the others cannot be proven off); web down: no quorum, so it stops (policy stop): half of the voters are left, and the others cannot be proven off
            node b + resource web/program: half goes on after 800 ms; web down: web/program fails on every node
            network lan + fence shared: nobody decides (half of the voters are left, and the others cannot be proven off); web down: no quorum, so it stops (policy stop): half of the voters are left, and the others cannot be proven off
            network lan + resource web/program: half goes on after 800 ms; web down: web/program fails on every node
            card a/eth0 + fence shared: nobody decides (half of the voters are left, and the others cannot be proven off); web down: no quorum, so it stops (policy stop): half of the voters are left, and the others cannot be proven off
            card a/eth0 + resource web/program: half goes on after 800 ms; web down: web/program fails on every node
            card b/eth0 + fence shared: nobody decides (half of the voters are left, and the others cannot be proven off); web down: no quorum, so it stops (policy stop): half of the voters are left, and the others cannot be proven off
            card b/eth0 + resource web/program: half goes on after 800 ms; web down: web/program fails on every node
        "#]],
    );
}

#[test]
fn a_network_that_is_the_only_one_is_a_single_point_of_failure() {
    check(
        "nodes a b c
         two-cards a
         policy freeze
         service db prefer=a only restart=0
         service web after=db prefer=b address",
        expect![[r#"
            node a: db down: no node may run it: a: down; b: not allowed by the configuration; c: not allowed by the configuration
            node b: web on c after 800 ms
            node c: -
            network lan: nobody decides (1 of 3 voters are left); web down: no quorum, so it stays without network lan: 1 of 3 voters are left
            card a/eth0: -
            card a/spare: -
            card b/eth0: web on c after 800 ms
            card c/eth0: -
            fence power-a: -
            fence power-b: -
            fence power-c: -
            resource db/program: db down: no node may run it: a: barred since 00:00: program failed once (it fails); b: not allowed by the configuration; c: not allowed by the configuration
            resource web/address: web on c after 0 ms
            resource web/program: web on c after 1500 ms
            node a + node b: nobody decides (1 of 3 voters are left); db down: no quorum, so nothing starts elsewhere: 1 of 3 voters are left; web down: no quorum, so nothing starts elsewhere: 1 of 3 voters are left
            node a + card b/eth0: nobody decides (1 of 3 voters are left); db down: no quorum, so nothing starts elsewhere: 1 of 3 voters are left; web down: no quorum, so it stays without network lan: 1 of 3 voters are left
            node a + resource web/program: db down: no node may run it: a: down; b: not allowed by the configuration; c: not allowed by the configuration; web down: waits for db to run
            node b + node c: nobody decides (1 of 3 voters are left); web down: no quorum, so nothing starts elsewhere: 1 of 3 voters are left
            node b + card c/eth0: nobody decides (1 of 3 voters are left); web down: no quorum, so nothing starts elsewhere: 1 of 3 voters are left
            node b + fence power-b: web down: waits until b is proven off: power-b: it does not answer
            node b + resource db/program: db down: no node may run it: a: barred since 00:00: program failed once (it fails); b: down; c: not allowed by the configuration; web down: waits for db to run
            node c + card b/eth0: nobody decides (1 of 3 voters are left); web down: no quorum, so it stays without network lan: 1 of 3 voters are left
            card a/eth0 + card a/spare: db down: no node may run it: a: down; b: not allowed by the configuration; c: not allowed by the configuration
            card b/eth0 + card c/eth0: nobody decides (1 of 3 voters are left); web down: no quorum, so it stays without network lan: 1 of 3 voters are left
            card b/eth0 + fence power-b: web down: waits until b is proven off: power-b: it does not answer
            card b/eth0 + resource db/program: db down: no node may run it: a: barred since 00:00: program failed once (it fails); b: down; c: not allowed by the configuration; web down: waits for db to run
            resource db/program + resource web/address: db down: no node may run it: a: barred since 00:00: program failed once (it fails); b: not allowed by the configuration; c: not allowed by the configuration; web down: waits for db to run
            resource db/program + resource web/program: db down: no node may run it: a: barred since 00:00: program failed once (it fails); b: not allowed by the configuration; c: not allowed by the configuration; web down: waits for db to run
        "#]],
    );
}

#[test]
fn a_lost_card_moves_addresses_to_another_card_and_only_the_last_one_moves_services() {
    check(
        "nodes a b c
         also san
         two-cards a
         service web prefer=a,b address rule=any-one
         service batch prefer=a",
        expect![[r#"
            node a: batch on b after 800 ms; web on b after 800 ms
            node b: -
            node c: -
            network lan: web down: network lan has no usable card on a, and no other node may run it or is better
            network san: -
            card a/eth0: web stays on a, on spare after 80 ms
            card a/eth1: -
            card a/spare: -
            card b/eth0: -
            card b/eth1: -
            card c/eth0: -
            card c/eth1: -
            fence power-a: -
            fence power-b: -
            fence power-c: -
            resource batch/program: batch on b after 1500 ms
            resource web/address: web on b after 0 ms
            resource web/program: web on b after 1500 ms
            node a + node b: nobody decides (1 of 3 voters are left); batch down: no quorum, so nothing starts elsewhere: 1 of 3 voters are left; web down: no quorum, so nothing starts elsewhere: 1 of 3 voters are left
            node a + node c: nobody decides (1 of 3 voters are left); batch down: no quorum, so nothing starts elsewhere: 1 of 3 voters are left; web down: no quorum, so nothing starts elsewhere: 1 of 3 voters are left
            node a + fence power-a: batch down: waits until a is proven off: power-a: it does not answer; web down: waits until a is proven off: power-a: it does not answer
            node b + node c: nobody decides (1 of 3 voters are left); batch down: no quorum, so it stops (policy stop): 1 of 3 voters are left; web down: no quorum, so it stops (policy stop): 1 of 3 voters are left
            network lan + network san: nobody decides (1 of 3 voters are left); batch down: no quorum, so it stops (policy stop): 1 of 3 voters are left; web down: no quorum, so it stops (policy stop): 1 of 3 voters are left
            web any-one: broken by network lan (1)
        "#]],
    );
}

#[test]
fn a_service_waits_for_as_long_as_its_network_says_before_it_leaves() {
    check(
        "nodes a b c
         also san
         move-after lan 3
         service web prefer=a,b address rule=any-network",
        expect![[r#"
            node a: web on b after 800 ms
            node b: -
            node c: -
            network lan: web down: network lan has no usable card on a, and no other node may run it or is better
            network san: -
            card a/eth0: web on b after 3000 ms
            card a/eth1: -
            card b/eth0: -
            card b/eth1: -
            card c/eth0: -
            card c/eth1: -
            fence power-a: -
            fence power-b: -
            fence power-c: -
            resource web/address: web on b after 0 ms
            resource web/program: web on b after 1500 ms
            node a + node b: nobody decides (1 of 3 voters are left); web down: no quorum, so nothing starts elsewhere: 1 of 3 voters are left
            node a + node c: nobody decides (1 of 3 voters are left); web down: no quorum, so nothing starts elsewhere: 1 of 3 voters are left
            node a + fence power-a: web down: waits until a is proven off: power-a: it does not answer
            node b + node c: nobody decides (1 of 3 voters are left); web down: no quorum, so it stops (policy stop): 1 of 3 voters are left
            web any-network: broken by network lan (1)
        "#]],
    );
}

#[test]
fn of_a_service_with_roles_it_is_told_who_is_promoted_next_and_when() {
    check(
        "nodes a b c
         also san
         service db prefer=a,b roles copies=2 leader-address rule=any-one",
        expect![[r#"
            node a: db:0 on c after 800 ms; db promoted on b after 800 ms
            node b: db:1 on c after 800 ms
            node c: -
            network lan: db:0 down: network lan has no usable card on a, and no other node may run it or is better; db promoted nowhere: network lan has no usable card on a, and no other node may run it or is better
            network san: -
            card a/eth0: db:0 on c after 1000 ms; db promoted on b after 1000 ms
            card a/eth1: -
            card b/eth0: db:1 on c after 0 ms
            card b/eth1: -
            card c/eth0: -
            card c/eth1: -
            fence power-a: -
            fence power-b: -
            fence power-c: -
            resource db:0/address: db:0 on c after 0 ms; db promoted on b after 0 ms
            resource db:0/program: db:0 on c after 1500 ms; db promoted on b after 1500 ms
            resource db:1/program: db:1 on c after 1500 ms
            node a + node b: nobody decides (1 of 3 voters are left); db:0 down: no quorum, so nothing starts elsewhere: 1 of 3 voters are left; db:1 down: no quorum, so nothing starts elsewhere: 1 of 3 voters are left; db promoted nowhere: no quorum, so nothing starts elsewhere: 1 of 3 voters are left
            node a + node c: nobody decides (1 of 3 voters are left); db:0 down: no quorum, so nothing starts elsewhere: 1 of 3 voters are left; db:1 down: no quorum, so it stops (policy stop): 1 of 3 voters are left; db promoted nowhere: no quorum, so nothing starts elsewhere: 1 of 3 voters are left
            node a + network lan: db:0 down: no node may run it: a: down; b: no card of network lan has a link; c: no card of network lan has a link; db:1 down: network lan has no usable card on b, and no other node may run it or is better; db promoted nowhere: network lan has no usable card on b, and no other node may run it or is better
            node a + card c/eth0: db:0 down: no node may run it: a: down; b: has its copy; c: no card of network lan has a link; db promoted on b after 800 ms
            node a + fence power-a: db:0 down: waits until a is proven off: power-a: it does not answer; db promoted nowhere: waits until a is proven off: power-a: it does not answer
            node a + resource db:1/program: db:0 on c after 800 ms; db:1 down: no node may run it: a: down; b: barred since 00:00: program failed 4 times (it fails); c: has its copy; db promoted on c after 800 ms
            node b + node c: nobody decides (1 of 3 voters are left); db:0 down: no quorum, so it stops (policy stop): 1 of 3 voters are left; db:1 down: no quorum, so nothing starts elsewhere: 1 of 3 voters are left; db promoted nowhere: no quorum, so it stops (policy stop): 1 of 3 voters are left
            node b + network lan: db:0 down: network lan has no usable card on a, and no other node may run it or is better; db:1 down: no node may run it: a: no card of network lan has a link; b: down; c: no card of network lan has a link; db promoted nowhere: network lan has no usable card on a, and no other node may run it or is better
            node b + card c/eth0: db:1 down: no node may run it: a: has its copy; b: down; c: no card of network lan has a link
            node b + fence power-b: db:1 down: waits until b is proven off: power-b: it does not answer
            node b + resource db:0/address: db:0 on c after 0 ms; db:1 down: no node may run it: a: barred since 00:00: address failed 4 times (it fails); b: down; c: has its copy; db promoted on c after 0 ms
            node b + resource db:0/program: db:0 down: no node may run it: a: barred since 00:00: program failed 4 times (it fails); b: down; c: has its copy; db:1 on c after 800 ms; db promoted on c after 1500 ms
            node c + resource db:0/address: db:0 down: no node may run it: a: barred since 00:00: address failed 4 times (it fails); b: has its copy; c: down; db promoted on b after 0 ms
            node c + resource db:0/program: db:0 down: no node may run it: a: barred since 00:00: program failed 4 times (it fails); b: has its copy; c: down; db promoted on b after 1500 ms
            node c + resource db:1/program: db:1 down: no node may run it: a: has its copy; b: barred since 00:00: program failed 4 times (it fails); c: down
            network lan + network san: nobody decides (1 of 3 voters are left); db:0 down: no quorum, so it stops (policy stop): 1 of 3 voters are left; db:1 down: no quorum, so it stops (policy stop): 1 of 3 voters are left; db promoted nowhere: no quorum, so it stops (policy stop): 1 of 3 voters are left
            network lan + card a/eth1: db:0 down: no node may run it: a: down; b: no card of network lan has a link; c: no card of network lan has a link; db:1 down: network lan has no usable card on b, and no other node may run it or is better; db promoted nowhere: network lan has no usable card on b, and no other node may run it or is better
            network lan + card b/eth1: db:0 down: network lan has no usable card on a, and no other node may run it or is better; db:1 down: no node may run it: a: no card of network lan has a link; b: down; c: no card of network lan has a link; db promoted nowhere: network lan has no usable card on a, and no other node may run it or is better
            network lan + resource db:0/address: db:0 down: no node may run it: a: no card of network lan has a link; b: no card of network lan has a link; c: no card of network lan has a link; db:1 down: network lan has no usable card on b, and no other node may run it or is better; db promoted nowhere: network lan has no usable card on b, and no other node may run it or is better
            network lan + resource db:0/program: db:0 down: no node may run it: a: no card of network lan has a link; b: no card of network lan has a link; c: no card of network lan has a link; db:1 down: network lan has no usable card on b, and no other node may run it or is better; db promoted nowhere: network lan has no usable card on b, and no other node may run it or is better
            network lan + resource db:1/program: db:0 down: network lan has no usable card on a, and no other node may run it or is better; db:1 down: no node may run it: a: no card of network lan has a link; b: no card of network lan has a link; c: no card of network lan has a link; db promoted nowhere: network lan has no usable card on a, and no other node may run it or is better
            card a/eth0 + card b/eth0: db:0 on c after 1000 ms; db:1 down: no node may run it: a: no card of network lan has a link; b: no card of network lan has a link; c: has its copy; db promoted on c after 1000 ms
            card a/eth0 + resource db:1/program: db:0 on c after 1000 ms; db:1 down: no node may run it: a: no card of network lan has a link; b: barred since 00:00: program failed 4 times (it fails); c: has its copy; db promoted on c after 1000 ms
            card b/eth0 + resource db:0/program: db:0 down: no node may run it: a: barred since 00:00: program failed 4 times (it fails); b: no card of network lan has a link; c: has its copy; db:1 on c after 0 ms; db promoted on c after 1500 ms
            card c/eth0 + resource db:0/address: db:0 down: no node may run it: a: barred since 00:00: address failed 4 times (it fails); b: has its copy; c: no card of network lan has a link; db promoted on b after 0 ms
            card c/eth0 + resource db:0/program: db:0 down: no node may run it: a: barred since 00:00: program failed 4 times (it fails); b: has its copy; c: no card of network lan has a link; db promoted on b after 1500 ms
            card c/eth0 + resource db:1/program: db:1 down: no node may run it: a: has its copy; b: barred since 00:00: program failed 4 times (it fails); c: no card of network lan has a link
            resource db:0/address + resource db:1/program: db:0 on c after 0 ms; db:1 down: no node may run it: a: barred since 00:00: address failed 4 times (it fails); b: barred since 00:00: program failed 4 times (it fails); c: has its copy; db promoted on c after 0 ms
            resource db:0/program + resource db:1/program: db:0 on c after 1500 ms; db:1 down: no node may run it: a: barred since 00:00: program failed 4 times (it fails); b: barred since 00:00: program failed 4 times (it fails); c: has its copy; db promoted on c after 1500 ms
            db any-one: broken by network lan (1)
        "#]],
    );
}

#[test]
fn a_role_with_one_copy_ends_with_its_node() {
    check(
        "nodes a b c
         service db prefer=a roles copies=1 only rule=any-node",
        expect![[r#"
            node a: db:0 down: no node may run it: a: down; b: not allowed by the configuration; c: not allowed by the configuration; db promoted nowhere: no node may run it: a: down; b: not allowed by the configuration; c: not allowed by the configuration
            node b: -
            node c: -
            network lan: nobody decides (1 of 3 voters are left); db:0 down: no quorum, so it stops (policy stop): 1 of 3 voters are left; db promoted nowhere: no quorum, so it stops (policy stop): 1 of 3 voters are left
            card a/eth0: db:0 down: no node may run it: a: down; b: not allowed by the configuration; c: not allowed by the configuration; db promoted nowhere: no node may run it: a: down; b: not allowed by the configuration; c: not allowed by the configuration
            card b/eth0: -
            card c/eth0: -
            fence power-a: -
            fence power-b: -
            fence power-c: -
            resource db:0/program: db:0 down: no node may run it: a: barred since 00:00: program failed 4 times (it fails); b: not allowed by the configuration; c: not allowed by the configuration; db promoted nowhere: no node may run it: a: barred since 00:00: program failed 4 times (it fails); b: not allowed by the configuration; c: not allowed by the configuration
            node b + node c: nobody decides (1 of 3 voters are left); db:0 down: no quorum, so it stops (policy stop): 1 of 3 voters are left; db promoted nowhere: no quorum, so it stops (policy stop): 1 of 3 voters are left
            node b + card c/eth0: nobody decides (1 of 3 voters are left); db:0 down: no quorum, so it stops (policy stop): 1 of 3 voters are left; db promoted nowhere: no quorum, so it stops (policy stop): 1 of 3 voters are left
            node c + card b/eth0: nobody decides (1 of 3 voters are left); db:0 down: no quorum, so it stops (policy stop): 1 of 3 voters are left; db promoted nowhere: no quorum, so it stops (policy stop): 1 of 3 voters are left
            card b/eth0 + card c/eth0: nobody decides (1 of 3 voters are left); db:0 down: no quorum, so it stops (policy stop): 1 of 3 voters are left; db promoted nowhere: no quorum, so it stops (policy stop): 1 of 3 voters are left
            db any-node: broken by node a (1)
        "#]],
    );
}

#[test]
fn the_role_leaves_a_node_that_lost_its_card_though_every_node_has_its_copy() {
    check(
        "nodes a b c
         also san
         service db prefer=a,b roles leader-address",
        expect![[r#"
            node a: db:0 down: each node that may run it now has its copy; db promoted on b after 800 ms
            node b: db:1 down: each node that may run it now has its copy
            node c: db:2 down: each node that may run it now has its copy
            network lan: db:0 down: network lan has no usable card on a, and no other node may run it or is better; db promoted nowhere: network lan has no usable card on a, and no other node may run it or is better
            network san: -
            card a/eth0: db:0 on a after 1000 ms; db promoted on b after 1000 ms
            card a/eth1: -
            card b/eth0: -
            card b/eth1: -
            card c/eth0: -
            card c/eth1: -
            fence power-a: -
            fence power-b: -
            fence power-c: -
            resource db:0/address: db:0 down: no node may run it: a: barred since 00:00: address failed 4 times (it fails); b: has its copy; c: has its copy; db promoted on b after 0 ms
            resource db:0/program: db:0 down: no node may run it: a: barred since 00:00: program failed 4 times (it fails); b: has its copy; c: has its copy; db promoted on b after 1500 ms
            resource db:1/program: db:1 down: no node may run it: a: has its copy; b: barred since 00:00: program failed 4 times (it fails); c: has its copy
            resource db:2/program: db:2 down: no node may run it: a: has its copy; b: has its copy; c: barred since 00:00: program failed 4 times (it fails)
            node a + node b: nobody decides (1 of 3 voters are left); db:0 down: no quorum, so nothing starts elsewhere: 1 of 3 voters are left; db:1 down: no quorum, so nothing starts elsewhere: 1 of 3 voters are left; db:2 down: no quorum, so it stops (policy stop): 1 of 3 voters are left; db promoted nowhere: no quorum, so nothing starts elsewhere: 1 of 3 voters are left
            node a + node c: nobody decides (1 of 3 voters are left); db:0 down: no quorum, so nothing starts elsewhere: 1 of 3 voters are left; db:1 down: no quorum, so it stops (policy stop): 1 of 3 voters are left; db:2 down: no quorum, so nothing starts elsewhere: 1 of 3 voters are left; db promoted nowhere: no quorum, so nothing starts elsewhere: 1 of 3 voters are left
            node a + network lan: db:0 down: no node may run it: a: down; b: no card of network lan has a link; c: no card of network lan has a link; db:1 down: network lan has no usable card on b, and no other node may run it or is better; db promoted nowhere: network lan has no usable card on b, and no other node may run it or is better
            node a + fence power-a: db:0 down: waits until a is proven off: power-a: it does not answer; db promoted nowhere: waits until a is proven off: power-a: it does not answer
            node b + node c: nobody decides (1 of 3 voters are left); db:0 down: no quorum, so it stops (policy stop): 1 of 3 voters are left; db:1 down: no quorum, so nothing starts elsewhere: 1 of 3 voters are left; db:2 down: no quorum, so nothing starts elsewhere: 1 of 3 voters are left; db promoted nowhere: no quorum, so it stops (policy stop): 1 of 3 voters are left
            network lan + network san: nobody decides (1 of 3 voters are left); db:0 down: no quorum, so it stops (policy stop): 1 of 3 voters are left; db:1 down: no quorum, so it stops (policy stop): 1 of 3 voters are left; db:2 down: no quorum, so it stops (policy stop): 1 of 3 voters are left; db promoted nowhere: no quorum, so it stops (policy stop): 1 of 3 voters are left
            network lan + card a/eth1: db:0 down: no node may run it: a: down; b: no card of network lan has a link; c: no card of network lan has a link; db:1 down: network lan has no usable card on b, and no other node may run it or is better; db promoted nowhere: network lan has no usable card on b, and no other node may run it or is better
            network lan + card b/eth1: db:0 down: network lan has no usable card on a, and no other node may run it or is better; db:1 down: no node may run it: a: no card of network lan has a link; b: down; c: no card of network lan has a link; db promoted nowhere: network lan has no usable card on a, and no other node may run it or is better
            network lan + card c/eth1: db:0 down: network lan has no usable card on a, and no other node may run it or is better; db:2 down: no node may run it: a: no card of network lan has a link; b: no card of network lan has a link; c: down; db promoted nowhere: network lan has no usable card on a, and no other node may run it or is better
            network lan + resource db:0/address: db:0 down: no node may run it: a: no card of network lan has a link; b: no card of network lan has a link; c: no card of network lan has a link; db:1 down: network lan has no usable card on b, and no other node may run it or is better; db promoted nowhere: network lan has no usable card on b, and no other node may run it or is better
            network lan + resource db:0/program: db:0 down: no node may run it: a: no card of network lan has a link; b: no card of network lan has a link; c: no card of network lan has a link; db:1 down: network lan has no usable card on b, and no other node may run it or is better; db promoted nowhere: network lan has no usable card on b, and no other node may run it or is better
            network san + card a/eth0: db:0 down: each node that may run it now has its copy; db promoted on b after 800 ms
            network san + card b/eth0: db:1 down: each node that may run it now has its copy
            network san + card c/eth0: db:2 down: each node that may run it now has its copy
            card a/eth0 + card a/eth1: db:0 down: each node that may run it now has its copy; db promoted on b after 800 ms
            card b/eth0 + card b/eth1: db:1 down: each node that may run it now has its copy
            card c/eth0 + card c/eth1: db:2 down: each node that may run it now has its copy
        "#]],
    );
}

/// Two nodes, of which a witness decides between the halves.
#[test]
fn with_a_witness_a_half_goes_on_by_its_vote_and_services_still_wait_for_the_fence() {
    let assumed = Assumed::new(&spec("nodes a b\nshare a b\nservice web prefer=a"));
    let cluster = assumed.cluster();
    let mut state = cluster.state.clone();
    let index = cluster.applied + 1;
    let stamped = Stamped {
        at: WallTime(0),
        clock: state.clock(),
        command: Command::SetWitness {
            name: name("office"),
            kind: WitnessKind::Network {
                address: "192.0.2.1:7412".parse().unwrap(),
                key: [7; 32],
            },
            by: name("ann"),
        },
    };
    state.apply(index, &stamped).unwrap();
    let arbiter = node::arbiter_of(&state.seen().witnesses[&name("office")]);
    let who = (cluster.voters.clone(), arbiter);
    let mut what_if = WhatIf::new(Cluster::new(&state, (index, cluster.at), who));
    let mut told = String::new();
    for fails in [
        &["a"][..],
        &["a", "witness:office"],
        &["a", "fence:shared"],
        &["witness:office"],
    ] {
        let failures: Vec<Failure> = fails
            .iter()
            .map(|text| Failure::find(&state, text).unwrap())
            .collect();
        let outcome = what_if.outcome(&failures.iter().collect::<Vec<_>>());
        told.push_str(&format!("{}: {}\n", fails.join(" + "), tell(&outcome)));
    }
    expect![[r#"
        a: half goes on after 800 ms; web on b after 800 ms
        a + witness:office: nobody decides (half of the voters are left, and the witness does not answer); web down: no quorum, so nothing starts elsewhere: half of the voters are left, and the witness does not answer
        a + fence:shared: half goes on after 800 ms; web down: waits until a is proven off: shared: it does not answer
        witness:office: -
    "#]].assert_eq(&told);
}

/// A small generator: the same seed gives the same cluster.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % sides
    }

    fn text(&mut self) -> String {
        let nodes = &["a", "b", "c", "d", "e"][..2 + self.roll(4) as usize];
        let mut text = format!("nodes {}\n", nodes.join(" "));
        if self.roll(2) == 0 {
            text.push_str("also san\n");
        }
        match self.roll(4) {
            0 => text.push_str("share a b\n"),
            1 => text.push_str("bare b\n"),
            2 => text.push_str("two-cards a\n"),
            _ => {}
        }
        if self.roll(4) == 0 {
            text.push_str("policy freeze\n");
        }
        for service in 0..1 + self.roll(5) {
            text.push_str(&format!("service s{service} restart={}", self.roll(3)));
            let prefers = self.roll(3) as usize;
            let start = self.roll(nodes.len() as u64) as usize;
            let prefer: Vec<&str> = (0..prefers.min(nodes.len()))
                .map(|place| nodes[(start + place) % nodes.len()])
                .collect();
            if !prefer.is_empty() {
                text.push_str(&format!(" prefer={}", prefer.join(",")));
                if self.roll(3) == 0 {
                    text.push_str(" only");
                }
            }
            if 0 < service && self.roll(3) == 0 {
                text.push_str(&format!(" after=s{}", self.roll(service)));
            }
            if self.roll(2) == 0 {
                text.push_str(" address");
            }
            text.push('\n');
        }
        if self.roll(3) == 0 {
            text.push_str("service roles roles copies=2 prefer=a,b only\n");
        }
        if self.roll(3) == 0 {
            text.push_str("move-after lan 3\n");
        }
        text
    }
}

fn down(outcome: &Outcome) -> BTreeSet<&ServiceName> {
    outcome.down().map(|(name, _)| name).collect()
}

/// Both say the same, but for where a choice between equals led.
fn assert_alike(short: &Outcome, long: &Outcome, what: &str) {
    assert_eq!(
        down(short),
        down(long),
        "{what}\n{}\n{}",
        tell(short),
        tell(long)
    );
    for (service, fate) in &short.fates {
        let other = long.fates.get(service);
        let told = || format!("{what}\n{}\n{}", tell(short), tell(long));
        match (fate, other) {
            (
                Fate::Back {
                    node,
                    outage,
                    equals,
                },
                Some(Fate::Back {
                    node: other,
                    outage: other_outage,
                    equals: other_equals,
                }),
            ) if equals.is_empty() && other_equals.is_empty() => {
                assert_eq!(node, other, "{}", told());
                assert_eq!(outage.about, other_outage.about, "{}", told());
            }
            (Fate::Back { equals, .. }, Some(Fate::Back { node: other, .. })) => {
                assert!(equals.contains(other), "{}", told());
            }
            (Fate::Down { .. }, Some(Fate::Down { .. })) => {}
            (Fate::Carried { .. }, other) => assert_eq!(Some(fate), other, "{}", told()),
            (Fate::Back { .. } | Fate::Down { .. }, _) => panic!("{}", told()),
        }
    }
    let filled = |outcome: &Outcome| {
        let roles = outcome.roles.iter();
        let told = roles.map(|(name, role)| (name.clone(), matches!(role, RoleFate::Back { .. })));
        told.collect::<BTreeMap<_, _>>()
    };
    let told = || format!("{what}\n{}\n{}", tell(short), tell(long));
    assert_eq!(filled(short), filled(long), "{}", told());
    let same: Vec<_> = short.fates.keys().collect();
    assert!(
        long.fates.keys().eq(same),
        "{what}\n{}\n{}",
        tell(short),
        tell(long)
    );
}

#[test]
fn short_cuts_lead_to_what_plays_of_every_pair_lead_to() {
    for seed in 0..40 {
        let text = Dice(seed).text();
        let assumed = Assumed::new(&spec(&text));
        let failures = Failure::all(assumed.cluster().state);
        let mut what_if = WhatIf::new(assumed.cluster());
        let forecast = what_if.forecast(&failures, Depth::Doubles);
        for (failure, outcome) in &forecast.singles {
            let long = what_if.outcome_played(&[failure]);
            assert_alike(outcome, &long, &format!("seed {seed}\n{text}{failure}"));
        }
        for double in &forecast.doubles {
            let both = [double.first, double.second].map(|place| &forecast.singles[place].0);
            let long = what_if.outcome_played(&both);
            let short = forecast.outcome_of(double);
            let what = format!("seed {seed}\n{text}{} + {}", both[0], both[1]);
            assert_alike(&short, &long, &what);
        }
    }
}
