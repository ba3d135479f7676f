//! A cluster of three nodes for tests of the state.
#![allow(dead_code, reason = "each test file uses what it needs")]

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use model::command::Report;
use model::seen::*;
use model::spec::*;
use model::*;
use state::{Applied, State};

pub fn name<T: FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

pub const A1: BootId = BootId([1; 16]);
pub const A2: BootId = BootId([2; 16]);
pub const B1: BootId = BootId([3; 16]);
pub const C1: BootId = BootId([4; 16]);

pub struct Cluster {
    pub state: State,
    pub index: u64,
    /// Cluster time of the next command.
    pub clock: u64,
}

pub fn spec() -> Spec {
    let service = ServiceSpec {
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
            fences_per_hour_max: 3,
            no_quorum: NoQuorumPolicy::Stop,
            fence_race_delay: model::spec::FENCE_RACE_DELAY_DEFAULT,
            ping_targets: Vec::new(),
            rules: Default::default(),
        },
        networks: BTreeMap::new(),
        nodes: ["a", "b", "c"]
            .iter()
            .map(|text| (name(text), node.clone()))
            .collect(),
        fence_devices: BTreeMap::new(),
        services: [(name("db"), service)].into(),
    }
}

impl Cluster {
    /// Three nodes, online, and the service db in the spec.
    pub fn new() -> Self {
        let mut cluster = Self {
            state: State::new(),
            index: 0,
            clock: 0,
        };
        let spec = Box::new(spec());
        cluster.done(Command::SetSpec {
            base: 0,
            source: "x".into(),
            spec,
            by: name("ann"),
        });
        for (node, boot) in [("a", A1), ("b", B1), ("c", C1)] {
            let token = if node == "a" { "" } else { node };
            if node != "a" {
                let (digest, valid_for) = (node.into(), Duration::from_secs(1));
                cluster.done(Command::AddToken {
                    digest,
                    valid_for,
                    by: name("ann"),
                });
            }
            cluster.done(join(node, token));
            cluster.up(node, boot);
        }
        cluster
    }

    pub fn apply(&mut self, command: Command) -> Result<Applied, Rejected> {
        self.index += 1;
        self.clock += 1;
        self.state.apply(
            self.index,
            &Stamped {
                at: WallTime(self.index),
                clock: ClusterTime(self.clock),
                command,
            },
        )
    }

    pub fn done(&mut self, command: Command) -> Applied {
        self.apply(command).unwrap()
    }

    pub fn rejected(&mut self, command: Command) -> String {
        let before = self.state.clone();
        let text = self.apply(command).unwrap_err().to_string();
        assert_eq!(before, self.state);
        text
    }

    pub fn up(&mut self, node: &str, boot: BootId) {
        self.done(Command::NodeUp {
            node: name(node),
            boot,
            run: 0,
        });
        self.done(Command::Probed {
            node: name(node),
            boot,
            run: 0,
            found: Vec::new(),
        });
    }

    pub fn grant(&mut self, node: &str, boot: BootId) -> ClaimEpoch {
        match self.done(grant(node, boot)) {
            Applied::Granted(epoch) => epoch,
            other => panic!("{other:?}"),
        }
    }

    pub fn fence_a(&mut self, boot: BootId) -> FenceId {
        self.done(lost("a", boot));
        match self.done(Command::Fence {
            target: name("a"),
            boot: Some(boot),
            executor: name("b"),
            because: Reason::ShouldRun,
        }) {
            Applied::FenceAsked(id) => id,
            other => panic!("{other:?}"),
        }
    }
}

pub fn join(node: &str, token: &str) -> Command {
    Command::AddMember {
        name: name(node),
        key: [0; 32],
        token: token.into(),
        spec: None,
        level: model::level::LEVEL,
    }
}

pub fn grant(node: &str, boot: BootId) -> Command {
    let (plan, because) = (PlanId(1), Reason::ShouldRun);
    Command::Grant {
        service: name("db"),
        node: name(node),
        boot,
        plan,
        because,
    }
}

pub fn lost(node: &str, boot: BootId) -> Command {
    let because = Reason::NeverHeard { node: name(node) };
    Command::NodeLost {
        node: name(node),
        boot: Some(boot),
        because,
    }
}

pub fn report(boot: BootId, epoch: ClaimEpoch, report: Report) -> Command {
    let (node, service, resources) = (name("a"), name("db"), Vec::new());
    Command::Report {
        node,
        boot,
        run: 0,
        service,
        epoch,
        incarnation: 0,
        report,
        resources,
        role: Default::default(),
    }
}

pub fn confirmed(id: FenceId, executor: &str, boot: BootId) -> Command {
    let result = FenceResult::Confirmed {
        device: name("power"),
    };
    Command::FenceEnded {
        id,
        target: name("a"),
        executor: (name(executor), boot),
        result,
    }
}
