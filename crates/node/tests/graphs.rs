//! Stories in which some nodes cannot speak to each other, and all are reached over others.

mod cluster;

use expect_test::{Expect, expect};

fn check(script: &str, expected: Expect) {
    expected.assert_eq(&cluster::story::play(script));
}

#[test]
fn a_follower_that_reaches_its_leader_over_another_goes_on_serving() {
    check(
        "nodes a b c
        service web prefer=c
        quiet 5s
        cut a and c
        run 30s
        stop web
        run 1s",
        expect![[r#"
            > quiet 5s
            > cut a and c
            > run 30s
            > stop web
            > run 1s
               35.00s  ann: stop web
               35.00s  plan 23: stop web on c: asked by ann
               35.03s  web stopped on c: asked by ann
               35.03s    web/program stops on c
        "#]],
    );
    check(
        "nodes a b c
        service web prefer=c
        quiet 5s
        cut c and b
        run 30s
        stop web
        run 1s",
        expect![[r#"
            > quiet 5s
            > cut c and b
            > run 30s
            > stop web
            > run 1s
               35.00s  ann: stop web
               35.00s  plan 23: stop web on c: asked by ann
               35.03s  web stopped on c: asked by ann
               35.03s    web/program stops on c
        "#]],
    );
}

#[test]
fn one_direction_down_between_two_of_three_loses_nobody() {
    check(
        "nodes a b c
        service web prefer=c
        quiet 5s
        cut a to c
        run 30s
        stop web
        run 1s",
        expect![[r#"
            > quiet 5s
            > cut a to c
            > run 30s
            > stop web
            > run 1s
               35.00s  ann: stop web
               35.00s  plan 23: stop web on c: asked by ann
               35.03s  web stopped on c: asked by ann
               35.03s    web/program stops on c
        "#]],
    );
}

#[test]
fn a_chain_of_five_decides_and_serves() {
    check(
        "nodes a b c d e
        service web prefer=e
        quiet 5s
        cut a and c
        cut a and d
        cut a and e
        cut b and d
        cut b and e
        cut c and e
        run 30s
        stop web
        run 1s",
        expect![[r#"
            > quiet 5s
            > cut a and c
            > cut a and d
            > cut a and e
            > cut b and d
            > cut b and e
            > cut c and e
            > run 30s
            > stop web
            > run 1s
               35.00s  ann: stop web
               35.00s  plan 37: stop web on c: asked by ann
               35.03s  web stopped on c: asked by ann
               35.03s    web/program stops on c
        "#]],
    );
}

#[test]
fn of_five_that_are_split_the_three_go_on() {
    check(
        "nodes a b c d e
        service web prefer=e
        quiet 5s
        cut a and d
        cut a and e
        cut b and d
        cut b and e
        cut c and d
        cut c and e
        run 10s",
        expect![[r#"
            > quiet 5s
            > cut a and d
            > cut a and e
            > cut b and d
            > cut b and e
            > cut c and d
            > cut c and e
            > run 10s
                5.78s  e is lost: e silent for 800 ms, agreed by a and b and c
                5.78s  d is lost: d silent for 800 ms, agreed by a and b and c
                5.78s  fence 39: a fences d: d silent for 800 ms, agreed by a and b and c
                5.78s  fence 40: a fences e: e silent for 800 ms, agreed by a and b and c
                5.99s  fence 39: d confirmed off by power-d
                5.99s  d is down
                5.99s  fence 40: e confirmed off by power-e
                5.99s  e is down
                5.99s    d has no power
                5.99s    e has no power
        "#]],
    );
}

#[test]
fn a_node_that_is_heard_and_cannot_be_answered_is_fenced() {
    check(
        "nodes a b c
        service web prefer=c
        quiet 5s
        cut a to c
        cut b to c
        run 10s",
        expect![[r#"
            > quiet 5s
            > cut a to c
            > cut b to c
            > run 10s
                6.08s  c is lost: c heard, but without an answer for 800 ms, agreed by a and b
                6.09s  fence 25: a fences c: c heard, but without an answer for 800 ms, agreed by a and b
                6.29s  fence 25: c confirmed off by power-c
                6.29s  web stopped on c: c is proven off
                6.29s  c is down
                6.29s    c has no power
                6.29s  plan 26: start web on a: c is proven off
                6.29s    web/program starts on a
                6.34s  web runs on a
        "#]],
    );
}
