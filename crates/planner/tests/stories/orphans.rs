//! What leaves the configuration and runs on, and what is new in it and may run already.

use super::*;

#[test]
fn a_frozen_service_that_leaves_the_configuration_is_left_running_and_forgotten() {
    check(
        "nodes a b
        nodes-are silent
        service db prefer=a
        looked a db
        looked b db
        operator freeze db
        no-service db
        operator thaw db
        let-go db a
        let-go db a",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
              db: waits for a to tell what runs there
            > looked a db
              db: waits for b to tell what runs there
            > looked b db
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > operator freeze db
            ann: freeze db
              db: frozen on request
            > no-service db
            configuration version 3 by ann
            > operator thaw db
            rejected: there is no service db
            > let-go db a
            db is left running on a, and is not watched any more
            > let-go db a
            rejected: late: it speaks of db, let go by a, which is over
        "#]],
    );
}

#[test]
fn only_what_is_frozen_is_let_go() {
    check(
        "nodes a b
        nodes-are silent
        service db prefer=a
        looked a db
        looked b db
        slow db
        no-service db
        let-go db a
        stopped db",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
              db: waits for a to tell what runs there
            > looked a db
              db: waits for b to tell what runs there
            > looked b db
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > slow db
            > no-service db
            configuration version 3 by ann
            plan 2: stop db on a: configuration version 3
            > let-go db a
            rejected: late: it speaks of db, let go by a, which is over
            > stopped db
            db stopped on a: configuration version 3
        "#]],
    );
}

#[test]
fn a_copy_too_many_that_is_frozen_stays_as_it_is() {
    check(
        "nodes a b
        service db copies=2
        operator freeze db
        service db copies=1
        let-go db:1 b
        operator thaw db",
        expect![[r#"
            > service db copies=2
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            > operator freeze db
            ann: freeze db
              db:0: frozen on request
              db:1: frozen on request
            > service db copies=1
            configuration version 3 by ann
            > let-go db:1 b
            rejected: late: it speaks of db:1, let go by b, which is over
            > operator thaw db
            ann: thaw db
        "#]],
    );
}

#[test]
fn what_is_new_starts_when_each_node_has_told_whether_it_runs_there() {
    check(
        "nodes a b c
        nodes-are silent
        service db prefer=a
        looked a db
        looked b db under db
        looked b db
        looked c db",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
              db: waits for a to tell what runs there
            > looked a db
              db: waits for b to tell what runs there
            > looked b db under db
            db was found running on b
              db: waits for c to tell what runs there
            > looked b db
            rejected: late: it speaks of db, looked for on b, which is over
            > looked c db
            plan 1: start db on b: found running on b
            db runs on b
        "#]],
    );
}

#[test]
fn what_comes_again_is_found_where_it_was_left_running() {
    check(
        "nodes a b
        nodes-are silent
        service db prefer=a
        looked a db
        looked b db
        operator freeze db
        no-service db
        let-go db a
        service db prefer=b only
        looked b db
        looked a db under db",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
              db: waits for a to tell what runs there
            > looked a db
              db: waits for b to tell what runs there
            > looked b db
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > operator freeze db
            ann: freeze db
              db: frozen on request
            > no-service db
            configuration version 3 by ann
            > let-go db a
            db is left running on a, and is not watched any more
            > service db prefer=b only
            configuration version 4 by ann
              db: waits for a to tell what runs there
            > looked b db
            > looked a db under db
            db was found running on a
            db, found running on a, is stopped
            plan 2: start db on b: it should run and runs nowhere
            db runs on b
        "#]],
    );
}

#[test]
fn a_node_that_cannot_tell_is_waited_for_until_it_is_proven_off() {
    check(
        "nodes a b c
        nodes-are silent
        daemon-down c
        service db prefer=a
        looked a db
        looked b db
        lost c
        fenced c",
        expect![[r#"
            > daemon-down c
            c is daemon-down
            > service db prefer=a
            configuration version 2 by ann
              db: waits for a to tell what runs there
            > looked a db
              db: waits for b to tell what runs there
            > looked b db
              db: the daemon of c is down, its services are left alone
            > lost c
            c is lost: c silent for 800 ms, agreed by a and b
            fence 18: a fences c: c silent for 800 ms, agreed by a and b
              c: waits until c is proven off
              db: waits until c is proven off
            > fenced c
            fence 18: c confirmed off by power
            c is down
            plan 2: start db on a: it should run and runs nowhere
            db runs on a
        "#]],
    );
}

#[test]
fn copies_are_looked_for_under_the_names_that_nodes_give_them() {
    check(
        "nodes a b
        nodes-are silent
        service farm copies=every-node
        looked a farm under farm:0
        looked b farm",
        expect![[r#"
            > service farm copies=every-node
            configuration version 2 by ann
              farm:0: waits for a to tell what runs there
              farm:1: waits for a to tell what runs there
            > looked a farm under farm:0
            farm:0 was found running on a
              farm:0: waits for b to tell what runs there
              farm:1: waits for b to tell what runs there
            > looked b farm
            plan 1: start farm:0 on a: found running on a
            plan 1: start farm:1 on b: it should run and runs nowhere
            farm:0 runs on a
            farm:1 runs on b
        "#]],
    );
}
