//! What a failure is answered with, and what nobody touches.

use super::*;

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
