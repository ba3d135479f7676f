//! The door: takes operations and hands each to the task that owns its resource.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use host::cgroup::CgroupRoot;
use host::netlink::Netlink;
use model::operation::{Operation, OperationReport, Outcome, ResourceAddress, Verb};
use model::{ResourceName, ServiceName};
use tokio::sync::{mpsc, watch};

use crate::context::{Context, Shared};
use crate::log::{Entry, Log};
use crate::record::Records;
use crate::systemd::Bus;
use crate::worker::{Stops, Worker};
use crate::{Event, Record, Settings};

/// Operations that may wait for one resource. The executor gives the next when it has heard
/// of the last, so more than a few mean that something is wrong.
const QUEUE_MAX: usize = 16;

/// Operates the resources of this node. Dropping it leaves everything running.
pub struct Agents {
    settings: Settings,
    shared: Arc<Shared>,
    resources: Mutex<BTreeMap<ResourceAddress, Resource>>,
}

/// The way to the task of one resource.
struct Resource {
    orders: mpsc::Sender<Operation>,
    stops: watch::Sender<u64>,
}

impl Agents {
    /// Opens what all resources share. Must be called within a tokio runtime. Whoever reads
    /// `events` must keep reading: agents wait while it is full.
    ///
    /// # Errors
    /// When the boot id cannot be read, a directory cannot be made, or the kernel's routing
    /// socket cannot be opened.
    pub fn new(settings: Settings, events: mpsc::Sender<Event>) -> io::Result<Self> {
        std::fs::create_dir_all(&settings.run_dir)?;
        std::fs::create_dir_all(&settings.log_dir)?;
        let cgroups = CgroupRoot::find(settings.cgroup_root.as_deref());
        if cgroups.is_none() {
            tracing::info!("no writable cgroup v2 tree: processes are known by their session");
        }
        let shared = Arc::new(Shared {
            records: Records::new(&settings.run_dir, host::boot::boot_id()?),
            run_dir: settings.run_dir.clone(),
            cgroups,
            netlink: Netlink::open().map_err(io::Error::other)?,
            systemd: Bus::new(settings.systemd_bus.clone()),
            events,
            newest: Mutex::default(),
        });
        Ok(Self {
            settings,
            shared,
            resources: Mutex::default(),
        })
    }

    /// Takes an operation. Never blocks; the end is told by `Event::Finished`, also when the
    /// operation is refused: a start or stop under an older claim than the newest seen for
    /// the service, or a full queue.
    pub fn execute(&self, operation: Operation) {
        self.shared
            .newest(&operation.address.service, operation.epoch);
        let mut resources = self
            .resources
            .lock()
            .expect("nothing panics while it holds this lock");
        let resource = resources
            .entry(operation.address.clone())
            .or_insert_with(|| self.open(&operation.address));
        let verb = operation.verb;
        match resource.orders.try_send(operation) {
            Ok(()) if verb == Verb::Stop => resource.stops.send_modify(|asked| *asked += 1),
            Ok(()) => {}
            Err(error) => self.refuse(&error.into_inner()),
        }
    }

    fn open(&self, address: &ResourceAddress) -> Resource {
        let (orders, receiver) = mpsc::channel(QUEUE_MAX);
        let (stops, asked) = watch::channel(0);
        let context = Context {
            shared: Arc::clone(&self.shared),
            address: address.clone(),
            log: Log::new(&self.settings.log_dir, address),
        };
        tokio::spawn(Worker::new(context, receiver, Stops::new(asked)).run());
        Resource { orders, stops }
    }

    fn refuse(&self, operation: &Operation) {
        let how = format!(
            "{QUEUE_MAX} operations wait for {} already",
            operation.address
        );
        let refused = Event::Finished(OperationReport {
            id: operation.id,
            outcome: Outcome::Failed(how),
            output: String::new(),
            took: Duration::ZERO,
        });
        let events = self.shared.events.clone();
        tokio::spawn(async move { events.send(refused).await });
    }

    /// Ends the task of a resource that is no longer in the spec and removes its record.
    /// Touches nothing that runs. Its kept output stays.
    pub fn forget(&self, address: &ResourceAddress) {
        self.resources
            .lock()
            .expect("nothing panics while it holds this lock")
            .remove(address);
        if let Err(error) = self.shared.records.remove(address) {
            tracing::warn!(resource = %address, %error, "cannot remove its record");
        }
    }

    /// The kept output of operations and of the process itself, of each the last
    /// `OUTPUT_KEPT_MAX` bytes.
    pub async fn output(&self, service: &ServiceName, resource: &ResourceName) -> String {
        let address = ResourceAddress {
            service: service.clone(),
            resource: resource.clone(),
        };
        let log = Log::new(&self.settings.log_dir, &address);
        tokio::task::spawn_blocking(move || log.kept())
            .await
            .unwrap_or_default()
    }

    /// The same, told apart by operation: oldest first, the process's own output last.
    pub async fn entries(&self, service: &ServiceName, resource: &ResourceName) -> Vec<Entry> {
        let address = ResourceAddress {
            service: service.clone(),
            resource: resource.clone(),
        };
        let log = Log::new(&self.settings.log_dir, &address);
        tokio::task::spawn_blocking(move || log.entries())
            .await
            .unwrap_or_default()
    }

    /// What was recorded as started in this boot, by this or an earlier run of the daemon.
    /// Whether it still runs, a probe tells.
    #[must_use]
    pub fn recorded(&self) -> Vec<Record> {
        self.shared.records.all()
    }
}
