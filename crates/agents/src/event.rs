//! What agents tell.

use std::time::Duration;

use model::operation::{OperationReport, ResourceAddress, Verb};
use model::{ClaimEpoch, OperationId};

/// What agents tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An operation ended. Each operation ends exactly once.
    Finished(OperationReport),
    /// A resource that was up ended or vanished by itself. Told once per start or adoption.
    Failed {
        /// Which.
        address: ResourceAddress,
        /// Of the latest operation on it.
        epoch: ClaimEpoch,
        /// How: `exit 1`, `signal 9`, `address gone from eth0`, ...
        how: String,
        /// Tail of its output.
        output: String,
    },
    /// A question to a check was answered.
    Checked(crate::checks::Checked),
    /// Half of an operation's limit has passed, and it still runs.
    Slow {
        /// Which operation.
        id: OperationId,
        /// On what.
        address: ResourceAddress,
        /// What is being done.
        verb: Verb,
        /// How long it has run.
        after: Duration,
    },
}
