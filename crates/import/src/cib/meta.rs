//! Meta attributes: how a resource is treated.

use std::collections::BTreeMap;

use planner::arrange::{MultipleActive, Requires, Score, Settings, Target};
use planner::rule::Facts;

use super::attributes::{self, Values};
use super::draft::Draft;
use super::options::Options;
use super::source::Xml;
use super::{values, words};

/// What an element and its template say themselves, in present names.
pub(super) fn own<'a>(draft: &Draft<'a>, element: Xml<'a>, template: Option<Xml<'a>>) -> Values {
    let facts = Facts {
        now: draft.now,
        ..Facts::default()
    };
    let mut found = Values::new();
    for holder in [Some(element), template].into_iter().flatten() {
        let values = attributes::read(&draft.source, holder, "meta_attributes", &facts);
        merge_renamed(&mut found, values);
    }
    found
}

/// What `rsc_defaults` say for a resource of this kind.
pub(super) fn defaults(draft: &Draft<'_>, kind: Option<(&str, &str, &str)>) -> Values {
    let facts = Facts {
        now: draft.now,
        resource: kind,
        ..Facts::default()
    };
    let mut found = Values::new();
    if let Some(section) = draft.source.section("rsc_defaults") {
        let values = attributes::read(&draft.source, section, "meta_attributes", &facts);
        merge_renamed(&mut found, values);
    }
    // Once options of the cluster.
    for (option, meta) in [
        ("default-resource-stickiness", "resource-stickiness"),
        ("is-managed-default", "is-managed"),
    ] {
        if let Some(value) = draft.options.get(option) {
            found
                .entry(meta.to_string())
                .or_insert_with(|| value.to_string());
        }
    }
    found
}

fn merge_renamed(found: &mut Values, values: Values) {
    for (name, value) in values {
        found.entry(words::meta_name(&name)).or_insert(value);
    }
}

/// What a resource is, as far as its treatment depends on it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Nature {
    pub is_fence_device: bool,
    pub is_cloned: bool,
    pub is_connection: bool,
    pub is_promotable: bool,
}

pub(super) fn settings(
    options: &Options,
    meta: &Values,
    nature: Nature,
    utilization: BTreeMap<String, i64>,
) -> Settings {
    let get = |name: &str| meta.get(name).map(String::as_str);
    let truth = |name: &str, default: bool| get(name).and_then(values::truth).unwrap_or(default);
    let score = |name: &str| get(name).and_then(values::score);
    let stickiness = if nature.is_cloned {
        Score::new(1)
    } else {
        Score::ZERO
    };
    Settings {
        priority: score("priority").unwrap_or_default(),
        stickiness: score("resource-stickiness").unwrap_or(stickiness),
        target: target(get("target-role"), nature),
        managed: truth("is-managed", true),
        maintenance: truth("maintenance", false),
        critical: truth("critical", true),
        multiple_active: match get("multiple-active") {
            Some("stop_only") => MultipleActive::StopOnly,
            Some("block") => MultipleActive::Block,
            Some("stop_unexpected") => MultipleActive::StopUnexpected,
            _ => MultipleActive::StopStart,
        },
        failures_max: failures_max(score("migration-threshold")),
        requires: requires(options, get("requires"), nature),
        live_migration: truth("allow-migrate", nature.is_connection),
        ignores_health: truth("allow-unhealthy-nodes", false),
        utilization,
        is_fence_device: nature.is_fence_device,
    }
}

fn target(word: Option<&str>, nature: Nature) -> Target {
    match word.and_then(words::role) {
        Some("Stopped") => Target::Stopped,
        // Of what has no roles it says nothing.
        Some("Unpromoted") if nature.is_promotable => Target::Unpromoted,
        _ => Target::Promoted,
    }
}

fn failures_max(threshold: Option<Score>) -> Option<u32> {
    let threshold = threshold.filter(|threshold| !threshold.is_must())?;
    u32::try_from(threshold.value())
        .ok()
        .filter(|threshold| *threshold != 0)
}

fn requires(options: &Options, word: Option<&str>, nature: Nature) -> Requires {
    match word {
        Some("nothing") => Requires::Nothing,
        Some("quorum") => Requires::Quorum,
        Some("fencing" | "unfencing") if options.fencing() => Requires::Fencing,
        _ if nature.is_fence_device || !options.fencing() => Requires::Quorum,
        _ => Requires::Fencing,
    }
}
