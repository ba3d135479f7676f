//! Whole clusters, told as an operator would read them. Lines that begin with `>` are what
//! happens or is ordered; below are the history of the cluster and, indented, what really
//! started and stopped.

mod cluster;

use expect_test::{Expect, expect};

fn check(script: &str, expected: Expect) {
    expected.assert_eq(&cluster::story::play(script));
}

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
fn a_program_that_is_killed_is_restarted_in_place_and_too_often_moves_away() {
    check(
        "nodes a b c
        service web restart=2
        quiet 5s
        kill web on c
        run 1s
        kill web on c
        run 1s
        kill web on c
        run 1s",
        expect![[r#"
            > quiet 5s
            > kill web on c
                5.00s    web/program dies
            > run 1s
                5.00s  web failed on c: program: signal 9
                5.00s  plan 23: restart web on c: program failed (signal 9), failure 1, 2 allowed here
                5.03s    web/program starts on c
                5.08s  web runs on c
            > kill web on c
                6.00s    web/program dies
            > run 1s
                6.00s  web failed on c: program: signal 9
                6.50s  plan 28: restart web on c: program failed (signal 9), failure 2, 2 allowed here
                6.53s    web/program starts on c
                6.58s  web runs on c
            > kill web on c
                7.00s    web/program dies
            > run 1s
                7.00s  web failed on c: program: signal 9
                7.00s  plan 33: stop web on c: program failed 3 times on c, which is barred until cleared
                7.03s  web stopped on c: program failed 3 times on c, which is barred until cleared
                7.04s  plan 36: start web on a: program failed 3 times on c, which is barred until cleared
                7.04s    web/program starts on a
                7.09s  web runs on a
        "#]],
    );
}

#[test]
fn a_node_without_power_is_fenced_before_its_service_starts_elsewhere() {
    check(
        "nodes a b c
        service web prefer=a
        quiet 5s
        move web a
        quiet 2s
        power-off a
        run 5s
        boot a
        run 5s",
        expect![[r#"
            > quiet 5s
            > move web a
            > quiet 2s
            > power-off a
            > run 5s
                7.78s  a is lost: a silent for 800 ms, agreed by b and c
                7.78s  fence 31: b fences a: a silent for 800 ms, agreed by b and c
                7.99s  fence 31: a confirmed off by power-a
                7.99s  web stopped on a: a is proven off
                7.99s  a is down
                7.99s    a has no power
                7.99s  plan 32: start web on b: a is proven off
                7.99s    web/program starts on b
                8.04s  web runs on b
            > boot a
            > run 5s
               13.24s  a is starting
               13.25s  a is online
        "#]],
    );
}

#[test]
fn the_leader_without_power_is_fenced_like_any_other() {
    check(
        "nodes a b c
        service web prefer=c
        quiet 5s
        power-off leader
        run 5s
        boot c
        run 5s",
        expect![[r#"
            > quiet 5s
            > power-off leader
            > run 5s
                5.79s  c is lost: c silent for 800 ms, agreed by a and b
                5.79s  fence 25: a fences c: c silent for 800 ms, agreed by a and b
                5.99s  fence 25: c confirmed off by power-c
                5.99s  web stopped on c: c is proven off
                5.99s  c is down
                5.99s    c has no power
                5.99s  plan 26: start web on a: c is proven off
                5.99s    web/program starts on a
                6.04s  web runs on a
            > boot c
            > run 5s
               11.51s  c is starting
               11.52s  c is online
        "#]],
    );
}

#[test]
fn a_node_that_is_cut_off_is_fenced_while_its_service_still_runs() {
    check(
        "nodes a b c
        service web
        quiet 5s
        move web b
        quiet 2s
        cut b
        run 5s",
        expect![[r#"
            > quiet 5s
            > move web b
            > quiet 2s
            > cut b
            > run 5s
                7.78s  b is lost: b silent for 800 ms, agreed by a and c
                7.78s  fence 31: a fences b: b silent for 800 ms, agreed by a and c
                7.99s  fence 31: b confirmed off by power-b
                7.99s  web stopped on b: b is proven off
                7.99s  b is down
                7.99s    b has no power
                7.99s  plan 32: start web on a: b is proven off
                7.99s    web/program starts on a
                8.04s  web runs on a
        "#]],
    );
}

#[test]
fn a_node_that_is_cut_off_stops_by_itself_when_its_lease_ends() {
    check(
        "nodes a b c
        service web
        quiet 5s
        move web b
        quiet 2s
        fence b takes 10s
        cut b
        run 15s",
        expect![[r#"
            > quiet 5s
            > move web b
            > quiet 2s
            > fence b takes 10s
            > cut b
            > run 15s
                7.78s  b is lost: b silent for 800 ms, agreed by a and c
                7.78s  fence 31: a fences b: b silent for 800 ms, agreed by a and c
                9.91s    web/program stops on b
               17.79s  fence 31: b confirmed off by power-b
               17.79s  web stopped on b: b is proven off
               17.79s  b is down
               17.79s    b has no power
               17.79s  plan 32: start web on a: b is proven off
               17.79s    web/program starts on a
               17.84s  web runs on a
        "#]],
    );
}

#[test]
fn an_election_ends_no_lease() {
    check(
        "nodes a b c
        service web
        service db
        quiet 5s
        move web a
        move db b
        quiet 5s
        daemon-kill leader
        run 5s
        daemon-start c
        run 5s",
        expect![[r#"
            > quiet 5s
            > move web a
            > move db b
            > quiet 5s
            > daemon-kill leader
            > run 5s
               10.19s  c is daemon-down
            > daemon-start c
            > run 5s
               15.10s  c is starting
               15.11s  c is online
        "#]],
    );
}

#[test]
fn a_daemon_that_returns_adopts_what_runs() {
    check(
        "nodes a b c
        service web
        quiet 5s
        daemon-kill c
        run 3s
        daemon-start c
        run 5s",
        expect![[r#"
            > quiet 5s
            > daemon-kill c
            > run 3s
                5.18s  c is daemon-down
            > daemon-start c
            > run 5s
                8.10s  c is starting
                8.11s  c is online
        "#]],
    );
}

#[test]
fn a_program_that_died_while_the_daemon_was_closed_has_failed() {
    check(
        "nodes a b c
        service web
        quiet 5s
        daemon-kill c
        run 2s
        kill web on c
        run 1s
        daemon-start c
        run 5s",
        expect![[r#"
            > quiet 5s
            > daemon-kill c
            > run 2s
                5.18s  c is daemon-down
            > kill web on c
                7.00s    web/program dies
            > run 1s
            > daemon-start c
            > run 5s
                8.10s  c is starting
                8.11s  c is online
                8.11s  web failed on c: program: not running when the daemon came back
                8.11s  plan 27: restart web on c: program failed (not running when the daemon came back), failure 1, 3 allowed here
                8.14s    web/program starts on c
                8.19s  web runs on c
        "#]],
    );
}

#[test]
fn all_daemons_close_and_return_and_nothing_is_touched() {
    check(
        "nodes a b c
        service web
        service db
        quiet 5s
        daemon-kill a
        daemon-kill b
        daemon-kill c
        run 20s
        daemon-start a
        run 1s
        daemon-start b
        run 1s
        daemon-start c
        run 10s",
        expect![[r#"
            > quiet 5s
            > daemon-kill a
            > daemon-kill b
            > daemon-kill c
            > run 20s
            > daemon-start a
            > run 1s
            > daemon-start b
            > run 1s
               26.40s  a is starting
               26.41s  a is online
               26.42s  b is starting
               26.43s  b is online
               26.64s  c is daemon-down
            > daemon-start c
            > run 10s
               27.04s  c is starting
               27.05s  c is online
        "#]],
    );
}

#[test]
fn a_daemon_that_stays_closed_is_fenced_after_its_grace() {
    check(
        "nodes a b c
        service web
        quiet 5s
        move web a
        quiet 5s
        daemon-kill a
        run 40s",
        expect![[r#"
            > quiet 5s
            > move web a
            > quiet 5s
            > daemon-kill a
            > run 40s
               10.28s  a is daemon-down
               40.28s  a is lost: the daemon of a stayed down for too long
               40.28s  fence 32: b fences a: the daemon of a stayed down for too long
               40.48s  fence 32: a confirmed off by power-a
               40.48s  web stopped on a: a is proven off
               40.48s  a is down
               40.48s    a has no power
               40.49s  plan 33: start web on b: a is proven off
               40.49s    web/program starts on b
               40.54s  web runs on b
        "#]],
    );
}

#[test]
fn a_node_that_sleeps_too_long_is_fenced() {
    check(
        "nodes a b c
        service web
        quiet 5s
        move web a
        quiet 2s
        pause a 5s
        run 15s",
        expect![[r#"
            > quiet 5s
            > move web a
            > quiet 2s
            > pause a 5s
            > run 15s
                7.78s  a is lost: a silent for 800 ms, agreed by b and c
                7.78s  fence 31: b fences a: a silent for 800 ms, agreed by b and c
                7.99s  fence 31: a confirmed off by power-a
                7.99s  web stopped on a: a is proven off
                7.99s  a is down
                7.99s    a has no power
                7.99s  plan 32: start web on b: a is proven off
                7.99s    web/program starts on b
                8.04s  web runs on b
        "#]],
    );
}

#[test]
fn a_node_that_wakes_before_it_is_fenced_stops_what_its_lease_no_longer_covers() {
    check(
        "nodes a b c
        service web
        quiet 5s
        move web a
        quiet 2s
        fence a fails 100
        pause a 5s
        run 12s",
        expect![[r#"
            > quiet 5s
            > move web a
            > quiet 2s
            > fence a fails 100
            > pause a 5s
            > run 12s
                7.78s  a is lost: a silent for 800 ms, agreed by b and c
                7.78s  fence 31: b fences a: a silent for 800 ms, agreed by b and c
                7.99s  fence 31: a not fenced by power-a: no answer
                7.99s  fence 33: c fences a: a silent for 800 ms, agreed by b and c
                8.19s  fence 33: a not fenced by power-a: no answer
               12.03s  web stopped on a: the lease of a ended
               12.03s    web/program stops on a
               12.03s  plan 37: start web on b: the lease of a ended
               12.03s    web/program starts on b
               12.08s  web runs on b
               13.19s  fence 41: b fences a: a silent for 800 ms, agreed by b and c
               13.39s  fence 41: a not fenced by power-a: no answer
               18.39s  fence 43: c fences a: a silent for 800 ms, agreed by b and c
               18.59s  fence 43: a not fenced by power-a: no answer
        "#]],
    );
}

#[test]
fn a_fence_that_fails_is_tried_from_another_node() {
    check(
        "nodes a b c
        service web
        quiet 5s
        move web a
        quiet 2s
        fence a fails 2
        power-off a
        run 20s",
        expect![[r#"
            > quiet 5s
            > move web a
            > quiet 2s
            > fence a fails 2
            > power-off a
            > run 20s
                7.78s  a is lost: a silent for 800 ms, agreed by b and c
                7.78s  fence 31: b fences a: a silent for 800 ms, agreed by b and c
                7.99s  fence 31: a not fenced by power-a: no answer
                7.99s  fence 33: c fences a: a silent for 800 ms, agreed by b and c
                8.19s  fence 33: a not fenced by power-a: no answer
               13.19s  fence 35: b fences a: a silent for 800 ms, agreed by b and c
               13.39s  fence 35: a confirmed off by power-a
               13.39s  web stopped on a: a is proven off
               13.39s  a is down
               13.39s    a has no power
               13.39s  plan 36: start web on b: a is proven off
               13.39s    web/program starts on b
               13.44s  web runs on b
        "#]],
    );
}

#[test]
fn the_node_that_fences_dies_and_another_fences_both() {
    check(
        "nodes a b c d e
        service web
        quiet 5s
        move web e
        quiet 2s
        fence e takes 3s
        power-off e
        run 1500ms
        power-off a
        run 20s",
        expect![[r#"
            > quiet 5s
            > move web e
            > quiet 2s
            > fence e takes 3s
            > power-off e
            > run 1500ms
                7.78s  e is lost: e silent for 800 ms, agreed by a and b and c and d
                7.78s  fence 45: a fences e: e silent for 800 ms, agreed by a and b and c and d
            > power-off a
            > run 20s
                9.28s  fence 45: e not fenced: a, which was to do it, is no longer online
                9.28s  a is lost: a silent for 800 ms, agreed by b and c and d
                9.28s  fence 47: b fences a: a silent for 800 ms, agreed by b and c and d
                9.28s  fence 48: c fences e: e silent for 800 ms, agreed by a and b and c and d
                9.48s  fence 47: a confirmed off by power-a
                9.48s  a is down
                9.48s    a has no power
               10.79s    e has no power
               12.29s  fence 48: e confirmed off by power-e
               12.29s  web stopped on e: e is proven off
               12.29s  e is down
               12.29s    e has no power
               12.29s  plan 51: start web on b: e is proven off
               12.29s    web/program starts on b
               12.34s  web runs on b
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
fn three_nodes_lose_two_one_after_another() {
    check(
        "nodes a b c
        service web
        quiet 5s
        power-off a
        run 5s
        power-off b
        run 10s
        boot b
        run 10s",
        expect![[r#"
            > quiet 5s
            > power-off a
            > run 5s
                5.78s  a is lost: a silent for 800 ms, agreed by b and c
                5.78s  fence 24: b fences a: a silent for 800 ms, agreed by b and c
                5.99s  fence 24: a confirmed off by power-a
                5.99s  a is down
                5.99s    a has no power
            > power-off b
            > run 10s
               10.70s  b is lost: b silent for 800 ms, agreed by c
               10.70s    c fences b for its half
               10.90s    b has no power
               10.90s    c goes on alone: generation 2
               10.90s  fence 30: c fences b: b silent for 800 ms, agreed by c
               10.90s  fence 30: b confirmed off by power-b
               10.90s  b is down
            > boot b
            > run 10s
               21.31s  b is starting
               24.30s    b sets its log aside
               24.51s  b is daemon-down
               24.92s  b is starting
               24.93s  b is online
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
fn a_change_of_the_spec_restarts_only_what_changed() {
    check(
        "nodes a b c
        service web
        service db
        quiet 5s
        spec web runs=v2
        run 3s
        drop db
        run 3s",
        expect![[r#"
            > quiet 5s
            > spec web runs=v2
            > run 3s
                5.00s  configuration version 2 by ann
                5.00s  plan 26: stop web on c: configuration version 2
                5.03s  web stopped on c: configuration version 2
                5.03s    web/program stops on c
                5.03s  plan 29: start web on a: configuration version 2
                5.04s    web/program starts on a
                5.09s  web runs on a
            > drop db
            > run 3s
                8.00s  configuration version 3 by ann
                8.00s  plan 33: stop db on c: configuration version 3
                8.03s  db stopped on c: configuration version 3
                8.03s    db/program stops on c
        "#]],
    );
}

#[test]
fn a_change_of_the_spec_while_the_daemon_is_closed_takes_down_what_is_gone() {
    check(
        "nodes a b c
        service web resources=old,program
        quiet 5s
        daemon-kill c
        run 2s
        spec web resources=program,new
        run 2s
        daemon-start c
        run 5s",
        expect![[r#"
            > quiet 5s
            > daemon-kill c
            > run 2s
                5.18s  c is daemon-down
            > spec web resources=program,new
            > run 2s
                7.00s  configuration version 2 by ann
            > daemon-start c
            > run 5s
                9.10s  c is starting
                9.11s  web failed on c: new: not running when the daemon came back
                9.11s  c is online
                9.11s  plan 29: stop web on c: configuration version 2
                9.14s    web/old stops on c
                9.20s  web stopped on c: configuration version 2
                9.20s    web/program stops on c
                9.20s  plan 33: start web on a: configuration version 2
                9.20s    web/program starts on a
                9.25s    web/new starts on a
                9.30s  web runs on a
        "#]],
    );
}

#[test]
fn a_start_that_hangs_delays_no_other_service() {
    check(
        "nodes a b c
        service db prefer=c
        service web prefer=c
        quiet 5s
        stop db
        stop web
        quiet 2s
        fault c db start-hangs
        start db
        start web
        run 3s
        kill web on c
        run 1s",
        expect![[r#"
            > quiet 5s
            > stop db
            > stop web
            > quiet 2s
            > fault c db start-hangs
            > start db
            > start web
            > run 3s
                7.00s  ann: start db
                7.00s  ann: start web
                7.00s  plan 34: start db on c: asked by ann
                7.00s  plan 36: start web on c: asked by ann
                7.00s    db/program starts on c
                7.00s    web/program starts on c
                7.05s  web runs on c
            > kill web on c
               10.00s    web/program dies
            > run 1s
               10.00s  web failed on c: program: signal 9
               10.00s  plan 41: restart web on c: program failed (signal 9), failure 1, 3 allowed here
               10.03s    web/program starts on c
               10.08s  web runs on c
        "#]],
    );
}

#[test]
fn a_stop_that_fails_costs_the_node() {
    check(
        "nodes a b c
        service web
        quiet 5s
        move web a
        quiet 2s
        fault a web stop-fails
        stop web
        run 10s",
        expect![[r#"
            > quiet 5s
            > move web a
            > quiet 2s
            > fault a web stop-fails
            > stop web
            > run 10s
                7.00s  ann: stop web
                7.00s  plan 30: stop web on a: asked by ann
                7.03s  web failed on a: program in stop: it resists
                7.03s  a is lost: web could not be stopped on a
                7.04s  fence 35: b fences a: web could not be stopped on a
                7.24s  fence 35: a confirmed off by power-a
                7.24s  web stopped on a: a is proven off
                7.24s  a is down
                7.24s    a has no power
        "#]],
    );
}

#[test]
fn a_lost_node_that_nothing_can_fence_comes_back_when_it_holds_nothing() {
    check(
        "nodes a b c
        service web
        nodevices
        quiet 5s
        cut b
        run 5s
        heal
        run 5s",
        expect![[r#"
            > quiet 5s
            > cut b
            > run 5s
                5.78s  b is lost: b silent for 800 ms, agreed by a and c
            > heal
            > run 5s
               10.10s  b is starting
               10.10s  b is online
        "#]],
    );
}

#[test]
fn a_frozen_policy_lets_services_run_without_a_leader() {
    check(
        "nodes a b c
        service web
        policy freeze
        quiet 5s
        power-off a
        power-off b
        run 10s
        kill web on c
        run 5s",
        expect![[r#"
            > quiet 5s
            > power-off a
            > power-off b
            > run 10s
            > kill web on c
               15.00s    web/program dies
            > run 5s
        "#]],
    );
}

#[test]
fn a_daemon_that_returns_does_not_fence_on_what_it_remembers() {
    check(
        "nodes a b c
        service web
        quiet 5s
        fence a takes 1s
        power-off a
        run 1s
        daemon-kill b
        run 5s
        boot a
        run 5s
        daemon-start b
        run 10s",
        expect![[r#"
            > quiet 5s
            > fence a takes 1s
            > power-off a
            > run 1s
                5.78s  a is lost: a silent for 800 ms, agreed by b and c
                5.78s  fence 24: b fences a: a silent for 800 ms, agreed by b and c
            > daemon-kill b
            > run 5s
                6.79s    a has no power
            > boot a
            > run 5s
                6.18s  fence 24: a not fenced: b, which was to do it, is no longer online
                6.18s  b is daemon-down
               11.36s  fence 24: a came back under a newer boot
               11.36s  a is starting
               11.37s  a is online
            > daemon-start b
            > run 10s
               16.07s  b is starting
               16.07s  b is online
        "#]],
    );
}

#[test]
fn a_node_that_was_wrongly_vouched_for_stops_the_newer_copy_and_stays_out_until_it_boots() {
    check(
        "nodes a b c
        service web
        quiet 5s
        move web b
        quiet 2s
        fence b fails 100
        cut b
        run 10s
        confirm b
        heal
        run 10s
        power-off b
        boot b
        run 10s",
        expect![[r#"
            > quiet 5s
            > move web b
            > quiet 2s
            > fence b fails 100
            > cut b
            > run 10s
                7.78s  b is lost: b silent for 800 ms, agreed by a and c
                7.78s  fence 31: a fences b: b silent for 800 ms, agreed by a and c
                7.99s  fence 31: b not fenced by power-b: no answer
                7.99s  fence 33: c fences b: b silent for 800 ms, agreed by a and c
                8.19s  fence 33: b not fenced by power-b: no answer
                9.91s    web/program stops on b
               13.19s  fence 35: a fences b: b silent for 800 ms, agreed by a and c
               13.39s  fence 35: b not fenced by power-b: no answer
            > confirm b
            > heal
            > run 10s
               17.00s  ann: fence confirm b
               17.00s  fence 35: b confirmed off by ann in person
               17.00s  web stopped on b: b is proven off
               17.00s  b is down
               17.00s  plan 37: start web on a: b is proven off
               17.00s    web/program starts on a
               17.05s  web runs on a
               18.40s  ALARM: b lives, although ann confirmed it off; web may have run twice, and newer copies are stopped
               18.40s  plan 37: stop web on a: b lives although ann confirmed it off; two copies may have run
               18.40s  b is lost: b lives although ann confirmed it off; two copies may have run
               18.40s  fence 43: a fences b: b lives although ann confirmed it off; two copies may have run
               18.43s  web stopped on a: b lives although ann confirmed it off; two copies may have run
               18.43s    web/program stops on a
               18.61s  fence 43: b not fenced by power-b: no answer
               18.61s  fence 47: c fences b: b lives although ann confirmed it off; two copies may have run
               18.81s  fence 47: b not fenced by power-b: no answer
               23.81s  fence 49: a fences b: b lives although ann confirmed it off; two copies may have run
               24.01s  fence 49: b not fenced by power-b: no answer
            > power-off b
            > boot b
            > run 10s
               28.54s  fence 49: b came back under a newer boot
               28.54s  b is starting
               28.55s  b is online
               28.55s  plan 55: start web on a: b lives although ann confirmed it off; two copies may have run
               28.55s    web/program starts on a
               28.60s  web runs on a
        "#]],
    );
}

#[test]
fn a_stop_that_fails_is_tried_again_where_nothing_can_fence() {
    check(
        "nodes a b c
        service web
        nodevices
        quiet 5s
        fault c web stop-fails
        stop web
        run 12s
        fault c web none
        run 6s",
        expect![[r#"
            > quiet 5s
            > fault c web stop-fails
            > stop web
            > run 12s
                5.00s  ann: stop web
                5.00s  plan 23: stop web on c: asked by ann
                5.03s  web failed on c: program in stop: it resists
            > fault c web none
            > run 6s
               20.12s  web stopped on c: asked by ann
               20.12s    web/program stops on c
        "#]],
    );
}

#[test]
fn a_new_leader_goes_on_with_the_fence_that_the_old_one_began() {
    check(
        "nodes a b c d e
        service web
        quiet 5s
        move web b
        quiet 2s
        fence b takes 2s
        power-off b
        run 1s
        power-off leader
        run 10s",
        expect![[r#"
            > quiet 5s
            > move web b
            > quiet 2s
            > fence b takes 2s
            > power-off b
            > run 1s
                7.78s  b is lost: b silent for 800 ms, agreed by a and c and d and e
                7.78s  fence 45: a fences b: b silent for 800 ms, agreed by a and c and d and e
            > power-off leader
            > run 10s
                8.79s  c is lost: c silent for 800 ms, agreed by a and d and e
                8.79s  fence 48: a fences c: c silent for 800 ms, agreed by a and d and e
                8.99s  fence 48: c confirmed off by power-c
                8.99s  c is down
                8.99s    c has no power
                9.79s  fence 45: b confirmed off by power-b
                9.79s  web stopped on b: b is proven off
                9.79s  b is down
                9.79s    b has no power
                9.79s  plan 51: start web on a: b is proven off
                9.79s    web/program starts on a
                9.84s  web runs on a
        "#]],
    );
}

#[test]
fn a_node_that_was_cut_off_and_heals_within_its_lease_goes_on() {
    check(
        "nodes a b c
        service web
        quiet 5s
        move web b
        quiet 2s
        cut b
        run 700ms
        heal
        run 10s",
        expect![[r#"
            > quiet 5s
            > move web b
            > quiet 2s
            > cut b
            > run 700ms
            > heal
            > run 10s
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

#[test]
fn what_a_killed_daemon_still_had_to_say_ends_no_claim_of_the_next() {
    check(
        "nodes a b c
        service web
        quiet 5s
        fault b web start-hangs
        move web b
        quiet 1s
        fence b fails 100
        cut b
        run 12s
        fault b web none
        delay b 2s
        heal
        quiet 500ms
        daemon-kill b
        delay b 0s
        daemon-start b
        run 4s",
        expect![[r#"
            > quiet 5s
            > fault b web start-hangs
            > move web b
            > quiet 1s
            > fence b fails 100
            > cut b
            > run 12s
                6.78s  b is lost: b silent for 800 ms, agreed by a and c
                6.78s  fence 30: a fences b: b silent for 800 ms, agreed by a and c
                6.99s  fence 30: b not fenced by power-b: no answer
                6.99s  fence 32: c fences b: b silent for 800 ms, agreed by a and c
                7.19s  fence 32: b not fenced by power-b: no answer
                8.91s    web/program stops on b
               12.19s  fence 34: a fences b: b silent for 800 ms, agreed by a and c
               12.39s  fence 34: b not fenced by power-b: no answer
               17.39s  fence 36: c fences b: b silent for 800 ms, agreed by a and c
               17.59s  fence 36: b not fenced by power-b: no answer
            > fault b web none
            > delay b 2s
            > heal
            > quiet 500ms
            > daemon-kill b
            > delay b 0s
            > daemon-start b
            > run 4s
               18.62s    web/program starts on b
               18.67s  web runs on b
               21.53s  web stopped on b: the lease of b ended
               21.53s    web/program stops on b
               21.53s  plan 43: start web on a: the lease of b ended
               21.53s    web/program starts on a
               21.58s  web runs on a
        "#]],
    );
}

#[test]
fn a_start_that_hangs_gives_way_to_a_stop_and_to_the_end_of_the_lease() {
    check(
        "nodes a b c
        service web prefer=c resources=disk,program
        quiet 5s
        stop web
        quiet 1s
        fault c web start-hangs
        start web
        run 1s
        stop web
        run 1s
        start web
        run 1s
        restart web
        run 1s
        fence c fails 100
        cut c
        run 4s",
        expect![[r#"
            > quiet 5s
            > stop web
            > quiet 1s
            > fault c web start-hangs
            > start web
            > run 1s
                6.00s  ann: start web
                6.00s  plan 29: start web on c: asked by ann
                6.00s    web/disk starts on c
            > stop web
            > run 1s
                7.00s  ann: stop web
                7.00s  plan 32: stop web on c: asked by ann
                7.03s  web stopped on c: asked by ann
                7.03s    web/disk stops on c
            > start web
            > run 1s
                8.00s  ann: start web
                8.00s  plan 36: start web on c: asked by ann
                8.00s    web/disk starts on c
            > restart web
            > run 1s
                9.00s  ann: restart web
                9.03s    web/disk stops on c
                9.03s    web/disk starts on c
            > fence c fails 100
            > cut c
            > run 4s
               10.79s  c is lost: c silent for 800 ms, agreed by a and b
               10.79s  fence 44: a fences c: c silent for 800 ms, agreed by a and b
               10.99s  fence 44: c not fenced by power-c: no answer
               10.99s  fence 46: b fences c: c silent for 800 ms, agreed by a and b
               11.19s  fence 46: c not fenced by power-c: no answer
               12.97s    web/disk stops on c
        "#]],
    );
}

/// After each timer the cluster checks that none is due still. Here a restart that waits
/// falls due when the leader has proposed something that nobody can acknowledge.
#[test]
fn a_leader_that_may_not_decide_sets_no_timers_for_decisions() {
    check(
        "nodes a b c
        service web restart=5
        quiet 5s
        kill web on c
        quiet 1s
        kill web on c
        run 100ms
        power-off a
        daemon-kill b
        run 4s",
        expect![[r#"
            > quiet 5s
            > kill web on c
                5.00s    web/program dies
            > quiet 1s
            > kill web on c
                6.00s    web/program dies
            > run 100ms
                6.00s  web failed on c: program: signal 9
            > power-off a
            > daemon-kill b
            > run 4s
        "#]],
    );
}

/// The log on its disk still says that the service may run there; it was given back since.
#[test]
fn a_daemon_that_returns_carries_out_nothing_that_only_its_disk_says() {
    use cluster::form::{name, service, spec};
    use cluster::machine::Fault;
    use std::time::Duration;

    let nodes = ["a", "b", "c"];
    let services = [("web", service(&["prefer=b"]))];
    let mut cluster = cluster::Cluster::new(&nodes, &spec(&nodes, &services), 1);
    for machine in cluster.machines.values_mut() {
        machine.faults.insert(name("web"), Fault::StartHangs);
    }
    cluster.run(Duration::from_secs(5));
    let holder = |cluster: &cluster::Cluster| {
        let claim = cluster.newest().0.seen().services[&name("web")]
            .claim
            .clone();
        claim.map(|claim| cluster.id(claim.node.as_str()))
    };
    let first = holder(&cluster).unwrap();
    cluster.switches.get_mut(&first).unwrap().fails = 100;
    cluster.cut_off(first);
    cluster.run(Duration::from_secs(4));
    assert!(cluster.machines[&first].running.is_empty());
    cluster.machines.values_mut().for_each(|m| m.faults.clear());
    cluster.cut.clear();
    // It gives the claim back, and is cut off before it hears that this is so.
    let millisecond = Duration::from_millis(1);
    let given_back = (0..2000).find(|_| {
        cluster.run(millisecond);
        holder(&cluster) != Some(first)
    });
    assert!(given_back.is_some());
    cluster.cut_off(first);
    cluster.kill_daemon(first);
    cluster.start_daemon(first);
    let on_disk = cluster.machines[&first].disk.hard_state.commit;
    assert!(on_disk < cluster.newest().1);
    // A breach of S1 or S2 would end this.
    cluster.run(Duration::from_secs(2));
    assert!(cluster.machines[&first].running.is_empty());
    assert!(holder(&cluster).is_some_and(|other| other != first));
}
