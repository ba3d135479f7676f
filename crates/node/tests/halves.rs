//! Stories in which so much is gone that it matters who heard whom, and who may decide.

mod cluster;

use expect_test::{Expect, expect};

fn check(script: &str, expected: Expect) {
    expected.assert_eq(&cluster::story::play(script));
}

#[test]
fn a_node_lost_while_the_next_leaders_daemon_restarts_is_fenced_at_once() {
    check(
        "nodes a b c
        service web prefer=c
        quiet 5s
        power-off leader
        daemon-kill a
        daemon-start a
        run 4s",
        expect![[r#"
            > quiet 5s
            > power-off leader
            > daemon-kill a
            > daemon-start a
            > run 4s
                6.14s  a is starting
                6.15s  a is online
                6.94s  c is lost: c silent for 800 ms, agreed by a and b
                6.94s  fence 27: a fences c: c silent for 800 ms, agreed by a and b
                7.14s  fence 27: c confirmed off by power-c
                7.14s  web stopped on c: c is proven off
                7.14s  c is down
                7.14s    c has no power
                7.15s  plan 28: start web on a: c is proven off
                7.15s    web/program starts on a
                7.20s  web runs on a
        "#]],
    );
}

#[test]
fn of_two_nodes_one_serves_on_while_the_daemon_of_the_other_is_closed() {
    check(
        "nodes a b
        service web prefer=a
        quiet 5s
        move web a
        quiet 2s
        daemon-kill b
        run 20s
        daemon-start b
        run 5s",
        expect![[r#"
            > quiet 5s
            > move web a
            > quiet 2s
            > daemon-kill b
            > run 20s
            > daemon-start b
            > run 5s
                7.24s  b is daemon-down
               28.09s  b is starting
               28.10s  b is online
        "#]],
    );
}

#[test]
fn of_two_nodes_the_one_that_is_cut_off_stops_when_its_lease_ends() {
    check(
        "nodes a b
        service web prefer=a
        nodevices
        quiet 5s
        move web a
        quiet 2s
        cut a
        run 5s",
        expect![[r#"
            > quiet 5s
            > move web a
            > quiet 2s
            > cut a
            > run 5s
               10.02s    web/program stops on a
        "#]],
    );
}

#[test]
fn three_nodes_without_a_leader_go_on_while_two_hear_each_other() {
    check(
        "nodes a b c
        service web prefer=b
        policy stop
        quiet 5s
        move web b
        quiet 2s
        daemon-kill c
        daemon-kill a
        run 10s
        daemon-start a
        run 5s",
        expect![[r#"
            > quiet 5s
            > move web b
            > quiet 2s
            > daemon-kill c
            > daemon-kill a
            > run 10s
            > daemon-start a
            > run 5s
               17.73s  a is daemon-down
               17.73s  c is daemon-down
               17.74s  a is starting
               17.75s  a is online
        "#]],
    );
}
