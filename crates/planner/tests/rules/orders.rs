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

#[test]
fn one_of_several_is_enough_and_the_last_one_stops_after_who_needs_it() {
    check(
        "nodes a b
        service east manual prefer=a
        service west manual prefer=b
        service web one-of=east,west prefer=a
        operator start west
        operator start east
        operator stop west
        operator stop east",
        expect![[r#"
            > service east manual prefer=a
            configuration version 2 by ann
            > service west manual prefer=b
            configuration version 3 by ann
            > service web one-of=east,west prefer=a
            configuration version 4 by ann
              web: waits for one of east, west to run
            > operator start west
            ann: start west
            plan 1: start west on b: asked by ann
            west runs on b
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > operator start east
            ann: start east
            plan 3: start east on a: asked by ann
            east runs on a
            > operator stop west
            ann: stop west
            plan 4: stop west on b: asked by ann
            west stopped on b: asked by ann
            > operator stop east
            ann: stop east
            plan 5: stop web on a: east stops next, and this needs it
            web stopped on a: east stops next, and this needs it
            plan 6: stop east on a: asked by ann
            east stopped on a: asked by ann
              web: waits for one of east, west to run
        "#]],
    );
}

#[test]
fn when_all_of_several_stop_who_needs_one_of_them_goes_first() {
    check(
        "nodes a b
        service east prefer=a
        service west prefer=b
        service web one-of=east,west prefer=a
        operator maintenance on
        operator stop west
        operator stop east
        operator maintenance off",
        expect![[r#"
            > service east prefer=a
            configuration version 2 by ann
            plan 1: start east on a: it should run and runs nowhere
            east runs on a
            > service west prefer=b
            configuration version 3 by ann
            plan 2: start west on b: it should run and runs nowhere
            west runs on b
            > service web one-of=east,west prefer=a
            configuration version 4 by ann
            plan 3: start web on a: it should run and runs nowhere
            web runs on a
            > operator maintenance on
            ann: maintenance on
              east: maintenance is on
              web: maintenance is on
              west: maintenance is on
            > operator stop west
            ann: stop west
            > operator stop east
            ann: stop east
            > operator maintenance off
            ann: maintenance off
            plan 4: stop web on a: east stops next, and this needs it
            web stopped on a: east stops next, and this needs it
            plan 5: stop east on a: asked by ann
            plan 5: stop west on b: asked by ann
            east stopped on a: asked by ann
            west stopped on b: asked by ann
              web: waits for one of east, west to run
        "#]],
    );
}

#[test]
fn what_was_needed_for_the_start_only_may_stop() {
    check(
        "nodes a b
        service db manual prefer=a
        service web after-starts=db prefer=b
        operator start db
        operator stop db
        operator restart web",
        expect![[r#"
            > service db manual prefer=a
            configuration version 2 by ann
            > service web after-starts=db prefer=b
            configuration version 3 by ann
              web: waits for db to run
            > operator start db
            ann: start db
            plan 1: start db on a: asked by ann
            db runs on a
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > operator stop db
            ann: stop db
            plan 3: stop db on a: asked by ann
            db stopped on a: asked by ann
            > operator restart web
            ann: restart web
            web runs on b
        "#]],
    );
}

#[test]
fn what_is_after_another_stops_before_it_whatever_they_stop_for() {
    check(
        "nodes a b
        service db prefer=a
        service web after=db prefer=a
        service lb after-if-both=web prefer=a
        service log after-starts=db prefer=a
        operator standby a
        operator move db to a
        operator online a
        operator move db to a",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web after=db prefer=a
            configuration version 3 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > service lb after-if-both=web prefer=a
            configuration version 4 by ann
            plan 3: start lb on a: it should run and runs nowhere
            lb runs on a
            > service log after-starts=db prefer=a
            configuration version 5 by ann
            plan 4: start log on a: it should run and runs nowhere
            log runs on a
            > operator standby a
            ann: standby a
            plan 5: stop lb on a: a is on standby
            plan 5: stop log on a: a is on standby
            lb stopped on a: a is on standby
            log stopped on a: a is on standby
            plan 6: stop web on a: a is on standby
            web stopped on a: a is on standby
            plan 7: stop db on a: a is on standby
            db stopped on a: a is on standby
            plan 8: start db on b: a is on standby
            db runs on b
            plan 9: start log on b: a is on standby
            plan 9: start web on b: a is on standby
            log runs on b
            web runs on b
            plan 10: start lb on b: a is on standby
            lb runs on b
            > operator move db to a
            rejected: a is on standby
            > operator online a
            ann: online a
            > operator move db to a
            ann: move db to a
            plan 11: stop db on b: asked by ann
            db stopped on b: asked by ann
            plan 12: start db on a: asked by ann
            db runs on a
        "#]],
    );
}

#[test]
fn copies_that_need_a_promoted_one_need_one_on_their_own_node_too() {
    check(
        "nodes a b
        service farm copies=2 promoted=1 prefer=a
        service log copies=2 after-promoted=farm
        operator stop farm",
        expect![[r#"
            > service farm copies=2 promoted=1 prefer=a
            configuration version 2 by ann
            plan 1: start farm:0 on a: it should run and runs nowhere
            plan 1: start farm:1 on b: it should run and runs nowhere
            farm:0 runs on a
            farm:1 runs on b
            plan 2: promote farm:0 on a: a copy should be promoted, and none is
            farm:0 is promoted on a
            > service log copies=2 after-promoted=farm
            configuration version 3 by ann
            plan 3: start log:0 on a: it should run and runs nowhere
            plan 3: start log:1 on b: it should run and runs nowhere
            log:0 runs on a
            log:1 runs on b
            > operator stop farm
            ann: stop farm
            plan 4: stop log:0 on a: farm:0 stops next, and this needs it
            plan 4: stop log:1 on b: farm:1 stops next, and this needs it
            log:0 stopped on a: farm:0 stops next, and this needs it
            log:1 stopped on b: farm:1 stops next, and this needs it
            plan 5: stop farm:0 on a: asked by ann
            plan 5: stop farm:1 on b: asked by ann
            farm:0 stopped on a: asked by ann
            farm:1 stopped on b: asked by ann
              log:0: waits for farm to run
              log:1: waits for farm to run
        "#]],
    );
}
