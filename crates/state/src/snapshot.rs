//! The state as bytes: JSON, so that a version that adds fields can read an older one.

use model::plant::{self, Plant};
use serde::{Deserialize, Serialize};

use crate::State;

/// Grows when older versions of the program can no longer read what newer ones write.
pub const SNAPSHOT_FORMAT: u32 = 2;

/// Why bytes are no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Not the JSON of a state.
    #[error("the snapshot of the state cannot be read")]
    Json(#[source] serde_json::Error),
    /// Written by a newer version of the program.
    #[error("the snapshot has format {0}, this version reads up to {SNAPSHOT_FORMAT}")]
    Format(u32),
}

#[derive(Serialize)]
struct Written<'a> {
    format: u32,
    state: &'a State,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

#[derive(Deserialize)]
struct Read {
    state: State,
}

impl State {
    /// The state as bytes; the same state gives the same bytes.
    #[must_use]
    pub fn to_snapshot(&self) -> Vec<u8> {
        if plant::is(Plant::ClaimNotInSnapshot) && self.forgets_claims() {
            return self.without_claims().to_snapshot();
        }
        if plant::is(Plant::LocksNotInSnapshot) && !self.locks.held().is_empty() {
            let mut state = self.clone();
            state.locks = crate::Locks::default();
            return state.to_snapshot();
        }
        serde_json::to_vec(&Written {
            format: SNAPSHOT_FORMAT,
            state: self,
        })
        .expect("every key is a string and nothing in it can fail to be written")
    }

    fn forgets_claims(&self) -> bool {
        self.seen.services.values().any(|seen| seen.claim.is_some())
    }

    fn without_claims(&self) -> Self {
        let mut state = self.clone();
        for seen in state.seen.services.values_mut() {
            seen.claim = None;
        }
        state
    }

    /// Reads what `to_snapshot` wrote.
    ///
    /// # Errors
    /// When the bytes are not JSON of a state, or of a newer format.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let Format { format } = serde_json::from_slice(bytes).map_err(SnapshotError::Json)?;
        if SNAPSHOT_FORMAT < format {
            return Err(SnapshotError::Format(format));
        }
        let Read { state } = serde_json::from_slice(bytes).map_err(SnapshotError::Json)?;
        Ok(state)
    }
}
