//! Programs that are killed, found, hang or do not stop.

use super::*;

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
