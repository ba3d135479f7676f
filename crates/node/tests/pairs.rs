//! Stories of a pair: as soon as one node is lost, the other acts, whether it led or not.

mod cluster;

use expect_test::{Expect, expect};

fn check(lost: &str, expected: Expect) {
    let script = format!(
        "nodes a b
        service web prefer=a
        quiet 8s
        power-off {lost}
        run 4s"
    );
    expected.assert_eq(&cluster::story::play(&script));
}

#[test]
fn the_survivor_of_a_pair_that_led_acts_when_the_other_is_lost() {
    check(
        "follower",
        expect![[r#"
            > quiet 8s
            > power-off follower
            > run 4s
                8.74s  b is lost: b silent for 800 ms, agreed by a
                8.74s    a fences b for its half
                8.94s    b has no power
                8.94s    a goes on alone: generation 2
                8.94s  fence 19: a fences b: b silent for 800 ms, agreed by a
                8.95s  fence 19: b confirmed off by power-b
                8.95s  b is down
        "#]],
    );
}

#[test]
fn the_survivor_of_a_pair_that_did_not_lead_acts_as_soon() {
    check(
        "leader",
        expect![[r#"
            > quiet 8s
            > power-off leader
            > run 4s
                8.76s    b goes on alone: generation 2
                8.76s  a is lost: a silent for 800 ms, agreed by b
                8.77s  fence 19: b fences a: a silent for 800 ms, agreed by b
                8.77s  fence 19: a confirmed off by power-a
                8.77s  web stopped on a: a is proven off
                8.77s  a is down
                8.77s  plan 20: start web on b: a is proven off
                8.77s    web/program starts on b
                8.82s  web runs on b
        "#]],
    );
}
