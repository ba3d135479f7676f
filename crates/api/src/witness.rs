//! Witnesses: added, removed, looked at.

use model::WitnessName;
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A witness is added or taken out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitnessRequest {
    /// What people call it.
    pub name: WitnessName,
    /// What `mainstay witness token` printed. Without token and disk it is taken out.
    #[serde(default)]
    pub token: Option<String>,
    /// The prepared disk that is the witness, by its path on each node.
    #[serde(default)]
    pub disk: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitnessReply {
    /// Which.
    pub name: String,
    /// Where it listens, or the path of the disk; none for one that was taken out.
    #[serde(default)]
    pub address: Option<String>,
    /// Index of the log entry.
    #[serde(default)]
    pub index: Option<u64>,
    /// What a person should know.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// All witnesses, as one node sees them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Witnesses {
    /// Whose view this is.
    pub seen_by: String,
    /// What decides when exactly half of the voters are left: `fence`, or the name of a
    /// witness.
    pub arbiter: String,
    /// By name.
    pub witnesses: Vec<WitnessView>,
}

/// One witness, as one node sees it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WitnessView {
    /// Its name.
    pub name: String,
    /// `network` or `disk`.
    pub kind: String,
    /// Its address or path.
    pub place: String,
    /// Since when it is known.
    pub since: Timestamp,
    /// Who added it.
    pub by: String,
    /// Whether it answers this node; none: this node does not ask it.
    #[serde(default)]
    pub answers: Option<bool>,
    /// How long ago it answered last, milliseconds.
    #[serde(default)]
    pub answered_ms: Option<u64>,
    /// The last round trip, milliseconds.
    #[serde(default)]
    pub rtt_ms: Option<f64>,
    /// The members that it hears.
    #[serde(default)]
    pub hears: Vec<String>,
    /// The newest vote that it gave in this cluster.
    #[serde(default)]
    pub granted: Option<GrantView>,
    /// Why it does not answer, as far as this node knows.
    #[serde(default)]
    pub why: Option<String>,
}

/// A vote that a witness gave.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantView {
    /// The voter whose half has it.
    pub node: String,
    /// The generation of the history that it ended.
    pub generation: u64,
    /// For this term.
    pub term: u64,
}
