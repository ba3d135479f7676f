//! Orders of people that need a second look: starts without dependencies or on a node of
//! choice, a move that nobody can take.

use super::*;

#[test]
fn what_is_started_alone_waits_for_nobody() {
    check(
        "nodes a b
        service db manual
        service web manual after=db
        operator start web
        start-alone web",
        expect![[r#"
            > service db manual
            configuration version 2 by ann
            > service web manual after=db
            configuration version 3 by ann
            > operator start web
            ann: start web
              web: waits for db to run
            > start-alone web
            ann: start web without dependencies
            plan 1: start web on a: asked by ann
            web runs on a
        "#]],
    );
}

#[test]
fn what_is_started_alone_outlives_what_it_was_after() {
    check(
        "nodes a b
        service db
        service web manual after=db
        service app after=db
        start-alone web
        operator stop db",
        expect![[r#"
            > service db
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web manual after=db
            configuration version 3 by ann
            > service app after=db
            configuration version 4 by ann
            plan 2: start app on b: it should run and runs nowhere
            app runs on b
            > start-alone web
            ann: start web without dependencies
            plan 3: start web on a: asked by ann
            web runs on a
            > operator stop db
            ann: stop db
            plan 4: stop app on b: db stops next, and this needs it
            app stopped on b: db stops next, and this needs it
            plan 5: stop db on a: asked by ann
            db stopped on a: asked by ann
              app: waits for db to run
        "#]],
    );
}

#[test]
fn all_copies_start_alone() {
    check(
        "nodes a b
        service db manual
        service web manual copies=2 after=db
        start-alone web",
        expect![[r#"
            > service db manual
            configuration version 2 by ann
            > service web manual copies=2 after=db
            configuration version 3 by ann
            > start-alone web
            ann: start web without dependencies
            plan 1: start web:0 on a: asked by ann
            plan 1: start web:1 on b: asked by ann
            web:0 runs on a
            web:1 runs on b
        "#]],
    );
}

#[test]
fn what_is_started_alone_does_not_wait_for_what_starts_at_the_same_time() {
    check(
        "nodes a b
        service db manual
        slow db
        service web manual after-if-both=db
        operator start db
        start-alone web
        quick db",
        expect![[r#"
            > service db manual
            configuration version 2 by ann
            > slow db
            > service web manual after-if-both=db
            configuration version 3 by ann
            > operator start db
            ann: start db
            plan 1: start db on a: asked by ann
            > start-alone web
            ann: start web without dependencies
            plan 2: start web on b: asked by ann
            web runs on b
            > quick db
            db runs on a
        "#]],
    );
}

#[test]
fn what_is_started_as_usual_waits_for_what_starts_at_the_same_time() {
    check(
        "nodes a b
        service db manual
        slow db
        service web manual after-if-both=db
        operator start db
        operator start web
        quick db",
        expect![[r#"
            > service db manual
            configuration version 2 by ann
            > slow db
            > service web manual after-if-both=db
            configuration version 3 by ann
            > operator start db
            ann: start db
            plan 1: start db on a: asked by ann
            > operator start web
            ann: start web
              web: waits until db has started
            > quick db
            db runs on a
            plan 2: start web on b: asked by ann
            web runs on b
        "#]],
    );
}

#[test]
fn a_start_on_a_node_goes_there_although_another_is_better() {
    check(
        "nodes a b
        service web manual prefer=a
        start-on b web
        look web",
        expect![[r#"
            > service web manual prefer=a
            configuration version 2 by ann
            > start-on b web
            ann: start web on b
            plan 1: start web on b: asked by ann
            web runs on b
            > look web
              a: 100 points: first in prefer; runs no other service; b has 0, but without `failback` it does not move for points
              b: 0 points: not in prefer; runs no other service
        "#]],
    );
}

#[test]
fn a_failure_as_old_as_the_window_does_not_count() {
    check(
        "nodes a b
        service web restart=1
        fails web
        wait 3600s
        fails web
        wait 3599s
        fails web",
        expect![[r#"
            > service web restart=1
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > fails web
            web failed on a: program: exit 1
            plan 2: restart web on a: program failed (exit 1), failure 1, 1 allowed here
            web runs on a
            > wait 3600s
            > fails web
            web failed on a: program: exit 1
            plan 3: restart web on a: program failed (exit 1), failure 1, 1 allowed here
            web runs on a
            > wait 3599s
            > fails web
            web failed on a: program: exit 1
            plan 4: stop web on a: program failed 2 times on a, which is barred until cleared
            web stopped on a: program failed 2 times on a, which is barred until cleared
            plan 5: start web on b: program failed 2 times on a, which is barred until cleared
            web runs on b
        "#]],
    );
}

#[test]
fn a_guest_that_fails_where_it_arrives_is_mended_once_its_source_is_clear() {
    check(
        "nodes a b c
        service guest live prefer=a
        slow guest
        operator move guest to b
        handed-over guest
        fails guest
        stray-stops guest a
        quick guest",
        expect![[r#"
            > service guest live prefer=a
            configuration version 2 by ann
            plan 1: start guest on a: it should run and runs nowhere
            guest runs on a
            > slow guest
            > operator move guest to b
            ann: move guest to b
            plan 2: move guest live from a to b: asked by ann
              guest: it moves live from a to b
            > handed-over guest
            a has handed guest over to b
            > fails guest
            guest failed on b: program: exit 1
              guest: waits for the stop on b
            > stray-stops guest a
            > quick guest
            guest stopped on b: it could not move live to b (exit 1)
            guest has not moved live from a to b; nothing is left of the try
            plan 3: start guest on b: asked by ann
            guest runs on b
        "#]],
    );
}

#[test]
fn an_order_to_move_away_is_refused_while_no_other_node_may_run_it() {
    check(
        "nodes a b
        service web never=b
        operator move web",
        expect![[r#"
            > service web never=b
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > operator move web
            rejected: no other node than a may run web now
        "#]],
    );
}

#[test]
fn what_is_as_old_as_the_window_in_the_pause_ends_the_pause() {
    check(
        "nodes a
        service web restart=2
        fails web
        wait 3599600ms
        fails web
        wait 399ms
        wait 1ms",
        expect![[r#"
            > service web restart=2
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > fails web
            web failed on a: program: exit 1
            plan 2: restart web on a: program failed (exit 1), failure 1, 2 allowed here
            web runs on a
            > wait 3599600ms
            > fails web
            web failed on a: program: exit 1
              web: program failed (exit 1), failure 2, 2 allowed here; restarts at 01:00:00.100
            > wait 399ms
            > wait 1ms
            plan 3: restart web on a: program failed (exit 1), failure 1, 2 allowed here
            web runs on a
        "#]],
    );
}
