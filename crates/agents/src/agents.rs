//! The door: takes operations and hands each to the task that owns its resource.

use model::operation::{Operation, ResourceAddress};
use model::{ResourceName, ServiceName};
use tokio::sync::mpsc;

use crate::{Event, Record, Settings};

/// Operates the resources of this node. Dropping it leaves everything running.
pub struct Agents {
    settings: Settings,
    events: mpsc::Sender<Event>,
}

impl Agents {
    /// Opens what all resources share. Must be called within a tokio runtime. Whoever reads
    /// `events` must keep reading: agents wait while it is full.
    ///
    /// # Errors
    /// When the boot id cannot be read or the directories cannot be made.
    pub fn new(settings: Settings, events: mpsc::Sender<Event>) -> std::io::Result<Self> {
        Ok(Self { settings, events })
    }

    /// Takes an operation. Never blocks; the end is told by `Event::Finished`, also when the
    /// operation is refused (older claim, queue full).
    pub fn execute(&self, operation: Operation) {
        let _ = (&self.settings, &self.events, operation);
    }

    /// Ends the task of a resource that is no longer in the spec and removes its record.
    /// Touches nothing that runs. Its kept output stays.
    pub fn forget(&self, address: &ResourceAddress) {
        let _ = address;
    }

    /// The kept output of operations and of the process itself: the last `OUTPUT_KEPT_MAX`
    /// bytes.
    pub async fn output(&self, service: &ServiceName, resource: &ResourceName) -> String {
        let _ = (service, resource);
        String::new()
    }

    /// What was recorded as started in this boot, by this or an earlier run of the daemon.
    #[must_use]
    pub fn recorded(&self) -> Vec<Record> {
        Vec::new()
    }
}
