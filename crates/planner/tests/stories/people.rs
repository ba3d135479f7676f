//! What people ask for: moves, stops, standby, maintenance, changes.

use super::*;

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
