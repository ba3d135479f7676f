//! What starts or stops before what, and tickets.

use super::*;

#[test]
fn what_stops_before_what_it_follows_only_when_both_stop() {
    check(
        "nodes a b
        service db prefer=a
        service web prefer=a after-if-both=db
        slow web
        runs web
        operator stop db
        operator start db
        operator maintenance on
        operator stop web
        operator stop db
        operator maintenance off
        stopped web",
        expect![[r#"
            > service db prefer=a
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web prefer=a after-if-both=db
            configuration version 3 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > slow web
            > runs web
            > operator stop db
            ann: stop db
            plan 3: stop db on a: asked by ann
            db stopped on a: asked by ann
            > operator start db
            ann: start db
            plan 4: start db on a: asked by ann
            db runs on a
            > operator maintenance on
            ann: maintenance on
              db: maintenance is on
              web: maintenance is on
            > operator stop web
            ann: stop web
            > operator stop db
            ann: stop db
            > operator maintenance off
            ann: maintenance off
            plan 5: stop web on a: asked by ann
              db: waits for the stop on a
            > stopped web
            web stopped on a: asked by ann
            plan 6: stop db on a: asked by ann
            db stopped on a: asked by ann
        "#]],
    );
}

#[test]
fn two_that_must_not_start_together_do_not_in_either_order() {
    check(
        "nodes a b
        service db
        service web not-while=db
        operator stop db
        operator stop web
        slow db
        slow web
        operator start web
        operator start db
        runs web
        runs db",
        expect![[r#"
            > service db
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web not-while=db
            configuration version 3 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > operator stop db
            ann: stop db
            plan 3: stop db on a: asked by ann
            db stopped on a: asked by ann
            > operator stop web
            ann: stop web
            plan 4: stop web on b: asked by ann
            web stopped on b: asked by ann
            > slow db
            > slow web
            > operator start web
            ann: start web
            plan 5: start web on a: asked by ann
            > operator start db
            ann: start db
              db: waits until web has started
            > runs web
            web runs on a
            plan 6: start db on b: asked by ann
            > runs db
            db runs on b
        "#]],
    );
}

#[test]
fn a_lost_ticket_that_fences_does_so_unless_it_was_given_away_in_peace() {
    check(
        "nodes a b c
        service db prefer=a ticket=site:fence
        operator ticket grant site
        operator ticket standby site
        operator ticket grant site
        operator ticket revoke site",
        expect![[r#"
            > service db prefer=a ticket=site:fence
            configuration version 2 by ann
              db: ticket site is not here
            > operator ticket grant site
            ann: ticket grant site
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > operator ticket standby site
            ann: ticket standby site
            plan 2: stop db on a: ticket site is not here
            db stopped on a: ticket site is not here
              db: ticket site is not here
            > operator ticket grant site
            ann: ticket grant site
            plan 3: start db on a: it should run and runs nowhere
            db runs on a
            > operator ticket revoke site
            ann: ticket revoke site
            a is lost: ticket site is not here
            fence 25: b fences a: ticket site is not here
              a: waits until a is proven off
              db: waits until a is proven off
        "#]],
    );
}

#[test]
fn a_frozen_ticket_stops_what_is_given_away_in_peace() {
    check(
        "nodes a b
        service db prefer=a ticket=site:freeze
        operator ticket grant site
        operator ticket revoke site
        fails db
        operator ticket standby site",
        expect![[r#"
            > service db prefer=a ticket=site:freeze
            configuration version 2 by ann
              db: ticket site is not here
            > operator ticket grant site
            ann: ticket grant site
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > operator ticket revoke site
            ann: ticket revoke site
              db: ticket site is not here
            > fails db
            db failed on a: program: exit 1
            > operator ticket standby site
            rejected: ticket site is not here
        "#]],
    );
}

#[test]
fn what_starts_holds_up_what_is_started_after_it_only_where_it_really_starts() {
    check(
        "nodes a b
        service db prefer=a only
        service web after-if-both=db
        operator stop web
        operator stop db
        operator standby a
        operator start db
        operator start web
        operator stop web
        operator freeze db
        operator online a
        operator start web
        operator thaw db",
        expect![[r#"
            > service db prefer=a only
            configuration version 2 by ann
            plan 1: start db on a: it should run and runs nowhere
            db runs on a
            > service web after-if-both=db
            configuration version 3 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > operator stop web
            ann: stop web
            plan 3: stop web on b: asked by ann
            web stopped on b: asked by ann
            > operator stop db
            ann: stop db
            plan 4: stop db on a: asked by ann
            db stopped on a: asked by ann
            > operator standby a
            ann: standby a
            > operator start db
            ann: start db
              db: no node may run it: a: on standby; b: not allowed by the configuration
            > operator start web
            ann: start web
            plan 5: start web on b: asked by ann
            web runs on b
            > operator stop web
            ann: stop web
            plan 6: stop web on b: asked by ann
            web stopped on b: asked by ann
            > operator freeze db
            ann: freeze db
              db: frozen on request
            > operator online a
            ann: online a
            > operator start web
            ann: start web
            plan 7: start web on a: asked by ann
            web runs on a
            > operator thaw db
            ann: thaw db
            plan 8: start db on a: asked by ann
            db runs on a
        "#]],
    );
}
