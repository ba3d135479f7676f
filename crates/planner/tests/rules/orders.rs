//! What must wait for one another.

use super::*;

#[test]
fn services_start_one_after_the_other_where_they_must() {
    check(
        "nodes a b
        slow db
        service db
        service web not-while=db
        runs db",
        expect![[r#"
            > slow db
            > service db
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            > service web not-while=db
            configuration version 3 by ann
              web: waits until db has started
            > runs db
            db runs on a
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
        "#]],
    );
}

#[test]
fn an_order_for_both_holds_only_when_both_start() {
    check(
        "nodes a b
        service db manual
        service web manual after-if-both=db
        operator start web
        operator stop web
        operator maintenance on
        operator start db
        operator start web
        operator maintenance off
        operator maintenance on
        operator stop db
        operator stop web
        operator maintenance off",
        expect![[r#"
            > service db manual
            configuration version 2 by ann
            > service web manual after-if-both=db
            configuration version 3 by ann
            > operator start web
            ann: start web
            plan 1: start web on a: asked by ann
            web runs on a
            > operator stop web
            ann: stop web
            plan 2: stop web on a: asked by ann
            web stopped on a: asked by ann
            > operator maintenance on
            ann: maintenance on
              db: maintenance is on
              web: maintenance is on
            > operator start db
            ann: start db
            > operator start web
            ann: start web
            > operator maintenance off
            ann: maintenance off
            plan 3: start db on a: asked by ann
            db runs on a
            plan 4: start web on b: asked by ann
            web runs on b
            > operator maintenance on
            ann: maintenance on
              db: maintenance is on
              web: maintenance is on
            > operator stop db
            ann: stop db
            > operator stop web
            ann: stop web
            > operator maintenance off
            ann: maintenance off
            plan 5: stop web on b: asked by ann
            web stopped on b: asked by ann
            plan 6: stop db on a: asked by ann
            db stopped on a: asked by ann
        "#]],
    );
}
