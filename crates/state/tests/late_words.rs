//! Commands that come late or make no sense: each is rejected with a sentence, and changes
//! nothing.

mod cluster;

use std::time::Duration;

use cluster::*;
use model::command::Report;
use model::*;
use state::{Applied, State};

#[test]
fn a_second_claim_is_never_granted() {
    let mut cluster = Cluster::new();
    cluster.grant("a", A1);
    assert_eq!(cluster.rejected(grant("b", B1)), "db may still run on a");
    assert_eq!(cluster.rejected(grant("a", A1)), "db may still run on a");
    cluster.done(lost("a", A1));
    assert_eq!(cluster.rejected(grant("b", B1)), "db may still run on a");
}

#[test]
fn a_stop_under_an_older_claim_does_not_end_the_present_one() {
    let mut cluster = Cluster::new();
    let old = cluster.grant("a", A1);
    cluster.done(report(A1, old, Report::Stopped));
    cluster.grant("a", A1);
    let late = format!("late: it speaks of claim {old} on db, which is over");
    assert_eq!(cluster.rejected(report(A1, old, Report::Stopped)), late);
    assert_eq!(cluster.rejected(grant("b", B1)), "db may still run on a");
}

#[test]
fn a_stop_in_an_older_boot_does_not_end_the_claim_of_the_present_one() {
    let mut cluster = Cluster::new();
    cluster.up("a", A2);
    let epoch = cluster.grant("a", A2);
    let late = format!("late: it speaks of claim {epoch} on db, which is over");
    assert_eq!(cluster.rejected(report(A1, epoch, Report::Stopped)), late);
}

#[test]
fn a_confirmation_of_an_earlier_fence_does_not_end_a_later_boot() {
    let mut cluster = Cluster::new();
    let earlier = cluster.fence_a(A1);
    cluster.up("a", A2);
    cluster.grant("a", A2);
    let late = format!("late: it speaks of fence {earlier} of a, which is over");
    assert_eq!(cluster.rejected(confirmed(earlier, "b", B1)), late);
    let later = cluster.fence_a(A2);
    assert_eq!(cluster.rejected(confirmed(earlier, "b", B1)), late);
    cluster.done(confirmed(later, "b", B1));
    cluster.grant("b", B1);
}

#[test]
fn a_confirmation_counts_only_from_the_executor_in_its_present_boot() {
    let mut cluster = Cluster::new();
    cluster.grant("a", A1);
    let id = cluster.fence_a(A1);
    let late = format!("late: it speaks of fence {id} of a, which is over");
    assert_eq!(cluster.rejected(confirmed(id, "c", C1)), late);
    assert_eq!(cluster.rejected(confirmed(id, "b", A2)), late);
    cluster.done(Command::DaemonDown {
        node: name("b"),
        boot: B1,
    });
    assert_eq!(cluster.rejected(confirmed(id, "b", B1)), late);
}

fn up_in_run(run: u64) -> Command {
    Command::NodeUp {
        node: name("a"),
        boot: A1,
        run,
    }
}

fn report_in_run(run: u64, epoch: ClaimEpoch) -> Command {
    let mut command = report(A1, epoch, Report::LeaseEnded);
    if let Command::Report { run: told, .. } = &mut command {
        *told = run;
    }
    command
}

fn probed_in_run(run: u64) -> Command {
    Command::Probed {
        node: name("a"),
        boot: A1,
        run,
        found: Vec::new(),
    }
}

#[test]
fn what_an_earlier_run_of_the_daemon_says_is_late() {
    let mut cluster = Cluster::new();
    cluster.done(up_in_run(4));
    cluster.done(probed_in_run(4));
    let epoch = cluster.grant("a", A1);
    cluster.done(up_in_run(5));
    let late = "late: it speaks of daemon run 4 of a, which is over";
    assert_eq!(cluster.rejected(probed_in_run(4)), late);
    assert_eq!(cluster.rejected(up_in_run(4)), late);
    assert_eq!(cluster.rejected(report_in_run(4, epoch)), late);
    let stray = Command::StrayStopped {
        node: name("a"),
        boot: A1,
        run: 4,
        service: name("db"),
    };
    assert_eq!(cluster.rejected(stray), late);
    assert_eq!(cluster.rejected(grant("b", B1)), "db may still run on a");
    cluster.done(probed_in_run(5));
    cluster.done(report_in_run(5, epoch));
    cluster.grant("b", B1);
}

#[test]
fn a_run_that_is_online_is_no_news_and_a_later_one_has_to_tell_what_it_finds() {
    let mut cluster = Cluster::new();
    let word = |cluster: &Cluster| {
        cluster.state.seen().nodes[&name::<NodeName>("a")]
            .state
            .word()
    };
    cluster.done(up_in_run(4));
    assert_eq!(word(&cluster), "starting");
    cluster.done(probed_in_run(4));
    cluster.done(up_in_run(4));
    assert_eq!(word(&cluster), "online");
    cluster.done(up_in_run(5));
    assert_eq!(word(&cluster), "starting");
}

#[test]
fn a_new_run_on_a_lost_node_voids_the_words_of_the_one_before_and_leaves_it_lost() {
    let mut cluster = Cluster::new();
    cluster.done(up_in_run(4));
    cluster.done(probed_in_run(4));
    let epoch = cluster.grant("a", A1);
    cluster.done(lost("a", A1));
    assert_eq!(cluster.rejected(up_in_run(4)), "a is lost");
    cluster.done(up_in_run(5));
    assert_eq!(cluster.rejected(up_in_run(5)), "a is lost");
    let late = "late: it speaks of daemon run 4 of a, which is over";
    assert_eq!(cluster.rejected(report_in_run(4, epoch)), late);
    assert_eq!(cluster.rejected(grant("b", B1)), "db may still run on a");
}

#[test]
fn a_node_does_not_return_in_a_boot_that_is_over() {
    let mut cluster = Cluster::new();
    let id = cluster.fence_a(A1);
    let up = |boot| Command::NodeUp {
        node: name("a"),
        boot,
        run: 0,
    };
    assert_eq!(cluster.rejected(up(A1)), "a is lost");
    cluster.done(confirmed(id, "b", B1));
    let late = format!("late: it speaks of boot {A1} of a, which is over");
    assert_eq!(cluster.rejected(up(A1)), late);
    cluster.up("a", A2);
    assert_eq!(cluster.rejected(up(A1)), late);
    assert_eq!(
        cluster.rejected(lost("a", A1)),
        "late: it speaks of an earlier boot of a, which is over"
    );
}

#[test]
fn a_boot_that_was_left_cleanly_is_over_when_a_newer_one_is_heard() {
    let mut cluster = Cluster::new();
    cluster.done(Command::Leave {
        node: name("a"),
        boot: A1,
    });
    cluster.done(Command::Left {
        node: name("a"),
        boot: A1,
    });
    cluster.up("a", A2);
    cluster.grant("a", A2);
    let late = format!("late: it speaks of boot {A1} of a, which is over");
    assert_eq!(
        cluster.rejected(Command::NodeUp {
            node: name("a"),
            boot: A1,
            run: 0,
        }),
        late
    );
}

#[test]
fn a_token_joins_one_node_once_and_not_after_its_time() {
    let mut cluster = Cluster::new();
    let bad = "the token is unknown, used or expired";
    assert_eq!(cluster.rejected(join("d", "")), bad);
    assert_eq!(cluster.rejected(join("d", "b")), bad);
    let token = |digest: &str, valid_for| Command::AddToken {
        digest: digest.into(),
        valid_for,
        by: name("ann"),
    };
    let valid_for = Duration::from_millis(500);
    cluster.done(token("old", valid_for));
    cluster.clock += 500;
    assert_eq!(cluster.rejected(join("d", "old")), bad);
    cluster.done(token("new", valid_for));
    assert_eq!(
        cluster.rejected(join("a", "new")),
        "a node a is a member already"
    );
    let Applied::Joined(joined) = cluster.done(join("d", "new")) else {
        panic!("not joined")
    };
    assert_eq!(joined.id, NodeId(4));
    assert_eq!(cluster.state.node_name(NodeId(4)), Some(&name("d")));
}

#[test]
fn the_number_of_a_removed_member_is_not_used_again() {
    let mut cluster = Cluster::new();
    let remove = || Command::RemoveMember {
        name: name("a"),
        by: name("ann"),
    };
    assert_eq!(cluster.rejected(remove()), "a is online");
    cluster.done(Command::Leave {
        node: name("a"),
        boot: A1,
    });
    cluster.done(Command::Left {
        node: name("a"),
        boot: A1,
    });
    cluster.done(remove());
    let valid_for = Duration::from_secs(1);
    cluster.done(Command::AddToken {
        digest: "t".into(),
        valid_for,
        by: name("ann"),
    });
    let Applied::Joined(joined) = cluster.done(join("a", "t")) else {
        panic!("not joined")
    };
    assert_eq!(joined.id, NodeId(4));
}

#[test]
fn the_slower_of_two_changes_of_the_spec_is_rejected() {
    let mut cluster = Cluster::new();
    let change = |base| Command::SetSpec {
        base,
        source: "y".into(),
        spec: Box::new(spec()),
        by: name("ann"),
    };
    assert_eq!(cluster.done(change(1)), Applied::SpecLive(2));
    let text = "configuration version 2 is live, this change was made from 1";
    assert_eq!(cluster.rejected(change(1)), text);
    assert_eq!(cluster.state.spec_source(), Some("y"));
    assert_eq!(cluster.state.versions().len(), 2);
}

#[test]
fn a_snapshot_of_a_newer_format_is_refused() {
    let newer = br#"{"format":3,"state":{"new":"shape"}}"#;
    let error = State::from_snapshot(newer).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the snapshot has format 3, this version reads up to 2"
    );
    assert!(State::from_snapshot(b"{").is_err());
}
