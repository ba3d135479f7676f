//! What the planner does, told as an operator would read it. Each `>` line is what happens
//! or is ordered; the lines below are the history that follows; indented lines are what is
//! waited for, where that is new.

mod world;

use expect_test::{Expect, expect};

fn check(script: &str, expected: Expect) {
    let mut world = world::World::new();
    world.play(script);
    assert_eq!(world.steps_rejected, Vec::<String>::new(), "{}", world.out);
    expected.assert_eq(&world.out);
}

#[test]
fn a_lost_node_is_fenced_before_its_service_moves() {
    check(
        "nodes a b c
        service db prefer=a,b
        lost a
        fenced a",
        expect![[r#"
            > service db prefer=a,b
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > lost a
            a is lost: a silent for 800 ms, agreed by b and c
            fence 17: b fences a: a silent for 800 ms, agreed by b and c
              a: waits until a is proven off
              db: waits until a is proven off
            > fenced a
            fence 17: a confirmed off by power
            db stopped on a: a is proven off
            a is down
            plan 3: start db on b: a is proven off
            db runs on b
        "#]],
    );
}

#[test]
fn a_fence_that_is_not_confirmed_keeps_the_service_where_it_is() {
    check(
        "nodes a b
        service db prefer=a
        lost a
        wait 1h",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > lost a
            a is lost: a silent for 800 ms, agreed by b
            fence 13: b fences a: a silent for 800 ms, agreed by b
              a: waits until a is proven off
              db: waits until a is proven off
            > wait 1h
        "#]],
    );
}

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
fn the_brake_and_a_missing_device_are_told_as_long_as_they_last() {
    for (script, told) in [
        (
            "nodes a b\nno-device a\nservice db prefer=a\nlost a\nwait 30m\nfails db\nwait 2h",
            "a: no fence device is configured for a",
        ),
        (
            "nodes a b\nlost a\nfenced a\nup a\nlost a\nfenced a\nup a\nlost a\nfenced a\nup a
            lost a\nwait 30m\nservice db\nwait 29m",
            "a: a was fenced 3 times within an hour; `mainstay fence confirm a` after a look",
        ),
    ] {
        let mut world = world::World::new();
        world.play(script);
        let told = told.to_owned();
        assert!(
            world.waits.contains(&told),
            "{:?}\n{}",
            world.waits,
            world.out
        );
    }
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
fn a_node_on_standby_gives_its_services_away() {
    check(
        "nodes a b
        service db prefer=a failback
        operator standby a
        operator online a",
        expect![[r#"
            > service db prefer=a failback
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > operator standby a
            ann: standby a
            plan 2: stop db on a: a is on standby
            db stopped on a: a is on standby
            plan 3: start db on b: a is on standby
            db runs on b
            > operator online a
            ann: online a
            plan 4: stop db on b: a is preferred and ready again
            db stopped on b: a is preferred and ready again
            plan 5: start db on a: a is preferred and ready again
            db runs on a
        "#]],
    );
}

#[test]
fn nothing_is_done_in_maintenance() {
    check(
        "nodes a b
        service db prefer=a
        operator maintenance on
        fails db
        lost a
        operator maintenance off
        fenced a",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > operator maintenance on
            ann: maintenance on
              db: maintenance is on
            > fails db
            db failed on a: program: exit 1
            > lost a
            a is lost: a silent for 800 ms, agreed by b
              a: maintenance is on
            > operator maintenance off
            ann: maintenance off
            fence 16: b fences a: a silent for 800 ms, agreed by b
              a: waits until a is proven off
              db: waits until a is proven off
            > fenced a
            fence 16: a confirmed off by power
            db stopped on a: a is proven off
            a is down
            plan 3: start db on b: a is proven off
            db runs on b
        "#]],
    );
}

#[test]
fn a_frozen_service_is_left_alone() {
    check(
        "nodes a b
        service db prefer=a
        service web prefer=a
        operator freeze db
        operator standby a
        operator thaw db",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web prefer=a
            configuration version 3 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > operator freeze db
            ann: freeze db
              db: frozen on request
            > operator standby a
            ann: standby a
            plan 3: stop web on a: a is on standby
            web stopped on a: a is on standby
            plan 4: start web on b: a is on standby
            web runs on b
            > operator thaw db
            ann: thaw db
            plan 5: stop db on a: a is on standby
            db stopped on a: a is on standby
            plan 6: start db on b: a is on standby
            db runs on b
        "#]],
    );
}

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
fn an_operator_moves_a_service() {
    check(
        "nodes a b c
        service db prefer=a,b failback sticky=500
        operator move db to c
        operator move db",
        expect![[r#"
            > service db prefer=a,b failback sticky=500
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > operator move db to c
            ann: move db to c
            plan 2: stop db on a: asked by ann
            db stopped on a: asked by ann
            plan 3: start db on c: asked by ann
            db runs on c
            > operator move db
            ann: move db
            plan 4: stop db on c: asked by ann
            db stopped on c: asked by ann
            plan 5: start db on a: asked by ann
            db runs on a
        "#]],
    );
}

#[test]
fn a_move_to_a_place_that_is_not_allowed_is_refused() {
    check(
        "nodes a b c d
        service db prefer=a,b only restart=0
        operator move db to c
        operator move db to a
        operator standby b
        operator move db to b
        operator move db
        operator online b
        fails db
        operator move db to a
        operator move nothing to a",
        expect![[r#"
            > service db prefer=a,b only restart=0
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > operator move db to c
            rejected: the configuration does not allow db on c
            > operator move db to a
            rejected: db runs on a already
            > operator standby b
            ann: standby b
            > operator move db to b
            rejected: b is on standby
            > operator move db
            rejected: no other node than a may run db now
            > operator online b
            ann: online b
            > fails db
            db failed on a: program: exit 1
            plan 2: stop db on a: program failed once on a, which is barred until cleared
            db stopped on a: program failed once on a, which is barred until cleared
            plan 3: start db on b: program failed once on a, which is barred until cleared
            db runs on b
            > operator move db to a
            rejected: a is barred for db: program failed once on a, which is barred until cleared; `mainstay clear db` lifts it
            > operator move nothing to a
            rejected: there is no service nothing
        "#]],
    );
}

#[test]
fn a_target_that_is_lost_during_a_move_is_replaced() {
    check(
        "nodes a b c
        service db prefer=a
        slow db
        runs db
        operator move db to b
        lost b
        quick db
        fenced b",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > slow db
            > runs db
            > operator move db to b
            ann: move db to b
            plan 2: stop db on a: asked by ann
              db: waits for the stop on a
            > lost b
            b is lost: b silent for 800 ms, agreed by a and c
            fence 20: a fences b: b silent for 800 ms, agreed by a and c
              b: waits until b is proven off
            > quick db
            db stopped on a: asked by ann
            plan 4: start db on a: asked by ann
            db runs on a
            > fenced b
            fence 20: b confirmed off by power
            b is down
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

#[test]
fn a_node_without_fence_device_is_not_given_up_over_a_failed_stop() {
    check(
        "nodes a b
        no-device a
        service db prefer=a
        slow db
        runs db
        operator move db to b
        stop-fails db
        operator clear db
        stopped db",
        expect![[r#"
            > no-device a
            configuration version 2 by ann
            > service db prefer=a
            configuration version 3 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > slow db
            > runs db
            > operator move db to b
            ann: move db to b
            plan 2: stop db on a: asked by ann
              db: waits for the stop on a
            > stop-fails db
            db failed on a: program: still there
              a: no fence device is configured for a
              db: waits until a is proven off
            > operator clear db
            ann: clear db
              db: waits for the stop on a
            > stopped db
            db stopped on a: asked by ann
            plan 3: start db on b: asked by ann
        "#]],
    );
}

#[test]
fn a_closed_daemon_is_left_alone() {
    check(
        "nodes a b
        service db prefer=a
        daemon-down a
        fails db
        heard a
        probed a db",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > daemon-down a
            a is daemon-down
              db: the daemon of a is down, its services are left alone
            > fails db
            db failed on a: program: exit 1
            > heard a
            a is starting
              db: waits for a to tell what runs there
            > probed a db
            a is online
            plan 2: restart db on a: program failed (exit 1), failure 1, 1 allowed here
            db runs on a
        "#]],
    );
}

#[test]
fn a_reboot_ends_what_a_node_ran_before_its_fence_is_confirmed() {
    check(
        "nodes a b
        service db prefer=a
        lost a
        boot a
        fence-fails a
        probed a",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > lost a
            a is lost: a silent for 800 ms, agreed by b
            fence 13: b fences a: a silent for 800 ms, agreed by b
              a: waits until a is proven off
              db: waits until a is proven off
            > boot a
            fence 13: a came back under a newer boot
            db stopped on a: a has rebooted
            a is starting
              db: waits for a to tell what runs there
            > fence-fails a
            rejected: late: it speaks of fence 1 of a, which is over
            > probed a
            a is online
            plan 3: start db on a: a has rebooted
            db runs on a
        "#]],
    );
}

#[test]
fn a_late_word_about_an_older_boot_changes_nothing() {
    check(
        "nodes a b
        service db prefer=a
        up a
        heard-in-old-boot a 1
        lost a
        fenced a
        heard-in-old-boot a 3",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > up a
            db stopped on a: a has rebooted
            a is starting
            a is online
            plan 2: start db on a: a has rebooted
            db runs on a
            > heard-in-old-boot a 1
            rejected: late: it speaks of boot 01010101010101010101010101010101 of a, which is over
            > lost a
            a is lost: a silent for 800 ms, agreed by b
            fence 18: b fences a: a silent for 800 ms, agreed by b
              a: waits until a is proven off
              db: waits until a is proven off
            > fenced a
            fence 18: a confirmed off by power
            db stopped on a: a is proven off
            a is down
            plan 4: start db on b: a is proven off
            db runs on b
            > heard-in-old-boot a 3
            rejected: late: it speaks of boot 03030303030303030303030303030303 of a, which is over
        "#]],
    );
}

#[test]
fn a_confirmation_is_void_when_its_executor_has_rebooted() {
    check(
        "nodes a b c
        service db prefer=a
        lost a
        up b
        fenced a",
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
            > up b
            fence 17: a not fenced: b, which was to do it, is no longer online
            b is starting
            b is online
            fence 20: c fences a: a silent for 800 ms, agreed by b and c
            > fenced a
            fence 20: a confirmed off by power
            db stopped on a: a is proven off
            a is down
            plan 4: start db on b: a is proven off
            db runs on b
        "#]],
    );
}

#[test]
fn a_fence_that_fails_is_tried_by_another_member() {
    check(
        "nodes a b c
        service db prefer=a
        lost a
        fence-fails a
        fence-fails a
        wait 5s
        fenced a",
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
            > wait 5s
            fence 21: b fences a: a silent for 800 ms, agreed by b and c
              a: waits until a is proven off
            > fenced a
            fence 21: a confirmed off by power
            db stopped on a: a is proven off
            a is down
            plan 5: start db on b: a is proven off
            db runs on b
        "#]],
    );
}

#[test]
fn a_node_that_is_fenced_too_often_waits_for_a_person() {
    check(
        "nodes a b
        service db prefer=b
        lost a
        fenced a
        up a
        lost a
        fenced a
        up a
        lost a
        fenced a
        up a
        lost a
        operator confirms a
        up a
        lost a",
        expect![[r#"
            > service db prefer=b
            configuration version 2 by ann
            plan 1: start db on b: it should run and runs nowhere
            db runs on b
            > lost a
            a is lost: a silent for 800 ms, agreed by b
            fence 13: b fences a: a silent for 800 ms, agreed by b
              a: waits until a is proven off
            > fenced a
            fence 13: a confirmed off by power
            a is down
            > up a
            a is starting
            a is online
            > lost a
            a is lost: a silent for 800 ms, agreed by b
            fence 18: b fences a: a silent for 800 ms, agreed by b
              a: waits until a is proven off
            > fenced a
            fence 18: a confirmed off by power
            a is down
            > up a
            a is starting
            a is online
            > lost a
            a is lost: a silent for 800 ms, agreed by b
            fence 23: b fences a: a silent for 800 ms, agreed by b
              a: waits until a is proven off
            > fenced a
            fence 23: a confirmed off by power
            a is down
            > up a
            a is starting
            a is online
            > lost a
            a is lost: a silent for 800 ms, agreed by b
              a: a was fenced 3 times within an hour; `mainstay fence confirm a` after a look
            > operator confirms a
            ann: fence confirm a
            fence 28: a confirmed off by ann in person
            a is down
            > up a
            a is starting
            a is online
            > lost a
            a is lost: a silent for 800 ms, agreed by b
            fence 32: b fences a: a silent for 800 ms, agreed by b
              a: waits until a is proven off
        "#]],
    );
}

#[test]
fn the_brake_against_fence_loops_ends_after_an_hour() {
    check(
        "nodes a b
        service db prefer=b
        lost a
        fenced a
        up a
        lost a
        fenced a
        up a
        lost a
        fenced a
        up a
        lost a
        wait 1h",
        expect![[r#"
            > service db prefer=b
            configuration version 2 by ann
            plan 1: start db on b: it should run and runs nowhere
            db runs on b
            > lost a
            a is lost: a silent for 800 ms, agreed by b
            fence 13: b fences a: a silent for 800 ms, agreed by b
              a: waits until a is proven off
            > fenced a
            fence 13: a confirmed off by power
            a is down
            > up a
            a is starting
            a is online
            > lost a
            a is lost: a silent for 800 ms, agreed by b
            fence 18: b fences a: a silent for 800 ms, agreed by b
              a: waits until a is proven off
            > fenced a
            fence 18: a confirmed off by power
            a is down
            > up a
            a is starting
            a is online
            > lost a
            a is lost: a silent for 800 ms, agreed by b
            fence 23: b fences a: a silent for 800 ms, agreed by b
              a: waits until a is proven off
            > fenced a
            fence 23: a confirmed off by power
            a is down
            > up a
            a is starting
            a is online
            > lost a
            a is lost: a silent for 800 ms, agreed by b
              a: a was fenced 3 times within an hour; `mainstay fence confirm a` after a look
            > wait 1h
            fence 28: b fences a: a silent for 800 ms, agreed by b
              a: waits until a is proven off
        "#]],
    );
}

#[test]
fn a_lost_node_without_fence_device_keeps_what_it_holds() {
    check(
        "nodes a b
        no-device a
        service db prefer=a
        lost a
        heard a
        operator confirms a",
        expect![[r#"
            > no-device a
            configuration version 2 by ann
            > service db prefer=a
            configuration version 3 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > lost a
            a is lost: a silent for 800 ms, agreed by b
              a: no fence device is configured for a
              db: waits until a is proven off
            > heard a
            rejected: a is lost
            > operator confirms a
            ann: fence confirm a
            fence 15: a confirmed off by ann in person
            db stopped on a: a is proven off
            a is down
            plan 2: start db on b: a is proven off
            db runs on b
        "#]],
    );
}

#[test]
fn a_lost_node_that_holds_nothing_and_has_no_device_may_come_back() {
    check(
        "nodes a b
        no-device a
        service db prefer=b
        lost a
        heard a
        probed a",
        expect![[r#"
            > no-device a
            configuration version 2 by ann
            > service db prefer=b
            configuration version 3 by ann
            plan 1: start db on b: it should run and runs nowhere
            db runs on b
            > lost a
            a is lost: a silent for 800 ms, agreed by b
              a: no fence device is configured for a
            > heard a
            a is starting
            > probed a
            a is online
        "#]],
    );
}

#[test]
fn a_service_that_runs_already_is_adopted() {
    check(
        "nodes a b
        boot b
        service db prefer=a
        probed b db",
        expect![[r#"
            > boot b
            b is starting
            > service db prefer=a
            configuration version 2 by ann
              db: waits for b to tell what runs there
            > probed b db
            db was found running on b
            b is online
            plan 1: start db on b: found running on b
            db runs on b
        "#]],
    );
}

#[test]
fn a_service_found_beside_its_claim_is_stopped() {
    check(
        "nodes a b
        service db prefer=a
        up b db",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > up b db
            b is starting
            db was found running on b
            b is online
            db, found running on b, is stopped
        "#]],
    );
}

#[test]
fn a_service_found_where_it_may_not_run_is_stopped_and_started_elsewhere() {
    check(
        "nodes a b
        boot b
        service db prefer=a only
        probed b db",
        expect![[r#"
            > boot b
            b is starting
            > service db prefer=a only
            configuration version 2 by ann
              db: waits for b to tell what runs there
            > probed b db
            db was found running on b
            b is online
            db, found running on b, is stopped
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
        "#]],
    );
}

#[test]
fn a_service_found_on_two_nodes_runs_on_the_better_one() {
    check(
        "nodes a b
        operator maintenance on
        service db prefer=b
        up a db
        up b db
        operator maintenance off",
        expect![[r#"
            > operator maintenance on
            ann: maintenance on
            > service db prefer=b
            configuration version 2 by ann
              db: maintenance is on
            > up a db
            a is starting
            db was found running on a
            a is online
            > up b db
            b is starting
            db was found running on b
            b is online
            > operator maintenance off
            ann: maintenance off
            db, found running on a, is stopped
            plan 1: start db on b: found running on b
            db runs on b
        "#]],
    );
}

#[test]
fn nothing_starts_while_a_node_has_not_told_what_runs_there() {
    check(
        "nodes a b
        boot b
        service db prefer=a
        probed b",
        expect![[r#"
            > boot b
            b is starting
            > service db prefer=a
            configuration version 2 by ann
              db: waits for b to tell what runs there
            > probed b
            b is online
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
        "#]],
    );
}

#[test]
fn a_node_that_was_lost_before_it_told_what_runs_there_blocks_until_it_is_fenced() {
    check(
        "nodes a b c
        boot b
        lost b
        service db prefer=a
        fenced b",
        expect![[r#"
            > boot b
            b is starting
            > lost b
            b is lost: b silent for 800 ms, agreed by a and c
            fence 15: a fences b: b silent for 800 ms, agreed by a and c
              b: waits until b is proven off
            > service db prefer=a
            configuration version 2 by ann
              db: waits until b is proven off
            > fenced b
            fence 15: b confirmed off by power
            b is down
            plan 2: start db on a: it should run and runs nowhere
            db runs on a
        "#]],
    );
}

#[test]
fn a_changed_service_is_stopped_and_started_anew() {
    check(
        "nodes a b
        service db prefer=a runs=/bin/old
        service db prefer=a runs=/bin/new
        service db prefer=a,b runs=/bin/new",
        expect![[r#"
            > service db prefer=a runs=/bin/old
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service db prefer=a runs=/bin/new
            configuration version 3 by ann
            plan 2: stop db on a: configuration version 3
            db stopped on a: configuration version 3
            plan 3: start db on a: configuration version 3
            db runs on a
            > service db prefer=a,b runs=/bin/new
            configuration version 4 by ann
        "#]],
    );
}

#[test]
fn a_service_that_leaves_the_configuration_is_stopped() {
    check(
        "nodes a b
        service db prefer=a
        no-service db",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > no-service db
            configuration version 3 by ann
            plan 2: stop db on a: configuration version 3
            db stopped on a: configuration version 3
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
        operator standby a
        lost b
        service db prefer=a,b,c only address=lan",
        expect![[r#"
            > operator standby a
            ann: standby a
            > lost b
            b is lost: b silent for 800 ms, agreed by a and c and d
            fence 20: a fences b: b silent for 800 ms, agreed by a and c and d
              b: waits until b is proven off
            > service db prefer=a,b,c only address=lan
            configuration version 3 by ann
              db: no node may run it: a: on standby; b: lost; c: not attached to network lan; d: not allowed by the configuration
        "#]],
    );
}

#[test]
fn a_service_without_autostart_waits_for_an_order() {
    check(
        "nodes a b
        service db manual
        operator start db
        operator stop db",
        expect![[r#"
            > service db manual
            configuration version 2 by ann
            > operator start db
            ann: start db
            plan 1: start db on a: asked by ann
            db runs on a
            > operator stop db
            ann: stop db
            plan 2: stop db on a: asked by ann
            db stopped on a: asked by ann
        "#]],
    );
}

#[test]
fn what_is_stopped_or_stopping_on_request_waits_for_nothing() {
    check(
        "nodes a b
        service db prefer=a
        slow db
        operator stop db
        stopped db
        up b db
        stray-stops db b",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > slow db
            > operator stop db
            ann: stop db
            plan 2: stop db on a: asked by ann
            > stopped db
            db stopped on a: asked by ann
            > up b db
            b is starting
            db was found running on b
            b is online
              db: found running on b, where it must not
            > stray-stops db b
            db, found running on b, is stopped
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

#[test]
fn the_daemons_of_the_whole_cluster_may_restart_without_moving_anything() {
    check(
        "nodes a b
        service db prefer=a
        service web prefer=b
        heard a
        heard b
        probed a db
        probed b web",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web prefer=b
            configuration version 3 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > heard a
            a is starting
              db: waits for a to tell what runs there
            > heard b
            b is starting
              web: waits for b to tell what runs there
            > probed a db
            a is online
            > probed b web
            b is online
        "#]],
    );
}

#[test]
fn after_a_power_cut_of_the_whole_cluster_everything_starts_again() {
    check(
        "nodes a b
        service db prefer=a
        service web prefer=b after=db
        boot b
        probed b
        boot a
        probed a",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web prefer=b after=db
            configuration version 3 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > boot b
            web stopped on b: b has rebooted
            b is starting
              web: waits for b to tell what runs there
            > probed b
            b is online
            plan 3: start web on b: b has rebooted
            web runs on b
            > boot a
            db stopped on a: a has rebooted
            a is starting
              db: waits for a to tell what runs there
            > probed a
            a is online
            plan 4: start db on a: a has rebooted
            db runs on a
        "#]],
    );
}

#[test]
fn a_node_leaves_after_its_services_have_moved() {
    check(
        "nodes a b
        service db prefer=a
        slow db
        runs db
        leaves a
        left a
        stopped db
        runs db
        left a
        operator remove a",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > slow db
            > runs db
            > leaves a
            a is leaving
            plan 2: stop db on a: a is leaving
              db: waits for the stop on a
            > left a
            rejected: a still runs services
            > stopped db
            db stopped on a: a is leaving
            plan 3: start db on b: a is leaving
            > runs db
            db runs on b
            > left a
            a is down
            > operator remove a
            ann: node remove a
        "#]],
    );
}

#[test]
fn a_lease_that_ended_lets_the_service_start_elsewhere_at_once() {
    check(
        "nodes a b
        service db prefer=a
        lost a
        lease-ends db",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > lost a
            a is lost: a silent for 800 ms, agreed by b
            fence 13: b fences a: a silent for 800 ms, agreed by b
              a: waits until a is proven off
              db: waits until a is proven off
            > lease-ends db
            db stopped on a: the lease of a ended
            plan 3: start db on b: the lease of a ended
            db runs on b
        "#]],
    );
}

#[test]
fn an_operator_restarts_a_service() {
    check(
        "nodes a b
        service db prefer=a
        operator restart db
        operator stop db
        operator restart db",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > operator restart db
            ann: restart db
            db runs on a
            > operator stop db
            ann: stop db
            plan 2: stop db on a: asked by ann
            db stopped on a: asked by ann
            > operator restart db
            rejected: db does not run
        "#]],
    );
}

#[test]
fn nothing_starts_on_a_node_that_the_same_plan_gives_up() {
    check(
        "nodes a b
        service db prefer=a
        slow db
        runs db
        operator maintenance on
        stop-fails db
        service web prefer=a
        operator maintenance off",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > slow db
            > runs db
            > operator maintenance on
            ann: maintenance on
              db: maintenance is on
            > stop-fails db
            db failed on a: program: still there
            > service web prefer=a
            configuration version 3 by ann
              web: maintenance is on
            > operator maintenance off
            ann: maintenance off
            a is lost: db could not be stopped on a
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            fence 20: b fences a: db could not be stopped on a
              a: waits until a is proven off
              db: waits until a is proven off
        "#]],
    );
}

#[test]
fn two_members_do_not_give_each_other_up() {
    check(
        "nodes a b
        service db prefer=a
        service web prefer=b
        slow db
        slow web
        operator maintenance on
        stop-fails db
        stop-fails web
        operator maintenance off
        fenced a
        up a",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web prefer=b
            configuration version 3 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > slow db
            > slow web
            > operator maintenance on
            ann: maintenance on
              db: maintenance is on
              web: maintenance is on
            > stop-fails db
            db failed on a: program: still there
            > stop-fails web
            web failed on b: program: still there
            > operator maintenance off
            ann: maintenance off
            a is lost: db could not be stopped on a
            fence 20: b fences a: db could not be stopped on a
              a: waits until a is proven off
              b: b could not be fenced: no other member is online to do it
              db: waits until a is proven off
              web: waits until b is proven off
            > fenced a
            fence 20: a confirmed off by power
            db stopped on a: a is proven off
            a is down
            plan 5: start db on b: a is proven off
            > up a
            a is starting
            a is online
            b is lost: web could not be stopped on b
            fence 26: a fences b: web could not be stopped on b
              b: waits until b is proven off
              db: waits until b is proven off
        "#]],
    );
}

#[test]
fn a_move_waits_until_nothing_keeps_it_from_starting_elsewhere() {
    check(
        "nodes a b c
        service db prefer=a
        boot c
        operator move db to b
        probed c",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > boot c
            c is starting
            > operator move db to b
            ann: move db to b
              db: waits for c to tell what runs there
            > probed c
            c is online
            plan 2: stop db on a: asked by ann
            db stopped on a: asked by ann
            plan 3: start db on b: asked by ann
            db runs on b
        "#]],
    );
}
