//! Together, apart, before and after.

use expect_test::expect;

use super::story;

#[test]
fn what_must_be_with_something_goes_there() {
    story(
        "nodes a b
         single r
         single s
         colocation s with r always
         location r b=5",
        &expect![[r#"
            1. start r on b (wanted)
            2. start s on b (wanted)
            then: r on b, s on b
        "#]],
    );
}

#[test]
fn what_must_be_with_something_that_cannot_run_does_not_run() {
    story(
        "nodes a
         single r target=stopped
         single s
         colocation s with r always
         found s on a",
        &expect![[r#"
            1. stop s on a (unwanted)
            then: nothing
            wait s: no node may run it
        "#]],
    );
}

#[test]
fn what_must_be_apart_goes_elsewhere_or_waits() {
    story(
        "nodes a b
         single r
         single s
         single t
         colocation s with r never
         colocation t with r never
         colocation t with s never",
        &expect![[r#"
            1. start r on a (wanted)
            2. start s on b (wanted)
            then: r on a, s on b
            wait t: no node may run it
        "#]],
    );
}

#[test]
fn a_wish_to_be_together_is_outweighed() {
    story(
        "nodes a b
         single r
         single s
         colocation s with r 5
         location r a=1
         location s b=6",
        &expect![[r#"
            1. start r on a (wanted)
            2. start s on b (wanted)
            then: r on a, s on b
        "#]],
    );
}

#[test]
fn a_wish_to_be_together_decides() {
    story(
        "nodes a b
         single r
         single s
         colocation s with r 5
         location r a=1
         location s b=4",
        &expect![[r#"
            1. start r on a (wanted)
            2. start s on a (wanted)
            then: r on a, s on a
        "#]],
    );
}

#[test]
fn a_wish_to_be_apart_gives_way_where_one_node_is_left() {
    story(
        "nodes a
         single r
         single s
         colocation s with r -5",
        &expect![[r#"
            1. start r on a (wanted)
            2. start s on a (wanted)
            then: r on a, s on a
        "#]],
    );
}

#[test]
fn the_wishes_of_those_that_follow_count() {
    story(
        "nodes a b
         single r
         single s sticky=5
         colocation s with r always
         found s on b",
        &expect![[r#"
            1. start r on b (wanted)
            then: r on b, s on b
        "#]],
    );
}

#[test]
fn without_influence_they_do_not_count() {
    story(
        "nodes a b
         single r
         single s sticky=5
         colocation s with r always no-influence
         found s on b",
        &expect![[r#"
            1. start r on a (wanted)
            2. stop s on b (moves)
            3. start s on a (moves) after 2
            then: r on a, s on a
        "#]],
    );
}

#[test]
fn wishes_go_through_a_chain() {
    story(
        "nodes a b
         single r
         single s
         single t
         colocation s with r always
         colocation t with s always
         location t b=5",
        &expect![[r#"
            1. start r on b (wanted)
            2. start s on b (wanted)
            3. start t on b (wanted)
            then: r on b, s on b, t on b
        "#]],
    );
}

#[test]
fn a_chain_in_a_circle_is_placed_once() {
    story(
        "nodes a b
         single r
         single s
         colocation s with r always
         colocation r with s always
         location s b=5",
        &expect![[r#"
            1. start r on b (wanted)
            2. start s on b (wanted)
            then: r on b, s on b
        "#]],
    );
}

#[test]
fn nodes_of_one_rack_are_one_place() {
    story(
        "node a rack=1
         node b rack=2
         node c rack=2
         single r
         single s
         colocation s with r always attribute=rack
         location r b=5
         location s a=3 c=2",
        &expect![[r#"
            1. start r on b (wanted)
            2. start s on c (wanted)
            then: r on b, s on c
        "#]],
    );
}

#[test]
fn what_is_apart_by_rack_goes_to_another_rack() {
    story(
        "node a rack=1
         node b rack=1
         node c rack=2
         single r
         single s
         colocation s with r never attribute=rack
         location r a=5
         location s b=5",
        &expect![[r#"
            1. start r on a (wanted)
            2. start s on c (wanted)
            then: r on a, s on c
        "#]],
    );
}

#[test]
fn a_group_is_with_something_as_a_whole() {
    story(
        "nodes a b
         single r
         group g
         single m in g
         single n in g
         colocation g with r always
         location r b=5",
        &expect![[r#"
            1. start r on b (wanted)
            2. start m on b (wanted)
            3. start n on b (wanted) after 2
            then: m on b, n on b, r on b
        "#]],
    );
}

#[test]
fn what_is_with_a_group_needs_all_of_it() {
    story(
        "nodes a
         group g
         single m in g
         single n in g target=stopped
         single r
         colocation r with g always",
        &expect![[r#"
            1. start m on a (wanted)
            then: m on a
            wait r: no node may run it
        "#]],
    );
}

#[test]
fn what_is_apart_from_a_group_keeps_away_from_each_member() {
    story(
        "nodes a b
         group g apart
         single m in g
         single n in g
         single r
         colocation r with g never
         location m a=5
         location n a=5",
        &expect![[r#"
            1. start m on a (wanted)
            2. start n on a (wanted) after 1
            3. start r on b (wanted)
            then: m on a, n on a, r on b
        "#]],
    );
}

#[test]
fn what_is_with_a_clone_goes_where_an_instance_is() {
    story(
        "nodes a b c
         clone k max=1
         single m in k
         single r
         colocation r with k always
         location k c=5",
        &expect![[r#"
            1. start m on c (wanted)
            2. start r on c (wanted)
            then: m on c, r on c
        "#]],
    );
}

#[test]
fn what_comes_waits_for_what_must_be_apart_to_go() {
    story(
        "nodes a b
         single r
         single s
         colocation s with r never
         location r b=5
         location s a=5
         found r on a",
        &expect![[r#"
            1. stop r on a (moves)
            2. start r on b (moves) after 1
            3. start s on a (wanted) after 1
            then: r on b, s on a
        "#]],
    );
}

#[test]
fn starts_follow_an_order_and_stops_reverse_it() {
    story(
        "nodes a
         single r
         single s
         single t target=stopped
         single u target=stopped
         order r then s
         order t then u
         found t on a
         found u on a",
        &expect![[r#"
            1. start r on a (wanted)
            2. start s on a (wanted) after 1
            3. stop t on a (unwanted) after 4
            4. stop u on a (unwanted)
            then: r on a, s on a
        "#]],
    );
}

#[test]
fn what_needs_something_stopped_stops() {
    story(
        "nodes a
         single r target=stopped
         single s
         order r then s
         found r on a
         found s on a",
        &expect![[r#"
            1. stop r on a (unwanted) after 2
            2. stop s on a (for r)
            then: nothing
            meant: s on a
            wait s: needs r
        "#]],
    );
}

#[test]
fn what_needs_something_restarted_restarts() {
    story(
        "nodes a
         single r
         single s
         order r then s
         found r on a failed=watch/restart
         found s on a",
        &expect![[r#"
            1. stop r on a (failed) after 3
            2. start r on a (failed) after 1
            3. stop s on a (for r)
            4. start s on a (for r) after 2 3
            then: r on a, s on a
        "#]],
    );
}

#[test]
fn an_optional_order_counts_only_when_both_are_done() {
    story(
        "nodes a
         single r
         single s
         single t target=stopped
         single u
         order r then s optional
         order t then u optional",
        &expect![[r#"
            1. start r on a (wanted)
            2. start s on a (wanted) after 1
            3. start u on a (wanted)
            then: r on a, s on a, u on a
        "#]],
    );
}

#[test]
fn an_optional_order_restarts_nobody() {
    story(
        "nodes a
         single r
         single s
         order r then s optional
         found r on a failed=watch/restart
         found s on a",
        &expect![[r#"
            1. stop r on a (failed)
            2. start r on a (failed) after 1
            then: r on a, s on a
        "#]],
    );
}

#[test]
fn a_one_way_order_leaves_what_runs() {
    story(
        "nodes a
         single r target=stopped
         single s
         single t
         order r then s one-way
         order r then t one-way
         found r on a
         found s on a",
        &expect![[r#"
            1. stop r on a (unwanted)
            then: s on a
            meant: s on a, t on a
            wait t: needs r
        "#]],
    );
}

#[test]
fn serialised_starts_come_one_after_the_other() {
    story(
        "nodes a b
         single r
         single s
         order s then r serialize",
        &expect![[r#"
            1. start r on a (wanted) after 2
            2. start s on b (wanted)
            then: r on a, s on b
        "#]],
    );
}

#[test]
fn a_start_waits_for_a_stop() {
    story(
        "nodes a
         single r target=stopped
         single s
         order r.stop then s one-way
         found r on a",
        &expect![[r#"
            1. stop r on a (unwanted)
            2. start s on a (wanted) after 1
            then: s on a
        "#]],
    );
}

#[test]
fn an_order_of_stops_holds_for_starts_the_other_way_round() {
    story(
        "nodes a
         single r
         single s
         order s.stop then r.stop",
        &expect![[r#"
            1. start r on a (wanted)
            2. start s on a (wanted) after 1
            then: r on a, s on a
        "#]],
    );
}

#[test]
fn a_start_waits_for_all_of_a_clone() {
    story(
        "nodes a b
         clone k
         single m in k
         single r
         order k then r",
        &expect![[r#"
            1. start m on a (wanted)
            2. start m#1 on b (wanted)
            3. start r on a (wanted) after 1 2
            then: m on a, m#1 on b, r on a
        "#]],
    );
}

#[test]
fn a_start_waits_for_enough_of_a_clone() {
    story(
        "nodes a b
         clone k enough=2
         single m in k
         single r
         order k then r
         location k b=never",
        &expect![[r#"
            1. start m on a (wanted)
            then: m on a
            meant: m on a, r on b
            wait m#1: no node may run it
            wait r: needs m
        "#]],
    );
}

#[test]
fn what_needs_a_clone_survives_the_loss_of_an_instance() {
    story(
        "nodes a b
         clone k
         single m in k
         single r
         order k then r
         location r a=5
         found m on a #0
         found m on b #1 failed=watch/restart
         found r on a",
        &expect![[r#"
            1. stop m#1 on b (failed)
            2. start m#1 on b (failed) after 1
            then: m on a, m#1 on b, r on a
        "#]],
    );
}

#[test]
fn what_needs_a_clone_restarts_with_the_instance_on_its_node() {
    story(
        "nodes a b
         clone k
         single m in k
         single r
         order k then r
         location r a=5
         found m on a #0 failed=watch/restart
         found m on b #1
         found r on a",
        &expect![[r#"
            1. stop m on a (failed) after 3
            2. start m on a (failed) after 1
            3. stop r on a (for m)
            4. start r on a (for m) after 2 3
            then: m on a, m#1 on b, r on a
        "#]],
    );
}

#[test]
fn an_interleaved_clone_needs_only_its_neighbour() {
    story(
        "nodes a b
         clone j
         single l in j
         clone k interleave
         single m in k
         order j then k",
        &expect![[r#"
            1. start l on a (wanted)
            2. start l#1 on b (wanted)
            3. start m on a (wanted) after 1
            4. start m#1 on b (wanted) after 2
            then: l on a, l#1 on b, m on a, m#1 on b
        "#]],
    );
}

#[test]
fn a_clone_that_is_not_interleaved_needs_all() {
    story(
        "nodes a b
         clone j
         single l in j
         clone k
         single m in k
         order j then k",
        &expect![[r#"
            1. start l on a (wanted)
            2. start l#1 on b (wanted)
            3. start m on a (wanted) after 1 2
            4. start m#1 on b (wanted) after 1 2
            then: l on a, l#1 on b, m on a, m#1 on b
        "#]],
    );
}

#[test]
fn an_interleaved_instance_without_a_neighbour_waits() {
    story(
        "nodes a b
         clone j
         single l in j
         clone k interleave
         single m in k
         order j then k
         location j b=never",
        &expect![[r#"
            1. start l on a (wanted)
            2. start m#1 on a (wanted) after 1
            then: l on a, m#1 on a
            meant: l on a, m on b, m#1 on a
            wait l#1: no node may run it
            wait m: blocked
        "#]],
    );
}

#[test]
fn an_interleaved_clone_stops_with_its_neighbour() {
    story(
        "nodes a b
         clone j
         single l in j
         clone k interleave
         single m in k
         order j then k
         location j b=never
         found l on a #0
         found l on b #1
         found m on a #0
         found m on b #1",
        &expect![[r#"
            1. stop l#1 on b (unwanted) after 2
            2. stop m#1 on b (for l)
            then: l on a, m on a
            meant: l on a, m on a, m#1 on b
            wait l#1: no node may run it
            wait m#1: blocked
        "#]],
    );
}

#[test]
fn some_before_is_met_by_one_of_several() {
    story(
        "nodes a
         single r target=stopped
         single s
         single t
         some-before 1 of r s then t",
        &expect![[r#"
            1. start s on a (wanted)
            2. start t on a (wanted) after 1
            then: s on a, t on a
        "#]],
    );
}

#[test]
fn some_before_is_not_met_by_too_few() {
    story(
        "nodes a
         single r target=stopped
         single s
         single t
         some-before 2 of r s then t
         found t on a",
        &expect![[r#"
            1. start s on a (wanted)
            2. stop t on a (for r)
            then: s on a
            meant: s on a, t on a
            wait t: needs r
        "#]],
    );
}

#[test]
fn an_order_in_a_circle_starts_nothing_by_itself() {
    story(
        "nodes a
         single r
         single s
         order r then s
         order s.start then r.stop optional",
        &expect![[r#"
            1. start r on a (wanted)
            2. start s on a (wanted) after 1
            then: r on a, s on a
        "#]],
    );
}

#[test]
fn a_group_after_a_group() {
    story(
        "nodes a
         group g
         single m in g
         single n in g
         group h
         single o in h
         single p in h
         order g then h",
        &expect![[r#"
            1. start m on a (wanted)
            2. start n on a (wanted) after 1
            3. start o on a (wanted) after 1 2
            4. start p on a (wanted) after 1 2 3
            then: m on a, n on a, o on a, p on a
        "#]],
    );
}

#[test]
fn what_is_blocked_holds_up_what_it_needs() {
    story(
        "nodes a b
         single r
         single s
         order r then s
         location r b=5
         found r on a
         found s on a failed=stop/block",
        &expect![[r#"
            then: r on a, s on a
            meant: r on b, s on a
            wait r: needs s
            wait s: blocked
        "#]],
    );
}

#[test]
fn what_must_be_with_something_that_waits_waits_too() {
    story(
        "no-quorum
         nodes a
         single r
         single s requires=nothing
         single t requires=nothing
         colocation s with r always",
        &expect![[r#"
            1. start t on a (wanted)
            then: t on a
            meant: r on a, s on a, t on a
            wait r: no quorum
            wait s: needs r
        "#]],
    );
}

#[test]
fn who_would_rather_be_apart_and_has_one_place_left_is_heeded() {
    story(
        "nodes a b
         single r
         single s
         colocation s with r -5
         location r b=1
         location s a=never",
        &expect![[r#"
            1. start r on a (wanted)
            2. start s on b (wanted)
            then: r on a, s on b
        "#]],
    );
}

#[test]
fn who_would_rather_be_apart_and_has_two_places_is_not_heeded() {
    story(
        "nodes a b
         single r
         single s
         colocation s with r -5
         location r b=1",
        &expect![[r#"
            1. start r on b (wanted)
            2. start s on a (wanted)
            then: r on b, s on a
        "#]],
    );
}

#[test]
fn who_is_apart_from_something_wishes_it_away_from_where_it_likes_to_be() {
    story(
        "nodes a b
         single r
         single s sticky=10
         colocation s with r never
         found s on a",
        &expect![[r#"
            1. start r on b (wanted)
            then: r on b, s on a
        "#]],
    );
}

#[test]
fn a_clone_keeps_a_node_that_one_of_its_followers_dislikes() {
    story(
        "nodes a b
         clone k
         single m in k
         single r
         colocation r with k always
         location r a=-5 b=5",
        &expect![[r#"
            1. start m on b (wanted)
            2. start m#1 on a (wanted)
            3. start r on b (wanted)
            then: m on b, m#1 on a, r on b
        "#]],
    );
}

#[test]
fn a_clone_keeps_a_node_that_it_likes_less_than_its_follower_dislikes_it() {
    story(
        "nodes a b
         clone k
         single m in k
         single r
         colocation r with k -5
         location k a=3 b=3
         location r a=1000000",
        &expect![[r#"
            1. start m on b (wanted)
            2. start m#1 on a (wanted)
            3. start r on a (wanted)
            then: m on b, m#1 on a, r on a
        "#]],
    );
}
