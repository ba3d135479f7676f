//! The target's side of the poison pill: whether its watchdog may be fed, as far as the disk
//! has a say.

use std::time::Duration;

use model::{BootId, Instant, NodeId};

use super::{Pill, PillReason};
use crate::half::Leadership;

/// Whether the watchdog may be fed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    /// Nothing speaks against it.
    Yes,
    /// A pill for this boot was read. This never ends.
    Poisoned {
        /// Who wrote it.
        by: NodeId,
        /// Why.
        why: PillReason,
    },
    /// The box could not be read for too long, and no quorate leader knows of us: a pill may
    /// be in it.
    Blind {
        /// When it was last read.
        since: Instant,
    },
}

/// Watches the box of this node. The caller reads it at least every `poll` of
/// [`crate::bound::PillTimes`].
#[derive(Debug, Clone)]
pub struct Guard {
    boot: BootId,
    disk_lease: Duration,
    /// When the last good read was *begun*: what it saw may be as old as that.
    read_at: Instant,
    pill: Option<Pill>,
}

impl Guard {
    /// From now on. The box must be read once before the dog is armed: a pill for this boot
    /// may be there since before this run.
    #[must_use]
    pub fn new(boot: BootId, disk_lease: Duration, now: Instant) -> Self {
        Self {
            boot,
            disk_lease,
            read_at: now,
            pill: None,
        }
    }

    /// The box was read, by a read that began then. Reads that failed are not told.
    pub fn handle_box(&mut self, pill: Option<Pill>, began: Instant) {
        self.read_at = self.read_at.max(began);
        if let Some(pill) = pill
            && pill.target == self.boot
        {
            self.pill = Some(pill);
        }
    }

    /// Whether the dog may be fed now. The boot to acknowledge in [`super::Beat::obeys`] is this
    /// node's own once it is [`Feed::Poisoned`].
    #[must_use]
    pub fn feed(&self, leadership: Leadership, now: Instant) -> Feed {
        if let Some(Pill { by, why, target: _ }) = self.pill {
            return Feed::Poisoned { by, why };
        }
        let is_blind = self.disk_lease <= now.saturating_duration_since(self.read_at);
        match leadership {
            Leadership::Absent if is_blind => Feed::Blind {
                since: self.read_at,
            },
            Leadership::Absent | Leadership::Quorate => Feed::Yes,
        }
    }
}
