//! Nodes that are given up, fenced or waited out, and for how long.

use super::*;

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
