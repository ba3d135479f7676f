//! Exports and volume groups: programs that stand for `exportfs` and the tools of LVM keep
//! the same tables, so what is asked of them, and what is heard, is seen.

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use common::{Grouping, Node, failed, on_own_node, resource, run, strings};
use model::operation::{Outcome, Verb};
use model::spec::{ExportSpec, ResourceKind, ResourceSpec, VolumeGroupSpec};

/// Puts a shell script before all programs of its name. It notes how it was called.
fn stand_in(name: &str, text: &str) {
    let path = Path::new("/usr/local/sbin").join(name);
    let text = format!("#!/bin/sh\necho {name} \"$@\" >> /usr/local/sbin/calls\n{text}\n");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn calls() -> String {
    let text = std::fs::read_to_string("/usr/local/sbin/calls").unwrap_or_default();
    let _ = std::fs::remove_file("/usr/local/sbin/calls");
    text
}

fn story(name: &str, story: impl AsyncFn(&mut Node)) {
    on_own_node(name, async || {
        // Only in this mount namespace.
        for (place, inner) in [("/usr/local/sbin", None), ("/var/lib", Some("nfs"))] {
            run("mount", &["-t", "tmpfs", "tmpfs", place]);
            if let Some(inner) = inner {
                std::fs::create_dir(Path::new(place).join(inner)).unwrap();
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let mut node = Node::new(dir.path(), Grouping::Session);
        story(&mut node).await;
    });
}

/// As that of Debian: the table is written anew and renamed.
const EXPORTFS: &str = r#"
table=/var/lib/nfs/etab
touch $table
if [ "$1" = -u ]; then place=$2; else place=$3; fi
client=${place%%:/*}; path=/${place#*:/}
grep -vF "$path	$client(" $table > $table.new
if [ "$1" = -o ]; then printf '%s\t%s(%s)\n' "$path" "$client" "$2" >> $table.new; fi
mv $table.new $table"#;

fn export(directory: &str) -> ResourceSpec {
    let spec = ExportSpec {
        directory: directory.to_owned(),
        clients: strings(&["10.0.0.0/24", "*.example.org"]),
        options: strings(&["rw", "no_subtree_check"]),
    };
    resource("export-1", ResourceKind::Export(spec))
}

#[test]
fn an_export_comes_goes_and_its_loss_is_noticed() {
    story(
        "an_export_comes_goes_and_its_loss_is_noticed",
        async |node| {
            let spec = export("/srv");
            assert_eq!(node.outcome(Verb::Probe, &spec).await, Outcome::Stopped);
            stand_in("exportfs", EXPORTFS);
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            assert_eq!(
                calls(),
                "exportfs -o rw,no_subtree_check 10.0.0.0/24:/srv\n\
             exportfs -o rw,no_subtree_check *.example.org:/srv\n"
            );
            run("/usr/local/sbin/exportfs", &["-u", "10.0.0.0/24:/srv"]);
            assert_eq!(
                node.failure().await.0,
                "/srv is not exported to 10.0.0.0/24"
            );
            let how = failed("/srv is not exported to 10.0.0.0/24");
            assert_eq!(node.outcome(Verb::Status, &spec).await, how);
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            calls();
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
            assert_eq!(
                calls(),
                "exportfs -u 10.0.0.0/24:/srv\nexportfs -u *.example.org:/srv\n"
            );
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
            assert_eq!(calls(), "", "nothing was left to do");
        },
    );
}

#[test]
fn a_complaint_of_exportfs_about_something_else_is_no_failure() {
    story(
        "a_complaint_of_exportfs_about_something_else_is_no_failure",
        async |node| {
            let complaint = "exportfs: can't open /etc/exports for reading";
            let complains = format!("{EXPORTFS}\necho \"{complaint}\" >&2; exit 1");
            let spec = export("/srv");
            stand_in("exportfs", &complains);
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            assert_eq!(calls().lines().count(), 2, "each client is exported");
            assert_eq!(node.outcome(Verb::Status, &spec).await, Outcome::Running);
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
            // One client is left out.
            let picky = complains.replacen("table=", "case $3 in \\**) exit 1; esac\ntable=", 1);
            stand_in("exportfs", &picky);
            let how = failed("exportfs: exit 1");
            assert_eq!(node.outcome(Verb::Start, &spec).await, how);
        },
    );
}

#[test]
fn an_export_that_cannot_be_says_why() {
    story("an_export_that_cannot_be_says_why", async |node| {
        stand_in("exportfs", "echo exportfs: no paper >&2; exit 1");
        assert_eq!(
            node.outcome(Verb::Start, &export("/no/such")).await,
            failed("/no/such is no directory on this node")
        );
        assert_eq!(
            node.outcome(Verb::Start, &export("/srv")).await,
            failed("exportfs: exit 1: exportfs: no paper")
        );
        stand_in("exportfs", "exit 0");
        assert_eq!(
            node.outcome(Verb::Start, &export("/srv")).await,
            failed(
                "exportfs ended with 0, and none of the clients is in its table: write them as `exportfs -v` shows them"
            )
        );
        std::fs::write("/var/lib/nfs/etab", "/srv\t10.0.0.0/24(rw)\n").unwrap();
        assert_eq!(
            node.outcome(Verb::Stop, &export("/srv")).await,
            failed("/srv is exported still")
        );
    });
}

#[test]
fn a_volume_group_is_taken_over_from_another_node() {
    story(
        "a_volume_group_is_taken_over_from_another_node",
        async |node| {
            let spec = VolumeGroupSpec {
                name: "vg-test".to_owned(),
            };
            let spec = resource("group-1", ResourceKind::VolumeGroup(spec));
            assert_eq!(node.outcome(Verb::Probe, &spec).await, Outcome::Stopped);
            stand_in("lvm", "echo '  system ID: '");
            assert_eq!(
                node.outcome(Verb::Start, &spec).await,
                failed(
                    "LVM has no system id of this node: set `system_id_source = \"uname\"` in /etc/lvm/lvm.conf on all nodes"
                )
            );
            stand_in("lvm", "echo '  system ID: beta'");
            stand_in("vgs", "echo '  alpha'");
            stand_in("vgchange", "exit 0");
            calls();
            assert_eq!(
                node.outcome(Verb::Start, &spec).await,
                failed("vg-test has no volume that could be active")
            );
            assert_eq!(
                calls(),
                "lvm systemid\n\
                 vgs --foreign --noheadings -o vg_systemid vg-test\n\
                 vgchange --yes --config local/extra_system_ids=[\"alpha\"] --systemid beta vg-test\n\
                 vgchange --yes --activate y vg-test\n"
            );
            stand_in("vgs", "echo '  beta'");
            stand_in("vgchange", "echo 'cannot process volume group' >&2; exit 5");
            assert_eq!(
                node.outcome(Verb::Start, &spec).await,
                failed("vgchange: exit 5: cannot process volume group")
            );
            assert!(!calls().contains("--systemid"), "it is ours already");
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
        },
    );
}
