//! `mainstay lab-systemd`: boots a real systemd in a node of the laboratory.
//!
//! It becomes the first process of a process namespace within the node's, with cgroups of its
//! own below those of the node, and answers on the node's system bus. Its units are those of
//! one directory and no others of the machine; it goes with the power of the node.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Where its units are written, and its bus is described.
const PLACE: &str = "/run/lab-systemd";
/// A machine without devices boots in well under a second; a busy one gets more.
const BOOT_LIMIT: Duration = Duration::from_secs(30);
/// Between two looks whether it has booted: systemd tells nobody outside.
const PAUSE: Duration = Duration::from_millis(10);

const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"#;

/// The bus, and a file that tells when it is up.
const UNITS: [(&str, &str); 4] = [
    (
        "boot.target",
        "[Unit]\nDefaultDependencies=no\nWants=dbus.service ready.service\n",
    ),
    (
        "dbus.socket",
        "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=/run/dbus/system_bus_socket\n",
    ),
    (
        "dbus.service",
        "[Unit]\nDefaultDependencies=no\nRequires=dbus.socket\n[Service]\nType=notify\nRestart=always\nRestartSec=10ms\nExecStart=/usr/bin/dbus-daemon --config-file=/run/lab-systemd/bus.conf --nofork --nopidfile --systemd-activation\n",
    ),
    (
        "ready.service",
        "[Unit]\nDefaultDependencies=no\nAfter=dbus.service\n[Service]\nType=oneshot\nExecStart=/bin/touch /run/lab-systemd/ready\n",
    ),
];

/// The cgroup is entered first: it becomes the root of the new cgroup namespace. What is mounted
/// and unmounted in the node is so for its units too, as on a whole machine; not the other way.
const BOOT: &str = r#"
set -e
mkdir -p "$MAINSTAY_CGROUP_ROOT/systemd" /run/dbus
echo $$ > "$MAINSTAY_CGROUP_ROOT/systemd/cgroup.procs"
mount --make-rshared /
exec unshare --cgroup --mount --propagation slave --pid --fork --mount-proc --kill-child --ipc /bin/sh -c '
set -e
mount --bind /run/lab-systemd/units /etc/systemd/system
umount -l /sys/fs/cgroup/* 2>/dev/null || true
umount -l /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec env -i PATH="$PATH" container=lab SYSTEMD_UNIT_PATH=/etc/systemd/system SYSTEMD_GENERATOR_PATH=/nowhere \
    /lib/systemd/systemd --system --unit=boot.target --show-status=no --log-target=console --crash-reboot=no
'
"#;

/// Boots it and returns when it answers.
pub(crate) fn main() -> io::Result<()> {
    if std::env::var_os("MAINSTAY_CGROUP_ROOT").is_none() {
        let text = "this is no node of a laboratory with control groups: systemd cannot boot here";
        return Err(io::Error::other(text));
    }
    let place = Path::new(PLACE);
    std::fs::create_dir_all(place.join("units"))?;
    std::fs::write(place.join("bus.conf"), BUS)?;
    for (name, text) in UNITS {
        std::fs::write(place.join("units").join(name), text)?;
    }
    let log = std::fs::File::create(place.join("log"))?;
    let mut first = Command::new("setsid")
        .args(["/bin/sh", "-c", BOOT])
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()?;
    let until = Instant::now() + BOOT_LIMIT;
    while !place.join("ready").exists() {
        if first.try_wait()?.is_some() || until <= Instant::now() {
            let log = std::fs::read_to_string(place.join("log")).unwrap_or_default();
            return Err(io::Error::other(format!(
                "systemd does not boot here: {log}"
            )));
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}
