//! Wishes to be together or apart, and how they are weighed.

use expect_test::expect;

use super::story;

#[test]
fn a_dislike_of_who_follows_counts_too() {
    story(
        "nodes a b
         single r
         single s
         location s a=-50
         colocation s with r 1000",
        &expect![[r#"
            1. start r on b (wanted)
            2. start s on b (wanted)
            then: r on b, s on b
        "#]],
    );
}

#[test]
fn a_dislike_of_who_would_rather_be_apart_says_nothing() {
    story(
        "nodes a b c
         single r
         single s
         location s a=-50
         location r b=1
         colocation s with r -1000",
        &expect![[r#"
            1. start r on b (wanted)
            2. start s on c (wanted)
            then: r on b, s on c
        "#]],
    );
}

#[test]
fn who_would_rather_be_apart_and_dislikes_all_but_one_place_is_heeded() {
    story(
        "nodes a b
         single r
         single s
         location s a=-50
         location r b=1
         colocation s with r -1000",
        &expect![[r#"
            1. start r on a (wanted)
            2. start s on b (wanted)
            then: r on a, s on b
        "#]],
    );
}

#[test]
fn a_small_wish_to_be_apart_counts_one_point() {
    story(
        "nodes a b
         single r
         single s
         location s a=3
         colocation s with r -100",
        &expect![[r#"
            1. start r on b (wanted)
            2. start s on a (wanted)
            then: r on b, s on a
        "#]],
    );
}

#[test]
fn wishes_are_taken_in_their_measure() {
    story(
        "nodes a b
         single r
         single s
         location r a=40
         location s b=100
         colocation s with r 500000",
        &expect![[r#"
            1. start r on b (wanted)
            2. start s on b (wanted)
            then: r on b, s on b
        "#]],
    );
}

#[test]
fn wishes_in_a_larger_measure_win() {
    story(
        "nodes a b
         single r
         single s
         location r a=40
         location s b=100
         colocation s with r 300000",
        &expect![[r#"
            1. start r on a (wanted)
            2. start s on a (wanted)
            then: r on a, s on a
        "#]],
    );
}

#[test]
fn who_would_rather_be_apart_and_has_one_place_left_is_not_heeded_by_rack() {
    story(
        "node a rack=x
         node b rack=y
         single r
         single s
         location r a=10
         location s b=never
         colocation s with r -1000 attribute=rack",
        &expect![[r#"
            1. start r on a (wanted)
            2. start s on a (wanted)
            then: r on a, s on a
        "#]],
    );
}

#[test]
fn wishes_that_leave_no_node_are_left_out() {
    story(
        "nodes a b
         single r
         single s
         location s a=never b=never
         location r b=1
         colocation s with r always",
        &expect![[r#"
            1. start r on b (wanted)
            then: r on b
            wait s: no node may run it
        "#]],
    );
}

#[test]
fn wishes_by_rack_count_for_each_node_of_it() {
    story(
        "node a rack=x
         node b rack=y
         node c rack=y
         single r
         single s
         location s c=100
         colocation s with r 1000000 attribute=rack",
        &expect![[r#"
            1. start r on b (wanted)
            2. start s on c (wanted)
            then: r on b, s on c
        "#]],
    );
}

#[test]
fn a_wish_of_a_rack_is_that_for_its_best_node() {
    story(
        "node a rack=x
         node b rack=y
         node c rack=y
         single r
         single s
         location r a=30
         location s b=never c=100
         colocation s with r 900000 attribute=rack",
        &expect![[r#"
            1. start r on b (wanted)
            2. start s on c (wanted)
            then: r on b, s on c
        "#]],
    );
}

#[test]
fn each_member_of_a_torn_group_has_its_say() {
    story(
        "nodes a b c
         single r
         group g apart
         single m0 in g
         single m1 in g
         location m0 b=100
         location m1 c=300
         colocation g with r 1000",
        &expect![[r#"
            1. start r on b (wanted)
            2. start m0 on b (wanted)
            3. start m1 on b (wanted) after 2
            then: m0 on b, m1 on b, r on b
        "#]],
    );
}

#[test]
fn only_the_first_member_of_a_group_has_its_say() {
    story(
        "nodes a b c
         single r
         group g
         single m0 in g
         single m1 in g
         location m0 b=100
         location m1 c=300
         colocation g with r 1000",
        &expect![[r#"
            1. start r on b (wanted)
            2. start m0 on b (wanted)
            3. start m1 on b (wanted) after 2
            then: m0 on b, m1 on b, r on b
        "#]],
    );
}

#[test]
fn the_more_important_of_two_that_are_followed_is_heard_first() {
    story(
        "nodes a b
         single p
         single r priority=5
         single s
         location p a=10
         location r b=10
         colocation s with p 100
         colocation s with r 100",
        &expect![[r#"
            1. start p on a (wanted)
            2. start r on b (wanted)
            3. start s on a (wanted)
            then: p on a, r on b, s on a
        "#]],
    );
}

#[test]
fn a_wish_that_leaves_no_node_open_is_left_out() {
    story(
        "nodes a
         single r
         single s
         colocation s with r -100",
        &expect![[r#"
            1. start r on a (wanted)
            2. start s on a (wanted)
            then: r on a, s on a
        "#]],
    );
}

#[test]
fn of_two_rules_between_the_same_two_both_count() {
    story(
        "nodes a b c
         single r
         single s
         location r a=10
         location s b=150
         colocation s with r 100
         colocation s with r 100",
        &expect![[r#"
            1. start r on a (wanted)
            2. start s on a (wanted)
            then: r on a, s on a
        "#]],
    );
}

#[test]
fn a_clone_goes_by_its_own_points_where_a_follower_dislikes_its_best_node() {
    story(
        "nodes a b
         clone k max=1
         single m in k
         single s
         location k a=100 b=50
         location s a=-60
         colocation s with k always",
        &expect![[r#"
            1. start m on a (wanted)
            then: m on a
            wait s: no node may run it
        "#]],
    );
}

#[test]
fn a_clone_hears_what_its_followers_like() {
    story(
        "nodes a b
         clone k max=1
         single m in k
         single s
         location k a=100 b=50
         location s b=60
         colocation s with k always",
        &expect![[r#"
            1. start m on b (wanted)
            2. start s on b (wanted)
            then: m on b, s on b
        "#]],
    );
}

#[test]
fn measures_of_a_chain_are_multiplied() {
    story(
        "nodes a b
         single r
         single s
         single t
         location r a=30
         location t b=100
         colocation s with r 500000
         colocation t with s 500000",
        &expect![[r#"
            1. start r on a (wanted)
            2. start s on a (wanted)
            3. start t on a (wanted)
            then: r on a, s on a, t on a
        "#]],
    );
}

#[test]
fn a_chain_in_larger_measures_decides() {
    story(
        "nodes a b
         single r
         single s
         single t
         location r a=30
         location t b=100
         colocation s with r 600000
         colocation t with s 600000",
        &expect![[r#"
            1. start r on b (wanted)
            2. start s on b (wanted)
            3. start t on b (wanted)
            then: r on b, s on b, t on b
        "#]],
    );
}
