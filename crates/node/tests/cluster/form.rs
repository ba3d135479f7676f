//! How a cluster begins: its members and its spec, as they stand in the first snapshot.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use model::checks::{CheckAction, CheckBegin, CheckKind, CheckSpec};
use model::spec::*;
use model::*;
use state::State;
use wire::raft::{Configuration, HardState, SnapshotMeta};

pub fn name<T: FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

pub fn lineage() -> Lineage {
    Lineage {
        generation: 1,
        ..Lineage::default()
    }
}

pub fn process(resource: &str, program: &str) -> ResourceSpec {
    ResourceSpec {
        name: name(resource),
        kind: ResourceKind::Process(ProcessSpec {
            argv: vec![program.to_string()],
            environment: BTreeMap::new(),
            user: None,
            directory: None,
            ready: Ready::Executed,
            ..ProcessSpec::default()
        }),
        limits: Limits {
            start: Duration::from_secs(10),
            ..Limits::default()
        },
    }
}

/// Reads `prefer=a,b after=x restart=1 resources=disk,program runs=v2 manual failback on=lan`.
pub fn service(words: &[&str]) -> ServiceSpec {
    let mut spec = ServiceSpec {
        prefer: Vec::new(),
        elsewhere: Elsewhere::Allowed,
        failback: Failback::Never,
        after: Vec::new(),
        autostart: Autostart::Yes,
        priority: 0,
        stickiness: 0,
        restart: RestartPolicy::default(),
        rules: Default::default(),
        resources: Vec::new(),
        survive: None,
    };
    let (mut resources, mut program) = (vec!["program"], "v1");
    let mut address = None;
    for word in words {
        match word.split_once('=').unwrap_or((word, "")) {
            ("prefer", list) => spec.prefer = list.split(',').map(name).collect(),
            ("after", list) => spec.after = list.split(',').map(name).collect(),
            ("restart", times) => spec.restart.times = times.parse().unwrap(),
            ("resources", list) => resources = list.split(',').collect(),
            ("runs", version) => program = version,
            ("manual", _) => spec.autostart = Autostart::No,
            ("check", list) => spec.rules.checks = vec![check(list)],
            ("on", network) => address = Some(network),
            ("failback", _) => spec.failback = Failback::WhenPossible,
            other => panic!("a service cannot be {other:?}"),
        }
    }
    let address = address.map(super::cards::address).into_iter();
    let processes = resources.iter().map(|r| process(r, program));
    spec.resources = address.chain(processes).collect();
    spec
}

/// A check that is asked every second, with the actions of a list like `restart,move`.
pub fn check(actions: &str) -> CheckSpec {
    let action = |word: &str| {
        let known = CheckAction::WORDS.iter().find(|(known, _)| *known == word);
        CheckAction::from(known.unwrap().1)
    };
    CheckSpec {
        name: name("page"),
        kind: CheckKind::Link(name("eth0")),
        every: Duration::from_secs(1),
        timeout: Duration::from_millis(500),
        start_delay: Duration::from_secs(1),
        fail_after: 2,
        well_after: 1,
        begins: CheckBegin::WithService,
        watches: None,
        restart: Some(RestartPolicy {
            times: 2,
            within: Duration::from_secs(3600),
        }),
        on_failure: actions.split(',').map(action).collect(),
        on_warning: Vec::new(),
        on_recovery: Vec::new(),
    }
}

pub fn spec(nodes: &[&str], services: &[(&str, ServiceSpec)]) -> Spec {
    let device = |node: &&str| {
        let fence = vec![name(&format!("power-{node}"))];
        let networks = BTreeMap::new();
        let watchdog = None;
        let spec = NodeSpec {
            networks,
            fence,
            watchdog,
            ..NodeSpec::default()
        };
        (name(node), spec)
    };
    Spec {
        cluster: ClusterSpec {
            name: "numbers".into(),
            port: PORT_DEFAULT,
            timings: Timings::DEFAULT,
            fences_per_hour_max: 20,
            no_quorum: NoQuorumPolicy::Stop,
            fence_race_delay: model::spec::FENCE_RACE_DELAY_DEFAULT,
            ping_targets: Vec::new(),
            rules: Default::default(),
        },
        networks: BTreeMap::new(),
        nodes: nodes.iter().map(device).collect(),
        fence_devices: BTreeMap::new(),
        services: services.iter().map(|(n, s)| (name(n), s.clone())).collect(),
    }
}

/// The state that a new cluster starts from, and its place in the log.
pub fn first_state(nodes: &[&str], spec: &Spec) -> (State, u64) {
    let mut state = State::new();
    let mut index = 0;
    let mut apply = |command| {
        index += 1;
        let (at, clock) = (WallTime(0), ClusterTime(0));
        state.apply(index, &Stamped { at, clock, command }).unwrap();
    };
    for (place, node) in nodes.iter().enumerate() {
        let token = if place == 0 { "" } else { "token" };
        if place != 0 {
            apply(Command::AddToken {
                digest: token.into(),
                valid_for: Duration::from_secs(1),
                by: name("ann"),
            });
        }
        apply(Command::AddMember {
            name: name(node),
            key: [place as u8; 32],
            token: token.into(),
            spec: None,
            level: model::level::LEVEL,
        });
    }
    apply(Command::SetSpec {
        base: 0,
        source: String::new(),
        spec: Box::new(spec.clone()),
        by: name("ann"),
    });
    (state, index)
}

pub fn first_log(nodes: usize, (state, index): (&State, u64)) -> raft::Restored {
    // Nine vote at most (ADR 7).
    let configuration = Configuration {
        voters: (1..=nodes.min(9) as u64).map(NodeId).collect(),
        learners: (10..=nodes as u64).map(NodeId).collect(),
        arbiter: wire::raft::Arbiter::Fence,
    };
    let lineage = lineage();
    let meta = SnapshotMeta {
        index,
        term: 1,
        configuration,
        lineage,
    };
    raft::Restored {
        hard_state: HardState {
            term: 1,
            vote: None,
            commit: index,
            lineage,
            ..HardState::default()
        },
        snapshot: Some((meta, state.to_snapshot())),
        entries: Vec::new(),
    }
}

/// Reads `1500ms`, `10s`, `2m`.
pub fn span(text: &str) -> Duration {
    let digits = text.trim_end_matches(|c: char| c.is_alphabetic());
    let number: u64 = digits.parse().unwrap();
    match &text[digits.len()..] {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(60 * number),
        unit => panic!("no such unit: {unit}"),
    }
}
