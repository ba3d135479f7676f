//! The times that failure detection goes by.

use std::time::Duration;

/// All times of the detector. Every one is a setting of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// From one heartbeat to the next, on every link to every peer.
    pub heartbeat_interval: Duration,
    /// Silent for this long on all links, and unheard by all relays: suspected. A single
    /// link silent for this long is down.
    pub suspect_after: Duration,
    /// Silent for this long, and enough voters agree: lost.
    pub lost_after: Duration,
    /// How long a closed daemon on a living kernel may stay down before we say so.
    pub daemon_down_grace: Duration,
    /// Our own timer so late means that we were not scheduled.
    pub stall_after: Duration,
    /// A link silent for this long is worth a warning.
    pub late_warn_after: Duration,
    /// How long one refusal by a kernel counts as a sign of its life. Kernels answer a
    /// closed port once a second at most to one asker (after a burst of six), so less than
    /// a second would mistake their economy for their death.
    pub refusal_hold: Duration,
}

impl Settings {
    /// With the given three times and all others derived from them.
    #[must_use]
    pub fn new(
        heartbeat_interval: Duration,
        suspect_after: Duration,
        lost_after: Duration,
    ) -> Self {
        Self {
            heartbeat_interval,
            suspect_after,
            lost_after,
            daemon_down_grace: Duration::from_secs(30),
            // Two heartbeats not sent are noticed by others; half the time to a suspicion
            // leaves an honest half of silence before we could accuse somebody.
            stall_after: (2 * heartbeat_interval).max(suspect_after / 2),
            late_warn_after: 3 * heartbeat_interval,
            refusal_hold: Duration::from_millis(1100),
        }
    }

    /// The documented profile `fast`: 20 ms, 100 ms, 160 ms. For quiet networks and
    /// machines where the heartbeat thread gets its real-time priority.
    #[must_use]
    pub fn fast() -> Self {
        let [interval, suspect, lost] = [20, 100, 160].map(Duration::from_millis);
        Self::new(interval, suspect, lost)
    }
}

impl Default for Settings {
    /// 100 ms, 500 ms, 800 ms.
    fn default() -> Self {
        let [interval, suspect, lost] = [100, 500, 800].map(Duration::from_millis);
        Self::new(interval, suspect, lost)
    }
}
