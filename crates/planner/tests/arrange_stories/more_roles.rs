//! More of roles: who leads, and who does not.

use expect_test::expect;

use super::story;

#[test]
fn points_for_the_role_are_added_to_what_the_agent_says() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         promotes m on a 5
         promotes m on b 8
         location k role=promoted a=4",
        &expect![[r#"
            1. start m on b (wanted)
            2. start m#1 on a (wanted)
            3. promote m#1 on a (role) after 2
            then: m on b follows, m#1 on a leads
        "#]],
    );
}

#[test]
fn what_an_agent_says_draws_an_instance_to_a_node() {
    story(
        "nodes a b c
         clone k max=1 promoted=1
         single m in k
         promotes m on c 10",
        &expect![[r#"
            1. start m on c (wanted)
            2. promote m on c (role) after 1
            then: m on c leads
        "#]],
    );
}

#[test]
fn what_an_agent_says_of_never_does_not_keep_an_instance_away() {
    story(
        "nodes a
         clone k promoted=1
         single m in k
         promotes m on a never",
        &expect![[r#"
            1. start m on a (wanted)
            then: m on a follows
        "#]],
    );
}

#[test]
fn of_equal_leaders_the_one_on_the_better_node_is_taken() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         promotes m on a 5
         promotes m on b 5
         location k b=10",
        &expect![[r#"
            1. start m on b (wanted)
            2. promote m on b (role) after 1
            3. start m#1 on a (wanted)
            then: m on b leads, m#1 on a follows
        "#]],
    );
}

#[test]
fn of_equals_in_everything_the_first_instance_leads() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         promotes m on a 5
         promotes m on b 5",
        &expect![[r#"
            1. start m on a (wanted)
            2. promote m on a (role) after 1
            3. start m#1 on b (wanted)
            then: m on a leads, m#1 on b follows
        "#]],
    );
}

#[test]
fn a_leader_is_not_kept_for_more_points_elsewhere() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         promotes m on a 5
         promotes m on b 6
         found m on a #0 promoted
         found m on b #1 unpromoted",
        &expect![[r#"
            1. demote m on a (role)
            2. promote m#1 on b (role) after 1
            then: m on a follows, m#1 on b leads
        "#]],
    );
}

#[test]
fn a_wish_to_follow_a_leader_counts_in_its_measure() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         single s
         promotes m on a 50
         promotes m on b 5
         location s b=100
         colocation s with k 500000 with-role=promoted",
        &expect![[r#"
            1. start m on b (wanted)
            2. promote m on b (role) after 1
            3. start m#1 on a (wanted)
            4. start s on b (wanted)
            then: m on b leads, m#1 on a follows, s on b
        "#]],
    );
}

#[test]
fn without_influence_a_follower_does_not_draw_the_leader() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         single s
         promotes m on a 50
         promotes m on b 5
         location s b=100
         colocation s with k always with-role=promoted no-influence",
        &expect![[r#"
            1. start m on a (wanted)
            2. promote m on a (role) after 1
            3. start m#1 on b (wanted)
            4. start s on a (wanted)
            then: m on a leads, m#1 on b follows, s on a
        "#]],
    );
}

#[test]
fn a_leader_keeps_away_from_something() {
    story(
        "nodes a b
         single r
         clone k promoted=1
         single m in k
         location r a=1
         promotes m on a 50
         promotes m on b 5
         colocation k with r never role=promoted",
        &expect![[r#"
            1. start r on a (wanted)
            2. start m on a (wanted)
            3. start m#1 on b (wanted)
            4. promote m#1 on b (role) after 3
            then: m on a follows, m#1 on b leads, r on a
        "#]],
    );
}

#[test]
fn a_leader_that_would_rather_be_elsewhere_leads_where_it_must() {
    story(
        "nodes a
         single r
         clone k promoted=1
         single m in k
         promotes m on a 50
         colocation k with r -10 role=promoted",
        &expect![[r#"
            1. start r on a (wanted)
            2. start m on a (wanted)
            3. promote m on a (role) after 2
            then: m on a leads, r on a
        "#]],
    );
}

#[test]
fn a_wish_to_follow_there_counts_against_leading_there() {
    story(
        "nodes a b
         single r
         clone k promoted=1
         single m in k
         location r a=1
         promotes m on a 50
         promotes m on b 45
         colocation k with r 10 role=unpromoted",
        &expect![[r#"
            1. start r on a (wanted)
            2. start m on a (wanted)
            3. promote m on a (role) after 2
            4. start m#1 on b (wanted)
            then: m on a leads, m#1 on b follows, r on a
        "#]],
    );
}

#[test]
fn the_sum_of_the_members_wishes_counts_in_a_group() {
    story(
        "nodes a b
         clone k promoted=1
         group g in k
         single m0 in g
         single m1 in g
         promotes m0 on a 5
         promotes m1 on a 5
         promotes m0 on b 8",
        &expect![[r#"
            1. start m0 on a (wanted)
            2. promote m0 on a (role) after 1
            3. start m1 on a (wanted) after 1
            4. promote m1 on a (role) after 2 3
            5. start m0#1 on b (wanted)
            6. start m1#1 on b (wanted) after 5
            then: m0 on a leads, m0#1 on b follows, m1 on a leads, m1#1 on b follows
        "#]],
    );
}

#[test]
fn a_group_with_a_member_that_may_only_follow_does_not_lead() {
    story(
        "nodes a
         clone k promoted=1
         group g in k
         single m0 in g
         single m1 in g target=unpromoted
         promotes m0 on a 5",
        &expect![[r#"
            1. start m0 on a (wanted)
            2. start m1 on a (wanted) after 1
            then: m0 on a follows, m1 on a follows
        "#]],
    );
}

#[test]
fn a_restart_of_a_member_takes_the_role_and_gives_it_back() {
    story(
        "nodes a
         clone k promoted=1
         group g in k
         single m0 in g
         single m1 in g
         promotes m0 on a 5
         found m0 on a #0 promoted failed=watch/restart
         found m1 on a #0 promoted",
        &expect![[r#"
            1. demote m0 on a (failed) after 5
            2. stop m0 on a (failed) after 1 6
            3. start m0 on a (failed) after 2 6
            4. promote m0 on a (failed) after 1 3 5
            5. demote m1 on a (for m0)
            6. stop m1 on a (for m0) after 5
            7. start m1 on a (for m0) after 3 6
            8. promote m1 on a (for m0) after 1 4 5 7
            then: m0 on a leads, m1 on a leads
        "#]],
    );
}

#[test]
fn two_leaders_where_one_is_wanted_leave_the_better_one() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         promotes m on a 5
         promotes m on b 8
         found m on a #0 promoted
         found m on b #1 promoted",
        &expect![[r#"
            1. demote m on a (role)
            then: m on a follows, m#1 on b leads
        "#]],
    );
}

#[test]
fn a_leader_on_a_lost_node_is_replaced_after_the_fence() {
    story(
        "nodes a
         node b offline unclean
         clone k promoted=1
         single m in k
         promotes m on a 5
         found m on a #0 unpromoted
         found m on b #1 promoted",
        &expect![[r#"
            fence b: lost
            1. promote m on a (role) after 2 after the fence of b
            2. demote m#1 on b (fenced) of itself
            3. stop m#1 on b (fenced) of itself after 2
            then: m on a leads
            wait m#1: no node may run it
        "#]],
    );
}

#[test]
fn a_leader_that_cannot_be_reached_takes_its_place() {
    story(
        "nodes a
         node b pending
         clone k promoted=1
         single m in k
         promotes m on a 5
         found m on a #0 unpromoted
         found m on b #1 promoted",
        &expect![[r#"
            then: m on a follows, m#1 on b leads
            meant: m on a follows
            wait m#1: b is not proven to be off
        "#]],
    );
}

#[test]
fn a_demotion_that_has_not_ended_is_done_before_another_leads() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         promotes m on b 5
         found m on a #0 unpromoted demoting
         found m on b #1 unpromoted",
        &expect![[r#"
            1. demote m on a (role)
            2. promote m#1 on b (role) after 1
            then: m on a follows, m#1 on b leads
        "#]],
    );
}

#[test]
fn a_promotion_that_has_not_ended_goes_on() {
    story(
        "nodes a
         clone k promoted=1
         single m in k
         promotes m on a 5
         found m on a #0 unpromoted promoting",
        &expect![[r#"
            1. promote m on a (role)
            then: m on a leads
        "#]],
    );
}

#[test]
fn a_failed_demotion_that_is_ignored_leads_nobody() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         promotes m on b 5
         found m on a #0 unpromoted failed=demote/ignore
         found m on b #1 unpromoted",
        &expect![[r#"
            1. promote m#1 on b (role)
            then: m on a follows, m#1 on b leads
        "#]],
    );
}

#[test]
fn an_order_after_a_promotion_stops_with_the_role() {
    story(
        "nodes a
         clone k promoted=1
         single m in k target=unpromoted
         single s
         order k.promote then s
         found m on a #0 promoted
         found s on a",
        &expect![[r#"
            1. demote m on a (role) after 2
            2. stop s on a (for m)
            then: m on a follows
            meant: m on a follows, s on a
            wait s: needs m
        "#]],
    );
}

#[test]
fn the_leader_of_numbers_that_differ_keeps_its_number() {
    story(
        "nodes a b
         clone k promoted=1 unique max=2
         single m in k
         promotes m on b 5 #1
         found m on a #0 unpromoted
         found m on b #1 unpromoted",
        &expect![[r#"
            1. promote m#1 on b (role)
            then: m on a follows, m#1 on b leads
        "#]],
    );
}

#[test]
fn a_leader_that_moves_steps_down_and_leads_again() {
    story(
        "node a standby
         nodes b
         clone k max=1 promoted=1
         single m in k
         promotes m on b 5
         promotes m on a 5
         found m on a #0 promoted",
        &expect![[r#"
            1. demote m on a (moves)
            2. stop m on a (moves) after 1
            3. start m on b (moves) after 2
            4. promote m on b (role) after 1 3
            then: m on b leads
        "#]],
    );
}

#[test]
fn a_stuck_leader_leaves_the_second_place() {
    story(
        "nodes a b
         node c maintenance
         clone k promoted=2
         single m in k
         promotes m on a 5
         promotes m on b 4
         found m on a #0 unpromoted
         found m on b #1 unpromoted
         found m on c #2 promoted",
        &expect![[r#"
            1. promote m on a (role)
            then: m on a leads, m#1 on b follows, m#2 on c leads
        "#]],
    );
}

#[test]
fn a_blocked_follower_takes_no_place_of_a_leader() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         promotes m on a 5
         found m on a #0 unpromoted
         found m on b #1 unpromoted failed=stop/block",
        &expect![[r#"
            1. promote m on a (role)
            then: m on a leads, m#1 on b follows
            wait m#1: blocked
        "#]],
    );
}

#[test]
fn an_instance_that_is_nowhere_does_not_lead() {
    story(
        "node a standby
         clone k promoted=1
         single m in k
         promotes m on a 5",
        &expect![[r#"
            then: nothing
            wait m: no node may run it
        "#]],
    );
}

#[test]
fn a_leader_below_zero_is_none() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         promotes m on a -5
         found m on a #0 promoted
         found m on b #1 unpromoted",
        &expect![[r#"
            1. demote m on a (role)
            then: m on a follows, m#1 on b follows
        "#]],
    );
}

#[test]
fn zero_is_enough_to_lead() {
    story(
        "nodes a
         clone k promoted=1
         single m in k
         promotes m on a 0",
        &expect![[r#"
            1. start m on a (wanted)
            2. promote m on a (role) after 1
            then: m on a leads
        "#]],
    );
}

#[test]
fn a_location_for_another_clone_says_nothing() {
    story(
        "nodes a b
         clone j promoted=1
         single l in j
         clone k promoted=1
         single m in k
         promotes l on a 5
         promotes l on b 6
         promotes m on a 5
         promotes m on b 6
         location j role=promoted a=100",
        &expect![[r#"
            1. start l on b (wanted)
            2. start l#1 on a (wanted)
            3. promote l#1 on a (role) after 2
            4. start m on b (wanted)
            5. promote m on b (role) after 4
            6. start m#1 on a (wanted)
            then: l on b follows, l#1 on a leads, m on b leads, m#1 on a follows
        "#]],
    );
}

#[test]
fn a_leader_of_an_ordered_group_is_promoted_in_order() {
    story(
        "nodes a
         clone k promoted=1
         group g in k
         single m0 in g
         single m1 in g
         promotes m0 on a 5
         found m0 on a #0 unpromoted
         found m1 on a #0 unpromoted",
        &expect![[r#"
            1. promote m0 on a (role)
            2. promote m1 on a (role) after 1
            then: m0 on a leads, m1 on a leads
        "#]],
    );
}

#[test]
fn all_of_a_cloned_group_steps_down() {
    story(
        "nodes a b
         clone k promoted=1
         group g in k
         single m0 in g
         single m1 in g
         promotes m0 on b 5
         found m0 on a #0 promoted
         found m1 on a #0 promoted
         found m0 on b #1 unpromoted
         found m1 on b #1 unpromoted",
        &expect![[r#"
            1. demote m0 on a (role) after 2
            2. demote m1 on a (role)
            3. promote m0#1 on b (role) after 1 2
            4. promote m1#1 on b (role) after 1 2 3
            then: m0 on a follows, m0#1 on b leads, m1 on a follows, m1#1 on b leads
        "#]],
    );
}

#[test]
fn a_wish_to_follow_a_leader_counts_no_more_than_its_measure() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         single s
         promotes m on a 50
         promotes m on b 5
         location s b=100
         colocation s with k 300000 with-role=promoted",
        &expect![[r#"
            1. start m on a (wanted)
            2. promote m on a (role) after 1
            3. start m#1 on b (wanted)
            4. start s on a (wanted)
            then: m on a leads, m#1 on b follows, s on a
        "#]],
    );
}

#[test]
fn what_leads_beside_what_is_blocked_steps_down_where_it_must_not_lead() {
    story(
        "nodes a b
         clone k promoted=1
         group g in k
         single m0 in g
         single m1 in g
         single r
         location r b=10
         colocation k with r always role=promoted
         found m0 on a #0 unpromoted failed=stop/block
         found m1 on a #0 promoted",
        &expect![[r#"
            1. demote m1 on a (role)
            2. stop m1 on a (for m0) after 1
            3. start m0#1 on b (wanted)
            4. start m1#1 on b (wanted) after 3
            5. start r on b (wanted)
            then: m0 on a follows, m0#1 on b follows, m1#1 on b follows, r on b
            meant: m0 on a follows, m0#1 on b follows, m1 on a follows, m1#1 on b follows, r on b
            wait m0: blocked
            wait m1: needs m0
        "#]],
    );
}

#[test]
fn without_quorum_what_leads_beside_what_is_blocked_steps_down_by_policy() {
    story(
        "policy no-quorum=demote
         no-quorum
         nodes a
         clone k promoted=1
         group g in k
         single m0 in g
         single m1 in g
         found m0 on a #0 unpromoted failed=stop/block
         found m1 on a #0 promoted",
        &expect![[r#"
            1. demote m1 on a (role)
            2. stop m1 on a (for m0) after 1
            then: m0 on a follows
            meant: m0 on a follows, m1 on a follows
            wait m0: blocked
            wait m1: needs m0
        "#]],
    );
}

#[test]
fn of_two_numbers_on_one_node_the_one_that_leads_counts() {
    story(
        "nodes a
         clone k promoted=1
         single m in k
         promotes m on a 5
         found m on a #0 unpromoted
         found m on a #1 promoted",
        &expect![[r#"
            then: m on a leads
        "#]],
    );
}

#[test]
fn of_two_numbers_on_one_node_the_first_that_leads_is_not_forgotten() {
    story(
        "nodes a
         clone k promoted=1
         single m in k
         promotes m on a 5
         found m on a #0 promoted
         found m on a #1 unpromoted",
        &expect![[r#"
            then: m on a leads
        "#]],
    );
}

#[test]
fn of_equals_that_do_not_lead_the_first_number_does_though_another_runs() {
    story(
        "nodes a
         clone k max=2 per-node=2 unique promoted=1
         single m in k
         found m on a #1 unpromoted
         promotes m on a 5",
        &expect![[r#"
            1. start m on a (wanted)
            2. promote m on a (role) after 1
            then: m on a leads, m#1 on a follows
        "#]],
    );
}

#[test]
fn who_leads_is_demoted_where_what_the_role_needs_is_stopped() {
    story(
        "nodes a
         single db target=stopped
         clone k promoted=1
         single m in k
         order db then m.promote
         found m on a promoted
         promotes m on a 5",
        &expect![[r#"
            1. demote m on a (role)
            then: m on a follows
            meant: m on a leads
            wait m: needs db
        "#]],
    );
}
