//! Where single things and groups go: locations, stickiness, health, failures, room.

use expect_test::expect;

use super::story;

#[test]
fn a_thing_goes_to_the_node_with_most_points() {
    story(
        "nodes a b
         single r
         location r a=5 b=10",
        &expect![[r#"
            1. start r on b (wanted)
            then: r on b
        "#]],
    );
}

#[test]
fn of_equal_nodes_the_emptier_one_is_taken() {
    story(
        "nodes a b
         single r
         single s
         single t",
        &expect![[r#"
            1. start r on a (wanted)
            2. start s on b (wanted)
            3. start t on a (wanted)
            then: r on a, s on b, t on a
        "#]],
    );
}

#[test]
fn more_important_things_choose_first() {
    story(
        "policy placement=fits
         node a capacity=cpu:2
         single r uses=cpu:2
         single s priority=5 uses=cpu:2",
        &expect![[r#"
            1. start s on a (wanted)
            then: s on a
            wait r: no node may run it
        "#]],
    );
}

#[test]
fn a_thing_that_no_node_may_run_waits() {
    story(
        "nodes a
         single r
         location r a=never",
        &expect![[r#"
            then: nothing
            wait r: no node may run it
        "#]],
    );
}

#[test]
fn negative_points_forbid_and_zero_does_not() {
    story(
        "nodes a b
         single r
         location r a=-1 b=0",
        &expect![[r#"
            1. start r on b (wanted)
            then: r on b
        "#]],
    );
}

#[test]
fn where_only_named_nodes_count_the_others_are_out() {
    story(
        "policy opt-in
         nodes a b
         single r
         single s
         location r b=0",
        &expect![[r#"
            1. start r on b (wanted)
            then: r on b
            wait s: no node may run it
        "#]],
    );
}

#[test]
fn exclusive_discovery_keeps_a_thing_to_the_nodes_it_names() {
    story(
        "nodes a b
         single r
         location r b=-5 exclusive
         location r a=100",
        &expect![[r#"
            then: nothing
            wait r: no node may run it
        "#]],
    );
}

#[test]
fn it_moves_to_a_better_node() {
    story(
        "nodes a b
         single r
         location r b=1
         found r on a",
        &expect![[r#"
            1. stop r on a (moves)
            2. start r on b (moves) after 1
            then: r on b
        "#]],
    );
}

#[test]
fn stickiness_outweighs_a_better_node() {
    story(
        "nodes a b
         single r sticky=2
         location r b=1
         found r on a",
        &expect![[r#"
            then: r on a
        "#]],
    );
}

#[test]
fn stickiness_gives_way_to_more_points() {
    story(
        "nodes a b
         single r sticky=2
         location r b=3
         found r on a",
        &expect![[r#"
            1. stop r on a (moves)
            2. start r on b (moves) after 1
            then: r on b
        "#]],
    );
}

#[test]
fn bad_health_drives_away_and_some_ignore_it() {
    story(
        "node a health=never
         nodes b
         single r
         single s ignores-health
         found r on a
         found s on a",
        &expect![[r#"
            1. stop r on a (moves)
            2. start r on b (moves) after 1
            then: r on b, s on a
        "#]],
    );
}

#[test]
fn as_many_failures_as_the_limit_bar_a_node() {
    story(
        "nodes a b
         single r failures-max=3
         single s failures-max=3
         found r on a
         found s on a
         failures r on a 3
         failures s on a 2
         location s a=1",
        &expect![[r#"
            1. stop r on a (moves)
            2. start r on b (moves) after 1
            then: r on b, s on a
        "#]],
    );
}

#[test]
fn a_limit_of_zero_is_no_limit() {
    story(
        "nodes a b
         single r failures-max=0
         found r on a
         location r a=1
         failures r on a 100",
        &expect![[r#"
            then: r on a
        "#]],
    );
}

#[test]
fn endless_failures_bar_a_node_without_a_limit() {
    story(
        "nodes a b
         single r
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
fn a_hopeless_failure_bars_a_node_even_if_ignored() {
    story(
        "nodes a b
         single r
         found r on a failed=watch/ignore
         failures r on a 1 hopeless",
        &expect![[r#"
            1. stop r on a (moves)
            2. start r on b (moves) after 1
            then: r on b
        "#]],
    );
}

#[test]
fn too_many_failures_are_nothing_where_failures_are_ignored() {
    story(
        "nodes a b
         single r failures-max=1
         location r a=1
         found r on a failed=watch/ignore
         failures r on a 6",
        &expect![[r#"
            then: r on a
        "#]],
    );
}

#[test]
fn with_balanced_placement_the_node_with_most_room_is_taken() {
    story(
        "policy placement=balanced
         node a capacity=cpu:4
         node b capacity=cpu:8
         single r uses=cpu:1
         single s uses=cpu:1
         single t uses=cpu:4",
        &expect![[r#"
            1. start r on b (wanted)
            2. start s on b (wanted)
            3. start t on b (wanted)
            then: r on b, s on b, t on b
        "#]],
    );
}

#[test]
fn with_few_nodes_one_is_filled_after_the_other() {
    story(
        "policy placement=few
         node a capacity=cpu:2
         node b capacity=cpu:2
         single r uses=cpu:1
         single s uses=cpu:1
         single t uses=cpu:1",
        &expect![[r#"
            1. start r on a (wanted)
            2. start s on a (wanted)
            3. start t on b (wanted)
            then: r on a, s on a, t on b
        "#]],
    );
}

#[test]
fn what_has_no_room_waits() {
    story(
        "policy placement=fits
         node a capacity=cpu:2
         single r uses=cpu:3
         single s uses=cpu:2",
        &expect![[r#"
            1. start s on a (wanted)
            then: s on a
            wait r: no node may run it
        "#]],
    );
}

#[test]
fn a_good_that_a_node_does_not_have_is_no_room() {
    story(
        "policy placement=fits
         node a capacity=memory:4
         single r uses=cpu:1",
        &expect![[r#"
            then: nothing
            wait r: no node may run it
        "#]],
    );
}

#[test]
fn capacities_count_for_nothing_by_number() {
    story(
        "node a capacity=cpu:1
         single r uses=cpu:3",
        &expect![[r#"
            1. start r on a (wanted)
            then: r on a
        "#]],
    );
}

#[test]
fn what_comes_waits_for_what_makes_room() {
    story(
        "policy placement=fits
         node a capacity=cpu:4
         node b capacity=cpu:4
         single r uses=cpu:3
         single s uses=cpu:3
         location r b=10
         location s b=never
         found s on b",
        &expect![[r#"
            1. start r on b (wanted) after 2
            2. stop s on b (moves)
            3. start s on a (moves) after 2
            then: r on b, s on a
        "#]],
    );
}

#[test]
fn a_node_with_room_for_all_companions_is_taken() {
    story(
        "policy placement=fits
         node a capacity=cpu:3
         node b capacity=cpu:4
         single r uses=cpu:2
         single s uses=cpu:2
         colocation s with r always
         location r a=5",
        &expect![[r#"
            1. start r on b (wanted)
            2. start s on b (wanted)
            then: r on b, s on b
        "#]],
    );
}

#[test]
fn where_not_all_companions_fit_the_roomiest_node_is_taken() {
    story(
        "policy placement=fits
         node a capacity=cpu:2
         node b capacity=cpu:3
         single r uses=cpu:2
         single s uses=cpu:2
         colocation s with r always",
        &expect![[r#"
            1. start r on b (wanted)
            then: r on b
            wait s: no node may run it
        "#]],
    );
}

#[test]
fn of_equal_importance_what_is_needed_gets_the_room() {
    story(
        "policy placement=few
         node a capacity=cpu:2
         single s uses=cpu:2
         single r uses=cpu:2
         order r then s",
        &expect![[r#"
            1. start r on a (wanted)
            then: r on a
            wait s: no node may run it
        "#]],
    );
}

#[test]
fn a_group_starts_in_order_on_one_node() {
    story(
        "nodes a b
         group g
         single m in g
         single n in g
         single o in g",
        &expect![[r#"
            1. start m on a (wanted)
            2. start n on a (wanted) after 1
            3. start o on a (wanted) after 1 2
            then: m on a, n on a, o on a
        "#]],
    );
}

#[test]
fn a_group_goes_where_its_first_member_likes() {
    story(
        "nodes a b
         group g
         single m in g
         single n in g
         location m b=5
         location n a=3",
        &expect![[r#"
            1. start m on b (wanted)
            2. start n on b (wanted) after 1
            then: m on b, n on b
        "#]],
    );
}

#[test]
fn never_for_a_group_is_never_for_each_member() {
    story(
        "nodes a b
         group g apart
         single m in g
         single n in g
         location g a=never",
        &expect![[r#"
            1. start m on b (wanted)
            2. start n on b (wanted) after 1
            then: m on b, n on b
        "#]],
    );
}

#[test]
fn a_member_that_cannot_run_leaves_those_after_it_stopped() {
    story(
        "nodes a
         group g
         single m in g
         single n in g target=stopped
         single o in g
         found m on a
         found o on a",
        &expect![[r#"
            1. stop o on a (unwanted)
            then: m on a
            wait o: no node may run it
        "#]],
    );
}

#[test]
fn an_uncritical_member_does_not_move_the_group() {
    story(
        "nodes a b
         group g
         single m in g sticky=1
         single n in g uncritical failures-max=1
         found m on a
         found n on a
         failures n on a 1",
        &expect![[r#"
            1. stop n on a (unwanted)
            then: m on a
            wait n: no node may run it
        "#]],
    );
}

#[test]
fn a_critical_member_moves_the_group() {
    story(
        "nodes a b
         group g
         single m in g sticky=1
         single n in g failures-max=1
         found m on a
         found n on a
         failures n on a 1",
        &expect![[r#"
            1. stop m on a (moves) after 3
            2. start m on b (moves) after 1 3
            3. stop n on a (moves)
            4. start n on b (moves) after 2 3
            then: m on b, n on b
        "#]],
    );
}

#[test]
fn an_unordered_group_starts_at_once() {
    story(
        "nodes a
         group g unordered
         single m in g
         single n in g",
        &expect![[r#"
            1. start m on a (wanted)
            2. start n on a (wanted)
            then: m on a, n on a
        "#]],
    );
}

#[test]
fn a_group_apart_is_ordered_across_nodes() {
    story(
        "nodes a b
         group g apart
         single m in g
         single n in g",
        &expect![[r#"
            1. start m on a (wanted)
            2. start n on b (wanted) after 1
            then: m on a, n on b
        "#]],
    );
}

#[test]
fn a_group_stops_in_reverse() {
    story(
        "nodes a
         group g target=stopped
         single m in g target=stopped
         single n in g target=stopped
         found m on a
         found n on a",
        &expect![[r#"
            1. stop m on a (unwanted) after 2
            2. stop n on a (unwanted)
            then: nothing
        "#]],
    );
}

#[test]
fn a_restart_in_a_group_takes_the_later_ones_along() {
    story(
        "nodes a
         group g
         single m in g
         single n in g
         single o in g
         found m on a
         found n on a failed=watch/restart
         found o on a",
        &expect![[r#"
            1. stop n on a (failed) after 3
            2. start n on a (failed) after 1 3
            3. stop o on a (for n)
            4. start o on a (for n) after 2 3
            then: m on a, n on a, o on a
        "#]],
    );
}

#[test]
fn a_whole_group_moves() {
    story(
        "nodes a b
         group g
         single m in g
         single n in g
         location g b=1
         found m on a
         found n on a",
        &expect![[r#"
            1. stop m on a (moves) after 3
            2. start m on b (moves) after 1 3
            3. stop n on a (moves)
            4. start n on b (moves) after 2 3
            then: m on b, n on b
        "#]],
    );
}
