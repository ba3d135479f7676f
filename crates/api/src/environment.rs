//! What nodes lack of what a configuration needs.

use serde::{Deserialize, Serialize};

/// Asks all nodes about themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentRequest {
    /// A configuration; none: the one that is live.
    #[serde(default)]
    pub source: Option<String>,
    /// Its name, for messages.
    #[serde(default)]
    pub file_name: String,
}

/// What all nodes told of themselves, compared with what a configuration needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentReport {
    /// Whether a change to this configuration would be accepted.
    pub ok: bool,
    /// All that is wrong, in the order of the file: `{code, severity, message, help, file,
    /// places, nodes, known}`. `known`: it is so under the live configuration as well.
    pub problems: serde_json::Value,
    /// The same for people, with the lines of the file.
    #[serde(default)]
    pub text: String,
    /// What keeps a change from being accepted, a line each; each followed by its mend.
    #[serde(default)]
    pub obstacles: Vec<String>,
    /// The nodes that have answered.
    pub asked: Vec<String>,
    /// The nodes that could not be asked.
    #[serde(default)]
    pub silent: Vec<String>,
    /// How long it took.
    pub took_ms: u64,
}
