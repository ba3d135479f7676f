//! Why the role is on one copy, and not on the others, as people are told.

use super::*;

#[test]
fn scores_places_and_what_forbids_the_role_are_told_of_each_copy() {
    check(
        "nodes a b c d
        attribute a promotion-score:db=50
        attribute b promotion-score:db=10
        attribute c promotion-score:db=-1
        service db copies=4 promoted=1 prefer=a,b
        operator stop db:3
        look-roles db
        operator standby b
        look-roles db:0",
        expect![[r#"
            > attribute a promotion-score:db=50
            configuration version 2 by ann
            > attribute b promotion-score:db=10
            configuration version 3 by ann
            > attribute c promotion-score:db=-1
            configuration version 4 by ann
            > service db copies=4 promoted=1 prefer=a,b
            configuration version 5 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            plan 1: start db:3 on d: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
            db:3 runs on d
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > operator stop db:3
            ann: stop db:3
            plan 3: stop db:3 on d: asked by ann
            db:3 stopped on d: asked by ann
            > look-roles db
              db:0 on a, promoted: 250 points: promotion score 50, first in prefer
              db:1 on b, unpromoted: 110 points: promotion score 10, second in prefer; db:0 has 250
              db:2 on c, unpromoted: its promotion score is -1
              db:3: runs nowhere
            > operator standby b
            ann: standby b
            plan 4: stop db:1 on b: b is on standby
            db:1 stopped on b: b is on standby
            plan 5: start db:1 on d: b is on standby
            db:1 runs on d
            > look-roles db:0
              db:0 on a, promoted: 250 points: promotion score 50, first in prefer
              db:1 on d, unpromoted: 0 points: not in prefer; db:0 has 250
              db:2 on c, unpromoted: its promotion score is -1
              db:3: runs nowhere
        "#]],
    );
}

#[test]
fn the_role_stays_without_failback_and_sticks_with_it() {
    check(
        "nodes a b
        service db copies=2 promoted=1
        operator attr b promotion-score:db=5
        look-roles db
        service db copies=2 promoted=1 failback sticky=20
        look-roles db",
        expect![[r#"
            > service db copies=2 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > operator attr b promotion-score:db=5
            ann: attr set b promotion-score:db 5
            > look-roles db
              db:0 on a, promoted: 0 points
              db:1 on b, unpromoted: 5 points: promotion score 5; db:0 has 0, but without `failback` it does not move for points
            > service db copies=2 promoted=1 failback sticky=20
            configuration version 3 by ann
            > look-roles db
              db:0 on a, promoted: 20 points: stickiness (20 points)
              db:1 on b, unpromoted: 5 points: promotion score 5; db:0 has 20
        "#]],
    );
}

#[test]
fn an_order_a_demotion_and_what_must_be_apart_are_told() {
    check(
        "nodes a b c
        service db copies=3 promoted=1
        service web apart-promoted=db prefer=b
        look-roles db
        slow db:0
        slow web
        operator move db to b
        look-roles db
        is-demoted db:0
        look-roles db
        quick web
        look-roles db",
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
            > service web apart-promoted=db prefer=b
            configuration version 3 by ann
            plan 3: start web on b: it should run and runs nowhere
            web runs on b
            > look-roles db
              db:0 on a, promoted: 0 points
              db:1 on b, unpromoted: 0 points; db:0 has as many, and it is promoted
              db:2 on c, unpromoted: 0 points; db:0 has as many, and it is promoted
            > slow db:0
            > slow web
            > operator move db to b
            ann: move db to b
            plan 4: demote db:0 on a: asked by ann
            plan 4: stop web on b: it must not be where db is, on b
              db:1: waits until it is not promoted on a any more
              web: waits for the stop on b
            > look-roles db
              db:1 on b, unpromoted: 0 points; waits until it is not promoted on a any more
              db:2 on c, unpromoted: 0 points; an order sends the role to b
              db:0 on a, demoting: 0 points; is being demoted: asked by ann
            > is-demoted db:0
            db:0 is demoted on a
              db:1: waits for web to stop on b: it must be apart from the promoted copy
            > look-roles db
              db:1 on b, unpromoted: 0 points; waits for web to stop on b: it must be apart from the promoted copy
              db:2 on c, unpromoted: 0 points; an order sends the role to b
              db:0 on a, unpromoted: 0 points; an order sends the role to b
            > quick web
            web stopped on b: it must not be where db is, on b
            plan 5: promote db:1 on b: asked by ann
            plan 5: start web on a: it must not be where db is, on b
            db:1 is promoted on b
            web runs on a
            > look-roles db
              db:1 on b, promoted: 0 points
              db:0 on a, unpromoted: 0 points; db:1 has as many, and it is promoted
              db:2 on c, unpromoted: 0 points; db:1 has as many, and it is promoted
        "#]],
    );
}

#[test]
fn a_ticket_that_is_missing_and_one_that_is_frozen_beside_it_are_told() {
    check(
        "nodes a b
        service db copies=2 promoted=1 ticket=site:demote
        look-roles db
        operator ticket grant site
        service web apart-promoted=db prefer=b
        operator freeze web
        look-roles db
        look-roles web",
        expect![[r#"
            > service db copies=2 promoted=1 ticket=site:demote
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
              db:0: no copy can be promoted: a: ticket site is not here; b: ticket site is not here
            > look-roles db
              db:0 on a, unpromoted: ticket site is not here
              db:1 on b, unpromoted: ticket site is not here
            > operator ticket grant site
            ann: ticket grant site
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > service web apart-promoted=db prefer=b
            configuration version 3 by ann
            plan 3: start web on b: it should run and runs nowhere
            web runs on b
            > operator freeze web
            ann: freeze web
              web: frozen on request
            > look-roles db
              db:0 on a, promoted: 0 points
              db:1 on b, unpromoted: web is there, which must be apart from the promoted copy, and stays: frozen on request
            > look-roles web
        "#]],
    );
}

#[test]
fn a_lost_node_and_one_that_needs_its_company_elsewhere_are_told() {
    check(
        "nodes a b c
        service db copies=3 promoted=1
        service web only prefer=c together-promoted=db
        look-roles db
        lost c
        look-roles db",
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
            > service web only prefer=c together-promoted=db
            configuration version 3 by ann
            plan 3: demote db:0 on a: with all others in view it belongs on c
            plan 3: start web on c: it should run and runs nowhere
            db:0 is demoted on a
            web runs on c
            plan 4: promote db:2 on c: with all others in view it belongs on c
            db:2 is promoted on c
            > look-roles db
              db:2 on c, promoted: 0 points
              db:0 on a, unpromoted: 0 points; db:2 has as many, and it is promoted
              db:1 on b, unpromoted: 0 points; db:2 has as many, and it is promoted
            > lost c
            c is lost: c silent for 800 ms, agreed by a and b
            fence 30: a fences c: c silent for 800 ms, agreed by a and b
              c: waits until c is proven off
              db:0: waits until c is proven off
              db:2: waits until c is proven off
              web: waits until c is proven off
            > look-roles db
              db:0 on a, unpromoted: 0 points; waits until c is proven off
              db:2 on c, promoted: lost
              db:1 on b, unpromoted: 0 points; db:0 has as many, and the lower number
        "#]],
    );
}

#[test]
fn rules_about_the_promoted_copy_are_told() {
    check(
        "nodes a b c
        service web prefer=a
        service db copies=3 promoted=1 promoted-nodes=b@50
        look-roles db",
        expect![[r#"
            > service web prefer=a
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > service db copies=3 promoted=1 promoted-nodes=b@50
            configuration version 3 by ann
            plan 2: start db:0 on b: it should run and runs nowhere
            plan 2: start db:1 on c: it should run and runs nowhere
            plan 2: start db:2 on a: it should run and runs nowhere
            db:0 runs on b
            db:1 runs on c
            db:2 runs on a
            plan 3: promote db:0 on b: a copy should be promoted, and none is
            db:0 is promoted on b
            > look-roles db
              db:0 on b, promoted: 50 points: promoted where node is b (50 points)
              db:1 on c, unpromoted: 0 points; db:0 has 50
              db:2 on a, unpromoted: 0 points; db:0 has 50
        "#]],
    );
}

#[test]
fn a_copy_that_has_just_failed_at_it_says_so_until_another_is_promoted() {
    check(
        "nodes a b
        service db copies=2 promoted=1 on-failure=demote
        service web apart-promoted=db prefer=b
        slow web
        fails db:0
        look-roles db",
        expect![[r#"
            > service db copies=2 promoted=1 on-failure=demote
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > service web apart-promoted=db prefer=b
            configuration version 3 by ann
            plan 3: start web on b: it should run and runs nowhere
            web runs on b
            > slow web
            > fails db:0
            db:0 failed on a: program: exit 1
            plan 4: demote db:0 on a: it shall not be promoted on a: program failed (exit 1)
            plan 4: stop web on b: it must not be where db is, on b
            db:0 is demoted on a
            db:0 runs on a
              db:1: waits for web to stop on b: it must be apart from the promoted copy
              web: waits for the stop on b
            > look-roles db
              db:1 on b, unpromoted: 0 points; waits for web to stop on b: it must be apart from the promoted copy
              db:0 on a, unpromoted: 0 points; it has just failed at it
        "#]],
    );
}

#[test]
fn better_networks_are_told_before_points() {
    check(
        "nodes a b
        network lan a b
        service db copies=2 promoted=1 address=lan
        told b lan poor
        operator attr b promotion-score:db=5
        look-roles db",
        expect![[r#"
            > service db copies=2 promoted=1 address=lan
            configuration version 3 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > told b lan poor
            b: only barred cards of network lan have a link
            > operator attr b promotion-score:db=5
            ann: attr set b promotion-score:db 5
            > look-roles db
              db:0 on a, promoted: 0 points
              db:1 on b, unpromoted: 5 points: promotion score 5; the networks that it needs are better on a
        "#]],
    );
}

#[test]
fn a_role_that_belongs_elsewhere_for_the_sake_of_others_says_so_while_it_moves() {
    check(
        "nodes a b c
        service db copies=3 promoted=1
        slow db:0
        service web only prefer=c together-promoted=db
        look-roles db",
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
            > service web only prefer=c together-promoted=db
            configuration version 3 by ann
            plan 3: demote db:0 on a: with all others in view it belongs on c
            plan 3: start web on c: it should run and runs nowhere
            web runs on c
              db:2: waits until it is not promoted on a any more
            > look-roles db
              db:2 on c, unpromoted: 0 points; waits until it is not promoted on a any more
              db:0 on a, demoting: 0 points; is being demoted: with all others in view it belongs on c
              db:1 on b, unpromoted: 0 points; db:2 has 0, but with all services the role belongs on c
        "#]],
    );
}
