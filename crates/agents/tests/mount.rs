//! Mounts, with real file systems.

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use common::{
    Frozen, Grouping, Node, eventually, failed, killed_in_the_midst, on_own_node, resource, run,
    running, script,
};
use model::operation::{Outcome, Verb};
use model::spec::{FsckPolicy, MountSource, MountSpec, ResourceKind, ResourceSpec};

fn mount(node: &Node, source: MountSource, options: &[&str]) -> ResourceSpec {
    let target = node.dir.join("target");
    std::fs::create_dir_all(&target).unwrap();
    let spec = MountSpec {
        source,
        target: target.to_str().unwrap().to_owned(),
        options: common::strings(options),
        check: FsckPolicy::Force,
    };
    resource("mount-1", ResourceKind::Mount(spec))
}

fn bind(node: &Node, options: &[&str]) -> ResourceSpec {
    let source = node.dir.join("source");
    std::fs::create_dir_all(&source).unwrap();
    std::fs::write(source.join("page"), "hello").unwrap();
    let path = source.to_str().unwrap().to_owned();
    mount(node, MountSource::Bind { path }, options)
}

fn target(node: &Node) -> String {
    node.dir.join("target").to_str().unwrap().to_owned()
}

fn is_mounted(node: &Node) -> bool {
    host::mounts::on(Path::new(&target(node)))
        .unwrap()
        .is_some()
}

fn story(name: &str, story: impl AsyncFn(&mut Node)) {
    on_own_node(name, async || {
        for grouping in [Grouping::Cgroup, Grouping::Session] {
            let dir = tempfile::tempdir().unwrap();
            let mut node = Node::new(dir.path(), grouping);
            story(&mut node).await;
        }
    });
}

/// Somebody who is not of the service and stands in the directory.
fn stranger(node: &Node) -> Child {
    let child = Command::new("sleep")
        .arg("3001")
        .current_dir(target(node))
        .spawn()
        .unwrap();
    let line = || host::process::command_line(child.id().cast_signed());
    while line() != "sleep 3001" {
        std::thread::yield_now();
    }
    child
}

#[test]
fn a_directory_is_bound_once_and_unbound() {
    story("a_directory_is_bound_once_and_unbound", async |node| {
        let spec = bind(node, &["ro,noexec"]);
        assert_eq!(node.outcome(Verb::Probe, &spec).await, Outcome::Stopped);
        assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
        let page = format!("{}/page", target(node));
        assert_eq!(std::fs::read_to_string(&page).unwrap(), "hello");
        let refused = std::fs::write(&page, "x").unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
        assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
        assert_eq!(node.outcome(Verb::Status, &spec).await, Outcome::Running);
        assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
        assert!(!is_mounted(node), "mounted only once");
        assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
    });
}

#[test]
fn an_unmount_by_somebody_else_is_noticed_at_once() {
    story(
        "an_unmount_by_somebody_else_is_noticed_at_once",
        async |node| {
            let spec = bind(node, &[]);
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            run("umount", &[&target(node)]);
            assert_eq!(
                node.failure().await.0,
                format!("gone from {}", target(node))
            );
            assert_eq!(node.outcome(Verb::Probe, &spec).await, Outcome::Stopped);
        },
    );
}

#[test]
fn a_process_of_the_service_that_is_in_the_way_is_ended() {
    story(
        "a_process_of_the_service_that_is_in_the_way_is_ended",
        async |node| {
            let mut spec = bind(node, &[]);
            spec.limits.stop = Duration::from_millis(200);
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            let text = format!(
                "trap '' TERM; cd {}; while :; do sleep 3002; done",
                target(node)
            );
            let process = script(&text);
            assert_eq!(node.outcome(Verb::Start, &process).await, Outcome::Running);
            let users = || host::mounts::users(Path::new(&target(node))).len();
            eventually("it is in the way", || 2 <= users()).await;
            let stop = node.order(Verb::Stop, &spec, &[]);
            let mut events = [node.event().await, node.event().await];
            events.sort_by_key(|event| matches!(event, agents::Event::Finished(_)));
            let [
                agents::Event::Failed { how, .. },
                agents::Event::Finished(report),
            ] = &events
            else {
                panic!("{events:?}");
            };
            assert_eq!((how.as_str(), report.id), ("signal 9", stop));
            assert_eq!(report.outcome, Outcome::Stopped);
            assert!(!is_mounted(node));
            assert_eq!(node.outcome(Verb::Stop, &process).await, Outcome::Stopped);
        },
    );
}

#[test]
fn a_stranger_in_the_way_is_named_and_left_alone() {
    story(
        "a_stranger_in_the_way_is_named_and_left_alone",
        async |node| {
            let spec = bind(node, &[]);
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            let mut stranger = stranger(node);
            let how = format!(
                "{} is busy: used from outside the service by {} (sleep 3001)",
                target(node),
                stranger.id()
            );
            assert_eq!(node.outcome(Verb::Stop, &spec).await, failed(&how));
            assert!(is_mounted(node));
            assert!(stranger.try_wait().unwrap().is_none(), "it lives");
            stranger.kill().unwrap();
            stranger.wait().unwrap();
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
        },
    );
}

#[test]
fn something_else_on_the_directory_is_left_alone() {
    story(
        "something_else_on_the_directory_is_left_alone",
        async |node| {
            let spec = bind(node, &[]);
            run("mount", &["-t", "tmpfs", "other", &target(node)]);
            let how = format!("other is mounted on {}", target(node));
            assert_eq!(node.outcome(Verb::Start, &spec).await, failed(&how));
            assert_eq!(node.outcome(Verb::Stop, &spec).await, failed(&how));
            assert!(is_mounted(node));
            run("umount", &[&target(node)]);
        },
    );
}

#[test]
fn a_mount_that_the_kernel_refuses_says_why() {
    story("a_mount_that_the_kernel_refuses_says_why", async |node| {
        let path = "/no/such/place".to_owned();
        let spec = mount(node, MountSource::Bind { path }, &[]);
        let how = format!(
            "cannot bind /no/such/place on {}: No such file or directory (os error 2)",
            target(node)
        );
        assert_eq!(node.outcome(Verb::Start, &spec).await, failed(&how));
    });
}

fn image(node: &Node) -> String {
    let path = node.dir.join("disk.img").to_str().unwrap().to_owned();
    std::fs::File::create(&path)
        .unwrap()
        .set_len(8 << 20)
        .unwrap();
    run("mkfs.ext4", &["-q", &path]);
    path
}

#[test]
fn an_image_is_checked_mounted_written_and_detached() {
    story(
        "an_image_is_checked_mounted_written_and_detached",
        async |node| {
            if !common::is_real_root() {
                return println!("loop devices need root");
            }
            let path = image(node);
            let filesystem = "ext4".to_owned();
            let spec = mount(
                node,
                MountSource::Device {
                    path: path.clone(),
                    filesystem,
                },
                &["noatime"],
            );
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            let file = format!("{}/file", target(node));
            std::fs::write(&file, "kept").unwrap();
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            let mut second = Node::new(&node.dir, Grouping::Session);
            assert_eq!(
                second.outcome(Verb::Probe, &spec).await,
                Outcome::Running,
                "adopted"
            );
            drop(second);
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
            assert!(!is_mounted(node));
            let detached = || host::loops::find(Path::new(&path)).unwrap().is_none();
            eventually("the loop device is free", detached).await;
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
        },
    );
}

#[test]
fn a_file_system_that_cannot_be_mended_is_not_mounted() {
    story(
        "a_file_system_that_cannot_be_mended_is_not_mounted",
        async |node| {
            if !common::is_real_root() {
                return println!("loop devices need root");
            }
            let path = node.dir.join("disk.img").to_str().unwrap().to_owned();
            std::fs::File::create(&path)
                .unwrap()
                .set_len(8 << 20)
                .unwrap();
            let filesystem = "ext4".to_owned();
            let spec = mount(node, MountSource::Device { path, filesystem }, &[]);
            let report = node.operate(Verb::Start, &spec).await;
            let Outcome::Failed(how) = &report.outcome else {
                panic!("{report:?}")
            };
            assert!(how.starts_with("fsck of /dev/loop"), "{how}");
            assert!(how.ends_with(": exit 8: not mounted"), "{how}");
            assert!(report.output.contains("superblock"), "{}", report.output);
            assert!(!is_mounted(node));
        },
    );
}

/// Else it would write to a device that is mounted elsewhere by then.
#[test]
fn an_fsck_that_outlives_its_daemon_is_ended_before_it_counts_as_stopped() {
    let name = "an_fsck_that_outlives_its_daemon_is_ended_before_it_counts_as_stopped";
    on_own_node(name, async || {
        let place = tempfile::tempdir().unwrap();
        let slow = place.path().join("slow");
        std::fs::write(&slow, "#!/bin/sh\nexec sleep 4716\n").unwrap();
        let anybody = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&slow, anybody).unwrap();
        run(
            "mount",
            &["--bind", slow.to_str().unwrap(), "/sbin/fsck.ext4"],
        );
        for then in [Verb::Probe, Verb::Stop] {
            let dir = tempfile::tempdir().unwrap();
            let spec = killed_in_the_midst(dir.path(), async |node: &mut Node| {
                let (path, filesystem) = ("/dev/null".to_owned(), "ext4".to_owned());
                let spec = mount(node, MountSource::Device { path, filesystem }, &[]);
                node.order(Verb::Start, &spec, &[]);
                eventually("it is checked", || running("sleep 4716") == 1).await;
                spec
            });
            let mut next = Node::new(dir.path(), Grouping::Session);
            assert_eq!(next.outcome(then, &spec).await, Outcome::Stopped, "{then}");
            assert_eq!(running("sleep 4716"), 0, "{then}");
        }
    });
}

#[test]
fn a_device_that_another_mount_namespace_keeps_is_told() {
    story(
        "a_device_that_another_mount_namespace_keeps_is_told",
        async |node| {
            if !common::is_real_root() {
                return println!("loop devices need root");
            }
            let path = image(node);
            let filesystem = "ext4".to_owned();
            let spec = mount(node, MountSource::Device { path, filesystem }, &[]);
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            let mut keeper = Command::new("unshare")
                .args(["--mount", "--propagation", "private", "sleep", "3003"])
                .spawn()
                .unwrap();
            let pid = keeper.id();
            let line = || host::process::command_line(pid.cast_signed());
            eventually("it has its own mounts", || line() == "sleep 3003").await;
            let how = format!("still mounted in the mount namespace of {pid} (sleep 3003)");
            assert_eq!(node.outcome(Verb::Stop, &spec).await, failed(&how));
            keeper.kill().unwrap();
            keeper.wait().unwrap();
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
        },
    );
}

#[test]
fn memory_is_mounted_and_its_loss_is_noticed() {
    story("memory_is_mounted_and_its_loss_is_noticed", async |node| {
        let spec = mount(node, MountSource::Tmpfs { size: 1 << 20 }, &["mode=0700"]);
        assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
        let shown = run("findmnt", &["-n", "-o", "FSTYPE,OPTIONS", &target(node)]);
        for part in ["tmpfs", "size=1024k", "mode=700"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        run("umount", &[&target(node)]);
        let (how, _) = node.failure().await;
        assert!(how.starts_with("gone from "), "{how}");
        assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
        assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
        assert!(!is_mounted(node));
    });
}

#[test]
fn a_network_file_system_needs_its_helper() {
    story("a_network_file_system_needs_its_helper", async |node| {
        run("mount", &["-t", "tmpfs", "tmpfs", "/usr/local/sbin"]);
        let place = |name: &str| Path::new("/usr/local/sbin").join(name);
        let script = |name: &str, text: &str| {
            use std::os::unix::fs::PermissionsExt;
            std::fs::write(place(name), format!("#!/bin/sh\n{text}\n")).unwrap();
            let all = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(place(name), all).unwrap();
        };
        let source = MountSource::Nfs {
            server: "fd00::1".to_owned(),
            path: "/more".to_owned(),
        };
        let spec = mount(node, source, &["vers=4.2", "noatime"]);
        script("mount.nfs", "exit 1");
        script("mount", "echo \"$@\" >&2; exit 32");
        let called = format!(
            "mount: exit 32: -t nfs [fd00::1]:/more {} -o vers=4.2,noatime",
            target(node)
        );
        assert_eq!(node.outcome(Verb::Start, &spec).await, failed(&called));
        run("/bin/umount", &["/usr/local/sbin"]);
    });
}

#[test]
fn a_mount_that_the_kernel_has_not_finished_does_not_count_as_stopped() {
    if !common::is_real_root() {
        return println!("loop devices need root");
    }
    let name = "a_mount_that_the_kernel_has_not_finished_does_not_count_as_stopped";
    on_own_node(name, async || {
        let dir = tempfile::tempdir().unwrap();
        let mut node = Node::new(dir.path(), Grouping::Session);
        let frozen = Frozen::new(&node);
        let source = MountSource::Device {
            path: frozen.image.clone(),
            filesystem: "ext4".into(),
        };
        let mut spec = mount(&node, source, &[]);
        let ResourceKind::Mount(of_kernel) = &mut spec.kind else {
            unreachable!("it is a mount");
        };
        of_kernel.check = FsckPolicy::Never;
        spec.limits.start = Duration::from_millis(300);
        spec.limits.stop = Duration::from_millis(100);
        spec.limits.status = Duration::from_millis(100);
        assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::TimedOut);
        assert!(!is_mounted(&node));
        for verb in [Verb::Stop, Verb::Probe, Verb::Stop] {
            assert_eq!(node.outcome(verb, &spec).await, Outcome::TimedOut, "{verb}");
        }
        frozen.thaw();
        spec.limits.stop = Duration::from_secs(20);
        assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
        assert!(!is_mounted(&node));
        assert_eq!(node.outcome(Verb::Probe, &spec).await, Outcome::Stopped);
    });
}
