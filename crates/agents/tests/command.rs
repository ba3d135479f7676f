//! Commands, with real programs.

mod common;

use std::time::Duration;

use agents::Event;
use common::{Grouping, Node, eventually, failed, on_own_node, resource, strings};
use model::operation::{Outcome, Verb};
use model::spec::{CommandSpec, ResourceKind, ResourceSpec};

/// Three shell scripts; `$D` is the directory of the test.
fn command(node: &Node, start: &str, stop: &str, status: &str) -> ResourceSpec {
    let script = |text: &str| {
        let text = format!("D={}; {text}", node.dir.display());
        strings(&["/bin/sh", "-c", &text])
    };
    let spec = CommandSpec {
        reload: None,
        start: script(start),
        stop: script(stop),
        status: script(status),
        migration: None,
        roles: None,
    };
    resource("command-1", ResourceKind::Command(spec))
}

const BY_FILE: [&str; 3] = [
    "echo up >> $D/starts; touch $D/up; echo started $MAINSTAY_VERB",
    "rm -f $D/up",
    "test -e $D/up || exit 3",
];

fn story(name: &str, story: impl AsyncFn(&mut Node)) {
    on_own_node(name, async || {
        for grouping in [Grouping::Cgroup, Grouping::Session] {
            let dir = tempfile::tempdir().unwrap();
            let mut node = Node::new(dir.path(), grouping);
            story(&mut node).await;
        }
    });
}

fn running(name: &str) -> usize {
    let all = host::process::all();
    let lines = all.iter().map(|stat| host::process::command_line(stat.pid));
    lines.filter(|line| line == name).count()
}

#[test]
fn a_command_starts_once_tells_its_state_and_stops() {
    story(
        "a_command_starts_once_tells_its_state_and_stops",
        async |node| {
            let [start, stop, status] = BY_FILE;
            let spec = command(node, start, stop, status);
            assert_eq!(node.outcome(Verb::Probe, &spec).await, Outcome::Stopped);
            let report = node.operate(Verb::Start, &spec).await;
            assert_eq!(
                (report.outcome, report.output),
                (Outcome::Running, "started start\n".to_owned())
            );
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            let starts = std::fs::read_to_string(node.dir.join("starts")).unwrap();
            assert_eq!(starts, "up\n", "not started twice");
            assert_eq!(node.outcome(Verb::Status, &spec).await, Outcome::Running);
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
            assert_eq!(node.outcome(Verb::Probe, &spec).await, Outcome::Stopped);
            let kept = node
                .agents
                .output(&common::address_of(&spec).service, &spec.name)
                .await;
            assert!(kept.contains("started start\n"), "{kept}");
            assert!(kept.contains("stop: stopped ("), "{kept}");
        },
    );
}

#[test]
fn a_program_that_fails_is_told_with_its_output() {
    story(
        "a_program_that_fails_is_told_with_its_output",
        async |node| {
            let spec = command(node, "echo no paper; exit 5", "exit 6", "exit 1");
            let report = node.operate(Verb::Start, &spec).await;
            assert_eq!(
                (report.outcome, report.output),
                (failed("start: exit 5"), "no paper\n".to_owned())
            );
            assert_eq!(
                node.outcome(Verb::Status, &spec).await,
                failed("status: exit 1")
            );
            assert_eq!(
                node.outcome(Verb::Stop, &spec).await,
                failed("stop: exit 6, twice; status: exit 1")
            );
        },
    );
}

#[test]
fn a_stop_that_failed_counts_when_the_status_says_stopped() {
    story(
        "a_stop_that_failed_counts_when_the_status_says_stopped",
        async |node| {
            let spec = command(node, "true", "exit 1", "exit 3");
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
        },
    );
}

/// The remarks in an output, without their times.
fn remarks(output: &str) -> Vec<&str> {
    let own = |line| str::split_once(line, " mainstay: ").map(|(_, words)| words);
    output.lines().filter_map(own).collect()
}

#[test]
fn a_stop_that_failed_is_tried_once_more() {
    story("a_stop_that_failed_is_tried_once_more", async |node| {
        let stop = "test -e $D/tried && rm $D/up; touch $D/tried; test ! -e $D/up";
        let [start, _, status] = BY_FILE;
        let spec = command(node, start, stop, status);
        assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
        let report = node.operate(Verb::Stop, &spec).await;
        assert_eq!(report.outcome, Outcome::Stopped);
        assert_eq!(
            remarks(&report.output),
            [
                "stop: exit 1",
                "status: running",
                "the stop program is run once more"
            ]
        );
    });
}

#[test]
fn a_stop_that_fails_twice_ends_what_is_left_and_believes_the_status() {
    let name = "a_stop_that_fails_twice_ends_what_is_left_and_believes_the_status";
    story(name, async |node| {
        let status = "pgrep -f '^sleep 2005' >/dev/null || exit 3";
        let spec = command(node, "setsid sleep 2005 &", "echo no; exit 7", status);
        assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
        eventually("the daemon runs", || running("sleep 2005") == 1).await;
        let report = node.operate(Verb::Stop, &spec).await;
        assert_eq!(report.outcome, Outcome::Stopped);
        assert_eq!(running("sleep 2005"), 0);
        let remarks = remarks(&report.output);
        let [.., second, ended, last] = &remarks[..] else {
            panic!("{remarks:?}");
        };
        assert_eq!(*second, "stop: exit 7");
        assert!(ended.starts_with("TERM, then KILL to "), "{ended}");
        assert!(ended.ends_with(" (sleep 2005)"), "{ended}");
        assert_eq!(*last, "status: stopped, although the stop program failed");
        assert_eq!(
            report.output.matches("no\n").count(),
            2,
            "{}",
            report.output
        );
    });
}

#[test]
fn a_stop_that_hangs_twice_fails_when_the_status_says_running() {
    let name = "a_stop_that_hangs_twice_fails_when_the_status_says_running";
    story(name, async |node| {
        let mut spec = command(node, "true", "sleep 2006", "true");
        spec.limits.stop = Duration::from_millis(200);
        assert_eq!(
            node.outcome(Verb::Stop, &spec).await,
            failed("stop: not done within 200ms, twice; status: running")
        );
        assert_eq!(running("sleep 2006"), 0);
    });
}

#[test]
fn a_program_that_overruns_its_limit_is_warned_of_at_half_and_ended_with_its_children() {
    let name = "a_program_that_overruns_its_limit_is_warned_of_at_half_and_ended_with_its_children";
    story(name, async |node| {
        let mut spec = command(node, "sleep 2001; echo unreached", "true", "exit 3");
        spec.limits.start = Duration::from_millis(200);
        let id = node.order(Verb::Start, &spec, &[]);
        let slow = node.events.recv().await.unwrap();
        assert!(
            matches!(slow, Event::Slow { id: slow, verb: Verb::Start, after, .. }
                if slow == id && after == Duration::from_millis(100)),
            "{slow:?}"
        );
        assert_eq!(node.report(id).await.outcome, Outcome::TimedOut);
        assert_eq!(running("sleep 2001"), 0);
    });
}

#[test]
fn a_daemon_that_a_stop_program_forgets_is_ended_nevertheless() {
    story(
        "a_daemon_that_a_stop_program_forgets_is_ended_nevertheless",
        async |node| {
            let spec = command(
                node,
                "setsid sleep 2002 &",
                "true",
                "pgrep -f '^sleep 2002' >/dev/null || exit 3",
            );
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            eventually("the daemon runs", || running("sleep 2002") == 1).await;
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
            assert_eq!(running("sleep 2002"), 0);
        },
    );
}

#[test]
fn the_end_of_a_daemon_is_noticed_without_waiting_for_the_next_status() {
    on_own_node(
        "the_end_of_a_daemon_is_noticed_without_waiting_for_the_next_status",
        async || {
            let dir = tempfile::tempdir().unwrap();
            let mut node = Node::new(dir.path(), Grouping::Cgroup);
            if !common::is_real_root() {
                return println!("no cgroups here");
            }
            let spec = command(
                &node,
                "setsid sleep 2003 & ",
                "true",
                "pgrep -f '^sleep 2003' >/dev/null || exit 3",
            );
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            eventually("the daemon runs", || running("sleep 2003") == 1).await;
            common::run("pkill", &["-f", "^sleep 2003"]);
            assert_eq!(node.failure().await.0, "its last process has ended");
        },
    );
}

#[test]
fn a_slow_resource_does_not_delay_another() {
    on_own_node("a_slow_resource_does_not_delay_another", async || {
        let dir = tempfile::tempdir().unwrap();
        let mut node = Node::new(dir.path(), Grouping::Session);
        let status = "test -e $D/release || exit 3";
        let wait = "while ! test -e $D/release; do sleep 0.01; done";
        let slow = command(&node, wait, "true", status);
        let mut quick = common::process(&["/bin/sleep", "2004"]);
        quick.name = model::ResourceName::new("process-2").unwrap();
        let first = node.order(Verb::Start, &slow, &[]);
        let second = node.order(Verb::Start, &quick, &[]);
        assert_eq!(node.report(second).await.outcome, Outcome::Running);
        std::fs::write(dir.path().join("release"), "").unwrap();
        assert_eq!(node.report(first).await.outcome, Outcome::Running);
    });
}

#[test]
fn operations_on_one_resource_are_done_in_order_and_too_many_are_refused() {
    let name = "operations_on_one_resource_are_done_in_order_and_too_many_are_refused";
    on_own_node(name, async || {
        let dir = tempfile::tempdir().unwrap();
        let mut node = Node::new(dir.path(), Grouping::Session);
        let wait = "while ! test -e $D/release; do sleep 0.01; done; exit 3";
        let spec = command(&node, "true", "true", wait);
        let orders: Vec<_> = (0..18)
            .map(|_| node.order(Verb::Status, &spec, &[]))
            .collect();
        let mut reports = Vec::new();
        while reports.len() < orders.len() {
            let Event::Finished(report) = node.event().await else {
                panic!("only ends are expected");
            };
            // Refusals come first: the others wait for this.
            std::fs::write(dir.path().join("release"), "").unwrap();
            reports.push(report);
        }
        let how = "16 operations wait for web/command-1 already";
        let (refused, done): (Vec<_>, Vec<_>) = reports
            .iter()
            .partition(|report| report.outcome == failed(how));
        // Sixteen wait, and one may have been taken out of the queue by then.
        assert!([1, 2].contains(&refused.len()), "{reports:?}");
        assert!(done.iter().all(|report| report.outcome == Outcome::Stopped));
        assert!(done.is_sorted_by_key(|report| report.id), "{done:?}");
    });
}
