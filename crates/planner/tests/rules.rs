//! Rules that few services need, told as an operator would read them: copies, company, room,
//! attributes, tickets, answers to failures.

mod world;

use expect_test::{Expect, expect};

fn check(script: &str, expected: Expect) {
    let mut world = world::World::new();
    world.play(script);
    assert_eq!(world.steps_rejected, Vec::<String>::new(), "{}", world.out);
    expected.assert_eq(&world.out);
}

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
fn attributes_say_where_a_service_may_be_also_when_they_change() {
    check(
        "nodes a b c
        attribute a rack=x
        attribute b rack=y
        attribute c rack=x
        service web where=rack:x
        operator attr a rack=y
        operator attr c rack=y
        operator attr a rack",
        expect![[r#"
            > attribute a rack=x
            configuration version 2 by ann
            > attribute b rack=y
            configuration version 3 by ann
            > attribute c rack=x
            configuration version 4 by ann
            > service web where=rack:x
            configuration version 5 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > operator attr a rack=y
            ann: attr set a rack y
            plan 2: stop web on a: it may not be on a: rack is y, not as asked for (rack is x)
            web stopped on a: it may not be on a: rack is y, not as asked for (rack is x)
            plan 3: start web on c: it may not be on a: rack is y, not as asked for (rack is x)
            web runs on c
            > operator attr c rack=y
            ann: attr set c rack y
            plan 4: stop web on c: it may not be on c: rack is y, not as asked for (rack is x)
            web stopped on c: it may not be on c: rack is y, not as asked for (rack is x)
              web: no node may run it: a: rack is y, not as asked for (rack is x); b: rack is y, not as asked for (rack is x); c: rack is y, not as asked for (rack is x)
            > operator attr a rack
            ann: attr unset a rack
            plan 5: start web on a: it may not be on c: rack is y, not as asked for (rack is x)
            web runs on a
        "#]],
    );
}

#[test]
fn services_leave_a_node_whose_health_is_bad() {
    check(
        "nodes a b
        health move-on-red
        service web prefer=a
        operator attr a health-disk=yellow
        operator attr a health-disk=red
        operator attr a health-disk",
        expect![[r#"
            > health move-on-red
            configuration version 2 by ann
            > service web prefer=a
            configuration version 3 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > operator attr a health-disk=yellow
            ann: attr set a health-disk yellow
            > operator attr a health-disk=red
            ann: attr set a health-disk red
            plan 2: stop web on a: it may not be on a: health-disk is red
            web stopped on a: it may not be on a: health-disk is red
            plan 3: start web on b: it may not be on a: health-disk is red
            web runs on b
            > operator attr a health-disk
            ann: attr unset a health-disk
        "#]],
    );
}

#[test]
fn a_service_needs_its_ticket() {
    check(
        "nodes a b
        service web ticket=site
        operator ticket grant site
        operator ticket standby site
        operator ticket grant site
        operator ticket revoke site",
        expect![[r#"
            > service web ticket=site
            configuration version 2 by ann
              web: ticket site is not here
            > operator ticket grant site
            ann: ticket grant site
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > operator ticket standby site
            ann: ticket standby site
            plan 2: stop web on a: ticket site is not here
            web stopped on a: ticket site is not here
              web: ticket site is not here
            > operator ticket grant site
            ann: ticket grant site
            plan 3: start web on a: it should run and runs nowhere
            web runs on a
            > operator ticket revoke site
            ann: ticket revoke site
            plan 4: stop web on a: ticket site is not here
            web stopped on a: ticket site is not here
              web: ticket site is not here
        "#]],
    );
}

#[test]
fn without_its_ticket_a_service_is_frozen_or_its_node_is_fenced() {
    check(
        "nodes a b
        service calm ticket=site:freeze prefer=a
        service hot ticket=site:fence prefer=b
        operator ticket grant site
        operator ticket revoke site
        fails calm
        fenced b",
        expect![[r#"
            > service calm ticket=site:freeze prefer=a
            configuration version 2 by ann
              calm: ticket site is not here
            > service hot ticket=site:fence prefer=b
            configuration version 3 by ann
              hot: ticket site is not here
            > operator ticket grant site
            ann: ticket grant site
            plan 1: start calm on a: it should run and runs nowhere
            plan 1: start hot on b: it should run and runs nowhere
            calm runs on a
            hot runs on b
            > operator ticket revoke site
            ann: ticket revoke site
            b is lost: ticket site is not here
            fence 18: a fences b: ticket site is not here
              b: waits until b is proven off
              calm: ticket site is not here
              hot: waits until b is proven off
            > fails calm
            calm failed on a: program: exit 1
            > fenced b
            fence 18: b confirmed off by power
            hot stopped on b: b is proven off
            b is down
              hot: ticket site is not here
        "#]],
    );
}

#[test]
fn services_start_one_after_the_other_where_they_must() {
    check(
        "nodes a b
        slow db
        service db
        service web not-while=db
        runs db",
        expect![[r#"
            > slow db
            > service db
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            > service web not-while=db
            configuration version 3 by ann
              web: waits until db has started
            > runs db
            db runs on a
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
        "#]],
    );
}

#[test]
fn an_order_for_both_holds_only_when_both_start() {
    check(
        "nodes a b
        service db manual
        service web manual after-if-both=db
        operator start web
        operator stop web
        operator maintenance on
        operator start db
        operator start web
        operator maintenance off
        operator maintenance on
        operator stop db
        operator stop web
        operator maintenance off",
        expect![[r#"
            > service db manual
            configuration version 2 by ann
            > service web manual after-if-both=db
            configuration version 3 by ann
            > operator start web
            ann: start web
            plan 1: start web on a: asked by ann
            web runs on a
            > operator stop web
            ann: stop web
            plan 2: stop web on a: asked by ann
            web stopped on a: asked by ann
            > operator maintenance on
            ann: maintenance on
              db: maintenance is on
              web: maintenance is on
            > operator start db
            ann: start db
            > operator start web
            ann: start web
            > operator maintenance off
            ann: maintenance off
            plan 3: start db on a: asked by ann
            db runs on a
            plan 4: start web on b: asked by ann
            web runs on b
            > operator maintenance on
            ann: maintenance on
              db: maintenance is on
              web: maintenance is on
            > operator stop db
            ann: stop db
            > operator stop web
            ann: stop web
            > operator maintenance off
            ann: maintenance off
            plan 5: stop web on b: asked by ann
            web stopped on b: asked by ann
            plan 6: stop db on a: asked by ann
            db stopped on a: asked by ann
        "#]],
    );
}

#[test]
fn a_bar_expires_where_it_is_said_so() {
    check(
        "nodes a
        service web restart=0 expires=1h
        fails web
        wait 30m
        wait 31m",
        expect![[r#"
            > service web restart=0 expires=1h
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > fails web
            web failed on a: program: exit 1
            plan 2: stop web on a: program failed once on a, which is barred for 1h
            web stopped on a: program failed once on a, which is barred for 1h
              web: no node may run it: a: barred since 00:00: program failed once (exit 1), until 1970-01-01T01:00
            > wait 30m
            > wait 31m
            plan 3: start web on a: program failed once on a, which is barred for 1h
            web runs on a
        "#]],
    );
}

#[test]
fn a_failure_is_answered_as_the_configuration_says() {
    check(
        "nodes a b c
        service goes on-failure=move prefer=a
        service ends on-failure=stop prefer=a
        service sits on-failure=block prefer=a
        fails goes
        fails ends
        operator clear ends
        start-fails sits
        operator clear sits",
        expect![[r#"
            > service goes on-failure=move prefer=a
            configuration version 2 by ann
            plan 1: start goes on a: it should run and runs nowhere
            goes runs on a
            > service ends on-failure=stop prefer=a
            configuration version 3 by ann
            plan 2: start ends on a: it should run and runs nowhere
            ends runs on a
            > service sits on-failure=block prefer=a
            configuration version 4 by ann
            plan 3: start sits on a: it should run and runs nowhere
            sits runs on a
            > fails goes
            goes failed on a: program: exit 1
            plan 4: stop goes on a: program failed once on a, which is barred until cleared
            goes stopped on a: program failed once on a, which is barred until cleared
            plan 5: start goes on b: program failed once on a, which is barred until cleared
            goes runs on b
            > fails ends
            ends failed on a: program: exit 1
            plan 6: stop ends on a: program failed on a (exit 1), and it stays like this until cleared
            ends stopped on a: program failed on a (exit 1), and it stays like this until cleared
              ends: program failed on a (exit 1), and it stays like this until cleared
            > operator clear ends
            ann: clear ends
            plan 7: start ends on a: it should run and runs nowhere
            ends runs on a
            > start-fails sits
            sits failed on a: program in start: exit 7
              sits: program failed on a (exit 7), and it stays like this until cleared
            > operator clear sits
            ann: clear sits
            sits runs on a
        "#]],
    );
}

#[test]
fn a_failure_can_cost_a_node_all_that_it_runs() {
    check(
        "nodes a b c
        service db prefer=a
        service web prefer=a on-failure=standby
        service mail prefer=b on-failure=fence
        fails web
        fails mail
        fenced b",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web prefer=a on-failure=standby
            configuration version 3 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > service mail prefer=b on-failure=fence
            configuration version 4 by ann
            plan 3: start mail on b: it should run and runs nowhere
            mail runs on b
            > fails web
            web failed on a: program: exit 1
            mainstay: standby a
            plan 5: stop db on a: a is on standby
            plan 5: stop web on a: a is on standby
            db stopped on a: a is on standby
            web stopped on a: a is on standby
            plan 6: start db on c: a is on standby
            plan 6: start web on b: a is on standby
            db runs on c
            web runs on b
            > fails mail
            mail failed on b: program: exit 1
            b is lost: program of mail failed on b (exit 1)
            fence 34: a fences b: program of mail failed on b (exit 1)
              b: waits until b is proven off
              mail: waits until b is proven off
              web: waits until b is proven off
            > fenced b
            fence 34: b confirmed off by power
            mail stopped on b: b is proven off
            web stopped on b: b is proven off
            b is down
            plan 9: start mail on c: b is proven off
            plan 9: start web on c: b is proven off
            mail runs on c
            web runs on c
        "#]],
    );
}

#[test]
fn a_stop_that_failed_waits_for_a_person_where_it_is_said_so() {
    check(
        "nodes a b
        service web prefer=a stop-failure=block
        slow web
        operator move web
        stop-fails web
        operator clear web
        stopped web",
        expect![[r#"
            > service web prefer=a stop-failure=block
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > slow web
            > operator move web
            ann: move web
            plan 2: stop web on a: asked by ann
              web: waits for the stop on a
            > stop-fails web
            web failed on a: program: still there
              web: program failed on a (still there), and it stays like this until cleared
            > operator clear web
            ann: clear web
              web: waits for the stop on a
            > stopped web
            web stopped on a: asked by ann
            plan 3: start web on b: asked by ann
        "#]],
    );
}

#[test]
fn nothing_on_a_node_in_maintenance_is_touched() {
    check(
        "nodes a b
        service web prefer=a
        operator maintenance on a
        operator stop web
        service mail prefer=a
        lost a
        operator maintenance off a
        fenced a",
        expect![[r#"
            > service web prefer=a
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > operator maintenance on a
            ann: maintenance on --node a
              web: a is in maintenance
            > operator stop web
            ann: stop web
            > service mail prefer=a
            configuration version 3 by ann
            plan 2: start mail on b: it should run and runs nowhere
            mail runs on b
            > lost a
            a is lost: a silent for 800 ms, agreed by b
              a: a is in maintenance
            > operator maintenance off a
            ann: maintenance off --node a
            fence 19: b fences a: a silent for 800 ms, agreed by b
              a: waits until a is proven off
              web: waits until a is proven off
            > fenced a
            fence 19: a confirmed off by power
            web stopped on a: a is proven off
            a is down
        "#]],
    );
}
