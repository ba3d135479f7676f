//! Copies that start one by one.

use super::*;

#[test]
fn one_copy_starts_after_the_other() {
    check(
        "nodes a b c
        slow web:1
        service web copies=every-node one-by-one
        runs web:1",
        expect![[r#"
            > slow web:1
            > service web copies=every-node one-by-one
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            web:0 runs on a
            plan 2: start web:1 on b: it should run and runs nowhere
              web:2: waits until web:1 has started
            > runs web:1
            web:1 runs on b
            plan 3: start web:2 on c: it should run and runs nowhere
            web:2 runs on c
        "#]],
    );
}

#[test]
fn a_copy_that_has_failed_for_good_holds_up_nobody() {
    check(
        "nodes a b
        slow web:0
        service web copies=2 one-by-one restart=1
        start-fails web:0
        start-fails web:0",
        expect![[r#"
            > slow web:0
            > service web copies=2 one-by-one restart=1
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
              web:1: waits until web:0 has started
            > start-fails web:0
            web:0 failed on a: program in start: exit 7
            plan 2: restart web:0 on a: program failed (exit 7), failure 1, 1 allowed here
            > start-fails web:0
            web:0 failed on a: program in start: exit 7
            plan 3: stop web:0 on a: program failed 2 times on a, which is barred until cleared
            plan 4: start web:1 on b: it should run and runs nowhere
            web:1 runs on b
              web:0: waits for the stop on a
        "#]],
    );
}

#[test]
fn a_copy_that_waits_for_a_person_holds_up_nobody() {
    check(
        "nodes a b
        slow web:0
        service web copies=2 one-by-one on-failure=block
        start-fails web:0",
        expect![[r#"
            > slow web:0
            > service web copies=2 one-by-one on-failure=block
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
              web:1: waits until web:0 has started
            > start-fails web:0
            web:0 failed on a: program in start: exit 7
            plan 2: start web:1 on b: it should run and runs nowhere
            web:1 runs on b
              web:0: program failed on a (exit 7), and it stays like this until cleared
        "#]],
    );
}

#[test]
fn a_change_goes_from_copy_to_copy() {
    check(
        "nodes a b c
        service web copies=3 one-by-one
        slow web:1
        service web copies=3 one-by-one runs=new
        fails web:2
        stopped web:1
        runs web:1",
        expect![[r#"
            > service web copies=3 one-by-one
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            web:0 runs on a
            plan 2: start web:1 on b: it should run and runs nowhere
            web:1 runs on b
            plan 3: start web:2 on c: it should run and runs nowhere
            web:2 runs on c
            > slow web:1
            > service web copies=3 one-by-one runs=new
            configuration version 3 by ann
            plan 4: stop web:0 on a: configuration version 3
            web:0 stopped on a: configuration version 3
            plan 5: start web:0 on a: configuration version 3
            web:0 runs on a
            plan 6: stop web:1 on b: configuration version 3
              web:1: waits for the stop on b
              web:2: restarts once web:1 runs: its copies go one by one
            > fails web:2
            web:2 failed on c: program: exit 1
            plan 7: stop web:2 on c: configuration version 3
            web:2 stopped on c: configuration version 3
            plan 8: start web:2 on c: configuration version 3
            web:2 runs on c
            > stopped web:1
            web:1 stopped on b: configuration version 3
            plan 9: start web:1 on b: configuration version 3
            > runs web:1
            web:1 runs on b
        "#]],
    );
}

#[test]
fn without_the_word_a_change_takes_all_down() {
    check(
        "nodes a b
        service web copies=2
        service web copies=2 runs=new",
        expect![[r#"
            > service web copies=2
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            plan 1: start web:1 on b: it should run and runs nowhere
            web:0 runs on a
            web:1 runs on b
            > service web copies=2 runs=new
            configuration version 3 by ann
            plan 2: stop web:0 on a: configuration version 3
            plan 2: stop web:1 on b: configuration version 3
            web:0 stopped on a: configuration version 3
            web:1 stopped on b: configuration version 3
            plan 3: start web:0 on a: configuration version 3
            plan 3: start web:1 on b: configuration version 3
            web:0 runs on a
            web:1 runs on b
        "#]],
    );
}

#[test]
fn a_restart_by_order_goes_from_copy_to_copy() {
    check(
        "nodes a b
        service web copies=2 one-by-one
        slow web:0
        operator restart web
        operator restart web:1
        runs web:0",
        expect![[r#"
            > service web copies=2 one-by-one
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            web:0 runs on a
            plan 2: start web:1 on b: it should run and runs nowhere
            web:1 runs on b
            > slow web:0
            > operator restart web
            ann: restart web
            plan 3: restart web:0 on a: asked by ann
              web:1: restarts once web:0 runs: its copies go one by one
            > operator restart web:1
            ann: restart web:1
            > runs web:0
            web:0 runs on a
            plan 4: restart web:1 on b: asked by ann
            web:1 runs on b
        "#]],
    );
}

#[test]
fn a_stop_by_order_ends_the_wait_for_a_turn() {
    check(
        "nodes a b c
        service web copies=3 one-by-one
        slow web:0
        operator restart web
        operator stop web:1
        operator start web:1
        runs web:0",
        expect![[r#"
            > service web copies=3 one-by-one
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            web:0 runs on a
            plan 2: start web:1 on b: it should run and runs nowhere
            web:1 runs on b
            plan 3: start web:2 on c: it should run and runs nowhere
            web:2 runs on c
            > slow web:0
            > operator restart web
            ann: restart web
            plan 4: restart web:0 on a: asked by ann
              web:1: restarts once web:0 runs: its copies go one by one
              web:2: restarts once web:0 runs: its copies go one by one
            > operator stop web:1
            ann: stop web:1
            plan 5: stop web:1 on b: asked by ann
            web:1 stopped on b: asked by ann
            > operator start web:1
            ann: start web:1
              web:1: waits until web:0 has started
            > runs web:0
            web:0 runs on a
            plan 6: start web:1 on b: asked by ann
            web:1 runs on b
            plan 7: restart web:2 on c: asked by ann
            web:2 runs on c
        "#]],
    );
}

#[test]
fn a_copy_that_is_frozen_holds_up_nobody() {
    check(
        "nodes a b c
        service web copies=3 one-by-one
        operator freeze web:0
        service web copies=3 one-by-one runs=new
        operator thaw web:0",
        expect![[r#"
            > service web copies=3 one-by-one
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            web:0 runs on a
            plan 2: start web:1 on b: it should run and runs nowhere
            web:1 runs on b
            plan 3: start web:2 on c: it should run and runs nowhere
            web:2 runs on c
            > operator freeze web:0
            ann: freeze web:0
              web:0: frozen on request
            > service web copies=3 one-by-one runs=new
            configuration version 3 by ann
            plan 4: stop web:1 on b: configuration version 3
            web:1 stopped on b: configuration version 3
            plan 5: start web:1 on b: configuration version 3
            web:1 runs on b
            plan 6: stop web:2 on c: configuration version 3
            web:2 stopped on c: configuration version 3
            plan 7: start web:2 on c: configuration version 3
            web:2 runs on c
            > operator thaw web:0
            ann: thaw web:0
            plan 8: stop web:0 on a: configuration version 3
            web:0 stopped on a: configuration version 3
            plan 9: start web:0 on a: configuration version 3
            web:0 runs on a
        "#]],
    );
}

#[test]
fn nobody_goes_down_while_a_node_is_emptied() {
    check(
        "nodes a b c
        service web copies=2 one-by-one prefer=a,b
        operator maintenance on
        service web copies=2 one-by-one prefer=a,b runs=new
        operator standby b
        slow web:1
        operator maintenance off
        stopped web:1
        runs web:1",
        expect![[r#"
            > service web copies=2 one-by-one prefer=a,b
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            web:0 runs on a
            plan 2: start web:1 on b: it should run and runs nowhere
            web:1 runs on b
            > operator maintenance on
            ann: maintenance on
              web:0: maintenance is on
              web:1: maintenance is on
            > service web copies=2 one-by-one prefer=a,b runs=new
            configuration version 3 by ann
            > operator standby b
            ann: standby b
            > slow web:1
            > operator maintenance off
            ann: maintenance off
            plan 3: stop web:1 on b: configuration version 3
              web:0: restarts once web:1 runs: its copies go one by one
              web:1: waits for the stop on b
            > stopped web:1
            web:1 stopped on b: configuration version 3
            plan 4: start web:1 on c: configuration version 3
            > runs web:1
            web:1 runs on c
            plan 5: stop web:0 on a: configuration version 3
            web:0 stopped on a: configuration version 3
            plan 6: start web:0 on a: configuration version 3
            web:0 runs on a
        "#]],
    );
}

#[test]
fn copies_that_come_anew_start_before_another_goes_down() {
    check(
        "nodes a b c
        service web copies=2 one-by-one
        slow web:2
        service web copies=3 one-by-one runs=new
        runs web:2",
        expect![[r#"
            > service web copies=2 one-by-one
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            web:0 runs on a
            plan 2: start web:1 on b: it should run and runs nowhere
            web:1 runs on b
            > slow web:2
            > service web copies=3 one-by-one runs=new
            configuration version 3 by ann
            plan 3: start web:2 on c: it should run and runs nowhere
              web:0: restarts once web:2 runs: its copies go one by one
              web:1: restarts once web:0 runs: its copies go one by one
            > runs web:2
            web:2 runs on c
            plan 4: stop web:0 on a: configuration version 3
            web:0 stopped on a: configuration version 3
            plan 5: start web:0 on a: configuration version 3
            web:0 runs on a
            plan 6: stop web:1 on b: configuration version 3
            web:1 stopped on b: configuration version 3
            plan 7: start web:1 on b: configuration version 3
            web:1 runs on b
        "#]],
    );
}

#[test]
fn those_that_are_promoted_restart_last() {
    check(
        "nodes a b c
        service farm copies=3 promoted=1 one-by-one prefer=a
        service farm copies=3 promoted=1 one-by-one prefer=a runs=new",
        expect![[r#"
            > service farm copies=3 promoted=1 one-by-one prefer=a
            configuration version 2 by ann
            plan 1: start farm:0 on a: it should run and runs nowhere
            farm:0 runs on a
            plan 2: promote farm:0 on a: a copy should be promoted, and none is
            plan 2: start farm:1 on b: it should run and runs nowhere
            farm:0 is promoted on a
            farm:1 runs on b
            plan 3: start farm:2 on c: it should run and runs nowhere
            farm:2 runs on c
            > service farm copies=3 promoted=1 one-by-one prefer=a runs=new
            configuration version 3 by ann
            plan 4: stop farm:1 on b: configuration version 3
            farm:1 stopped on b: configuration version 3
            plan 5: start farm:1 on b: configuration version 3
            farm:1 runs on b
            plan 6: stop farm:2 on c: configuration version 3
            farm:2 stopped on c: configuration version 3
            plan 7: start farm:2 on c: configuration version 3
            farm:2 runs on c
            plan 8: stop farm:0 on a: configuration version 3
            farm:0 stopped on a: configuration version 3
            plan 9: start farm:0 on a: configuration version 3
            plan 9: promote farm:1 on b: configuration version 3
            farm:0 runs on a
            farm:1 is promoted on b
        "#]],
    );
}

#[test]
fn copies_that_fail_together_come_up_one_after_the_other() {
    check(
        "nodes a b
        service web copies=2 one-by-one
        slow web:0
        slow web:1
        fails web:1
        fails web:0
        runs web:1
        runs web:0",
        expect![[r#"
            > service web copies=2 one-by-one
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            web:0 runs on a
            plan 2: start web:1 on b: it should run and runs nowhere
            web:1 runs on b
            > slow web:0
            > slow web:1
            > fails web:1
            web:1 failed on b: program: exit 1
            plan 3: restart web:1 on b: program failed (exit 1), failure 1, 1 allowed here
            > fails web:0
            web:0 failed on a: program: exit 1
              web:0: waits until web:1 has started
            > runs web:1
            web:1 runs on b
            plan 4: restart web:0 on a: program failed (exit 1), failure 1, 1 allowed here
            > runs web:0
            web:0 runs on a
        "#]],
    );
}

#[test]
fn what_was_found_running_goes_on_beside_a_start() {
    check(
        "nodes a b
        service web copies=2 one-by-one
        operator stop web:0
        slow web:0
        slow web:1
        operator maintenance on
        up b web:1
        operator start web:0
        operator maintenance off
        runs web:0
        runs web:1",
        expect![[r#"
            > service web copies=2 one-by-one
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            web:0 runs on a
            plan 2: start web:1 on b: it should run and runs nowhere
            web:1 runs on b
            > operator stop web:0
            ann: stop web:0
            plan 3: stop web:0 on a: asked by ann
            web:0 stopped on a: asked by ann
            > slow web:0
            > slow web:1
            > operator maintenance on
            ann: maintenance on
              web:0: maintenance is on
              web:1: maintenance is on
            > up b web:1
            web:1 stopped on b: b has rebooted
            b is starting
            web:1 was found running on b
            b is online
            > operator start web:0
            ann: start web:0
            > operator maintenance off
            ann: maintenance off
            plan 4: start web:0 on a: asked by ann
            plan 4: start web:1 on b: found running on b
            > runs web:0
            web:0 runs on a
            > runs web:1
            web:1 runs on b
        "#]],
    );
}

#[test]
fn together_again_lets_those_that_wait_for_their_turn_go() {
    check(
        "nodes a b c
        service web copies=3 one-by-one
        slow web:0
        operator restart web
        service web copies=3",
        expect![[r#"
            > service web copies=3 one-by-one
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            web:0 runs on a
            plan 2: start web:1 on b: it should run and runs nowhere
            web:1 runs on b
            plan 3: start web:2 on c: it should run and runs nowhere
            web:2 runs on c
            > slow web:0
            > operator restart web
            ann: restart web
            plan 4: restart web:0 on a: asked by ann
              web:1: restarts once web:0 runs: its copies go one by one
              web:2: restarts once web:0 runs: its copies go one by one
            > service web copies=3
            configuration version 3 by ann
            plan 5: restart web:1 on b: asked by ann
            plan 5: restart web:2 on c: asked by ann
            web:1 runs on b
            web:2 runs on c
        "#]],
    );
}

#[test]
fn what_must_be_where_it_is_not_waits_for_no_turn() {
    check(
        "nodes a b c d
        service web copies=2 one-by-one prefer=a,b
        slow web:0
        service web copies=2 one-by-one prefer=a,b runs=new
        operator move web:1 to c
        service web copies=2 one-by-one prefer=a,c only runs=new
        runs web:0",
        expect![[r#"
            > service web copies=2 one-by-one prefer=a,b
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            web:0 runs on a
            plan 2: start web:1 on b: it should run and runs nowhere
            web:1 runs on b
            > slow web:0
            > service web copies=2 one-by-one prefer=a,b runs=new
            configuration version 3 by ann
            plan 3: stop web:0 on a: configuration version 3
              web:0: waits for the stop on a
              web:1: restarts once web:0 runs: its copies go one by one
            > operator move web:1 to c
            ann: move web:1 to c
            > service web copies=2 one-by-one prefer=a,c only runs=new
            configuration version 4 by ann
            plan 4: stop web:1 on b: configuration version 4
            web:1 stopped on b: configuration version 4
            plan 5: start web:1 on c: asked by ann
            web:1 runs on c
            > runs web:0
        "#]],
    );
}

#[test]
fn a_change_with_which_a_copy_fails_for_good_goes_no_further() {
    check(
        "nodes a b
        service web copies=2 one-by-one restart=0
        slow web:0
        service web copies=2 one-by-one restart=0 runs=bad
        stopped web:0
        start-fails web:0
        stopped web:0
        service web copies=2 one-by-one restart=0 runs=mended
        operator clear web:0
        runs web:0",
        expect![[r#"
            > service web copies=2 one-by-one restart=0
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            web:0 runs on a
            plan 2: start web:1 on b: it should run and runs nowhere
            web:1 runs on b
            > slow web:0
            > service web copies=2 one-by-one restart=0 runs=bad
            configuration version 3 by ann
            plan 3: stop web:0 on a: configuration version 3
              web:0: waits for the stop on a
              web:1: restarts once web:0 runs: its copies go one by one
            > stopped web:0
            web:0 stopped on a: configuration version 3
            plan 4: start web:0 on a: configuration version 3
            > start-fails web:0
            web:0 failed on a: program in start: exit 7
            plan 5: stop web:0 on a: program failed once on a, which is barred until cleared
              web:0: waits for the stop on a
            > stopped web:0
            web:0 stopped on a: program failed once on a, which is barred until cleared
              web:0: no node may run it: a: barred since 00:00: program failed once (exit 7); b: has its copy
              web:1: runs on as it was configured before: web:0 has failed since; `mainstay clear web:0` lets it try again
            > service web copies=2 one-by-one restart=0 runs=mended
            configuration version 4 by ann
            > operator clear web:0
            ann: clear web:0
            plan 6: start web:0 on a: program failed once on a, which is barred until cleared
              web:1: restarts once web:0 runs: its copies go one by one
            > runs web:0
            web:0 runs on a
            plan 7: stop web:1 on b: configuration version 4
            web:1 stopped on b: configuration version 4
            plan 8: start web:1 on b: configuration version 4
            web:1 runs on b
        "#]],
    );
}

#[test]
fn an_order_to_restart_goes_on_where_a_change_does_not() {
    check(
        "nodes a b
        service web copies=2 one-by-one restart=0
        slow web:0
        service web copies=2 one-by-one restart=0 runs=bad
        stopped web:0
        start-fails web:0
        stopped web:0
        operator restart web:1",
        expect![[r#"
            > service web copies=2 one-by-one restart=0
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            web:0 runs on a
            plan 2: start web:1 on b: it should run and runs nowhere
            web:1 runs on b
            > slow web:0
            > service web copies=2 one-by-one restart=0 runs=bad
            configuration version 3 by ann
            plan 3: stop web:0 on a: configuration version 3
              web:0: waits for the stop on a
              web:1: restarts once web:0 runs: its copies go one by one
            > stopped web:0
            web:0 stopped on a: configuration version 3
            plan 4: start web:0 on a: configuration version 3
            > start-fails web:0
            web:0 failed on a: program in start: exit 7
            plan 5: stop web:0 on a: program failed once on a, which is barred until cleared
              web:0: waits for the stop on a
            > stopped web:0
            web:0 stopped on a: program failed once on a, which is barred until cleared
              web:0: no node may run it: a: barred since 00:00: program failed once (exit 7); b: has its copy
              web:1: runs on as it was configured before: web:0 has failed since; `mainstay clear web:0` lets it try again
            > operator restart web:1
            ann: restart web:1
            plan 6: stop web:1 on b: configuration version 3
            web:1 stopped on b: configuration version 3
            plan 7: start web:0 on b: program failed once on a, which is barred until cleared
              web:1: no node may run it: a: barred since 00:00: program failed once (exit 7); b: has its copy
        "#]],
    );
}

#[test]
fn what_failed_before_a_change_does_not_hold_it_up() {
    check(
        "nodes a b
        slow web:0
        service web copies=2 one-by-one restart=0
        start-fails web:0
        stopped web:0
        service web copies=2 one-by-one restart=0 runs=new
        runs web:0",
        expect![[r#"
            > slow web:0
            > service web copies=2 one-by-one restart=0
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
              web:1: waits until web:0 has started
            > start-fails web:0
            web:0 failed on a: program in start: exit 7
            plan 2: stop web:0 on a: program failed once on a, which is barred until cleared
            plan 3: start web:1 on b: it should run and runs nowhere
            web:1 runs on b
              web:0: waits for the stop on a
            > stopped web:0
            web:0 stopped on a: program failed once on a, which is barred until cleared
              web:0: no node may run it: a: barred since 00:00: program failed once (exit 7); b: has its copy
            > service web copies=2 one-by-one restart=0 runs=new
            configuration version 3 by ann
            plan 4: stop web:1 on b: configuration version 3
            web:1 stopped on b: configuration version 3
            plan 5: start web:0 on b: program failed once on a, which is barred until cleared
              web:1: no node may run it: a: barred since 00:00: program failed once (exit 7); b: has its copy
            > runs web:0
            web:0 runs on b
        "#]],
    );
}

#[test]
fn what_has_failed_and_is_stopped_by_order_does_not_hold_up_a_change() {
    check(
        "nodes a b
        service web copies=2 one-by-one restart=0
        slow web:0
        service web copies=2 one-by-one restart=0 runs=bad
        stopped web:0
        start-fails web:0
        stopped web:0
        operator stop web:0",
        expect![[r#"
            > service web copies=2 one-by-one restart=0
            configuration version 2 by ann
            plan 1: start web:0 on a: it should run and runs nowhere
            web:0 runs on a
            plan 2: start web:1 on b: it should run and runs nowhere
            web:1 runs on b
            > slow web:0
            > service web copies=2 one-by-one restart=0 runs=bad
            configuration version 3 by ann
            plan 3: stop web:0 on a: configuration version 3
              web:0: waits for the stop on a
              web:1: restarts once web:0 runs: its copies go one by one
            > stopped web:0
            web:0 stopped on a: configuration version 3
            plan 4: start web:0 on a: configuration version 3
            > start-fails web:0
            web:0 failed on a: program in start: exit 7
            plan 5: stop web:0 on a: program failed once on a, which is barred until cleared
              web:0: waits for the stop on a
            > stopped web:0
            web:0 stopped on a: program failed once on a, which is barred until cleared
              web:0: no node may run it: a: barred since 00:00: program failed once (exit 7); b: has its copy
              web:1: runs on as it was configured before: web:0 has failed since; `mainstay clear web:0` lets it try again
            > operator stop web:0
            ann: stop web:0
            plan 6: stop web:1 on b: configuration version 3
            web:1 stopped on b: configuration version 3
            plan 7: start web:1 on b: configuration version 3
            web:1 runs on b
        "#]],
    );
}
