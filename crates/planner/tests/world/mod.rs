//! A cluster of numbers: `state` and `planner` driven in turn by lines of text, with nodes
//! that do at once what their claims ask for. What it prints is what an operator would
//! read in the history, and the waits of the last plan.
#![allow(dead_code, reason = "each test binary uses its part")]

mod ask;
mod more;
mod orphans;
mod parts;
mod rounds;
mod spec;

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::time::Duration;

use model::command::{Report, ServiceOrder};
use model::migration::MigrationStage;
use model::operation::ResourceAddress;
use model::roles::RoleTold;
use model::rules::*;
use model::seen::*;
use model::spec::*;
use model::*;
use planner::{Input, Plan, StrayVerdict, checker};
use state::{Applied, State};

use spec::setting;
pub use spec::{empty_spec, failure, process, service_spec};

/// Far more plans than any story needs until nothing is left to do.
const ROUNDS_MAX: usize = 60;

pub fn name<T: FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

pub struct World {
    /// Applies the same under wall clocks that show anything.
    garbled: State,
    pub state: State,
    pub now: u64,
    index: u64,
    plan: u64,
    boots: BTreeMap<NodeName, u8>,
    /// What each node has told of its networks, and the words so far.
    networks: BTreeMap<String, model::networks::NetworksSeen>,
    words: u64,
    next_boot: u8,
    spec: Spec,
    /// Services whose nodes do not act by themselves.
    slow: BTreeSet<ServiceName>,
    printed: usize,
    /// Of the last plan.
    pub waits: Vec<String>,
    pub out: String,
    pub steps_rejected: Vec<String>,
    words_of_watchdogs: u64,
    /// Nodes tell of what is new in the configuration only where a line says so.
    is_silent_of_newcomers: bool,
}

/// Clocks of which each shows another decade.
fn garbled_wall(index: u64) -> WallTime {
    WallTime(index.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20)
}

impl World {
    pub fn new() -> Self {
        Self {
            state: State::new(),
            garbled: State::new(),
            now: 0,
            index: 0,
            plan: 0,
            boots: BTreeMap::new(),
            next_boot: 0,
            spec: empty_spec(),
            slow: BTreeSet::new(),
            networks: BTreeMap::new(),
            words: 0,
            printed: 0,
            waits: Vec::new(),
            out: String::new(),
            steps_rejected: Vec::new(),
            words_of_watchdogs: 0,
            is_silent_of_newcomers: false,
        }
    }

    pub fn play(&mut self, script: &str) {
        for line in script
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
        {
            let quiet = line.starts_with("nodes") || line.starts_with("network");
            if !quiet {
                self.out += &format!("> {line}\n");
            }
            self.line(&line.split_whitespace().collect::<Vec<_>>());
            if quiet {
                self.printed = self.total();
            }
            self.settle();
        }
    }

    /// Indexes of the history are unique per entry only in order; count what was added.
    fn total(&self) -> usize {
        self.state.history().len()
    }

    pub fn line(&mut self, words: &[&str]) {
        match words {
            ["nodes", names @ ..] => self.nodes(names),
            ["network", network, names @ ..] => self.network(network, names),
            [
                word @ ("attribute" | "capacity" | "placement" | "health"),
                rest @ ..,
            ] => {
                self.describe(word, rest);
                self.set_spec();
            }
            ["no-device", node] => {
                self.spec
                    .nodes
                    .get_mut(&name::<NodeName>(node))
                    .unwrap()
                    .fence
                    .clear();
                self.set_spec();
            }
            ["service", service, rest @ ..] => {
                self.spec.services.insert(name(service), service_spec(rest));
                self.set_spec();
            }
            // `many 9 s prefer=a`: nine services at once, s1 to s9.
            ["many", count, service, rest @ ..] => {
                let count: usize = count.parse().unwrap();
                for number in 1..=count {
                    let service = name(&format!("{service}{number}"));
                    self.spec.services.insert(service, service_spec(rest));
                }
                self.set_spec();
            }
            ["no-service", service] => {
                self.spec.services.remove(&name::<ServiceName>(service));
                self.set_spec();
            }
            ["slow", service] => {
                self.slow.insert(name(service));
            }
            ["quick", service] => {
                self.slow.remove(&name::<ServiceName>(service));
            }
            ["wait", span] => {
                self.now += duration::parse(span).unwrap().as_millis() as u64;
            }
            ["look" | "look-roles" | "strays-on" | "when", ..] => self.ask(words),
            ["armed", node] => self.watchdog(node, Some(Duration::from_secs(5))),
            ["disarmed", node] => self.watchdog(node, None),
            ["operator", rest @ ..] => self.operator(rest),
            words if self.more(words) || self.part(words) || self.orphan(words) => {}
            [verb, rest @ ..] => self.event(verb, rest),
            [] => {}
        }
    }

    fn nodes(&mut self, names: &[&str]) {
        for node in names {
            let spec = NodeSpec {
                networks: BTreeMap::new(),
                fence: vec![name("power")],
                watchdog: None,
                ..NodeSpec::default()
            };
            self.spec.nodes.insert(name(node), spec);
        }
        self.set_spec();
        for (number, node) in names.iter().enumerate() {
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
            let key = [number as u8; 32];
            self.apply(Command::AddMember {
                name: name(node),
                key,
                token,
                spec: None,
                level: model::level::LEVEL,
            });
        }
        for node in names {
            self.event("up", &[node]);
        }
    }

    fn describe(&mut self, word: &str, rest: &[&str]) {
        let node = rest.first().copied().unwrap_or_default();
        let node = self.spec.nodes.get_mut(&name::<NodeName>(node));
        let value = || rest[1].split_once('=').unwrap();
        let rules = &mut self.spec.cluster.rules;
        match (word, rest[0]) {
            ("attribute", _) => {
                let (key, value) = value();
                node.unwrap().attributes.insert(key.into(), value.into());
            }
            ("capacity", _) => {
                let (good, amount) = value();
                let amount = amount.parse().unwrap();
                node.unwrap().capacity.insert(good.into(), amount);
            }
            ("placement", "fits") => rules.placement = PlacementPolicy::Fits,
            ("placement", "most-room") => rules.placement = PlacementPolicy::MostRoom,
            ("placement", "fewest-nodes") => rules.placement = PlacementPolicy::FewestNodes,
            ("placement", "least-load") => rules.placement = PlacementPolicy::LeastLoad,
            ("placement", "fewest-services") => rules.placement = PlacementPolicy::FewestServices,
            ("health", "move-on-red") => rules.node_health = NodeHealthPolicy::MoveOnRed,
            other => panic!("{other:?} describes nothing"),
        }
    }

    fn network(&mut self, network: &str, names: &[&str]) {
        self.spec
            .networks
            .insert(name(network), NetworkSpec::default());
        for node in names {
            let attachment = Attachment {
                address: "10.0.0.1/24".parse().unwrap(),
                cards: Vec::new(),
            };
            let node = self.spec.nodes.get_mut(&name::<NodeName>(node)).unwrap();
            node.networks.insert(name(network), attachment);
        }
        self.set_spec();
    }

    pub fn set_spec(&mut self) {
        self.apply(Command::SetSpec {
            base: self.state.spec_version(),
            source: String::new(),
            spec: Box::new(self.spec.clone()),
            by: name("ann"),
        });
    }

    fn operator(&mut self, words: &[&str]) {
        let by: UserName = name("ann");
        let switch = |word: &str| match word {
            "standby" | "on" => Maintenance::On,
            _ => Maintenance::Off,
        };
        let service = |service: &str, order| Command::Service {
            service: name(service),
            order,
            by: name("ann"),
        };
        let command = match words {
            ["start", of] => service(of, ServiceOrder::Start),
            ["stop", of] => service(of, ServiceOrder::Stop),
            ["restart", of] => service(of, ServiceOrder::Restart),
            ["move", of, "to", to] => service(of, ServiceOrder::Move { to: Some(name(to)) }),
            ["move", of] => service(of, ServiceOrder::Move { to: None }),
            ["freeze", of] => service(of, ServiceOrder::Freeze),
            ["thaw", of] => service(of, ServiceOrder::Thaw),
            ["clear", of] => service(of, ServiceOrder::Clear),
            ["maintenance", word] => Command::SetMaintenance {
                maintenance: switch(word),
                by,
            },
            ["maintenance", word, node] => Command::SetNodeMaintenance {
                node: name(node),
                maintenance: switch(word),
                by,
            },
            ["attr", ..] | ["ticket", ..] => setting(words, by),
            ["trusts", device] => Command::TrustDevice {
                device: name(device),
                by,
            },
            ["confirms", node] => Command::ConfirmFence {
                target: name(node),
                by,
            },
            ["remove", node] => Command::RemoveMember {
                name: name(node),
                by,
            },
            [word @ ("standby" | "online"), node] => Command::SetStandby {
                node: name(node),
                standby: switch(word),
                by,
            },
            other => panic!("no operator can {other:?}"),
        };
        self.apply(command);
    }

    pub fn boot(&self, node: &str) -> BootId {
        BootId(
            [self.boots
                .get(&name::<NodeName>(node))
                .copied()
                .unwrap_or(0); 16],
        )
    }

    fn new_boot(&mut self, node: &str) {
        self.next_boot = self.next_boot.wrapping_add(1);
        self.boots.insert(name(node), self.next_boot);
    }

    pub fn event(&mut self, verb: &str, words: &[&str]) {
        let first = words.first().copied().unwrap_or_default();
        match verb {
            // A machine boots, is heard and tells what runs.
            "up" => {
                self.event("boot", &[first]);
                self.event("probed", words);
            }
            "boot" => {
                self.new_boot(first);
                self.event("heard", &[first]);
            }
            "heard" => {
                let boot = self.boot(first);
                self.apply(Command::NodeUp {
                    node: name(first),
                    boot,
                    run: 0,
                });
            }
            "heard-in-old-boot" => {
                let boot = BootId([words[1].parse().unwrap(); 16]);
                self.apply(Command::NodeUp {
                    node: name(first),
                    boot,
                    run: 0,
                });
            }
            "probed" => self.probed(first, &words[1..]),
            "lost" => self.lost(first),
            "daemon-down" => {
                let boot = self.boot(first);
                self.apply(Command::DaemonDown {
                    node: name(first),
                    boot,
                });
            }
            "leaves" => {
                let boot = self.boot(first);
                self.apply(Command::Leave {
                    node: name(first),
                    boot,
                });
            }
            "left" => {
                let boot = self.boot(first);
                self.apply(Command::Left {
                    node: name(first),
                    boot,
                });
            }
            "told" => self.told(first, &words[1..]),
            "busy" => self.busy(first, words[1]),
            other => self.word(other, words),
        }
    }

    /// `told a lan none`, `told a lan none full`: now and, if that is another, for a while.
    /// `told a lan pings 1 2`: so many of its two targets answer, so many are needed.
    fn told(&mut self, node: &str, words: &[&str]) {
        use model::networks::{Level, NetworkSeen, ReachSeen, Standing};
        let level = |word: &str| match word {
            "full" => Level::Full,
            "poor" => Level::Poor,
            "none" => Level::None,
            other => panic!("no level is {other}"),
        };
        let mut told = self.networks.get(node).cloned().unwrap_or_default();
        if let ["pings", reached, needed] = words[1..] {
            let reached: usize = reached.parse().unwrap();
            let needed: u32 = needed.parse().unwrap();
            let all = ["10.0.0.8", "10.0.0.9"].map(|target| target.parse().unwrap());
            let level = match reached {
                0 => Level::None,
                some if some < needed as usize => Level::Poor,
                _enough => Level::Full,
            };
            let reach = ReachSeen {
                standing: Standing {
                    now: level,
                    settled: level,
                },
                reached: all[..reached].to_vec(),
                silent: all[reached..].to_vec(),
                needed,
            };
            told.pings.insert(name(words[0]), reach);
        } else {
            let now = level(words[1]);
            let seen = NetworkSeen {
                standing: Standing {
                    now,
                    settled: words.get(2).map_or(now, |word| level(word)),
                },
                carrier: None,
                cards: Vec::new(),
            };
            told.networks.insert(name(words[0]), seen);
        }
        self.networks.insert(node.to_string(), told.clone());
        self.words += 1;
        self.apply(Command::NetworksTold {
            node: name(node),
            boot: self.boot(node),
            run: 0,
            word: self.words,
            told: Box::new(told),
        });
    }

    /// What a node says about its fence or its services.
    fn word(&mut self, verb: &str, words: &[&str]) {
        let first = words.first().copied().unwrap_or_default();
        match verb {
            "fenced" => self.fence_ended(
                first,
                &FenceResult::Confirmed {
                    device: name("power"),
                },
            ),
            "fence-fails" => {
                let how = "no answer".to_string();
                let device = Some(name("power"));
                self.fence_ended(first, &FenceResult::Failed { device, how });
            }
            "lives" => {
                let (node, boot) = (name(first), self.boot(first));
                self.apply(Command::FenceLied { node, boot });
            }
            "runs" => self.report(first, Report::Running),
            "fails" => self.report(first, Report::Failed(failure("exit 1"))),
            "start-fails" => {
                let failed = ResourceFailure {
                    verb: Some(model::operation::Verb::Start),
                    ..failure("exit 7")
                };
                self.report(first, Report::Failed(failed));
            }
            "address-fails" => {
                let failed = ResourceFailure {
                    resource: name("address"),
                    ..failure("eth0 has no carrier")
                };
                self.report(first, Report::Failed(failed));
            }
            "handed-over" => self.report(first, Report::HandedOver),
            "does-not-leave" => {
                self.report(first, Report::MigrationFailed(failure("no answer")));
            }
            "arrives" => self.report(first, Report::Running),
            "stopped" => self.report(first, Report::Stopped),
            "lease-ends" => self.report(first, Report::LeaseEnded),
            "stop-fails" => self.report(first, Report::StopFailed(failure("still there"))),
            "stray-stops" => {
                let (node, boot) = (name(words[1]), self.boot(words[1]));
                self.apply(Command::StrayStopped {
                    node,
                    boot,
                    run: 0,
                    service: name(first),
                });
            }
            other => panic!("nothing happens by {other}"),
        }
    }

    fn probed(&mut self, node: &str, services: &[&str]) {
        let found = services.iter().map(|service| Found {
            address: ResourceAddress {
                service: name(service),
                resource: name("program"),
            },
            state: ResourceState::Running,
        });
        let (found, boot) = (found.collect(), self.boot(node));
        self.apply(Command::Probed {
            node: name(node),
            boot,
            run: 0,
            found,
        });
    }

    fn lost(&mut self, node: &str) {
        let online = self.state.seen().nodes.iter();
        let agreed_by = online
            .filter(|(other, seen)| {
                other.as_str() != node && matches!(seen.state, NodeState::Online { .. })
            })
            .map(|(other, _)| other.clone())
            .collect();
        let silent_for = Duration::from_millis(800);
        let because = Reason::NodeSilent {
            node: name(node),
            silent_for,
            agreed_by,
        };
        let boot = Some(self.boot(node));
        self.apply(Command::NodeLost {
            node: name(node),
            boot,
            because,
        });
    }

    fn fence_ended(&mut self, target: &str, result: &FenceResult) {
        let target: NodeName = name(target);
        let (id, executor) = match self.state.seen().fences.get(&target) {
            Some(fence) => (fence.id, fence.executor.clone()),
            None => (
                FenceId(1),
                self.state.seen().nodes.keys().next().unwrap().clone(),
            ),
        };
        let executor = (executor.clone(), self.boot(executor.as_str()));
        self.apply(Command::FenceEnded {
            id,
            target,
            executor,
            result: result.clone(),
        });
    }

    /// The holder of the claim reports.
    pub fn report(&mut self, service: &str, report: Report) {
        self.report_with_role(service, report, Default::default());
    }

    fn report_with_role(&mut self, service: &str, report: Report, role: RoleTold) {
        self.report_in_full(service, (report, Vec::new()), role);
    }

    fn report_in_full(
        &mut self,
        service: &str,
        (report, resources): (Report, Vec<(ResourceName, ResourceState)>),
        role: RoleTold,
    ) {
        let service: ServiceName = name(service);
        let Some(claim) = self.claim(&service) else {
            self.out += &format!("{service} has no claim\n");
            return;
        };
        self.apply(Command::Report {
            node: claim.node,
            boot: claim.boot,
            run: 0,
            service,
            epoch: claim.epoch,
            incarnation: claim.incarnation,
            report,
            resources,
            role,
        });
    }

    pub fn claim(&self, service: &ServiceName) -> Option<Claim> {
        self.state.seen().services.get(service)?.claim.clone()
    }

    pub fn apply(&mut self, command: Command) -> Option<Applied> {
        self.index += 1;
        let mut stamped = Stamped {
            at: WallTime(self.now),
            clock: ClusterTime(self.now),
            command,
        };
        let outcome = self.state.apply(self.index, &stamped);
        stamped.at = garbled_wall(self.index);
        let twin = self.garbled.apply(self.index, &stamped);
        assert_eq!(outcome, twin, "wall clocks decide");
        match outcome {
            Ok(applied) => Some(applied),
            Err(rejected) => {
                self.flush();
                self.out += &format!("rejected: {rejected}\n");
                None
            }
        }
    }
}
