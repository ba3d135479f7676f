//! Nodes: lost, fenced, emptied, left alone; quorum; everything at once.

use expect_test::expect;

use super::story;

#[test]
fn what_a_lost_node_ran_starts_elsewhere_after_its_fence() {
    story(
        "nodes a
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
fn everything_waits_for_every_fence() {
    story(
        "nodes a
         node b offline unclean
         single r",
        &expect![[r#"
            fence b: lost
            1. start r on a (wanted) after the fence of b
            then: r on a
        "#]],
    );
}

#[test]
fn a_node_that_left_in_peace_runs_nothing() {
    story(
        "nodes a
         node b offline
         single r
         found r on b",
        &expect![[r#"
            1. start r on a (wanted)
            then: r on a
        "#]],
    );
}

#[test]
fn where_nothing_fences_a_lost_node_waits_for_a_person_and_what_it_may_run_stays() {
    story(
        "policy no-fence-device
         nodes a
         node b offline unclean
         single r
         single s
         found r on b
         found s on a",
        &expect![[r#"
            then: r on b, s on a
            meant: r on a, s on a
            wait r: b is not proven to be off
        "#]],
    );
}

#[test]
fn where_nothing_fences_a_partition_without_quorum_stops_instead() {
    story(
        "policy no-fence-device no-quorum=fence
         no-quorum
         nodes a b
         single r
         single s requires=nothing
         found r on a",
        &expect![[r#"
            1. stop r on a (unwanted)
            2. start s on b (wanted)
            then: s on b
            meant: r on a, s on b
            wait r: no quorum
        "#]],
    );
}

#[test]
fn without_fencing_a_lost_node_is_taken_for_dead() {
    story(
        "policy no-fencing
         nodes a
         node b offline unclean
         single r
         found r on b",
        &expect![[r#"
            1. start r on a (wanted)
            then: r on a
        "#]],
    );
}

#[test]
fn a_node_never_seen_is_fenced_at_start_up() {
    story(
        "nodes a
         node b offline unseen
         single r",
        &expect![[r#"
            fence b: never seen
            1. start r on a (wanted) after the fence of b
            then: r on a
        "#]],
    );
}

#[test]
fn without_start_up_fencing_a_node_never_seen_is_nothing() {
    story(
        "policy no-startup-fencing
         nodes a
         node b offline unseen
         single r",
        &expect![[r#"
            1. start r on a (wanted)
            then: r on a
        "#]],
    );
}

#[test]
fn somebody_asks_for_a_fence() {
    story(
        "nodes a
         node b asked
         single r
         found r on b",
        &expect![[r#"
            fence b: asked for
            1. stop r on b (fenced) of itself
            2. start r on a (moves) after 1 after the fence of b
            then: r on a
        "#]],
    );
}

#[test]
fn a_lost_node_that_is_online_is_fenced() {
    story(
        "nodes a
         node b unclean
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
fn without_a_quorum_nobody_outside_is_fenced() {
    story(
        "no-quorum
         nodes a
         node b offline unclean
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
fn without_a_quorum_what_runs_stops() {
    story(
        "no-quorum
         nodes a
         single r
         single s requires=nothing
         single t requires=nothing
         found r on a
         found s on a",
        &expect![[r#"
            1. stop r on a (unwanted)
            2. start t on a (wanted)
            then: s on a, t on a
            meant: r on a, s on a, t on a
            wait r: no quorum
        "#]],
    );
}

#[test]
fn freeze_keeps_what_runs_and_starts_nothing() {
    story(
        "policy no-quorum=freeze
         no-quorum
         nodes a
         single r
         single s
         clone k promoted=1
         single m in k
         found r on a
         found m on a #0 unpromoted
         promotes m on a 5",
        &expect![[r#"
            then: m on a follows, r on a
            meant: m on a leads, r on a, s on a
            wait s: no quorum
            wait m: no quorum
        "#]],
    );
}

#[test]
fn freeze_keeps_a_leader() {
    story(
        "policy no-quorum=freeze
         no-quorum
         nodes a
         clone k promoted=1
         single m in k
         found m on a #0 promoted
         promotes m on a 5",
        &expect![[r#"
            then: m on a leads
        "#]],
    );
}

#[test]
fn demote_takes_the_role_and_lets_followers_run() {
    story(
        "policy no-quorum=demote
         no-quorum
         nodes a
         clone k promoted=1
         single m in k
         single r
         found m on a #0 promoted
         found r on a
         promotes m on a 5",
        &expect![[r#"
            1. demote m on a (role)
            2. stop r on a (unwanted)
            then: m on a follows
            meant: m on a follows, r on a
            wait r: no quorum
        "#]],
    );
}

#[test]
fn fence_fences_those_that_run_something() {
    story(
        "policy no-quorum=fence
         no-quorum
         nodes a b
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
fn without_fencing_the_policy_to_fence_stops() {
    story(
        "policy no-quorum=fence no-fencing
         no-quorum
         nodes a
         single r
         found r on a",
        &expect![[r#"
            1. stop r on a (unwanted)
            then: nothing
            meant: r on a
            wait r: no quorum
        "#]],
    );
}

#[test]
fn ignore_goes_on_as_with_a_quorum() {
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
fn standby_empties_a_node() {
    story(
        "node a standby
         nodes b
         single r
         found r on a",
        &expect![[r#"
            1. stop r on a (moves)
            2. start r on b (moves) after 1
            then: r on b
        "#]],
    );
}

#[test]
fn standby_everywhere_stops() {
    story(
        "node a standby
         single r
         found r on a",
        &expect![[r#"
            1. stop r on a (unwanted)
            then: nothing
            wait r: no node may run it
        "#]],
    );
}

#[test]
fn a_shutdown_empties_a_node() {
    story(
        "node a shutdown
         nodes b
         single r sticky=always
         found r on a",
        &expect![[r#"
            1. stop r on a (moves)
            2. start r on b (moves) after 1
            then: r on b
        "#]],
    );
}

#[test]
fn a_node_on_its_way_runs_nothing_yet() {
    story(
        "node a pending
         nodes b
         single r
         location r a=5",
        &expect![[r#"
            1. start r on b (wanted)
            then: r on b
        "#]],
    );
}

#[test]
fn what_is_on_a_node_on_its_way_cannot_be_stopped() {
    story(
        "node a pending
         nodes b
         single r
         found r on a",
        &expect![[r#"
            then: r on a
            meant: r on b
            wait r: a is not proven to be off
        "#]],
    );
}

#[test]
fn a_node_that_runs_no_resources_is_no_place() {
    story(
        "node a no-resources
         nodes b
         single r
         location r a=5",
        &expect![[r#"
            1. start r on b (wanted)
            then: r on b
        "#]],
    );
}

#[test]
fn maintenance_of_a_node_leaves_everything_on_it_alone() {
    story(
        "node a maintenance
         nodes b
         single r
         single s
         found r on a failed=watch/restart
         location s a=5",
        &expect![[r#"
            1. start s on b (wanted)
            then: r on a, s on b
        "#]],
    );
}

#[test]
fn maintenance_of_the_cluster_leaves_all_alone() {
    story(
        "policy maintenance
         nodes a b
         single r
         single s
         found r on a
         location r b=5",
        &expect![[r#"
            then: r on a
            wait s: left alone
        "#]],
    );
}

#[test]
fn maintenance_of_a_thing_leaves_it_alone() {
    story(
        "nodes a b
         single r maintenance
         found r on a failed=watch/restart
         location r b=5",
        &expect![[r#"
            then: r on a
        "#]],
    );
}

#[test]
fn what_is_unmanaged_stays_where_it_is() {
    story(
        "nodes a b
         single r unmanaged
         single s unmanaged
         found r on a
         location r b=5",
        &expect![[r#"
            then: r on a
            wait s: left alone
        "#]],
    );
}

#[test]
fn a_fence_ends_what_is_unmanaged() {
    story(
        "nodes a
         node b offline unclean
         single r unmanaged
         found r on b",
        &expect![[r#"
            fence b: lost
            1. stop r on b (fenced) of itself
            then: nothing
            wait r: left alone
        "#]],
    );
}

#[test]
fn stop_all_stops_all() {
    story(
        "policy stop-all
         nodes a
         single r
         single s unmanaged
         found r on a
         found s on a",
        &expect![[r#"
            1. stop r on a (unwanted)
            then: s on a
        "#]],
    );
}

#[test]
fn what_is_stopped_on_purpose_stops() {
    story(
        "nodes a
         single r target=stopped
         found r on a",
        &expect![[r#"
            1. stop r on a (unwanted)
            then: nothing
        "#]],
    );
}

#[test]
fn what_is_removed_stops() {
    story(
        "nodes a
         single r removed
         found r on a",
        &expect![[r#"
            1. stop r on a (unwanted)
            then: nothing
        "#]],
    );
}

#[test]
fn what_is_removed_may_be_kept() {
    story(
        "policy keep-removed
         nodes a
         single r removed
         found r on a",
        &expect![[r#"
            then: r on a
            meant: nothing
        "#]],
    );
}

#[test]
fn active_twice_stops_everywhere_and_starts_once() {
    story(
        "nodes a b
         single r
         found r on a
         found r on b",
        &expect![[r#"
            1. stop r on a (active twice)
            2. stop r on b (active twice)
            3. start r on a (active twice) after 1 2
            then: r on a
        "#]],
    );
}

#[test]
fn active_twice_stops_for_a_person() {
    story(
        "nodes a b
         single r twice=stop-only
         found r on a
         found r on b",
        &expect![[r#"
            1. stop r on a (unwanted)
            2. stop r on b (unwanted)
            then: nothing
        "#]],
    );
}

#[test]
fn active_twice_waits_for_a_person() {
    story(
        "nodes a b
         single r twice=block
         group g
         single m in g twice=block
         single n in g
         found r on a
         found r on b
         found m on a
         found m on b
         found n on a",
        &expect![[r#"
            then: m on a, m on b, n on a, r on a, r on b
            meant: m on a, n on a, r on a
            wait r: blocked
            wait m: blocked
            wait n: blocked
        "#]],
    );
}

#[test]
fn active_twice_stops_only_where_it_is_not_expected() {
    story(
        "nodes a b
         single r twice=unexpected
         found r on a
         found r on b
         location r b=5",
        &expect![[r#"
            1. stop r on a (active twice)
            then: r on b
        "#]],
    );
}

#[test]
fn a_ticket_that_is_not_here_keeps_it_stopped() {
    story(
        "nodes a
         ticket t lost
         single r
         single s
         needs-ticket r t
         found s on a
         needs-ticket s t",
        &expect![[r#"
            1. stop s on a (unwanted)
            then: nothing
            wait r: no ticket
            wait s: no ticket
        "#]],
    );
}

#[test]
fn a_ticket_that_is_here_lets_it_run() {
    story(
        "nodes a
         ticket t granted
         single r
         needs-ticket r t",
        &expect![[r#"
            1. start r on a (wanted)
            then: r on a
        "#]],
    );
}

#[test]
fn a_ticket_on_standby_stops_it_in_peace() {
    story(
        "nodes a
         ticket t granted standby
         single r
         needs-ticket r t loss=fence
         found r on a",
        &expect![[r#"
            1. stop r on a (unwanted)
            then: nothing
            wait r: no ticket
        "#]],
    );
}

#[test]
fn the_loss_of_a_ticket_fences() {
    story(
        "nodes a b
         ticket t lost
         single r
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
fn the_loss_of_a_ticket_freezes() {
    story(
        "nodes a b
         ticket t lost
         single r
         single s
         needs-ticket r t loss=freeze
         needs-ticket s t loss=freeze
         found r on a
         location r b=5",
        &expect![[r#"
            then: r on a
            wait r: blocked
            wait s: no ticket
        "#]],
    );
}

#[test]
fn once_active_is_not_twice() {
    story(
        "nodes a b
         single r twice=stop-only
         single s twice=block
         found r on a
         found s on a
         location s b=5",
        &expect![[r#"
            1. stop s on a (moves)
            2. start s on b (moves) after 1
            then: r on a, s on b
        "#]],
    );
}

#[test]
fn the_first_reason_for_a_fence_is_told() {
    story(
        "nodes a
         node b asked
         single r
         found r on b failed=stop/fence",
        &expect![[r#"
            fence b: asked for
            1. stop r on b (fenced) of itself
            2. start r on a (moves) after 1 after the fence of b
            then: r on a
        "#]],
    );
}
