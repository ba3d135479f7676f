//! What must be together or apart.

use expect_test::expect;

use super::story;

#[test]
fn who_must_be_apart_and_has_one_place_left_is_not_heeded() {
    story(
        "nodes a b
         single r
         single s
         location r a=1
         location s b=never
         colocation s with r never",
        &expect![[r#"
            1. start r on a (wanted)
            then: r on a
            wait s: no node may run it
        "#]],
    );
}

#[test]
fn what_follows_a_member_goes_where_the_group_is() {
    story(
        "nodes a b
         group g
         single m0 in g
         single m1 in g
         single s
         location g b=10
         colocation s with m0 always",
        &expect![[r#"
            1. start m0 on b (wanted)
            2. start m1 on b (wanted) after 1
            3. start s on b (wanted)
            then: m0 on b, m1 on b, s on b
        "#]],
    );
}

#[test]
fn a_member_that_follows_something_takes_the_group_along() {
    story(
        "nodes a b
         single r
         group g
         single m0 in g
         single m1 in g
         location r b=10
         colocation m1 with r always",
        &expect![[r#"
            1. start r on b (wanted)
            2. start m0 on b (wanted)
            3. start m1 on b (wanted) after 2
            then: m0 on b, m1 on b, r on b
        "#]],
    );
}

#[test]
fn a_later_member_that_cannot_be_with_something_leaves_the_first_running() {
    story(
        "nodes a b
         single r
         group g
         single m0 in g
         single m1 in g
         location r b=10
         location m0 b=never
         colocation m1 with r always",
        &expect![[r#"
            1. start r on b (wanted)
            2. start m0 on a (wanted)
            then: m0 on a, r on b
            wait m1: no node may run it
        "#]],
    );
}

#[test]
fn what_is_with_a_group_by_wish_follows_its_first_member() {
    story(
        "nodes a b
         group g
         single m0 in g
         single m1 in g target=stopped
         single s
         location g b=10
         colocation s with g 100",
        &expect![[r#"
            1. start m0 on b (wanted)
            2. start s on b (wanted)
            then: m0 on b, s on b
        "#]],
    );
}

#[test]
fn what_is_with_a_torn_group_by_wish_goes_where_most_of_it_is() {
    story(
        "nodes a b c
         group g apart
         single m0 in g
         single m1 in g
         single m2 in g
         single s
         location m0 b=10
         location m1 c=10
         location m2 c=10
         colocation s with g 100",
        &expect![[r#"
            1. start m0 on b (wanted)
            2. start m1 on c (wanted) after 1
            3. start m2 on c (wanted) after 1 2
            4. start s on c (wanted)
            then: m0 on b, m1 on c, m2 on c, s on c
        "#]],
    );
}

#[test]
fn what_is_apart_from_a_clone_keeps_away_from_each_instance() {
    story(
        "nodes a b c
         clone k max=2
         group h in k
         single m0 in h
         single m1 in h
         single s
         colocation s with k never",
        &expect![[r#"
            1. start m0 on a (wanted)
            2. start m1 on a (wanted) after 1
            3. start m0#1 on b (wanted)
            4. start m1#1 on b (wanted) after 3
            5. start s on c (wanted)
            then: m0 on a, m0#1 on b, m1 on a, m1#1 on b, s on c
        "#]],
    );
}

#[test]
fn nobody_relies_on_an_instance_that_waits_for_a_person() {
    story(
        "nodes a b
         clone k
         single m in k
         single s
         colocation s with k always
         found m on a #0 failed=stop/block
         found m on b #1",
        &expect![[r#"
            1. start s on b (wanted)
            then: m on a, m#1 on b, s on b
            wait m: blocked
        "#]],
    );
}

#[test]
fn what_is_apart_keeps_away_from_every_place_where_something_stays() {
    story(
        "nodes a b c
         single r unmanaged
         single s
         colocation s with r never
         found r on a
         found r on b",
        &expect![[r#"
            1. start s on c (wanted)
            then: r on a, r on b, s on c
            meant: r on a, s on c
        "#]],
    );
}

#[test]
fn a_clone_follows_what_it_must_be_with() {
    story(
        "nodes a b
         single r
         clone k
         single m in k
         location r b=10
         colocation k with r always",
        &expect![[r#"
            1. start r on b (wanted)
            2. start m on b (wanted)
            then: m on b, r on b
            wait m#1: no node may run it
        "#]],
    );
}

#[test]
fn what_must_be_with_a_leader_waits_for_one() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         single s
         colocation s with k always with-role=promoted",
        &expect![[r#"
            1. start m on a (wanted)
            2. start m#1 on b (wanted)
            then: m on a follows, m#1 on b follows
            wait s: no node may run it
        "#]],
    );
}

#[test]
fn what_is_with_a_leader_moves_with_the_role() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         single s
         colocation s with k always with-role=promoted
         found m on a #0 promoted
         found m on b #1 unpromoted
         found s on a
         promotes m on b 50
         promotes m on a 5",
        &expect![[r#"
            1. demote m on a (role)
            2. promote m#1 on b (role) after 1
            3. stop s on a (moves)
            4. start s on b (moves) after 3
            then: m on a follows, m#1 on b leads, s on b
        "#]],
    );
}

#[test]
fn what_must_be_apart_swaps_one_after_the_other() {
    story(
        "nodes a b
         single r
         single s
         location r b=10
         location s a=10
         colocation s with r never
         found r on a
         found s on b",
        &expect![[r#"
            1. stop r on a (moves)
            2. start r on b (moves) after 1 3
            3. stop s on b (moves)
            4. start s on a (moves) after 1 3
            then: r on b, s on a
        "#]],
    );
}

#[test]
fn what_follows_a_member_and_is_placed_before_it_places_the_group() {
    story(
        "nodes a b
         single s priority=5
         group g
         single m0 in g
         single m1 in g
         location g b=10
         colocation s with m1 always",
        &expect![[r#"
            1. start s on b (wanted)
            2. start m0 on b (wanted)
            3. start m1 on b (wanted) after 2
            then: m0 on b, m1 on b, s on b
        "#]],
    );
}

#[test]
fn what_follows_an_instance_and_is_placed_before_it_places_the_clone() {
    story(
        "nodes a b
         single s priority=5
         clone k max=1
         single m in k
         location k b=10
         colocation s with k always",
        &expect![[r#"
            1. start s on b (wanted)
            2. start m on b (wanted)
            then: m on b, s on b
        "#]],
    );
}

#[test]
fn what_must_be_with_a_group_that_is_not_whole_waits() {
    story(
        "nodes a
         group g
         single m0 in g
         single m1 in g failures-max=1
         single s
         colocation s with g always
         failures m1 on a 1",
        &expect![[r#"
            1. start m0 on a (wanted)
            then: m0 on a
            wait m1: no node may run it
            wait s: no node may run it
        "#]],
    );
}

#[test]
fn what_must_be_with_a_clone_needs_only_the_instance_there() {
    story(
        "nodes a b
         single p target=stopped
         clone k
         single m in k
         single s
         order p then k
         colocation s with k always",
        &expect![[r#"
            then: nothing
            meant: m on a, m#1 on b, s on a
            wait m: needs p
            wait m#1: needs p
            wait s: needs m
        "#]],
    );
}

#[test]
fn what_is_together_where_nobody_can_reach_it_stays_there() {
    story(
        "nodes a
         node b pending
         single r
         single s
         colocation s with r always
         found r on b
         found s on b",
        &expect![[r#"
            then: r on b, s on b
            meant: r on a, s on a
            wait r: b is not proven to be off
            wait s: b is not proven to be off
        "#]],
    );
}

#[test]
fn what_must_be_with_something_on_another_rack_does_not_wait_for_it() {
    story(
        "node a rack=x
         node b rack=x
         single p target=stopped
         single r
         single s
         order p then r
         colocation s with r always attribute=rack",
        &expect![[r#"
            1. start s on b (wanted)
            then: s on b
            meant: r on a, s on b
            wait r: needs p
        "#]],
    );
}

#[test]
fn a_follower_of_followers_may_be_anywhere() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         single s
         promotes m on a 5
         colocation s with k always with-role=unpromoted",
        &expect![[r#"
            1. start m on a (wanted)
            2. promote m on a (role) after 1
            3. start m#1 on b (wanted)
            4. start s on b (wanted)
            then: m on a leads, m#1 on b follows, s on b
        "#]],
    );
}

#[test]
fn a_leader_must_be_with_what_it_leads_for() {
    story(
        "nodes a b
         single r target=stopped
         clone k promoted=1
         single m in k
         promotes m on a 5
         colocation k with r always role=promoted",
        &expect![[r#"
            1. start m on a (wanted)
            2. start m#1 on b (wanted)
            then: m on a follows, m#1 on b follows
        "#]],
    );
}

#[test]
fn what_would_rather_not_be_with_a_group_keeps_away_from_all_of_it() {
    story(
        "nodes a b c
         group g apart
         single m0 in g
         single m1 in g
         single s
         location m0 a=10
         location m1 b=10
         colocation s with g -10",
        &expect![[r#"
            1. start m0 on a (wanted)
            2. start m1 on b (wanted) after 1
            3. start s on c (wanted)
            then: m0 on a, m1 on b, s on c
        "#]],
    );
}

#[test]
fn what_must_be_apart_by_rack_waits_until_that_is_gone_from_the_rack() {
    story(
        "node a rack=x
         node b rack=x pending
         node c rack=y
         single r
         single s
         location r c=10
         colocation s with r never attribute=rack
         location s a=5
         found r on b",
        &expect![[r#"
            then: r on b
            meant: r on c, s on a
            wait r: b is not proven to be off
            wait s: needs r
        "#]],
    );
}

#[test]
fn what_must_be_apart_by_rack_changes_places_one_after_the_other() {
    story(
        "node a rack=x
         node b rack=y
         node c rack=y
         single r
         single s
         location r c=10
         location s a=10
         colocation s with r never attribute=rack
         found r on a
         found s on b",
        &expect![[r#"
            1. stop r on a (moves)
            2. start r on c (moves) after 1 3
            3. stop s on b (moves)
            4. start s on a (moves) after 1 3
            then: r on c, s on a
        "#]],
    );
}

#[test]
fn what_keeps_away_from_a_leader_does_not_wait_for_a_follower() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         single s
         promotes m on a 5
         colocation s with k never with-role=promoted
         found m on a #0 promoted
         found m on b #1 unpromoted failed=watch/restart",
        &expect![[r#"
            1. stop m#1 on b (failed)
            2. start m#1 on b (failed) after 1
            3. start s on b (wanted)
            then: m on a leads, m#1 on b follows, s on b
        "#]],
    );
}

#[test]
fn what_cannot_go_elsewhere_draws_what_it_wishes_to_be_with() {
    story(
        "nodes a b
         single r
         single s unmanaged
         colocation s with r 1000
         found s on b",
        &expect![[r#"
            1. start r on b (wanted)
            then: r on b, s on b
        "#]],
    );
}

#[test]
fn what_is_blocked_draws_what_it_wishes_to_be_with() {
    story(
        "nodes a b
         single r
         single s
         colocation s with r 1000
         found s on b failed=stop/block",
        &expect![[r#"
            1. start r on b (wanted)
            then: r on b, s on b
            wait s: blocked
        "#]],
    );
}
