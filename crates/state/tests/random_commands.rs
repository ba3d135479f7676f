//! Random commands, many of them late, repeated or nonsense, against a world that knows
//! what physically may run. The world is written apart from the state: machines have boots
//! and run what they were granted until they stop it or lose power.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::time::Duration;

use model::command::{BarNode, Report, ServiceOrder};
use model::operation::ResourceAddress;
use model::seen::*;
use model::spec::*;
use model::*;
use proptest::prelude::*;
use state::{Applied, State};

const NODES: [&str; 3] = ["a", "b", "c"];
const SERVICES: [&str; 2] = ["db", "web"];

fn name<T: FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

fn spec(services: &[&str], words: u8) -> Spec {
    let service = ServiceSpec {
        prefer: vec![name("a")],
        elsewhere: Elsewhere::Allowed,
        failback: Failback::Never,
        after: Vec::new(),
        autostart: Autostart::Yes,
        priority: 0,
        stickiness: 0,
        restart: RestartPolicy::default(),
        rules: Default::default(),
        resources: vec![ResourceSpec {
            name: name("program"),
            kind: ResourceKind::Command(CommandSpec {
                start: vec![words.to_string()],
                stop: Vec::new(),
                status: Vec::new(),
                migration: None,
                reload: None,
                roles: None,
            }),
            limits: Limits::default(),
        }],
        survive: None,
    };
    let node = NodeSpec {
        networks: BTreeMap::new(),
        fence: vec![name("power")],
        watchdog: None,
        ..NodeSpec::default()
    };
    Spec {
        cluster: ClusterSpec {
            name: "test".into(),
            port: PORT_DEFAULT,
            timings: Timings::DEFAULT,
            fences_per_hour_max: 1000,
            no_quorum: NoQuorumPolicy::Stop,
            fence_race_delay: model::spec::FENCE_RACE_DELAY_DEFAULT,
            ping_targets: Vec::new(),
            rules: Default::default(),
        },
        networks: BTreeMap::new(),
        nodes: NODES
            .iter()
            .map(|node_name| (name(node_name), node.clone()))
            .collect(),
        fence_devices: BTreeMap::new(),
        services: services
            .iter()
            .map(|text| (name(text), service.clone()))
            .collect(),
    }
}

/// How many of the last words may come again.
const LATE_MAX: usize = 24;

/// A machine: its present boot, and what may run in it. No boot: without power.
#[derive(Default)]
struct Machine {
    boot: Option<BootId>,
    /// Claims that it may carry out.
    claims: BTreeSet<(ServiceName, ClaimEpoch)>,
    /// What runs without a claim since the boot.
    strays: BTreeSet<ServiceName>,
}

struct World {
    state: State,
    twin: State,
    index: u64,
    at: u64,
    machines: BTreeMap<NodeName, Machine>,
    boots: u8,
    /// Boots that the state has been told of.
    heard: BTreeSet<BootId>,
    /// Words on their way; any of them may come late, or twice.
    late: Vec<Command>,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            state: State::new(),
            twin: State::new(),
            index: 0,
            at: 0,
            machines: BTreeMap::new(),
            boots: 0,
            heard: BTreeSet::new(),
            late: Vec::new(),
        };
        let spec = Box::new(spec(&SERVICES, 0));
        world.apply(Command::SetSpec {
            base: 0,
            source: String::new(),
            spec,
            by: name("ann"),
        });
        for (number, node) in NODES.iter().enumerate() {
            let token = if number == 0 { "" } else { node };
            if number != 0 {
                world.apply(Command::AddToken {
                    digest: token.into(),
                    valid_for: Duration::from_millis(5),
                    by: name("ann"),
                });
            }
            let member = Command::AddMember {
                name: name(node),
                key: [number as u8; 32],
                token: token.into(),
                spec: None,
                level: model::level::LEVEL,
            };
            assert!(world.apply(member).is_some());
            world.machines.insert(name(node), Machine::default());
        }
        world
    }

    /// Applies to the state and to a twin, checks what holds for every command, and lets the
    /// machines take note.
    fn apply(&mut self, command: Command) -> Option<Applied> {
        self.index += 1;
        let before = self.state.clone();
        let stamped = Stamped {
            at: WallTime(self.at.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            clock: ClusterTime(self.at),
            command,
        };
        let outcome = self.state.apply(self.index, &stamped);
        assert_eq!(
            self.twin.apply(self.index, &stamped),
            outcome,
            "not deterministic"
        );
        match outcome {
            Ok(applied) => {
                self.take_note(&stamped.command, applied);
                Some(applied)
            }
            Err(_) => {
                assert_eq!(
                    before, self.state,
                    "{stamped:?} was rejected and changed something"
                );
                None
            }
        }
    }

    fn take_note(&mut self, command: &Command, applied: Applied) {
        match (command, applied) {
            (Command::NodeUp { boot, .. }, _) => {
                self.heard.insert(*boot);
            }
            (
                Command::Grant {
                    service,
                    node,
                    boot,
                    ..
                },
                Applied::Granted(epoch),
            ) => {
                self.require_runs_nowhere_else(service, node);
                let machine = self.machines.get_mut(node).unwrap();
                if machine.boot == Some(*boot) {
                    machine.strays.remove(service);
                    machine.claims.insert((service.clone(), epoch));
                }
            }
            _ => {}
        }
    }

    /// S1 and S2, as the machines know it.
    fn require_runs_nowhere_else(&self, service: &ServiceName, granted: &NodeName) {
        for (node, machine) in &self.machines {
            let claimed = machine.claims.iter().any(|(held, _)| held == service);
            assert!(
                !claimed,
                "{service} is granted to {granted} while it may run on {node}"
            );
            let heard = machine.boot.is_some_and(|boot| self.heard.contains(&boot));
            let stray = node != granted && heard && machine.strays.contains(service);
            assert!(
                !stray,
                "{service} is granted to {granted} while it was found on {node}"
            );
        }
    }

    fn power_off(&mut self, node: &NodeName) {
        self.machines.insert(node.clone(), Machine::default());
    }

    fn power_on(&mut self, node: &NodeName, strays: BTreeSet<ServiceName>) {
        self.boots += 1;
        let boot = Some(BootId([self.boots; 16]));
        self.machines.insert(
            node.clone(),
            Machine {
                boot,
                claims: BTreeSet::new(),
                strays,
            },
        );
    }

    /// One event, made of three numbers.
    fn event(&mut self, kind: u8, x: u8, y: u8) {
        let node: NodeName = name(NODES[usize::from(x) % NODES.len()]);
        let service: ServiceName = name(SERVICES[usize::from(y) % SERVICES.len()]);
        self.at += u64::from(y) * 1000;
        match kind % 32 {
            0 => self.power_off(&node),
            1 => {
                let strays = if y.is_multiple_of(4) {
                    [service].into()
                } else {
                    BTreeSet::new()
                };
                self.power_on(&node, strays);
            }
            2 => self.node_up(&node),
            3 => self.probe(&node),
            4..=6 => {
                // The whole way back; a machine that runs comes in its present boot.
                if self.machines[&node].boot.is_none() {
                    self.power_on(&node, BTreeSet::new());
                }
                self.node_up(&node);
                self.probe(&node);
            }
            7 => self.lose(&node),
            8..=12 => self.grant(&node, &service),
            13 => self.revoke(&service, y),
            14..=16 => self.give_back(&service, y),
            17 => self.ask_for_fence(&node),
            18 => self.carry_out_fence(&node, y),
            19 | 20 => {
                self.lose(&node);
                self.ask_for_fence(&node);
                self.carry_out_fence(&node, y);
            }
            21 => self.vouch(&node),
            22 => self.stop_stray(&node, &service),
            23..=26 => self.deliver_late(x, y),
            27 => self.order(&node, &service, y),
            28 => self.report(&service, x, y),
            29 | 30 => self.calm_down(),
            _ => self.rare(&node, x, y),
        }
        if kind.is_multiple_of(16) {
            let bytes = self.state.to_snapshot();
            assert_eq!(State::from_snapshot(&bytes).unwrap(), self.state);
        }
    }

    /// Said now, and perhaps again later.
    fn say(&mut self, command: Command) {
        self.late.push(command.clone());
        self.apply(command);
    }

    /// Every order is taken back, and what is lost or silent boots anew.
    fn calm_down(&mut self) {
        let by: UserName = name("ann");
        self.apply(Command::SetMaintenance {
            maintenance: Maintenance::Off,
            by: by.clone(),
        });
        for service in SERVICES {
            for order in [ServiceOrder::Thaw, ServiceOrder::Start] {
                self.apply(Command::Service {
                    service: name(service),
                    order,
                    by: by.clone(),
                });
            }
        }
        for node in NODES.map(name::<NodeName>) {
            let state = self
                .state
                .seen()
                .nodes
                .get(&node)
                .map(|seen| seen.state.clone());
            let boot = self.machines[&node].boot;
            if boot.is_none() || state != boot.map(|boot| NodeState::Online { boot }) {
                self.power_on(&node, BTreeSet::new());
                self.node_up(&node);
                self.probe(&node);
            }
            let standby = Maintenance::Off;
            self.apply(Command::SetStandby {
                node,
                standby,
                by: by.clone(),
            });
        }
    }

    fn node_up(&mut self, node: &NodeName) {
        if let Some(boot) = self.machines[node].boot {
            self.say(Command::NodeUp {
                node: node.clone(),
                boot,
                run: 0,
            });
        }
    }

    fn probe(&mut self, node: &NodeName) {
        let machine = &self.machines[node];
        let Some(boot) = machine.boot else { return };
        let running = machine
            .claims
            .iter()
            .map(|(service, _)| service)
            .chain(&machine.strays);
        let found = running.map(|service| Found {
            address: ResourceAddress {
                service: service.clone(),
                resource: name("program"),
            },
            state: ResourceState::Running,
        });
        let found = found.collect();
        self.say(Command::Probed {
            node: node.clone(),
            boot,
            run: 0,
            found,
        });
    }

    fn lose(&mut self, node: &NodeName) {
        let because = Reason::NodeSilent {
            node: node.clone(),
            silent_for: Duration::from_millis(800),
            agreed_by: Vec::new(),
        };
        let boot = self
            .state
            .seen()
            .nodes
            .get(node)
            .and_then(|seen| seen.state.boot());
        self.say(Command::NodeLost {
            node: node.clone(),
            boot,
            because,
        });
    }

    fn grant(&mut self, node: &NodeName, service: &ServiceName) {
        let Some(boot) = self
            .state
            .seen()
            .nodes
            .get(node)
            .and_then(|seen| seen.state.boot())
        else {
            return;
        };
        let (plan, because) = (PlanId(1), Reason::ShouldRun);
        let (node, service) = (node.clone(), service.clone());
        self.say(Command::Grant {
            service,
            node,
            boot,
            plan,
            because,
        });
    }

    fn claim(&self, service: &ServiceName) -> Option<Claim> {
        self.state.seen().services.get(service)?.claim.clone()
    }

    fn revoke(&mut self, service: &ServiceName, y: u8) {
        let Some(claim) = self.claim(service) else {
            return;
        };
        let bar = if y.is_multiple_of(4) {
            BarNode::UntilCleared
        } else {
            BarNode::No
        };
        let (plan, because) = (PlanId(1), Reason::ShouldRun);
        self.say(Command::Revoke {
            service: service.clone(),
            epoch: claim.epoch,
            plan,
            because,
            bar,
        });
    }

    /// The holder stops the service for good, and says so now or later.
    fn give_back(&mut self, service: &ServiceName, y: u8) {
        let Some(claim) = self.claim(service) else {
            return;
        };
        let machine = self.machines.get_mut(&claim.node).unwrap();
        if machine.boot != Some(claim.boot) {
            return;
        }
        machine.claims.remove(&(service.clone(), claim.epoch));
        let report = if y.is_multiple_of(2) {
            Report::Stopped
        } else {
            Report::LeaseEnded
        };
        let command = report_of(service, &claim, report);
        if y.is_multiple_of(3) {
            self.late.push(command)
        } else {
            self.say(command)
        }
    }

    fn report(&mut self, service: &ServiceName, x: u8, y: u8) {
        let Some(claim) = self.claim(service) else {
            return;
        };
        let failure = ResourceFailure {
            resource: name("program"),
            verb: None,
            how: "exit 1".into(),
            output: String::new(),
        };
        let report = match y % 4 {
            0 => Report::Running,
            1 => Report::Failed(failure),
            2 => Report::StopFailed(failure),
            _ => Report::Progress,
        };
        self.say(report_of(service, &claim, report));
        if x.is_multiple_of(2) {
            let (epoch, plan) = (claim.epoch, PlanId(1));
            let (scope, because) = (RestartScope::All, Reason::ShouldRun);
            self.say(Command::Restart {
                service: service.clone(),
                epoch,
                scope,
                plan,
                because,
            });
        }
    }

    fn ask_for_fence(&mut self, node: &NodeName) {
        let seen = &self.state.seen().nodes;
        let Some(boot) = seen.get(node).map(|seen| seen.state.boot()) else {
            return;
        };
        let online = |seen: &NodeSeen| matches!(seen.state, NodeState::Online { .. });
        let executor = seen
            .iter()
            .find(|(other, seen)| *other != node && online(seen));
        let Some((executor, _)) = executor else {
            return;
        };
        let (target, executor) = (node.clone(), executor.clone());
        self.say(Command::Fence {
            target,
            boot,
            executor,
            because: Reason::ShouldRun,
        });
    }

    /// The executor switches the machine off (whatever boot it is in), and says so.
    fn carry_out_fence(&mut self, target: &NodeName, y: u8) {
        let Some(fence) = self.state.seen().fences.get(target).cloned() else {
            return;
        };
        let Some(boot) = self.machines[&fence.executor].boot else {
            return;
        };
        let works = !y.is_multiple_of(4);
        let result = if works {
            self.power_off(target);
            FenceResult::Confirmed {
                device: name("power"),
            }
        } else {
            FenceResult::Failed {
                device: None,
                how: "no answer".into(),
            }
        };
        let executor = (fence.executor, boot);
        let ended = Command::FenceEnded {
            id: fence.id,
            target: target.clone(),
            executor,
            result,
        };
        if y.is_multiple_of(3) {
            self.late.push(ended)
        } else {
            self.say(ended)
        }
    }

    /// A person looks, and what that person says is true and not late.
    fn vouch(&mut self, node: &NodeName) {
        if self.machines[node].boot.is_none() {
            self.apply(Command::ConfirmFence {
                target: node.clone(),
                by: name("ann"),
            });
        }
    }

    fn stop_stray(&mut self, node: &NodeName, service: &ServiceName) {
        let machine = self.machines.get_mut(node).unwrap();
        let Some(boot) = machine.boot else { return };
        if !machine.claims.iter().any(|(held, _)| held == service) {
            machine.strays.remove(service);
            let (node, service) = (node.clone(), service.clone());
            self.say(Command::StrayStopped {
                node,
                boot,
                run: 0,
                service,
            });
        }
    }

    /// Something that was said before comes again, or comes at last. Whoever hears a boot
    /// says so at once, so a boot is never first heard of after a later one.
    fn deliver_late(&mut self, x: u8, y: u8) {
        if self.late.is_empty() {
            return;
        }
        // What was said lately is the likelier to do harm.
        let back = (usize::from(x) * 256 + usize::from(y)) % LATE_MAX.min(self.late.len());
        let at = self.late.len() - 1 - back;
        self.apply(self.late[at].clone());
    }

    fn order(&mut self, node: &NodeName, service: &ServiceName, y: u8) {
        let order = match y % 8 {
            0 => ServiceOrder::Start,
            1 => ServiceOrder::Stop,
            2 => ServiceOrder::Restart,
            3 => ServiceOrder::Move {
                to: Some(node.clone()),
            },
            4 => ServiceOrder::Move { to: None },
            5 => ServiceOrder::Freeze,
            6 => ServiceOrder::Thaw,
            _ => ServiceOrder::Clear,
        };
        self.apply(Command::Service {
            service: service.clone(),
            order,
            by: name("ann"),
        });
    }

    fn rare(&mut self, node: &NodeName, x: u8, y: u8) {
        let by: UserName = name("ann");
        let node = node.clone();
        let boot = self.machines[&node].boot.unwrap_or_default();
        let switch = if x.is_multiple_of(2) {
            Maintenance::Off
        } else {
            Maintenance::On
        };
        let command = match y % 9 {
            0 => Command::DaemonDown { node, boot },
            1 => Command::Leave { node, boot },
            2 => Command::Left { node, boot },
            3 => Command::SetStandby {
                node,
                standby: switch,
                by,
            },
            4 => Command::SetMaintenance {
                maintenance: switch,
                by,
            },
            5 => Command::RemoveMember { name: node, by },
            6 => Command::AddToken {
                digest: "again".into(),
                valid_for: Duration::from_secs(3600),
                by,
            },
            7 => Command::AddMember {
                name: node,
                key: [x; 32],
                token: "again".into(),
                spec: None,
                level: model::level::LEVEL,
            },
            _ => {
                let services = if x.is_multiple_of(3) {
                    &SERVICES[..1]
                } else {
                    &SERVICES[..]
                };
                let base = self.state.spec_version() - u64::from(x.is_multiple_of(5));
                let spec = Box::new(spec(services, x % 3));
                Command::SetSpec {
                    base,
                    source: String::new(),
                    spec,
                    by,
                }
            }
        };
        self.apply(command);
    }
}

fn report_of(service: &ServiceName, claim: &Claim, report: Report) -> Command {
    Command::Report {
        node: claim.node.clone(),
        boot: claim.boot,
        run: 0,
        service: service.clone(),
        epoch: claim.epoch,
        incarnation: claim.incarnation,
        report,
        resources: Vec::new(),
        role: Default::default(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn no_service_ever_runs_where_another_boot_may_run_it(
        events in prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>()), 1..250),
    ) {
        let mut world = World::new();
        for node in NODES {
            world.power_on(&name(node), BTreeSet::new());
            world.node_up(&name(node));
            world.probe(&name(node));
        }
        for (kind, x, y) in events {
            world.event(kind, x, y);
        }
        prop_assert_eq!(&world.twin, &world.state, "not deterministic");
    }
}
