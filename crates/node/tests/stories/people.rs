//! What people ask for: a cluster begins, grows, changes and shrinks.

use super::*;

#[test]
fn a_new_cluster_starts_its_services() {
    check(
        "nodes a b c
        service db prefer=a resources=disk,program
        service web prefer=b after=db
        run 10s",
        expect![[r#"
            > run 10s
                1.04s  c is starting
                1.05s  c is online
                1.05s  plan 11: start db on c: it should run and runs nowhere
                1.05s    db/disk starts on c
                1.06s  b is starting
                1.06s  a is starting
                1.07s  b is online
                1.07s  a is online
                1.10s    db/program starts on c
                1.15s  db runs on c
                1.16s  plan 23: start web on b: it should run and runs nowhere
                1.16s    web/program starts on b
                1.21s  web runs on b
        "#]],
    );
}

#[test]
fn operators_move_stop_and_start() {
    check(
        "nodes a b c
        service web
        quiet 5s
        move web a
        run 2s
        restart web
        run 2s
        stop web
        run 2s
        start web
        run 2s",
        expect![[r#"
            > quiet 5s
            > move web a
            > run 2s
                5.00s  ann: move web to a
                5.00s  plan 23: stop web on c: asked by ann
                5.03s  web stopped on c: asked by ann
                5.03s    web/program stops on c
                5.03s  plan 26: start web on a: asked by ann
                5.04s    web/program starts on a
                5.09s  web runs on a
            > restart web
            > run 2s
                7.00s  ann: restart web
                7.03s    web/program stops on a
                7.03s    web/program starts on a
                7.08s  web runs on a
            > stop web
            > run 2s
                9.00s  ann: stop web
                9.00s  plan 34: stop web on a: asked by ann
                9.03s  web stopped on a: asked by ann
                9.03s    web/program stops on a
            > start web
            > run 2s
               11.00s  ann: start web
               11.00s  plan 38: start web on a: asked by ann
               11.00s    web/program starts on a
               11.05s  web runs on a
        "#]],
    );
}

#[test]
fn standby_moves_services_away() {
    check(
        "nodes a b c
        service web
        quiet 5s
        standby c
        run 2s
        online c
        run 2s",
        expect![[r#"
            > quiet 5s
            > standby c
            > run 2s
                5.00s  ann: standby c
                5.00s  plan 23: stop web on c: c is on standby
                5.03s  web stopped on c: c is on standby
                5.03s    web/program stops on c
                5.03s  plan 26: start web on a: c is on standby
                5.04s    web/program starts on a
                5.09s  web runs on a
            > online c
            > run 2s
                7.00s  ann: online c
        "#]],
    );
}

#[test]
fn in_maintenance_nothing_is_touched() {
    check(
        "nodes a b c
        service web
        quiet 5s
        maintenance on
        kill web on c
        run 3s
        maintenance off
        run 3s",
        expect![[r#"
            > quiet 5s
            > maintenance on
            > kill web on c
                5.00s    web/program dies
            > run 3s
                5.00s  ann: maintenance on
                5.00s  web failed on c: program: signal 9
            > maintenance off
            > run 3s
                8.00s  ann: maintenance off
                8.00s  plan 25: restart web on c: program failed (signal 9), failure 1, 3 allowed here
                8.03s    web/program starts on c
                8.08s  web runs on c
        "#]],
    );
}

#[test]
fn a_frozen_service_is_left_as_it_is() {
    check(
        "nodes a b c
        service web
        quiet 5s
        freeze web
        kill web on c
        run 3s
        thaw web
        run 3s",
        expect![[r#"
            > quiet 5s
            > freeze web
            > kill web on c
                5.00s    web/program dies
            > run 3s
                5.00s  ann: freeze web
                5.00s  web failed on c: program: signal 9
            > thaw web
            > run 3s
                8.00s  ann: thaw web
                8.00s  plan 25: restart web on c: program failed (signal 9), failure 1, 3 allowed here
                8.03s    web/program starts on c
                8.08s  web runs on c
        "#]],
    );
}

#[test]
fn a_node_leaves_and_returns_in_the_same_boot() {
    check(
        "nodes a b c
        service web
        quiet 5s
        leave c
        run 8s
        daemon-start c
        run 5s",
        expect![[r#"
            > quiet 5s
            > leave c
            > run 8s
                5.00s  c is leaving
                5.00s  plan 23: stop web on c: c is leaving
                5.03s  web stopped on c: c is leaving
                5.03s    web/program stops on c
                5.04s  c is down
                5.04s  plan 27: start web on a: c is leaving
                5.04s    web/program starts on a
                5.04s  c ends its daemon
                5.09s  web runs on a
            > daemon-start c
            > run 5s
               14.49s  c is starting
               14.50s  c is online
        "#]],
    );
}

#[test]
fn the_last_node_leaves_and_starts_again_in_the_same_boot() {
    check(
        "nodes a
        service web
        quiet 5s
        leave a
        run 8s
        daemon-start a
        run 5s",
        expect![[r#"
            > quiet 5s
            > leave a
            > run 8s
                5.03s    web/program stops on a
                5.03s  a ends its daemon
            > daemon-start a
                5.00s  a is leaving
                5.00s  plan 9: stop web on a: a is leaving
                5.03s  web stopped on a: a is leaving
            > run 5s
                5.03s  a is down
               13.00s  a is starting
               13.01s  a is online
               13.01s  plan 16: start web on a: a is leaving
               13.01s    web/program starts on a
               13.06s  web runs on a
        "#]],
    );
}

#[test]
fn of_two_nodes_one_leaves_and_the_other_goes_on_alone() {
    check(
        "nodes a b
        service web
        quiet 5s
        leave b
        run 8s
        kill web on a
        run 3s",
        expect![[r#"
            > quiet 5s
            > leave b
            > run 8s
                5.00s  b is leaving
                5.00s  b is down
                5.00s  b ends its daemon
            > kill web on a
               13.00s    web/program dies
            > run 3s
               13.00s  web failed on a: program: signal 9
               13.00s  plan 19: restart web on a: program failed (signal 9), failure 1, 3 allowed here
               13.03s    web/program starts on a
               13.08s  web runs on a
        "#]],
    );
}

#[test]
fn a_departure_that_was_interrupted_is_over_when_the_daemon_returns() {
    check(
        "nodes a b c
        service web
        quiet 5s
        fault c web stop-fails
        maintenance on
        leave c
        run 1s
        daemon-kill c
        run 1s
        daemon-start c
        run 8s",
        expect![[r#"
            > quiet 5s
            > fault c web stop-fails
            > maintenance on
            > leave c
            > run 1s
                5.00s  ann: maintenance on
                5.00s  c is leaving
            > daemon-kill c
            > run 1s
            > daemon-start c
            > run 8s
                7.10s  c is starting
                7.11s  c is online
        "#]],
    );
}

#[test]
fn a_new_node_joins_and_votes() {
    check(
        "nodes a b
        service web
        quiet 5s
        join c
        run 10s
        power-off a
        run 10s",
        expect![[r#"
            > quiet 5s
            > join c
                5.00s  ann: token
                5.00s  c is a member
                5.00s  configuration version 2 by ann
            > run 10s
                5.12s  c is starting
                5.13s  c is online
            > power-off a
            > run 10s
               15.85s  a is lost: a silent for 800 ms, agreed by b and c
               15.85s  fence 24: b fences a: a silent for 800 ms, agreed by b and c
               16.05s  fence 24: a confirmed off by power-a
               16.05s  web stopped on a: a is proven off
               16.05s  a is down
               16.05s    a has no power
               16.05s  plan 25: start web on b: a is proven off
               16.05s    web/program starts on b
               16.10s  web runs on b
        "#]],
    );
}

#[test]
fn all_but_one_leave_and_the_last_goes_on_alone() {
    check(
        "nodes a b c
        service web
        quiet 5s
        move web c
        quiet 2s
        leave a
        run 5s
        leave b
        run 5s
        kill web on c
        run 2s",
        expect![[r#"
            > quiet 5s
            > move web c
            > quiet 2s
            > leave a
            > run 5s
                7.00s  a is leaving
                7.00s  a is down
                7.00s  a ends its daemon
            > leave b
            > run 5s
               12.00s  b is leaving
               12.00s  b is down
               12.00s  b ends its daemon
            > kill web on c
               17.00s    web/program dies
            > run 2s
               17.00s  web failed on c: program: signal 9
               17.00s  plan 30: restart web on c: program failed (signal 9), failure 1, 3 allowed here
               17.03s    web/program starts on c
               17.08s  web runs on c
        "#]],
    );
}

#[test]
fn after_a_start_of_the_whole_cluster_a_missing_node_has_time_to_boot() {
    check(
        "nodes a b c
        service web
        quiet 5s
        power-off a
        power-off b
        power-off c
        run 2s
        boot a
        boot b
        run 40s",
        expect![[r#"
            > quiet 5s
            > power-off a
            > power-off b
            > power-off c
            > run 2s
            > boot a
            > boot b
            > run 40s
                8.69s  a is starting
                8.70s  a is online
                8.71s  b is starting
                8.71s  b is online
               38.69s  c is lost: c not heard since the cluster started
               38.69s  fence 29: a fences c: c not heard since the cluster started
               38.89s  fence 29: c confirmed off by power-c
               38.89s  web stopped on c: c is proven off
               38.89s  c is down
               38.89s    c has no power
               38.90s  plan 30: start web on a: c is proven off
               38.90s    web/program starts on a
               38.95s  web runs on a
        "#]],
    );
}
