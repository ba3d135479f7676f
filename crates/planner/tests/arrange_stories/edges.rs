//! What other stories come close to and do not touch.

use expect_test::expect;
use planner::arrange::Score;

use super::story;

#[test]
fn a_leader_on_a_node_in_maintenance_takes_the_only_share() {
    story(
        "node a maintenance
         nodes b
         clone k promoted=1
         single m in k
         found m on a #0 promoted
         found m on b #1 unpromoted
         promotes m on a 5
         promotes m on b 9",
        &expect![[r#"
            then: m on a leads, m#1 on b follows
        "#]],
    );
}

#[test]
fn a_leader_on_a_node_in_maintenance_takes_one_of_two_shares() {
    story(
        "node a maintenance
         nodes b c
         clone k promoted=2
         single m in k
         found m on a #0 promoted
         found m on b #1 unpromoted
         found m on c #2 unpromoted
         promotes m on a 5
         promotes m on b 9
         promotes m on c 8",
        &expect![[r#"
            1. promote m#1 on b (role)
            then: m on a leads, m#1 on b leads, m#2 on c follows
        "#]],
    );
}

#[test]
fn a_wish_to_lead_counts_for_whichever_instance_is_there_where_they_do_not_differ() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         found m on a #0 unpromoted
         found m on b #1 unpromoted
         promotes m on b 5 #7",
        &expect![[r#"
            1. promote m#1 on b (role)
            then: m on a follows, m#1 on b leads
        "#]],
    );
}

#[test]
fn a_wish_to_lead_counts_for_its_own_instance_where_they_differ() {
    story(
        "nodes a b
         clone k unique promoted=1
         single m in k
         found m on a #0 unpromoted
         found m on b #1 unpromoted
         promotes m on b 5 #0
         promotes m on a 3 #0",
        &expect![[r#"
            1. promote m on a (role)
            then: m on a leads, m#1 on b follows
        "#]],
    );
}

#[test]
fn a_leader_that_waits_for_a_person_takes_the_share_of_its_node() {
    story(
        "nodes a b
         clone k max=3 per-node=2 unique promoted=2
         single m in k
         found m on a #0 promoted failed=stop/block
         found m on a #1 unpromoted
         found m on b #2 unpromoted
         promotes m on a 9
         promotes m on b 1",
        &expect![[r#"
            1. promote m#2 on b (role)
            then: m on a leads, m#1 on a follows, m#2 on b leads
            wait m: blocked
        "#]],
    );
}

#[test]
fn what_failed_is_not_restarted_below_something_that_waits_for_a_person() {
    story(
        "nodes a
         single db
         single web
         order db then web
         found db on a failed=watch/restart
         found web on a failed=watch/block",
        &expect![[r#"
            then: db on a, web on a
            wait db: needs web
            wait web: blocked
        "#]],
    );
}

#[test]
fn a_clone_below_something_that_waits_for_a_person_is_restarted_nowhere_at_first() {
    story(
        "nodes a b
         clone k
         single db in k
         single web
         order k then web
         found web on b failed=stop/block
         found db on a failed=watch/restart",
        &expect![[r#"
            1. start db#1 on b (wanted)
            then: db on a, db#1 on b, web on b
            wait db: needs web
            wait web: blocked
        "#]],
    );
}

#[test]
fn who_only_wishes_to_be_near_has_no_say_where_there_is_no_room_for_both() {
    story(
        "policy placement=fits
         node a capacity=cpu:2
         node b capacity=cpu:4
         single db uses=cpu:2
         single web uses=cpu:2
         colocation web with db 500000
         location web a=100
         location db b=1",
        &expect![[r#"
            1. start db on b (wanted)
            2. start web on b (wanted)
            then: db on b, web on b
        "#]],
    );
}

#[test]
fn who_only_wishes_to_be_near_has_a_say_where_there_is_room() {
    story(
        "policy placement=fits
         node a capacity=cpu:4
         node b capacity=cpu:4
         single db uses=cpu:2
         single web uses=cpu:2
         colocation web with db 500000
         location web a=100
         location db b=1",
        &expect![[r#"
            1. start db on a (wanted)
            2. start web on a (wanted)
            then: db on a, web on a
        "#]],
    );
}

#[test]
fn where_resources_are_only_counted_nobody_asks_for_room() {
    story(
        "node a capacity=cpu:2
         node b capacity=cpu:4
         single db uses=cpu:2
         single web uses=cpu:2
         colocation web with db 500000
         location web a=100
         location db b=1",
        &expect![[r#"
            1. start db on a (wanted)
            2. start web on a (wanted)
            then: db on a, web on a
        "#]],
    );
}

#[test]
fn what_is_held_in_a_circle_holds_nothing_else() {
    // Those two would move each other for ever; what only wishes to be elsewhere moves.
    story(
        "nodes a b
         single q live
         single r
         single s
         single t sticky=1 live
         single u
         colocation t with q always no-influence
         colocation t with q -1
         location u b=100
         found q on a
         found r on b
         found s on a
         found t on a
         found u on a",
        &expect![[r#"
            1. stop u on a (moves)
            2. start u on b (moves) after 1
            then: q on a, r on b, s on a, t on a, u on b
        "#]],
    );
}

#[test]
fn who_relies_on_an_instance_that_waits_for_a_person_is_not_helped_by_one_elsewhere() {
    story(
        "nodes a b
         clone k
         single m in k
         single web
         colocation web with k always
         location web b=never
         found m on a #0 failed=stop/block
         found m on b #1",
        &expect![[r#"
            then: m on a, m#1 on b
            wait m: blocked
            wait web: no node may run it
        "#]],
    );
}

#[test]
fn who_relies_on_an_instance_that_waits_for_a_person_is_helped_by_one_beside_it() {
    story(
        "nodes a b
         clone k max=3 per-node=2 unique
         single m in k
         single web
         colocation web with k always
         location web b=never
         found m on a #0 failed=stop/block
         found m on a #1
         found m on b #2",
        &expect![[r#"
            1. start web on a (wanted)
            then: m on a, m#1 on a, m#2 on b, web on a
            wait m: blocked
        "#]],
    );
}

#[test]
fn of_two_instances_the_one_that_can_stay_keeps_its_place() {
    story(
        "node a standby
         nodes b
         clone k max=1
         single m in k
         found m on a #0
         found m on b #1",
        &expect![[r#"
            1. stop m on a (unwanted)
            then: m#1 on b
        "#]],
    );
}

#[test]
fn of_two_instances_the_one_that_can_stay_keeps_its_place_and_its_number() {
    story(
        "nodes a b c
         clone k max=2 unique
         single m in k
         location k a=never
         found m on a #0
         found m on b #1",
        &expect![[r#"
            1. stop m on a (moves)
            2. start m on c (moves) after 1
            then: m on c, m#1 on b
        "#]],
    );
}

#[test]
fn who_should_go_and_cannot_keeps_nobody_from_leading_unless_it_leads() {
    story(
        "node a maintenance
         nodes b
         clone k promoted=1
         single m in k
         location k a=never
         found m on a #0 unpromoted
         found m on b #1 unpromoted
         promotes m on b 5",
        &expect![[r#"
            1. promote m#1 on b (role)
            then: m on a follows, m#1 on b leads
        "#]],
    );
}

#[test]
fn who_should_go_and_cannot_and_leads_is_the_only_one() {
    story(
        "node a maintenance
         nodes b
         clone k promoted=1
         single m in k
         location k a=never
         found m on a #0 promoted
         found m on b #1 unpromoted
         promotes m on b 5",
        &expect![[r#"
            then: m on a leads, m#1 on b follows
        "#]],
    );
}

#[test]
fn what_runs_above_something_that_starts_only_now_starts_anew() {
    story(
        "nodes a
         single db
         single web
         order db then web
         found web on a",
        &expect![[r#"
            1. start db on a (wanted)
            2. stop web on a (for db)
            3. start web on a (for db) after 1 2
            then: db on a, web on a
        "#]],
    );
}

#[test]
fn what_runs_above_a_clone_starts_anew_with_the_instance_on_its_node() {
    story(
        "nodes a b
         clone k
         single m in k
         single web
         single far
         order k then web
         order k then far
         found m on b #0
         found web on a
         found far on b",
        &expect![[r#"
            1. start m#1 on a (wanted)
            2. stop web on a (for m)
            3. start web on a (for m) after 1 2
            then: far on b, m on b, m#1 on a, web on a
        "#]],
    );
}

#[test]
fn of_two_that_are_wanted_alike_who_leads_already_goes_on() {
    story(
        "nodes a b
         clone k promoted=1
         single m in k
         found m on a #0 unpromoted
         found m on b #1 promoted
         promotes m on a 5
         promotes m on b 5",
        &expect![[r#"
            then: m on a follows, m#1 on b leads
        "#]],
    );
}

#[test]
fn of_those_that_follow_clones_are_heard_first() {
    story(
        "nodes a b
         single p
         clone z
         single zm in z
         single b0
         colocation z with p always
         colocation b0 with p always
         location z b=never
         location b0 a=never",
        &expect![[r#"
            1. start p on a (wanted)
            2. start zm on a (wanted)
            then: p on a, zm on a
            wait zm#1: no node may run it
            wait b0: no node may run it
        "#]],
    );
}

#[test]
fn of_those_that_follow_the_one_that_matters_more_is_heard_first() {
    story(
        "nodes a b
         single p
         single s priority=5
         single q
         colocation s with p always
         colocation q with p always
         location s a=never
         location q b=never",
        &expect![[r#"
            1. start p on b (wanted)
            2. start s on b (wanted)
            then: p on b, s on b
            wait q: no node may run it
        "#]],
    );
}

#[test]
fn a_group_leads_as_a_whole_where_each_of_it_may() {
    story(
        "nodes a b
         clone k promoted=1
         group g in k
         single m in g
         single n in g
         promotes m on a 9
         promotes n on a never
         promotes m on b 1
         promotes n on b 1",
        &expect![[r#"
            1. start m on b (wanted)
            2. promote m on b (role) after 1
            3. start n on b (wanted) after 1
            4. promote n on b (role) after 2 3
            5. start m#1 on a (wanted)
            6. start n#1 on a (wanted) after 5
            then: m on b leads, m#1 on a follows, n on b leads, n#1 on a follows
        "#]],
    );
}

#[test]
fn scores_add_up_and_never_is_stronger_than_always() {
    let [never, always] = [Score::MINUS_INFINITY, Score::INFINITY];
    let five = Score::new(5);
    let told = [
        five + five,
        five + Score::new(-7),
        always + five,
        five + always,
        always + -five,
        -five + always,
        never + five,
        five + never,
        always + never,
        never + always,
        Score::new(900_000) + Score::new(900_000),
        Score::new(-900_000) + Score::new(-900_000),
        -five,
        -always,
        [five, five, always].into_iter().sum(),
    ];
    expect![
        "10 -2 always always always always never never never never always never -5 never always"
    ]
    .assert_eq(&told.map(|score| score.to_string()).join(" "));
}

#[test]
fn what_moves_live_stays_below_something_that_waits_for_a_person() {
    story(
        "nodes a b
         single db live
         single web
         order db then web
         location db b=100
         found db on a
         found web on a failed=stop/block",
        &expect![[r#"
            then: db on a, web on a
            meant: db on b, web on a
            wait db: needs web
            wait web: blocked
        "#]],
    );
}

#[test]
fn what_moves_live_leaves_a_node_in_standby_below_something_that_waits_for_a_person() {
    story(
        "node a standby
         nodes b
         single db live
         single web
         order db then web one-way
         found db on a
         found web on a failed=stop/block",
        &expect![[r#"
            1. send db on a (moves)
            2. receive db on b (moves) after 1
            3. stop db on a (moves) after 2
            then: db on b, web on a
            wait web: blocked
        "#]],
    );
}
