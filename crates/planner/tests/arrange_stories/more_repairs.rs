//! More of repairs: what does not migrate, and what waits.

use expect_test::expect;

use super::story;

#[test]
fn a_start_that_has_not_ended_where_it_should_be_is_no_migration() {
    story(
        "nodes a b
         single r live
         location r b=100
         found r on b starting",
        &expect![[r#"
            1. stop r on b (wanted)
            2. start r on b (wanted) after 1
            then: r on b
        "#]],
    );
}

#[test]
fn what_cannot_be_reached_does_not_migrate() {
    story(
        "node a pending
         nodes b
         single r live
         location r b=100
         found r on a",
        &expect![[r#"
            then: r on a
            meant: r on b
            wait r: a is not proven to be off
        "#]],
    );
}

#[test]
fn what_is_to_start_again_where_it_is_does_not_migrate() {
    story(
        "nodes a b
         single r live
         location r a=100
         found r on a failed=watch/restart",
        &expect![[r#"
            1. stop r on a (failed)
            2. start r on a (failed) after 1
            then: r on a
        "#]],
    );
}

#[test]
fn a_live_migration_waits_for_what_it_needs() {
    story(
        "nodes a b
         single q live
         single r live
         order q then r
         location q b=100
         location r b=100
         found q on a
         found r on a",
        &expect![[r#"
            1. send q on a (moves)
            2. receive q on b (moves) after 1
            3. stop q on a (moves) after 2 6
            4. send r on a (moves) after 2
            5. receive r on b (moves) after 4
            6. stop r on a (moves) after 5
            then: q on b, r on b
        "#]],
    );
}

#[test]
fn a_live_migration_only_waits_for_an_optional_order() {
    story(
        "nodes a b
         single q
         single r live
         order q then r optional
         location r b=100
         found r on a",
        &expect![[r#"
            1. start q on a (wanted)
            2. send r on a (moves) after 1
            3. receive r on b (moves) after 2
            4. stop r on a (moves) after 3
            then: q on a, r on b
        "#]],
    );
}

#[test]
fn what_needs_a_one_way_start_does_not_migrate_meanwhile() {
    story(
        "nodes a b
         single q
         single r live
         order q then r one-way
         location r b=100
         found r on a",
        &expect![[r#"
            1. start q on a (wanted)
            2. stop r on a (moves)
            3. start r on b (moves) after 1 2
            then: q on a, r on b
        "#]],
    );
}

#[test]
fn a_clone_that_starts_anew_below_hinders_a_live_migration() {
    story(
        "nodes a b
         clone k
         single m in k
         single r live
         order k then r
         location r b=100
         found m on a #0
         found r on a",
        &expect![[r#"
            1. start m#1 on b (wanted)
            2. stop r on a (moves)
            3. start r on b (moves) after 1 2
            then: m on a, m#1 on b, r on b
        "#]],
    );
}

#[test]
fn two_that_change_places_migrate_both_where_room_counts_for_nothing() {
    story(
        "nodes a b
         single r live
         single s live
         location r b=100
         location s a=100
         found r on a
         found s on b",
        &expect![[r#"
            1. send r on a (moves)
            2. receive r on b (moves) after 1
            3. stop r on a (moves) after 2
            4. send s on b (moves)
            5. receive s on a (moves) after 4
            6. stop s on b (moves) after 5
            then: r on b, s on a
        "#]],
    );
}

#[test]
fn a_migration_half_done_from_a_lost_node_has_arrived() {
    story(
        "nodes a
         node b offline unclean
         single r live
         found r on b leaving-to=a",
        &expect![[r#"
            fence b: lost
            1. stop r on b (fenced) of itself
            then: r on a
        "#]],
    );
}

#[test]
fn a_migration_half_done_to_a_lost_node_never_left() {
    story(
        "nodes a
         node b offline unclean
         single r live
         location r b=100
         found r on a leaving-to=b",
        &expect![[r#"
            fence b: lost
            1. stop r on b (fenced) of itself
            then: r on a
        "#]],
    );
}

#[test]
fn an_unmanaged_thing_does_not_migrate() {
    story(
        "nodes a b
         single r live unmanaged
         location r b=100
         found r on a",
        &expect![[r#"
            then: r on a
        "#]],
    );
}

#[test]
fn a_thing_that_stops_for_good_where_it_moves_is_stopped() {
    story(
        "nodes a b
         single r live target=stopped
         location r b=100
         found r on a",
        &expect![[r#"
            1. stop r on a (unwanted)
            then: nothing
        "#]],
    );
}

#[test]
fn a_failed_start_is_answered_by_a_fence_and_starts_elsewhere() {
    story(
        "nodes a b
         single r
         single s
         found r on a failed=start/fence
         found s on a",
        &expect![[r#"
            fence a: r failed
            1. stop r on a (fenced) of itself
            2. start r on b (moves) after 1 after the fence of a
            3. stop s on a (fenced) of itself
            4. start s on b (moves) after 3 after the fence of a
            then: r on b, s on b
        "#]],
    );
}

#[test]
fn a_failed_stop_of_what_should_be_down_waits_for_a_person() {
    story(
        "nodes a b
         single r target=stopped
         found r on a failed=stop/block",
        &expect![[r#"
            then: r on a
            wait r: blocked
        "#]],
    );
}

#[test]
fn a_failed_watch_of_a_follower_is_answered_by_a_restart() {
    story(
        "nodes a
         clone k promoted=1
         single m in k
         found m on a #0 unpromoted failed=watch/restart",
        &expect![[r#"
            1. stop m on a (failed)
            2. start m on a (failed) after 1
            then: m on a follows
        "#]],
    );
}

#[test]
fn a_failed_stop_that_demotes_starts_anew() {
    story(
        "nodes a
         clone k promoted=1
         single m in k
         promotes m on a 5
         found m on a #0 promoted failed=stop/demote",
        &expect![[r#"
            1. demote m on a (failed)
            2. stop m on a (failed) after 1
            3. start m on a (failed) after 2
            4. promote m on a (failed) after 1 3
            then: m on a leads
        "#]],
    );
}

#[test]
fn a_blocked_thing_elsewhere_keeps_it_from_starting_here() {
    story(
        "nodes a b
         single r
         location r b=100
         found r on a failed=stop/block",
        &expect![[r#"
            then: r on a
            wait r: blocked
        "#]],
    );
}

#[test]
fn a_stop_that_waits_tells_why_to_those_that_wait_for_it() {
    story(
        "nodes a
         node b pending
         single r target=stopped
         single s
         order r then s
         found r on b
         found s on a",
        &expect![[r#"
            1. stop s on a (for r)
            then: r on b
            meant: s on a
            wait r: b is not proven to be off
            wait s: needs r
        "#]],
    );
}

#[test]
fn what_runs_elsewhere_too_and_cannot_stop_there_keeps_it_from_starting() {
    story(
        "nodes a
         node b pending
         single r twice=stop-start
         location r a=100
         found r on a failed=watch/restart
         found r on b",
        &expect![[r#"
            1. stop r on a (active twice)
            then: r on b
            meant: r on a
            wait r: b is not proven to be off
        "#]],
    );
}

#[test]
fn of_two_that_change_places_where_room_counts_one_goes_live() {
    story(
        "policy placement=fits
         node a capacity=cpu:4
         node b capacity=cpu:4
         single r live uses=cpu:3
         single s live uses=cpu:3
         location r b=100
         location s a=100
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
fn what_stops_for_what_goes_away_live_is_waited_for() {
    story(
        "nodes a b
         single r live
         single s
         location r b=100
         location s a=100
         colocation r with s never
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
fn a_live_migration_follows_one_that_it_needs_half_done() {
    story(
        "nodes a b
         single q live
         single r live
         order q then r
         location q b=100
         location r b=100
         found q on a leaving-to=b
         found r on a",
        &expect![[r#"
            1. receive q on b (moves)
            2. stop q on a (moves) after 1 5
            3. send r on a (moves) after 1
            4. receive r on b (moves) after 3
            5. stop r on a (moves) after 4
            then: q on b, r on b
        "#]],
    );
}

#[test]
fn what_arrived_and_is_not_let_go_yet_is_let_go() {
    story(
        "nodes a b
         single r live
         location r b=100
         found r on a leaving-to=b
         found r on b coming-from=a",
        &expect![[r#"
            1. receive r on b (moves)
            2. stop r on a (moves) after 1
            then: r on b
        "#]],
    );
}

#[test]
fn a_migration_that_failed_is_begun_anew_with_a_stop() {
    story(
        "nodes a b
         single r live
         location r b=100
         found r on a failed=migrate/restart",
        &expect![[r#"
            1. stop r on a (moves)
            2. start r on b (moves) after 1
            then: r on b
        "#]],
    );
}

#[test]
fn what_may_not_be_touched_does_not_migrate_from_beneath_another() {
    story(
        "node a maintenance
         nodes b
         single q live
         single r
         order q then r
         found q on a
         found r on a",
        &expect![[r#"
            then: q on a, r on a
        "#]],
    );
}

#[test]
fn half_a_migration_beneath_a_later_member_comes_to_rest() {
    story(
        "nodes a b
         group g live
         single m0 in g live
         single m1 in g live
         location g b=100
         found m0 on a leaving-to=b
         found m1 on a",
        &expect![[r#"
            1. receive m0 on b (moves)
            2. stop m0 on a (moves) after 1 5
            3. send m1 on a (moves) after 1
            4. receive m1 on b (moves) after 3
            5. stop m1 on a (moves) after 4
            then: m0 on b, m1 on b
        "#]],
    );
}

#[test]
fn what_failed_in_its_promotion_and_may_lead_is_demoted() {
    story(
        "nodes a
         clone k promoted=1
         single m in k target=unpromoted
         found m on a #0 unpromoted failed=promote/demote",
        &expect![[r#"
            1. demote m on a (failed)
            then: m on a follows
        "#]],
    );
}

#[test]
fn a_watch_that_demotes_a_follower_does_nothing() {
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
