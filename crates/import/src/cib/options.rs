//! Options of the cluster.

use std::time::Duration;

use planner::arrange::{NoQuorum, Placement, Policy, Score};
use planner::rule::Facts;

use super::attributes::{self, Values};
use super::draft::Draft;
use super::source::id;
use super::{values, words};

/// Options that matter while the rest is read.
#[derive(Debug, Clone, Default)]
pub(super) struct Options {
    all: Values,
}

impl Options {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all.get(name).map(String::as_str)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all.keys().map(String::as_str)
    }

    pub fn truth(&self, name: &str, default: bool) -> bool {
        self.get(name).and_then(values::truth).unwrap_or(default)
    }

    pub fn score(&self, name: &str, default: Score) -> Score {
        self.get(name).and_then(values::score).unwrap_or(default)
    }

    pub fn fencing(&self) -> bool {
        self.truth("fencing-enabled", true)
    }

    /// Whether each node has a watchdog that counts as its fence device.
    fn is_own_fence(&self) -> bool {
        let is_trusted = self
            .get("fencing-watchdog-timeout")
            .and_then(values::milliseconds);
        self.truth("have-watchdog", false) && is_trusted.is_some_and(|limit| limit != 0)
    }

    fn seconds(&self, name: &str) -> Option<u64> {
        let milliseconds = self.get(name).and_then(values::milliseconds)?;
        Some(milliseconds / 1000).filter(|seconds| *seconds != 0)
    }

    pub fn node_pending_timeout(&self) -> Option<u64> {
        self.seconds("node-pending-timeout")
    }
}

/// The set that wins over all others.
const FIRST_SET: &str = "cib-bootstrap-options";

pub(super) fn read(draft: &mut Draft<'_>) {
    let mut all = Values::new();
    if let Some(section) = draft.source.section("crm_config") {
        let sets = draft.source.children(section, "cluster_property_set");
        for set in sets.into_iter().filter(|set| id(*set) == FIRST_SET) {
            attributes::merge(&mut all, attributes::pairs(&draft.source, set));
        }
        let facts = Facts {
            now: draft.now,
            ..Facts::default()
        };
        let rest = attributes::read(&draft.source, section, "cluster_property_set", &facts);
        attributes::merge(&mut all, rest);
    }
    for (name, value) in all {
        draft
            .options
            .all
            .entry(words::option_name(&name))
            .or_insert(value);
    }
    draft.wanted.policy = policy(&draft.options);
    let quorum = draft.source.cib.attribute("have-quorum");
    draft.observed.quorate = quorum.and_then(values::truth).unwrap_or(false);
}

fn policy(options: &Options) -> Policy {
    let migrations = options.get("migration-limit").and_then(values::integer);
    Policy {
        fencing: options.fencing(),
        has_fence_device: options.is_own_fence(),
        startup_fencing: options.truth("startup-fencing", true),
        no_quorum: no_quorum(options),
        opt_out: options.truth("symmetric-cluster", true),
        maintenance: options.truth("maintenance-mode", false),
        stop_all: options.truth("stop-all-resources", false),
        stop_removed: options.truth("stop-removed-resources", true),
        placement: match options.get("placement-strategy") {
            Some("utilization") => Placement::Fits,
            Some("balanced") => Placement::Balanced,
            Some("minimal") => Placement::Few,
            _ => Placement::Count,
        },
        migrations_max: migrations.and_then(|limit| u32::try_from(limit).ok()),
        shutdown_lock: options.truth("shutdown-lock", false),
        shutdown_lock_limit: options
            .seconds("shutdown-lock-limit")
            .map(Duration::from_secs),
    }
}

fn no_quorum(options: &Options) -> NoQuorum {
    match options.get("no-quorum-policy").unwrap_or("stop") {
        "ignore" => NoQuorum::Ignore,
        "freeze" => NoQuorum::Freeze,
        "demote" => NoQuorum::Demote,
        word if words::is_fence_word(word) && options.fencing() => NoQuorum::Fence,
        _ => NoQuorum::Stop,
    }
}
