//! A live migration: a service goes from one node to another without a stop.

use serde::{Deserialize, Serialize};

use crate::{BootId, ClaimEpoch, NodeName, PlanId, Reason, WallTime};

/// A live migration that is under way. One of its ends has the claim, the other stands among
/// the service's strays: until both are settled, both may run the service, and no third may.
///
/// ```text
///   Leaving ──handed over──► Arriving ──runs──► Clearing ──source is clear──► over
///      │ the claim is the       │ the claim is the  │
///      │ source's               │ target's          │
///      └─────────┬──────────────┴───────────────────┘
///                ▼ failed, revoked, lost, given back
///            CalledOff ──all ends without the claim are clear──► over, with the claim
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    /// Names it: the log index of the command that began it.
    pub begun: u64,
    /// The claim from which it began.
    pub epoch: ClaimEpoch,
    /// Where it ran: the source.
    pub from: MigrationEnd,
    /// Where it goes: the target.
    pub to: MigrationEnd,
    /// How far it is.
    pub stage: MigrationStage,
    /// The plan that began it.
    pub plan: PlanId,
    /// Why it began.
    pub because: Reason,
    /// Since when it is in this stage.
    pub since: WallTime,
    /// The log index from which on the source sends nothing more; none: it may still send.
    #[serde(default)]
    pub sent: Option<u64>,
    /// Whether the target has told, in the boot of its claim, that all runs there.
    #[serde(default)]
    pub arrived: bool,
}

/// One end of a live migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationEnd {
    /// The node.
    pub node: NodeName,
    /// Its boot when the migration began.
    pub boot: BootId,
}

/// How far a live migration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MigrationStage {
    /// The source hands over. Until it has told how that ended, something may come to the
    /// target at any time, whatever the target does.
    Leaving,
    /// The source has handed over and the target takes it in. The source must not clear away
    /// yet.
    Arriving,
    /// The target runs it; the source clears away what is left.
    Clearing,
    /// It has failed or is not wanted any more. Both ends clear away what they have, but for
    /// one that has the claim and still runs the service.
    CalledOff,
}

impl Migration {
    /// The one of its ends that is not this node, if this node is one of them.
    #[must_use]
    pub fn peer_of(&self, node: &NodeName) -> Option<&NodeName> {
        match (self.from.node == *node, self.to.node == *node) {
            (true, _) => Some(&self.to.node),
            (false, true) => Some(&self.from.node),
            (false, false) => None,
        }
    }

    /// Whether it may still end well.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        match self.stage {
            MigrationStage::Leaving | MigrationStage::Arriving | MigrationStage::Clearing => true,
            MigrationStage::CalledOff => false,
        }
    }
}
