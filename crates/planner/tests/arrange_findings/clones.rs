//! What random clusters found about clones.

use super::*;

#[test]
fn the_old_leader_steps_down_before_another_leads() {
    sound(
        "nodes a b c
         clone k promoted=1
         single r in k
         found r on c #0 promoted
         promotes r on a 0",
    );
}

#[test]
fn a_leader_that_cannot_step_down_remains_the_only_one() {
    sound(
        "nodes a
         node b maintenance
         clone k promoted=1
         single r in k
         found r on b #0 promoted
         promotes r on a 0",
    );
}

#[test]
fn an_instance_does_not_start_beside_another_on_the_same_node() {
    sound("nodes a\nclone k max=2\nsingle r in k\nfound r on a #0 failed=watch/stop");
    sound(
        "nodes a b
         clone k promoted=1
         single r in k
         found r on a #0 unpromoted failed=stop/block
         found r on b #1 unpromoted
         promotes r on a 1",
    );
    sound(
        "nodes a b
         clone k max=4 per-node=2 unique
         single r in k
         found r on b #2
         found r on a #2",
    );
}

#[test]
fn half_an_instance_of_a_group_does_not_make_a_clone_too_large() {
    sound(
        "nodes a b
         clone k max=1
         group g in k
         single m0 in g
         single m1 in g
         found m0 on b #0
         found m1 on a #1",
    );
}

#[test]
fn a_clone_that_is_full_with_what_cannot_be_stopped_starts_nothing() {
    sound(
        "policy placement=few
         node a maintenance
         nodes b
         node c capacity=cpu:2
         node d capacity=cpu:2
         clone k max=2 uses=cpu:1
         single r in k uses=cpu:1
         found r on c #0
         found r on a #1
         found r on b #2",
    );
    sound(
        "nodes a b
         clone k max=2 unique twice=block
         single r in k twice=block
         found r on b #1
         found r on a #1",
    );
}

#[test]
fn live_migration_keeps_orders() {
    sound(
        "nodes a b
         single r0 live
         single r1
         order r0 then r1
         found r1 on a
         found r0 on b
         failures r0 on b 6 hopeless",
    );
    sound(
        "nodes a b
         group g live
         single m0 in g live
         single m1 in g live
         location g b=100
         found m0 on a
         found m1 on a",
    );
    sound(
        "node a standby
         nodes b
         single r live
         clone k promoted=1
         single m in k
         order r then k.promote
         found m on a #0 promoted
         found r on a",
    );
}

#[test]
fn what_cannot_be_done_is_not_followed_round_after_round() {
    sound(
        "nodes a b
         node c maintenance
         single r1
         single r2
         single r5
         order r2 then r5
         order r1 then r2
         found r1 on a failed=watch/move
         found r2 on c
         found r5 on a",
    );
    sound(
        "node a pending
         nodes b
         clone k max=2 per-node=2 unique
         single r in k
         single s
         order k then s
         found r on a #0",
    );
}

#[test]
fn a_failed_promotion_that_nobody_can_undo_takes_its_share() {
    sound(
        "nodes a
         node b maintenance
         clone k promoted=1
         single r in k
         found r on b #0 unpromoted failed=promote/restart
         promotes r on a 0",
    );
}

#[test]
fn copies_of_a_group_on_two_nodes_do_not_hold_each_other_up() {
    sound(
        "policy stop-all
         node a standby
         node b pending
         clone k unique
         group g in k
         single m0 in g
         single m1 in g
         found m0 on b #1
         found m1 on b #1
         found m0 on a #1
         found m1 on a #1",
    );
}

#[test]
fn instances_do_not_swap_their_numbers_for_ever() {
    sound(
        "nodes a b c
         clone j max=1
         single l in j
         clone k max=4 per-node=2 unique interleave
         single r in k failures-max=1
         order j then k
         failures r on b 1",
    );
}

#[test]
fn a_leader_in_two_places_is_not_promoted_because_a_part_of_it_is_blocked() {
    sound(
        "nodes a b
         clone k max=1 unique promoted=1
         group g in k
         single m0 in g
         single m1 in g
         found m0 on b #0 unpromoted
         found m1 on b #0 unpromoted failed=stop/block
         found m0 on a #0 promoted
         found m1 on a #0 promoted
         promotes m0 on b 1",
    );
}

#[test]
fn a_leader_that_is_not_wanted_in_vain_is_not_demoted_and_promoted_for_ever() {
    sound(
        "nodes a
         clone k promoted=1
         group g in k
         single m0 in g
         single m1 in g
         single m2 in g
         found m2 on a #0 promoted failed=start/block
         found m1 on a #0 promoted",
    );
}

#[test]
fn where_nobody_can_be_fenced_nothing_starts_beside_a_lost_node() {
    let arrangement = sound(
        "policy no-fence-device
         node a offline unclean
         nodes b
         single r
         single s
         clone k unique
         single m in k
         found s on b",
    );
    assert_eq!(arrangement.steps, [], "what runs goes on");
    let arrangement = sound(
        "policy no-fence-device
         node a offline unseen
         nodes b
         single r requires=quorum
         single s requires=nothing",
    );
    assert_eq!(arrangement.steps.len(), 1, "what asks for nothing starts");
}

#[test]
fn a_leader_that_should_start_anew_and_cannot_stop_is_not_promoted_again() {
    sound(
        "nodes a b c
         clone k unique promoted=1
         single m in k
         single r
         order k then r
         found m on a #2 unpromoted
         found m on b #2 promoted
         found r on b failed=stop/block
         promotes m on b 0",
    );
}

#[test]
fn what_is_frozen_in_one_of_two_places_is_left_in_both() {
    sound(
        "policy stop-all
         nodes a b
         clone k unique promoted=1
         single m in k
         ticket t lost
         needs-ticket k t role=promoted loss=freeze
         found m on b #1 promoted
         found m on a #1 unpromoted",
    );
}

#[test]
fn what_leads_beside_what_is_blocked_does_not_lead_on_where_it_must_not() {
    sound(
        "nodes a b
         single r
         location r a=10
         clone k promoted=1
         group g in k
         single m0 in g
         single m1 in g
         colocation m1 with r always role=promoted
         found m0 on b #0 unpromoted failed=stop/block
         found m1 on b #0 promoted",
    );
}

#[test]
fn a_leader_that_is_stuck_in_two_places_takes_two() {
    sound(
        "node a maintenance
         nodes b c
         clone k max=2 unique promoted=2
         single m in k
         found m on a #1 promoted
         found m on c #1 unpromoted failed=promote/restart
         promotes m on b 0",
    );
}

#[test]
fn who_runs_already_may_lead_without_what_its_start_would_have_waited_for() {
    sound(
        "nodes a b
         clone j promoted=1 target=unpromoted
         single l in j target=unpromoted
         clone k promoted=1
         single m in k
         order j.promote then k one-way
         found m on b #0 unpromoted
         promotes m on b 0",
    );
}

#[test]
fn exclusive_discovery_of_two_members_of_a_clone_adds_up() {
    sound(
        "nodes a b
         clone k
         group g in k
         single m0 in g
         single m1 in g
         location m0 a=always exclusive
         location m1 b=never exclusive",
    );
}

#[test]
fn what_is_free_in_two_instances_that_wait_for_a_person_is_placed_as_often_as_wanted() {
    for free in ["", "\nfound m1 on a #0\nfound m1 on b #1"] {
        sound(&format!(
            "nodes a b
             clone k max=1
             group g in k
             single m0 in g
             single m1 in g
             found m0 on a #0 failed=stop/block
             found m0 on b #1 failed=stop/block{free}"
        ));
    }
}

#[test]
fn what_is_free_in_an_instance_that_stays_starts_not_where_others_are_already() {
    sound(
        "node a maintenance
         nodes b c
         clone k per-node=2 unique
         group g in k
         single m0 in g
         single m1 in g
         found m0 on b #1
         found m1 on b #1
         found m0 on b #0
         found m1 on b #0
         found m0 on c #0
         found m0 on a #2
         found m0 on b #2
         found m0 on a #1
         found m0 on a #0
         found m1 on a #0",
    );
}

#[test]
fn what_moves_waits_for_what_is_too_much_and_cannot_stop() {
    sound(
        "policy opt-in
         node a
         node b pending
         node c
         node d
         node e
         clone k max=2
         single kr in k
         single r
         location k c=always
         order k then r
         found r on d failed=stop/fence
         found kr on d #0
         found kr on a #1
         found kr on e #2
         found r on b",
    );
}
