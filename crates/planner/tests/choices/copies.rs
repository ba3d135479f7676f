//! Services with several copies.

use super::*;

#[test]
fn ten_copies_follow_nine() {
    check(
        "nodes a b
        service web copies=11 per-node=6
        no-service web",
        expect![[r#"
            > service web copies=11 per-node=6
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            plan 1: start web:1 on b: it should run and runs nowhere
            plan 1: start web:2 on a: it should run and runs nowhere
            plan 1: start web:3 on b: it should run and runs nowhere
            plan 1: start web:4 on a: it should run and runs nowhere
            plan 1: start web:5 on b: it should run and runs nowhere
            plan 1: start web:6 on a: it should run and runs nowhere
            plan 1: start web:7 on b: it should run and runs nowhere
            plan 1: start web:8 on a: it should run and runs nowhere
            plan 1: start web:9 on b: it should run and runs nowhere
            plan 1: start web:10 on a: it should run and runs nowhere
            web:0 runs on a
            web:1 runs on b
            web:10 runs on a
            web:2 runs on a
            web:3 runs on b
            web:4 runs on a
            web:5 runs on b
            web:6 runs on a
            web:7 runs on b
            web:8 runs on a
            web:9 runs on b
            > no-service web
            configuration version 3 by ann
            plan 2: stop web:0 on a: configuration version 3
            plan 2: stop web:1 on b: configuration version 3
            plan 2: stop web:2 on a: configuration version 3
            plan 2: stop web:3 on b: configuration version 3
            plan 2: stop web:4 on a: configuration version 3
            plan 2: stop web:5 on b: configuration version 3
            plan 2: stop web:6 on a: configuration version 3
            plan 2: stop web:7 on b: configuration version 3
            plan 2: stop web:8 on a: configuration version 3
            plan 2: stop web:9 on b: configuration version 3
            plan 2: stop web:10 on a: configuration version 3
            web:0 stopped on a: configuration version 3
            web:1 stopped on b: configuration version 3
            web:10 stopped on a: configuration version 3
            web:2 stopped on a: configuration version 3
            web:3 stopped on b: configuration version 3
            web:4 stopped on a: configuration version 3
            web:5 stopped on b: configuration version 3
            web:6 stopped on a: configuration version 3
            web:7 stopped on b: configuration version 3
            web:8 stopped on a: configuration version 3
            web:9 stopped on b: configuration version 3
        "#]],
    );
}

#[test]
fn a_copy_that_starts_holds_up_what_needs_all_of_its_service() {
    check(
        "nodes a b
        service web copies=2
        service log after=web manual
        slow web:1
        operator restart web:1
        operator start log
        runs web:1",
        expect![[r#"
            > service web copies=2
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            plan 1: start web:1 on b: it should run and runs nowhere
            web:0 runs on a
            web:1 runs on b
            > service log after=web manual
            configuration version 3 by ann
            > slow web:1
            > operator restart web:1
            ann: restart web:1
            > operator start log
            ann: start log
              log: waits for web to run
            > runs web:1
            web:1 runs on b
            plan 2: start log on a: asked by ann
            log runs on a
        "#]],
    );
}

#[test]
fn what_follows_a_service_with_copies_waits_for_each_copy() {
    check(
        "nodes a b
        operator maintenance on
        service web copies=2
        service log after-if-both=web
        slow web:0
        slow web:1
        operator maintenance off
        runs web:0
        runs web:1",
        expect![[r#"
            > operator maintenance on
            ann: maintenance on
            > service web copies=2
            configuration version 2 by ann
              web:0: maintenance is on
              web:1: maintenance is on
            > service log after-if-both=web
            configuration version 3 by ann
              log: maintenance is on
            > slow web:0
            > slow web:1
            > operator maintenance off
            ann: maintenance off
            plan 1: start web:0 on a: it should run and runs nowhere
            plan 1: start web:1 on b: it should run and runs nowhere
              log: waits until web has started
            > runs web:0
            web:0 runs on a
            > runs web:1
            web:1 runs on b
            plan 2: start log on a: it should run and runs nowhere
            log runs on a
        "#]],
    );
}

#[test]
fn copies_of_a_dependent_stop_only_with_the_copy_on_their_node() {
    check(
        "nodes a b c
        service db copies=3
        service web copies=3 after=db
        operator stop db:1
        operator start db:1",
        expect![[r#"
            > service db copies=3
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
            > service web copies=3 after=db
            configuration version 3 by ann
            plan 2: start web:0 on a: it should run and runs nowhere
            plan 2: start web:1 on b: it should run and runs nowhere
            plan 2: start web:2 on c: it should run and runs nowhere
            web:0 runs on a
            web:1 runs on b
            web:2 runs on c
            > operator stop db:1
            ann: stop db:1
            plan 3: stop web:1 on b: db:1 stops next, and this needs it
            web:1 stopped on b: db:1 stops next, and this needs it
            plan 4: stop db:1 on b: asked by ann
            db:1 stopped on b: asked by ann
              web:1: waits for the copy of db on b to run
            > operator start db:1
            ann: start db:1
            plan 5: start db:1 on b: asked by ann
            db:1 runs on b
            plan 6: start web:1 on b: it should run and runs nowhere
            web:1 runs on b
        "#]],
    );
}

#[test]
fn a_service_after_copies_stops_with_the_last_of_them() {
    check(
        "nodes a b
        service db copies=2
        service web after=db
        operator stop db:0
        operator stop db:1
        operator start db:0",
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
            > operator stop db:1
            ann: stop db:1
            plan 4: stop web on a: db:1 stops next, and this needs it
            web stopped on a: db:1 stops next, and this needs it
            plan 5: stop db:1 on b: asked by ann
            db:1 stopped on b: asked by ann
              web: waits for db to run
            > operator start db:0
            ann: start db:0
            plan 6: start db:0 on a: asked by ann
            db:0 runs on a
            plan 7: start web on b: it should run and runs nowhere
            web runs on b
        "#]],
    );
}

#[test]
fn a_service_that_lost_its_copies_starts_when_they_have_stopped_on_a_lost_node_too() {
    check(
        "nodes a b c
        service web copies=2
        lost b
        service web
        fenced b",
        expect![[r#"
            > service web copies=2
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            plan 1: start web:1 on b: it should run and runs nowhere
            web:0 runs on a
            web:1 runs on b
            > lost b
            b is lost: b silent for 800 ms, agreed by a and c
            fence 19: a fences b: b silent for 800 ms, agreed by a and c
              b: waits until b is proven off
              web:1: waits until b is proven off
            > service web
            configuration version 3 by ann
            plan 3: stop web:0 on a: configuration version 3
            web:0 stopped on a: configuration version 3
              web: waits until b is proven off
            > fenced b
            fence 19: b confirmed off by power
            web:1 stopped on b: b is proven off
            b is down
            plan 4: start web on a: it should run and runs nowhere
            web runs on a
        "#]],
    );
}

#[test]
fn copies_keep_their_nodes_where_places_are_common() {
    check(
        "nodes a b c
        placement fits
        service web copies=2
        operator standby a
        operator online a
        slow web:1
        operator move web:1 to a
        operator standby c
        operator online c
        stopped web:1
        runs web:1",
        expect![[r#"
            > placement fits
            configuration version 2 by ann
            > service web copies=2
            configuration version 3 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            plan 1: start web:1 on b: it should run and runs nowhere
            web:0 runs on a
            web:1 runs on b
            > operator standby a
            ann: standby a
            plan 2: stop web:0 on a: a is on standby
            web:0 stopped on a: a is on standby
            plan 3: start web:0 on c: a is on standby
            web:0 runs on c
            > operator online a
            ann: online a
            > slow web:1
            > operator move web:1 to a
            ann: move web:1 to a
            plan 4: stop web:1 on b: asked by ann
              web:1: waits for the stop on b
            > operator standby c
            ann: standby c
            plan 5: stop web:0 on c: c is on standby
            web:0 stopped on c: c is on standby
            plan 6: start web:0 on a: c is on standby
            web:0 runs on a
            > operator online c
            ann: online c
            > stopped web:1
            web:1 stopped on b: asked by ann
            plan 7: start web:1 on c: asked by ann
            > runs web:1
            web:1 runs on c
        "#]],
    );
}

#[test]
fn copies_that_were_found_go_on_where_places_are_common() {
    check(
        "nodes a b c
        placement fits
        operator maintenance on
        service web copies=2
        up b web:1
        up c web:0
        operator maintenance off",
        expect![[r#"
            > placement fits
            configuration version 2 by ann
            > operator maintenance on
            ann: maintenance on
            > service web copies=2
            configuration version 3 by ann
              web:0: maintenance is on
              web:1: maintenance is on
            > up b web:1
            b is starting
            web:1 was found running on b
            b is online
            > up c web:0
            c is starting
            web:0 was found running on c
            c is online
            > operator maintenance off
            ann: maintenance off
            plan 1: start web:0 on c: found running on c
            plan 1: start web:1 on b: found running on b
            web:0 runs on c
            web:1 runs on b
        "#]],
    );
}
