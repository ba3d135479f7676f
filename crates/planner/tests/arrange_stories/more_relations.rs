//! More of relations: wishes in their measure, orders of every kind.

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
fn an_order_of_a_demotion_and_a_stop_is_that_of_a_start_and_a_promotion() {
    story(
        "nodes a
         single r
         clone k promoted=1
         single m in k
         promotes m on a 5
         order k.demote then r.stop",
        &expect![[r#"
            1. start r on a (wanted)
            2. start m on a (wanted)
            3. promote m on a (role) after 1 2
            then: m on a leads, r on a
        "#]],
    );
}

#[test]
fn an_order_of_a_demotion_holds_when_all_stops() {
    story(
        "policy stop-all
         nodes a
         single r
         clone k promoted=1
         single m in k
         order k.demote then r.stop
         found r on a
         found m on a #0 promoted",
        &expect![[r#"
            1. stop r on a (unwanted) after 2
            2. demote m on a (for r)
            3. stop m on a (unwanted) after 2
            then: nothing
        "#]],
    );
}

#[test]
fn a_one_way_order_keeps_what_is_new_waiting() {
    story(
        "nodes a
         single r target=stopped
         single s
         order r then s one-way",
        &expect![[r#"
            then: nothing
            meant: s on a
            wait s: needs r
        "#]],
    );
}

#[test]
fn a_one_way_order_of_stops_says_nothing_of_starts() {
    story(
        "nodes a
         single r
         single s
         order r.stop then s.stop one-way",
        &expect![[r#"
            1. start r on a (wanted)
            2. start s on a (wanted)
            then: r on a, s on a
        "#]],
    );
}

#[test]
fn a_one_way_order_of_stops_holds_for_stops() {
    story(
        "policy stop-all
         nodes a
         single r
         single s
         order r.stop then s.stop one-way
         found r on a
         found s on a",
        &expect![[r#"
            1. stop r on a (unwanted)
            2. stop s on a (unwanted) after 1
            then: nothing
        "#]],
    );
}

#[test]
fn a_start_after_a_stop_waits_until_that_can_be_done() {
    story(
        "nodes a
         node b pending
         single r target=stopped
         single s
         order r.stop then s.start
         location s a=1
         found r on b",
        &expect![[r#"
            then: r on b
            meant: s on a
            wait r: b is not proven to be off
            wait s: needs r
        "#]],
    );
}

#[test]
fn a_promotion_after_a_start_waits_for_it_while_it_follows() {
    story(
        "nodes a
         single r target=stopped
         clone k promoted=1
         single m in k
         promotes m on a 5
         order r then k.promote",
        &expect![[r#"
            1. start m on a (wanted)
            then: m on a follows
            meant: m on a leads
            wait m: needs r
        "#]],
    );
}

#[test]
fn a_leader_steps_down_when_what_its_role_needs_stops() {
    story(
        "nodes a
         single r target=stopped
         clone k promoted=1
         single m in k
         promotes m on a 5
         order r then k.promote
         found r on a
         found m on a #0 promoted",
        &expect![[r#"
            1. stop r on a (unwanted) after 2
            2. demote m on a (for r)
            then: m on a follows
            meant: m on a leads
            wait m: needs r
        "#]],
    );
}

#[test]
fn some_before_needs_as_many_as_it_says() {
    story(
        "nodes a
         single p
         single q target=stopped
         single r
         single s
         some-before 2 of p q r then s",
        &expect![[r#"
            1. start p on a (wanted)
            2. start r on a (wanted)
            3. start s on a (wanted) after 1 2
            then: p on a, r on a, s on a
        "#]],
    );
}

#[test]
fn some_before_stops_what_has_too_few() {
    story(
        "nodes a
         single p target=stopped
         single q target=stopped
         single r
         single s
         some-before 2 of p q r then s
         found p on a
         found q on a
         found r on a
         found s on a",
        &expect![[r#"
            1. stop p on a (unwanted)
            2. stop q on a (unwanted)
            3. stop s on a (for p)
            then: r on a
            meant: r on a, s on a
            wait s: needs p
        "#]],
    );
}

#[test]
fn some_before_lets_run_on_what_has_enough() {
    story(
        "nodes a
         single p target=stopped
         single q
         single r
         single s
         some-before 2 of p q r then s
         found p on a
         found q on a
         found r on a
         found s on a",
        &expect![[r#"
            1. stop p on a (unwanted)
            then: q on a, r on a, s on a
        "#]],
    );
}

#[test]
fn enough_of_an_interleaved_clone_may_be_anywhere() {
    story(
        "nodes a b c
         clone j max=1 enough=1
         single l in j
         clone k interleave
         single m in k
         order j then k",
        &expect![[r#"
            1. start l on a (wanted)
            2. start m on b (wanted) after 1
            3. start m#1 on c (wanted) after 1
            4. start m#2 on a (wanted) after 1
            then: l on a, m on b, m#1 on c, m#2 on a
        "#]],
    );
}

#[test]
fn too_few_of_a_clone_hold_up_what_needs_enough() {
    story(
        "nodes a b
         clone j max=1 enough=2
         single l in j
         single s
         order j then s",
        &expect![[r#"
            1. start l on a (wanted)
            then: l on a
            meant: l on a, s on b
            wait s: needs l
        "#]],
    );
}

#[test]
fn an_optional_order_of_interleaved_clones_lets_an_instance_be_alone() {
    story(
        "nodes a b
         clone j max=1
         single l in j
         clone k interleave
         single m in k
         order j then k optional",
        &expect![[r#"
            1. start l on a (wanted)
            2. start m on b (wanted)
            3. start m#1 on a (wanted) after 1
            then: l on a, m on b, m#1 on a
        "#]],
    );
}

#[test]
fn a_one_way_order_of_interleaved_clones_leaves_what_runs() {
    story(
        "nodes a b
         clone j max=1
         single l in j
         clone k interleave
         single m in k
         order j then k one-way
         found m on a #0
         found m on b #1",
        &expect![[r#"
            1. start l on a (wanted)
            then: l on a, m on a, m#1 on b
        "#]],
    );
}

#[test]
fn interleaved_stops_follow_their_neighbours_only() {
    story(
        "node a standby
         nodes b
         clone j
         single l in j
         clone k interleave
         single m in k
         order j then k
         found l on a #0
         found l on b #1
         found m on a #0
         found m on b #1",
        &expect![[r#"
            1. stop l on a (unwanted) after 2
            2. stop m on a (unwanted)
            then: l#1 on b, m#1 on b
            wait l: no node may run it
            wait m: no node may run it
        "#]],
    );
}

#[test]
fn a_serialised_pair_goes_along_with_another_order() {
    story(
        "nodes a
         single r
         single s
         order r then s
         order s then r serialize",
        &expect![[r#"
            1. start r on a (wanted)
            2. start s on a (wanted) after 1
            then: r on a, s on a
        "#]],
    );
}

#[test]
fn what_nobody_may_touch_is_not_restarted_with_what_it_needs() {
    story(
        "nodes a
         single r
         single s unmanaged
         single t
         order r then s
         order s then t
         found r on a failed=watch/restart
         found s on a
         found t on a",
        &expect![[r#"
            1. stop r on a (failed)
            2. start r on a (failed) after 1
            then: r on a, s on a, t on a
        "#]],
    );
}

#[test]
fn what_nobody_may_touch_is_not_stopped_for_what_it_needs_to_stop() {
    story(
        "nodes a
         single r target=stopped
         single s unmanaged
         order r then s
         found r on a
         found s on a",
        &expect![[r#"
            1. stop r on a (unwanted)
            then: s on a
        "#]],
    );
}

#[test]
fn a_member_that_nobody_may_touch_holds_up_the_one_below_it() {
    story(
        "nodes a
         group g
         single m0 in g target=stopped
         single m1 in g unmanaged
         found m0 on a
         found m1 on a",
        &expect![[r#"
            then: m0 on a, m1 on a
            meant: m1 on a
            wait m0: needs m1
        "#]],
    );
}

#[test]
fn a_chain_of_needs_waits_for_its_first_link() {
    story(
        "nodes a
         single p target=stopped
         single q
         single r
         order p then q
         order q then r",
        &expect![[r#"
            then: nothing
            meant: q on a, r on a
            wait q: needs p
            wait r: needs q
        "#]],
    );
}

#[test]
fn a_chain_of_needs_stops_from_its_end() {
    story(
        "nodes a
         single p target=stopped
         single q
         single r
         order p then q
         order q then r
         found p on a
         found q on a
         found r on a",
        &expect![[r#"
            1. stop p on a (unwanted) after 2
            2. stop q on a (for p) after 3
            3. stop r on a (for q)
            then: nothing
            meant: q on a, r on a
            wait q: needs p
            wait r: needs q
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
fn a_start_after_a_stop_is_a_stop_before_a_start_the_other_way_round() {
    story(
        "nodes a
         single r
         single s
         order r.stop then s
         found s on a",
        &expect![[r#"
            1. start r on a (wanted) after 2
            2. stop s on a (for r)
            3. start s on a (for r) after 2
            then: r on a, s on a
        "#]],
    );
}

#[test]
fn a_start_after_a_stop_may_follow_it() {
    story(
        "nodes a
         single r target=stopped
         single s
         order r.stop then s
         found r on a",
        &expect![[r#"
            1. stop r on a (unwanted)
            2. start s on a (wanted) after 1
            then: s on a
        "#]],
    );
}

#[test]
fn a_demotion_before_a_start_waits_for_the_demotion() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k target=unpromoted
         single s
         order k.demote then s one-way
         found m on a #0 promoted",
        &expect![[r#"
            1. demote m on a (role)
            2. start m#1 on b (wanted)
            3. start s on a (wanted) after 1
            then: m on a follows, m#1 on b follows, s on a
        "#]],
    );
}

#[test]
fn serialised_stops_come_one_after_the_other() {
    story(
        "policy stop-all
         nodes a
         single r
         single s
         order r.stop then s.stop serialize
         found r on a
         found s on a",
        &expect![[r#"
            1. stop r on a (unwanted)
            2. stop s on a (unwanted) after 1
            then: nothing
        "#]],
    );
}

#[test]
fn a_serialised_start_and_promotion_come_one_after_the_other() {
    story(
        "nodes a
         single r
         clone k promoted=1
         single m in k
         promotes m on a 5
         order k.promote then r serialize",
        &expect![[r#"
            1. start r on a (wanted) after 3
            2. start m on a (wanted)
            3. promote m on a (role) after 2
            then: m on a leads, r on a
        "#]],
    );
}

#[test]
fn some_before_of_a_promotion_waits_for_a_leader() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         single s
         promotes m on b 5
         some-before 1 of k.promote then s",
        &expect![[r#"
            1. start m on b (wanted)
            2. promote m on b (role) after 1
            3. start m#1 on a (wanted)
            4. start s on a (wanted) after 2
            then: m on b leads, m#1 on a follows, s on a
        "#]],
    );
}

#[test]
fn some_before_holds_for_each_of_several() {
    story(
        "nodes a
         single p target=stopped
         single r
         single s
         some-before 1 of p then r s",
        &expect![[r#"
            then: nothing
            meant: r on a, s on a
            wait r: needs p
            wait s: needs p
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
fn one_that_waits_for_a_stop_on_its_way_waits_for_that_only() {
    story(
        "nodes a b
         single r
         single s
         colocation s with r never
         location s b=5
         found r on b failed=watch/move",
        &expect![[r#"
            1. stop r on b (moves)
            2. start r on a (moves) after 1
            3. start s on b (wanted) after 1
            then: r on a, s on b
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
fn stops_and_starts_in_one_order_are_told_by_their_own_ways() {
    story(
        "nodes a
         single r target=stopped
         single s target=stopped
         order s.stop then r.stop
         found r on a
         found s on a",
        &expect![[r#"
            1. stop r on a (unwanted) after 2
            2. stop s on a (unwanted)
            then: nothing
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

#[test]
fn a_member_of_an_unordered_group_needs_the_others_that_stand_before_it() {
    story(
        "nodes a
         single p target=stopped
         group g unordered
         single m0 in g
         single m1 in g
         order p then m0",
        &expect![[r#"
            then: nothing
            meant: m0 on a, m1 on a
            wait m0: needs p
            wait m1: needs m0
        "#]],
    );
}

#[test]
fn a_member_of_a_torn_unordered_group_needs_no_other() {
    story(
        "nodes a
         single p target=stopped
         group g unordered apart
         single m0 in g
         single m1 in g
         order p then m0",
        &expect![[r#"
            1. start m1 on a (wanted)
            then: m1 on a
            meant: m0 on a, m1 on a
            wait m0: needs p
        "#]],
    );
}
