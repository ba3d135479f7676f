//! What random clusters found: each was wrong once. The checker must have nothing to say of
//! the arrangement, and it must come to rest.

#[path = "../arrange_random/advance.rs"]
mod advance;
#[path = "../arrange_words/mod.rs"]
mod arrange_words;
mod clones;
#[path = "../arrange_random/tree.rs"]
mod tree;

use advance::advance;
use arrange_words::{read, show_arrangement};
use planner::arrange::{Arrangement, arrange};
use planner::arrange_checker::check;

/// As in the random clusters (`arrange_random`), where the number is argued for.
const ROUNDS_MAX: usize = 4;

/// Nothing is wrong, in no round, and soon nothing is left to do. Gives the first answer.
fn sound(text: &str) -> Arrangement {
    let told = read(text);
    let mut observed = told.observed;
    let mut first = None;
    for _ in 0..=ROUNDS_MAX {
        let arrangement = arrange(&told.wanted, &observed);
        let found = check(&told.wanted, &observed, &arrangement);
        let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
        let shown = show_arrangement(&told.wanted, &arrangement);
        assert!(lines.is_empty(), "{}\n{text}\n{shown}", lines.join("\n"));
        observed = advance(&told.wanted, &observed, &arrangement);
        let at_rest = arrangement.steps.is_empty() && arrangement.fences.is_empty();
        let first = first.get_or_insert(arrangement);
        if at_rest {
            return first.clone();
        }
    }
    panic!("does not come to rest:\n{text}");
}

#[test]
fn what_is_unmanaged_ends_with_the_fence_of_its_node() {
    sound("nodes a\nnode b offline unclean\nsingle r unmanaged\nfound r on b");
    sound("node b maintenance\nsingle r\nfound r on b failed=watch/fence");
}

#[test]
fn an_order_does_not_hold_up_what_a_fence_brings_about() {
    sound(
        "nodes a
         node b offline unclean
         single r0
         single r1
         order r0 then r1.stop
         found r0 on b failed=stop/fence",
    );
}

#[test]
fn nothing_starts_where_a_copy_elsewhere_cannot_be_stopped() {
    sound(
        "nodes a
         node b maintenance
         single r
         found r on a failed=watch/fence
         found r on b",
    );
    sound(
        "nodes a b
         single r1
         single r2
         order r1 then r2
         ticket t lost
         needs-ticket r2 t loss=freeze
         found r1 on a
         found r2 on a
         found r1 on b",
    );
}

#[test]
fn nothing_that_must_not_be_touched_is_started_because_what_it_needs_starts() {
    for state in ["unmanaged", "unmanaged target=stopped"] {
        sound(&format!(
            "nodes a\nsingle r0\nsingle r1 {state}\norder r0 then r1\nfound r1 on a"
        ));
    }
    sound("nodes a\nnode b maintenance\nsingle r0\nsingle r1\norder r0 then r1\nfound r1 on b");
}

#[test]
fn a_lost_node_is_dead_where_there_is_no_fencing() {
    let arrangement = sound(
        "policy no-fencing
         node a offline unclean
         nodes b
         single r
         found r on a",
    );
    assert_eq!(arrangement.steps.len(), 1, "it starts on b");
}

#[test]
fn a_migration_that_has_arrived_ends_at_its_source() {
    sound(
        "nodes a b
         single r live
         location r b=100
         found r on a leaving-to=b
         found r on b",
    );
}

#[test]
fn a_migration_that_goes_on_waits_for_nothing_that_waits_for_it() {
    sound(
        "nodes a b
         group g live
         single m0 in g live
         single m1 in g live
         location g a=100
         found m0 on b leaving-to=a",
    );
}

#[test]
fn nothing_starts_beside_what_it_must_be_apart_from_and_what_stays() {
    sound(
        "nodes a
         node b offline unclean
         single r0
         single r1
         colocation r1 with r0 never
         found r0 on b
         found r0 on a failed=watch/block",
    );
}

#[test]
fn serialised_actions_have_a_link() {
    sound("nodes a\nsingle r0\nsingle r1\norder r0 then r1 serialize");
}

#[test]
fn a_start_waits_for_the_stop_that_makes_room() {
    sound(
        "policy placement=fits
         node a capacity=cpu:4
         node b capacity=cpu:4
         single r0 uses=cpu:3
         single r1 uses=cpu:2
         location r0 a=100
         location r1 b=100
         found r1 on a",
    );
}

#[test]
fn a_group_is_not_torn_by_a_member_that_is_left_alone() {
    sound(
        "nodes a b
         single r1
         group g
         single m0 in g
         single m1 in g
         single m2 in g
         found m1 on a failed=watch/block",
    );
    sound(
        "node a maintenance
         nodes b
         group g apart
         single m0 in g
         single m1 in g
         single m2 in g
         found m1 on a",
    );
}

#[test]
fn nobody_is_placed_on_a_node_that_is_fenced() {
    sound(
        "policy opt-in
         node a offline unclean
         nodes b
         group g twice=block
         single m0 in g twice=block
         single m1 in g twice=block
         found m0 on b
         found m0 on a
         found m1 on a",
    );
}

#[test]
fn what_should_go_and_stays_has_a_reason() {
    sound("node a pending\nsingle r target=stopped\nfound r on a");
}

#[test]
fn what_cannot_be_done_asks_nothing_of_what_comes_before_it() {
    sound(
        "nodes a b
         group g
         single m0 in g
         single m1 in g
         single r
         order m1.stop then r
         found m0 on a failed=watch/block",
    );
}

#[test]
fn a_member_is_not_taken_away_beneath_one_that_stays_on_another_node() {
    sound(
        "policy stop-all
         node a pending
         nodes b
         group g
         single m0 in g
         single m1 in g
         single m2 in g
         found m0 on b
         found m2 on a",
    );
}

#[test]
fn a_migration_to_a_node_that_is_gone_begins_anew() {
    sound(
        "policy no-fencing
         node a offline
         nodes b
         node c shutdown
         single r live
         found r on c leaving-to=a",
    );
}

#[test]
fn of_two_that_change_places_where_room_counts_one_moves_with_a_stop() {
    sound(
        "policy placement=few
         node a capacity=cpu:9
         node b capacity=cpu:6
         group g priority=1 live uses=cpu:3
         single m0 in g priority=1 live uses=cpu:3
         single m1 in g priority=1 live uses=cpu:3
         single m2 in g priority=1 live uses=cpu:3
         single r live uses=cpu:4
         found r on a
         found m0 on b",
    );
}

#[test]
fn what_has_no_room_does_not_push_out_what_it_needs_round_after_round() {
    sound(
        "policy placement=few
         node a capacity=cpu:9
         single r1 uses=cpu:1
         single r2 priority=-5 uses=cpu:1
         single r3 uses=cpu:2
         group g4 priority=-5 sticky=1 uses=cpu:2
         single m0 in g4 priority=-5 sticky=1 uses=cpu:2
         single m1 in g4 priority=-5 sticky=1 uses=cpu:2
         single m2 in g4 priority=-5 sticky=1 uses=cpu:2
         order r2 then g4",
    );
}

#[test]
fn nothing_starts_in_a_partition_that_fences_itself() {
    sound("policy no-quorum=fence\nno-quorum\nnodes a b c d e f\nsingle r requires=nothing");
}

#[test]
fn which_of_two_places_counts_does_not_depend_on_the_order_in_which_they_are_told() {
    let world = "node n1 maintenance
                 nodes n2
                 group g
                 single m0 in g
                 single m1 in g\n";
    let one = "found m0 on n2\nfound m1 on n2\nfound m0 on n1";
    let other = "found m0 on n1\nfound m1 on n2\nfound m0 on n2";
    let places = |found: &str| {
        let mut after = sound(&format!("{world}{found}")).after;
        after.sort_unstable();
        after
    };
    assert_eq!(places(one), places(other));
}

#[test]
fn nothing_starts_in_a_rack_while_what_it_must_be_apart_from_stays_there() {
    sound(
        "node a rack=x
         node b rack=x pending
         node c rack=y
         single r
         single s
         location r c=10
         location s a=5
         colocation s with r never attribute=rack
         found r on b",
    );
}

#[test]
fn what_comes_live_waits_for_the_room_that_another_leaves_live() {
    sound(
        "policy placement=balanced
         node a capacity=cpu:5
         node b capacity=cpu:0
         node c capacity=cpu:4
         single r1 live uses=cpu:1
         single r3 live uses=cpu:4
         location r1 a=1
         found r1 on c
         found r3 on b",
    );
}

#[test]
fn what_cannot_run_for_want_of_something_lower_takes_no_room_from_that() {
    sound(
        "policy placement=few keep-removed
         node a capacity=cpu:0 shutdown
         node b capacity=cpu:7
         single r uses=cpu:2
         single s priority=5 unmanaged
         group g priority=5 uses=cpu:2
         single m0 in g priority=5 uses=cpu:2
         single m1 in g priority=5 uses=cpu:2
         single m2 in g priority=5 uses=cpu:2
         colocation s with r never
         order r then g
         found m0 on a",
    );
}

#[test]
fn who_wishes_to_be_with_something_does_not_draw_it_where_both_have_no_room() {
    sound(
        "policy placement=few
         node a capacity=cpu:2
         node b capacity=cpu:2
         single r uses=cpu:1
         single s sticky=1 live uses=cpu:2
         colocation s with r 1",
    );
}

#[test]
fn what_was_removed_and_runs_on_keeps_its_room() {
    sound(
        "policy placement=few keep-removed
         node a capacity=cpu:1
         single r uses=cpu:1
         single s removed uses=cpu:1
         found s on a",
    );
}

/// `m1` is not there, so `m2` stands right on `m0`.
#[test]
fn nothing_is_taken_away_beneath_what_cannot_stop_though_what_is_between_is_gone() {
    for elsewhere in ["", "\nfound m2 on b"] {
        let arrangement = sound(&format!(
            "policy stop-all
             nodes a b
             group g
             single m0 in g
             single m1 in g
             single m2 in g
             found m2 on a failed=stop/block{elsewhere}
             found m0 on a"
        ));
        assert_eq!(arrangement.steps, []);
    }
}
