//! More of what stands with the promoted copies of others: it has its say where they are promoted.

use super::*;

#[test]
fn the_role_goes_where_what_must_be_with_it_can_be() {
    check(
        "nodes a b
        attribute a promotion-score:db=-1
        attribute b promotion-score:db=-1
        service db copies=2 promoted=1
        service web only prefer=b together-promoted=db
        operator freeze db
        operator attr a promotion-score:db=5
        operator attr b promotion-score:db=1
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
            > service web only prefer=b together-promoted=db
            configuration version 5 by ann
              web: no node may run it: a: not allowed by the configuration; b: it belongs where db is, which has no place now
            > operator freeze db
            ann: freeze db
              db:0: frozen on request
              db:1: frozen on request
            > operator attr a promotion-score:db=5
            ann: attr set a promotion-score:db 5
            > operator attr b promotion-score:db=1
            ann: attr set b promotion-score:db 1
            > operator thaw db
            ann: thaw db
            plan 2: promote db:1 on b: a copy should be promoted, and none is
            plan 2: start web on b: it should run and runs nowhere
            db:1 is promoted on b
            web runs on b
        "#]],
    );
}

#[test]
fn the_role_follows_an_order_to_what_must_be_with_it() {
    check(
        "nodes a b c
        service db copies=3 promoted=1
        service web together-promoted=db
        operator move web to c",
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
            > service web together-promoted=db
            configuration version 3 by ann
            plan 3: start web on a: it should run and runs nowhere
            web runs on a
            > operator move web to c
            ann: move web to c
            plan 4: demote db:0 on a: with all others in view it belongs on c
            plan 4: stop web on a: asked by ann
            db:0 is demoted on a
            web stopped on a: asked by ann
            plan 5: promote db:2 on c: with all others in view it belongs on c
            plan 5: start web on c: asked by ann
            db:2 is promoted on c
            web runs on c
        "#]],
    );
}

#[test]
fn what_must_be_apart_leaves_where_the_role_comes() {
    check(
        "nodes a b
        service db copies=2 promoted=1
        service web apart-promoted=db
        operator move db to b
        look web",
        expect![[r#"
            > service db copies=2 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > service web apart-promoted=db
            configuration version 3 by ann
            plan 3: start web on b: it should run and runs nowhere
            web runs on b
            > operator move db to b
            ann: move db to b
            plan 4: demote db:0 on a: asked by ann
            plan 4: stop web on b: it must not be where db is, on b
            db:0 is demoted on a
            web stopped on b: it must not be where db is, on b
            plan 5: promote db:1 on b: asked by ann
            plan 5: start web on a: it must not be where db is, on b
            db:1 is promoted on b
            web runs on a
            > look web
              a: 0 points; runs 1 other service
              b: it must not be where db is, on b
        "#]],
    );
}

#[test]
fn what_must_be_apart_waits_for_the_demotion() {
    check(
        "nodes a b
        service db copies=2 promoted=1
        slow db:0
        operator attr b promotion-score:db=5
        operator move db to b
        service web apart-promoted=db only prefer=a
        is-demoted db:0
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
            > operator attr b promotion-score:db=5
            ann: attr set b promotion-score:db 5
            > operator move db to b
            ann: move db to b
            plan 3: demote db:0 on a: asked by ann
              db:1: waits until it is not promoted on a any more
            > service web apart-promoted=db only prefer=a
            configuration version 3 by ann
              web: waits for the stop on a
            > is-demoted db:0
            db:0 is demoted on a
            plan 4: promote db:1 on b: asked by ann
            plan 4: start web on a: it should run and runs nowhere
            db:1 is promoted on b
            web runs on a
            > quick db:0
        "#]],
    );
}

#[test]
fn what_needs_a_promoted_copy_is_not_stopped_when_the_role_moves() {
    check(
        "nodes a b
        service db copies=2 promoted=1
        service web after-promoted=db
        slow db:0
        operator move db to b
        operator restart web
        is-demoted db:0
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
            > service web after-promoted=db
            configuration version 3 by ann
            plan 3: start web on a: it should run and runs nowhere
            web runs on a
            > slow db:0
            > operator move db to b
            ann: move db to b
            plan 4: demote db:0 on a: asked by ann
              db:1: waits until it is not promoted on a any more
            > operator restart web
            ann: restart web
            web runs on a
            > is-demoted db:0
            db:0 is demoted on a
            plan 5: promote db:1 on b: asked by ann
            db:1 is promoted on b
            > quick db:0
        "#]],
    );
}

#[test]
fn what_needs_a_promoted_copy_waits_while_it_is_on_its_way() {
    check(
        "nodes a b
        service db copies=2 promoted=1
        slow db:0
        service web after-promoted=db
        is-promoted db:0
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
            > service web after-promoted=db
            configuration version 3 by ann
            plan 3: start web on a: it should run and runs nowhere
            web runs on a
            > is-promoted db:0
            > quick db:0
        "#]],
    );
}

#[test]
fn what_needs_a_promoted_copy_is_not_content_with_one_that_is_being_demoted() {
    check(
        "nodes a b
        service db copies=2 promoted=1
        slow db:0
        slow db:1
        operator move db to b
        service web after-promoted=db
        is-demoted db:0
        is-promoted db:1
        quick db:0
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
            > slow db:0
            > slow db:1
            > operator move db to b
            ann: move db to b
            plan 3: demote db:0 on a: asked by ann
              db:1: waits until it is not promoted on a any more
            > service web after-promoted=db
            configuration version 3 by ann
              web: waits for db to run
            > is-demoted db:0
            db:0 is demoted on a
            plan 4: promote db:1 on b: asked by ann
            > is-promoted db:1
            db:1 is promoted on b
            plan 5: start web on a: it should run and runs nowhere
            web runs on a
            > quick db:0
            > quick db:1
        "#]],
    );
}

#[test]
fn a_lost_node_takes_the_role_and_its_company_to_another() {
    check(
        "nodes a b c
        service db copies=3 promoted=1
        service web together-promoted=db
        lost a
        fenced a",
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
            > service web together-promoted=db
            configuration version 3 by ann
            plan 3: start web on a: it should run and runs nowhere
            web runs on a
            > lost a
            a is lost: a silent for 800 ms, agreed by b and c
            fence 26: b fences a: a silent for 800 ms, agreed by b and c
              a: waits until a is proven off
              db:0: waits until a is proven off
              db:1: waits until a is proven off
              web: waits until a is proven off
            > fenced a
            fence 26: a confirmed off by power
            db:0 stopped on a: a is proven off
            web stopped on a: a is proven off
            a is down
            plan 5: promote db:1 on b: a is proven off
            plan 5: start web on b: a is proven off
            db:1 is promoted on b
            web runs on b
              db:0: no node may run it: a: down; b: has its copy; c: has its copy
        "#]],
    );
}

#[test]
fn without_a_leader_its_company_is_nowhere() {
    check(
        "nodes a b
        attribute a promotion-score:db=-1
        attribute b promotion-score:db=-1
        service db copies=2 promoted=1
        service web together-promoted=db
        look web
        operator attr b promotion-score:db=1",
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
            > service web together-promoted=db
            configuration version 5 by ann
              web: no node may run it: a: it belongs where db is, which has no place now; b: it belongs where db is, which has no place now
            > look web
              a: it belongs where db is, which has no place now
              b: it belongs where db is, which has no place now
            > operator attr b promotion-score:db=1
            ann: attr set b promotion-score:db 1
            plan 2: promote db:1 on b: a copy should be promoted, and none is
            plan 2: start web on b: it should run and runs nowhere
            db:1 is promoted on b
            web runs on b
        "#]],
    );
}

#[test]
fn a_score_that_falls_takes_the_company_along() {
    check(
        "nodes a b
        service db copies=2 promoted=1
        service web together-promoted=db
        operator attr a promotion-score:db=-1",
        expect![[r#"
            > service db copies=2 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > service web together-promoted=db
            configuration version 3 by ann
            plan 3: start web on a: it should run and runs nowhere
            web runs on a
            > operator attr a promotion-score:db=-1
            ann: attr set a promotion-score:db -1
            plan 4: demote db:0 on a: it shall not be promoted on a: its promotion score is -1
            plan 4: stop web on a: it belongs where db is, on b
            db:0 is demoted on a
            web stopped on a: it belongs where db is, on b
            plan 5: promote db:1 on b: it shall not be promoted on a: its promotion score is -1
            plan 5: start web on b: it belongs where db is, on b
            db:1 is promoted on b
            web runs on b
        "#]],
    );
}

#[test]
fn with_failback_the_better_copy_leads_also_in_company() {
    check(
        "nodes a b
        service db copies=2 promoted=1 failback
        service web together-promoted=db failback
        operator attr b promotion-score:db=10",
        expect![[r#"
            > service db copies=2 promoted=1 failback
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > service web together-promoted=db failback
            configuration version 3 by ann
            plan 3: start web on a: it should run and runs nowhere
            web runs on a
            > operator attr b promotion-score:db=10
            ann: attr set b promotion-score:db 10
            plan 4: demote db:0 on a: b is preferred and ready again
            plan 4: stop web on a: it belongs where db is, on b
            db:0 is demoted on a
            web stopped on a: it belongs where db is, on b
            plan 5: promote db:1 on b: b is preferred and ready again
            plan 5: start web on b: it belongs where db is, on b
            db:1 is promoted on b
            web runs on b
        "#]],
    );
}

#[test]
fn two_leaders_and_one_that_stays_away_from_both() {
    check(
        "nodes a b c
        service db copies=3 promoted=2
        service web apart-promoted=db
        look web",
        expect![[r#"
            > service db copies=3 promoted=2
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            plan 2: promote db:1 on b: a copy should be promoted, and none is
            db:0 is promoted on a
            db:1 is promoted on b
            > service web apart-promoted=db
            configuration version 3 by ann
            plan 3: start web on c: it should run and runs nowhere
            web runs on c
            > look web
              c: 0 points; runs 1 other service
              a: it must not be where db is, on a
              b: it must not be where db is, on b
        "#]],
    );
}

#[test]
fn an_order_about_the_role_of_one_says_nothing_about_another() {
    check(
        "nodes a b
        service db copies=2 promoted=1
        service mail copies=2 promoted=1
        service web together-promoted=db
        operator move mail to b",
        expect![[r#"
            > service db copies=2 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > service mail copies=2 promoted=1
            configuration version 3 by ann
            plan 3: start mail:0 on a: it should run and runs nowhere
            plan 3: start mail:1 on b: it should run and runs nowhere
            mail:0 runs on a
            mail:1 runs on b
            plan 4: promote mail:0 on a: a copy should be promoted, and none is
            mail:0 is promoted on a
            > service web together-promoted=db
            configuration version 4 by ann
            plan 5: start web on a: it should run and runs nowhere
            web runs on a
            > operator move mail to b
            ann: move mail to b
            plan 6: demote mail:0 on a: asked by ann
            mail:0 is demoted on a
            plan 7: promote mail:1 on b: asked by ann
            mail:1 is promoted on b
        "#]],
    );
}

#[test]
fn a_company_that_cannot_be_where_the_role_was_ordered_keeps_it() {
    check(
        "nodes a b c
        service db copies=3 promoted=1
        service web never=c together-promoted=db
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
            > service web never=c together-promoted=db
            configuration version 3 by ann
            plan 3: start web on a: it should run and runs nowhere
            web runs on a
            > operator move db to c
            ann: move db to c
              db:0: with all others in view it belongs on a
        "#]],
    );
}

#[test]
fn with_failback_a_better_copy_does_not_lead_where_its_company_wishes_otherwise() {
    check(
        "nodes a b
        attribute a rack=x
        service db copies=2 promoted=1 failback
        service web together-promoted=db failback where=rack:x:5000
        operator attr b promotion-score:db=10",
        expect![[r#"
            > attribute a rack=x
            configuration version 2 by ann
            > service db copies=2 promoted=1 failback
            configuration version 3 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > service web together-promoted=db failback where=rack:x:5000
            configuration version 4 by ann
            plan 3: start web on a: it should run and runs nowhere
            web runs on a
            > operator attr b promotion-score:db=10
            ann: attr set b promotion-score:db 10
        "#]],
    );
}

#[test]
fn company_has_its_say_before_anybody_leads() {
    check(
        "nodes a b
        attribute a rack=x
        attribute a promotion-score:db=-1
        attribute b promotion-score:db=-1
        service db copies=2 promoted=1
        service web together-promoted=db where=rack:x:5000
        operator freeze db
        operator attr a promotion-score:db=1
        operator attr b promotion-score:db=9
        operator thaw db",
        expect![[r#"
            > attribute a rack=x
            configuration version 2 by ann
            > attribute a promotion-score:db=-1
            configuration version 3 by ann
            > attribute b promotion-score:db=-1
            configuration version 4 by ann
            > service db copies=2 promoted=1
            configuration version 5 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
              db:0: no copy can be promoted: a: its promotion score is -1; b: its promotion score is -1
            > service web together-promoted=db where=rack:x:5000
            configuration version 6 by ann
              web: no node may run it: a: it belongs where db is, which has no place now; b: it belongs where db is, which has no place now
            > operator freeze db
            ann: freeze db
              db:0: frozen on request
              db:1: frozen on request
            > operator attr a promotion-score:db=1
            ann: attr set a promotion-score:db 1
            > operator attr b promotion-score:db=9
            ann: attr set b promotion-score:db 9
            > operator thaw db
            ann: thaw db
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            plan 2: start web on a: it should run and runs nowhere
            db:0 is promoted on a
            web runs on a
        "#]],
    );
}
