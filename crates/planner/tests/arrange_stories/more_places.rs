//! More of places: where a thing that stays counts, room, points.

use expect_test::expect;
use planner::arrange::Score;

use super::story;

#[test]
fn of_two_places_where_a_thing_stays_the_usable_one_counts() {
    story(
        "node a standby
         nodes b
         single r unmanaged
         single s
         colocation s with r always
         found r on a
         found r on b",
        &expect![[r#"
            1. start s on b (wanted)
            then: r on a, r on b, s on b
            meant: r on b, s on b
        "#]],
    );
}

#[test]
fn of_two_usable_places_where_a_thing_stays_the_one_with_more_points_counts() {
    story(
        "nodes a b c
         single r unmanaged
         single s
         location r b=10
         colocation s with r always
         found r on a
         found r on b",
        &expect![[r#"
            1. start s on b (wanted)
            then: r on a, r on b, s on b
            meant: r on b, s on b
        "#]],
    );
}

#[test]
fn of_two_places_without_a_usable_one_the_one_that_answers_counts() {
    story(
        "node b maintenance
         node a pending
         single r
         single s
         colocation s with r always
         found r on a
         found r on b",
        &expect![[r#"
            then: r on a, r on b
            meant: r on b
            wait s: no node may run it
        "#]],
    );
}

#[test]
fn among_goods_the_node_that_has_more_of_more_is_taken() {
    story(
        "policy placement=balanced
         node a capacity=cpu:9,memory:1,disk:1
         node b capacity=cpu:1,memory:2,disk:2
         single r",
        &expect![[r#"
            1. start r on b (wanted)
            then: r on b
        "#]],
    );
}

#[test]
fn with_few_nodes_the_number_of_things_counts_for_nothing() {
    story(
        "policy placement=few
         node a capacity=cpu:9
         node b capacity=cpu:9
         single r uses=cpu:1
         single s uses=cpu:1
         single t uses=cpu:1",
        &expect![[r#"
            1. start r on a (wanted)
            2. start s on a (wanted)
            3. start t on a (wanted)
            then: r on a, s on a, t on a
        "#]],
    );
}

#[test]
fn where_room_counts_without_balance_the_emptier_node_is_taken() {
    story(
        "policy placement=fits
         node a capacity=cpu:9
         node b capacity=cpu:5
         single r uses=cpu:1
         single s uses=cpu:1",
        &expect![[r#"
            1. start r on a (wanted)
            2. start s on b (wanted)
            then: r on a, s on b
        "#]],
    );
}

#[test]
fn a_companion_by_rack_needs_no_room_on_the_same_node() {
    story(
        "policy placement=fits
         node a capacity=cpu:4 rack=x
         node b capacity=cpu:4 rack=x
         single r uses=cpu:3
         single s uses=cpu:3
         colocation s with r always attribute=rack",
        &expect![[r#"
            1. start r on a (wanted)
            2. start s on b (wanted)
            then: r on a, s on b
        "#]],
    );
}

#[test]
fn a_companion_that_only_wishes_needs_no_room_on_the_same_node() {
    story(
        "policy placement=fits
         node a capacity=cpu:4
         node b capacity=cpu:9
         single r uses=cpu:3
         single s uses=cpu:3
         location r a=10
         location s b=5
         colocation s with r 50",
        &expect![[r#"
            1. start r on a (wanted)
            2. start s on b (wanted)
            then: r on a, s on b
        "#]],
    );
}

#[test]
fn a_group_is_a_companion_with_all_its_members() {
    story(
        "policy placement=fits
         node a capacity=cpu:4
         node b capacity=cpu:6
         single r uses=cpu:2
         group g
         single m0 in g uses=cpu:2
         single m1 in g uses=cpu:2
         colocation g with r always",
        &expect![[r#"
            1. start r on b (wanted)
            2. start m0 on b (wanted)
            3. start m1 on b (wanted) after 2
            then: m0 on b, m1 on b, r on b
        "#]],
    );
}

#[test]
fn one_instance_of_a_clone_is_a_companion() {
    story(
        "policy placement=fits
         node a capacity=cpu:3
         node b capacity=cpu:6
         clone k
         single m in k uses=cpu:2
         single r uses=cpu:2
         colocation r with k always",
        &expect![[r#"
            1. start m on b (wanted)
            2. start m#1 on a (wanted)
            3. start r on b (wanted)
            then: m on b, m#1 on a, r on b
        "#]],
    );
}

#[test]
fn what_is_active_where_it_likes_to_be_is_placed_before_what_comes() {
    story(
        "policy placement=fits
         node a capacity=cpu:4
         node b capacity=cpu:2
         single r uses=cpu:3
         single s uses=cpu:3 sticky=1
         found s on a",
        &expect![[r#"
            then: s on a
            wait r: no node may run it
        "#]],
    );
}

#[test]
fn what_is_more_important_gets_the_room_of_what_runs() {
    story(
        "policy placement=fits
         node a capacity=cpu:4
         node b capacity=cpu:2
         single r uses=cpu:3 priority=5
         single s uses=cpu:3 sticky=1
         found s on a",
        &expect![[r#"
            1. start r on a (wanted) after 2
            2. stop s on a (unwanted)
            then: r on a
            wait s: no node may run it
        "#]],
    );
}

#[test]
fn who_has_the_better_place_to_lose_is_placed_first() {
    story(
        "policy placement=fits
         node a capacity=cpu:4
         node b capacity=cpu:4
         single r uses=cpu:3
         single s uses=cpu:3
         location r a=5
         location s a=9",
        &expect![[r#"
            1. start r on b (wanted)
            2. start s on a (wanted)
            then: r on b, s on a
        "#]],
    );
}

#[test]
fn what_it_must_be_with_says_what_it_has_to_lose() {
    story(
        "policy placement=fits
         node a capacity=cpu:4
         node b capacity=cpu:4
         single r uses=cpu:3
         single p
         single s uses=cpu:3
         location r a=5
         location p a=9
         colocation s with p always",
        &expect![[r#"
            1. start r on b (wanted)
            2. start p on a (wanted)
            3. start s on a (wanted)
            then: p on a, r on b, s on a
        "#]],
    );
}

#[test]
fn a_node_that_is_emptied_is_looked_at_last() {
    story(
        "policy placement=fits
         node a standby capacity=cpu:9
         node b capacity=cpu:4
         node c capacity=cpu:4
         single r uses=cpu:3
         single s uses=cpu:3
         location r a=50 b=5
         location s b=9",
        &expect![[r#"
            1. start r on c (wanted)
            2. start s on b (wanted)
            then: r on c, s on b
        "#]],
    );
}

#[test]
fn what_is_needed_by_an_equal_that_stands_earlier_gets_the_room() {
    story(
        "policy placement=fits
         node a capacity=cpu:4
         single r uses=cpu:3
         single s uses=cpu:3
         single t uses=cpu:1
         order t then s optional
         order s then r",
        &expect![[r#"
            1. start s on a (wanted) after 2
            2. start t on a (wanted)
            then: s on a, t on a
            wait r: no node may run it
        "#]],
    );
}

#[test]
fn what_stays_elsewhere_fills_that_node_too() {
    story(
        "policy placement=fits
         node a capacity=cpu:4
         node b capacity=cpu:4
         node c capacity=cpu:4
         single r unmanaged uses=cpu:3
         single s uses=cpu:3
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
fn a_thing_in_two_places_sticks_to_neither() {
    story(
        "nodes a b c
         single r sticky=50 twice=unexpected
         location r c=10
         found r on a
         found r on b",
        &expect![[r#"
            1. stop r on a (moves)
            2. stop r on b (moves)
            3. start r on c (moves) after 1 2
            then: r on c
        "#]],
    );
}

#[test]
fn a_thing_that_runs_on_one_of_several_best_nodes_stays_for_points_though_one_is_emptier() {
    story(
        "nodes a b
         single q
         single r
         location q b=5
         location r a=5 b=5
         found q on b
         found r on b",
        &expect![[r#"
            then: q on b, r on b
        "#]],
    );
}

#[test]
fn without_points_the_emptier_node_is_taken_even_by_what_runs() {
    story(
        "nodes a b
         single q
         single r
         found q on b
         found r on b",
        &expect![[r#"
            1. stop r on b (moves)
            2. start r on a (moves) after 1
            then: q on b, r on a
        "#]],
    );
}

#[test]
fn exclusive_discovery_of_two_rules_adds_up() {
    story(
        "nodes a b c
         single r
         location r a=1 exclusive
         location r b=2 exclusive",
        &expect![[r#"
            1. start r on b (wanted)
            then: r on b
        "#]],
    );
}

#[test]
fn exclusive_discovery_holds_for_each_instance_and_member() {
    story(
        "nodes a b c
         clone k
         group g in k
         single m0 in g
         single m1 in g
         location k a=0 b=0 exclusive",
        &expect![[r#"
            1. start m0 on a (wanted)
            2. start m1 on a (wanted) after 1
            3. start m0#1 on b (wanted)
            4. start m1#1 on b (wanted) after 3
            then: m0 on a, m0#1 on b, m1 on a, m1#1 on b
            wait m0#2: no node may run it
            wait m1#2: no node may run it
        "#]],
    );
}

#[test]
fn where_only_named_nodes_count_two_rules_add_up() {
    story(
        "policy opt-in
         nodes a b c
         single r
         location r a=5 b=3
         location r b=3",
        &expect![[r#"
            1. start r on b (wanted)
            then: r on b
        "#]],
    );
}

#[test]
fn where_only_named_nodes_count_a_member_without_a_name_is_nowhere() {
    story(
        "policy opt-in
         nodes a b
         group g
         single m0 in g
         single m1 in g
         location m0 a=5",
        &expect![[r#"
            1. start m0 on a (wanted)
            then: m0 on a
            wait m1: no node may run it
        "#]],
    );
}

#[test]
fn points_for_a_group_go_to_its_first_member_only_where_it_is_together() {
    story(
        "nodes a b
         group g apart
         single m0 in g
         single m1 in g
         location g b=5",
        &expect![[r#"
            1. start m0 on b (wanted)
            2. start m1 on b (wanted) after 1
            then: m0 on b, m1 on b
        "#]],
    );
}

#[test]
fn bad_health_of_a_node_drives_each_member_away() {
    story(
        "node a health=-10
         nodes b
         group g
         single m0 in g
         single m1 in g ignores-health",
        &expect![[r#"
            1. start m0 on b (wanted)
            2. start m1 on b (wanted) after 1
            then: m0 on b, m1 on b
        "#]],
    );
}

#[test]
fn one_failure_less_than_the_limit_bars_nothing() {
    story(
        "nodes a b
         single r failures-max=3 sticky=1
         found r on a
         failures r on a 2",
        &expect![[r#"
            then: r on a
        "#]],
    );
}

#[test]
fn endless_failures_bar_a_node_with_a_limit_too() {
    story(
        "nodes a b
         single r failures-max=3000000 sticky=1
         found r on a
         failures r on a always",
        &expect![[r#"
            1. stop r on a (moves)
            2. start r on b (moves) after 1
            then: r on b
        "#]],
    );
}

#[test]
fn what_moves_away_for_its_failure_is_barred_there_for_all_that_are_alike() {
    story(
        "nodes a b c
         clone k max=2
         single r in k
         found r on a #0 failed=watch/move
         found r on b #1",
        &expect![[r#"
            1. stop r on a (moves)
            2. start r on c (moves) after 1
            then: r on c, r#1 on b
        "#]],
    );
}

#[test]
fn only_the_number_that_moves_away_is_barred_there() {
    story(
        "nodes a b
         clone k max=2 per-node=2 unique
         single r in k
         found r on a #0 failed=watch/move
         found r on a #1",
        &expect![[r#"
            1. stop r on a (moves)
            2. start r on b (moves) after 1
            then: r on b, r#1 on a
        "#]],
    );
}

#[test]
fn a_wish_to_be_with_something_says_nothing_of_what_there_is_to_lose() {
    story(
        "policy placement=fits
         node a capacity=cpu:4
         node b capacity=cpu:4
         single r uses=cpu:3
         single p
         single s uses=cpu:3
         location r a=5
         location p a=9
         colocation s with p 100",
        &expect![[r#"
            1. start r on a (wanted)
            2. start p on a (wanted)
            3. start s on b (wanted)
            then: p on a, r on a, s on b
        "#]],
    );
}

#[test]
fn company_by_rack_says_nothing_of_what_there_is_to_lose() {
    story(
        "policy placement=fits
         node a capacity=cpu:4 rack=x
         node b capacity=cpu:4 rack=y
         single r uses=cpu:3
         single p
         single s uses=cpu:3
         location r a=5
         location p a=9
         colocation s with p always attribute=rack",
        &expect![[r#"
            1. start r on a (wanted)
            2. start p on a (wanted)
            then: p on a, r on a
            wait s: no node may run it
        "#]],
    );
}

#[test]
fn of_those_without_room_together_each_takes_what_there_is() {
    story(
        "policy placement=fits
         node a capacity=cpu:3
         node b capacity=cpu:4
         single r uses=cpu:2
         single s uses=cpu:3
         colocation s with r always",
        &expect![[r#"
            1. start r on b (wanted)
            then: r on b
            wait s: no node may run it
        "#]],
    );
}

#[test]
fn a_node_that_is_too_small_for_one_alone_is_out() {
    story(
        "policy placement=fits
         node a capacity=cpu:1
         node b capacity=cpu:2
         single r uses=cpu:2
         location r a=50",
        &expect![[r#"
            1. start r on b (wanted)
            then: r on b
        "#]],
    );
}

#[test]
fn what_is_placed_already_needs_no_second_room() {
    story(
        "policy placement=fits
         node a capacity=cpu:4
         node b capacity=cpu:9
         single r priority=5 uses=cpu:3
         single s uses=cpu:1
         location r a=10
         colocation s with r always",
        &expect![[r#"
            1. start r on a (wanted)
            2. start s on a (wanted)
            then: r on a, s on a
        "#]],
    );
}

#[test]
fn a_node_without_capacity_has_room_for_what_needs_none() {
    story(
        "policy placement=fits
         nodes a
         single r",
        &expect![[r#"
            1. start r on a (wanted)
            then: r on a
        "#]],
    );
}

#[test]
fn what_needs_none_of_a_good_fits() {
    story(
        "policy placement=fits
         node a capacity=cpu:0
         single r uses=cpu:0",
        &expect![[r#"
            1. start r on a (wanted)
            then: r on a
        "#]],
    );
}

#[test]
fn what_stays_put_is_placed_before_what_likes_its_place_as_much() {
    story(
        "policy placement=fits
         node a capacity=cpu:4
         node b capacity=cpu:4
         single r uses=cpu:3
         single s uses=cpu:3
         location r a=10
         location s a=10
         found s on a",
        &expect![[r#"
            1. start r on b (wanted)
            then: r on b, s on a
        "#]],
    );
}

#[test]
fn what_is_needed_by_something_more_important_matters_as_much() {
    story(
        "policy placement=fits
         node a capacity=cpu:4
         single r uses=cpu:3 priority=1
         single s uses=cpu:3
         order s then r",
        &expect![[r#"
            1. start s on a (wanted)
            then: s on a
            wait r: no node may run it
        "#]],
    );
}

#[test]
fn what_is_needed_optionally_does_not_stand_before() {
    story(
        "policy placement=fits
         node a capacity=cpu:4
         single r uses=cpu:3
         single s uses=cpu:3
         order s then r optional",
        &expect![[r#"
            1. start r on a (wanted)
            then: r on a
            wait s: no node may run it
        "#]],
    );
}

#[test]
fn an_order_of_stops_says_nothing_of_room() {
    story(
        "policy placement=fits
         node a capacity=cpu:4
         single r uses=cpu:3
         single s uses=cpu:3
         order s.stop then r.stop one-way",
        &expect![[r#"
            1. start r on a (wanted)
            then: r on a
            wait s: no node may run it
        "#]],
    );
}

#[test]
fn needs_in_a_circle_are_placed_once() {
    story(
        "policy placement=fits
         node a capacity=cpu:4
         single r uses=cpu:3
         single s uses=cpu:3
         order s then r
         order r then s",
        &expect![[r#"
            then: nothing
            meant: s on a
            wait r: no node may run it
            wait s: needs r
        "#]],
    );
}

#[test]
fn who_places_a_member_places_the_whole_group() {
    story(
        "policy placement=fits
         node a capacity=cpu:4
         single s priority=5
         single r priority=3 uses=cpu:2
         group g
         single m0 in g uses=cpu:2
         single m1 in g uses=cpu:2
         colocation s with m0 always",
        &expect![[r#"
            1. start s on a (wanted)
            2. start m0 on a (wanted)
            3. start m1 on a (wanted) after 2
            then: m0 on a, m1 on a, s on a
            wait r: no node may run it
        "#]],
    );
}

#[test]
fn points_for_a_group_count_once() {
    story(
        "nodes a b
         group g
         single m0 in g
         single m1 in g
         location g b=5
         location m0 a=8",
        &expect![[r#"
            1. start m0 on a (wanted)
            2. start m1 on a (wanted) after 1
            then: m0 on a, m1 on a
        "#]],
    );
}

#[test]
fn scores_at_their_ends_are_told_in_words() {
    let told = |points| Score::new(points).to_string();
    let ends = [told(2_000_000), told(-2_000_000), told(-17)];
    assert_eq!(ends, ["always", "never", "-17"]);
}

#[test]
fn a_companion_that_runs_there_keeps_no_room_against_those_that_come_to_it() {
    story(
        "policy placement=fits
         node b capacity=cpu:3
         node c capacity=cpu:4
         single r uses=cpu:1
         single m uses=cpu:2
         colocation m with r always
         location r b=5
         found m on b",
        &expect![[r#"
            1. start r on b (wanted)
            then: m on b, r on b
        "#]],
    );
}
