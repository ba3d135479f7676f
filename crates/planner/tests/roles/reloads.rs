//! Changes that what runs can take over.

use super::*;

#[test]
fn a_change_that_can_be_taken_over_is_a_reload() {
    check(
        "nodes a b
        service web tune=1
        service web tune=2",
        expect![[r#"
            > service web tune=1
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > service web tune=2
            configuration version 3 by ann
            plan 2: reload web on a: configuration version 3
            web is reloaded on a
        "#]],
    );
}

#[test]
fn another_change_is_a_restart() {
    check(
        "nodes a b
        service web tune=1
        service web runs=/bin/other",
        expect![[r#"
            > service web tune=1
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > service web runs=/bin/other
            configuration version 3 by ann
            plan 2: stop web on a: configuration version 3
            web stopped on a: configuration version 3
            plan 3: start web on a: configuration version 3
            web runs on a
        "#]],
    );
}

#[test]
fn a_change_that_comes_while_it_starts_is_a_restart() {
    check(
        "nodes a b
        slow web
        service web tune=1
        service web tune=2
        runs web
        quick web",
        expect![[r#"
            > slow web
            > service web tune=1
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            > service web tune=2
            configuration version 3 by ann
            plan 2: stop web on a: configuration version 3
              web: waits for the stop on a
            > runs web
            > quick web
            web stopped on a: configuration version 3
            plan 3: start web on a: configuration version 3
            web runs on a
        "#]],
    );
}

#[test]
fn a_change_that_comes_after_a_failure_is_taken_with_the_restart() {
    check(
        "nodes a b
        service web tune=1
        slow web
        fails web
        service web tune=2
        quick web",
        expect![[r#"
            > service web tune=1
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > slow web
            > fails web
            web failed on a: program: exit 1
            plan 2: restart web on a: program failed (exit 1), failure 1, 1 allowed here
            > service web tune=2
            configuration version 3 by ann
            plan 3: stop web on a: configuration version 3
              web: waits for the stop on a
            > quick web
            web stopped on a: configuration version 3
            plan 4: start web on a: configuration version 3
            web runs on a
        "#]],
    );
}

#[test]
fn what_moves_is_not_reloaded_before() {
    check(
        "nodes a b
        service web tune=1 prefer=a
        slow web
        operator move web to b
        service web tune=2 prefer=a
        stopped web
        quick web",
        expect![[r#"
            > service web tune=1 prefer=a
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > slow web
            > operator move web to b
            ann: move web to b
            plan 2: stop web on a: asked by ann
              web: waits for the stop on a
            > service web tune=2 prefer=a
            configuration version 3 by ann
            > stopped web
            web stopped on a: asked by ann
            plan 3: start web on b: asked by ann
            > quick web
            web runs on b
        "#]],
    );
}

#[test]
fn a_frozen_service_is_reloaded_when_it_is_thawed() {
    check(
        "nodes a b
        service web tune=1
        operator freeze web
        service web tune=2
        operator thaw web",
        expect![[r#"
            > service web tune=1
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > operator freeze web
            ann: freeze web
              web: frozen on request
            > service web tune=2
            configuration version 3 by ann
            > operator thaw web
            ann: thaw web
            plan 2: reload web on a: configuration version 3
            web is reloaded on a
        "#]],
    );
}

#[test]
fn each_copy_is_reloaded_and_keeps_its_role() {
    check(
        "nodes a b
        attribute a promotion-score:db=1
        service db copies=2 promoted=1 tune=1
        service db copies=2 promoted=1 tune=2",
        expect![[r#"
            > attribute a promotion-score:db=1
            configuration version 2 by ann
            > service db copies=2 promoted=1 tune=1
            configuration version 3 by ann
            plan 1: start db:0 on a: it should run and runs nowhere
            plan 1: start db:1 on b: it should run and runs nowhere
            db:0 runs on a
            db:1 runs on b
            plan 2: promote db:0 on a: a copy should be promoted, and none is
            db:0 is promoted on a
            > service db copies=2 promoted=1 tune=2
            configuration version 4 by ann
            plan 3: reload db:0 on a: configuration version 4
            plan 3: reload db:1 on b: configuration version 4
            db:0 is reloaded on a
            db:1 is reloaded on b
        "#]],
    );
}

#[test]
fn what_cannot_read_its_own_configuration_again_refuses_the_order() {
    check(
        "nodes a b
        service web tune=1
        reload web",
        expect![[r#"
            > service web tune=1
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > reload web
            rejected: nothing of web can be reloaded
        "#]],
    );
}

#[test]
fn a_node_in_standby_reloads_nothing() {
    check(
        "nodes a b
        service web tune=1 only prefer=a
        slow web
        operator standby a
        service web tune=2 only prefer=a
        quick web
        operator online a",
        expect![[r#"
            > service web tune=1 only prefer=a
            configuration version 2 by ann
            plan 1: start web on a: it should run and runs nowhere
            web runs on a
            > slow web
            > operator standby a
            ann: standby a
            plan 2: stop web on a: a is on standby
              web: waits for the stop on a
            > service web tune=2 only prefer=a
            configuration version 3 by ann
            > quick web
            web stopped on a: a is on standby
              web: no node may run it: a: on standby; b: not allowed by the configuration
            > operator online a
            ann: online a
            plan 3: start web on a: a is on standby
            web runs on a
        "#]],
    );
}
