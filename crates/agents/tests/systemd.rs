//! Units of systemd, with a real systemd.

mod common;

use std::time::Duration;

use common::systemd::Systemd;
use common::{Grouping, Node, address_of, eventually, failed, is_real_root, on_own_node, resource};
use model::operation::{Outcome, Verb};
use model::spec::{ResourceKind, ResourceSpec, SystemdSpec};

fn unit(name: &str) -> ResourceSpec {
    let unit = name.to_owned();
    resource("systemd-1", ResourceKind::Systemd(SystemdSpec { unit }))
}

fn story(name: &str, story: impl AsyncFn(&Systemd, &mut Node)) {
    // Only the real root may make the cgroups that systemd needs.
    if !is_real_root() && std::env::var("MAINSTAY_TEST_INSIDE").is_err() {
        return;
    }
    on_own_node(name, async || {
        let dir = tempfile::tempdir().unwrap();
        let systemd = Systemd::boot(dir.path()).await;
        let mut node = Node::with_bus(dir.path(), Grouping::Session, Some(systemd.bus()));
        story(&systemd, &mut node).await;
    });
}

fn pids(line: &str) -> Vec<i32> {
    let all = host::process::all().into_iter().map(|stat| stat.pid);
    all.filter(|pid| host::process::command_line(*pid).starts_with(line))
        .collect()
}

/// The process of a unit: systemd calls a unit active before its process has become the program.
async fn pid(line: &str) -> i32 {
    eventually(line, || pids(line).len() == 1).await;
    pids(line)[0]
}

async fn kill(line: &str) {
    let found = pid(line).await;
    common::run("kill", &["-9", &found.to_string()]);
}

async fn log(node: &Node, spec: &ResourceSpec) -> String {
    let address = address_of(spec);
    node.agents
        .output(&address.service, &address.resource)
        .await
}

#[test]
fn a_unit_starts_its_end_is_noticed_at_once_and_it_stops() {
    story(
        "a_unit_starts_its_end_is_noticed_at_once_and_it_stops",
        async |systemd, node| {
            systemd.unit("web.service", "[Service]\nExecStart=/bin/sleep 4711\n");
            let spec = unit("web.service");
            assert_eq!(node.outcome(Verb::Probe, &spec).await, Outcome::Stopped);
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            pid("/bin/sleep 4711").await;
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            assert_eq!(pids("/bin/sleep 4711").len(), 1, "not started twice");
            for _ in 0..3 {
                kill("/bin/sleep 4711").await;
                assert_eq!(node.failure().await.0, "signal 9");
                assert_eq!(node.outcome(Verb::Status, &spec).await, failed("signal 9"));
                assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            }
            systemd.ask(&["StopUnit", "ss", "web.service", "replace"]);
            let (how, _) = node.failure().await;
            assert!(how.starts_with("it was stopped"), "{how}");
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
            assert_eq!(pids("/bin/sleep 4711").len(), 0);
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
            assert_eq!(node.outcome(Verb::Status, &spec).await, Outcome::Stopped);
        },
    );
}

/// Units that do not come up, each for a reason of its own, and some that do.
const UNITS: [(&str, &str); 7] = [
    (
        "broken.service",
        "[Service]\nExecStart=/bin/sh -c 'exit 3'\nType=oneshot\n",
    ),
    (
        "once.service",
        "[Service]\nType=oneshot\nExecStart=/bin/true\n",
    ),
    (
        "stays.service",
        "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n",
    ),
    ("bad.service", "[Service]\nType=oneshot\n"),
    (
        "skipped.service",
        "ConditionPathExists=/no/such/file\n[Service]\nExecStart=/bin/sleep 1\n",
    ),
    (
        "needs.service",
        "Requires=broken.service\nAfter=broken.service\n[Service]\nExecStart=/bin/sleep 1\n",
    ),
    ("of@.service", "[Service]\nExecStart=/bin/sleep %i\n"),
];

#[test]
fn what_cannot_start_says_why() {
    story("what_cannot_start_says_why", async |systemd, node| {
        for (name, text) in UNITS {
            systemd.unit(name, text);
        }
        let masked = systemd.dir.join("units/masked.service");
        std::os::unix::fs::symlink("/dev/null", masked).unwrap();
        systemd.ask(&["Reload"]);
        for (name, why) in [
            ("broken.service", "exit 3"),
            (
                "once.service",
                "it has done its work and ended (Type=oneshot): with RemainAfterExit=yes it would count as up",
            ),
            (
                "nowhere.service",
                "there is no unit nowhere.service on this node",
            ),
            (
                "masked.service",
                "masked.service is masked here: `systemctl unmask masked.service`",
            ),
            (
                "skipped.service",
                "systemd skipped its start: ConditionPathExists=/no/such/file does not hold here",
            ),
            ("needs.service", "a unit that it requires did not start"),
        ] {
            let spec = unit(name);
            assert_eq!(
                node.outcome(Verb::Start, &spec).await,
                failed(why),
                "{name}"
            );
            assert_eq!(
                node.outcome(Verb::Stop, &spec).await,
                Outcome::Stopped,
                "{name}"
            );
            assert_eq!(
                node.outcome(Verb::Probe, &spec).await,
                Outcome::Stopped,
                "{name}"
            );
        }
        let bad = node.outcome(Verb::Start, &unit("bad.service")).await;
        let Outcome::Failed(how) = bad else {
            panic!("{bad:?}")
        };
        assert!(
            how.starts_with("bad.service cannot be loaded (bad-setting)"),
            "{how}"
        );
        for name in ["stays.service", "of@8.service"] {
            let spec = unit(name);
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            assert_eq!(node.outcome(Verb::Status, &spec).await, Outcome::Running);
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
        }
    });
}

#[test]
fn a_restart_by_systemd_itself_is_told_apart() {
    story(
        "a_restart_by_systemd_itself_is_told_apart",
        async |systemd, node| {
            let text = "StartLimitBurst=3\nStartLimitIntervalSec=60\n[Service]\nExecStart=/bin/sleep 4712\nRestart=always\nRestartSec=20ms\n";
            systemd.unit("web.service", text);
            let spec = unit("web.service");
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            // The first start and two by systemd itself; then its own limit is reached.
            for _ in 0..2 {
                let before = pids("/bin/sleep 4712");
                kill("/bin/sleep 4712").await;
                eventually("started again", || {
                    let now = pids("/bin/sleep 4712");
                    now.len() == 1 && now != before
                })
                .await;
                assert_eq!(node.outcome(Verb::Status, &spec).await, Outcome::Running);
            }
            kill("/bin/sleep 4712").await;
            let (how, _) = node.failure().await;
            assert_eq!(how, "signal 9");
            let log = log(node, &spec).await;
            for part in [
                "web.service has Restart=always: systemd mends it by itself",
                "signal 9; systemd starts it again",
                "systemd itself started it again (Restart=always), 2 times by now",
            ] {
                assert!(log.contains(part), "{part}: {log}");
            }
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
        },
    );
}

#[test]
fn reloads_restarts_of_the_bus_and_of_ourselves_are_survived() {
    story(
        "reloads_restarts_of_the_bus_and_of_ourselves_are_survived",
        async |systemd, node| {
            let text = "[Service]\nExecStart=/bin/sleep 4713\n[Install]\nWantedBy=boot.target\n";
            systemd.unit("web.service", text);
            let spec = unit("web.service");
            let wants = systemd.dir.join("units/boot.target.wants");
            std::fs::create_dir(&wants).unwrap();
            std::os::unix::fs::symlink("../web.service", wants.join("web.service")).unwrap();
            systemd.ask(&["Reload"]);
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            systemd.ask(&["Reload"]);
            assert_eq!(node.outcome(Verb::Status, &spec).await, Outcome::Running);
            kill("/bin/sleep 4713").await;
            assert_eq!(node.failure().await.0, "signal 9");

            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            let bus = systemd.dir.join("bus.conf");
            let bus = format!("/usr/bin/dbus-daemon --config-file={}", bus.display());
            kill(&bus).await;
            eventually("the bus is back", || pids(&bus).len() == 1).await;
            kill("/bin/sleep 4713").await;
            assert_eq!(node.failure().await.0, "signal 9");

            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            let dir = node.dir.clone();
            *node = Node::with_bus(&dir, Grouping::Session, Some(systemd.bus()));
            assert_eq!(node.outcome(Verb::Probe, &spec).await, Outcome::Running);
            kill("/bin/sleep 4713").await;
            assert_eq!(node.failure().await.0, "signal 9");
            let log = log(node, &spec).await;
            assert!(
                log.contains("web.service is enabled: systemd starts it at boot"),
                "{log}"
            );
        },
    );
}

#[test]
fn a_stop_that_systemd_does_not_manage_goes_by_stages() {
    story(
        "a_stop_that_systemd_does_not_manage_goes_by_stages",
        async |systemd, node| {
            let text = "[Service]\nExecStart=/bin/sh -c 'trap \"\" TERM; while :; do sleep 4714; done'\nTimeoutStopSec=infinity\n";
            systemd.unit("web.service", text);
            let mut spec = unit("web.service");
            spec.limits.stop = Duration::from_millis(300);
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            eventually("its shell has its trap", || pids("sleep 4714").len() == 1).await;
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
            assert_eq!(pids("sleep 4714").len(), 0);
            let log = log(node, &spec).await;
            for part in [
                "it is being stopped (stop-sigterm): TERM to ",
                "it is being stopped (stop-sigterm): KILL to ",
                "/bin/sh -c",
                "down: signal 9",
            ] {
                assert!(log.contains(part), "{part}: {log}");
            }
            // What the unit itself spares is named, and left alone.
            let text = "[Service]\nExecStart=/bin/sh -c 'sleep 4715 & exec sleep 4716'\nKillMode=process\n";
            systemd.unit("spares.service", text);
            let spec = unit("spares.service");
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            eventually("it has forked", || pids("sleep 4715").len() == 1).await;
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
            assert_eq!(pids("sleep 4715").len(), 1);
            let log = crate::log(node, &spec).await;
            assert!(
                log.contains("left running as its KillMode=process says: "),
                "{log}"
            );
        },
    );
}

#[test]
fn without_systemd_the_answer_says_so() {
    on_own_node("without_systemd_the_answer_says_so", async || {
        let dir = tempfile::tempdir().unwrap();
        let nobody = format!("unix:path={}", dir.path().join("nobody").display());
        let mut node = Node::with_bus(dir.path(), Grouping::Session, Some(nobody));
        let outcome = node.outcome(Verb::Start, &unit("web.service")).await;
        let Outcome::Failed(how) = &outcome else {
            panic!("{outcome:?}")
        };
        assert!(
            how.starts_with("cannot reach systemd over D-Bus: "),
            "{how}"
        );
    });
}
