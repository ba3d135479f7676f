//! Nodes, quorum, fences, hands off.

use super::*;

#[test]
fn nothing_starts_on_a_node_that_cannot_run_it() {
    for state in [
        "offline",
        "pending",
        "standby",
        "maintenance",
        "shutdown",
        "no-resources",
        "asked",
        "unclean",
    ] {
        let text = format!(
            "nodes a\nnode b {state}\nsingle db requires=nothing\nstart db on b\nis db on b"
        );
        let found = violations(&text);
        assert!(
            found.contains("node: db on b is asked to Start"),
            "{state}: {found}"
        );
    }
    wrong(
        "nodes a\nnode b standby\nsingle db\nstart db on b\nis db on b",
        expect![[r#"
            node: db on b is asked to Start on a node on standby
            node: db on b stays on a node that is to be emptied
        "#]],
    );
}

#[test]
fn nothing_starts_on_a_node_that_is_fenced() {
    wrong(
        "nodes a
         node b asked
         single db
         fence b asked
         start db on b
         is db on b",
        expect![[r#"
            account: db on b is asked to Start on a fenced node
            account: db on b is told to be active on a fenced node
            node: db on b is asked to Start on a node that is to be fenced
        "#]],
    );
}

#[test]
fn nothing_starts_on_a_node_that_a_failure_empties() {
    wrong(
        "nodes a b
         single db
         single web
         found db on b failed=watch/standby
         stop db on b
         start db on a after 0
         start web on b
         is db on a
         is web on b",
        expect![[r#"
            node: web on b is asked to Start on a node on standby
        "#]],
    );
}

#[test]
fn nothing_stays_on_standby() {
    wrong(
        "nodes a\nnode b standby\nsingle db\nfound db on b\nis db on b",
        expect![[r#"
            node: db on b stays on a node that is to be emptied
        "#]],
    );
    right("nodes a\nnode b standby\nsingle db unmanaged\nfound db on b\nis db on b");
}

#[test]
fn nothing_starts_without_quorum() {
    let world = "no-quorum\nnodes a b\nsingle db\nstart db on a\nis db on a";
    wrong(
        world,
        expect![[r#"
        quorum: db on a is asked to Start without a quorum
        quorum: db on a runs on without a quorum
    "#]],
    );
    right(&format!("policy no-quorum=ignore\n{world}"));
}

#[test]
fn what_runs_stops_without_quorum_when_that_is_the_policy() {
    let world = "no-quorum\nnodes a b\nsingle db\nfound db on a\nis db on a";
    wrong(
        world,
        expect![[r#"
        quorum: db on a runs on without a quorum
    "#]],
    );
    right(&format!("policy no-quorum=freeze\n{world}"));
}

#[test]
fn frozen_resources_may_move_within_the_partition_but_not_begin() {
    let world = "policy no-quorum=freeze\nno-quorum\nnodes a\nnode b standby\nsingle db\n";
    right(&format!(
        "{world} found db on b\nstop db on b\nstart db on a after 0\nis db on a"
    ));
    wrong(
        &format!("{world} start db on a\nis db on a"),
        expect![[r#"
        quorum: db on a is asked to Start without a quorum
    "#]],
    );
}

#[test]
fn leaders_step_down_without_quorum_when_that_is_the_policy() {
    wrong(
        "policy no-quorum=demote
         no-quorum
         nodes a
         clone c promoted=1
         single db in c
         found db on a promoted
         is db on a promoted",
        expect![[r#"
            quorum: db on a leads without a quorum
        "#]],
    );
}

#[test]
fn a_partition_without_quorum_fences_nobody_else() {
    wrong(
        "policy no-quorum=freeze\nno-quorum\nnodes a\nnode b offline unclean\nfence b lost",
        expect![[r#"
            fence: b is fenced by a partition that has no quorum and does not hold it
        "#]],
    );
}

#[test]
fn nobody_is_fenced_without_fencing_or_without_a_reason() {
    wrong(
        "policy no-fencing\nnodes a\nnode b offline unclean\nfence b lost",
        expect![[r#"
            fence: b is fenced although fencing is switched off
        "#]],
    );
    for because in [
        "lost",
        "never-seen",
        "failed db",
        "ticket db",
        "asked",
        "no-quorum",
    ] {
        let text =
            format!("nodes a b\nsingle db\nfound db on b\nfence b {because}\nstop db on b implied");
        assert!(
            violations(&text).contains("fence: b is fenced for a reason that is not so"),
            "{because}"
        );
    }
    right(
        "nodes a b
         single db
         found db on b failed=stop/fence
         fence b failed db
         stop db on b implied
         start db on a after 0
         is db on a",
    );
}

#[test]
fn what_is_unmanaged_is_not_touched() {
    for state in ["unmanaged", "maintenance"] {
        let text = format!("nodes a b\nsingle db {state}\nfound db on a\nstop db on a");
        assert!(violations(&text).contains("hands off: db on a"), "{state}");
    }
    wrong(
        "nodes a b\nsingle db unmanaged\nfound db on a\nstop db on a",
        expect![[r#"
            hands off: db on a is asked to Stop although it must not be touched
        "#]],
    );
}

#[test]
fn what_is_blocked_is_not_started_elsewhere() {
    wrong(
        "nodes a b
         single db
         found db on a failed=stop/block
         stop db on a
         start db on b after 0
         is db on b",
        expect![[r#"
            hands off: db on a is asked to Stop although it must not be touched
            hands off: db on b is asked to Start although it must not be touched
        "#]],
    );
}

#[test]
fn nothing_is_touched_in_maintenance() {
    wrong(
        "policy maintenance\nnodes a b\nsingle db\nstart db on a\nis db on a",
        expect![[r#"
            hands off: db on a is asked to Start although it must not be touched
        "#]],
    );
}
