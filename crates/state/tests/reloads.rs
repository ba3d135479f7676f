//! What a change of the configuration asks for, and how a reload ends.

mod cluster;

use std::collections::BTreeMap;
use std::time::Duration;

use cluster::*;
use model::command::{Report, ServiceOrder};
use model::operation::Verb;
use model::reload::{AgentReload, ReloadTold};
use model::seen::{Claim, Phase, ResourceFailure};
use model::spec::{AgentSpec, Limits, ProcessSpec, ResourceKind, ResourceSpec};
use model::*;

/// The service runs a program of an agent, with these parameters; whether the agent was asked.
fn with_agent(options: &[(&str, &str)], asked: bool) -> Spec {
    let mut spec = spec();
    let db = spec.services.get_mut(&name::<ServiceName>("db")).unwrap();
    let pair = |(key, value): &(&str, &str)| (key.to_string(), value.to_string());
    let kind = ResourceKind::Agent(AgentSpec {
        agent: "ocf:test:thing".into(),
        options: options.iter().map(pair).collect::<BTreeMap<_, _>>(),
        depth: Vec::new(),
        reload: asked.then(|| AgentReload {
            parameters: ["tune".to_string()].into(),
            own: false,
        }),
    });
    db.resources.push(ResourceSpec {
        name: name("program"),
        kind,
        limits: Limits::default(),
    });
    spec
}

fn set(cluster: &mut Cluster, spec: Spec) {
    cluster.done(Command::SetSpec {
        base: cluster.state.spec_version(),
        source: "z".into(),
        spec: Box::new(spec),
        by: name("ann"),
    });
}

/// A cluster of the newest feature level in which the service runs on a.
fn running() -> (Cluster, ClaimEpoch) {
    let mut cluster = Cluster::new();
    set(
        &mut cluster,
        with_agent(&[("tune", "1"), ("file", "x")], true),
    );
    let epoch = cluster.grant("a", A1);
    cluster.done(report(A1, epoch, Report::Running));
    (cluster, epoch)
}

fn claim(cluster: &Cluster) -> &Claim {
    let seen = &cluster.state.seen().services[&name::<ServiceName>("db")];
    seen.claim.as_ref().unwrap()
}

/// What the last change asks for.
fn asks_for(cluster: &Cluster) -> &'static str {
    let seen = &cluster.state.seen().services[&name::<ServiceName>("db")];
    let version = cluster.state.spec_version();
    match (seen.changed_in == version, seen.renewed_in == version) {
        (true, false) => "restart",
        (false, true) => "reload",
        (false, false) => "nothing",
        (true, true) => "both",
    }
}

fn reload(epoch: ClaimEpoch) -> Command {
    Command::Reload {
        service: name("db"),
        epoch,
        plan: PlanId(2),
        because: Reason::SpecChanged { version: 3 },
    }
}

fn failure() -> ResourceFailure {
    ResourceFailure {
        resource: name("program"),
        verb: Some(Verb::Reload),
        how: "exit 1".into(),
        output: String::new(),
    }
}

fn told(turn: u32, failure: Option<ResourceFailure>) -> Report {
    Report::Reloaded(ReloadTold { turn, failure })
}

fn last_words(cluster: &Cluster) -> String {
    cluster.state.history().back().unwrap().what.to_string()
}

#[test]
fn a_change_is_noted_or_a_reload_or_a_restart() {
    let (mut cluster, _) = running();
    set(
        &mut cluster,
        with_agent(&[("tune", "2"), ("file", "x")], true),
    );
    assert_eq!(asks_for(&cluster), "reload");
    set(
        &mut cluster,
        with_agent(&[("tune", "2"), ("file", "y")], true),
    );
    assert_eq!(asks_for(&cluster), "restart");
    let mut slow = with_agent(&[("tune", "2"), ("file", "y")], true);
    let db = slow.services.get_mut(&name::<ServiceName>("db")).unwrap();
    db.resources[0].limits.stop = Duration::from_secs(99);
    set(&mut cluster, slow);
    assert_eq!(asks_for(&cluster), "nothing");
}

#[test]
fn what_the_agent_said_holds_on_where_nobody_asked_it() {
    let (mut cluster, _) = running();
    set(
        &mut cluster,
        with_agent(&[("tune", "2"), ("file", "x")], false),
    );
    assert_eq!(asks_for(&cluster), "reload");
}

#[test]
fn a_reload_is_ordered_once_and_its_end_is_told_once() {
    let (mut cluster, epoch) = running();
    let text = cluster.rejected(reload(epoch));
    assert_eq!(text, "late: it speaks of the change of db, which is over");
    set(
        &mut cluster,
        with_agent(&[("tune", "2"), ("file", "x")], true),
    );
    cluster.done(reload(epoch));
    assert_eq!(claim(&cluster).made_from, cluster.state.spec_version());
    assert_eq!(claim(&cluster).phase, Phase::Running);
    assert!(claim(&cluster).reload.is_open());
    let text = cluster.rejected(reload(epoch));
    assert_eq!(text, "late: it speaks of the change of db, which is over");
    cluster.done(report(A1, epoch, told(1, None)));
    assert!(!claim(&cluster).reload.is_open());
    assert_eq!(last_words(&cluster), "db is reloaded on a");
    let before = cluster.state.history().len();
    cluster.done(report(A1, epoch, told(1, None)));
    assert_eq!(cluster.state.history().len(), before);
}

#[test]
fn a_reload_is_refused_where_a_restart_is_due_or_nothing_runs() {
    let (mut cluster, epoch) = running();
    set(
        &mut cluster,
        with_agent(&[("tune", "2"), ("file", "y")], true),
    );
    set(
        &mut cluster,
        with_agent(&[("tune", "3"), ("file", "y")], true),
    );
    let text = cluster.rejected(reload(epoch));
    assert_eq!(text, "what has changed of db needs a restart");
    let (mut cluster, epoch) = running();
    cluster.done(report(A1, epoch, Report::Failed(failure())));
    set(
        &mut cluster,
        with_agent(&[("tune", "2"), ("file", "x")], true),
    );
    let text = cluster.rejected(reload(epoch));
    assert_eq!(text, "db is failed on a: only what runs can be reloaded");
}

#[test]
fn a_failure_ends_the_reload_and_one_that_was_asked_for_is_only_told() {
    let (mut cluster, epoch) = running();
    set(
        &mut cluster,
        with_agent(&[("tune", "2"), ("file", "x")], true),
    );
    cluster.done(reload(epoch));
    cluster.done(report(A1, epoch, told(1, Some(failure()))));
    assert_eq!(claim(&cluster).phase, Phase::Running);
    assert_eq!(
        last_words(&cluster),
        "db is not reloaded on a, and runs on as it was: program: exit 1"
    );
    set(
        &mut cluster,
        with_agent(&[("tune", "3"), ("file", "x")], true),
    );
    cluster.done(reload(epoch));
    cluster.done(report(A1, epoch, Report::Failed(failure())));
    assert_eq!(claim(&cluster).phase, Phase::Failed(failure()));
    assert!(!claim(&cluster).reload.is_open());
}

#[test]
fn an_order_names_what_can_be_reloaded() {
    let order = |resource: Option<&str>| Command::Service {
        service: name("db"),
        order: ServiceOrder::Reload {
            resource: resource.map(name),
        },
        by: name("ann"),
    };
    let (mut cluster, _) = running();
    let text = cluster.rejected(order(None));
    assert_eq!(text, "nothing of db can be reloaded");
    let text = cluster.rejected(order(Some("program")));
    let why = "its agent has no action `reload`";
    assert_eq!(text, format!("db/program cannot be reloaded: {why}"));
    let text = cluster.rejected(order(Some("disk")));
    assert_eq!(text, "db has no resource disk");
    let mut able = with_agent(&[("tune", "1"), ("file", "x")], true);
    let db = able.services.get_mut(&name::<ServiceName>("db")).unwrap();
    if let ResourceKind::Agent(agent) = &mut db.resources[0].kind {
        agent.reload.as_mut().unwrap().own = true;
    }
    set(&mut cluster, able);
    assert_eq!(asks_for(&cluster), "nothing");
    cluster.done(order(None));
    assert!(
        claim(&cluster)
            .reload
            .of
            .contains(&name::<ResourceName>("program"))
    );
    assert_eq!(last_words(&cluster), "ann: reload db");
}

#[test]
fn below_the_feature_level_of_reloads_every_change_is_a_restart() {
    let with_stop = |stop: u64| {
        let mut spec = spec();
        let db = spec.services.get_mut(&name::<ServiceName>("db")).unwrap();
        db.resources.push(ResourceSpec {
            name: name("program"),
            kind: ResourceKind::Process(ProcessSpec::default()),
            limits: Limits {
                stop: Duration::from_secs(stop),
                ..Limits::default()
            },
        });
        spec
    };
    // Before its first member a cluster has the first level.
    let mut state = state::State::new();
    for (base, stop) in [(0, 10), (1, 99)] {
        let command = Command::SetSpec {
            base,
            source: "z".into(),
            spec: Box::new(with_stop(stop)),
            by: name("ann"),
        };
        let (at, clock) = (WallTime(0), ClusterTime(0));
        let stamped = Stamped { at, clock, command };
        state.apply(base + 1, &stamped).unwrap();
    }
    assert_eq!(state.level(), 1);
    let seen = &state.seen().services[&name::<ServiceName>("db")];
    assert_eq!(seen.changed_in, 2);
    let mut cluster = Cluster::new();
    set(&mut cluster, with_stop(10));
    set(&mut cluster, with_stop(99));
    assert_eq!((cluster.state.level(), asks_for(&cluster)), (2, "nothing"));
}
