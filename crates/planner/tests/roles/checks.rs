//! What becomes of a service of which a check fails.

use super::*;

#[test]
fn a_check_restarts_until_its_budget_is_spent_and_then_moves() {
    check(
        "nodes a b
        service web restart=5 check=page:restart,move check-restart=2/60s
        check-fails web page
        wait 1s
        check-fails web page
        when
        wait 20s
        look web
        check-fails web page
        look web",
        expect![[r#"
            > service web restart=5 check=page:restart,move check-restart=2/60s
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > check-fails web page
            web failed on a: page: exit 1
            plan 2: restart web on a: page failed (exit 1), failure 1, 2 allowed here
            web runs on a
            > wait 1s
            > check-fails web page
            web failed on a: page: exit 1
              web: page failed (exit 1), failure 2, 2 allowed here; restarts at 00:00:01.500
            > when
              plans again in 500 ms
            > wait 20s
            plan 3: restart web on a: page failed (exit 1), failure 2, 2 allowed here
            web runs on a
            > look web
              b: 0 points; runs no other service; a has as many, and it is there
              a: 0 points; runs no other service
            > check-fails web page
            web failed on a: page: exit 1
            plan 4: stop web on a: page failed 3 times on a, which is barred until cleared
            web stopped on a: page failed 3 times on a, which is barred until cleared
            plan 5: start web on b: page failed 3 times on a, which is barred until cleared
            web runs on b
            > look web
              b: 0 points; runs no other service
              a: barred since 00:00: page failed 3 times (exit 1)
        "#]],
    );
}

#[test]
fn without_a_budget_of_its_own_the_services_counts() {
    check(
        "nodes a b
        service web restart=1 check=page:restart,move
        check-fails web page
        wait 60s
        check-fails web page",
        expect![[r#"
            > service web restart=1 check=page:restart,move
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > check-fails web page
            web failed on a: page: exit 1
            plan 2: restart web on a: page failed (exit 1), failure 1, 1 allowed here
            web runs on a
            > wait 60s
            > check-fails web page
            web failed on a: page: exit 1
            plan 3: stop web on a: page failed 2 times on a, which is barred until cleared
            web stopped on a: page failed 2 times on a, which is barred until cleared
            plan 4: start web on b: page failed 2 times on a, which is barred until cleared
            web runs on b
        "#]],
    );
}

#[test]
fn a_failure_outside_the_window_does_not_count() {
    check(
        "nodes a b
        service web check=page:restart,move check-restart=1/60s
        check-fails web page
        wait 60s
        check-fails web page
        wait 59s
        check-fails web page",
        expect![[r#"
            > service web check=page:restart,move check-restart=1/60s
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > check-fails web page
            web failed on a: page: exit 1
            plan 2: restart web on a: page failed (exit 1), failure 1, 1 allowed here
            web runs on a
            > wait 60s
            > check-fails web page
            web failed on a: page: exit 1
            plan 3: restart web on a: page failed (exit 1), failure 1, 1 allowed here
            web runs on a
            > wait 59s
            > check-fails web page
            web failed on a: page: exit 1
            plan 4: stop web on a: page failed 2 times on a, which is barred until cleared
            web stopped on a: page failed 2 times on a, which is barred until cleared
            plan 5: start web on b: page failed 2 times on a, which is barred until cleared
            web runs on b
        "#]],
    );
}

#[test]
fn failures_of_other_checks_do_not_count() {
    check(
        "nodes a b
        service web check=page:restart,move check-restart=1/60s check=port:restart,stop check-restart=1/60s
        check-fails web page
        wait 20s
        check-fails web port
        wait 20s
        check-fails web port
        operator start web",
        expect![[r#"
            > service web check=page:restart,move check-restart=1/60s check=port:restart,stop check-restart=1/60s
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > check-fails web page
            web failed on a: page: exit 1
            plan 2: restart web on a: page failed (exit 1), failure 1, 1 allowed here
            web runs on a
            > wait 20s
            > check-fails web port
            web failed on a: port: exit 1
            plan 3: restart web on a: port failed (exit 1), failure 1, 1 allowed here
            web runs on a
            > wait 20s
            > check-fails web port
            web failed on a: port: exit 1
            plan 4: stop web on a: port failed on a (exit 1), and it stays like this until cleared
            web stopped on a: port failed on a (exit 1), and it stays like this until cleared
              web: port failed on a (exit 1), and it stays like this until cleared
            > operator start web
            ann: start web
            plan 5: start web on a: asked by ann
            web runs on a
        "#]],
    );
}

#[test]
fn failures_on_another_node_do_not_count() {
    check(
        "nodes a b
        service web check=page:restart,stop check-restart=1/10m
        check-fails web page
        operator move web to b
        wait 20s
        check-fails web page
        wait 20s
        check-fails web page",
        expect![[r#"
            > service web check=page:restart,stop check-restart=1/10m
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > check-fails web page
            web failed on a: page: exit 1
            plan 2: restart web on a: page failed (exit 1), failure 1, 1 allowed here
            web runs on a
            > operator move web to b
            ann: move web to b
            plan 3: stop web on a: asked by ann
            web stopped on a: asked by ann
            plan 4: start web on b: asked by ann
            web runs on b
            > wait 20s
            > check-fails web page
            web failed on b: page: exit 1
            plan 5: restart web on b: page failed (exit 1), failure 1, 1 allowed here
            web runs on b
            > wait 20s
            > check-fails web page
            web failed on b: page: exit 1
            plan 6: stop web on b: page failed on b (exit 1), and it stays like this until cleared
            web stopped on b: page failed on b (exit 1), and it stays like this until cleared
              web: page failed on b (exit 1), and it stays like this until cleared
        "#]],
    );
}

#[test]
fn a_check_that_stops_holds_the_service_until_it_is_started() {
    check(
        "nodes a b
        service web check=page:stop
        check-fails web page
        look web
        operator clear web",
        expect![[r#"
            > service web check=page:stop
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > check-fails web page
            web failed on a: page: exit 1
            plan 2: stop web on a: page failed on a (exit 1), and it stays like this until cleared
            web stopped on a: page failed on a (exit 1), and it stays like this until cleared
              web: page failed on a (exit 1), and it stays like this until cleared
            > look web
              a: 0 points; runs no other service
              b: 0 points; runs no other service
            > operator clear web
            ann: clear web
            plan 3: start web on a: it should run and runs nowhere
            web runs on a
        "#]],
    );
}

#[test]
fn a_check_that_moves_bars_the_node_for_a_while() {
    check(
        "nodes a b
        service web check=page:move expires=1h
        check-fails web page
        look web
        wait 1h
        look web",
        expect![[r#"
            > service web check=page:move expires=1h
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > check-fails web page
            web failed on a: page: exit 1
            plan 2: stop web on a: page failed once on a, which is barred for 1h
            web stopped on a: page failed once on a, which is barred for 1h
            plan 3: start web on b: page failed once on a, which is barred for 1h
            web runs on b
            > look web
              b: 0 points; runs no other service
              a: barred since 00:00: page failed once (exit 1), until 1970-01-01T01:00
            > wait 1h
            > look web
              a: 0 points; runs no other service; b has as many, and it is there
              b: 0 points; runs no other service
        "#]],
    );
}

#[test]
fn a_check_without_an_answer_is_a_restart() {
    check(
        "nodes a b
        service web restart=0 check=page:alarm
        check-fails web page
        wait 30s",
        expect![[r#"
            > service web restart=0 check=page:alarm
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > check-fails web page
            web failed on a: page: exit 1
            plan 2: restart web on a: page failed (exit 1), failure 1, 0 allowed here
            web runs on a
            > wait 30s
        "#]],
    );
}

#[test]
fn what_a_resource_does_is_answered_by_the_service() {
    check(
        "nodes a b
        service web restart=0 check=page:stop
        fails web",
        expect![[r#"
            > service web restart=0 check=page:stop
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > fails web
            web failed on a: program: exit 1
            plan 2: stop web on a: program failed once on a, which is barred until cleared
            web stopped on a: program failed once on a, which is barred until cleared
            plan 3: start web on b: program failed once on a, which is barred until cleared
            web runs on b
        "#]],
    );
}

#[test]
fn a_check_that_is_gone_is_answered_by_the_service() {
    check(
        "nodes a b
        slow web
        service web restart=0 check=page:stop
        runs web
        service web restart=0
        check-fails web page",
        expect![[r#"
            > slow web
            > service web restart=0 check=page:stop
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            > runs web
            web runs on a
            > service web restart=0
            configuration version 3 by ann
            > check-fails web page
            web failed on a: page: exit 1
            plan 2: stop web on a: page failed once on a, which is barred until cleared
              web: waits for the stop on a
        "#]],
    );
}

#[test]
fn a_check_fences_nobody_though_a_failure_of_the_service_would() {
    check(
        "nodes a b
        service web on-failure=fence check=page:restart
        check-fails web page
        fails web",
        expect![[r#"
            > service web on-failure=fence check=page:restart
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > check-fails web page
            web failed on a: page: exit 1
            plan 2: restart web on a: page failed (exit 1), failure 1, 1 allowed here
            web runs on a
            > fails web
            web failed on a: program: exit 1
            a is lost: program of web failed on a (exit 1)
            fence 17: b fences a: program of web failed on a (exit 1)
              a: waits until a is proven off
              web: waits until a is proven off
        "#]],
    );
}

#[test]
fn restarts_by_a_check_pause_longer_each_time() {
    check(
        "nodes a
        service web check=page:restart check-restart=9/1h
        check-fails web page
        check-fails web page
        when
        wait 5s
        when
        wait 60s
        check-fails web page
        when
        wait 60s
        check-fails web page
        when",
        expect![[r#"
            > service web check=page:restart check-restart=9/1h
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > check-fails web page
            web failed on a: page: exit 1
            plan 2: restart web on a: page failed (exit 1), failure 1, 9 allowed here
            web runs on a
            > check-fails web page
            web failed on a: page: exit 1
              web: page failed (exit 1), failure 2, 9 allowed here; restarts at 00:00:00.500
            > when
              plans again in 500 ms
            > wait 5s
            plan 3: restart web on a: page failed (exit 1), failure 2, 9 allowed here
            web runs on a
            > when
              plans again when something happens
            > wait 60s
            > check-fails web page
            web failed on a: page: exit 1
              web: page failed (exit 1), failure 3, 9 allowed here; restarts at 00:01:06.000
            > when
              plans again in 1000 ms
            > wait 60s
            plan 4: restart web on a: page failed (exit 1), failure 3, 9 allowed here
            web runs on a
            > check-fails web page
            web failed on a: page: exit 1
              web: page failed (exit 1), failure 4, 9 allowed here; restarts at 00:02:07.000
            > when
              plans again in 2000 ms
        "#]],
    );
}
