//! Small agents, good and bad, and what a fence by them comes to.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fencing::{Device, FenceError, Limits, fence, fence_with_any};
use model::{DeviceName, NodeName};
use tempfile::TempDir;

/// Reads the options into shell variables and knows its own directory.
const PRELUDE: &str = r#"#!/bin/sh
here=${0%/*}
action=; plug=; password=
while IFS='=' read -r key value; do
    case $key in action) action=$value;; plug) plug=$value;; password) password=$value;; esac
done
echo "$action" >> "$here/asked"
"#;

struct Bench {
    dir: TempDir,
    device: Device,
}

/// Writes the agent through another process: were the file open for writing here, a child that
/// another test forks in that moment would keep it busy.
fn write_program(path: &Path, text: &str) {
    let script = "cat > \"$0\" && chmod 755 \"$0\"";
    let mut child = Command::new("sh")
        .args(["-c", script])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

impl Bench {
    fn new(agent: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("fence_test");
        write_program(&program, &format!("{PRELUDE}{agent}"));
        let mut device = Device::new(name("power"), program.to_str().unwrap());
        device.limits = Limits {
            off: Duration::from_secs(5),
            status: Duration::from_secs(5),
            confirm_within: Duration::from_millis(300),
        };
        Self { dir, device }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn asked(&self) -> String {
        let text = std::fs::read_to_string(self.file("asked")).unwrap_or_default();
        let mut words: Vec<&str> = text.lines().collect();
        words.dedup();
        words.join(" ")
    }
}

fn name(text: &str) -> DeviceName {
    DeviceName::new(text).unwrap()
}

fn beta() -> NodeName {
    NodeName::new("beta").unwrap()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}

/// What became of a fence of beta, in words, and what the agent was asked for, without
/// repetitions.
fn check(bench: &Bench, result: &str, asked: &str) {
    let outcome = match run(fence(&bench.device, &beta())) {
        Ok(confirmed) => format!("{} is off, says {}", confirmed.target(), confirmed.device()),
        Err(error) => error.to_string(),
    };
    assert_eq!(outcome, result);
    assert_eq!(bench.asked(), asked);
}

#[test]
fn a_good_device_confirms_with_its_own_status() {
    let bench = Bench::new(r#"case $action in off) exit 0;; status) exit 2;; esac"#);
    check(&bench, "beta is off, says power", "off status");
}

#[test]
fn a_device_that_switches_slowly_is_asked_until_it_says_off() {
    let bench = Bench::new(
        r#"case $action in
        status) n=$(grep -c status "$here/asked"); [ "$n" -lt 4 ] && exit 0; exit 2;; esac"#,
    );
    check(&bench, "beta is off, says power", "off status");
    let text = std::fs::read_to_string(bench.file("asked")).unwrap();
    assert_eq!(text, "off\nstatus\nstatus\nstatus\nstatus\n");
}

#[test]
fn a_device_whose_off_succeeds_but_whose_status_says_on_confirms_nothing() {
    let mut bench = Bench::new("exit 0");
    bench.device.retries = 1;
    check(&bench, "power: beta is still on", "off status off status");
}

#[test]
fn a_device_that_fails_is_tried_again() {
    let bench = Bench::new(
        r#"case $action in
        off) [ -e "$here/off" ] && exit 0; n=$(grep -c off "$here/asked")
             [ "$n" -ge 3 ] && touch "$here/off" && exit 0; exit 1;;
        status) [ -e "$here/off" ] && exit 2; exit 0;; esac"#,
    );
    check(
        &bench,
        "beta is off, says power",
        "off status off status off status",
    );
}

#[test]
fn a_device_that_always_fails_is_given_up_after_its_retries() {
    let mut bench = Bench::new("echo 'no route to device' >&2; exit 1");
    bench.device.retries = 1;
    let expected = "power: off of beta: failed with exit code 1";
    check(&bench, expected, "off status off status");
    let error = run(fence(&bench.device, &beta())).unwrap_err();
    assert_eq!(
        error.report().unwrap().steps[0].output,
        "no route to device"
    );
}

#[test]
fn an_off_that_failed_counts_when_the_status_after_it_says_off() {
    let bench = Bench::new(r#"case $action in off) exit 1;; status) exit 2;; esac"#);
    check(&bench, "beta is off, says power", "off status");
}

#[test]
fn a_device_without_status_confirms_nothing() {
    let mut bench = Bench::new(r#"case $action in off) exit 0;; *) exit 1;; esac"#);
    bench.device.retries = 0;
    let expected =
        "power: off of beta was accepted, but its status is unknown: failed with exit code 1";
    check(&bench, expected, "off status");
}

#[test]
fn an_agent_that_hangs_and_ignores_term_is_killed_with_its_children() {
    let mut bench = Bench::new(
        r#"trap '' TERM; sleep 1000 & echo $! > "$here/child.new"; mv "$here/child.new" "$here/child"; wait; sleep 1000"#,
    );
    bench.device.retries = 0;
    let child_file = bench.file("child");
    let mut limit = Duration::from_millis(300);
    // On a busy machine the agent may be killed before it has its child: then it gets longer.
    while !child_file.exists() {
        assert!(limit < Duration::from_secs(60), "the agent never starts");
        bench.device.limits.off = limit;
        bench.device.limits.status = limit;
        let began = Instant::now();
        let error = run(fence(&bench.device, &beta())).unwrap_err();
        assert!(matches!(error, FenceError::TimedOut { .. }), "{error}");
        assert!(
            began.elapsed() < 2 * limit + Duration::from_secs(5),
            "took {:?}",
            began.elapsed()
        );
        limit *= 2;
    }
    let child = std::fs::read_to_string(&child_file).unwrap();
    let stat = format!("/proc/{}/stat", child.trim());
    // Killed children wait as zombies for whoever inherited them; on a busy machine one that is
    // killed takes its time to end.
    let lives = || std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
    let deadline = Instant::now() + Duration::from_secs(5);
    while lives() {
        assert!(Instant::now() < deadline, "the child lives on");
        std::thread::yield_now();
    }
}

#[test]
fn a_fence_that_is_no_longer_wanted_leaves_no_agent_behind() {
    let bench =
        Bench::new(r#"echo $$ > "$here/pid.new"; mv "$here/pid.new" "$here/pid"; sleep 1000"#);
    let pid_file = bench.file("pid");
    run(async {
        let started = async {
            while !pid_file.exists() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let (device, target) = (&bench.device, beta());
        tokio::select! {
            _ = fence(device, &target) => panic!("the agent hangs"),
            () = started => {}
        }
    });
    let pid = std::fs::read_to_string(&pid_file).unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    let lives = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    };
    while lives() && Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert!(!lives());
}

#[test]
fn an_agent_that_is_not_installed_is_named_as_such_at_once() {
    let mut bench = Bench::new("");
    bench.device.agent = "fence_of_nowhere".into();
    check(&bench, "power: the agent is not installed", "");
    let error = run(fence(&bench.device, &beta())).unwrap_err();
    assert_eq!(error.report().unwrap().steps.len(), 1);
}

#[test]
fn an_agent_that_prints_without_end_is_ended_in_time() {
    let mut bench = Bench::new("exec yes");
    bench.device.retries = 0;
    bench.device.limits.off = Duration::from_millis(200);
    bench.device.limits.status = Duration::from_millis(200);
    let error = run(fence(&bench.device, &beta())).unwrap_err();
    assert!(matches!(error, FenceError::TimedOut { .. }), "{error}");
}

#[test]
fn a_password_from_a_file_reaches_the_agent_and_nothing_else() {
    let mut bench = Bench::new(
        r#"echo "got $password"; tr '\0' ' ' < /proc/$$/cmdline; [ "$password" = "top secret" ]
        [ $? = 0 ] || exit 1; case $action in status) exit 2;; esac"#,
    );
    std::fs::write(bench.file("secret"), "top secret\n").unwrap();
    let path = bench.file("secret").display().to_string();
    bench.device.options.insert("password_file".into(), path);
    let confirmed = run(fence(&bench.device, &beta())).unwrap();
    let report = format!("{:?} {:?}", confirmed.report(), bench.device);
    assert!(report.contains("got ***"), "{report}");
    assert!(!report.contains("top secret"), "{report}");
}

#[test]
fn a_password_file_that_cannot_be_read_is_an_error_of_its_own() {
    let mut bench = Bench::new("exit 0");
    bench.device.retries = 0;
    bench
        .device
        .options
        .insert("password_file".into(), "/nowhere/secret".into());
    let expected =
        "power: off of beta: bad option: password_file: No such file or directory (os error 2)";
    check(&bench, expected, "");
}

#[test]
fn an_option_cannot_smuggle_in_another_action() {
    let mut bench = Bench::new(r#"case $action in status) exit 2;; esac"#);
    bench.device.retries = 0;
    bench
        .device
        .options
        .insert("x".into(), "1\naction=on".into());
    check(
        &bench,
        "power: off of beta: bad option: \"x\" has a line break",
        "",
    );
    bench.device.options.insert("x".into(), "1".into());
    bench.device.options.insert("action".into(), "on".into());
    check(&bench, "beta is off, says power", "off status");
}

#[test]
fn the_next_device_is_tried_when_one_fails() {
    let mut bad = Bench::new("exit 1");
    bad.device.retries = 0;
    let mut good = Bench::new(r#"case $action in status) exit 2;; esac"#);
    good.device.name = name("second");
    let confirmed = run(fence_with_any(
        &[bad.device.clone(), good.device.clone()],
        &beta(),
    ))
    .unwrap();
    assert_eq!(confirmed.device().as_str(), "second");
    let errors = run(fence_with_any(&[bad.device], &beta())).unwrap_err();
    assert_eq!(errors.len(), 1);
    let errors = run(fence_with_any(&[], &beta())).unwrap_err();
    assert_eq!(errors[0].to_string(), "beta has no fence device");
}

#[test]
fn a_device_is_told_the_plug_of_the_host_map() {
    let mut bench =
        Bench::new(r#"[ "$plug" = 7 ] || exit 1; case $action in status) exit 2;; esac"#);
    bench.device.hosts.insert(beta(), "7".into());
    check(&bench, "beta is off, says power", "off status");
}

#[test]
fn plugs_monitor_and_description_are_asked_for_one_at_a_time() {
    let mut bench = Bench::new(
        r#"case $action in
        list) echo "1,alpha"; echo "2,";; monitor) exit 1;;
        metadata) echo '<resource-agent name="x"><parameter name="plug"/>';; esac"#,
    );
    let plugs = run(fencing::list(&bench.device)).unwrap();
    assert_eq!(plugs.len(), 2);
    assert_eq!(
        (plugs[0].name.as_str(), plugs[0].alias.as_str()),
        ("1", "alpha")
    );
    let failed = run(fencing::monitor(&bench.device)).unwrap_err();
    assert_eq!(failed.to_string(), "failed with exit code 1");
    let described = run(fencing::metadata(&bench.device)).unwrap();
    bench.device.learn(&described);
    assert_eq!(bench.device.plug_option, fencing::PlugOption::Plug);
}

#[test]
fn a_delay_passes_before_the_first_off() {
    let mut bench = Bench::new(r#"case $action in status) exit 2;; esac"#);
    bench.device.delay = Duration::from_millis(150);
    let began = Instant::now();
    check(&bench, "beta is off, says power", "off status");
    assert!(Duration::from_millis(150) <= began.elapsed());
}
