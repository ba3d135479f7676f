//! Kinds that need an NFS server and a device mapper of the kernel: measured in a virtual machine
//! under Debian's, whose processors are made in software.
//!
//! The kernel has one device mapper for all nodes of the laboratory, so there is one node.

use super::{Bed, Case};
use crate::bench::NoticeArguments;
use crate::run::Failure;
use crate::vm;

pub(super) const BED: Bed = Bed {
    nodes: 1,
    cases: CASES,
    services: SERVICES,
    prepare: PREPARE,
};

const CASES: &[Case] = &[
    Case {
        kind: "export",
        failure: "its client is taken from the table by hand",
        by: "event",
        service: "files",
        fail: "exportfs -u 10.77.0.0/24:/run/files",
    },
    Case {
        kind: "volume group",
        failure: "a volume is deactivated by hand",
        by: "event",
        service: "group",
        fail: "dmsetup remove vg0-data",
    },
];

const SERVICES: &str = r#"
[[service.files.resource]]
export = "/run/files"
clients = ["10.77.0.0/24"]
options = ["rw", "no_subtree_check", "fsid=0"]

[[service.group.resource]]
volume_group = "vg0"
"#;

/// The kernel's NFS server, and a volume group in an image.
const PREPARE: &str = r#"
set -e
mkdir /run/files
mount -t tmpfs memory /var/lib/nfs
mount -t nfsd nfsd /proc/fs/nfsd
mkdir /var/lib/nfs/nfsdcld /var/lib/nfs/rpc_pipefs
touch /var/lib/nfs/etab /var/lib/nfs/rmtab
mount -t rpc_pipefs pipes /var/lib/nfs/rpc_pipefs
nfsdcld -p /var/lib/nfs/rpc_pipefs
rpc.mountd --no-nfs-version 3
rpc.nfsd --no-nfs-version 3 2
cat > /etc/lvm/lvmlocal.conf <<'TEXT'
global { system_id_source = "uname" }
activation { udev_sync = 0 udev_rules = 0 }
TEXT
truncate -s 64M /run/vg0.img
vgcreate -q vg0 $(losetup --find --show /run/vg0.img)
lvcreate -q -y -n data -L 16M vg0
vgchange -q -a n vg0
"#;

/// Boots the virtual machine, in which this same program measures.
pub(super) fn boot(arguments: &NoticeArguments) -> Result<(), Failure> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = format!(
        "MAINSTAY_BINARY=/vm/bin/mainstay '{}' bench notice --in-vm --runs {}",
        program.display(),
        arguments.runs
    );
    if arguments.json {
        command += " --json";
    }
    if let Some(kind) = &arguments.kind {
        command += &format!(" --kind '{}'", kind.replace('\'', ""));
    }
    vm::command(&command)
}
