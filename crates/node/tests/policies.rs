//! Stories of the policies: what a node does that is cut off from the quorum.

mod cluster;

use expect_test::{Expect, expect};

/// The node that serves is cut off from two others, which have no device to end it, and comes
/// back after ten seconds.
fn check(policy: &str, expected: Expect) {
    let script = format!(
        "nodes a b c
        service web prefer=a
        policy {policy}
        nodevices
        quiet 5s
        move web a
        quiet 3s
        cut a
        run 10s
        heal
        run 5s"
    );
    expected.assert_eq(&cluster::story::play(&script));
}

#[test]
fn by_stop_a_node_without_quorum_stops_its_services_when_its_lease_ends() {
    check(
        "stop",
        expect![[r#"
            > quiet 5s
            > move web a
            > quiet 3s
            > cut a
            > run 10s
                8.78s  a is lost: a silent for 800 ms, agreed by b and c
               10.91s    web/program stops on a
            > heal
            > run 5s
               18.04s  web stopped on a: the lease of a ended
               18.05s  plan 31: start web on b: the lease of a ended
               18.05s    web/program starts on b
               18.10s  web runs on b
               18.10s  a is starting
               18.10s  a is online
        "#]],
    );
}

#[test]
fn by_demote_it_stops_them_too() {
    check(
        "demote",
        expect![[r#"
            > quiet 5s
            > move web a
            > quiet 3s
            > cut a
            > run 10s
                8.78s  a is lost: a silent for 800 ms, agreed by b and c
               10.91s    web/program stops on a
            > heal
            > run 5s
               18.04s  web stopped on a: the lease of a ended
               18.05s  plan 31: start web on b: the lease of a ended
               18.05s    web/program starts on b
               18.10s  web runs on b
               18.10s  a is starting
               18.10s  a is online
        "#]],
    );
}

#[test]
fn by_freeze_they_run_on_and_without_a_device_the_node_stays_lost() {
    check(
        "freeze",
        expect![[r#"
            > quiet 5s
            > move web a
            > quiet 3s
            > cut a
            > run 10s
                8.78s  a is lost: a silent for 800 ms, agreed by b and c
            > heal
            > run 5s
        "#]],
    );
}

#[test]
fn by_ignore_they_run_on_too() {
    check(
        "ignore",
        expect![[r#"
            > quiet 5s
            > move web a
            > quiet 3s
            > cut a
            > run 10s
                8.78s  a is lost: a silent for 800 ms, agreed by b and c
            > heal
            > run 5s
        "#]],
    );
}

/// A copy that dies while its node is cut off.
fn check_death(policy: &str, expected: Expect) {
    let script = format!(
        "nodes a b c
        service web prefer=a
        policy {policy}
        nodevices
        quiet 5s
        move web a
        quiet 3s
        cut a
        run 5s
        kill web on a
        run 10s
        heal
        run 5s"
    );
    expected.assert_eq(&cluster::story::play(&script));
}

#[test]
fn by_freeze_what_dies_without_quorum_stays_down_until_there_is_one() {
    check_death(
        "freeze",
        expect![[r#"
        > quiet 5s
        > move web a
        > quiet 3s
        > cut a
        > run 5s
            8.78s  a is lost: a silent for 800 ms, agreed by b and c
        > kill web on a
           13.00s    web/program dies
        > run 10s
        > heal
        > run 5s
           23.04s  web failed on a: program: signal 9
    "#]],
    );
}

#[test]
fn by_ignore_too() {
    check_death(
        "ignore",
        expect![[r#"
        > quiet 5s
        > move web a
        > quiet 3s
        > cut a
        > run 5s
            8.78s  a is lost: a silent for 800 ms, agreed by b and c
        > kill web on a
           13.00s    web/program dies
        > run 10s
        > heal
        > run 5s
           23.04s  web failed on a: program: signal 9
    "#]],
    );
}
