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

#[test]
fn branches_of_a_tree_fail_on_their_own_and_move_with_the_trunk() {
    check(
        "nodes a b
        service store prefer=a
        service web after=store together=store restart=1
        service files after=store together=store
        fails web
        operator move store to b
        fails web
        fails web",
        expect![[r#"
            > service store prefer=a
            configuration version 2 by ann
            plan 1: start store on a: it should run and runs nowhere
            store runs on a
            > service web after=store together=store restart=1
            configuration version 3 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > service files after=store together=store
            configuration version 4 by ann
            plan 3: start files on a: it should run and runs nowhere
            files runs on a
            > fails web
            web failed on a: program: exit 1
            plan 4: restart web on a: program failed (exit 1), failure 1, 1 allowed here
            web runs on a
            > operator move store to b
            ann: move store to b
            plan 5: stop files on a: it belongs where store is, on b
            plan 5: stop web on a: it belongs where store is, on b
            files stopped on a: it belongs where store is, on b
            web stopped on a: it belongs where store is, on b
            plan 6: stop store on a: asked by ann
            store stopped on a: asked by ann
            plan 7: start store on b: asked by ann
            store runs on b
            plan 8: start files on b: it belongs where store is, on b
            plan 8: start web on b: it belongs where store is, on b
            files runs on b
            web runs on b
            > fails web
            web failed on b: program: exit 1
            plan 9: restart web on b: program failed (exit 1), failure 1, 1 allowed here
            web runs on b
            > fails web
            web failed on b: program: exit 1
            plan 10: stop web on b: program failed 2 times on b, which is barred until cleared
            web stopped on b: program failed 2 times on b, which is barred until cleared
            plan 11: stop files on b: it belongs where store is, on a
            files stopped on b: it belongs where store is, on a
            plan 12: stop store on b: it belongs where files is, on a
            store stopped on b: it belongs where files is, on a
            plan 13: start store on a: it belongs where files is, on a
            store runs on a
            plan 14: start files on a: it belongs where store is, on a
            plan 14: start web on a: program failed 2 times on b, which is barred until cleared
            files runs on a
            web runs on a
        "#]],
    );
}

#[test]
fn one_point_of_a_copy_for_company_draws_nobody() {
    check(
        "nodes a b
        service q
        service web manual
        service mail copies=1 together=web:1
        operator move mail:0 to b
        no-service q
        operator start web",
        expect![[r#"
            > service q
            configuration version 2 by ann
            plan 1: start q on a: it should run and runs nowhere
            q runs on a
            > service web manual
            configuration version 3 by ann
            > service mail copies=1 together=web:1
            configuration version 4 by ann
            plan 2: start mail:0 on a: it should run and runs nowhere
            mail:0 runs on a
            > operator move mail:0 to b
            ann: move mail:0 to b
            plan 3: stop mail:0 on a: asked by ann
            mail:0 stopped on a: asked by ann
            plan 4: start mail:0 on b: asked by ann
            mail:0 runs on b
            > no-service q
            configuration version 5 by ann
            plan 5: stop q on a: configuration version 5
            q stopped on a: configuration version 5
            > operator start web
            ann: start web
            plan 6: start web on a: asked by ann
            web runs on a
        "#]],
    );
}
