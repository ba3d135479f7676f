//! Laboratories with real namespaces, packets and processes, without the daemon.

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use lab::protocol::{Cut, Direction, Power};
use lab::{Lab, LabError, Lifetime, Options, probe, traces, witness};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

const LIMIT: Duration = Duration::from_secs(20);

/// The program that plays the roles: cargo builds it beside the tests.
fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let program = own.parent().unwrap().parent().unwrap().join("examples/lab");
    assert!(
        program.exists(),
        "`cargo build -p lab --example lab` makes {}",
        program.display()
    );
    program
}

fn options(name: &str) -> Options {
    let name = format!("{name}-{}", std::process::id());
    Options {
        name,
        program: Some(program()),
        ..Options::default()
    }
}

fn up(name: &str) -> Lab {
    Lab::up(&options(name)).unwrap()
}

fn sh(lab: &Lab, machine: &str, script: &str) -> String {
    lab.exec_ok(machine, &["sh", "-c", script])
        .unwrap()
        .trim()
        .to_string()
}

fn assert_nothing_left(name: &str) {
    let deadline = std::time::Instant::now() + LIMIT;
    let mut left = traces::of(name);
    while !left.is_empty() && std::time::Instant::now() < deadline {
        std::thread::yield_now();
        left = traces::of(name);
    }
    assert!(left.is_empty(), "left: {left:?}");
}

fn kill_and_await(pid: i32) {
    let pid = Pid::from_raw(pid).unwrap();
    let ended = pidfd_open(pid, PidfdFlags::empty()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    lab::channel::wait_readable(std::os::fd::AsFd::as_fd(&ended), LIMIT).unwrap();
}

#[test]
fn nodes_see_each_other_and_their_own_processes_only() {
    let lab = up("see");
    assert_eq!(sh(&lab, "beta", "hostname"), "beta");
    let pids = sh(&lab, "beta", "ls /proc | grep -c '^[0-9]'")
        .parse::<u32>()
        .unwrap();
    assert!(pids < 6, "{pids}");
    let addresses = sh(&lab, "gamma", "ip -o -4 addr show eth1");
    assert!(addresses.contains("10.78.0.13/24"), "{addresses}");
    let server = lab
        .spawn(
            "beta",
            &[
                "mainstay",
                "lab-httpd",
                "--bind",
                "[fd77::12]:80",
                "--body",
                "six",
            ],
        )
        .unwrap();
    let asked = lab.wait_until("an answer over IPv6", LIMIT, |lab| {
        let probe = [
            "mainstay",
            "lab-probe",
            "http://[fd77::12]/",
            "--count",
            "1",
        ];
        let sample = probe::samples(&lab.exec_ok("client", &probe).ok()?).pop()?;
        sample.result.ok()
    });
    assert_eq!(asked.unwrap(), "six");
    drop(server);
}

#[test]
fn a_shell_in_a_node_hears_of_the_end_of_its_children() {
    let lab = up("children");
    assert_eq!(sh(&lab, "beta", "true & sleep 0.1 & wait; echo all"), "all");
    assert_eq!(
        sh(&lab, "beta", "grep SigBlk /proc/self/status | tr -d '\\t'"),
        "SigBlk:0000000000000000"
    );
}

#[test]
fn a_node_that_lost_power_comes_back_with_its_disk_and_a_new_boot_id() {
    let lab = up("power");
    let boot = |lab: &Lab| sh(lab, "beta", "cat /proc/sys/kernel/random/boot_id");
    let first = boot(&lab);
    assert_eq!(first, boot(&lab));
    assert_ne!(
        first,
        sh(&lab, "alpha", "cat /proc/sys/kernel/random/boot_id")
    );
    sh(
        &lab,
        "beta",
        "echo kept > $MAINSTAY_STATE_DIR/x; echo gone > /run/x",
    );
    let sleeper = lab.spawn("beta", &["sleep", "1000"]).unwrap();
    lab.kill("beta").unwrap();
    let ended = sleeper.wait(LIMIT).unwrap_err();
    assert!(matches!(ended, LabError::System { .. }), "{ended}");
    let cause = std::error::Error::source(&ended).unwrap().to_string();
    assert_eq!(cause, "unexpected end of file", "its machine is off");
    assert_eq!(lab.status().unwrap().nodes[1].power, Power::Off);
    assert!(matches!(
        lab.exec("beta", &["true"]),
        Err(LabError::Refused(_))
    ));
    lab.on("beta").unwrap();
    assert_eq!(
        sh(&lab, "beta", "cat $MAINSTAY_STATE_DIR/x; ls /run"),
        "kept\nlab\nmainstay"
    );
    assert_ne!(first, boot(&lab));
    assert_eq!(lab.status().unwrap().nodes[1].boots, 2);
}

/// Serves on beta, and asks from the client and from gamma whether it answers.
fn reach(lab: &Lab) -> (bool, bool) {
    let asked = |machine: &str| {
        let probe = [
            "mainstay",
            "lab-probe",
            "http://10.77.0.12/",
            "--count",
            "3",
        ];
        let all = probe::samples(&lab.exec_ok(machine, &probe).unwrap());
        assert_eq!(all.len(), 3);
        all.iter().any(|sample| sample.result.is_ok())
    };
    (asked("client"), asked("gamma"))
}

#[test]
fn cables_are_cut_wholly_in_one_direction_or_between_two() {
    let lab = up("cut");
    let serve = ["mainstay", "lab-httpd", "--bind", "10.77.0.12:80"];
    let _server = lab.spawn("beta", &serve).unwrap();
    lab.wait_until("the server", LIMIT, |lab| {
        (reach(lab) == (true, true)).then_some(())
    })
    .unwrap();
    lab.cut_all("beta").unwrap();
    assert_eq!(reach(&lab), (false, false));
    lab.heal(None).unwrap();
    assert_eq!(reach(&lab), (true, true));
    let cut = |network: Option<&str>, direction, from: Option<&str>| Cut {
        card: None,
        node: "beta".into(),
        network: network.map(Into::into),
        direction,
        from: from.map(Into::into),
    };
    lab.cut(&cut(Some("san"), Direction::Both, None)).unwrap();
    assert_eq!(reach(&lab), (true, true));
    lab.heal(Some("beta")).unwrap();
    for direction in [Direction::In, Direction::Out] {
        match lab.cut(&cut(None, direction, None)) {
            Err(LabError::Refused(why)) => {
                assert!(why.contains("Debian package nftables"), "{why}");
                return;
            }
            other => other.unwrap(),
        }
        assert_eq!(reach(&lab), (false, false));
        lab.heal(None).unwrap();
    }
    lab.cut(&cut(None, Direction::Both, Some("client")))
        .unwrap();
    assert_eq!(reach(&lab), (false, true));
    lab.heal(None).unwrap();
    assert_eq!(reach(&lab), (true, true));
}

#[test]
fn a_paused_node_stands_still_and_goes_on() {
    let lab = up("pause");
    let script = "sleep 1000 & while :; do sh -c :; done";
    let busy = lab.spawn("beta", &["sh", "-c", script]).unwrap();
    lab.pause("beta").unwrap();
    let moving: Vec<_> = lab
        .node_pids("beta")
        .unwrap()
        .into_iter()
        .filter(|process| !matches!(process.state, 'T' | 'D' | 'Z'))
        .collect();
    assert!(moving.is_empty(), "{moving:?}");
    lab.resume("beta").unwrap();
    assert_eq!(sh(&lab, "beta", "echo awake"), "awake");
    drop(busy);
    lab.wait_until("the end of the dropped command", LIMIT, |lab| {
        let all = lab.node_pids("beta").ok()?;
        (!all
            .iter()
            .any(|process| process.command.contains(&"1000".to_string())))
        .then_some(())
    })
    .unwrap();
}

#[test]
fn the_fence_agent_switches_nodes_off_and_says_so() {
    let lab = up("fence");
    let fence = |action: &str, plug: &str| {
        lab.exec("alpha", &["fence_lab", "-o", action, "-n", plug])
            .unwrap()
            .code
    };
    assert_eq!(fence("status", "beta"), 0);
    assert_eq!(fence("off", "beta"), 0);
    assert_eq!(fence("status", "beta"), 2);
    assert_eq!(fence("off", "beta"), 0);
    assert_eq!(fence("on", "beta"), 0);
    assert_eq!(fence("status", "beta"), 0);
    assert_eq!(fence("status", "nobody"), 1);
    assert_eq!(fence("off", "client"), 1);
    let by_lines = "printf 'action=off\\nport=gamma\\n' | fence_lab";
    sh(&lab, "alpha", by_lines);
    assert_eq!(fence("status", "gamma"), 2);
    let lie = "printf 'action=status\\nplug=alpha\\nlie=off\\n' | fence_lab; echo $?";
    assert_eq!(sh(&lab, "alpha", lie), "2");
    let list = lab.exec_ok("alpha", &["fence_lab", "-o", "list"]).unwrap();
    assert_eq!(list, "alpha,\nbeta,\ngamma,\n");
}

#[test]
fn an_outage_is_measured_and_two_witnesses_show_who_ran_when() {
    let lab = up("probe");
    let records = lab.shared_dir().join("witness");
    let path = records.display().to_string();
    let serve = [
        "mainstay",
        "lab-httpd",
        "--bind",
        "10.77.0.100:80",
        "--witness",
        path.as_str(),
    ];
    let add = ["ip", "addr", "add", "10.77.0.100/24", "dev", "eth0"];
    lab.exec_ok("alpha", &add).unwrap();
    let _first = lab.spawn("alpha", &serve).unwrap();
    let url = "http://10.77.0.100/";
    let mut asking = lab
        .spawn("client", &["mainstay", "lab-probe", url, "--count", "150"])
        .unwrap();
    let lines = |path: &PathBuf| {
        std::fs::read_to_string(path)
            .unwrap_or_default()
            .lines()
            .count()
    };
    lab.wait_until("some service", LIMIT, |_| {
        (100 < lines(&records)).then_some(())
    })
    .unwrap();
    lab.kill("alpha").unwrap();
    lab.exec_ok("beta", &add).unwrap();
    let _second = lab.spawn("beta", &serve).unwrap();
    let arping = "for i in 1 2 3; do ip neigh flush all; done";
    sh(&lab, "client", arping);
    let mut text = String::new();
    asking
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    let samples = probe::samples(&text);
    assert_eq!(samples.len(), 150);
    let outage = probe::longest(&samples).unwrap();
    assert!(
        outage.length().unwrap() < Duration::from_secs(1),
        "{outage:?}"
    );
    let copies = witness::copies(&std::fs::read_to_string(&records).unwrap());
    let nodes: Vec<_> = copies.iter().map(|copy| copy.node.as_str()).collect();
    assert_eq!(nodes, ["alpha", "beta"]);
    assert_eq!(witness::overlaps(&copies), []);
}

#[test]
fn a_laboratory_that_is_taken_down_or_dropped_leaves_nothing() {
    let lab = up("down");
    let name = lab.name().to_string();
    assert!(traces::of(&name).len() > 5);
    let _busy = lab.spawn("alpha", &["sleep", "1000"]).unwrap();
    lab.down().unwrap();
    assert_nothing_left(&name);
    drop(up("down"));
    assert_nothing_left(&name);
}

#[test]
fn a_laboratory_whose_keeper_or_janitor_is_killed_leaves_nothing() {
    for which in ["keeper", "janitor"] {
        let lab = Lab::up(&Options {
            lifetime: Lifetime::Detached,
            ..options("killed")
        })
        .unwrap();
        let status = lab.status().unwrap();
        let pid = if which == "keeper" {
            status.keeper_pid
        } else {
            status.janitor_pid
        };
        kill_and_await(pid);
        drop(lab);
        assert_nothing_left(&status.name);
    }
}

#[test]
fn what_a_crash_of_both_left_is_swept_by_the_next_one() {
    let lab = Lab::up(&Options {
        lifetime: Lifetime::Detached,
        ..options("crash")
    })
    .unwrap();
    let status = lab.status().unwrap();
    let janitor = Pid::from_raw(status.janitor_pid).unwrap();
    kill_process(janitor, Signal::STOP).unwrap();
    kill_and_await(status.keeper_pid);
    kill_and_await(status.janitor_pid);
    assert!(status.dir.exists());
    drop(lab);
    drop(up("sweeper"));
    assert!(!status.dir.exists());
    assert_nothing_left(&status.name);
}

#[test]
fn an_attached_laboratory_ends_when_its_maker_is_killed() {
    // The maker is a process of its own: this test's binary would be missed.
    let name = format!("maker-{}", std::process::id());
    let mut maker = std::process::Command::new(program())
        .args(["attached", &name])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = [0; 3];
    maker
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut line)
        .unwrap();
    assert_eq!(&line, b"up\n");
    assert!(Lab::find(&name).is_ok());
    maker.kill().unwrap();
    maker.wait().unwrap();
    assert_nothing_left(&name);
}

#[test]
fn a_name_is_used_by_one_laboratory_at_a_time() {
    let lab = up("twice");
    let error = Lab::up(&options("twice")).unwrap_err();
    assert!(error.to_string().contains("is up already"), "{error}");
    assert!(lab.status().is_ok());
}

#[test]
fn a_large_laboratory_comes_up_too() {
    let many = Options {
        nodes: lab::layout::node_names(16),
        ..options("many")
    };
    let lab = Lab::up(&many).unwrap();
    assert_eq!(sh(&lab, "pi", "hostname"), "pi");
    lab.down().unwrap();
}
