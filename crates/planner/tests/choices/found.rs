//! What probes found that nobody had started there.

use super::*;

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
