//! Resource agents: some that are written here to behave as wanted, and Debian's own.

mod common;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use common::{
    Grouping, Node, PATIENCE, eventually, failed, killed_in_the_midst, on_own_node, resource,
    running,
};
use expect_test::{Expect, expect};
use model::environment::{Fact, Question};
use model::operation::{About, CopiesTold, Notice, NoticeTime, Outcome, Verb};
use model::spec::{AgentSpec, Depth, ResourceKind, ResourceSpec};
use model::{NodeName, ServiceName};

fn agent(name: &str, options: &[(&str, &str)]) -> ResourceSpec {
    let options = options.iter();
    let spec = AgentSpec {
        reload: None,
        agent: name.to_owned(),
        options: options
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        depth: Vec::new(),
    };
    resource("thing", ResourceKind::Agent(spec))
}

fn write_program(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Lets the agent `ocf:test:thing` be a shell script: `$D` is the directory of the test, `$1`
/// the action.
fn write_agent(node: &Node, text: &str) -> ResourceSpec {
    let path = node.dir.join("ocf/resource.d/test/thing");
    let text = format!("#!/bin/sh\nD={}\n{text}\n", node.dir.display());
    write_program(&path, &text);
    agent("ocf:test:thing", &[])
}

/// Makes Debian's agents the node's, and lets the commands of a cluster write down how they
/// are called.
fn with_debian(node: &Node) {
    let root = node.dir.join("ocf");
    std::fs::create_dir_all(root.join("resource.d")).unwrap();
    for place in ["lib", "resource.d/heartbeat"] {
        let debian = Path::new("/usr/lib/ocf").join(place);
        assert!(debian.exists(), "the package resource-agents is missing");
        std::os::unix::fs::symlink(debian, root.join(place)).unwrap();
    }
    let calls = node.dir.join("calls");
    let text = format!("#!/bin/sh\necho ${{0##*/}} $* >> {}\n", calls.display());
    write_program(&node.dir.join("tool"), &text);
}

fn story(name: &str, story: impl AsyncFn(&mut Node)) {
    on_own_node(name, async || {
        for grouping in [Grouping::Cgroup, Grouping::Session] {
            let dir = tempfile::tempdir().unwrap();
            let mut node = Node::new(dir.path(), grouping);
            story(&mut node).await;
        }
    });
}

async fn kept(node: &Node, spec: &ResourceSpec) -> String {
    let service = common::address_of(spec).service;
    node.agents.output(&service, &spec.name).await
}

const BY_FILE: &str = r#"
case $1 in
start) echo x >> $D/starts; touch $D/up ;;
stop) rm -f $D/up $D/promoted ;;
promote) touch $D/promoted ;;
demote) rm -f $D/promoted ;;
monitor) test -e $D/promoted && exit 8; test -e $D/up || exit 7 ;;
notify) ;;
*) exit 3 ;;
esac
"#;

#[test]
fn an_agent_starts_once_tells_its_state_and_stops() {
    story(
        "an_agent_starts_once_tells_its_state_and_stops",
        async |node| {
            let spec = write_agent(node, BY_FILE);
            assert_eq!(node.outcome(Verb::Probe, &spec).await, Outcome::Stopped);
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            let starts = std::fs::read_to_string(node.dir.join("starts")).unwrap();
            assert_eq!(starts, "x\n", "not started twice");
            assert_eq!(node.outcome(Verb::Status, &spec).await, Outcome::Running);
            assert_eq!(node.outcome(Verb::Promote, &spec).await, Outcome::Promoted);
            assert_eq!(node.outcome(Verb::Promote, &spec).await, Outcome::Promoted);
            assert_eq!(node.outcome(Verb::Status, &spec).await, Outcome::Promoted);
            assert_eq!(node.outcome(Verb::Demote, &spec).await, Outcome::Running);
            assert_eq!(node.outcome(Verb::Notify, &spec).await, Outcome::Running);
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
            assert_eq!(node.outcome(Verb::Demote, &spec).await, Outcome::Stopped);
        },
    );
}

#[test]
fn the_reason_and_the_status_of_an_agent_are_shown_as_they_are() {
    story(
        "the_reason_and_the_status_of_an_agent_are_shown_as_they_are",
        async |node| {
            let spec = write_agent(
                node,
                r#"case $1 in
                monitor) exit 7 ;;
                start) echo "ocf-exit-reason:no such database: 'shop'" >&2; exit 6 ;;
                promote) exit 9 ;;
                esac"#,
            );
            let report = node.operate(Verb::Start, &spec).await;
            assert_eq!(
                report.outcome,
                failed("start: no such database: 'shop' (exit 6: not configured)")
            );
            assert_eq!(report.output, "ocf-exit-reason:no such database: 'shop'\n");
            let reload = node.outcome(Verb::Reload, &spec).await;
            assert_eq!(
                reload,
                failed("the agent does not describe itself: it cannot be reloaded")
            );
        },
    );
}

#[test]
fn an_agent_that_is_not_there_never_started_anything_here() {
    story(
        "an_agent_that_is_not_there_never_started_anything_here",
        async |node| {
            let spec = write_agent(node, BY_FILE);
            let path = node.dir.join("ocf/resource.d/test/thing");
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            std::fs::rename(&path, node.dir.join("aside")).unwrap();
            let how = format!(
                "ocf:test:thing is not installed: no program {}",
                path.display()
            );
            // It was started in this boot: what it left nobody can tell.
            assert_eq!(node.outcome(Verb::Probe, &spec).await, failed(&how));
            let stop = node.outcome(Verb::Stop, &spec).await;
            assert_eq!(stop, failed(&format!("{how}, twice; {how}")));
            std::fs::rename(node.dir.join("aside"), &path).unwrap();
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
            std::fs::remove_file(&path).unwrap();
            assert_eq!(node.outcome(Verb::Probe, &spec).await, Outcome::Stopped);
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
            assert_eq!(node.outcome(Verb::Start, &spec).await, failed(&how));
            // The same for an agent that misses a program which it needs.
            let spec = write_agent(node, "exit 5");
            assert_eq!(node.outcome(Verb::Probe, &spec).await, Outcome::Stopped);
            assert_eq!(
                node.outcome(Verb::Status, &spec).await,
                failed("monitor: exit 5: not installed")
            );
        },
    );
}

#[test]
fn a_hanging_agent_is_ended_with_all_that_it_started() {
    story(
        "a_hanging_agent_is_ended_with_all_that_it_started",
        async |node| {
            let mut spec = write_agent(
                node,
                "case $1 in monitor) exit 7 ;; start) trap '' TERM; sleep 4711 & wait; sleep 4711 ;; esac",
            );
            spec.limits.start = Duration::from_millis(200);
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::TimedOut);
            assert_eq!(running("sleep 4711"), 0);
        },
    );
}

fn killed_while_it(verb: Verb, dir: &Path) -> ResourceSpec {
    let action = format!("{verb}) ");
    let agent = BY_FILE.replace(&action, &format!("{action}sleep 4714; "));
    killed_in_the_midst(dir, async move |node: &mut Node| {
        let spec = write_agent(node, &agent);
        if verb != Verb::Start {
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
        }
        node.order(verb, &spec, &[]);
        eventually("it is at work", || running("sleep 4714") == 1).await;
        spec
    })
}

/// Else it could bring up here what was started elsewhere meanwhile, or end what was started
/// since.
#[test]
fn a_change_that_outlives_its_daemon_is_ended_before_anything_is_believed() {
    let name = "a_change_that_outlives_its_daemon_is_ended_before_anything_is_believed";
    on_own_node(name, async || {
        for (begun, then, wanted) in [
            (Verb::Promote, Verb::Probe, Outcome::Running),
            (Verb::Promote, Verb::Demote, Outcome::Running),
            (Verb::Promote, Verb::Stop, Outcome::Stopped),
            (Verb::Start, Verb::Probe, Outcome::Stopped),
            (Verb::Start, Verb::Stop, Outcome::Stopped),
            (Verb::Stop, Verb::Probe, Outcome::Running),
            (Verb::Stop, Verb::Start, Outcome::Running),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let spec = killed_while_it(begun, dir.path());
            let mut next = Node::new(dir.path(), Grouping::Session);
            assert_eq!(next.outcome(then, &spec).await, wanted, "{begun}, {then}");
            assert_eq!(running("sleep 4714"), 0, "{begun}, {then}");
            assert!(!dir.path().join("promoted").exists(), "{begun}, {then}");
        }
    });
}

const DAEMON: &str = r#"
case $1 in
start) sleep 4712 & until pgrep -f "^sleep 4712" > /dev/null; do :; done ;;
stop) echo "ocf-exit-reason:cannot connect" >&2; exit 1 ;;
monitor) pgrep -f "^sleep 4712" > /dev/null || exit 7 ;;
esac
"#;

/// Without a cgroup the next status sees it.
#[test]
fn the_end_of_what_an_agent_left_is_noticed_at_once() {
    on_own_node(
        "the_end_of_what_an_agent_left_is_noticed_at_once",
        async || {
            let dir = tempfile::tempdir().unwrap();
            let mut node = Node::new(dir.path(), Grouping::Cgroup);
            if !common::is_real_root() {
                return;
            }
            let spec = write_agent(&node, DAEMON);
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            eventually("what it left runs", || running("sleep 4712") == 1).await;
            common::run("pkill", &["-f", "^sleep 4712"]);
            let (how, _) = node.failure().await;
            assert_eq!(how, "its last process has ended");
            // The agent fails to stop what has died; that nothing is left its state says.
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
        },
    );
}

#[test]
fn a_second_daemon_finds_what_an_agent_left_and_watches_it() {
    on_own_node(
        "a_second_daemon_finds_what_an_agent_left_and_watches_it",
        async || {
            let dir = tempfile::tempdir().unwrap();
            let mut first = Node::new(dir.path(), Grouping::Cgroup);
            if !common::is_real_root() {
                return;
            }
            let spec = write_agent(&first, DAEMON);
            assert_eq!(first.outcome(Verb::Start, &spec).await, Outcome::Running);
            drop(first);
            let mut second = Node::new(dir.path(), Grouping::Cgroup);
            assert_eq!(second.outcome(Verb::Probe, &spec).await, Outcome::Running);
            assert_eq!(second.outcome(Verb::Start, &spec).await, Outcome::Running);
            assert_eq!(running("sleep 4712"), 1, "not started twice");
            common::run("pkill", &["-f", "^sleep 4712"]);
            assert_eq!(second.failure().await.0, "its last process has ended");
        },
    );
}

#[test]
fn a_failed_stop_is_tried_again_and_what_was_left_is_ended() {
    story(
        "a_failed_stop_is_tried_again_and_what_was_left_is_ended",
        async |node| {
            let spec = write_agent(node, DAEMON);
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            let report = node.operate(Verb::Stop, &spec).await;
            assert_eq!(report.outcome, Outcome::Stopped, "{}", report.output);
            assert_eq!(running("sleep 4712"), 0);
            let log = kept(node, &spec).await;
            for line in [
                "stop: cannot connect (exit 1: an error)\n",
                "monitor: running\n",
                "the agent is asked once more to stop it\n",
                "TERM, then KILL to ",
                "monitor: stopped, although its stop failed\n",
                "stop: stopped (",
            ] {
                assert!(log.contains(line), "{line}: {log}");
            }
        },
    );
}

/// What the agent was told that tells calls apart.
fn told(node: &Node) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(node.dir.join("told")).unwrap();
    let variables = text.lines().filter_map(|line| line.split_once('='));
    variables
        .filter(|(name, _)| name.starts_with("OCF_") || name.starts_with("HA_"))
        .map(|(name, value)| {
            let value = value.replace(&node.dir.display().to_string(), "DIR");
            (name.to_owned(), value)
        })
        .collect()
}

fn check_told(node: &Node, wanted: &Expect) {
    let lines = told(node).into_iter();
    let lines: Vec<String> = lines
        .map(|(name, value)| format!("{name}='{value}'\n"))
        .collect();
    wanted.assert_eq(&lines.concat());
}

#[test]
fn an_agent_is_told_what_the_api_promises() {
    on_own_node("an_agent_is_told_what_the_api_promises", async || {
        let dir = tempfile::tempdir().unwrap();
        let mut node = Node::new(dir.path(), Grouping::Session);
        let mut spec = write_agent(
            &node,
            "test $1 = monitor -a ! -e $D/up && exit 7; touch $D/up; env | sort > $D/told",
        );
        let ResourceKind::Agent(told) = &mut spec.kind else {
            unreachable!("it is one")
        };
        told.options = [("ip".to_owned(), "10.0.0.9 'x'".to_owned())].into();
        assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
        check_told(
            &node,
            &expect![[r#"
                HA_LOGFACILITY='none'
                HA_RSCTMP='DIR/run/agents'
                HA_SBIN_DIR='DIR/run/agent-tools'
                HA_debug='0'
                OCF_CHECK_LEVEL='0'
                OCF_EXIT_REASON_PREFIX='ocf-exit-reason:'
                OCF_RA_VERSION_MAJOR='1'
                OCF_RA_VERSION_MINOR='1'
                OCF_RESKEY_CRM_meta_interval='0'
                OCF_RESKEY_CRM_meta_name='start'
                OCF_RESKEY_CRM_meta_on_node='alpha'
                OCF_RESKEY_CRM_meta_timeout='10000'
                OCF_RESKEY_crm_feature_set='3.15.0'
                OCF_RESKEY_ip='10.0.0.9 'x''
                OCF_RESOURCE_INSTANCE='thing@web'
                OCF_RESOURCE_PROVIDER='test'
                OCF_RESOURCE_TYPE='thing'
                OCF_ROOT='DIR/ocf'
            "#]],
        );
        assert_eq!(node.outcome(Verb::Status, &spec).await, Outcome::Running);
        check_told(
            &node,
            &expect![[r#"
                HA_LOGFACILITY='none'
                HA_RSCTMP='DIR/run/agents'
                HA_SBIN_DIR='DIR/run/agent-tools'
                HA_debug='0'
                OCF_CHECK_LEVEL='0'
                OCF_EXIT_REASON_PREFIX='ocf-exit-reason:'
                OCF_RA_VERSION_MAJOR='1'
                OCF_RA_VERSION_MINOR='1'
                OCF_RESKEY_CRM_meta_interval='10000'
                OCF_RESKEY_CRM_meta_name='monitor'
                OCF_RESKEY_CRM_meta_on_node='alpha'
                OCF_RESKEY_CRM_meta_timeout='10000'
                OCF_RESKEY_crm_feature_set='3.15.0'
                OCF_RESKEY_ip='10.0.0.9 'x''
                OCF_RESOURCE_INSTANCE='thing@web'
                OCF_RESOURCE_PROVIDER='test'
                OCF_RESOURCE_TYPE='thing'
                OCF_ROOT='DIR/ocf'
            "#]],
        );
    });
}

#[test]
fn a_copy_is_told_how_many_there_are_to_be() {
    on_own_node("a_copy_is_told_how_many_there_are_to_be", async || {
        let dir = tempfile::tempdir().unwrap();
        let mut node = Node::new(dir.path(), Grouping::Session);
        let spec = write_agent(&node, "env | grep -E '_max|promotable' | sort > $D/told");
        node.copies = Some(CopiesTold {
            count: 3,
            per_node: 2,
            promoted: None,
        });
        assert_eq!(node.outcome(Verb::Status, &spec).await, Outcome::Running);
        check_told(
            &node,
            &expect![[r#"
                OCF_RESKEY_CRM_meta_clone_max='3'
                OCF_RESKEY_CRM_meta_clone_node_max='2'
            "#]],
        );
        node.copies = Some(CopiesTold {
            count: 2,
            per_node: 1,
            promoted: Some(1),
        });
        assert_eq!(node.outcome(Verb::Notify, &spec).await, Outcome::Running);
        check_told(
            &node,
            &expect![[r#"
                OCF_RESKEY_CRM_meta_clone_max='2'
                OCF_RESKEY_CRM_meta_clone_node_max='1'
                OCF_RESKEY_CRM_meta_master_max='1'
                OCF_RESKEY_CRM_meta_master_node_max='1'
                OCF_RESKEY_CRM_meta_promotable='true'
                OCF_RESKEY_CRM_meta_promoted_max='1'
                OCF_RESKEY_CRM_meta_promoted_node_max='1'
            "#]],
        );
    });
}

fn copy(number: u32, node: &str) -> (ServiceName, NodeName) {
    let service = ServiceName::new(format!("web:{number}")).unwrap();
    (service, NodeName::new(node).unwrap())
}

#[test]
fn notices_and_migrations_say_who_and_where() {
    on_own_node("notices_and_migrations_say_who_and_where", async || {
        let dir = tempfile::tempdir().unwrap();
        let mut node = Node::new(dir.path(), Grouping::Session);
        // What was handed over does not run here any more.
        let text = "test $1 = monitor && exit 7; env | grep -E 'notify_|migrate_' | sort > $D/told";
        let spec = write_agent(&node, text);
        let notice = Notice {
            when: NoticeTime::Before,
            of: Verb::Promote,
            affected: vec![copy(1, "beta")],
            promoted: Vec::new(),
            unpromoted: vec![copy(0, "alpha"), copy(1, "beta")],
        };
        let about = About::Notice(Box::new(notice));
        let id = node.order_about((Verb::Notify, about), &spec, &[]);
        assert_eq!(node.report(id).await.outcome, Outcome::Running);
        check_told(
            &node,
            &expect![[r#"
                OCF_RESKEY_CRM_meta_notify_active_resource='thing@web:0 thing@web:1'
                OCF_RESKEY_CRM_meta_notify_active_uname='alpha beta'
                OCF_RESKEY_CRM_meta_notify_demote_resource=' '
                OCF_RESKEY_CRM_meta_notify_demote_uname=' '
                OCF_RESKEY_CRM_meta_notify_master_resource=' '
                OCF_RESKEY_CRM_meta_notify_master_uname=' '
                OCF_RESKEY_CRM_meta_notify_operation='promote'
                OCF_RESKEY_CRM_meta_notify_promote_resource='thing@web:1'
                OCF_RESKEY_CRM_meta_notify_promote_uname='beta'
                OCF_RESKEY_CRM_meta_notify_promoted_resource=' '
                OCF_RESKEY_CRM_meta_notify_promoted_uname=' '
                OCF_RESKEY_CRM_meta_notify_slave_resource='thing@web:0 thing@web:1'
                OCF_RESKEY_CRM_meta_notify_slave_uname='alpha beta'
                OCF_RESKEY_CRM_meta_notify_start_resource=' '
                OCF_RESKEY_CRM_meta_notify_start_uname=' '
                OCF_RESKEY_CRM_meta_notify_stop_resource=' '
                OCF_RESKEY_CRM_meta_notify_stop_uname=' '
                OCF_RESKEY_CRM_meta_notify_type='pre'
                OCF_RESKEY_CRM_meta_notify_unpromoted_resource='thing@web:0 thing@web:1'
                OCF_RESKEY_CRM_meta_notify_unpromoted_uname='alpha beta'
            "#]],
        );
        let peer = || About::Peer(NodeName::new("beta").unwrap());
        let id = node.order_about((Verb::MigrateTo, peer()), &spec, &[]);
        assert_eq!(node.report(id).await.outcome, Outcome::Stopped);
        check_told(
            &node,
            &expect![[r#"
                OCF_RESKEY_CRM_meta_migrate_source='alpha'
                OCF_RESKEY_CRM_meta_migrate_target='beta'
                OCF_RESKEY_CRM_meta_name='migrate_to'
            "#]],
        );
        let id = node.order_about((Verb::MigrateFrom, peer()), &spec, &[]);
        assert_eq!(node.report(id).await.outcome, Outcome::Running);
        check_told(
            &node,
            &expect![[r#"
                OCF_RESKEY_CRM_meta_migrate_source='beta'
                OCF_RESKEY_CRM_meta_migrate_target='alpha'
                OCF_RESKEY_CRM_meta_name='migrate_from'
            "#]],
        );
    });
}

#[test]
fn deeper_questions_are_asked_in_their_own_rhythm() {
    on_own_node(
        "deeper_questions_are_asked_in_their_own_rhythm",
        async || {
            let dir = tempfile::tempdir().unwrap();
            let mut node = Node::new(dir.path(), Grouping::Session);
            let mut spec = write_agent(
                &node,
                "test $1 = monitor && echo $OCF_CHECK_LEVEL $OCF_RESKEY_CRM_meta_interval >> $D/asked",
            );
            let ResourceKind::Agent(agent) = &mut spec.kind else {
                unreachable!("it is one")
            };
            let depth = |level, every| Depth { level, every };
            // The first is due with each question, the second not as long as this test runs.
            agent.depth = vec![
                depth(10, Duration::from_nanos(1)),
                depth(20, PATIENCE * 100),
            ];
            assert_eq!(node.outcome(Verb::Probe, &spec).await, Outcome::Running);
            for _ in 0..2 {
                assert_eq!(node.outcome(Verb::Status, &spec).await, Outcome::Running);
            }
            let asked = std::fs::read_to_string(dir.path().join("asked")).unwrap();
            assert_eq!(asked, "0 0\n10 0\n10 0\n");
        },
    );
}

#[test]
fn an_init_script_is_operated_by_its_statuses() {
    story("an_init_script_is_operated_by_its_statuses", async |node| {
        let text = format!(
            "#!/bin/sh\nD={}\n{}",
            node.dir.display(),
            r#"case $1 in
            start) touch $D/up ;;
            stop) rm -f $D/up ;;
            status) test -e $D/dead && exit 1; test -e $D/up || exit 3 ;;
            *) exit 2 ;;
            esac"#
        );
        write_program(&node.dir.join("init.d/old-thing"), &text);
        let spec = agent("lsb:old-thing", &[]);
        assert_eq!(node.outcome(Verb::Probe, &spec).await, Outcome::Stopped);
        assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
        assert_eq!(node.outcome(Verb::Status, &spec).await, Outcome::Running);
        std::fs::write(node.dir.join("dead"), "").unwrap();
        assert_eq!(node.outcome(Verb::Status, &spec).await, Outcome::Stopped);
        assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
        assert_eq!(
            node.outcome(Verb::Promote, &spec).await,
            failed("promote is not known to init scripts")
        );
    });
}

#[test]
fn debian_s_dummy_is_operated_and_reloaded() {
    story("debian_s_dummy_is_operated_and_reloaded", async |node| {
        with_debian(node);
        let spec = agent("ocf:heartbeat:Dummy", &[]);
        assert_eq!(node.outcome(Verb::Probe, &spec).await, Outcome::Stopped);
        assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
        let state = node.dir.join("run/agents/Dummy-thing@web.state");
        assert!(
            state.exists(),
            "its own file, below the directory of the daemon"
        );
        assert_eq!(node.outcome(Verb::Reload, &spec).await, Outcome::Running);
        std::fs::remove_file(state).unwrap();
        let report = node.operate(Verb::Status, &spec).await;
        assert_eq!(report.outcome, Outcome::Stopped);
        assert!(
            report
                .output
                .contains("ocf-exit-reason:No process state file found\n")
        );
        assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
    });
}

#[test]
fn debian_s_stateful_is_promoted_and_tells_its_score() {
    story(
        "debian_s_stateful_is_promoted_and_tells_its_score",
        async |node| {
            with_debian(node);
            let spec = agent("ocf:heartbeat:Stateful", &[]);
            assert_eq!(node.outcome(Verb::Probe, &spec).await, Outcome::Stopped);
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            assert_eq!(node.outcome(Verb::Promote, &spec).await, Outcome::Promoted);
            assert_eq!(node.outcome(Verb::Status, &spec).await, Outcome::Promoted);
            assert_eq!(node.outcome(Verb::Demote, &spec).await, Outcome::Running);
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
            let calls = std::fs::read_to_string(node.dir.join("calls")).unwrap();
            let mut calls: Vec<&str> = calls.lines().collect();
            calls.dedup();
            assert_eq!(
                calls,
                [
                    "crm_attribute -p -v 5",
                    "crm_attribute -p -v 10",
                    "crm_attribute -p -v 5",
                    "crm_attribute -p -D"
                ]
            );
        },
    );
}

#[test]
fn debian_s_address_is_taken_and_given_back() {
    story("debian_s_address_is_taken_and_given_back", async |node| {
        with_debian(node);
        let card = [
            "link", "add", "card", "type", "veth", "peer", "name", "other",
        ];
        common::run("ip", &card);
        common::run("ip", &["link", "set", "other", "up"]);
        common::run("ip", &["link", "set", "card", "up"]);
        let options = [("ip", "192.0.2.9"), ("cidr_netmask", "24"), ("nic", "card")];
        let spec = agent("ocf:heartbeat:IPaddr2", &options);
        assert_eq!(node.outcome(Verb::Probe, &spec).await, Outcome::Stopped);
        let report = node.operate(Verb::Start, &spec).await;
        assert_eq!(report.outcome, Outcome::Running, "{}", report.output);
        let shown = common::run("ip", &["-o", "addr", "show", "card"]);
        assert!(shown.contains("192.0.2.9/24"), "{shown}");
        common::run("ip", &["addr", "del", "192.0.2.9/24", "dev", "card"]);
        assert_eq!(node.outcome(Verb::Status, &spec).await, Outcome::Stopped);
        assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
        assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
        let shown = common::run("ip", &["-o", "addr", "show", "card"]);
        assert!(!shown.contains("192.0.2.9"), "{shown}");
        common::run("ip", &["link", "del", "card"]);
    });
}

#[test]
fn debian_s_file_system_is_mounted_and_unmounted() {
    story(
        "debian_s_file_system_is_mounted_and_unmounted",
        async |node| {
            with_debian(node);
            let (from, to) = (node.dir.join("from"), node.dir.join("to"));
            for dir in [&from, &to] {
                std::fs::create_dir(dir).unwrap();
            }
            std::fs::write(from.join("page"), "hello").unwrap();
            let text = |path: &Path| path.display().to_string();
            let (device, directory) = (text(&from), text(&to));
            let options = [
                ("device", device.as_str()),
                ("directory", &directory),
                ("fstype", "none"),
                ("options", "bind"),
            ];
            let spec = agent("ocf:heartbeat:Filesystem", &options);
            assert_eq!(node.outcome(Verb::Probe, &spec).await, Outcome::Stopped);
            let report = node.operate(Verb::Start, &spec).await;
            assert_eq!(report.outcome, Outcome::Running, "{}", report.output);
            assert!(to.join("page").exists());
            common::run("umount", &[&directory]);
            assert_eq!(node.outcome(Verb::Status, &spec).await, Outcome::Stopped);
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
            eventually("unmounted", || !to.join("page").exists()).await;
        },
    );
}

#[test]
fn an_agent_says_whether_it_accepts_a_resource() {
    on_own_node("an_agent_says_whether_it_accepts_a_resource", async || {
        let dir = tempfile::tempdir().unwrap();
        let node = Node::new(dir.path(), Grouping::Session);
        let described = r#"
if [ $1 = meta-data ]; then
  echo '<resource-agent name="thing"><actions><action name="validate-all" timeout="5s"/></actions></resource-agent>'
  exit 0
fi
test $1 = validate-all || exit 3
"#;
        let unsuitable = |how: &str| Fact::Unsuitable(how.to_owned());
        for (answer, fact) in [
            ("exit 0", Fact::Fine),
            ("exit 3", Fact::Fine),
            (
                "echo ocf-exit-reason:no file $OCF_RESKEY_file >&2; exit 6",
                unsuitable("validate-all: no file /x (exit 6: not configured)"),
            ),
            ("exit 5", unsuitable("validate-all: exit 5: not installed")),
            (
                "exit 2",
                unsuitable("validate-all: exit 2: wrong arguments"),
            ),
            (
                "exit 1",
                Fact::Doubtful("validate-all: exit 1: an error".to_owned()),
            ),
            (
                "sleep 60",
                Fact::Unknown("`validate-all` does not end".to_owned()),
            ),
        ] {
            write_agent(&node, &format!("{described}{answer}"));
            assert_eq!(accepted(&node).await, fact, "{answer}");
        }
        // One that does not describe the action is not called with it.
        let text = "test $1 = meta-data && echo '<resource-agent/>' && exit 0; exit 6";
        write_agent(&node, text);
        assert_eq!(accepted(&node).await, Fact::Fine);
    });
}

/// What the agent `ocf:test:thing` says of a resource.
async fn accepted(node: &Node) -> Fact {
    let spec = agent("ocf:test:thing", &[("file", "/x")]);
    let ResourceKind::Agent(agent) = spec.kind.clone() else {
        panic!("{spec:?}");
    };
    let question = Question::Agent {
        address: common::address_of(&spec),
        agent,
    };
    let facts = node.agents.inspect(vec![question], Vec::new()).await;
    facts.into_iter().next().unwrap()
}
