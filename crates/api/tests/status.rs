//! From the replicated picture to what is shown.

use std::collections::BTreeMap;
use std::time::Duration;

use api::{LinkState, LinkStatus, Status, StatusExtra};
use expect_test::{Expect, expect};
use model::answers::ResourceAnswers;
use model::rules::FailureAnswer;
use model::seen::{
    Bar, Claim, Failure, FenceSeen, FenceStanding, Goal, Maintenance, NodeSeen, NodeState, Phase,
    ResourceFailure, ResourceState, RestartScope, ServiceSeen, Standby, Wish,
};
use model::{
    BootId, ClaimEpoch, ClusterTime, Epoch, FenceId, NodeId, NodeName, PlanId, Reason, Seen, Spec,
};
use model::{ServiceName, UserName, WallTime, operation::Verb};

const SPEC: &str = r#"{
  "cluster": {"name": "shop", "port": 7411, "fences_per_hour_max": 3, "no_quorum": "stop",
    "timings": {"heartbeat": "100ms", "suspect_after": "500ms", "lost_after": "800ms",
      "daemon_down_grace": "30s", "lease": "3s", "start_grace": "30s"}},
  "nodes": {"a": {"networks": {}, "fence": ["power"]}, "b": {"networks": {}, "fence": []}},
  "services": {"web": {"elsewhere": "allowed", "failback": "never", "autostart": "yes",
    "priority": 0, "stickiness": 50, "restart": {"times": 3, "within": "1h"},
    "resources": [{"name": "ip", "limits": {"start": "1s", "stop": "1s", "status": "1s",
      "every": "1s"}, "kind": {"command": {"start": [], "stop": [], "status": []}}}]}}
}"#;

fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn boot() -> BootId {
    BootId([7; 16])
}

fn node(state: NodeState) -> NodeSeen {
    NodeSeen {
        id: NodeId(1),
        key: [0; 32],
        state,
        since: WallTime(1000),
        standby: Standby::Off,
        fenced_at: Vec::new(),
        probed: None,
        run: 0,
        watchdog: None,
        watchdog_word: None,
        attributes: BTreeMap::new(),
        maintenance: Maintenance::Off,
        networks: Box::default(),
        checks: Box::default(),
        measured: BTreeMap::new(),
    }
}

fn online() -> NodeSeen {
    node(NodeState::Online { boot: boot() })
}

fn lost() -> NodeSeen {
    node(NodeState::Lost {
        boot: Some(boot()),
        because: Reason::NodeSilent {
            node: name("b"),
            silent_for: Duration::from_millis(812),
            agreed_by: vec![name("a"), name("c")],
        },
    })
}

fn claim(node: &str, phase: Phase) -> Claim {
    Claim {
        node: name(node),
        boot: boot(),
        epoch: ClaimEpoch(5),
        goal: Goal::Run,
        phase,
        incarnation: 0,
        scope: RestartScope::All,
        resources: vec![(name("ip"), ResourceState::Running)],
        made_from: 1,
        reload: model::reload::ReloadSeen::default(),
        role: Default::default(),
        turn: 0,
        plan: PlanId(2),
        because: Reason::ShouldRun,
        since: WallTime(2000),
        placed_at: None,
    }
}

fn service(claim: Option<Claim>) -> ServiceSeen {
    ServiceSeen {
        claim,
        ..ServiceSeen::default()
    }
}

fn seen(b: NodeSeen, web: ServiceSeen) -> Seen {
    Seen {
        nodes: BTreeMap::from([(name("a"), online()), (name("b"), b)]),
        services: BTreeMap::from([(name("web"), web)]),
        fences: BTreeMap::new(),
        maintenance: Maintenance::Off,
        distrusted: BTreeMap::new(),
        witnesses: BTreeMap::new(),
        ..Seen::default()
    }
}

fn extra() -> StatusExtra {
    StatusExtra {
        quorate: true,
        leader: Some(name("a")),
        epoch: Epoch(3),
        spec_version: 1,
        ..StatusExtra::new(name("a"))
    }
}

fn status(seen: &Seen, extra: StatusExtra) -> Status {
    let spec: Spec = serde_json::from_str(SPEC).unwrap();
    Status::from_seen(&spec, seen, extra)
}

/// Nodes, services, fences and warnings, a line each.
fn told(status: &Status) -> String {
    let mut text = String::new();
    for node in &status.nodes {
        let because = node.because.as_deref().unwrap_or("-");
        text += &format!("{} is {}: {because}\n", node.name, node.state);
    }
    for service in &status.services {
        let place = service.node.as_deref().unwrap_or("-");
        let (name, state, reason) = (&service.name, service.state, &service.reason);
        text += &format!("{name} is {state} on {place}: {reason}\n");
    }
    for fence in &status.fencing {
        let trouble = fence.trouble.as_deref().unwrap_or("-");
        text += &format!("fence of {} is {}: {trouble}\n", fence.target, fence.state);
    }
    for warning in &status.warnings {
        text += &format!("warning: {warning}\n");
    }
    text + &format!("degraded: {}\n", status.is_degraded())
}

fn check(seen: &Seen, extra: StatusExtra, expected: Expect) {
    expected.assert_eq(&told(&status(seen, extra)));
}

#[test]
fn all_is_well_but_for_a_node_without_a_fence_device() {
    let seen = seen(online(), service(Some(claim("a", Phase::Running))));
    check(
        &seen,
        extra(),
        expect![[r#"
            a is online: -
            b is online: -
            web is running on a: it should run
            warning: b has no fence device: if it is lost, its services wait for a person
            degraded: true
        "#]],
    );
}

#[test]
fn a_service_of_a_lost_node_is_unknown_until_the_fence_is_confirmed() {
    let mut seen = seen(lost(), service(Some(claim("b", Phase::Running))));
    let fence = FenceSeen {
        id: FenceId(9),
        boot: Some(boot()),
        executor: name("a"),
        failed: 1,
        because: Reason::NodeFenced { node: name("b") },
        at: WallTime(5000),
        clock: ClusterTime::default(),
        standing: FenceStanding::Failed {
            at: WallTime(6000),
            clock: ClusterTime::default(),
            device: Some(name("power")),
            how: "no route to host".into(),
        },
    };
    seen.fences.insert(name("b"), fence);
    check(
        &seen,
        extra(),
        expect![[r#"
        a is online: -
        b is lost: b silent for 812 ms, agreed by a and c
        web is unknown on b: b is lost: waits until b is proven off
        fence of b is failing: power: no route to host
        warning: b has no fence device: if it is lost, its services wait for a person
        degraded: true
    "#]],
    );
}

#[test]
fn a_copy_that_waits_for_its_turn_to_restart_runs_and_says_so() {
    let copy = name::<ServiceName>("web");
    let turn = Reason::RestartsAfter {
        copy: name::<ServiceName>("web:1"),
    };
    check(
        &seen(online(), runs_on_a()),
        StatusExtra {
            waits: BTreeMap::from([(copy, turn)]),
            ..extra()
        },
        expect![[r#"
            a is online: -
            b is online: -
            web is running on a: restarts once web:1 runs: its copies go one by one
            warning: b has no fence device: if it is lost, its services wait for a person
            degraded: true
        "#]],
    );
}

#[test]
fn a_service_without_a_claim_tells_what_it_waits_for() {
    let seen = seen(online(), service(None));
    check(
        &seen,
        extra(),
        expect![[r#"
        a is online: -
        b is online: -
        web is waiting on -: it should run and runs nowhere
        warning: b has no fence device: if it is lost, its services wait for a person
        degraded: true
    "#]],
    );
    let waits = |reason| StatusExtra {
        waits: BTreeMap::from([(name::<ServiceName>("web"), reason)]),
        ..extra()
    };
    let fence = Reason::WaitsForFence { node: name("b") };
    check(
        &seen,
        waits(fence),
        expect![[r#"
        a is online: -
        b is online: -
        web is waiting on -: waits until b is proven off
        warning: b has no fence device: if it is lost, its services wait for a person
        degraded: true
    "#]],
    );
    let nodes = vec![
        (name::<NodeName>("a"), "barred after failures".to_string()),
        (name::<NodeName>("b"), "on standby".to_string()),
    ];
    check(
        &seen,
        waits(Reason::NoNode { nodes }),
        expect![[r#"
        a is online: -
        b is online: -
        web is blocked on -: no node may run it: a: barred after failures; b: on standby
        warning: b has no fence device: if it is lost, its services wait for a person
        degraded: true
    "#]],
    );
}

fn past(node: &str, resource: &str, how: &str) -> Failure {
    Failure {
        at: WallTime(1),
        clock: model::ClusterTime(1),
        node: name(node),
        failure: ResourceFailure {
            resource: name(resource),
            verb: Some(Verb::Start),
            how: how.into(),
            output: String::new(),
        },
    }
}

#[test]
fn failures_bars_freezes_and_standby_are_told_with_the_way_out() {
    let failure = ResourceFailure {
        resource: name("ip"),
        verb: Some(Verb::Start),
        how: "exit 1".into(),
        output: String::new(),
    };
    let mut web = service(Some(claim("a", Phase::Failed(failure))));
    web.frozen = Maintenance::On;
    let because = Reason::FailedTooOften {
        resource: name("ip"),
        node: name("b"),
        count: 4,
        barred_for: None,
    };
    let at = WallTime(1);
    let clock = model::ClusterTime(1);
    web.barred.insert(
        name("b"),
        Bar {
            at,
            clock,
            because,
            made_from: 0,
        },
    );
    web.failures.extend([
        past("a", "ip", "exit 1"),
        past("b", "ip", "exit 7"),
        past("b", "ip", "it is in use by 02:00:00:00:00:99"),
        past("b", "web-1", "exit 2"),
    ]);
    let mut b = online();
    b.standby = Standby::On { by: name("ops") };
    check(
        &seen(b, web),
        extra(),
        expect![[r#"
            a is online: -
            b is online: set aside by ops
            web is failed on a: ip failed in start: exit 1
            warning: b has no fence device: if it is lost, its services wait for a person
            warning: web is frozen: it is left as it is (`mainstay thaw web` ends it)
            warning: web is barred from b: ip failed 4 times on b, which is barred until cleared; last: ip failed in start: it is in use by 02:00:00:00:00:99 (`mainstay clear web` allows it again)
            degraded: true
        "#]],
    );
}

/// A service on which `ip` has failed and is ignored, as the file says.
fn without_ip(own: Option<FailureAnswer>) -> String {
    let mut spec: Spec = serde_json::from_str(SPEC).unwrap();
    let of_web = spec.services.get_mut(&name("web")).unwrap();
    of_web.rules.on_failure.run = FailureAnswer::Ignore;
    let answers = ResourceAnswers {
        run: own,
        ..ResourceAnswers::default()
    };
    of_web.rules.answers.insert(name("ip"), answers);
    let mut claim = claim("a", Phase::Running);
    claim.resources = vec![
        (name("ip"), ResourceState::Failed),
        (name("program"), ResourceState::Running),
    ];
    let mut web = service(Some(claim));
    web.failures.push(Failure {
        at: WallTime(3000),
        clock: model::ClusterTime(3000),
        node: name("a"),
        failure: ResourceFailure {
            resource: name("ip"),
            verb: None,
            how: "address gone".into(),
            output: String::new(),
        },
    });
    let status = Status::from_seen(&spec, &seen(online(), web), extra());
    let web = &status.services[0];
    format!("{}: {}", web.state, web.reason)
}

#[test]
fn what_is_ignored_is_told_with_whose_answer_that_is() {
    assert_eq!(
        without_ip(Some(FailureAnswer::Ignore)),
        "running: ip failed: address gone; all else runs on, as `on_failure` of ip says"
    );
    assert_eq!(
        without_ip(None),
        "running: ip failed: address gone; all else runs on, as `on_failure` of the service says"
    );
}

#[test]
fn without_a_quorum_the_picture_may_be_old() {
    let seen = seen(
        node(NodeState::DaemonDown { boot: boot() }),
        service(Some(claim("b", Phase::Running))),
    );
    check(
        &seen,
        StatusExtra::new(name("a")),
        expect![[r#"
        a is online: -
        b is daemon-down: its daemon is closed; its service is left alone
        web is running on b: the daemon of b is down, its services are left alone
        warning: a is not in contact with a quorum: what it shows may be old, and nothing is decided here
        warning: b has no fence device: if it is lost, its services wait for a person
        degraded: true
    "#]],
    );
}

#[test]
fn a_service_stopped_by_a_person_is_no_trouble_and_a_cut_cable_is() {
    let mut web = service(None);
    let by: UserName = name("ops");
    web.wish = Wish::Stop { by };
    let link = |state| LinkStatus {
        network: "lan".into(),
        peer: "b".into(),
        state,
        ..LinkStatus::default()
    };
    let links = BTreeMap::from([(
        name::<NodeName>("a"),
        vec![link(LinkState::Down), link(LinkState::OneWay)],
    )]);
    check(
        &seen(online(), web),
        StatusExtra { links, ..extra() },
        expect![[r#"
            a is online: -
            b is online: -
            web is stopped on -: stopped by ops
            warning: b has no fence device: if it is lost, its services wait for a person
            warning: network lan: a does not hear b
            warning: network lan works in one direction only between a and b
            degraded: true
        "#]],
    );
}

fn runs_on_a() -> ServiceSeen {
    service(Some(claim("a", Phase::Running)))
}

#[test]
fn the_json_has_the_fields_that_scripts_rely_on() {
    let status = status(&seen(online(), runs_on_a()), extra());
    let text = serde_json::to_string_pretty(&status).unwrap();
    expect![[r#"
        {
          "cluster": "shop",
          "quorate": true,
          "leader": "a",
          "epoch": 3,
          "nodes": [
            {
              "name": "a",
              "state": "online",
              "since": "1970-01-01T00:00:01.000Z",
              "because": null,
              "standby": false,
              "maintenance": false,
              "fenced_last": null,
              "boot": "07070707070707070707070707070707",
              "version": null,
              "links": []
            },
            {
              "name": "b",
              "state": "online",
              "since": "1970-01-01T00:00:01.000Z",
              "because": null,
              "standby": false,
              "maintenance": false,
              "fenced_last": null,
              "boot": "07070707070707070707070707070707",
              "version": null,
              "links": []
            }
          ],
          "services": [
            {
              "name": "web",
              "state": "running",
              "node": "a",
              "since": "1970-01-01T00:00:02.000Z",
              "resources": [
                {
                  "id": "ip",
                  "kind": "command",
                  "state": "running"
                }
              ],
              "reason": "it should run",
              "wish": "spec",
              "frozen": false,
              "barred": [],
              "failures": 0
            }
          ],
          "volumes": [],
          "fencing": [],
          "maintenance": false,
          "feature_level": 0,
          "spec_version": 1,
          "index": 0,
          "seen_by": "a",
          "age_ms": 0,
          "alarms": [],
          "warnings": [
            "b has no fence device: if it is lost, its services wait for a person"
          ]
        }"#]]
    .assert_eq(&text);
}

#[test]
fn the_json_is_read_as_it_was_written() {
    let status = status(&seen(online(), runs_on_a()), extra());
    let text = serde_json::to_string(&status).unwrap();
    assert_eq!(serde_json::from_str::<Status>(&text).ok(), Some(status));
}

#[test]
fn what_may_have_run_twice_is_an_alarm() {
    let because = Reason::FenceLied {
        node: name("b"),
        by: "fence device power".into(),
    };
    let liar = node(NodeState::Lost {
        boot: Some(boot()),
        because,
    });
    let mut web = service(Some(claim("a", Phase::Running)));
    web.strays.insert(name("b"), boot());
    let mut seen = seen(liar, web);
    let distrust = model::seen::Distrust {
        node: name("b"),
        boot: boot(),
        at: WallTime(1),
    };
    seen.distrusted.insert(name("power"), distrust);
    let status = status(&seen, extra());
    expect![[r#"
        fence device power confirmed that b was off, and it lived: what ran there may have run twice; look at its data and at the device, then `mainstay fence trust power`
        b lives although fence device power confirmed it off; two copies may have run; what ran there is stopped elsewhere until b is proven off
        web was found running on b although a holds it: it may run twice"#]].assert_eq(&status.alarms.join("\n"));
    assert!(status.is_degraded());
}

#[test]
fn what_runs_twice_and_waits_for_a_person_is_an_alarm_with_the_way_out() {
    let mut held: Spec = serde_json::from_str(SPEC).unwrap();
    let web = held.services.get_mut(&name("web")).unwrap();
    web.rules.found_twice = model::rules::FoundTwice::Hold;
    let mut web = service(Some(claim("a", Phase::Running)));
    web.strays.insert(name("b"), boot());
    let alarms = |seen: &Seen| Status::from_seen(&held, seen, extra()).alarms.join("\n");
    let twice = seen(online(), web.clone());
    expect![[r#"
        web runs on a and b, and waits for a person: end all but one of them by hand, and it goes on; or `mainstay stop web` ends all of them"#]]
    .assert_eq(&alarms(&twice));
    // The person has spoken.
    web.wish = Wish::Stop { by: name("ops") };
    expect!["web was found running on b although a holds it: it may run twice"]
        .assert_eq(&alarms(&seen(online(), web)));
}
