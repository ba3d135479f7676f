//! How busy the processors of nodes are, where `placement = "least-load"`.
//!
//! Each node measures it and tells it rarely and coarsely: as an attribute of the node that
//! `mainstay attr set` may put another value before, and rules may ask for.
//!
//! ```text
//!  /proc/loadavg ──► node: every few seconds ──► LoadTold: when it has changed for long
//!                                                    │
//!     planner: percent + a step for each service  ◄──┘ NodeSeen::measured
//!              that came a moment ago
//! ```

use std::time::Duration;

use crate::ClusterTime;
use crate::seen::{Claim, Goal, NodeSeen};
use crate::spec::NodeSpec;

/// The attribute of a node that tells how busy its processors are, in percent of all of them.
pub const CPU_LOAD: &str = "cpu-load";

/// Nodes tell their load in steps of so many percent. A service whose load is not measured yet
/// counts as one: who places many at once must not find the same node least busy each time.
pub const STEP: u32 = 10;

/// Ten programs wait for each processor. What is beyond is as bad, and no choice follows from it.
pub const PERCENT_MAX: u32 = 1000;

/// The load of a service is measured after this time: nodes tell the average of one minute.
pub const MEASURED_AFTER: Duration = Duration::from_secs(60);

/// How busy a node is, in percent of its processors; none: that is not known.
#[must_use]
pub fn cpu_load(node: &NodeSeen, spec: Option<&NodeSpec>) -> Option<u32> {
    let told: u32 = node.attribute(spec, CPU_LOAD)?.trim().parse().ok()?;
    Some(told.min(PERCENT_MAX))
}

impl Claim {
    /// Whether its service came to its node so short a time ago that its load is not measured
    /// yet.
    #[must_use]
    pub fn is_unmeasured(&self, now: ClusterTime) -> bool {
        let is_new = |at: ClusterTime| now.saturating_duration_since(at) < MEASURED_AFTER;
        self.goal == Goal::Run && self.placed_at.is_some_and(is_new)
    }
}
