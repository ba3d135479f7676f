//! Who may decide, and what a node waits for when half of the voters are gone.

use serde::{Deserialize, Serialize};

/// How the node that answers stands towards the other voters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuorumStatus {
    /// Whose view this is.
    pub seen_by: String,
    /// Whether a leader with a majority is known.
    pub quorate: bool,
    /// Who leads, as far as it is known.
    pub leader: Option<String>,
    /// The generation of the history: 1, and one more with each forced change.
    pub generation: u64,
    /// The node that made this history.
    pub made_by: String,
    /// Every voter, by name.
    pub voters: Vec<VoterStatus>,
    /// How many of them decide by themselves.
    pub majority: usize,
    /// Who decides between two halves: `fencing`, or the name of a witness. Two while it is
    /// changed: then both must agree.
    pub arbiters: Vec<String>,
    /// The ping targets, as this node reaches them; empty when none are configured.
    #[serde(default)]
    pub ping_targets: Vec<PingTarget>,
    /// Whether this run of the daemon may go on with half of the voters, if that is needed.
    pub standing: bool,
    /// What stands in the way, one sentence each; empty when nothing has to be forced.
    pub waits: Vec<String>,
    /// What a person can do, if only a person can.
    pub help: Option<String>,
}

/// One voter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoterStatus {
    /// Its name.
    pub name: String,
    /// `here`, `heard`, `daemon-down`, `lost` or `unknown` (neither heard nor lost yet).
    pub state: String,
}

/// A ping target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PingTarget {
    /// Its address.
    pub address: String,
    /// Whether it has answered one of the last echoes.
    pub answers: bool,
    /// How long ago the latest echo was sent that it has answered; none when it never has.
    pub echoed_ms: Option<u64>,
}

/// A person wants this node to go on without others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForceRequest {
    /// The voters that are off for good or for long.
    pub lost: Vec<String>,
    /// Only tell what would follow.
    #[serde(default)]
    pub dry_run: bool,
    /// The word `off`: the person vouches that they are off, and has read what may be gone.
    #[serde(default)]
    pub confirm: Option<String>,
}

/// What a person must type to vouch.
pub const FORCE_CONFIRMATION: &str = "off";

/// What follows, or has followed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForceReply {
    /// The nodes that are left out.
    pub lost: Vec<String>,
    /// What will happen, and what it risks, one sentence each.
    pub notes: Vec<String>,
    /// Whether it has been begun.
    pub begun: bool,
}
