//! What is after all copies of a service.

use super::*;

#[test]
fn who_needs_all_copies_waits_for_the_last_of_them() {
    check(
        "nodes a b c
        slow db:2
        service db copies=3
        service web after-all=db prefer=a
        runs db:2",
        expect![[r#"
            > slow db:2
            > service db copies=3
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            > service web after-all=db prefer=a
            configuration version 3 by ann
              web: waits for all copies of db to run: db:2 does not yet
            > runs db:2
            db:2 runs on c
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
        "#]],
    );
}

#[test]
fn copies_that_need_all_of_another_service_wait_on_every_node() {
    check(
        "nodes a b c
        slow db:1
        service db copies=2
        service web copies=every-node after-all=db
        runs db:1",
        expect![[r#"
            > slow db:1
            > service db copies=2
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            > service web copies=every-node after-all=db
            configuration version 3 by ann
              web:0: waits for all copies of db to run: db:1 does not yet
              web:1: waits for all copies of db to run: db:1 does not yet
              web:2: waits for all copies of db to run: db:1 does not yet
            > runs db:1
            db:1 runs on b
            plan 2: start web:0 on c: it should run and runs nowhere
            plan 2: start web:1 on a: it should run and runs nowhere
            plan 2: start web:2 on b: it should run and runs nowhere
            web:0 runs on c
            web:1 runs on a
            web:2 runs on b
        "#]],
    );
}

#[test]
fn a_copy_without_a_place_is_not_waited_for() {
    check(
        "nodes a b
        service db copies=3
        service web after-all=db",
        expect![[r#"
            > service db copies=3
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
              db:2: no node may run it: a: has its copy; b: has its copy
            > service web after-all=db
            configuration version 3 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
        "#]],
    );
}

#[test]
fn a_copy_that_is_barred_is_not_waited_for() {
    check(
        "nodes a b
        service db copies=2 restart=0
        fails db:1
        service web after-all=db",
        expect![[r#"
            > service db copies=2 restart=0
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            > fails db:1
            db:1 failed on b: program: exit 1
            plan 2: stop db:1 on b: program failed once on b, which is barred until cleared
            db:1 stopped on b: program failed once on b, which is barred until cleared
              db:1: no node may run it: a: has its copy; b: barred since 00:00: program failed once (exit 1)
            > service web after-all=db
            configuration version 3 by ann
            plan 3: start web on b: it should run and runs nowhere
            web runs on b
        "#]],
    );
}

#[test]
fn a_copy_that_somebody_has_stopped_is_not_waited_for() {
    check(
        "nodes a b
        service db copies=2
        operator stop db:1
        service web after-all=db
        operator start db:1
        operator stop db:0
        operator stop db:1",
        expect![[r#"
            > service db copies=2
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            > operator stop db:1
            ann: stop db:1
            plan 2: stop db:1 on b: asked by ann
            db:1 stopped on b: asked by ann
            > service web after-all=db
            configuration version 3 by ann
            plan 3: start web on b: it should run and runs nowhere
            web runs on b
            > operator start db:1
            ann: start db:1
            plan 4: start db:1 on b: asked by ann
            db:1 runs on b
            > operator stop db:0
            ann: stop db:0
            plan 5: stop db:0 on a: asked by ann
            db:0 stopped on a: asked by ann
            > operator stop db:1
            ann: stop db:1
            plan 6: stop web on b: db:1 stops next, and this needs it
            web stopped on b: db:1 stops next, and this needs it
            plan 7: stop db:1 on b: asked by ann
            db:1 stopped on b: asked by ann
              web: waits for db to run
        "#]],
    );
}

#[test]
fn a_copy_that_waits_for_a_person_is_not_waited_for() {
    check(
        "nodes a b
        service db copies=2 on-failure=block
        fails db:1
        service web after-all=db",
        expect![[r#"
            > service db copies=2 on-failure=block
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            > fails db:1
            db:1 failed on b: program: exit 1
              db:1: program failed on b (exit 1), and it stays like this until cleared
            > service web after-all=db
            configuration version 3 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
        "#]],
    );
}

#[test]
fn a_copy_that_is_mended_is_waited_for() {
    check(
        "nodes a b
        service db copies=2
        slow db:1
        fails db:1
        service web after-all=db
        runs db:1",
        expect![[r#"
            > service db copies=2
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            > slow db:1
            > fails db:1
            db:1 failed on b: program: exit 1
            plan 2: restart db:1 on b: program failed (exit 1), failure 1, 1 allowed here
            > service web after-all=db
            configuration version 3 by ann
              web: waits for all copies of db to run: db:1 does not yet
            > runs db:1
            db:1 runs on b
            plan 3: start web on a: it should run and runs nowhere
            web runs on a
        "#]],
    );
}

#[test]
fn a_copy_that_still_needs_another_is_waited_for() {
    check(
        "nodes a b
        slow disk:1
        service disk copies=2
        service db copies=2 after=disk
        service web after-all=db
        runs disk:1",
        expect![[r#"
            > slow disk:1
            > service disk copies=2
            configuration version 2 by ann
            plan 1: start disk:0 on a: it should run and runs nowhere
            plan 1: start disk:1 on b: it should run and runs nowhere
            disk:0 runs on a
            > service db copies=2 after=disk
            configuration version 3 by ann
            plan 2: start db:0 on a: it should run and runs nowhere
            db:0 runs on a
              db:1: waits for the copy of disk on b to run
            > service web after-all=db
            configuration version 4 by ann
              web: waits for all copies of db to run: db:1 does not yet
            > runs disk:1
            disk:1 runs on b
            plan 3: start db:1 on b: it should run and runs nowhere
            db:1 runs on b
            plan 4: start web on a: it should run and runs nowhere
            web runs on a
        "#]],
    );
}

#[test]
fn who_needed_all_copies_runs_on_while_one_restarts_and_stops_before_the_last() {
    check(
        "nodes a b
        service db copies=2
        service web copies=2 after-all=db
        service log copies=2 after-all-starts=db
        slow db:0
        fails db:0
        operator restart web:1
        runs db:0
        quick db:0
        operator stop db:0
        operator stop db",
        expect![[r#"
            > service db copies=2
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            > service web copies=2 after-all=db
            configuration version 3 by ann
            plan 2: start web:0 on a: it should run and runs nowhere
            plan 2: start web:1 on b: it should run and runs nowhere
            web:0 runs on a
            web:1 runs on b
            > service log copies=2 after-all-starts=db
            configuration version 4 by ann
            plan 3: start log:0 on a: it should run and runs nowhere
            plan 3: start log:1 on b: it should run and runs nowhere
            log:0 runs on a
            log:1 runs on b
            > slow db:0
            > fails db:0
            db:0 failed on a: program: exit 1
            plan 4: restart db:0 on a: program failed (exit 1), failure 1, 1 allowed here
            > operator restart web:1
            ann: restart web:1
            web:1 runs on b
            > runs db:0
            db:0 runs on a
            > quick db:0
            > operator stop db:0
            ann: stop db:0
            plan 5: stop db:0 on a: asked by ann
            db:0 stopped on a: asked by ann
            > operator stop db
            ann: stop db
            plan 6: stop web:0 on a: db:1 stops next, and this needs it
            plan 6: stop web:1 on b: db:1 stops next, and this needs it
            web:0 stopped on a: db:1 stops next, and this needs it
            web:1 stopped on b: db:1 stops next, and this needs it
            plan 7: stop db:1 on b: asked by ann
            db:1 stopped on b: asked by ann
              web:0: waits for db to run
              web:1: waits for db to run
        "#]],
    );
}

#[test]
fn what_would_wait_for_copies_elsewhere_does_not_move_for_convenience() {
    check(
        "nodes a b c
        service db copies=2 prefer=b,c
        service web after-all=db prefer=a failback
        operator standby a
        slow db:1
        fails db:1
        operator online a
        runs db:1",
        expect![[r#"
            > service db copies=2 prefer=b,c
            configuration version 2 by ann
            plan 1: start db:0 on b: it should run and runs nowhere
            plan 1: start db:1 on c: it should run and runs nowhere
            db:0 runs on b
            db:1 runs on c
            > service web after-all=db prefer=a failback
            configuration version 3 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > operator standby a
            ann: standby a
            plan 3: stop web on a: a is on standby
            web stopped on a: a is on standby
            plan 4: start web on b: a is on standby
            web runs on b
            > slow db:1
            > fails db:1
            db:1 failed on c: program: exit 1
            plan 5: restart db:1 on c: program failed (exit 1), failure 1, 1 allowed here
            > operator online a
            ann: online a
              web: waits for all copies of db to run: db:1 does not yet
            > runs db:1
            db:1 runs on c
            plan 6: stop web on b: a is preferred and ready again
            web stopped on b: a is preferred and ready again
            plan 7: start web on a: a is preferred and ready again
            web runs on a
        "#]],
    );
}

#[test]
fn a_copy_on_a_lost_node_is_not_waited_for() {
    check(
        "nodes a b c
        slow db:1
        service db copies=2 prefer=a,b
        service web after-all=db prefer=a
        lost b
        fenced b",
        expect![[r#"
            > slow db:1
            > service db copies=2 prefer=a,b
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            > service web after-all=db prefer=a
            configuration version 3 by ann
              web: waits for all copies of db to run: db:1 does not yet
            > lost b
            b is lost: b silent for 800 ms, agreed by a and c
            fence 19: a fences b: b silent for 800 ms, agreed by a and c
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
              b: waits until b is proven off
              db:1: waits until b is proven off
            > fenced b
            fence 19: b confirmed off by power
            db:1 stopped on b: b is proven off
            b is down
            plan 3: start db:1 on c: b is proven off
        "#]],
    );
}

#[test]
fn among_related_services_copies_that_need_all_are_on_other_nodes_too() {
    check(
        "nodes a b c
        service db prefer=a
        service cache together=db
        service farm copies=2 prefer=a,b
        service web copies=every-node after-all=farm",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service cache together=db
            configuration version 3 by ann
            plan 2: start cache on a: it should run and runs nowhere
            cache runs on a
            > service farm copies=2 prefer=a,b
            configuration version 4 by ann
            plan 3: start farm:0 on a: it should run and runs nowhere
            plan 3: start farm:1 on b: it should run and runs nowhere
            farm:0 runs on a
            farm:1 runs on b
            > service web copies=every-node after-all=farm
            configuration version 5 by ann
            plan 4: start web:0 on c: it should run and runs nowhere
            plan 4: start web:1 on b: it should run and runs nowhere
            plan 4: start web:2 on a: it should run and runs nowhere
            web:0 runs on c
            web:1 runs on b
            web:2 runs on a
        "#]],
    );
}
