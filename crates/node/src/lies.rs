//! Devices whose word was not true, found outside the log: what the half had fenced by itself
//! was heard again before anything was decided on it.
//!
//! This node believes such a device no more, and says so; the log learns it as soon as there
//! is a leader, and then keeps it until a person clears it. A run that ends before that
//! forgets it: nothing was done on the word.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{BootId, Command, DeviceName, Instant, NodeId, NodeName};

use crate::duties::LIE_HEARD;
use crate::liveness::Liveness;
use crate::node::Node;

/// The log is told again after so long, as long as it does not show it. An entry takes some
/// milliseconds; a second is long enough for any that is not lost.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// A device that said that a node was off, which lived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lie {
    /// The node that it said was off.
    pub node: NodeName,
    /// The boot of it that lives.
    pub boot: BootId,
}

/// What this node knows of devices that lie and the log does not.
#[derive(Debug, Default)]
pub(crate) struct Lies {
    /// Heard again, perhaps only by packets that were late: at most one per voter.
    doubts: BTreeMap<NodeId, Doubt>,
    /// By device; at most those of the spec.
    found: BTreeMap<DeviceName, Lie>,
    told: Option<Instant>,
}

#[derive(Debug)]
struct Doubt {
    boot: BootId,
    device: DeviceName,
    due: Instant,
}

impl Node {
    /// A boot that a device had confirmed as ended is heard.
    pub(crate) fn doubt(&mut self, id: NodeId, boot: BootId, device: DeviceName, now: Instant) {
        let timings = self.state.spec().map(|spec| spec.cluster.timings);
        let due = now + timings.unwrap_or_default().lost_after + LIE_HEARD;
        self.lies.doubts.insert(id, Doubt { boot, device, due });
    }

    /// Devices that this node has found lying, and the log does not know yet.
    #[must_use]
    pub fn lies(&self) -> &BTreeMap<DeviceName, Lie> {
        &self.lies.found
    }

    /// Whether the word of this device counts, as far as this node knows.
    #[must_use]
    pub fn believes(&self, device: &DeviceName) -> bool {
        let is_distrusted = self.state.seen().distrusted.contains_key(device);
        !is_distrusted && !self.lies.found.contains_key(device)
    }

    /// Finds out who lied, and tells the log.
    pub(crate) fn tend_lies(&mut self, now: Instant) {
        while let Some(id) = self.ripe(now) {
            self.find_lie(id);
        }
        let seen = &self.state.seen().distrusted;
        let is_open =
            |device: &DeviceName| self.state.is_device(device) && !seen.contains_key(device);
        self.lies.found.retain(|device, _| is_open(device));
        let is_told = self.lies.told.is_some_and(|told| now < told + TOLD_EVERY);
        if self.lies.found.is_empty() || is_told || self.leader.is_none() {
            return;
        }
        self.lies.told = Some(now);
        for (device, Lie { node, boot }) in self.lies.found.clone() {
            self.propose_own(Command::DeviceLied { device, node, boot }, now);
        }
    }

    fn ripe(&self, now: Instant) -> Option<NodeId> {
        let mut doubts = self.lies.doubts.iter();
        doubts
            .find(|(_, doubt)| doubt.due <= now)
            .map(|(id, _)| *id)
    }

    fn find_lie(&mut self, id: NodeId) {
        let Some(Doubt { boot, device, .. }) = self.lies.doubts.remove(&id) else {
            return;
        };
        let lives = self.liveness.get(&id) == Some(&Liveness::Alive { boot });
        if lives
            && !self.suspected.contains_key(&id)
            && let Some(node) = self.state.node_name(id).cloned()
        {
            self.lies.found.insert(device, Lie { node, boot });
        }
    }

    /// When time alone shows a lie, or the log is to be told again.
    pub(crate) fn lies_deadline(&self) -> Option<Instant> {
        let doubts = self.lies.doubts.values().map(|doubt| doubt.due);
        let tells = !self.lies.found.is_empty() && self.leader.is_some();
        let again = self.lies.told.filter(|_| tells).map(|at| at + TOLD_EVERY);
        doubts.chain(again).min()
    }
}
