//! A real systemd for a test: booted as the first process of a process namespace within the
//! test's own node, with its own bus, units and cgroups. It sees nothing of the machine's.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{cgroup_for, eventually};

const BUS_CONFIG: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=BUS</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"#;

/// What the machine needs before units: nothing but the bus.
const UNITS: [(&str, &str); 4] = [
    (
        "boot.target",
        "[Unit]\nDefaultDependencies=no\nWants=dbus.service ready.service\n",
    ),
    (
        // Who calls systemd by the bus before it has connected to it itself waits for long.
        "ready.service",
        "[Unit]\nDefaultDependencies=no\nAfter=dbus.service\n[Service]\nType=oneshot\nExecStart=/bin/touch DIR/ready\n",
    ),
    (
        "dbus.socket",
        "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=BUS\n",
    ),
    (
        "dbus.service",
        "[Unit]\nDefaultDependencies=no\nRequires=dbus.socket\n[Service]\nType=notify\nRestart=always\nRestartSec=10ms\nExecStart=/usr/bin/dbus-daemon --config-file=DIR/bus.conf --nofork --nopidfile --systemd-activation\n",
    ),
];

/// A mount namespace with a `/run` and a cgroup tree of its own, then the first process.
const BOOT: &str = "
set -e
mount --bind DIR/units /etc/systemd/system
mount -t tmpfs tmpfs /run
mkdir /run/dbus
ln -s BUS /run/dbus/system_bus_socket
umount -l /sys/fs/cgroup/* 2>/dev/null || true
umount -l /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec env -i PATH=$PATH container=test SYSTEMD_UNIT_PATH=/etc/systemd/system SYSTEMD_GENERATOR_PATH=/nowhere \
    /lib/systemd/systemd --system --unit=boot.target --show-status=no --log-target=console --crash-reboot=no
";

/// A systemd that runs.
pub struct Systemd {
    pub dir: PathBuf,
    first: Child,
}

impl Drop for Systemd {
    fn drop(&mut self) {
        // Its first process goes with it, and all others with that.
        let _ = self.first.kill();
        let _ = self.first.wait();
    }
}

impl Systemd {
    /// Boots it below `dir`.
    pub async fn boot(dir: &Path) -> Self {
        let dir = dir.join("systemd");
        std::fs::create_dir_all(dir.join("units")).unwrap();
        let fill = |text: &str| {
            let bus = dir.join("bus");
            text.replace("BUS", bus.to_str().unwrap())
                .replace("DIR", dir.to_str().unwrap())
        };
        std::fs::write(dir.join("bus.conf"), fill(BUS_CONFIG)).unwrap();
        for (name, text) in UNITS {
            std::fs::write(dir.join("units").join(name), fill(text)).unwrap();
        }
        let cgroup = cgroup_for(&dir).expect("root has cgroups");
        let log = std::fs::File::create(dir.join("log")).unwrap();
        // The cgroup is entered first: it becomes the root of the new cgroup namespace.
        let enter = format!(
            "echo $$ > {}/cgroup.procs; exec unshare --cgroup --mount --pid --fork --mount-proc --kill-child --uts --ipc /bin/sh -c '{}'",
            cgroup.display(),
            fill(BOOT)
        );
        let first = Command::new("/bin/sh")
            .args(["-c", &enter])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let systemd = Self { dir, first };
        let ready = systemd.dir.join("ready");
        eventually("systemd has booted", || ready.exists()).await;
        systemd.ask(&["GetUnit", "s", "boot.target"]);
        systemd
    }

    pub fn bus(&self) -> String {
        format!("unix:path={}", self.dir.join("bus").display())
    }

    fn try_ask(&self, call: &[&str]) -> bool {
        let mut busctl = Command::new("busctl");
        busctl
            .arg(format!("--address={}", self.bus()))
            .args(["--timeout=5", "call"])
            .args(["org.freedesktop.systemd1", "/org/freedesktop/systemd1"])
            .arg("org.freedesktop.systemd1.Manager")
            .args(call);
        busctl.output().unwrap().status.success()
    }

    /// Calls a method of its manager.
    pub fn ask(&self, call: &[&str]) {
        assert!(self.try_ask(call), "{call:?}");
    }

    /// Writes a unit and lets systemd read it.
    pub fn unit(&self, name: &str, text: &str) {
        let text = format!("[Unit]\nDefaultDependencies=no\n{text}");
        std::fs::write(self.dir.join("units").join(name), text).unwrap();
        self.ask(&["Reload"]);
    }
}
