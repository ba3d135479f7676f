//! Moves that people ask for, and when they wait or end.

use super::*;

#[test]
fn a_move_waits_for_a_copy_that_was_found_elsewhere() {
    check(
        "nodes a b c
        service db prefer=a
        slow db
        runs db
        up b db
        operator move db to c
        quick db",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > slow db
            > runs db
            > up b db
            b is starting
            db was found running on b
            b is online
            > operator move db to c
            ann: move db to c
              db: found running on b, where it must not
            > quick db
            db, found running on b, is stopped
            plan 2: stop db on a: asked by ann
            db stopped on a: asked by ann
            plan 3: start db on c: asked by ann
            db runs on c
        "#]],
    );
}

#[test]
fn a_move_to_anywhere_waits_for_a_node_that_may_take_it() {
    check(
        "nodes a b
        service db prefer=a
        operator maintenance on
        operator move db
        operator standby b
        operator maintenance off
        operator online b",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > operator maintenance on
            ann: maintenance on
              db: maintenance is on
            > operator move db
            ann: move db
            > operator standby b
            ann: standby b
            > operator maintenance off
            ann: maintenance off
              db: no node may run it: b: on standby
            > operator online b
            ann: online b
            plan 2: stop db on a: asked by ann
            db stopped on a: asked by ann
            plan 3: start db on b: asked by ann
            db runs on b
        "#]],
    );
}

#[test]
fn an_order_to_move_ends_when_its_node_is_set_aside() {
    check(
        "nodes a b c
        service db prefer=a
        operator maintenance on
        operator move db to c
        operator standby c
        operator maintenance off
        operator online c",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > operator maintenance on
            ann: maintenance on
              db: maintenance is on
            > operator move db to c
            ann: move db to c
            > operator standby c
            ann: standby c
            > operator maintenance off
            ann: maintenance off
            > operator online c
            ann: online c
        "#]],
    );
}

#[test]
fn a_move_where_places_are_common_goes_only_where_the_whole_allows_it() {
    check(
        "nodes a b c
        service db prefer=a
        service web together=db
        operator move db to b
        operator standby c
        operator move db to c
        operator online c
        operator move web to a",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web together=db
            configuration version 3 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > operator move db to b
            ann: move db to b
            plan 3: stop db on a: asked by ann
            plan 3: stop web on a: it belongs where db is, on b
            db stopped on a: asked by ann
            web stopped on a: it belongs where db is, on b
            plan 4: start db on b: asked by ann
            plan 4: start web on b: it belongs where db is, on b
            db runs on b
            web runs on b
            > operator standby c
            ann: standby c
            > operator move db to c
            rejected: c is on standby
            > operator online c
            ann: online c
            > operator move web to a
            ann: move web to a
            plan 5: stop db on b: it belongs where web is, on a
            plan 5: stop web on b: asked by ann
            db stopped on b: it belongs where web is, on a
            web stopped on b: asked by ann
            plan 6: start db on a: it belongs where web is, on a
            plan 6: start web on a: asked by ann
            db runs on a
            web runs on a
        "#]],
    );
}

#[test]
fn a_move_to_anywhere_moves_what_must_come_along() {
    check(
        "nodes a b
        service db prefer=a
        service web together=db
        operator move db",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web together=db
            configuration version 3 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > operator move db
            ann: move db
            plan 3: stop db on a: asked by ann
            plan 3: stop web on a: it belongs where db is, on b
            db stopped on a: asked by ann
            web stopped on a: it belongs where db is, on b
            plan 4: start db on b: asked by ann
            plan 4: start web on b: it belongs where db is, on b
            db runs on b
            web runs on b
        "#]],
    );
}

#[test]
fn two_that_belong_together_stay_when_the_node_that_was_meant_is_set_aside() {
    check(
        "nodes a b c
        service db prefer=a
        service web together=db
        operator maintenance on
        operator move db to b
        operator standby b
        operator maintenance off
        operator online b",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web together=db
            configuration version 3 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > operator maintenance on
            ann: maintenance on
              db: maintenance is on
              web: maintenance is on
            > operator move db to b
            ann: move db to b
            > operator standby b
            ann: standby b
            > operator maintenance off
            ann: maintenance off
            > operator online b
            ann: online b
        "#]],
    );
}

#[test]
fn two_that_move_together_to_anywhere_wait_for_a_node() {
    check(
        "nodes a b
        service db prefer=a
        service web together=db
        operator maintenance on
        operator move web
        operator standby b
        operator maintenance off
        operator online b",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web together=db
            configuration version 3 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > operator maintenance on
            ann: maintenance on
              db: maintenance is on
              web: maintenance is on
            > operator move web
            ann: move web
            > operator standby b
            ann: standby b
            > operator maintenance off
            ann: maintenance off
              web: no node may run it: b: on standby
            > operator online b
            ann: online b
            plan 3: stop db on a: it belongs where web is, on b
            plan 3: stop web on a: asked by ann
            db stopped on a: it belongs where web is, on b
            web stopped on a: asked by ann
            plan 4: start db on b: it belongs where web is, on b
            plan 4: start web on b: asked by ann
            db runs on b
            web runs on b
        "#]],
    );
}

#[test]
fn a_copy_moves_to_where_it_is_asked_to() {
    check(
        "nodes a b c
        service web copies=2
        service db apart=web:10
        operator move web:0 to c
        look web:1
        look web",
        expect![[r#"
            > service web copies=2
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            plan 1: start web:1 on b: it should run and runs nowhere
            web:0 runs on a
            web:1 runs on b
            > service db apart=web:10
            configuration version 3 by ann
            plan 2: start db on c: it should run and runs nowhere
            db runs on c
            > operator move web:0 to c
            ann: move web:0 to c
            plan 3: stop web:0 on a: asked by ann
            web:0 stopped on a: asked by ann
            plan 4: start web:0 on c: asked by ann
            web:0 runs on c
            > look web:1
              a: 0 points; runs no other service; b has as many, and it is there
              b: 0 points; runs no other service
              c: has its copy
            > look web
              a: web is not in the configuration
              b: web is not in the configuration
              c: web is not in the configuration
        "#]],
    );
}

#[test]
fn a_copy_stays_when_the_node_that_it_was_asked_to_has_no_room_any_more() {
    check(
        "nodes a b c
        capacity a cpu=4
        capacity b cpu=4
        capacity c cpu=4
        placement fits
        service web copies=2 uses=cpu:3
        operator maintenance on
        operator move web:0 to c
        capacity c cpu=1
        operator maintenance off
        capacity c cpu=4",
        expect![[r#"
            > capacity a cpu=4
            configuration version 2 by ann
            > capacity b cpu=4
            configuration version 3 by ann
            > capacity c cpu=4
            configuration version 4 by ann
            > placement fits
            configuration version 5 by ann
            > service web copies=2 uses=cpu:3
            configuration version 6 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            plan 1: start web:1 on b: it should run and runs nowhere
            web:0 runs on a
            web:1 runs on b
            > operator maintenance on
            ann: maintenance on
              web:0: maintenance is on
              web:1: maintenance is on
            > operator move web:0 to c
            ann: move web:0 to c
            > capacity c cpu=1
            configuration version 7 by ann
            > operator maintenance off
            ann: maintenance off
              web:0: no room on c: cpu 3 needed, 1 left
            > capacity c cpu=4
            configuration version 8 by ann
            plan 2: stop web:0 on a: asked by ann
            web:0 stopped on a: asked by ann
            plan 3: start web:0 on c: asked by ann
            web:0 runs on c
        "#]],
    );
}

#[test]
fn a_move_that_cannot_be_carried_out_keeps_nothing_from_running() {
    check(
        "nodes a b c
        service db never=c prefer=a
        service web together=db
        service front together=web
        operator move web to c
        lost a
        fenced a",
        expect![[r#"
            > service db never=c prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web together=db
            configuration version 3 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > service front together=web
            configuration version 4 by ann
            plan 3: start front on a: it should run and runs nowhere
            front runs on a
            > operator move web to c
            ann: move web to c
              web: it belongs where db is, on a
            > lost a
            a is lost: a silent for 800 ms, agreed by b and c
            fence 24: b fences a: a silent for 800 ms, agreed by b and c
              a: waits until a is proven off
              db: waits until a is proven off
              front: waits until a is proven off
              web: waits until a is proven off
            > fenced a
            fence 24: a confirmed off by power
            db stopped on a: a is proven off
            front stopped on a: a is proven off
            web stopped on a: a is proven off
            a is down
            plan 5: start db on b: a is proven off
            plan 5: start front on b: a is proven off
            plan 5: start web on b: asked by ann
            db runs on b
            front runs on b
            web runs on b
        "#]],
    );
}
