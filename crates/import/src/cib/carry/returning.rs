//! When a service goes back to a better node: stickiness against scores.

use planner::arrange::Score;

use super::relations::Rules;

/// When a service goes back to a better node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Return {
    Never,
    /// When it is better by more than so many points, a hundred for each step of `prefer`.
    After(u32),
}

/// None: our file cannot say it.
pub(super) fn of(stickiness: Score, rules: &Rules) -> Option<Return> {
    let scores: Vec<Score> = rules.prefer.iter().map(|(_, score)| *score).collect();
    if !scores.is_empty() {
        return in_steps(stickiness, scores, rules.only);
    }
    let worst = rules.avoid.iter().map(|(_, score)| score.value()).min();
    let is_left = worst.is_some_and(|worst| stickiness.value() < -worst);
    if stickiness.is_must() || (!rules.has_points() && !is_left) {
        return Some(Return::Never);
    }
    Some(Return::After(
        u32::try_from(stickiness.value()).unwrap_or(0),
    ))
}

/// How stickiness and scores of nodes come out in steps of a hundred points.
fn in_steps(stickiness: Score, mut scores: Vec<Score>, only: bool) -> Option<Return> {
    if !only {
        // All other nodes are one step below the last.
        scores.push(Score::ZERO);
    }
    let steps = scores.len();
    let pairs = (0..steps).flat_map(|worse| (0..worse).map(move |better| (worse, better)));
    let (mut longest_stay, mut shortest_move) = (0, usize::MAX);
    for (worse, better) in pairs {
        let gain = i64::from(scores[better].value()) - i64::from(scores[worse].value());
        let is_move = i64::from(stickiness.value()) < gain;
        let distance = worse - better;
        if is_move {
            shortest_move = shortest_move.min(distance);
        } else {
            longest_stay = longest_stay.max(distance);
        }
    }
    match (longest_stay, shortest_move) {
        (_, usize::MAX) => Some(Return::Never),
        (stay, moves) if stay < moves => {
            Some(Return::After(u32::try_from(stay * 100).unwrap_or(u32::MAX)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stickiness_is_told_in_steps() {
        let told = |own: i64, scores: &[i64]| {
            let scores = scores.iter().map(|score| Score::new(*score)).collect();
            in_steps(Score::new(own), scores, true)
        };
        assert_eq!(told(0, &[200, 100]), Some(Return::After(0)));
        assert_eq!(told(100, &[200, 100]), Some(Return::Never));
        assert_eq!(told(150, &[300, 200, 100]), Some(Return::After(100)));
        assert_eq!(told(150, &[1000, 100, 0]), None);
    }
}
