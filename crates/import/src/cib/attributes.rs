//! Blocks of names and values: parameters, meta attributes, options, utilization.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use planner::arrange::Score;
use planner::rule::Facts;

use super::rules::{self, ValueSources};
use super::source::{Source, Xml};
use super::values;

/// Names with their values.
pub(super) type Values = BTreeMap<String, String>;

/// What the blocks of this kind say together: a block with a higher score first, those
/// whose rules do not hold not at all. What is said first stays.
pub(super) fn read<'a>(
    source: &Source<'a>,
    parent: Xml<'a>,
    tag: &str,
    facts: &Facts<'_>,
) -> Values {
    let mut blocks = source.children(parent, tag);
    blocks.sort_by_key(|block| Reverse(block_score(*block)));
    let mut found = Values::new();
    for block in blocks {
        let rules = source.children(block, "rule");
        let applies = rules.is_empty()
            || rules
                .iter()
                .any(|rule| rules::condition(source, *rule, ValueSources::default()).holds(facts));
        if applies {
            merge(&mut found, pairs(source, block));
        }
    }
    found
}

fn block_score(block: Xml<'_>) -> Score {
    block
        .attribute("score")
        .and_then(values::score)
        .unwrap_or_default()
}

/// What one block says, without its rules.
pub(super) fn pairs<'a>(source: &Source<'a>, block: Xml<'a>) -> Values {
    let mut found = Values::new();
    // Old files have a level more.
    let inner = source.children(block, "attributes");
    for holder in inner.into_iter().chain([block]) {
        for pair in source.children(holder, "nvpair") {
            if let (Some(name), Some(value)) = (pair.attribute("name"), pair.attribute("value")) {
                found
                    .entry(name.to_string())
                    .or_insert_with(|| value.to_string());
            }
        }
    }
    found
}

/// What is there already stays.
pub(super) fn merge(values: &mut Values, more: Values) {
    for (name, value) in more {
        values.entry(name).or_insert(value);
    }
}
