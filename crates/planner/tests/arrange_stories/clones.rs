//! Clones: how many, where, and who stays.

use expect_test::expect;

use super::story;

#[test]
fn a_clone_runs_on_every_node() {
    story(
        "nodes a b c
         clone k
         single m in k",
        &expect![[r#"
            1. start m on a (wanted)
            2. start m#1 on b (wanted)
            3. start m#2 on c (wanted)
            then: m on a, m#1 on b, m#2 on c
        "#]],
    );
}

#[test]
fn a_clone_has_at_most_so_many_instances() {
    story(
        "nodes a b c
         clone k max=2
         single m in k",
        &expect![[r#"
            1. start m on a (wanted)
            2. start m#1 on b (wanted)
            then: m on a, m#1 on b
        "#]],
    );
}

#[test]
fn a_node_has_at_most_so_many_instances() {
    story(
        "nodes a b
         clone k max=5 per-node=2 unique
         single m in k",
        &expect![[r#"
            1. start m on a (wanted)
            2. start m#1 on b (wanted)
            3. start m#2 on a (wanted)
            4. start m#3 on b (wanted)
            then: m on a, m#1 on b, m#2 on a, m#3 on b
            wait m#4: no node may run it
        "#]],
    );
}

#[test]
fn where_a_node_may_have_only_one_the_rest_waits() {
    story(
        "nodes a
         clone k max=3
         single m in k",
        &expect![[r#"
            1. start m on a (wanted)
            then: m on a
            wait m#1: no node may run it
            wait m#2: no node may run it
        "#]],
    );
}

#[test]
fn instances_that_differ_keep_their_numbers() {
    story(
        "nodes a b
         clone k max=2 unique
         single m in k
         found m on a #1
         found m on b #0",
        &expect![[r#"
            then: m on b, m#1 on a
        "#]],
    );
}

#[test]
fn a_number_beyond_the_last_stops() {
    story(
        "nodes a
         clone k max=1 per-node=2 unique
         single m in k
         found m on a #0
         found m on a #1",
        &expect![[r#"
            1. stop m#1 on a (unwanted)
            then: m on a
        "#]],
    );
}

#[test]
fn one_too_many_stops() {
    story(
        "nodes a b c
         clone k max=2
         single m in k
         found m on a #0
         found m on b #1
         found m on c #2
         location k a=-1",
        &expect![[r#"
            1. stop m on a (unwanted)
            then: m#1 on b, m#2 on c
        "#]],
    );
}

#[test]
fn nothing_is_shuffled_when_a_node_comes() {
    story(
        "nodes a b c
         clone k max=2
         single m in k
         found m on b #0
         found m on c #1",
        &expect![[r#"
            then: m on b, m#1 on c
        "#]],
    );
}

#[test]
fn a_clone_spreads_when_a_node_comes() {
    story(
        "nodes a b
         clone k max=2 per-node=2 unique
         single m in k
         found m on a #0
         found m on a #1",
        &expect![[r#"
            1. stop m#1 on a (moves)
            2. start m#1 on b (moves) after 1
            then: m on a, m#1 on b
        "#]],
    );
}

#[test]
fn an_instance_does_not_start_anew_because_another_does() {
    story(
        "nodes a b
         clone k
         single m in k
         found m on a #0 failed=watch/restart
         found m on b #1",
        &expect![[r#"
            1. stop m on a (failed)
            2. start m on a (failed) after 1
            then: m on a, m#1 on b
        "#]],
    );
}

#[test]
fn instances_of_an_ordered_clone_start_one_by_one() {
    story(
        "nodes a b c
         clone k one-by-one
         single m in k",
        &expect![[r#"
            1. start m on a (wanted)
            2. start m#1 on b (wanted) after 1
            3. start m#2 on c (wanted) after 1 2
            then: m on a, m#1 on b, m#2 on c
        "#]],
    );
}

#[test]
fn what_must_not_run_on_one_node_runs_on_the_others() {
    story(
        "nodes a b c
         clone k
         single m in k
         location k b=never",
        &expect![[r#"
            1. start m on a (wanted)
            2. start m#1 on c (wanted)
            then: m on a, m#1 on c
            wait m#2: no node may run it
        "#]],
    );
}

#[test]
fn alike_instances_fail_alike() {
    story(
        "nodes a b
         clone k
         single m in k failures-max=1
         found m on a #0
         failures m on a 1",
        &expect![[r#"
            1. stop m on a (moves)
            2. start m on b (moves) after 1
            then: m on b
            wait m#1: no node may run it
        "#]],
    );
}

#[test]
fn only_the_number_that_failed_is_barred() {
    story(
        "nodes a b
         clone k max=2 per-node=2 unique
         single m in k failures-max=1
         found m on a #0
         found m on a #1
         failures m on a 1 #1",
        &expect![[r#"
            1. stop m#1 on a (moves)
            2. start m#1 on b (moves) after 1
            then: m on a, m#1 on b
        "#]],
    );
}

#[test]
fn a_cloned_group_starts_in_order_on_each_node() {
    story(
        "nodes a b
         clone k
         group g in k
         single m in g
         single n in g",
        &expect![[r#"
            1. start m on a (wanted)
            2. start n on a (wanted) after 1
            3. start m#1 on b (wanted)
            4. start n#1 on b (wanted) after 3
            then: m on a, m#1 on b, n on a, n#1 on b
        "#]],
    );
}

#[test]
fn an_instance_on_a_lost_node_is_not_started_beside_the_most() {
    story(
        "nodes a
         node b offline unclean
         clone k max=1
         single m in k
         found m on b #0",
        &expect![[r#"
            fence b: lost
            1. stop m on b (fenced) of itself
            2. start m on a (moves) after 1 after the fence of b
            then: m on a
        "#]],
    );
}

#[test]
fn an_instance_that_cannot_be_reached_takes_its_share() {
    story(
        "node a pending
         nodes b c
         clone k max=2
         single m in k
         found m on a #0",
        &expect![[r#"
            1. start m#1 on b (wanted)
            then: m on a, m#1 on b
            meant: m#1 on b
            wait m: a is not proven to be off
        "#]],
    );
}

#[test]
fn an_instance_that_nobody_may_touch_takes_its_share() {
    story(
        "node a maintenance
         nodes b c
         clone k max=2
         single m in k
         found m on a #0",
        &expect![[r#"
            1. start m#1 on b (wanted)
            then: m on a, m#1 on b
        "#]],
    );
}

#[test]
fn a_torn_instance_does_not_spread() {
    story(
        "node a maintenance
         nodes b
         clone k
         group g in k
         single m in g
         single n in g
         found n on a #0",
        &expect![[r#"
            1. start m#1 on b (wanted)
            2. start n#1 on b (wanted) after 1
            then: m#1 on b, n on a, n#1 on b
            wait m: no node may run it
        "#]],
    );
}

#[test]
fn instances_stay_where_barred_nodes_take_no_share() {
    story(
        "nodes a b c
         clone k max=4 per-node=2 unique
         single m in k failures-max=1
         found m on a #1
         found m on a #3
         failures m on c 1",
        &expect![[r#"
            1. start m on b (wanted)
            2. start m#2 on b (wanted)
            then: m on b, m#1 on a, m#2 on b, m#3 on a
        "#]],
    );
}
