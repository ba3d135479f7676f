//! What would happen if something failed.

use serde::{Deserialize, Serialize};

/// How long a service does not answer, told ahead.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutageView {
    /// In words.
    pub text: String,
    /// The sum of what is known: timings, and the middle of what was measured.
    pub about_ms: u64,
    /// When everything takes as long as it ever did, and what was never measured as long as its
    /// limit allows.
    pub at_most_ms: u64,
    /// Of the measurements that it rests on the fewest; none where nothing was measured.
    pub measured: Option<usize>,
    /// What was never measured, in words.
    #[serde(default)]
    pub unmeasured: Vec<String>,
}

/// Asks what would happen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhatIfRequest {
    /// The text of a configuration that is to be looked at; none: the live one.
    #[serde(default)]
    pub source: Option<String>,
    /// Its name, for messages.
    #[serde(default)]
    pub file_name: String,
    /// What fails at once: `KIND:NAME`, or the name of a node. Empty: everything in turn.
    #[serde(default)]
    pub fail: Vec<String>,
    /// With `fail`: and then each other thing beside it.
    #[serde(default)]
    pub double: bool,
    /// Also those double failures that lead to nothing of their own.
    #[serde(default)]
    pub all: bool,
}

/// What would happen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhatIfReply {
    /// The version of the configuration that is live.
    pub version: u64,
    /// Services that do not run before anything fails, and why: nothing is said of them.
    #[serde(default)]
    pub not_running: Vec<DownView>,
    /// Each single failure; or the one that was asked for.
    pub singles: Vec<FailureView>,
    /// Names of single failures after which a service is down.
    pub single_points: Vec<String>,
    /// How many double failures were looked at.
    pub doubles_count: usize,
    /// Of them those after which a service is down that is down after neither alone; with
    /// `all`, every one.
    pub doubles: Vec<FailureView>,
    /// How many of those are left out, to keep the answer short.
    #[serde(default)]
    pub left_out: usize,
    /// The rules of the configuration.
    pub rules: Vec<RuleView>,
    /// How long it took.
    pub took_ms: u64,
}

/// What one failure, or two at once, lead to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureView {
    /// What fails: `node alpha`, `card alpha/eth0`, ...
    pub failures: Vec<String>,
    /// Who decides: `majority`, `half` or `nobody`.
    pub deciders: String,
    /// Why nobody does.
    #[serde(default)]
    pub because: Option<String>,
    /// Services that are not back.
    pub down: Vec<DownView>,
    /// Services that are back after an outage. All others are not touched.
    pub back: Vec<BackView>,
    /// Services that stay where they are, with addresses on another card of the same network.
    #[serde(default)]
    pub carried: Vec<CarriedView>,
    /// Promoted roles that were touched.
    #[serde(default)]
    pub roles: Vec<RoleView>,
}

/// A service of which addresses are on another card.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedView {
    /// Which.
    pub service: String,
    /// Where it runs, before and after.
    pub node: String,
    /// The card.
    pub card: String,
    /// For how long nobody reaches it: an estimate, as no cluster measures it.
    pub outage: OutageView,
}

/// A promoted role.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleView {
    /// Of which service.
    pub service: String,
    /// Where a copy is promoted that was not before; none where nobody can be.
    #[serde(default)]
    pub node: Option<String>,
    /// Why nobody can be.
    #[serde(default)]
    pub because: Option<String>,
    /// For how long too few are promoted, where that ends.
    #[serde(default)]
    pub outage: Option<OutageView>,
}

/// A service that is down.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DownView {
    /// Which.
    pub service: String,
    /// Why.
    pub because: String,
}

/// A service that is back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackView {
    /// Which.
    pub service: String,
    /// Where; where several nodes are as good, one of them.
    pub node: String,
    /// Those nodes.
    #[serde(default)]
    pub equals: Vec<String>,
    /// For how long it does not answer.
    pub outage: OutageView,
}

/// A rule of the configuration, and whether it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleView {
    /// Of which service.
    pub service: String,
    /// `any-node`, `any-network`, `any-one` or `any-two-nodes`.
    pub rule: String,
    /// Whether it holds.
    pub holds: bool,
    /// The first failure, or two at once, that break it; none: it is broken before anything fails.
    #[serde(default)]
    pub broken_by: Vec<String>,
    /// Why the service would be down.
    #[serde(default)]
    pub because: Option<String>,
    /// How many failures break it.
    #[serde(default)]
    pub times: usize,
    /// Whether it was broken before the change that is looked at.
    #[serde(default)]
    pub broken_before: bool,
}

impl RuleView {
    /// `web must survive any-node, and node alpha would end it: ...`
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self { service, rule, .. } = self;
        let by = self.broken_by.join(" + ");
        let because = self.because.as_deref().unwrap_or_default();
        let more = match self.times {
            0 | 1 => String::new(),
            times => format!(" (and {} more)", times - 1),
        };
        match (self.holds, by.as_str()) {
            (true, _) => format!("{service} survives {rule}"),
            (false, "") => {
                format!(
                    "{service} must survive {rule}, and is down before anything fails: {because}"
                )
            }
            (false, by) => format!(
                "{service} must survive {rule}, and would be down after {by}{more}: {because}"
            ),
        }
    }

    /// Whether the change that is looked at breaks it.
    #[must_use]
    pub fn is_news(&self) -> bool {
        !self.holds && !self.broken_before
    }
}
