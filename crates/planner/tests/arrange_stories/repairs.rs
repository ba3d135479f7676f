//! Failures and their answers, what is half done, and live migration.

use expect_test::expect;

use super::story;

#[test]
fn a_failure_is_answered_by_a_restart() {
    story(
        "nodes a b
         single r
         location r a=1
         found r on a failed=watch/restart",
        &expect![[r#"
            1. stop r on a (failed)
            2. start r on a (failed) after 1
            then: r on a
        "#]],
    );
}

#[test]
fn a_failure_is_answered_by_a_move() {
    story(
        "nodes a b
         single r
         location r a=1
         found r on a failed=watch/move",
        &expect![[r#"
            1. stop r on a (moves)
            2. start r on b (moves) after 1
            then: r on b
        "#]],
    );
}

#[test]
fn a_failure_is_answered_by_a_stop_for_good() {
    story(
        "nodes a b
         single r
         found r on a failed=watch/stop",
        &expect![[r#"
            1. stop r on a (unwanted)
            then: nothing
        "#]],
    );
}

#[test]
fn a_failure_is_answered_by_a_person() {
    story(
        "nodes a b
         single r
         location r b=5
         found r on a failed=stop/block",
        &expect![[r#"
            then: r on a
            wait r: blocked
        "#]],
    );
}

#[test]
fn a_failure_is_answered_by_standby() {
    story(
        "nodes a b
         single r
         single s
         found r on a failed=watch/standby
         found s on a",
        &expect![[r#"
            1. stop r on a (moves)
            2. start r on b (moves) after 1
            3. stop s on a (moves)
            4. start s on b (moves) after 3
            then: r on b, s on b
        "#]],
    );
}

#[test]
fn a_failure_is_answered_by_a_fence() {
    story(
        "nodes a b
         single r
         found r on a failed=stop/fence",
        &expect![[r#"
            fence a: r failed
            1. stop r on a (fenced) of itself
            2. start r on b (moves) after 1 after the fence of a
            then: r on b
        "#]],
    );
}

#[test]
fn a_failure_is_ignored() {
    story(
        "nodes a b
         single r
         found r on a failed=watch/ignore",
        &expect![[r#"
            then: r on a
        "#]],
    );
}

#[test]
fn a_watch_of_a_leader_that_failed_is_answered_by_a_demotion() {
    story(
        "nodes a
         clone k promoted=1
         single m in k
         found m on a #0 promoted failed=watch/demote
         promotes m on a 5",
        &expect![[r#"
            1. demote m on a (failed)
            2. promote m on a (failed) after 1
            then: m on a leads
        "#]],
    );
}

#[test]
fn a_failed_start_of_a_leader_is_answered_by_a_restart() {
    story(
        "nodes a
         clone k promoted=1
         single m in k
         found m on a #0 unpromoted failed=start/demote
         promotes m on a 5",
        &expect![[r#"
            1. stop m on a (failed)
            2. start m on a (failed) after 1
            3. promote m on a (role) after 2
            then: m on a leads
        "#]],
    );
}

#[test]
fn a_failed_promotion_comes_down_before_another_leads() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         found m on a #0 unpromoted failed=promote/restart
         promotes m on b 5",
        &expect![[r#"
            1. demote m on a (role)
            2. stop m on a (failed) after 1
            3. start m on a (failed) after 2
            4. start m#1 on b (wanted)
            5. promote m#1 on b (role) after 1 2 4
            then: m on a follows, m#1 on b leads
        "#]],
    );
}

#[test]
fn a_failed_promotion_is_demoted_before_another_leads() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         found m on a #0 unpromoted failed=promote/demote
         promotes m on b 5",
        &expect![[r#"
            1. demote m on a (failed)
            2. start m#1 on b (wanted)
            3. promote m#1 on b (role) after 1 2
            then: m on a follows, m#1 on b leads
        "#]],
    );
}

#[test]
fn a_start_that_has_not_ended_begins_anew() {
    story(
        "nodes a
         single r
         found r on a stopped starting",
        &expect![[r#"
            1. stop r on a (wanted)
            2. start r on a (wanted) after 1
            then: r on a
        "#]],
    );
}

#[test]
fn a_stop_that_has_not_ended_begins_anew() {
    story(
        "nodes a
         single r
         found r on a stopping",
        &expect![[r#"
            1. stop r on a (wanted)
            2. start r on a (wanted) after 1
            then: r on a
        "#]],
    );
}

#[test]
fn a_thing_moves_without_a_stop() {
    story(
        "nodes a b
         single r live
         location r b=1
         found r on a",
        &expect![[r#"
            1. send r on a (moves)
            2. receive r on b (moves) after 1
            3. stop r on a (moves) after 2
            then: r on b
        "#]],
    );
}

#[test]
fn what_failed_moves_with_a_stop() {
    story(
        "nodes a b
         single r live
         found r on a failed=watch/move",
        &expect![[r#"
            1. stop r on a (moves)
            2. start r on b (moves) after 1
            then: r on b
        "#]],
    );
}

#[test]
fn what_needs_it_stays_up_while_it_moves_live() {
    story(
        "nodes a b
         single r live
         single s live
         order r then s
         colocation s with r always
         location r b=1
         found r on a
         found s on a",
        &expect![[r#"
            1. send r on a (moves)
            2. receive r on b (moves) after 1
            3. stop r on a (moves) after 2 6
            4. send s on a (moves) after 2
            5. receive s on b (moves) after 4
            6. stop s on a (moves) after 5
            then: r on b, s on b
        "#]],
    );
}

#[test]
fn what_cannot_move_live_is_down_while_it_moves() {
    story(
        "nodes a b
         single r live
         single s
         order r then s
         colocation s with r always
         location r b=1
         found r on a
         found s on a",
        &expect![[r#"
            1. send r on a (moves) after 4
            2. receive r on b (moves) after 1
            3. stop r on a (moves) after 2 4
            4. stop s on a (moves)
            5. start s on b (moves) after 2 4
            then: r on b, s on b
        "#]],
    );
}

#[test]
fn what_starts_anew_below_hinders_a_live_migration() {
    story(
        "nodes a b
         single r
         single s live
         order r then s
         colocation s with r always
         location r b=1
         found r on a
         found s on a",
        &expect![[r#"
            1. stop r on a (moves) after 3
            2. start r on b (moves) after 1
            3. stop s on a (moves)
            4. start s on b (moves) after 2 3
            then: r on b, s on b
        "#]],
    );
}

#[test]
fn a_chain_that_starts_anew_below_hinders_them_all() {
    story(
        "nodes a b
         single r
         single s live
         single t live
         order r then s
         order s then t
         colocation s with r always
         colocation t with s always
         location r b=1
         found r on a
         found s on a
         found t on a",
        &expect![[r#"
            1. stop r on a (moves) after 3
            2. start r on b (moves) after 1
            3. stop s on a (moves) after 5
            4. start s on b (moves) after 2 3
            5. stop t on a (moves)
            6. start t on b (moves) after 4 5
            then: r on b, s on b, t on b
        "#]],
    );
}

#[test]
fn a_migration_half_done_goes_on() {
    story(
        "nodes a b
         single r live
         location r b=1
         found r on a leaving-to=b",
        &expect![[r#"
            1. receive r on b (moves)
            2. stop r on a (moves) after 1
            then: r on b
        "#]],
    );
}

#[test]
fn a_migration_that_has_arrived_ends_at_its_source() {
    story(
        "nodes a b
         single r live
         location r b=1
         found r on a leaving-to=b
         found r on b",
        &expect![[r#"
            1. stop r on a (moves)
            then: r on b
        "#]],
    );
}

#[test]
fn a_migration_whose_target_is_wanted_no_more_comes_back() {
    story(
        "nodes a b
         single r live
         location r a=5
         found r on a leaving-to=b",
        &expect![[r#"
            1. stop r on b (moves)
            then: r on a
        "#]],
    );
}

#[test]
fn what_was_sent_to_a_node_is_looked_for_there() {
    story(
        "node a offline unclean
         nodes b c
         single r live
         location r c=5
         found r on a leaving-to=b",
        &expect![[r#"
            fence a: lost
            1. stop r on a (fenced) of itself
            2. stop r on b (moves)
            3. start r on c (moves) after 1 2 after the fence of a
            then: r on c
        "#]],
    );
}

#[test]
fn a_third_place_is_no_migration() {
    story(
        "nodes a b c
         single r live
         location r b=1
         found r on a leaving-to=b
         found r on b coming-from=a
         found r on c",
        &expect![[r#"
            1. stop r on a (active twice)
            2. stop r on b (active twice)
            3. stop r on c (active twice)
            4. start r on b (active twice) after 1 2 3
            then: r on b
        "#]],
    );
}

#[test]
fn a_live_migration_makes_room_first() {
    story(
        "policy placement=fits
         node a capacity=cpu:2
         node b capacity=cpu:2
         single r live uses=cpu:2
         single s uses=cpu:2
         location r b=5
         location s b=never
         found r on a
         found s on b",
        &expect![[r#"
            1. send r on a (moves) after 4
            2. receive r on b (moves) after 1
            3. stop r on a (moves) after 2
            4. stop s on b (moves)
            5. start s on a (moves) after 3 4
            then: r on b, s on a
        "#]],
    );
}

#[test]
fn what_makes_room_only_after_it_has_gone_leaves_no_live_migration() {
    story(
        "policy placement=few
         node a
         node b capacity=cpu:3
         single s uses=cpu:1
         single r priority=10 live uses=cpu:3
         order s then r optional
         found r on a
         found s on b",
        &expect![[r#"
            1. stop s on b (unwanted) after 2
            2. stop r on a (moves)
            3. start r on b (moves) after 1 2
            then: r on b
            wait s: no node may run it
        "#]],
    );
}

#[test]
fn a_follower_that_failed_is_not_demoted() {
    story(
        "nodes a
         clone k promoted=1
         single m in k
         found m on a #0 unpromoted failed=watch/demote",
        &expect![[r#"
            then: m on a follows
        "#]],
    );
}
