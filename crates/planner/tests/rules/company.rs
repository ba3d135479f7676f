//! Who must be together, who must be apart, and where there is room.

use super::*;

#[test]
fn a_service_follows_the_one_that_it_belongs_to() {
    check(
        "nodes a b c
        service db prefer=b
        service web together=db
        operator move db to c
        lost c
        fenced c",
        expect![[r#"
            > service db prefer=b
            configuration version 2 by ann
            plan 1: start db on b: it should run and runs nowhere
            db runs on b
            > service web together=db
            configuration version 3 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > operator move db to c
            ann: move db to c
            plan 3: stop db on b: asked by ann
            plan 3: stop web on b: it belongs where db is, on c
            db stopped on b: asked by ann
            web stopped on b: it belongs where db is, on c
            plan 4: start db on c: asked by ann
            plan 4: start web on c: it belongs where db is, on c
            db runs on c
            web runs on c
            > lost c
            c is lost: c silent for 800 ms, agreed by a and b
            fence 29: a fences c: c silent for 800 ms, agreed by a and b
              c: waits until c is proven off
              db: waits until c is proven off
              web: waits until c is proven off
            > fenced c
            fence 29: c confirmed off by power
            db stopped on c: c is proven off
            web stopped on c: c is proven off
            c is down
            plan 6: start db on b: c is proven off
            plan 6: start web on b: c is proven off
            db runs on b
            web runs on b
        "#]],
    );
}

#[test]
fn what_belongs_to_a_stopped_service_stops_and_says_why() {
    check(
        "nodes a b
        service db
        service web together=db
        operator stop db
        operator start db",
        expect![[r#"
            > service db
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web together=db
            configuration version 3 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > operator stop db
            ann: stop db
            plan 3: stop db on a: asked by ann
            plan 3: stop web on a: it belongs where db is, which has no place now
            db stopped on a: asked by ann
            web stopped on a: it belongs where db is, which has no place now
              web: no node may run it: a: it belongs where db is, which has no place now; b: it belongs where db is, which has no place now
            > operator start db
            ann: start db
            plan 4: start db on a: asked by ann
            plan 4: start web on a: it should run and runs nowhere
            db runs on a
            web runs on a
        "#]],
    );
}

#[test]
fn services_that_must_be_apart_never_meet_not_even_after_a_loss() {
    check(
        "nodes a b
        service db prefer=a
        service web apart=db prefer=a
        lost b
        fenced b
        up b",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web apart=db prefer=a
            configuration version 3 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > lost b
            b is lost: b silent for 800 ms, agreed by a
            fence 16: a fences b: b silent for 800 ms, agreed by a
              b: waits until b is proven off
              web: waits until b is proven off
            > fenced b
            fence 16: b confirmed off by power
            web stopped on b: b is proven off
            b is down
              web: no node may run it: a: it must not be where db is, on a; b: down
            > up b
            b is starting
            b is online
            plan 4: start web on b: b is proven off
            web runs on b
        "#]],
    );
}

#[test]
fn what_must_be_apart_does_not_choose_for_the_other_and_is_not_displaced_by_it() {
    check(
        "nodes a b c
        operator maintenance on
        service db prefer=a
        service mail prefer=a,b apart=db
        operator maintenance off
        lost a
        fenced a
        up a
        operator move db to b",
        expect![[r#"
            > operator maintenance on
            ann: maintenance on
            > service db prefer=a
            configuration version 2 by ann
              db: maintenance is on
            > service mail prefer=a,b apart=db
            configuration version 3 by ann
              mail: maintenance is on
            > operator maintenance off
            ann: maintenance off
            plan 1: start db on a: it should run and runs nowhere
            plan 1: start mail on b: it should run and runs nowhere
            db runs on a
            mail runs on b
            > lost a
            a is lost: a silent for 800 ms, agreed by b and c
            fence 22: b fences a: a silent for 800 ms, agreed by b and c
              a: waits until a is proven off
              db: waits until a is proven off
            > fenced a
            fence 22: a confirmed off by power
            db stopped on a: a is proven off
            a is down
            plan 3: start db on c: a is proven off
            db runs on c
            > up a
            a is starting
            a is online
            > operator move db to b
            ann: move db to b
            plan 4: stop db on c: asked by ann
            plan 4: stop mail on b: it must not be where db is, on b
            db stopped on c: asked by ann
            mail stopped on b: it must not be where db is, on b
            plan 5: start db on b: asked by ann
            plan 5: start mail on a: it must not be where db is, on b
            db runs on b
            mail runs on a
        "#]],
    );
}

#[test]
fn a_wish_to_be_apart_is_dropped_where_one_node_is_left() {
    check(
        "nodes a b
        service db
        service web apart=db:50
        lost b
        fenced b
        up b",
        expect![[r#"
            > service db
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web apart=db:50
            configuration version 3 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > lost b
            b is lost: b silent for 800 ms, agreed by a
            fence 16: a fences b: b silent for 800 ms, agreed by a
              b: waits until b is proven off
              web: waits until b is proven off
            > fenced b
            fence 16: b confirmed off by power
            web stopped on b: b is proven off
            b is down
            plan 4: start web on a: b is proven off
            web runs on a
            > up b
            b is starting
            b is online
        "#]],
    );
}

#[test]
fn a_wish_moves_nothing_that_stays_put() {
    check(
        "nodes a b
        service db prefer=a
        service web prefer=b
        service web prefer=b together=db:500",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web prefer=b
            configuration version 3 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > service web prefer=b together=db:500
            configuration version 4 by ann
        "#]],
    );
}

#[test]
fn an_exclusive_service_is_alone_on_its_node() {
    check(
        "nodes a b
        service db
        service mail
        service web exclusive priority=10",
        expect![[r#"
            > service db
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service mail
            configuration version 3 by ann
            plan 2: start mail on b: it should run and runs nowhere
            mail runs on b
            > service web exclusive priority=10
            configuration version 4 by ann
            plan 3: stop db on a: it must not be where web is, on a
            db stopped on a: it must not be where web is, on a
            plan 4: start web on a: it should run and runs nowhere
            plan 4: start db on b: it must not be where web is, on a
            db runs on b
            web runs on a
        "#]],
    );
}

#[test]
fn services_fit_into_the_room_of_nodes_and_higher_ones_displace_lower_ones() {
    check(
        "nodes a b
        capacity a cpu=4
        capacity b cpu=4
        placement fits
        service db uses=cpu:3
        service web uses=cpu:3
        service mail uses=cpu:3
        service mail uses=cpu:3 priority=10",
        expect![[r#"
            > capacity a cpu=4
            configuration version 2 by ann
            > capacity b cpu=4
            configuration version 3 by ann
            > placement fits
            configuration version 4 by ann
            > service db uses=cpu:3
            configuration version 5 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web uses=cpu:3
            configuration version 6 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > service mail uses=cpu:3
            configuration version 7 by ann
              mail: no node may run it: a: no room on a: cpu 3 needed, 1 left; b: no room on b: cpu 3 needed, 1 left
            > service mail uses=cpu:3 priority=10
            configuration version 8 by ann
            plan 3: stop db on a: no room on a: cpu 3 needed, 1 left
            db stopped on a: no room on a: cpu 3 needed, 1 left
            plan 4: start mail on a: it should run and runs nowhere
            mail runs on a
              db: no node may run it: a: no room on a: cpu 3 needed, 1 left; b: no room on b: cpu 3 needed, 1 left
        "#]],
    );
}

#[test]
fn most_room_spreads_and_fewest_nodes_gathers() {
    check(
        "nodes a b
        capacity a cpu=8
        capacity b cpu=9
        placement most-room
        service db uses=cpu:2
        service web uses=cpu:2
        service mail uses=cpu:2
        placement fewest-nodes
        service news uses=cpu:2",
        expect![[r#"
            > capacity a cpu=8
            configuration version 2 by ann
            > capacity b cpu=9
            configuration version 3 by ann
            > placement most-room
            configuration version 4 by ann
            > service db uses=cpu:2
            configuration version 5 by ann
            plan 1: start db on b: it should run and runs nowhere
            db runs on b
            > service web uses=cpu:2
            configuration version 6 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > service mail uses=cpu:2
            configuration version 7 by ann
            plan 3: start mail on b: it should run and runs nowhere
            mail runs on b
            > placement fewest-nodes
            configuration version 8 by ann
            > service news uses=cpu:2
            configuration version 9 by ann
            plan 4: start news on a: it should run and runs nowhere
            news runs on a
        "#]],
    );
}

#[test]
fn avoided_nodes_are_the_last_and_forbidden_ones_are_none() {
    check(
        "nodes a b c
        service web avoid=a never=b
        lost c
        fenced c
        lost a
        fenced a",
        expect![[r#"
            > service web avoid=a never=b
            configuration version 2 by ann
            plan 1: start web on c: it should run and runs nowhere
            web runs on c
            > lost c
            c is lost: c silent for 800 ms, agreed by a and b
            fence 17: a fences c: c silent for 800 ms, agreed by a and b
              c: waits until c is proven off
              web: waits until c is proven off
            > fenced c
            fence 17: c confirmed off by power
            web stopped on c: c is proven off
            c is down
            plan 3: start web on a: c is proven off
            web runs on a
            > lost a
            a is lost: a silent for 800 ms, agreed by b
            fence 22: b fences a: a silent for 800 ms, agreed by b
              a: waits until a is proven off
              web: waits until a is proven off
            > fenced a
            fence 22: a confirmed off by power
            web stopped on a: a is proven off
            a is down
              web: no node may run it: a: down; b: not allowed by the configuration; c: down
        "#]],
    );
}
