//! Orders of people about roles.

use super::*;

#[test]
fn the_role_moves_to_the_node_that_was_named() {
    check(
        "nodes a b c
        service db copies=3 promoted=1
        operator move db to c",
        expect![[r#"
            > service db copies=3 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > operator move db to c
            ann: move db to c
            plan 3: demote db:0 on a: asked by ann
            db:0 is demoted on a
            plan 4: promote db:2 on c: asked by ann
            db:2 is promoted on c
        "#]],
    );
}

#[test]
fn the_role_moves_to_any_other_node_where_none_was_named() {
    check(
        "nodes a b c
        service db copies=3 promoted=1
        operator move db",
        expect![[r#"
            > service db copies=3 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > operator move db
            ann: move db
            plan 3: demote db:0 on a: asked by ann
            db:0 is demoted on a
            plan 4: promote db:1 on b: asked by ann
            db:1 is promoted on b
        "#]],
    );
}

#[test]
fn nobody_is_promoted_before_the_other_is_demoted() {
    check(
        "nodes a b c
        service db copies=3 promoted=1
        slow db:0
        operator move db to b
        is-between db:0
        is-demoted db:0
        quick db:0",
        expect![[r#"
            > service db copies=3 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > slow db:0
            > operator move db to b
            ann: move db to b
            plan 3: demote db:0 on a: asked by ann
              db:1: waits until it is not promoted on a any more
            > is-between db:0
            > is-demoted db:0
            db:0 is demoted on a
            plan 4: promote db:1 on b: asked by ann
            db:1 is promoted on b
            > quick db:0
        "#]],
    );
}

#[test]
fn an_order_waits_for_a_node_that_cannot_take_the_role() {
    check(
        "nodes a b c
        attribute b promotion-score:db=-1
        service db copies=3 promoted=1
        operator move db to b
        operator attr b promotion-score:db=1",
        expect![[r#"
            > attribute b promotion-score:db=-1
            configuration version 2 by ann
            > service db copies=3 promoted=1
            configuration version 3 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > operator move db to b
            ann: move db to b
              db:0: it shall not be promoted on b: its promotion score is -1
            > operator attr b promotion-score:db=1
            ann: attr set b promotion-score:db 1
            plan 3: demote db:0 on a: asked by ann
            db:0 is demoted on a
            plan 4: promote db:1 on b: asked by ann
            db:1 is promoted on b
        "#]],
    );
}

#[test]
fn an_order_to_anywhere_waits_while_nobody_else_can() {
    check(
        "nodes a b
        attribute b promotion-score:db=-1
        service db copies=2 promoted=1
        operator move db
        operator attr b promotion-score:db=1",
        expect![[r#"
            > attribute b promotion-score:db=-1
            configuration version 2 by ann
            > service db copies=2 promoted=1
            configuration version 3 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > operator move db
            ann: move db
              db:0: it shall not be promoted on b: its promotion score is -1
            > operator attr b promotion-score:db=1
            ann: attr set b promotion-score:db 1
            plan 3: demote db:0 on a: asked by ann
            db:0 is demoted on a
            plan 4: promote db:1 on b: asked by ann
            db:1 is promoted on b
        "#]],
    );
}

#[test]
fn an_order_waits_for_a_copy_that_still_starts() {
    check(
        "nodes a b
        slow db:1
        service db copies=2 promoted=1
        operator move db to b
        runs db:1
        quick db:1",
        expect![[r#"
            > slow db:1
            > service db copies=2 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > operator move db to b
            ann: move db to b
              db:0: it shall not be promoted on b: it is starting
            > runs db:1
            db:1 runs on b
            plan 3: demote db:0 on a: asked by ann
            db:0 is demoted on a
            plan 4: promote db:1 on b: asked by ann
            > quick db:1
            db:1 is promoted on b
        "#]],
    );
}

#[test]
fn what_is_stopped_is_not_promoted_again() {
    check(
        "nodes a b
        service db copies=2 promoted=1
        operator stop db
        operator start db",
        expect![[r#"
            > service db copies=2 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > operator stop db
            ann: stop db
            plan 3: stop db:0 on a: asked by ann
            plan 3: stop db:1 on b: asked by ann
            db:0 stopped on a: asked by ann
            db:1 stopped on b: asked by ann
            > operator start db
            ann: start db
            plan 4: start db:0 on a: asked by ann
            plan 4: start db:1 on b: asked by ann
            db:0 runs on a
            db:1 runs on b
            plan 5: promote db:0 on a: asked by ann
            db:0 is promoted on a
        "#]],
    );
}

#[test]
fn a_frozen_service_keeps_its_role() {
    check(
        "nodes a b
        service db copies=2 promoted=1
        operator freeze db
        operator attr a promotion-score:db=-1
        operator thaw db",
        expect![[r#"
            > service db copies=2 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > operator freeze db
            ann: freeze db
              db:0: frozen on request
              db:1: frozen on request
            > operator attr a promotion-score:db=-1
            ann: attr set a promotion-score:db -1
            > operator thaw db
            ann: thaw db
            plan 3: demote db:0 on a: it shall not be promoted on a: its promotion score is -1
            db:0 is demoted on a
            plan 4: promote db:1 on b: it shall not be promoted on a: its promotion score is -1
            db:1 is promoted on b
        "#]],
    );
}

#[test]
fn a_frozen_service_promotes_nobody() {
    check(
        "nodes a b
        attribute a promotion-score:db=-1
        attribute b promotion-score:db=-1
        service db copies=2 promoted=1
        operator freeze db
        operator attr b promotion-score:db=5
        operator thaw db",
        expect![[r#"
            > attribute a promotion-score:db=-1
            configuration version 2 by ann
            > attribute b promotion-score:db=-1
            configuration version 3 by ann
            > service db copies=2 promoted=1
            configuration version 4 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
              db:0: no copy can be promoted: a: its promotion score is -1; b: its promotion score is -1
            > operator freeze db
            ann: freeze db
              db:0: frozen on request
              db:1: frozen on request
            > operator attr b promotion-score:db=5
            ann: attr set b promotion-score:db 5
            > operator thaw db
            ann: thaw db
            plan 2: promote db:1 on b: a copy should be promoted, and none is
            db:1 is promoted on b
        "#]],
    );
}

#[test]
fn a_promoted_copy_on_a_node_in_maintenance_keeps_its_share() {
    check(
        "nodes a b
        service db copies=2 promoted=1
        operator maintenance on a
        operator attr b promotion-score:db=5
        operator maintenance off a",
        expect![[r#"
            > service db copies=2 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > operator maintenance on a
            ann: maintenance on --node a
              db:0: a is in maintenance
            > operator attr b promotion-score:db=5
            ann: attr set b promotion-score:db 5
            > operator maintenance off a
            ann: maintenance off --node a
        "#]],
    );
}

#[test]
fn the_copy_on_a_node_in_maintenance_is_not_promoted() {
    check(
        "nodes a b
        operator maintenance on b
        service db copies=2 promoted=1
        operator attr b promotion-score:db=5
        operator move db to b
        operator maintenance off b",
        expect![[r#"
            > operator maintenance on b
            ann: maintenance on --node b
            > service db copies=2 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            db:0 runs on a
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
              db:1: no node may run it: a: has its copy; b: in maintenance
            > operator attr b promotion-score:db=5
            ann: attr set b promotion-score:db 5
            > operator move db to b
            rejected: no copy of db runs on b
            > operator maintenance off b
            ann: maintenance off --node b
            plan 3: start db:1 on b: it should run and runs nowhere
            db:1 runs on b
        "#]],
    );
}

#[test]
fn standby_takes_the_role_with_the_copy() {
    check(
        "nodes a b
        service db copies=2 promoted=1
        operator standby a
        operator online a",
        expect![[r#"
            > service db copies=2 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > operator standby a
            ann: standby a
            plan 3: stop db:0 on a: a is on standby
            db:0 stopped on a: a is on standby
            plan 4: promote db:1 on b: a is on standby
            db:1 is promoted on b
              db:0: no node may run it: a: on standby; b: has its copy
            > operator online a
            ann: online a
            plan 5: start db:0 on a: a is on standby
            db:0 runs on a
        "#]],
    );
}

#[test]
fn standby_waits_until_what_stops_is_proven_to_lead_no_more() {
    check(
        "nodes a b
        service db copies=2 promoted=1
        slow db:0
        operator standby a
        stopped db:0
        quick db:0",
        expect![[r#"
            > service db copies=2 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > slow db:0
            > operator standby a
            ann: standby a
            plan 3: stop db:0 on a: a is on standby
              db:0: waits for the stop on a
              db:1: waits until it is not promoted on a any more
            > stopped db:0
            db:0 stopped on a: a is on standby
            plan 4: promote db:1 on b: a is on standby
            db:1 is promoted on b
              db:0: no node may run it: a: on standby; b: has its copy
            > quick db:0
        "#]],
    );
}

#[test]
fn a_copy_that_moves_away_is_not_promoted() {
    check(
        "nodes a b c
        service db copies=2 promoted=1
        slow db:1
        operator move db:1 to c
        quick db:1",
        expect![[r#"
            > service db copies=2 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > slow db:1
            > operator move db:1 to c
            ann: move db:1 to c
            plan 3: stop db:1 on b: asked by ann
              db:1: waits for the stop on b
            > quick db:1
            db:1 stopped on b: asked by ann
            plan 4: start db:1 on c: asked by ann
            db:1 runs on c
        "#]],
    );
}

#[test]
fn a_restart_keeps_the_role() {
    check(
        "nodes a b
        service db copies=2 promoted=1
        operator restart db",
        expect![[r#"
            > service db copies=2 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > operator restart db
            ann: restart db
            db:0 runs on a
            db:1 runs on b
        "#]],
    );
}

#[test]
fn a_copy_whose_stop_failed_may_lead_until_a_person_has_looked() {
    check(
        "nodes a b
        service db copies=2 promoted=1 stop-failure=block
        slow db:0
        operator standby a
        stop-fails db:0",
        expect![[r#"
            > service db copies=2 promoted=1 stop-failure=block
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > slow db:0
            > operator standby a
            ann: standby a
            plan 3: stop db:0 on a: a is on standby
              db:0: waits for the stop on a
              db:1: waits until it is not promoted on a any more
            > stop-fails db:0
            db:0 failed on a: program: still there
              db:0: program failed on a (still there), and it stays like this until cleared
        "#]],
    );
}
