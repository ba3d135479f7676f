//! Stories of clusters that would never come to rest if each round were decided for itself:
//! what would be taken back is not begun. And that it is begun where nothing takes it back.

#[path = "arrange_random/advance.rs"]
mod advance;
mod arrange_words;
#[path = "arrange_random/tree.rs"]
mod tree;

use advance::advance;
use arrange_words::{read, show_arrangement};
use expect_test::{Expect, expect};
use planner::arrange::arrange;
use planner::arrange_checker::check;

/// As in the random clusters (`arrange_random`), where the number is argued for.
const ROUNDS_MAX: usize = 4;

/// The steps of each round until nothing is left to do, and what is active then.
fn story(text: &str, expect: &Expect) {
    let told = read(text);
    let mut observed = told.observed;
    let mut out = String::new();
    for round in 1..=ROUNDS_MAX + 1 {
        let arrangement = arrange(&told.wanted, &observed);
        let found = check(&told.wanted, &observed, &arrangement);
        let wrong: Vec<String> = found.iter().map(ToString::to_string).collect();
        let shown = show_arrangement(&told.wanted, &arrangement);
        assert!(wrong.is_empty(), "{}\n{text}\n{shown}", wrong.join("\n"));
        if arrangement.steps.is_empty() && arrangement.fences.is_empty() {
            let mut is: Vec<&str> = shown.lines().filter(|l| l.starts_with("is ")).collect();
            is.sort_unstable();
            out.extend(is.iter().map(|line| format!("{line}\n")));
            expect.assert_eq(&out);
            return;
        }
        let steps = shown.lines().filter(|line| {
            let of_the_end = ["is ", "placed ", "wait "];
            !of_the_end.iter().any(|word| line.starts_with(word))
        });
        for step in steps {
            out.push_str(&format!("{round}. {step}\n"));
        }
        observed = advance(&told.wanted, &observed, &arrangement);
    }
    panic!("does not come to rest:\n{text}\n{out}");
}

#[test]
fn wishes_that_contradict_each_other_move_nobody() {
    // The one must be with the other, and would rather be apart.
    story(
        "nodes a b
         single q live
         single r
         single s
         single t sticky=1 live
         colocation t with q always no-influence
         colocation t with q -1
         found q on a
         found r on b
         found s on a
         found t on a",
        &expect![[r#"
            is q on a #0 started
            is r on b #0 started
            is s on a #0 started
            is t on a #0 started
        "#]],
    );
}

#[test]
fn a_leader_is_not_sent_from_node_to_node() {
    story(
        "nodes a b
         single q uncritical
         clone k max=1 unique promoted=1 uncritical
         single kr in k uncritical
         single r sticky=1 uncritical
         colocation r with k always
         colocation k with q -1
         colocation k with q always no-influence
         promotes kr on b 0
         promotes kr on a 0
         found q on a
         found kr on a #0 promoted
         found r on a",
        &expect![[r#"
            is kr on a #0 promoted
            is q on a #0 started
            is r on a #0 started
        "#]],
    );
}

#[test]
fn what_follows_something_that_a_person_must_look_at_does_not_come_and_go() {
    story(
        "nodes a b
         clone k max=3 per-node=2 unique promoted=1 uncritical
         single kr in k uncritical
         single q uncritical
         single p priority=1
         single r priority=-5 sticky=1 uncritical
         colocation r with k always
         found kr on a #0 unpromoted
         found kr on a #1 unpromoted failed=stop/block
         found kr on b #1 unpromoted
         found kr on b #2 unpromoted
         found q on b
         found p on a
         found r on b",
        &expect![[r#"
            is kr on a #0 unpromoted
            is kr on a #1 unpromoted
            is kr on b #1 unpromoted
            is kr on b #2 unpromoted
            is p on a #0 started
            is q on b #0 started
            is r on b #0 started
        "#]],
    );
}

#[test]
fn a_follower_that_takes_the_room_of_what_it_needs_does_not_come_and_go() {
    story(
        "policy placement=few
         node a capacity=cpu:9
         single p uses=cpu:1
         single q priority=-5 uncritical uses=cpu:1
         single o uses=cpu:2
         group g priority=-5 sticky=1 uncritical uses=cpu:2
         single g0 in g priority=-5 sticky=1 uncritical uses=cpu:2
         single g1 in g priority=-5 sticky=1 uncritical uses=cpu:2
         single g2 in g priority=-5 sticky=1 uncritical uses=cpu:2
         some-before 1 of q then g
         found p on a
         found q on a
         found o on a
         found g0 on a
         found g1 on a",
        &expect![[r#"
            is g0 on a #0 started
            is g1 on a #0 started
            is o on a #0 started
            is p on a #0 started
            is q on a #0 started
        "#]],
    );
}

#[test]
fn two_that_have_room_beside_others_do_not_change_places_for_a_third() {
    story(
        "policy placement=few
         node a capacity=cpu:6
         node b capacity=cpu:7
         node c capacity=cpu:11
         group g sticky=always live uses=cpu:4
         single g0 in g sticky=always live uses=cpu:4
         single g1 in g sticky=always live uses=cpu:4
         group h sticky=always uncritical uses=cpu:4
         single h0 in h sticky=always uncritical uses=cpu:4
         single h1 in h sticky=always uncritical uses=cpu:4
         single r priority=1 sticky=always uncritical uses=cpu:1
         found g0 on c
         found g1 on c
         found h0 on b
         found r on c",
        &expect![[r#"
            is g0 on c #0 started
            is g1 on c #0 started
            is h0 on b #0 started
            is r on c #0 started
        "#]],
    );
}

#[test]
fn what_cannot_start_takes_no_room_from_what_runs() {
    story(
        "policy no-quorum=freeze placement=few
         no-quorum
         node a
         node b
         node c capacity=cpu:8
         node d capacity=cpu:10
         group g apart uncritical uses=cpu:2
         single g0 in g uncritical uses=cpu:2
         single g1 in g uncritical uses=cpu:2
         single q priority=1 uncritical uses=cpu:2
         clone k priority=1 uncritical uses=cpu:3
         single kr in k priority=1 uncritical uses=cpu:3
         single r sticky=1 uncritical uses=cpu:2
         colocation r with g 1
         colocation q with g always
         order g then k one-way
         found kr on c #0
         found r on d",
        &expect![[r#"
            1. stop r on d #0
            1. start r on c #0 after 0
            is kr on c #0 started
            is r on c #0 started
        "#]],
    );
}

#[test]
fn what_cannot_start_keeps_nobody_away() {
    story(
        "policy placement=few
         no-quorum
         node a capacity=cpu:10
         single q uncritical uses=cpu:3
         single r priority=10 uncritical requires=nothing uses=cpu:1
         clone k max=2 per-node=2 unique priority=10 uses=cpu:4
         single kr in k priority=10 uses=cpu:4
         single s priority=10 uncritical uses=cpu:2
         colocation r with q never
         found r on a
         found kr on a #0 failed=start/block",
        &expect![[r#"
            is kr on a #0 started
            is r on a #0 started
        "#]],
    );
}

#[test]
fn what_must_be_with_something_that_is_stuck_in_two_places_stays_beside_the_one() {
    story(
        "policy placement=few
         node a capacity=cpu:10
         node b maintenance
         node c capacity=cpu:4
         single q uses=cpu:1
         single p sticky=1 uncritical
         clone k max=2 priority=5 uncritical uses=cpu:2
         group kg in k priority=5 uncritical uses=cpu:2
         single k0 in kg priority=5 uncritical uses=cpu:2
         single k1 in kg priority=5 uncritical uses=cpu:2
         single r sticky=1 uncritical uses=cpu:2
         group g priority=1 uncritical uses=cpu:2
         single g0 in g priority=1 uncritical uses=cpu:2
         single g1 in g priority=1 uncritical uses=cpu:2
         colocation r with q 1
         colocation k with q always
         found q on c
         found q on b
         found q on a
         found p on a
         found k0 on a #0
         found k1 on a #0
         found r on c
         found g0 on a
         found g1 on a",
        &expect![[r#"
            is g0 on a #0 started
            is g1 on a #0 started
            is k0 on a #0 started
            is k1 on a #0 started
            is p on a #0 started
            is q on a #0 started
            is q on b #0 started
            is q on c #0 started
            is r on c #0 started
        "#]],
    );
}

#[test]
fn a_move_that_waits_for_ever_is_not_begun_by_a_stop() {
    story(
        "policy placement=few
         node a
         node b maintenance
         node c capacity=cpu:4
         node d capacity=cpu:5
         group g priority=1 sticky=1 uncritical uses=cpu:3
         single g0 in g priority=1 sticky=1 uncritical uses=cpu:3
         single g1 in g priority=1 sticky=1 uncritical uses=cpu:3
         group h priority=1 sticky=1 uncritical uses=cpu:2
         single h0 in h priority=1 sticky=1 uncritical uses=cpu:2
         single h1 in h priority=1 sticky=1 uncritical uses=cpu:2
         single h2 in h priority=1 sticky=1 uncritical uses=cpu:2
         found g0 on c
         found h0 on d
         found h1 on b",
        &expect![[r#"
            is g0 on c #0 started
            is h0 on d #0 started
            is h1 on b #0 started
        "#]],
    );
}

/// Two that fit only one after the other, each of which would be preferred when it is down.
const RIVALS: &str = "policy placement=few
         node a capacity=cpu:4
         node b
         single q priority=-5 uncritical uses=cpu:3
         single r uncritical uses=cpu:2
         single s sticky=1 uncritical
         location q a=always
         location s b=never
         colocation s with q never";

#[test]
fn of_two_rivals_the_one_that_matters_more_stays() {
    story(
        &format!("{RIVALS}\nfound r on a\nfound s on a"),
        &expect![[r#"
            is r on a #0 started
            is s on a #0 started
        "#]],
    );
}

#[test]
fn of_two_rivals_the_one_that_matters_more_takes_the_room_once() {
    story(
        &format!("{RIVALS}\nfound q on a"),
        &expect![[r#"
        1. stop q on a #0
        1. start r on a #0 after 0
        1. start s on a #0 after 0
        is r on a #0 started
        is s on a #0 started
    "#]],
    );
}

#[test]
fn a_move_that_nothing_takes_back_is_begun() {
    story(
        "nodes a b
         single r
         location r b=100
         found r on a",
        &expect![[r#"
            1. stop r on a #0
            1. start r on b #0 after 0
            is r on b #0 started
        "#]],
    );
}

#[test]
fn what_may_not_stay_moves_although_others_go_round_in_circles() {
    story(
        "nodes a b
         node c standby
         single q live
         single r
         single s
         single t sticky=1 live
         single u
         colocation t with q always no-influence
         colocation t with q -1
         location u a=50 b=50
         found q on a
         found r on b
         found s on a
         found t on a
         found u on c",
        &expect![[r#"
            1. stop u on c #0
            1. start u on b #0 after 0
            is q on a #0 started
            is r on b #0 started
            is s on a #0 started
            is t on a #0 started
            is u on b #0 started
        "#]],
    );
}

#[test]
fn nobody_is_promoted_beside_a_leader_that_should_stop_and_cannot() {
    story(
        "node a
         node b no-resources
         clone k max=2 promoted=1 uncritical
         group kg in k uncritical
         single k0 in kg uncritical
         single k1 in kg uncritical
         found k0 on b #0 promoted
         found k1 on b #0 unpromoted failed=start/block
         promotes k0 on a 0",
        &expect![[r#"
            1. start k0 on a #1
            1. start k1 on a #1 after 0
            is k0 on a #1 unpromoted
            is k0 on b #0 promoted
            is k1 on a #1 unpromoted
            is k1 on b #0 unpromoted
        "#]],
    );
}

/// `r` cannot stop on either node, so it runs on; whether that is found out before or after
/// its start was found impossible is a matter of the order of lists.
#[test]
fn what_needs_something_that_cannot_stop_starts_whatever_stands_first_in_the_file() {
    let things = [
        "single r uncritical",
        "single s priority=1",
        "clone k max=1 priority=3 uncritical\nsingle kr in k priority=3 uncritical",
    ];
    let rest = "location r a=2 b=1
         location s a=1
         location k a=2 b=1
         order r then k
         order r then s
         found r on a
         found s on b failed=stop/fence
         found r on b";
    for order in [
        [0, 1, 2],
        [2, 1, 0],
        [1, 2, 0],
        [0, 2, 1],
        [1, 0, 2],
        [2, 0, 1],
    ] {
        let things = order.map(|at| things[at]).join("\n");
        for nodes in ["nodes a b", "nodes b a"] {
            story(
                &format!("policy no-fencing\n{nodes}\n{things}\n{rest}"),
                &expect![[r#"
                    1. start kr on a #0
                    is kr on a #0 started
                    is r on a #0 started
                    is r on b #0 started
                    is s on b #0 started
                "#]],
            );
        }
    }
}

/// `k` and `r` have no room beside each other, and `s` must be with both: what `s` asks for
/// gives `k` no claim to the room that `r` holds. `q` and the stickiness make them take turns
/// in being placed first.
#[test]
fn what_must_be_with_two_that_have_no_room_together_does_not_set_one_on_the_other() {
    story(
        "policy placement=few
         node a capacity=cpu:2
         single r sticky=1 uncritical uses=cpu:1
         clone k uncritical uses=cpu:2
         group kg in k uncritical uses=cpu:2
         single k0 in kg uncritical uses=cpu:2
         single k1 in kg uncritical uses=cpu:2
         single q priority=10 uncritical
         clone s priority=10 uncritical
         single sr in s priority=10 uncritical
         colocation s with k always
         colocation q with r 2
         colocation s with r always
         found r on a
         found q on a failed=watch/stop",
        &expect![[r#"
            1. stop q on a #0
            is r on a #0 started
        "#]],
    );
}

#[test]
fn what_nobody_may_touch_keeps_its_room_whatever_is_placed_before_it() {
    story(
        "policy placement=few
         node a capacity=cpu:1
         node b maintenance
         single r uses=cpu:1
         group g apart uncritical uses=cpu:1
         single m0 in g uncritical uses=cpu:1
         single m1 in g uncritical uses=cpu:1
         found r on a
         found r on b
         found m1 on b",
        &expect![[r#"
            is m1 on b #0 started
            is r on a #0 started
            is r on b #0 started
        "#]],
    );
}

/// `p` cannot be proven stopped on `d`, so it goes nowhere; where it would go decides where
/// the group of `m1`, which must be with it, may be.
#[test]
fn what_waits_for_a_proof_does_not_draw_others_to_and_fro() {
    story(
        "policy no-fencing
         node a
         node b
         node c
         node d unclean
         single o
         single q uncritical
         single p priority=-5
         single r
         group g sticky=1 uncritical
         single m0 in g sticky=1 uncritical
         single m1 in g sticky=1 uncritical
         colocation m1 with p always
         colocation g with q 1
         found p on d
         found q on d",
        &expect![[r#"
            1. start o on a #0
            1. start r on c #0
            1. start m0 on a #0
            is m0 on a #0 started
            is o on a #0 started
            is p on d #0 started
            is q on d #0 started
            is r on c #0 started
        "#]],
    );
}

#[test]
fn what_waits_for_a_person_does_not_draw_others_to_and_fro() {
    story(
        "nodes a b c
         group g uncritical
         single m0 in g uncritical
         single m1 in g uncritical
         single q
         single r
         group h sticky=1 uncritical
         single h0 in h sticky=1 uncritical
         single h1 in h sticky=1 uncritical
         colocation h with m0 -1
         colocation h1 with m0 always
         found m1 on a failed=start/block",
        &expect![[r#"
            1. start q on b #0
            1. start r on c #0
            1. start h0 on a #0
            is h0 on a #0 started
            is m1 on a #0 started
            is q on b #0 started
            is r on c #0 started
        "#]],
    );
}
