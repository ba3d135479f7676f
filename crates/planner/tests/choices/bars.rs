//! Nodes that are barred after failures, and when a bar ends.

use super::*;

#[test]
fn the_next_of_two_times_counts() {
    check(
        "nodes a b c
        service db restart=5
        service web restart=5
        fails db
        fails db
        fails db
        fails web
        fails web
        when
        wait 500ms
        when",
        expect![[r#"
            > service db restart=5
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web restart=5
            configuration version 3 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > fails db
            db failed on a: program: exit 1
            plan 3: restart db on a: program failed (exit 1), failure 1, 5 allowed here
            db runs on a
            > fails db
            db failed on a: program: exit 1
              db: program failed (exit 1), failure 2, 5 allowed here; restarts at 00:00:00.500
            > fails db
            > fails web
            web failed on b: program: exit 1
            plan 4: restart web on b: program failed (exit 1), failure 1, 5 allowed here
            web runs on b
            > fails web
            web failed on b: program: exit 1
              web: program failed (exit 1), failure 2, 5 allowed here; restarts at 00:00:00.500
            > when
              plans again in 500 ms
            > wait 500ms
            plan 5: restart db on a: program failed (exit 1), failure 2, 5 allowed here
            plan 5: restart web on b: program failed (exit 1), failure 2, 5 allowed here
            db runs on a
            web runs on b
            > when
              plans again when something happens
        "#]],
    );
}

#[test]
fn a_bar_that_ends_is_waited_for() {
    check(
        "nodes a
        service db restart=0 expires=1h
        fails db
        when
        wait 3599s
        when
        wait 1s",
        expect![[r#"
            > service db restart=0 expires=1h
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > fails db
            db failed on a: program: exit 1
            plan 2: stop db on a: program failed once on a, which is barred for 1h
            db stopped on a: program failed once on a, which is barred for 1h
              db: no node may run it: a: barred since 00:00: program failed once (exit 1), until 1970-01-01T01:00
            > when
              plans again in 3600000 ms
            > wait 3599s
            > when
              plans again in 1000 ms
            > wait 1s
            plan 3: start db on a: program failed once on a, which is barred for 1h
            db runs on a
        "#]],
    );
}

#[test]
fn the_earlier_of_two_bars_is_waited_for() {
    check(
        "nodes a b
        service db prefer=a restart=0 expires=1h
        fails db
        wait 600s
        fails db
        when
        wait 3000s
        when",
        expect![[r#"
            > service db prefer=a restart=0 expires=1h
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > fails db
            db failed on a: program: exit 1
            plan 2: stop db on a: program failed once on a, which is barred for 1h
            db stopped on a: program failed once on a, which is barred for 1h
            plan 3: start db on b: program failed once on a, which is barred for 1h
            db runs on b
            > wait 600s
            > fails db
            db failed on b: program: exit 1
            plan 4: stop db on b: program failed once on b, which is barred for 1h
            db stopped on b: program failed once on b, which is barred for 1h
              db: no node may run it: a: barred since 00:00: program failed once (exit 1), until 1970-01-01T01:00; b: barred since 00:10: program failed once (exit 1), until 1970-01-01T01:10
            > when
              plans again in 3000000 ms
            > wait 3000s
            plan 5: start db on a: program failed once on b, which is barred for 1h
            db runs on a
            > when
              plans again when something happens
        "#]],
    );
}

#[test]
fn failures_bar_a_node_only_within_the_window() {
    check(
        "nodes a b
        service db prefer=a restart=1
        fails db
        wait 3599s
        fails db
        operator clear db
        operator move db to a
        fails db
        wait 3600s
        fails db",
        expect![[r#"
            > service db prefer=a restart=1
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > fails db
            db failed on a: program: exit 1
            plan 2: restart db on a: program failed (exit 1), failure 1, 1 allowed here
            db runs on a
            > wait 3599s
            > fails db
            db failed on a: program: exit 1
            plan 3: stop db on a: program failed 2 times on a, which is barred until cleared
            db stopped on a: program failed 2 times on a, which is barred until cleared
            plan 4: start db on b: program failed 2 times on a, which is barred until cleared
            db runs on b
            > operator clear db
            ann: clear db
            > operator move db to a
            ann: move db to a
            plan 5: stop db on b: asked by ann
            db stopped on b: asked by ann
            plan 6: start db on a: asked by ann
            db runs on a
            > fails db
            db failed on a: program: exit 1
            plan 7: restart db on a: program failed (exit 1), failure 1, 1 allowed here
            db runs on a
            > wait 3600s
            > fails db
            db failed on a: program: exit 1
            plan 8: restart db on a: program failed (exit 1), failure 1, 1 allowed here
            db runs on a
        "#]],
    );
}
