//! Nodes that are lost, fenced, rebooted, or back.

use super::*;

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
