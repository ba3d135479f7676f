//! Configurations: applying, versions, checking.

use serde::{Deserialize, Serialize};

use crate::{EnvironmentReport, PlanView, RuleView, Timestamp};

/// Asks for a new configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyRequest {
    /// The text of the file.
    pub source: String,
    /// Its name, for messages.
    pub file_name: String,
    /// The version that it was made from; none: whatever is live.
    #[serde(default)]
    pub base_version: Option<u64>,
    /// Whether only the plan is wanted.
    #[serde(default)]
    pub dry_run: bool,
    /// Whether it becomes live although somebody else was faster than `base_version`.
    #[serde(default)]
    pub force: bool,
    /// Whether it becomes live although a service would no longer survive what it must.
    #[serde(default)]
    pub break_rules: bool,
    /// Whether it becomes live although nodes lack what it needs.
    #[serde(default)]
    pub ignore_environment: bool,
}

/// The answer to a new configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyReply {
    /// Whether it is live; `false` for a preview.
    pub accepted: bool,
    /// The version that the plan was made against; what a commit should name as
    /// `base_version`.
    pub base_version: u64,
    /// Its version, once it is live.
    pub version: Option<u64>,
    /// The log index of the change, once it is live.
    pub index: Option<u64>,
    /// What differs from the live configuration, one sentence each; empty when both mean
    /// the same.
    #[serde(default)]
    pub changes: Vec<String>,
    /// What follows from it.
    pub plan: PlanView,
    /// What is allowed and yet looks wrong, rendered with file and line.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Rules of the new configuration that would not hold.
    #[serde(default)]
    pub broken_rules: Vec<RuleView>,
    /// What the nodes lack that the new configuration needs; none: nobody was asked.
    #[serde(default)]
    pub environment: Option<EnvironmentReport>,
}

/// What `check FILE --json` prints.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReply {
    /// Whether the file can be applied.
    pub ok: bool,
    /// All that is wrong with it, and what is allowed and yet looks wrong, in the order of
    /// the file: `{code, severity, message, help, file, places}`.
    pub problems: serde_json::Value,
    /// How many nodes it describes.
    pub nodes: usize,
    /// How many services it describes.
    pub services: usize,
}

/// One version of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigVersion {
    /// Its number.
    pub version: u64,
    /// Since when it is, or was, live.
    pub at: Timestamp,
    /// Who made it.
    pub by: String,
    /// Its text, where one version was asked for.
    #[serde(default)]
    pub source: Option<String>,
}

/// The kept versions, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigVersions {
    /// Without their texts.
    pub versions: Vec<ConfigVersion>,
    /// Which one is live.
    pub live: u64,
}
