//! Room: who keeps it against whom.

use expect_test::expect;

use super::story;

#[test]
fn what_comes_for_points_takes_no_room_from_its_equal() {
    story(
        "policy placement=fits
         node a capacity=cpu:2
         node b capacity=cpu:2
         single r uses=cpu:2
         single s uses=cpu:2
         location r b=5
         found r on a
         found s on b",
        &expect![[r#"
            then: r on a, s on b
        "#]],
    );
}

#[test]
fn of_two_that_do_not_fit_any_more_the_first_stays() {
    story(
        "policy placement=fits
         node a capacity=cpu:3
         node b capacity=cpu:2
         single r uses=cpu:2
         single s uses=cpu:2
         found r on a
         found s on a",
        &expect![[r#"
            1. stop s on a (moves)
            2. start s on b (moves) after 1
            then: r on a, s on b
        "#]],
    );
}

#[test]
fn what_must_go_keeps_no_room() {
    story(
        "policy placement=fits
         node a capacity=cpu:2
         single s uses=cpu:2
         single r uses=cpu:2
         location r a=-5
         order s then r
         found r on a",
        &expect![[r#"
            1. start s on a (wanted) after 2
            2. stop r on a (unwanted)
            then: s on a
            wait r: no node may run it
        "#]],
    );
}

#[test]
fn each_that_comes_makes_its_node_busier() {
    story(
        "policy placement=least-busy
         node a busy=10
         node b busy=15
         single q
         single r
         single s
         found q on a",
        &expect![[r#"
            1. start r on a (wanted)
            2. start s on b (wanted)
            then: q on a, r on a, s on b
        "#]],
    );
}

/// The whole group has its room only on the other node, from where it would be sent back.
#[test]
fn what_is_held_keeps_its_room_and_takes_no_more() {
    story(
        "policy placement=few
         node a capacity=cpu:6
         node b capacity=cpu:5
         group g
         single g1 in g uses=cpu:2
         single g2 in g uses=cpu:2
         single g3 in g uses=cpu:2
         single g4 in g
         single d sticky=100 uses=cpu:4
         single m uses=cpu:4
         location g1 b=always
         colocation m with d always
         found g1 on b
         found g2 on b
         found d on a",
        &expect![[r#"
            then: d on a, g1 on b, g2 on b
            wait g3: no node may run it
            wait g4: no node may run it
            wait m: no node may run it
        "#]],
    );
}

#[test]
fn what_must_go_to_its_company_takes_the_room_of_its_equal() {
    story(
        "policy placement=fits
         node a capacity=cpu:2
         node b capacity=cpu:4
         single q
         single r uses=cpu:2
         single s uses=cpu:2
         location q a=always b=never
         colocation r with q always
         order r then s
         found q on a
         found r on b
         found s on a",
        &expect![[r#"
            1. stop r on b (moves) after 3
            2. start r on a (moves) after 1 3
            3. stop s on a (moves)
            4. start s on b (moves) after 1 2 3
            then: q on a, r on a, s on b
        "#]],
    );
}
