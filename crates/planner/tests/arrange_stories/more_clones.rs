//! More of clones: numbers, and who stays.

use expect_test::expect;

use super::story;

#[test]
fn the_number_that_was_found_is_kept_where_it_is_free() {
    story(
        "nodes a b c
         clone k max=2
         single r in k
         found r on c #1",
        &expect![[r#"
            1. start r on a (wanted)
            then: r on a, r#1 on c
        "#]],
    );
}

#[test]
fn of_two_with_one_number_the_second_takes_the_next() {
    story(
        "nodes a b c
         clone k max=3
         single r in k
         found r on a #2
         found r on b #2",
        &expect![[r#"
            1. start r#1 on c (wanted)
            then: r on b, r#1 on c, r#2 on a
        "#]],
    );
}

#[test]
fn two_numbers_on_one_node_are_one_instance_where_it_takes_one() {
    story(
        "nodes a b
         clone k max=2
         group g in k
         single m0 in g
         single m1 in g
         found m0 on a #0
         found m1 on a #1",
        &expect![[r#"
            1. start m0#1 on b (wanted)
            2. start m1#1 on b (wanted) after 1
            then: m0 on a, m0#1 on b, m1 on a, m1#1 on b
        "#]],
    );
}

#[test]
fn two_numbers_on_one_node_are_two_where_it_takes_two() {
    story(
        "nodes a b
         clone k max=3 per-node=2
         single r in k
         found r on a #0
         found r on a #2",
        &expect![[r#"
            1. start r#1 on b (wanted)
            then: r on a, r#1 on b, r#2 on a
        "#]],
    );
}

#[test]
fn a_number_that_is_down_is_barred_where_it_failed() {
    story(
        "nodes a b
         clone k max=2 unique
         single r in k
         found r on a #1 stopped failed=start/move",
        &expect![[r#"
            1. start r on a (wanted)
            2. start r#1 on b (wanted)
            then: r on a, r#1 on b
        "#]],
    );
}

#[test]
fn of_too_many_the_one_that_failed_goes() {
    story(
        "nodes a b c
         clone k max=2
         single r in k
         found r on a #0 failed=watch/restart
         found r on b #1
         found r on c #2",
        &expect![[r#"
            1. stop r on a (unwanted)
            then: r#1 on b, r#2 on c
        "#]],
    );
}

#[test]
fn of_too_many_the_one_that_cannot_stay_goes() {
    story(
        "nodes b c
         node a standby
         clone k max=2
         single r in k
         found r on a #0
         found r on b #1
         found r on c #2",
        &expect![[r#"
            1. stop r on a (unwanted)
            then: r#1 on b, r#2 on c
        "#]],
    );
}

#[test]
fn of_too_many_the_one_on_the_worse_node_goes() {
    story(
        "nodes a b c
         clone k max=2
         single r in k
         location k a=1 b=5 c=9
         found r on a #0
         found r on b #1
         found r on c #2",
        &expect![[r#"
            1. stop r on a (unwanted)
            then: r#1 on b, r#2 on c
        "#]],
    );
}

#[test]
fn two_instances_leave_one_node_when_another_comes() {
    story(
        "nodes a b
         clone k max=2 per-node=2 unique
         single r in k
         found r on a #0
         found r on a #1",
        &expect![[r#"
            1. stop r#1 on a (moves)
            2. start r#1 on b (moves) after 1
            then: r on a, r#1 on b
        "#]],
    );
}

#[test]
fn an_instance_moves_to_a_node_that_it_likes_better() {
    story(
        "nodes a b c
         clone k max=1
         single r in k
         location k c=10
         found r on a #0",
        &expect![[r#"
            1. stop r on a (moves)
            2. start r on c (moves) after 1
            then: r on c
        "#]],
    );
}

#[test]
fn two_instances_move_to_the_two_better_nodes_only() {
    story(
        "nodes a b c
         clone k max=2
         single r in k
         location k b=10 c=10
         found r on a #0
         found r on b #1",
        &expect![[r#"
            1. stop r on a (moves)
            2. start r on c (moves) after 1
            then: r on c, r#1 on b
        "#]],
    );
}

#[test]
fn a_clone_of_nothing_runs_nowhere() {
    story(
        "nodes a
         clone k max=0
         single r in k
         found r on a #0",
        &expect![[r#"
            1. stop r on a (unwanted)
            then: nothing
        "#]],
    );
}

#[test]
fn an_instance_in_two_places_leaves_one() {
    story(
        "nodes a b
         clone k max=1 unique
         single r in k
         found r on a #0
         found r on b #0",
        &expect![[r#"
            1. stop r on a (active twice)
            2. stop r on b (active twice)
            3. start r on a (active twice) after 1 2
            then: r on a
        "#]],
    );
}

#[test]
fn instances_of_an_ordered_clone_stop_at_once() {
    story(
        "policy stop-all
         nodes a b
         clone k one-by-one
         single r in k
         found r on a #0
         found r on b #1",
        &expect![[r#"
            1. stop r on a (unwanted)
            2. stop r#1 on b (unwanted)
            then: nothing
        "#]],
    );
}

#[test]
fn an_instance_starts_only_after_the_last_one_has_left_its_node() {
    story(
        "nodes a b
         clone k max=2 unique
         single r in k
         location k a=never
         found r on a #0
         found r on b #1 failed=watch/stop",
        &expect![[r#"
            1. stop r on a (moves)
            2. start r on b (moves) after 1 3
            3. stop r#1 on b (unwanted)
            then: r on b
        "#]],
    );
}

#[test]
fn a_surplus_instance_stops_before_another_starts() {
    story(
        "nodes a b c
         clone k max=1 unique
         single r in k
         location k a=never
         found r on a #0
         found r on b #1",
        &expect![[r#"
            1. stop r on a (moves)
            2. start r on b (moves) after 1 3
            3. stop r#1 on b (unwanted)
            then: r on b
        "#]],
    );
}

#[test]
fn one_that_cannot_be_reached_counts_toward_the_most_of_its_node() {
    story(
        "nodes a
         node b pending
         clone k max=2 per-node=1
         single r in k
         found r on b #0",
        &expect![[r#"
            1. start r#1 on a (wanted)
            then: r on b, r#1 on a
            meant: r#1 on a
            wait r: b is not proven to be off
        "#]],
    );
}

#[test]
fn one_more_starts_where_there_is_room_for_it() {
    story(
        "nodes a b
         clone k max=3 per-node=2 unique
         single r in k
         found r on a #0
         found r on b #1",
        &expect![[r#"
            1. start r#2 on a (wanted)
            then: r on a, r#1 on b, r#2 on a
        "#]],
    );
}

#[test]
fn an_instance_that_is_barred_where_it_is_moves() {
    story(
        "nodes a b c
         clone k max=2
         single r in k failures-max=1
         found r on a #0
         found r on b #1
         failures r on a 1",
        &expect![[r#"
            1. stop r on a (moves)
            2. start r on c (moves) after 1
            then: r on c, r#1 on b
        "#]],
    );
}

#[test]
fn instances_that_differ_are_barred_one_by_one() {
    story(
        "nodes a b
         clone k max=2 unique per-node=2
         single r in k failures-max=1
         failures r on a 1 #0",
        &expect![[r#"
            1. start r on b (wanted)
            2. start r#1 on a (wanted)
            then: r on b, r#1 on a
        "#]],
    );
}

#[test]
fn an_instance_of_a_group_is_barred_with_its_member() {
    story(
        "nodes a b
         clone k
         group g in k
         single m0 in g
         single m1 in g failures-max=1
         failures m1 on a 1",
        &expect![[r#"
            1. start m0 on a (wanted)
            2. start m0#1 on b (wanted)
            3. start m1#1 on b (wanted) after 2
            then: m0 on a, m0#1 on b, m1#1 on b
            wait m1: no node may run it
        "#]],
    );
}

#[test]
fn a_clone_whose_child_is_stopped_stops() {
    story(
        "nodes a b
         clone k
         single r in k target=stopped
         found r on a #0
         found r on b #1",
        &expect![[r#"
            1. stop r on a (unwanted)
            2. stop r#1 on b (unwanted)
            then: nothing
        "#]],
    );
}

#[test]
fn a_clone_goes_by_the_points_of_its_child() {
    story(
        "nodes a b c
         clone k max=1
         single r in k
         location r c=5",
        &expect![[r#"
            1. start r on c (wanted)
            then: r on c
        "#]],
    );
}

#[test]
fn two_instances_are_both_put_on_the_best_node() {
    story(
        "nodes a b
         clone k max=2 per-node=2 unique
         single r in k
         location k a=100",
        &expect![[r#"
            1. start r on a (wanted)
            2. start r#1 on a (wanted)
            then: r on a, r#1 on a
        "#]],
    );
}
