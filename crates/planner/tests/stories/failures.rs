//! Programs that fail, and what follows.

use super::*;

#[test]
fn a_failure_is_mended_in_place() {
    check(
        "nodes a b
        service db prefer=a
        fails db",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > fails db
            db failed on a: program: exit 1
            plan 2: restart db on a: program failed (exit 1), failure 1, 1 allowed here
            db runs on a
        "#]],
    );
}

#[test]
fn too_many_failures_bar_the_node_until_somebody_clears_it() {
    check(
        "nodes a b
        service db prefer=a failback restart=2
        fails db
        fails db
        wait 1s
        fails db
        operator clear db",
        expect![[r#"
            > service db prefer=a failback restart=2
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > fails db
            db failed on a: program: exit 1
            plan 2: restart db on a: program failed (exit 1), failure 1, 2 allowed here
            db runs on a
            > fails db
            db failed on a: program: exit 1
              db: program failed (exit 1), failure 2, 2 allowed here; restarts at 00:00:00.500
            > wait 1s
            plan 3: restart db on a: program failed (exit 1), failure 2, 2 allowed here
            db runs on a
            > fails db
            db failed on a: program: exit 1
            plan 4: stop db on a: program failed 3 times on a, which is barred until cleared
            db stopped on a: program failed 3 times on a, which is barred until cleared
            plan 5: start db on b: program failed 3 times on a, which is barred until cleared
            db runs on b
            > operator clear db
            ann: clear db
            plan 6: stop db on b: a is preferred and ready again
            db stopped on b: a is preferred and ready again
            plan 7: start db on a: a is preferred and ready again
            db runs on a
        "#]],
    );
}

#[test]
fn a_crash_loop_is_slowed_down_on_every_node_and_clear_ends_the_pause() {
    check(
        "nodes a b
        service db restart=3
        fails db
        fails db
        wait 499ms
        wait 1ms
        fails db
        wait 1s
        fails db
        fails db
        fails db
        operator clear db",
        expect![[r#"
            > service db restart=3
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > fails db
            db failed on a: program: exit 1
            plan 2: restart db on a: program failed (exit 1), failure 1, 3 allowed here
            db runs on a
            > fails db
            db failed on a: program: exit 1
              db: program failed (exit 1), failure 2, 3 allowed here; restarts at 00:00:00.500
            > wait 499ms
            > wait 1ms
            plan 3: restart db on a: program failed (exit 1), failure 2, 3 allowed here
            db runs on a
            > fails db
            db failed on a: program: exit 1
              db: program failed (exit 1), failure 3, 3 allowed here; restarts at 00:00:01.500
            > wait 1s
            plan 4: restart db on a: program failed (exit 1), failure 3, 3 allowed here
            db runs on a
            > fails db
            db failed on a: program: exit 1
            plan 5: stop db on a: program failed 4 times on a, which is barred until cleared
            db stopped on a: program failed 4 times on a, which is barred until cleared
            plan 6: start db on b: program failed 4 times on a, which is barred until cleared
            db runs on b
            > fails db
            db failed on b: program: exit 1
            plan 7: restart db on b: program failed (exit 1), failure 1, 3 allowed here
            db runs on b
            > fails db
            db failed on b: program: exit 1
              db: program failed (exit 1), failure 2, 3 allowed here; restarts at 00:00:02.000
            > operator clear db
            ann: clear db
            plan 8: restart db on b: program failed (exit 1), failure 1, 3 allowed here
            db runs on b
        "#]],
    );
}

#[test]
fn an_address_without_carrier_does_not_wait_where_it_is() {
    check(
        "nodes a b
        network lan a b
        service web address=lan restart=2
        address-fails web
        address-fails web
        address-fails web",
        expect![[r#"
            > service web address=lan restart=2
            configuration version 3 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > address-fails web
            web failed on a: address: eth0 has no carrier
            plan 2: restart web on a: address failed (eth0 has no carrier), failure 1, 2 allowed here
            web runs on a
            > address-fails web
            web failed on a: address: eth0 has no carrier
            plan 3: restart web on a: address failed (eth0 has no carrier), failure 2, 2 allowed here
            web runs on a
            > address-fails web
            web failed on a: address: eth0 has no carrier
            plan 4: stop web on a: address failed 3 times on a, which is barred until cleared
            web stopped on a: address failed 3 times on a, which is barred until cleared
            plan 5: start web on b: address failed 3 times on a, which is barred until cleared
            web runs on b
        "#]],
    );
}

#[test]
fn a_service_whose_restart_waits_still_moves_when_its_node_goes() {
    check(
        "nodes a b
        service db restart=3
        fails db
        fails db
        operator standby a",
        expect![[r#"
            > service db restart=3
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > fails db
            db failed on a: program: exit 1
            plan 2: restart db on a: program failed (exit 1), failure 1, 3 allowed here
            db runs on a
            > fails db
            db failed on a: program: exit 1
              db: program failed (exit 1), failure 2, 3 allowed here; restarts at 00:00:00.500
            > operator standby a
            ann: standby a
            plan 3: stop db on a: a is on standby
            db stopped on a: a is on standby
            plan 4: start db on b: a is on standby
            db runs on b
        "#]],
    );
}

#[test]
fn pauses_grow_up_to_ten_seconds() {
    check(
        "nodes a
        service db restart=9
        fails db
        fails db
        wait 500ms
        fails db
        wait 1s
        fails db
        wait 2s
        fails db
        wait 4s
        fails db
        wait 8s
        fails db
        wait 9999ms
        wait 1ms",
        expect![[r#"
            > service db restart=9
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > fails db
            db failed on a: program: exit 1
            plan 2: restart db on a: program failed (exit 1), failure 1, 9 allowed here
            db runs on a
            > fails db
            db failed on a: program: exit 1
              db: program failed (exit 1), failure 2, 9 allowed here; restarts at 00:00:00.500
            > wait 500ms
            plan 3: restart db on a: program failed (exit 1), failure 2, 9 allowed here
            db runs on a
            > fails db
            db failed on a: program: exit 1
              db: program failed (exit 1), failure 3, 9 allowed here; restarts at 00:00:01.500
            > wait 1s
            plan 4: restart db on a: program failed (exit 1), failure 3, 9 allowed here
            db runs on a
            > fails db
            db failed on a: program: exit 1
              db: program failed (exit 1), failure 4, 9 allowed here; restarts at 00:00:03.500
            > wait 2s
            plan 5: restart db on a: program failed (exit 1), failure 4, 9 allowed here
            db runs on a
            > fails db
            db failed on a: program: exit 1
              db: program failed (exit 1), failure 5, 9 allowed here; restarts at 00:00:07.500
            > wait 4s
            plan 6: restart db on a: program failed (exit 1), failure 5, 9 allowed here
            db runs on a
            > fails db
            db failed on a: program: exit 1
              db: program failed (exit 1), failure 6, 9 allowed here; restarts at 00:00:15.500
            > wait 8s
            plan 7: restart db on a: program failed (exit 1), failure 6, 9 allowed here
            db runs on a
            > fails db
            db failed on a: program: exit 1
              db: program failed (exit 1), failure 7, 9 allowed here; restarts at 00:00:25.500
            > wait 9999ms
            > wait 1ms
            plan 8: restart db on a: program failed (exit 1), failure 7, 9 allowed here
            db runs on a
        "#]],
    );
}

#[test]
fn failures_outside_the_window_are_forgotten() {
    check(
        "nodes a b
        service db prefer=a
        fails db
        wait 2h
        fails db",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > fails db
            db failed on a: program: exit 1
            plan 2: restart db on a: program failed (exit 1), failure 1, 1 allowed here
            db runs on a
            > wait 2h
            > fails db
            db failed on a: program: exit 1
            plan 3: restart db on a: program failed (exit 1), failure 1, 1 allowed here
            db runs on a
        "#]],
    );
}

#[test]
fn a_service_that_fails_everywhere_stays_down_and_says_why() {
    check(
        "nodes a b
        service db restart=0
        fails db
        fails db
        operator clear db",
        expect![[r#"
            > service db restart=0
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > fails db
            db failed on a: program: exit 1
            plan 2: stop db on a: program failed once on a, which is barred until cleared
            db stopped on a: program failed once on a, which is barred until cleared
            plan 3: start db on b: program failed once on a, which is barred until cleared
            db runs on b
            > fails db
            db failed on b: program: exit 1
            plan 4: stop db on b: program failed once on b, which is barred until cleared
            db stopped on b: program failed once on b, which is barred until cleared
              db: no node may run it: a: barred since 00:00: program failed once (exit 1); b: barred since 00:00: program failed once (exit 1)
            > operator clear db
            ann: clear db
            plan 5: start db on a: program failed once on b, which is barred until cleared
            db runs on a
        "#]],
    );
}

#[test]
fn a_stop_that_fails_has_its_node_fenced() {
    check(
        "nodes a b
        service db prefer=a
        service web prefer=a
        slow db
        runs db
        operator standby a
        stop-fails db
        fenced a
        runs db",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web prefer=a
            configuration version 3 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > slow db
            > runs db
            > operator standby a
            ann: standby a
            plan 3: stop db on a: a is on standby
            plan 3: stop web on a: a is on standby
            web stopped on a: a is on standby
            plan 4: start web on b: a is on standby
            web runs on b
              db: waits for the stop on a
            > stop-fails db
            db failed on a: program: still there
            a is lost: db could not be stopped on a
            fence 24: b fences a: db could not be stopped on a
              a: waits until a is proven off
              db: waits until a is proven off
            > fenced a
            fence 24: a confirmed off by power
            db stopped on a: a is proven off
            a is down
            plan 7: start db on b: a is proven off
            > runs db
            db runs on b
        "#]],
    );
}
