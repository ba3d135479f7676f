//! What comes before what: one way, in turn, by some of several, by roles.

use expect_test::expect;

use super::story;

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
