//! Services with several copies.

use super::*;

#[test]
fn copies_run_on_different_nodes_and_one_waits_for_a_node() {
    check(
        "nodes a b c
        service web copies=4",
        expect![[r#"
            > service web copies=4
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            plan 1: start web:1 on b: it should run and runs nowhere
            plan 1: start web:2 on c: it should run and runs nowhere
            web:0 runs on a
            web:1 runs on b
            web:2 runs on c
              web:3: no node may run it: a: has its copy; b: has its copy; c: has its copy
        "#]],
    );
}

#[test]
fn a_copy_of_a_lost_node_starts_elsewhere_only_after_the_fence_and_only_where_none_is() {
    check(
        "nodes a b c
        service web copies=2
        lost a
        fenced a
        up a",
        expect![[r#"
            > service web copies=2
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            plan 1: start web:1 on b: it should run and runs nowhere
            web:0 runs on a
            web:1 runs on b
            > lost a
            a is lost: a silent for 800 ms, agreed by b and c
            fence 19: b fences a: a silent for 800 ms, agreed by b and c
              a: waits until a is proven off
              web:0: waits until a is proven off
            > fenced a
            fence 19: a confirmed off by power
            web:0 stopped on a: a is proven off
            a is down
            plan 3: start web:0 on c: a is proven off
            web:0 runs on c
            > up a
            a is starting
            a is online
        "#]],
    );
}

#[test]
fn each_node_has_its_copy_and_gets_it_again_when_it_returns() {
    check(
        "nodes a b c
        service web copies=every-node
        lost b
        fenced b
        up b",
        expect![[r#"
            > service web copies=every-node
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            plan 1: start web:1 on b: it should run and runs nowhere
            plan 1: start web:2 on c: it should run and runs nowhere
            web:0 runs on a
            web:1 runs on b
            web:2 runs on c
            > lost b
            b is lost: b silent for 800 ms, agreed by a and c
            fence 21: a fences b: b silent for 800 ms, agreed by a and c
              b: waits until b is proven off
              web:1: waits until b is proven off
            > fenced b
            fence 21: b confirmed off by power
            web:1 stopped on b: b is proven off
            b is down
              web:1: each node that may run it now has its copy
            > up b
            b is starting
            b is online
            plan 3: start web:1 on b: b is proven off
            web:1 runs on b
        "#]],
    );
}

#[test]
fn fewer_copies_stop_the_surplus_only_and_more_start_the_missing_ones() {
    check(
        "nodes a b c
        service web copies=3
        service web copies=1
        service web copies=2",
        expect![[r#"
            > service web copies=3
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            plan 1: start web:1 on b: it should run and runs nowhere
            plan 1: start web:2 on c: it should run and runs nowhere
            web:0 runs on a
            web:1 runs on b
            web:2 runs on c
            > service web copies=1
            configuration version 3 by ann
            plan 2: stop web:1 on b: configuration version 3
            plan 2: stop web:2 on c: configuration version 3
            web:1 stopped on b: configuration version 3
            web:2 stopped on c: configuration version 3
            > service web copies=2
            configuration version 4 by ann
            plan 3: start web:1 on b: it should run and runs nowhere
            web:1 runs on b
        "#]],
    );
}

#[test]
fn an_order_means_all_copies_or_the_one_that_it_names() {
    check(
        "nodes a b
        service web copies=2
        operator stop web:1
        operator stop web
        operator start web
        operator move web
        operator restart web
        operator move web:0 to b",
        expect![[r#"
            > service web copies=2
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            plan 1: start web:1 on b: it should run and runs nowhere
            web:0 runs on a
            web:1 runs on b
            > operator stop web:1
            ann: stop web:1
            plan 2: stop web:1 on b: asked by ann
            web:1 stopped on b: asked by ann
            > operator stop web
            ann: stop web
            plan 3: stop web:0 on a: asked by ann
            web:0 stopped on a: asked by ann
            > operator start web
            ann: start web
            plan 4: start web:0 on a: asked by ann
            plan 4: start web:1 on b: asked by ann
            web:0 runs on a
            web:1 runs on b
            > operator move web
            rejected: web has copies; say which one moves, like web:0
            > operator restart web
            ann: restart web
            web:0 runs on a
            web:1 runs on b
            > operator move web:0 to b
            rejected: b has a copy of web already
        "#]],
    );
}

#[test]
fn a_copy_that_grows_into_a_stopped_service_stays_stopped() {
    check(
        "nodes a b
        service web copies=1
        operator stop web
        service web copies=2",
        expect![[r#"
            > service web copies=1
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            web:0 runs on a
            > operator stop web
            ann: stop web
            plan 2: stop web:0 on a: asked by ann
            web:0 stopped on a: asked by ann
            > service web copies=2
            configuration version 3 by ann
        "#]],
    );
}

#[test]
fn a_service_gets_copies_only_after_it_has_stopped_under_its_own_name() {
    check(
        "nodes a b
        service web
        slow web
        service web copies=2
        stopped web
        service web",
        expect![[r#"
            > service web
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > slow web
            > service web copies=2
            configuration version 3 by ann
            plan 2: stop web on a: configuration version 3
              web:0: waits for the stop on a
              web:1: waits for the stop on a
            > stopped web
            web stopped on a: configuration version 3
            plan 3: start web:0 on a: it should run and runs nowhere
            plan 3: start web:1 on b: it should run and runs nowhere
            web:0 runs on a
            web:1 runs on b
            > service web
            configuration version 4 by ann
            plan 4: stop web:0 on a: configuration version 4
            plan 4: stop web:1 on b: configuration version 4
            web:0 stopped on a: configuration version 4
            web:1 stopped on b: configuration version 4
            plan 5: start web on a: it should run and runs nowhere
        "#]],
    );
}

#[test]
fn a_copy_that_fails_too_often_bars_its_node_for_all_copies() {
    check(
        "nodes a b c
        service web copies=2 restart=0
        fails web:0
        fails web:0",
        expect![[r#"
            > service web copies=2 restart=0
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            plan 1: start web:1 on b: it should run and runs nowhere
            web:0 runs on a
            web:1 runs on b
            > fails web:0
            web:0 failed on a: program: exit 1
            plan 2: stop web:0 on a: program failed once on a, which is barred until cleared
            web:0 stopped on a: program failed once on a, which is barred until cleared
            plan 3: start web:0 on c: program failed once on a, which is barred until cleared
            web:0 runs on c
            > fails web:0
            web:0 failed on c: program: exit 1
            plan 4: stop web:0 on c: program failed once on c, which is barred until cleared
            web:0 stopped on c: program failed once on c, which is barred until cleared
              web:0: no node may run it: a: barred since 00:00: program failed once (exit 1); b: has its copy; c: barred since 00:00: program failed once (exit 1)
        "#]],
    );
}

#[test]
fn copies_need_the_copy_on_their_own_node() {
    check(
        "nodes a b
        slow db:1
        service db copies=2
        service web copies=2 after=db
        runs db:1",
        expect![[r#"
            > slow db:1
            > service db copies=2
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            > service web copies=2 after=db
            configuration version 3 by ann
            plan 2: start web:0 on a: it should run and runs nowhere
            web:0 runs on a
              web:1: waits for the copy of db on b to run
            > runs db:1
            db:1 runs on b
            plan 3: start web:1 on b: it should run and runs nowhere
            web:1 runs on b
        "#]],
    );
}

#[test]
fn a_service_after_one_with_copies_needs_one_of_them() {
    check(
        "nodes a b
        service db copies=2
        service web after=db
        operator stop db:0
        operator stop db",
        expect![[r#"
            > service db copies=2
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            > service web after=db
            configuration version 3 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > operator stop db:0
            ann: stop db:0
            plan 3: stop db:0 on a: asked by ann
            db:0 stopped on a: asked by ann
            > operator stop db
            ann: stop db
            plan 4: stop web on a: db:1 stops next, and this needs it
            web stopped on a: db:1 stops next, and this needs it
            plan 5: stop db:1 on b: asked by ann
            db:1 stopped on b: asked by ann
              web: waits for db to run
        "#]],
    );
}
