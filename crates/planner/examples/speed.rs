//! How long a plan takes, and what it is made from: prints milliseconds for clusters that
//! start, idle, and fail, the cost of one command to the state, and the size of a snapshot.
//!
//! ```text
//! cargo run --release -p planner --example speed [SERVICES NODES | --guard]
//! ```
//!
//! `--guard` compares times with each other, whatever the machine, and fails when one has grown
//! out of proportion.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a clock measures here; the planner itself gets no other than its argument"
)]

use std::str::FromStr;
use std::time::Duration;
use std::time::Instant;

use model::command::Report;
use model::rules::*;
use model::seen::{Goal, Phase, ResourceFailure};
use model::spec::*;
use model::*;
use planner::{Action, Input, Plan};
use state::State;

/// The best of so many runs is told: the others measure the machine's other work.
const RUNS: usize = 15;
const RESOURCES_PER_SERVICE: usize = 3;

/// How many times longer a plan of 3,333 services may take when their places depend on each
/// other: 8 when this was written.
const COMPANY_MAX: f64 = 20.0;
/// How many times longer than for a tenth of the services on half of the nodes: 16.
const GROWTH_MAX: f64 = 40.0;

fn main() -> std::process::ExitCode {
    if std::env::args().any(|word| word == "--guard") {
        return match guard() {
            true => std::process::ExitCode::SUCCESS,
            false => std::process::ExitCode::FAILURE,
        };
    }
    let arguments: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|word| word.parse().ok())
        .collect();
    let sizes = match arguments[..] {
        [services, nodes] => vec![(services, nodes)],
        _ => vec![(333, 32), (3333, 64)],
    };
    for (services, nodes) in sizes {
        measure(services, nodes, Rules::None);
        measure(services, nodes, Rules::Company);
    }
    std::process::ExitCode::SUCCESS
}

/// Whether plans in which nothing is to do stay in proportion.
fn guard() -> bool {
    let idle = |services, nodes, rules| {
        let mut cluster = Cluster::new(services, nodes, rules);
        cluster.start_all();
        cluster.idle_millis()
    };
    let alone = idle(3333, 64, Rules::None);
    let company = idle(3333, 64, Rules::Company);
    let few = idle(333, 32, Rules::Company);
    let is_within = |what: &str, ratio: f64, most: f64| {
        println!("{what}: {ratio:.1} times as long, {most} at most");
        ratio <= most
    };
    let company_fits = is_within(
        "places that depend on each other",
        company / alone,
        COMPANY_MAX,
    );
    let growth_fits = is_within(
        "ten times the services on twice the nodes",
        company / few,
        GROWTH_MAX,
    );
    company_fits && growth_fits
}

/// Whether places depend on each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rules {
    None,
    /// Every fourth is together with its predecessor, another apart from it; all use room.
    Company,
}

fn measure(services: usize, nodes: usize, rules: Rules) {
    let resources = services * RESOURCES_PER_SERVICE;
    let told = match rules {
        Rules::None => "",
        Rules::Company => ", whose places depend on each other",
    };
    println!("{resources} resources as {services} services on {nodes} nodes{told}");
    let mut cluster = Cluster::new(services, nodes, rules);
    cluster.start_all();
    cluster.plan_in("idle");
    let before = cluster.clone();
    cluster.report("failed", || Report::Failed(failure()));
    cluster.plan_in("everything failed");
    cluster = before.clone();
    cluster.lose_all_but_one();
    cluster.plan_in("all but one node lost");
    cluster = before;
    let lost = cluster.nodes[1].clone();
    cluster.lose(&lost);
    let fences = cluster.plan_in("one node lost");
    cluster.carry_out(&fences);
    cluster.confirm(&lost);
    cluster.plan_in("one node fenced");
    let (millis, bytes) = best(|| cluster.state.to_snapshot());
    println!(
        "  {:<26} {millis:8.3} ms  {} KiB",
        "snapshot",
        bytes.len() / 1024
    );
}

/// The best time of some runs in milliseconds, and what came out.
fn best<T>(mut act: impl FnMut() -> T) -> (f64, T) {
    let mut run = || {
        let began = Instant::now();
        let result = act();
        (began.elapsed().as_secs_f64() * 1000.0, result)
    };
    let mut found = run();
    for _ in 1..RUNS {
        let next = run();
        if next.0 < found.0 {
            found = next;
        }
    }
    found
}

fn name<T: FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().expect("the names of this program are names")
}

fn failure() -> ResourceFailure {
    ResourceFailure {
        resource: name("r1"),
        verb: None,
        how: "exit 1".into(),
        output: String::new(),
    }
}

fn resource(number: usize) -> ResourceSpec {
    ResourceSpec {
        name: name(&format!("r{number}")),
        kind: ResourceKind::Process(ProcessSpec {
            argv: vec!["/bin/true".into()],
            environment: [].into(),
            user: None,
            directory: None,
            ready: Ready::Executed,
            ..ProcessSpec::default()
        }),
        limits: Limits::default(),
    }
}

/// Every service prefers two nodes; every fourth is after its predecessor.
fn service(number: usize, nodes: &[NodeName], rules: Rules) -> ServiceSpec {
    let preferred = |shift: usize| nodes[(number + shift) % nodes.len()].clone();
    ServiceSpec {
        prefer: vec![preferred(0), preferred(1)],
        elsewhere: Elsewhere::Allowed,
        failback: Failback::WhenPossible,
        after: if number % 4 == 3 {
            vec![name(&format!("s{}", number - 1))]
        } else {
            Vec::new()
        },
        autostart: Autostart::Yes,
        priority: 0,
        stickiness: 1000,
        restart: RestartPolicy {
            times: 3,
            within: std::time::Duration::from_secs(3600),
        },
        rules: match rules {
            Rules::None => ServiceRules::default(),
            Rules::Company => company(number),
        },
        resources: (0..RESOURCES_PER_SERVICE).map(resource).collect(),
        survive: None,
    }
}

fn company(number: usize) -> ServiceRules {
    let before = || {
        vec![Company {
            service: name(&format!("s{}", number - 1)),
            points: None,
            role: Default::default(),
        }]
    };
    let mut rules = ServiceRules::default();
    rules.uses.insert("cpu".into(), 1);
    match number % 4 {
        3 => rules.together_with = before(),
        1 => rules.apart_from = before(),
        _ => {}
    }
    rules
}

fn boot_of(number: usize) -> BootId {
    BootId([u8::try_from(number).expect("few nodes"); 16])
}

#[derive(Clone)]
struct Cluster {
    state: State,
    index: u64,
    nodes: Vec<NodeName>,
}

impl Cluster {
    fn new(services: usize, nodes: usize, rules: Rules) -> Self {
        let mut cluster = Self {
            state: State::new(),
            index: 0,
            nodes: (0..nodes)
                .map(|number| name(&format!("n{number}")))
                .collect(),
        };
        cluster.set_spec(services, rules);
        for number in 0..nodes {
            cluster.join(number);
        }
        cluster
    }

    fn set_spec(&mut self, services: usize, rules: Rules) {
        let node = |node: &NodeName| {
            let spec = NodeSpec {
                networks: [].into(),
                fence: vec![name("power")],
                watchdog: None,
                capacity: [("cpu".to_string(), 1000)].into(),
                ..NodeSpec::default()
            };
            (node.clone(), spec)
        };
        let spec = Spec {
            cluster: ClusterSpec {
                name: "speed".into(),
                port: PORT_DEFAULT,
                timings: Timings::DEFAULT,
                fences_per_hour_max: 3,
                no_quorum: NoQuorumPolicy::Stop,
                fence_race_delay: model::spec::FENCE_RACE_DELAY_DEFAULT,
                ping_targets: Vec::new(),
                rules: match rules {
                    Rules::None => ClusterRules::default(),
                    Rules::Company => ClusterRules {
                        placement: PlacementPolicy::Fits,
                        ..ClusterRules::default()
                    },
                },
            },
            networks: [].into(),
            nodes: self.nodes.iter().map(node).collect(),
            fence_devices: [].into(),
            services: (0..services)
                .map(|number| {
                    (
                        name(&format!("s{number}")),
                        service(number, &self.nodes, rules),
                    )
                })
                .collect(),
        };
        self.apply(Command::SetSpec {
            base: 0,
            source: String::new(),
            spec: Box::new(spec),
            by: name("ann"),
        });
    }

    fn join(&mut self, number: usize) {
        let node = self.nodes[number].clone();
        let token = if number == 0 {
            String::new()
        } else {
            format!("token-{node}")
        };
        if number != 0 {
            self.apply(Command::AddToken {
                digest: token.clone(),
                valid_for: Duration::from_secs(3600),
                by: name("ann"),
            });
        }
        let boot = boot_of(number);
        self.apply(Command::AddMember {
            name: node.clone(),
            key: boot_of(number).0.repeat(2).try_into().expect("32 bytes"),
            token,
            spec: None,
            level: model::level::LEVEL,
        });
        self.apply(Command::NodeUp {
            node: node.clone(),
            boot,
            run: 1,
        });
        self.apply(Command::Probed {
            node,
            boot,
            run: 1,
            found: Vec::new(),
        });
    }

    fn apply(&mut self, command: Command) {
        self.index += 1;
        let (at, clock) = (WallTime(self.index), ClusterTime(self.index));
        self.state
            .apply(self.index, &Stamped { at, clock, command })
            .expect("this program asks for what is allowed");
    }

    fn start_all(&mut self) {
        for what in ["start", "start of dependents"] {
            let starts = self.plan_in(what);
            self.carry_out(&starts);
            self.report("running", || Report::Running);
        }
    }

    fn idle_millis(&self) -> f64 {
        best(|| planner::plan(&self.input())).0
    }

    fn input(&self) -> Input<'_> {
        Input {
            spec: self.state.spec().expect("it was set"),
            spec_version: self.state.spec_version(),
            seen: self.state.seen(),
            id: PlanId(self.index),
            now: ClusterTime(self.index),
            wall: WallTime(self.index),
        }
    }

    fn plan_in(&self, situation: &str) -> Plan {
        let (millis, plan) = best(|| planner::plan(&self.input()));
        let (steps, waits) = (plan.steps.len(), plan.waits.len());
        println!("  plan, {situation:<20} {millis:8.3} ms  {steps} steps, {waits} waits");
        plan
    }

    fn carry_out(&mut self, plan: &Plan) {
        let began = Instant::now();
        for step in &plan.steps {
            if !matches!(step.action, Action::Lose { .. }) {
                self.apply(step.command(plan.id));
            }
        }
        tell_per_command("apply a step", began, plan.steps.len());
    }

    /// Every claim's holder says the same.
    fn report(&mut self, what: &str, report: impl Fn() -> Report) {
        let claims: Vec<_> = self
            .state
            .seen()
            .services
            .iter()
            .filter_map(|(service, seen)| Some((service.clone(), seen.claim.clone()?)))
            .filter(|(_, claim)| claim.goal == Goal::Run && claim.phase != Phase::Stopping)
            .collect();
        let began = Instant::now();
        for (service, claim) in &claims {
            self.apply(Command::Report {
                node: claim.node.clone(),
                boot: claim.boot,
                run: 1,
                service: service.clone(),
                epoch: claim.epoch,
                incarnation: claim.incarnation,
                report: report(),
                resources: Vec::new(),
                role: Default::default(),
            });
        }
        tell_per_command(&format!("apply: {what}"), began, claims.len());
    }

    fn lose(&mut self, node: &NodeName) {
        let number = self.nodes.iter().position(|known| known == node);
        self.apply(Command::NodeLost {
            node: node.clone(),
            boot: number.map(boot_of),
            because: Reason::NeverHeard { node: node.clone() },
        });
    }

    fn lose_all_but_one(&mut self) {
        for node in self.nodes.clone().iter().skip(1) {
            self.lose(node);
        }
    }

    fn confirm(&mut self, target: &NodeName) {
        let began = Instant::now();
        self.apply(Command::ConfirmFence {
            target: target.clone(),
            by: name("ann"),
        });
        tell_per_command("apply: a fence", began, 1);
    }
}

fn tell_per_command(what: &str, began: Instant, commands: usize) {
    let each = began.elapsed().as_secs_f64() * 1e6 / commands.max(1) as f64;
    println!("  {what:<26} {each:8.1} us each, of {commands}");
}
