//! Choices of the planner that need a second look: which node, which time, which answer, and
//! what it says of them when asked. Lines with `look`, `strays-on` and `when` are questions.

mod world;

use expect_test::{Expect, expect};

fn check(script: &str, expected: Expect) {
    let mut world = world::World::new();
    world.play(script);
    assert_eq!(world.steps_rejected, Vec::<String>::new(), "{}", world.out);
    expected.assert_eq(&world.out);
}

#[test]
fn what_nobody_can_fence_is_outlived_where_every_watchdog_is_armed() {
    check(
        "nodes a b c
        no-device a
        service db prefer=a
        armed a
        armed b
        lost a
        armed c",
        expect![[r#"
            > no-device a
            configuration version 2 by ann
            > service db prefer=a
            configuration version 3 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > armed a
            the watchdog of a is armed (5s)
            > armed b
            the watchdog of b is armed (5s)
            > lost a
            a is lost: a silent for 800 ms, agreed by b and c
              a: no fence device is configured for a
              db: waits until a is proven off
            > armed c
            the watchdog of c is armed (5s)
            fence 21: b fences a: a silent for 800 ms, agreed by b and c
              a: waits until a is proven off
        "#]],
    );
}

#[test]
fn a_machine_that_is_down_needs_no_watchdog_for_another_to_be_outlived() {
    check(
        "nodes a b c
        no-device a
        service db prefer=a
        armed a
        armed b
        lost c
        fenced c
        lost a",
        expect![[r#"
            > no-device a
            configuration version 2 by ann
            > service db prefer=a
            configuration version 3 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > armed a
            the watchdog of a is armed (5s)
            > armed b
            the watchdog of b is armed (5s)
            > lost c
            c is lost: c silent for 800 ms, agreed by a and b
            fence 20: a fences c: c silent for 800 ms, agreed by a and b
              c: waits until c is proven off
            > fenced c
            fence 20: c confirmed off by power
            c is down
            > lost a
            a is lost: a silent for 800 ms, agreed by b
            fence 23: b fences a: a silent for 800 ms, agreed by b
              a: waits until a is proven off
              db: waits until a is proven off
        "#]],
    );
}

#[test]
fn a_node_without_watchdog_is_not_outlived() {
    check(
        "nodes a b
        no-device a
        service db prefer=a
        armed b
        lost a",
        expect![[r#"
            > no-device a
            configuration version 2 by ann
            > service db prefer=a
            configuration version 3 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > armed b
            the watchdog of b is armed (5s)
            > lost a
            a is lost: a silent for 800 ms, agreed by b
              a: no fence device is configured for a
              db: waits until a is proven off
        "#]],
    );
}

#[test]
fn a_frozen_service_costs_no_node_anything() {
    check(
        "nodes a b
        service db prefer=a on-failure=fence
        service web prefer=a on-failure=standby
        operator freeze db
        operator freeze web
        fails db
        fails web
        operator thaw web
        operator thaw db",
        expect![[r#"
            > service db prefer=a on-failure=fence
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web prefer=a on-failure=standby
            configuration version 3 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > operator freeze db
            ann: freeze db
              db: frozen on request
            > operator freeze web
            ann: freeze web
              web: frozen on request
            > fails db
            db failed on a: program: exit 1
            > fails web
            web failed on a: program: exit 1
            > operator thaw web
            ann: thaw web
            mainstay: standby a
            plan 4: stop web on a: a is on standby
            web stopped on a: a is on standby
            plan 5: start web on b: a is on standby
            web runs on b
            > operator thaw db
            ann: thaw db
            a is lost: program of db failed on a (exit 1)
            fence 27: b fences a: program of db failed on a (exit 1)
              a: waits until a is proven off
              db: waits until a is proven off
        "#]],
    );
}

#[test]
fn a_failure_on_a_node_that_is_set_aside_already_sets_nothing_aside() {
    check(
        "nodes a b
        service db prefer=a on-failure=standby
        operator maintenance on
        operator standby a
        fails db
        operator maintenance off",
        expect![[r#"
            > service db prefer=a on-failure=standby
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > operator maintenance on
            ann: maintenance on
              db: maintenance is on
            > operator standby a
            ann: standby a
            > fails db
            db failed on a: program: exit 1
            > operator maintenance off
            ann: maintenance off
            plan 2: stop db on a: a is on standby
            db stopped on a: a is on standby
            plan 3: start db on b: a is on standby
            db runs on b
        "#]],
    );
}

#[test]
fn a_lost_node_in_maintenance_is_fenced_when_that_ends() {
    check(
        "nodes a b c
        service db prefer=a
        operator maintenance on a
        lost a
        operator maintenance off a",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > operator maintenance on a
            ann: maintenance on --node a
              db: a is in maintenance
            > lost a
            a is lost: a silent for 800 ms, agreed by b and c
              a: a is in maintenance
            > operator maintenance off a
            ann: maintenance off --node a
            fence 19: b fences a: a silent for 800 ms, agreed by b and c
              a: waits until a is proven off
              db: waits until a is proven off
        "#]],
    );
}

#[test]
fn the_brake_tells_when_it_lets_go() {
    check(
        "nodes a b
        lost a
        fenced a
        wait 10s
        up a
        lost a
        fenced a
        wait 10s
        up a
        lost a
        fenced a
        wait 10s
        up a
        lost a
        when
        wait 3569999ms
        when
        wait 1ms",
        expect![[r#"
            > lost a
            a is lost: a silent for 800 ms, agreed by b
            fence 10: b fences a: a silent for 800 ms, agreed by b
              a: waits until a is proven off
            > fenced a
            fence 10: a confirmed off by power
            a is down
            > wait 10s
            > up a
            a is starting
            a is online
            > lost a
            a is lost: a silent for 800 ms, agreed by b
            fence 15: b fences a: a silent for 800 ms, agreed by b
              a: waits until a is proven off
            > fenced a
            fence 15: a confirmed off by power
            a is down
            > wait 10s
            > up a
            a is starting
            a is online
            > lost a
            a is lost: a silent for 800 ms, agreed by b
            fence 20: b fences a: a silent for 800 ms, agreed by b
              a: waits until a is proven off
            > fenced a
            fence 20: a confirmed off by power
            a is down
            > wait 10s
            > up a
            a is starting
            a is online
            > lost a
            a is lost: a silent for 800 ms, agreed by b
              a: a was fenced 3 times within an hour; `mainstay fence confirm a` after a look
            > when
              plans again in 3570000 ms
            > wait 3569999ms
            > when
              plans again in 1 ms
            > wait 1ms
            fence 25: b fences a: a silent for 800 ms, agreed by b
              a: waits until a is proven off
        "#]],
    );
}

#[test]
fn after_every_member_has_failed_to_fence_there_is_a_pause() {
    check(
        "nodes a b c
        service db prefer=a
        lost a
        fence-fails a
        fence-fails a
        when
        wait 4999ms
        when
        wait 1ms",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > lost a
            a is lost: a silent for 800 ms, agreed by b and c
            fence 17: b fences a: a silent for 800 ms, agreed by b and c
              a: waits until a is proven off
              db: waits until a is proven off
            > fence-fails a
            fence 17: a not fenced by power: no answer
            fence 19: c fences a: a silent for 800 ms, agreed by b and c
            > fence-fails a
            fence 19: a not fenced by power: no answer
              a: power could not fence a: no answer
            > when
              plans again in 5000 ms
            > wait 4999ms
            > when
              plans again in 1 ms
            > wait 1ms
            fence 21: b fences a: a silent for 800 ms, agreed by b and c
              a: waits until a is proven off
        "#]],
    );
}

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
fn a_service_returns_to_where_its_wishes_point() {
    check(
        "nodes a b c
        service db failback where=disk:fast:50
        operator attr c disk=fast
        operator attr b disk=fast
        operator attr c disk",
        expect![[r#"
            > service db failback where=disk:fast:50
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > operator attr c disk=fast
            ann: attr set c disk fast
            plan 2: stop db on a: c is preferred and ready again
            db stopped on a: c is preferred and ready again
            plan 3: start db on c: c is preferred and ready again
            db runs on c
            > operator attr b disk=fast
            ann: attr set b disk fast
            > operator attr c disk
            ann: attr unset c disk
            plan 4: stop db on c: b is preferred and ready again
            db stopped on c: b is preferred and ready again
            plan 5: start db on b: b is preferred and ready again
            db runs on b
        "#]],
    );
}

#[test]
fn a_service_leaves_a_node_that_it_should_avoid_only_where_it_may_go_back() {
    check(
        "nodes a b
        service db avoid=a
        service web avoid=a failback
        operator standby b
        operator online b",
        expect![[r#"
            > service db avoid=a
            configuration version 2 by ann
            plan 1: start db on b: it should run and runs nowhere
            db runs on b
            > service web avoid=a failback
            configuration version 3 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > operator standby b
            ann: standby b
            plan 3: stop db on b: b is on standby
            plan 3: stop web on b: b is on standby
            db stopped on b: b is on standby
            web stopped on b: b is on standby
            plan 4: start db on a: b is on standby
            plan 4: start web on a: b is on standby
            db runs on a
            web runs on a
            > operator online b
            ann: online b
            plan 5: stop web on a: b is preferred and ready again
            web stopped on a: b is preferred and ready again
            plan 6: start web on b: b is preferred and ready again
            web runs on b
        "#]],
    );
}

#[test]
fn wishes_count_less_than_stickiness_where_that_is_more() {
    check(
        "nodes a b
        service db failback sticky=50 where=disk:fast:50
        operator attr b disk=fast
        service db failback sticky=49 where=disk:fast:50",
        expect![[r#"
            > service db failback sticky=50 where=disk:fast:50
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > operator attr b disk=fast
            ann: attr set b disk fast
            > service db failback sticky=49 where=disk:fast:50
            configuration version 3 by ann
            plan 2: stop db on a: b is preferred and ready again
            db stopped on a: b is preferred and ready again
            plan 3: start db on b: b is preferred and ready again
            db runs on b
        "#]],
    );
}

#[test]
fn a_return_waits_for_what_it_needs() {
    check(
        "nodes a b
        service db prefer=b
        service web prefer=a failback after=db
        slow db
        operator standby a
        operator restart db
        operator online a
        runs db",
        expect![[r#"
            > service db prefer=b
            configuration version 2 by ann
            plan 1: start db on b: it should run and runs nowhere
            db runs on b
            > service web prefer=a failback after=db
            configuration version 3 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > slow db
            > operator standby a
            ann: standby a
            plan 3: stop web on a: a is on standby
            web stopped on a: a is on standby
            plan 4: start web on b: a is on standby
            web runs on b
            > operator restart db
            ann: restart db
            > operator online a
            ann: online a
              web: waits for db to run
            > runs db
            db runs on b
            plan 5: stop web on b: a is preferred and ready again
            web stopped on b: a is preferred and ready again
            plan 6: start web on a: a is preferred and ready again
            web runs on a
        "#]],
    );
}

#[test]
fn what_each_node_is_worth_is_told() {
    check(
        "nodes a b c d
        service mail
        service news
        service db prefer=b,a avoid=c where=disk:fast:50 where=rack:x:-7 sticky=30
        operator attr b disk=fast
        operator attr a rack=x
        look db
        operator attr b disk
        operator move db to d
        look db
        look mail",
        expect![[r#"
            > service mail
            configuration version 2 by ann
            plan 1: start mail on a: it should run and runs nowhere
            mail runs on a
            > service news
            configuration version 3 by ann
            plan 2: start news on b: it should run and runs nowhere
            news runs on b
            > service db prefer=b,a avoid=c where=disk:fast:50 where=rack:x:-7 sticky=30
            configuration version 4 by ann
            plan 3: start db on b: it should run and runs nowhere
            db runs on b
            > operator attr b disk=fast
            ann: attr set b disk fast
            > operator attr a rack=x
            ann: attr set a rack x
            > look db
              b: 280 points (250 preference, 30 stickiness), runs 2
              a: 93 points (93 preference, 0 stickiness), runs 1
              d: 0 points (0 preference, 0 stickiness), runs 0
              c: -10000000 points (-10000000 preference, 0 stickiness), runs 0
            > operator attr b disk
            ann: attr unset b disk
            > operator move db to d
            ann: move db to d
            plan 4: stop db on b: asked by ann
            db stopped on b: asked by ann
            plan 5: start db on d: asked by ann
            db runs on d
            > look db
              b: 200 points (200 preference, 0 stickiness), runs 1
              a: 93 points (93 preference, 0 stickiness), runs 1
              d: 30 points (0 preference, 30 stickiness), runs 1
              c: -10000000 points (-10000000 preference, 0 stickiness), runs 0
            > look mail
              c: 0 points (0 preference, 0 stickiness), runs 0
              a: 0 points (0 preference, 0 stickiness), runs 1
              b: 0 points (0 preference, 0 stickiness), runs 1
              d: 0 points (0 preference, 0 stickiness), runs 1
        "#]],
    );
}

#[test]
fn why_a_node_may_not_is_told() {
    check(
        "nodes a b c d e f
        service db never=b where=disk:fast address=lan
        network lan a b c d e
        operator attr a disk=fast
        operator attr c disk=fast
        operator attr d disk=fast
        operator attr e disk=fast
        operator attr f disk=fast
        operator standby c
        operator maintenance on d
        lost e
        look db
        look web",
        expect![[r#"
            > service db never=b where=disk:fast address=lan
            configuration version 2 by ann
              db: no node may run it: a: not attached to network lan; b: not allowed by the configuration; c: not attached to network lan; d: not attached to network lan; e: not attached to network lan; f: not attached to network lan
              db: no node may run it: a: disk is not set, not as asked for (disk is fast); b: not allowed by the configuration; c: disk is not set, not as asked for (disk is fast); d: disk is not set, not as asked for (disk is fast); e: disk is not set, not as asked for (disk is fast); f: not attached to network lan
            > operator attr a disk=fast
            ann: attr set a disk fast
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > operator attr c disk=fast
            ann: attr set c disk fast
            > operator attr d disk=fast
            ann: attr set d disk fast
            > operator attr e disk=fast
            ann: attr set e disk fast
            > operator attr f disk=fast
            ann: attr set f disk fast
            > operator standby c
            ann: standby c
            > operator maintenance on d
            ann: maintenance on --node d
            > lost e
            e is lost: e silent for 800 ms, agreed by a and b and c and d and f
            fence 37: a fences e: e silent for 800 ms, agreed by a and b and c and d and f
              e: waits until e is proven off
            > look db
              a: 0 points (0 preference, 0 stickiness), runs 1
              b: not allowed by the configuration
              c: on standby
              d: in maintenance
              e: lost
              f: not attached to network lan
            > look web
              a: web is not in the configuration
              b: web is not in the configuration
              c: web is not in the configuration
              d: web is not in the configuration
              e: web is not in the configuration
              f: web is not in the configuration
        "#]],
    );
}

#[test]
fn a_bar_is_told_with_its_failure_and_its_end() {
    check(
        "nodes a b
        service db prefer=a restart=0 expires=1h
        fails db
        look db
        when
        wait 1800s
        look db
        when
        wait 1800s
        look db",
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
            > look db
              b: 0 points (0 preference, 0 stickiness), runs 1
              a: barred since 00:00: program failed once (exit 1), until 1970-01-01T01:00
            > when
              plans again when something happens
            > wait 1800s
            > look db
              b: 0 points (0 preference, 0 stickiness), runs 1
              a: barred since 00:00: program failed once (exit 1), until 1970-01-01T01:00
            > when
              plans again when something happens
            > wait 1800s
            > look db
              a: 100 points (100 preference, 0 stickiness), runs 0
              b: 0 points (0 preference, 0 stickiness), runs 1
        "#]],
    );
}

#[test]
fn where_services_are_placed_together_a_node_objects_for_the_others() {
    check(
        "nodes a b
        service db
        service web apart=db
        service mail together=db
        look db
        look web
        look mail",
        expect![[r#"
            > service db
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web apart=db
            configuration version 3 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > service mail together=db
            configuration version 4 by ann
            plan 3: start mail on a: it should run and runs nowhere
            mail runs on a
            > look db
              a: 0 points (0 preference, 0 stickiness), runs 2
              b: it must not be where web is, on b
            > look web
              b: 0 points (0 preference, 0 stickiness), runs 1
              a: it must not be where db is, on a
            > look mail
              a: 0 points (0 preference, 0 stickiness), runs 2
              b: it belongs where db is, on a
        "#]],
    );
}

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
fn a_service_with_failback_that_belongs_elsewhere_waits_until_it_can_start_there() {
    check(
        "nodes a b c
        service db prefer=b
        service web prefer=a failback apart=db
        slow db
        runs db
        service log after=db failback prefer=a apart=web
        operator standby a
        operator online a",
        expect![[r#"
            > service db prefer=b
            configuration version 2 by ann
            plan 1: start db on b: it should run and runs nowhere
            db runs on b
            > service web prefer=a failback apart=db
            configuration version 3 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > slow db
            > runs db
            > service log after=db failback prefer=a apart=web
            configuration version 4 by ann
            plan 3: start log on c: it should run and runs nowhere
            log runs on c
            > operator standby a
            ann: standby a
            plan 4: stop log on c: it must not be where web is, on c
            plan 4: stop web on a: a is on standby
            log stopped on c: it must not be where web is, on c
            web stopped on a: a is on standby
            plan 5: start log on b: it must not be where web is, on c
            plan 5: start web on c: a is on standby
            log runs on b
            web runs on c
            > operator online a
            ann: online a
            plan 6: stop web on c: a is preferred and ready again
            web stopped on c: a is preferred and ready again
            plan 7: start web on a: a is preferred and ready again
            web runs on a
        "#]],
    );
}

#[test]
fn an_equal_that_is_displaced_by_a_higher_one_displaces_nobody() {
    check(
        "nodes a b c
        capacity a cpu=4
        capacity b cpu=4
        capacity c cpu=4
        placement fits
        service one uses=cpu:4 prefer=a
        service two uses=cpu:4 prefer=b
        service six uses=cpu:4 prefer=c
        service top uses=cpu:4 prefer=a priority=9",
        expect![[r#"
            > capacity a cpu=4
            configuration version 2 by ann
            > capacity b cpu=4
            configuration version 3 by ann
            > capacity c cpu=4
            configuration version 4 by ann
            > placement fits
            configuration version 5 by ann
            > service one uses=cpu:4 prefer=a
            configuration version 6 by ann
            plan 1: start one on a: it should run and runs nowhere
            one runs on a
            > service two uses=cpu:4 prefer=b
            configuration version 7 by ann
            plan 2: start two on b: it should run and runs nowhere
            two runs on b
            > service six uses=cpu:4 prefer=c
            configuration version 8 by ann
            plan 3: start six on c: it should run and runs nowhere
            six runs on c
            > service top uses=cpu:4 prefer=a priority=9
            configuration version 9 by ann
            plan 4: stop one on a: no room on a: cpu 4 needed, 0 left
            one stopped on a: no room on a: cpu 4 needed, 0 left
            plan 5: start top on a: it should run and runs nowhere
            top runs on a
              one: no node may run it: a: no room on a: cpu 4 needed, 0 left; b: no room on b: cpu 4 needed, 0 left; c: no room on c: cpu 4 needed, 0 left
        "#]],
    );
}

#[test]
fn what_stops_before_what_it_follows_only_when_both_stop() {
    check(
        "nodes a b
        service db prefer=a
        service web prefer=a after-if-both=db
        slow web
        runs web
        operator stop db
        operator start db
        operator maintenance on
        operator stop web
        operator stop db
        operator maintenance off
        stopped web",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web prefer=a after-if-both=db
            configuration version 3 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > slow web
            > runs web
            > operator stop db
            ann: stop db
            plan 3: stop db on a: asked by ann
            db stopped on a: asked by ann
            > operator start db
            ann: start db
            plan 4: start db on a: asked by ann
            db runs on a
            > operator maintenance on
            ann: maintenance on
              db: maintenance is on
              web: maintenance is on
            > operator stop web
            ann: stop web
            > operator stop db
            ann: stop db
            > operator maintenance off
            ann: maintenance off
            plan 5: stop web on a: asked by ann
              db: waits for the stop on a
            > stopped web
            web stopped on a: asked by ann
            plan 6: stop db on a: asked by ann
            db stopped on a: asked by ann
        "#]],
    );
}

#[test]
fn two_that_must_not_start_together_do_not_in_either_order() {
    check(
        "nodes a b
        service db
        service web not-while=db
        operator stop db
        operator stop web
        slow db
        slow web
        operator start web
        operator start db
        runs web
        runs db",
        expect![[r#"
            > service db
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web not-while=db
            configuration version 3 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > operator stop db
            ann: stop db
            plan 3: stop db on a: asked by ann
            db stopped on a: asked by ann
            > operator stop web
            ann: stop web
            plan 4: stop web on b: asked by ann
            web stopped on b: asked by ann
            > slow db
            > slow web
            > operator start web
            ann: start web
            plan 5: start web on a: asked by ann
            > operator start db
            ann: start db
              db: waits until web has started
            > runs web
            web runs on a
            plan 6: start db on b: asked by ann
            > runs db
            db runs on b
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
fn what_was_found_on_a_node_that_is_not_online_is_left() {
    check(
        "nodes a b c
        service db prefer=a
        slow db
        runs db
        up b db
        strays-on b
        operator maintenance on b
        strays-on b
        operator maintenance off b
        operator freeze db
        strays-on b
        operator thaw db
        daemon-down b
        strays-on b",
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
            > strays-on b
              db: stops: found running on b, where it must not
            > operator maintenance on b
            ann: maintenance on --node b
            > strays-on b
              db: is left: b is in maintenance
            > operator maintenance off b
            ann: maintenance off --node b
            > operator freeze db
            ann: freeze db
              db: frozen on request
            > strays-on b
              db: is left: frozen on request
            > operator thaw db
            ann: thaw db
            > daemon-down b
            b is daemon-down
            > strays-on b
              db: is left: the daemon of b is down, its services are left alone
        "#]],
    );
}

#[test]
fn what_was_found_without_being_wanted_stops() {
    check(
        "nodes a b
        service db manual
        slow db
        up b db
        strays-on b
        strays-on a
        operator start db
        strays-on b",
        expect![[r#"
            > service db manual
            configuration version 2 by ann
            > slow db
            > up b db
            b is starting
            db was found running on b
            b is online
              db: found running on b, where it must not
            > strays-on b
              db: stops: stopped on request
            > strays-on a
            > operator start db
            ann: start db
            plan 1: start db on b: found running on b
            > strays-on b
        "#]],
    );
}

#[test]
fn what_was_found_on_the_wrong_node_of_two_that_belong_together_stops() {
    check(
        "nodes a b
        service db prefer=a
        operator maintenance on
        service web together=db
        up b web
        slow web
        operator maintenance off
        strays-on b",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > operator maintenance on
            ann: maintenance on
              db: maintenance is on
            > service web together=db
            configuration version 3 by ann
              web: maintenance is on
            > up b web
            b is starting
            web was found running on b
            b is online
            > slow web
            > operator maintenance off
            ann: maintenance off
              web: found running on b, where it must not
            > strays-on b
              web: stops: found running on b, where it must not
        "#]],
    );
}

#[test]
fn of_two_copies_that_were_found_on_one_node_none_goes_on() {
    check(
        "nodes a b c
        operator maintenance on
        service web copies=2
        up a web:0 web:1
        operator maintenance off",
        expect![[r#"
            > operator maintenance on
            ann: maintenance on
            > service web copies=2
            configuration version 2 by ann
              web:0: maintenance is on
              web:1: maintenance is on
            > up a web:0 web:1
            a is starting
            web:0 was found running on a
            web:1 was found running on a
            a is online
            > operator maintenance off
            ann: maintenance off
            web:0, found running on a, is stopped
            web:1, found running on a, is stopped
            plan 1: start web:0 on a: it should run and runs nowhere
            plan 1: start web:1 on b: it should run and runs nowhere
            web:0 runs on a
            web:1 runs on b
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
fn what_should_not_run_waits_for_what_was_found_of_it() {
    check(
        "nodes a b
        service db manual
        slow db
        up b db
        lost b",
        expect![[r#"
            > service db manual
            configuration version 2 by ann
            > slow db
            > up b db
            b is starting
            db was found running on b
            b is online
              db: found running on b, where it must not
            > lost b
            b is lost: b silent for 800 ms, agreed by a
            fence 13: a fences b: b silent for 800 ms, agreed by a
              b: waits until b is proven off
              db: waits until b is proven off
        "#]],
    );
}

#[test]
fn why_a_service_starts_is_what_changed_last() {
    check(
        "nodes a b
        service db ticket=site
        operator ticket grant site
        operator stop db
        operator start db
        operator ticket standby site
        operator ticket grant site",
        expect![[r#"
            > service db ticket=site
            configuration version 2 by ann
              db: ticket site is not here
            > operator ticket grant site
            ann: ticket grant site
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > operator stop db
            ann: stop db
            plan 2: stop db on a: asked by ann
            db stopped on a: asked by ann
            > operator start db
            ann: start db
            plan 3: start db on a: asked by ann
            db runs on a
            > operator ticket standby site
            ann: ticket standby site
            plan 4: stop db on a: ticket site is not here
            db stopped on a: ticket site is not here
              db: ticket site is not here
            > operator ticket grant site
            ann: ticket grant site
            plan 5: start db on a: it should run and runs nowhere
            db runs on a
        "#]],
    );
}

#[test]
fn a_lost_ticket_that_fences_does_so_unless_it_was_given_away_in_peace() {
    check(
        "nodes a b c
        service db prefer=a ticket=site:fence
        operator ticket grant site
        operator ticket standby site
        operator ticket grant site
        operator ticket revoke site",
        expect![[r#"
            > service db prefer=a ticket=site:fence
            configuration version 2 by ann
              db: ticket site is not here
            > operator ticket grant site
            ann: ticket grant site
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > operator ticket standby site
            ann: ticket standby site
            plan 2: stop db on a: ticket site is not here
            db stopped on a: ticket site is not here
              db: ticket site is not here
            > operator ticket grant site
            ann: ticket grant site
            plan 3: start db on a: it should run and runs nowhere
            db runs on a
            > operator ticket revoke site
            ann: ticket revoke site
            a is lost: ticket site is not here
            fence 25: b fences a: ticket site is not here
              a: waits until a is proven off
              db: waits until a is proven off
        "#]],
    );
}

#[test]
fn a_frozen_ticket_stops_what_is_given_away_in_peace() {
    check(
        "nodes a b
        service db prefer=a ticket=site:freeze
        operator ticket grant site
        operator ticket revoke site
        fails db
        operator ticket standby site",
        expect![[r#"
            > service db prefer=a ticket=site:freeze
            configuration version 2 by ann
              db: ticket site is not here
            > operator ticket grant site
            ann: ticket grant site
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > operator ticket revoke site
            ann: ticket revoke site
              db: ticket site is not here
            > fails db
            db failed on a: program: exit 1
            > operator ticket standby site
            rejected: ticket site is not here
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
fn a_return_waits_for_what_it_needs_where_places_are_common_too() {
    check(
        "nodes a b
        placement fits
        service log prefer=b
        service db prefer=a failback after=log
        operator standby a
        slow log
        operator restart log
        operator online a
        runs log",
        expect![[r#"
            > placement fits
            configuration version 2 by ann
            > service log prefer=b
            configuration version 3 by ann
            plan 1: start log on b: it should run and runs nowhere
            log runs on b
            > service db prefer=a failback after=log
            configuration version 4 by ann
            plan 2: start db on a: it should run and runs nowhere
            db runs on a
            > operator standby a
            ann: standby a
            plan 3: stop db on a: a is on standby
            db stopped on a: a is on standby
            plan 4: start db on b: a is on standby
            db runs on b
            > slow log
            > operator restart log
            ann: restart log
            > operator online a
            ann: online a
              db: waits for log to run
            > runs log
            log runs on b
            plan 5: stop db on b: a is preferred and ready again
            db stopped on b: a is preferred and ready again
            plan 6: start db on a: a is preferred and ready again
            db runs on a
        "#]],
    );
}

#[test]
fn a_service_that_may_go_back_does_not_move_for_even_shares() {
    check(
        "nodes a b
        placement fits
        service db failback
        operator standby b
        service web failback
        operator online b
        operator maintenance on b",
        expect![[r#"
            > placement fits
            configuration version 2 by ann
            > service db failback
            configuration version 3 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > operator standby b
            ann: standby b
            > service web failback
            configuration version 4 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > operator online b
            ann: online b
            > operator maintenance on b
            ann: maintenance on --node b
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

#[test]
fn a_higher_one_moves_the_fewest_to_make_room() {
    check(
        "nodes a b c
        capacity a cpu=6
        capacity b cpu=4
        capacity c cpu=4
        placement fits
        service one uses=cpu:2 prefer=a
        service two uses=cpu:4 prefer=b
        service six uses=cpu:2 prefer=a
        service top uses=cpu:4 prefer=a only priority=9",
        expect![[r#"
            > capacity a cpu=6
            configuration version 2 by ann
            > capacity b cpu=4
            configuration version 3 by ann
            > capacity c cpu=4
            configuration version 4 by ann
            > placement fits
            configuration version 5 by ann
            > service one uses=cpu:2 prefer=a
            configuration version 6 by ann
            plan 1: start one on a: it should run and runs nowhere
            one runs on a
            > service two uses=cpu:4 prefer=b
            configuration version 7 by ann
            plan 2: start two on b: it should run and runs nowhere
            two runs on b
            > service six uses=cpu:2 prefer=a
            configuration version 8 by ann
            plan 3: start six on a: it should run and runs nowhere
            six runs on a
            > service top uses=cpu:4 prefer=a only priority=9
            configuration version 9 by ann
            plan 4: stop six on a: no room on a: cpu 2 needed, 0 left
            six stopped on a: no room on a: cpu 2 needed, 0 left
            plan 5: start top on a: it should run and runs nowhere
            plan 5: start six on c: no room on a: cpu 2 needed, 0 left
            six runs on c
            top runs on a
        "#]],
    );
}

#[test]
fn one_that_must_be_apart_waits_until_the_other_has_left_its_node() {
    check(
        "nodes a b
        service db prefer=a
        service web prefer=a only apart=db
        slow db
        runs db
        operator move db to b
        stopped db
        runs db",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web prefer=a only apart=db
            configuration version 3 by ann
              web: no node may run it: a: it must not be where db is, on a; b: not allowed by the configuration
            > slow db
            > runs db
            > operator move db to b
            ann: move db to b
            plan 2: stop db on a: asked by ann
              db: waits for the stop on a
              web: waits for the stop on a
            > stopped db
            db stopped on a: asked by ann
            plan 3: start db on b: asked by ann
            plan 3: start web on a: it should run and runs nowhere
            web runs on a
            > runs db
            db runs on b
        "#]],
    );
}

#[test]
fn room_that_something_leaves_is_waited_for() {
    check(
        "nodes a b
        capacity a cpu=4
        capacity b cpu=4
        placement fits
        service db uses=cpu:3 prefer=a
        slow db
        runs db
        service web uses=cpu:3 prefer=a only priority=5
        stopped db
        runs db",
        expect![[r#"
            > capacity a cpu=4
            configuration version 2 by ann
            > capacity b cpu=4
            configuration version 3 by ann
            > placement fits
            configuration version 4 by ann
            > service db uses=cpu:3 prefer=a
            configuration version 5 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > slow db
            > runs db
            > service web uses=cpu:3 prefer=a only priority=5
            configuration version 6 by ann
            plan 2: stop db on a: no room on a: cpu 3 needed, 1 left
              db: waits for the stop on a
              web: waits for the stop on a
            > stopped db
            db stopped on a: no room on a: cpu 3 needed, 1 left
            plan 3: start web on a: it should run and runs nowhere
            plan 3: start db on b: no room on a: cpu 3 needed, 1 left
            web runs on a
            > runs db
            db runs on b
        "#]],
    );
}

#[test]
fn who_must_be_with_what_cannot_run_waits_for_it() {
    check(
        "nodes a b
        service db manual
        service web together=db
        operator start db
        lost a
        operator stop db
        fenced a",
        expect![[r#"
            > service db manual
            configuration version 2 by ann
            > service web together=db
            configuration version 3 by ann
              web: no node may run it: a: it belongs where db is, which has no place now; b: it belongs where db is, which has no place now
            > operator start db
            ann: start db
            plan 1: start db on a: asked by ann
            plan 1: start web on a: it should run and runs nowhere
            db runs on a
            web runs on a
            > lost a
            a is lost: a silent for 800 ms, agreed by b
            fence 17: b fences a: a silent for 800 ms, agreed by b
              a: waits until a is proven off
              db: waits until a is proven off
              web: waits until a is proven off
            > operator stop db
            ann: stop db
            > fenced a
            fence 17: a confirmed off by power
            db stopped on a: a is proven off
            web stopped on a: a is proven off
            a is down
              web: no node may run it: a: down; b: it belongs where db is, which has no place now
        "#]],
    );
}

#[test]
fn who_is_exclusive_keeps_everybody_away() {
    check(
        "nodes a b c
        service top exclusive
        service web copies=2
        service db
        look db
        look top",
        expect![[r#"
            > service top exclusive
            configuration version 2 by ann
            plan 1: start top on a: it should run and runs nowhere
            top runs on a
            > service web copies=2
            configuration version 3 by ann
            plan 2: start web:0 on b: it should run and runs nowhere
            plan 2: start web:1 on c: it should run and runs nowhere
            web:0 runs on b
            web:1 runs on c
            > service db
            configuration version 4 by ann
            plan 3: start db on b: it should run and runs nowhere
            db runs on b
            > look db
              c: 0 points (0 preference, 0 stickiness), runs 1
              b: 0 points (0 preference, 0 stickiness), runs 2
              a: it must not be where top is, on a
            > look top
              a: 0 points (0 preference, 0 stickiness), runs 1
              b: it must not be where db is, on b
              c: it must not be where web is, on c
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
              a: 0 points (0 preference, 0 stickiness), runs 0
              b: 0 points (0 preference, 0 stickiness), runs 1
              c: has its copy
            > look web
              a: web is not in the configuration
              b: web is not in the configuration
              c: web is not in the configuration
        "#]],
    );
}

#[test]
fn three_priorities_give_way_in_their_order() {
    check(
        "nodes a
        capacity a cpu=4
        placement fits
        service low uses=cpu:3 priority=1
        service mid uses=cpu:3 priority=2
        service top uses=cpu:3 priority=3
        operator stop top
        operator stop mid",
        expect![[r#"
            > capacity a cpu=4
            configuration version 2 by ann
            > placement fits
            configuration version 3 by ann
            > service low uses=cpu:3 priority=1
            configuration version 4 by ann
            plan 1: start low on a: it should run and runs nowhere
            low runs on a
            > service mid uses=cpu:3 priority=2
            configuration version 5 by ann
            plan 2: stop low on a: no room on a: cpu 3 needed, 1 left
            low stopped on a: no room on a: cpu 3 needed, 1 left
            plan 3: start mid on a: it should run and runs nowhere
            mid runs on a
              low: no node may run it: a: no room on a: cpu 3 needed, 1 left
            > service top uses=cpu:3 priority=3
            configuration version 6 by ann
            plan 4: stop mid on a: no room on a: cpu 3 needed, 1 left
            mid stopped on a: no room on a: cpu 3 needed, 1 left
            plan 5: start top on a: it should run and runs nowhere
            top runs on a
              mid: no node may run it: a: no room on a: cpu 3 needed, 1 left
            > operator stop top
            ann: stop top
            plan 6: stop top on a: asked by ann
            top stopped on a: asked by ann
            plan 7: start mid on a: no room on a: cpu 3 needed, 1 left
            mid runs on a
            > operator stop mid
            ann: stop mid
            plan 8: stop mid on a: asked by ann
            mid stopped on a: asked by ann
            plan 9: start low on a: no room on a: cpu 3 needed, 1 left
            low runs on a
        "#]],
    );
}

#[test]
fn ill_nodes_are_left_and_told() {
    check(
        "nodes a b
        service db prefer=a
        health move-on-red
        operator attr a health-disk=red
        look db
        operator attr a health-disk=green
        service web together=db
        operator attr b health-disk=red
        look web",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > health move-on-red
            configuration version 3 by ann
            > operator attr a health-disk=red
            ann: attr set a health-disk red
            plan 2: stop db on a: it may not be on a: health-disk is red
            db stopped on a: it may not be on a: health-disk is red
            plan 3: start db on b: it may not be on a: health-disk is red
            db runs on b
            > look db
              b: 0 points (0 preference, 0 stickiness), runs 1
              a: health-disk is red
            > operator attr a health-disk=green
            ann: attr set a health-disk green
            > service web together=db
            configuration version 4 by ann
            plan 4: start web on b: it should run and runs nowhere
            web runs on b
            > operator attr b health-disk=red
            ann: attr set b health-disk red
            plan 5: stop db on b: it may not be on b: health-disk is red
            plan 5: stop web on b: it may not be on b: health-disk is red
            db stopped on b: it may not be on b: health-disk is red
            web stopped on b: it may not be on b: health-disk is red
            plan 6: start db on a: it may not be on b: health-disk is red
            plan 6: start web on a: it may not be on b: health-disk is red
            db runs on a
            web runs on a
            > look web
              a: 0 points (0 preference, 0 stickiness), runs 2
              b: health-disk is red
        "#]],
    );
}

#[test]
fn the_wishes_for_company_are_weighed() {
    check(
        "nodes a b c
        service db prefer=a
        service web prefer=b together=db:150
        service mail together=db:50 apart=web:60
        look mail
        service news apart=db:100,mail:100",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web prefer=b together=db:150
            configuration version 3 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > service mail together=db:50 apart=web:60
            configuration version 4 by ann
            plan 3: start mail on b: it should run and runs nowhere
            mail runs on b
            > look mail
              c: 0 points (0 preference, 0 stickiness), runs 0
              b: 0 points (0 preference, 0 stickiness), runs 1
              a: 0 points (0 preference, 0 stickiness), runs 2
            > service news apart=db:100,mail:100
            configuration version 5 by ann
            plan 4: start news on c: it should run and runs nowhere
            news runs on c
        "#]],
    );
}

#[test]
fn what_starts_holds_up_what_is_started_after_it_only_where_it_really_starts() {
    check(
        "nodes a b
        service db prefer=a only
        service web after-if-both=db
        operator stop web
        operator stop db
        operator standby a
        operator start db
        operator start web
        operator stop web
        operator freeze db
        operator online a
        operator start web
        operator thaw db",
        expect![[r#"
            > service db prefer=a only
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web after-if-both=db
            configuration version 3 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > operator stop web
            ann: stop web
            plan 3: stop web on b: asked by ann
            web stopped on b: asked by ann
            > operator stop db
            ann: stop db
            plan 4: stop db on a: asked by ann
            db stopped on a: asked by ann
            > operator standby a
            ann: standby a
            > operator start db
            ann: start db
              db: no node may run it: a: on standby; b: not allowed by the configuration
            > operator start web
            ann: start web
            plan 5: start web on b: asked by ann
            web runs on b
            > operator stop web
            ann: stop web
            plan 6: stop web on b: asked by ann
            web stopped on b: asked by ann
            > operator freeze db
            ann: freeze db
              db: frozen on request
            > operator online a
            ann: online a
            > operator start web
            ann: start web
            plan 7: start web on a: asked by ann
            web runs on a
            > operator thaw db
            ann: thaw db
            plan 8: start db on a: asked by ann
            db runs on a
        "#]],
    );
}

#[test]
fn a_found_service_is_adopted_only_where_nothing_else_runs_of_it() {
    check(
        "nodes a b c
        service db manual
        slow db
        up b db
        up c db
        operator start db
        lost b
        fenced b",
        expect![[r#"
            > service db manual
            configuration version 2 by ann
            > slow db
            > up b db
            b is starting
            db was found running on b
            b is online
              db: found running on b, where it must not
            > up c db
            c is starting
            db was found running on c
            c is online
            > operator start db
            ann: start db
              db: found running on c, where it must not
            > lost b
            b is lost: b silent for 800 ms, agreed by a and c
            fence 20: a fences b: b silent for 800 ms, agreed by a and c
              b: waits until b is proven off
              db: waits until b is proven off
            > fenced b
            fence 20: b confirmed off by power
            b is down
            plan 2: start db on c: found running on c
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
