//! What can be shown of peers and links: copies, taken at one moment.

use std::time::Duration;

use model::{BootId, Epoch, Instant, NodeId};
use wire::heartbeat::{Incarnation, LinkId, Phase};

/// What this node thinks of a peer.
///
/// ```text
///            heard                   silent             agreed
///   Unseen ─────────► Alive ──────────────► Suspected ─────────► Lost
///      │               ▲ │ │ ◄───────────────┘  ▲                 │
///      │               │ │ └─ refused ► DaemonDown                │
///      │               │ └─── says so ► Left                      │
///      └─ silent ► Suspected   (heard: back to Alive from all) ◄──┘
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Not heard yet by this run, and not for long enough to suspect anything.
    Unseen,
    /// Heard, directly or by relay.
    Alive,
    /// Silent for the suspicion time.
    Suspected,
    /// Declared lost.
    Lost,
    /// Its kernel lives, its daemon is closed.
    DaemonDown,
    /// It left cleanly.
    Left,
}

/// Whether a link carries packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkCondition {
    /// Nothing came over it yet.
    Unseen,
    /// Both ways.
    Up,
    /// We hear the peer, it does not hear us.
    OneWay,
    /// Nothing comes.
    Down,
}

/// One link as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkStatus {
    /// The node at the other end.
    pub peer: NodeId,
    /// Which network.
    pub link: LinkId,
    /// Whether it works.
    pub condition: LinkCondition,
    /// Smoothed round-trip time; `None` before the first echo.
    pub round_trip: Option<Duration>,
    /// Smoothed share of packets that did not arrive, in percent.
    pub loss_percent: f64,
    /// Since the last packet; `None` if there was none.
    pub heard_ago: Option<Duration>,
}

/// One peer as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerStatus {
    /// The node.
    pub peer: NodeId,
    /// What we think of it.
    pub condition: Condition,
    /// Its boot, if heard.
    pub boot: Option<BootId>,
    /// Its run, if heard.
    pub incarnation: Option<Incarnation>,
    /// Its view.
    pub epoch: Epoch,
    /// What it has applied.
    pub applied: u64,
    /// How long its lease ran as it sent.
    pub lease: Duration,
    /// Where its daemon is in its life.
    pub phase: Phase,
    /// Since the last sign of life, direct or told by others; `None` if there was none.
    pub heard_ago: Option<Duration>,
    /// When this node sent the newest packet that the peer says to have heard, by our clock:
    /// at that time both ways worked, however long the answer was on its way. Does not hold
    /// for the other way round: a peer that is heard by relay only has none.
    pub met_at: Option<Instant>,
    /// When this node sent the newest packet that the peer's kernel may have refused, by our
    /// clock: its daemon was closed then, or a moment before.
    pub closed_at: Option<Instant>,
}
