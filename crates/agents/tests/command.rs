//! Commands, with real programs.

mod common;

use std::path::Path;
use std::time::Duration;

use agents::Event;
use common::{
    Frozen, Grouping, Node, eventually, failed, killed_in_the_midst, on_own_node, resource,
    running, strings,
};
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

/// Whether the note of a change names the number of its program.
fn is_noted(node: &Node, spec: &ResourceSpec) -> bool {
    let service = common::address_of(spec).service;
    let logs = node.dir.join("log").join(service.as_str());
    let note = logs.join(format!("{}.change", spec.name));
    std::fs::read_to_string(note).is_ok_and(|text| text.contains(' '))
}

/// Also one whose environment says nothing any more, by which it could be known.
#[test]
fn a_start_that_outlives_its_daemon_is_ended_before_the_state_is_told() {
    let name = "a_start_that_outlives_its_daemon_is_ended_before_the_state_is_told";
    on_own_node(name, async || {
        for then in [Verb::Probe, Verb::Start, Verb::Stop] {
            let dir = tempfile::tempdir().unwrap();
            let spec = killed_in_the_midst(dir.path(), async |node: &mut Node| {
                let [start, stop, status] = BY_FILE;
                let slow = format!("exec env -i /bin/sleep 4717; {start}");
                let began = command(node, &slow, stop, status);
                node.order(Verb::Start, &began, &[]);
                eventually("it starts", || running("/bin/sleep 4717") == 1).await;
                // Only by its number can it be found, which is noted right after its start.
                eventually("it is noted", || is_noted(node, &began)).await;
                command(node, start, stop, status)
            });
            let mut next = Node::new(dir.path(), Grouping::Session);
            let wanted = match then {
                Verb::Start => Outcome::Running,
                _probe_or_stop => Outcome::Stopped,
            };
            assert_eq!(next.outcome(then, &spec).await, wanted, "{then}");
            assert_eq!(running("/bin/sleep 4717"), 0, "{then}");
        }
    });
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

/// A program in the midst of a call that waits for its disk cannot be ended; what it has asked
/// for comes about when the disk answers.
#[test]
fn a_start_that_not_even_kill_ends_does_not_count_as_stopped() {
    if !common::is_real_root() {
        return println!("loop devices need root");
    }
    let name = "a_start_that_not_even_kill_ends_does_not_count_as_stopped";
    on_own_node(name, async || {
        let dir = tempfile::tempdir().unwrap();
        let mut node = Node::new(dir.path(), Grouping::Session);
        let frozen = Frozen::new(&node);
        let target = node.dir.join("target").to_str().unwrap().to_owned();
        std::fs::create_dir(&target).unwrap();
        let start = format!("mount -o loop {} {target}; echo never here", frozen.image);
        let stop = format!("! mountpoint -q {target} || umount {target}");
        let status = format!("mountpoint -q {target} || exit 3");
        let mut spec = command(&node, &start, &stop, &status);
        spec.limits.start = Duration::from_millis(500);
        spec.limits.stop = Duration::from_secs(20);
        assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::TimedOut);
        assert_ne!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
        // Nor for the next daemon.
        let mut next = Node::new(&node.dir, Grouping::Session);
        for verb in [Verb::Probe, Verb::Stop] {
            let Outcome::Failed(how) = next.outcome(verb, &spec).await else {
                panic!("{verb} is done though a mount is under way");
            };
            assert!(how.contains("does not end"), "{how}");
        }
        frozen.thaw();
        assert_eq!(next.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
        let mounted = || host::mounts::on(Path::new(&target)).unwrap().is_some();
        assert!(!mounted());
        assert_eq!(next.outcome(Verb::Probe, &spec).await, Outcome::Stopped);
    });
}

/// A node without the program does not run it; where it was started, it may.
#[test]
fn what_is_not_installed_does_not_run_unless_it_was_started_here() {
    story(
        "what_is_not_installed_does_not_run_unless_it_was_started_here",
        async |node| {
            let program = node.dir.join("state");
            let mut spec = command(node, "touch $D/up", "rm -f $D/up", "");
            if let ResourceKind::Command(command) = &mut spec.kind {
                command.status = vec![program.display().to_string()];
            }
            assert_eq!(node.outcome(Verb::Probe, &spec).await, Outcome::Stopped);
            let script = format!("#!/bin/sh\ntest -e {}/up || exit 3\n", node.dir.display());
            std::fs::write(&program, script).unwrap();
            common::run("chmod", &["755", &program.display().to_string()]);
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            std::fs::remove_file(&program).unwrap();
            let outcome = node.outcome(Verb::Probe, &spec).await;
            assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
        },
    );
}
