//! What a person meets who starts for the first time, or in the wrong order: each error has
//! a code, a next step and an exit code, and loses nothing.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

struct Machine(PathBuf);

impl Machine {
    /// A machine that is no node yet.
    fn new(name: &str) -> Self {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("start-{name}"));
        // It may be left from an earlier run.
        let _ = std::fs::remove_dir_all(&place);
        std::fs::create_dir_all(&place).unwrap();
        Self(place)
    }

    fn run(&self, line: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_mainstay"))
            .args(line.split(' '))
            .env("MAINSTAY_STATE_DIR", self.0.join("state"))
            .env("MAINSTAY_RUN_DIR", self.0.join("run"))
            .env("MAINSTAY_LOG_DIR", self.0.join("log"))
            .env("MAINSTAY_SOCKET", self.0.join("socket"))
            .output()
            .unwrap()
    }

    /// The command ends with this exit code and says each of the words.
    fn check(&self, line: &str, code: i32, words: &[&str]) {
        let output = self.run(line);
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{line}: {said}");
        for word in words {
            assert!(said.contains(word), "{line}: no `{word}` in: {said}");
        }
    }
}

#[test]
fn a_daemon_that_is_started_before_init_names_both_ways_into_a_cluster() {
    let machine = Machine::new("daemon");
    machine.check(
        "daemon",
        1,
        &["error E0401", "mainstay init", "mainstay join"],
    );
    assert!(!machine.0.join("run").exists(), "nothing is left behind");
}

#[test]
fn a_second_init_changes_nothing() {
    let machine = Machine::new("init");
    let init = "init shop --name alpha --address lan=10.0.0.11/24";
    machine.check(init, 0, &["cluster shop formed; this node is alpha"]);
    let key = std::fs::read(machine.0.join("state/node.key")).unwrap();
    machine.check(
        init,
        1,
        &[
            "error E0405",
            "belongs to a member already",
            "mainstay status",
        ],
    );
    machine.check("join mst1-x --name beta", 1, &["error E0404"]);
    assert_eq!(
        std::fs::read(machine.0.join("state/node.key")).unwrap(),
        key
    );
}

#[test]
fn nothing_that_may_hold_a_secret_can_be_read_by_others() {
    use std::os::unix::fs::PermissionsExt;
    let machine = Machine::new("secret");
    machine.check("init shop --name alpha --address lan=10.0.0.11/24", 0, &[]);
    for file in ["node.key", "cluster.key", "members.json"] {
        let data = std::fs::metadata(machine.0.join("state").join(file)).unwrap();
        assert_eq!(data.permissions().mode() & 0o077, 0, "{file}");
    }
}

#[test]
fn an_init_that_lacks_something_leaves_nothing_behind() {
    let machine = Machine::new("lacks");
    machine.check("init shop --name alpha", 2, &["error E0519", "--address"]);
    machine.check(
        "init sh%op --name alpha --address lan=10.0.0.11/24",
        2,
        &["E0113", "E0519"],
    );
    machine.check(
        "init --name alpha --file /nonexistent",
        1,
        &["error E0514", "/nonexistent"],
    );
    assert!(!machine.0.join("state").exists());
}

#[test]
fn what_is_no_token_says_how_to_get_one() {
    Machine::new("token").check(
        "join nonsense --name beta",
        1,
        &["error E0404", "tokens begin with `mst1-`", "mainstay token"],
    );
}

#[test]
fn a_state_directory_that_cannot_be_made_is_named() {
    let machine = Machine::new("file");
    std::fs::write(machine.0.join("state"), "a file").unwrap();
    machine.check(
        "init shop --name alpha --address lan=10.0.0.11/24",
        1,
        &["error E0408", "state"],
    );
}

#[test]
fn scripts_get_errors_as_objects_on_the_standard_output() {
    let machine = Machine::new("json");
    for (line, code, said) in [
        ("status --json", 3, "E0501"),
        ("daemon --json", 1, "E0401"),
        ("join nonsense --name beta --json", 1, "E0404"),
        ("move --json", 2, "E0519"),
    ] {
        let output = machine.run(line);
        assert_eq!(output.status.code(), Some(code), "{line}");
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(value["error"]["code"], said, "{line}");
    }
}

#[test]
fn a_time_after_wait_without_its_equals_sign_is_explained() {
    let machine = Machine::new("wait");
    machine.check("apply --wait 20s shop.toml", 2, &["--wait=20s"]);
}
