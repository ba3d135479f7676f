//! `cargo xtask test`: everything that must hold, in one command.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use clap::Args;

use crate::run::{
    Failure, older_binary, output_of, release_binary, root, run as execute, run_with,
};

/// What the tests use beside Rust: the program, and the Debian package that has it.
const TOOLS: &[(&str, &str)] = &[
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("mkfs.ext4", "e2fsprogs"),
    ("unshare", "util-linux"),
    ("setpriv", "util-linux"),
    ("python3", "python3-minimal"),
    ("/usr/lib/ocf/resource.d/heartbeat/Dummy", "resource-agents"),
    (
        "/usr/lib/ocf/resource.d/pacemaker/Stateful",
        "pacemaker-resource-agents",
    ),
    ("modprobe", "kmod"),
    ("pgrep", "procps"),
    ("openssl", "openssl"),
    ("nginx", "nginx-light"),
    ("pg_ctlcluster", "postgresql"),
    ("smbd", "samba"),
    ("smbclient", "smbclient"),
    ("busctl", "systemd"),
    ("dbus-daemon", "dbus-daemon"),
];

#[derive(Args)]
pub struct TestArguments {
    /// Leave out the scenarios with real nodes (they take some minutes).
    #[arg(long)]
    without_lab: bool,
}

pub fn run(arguments: &TestArguments) -> Result<(), Failure> {
    install(TOOLS);
    if !arguments.without_lab {
        install(crate::vm::TOOLS);
    }
    let mut report = Report::default();
    report.step("format", || execute("cargo", &["fmt", "--all", "--check"]));
    report.step("clippy", || {
        run_cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
        ])
    });
    report.step("tidy", crate::tidy::run);
    if output_of("cargo", &["deny", "--version"]).is_some() {
        report.step("deny", || {
            run_cargo(&["deny", "--offline", "check", "bans", "licenses", "sources"])
        });
    } else {
        println!("cargo deny is not installed: its licence list is checked by `tidy` alone");
    }
    report.step("tests", || {
        run_cargo(&[
            "test",
            "--workspace",
            "--locked",
            "--quiet",
            "--no-fail-fast",
        ])
    });
    // The same seeds for everybody, each twice to the same trace; and seeds that nobody has
    // played before.
    report.step("simulator, fixed seeds", || {
        crate::sim::play(&["--seeds", "200", "--twice"])
    });
    report.step("simulator, fresh seeds", || {
        crate::sim::play(&["--seeds", "1000", "--fresh", "--twice"])
    });
    report.step("planner's speed, in proportion", || {
        let example = [
            "run",
            "--quiet",
            "--release",
            "--locked",
            "--package",
            "planner",
        ];
        run_cargo(&[&example[..], &["--example", "speed", "--", "--guard"]].concat())
    });
    // A build of its own: what the seeds above played has no defects in it, and none planted.
    report.step("simulator, planted defects", || {
        crate::sim::play(&["--plant", "all"])
    });
    if !arguments.without_lab {
        lab_scenarios(&mut report);
    }
    report.close()
}

fn run_cargo(arguments: &[&str]) -> Result<(), Failure> {
    execute("cargo", arguments)
}

/// Installs what is missing when this is Debian and we are root; says so otherwise.
pub(crate) fn install(tools: &[(&'static str, &'static str)]) {
    let has = |tool: &str| {
        let places = [
            "/usr/local/sbin",
            "/usr/local/bin",
            "/usr/sbin",
            "/usr/bin",
            "/sbin",
            "/bin",
        ];
        let on_path = std::env::var_os("PATH").unwrap_or_default();
        let mut dirs = std::env::split_paths(&on_path).chain(places.map(Into::into));
        dirs.any(|dir| dir.join(tool).exists())
    };
    let mut missing: Vec<&str> = tools
        .iter()
        .filter(|(tool, _)| !has(tool))
        .map(|(_, package)| *package)
        .collect();
    missing.dedup();
    if missing.is_empty() {
        return;
    }
    if !rustix::process::geteuid().is_root() || !has("apt-get") {
        println!(
            "missing Debian packages: {} (tests that need them will fail)",
            missing.join(" ")
        );
        return;
    }
    println!("installing {}", missing.join(" "));
    let mut install = vec!["install", "-y", "--no-install-recommends"];
    install.extend(&missing);
    let _none_starts = NoServiceStarts::begin();
    let is_done = execute("apt-get", &["update", "-q"]).and_then(|()| execute("apt-get", &install));
    if let Err(error) = is_done {
        println!("{error}: tests that need {} will fail", missing.join(" "));
    }
}

/// While it lives, Debian's packages start no service of theirs: the tests need the programs, not
/// a web server, a database and a file server on the machine that tests.
struct NoServiceStarts {
    is_ours: bool,
}

impl NoServiceStarts {
    /// What the packages ask before they start or restart something; 101 means no.
    const POLICY: &str = "/usr/sbin/policy-rc.d";

    /// A policy of the machine stays as it is.
    fn begin() -> Self {
        let is_ours = std::fs::File::create_new(Self::POLICY)
            .and_then(|mut file| {
                file.write_all(b"#!/bin/sh\nexit 101\n")?;
                file.set_permissions(Permissions::from_mode(0o755))
            })
            .is_ok();
        Self { is_ours }
    }
}

impl Drop for NoServiceStarts {
    fn drop(&mut self) {
        if self.is_ours
            && let Err(error) = std::fs::remove_file(Self::POLICY)
        {
            println!("{} is left behind: {error}", Self::POLICY);
        }
    }
}

/// Scenarios with real nodes, against the program as it is shipped.
fn lab_scenarios(report: &mut Report) {
    let binary = match release_binary() {
        Ok(binary) => binary,
        Err(error) => {
            report.step("release build", || Err(error));
            return;
        }
    };
    let binary = binary.to_string_lossy().into_owned();
    let older = match older_binary() {
        Ok(older) => older,
        Err(error) => {
            report.step("build of the older feature level", || Err(error));
            return;
        }
    };
    lab_demo(report, &binary);
    report.step("virtual machine", || crate::vm::play(binary.as_ref()));
    let mut scenarios: Vec<_> = std::fs::read_dir(root().join("scenarios/lab"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "txt"))
        .collect();
    scenarios.sort();
    for path in scenarios {
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let path = path.to_string_lossy().into_owned();
        report.step(&format!("lab {name}"), || {
            run_with(
                &binary,
                &["lab", "run", &path],
                &[("MAINSTAY_OLDER", &older)],
            )
        });
    }
}

/// The README's demo, as whoever we are and, when we are root, as an ordinary user too.
fn lab_demo(report: &mut Report, binary: &str) {
    report.step("lab demo", || execute(binary, &["lab", "demo"]));
    if !rustix::process::geteuid().is_root() {
        return;
    }
    report.step("lab demo as an ordinary user", || {
        // Wherever this tree lies, that user may not be able to read it.
        let place = std::env::temp_dir().join(format!("mainstay-test-{}", std::process::id()));
        let copy = place.join("mainstay");
        let text = |error: std::io::Error| format!("{}: {error}", copy.display());
        std::fs::create_dir_all(&place).map_err(text)?;
        std::fs::set_permissions(&place, Permissions::from_mode(0o755)).map_err(text)?;
        std::fs::copy(binary, &copy).map_err(text)?;
        let program = copy.to_string_lossy().into_owned();
        let nobody = [
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            &program,
            "lab",
            "demo",
        ];
        let result = execute("setpriv", &nobody);
        std::fs::remove_dir_all(&place).map_err(text)?;
        result
    });
}

#[derive(Default)]
struct Report {
    passed: usize,
    failed: Vec<String>,
}

impl Report {
    fn step(&mut self, name: &str, work: impl FnOnce() -> Result<(), Failure>) {
        println!("== {name}");
        let begun = Instant::now();
        match work() {
            Ok(()) => {
                self.passed += 1;
                println!(
                    "== {name}: passed in {:.1} s",
                    begun.elapsed().as_secs_f64()
                );
            }
            Err(error) => {
                println!("== {name}: FAILED: {error}");
                self.failed.push(name.to_string());
            }
        }
    }

    fn close(self) -> Result<(), Failure> {
        println!("{} passed, {} failed", self.passed, self.failed.len());
        if self.failed.is_empty() {
            Ok(())
        } else {
            Err(format!("failed: {}", self.failed.join(", ")))
        }
    }
}
