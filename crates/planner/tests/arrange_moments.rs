//! What random clusters found at moments within a round, each told as small as it was found to
//! be: numbers of clones, roles that must be apart, and migrations that were cut off.

#[path = "arrange_random/advance.rs"]
mod advance;
mod arrange_words;
#[path = "arrange_random/tree.rs"]
mod tree;

use advance::advance;
use arrange_words::{read, show_arrangement};
use planner::arrange::{Action, Arrangement, NodeIx, arrange};
use planner::arrange_checker::check;

/// As in the random clusters (`arrange_random`), where the number is argued for.
const ROUNDS_MAX: usize = 4;

/// Nothing is wrong, in no round, and soon nothing is left to do. Gives all answers.
fn sound(text: &str) -> Vec<Arrangement> {
    let told = read(text);
    let mut observed = told.observed;
    let mut rounds = Vec::new();
    for _ in 0..=ROUNDS_MAX {
        let arrangement = arrange(&told.wanted, &observed);
        let found = check(&told.wanted, &observed, &arrangement);
        let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
        let shown = show_arrangement(&told.wanted, &arrangement);
        assert!(lines.is_empty(), "{}\n{text}\n{shown}", lines.join("\n"));
        observed = advance(&told.wanted, &observed, &arrangement);
        let at_rest = arrangement.steps.is_empty() && arrangement.fences.is_empty();
        rounds.push(arrangement);
        if at_rest {
            return rounds;
        }
    }
    panic!("does not come to rest:\n{text}");
}

fn steps(arrangement: &Arrangement, action: Action) -> usize {
    let steps = arrangement.steps.iter();
    steps.filter(|step| step.action == action).count()
}

#[test]
fn half_instances_that_become_whole_wait_for_the_ones_that_have_no_place() {
    sound(
        "nodes a b c
         clone k max=2
         single x in k
         clone l max=2
         group g in l
         single m0 in g
         single m1 in g
         location k c=always undiscovered
         colocation l with k never
         found m1 on b #0
         found m0 on a #1
         found m0 on c #2",
    );
    sound(
        "nodes a c d
         node b no-resources
         clone k max=3 failures-max=1
         group g in k failures-max=1
         single m0 in g failures-max=1
         single m1 in g failures-max=1
         found m0 on a #0
         found m1 on a #0
         found m1 on b #1
         found m0 on d #2
         found m0 on c #3
         failures m0 on a 1",
    );
    sound(
        "node a pending
         nodes b e
         node c shutdown
         node d shutdown
         clone k max=4
         group g in k
         single m0 in g
         single m1 in g
         found m0 on b #0
         found m0 on c #1
         found m0 on a #2
         found m0 on d #3
         found m1 on e #4",
    );
}

#[test]
fn nothing_starts_apart_from_a_leader_that_nobody_can_stop() {
    let rounds = sound(
        "nodes a
         clone k promoted=1
         group g in k
         single m0 in g
         single m1 in g
         single r
         colocation r with k never with-role=promoted
         found m0 on a #0 promoted
         found m1 on a #0 unpromoted failed=watch/block
         failures m0 on a 6 hopeless",
    );
    assert!(rounds[0].steps.is_empty(), "it waits for a person");
}

#[test]
fn what_must_be_apart_from_a_leader_starts_once_that_is_demoted() {
    let rounds = sound(
        "nodes a
         clone k promoted=1 target=unpromoted
         single m in k target=unpromoted
         single r
         colocation r with k never with-role=promoted
         found m on a #0 promoted",
    );
    let first = &rounds[0];
    let demote = first
        .steps
        .iter()
        .position(|step| step.action == Action::Demote);
    let start = first.steps.iter().find(|step| step.action == Action::Start);
    let demote = demote.expect("it may not lead");
    assert!(start.expect("r is wanted").after.contains(&demote));
}

#[test]
fn a_group_that_is_twice_on_nodes_that_are_fenced_waits_for_nobody() {
    let rounds = sound(
        "node a offline unclean
         node b asked
         nodes c
         group g twice=block
         single m0 in g twice=block
         single m1 in g twice=block
         single m2 in g twice=block
         found m2 on a
         found m1 on c
         found m2 on b",
    );
    assert_eq!(rounds[0].fences.len(), 2);
    let starts = rounds[0]
        .steps
        .iter()
        .filter(|step| step.action == Action::Start);
    for start in starts.clone() {
        assert_eq!(start.after_fences, [NodeIx(0), NodeIx(1)]);
    }
    assert_eq!(starts.count(), 3, "m1 stood on nothing");
}

#[test]
fn a_group_that_is_twice_where_one_place_remains_waits_for_a_person() {
    let rounds = sound(
        "node a asked
         nodes b c
         group g twice=block
         single m0 in g twice=block
         single m1 in g twice=block
         found m0 on a
         found m0 on b",
    );
    assert_eq!(steps(&rounds[0], Action::Start), 0);
}

#[test]
fn members_that_have_arrived_run_on_while_a_migration_below_them_ends() {
    let rounds = sound(
        "nodes a b
         group g live
         single m0 in g live
         single m1 in g live
         found m1 on a
         found m0 on b leaving-to=a",
    );
    assert_eq!(steps(&rounds[0], Action::MigrateFrom), 1);
    assert_eq!(steps(&rounds[0], Action::Stop), 1, "only at the source");
}

#[test]
fn a_migration_that_goes_on_is_no_start() {
    let rounds = sound(
        "node a standby
         nodes b
         single r0
         single r1 live
         location r0 b=never
         order r0 then r1 one-way
         found r1 on a leaving-to=b",
    );
    assert_eq!(steps(&rounds[0], Action::MigrateFrom), 1);
}

#[test]
fn a_leader_beside_what_waits_for_a_person_takes_its_share() {
    sound(
        "nodes a
         clone k max=2 per-node=2 unique promoted=1
         group g in k
         single m0 in g
         single m1 in g
         single m2 in g
         found m2 on a #0 promoted
         found m0 on a #0 unpromoted failed=stop/block
         promotes m0 on a 0",
    );
}

#[test]
fn what_left_a_dead_node_and_is_twice_waits_for_a_person() {
    let rounds = sound(
        "policy no-fencing opt-in stop-all
         node a offline unclean
         nodes b c
         single r live twice=block
         found r on a leaving-to=b
         found r on c
         found r on b",
    );
    assert!(rounds[0].steps.is_empty());
}
