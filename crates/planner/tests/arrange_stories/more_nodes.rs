//! More of nodes: quorum, tickets, what must not be touched.

use expect_test::expect;

use super::story;

#[test]
fn a_node_that_shuts_down_and_is_lost_is_fenced() {
    story(
        "nodes a
         node b shutdown unclean
         single r
         found r on b",
        &expect![[r#"
            fence b: lost
            1. stop r on b (fenced) of itself
            2. start r on a (moves) after 1 after the fence of b
            then: r on a
        "#]],
    );
}

#[test]
fn somebody_asks_for_a_fence_and_there_is_no_fencing() {
    story(
        "policy no-fencing
         nodes a
         node b asked
         single r
         found r on b",
        &expect![[r#"
            then: r on b
            meant: r on a
            wait r: b is not proven to be off
        "#]],
    );
}

#[test]
fn a_node_on_its_way_that_was_never_seen_is_not_fenced() {
    story(
        "nodes a
         node b pending unseen
         single r",
        &expect![[r#"
            1. start r on a (wanted)
            then: r on a
        "#]],
    );
}

#[test]
fn a_lost_node_is_fenced_without_quorum_where_that_is_ignored() {
    story(
        "policy no-quorum=ignore
         no-quorum
         nodes a
         node b offline unclean
         single r
         found r on b",
        &expect![[r#"
            fence b: lost
            1. stop r on b (fenced) of itself
            2. start r on a (moves) after 1 after the fence of b
            then: r on a
        "#]],
    );
}

#[test]
fn freeze_restarts_what_failed() {
    story(
        "policy no-quorum=freeze
         no-quorum
         nodes a
         single r
         single s
         found r on a failed=watch/restart",
        &expect![[r#"
            1. stop r on a (failed)
            2. start r on a (failed) after 1
            then: r on a
            meant: r on a, s on a
            wait s: no quorum
        "#]],
    );
}

#[test]
fn freeze_promotes_nobody_new_but_takes_a_leader_back_up() {
    story(
        "policy no-quorum=freeze
         no-quorum
         nodes a b
         clone k promoted=1
         single m in k
         promotes m on a 5
         found m on a #0 promoted failed=watch/restart
         found m on b #1 unpromoted",
        &expect![[r#"
            1. demote m on a (failed)
            2. stop m on a (failed) after 1
            3. start m on a (failed) after 2
            4. promote m on a (failed) after 1 3
            then: m on a leads, m#1 on b follows
        "#]],
    );
}

#[test]
fn freeze_makes_no_leader() {
    story(
        "policy no-quorum=freeze
         no-quorum
         nodes a
         clone k promoted=1
         single m in k
         promotes m on a 5
         found m on a #0 unpromoted",
        &expect![[r#"
            then: m on a follows
            meant: m on a leads
            wait m: no quorum
        "#]],
    );
}

#[test]
fn demote_starts_nothing_new() {
    story(
        "policy no-quorum=demote
         no-quorum
         nodes a
         clone k promoted=1
         single m in k
         single r
         promotes m on a 5",
        &expect![[r#"
            then: nothing
            meant: m on a follows, r on a
            wait m: no quorum
            wait r: no quorum
        "#]],
    );
}

#[test]
fn demote_restarts_a_follower_that_failed() {
    story(
        "policy no-quorum=demote
         no-quorum
         nodes a
         clone k promoted=1
         single m in k
         promotes m on a 5
         found m on a #0 unpromoted failed=watch/restart",
        &expect![[r#"
            1. stop m on a (failed)
            2. start m on a (failed) after 1
            then: m on a follows
        "#]],
    );
}

#[test]
fn what_asks_for_no_quorum_leads_without_one() {
    story(
        "policy no-quorum=stop
         no-quorum
         nodes a
         clone k promoted=1 requires=nothing
         single m in k requires=nothing
         promotes m on a 5",
        &expect![[r#"
            1. start m on a (wanted)
            2. promote m on a (role) after 1
            then: m on a leads
        "#]],
    );
}

#[test]
fn without_quorum_a_leader_steps_down_before_it_stops() {
    story(
        "no-quorum
         nodes a
         clone k promoted=1
         single m in k
         promotes m on a 5
         found m on a #0 promoted",
        &expect![[r#"
            1. demote m on a (unwanted)
            2. stop m on a (unwanted) after 1
            then: nothing
            meant: m on a leads
            wait m: no quorum
        "#]],
    );
}

#[test]
fn a_partition_that_fences_itself_spares_a_node_that_runs_nothing() {
    story(
        "policy no-quorum=fence
         no-quorum
         nodes a b
         node c offline unclean
         single r
         found r on a",
        &expect![[r#"
            fence a: no quorum
            1. stop r on a (fenced) of itself
            then: nothing
            meant: r on b
            wait r: no quorum
        "#]],
    );
}

#[test]
fn what_should_stop_on_a_node_that_is_fenced_stops_with_it() {
    story(
        "nodes a
         node b offline unclean
         single r target=stopped
         found r on b",
        &expect![[r#"
            fence b: lost
            1. stop r on b (fenced) of itself
            then: nothing
        "#]],
    );
}

#[test]
fn a_ticket_that_never_was_here_is_no_loss() {
    story(
        "nodes a
         single r
         ticket t
         needs-ticket r t loss=fence",
        &expect![[r#"
            then: nothing
            wait r: no ticket
        "#]],
    );
}

#[test]
fn a_ticket_for_a_group_holds_for_each_member() {
    story(
        "nodes a
         group g
         single m0 in g
         single m1 in g
         ticket t
         needs-ticket g t",
        &expect![[r#"
            then: nothing
            wait m0: no ticket
            wait m1: no ticket
        "#]],
    );
}

#[test]
fn a_ticket_for_a_clone_holds_for_each_instance() {
    story(
        "nodes a b
         clone k
         single m in k
         ticket t lost
         needs-ticket k t loss=stop
         found m on a #0",
        &expect![[r#"
            1. stop m on a (unwanted)
            then: nothing
            wait m: no ticket
            wait m#1: no ticket
        "#]],
    );
}

#[test]
fn a_frozen_ticket_starts_no_further_instance() {
    story(
        "nodes a b
         clone k
         single m in k
         ticket t lost
         needs-ticket k t loss=freeze
         found m on a #0",
        &expect![[r#"
            then: m on a
            wait m: blocked
            wait m#1: no ticket
        "#]],
    );
}

#[test]
fn a_ticket_on_standby_takes_only_the_role_where_that_is_enough() {
    story(
        "nodes a
         clone k promoted=1
         single m in k
         promotes m on a 5
         ticket t granted standby
         needs-ticket k t role=promoted loss=demote
         found m on a #0 promoted",
        &expect![[r#"
            1. demote m on a (role)
            then: m on a follows
        "#]],
    );
}

#[test]
fn a_ticket_for_the_role_on_standby_stops_where_its_loss_would() {
    story(
        "nodes a
         clone k promoted=1
         single m in k
         promotes m on a 5
         ticket t granted standby
         needs-ticket k t role=promoted loss=stop
         found m on a #0 promoted",
        &expect![[r#"
            1. demote m on a (unwanted)
            2. stop m on a (unwanted) after 1
            then: nothing
            wait m: no ticket
        "#]],
    );
}

#[test]
fn of_two_tickets_the_one_that_is_missing_counts() {
    story(
        "nodes a
         single r
         ticket t granted
         ticket u
         needs-ticket r t
         needs-ticket r u",
        &expect![[r#"
            then: nothing
            wait r: no ticket
        "#]],
    );
}

#[test]
fn a_node_is_fenced_for_a_lost_ticket_only_where_something_runs() {
    story(
        "nodes a b
         single r
         ticket t lost
         needs-ticket r t loss=fence
         found r on a",
        &expect![[r#"
            fence a: r lost its ticket
            1. stop r on a (fenced) of itself
            then: nothing
            wait r: no ticket
        "#]],
    );
}

#[test]
fn active_twice_in_a_group_blocks_all_of_it() {
    story(
        "nodes a b
         group g twice=block
         single m0 in g twice=block
         single m1 in g twice=block
         found m0 on a
         found m1 on a
         found m0 on b",
        &expect![[r#"
            then: m0 on a, m0 on b, m1 on a
            meant: m0 on a, m1 on a
            wait m0: blocked
            wait m1: blocked
        "#]],
    );
}

#[test]
fn active_twice_does_not_block_a_clone() {
    story(
        "nodes a b
         clone k twice=block
         single m in k twice=block
         found m on a #0
         found m on b #1",
        &expect![[r#"
            then: m on a, m#1 on b
        "#]],
    );
}

#[test]
fn what_is_kept_although_it_is_removed_ends_with_its_node() {
    story(
        "policy keep-removed
         nodes a
         node b offline unclean
         single r removed
         found r on b",
        &expect![[r#"
            fence b: lost
            1. stop r on b (fenced) of itself
            then: nothing
        "#]],
    );
}

#[test]
fn a_thing_in_maintenance_is_not_started() {
    story(
        "nodes a
         single r maintenance",
        &expect![[r#"
            then: nothing
            wait r: left alone
        "#]],
    );
}

#[test]
fn an_unmanaged_thing_that_runs_twice_stays_twice() {
    story(
        "nodes a b
         single r unmanaged
         found r on a
         found r on b",
        &expect![[r#"
            then: r on a, r on b
            meant: r on a
        "#]],
    );
}

#[test]
fn a_member_of_a_group_in_maintenance_is_left_alone() {
    story(
        "nodes a
         group g
         single m0 in g
         single m1 in g maintenance
         found m0 on a failed=watch/restart
         found m1 on a",
        &expect![[r#"
            then: m0 on a, m1 on a
            wait m0: needs m1
        "#]],
    );
}

#[test]
fn an_unmanaged_thing_on_a_node_that_shuts_down_stays() {
    story(
        "nodes a
         node b shutdown
         single r unmanaged
         found r on b",
        &expect![[r#"
            then: r on b
        "#]],
    );
}

#[test]
fn freeze_by_role_leaves_followers_free() {
    story(
        "node a standby
         nodes b
         clone k promoted=1
         single m in k
         promotes m on a 5
         ticket t lost
         needs-ticket k t role=promoted loss=freeze
         found m on a #0 unpromoted",
        &expect![[r#"
            1. stop m on a (moves)
            2. start m on b (moves) after 1
            then: m on b follows
            wait m#1: no node may run it
        "#]],
    );
}

#[test]
fn a_lost_ticket_demotes_where_that_is_said() {
    story(
        "nodes a
         clone k promoted=1
         single m in k
         promotes m on a 5
         ticket t lost
         needs-ticket k t role=promoted loss=demote
         found m on a #0 promoted",
        &expect![[r#"
            1. demote m on a (role)
            then: m on a follows
        "#]],
    );
}

#[test]
fn a_lost_ticket_that_demotes_stops_what_has_no_roles() {
    story(
        "nodes a
         single r
         ticket t lost
         needs-ticket r t loss=demote
         found r on a",
        &expect![[r#"
            1. stop r on a (unwanted)
            then: nothing
            wait r: no ticket
        "#]],
    );
}

#[test]
fn a_ticket_for_the_role_lets_followers_start() {
    story(
        "nodes a
         clone k promoted=1
         single m in k
         promotes m on a 5
         ticket t
         needs-ticket k t role=promoted loss=demote",
        &expect![[r#"
            1. start m on a (wanted)
            then: m on a follows
        "#]],
    );
}

#[test]
fn a_ticket_for_the_role_whose_loss_stops_starts_nobody() {
    story(
        "nodes a
         clone k promoted=1
         single m in k
         promotes m on a 5
         ticket t
         needs-ticket k t role=promoted loss=stop",
        &expect![[r#"
            then: nothing
            wait m: no ticket
        "#]],
    );
}

#[test]
fn a_fence_for_a_lost_ticket_spares_followers_elsewhere() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         promotes m on a 5
         ticket t lost
         needs-ticket k t role=promoted loss=fence
         found m on a #0 promoted
         found m on b #1 unpromoted",
        &expect![[r#"
            fence a: k lost its ticket
            1. demote m on a (fenced) of itself
            2. stop m on a (fenced) of itself after 1
            then: m#1 on b follows
            wait m: no node may run it
        "#]],
    );
}

#[test]
fn a_failure_that_fences_is_moot_on_a_node_that_left() {
    story(
        "nodes a
         node b offline
         single r
         found r on b failed=watch/fence",
        &expect![[r#"
            1. start r on a (wanted)
            then: r on a
        "#]],
    );
}

#[test]
fn a_failure_that_empties_a_node_empties_it_of_others_too() {
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
fn without_quorum_what_fences_for_a_failure_still_fences_its_own() {
    story(
        "policy no-quorum=ignore
         no-quorum
         nodes a b
         single r
         found r on a failed=watch/fence",
        &expect![[r#"
            fence a: r failed
            1. stop r on a (fenced) of itself
            2. start r on b (moves) after 1 after the fence of a
            then: r on b
        "#]],
    );
}

#[test]
fn where_nothing_fences_what_runs_goes_on_and_nothing_new_starts() {
    story(
        "policy no-fence-device
         node a offline unclean
         nodes b
         single r
         single s
         single t requires=quorum
         single u
         found s on b
         found u on b failed=watch/restart",
        &expect![[r#"
            1. start t on b (wanted)
            2. stop u on b (failed)
            then: s on b, t on b
            meant: r on b, s on b, t on b, u on b
            wait r: a is not proven to be off
            wait u: a is not proven to be off
        "#]],
    );
}

#[test]
fn where_nothing_fences_a_node_that_was_never_seen_keeps_more_from_starting() {
    story(
        "policy no-fence-device
         node a offline unseen
         nodes b
         single r requires=quorum
         single s requires=nothing",
        &expect![[r#"
            1. start s on b (wanted)
            then: s on b
            meant: r on b, s on b
            wait r: a is not proven to be off
        "#]],
    );
}

#[test]
fn where_nothing_fences_and_there_is_no_quorum_the_policy_says_what_starts() {
    story(
        "policy no-fence-device no-quorum=freeze
         no-quorum
         node a offline unclean
         nodes b
         single r
         found r on b failed=watch/restart",
        &expect![[r#"
            1. stop r on b (failed)
            2. start r on b (failed) after 1
            then: r on b
        "#]],
    );
}

#[test]
fn a_failure_that_fences_is_not_answered_where_nothing_fences() {
    story(
        "policy no-fence-device
         nodes a b
         single r
         single s
         found r on a failed=stop/fence
         found s on a",
        &expect![[r#"
            then: r on a, s on a
            meant: r on b, s on b
            wait r: a is not proven to be off
            wait s: a is not proven to be off
        "#]],
    );
}

#[test]
fn the_ticket_of_another_is_no_reason() {
    story(
        "node a standby
         single r
         single s
         ticket t
         needs-ticket s t",
        &expect![[r#"
            then: nothing
            wait r: no node may run it
            wait s: no ticket
        "#]],
    );
}
