//! Health of nodes: attributes whose names begin with `#health`.

use planner::arrange::Score;

use super::draft::Draft;
use super::values;

pub(super) fn read(draft: &mut Draft<'_>) {
    let options = &draft.options;
    let strategy = options.get("node-health-strategy").unwrap_or("none");
    let (base, red, yellow, green) = match strategy {
        "migrate-on-red" => (Score::ZERO, Score::MINUS_INFINITY, Score::ZERO, Score::ZERO),
        "only-green" => (
            Score::ZERO,
            Score::MINUS_INFINITY,
            Score::MINUS_INFINITY,
            Score::ZERO,
        ),
        "progressive" => (
            options.score("node-health-base", Score::ZERO),
            options.score("node-health-red", Score::MINUS_INFINITY),
            options.score("node-health-yellow", Score::ZERO),
            options.score("node-health-green", Score::ZERO),
        ),
        _ => return,
    };
    for node in &mut draft.observed.nodes {
        let signs = node
            .attributes
            .iter()
            .filter(|(name, _)| name.starts_with("#health"));
        let scores = signs.map(|(_, value)| match value.to_ascii_lowercase().as_str() {
            "red" => red,
            "yellow" => yellow,
            "green" => green,
            number => values::score(number).unwrap_or_default(),
        });
        node.health = scores.fold(base, |sum, score| sum + score);
    }
}
