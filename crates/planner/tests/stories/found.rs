//! What runs already when the planner first looks.

use super::*;

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
