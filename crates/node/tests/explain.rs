//! What would bring a service to a node, and how it was at an earlier time.

use std::str::FromStr;
use std::time::Duration;

use model::command::{BarNode, Report, ServiceOrder};
use model::networks::{Level, NetworkSeen, NetworksSeen, Standing};
use model::seen::{Maintenance, NodeState, Phase, ResourceFailure};
use model::spec::{
    AddressSpec, Autostart, Limits, ResourceKind, ResourceSpec, ServiceSpec, Survive,
};
use model::*;
use node::past::{NoPast, evidence, past};
use node::ways_to;
use node::what_if::{Assumed, WhatIf};
use state::State;

fn name<T: FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

fn spec(only: &str) -> Spec {
    let text = format!(
        r#"{{"cluster": {{"name": "shop", "port": 7411, "fences_per_hour_max": 3,
            "timings": {{"heartbeat": "100ms", "suspect_after": "500ms", "lost_after": "800ms",
                "daemon_down_grace": "30s", "lease": "3s", "start_grace": "30s"}},
            "no_quorum": "stop"}},
          "nodes": {{"a": {{"networks": {{}}}}, "b": {{"networks": {{}}}}, "c": {{"networks": {{}}}}}},
          "services": {{"web": {{"prefer": ["a", "b"], "elsewhere": "{only}", "failback": "never",
            "autostart": "yes", "priority": 0, "stickiness": 0,
            "restart": {{"times": 3, "within": "1h"}}, "resources": []}}}}}}"#
    );
    serde_json::from_str(&text).unwrap()
}

/// A cluster of three nodes in which web runs on a, and what is done to it at which second.
struct Story {
    state: State,
    index: u64,
    second: u64,
}

impl Story {
    fn new(only: &str) -> Self {
        let assumed = Assumed::new(&spec(only));
        Self {
            state: assumed.cluster().state.clone(),
            index: assumed.cluster().applied,
            second: 0,
        }
    }

    fn at(&mut self, second: u64, command: Command) -> &mut Self {
        self.second = second;
        self.index += 1;
        let stamped = Stamped {
            at: WallTime(second * 1000),
            clock: ClusterTime(second * 1000),
            command,
        };
        self.state.apply(self.index, &stamped).unwrap();
        self
    }

    fn order(&mut self, second: u64, order: ServiceOrder) -> &mut Self {
        let (service, by) = (name("web"), name("ann"));
        self.at(second, Command::Service { service, order, by })
    }

    fn standby(&mut self, second: u64, node: &str) -> &mut Self {
        let (node, standby, by) = (name(node), Maintenance::On, name("ann"));
        self.at(second, Command::SetStandby { node, standby, by })
    }

    /// It is taken from its node, and not given to another one.
    fn stops(&mut self, second: u64, because: Reason) -> &mut Self {
        let epoch = self.epoch().0;
        let revoke = Command::Revoke {
            service: name("web"),
            epoch,
            plan: PlanId(7),
            because,
            bar: BarNode::No,
        };
        self.at(second, revoke);
        self.report(second + 1, Report::Stopped)
    }

    /// It starts only when somebody asks from now on, and nobody does.
    fn rests(&mut self, second: u64) -> &mut Self {
        self.changes(second, |web| web.autostart = Autostart::No)
            .stops(second, Reason::Disabled)
    }

    /// A new version of the configuration is live.
    fn changes(&mut self, second: u64, change: impl FnOnce(&mut ServiceSpec)) -> &mut Self {
        let mut spec = self.state.spec().unwrap().clone();
        change(spec.services.get_mut(&name::<ServiceName>("web")).unwrap());
        let command = Command::SetSpec {
            base: self.state.spec_version(),
            source: String::new(),
            spec: Box::new(spec),
            by: name("ann"),
        };
        self.at(second, command)
    }

    /// A node tells that no card of a network has a link there.
    fn loses(&mut self, second: u64, node: &str, network: &str) -> &mut Self {
        let none = Standing {
            now: Level::None,
            settled: Level::None,
        };
        let mut told = NetworksSeen::default();
        let seen = NetworkSeen {
            standing: none,
            carrier: None,
            cards: Vec::new(),
        };
        told.networks.insert(name(network), seen);
        let boot = self.state.seen().nodes[&name::<NodeName>(node)]
            .state
            .boot();
        let command = Command::NetworksTold {
            node: name(node),
            boot: boot.unwrap(),
            run: 0,
            word: second,
            told: Box::new(told),
        };
        self.at(second, command)
    }

    fn ways(&self, node: &str) -> (Vec<String>, bool) {
        let moment = Moment {
            at: WallTime(self.second * 1000),
            clock: self.state.clock(),
        };
        let ways = ways_to((&self.state, self.index, moment), &name("web"), &name(node));
        (ways.changes, ways.helps)
    }

    fn epoch(&self) -> (ClaimEpoch, BootId) {
        let seen = &self.state.seen().services[&name("web")];
        let claim = seen.claim.as_ref().unwrap();
        (claim.epoch, claim.boot)
    }

    fn report(&mut self, second: u64, report: Report) -> &mut Self {
        let (epoch, boot) = self.epoch();
        let seen = &self.state.seen().services[&name("web")];
        let claim = seen.claim.clone().unwrap();
        self.at(
            second,
            Command::Report {
                node: claim.node,
                boot,
                run: 0,
                service: name("web"),
                epoch,
                incarnation: claim.incarnation,
                report,
                resources: Vec::new(),
                role: Default::default(),
            },
        )
    }

    /// It failed too often on a, is barred there and moves to b.
    fn fails_over(&mut self, second: u64) -> &mut Self {
        let failure = ResourceFailure {
            resource: name("program"),
            verb: None,
            how: "exit 1".into(),
            output: String::new(),
        };
        self.report(second, Report::Failed(failure));
        let because = Reason::FailedTooOften {
            resource: name("program"),
            node: name("a"),
            count: 4,
            barred_for: None,
        };
        let epoch = self.epoch().0;
        self.at(
            second,
            Command::Revoke {
                service: name("web"),
                epoch,
                plan: PlanId(7),
                because,
                bar: BarNode::UntilCleared,
            },
        );
        self.report(second + 1, Report::Stopped);
        let node = name("b");
        let NodeState::Online { boot } = self.state.seen().nodes[&node].state else {
            panic!("b is online");
        };
        self.at(
            second + 1,
            Command::Grant {
                service: name("web"),
                node,
                boot,
                plan: PlanId(8),
                because: Reason::ShouldRun,
            },
        );
        self.report(second + 2, Report::Running)
    }
}

#[test]
fn a_service_that_may_run_there_needs_a_move_and_nothing_else() {
    let story = Story::new("allowed");
    let expected = vec!["mainstay move web --to c".to_string()];
    assert_eq!(story.ways("c"), (expected, true));
}

#[test]
fn everything_that_stands_in_the_way_is_named_in_order() {
    let mut story = Story::new("never");
    story.standby(10, "c").order(11, ServiceOrder::Freeze);
    let expected = [
        "mainstay online c",
        "add c to `prefer` of [service.web], or remove `only`",
        "mainstay thaw web",
        "mainstay move web --to c",
    ];
    assert_eq!(story.ways("c"), (expected.map(String::from).to_vec(), true));
}

#[test]
fn a_bar_is_cleared_before_the_service_goes_back() {
    let mut story = Story::new("allowed");
    story.fails_over(20);
    let expected = [
        "mainstay clear web, once what failed there is mended",
        "mainstay move web --to a",
    ];
    assert_eq!(story.ways("a"), (expected.map(String::from).to_vec(), true));
}

#[test]
fn what_is_stopped_is_started_where_it_is_wanted() {
    let expected = vec!["mainstay start web --node c".to_string()];
    let mut story = Story::new("allowed");
    story.order(10, ServiceOrder::Stop);
    let by = name("ann");
    story.stops(11, Reason::AskedByOperator { user: by });
    assert_eq!(story.ways("c"), (expected.clone(), true));
    let mut story = Story::new("allowed");
    story.rests(10);
    assert_eq!(story.ways("c"), (expected, true));
}

#[test]
fn a_node_that_is_not_in_the_cluster_is_not_reached_by_any_change() {
    let story = Story::new("allowed");
    let (_, helps) = story.ways("elsewhere");
    assert!(!helps);
}

fn then(story: &Story, second: u64) -> (Option<String>, &'static str, Vec<String>) {
    let now = WallTime(story.second * 1000);
    let past = past(&story.state, WallTime(second * 1000), now).unwrap();
    let web = &past.seen.services[&name("web")];
    let claim = web.claim.as_ref();
    let phase = claim.map_or("stopped", |claim| Phase::word(&claim.phase));
    let barred = web.barred.keys().map(ToString::to_string).collect();
    (claim.map(|claim| claim.node.to_string()), phase, barred)
}

#[test]
fn an_earlier_time_shows_what_was_known_then() {
    let mut story = Story::new("allowed");
    story.fails_over(20).order(40, ServiceOrder::Clear);
    let on = |node: &str| Some(node.to_string());
    let barred = || vec!["a".to_string()];
    assert_eq!(then(&story, 10), (on("a"), "running", vec![]));
    assert_eq!(then(&story, 20), (on("a"), "stopping", barred()));
    assert_eq!(then(&story, 21), (on("b"), "starting", barred()));
    assert_eq!(then(&story, 30), (on("b"), "running", barred()));
    assert_eq!(then(&story, 40), (on("b"), "running", vec![]));
    let told: Vec<String> = evidence(&story.state, &name("web"), WallTime(30_000), 3)
        .iter()
        .map(|entry| entry.what.to_string())
        .collect();
    let expected = [
        "web stopped on a: program failed 4 times on a, which is barred until cleared",
        "plan 8: start web on b: it should run and runs nowhere",
        "web runs on b",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_rule_of_what_cannot_run_is_broken_before_anything_fails() {
    let broken = |story: &Story| {
        let assumed = Assumed::new(story.state.spec().unwrap());
        let mut cluster = assumed.cluster();
        cluster.state = &story.state;
        let broken = WhatIf::new(cluster).broken_rules();
        let told = broken
            .iter()
            .map(|rule| (rule.by.len(), rule.because.clone()));
        told.collect::<Vec<_>>()
    };
    let mut story = Story::new("never");
    story.changes(9, |web| web.survive = Some(Survive::AnyNode));
    story.standby(10, "a").standby(11, "b");
    story.stops(12, Reason::NodeStandby { node: name("a") });
    let because = "no node may run it: a: on standby; b: on standby; \
        c: not allowed by the configuration";
    assert_eq!(broken(&story), [(0, because.to_string())]);
    // What is stopped on purpose is not judged.
    story.order(13, ServiceOrder::Stop);
    assert_eq!(broken(&story), []);
}

#[test]
fn what_changed_and_what_became_of_its_networks_is_told() {
    let mut story = Story::new("allowed");
    let address = ResourceSpec {
        name: name("address"),
        kind: ResourceKind::Address(AddressSpec {
            address: "10.0.0.100/24".parse().unwrap(),
            network: name("lan"),
            duplicate_wait: Duration::ZERO,
        }),
        limits: Limits::default(),
    };
    story.changes(10, |web| web.resources.push(address));
    let version = story.state.spec_version();
    story.stops(10, Reason::SpecChanged { version });
    // Another version, which has nothing to do with it.
    story.changes(12, |web| web.priority = 1);
    // What is not its network, and not its node.
    story.loses(13, "a", "san").loses(14, "c", "lan");
    story.loses(15, "a", "lan");
    let told: Vec<String> = evidence(&story.state, &name("web"), WallTime(30_000), 9)
        .iter()
        .map(|entry| entry.what.to_string())
        .collect();
    let expected = [
        "plan 12: start web on a: it should run and runs nowhere",
        "web runs on a",
        "configuration version 2 by ann",
        "plan 7: stop web on a: configuration version 2",
        "web stopped on a: configuration version 2",
        "a: no card of network lan has a link",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_time_that_is_not_kept_or_has_not_come_is_no_guess() {
    let mut story = Story::new("allowed");
    story.standby(10, "c");
    let now = WallTime(10_000);
    let future = past(&story.state, WallTime(10_001), now);
    assert_eq!(future, Err(NoPast::InFuture));
    // So much happens that the beginning is no longer kept.
    for round in 0..state::HISTORY_MAX as u64 {
        let order = match round % 2 {
            0 => ServiceOrder::Freeze,
            _odd => ServiceOrder::Thaw,
        };
        story.order(11 + round, order);
    }
    let now = WallTime(story.second * 1000);
    let early = past(&story.state, WallTime(10_500), now);
    let since = story.state.history().front().unwrap().at;
    assert_eq!(early, Err(NoPast::TooEarly { since }));
    assert_eq!(since, WallTime(11_000));
    let span = Duration::from_secs(5);
    let later = past(
        &story.state,
        WallTime(since.0 + span.as_millis() as u64),
        now,
    )
    .unwrap();
    assert!(
        later.unknown_services.is_empty(),
        "nothing about web has changed since"
    );
}
