//! Which node, and in which order.

use super::*;

#[test]
fn a_service_stays_put_without_failback() {
    check(
        "nodes a b
        service db prefer=a,b
        lost a
        fenced a
        up a",
        expect![[r#"
            > service db prefer=a,b
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > lost a
            a is lost: a silent for 800 ms, agreed by b
            fence 13: b fences a: a silent for 800 ms, agreed by b
              a: waits until a is proven off
              db: waits until a is proven off
            > fenced a
            fence 13: a confirmed off by power
            db stopped on a: a is proven off
            a is down
            plan 3: start db on b: a is proven off
            db runs on b
            > up a
            a is starting
            a is online
        "#]],
    );
}

#[test]
fn a_service_returns_to_the_preferred_node_with_failback() {
    check(
        "nodes a b
        service db prefer=a,b failback
        lost a
        fenced a
        up a",
        expect![[r#"
            > service db prefer=a,b failback
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > lost a
            a is lost: a silent for 800 ms, agreed by b
            fence 13: b fences a: a silent for 800 ms, agreed by b
              a: waits until a is proven off
              db: waits until a is proven off
            > fenced a
            fence 13: a confirmed off by power
            db stopped on a: a is proven off
            a is down
            plan 3: start db on b: a is proven off
            db runs on b
            > up a
            a is starting
            a is online
            plan 4: stop db on b: a is preferred and ready again
            db stopped on b: a is preferred and ready again
            plan 5: start db on a: a is preferred and ready again
            db runs on a
        "#]],
    );
}

#[test]
fn stickiness_outweighs_failback() {
    check(
        "nodes a b
        service db prefer=a,b failback sticky=100
        lost a
        fenced a
        up a",
        expect![[r#"
            > service db prefer=a,b failback sticky=100
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > lost a
            a is lost: a silent for 800 ms, agreed by b
            fence 13: b fences a: a silent for 800 ms, agreed by b
              a: waits until a is proven off
              db: waits until a is proven off
            > fenced a
            fence 13: a confirmed off by power
            db stopped on a: a is proven off
            a is down
            plan 3: start db on b: a is proven off
            db runs on b
            > up a
            a is starting
            a is online
        "#]],
    );
}

#[test]
fn a_service_starts_after_those_that_it_needs() {
    check(
        "nodes a b
        slow db
        service db prefer=a
        service web after=db prefer=b
        runs db",
        expect![[r#"
            > slow db
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            > service web after=db prefer=b
            configuration version 3 by ann
              web: waits for db to run
            > runs db
            db runs on a
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
        "#]],
    );
}

#[test]
fn the_move_of_a_needed_service_does_not_disturb_those_that_need_it() {
    check(
        "nodes a b c
        service db prefer=a,c
        service web after=db prefer=b
        lost a
        fenced a",
        expect![[r#"
            > service db prefer=a,c
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web after=db prefer=b
            configuration version 3 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > lost a
            a is lost: a silent for 800 ms, agreed by b and c
            fence 20: b fences a: a silent for 800 ms, agreed by b and c
              a: waits until a is proven off
              db: waits until a is proven off
            > fenced a
            fence 20: a confirmed off by power
            db stopped on a: a is proven off
            a is down
            plan 4: start db on c: a is proven off
            db runs on c
        "#]],
    );
}

#[test]
fn services_of_higher_priority_are_recovered_first() {
    check(
        "nodes a b
        service accounts prefer=a
        service mail prefer=a priority=10
        service web prefer=a priority=5
        lost a
        fenced a",
        expect![[r#"
            > service accounts prefer=a
            configuration version 2 by ann
            plan 1: start accounts on a: it should run and runs nowhere
            accounts runs on a
            > service mail prefer=a priority=10
            configuration version 3 by ann
            plan 2: start mail on a: it should run and runs nowhere
            mail runs on a
            > service web prefer=a priority=5
            configuration version 4 by ann
            plan 3: start web on a: it should run and runs nowhere
            web runs on a
            > lost a
            a is lost: a silent for 800 ms, agreed by b
            fence 19: b fences a: a silent for 800 ms, agreed by b
              a: waits until a is proven off
              accounts: waits until a is proven off
              mail: waits until a is proven off
              web: waits until a is proven off
            > fenced a
            fence 19: a confirmed off by power
            accounts stopped on a: a is proven off
            mail stopped on a: a is proven off
            web stopped on a: a is proven off
            a is down
            plan 5: start mail on b: a is proven off
            plan 5: start web on b: a is proven off
            plan 5: start accounts on b: a is proven off
            accounts runs on b
            mail runs on b
            web runs on b
        "#]],
    );
}

#[test]
fn those_that_need_a_service_stop_before_it() {
    check(
        "nodes a b
        service db
        service app after=db
        service web after=app
        operator stop db
        operator start db",
        expect![[r#"
            > service db
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service app after=db
            configuration version 3 by ann
            plan 2: start app on b: it should run and runs nowhere
            app runs on b
            > service web after=app
            configuration version 4 by ann
            plan 3: start web on a: it should run and runs nowhere
            web runs on a
            > operator stop db
            ann: stop db
            plan 4: stop web on a: app stops next, and this needs it
            web stopped on a: app stops next, and this needs it
            plan 5: stop app on b: db stops next, and this needs it
            app stopped on b: db stops next, and this needs it
            plan 6: stop db on a: asked by ann
            db stopped on a: asked by ann
              app: waits for db to run
              web: waits for app to run
            > operator start db
            ann: start db
            plan 7: start db on a: asked by ann
            db runs on a
            plan 8: start app on b: it should run and runs nowhere
            app runs on b
            plan 9: start web on a: it should run and runs nowhere
            web runs on a
        "#]],
    );
}

#[test]
fn a_slow_dependent_delays_the_stop_of_what_it_needs() {
    check(
        "nodes a b
        service db
        service web after=db
        slow web
        runs web
        operator stop db
        stopped web",
        expect![[r#"
            > service db
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web after=db
            configuration version 3 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > slow web
            > runs web
            > operator stop db
            ann: stop db
            plan 3: stop web on b: db stops next, and this needs it
              db: waits for the stop on b
              web: waits for the stop on b
            > stopped web
            web stopped on b: db stops next, and this needs it
            plan 4: stop db on a: asked by ann
            db stopped on a: asked by ann
              web: waits for db to run
        "#]],
    );
}

#[test]
fn a_service_whose_place_is_no_longer_allowed_moves() {
    check(
        "nodes a b
        service db prefer=a
        service db prefer=b only",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service db prefer=b only
            configuration version 3 by ann
            plan 2: stop db on a: configuration version 3
            db stopped on a: configuration version 3
            plan 3: start db on b: configuration version 3
            db runs on b
        "#]],
    );
}

#[test]
fn a_service_without_any_node_says_why_for_each() {
    check(
        "nodes a b c d
        network lan a b
        service db manual
        operator standby a
        lost b
        service db prefer=a,b,c only address=lan",
        expect![[r#"
            > service db manual
            configuration version 3 by ann
            > operator standby a
            ann: standby a
            > lost b
            b is lost: b silent for 800 ms, agreed by a and c and d
            fence 21: a fences b: b silent for 800 ms, agreed by a and c and d
              b: waits until b is proven off
            > service db prefer=a,b,c only address=lan
            configuration version 4 by ann
              db: no node may run it: a: on standby; b: lost; c: not attached to network lan; d: not allowed by the configuration
        "#]],
    );
}

#[test]
fn equals_share_the_services() {
    check(
        "nodes a b c
        service s1
        service s2
        service s3
        service s4",
        expect![[r#"
            > service s1
            configuration version 2 by ann
            plan 1: start s1 on a: it should run and runs nowhere
            s1 runs on a
            > service s2
            configuration version 3 by ann
            plan 2: start s2 on b: it should run and runs nowhere
            s2 runs on b
            > service s3
            configuration version 4 by ann
            plan 3: start s3 on c: it should run and runs nowhere
            s3 runs on c
            > service s4
            configuration version 5 by ann
            plan 4: start s4 on a: it should run and runs nowhere
            s4 runs on a
        "#]],
    );
}
