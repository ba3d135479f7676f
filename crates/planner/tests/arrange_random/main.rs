//! Random clusters of every kind of resource, relation, failure and policy: whatever is
//! wanted and observed, the arrangement passes the checker, comes to rest, and does not
//! depend on names nor, but for ties, on the order of lists.
//!
//! `ARRANGE_CASES=20000 cargo test --release -p planner --test arrange_random` runs more.

#[path = "../arrange_words/mod.rs"]
mod arrange_words;

mod advance;
mod build;
mod draft;
mod permute;
mod spoil;
mod tree;

use std::time::Duration;

use advance::advance;
use arrange_words::{read, show_arrangement, show_input};
use build::build;
use draft::draft;
use permute::{Permutation, decision};
use planner::arrange::{
    Arrangement, Discovery, FoundFailed, Location, MultipleActive, NodeIx, Observed, OnFail,
    ResourceIx, Score, Wanted, arrange,
};
use planner::arrange_checker::check;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use spoil::{another_outcome, one_start_too_early, one_step_less};

/// Rounds after which nothing is left to do.
///
/// The first round does what can be done at once: it fences, stops, starts, promotes, and
/// what was under way ends. What it could not do had to wait for a fence that was not to be
/// had, for a person, or for a quorum, and a round brings none of these. What the second
/// round sees anew is what the first one did: nodes that are gone, failures that are
/// forgotten with them, and things that now stick to the places that they were given. Each
/// of these can set free one further move: of what was bound to a thing that moved, and of
/// what makes room for that.
const ROUNDS_MAX: usize = 4;

/// How long one arrangement of so few resources may take. It takes less than a millisecond;
/// the limit is for a machine that does much else beside it, and for loops without an end.
const TIME_MAX: Duration = Duration::from_secs(5);

/// Cases of each property: always the same ones, so that a red run means a change. With
/// `ARRANGE_CASES` as many new ones.
fn cases() -> ProptestConfig {
    let asked = std::env::var("ARRANGE_CASES").ok();
    let asked: Option<u32> = asked.and_then(|text| text.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(256),
        rng_seed: match asked {
            Some(_) => RngSeed::Random,
            None => RngSeed::Fixed(20_261_128),
        },
        max_shrink_iters: 20_000,
        // A failure prints the whole cluster in words, which becomes a test of its own.
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn told(wanted: &Wanted, observed: &Observed, arrangement: &Arrangement) -> String {
    format!(
        "--- in ---\n{}--- answered ---\n{}",
        show_input(wanted, observed),
        show_arrangement(wanted, arrangement)
    )
}

/// An arrangement, after the checker had nothing to say of it.
fn checked(wanted: &Wanted, observed: &Observed) -> Result<Arrangement, TestCaseError> {
    let arrangement = arrange(wanted, observed);
    let violations = check(wanted, observed, &arrangement);
    let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
    prop_assert!(
        violations.is_empty(),
        "\n{}\n{}",
        lines.join("\n"),
        told(wanted, observed, &arrangement)
    );
    Ok(arrangement)
}

fn is_at_rest(arrangement: &Arrangement) -> bool {
    arrangement.steps.is_empty() && arrangement.fences.is_empty()
}

/// Rounds until nothing is left to do, or the story of those that did not suffice.
fn rounds(wanted: &Wanted, observed: &Observed) -> Result<usize, String> {
    let mut story = String::new();
    let mut now = observed.clone();
    for round in 0..=ROUNDS_MAX {
        let arrangement = arrange(wanted, &now);
        if is_at_rest(&arrangement) {
            return Ok(round);
        }
        story.push_str(&format!("=== round {round} ===\n"));
        story.push_str(&told(wanted, &now, &arrangement));
        now = advance(wanted, &now, &arrangement);
    }
    Err(story)
}

/// Ways to give every tree a score of its own for every node.
const SALTS: [u64; 3] = [1, 2, 3];

/// A cluster in which no two nodes are equally good for a tree, and no two trees are equally
/// important: then nothing is left for the order of lists to decide. A *tie* is what is
/// taken away here: two nodes of the same sum of scores for one resource, or two resources
/// of the same priority. The numbers are as good as random, so two sums of them may be equal
/// by accident once in some ten thousand; with three salts that does not happen. Two nodes
/// with infinite points are equal, whatever is added: so those are as many as fit.
fn without_ties(wanted: &Wanted, salt: u64) -> Wanted {
    let mut wanted = wanted.clone();
    let said = wanted
        .locations
        .iter_mut()
        .flat_map(|location| &mut location.scores);
    for (_, score) in said.filter(|(_, score)| *score == Score::INFINITY) {
        *score = Score::new(200_000);
    }
    let tops: Vec<usize> = (0..wanted.resources.len())
        .filter(|at| wanted.resources[*at].parent.is_none())
        .collect();
    for (place, &top) in tops.iter().enumerate() {
        let end = tops
            .get(place + 1)
            .copied()
            .unwrap_or(wanted.resources.len());
        for resource in &mut wanted.resources[top..end] {
            let old = i64::from(resource.settings.priority.value());
            let own = i64::try_from(place).expect("few trees");
            resource.settings.priority = Score::new(old * 100 + own);
        }
        let scores = (0..wanted.nodes.len())
            .map(|node| {
                (
                    NodeIx(node),
                    Score::new(mixed(&[salt, place as u64, node as u64])),
                )
            })
            .collect();
        wanted.locations.push(Location {
            id: format!("rank{place}"),
            resource: ResourceIx(top),
            role: None,
            scores,
            discovery: Discovery::Always,
        });
    }
    wanted
}

/// The same without a second place of what nobody may touch: the first one that is told of
/// remains. What is in several places and cannot be moved counts as being in the best one; but
/// where all of them are forbidden to it, none is better, and that is a tie.
fn each_stuck_in_one_place(wanted: &Wanted, observed: &Observed) -> Observed {
    let mut observed = observed.clone();
    let waits_for_a_person = |failed: FoundFailed| failed.answer == OnFail::Block;
    let stuck: Vec<(ResourceIx, Option<u32>)> = observed
        .found
        .iter()
        .filter(|found| {
            let settings = &wanted.resources[found.resource.0].settings;
            !settings.managed
                || settings.maintenance
                || settings.multiple_active == MultipleActive::Block
                || wanted.policy.maintenance
                || observed.nodes[found.node.0].maintenance
                || found.failed.is_some_and(waits_for_a_person)
        })
        .map(|found| (found.resource, found.instance))
        .collect();
    let mut seen = Vec::new();
    observed.found.retain(|found| {
        let key = (found.resource, found.instance);
        let is_second = stuck.contains(&key) && seen.contains(&key);
        seen.push(key);
        !is_second
    });
    observed
}

/// A number from 1 to 90,000 that looks random.
fn mixed(parts: &[u64]) -> i64 {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    for part in parts {
        state = (state ^ part).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state ^= state >> 29;
    }
    i64::try_from(state % 90_000 + 1).expect("a small number")
}

/// What differs between the answers to one question put in two ways, whatever the salt.
fn difference(
    wanted: &Wanted,
    observed: &Observed,
    permutation: &Permutation,
) -> Result<(), String> {
    let mut story = String::new();
    for salt in SALTS {
        let wanted = without_ties(wanted, salt);
        let (other_wanted, other_observed) =
            (permutation.wanted(&wanted), permutation.observed(observed));
        let one = arrange(&wanted, observed);
        let other = arrange(&other_wanted, &other_observed);
        if permutation.decision(&one) == decision(&other) {
            return Ok(());
        }
        story = format!(
            "{}{}",
            told(&wanted, observed, &one),
            told(&other_wanted, &other_observed, &other)
        );
    }
    Err(story)
}

#[allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test may limit real time"
)]
fn timed(wanted: &Wanted, observed: &Observed) -> (Arrangement, Duration) {
    let begun = std::time::Instant::now();
    let arrangement = arrange(wanted, observed);
    (arrangement, begun.elapsed())
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn the_checker_finds_nothing(draft in draft()) {
        let (wanted, observed) = build(&draft);
        checked(&wanted, &observed)?;
    }

    #[test]
    fn an_arrangement_that_was_carried_out_leaves_nothing_to_do_soon(draft in draft()) {
        let (wanted, observed) = build(&draft);
        if let Err(story) = rounds(&wanted, &observed) {
            prop_assert!(false, "does not come to rest\n{story}");
        }
    }

    #[test]
    fn the_checker_finds_nothing_in_later_rounds(draft in draft()) {
        let (wanted, mut observed) = build(&draft);
        for _ in 0..ROUNDS_MAX {
            let arrangement = arrange(&wanted, &observed);
            observed = advance(&wanted, &observed, &arrangement);
        }
        checked(&wanted, &observed)?;
    }

    #[test]
    fn names_and_the_order_of_lists_change_nothing_where_there_are_no_ties(
        draft in draft(),
        weights in prop::collection::vec(any::<u16>(), 12),
    ) {
        let (wanted, observed) = build(&draft);
        let observed = each_stuck_in_one_place(&wanted, &observed);
        let permutation = Permutation::new(&wanted, &weights);
        if let Err(story) = difference(&wanted, &observed, &permutation) {
            prop_assert!(false, "two answers to one question\n{story}");
        }
    }

    #[test]
    fn names_and_the_order_of_lists_fence_nobody_even_where_there_are_ties(
        draft in draft(),
        weights in prop::collection::vec(any::<u16>(), 12),
    ) {
        let (wanted, observed) = build(&draft);
        let permutation = Permutation::new(&wanted, &weights);
        let one = arrange(&wanted, &observed);
        let other = arrange(&permutation.wanted(&wanted), &permutation.observed(&observed));
        prop_assert_eq!(permutation.decision(&one).fenced, decision(&other).fenced);
    }

    #[test]
    fn it_takes_no_time_and_the_same_input_has_the_same_answer(draft in draft()) {
        let (wanted, observed) = build(&draft);
        let (one, taken) = timed(&wanted, &observed);
        prop_assert!(taken < TIME_MAX, "took {taken:?}");
        prop_assert_eq!(&one, &arrange(&wanted, &observed));
        // Each single resource does a few things on each node at most.
        let most = 6 * wanted.resources.len() * wanted.nodes.len();
        prop_assert!(one.steps.len() <= most);
    }

    #[test]
    fn the_checker_notices_what_is_spoilt(draft in draft()) {
        let (wanted, observed) = build(&draft);
        let arrangement = arrange(&wanted, &observed);
        if !check(&wanted, &observed, &arrangement).is_empty() {
            // It has something to say already.
            return Ok(());
        }
        let spoilt = one_step_less(&observed, &arrangement)
            .into_iter()
            .chain(one_start_too_early(&wanted, &observed, &arrangement))
            .chain(another_outcome(&wanted, &arrangement));
        for wrong in spoilt {
            prop_assert!(
                !check(&wanted, &observed, &wrong).is_empty(),
                "nothing noticed\n{}--- spoilt ---\n{}",
                told(&wanted, &observed, &arrangement),
                show_arrangement(&wanted, &wrong)
            );
        }
    }

    #[test]
    fn a_cluster_is_told_in_words_that_can_be_read_back(draft in draft()) {
        let (mut wanted, observed) = build(&draft);
        let words = show_input(&wanted, &observed);
        let back = read(&words);
        // Names of colocations are not told, and of two that matter equally the name decides.
        for (colocation, told) in wanted.colocations.iter_mut().zip(&back.wanted.colocations) {
            colocation.id.clone_from(&told.id);
        }
        let arrangement = arrange(&wanted, &observed);
        prop_assert_eq!(&words, &show_input(&back.wanted, &back.observed));
        prop_assert_eq!(&arrangement.steps, &arrange(&back.wanted, &back.observed).steps);
    }
}
