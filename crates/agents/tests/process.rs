//! Processes, with real ones.

mod common;

use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

use agents::Event;
use common::{Grouping, Node, eventually, failed, on_own_node, process, script};
use model::operation::{Outcome, Verb};
use model::spec::{Ready, ResourceKind, ResourceSpec};

const BOTH: [Grouping; 2] = [Grouping::Cgroup, Grouping::Session];

/// Runs a story with cgroups and without.
fn with_and_without_cgroup(name: &str, story: impl AsyncFn(&mut Node)) {
    on_own_node(name, async || {
        for grouping in BOTH {
            let dir = tempfile::tempdir().unwrap();
            let mut node = Node::new(dir.path(), grouping);
            story(&mut node).await;
        }
    });
}

/// Processes whose command line begins so.
fn pids(pattern: &str) -> Vec<i32> {
    host::process::all()
        .iter()
        .filter(|stat| {
            let line = host::process::command_line(stat.pid);
            line.trim_start_matches("/bin/").starts_with(pattern)
        })
        .map(|stat| stat.pid)
        .collect()
}

/// Those of them that lead a session: a shell that is about to become another program does
/// not.
fn leaders(pattern: &str) -> Vec<i32> {
    let session = |pid: &i32| host::process::Stat::read(*pid).map(|stat| stat.session);
    let found = pids(pattern).into_iter();
    found
        .filter(|pid| session(pid).is_ok_and(|session| session == *pid))
        .collect()
}

fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn a_process_starts_once_and_stops() {
    with_and_without_cgroup("a_process_starts_once_and_stops", async |node| {
        let spec = process(&["/bin/sleep", "1001"]);
        assert_eq!(node.outcome(Verb::Probe, &spec).await, Outcome::Stopped);
        let report = node.operate(Verb::Start, &spec).await;
        assert_eq!(report.outcome, Outcome::Running);
        println!("a process started in {:?}", report.took);
        let first = pids("sleep 1001");
        assert_eq!(first.len(), 1);
        assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
        assert_eq!(pids("sleep 1001"), first, "not started twice");
        assert_eq!(node.outcome(Verb::Status, &spec).await, Outcome::Running);
        assert_eq!(node.agents.recorded().len(), 1);
        let report = node.operate(Verb::Stop, &spec).await;
        assert_eq!(report.outcome, Outcome::Stopped);
        println!("a process stopped in {:?}", report.took);
        assert_eq!(pids("sleep 1001"), Vec::<i32>::new());
        assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
        assert_eq!(node.agents.recorded().len(), 0);
    });
}

#[test]
fn a_killed_process_is_noticed_at_once() {
    with_and_without_cgroup("a_killed_process_is_noticed_at_once", async |node| {
        let spec = script("echo about to sleep; exec sleep 1002");
        assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
        let pid = loop {
            // The shell becomes sleep a moment after the start.
            if let [pid] = pids("sleep 1002")[..]
                && host::process::command_line(pid) == "sleep 1002"
            {
                break pid;
            }
            tokio::task::yield_now().await;
        };
        let began = Instant::now();
        kill(pid);
        let (how, output) = node.failure().await;
        println!("a killed process was noticed after {:?}", began.elapsed());
        assert_eq!(how, "signal 9");
        assert_eq!(output, "about to sleep\n");
        assert!(
            began.elapsed() < Duration::from_millis(100),
            "{:?}",
            began.elapsed()
        );
        assert_eq!(node.outcome(Verb::Probe, &spec).await, Outcome::Stopped);
    });
}

#[test]
fn the_exit_status_and_the_last_words_are_told() {
    with_and_without_cgroup(
        "the_exit_status_and_the_last_words_are_told",
        async |node| {
            let spec = script("sleep 0.05; echo out of paper >&2; exit 7");
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            assert_eq!(
                node.failure().await,
                ("exit 7".to_owned(), "out of paper\n".to_owned())
            );
            let kept = node
                .agents
                .output(&common::address_of(&spec).service, &spec.name)
                .await;
            assert!(kept.contains("start: claim 1, plan 1"), "{kept}");
            assert!(kept.contains("failed by itself: exit 7"), "{kept}");
            assert!(kept.contains("--- its own output:\nout of paper"), "{kept}");
        },
    );
}

#[test]
fn a_program_that_cannot_be_executed_says_why() {
    with_and_without_cgroup("a_program_that_cannot_be_executed_says_why", async |node| {
        let spec = process(&["/no/such/program"]);
        let how = "cannot execute /no/such/program: No such file or directory (os error 2)";
        assert_eq!(node.outcome(Verb::Start, &spec).await, failed(how));
        let mut spec = process(&["/bin/true"]);
        let ResourceKind::Process(inner) = &mut spec.kind else {
            unreachable!()
        };
        inner.directory = Some("/no/such/directory".to_owned());
        let how = "cannot enter the working directory of /bin/true: No such file or directory (os error 2)";
        assert_eq!(node.outcome(Verb::Start, &spec).await, failed(how));
        assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
    });
}

fn server(script: &str) -> ResourceSpec {
    let mut spec = common::script(script);
    let ResourceKind::Process(inner) = &mut spec.kind else {
        unreachable!()
    };
    inner.ready = Ready::Port("127.0.0.1:8080".parse().unwrap());
    spec
}

const SERVE: &str = "exec python3 -c 'import socket,time; s=socket.socket(); \
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); \
    s.bind((\"127.0.0.1\",8080)); s.listen(); time.sleep(1000)'";

#[test]
fn a_server_is_running_when_its_port_accepts() {
    with_and_without_cgroup("a_server_is_running_when_its_port_accepts", async |node| {
        let spec = server(SERVE);
        assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
        assert!(std::net::TcpStream::connect("127.0.0.1:8080").is_ok());
        assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
        assert!(std::net::TcpStream::connect("127.0.0.1:8080").is_err());
    });
}

#[test]
fn a_server_that_ends_before_it_is_ready_has_failed() {
    with_and_without_cgroup(
        "a_server_that_ends_before_it_is_ready_has_failed",
        async |node| {
            let report = node
                .operate(Verb::Start, &server("echo no licence; exit 3"))
                .await;
            assert_eq!(report.outcome, failed("exit 3 before it was ready"));
            assert_eq!(report.output, "no licence\n");
        },
    );
}

#[test]
fn a_server_that_is_never_ready_is_ended_at_the_limit() {
    with_and_without_cgroup(
        "a_server_that_is_never_ready_is_ended_at_the_limit",
        async |node| {
            let mut spec = server("exec sleep 1003");
            spec.limits.start = Duration::from_millis(100);
            let id = node.order(Verb::Start, &spec, &[]);
            let first = node.events.recv().await.unwrap();
            assert!(
                matches!(first, Event::Slow { after, .. } if after == Duration::from_millis(50))
            );
            assert_eq!(node.report(id).await.outcome, Outcome::TimedOut);
            assert_eq!(pids("sleep 1003"), Vec::<i32>::new());
        },
    );
}

#[test]
fn a_stop_does_not_wait_for_a_start_that_is_not_ready() {
    with_and_without_cgroup(
        "a_stop_does_not_wait_for_a_start_that_is_not_ready",
        async |node| {
            let spec = server("exec sleep 1004");
            let start = node.order(Verb::Start, &spec, &[]);
            let stop = node.order(Verb::Stop, &spec, &[]);
            let how = "a stop was asked for before it was ready";
            assert_eq!(node.report(start).await.outcome, failed(how));
            assert_eq!(node.report(stop).await.outcome, Outcome::Stopped);
            assert_eq!(pids("sleep 1004"), Vec::<i32>::new());
        },
    );
}

#[test]
fn a_process_that_ignores_term_is_killed_at_the_limit() {
    with_and_without_cgroup(
        "a_process_that_ignores_term_is_killed_at_the_limit",
        async |node| {
            let mut spec = script("trap '' TERM; echo deaf; while :; do sleep 1005; done");
            spec.limits.stop = Duration::from_millis(200);
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            eventually("the trap is set", || !pids("sleep 1005").is_empty()).await;
            let began = Instant::now();
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
            assert!(Duration::from_millis(200) <= began.elapsed());
            assert_eq!(pids("sleep 1005"), Vec::<i32>::new());
        },
    );
}

#[test]
fn children_that_forked_away_into_their_own_session_end_with_it() {
    let name = "children_that_forked_away_into_their_own_session_end_with_it";
    with_and_without_cgroup(name, async |node| {
        let mut spec = script(
            "setsid setsid sh -c 'trap \"\" TERM; while :; do sleep 1006; done' & sleep 1007",
        );
        spec.limits.stop = Duration::from_millis(300);
        assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
        eventually("the child is there", || !pids("sleep 1006").is_empty()).await;
        assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
        assert_eq!(pids("sleep 100"), Vec::<i32>::new());
    });
}

#[test]
fn what_a_dead_main_process_left_is_found_and_cleared_before_the_next_start() {
    let name = "what_a_dead_main_process_left_is_found_and_cleared_before_the_next_start";
    with_and_without_cgroup(name, async |node| {
        let spec = script("setsid sleep 1008 & sleep 0.2; exit 1");
        assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
        assert_eq!(node.failure().await.0, "exit 1");
        let left = pids("sleep 1008");
        assert_eq!(left.len(), 1);
        let how = format!(
            "its main process has ended, others are left: {} (sleep 1008)",
            left[0]
        );
        assert_eq!(node.outcome(Verb::Probe, &spec).await, failed(&how));
        assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
        assert_eq!(node.failure().await.0, "exit 1");
        assert_ne!(pids("sleep 1008"), left);
        assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
        assert_eq!(pids("sleep 1008"), Vec::<i32>::new());
    });
}

#[test]
fn a_start_under_an_older_claim_is_refused() {
    with_and_without_cgroup("a_start_under_an_older_claim_is_refused", async |node| {
        let spec = process(&["/bin/sleep", "1009"]);
        node.epoch = 7;
        assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
        node.epoch = 6;
        let how = "stale claim 6: claim 7 has been seen here";
        assert_eq!(node.outcome(Verb::Start, &spec).await, failed(how));
        assert_eq!(pids("sleep 1009"), Vec::<i32>::new());
        assert_eq!(node.outcome(Verb::Probe, &spec).await, Outcome::Stopped);
    });
}

#[test]
fn a_process_has_its_account_session_and_nothing_of_ours() {
    with_and_without_cgroup(
        "a_process_has_its_account_session_and_nothing_of_ours",
        async |node| {
            let mut spec = script(
                "echo $$ $(id -un) $HOME $COLOUR; ls /proc/$$/fd; grep SigIgn /proc/$$/status; sleep 1010",
            );
            let ResourceKind::Process(inner) = &mut spec.kind else {
                unreachable!()
            };
            inner.environment = [("COLOUR".to_owned(), "green".to_owned())].into();
            if common::is_real_root() {
                inner.user = Some("nobody".to_owned());
            }
            let _leak = std::fs::File::open("/dev/null").unwrap();
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            eventually("it prints and sleeps", || !pids("sleep 1010").is_empty()).await;
            let out = std::fs::read_to_string(node.dir.join("log/web/process-1.out")).unwrap();
            let (words, rest) = out.split_once('\n').unwrap();
            let words: Vec<&str> = words.split(' ').collect();
            let pid: i32 = words[0].parse().unwrap();
            assert_eq!(host::process::Stat::read(pid).unwrap().session, pid);
            if common::is_real_root() {
                assert_eq!(words[1..3], ["nobody", "/nonexistent"]);
            }
            assert_eq!(words.last(), Some(&"green"));
            assert_eq!(rest, "0\n1\n2\nSigIgn:\t0000000000000000\n");
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
        },
    );
}

const ROLE_DIR: &str = "MAINSTAY_TEST_DAEMON_DIR";
const ADOPTED: &str = "a_daemon_that_was_killed_leaves_its_process_and_the_next_one_adopts_it";

/// What the first daemon does, in a process of its own: start, tell, hang.
async fn first_daemon(dir: &str, grouping: Grouping, spec: &ResourceSpec) {
    let mut node = Node::new(std::path::Path::new(dir), grouping);
    assert_eq!(node.outcome(Verb::Start, spec).await, Outcome::Running);
    std::fs::write(format!("{dir}/started"), "").unwrap();
    std::future::pending::<()>().await;
}

#[test]
fn a_daemon_that_was_killed_leaves_its_process_and_the_next_one_adopts_it() {
    on_own_node(ADOPTED, async || {
        let spec = script("sleep 1011 & while :; do sleep 1012; done");
        if let Ok(dir) = std::env::var(ROLE_DIR) {
            let (grouping, dir) = dir.split_at(1);
            let grouping = if grouping == "C" {
                Grouping::Cgroup
            } else {
                Grouping::Session
            };
            return first_daemon(dir, grouping, &spec).await;
        }
        for (grouping, letter) in [(Grouping::Cgroup, 'C'), (Grouping::Session, 'S')] {
            for lost_record in [false, true] {
                adopt_after_kill(&spec, grouping, letter, lost_record).await;
            }
        }
    });
}

async fn adopt_after_kill(
    spec: &ResourceSpec,
    grouping: Grouping,
    letter: char,
    lost_record: bool,
) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let mut daemon = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", ADOPTED, "--nocapture"])
        .env(ROLE_DIR, format!("{letter}{path}"))
        .process_group(0)
        .spawn()
        .unwrap();
    eventually("the first daemon starts it", || {
        dir.path().join("started").exists()
    })
    .await;
    eventually("it runs", || !pids("sleep 1011").is_empty()).await;
    let before = leaders("sh -c sleep 1011");
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    if lost_record {
        std::fs::remove_dir_all(dir.path().join("run")).unwrap();
    }
    let mut node = Node::new(dir.path(), grouping);
    assert_eq!(node.agents.recorded().len(), usize::from(!lost_record));
    assert_eq!(node.outcome(Verb::Probe, spec).await, Outcome::Running);
    assert_eq!(node.outcome(Verb::Start, spec).await, Outcome::Running);
    assert_eq!(leaders("sh -c sleep 1011"), before, "the same process");
    kill(before[0]);
    assert_eq!(node.failure().await.0, "ended");
    assert_eq!(node.outcome(Verb::Stop, spec).await, Outcome::Stopped);
    assert_eq!(pids("sleep 101"), Vec::<i32>::new());
}

/// The server of a script, which is up when `ready` says so.
fn ready(script: &str, ready: Ready) -> ResourceSpec {
    let mut spec = common::script(script);
    let ResourceKind::Process(inner) = &mut spec.kind else {
        unreachable!()
    };
    inner.ready = ready;
    spec
}

#[test]
fn a_process_is_up_when_it_says_so() {
    with_and_without_cgroup("a_process_is_up_when_it_says_so", async |node| {
        let says = "exec python3 -c 'import os,socket,time; \
            s=socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); \
            s.connect(os.environ[\"NOTIFY_SOCKET\"]); \
            s.send(b\"STATUS=reading its journal\"); \
            open(\"FILE\", \"w\"); s.send(b\"READY=1\\nSTATUS=serving\"); \
            time.sleep(1000)'";
        let file = node.dir.join("said");
        let spec = ready(&says.replace("FILE", file.to_str().unwrap()), Ready::Notify);
        assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
        assert!(file.exists(), "it was waited for");
        let log = kept(node, &spec).await;
        for part in ["it says: reading its journal", "it says: serving"] {
            assert!(log.contains(part), "{part}: {log}");
        }
        let left = std::fs::read_dir(node.dir.join("run/notify"))
            .unwrap()
            .count();
        assert_eq!(left, 0, "the socket goes with the start");
        assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
        let spec = ready("exit 4", Ready::Notify);
        assert_eq!(
            node.outcome(Verb::Start, &spec).await,
            failed("exit 4 before it was ready")
        );
    });
}

async fn kept(node: &Node, spec: &ResourceSpec) -> String {
    let address = common::address_of(spec);
    node.agents
        .output(&address.service, &address.resource)
        .await
}

#[test]
fn a_process_is_up_when_its_server_its_file_or_a_program_says_so() {
    with_and_without_cgroup(
        "a_process_is_up_when_its_server_its_file_or_a_program_says_so",
        async |node| {
            // Answers 503 twice, then 200.
            let serve = "exec python3 -c 'import socket,sys
s=socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((\"127.0.0.1\",8081)); s.listen()
for status in [\"503 later\", \"503 later\"] + [\"200 OK\"] * 100:
  c,_=s.accept(); print(c.recv(1000).split(b\"\\r\")[0].decode(), status, flush=True)
  c.send(b\"HTTP/1.0 \" + status.encode() + b\"\\r\\n\\r\\n\"); c.close()'";
            let address = "127.0.0.1:8081".parse().unwrap();
            let path = "/health".to_owned();
            let spec = ready(serve, Ready::Http { address, path });
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
            let log = kept(node, &spec).await;
            let asked = "GET /health HTTP/1.0 503 later\nGET /health HTTP/1.0 503 later\nGET /health HTTP/1.0 200 OK\n";
            assert!(log.contains(asked), "{log}");

            let file = node.dir.join("up");
            std::fs::write(&file, "of an earlier start").unwrap();
            common::run("touch", &["-d", "-1 hour", file.to_str().unwrap()]);
            let text = format!("sleep 0.2; date > {}; exec sleep 1010", file.display());
            let spec = ready(&text, Ready::File(file.to_str().unwrap().to_owned()));
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            assert_eq!(
                pids("sleep 1010").len(),
                1,
                "the old file was not taken for it"
            );
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);

            let tells = format!("test -s {}", node.dir.join("tells").display());
            let text = format!(
                "date > {}; exec sleep 1011",
                node.dir.join("tells").display()
            );
            let argv = common::strings(&["/bin/sh", "-c", &tells]);
            let spec = ready(&text, Ready::Exit(argv));
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
        },
    );
}

#[test]
fn limits_and_group_are_those_that_were_asked_for() {
    with_and_without_cgroup(
        "limits_and_group_are_those_that_were_asked_for",
        async |node| {
            let mut spec = common::script("ulimit -n; ulimit -c; id -gn; exec sleep 1012");
            let ResourceKind::Process(inner) = &mut spec.kind else {
                unreachable!()
            };
            inner.limits.open_files = Some(777);
            inner.limits.core = Some(0);
            if common::is_real_root() {
                inner.group = Some("daemon".to_owned());
            } else {
                inner.group = Some("root".to_owned());
            }
            let group = inner.group.clone().unwrap();
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            eventually("it runs", || pids("sleep 1012").len() == 1).await;
            let log = kept(node, &spec).await;
            assert!(log.contains(&format!("777\n0\n{group}\n")), "{log}");
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
            let ResourceKind::Process(inner) = &mut spec.kind else {
                unreachable!()
            };
            inner.group = Some("no-such-group".to_owned());
            assert_eq!(
                node.outcome(Verb::Start, &spec).await,
                failed("cannot run in group no-such-group: there is no group `no-such-group`")
            );
        },
    );
}
