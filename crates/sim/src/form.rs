//! How a cluster begins: its members and its spec, as they stand in the first snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::roles::{RoleMeant, Roles};
use model::rules::{
    Company, Copies, CopiesStart, CopyCount, FailureAnswer, FoundTwice, NodesMeant,
    StopFailureAnswer, TicketLoss, WhereRule,
};
use model::spec::{
    Autostart, ClusterSpec, Elsewhere, FENCE_RACE_DELAY_DEFAULT, Failback, Limits, NoQuorumPolicy,
    NodeSpec, PORT_DEFAULT, ProcessSpec, Ready, ResourceKind, ResourceSpec, RestartPolicy,
    ServiceSpec, Timings,
};
use model::{
    ClusterTime, Command, Lineage, NodeId, NodeName, ResourceName, ServiceName, Spec, Stamped,
    TicketName, UserName, WallTime,
};
use state::State;
use wire::raft::{Configuration, HardState, SnapshotMeta};

/// Times of the simulated clusters. Longer between heartbeats than the defaults, so that a
/// simulated second costs less; all that is compared with each other keeps its proportion.
pub const TIMINGS: Timings = Timings {
    heartbeat: Duration::from_millis(200),
    suspect_after: Duration::from_millis(700),
    lost_after: Duration::from_millis(1100),
    daemon_down_grace: Duration::from_secs(4),
    lease: Duration::from_secs(2),
    start_grace: Duration::from_secs(6),
};

/// Names of the nodes: one letter each, then two.
#[must_use]
pub fn node_name(id: NodeId) -> NodeName {
    let place = (id.0.max(1) - 1) as u8;
    let letter = |n: u8| char::from(b'a' + n % 26);
    let text = if place < 26 {
        letter(place).to_string()
    } else {
        format!("{}{}", letter(place / 26 - 1), letter(place))
    };
    NodeName::new(text).expect("letters are a name")
}

/// The number of a node that is called like this.
#[must_use]
pub fn node_id(name: &str) -> Option<NodeId> {
    (1..=NODES_MAX)
        .map(NodeId)
        .find(|id| node_name(*id).as_str() == name)
}

/// As many as the product promises.
pub const NODES_MAX: u64 = 64;

/// The person who gives orders.
#[must_use]
pub fn operator() -> UserName {
    UserName::new("ann").expect("a plain word is a name")
}

fn process(resource: &str, program: &str) -> ResourceSpec {
    ResourceSpec {
        name: ResourceName::new(resource).expect("only plain words are given"),
        kind: ResourceKind::Process(ProcessSpec {
            argv: vec![program.to_string()],
            environment: BTreeMap::new(),
            user: None,
            directory: None,
            ready: Ready::Executed,
            ..ProcessSpec::default()
        }),
        limits: Limits {
            start: Duration::from_secs(4),
            ..Limits::default()
        },
    }
}

/// More than a node gains by its place in `prefer` among few.
const POINTS_OF_WISH: i32 = 250;

fn copies(spec: &mut ServiceSpec) -> &mut Copies {
    spec.rules.copies.get_or_insert(Copies {
        count: CopyCount::Number(1),
        per_node: 1,
        start: CopiesStart::Together,
    })
}

fn roles(spec: &mut ServiceSpec) -> &mut Roles {
    spec.rules.roles.get_or_insert_default()
}

fn bad(word: &str) -> String {
    format!("`{word}` says nothing of a service")
}

/// What a resource says of its failures: `start=ignore,run=move,stop=block,restart=2`.
///
/// # Errors
/// The word that is not understood.
pub(crate) fn say(
    spec: &mut ServiceSpec,
    resource: &ResourceName,
    said: &str,
) -> Result<(), String> {
    let within = spec.restart.within;
    let answers = spec.rules.answers.entry(resource.clone()).or_default();
    for word in said.split(',') {
        let answer = |text: &str| {
            let mut words = FailureAnswer::WORDS.into_iter();
            let found = words.find(|(word, _)| *word == text);
            found.map(|(_, answer)| answer).ok_or(bad(word))
        };
        match word.split_once('=').unwrap_or((word, "")) {
            ("start", text) => answers.start = Some(answer(text)?),
            ("run", text) => answers.run = Some(answer(text)?),
            ("stop", "block") => answers.stop = Some(StopFailureAnswer::Block),
            ("stop", "fence") => answers.stop = Some(StopFailureAnswer::Fence),
            ("restart", times) => {
                let times = times.parse().map_err(|_| bad(word))?;
                answers.restart = Some(RestartPolicy { times, within });
            }
            _other => return Err(bad(word)),
        }
    }
    Ok(())
}

/// What a word says of other services, and of roles.
fn relation_or_role(spec: &mut ServiceSpec, word: &str) -> Result<(), String> {
    match word.split_once('=').unwrap_or((word, "")) {
        ("together" | "apart" | "together-promoted" | "apart-promoted", list) => {
            let role = match word.contains("-promoted") {
                true => RoleMeant::Promoted,
                false => RoleMeant::Any,
            };
            let of = |name: &str| {
                let service = ServiceName::new(name).map_err(|_| bad(word))?;
                let points = None;
                Ok(Company {
                    service,
                    points,
                    role,
                })
            };
            let company = list.split(',').map(of).collect::<Result<_, String>>()?;
            match word.starts_with("together") {
                true => spec.rules.together_with = company,
                false => spec.rules.apart_from = company,
            }
        }
        ("promoted", number) => {
            let number = number.parse().map_err(|_| bad(word))?;
            roles(spec).promoted = number;
        }
        ("while-promoted", list) => {
            let of = |name: &str| ResourceName::new(name).map_err(|_| bad(word));
            let names = list.split(',').map(of).collect::<Result<_, _>>()?;
            roles(spec).while_promoted = names;
        }
        ("promoted-on" | "rather-promoted-on", list) => {
            let nodes = nodes(list, word)?;
            let is_wish = word.starts_with("rather");
            spec.rules.where_rules.push(WhereRule {
                meant: NodesMeant::Named { nodes },
                points: is_wish.then_some(POINTS_OF_WISH),
                role: RoleMeant::Promoted,
            });
        }
        _other => return answer_or_order(spec, word),
    }
    Ok(())
}

/// What a word says of failures, of tickets, and of the order of services.
fn answer_or_order(spec: &mut ServiceSpec, word: &str) -> Result<(), String> {
    match word.split_once('=').unwrap_or((word, "")) {
        ("on-failure", answer) => {
            let mut words = FailureAnswer::WORDS.into_iter();
            let (_, answer) = words.find(|(word, _)| *word == answer).ok_or(bad(word))?;
            spec.rules.on_failure.start = answer;
            spec.rules.on_failure.run = answer;
        }
        ("of", text) => {
            let (resource, said) = text.split_once(':').ok_or(bad(word))?;
            let resource = ResourceName::new(resource).map_err(|_| bad(word))?;
            say(spec, &resource, said)?;
        }
        ("ticket", text) => ticket(spec, word, text)?,
        ("one-of", list) => {
            let of = |name: &str| ServiceName::new(name).map_err(|_| bad(word));
            let list = list.split(',').map(of).collect::<Result<_, _>>()?;
            spec.rules.after_one_of.push(list);
        }
        ("one-by-one", "") => copies(spec).start = CopiesStart::OneByOne,
        ("after-all", name) => {
            let name = ServiceName::new(name).map_err(|_| bad(word))?;
            spec.after.push(name.clone());
            spec.rules.after_all_copies.insert(name);
        }
        ("after-starts", name) => {
            let name = ServiceName::new(name).map_err(|_| bad(word))?;
            spec.after.push(name.clone());
            spec.rules.after_starts.insert(name);
        }
        ("after-promoted", name) => {
            let name = ServiceName::new(name).map_err(|_| bad(word))?;
            spec.after.push(name.clone());
            spec.rules.after_promoted.insert(name);
        }
        _other => return Err(bad(word)),
    }
    Ok(())
}

/// `site`, or with what its loss does: `site:freeze`.
fn ticket(spec: &mut ServiceSpec, word: &str, text: &str) -> Result<(), String> {
    let (ticket, on_loss) = text.split_once(':').unwrap_or((text, "stop"));
    let mut words = TicketLoss::WORDS.into_iter();
    let (_, on_loss) = words.find(|(word, _)| *word == on_loss).ok_or(bad(word))?;
    let ticket = TicketName::new(ticket).map_err(|_| bad(word))?;
    spec.rules.tickets.insert(ticket, on_loss);
    Ok(())
}

fn nodes<T: FromIterator<NodeName>>(list: &str, word: &str) -> Result<T, String> {
    let of = |name: &str| NodeName::new(name).map_err(|_| bad(word));
    list.split(',').map(of).collect()
}

/// A service as a line tells it: `web prefer=a,b after=db resources=disk,program restart=2
/// runs=v2 failback manual live reloads priority=5 copies=every-node per-node=2 together=db apart=mail promoted=1
/// while-promoted=front promoted-on=a,b rather-promoted-on=b on-failure=demote after-promoted=db together-promoted=db ticket=site:demote ticket=branch:stop
/// found-twice=hold one-of=a,b after-starts=db after-all=farm one-by-one of=disk:run=ignore,restart=2`.
///
/// # Errors
/// The word that is not understood.
pub fn service(line: &str) -> Result<(ServiceName, ServiceSpec), String> {
    let mut words = line.split_whitespace();
    let named = words.next().unwrap_or_default();
    let named = ServiceName::new(named).map_err(|error| error.to_string())?;
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
    let mut reloads = false;
    for word in words {
        match word.split_once('=').unwrap_or((word, "")) {
            ("prefer", list) => spec.prefer = nodes(list, word)?,
            ("never", list) => spec.rules.never_on = nodes(list, word)?,
            ("after", list) => {
                let of = |name: &str| ServiceName::new(name).map_err(|_| bad(word));
                spec.after = list.split(',').map(of).collect::<Result<_, _>>()?;
            }
            ("restart", times) => spec.restart.times = times.parse().map_err(|_| bad(word))?,
            ("priority", number) => spec.priority = number.parse().map_err(|_| bad(word))?,
            ("resources", list) => resources = list.split(',').collect(),
            ("runs", version) => program = version,
            ("copies", "every-node") => copies(&mut spec).count = CopyCount::EveryNode,
            ("copies", number) => {
                let number = number.parse().map_err(|_| bad(word))?;
                copies(&mut spec).count = CopyCount::Number(number);
            }
            ("per-node", number) => {
                copies(&mut spec).per_node = number.parse().map_err(|_| bad(word))?;
            }
            ("live", "") => spec.rules.live = true,
            ("reloads", "") => reloads = true,
            ("manual", "") => spec.autostart = Autostart::No,
            ("found-twice", text) => {
                let mut words = FoundTwice::WORDS.into_iter();
                let found = words.find(|(word, _)| *word == text).ok_or(bad(word))?;
                spec.rules.found_twice = found.1;
            }
            ("failback", "") => spec.failback = Failback::WhenPossible,
            _other => relation_or_role(&mut spec, word)?,
        }
    }
    spec.resources = resources.iter().map(|r| process(r, program)).collect();
    if reloads {
        crate::reloads::tune_all(&mut spec, program);
    }
    if let Some(roles) = &mut spec.rules.roles {
        let names = spec.resources.iter().map(|r| r.name.clone());
        roles.takers = names
            .filter(|name| !roles.while_promoted.contains(name) && name.as_str() != "disk")
            .collect();
    }
    Ok((named, spec))
}

/// Another version of a service: its programs are others, so it is started anew.
pub fn change_version(spec: &mut ServiceSpec, version: &str) {
    for resource in &mut spec.resources {
        if crate::reloads::change_version(resource, version)
            || !matches!(resource.kind, ResourceKind::Process(_))
        {
            continue;
        }
        *resource = process(resource.name.as_str(), version);
    }
}

/// The spec of a cluster with these nodes and services.
#[must_use]
pub fn spec(nodes: u64, services: BTreeMap<ServiceName, ServiceSpec>) -> Spec {
    let node = |id: u64| {
        let name = node_name(NodeId(id));
        let fence = vec![device(&name)];
        let spec = NodeSpec {
            fence,
            ..NodeSpec::default()
        };
        (name, spec)
    };
    Spec {
        cluster: ClusterSpec {
            name: "numbers".into(),
            port: PORT_DEFAULT,
            timings: TIMINGS,
            fences_per_hour_max: 3,
            no_quorum: NoQuorumPolicy::Stop,
            fence_race_delay: FENCE_RACE_DELAY_DEFAULT,
            ping_targets: Vec::new(),
            rules: Default::default(),
        },
        networks: BTreeMap::new(),
        nodes: (1..=nodes).map(node).collect(),
        fence_devices: BTreeMap::new(),
        services,
    }
}

/// The power switch of a node.
#[must_use]
pub fn device(node: &NodeName) -> model::DeviceName {
    model::DeviceName::new(format!("power-{node}")).expect("made of plain words")
}

/// The state that a new cluster starts from, and its place in the log.
#[must_use]
pub fn first_state(nodes: u64, spec: &Spec, level: u32) -> (State, u64) {
    let mut state = State::new();
    let mut index = 0;
    let mut apply = |command| {
        index += 1;
        let (at, clock) = (WallTime(0), ClusterTime(0));
        state
            .apply(index, &Stamped { at, clock, command })
            .expect("nothing stands in the way of the first commands");
    };
    for id in 1..=nodes {
        let token = if id == 1 { "" } else { "token" };
        if id != 1 {
            apply(Command::AddToken {
                digest: token.into(),
                valid_for: Duration::from_secs(1),
                by: operator(),
            });
        }
        apply(Command::AddMember {
            name: node_name(NodeId(id)),
            key: [id as u8; 32],
            token: token.into(),
            spec: None,
            level,
        });
    }
    apply(Command::SetSpec {
        base: 0,
        source: String::new(),
        spec: Box::new(spec.clone()),
        by: operator(),
    });
    (state, index)
}

/// Nine vote at most (ADR 7); the others follow the log.
const VOTERS_MAX: u64 = 9;

/// Who votes as the cluster begins.
#[must_use]
pub fn first_configuration(nodes: u64) -> Configuration {
    let ids = |from: u64, to: u64| (from..=to).map(NodeId).collect::<BTreeSet<_>>();
    Configuration {
        learners: ids(VOTERS_MAX + 1, nodes),
        ..Configuration::of_voters(ids(1, nodes.min(VOTERS_MAX)))
    }
}

/// What each node has on disk as the cluster begins.
#[must_use]
pub fn first_log(configuration: Configuration, (state, index): (&State, u64)) -> raft::Restored {
    let lineage = Lineage {
        generation: 1,
        ..Lineage::default()
    };
    let meta = SnapshotMeta {
        index,
        term: 1,
        configuration,
        lineage,
    };
    let hard_state = HardState {
        term: 1,
        commit: index,
        lineage,
        ..HardState::default()
    };
    raft::Restored {
        hard_state,
        snapshot: Some((meta, state.to_snapshot())),
        ..raft::Restored::default()
    }
}
