//! A promotion waits until what must be apart from the promoted copy has stopped on its node.

use super::*;

#[test]
fn a_promotion_waits_until_what_must_be_apart_has_stopped() {
    check(
        "nodes a b
        service db copies=2 promoted=1
        service web apart-promoted=db
        slow web
        operator move db to b
        stopped web
        quick web",
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
            > slow web
            > operator move db to b
            ann: move db to b
            plan 4: demote db:0 on a: asked by ann
            plan 4: stop web on b: it must not be where db is, on b
            db:0 is demoted on a
              db:1: waits for web to stop on b: it must be apart from the promoted copy
              web: waits for the stop on b
            > stopped web
            web stopped on b: it must not be where db is, on b
            plan 5: promote db:1 on b: asked by ann
            plan 5: start web on a: it must not be where db is, on b
            db:1 is promoted on b
            > quick web
            web runs on a
        "#]],
    );
}

#[test]
fn what_is_apart_by_a_new_rule_is_waited_for_where_the_role_comes() {
    check(
        "nodes a b
        service db copies=2 promoted=1
        service web prefer=b
        slow web
        operator standby a
        service web prefer=b apart-promoted=db
        stopped web
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
            > service web prefer=b
            configuration version 3 by ann
            plan 3: start web on b: it should run and runs nowhere
            web runs on b
            > slow web
            > operator standby a
            ann: standby a
            plan 4: stop db:0 on a: a is on standby
            db:0 stopped on a: a is on standby
            plan 5: promote db:1 on b: a is on standby
            db:1 is promoted on b
              db:0: no node may run it: a: on standby; b: has its copy
            > service web prefer=b apart-promoted=db
            configuration version 4 by ann
            plan 6: stop web on b: it must not be where db is, on b
              web: waits for the stop on b
            > stopped web
            web stopped on b: it must not be where db is, on b
              web: no node may run it: a: on standby; b: it must not be where db is, on b
            > operator online a
            ann: online a
            plan 7: start db:0 on a: a is on standby
            plan 7: start web on a: it must not be where db is, on b
            db:0 runs on a
        "#]],
    );
}

#[test]
fn the_role_is_not_sent_where_what_must_be_apart_is_frozen() {
    check(
        "nodes a b c
        service db copies=3 promoted=1
        service web apart-promoted=db prefer=b
        operator freeze web
        operator move db to b
        operator move db
        operator thaw web
        operator move db to b",
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
            > operator freeze web
            ann: freeze web
              web: frozen on request
            > operator move db to b
            ann: move db to b
              db:0: it shall not be promoted on b: web is there, which must be apart from the promoted copy, and stays: frozen on request
            > operator move db
            ann: move db
            plan 4: demote db:0 on a: asked by ann
            db:0 is demoted on a
            plan 5: promote db:2 on c: asked by ann
            db:2 is promoted on c
            > operator thaw web
            ann: thaw web
            > operator move db to b
            ann: move db to b
            plan 6: demote db:2 on c: asked by ann
            plan 6: stop web on b: it must not be where db is, on b
            db:2 is demoted on c
            web stopped on b: it must not be where db is, on b
            plan 7: promote db:1 on b: asked by ann
            plan 7: start web on a: it must not be where db is, on b
            db:1 is promoted on b
            web runs on a
        "#]],
    );
}

#[test]
fn another_copy_leads_where_the_stop_of_what_must_be_apart_has_failed() {
    check(
        "nodes a b c
        service db copies=3 promoted=1
        service web apart-promoted=db prefer=b stop-failure=block
        slow web
        operator move db to b
        stop-fails web
        operator clear web",
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
            > service web apart-promoted=db prefer=b stop-failure=block
            configuration version 3 by ann
            plan 3: start web on b: it should run and runs nowhere
            web runs on b
            > slow web
            > operator move db to b
            ann: move db to b
            plan 4: demote db:0 on a: asked by ann
            plan 4: stop web on b: it must not be where db is, on b
            db:0 is demoted on a
              db:1: waits for web to stop on b: it must be apart from the promoted copy
              web: waits for the stop on b
            > stop-fails web
            web failed on b: program: still there
            plan 5: promote db:0 on a: asked by ann
            db:0 is promoted on a
              web: program failed on b (still there), and it stays like this until cleared
            > operator clear web
            ann: clear web
              web: waits for the stop on b
        "#]],
    );
}

#[test]
fn nobody_is_promoted_beside_what_is_frozen_when_there_is_no_other() {
    check(
        "nodes a
        attribute a promotion-score:db=-1
        service db copies=1 promoted=1
        service web apart-promoted=db
        operator freeze web
        operator attr a promotion-score:db=1
        operator thaw web",
        expect![[r#"
            > attribute a promotion-score:db=-1
            configuration version 2 by ann
            > service db copies=1 promoted=1
            configuration version 3 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            db:0 runs on a
              db:0: no copy can be promoted: a: its promotion score is -1
            > service web apart-promoted=db
            configuration version 4 by ann
            plan 2: start web on a: it should run and runs nowhere
            web runs on a
            > operator freeze web
            ann: freeze web
              web: frozen on request
            > operator attr a promotion-score:db=1
            ann: attr set a promotion-score:db 1
              db:0: no copy can be promoted: a: web is there, which must be apart from the promoted copy, and stays: frozen on request
            > operator thaw web
            ann: thaw web
            plan 3: stop web on a: it must not be where db is, on a
            web stopped on a: it must not be where db is, on a
            plan 4: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
              web: no node may run it: a: it must not be where db is, on a
        "#]],
    );
}

#[test]
fn what_an_operator_moves_nowhere_gives_way_all_the_same() {
    check(
        "nodes a b
        service db copies=2 promoted=1
        service web apart-promoted=db
        slow web
        operator move web
        operator move db to b
        quick web",
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
            > slow web
            > operator move web
            ann: move web
              web: no node may run it: a: it must not be where db is, on a
            > operator move db to b
            ann: move db to b
            plan 4: demote db:0 on a: asked by ann
            plan 4: stop web on b: asked by ann
            db:0 is demoted on a
              db:1: waits for web to stop on b: it must be apart from the promoted copy
              web: waits for the stop on b
            > quick web
            web stopped on b: asked by ann
            plan 5: promote db:1 on b: asked by ann
            plan 5: start web on a: asked by ann
            db:1 is promoted on b
            web runs on a
        "#]],
    );
}

#[test]
fn one_copy_in_maintenance_does_not_keep_another_from_waiting() {
    check(
        "nodes a b c
        attribute a promotion-score:db=-1
        attribute b promotion-score:db=-1
        attribute c promotion-score:db=-1
        service db copies=3 promoted=1
        service web apart-promoted=db only prefer=b
        operator maintenance on a
        operator attr b promotion-score:db=5
        operator maintenance off a",
        expect![[r#"
            > attribute a promotion-score:db=-1
            configuration version 2 by ann
            > attribute b promotion-score:db=-1
            configuration version 3 by ann
            > attribute c promotion-score:db=-1
            configuration version 4 by ann
            > service db copies=3 promoted=1
            configuration version 5 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            plan 1: start db:2 on c: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            db:2 runs on c
              db:0: no copy can be promoted: a: its promotion score is -1; b: its promotion score is -1; c: its promotion score is -1
            > service web apart-promoted=db only prefer=b
            configuration version 6 by ann
            plan 2: start web on b: it should run and runs nowhere
            web runs on b
            > operator maintenance on a
            ann: maintenance on --node a
              db:0: a is in maintenance
            > operator attr b promotion-score:db=5
            ann: attr set b promotion-score:db 5
            plan 3: stop web on b: it must not be where db is, on b
            web stopped on b: it must not be where db is, on b
            plan 4: promote db:1 on b: a copy should be promoted, and none is
            db:1 is promoted on b
              web: no node may run it: a: in maintenance; b: it must not be where db is, on b; c: not allowed by the configuration
            > operator maintenance off a
            ann: maintenance off --node a
              web: no node may run it: a: not allowed by the configuration; b: it must not be where db is, on b; c: not allowed by the configuration
        "#]],
    );
}

#[test]
fn what_is_found_beside_a_copy_to_be_promoted_is_waited_for() {
    check(
        "nodes a
        service db copies=1 promoted=1
        service web apart-promoted=db
        slow web
        up a web db:0
        quick web",
        expect![[r#"
            > service db copies=1 promoted=1
            configuration version 2 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            db:0 runs on a
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > service web apart-promoted=db
            configuration version 3 by ann
              web: no node may run it: a: it must not be where db is, on a
            > slow web
            > up a web db:0
            db:0 stopped on a: a has rebooted
            a is starting
            db:0 was found running on a
            web was found running on a
            a is online
            plan 3: start db:0 on a: found running on a
            db:0 runs on a
            db:0 is demoted on a
              db:0: waits for web to stop on a: it must be apart from the promoted copy
              web: found running on a, where it must not
            > quick web
            web, found running on a, is stopped
            plan 4: promote db:0 on a: a has rebooted
            db:0 is promoted on a
              web: no node may run it: a: it must not be where db is, on a
        "#]],
    );
}

#[test]
fn a_live_move_does_not_end_beside_a_promotion() {
    check(
        "nodes a b c
        service db copies=3 promoted=1
        service web apart-promoted=db live prefer=b
        slow web
        operator move web to c
        operator move db to c
        handed-over web
        quick web",
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
            > service web apart-promoted=db live prefer=b
            configuration version 3 by ann
            plan 3: start web on b: it should run and runs nowhere
            web runs on b
            > slow web
            > operator move web to c
            ann: move web to c
            plan 4: move web live from b to c: asked by ann
              web: it moves live from b to c
            > operator move db to c
            ann: move db to c
            plan 5: demote db:0 on a: asked by ann
            db:0 is demoted on a
              db:2: waits for web to stop on c: it must be apart from the promoted copy
            > handed-over web
            b has handed web over to c
            > quick web
            web runs on c
            web has moved live from b to c
            plan 6: stop web on c: it must not be where db is, on c
            web stopped on c: it must not be where db is, on c
            plan 7: promote db:2 on c: asked by ann
            plan 7: start web on b: it must not be where db is, on c
            db:2 is promoted on c
            web runs on b
        "#]],
    );
}
