//! How long `what-if` takes: prints it for the example of the README and for a large cluster,
//! every single and every double failure.
//!
//! ```text
//! cargo run --release -p node --example what_if [-- --json] [SERVICES NODES]
//! ```

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a clock measures here; the plays get no other than their arguments"
)]

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::{Duration, Instant};

use model::Spec;
use model::spec::*;
use node::what_if::{Assumed, Depth, Failure, Joint, WhatIf};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let is_json = words.iter().any(|word| word == "--json");
    let sizes: Vec<usize> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let clusters = match sizes[..] {
        [services, nodes] => vec![("given", spec(services, nodes, Shape::Preferred))],
        _ => vec![
            ("readme", readme()),
            ("preferred", spec(200, 16, Shape::Preferred)),
            ("even", spec(200, 16, Shape::Even)),
        ],
    };
    for (shape, spec) in clusters {
        measure(shape, &spec, is_json);
    }
}

fn measure(shape: &str, spec: &Spec, is_json: bool) {
    let assumed = Assumed::new(spec);
    let cluster = assumed.cluster();
    let failures = Failure::all(cluster.state);
    let began = Instant::now();
    let mut what_if = WhatIf::new(cluster);
    let forecast = what_if.forecast(&failures, Depth::Doubles);
    let took = began.elapsed().as_secs_f64() * 1000.0;
    let own = |joint: &Joint| matches!(joint, Joint::Own(_));
    let own = forecast.doubles.iter().filter(|double| own(&double.joint));
    let down = |double: &&_| !forecast.news_of(double).is_empty();
    let own = own.collect::<Vec<_>>();
    let news = own.iter().copied().filter(down).count();
    let spofs = forecast.singles.iter();
    let spofs = spofs.filter(|(_, outcome)| outcome.down().next().is_some());
    let figures = [
        ("services", spec.services.len()),
        ("nodes", spec.nodes.len()),
        ("singles", forecast.singles.len()),
        ("doubles", forecast.doubles.len()),
        ("plays", what_if.plays()),
        ("own", own.len()),
        ("single_points", spofs.count()),
        ("doubles_with_news", news),
    ];
    if is_json {
        let fields: Vec<String> = figures
            .iter()
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        println!(
            "{{\"shape\":\"{shape}\",{},\"what_if_ms\":{took:.1}}}",
            fields.join(",")
        );
    } else {
        let fields: Vec<String> = figures
            .iter()
            .map(|(name, value)| format!("{} {value}", name.replace('_', " ")))
            .collect();
        println!("{shape:<10} {took:9.1} ms  {}", fields.join(", "));
    }
}

fn name<T: FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().expect("the names of this program are names")
}

fn resource(word: &str, kind: ResourceKind) -> ResourceSpec {
    ResourceSpec {
        name: name(word),
        kind,
        limits: Limits::default(),
    }
}

fn process() -> ResourceKind {
    ResourceKind::Process(ProcessSpec {
        argv: vec!["/usr/sbin/program".into()],
        environment: BTreeMap::new(),
        user: None,
        directory: None,
        ready: Ready::Executed,
        ..ProcessSpec::default()
    })
}

fn address(number: usize) -> ResourceKind {
    ResourceKind::Address(AddressSpec {
        address: format!("10.1.{}.{}/16", number / 250, number % 250 + 1)
            .parse()
            .expect("an address"),
        network: name("lan"),
        duplicate_wait: Duration::from_millis(200),
    })
}

fn mount() -> ResourceKind {
    ResourceKind::Mount(MountSpec {
        source: MountSource::Bind {
            path: "/srv/data".into(),
        },
        target: "/srv/here".into(),
        options: Vec::new(),
        check: FsckPolicy::Never,
    })
}

fn service(prefer: Vec<model::NodeName>, resources: Vec<ResourceSpec>) -> ServiceSpec {
    ServiceSpec {
        rules: Default::default(),
        prefer,
        elsewhere: Elsewhere::Allowed,
        failback: Failback::Never,
        after: Vec::new(),
        autostart: Autostart::Yes,
        priority: 0,
        stickiness: 0,
        restart: RestartPolicy::default(),
        resources,
        survive: None,
    }
}

/// Whether services say where they want to be, or leave it to an even share.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Preferred,
    Even,
}

/// Services of a mount, an address and a process; every fourth needs the one before it.
fn spec(services: usize, nodes: usize, shape: Shape) -> Spec {
    let node = |number: usize| format!("n{:02}", number % nodes);
    let mut spec = empty((0..nodes).map(node));
    for number in 0..services {
        let prefer = match shape {
            Shape::Preferred => vec![name(&node(number)), name(&node(number * 7 + 1))],
            Shape::Even => Vec::new(),
        };
        let resources = vec![
            resource("mount-1", mount()),
            resource("address-2", address(number)),
            resource("process-3", process()),
        ];
        let mut service = service(prefer, resources);
        if number % 4 == 3 {
            service.after.push(name(&format!("s{:03}", number - 1)));
        }
        spec.services
            .insert(name(&format!("s{number:03}")), service);
    }
    spec
}

/// The example of the README: three nodes, two networks on one of them, a service.
fn readme() -> Spec {
    let mut spec = empty(["alpha", "beta", "gamma"].map(String::from));
    let resources = vec![
        resource("address-1", address(100)),
        resource("process-2", process()),
    ];
    let web = service(vec![name("alpha"), name("beta")], resources);
    spec.services.insert(name("web"), web);
    spec
}

fn empty(nodes: impl IntoIterator<Item = String>) -> Spec {
    let mut spec = Spec {
        cluster: ClusterSpec {
            name: "measured".into(),
            port: PORT_DEFAULT,
            timings: Timings::DEFAULT,
            fences_per_hour_max: 3,
            no_quorum: NoQuorumPolicy::Stop,
            fence_race_delay: FENCE_RACE_DELAY_DEFAULT,
            ping_targets: Vec::new(),
            rules: Default::default(),
        },
        networks: [
            (name("lan"), NetworkSpec::default()),
            (name("san"), NetworkSpec::default()),
        ]
        .into(),
        nodes: BTreeMap::new(),
        fence_devices: BTreeMap::new(),
        services: BTreeMap::new(),
    };
    for (place, node) in nodes.into_iter().enumerate() {
        let attached = |net: u8, card: &str| Attachment {
            address: format!("10.{net}.0.{}/16", place + 1)
                .parse()
                .expect("an address"),
            cards: vec![name(card)],
        };
        let device = format!("power-{node}");
        let networks = [
            (name("lan"), attached(1, "eth0")),
            (name("san"), attached(2, "eth1")),
        ];
        spec.nodes.insert(
            name(&node),
            NodeSpec {
                networks: networks.into(),
                fence: vec![name(&device)],
                watchdog: None,
                ..NodeSpec::default()
            },
        );
        spec.fence_devices.insert(
            name(&device),
            FenceDeviceSpec {
                agent: "fence_lab".into(),
                options: BTreeMap::new(),
                hosts: BTreeMap::new(),
                action: FenceAction::Off,
                delay: Duration::ZERO,
                retries: 2,
                limit: Duration::from_secs(20),
            },
        );
    }
    spec
}
