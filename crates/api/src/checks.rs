//! Checks, as people and scripts see them.

use std::collections::BTreeSet;

use model::checks::{CheckName, CheckSpec, ChecksSeen, Verdict, effective};
use model::seen::ServiceSeen;
use model::spec::ServiceSpec;
use model::{NodeName, ServiceName};
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// One check. What was asked lately is known by the node that asks only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckView {
    /// Its name within its service or node.
    pub name: String,
    /// `http`, `tcp`, `processes`, ...
    pub kind: String,
    /// `well`, `warning`, `failed`; `new` before the first answer that counts, `paused`,
    /// `stopped` by itself or another check, `idle` where its service does not run, `removed`.
    pub state: String,
    /// Since when it is well, warns or has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// From one question to the next.
    pub every_ms: u64,
    /// Who or what lets it rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<String>,
    /// What was found when its state changed last, or by the last answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<String>,
    /// How long the last answer took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
    /// How often it may still have its service restarted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarts_left: Option<u32>,
    /// Whether it was installed at run time, or other limits were set.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub changed: bool,
    /// The node that tells this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_by: Option<String>,
    /// Its last answers, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<CheckAnswerView>,
}

/// One answer to a check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckAnswerView {
    /// When.
    pub at: Timestamp,
    /// `well`, `warning` or `failed`.
    pub verdict: String,
    /// In words.
    pub how: String,
    /// How long it took.
    pub took_ms: u64,
}

impl CheckView {
    /// What every node knows of a check.
    #[must_use]
    pub fn of(check: &CheckSpec) -> Self {
        Self {
            name: check.name.to_string(),
            kind: check.kind.word().to_string(),
            state: "idle".to_string(),
            every_ms: u64::try_from(check.every.as_millis()).unwrap_or(u64::MAX),
            ..Self::default()
        }
    }

    /// Whether a person should look at it.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        [Verdict::Failed, Verdict::Warning]
            .iter()
            .any(|verdict| verdict.word() == self.state)
    }
}

/// The checks of a service, as the log knows them.
pub(crate) fn of_service(spec: &ServiceSpec, seen: &ServiceSeen) -> Vec<CheckView> {
    let all = effective(&spec.rules.checks, spec.restart, &seen.checks);
    let node = seen.claim.as_ref().map(|claim| &claim.node);
    let views = all.iter().map(|check| one(check, &seen.checks, node));
    let mut views: Vec<CheckView> = views.collect();
    let there: BTreeSet<&CheckName> = all.iter().map(|check| &check.name).collect();
    for (name, known) in &seen.checks.each {
        let is_removed = known.removed.is_some() && !there.contains(name);
        let spec = known.installed.as_deref().or(spec.rules.check(name));
        if let Some(spec) = spec.filter(|_| is_removed) {
            views.push(CheckView {
                state: "removed".to_string(),
                how: known.removed.as_ref().map(|by| format!("by {by}")),
                ..CheckView::of(spec)
            });
        }
    }
    views
}

fn one(check: &CheckSpec, seen: &ChecksSeen, node: Option<&NodeName>) -> CheckView {
    let mut view = CheckView::of(check);
    let Some(known) = seen.each.get(&check.name) else {
        view.paused = seen.paused.as_ref().map(|pause| format!("by {}", pause.by));
        if view.paused.is_some() {
            view.state = "paused".to_string();
        }
        return view;
    };
    view.changed = known.installed.is_some() || !known.tuning.is_empty();
    if let Some(told) = known.told.as_ref().filter(|told| Some(&told.node) == node) {
        view.state = told.state.word().to_string();
        view.since = Some(told.at.into());
        view.how = Some(told.how.clone());
        view.seen_by = Some(told.node.to_string());
    }
    let pause = known.paused.as_ref().or(seen.paused.as_ref());
    if let Some(pause) = pause {
        view.state = "paused".to_string();
        view.paused = Some(format!("by {}", pause.by));
    }
    view
}

/// What a person should look at.
pub(crate) fn warnings(
    service: &ServiceName,
    spec: &ServiceSpec,
    seen: &ServiceSeen,
) -> Vec<String> {
    let Some(node) = seen.claim.as_ref().map(|claim| &claim.node) else {
        return Vec::new();
    };
    let views = of_service(spec, seen).into_iter();
    views
        .filter(CheckView::is_bad)
        .map(|view| {
            let how = view.how.as_deref().unwrap_or_default();
            let verb = match view.state.as_str() {
                "failed" => "failed",
                _ => "warns",
            };
            format!("check {} of {service} {verb} on {node}: {how}", view.name)
        })
        .collect()
}
